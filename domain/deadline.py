"""Deadlines, and the clock each of them names.

A duration is exact: ``P7D`` is 168 hours, so a due time never depends on a calendar.
"""

from typing import Literal, TypeAlias

from pydantic import AwareDatetime, BaseModel, ConfigDict, PositiveInt, model_validator

from domain.fact import SECOND, Micros, micros

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
