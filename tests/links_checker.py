"""An outside checker of a link: reads the raw stores and topics, and shares no code with Farman.

It says what the stores of a sender and a receiver have to say of each other: every own entry of
the sender that is due has one number, numbers have no gaps, the chain is sound by the bytes, and
the receiver has each of them once, the same bytes, in the order of the numbers. And what the
link's topic has to say: every number, in order, with the bytes of its entry.
"""

import json
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from hashlib import sha256
from typing import Any

import psycopg

Entry = tuple[int, str, int, str, bytes]
"""Position, stream, version, name, bytes."""
Message = tuple[Mapping[str, bytes], bytes]
"""Headers and value, as the broker keeps them."""


def rows(store: str, query: str, *values: object) -> list[tuple[Any, ...]]:
    """Return all rows of a query with ``?`` for its values."""
    if store.startswith("sqlite:///"):
        conn = sqlite3.connect(store.removeprefix("sqlite:///"))
        try:
            return conn.execute(query, values).fetchall()
        finally:
            conn.close()
    with psycopg.connect(store) as server:
        return server.execute(query.replace("?", "%s"), values).fetchall()


def entries(store: str) -> list[Entry]:
    """Return the ledger, oldest first."""
    found = rows(
        store,
        "SELECT notification_id, originator_id, originator_version, topic, state"
        " FROM stored_events ORDER BY notification_id",
    )
    return [(row[0], row[1], row[2], row[3], bytes(row[4])) for row in found]


def chain(link: str, writer: str, sent: list[Entry]) -> list[bytes]:
    """Return the hash of each number, by the rule: SHA-256(h ‖ n ‖ attributes ‖ SHA-256(value))."""
    found: list[bytes] = []
    before = bytes(32)
    for number, (position, stream, version, name, state) in enumerate(sent, start=1):
        recorded_at = json.loads(state)["recorded_at"]
        said = [link, writer, position, stream, version, name, recorded_at]
        attributes = json.dumps(said, separators=(",", ":"), ensure_ascii=False).encode()
        value = sha256(state).digest()
        before = sha256(before + number.to_bytes(8, "big") + attributes + value).digest()
        found.append(before)
    return found


def compare(
    sender: str,
    receiver: str,
    link: str,
    office: str,
    *,
    due: Callable[[Entry], bool] = lambda _: True,
    complete: bool = True,
) -> list[str]:
    """Return what is wrong with what ``office`` sent over a link; nothing if all is well.

    ``sender`` and ``receiver`` are the addresses of their stores. ``due`` tells which of its own
    entries go over the link. ``complete``: all of them must have arrived.
    """
    wrong: list[str] = []

    def check(said: str, found: object, wanted: object) -> None:
        if found != wanted:
            wrong.append(f"{said}: {found!r} is not {wanted!r}"[:400])

    own = [one for one in entries(sender) if one[1].endswith(f".{office}") and due(one)]
    register = rows(
        sender,
        "SELECT number, position, hash FROM despatches WHERE link = ? ORDER BY number",
        link,
    )
    check("numbers given", [row[0] for row in register], list(range(1, len(register) + 1)))
    sent = own[: len(register)]
    check("entries registered", [row[1] for row in register], [one[0] for one in sent])
    if complete:
        check("how many are registered", len(register), len(own))
    hashes = chain(link, office, sent)
    check("chain of the register", [bytes(row[2]) for row in register], hashes)

    receipts = rows(
        receiver,
        "SELECT number, position, writer, writer_position, hash FROM receipts"
        " WHERE link = ? ORDER BY number",
        link,
    )
    count = len(receipts)
    check("numbers received", [row[0] for row in receipts], list(range(1, count + 1)))
    if complete:
        check("how many were received", count, len(sent))
    check("chain received", [bytes(row[4]) for row in receipts], hashes[:count])
    check(
        "writers' positions",
        [row[2:4] for row in receipts],
        [(office, one[0]) for one in sent[:count]],
    )
    copies = [one for one in entries(receiver) if one[1].endswith(f".{office}")]
    check("positions of copies", [row[1] for row in receipts], [one[0] for one in copies])
    check("copies", [one[1:] for one in copies], [one[1:] for one in sent[:count]])
    ((mark, mark_hash),) = rows(
        receiver, "SELECT mark, mark_hash FROM links WHERE link = ?", link
    )
    check("mark", mark, count)
    check("hash of the mark", bytes(mark_hash), hashes[count - 1] if count else bytes(32))
    return wrong


def carried(messages: Iterable[Message], sender: str, link: str, office: str) -> list[str]:
    """Return what is wrong with the despatches that the topic of a link holds, oldest first.

    ``sender`` is the address of the store of ``office``. Any number may be there again.
    """
    own = {one[0]: one for one in entries(sender)}
    register = {
        row[0]: (row[1], bytes(row[2]))
        for row in rows(
            sender, "SELECT number, position, hash FROM despatches WHERE link = ?", link
        )
    }
    wrong: list[str] = []
    last = 0
    for headers, value in messages:
        if "ce_farmannumber" not in headers:
            continue
        number = int(headers["ce_farmannumber"])
        if number not in register:
            wrong.append(f"number {number} was never given")
            continue
        position, hash_ = register[number]
        _, stream, version, name, state = own[position]
        said = {
            "ce_id": f"{office}/{position}",
            "ce_source": office,
            "ce_subject": stream,
            "ce_type": name,
            "ce_farmanlink": link,
            "ce_farmanversion": str(version),
            "ce_farmanchain": hash_.hex(),
        }
        differs = [key for key, text in said.items() if headers.get(key) != text.encode()]
        if differs or value != state:
            wrong.append(f"number {number} was sent otherwise: {differs or 'its bytes'}")
        if number > last + 1:
            wrong.append(f"number {number} came before number {last + 1}")
        last = max(last, number)
    if last != len(register):
        wrong.append(f"the last number is {last}, not {len(register)}")
    return wrong
