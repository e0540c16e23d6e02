"""Rebuilding: every projection made anew from the ledger, beside the live ones.

In: the ledger, page by page. Out: the same rows, to the byte, that were kept live.
Safe: each page of the new tables commits by itself; the swap is one transaction that first
catches up with what was written meanwhile. A rebuild that was cut leaves the live tables
alone and its own to be dropped by the next one.

Services and answers are staged as they come, sorted once, and counted in one pass over both:
row by row it would take several times as long (FACTS: 26 % of read-and-decode speed).
"""

import hashlib
import secrets
import tempfile
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import groupby, zip_longest
from operator import itemgetter
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import inspect
from sqlalchemy.engine import Connection
from sqlalchemy.schema import CreateIndex, CreateTable

from domain.errors import Unavailable
from domain.fact import HOUR
from domain.standing import Officer, last_of, open_due, overdue_spans
from ledger.codec import Entry, decode
from ledger.links import waiting
from ledger.memory import uncollected
from ledger.store import Line, Store, Transaction, head, select_entries
from projections import page, roll
from projections.database import Database
from projections.standing import (
    ACKNOWLEDGED,
    COMPLIED,
    ENDED,
    READ,
    Row,
    Said,
    asked,
    by_hours,
    is_moved,
    marks_of,
    pleas,
    settled,
    shorter,
)
from projections.tables import (
    CHECKPOINTS,
    EXACT,
    HOURLY,
    INDEXES,
    KEPT,
    PROJECTIONS,
    SHAPE,
    TOTAL,
    columns,
    key_columns,
    metadata,
    shape,
    stages,
)
from projections.tally import OVERDUE, SERVED, Deltas, moved_parts, store_parts

Progress = Callable[[str, int, int | None], None]
BESIDE = "new_"
ENTRIES = 20_000
"""Read and applied at once, in one transaction of a rebuild."""
_BYTES = 1024 * 1024
"""Stored bytes decoded at once, some 4,000 answers: an entry of a roll is a thousand times one of an answer."""
_RAW = {
    "raw_standing": "directive TEXT{c}, officer TEXT{c}, served_by TEXT{c}, served_at BIGINT,"
    " received_at BIGINT, position BIGINT",
    "raw_answers": "directive TEXT{c}, officer TEXT{c}, position BIGINT, level SMALLINT,"
    " clause TEXT{c}, at BIGINT, version BIGINT, channel TEXT{c}",
}


@dataclass(frozen=True, slots=True)
class Compared:
    """A projection, live and made anew."""

    name: str
    rows: int
    digest: str
    """SHA-256 of its rows in the order of their keys, as canonical JSON lines."""
    same: bool
    difference: str | None = None
    """The first row that differs, for a person."""


def _begin(db: Database) -> None:
    _drop(db)
    for table in (*metadata.sorted_tables, CHECKPOINTS):
        made = table.to_metadata(type(metadata)(), name=db.prefix + table.name)
        made.indexes.clear()
        db.conn.execute(CreateTable(made))
    collation = "" if db.dialect == "sqlite" else ' COLLATE "C"'
    for raw, fields in _RAW.items():
        db.conn.exec_driver_sql(f"CREATE TABLE {db.prefix}{raw} ({fields.format(c=collation)})")


def _drop(db: Database) -> None:
    for name in (*metadata.tables, "checkpoints", *_RAW):
        db.conn.exec_driver_sql(f"DROP TABLE IF EXISTS {db.prefix}{name}")


def _finish(db: Database) -> None:
    """Count what was staged, in one pass over services and answers in the order of officers."""
    deltas = Deltas()
    several = {
        row[0]
        for row in db.tuples("SELECT officer FROM {roll} GROUP BY officer HAVING COUNT(*) > 1")
    }
    pleading = set(db.tuples("SELECT DISTINCT directive, officer FROM {pleas}"))
    served = db.stream(
        "SELECT directive, officer, served_by, served_at, received_at, position"
        " FROM {raw_standing} ORDER BY directive, officer"
    )
    answered = groupby(
        db.stream(
            "SELECT directive, officer, at, position, level, clause, version, channel"
            " FROM {raw_answers} ORDER BY directive, officer, at, position"
        ),
        key=itemgetter(0, 1),
    )
    following = next(answered, None)
    for directive, officers in groupby(served, key=itemgetter(0)):
        writer = _Writer(db, deltas, several, pleading)
        for row in officers:
            mine: list[Any] = []
            if following is not None and following[0] == row[:2]:
                mine = list(following[1])
                following = next(answered, None)
            writer.add(row, mine)
        writer.flush()
        if by_hours(db.directive(directive)):
            _count(db, deltas, directive)
        deltas.write(db)
    for raw in _RAW:
        db.run(f"DROP TABLE {{{raw}}}")


def _count(db: Database, deltas: Deltas, name: str) -> None:
    """Count a directive's officers who only answer, set-wise, from the rows just written."""
    for unit, served, due, officers in db.tuples(
        "SELECT served_by, served_at, due_at, COUNT(*) FROM {standing}"
        " WHERE directive = :d AND moved = 0 GROUP BY served_by, served_at, due_at",
        d=name,
    ):
        deltas.add(name, EXACT, served, unit, SERVED, officers)
        if due is not None:
            deltas.add(name, EXACT, max(due, served), unit, OVERDUE, officers)
    for unit, hour, *counts in db.tuples(
        f"SELECT unit, at - at % {HOUR}, SUM(marks & 1), SUM((marks >> 1) & 1),"
        " SUM((marks >> 2) & 1), SUM((marks >> 3) & 1) FROM {answers}"
        f" WHERE directive = :d AND marks > 0 GROUP BY unit, at - at % {HOUR}",
        d=name,
    ):
        for count, many in zip((1, 2, 3, OVERDUE), counts, strict=True):
            if many:
                by = -int(many) if count == OVERDUE else int(many)
                deltas.add(name, HOURLY, hour, unit, count, by)
                deltas.add(name, TOTAL, 0, unit, count, by)


class _Writer:
    """Settles officer after officer and writes them a page at a time."""

    def __init__(
        self, db: Database, deltas: Deltas, several: set[str], pleading: set[tuple[str, str]]
    ) -> None:
        self.db, self.deltas, self.several, self.pleading = db, deltas, several, pleading
        self.standing: list[tuple[object, ...]] = []
        self.answers: list[tuple[object, ...]] = []
        self.late: list[tuple[Any, list[Any]]] = []
        self.rules: dict[str, Any] = {}
        self.starts: dict[tuple[str, str, int, int], tuple[int | None, int | None]] = {}

    def add(self, row: Any, mine: list[Any]) -> None:
        """Settle one officer: at once if he only answers, else with the page."""
        directive, officer = row[:2]
        rules = self.rules.get(directive)
        if rules is None:
            now = asked(self.db, directive)
            rules = self.rules[directive] = (
                now,
                by_hours(self.db.directive(directive)) and len(now.required) <= 1,
            )
        if officer in self.several or not rules[1] or (directive, officer) in self.pleading:
            self.late.append((row, mine))
        else:
            self._plain(rules[0], row, mine)
        if len(self.standing) + len(self.late) >= page.PAGE:
            self.flush()

    def _due(self, directive: str, unit: str, rules: Any, received: int, served: int) -> Any:
        """Return his due and from when he is overdue; the same for all a unit served at once."""
        key = (directive, unit, received, served)
        found = self.starts.get(key)
        if found is None:
            dues = rules.dues(received, served, shorter(self.db, directive, unit))
            due = dues[0] if dues else None
            found = self.starts[key] = (due, None if due is None else max(due, served))
        return found

    def _plain(self, rules: Any, row: Any, mine: list[Any]) -> None:
        directive, officer, unit, served, received, position = row
        read = acknowledged = complied = None
        due, start = self._due(directive, unit, rules, received, served)
        for _, _, at, place, level, clause, version, channel in mine:
            bits = 0
            if read is None:
                read, bits = at, READ
            if level > 1 and acknowledged is None:
                acknowledged, bits = at, bits | ACKNOWLEDGED
            if level == 3 and complied is None:  # noqa: PLR2004 - service.LEVEL
                complied, bits = at, bits | COMPLIED
                if start is not None and at > start:
                    bits |= ENDED
                    self.deltas.add(directive, EXACT, start, unit, OVERDUE, 1)
            self.answers.append(
                (directive, officer, place, level, clause, at, version, channel, unit, bits)
            )
        self.standing.append(
            (directive, officer, unit, unit, served, received, position, read, acknowledged,
             complied, due if complied is None else None, 0)
        )  # fmt: skip

    def flush(self) -> None:
        """Settle those kept back and write the page."""
        if self.late:
            self._late()
            self.standing.sort(key=itemgetter(0, 1))
        self.db.put("standing", columns("standing"), self.standing)
        self.answers.sort(key=itemgetter(0, 1, 2))
        self.db.put("answers", columns("answers"), self.answers)
        self.standing, self.answers, self.late = [], [], []

    def _late(self) -> None:
        spoken = pleas(self.db, [(row[0], row[1]) for row, _ in self.late])
        where = roll.where(self.db, {row[1] for row, _ in self.late})
        kept: dict[tuple[str, str], Any] = {}
        for line, mine in self.late:
            directive, officer, unit, served, received, position = line
            rules = self.rules[directive][0]
            hourly = by_hours(self.db.directive(directive))
            row = Row(unit, unit, served, received, None, None, None, None, 0)
            dues = rules.dues(received, served, shorter(self.db, directive, unit))
            found = marks_of([Said(*one[2:7]) for one in mine], rules, row, dues)
            mine_pleas = spoken.get((directive, officer), [])
            moved = is_moved(row, where[officer], bool(mine_pleas))
            if hourly and moved:
                whole = Officer(
                    served, dues, found.read_at, found.acknowledged_at, found.acts, mine_pleas
                )
                kept[directive, officer] = moved_parts(whole, where[officer], rules.required)
                self.deltas.parts(directive, kept[directive, officer], 1)
            elif hourly:
                self._ended(directive, unit, served, dues, found.acts)
            now, due = settled(row, found, dues, where[officer], mine_pleas, rules)
            self.standing.append(
                (directive, officer, now, unit, served, received, position, found.read_at,
                 found.acknowledged_at, last_of(found.acts), due, int(moved))
            )  # fmt: skip
            counts = hourly and not moved
            self.answers += [
                (directive, officer, one[3], one[4], one[5], one[2], one[6], one[7], unit,
                 found.bits[one[3]] if counts else 0)
                for one in mine
            ]  # fmt: skip
        store_parts(self.db, kept)

    def _ended(self, directive: str, unit: str, served: int, dues: Any, acts: Any) -> None:
        """Count the spans that `_count` cannot see: it takes each still open due for one."""
        shown = open_due(dues, acts, frozenset())
        for start, end in overdue_spans(served, dues, acts):
            if end is not None or shown is None or max(shown, served) != start:
                self.deltas.add(directive, EXACT, start, unit, OVERDUE, 1)
        if shown is not None and not any(
            end is None and start == max(shown, served)
            for start, end in overdue_spans(served, dues, acts)
        ):
            self.deltas.add(directive, EXACT, max(shown, served), unit, OVERDUE, -1)


@contextmanager
def _writing(
    store: Store, prefix: str, directives: dict[str, Any]
) -> Iterator[tuple[Transaction, Database]]:
    with uncollected(), store.writing() as tx, tx.spare():
        yield tx, Database(tx.conn, tx.bulk_insert, prefix, staged=True, directives=directives)


def rebuild(store: Store, progress: Progress = lambda *_: None, entries: int = ENTRIES) -> int:
    """Make every projection anew beside the live ones and swap; return the ledger's head.

    ``entries`` are in one transaction.

    Raises:
        Unavailable: another rebuild took over meanwhile.

    """
    directives: dict[str, Any] = {}
    token = secrets.randbits(52)
    with _writing(store, BESIDE, directives) as (tx, db):
        _begin(db)
        db.mark("token", token)
    done = 0
    with store.reading() as conn:
        top = head(conn)
    while True:
        with store.reading() as conn:
            rows = select_entries(conn, done, entries, top)
        if not rows:
            break
        with _writing(store, BESIDE, directives) as (tx, db):
            _still_ours(db, token)
            _apply(db, db.conn, rows)
        done = rows[-1][0]
        progress("rebuild", done, top)
    with _writing(store, BESIDE, directives) as (tx, db):
        _still_ours(db, token)
        while rows := select_entries(db.conn, done, entries):
            _apply(db, db.conn, rows)
            done = rows[-1][0]
        _finish(db)
        tx.exclude_readers()  # one whose snapshot is older would find the new tables empty
        _swap(db)
    return done


def _apply(db: Database, ledger: Connection, rows: Sequence[Line]) -> None:
    """Apply entries but those not understood, decoding a few megabytes of them at once."""
    some: list[Entry] = []
    size = 0
    waits = waiting(ledger, [row[0] for row in rows])
    for position, stream, version, name, state in rows:
        if position in waits:
            continue
        some.append(Entry(position, stream, version, decode(name, state)))
        size += len(state)
        if size > _BYTES:
            page.apply(db, some)
            some, size = [], 0
    page.apply(db, some, rows[-1][0])


def _still_ours(db: Database, token: int) -> None:
    beside = inspect(db.conn).has_table(f"{BESIDE}checkpoints")
    if not beside or db.checkpoint("token") != token:
        raise Unavailable("Another rebuild has begun since; let that one finish.")


def _swap(db: Database) -> None:
    db.run("DELETE FROM {checkpoints} WHERE name = 'token'")
    for name in KEPT:
        db.mark(name, Database(db.conn).checkpoint(name))
    db.mark(SHAPE, shape())
    for table in (*metadata.sorted_tables, CHECKPOINTS):
        db.conn.exec_driver_sql(f"DROP TABLE IF EXISTS {table.name}")
        db.conn.exec_driver_sql(f"ALTER TABLE {BESIDE}{table.name} RENAME TO {table.name}")
    for index in INDEXES:
        db.conn.execute(CreateIndex(index))


def check(store: Store, progress: Progress = lambda *_: None) -> tuple[int, list[Compared]]:
    """Fold the ledger into an empty store and compare with the live tables, row by row."""
    with (
        tempfile.TemporaryDirectory(prefix="farman-check-") as folder,
        store.reading() as conn,
    ):
        top = head(conn)
        scratch = Store.open(
            f"sqlite:///{Path(folder) / 'check.db'}", create=True, stages=stages
        )
        try:
            directives: dict[str, Any] = {}
            with _writing(scratch, "", directives) as (_, db):
                _begin(db)
                done = 0
                while rows := select_entries(conn, done, ENTRIES, top):
                    _apply(db, conn, rows)
                    done = rows[-1][0]
                    progress("fold", done, top)
                _finish(db)
            with scratch.reading() as made:
                return top, [compare(name, conn, made) for name in PROJECTIONS]
        finally:
            scratch.close()


def digest(conn: Connection, name: str) -> tuple[int, str]:
    """Return how many rows a projection has, and the digest of them all."""
    total, sha = 0, hashlib.sha256()
    for table in PROJECTIONS[name]:
        sha.update(table.encode() + b"\n")
        for row in _rows(conn, table):
            sha.update(orjson.dumps(row) + b"\n")
            total += 1
    return total, sha.hexdigest()


def _rows(conn: Connection, table: str) -> Generator[tuple[Any, ...], None, None]:
    keys = ", ".join(key_columns(table))
    names = ", ".join(columns(table))
    return Database(conn).stream(f"SELECT {names} FROM {{{table}}} ORDER BY {keys}")


def compare(name: str, live: Connection, made: Connection) -> Compared:
    """Compare a projection's live rows with those made anew; name the first that differs."""
    total, mine = digest(live, name)
    _, other = digest(made, name)
    if mine == other:
        return Compared(name, total, mine, same=True)
    return Compared(name, total, mine, same=False, difference=_difference(name, live, made))


def _difference(name: str, live: Connection, made: Connection) -> str:
    for table in PROJECTIONS[name]:
        with closing(_rows(live, table)) as one, closing(_rows(made, table)) as two:
            for left, right in zip_longest(one, two):
                if left != right:
                    return _told(table, left, right)
    return f"{name}: the rows agree, their order does not"


def _told(table: str, live: Any, made: Any) -> str:
    names, keys = columns(table), key_columns(table)
    if (
        live is not None
        and made is not None
        and tuple(live[: len(keys)]) == tuple(made[: len(keys)])
    ):
        which = ", ".join(f"{k}={v}" for k, v in zip(names, live, strict=True) if k in keys)
        what = ", ".join(
            f"{k} is {a!r}, by the ledger {b!r}"
            for k, a, b in zip(names, live, made, strict=True)
            if a != b
        )
        return f"{table} ({which}): {what}"
    only, row = (
        ("live", live)
        if made is None or (live is not None and _key(live, table) < _key(made, table))
        else ("in the ledger", made)
    )
    which = ", ".join(f"{k}={v}" for k, v in zip(names, row, strict=True) if k in keys)
    return f"{table} ({which}): the row is only {only}"


def _key(row: Any, table: str) -> tuple[Any, ...]:
    return tuple(row)[: len(key_columns(table))]
