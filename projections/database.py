"""Where projections are written and read: a connection, its dialect, and what it knows.

Out: statements run on both databases; table names stand in braces, so that a rebuild can
write beside the live tables.
"""

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from itertools import count
from typing import Any, Protocol

import orjson
from sqlalchemy import TextClause, text
from sqlalchemy.engine import Connection, CursorResult

from domain.deadline import Shorter
from domain.directive import DIRECTIVE, Directive, stream
from domain.fact import Micros, UnitId
from ledger.codec import decode
from ledger.links import waiting
from ledger.store import select_stream, stream_heads
from projections.tables import metadata

NAMES = (*metadata.tables, "checkpoints", "raw_standing", "raw_answers")

STAGED = 50_000
"""Rows deleted from a stage before it is made anew."""

ONE_LOOK = "LIMIT 1 OFFSET 0"
"""Ends a subquery that is to be asked for each row, by an index.

PostgreSQL, before it has counted a table's rows, may read all of them for a few.
"""
_LINES = 10_000
"""Lines of text sent at once."""
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
_streams = count()


@cache
def _statement(sql: str, prefix: str) -> TextClause:
    return text(sql.format_map({name: prefix + name for name in NAMES}))


Folded = dict[str, tuple[int, int, Directive]]
"""By directive: the version of its stream and the position of its last entry, and what it folds to."""
Kept = dict[tuple[str, int, int], Any]


class Bulk(Protocol):
    """Puts many rows into a table at once."""

    def __call__(
        self,
        table: str,
        columns: Sequence[str],
        rows: Iterable[Sequence[object]],
        /,
        *,
        anew: bool = False,
    ) -> int: ...


@dataclass
class Database:
    """One connection's view of the projections."""

    conn: Connection
    bulk: Bulk | None = None
    """None for a reader."""
    prefix: str = ""
    """Before every table's name: a rebuild writes beside the live tables."""
    staged: bool = False
    """A rebuild: what is counted is counted once, at the end."""
    directives: dict[str, Directive] = field(default_factory=dict)
    """Directives as folded so far in this transaction."""
    upto: int | None = None
    """While a page is applied: the entry it has come to. What the ledger holds beyond is not yet."""
    standing: dict[tuple[str, str], Any] = field(default_factory=dict)
    """Rows of `standing` as read in this transaction and not written since."""
    shorter: dict[str, dict[UnitId, list[Shorter]]] = field(default_factory=dict)
    """Deadlines shortened on the way down, by directive, as read in this transaction."""
    kept: Kept | None = None
    """What is kept of the force, as it was committed; a writer who changes it keeps his own."""
    folded: Folded | None = None
    """Directives as they were committed."""
    checkpoints: dict[str, int] | None = None
    """All checkpoints, as they were found and have been marked since."""
    marked: dict[str, int] | None = None
    """Checkpoints that `settle` has yet to write; None: each is written when it is marked."""

    def __post_init__(self) -> None:
        self.dialect = self.conn.dialect.name

    def run(self, sql: str, **params: object) -> CursorResult[*tuple[Any, ...]]:
        """Run one statement."""
        return self.conn.execute(_statement(sql, self.prefix), params)

    def tuples(self, sql: str, **params: object) -> list[tuple[Any, ...]]:
        """Run one statement and return the driver's own rows: a page of thousands at once."""
        result = self.conn.execute(_statement(sql, self.prefix), params)
        if result.cursor is None:
            return []
        rows: list[tuple[Any, ...]] = list(result.cursor.fetchall())
        result.close()
        return rows

    @property
    def names(self) -> str:
        """A SELECT of ``name`` from what comes as one value, ``:names``: see `listed`."""
        if self.dialect == "sqlite":
            return "SELECT value AS name FROM json_each(:names)"
        return 'SELECT json_array_elements_text(CAST(:names AS JSON)) COLLATE "C" AS name'

    def looked_up(self, table: str, same: str) -> str:
        """Join a table to what stands before it, row by row by its index, however large it is.

        ``same`` is all that must hold of a row. PostgreSQL knows nothing of a stage's size, and
        may read all of a table for a few keys.
        """
        if self.dialect == "sqlite":
            return f"CROSS JOIN {table} WHERE {same}"
        name = table.rpartition(" ")[2]
        return (
            f"CROSS JOIN LATERAL (SELECT {name}.ctid, {name}.* FROM {table} WHERE {same} OFFSET 0)"
            f" {name}"
        )

    def change(
        self, table: str, stage: str, key: Sequence[str], columns: Sequence[str]
    ) -> None:
        """Write a stage's columns into the rows that have its keys and differ."""
        values = ", ".join(f"{column} = n.{column}" for column in columns)
        update = f"UPDATE {{{table}}} SET {values} FROM"
        if self.dialect == "sqlite":
            mine = "{" + table + "}"
            self.run(
                f"{update} {stage} n WHERE {alike(key, mine, 'n')}"
                f" AND NOT ({alike(columns, mine, 'n', 'IS')})"
            )
            return
        # The rows' places stay as they are: nobody else writes.
        same = "IS NOT DISTINCT FROM"
        differ = f"{alike(key, 't', 'k')} AND NOT ({alike(columns, 't', 'k', same)})"
        place = self.looked_up(f"{{{table}}} t", differ)
        found = f"SELECT k.*, t.ctid AS place FROM {stage} k {place}"
        self.run(f"{update} ({found}) n WHERE {{{table}}}.ctid = n.place")

    def remove(self, table: str, stage: str, key: Sequence[str], also: str = "") -> None:
        """Delete the rows that have a stage's keys, if something holds of them besides."""
        if self.dialect == "sqlite":
            names = named(key)
            self.run(
                f"DELETE FROM {{{table}}} WHERE ({names}) IN (SELECT {names} FROM {stage}){also}"
            )
            return
        place = self.looked_up(f"{{{table}}} t", alike(key, "t", "k") + also)
        found = f"SELECT t.ctid FROM {stage} k {place}"
        self.run(f"DELETE FROM {{{table}}} WHERE ctid = ANY (ARRAY({found}))")

    @contextmanager
    def whole(self) -> Iterator[None]:
        """Tell PostgreSQL that what the block asks reads whole tables, as they are now.

        With statistics that lag behind a page just written, or a plan kept from before, it would
        look up half a million rows one by one: minutes instead of a second.
        """
        settings = {
            "enable_nestloop": ("off", "on"),
            "enable_seqscan": ("on", "off"),
            "max_parallel_workers_per_gather": ("2", "0"),
            "plan_cache_mode": ("force_custom_plan", "auto"),
        }

        def put(which: int) -> None:
            if self.dialect != "sqlite":
                each = (
                    f"SET LOCAL {name} = {values[which]}" for name, values in settings.items()
                )
                self.conn.exec_driver_sql("; ".join(each))

        put(0)
        yield
        put(1)

    def stream(self, sql: str) -> Generator[tuple[Any, ...], None, None]:
        """Yield the driver's own rows of a statement without values, never all at once."""
        query = sql.format_map({name: self.prefix + name for name in NAMES})
        raw: Any = self.conn.connection.dbapi_connection
        if self.dialect == "sqlite":
            yield from raw.cursor().execute(query)
            return
        with raw.cursor(name=f"stream_{next(_streams)}") as cursor:  # on the server
            cursor.itersize = 10_000
            cursor.execute(query)
            yield from cursor

    def each(self, sql: str, rows: Sequence[Mapping[str, object]]) -> None:
        """Run one statement for each row of values."""
        if rows:
            self.conn.execute(_statement(sql, self.prefix), rows)

    def put(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> int:
        """Insert many rows into a projection table."""
        return self._bulk(self.prefix + table, columns, rows)

    def copy(self, table: str, columns: Sequence[str], lines: Sequence[str]) -> None:
        """Insert rows that are lines of text already (`copied`): PostgreSQL alone reads such."""
        raw: Any = self.conn.connection.dbapi_connection
        statement = f"COPY {self.prefix}{table} ({named(columns)}) FROM STDIN"
        with raw.cursor() as cursor, cursor.copy(statement) as stream:
            for n in range(0, len(lines), _LINES):
                stream.write("\n".join([*lines[n : n + _LINES], ""]))

    def stage(
        self, table: str, columns: Sequence[str], rows: Iterable[Sequence[object]]
    ) -> int:
        """Lay rows into an emptied stage."""
        deleted: dict[str, int] = self.conn.info.setdefault("staged", {})
        # No vacuum comes to a temporary table: what is deleted there is read over ever after.
        if self.dialect != "sqlite" and self.bulk and deleted.get(table, 0) > STAGED:
            self.conn.exec_driver_sql(f"TRUNCATE {table}")
            deleted[table] = 0
        count = self._bulk(table, columns, rows, anew=True)
        deleted[table] = deleted.get(table, 0) + count
        return count

    def _bulk(
        self,
        table: str,
        columns: Sequence[str],
        rows: Iterable[Sequence[object]],
        *,
        anew: bool = False,
    ) -> int:
        if self.bulk is None:
            if anew:
                self.conn.exec_driver_sql(f"DELETE FROM {table}")
            make = ", ".join(f":{column}" for column in columns)
            names = ", ".join(columns)
            values = [dict(zip(columns, row, strict=True)) for row in rows]
            if values:
                self.conn.execute(
                    text(f"INSERT INTO {table} ({names}) VALUES ({make})"), values
                )
            return len(values)
        return self.bulk(table, columns, rows, anew=anew)

    def checkpoint(self, name: str) -> int:
        """Return how far a reading of the ledger has come; 0 at the start."""
        if self.checkpoints is None:
            rows = self.tuples("SELECT name, value FROM {checkpoints}")
            self.checkpoints = {row[0]: row[1] for row in rows}
        return self.checkpoints.get(name, 0)

    def mark(self, name: str, value: int) -> None:
        """Set a checkpoint."""
        if self.checkpoints is not None:
            self.checkpoints[name] = value
        if self.marked is None:
            self._mark({name: value})
        else:
            self.marked[name] = value

    def settle(self) -> None:
        """Write the checkpoints that were marked."""
        if self.marked:
            self._mark(self.marked)
            self.marked = {}

    def _mark(self, marked: Mapping[str, int]) -> None:
        places = ", ".join(f"(:n{n}, :v{n})" for n in range(len(marked)))
        values: dict[str, object] = {}
        for n, (name, value) in enumerate(sorted(marked.items())):
            values |= {f"n{n}": name, f"v{n}": value}
        self.run(
            f"INSERT INTO {{checkpoints}} (name, value) VALUES {places}"
            " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            **values,
        )

    def forget(self) -> None:
        """Forget what was read in this transaction: some of it was undone."""
        self.directives.clear()
        self.standing.clear()
        self.shorter.clear()
        self.checkpoints = None
        if self.marked:
            self.marked = {}
        if self.kept is not None:
            self.kept = {}
        self.upto = None

    def directive(self, directive: str, known: int | None = None) -> Directive:
        """Fold a directive from its own stream, up to a position if one is given."""
        if known is None and directive in self.directives:
            return self.directives[directive]
        name = stream(directive, directive.rsplit("-", 2)[0])
        now = known is None
        if now:
            known = self.upto
        kept = self.folded if now else None
        before = None if kept is None else kept.get(directive)
        if before is not None and (known is None or before[1] <= known):
            version = stream_heads(self.conn, [name]).get(name, 0)
            if before[0] == version:
                self.directives[directive] = before[2]
                return before[2]
        lines = select_stream(self.conn, name)
        waits = waiting(self.conn, [line[0] for line in lines])
        history = [
            decode(fact, state)
            for position, _, _, fact, state in lines
            if (known is None or position <= known) and position not in waits
        ]
        folded = DIRECTIVE.fold(history)  # type: ignore[arg-type]  # the stream holds only its facts
        if now:
            self.directives[directive] = folded
            if kept is not None and len(history) == len(lines):
                kept[directive] = (len(lines), lines[-1][0] if lines else 0, folded)
        return folded


def alike(columns: Iterable[str], one: str, other: str, how: str = "=") -> str:
    """Return the condition that two rows agree in these columns."""
    return " AND ".join(f"{one}.{column} {how} {other}.{column}" for column in columns)


def escaped(texts: Sequence[str]) -> list[str]:
    """Return texts, none of which holds a NUL, as they stand in a line for COPY."""
    return "\0".join(texts).translate(_ESCAPES).split("\0")


def copied(values: Iterable[object]) -> str:
    """Return values as a line of text for COPY, without its end."""
    return "\t".join("\\N" if value is None else escaped([str(value)])[0] for value in values)


def listed(names: Iterable[str]) -> str:
    """Return names as one value."""
    return orjson.dumps([*names]).decode()


@dataclass(frozen=True, slots=True)
class Moment:
    """What a question stands on: what had happened at `at`, as far as `known`."""

    at: Micros
    known: int | None = None
    """A position, inclusive; None for all that is known."""


def named(columns: Sequence[str]) -> str:
    """Join column names for a statement."""
    return ", ".join(columns)


def last_serial(
    db: Database, table: str, own: tuple[str, str] | None = None, **of: str | int
) -> int:
    """Return the highest serial among a table's rows of these values; 0 before the first.

    ``own``: the column of the ids, and how those begin that end with the serial and count.
    """
    where = [f"{column} = :{column}" for column in of]
    values: dict[str, object] = dict(of)
    if own is not None:
        where.append(f"{own[0]} = :own || CAST(serial AS TEXT)")
        values["own"] = own[1]
    return int(
        db.run(
            f"SELECT MAX(serial) FROM {{{table}}} WHERE {' AND '.join(where)}", **values
        ).scalar()
        or 0
    )
