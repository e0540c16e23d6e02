"""What every fact carries, and how instants are counted.

A fact is one entry of the ledger: past, frozen, complete. `at` is when it happened, with
the zone of whoever reported it; `recorded_at` is when its writer wrote it, UTC. Instants
inside state and projections are whole microseconds since 1970-01-01T00:00Z (``Micros``).
"""

from datetime import UTC, datetime, timedelta
from typing import Annotated, ClassVar, NewType

from pydantic import AwareDatetime, BaseModel, ConfigDict, StringConstraints

UnitId = NewType("UnitId", str)
PostId = NewType("PostId", str)
OfficerId = NewType("OfficerId", str)
DirectiveId = NewType("DirectiveId", str)
ClauseId = NewType("ClauseId", str)
Micros = int
"""Microseconds since 1970-01-01T00:00:00Z."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
SECOND: Micros = 1_000_000
HOUR: Micros = 3600 * SECOND
FOREVER: Micros = 2**53 - 1
"""Later than any instant; the largest integer that every JSON reader keeps exactly."""
AHEAD: Micros = 300 * SECOND
"""How far a reported instant may lie after the clock: five minutes."""

Text = dict[Annotated[str, StringConstraints(pattern=r"^[a-z]{2,8}$")], str]
"""A text by language: en, ur, ps, sd."""


def micros(at: datetime) -> Micros:
    """Count the microseconds from the epoch to an aware datetime, exactly."""
    return (at - EPOCH) // _MICROSECOND


def instant(at: Micros) -> datetime:
    """Return the UTC datetime of a count of microseconds."""
    return EPOCH + timedelta(microseconds=at)


class Fact(BaseModel):
    """Something that happened, as its writer wrote it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    stored: ClassVar[str]
    """The stored name and version, frozen for ever: ``service.acknowledged@1``."""

    at: AwareDatetime
    """When it happened."""
    recorded_at: AwareDatetime
    """When this office wrote it, UTC; never earlier than the entry before it."""
    actor: str
    """Who did it: ``post:<id>``, ``officer:<id>``, or ``farman`` for what follows by rule."""
    channel: str
    """How it was reported: ``cli``, ``file``, ``phone``, ``sms``, ``paper``, ``desk``, ``rule``."""


def words(text: Text) -> str:
    """Return the English wording, or the first there is."""
    return text.get("en") or next(iter(text.values()), "")
