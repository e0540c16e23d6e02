"""Answers: what officers say themselves, and what a clerk enters for those at roll call.

Many are decided at once, each on its own: the states of all of them are read with a few
statements, every answer is decided by the domain's rule on the state that the answers before
it leave, and what is new is appended in one go.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from domain import roll_call, service
from domain.errors import Flaw, Misused, Refused, Unaccepted, Unknown
from domain.fact import (
    AHEAD,
    FOREVER,
    ClauseId,
    Fact,
    Micros,
    OfficerId,
    PostId,
    UnitId,
    micros,
)
from domain.force import Tree
from domain.service import Give, Plead, Service
from domain.standing import Asked
from ledger.memory import uncollected
from ledger.store import Store
from office import hosting
from office.roll import must_be_listed
from office.work import Work, working
from projections import directives, force, roll, standing
from projections.database import Database, Moment

CHUNK = 20_000
"""Lines of a file decided and committed at once: in random order they touch most pages of the
tables, so the more at once, the fewer times each page is written."""
LONGEST = 10_000
"""Characters of a note and a reference to evidence."""
CHANNELS = ("phone", "sms", "paper", "desk", "cli", "web")
Progress = Callable[[str, int, int | None], None]


_FACTS: dict[str, Any] = {
    "read": service.Read,
    "acknowledged": service.Acknowledged,
    "complied": service.Complied,
}
_KINDS = {level: kind for kind, level in service.LEVEL.items()}
_UNSERVED = Service()


class Ask(NamedTuple):
    """An answer that somebody gives, before it is decided."""

    directive: str
    """Its id."""
    officer: str
    kind: str
    """read, acknowledged or complied."""
    at: datetime
    clause: str | None = None
    channel: str = "desk"
    note: str | None = None
    evidence: str | None = None
    version: int | None = None
    """The version that he answers; None: the one in force at ``at``."""


@dataclass(frozen=True, slots=True)
class RollCall:
    """A roll call that answers were given at."""

    directive: str
    at: datetime
    unit: UnitId
    date: str
    """ISO date in the force's zone."""
    diary: str
    entered_by: str
    absent: tuple[OfficerId, ...] = ()
    notes: Mapping[str, str] = field(default_factory=dict)
    version: int | None = None
    """The version that was read out; None: the one in force then."""


@dataclass(frozen=True, slots=True)
class Job:
    """Answers that belong together: one sender's, a slice of a file, a roll call."""

    asks: Sequence[Ask]
    roll_call: RollCall | None = None


class _Wording(NamedTuple):
    """What a directive says at some instant, as an answer needs it."""

    version: int
    text: str
    asked: int
    required: tuple[ClauseId, ...]


class Clerk:
    """Decides answers in one transaction."""

    def __init__(self, work: Work) -> None:
        self.work = work
        self.now = work.now
        self.states: dict[tuple[str, str, int], Service] = {}
        self._wordings: dict[str, list[tuple[Micros, _Wording]]] = {}
        self._ends: dict[str, tuple[Micros, Micros | None]] = {}
        self._elsewhere: dict[str, str] = {}
        """Officers whom another office hosts, and why nothing is entered for them here."""

    def wording(self, directive: str, at: Micros) -> _Wording:
        """Return the wording in force at an instant; before the issue, the first."""
        known = self._wordings.get(directive)
        if known is None:
            whole = self.work.db.directive(directive)
            self._ends[directive] = (whole.issued_at, whole.ended_at)
            known = self._wordings[directive] = [
                (
                    version.since,
                    _Wording(
                        version.number,
                        version.text,
                        (asked := Asked.of(whole, FOREVER, version.number)).version,
                        asked.required,
                    ),
                )
                for version in reversed(whole.versions)
            ]
        if len(known) == 1:
            return known[0][1]
        return next((wording for since, wording in known if since <= at), known[-1][1])

    def _named(self, directive: str, at: Micros, version: int) -> _Wording:
        """Return the wording that an answer names.

        Raises:
            Refused: there is none, or it was not yet in force.

        """
        self.wording(directive, at)
        number = self.work.db.directive(directive).number
        for since, wording in self._wordings[directive]:
            if wording.version == version:
                if since > at:
                    raise Refused(
                        f"Version {version} of {number} was not yet in force at that instant."
                    )
                return wording
        raise Refused(f"{number} has no version {version}.")

    def load(self, keys: dict[tuple[str, str], set[int]]) -> dict[str, str]:
        """Read how these officers stand, for each version answered; return the units they are in."""
        rows = standing.load(self.work.db, keys)
        moved = [key for key, row in rows.items() if row.moved]
        latest = {key[0]: self.wording(key[0], FOREVER) for key in rows}
        # A row tells of the version that is asked by now, and of the only act: else it is counted.
        whole = [
            key
            for key, row in rows.items()
            if row.moved
            or keys[key] != {1}
            or latest[key[0]].asked != 1
            or len(latest[key[0]].required) > 1
        ]
        spoken = standing.pleas(self.work.db, moved) if moved else {}
        where = roll.where(self.work.db, {officer for _, officer in moved}) if moved else {}
        answers = standing.said(self.work.db, whole) if whole else {}
        detailed = set(whole)
        for key, row in rows.items():
            directive, officer = key
            if key not in detailed:
                acts: dict[ClauseId | None, Micros] = (
                    {} if row.complied_at is None else {None: row.complied_at}
                )
                self.states[directive, officer, 1] = Service(
                    row.served_at, row.read_at, row.acknowledged_at, acts
                )
                continue
            left = next(
                (
                    span.at
                    for span in reversed(where.get(officer, ()))
                    if span.until == FOREVER and span.gone
                ),
                None,
            )
            contested, exempt = _pleaded(spoken.get(key, ()))
            for asked in keys[key]:
                state = Service(row.served_at, contested=contested, exempt=exempt, left_at=left)
                for one in answers.get(key, ()):
                    if one.version >= asked:
                        state = service.answered(state, _KINDS[one.level], one.at, one.clause)
                self.states[directive, officer, asked] = state
        return {key[1]: row.unit for key, row in rows.items()}

    def decide(self, asks: Sequence[Ask]) -> list[bool | str]:
        """Decide each in its turn: True new, False known already, or why it is refused."""
        keys: dict[tuple[str, str], set[int]] = {}
        whole: list[tuple[Micros, _Wording]] = []
        nameless: dict[int, str] = {}
        for ask in asks:
            at = micros(ask.at)
            wording = self.wording(ask.directive, at)
            if ask.version is not None:
                try:
                    wording = self._named(ask.directive, at, ask.version)
                except Refused as no:
                    nameless[len(whole)] = no.reason
            whole.append((at, wording))
            if (ask.directive, ask.officer, wording.asked) not in self.states:
                keys.setdefault((ask.directive, ask.officer), set()).add(wording.asked)
        if keys:
            units = self.load(keys)
            if self.work.hosts is not None:
                others = hosting.elsewhere(self.work, {officer for _, officer in keys}, units)
                self._elsewhere |= {who: reason.reason for who, reason in others.items()}
        now = self.now
        outcomes: list[bool | str] = []
        for ask, (at, wording) in zip(asks, whole, strict=True):
            directive, officer, kind, _, clause, _, note, evidence, _ = ask
            if nameless and len(outcomes) in nameless:
                outcomes.append(nameless[len(outcomes)])
                continue
            if len(note or "") + len(evidence or "") > LONGEST:
                outcomes.append(f"A note or evidence holds at most {LONGEST:,} characters.")
                continue
            if officer in self._elsewhere:
                outcomes.append(self._elsewhere[officer])
                continue
            key = (directive, officer, wording.asked)
            state = self.states.get(key)
            issued, ended = self._ends[directive]
            give = Give(kind, at, now, issued, ended, wording.required, clause)  # type: ignore[arg-type]
            try:
                new = service.improves(give, state or _UNSERVED)
            except Refused as no:
                outcomes.append(no.reason)
                continue
            if new and state is not None:
                self.states[key] = service.answered(state, kind, at, clause)  # type: ignore[arg-type]
            outcomes.append(new)
        return outcomes

    def refusals(self, asks: Sequence[Ask]) -> list[str | None]:
        """Tell which would be refused, and why; answers before an answer never refuse it."""
        keys = {(ask.directive, ask.officer) for ask in asks}
        served = standing.served(self.work.db, keys)
        found: list[str | None] = []
        late = self.work.now + AHEAD
        shared = self.work.hosts is not None
        doubtful: list[int] = []
        for n, ask in enumerate(asks):
            directive, officer, kind, when, clause, *_ = ask
            at = micros(when)
            wording = self.wording(directive, at)
            since, ended = self._ends[directive][0], self._ends[directive][1]
            known = served.get((directive, officer))
            if (
                known is None
                or shared
                or known[1]
                or not since <= known[0] <= at <= late
                or (ended is not None and at >= ended)
                or (kind == "complied" and (clause or not wording.required))
            ):
                doubtful.append(n)
            found.append(None)
        for n, outcome in zip(doubtful, self.decide([asks[n] for n in doubtful]), strict=True):
            found[n] = outcome if isinstance(outcome, str) else None
        return found

    def facts(self, ask: Ask) -> tuple[str, Fact]:
        """Return the fact of an officer's own answer, with its stream."""
        directive, officer, kind, at, clause, channel, note, evidence, version = ask
        wording = self.wording(directive, micros(at))
        if version is not None:
            wording = self._named(directive, micros(at), version)
        fact = _FACTS[kind](
            at=at,
            recorded_at=self.work.recorded_at,
            actor=f"officer:{officer}",
            channel=channel,
            version=wording.version,
            text=wording.text,
            note=note,
            **({"clause": clause, "evidence": evidence} if kind == "complied" else {}),
        )
        return service.stream(directive, officer, self.work.office), fact

    def commit(self, jobs: Sequence[Job]) -> list[list[bool | str]]:
        """Decide the jobs in order and append what is new; the outcomes of each, in order."""
        outcomes = self.decide([ask for job in jobs for ask in job.asks])
        answers: list[list[bool | str]] = []
        facts: list[tuple[str, Fact]] = []
        start = 0
        for job in jobs:
            mine = outcomes[start : start + len(job.asks)]
            start += len(job.asks)
            answers.append(mine)
            new = [ask for ask, outcome in zip(job.asks, mine, strict=True) if outcome is True]
            if job.roll_call is None:
                facts += [self.facts(ask) for ask in new]
            else:
                facts += self._held(job.roll_call, job.asks, new)
        self.work.append(facts)
        return answers

    def _held(
        self, call: RollCall, asks: Sequence[Ask], new: Sequence[Ask]
    ) -> list[tuple[str, Fact]]:
        by_kind: dict[str, list[str]] = {}
        for ask in new:
            by_kind.setdefault(ask.kind, []).append(ask.officer)
        if not by_kind and call.absent and not self._same(call):
            by_kind["acknowledged"] = []
        if not by_kind:
            return []
        stream = roll_call.stream(call.unit, call.date, self._next(call), self.work.office)
        wording = self.wording(call.directive, micros(call.at))
        if call.version is not None:
            wording = self._named(call.directive, micros(call.at), call.version)
        found: list[tuple[str, Fact]] = []
        for kind, officers in by_kind.items():
            for n in range(0, max(len(officers), 1), roll_call.HELD_AT_ONCE):
                some = officers[n : n + roll_call.HELD_AT_ONCE]
                absent = call.absent if not found else ()
                fact = roll_call.Held(
                    at=call.at,
                    recorded_at=self.work.recorded_at,
                    actor=call.entered_by,
                    channel="roll_call",
                    directive=call.directive,  # type: ignore[arg-type]
                    unit=call.unit,
                    kind=kind,  # type: ignore[arg-type]
                    officers=tuple(some),  # type: ignore[arg-type]
                    absent=absent,
                    notes={
                        OfficerId(who): call.notes[who]
                        for who in (*some, *absent)
                        if who in call.notes
                    },
                    diary=call.diary,
                    version=wording.version,
                    text=wording.text,
                )
                found.append((stream, fact))
        return found

    def _earlier(self, call: RollCall) -> list[tuple[Any, ...]]:
        start = f"roll_call-{call.unit}.{call.date}."
        return self.work.db.tuples(
            "SELECT originator_id, state FROM stored_events WHERE originator_id >= :a"
            " AND originator_id < :b",
            a=start,
            b=start[:-1] + "/",
        )

    def _next(self, call: RollCall) -> int:
        return 1 + max((int(row[0].split(".")[2]) for row in self._earlier(call)), default=0)

    def _same(self, call: RollCall) -> bool:
        """Tell whether this very roll call, the same men absent, was entered before."""
        for row in self._earlier(call):
            held = roll_call.Held.model_validate_json(bytes(row[1]))
            if (held.diary, held.at, held.directive, held.absent) == (
                call.diary, call.at, call.directive, call.absent,
            ):  # fmt: skip
                return True
        return False


def _pleaded(pleas: Sequence[Any]) -> tuple[bool, frozenset[ClauseId | None]]:
    contested = False
    exempt: set[ClauseId | None] = set()
    for plea in pleas:
        contested = plea.kind == "contested" if plea.kind != "exempted" else contested
        if plea.kind == "upheld":
            exempt.add(None)
        elif plea.kind == "exempted":
            exempt.add(plea.clause)
    return contested, frozenset(exempt)


def answer(work: Work, ref: str, ask: Ask, *, live: bool = False) -> dict[str, Any]:
    """Record one officer's answer; a repeat changes nothing. ``live``: he gives it now.

    Raises:
        Unknown: no such directive or officer.
        Refused: it cannot be true, or he was not served, or is another office's.
        Unavailable: his unit is moving to another office.

    """
    name = directives.find(work.db, ref)
    must_be_listed(work, ask.officer)
    hosting.must_host_officer(work, ask.officer)
    clerk = Clerk(work)
    if live:
        clerk.now = micros(when := _live(work, name, ask.officer))
        ask = ask._replace(at=when)
    else:
        work.instant(ask.at)
    (outcome,) = clerk.commit([Job([ask._replace(directive=name)])])[0]
    if isinstance(outcome, str):
        raise Refused(outcome)
    return {
        "directive": name,
        "officer": ask.officer,
        "changed": outcome,
        "position": work.head,
    }


def plead(
    work: Work,
    ref: str,
    officer: str,
    kind: str,
    *,
    reason: str | None = None,
    outcome: str | None = None,
    by: str | None = None,
    clause: str | None = None,
    at: datetime | None = None,
    channel: str = "desk",
) -> dict[str, Any]:
    """Contest, decide a contest, or exempt.

    Raises:
        Unknown: no such directive, officer or post.
        Refused: the post is vacant or does not command his unit; or see `service.check`.

    """
    name = directives.find(work.db, ref)
    must_be_listed(work, officer)
    hosting.must_host_officer(work, officer)
    when = _live(work, name, officer) if at is None else work.instant(at)
    clerk = Clerk(work)
    wording = clerk.wording(name, micros(when))
    clerk.load({(name, officer): {wording.asked}})
    state = clerk.states.get((name, officer, wording.asked), Service())
    issued, ended = clerk._ends[name]  # noqa: SLF001 - its own module's
    if kind == "exempt" and clause is not None and clause not in wording.required:
        raise Refused(
            f"{clause!r} is not a required act of this directive; "
            f"its acts are {', '.join(wording.required) or 'none'}."
        )
    if by is not None:
        _must_command(work, by, officer, when)
    if kind == "decide" and not state.contested and _decided(work, name, officer) == outcome:
        return {"directive": name, "officer": officer, "changed": False, "position": work.head}
    act = None if clause is None else ClauseId(clause)
    changed = service.decide_plea(
        Plead(
            kind,
            micros(when),
            max(work.now, micros(when)) if at is None else work.now,
            issued,
            ended,
            act,
        ),
        state,
    )
    fact: Fact
    post = PostId(by or "")
    match kind:
        case "contest":
            about = work.about(when, f"officer:{officer}", channel)
            fact = service.Contested(
                **about, version=wording.version, text=wording.text, reason=reason or ""
            )
        case "decide":
            about = work.about(when, f"post:{by}", channel)
            fact = service.Decided(
                **about,
                outcome=outcome,  # type: ignore[arg-type]  # the fact checks it
                by=post,
                reason=reason,
            )
        case _:
            about = work.about(when, f"post:{by}", channel)
            fact = service.Exempted(
                **about,
                clause=act,
                by=post,
                reason=reason or "",
            )
    if changed:
        work.append([(service.stream(name, officer, work.office), fact)])
    return {"directive": name, "officer": officer, "changed": changed, "position": work.head}


def _live(work: Work, name: str, officer: str) -> datetime:
    """Return when an act of now happened: by the clock, and not before he was served."""
    if work.hosts is None:
        return work.recorded_at
    served = standing.served(work.db, {(name, officer)}).get((name, officer))
    return hosting.live(work, None if served is None else served[0])


def _decided(work: Work, name: str, officer: str) -> str | None:
    """Return how the last contest of an officer was decided."""
    spoken = standing.pleas(work.db, [(name, officer)]).get((name, officer), [])
    return next((p.kind for p in reversed(spoken) if p.kind in ("upheld", "dismissed")), None)


def _must_command(work: Work, by: str, officer: str, when: datetime) -> None:
    tree = force.tree(work.db, Moment(micros(when)))
    if by not in tree.posts:
        raise Unknown(f"There is no post {by!r}.")
    if tree.posts[PostId(by)].holder is None:
        raise Refused(f"{by} is vacant: a decision needs a held post.")
    row = work.db.run(
        "SELECT unit FROM {roll} WHERE officer = :o AND at <= :t AND until > :t",
        o=officer,
        t=micros(when),
    ).first()
    if row is None or not tree.commands(PostId(by), UnitId(row[0])):
        raise Refused(f"{by} does not command the unit of {officer} at that instant.")


Commit = Callable[[Sequence[Job]], list[list[bool | str]]]


def import_answers(
    store: Store,
    office: str,
    now: datetime,
    commit: Commit,
    lines: Callable[[], Iterator[tuple[list[Any], list[Any]]]],
    *,
    accept_good: bool = False,
    progress: Progress = lambda *_: None,
) -> dict[str, Any]:
    """Record a file of answers: checked whole first, then committed slice by slice.

    A kill leaves a prefix; the same command completes it. ``commit`` is the door's.

    Raises:
        Unaccepted: a line is unreadable or refused, and good ones alone are not wanted.

    """
    refused: list[dict[str, Any]] = []
    refs: dict[str, str | None] = {}
    if not accept_good:
        flaws: list[Flaw] = []
        done = 0
        for rows, problems in lines():
            with working(store, office, now) as work:
                refs_of(work, rows, refs)
                flaws += _unreadable(problems)
                flaws += _checked(work, rows, refs)
            done += len(rows) + len(problems)
            progress("check", done, None)
        if flaws:
            flaws.sort(key=lambda flaw: flaw.line or 0)
            raise Unaccepted(
                f"{len(flaws):,} of {done:,} lines are not accepted; nothing was written. "
                "--accept-good records the others.",
                flaws,
            )
    accepted = repeated = done = 0
    for rows, problems in lines():
        with uncollected():
            if {row.directive for row in rows} - refs.keys():
                with store.reading() as conn:
                    refs_of(Database(conn), rows, refs)
            refused += [
                {
                    "line": p.line,
                    "officer_id": p.officer_id or None,
                    "reason": f"{p.column}: {p.reason}",
                }
                for p in problems
            ]
            asks, mine = [], []
            for row in rows:
                name = refs[row.directive]
                if name is None:
                    refused.append(
                        _refusal(row, f"There is no directive {row.directive!r} here.")
                    )
                elif row.answer == "contested":
                    outcome = _contest(store, office, now, name, row)
                    accepted += outcome is True
                    repeated += outcome is False
                    if isinstance(outcome, str):
                        refused.append(_refusal(row, outcome))
                else:
                    mine.append(row)
                    asks.append(_ask(row, name))
            (outcomes,) = commit([Job(asks)]) if asks else ([],)
            for row, outcome in zip(mine, outcomes, strict=True):
                if outcome is True:
                    accepted += 1
                elif outcome is False:
                    repeated += 1
                else:
                    refused.append(_refusal(row, outcome))
            done += len(rows) + len(problems)
            progress("answers", done, None)
    refused.sort(key=lambda line: line["line"])
    return {"accepted": accepted, "repeated": repeated, "refused": refused}


def _refusal(row: Any, reason: str) -> dict[str, Any]:
    return {"line": row.line, "officer_id": row.officer_id, "reason": reason}


def _ask(row: Any, name: str) -> Ask:
    """Return what a line asks; a contest is possible where a reading is."""
    _, _, officer, kind, _, at, clause, channel, note = row
    kind = "read" if kind == "contested" else kind
    return Ask(name, officer, kind, datetime.fromisoformat(at), clause, channel or "desk", note)


def refs_of(where: Any, rows: Sequence[Any], refs: dict[str, str | None]) -> None:
    """Look up the directives that lines name, once each; None where there is none."""
    db = getattr(where, "db", where)
    for ref in {row.directive for row in rows} - refs.keys():
        try:
            refs[ref] = directives.find(db, ref)
        except (Unknown, Misused):
            refs[ref] = None


def _unreadable(problems: Sequence[Any]) -> list[Flaw]:
    return [Flaw(p.line, p.column, p.value, p.reason) for p in problems]


def _checked(work: Work, rows: Sequence[Any], refs: dict[str, str | None]) -> list[Flaw]:
    """Return what would be refused of a slice, without recording anything."""
    flaws = [
        Flaw(row.line, "directive", row.directive, "there is no such directive")
        for row in rows
        if refs[row.directive] is None
    ]
    mine = [row for row in rows if refs[row.directive] is not None]
    asks = [_ask(row, refs[row.directive] or "") for row in mine]
    for row, outcome in zip(mine, Clerk(work).refusals(asks), strict=True):
        if outcome is not None:
            flaws.append(Flaw(row.line, "officer_id", row.officer_id, outcome))
    return flaws


def _contest(store: Store, office: str, now: datetime, name: str, row: Any) -> bool | str:
    with working(store, office, now) as work:
        try:
            outcome = plead(
                work,
                name,
                row.officer_id,
                "contest",
                reason=row.note or "",
                at=datetime.fromisoformat(row.at),
                channel=row.channel or "desk",
            )
        except (Refused, Unknown) as no:
            return no.reason
        return bool(outcome["changed"])


def held(
    work: Work,
    ref: str,
    unit: str,
    rows: Sequence[tuple[int, str, str | None, str | None]],
    *,
    diary: str,
    held_at: datetime,
    answer: str,
    entered_by: str,
    version: int | None = None,
) -> tuple[Job, list[tuple[int, str]], list[str], list[dict[str, Any]]]:
    """Put a roll call together: the job, the lines it asks, who was absent, what is refused.

    Raises:
        Unknown: no such directive or unit.
        Misused: the default answer is none.
        Refused: it was held after the clock, or two lines contradict each other.

    """
    if answer not in ("acknowledged", "complied"):
        raise Misused(f"A roll call's answer is acknowledged or complied, not {answer!r}.")
    name = directives.find(work.db, ref)
    when = work.instant(held_at)
    tree: Tree = force.tree(work.db, Moment(micros(when)))
    if unit not in tree.units:
        raise Unknown(f"There is no unit {unit!r}.")
    hosting.must_host(work, unit)
    zone = force.zone(work.db)
    asks: list[Ask] = []
    lines: list[tuple[int, str]] = []
    absent: list[str] = []
    refused: list[dict[str, Any]] = []
    away = [row[1] for row in rows if (row[2] or answer) == "absent"]
    # Whom nobody had served by then was not absent from it.
    faults = dict(
        zip(
            away,
            Clerk(work).decide([Ask(name, officer, "read", when) for officer in away]),
            strict=True,
        )
    )
    for line, officer, kind, note in rows:
        if (kind or answer) == "absent":
            reason = faults[officer]
            if isinstance(reason, str):
                refused.append({"line": line, "officer_id": officer, "reason": reason})
            else:
                absent.append(officer)
            continue
        asks.append(
            Ask(name, officer, kind or answer, when, None, "roll_call", note, version=version)
        )
        lines.append((line, officer))
    call = RollCall(
        name,
        when,
        UnitId(unit),
        when.astimezone(zone).date().isoformat(),
        diary,
        entered_by,
        tuple(OfficerId(officer) for officer in absent),
        {officer: note for _, officer, _, note in rows if note},
        version,
    )
    return Job(asks, call), lines, absent, refused
