"""The tables that answer questions; each can be dropped and made anew from the ledger.

Instants are whole microseconds (UTC), names JSON objects by language; only integers and
text, so that a row reads the same from both databases and its digest is one. Ids compare
by their bytes.
"""

from hashlib import sha256

from sqlalchemy import BigInteger, Column, Index, Integer, MetaData, SmallInteger, Table, Text
from sqlalchemy.engine import Connection
from sqlalchemy.schema import CreateIndex, CreateTable

COUNTS = ("served", "read", "acknowledged", "complied", "exempt", "contested", "overdue")
"""What the tally counts, in the order of its vectors."""
EXACT, HOURLY, TOTAL = 0, 1, 2
"""Kinds of tally rows: at an instant, within the hour that begins there, over all time."""

PROJECTIONS: dict[str, tuple[str, ...]] = {
    "force": ("force", "units", "posts", "charges"),
    "roll": ("roll", "musters"),
    "directives": ("directives", "wordings"),
    "hops": ("hops", "escalations", "tightenings", "drifts"),
    "standing": ("standing", "pleas"),
    "answers": ("answers",),
    "tally": ("tally", "tally_parts"),
    "offices": ("offices", "forwards"),
    "permissions": ("permissions",),
    "cases": ("cases",),
    "registers": ("officials", "official_posts", "instruments"),
    "returns": ("returns", "return_contradictions", "return_escalations"),
}
"""Each projection and its tables."""

metadata = MetaData()


def _text(name: str, *, key: bool = False, null: bool = False) -> "Column[str]":
    kind = Text().with_variant(Text(collation="C"), "postgresql")
    return Column(name, kind, primary_key=key, nullable=null)


def _int(name: str, *, key: bool = False, null: bool = False) -> "Column[int]":
    return Column(name, BigInteger, primary_key=key, nullable=null, autoincrement=False)


def _small(name: str, *, null: bool = False) -> "Column[int]":
    return Column(name, SmallInteger, nullable=null)


def _table(name: str, *columns: "Column[int] | Column[str]") -> Table:
    return Table(name, metadata, *columns, sqlite_with_rowid=False)


FORCE = _table(
    "force",
    _int("position", key=True),
    _int("at"),
    _text("force"),
    _text("name"),
    _text("timezone"),
)
"""What the force is called, by entry."""

UNITS = _table(
    "units",
    _text("unit", key=True),
    _int("position", key=True),
    _int("at"),
    _text("kind", null=True),
    _text("name", null=True),
    _text("parent", null=True),
    _small("established"),
)
"""What was said of a unit, by entry; what an entry did not say is null."""

POSTS = _table(
    "posts",
    _text("post", key=True),
    _int("position", key=True),
    _int("at"),
    _text("unit"),
    _text("title"),
    _small("rank", null=True),
    _small("head"),
)
"""What was said of a post, by entry."""

CHARGES = _table(
    "charges",
    _text("post", key=True),
    _text("officer", key=True),
    _int("position", key=True),
    _int("at"),
    _text("charge", null=True),
)
"""Charges assumed, and (null) relinquished."""

ROLL = _table(
    "roll",
    _text("officer", key=True),
    _int("at", key=True),
    _int("position", key=True),
    _int("until"),
    _small("said"),
    _text("unit", null=True),
    _small("rank", null=True),
    _text("duty", null=True),
    _small("gone"),
    _text("name", null=True),
    _text("belt_no", null=True),
    _text("designation", null=True),
    _text("joined_on", null=True),
    _text("phone", null=True),
)
"""Who was where, in which rank and duty state: a row from each change until the next.

`said` tells by bits which of the fields (`FIELDS`) the entry itself stated; the others are
carried on. `gone` is 0 in service, 1 retired, 2 died. Two changes at one instant: the
earlier entry's row is empty (`until` = `at`).
"""
FIELDS = (
    "unit",
    "rank",
    "duty",
    "gone",
    "name",
    "belt_no",
    "designation",
    "joined_on",
    "phone",
)

MUSTERS = _table("musters", _text("unit", key=True), _int("position"))
"""The entry by which a unit's roll was first imported."""

DIRECTIVES = _table(
    "directives",
    _text("directive", key=True),
    _int("position"),
    _int("year"),
    _int("serial"),
    _text("number"),
    _text("subject"),
    _text("issuer"),
    _text("unit"),
    _text("text"),
    _int("issued_at"),
    _int("ended_at", null=True),
    _text("ended", null=True),
    _int("version"),
    _int("asked"),
    _small("standing"),
)
"""Every directive; `version` is the wording in force, `asked` the one from which answers count."""

WORDINGS = _table(
    "wordings",
    _text("directive", key=True),
    _int("version", key=True),
    _int("position"),
    _int("at"),
    _text("text"),
)
"""Every wording that was issued, by the SHA-256 of its file."""

HOPS = _table(
    "hops",
    _text("directive", key=True),
    _text("unit", key=True),
    _text("sender"),
    _text("parent", null=True),
    _text("via", null=True),
    _int("via_at", null=True),
    _int("via_position", null=True),
    _int("received_at"),
    _int("received_position"),
    _int("acknowledged_at", null=True),
    _int("acknowledged_position", null=True),
    _text("acknowledged_by", null=True),
    _text("acknowledged_officer", null=True),
    _int("forwarded_at", null=True),
    _int("forwarded_position", null=True),
    _int("vacant_since", null=True),
    _int("served_at", null=True),
    _int("served_position", null=True),
    _int("reminded_at", null=True),
    _int("reminders"),
)
"""A directive's step at each unit, and the entries that say so."""

ESCALATIONS = _table(
    "escalations",
    _text("directive", key=True),
    _text("unit", key=True),
    _text("clause", key=True),
    _int("level", key=True),
    _int("position"),
    _int("at"),
    _int("officers"),
    _text("to_unit"),
    _text("to_post", null=True),
    _text("to_officer", null=True),
)
"""Who was told of overdue officers, once per unit, clause and level."""

TIGHTENINGS = _table(
    "tightenings",
    _text("directive", key=True),
    _text("unit", key=True),
    _text("clause", key=True),
    _int("source", key=True),
    _int("position"),
    _int("at"),
    _text("by_unit"),
    _text("clock", null=True),
    _int("within", null=True),
    _int("due_at", null=True),
    _small("closed"),
)
"""What units on the way down have tightened, for each unit that it holds for.

`source` is the entry that said so, `position` the one from which it holds here: the same, or
the receipt of a unit that came later under one for which it holds. The deadline is a `clock`
and `within` (seconds), or an instant; neither where an exception was closed.
"""

DRIFTS = _table(
    "drifts",
    _text("directive", key=True),
    _text("unit", key=True),
    _text("relayed", key=True),
    _int("position"),
    _int("at"),
    _text("issuer"),
    _text("number", null=True),
    _int("looser"),
    _int("stricter"),
    _int("reworded"),
)
"""Texts that units passed on, as they were held against their order: how many places differ."""

STANDING = _table(
    "standing",
    _text("directive", key=True),
    _text("officer", key=True),
    _text("unit"),
    _text("served_by"),
    _int("served_at"),
    _int("received_at"),
    _int("position"),
    _int("read_at", null=True),
    _int("acknowledged_at", null=True),
    _int("complied_at", null=True),
    _int("due_at", null=True),
    _small("moved"),
)
"""How each served officer stands with each directive, by all that is known.

`unit` is where he is posted now, `received_at` the receipt by the unit that served him,
`due_at` the earliest due still open. `moved` marks the few who changed unit, left, contested
or were exempted since they were served: their tally is kept by instants in `tally_parts`.
"""

PLEAS = _table(
    "pleas",
    _text("directive", key=True),
    _text("officer", key=True),
    _int("position", key=True),
    _text("kind"),
    _text("clause", null=True),
    _int("at"),
    _text("by"),
    _text("reason", null=True),
)
"""Contests, their decisions, and exemptions: contested, upheld, dismissed, exempted."""

ANSWERS = _table(
    "answers",
    _text("directive", key=True),
    _text("officer", key=True),
    _int("position", key=True),
    _small("level"),
    _text("clause", null=True),
    _int("at"),
    _int("version"),
    _text("channel"),
    _text("unit"),
    _small("marks"),
)
"""Every answer that changed something when it was entered.

`marks` tells by bits what it is now the earliest of: 1 read, 2 acknowledged, 4 complied, 8 the
end of being overdue; 0 for officers whose tally is kept by instants.
"""

TALLY = _table(
    "tally",
    _text("directive", key=True),
    Column("kind", Integer, primary_key=True, autoincrement=False),
    _int("at", key=True),
    _text("unit", key=True),
    *(_int(count) for count in COUNTS),
)
"""Changes of the counts, by directive, instant or hour, and leaf unit; rolled up by the query."""

TALLY_PARTS = _table(
    "tally_parts", _text("directive", key=True), _text("officer", key=True), _text("parts")
)
"""What a moved officer put into the tally: ``[[at, unit, [counts]], …]``."""

OFFICES = _table(
    "offices",
    _text("office", key=True),
    _text("unit", null=True),
    _text("hq", null=True),
    _text("state"),
    _text("claim", null=True),
    _text("key", null=True),
    _text("proof", null=True),
    _text("admitted", null=True),
    _int("opened", null=True),
    _int("entries", null=True),
    _text("digest", null=True),
    _int("skew", null=True),
    _int("position"),
)
"""The offices there are, and how far each has come; none in an office that stands alone.

`hq` is the office that commissioned it, `opened` the entry from which HQ writes nothing for its
units, `skew` in seconds while its clock is off, `position` the last entry about it.
"""

FORWARDS = _table(
    "forwards",
    _text("directive", key=True),
    _text("unit", key=True),
    _text("sender", key=True),
    _int("at"),
    _int("position"),
)
"""Forwards that nobody had received when they were written: those from one office to another."""

PERMISSIONS = _table(
    "permissions",
    _text("permission", key=True),
    _text("office"),
    _int("year"),
    _int("serial"),
    _text("directive"),
    _int("version"),
    _text("clause"),
    _text("rule"),
    _text("officer"),
    _text("unit"),
    _small("rank"),
    _text("scope"),
    _text("why"),
    _text("state"),
    _int("asked_until"),
    _text("desk"),
    _text("desk_officer", null=True),
    _int("requested_at"),
    _int("requested_position"),
    _text("decided", null=True),
    _int("decided_at", null=True),
    _int("decided_position", null=True),
    _text("decided_by", null=True),
    _text("decided_officer", null=True),
    _text("reason", null=True),
    _int("until", null=True),
    _int("revoked_at", null=True),
    _int("revoked_position", null=True),
    _text("revoked_by", null=True),
    _text("revoked_officer", null=True),
    _text("revoked_reason", null=True),
    _int("expired_position", null=True),
    _int("due", null=True),
)
"""Every permission that was asked for, and the entries that say what came of it.

`unit` and `desk` are the officer's and who would have decided when he asked; `state` is what
the entries say, whatever the time; `due` is `until` while it is granted and nothing has been
written of its end. That one is void is told when it is asked: it rests on what is known then.
"""

CASES = _table(
    "cases",
    _text("case_id", key=True),
    _int("year"),
    _int("serial"),
    _text("directive"),
    _int("version"),
    _text("clause"),
    _text("officer"),
    _text("unit"),
    _int("breach_at"),
    _text("state"),
    _int("reported_at"),
    _int("reported_position"),
    _int("noticed_at", null=True),
    _int("noticed_position", null=True),
    _int("until", null=True),
    _int("answered_at", null=True),
    _int("answered_position", null=True),
    _int("suspended_at", null=True),
    _int("suspended_position", null=True),
    _int("decided_at", null=True),
    _int("decided_position", null=True),
    _text("outcome", null=True),
    _text("decided_by", null=True),
    _text("decided_unit", null=True),
    _int("appealed_at", null=True),
    _int("appealed_position", null=True),
    _int("appeal_decided_at", null=True),
    _int("appeal_decided_position", null=True),
    _text("appeal", null=True),
    _text("reduced_to", null=True),
    _text("appeal_by", null=True),
    _int("reinstated_at", null=True),
    _int("reinstated_position", null=True),
    _int("ended_at", null=True),
)
"""Every case: how it stands by all that is known, and the entry of each step.

`unit` is the officer's at the breach. `decided_at` and `outcome` are the last decision's;
`suspended_at` is kept beside them, as a suspension is not the end of it.
"""

OFFICIALS = _table(
    "officials",
    _text("id", key=True),
    _text("kind"),
    _text("office"),
    _int("serial"),
    _int("position"),
    _int("at"),
    _text("platform"),
    _text("name"),
    _text("named"),
    _text("unit"),
    _text("purpose", null=True),
    _text("directive", null=True),
    _text("clause", null=True),
    _text("entered_by"),
    _int("closed_at", null=True),
    _int("closed_position", null=True),
    _text("reason", null=True),
)
"""The official groups and accounts; `named` is the name as it is compared."""

OFFICIAL_POSTS = _table(
    "official_posts",
    _text("id", key=True),
    _int("position", key=True),
    _int("at"),
    _text("post"),
)
"""Which post runs a group or an account, by entry."""

INSTRUMENTS = _table(
    "instruments",
    _text("instrument", key=True),
    _text("office"),
    _int("serial"),
    _int("position"),
    _int("at"),
    _text("citation", null=True),
    _text("cited", null=True),
    _text("sender"),
    _text("dated"),
    _text("form"),
    _text("subject"),
    _text("text"),
)
"""Instruments from outside the chain of command; `cited` is the citation as it is compared."""

RETURNS = _table(
    "returns",
    _text("directive", key=True),
    _text("unit", key=True),
    _int("position", key=True),
    _text("stream"),
    _int("stream_version"),
    _text("clause"),
    _text("named"),
    _int("at"),
    _int("version"),
    _text("by"),
    _text("officer", null=True),
    _int("claimed"),
    _int("known"),
    _int("population"),
    _int("open"),
    _int("exempt"),
    _int("unserved"),
    _small("whole"),
)
"""Every return submitted, with its place in its stream.

`named` is the post that the directive names, empty where the unit's head owes it; `version` the
directive's wording, `whole` whether full compliance is certified, `officer` who held the post
that submitted it.
"""

RETURN_CONTRADICTIONS = _table(
    "return_contradictions",
    _text("directive", key=True),
    _text("unit", key=True),
    _int("position", key=True),
    _text("stream"),
    _int("stream_version"),
    _text("clause"),
    _text("named"),
    _int("at"),
    _text("about"),
    _text("evidence"),
    _text("officer", null=True),
    _text("case_id", null=True),
    _text("by", null=True),
    _int("known"),
)
"""What contradicts returns, each named by its stream and its place there; once for `about`."""

RETURN_ESCALATIONS = _table(
    "return_escalations",
    _text("directive", key=True),
    _text("unit", key=True),
    _text("clause", key=True),
    _text("named", key=True),
    _int("level", key=True),
    _int("position"),
    _int("at"),
    _text("to_unit"),
    _text("to_post", null=True),
    _text("to_officer", null=True),
)
"""Who was told of an overdue return, once per unit, clause and level."""

INDEXES: tuple[Index, ...] = (
    Index("cases_directive", CASES.c.directive, CASES.c.officer),
    Index("charges_officer", CHARGES.c.officer),
    Index("roll_unit", ROLL.c.unit),
    Index("directives_text", DIRECTIVES.c.text),
    Index("wordings_text", WORDINGS.c.text),
    Index("officials_named", OFFICIALS.c.platform, OFFICIALS.c.named),
    Index("officials_directive", OFFICIALS.c.directive),
    Index("instruments_cited", INSTRUMENTS.c.cited),
    Index("instruments_text", INSTRUMENTS.c.text),
    Index(
        "standing_due",
        STANDING.c.directive,
        STANDING.c.due_at,
        sqlite_where=STANDING.c.due_at.is_not(None),
        postgresql_where=STANDING.c.due_at.is_not(None),
    ),
    Index("answers_at", ANSWERS.c.directive, ANSWERS.c.at, ANSWERS.c.unit, ANSWERS.c.marks),
    Index(
        "permissions_officer",
        PERMISSIONS.c.directive,
        PERMISSIONS.c.officer,
        PERMISSIONS.c.clause,
    ),
    Index("permissions_serial", PERMISSIONS.c.office, PERMISSIONS.c.year, PERMISSIONS.c.serial),
    Index(
        "permissions_due",
        PERMISSIONS.c.due,
        sqlite_where=PERMISSIONS.c.due.is_not(None),
        postgresql_where=PERMISSIONS.c.due.is_not(None),
    ),
)

CHECKPOINTS = Table(
    "checkpoints",
    MetaData(),
    _text("name", key=True),
    _int("value"),
    sqlite_with_rowid=False,
)
"""How far the projections have read the ledger, and what lets a page go fast."""
SHAPE = "shape"
"""Names the checkpoint that tells of which form the tables are."""
KEPT = ("rehearsal", "recorded_at", "reader")
"""Checkpoints of the office itself: its kind, its clock, what it understands. A rebuild keeps them."""

_STAGES = {
    "stage_keys": "n BIGINT, directive TEXT, officer TEXT",
    "stage_served": "directive TEXT, unit TEXT, served_at BIGINT, received_at BIGINT,"
    " position BIGINT, due_at BIGINT, officers TEXT",
    "stage_standing": "directive TEXT, officer TEXT, unit TEXT, read_at BIGINT,"
    " acknowledged_at BIGINT, complied_at BIGINT, due_at BIGINT, moved SMALLINT",
    "stage_marks": "directive TEXT, officer TEXT, position BIGINT, unit TEXT, marks SMALLINT",
    "stage_tally": "directive TEXT, kind INTEGER, at BIGINT, unit TEXT, "
    + ", ".join(f"{count} BIGINT" for count in COUNTS),
    "seen_roll": "officer TEXT PRIMARY KEY, unit TEXT, rank SMALLINT, duty TEXT, gone SMALLINT",
    "seen_officers": "officer TEXT PRIMARY KEY",
    "seen_units": "unit TEXT PRIMARY KEY",
}
"""Where a page lays its keys and new values, so that one statement joins them all."""


def stages(dialect: str) -> tuple[str, ...]:
    """Return the statements that make a connection's stages; ids compare by their bytes."""
    text = "TEXT" if dialect == "sqlite" else 'TEXT COLLATE "C"'
    return tuple(
        f"CREATE TEMPORARY TABLE IF NOT EXISTS {name} ({fields.replace('TEXT', text)})"
        for name, fields in _STAGES.items()
    )


def create(conn: Connection) -> None:
    """Make the tables and indexes that are not there yet."""
    for table in (*metadata.sorted_tables, CHECKPOINTS):
        conn.execute(CreateTable(table, if_not_exists=True))
    for index in INDEXES:
        conn.execute(CreateIndex(index, if_not_exists=True))


def shape() -> int:
    """Return a number for the form of all tables: 48 bits of the SHA-256 of what they are."""
    made = [
        (
            table.name,
            [(c.name, type(c.type).__name__, c.primary_key, c.nullable) for c in table.c],
        )
        for table in (*metadata.sorted_tables, CHECKPOINTS)
    ]
    looked_up = [(index.name, [str(column) for column in index.columns]) for index in INDEXES]
    return int.from_bytes(sha256(repr((made, looked_up)).encode()).digest()[:6], "big")


def key_columns(table: str) -> tuple[str, ...]:
    """Return the primary key of a table, in its order."""
    return tuple(column.name for column in metadata.tables[table].primary_key.columns)


def columns(table: str) -> tuple[str, ...]:
    """Return the columns of a table, in their order."""
    return tuple(column.name for column in metadata.tables[table].columns)
