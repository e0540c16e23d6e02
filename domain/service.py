"""A service: a directive at an officer, and what he answers.

Stream: ``service-{directive}.{officer}.{office}``
Story: once served he reads, acknowledges, complies; each answer implies the lower ones at
its own `at`. Repeats change nothing; the earliest `at` of each kind counts, so answers may
arrive in any order. He may contest; a post that commands his unit may exempt him.

Whether he was served stands in his unit's relay. *Served* never becomes unserved, so the
state here may come from a projection that lags: then it refuses, to be tried again, and
never accepts wrongly.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar, Literal, NamedTuple, TypeAlias

from domain.errors import Refused
from domain.fact import AHEAD, ClauseId, Fact, Micros, PostId, instant

Kind: TypeAlias = Literal["read", "acknowledged", "complied"]
LEVEL: Mapping[str, int] = {"read": 1, "acknowledged": 2, "complied": 3}
"""How much an answer says; each implies the lower ones."""


class _Answer(Fact):
    version: int
    """The directive's version that he answered."""
    text: str
    """SHA-256 of that wording: what this office held is what was obeyed."""
    note: str | None = None


class Read(_Answer):
    """The officer has read the directive."""

    stored: ClassVar[str] = "service.read@1"


class Acknowledged(_Answer):
    """The officer confirmed that he received and understood the directive."""

    stored: ClassVar[str] = "service.acknowledged@1"


class Complied(_Answer):
    """The officer did what a required act asks, or all of them."""

    stored: ClassVar[str] = "service.complied@1"
    clause: ClauseId | None = None
    """None: every required act."""
    evidence: str | None = None
    """A reference to evidence; None is his attestation alone."""


class Contested(Fact):
    """The officer disputes that the directive applies to him; no deadline stops."""

    stored: ClassVar[str] = "service.contested@1"
    version: int
    text: str
    reason: str


class Decided(Fact):
    """A contest ended; upheld exempts him."""

    stored: ClassVar[str] = "service.decided@1"
    outcome: Literal["upheld", "dismissed"]
    by: PostId
    reason: str | None = None


class Exempted(Fact):
    """A post that commands his unit freed him of a clause, or of all."""

    stored: ClassVar[str] = "service.exempted@1"
    clause: ClauseId | None = None
    by: PostId
    reason: str


Event: TypeAlias = Read | Acknowledged | Complied | Contested | Decided | Exempted
Answer: TypeAlias = Read | Acknowledged | Complied


class Service(NamedTuple):
    """How an officer stands with a directive, for one asking: versions before it wiped out."""

    served_at: Micros | None = None
    read_at: Micros | None = None
    acknowledged_at: Micros | None = None
    acts: Mapping[ClauseId | None, Micros] = MappingProxyType({})
    """The earliest compliance by clause; under None, compliance with all."""
    contested: bool = False
    exempt: frozenset[ClauseId | None] = frozenset()
    left_at: Micros | None = None
    """When he left the force."""


class Give(NamedTuple):
    """An officer's answer, by himself or through his station's clerk."""

    kind: str
    """read, acknowledged or complied."""
    at: Micros
    now: Micros
    issued_at: Micros
    ended_at: Micros | None
    required: tuple[ClauseId, ...]
    """The required acts of the version he answers."""
    clause: ClauseId | None = None


class Plead(NamedTuple):
    """Contest, decide a contest, or exempt."""

    kind: str
    """contest, decide or exempt."""
    at: Micros
    now: Micros
    issued_at: Micros
    ended_at: Micros | None
    clause: ClauseId | None = None


def check(command: Give | Plead, state: Service) -> None:
    """Refuse what cannot be true of this officer at that instant.

    Raises:
        Refused: with the sentence for the sender.

    """
    at = command.at
    if state.served_at is None:
        raise Refused("The officer has not been served this directive.")
    if at > command.now + AHEAD:
        raise Refused("The instant lies more than five minutes after the clock.")
    if at < command.issued_at:
        raise Refused("The instant lies before the directive was issued.")
    if at < state.served_at:
        raise Refused(
            "The instant lies before the officer was served at "
            f"{instant(state.served_at).isoformat()}."
        )
    if state.left_at is not None and at >= state.left_at:
        raise Refused("The officer had left the force by then.")
    if command.ended_at is not None and at >= command.ended_at:
        raise Refused("The directive was no longer in force at that instant.")


def improves(command: Give, state: Service) -> bool:
    """Decide an answer: whether it says something new, or something known earlier.

    Raises:
        Refused: from `check`; or no such act is required.

    """
    check(command, state)
    at = command.at
    match command.kind:
        case "read":
            return state.read_at is None or at < state.read_at
        case "acknowledged":
            return state.acknowledged_at is None or at < state.acknowledged_at
        case _:
            if not command.required:
                raise Refused("This directive requires no act that one could comply with.")
            if command.clause is not None and command.clause not in command.required:
                raise Refused(
                    f"{command.clause!r} is not a required act of this directive; "
                    f"its acts are {', '.join(command.required)}."
                )
            if state.acknowledged_at is None or at < state.acknowledged_at:
                return True
            asked = command.required if command.clause is None else (command.clause,)
            known = state.acts
            every = known.get(None)
            return any(
                at < min((t for t in (known.get(act), every) if t is not None), default=at + 1)
                for act in asked
            )


def answered(state: Service, kind: str, at: Micros, clause: ClauseId | None) -> Service:
    """Return ``state`` after an answer that improved it."""
    level = LEVEL[kind]
    read, acknowledged, acts = state.read_at, state.acknowledged_at, state.acts
    if read is None or at < read:
        read = at
    if level > 1 and (acknowledged is None or at < acknowledged):
        acknowledged = at
    if level == LEVEL["complied"]:
        before = acts.get(clause)
        acts = {**acts, clause: at if before is None else min(at, before)}
    return Service(
        state.served_at, read, acknowledged, acts, state.contested, state.exempt, state.left_at
    )


def decide_plea(command: Plead, state: Service) -> bool:
    """Tell whether a contest, a decision or an exemption changes anything.

    Raises:
        Refused: from `check`; or there is no contest to decide.

    """
    check(command, state)
    match command.kind:
        case "contest":
            return not state.contested
        case "decide":
            if not state.contested:
                raise Refused("There is no undecided contest of this officer.")
            return True
        case _:
            return None not in state.exempt and command.clause not in state.exempt


def stream(directive: str, officer: str, office: str) -> str:
    """Name the stream of a service."""
    return f"service-{directive}.{officer}.{office}"
