"""One office's database: the ledger and the tables beside it, one writer at a time.

In: entries of streams and rows of tables, in one transaction. Out: entries by position or
by stream, and snapshots to ask. SQLAlchemy owns the connections; the recorder inserts on
the very connection of the transaction, so entries and rows commit together or not at all.
Safe: threads and processes may share a store; the writer's lock is taken before anything
is read that a decision rests on.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from threading import Lock, RLock, get_ident
from typing import Any, Protocol

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from domain.errors import Contended, Misused, Unavailable, Unknown
from ledger import tables

Row = tuple[str, int, str, bytes]
"""Stream, version, stored name, stored bytes: an entry before it has a position."""

Line = tuple[int, str, int, str, bytes]
"""Position, stream, version, stored name, stored bytes: an entry as the ledger holds it."""

Stages = Callable[[str], Sequence[str]]
"""Dialect -> what a new connection runs first: the temporary tables that its user needs."""

_SPARE_KIB = 16 * 1024
"""SQLite's page cache, and the most that one of its sorts keeps in memory."""
PATIENCE = 10.0
"""Seconds to wait for another writer before the store is called busy."""

NOT_UNDERSTOOD = (
    "The store's address is not understood: write sqlite:////path/farman.db or "
    "postgresql://user@host/database"
)
"""Without the address itself, which may hold a password."""


class Database(Protocol):
    """What each of the two databases does in its own way."""

    dialect: str
    """``sqlite`` or ``postgresql``."""
    place: str
    """How a sentence about it begins; without secrets."""
    shared: bool
    """One connection serves everybody, in turns."""
    errors: tuple[type[Exception], ...]
    """What its driver raises where SQLAlchemy has not wrapped it."""
    writer: Engine
    readers: Engine
    beside: Engine | None
    """For tables beside the ledger; None where one writer is all there can be."""

    def survey(self, conn: Connection) -> bool:
        """Learn what is there: true if the ledger's tables are. Comes before all others."""

    def create(self, conn: Connection) -> None:
        """Make the ledger's tables unless another process has just done so.

        Until the transaction ends no other process makes tables.
        """

    def lock(self, conn: Connection) -> None:
        """Take the writer lock."""

    def pin(self, conn: Connection) -> None:
        """Fix what the reader sees from now on."""

    def exclude_readers(self, conn: Connection) -> None:
        """Wait until nobody reads and let nobody begin, where tables are not in snapshots."""

    def append(self, conn: Connection, rows: Sequence[Row]) -> Sequence[int]:
        """Insert entries; return their positions, ascending."""

    def bulk_insert(
        self,
        conn: Connection,
        table: str,
        columns: Sequence[str],
        rows: Iterable[Sequence[object]],
        *,
        anew: bool = False,
    ) -> int:
        """Insert rows, ``anew``: instead of those there are; return how many."""

    def explain(self, error: BaseException) -> str | None:
        """Return the operator's sentence, or None when the store is not at fault."""


class Transaction:
    """Entries and rows that become durable together when the block of `writing` ends."""

    conn: Connection
    """The connection on which entries are appended; for the tables beside them."""

    def __init__(self, database: Database, conn: Connection, *, appends: bool = True) -> None:
        self.conn = conn
        self._database = database
        self._appends = appends
        self._spoilt: BaseException | None = None

    def append(self, rows: Sequence[Row]) -> Sequence[int]:
        """Append entries; return their positions, ascending, in the order of ``rows``.

        Raises:
            Contended: a (stream, version) is taken. Leave the block, or the `attempt`;
                nothing of it is kept.

        """
        if not self._appends:
            msg = "Entries are appended by who holds the writer lock"
            raise RuntimeError(msg)
        with self._all_or_nothing():
            return self._database.append(self.conn, rows) if rows else ()

    def bulk_insert(
        self,
        table: str,
        columns: Sequence[str],
        rows: Iterable[Sequence[object]],
        *,
        anew: bool = False,
    ) -> int:
        """Insert ``rows``, taken one by one as they come; return how many there were.

        ``anew``: instead of those that the table holds.
        Values are text, integers, floats, bytes, booleans or None: what both databases
        keep alike.
        """
        with self._all_or_nothing():
            return self._database.bulk_insert(self.conn, table, columns, rows, anew=anew)

    def exclude_readers(self) -> None:
        """Wait until nobody reads, and hold new readers up until the commit.

        To be called just before tables are dropped or renamed: on PostgreSQL a reader that
        began earlier would find the new table by its name, and none of its rows. Do not
        call it while this thread reads.
        """
        with self._all_or_nothing():
            self._database.exclude_readers(self.conn)

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """Undo what the block did if it raises, let the error rise, and go on unspoilt.

        What the caller keeps in memory of the block he must forget himself.
        """
        self.check()
        self.conn.exec_driver_sql("SAVEPOINT attempt")
        try:
            yield
            self.check()
        except Exception as error:
            if not self.at_fault(error):
                self.conn.exec_driver_sql("ROLLBACK TO SAVEPOINT attempt")
                self.conn.exec_driver_sql("RELEASE SAVEPOINT attempt")
                self._spoilt = None
            raise
        self.conn.exec_driver_sql("RELEASE SAVEPOINT attempt")

    def at_fault(self, error: Exception) -> bool:
        """Tell whether the store or the machine failed, so that nothing more can be tried here."""
        if isinstance(error, MemoryError | OSError):
            return True
        origin = error.orig if isinstance(error, DBAPIError) else error
        return self._database.explain(origin or error) is not None

    @contextmanager
    def spare(self) -> Iterator[None]:
        """Sort and read whole tables in little memory: a large page cache serves random keys."""
        if self._database.dialect != "sqlite":
            yield
            return
        ((usual,),) = self.conn.exec_driver_sql("PRAGMA cache_size").fetchall()
        self.conn.exec_driver_sql(f"PRAGMA cache_size = -{_SPARE_KIB}")
        yield
        self.conn.exec_driver_sql(f"PRAGMA cache_size = {usual}")

    def check(self) -> None:
        """Raise again what was raised earlier and caught: half a batch is never committed."""
        if self._spoilt is not None:
            raise self._spoilt

    @contextmanager
    def _all_or_nothing(self) -> Iterator[None]:
        self.check()
        try:
            yield
        except BaseException as error:
            self._spoilt = error
            raise


class Store:
    """One office's database: its ledger and its tables, one writer at a time."""

    dialect: str
    """``sqlite`` or ``postgresql``."""

    def __init__(self, database: Database, patience: float) -> None:
        self.dialect = database.dialect
        self._database = database
        self._patience = patience
        self._faults: tuple[type[Exception], ...] = (DBAPIError, *database.errors)
        self._writers = Lock()
        self._writing: int | None = None  # the thread that writes
        self._turns = RLock()  # of a shared connection
        self._open: Connection | None = None  # the shared connection, while it is read

    @classmethod
    def open(
        cls,
        url: str,
        *,
        create: bool = False,
        patience: float = PATIENCE,
        stages: Stages = lambda _: (),
    ) -> "Store":
        """Open ``sqlite:////path/farman.db``, ``sqlite:///:memory:`` or ``postgresql://…``.

        With ``create`` the ledger's tables are made if they are not there; several
        processes may do so at once. ``patience`` is in seconds. ``stages`` are made
        on every connection.

        Raises:
            Misused: ``url`` is none of these.
            Unknown: there is no store there.
            Unavailable: it can't be reached, is busy or damaged.

        """
        store = cls(_database(url, stages, create=create, patience=patience), patience)
        try:
            store._prepare(create=create)
        except BaseException:
            store.close()
            raise
        return store

    def _prepare(self, *, create: bool) -> None:
        database = self._database
        with self._spoken():
            with _begin(database.readers, _nothing) as conn:
                found = database.survey(conn)
                whole = found and tables.exist(conn)
            if not found and not create:
                raise Unknown(f"{database.place} holds no ledger; `farman init` makes one.")
            if not whole:  # a store of before there were links lacks their tables alone
                with _begin(database.writer, database.create) as conn:
                    tables.create(conn)
                    conn.commit()

    @contextmanager
    def writing(self) -> Iterator[Transaction]:
        """Hold the writer lock from before the block until it is committed.

        Commits when the block ends, rolls back when it raises.

        Raises:
            Unavailable: the store can't be reached, is busy, full or damaged.

        """
        with (
            self._spoken(),
            self._only_writer(),
            _begin(self._database.writer, self._database.lock) as conn,
        ):
            yield from self._to_the_end(Transaction(self._database, conn))

    @contextmanager
    def beside(self) -> Iterator[Transaction]:
        """Write tables beside the ledger and no entries; commits and rolls back as `writing` does.

        On PostgreSQL it waits for nobody who appends, only for who changes the same rows.

        Raises:
            Unavailable: the store can't be reached, is busy, full or damaged.

        """
        engine = self._database.beside
        if engine is None:
            with self.writing() as tx:
                yield tx
            return
        with self._spoken(), _begin(engine, _nothing) as conn:
            yield from self._to_the_end(Transaction(self._database, conn, appends=False))

    def _to_the_end(self, transaction: Transaction) -> Iterator[Transaction]:
        try:
            yield transaction
            transaction.check()
        except BaseException:
            with suppress(DBAPIError):  # the first error is the one to tell
                transaction.conn.rollback()
            raise
        self._commit(transaction.conn)

    def _commit(self, conn: Connection) -> None:
        try:
            conn.commit()
        except DBAPIError as error:
            if not error.connection_invalidated:
                raise
            raise Unavailable(
                f"{self._database.place} was lost amid the commit, so it may or may not have "
                "been kept: repeat the command, which changes nothing if it was."
            ) from error

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Give one consistent snapshot, as of now, that no writer holds up.

        A reader writes to stages only, and nothing of it is kept. A store in memory has one
        connection: its readers and its writer take turns.

        Raises:
            Unavailable: the store can't be reached, is busy or damaged.

        """
        database = self._database
        with self._spoken():
            if not database.shared:
                with _begin(database.readers, database.pin) as conn:
                    yield conn
                return
            self._not_within_writing()
            with self._turn():
                if self._open is not None:  # this thread reads already: the same snapshot
                    yield self._open
                    return
                with _begin(database.readers, database.pin) as conn:
                    self._open = conn
                    try:
                        yield conn
                    finally:
                        self._open = None

    def close(self) -> None:
        """Close every connection; the store is not used afterwards."""
        self._database.readers.dispose()
        self._database.writer.dispose()
        if self._database.beside is not None:
            self._database.beside.dispose()

    @contextmanager
    def _only_writer(self) -> Iterator[None]:
        self._not_within_writing()
        if not self._writers.acquire(timeout=self._patience):
            raise self._busy()
        try:
            with self._turn():
                if self._open is not None:
                    msg = "A store in memory cannot be written while this thread reads it"
                    raise RuntimeError(msg)
                self._writing = get_ident()
                try:
                    yield
                finally:
                    self._writing = None
        finally:
            self._writers.release()

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if not self._turns.acquire(timeout=self._patience):
            raise self._busy()
        try:
            yield
        finally:
            self._turns.release()

    def _not_within_writing(self) -> None:
        if self._writing == get_ident():
            msg = "This thread is already writing and would wait for itself"
            raise RuntimeError(msg)

    def _busy(self) -> Unavailable:
        return Unavailable(f"{self._database.place} {busy(self._patience)}")

    @contextmanager
    def _spoken(self) -> Iterator[None]:
        # The boundary: a fault of the store leaves it as one sentence for a person.
        try:
            yield
        except self._faults as error:
            origin = error.orig if isinstance(error, DBAPIError) else error
            sentence = self._database.explain(origin or error)
            if sentence is None:
                raise
            raise Unavailable(sentence) from error


def busy(patience: float) -> str:
    """Return how a sentence about a store that another writer holds goes on."""
    return (
        f"is busy: another writer has held it for more than {patience:g} s; "
        "try again when it has finished."
    )


def taken(stream: str, version: int | str) -> Contended:
    """Return the conflict of two writers in ``stream``."""
    return Contended(
        f"Entry {version} of the stream {stream} is taken, another writer was first: "
        "decide again on what is now true."
    )


def _database(url: str, stages: Stages, *, create: bool, patience: float) -> Database:
    # Each driver is imported when it is needed: psycopg is no part of a store on SQLite.
    if url.startswith("sqlite:///") and len(url) > len("sqlite:///"):
        from ledger.sqlite import SqliteDatabase  # noqa: PLC0415

        return SqliteDatabase(
            url.removeprefix("sqlite:///"),
            create=create,
            patience=patience,
            stages=stages("sqlite"),
        )
    if url.startswith(("postgresql://", "postgres://")):
        from ledger.postgres import PostgresDatabase  # noqa: PLC0415

        return PostgresDatabase(url, patience=patience, stages=stages("postgresql"))
    raise Misused(f"{NOT_UNDERSTOOD}.")


@contextmanager
def _begin(engine: Engine, first: Callable[[Connection], object]) -> Iterator[Connection]:
    """Connect, begin, do ``first``; on a fresh connection if the kept one had gone stale."""
    for retry in (True, False):
        conn = engine.connect()
        try:
            conn.begin()
            first(conn)
            break
        except BaseException as error:
            conn.close()
            stale = isinstance(error, DBAPIError) and error.connection_invalidated
            if not (stale and retry):
                raise
    with conn:
        yield conn


def _nothing(_: Connection) -> None: ...


_LINES = (
    "SELECT notification_id, originator_id, originator_version, topic, state FROM stored_events"
)


def head(conn: Connection) -> int:
    """Return the highest position, 0 when the ledger is empty."""
    ((highest,),) = fetch(conn, "SELECT max(notification_id) FROM stored_events")
    return highest or 0


def select_entries(
    conn: Connection, after: int, limit: int, upto: int | None = None
) -> list[Line]:
    """Return at most ``limit`` entries with after < position <= upto, oldest first."""
    if upto is None:
        query = f"{_LINES} WHERE notification_id > ? ORDER BY notification_id LIMIT ?"
        return fetch(conn, query, after, limit)
    query = (
        f"{_LINES} WHERE notification_id > ? AND notification_id <= ? "
        "ORDER BY notification_id LIMIT ?"
    )
    return fetch(conn, query, after, upto, limit)


def select_stream(conn: Connection, stream: str) -> list[Line]:
    """Return all entries of ``stream``, by version; none if there is no such stream."""
    query = f"{_LINES} WHERE originator_id = ? ORDER BY originator_version"
    return fetch(conn, query, stream)


def stream_heads(conn: Connection, streams: Sequence[str]) -> dict[str, int]:
    """Return the highest version of each of ``streams``, leaving out those without entries."""
    names: object
    if conn.dialect.name == "sqlite":
        asked, names = "SELECT value AS name FROM json_each(?)", json.dumps(list(streams))
    else:
        asked, names = "SELECT unnest(?::text[]) AS name", list(streams)
    # The highest version is one look at the key's index, however long the stream is.
    found = fetch(
        conn,
        "SELECT name, (SELECT max(originator_version) FROM stored_events "
        f"WHERE originator_id = name) FROM ({asked}) AS asked",
        names,
    )
    return {name: version for name, version in found if version is not None}


def fetch(conn: Connection, query: str, *params: object) -> list[Any]:
    """Return all rows of a query with ``?`` for its values, as plain tuples."""
    # The driver's own cursor, without SQLAlchemy's work on each row.
    if conn.dialect.name == "sqlite":
        cursor = conn.connection.cursor()
    else:
        cursor = conn.connection.cursor(binary=True)  # bytes as they are, not as hex digits
        query = query.replace("?", "%s")
    try:
        cursor.execute(query, params)
        return list(cursor.fetchall())
    finally:
        cursor.close()
