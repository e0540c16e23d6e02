"""Cases: breaches reported, put to notice, decided by the competent authority, appealed.

Hundreds are taken at once: the directive, the tree and how all the officers stand are read with
a few statements, each case is decided by the domain's rule, and what is new is appended in one
go. Farman changes nothing on the roll: the answer names the command that does.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple, get_args

from domain import case, discipline
from domain.authority import Authority
from domain.case import BREACHED, CASE, Case, Ground
from domain.deadline import Shorter
from domain.directive import Clause, Directive, Version
from domain.discipline import Desk
from domain.errors import FarmanError, Flaw, Misused, Refused, Unaccepted, Unknown
from domain.fact import (
    FOREVER,
    ClauseId,
    DirectiveId,
    Fact,
    Micros,
    OfficerId,
    PostId,
    UnitId,
    micros,
)
from domain.force import Tree
from domain.standing import Asked, Plea, freed
from ledger.codec import Entry
from office import hosting, returns
from office.authority import ground
from office.work import Work
from projections import cases, directives, force, hops, permissions, proof, roll, standing
from projections.database import Database, Moment, last_serial
from projections.roll import Change
from projections.tables import FIELDS

LONGEST = 10_000
"""Characters of evidence, of a reason, of an answer."""
_ROLL = "The roll stands as it was; this changes it: "
_COMPLIED = 3
"""The level of compliance among answers (`service.LEVEL`)."""


class Breach(NamedTuple):
    """A breach as it is reported."""

    officer: str
    clause: str
    at: datetime
    """When it happened."""
    evidence: str
    note: str | None = None
    line: int | None = None
    """Of the file that reports it."""
    directive: str | None = None
    """Where a line of a file names its own: an id or a number."""


class Stood(NamedTuple):
    """How an officer stood at an instant; of one who has left, where he was last."""

    unit: UnitId
    rank: int
    duty: str
    gone: bool


class Sitting:
    """What is looked up once for all the cases of a command, as things stand at its instant."""

    def __init__(
        self, db: Database, at: datetime, officers: Collection[str], known: int | None = None
    ) -> None:
        self.db, self.at = db, at
        self.tree: Tree = force.tree(db, Moment(micros(at), known))
        described = force.described(db)
        self.force = described[0] if described else ""
        self.zone = force.zone(db)
        self._history: Mapping[str, Sequence[Change]] = roll.history(db, officers, known)
        self._grounds: dict[tuple[str, UnitId | None], Authority] = {}

    def listed(self, officer: str) -> bool:
        """Tell whether any roll has listed an officer."""
        return bool(self._history.get(officer))

    def stood(self, officer: str, at: Micros) -> Stood | None:
        """Return how an officer stood at an instant; None before he was on a roll."""
        then = [change for change in self._history.get(officer, ()) if change.at <= at]
        if not then:
            return None
        now = dict(zip(FIELDS, roll.fold(officer, then)[-1][5:], strict=True))
        return Stood(
            UnitId(str(now["unit"])),
            int(now["rank"] or 0),  # type: ignore[call-overload]  # as the roll has it
            str(now["duty"] or "on_duty"),
            bool(now["gone"]),
        )

    def desk(self, officer: str) -> Desk:
        """Return who is competent for an officer, by his unit and rank at the instant."""
        here = self.stood(officer, micros(self.at))
        if here is None:
            return Desk(None, outside=False, unit=None)
        return discipline.competent(
            self.tree, self.force, here.unit, here.rank, OfficerId(officer)
        )

    def above(self, state: Case) -> PostId | None:
        """Return the desk that hears the appeal from the one that decided."""
        here = UnitId(state.decided_unit or "")
        post = discipline.above(self.tree, here, OfficerId(state.officer))
        return None if post is None else post.id

    def post(self, name: str, over: str | None = None) -> Authority:
        """Return a post's authority, over an officer's unit if he is named.

        Raises:
            Unknown: there is no such post.

        """
        here = None if over is None else self.stood(over, micros(self.at))
        key = (name, None if here is None else here.unit)
        if key not in self._grounds:
            self._grounds[key] = ground(self.db, self.tree, *key, micros(self.at))
        return self._grounds[key]


# -- reporting


def report(
    work: Work,
    ref: str,
    breaches: Sequence[Breach],
    *,
    by: str | None = None,
    at: datetime | None = None,
    accept_good: bool = False,
    channel: str = "desk",
) -> dict[str, Any]:
    """Report breaches of a directive; each is a case of its own, a breach known is the same case.

    One that comes from no file raises its refusal. Of a file's, all or none are taken, or the
    good ones.

    Raises:
        Unknown: no such directive, post, or (from no file) officer.
        Refused: see `case.decide`; or another office opens cases of his rank.
        Unaccepted: a line of the file is refused, and the good ones alone are not wanted.

    """
    name = directives.find(work.db, ref)
    when = _instant(work, at)
    registry = _Registry(work, name, when, breaches)
    by_post = None if by is None else registry.sitting.post(by)
    if by_post is not None and by_post.officer is None:
        raise Refused(f"{by} is vacant: nobody there can report a breach.")
    facts: list[tuple[str, Fact]] = []
    found: list[str | None] = []
    news: list[bool] = []
    refused: list[tuple[Breach, str]] = []
    for breach in breaches:
        try:
            known, fact = registry.report(breach, by_post, channel)
        except (Refused, Unknown) as no:
            if breach.line is None:
                raise
            refused.append((breach, no.reason))
            continue
        found.append(known)
        news.append(fact is not None)
        if fact is not None:
            facts.append((case.stream(known, work.office), fact))
    if refused and not accept_good:
        raise _unaccepted(
            [Flaw(one.line, "officer_id", one.officer, reason) for one, reason in refused],
            len(breaches),
        )
    entries = work.append(facts)
    returns.contradict(work, name, [registry.speaks_against(entry) for entry in entries])
    if len(breaches) == 1 and breaches[0].line is None:
        return _answer(work, str(found[0]), registry.sitting, changed=news[0])
    return {
        "cases": list(dict.fromkeys(found)),
        "accepted": sum(news),
        "repeated": len(news) - sum(news),
        "refused": [
            {"line": one.line, "officer_id": one.officer, "reason": reason}
            for one, reason in refused
        ],
        "position": work.head,
    }


def report_many(
    work: Work,
    breaches: Sequence[Breach],
    *,
    by: str | None = None,
    at: datetime | None = None,
    accept_good: bool = False,
) -> dict[str, Any]:
    """Report the breaches of a file whose lines name their directives, all or none, or the good.

    Raises:
        Unaccepted: a line is refused, and the good ones alone are not wanted.

    """
    under: dict[str, list[Breach]] = {}
    refused: list[dict[str, Any]] = []
    flaws: list[Flaw] = []
    for breach in breaches:
        under.setdefault(breach.directive or "", []).append(breach)
    found: list[str] = []
    accepted = repeated = 0
    for ref, mine in under.items():
        try:
            name = directives.find(work.db, ref)
        except (Unknown, Misused) as no:
            refused += [
                {"line": one.line, "officer_id": one.officer, "reason": no.reason}
                for one in mine
            ]
            flaws += [Flaw(one.line, "directive", ref, no.reason) for one in mine]
            continue
        told = report(work, name, mine, by=by, at=at, accept_good=True)
        found += told["cases"]
        accepted, repeated = accepted + told["accepted"], repeated + told["repeated"]
        refused += told["refused"]
        flaws += [
            Flaw(one["line"], "officer_id", one["officer_id"], one["reason"])
            for one in told["refused"]
        ]
    if flaws and not accept_good:
        flaws.sort(key=lambda flaw: flaw.line or 0)
        raise _unaccepted(flaws, len(breaches))
    return {
        "cases": list(dict.fromkeys(found)),
        "accepted": accepted,
        "repeated": repeated,
        "refused": sorted(refused, key=lambda one: one["line"] or 0),
        "position": work.head,
    }


def _unaccepted(flaws: Sequence[Flaw], lines: int) -> Unaccepted:
    """Return the refusal of a file: of one line with its reason, of several with their number."""
    told = "Nothing was written; --accept-good takes the others."
    if len(flaws) == 1:
        (one,) = flaws
        return Unaccepted(f"Line {one.line}, {one.value}: {one.reason} {told}", flaws)
    return Unaccepted(f"{len(flaws):,} of {lines:,} lines are not accepted. {told}", flaws)


class _Registry:
    """Opens cases of one directive."""

    def __init__(
        self, work: Work, name: str, when: datetime, breaches: Sequence[Breach]
    ) -> None:
        self.work, self.name, self.when = work, name, when
        officers = {breach.officer for breach in breaches}
        self.sitting = Sitting(work.db, when, officers)
        self.directive: Directive = work.db.directive(name)
        keys = [(name, officer) for officer in sorted(officers)]
        self.rows = standing.load(work.db, keys)
        self.said = standing.said(work.db, keys)
        self.pleas = standing.pleas(work.db, keys)
        self.known = cases.breaches(work.db, name)
        self.year = when.astimezone(self.sitting.zone).year
        own = case.case_id(work.office, self.year, 0)[:-1]
        self.serial = last_serial(work.db, "cases", ("case_id", own), year=self.year)
        self._elsewhere: dict[UnitId, FarmanError | None] = {}

    def report(
        self, breach: Breach, by: Authority | None, channel: str
    ) -> tuple[str, case.BreachReported | None]:
        """Return the case of a breach, and the fact that opens it if it is new.

        Raises:
            Unknown: no roll has listed the officer.
            Refused: from the domain, or it is another office's.

        """
        at = micros(breach.at)
        key = (breach.officer, breach.clause, at)
        if key in self.known:
            return self.known[key], None
        if not self.sitting.listed(breach.officer):
            raise Unknown(
                f"No roll has listed an officer {breach.officer!r}; ids are case-sensitive."
            )
        if not breach.evidence.strip():
            raise Refused("A breach is reported with evidence: say what shows it.")
        if len(breach.evidence) + len(breach.note or "") > LONGEST:
            raise Refused(f"Evidence and note hold at most {LONGEST:,} characters.")
        fact = self._fact(breach, by, channel)
        facts = CASE.decide(case.Report(fact, self.ground(breach)), CASE.initial)
        self._must_be_opened_here(breach.officer)
        self.serial += 1
        name = case.case_id(self.work.office, self.year, self.serial)
        self.known[key] = name
        assert facts == (fact,)  # noqa: S101 - it is new
        return name, fact

    def _fact(self, breach: Breach, by: Authority | None, channel: str) -> case.BreachReported:
        version = self.directive.version_at(micros(breach.at))
        opens = _consequence(version, breach.clause)
        stood = self.sitting.stood(breach.officer, micros(breach.at)) or Stood(
            UnitId(""), 0, "", gone=False
        )
        actor = f"clerk:{self.work.office}" if by is None else f"post:{by.post}"
        return case.BreachReported(
            **self.work.about(self.when, actor, channel),
            directive=DirectiveId(self.name),
            version=version.number,
            text=version.text,
            clause=ClauseId(breach.clause),
            consequence=None if opens is None else opens.id,
            opens=None if opens is None else str(opens.more.get("opens", "case")),
            officer=OfficerId(breach.officer),
            unit=stood.unit,
            rank=stood.rank,
            duty=stood.duty,
            breach_at=breach.at,
            evidence=breach.evidence,
            note=breach.note,
            authority=by,
        )

    def ground(self, breach: Breach) -> Ground:
        """Return what is known of the directive and the officer at the instant of a breach."""
        at, officer = micros(breach.at), breach.officer
        version = self.directive.version_at(at)
        clause = next((one for one in version.terms.clauses if one.id == breach.clause), None)
        row = self.rows.get((self.name, officer))
        served = row is not None and row.served_at <= at
        stood = self.sitting.stood(officer, at)
        pleas: Sequence[Plea] = self.pleas.get((self.name, officer), ())
        return Ground(
            state=self.directive.state_at(at),
            kind=None if clause is None else clause.kind,
            breachable=[one.id for one in version.terms.clauses if one.kind in BREACHED],
            served_at=row.served_at if row is not None else None,
            unserved="" if served or clause is None else self._who_has_it(officer, at),
            gone=stood is not None and stood.gone,
            due_at=due(self.work.db, self.directive, officer, breach.clause, at),
            complied_at=self._complied(officer, breach.clause, at, at),
            exempt=freed(pleas, at, (ClauseId(breach.clause),))[0],
            permission=permissions.in_force(
                self.work.db, self.name, officer, breach.clause, at
            ),
        )

    def _who_has_it(self, officer: str, at: Micros) -> str:
        moment = Moment(at)
        return proof.proof(self.work.db, self.name, officer, moment, self.sitting.zone).because

    def _complied(self, officer: str, clause: str, at: Micros, by: Micros) -> Micros | None:
        """Return when he first did what was asked at an instant, if he had by another."""
        asked = Asked.of(self.directive, at).version
        return min(
            (
                one.at
                for one in self.said.get((self.name, officer), ())
                if one.level == _COMPLIED
                and one.at <= by
                and one.version >= asked
                and one.clause in (None, clause)
            ),
            default=None,
        )

    def speaks_against(self, opened: Entry) -> returns.Against:
        """Return what a case that was just opened says against certificates.

        Who did late what he had to do was in breach until then, and not after it.
        """
        fact: Any = opened.fact
        at = micros(fact.breach_at)
        acts = Asked.of(self.directive, at).required
        made_good = (
            self._complied(fact.officer, fact.clause, at, FOREVER)
            if fact.clause in acts
            else None
        )
        return returns.Against(
            officer=fact.officer,
            unit=fact.unit,
            at=at,
            until=FOREVER if made_good is None else made_good,
            what=f"Reported in breach of {fact.clause}: {fact.evidence}",
            entry=opened.position,
            case=opened.stream.removeprefix("case-").rpartition(".")[0],
        )

    def _must_be_opened_here(self, officer: str) -> None:
        """Check that the competent desk, held or vacant, is one of this office."""
        if self.work.hosts is None:
            return
        unit = self.sitting.desk(officer).unit
        if unit is None:
            return
        if unit not in self._elsewhere:
            self._elsewhere[unit] = self.work.hosts.refusal(unit, self.sitting.tree)
        fault = self._elsewhere[unit]
        if fault is not None:
            raise fault


def due(
    db: Database,
    directive: Directive,
    officer: str,
    clause: str,
    at: Micros,
    known: int | None = None,
) -> Micros | None:
    """Return when an act was due for an officer by what was asked at an instant; None: never.

    What the unit that served him, or one above it, was told to do sooner counts.
    ``known``: a position, inclusive; else by all that is known.
    """
    name = directive.id or ""
    row = standing.load(db, [(name, officer)]).get((name, officer))
    asked = Asked.of(directive, at)
    if row is None or clause not in asked.required:
        return None
    shorter: Sequence[Shorter] = standing.shorter(db, name, row.served_by)
    if known is not None:
        told = hops.shorter(db, name, Moment(FOREVER, known))
        shorter = told.get(UnitId(row.served_by), ())
    dues = asked.dues(row.received_at, row.served_at, shorter)
    return dues[asked.required.index(ClauseId(clause))]


def _consequence(version: Version, clause: str) -> Clause | None:
    """Return the clause that says what a breach of one opens: its own, or one for all."""
    found = [one for one in version.terms.clauses if one.kind == "consequence"]
    mine = [one for one in found if clause in one.of]
    return next(iter([*mine, *(one for one in found if not one.of)]), None)


# -- what follows


def notice(
    work: Work,
    named: Sequence[tuple[int | None, str]],
    by: str,
    *,
    within: int = case.NOTICE,
    text: str | None = None,
    at: datetime | None = None,
    accept_good: bool = False,
    many: bool = False,
) -> dict[str, Any]:
    """Serve notices to show cause in cases, each with its line in a file.

    Raises:
        Unknown: no such post, or (from no file) case.
        Refused: see `case.decide`; or another office keeps the case or the post.
        Unaccepted: a line of the file is refused, and the good ones alone are not wanted.

    """
    _must_fit(text)
    when = _instant(work, at)
    states = cases.load(work.db, {name for _, name in named})
    sitting = Sitting(work.db, when, {state.officer for state in states.values()})
    sitting.post(by)
    hosting.must_host_post(work, by, sitting.tree)

    def command(state: Case) -> case.Command:
        fact = case.NoticeServed(
            **work.about(sitting.at, f"post:{by}", "desk"),
            until=when + timedelta(seconds=within),
            text=text,
            authority=sitting.post(by, state.officer),
        )
        return case.Notice(fact, outside=sitting.desk(state.officer).outside)

    facts: list[tuple[str, Fact]] = []
    news: list[bool] = []
    refused: list[tuple[int | None, str, str | None, str]] = []
    for line, name in dict.fromkeys(named):
        try:
            state = _state(work, name, states)
            new = CASE.decide(command(state), state)
        except (Refused, Unknown) as no:
            if line is None:
                raise
            officer = states[name].officer if name in states else None
            refused.append((line, name, officer, no.reason))
            continue
        for fact in new:
            states[name] = CASE.evolve(states[name], fact)
            facts.append((case.stream(name, work.office), fact))
        news.append(bool(new))
    if refused and not accept_good:
        raise _unaccepted(
            [Flaw(line, "case", name, reason) for line, name, _, reason in refused], len(named)
        )
    work.append(facts)
    if len(named) == 1 and not many:
        return _answer(work, named[0][1], sitting, changed=news[0])
    bad = {line for line, *_ in refused}
    return {
        "cases": list(
            dict.fromkeys(name for line, name in named if line is None or line not in bad)
        ),
        "accepted": sum(news),
        "repeated": len(news) - sum(news),
        "refused": [
            {"line": line, "officer_id": officer, "reason": reason}
            for line, _, officer, reason in refused
        ],
        "position": work.head,
    }


Making = Callable[[Sitting, Case], case.Command]


def _step(
    work: Work, name: str, at: datetime | None, make: Making, by: str | None = None
) -> dict[str, Any]:
    """Take one step in one case; ``by`` is the post that takes it, if a post does."""
    when = _instant(work, at)
    states = cases.load(work.db, {name})
    state = _state(work, name, states)
    sitting = Sitting(work.db, when, {state.officer})
    if by is not None:
        sitting.post(by)
        hosting.must_host_post(work, by, sitting.tree)
    facts = CASE.decide(make(sitting, state), state)
    work.append([(case.stream(name, work.office), fact) for fact in facts])
    return _answer(work, name, sitting, changed=bool(facts))


def answer(work: Work, name: str, text: str, *, at: datetime | None = None) -> dict[str, Any]:
    """Record the officer's answer to the notice."""
    _must_fit(text)

    def make(sitting: Sitting, state: Case) -> case.Command:
        about = work.about(sitting.at, f"officer:{state.officer}", "desk")
        return case.Answer(case.Answered(**about, text=text))

    return _step(work, name, at, make)


def decide(
    work: Work, name: str, outcome: str, by: str, reason: str, *, at: datetime | None = None
) -> dict[str, Any]:
    """Decide a case, by the desk competent for the officer's unit and rank at that instant."""
    _must_fit(reason)
    _must_be_one(outcome, case.OUTCOMES)

    def make(sitting: Sitting, state: Case) -> case.Command:
        desk = sitting.desk(state.officer)
        fact = case.Decided(
            **work.about(sitting.at, f"post:{by}", "desk"),
            outcome=outcome,  # type: ignore[arg-type]  # the fact checks it
            reason=reason,
            authority=sitting.post(by, state.officer),
        )
        return case.Decide(
            fact,
            None if desk.post is None else desk.post.id,
            outside=desk.outside,
            contested=_contested(work, state, micros(sitting.at)),
        )

    told = _step(work, name, at, make, by)
    return told | {"remark": _command(told["officer_id"], outcome)}


def appeal(work: Work, name: str, reason: str, *, at: datetime | None = None) -> dict[str, Any]:
    """Record the officer's appeal against the decision."""
    _must_fit(reason)

    def make(sitting: Sitting, state: Case) -> case.Command:
        about = work.about(sitting.at, f"officer:{state.officer}", "desk")
        return case.Appeal(case.Appealed(**about, reason=reason))

    return _step(work, name, at, make)


def decide_appeal(
    work: Work,
    name: str,
    outcome: str,
    by: str,
    reason: str,
    *,
    to: str | None = None,
    at: datetime | None = None,
) -> dict[str, Any]:
    """Decide an appeal, by the desk next above the one that decided; ``to``: what it is reduced to."""
    _must_fit(reason)
    _must_be_one(outcome, get_args(case.Appellate))
    if to is not None:
        _must_be_one(to, case.OUTCOMES)

    def make(sitting: Sitting, state: Case) -> case.Command:
        fact = case.AppealDecided(
            **work.about(sitting.at, f"post:{by}", "desk"),
            outcome=outcome,  # type: ignore[arg-type]  # the fact checks it
            reduced_to=to,  # type: ignore[arg-type]  # the fact checks it
            reason=reason,
            authority=sitting.post(by, state.officer),
        )
        return case.DecideAppeal(fact, sitting.above(state))

    told = _step(work, name, at, make, by)
    taken = told["outcome"] in case.REVERSIBLE and outcome != "upheld"
    remark = f"`farman case reinstate {name} --by {by}` puts him back." if taken else None
    return told | {"remark": remark}


def reinstate(
    work: Work, name: str, by: str, reason: str, *, at: datetime | None = None
) -> dict[str, Any]:
    """Put an officer back where a suspension or a major punishment took him from."""
    _must_fit(reason)

    def make(sitting: Sitting, state: Case) -> case.Command:
        desk = sitting.desk(state.officer).post
        may = [
            *([] if desk is None else [desk.id]),
            *([PostId(state.appeal_by)] if state.appeal_by else []),
        ]
        about = work.about(sitting.at, f"post:{by}", "desk")
        fact = case.Reinstated(
            **about, reason=reason, authority=sitting.post(by, state.officer)
        )
        return case.Reinstate(fact, may)

    told = _step(work, name, at, make, by)
    return told | {"remark": _back(work, told["officer_id"], told["outcome"])}


def _instant(work: Work, at: datetime | None) -> datetime:
    """Return when it happened: as told, or now, in the force's zone."""
    when = work.instant(at)
    return when.astimezone(force.zone(work.db)) if at is None else when


def _must_fit(text: str | None) -> None:
    if text is not None and not text.strip():
        raise Refused("A text that is written into a case is not empty.")
    if text is not None and len(text) > LONGEST:
        raise Refused(f"A text of a case holds at most {LONGEST:,} characters.")


def _must_be_one(outcome: str, outcomes: Sequence[str]) -> None:
    if outcome not in outcomes:
        raise Misused(f"{outcome!r} is no outcome; they are {', '.join(outcomes)}.")


def _state(work: Work, name: str, states: Mapping[str, Case]) -> Case:
    """Return a case that this office keeps.

    Raises:
        Unknown: there is none.
        Refused: another office keeps it.

    """
    if name not in states:
        raise Unknown(f"There is no case {name!r}; `farman case list` lists those there are.")
    office = name.rsplit("-", 2)[0]
    if office != work.office:
        raise Refused(
            f"The case {name} is kept by the office {office}: give this command there."
        )
    return states[name]


def _contested(work: Work, state: Case, at: Micros) -> bool:
    key = (state.directive, state.officer)
    return freed(standing.pleas(work.db, [key]).get(key, ()), at, ())[2]


def _answer(work: Work, name: str, sitting: Sitting, *, changed: bool) -> dict[str, Any]:
    state = cases.load(work.db, {name})[name]
    if sitting.at != work.recorded_at:  # a late entry: who is competent is told as of now
        sitting = Sitting(work.db, work.recorded_at, {state.officer})
    return {
        "case": name,
        "directive": state.directive,
        "clause": state.clause,
        "officer_id": state.officer,
        "state": state.state,
        "outcome": state.outcome,
        "competent": awaited(sitting, state),
        "changed": changed,
        "position": work.head,
    }


def awaited(sitting: Sitting, state: Case) -> dict[str, str | None]:
    """Return the desk that the case lies on: for its decision, or for that of its appeal."""
    if state.state == "appealed":
        post = sitting.above(state)
    else:
        desk = sitting.desk(state.officer).post
        post = None if desk is None else desk.id
    holder = None if post is None else sitting.tree.posts[post].holder
    return {"post": post, "officer_id": holder}


def _command(officer: str, outcome: str) -> str | None:
    """Say by which command a decision comes onto the roll."""
    commands = {
        "suspended": f"`farman officer duty {officer} suspended`",
        "rank_reduced": f"`farman officer promote {officer} BPS` with his lower rank",
        "compulsorily_retired": f"`farman officer retire {officer}`",
        "removed": f"`farman officer retire {officer}`",
        "dismissed": f"`farman officer retire {officer}`",
    }
    return f"{_ROLL}{commands[outcome]}." if outcome in commands else None


def _back(work: Work, officer: str, outcome: str | None) -> str | None:
    """Say by which command a reinstatement comes onto the roll, where the roll needs one."""
    here = Sitting(work.db, work.recorded_at, {officer}).stood(officer, work.now)
    if here is not None and here.gone:
        return f"{_ROLL}`farman roll import` of a roll that lists {officer} again."
    if outcome == "rank_reduced":
        return f"{_ROLL}`farman officer promote {officer} BPS` with his former rank."
    if here is not None and here.duty == "suspended":
        return f"{_ROLL}`farman officer duty {officer} on_duty`."
    return None
