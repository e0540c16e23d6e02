"""The story file and its player: what a story may say, and that it plays on only while it holds."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from console import output, stories, storyteller
from console.files.problems import BadFile
from console.invocation import Invocation
from tests import services
from tests.console.conftest import FORCE, ORDER, Farman

STORY = """\
story: small
line: An order reaches a small force
force: kp
begin: 2020-01-15T08:00:00+05:00
seed: 1
officers: 40
people:
  pleader: {unit: swat, rank: {from: 5, to: 9}}
  chief: {post: ppo}
  many: {under: hq, rank: {from: 5, to: 9}, count: 2}
files:
  answers.csv: |
    directive,officer_id,answer,at
    hq-2020-1,{many},complied,2020-01-15T09:30:00+05:00
steps:
  - at: 2020-01-15T09:00:00+05:00
    say: The order goes out.
    run: farman issue {examples}/directives/order.md
    expect: {directive: hq-2020-1, units: 5, population: at least 10}
    keep: {bound: population}
  - at: 2020-01-15T10:00:00+05:00
    run: farman answers import {files}/answers.csv
    expect: {accepted: 2}
  - say: He pleads.
    run: farman contest hq-2020-1 {pleader} --reason "Added by others"
  - run: farman contest hq-2020-1 {pleader} --decide upheld --by dpo-nowhere
    exit: 5
    says: dpo-nowhere
  - run: farman status hq-2020-1
    show: Malakand
    expect:
      served: "{bound}"
      complied: 2
      units[unit=malakand].contested: 1
      units[]: 2
      units[1].unit: set
  - say: So it stands.
look:
  - farman timeline hq-2020-1 --officer {pleader}
"""


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, farman: Farman) -> Mapping[str, Any]:
    """Put a story, its force and its order where the stories are looked for."""
    examples = tmp_path / "examples"
    (examples / "stories").mkdir(parents=True)
    (examples / "directives").mkdir()
    (examples / "kp.yaml").write_text(FORCE, encoding="utf-8")
    (examples / "directives" / "order.md").write_text(ORDER, encoding="utf-8")
    story = examples / "stories" / "small.yaml"
    story.write_text(STORY, encoding="utf-8")
    monkeypatch.setattr(stories, "EXAMPLES", examples)
    return {"farman": farman, "story": story}


def test_a_story_plays_what_it_tells_and_says_where_to_look(told: Mapping[str, Any]) -> None:
    played = told["farman"]("demo", "--story", "small", "--officers", "2000")
    assert (played.code, played.err) == (0, "")
    assert played.out.splitlines()[0] == output.EXERCISE
    assert played.out.count(output.EXERCISE) == 1
    for said in (
        "15 Jan 2020, 09:00  The order goes out.",
        "$ farman issue examples/directives/order.md --now 2020-01-15T09:00:00+05:00",
        "Issued 1/2020 (hq-2020-1)",
        "Not known here (5): There is no post",
        "The story holds: 9 steps",
        "  Malakand",
        "farman --home farman-story timeline hq-2020-1 --officer KP-",
    ):
        assert said in played.out
    assert "  Hazara" not in played.out


def test_a_story_that_holds_answers_with_one_document(told: Mapping[str, Any]) -> None:
    for _ in range(2):  # the second makes the home anew
        played = told["farman"]("demo", "--story", "small", "--json")
        assert (played.code, played.err) == (0, "")
        answer = played.json
        assert set(answer) == {
            *("home", "story", "officers", "steps", "broken", "position", "seconds"),
            "rehearsal",
        }
        assert (answer["story"], answer["officers"], answer["steps"]) == ("small", 40, 9)
        assert answer["broken"] is None


@pytest.mark.parametrize(
    ("was", "now", "place", "expected", "found"),
    [
        ("units: 5", "units: 6", "units", "6", "5"),
        ("accepted: 2", "rejected: 0", "rejected", "0", "nothing"),
        ("exit: 5", "exit: 3", "exit", "3", "5: There is no post"),
        ("says: dpo-nowhere", "says: is vacant", "says", "is vacant", "There is no post"),
        ("at least 10", "at most 3", "population", "at most 3", ""),
    ],
)
def test_a_story_that_no_longer_holds_stops_there_and_says_where(
    told: Mapping[str, Any], was: str, now: str, place: str, expected: str, found: str
) -> None:
    told["story"].write_text(STORY.replace(was, now), encoding="utf-8")
    told_of = told["farman"]("demo", "--story", "small", "--fast")
    assert told_of.code == 1
    assert "The story small does not hold: step" in told_of.err
    assert f"{place} should be “{expected}”, and “{found}" in told_of.err
    assert "The story holds" not in told_of.out
    broken = told["farman"]("demo", "--story", "small", "--json").json["broken"]
    assert (broken["place"], broken["expected"]) == (place, expected)
    assert set(broken) == {"step", "line", "command", "place", "expected", "found"}


def test_the_list_names_every_story_and_a_wrong_name_too(told: Mapping[str, Any]) -> None:
    listed = told["farman"]("demo", "--story", "list", "--json")
    assert listed.json == {
        "stories": [{"name": "small", "line": "An order reaches a small force"}]
    }
    assert "small\n    An order" in told["farman"]("demo", "--story", "list").out
    for wrong in ("smal", "../small", ""):
        refused = told["farman"]("demo", "--story", wrong)
        assert (refused.code, refused.out) == (2, "")
        assert "known are small" in refused.err


def test_fewer_officers_than_a_story_needs_are_refused(told: Mapping[str, Any]) -> None:
    told["story"].write_text(STORY.replace("officers: 40", "officers: 3000"), encoding="utf-8")
    refused = told["farman"]("demo", "--story", "small", "--officers", "2000")
    assert refused.code == 2
    assert "needs at least 3,000" in refused.err


@pytest.mark.parametrize(
    ("was", "now", "reason"),
    [
        ("story: small", "story: large", "its file small.yaml"),
        ("farman issue", "rm -rf", "a command line of farman"),
        ("farman issue", "farman demo --story small", "no part of a story"),
        ("order.md\n", "order.md --home /tmp\n", "--home is the player's"),
        ("{pleader} --reason", "{plaeder} --reason", "Nothing is called “plaeder”"),
        ("{pleader} --reason", "{many} --reason", "is a list of people"),
        ("{pleader} --reason", '"{pleader} --reason', "no command line"),
        ("T10:00", "T08:30", "never goes back"),
        ("{unit: swat, rank", "{unit: swat, post: ppo, rank", "one of unit, under or post"),
        ("count: 2", "count: many", "a number from 1"),
        ("  answers.csv", "  ../answers.csv", "small letters"),
        ("{accepted: 2}", "{accepted one: 2}", "no place in an answer"),
        ("exit: 5", "exit: 9", "a number from 0 to 6"),
        ("    exit: 5\n", "", "goes with “exit”"),
        ("- say: So it stands.", "- at: 2020-01-15T10:00:00+05:00", "or runs a command"),
    ],
)
def test_a_story_that_is_not_in_order_is_told_by_line(
    told: Mapping[str, Any], was: str, now: str, reason: str
) -> None:
    line = STORY[: STORY.index(was)].count("\n") + 1
    told["story"].write_text(STORY.replace(was, now, 1), encoding="utf-8")
    with pytest.raises(BadFile) as caught:
        stories.read(told["story"])
    assert any(reason in problem.reason for problem in caught.value.problems)
    assert line in {problem.line for problem in caught.value.problems}
    refused = told["farman"]("demo", "--story", "small", "--json")
    assert refused.code == 4


def test_who_does_not_stand_in_the_roll_is_told_by_his_line(told: Mapping[str, Any]) -> None:
    told["story"].write_text(STORY.replace("count: 2", "count: 900"), encoding="utf-8")
    refused = told["farman"]("demo", "--story", "small")
    assert refused.code == 4
    assert "line 10, people.many: In this roll" in refused.err


def test_people_are_picked_in_the_order_of_the_roll_and_nobody_twice(tmp_path: Path) -> None:
    file = tmp_path / "small.yaml"
    picks = "people:\n  one: {unit: a}\n  two: {under: a, count: 2}\n  head: {post: sho}\n"
    steps = "steps: [{say: x}]\n"
    top = STORY.partition("people:")[0]
    file.write_text(top + picks + steps, encoding="utf-8")
    roll = [
        {"officer_id": f"O-{n}", "unit": unit, "rank": "7", "duty": duty, "post": post}
        for n, (unit, duty, post) in enumerate(
            [
                ("a", "on_duty", "sho"),
                ("b", "on_duty", ""),
                ("a", "leave", ""),
                ("a", "on_duty", ""),
                ("c", "on_duty", ""),
                ("a", "on_duty", ""),
            ]
        )
    ]
    found = stories.picked(stories.read(file), roll, {"a": frozenset({"a", "b"})})
    assert found == {"one": ["O-3"], "two": ["O-1", "O-5"], "head": ["O-0"]}


ANSWER = {"a": {"b": [{"unit": "x", "n": 2}, {"unit": "y", "n": None}]}, "s": "ab", "t": True}


@pytest.mark.parametrize(
    ("place", "found"),
    [
        ("s", "ab"),
        ("t", "true"),
        ("a.b[]", "2"),
        ("a.b[0].n", "2"),
        ("a.b[unit=y].n", "null"),
        ("a.b[unit=z].n", stories.NOTHING),
        ("a.b[7]", stories.NOTHING),
        ("a.c.d", stories.NOTHING),
        ("s[0]", stories.NOTHING),
    ],
)
def test_a_place_in_an_answer_is_found_or_nothing_is(place: str, found: str) -> None:
    assert stories.at(ANSWER, place) == found


@pytest.mark.parametrize(
    ("found", "told_of", "is_so"),
    [
        ("5", "5", True),
        ("5", "6", False),
        ("5", "at least 5", True),
        ("5", "at most 4", False),
        ("many", "at least 1", False),
        ("null", "set", False),
        ("x", "set", True),
        (stories.NOTHING, "set", False),
        (stories.NOTHING, "not 5", False),
        ("6", "not 5", True),
        ('["a", "b"]', "has b", True),
        ("", '""', True),
    ],
)
def test_what_must_be_there_is_a_value_or_a_way_to_be(
    found: str, told_of: str, is_so: bool
) -> None:
    assert stories.holds(found, told_of) is is_so


def test_a_story_plays_on_postgresql_too(
    told: Mapping[str, Any],
    postgres_server: services.Server,
    capsys: pytest.CaptureFixture[str],
) -> None:
    store = postgres_server.create_database()
    try:
        call = Invocation(json=True, home="h")
        storyteller.play(call, "small", officers=None, fast=True, store=store)
        assert json.loads(capsys.readouterr().out)["broken"] is None
    finally:
        postgres_server.drop_database(store)


def test_a_story_never_goes_into_the_store_that_the_settings_name(
    told: Mapping[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("FARMAN_STORE", "postgresql://nobody@127.0.0.1:1/real")
    assert told["farman"]("demo", "--story", "small", "--home", "h", "--json").code == 0
    assert (tmp_path / "h" / "farman.db").exists()


@pytest.mark.parametrize(
    ("was", "now", "reason"),
    [
        ("--officer {pleader}\n", "--officer {nobody}\n", "Nothing is called “nobody”"),
        ("  - farman timeline", "  - rm -rf", "a command line of farman"),
        ("say: He pleads.", 'say: "{nobody} pleads."', "Nothing is called “nobody”"),
    ],
)
def test_what_is_only_shown_is_checked_too(
    told: Mapping[str, Any], was: str, now: str, reason: str
) -> None:
    told["story"].write_text(STORY.replace(was, now), encoding="utf-8")
    with pytest.raises(BadFile) as caught:
        stories.read(told["story"])
    assert [reason in problem.reason for problem in caught.value.problems] == [True]
