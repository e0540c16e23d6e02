"""What a person sees of the demo: a line for each thing that happens, and how it stands.

At a terminal a table stays below the lines and is kept current; elsewhere it is printed where
the story has come to a point.
"""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING, NamedTuple

from console import output, tables, words

if TYPE_CHECKING:
    from rich.console import Console, Group
    from rich.live import Live

_COUNTS = (("Served", 6), ("Ack.", 6), ("Complied", 8))
_COLUMNS = (("", 9), *_COUNTS, ("Heard", 8), ("State", 6), *_COUNTS)
"""Columns of the table: fixed, so that the line above it says whose counts they are."""
_GAP = 2
_COLOURS = {"level": "green", "silent": "bold red"}
"""Of a link's states; the others are yellow."""


class Row(NamedTuple):
    """How an order stands in one region, by both ledgers."""

    name: str
    at_hq: Sequence[int]
    """Served, acknowledged, complied."""
    there: Sequence[int]
    """The same, as the region has it."""
    state: str
    """Of the link, as HQ sees it; empty for HQ's own units."""
    heard: datetime | None
    """The region's last heartbeat at HQ."""


@dataclass
class Teller:
    """Tells the story."""

    zone: tzinfo
    """In which hours are told."""
    _rows: Sequence[Row] = ()
    _title: str = ""
    _live: "Live | None" = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def say(self, text: str = "", style: str = "") -> None:
        """Say a line."""
        from rich.text import Text  # noqa: PLC0415 - it takes its time

        line = Text(text, style)  # a style of `print` would also dye the table below
        with self._lock:
            if self._live is None:
                output.show(lambda console: console.print(line, soft_wrap=True))
            else:
                self._live.console.print(line, soft_wrap=True)

    def happens(self, text: str) -> None:
        """Say what happens, with the hour."""
        self.say(f"{datetime.now(self.zone):%H:%M:%S}  {text}")

    def typed(self, where: str, line: str) -> None:
        """Say which command was given, and at which office."""
        self.say(f"          {where}$ farman {line}", "dim")

    def chapter(self, text: str) -> None:
        """Say a heading."""
        self.say()
        self.say(text, "bold")

    def stands(self, title: str, rows: Sequence[Row]) -> None:
        """Take note of how it stands; a terminal shows it."""
        with self._lock:
            self._title, self._rows = title, rows
            if self._live is not None:
                self._live.update(self._table(), refresh=True)

    def show(self) -> None:
        """Print how it stands, where no terminal shows it all the time."""
        with self._lock:
            if self._live is None:
                output.show(lambda console: console.print(self._table()))

    @contextmanager
    def table_below(self) -> Iterator[None]:
        """Keep the table below the lines for as long as the block lasts, at a terminal."""
        if not output.terminal():
            yield
            return
        from rich.live import Live  # noqa: PLC0415 - only a terminal needs it

        console = output.screen()
        with Live(console=console, auto_refresh=False, redirect_stdout=False) as live:
            with self._lock:
                self._live = live
                live.update(self._table(), refresh=True)
            try:
                yield
            finally:
                with self._lock:
                    self._live = None

    def _table(self) -> "Group":
        from rich.console import Group  # noqa: PLC0415 - as above
        from rich.text import Text  # noqa: PLC0415

        names, widths = zip(*_COLUMNS, strict=True)
        made = tables.table(*names, right=[name for name, _ in _COUNTS])
        made.padding = (0, _GAP - 1, 0, 0)  # the box itself parts the columns by one
        for column, width in zip(made.columns, widths, strict=True):
            column.width, column.no_wrap = width, True
        whole = Row("All", *_sums(self._rows), "", None)
        for row in (*self._rows, whole):
            if row is whole:
                made.add_section()
            made.add_row(
                row.name,
                *(Text(words.count(n), _stale(row)) for n in row.at_hq),
                "" if row.heard is None else f"{row.heard.astimezone(self.zone):%H:%M:%S}",
                Text(row.state, _COLOURS.get(row.state, "yellow")),
                *map(words.count, row.there),
                style="bold" if row is whole else None,
            )
        ends = [sum(widths[:n]) + n * _GAP for n in (1, 6)]
        whose = f"{'':{ends[0]}}{'as HQ counts':{ends[1] - ends[0]}}as the region counts"
        return Group("", Text(self._title, "bold"), "", Text(whose, "dim"), made)


def _sums(rows: Sequence[Row]) -> tuple[Sequence[int], Sequence[int]]:
    def sums(parts: Sequence[Sequence[int]]) -> list[int]:
        return [sum(column) for column in zip(*parts, strict=True)]

    return sums([row.at_hq for row in rows]), sums([row.there for row in rows])


def _stale(row: Row) -> str:
    """Return how counts look that may have moved on."""
    return "dim" if row.state == "silent" else ""


def totals(rows: Sequence[Sequence[str | int]]) -> None:
    """Print the totals: order, region, how many units, and five counts."""

    def draw(console: "Console") -> None:
        numbers = ("Units", "Bound", "Served", "Read", "Acknowledged", "Complied")
        made = tables.table("Order", "Region", *numbers, right=numbers)
        made.padding = (0, _GAP - 1, 0, 0)
        for row in rows:
            made.add_row(*(one if isinstance(one, str) else words.count(one) for one in row))
        console.print(made)

    output.show(draw)
