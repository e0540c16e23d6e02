"""Kafka's jars: fetched once into the user's cache, and checked against the lock every time.

Lock     ``kafka-jars.lock``, a line a jar: its SHA-256 and its Maven coordinate.
Fetched  from the repositories in jgo's settings (``[repositories]`` in ``~/.config/jgo.conf``), else from
         the one that jgo knows by itself.
"""

import hashlib
import os
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.services.keeper import Missing

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
    "Its jars are the same on Debian, macOS and elsewhere. A run with a network fetches them, once;",
    "a mirror is named under [repositories] in ~/.config/jgo.conf.",
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

        def fetch(jar: Jar) -> str | None:
            path = Path(apart) / jar.name
            try:
                _download(jar.coordinate, path)
            except ImportError as gap:
                return f"{gap}: make install brings it."
            except OSError as fault:  # as all of requests' are
                return f"{jar.coordinate} could not be fetched: {fault}"
            if _sha256(path) != jar.sha256:
                return f"{jar.coordinate} as fetched is not the file that {LOCK.name} names."
            path.replace(folder / jar.name)
            return None

        with ThreadPoolExecutor(AT_ONCE) as pool:
            return [fault for fault in pool.map(fetch, absent) if fault is not None]


def _download(coordinate: str, path: Path) -> None:
    """Write what the first repository that has it sends."""
    # Late: only a first run fetches, and these imports take longer than checking all jars.
    import requests  # noqa: PLC0415
    from jgo.config import GlobalSettings  # noqa: PLC0415
    from jgo.constants import MAVEN_CENTRAL_URL  # noqa: PLC0415

    group, artifact, version = coordinate.split(":")
    place = f"{group.replace('.', '/')}/{artifact}/{version}/{artifact}-{version}.jar"
    answers = []
    for repository in (*GlobalSettings.load().repositories.values(), MAVEN_CENTRAL_URL):
        with requests.get(f"{repository}/{place}", timeout=60) as answer:
            if answer.ok:
                path.write_bytes(answer.content)
                return
            answers.append(str(answer.status_code))
    raise OSError(f"the repositories answer {', '.join(answers)}.")


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
    coordinates = sorted(found)
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(AT_ONCE) as pool:
        paths = [Path(folder) / coordinate for coordinate in coordinates]
        list(pool.map(_download, coordinates, paths))
        return [Jar(c, _sha256(path)) for c, path in zip(coordinates, paths, strict=True)]


def write_lock() -> None:
    """Write the lock anew; by hand, when :data:`WANTED` changes."""
    lines = (f"{jar.sha256}  {jar.coordinate}\n" for jar in resolved())
    LOCK.write_text("".join(lines))
