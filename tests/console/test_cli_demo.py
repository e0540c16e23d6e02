"""`farman demo`: the invented day runs, tells its story, and spoils nothing of anyone's."""

from pathlib import Path

from console import output
from tests.console.conftest import Farman


def test_the_day_is_played_and_its_numbers_hold(farman: Farman) -> None:
    played = farman("demo", "--officers", "2000", "--home", "d", "--json")
    assert (played.code, played.err) == (0, "")
    answer = played.json
    assert answer["rehearsal"] is True
    assert (answer["home"], answer["directive"], answer["officers"]) == ("d", "hq-2020-1", 2000)
    assert answer["projections_same"] is True
    assert 0 < answer["noon"]["known_then"] < answer["noon"]["known_now"]
    assert any(unit in answer["sitting"] for unit in ("malakand", "mardan", "kohat"))
    now = farman("status", "1/2020", "--home", "d", "--json").json
    assert (now["contested"], now["state"], now["served"]) == (1, "in_force", now["population"])
    assert now["overdue"] > 0


def test_it_tells_the_day_and_makes_its_own_home_anew(farman: Farman, tmp_path: Path) -> None:
    for _ in range(2):
        told = farman("demo", "--officers", "2000", "--fast")
        assert (told.code, told.err) == (0, "")
    lines = told.out.splitlines()
    assert lines[0] == output.EXERCISE
    assert max(len(line) for line in lines if "farman --home" not in line) <= 80
    for said in (
        "is issued: Leave unofficial WhatsApp groups",
        "roll calls at 12 stations",
        "contests: added by others",
        "escalations to the desks above",
        "VACANT",
        "as it was known at noon",
        "the same, byte for byte",
        "farman --home farman-demo status hq-2020-1",
    ):
        assert said in told.out
    assert (tmp_path / "farman-demo" / "day" / "roll.csv").exists()


def test_it_touches_no_home_that_it_did_not_make(farman: Farman, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("keep me")
    refused = farman("demo", "--home", "mine")
    assert (refused.code, refused.out) == (3, "")
    assert "choose another place" in refused.err
    assert (tmp_path / "mine" / "letter.txt").read_text() == "keep me"
    farman("init", "--home", "real")
    assert farman("demo", "--home", "real").code == 3
