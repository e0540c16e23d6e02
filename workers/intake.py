"""HQ's inbox: what all regions send up.

In: every link's ``up`` topic, one consumer for all. Out: copies in HQ's ledger.
Safe: offsets are committed after the ledger has what they stand for, and only save reading;
where a link has come to, its mark in the ledger tells. A link that cannot be read waits, and
the others go on.
"""

import asyncio
import time
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from workers import messages
from workers.messages import Said
from workers.reading import SILENT, Came, Reader, read_together
from workers.role import POLL, Role, cut, delays

AT_ONCE = 5_000
"""Messages in one transaction."""

WAIT = 500
"""Milliseconds that messages are waited for; what comes is given at once."""

ASK = 50
"""Milliseconds that the broker waits with its answer if there is nothing on any link. While it
waits, nothing is fetched of a link whose messages were taken after it was asked."""

COMMIT = 1.0
"""Seconds between commits of offsets."""


async def intake(role: Role) -> None:
    """Read until the worker is to end."""
    asked: dict[str, float] = {}
    links: list[str] = []
    while not role.stop.is_set():
        links += await _new(role, links, asked)
        if not links:
            role.works("There is no link that it may read yet.")
            await role.pause(POLL)
            continue
        consumer = AIOKafkaConsumer(
            **role.kafka.aiokafka(),
            group_id=role.ends.group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_partition_fetch_bytes=1024 * 1024,
            fetch_max_wait_ms=ASK,
        )
        await consumer.start()
        try:
            await Intake(role, consumer, links, asked).run()
        finally:
            # What had gone wrong in it is told by what it was asked, and ends with it.
            await asyncio.gather(consumer.stop(), return_exceptions=True)


async def _new(role: Role, known: Collection[str], asked: dict[str, float]) -> list[str]:
    """Return the links that are not known yet and that we may read.

    ``asked``: until when the broker is not asked again, by link.
    """
    now = time.monotonic()
    new = [
        link for link in await role.links() if link not in known and now >= asked.get(link, 0.0)
    ]
    asked |= dict.fromkeys(new, now + SILENT)
    may = await asyncio.gather(*(role.may(link) for link in new))
    return [link for link, may_ in zip(new, may, strict=True) if may_]


class Source:
    """One link as it is read."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self.next: int | None = None
        """The offset after the last that is in the ledger."""
        self.failed: int | None = None
        """The offset of what could not be taken in, until it is fetched again."""
        self.again_at = 0.0
        self.pauses = delays()


class Fetched(NamedTuple):
    """What was fetched of a link."""

    said: Sequence[Said]
    first: int
    """The offset of the first message."""
    upto: int
    """The offset after the last."""


class Look(NamedTuple):
    """What one look at a link brought; nothing is something, too."""

    tp: TopicPartition
    source: Source
    fetched: Fetched | None
    level: bool
    """Whether the topic ends there."""

    @property
    def came(self) -> Came:
        """What its reader is to read."""
        said = () if self.fetched is None else self.fetched.said
        return Came(self.source.reader, said, self.level)


class Intake:
    """Reads links with one consumer, until there is another link: then all with another consumer.

    One that is assigned anew amid its work was seen to give up.
    """

    def __init__(
        self,
        role: Role,
        consumer: AIOKafkaConsumer,
        links: Sequence[str],
        asked: dict[str, float],
    ) -> None:
        self._role = role
        self._consumer = consumer
        self._links = links
        self._asked = asked
        self._sources = {
            TopicPartition(role.ends.topic(link, "reads"), 0): Source(Reader(role, link))
            for link in links
        }
        self._committed_at = 0.0
        self._looked_at = time.monotonic()

    async def run(self) -> None:
        """Read until the worker is to end or there is another link."""
        role, consumer = self._role, self._consumer
        consumer.assign(list(self._sources))
        role.works("It reads.")
        ahead = self._fetch()
        try:
            while not role.stop.is_set() and not await self._is_more():
                found = await ahead
                for tp, source in self._sources.items():
                    if source.failed is not None:  # what came after it was fetched meanwhile
                        found.pop(tp, None)
                        consumer.seek(tp, source.failed)
                        source.failed = None
                ahead = self._fetch()  # while what came is taken in
                looks = [await self._look(tp, found) for tp in self._sources]
                await self._read([one for one in looks if one is not None])
                await self._commit()
            await self._commit(now=True)
        finally:
            await cut(ahead)
            for source in self._sources.values():
                await source.reader.close()

    def _fetch(self) -> asyncio.Task[dict[TopicPartition, Fetched]]:
        return asyncio.create_task(self._fetched())

    async def _fetched(self) -> dict[TopicPartition, Fetched]:
        found = await self._consumer.getmany(timeout_ms=WAIT, max_records=AT_ONCE)
        # Beside the role's thread, which waits for the store most of its time.
        return await asyncio.to_thread(self._opened, found) if found else {}

    def _opened(
        self, found: Mapping[TopicPartition, Sequence[ConsumerRecord]]
    ) -> dict[TopicPartition, Fetched]:
        opened: dict[TopicPartition, Fetched] = {}
        for tp, records in found.items():
            link = self._sources[tp].reader.link
            said = [messages.read(link, one.headers, one.value) for one in records]
            opened[tp] = Fetched(said, records[0].offset, records[-1].offset + 1)
        return opened

    async def _is_more(self) -> bool:
        if time.monotonic() < self._looked_at + POLL:
            return False
        self._looked_at = time.monotonic()
        more = await _new(self._role, self._links, self._asked)
        for link in more:
            del self._asked[link]
        return bool(more)

    async def _look(
        self, tp: TopicPartition, found: Mapping[TopicPartition, Fetched]
    ) -> Look | None:
        """Return what came of a link; None while it waits after a fault."""
        source, consumer = self._sources[tp], self._consumer
        if time.monotonic() < source.again_at:
            return None
        if consumer.paused() and tp in consumer.paused():
            consumer.resume(tp)
        fetched = found.get(tp)
        end = consumer.highwater(tp)
        upto = source.next if fetched is None else fetched.upto
        if upto is None and end is not None:
            upto = await consumer.position(tp)
        level = end is not None and upto is not None and upto >= end
        return Look(tp, source, fetched, level)

    async def _read(self, looks: Sequence[Look]) -> None:
        """Take in what came, in one transaction; if that fails, of each link in its own."""
        full = [one for one in looks if one.fetched]
        if len(full) > 1 and await self._together(full):
            looks = [one for one in looks if not one.fetched]
        for one in looks:
            await self._alone(one)

    async def _together(self, looks: Sequence[Look]) -> bool:
        """Take in what came of several links, and tell whether that could be done."""
        try:
            await read_together(self._role, [one.came for one in looks])
        except Exception as fault:  # noqa: BLE001 - which of them it is shows when each is alone
            self._role.log.warning("parted", fault=repr(fault))
            return False
        for one in looks:
            await self._taken(one)
        return True

    async def _alone(self, one: Look) -> None:
        source = one.source
        try:
            await source.reader.read(one.came.said, level=one.level)
        except Exception as fault:  # noqa: BLE001 - told, counted, tried again; the others go on
            self._role.troubled(fault, source.reader.link)
            source.again_at = time.monotonic() + next(source.pauses)
            if one.fetched:
                source.failed = one.fetched.first
                self._consumer.pause(one.tp)
            return
        await self._taken(one)

    async def _taken(self, one: Look) -> None:
        one.source.pauses = delays()
        if one.fetched:
            one.source.next = one.fetched.upto
        await one.source.reader.look()

    async def _commit(self, *, now: bool = False) -> None:
        if not now and time.monotonic() < self._committed_at + COMMIT:
            return
        self._committed_at = time.monotonic()
        offsets = {tp: one.next for tp, one in self._sources.items() if one.next is not None}
        if offsets:
            await self._consumer.commit(offsets)
