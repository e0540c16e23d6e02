"""HQ's inbox with several links: one that cannot be read holds no other up."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from aiokafka import TopicPartition

from ledger import links
from ledger.links import Despatch, Garbage, Heartbeat
from tests.office.test_links import LINK, OTHERS, Ends, orders_of_hazara, received, two
from workers.health import Board
from workers.intake import Fetched, Intake, Look, Source
from workers.kafka import Kafka
from workers.messages import Said
from workers.metrics import Meters
from workers.reading import Reader
from workers.role import Role, Wake

NOWHERE = Kafka("127.0.0.1:9", "PLAINTEXT", "", "", "")


class Paused:
    """A consumer of which one sees what it was told to leave alone."""

    def __init__(self) -> None:
        self.paused: list[str] = []

    def pause(self, *places: TopicPartition) -> None:
        self.paused += [place.topic for place in places]


@pytest.fixture
def ends(tmp_path: Path) -> Iterator[Ends]:
    with two(tmp_path, ("sqlite", "sqlite")) as made:
        with made.hq.store.writing() as tx:
            links.begin(tx.conn, OTHERS, OTHERS)
        yield made


def looked_at(role: Role, link: str, said: Sequence[Said]) -> Look:
    fetched = Fetched(said, 40, 40 + len(said))
    return Look(TopicPartition(link, 0), Source(Reader(role, link)), fetched, level=False)


async def taken_in(ends: Ends) -> tuple[Look, Look, Paused]:
    """Let HQ take in a batch of each of its two links."""
    consumer: Any = Paused()
    role = Role(
        "inbox", ends.hq.office, NOWHERE, Board("inbox"), Meters(), Wake(), asyncio.Event(),
        asyncio.Event(),
    )  # fmt: skip
    mine = looked_at(role, LINK, ends.region.send())
    others = looked_at(role, OTHERS, orders_of_hazara(3))
    try:
        await Intake(role, consumer, [], {})._read([mine, others])
    finally:
        role.close()
    return mine, others, consumer


async def test_what_came_of_both_links_is_in_the_ledger(ends: Ends) -> None:
    mine, others, consumer = await taken_in(ends)
    assert (mine.source.next, others.source.next) == (40 + len(received(ends.hq, LINK)), 43)
    assert len(received(ends.hq, OTHERS)) == 3
    assert (ends.wrong(), consumer.paused) == ([], [])


async def test_a_link_that_cannot_be_read_waits_and_the_other_goes_on(
    ends: Ends, monkeypatch: pytest.MonkeyPatch
) -> None:
    parted = Reader.parted

    def broken(
        self: Reader, said: Sequence[Said]
    ) -> tuple[list[Despatch | Garbage], Heartbeat | None]:
        if self.link == OTHERS:
            raise RuntimeError("Broken on purpose.")
        return parted(self, said)

    monkeypatch.setattr(Reader, "parted", broken)
    began = time.monotonic()
    mine, others, consumer = await taken_in(ends)
    assert ends.wrong() == []
    assert mine.source.next == 40 + len(received(ends.hq, LINK))
    assert received(ends.hq, OTHERS) == []
    assert (others.source.next, others.source.failed, consumer.paused) == (None, 40, [OTHERS])
    assert mine.source.again_at < began < others.source.again_at
