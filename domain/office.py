"""An office: how a region comes to keep a ledger of its own.

Streams: ``office-{office}.{writer}`` by both ends, ``key-{office}.{office}`` by the office.
Story: HQ commissions an office for a unit, the region registers its key and proves it with
the one-time token of the hand-over file, HQ admits it and opens the hand-over (from here HQ
writes nothing there), states what it hands over, and the region, if that is what it holds,
takes over. Only then does it write there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Literal, TypeAlias, assert_never

from domain.decider import Decider
from domain.errors import CorruptStream, Refused
from domain.fact import Fact, UnitId
from domain.force import Tree

State: TypeAlias = Literal["", "hq", "commissioned", "registered", "admitted", "moving", "open"]
SKEWED = 120
"""Seconds by which two clocks may differ before it is recorded."""


class KeyRegistered(Fact):
    """The office made its signing key; the private half never leaves its home."""

    stored: ClassVar[str] = "key.registered@1"
    office: str
    key: str
    """The public half (Ed25519), hex."""
    proof: str | None = None
    """Over office and key, by the one-time key of the hand-over file, hex; absent for HQ's own."""


class Commissioned(Fact):
    """HQ decided that a unit, and all below it, gets an office of its own."""

    stored: ClassVar[str] = "office.commissioned@1"
    office: str
    unit: UnitId
    claim: str
    """The public half of the one-time key in the hand-over file (Ed25519), hex."""


class Admitted(Fact):
    """HQ found the office's key proved; what that key signs is the office's."""

    stored: ClassVar[str] = "office.admitted@1"
    office: str
    key: str


class HandoverOpened(Fact):
    """From here HQ writes nothing for these units; until it takes over, nobody does."""

    stored: ClassVar[str] = "office.handover_opened@1"
    office: str
    units: tuple[UnitId, ...]


class Manifested(Fact):
    """HQ stated what it handed over: everything the office needs, up to the opening."""

    stored: ClassVar[str] = "office.manifested@1"
    office: str
    entries: int
    digest: str
    """SHA-256 over stream, version, name and bytes of each, in their order, hex."""


class TakenOver(Fact):
    """The office holds what HQ stated, and writes for its units from here on."""

    stored: ClassVar[str] = "office.taken_over@1"
    office: str
    digest: str


class SkewSeen(Fact):
    """The office's clock was seen to differ from the writer's, or (below two minutes) to agree again."""

    stored: ClassVar[str] = "office.skew_seen@1"
    office: str
    seconds: int
    """Its clock minus the writer's."""


Event: TypeAlias = (
    Commissioned | KeyRegistered | Admitted | HandoverOpened | Manifested | TakenOver | SkewSeen
)


@dataclass(frozen=True, slots=True)
class Office:
    """An office as it stands, by the facts of both ends."""

    id: str = ""
    unit: UnitId | None = None
    claim: str | None = None
    key: str | None = None
    proof: str | None = None
    admitted: str | None = None
    """The key that was admitted."""
    units: tuple[UnitId, ...] | None = None
    entries: int | None = None
    digest: str | None = None
    taken_over: bool = False
    skew: int | None = None
    """Seconds, while its clock is off."""

    @property
    def state(self) -> State:
        """How far it has come; ``hq`` is the office that admits the others."""
        if self.taken_over:
            return "open"
        if self.units is not None:
            return "moving"
        if self.admitted is not None:
            return "admitted"
        if self.claim is None and self.proof is None:
            return "" if self.key is None else "hq"
        return "commissioned" if self.key is None else "registered"


@dataclass(frozen=True, slots=True)
class Commission:
    """Give a unit an office of its own."""

    fact: Commissioned
    tree: Tree
    others: Mapping[str, UnitId]
    """The units of the offices there are."""
    history: bool
    """Whether a roll of the unit, or of one below it, was ever imported here."""


@dataclass(frozen=True, slots=True)
class Register:
    """Make the office's key known."""

    fact: KeyRegistered


@dataclass(frozen=True, slots=True)
class Admit:
    """Admit a key."""

    fact: Admitted
    proved: bool
    """Whether the proof is by the claimed one-time key, over this office and this key."""


@dataclass(frozen=True, slots=True)
class Open:
    """Open the hand-over."""

    fact: HandoverOpened
    history: bool


@dataclass(frozen=True, slots=True)
class Record:
    """Add what follows from what is known: the manifest, the taking over, a skew."""

    fact: Manifested | TakenOver | SkewSeen


Command: TypeAlias = Commission | Register | Admit | Open | Record


def decide(command: Command, state: Office) -> Sequence[Event]:
    """Return the facts ``command`` adds, ``()`` if they already hold.

    Raises:
        Refused: the rule that forbids it.

    """
    match command:
        case Commission(fact, tree, others, history):
            _may_commission(fact, tree, others, state, history=history)
            return (fact,)
        case Register(fact):
            if state.key == fact.key and (state.proof == fact.proof or state.admitted):
                return ()
            if state.key not in (None, fact.key):
                raise Refused(f"The office {fact.office} has registered another key.")
            return (fact,)
        case Admit(fact, proved):
            if state.admitted == fact.key:
                return ()
            if state.admitted is not None or state.claim is None or state.key != fact.key:
                raise Refused(f"No such key of the office {fact.office} awaits admission.")
            if not proved:
                raise Refused(
                    f"The key of the office {fact.office} is not proved by the token of its "
                    "hand-over file: find out who joined, and commission under another name."
                )
            return (fact,)
        case Open(fact, history):
            if state.units is not None:
                return ()
            if state.admitted is None:
                raise Refused(f"The office {fact.office} has not been admitted.")
            if history:
                raise Refused(_history(fact.office))
            return (fact,)
        case Record(Manifested() as fact):
            if state.units is None:
                raise Refused(f"No hand-over to the office {fact.office} has been opened.")
            return () if state.digest is not None else (fact,)
        case Record(TakenOver() as fact):
            if state.taken_over:
                return ()
            if state.digest is None:
                raise Refused("HQ has not stated yet what it hands over.")
            if state.digest != fact.digest:
                raise Refused(
                    "What arrived is not what HQ states that it handed over: nothing is taken "
                    "over; compare the ledgers of both ends."
                )
            return (fact,)
        case Record(SkewSeen() as fact):
            off = abs(fact.seconds) >= SKEWED
            return (fact,) if off != (state.skew is not None) else ()
    assert_never(command)  # type: ignore[arg-type]  # mypy does not see through Record(...)


def _may_commission(
    fact: Commissioned,
    tree: Tree,
    others: Mapping[str, UnitId],
    state: Office,
    *,
    history: bool,
) -> None:
    if state.state not in ("", "commissioned") or (state.unit or fact.unit) != fact.unit:
        raise Refused(
            f"There is an office {fact.office} already ({state.state}); "
            "an office that follows it needs a name of its own."
        )
    if fact.unit == tree.root:
        raise Refused(f"{fact.unit} is the root: its office is this one.")
    line = {*tree.above(fact.unit), *tree.below(fact.unit)}
    for office, unit in sorted(others.items()):
        if office != fact.office and unit in line:
            raise Refused(
                f"{unit} has the office {office}: an office stands neither above nor below another."
            )
    if history:
        raise Refused(_history(fact.unit))


def _history(what: str) -> str:
    return (
        f"Officers of {what} are on a roll here: an office is commissioned before its region "
        "has history."
    )


def evolve(state: Office, event: Event) -> Office:
    """Return ``state`` after ``event``; the two ends learn of each other's facts in either order."""
    if state.id not in ("", event.office):
        raise CorruptStream(
            f"{event.stored} of {event.office} stands among those of {state.id}."
        )
    state = replace(state, id=event.office)
    match event:
        case Commissioned() if state.admitted is None:
            return replace(state, unit=event.unit, claim=event.claim)
        case KeyRegistered():
            # Whatever is registered later, the key that was admitted stays.
            return replace(state, key=event.key, proof=event.proof)
        case Admitted() if state.claim is not None:
            return replace(state, admitted=event.key)
        case HandoverOpened() if state.admitted is not None:
            return replace(state, units=event.units)
        case Manifested() if state.units is not None:
            return replace(state, entries=event.entries, digest=event.digest)
        case TakenOver() if state.digest is not None:
            return replace(state, taken_over=True)
        case SkewSeen():
            return replace(state, skew=event.seconds if abs(event.seconds) >= SKEWED else None)
        case _:
            raise CorruptStream(f"{event.stored} cannot stand where it stands in its office.")


OFFICE: Decider[Command, Office, Event] = Decider(Office(), decide, evolve)


def stream(office: str, writer: str) -> str:
    """Name the stream of an office, as ``writer`` writes it."""
    return f"office-{office}.{writer}"


def key_stream(office: str) -> str:
    """Name the stream of an office's keys."""
    return f"key-{office}.{office}"


def to_prove(office: str, key: str) -> bytes:
    """Return what the one-time key signs; ``key`` is the public half that is registered, hex."""
    return b"farman key\n" + office.encode() + b"\n" + bytes.fromhex(key)
