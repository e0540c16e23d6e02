"""The four offices of the demo, each with a home, a database, a worker and a person who types.

In: the force and the orders of the examples. Out: homes, and files to import. Every person in
them is invented.
"""

import csv
import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any, TypeVar

from console import generate, words
from console.files.force_file import ForceFile
from console.files.roll_file import COLUMNS
from demo.line import HOST, Line, laid
from ledger import tables
from office.home import Home
from office.office import Office
from tests import services
from tests.services.keeper import Keeper, kept

FARMAN = Path(sys.executable).with_name("farman")
HQ, REGIONS, DARK = "hq", ("hazara", "malakand", "mardan"), "malakand"
"""``DARK`` loses its line."""
STATION = "swat-ps-1"
"""Of the region that loses its line: where somebody joins, and a roll call is held."""
LATE, LATE_NAME = "KP-MALAKAND-LATE", "Naila Torvala"
SEED = 5
RANKS = range(5, 22)
"""Whom both orders bind."""
ACKNOWLEDGED, COMPLIED = (0.0, 0.45, 0.70, 0.85), (0.0, 0.15, 0.30, 0.40)
"""Which share of those who answer one by one has done so: before, and after each wave."""

T = TypeVar("T")


class Failed(Exception):
    """Something did not come as it should; the text is a sentence for a person."""


@dataclass
class Seat:
    """One office, as the person who sits there has it."""

    id: str
    """Of the office and of its unit."""
    name: str
    home: Path
    store: str
    more: Mapping[str, str]
    """Further settings."""
    people: list[str] = field(default_factory=list)
    """Who answers one by one, in this order."""
    worker: Keeper | None = None

    @property
    def files(self) -> Path:
        """Where the files are that it imports, and where its commands run."""
        return self.home.parent / "files"

    @property
    def log(self) -> Path:
        """What its worker says."""
        return self.home / "worker.log"

    @property
    def environment(self) -> dict[str, str]:
        """The environment of its commands, without what the caller set for an office of his own."""
        others = {k: v for k, v in os.environ.items() if not k.startswith("FARMAN_")}
        home = {"FARMAN_HOME": str(self.home.resolve()), "FARMAN_STORE": self.store}
        return {**others, **home, **self.more}

    def farman(self, *line: object) -> dict[str, Any]:
        """Carry out a command in a process of its own and return its answer.

        Raises:
            Failed: it was refused or could not be carried out.

        """
        done = subprocess.run(
            [FARMAN, *map(str, line), "--json"],
            cwd=self.files,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        try:
            answer: dict[str, Any] = json.loads(done.stdout)
        except ValueError:
            answer = {"error": {"detail": done.stderr.strip()[-500:] or "it said nothing."}}
        if done.returncode:
            raise Failed(
                f"{self.name}: `farman {shlex.join(map(str, line))}` ended with "
                f"{done.returncode}: {answer['error']['detail']}"
            )
        return answer

    @contextmanager
    def working(self) -> Iterator[None]:
        """Run its worker; it ends with the block, and with us however we end."""
        with kept(
            "program",
            words=[str(FARMAN), "worker", "--role", "all"],
            folder=str(self.home.resolve()),
            environment=self.environment,
            log=str(self.log.resolve()),
            user=None,
        ) as self.worker:
            yield
        self.worker = None

    def must_work(self) -> None:
        """Check that its worker still runs.

        Raises:
            Failed: it ended; with where its log is.

        """
        if self.worker is not None and self.worker.ask(do="status")["status"] is not None:
            raise Failed(f"The worker of {self.name} ended; its log: {self.log}")

    # -- what happens there

    def answers(self, ref: str, wave: int) -> int:
        """Import the answers of a wave; return how many there are."""
        now = datetime.now(UTC).isoformat()
        rows = []
        for kind, shares in (("acknowledged", ACKNOWLEDGED), ("complied", COMPLIED)):
            first, last = (round(shares[n] * len(self.people)) for n in (wave - 1, wave))
            rows += [(ref, officer, kind, now) for officer in self.people[first:last]]
        file = f"answers-{self.id}-{wave}.csv"
        _write(self.files / file, ("directive", "officer_id", "answer", "at"), rows)
        accepted: int = self.farman("answers", "import", file)["accepted"]
        return accepted

    def joins(self) -> None:
        """Let one more constable join the station."""
        row = dict.fromkeys(COLUMNS, "") | {
            "officer_id": LATE,
            "name": LATE_NAME,
            "rank": "7",
            "designation": "Constable",
            "unit": STATION,
            "duty": "on_duty",
        }
        _write(self.files / "late.csv", COLUMNS, [list(row.values())])
        self.farman("roll", "import", "late.csv")

    def roll_call(self, ref: str) -> int:
        """Enter a roll call of the station; return how many answered."""
        there = [
            (row["officer_id"], "" if row["duty"] == "on_duty" else "absent")
            for row in self._roll()
            if row["unit"] == STATION and int(row["rank"]) in RANKS
        ]
        _write(self.files / "roll-call.csv", ("officer_id", "answer"), [*there, (LATE, "")])
        held = datetime.now(UTC).isoformat()
        words = ("roll-call", ref, STATION, "roll-call.csv", "--diary", "14", "--held-at", held)
        accepted: int = self.farman(*words)["accepted"]
        return accepted

    def invent(self, force: ForceFile, officers: int) -> None:
        """Write the roll of its units; some of those whom the orders bind will answer."""
        parents = {unit.id: unit.parent for unit in force.units}

        def host(unit: str | None) -> str:
            while unit is not None and unit not in REGIONS:
                unit = parents[unit]
            return unit or HQ

        part = replace(
            force,
            force=f"{force.force}-{self.id}",
            units=tuple(unit for unit in force.units if host(unit.id) == self.id),
            posts=tuple(post for post in force.posts if host(post.unit) == self.id),
        )
        generate.generate(part, officers, SEED, self._roll_file)
        self.people = [
            row["officer_id"]
            for row in self._roll()
            if int(row["rank"]) in RANKS and row["post"] != "ppo" and row["unit"] != STATION
        ]
        Random(SEED).shuffle(self.people)  # noqa: S311 - one seed gives one story

    @property
    def _roll_file(self) -> Path:
        return self.files / f"roll-{self.id}.csv"

    def _roll(self) -> list[dict[str, str]]:
        with self._roll_file.open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    # -- afterwards

    def keep(self) -> None:
        """Put the ledger into a SQLite file of the home, in place of the database that ends.

        Entries and registers are copied as they are; whoever opens the home next makes all
        tables of answers anew from them.
        """
        copied = {}
        with Office(Home.open(self.home)) as office, office.store.reading() as conn:
            for name in ("stored_events", *tables.metadata.tables):
                found = conn.exec_driver_sql(f"SELECT * FROM {name}")
                copied[name] = tuple(found.keys()), [tuple(row) for row in found]
        for file in ("home.json", "made.json"):
            (self.home / file).unlink()
        home = Home.init(self.home, office=self.id)
        with Office(home) as office, office.store.writing() as tx:
            for name, (columns, rows) in copied.items():
                if rows:
                    marks = ", ".join("?" * len(columns))
                    tx.conn.exec_driver_sql(
                        f"INSERT INTO {name} ({', '.join(columns)}) VALUES ({marks})", rows
                    )


def _write(file: Path, head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    with file.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(head)
        writer.writerows(rows)


@dataclass
class Seats:
    """All four, and the line that is cut."""

    hq: Seat
    regions: tuple[Seat, ...]
    """As `REGIONS`."""
    wire: Line
    """Between the region that loses its line and the broker."""

    @property
    def all(self) -> tuple[Seat, ...]:
        """HQ first."""
        return (self.hq, *self.regions)

    @property
    def dark(self) -> Seat:
        """The region that loses its line."""
        return self.regions[REGIONS.index(DARK)]

    @property
    def others(self) -> tuple[Seat, ...]:
        """The regions that do not."""
        return tuple(one for one in self.regions if one is not self.dark)

    def commission(self, region: Seat, file: str) -> dict[str, Any]:
        """Commission a region's office at HQ.

        What the region is told of the broker is the address at which HQ reached it: so the
        one whose line is cut is told of that line, by an HQ that goes through it this once.
        """
        hq = self.hq
        if region is self.dark:
            by_line = {"FARMAN_KAFKA_BOOTSTRAP": f"{HOST}:{self.wire.port}"}
            hq = replace(hq, more={**hq.more, **by_line})
        return hq.farman("office", "commission", region.id, "--out", file)


@contextmanager
def seated(folder: Path, force: ForceFile, files: Sequence[Path]) -> Iterator[Seats]:
    """Start PostgreSQL and Kafka, and lay the line that will be cut.

    ``files`` are put where the offices find what they import.
    """
    (folder / "files").mkdir()
    for file in files:
        shutil.copy(file, folder / "files")
    names = {unit.id: words.named(unit.name) for unit in force.units}
    with (
        laid() as wire,
        services.postgres() as databases,
        services.kafka(behind=wire.port) as broker,
    ):
        wire.leads_to = broker.inner
        user, password = broker.create_user(HQ)
        kafka = {
            "FARMAN_KAFKA_BOOTSTRAP": broker.bootstrap,
            "FARMAN_KAFKA_USERNAME": user,
            "FARMAN_KAFKA_PASSWORD": password,
            "FARMAN_KAFKA_CA_FILE": str(broker.ca),
            "FARMAN_KAFKA_ADMIN_USERNAME": broker.admin_user,
            "FARMAN_KAFKA_ADMIN_PASSWORD": broker.admin_password,
        }
        yield Seats(
            Seat(HQ, "HQ", folder / HQ, databases.create_database(), kafka),
            tuple(
                Seat(region, names[region], folder / region, databases.create_database(), {})
                for region in REGIONS
            ),
            wire,
        )


def at_once(work: Callable[[Seat], T], seats: Sequence[Seat]) -> list[T]:
    """Do the same at several offices at the same time; return what came of it, in their order."""
    with ThreadPoolExecutor(len(seats)) as pool:
        return list(pool.map(work, seats))
