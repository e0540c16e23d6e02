"""What a person sees: eighty columns, no need of colour, marked where it is an exercise."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from console import output, words
from tests.console.conftest import NEXT_NOON, Farman

ROOT = Path(__file__).parents[2]

QUESTIONS = [
    ("status",),
    ("status", "1/2020", "--depth", "3"),
    ("officers", "1/2020"),
    ("hops", "1/2020"),
    ("overdue", "--as-of", NEXT_NOON),
    ("timeline", "1/2020"),
    ("doctor",),
    ("rebuild", "--check"),
    ("tick",),
    ("force", "import", "force.yaml"),
    ("roll", "import", "roll.csv"),
    ("issue", "order.md"),
    ("ack", "1/2020", "C-1"),
]


@pytest.mark.parametrize("question", QUESTIONS)
def test_answers_fit_eighty_columns_and_say_that_it_is_an_exercise(
    issued: Farman, question: tuple[str, ...]
) -> None:
    result = issued(*question)
    assert result.code == 0, result
    lines = result.out.splitlines()
    assert lines[0] == output.EXERCISE
    assert max(map(len, lines)) <= 80, result.out
    assert "\x1b" not in result.out
    assert issued(*question, "--json").json["rehearsal"] is True


def test_a_real_home_is_not_marked(farman: Farman) -> None:
    farman("init")
    assert "EXERCISE" not in farman("force", "import", "force.yaml").out
    assert "rehearsal" not in farman("force", "import", "force.yaml", "--json").json


def test_status_names_units_vacant_desks_and_its_moment(issued: Farman) -> None:
    shown = issued("status", "1/2020").out
    assert "Central Police Office" in shown
    assert "Vacant: RPO Malakand" in shown
    assert "100%" in shown
    assert re.search(r"As of 15 Jan 2020, 09:00 \(Asia/Karachi\), known at position \d+", shown)


def test_a_terminal_that_is_not_unicode_gets_plain_signs(
    issued: Farman, tmp_path: Path
) -> None:
    program = (
        "import sys; sys.path.insert(0, sys.argv.pop(1)); from console.cli import main; main()"
    )
    issued("ack", "1/2020", "C-1")
    done = subprocess.run(
        [sys.executable, "-c", program, str(ROOT), "status", "1/2020"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONIOENCODING": "ascii", "COLUMNS": "80"},
        capture_output=True,
        check=True,
    )
    shown = done.stdout.decode("ascii")
    assert "#" in shown
    assert "?" not in shown


@pytest.mark.parametrize(
    ("part", "whole", "said"),
    [(0, 0, "-"), (0, 9, "0%"), (1, 1000, "<1%"), (999, 1000, "99%"), (9, 9, "100%")],
)
def test_a_percentage_never_says_all_where_one_is_missing(
    part: int, whole: int, said: str
) -> None:
    assert words.percent(part, whole) == said


@pytest.mark.parametrize(("part", "filled"), [(0, 0), (1, 1), (99, 9), (100, 10)])
def test_a_bar_is_full_only_when_nobody_is_missing(part: int, filled: int) -> None:
    shown = words.bar(part, 100, 10)
    assert (len(shown), sum(sign in "█#" for sign in shown)) == (10, filled)


def test_no_color_is_honoured_on_a_terminal(
    issued: Farman, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b[" in issued("status", "1/2020").out
    monkeypatch.setenv("NO_COLOR", "1")
    shown = issued("status", "1/2020").out
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]", shown)
