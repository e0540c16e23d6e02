"""Exports: whole or not at all; every cell comes out as what it was."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from zipfile import ZipFile

import pytest
from pyarrow import parquet

from console import exports

COLUMNS = ["officer_id", "rank", "read_at", "exempt", "note"]
NOON = datetime(2020, 1, 15, 12, tzinfo=UTC)
PAGES: list[list[tuple[object, ...]]] = [
    [("C-1", 7, NOON, False, "=1+1"), ("C-2", 9, None, True, None)],
    [("C-3", 5, NOON, False, "سوات")],
]


def test_a_broken_off_export_leaves_what_was_there(tmp_path: Path) -> None:
    def broken() -> Iterator[list[tuple[object, ...]]]:
        yield PAGES[0]
        raise ConnectionError

    out = tmp_path / "out.csv"
    out.write_text("before\n")
    for form in exports.WRITERS:
        with pytest.raises(ConnectionError):
            exports.write(out, form, COLUMNS, broken())
    assert [path.name for path in tmp_path.iterdir()] == ["out.csv"]
    assert out.read_text() == "before\n"


def test_csv_says_nothing_for_nothing(tmp_path: Path) -> None:
    assert exports.write(tmp_path / "o", "csv", COLUMNS, PAGES) == 3
    assert (tmp_path / "o").read_text("utf-8").splitlines() == [
        "officer_id,rank,read_at,exempt,note",
        "C-1,7,2020-01-15T12:00:00+00:00,false,=1+1",
        "C-2,9,,true,",
        "C-3,5,2020-01-15T12:00:00+00:00,false,سوات",
    ]


def test_json_lines_keep_numbers_and_truths(tmp_path: Path) -> None:
    exports.write(tmp_path / "o", "jsonl", COLUMNS, PAGES, exercise=True)
    second = json.loads((tmp_path / "o").read_text("utf-8").splitlines()[1])
    assert second == {
        "officer_id": "C-2",
        "rank": 9,
        "read_at": None,
        "exempt": True,
        "note": None,
        "exercise": True,
    }


def test_parquet_keeps_types_also_of_columns_that_begin_empty(tmp_path: Path) -> None:
    later: list[list[tuple[object, ...]]] = [
        [("C-1", None, None, False, None)],
        [("C-2", 9, NOON, True, "late")],
    ]
    exports.write(tmp_path / "o", "parquet", COLUMNS, later)
    assert parquet.read_table(tmp_path / "o").to_pylist()[1] == dict(
        zip(COLUMNS, later[1][0], strict=True)
    )


def test_nothing_to_export_is_still_a_table(tmp_path: Path) -> None:
    for form in exports.WRITERS:
        assert exports.write(tmp_path / form, form, COLUMNS, []) == 0
    assert (tmp_path / "csv").read_text() == "officer_id,rank,read_at,exempt,note\n"
    assert parquet.read_table(tmp_path / "parquet").column_names == COLUMNS


def test_a_workbook_takes_no_text_for_a_formula(tmp_path: Path) -> None:
    exports.write(tmp_path / "o.xlsx", "xlsx", COLUMNS, PAGES)
    with ZipFile(tmp_path / "o.xlsx") as book:
        sheet = book.read("xl/worksheets/sheet1.xml").decode()
    assert "=1+1" in sheet
    assert "<f>" not in sheet
