"""How numbers, instants and names are written for a person."""

from collections.abc import Mapping
from datetime import datetime, tzinfo

from console import output

_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400
_SOON = 48 * _HOUR


def named(text: object) -> str:
    """Return the English wording of a text by language, or the first there is."""
    if isinstance(text, Mapping):
        return str(text.get("en") or next(iter(text.values()), ""))
    return "" if text is None else str(text)


def count(number: int) -> str:
    """Write a number with its thousands apart."""
    return f"{number:,}"


def percent(part: int, whole: int) -> str:
    """Write a share: never 100 % where one is missing, never 0 % where one is there."""
    if whole <= 0:
        return "-"
    if part == whole:
        return "100%"
    rounded = min(99, round(100 * part / whole))
    return "<1%" if part and not rounded else f"{rounded}%"


def share(part: int, whole: int) -> str:
    """Write a number with its percentage beside it."""
    return f"{part:,} {percent(part, whole):>4}"


def bar(part: int, whole: int, width: int) -> str:
    """Draw a share as a bar of ``width`` columns; full only when nobody is missing."""
    full, empty = ("█", "░") if output.unicode() else ("#", ".")
    filled = 0 if whole <= 0 else part * width // whole
    if part and not filled:
        filled = 1
    return full * filled + empty * (width - filled)


def instant(value: object, zone: tzinfo | None) -> datetime | None:
    """Return an answer's instant in the force's zone."""
    if value is None or value == "":
        return None
    at = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    return at.astimezone(zone) if zone is not None else at


def day(value: object, zone: tzinfo | None) -> str:
    """Write an instant as `15 Jan 2020, 16:00`."""
    at = instant(value, zone)
    return "" if at is None else f"{at.day} {at:%b %Y, %H:%M}"


def date(value: object, zone: tzinfo | None) -> str:
    """Write the day of an instant as `15 Jan 2020`."""
    at = instant(value, zone)
    return "" if at is None else f"{at.day} {at:%b %Y}"


def hour(value: object, zone: tzinfo | None) -> str:
    """Write an instant as `15 Jan 16:00`, for a column."""
    at = instant(value, zone)
    return "" if at is None else f"{at:%d %b %H:%M}"


def duration(seconds: float | None) -> str:
    """Write how long: `45s`, `12m`, `3h 20m`, `4d 6h`."""
    if seconds is None:
        return ""
    whole = int(seconds)
    if whole < _MINUTE:
        return f"{whole}s"
    if whole < _HOUR:
        return f"{whole // _MINUTE}m"
    if whole < _SOON:
        return f"{whole // _HOUR}h {whole % _HOUR // _MINUTE:02}m"
    return f"{whole // _DAY}d {whole % _DAY // _HOUR}h"


def several(number: int, one: str, many: str | None = None) -> str:
    """Write a number with its noun."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def state(value: object) -> str:
    """Write a state as words: `in force`, `not issued`."""
    return str(value).replace("_", " ")
