"""Despatches and heartbeats as Kafka messages: CloudEvents 1.0 in Kafka's binary mode.

Headers  ``ce_id`` = writer and its position, ``ce_source`` = writer, ``ce_type`` = stored name,
         ``ce_subject`` = stream, ``ce_time`` = recorded_at; extensions for link, number, chain
         hash and the version in the stream; of a heartbeat the signature. In UTF-8.
Value    the stored bytes as they are; of a heartbeat the bytes that were signed.
Safe: reading never raises. What is no despatch comes back as what it is, with the reason.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from pydantic import ValidationError

from ledger.links import HEARTBEAT, Dead, Despatch, Garbage, Heartbeat

BEAT = "farman.heartbeat@1"

Headers = Sequence[tuple[str, bytes]]


class Message(NamedTuple):
    """What is sent: the same for the same despatch, each time."""

    key: bytes
    value: bytes
    headers: list[tuple[str, bytes]]


class Signed(NamedTuple):
    """A heartbeat that was not looked into: whoever reads it checks the signature first."""

    link: str
    office: str
    """Who says that he sent it."""
    signature: bytes
    value: bytes
    headers: Mapping[str, str]


Said = Despatch | Signed | Garbage
"""What a message that came says."""


def despatched(one: Despatch) -> Message:
    """Return a despatch's message."""
    return Message(
        one.stream.encode(),
        one.state,
        [
            ("ce_specversion", b"1.0"),
            ("ce_id", f"{one.writer}/{one.position}".encode()),
            ("ce_source", one.writer.encode()),
            ("ce_type", one.name.encode()),
            ("ce_subject", one.stream.encode()),
            ("ce_time", one.recorded_at.encode()),
            ("content-type", b"application/json"),
            ("ce_farmanlink", one.link.encode()),
            ("ce_farmannumber", str(one.number).encode()),
            ("ce_farmanchain", one.hash.hex().encode()),
            ("ce_farmanversion", str(one.version).encode()),
        ],
    )


def beaten(heartbeat: Heartbeat, sign: Callable[[bytes], str]) -> Message:
    """Return a heartbeat's message; ``sign`` gives a signature in hex."""
    value = HEARTBEAT.dump_json(heartbeat)
    clock = HEARTBEAT.dump_python(heartbeat, mode="json")["clock"]
    return Message(
        heartbeat.link.encode(),
        value,
        [
            ("ce_specversion", b"1.0"),
            ("ce_id", f"{heartbeat.office}/beat/{heartbeat.beat}".encode()),
            ("ce_source", heartbeat.office.encode()),
            ("ce_type", BEAT.encode()),
            ("ce_time", clock.encode()),
            ("content-type", b"application/json"),
            ("ce_farmanlink", heartbeat.link.encode()),
            ("ce_farmansignature", sign(value).encode()),
        ],
    )


def buried(one: Dead) -> Message:
    """Return a dead letter's message: what came, and why it is dead."""
    headers = [(name, text.encode()) for name, text in one.headers.items()]
    return Message(b"", one.value, [*headers, ("farman_reason", one.reason.encode())])


def read(
    link: str, headers: Headers | None, value: bytes | None
) -> Despatch | Signed | Garbage:
    """Read a message that came on a link's topic."""
    given = headers or ()
    value = b"" if value is None else value
    try:
        said = {name: text.decode() for name, text in given}
    except UnicodeDecodeError:
        said = {name: text.decode("utf-8", "replace") for name, text in given}
        return Garbage(link, "no despatch: a header is no text in UTF-8", said, value)
    try:
        if len(said) != len(given):
            return Garbage(link, "no despatch: a header stands in it twice", said, value)
        if any("\0" in text for text in said.values()):  # no store keeps such a text
            return Garbage(link, "no despatch: a header holds a zero byte", said, value)
        return _read(link, said, value)
    except KeyError as fault:
        return Garbage(link, f"no despatch: the header {fault.args[0]} is missing", said, value)
    except Unreadable as fault:
        return Garbage(link, f"no despatch: {fault}", said, value)


def _read(link: str, said: Mapping[str, str], value: bytes) -> Despatch | Signed:
    if said["ce_specversion"] != "1.0":
        raise Unreadable("it is no CloudEvent of version 1.0")
    if said["ce_farmanlink"] != link:
        raise Unreadable(f"it belongs to the link {said['ce_farmanlink']!r}")
    if said["ce_type"] == BEAT:
        signature = _hex(said, "ce_farmansignature", 64)
        return Signed(link, said["ce_source"], signature, value, said)
    writer, slash, position = said["ce_id"].rpartition("/")
    if not slash or writer != said["ce_source"]:
        raise Unreadable("ce_id is not ce_source and a position")
    return Despatch(
        link,
        _count(said["ce_farmannumber"], "ce_farmannumber"),
        writer,
        _count(position, "ce_id"),
        said["ce_subject"],
        _count(said["ce_farmanversion"], "ce_farmanversion"),
        said["ce_type"],
        said["ce_time"],
        _hex(said, "ce_farmanchain", 32),
        value,
    )


def heartbeat(beat: Signed) -> Heartbeat | Garbage:
    """Return what a heartbeat says, after its signature was found good."""
    try:
        said = HEARTBEAT.validate_json(beat.value)
    except ValidationError as fault:
        reason = f"no heartbeat: {fault.errors(include_url=False)[0]['msg']}"
        return Garbage(beat.link, reason, beat.headers, beat.value)
    if (said.link, said.office) != (beat.link, beat.office):
        reason = f"no heartbeat of {beat.office} on the link {beat.link}"
        return Garbage(beat.link, reason, beat.headers, beat.value)
    return said


class Unreadable(ValueError):
    """Why a message is no despatch."""


_COUNT = re.compile(r"[1-9][0-9]{0,15}")
"""From 1 to what every JSON reader keeps exactly, in the one way to write it."""


def _count(text: str, header: str) -> int:
    if not _COUNT.fullmatch(text):
        raise Unreadable(f"{header} holds no number: {text[:40]!r}")
    return int(text)


def _hex(said: Mapping[str, str], header: str, size: int) -> bytes:
    text = said[header]
    if not re.fullmatch(rf"[0-9a-f]{{{2 * size}}}", text):
        raise Unreadable(f"{header} holds no {size} bytes in hex: {text[:40]!r}")
    return bytes.fromhex(text)
