"""Tables as rows of text that know their line: CSV, and the first sheet of a workbook.

Columns may stand in any order; an unknown one is refused by its name. Lines are counted in
the file as an editor shows it: a row whose quoted cell runs over three lines has the number
of its first.
"""

import csv
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import TypeAlias

from console.files import texts
from console.files.problems import BadFile, Problem, hint, listed, shown

UNPACKED = 1 << 30
"""Bytes that a workbook may hold unpacked."""

Cell: TypeAlias = bool | float | str | time | date | datetime | timedelta
"""What a workbook's cell may hold."""

Rows: TypeAlias = Iterator[tuple[int, list[str]]]

_ZIP, _OLD_EXCEL = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"


@dataclass(frozen=True, slots=True)
class Sheet:
    """An open table."""

    columns: tuple[str, ...]
    """As they stand, left to right; all known, none twice."""
    rows: Rows
    """Line and cells of each row, blank rows left out; as many cells as the row has."""


@contextmanager
def opened(path: Path, known: Sequence[str], required: Sequence[str]) -> Iterator[Sheet]:
    """Open a table and check its header.

    Raises:
        BadFile: not a table of these columns; also while its rows are read, where the
            file turns out not to be UTF-8, or a quoted cell is never closed.

    """
    name = str(path)
    with texts.reachable(path):
        file = path.open("rb")
    with file:
        start = file.peek(4)[:4]
        if start == _OLD_EXCEL:
            reason = "This is an old Excel file; save it as .xlsx or as “CSV UTF-8”."
            raise BadFile([Problem(name, 1, "", "", reason)])
        rows = _workbook(path) if start == _ZIP else _csv(texts.lines(file, name), name)
        line, header = next(rows, (1, []))
        yield Sheet(_columns(name, line, header, known, required), rows)


def _columns(
    file: str, line: int, header: list[str], known: Sequence[str], required: Sequence[str]
) -> tuple[str, ...]:
    columns = tuple(cell.strip() for cell in header)
    if not any(columns):
        reason = f"The file has no header; its first row names the columns: {', '.join(known)}."
        raise BadFile([Problem(file, line, "", "", reason)])
    if len(columns) == 1:
        for sign, called in ((";", "semicolons"), ("\t", "tabs"), ("|", "bars")):
            if sign in header[0]:
                reason = f"The columns are separated by {called}; save the file with commas."
                raise BadFile([Problem(file, line, "", shown(header[0]), reason)])
    problems = []
    seen: set[str] = set()
    for at, column in enumerate(columns, start=1):
        if not column:
            reason = f"Column {at} has no name; name it or remove it."
            problems.append(Problem(file, line, "", "", reason))
        elif column not in known:
            near = hint(column, known)
            if near == ".":
                near = f"; known are {listed(known)}."
            reason = f"There is no column “{shown(column)}”{near}"
            problems.append(Problem(file, line, shown(column), shown(column), reason))
        elif column in seen:
            reason = f"The column “{column}” stands twice; keep one."
            problems.append(Problem(file, line, column, column, reason))
        seen.add(column)
    for column in required:
        if column not in seen:
            reason = f"The column “{column}” is missing; it is required."
            problems.append(Problem(file, line, column, "", reason))
    if problems:
        raise BadFile(problems)
    return columns


def _csv(lines: Iterator[str], file: str) -> Rows:
    reader = csv.reader(lines, strict=True)
    before = 0
    while True:
        try:
            row = next(reader, None)
        except csv.Error as fault:
            raise BadFile([_unquoted(file, before + 1, reader.line_num, str(fault))]) from None
        if row is None:
            return
        line, before = before + 1, reader.line_num
        if row and (row[0] or any(row)):
            yield line, row


def _unquoted(file: str, first: int, last: int, said: str) -> Problem:
    if "unexpected end" in said or "field limit" in said:
        reason = "A quote opens a cell in this row and is never closed; close it, or double it."
    elif "expected after" in said:
        reason = "A closing quote is followed by more text; double the quotes inside a cell."
    else:
        reason = f"This row cannot be read: {said}."
    return Problem(file, first, "", f"lines {first} to {last}" if last > first else "", reason)


def _workbook(path: Path) -> Rows:
    import python_calamine as calamine  # loaded only where a workbook comes

    name = str(path)
    try:
        with zipfile.ZipFile(path) as packed:
            size = sum(entry.file_size for entry in packed.infolist())
        if size > UNPACKED:
            reason = f"The workbook unpacks to more than {UNPACKED >> 20} MiB; save it as CSV."
            raise BadFile([Problem(name, 1, "", "", reason)])
        book = calamine.CalamineWorkbook.from_path(str(path))
        sheet = book.get_sheet_by_index(0)
        rows = sheet.iter_rows()
    except (calamine.CalamineError, zipfile.BadZipFile, OSError) as fault:
        reason = f"This is no workbook that can be read: {' '.join(str(fault).split())}."
        raise BadFile([Problem(name, 1, "", "", reason)]) from None
    for line, cells in enumerate(rows, start=1):
        row = [cell if type(cell) is str else _cell(cell) for cell in cells]
        if any(row):
            yield line, row


def _cell(cell: Cell) -> str:
    """Write a cell as a person would: 12345.0 as `12345`, midnight of a day as the day."""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    if isinstance(cell, datetime):
        return cell.date().isoformat() if cell.time() == time() else cell.isoformat()
    return cell.isoformat() if isinstance(cell, date) else str(cell)
