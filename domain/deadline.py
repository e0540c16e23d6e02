"""Deadlines, and the clock each of them names.

A duration is exact: ``P7D`` is 168 hours, so a due time never depends on a calendar.
"""

from typing import Literal, NamedTuple, TypeAlias

from pydantic import AwareDatetime, BaseModel, ConfigDict, PositiveInt, model_validator

from domain.fact import SECOND, ClauseId, Micros, UnitId, micros

Clock: TypeAlias = Literal["issue", "receipt", "service"]


class Due(BaseModel):
    """By when: a duration from a named clock, or an instant."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    clock: Clock | None = None
    within: PositiveInt | None = None
    """Seconds."""
    at: AwareDatetime | None = None

    @model_validator(mode="after")
    def _one_form(self) -> "Due":
        if (self.at is None) == (self.clock is None) or (self.clock is None) != (
            self.within is None
        ):
            msg = "a due time is either an instant or a duration from a clock"
            raise ValueError(msg)
        return self

    def words(self) -> str:
        """Return it as a person says it: “within 3 days of the service”."""
        if self.at is not None:
            return f"by {self.at.isoformat()}"
        of = {"issue": "the issue", "receipt": "the receipt", "service": "the service"}
        return f"within {span(self.within or 0)} of {of[self.clock or 'issue']}"

    def looser(self, other: "Due") -> bool | None:
        """Tell whether this leaves more time than ``other``; None if their clocks differ."""
        if (self.at is None) != (other.at is None) or self.clock != other.clock:
            return None
        if self.at is not None and other.at is not None:
            return self.at > other.at
        return (self.within or 0) > (other.within or 0)


class Shorter(NamedTuple):
    """A deadline that a unit on the way down has shortened, for all that it and those below serve."""

    clause: ClauseId
    since: Micros
    """When it was shortened: nobody is late by it before that."""
    due: Due


class Shut(NamedTuple):
    """An exception that a unit on the way down has closed, for itself and all below."""

    unit: UnitId
    at: Micros


_UNITS = ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))


def span(seconds: int) -> str:
    """Return a duration as a person says it: “1 day 6 hours”."""
    said: list[str] = []
    for size, name in _UNITS:
        count, seconds = divmod(seconds, size)
        if count:
            said.append(f"{count:,} {name}{'s' if count > 1 else ''}")
    return " ".join(said) or "no time"


def due_at(
    due: Due, *, issued: Micros, received: Micros, served: Micros, restarted: Micros
) -> Micros:
    """Return when the clock of ``due`` runs out for an officer.

    ``received`` is the receipt by the unit that served him. A material amendment starts
    the clocks anew: ``restarted`` is its instant, or 0. An instant given outright stands.
    """
    if due.at is not None:
        return micros(due.at)
    start = {"issue": issued, "receipt": received, "service": served}[due.clock or "issue"]
    return max(start, restarted) + (due.within or 0) * SECOND
