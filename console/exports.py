"""Rows to a file: CSV, JSON lines, Parquet or XLSX, page by page, in constant memory.

Safe: it is written beside its place and put there when it is whole, so a broken-off export
leaves the file that was there before.
Rows of a rehearsal carry one more column, `exercise`, that says so.
"""

import csv
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, Protocol

Row = Sequence[object]
Pages = Iterable[Sequence[Row]]
Progress = Callable[[str, int, int | None], None]

_SHEET_ROWS = 1_048_576
"""Rows of an XLSX sheet, its header included."""


class Writer(Protocol):
    """Puts pages of rows into one file."""

    def __call__(self, path: Path, columns: Sequence[str], pages: Pages) -> None: ...


def write(
    path: Path,
    form: str,
    columns: Sequence[str],
    pages: Pages,
    *,
    exercise: bool = False,
    progress: Progress | None = None,
) -> int:
    """Write all rows to ``path`` and return how many there are."""
    rows = 0

    def counted() -> Iterator[Sequence[Row]]:
        nonlocal rows
        for page in pages:
            rows += len(page)
            yield [(*row, True) for row in page] if exercise else page
            if progress is not None:
                progress("rows", rows, None)

    named = [*columns, "exercise"] if exercise else list(columns)
    with _beside(path) as unfinished:
        WRITERS[form](unfinished, named, counted())
    return rows


@contextmanager
def _beside(path: Path) -> Iterator[Path]:
    """Yield a file beside ``path`` that takes its place when all went well."""
    with NamedTemporaryFile(
        dir=path.parent, prefix=f".{path.name}.", suffix=".part", delete=False
    ) as made:
        unfinished = Path(made.name)
    try:
        yield unfinished
        with unfinished.open("rb") as written:
            os.fsync(written.fileno())
        mask = os.umask(0)
        os.umask(mask)
        unfinished.chmod(0o666 & ~mask)  # a temporary file is its maker's alone
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def _csv(path: Path, columns: Sequence[str], pages: Pages) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        for page in pages:
            writer.writerows([_text(cell) for cell in row] for row in page)


def _jsonl(path: Path, columns: Sequence[str], pages: Pages) -> None:
    with path.open("w", encoding="utf-8") as file:
        for page in pages:
            for row in page:
                line = dict(zip(columns, map(_json, row), strict=True))
                file.write(json.dumps(line, ensure_ascii=False) + "\n")


def _parquet(path: Path, columns: Sequence[str], pages: Pages) -> None:
    from pyarrow import parquet

    waiting = iter(pages)
    first = next(waiting, ())
    schema = _schema(columns, first)
    with parquet.ParquetWriter(path, schema, compression="zstd") as writer:
        writer.write_table(_table(first, schema))
        for page in waiting:
            writer.write_table(_table(page, schema))


def _schema(columns: Sequence[str], page: Sequence[Row]) -> Any:
    """Return the types of the columns: what the first page shows, else what the name says."""
    import pyarrow as pa

    by_type = {
        bool: pa.bool_(),
        int: pa.int64(),
        datetime: pa.timestamp("us", tz="UTC"),
    }
    fields = []
    for place, name in enumerate(columns):
        told = {type(row[place]) for row in page if row[place] is not None}
        if not told:
            told = {datetime} if name.endswith("_at") else {int} if name in _NUMBERS else {str}
        kind = told.pop() if len(told) == 1 else str
        fields.append(pa.field(name, by_type.get(kind, pa.string())))
    return pa.schema(fields)


_NUMBERS = ("position", "version", "rank", "dwell_seconds")
"""Columns of numbers that may be empty on the first page."""


def _table(page: Sequence[Row], schema: Any) -> Any:
    import pyarrow as pa

    arrays = []
    for place, field in enumerate(schema):
        cells = [row[place] for row in page]
        if pa.types.is_string(field.type):
            cells = [None if cell is None else _text(cell) for cell in cells]
        arrays.append(pa.array(cells, type=field.type))
    return pa.Table.from_arrays(arrays, schema=schema)


def _xlsx(path: Path, columns: Sequence[str], pages: Pages) -> None:
    """Write a workbook; a text is never taken for a formula, and an instant keeps its offset."""
    import xlsxwriter

    options = {
        "constant_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
    }
    with xlsxwriter.Workbook(path, options) as book:
        bold = book.add_format({"bold": True})
        line = _SHEET_ROWS
        sheet: Any = None
        for page in pages:
            for row in page:
                if line == _SHEET_ROWS:
                    sheet, line = _sheet(book, columns, bold), 1
                for place, cell in enumerate(row):
                    if cell is not None:
                        sheet.write(line, place, cell if _plain(cell) else _text(cell))
                line += 1
        if sheet is None:
            _sheet(book, columns, bold)


def _sheet(book: Any, columns: Sequence[str], bold: Any) -> Any:
    sheet = book.add_worksheet()
    sheet.freeze_panes(1, 0)
    for place, name in enumerate(columns):
        sheet.write_string(0, place, name, bold)
    return sheet


def _plain(cell: object) -> bool:
    return isinstance(cell, (bool, int, float))


def _json(cell: object) -> object:
    if isinstance(cell, (datetime, date)):
        return cell.isoformat()
    return cell


def _text(cell: object) -> str:
    """Write a cell as text: instants in ISO 8601 with their offset, nothing for nothing."""
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, (datetime, date)):
        return cell.isoformat()
    if isinstance(cell, (Mapping, list, tuple)):
        return json.dumps(cell, ensure_ascii=False, default=str)
    return str(cell)


WRITERS: Mapping[str, Writer] = {
    "csv": _csv,
    "jsonl": _jsonl,
    "parquet": _parquet,
    "xlsx": _xlsx,
}
