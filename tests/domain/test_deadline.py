"""Deadlines: each names its clock."""

from typing import Any

import pytest
from pydantic import ValidationError

from domain.deadline import Due, due_at
from domain.fact import HOUR, SECOND, micros
from tests.examples import NINE

ISSUED = micros(NINE)
RECEIVED, SERVED = ISSUED + 2 * HOUR, ISSUED + 5 * HOUR
DAY = 86_400


def due(restarted: int = 0, **said: Any) -> int:
    return due_at(
        Due(**said), issued=ISSUED, received=RECEIVED, served=SERVED, restarted=restarted
    )


@pytest.mark.parametrize(
    ("clock", "start"), [("issue", ISSUED), ("receipt", RECEIVED), ("service", SERVED)]
)
def test_each_clock_has_its_own_beginning(clock: str, start: int) -> None:
    assert due(clock=clock, within=DAY) == start + DAY * SECOND


def test_a_deadline_may_be_an_instant() -> None:
    assert due(at=NINE) == ISSUED
    assert due(at=NINE, restarted=SERVED + HOUR) == ISSUED


@pytest.mark.parametrize("clock", ["issue", "receipt", "service"])
def test_a_material_amendment_starts_the_clocks_anew(clock: str) -> None:
    restarted = SERVED + HOUR
    assert due(restarted, clock=clock, within=DAY) == restarted + DAY * SECOND


def test_who_was_served_after_the_amendment_has_his_whole_time() -> None:
    restarted = RECEIVED + HOUR
    assert due(restarted, clock="receipt", within=DAY) == restarted + DAY * SECOND
    assert due(restarted, clock="service", within=DAY) == SERVED + DAY * SECOND


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"clock": "issue"},
        {"within": DAY},
        {"at": NINE, "within": DAY},
        {"at": NINE, "clock": "issue"},
        {"at": NINE, "clock": "issue", "within": DAY},
    ],
    ids=lambda said: " ".join(said) or "nothing",
)
def test_a_deadline_is_either_an_instant_or_a_time_from_a_clock(said: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="either an instant or a duration from a clock"):
        Due(**said)


@pytest.mark.parametrize("within", [0, -1, 1.5])
def test_a_duration_is_a_whole_number_of_seconds_and_lasts(within: float) -> None:
    with pytest.raises(ValidationError):
        Due(clock="issue", within=within)  # type: ignore[arg-type]  # that is the point
