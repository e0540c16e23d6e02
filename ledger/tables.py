"""The tables beside the entries: what an office keeps of its links to others.

They are no projections: numbers given and received are facts of the office, made once, in the
transaction they belong to, and never derived again. Instants are whole microseconds (UTC).
"""

from sqlalchemy import BigInteger, Column, Index, LargeBinary, MetaData, Table, Text
from sqlalchemy.engine import Connection
from sqlalchemy.schema import CreateIndex, CreateTable

metadata = MetaData()


def _text(name: str, *, key: bool = False, null: bool = False) -> "Column[str]":
    kind = Text().with_variant(Text(collation="C"), "postgresql")
    return Column(name, kind, primary_key=key, nullable=null)


def _int(name: str, *, key: bool = False, null: bool = False) -> "Column[int]":
    return Column(name, BigInteger, primary_key=key, nullable=null, autoincrement=False)


def _bytes(name: str, *, key: bool = False) -> "Column[bytes]":
    return Column(name, LargeBinary, primary_key=key, nullable=False)


def _table(name: str, *columns: "Column[int] | Column[str] | Column[bytes]") -> Table:
    return Table(name, metadata, *columns, sqlite_with_rowid=False)


LINKS = _table(
    "links",
    _text("link", key=True),
    _text("peer"),
    _int("router"),
    _int("registered"),
    _bytes("registered_hash"),
    _int("published"),
    _int("mark"),
    _bytes("mark_hash"),
    _int("last"),
    _int("received"),
    _int("effects"),
    _text("forked", null=True),
    _text("heard", null=True),
)
"""A link to a row: how far each of its registers has come.

Out: ``router`` is the own position walked, ``registered`` the highest number given, with its
chain hash, ``published`` the highest the broker has confirmed. In: ``mark`` is the highest
number received without a gap, with its chain hash, ``last`` the highest position of the
writer's among them, ``received`` the position of the last copy here, ``effects`` the position up
to which what follows from copies was done. ``forked`` says why nothing is appended any more,
``heard`` is the peer's last heartbeat and when it came.
"""

DESPATCHES = _table(
    "despatches",
    _text("link", key=True),
    _int("number", key=True),
    _int("position"),
    _bytes("hash"),
)
"""The outgoing register: which entry went under which number. Rows are never changed."""

RECEIPTS = _table(
    "receipts",
    _text("link", key=True),
    _int("number", key=True),
    _int("position"),
    _text("writer"),
    _int("writer_position"),
    _bytes("hash"),
    _int("received_at"),
)
"""The incoming register: what came under which number, and where the copy stands here."""

HELD = _table(
    "held",
    _text("link", key=True),
    _int("number", key=True),
    _bytes("digest", key=True),
    _bytes("hash"),
    _text("writer"),
    _int("position"),
    _text("stream"),
    _int("version"),
    _text("name"),
    _text("recorded_at"),
    _bytes("state"),
)
"""What came ahead of the mark, until the numbers before it are here.

Which of two with one number is genuine shows only then: so ``digest`` tells them apart.
"""

DEAD_LETTERS = _table(
    "dead_letters",
    _text("link", key=True),
    _bytes("digest", key=True),
    _int("first_at"),
    _int("last_at"),
    _int("times"),
    _text("reason"),
    _text("headers"),
    _bytes("value"),
)
"""What came and is no despatch, with the reason; the same again is counted, not kept twice."""

NOT_UNDERSTOOD = _table(
    "not_understood",
    _int("position", key=True),
    _text("waits"),
    _text("reason"),
)
"""Copies that stand in the ledger and wait for a Farman that understands them.

``waits`` tells what could not be done: to read its ``form``, to apply it in a ``projection``
(either way no projection has it), or its ``effects`` alone.
"""

INDEXES = (
    Index("receipts_position", RECEIPTS.c.position, unique=True),
    Index("receipts_writer", RECEIPTS.c.writer, RECEIPTS.c.writer_position, unique=True),
)


def exist(conn: Connection) -> bool:
    """Tell whether the tables are there."""
    return conn.dialect.has_table(conn, NOT_UNDERSTOOD.name)


def create(conn: Connection) -> None:
    """Make the tables that are not there yet; the caller sees to it that he is alone."""
    for table in metadata.sorted_tables:
        conn.execute(CreateTable(table, if_not_exists=True))
    for index in INDEXES:
        conn.execute(CreateIndex(index, if_not_exists=True))


def columns(table: str) -> tuple[str, ...]:
    """Return the columns of a table, in their order."""
    return tuple(column.name for column in metadata.tables[table].columns)
