"""A directive's history, played in the terminal at a fraction of the time it took.

Entries are told in the order in which things happened, which is not that in which they were
written: a list on paper comes in later. What many did within one stretch of time is told
together.
"""

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta, tzinfo
from itertools import groupby

from console import output, tables, words
from console.tables import Answer

STRETCH = timedelta(minutes=30)
"""What falls into one is told together, if it is much."""
FEW = 6
"""Entries of a kind in a stretch that are told one by one."""
LONGEST = 2.0
"""Seconds: a night in which nothing happened is not waited for."""

_TOGETHER = {
    "relay.received": "units received it",
    "relay.received_again": "units received it a second time",
    "relay.acknowledged": "desks acknowledged receipt",
    "relay.forwarded": "units passed it on",
    "relay.officers_served": "units served it on their officers",
    "relay.reminded": "desks were reminded",
    "relay.escalated": "escalations went to the desks above",
    "service.read": "officers read it",
    "service.acknowledged": "officers acknowledged it",
    "service.complied": "officers complied",
    "service.contested": "officers contested it",
    "service.decided": "contests were decided",
    "service.exempted": "officers were exempted",
    "roll_call.held": "roll calls were held",
}


def play(entries: Iterable[Answer], zone: tzinfo, *, hours_a_second: float | None) -> None:
    """Print the history in its order; None for the pace waits for nothing."""
    before: datetime | None = None
    width = output.screen().width
    for at, lines in stretches(entries, zone, width):
        if hours_a_second is not None and before is not None:
            time.sleep(pause(before, at, hours_a_second))
        before = at
        output.write("".join(f"{line}\n" for line in lines))


def stretches(
    entries: Iterable[Answer], zone: tzinfo, width: int
) -> Iterator[tuple[datetime, list[str]]]:
    """Yield what is told of each stretch of time, oldest first."""

    def happened(entry: Answer) -> datetime:
        at = words.instant(entry["at"], zone)
        return at or datetime.min.replace(tzinfo=zone)

    def stretch(entry: Answer) -> int:
        return int(happened(entry).timestamp() // STRETCH.total_seconds())

    ordered = sorted(entries, key=lambda entry: (happened(entry), entry["position"]))
    for _, group in groupby(ordered, key=stretch):
        together = list(group)
        many = {
            name
            for name, number in Counter(entry["name"] for entry in together).items()
            if number > FEW and name in _TOGETHER
        }
        unsaid = set(many)
        lines = []
        for entry in together:
            name = entry["name"]
            if name not in many:
                lines.append(tables.line(entry, zone, width))
            elif name in unsaid:
                unsaid.remove(name)
                lines.append(_summed([each for each in together if each["name"] == name], zone))
        yield happened(together[0]), lines


def _summed(entries: list[Answer], zone: tzinfo) -> str:
    first, last = (words.instant(entries[at]["at"], zone) for at in (0, -1))
    begin = "" if first is None else f"{first:%d %b %Y %H:%M}"
    until = "" if last is None or last == first else f", until {last:%H:%M}"
    # A unit that serves in several facts is one unit.
    number = len({entry["stream"] for entry in entries})
    return f"{begin:17}  {number:,} {_TOGETHER[entries[0]['name']]}{until}"


def pause(before: datetime, at: datetime, hours_a_second: float) -> float:
    """Return how many seconds to wait between two instants."""
    hours = (at - before).total_seconds() / 3600
    return min(LONGEST, max(0.0, hours / hours_a_second))
