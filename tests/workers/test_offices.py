"""HQ and a region over a real broker: what goes down, what comes up, and whatever is done to Faust."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from domain.errors import Unavailable
from office.links import Inbox, Taken
from tests.workers.pair import Pair, at_work, until
from workers import down, outbox
from workers.role import Role


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Heartbeats come ten times as often, so that what is lost is asked for soon."""
    monkeypatch.setattr(outbox, "BEAT", 0.5)


async def test_an_order_reaches_the_region_and_its_acknowledgements_come_back(
    pair: Pair,
) -> None:
    def story() -> None:
        pair.open()
        pair.man(50)
        until(lambda: pair.count(pair.region, "served") == 50)
        pair.acknowledge(pair.served[:30])
        pair.settle()

    async with at_work(*pair.ends):
        await asyncio.to_thread(story)
    for end in pair.ends:
        assert (pair.count(end, "served"), pair.count(end, "acknowledged")) == (50, 30)
    assert pair.wrong() == []


def raising(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let three batches leave the agent with an error: Faust takes them for done."""
    numbers = itertools.count(1)
    until_done = Role.until_done

    async def leaves(self: Role, work: Callable[[], Awaitable[None]], about: str) -> None:
        if next(numbers) in (5, 10, 15):
            raise Unavailable("Broken on purpose.")
        await until_done(self, work, about)

    monkeypatch.setattr(Role, "until_done", leaves)


def garbling(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the codec raise on three messages: Faust then stands still, without a word."""
    numbers = itertools.count(1)

    def loads(_: down.Verbatim, said: bytes) -> bytes:
        if next(numbers) in (20, 120, 180):
            raise ValueError("Broken on purpose.")
        return said

    monkeypatch.setattr(down.Verbatim, "_loads", loads)


def hurrying(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let two take turns: each batch overtakes another, and offsets pass what is under way."""
    monkeypatch.setattr(down, "AGENTS", 2)


def failing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the inbox raise on every batch that holds a hundredth message, once for each."""
    seen: set[int] = set()
    take = Inbox.take

    def fails(self: Inbox, office: Any, link: str, batch: Any, *, level: bool = False) -> Taken:
        for one in batch:
            number = getattr(one, "number", 1)
            if number % 100 == 0 and number not in seen:
                seen.add(number)
                raise RuntimeError("Broken on purpose.")
        return take(self, office, link, batch, level=level)

    monkeypatch.setattr(Inbox, "take", fails)


@pytest.mark.parametrize("spoil", [raising, garbling, hurrying, failing])
async def test_whatever_faust_loses_comes_by_a_re_send(
    pair: Pair, monkeypatch: pytest.MonkeyPatch, spoil: Callable[[pytest.MonkeyPatch], None]
) -> None:
    def story() -> None:
        pair.open()
        pair.man(5)
        spoil(monkeypatch)
        for _ in range(60):
            pair.ref = pair.issue()
        pair.settle()

    monkeypatch.setattr(down, "AT_ONCE", 50)
    monkeypatch.setattr(down, "STILL", 3.0)
    async with at_work(*pair.ends):
        await asyncio.to_thread(story)
    assert pair.wrong() == []
    assert pair.count(pair.region, "served") == pair.count(pair.hq, "served") == 5
