"""What befalls topics, rights, the broker and the database: each is told, and mended without a person."""

import asyncio
import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from confluent_kafka.admin import AclBindingFilter

from domain.errors import Unavailable
from ledger import links
from office import keys
from office.links import Inbox, Outgoing
from tests import services
from tests.workers.pair import LINK, Pair, at_work, paired, reached, told, until
from workers import admin, messages, outbox, reading, rights
from workers.messages import Message
from workers.rights import Right
from workers.role import Role


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Heartbeats come ten times as often, and silence is noticed sooner."""
    monkeypatch.setattr(outbox, "BEAT", 0.5)
    monkeypatch.setattr(reading, "SILENT", 3.0)


# --- Topics --------------------------------------------------------------------------------


@pytest.mark.parametrize("ways", [("up",), ("down",), ("down", "up")])
async def test_a_topic_that_is_lost_costs_a_re_send_and_no_fact(
    pair: Pair, ways: Sequence[str]
) -> None:
    def story() -> None:
        pair.open()
        pair.man(200)
        until(lambda: pair.count(pair.region, "served") == 200)
        pair.acknowledge(pair.served[:100])
        for way in ways:
            pair.lose(way)
        pair.acknowledge(pair.served[100:])
        pair.ref = pair.issue()
        pair.settle()

    async with at_work(*pair.ends):
        await asyncio.to_thread(story)
    for one in pair.ends:
        assert pair.count(one, "served") == 200
        assert pair.count(one, "acknowledged", "hq-2026-1") == 200
    assert pair.wrong() == []


# --- What is no despatch -------------------------------------------------------------------


async def put(pair: Pair, way: str, *ones: Message) -> None:
    async with AIOKafkaProducer(**pair.broker.for_aiokafka()) as producer:
        for key, value, headers in ones:
            await producer.send_and_wait(pair.topic(way), value, key, headers=headers)


async def buried(pair: Pair, count: int) -> list[tuple[str, bytes]]:
    """Read the topic of dead letters: why each is there, and its bytes."""
    async with AIOKafkaConsumer(
        pair.topic("dlq"), auto_offset_reset="earliest", **pair.broker.for_aiokafka()
    ) as consumer:
        found = [await asyncio.wait_for(consumer.getone(), 30) for _ in range(count)]
    return sorted((dict(one.headers)["farman_reason"].decode(), one.value) for one in found)


@pytest.mark.parametrize("way", ["up", "down"])
async def test_what_is_no_despatch_is_put_aside_and_the_link_goes_on(
    pair: Pair, way: str, tmp_path: Path
) -> None:
    sender, reader = pair.ends if way == "down" else pair.ends[::-1]
    other = keys.own(tmp_path, "other")

    def first() -> list[links.Despatch]:
        pair.open()
        pair.man(5)
        pair.settle()
        return Outgoing().take(sender.office, LINK, 0, 1)

    def then() -> None:
        until(lambda: told(reader)[0]["dead_letters"] == 5)
        pair.ref = pair.issue()
        pair.settle()

    async with at_work(*pair.ends):
        (genuine,) = await asyncio.to_thread(first)
        foreign = genuine._replace(writer="hazara", stream="unit-swat.hazara")
        broken = genuine._replace(number=10_000_000, hash=bytes(32), state=b"\xff\x00")
        beat = Inbox().heartbeat(sender.office, LINK, 1)
        await put(
            pair,
            way,
            Message(b"", b"\x00garbage", []),
            Message(b"k", b"", [("ce_specversion", b"1.0"), ("ce_type", b"\xff")]),
            messages.despatched(genuine),
            messages.despatched(foreign),
            messages.despatched(broken._replace(number=1)),
            messages.beaten(beat, other.sign),
        )
        await asyncio.to_thread(then)
    assert pair.wrong() == []
    assert [reason.split(":")[0] for reason, _ in await buried(pair, 5)] == [
        "broken chain",
        "foreign writer",
        "forged heartbeat",
        "no despatch",
        "no despatch",
    ]


# --- Rights --------------------------------------------------------------------------------


def taken(pair: Pair, right: Right) -> None:
    """Take a right of the region's away."""
    one = admin._binding(pair.region.kafka.username, right)
    rule = (one.restype, one.name, one.resource_pattern_type, one.principal)
    only = AclBindingFilter(*rule, one.host, one.operation, one.permission_type)
    client = pair.admin()
    (done,) = client.delete_acls([only]).values()
    assert len(done.result(30)) == 1
    until(lambda: rights.lacking(pair.region.kafka, [right]) == [str(right)])


@pytest.mark.parametrize(("number", "role"), [(0, "inbox"), (1, "inbox"), (2, "outbox")])
def test_a_right_that_is_missing_is_named_and_given_back_is_used(
    pair: Pair, number: int, role: str
) -> None:
    right = rights.of_office(pair.force, LINK)[number]
    taken(pair, right)
    with pair.hq.worker(), pair.region.worker():
        until(lambda: not pair.region.farman("health").get("ok", True))
        answer = pair.region.farman("health")
        (failing,) = (one for one in answer["checks"] if one["name"] == f"{role} {LINK}")
        assert (answer["code"], failing["ok"]) == (1, False)
        assert failing["detail"].startswith(
            f"farman.{pair.force}.{LINK} lacks at the broker: {right};"
        )
        admin.ensure_office(
            reached(pair.broker), pair.force, LINK, pair.region.kafka.password,
            hq="hq", hq_user=pair.hq.kafka.username,
        )  # fmt: skip
        pair.open()
        until(lambda: bool(pair.region.farman("health").get("ok", False)))


async def test_a_right_that_is_taken_away_amid_the_work_is_named(pair: Pair) -> None:
    right = rights.of_office(pair.force, LINK)[0]

    def story(roles: list[Role]) -> None:
        pair.open()
        taken(pair, right)
        board = roles[-1].board

        def is_named() -> bool:
            failing = [one["detail"] for one in board.answer()["checks"] if not one["ok"]]
            return any(str(right) in detail for detail in failing)

        until(is_named, lambda: str(board.answer()))

    async with at_work(*pair.ends) as roles:
        await asyncio.to_thread(story, roles)


# --- The broker and the database -----------------------------------------------------------


@pytest.fixture(scope="module")
def own_broker() -> Iterator[services.Broker]:
    with services.kafka(secure=True, ours=True) as broker:
        yield broker


@pytest.fixture(scope="module")
def own_server() -> Iterator[services.Server]:
    with services.postgres(fsync=False) as server:
        yield server


_serial = itertools.count(1)


@pytest.fixture
def fragile(
    tmp_path: Path, own_server: services.Server, own_broker: services.Broker
) -> Iterator[Pair]:
    made = paired(tmp_path, own_server, own_broker, f"fragile{next(_serial)}")
    yield made
    made.close()


def again(work: Callable[[], None]) -> None:
    """Do a piece of work as a person does: once more while the store is not there."""
    for _ in range(600):
        try:
            return work()
        except Unavailable:
            time.sleep(0.1)
    raise AssertionError("The store did not come back.")


@pytest.mark.parametrize("what", ["broker", "database"])
def test_what_all_stand_on_is_killed_and_nothing_is_lost(
    fragile: Pair, own_server: services.Server, own_broker: services.Broker, what: str
) -> None:
    pair, victim = fragile, own_broker if what == "broker" else own_server
    with pair.hq.worker() as hq, pair.region.worker() as region:
        pair.open()
        pair.man(300)
        until(lambda: pair.count(pair.region, "served") == 300)
        for number in range(30):
            if number in (5, 20):
                victim.kill()
            some = pair.served[number * 10 : number * 10 + 10]
            if number in (6, 21):
                victim.start()
            if what == "broker" or number not in (5, 20):
                again(lambda some=some: pair.acknowledge(some))  # type: ignore[misc]  # bound now
            else:
                pair.served += some  # for later
        pair.acknowledge(pair.served[300:])
        pair.settle()
        assert (hq.process.poll(), region.process.poll()) == (None, None)
    assert pair.count(pair.hq, "acknowledged") == 300
    assert pair.wrong() == []
