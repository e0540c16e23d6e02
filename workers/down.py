"""A region's inbox: what HQ sends down, read by a Faust app.

In: the link's ``down`` topic. Out: copies in the region's ledger, and what follows from them.
Safe: in the shape that was measured to lose nothing: one agent, one batch after another, one
transaction a batch, nothing raised out of the agent, a codec that never raises. What Faust may
lose all the same (a batch that a stop cuts off) shows as a gap in the numbers and is sent again.
Where it stands still without a word it is begun anew.

Not used, once for all: Faust's tables, `exactly_once`, Kafka's transactions. Truth is the
ledger's mark; an offset only saves reading.
"""

import asyncio
import time
from collections.abc import Sequence
from functools import partial
from typing import Any

import faust
from faust.serializers.codecs import Codec
from faust.types import TP, EventT

from domain.errors import Unavailable
from workers import messages
from workers.clock import SWEEP
from workers.kafka import METADATA_AGE
from workers.reading import Reader
from workers.role import Role

AGENTS = 1
"""Who read side by side: with more, an offset passes what another has under way."""
AT_ONCE = 500
"""Messages in one transaction, at most,"""
WITHIN = 0.1
"""and the seconds in which they gather."""
STILL = 15.0
"""Seconds in which nothing moves, though there is something to read, until it is begun anew."""
STOPS = 6.0
"""Seconds in which Faust stops, or it is left: after a crash of its agent it may never return."""
SESSION = 6.0
"""Seconds for which the broker waits for a reader that is gone."""


class Verbatim(Codec):
    """Gives bytes as they are: what they mean, and whether anything, is found out later."""

    def _loads(self, s: bytes) -> bytes:
        return s

    def _dumps(self, s: bytes) -> bytes:
        return s


async def down(role: Role) -> None:
    """Read until the worker is to end."""
    (link,) = await role.links()
    if not await role.may(link):
        raise Unavailable(f"The link {link} cannot be read: see what {role.name} {link} says.")
    here = Down(role, Reader(role, link), TP(role.ends.topic(link, "reads"), 0))
    try:
        await here.app.start()
        role.works("It reads.")
        while not role.stop.is_set():
            await role.pause(1.0)
            await here.look()
    finally:
        await here.stop()


class Down:
    """The app that reads one topic."""

    def __init__(self, role: Role, reader: Reader, source: TP) -> None:
        self.reader = reader
        self._role = role
        self._source = source
        self._next: int | None = None
        """The offset after the last message that is in the ledger."""
        self._idle = asyncio.Event()
        """Set while no batch is under way."""
        self._idle.set()
        self._moved_at = time.monotonic()
        self.app = self._made()

    def _made(self) -> faust.App:
        role, codec = self._role, Verbatim()
        app = faust.App(
            role.ends.group,
            **role.kafka.faust(),
            datadir=role.office.home.path / "faust",
            web_enabled=False,
            topic_allow_declare=False,
            topic_disable_leader=True,
            consumer_auto_offset_reset="earliest",
            # A topic made anew is found by then; at Faust's own setting after five minutes.
            consumer_metadata_max_age_ms=METADATA_AGE,
            # Who comes back under his old name within the session goes on at once.
            consumer_group_instance_id=role.ends.group,
            stream_wait_empty=False,  # or who gave up waits for ever
            broker_session_timeout=SESSION,
            broker_heartbeat_interval=2.0,
            broker_request_timeout=10.0,
            broker_max_poll_interval=600.0,
            producer_request_timeout=10.0,
        )
        topic = app.topic(
            self._source.topic, key_type=bytes, key_serializer=codec, value_serializer=codec
        )

        @app.agent(topic, concurrency=AGENTS)
        async def read(stream: Any) -> None:  # its protocol lacks `take_events`
            async for events in stream.take_events(AT_ONCE, within=WITHIN):
                await self._take(events)

        async def wake() -> None:
            role.sweep.set()

        app.timer(SWEEP)(wake)
        app.finalize()
        return app

    async def _take(self, events: Sequence[EventT[Any]]) -> None:
        """Take a batch in; nothing is raised, or Faust would take the batch for done."""
        came: list[Any] = [one.message for one in events]
        said = [messages.read(self.reader.link, one.headers, one.value) for one in came]
        end = came[-1].offset + 1
        top = self._top()
        level = top is not None and end >= top
        self._idle.clear()
        try:
            await self._role.until_done(
                partial(self.reader.read, said, level=level), self.reader.link
            )
            self._next, self._moved_at = end, time.monotonic()
        finally:  # or whoever stops would wait for it
            self._idle.set()

    async def stop(self) -> None:
        """Finish the batch under way, commit, and leave."""
        await self._idle.wait()
        nothing = self._top() is None
        stopping = asyncio.ensure_future(self.app.stop())
        try:
            await asyncio.wait({stopping}, timeout=STOPS)
            if stopping.done():
                stopping.result()
            else:
                self._role.log.warning("left", detail=f"Faust did not stop within {STOPS:g} s.")
        finally:
            stopping.cancel()
        await self.reader.close()
        if nothing:
            # Who comes back under his old name is given what he had: nothing.
            await self._role.pause(SESSION + 1)

    async def look(self) -> None:
        """See that the app reads what there is.

        Raises:
            Unavailable: it gave up, or stands still; it is to be begun anew.

        """
        if self.app.should_stop:
            raise Unavailable(f"Faust gave up ({self.app.crash_reason!r}); it is begun anew.")
        top = self._top()
        consumer: Any = self.app.consumer
        read = consumer._read_offset[self._source]  # noqa: SLF001 - no other way to see it
        if self._next is None:
            self._next = read or 0
        if top is not None and read is not None and top < read:
            await self._rewind(consumer)
        if not self._idle.is_set() or (top is not None and top <= self._next):
            self._moved_at = time.monotonic()
        elif time.monotonic() - self._moved_at > STILL:
            raise Unavailable(
                f"Faust stands still at message {self._next} of {top}; it is begun anew."
            )
        await self.reader.look()

    def _top(self) -> int | None:
        """Return the offset after the topic's last message; None while it is not ours to read."""
        consumer = self.app.consumer
        if self._source not in consumer.assignment():
            return None
        top: int | None = consumer.highwater(self._source)
        return top

    async def _rewind(self, consumer: Any) -> None:
        """Read the topic from its beginning: it was made anew.

        Faust passes over each message whose place lies before the last that it read, silently:
        in a topic made anew all of them, until it has grown as long as the old one was.
        """
        for kept in ("_gap", "_acked", "_acked_index", "_committed_offset"):
            getattr(consumer, kept).pop(self._source, None)
        self._next = 0
        await consumer.seek(self._source, 0)
