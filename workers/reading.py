"""Reading a link: what came on its topic goes into the ledger, what is no despatch to the dead letters.

In: the messages of one partition, in order. Out: copies in the ledger, with all that follows.
Safe: a batch is one transaction; only when it is durable may whoever reads commit the offset.
Read twice, it changes nothing. A heartbeat is believed only if its office signed it.
"""

import time
from collections.abc import Sequence
from typing import NamedTuple

from aiokafka import AIOKafkaProducer

from domain.fact import instant
from domain.office import SKEWED
from ledger.links import Dead, Despatch, Garbage, Heartbeat
from office import arrivals, commission, keys
from office.links import Batch, Inbox, Taken, take_together
from office.office import Office
from workers import log, messages
from workers.messages import Said, Signed
from workers.role import Role
from workers.sending import producer, send

SILENT = 15.0
"""Seconds without a heartbeat after which the broker is asked whether we may read at all."""


class Reader:
    """Reads one link."""

    def __init__(self, role: Role, link: str) -> None:
        self.link = link
        self._role = role
        self._inbox = Inbox(arrivals.follow)
        self._settled = False
        self._off: bool | None = None
        """Whether the peer's clock differs by minutes; None before it was heard."""
        self._heard = time.monotonic()
        self._graves: AIOKafkaProducer | None = None

    async def read(self, said: Sequence[Said], *, level: bool) -> None:
        """Take a batch in, durably; ``level``: it ends where the topic ended.

        An empty one does what has waited for that. What is raised left nothing half done: the
        same batch is to be read again.
        """
        if said or not (self._settled or not level):
            await read_together(self._role, [Came(self, said, level)])

    def parted(self, said: Sequence[Said]) -> tuple[list[Despatch | Garbage], Heartbeat | None]:
        """Part despatches and garbage from heartbeats; return the last of these that is believed."""
        batch: list[Despatch | Garbage] = []
        beat: Heartbeat | None = None
        for one in said:
            believed = self._believed(one) if isinstance(one, Signed) else one
            if isinstance(believed, Heartbeat):
                beat = believed
            elif believed is not None:
                batch.append(believed)
        return batch, beat

    def take(self, batch: Batch) -> Taken:
        """Take a batch in, alone."""
        return self._inbox.take(
            self._role.office, batch.link, batch.despatches, level=batch.level
        )

    def heard(self, beat: Heartbeat | None, taken: Taken, *, level: bool) -> Taken:
        """Learn what the peer says of itself; then do what has waited for that."""
        office = self._role.office
        if beat is None:
            return taken
        self._heard = time.monotonic()
        told = self._inbox.beat(office, self.link, beat, office._clock())  # noqa: SLF001 - by which silence is told
        self._note(beat.office, round(surely(beat, told.skew)))
        if level:
            last = self._inbox.take(office, self.link, [], level=True)
            taken = taken._replace(level=last.level)
        return taken

    async def done(self, taken: Taken) -> None:
        """Put dead letters into their topic, and say how the link is."""
        if taken.dead:
            await self._bury(taken.dead)
        self._settled = taken.level
        if taken.forked is not None:
            self._role.fails(f"The link {self.link} is forked: {taken.forked}.", self.link)
        else:
            self._role.works("It is read.", self.link)

    def _note(self, peer: str, seconds: int) -> None:
        """Write down that the peer's clock is off, or agrees again: once for each."""
        off = abs(seconds) >= SKEWED
        if off == self._off:
            return
        with self._role.office._working() as work:  # noqa: SLF001 - as an office's own command
            commission.skew(work, peer, seconds)
        if off:
            self._role.log.warning("skewed", link=self.link, peer=peer, seconds=seconds)
        self._off = off

    def _believed(self, beat: Signed) -> Heartbeat | Garbage | None:
        """Return what a heartbeat says if its office signed it; None while its key is not known."""
        with self._role.office._reading() as db:  # noqa: SLF001 - as an office asks itself
            home = self._role.office.home
            key = commission.key_of(db, home.path, home.office, beat.office)
        if key is None:
            return None
        if not keys.verify(key, beat.signature.hex(), beat.value):
            reason = f"forged heartbeat: {beat.office} did not sign it"
            return Garbage(self.link, reason, beat.headers, beat.value)
        return messages.heartbeat(beat)

    def tell(self, batch: Sequence[Despatch | Garbage], taken: Taken) -> None:
        """Count and log what became of a batch."""
        count = self._role.meters.messages
        for what, number in (
            ("appended", taken.appended),
            ("duplicate", taken.duplicates),
            ("dead", len(taken.dead)),
        ):
            if number:
                count.labels(self.link, what).inc(number)
        if taken.appended or taken.dead:
            streams = (one.stream for one in batch if isinstance(one, Despatch))
            self._role.log.info(
                "read", link=self.link, appended=taken.appended, mark=taken.mark,
                held=taken.held, dead=[one.reason for one in taken.dead[:5]], **log.about(streams),
            )  # fmt: skip
            self._role.grew()

    async def _bury(self, dead: Sequence[Dead]) -> None:
        """Put dead letters into their topic, and wait for the broker's word."""
        if self._graves is None:
            graves = producer(self._role.kafka)
            await graves.start()
            self._graves = graves
        await send(
            self._graves,
            self._role.ends.topic(self.link, "dlq"),
            [messages.buried(one) for one in dead],
        )

    async def look(self) -> None:
        """If nothing was heard for long, ask the broker whether we may read, and say if not."""
        if time.monotonic() - self._heard > SILENT and await self._role.may(self.link):
            self._heard = time.monotonic()

    async def close(self) -> None:
        """Let go of the dead-letter topic."""
        if self._graves is not None:
            await self._graves.stop()


class Came(NamedTuple):
    """A batch that came over a link."""

    reader: Reader
    said: Sequence[Said]
    level: bool
    """Whether the topic ends there."""


async def read_together(role: Role, came: Sequence[Came]) -> None:
    """Take batches of several links in, in one transaction: see `Reader.read`."""
    taken = await role.do(_take, role.office, came)
    for batch, one in zip(came, taken, strict=True):
        await batch.reader.done(one)


def _take(office: Office, came: Sequence[Came]) -> list[Taken]:
    parted = [one.reader.parted(one.said) for one in came]
    # The despatches first: what a heartbeat announces went out before it.
    given = [
        Batch(one.reader.link, batch, one.level and beat is None)
        for one, (batch, beat) in zip(came, parted, strict=True)
    ]
    # A heartbeat alone takes no writer's lock.
    full = [batch for batch in given if batch.despatches]
    taken: dict[str, Taken] = {}
    if len(full) > 1:
        together = take_together(office, full, arrivals.follow)
        taken = {batch.link: one for batch, one in zip(full, together, strict=True)}
    found: list[Taken] = []
    for one, (batch, beat), mine in zip(came, parted, given, strict=True):
        appended = taken.get(mine.link) or one.reader.take(mine)
        found.append(one.reader.heard(beat, appended, level=one.level))
        one.reader.tell(batch, found[-1])
    return found


def surely(beat: Heartbeat, ahead: float) -> float:
    """Return the seconds by which a peer's clock is surely ahead of this one's; below 0: behind.

    ``ahead`` is by how much its heartbeat was when it was read. It was written before that, and
    after this office had sent the beat that it had seen, whose number is the clock's
    milliseconds. What lies between is the way's length: a link that was dark makes no clock wrong.
    Nor is one more behind than it looks, though this office's own clock went back and its beats
    go on from where they were.
    """
    if ahead >= 0 or not beat.seen_beat:
        return max(0.0, ahead)
    sent = instant(beat.seen_beat * 1_000)
    return min(0.0, max(ahead, (beat.clock - sent).total_seconds()))
