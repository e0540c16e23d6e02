"""What every role of a worker has at hand: its office, the broker, one thread, one way to wait.

Safe: the store is used in the role's own thread, one piece of work after another; a role that
ends waits for the piece under way.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import structlog

from domain.errors import Unavailable
from office.office import Office
from workers import rights
from workers.ends import Ends, linked
from workers.health import Board
from workers.kafka import Kafka
from workers.metrics import Meters
from workers.rights import Right

T = TypeVar("T")

POLL = 1.0
"""Seconds after which a role looks by itself, whether or not it was told."""

SLOWEST = 10.0
"""Seconds between two tries of what keeps failing, at most."""


class Wake:
    """Tells whoever waits that the ledger has grown."""

    def __init__(self) -> None:
        self._waiting: set[asyncio.Event] = set()

    def tell(self) -> None:
        """Wake all who wait."""
        for one in self._waiting:
            one.set()

    @asynccontextmanager
    async def told(self) -> AsyncIterator[asyncio.Event]:
        """Give an event that is set by each telling during the block."""
        event = asyncio.Event()
        self._waiting.add(event)
        try:
            yield event
        finally:
            self._waiting.discard(event)


@dataclass
class Role:
    """One role of a worker, at work."""

    name: str
    office: Office
    kafka: Kafka
    board: Board
    meters: Meters
    wake: Wake
    sweep: asyncio.Event
    """Set when the sweep of what is due is to begin."""
    stop: asyncio.Event
    """Set when the worker is to end."""
    _ends: Ends | None = field(default=None, init=False)
    log: Any = field(init=False)

    def __post_init__(self) -> None:
        self.log = structlog.get_logger().bind(office=self.office.home.office, role=self.name)
        self._thread = ThreadPoolExecutor(1, f"farman-{self.name}")

    async def do(self, work: Callable[..., T], *words: Any) -> T:
        """Do a piece of store work in the role's thread."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *words)

    def grew(self) -> None:
        """Wake who waits for the ledger to grow, where the store does not tell by itself."""
        if self.office.store.dialect == "sqlite":
            self.wake.tell()

    def close(self) -> None:
        """Wait for the piece of work under way."""
        self._thread.shutdown()

    async def pause(self, seconds: float, told: asyncio.Event | None = None) -> None:
        """Wait so long, or until told, or until the worker is to end."""
        waits = [asyncio.ensure_future(self.stop.wait())]
        if told is not None:
            waits.append(asyncio.ensure_future(told.wait()))
        try:
            await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in waits:
                one.cancel()

    def works(self, detail: str, about: str = "") -> None:
        """Say that the role, or its part about one link, is at work."""
        if self.board.say(self._part(about), "works", detail):
            self.log.info("works", detail=detail, **_link(about))

    def waits(self, detail: str) -> None:
        """Say that the role stands by."""
        if self.board.say(self.name, "waits", detail):
            self.log.info("waits", detail=detail)

    def fails(self, fault: BaseException | str, about: str = "") -> None:
        """Say what is wrong; once for as long as it stays the same."""
        detail = str(fault) or type(fault).__name__
        if self.board.say(self._part(about), "fails", detail):
            self.log.error("fails", detail=detail, **_link(about))

    def _part(self, about: str) -> str:
        return f"{self.name} {about}" if about else self.name

    def troubled(self, fault: BaseException, about: str = "") -> None:
        """Count a try that failed, and say why."""
        self.meters.retries.labels(self.name).inc()
        self.log.warning("retries", fault=repr(fault), **_link(about))
        self.fails(fault, about)

    async def until_done(self, work: Callable[[], Awaitable[None]], about: str) -> None:
        """Do ``work`` until it succeeds, slower each time, or the worker is to end.

        Whatever it raises is a standstill of one link and nobody's end: it is told, and what
        it was to do is sent again.
        """
        for delay in delays():
            try:
                return await work()
            except Exception as fault:  # noqa: BLE001 - told, counted, tried again
                self.troubled(fault, about)
            await self.pause(delay)
            if self.stop.is_set():
                return None
        return None

    # -- the links

    async def links(self) -> list[str]:
        """Return the links there are; before there is one, nothing below is known."""
        found = await self.do(linked, self.office)
        if found and self._ends is None:
            self._ends = await self.do(Ends.of, self.office)
        return found

    @property
    def ends(self) -> Ends:
        """What this office calls things at the broker."""
        if self._ends is None:
            msg = "Links are asked for first"
            raise RuntimeError(msg)
        return self._ends

    def rights(self, link: str) -> list[Right]:
        """Return what this role needs of the broker for a link."""
        if self.name == "outbox":
            return [Right("WRITE", "topic", self.ends.topic(link, "writes"))]
        return [
            Right("READ", "topic", self.ends.topic(link, "reads")),
            Right("READ", "group", self.ends.group),
            Right("WRITE", "topic", self.ends.topic(link, "dlq")),
        ]

    async def may(self, link: str) -> bool:
        """Ask the broker whether we have our rights to a link; say what is missing if not."""
        try:
            missing = await asyncio.to_thread(rights.lacking, self.kafka, self.rights(link))
        except Unavailable as fault:
            self.fails(fault, link)
            return False
        if missing:
            self.fails(
                f"{self.kafka.username or 'Whoever comes'} lacks at the broker: "
                f"{', '.join(missing)}; `farman office commission` at HQ gives it.",
                link,
            )
        return not missing


async def cut(*tasks: asyncio.Future[Any]) -> None:
    """End tasks that may still run, and wait until they have."""
    for one in tasks:
        one.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def delays() -> Iterator[float]:
    """Yield seconds to wait between tries, longer each time: 0.1, 0.2, … `SLOWEST`."""
    wait = 0.1
    while True:
        yield wait
        wait = min(2 * wait, SLOWEST)


def _link(about: str) -> dict[str, str]:
    return {"link": about} if about else {}
