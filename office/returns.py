"""Returns: posts certify compliance, evidence contradicts it, and the score is kept by tenure.

The office that hosts a relay takes the returns of its unit, escalates those that are overdue and
marks those that cannot have been true. Every number is that of `projections.status`.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from domain import relay, returns
from domain.authority import Authority
from domain.directive import Directive
from domain.errors import Misused, Refused, Unknown
from domain.escalation import step
from domain.fact import (
    FOREVER,
    SECOND,
    Fact,
    Micros,
    OfficerId,
    PostId,
    UnitId,
    instant,
    micros,
)
from domain.force import Tree
from domain.returns import RETURNS, Given, Numbers, Owed
from office import cascade, hosting
from office.authority import ground
from office.roll import must_be_listed
from office.work import Work
from projections import directives, force, hops, roll, status
from projections import returns as returns_
from projections.database import Database, Moment
from projections.offices import Hosts
from projections.returns import Item, Mark, Return

LONGEST = 10_000
"""Characters of a note and of evidence."""
CHECKED = "returns_checked"
"""The checkpoint up to which full returns were held against what became known later."""


# --- Commands ----------------------------------------------------------------------------


def submit(
    work: Work,
    ref: str,
    unit: str,
    by: str,
    claimed: int,
    *,
    clause: str | None = None,
    note: str | None = None,
    at: datetime | None = None,
) -> dict[str, Any]:
    """Take in a unit's return; the same numbers again change nothing.

    Raises:
        Unknown: no such directive, unit or post.
        Misused: several returns are owed, and none is named.
        Refused: the post owes none and does not command the unit, or is vacant; the unit is
            another office's; or see `domain.returns.decide`.

    """
    name = directives.find(work.db, ref)
    when, tree = _at(work, unit, by, at)
    hosting.must_host(work, unit)
    here = UnitId(unit)
    relays = hops.relays(work.db, name)
    received = relays[here].received_at if here in relays else None
    if at is None:
        when = hosting.live(work, received)
    directive = _in_force(work, name, when)
    if received is None:
        raise Refused(f"{unit} has not received the directive: it owes no return yet.")
    t = micros(when)
    _short(note)
    asked = directive.asked_at(t)
    items = [
        item
        for item in returns.owed(
            directive, tree, relays, t, hops.shorter(work.db, name, Moment(t))
        )
        if item.unit == here and item.version == asked.number
    ]
    owing = _of_clause(items, clause, unit, name)
    item = returns.chosen(owing, PostId(by), tree)
    if item is None:
        by_whom = ", ".join(sorted(post.id for one in owing if (post := one.post(tree))))
        raise Refused(
            f"{by} may not submit it: the return of {unit} is owed by "
            f"{by_whom or 'a head that it does not have'}; a post that commands it may, too."
        )
    wording = directive.version_at(t)
    known = returns_.of_directive(work.db, name, unit=unit)
    mine = [one for one in known if one.key == item.key]
    again = (t, claimed, wording.number)
    for one in mine:  # sent again it is answered as before, whatever became of the post
        if (one.given.at, one.given.claimed, one.given.version) == again:
            return _submitted(work, name, one.unit, item, one.given, changed=False)
    stands_on = _held(work, tree, by, here, t)
    numbers = _numbers(work.db, name, t, [here], work.now)[here]
    fact = returns.ReturnSubmitted(
        **work.about(when, f"post:{by}", "desk"),
        clause=item.clause,
        named=item.named,
        by=PostId(by),
        authority=stands_on,
        version=wording.number,
        text=wording.text,
        claimed=claimed,
        **numbers._asdict(),
        full=returns.is_full(claimed, numbers),
        note=note,
    )
    before = returns_.latest([one for one in mine if one.given.at <= t])
    contradicted = before is not None and bool(before.marks)
    facts = RETURNS.decide(
        returns.Submit(fact, name, here, received, contradicted), returns_.state(known, {})
    )
    work.append([(relay.stream(name, unit, work.office), one) for one in facts])
    given = returns.given(fact) if facts or before is None else before.given
    return _submitted(work, name, here, item, given, changed=bool(facts))


def _submitted(
    work: Work, name: str, unit: UnitId, item: Owed, given: Given, *, changed: bool
) -> dict[str, Any]:
    return {
        "directive": name,
        "unit": unit,
        "clause": item.clause,
        "claimed": given.claimed,
        "known": given.known,
        "population": given.numbers.population,
        "full": given.full,
        "changed": changed,
        "position": work.head,
    }


def contradict_by(
    work: Work,
    ref: str,
    unit: str,
    by: str,
    evidence: str,
    *,
    officer: str | None = None,
    case: str | None = None,
    clause: str | None = None,
    at: datetime | None = None,
) -> dict[str, Any]:
    """Mark a unit's latest return contradicted, by a post above it; once for each officer.

    Raises:
        Unknown: no such directive, unit, post or officer.
        Misused: returns under several clauses were given, and none is named.
        Refused: no return was given by then; the post does not stand above, or is vacant.

    """
    name = directives.find(work.db, ref)
    when, tree = _at(work, unit, by, at)
    hosting.must_host(work, unit)
    if officer is not None:
        must_be_listed(work, officer)
    _short(evidence)
    if not evidence.strip():
        raise Misused("Evidence says what speaks against the return: --evidence TEXT.")
    here, t = UnitId(unit), micros(when)
    given = [
        one
        for one in returns_.of_directive(work.db, name, unit=unit)
        if clause is None or one.key[0] == clause
    ]
    clauses = sorted({one.key[0] for one in given})
    if not clauses:
        under = "" if clause is None else f" under {clause}"
        raise Refused(f"{unit} has submitted no return{under} that could be contradicted.")
    if len(clauses) > 1:
        raise Misused(f"{unit} gave returns under {', '.join(clauses)}: name one by --clause.")
    one = returns_.latest([one for one in given if one.given.at <= t] or given)
    assert one is not None  # noqa: S101 - some was given
    if not returns.commands(tree, PostId(by), here, above=one.key[1] is None):
        raise Refused(
            f"{by} does not stand above {unit}: its return is not for it to question."
        )
    facts = _contradicted(
        work,
        name,
        one,
        when,
        evidence,
        officer=officer,
        case=case,
        by=(by, _held(work, tree, by, here, t)),
        decided=True,
    )
    work.append(facts)
    return {
        "directive": name,
        "unit": unit,
        "clause": one.key[0],
        "claimed": one.given.claimed,
        "known": _numbers(work.db, name, one.given.at, [here], work.now)[here].known,
        "changed": bool(facts),
        "position": work.head,
    }


class Against(NamedTuple):
    """What speaks against certificates: a breach that has come out."""

    officer: str
    unit: str
    """His, when it happened."""
    at: Micros
    """When it happened."""
    until: Micros
    """When he made it good; `FOREVER` if he has not, or nothing makes it good."""
    what: str
    entry: int
    """The entry that says so."""
    case: str | None = None


def contradict(work: Work, directive: str, found: Sequence[Against]) -> int:
    """Mark what breaches speak against; return how many returns were marked anew.

    Marked, once for each officer, is every return of a unit above him (hosted here) that was
    given before the breach came out while he stood under it; that he had not made good by then;
    and that certifies everybody, or more than can have complied if he had not.
    """
    given = returns_.of_directive(work.db, directive) if found else []
    if not given:
        return 0
    hosted, _ = hosting.between(work, directive, force.tree(work.db, Moment(work.now)))
    judged = _Judged(work, directive, given, hosted, {one.officer for one in found})
    facts = [fact for one in found for fact in judged.against(one)]
    work.append(facts)
    return len(facts)


class _Judged:
    """A directive's returns, held against breaches one after the other."""

    def __init__(
        self,
        work: Work,
        name: str,
        given: Sequence[Return],
        hosted: Collection[UnitId] | None,
        officers: Collection[str],
    ) -> None:
        self.work, self.name = work, name
        self.spans = roll.where(work.db, officers)
        self.given: dict[UnitId, list[Return]] = {}
        for one in given:
            if hosted is None or one.unit in hosted:
                self.given.setdefault(one.unit, []).append(one)
        self._known: dict[Micros, Mapping[UnitId, Numbers]] = {}

    def against(self, breach: Against) -> list[tuple[str, Fact]]:
        """Return the facts that a breach adds, and remember them."""
        tree = force.tree(self.work.db, Moment(breach.at))
        facts: list[tuple[str, Fact]] = []
        for unit in tree.above(UnitId(breach.unit)):
            for n, one in enumerate(self.given.get(unit, ())):
                if one.position < breach.entry and self._untrue(one, breach):
                    new = self._marked(one, breach)
                    about = f"officer:{breach.officer}"
                    mark = Mark(0, 0, breach.what, breach.officer, breach.case, None, about)
                    self.given[unit][n] = replace(one, marks=(*one.marks, mark))
                    facts += new
        return facts

    def _untrue(self, one: Return, breach: Against) -> bool:
        """Tell whether a return cannot have been true, with him in breach."""
        at = one.given.at
        where = next(
            (s.unit for s in self.spans.get(breach.officer, ()) if s.at <= at < s.until), None
        )
        if where is None or breach.until <= at:
            return False
        if one.unit not in force.tree(self.work.db, Moment(at)).above(UnitId(where)):
            return False
        others = {mark.officer for mark in one.marks} - {None, breach.officer}
        return one.given.full or (
            one.given.claimed > self._numbers(one).bound - len(others) - 1
        )

    def _numbers(self, one: Return) -> Numbers:
        """Return what is known now of the instant of a return."""
        at = one.given.at
        if at not in self._known:
            units = {
                unit
                for unit, given in self.given.items()
                if any(each.given.at == at for each in given)
            }
            self._known[at] = _numbers(self.work.db, self.name, at, units, self.work.now)
        return self._known[at][one.unit]

    def _marked(self, one: Return, breach: Against) -> list[tuple[str, Fact]]:
        """Return what marks it; nothing if it was marked for him already."""
        return _contradicted(
            self.work,
            self.name,
            one,
            instant(max(self.work.now, one.given.at)),
            breach.what,
            officer=breach.officer,
            case=breach.case,
            entry=breach.entry,
            numbers=self._numbers(one),
        )


def _contradicted(
    work: Work,
    name: str,
    one: Return,
    when: datetime,
    evidence: str,
    *,
    officer: str | None = None,
    case: str | None = None,
    entry: int | None = None,
    by: tuple[str, Authority] | None = None,
    numbers: Numbers | None = None,
    decided: bool = False,
) -> list[tuple[str, Fact]]:
    now = numbers or _numbers(work.db, name, one.given.at, [one.unit], work.now)[one.unit]
    actor = (f"post:{by[0]}", "desk") if by is not None and decided else ()
    fact = returns.ReturnContradicted(
        **work.about(when, *actor),
        clause=one.key[0],
        named=one.key[1],
        stream=one.stream,
        version=one.place,
        evidence=evidence,
        officer=None if officer is None else OfficerId(officer),
        case=case,
        entry=entry,
        by=None if by is None else PostId(by[0]),
        authority=None if by is None else by[1],
        claimed=one.given.claimed,
        known=now.known,
    )
    facts = RETURNS.decide(returns.Contradict(fact, one.given.at), returns_.state([one], {}))
    return [(relay.stream(name, one.unit, work.office), each) for each in facts]


# --- What is due -------------------------------------------------------------------------


def escalate(work: Work, name: str) -> int:
    """Tell the next desks up of a directive's overdue returns; return how many steps were told."""
    moment = Moment(work.now)
    tree = force.tree(work.db, moment)
    items = returns_.items(work.db, name, moment)
    overdue = [item for item in items if item.state(work.now) == "overdue"]
    if not overdue:
        return 0
    hosted, _ = hosting.between(work, name, tree)
    known = returns_.escalated(work.db, name)
    issuer = work.db.directive(name).unit
    facts: list[tuple[str, Fact]] = []
    for item in overdue:
        owed = item.owed
        if hosted is not None and owed.unit not in hosted:
            continue
        told = returns_.state((), {owed.key: known.get((owed.unit, owed.key), frozenset())})
        first = returns.start(tree, owed, issuer)
        for level, after in returns.reached(owed, work.now):
            one = step(tree, first, level, after * SECOND, [(owed.due, 1)], work.now, issuer)
            if one is None:
                continue
            fact = returns.ReturnEscalated(
                **work.about(work.recorded_at),
                clause=owed.clause,
                named=owed.named,
                level=level,
                due=instant(owed.due).isoformat(),
                to_unit=one.to_unit,
                to_post=one.to_post,
                to_officer=one.to_officer,
                passed=one.passed,
            )
            for each in RETURNS.decide(returns.Escalate(fact), told):
                told = RETURNS.evolve(told, each)
                # A wording that asks anew may be overdue beside the one before it.
                levels = known.get((owed.unit, owed.key), frozenset())
                known[owed.unit, owed.key] = levels | {level}
                facts.append((relay.stream(name, owed.unit, work.office), each))
    work.append(facts)
    return len(facts)


def recheck(work: Work) -> int:
    """Contradict full returns under which somebody was open then, by what is known now.

    Answers only make a certificate truer: nothing is counted unless the force, its roll, a
    service or a directive's wording was written since the last look.
    """
    since = work.db.checkpoint(CHECKED)
    if not _unsettled(work.db, since):
        return 0
    facts: list[tuple[str, Fact]] = []
    tree = force.tree(work.db, Moment(work.now))
    for name in cascade.in_force(work):
        full = [
            one
            for one in returns_.of_directive(work.db, name)
            if one.given.full and not any(mark.about == "rule" for mark in one.marks)
        ]
        if not full:
            continue
        hosted, _ = hosting.between(work, name, tree)
        by_instant: dict[Micros, list[Return]] = {}
        for one in full:
            if hosted is None or one.unit in hosted:
                by_instant.setdefault(one.given.at, []).append(one)
        for at, some in sorted(by_instant.items()):
            found = _numbers(work.db, name, at, {one.unit for one in some}, work.now)
            for one in some:
                now = found[one.unit]
                if now.open + now.unserved:
                    facts += _contradicted(
                        work, name, one, instant(max(work.now, at)), _left(now), numbers=now
                    )
    work.append(facts)
    work.db.mark(CHECKED, work.head)
    return len(facts)


def _left(now: Numbers) -> str:
    left = now.open + now.unserved
    who = "1 officer under it was" if left == 1 else f"{left:,} officers under it were"
    return f"By what has become known, {who} open or not served at that instant."


def _unsettled(db: Database, since: int) -> bool:
    """Tell whether something was written since that may make an officer open who was not."""
    if max(db.checkpoint("roll_position"), db.checkpoint("force_position")) > since:
        return True
    served = "SELECT 1 FROM {hops} WHERE served_position > :p LIMIT 1"
    worded = (
        "SELECT 1 FROM stored_events WHERE notification_id > :p"
        " AND originator_id >= 'directive-' AND originator_id < 'directive.' LIMIT 1"
    )
    return bool(db.tuples(served, p=since) or db.tuples(worded, p=since))


# --- Looking up --------------------------------------------------------------------------


def _at(work: Work, unit: str, by: str, at: datetime | None) -> tuple[datetime, Tree]:
    when = work.instant(at)
    tree = force.tree(work.db, Moment(micros(when)))
    if unit not in tree.units:
        raise Unknown(f"There is no unit {unit!r}.")
    if by not in tree.posts:
        raise Unknown(f"There is no post {by!r}.")
    return when, tree


def _in_force(work: Work, name: str, when: datetime) -> Directive:
    directive = work.db.directive(name)
    if directive.state_at(micros(when)) != "in_force":
        raise Refused("The directive is not in force at that instant.")
    return directive


def _short(text: str | None) -> None:
    if len(text or "") > LONGEST:
        raise Misused(f"A note or evidence holds at most {LONGEST:,} characters.")


def _of_clause(items: Collection[Owed], clause: str | None, unit: str, name: str) -> list[Owed]:
    owing = sorted({item.clause for item in items})
    if clause is None and len(owing) > 1:
        raise Misused(f"{unit} owes returns under {', '.join(owing)}: name one by --clause.")
    found = [item for item in items if clause in (None, item.clause)]
    if not found:
        under = f" under {clause!r}" if clause is not None else ""
        known = f"; it owes one under {', '.join(owing)}" if owing else ""
        raise Refused(f"{unit} owes no return of {name}{under}{known}.")
    return found


def _held(work: Work, tree: Tree, by: str, over: UnitId, at: Micros) -> Authority:
    """Return the ground on which a post acts that somebody holds."""
    found = ground(work.db, tree, by, over, at)
    if found.officer is None:
        raise Refused(f"{by} is vacant: a return needs a held post.")
    return found


def _numbers(
    db: Database,
    name: str,
    at: Micros,
    units: Iterable[UnitId],
    now: Micros,
    known: int | None = None,
) -> Mapping[UnitId, Numbers]:
    """Return how far all under each of the units had complied at an instant."""
    moment = Moment(at, known)
    counts = status.standing(db, name, moment, now)
    there = [unit for unit in units if unit in counts.under]
    return status.compliance(db, name, counts, moment, there)


# --- Questions ---------------------------------------------------------------------------


def listed(
    db: Database,
    me: str,
    asked: Moment,
    now: Micros,
    zone: ZoneInfo,
    *,
    ref: str | None = None,
    unit: str | None = None,
) -> dict[str, Any]:
    """List the returns that are owed or were given, the earliest due first."""
    tree = force.tree(db, asked)
    if unit is not None and unit not in tree.units:
        raise Unknown(f"There is no unit {unit!r} at that instant.")
    inside = None if unit is None else set(tree.below(UnitId(unit)))
    rows: list[tuple[Micros, dict[str, Any]]] = []
    for name, items in _items(db, me, asked, tree, ref):
        mine = [item for item in items if inside is None or item.owed.unit in inside]
        known = _known_now(db, name, mine, asked, now)
        rows += [(item.owed.due, _row(name, item, asked, known, zone)) for item in mine]
    rows.sort(key=lambda row: row[0])
    return {
        "as_of": instant(asked.at).astimezone(zone),
        "known_at": asked.known,
        "returns": [row for _, row in rows],
    }


def _items(
    db: Database, me: str, asked: Moment, tree: Tree, ref: str | None
) -> list[tuple[str, list[Item]]]:
    if ref is not None:
        names = [directives.find(db, ref)]
    else:
        names = [
            row[0]
            for row in db.tuples(
                "SELECT directive FROM {directives} WHERE position <= :p ORDER BY position",
                p=FOREVER if asked.known is None else asked.known,
            )
        ]
    hosts = Hosts.of_office(db, me)
    # A region hears of no returns but its own.
    hosted = None if hosts is None or hosts.mine is None else hosts.hosted(tree)
    return [(name, returns_.items(db, name, asked, hosted)) for name in names]


def _known_now(
    db: Database, name: str, items: Iterable[Item], asked: Moment, now: Micros
) -> dict[tuple[UnitId, Micros], int]:
    """Return how many had complied at the instant of each latest return, as is known now."""
    by_instant: dict[Micros, set[UnitId]] = {}
    for item in items:
        if item.latest is not None:
            by_instant.setdefault(item.latest.given.at, set()).add(item.owed.unit)
    return {
        (unit, at): numbers.known
        for at, units in sorted(by_instant.items())
        for unit, numbers in _numbers(db, name, at, units, now, asked.known).items()
    }


def _row(
    name: str,
    item: Item,
    asked: Moment,
    known: Mapping[tuple[UnitId, Micros], int],
    zone: ZoneInfo,
) -> dict[str, Any]:
    owed, first, last, late = item.owed, item.first, item.latest, item.late()
    given = None if last is None else last.given
    mark = last.marks[0] if last is not None and last.marks else None
    tenure = item.tenure

    def at(when: Micros | None) -> datetime | None:
        return None if when is None else instant(when).astimezone(zone)

    return {
        "directive": name,
        "clause": owed.clause,
        "version": owed.version,
        "unit": owed.unit,
        "post": None if item.post is None else item.post.id,
        "officer_id": None if tenure is None else tenure.officer,
        "vacant_since": at(
            tenure.since if tenure is not None and tenure.officer is None else None
        ),
        "due_at": at(owed.due),
        "submitted_at": at(None if first is None else first.given.at),
        "submitted_by": None
        if first is None
        else {"post": first.by, "officer_id": first.officer},
        "late_seconds": None if late is None else late // SECOND,
        "stated_at": at(None if given is None else given.at),
        "claimed": None if given is None else given.claimed,
        "known_then": None if given is None else given.known,
        "known_now": None if given is None else known.get((owed.unit, given.at), 0),
        "full": None if given is None else given.full,
        "contradicted": None
        if mark is None
        else {
            "at": at(mark.at),
            "because": mark.evidence,
            "officer_id": mark.officer,
            "case": mark.case,
        },
        "state": item.state(asked.at),
    }


def scores(
    db: Database,
    me: str,
    asked: Moment,
    now: Micros,
    zone: ZoneInfo,
    *,
    post: str | None = None,
) -> dict[str, Any]:
    """Score each post and tenure: what fell due in it stays its holder's, whoever gave it."""
    tree = force.tree(db, asked)
    if post is not None and post not in tree.posts:
        raise Unknown(f"There is no post {post!r} at that instant.")
    found: dict[tuple[str, Micros], list[tuple[str, Item, int]]] = {}
    for name, items in _items(db, me, asked, tree, None):
        mine = [
            item
            for item in items
            if item.post is not None and item.tenure and post in (None, item.post.id)
        ]
        known = _known_now(db, name, mine, asked, now)
        for item in mine:
            assert item.post is not None  # noqa: S101 - chosen so
            assert item.tenure is not None  # noqa: S101 - chosen so
            last = item.latest
            count = 0 if last is None else known.get((item.owed.unit, last.given.at), 0)
            found.setdefault((item.post.id, item.tenure.since), []).append((name, item, count))
    return {
        "as_of": instant(asked.at).astimezone(zone),
        "scores": [
            _score(post_, [item for _, item, _ in some], [n for _, _, n in some], asked, zone)
            for (post_, _), some in sorted(found.items())
        ],
    }


def _score(
    post: str, items: list[Item], known: list[int], asked: Moment, zone: ZoneInfo
) -> dict[str, Any]:
    tenure = items[0].tenure
    assert tenure is not None  # noqa: S101 - of one tenure
    given = [(item, by) for item in items if (by := item.late()) is not None]
    late = [by for _, by in given if by]
    others = {
        item.first.officer
        for item, _ in given
        if item.first is not None and item.first.officer not in (None, tenure.officer)
    }
    ended = tenure.until <= asked.at
    return {
        "post": post,
        "officer_id": tenure.officer,
        "from": instant(tenure.since).astimezone(zone),
        "to": instant(tenure.until).astimezone(zone) if ended else None,
        "owed": len(items),
        "in_time": len(given) - len(late),
        "late": len(late),
        "missing": sum(item.state(asked.at) == "overdue" for item in items),
        "mean_late_seconds": None if not late else sum(late) // len(late) // SECOND,
        "claimed": sum(item.latest.given.claimed for item in items if item.latest),
        "known": sum(known),
        "contradicted": sum(any(one.marks for one in item.given) for item in items),
        "submitted_by_others": sorted(officer for officer in others if officer),
    }
