"""`make soak`: kill everything again and again under load, and compare every line afterwards.

In: nothing but this checkout. Out: a table, and `build/soak.json`; exits with 1 if anything is
wrong. Twenty kills each of the region's outbox and its Faust worker, HQ's inbox and its outbox,
the only broker, PostgreSQL, and one of three brokers; then a million messages, over which no
worker may grow. It takes less than an hour; `SOAK_MINUTES` shortens it, and does less of each.

What was accepted is what a caller was told is done. An outside checker then reads both stores
and the topics: numbers, chain, bytes, and every answer exactly once at both ends.
"""

import asyncio
import itertools
import os
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import TypeVar

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from bench import load
from bench.net import FORCE, Net, offices, resident, until
from bench.table import Measures
from domain.errors import Contended, Unavailable
from domain.fact import UnitId
from ledger.store import select_entries
from office import links, part
from office.answers import Ask, Job
from tests.links_checker import Message, carried, compare, entries
from tests.workers.pair import End
from workers.worker import ROLES

T = TypeVar("T")

MINUTES = float(os.environ.get("SOAK_MINUTES", "50"))
SHARE = min(1.0, MINUTES / 50)
KILLS = max(1, round(20 * SHARE))
MESSAGES = max(20_000, round(1_000_000 * SHARE))
OFFICERS = 1_640
"""In the whole force; the region has an eighth of them."""
REGION = "r0"
OUT = Path("build/soak.json")

Answer = tuple[str, str, str]
"""Directive, officer, kind."""


class Load:
    """Orders from HQ and answers in the region; what the store does not take is tried again."""

    def __init__(self, net: Net) -> None:
        self.hq, self.region = net.hq.office, net.regions[REGION].office
        units = set(self.region.tree().below(UnitId(REGION)))
        self.officers = [
            load.officer(n) for n in range(OFFICERS) if UnitId(load.unit_of(n)) in units
        ]
        self.accepted: set[Answer] = set()
        self.refs: list[str] = []
        self._random = Random(1)
        self._serial = itertools.count(1)
        self._known: set[str] = set()

    @contextmanager
    def runs(self) -> Iterator[None]:
        """Run beside the block."""
        self.issue()
        stop, faults = threading.Event(), list[BaseException]()

        def repeat(piece: Callable[[], None], pause: float) -> None:
            try:
                while not stop.wait(pause):
                    piece()
            except BaseException as fault:
                faults.append(fault)
                raise

        threads = [
            threading.Thread(target=repeat, args=(self.issue, 5.0)),
            threading.Thread(target=repeat, args=(self.answer, 0.02)),
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        if faults:
            raise faults[0]

    def issue(self) -> None:
        """Issue an order to the whole force."""
        number = next(self._serial)
        order, text = load.order(str(number)), f"{number:064x}"
        self.refs.append(str(insisting(lambda: self.hq.issue(order, text))["directive"]))

    def answer(self) -> None:
        """Let ten officers of the region answer one of the last orders that came there."""
        random = self._random
        if not self.refs or not self.is_known(ref := random.choice(self.refs[-10:])):
            return
        kind = random.choice(("read", "acknowledged", "complied"))
        some = random.sample(self.officers, 10)
        now = datetime.now(UTC)
        job = Job([Ask(ref, one, kind, now) for one in some])
        ((*outcomes,),) = insisting(lambda: self.region.commit([job]))
        # Refused is who has not been served yet. Known already is what was said by a better
        # answer, or by this one in a transaction whose end the store could not tell.
        self.accepted.update(
            (ref, one, kind)
            for one, outcome in zip(some, outcomes, strict=True)
            if not isinstance(outcome, str)
        )

    def is_known(self, ref: str) -> bool:
        """Tell whether an order has come to the region."""
        if ref not in self._known:
            listed = insisting(self.region.status)["directives"]
            self._known = {one["directive"] for one in listed}
        return ref in self._known


def insisting(work: Callable[[], T]) -> T:
    """Do a piece of work as a person does: again while the store does not take it."""
    while True:
        try:
            return work()
        except (Unavailable, Contended):
            time.sleep(0.2)


class Soak:
    """The run: the offices under load, and what was found wrong."""

    def __init__(self, net: Net, measures: Measures) -> None:
        self.net = net
        self.measures = measures
        self.region = net.regions[REGION]
        self.load = Load(net)
        self.random = Random(2)
        self.revived = 0
        """Workers that ended because they found no store when they began."""

    def roles(self) -> None:
        """Run each role as a process of its own."""
        for end in self.net.ends:
            self.net.stop(end)
            for role in ROLES:
                self.net.start(end, role)

    def kill(self, end: End, role: str) -> None:
        """Kill a worker and start it again."""
        self.net.workers.pop((end.name, role)).kill()
        time.sleep(self.random.random())
        self.net.start(end, role)

    def killed(self, name: str, kill: Callable[[], None]) -> None:
        """Kill something again and again under load; then compare."""
        since = time.monotonic()
        with self.load.runs():
            for _ in range(KILLS):
                time.sleep(1 + 3 * self.random.random())
                kill()
                self.revive()
        self.settle()
        wrong = self.wrong()
        for one in wrong[:5]:
            print(f"    {one}", file=sys.stderr)
        self.measures.add(
            f"{KILLS} × kill -9: {name}", "postgresql", len(wrong), "wrong", 0, 0,
            note=f"{time.monotonic() - since:.0f} s; {self.region.office.head():,} and"
            f" {self.net.hq.office.head():,} entries, {len(self.load.accepted):,} answers",
        )  # fmt: skip

    def revive(self) -> None:
        """Start those that ended, as whatever watches over services does."""
        for (name, role), worker in list(self.net.workers.items()):
            if worker.process.poll() is not None:
                self.revived += 1
                self.net.start(next(end for end in self.net.ends if end.name == name), role)

    def settle(self) -> None:
        """Wait until nothing is on its way any more."""

        def is_so() -> bool:
            self.revive()
            heads = [end.office.head() for end in self.net.ends]
            rows = [row for end in self.net.ends for row in links.status(end.office)]
            return (
                self.net.lacks(REGION) == (0, 0)
                and not any(row["effects_wait"] for row in rows)
                and heads == [end.office.head() for end in self.net.ends]
            )

        until(is_so, 0.5)

    # -- what is compared

    def wrong(self) -> list[str]:
        """Return what an outside checker finds wrong with both stores and both topics."""
        hq, region = self.net.hq, self.region
        with hq.office.store.reading() as conn:
            own = [line for line in select_entries(conn, 0, 2**31) if line[1].endswith(".hq")]
        due = {line[0] for line in part.down(hq.office, REGION)(own)}
        return [
            *compare(hq.store, region.store, REGION, "hq", due=lambda entry: entry[0] in due),
            *compare(region.store, hq.store, REGION, REGION),
            *carried(self.topic("down"), hq.store, REGION, "hq"),
            *carried(self.topic("up"), region.store, REGION, REGION),
            *(fault for end in self.net.ends for fault in self.miscounted(end)),
        ]

    def miscounted(self, end: End) -> list[str]:
        """Return which answers an end does not have exactly once, and which it made up."""
        found: Counter[Answer] = Counter()
        for _, stream, _, name, _ in entries(end.store):
            if stream.startswith("service-"):
                ref, officer, _ = stream.removeprefix("service-").split(".")
                found[ref, officer, name.removeprefix("service.").partition("@")[0]] += 1
        # An answer that says less than one before it adds no entry.
        implied = {"read": ("acknowledged", "complied"), "acknowledged": ("complied",)}
        lost = [
            one
            for one in self.load.accepted - found.keys()
            if not any((one[0], one[1], more) in found for more in implied.get(one[2], ()))
        ]
        made_up = [one for one in found if one not in self.load.accepted]
        twice = [one for one, count in found.items() if count > 1]
        counts: list[str] = []
        for ref in self.load.refs:
            here, there = (
                one.office.status(ref, unit=REGION) for one in (self.net.hq, self.region)
            )
            counts += [
                f"{ref}: {name} {here[name]} at HQ, {there[name]} at the region"
                for name in ("served", "read", "acknowledged", "complied")
                if here[name] != there[name]
            ]
        return [
            *(f"{end.name} lost {one}" for one in lost),
            *(f"{end.name} made up {one}" for one in made_up),
            *(f"{end.name} has twice {one}" for one in twice),
            *counts,
        ]

    def topic(self, way: str) -> list[Message]:
        """Return all that a topic holds."""

        async def read() -> list[Message]:
            place = TopicPartition(f"farman.{FORCE}.{REGION}.{way}", 0)
            async with AIOKafkaConsumer(
                auto_offset_reset="earliest", **self.net.broker.for_aiokafka()
            ) as consumer:
                consumer.assign([place])
                end = (await consumer.end_offsets([place]))[place]
                found: list[Message] = []
                while await consumer.position(place) < end:
                    more = (await consumer.getmany(timeout_ms=1_000)).get(place, ())
                    found += [(dict(one.headers), one.value) for one in more]
            return found

        return asyncio.run(read())

    # -- memory

    def grown(self) -> None:
        """Send a million messages, each of which was sent before, and look at the workers."""
        watched = {
            "HQ's inbox": (self.net.hq, "inbox", "up"),
            "the region's Faust worker": (self.region, "inbox", "down"),
        }
        sizes: dict[str, list[float]] = {name: [] for name in watched}
        rounds = 10
        for _ in range(rounds):
            for way in ("up", "down"):
                asyncio.run(self.again(way, MESSAGES // rounds // 2))
            until(self.is_read, 0.5)
            for name, (end, role, _) in watched.items():
                pid = self.net.workers[end.name, role].process.pid
                sizes[name].append(resident(pid))
        for name, found in sizes.items():
            self.measures.add(
                f"{name} grows over {MESSAGES // 2:,} messages", "-", found[-1] - found[1],
                "MB", 10, 0, note=", ".join(f"{size:.0f}" for size in found),
            )  # fmt: skip
        for (office, role), worker in self.net.workers.items():
            size = resident(worker.process.pid, peak=True)
            self.measures.add(f"memory, {role} of {office}", "-", size, "MB", 200, 120)

    async def again(self, way: str, count: int) -> None:
        """Send the first despatches of a topic again, until there are so many more."""
        name = f"farman.{FORCE}.{REGION}.{way}"
        place = TopicPartition(name, 0)
        async with (
            AIOKafkaConsumer(
                auto_offset_reset="earliest", **self.net.broker.for_aiokafka()
            ) as consumer,
            AIOKafkaProducer(
                linger_ms=20, max_batch_size=256 * 1024, **self.net.broker.for_aiokafka()
            ) as producer,
        ):
            consumer.assign([place])
            page = [
                one
                for one in (await consumer.getmany(timeout_ms=5_000, max_records=2_000))[place]
                if "ce_farmannumber" in dict(one.headers)
            ]
            for one in itertools.islice(itertools.cycle(page), count):
                await producer.send(name, one.value, one.key, headers=list(one.headers))
            await producer.flush()

    def is_read(self) -> bool:
        """Tell whether both inboxes have read their topics to the end, by their offsets."""

        async def left() -> int:
            count = 0
            for end, way in ((self.net.hq, "up"), (self.region, "down")):
                place = TopicPartition(f"farman.{FORCE}.{REGION}.{way}", 0)
                async with AIOKafkaConsumer(
                    group_id=f"farman.{FORCE}.{end.name}", enable_auto_commit=False,
                    **self.net.broker.for_aiokafka(),
                ) as consumer:  # fmt: skip
                    consumer.assign([place])
                    last = (await consumer.end_offsets([place]))[place]
                    count += last - (await consumer.committed(place) or 0)
            return count

        # A heartbeat may just have come.
        return asyncio.run(left()) < 10


def main() -> None:
    """Run everything."""
    measures = Measures(f"Soak, {KILLS} kills of each", OUT)
    with tempfile.TemporaryDirectory(prefix="farman-soak-") as name:
        folder = Path(name)
        for place in ("one", "three"):
            (folder / place).mkdir()
        with offices(folder / "one", (REGION,), OFFICERS) as net:
            soak = Soak(net, measures)
            soak.roles()
            hq, region = net.hq, soak.region
            turns = itertools.cycle(("hq", REGION))

            def postgresql() -> None:
                server = net.servers[next(turns)]
                server.kill()
                time.sleep(soak.random.random())
                server.start()

            def broker() -> None:
                net.broker.kill()
                time.sleep(soak.random.random())
                net.broker.start()

            soak.killed("the region's outbox", lambda: soak.kill(region, "outbox"))
            soak.killed("HQ's inbox", lambda: soak.kill(hq, "inbox"))
            soak.killed("HQ's outbox", lambda: soak.kill(hq, "outbox"))
            soak.killed("the region's Faust worker", lambda: soak.kill(region, "inbox"))
            soak.killed("the only broker", broker)
            soak.killed("PostgreSQL", postgresql)
            soak.grown()
        with offices(folder / "three", (REGION,), OFFICERS, nodes=3) as net:
            soak = Soak(net, measures)
            soak.roles()
            nodes = itertools.cycle(range(3))

            def one_of_three() -> None:
                node = next(nodes)
                net.broker.kill(node)
                time.sleep(1 + soak.random.random())
                net.broker.start(node)

            soak.killed("one of three brokers", one_of_three)
    measures.show()
    if not all(one.met for one in measures.taken):
        sys.exit(1)


if __name__ == "__main__":
    main()
