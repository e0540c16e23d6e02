"""Returns on the command line: what is printed, the keys, and how a refusal ends."""

from pathlib import Path

import pytest

from console import failures
from tests.console.conftest import MORNING, NEXT_NOON, ORDER, Farman

LATER = "2020-01-24T09:00:00+05:00"
OWED = ORDER.replace(
    "    escalate: [PT0S]\n",
    "  - {id: report, kind: return_due, from: [region, district],"
    " due: {clock: receipt, within: P7D}}\n",
)
SUBMIT = ("return", "submit", "1/2020", "swat", "--by", "dpo-swat", "--claimed")


@pytest.fixture
def ordered(manned: Farman) -> Farman:
    Path("owed.md").write_text(OWED, encoding="utf-8")
    assert manned("issue", "owed.md").code == 0
    return manned


def test_who_owes_a_return_is_listed_with_the_due(ordered: Farman) -> None:
    shown = ordered("return", "list").out
    assert "DPO Swat (D-1)" in shown
    assert "RPO Malakand (VACANT)" in shown
    assert "Hazara, no head" in shown
    assert shown.count("22 Jan 09:00") == 3


def test_full_compliance_with_officers_open_ends_with_3_and_names_the_list(
    ordered: Farman,
) -> None:
    no = ordered(*SUBMIT, "4")
    assert no.code == failures.REFUSED
    assert "of 4 bound, 4 are open" in no.err
    command = no.err.split("`")[1].split()[1:]
    assert ordered(*command).code == 0
    answer = ordered(*SUBMIT, "4", "--json")
    assert answer.json["error"]["code"] == failures.REFUSED


def test_a_return_tells_claimed_and_known_and_a_repeat_changes_nothing(
    ordered: Farman,
) -> None:
    assert ordered("comply", "1/2020", "C-2").code == 0
    first = ordered(*SUBMIT, "2", "--note", "One by telephone.")
    assert "swat certifies under report 2 complied; 1 of 4 are known to have." in first.out
    again = ordered(*SUBMIT, "2", "--json").json
    assert (again["changed"], again["claimed"], again["known"]) == (False, 2, 1)
    assert "Nothing changed" in ordered(*SUBMIT, "2").out


def test_a_claim_below_nothing_is_wrong_usage(ordered: Farman) -> None:
    assert ordered(*SUBMIT, "-1").code == failures.USAGE


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("9/2020", "swat", "--by", "dpo-swat"), failures.UNKNOWN),
        (("1/2020", "dir", "--by", "dpo-swat"), failures.UNKNOWN),
        (("1/2020", "swat", "--by", "dpo-dir"), failures.UNKNOWN),
        (("1/2020", "hazara", "--by", "dpo-swat"), failures.REFUSED),
        (("1/2020", "malakand", "--by", "rpo-malakand"), failures.REFUSED),
        (("1/2020", "swat-saidu", "--by", "ppo"), failures.REFUSED),
    ],
)
def test_what_cannot_be_submitted_leaves_nothing(
    ordered: Farman, words: tuple[str, ...], code: int
) -> None:
    before = ordered("status", "--json").json["position"]
    assert ordered("return", "submit", *words, "--claimed", "0").code == code
    assert ordered("status", "--json").json["position"] == before


def test_a_contradicted_return_is_shown_with_why(ordered: Farman) -> None:
    ordered(*SUBMIT, "3")
    words = ("return", "contradict", "1/2020", "swat", "--evidence", "Found in a group.")
    marked = ordered(*words, "--by", "ppo", "--officer", "C-2")
    assert "The return of swat under report is contradicted: 3 claimed, 0 known." in marked.out
    assert "The return of Swat is contradicted (C-2): Found" in ordered("return", "list").out
    assert ordered(*words, "--by", "dpo-swat").code == failures.REFUSED
    assert "Untrue" in ordered("return", "scores").out


def test_the_tick_tells_the_desk_above_of_an_overdue_return(ordered: Farman) -> None:
    ordered("tick", "--now", NEXT_NOON)
    told = ordered("tick", "--now", LATER, "--json").json
    assert told["escalated"] == 3
    lines = ordered("timeline", "1/2020", "--unit", "swat").out
    assert "is overdue: level 1 went to ppo (P-1)" in " ".join(lines.split())
    assert "passing rpo-malakand (vacant)" in " ".join(lines.split())


def test_returns_of_another_instant_and_knowledge_are_asked_for(ordered: Farman) -> None:
    before = ordered("status", "--json").json["position"]
    ordered(*SUBMIT, "1", "--now", NEXT_NOON)

    def state(*words: str) -> str:
        rows = ordered("return", "list", "1/2020", "--json", *words).json["returns"]
        return str(next(row["state"] for row in rows if row["unit"] == "swat"))

    assert state() == "submitted"
    assert state("--as-of", MORNING) == "owed"
    assert state("--known-at", str(before)) == "owed"
    rows = ordered("return", "list", "--unit", "malakand", "--json").json["returns"]
    assert {row["unit"] for row in rows} == {"malakand", "swat"}


def test_the_clock_of_a_return_is_never_the_service(manned: Farman) -> None:
    Path("bad.md").write_text(OWED.replace("receipt, within: P7D", "service, within: P7D"))
    no = manned("issue", "bad.md", "--json")
    assert no.code == failures.FILE
    (problem,) = no.json["error"]["problems"]
    assert problem["field"] == "clauses[1].due.clock"
    assert problem["value"] == "service"
    assert problem["reason"] == (
        "Nobody serves a desk: the clock of a return_due is issue or receipt."
    )
