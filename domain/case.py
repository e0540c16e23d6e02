"""A case: a breach of a directive by an officer, from its report to its end.

Stream: ``case-{case}.{office}``; a case's id is ``{office}-{year}-c{serial}``, gap-free by office
and year of the report.
Story: a breach is reported, a notice to show cause served, the officer answers or his time runs
out, the authority competent for his rank decides; he may appeal to the next authority, and be
reinstated. Nobody is decided upon unheard, and nobody decides his own case. A repeat changes
nothing; what was done on paper may be entered later, at its own hour.

Only who was served can be in breach (articles K4, K12, K17), of a clause as it was worded then.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Literal, NamedTuple, TypeAlias, assert_never, get_args

from pydantic import AwareDatetime

from domain.authority import Authority
from domain.decider import Decider
from domain.errors import CorruptStream, Refused
from domain.fact import (
    SECOND,
    ClauseId,
    DirectiveId,
    Fact,
    Micros,
    OfficerId,
    PostId,
    UnitId,
    instant,
    micros,
)

Outcome: TypeAlias = Literal[
    "filed",
    "warned",
    "censured",
    "suspended",
    "increment_stopped",
    "service_reduced",
    "rank_reduced",
    "compulsorily_retired",
    "removed",
    "dismissed",
    "forwarded",
]
Appellate: TypeAlias = Literal["upheld", "set_aside", "reduced"]
OUTCOMES: Sequence[Outcome] = get_args(Outcome)
MINOR: Sequence[Outcome] = ("warned", "censured", "increment_stopped", "service_reduced")
"""Minor punishments, rising (Police Rules 1975, rule 4)."""
MAJOR: Sequence[Outcome] = ("rank_reduced", "compulsorily_retired", "removed", "dismissed")
"""Major punishments, rising."""
REVERSIBLE: Sequence[Outcome] = ("suspended", *MAJOR)
"""From what an officer can be reinstated."""
BREACHED = ("prohibition", "required_act")
"""Kinds of clauses that an officer can breach."""
NOTICE = 7 * 24 * 3600
"""Seconds to answer a notice in, unless it says otherwise."""
APPEAL: Micros = 30 * 24 * 3600 * SECOND
"""How long a decision can be appealed against."""


class BreachReported(Fact):
    """It was reported that an officer breached a clause; a case is opened."""

    stored: ClassVar[str] = "case.breach_reported@1"
    directive: DirectiveId
    version: int
    """The wording in force at the breach."""
    text: str
    """SHA-256 of that wording."""
    clause: ClauseId
    consequence: ClauseId | None = None
    """The clause that says what a breach opens."""
    opens: str | None = None
    """case, notice or inquiry, as that clause says."""
    officer: OfficerId
    unit: UnitId
    """His unit, rank and duty state at the breach."""
    rank: int
    duty: str
    breach_at: AwareDatetime
    evidence: str
    """A reference to evidence."""
    note: str | None = None
    authority: Authority | None = None
    """The post that reported it; None where no post did."""


class NoticeServed(Fact):
    """The officer was called upon to show cause."""

    stored: ClassVar[str] = "case.notice_served@1"
    until: AwareDatetime
    """By when he is to answer."""
    text: str | None = None
    authority: Authority


class Answered(Fact):
    """The officer answered the notice."""

    stored: ClassVar[str] = "case.answered@1"
    text: str


class Decided(Fact):
    """The competent authority decided.

    A suspension is no punishment: it may come before he was heard, and a decision may follow it.
    """

    stored: ClassVar[str] = "case.decided@1"
    outcome: Outcome
    reason: str
    authority: Authority


class Appealed(Fact):
    """The officer appealed to the authority next above."""

    stored: ClassVar[str] = "case.appealed@1"
    reason: str


class AppealDecided(Fact):
    """The authority next above decided the appeal."""

    stored: ClassVar[str] = "case.appeal_decided@1"
    outcome: Appellate
    reduced_to: Outcome | None = None
    """The lighter punishment in place of the one appealed against."""
    reason: str
    authority: Authority


class Reinstated(Fact):
    """The officer was put back where a suspension or a major punishment took him from."""

    stored: ClassVar[str] = "case.reinstated@1"
    reason: str
    authority: Authority


Event: TypeAlias = (
    BreachReported | NoticeServed | Answered | Decided | Appealed | AppealDecided | Reinstated
)


@dataclass(frozen=True, slots=True)
class Case:
    """A case as it stands; ``reported_at`` is None before the report."""

    directive: str = ""
    version: int = 0
    clause: str = ""
    officer: str = ""
    unit: str = ""
    """His at the breach."""
    breach_at: Micros = 0
    reported_at: Micros | None = None
    noticed_at: Micros | None = None
    until: Micros | None = None
    """When his time to answer runs out."""
    answered_at: Micros | None = None
    suspended_at: Micros | None = None
    decided_at: Micros | None = None
    outcome: str | None = None
    """What the last decision says; the appeal's stands beside it."""
    decided_by: str | None = None
    decided_unit: str | None = None
    """That post's unit: the appeal goes to the next above it."""
    appealed_at: Micros | None = None
    appeal_decided_at: Micros | None = None
    appeal: str | None = None
    reduced_to: str | None = None
    appeal_by: str | None = None
    reinstated_at: Micros | None = None

    @property
    def state(self) -> str:
        """Return the last step taken; who is heard while suspended is so until the decision."""
        heard = self.noticed_at if self.answered_at is None else self.answered_at
        if self.undecided and heard is not None and heard > (self.decided_at or 0):
            return "noticed" if self.answered_at is None else "answered"
        steps = {
            "reinstated": self.reinstated_at,
            "appeal_decided": self.appeal_decided_at,
            "appealed": self.appealed_at,
            "decided": self.decided_at,
            "answered": self.answered_at,
            "noticed": self.noticed_at,
            "reported": self.reported_at,
        }
        return next((name for name, at in steps.items() if at is not None), "")

    @property
    def ended_at(self) -> Micros | None:
        """Return when nothing more was to be decided; None while something is, or may be appealed."""
        if self.reinstated_at is not None:
            return self.reinstated_at
        if self.appeal_decided_at is not None:
            return self.appeal_decided_at
        return self.decided_at if self.outcome in ("filed", "forwarded") else None

    @property
    def undecided(self) -> bool:
        """Tell whether a decision is awaited: there is none, or only a suspension."""
        return self.reinstated_at is None and self.outcome in (None, "suspended")


class Ground(NamedTuple):
    """What is known of the directive and the officer at the instant of a breach."""

    state: str
    """Of the directive: see `Directive.state_at`."""
    kind: str | None
    """Of the clause; None where that wording has no such clause."""
    breachable: Sequence[str]
    """The clauses of that wording that can be breached."""
    served_at: Micros | None
    unserved: str
    """Who has the directive, where he was not served by then."""
    gone: bool
    """Whether he had left the force."""
    due_at: Micros | None
    """When the act was due."""
    complied_at: Micros | None
    """When he had done the act, if by then."""
    exempt: bool
    permission: str | None = None
    """His leave to do it, in force then."""


@dataclass(frozen=True, slots=True)
class Report:
    """Report a breach."""

    fact: BreachReported
    ground: Ground


@dataclass(frozen=True, slots=True)
class Notice:
    """Serve a notice to show cause."""

    fact: NoticeServed
    outside: bool
    """The Government decides upon him."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Answer the notice."""

    fact: Answered


@dataclass(frozen=True, slots=True)
class Decide:
    """Decide the case."""

    fact: Decided
    competent: PostId | None
    """The desk that is, for his unit and rank at that moment."""
    outside: bool
    contested: bool
    """He contests that the directive applies to him, and that is undecided."""


@dataclass(frozen=True, slots=True)
class Appeal:
    """Appeal against the decision."""

    fact: Appealed


@dataclass(frozen=True, slots=True)
class DecideAppeal:
    """Decide the appeal."""

    fact: AppealDecided
    competent: PostId | None
    """The desk next above the one that decided; None: there is none within the force."""


@dataclass(frozen=True, slots=True)
class Reinstate:
    """Put the officer back."""

    fact: Reinstated
    competent: Sequence[PostId]
    """The desks that may: the one for his unit and rank, and the one that decided the appeal."""


Command: TypeAlias = Report | Notice | Answer | Decide | Appeal | DecideAppeal | Reinstate


def decide(command: Command, state: Case) -> Sequence[Event]:
    """Return the facts ``command`` adds, ``()`` if they already hold.

    Raises:
        Refused: the rule that forbids it.

    """
    match command:
        case Report(fact, ground):
            if state.reported_at is not None:
                return ()
            _check_report(fact, ground)
            return (fact,)
        case Notice(fact):
            if state.noticed_at is not None:
                return ()
            _check_notice(command, state)
            return (fact,)
        case Answer(fact):
            if state.answered_at is not None:
                return ()
            if state.noticed_at is None:
                raise Refused(
                    "No notice has been served on him yet: there is nothing to answer."
                )
            if not state.undecided:
                raise Refused("The case is decided; he is heard now by an appeal.")
            _not_before(fact, state.noticed_at, "the notice was served")
            return (fact,)
        case Decide(fact):
            if state.outcome == fact.outcome or (
                fact.outcome == "suspended" and state.suspended_at is not None
            ):
                return ()
            _check_decision(command, state)
            return (fact,)
        case Appeal(fact):
            if state.appealed_at is not None:
                return ()
            _check_appeal(fact, state)
            return (fact,)
        case DecideAppeal(fact):
            if (state.appeal, state.reduced_to) == (fact.outcome, fact.reduced_to):
                return ()
            _check_appeal_decision(command, state)
            return (fact,)
        case Reinstate(fact):
            if state.reinstated_at is not None:
                return ()
            _check_reinstatement(command, state)
            return (fact,)
        case _:
            assert_never(command)


def _check_report(fact: BreachReported, ground: Ground) -> None:
    at, who = micros(fact.breach_at), fact.officer
    if at > micros(fact.at):
        raise Refused(f"The breach lies after its report at {fact.at.isoformat()}.")
    if ground.state != "in_force":
        was = ground.state.replace("_", " ")
        raise Refused(
            f"{fact.directive} was {was} at {fact.breach_at.isoformat()}: it could not be breached."
        )
    if ground.kind not in BREACHED:
        whole = f"version {fact.version} of {fact.directive}"
        said = (
            f"There is no clause {fact.clause!r} in {whole}"
            if ground.kind is None
            else f"{fact.clause!r} in {whole} is of the kind {ground.kind}, which nobody breaches"
        )
        these = ", ".join(ground.breachable) or "none"
        raise Refused(f"{said}; those that can be breached are {these}.")
    if ground.served_at is None or ground.served_at > at:
        raise Refused(
            f"{who} had not been served {fact.directive} by {fact.breach_at.isoformat()}: "
            f"{ground.unserved}"
        )
    if ground.gone:
        raise Refused(f"{who} had left the force by {fact.breach_at.isoformat()}.")
    if ground.exempt:
        raise Refused(f"{who} was exempt from {fact.clause} at {fact.breach_at.isoformat()}.")
    if ground.permission is not None:
        raise Refused(f"{who} had leave for it: {ground.permission}.")
    if ground.kind == "required_act":
        if ground.complied_at is not None:
            done = instant(ground.complied_at).astimezone(fact.breach_at.tzinfo)
            raise Refused(f"{who} had complied with {fact.clause} at {done.isoformat()}.")
        if ground.due_at is None:
            raise Refused(f"{fact.clause} has no deadline: it is never overdue.")
        if ground.due_at > at:
            due = instant(ground.due_at).astimezone(fact.breach_at.tzinfo)
            raise Refused(
                f"{fact.clause} was not yet due for {who} at {fact.breach_at.isoformat()}: it is "
                f"due at {due.isoformat()}."
            )


def _check_notice(command: Notice, state: Case) -> None:
    fact = command.fact
    if command.outside:
        raise Refused(f"{_outside(state)} Forward the case: --outcome forwarded.")
    if not state.undecided:
        raise Refused("The case is decided already.")
    _must_sit(fact.authority, state)
    if not fact.authority.line:
        raise Refused(f"{fact.authority.post} does not command the unit of {state.officer}.")
    _not_before(fact, state.reported_at, "the breach was reported")


def _check_decision(command: Decide, state: Case) -> None:
    fact = command.fact
    if not state.undecided:
        raise Refused(
            "He has been reinstated: the case is at its end."
            if state.reinstated_at is not None
            else f"The case is decided already: {state.outcome}."
        )
    if command.outside != (fact.outcome == "forwarded"):
        raise Refused(
            f"{_outside(state)} {command.competent or 'Nobody'} forwards the case: "
            "--outcome forwarded."
            if command.outside
            else "Only cases of BPS 18 and above are forwarded: decide this one."
        )
    _must_be(fact.authority, [] if command.competent is None else [command.competent], state)
    if not command.outside:
        if fact.outcome != "suspended":
            _must_be_heard(fact, state)
        if command.contested and fact.outcome != "filed":
            raise Refused(
                f"{state.officer} contests that {state.directive} applies to him: decide that "
                "first, with `farman contest … --decide`."
            )
    last = max(
        at
        for at in (state.reported_at, state.answered_at, state.suspended_at, 0)
        if at is not None
    )
    _not_before(fact, last, "the step that it follows")


def _must_be_heard(fact: Decided, state: Case) -> None:
    if state.noticed_at is None or state.until is None:
        raise Refused(
            f"No notice has been served on {state.officer}: nobody is decided upon unheard."
        )
    _not_before(fact, state.noticed_at, "the notice was served")
    if state.answered_at is None and micros(fact.at) < state.until:
        until = instant(state.until).astimezone(fact.at.tzinfo)
        raise Refused(
            f"{state.officer} has not answered and has until {until.isoformat()}: nobody is "
            "decided upon unheard."
        )


def _check_appeal(fact: Appealed, state: Case) -> None:
    if state.decided_at is None:
        raise Refused("The case is not decided yet: there is nothing to appeal against.")
    if state.reinstated_at is not None:
        raise Refused("He has been reinstated: the case is at its end.")
    if state.outcome not in (*MINOR, *MAJOR):
        said = {
            "suspended": "A suspension is no punishment: it ends by the decision or reinstatement",
            "filed": "The case was filed",
        }
        what = said.get(state.outcome or "", "The Government decides this case")
        raise Refused(f"{what}; there is nothing to appeal against.")
    _not_before(fact, state.decided_at, "the decision")
    if micros(fact.at) > state.decided_at + APPEAL:
        last = instant(state.decided_at + APPEAL).astimezone(fact.at.tzinfo)
        raise Refused(f"The thirty days for an appeal ran out at {last.isoformat()}.")


def _check_appeal_decision(command: DecideAppeal, state: Case) -> None:
    fact = command.fact
    if state.appealed_at is None:
        raise Refused("There is no appeal to decide.")
    if state.appeal is not None:
        raise Refused(f"The appeal is decided already: {state.appeal}.")
    if state.reinstated_at is not None:
        raise Refused("He has been reinstated: the case is at its end.")
    if (fact.outcome == "reduced") != (fact.reduced_to is not None):
        raise Refused(
            "A reduced punishment, and no other decision, names what it is reduced to."
        )
    if fact.reduced_to is not None:
        lighter = _lighter(state.outcome)
        if fact.reduced_to not in lighter:
            these = ", ".join(lighter) or "none"
            raise Refused(
                f"{fact.reduced_to} is not lighter than {state.outcome}; lighter are: {these}."
            )
    if command.competent is None:
        raise Refused(
            f"No desk stands above {state.decided_by}: the appeal lies with the Government of the "
            "province, outside the force."
        )
    _must_be(fact.authority, [command.competent], state)
    _not_before(fact, state.appealed_at, "the appeal")


def _check_reinstatement(command: Reinstate, state: Case) -> None:
    fact = command.fact
    if state.outcome not in REVERSIBLE:
        was = (
            f"The case is {state.state}" if state.outcome is None else f"He was {state.outcome}"
        )
        raise Refused(
            f"{was}: one is reinstated only from suspension, removal, dismissal, compulsory "
            "retirement or reduction in rank."
        )
    if state.appealed_at is not None and state.appeal is None:
        raise Refused("His appeal is undecided: decide it first.")
    _must_be(fact.authority, command.competent, state)
    last = state.appeal_decided_at or state.decided_at
    _not_before(fact, last, "the decision")


def _lighter(outcome: str | None) -> Sequence[Outcome]:
    rising = (*MINOR, *MAJOR)
    return tuple(rising[: rising.index(outcome)] if outcome in rising else ())


def _outside(state: Case) -> str:
    return (
        f"{state.officer} is of BPS 18 or above: the Government of the province decides, under "
        "its own rules."
    )


def _must_be(authority: Authority, competent: Sequence[PostId], state: Case) -> None:
    if authority.post not in competent:
        named = " or ".join(dict.fromkeys(competent)) or "nobody within the force"
        raise Refused(
            f"{authority.post} is not competent for {state.officer} by his unit and rank: "
            f"{named} is."
        )
    _must_sit(authority, state)


def _must_sit(authority: Authority, state: Case) -> None:
    if authority.officer is None:
        raise Refused(f"{authority.post} is vacant: this needs a held post.")
    if authority.officer == state.officer:
        raise Refused(
            f"{authority.post} is held by {state.officer}: nobody decides his own case."
        )


def _not_before(fact: Fact, at: Micros | None, what: str) -> None:
    if at is not None and micros(fact.at) < at:
        then = instant(at).astimezone(fact.at.tzinfo)
        raise Refused(f"{fact.at.isoformat()} lies before {what} ({then.isoformat()}).")


def evolve(state: Case, event: Event) -> Case:
    """Return ``state`` after ``event``."""
    at = micros(event.at)
    match event:
        case BreachReported() if state.reported_at is None:
            return Case(
                directive=event.directive,
                version=event.version,
                clause=event.clause,
                officer=event.officer,
                unit=event.unit,
                breach_at=micros(event.breach_at),
                reported_at=at,
            )
        case NoticeServed() if state.reported_at is not None:
            return replace(state, noticed_at=at, until=micros(event.until))
        case Answered() if state.noticed_at is not None:
            return replace(state, answered_at=at)
        case Decided() if state.reported_at is not None and state.undecided:
            return replace(
                state,
                suspended_at=at if event.outcome == "suspended" else state.suspended_at,
                decided_at=at,
                outcome=event.outcome,
                decided_by=event.authority.post,
                decided_unit=event.authority.unit,
            )
        case Appealed() if state.decided_at is not None:
            return replace(state, appealed_at=at)
        case AppealDecided() if state.appealed_at is not None:
            return replace(
                state,
                appeal_decided_at=at,
                appeal=event.outcome,
                reduced_to=event.reduced_to,
                appeal_by=event.authority.post,
            )
        case Reinstated() if state.decided_at is not None:
            return replace(state, reinstated_at=at)
        case _:
            raise CorruptStream(
                f"{event.stored} cannot follow in a case that is {state.state!r}."
            )


CASE: Decider[Command, Case, Event] = Decider(Case(), decide, evolve)


def case_id(office: str, year: int, serial: int) -> str:
    """Name a case by its office, the year of its report, and serial."""
    return f"{office}-{year}-c{serial}"


def stream(case: str, office: str) -> str:
    """Name the stream of a case."""
    return f"case-{case}.{office}"
