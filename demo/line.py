"""A line between an office and the broker that can be cut, and heals again.

In: whoever calls the line's port. Out: the same bytes at the port where it leads, and back.
Safe: nothing is kept back. While the line is cut, whoever calls is hung up on at once.
"""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

HOST = "127.0.0.1"
_AT_ONCE = 65_536
"""Bytes."""


class Line:
    """A line that is whole until it is cut."""

    def __init__(self, ear: socket.socket) -> None:
        self.port: int = ear.getsockname()[1]
        self.leads_to = 0
        """A port of this machine; 0: nowhere yet."""
        self._whole = True
        self._lock = threading.Lock()
        self._ends: set[socket.socket] = set()
        """Of the calls under way."""
        self._start(self._answer, ear)

    def cut(self) -> None:
        """End every call, and take no other."""
        with self._lock:
            self._whole = False
            for end in self._ends:
                _hang_up(end)

    def heal(self) -> None:
        """Take calls again."""
        with self._lock:
            self._whole = True

    def _answer(self, ear: socket.socket) -> None:
        with suppress(OSError):  # the ear is closed: the line is no longer needed
            while True:
                self._put_through(ear.accept()[0])

    def _put_through(self, caller: socket.socket) -> None:
        with self._lock:
            if self._whole:
                with suppress(OSError):  # nobody answers there: the caller hears it
                    called = socket.create_connection((HOST, self.leads_to), timeout=5)
                    called.settimeout(None)
                    self._ends |= {caller, called}
                    self._start(self._carry, caller, called)
                    self._start(self._carry, called, caller)
                    return
        caller.close()

    def _carry(self, here: socket.socket, there: socket.socket) -> None:
        with suppress(OSError):  # one of them hung up
            while some := here.recv(_AT_ONCE):
                there.sendall(some)
        with self._lock:
            for end in (here, there):
                _hang_up(end)
            if here in self._ends:
                self._ends.remove(here)
                here.close()

    def _start(self, work: Callable[..., None], *ends: socket.socket) -> None:
        threading.Thread(target=work, args=ends, daemon=True).start()


def _hang_up(end: socket.socket) -> None:
    with suppress(OSError):  # the other side was first
        end.shutdown(socket.SHUT_RDWR)


@contextmanager
def laid() -> Iterator[Line]:
    """Give a line at a free port of this machine, for as long as the block lasts."""
    with socket.create_server((HOST, 0)) as ear:
        line = Line(ear)
        try:
            yield line
        finally:
            line.cut()
            _hang_up(ear)
