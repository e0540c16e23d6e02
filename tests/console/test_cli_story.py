"""An order from the Inspector General to the last constable and back, on both stores."""

from pathlib import Path

import pytest

from tests.console.conftest import ELEVEN, MORNING, NEXT_NOON, TEN, Farman


def test_an_order_goes_down_and_the_answers_come_back(
    farman: Farman, store_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("FARMAN_STORE", store_url)
    farman("init", "--rehearsal", "--now", MORNING)
    for words in (
        ("force", "import", "force.yaml"),
        ("roll", "import", "roll.csv"),
        ("issue", "order.md"),
        ("relay", "acknowledge", "1/2020", "swat", "--now", TEN),
        ("ack", "1/2020", "D-1", "--channel", "phone"),
        ("comply", "1/2020", "C-1", "--evidence", "annex 3"),
        ("contest", "1/2020", "C-4", "--reason", "Added by others"),
        ("officer", "transfer", "C-3", "hazara"),
    ):
        assert farman(*words).code == 0, words
    (tmp_path / "answers.csv").write_text(
        f"directive,officer_id,answer,at,channel\n1/2020,C-2,acknowledged,{TEN},paper\n"
    )
    farman("answers", "import", "answers.csv", "--now", ELEVEN)
    now = farman("status", "1/2020", "--json").json
    names = ("population", "served", "acknowledged", "complied", "contested", "overdue")
    assert [now[name] for name in names] == [5, 5, 3, 1, 1, 0]
    units = {unit["unit"]: unit["population"] for unit in now["units"]}
    assert units == {"malakand": 3, "hazara": 2}
    assert farman("tick", "--now", NEXT_NOON, "--json").json["escalated"] > 0
    assert farman("status", "1/2020", "--json").json["overdue"] == 4
    then = farman("status", "1/2020", "--as-of", ELEVEN, "--json").json
    assert {name: then[name] for name in names} == {name: now[name] for name in names}
    assert {unit["unit"]: unit["population"] for unit in then["units"]} == units
    assert farman("rebuild", "--check").code == 0
    assert farman("doctor").code == 0


def test_a_database_that_does_not_answer_is_6(
    farman: Farman, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FARMAN_STORE", "postgresql://farman:s3cret@127.0.0.1:1/farman")
    made = farman("init")
    assert made.code == 6
    assert "s3cret" not in made.out + made.err
    assert farman("status", "--json").code == 5  # an address that cannot be reached is not kept
