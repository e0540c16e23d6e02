"""Durations and instants as people write them (ISO 8601), exact ones only."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

LONGEST = timedelta(days=3660)
"""Ten years: no deadline lies further away."""

_DURATION = re.compile(
    r"P(?=[0-9T])(?:([0-9]{1,6})W)?(?:([0-9]{1,6})D)?"
    r"(?:T(?=[0-9])(?:([0-9]{1,6})H)?(?:([0-9]{1,8})M)?(?:([0-9]{1,9})S)?)?"
)
_CALENDAR = re.compile(r"P[0-9.,YMWD]*[YM].*", re.IGNORECASE)
_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?"
    r"(?:Z|[+-][0-9]{2}:?[0-9]{2})"
)
_NAIVE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ][0-9:.]*)?")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

FIRST, LAST = datetime(1900, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
"""Between them lies every instant that a police force writes down."""


def duration(text: str) -> timedelta:
    """Read an ISO 8601 duration of weeks, days, hours, minutes and whole seconds.

    Raises:
        ValueError: with a sentence; months and years have no fixed length.

    """
    found = _DURATION.fullmatch(text)
    if found is None:
        if _CALENDAR.fullmatch(text):
            raise ValueError(
                "Months and years have no fixed length; write weeks, days or hours, such as P30D."
            )
        upper = (
            f"; did you mean “{text.upper()}”?" if _DURATION.fullmatch(text.upper()) else "."
        )
        raise ValueError(
            "This is no ISO 8601 duration: write weeks, days, hours, minutes and whole "
            f"seconds, such as P7D, P1DT12H or PT2H{upper}"
        )
    weeks, days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    length = timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds)
    if length > LONGEST:
        raise ValueError("This is longer than ten years; write a duration up to P3660D.")
    return length


def iso(length: timedelta) -> str:
    """Write a duration of whole seconds, shortest: `P7D`, `P1DT1H`, `PT0S`."""
    minutes, seconds = divmod(length.seconds, 60)
    hours, minutes = divmod(minutes, 60)
    date = f"{length.days}D" if length.days else ""
    time = "".join(
        f"{n}{unit}" for n, unit in ((hours, "H"), (minutes, "M"), (seconds, "S")) if n
    )
    if not date and not time:
        return "PT0S"
    return f"P{date}T{time}" if time else f"P{date}"


def instant(text: str) -> datetime:
    """Read an ISO 8601 instant, which states its offset from UTC.

    Raises:
        ValueError: with a sentence.

    """
    if not _INSTANT.fullmatch(text):
        if _NAIVE.fullmatch(text):
            raise ValueError(
                "This does not say its offset from UTC; write it out, such as "
                "2020-01-15T16:00:00+05:00."
            )
        raise ValueError(
            "This is no ISO 8601 instant; write date, time and offset, such as "
            "2020-01-15T16:00:00+05:00."
        )
    try:
        at = datetime.fromisoformat(text)
        far = not FIRST <= at < LAST
    except (ValueError, OverflowError):
        raise ValueError(
            "There is no such day, hour or offset; write them as 2020-01-15T16:00:00+05:00."
        ) from None
    if far:
        raise ValueError("This lies outside the years 1900 to 2199; check the year.")
    return at


_EARLIEST, _LATEST = ((bound - _EPOCH) // timedelta(microseconds=1) for bound in (FIRST, LAST))


def micros(texts: Iterable[str]) -> list[int]:
    """Count the microseconds from 1970-01-01T00:00Z to each of many instants.

    Raises:
        ValueError: without a sentence; ``instant`` says of one what is wrong with it.

    """
    written = list(texts)
    if not all(map(_INSTANT.fullmatch, written)):
        raise ValueError
    apart = [at - _EPOCH for at in map(datetime.fromisoformat, written)]
    counted = [
        (gap.days * 86_400 + gap.seconds) * 1_000_000 + gap.microseconds for gap in apart
    ]
    if counted and (min(counted) < _EARLIEST or max(counted) >= _LATEST):
        raise ValueError
    return counted
