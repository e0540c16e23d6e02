"""Whatever befalls the messages between offices, the totals meet exactly, and no person does anything.

HQ and one region over a real broker and real PostgreSQL. Messages are doubled, shuffled, lost and
forged on the very topics; an outside checker then compares both ledgers, line by line. What is
done to processes stands in `tests/workers/`, and for an hour on end in `make soak`.
"""

import asyncio
import itertools
import json
import random
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from confluent_kafka import TopicPartition as Place

from ledger import links
from ledger.links import Despatch, chained
from ledger.store import stream_heads
from office import keys
from office.answers import Ask, Job
from office.links import Inbox, Outgoing
from office.office import Office
from projections.database import Database
from tests import services
from tests.workers.pair import LINK, End, Pair, Worker, at_work, paired, told, until
from workers import health, messages, outbox
from workers.messages import BEAT, Message

_serial = itertools.count(1)
WAYS = ("up", "down")


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Heartbeats come ten times as often, so that what is lost is asked for soon."""
    monkeypatch.setattr(outbox, "BEAT", 0.5)


@pytest.fixture
def pair(
    tmp_path: Path, postgres_server: services.Server, kafka_broker: services.Broker
) -> Iterator[Pair]:
    made = paired(tmp_path, postgres_server, kafka_broker, f"survives{next(_serial)}")
    yield made
    made.close()


def level(pair: Pair) -> None:
    """Wait until both ends are level, and agree on every count of every order."""

    def is_so() -> bool:
        heads = [end.office.head() for end in pair.ends]
        (here,), (there,) = map(told, pair.ends)
        if (here["registered"], there["registered"]) != (there["mark"], here["mark"]):
            return False  # spares the checker
        return pair.is_level() and heads == [end.office.head() for end in pair.ends]

    until(is_so, lambda: str([pair.wrong(), *map(told, pair.ends)]))
    at = max(end.office._clock() for end in pair.ends)
    for name in refs(pair):
        here, there = (counts(end, name, at) for end in pair.ends)
        assert here == there, name


def refs(pair: Pair, end: End | None = None) -> list[str]:
    return [one["directive"] for one in (end or pair.hq).office.status()["directives"]]


def counts(end: End, ref: str, at: datetime | None = None) -> dict[str, int]:
    """What an end counts of the region's officers, now or as of an instant."""
    status = end.office.status(ref, unit=LINK, as_of=at)
    names = ("served", "read", "acknowledged", "complied", "contested", "overdue")
    return {name: status[name] for name in names}


# --- Messages on the topics ------------------------------------------------------------


async def found(pair: Pair, way: str) -> list[Message]:
    """Read all that a topic holds."""
    place = TopicPartition(pair.topic(way), 0)
    async with AIOKafkaConsumer(
        auto_offset_reset="earliest", **pair.broker.for_aiokafka()
    ) as consumer:
        consumer.assign([place])
        end = (await consumer.end_offsets([place]))[place]
        all_: list[Message] = []
        while await consumer.position(place) < end:
            more = (await consumer.getmany(timeout_ms=1_000)).get(place, ())
            all_ += [Message(one.key, one.value, list(one.headers)) for one in more]
    return all_


async def put(pair: Pair, way: str, ones: Sequence[Message]) -> None:
    async with AIOKafkaProducer(**pair.broker.for_aiokafka()) as producer:
        sent = [
            await producer.send(pair.topic(way), one.value, one.key, headers=one.headers)
            for one in ones
        ]
        await asyncio.gather(*sent)


def emptied(pair: Pair, way: str) -> None:
    """Delete every message of a topic."""
    client = pair.admin()
    for done in client.delete_records([Place(pair.topic(way), 0, -1)]).values():
        done.result(30)


def despatches(ones: Sequence[Message]) -> list[Message]:
    return [one for one in ones if dict(one.headers)["ce_type"] != BEAT.encode()]


# --- Doubled, shuffled, lost -----------------------------------------------------------


def twice(ones: list[Message]) -> list[Message]:
    return [copy for one in ones for copy in (one, one)] + ones


def shuffled(ones: list[Message]) -> list[Message]:
    return random.Random(1).sample(ones, len(ones))


def interleaved(ones: list[Message]) -> list[Message]:
    half = len(ones) // 2
    return [one for both in zip(ones[half:], ones[:half], strict=False) for one in both] + ones[
        -1:
    ]


def without_the_middle(ones: list[Message]) -> list[Message]:
    return [
        one for n, one in enumerate(ones) if not len(ones) // 3 <= n < len(ones) // 2 and n % 7
    ]


def without_the_tail(ones: list[Message]) -> list[Message]:
    return ones[: -len(ones) // 3]


def without_all(_: list[Message]) -> list[Message]:
    return []


TWISTS = (twice, shuffled, interleaved, without_the_middle, without_the_tail, without_all)


async def test_whatever_becomes_of_the_messages_both_ledgers_come_to_the_same(
    pair: Pair,
) -> None:
    """At both ends at once; both were restarted when they read what is left of the topics."""
    officers = 120 * len(TWISTS)

    def load(number: int) -> None:
        for _ in range(8):
            pair.issue()
        start = number * 120
        for n in range(start, start + 120, 10):
            pair.acknowledge(pair.served[n : n + 10])

    def opened() -> None:
        pair.open()
        pair.man(officers)
        until(lambda: pair.count(pair.region, "served") == officers)
        level(pair)

    async with at_work(*pair.ends):
        await asyncio.to_thread(opened)
    for number, twist in enumerate(TWISTS):
        before = [row["mark"] for end in pair.ends for row in told(end)]
        await asyncio.to_thread(load, number)
        heads = [end.office.head() for end in pair.ends]
        async with at_work(*pair.ends, roles=("outbox",)):
            await asyncio.to_thread(until, partial(is_published, pair, heads))
        assert [row["mark"] for end in pair.ends for row in told(end)] == before
        for way in WAYS:
            ones = despatches(await found(pair, way))
            assert ones, "nothing to do anything to"
            await asyncio.to_thread(emptied, pair, way)
            await put(pair, way, twist(ones))
        async with at_work(*pair.ends):
            await asyncio.to_thread(level, pair)
        # What was read is not to be twisted again.
        for way in WAYS:
            await asyncio.to_thread(emptied, pair, way)
    assert pair.count(pair.hq, "acknowledged") == officers
    assert [row["dead_letters"] for end in pair.ends for row in told(end)] == [0, 0]


def is_published(pair: Pair, heads: Sequence[int]) -> bool:
    """Tell whether the broker has all that both ends wrote up to these positions."""
    for end, head in zip(pair.ends, heads, strict=True):
        with end.office.store.reading() as conn:
            here = links.get(conn, LINK)
        if here.router < head or here.published < here.registered:
            return False
    return True


# --- What is no good -------------------------------------------------------------------


def garbage(genuine: Despatch, n: int) -> Message:
    """Something that is no despatch, of many kinds."""
    key, value, headers = messages.despatched(genuine)
    kinds: list[Message] = [
        Message(b"", f"garbage {n}".encode(), []),
        Message(key, f"{n}".encode(), [*headers, headers[0]]),
        Message(key, f"{n}".encode(), [*headers[:-1], ("ce_farmanversion", b"-1")]),
        Message(key, f"{n}".encode(), [(name, b"\xff") for name, _ in headers]),
        Message(key, f"{n}".encode(), headers[: n % len(headers)]),
        Message(key, value, [("ce_type", f"spam-{n}".encode()), *headers[4:]]),
    ]
    return kinds[n % len(kinds)]


def foreign(genuine: Despatch, n: int) -> Message:
    """A despatch that another office wrote, or in another's stream."""
    if n % 2:
        return messages.despatched(genuine._replace(writer="hazara", position=n))
    return messages.despatched(genuine._replace(stream=f"unit-u{n}.hazara"))


def other(genuine: Despatch, n: int, ahead: int) -> Message:
    """Other bytes under a number that is taken, or that is still to come."""
    number = genuine.number if n % 2 else ahead + n
    state = genuine.state.replace(b"{", f'{{"n":{n},'.encode(), 1)
    return messages.despatched(genuine._replace(number=number, state=state))


def later(end: End, stream: str, name: str, count: int) -> None:
    """Append entries as a later Farman of that office would write them."""
    state = {"at": "2026-01-15T10:30:00+05:00", "recorded_at": "2026-01-15T05:30:00Z"}
    with end.office.store.writing() as tx:
        first = stream_heads(tx.conn, [stream]).get(stream, 0) + 1
        rows = [
            (stream, version, name, json.dumps({"mood": version, **state}).encode())
            for version in range(first, first + count)
        ]
        Database(tx.conn).mark("position", tx.append(rows)[-1])


async def test_a_thousand_messages_that_are_no_good_end_where_they_belong(
    pair: Pair, tmp_path: Path
) -> None:
    """At each end: 100 each of garbage, forged heartbeats, foreign writers, other bytes, later versions."""
    nobody = keys.own(tmp_path, "nobody")
    each = 100

    def begin() -> None:
        pair.open()
        pair.man(each)
        until(lambda: pair.count(pair.region, "served") == each)
        pair.acknowledge(pair.served)
        for _ in range(each // 4):
            pair.issue()
        level(pair)

    def bad(end: End) -> list[Message]:
        genuine = Outgoing().take(end.office, LINK, 0, each)
        assert len(genuine) == each
        beat = Inbox().heartbeat(end.office, LINK, 1)
        head = told(end)[0]["registered"]
        found: list[Message] = []
        for n, one in enumerate(genuine):
            forged = replace(beat, beat=2**52 + n, head=10**6 + n, mark=10**6)
            found += [
                garbage(one, n),
                messages.beaten(forged, nobody.sign),
                foreign(one, n),
                other(one, n, head),
            ]
        return random.Random(2).sample(found, len(found))

    def go_on() -> None:
        later(
            pair.region, f"service-{pair.ref}.{pair.served[0]}.{LINK}", "service.read@9", each
        )
        later(pair.hq, "unit-swat.hq", "unit.renamed@9", each)
        for _ in range(each // 4):
            pair.issue()
        for n in range(0, each, 10):
            asks = [(pair.ref, officer, "complied") for officer in pair.served[n : n + 10]]
            answer(pair.region.office, asks)
        level(pair)

    async with at_work(*pair.ends):
        await asyncio.to_thread(begin)
        for way, end in zip(WAYS, (pair.region, pair.hq), strict=True):
            await put(pair, way, await asyncio.to_thread(bad, end))
        await asyncio.to_thread(go_on)
        for end in pair.ends:
            (row,) = told(end)
            assert (row["dead_letters"], row["held"], row["not_understood"], row["forked"]) == (
                4 * each, 0, each, None,
            )  # fmt: skip
            assert reasons(end) == {
                "broken chain": each,
                "foreign writer": each,
                "forged heartbeat": each,
                "no despatch": each,
            }
        letters = [dict(one.headers)["farman_reason"] for one in await found(pair, "dlq")]
        assert len(letters) == 8 * each
        assert all(counts(end, pair.ref)["complied"] == each for end in pair.ends)

        # And one of HQ's whose chain is sound: the link is forked, and goes on the other way.
        before, genuine = await asyncio.to_thread(Outgoing().take, pair.hq.office, LINK, 0, 2)
        changed = genuine._replace(state=genuine.state.replace(b"{", b'{"n":1,', 1))
        sound = changed._replace(hash=chained(before.hash, changed))
        await put(pair, "down", [messages.despatched(sound)])
        await asyncio.to_thread(until, lambda: told(pair.region)[0]["forked"] is not None)
        mark = told(pair.region)[0]["mark"]
        last = await asyncio.to_thread(pair.issue)
        await asyncio.to_thread(
            answer, pair.region.office, [(refs(pair)[1], one, "read") for one in pair.served]
        )
        up = told(pair.region)[0]["registered"] + each
        await asyncio.to_thread(until, lambda: told(pair.hq)[0]["mark"] == up)
        (row,) = told(pair.region)
        assert (row["mark"], pair.count(pair.region, "served", last)) == (mark, 0)
        assert (
            row["forked"]
            == f"two despatches of hq bear the number {genuine.number}, each in a sound chain"
        )


def reasons(end: End) -> dict[str, int]:
    """Count the dead letters by why they are."""
    with end.office.store.reading() as conn:
        letters = links.dead_letters(conn, LINK, 10_000)
    found: dict[str, int] = {}
    for _, _, times, letter in letters:
        reason = letter.reason.partition(":")[0]
        found[reason] = found.get(reason, 0) + times
    return found


def answer(office: Office, asks: Sequence[tuple[str, str, str]]) -> None:
    """Let officers answer, as of now by their office's clock."""
    now = office._clock()
    jobs = [Job([Ask(ref, officer, kind, now)]) for ref, officer, kind in asks]
    assert office.commit(jobs) == [[True]] * len(jobs)


# --- Clocks, and days in the dark ------------------------------------------------------


def ahead(end: End, by: timedelta) -> None:
    """Let an office's clock run ahead, or behind."""
    end.office._clock = lambda: datetime.now(UTC) + by  # type: ignore[method-assign]


def written(end: End, name: str) -> list[tuple[str, dict[str, object]]]:
    """Return stream and content of what an end's ledger has under a stored name."""
    with end.office.store.reading() as conn:
        rows = conn.exec_driver_sql(
            f"SELECT originator_id, state FROM stored_events WHERE topic = '{name}'"
            " ORDER BY notification_id"
        ).fetchall()
    return [(row[0], json.loads(bytes(row[1]))) for row in rows]


async def test_three_days_in_the_dark_come_level_and_nothing_is_done_twice(pair: Pair) -> None:
    officers, hours = 60, range(4, 73, 4)
    issued: dict[str, bool] = {}
    """Orders of those days, and whether they were withdrawn."""

    def begin() -> None:
        pair.open()
        pair.man(officers)
        until(lambda: pair.count(pair.region, "served") == officers)
        level(pair)

    def dark() -> None:
        for number, hour in enumerate(hours):
            for end in pair.ends:
                ahead(end, timedelta(hours=hour))
            if number % 3 == 0:
                issued[pair.issue()] = False
            if number % 6 == 5:
                last = list(issued)[-1]
                pair.hq.office.withdraw(last, "It is not needed.")
                issued[last] = True
            some = pair.served[number * 3 : number * 3 + 3]
            answer(pair.region.office, [(pair.ref, one, "acknowledged") for one in some])
            answer(pair.region.office, [(pair.ref, one, "complied") for one in some[:1]])
            for end in pair.ends:
                end.office.tick()
        status = pair.hq.office.status(pair.ref, unit=LINK)
        assert (status["stale"], status["acknowledged"], status["served"]) == (
            [LINK],
            0,
            officers,
        )
        assert told(pair.hq)[0]["silent_seconds"] >= 71 * 3600

    async with at_work(*pair.ends):
        await asyncio.to_thread(begin)
    async with at_work(pair.hq):
        await asyncio.to_thread(dark)
    answered = 3 * len(hours)
    assert pair.count(pair.region, "acknowledged") == answered
    async with at_work(*pair.ends):
        await asyncio.to_thread(level, pair)
        assert pair.hq.office.status(pair.ref)["stale"] == []
    assert pair.count(pair.hq, "acknowledged") == answered
    assert pair.count(pair.hq, "complied") == len(hours)
    assert {ref: pair.count(end, "served", ref) for ref in issued for end in pair.ends} == {
        ref: 0 if withdrawn else officers for ref, withdrawn in issued.items()
    }

    # The region alone escalated for its units, once for each clause and level.
    for end in pair.ends:
        told_ = [
            (stream, fact["clause"], fact["level"])
            for stream, fact in written(end, "relay.escalated@1")
            if stream.split(".")[1] in (LINK, "swat", "swat-saidu")
        ]
        assert len(told_) == len(set(told_)) > 0
        assert all(stream.endswith(f".{LINK}") for stream, _, _ in told_)


@pytest.mark.parametrize("hours", [1, -1])
async def test_a_clock_an_hour_wrong_refuses_nothing_pushes_nothing_and_is_told_once(
    pair: Pair, hours: int
) -> None:
    def soon() -> datetime:
        """Return an instant that every clock here has yet to come to."""
        return datetime.now(UTC) + timedelta(hours=2)

    def served(end: End, ref: str) -> int:
        return counts(end, ref, soon())["served"]

    def story() -> None:
        pair.open()
        pair.man(30)
        level(pair)
        ahead(pair.region, timedelta(hours=hours))
        last = pair.issue()
        until(lambda: last in refs(pair, pair.region) and served(pair.region, last) == 30)
        for officer in pair.served:
            assert pair.region.office.answer(last, officer, "acknowledged")["changed"]
        until(lambda: all(len(written(end, SKEW)) == 2 for end in pair.ends))
        level(pair)
        assert counts(pair.hq, last, soon())["acknowledged"] == 30
        skews = [row["skew_seconds"] for end in pair.ends for row in told(end)]
        assert [round(skew / 3600) for skew in skews] == [hours, -hours]
        with pair.hq.office._working() as work:
            assert abs(work.recorded_at - datetime.now(UTC)) < timedelta(minutes=1)
        time.sleep(2)  # four heartbeats more
        assert len(written(pair.hq, SKEW)) == 2
        ahead(pair.region, timedelta())
        until(lambda: all(len(written(end, SKEW)) == 4 for end in pair.ends))
        level(pair)

    async with at_work(*pair.ends):
        await asyncio.to_thread(story)
    by = {
        (stream, abs(int(str(fact["seconds"]))) > 120)
        for stream, fact in written(pair.hq, SKEW)
    }
    assert by == {
        (stream, off)
        for stream in (f"office-{LINK}.hq", f"office-hq.{LINK}")
        for off in (True, False)
    }


SKEW = "office.skew_seen@1"


# --- From cold, and for long -----------------------------------------------------------


def test_both_sides_start_from_cold_and_come_level(tmp_path: Path) -> None:
    """Database, broker and all workers were killed amid the work, and more was written since."""
    with (
        services.postgres(fsync=False) as server,
        services.kafka(secure=True, ours=True) as broker,
        ExitStack() as stack,
    ):
        pair = paired(tmp_path, server, broker, "cold")
        stack.callback(pair.close)
        workers = [stack.enter_context(end.worker()) for end in pair.ends]
        pair.open()
        pair.man(100)
        until(lambda: pair.count(pair.region, "served") == 100)
        for n in range(0, 50, 10):
            pair.acknowledge(pair.served[n : n + 10])
            pair.issue()
        broker.kill()
        server.kill()
        for worker in workers:
            worker.kill()
        server.start()
        for n in range(50, 100, 10):
            pair.acknowledge(pair.served[n : n + 10])
            pair.issue()
        for end in pair.ends:
            stack.enter_context(end.worker())
        time.sleep(3)  # they look for a broker meanwhile
        broker.start()
        level(pair)
        assert [counts(end, pair.ref)["acknowledged"] for end in pair.ends] == [100, 100]


async def test_a_worker_grows_by_nothing_over_a_hundred_thousand_messages(pair: Pair) -> None:
    """Half of them down, half up; after the first thousand each is one that was sent before."""
    with pair.hq.worker() as hq, pair.region.worker() as region:
        await asyncio.to_thread(pair.open)
        await asyncio.to_thread(pair.man, 1_000)
        await asyncio.to_thread(until, lambda: pair.count(pair.region, "served") == 1_000)
        for n in range(0, 1_000, 100):
            await asyncio.to_thread(pair.acknowledge, pair.served[n : n + 100])
            await asyncio.to_thread(pair.issue)
        await asyncio.to_thread(level, pair)
        pages = {way: despatches(await found(pair, way)) for way in WAYS}
        sent = dict.fromkeys(WAYS, 0)
        sizes: list[list[float]] = []
        for _ in range(5):
            for way, page in pages.items():
                sent[way] += 10_000
                await put(pair, way, list(itertools.islice(itertools.cycle(page), 10_000)))
            for way, end in zip(WAYS, pair.ends, strict=True):
                await asyncio.to_thread(until, partial(has_passed_over, end, sent[way]))
            sizes.append([resident(worker) for worker in (hq, region)])
        await asyncio.to_thread(level, pair)
    for before, after in zip(sizes[0], sizes[-1], strict=True):
        assert after < before + 10, sizes
        assert after < 200, sizes


def has_passed_over(end: End, count: int) -> bool:
    """Tell whether a worker has read so many messages that had come before."""
    port = json.loads(health.written(end.path, "all").read_bytes())["port"]
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as said:
        (line,) = (
            line
            for line in said.read().decode().splitlines()
            if line.startswith("farman_messages_total") and 'what="duplicate"' in line
        )
    return float(line.split()[-1]) >= count


def resident(worker: Worker) -> float:
    """Return the memory that a process holds, in MB."""
    pid = worker.process.pid
    if (status := Path(f"/proc/{pid}/status")).exists():
        (line,) = (line for line in status.read_text().splitlines() if "VmRSS" in line)
        return int(line.split()[1]) / 1024
    asked = ["ps", "-o", "rss=", "-p", str(pid)]  # no Linux
    return int(subprocess.check_output(asked)) / 1024
