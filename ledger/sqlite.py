"""The ledger on SQLite: the library's process recorder with positions that stay.

The library's table numbers entries by SQLite's hidden rowid, which VACUUM may renumber.
Here the position is a column of its own, ``notification_id INTEGER PRIMARY KEY``: one
more than the highest, and entries are never deleted, so no position is used twice. Rows
go in by ``executemany``: who inserts holds SQLite's only writer lock from the first row
on, so the positions of a batch are consecutive.

Safe: one writer at a time, across processes; WAL, so readers and the writer never wait
for each other; an fsync at every commit (``synchronous=FULL``).
"""

import sqlite3
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, cast
from uuid import UUID

from eventsourcing.persistence import Notification, StoredEvent, Tracking
from eventsourcing.sqlite import SQLiteCursor, SQLiteDatastore, SQLiteProcessRecorder
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.pool import QueuePool, StaticPool

from domain.errors import Unavailable, Unknown
from ledger.store import Row, busy, taken

WRITER_CACHE_KIB = 48 * 1024
READER_CACHE_KIB = 8 * 1024
READERS = 4
"""Reading connections kept open; more are opened when needed and closed after use."""


class SqliteRecorder(SQLiteProcessRecorder):
    """Records entries and tracking; made by the library's factory or by `SqliteDatabase`."""

    def __init__(
        self, datastore: SQLiteDatastore, *, events_table_name: str = "stored_events"
    ) -> None:
        super().__init__(datastore, events_table_name=events_table_name)
        self.insert_events_statement = (
            f"INSERT INTO {events_table_name} "
            "(originator_id, originator_version, topic, state) VALUES (?, ?, ?, ?)"
        )

    def construct_create_table_statements(self) -> list[str]:
        _events, *others = super().construct_create_table_statements()
        ours = (
            f"CREATE TABLE IF NOT EXISTS {self.events_table_name} ("
            "notification_id INTEGER PRIMARY KEY, "
            "originator_id TEXT NOT NULL, "
            "originator_version INTEGER NOT NULL, "
            "topic TEXT NOT NULL, "
            "state BLOB NOT NULL, "
            "UNIQUE (originator_id, originator_version))"
        )
        return [ours, *others]

    def _create_table(self, c: SQLiteCursor) -> None:
        # Asked again inside the transaction: another process may just have made them.
        c.execute("SELECT 1 FROM sqlite_master WHERE name = 'tracking'")
        self.tracking_table_exists = c.fetchone() is not None
        if self.tracking_table_exists:
            self.tracking_migration_previous = self._max_tracking_id(
                self.table_migration_identifier, c
            )
        super()._create_table(c)

    def insert_rows(self, c: SQLiteCursor, rows: Iterable[Row]) -> range:
        """Insert ``rows`` in the cursor's transaction; return their positions, ascending."""
        c.executemany(self.insert_events_statement, rows)
        inserted = c.sqlite_cursor.rowcount
        c.execute("SELECT last_insert_rowid()")
        last: int = c.fetchone()[0]
        return range(last - inserted + 1, last + 1)

    def _insert_events(
        self, c: SQLiteCursor, stored_events: Sequence[StoredEvent], **kwargs: Any
    ) -> Sequence[int]:
        positions: Sequence[int] = ()
        if stored_events:
            positions = list(
                self.insert_rows(
                    c,
                    [
                        (_text(e.originator_id), e.originator_version, e.topic, e.state)
                        for e in stored_events
                    ],
                )
            )
        tracking: Tracking | None = kwargs.get("tracking")
        if tracking is not None:
            self._insert_tracking(c, tracking)
        return positions

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[Notification]:
        """Return entries by position, oldest first.

        The library's own query names the position ``rowid``; SQLite answers with the
        name of the column that stands for it, so the row must be read by that name.
        """
        wheres, params = [], list[int | str]()
        if start is not None:
            wheres.append(
                "notification_id >= ?" if inclusive_of_start else "notification_id > ?"
            )
            params.append(start)
        if stop is not None:
            wheres.append("notification_id <= ?")
            params.append(stop)
        if topics:
            wheres.append(f"topic IN ({', '.join('?' * len(topics))})")
            params.extend(topics)
        where = f"WHERE {' AND '.join(wheres)} " if wheres else ""
        with self.datastore.transaction(commit=False) as c:
            c.execute(
                "SELECT notification_id, originator_id, originator_version, topic, state "
                f"FROM {self.events_table_name} {where}ORDER BY notification_id LIMIT ?",
                (*params, limit),
            )
            return [
                Notification(
                    id=row["notification_id"],
                    originator_id=self.convert_originator_id(row["originator_id"]),
                    originator_version=row["originator_version"],
                    topic=row["topic"],
                    state=row["state"],
                )
                for row in c.fetchall()
            ]


def _text(originator_id: UUID | str) -> str:
    return originator_id.hex if isinstance(originator_id, UUID) else originator_id


class SqliteDatabase:
    """What the store must know of SQLite and of nothing else."""

    dialect = "sqlite"
    errors: tuple[type[Exception], ...] = (sqlite3.Error,)

    def __init__(
        self, path: str, *, create: bool, patience: float, stages: Sequence[str] = ()
    ) -> None:
        self._stages = stages
        self.shared = path == ":memory:"
        """One connection for everybody: the writer and each reader take turns."""
        self._path = path if self.shared else str(Path(path).absolute())
        self._patience = patience
        self.place = "The store in memory" if self.shared else f"The store {self._path}"
        if not (self.shared or create or Path(self._path).exists()):
            raise Unknown(f"There is no store at {self._path}; `farman init` makes one.")
        self._mode = "rwc" if create else "rw"
        self._recorder = SqliteRecorder(
            SQLiteDatastore(":memory:", originator_id_type="text")  # never opened: see append
        )
        self.beside: Engine | None = None
        self.writer = self._engine(WRITER_CACHE_KIB, "BEGIN IMMEDIATE")
        self.readers = self.writer if self.shared else self._engine(READER_CACHE_KIB, "BEGIN")

    def _engine(self, cache_kib: int, begin: str) -> Engine:
        reads_only = begin == "BEGIN"

        def connect() -> sqlite3.Connection:
            name = (
                self._path if self.shared else f"{Path(self._path).as_uri()}?mode={self._mode}"
            )
            raw = sqlite3.connect(
                name,
                uri=not self.shared,
                timeout=self._patience,
                isolation_level=None,  # the module begins nothing by itself: see `_begin`
                check_same_thread=False,
            )
            try:
                self._set_wal(raw)
                for pragma in (
                    "synchronous = FULL",
                    f"cache_size = -{cache_kib}",
                    "temp_store = FILE",
                    "mmap_size = 0",
                    # A page that many transactions write goes back into the file once.
                    "wal_autocheckpoint = 16384",
                    f"journal_size_limit = {64 * 1024 * 1024}",
                    "trusted_schema = OFF",
                ):
                    raw.execute(f"PRAGMA {pragma}")
                for stage in self._stages:
                    raw.execute(stage)
            except BaseException:
                raw.close()
                raise
            return raw

        def _begin(conn: Connection) -> None:
            conn.exec_driver_sql(begin)

        if self.shared:
            engine = create_engine("sqlite+pysqlite://", creator=connect, poolclass=StaticPool)
        else:
            engine = create_engine(
                "sqlite+pysqlite://",
                creator=connect,
                poolclass=QueuePool,
                pool_size=READERS if reads_only else 1,
                max_overflow=-1 if reads_only else 0,
                pool_timeout=self._patience,
            )
        event.listen(engine, "begin", _begin)
        return engine

    def _set_wal(self, raw: sqlite3.Connection) -> None:
        # When two processes switch a new file at once, one is told "locked" without
        # any waiting: so it asks again.
        give_up = time.monotonic() + self._patience
        while True:
            try:
                (mode,) = raw.execute("PRAGMA journal_mode = WAL").fetchone()
            except sqlite3.OperationalError as error:
                if _primary(error) != sqlite3.SQLITE_BUSY or time.monotonic() > give_up:
                    raise
                time.sleep(0.02)
            else:
                break
        if mode not in ("wal", "memory"):
            raise Unavailable(
                f"{self.place} cannot keep a write-ahead log where it lies: "
                "move it to a disk of this machine."
            )

    def lock(self, conn: Connection) -> None:
        """Do nothing: ``BEGIN IMMEDIATE`` has taken the writer lock."""

    def pin(self, conn: Connection) -> None:
        """Fix the snapshot that the reader sees from now on."""
        conn.exec_driver_sql("SELECT 1 FROM sqlite_master LIMIT 1").close()

    def exclude_readers(self, conn: Connection) -> None:
        """Do nothing: a snapshot of SQLite holds the tables too, by their old names."""

    def survey(self, conn: Connection) -> bool:
        self._mode = "rw"  # it is there by now; should it vanish, no empty one takes its place
        found = conn.exec_driver_sql(
            "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'stored_events'"
        )
        return found.first() is not None

    def create(self, conn: Connection) -> None:
        self._recorder._create_table(self._cursor(conn))  # noqa: SLF001 - in our transaction

    def append(self, conn: Connection, rows: Sequence[Row]) -> Sequence[int]:
        cursor = self._cursor(conn)
        before = cursor.sqlite_cursor.connection.total_changes
        try:
            return self._recorder.insert_rows(cursor, rows)
        except sqlite3.IntegrityError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_CONSTRAINT_UNIQUE:
                raise
            stream, version, *_ = rows[cursor.sqlite_cursor.connection.total_changes - before]
            raise taken(stream, version) from error

    def bulk_insert(
        self,
        conn: Connection,
        table: str,
        columns: Sequence[str],
        rows: Iterable[Sequence[object]],
        *,
        anew: bool = False,
    ) -> int:
        quote = conn.dialect.identifier_preparer.quote_identifier
        names = ", ".join(map(quote, columns))
        marks = ", ".join("?" * len(columns))
        cursor = self._cursor(conn).sqlite_cursor
        if anew:
            cursor.execute(f"DELETE FROM {quote(table)}")
        cursor.executemany(
            f"INSERT INTO {quote(table)} ({names}) VALUES ({marks})",
            cast("Iterable[tuple[str | int | float | bytes | None, ...]]", rows),
        )
        return max(cursor.rowcount, 0)

    def explain(self, error: BaseException) -> str | None:
        """Return the operator's sentence, or None when the error is no fault of the store."""
        code = _primary(error) if isinstance(error, sqlite3.Error) else None
        if code is None:
            return None
        reasons = {
            sqlite3.SQLITE_BUSY: busy(self._patience),
            sqlite3.SQLITE_FULL: (
                "cannot grow, the disk is full: nothing was written; "
                "make room and repeat the command."
            ),
            sqlite3.SQLITE_CANTOPEN: (
                "cannot be opened: check that its folder exists and may be read and written."
            ),
            sqlite3.SQLITE_READONLY: (
                "may not be written: check the rights on the file and its folder."
            ),
            sqlite3.SQLITE_PERM: "may not be opened: check the rights on the file.",
            sqlite3.SQLITE_IOERR: (
                f"cannot be read or written ({error}): check the disk, then repeat the command."
            ),
            sqlite3.SQLITE_PROTOCOL: "is busy: its lock could not be had; try again.",
            sqlite3.SQLITE_CORRUPT: (
                f"is damaged ({error}): stop using it, keep a copy, and restore a backup."
            ),
            sqlite3.SQLITE_NOTADB: (
                "is damaged or no store at all: stop using it, keep a copy, "
                "and restore a backup."
            ),
        }
        reasons[sqlite3.SQLITE_LOCKED] = reasons[sqlite3.SQLITE_BUSY]
        reason = reasons.get(code)
        return reason and f"{self.place} {reason}"

    def _cursor(self, conn: Connection) -> SQLiteCursor:
        raw = cast(sqlite3.Connection, conn.connection.driver_connection)
        cursor = raw.cursor()
        cursor.row_factory = sqlite3.Row  # what the recorder reads by name
        return SQLiteCursor(cursor)


def _primary(error: sqlite3.Error) -> int | None:
    # Misuse of the module has no code.
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF
