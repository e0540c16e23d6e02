"""A relay: a directive at a unit, on its way down.

Stream: ``relay-{directive}.{unit}.{office}``
Story: received (once; a later receipt is only noted), acknowledged by a desk, forwarded to
the units below, served on the officers posted there. Where an acknowledgement is awaited
and the desk is vacant, it is forwarded by rule when its grace has run out. On its way a unit
may tighten a clause for itself and all below it, never relax one (DESIGN 4, rule 2).

The returns that the unit owes stand in the same stream; their story is `domain.returns`, and
nothing here turns on them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, TypeAlias, assert_never

from domain.authority import Authority
from domain.deadline import Due
from domain.decider import Decider
from domain.drift import Difference
from domain.errors import CorruptStream, Refused
from domain.fact import HOUR, ClauseId, Fact, Micros, OfficerId, PostId, UnitId, instant, micros

EVERY: Micros = 24 * HOUR
"""Between two reminders of the same unit, at least."""
SERVED_AT_ONCE = 1_000
"""Officers in one fact of service, at most."""
RETURN = "relay.return_"
"""How the stored names of the returns begin that stand in a relay's stream."""


class Received(Fact):
    """The directive reached the unit."""

    stored: ClassVar[str] = "relay.received@1"
    sender: UnitId
    """The unit it came from: the issuer's, or the one above."""
    parent: UnitId | None = None
    """The unit above it in the tree, then."""


class ReceivedAgain(Fact):
    """The directive came a second way; the first receipt counts."""

    stored: ClassVar[str] = "relay.received_again@1"
    via: UnitId


class Acknowledged(Fact):
    """A desk of the unit confirmed the receipt."""

    stored: ClassVar[str] = "relay.acknowledged@1"
    by: PostId
    officer: OfficerId | None = None
    """Who held the post then."""


class Forwarded(Fact):
    """The unit passed the directive on to the units below it; maybe there are none."""

    stored: ClassVar[str] = "relay.forwarded@1"
    to: tuple[UnitId, ...]
    vacant_since: str | None = None
    """Set when it was forwarded by rule: since when the desk that should have acknowledged
    was vacant, ISO 8601."""


class OfficersServed(Fact):
    """The unit served the directive on these officers of its own roll, maybe on nobody."""

    stored: ClassVar[str] = "relay.officers_served@1"
    officers: tuple[OfficerId, ...]
    version: int
    text: str
    """SHA-256 of the wording they were served with."""
    joined: bool = False
    """Whether they began to match after the unit had served (a standing directive)."""


class Reminded(Fact):
    """Who holds the desk that has not acknowledged within the grace was reminded, once a day."""

    stored: ClassVar[str] = "relay.reminded@1"
    post: PostId
    officer: OfficerId


class ClauseTightened(Fact):
    """The unit shortened a clause's deadline, or closed an open exception, for all below it too."""

    stored: ClassVar[str] = "relay.clause_tightened@1"
    clause: ClauseId
    due: Due | None = None
    """The deadline from then on; None where an exception was closed."""
    closed: bool
    """Whether nobody registers under the exception any more."""
    was: Due | None = None
    """The deadline that held here before; None if there was none."""
    version: int
    """The directive's version that it was said of."""
    text: str
    """SHA-256 of that wording."""
    authority: Authority
    units: tuple[UnitId, ...]
    """The unit and all below it, as the tree stood."""


class DriftFound(Fact):
    """The text that the unit passed on was held against its order; what differs is noted."""

    stored: ClassVar[str] = "relay.drift_found@1"
    relayed: str
    """SHA-256 of the text that was passed on."""
    number: str | None = None
    """As that text calls itself."""
    issuer: PostId
    """Whose text it is."""
    version: int
    """The order's version that it was held against."""
    text: str
    """SHA-256 of that wording."""
    differences: tuple[Difference, ...]
    """None, if it says the same."""
    authority: Authority
    """Of the post that noted it."""


class Escalated(Fact):
    """Officers of the unit are overdue; the next level was told. Once per clause and level."""

    stored: ClassVar[str] = "relay.escalated@1"
    clause: ClauseId
    level: int
    """From 1, counting up from the serving unit's own head."""
    officers: int
    """How many were overdue then."""
    oldest_due: str
    to_unit: UnitId
    to_post: PostId | None = None
    to_officer: OfficerId | None = None
    """None when every desk from there to the issuer was vacant."""
    passed: tuple[PostId, ...] = ()
    """Vacant desks that the step passed on its way up."""


Event: TypeAlias = (
    Received
    | ReceivedAgain
    | Acknowledged
    | Forwarded
    | OfficersServed
    | ClauseTightened
    | DriftFound
    | Reminded
    | Escalated
)


@dataclass(frozen=True, slots=True)
class Relay:
    """A directive at a unit, as it stands."""

    received_at: Micros | None = None
    sender: UnitId | None = None
    via: UnitId | None = None
    acknowledged_at: Micros | None = None
    forwarded_at: Micros | None = None
    forwarded_to: frozenset[UnitId] = frozenset()
    served_at: Micros | None = None
    reminders: int = 0
    """How many there were; nothing resets it, whoever holds the desk."""
    reminded_at: Micros | None = None
    """The last."""
    drifts: frozenset[str] = frozenset()
    """SHA-256 of each text that was noted."""
    escalated: frozenset[tuple[ClauseId, int]] = frozenset()


@dataclass(frozen=True, slots=True)
class Receive:
    """Take note of a receipt."""

    fact: Received


@dataclass(frozen=True, slots=True)
class Record:
    """Add what the office itself did: forwarding, serving, reminding, escalating."""

    fact: Forwarded | OfficersServed | Reminded | Escalated | DriftFound


@dataclass(frozen=True, slots=True)
class Acknowledge:
    """Confirm the receipt for a unit."""

    fact: Acknowledged


@dataclass(frozen=True, slots=True)
class Tighten:
    """Tighten a clause at a unit; the fact's ``was`` is what holds there now."""

    fact: ClauseTightened
    number: str
    """The directive's, for the refusal."""
    shut: bool = False
    """Whether the exception admits nobody here already."""


Command: TypeAlias = Receive | Acknowledge | Record | Tighten


def decide(command: Command, state: Relay) -> Sequence[Event]:
    """Return the facts ``command`` adds, ``()`` if they already hold.

    Raises:
        Refused: the unit has not received the directive, or not yet at that instant.

    """
    match command:
        case Receive(fact):
            if state.received_at is None:
                return (fact,)
            if fact.sender in {state.sender, state.via} or state.via is not None:
                return ()
            return (
                ReceivedAgain(
                    at=fact.at,
                    recorded_at=fact.recorded_at,
                    actor=fact.actor,
                    channel=fact.channel,
                    via=fact.sender,
                ),
            )
        case Acknowledge(fact):
            if state.received_at is None:
                raise Refused("This unit has not received the directive.")
            if state.acknowledged_at is not None:
                return ()
            if micros(fact.at) < state.received_at:
                raise Refused(
                    "A unit cannot acknowledge before its receipt at "
                    f"{instant(state.received_at).isoformat()}."
                )
            return (fact,)
        case Tighten(fact, number, shut):
            if state.received_at is None:
                raise Refused("This unit has not received the directive.")
            if micros(fact.at) < state.received_at:
                raise Refused(
                    "A unit cannot tighten a clause before its receipt at "
                    f"{instant(state.received_at).isoformat()}."
                )
            if fact.due is None:
                return () if shut else (fact,)
            if fact.due == fact.was:
                return ()
            if fact.was is not None:
                _must_not_relax(number, fact.clause, fact.was, fact.due)
            return (fact,)
        case Record(DriftFound() as fact):
            if state.received_at is None:
                raise Refused("This unit has not received the directive.")
            if micros(fact.at) < state.received_at:
                raise Refused(
                    "A unit cannot pass on a text before its receipt at "
                    f"{instant(state.received_at).isoformat()}."
                )
            return () if fact.relayed in state.drifts else (fact,)
        case Record(Escalated() as fact):
            return () if (fact.clause, fact.level) in state.escalated else (fact,)
        case Record(Reminded() as fact):
            done = state.acknowledged_at is not None or state.forwarded_at is not None
            return () if done or not is_due(state, micros(fact.at)) else (fact,)
        case Record(Forwarded() as fact):
            if state.received_at is None:
                raise Refused("This unit has not received the directive.")
            new = tuple(unit for unit in fact.to if unit not in state.forwarded_to)
            if state.forwarded_at is not None and not new:
                return ()
            return (fact if new == fact.to else fact.model_copy(update={"to": new}),)
        case Record(OfficersServed() as fact):
            if state.forwarded_at is None:
                raise Refused("This unit has not forwarded the directive.")
            if state.served_at is not None and not fact.officers:
                return ()
            return (fact,)
    assert_never(command)  # type: ignore[arg-type]  # mypy does not see through Record(...)


def is_due(state: Relay, at: Micros) -> bool:
    """Tell whether the next reminder has come: a day after the last, whoever got that."""
    return state.reminded_at is None or at >= state.reminded_at + EVERY


def _must_not_relax(number: str, clause: ClauseId, was: Due, now: Due) -> None:
    looser = now.looser(was)
    if looser is None:
        raise Refused(
            f"{clause!r} of {number} is due {was.words()}; a deadline {now.words()} runs by "
            "another clock, so it may be later: shorten it by the same clock."
        )
    if looser:
        raise Refused(
            f"A unit may tighten and never relax: {clause!r} of {number} is due {was.words()}, "
            f"and {now.words()} would be later."
        )


def evolve(state: Relay, event: Event) -> Relay:
    """Return ``state`` after ``event``."""
    at = micros(event.at)
    match event:
        case Received() if state.received_at is None:
            return replace(state, received_at=at, sender=event.sender)
        case ReceivedAgain() if state.received_at is not None:
            return replace(state, via=event.via)
        case Acknowledged() if state.received_at is not None:
            return replace(state, acknowledged_at=at)
        case Forwarded() if state.received_at is not None:
            return replace(
                state,
                forwarded_at=at if state.forwarded_at is None else state.forwarded_at,
                forwarded_to=state.forwarded_to | set(event.to),
            )
        case OfficersServed() if state.forwarded_at is not None:
            return replace(state, served_at=at if state.served_at is None else state.served_at)
        case ClauseTightened() if state.received_at is not None:
            return state
        case DriftFound() if state.received_at is not None:
            return replace(state, drifts=state.drifts | {event.relayed})
        case Reminded():
            return replace(state, reminders=state.reminders + 1, reminded_at=at)
        case Escalated():
            return replace(state, escalated=state.escalated | {(event.clause, event.level)})
        case _ if event.stored.startswith(RETURN):
            return state
        case _:
            raise CorruptStream(f"{event.stored} cannot stand where it stands in its relay.")


RELAY: Decider[Command, Relay, Event] = Decider(Relay(), decide, evolve)


def stream(directive: str, unit: str, office: str) -> str:
    """Name the stream of a relay."""
    return f"relay-{directive}.{unit}.{office}"
