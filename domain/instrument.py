"""An instrument from outside the chain of command: a ministry's instruction, a minister's order.

Stream: ``instrument-{id}.{office}``; an id is ``{office}-i{serial}``, gap-free for each office.
Story: it is entered from its file, once, and never changes. It binds nobody here (K18): an
order of the force may be similar to it, may adopt it (H14), or may stand on it where its own
authority was only conveyed (K16).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import ClassVar, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from domain.decider import Decider
from domain.directive import Clause
from domain.errors import CorruptStream, Refused
from domain.fact import Fact, Text


class Paper(BaseModel):
    """An instrument as its sender wrote it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    citation: str | None = None
    """As it is cited; None: only by its id."""
    sender: Text
    """From whom."""
    dated: str
    """The day that it bears, ISO 8601."""
    form: Literal["signed", "conveyed"]
    """Whether the signed paper is at hand, or somebody reports what it says."""
    subject: Text
    clauses: tuple[Clause, ...] = ()
    """As they are worded there; they bind nobody here."""
    texts: Text = Field(default_factory=dict)
    """The body by language."""
    purpose: Text | None = None
    incident: Text | None = None
    confidentiality: str | None = None


class Entered(Fact):
    """An instrument from outside the chain of command was entered; it binds nobody here."""

    stored: ClassVar[str] = "instrument.entered@1"
    instrument: str
    serial: int
    paper: Paper
    text: str
    """SHA-256 of the file, hex."""


Event: TypeAlias = Entered


@dataclass(frozen=True, slots=True)
class Instrument:
    """An instrument as it stands; ``entered`` is None before it was."""

    entered: Entered | None = None


@dataclass(frozen=True, slots=True)
class Enter:
    """Enter an instrument."""

    fact: Entered
    today: date
    """The day of its entry, in the force's zone."""


def decide(command: Enter, state: Instrument) -> Sequence[Event]:
    """Return the facts ``command`` adds, ``()`` if they already hold.

    Raises:
        Refused: it bears a day that has not come.

    """
    if state.entered is not None:
        return ()
    dated = command.fact.paper.dated
    if date.fromisoformat(dated) > command.today:
        raise Refused(
            f"It is dated {dated}, after the day of its entry ({command.today.isoformat()}): "
            "check the date."
        )
    return (command.fact,)


def evolve(state: Instrument, event: Event) -> Instrument:
    """Return ``state`` after ``event``."""
    if state.entered is not None:
        raise CorruptStream(f"{event.instrument} was entered twice.")
    return Instrument(event)


INSTRUMENT: Decider[Enter, Instrument, Event] = Decider(Instrument(), decide, evolve)


def instrument_id(office: str, serial: int) -> str:
    """Name an instrument by its office and serial."""
    return f"{office}-i{serial}"


def stream(instrument: str, office: str) -> str:
    """Name the stream of an instrument."""
    return f"instrument-{instrument}.{office}"
