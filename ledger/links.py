"""Links: the registers of what goes to another office and of what comes from it.

In: own entries to be numbered, despatches of a peer. Out: rows of the registers, a page with a
statement. Numbers are 1, 2, 3, … without gaps, each with its hash in a chain over all before.
Safe: whoever writes does so in one transaction of the store; nothing here commits.

The chain: h(n) = SHA-256(h(n−1) ‖ n ‖ attributes ‖ SHA-256(value)), h(0) is 32 zero bytes, n is
8 bytes, the highest first, attributes are the JSON array ``[link, writer, position, stream,
version, name, recorded_at]`` without spaces, in UTF-8, the value is the stored bytes.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import NamedTuple

import orjson
from pydantic import AwareDatetime, TypeAdapter
from sqlalchemy import Connection, text

from domain.errors import Contended, Unknown
from domain.fact import Micros
from ledger import tables
from ledger.store import Line, Transaction, fetch, head

NOTHING = bytes(32)
"""h(0)."""
HELD = 10_000
"""Despatches held ahead of a link's mark, at most."""
STRETCH = 20_000
"""Positions looked through at once for own entries."""
RANGES = 500
"""Missing ranges told in one heartbeat, at most; the lowest."""


class Despatch(NamedTuple):
    """One numbered message of a link."""

    link: str
    number: int
    """From 1, no gaps."""
    writer: str
    position: int
    """In the writer's ledger."""
    stream: str
    version: int
    name: str
    """The stored name, with its version."""
    recorded_at: str
    """ISO, as in the stored bytes."""
    hash: bytes
    """The chain's, 32 bytes."""
    state: bytes
    """The stored bytes, never written anew."""


class Garbage(NamedTuple):
    """A message that could not be read as a despatch."""

    link: str
    reason: str
    headers: Mapping[str, str]
    value: bytes


class Dead(NamedTuple):
    """A dead letter."""

    reason: str
    headers: Mapping[str, str]
    value: bytes


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """What an office says of itself to a peer every few seconds: unnumbered, no entry."""

    link: str
    office: str
    """Who says it."""
    beat: int
    """Rises within a run of the sender's; a new run begins at its clock's milliseconds."""
    head: int
    """The highest number published: all up to it went out before this."""
    head_hash: str
    """Its chain hash, hex."""
    register: int
    """The highest number given."""
    mark: int
    """The highest number of the peer's received without a gap."""
    mark_hash: str
    missing: tuple[tuple[int, int], ...]
    """Ranges of the peer's numbers, inclusive, rising, that were announced and did not come."""
    seen_beat: int
    """The last beat of the peer's that was read; 0 before the first."""
    versions: tuple[str, ...]
    """Stored names that this office understands."""
    clock: AwareDatetime


HEARTBEAT: TypeAdapter[Heartbeat] = TypeAdapter(Heartbeat)
"""Reads and writes a heartbeat as JSON."""


class Link(NamedTuple):
    """A row of `links`: how far each register has come. The fields are told there."""

    link: str
    peer: str
    router: int
    registered: int
    registered_hash: bytes
    published: int
    mark: int
    mark_hash: bytes
    last: int
    received: int
    effects: int
    forked: str | None
    heard: str | None

    def heartbeat(self) -> tuple[Heartbeat, Micros] | None:
        """Return the peer's last heartbeat and when it came."""
        if self.heard is None:
            return None
        kept = orjson.loads(self.heard)
        return HEARTBEAT.validate_python(kept["heartbeat"]), kept["received_at"]


class Wait(NamedTuple):
    """A row of `not_understood`."""

    position: int
    waits: str
    """``form``, ``projection`` or ``effects``: what could not be done."""
    reason: str


def chained(before: bytes, despatch: Despatch) -> bytes:
    """Return the chain hash that a despatch has after ``before``, whatever hash it declares."""
    link, number, writer, position, stream, version, name, recorded_at, _, state = despatch
    return sha256(
        before
        + number.to_bytes(8, "big")
        + orjson.dumps([link, writer, position, stream, version, name, recorded_at])
        + sha256(state).digest()
    ).digest()


# --- Links ---------------------------------------------------------------------------------

_FIELDS = ", ".join(Link._fields)


def begin(conn: Connection, link: str, peer: str) -> None:
    """Begin a link; one that is there stays as it is."""
    new = Link(link, peer, 0, 0, NOTHING, 0, 0, NOTHING, 0, 0, 0, None, None)
    marks = ", ".join(f":{field}" for field in Link._fields)
    conn.execute(
        text(f"INSERT INTO links ({_FIELDS}) VALUES ({marks}) ON CONFLICT (link) DO NOTHING"),
        new._asdict(),
    )


def every(conn: Connection) -> list[Link]:
    """Return all links, by id."""
    return [Link(*row) for row in fetch(conn, f"SELECT {_FIELDS} FROM links ORDER BY link")]


def get(conn: Connection, link: str) -> Link:
    """Return a link.

    Raises:
        Unknown: there is none of that name.

    """
    rows = fetch(conn, f"SELECT {_FIELDS} FROM links WHERE link = ?", link)
    if not rows:
        raise Unknown(
            f"There is no link {link!r} here; `farman link status` lists those there are."
        )
    return Link(*rows[0])


# --- Out -----------------------------------------------------------------------------------


def own_entries(conn: Connection, office: str, after: int, upto: int, limit: int) -> list[Line]:
    """Return at most ``limit`` entries that this office wrote, after < position <= upto."""
    return _written_by(conn, office, after, upto, limit, "1 = 1")


def heard(conn: Connection) -> dict[str, str | None]:
    """Return the peers' last heartbeats as they are kept, by link."""
    return dict(fetch(conn, "SELECT link, heard FROM links"))


def newest(conn: Connection, office: str, after: int) -> tuple[int, int]:
    """Return the last entry after a position that this office wrote, 0 if none; and the head."""
    top = head(conn)
    query = (
        "SELECT COALESCE(max(notification_id), 0) FROM stored_events"
        " WHERE notification_id > ? AND notification_id <= ? AND originator_id LIKE ?"
    )
    ((found,),) = fetch(conn, query, after, top, f"%.{office}")
    return found, top


def _written_by(
    conn: Connection, office: str, after: int, upto: int, limit: int, condition: str
) -> list[Line]:
    found: list[Line] = []
    while after < upto and len(found) < limit:
        # A stretch at a time: PostgreSQL, if it has not yet counted the rows, would sort them all.
        end = min(after + STRETCH, upto)
        found += fetch(
            conn,
            "SELECT notification_id, originator_id, originator_version, topic, state"
            " FROM stored_events WHERE notification_id > ? AND notification_id <= ?"
            f" AND originator_id LIKE ? AND {condition} ORDER BY notification_id LIMIT ?",
            after,
            end,
            f"%.{office}",
            limit - len(found),
        )
        after = end
    return found


def register(
    tx: Transaction, here: Link, writer: str, lines: Iterable[Line], walked: int
) -> list[Despatch]:
    """Give the next numbers to own entries and move the router; return what is to be sent.

    Raises:
        Contended: another router has moved it since ``here`` was read.

    """
    number, before = here.registered, here.registered_hash
    given: list[Despatch] = []
    for line in lines:
        number += 1
        one = _despatch(here.link, number, writer, NOTHING, line)
        before = chained(before, one)
        given.append(one._replace(hash=before))
    moved = tx.conn.execute(
        text(
            "UPDATE links SET router = :walked, registered = :number, registered_hash = :hash"
            " WHERE link = :link AND router = :router"
        ),
        {
            "walked": walked,
            "number": number,
            "hash": before,
            "link": here.link,
            "router": here.router,
        },
    )
    if moved.rowcount != 1:
        raise Contended(f"Two routers walk the link {here.link}: one of them was first.")
    if given:
        rows = [(one.link, one.number, one.position, one.hash) for one in given]
        tx.bulk_insert("despatches", tables.columns("despatches"), rows)
    return given


def _despatch(link: str, number: int, writer: str, hash_: bytes, line: Line) -> Despatch:
    position, stream, version, name, state = line
    recorded_at = orjson.loads(state)["recorded_at"]
    return Despatch(
        link, number, writer, position, stream, version, name, recorded_at, hash_, state
    )


def despatches(
    conn: Connection, link: str, writer: str, after: int, upto: int, limit: int
) -> list[Despatch]:
    """Return at most ``limit`` registered despatches with after < number <= upto, in order."""
    found = fetch(
        conn,
        "SELECT d.number, d.hash, e.notification_id, e.originator_id, e.originator_version,"
        " e.topic, e.state FROM (SELECT number, position, hash FROM despatches"
        " WHERE link = ? AND number > ? AND number <= ? ORDER BY number LIMIT ?) d"
        " JOIN stored_events e ON e.notification_id = d.position ORDER BY d.number",
        link,
        after,
        upto,
        limit,
    )
    return [_despatch(link, row[0], writer, row[1], row[2:]) for row in found]


def registered_hash(conn: Connection, link: str, number: int) -> bytes | None:
    """Return the chain hash of a number given; None if it was not."""
    return _hash(conn, "despatches", link, number)


def receipt_hash(conn: Connection, link: str, number: int) -> bytes | None:
    """Return the chain hash of a number received; None if it was not."""
    return _hash(conn, "receipts", link, number)


def _hash(conn: Connection, table: str, link: str, number: int) -> bytes | None:
    if number == 0:
        return NOTHING
    query = f"SELECT hash FROM {table} WHERE link = ? AND number = ?"
    rows = fetch(conn, query, link, number)
    return bytes(rows[0][0]) if rows else None


def publish(conn: Connection, link: str, number: int) -> None:
    """Take note that the broker has confirmed all numbers up to this one."""
    conn.execute(
        text("UPDATE links SET published = :n WHERE link = :link AND published < :n"),
        {"n": number, "link": link},
    )


# --- In ------------------------------------------------------------------------------------


def _array(conn: Connection, column: str, values: Iterable[int]) -> tuple[str, object]:
    """Return a condition that a column is one of many numbers, and its value."""
    if conn.dialect.name == "sqlite":
        return f"{column} IN (SELECT value FROM json_each(?))", json.dumps(list(values))
    return f"{column} = ANY(?::bigint[])", list(values)


def receipt_hashes(conn: Connection, link: str, numbers: Iterable[int]) -> dict[int, bytes]:
    """Return the chain hashes of these numbers received, h(0) among them."""
    among, values = _array(conn, "number", numbers)
    query = f"SELECT number, hash FROM receipts WHERE link = ? AND {among}"
    return {0: NOTHING} | dict(fetch(conn, query, link, values))


def received(conn: Connection, writer: str, positions: Collection[int]) -> set[int]:
    """Return those positions of a writer of which there are copies here."""
    if not positions:
        return set()
    among, values = _array(conn, "writer_position", positions)
    query = f"SELECT writer_position FROM receipts WHERE writer = ? AND {among}"
    return {row[0] for row in fetch(conn, query, writer, values)}


def entered(conn: Connection, keys: Sequence[tuple[str, int]]) -> set[tuple[str, int]]:
    """Return those of the (stream, version) that the ledger holds."""
    if conn.dialect.name == "sqlite":
        query = (
            "SELECT e.originator_id, e.originator_version FROM json_each(?) k"
            " JOIN stored_events e ON e.originator_id = json_extract(k.value, '$[0]')"
            " AND e.originator_version = json_extract(k.value, '$[1]')"
        )
        return set(fetch(conn, query, json.dumps(keys)))
    query = (
        "SELECT e.originator_id, e.originator_version"
        " FROM unnest(?::text[], ?::bigint[]) AS k(stream, version)"
        " JOIN stored_events e ON e.originator_id = k.stream AND e.originator_version = k.version"
    )
    return set(fetch(conn, query, [key[0] for key in keys], [key[1] for key in keys]))


def receive(
    tx: Transaction, run: Sequence[Despatch], positions: Sequence[int], at: Micros
) -> None:
    """Enter despatches that were appended here, in the order of their numbers."""
    tx.bulk_insert(
        "receipts",
        tables.columns("receipts"),
        (
            (one.link, one.number, position, one.writer, one.position, one.hash, at)
            for one, position in zip(run, positions, strict=True)
        ),
    )


def advance(conn: Connection, here: Link) -> None:
    """Write down how far what comes has come: mark, last, received, effects, forked."""
    conn.execute(
        text(
            "UPDATE links SET mark = :mark, mark_hash = :mark_hash, last = :last,"
            " received = :received, effects = :effects, forked = COALESCE(forked, :forked)"
            " WHERE link = :link"
        ),
        here._asdict(),
    )


def hear(
    conn: Connection, link: str, heartbeat: Heartbeat, at: Micros, forked: str | None
) -> None:
    """Keep the peer's heartbeat, and why the link is forked if it is."""
    kept = {"heartbeat": HEARTBEAT.dump_python(heartbeat, mode="json"), "received_at": at}
    conn.execute(
        text(
            "UPDATE links SET heard = :heard, forked = COALESCE(forked, :forked)"
            " WHERE link = :link"
        ),
        {"heard": orjson.dumps(kept).decode(), "forked": forked, "link": link},
    )


# --- Held ----------------------------------------------------------------------------------


def held_keys(conn: Connection, link: str) -> set[tuple[int, bytes]]:
    """Return number and digest of all that is held."""
    return set(fetch(conn, "SELECT number, digest FROM held WHERE link = ?", link))


def held_numbers(conn: Connection, link: str) -> list[int]:
    """Return the numbers that are held, rising."""
    query = "SELECT DISTINCT number FROM held WHERE link = ? ORDER BY number"
    return [row[0] for row in fetch(conn, query, link)]


def held(conn: Connection, link: str, upto: int) -> list[Despatch]:
    """Return what is held up to a number, in order."""
    query = (
        "SELECT link, number, writer, position, stream, version, name, recorded_at, hash, state"
        " FROM held WHERE link = ? AND number <= ? ORDER BY number"
    )
    return [Despatch(*row) for row in fetch(conn, query, link, upto)]


def digest(despatch: Despatch) -> bytes:
    """Return what tells a despatch from another of its number, the declared hash included."""
    return chained(despatch.hash, despatch)


def hold(tx: Transaction, ones: Iterable[Despatch]) -> None:
    """Hold despatches that came ahead of the mark."""
    columns = tables.columns("held")
    tx.bulk_insert(
        "held",
        columns,
        (
            (
                one.link, one.number, digest(one), one.hash, one.writer, one.position,
                one.stream, one.version, one.name, one.recorded_at, one.state,
            )
            for one in ones
        ),
    )  # fmt: skip


def let_go(conn: Connection, link: str, *, upto: int = 0, above: int = 2**53) -> None:
    """Hold no longer what is at or below a number, or above another."""
    conn.execute(
        text("DELETE FROM held WHERE link = :link AND (number <= :upto OR number > :above)"),
        {"link": link, "upto": upto, "above": above},
    )


def let_go_of(conn: Connection, one: Despatch) -> None:
    """Hold one despatch no longer."""
    conn.execute(
        text("DELETE FROM held WHERE link = :link AND number = :number AND digest = :digest"),
        {"link": one.link, "number": one.number, "digest": digest(one)},
    )


def missing(
    conn: Connection, here: Link, announced: int, most: int = RANGES
) -> tuple[tuple[int, int], ...]:
    """Return the ranges above the mark and up to a number that are not here, rising."""
    found: list[tuple[int, int]] = []
    wanted = here.mark + 1
    if wanted > announced:
        return ()
    for number in [*held_numbers(conn, here.link), announced + 1]:
        end = min(number - 1, announced)
        if wanted <= end:
            found.append((wanted, end))
        wanted = max(wanted, number + 1)
    return tuple(found[:most])


# --- Dead letters --------------------------------------------------------------------------


def bury(conn: Connection, link: str, dead: Sequence[Dead], at: Micros) -> None:
    """Keep dead letters; one that is there already is counted."""
    if not dead:
        return
    rows = []
    for one in dead:
        reason = one.reason.replace("\0", "")  # PostgreSQL keeps no text with it
        headers = json.dumps(dict(one.headers), sort_keys=True)
        key = sha256(f"{reason}\0{headers}\0".encode(errors="replace") + one.value).digest()
        rows.append(
            {
                "link": link,
                "digest": key,
                "at": at,
                "reason": reason,
                "headers": headers,
                "value": one.value,
            }
        )
    conn.execute(
        text(
            "INSERT INTO dead_letters (link, digest, first_at, last_at, times, reason, headers,"
            " value) VALUES (:link, :digest, :at, :at, 1, :reason, :headers, :value)"
            " ON CONFLICT (link, digest) DO UPDATE"
            " SET times = dead_letters.times + 1, last_at = excluded.last_at"
        ),
        rows,
    )


def dead_letters(
    conn: Connection, link: str, limit: int
) -> list[tuple[Micros, Micros, int, Dead]]:
    """Return the last dead letters of a link: first and last instant, times, the letter."""
    query = (
        "SELECT first_at, last_at, times, reason, headers, value FROM dead_letters"
        " WHERE link = ? ORDER BY last_at DESC, digest LIMIT ?"
    )
    return [
        (row[0], row[1], row[2], Dead(row[3], json.loads(row[4]), bytes(row[5])))
        for row in fetch(conn, query, link, limit)
    ]


# --- Not understood ------------------------------------------------------------------------


def wait(tx: Transaction, ones: Iterable[Wait]) -> None:
    """Take down copies that this Farman does not understand."""
    tx.bulk_insert("not_understood", tables.columns("not_understood"), ones)


def waiting(conn: Connection, positions: Sequence[int]) -> set[int]:
    """Return those of the positions that no projection has."""
    if not positions:
        return set()
    query = (
        "SELECT position FROM not_understood WHERE waits <> 'effects'"
        " AND position >= ? AND position <= ?"
    )
    return {row[0] for row in fetch(conn, query, min(positions), max(positions))}.intersection(
        positions
    )


def not_understood(conn: Connection, limit: int) -> list[Wait]:
    """Return what waits, oldest first."""
    query = "SELECT position, waits, reason FROM not_understood ORDER BY position LIMIT ?"
    return [Wait(*row) for row in fetch(conn, query, limit)]


def reconsider(conn: Connection) -> None:
    """Let nothing wait any more, and the effects from the first that did be due again."""
    conn.execute(
        text(
            "UPDATE links SET effects = COALESCE((SELECT MIN(r.position) - 1 FROM receipts r"
            " JOIN not_understood w ON w.position = r.position"
            " WHERE r.link = links.link AND r.position <= links.effects), effects)"
        )
    )
    conn.execute(text("DELETE FROM not_understood"))


_QUIET = ("service.", "roll_call.")
"""Names of facts that nothing follows from in another office."""


def is_quiet(name: str) -> bool:
    """Tell whether nothing follows from a fact of that name in another office."""
    return name.startswith(_QUIET)


def due(conn: Connection, here: Link) -> list[Line]:
    """Return the copies from which something may follow that was not yet done, in order."""
    loud = " AND ".join(f"substr(topic, 1, {len(name)}) <> '{name}'" for name in _QUIET)
    found = _written_by(conn, here.peer, here.effects, here.received, 2**53, loud)
    among, values = _array(conn, "position", [line[0] for line in found])
    waits = dict(
        fetch(conn, f"SELECT position, waits FROM not_understood WHERE {among}", values)
    )
    return [line for line in found if line[0] not in waits]


def counts(conn: Connection, link: str) -> Mapping[str, int]:
    """Return how much of a link is held, dead and not understood."""
    ((held_, dead, waits),) = fetch(
        conn,
        "SELECT (SELECT COUNT(*) FROM held WHERE link = ?),"
        " (SELECT COALESCE(SUM(times), 0) FROM dead_letters WHERE link = ?),"
        " (SELECT COUNT(*) FROM not_understood w JOIN receipts r ON r.position = w.position"
        " WHERE r.link = ?)",
        link,
        link,
        link,
    )
    return {"held": held_, "dead_letters": int(dead), "not_understood": waits}


def received_at(conn: Connection, link: str, number: int) -> Micros | None:
    """Return when a number was received; None if it was not."""
    query = "SELECT received_at FROM receipts WHERE link = ? AND number = ?"
    rows = fetch(conn, query, link, number)
    return rows[0][0] if rows else None


def last_received_at(conn: Connection, after: int, upto: int) -> Micros:
    """Return when the last copy among these positions came, 0 if there is none."""
    ((at,),) = fetch(
        conn,
        "SELECT MAX(received_at) FROM receipts WHERE position > ? AND position <= ?",
        after,
        upto,
    )
    return at or 0
