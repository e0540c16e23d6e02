"""The words of the command line: options anywhere, help, and what wrong usage is told."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from console.cli import app
from tests.console.conftest import MORNING, Farman

ROOT = Path(__file__).parents[2]

COMMANDS = [
    *(command.name or "" for command in app.registered_commands),
    *(
        f"{group.name} {command.name}"
        for group in app.registered_groups
        if group.typer_instance is not None
        for command in group.typer_instance.registered_commands
    ),
]


@pytest.mark.parametrize(
    "words",
    [
        ("--home", "h", "--json", "status"),
        ("--json", "status", "--home", "h"),
        ("status", "--home=h", "--json"),
        ("status", "--depth", "1", "--json", "--home", "h"),
    ],
)
def test_options_of_all_commands_may_stand_anywhere(
    farman: Farman, words: tuple[str, ...]
) -> None:
    assert farman("init", "--rehearsal", "--home", "h", "--now", MORNING).code == 0
    answer = farman(*words).json
    assert (answer["directives"], answer["rehearsal"]) == ([], True)


def test_home_comes_from_the_environment_where_none_is_named(
    farman: Farman, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("FARMAN_HOME", str(tmp_path / "elsewhere"))
    assert farman("init", "--json").json["home"] == str(tmp_path / "elsewhere")


def test_what_stands_after_two_dashes_is_left_alone(farman: Farman) -> None:
    result = farman("force", "import", "--", "--json")
    assert result.code != 0
    assert "--json" in result.err
    assert result.out == ""


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(farman: Farman, command: str) -> None:
    result = farman(*command.split(), "--help")
    assert result.code == 0
    assert f"$ farman {command}" in result.out
    assert max(map(len, result.out.splitlines())) <= 96


def test_help_shows_each_commands_first_sentence_whole(farman: Farman) -> None:
    _, _, commands = farman("--help").out.partition("Commands:")
    assert "..." not in commands


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("statsu",), "No such command 'statsu'. Did you mean 'status'? farman --help"),
        (("status", "--dept", "2"), "No such option: --dept"),
        (("issue",), "Missing argument 'FILE'; farman issue --help"),
        (("roll", "generate", "f", "--officers", "many", "--seed", "1"), "'--officers'"),
        (("officers", "1/2020", "--state", "asleep"), "'--state'"),
        (("status", "--home"), "--home needs its value"),
        (("status", "--now"), "--now needs its value"),
        (("status", "--as-of", "yesterday"), "--as-of yesterday: This is no ISO 8601 instant"),
        (("status", "--as-of", "2020-01-15T12:00:00"), "does not say its offset from UTC"),
        (("status", "--known-at", "-3x"), "--known-at -3x"),
        (("status", "--version", "1"), "--version needs a directive"),
        (("contest", "1/2020", "C-1"), "contest needs --reason"),
        (("contest", "1/2020", "C-1", "--decide", "upheld"), "--decide needs --by"),
        (("export", "--what", "hops", "--format", "csv", "--out", "no/x.csv"), "no folder"),
    ],
)
def test_wrong_usage_is_one_sentence_and_code_2(
    farman: Farman, words: tuple[str, ...], said: str
) -> None:
    farman("init", "--rehearsal", "--now", MORNING)
    told = farman(*words)
    assert (told.code, told.out.replace("\n", " ").strip()) in {
        (2, ""),
        (2, "EXERCISE · a rehearsal home: nothing here happened to anyone"),
    }
    assert said in told.err
    assert told.err.count("\n") == 1
    scripted = farman(*words, "--json")
    error = json.loads(scripted.out)["error"]
    assert (scripted.code, error["code"], error["title"]) == (2, 2, "Wrong usage")
    assert error["detail"] == told.err.strip()
    assert error["problems"] == []


@pytest.mark.parametrize("words", [(), ("force",), ("roll",)])
def test_a_group_without_a_command_shows_its_help_and_ends_with_2(
    farman: Farman, words: tuple[str, ...]
) -> None:
    result = farman(*words)
    assert (result.code, result.out) == (2, "")
    assert "Commands:" in result.err
    assert farman(*words, "--json").json["error"]["code"] == 2


def test_version_is_told(farman: Farman) -> None:
    result = farman("--version")
    assert (result.code, result.out) == (0, "farman 0.1.0\n")


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("farman sta", ["status"]),
        ("farman status hq-", ["hq-2020-1"]),
        ("farman status --unit swat-", ["swat-saidu"]),
        ("farman post assume rpo", ["rpo-malakand"]),
        ("farman --home nowhere status hq", []),
    ],
)
def test_tab_offers_what_the_home_knows(
    issued: Farman, tmp_path: Path, line: str, offered: list[str]
) -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            (
                "import sys; sys.path.insert(0, sys.argv.pop()); "
                "from console.cli import main; main()"
            ),
            str(ROOT),
        ],
        cwd=tmp_path,
        env={
            **os.environ,
            "_FARMAN_COMPLETE": "complete_bash",
            "COMP_WORDS": line,
            "COMP_CWORD": str(len(line.split()) - 1),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout.split(), done.stderr) == (offered, "")
