"""One command's work: facts appended and projected in one transaction.

Safe: the writer's lock is held from before anything is read, so what a command decides on is
true when it is written; the projections are level with the ledger when it begins and when it
ends; either all of it is durable or nothing.

What other offices wrote is appended as it came, whether or not it is understood: an entry that
cannot be read or applied is listed in `not_understood`, and the others go on.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from hashlib import sha256
from importlib import metadata
from typing import Any

import orjson

from domain.errors import FarmanError, Refused
from domain.fact import AHEAD, Fact, Micros, instant, micros
from ledger import codec, links
from ledger.codec import Entry, decode, encode
from ledger.memory import uncollected
from ledger.store import (
    Line,
    Row,
    Store,
    Transaction,
    head,
    select_entries,
    stream_heads,
)
from projections import page, rebuild, tables
from projections.database import Database, Folded, Kept
from projections.offices import Hosts

RULE = "farman"
"""The actor of what follows by rule."""


class Work:
    """A command under way."""

    def __init__(
        self,
        tx: Transaction,
        office: str,
        now: datetime,
        folded: Folded | None = None,
        kept: Kept | None = None,
    ) -> None:
        kept = {} if kept is None else kept
        self.db = Database(tx.conn, tx.bulk_insert, folded=folded, kept=kept, marked={})
        self.office = office
        self.tx = tx
        self._mine = f".{office}"
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
            lines = select_entries(self.db.conn, done, page.PAGE)
            first, done = done, lines[-1][0]
            waits = links.waiting(self.db.conn, [line[0] for line in lines])
            self._read([line for line in lines if line[0] not in waits], done)
            mine = next(
                (line for line in reversed(lines) if line[1].endswith(self._mine)), None
            )
            written = 0 if mine is None else _recorded_at(mine)
            received = links.last_received_at(self.db.conn, first, done)
            self._move_clock(max(written, received))

    def _move_clock(self, at: Micros) -> None:
        """Let this office never write an earlier instant; the clocks of others move nothing."""
        if at > self.db.checkpoint("recorded_at"):
            self.db.mark("recorded_at", at)

    def _read(self, lines: Sequence[Line], upto: int) -> None:
        """Project entries: one's own all, of others' as many as are understood."""
        entries: list[Entry] = []
        unread: list[links.Wait] = []
        for position, stream, version, name, state in lines:
            try:
                entries.append(Entry(position, stream, version, decode(name, state)))
            except Exception as fault:
                if stream.endswith(self._mine):
                    raise
                unread.append(links.Wait(position, "form", _told(fault)))
        self._wait(unread)
        self._project(entries)
        page.apply(self.db, [], upto)

    def _project(self, entries: Sequence[Entry]) -> None:
        """Apply entries; where they fail, halve them until those of others that do stand alone."""
        if not entries:
            return
        try:
            with self.attempt():
                page.apply(self.db, entries)
        except Exception as fault:
            if self.tx.at_fault(fault):
                raise
            if len(entries) > 1:
                middle = len(entries) // 2
                self._project(entries[:middle])
                self._project(entries[middle:])
            elif entries[0].stream.endswith(self._mine):
                raise
            else:
                self._wait([links.Wait(entries[0].position, "projection", _told(fault))])

    def _wait(self, waits: Sequence[links.Wait]) -> None:
        if waits:
            links.wait(self.tx, waits)
            self.db.mark("reader", reader())

    def follow(
        self, effects: Callable[["Work", Sequence[Entry]], None], entries: Sequence[Entry]
    ) -> None:
        """Do what follows from the entries of others; where it fails, halve them, as above."""
        try:
            with self.attempt():
                effects(self, entries)
        except Exception as fault:
            if self.tx.at_fault(fault):
                raise
            if len(entries) == 1:
                self._wait([links.Wait(entries[0].position, "effects", _told(fault))])
                return
            middle = len(entries) // 2
            self.follow(effects, entries[:middle])
            self.follow(effects, entries[middle:])

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """Undo what the block did if it raises, and let the error rise; the work goes on."""
        self.db.settle()
        try:
            with self.tx.attempt():
                yield
        except Exception as fault:
            if not self.tx.at_fault(fault):
                self.db.forget()
                self.forget()
                self.look_again()
                self.head = head(self.db.conn)
            raise

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
        positions = self.tx.append(rows)
        entries = [
            Entry(position, stream, row[1], fact)
            for position, row, (stream, fact) in zip(positions, rows, facts, strict=True)
        ]
        page.apply(self.db, entries)
        self.db.mark("recorded_at", self.now)
        self.head = entries[-1].position
        return entries

    def copy(self, rows: Sequence[Row]) -> Sequence[int]:
        """Append entries that another office wrote, as they are; return their positions.

        Raises:
            Contended: a (stream, version) is taken; none of them is appended, the work goes on.

        """
        if any(row[0].startswith("directive-") for row in rows):
            self.db.folded = None  # what this transaction writes may yet be rolled back
        with self.attempt():
            positions = self.tx.append(rows)
        self.head = positions[-1]
        self._read(
            [(position, *row) for position, row in zip(positions, rows, strict=True)], self.head
        )
        self._move_clock(self.now)
        return positions

    def reconsider(self) -> None:
        """Try again what an earlier Farman did not understand: project everything anew."""
        self.db.settle()
        links.reconsider(self.db.conn)
        # A rebuild that is under way has passed over those entries: it is not to complete.
        self.db.run(f"DROP TABLE IF EXISTS {rebuild.BESIDE}checkpoints")
        for table in tables.metadata.tables:
            self.db.run(f"DELETE FROM {{{table}}}")
        for (name,) in self.db.tuples("SELECT name FROM {checkpoints}"):
            if name not in (*tables.KEPT, tables.SHAPE):
                self.db.run("DELETE FROM {checkpoints} WHERE name = :n", n=name)
        self.db.forget()
        self.db.folded = None
        self._catch_up()

    def forget(self) -> None:
        """Let go of the streams' versions: they are looked up again when needed."""
        self._versions.clear()


@contextmanager
def working(
    store: Store,
    office: str,
    now: datetime,
    folded: Folded | None = None,
    kept: Kept | None = None,
) -> Iterator[Work]:
    """Do one command's work; it is durable when the block ends.

    ``folded`` keeps directives and ``kept`` the force from one work to the next, as they were
    committed.
    """
    with uncollected(), store.writing() as tx:
        work = Work(tx, office, now, folded, kept)
        yield work
        work.db.settle()


def prepare(store: Store, *, rehearsal: bool) -> None:
    """Make the projections' tables, once; they catch up with the ledger by the next command."""
    with store.writing() as tx:
        tables.create(tx.conn)
        db = Database(tx.conn)
        db.mark("rehearsal", int(rehearsal))
        db.mark(tables.SHAPE, tables.shape())


def understands_more(db: Database) -> bool:
    """Tell whether entries wait that another Farman than this one did not understand."""
    return bool(links.not_understood(db.conn, 1)) and db.checkpoint("reader") != reader()


def reader() -> int:
    """Return a number that tells one Farman from another by what it understands."""
    names = "\n".join([metadata.version("farman"), *codec.names()])
    return int.from_bytes(sha256(names.encode()).digest()[:6], "big")


def _recorded_at(line: Line) -> Micros:
    return micros(datetime.fromisoformat(orjson.loads(line[4])["recorded_at"]))


def _told(fault: Exception) -> str:
    """Return a failure as a person may read it, in a length and letters that a table takes."""
    said = fault.reason if isinstance(fault, FarmanError) else repr(fault)
    return said[:500].replace("\0", "").encode(errors="replace").decode()


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
