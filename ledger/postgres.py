"""The ledger on PostgreSQL: the library's process recorder, inserting by COPY.

Safe: whoever appends first takes the EXCLUSIVE lock on the table of entries and keeps it
until the commit, so positions become visible in their order and a reader that follows the
tail misses none; readers are not held up. Positions come from a sequence under that lock:
consecutive within a batch, with gaps after a rollback, never used twice. The library's
database functions insert without the lock, and a reader was seen to skip entries: they
are refused here.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain, islice
from typing import Any, LiteralString, NamedTuple, cast

import psycopg
from eventsourcing.persistence import ProgrammingError, StoredEvent
from eventsourcing.postgres import PostgresDatastore, PostgresProcessRecorder
from psycopg import Cursor, IsolationLevel
from psycopg.conninfo import make_conninfo
from psycopg.rows import DictRow, dict_row
from psycopg.sql import SQL, Composed, Identifier, Literal
from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError

from domain.errors import Misused, Unavailable
from ledger.store import NOT_UNDERSTOOD, Row, busy, taken

COPY_FROM = 64
"""Rows from which COPY beats one INSERT of arrays."""

_CREATING = 0x4641524D
"""Advisory lock: one at a time makes tables, or PostgreSQL says "tuple concurrently updated"."""


class PostgresRecorder(PostgresProcessRecorder):
    """Records entries and tracking; made by the library's factory or by `PostgresDatabase`."""

    def __init__(
        self,
        datastore: PostgresDatastore,
        *,
        events_table_name: str = "stored_events",
        tracking_table_name: str = "notification_tracking",
    ) -> None:
        if datastore.enable_db_functions:
            msg = "Leave POSTGRES_ENABLE_DB_FUNCTIONS off: they insert without the table's lock"
            raise ProgrammingError(msg)
        super().__init__(
            datastore,
            events_table_name=events_table_name,
            tracking_table_name=tracking_table_name,
        )
        id_type = datastore.originator_id_type
        self._copied_types = (id_type, "int8", "text", "bytea")
        names = {
            "table": Identifier(datastore.schema, events_table_name),
            "id_type": SQL("uuid" if id_type == "uuid" else "text"),
            # Compared by bytes: a new collation library cannot spoil the key's index.
            "id_column": SQL("uuid" if id_type == "uuid" else 'text COLLATE "C"'),
            "name": Literal(Identifier(datastore.schema, events_table_name).as_string()),
        }
        _table, _type, index, _function, tracking = self.sql_create_statements
        self.sql_create_statements = [
            SQL(
                "CREATE TABLE IF NOT EXISTS {table} ("
                "originator_id {id_column} NOT NULL, "
                "originator_version bigint NOT NULL, "
                "topic text NOT NULL, "
                "state bytea NOT NULL, "
                "notification_id bigserial, "
                "PRIMARY KEY (originator_id, originator_version)) "
                "WITH (autovacuum_analyze_threshold = 1000, autovacuum_analyze_scale_factor = 0.01)"
            ).format(**names),
            index,
            tracking,
        ]
        self._exists_statement = SQL("SELECT to_regclass({}) IS NOT NULL AS found").format(
            Literal(Identifier(datastore.schema, tracking_table_name).as_string())
        )
        self.insert_events_statement = SQL(
            "INSERT INTO {table} (originator_id, originator_version, topic, state) "
            "SELECT * FROM unnest(%s::{id_type}[], %s::bigint[], %s::text[], %b::bytea[]) "
            "RETURNING notification_id"
        ).format(**names)
        self._copy_statement = SQL(
            "COPY {table} (originator_id, originator_version, topic, state) "
            "FROM STDIN (FORMAT BINARY)"
        ).format(**names)
        self._copied_statement = SQL(
            "SELECT currval(pg_get_serial_sequence({name}, 'notification_id')) AS last, "
            "(SELECT notification_id FROM {table} "
            "WHERE originator_id = %s AND originator_version = %s) AS first"
        ).format(**names)

    def _create_table(self, curs: Cursor[DictRow]) -> None:
        curs.execute("SELECT pg_advisory_xact_lock(%s)", (_CREATING,))
        # Asked again under the lock: another process may just have made them.
        found = curs.execute(self._exists_statement).fetchone()
        self.tracking_table_exists = found is not None and found["found"]
        if self.tracking_table_exists:
            self.tracking_migration_previous = self._max_tracking_id(
                self.table_migration_identifier, curs
            )
        super()._create_table(curs)

    def insert_rows(self, curs: Cursor[DictRow], rows: Sequence[Row]) -> Sequence[int]:
        """Insert ``rows`` and wake listeners when the cursor's transaction commits.

        The transaction must hold the table's lock. Returns the positions, ascending.
        """
        self._notify_channel(curs)
        if len(rows) < COPY_FROM:
            curs.execute(self.insert_events_statement, _columns(rows))
            return [row["notification_id"] for row in curs.fetchall()]
        with curs.copy(self._copy_statement) as copy:
            copy.set_types(self._copied_types)
            write = copy.write_row
            for row in rows:
                write(row)
        # COPY draws a position for each row, in their order: ours are all of first to last,
        # if nobody drew from the sequence meanwhile, which the lock sees to.
        copied = curs.execute(self._copied_statement, rows[0][:2]).fetchone()
        assert copied is not None  # noqa: S101 - a SELECT without FROM has one row
        positions = range(copied["first"], copied["last"] + 1)
        if len(positions) != len(rows):
            msg = "Positions were drawn from the sequence without the table's lock"
            raise ProgrammingError(msg)
        return positions

    def insert_events(
        self, stored_events: Sequence[StoredEvent], **kwargs: Any
    ) -> Sequence[int] | None:
        if len(stored_events) < COPY_FROM:
            positions: Sequence[int] | None = super().insert_events(stored_events, **kwargs)
            return positions
        with self.datastore.transaction(commit=True) as curs:  # COPY is not for pipelines
            self._insert_events(curs, stored_events, **kwargs)  # the tracking
            self._lock_table(curs)
            return list(self.insert_rows(curs, _rows(stored_events)))

    def _insert_stored_events(
        self, curs: Cursor[DictRow], stored_events: Sequence[StoredEvent], **_: Any
    ) -> None:
        self._lock_table(curs)
        self._notify_channel(curs)
        curs.execute(self.insert_events_statement, _columns(_rows(stored_events)))


def _rows(stored_events: Sequence[StoredEvent]) -> list[Row]:
    return [
        (cast(str, e.originator_id), e.originator_version, e.topic, e.state)
        for e in stored_events
    ]


def _columns(rows: Sequence[Sequence[object]]) -> tuple[list[object], ...]:
    return tuple(list(column) for column in zip(*rows, strict=True))


class _Form(NamedTuple):
    """What a table's columns are."""

    types: Mapping[str, int]
    """Object ids, by column."""
    names: Mapping[str, LiteralString]
    """Of the types, by column."""
    keyed: bool
    """Whether no two rows may be alike in some column."""
    inserts: dict[tuple[bool, str], bytes]
    """What `insert` has composed: to compose it takes as long as to run it."""

    def insert(self, table: str, columns: Sequence[str], *, anew: bool) -> bytes:
        """Return the statement that inserts rows given as an array for each column."""
        key = anew, ",".join(columns)
        if key not in self.inserts:
            self.inserts[key] = self._insert(table, columns, anew=anew).as_bytes()
        return self.inserts[key]

    def _insert(self, table: str, columns: Sequence[str], *, anew: bool) -> Composed:
        arrays = (
            SQL("{}::{}[]").format(SQL("%b" if kind == "bytea" else "%s"), SQL(kind))
            for kind in (self.names[column] for column in columns)
        )
        emptied = SQL("WITH emptied AS (DELETE FROM {}) ").format(Identifier(table))
        return SQL("{}INSERT INTO {} ({}) SELECT * FROM unnest({})").format(
            emptied if anew else SQL(""),
            Identifier(table),
            SQL(", ").join(map(Identifier, columns)),
            SQL(", ").join(arrays),
        )


READERS = 4
"""Reading connections kept open; more are opened when needed and closed after use."""


class _Borrowed(PostgresDatastore):
    """No connections of its own: the recorder only lends its statements to our transaction."""

    def __init__(self, schema: str) -> None:
        super().__init__("", "", "", "", "", schema=schema, originator_id_type="text")

    def register_type_adapters(self) -> None:
        """Fetch nothing: rows travel as arrays and by COPY, not as composite values."""


class PostgresDatabase:
    """What the store must know of PostgreSQL and of nothing else."""

    dialect = "postgresql"
    shared = False
    errors: tuple[type[Exception], ...] = (psycopg.Error,)

    def __init__(self, address: str, *, patience: float, stages: Sequence[str] = ()) -> None:
        self._stages = stages
        try:
            url = make_url(address).set(drivername="postgresql+psycopg")
        except (ArgumentError, ValueError):  # either may quote the password
            raise Misused(f"{NOT_UNDERSTOOD}.") from None
        self._url = url
        self._patience = patience
        self._forms: dict[str, _Form] = {}
        self.place = (
            f"The store in PostgreSQL (database {url.database or url.username}, "
            f"server {url.host or 'on this machine'}{f':{url.port}' if url.port else ''})"
        )
        try:
            make_conninfo(**dict.fromkeys(url.query, "1"))
        except psycopg.ProgrammingError as error:  # it names the option
            raise Misused(f"{NOT_UNDERSTOOD} ({_first_line(error)}).") from error
        self.writer = self._engine(1, 0)
        self.readers = self._engine(READERS, -1, reads_only=True)
        self.beside: Engine | None = self._engine(1, -1)

    def _engine(self, kept: int, more: int, *, reads_only: bool = False) -> Engine:
        ours = {
            "application_name": "farman",
            "client_encoding": "utf8",
            "connect_timeout": max(2, round(self._patience)),
        }
        engine = create_engine(
            self._url,
            connect_args={k: v for k, v in ours.items() if k not in self._url.query},
            pool_size=kept,
            max_overflow=more,
            use_native_hstore=False,  # or a first connection asks for its type
        )

        def connected(raw: psycopg.Connection[Any], _: object) -> None:
            raw.autocommit = True
            raw.execute(
                "SELECT set_config('TimeZone', 'UTC', false), "
                "set_config('lock_timeout', %s, false), "
                # Who is told "done" may rely on it, whatever the server's default is.
                "set_config('synchronous_commit', CASE current_setting('synchronous_commit') "
                "WHEN 'off' THEN 'on' ELSE current_setting('synchronous_commit') END, false)",
                (f"{round(self._patience * 1000)}ms",),
            )
            for stage in self._stages:
                raw.execute(stage)
            # A plan that is kept from when a table was small must do when it has grown: by the
            # index. And most questions are over before the server had helpers started.
            raw.execute("SET enable_seqscan = off; SET max_parallel_workers_per_gather = 0")
            raw.autocommit = False
            if reads_only:
                raw.read_only = True
                raw.isolation_level = IsolationLevel.REPEATABLE_READ

        event.listen(engine, "connect", connected)
        return engine

    def survey(self, conn: Connection) -> bool:
        schema, encoding, found = conn.exec_driver_sql(
            "SELECT current_schema(), current_setting('server_encoding'), "
            "to_regclass(quote_ident(current_schema()) || '.stored_events') IS NOT NULL"
        ).one()
        if schema is None:
            raise Unavailable(f"{self.place} has no schema on its search_path: create one.")
        if encoding != "UTF8":
            raise Unavailable(
                f"{self.place} keeps text as {encoding}: make a database with ENCODING 'UTF8'."
            )
        self._recorder = PostgresRecorder(_Borrowed(schema))
        *_, lock = self._recorder.lock_table_statements
        self._lock_statement = cast("Composed", lock).as_string()
        gate = Identifier(schema, self._recorder.tracking_table_name)
        self._gate = SQL("LOCK TABLE {}").format(gate).as_string()
        return bool(found)

    def create(self, conn: Connection) -> None:
        self._recorder._create_table(self._cursor(conn))  # noqa: SLF001 - in our transaction

    def lock(self, conn: Connection) -> None:
        """Take the writer lock: nobody else appends until this transaction ends."""
        conn.exec_driver_sql(self._lock_statement)

    def pin(self, conn: Connection) -> None:
        """Fix what the reader sees from now on; first wait for tables that are being swapped."""
        conn.exec_driver_sql(f"{self._gate} IN ACCESS SHARE MODE; SELECT 1").close()

    def exclude_readers(self, conn: Connection) -> None:
        conn.exec_driver_sql(f"{self._gate} IN ACCESS EXCLUSIVE MODE")

    def append(self, conn: Connection, rows: Sequence[Row]) -> Sequence[int]:
        try:
            return self._recorder.insert_rows(self._cursor(conn), rows)
        except psycopg.errors.UniqueViolation as error:
            key = re.search(r"=\((.*), (\d+)\)", error.diag.message_detail or "")
            if error.diag.table_name != "stored_events" or key is None:
                raise
            raise taken(*key.groups()) from error

    def bulk_insert(
        self,
        conn: Connection,
        table: str,
        columns: Sequence[str],
        rows: Iterable[Sequence[object]],
        *,
        anew: bool = False,
    ) -> int:
        cursor = self._cursor(conn)
        form = self._form(cursor, table)
        given = iter(rows)
        few = list(islice(given, COPY_FROM))
        at_once = len(few) < COPY_FROM
        try:
            # One statement sees the rows that it deletes: a key of theirs it could not insert.
            if anew and not (at_once and few and not form.keyed):
                cursor.execute(SQL("DELETE FROM {}").format(Identifier(table)))
                anew = False
            if at_once:
                if few:
                    insert = form.insert(table, columns, anew=anew)
                    cursor.execute(insert, _columns(few))
                return len(few)
            statement = SQL("COPY {} ({}) FROM STDIN (FORMAT BINARY)").format(
                Identifier(table), SQL(", ").join(map(Identifier, columns))
            )
            count = 0
            with cursor.copy(statement) as copy:
                copy.set_types([form.types[column] for column in columns])
                write = copy.write_row
                for count, row in enumerate(chain(few, given), start=1):  # noqa: B007 - returned
                    write(row)
        except psycopg.Error:
            self._forms.clear()  # the table may have been made anew, of another form
            raise
        return count

    def _form(self, cursor: Cursor[DictRow], table: str) -> "_Form":
        """Return a table's form, asked once: of one name, tables are of one form."""
        form = self._forms.get(table)
        if form is None:
            found = cursor.execute(
                "SELECT attname, atttypid, format_type(atttypid, NULL) AS kind, EXISTS "
                "(SELECT FROM pg_index WHERE indrelid = attrelid AND indisunique) AS keyed "
                "FROM pg_attribute WHERE attrelid = to_regclass(quote_ident(%s)) "
                "AND attnum > 0 AND NOT attisdropped",
                (table,),
            ).fetchall()
            form = self._forms[table] = _Form(
                {row["attname"]: row["atttypid"] for row in found},
                {row["attname"]: row["kind"] for row in found},
                any(row["keyed"] for row in found),
                {},
            )
        return form

    def explain(self, error: BaseException) -> str | None:
        """Return the operator's sentence, or None when the error is no fault of the store."""
        if not isinstance(error, psycopg.Error):
            return None
        state = error.sqlstate
        if state is None:
            if isinstance(error, psycopg.OperationalError):
                return (
                    f"{self.place} cannot be reached ({_first_line(error)}): check the address, "
                    "the login and that the server runs, then repeat the command."
                )
            return None
        reasons = {
            "08": "cannot be reached: check the server and the network, then try again.",
            "28": "refuses the login: check the user, the password and the server's pg_hba.conf.",
            "3D000": "does not exist on the server: create the database, then repeat the command.",
            "53100": "cannot grow, the disk is full: nothing was written; make room and repeat the command.",
            "53": "has no room for another connection or no memory: try again later.",
            "55P03": busy(self._patience),
            "57014": "was stopped by the server's time limit: try again.",
            "57": "is stopping or starting: try again in a moment.",
            "40P01": "is busy: two writers waited for each other; try again.",
            "40001": "is busy: another writer was first; try again.",
            "25006": "takes no writing, it is a standby: use the primary server's address.",
            "42501": f"withholds a right: grant it to the user ({_first_line(error)}).",
            "58": f"reports a fault of the system ({_first_line(error)}): check its disk and log.",
            "XX001": f"is damaged ({_first_line(error)}): stop using it and restore a backup.",
            "XX002": f"has a damaged index ({_first_line(error)}): REINDEX it, then check the ledger.",
        }
        reason = reasons.get(state) or reasons.get(state[:2])
        return reason and f"{self.place} {reason}"

    def _cursor(self, conn: Connection) -> Cursor[DictRow]:
        raw = cast("psycopg.Connection[Any]", conn.connection.driver_connection)
        return raw.cursor(row_factory=dict_row)


def _first_line(error: psycopg.Error) -> str:
    text = error.diag.message_primary or str(error).partition("\n")[0]
    return text.strip().rstrip(".")
