"""A roll call: what a station's clerk enters for those who answered when it was read out.

Stream: ``roll_call-{unit}.{date}.{n}.{office}``
Story: it was held at one hour and entered at another; both are stated (Police Rule 22.48),
with the number of the daily diary. The officers whose answer it changed are named, and the
absent.
"""

from typing import ClassVar, Literal, TypeAlias

from pydantic import Field

from domain.fact import DirectiveId, Fact, OfficerId, UnitId

HELD_AT_ONCE = 1_000
"""Officers in one fact, at most; a longer roll call continues in the next one."""


class Held(Fact):
    """A roll call was held: `at` is its hour, `recorded_at` the hour of the entry."""

    stored: ClassVar[str] = "roll_call.held@1"
    directive: DirectiveId
    unit: UnitId
    kind: Literal["acknowledged", "complied"]
    officers: tuple[OfficerId, ...]
    absent: tuple[OfficerId, ...] = ()
    notes: dict[OfficerId, str] = Field(default_factory=dict)
    """What the clerk noted of those named above."""
    diary: str
    """The number of the daily-diary entry."""
    version: int
    text: str


Event: TypeAlias = Held


def stream(unit: str, date: str, n: int, office: str) -> str:
    """Name the stream of a unit's n-th roll call of a day (ISO date, the force's zone)."""
    return f"roll_call-{unit}.{date}.{n}.{office}"
