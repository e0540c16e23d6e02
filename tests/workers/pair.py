"""HQ and one region, each with a PostgreSQL database of its own, joined by a real broker.

Commissioned as a person does it; workers run as processes, or as tasks of the test. All persons
are invented.
"""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from confluent_kafka.admin import AdminClient, NewTopic

from domain.errors import Unknown
from domain.fact import UnitId
from ledger.store import select_entries
from office import part
from office.answers import Ask, Job
from office.commission import Handover
from office.home import Home
from office.office import Office
from tests import services
from tests.links_checker import compare
from tests.projections.small import POSTS, SINCE, UNITS, listed, order, text
from workers import admin, worker
from workers.health import Board
from workers.kafka import Kafka
from workers.metrics import Meters
from workers.role import Role, Wake

LINK = "malakand"
SAIDU = UnitId("swat-saidu")
FARMAN = Path(sys.executable).with_name("farman")
PATIENCE = 120.0
"""Seconds for what takes a few, on a machine that has much else to do."""


def officers(count: int) -> list[str]:
    return [f"S-{number:05}" for number in range(count)]


@dataclass
class End:
    """One office: its home, its store, and what its processes are told."""

    name: str
    path: Path
    store: str
    kafka: Kafka
    environment: dict[str, str]
    office: Office = field(init=False)

    def __post_init__(self) -> None:
        self.office = Office(Home.init(self.path, store=self.store, office=self.name))

    def farman(self, *words: str) -> Any:
        """Carry out a command in a process of its own and return its JSON."""
        done = subprocess.run(
            [FARMAN, *words, "--json"],
            env=self._all(),
            capture_output=True,
            text=True,
            check=False,
        )
        return json.loads(done.stdout) | {"code": done.returncode}

    @contextmanager
    def worker(self, role: str = "all") -> Iterator["Worker"]:
        """Run a worker process; it is killed at the end of the block if it still runs."""
        number = len(list(self.path.glob("*.log"))) + 1
        log = self.path / f"{number}-{role}.log"
        with log.open("w") as out:
            process = subprocess.Popen(
                [FARMAN, "worker", "--role", role], env=self._all(), stdout=out, stderr=out
            )
        with process:
            made = Worker(self, role, process, log)
            try:
                yield made
            finally:
                process.kill()

    def _all(self) -> dict[str, str]:
        return {**os.environ, **self.environment}


@dataclass
class Worker:
    """A worker process."""

    end: End
    role: str
    process: "subprocess.Popen[bytes]"
    log: Path

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> tuple[int, float]:
        """End it in order; return its exit code and how many seconds that took."""
        since = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30), time.monotonic() - since

    def said(self) -> list[dict[str, Any]]:
        """What it logged; anything that is no JSON object is a fault."""
        lines = self.log.read_text().splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]


@dataclass
class Pair:
    """Both ends of a link."""

    hq: End
    region: End
    broker: services.Broker
    force: str
    ref: str = ""
    served: list[str] = field(default_factory=list)

    @property
    def ends(self) -> tuple[End, End]:
        return self.hq, self.region

    def close(self) -> None:
        for end in self.ends:
            end.office.close()

    def open(self) -> None:
        """Wait until the region has taken over."""
        until(
            lambda: all(
                end.office.offices()["offices"][0]["state"] == "open" for end in self.ends
            )
        )

    def topic(self, way: str) -> str:
        return f"farman.{self.force}.{LINK}.{way}"

    def admin(self) -> AdminClient:
        client = AdminClient(self.broker.for_confluent())
        client.list_topics(timeout=10)
        return client

    def lose(self, way: str) -> None:
        """Delete a topic, and make it anew."""
        client = self.admin()
        name = self.topic(way)
        for done in client.delete_topics([name]).values():
            done.result(30)
        until(lambda: name not in client.list_topics(timeout=10).topics)
        time.sleep(1)
        made = NewTopic(name, num_partitions=1, config=dict(admin.TOPIC))
        for done in client.create_topics([made]).values():
            done.result(30)

    # -- what happens

    def man(self, count: int) -> None:
        """Put officers on the region's roll, and issue an order from HQ that binds them."""
        self.served = officers(count)
        self.region.office.import_roll([listed(one, SAIDU) for one in self.served])
        self.ref = self.issue()

    def issue(self) -> str:
        """Issue an order to all."""
        number = self.hq.office.head()
        answer = self.hq.office.issue(order(UnitId("hq")), text(number % 256), again=True)
        return str(answer["directive"])

    def acknowledge(self, some: Sequence[str]) -> None:
        now = datetime.now(UTC)
        asks = [Ask(self.ref, officer, "acknowledged", now) for officer in some]
        self.region.office.commit([Job(asks)])

    # -- what came of it

    def count(self, end: End, what: str, ref: str | None = None) -> int:
        """Count the region's officers, as one end has it."""
        try:
            return int(end.office.status(ref or self.ref, unit=LINK)[what])
        except Unknown:  # not here yet
            return 0

    def wrong(self, *, complete: bool = True) -> list[str]:
        """Return what an outside checker finds wrong with both stores."""
        with self.hq.office.store.reading() as conn:
            lines = [line for line in select_entries(conn, 0, 10**6) if line[1].endswith(".hq")]
        due = {line[0] for line in part.down(self.hq.office, LINK)(lines)}
        down = compare(
            self.hq.store, self.region.store, LINK, "hq",
            due=lambda entry: entry[0] in due, complete=complete,
        )  # fmt: skip
        up = compare(self.region.store, self.hq.store, LINK, LINK, complete=complete)
        return down + up

    def is_level(self) -> bool:
        """Whether both ends have all that the other wrote, by their ledgers.

        What follows from what came may be written between two looks, so it is looked twice.
        """
        return (
            self.wrong() == []
            and all(row["effects_wait"] is False for end in self.ends for row in told(end))
            and self.wrong() == []
        )

    def settle(self) -> None:
        """Wait until both ends are level."""
        until(self.is_level, lambda: str([self.wrong(), *map(told, self.ends)]))


def told(end: End) -> list[dict[str, Any]]:
    from office import links  # noqa: PLC0415 - a name that is used for much here

    return links.status(end.office)


def until(
    is_so: Callable[[], bool], otherwise: Callable[[], str] = str, patience: float = PATIENCE
) -> float:
    """Wait until something is so; return how many seconds it took."""
    since = time.monotonic()
    while not is_so():
        if time.monotonic() - since > patience:
            raise AssertionError(f"It did not come so within {patience:g} s: {otherwise()}")
        time.sleep(0.1)
    return time.monotonic() - since


def reached(broker: services.Broker, user: str = "", password: str = "") -> Kafka:
    return Kafka(
        broker.bootstrap,
        broker.protocol,
        user or broker.admin_user,
        password or broker.admin_password,
        "" if broker.ca is None else broker.ca.read_text(),
    )


def commissioned(
    hq: End, name: str, file: Path, broker: services.Broker, hq_user: str
) -> tuple[Handover, Kafka]:
    """Commission a region's office; return what it joins with, and its way to the broker."""
    hq.office.commission(
        name,
        file,
        lambda force, office, password: admin.ensure_office(
            reached(broker), force, office, password, hq="hq", hq_user=hq_user
        ),
    )
    given = Handover.read(file)
    theirs = given.kafka
    kafka = Kafka(
        theirs.bootstrap, theirs.protocol, theirs.username, theirs.password, theirs.ca or ""
    )
    return given, kafka


def paired(folder: Path, server: services.Server, broker: services.Broker, force: str) -> Pair:
    """Make HQ and a region that has joined; it takes over when workers run."""
    user, password = broker.create_user("hq") if broker.secure else ("", "")
    common = {
        "FARMAN_KAFKA_BOOTSTRAP": broker.bootstrap,
        "FARMAN_KAFKA_USERNAME": user,
        "FARMAN_KAFKA_PASSWORD": password,
        "FARMAN_KAFKA_CA_FILE": str(broker.ca or ""),
    }

    def end(name: str, kafka: Kafka, environment: dict[str, str]) -> End:
        home = {"FARMAN_HOME": str(folder / name)}
        return End(name, folder / name, server.create_database(), kafka, home | environment)

    hq = end("hq", reached(broker, user, password), common)
    hq.office.import_force(
        force=force,
        name={"en": "Police"},
        timezone="Asia/Karachi",
        since=SINCE,
        units=list(UNITS.values()),
        posts=POSTS,
    )
    hq.office.import_roll([listed("P-1", "hq", 22, post="ppo")])
    given, kafka = commissioned(hq, LINK, folder / "handover.json", broker, user)
    region = end(LINK, kafka, {})
    region.office.join(given)
    return Pair(hq, region, broker, force)


@asynccontextmanager
async def at_work(*ends: End, roles: Sequence[str] = worker.ROLES) -> AsyncIterator[list[Role]]:
    """Run workers as tasks of this process during the block."""
    stop = asyncio.Event()
    made: list[Role] = []
    tasks = []
    for end in ends:
        board, meters, wake, sweep = Board("all"), Meters(), Wake(), asyncio.Event()
        mine = [
            Role(name, end.office, end.kafka, board, meters, wake, sweep, stop)
            for name in roles
        ]
        made += mine
        tasks.append(asyncio.create_task(worker._run(mine, stop)))
    try:
        yield made
    finally:
        stop.set()
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        for role in made:
            role.close()
    for answer in answers:
        if isinstance(answer, BaseException):
            raise answer
