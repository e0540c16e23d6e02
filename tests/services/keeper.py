"""A keeper: the process of its own that starts a service for us and ends it, however we end.

It holds a pipe from us. When the pipe closes, even because we were killed with -9, it stops what it
started and removes what that wrote. A line of JSON down the pipe is an order, a line back the answer;
the first line down is the settings, the first line back the facts of what was started.
"""

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn, TypeAlias

ROOT = Path(__file__).parents[2]

Words: TypeAlias = dict[str, Any]
"""What goes over the pipe as JSON."""

Obey: TypeAlias = Callable[[Words], Words]
"""Carries out an order and returns the answer."""

Service: TypeAlias = Callable[[Words], AbstractContextManager[tuple[Words, Obey]]]
"""Makes, of settings, what runs while a block lasts: the facts of it, and who obeys."""


class Missing(Exception):
    """Something that only the person at the machine can install; the text says how."""


class NotStarted(Exception):
    """A service is there and did not start; the text is its own."""


@dataclass(frozen=True)
class Keeper:
    """Our end of the pipe."""

    facts: Words
    _process: "subprocess.Popen[str]" = field(repr=False)
    _turn: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def ask(self, **order: str | int) -> Words:
        """Have an order carried out, and return the answer.

        Raises:
            NotStarted: what the order should have started did not.

        """
        with self._turn:
            return _asked(self._process, order)


@contextlib.contextmanager
def kept(service: str, **settings: Any) -> Iterator[Keeper]:
    """Start ``service``, which ``__main__`` knows by that name, and end it with the block.

    Raises:
        NotStarted: it refused; the message holds its log.

    """
    # -E: whatever our caller set for his Python, the keeper finds this package in the folder it starts in.
    command = [sys.executable, "-E", "-m", "tests.services", service]
    # A session of its own: Ctrl-C at the terminal reaches us, and the keeper only through the pipe.
    with subprocess.Popen(
        command,
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:  # leaving closes the pipe and waits for the keeper
        yield Keeper(_asked(process, settings), process)


def _asked(process: "subprocess.Popen[str]", words: Words) -> Words:
    assert process.stdin is not None
    assert process.stdout is not None
    with contextlib.suppress(BrokenPipeError):  # it ended, and its silence below says so
        process.stdin.write(json.dumps(words) + "\n")
        process.stdin.flush()
    line = process.stdout.readline()
    answer: Words = json.loads(line) if line else {"failed": "The keeper ended early."}
    if "failed" in answer:
        raise NotStarted(answer["failed"])
    return answer


# --- Everything below runs in the keeper's process ----------------------------------------------


def keep(service: Service) -> None:
    """Run ``service`` until the pipe at stdin closes."""
    parent = os.getppid()
    signal.signal(signal.SIGTERM, _end)
    # Whoever asked is gone: that ends it all the same.
    with contextlib.suppress(BrokenPipeError):
        try:
            with service(json.loads(sys.stdin.readline())) as (facts, obey):
                _answer(facts)
                while order := _order(parent):
                    _answer(_obeyed(obey, order))
        except NotStarted as fault:
            _answer({"failed": str(fault)})


def _order(parent: int) -> Words | None:
    """Return the next order, None once nobody can give one."""
    # A forked child of a killed parent may still hold the pipe: so ask for the parent too.
    while os.getppid() == parent:
        if select.select([sys.stdin], [], [], 1)[0]:
            line = sys.stdin.readline()
            return dict(json.loads(line)) if line else None
    return None


def _obeyed(obey: Obey, order: Words) -> Words:
    try:
        return obey(order)
    except NotStarted as fault:
        return {"failed": str(fault)}


def _answer(words: Words) -> None:
    # Unbuffered: what is left in a buffer when the reader is gone would be complained of at exit.
    os.write(sys.stdout.fileno(), (json.dumps(words) + "\n").encode())


def _end(number: int, frame: FrameType | None) -> NoReturn:
    sys.exit(128 + number)
