"""Looking at the four ledgers all the time, as an office's own questions do."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from console.commands.links import told
from demo.seats import HQ, REGIONS, Failed, Seats
from demo.telling import Row, Teller
from domain.errors import FarmanError, Unknown
from office import links
from office.home import Home
from office.office import Office
from projections.offices import regions

PACE = 1.0
"""Seconds between two looks."""
PATIENCE = 120.0
"""Seconds for what takes a few, on a machine that has much else to do."""


class Counts(NamedTuple):
    """How an order stands in a region."""

    bound: int = 0
    served: int = 0
    acknowledged: int = 0
    complied: int = 0

    @classmethod
    def of(cls, answer: Mapping[str, Any]) -> "Counts":
        """Take them out of an answer about a unit."""
        names = ("population", "served", "acknowledged", "complied")
        return cls(*(answer[name] for name in names))


@dataclass(frozen=True)
class Seen:
    """How the orders and the links stood at one look."""

    at_hq: Mapping[str, Mapping[str, Counts]]
    """By order and region; ``hq`` is what HQ hosts itself."""
    there: Mapping[str, Mapping[str, Counts]]
    """By order and region, as the region has it: zeros while it knows of none."""
    states: Mapping[str, str]
    """Of the links, by region, as HQ sees them."""
    heard: Mapping[str, datetime | None]
    """By region: its last heartbeat at HQ."""
    all_level: bool
    """Whether every link is level at both ends."""
    open: frozenset[str]
    """The regions that have taken over, by both ledgers."""

    def agrees(self, *those: str) -> bool:
        """Tell whether every order is served in those regions, and HQ counts what they count."""
        return all(
            self.at_hq[ref][region] == there[region]
            and there[region].served == there[region].bound > 0
            for ref, there in self.there.items()
            for region in those
        )

    def rows(self, names: Mapping[str, str]) -> list[Row]:
        """Return the table of the first order."""
        if not self.at_hq:
            return []
        first = next(iter(self.at_hq))
        at_hq, there = self.at_hq[first], self.there[first]
        return [
            Row(
                names[region],
                at_hq[region][1:],
                there[region][1:],
                self.states[region],
                self.heard[region],
            )
            for region in REGIONS
        ] + [Row("HQ's own", at_hq[HQ][1:], at_hq[HQ][1:], "", None)]


class Watch:
    """Looks, and tells whoever waits."""

    def __init__(self, seats: Seats, teller: Teller) -> None:
        self.orders: list[str] = []
        """Of which it counts; the table shows the first."""
        self.title = ""
        """Over the table."""
        self._seats = seats
        self._names = {one.id: one.name for one in seats.regions}
        self._teller = teller
        self._seen: Seen | None = None
        self._fault: Exception | None = None
        self._news = threading.Condition()
        self._end = threading.Event()

    @contextmanager
    def looking(self) -> Iterator[None]:
        """Look as long as the block lasts."""
        thread = threading.Thread(target=self._run, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._end.set()
            thread.join()

    def until(self, what: str, is_so: Callable[[Seen], bool]) -> Seen:
        """Wait until a look shows that it is so, and return what it showed.

        Raises:
            Failed: it does not come so, or a worker ended meanwhile.

        """
        deadline = time.monotonic() + PATIENCE
        with self._news:
            self._seen = None  # what was seen before the last command does not count
            while self._seen is None or not is_so(self._seen):
                if self._fault is not None:
                    raise Failed(f"The ledgers cannot be read: {self._fault}")
                if time.monotonic() > deadline:
                    raise Failed(f"It took more than {PATIENCE:g} s until {what}.")
                self._news.wait(PACE)
                for one in self._seats.all:
                    one.must_work()
            return self._seen

    def _run(self) -> None:
        try:
            with ExitStack() as stack:
                offices = {
                    one.id: stack.enter_context(Office(Home.open(one.home)))
                    for one in self._seats.all
                }
                while not self._end.is_set():
                    seen = _look(offices, tuple(self.orders))
                    self._teller.stands(self.title, seen.rows(self._names))
                    with self._news:
                        self._seen = seen
                        self._news.notify_all()
                    self._end.wait(PACE)
        except (FarmanError, OSError) as fault:
            with self._news:
                self._fault = fault
                self._news.notify_all()


def _look(offices: Mapping[str, Office], orders: Sequence[str]) -> Seen:
    hq = offices[HQ]
    here = {row["peer"]: told(row, hq.timezone) for row in links.status(hq)}
    ends = [told(row, hq.timezone) for one in REGIONS for row in links.status(offices[one])]
    return Seen(
        {ref: _at_hq(hq, ref) for ref in orders},
        {ref: {one: _there(offices[one], ref, one) for one in REGIONS} for ref in orders},
        {one: here[one]["state"] for one in REGIONS},
        {one: here[one]["last_heard_at"] for one in REGIONS},
        all(end["state"] == "level" for end in (*here.values(), *ends)),
        frozenset(one for one in REGIONS if _is_open(hq, one) and _is_open(offices[one], one)),
    )


def _at_hq(hq: Office, ref: str) -> dict[str, Counts]:
    answer = hq.status(ref)
    under = {unit["unit"]: Counts.of(unit) for unit in answer["units"]}
    found = {one: under[one] for one in REGIONS}
    whole, others = Counts.of(answer), zip(*found.values(), strict=True)
    own = Counts(*(all_ - sum(part) for all_, part in zip(whole, others, strict=True)))
    return {**found, HQ: own}


def _there(office: Office, ref: str, region: str) -> Counts:
    try:
        return Counts.of(office.status(ref, unit=region))
    except Unknown:  # it has not come
        return Counts()


def _is_open(office: Office, region: str) -> bool:
    with office._reading() as db:  # noqa: SLF001 - as workers look; the command would hold them up
        return any(one.office == region and one.state == "open" for one in regions(db))
