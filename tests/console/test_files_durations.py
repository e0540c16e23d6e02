"""Durations and instants: exact ones, written so that nobody can take them two ways."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.files import durations


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("P1W", 7 * 86_400),
        ("P7D", 7 * 86_400),
        ("P1DT12H", 129_600),
        ("PT36H", 129_600),
        ("PT90M", 5_400),
        ("PT1H1M1S", 3_661),
        ("P1W1D", 8 * 86_400),
        ("PT0S", 0),
        ("P3660D", 3_660 * 86_400),
    ],
)
def test_an_exact_duration_is_read(text: str, seconds: int) -> None:
    assert durations.duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["P1M", "P1Y", "P1Y2M3D", "P0.5Y", "p1m", "P1MT1H"])
def test_months_and_years_are_refused_since_their_length_is_not_fixed(text: str) -> None:
    with pytest.raises(ValueError, match="Months and years have no fixed length") as fault:
        durations.duration(text)
    assert str(fault.value).endswith("write weeks, days or hours, such as P30D.")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "P",
        "PT",
        "P1",
        "7D",
        "P1DT",
        "-P1D",
        "PT1.5S",
        "P1D2H",
        "PT5D",
        " P1D",
        "P1D\n",
        "P١D",
    ],
)
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="This is no ISO 8601 duration"):
        durations.duration(text)


def test_nothing_lies_further_away_than_ten_years() -> None:
    with pytest.raises(ValueError, match="This is longer than ten years"):
        durations.duration("P3660DT1S")
    with pytest.raises(ValueError, match="This is longer than ten years"):
        durations.duration("P999999W")


@pytest.mark.parametrize(
    ("length", "text"),
    [
        (timedelta(), "PT0S"),
        (timedelta(days=7), "P7D"),
        (timedelta(hours=25), "P1DT1H"),
        (timedelta(seconds=61), "PT1M1S"),
    ],
)
def test_a_duration_is_written_shortest(length: timedelta, text: str) -> None:
    assert durations.iso(length) == text


@given(
    st.timedeltas(timedelta(), durations.LONGEST).map(lambda d: timedelta(d.days, d.seconds))
)
def test_what_is_written_is_read_again(length: timedelta) -> None:
    assert durations.duration(durations.iso(length)) == length


@pytest.mark.parametrize(
    "text",
    [
        "2020-01-15T12:00:00+05:00",
        "2020-01-15T07:00:00Z",
        "2020-01-15 12:00:00+05:00",
        "2020-01-15T12:00+0500",
        "2020-01-15T07:00:00.000000Z",
    ],
)
def test_an_instant_says_its_offset(text: str) -> None:
    assert durations.instant(text) == datetime(2020, 1, 15, 7, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("2020-01-15T12:00:00", "This does not say its offset from UTC"),
        ("2020-01-15", "This does not say its offset from UTC"),
        ("2020-W03-3T12:00:00Z", "This is no ISO 8601 instant"),
        ("20200115T120000Z", "This is no ISO 8601 instant"),
        ("noon", "This is no ISO 8601 instant"),
        ("", "This is no ISO 8601 instant"),
        ("2020-13-15T12:00:00Z", "There is no such day, hour or offset"),
        ("2020-01-15T12:00:60Z", "There is no such day, hour or offset"),
        ("2020-01-15T12:00:00+24:00", "There is no such day, hour or offset"),
        ("1899-12-31T23:59:59Z", "This lies outside the years 1900 to 2199"),
        ("0001-01-01T00:00:00+05:00", "This lies outside the years 1900 to 2199"),
    ],
)
def test_what_is_no_instant_is_refused(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        durations.instant(text)
