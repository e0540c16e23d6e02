"""A relay: a directive at a unit, on its way down.

Stream: ``relay-{directive}.{unit}.{office}``
Story: received (once; a later receipt is only noted), acknowledged by a desk, forwarded to
the units below, served on the officers posted there. Where an acknowledgement is awaited
and the desk is vacant, it is forwarded by rule when its grace has run out.

The returns that the unit owes stand in the same stream; their story is `domain.returns`, and
nothing here turns on them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, TypeAlias, assert_never

from domain.decider import Decider
from domain.errors import CorruptStream, Refused
from domain.fact import ClauseId, Fact, Micros, OfficerId, PostId, UnitId, instant, micros

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
    """A held desk that has not acknowledged within the grace was reminded."""

    stored: ClassVar[str] = "relay.reminded@1"
    post: PostId
    officer: OfficerId


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
    Received | ReceivedAgain | Acknowledged | Forwarded | OfficersServed | Reminded | Escalated
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
    reminded: bool = False
    escalated: frozenset[tuple[ClauseId, int]] = frozenset()


@dataclass(frozen=True, slots=True)
class Receive:
    """Take note of a receipt."""

    fact: Received


@dataclass(frozen=True, slots=True)
class Record:
    """Add what the office itself did: forwarding, serving, reminding, escalating."""

    fact: Forwarded | OfficersServed | Reminded | Escalated


@dataclass(frozen=True, slots=True)
class Acknowledge:
    """Confirm the receipt for a unit."""

    fact: Acknowledged


Command: TypeAlias = Receive | Acknowledge | Record


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
        case Record(Escalated() as fact):
            return () if (fact.clause, fact.level) in state.escalated else (fact,)
        case Record(Reminded() as fact):
            return () if state.reminded else (fact,)
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
        case Reminded():
            return replace(state, reminded=True)
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
