"""Cases by the command line: one by one and by file, with what each failure ends with."""

import json
from hashlib import sha256
from pathlib import Path
from typing import get_args

import pytest

from console import output
from console.commands import cases
from domain.case import OUTCOMES
from ledger.store import Store, select_entries
from office.casebook import STATES
from projections.tables import stages
from tests.console.conftest import ELEVEN, MORNING, ORDER, TEN, Farman

BAN = """\
  - {id: ban, kind: prohibition, text: {en: No videos in uniform.}}
  - {id: action, kind: consequence, of: ban, text: {en: Action is taken.}}
---
## en
"""
REPORT = ("case", "report", "1/2020", "--clause", "ban")


@pytest.fixture
def banned(manned: Farman, tmp_path: Path) -> Farman:
    """Issue an order with a prohibition; it is eleven."""
    (tmp_path / "ban.md").write_text(ORDER.replace("---\n## en\n", BAN), encoding="utf-8")
    assert manned("issue", "ban.md").code == 0
    assert manned("tick", "--now", ELEVEN).code == 0
    return manned


@pytest.fixture
def reported(banned: Farman) -> Farman:
    """Report C-2; his case is hq-2020-c1."""
    result = banned(*REPORT, "C-2", "--at", TEN, "--evidence", "video 14", "--json")
    assert result.json["case"] == "hq-2020-c1"
    assert set(result.json["competent"]) == {"post", "officer_id"}
    return banned


def test_a_case_is_taken_to_its_end(reported: Farman) -> None:
    for words, state in (
        ("notice hq-2020-c1 --by dpo-swat --within P3D", "noticed"),
        ("answer hq-2020-c1 --text Added.", "answered"),
        ("decide hq-2020-c1 --outcome suspended --by dpo-swat --reason Pending.", "decided"),
        ("reinstate hq-2020-c1 --by dpo-swat --reason Cleared.", "reinstated"),
    ):
        result = reported("case", *words.split(), "--json")
        assert result.code == 0, result
        assert (result.json["state"], result.json["changed"]) == (state, True)
        again = reported("case", *words.split(), "--json")
        assert again.json["changed"] is False
        if state == "decided":
            assert result.err == (
                "The roll stands as it was; this changes it: `farman officer duty C-2 suspended`.\n"
            )


def test_the_roll_changes_only_by_its_own_command(reported: Farman) -> None:
    reported("case", "notice", "hq-2020-c1", "--by", "dpo-swat")
    reported("case", "answer", "hq-2020-c1", "--text", "Added.")
    for outcome in ("suspended", "dismissed"):
        reported(
            *("case", "decide", "hq-2020-c1", "--outcome", outcome),
            *("--by", "dpo-swat", "--reason", "Proved."),
        )
        (row,) = [
            one
            for one in reported("officers", "1/2020", "--json").json["officers"]
            if one["officer_id"] == "C-2"
        ]
        assert row["duty"] == "on_duty"


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["case", "report", "1/2020", "C-2"], 2, "case report needs REF, OFFICER, --clause ID"),
        ([*REPORT, "C-2", "--file", "b.csv"], 2, "--file names the officers"),
        ([*REPORT, "X", "--at", TEN, "--evidence", "x"], 5, "No roll has listed"),
        ([*REPORT, "P-1", "--at", TEN, "--evidence", "x"], 3, "P-1 had not been served"),
        ([*REPORT, "C-3", "--at", "10:00", "--evidence", "x"], 2, "--at 10:00"),
        ([*REPORT, "C-3", "--at", TEN, "--evidence", " "], 3, "reported with evidence"),
        (["case", "notice", "--by", "dpo-swat"], 2, "case notice needs a CASE or several"),
        (["case", "notice", "hq-2020-c1", "--by", "nobody"], 5, "There is no post 'nobody'"),
        (["case", "notice", "hq-2020-c9", "--by", "ppo"], 5, "There is no case 'hq-2020-c9'"),
        (
            ["case", "notice", "hq-2020-c1", "--by", "ppo", "--within", "P1Y"],
            2,
            "--within P1Y: Months and years",
        ),
        (["case", "answer", "hq-2020-c1", "--text", "x"], 3, "No notice has been served"),
        (["case", "list", "--unit", "nowhere"], 5, "There is no unit 'nowhere'"),
        (["case", "list", "9/2020"], 5, "There is no directive '9/2020'"),
        (["case", "annex", "hq-2020-c1", "--out", "no/where.json"], 2, "there is no folder"),
        (
            [
                "case",
                "decide",
                "hq-2020-c1",
                "--outcome",
                "shot",
                "--by",
                "ppo",
                "--reason",
                "x",
            ],
            2,
            "'shot' is not one of",
        ),
    ],
)
def test_what_cannot_be_is_told_in_one_sentence(
    reported: Farman, words: list[str], code: int, said: str
) -> None:
    result = reported(*words)
    assert (result.code, said in result.err) == (code, True), result
    assert result.err.count("\n") == 1


def test_a_file_of_breaches_is_checked_whole(banned: Farman, tmp_path: Path) -> None:
    file = tmp_path / "b.csv"
    file.write_text(
        "officer_id,at,evidence,clause\n"
        f"C-1,{TEN},video 1,\n"
        f"C-2,{TEN},video 2,quit\n"
        f"C-3,ten,video 3,\n"
        f"C-4,{TEN},,\n",
        encoding="utf-8",
    )
    result = banned(*REPORT, "--file", str(file), "--json")
    assert result.code == 4
    assert [p["line"] for p in result.json["error"]["problems"]] == [4, 5]
    assert banned("case", "list", "--json").json["cases"] == []
    result = banned(*REPORT, "--file", str(file), "--accept-good", "--json")
    assert result.code == 0
    assert (result.json["cases"], result.json["accepted"]) == (["hq-2020-c1"], 1)
    assert [(one["line"], one["officer_id"]) for one in result.json["refused"]] == [
        (3, "C-2"),
        (4, "C-3"),
        (5, "C-4"),
    ]
    file.write_text(f"officer_id,at,evidence\nC-2,{MORNING},x\n", encoding="utf-8")
    without = banned("case", "report", "1/2020", "--file", str(file))
    assert (without.code, "Which clause?" in without.err) == (4, True)
    alone = banned(*("case", "report", "1/2020", "--clause", "quit"), "--file", str(file))
    assert (alone.code, "Line 2, C-2: quit was not yet due" in alone.err) == (4, True)


def test_a_file_may_name_the_directive_of_each_breach(banned: Farman, tmp_path: Path) -> None:
    file = tmp_path / "b.csv"
    head = "directive,officer_id,clause,at,evidence\n"
    file.write_text(
        f"{head}1/2020,C-1,ban,{TEN},video 1\n9/1999,C-2,ban,{TEN},video 2\n",
        encoding="utf-8",
    )
    result = banned("case", "report", "--file", str(file), "--json")
    assert result.code == 4
    (problem,) = result.json["error"]["problems"]
    assert (problem["line"], problem.get("field") or problem.get("column")) == (3, "directive")
    assert banned("case", "list", "--json").json["cases"] == []
    result = banned("case", "report", "--file", str(file), "--accept-good", "--json").json
    assert (result["cases"], result["accepted"], len(result["refused"])) == (
        ["hq-2020-c1"], 1, 1,
    )  # fmt: skip
    again = banned("case", "report", "--file", str(file), "--accept-good", "--json").json
    assert (again["accepted"], again["repeated"]) == (0, 1)
    twice = banned("case", "report", "1/2020", "--file", str(file))
    assert (twice.code, "leave it out" in " ".join(twice.err.split())) == (4, True), twice


def test_notices_are_served_by_file(banned: Farman, tmp_path: Path) -> None:
    for officer in ("C-1", "C-2"):
        banned(*REPORT, officer, "--at", TEN, "--evidence", "x")
    (tmp_path / "n.csv").write_text("case\nhq-2020-c1\nhq-2020-c2\n", encoding="utf-8")
    notice = ("case", "notice", "--by", "dpo-swat")
    first = banned(*notice, "--file", "n.csv", "--json").json
    assert (first["cases"], first["accepted"]) == (["hq-2020-c1", "hq-2020-c2"], 2)
    again = banned(*notice, "hq-2020-c1", "hq-2020-c2", "--json").json
    assert (again["accepted"], again["repeated"], again["refused"]) == (0, 2, [])
    assert len(banned("case", "list", "--state", "noticed", "--json").json["cases"]) == 2


@pytest.mark.parametrize(
    "words", ["list", "list 1/2020", "show hq-2020-c1", "annex hq-2020-c1"]
)
def test_what_is_shown_of_cases_fits_eighty_columns(reported: Farman, words: str) -> None:
    result = reported("case", *words.split())
    assert result.code == 0, result
    shown = result.out.splitlines()
    assert shown[0] == output.EXERCISE
    assert max(map(len, shown)) <= 80, result.out
    assert "hq-2020-c1" in result.out


def test_an_annex_is_written_to_a_file_with_the_hashes_of_the_ledger(
    reported: Farman, tmp_path: Path
) -> None:
    told = reported("case", "annex", "hq-2020-c1", "--out", "annex.json", "--json").json
    annex = json.loads((tmp_path / "annex.json").read_text(encoding="utf-8"))
    entries = [*annex["service_entries"], *annex["case_entries"]]
    assert told["entries"] == len(entries)
    assert annex["rehearsal"] is True
    store = Store.open(
        f"sqlite:///{next((tmp_path / 'farman-home').glob('*.db'))}", stages=stages
    )
    with store.reading() as conn:
        stored = {line[0]: bytes(line[4]) for line in select_entries(conn, 0, 1_000)}
    store.close()
    assert {e["position"]: e["sha256"] for e in entries} == {
        e["position"]: sha256(stored[e["position"]]).hexdigest() for e in entries
    }


def test_every_outcome_and_state_can_be_named() -> None:
    assert get_args(cases.Outcome) == OUTCOMES
    assert get_args(cases.State) == STATES
