"""The roll: who is on the strength, where, in which rank and duty state.

Streams: ``roll-{unit}.{office}`` for what a nominal roll says of up to 1,000 officers at
once, ``officer-{officer}.{office}`` for what befalls one of them.
Story: an officer is mustered, corrected, posted, promoted, changes duty, retires. Roll and
officer facts may speak of one field: the later `at` wins, then the higher position.
Names and phones occur here and nowhere else, so that they can be erased one day.
"""

from collections.abc import Mapping
from typing import ClassVar, Literal, TypeAlias

from typing_extensions import TypedDict

from domain.fact import Fact, OfficerId, UnitId

MUSTER = 1_000
"""Officers in one fact, at most."""

Duty: TypeAlias = Literal["on_duty", "leave", "suspended", "osd", "lines"]
DUTIES: tuple[str, ...] = ("on_duty", "leave", "suspended", "osd", "lines")
DUTY_WORDS: Mapping[str, str] = {
    "on_duty": "on duty",
    "leave": "on leave",
    "suspended": "suspended",
    "osd": "on special duty (OSD)",
    "lines": "closed to the lines",
}
"""As a sentence says of somebody that he is."""


class Line(TypedDict, total=False):
    """What a roll says of one officer; what it does not say is absent."""

    officer: OfficerId
    belt_no: str
    name: str
    rank: int
    designation: str
    duty: Duty
    joined_on: str
    phone: str
    unit: UnitId
    """Where he is posted now, when that changed."""
    rejoined: bool
    """He had left the force and is on the strength again."""


class Mustered(Fact):
    """Officers new to the strength, as a unit's roll lists them."""

    stored: ClassVar[str] = "roll.mustered@1"
    unit: UnitId
    officers: list[Line]


class Corrected(Fact):
    """Officers known before, listed by this unit's roll with other particulars."""

    stored: ClassVar[str] = "roll.corrected@1"
    unit: UnitId
    officers: list[Line]
    """Changed fields only."""


class Posted(Fact):
    """An officer was transferred."""

    stored: ClassVar[str] = "officer.posted@1"
    officer: OfficerId
    unit: UnitId


class Promoted(Fact):
    """An officer got another rank, up or down."""

    stored: ClassVar[str] = "officer.promoted@1"
    officer: OfficerId
    rank: int


class DutyChanged(Fact):
    """An officer went on leave, to lines, under suspension, or returned to duty."""

    stored: ClassVar[str] = "officer.duty_changed@1"
    officer: OfficerId
    duty: Duty


class Retired(Fact):
    """An officer left the force: retired, dismissed, or died."""

    stored: ClassVar[str] = "officer.retired@1"
    officer: OfficerId
    died: bool


Event: TypeAlias = Mustered | Corrected | Posted | Promoted | DutyChanged | Retired


def roll_stream(unit: str, office: str) -> str:
    """Name the stream of a unit's roll."""
    return f"roll-{unit}.{office}"


def officer_stream(officer: str, office: str) -> str:
    """Name the stream of an officer."""
    return f"officer-{officer}.{office}"
