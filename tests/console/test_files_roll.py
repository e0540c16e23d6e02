"""The nominal roll: what is read of it, and every way in which a row can be wrong."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
import xlsxwriter
from hypothesis import given
from hypothesis import strategies as st

from console.files import roll_file
from console.files.problems import BadFile, Problem
from console.files.roll_file import COLUMNS, RollRow

UNITS = {"hq", "swat", "swat-saidu", "shangla"}
POSTS = {"ppo", "dpo-swat", "sho-saidu"}

HEADER = ",".join(COLUMNS)
KHAN = "KP-1,44/SWT,Adnan Zarvani,7,Constable,swat,on_duty,2012-03-04,+92-000-0000001,,"
KHAN_ROW = RollRow(
    2,
    "KP-1",
    "44/SWT",
    "Adnan Zarvani",
    7,
    "Constable",
    "swat",
    "on_duty",
    "2012-03-04",
    "+92-000-0000001",
    None,
    None,
)

Read = tuple[list[RollRow], list[Problem], frozenset[str]]


def read(tmp_path: Path, text: str | bytes) -> Read:
    path = tmp_path / "roll.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return roll_file.read(path, UNITS, POSTS)


def told(tmp_path: Path, text: str | bytes) -> list[tuple[int, str, str, str]]:
    _, problems, _ = read(tmp_path, text)
    return [(p.line, p.column, p.value, p.reason) for p in problems]


def refused(tmp_path: Path, text: str | bytes) -> list[tuple[int, str, str, str]]:
    with pytest.raises(BadFile) as bad:
        read(tmp_path, text)
    return [(p.line, p.column, p.value, p.reason) for p in bad.value.problems]


def sheet(tmp_path: Path, rows: Sequence[Sequence[object]], start: int = 0) -> Path:
    path = tmp_path / "roll.xlsx"
    book = xlsxwriter.Workbook(path, {"remove_timezone": True})
    page = book.add_worksheet()
    day = book.add_format({"num_format": "yyyy-mm-dd"})
    for at, row in enumerate(rows, start=start):
        for column, cell in enumerate(row):
            if isinstance(cell, date):
                page.write_datetime(at, column, cell, day)
            else:
                page.write(at, column, cell)
    book.add_worksheet("notes").write(0, 0, "not read")
    book.close()
    return path


def test_a_roll_is_read_with_the_line_of_every_row(tmp_path: Path) -> None:
    text = f"{HEADER}\n{KHAN}\nKP-2,,Sana Torvala,16,SHO,swat-saidu,,,,sho-saidu,substantive\n"
    assert read(tmp_path, text) == (
        [
            KHAN_ROW,
            RollRow(
                3,
                "KP-2",
                None,
                "Sana Torvala",
                16,
                "SHO",
                "swat-saidu",
                None,
                None,
                None,
                "sho-saidu",
                "substantive",
            ),
        ],
        [],
        frozenset(COLUMNS),
    )


def test_columns_stand_in_any_order_and_those_not_there_say_nothing(tmp_path: Path) -> None:
    rows, problems, columns = read(
        tmp_path, "unit,rank,name,officer_id\nswat,7,Adnan Zarvani,KP-1\n"
    )
    nothing = dict.fromkeys(
        ("belt_no", "designation", "duty", "joined_on", "phone", "post", "charge")
    )
    assert rows == [RollRow(2, "KP-1", name="Adnan Zarvani", rank=7, unit="swat", **nothing)]
    assert problems == []
    assert columns == {"unit", "rank", "name", "officer_id"}


def test_bom_crlf_old_line_ends_blank_rows_and_blanks_around_cells_change_nothing(
    tmp_path: Path,
) -> None:
    text = f"{HEADER}\n{KHAN}\n"
    wide = ",".join(f" {cell} " for cell in KHAN.split(","))
    for other in (
        "\ufeff" + text,
        text.replace("\n", "\r\n"),
        text.replace("\n", "\r"),
        f"{HEADER}\n{wide}\n\n,,,,,,,,,,\n  , ,,,,,,,,,\n",
        text.rstrip("\n"),
    ):
        assert read(tmp_path, other) == ([KHAN_ROW], [], frozenset(COLUMNS))


def test_a_quoted_cell_may_run_over_lines_and_the_next_rows_keep_their_number(
    tmp_path: Path,
) -> None:
    text = (
        f"{HEADER}\n"
        'KP-1,,"Adnan\r\nZarvani",7,"Reader,\nSwat",swat,,,,,\n'
        "KP-2,,Sana Torvala,seven,,swat,,,,,\n"
        "\n"
        "KP-3,,Sana Torvala,7,,swat,,,,,\n"
    )
    rows, problems, _ = read(tmp_path, text)
    assert [(row.line, row.name, row.designation) for row in rows] == [
        (2, "Adnan Zarvani", "Reader, Swat"),
        (7, "Sana Torvala", None),
    ]
    assert [(problem.line, problem.column) for problem in problems] == [(5, "rank")]


@pytest.mark.parametrize(
    ("column", "cell", "reason"),
    [
        ("officer_id", "", "“officer_id” is blank; every row needs it."),
        (
            "officer_id",
            "KP 1",
            (
                "This cannot be an officer's id: it has 1 to 40 letters A to Z, digits, hyphens and "
                "underscores."
            ),
        ),
        ("name", " ", "“name” is blank; every row needs it."),
        ("name", "Adnan\x07", "The control character U+0007 stands here; remove it."),
        ("name", "Adnan\x1f", "The control character U+001F stands here; remove it."),
        ("name", "Adnan\x00", "The control character U+0000 stands here; remove it."),
        ("name", "Adnan\x85", "The control character U+0085 stands here; remove it."),
        ("name", "x" * 201, "The text has 201 characters; at most 200 are kept."),
        ("rank", "", "“rank” is blank; every row needs it."),
        ("rank", "0", "This is no rank; write its BPS number, 1 to 22."),
        ("rank", "23", "This is no rank; write its BPS number, 1 to 22."),
        ("rank", "BPS-7", "This is no rank; write its BPS number, 1 to 22."),
        ("rank", "7.0", "This is no rank; write its BPS number, 1 to 22."),
        ("rank", "۷", "This is no rank; write its BPS number, 1 to 22."),
        ("unit", "", "“unit” is blank; every row needs it."),
        ("unit", "swatt", "There is no unit “swatt”; did you mean “swat”?"),
        ("unit", "Swat", "There is no unit “Swat”; did you mean “swat”?"),
        ("unit", "gilgit", "There is no unit “gilgit”."),
        ("duty", "on duty", "“on duty” is not known here; did you mean “on_duty”?"),
        (
            "duty",
            "abroad",
            "“abroad” is not known here; known are on_duty, leave, suspended, osd or lines.",
        ),
        ("joined_on", "04/03/2012", "This is no day; write it as 2019-01-31."),
        ("joined_on", "2012-02-30", "This is no day; write it as 2019-01-31."),
        ("joined_on", "20120304", "This is no day; write it as 2019-01-31."),
        ("joined_on", "0212-03-04", "This is no day; write it as 2019-01-31."),
        ("phone", "\x1b[31m", "The control character U+001B stands here; remove it."),
        ("post", "dpo-swatt", "There is no post “dpo-swatt”; did you mean “dpo-swat”?"),
        ("charge", "actng", "“actng” is not known here; did you mean “acting”?"),
    ],
)
def test_a_wrong_cell_is_told_with_line_column_value_and_reason(
    tmp_path: Path, column: str, cell: str, reason: str
) -> None:
    cells = dict(zip(COLUMNS, KHAN.split(","), strict=True)) | {column: cell}
    good = KHAN.replace("KP-1,", "KP-9,")
    rows, problems, _ = read(tmp_path, f"{HEADER}\n{good}\n{','.join(cells.values())}\n")
    assert [row.officer_id for row in rows] == ["KP-9"]
    [problem] = problems
    visible = {
        "\x07": "\\x07",
        "\x1f": "\\x1f",
        "\x00": "\\x00",
        "\x85": "\\x85",
        "\x1b": "\\x1b",
    }
    shown = cell if len(cell) <= 80 else cell[:79] + "…"
    for char, seen in visible.items():
        shown = shown.replace(char, seen)
    assert problem == Problem(str(tmp_path / "roll.csv"), 3, column, shown, reason)


def test_every_fault_of_a_row_and_every_row_at_fault_is_told(tmp_path: Path) -> None:
    text = f"{HEADER}\n,,,99,,nowhere,sick,today,,none,half\n{KHAN}\nKP-3,,X,0,,swat,,,,,\n"
    rows, problems, _ = read(tmp_path, text)
    assert rows == [KHAN_ROW._replace(line=3)]
    assert [(problem.line, problem.column) for problem in problems] == [
        *(
            (2, column)
            for column in COLUMNS
            if column not in ("belt_no", "designation", "phone")
        ),
        (4, "rank"),
    ]


def test_of_two_rows_of_one_officer_the_later_is_at_fault(tmp_path: Path) -> None:
    reason = "“KP-1” stands already in line 2; an officer has one row."
    text = f"{HEADER}\n{KHAN}\nkp-1,,Other,7,,swat,,,,,\n{KHAN}\n{KHAN}\n"
    rows, problems, _ = read(tmp_path, text)
    assert [row.officer_id for row in rows] == ["KP-1", "kp-1"]
    assert [(p.line, p.column, p.value, p.reason) for p in problems] == [
        (4, "officer_id", "KP-1", reason),
        (5, "officer_id", "KP-1", reason),
    ]


def test_a_repeated_officer_is_found_across_blocks_and_after_a_bad_row(tmp_path: Path) -> None:
    many = "".join(f"KP-{n},,N,7,,swat,,,,,\n" for n in range(2_500))
    text = f"{HEADER}\nX-1,,N,99,,swat,,,,,\n{many}KP-7,,N,7,,swat,,,,,\nX-1,,N,7,,swat,,,,,\n"
    rows, problems, _ = read(tmp_path, text)
    assert len(rows) == 2_500
    assert [(problem.line, problem.column) for problem in problems] == [
        (2, "rank"),
        (2_503, "officer_id"),
        (2_504, "officer_id"),
    ]
    assert problems[1].reason == "“KP-7” stands already in line 10; an officer has one row."


def test_a_post_has_one_stated_substantive_holder_others_stand_beside(tmp_path: Path) -> None:
    text = HEADER + "".join(
        f"\nKP-{n},,N,7,,swat,,,,dpo-swat,{charge}"
        for n, charge in enumerate(("substantive", "acting", "additional", "substantive", ""))
    )
    assert told(tmp_path, text) == [
        (
            5,
            "post",
            "dpo-swat",
            (
                "“dpo-swat” is held already in line 2; it has one substantive holder, others are "
                "acting or additional."
            ),
        )
    ]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (
            "KP-1,,Zarvani, Adnan,7,,swat,,,,,",
            (
                "The row has 12 cells, the header has 11; a comma inside a cell needs quotes around "
                "it."
            ),
        ),
        (
            "KP-1,,Adnan Zarvani,7,,swat",
            "The row has 6 cells, the header has 11; a cell left blank keeps its comma.",
        ),
    ],
)
def test_a_row_has_as_many_cells_as_the_header(tmp_path: Path, row: str, reason: str) -> None:
    faults = told(tmp_path, f"{HEADER}\n{row}\n")
    assert faults[0] == (2, "", row, reason)


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        (
            "",
            [
                (
                    1,
                    "",
                    "",
                    (
                        "The file has no header; its first row names the columns: officer_id, "
                        "belt_no, name, rank, designation, unit, duty, joined_on, phone, post, "
                        "charge."
                    ),
                )
            ],
        ),
        (
            "officer_id,name,ranks,unit,shoe_size\n",
            [
                (1, "ranks", "ranks", "There is no column “ranks”; did you mean “rank”?"),
                (
                    1,
                    "shoe_size",
                    "shoe_size",
                    (
                        "There is no column “shoe_size”; known are officer_id, belt_no, name, rank, "
                        "designation, unit, duty, joined_on, phone, post or charge."
                    ),
                ),
                (1, "rank", "", "The column “rank” is missing; it is required."),
            ],
        ),
        (
            "\nofficer_id,name,rank,unit,unit,\n",
            [
                (2, "unit", "unit", "The column “unit” stands twice; keep one."),
                (2, "", "", "Column 6 has no name; name it or remove it."),
            ],
        ),
        (
            "officer_id;name;rank;unit\n",
            [
                (
                    1,
                    "",
                    "officer_id;name;rank;unit",
                    "The columns are separated by semicolons; save the file with commas.",
                )
            ],
        ),
        (
            "Officer_ID,name,rank,unit\n",
            [
                (
                    1,
                    "Officer_ID",
                    "Officer_ID",
                    "There is no column “Officer_ID”; did you mean “officer_id”?",
                ),
                (1, "officer_id", "", "The column “officer_id” is missing; it is required."),
            ],
        ),
        (
            b"officer_id,name,rank,unit\nKP-1,Jos\xe9,7,swat\n",
            [
                (
                    2,
                    "",
                    "0xE9",
                    "The byte 0xE9 is not UTF-8; save the file as UTF-8 (in Excel: “CSV UTF-8”).",
                )
            ],
        ),
        (
            "officer_id,name,rank,unit\n".encode("utf-16"),
            [(1, "", "", "The file is UTF-16; save it as UTF-8.")],
        ),
        (
            'officer_id,name,rank,unit\nKP-1,A,7,swat\nKP-2,"B,7,swat\nKP-3,C,7,swat\n',
            [
                (
                    3,
                    "",
                    "lines 3 to 4",
                    (
                        "A quote opens a cell in this row and is never closed; close it, or double "
                        "it."
                    ),
                )
            ],
        ),
        (
            'officer_id,name,rank,unit\nKP-2,"B"C,7,swat\n',
            [
                (
                    2,
                    "",
                    "",
                    "A closing quote is followed by more text; double the quotes inside a cell.",
                )
            ],
        ),
        (
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
            [
                (
                    1,
                    "",
                    "",
                    "This is an old Excel file; save it as .xlsx or as “CSV UTF-8”.",
                )
            ],
        ),
    ],
)
def test_what_is_no_roll_at_all_is_refused_whole(
    tmp_path: Path, text: str | bytes, faults: list[tuple[int, str, str, str]]
) -> None:
    assert refused(tmp_path, text) == faults


def test_a_file_that_is_not_there_or_is_a_folder_is_told_in_a_sentence(tmp_path: Path) -> None:
    for path, reason in (
        (tmp_path / "none.csv", "The file cannot be read: No such file or directory."),
        (tmp_path, "The file cannot be read: Is a directory."),
    ):
        with pytest.raises(BadFile) as bad:
            roll_file.read(path, UNITS, POSTS)
        assert bad.value.problems == (Problem(str(path), 1, "", "", reason),)


def test_few_values_are_kept_once_however_many_rows_say_them(tmp_path: Path) -> None:
    rows, _, _ = read(
        tmp_path,
        HEADER
        + "".join(f"\nKP-{n},,N,7,Driver,swat,leave,2012-03-04,,," for n in range(2_000)),
    )
    for column in ("designation", "unit", "duty", "joined_on"):
        assert len({id(getattr(row, column)) for row in rows}) == 1


def test_a_workbook_is_read_as_a_person_sees_it(tmp_path: Path) -> None:
    path = sheet(
        tmp_path,
        [
            ["officer_id", "belt_no", "name", "rank", "unit", "joined_on", "phone"],
            [12345.0, 44, "Adnan Zarvani", 7.0, "swat", date(2012, 3, 4), 920000000001],
            ["KP-2", "", "Sana Torvala", "16", "hq", datetime(2001, 12, 31, tzinfo=UTC), None],
        ],
    )
    rows, problems, columns = roll_file.read(path, UNITS, POSTS)
    nothing = dict.fromkeys(("designation", "duty", "post", "charge"))
    assert problems == []
    assert rows == [
        RollRow(
            2,
            "12345",
            "44",
            "Adnan Zarvani",
            7,
            unit="swat",
            joined_on="2012-03-04",
            phone="920000000001",
            **nothing,
        ),
        RollRow(
            3,
            "KP-2",
            None,
            "Sana Torvala",
            16,
            unit="hq",
            joined_on="2001-12-31",
            phone=None,
            **nothing,
        ),
    ]
    assert columns == {"officer_id", "belt_no", "name", "rank", "unit", "joined_on", "phone"}


def test_a_workbooks_problems_name_the_row_that_excel_shows(tmp_path: Path) -> None:
    path = sheet(
        tmp_path,
        [
            ["officer_id", "name", "rank", "unit"],
            ["KP-1", "A", 7.5, "swat"],
            [],
            ["KP-2", True, 7, "swatt"],
        ],
        start=2,
    )
    _, problems, _ = roll_file.read(path, UNITS, POSTS)
    assert [(p.line, p.column, p.value) for p in problems] == [
        (4, "rank", "7.5"),
        (6, "unit", "swatt"),
    ]


def test_what_only_looks_like_a_workbook_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "roll.xlsx"
    path.write_bytes(b"PK\x03\x04 and then nothing")
    with pytest.raises(BadFile) as bad:
        roll_file.read(path, UNITS, POSTS)
    assert [(p.line, p.reason) for p in bad.value.problems] == [
        (1, "This is no workbook that can be read: File is not a zip file.")
    ]


cells = st.sampled_from(
    ["", " ", "swat", "7", "KP-1", "on_duty", "x\ny", 'a"b', "۷", "\x00", "a,b"]
)


@given(st.lists(st.lists(cells, min_size=4, max_size=4), max_size=8))
def test_every_row_is_read_or_told_and_never_both(
    tmp_path_factory: pytest.TempPathFactory, table: list[list[str]]
) -> None:
    lines = [",".join('"' + cell.replace('"', '""') + '"' for cell in row) for row in table]
    path = tmp_path_factory.mktemp("roll") / "roll.csv"
    path.write_text("\n".join(["officer_id,name,rank,unit", *lines]), newline="")
    rows, problems, _ = roll_file.read(path, UNITS, POSTS)
    read_, bad = {row.line for row in rows}, {problem.line for problem in problems}
    assert read_.isdisjoint(bad)
    filled = sum(any(cell.strip() for cell in row) for row in table)
    assert len(read_) + len(bad) == filled
    assert len({row.officer_id for row in rows}) == len(rows)
