"""Answers and roll calls: what is read of them, and every way in which a line can be wrong."""

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.files import answers_file
from console.files.answers_file import AnswerRow, RollCallRow
from console.files.problems import BadFile, Problem

HEADER = "directive,officer_id,answer,at,clause,channel,note"
NOON = "2020-01-15T12:00:00+05:00"
NOON_US = 1_579_071_600_000_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def file(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "answers.csv"
    path.write_bytes(text.encode())
    return path


def told(tmp_path: Path, line: str) -> list[tuple[int, str, str, str, str]]:
    """Return the problems of a file whose third line is ``line``, the others being good."""
    good = f"hq-2020-1,KP-1,read,{NOON},,,"
    text = f"{HEADER}\n{good}\n{line}\n{good}\n"
    [(rows, problems)] = answers_file.chunks(file(tmp_path, text), 100)
    assert [row.line for row in rows] == [2, 4]
    return [(p.line, p.column, p.value, p.reason, p.officer_id) for p in problems]


def test_answers_are_read_with_line_and_microseconds(tmp_path: Path) -> None:
    text = (
        f"{HEADER}\n"
        f"hq-2020-1,KP-1,read,{NOON},,,\n"
        "191 PA/DIG/HQrs,KP-2,complied,2020-01-15T07:00:00.000001Z,quit,phone,seen to it\n"
    )
    assert list(answers_file.chunks(file(tmp_path, text), 100)) == [
        (
            [
                AnswerRow(2, "hq-2020-1", "KP-1", "read", NOON_US, NOON, None, None, None),
                AnswerRow(
                    3,
                    "191 PA/DIG/HQrs",
                    "KP-2",
                    "complied",
                    NOON_US + 1,
                    "2020-01-15T07:00:00.000001Z",
                    "quit",
                    "phone",
                    "seen to it",
                ),
            ],
            [],
        )
    ]


def test_optional_columns_may_be_missing_and_any_order_will_do(tmp_path: Path) -> None:
    text = f"at,answer,officer_id,directive\n{NOON},contested,KP-1,hq-2020-1\n"
    assert list(answers_file.read_answers(file(tmp_path, text))) == [
        AnswerRow(2, "hq-2020-1", "KP-1", "contested", NOON_US, NOON, None, None, None)
    ]


def test_a_file_comes_in_chunks_and_its_bad_lines_in_their_place(tmp_path: Path) -> None:
    lines = [
        f"hq-2020-1,KP-{n},{'heard' if n % 4 == 3 else 'read'},{NOON},,,\n" for n in range(10)
    ]
    path = file(tmp_path, HEADER + "\n" + "".join(lines))
    assert [
        ([row.line for row in rows], [problem.line for problem in problems])
        for rows, problems in answers_file.chunks(path, 4)
    ] == [([2, 3, 4], [5]), ([6, 7, 8], [9]), ([10, 11], [])]
    assert [each.line for each in answers_file.read_answers(path, 4)] == list(range(2, 12))


@pytest.mark.parametrize(
    ("line", "column", "value", "reason"),
    [
        (
            f",KP-2,read,{NOON},,,",
            "directive",
            "",
            "“directive” is blank; every line needs it.",
        ),
        (
            f"hq-2020-1,KP-2,red,{NOON},,,",
            "answer",
            "red",
            "“red” is not known here; did you mean “read”?",
        ),
        (
            f"hq-2020-1,KP-2,ok,{NOON},,,",
            "answer",
            "ok",
            "“ok” is not known here; known are read, acknowledged, complied or contested.",
        ),
        (
            "hq-2020-1,KP-2,read,2020-01-15T12:00:00,,,",
            "at",
            "2020-01-15T12:00:00",
            (
                "This does not say its offset from UTC; write it out, such as "
                "2020-01-15T16:00:00+05:00."
            ),
        ),
        (
            "hq-2020-1,KP-2,read,2020-01-15,,,",
            "at",
            "2020-01-15",
            (
                "This does not say its offset from UTC; write it out, such as "
                "2020-01-15T16:00:00+05:00."
            ),
        ),
        (
            "hq-2020-1,KP-2,read,15.1.2020 12:00,,,",
            "at",
            "15.1.2020 12:00",
            (
                "This is no ISO 8601 instant; write date, time and offset, such as "
                "2020-01-15T16:00:00+05:00."
            ),
        ),
        (
            "hq-2020-1,KP-2,read,2020-02-30T12:00:00Z,,,",
            "at",
            "2020-02-30T12:00:00Z",
            "There is no such day, hour or offset; write them as 2020-01-15T16:00:00+05:00.",
        ),
        (
            "hq-2020-1,KP-2,read,9999-12-31T23:59:59-01:00,,,",
            "at",
            "9999-12-31T23:59:59-01:00",
            "This lies outside the years 1900 to 2199; check the year.",
        ),
        (
            "hq-2020-1,KP-2,read,2220-01-15T12:00:00Z,,,",
            "at",
            "2220-01-15T12:00:00Z",
            "This lies outside the years 1900 to 2199; check the year.",
        ),
        (
            f"hq-2020-1,KP-2,complied,{NOON},Quit!,,",
            "clause",
            "Quit!",
            (
                "This cannot be the id of a clause: an id has 1 to 40 lower-case letters, digits and "
                "hyphens."
            ),
        ),
        (
            f"hq-2020-1,KP-2,read,{NOON},,pigeon,",
            "channel",
            "pigeon",
            "“pigeon” is not known here; known are phone, sms, paper or desk.",
        ),
        (
            f"hq-2020-1,KP-2,read,{NOON},,,\x07",
            "note",
            "\\x07",
            "The control character U+0007 stands here; remove it.",
        ),
        (
            f"hq-2020-1,KP-2,read,{NOON}",
            "",
            f"hq-2020-1,KP-2,read,{NOON}",
            "The row has 4 cells, the header has 7; a cell left blank keeps its comma.",
        ),
    ],
)
def test_a_line_that_cannot_be_read_is_one_problem_that_names_its_officer(
    tmp_path: Path, line: str, column: str, value: str, reason: str
) -> None:
    assert told(tmp_path, line) == [(3, column, value, reason, "KP-2")]


def test_a_line_with_several_faults_is_still_one_problem_with_all_of_them(
    tmp_path: Path,
) -> None:
    assert told(tmp_path, "hq-2020-1,K P,red,now,,,") == [
        (
            3,
            "officer_id",
            "K P",
            (
                "This cannot be an officer's id: it has 1 to 40 letters A to Z, digits, hyphens and "
                "underscores. “red” is not known here; did you mean “read”? This is no ISO 8601 "
                "instant; write date, time and offset, such as 2020-01-15T16:00:00+05:00."
            ),
            "",
        )
    ]


def test_a_header_that_does_not_fit_is_refused_before_any_line(tmp_path: Path) -> None:
    path = file(tmp_path, "directive,officer,answer,at\n")
    with pytest.raises(BadFile) as bad:
        next(answers_file.chunks(path, 10))
    assert [(p.line, p.column, p.reason) for p in bad.value.problems] == [
        (1, "officer", "There is no column “officer”; did you mean “officer_id”?"),
        (1, "officer_id", "The column “officer_id” is missing; it is required."),
    ]


def test_a_byte_that_is_not_utf_8_is_told_at_its_line_however_far_down(tmp_path: Path) -> None:
    path = tmp_path / "answers.csv"
    lines = b"".join(
        b"hq-2020-1,KP-%d,read,2020-01-15T07:00:00Z,,,\n" % n for n in range(50_000)
    )
    path.write_bytes(HEADER.encode() + b"\n" + lines + b"hq-2020-1,KP-1,read,\x92,,,\n")
    with pytest.raises(BadFile) as bad:
        list(answers_file.chunks(path, 1_000))
    [problem] = bad.value.problems
    assert (problem.line, problem.value) == (50_002, "0x92")


def test_one_byte_cut_from_a_character_at_the_end_is_told(tmp_path: Path) -> None:
    path = tmp_path / "answers.csv"
    path.write_bytes(f"{HEADER}\nhq-2020-1,KP-1,read,{NOON},,,\u06a9".encode()[:-1])
    with pytest.raises(BadFile) as bad:
        list(answers_file.chunks(path, 1_000))
    assert [(problem.line, problem.value) for problem in bad.value.problems] == [(2, "0xDA")]


def test_a_roll_call_is_read_and_a_blank_answer_left_to_the_command(tmp_path: Path) -> None:
    text = "officer_id,answer,note\nKP-1,acknowledged,\nKP-2,absent,on leave\nKP-3,,\n"
    assert answers_file.read_roll_call(file(tmp_path, text)) == (
        [
            RollCallRow(2, "KP-1", "acknowledged", None),
            RollCallRow(3, "KP-2", "absent", "on leave"),
            RollCallRow(4, "KP-3", None, None),
        ],
        [],
    )
    assert answers_file.read_roll_call(file(tmp_path, "officer_id\nKP-1\n")) == (
        [RollCallRow(2, "KP-1", None, None)],
        [],
    )


def test_a_wrong_line_of_a_roll_call_is_told_with_its_officer(tmp_path: Path) -> None:
    path = file(
        tmp_path,
        "officer_id,answer,note\nKP-1,complied,\nKP-2,read,\n,absent,\nKP-1,absent,\nKP-2,absent,\n",
    )
    rows, problems = answers_file.read_roll_call(path)
    assert rows == [RollCallRow(2, "KP-1", "complied", None)]
    assert problems == [
        Problem(
            str(path),
            3,
            "answer",
            "read",
            "“read” is not known here; known are acknowledged, complied or absent.",
            "KP-2",
        ),
        Problem(str(path), 4, "officer_id", "", "“officer_id” is blank; every line needs it."),
        Problem(
            str(path),
            5,
            "officer_id",
            "KP-1",
            "“KP-1” stands already in line 2; an officer answers once.",
            "KP-1",
        ),
        Problem(
            str(path),
            6,
            "officer_id",
            "KP-2",
            "“KP-2” stands already in line 3; an officer answers once.",
            "KP-2",
        ),
    ]


@given(
    st.datetimes(
        datetime(1901, 1, 1),  # noqa: DTZ001 - the zone is drawn beside it
        datetime(2199, 1, 1),  # noqa: DTZ001
        timezones=st.integers(-14 * 60, 14 * 60).map(
            lambda minutes: timezone(timedelta(minutes=minutes))
        ),
    )
)
def test_an_instant_is_counted_exactly(
    tmp_path_factory: pytest.TempPathFactory, at: datetime
) -> None:
    path = file(
        tmp_path_factory.mktemp("answers"),
        f"{HEADER}\nhq-2020-1,KP-1,read,{at.isoformat()},,,\n",
    )
    [row] = answers_file.read_answers(path)
    assert isinstance(row, AnswerRow)
    assert EPOCH + timedelta(microseconds=row.at_us) == at
    assert datetime.fromisoformat(row.at) == at


def test_a_hundred_thousand_lines_are_read_in_a_second(tmp_path: Path) -> None:
    lines = "".join(
        f"hq-2020-1,KP-{n},read,2020-01-15T12:{n % 60:02d}:{n % 59:02d}+05:00,,phone,\n"
        for n in range(100_000)
    )
    path = file(tmp_path, f"{HEADER}\n{lines}")
    start = process_time()
    assert sum(len(rows) for rows, _ in answers_file.chunks(path, 5_000)) == 100_000
    assert process_time() - start < 1.5
