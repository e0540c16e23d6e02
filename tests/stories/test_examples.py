"""The eight scenarios, end to end: each is played, holds, and can be looked at afterwards.

What must be true of each stands in its story file, beside the command that shows it.
"""

import json
import re
import shlex
from pathlib import Path

import pytest

from console import stories, storyteller
from console.cli import run
from console.invocation import Invocation
from tests import services

NAMES = (
    "karachi-2024-09-policy",
    "kp-2020-01-whatsapp",
    "kp-2021-11-media-policy",
    "kp-2024-09-191",
    "moi-2019-12-media",
    "punjab-2024-09-cm",
    "punjab-2025-05-policy",
    "sindh-2024-09-ig",
)


def test_there_is_a_story_for_each_of_the_eight_and_a_directive_file() -> None:
    assert tuple(stories.names()) == NAMES
    there = {path.stem for path in (stories.EXAMPLES / "directives").glob("*.md")}
    assert there == set(NAMES)
    for name in NAMES:
        told = (stories.EXAMPLES / "stories" / f"{name}.yaml").read_text(encoding="utf-8")
        assert f"{{examples}}/directives/{name}.md" in told


@pytest.mark.parametrize("name", NAMES)
def test_a_story_is_in_order(name: str) -> None:
    story = stories.find(name)
    assert len(story.line) <= 100
    assert all(step.say or step.run for step in story.steps)


@pytest.mark.parametrize("name", NAMES)
def test_a_scenario_holds_from_its_first_command_to_its_last(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "h"
    code = run(["demo", "--story", name, "--fast", "--home", str(home)])
    told = capsys.readouterr()
    assert (code, told.err) == (0, "")
    rows = told.out.partition("Look at it:\n")[2].splitlines()
    looked = [row.strip() for row in rows if not re.match(" *farman demo", row)]
    assert looked
    for line in looked:
        assert run(shlex.split(line)[1:]) == 0, line
    assert run(["rebuild", "--check", "--home", str(home)]) == 0
    capsys.readouterr()


def test_a_scenario_holds_on_postgresql(
    postgres_server: services.Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = postgres_server.create_database()
    call = Invocation(json=True, home=str(tmp_path / "h"))
    try:
        storyteller.play(call, "kp-2020-01-whatsapp", officers=None, fast=True, store=store)
        assert json.loads(capsys.readouterr().out)["broken"] is None
    finally:
        postgres_server.drop_database(store)
