"""Kafka's jars: fetched once into the user's cache, and checked against the lock every time.

Lock     ``kafka-jars.lock``, a line a jar: its SHA-256, and where Maven's world has it. jgo resolves and
         downloads, and checks no hash of ours; so it is done here.
Fetched  from the repositories of jgo's own settings (``[repositories]`` in its ``jgo.conf``), else from
         where jgo looks by itself.

``python -m tests.services.jars`` writes the lock anew.
"""

import functools
import hashlib
import os
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.services.keeper import Missing

if TYPE_CHECKING:
    from jgo.maven import MavenContext

KAFKA = "4.3.1"

WANTED = (
    f"org.apache.kafka:kafka_2.13:{KAFKA}",
    "org.slf4j:slf4j-simple:1.7.36",  # without it whatever a broker complains of vanishes
)

LOCK = Path(__file__).parents[2] / "kafka-jars.lock"

AT_ONCE = 8
"""Downloads side by side; one after the other, most of the time goes into waiting."""


FEW = 3
"""Without a network, forty-six jars fail alike."""

MEND = (
    "Kafka's jars are the same everywhere, Debian and macOS too, and are fetched once:",
    "  by a run with a network; a mirror goes under [repositories] in ~/.config/jgo.conf",
)


@dataclass(frozen=True, order=True)
class Jar:
    """A line of the lock."""

    coordinate: str
    """``group:artifact:version``; unique in the lock, which is in this order."""

    sha256: str

    @property
    def name(self) -> str:
        _group, artifact, version = self.coordinate.split(":")
        return f"{artifact}-{version}.jar"


def locked() -> list[Jar]:
    """Return what the lock names."""
    lines = [line.split() for line in LOCK.read_text().splitlines()]
    return [Jar(coordinate, sha256) for sha256, coordinate in lines]


def cache() -> Path:
    """Return the folder that keeps this user's jars from run to run."""
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "farman" / f"kafka-{KAFKA}"


def in_cache(folder: Path, wanted: Sequence[Jar]) -> list[Path]:
    """Return the ``wanted`` jars in ``folder``, each as the lock has it; what is absent is fetched.

    Raises:
        Missing: with a sentence for each jar that cannot be had, or is another than the lock's.

    """
    absent = [jar for jar in wanted if not (folder / jar.name).exists()]
    faults = [
        f"{folder / jar.name} is not the file that {LOCK.name} names: remove it, to have it fetched anew."
        for jar in wanted
        if jar not in absent and _sha256(folder / jar.name) != jar.sha256
    ]
    if absent and not faults:
        faults = _fetch(absent, folder)
    if faults:
        lines = [f"Apache Kafka {KAFKA} is not complete.", *_few(faults), *MEND]
        raise Missing("\n".join(lines))
    return [folder / jar.name for jar in wanted]


def _few(faults: list[str]) -> list[str]:
    rest = [f"  … and {len(faults) - FEW} more."] if len(faults) > FEW else []
    return [f"  {fault}" for fault in faults[:FEW]] + rest


def _fetch(absent: Sequence[Jar], folder: Path) -> list[str]:
    """Bring ``absent`` into ``folder``; return a sentence for each that could not be had."""
    folder.mkdir(parents=True, exist_ok=True)
    # On the same disk, so that each jar appears whole: another run may be looking.
    with tempfile.TemporaryDirectory(prefix="fetching-", dir=folder) as apart:
        try:
            maven = _maven(Path(apart))
        except ImportError as gap:
            return [f"Nothing can be fetched: {gap}. make install brings it."]

        def fetch(jar: Jar) -> str | None:
            try:
                path = _download(maven, jar.coordinate)
            except (OSError, RuntimeError) as fault:  # those of the network are OSErrors
                return f"{jar.coordinate} could not be fetched: {fault}"
            if _sha256(path) != jar.sha256:
                return f"{jar.coordinate} as fetched is not the file that {LOCK.name} names."
            path.replace(folder / jar.name)
            return None

        with ThreadPoolExecutor(AT_ONCE) as pool:
            return [fault for fault in pool.map(fetch, absent) if fault is not None]


def _maven(folder: Path) -> "MavenContext":
    # Late: only a first run fetches, and jgo's imports take longer than checking all jars.
    from jgo.config import GlobalSettings  # noqa: PLC0415
    from jgo.constants import MAVEN_CENTRAL_URL  # noqa: PLC0415
    from jgo.maven import MavenContext  # noqa: PLC0415

    named = GlobalSettings.load().repositories
    # A folder of its own: in the shared one, jgo takes half a download for a whole one.
    return MavenContext(
        repo_cache=folder, remote_repos={**named, "central": MAVEN_CENTRAL_URL}, timeout=60
    )


def _download(maven: "MavenContext", coordinate: str) -> Path:
    group, artifact, version = coordinate.split(":")
    return maven.project(group, artifact).at_version(version).artifact().resolve()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def resolved() -> list[Jar]:
    """Return what Kafka needs at run time by its own account, with the hashes of today's downloads."""
    import jgo  # noqa: PLC0415  # late, as above

    named = jgo.config.GlobalSettings.load().repositories
    found = {
        f"{each.groupId}:{each.artifactId}:{each.version}"
        for each in jgo.resolve("+".join(WANTED), repositories=named)
    }
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(AT_ONCE) as pool:
        download = functools.partial(_download, _maven(Path(folder)))
        paths = pool.map(download, sorted(found))
        return [
            Jar(coordinate, _sha256(path))
            for coordinate, path in zip(sorted(found), paths, strict=True)
        ]


if __name__ == "__main__":
    jars = resolved()
    LOCK.write_text("".join(f"{jar.sha256}  {jar.coordinate}\n" for jar in jars))
    sys.stdout.write(f"{LOCK.name}: {len(jars)} jars\n")
