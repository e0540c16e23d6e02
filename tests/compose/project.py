"""docker-compose.yml as Compose itself reads it: checked by its own library, anchors and merges resolved."""

import json
import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

from tests import services

ROOT = Path(__file__).parents[2]
FILE = ROOT / "docker-compose.yml"
OURS = "farman:local"


class Invalid(Exception):
    """Compose does not take the file; the text is Compose's own."""


@dataclass(frozen=True)
class Mount:
    """A volume in a container."""

    volume: str
    target: str
    read_only: bool


@dataclass(frozen=True)
class Service:
    """What is run in one container."""

    name: str
    said: Mapping[str, Any]
    """All that Compose knows of it."""

    @property
    def image(self) -> str:
        return str(self.said["image"])

    @property
    def command(self) -> list[str]:
        return list(self.said.get("command") or [])

    @property
    def environment(self) -> dict[str, str]:
        return dict(self.said.get("environment") or {})

    @property
    def mounts(self) -> list[Mount]:
        return [
            Mount(each["source"], each["target"], each.get("read_only", False))
            for each in self.said.get("volumes") or []
        ]

    @property
    def waits_for(self) -> dict[str, str]:
        """Which services it waits for, and for what of them."""
        return {
            name: each["condition"] for name, each in self.said.get("depends_on", {}).items()
        }

    @property
    def once(self) -> bool:
        """Whether it ends by itself when its work is done."""
        return "restart" not in self.said


@dataclass(frozen=True)
class Project:
    """The whole file."""

    said: Mapping[str, Any]

    @property
    def services(self) -> dict[str, Service]:
        return {name: Service(name, said) for name, said in self.said["services"].items()}

    @property
    def ours(self) -> Iterator[Service]:
        return (each for each in self.services.values() if each.image == OURS)

    @property
    def volumes(self) -> set[str]:
        return set(self.said["volumes"])

    def in_order(self, *names: str) -> list[Service]:
        """Return the services that `docker compose up NAMES` starts, each after those that it waits for."""
        known = self.services
        waits: dict[str, set[str]] = {}
        asked = list(names or sorted(known))
        while asked:
            name = asked.pop()
            waits[name] = set(known[name].waits_for)
            asked += waits[name] - set(waits)
        return [known[name] for name in TopologicalSorter(waits).static_order()]


def load(file: Path = FILE) -> Project:
    """Return what Compose makes of ``file``.

    Raises:
        Invalid: Compose refuses it.

    """
    done = subprocess.run(
        [services.find_go(), "run", "-mod=readonly", ".", file],
        cwd=Path(__file__).parent / "load",
        env={**os.environ, "GOTOOLCHAIN": "local", "CGO_ENABLED": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise Invalid(done.stderr.strip())
    return Project(json.loads(done.stdout))


def in_the_image() -> dict[str, Path]:
    """Return where in the image the repository's own files lie, by the Dockerfile's last stage."""
    stage = (ROOT / "Dockerfile").read_text().rpartition("\nFROM ")[2]
    found = {}
    for source, target in re.findall(r"^COPY (?!--from)(\S+) (\S+)$", stage, re.MULTILINE):
        place = target + Path(source).name if target.endswith("/") else target
        found[place] = ROOT / source
    return found
