"""The nominal roll: who serves where, as CSV or as a workbook's first sheet.

A province has 220,000 rows, so they are read a block at a time, column by column, and what
a cell means is worked out once per different cell. Only a block in which something does not
fit is gone through row by row, and there every fault of every row is told.
"""

import re
from collections.abc import Callable, Container, Sequence
from datetime import date
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from console.files import cells
from console.files.problems import Problem, shown
from console.files.tables import Sheet, opened
from domain.force import CHARGES
from domain.roll import DUTIES
from ledger.memory import uncollected

COLUMNS = (
    "officer_id",
    "belt_no",
    "name",
    "rank",
    "designation",
    "unit",
    "duty",
    "joined_on",
    "phone",
    "post",
    "charge",
)
REQUIRED = ("officer_id", "name", "rank", "unit")

_BLOCK = 1_000
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_FIRST_DAY = date(1900, 1, 1)
_RANKS = {str(rank): rank for rank in range(1, 23)}


class RollRow(NamedTuple):
    """What one row says of one officer; None where it says nothing."""

    line: int
    officer_id: str
    belt_no: str | None
    name: str
    rank: int
    designation: str | None
    unit: str
    duty: str | None
    joined_on: str | None
    """ISO 8601 date."""
    phone: str | None
    post: str | None
    charge: str | None


def read(
    path: Path, units: Container[str], posts: Container[str]
) -> tuple[list[RollRow], list[Problem], frozenset[str]]:
    """Return the good rows, what is wrong with the others, and the columns that stand there.

    ``units`` and ``posts`` are those that are known. Of two rows of one officer the later
    is at fault, and so is the later of two that state a substantive charge of one post.

    Raises:
        BadFile: no roll at all: not UTF-8, no header, an unknown or a missing column.

    """
    with opened(path, COLUMNS, REQUIRED) as sheet, uncollected():
        reading = _Reading(str(path), sheet, units, posts)
        while block := list(islice(sheet.rows, _BLOCK)):
            reading.rows += reading.whole(block) or reading.one_by_one(block)
        return reading.rows, reading.problems, frozenset(sheet.columns)


class _Reading:
    """One reading of one roll."""

    def __init__(
        self, file: str, sheet: Sheet, units: Container[str], posts: Container[str]
    ) -> None:
        self.rows: list[RollRow] = []
        self.problems: list[Problem] = []
        self._file = file
        self._columns = sheet.columns
        self._seen: dict[str, int] = {}
        """The line in which an officer stands first, be that row good or bad."""
        self._held: dict[str, int] = {}
        """The line in which a substantive charge of a post is stated first."""
        self._means: dict[str, Callable[[str], str | None]] = {
            "officer_id": cells.officer,
            "belt_no": cells.free,
            "name": cells.free,
            "rank": _rank,
            "designation": cells.Column(cells.free).__getitem__,
            "unit": cells.Column(cells.known(units, "unit")).__getitem__,
            "duty": cells.Column(cells.word(DUTIES)).__getitem__,
            "joined_on": cells.Column(_day).__getitem__,
            "phone": cells.free,
            "post": cells.Column(cells.known(posts, "post")).__getitem__,
            "charge": cells.Column(cells.word(CHARGES)).__getitem__,
        }

    def whole(self, block: Sequence[tuple[int, list[str]]]) -> list[RollRow]:
        """Return the rows of a block in which everything fits; none if anything does not."""
        lines, rows = zip(*block, strict=True)
        if set(map(len, rows)) != {len(self._columns)}:
            return []
        by_name = dict(zip(self._columns, zip(*rows, strict=True), strict=True))
        officers = by_name["officer_id"]
        fresh = set(officers)
        if len(fresh) != len(block) or not self._seen.keys().isdisjoint(fresh):
            return []
        if not all(map(cells.OFFICER.fullmatch, officers)):
            return []
        try:
            ranks = list(map(_RANKS.__getitem__, by_name["rank"]))
            read_: dict[str, Sequence[str | None]] = {
                column: cells.plain(by_name[column])
                if column in ("belt_no", "name", "phone")
                else list(map(self._means[column], by_name[column]))
                for column in self._columns
                if column not in ("officer_id", "rank")
            }
        except (cells.Unfit, KeyError):
            return []
        if not all(read_["name"]) or not all(read_["unit"]):
            return []
        held = [
            (post, line)
            for line, post, charge in zip(
                lines, read_.get("post", ()), read_.get("charge", ()), strict=False
            )
            if post and charge == "substantive"
        ]
        posts = {post for post, _ in held}
        if len(posts) != len(held) or not self._held.keys().isdisjoint(posts):
            return []
        self._seen.update(zip(officers, lines, strict=True))
        self._held.update(held)
        nothing = [None] * len(block)
        columns = [
            officers
            if column == "officer_id"
            else ranks
            if column == "rank"
            else read_.get(column, nothing)
            for column in COLUMNS
        ]
        return list(map(RollRow._make, zip(lines, *columns, strict=True)))

    def one_by_one(self, block: Sequence[tuple[int, list[str]]]) -> list[RollRow]:
        """Return the good rows of a block, and note every fault of the others."""
        read_ = (self._row(line, row) for line, row in block)
        return [row for row in read_ if row]

    def _row(self, line: int, row: list[str]) -> RollRow | None:
        if not any(map(str.strip, row)):
            return None
        found: list[Problem] = []

        def fault(column: str, value: str, reason: str) -> None:
            found.append(Problem(self._file, line, column, shown(value), reason))

        width = len(self._columns)
        if len(row) != width:
            fault("", ",".join(row), cells.width(len(row), width))
        said: dict[str, str | None] = {}
        for column, cell in zip(self._columns, row, strict=False):
            try:
                said[column] = self._means[column](cell)
            except cells.Unfit as unfit:
                fault(column, cell, str(unfit))
            else:
                if said[column] is None and column in REQUIRED:
                    fault(column, cell, f"“{column}” is blank; every row needs it.")
        if (officer := said.get("officer_id")) and (
            first := self._seen.setdefault(officer, line)
        ) != line:
            reason = f"“{officer}” stands already in line {first}; an officer has one row."
            fault("officer_id", officer, reason)
        post = said.get("post")
        if (
            post
            and said.get("charge") == "substantive"
            and (first := self._held.setdefault(post, line)) != line
        ):
            reason = (
                f"“{post}” is held already in line {first}; it has one substantive holder, "
                "others are acting or additional."
            )
            fault("post", post, reason)
        if found:
            self.problems += found
            return None
        return RollRow(
            line,
            said["officer_id"] or "",
            said.get("belt_no"),
            said["name"] or "",
            int(said["rank"] or 0),
            said.get("designation"),
            said["unit"] or "",
            said.get("duty"),
            said.get("joined_on"),
            said.get("phone"),
            post,
            said.get("charge"),
        )


def _rank(cell: str) -> str | None:
    rank = cells.trim(cell)
    if rank and rank not in _RANKS:
        raise cells.Unfit("This is no rank; write its BPS number, 1 to 22.")
    return rank or None


def _day(cell: str) -> str | None:
    day = cells.trim(cell)
    if not day:
        return None
    try:
        if _DAY.fullmatch(day) and date.fromisoformat(day) >= _FIRST_DAY:
            return day
    except ValueError:
        pass
    raise cells.Unfit("This is no day; write it as 2019-01-31.")
