"""What a person sees: eighty columns, no need of colour, marked where it is an exercise."""

import io
import os
import re
import subprocess
import sys
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from rich.console import Console

from console import output, tables, words
from console.commands import questions
from domain.fact import PostId, UnitId
from domain.force import Post, Tree, Unit
from projections import officers
from tests.console.conftest import NEXT_NOON, Farman

ROOT = Path(__file__).parents[2]

QUESTIONS = [
    ("status",),
    ("status", "1/2020", "--depth", "3"),
    ("officers", "1/2020"),
    ("show", "1/2020"),
    ("hops", "1/2020"),
    ("overdue", "--as-of", NEXT_NOON),
    ("timeline", "1/2020"),
    ("proof-of-service", "1/2020", "C-1"),
    ("doctor",),
    ("rebuild", "--check"),
    ("tick",),
    ("force", "import", "force.yaml"),
    ("roll", "import", "roll.csv"),
    ("issue", "order.md"),
    ("return", "list"),
    ("return", "scores"),
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


NAMES = ("Swat", "Internal Accountability Branch", "Counter Terrorism Department")


@pytest.mark.parametrize("width", [80, 94, 120])
@pytest.mark.parametrize("whole", [9, 97_243, 2_219_131])
def test_counts_are_never_cut(width: int, whole: int) -> None:
    units = {UnitId("hq"): Unit(UnitId("hq"), "hq", {"en": "Central Police Office"}, None)}
    rows = []
    for place, name in enumerate(NAMES):
        unit = UnitId(f"u{place}")
        units[unit] = Unit(unit, "region", {"en": name}, UnitId("hq"))
        rows.append({"unit": f"u{place}", "name": name, **_counts(whole // 3)})
    answer = {"unit": "hq", "units": rows, **_counts(whole)}
    made = tables.counts(answer, NAMES[1], Tree(units, {}), Console(width=width))
    lines = _told(lambda console: console.print(made), width).splitlines()
    assert max(len(line.rstrip()) for line in lines) <= width
    shown = " ".join(" ".join(lines).split())
    assert "…" not in shown
    for number in (whole, whole // 2, whole // 3, whole // 3 // 2):
        assert f"{number:,}" in shown
    for word in " ".join(NAMES).split():
        assert word in shown
    if width >= 80 and whole < 1_000_000:
        assert "█" in shown


def _counts(whole: int) -> dict[str, int]:
    half = whole // 2
    counted = {"served": whole, "acknowledged": half, "complied": half, "overdue": whole - half}
    return {"population": whole, **counted}


@pytest.mark.parametrize(
    "unit", ["hq", "dera-ismail-khan-ps-3", "south-waziristan-lower-ps-3", "u" * 64]
)
@pytest.mark.parametrize("width", [80, 120])
def test_officers_times_are_never_cut(width: int, unit: str) -> None:
    at = "2020-01-15T16:40:00+05:00"
    row = {
        "officer_id": "KP-000042",
        "unit": unit,
        "rank": 17,
        **dict.fromkeys(("served_at", "read_at", "acknowledged_at", "complied_at"), at),
        "due_at": at,
    }
    unserved = {**row, **dict.fromkeys(("served_at", "acknowledged_at"))}
    draw = tables.officers({"officers": [row, unserved]}, ZoneInfo("Asia/Karachi"))
    told = _told(draw, width)
    assert max(len(line.rstrip()) for line in told.splitlines()) <= width
    assert "…" not in told
    assert told.count("15 Jan 16:40") >= 5
    assert "not served" in told
    assert unit in told or len(unit) > width // 2


def test_hops_and_overdue_name_units_and_desks_whole() -> None:
    name = "PS South Waziristan Lower 13"
    units = {
        UnitId("hq"): Unit(UnitId("hq"), "hq", {"en": "Central Police Office"}, None),
        UnitId("ps"): Unit(UnitId("ps"), "station", {"en": name}, UnitId("hq")),
    }
    desk = Post(PostId("sho"), UnitId("ps"), {"en": "SHO South Waziristan Lower 13"}, 16, True)
    held = {"post": "sho", "officer_id": None, "vacant_since": "2019-01-01T00:00:00+05:00"}
    at = "2020-01-15T16:40:00+05:00"
    hop = {
        "unit": "ps",
        "received_at": at,
        "acknowledged_at": None,
        "forwarded_at": at,
        "dwell_seconds": 0,
        "unacknowledged_seconds": 47 * 3_600,
        "holds": False,
        "held_by": held,
    }
    late = {
        "directive": "hq-2020-1",
        "clause": "quit",
        "unit": "ps",
        "officers": 1_465,
        "oldest_due_at": at,
        "held_by": held,
    }
    tree, zone = Tree(units, {PostId("sho"): desk}), ZoneInfo("Asia/Karachi")
    for draw in (
        tables.hops({"hops": [hop]}, tree, zone),
        tables.overdue({"obligations": [late]}, tree, zone),
    ):
        told = _told(draw, 80)
        assert max(len(line.rstrip()) for line in told.splitlines()) <= 80
        assert "…" not in told
        for word in (*name.split(), "15 Jan 16:40", "SHO", "VACANT"):
            assert word in told
    assert "47h 00m+" in _told(tables.hops({"hops": [hop]}, tree, zone), 80)


def _told(draw: tables.Drawing, width: int) -> str:
    console = Console(width=width, file=io.StringIO())
    with console.capture() as captured:
        draw(console)
    return captured.get()


def test_those_who_wait_longest_are_named_first() -> None:
    hops = [
        {
            "unit": str(n),
            "received_at": "x",
            "acknowledged_at": seen,
            "unacknowledged_seconds": n,
        }
        for n, seen in ((5, None), (9, None), (99, "x"), (7, None))
    ]
    assert [hop["unit"] for hop in tables.sitting(hops)] == ["9", "7", "5"]


def test_every_state_can_be_asked_for() -> None:
    assert questions.STATES == officers.STATES


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
