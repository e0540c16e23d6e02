"""The outbox: own entries get their numbers and go to the broker; so do heartbeats, and what was lost.

In: the ledger, by way of the register. Out: each link's topic, in the order of the numbers.
Safe: a number is durable before it is sent, and counts as published when the broker has
acknowledged it and all before it. Whatever is cut here goes out again, the same bytes under
the same number. Each link has a producer of its own: one that stands still holds no other up.
"""

import asyncio
import time

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from domain.errors import Contended, Unavailable
from domain.fact import micros
from ledger.links import Despatch, heard, newest
from ledger.store import head
from office import keys, part
from office.links import BATCH, Inbox, Outgoing, Router, everything
from office.office import Office
from workers import log, messages
from workers.ends import Ends
from workers.kafka import Kafka
from workers.role import POLL, Role, Wake, cut, delays
from workers.sending import producer, send

BEAT = 5.0
"""Seconds between heartbeats."""

NOTE = 0.25
"""Seconds between notes of what the broker has."""


async def outbox(role: Role) -> None:
    """Send until the worker is to end."""
    sending: dict[str, asyncio.Task[None]] = {}
    own = Own(role)
    watching = asyncio.create_task(own.watch())
    try:
        while not role.stop.is_set():
            for link in await role.links():
                if link not in sending:
                    sending[link] = asyncio.create_task(Sender(role, link, own).run())
            for task in (watching, *sending.values()):
                if task.done():
                    task.result()
            role.works("It sends." if sending else "There is no link yet.")
            await role.pause(POLL)
        await asyncio.gather(*sending.values())
    finally:
        await cut(watching, *sending.values())


class Own:
    """Looks for what there is to send, once for all links: most of what HQ's ledger gets is others'."""

    def __init__(self, role: Role) -> None:
        self._role = role
        self._head = -1
        """Up to where it has looked."""
        self._heard_at = 0.0
        self.last = 0
        """The last own entry, or one after it."""
        self.heard: dict[str, str | None] = {}
        """The peers' last heartbeats, by link."""
        self.grown = Wake()
        """Tells who sends that there is something new."""

    async def watch(self) -> None:
        """Look until the worker is to end."""
        role, pauses = self._role, delays()
        async with role.wake.told() as told:
            while not role.stop.is_set():
                told.clear()
                try:
                    if await role.do(self._look):
                        self.grown.tell()
                except (Unavailable, OSError) as fault:
                    role.troubled(fault)
                    await role.pause(next(pauses))
                    continue
                pauses = delays()
                await role.pause(POLL, told)

    def _look(self) -> bool:
        """Look at what came since; tell whether any of it is for those who send."""
        office, before = self._role.office, (self.last, self.heard)
        with office.store.reading() as conn:
            if self._head < 0:
                self.last = self._head = head(conn)
            else:
                found, self._head = newest(conn, office.home.office, self._head)
                self.last = found or self.last
            if time.monotonic() >= self._heard_at:
                self._heard_at = time.monotonic() + POLL
                self.heard = heard(conn)
        return before != (self.last, self.heard)


class Sender:
    """Sends over one link."""

    def __init__(self, role: Role, link: str, own: Own) -> None:
        self._role = role
        self._link = link
        self._own = own
        self._level = -1
        """The last own entry when there was nothing to number any more."""
        self._route_at = 0.0
        self._topic = role.ends.topic(link, "writes")
        self._router = Router(
            everything if role.ends.is_region(link) else part.down(role.office, link)
        )
        self._outgoing = Outgoing()
        self._inbox = Inbox()
        self._beat = 0
        self._pauses = delays()
        self._published: int | None = None
        """The highest number acknowledged by the broker and not yet noted as published."""
        self._last = 0
        """The highest number sent."""
        self._heard: str | None = None
        """The peer's heartbeat by which nothing is to be sent again any more."""
        self._note_at = 0.0
        self._routed = False
        """Whether there is something to send at all; once there is, for ever."""
        self._more = True
        """Whether there may be numbers that were given and not sent."""

    async def run(self) -> None:
        """Send until the worker is to end; begin anew where the broker or the store fails."""
        while not self._role.stop.is_set():
            try:
                if await self._role.may(self._link):
                    async with producer(self._role.kafka) as broker:
                        await self._send(broker)
                    return
            except (KafkaError, Unavailable, Contended, OSError) as fault:
                self._role.troubled(fault, self._link)
            await self._role.pause(next(self._pauses))

    async def _send(self, broker: AIOKafkaProducer) -> None:
        role = self._role
        beat_at = time.monotonic()
        self._more, self._heard = True, None
        async with self._own.grown.told() as told:
            while not role.stop.is_set():
                told.clear()
                batch = await role.do(self._next)
                if batch:
                    await send(broker, self._topic, map(messages.despatched, batch))
                    self._published = batch[-1].number
                    self._tell("sent", batch)
                lost: list[Despatch] = []
                heard = self._own.heard.get(self._link)
                if heard != self._heard:
                    lost = await role.do(
                        self._outgoing.again, role.office, self._link, self._beat
                    )
                    await send(broker, self._topic, map(messages.despatched, lost))
                    self._tell("sent again", lost)
                    self._heard = self._heard if lost else heard
                if time.monotonic() >= beat_at:
                    await send(broker, self._topic, [await role.do(self._heartbeat)])
                    role.works("It sends.", self._link)
                    self._pauses = delays()
                    beat_at = time.monotonic() + BEAT
                if not batch and not lost:
                    await role.pause(POLL, told)
        await role.do(self._note)

    def _next(self) -> list[Despatch]:
        """Number what is new, and return what is to be sent.

        What the broker has is noted now and then: who was killed before sends it again.
        """
        office = self._role.office
        if time.monotonic() >= self._note_at:
            self._note()
        self._routed = self._routed or self._link in part.routed(office)
        walked, batch = self._route() if self._routed else (0, [])
        if not (walked or self._more):
            return []
        if self._more or not batch or batch[0].number != self._last + 1:
            batch = self._outgoing.take(office, self._link, self._published)
            self._more = len(batch) == BATCH
        if batch:
            self._last = batch[-1].number
        return batch

    def _route(self) -> tuple[int, list[Despatch]]:
        """Give numbers to own entries, if there are new ones; return what `Router.route` does.

        Now and then without any: what was in the way may be gone.
        """
        last, now = self._own.last, time.monotonic()
        if last <= self._level and now < self._route_at:
            return 0, []
        self._route_at = now + BEAT
        walked, given = self._router.route(self._role.office, self._link)
        if walked < BATCH:
            self._level = last
        return walked, given

    def _note(self) -> None:
        self._note_at = time.monotonic() + NOTE
        if self._published is not None:
            self._outgoing.published(self._role.office, self._link, self._published)
            self._published = None

    def _heartbeat(self) -> messages.Message:
        # The clock's milliseconds: so what the peer has seen of ours tells how late its word is.
        office = self._role.office
        now = office._clock()  # noqa: SLF001 - the clock by which its word is read
        self._beat = max(self._beat + 1, micros(now) // 1_000)
        self._note()
        beat = self._inbox.heartbeat(office, self._link, self._beat)
        return messages.beaten(beat, keys.own(office.home.path, office.home.office).sign)

    def _tell(self, what: str, batch: list[Despatch]) -> None:
        if batch:
            self._role.meters.messages.labels(self._link, what).inc(len(batch))
            self._role.log.info(
                what, link=self._link, first=batch[0].number, last=batch[-1].number,
                **log.about(one.stream for one in batch),
            )  # fmt: skip


async def again(office: Office, kafka: Kafka, link: str, first: int, last: int) -> int:
    """Send numbers of a link again, for a person who asks; return how many there were.

    Raises:
        Unavailable: the broker cannot be reached, or does not take them.

    """
    ends = Ends.of(office)
    count = 0
    try:
        async with producer(kafka) as broker:
            while first <= last:
                batch = Outgoing().take(office, link, first - 1, min(BATCH, last - first + 1))
                if not batch:
                    break
                await send(broker, ends.topic(link, "writes"), map(messages.despatched, batch))
                count += len(batch)
                first = batch[-1].number + 1
    except KafkaError as fault:
        raise Unavailable(
            f"The broker {kafka.bootstrap} does not take what is sent on the link {link} "
            f"({fault}): `farman health` tells more."
        ) from fault
    return count
