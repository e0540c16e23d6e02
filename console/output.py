"""What goes to the terminal: one JSON document, or text that reads well without colour.

Out: stdout carries the answer and nothing else; remarks and errors go to stderr.
Safe: a reader that closes the pipe ends the command quietly, with the code a shell gives a
program that SIGPIPE ended.
"""

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from rich.console import Console

PIPE_CLOSED = 141
"""128 + SIGPIPE: what a shell reports of any program that wrote to a closed pipe."""

EXERCISE = "EXERCISE · a rehearsal home: nothing here happened to anyone"
"""The first line of whatever a rehearsal home prints."""

WIDEST = 110
"""Columns; wider tables are hard to follow across."""

_columns = ContextVar("columns", default=WIDEST)
_listening: ContextVar[list[str] | None] = ContextVar("listening", default=None)

_PLAIN = str.maketrans(
    {
        "“": '"',
        "”": '"',
        "’": "'",
        "…": "...",
        "–": "-",
        "—": "-",
        "·": "-",
        "→": "->",
        "≥": ">=",
        "≤": "<=",
        "✓": "+",
        "✗": "x",
        "█": "#",
        "░": ".",
        "─": "-",
        "━": "=",
    }
)
"""What an encoding that is not Unicode gets instead of our own signs."""


class PipeClosed(Exception):
    """Nobody reads the output any more; what was done stays done."""


def ready() -> None:
    """Let no character that the terminal cannot show end a command."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)  # a test's own stream has none
        if reconfigure is not None:
            reconfigure(errors="replace")


def unicode(stream: TextIO | None = None) -> bool:
    """Tell whether a stream shows any character, so also bars and quotation marks."""
    encoding = getattr(stream or sys.stdout, "encoding", None) or "ascii"
    return encoding.lower().replace("-", "").replace("_", "").startswith("utf")


def write(text: str, stream: TextIO | None = None) -> None:
    """Write text as it stands, now.

    Raises:
        PipeClosed: the reader has gone.

    """
    stream = stream or sys.stdout
    if not unicode(stream):
        text = text.translate(_PLAIN)
    try:
        stream.write(text)
        stream.flush()
    except BrokenPipeError:
        # Python flushes once more at its end: give that flush somewhere to go.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        raise PipeClosed from None
    except UnicodeEncodeError:  # a lone surrogate, from a file name that is no UTF-8
        stream.write(text.encode("utf-8", "replace").decode())
        stream.flush()


def say(text: str) -> None:
    """Write a line to stdout."""
    write(text + "\n")


def remark(text: str) -> None:
    """Write a line to stderr, or to who listens."""
    heard = _listening.get()
    if heard is not None:
        heard.append(text)
    else:
        write(text + "\n", sys.stderr)


@contextmanager
def listening() -> Iterator[list[str]]:
    """Have the block's remarks come to whoever tells of it, and not to stderr."""
    heard: list[str] = []
    before = _listening.set(heard)
    try:
        yield heard
    finally:
        _listening.reset(before)


def document(content: Mapping[str, object]) -> None:
    """Write one JSON document to stdout."""
    text = json.dumps(content, ensure_ascii=not unicode(), default=plain)
    write(text.encode("utf-8", "replace").decode() + "\n")


def plain(value: object) -> object:
    """Return what JSON has for a value that it does not know."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    if isinstance(value, bytes):
        return value.hex()
    raise TypeError(f"{type(value).__name__} has no place in an answer")


def terminal(stream: TextIO | None = None) -> bool:
    """Tell whether a person looks at the stream."""
    return (stream or sys.stdout).isatty() and os.environ.get("TERM") != "dumb"


def screen(stream: TextIO | None = None) -> "Console":
    """Return a rich console of the terminal's width, at most ``WIDEST`` columns, or as `narrowed`."""
    from rich.console import Console

    console = Console(file=stream or sys.stdout, highlight=False, emoji=False, markup=False)
    console.width = min(console.width, _columns.get())
    return console


@contextmanager
def narrowed(columns: int) -> Iterator[None]:
    """Have whatever is drawn in the block take at most so many columns."""
    before = _columns.set(columns)
    try:
        yield
    finally:
        _columns.reset(before)


def show(draw: "Callable[[Console], None]", stream: TextIO | None = None) -> None:
    """Draw on a rich console, and write what it drew."""
    console = screen(stream)
    with console.capture() as drawn:
        draw(console)
    write("\n".join(line.rstrip() for line in drawn.get().split("\n")), stream)
