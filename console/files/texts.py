"""Files as text: UTF-8 only, with or without BOM, of bounded size, no control characters."""

import codecs
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from console.files.problems import BadFile, Problem, shown

CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ufffe\uffff]")
"""Control characters, and the line separators that some programs take for line ends."""

_TOLD = 50
"""Lines with control characters that are told one by one; more mean no text at all."""

_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_CHUNK = 1 << 20
_LONGEST_LINE = 1 << 20


@contextmanager
def reachable(path: Path) -> Iterator[None]:
    """Tell a file that cannot be opened or read as one that was not accepted."""
    try:
        yield
    except OSError as fault:
        reason = f"The file cannot be read: {fault.strerror or fault}."
        raise BadFile([Problem(str(path), 1, "", "", reason)]) from None


def read_bytes(path: Path, limit: int) -> bytes:
    """Return the bytes of a file of at most ``limit`` bytes."""
    with reachable(path), path.open("rb") as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        most = f"{limit >> 20} MiB" if limit >> 20 else f"{limit >> 10} KiB"
        reason = f"The file is larger than {most}, the most that is read."
        raise BadFile([Problem(str(path), 1, "", "", reason)])
    return data


def decode(data: bytes, file: str) -> str:
    """Return the text of a file, without BOM."""
    data = data.removeprefix(codecs.BOM_UTF8)
    try:
        return data.decode()
    except UnicodeDecodeError as fault:
        line = data.count(b"\n", 0, fault.start) + 1
        raise BadFile([_undecodable(file, line, data[fault.start], data[:2])]) from None


def controls(text: str, file: str) -> list[Problem]:
    """Return a problem for each line with a control character."""
    found: dict[int, str] = {}
    line, counted = 1, 0
    for match in CONTROL.finditer(text):
        line += text.count("\n", counted, match.start())
        counted = match.start()
        found.setdefault(line, match.group())
        if len(found) == _TOLD:
            break
    return [Problem(file, at, "", shown(char), control(char)) for at, char in found.items()]


def control(char: str) -> str:
    """Return the sentence that refuses a control character."""
    return f"The control character U+{ord(char):04X} stands here; remove it."


def lines(file: BinaryIO, name: str) -> Iterator[str]:
    r"""Yield the lines of a UTF-8 file as they come, ends kept; ``\n``, ``\r\n`` and ``\r`` end one."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    rest, line, start = "", 1, b""
    while True:
        data = file.read(_CHUNK)
        if not start:
            start, data = data[:2], data.removeprefix(codecs.BOM_UTF8)
            if not data and start:
                return
        pending = decoder.getstate()[0]
        try:
            text = rest + decoder.decode(data, final=not data)
        except UnicodeDecodeError as fault:
            bad = (pending + data)[: fault.start + 1]
            line += rest.count("\n") + bad.count(b"\n")
            raise BadFile([_undecodable(name, line, bad[-1] if bad else 0, start)]) from None
        if not data:
            yield from _split(text)
            return
        end = text.rfind("\n") + 1 or text.rfind("\r", 0, -1) + 1
        if len(text) - end > _LONGEST_LINE:
            line += text.count("\n", 0, end)
            reason = "A line is longer than a million characters; this is no table."
            raise BadFile([Problem(name, line, "", "", reason)])
        line += text.count("\n", 0, end)
        yield from _split(text[:end])
        rest = text[end:]


def _split(text: str) -> list[str]:
    if "\r" in text or CONTROL.search(text):
        return re.findall(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+", text)
    return text.splitlines(keepends=True)


def _undecodable(file: str, line: int, byte: int, start: bytes) -> Problem:
    if start in _UTF16:
        reason = "The file is UTF-16; save it as UTF-8."
        return Problem(file, 1, "", "", reason)
    reason = (
        f"The byte 0x{byte:02X} is not UTF-8; save the file as UTF-8 (in Excel: “CSV UTF-8”)."
    )
    return Problem(file, line, "", f"0x{byte:02X}", reason)
