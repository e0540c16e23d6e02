"""Each kind of failure: its exit code, one sentence for a person, one object for a script."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from console import failures
from domain.errors import (
    Contended,
    CorruptStream,
    FarmanError,
    Misused,
    Refused,
    Unaccepted,
    Unavailable,
    Unknown,
)
from tests.console.conftest import MORNING, Farman

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("officers", "9/2020"), 5, "9/2020"),
        (("status", "1/2020", "--unit", "sawt"), 5, "sawt"),
        (("ack", "1/2020", "C-99"), 5, "C-99"),
        (("officer", "transfer", "C-1", "nowhere"), 5, "nowhere"),
        (("post", "assume", "no-post", "C-1"), 5, "no-post"),
        (("ack", "1/2020", "P-1"), 3, "not been served"),
        (("ack", "1/2020", "C-1", "--at", "2020-01-14T00:00:00+05:00"), 3, "before"),
        (("relay", "acknowledge", "1/2020", "malakand"), 3, "vacant"),
        (("status", "--now", "2019-01-01T00:00:00+05:00"), 3, "never goes back"),
        (("force", "import", "none.yaml"), 4, "none.yaml"),
        (("issue", "roll.csv"), 4, "roll.csv"),
        (("roll", "import", "order.md"), 4, "order.md"),
    ],
)
def test_each_failure_has_its_code_and_one_sentence(
    issued: Farman, words: tuple[str, ...], code: int, said: str
) -> None:
    told = issued(*words)
    assert told.code == code
    assert said in told.err
    assert "Traceback" not in told.err
    scripted = issued(*words, "--json")
    assert scripted.code == code
    error = scripted.json["error"]
    assert set(error) == {"code", "title", "detail", "problems"}
    assert error["code"] == code
    assert error["title"]
    assert error["detail"].endswith((".", "?"))


def test_no_home_is_5(farman: Farman) -> None:
    result = farman("status")
    assert (result.code, result.out) == (5, "")
    assert "farman init" in result.err


def test_a_real_home_refuses_the_clock_of_a_rehearsal(farman: Farman) -> None:
    farman("init")
    result = farman("force", "import", "force.yaml", "--now", MORNING)
    assert (result.code, result.out) == (2, "")
    assert "--now" in result.err


def test_a_rehearsal_without_a_clock_asks_for_one(farman: Farman) -> None:
    farman("init", "--rehearsal")
    result = farman("force", "import", "force.yaml")
    assert result.code == 2
    assert "--now" in result.err


def test_a_store_that_is_no_database_is_6(manned: Farman, tmp_path: Path) -> None:
    store = tmp_path / "farman-home" / "farman.db"
    for beside in tmp_path.glob("farman-home/farman.db*"):
        beside.unlink()
    store.write_bytes(b"this is no database, and never was one\n" * 200)
    result = manned("status", "--json")
    assert (result.code, result.json["error"]["code"]) == (6, 6)


def test_problems_of_a_roll_are_a_table_of_twenty(manned: Farman, tmp_path: Path) -> None:
    rows = "".join(f"X-{n},Nobody,99,swat\n" for n in range(25))
    (tmp_path / "bad.csv").write_text("officer_id,name,rank,unit\n" + rows)
    told = manned("roll", "import", "bad.csv")
    assert told.code == 4
    lines = told.err.splitlines()
    assert lines[0] == "bad.csv was not accepted: 25 problems; nothing was written."
    assert lines[-1] == "and 5 more; --json lists all."
    assert sum(line.startswith("bad.csv:") for line in lines) == 20
    assert max(map(len, lines)) <= 80
    problems = manned("roll", "import", "bad.csv", "--json").json["error"]["problems"]
    assert len(problems) == 25
    assert set(problems[0]) == {"file", "line", "column", "value", "reason"}
    assert (problems[0]["file"], problems[0]["line"]) == ("bad.csv", 2)


def test_problems_of_a_directive_name_the_field(manned: Farman, tmp_path: Path) -> None:
    text = (tmp_path / "order.md").read_text()
    (tmp_path / "order.md").write_text(text.replace("[hq]", "[hazra]"))
    result = manned("issue", "order.md", "--json")
    assert result.code == 4
    (problem,) = result.json["error"]["problems"]
    assert set(problem) == {"file", "line", "field", "value", "reason"}
    assert (problem["line"], problem["field"], problem["value"]) == (
        6,
        "addressees[0]",
        "hazra",
    )
    assert "did you mean “hazara”?" in problem["reason"]


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (Refused("No."), 3),
        (Unaccepted("No."), 4),
        (Unknown("No."), 5),
        (Misused("No."), 2),
        (Unavailable("No."), 6),
        (Contended("No."), 6),
        (CorruptStream("No."), 6),
        (FarmanError("No."), 70),
        (sqlite3.OperationalError("database is locked"), 6),
        (sqlite3.IntegrityError("UNIQUE"), 70),
        (OSError(28, "No space left on device"), 6),
        (MemoryError(), 6),
        (KeyboardInterrupt(), 130),
        (ZeroDivisionError("x"), 70),
    ],
)
def test_what_an_exception_means(fault: BaseException, code: int) -> None:
    assert failures.of(fault).code == code


def test_a_fault_of_our_own_says_where_to_report_it(
    farman: Farman, monkeypatch: pytest.MonkeyPatch
) -> None:
    farman("init")

    def broken(*_: object) -> None:
        raise ZeroDivisionError("all is lost")

    monkeypatch.setattr("office.home.Home.open", broken)
    told = farman("status")
    assert (told.code, told.out) == (70, "")
    assert "CONTRIBUTING.md" in told.err
    assert "Traceback" not in told.err
    assert farman("status", "--json").json["error"]["code"] == 70
    monkeypatch.setenv("FARMAN_DEBUG", "1")
    assert "Traceback" in farman("status").err


def command(*words: str, folder: Path, **environment: str) -> list[str]:
    return [
        sys.executable,
        "-c",
        "import sys; sys.path.insert(0, sys.argv.pop(1)); from console.cli import main; main()",
        str(ROOT),
        *words,
    ]


def test_a_reader_that_goes_away_is_no_error(issued: Farman, tmp_path: Path) -> None:
    process = subprocess.Popen(
        command("timeline", "1/2020", folder=tmp_path),
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    process.stdout.close()
    _, said = process.communicate(timeout=60)
    assert (process.returncode, said) == (141, b"")


def test_ctrl_c_is_quiet(issued: Farman, tmp_path: Path) -> None:
    # A pipe that nobody reads holds the command in its work.
    feed = tmp_path / "feed.csv"
    os.mkfifo(feed)
    process = subprocess.Popen(
        command("roll", "import", str(feed), folder=tmp_path),
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    time.sleep(2)
    process.send_signal(signal.SIGINT)
    out, said = process.communicate(timeout=60)
    assert (process.returncode, out, said) == (130, b"", b"")
