"""The JSON of every command: at least the keys that CONTRACT section 3 promises."""

import csv
import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet
from python_calamine import CalamineWorkbook

from tests.console.conftest import ELEVEN, FORCE, MORNING, NEXT_NOON, ORDER, TEN, Farman

COUNTS = {
    "population",
    "served",
    "read",
    "acknowledged",
    "complied",
    "exempt",
    "contested",
    "overdue",
}
MARK = {"rehearsal": True}


def keys(answer: Any) -> set[str]:
    assert answer["rehearsal"] is True
    return set(answer) - {"rehearsal"}


def test_init_tells_the_home_its_store_and_its_kind(farman: Farman, tmp_path: Path) -> None:
    assert farman("init", "--json", "--home", "h").json == {
        "home": "h",
        "store": "sqlite",
        "rehearsal": False,
    }
    assert farman("init", "--rehearsal", "--json", "--home", "e").json["rehearsal"] is True


def test_force_import_counts_and_a_second_one_changes_nothing(farman: Farman) -> None:
    farman("init", "--rehearsal", "--now", MORNING)
    dry = farman("force", "import", "force.yaml", "--dry-run", "--json").json
    first = farman("force", "import", "force.yaml", "--json").json
    again = farman("force", "import", "force.yaml", "--json").json
    assert first["units"] == {"added": 5, "changed": 0, "unchanged": 0} == dry["units"]
    assert first["posts"] == {"added": 3, "changed": 0, "unchanged": 0} == dry["posts"]
    assert again["units"] == {"added": 0, "changed": 0, "unchanged": 5}
    assert dry["position"] < first["position"] == again["position"]


def test_roll_import_counts_reports_and_a_second_one_changes_nothing(
    farman: Farman, tmp_path: Path
) -> None:
    farman("init", "--rehearsal", "--now", MORNING)
    farman("force", "import", "force.yaml")
    with (tmp_path / "roll.csv").open("a") as file:
        file.write("C-5,Nobody,99,swat,,\nC-6,Nobody,7,sawt,,\n")
    refused = farman("roll", "import", "roll.csv", "--json")
    assert refused.code == 4
    taken = farman("roll", "import", "roll.csv", "--accept-good", "--json")
    assert taken.code == 0
    assert taken.json["added"] == 6
    assert taken.json["rejected"] == 2
    assert [(p["line"], p["column"], p["value"]) for p in taken.json["problems"]] == [
        (8, "rank", "99"),
        (9, "unit", "sawt"),
    ]
    assert "did you mean “swat”?" in taken.json["problems"][1]["reason"]
    again = farman("roll", "import", "roll.csv", "--accept-good", "--json").json
    assert {name: again[name] for name in ("added", "changed", "unchanged", "missing")} == {
        "added": 0,
        "changed": 0,
        "unchanged": 6,
        "missing": 0,
    }
    assert again["position"] == taken.json["position"]


def test_roll_generate_writes_the_officers_it_says(farman: Farman, tmp_path: Path) -> None:
    words = ("roll", "generate", "force.yaml", "--officers", "50", "--seed", "7")
    answer = farman(*words, "--out", "made.csv", "--json").json
    assert answer == {"officers": 50, "file": "made.csv"}
    with (tmp_path / "made.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 50


def test_issue_and_the_same_file_again(manned: Farman) -> None:
    first = manned("issue", "order.md", "--json").json
    assert keys(first) >= {
        "directive",
        "number",
        "changed",
        "population",
        "units",
        "position",
    }
    assert (first["directive"], first["number"], first["changed"]) == (
        "hq-2020-1",
        "1/2020",
        True,
    )
    assert first["population"] == 5
    again = manned("issue", "order.md", "--json").json
    assert (again["directive"], again["changed"], again["position"]) == (
        "hq-2020-1",
        False,
        first["position"],
    )
    assert manned("issue", "order.md", "--again", "--json").json["directive"] == "hq-2020-2"


def test_amend_supersede_and_withdraw_name_the_version(issued: Farman, tmp_path: Path) -> None:
    (tmp_path / "changed.md").write_text(ORDER.replace("Leave them.", "Leave them today."))
    amended = issued("amend", "1/2020", "changed.md", "--material", "--json").json
    assert keys(amended) >= {"directive", "version", "position"}
    assert (amended["directive"], amended["version"]) == ("hq-2020-1", 2)
    issued("issue", "order.md", "--again")
    ended = issued("supersede", "1/2020", "--by", "2/2020", "--json").json
    assert keys(ended) >= {"directive", "version", "position"}
    gone = issued("withdraw", "2/2020", "--reason", "Issued in error", "--json").json
    assert keys(gone) >= {"directive", "version", "position"}


def test_an_amendment_cannot_change_whom_it_binds(issued: Farman, tmp_path: Path) -> None:
    (tmp_path / "changed.md").write_text(ORDER.replace("to: 21", "to: 20"))
    result = issued("amend", "1/2020", "changed.md", "--json")
    assert result.code == 4
    (problem,) = result.json["error"]["problems"]
    assert (problem["field"], problem["line"]) == ("population", 7)


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (
            ("relay", "acknowledge", "1/2020", "swat"),
            {"directive", "unit", "changed", "position"},
        ),
        (("read", "1/2020", "C-1"), {"directive", "officer", "changed", "position"}),
        (
            ("ack", "1/2020", "C-1", "--channel", "phone"),
            {"directive", "officer", "changed", "position"},
        ),
        (
            ("comply", "1/2020", "C-1", "--evidence", "annex 3", "--clause", "quit"),
            {"directive", "officer", "changed", "position"},
        ),
        (
            ("contest", "1/2020", "C-1", "--reason", "Added by others"),
            {"directive", "officer", "changed", "position"},
        ),
        (
            ("exempt", "1/2020", "C-1", "--by", "dpo-swat", "--reason", "Official group"),
            {"directive", "officer", "changed", "position"},
        ),
        (("officer", "transfer", "C-1", "hazara"), {"officer", "changed", "position"}),
        (("officer", "duty", "C-1", "leave"), {"officer", "changed", "position"}),
        (("officer", "promote", "C-1", "9"), {"officer", "changed", "position"}),
        (
            ("post", "assume", "rpo-malakand", "C-1", "--charge", "acting"),
            {"post", "officer", "changed", "position"},
        ),
    ],
)
def test_an_act_changes_once_and_its_repeat_changes_nothing(
    issued: Farman, words: tuple[str, ...], names: set[str]
) -> None:
    first = issued(*words, "--json").json
    assert keys(first) >= names
    assert first["changed"] is True
    again = issued(*words, "--json").json
    assert (again["changed"], again["position"]) == (False, first["position"])


def test_a_contest_is_decided_by_a_post(issued: Farman) -> None:
    issued("contest", "1/2020", "C-1", "--reason", "Added by others")
    assert issued("status", "1/2020", "--json").json["contested"] == 1
    decided = issued(
        "contest", "1/2020", "C-1", "--decide", "upheld", "--by", "dpo-swat", "--json"
    )
    assert decided.json["changed"] is True
    status = issued("status", "1/2020", "--json").json
    assert (status["contested"], status["exempt"]) == (0, 1)


def test_retiring_and_relinquishing(issued: Farman) -> None:
    gone = issued("post", "relinquish", "dpo-swat", "--json").json
    assert (gone["post"], gone["officer"], gone["changed"]) == ("dpo-swat", "D-1", True)
    left = issued("officer", "retire", "C-1", "--died", "--json").json
    assert (left["officer"], left["changed"]) == ("C-1", True)


def test_answers_import_adds_up_to_its_lines(issued: Farman, tmp_path: Path) -> None:
    (tmp_path / "answers.csv").write_text(
        "directive,officer_id,answer,at,channel\n"
        f"1/2020,C-1,complied,{MORNING},phone\n"
        f"1/2020,C-1,read,{MORNING},phone\n"
        f"1/2020,P-1,read,{MORNING},phone\n"
        f"1/2020,C-2,asleep,{MORNING},phone\n"
    )
    refused = issued("answers", "import", "answers.csv", "--json")
    assert refused.code == 4
    assert [p["line"] for p in refused.json["error"]["problems"]] == [4, 5]
    taken = issued("answers", "import", "answers.csv", "--accept-good", "--json")
    assert taken.code == 0
    answer = taken.json
    assert (answer["accepted"], answer["repeated"]) == (1, 1)
    assert [(r["line"], r["officer_id"]) for r in answer["refused"]] == [(4, "P-1"), (5, "C-2")]
    assert all(r["reason"] for r in answer["refused"])


def test_roll_call_takes_blank_answers_for_the_one_that_is_named(
    issued: Farman, tmp_path: Path
) -> None:
    (tmp_path / "call.csv").write_text("officer_id,answer\nC-2,\nC-3,absent\nP-1,\n")
    what = ("roll-call", "1/2020", "swat-saidu", "call.csv", "--answer", "complied")
    words = (*what, "--diary", "14", "--held-at", TEN)
    first = issued(*words, "--now", ELEVEN, "--json").json
    assert keys(first) >= {"unit", "accepted", "repeated", "absent", "refused", "position"}
    assert (first["accepted"], first["repeated"], first["absent"]) == (1, 0, 1)
    assert [(line["line"], line["officer_id"]) for line in first["refused"]] == [(4, "P-1")]
    assert issued("status", "1/2020", "--json").json["complied"] == 1
    again = issued(*words, "--json").json
    assert (again["accepted"], again["repeated"]) == (0, 1)
    assert again["position"] == first["position"]


def test_status_of_one_of_all_and_of_units(issued: Farman) -> None:
    answer = issued("status", "1/2020", "--depth", "3", "--json").json
    assert keys(answer) >= COUNTS | {
        "directive",
        "number",
        "state",
        "as_of",
        "known_at",
        "position",
        "unit",
        "units",
    }
    assert [unit["unit"] for unit in answer["units"]]
    for unit in answer["units"]:
        assert set(unit) >= COUNTS | {
            "unit",
            "kind",
            "name",
            "parent",
            "received_at",
            "acknowledged_at",
        }
    below = issued("status", "1/2020", "--unit", "malakand", "--json").json
    assert (below["unit"], below["population"]) == ("malakand", 4)
    every = issued("status", "--json").json
    assert set(every["directives"][0]) >= COUNTS | {
        "directive",
        "number",
        "subject",
        "issued_at",
        "state",
    }


def test_status_as_of_and_known_at(issued: Farman) -> None:
    before = issued("status", "1/2020", "--json").json
    issued("ack", "1/2020", "C-1", "--at", TEN, "--now", ELEVEN)
    now = issued("status", "1/2020", "--json").json
    assert (before["acknowledged"], now["acknowledged"]) == (0, 1)
    then = issued("status", "1/2020", "--as-of", "2020-01-15T09:30:00+05:00", "--json").json
    assert then["acknowledged"] == 0
    known = issued(
        "status", "1/2020", "--as-of", ELEVEN, "--known-at", str(before["position"]), "--json"
    ).json
    assert known["acknowledged"] == 0
    by_clock = issued("status", "1/2020", "--known-at", TEN, "--json").json
    assert by_clock["acknowledged"] == 0


def test_officers_a_page_at_a_time(issued: Farman) -> None:
    first = issued("officers", "1/2020", "--limit", "3", "--json").json
    assert len(first["officers"]) == 3
    assert set(first["officers"][0]) >= {
        "officer_id",
        "unit",
        "rank",
        "served_at",
        "read_at",
        "acknowledged_at",
        "complied_at",
        "due_at",
    }
    rest = issued("officers", "1/2020", "--after", first["next"], "--json").json
    assert len(rest["officers"]) == 2
    assert rest["next"] is None


def test_a_proof_of_service_tells_the_verdict_why_and_by_which_entries(issued: Farman) -> None:
    served = issued("proof-of-service", "1/2020", "C-1", "--json").json
    assert set(served) >= {"directive", "officer_id", "as_of", "served", "because", "facts"}
    assert served["served"] is True
    entries = issued("timeline", "1/2020", "--officer", "C-1", "--json").json["entries"]
    assert all(set(fact) == set(entries[0]) for fact in served["facts"])
    assert {one["position"] for one in entries} <= {one["position"] for one in served["facts"]}
    nobody = issued("proof-of-service", "1/2020", "nobody", "--json")
    assert nobody.code == 5
    early = issued(
        "proof-of-service", "1/2020", "C-1", "--as-of", "2019-06-01T00:00:00+05:00", "--json"
    ).json
    assert (early["served"], early["facts"]) == (False, [])


def test_hops_overdue_and_timeline(issued: Farman) -> None:
    hops = issued("hops", "1/2020", "--json").json["hops"]
    assert {hop["unit"] for hop in hops} == {"hq", "malakand", "swat", "swat-saidu", "hazara"}
    for hop in hops:
        assert set(hop) >= {
            "unit",
            "parent",
            "via",
            "received_at",
            "acknowledged_at",
            "forwarded_at",
            "served_at",
            "dwell_seconds",
            "held_by",
        }
    assert next(h for h in hops if h["unit"] == "malakand")["held_by"]["officer_id"] is None
    late = issued("overdue", "--as-of", NEXT_NOON, "--json").json["obligations"]
    assert set(late[0]) >= {
        "directive",
        "clause",
        "unit",
        "officers",
        "oldest_due_at",
        "held_by",
    }
    assert sum(row["officers"] for row in late) == 5
    entries = issued("timeline", "1/2020", "--json").json["entries"]
    assert set(entries[0]) >= {
        "position",
        "stream",
        "version",
        "name",
        "at",
        "recorded_at",
        "actor",
        "channel",
        "sentence",
    }
    assert [e["position"] for e in entries] == sorted(e["position"] for e in entries)


def test_tick_escalates_once(issued: Farman) -> None:
    first = issued("tick", "--now", NEXT_NOON, "--json").json
    assert keys(first) >= {
        "escalated",
        "reminded",
        "forwarded_by_rule",
        "expired",
        "position",
    }
    assert first["escalated"] > 0
    again = issued("tick", "--json").json
    assert (again["escalated"], again["position"]) == (0, first["position"])


def test_rebuild_and_its_check(issued: Farman) -> None:
    for words in (("rebuild", "--check"), ("rebuild",)):
        result = issued(*words, "--json")
        assert result.code == 0
        answer = result.json
        assert keys(answer) >= {"position", "projections"}
        for row in answer["projections"]:
            assert set(row) >= {"name", "rows", "digest", "same"}
            assert row["same"] is True


def test_a_projection_that_lies_is_found_by_check(issued: Farman, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "farman-home" / "farman.db") as db:
        db.execute("UPDATE standing SET served_at = served_at + 1 WHERE officer = 'C-2'")
    db.close()
    result = issued("rebuild", "--check", "--json")
    assert result.code == 1
    assert [row["name"] for row in result.json["projections"] if not row["same"]] == [
        "standing"
    ]
    said = issued("rebuild", "--check")
    assert (said.code, said.err) == (1, "")
    assert "C-2" in said.out


@pytest.mark.parametrize("what", ["standing", "entries", "hops"])
@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet", "xlsx"])
def test_export_in_every_form(issued: Farman, tmp_path: Path, what: str, form: str) -> None:
    out = tmp_path / f"out.{form}"
    words = ("export", "1/2020", "--what", what, "--format", form, "--out", str(out))
    answer = issued(*words, "--json").json
    rows = _rows(out, form)
    assert answer == {"rows": len(rows), "file": str(out), **MARK}
    assert len(rows) > 0
    assert all(str(row["exercise"]).lower() == "true" for row in rows)
    assert list(tmp_path.glob(".*.part")) == []


def _rows(path: Path, form: str) -> list[dict[str, Any]]:
    match form:
        case "csv":
            with path.open(newline="", encoding="utf-8") as file:
                return list(csv.DictReader(file))
        case "jsonl":
            return [json.loads(line) for line in path.read_text("utf-8").splitlines()]
        case "parquet":
            rows: list[dict[str, Any]] = parquet.read_table(path).to_pylist()
            return rows
        case _:
            header, *cells = CalamineWorkbook.from_path(path).get_sheet_by_index(0).to_python()
            return [dict(zip(map(str, header), row, strict=True)) for row in cells]


def test_doctor_masks_secrets_and_tells_a_fault(
    farman: Farman, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("FARMAN_STORE", "postgresql://farman:s3cret@db/farman?password=s3cret")
    lacking = farman("doctor", "--json")
    assert lacking.code == 1
    assert "s3cret" not in lacking.out
    assert lacking.json["checks"] == [
        {"name": "home", "ok": False, "detail": lacking.json["checks"][0]["detail"]}
    ]
    monkeypatch.delenv("FARMAN_STORE")
    farman("init")
    farman("force", "import", "force.yaml")
    sound = farman("doctor", "--json")
    assert sound.code == 0
    assert set(sound.json) == {"settings", "checks"}
    assert sound.json["settings"]["FARMAN_STORE"] == "sqlite"
    assert all(set(check) >= {"name", "ok", "detail"} for check in sound.json["checks"])


def test_a_secret_comes_from_a_file(
    farman: Farman, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "store").write_text("postgresql://farman:s3cret@db/farman\n")
    monkeypatch.setenv("FARMAN_STORE_FILE", str(tmp_path / "store"))
    told = farman("doctor", "--json").json["settings"]["FARMAN_STORE"]
    assert told == "postgresql://farman:***@db/farman"


def test_replay_without_a_terminal_prints_the_lines(issued: Farman) -> None:
    lines = issued("replay", "1/2020").out.splitlines()
    assert lines[0].startswith("EXERCISE")
    assert "issued 1/2020" in lines[1]
    assert issued("replay", "1/2020", "--json").json["entries"]


def test_names_in_urdu_come_through(farman: Farman) -> None:
    assert "سوات" in FORCE
    farman("init")
    assert farman("force", "import", "force.yaml", "--json").code == 0


def test_a_holder_of_another_rank_than_his_post_s_is_told_in_a_line(
    manned: Farman, tmp_path: Path
) -> None:
    (tmp_path / "acting.csv").write_text(
        "officer_id,name,rank,unit,post,charge\nR-1,Gul Torvala,19,malakand,rpo-malakand,acting\n"
    )
    told = manned("roll", "import", "acting.csv").out
    assert "line 2: R-1 holds a post of BPS-20 in BPS-19: rpo-malakand" in told
