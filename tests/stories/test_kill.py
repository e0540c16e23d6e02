"""Killed with -9 amid its work, every command leaves all of it or none, and done again completes.

Each command runs as a process of its own. The kill waits until the store has grown by so many
bytes since the command began: SQLite's file and log, PostgreSQL's write-ahead log. So it falls
inside the work on a machine of any speed. The writer's cache is made small, so that SQLite
spills an open transaction into its log instead of keeping it in memory until the commit.
"""

import contextlib
import json
import multiprocessing
import os
import signal
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import psycopg
import pytest

import console.commands.answers
import ledger.sqlite
from console import cli
from office.home import Home
from office.office import Office
from projections import rebuild
from projections.tables import PROJECTIONS

PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload([__name__])  # imported once: a command begins at once


def farman(words: tuple[str, ...], home: str, store: str, output: str) -> None:
    """Be the command `farman`, in a process of its own."""
    ledger.sqlite.WRITER_CACHE_KIB = 64
    console.commands.answers.CHUNK = 1_000
    os.environ |= {"FARMAN_HOME": home, "FARMAN_STORE": store}
    for number, suffix in ((1, "out"), (2, "err")):
        file = os.open(f"{output}.{suffix}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(file, number)
    sys.argv = ["farman", *words, "--json"]
    cli.main()


KIB = 1024
MORNING, EVENING = "2020-01-15T09:00:00+05:00", "2020-01-15T21:00:00+05:00"
REGIONS, STATIONS, OFFICERS = 20, 30, 4_000
UNITS = 1 + REGIONS * (1 + STATIONS)
CONTESTED, EXTRA = 5, 400
"""Officers who contest, and lines that repeat an earlier one."""


def force_file() -> str:
    units = ["  - {id: hq, kind: hq, name: {en: Central Police Office}}"]
    posts = ["  - {id: ppo, unit: hq, title: {en: PPO}, rank: 22, head: true}"]
    for r in range(REGIONS):
        units.append(f"  - {{id: r{r}, kind: region, parent: hq, name: {{en: Region {r}}}}}")
        posts.append(
            f"  - {{id: rpo-{r}, unit: r{r}, title: {{en: RPO}}, rank: 20, head: true}}"
        )
        units += [
            f"  - {{id: r{r}s{s}, kind: station, parent: r{r}, name: {{en: Station {s} of {r}}}}}"
            for s in range(STATIONS)
        ]
    return "\n".join(
        [
            "force: kp",
            "name: {en: Khyber Pakhtunkhwa Police}",
            "timezone: Asia/Karachi",
            "since: 2019-01-01",
            "units:",
            *units,
            "posts:",
            *posts,
            "",
        ]
    )


def officer(n: int) -> str:
    return f"C-{n:05}"


def roll_file() -> str:
    lines = ["officer_id,name,rank,unit,duty,phone"]
    for n in range(OFFICERS):
        station = f"r{n % REGIONS}s{n % STATIONS}"
        lines.append(f"{officer(n)},Officer {n},{5 + n % 12},{station},on_duty,+92 300 {n:07}")
    return "\n".join([*lines, ""])


ORDER = """\
---
number: auto
subject: {en: Leave unofficial WhatsApp groups}
issuer: ppo
precedence: immediate
addressees: [hq]
standing: true
clauses:
  - id: quit
    kind: required_act
    text: {en: Leave every group that the police do not run.}
    due: {clock: receipt, within: PT6H}
---
## en
Leave them.
"""


def answers_file() -> str:
    """Each acknowledges by eleven and every other complies by noon, in a scattered order."""
    lines = ["directive,officer_id,answer,at"]
    for n in range(OFFICERS):
        who = n * 4_001 % OFFICERS
        lines.append(f"1/2020,{officer(who)},acknowledged,2020-01-15T10:{n % 60:02}:00+05:00")
        if who % 2:
            lines.append(f"1/2020,{officer(who)},complied,2020-01-15T11:{n % 60:02}:00+05:00")
    lines += lines[1 : 1 + EXTRA]
    lines += [
        f"1/2020,{officer(n)},contested,2020-01-15T12:00:00+05:00" for n in range(CONTESTED)
    ]
    return "\n".join([*lines, ""])


ACCEPTED = OFFICERS + OFFICERS // 2 + CONTESTED


# --- A home whose commands are killed --------------------------------------------------


@dataclass(frozen=True)
class Scene:
    """A rehearsal home, its store, and the files of its commands."""

    folder: Path
    store: str

    @property
    def home(self) -> Path:
        return self.folder / "home"

    def start(self, *words: str) -> BaseProcess:
        process = PROCESSES.Process(
            target=farman, args=(words, str(self.home), self.store, str(self.folder / "said"))
        )
        process.start()
        return process

    def said(self, process: BaseProcess, words: tuple[str, ...]) -> str:
        """What an ended command said."""
        out, err = (
            file.read_text() if (file := self.folder / f"said.{suffix}").exists() else ""
            for suffix in ("out", "err")
        )
        return f"{' '.join(words)} ended with {process.exitcode}: {out}{err}"

    def run(self, *words: str) -> dict[str, Any]:
        """Run a command to its end and return its answer."""
        process = self.start(*words)
        process.join()
        assert process.exitcode == 0, self.said(process, words)
        answer: dict[str, Any] = json.loads((self.folder / "said.out").read_bytes())
        return answer

    def kill(self, *words: str, after: int, entries: int = 0) -> None:
        """Start a command and kill it after so many entries, and so many bytes since."""
        with self.measured() as (entered, size):
            first = entered()
            process = self.start(*words)
            try:
                while process.is_alive() and entered() - first < entries:
                    time.sleep(0.001)
                start = size()
                while process.is_alive() and size() - start < after:
                    time.sleep(0.001)
            finally:
                process.kill()
                process.join()
        assert process.exitcode == -signal.SIGKILL, (
            f"before {entries} entries and {after} bytes, {self.said(process, words)}"
        )

    @contextmanager
    def measured(self) -> Iterator[tuple[Callable[[], int], Callable[[], int]]]:
        """Give what counts the entries committed, and the bytes written into the store."""
        with contextlib.closing(self.connection()) as conn:

            def ask(statement: str) -> int:
                found = conn.execute(statement).fetchone()
                assert found is not None
                return int(found[0])

            def entered() -> int:
                return ask("SELECT count(*) FROM stored_events")

            def size() -> int:
                if self.store != "sqlite":
                    return ask("SELECT (pg_current_wal_insert_lsn() - '0/0')::bigint")
                return sum(file.stat().st_size for file in self.home.glob("farman.db*"))

            yield entered, size

    def connection(self) -> "sqlite3.Connection | psycopg.Connection[tuple[Any, ...]]":
        if self.store != "sqlite":
            return psycopg.connect(self.store, autocommit=True)
        return sqlite3.connect(self.home / "farman.db", isolation_level=None)

    @contextmanager
    def office(self) -> Iterator[Office]:
        """Look at what is there; afterwards SQLite's log is back in its file."""
        opened = Office(Home.open(self.home))
        try:
            yield opened
        finally:
            opened.close()

    def count(self, table: str) -> int:
        with self.office() as office, office.store.reading() as conn:
            return int(conn.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one())

    def head(self) -> int:
        with self.office() as office:
            return office.head()

    def digests(self) -> dict[str, tuple[int, str]]:
        with self.office() as office, office.store.reading() as conn:
            return {name: rebuild.digest(conn, name) for name in PROJECTIONS}

    def is_sound(self) -> bool:
        """Tell whether the tables are what the ledger says."""
        with self.office() as office:
            return all(one["same"] for one in office.check()["projections"])


@pytest.fixture
def scene(tmp_path: Path, store_url: str) -> Scene:
    for name, content in (
        ("force.yaml", force_file()),
        ("roll.csv", roll_file()),
        ("order.md", ORDER),
        ("answers.csv", answers_file()),
    ):
        (tmp_path / name).write_text(content, encoding="utf-8")
    made = Scene(tmp_path, store_url)
    made.run("init", "--rehearsal", "--now", MORNING)
    with made.office():
        pass  # its tables are made; what grows from here on is the command's own
    return made


def test_whatever_is_killed_leaves_all_or_none_and_the_same_command_completes_it(
    scene: Scene,
) -> None:
    def file(name: str) -> str:
        return str(scene.folder / name)

    # A force is one transaction.
    for after in (16 * KIB, 64 * KIB, 160 * KIB):
        scene.kill("force", "import", file("force.yaml"), after=after)
        assert scene.count("units") in (0, UNITS)
    done = scene.run("force", "import", file("force.yaml"))
    assert done["units"]["added"] + done["units"]["unchanged"] == UNITS
    assert scene.count("units") == UNITS
    assert scene.count("posts") == 1 + REGIONS

    # So is a roll.
    for after in (64 * KIB, 256 * KIB, 640 * KIB):
        scene.kill("roll", "import", file("roll.csv"), after=after)
        assert scene.count("roll") in (0, OFFICERS)
    done = scene.run("roll", "import", file("roll.csv"))
    assert done["added"] + done["unchanged"] == OFFICERS
    assert scene.count("roll") == OFFICERS
    assert scene.is_sound()

    # A directive is issued with its whole cascade, and takes one serial.
    for after in (32 * KIB, 128 * KIB, 384 * KIB):
        scene.kill("issue", file("order.md"), after=after)
        assert scene.count("standing") in (0, OFFICERS)
    done = scene.run("issue", file("order.md"))
    assert (done["directive"], done["population"]) == ("hq-2020-1", OFFICERS)
    assert scene.run("issue", file("order.md"))["changed"] is False
    assert scene.count("directives") == 1
    assert scene.count("standing") == OFFICERS
    assert scene.is_sound()

    # Answers are committed slice by slice: a kill leaves a prefix.
    issued = scene.head()
    recorded = 0
    for entries in (0, 1, 1_500):
        scene.kill(
            "answers", "import", file("answers.csv"), "--now", EVENING,
            entries=entries, after=32 * KIB,
        )  # fmt: skip
        assert recorded + entries <= scene.count("answers") < ACCEPTED - CONTESTED
        recorded = scene.count("answers")
    assert recorded > 1_500
    assert scene.is_sound()
    done = scene.run("answers", "import", file("answers.csv"))
    assert (done["accepted"], done["repeated"], done["refused"]) == (
        ACCEPTED - recorded,
        EXTRA + recorded,
        [],
    )
    assert scene.head() >= issued + ACCEPTED
    again = scene.run("answers", "import", file("answers.csv"))
    assert (again["accepted"], again["repeated"]) == (0, ACCEPTED + EXTRA)
    status = scene.run("status", "1/2020")
    names = ("population", "served", "read", "acknowledged", "complied", "contested", "overdue")
    half = OFFICERS // 2
    assert [status[name] for name in names] == [
        OFFICERS, OFFICERS, OFFICERS, OFFICERS, half, CONTESTED, half
    ]  # fmt: skip

    # A rebuild leaves the live tables as they were.
    live = scene.digests()
    for after in (64 * KIB, 512 * KIB, 2_048 * KIB):
        scene.kill("rebuild", after=after)
        assert scene.digests() == live
    done = scene.run("rebuild")
    assert all(one["same"] for one in done["projections"])
    assert scene.digests() == live
    assert all(one["same"] for one in scene.run("rebuild", "--check")["projections"])


def test_a_home_that_was_killed_while_it_was_made_can_be_made_again(
    tmp_path: Path, store_url: str
) -> None:
    scene = Scene(tmp_path, store_url)
    process = scene.start("init", "--rehearsal", "--now", MORNING)
    while process.is_alive() and not scene.home.exists():
        time.sleep(0.001)
    process.kill()
    process.join()
    scene.run("init", "--rehearsal", "--now", MORNING)
    assert scene.run("status")["directives"] == []
