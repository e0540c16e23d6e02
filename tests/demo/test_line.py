"""The line of the demo: it carries both ways, and nothing while it is cut."""

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest

from demo.line import HOST, Line, laid


@pytest.fixture
def echo() -> Iterator[int]:
    """A port where whoever calls hears what he says."""
    with socket.create_server((HOST, 0)) as ear:

        def repeat(call: socket.socket) -> None:
            with call, suppress(OSError):
                while some := call.recv(1024):
                    call.sendall(some)

        def answer() -> None:
            with suppress(OSError):
                while True:
                    threading.Thread(target=repeat, args=ear.accept()[:1], daemon=True).start()

        threading.Thread(target=answer, daemon=True).start()
        yield ear.getsockname()[1]
        ear.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def line(echo: int) -> Iterator[Line]:
    with laid() as wire:
        wire.leads_to = echo
        yield wire


def call(line: Line) -> socket.socket:
    return socket.create_connection((HOST, line.port), timeout=10)


def said(end: socket.socket, what: bytes) -> bytes:
    """Say something and return what is heard, nothing if the call has ended."""
    with suppress(OSError):
        end.sendall(what)
        return end.recv(1024)
    return b""


def test_a_line_carries_both_ways(line: Line) -> None:
    with call(line) as one, call(line) as other:
        assert said(one, b"one") == b"one"
        assert said(other, b"other") == b"other"


def test_a_cut_ends_the_calls_there_are_and_takes_no_other(line: Line) -> None:
    with call(line) as before:
        assert said(before, b"before") == b"before"
        line.cut()
        assert said(before, b"lost") == b""
    with call(line) as during:
        assert said(during, b"lost") == b""


def test_after_it_heals_calls_are_taken_and_nothing_comes_late(line: Line) -> None:
    line.cut()
    with call(line) as during:
        said(during, b"lost")
        line.heal()
        assert said(during, b"lost too") == b""
    with call(line) as after:
        assert said(after, b"after") == b"after"


def test_when_one_side_hangs_up_so_does_the_other(line: Line) -> None:
    with call(line) as one:
        one.shutdown(socket.SHUT_WR)
        assert one.recv(1024) == b""


def test_where_nobody_answers_the_caller_is_hung_up_on(line: Line) -> None:
    with socket.create_server((HOST, 0)) as gone:
        line.leads_to = gone.getsockname()[1]
    with call(line) as one:
        assert said(one, b"lost") == b""
