"""What follows here from what other offices wrote, once their link is level.

Safe: all of it looks at what is written and adds what is lacking, so doing it again, or for
the same entries in two halves, changes nothing.
"""

from collections.abc import Sequence

from domain.fact import FOREVER
from ledger.codec import Entry
from office import cascade, commission
from office.work import Work

_TREE = ("force", "unit", "post")


def follow(work: Work, entries: Sequence[Entry]) -> None:
    """Go on with the offices, and at a region with the directives that came or may go on.

    HQ's own units wait for nothing that a region writes: its part of a cascade is done when it
    has forwarded.
    """
    work.look_again()
    work.heeds = FOREVER
    kinds = {entry.stream.partition("-")[0] for entry in entries}
    opened = _acts(work)
    if kinds & {"office", "key"}:
        commission.follow(work)
    if work.hosts is None or work.hosts.mine is None or not _acts(work):
        return
    names = {
        entry.stream.partition("-")[2].split(".")[0]
        for entry in entries
        if entry.stream.startswith(("directive-", "relay-"))
    }
    everything = not opened or bool(kinds.intersection(_TREE))
    for name in cascade.in_force(work):
        if everything or name in names:
            cascade.run(work, name, work.now)


def _acts(work: Work) -> bool:
    """Tell whether this office writes for its units; a region does once it has taken over."""
    mine = None if work.hosts is None else work.hosts.mine
    return mine is None or mine.state == "open"
