"""Answers of many officers as CSV, and the roll call of one unit.

`directive`, `officer_id`, `answer`, `at`, and optionally `clause`, `channel`, `note`. A file
may have millions of lines: it is read in chunks and never held.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from console.files import cells, durations
from console.files.directive_file import NUMBER
from console.files.fields import ID
from console.files.problems import Problem, shown
from console.files.tables import Sheet, opened
from ledger.memory import uncollected

ANSWERS = ("read", "acknowledged", "complied", "contested")
CHANNELS = ("phone", "sms", "paper", "desk")
HELD = ("acknowledged", "complied", "absent")
"""What a roll call may say of an officer."""

COLUMNS = ("directive", "officer_id", "answer", "at", "clause", "channel", "note")
REQUIRED = ("directive", "officer_id", "answer", "at")

NOTE = 1_000
"""Characters of a note."""


class AnswerRow(NamedTuple):
    """One line of an answers file."""

    line: int
    directive: str
    """As it is cited: an id or a number."""
    officer_id: str
    answer: str
    at_us: int
    """Microseconds since 1970-01-01T00:00Z."""
    at: str
    """ISO 8601 with offset, as written."""
    clause: str | None
    channel: str | None
    note: str | None


class RollCallRow(NamedTuple):
    """What a roll call says of one officer."""

    line: int
    officer_id: str
    answer: str | None
    """None where the row leaves it to what was asked of all."""
    note: str | None


def chunks(path: Path, size: int) -> Iterator[tuple[list[AnswerRow], list[Problem]]]:
    """Yield the lines of an answers file, ``size`` at a time, in their order.

    Each line comes out once: as a row, or as one problem with all that is wrong with it.

    Raises:
        BadFile: no answers file at all; also on the way, where the file turns out not to
            be UTF-8, or a quoted cell is never closed.

    """
    with opened(path, COLUMNS, REQUIRED) as sheet:
        reading = _Answers(str(path), sheet)
        while True:
            with uncollected():
                block = list(islice(sheet.rows, size))
                if not block:
                    return
                whole = reading.whole(block)
            yield (whole, []) if whole else reading.one_by_one(block)


def read_answers(path: Path, size: int = 5_000) -> Iterator[AnswerRow | Problem]:
    """Yield the lines of an answers file one at a time, in their order, as ``chunks`` does."""
    for rows, problems in chunks(path, size):
        together: list[AnswerRow | Problem] = [*rows, *problems]
        yield from sorted(together, key=lambda each: each.line) if problems else rows


def read_roll_call(path: Path) -> tuple[list[RollCallRow], list[Problem]]:
    """Return the good rows of a roll call, and what is wrong with the others.

    A second row of one officer is at fault: he was there, or he was not.

    Raises:
        BadFile: no roll call at all: not UTF-8, no header, an unknown or a missing column.

    """
    rows: list[RollCallRow] = []
    problems: list[Problem] = []
    seen: dict[str, int] = {}
    means: dict[str, Callable[[str], str | None]] = {
        "officer_id": cells.officer,
        "answer": cells.word(HELD),
        "note": _note,
    }
    with opened(path, tuple(means), ("officer_id",)) as sheet:
        for line, row in sheet.rows:
            said, faults = _said(sheet.columns, row, means, ("officer_id",))
            officer = said.get("officer_id") or ""
            first = seen.setdefault(officer, line) if officer else line
            if first != line:
                reason = f"“{officer}” stands already in line {first}; an officer answers once."
                faults.append(("officer_id", officer, reason))
            if faults:
                problems.append(_problem(str(path), line, faults, officer))
            elif officer:
                rows.append(RollCallRow(line, officer, said.get("answer"), said.get("note")))
    return rows, problems


class _Answers:
    """One reading of one answers file."""

    def __init__(self, file: str, sheet: Sheet) -> None:
        self._file = file
        self._columns = sheet.columns
        self._means: dict[str, Callable[[str], str | None]] = {
            "directive": cells.Column(_directive).__getitem__,
            "officer_id": cells.officer,
            "answer": cells.Column(cells.word(ANSWERS)).__getitem__,
            "at": _at,
            "clause": cells.Column(_clause).__getitem__,
            "channel": cells.Column(cells.word(CHANNELS)).__getitem__,
            "note": cells.Column(_note).__getitem__,
        }

    def whole(self, block: Sequence[tuple[int, list[str]]]) -> list[AnswerRow]:
        """Return the rows of a block in which everything fits; none if anything does not."""
        lines, rows = zip(*block, strict=True)
        if set(map(len, rows)) != {len(self._columns)}:
            return []
        by_name = dict(zip(self._columns, zip(*rows, strict=True), strict=True))
        if not all(map(cells.OFFICER.fullmatch, by_name["officer_id"])):
            return []
        written = by_name["at"]
        try:
            counted = durations.micros(written)
            read_ = {
                column: list(map(self._means[column], by_name[column]))
                for column in self._columns
                if column not in ("officer_id", "at")
            }
        except (cells.Unfit, ValueError):
            return []
        if not all(read_["directive"]) or not all(read_["answer"]):
            return []
        nothing = [None] * len(block)
        return list(
            map(
                AnswerRow._make,
                zip(
                    lines,
                    read_["directive"],
                    by_name["officer_id"],
                    read_["answer"],
                    counted,
                    written,
                    read_.get("clause", nothing),
                    read_.get("channel", nothing),
                    read_.get("note", nothing),
                    strict=True,
                ),
            )
        )

    def one_by_one(
        self, block: Sequence[tuple[int, list[str]]]
    ) -> tuple[list[AnswerRow], list[Problem]]:
        """Return the good rows of a block, and one problem for each of the others."""
        good: list[AnswerRow] = []
        problems: list[Problem] = []
        for line, row in block:
            said, faults = _said(self._columns, row, self._means, REQUIRED)
            officer = said.get("officer_id") or ""
            if faults:
                problems.append(_problem(self._file, line, faults, officer))
            elif at := said["at"]:
                good.append(
                    AnswerRow(
                        line,
                        said["directive"] or "",
                        officer,
                        said["answer"] or "",
                        durations.micros([at])[0],
                        at,
                        said.get("clause"),
                        said.get("channel"),
                        said.get("note"),
                    )
                )
        return good, problems


def _said(
    columns: Sequence[str],
    row: list[str],
    means: Mapping[str, Callable[[str], str | None]],
    required: Sequence[str],
) -> tuple[dict[str, str | None], list[tuple[str, str, str]]]:
    """Return what each cell of a row says, and every fault: column, value, reason."""
    said: dict[str, str | None] = {}
    faults: list[tuple[str, str, str]] = []
    if not any(map(str.strip, row)):
        return dict.fromkeys(columns), []
    if len(row) != len(columns):
        faults.append(("", ",".join(row), cells.width(len(row), len(columns))))
    for column, cell in zip(columns, row, strict=False):
        try:
            said[column] = means[column](cell)
        except cells.Unfit as unfit:
            faults.append((column, cell, str(unfit)))
        else:
            if said[column] is None and column in required:
                faults.append((column, cell, f"“{column}” is blank; every line needs it."))
    return said, faults


def _problem(file: str, line: int, faults: list[tuple[str, str, str]], officer: str) -> Problem:
    column, value, _ = faults[0]
    reason = " ".join(reason for _, _, reason in faults)
    return Problem(file, line, column, shown(value), reason, officer)


def _directive(cell: str) -> str | None:
    return cells.free(cell, NUMBER)


def _note(cell: str) -> str | None:
    return cells.free(cell, NOTE)


def _clause(cell: str) -> str | None:
    clause = cells.trim(cell)
    if clause and not ID.fullmatch(clause):
        raise cells.Unfit(
            "This cannot be the id of a clause: an id has 1 to 40 lower-case letters, digits "
            "and hyphens."
        )
    return clause or None


def _at(cell: str) -> str | None:
    at = cells.trim(cell)
    if not at:
        return None
    try:
        durations.instant(at)
    except ValueError as unfit:
        raise cells.Unfit(str(unfit)) from None
    return at
