"""A replay tells things in the order in which they happened, the many together."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from console import player

KARACHI = ZoneInfo("Asia/Karachi")
NINE = datetime(2020, 1, 15, 4, tzinfo=UTC)


def entry(position: int, minutes: int, name: str, stream: str = "") -> dict[str, object]:
    return {
        "position": position,
        "stream": stream or f"service-d.{position}.hq",
        "name": name,
        "at": NINE + timedelta(minutes=minutes),
        "channel": "desk",
        "sentence": f"{name} {position}.",
    }


def told(entries: list[dict[str, object]]) -> list[str]:
    stretches = player.stretches(entries, KARACHI, 80)
    return [" ".join(line.split()) for _, lines in stretches for line in lines]


def test_what_was_entered_late_is_told_at_its_hour() -> None:
    entries = [entry(1, 40, "service.read"), entry(2, 5, "service.read")]
    assert told(entries) == [
        "15 Jan 2020 09:05 service.read 2. desk #2",
        "15 Jan 2020 09:40 service.read 1. desk #1",
    ]


def test_many_are_told_together_and_few_one_by_one() -> None:
    many = [entry(n, n, "service.acknowledged") for n in range(1, 8)]
    assert told([*many, entry(8, 3, "service.contested")]) == [
        "15 Jan 2020 09:01 7 officers acknowledged it, until 09:07",
        "15 Jan 2020 09:03 service.contested 8. desk #8",
    ]


def test_a_unit_that_serves_in_several_facts_is_one_unit() -> None:
    served = [
        entry(n, 0, "relay.officers_served", f"relay-d.u{n // 2}.hq") for n in range(2, 18)
    ]
    assert told(served) == ["15 Jan 2020 09:00 8 units served it on their officers"]


@pytest.mark.parametrize(("hours", "seconds"), [(0, 0.0), (1, 0.5), (100, player.LONGEST)])
def test_no_pause_is_longer_than_a_person_waits(hours: int, seconds: float) -> None:
    assert player.pause(NINE, NINE + timedelta(hours=hours), 2.0) == seconds
