"""Totals that do not meet end the demo, and it says where."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from demo.line import laid
from demo.offices import NUMBERS, Story, _totals
from demo.seats import HQ, REGIONS, Failed, Seat, Seats
from demo.telling import Teller
from demo.watch import Counts, Seen, Watch

ORDER = "hq-2026-1"


@pytest.fixture
def story() -> Iterator[Story]:
    def seat(name: str) -> Seat:
        return Seat(name, name.capitalize(), Path(name), "", {})

    with laid() as wire:
        seats = Seats(seat(HQ), tuple(seat(region) for region in REGIONS), wire)
        tell = Teller(ZoneInfo("Asia/Karachi"))
        yield Story(seats, tell, Watch(seats, tell), slow=False, orders=[ORDER])


def answer(one: Seat, **wrong: int) -> dict[str, Any]:
    """As `farman status` answers: everybody in a region's one unit has complied."""
    below = [one.id] if one.id in REGIONS else list(REGIONS)
    units = [{"unit": unit, **dict.fromkeys(NUMBERS, 10)} for unit in below]
    units[-1] |= wrong
    return {"unit": one.id, **dict.fromkeys(NUMBERS, 10), "units": units}


def test_totals_that_meet_are_returned_by_office(story: Story) -> None:
    found = _totals(story, lambda one, _ref: answer(one))
    assert found["mardan"] == {ORDER: {"mardan": dict.fromkeys(NUMBERS, 10)}}
    assert set(found) == {HQ, *REGIONS}


def test_a_number_that_differs_is_told_with_its_place(story: Story) -> None:
    with pytest.raises(Failed) as failed:
        _totals(
            story,
            lambda one, _ref: answer(one, served=9) if one.id == HQ else answer(one),
        )
    assert str(failed.value) == (
        "The totals do not meet: hq-2026-1, mardan: HQ has 9 served, Mardan 10."
    )


@pytest.mark.parametrize(
    ("at_hq", "there", "agrees"),
    [
        (Counts(5, 5, 3, 1), Counts(5, 5, 3, 1), True),
        (Counts(5, 5, 2, 1), Counts(5, 5, 3, 1), False),
        (Counts(5, 4, 0, 0), Counts(5, 4, 0, 0), False),  # not all are served
        (Counts(), Counts(), False),  # it has not come
    ],
)
def test_they_agree_when_all_are_served_and_both_count_the_same(
    at_hq: Counts, there: Counts, *, agrees: bool
) -> None:
    seen = Seen(
        {ORDER: {"mardan": at_hq}}, {ORDER: {"mardan": there}}, {}, {}, True, frozenset()
    )
    assert seen.agrees("mardan") is agrees
