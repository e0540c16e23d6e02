"""One command's work: facts appended and projected in one transaction.

Safe: the writer's lock is held from before anything is read, so what a command decides on is
true when it is written; the projections are level with the ledger when it begins and when it
ends; either all of it is durable or nothing.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from domain.errors import Refused
from domain.fact import AHEAD, Fact, Micros, instant, micros
from ledger.codec import Entry, decode, encode
from ledger.memory import uncollected
from ledger.store import Store, Transaction, head, select_entries, stream_heads
from projections import page, tables
from projections.database import Database, Folded
from projections.offices import Hosts

RULE = "farman"
"""The actor of what follows by rule."""


class Work:
    """A command under way."""

    def __init__(
        self, tx: Transaction, office: str, now: datetime, folded: Folded | None = None
    ) -> None:
        self.db = Database(tx.conn, tx.bulk_insert, folded=folded)
        self.office = office
        self._tx = tx
        self._versions: dict[str, int] = {}
        self._hosts: Hosts | None = None
        self._alone: bool | None = None
        self.heeds: int | None = None
        """Copies of other offices' entries are acted on up to here; None: as far as their link
        was level."""
        self.head = head(tx.conn)
        self._catch_up()
        last = self.db.checkpoint("recorded_at")
        self.now: Micros = max(micros(now), last)
        """The clock, never before the last entry's."""
        self.recorded_at = instant(self.now)

    def _catch_up(self) -> None:
        done = self.db.checkpoint("position")
        while done < self.head:
            rows = select_entries(self.db.conn, done, page.PAGE)
            page.apply(self.db, [Entry(p, s, v, decode(n, b)) for p, s, v, n, b in rows])
            done = rows[-1][0]

    @property
    def hosts(self) -> Hosts | None:
        """Who hosts which unit; None where this office stands alone. One look a command."""
        if self._alone is None:
            self._hosts = Hosts.of_office(self.db, self.office)
            self._alone = self._hosts is None
        return self._hosts

    def look_again(self) -> None:
        """Forget who hosts what: facts of offices have been added."""
        self._alone = None

    def instant(self, at: datetime | None) -> datetime:
        """Return when something happened: as told, or now.

        Raises:
            Refused: it lies more than five minutes after the clock.

        """
        if at is None:
            return self.recorded_at
        if micros(at) > self.now + AHEAD:
            raise Refused(
                f"{at.isoformat()} lies more than five minutes after the clock "
                f"({self.recorded_at.isoformat()}); what has not happened cannot be recorded."
            )
        return at

    def about(self, at: datetime, actor: str = RULE, channel: str = "rule") -> dict[str, Any]:
        """Return what every fact carries."""
        return {"at": at, "recorded_at": self.recorded_at, "actor": actor, "channel": channel}

    def append(self, facts: Sequence[tuple[str, Fact]]) -> list[Entry]:
        """Append facts to their streams, in order, and project them as one page."""
        if not facts:
            return []
        if any(stream.startswith("directive-") for stream, _ in facts):
            self.db.folded = None  # what this transaction writes may yet be rolled back
        unknown = {stream for stream, _ in facts} - self._versions.keys()
        if unknown:
            heads = stream_heads(self.db.conn, sorted(unknown))
            self._versions |= {stream: heads.get(stream, 0) for stream in unknown}
        rows: list[tuple[str, int, str, bytes]] = []
        for stream, fact in facts:
            version = self._versions[stream] = self._versions[stream] + 1
            rows.append((stream, version, fact.stored, encode(fact)))
        positions = self._tx.append(rows)
        entries = [
            Entry(position, stream, row[1], fact)
            for position, row, (stream, fact) in zip(positions, rows, facts, strict=True)
        ]
        page.apply(self.db, entries)
        self.head = entries[-1].position
        return entries

    def forget(self) -> None:
        """Let go of the streams' versions: they are looked up again when needed."""
        self._versions.clear()


@contextmanager
def working(
    store: Store, office: str, now: datetime, folded: Folded | None = None
) -> Iterator[Work]:
    """Do one command's work; it is durable when the block ends.

    ``folded`` keeps directives from one work to the next, as they were committed.
    """
    with uncollected(), store.writing() as tx:
        yield Work(tx, office, now, folded)


def prepare(store: Store, *, rehearsal: bool) -> None:
    """Make the projections' tables, once; they catch up with the ledger by the next command."""
    with store.writing() as tx:
        tables.create(tx.conn)
        Database(tx.conn).mark("rehearsal", int(rehearsal))


def chunks(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    """Yield lists of up to ``size`` items, in order."""
    chunk: list[Any] = []
    for item in items:
        chunk.append(item)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
