"""The offices' commands, as a person at either end gives them."""

import stat
from pathlib import Path
from typing import Any

import pytest

from ledger import links
from ledger.links import Heartbeat
from office.commission import Handover
from office.home import Home
from office.office import Office
from tests.console.conftest import MORNING, TEN, Farman
from tests.examples import NINE
from tests.office.net import Net, provided
from tests.test_docs import documented, keys, without_holders

REGION = ("--home", "region")


@pytest.fixture
def commissioned(farman: Farman, tmp_path: Path) -> Farman:
    """Make HQ's home and the hand-over file of Malakand; no broker is asked."""
    farman("init", "--rehearsal", "--now", MORNING)
    farman("force", "import", "force.yaml")
    with Office(Home.open(tmp_path / "farman-home")) as hq:
        hq.commission("malakand", tmp_path / "malakand.json", provided)
    return farman


def copied(folder: Path) -> None:
    """Carry everything both ways, as the workers would."""
    with (
        Office(Home.open(folder / "farman-home")) as hq,
        Office(Home.open(folder / "region")) as region,
    ):
        net = Net.__new__(Net)
        net.hq, net.regions = hq, {"malakand": region}
        net.down, net.up = {"malakand": 0}, {"malakand": 0}
        net.settle()


def test_without_a_broker_no_office_is_commissioned_and_nothing_is_written(
    farman: Farman, tmp_path: Path
) -> None:
    farman("init", "--rehearsal", "--now", MORNING)
    farman("force", "import", "force.yaml")
    before = farman("status", "--json").json["position"]
    result = farman("office", "commission", "malakand", "--out", "m.json", "--json")
    assert (result.code, result.json["error"]["detail"]) == (
        6,
        (
            "No broker is set up that would carry what the offices send each other: set "
            "FARMAN_KAFKA_BOOTSTRAP, and FARMAN_KAFKA_ADMIN_USERNAME and its password."
        ),
    )
    assert not (tmp_path / "m.json").exists()
    assert farman("status", "--json").json["position"] == before


def test_a_rule_refuses_before_a_broker_is_missed(farman: Farman) -> None:
    farman("init", "--rehearsal", "--now", MORNING)
    farman("force", "import", "force.yaml")
    farman("roll", "import", "roll.csv")
    result = farman("office", "commission", "malakand", "--out", "m.json")
    assert result.code == 3
    assert result.err.startswith("Officers of malakand are on a roll here")
    assert farman("office", "commission", "dir", "--out", "m.json").code == 5
    assert farman("office", "commission", "malakand", "--out", "no/m.json").code == 2


def test_a_region_joins_and_both_ends_show_the_same_keys(
    commissioned: Farman, tmp_path: Path
) -> None:
    given = Handover.read(tmp_path / "malakand.json")
    joined = commissioned("office", "join", "malakand.json", *REGION, "--now", MORNING)
    assert joined.code == 0
    assert given.token is not None
    assert given.token not in joined.out + joined.err
    again = commissioned("office", "join", "malakand.json", *REGION, "--json").json
    assert (again["changed"], again["state"], again["hq_fingerprint"]) == (
        False, "registered", given.fingerprint,
    )  # fmt: skip
    copied(tmp_path)
    listed = commissioned("office", "list", "--json").json
    assert listed["fingerprint"] == given.fingerprint
    (there,) = listed["offices"]
    assert (there["state"], there["fingerprint"]) == ("open", again["fingerprint"])
    shown = commissioned("office", "list").out
    assert again["fingerprint"] in shown.replace("\n", "")
    assert "malakand" in shown


def test_once_the_region_has_joined_commissioning_again_needs_no_broker(
    commissioned: Farman, tmp_path: Path
) -> None:
    commissioned("office", "join", "malakand.json", *REGION, "--now", MORNING)
    copied(tmp_path)
    result = commissioned(
        "office", "commission", "malakand", "--out", "malakand.json", "--json"
    )
    assert (result.code, result.json["state"], result.json["file"]) == (0, "open", None)
    text = commissioned("office", "commission", "malakand", "--out", "malakand.json").out
    assert "The office malakand of malakand is open; no file was written." in text


def test_a_home_of_another_office_does_not_join(commissioned: Farman) -> None:
    result = commissioned("office", "join", "malakand.json")
    assert result.code == 3
    assert "is already a rehearsal of the office 'hq'" in result.err


def test_a_file_that_is_no_hand_over_is_told(commissioned: Farman) -> None:
    result = commissioned("office", "join", "force.yaml", *REGION)
    assert (result.code, "force.yaml is no hand-over file (JSON)." in result.err) == (4, True)
    assert commissioned("office", "join", "none.json", *REGION).code == 4


def test_rows_that_another_office_keeps_are_reported_and_the_good_ones_taken(
    commissioned: Farman, tmp_path: Path
) -> None:
    (tmp_path / "mixed.csv").write_text(
        "officer_id,name,rank,unit\nC-4,Hina,7,hazara\nC-2,Ehsan,7,swat-saidu\nC-5,Adil,99,hazara\n"
    )
    commissioned("office", "join", "malakand.json", *REGION, "--now", MORNING)
    copied(tmp_path)
    good = commissioned("roll", "import", "mixed.csv", "--accept-good", "--json").json
    assert (good["added"], good["rejected"]) == (1, 2)
    assert [(p["line"], p["column"]) for p in good["problems"]] == [(4, "rank"), (3, "unit")]
    (tmp_path / "theirs.csv").write_text("officer_id,name,rank,unit\nC-2,Ehsan,7,swat-saidu\n")
    result = commissioned("roll", "import", "theirs.csv", "--json")
    assert result.code == 4
    (problem,) = result.json["error"]["problems"]
    assert problem["reason"] == (
        "Malakand has an office of its own (malakand): give this command there."
    )


def test_an_answer_tells_what_it_stands_on(commissioned: Farman, tmp_path: Path) -> None:
    commissioned("office", "join", "malakand.json", *REGION, "--now", MORNING)
    copied(tmp_path)
    never = commissioned("status", "--json").json
    assert (never["heard"], never["stale"]) == (
        {"malakand": {"number": 0, "at": None}},
        ["malakand"],
    )
    with Office(Home.open(tmp_path / "farman-home")) as hq, hq._working() as work:
        beat = Heartbeat("malakand", "malakand", 1, 0, "", 0, 0, "", (), 0, (), NINE)
        links.hear(work.db.conn, "malakand", beat, work.now, None)
    heard = {"malakand": {"number": 0, "at": MORNING}}
    commissioned("issue", "order.md", "--now", MORNING)
    for question in (
        ("status",),
        ("status", "1/2020"),
        ("officers", "1/2020"),
        ("hops", "1/2020"),
    ):
        answer = commissioned(*question, "--json").json
        assert (answer["heard"], answer["stale"]) == (heard, []), question
    late = commissioned("status", "1/2020", "--now", TEN, "--json").json
    assert (late["heard"], late["stale"]) == (heard, ["malakand"])
    for word in ("status", "hops"):
        shown = " ".join(commissioned(word, "1/2020").out.split())
        assert (
            "Malakand: its office is silent since 15 Jan 09:00; more may have happened" in shown
        )


def test_the_answers_hold_what_the_json_page_says(commissioned: Farman, tmp_path: Path) -> None:
    told: dict[str, Any] = {}
    joined = commissioned(
        "office", "join", "malakand.json", *REGION, "--now", MORNING, "--json"
    )
    told["farman office join"] = joined.json
    copied(tmp_path)
    again = commissioned("office", "commission", "malakand", "--out", "m.json", "--json")
    told["farman office commission"] = again.json
    told["farman office list"] = commissioned("office", "list", "--json").json
    for name, answer in told.items():
        found = set(keys(answer)) - {"rehearsal"}
        assert without_holders(found) == without_holders(documented()[name]), name


@pytest.mark.usefixtures("commissioned")
def test_the_hand_over_file_is_for_its_owners_eyes(tmp_path: Path) -> None:
    assert stat.S_IMODE((tmp_path / "malakand.json").stat().st_mode) == 0o600
