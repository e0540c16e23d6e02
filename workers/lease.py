"""A role's lease: one worker of an office at a time reads, sends or sweeps; others stand by.

PostgreSQL  an advisory lock of a session of its own, which the server frees when the worker
            is gone, also after kill -9; on the same line the ledger tells of new entries.
SQLite      a lock file in the home, which the system frees.
Safe: a lease saves work and is no fence. Two workers of one role would append and send the
same things twice, and the second time changes nothing.
"""

import asyncio
import fcntl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import IO

import psycopg

from domain.errors import Unavailable
from office.home import Home

AGAIN = 0.5
"""Seconds between two tries to take a lease that another holds."""

_ALIVE = 5.0
"""Seconds after which a silent line is asked whether it is still there."""

_TAKE = "SELECT pg_try_advisory_lock(hashtextextended('farman ' || current_schema() || %s, 0))"

Line = psycopg.AsyncConnection[tuple[bool]]


class Held:
    """A lease that this process holds."""

    def __init__(self) -> None:
        self.lost: asyncio.Future[Unavailable] = asyncio.get_running_loop().create_future()
        """Done when it is no longer ours, with why."""


@asynccontextmanager
async def lease(
    home: Home, role: str, told: Callable[[], None] | None = None
) -> AsyncIterator[Held]:
    """Wait until the role is free, and hold it during the block.

    ``told`` is called when anybody has appended to the ledger, where the store tells.

    Raises:
        Unavailable: the store cannot be reached.

    """
    if home.store != "sqlite":
        line = await _line(home, role, listens=told is not None)
        try:
            held = Held()
            watch = asyncio.create_task(_watch(line, role, held, told))
            try:
                yield held
            finally:
                watch.cancel()
                with suppress(asyncio.CancelledError):
                    await watch
        finally:
            await line.close()
        return
    folder = home.path / "leases"
    folder.mkdir(exist_ok=True)
    with (folder / role).open("w") as file:
        while True:
            if _locked(file):
                break
            await asyncio.sleep(AGAIN)
        yield Held()


def _locked(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


async def _line(home: Home, role: str, *, listens: bool) -> Line:
    """Return a session that holds the role's lock."""
    line: Line | None = None
    try:
        line = await psycopg.AsyncConnection.connect(
            home.store,
            autocommit=True,  # a lock asked for within a transaction would hold up VACUUM
            application_name=f"farman {role}",
            connect_timeout=10,
            # A server that vanished without a word is missed within a quarter of a minute.
            keepalives_idle=5,
            keepalives_interval=3,
            keepalives_count=3,
        )
        while True:
            row = await (await line.execute(_TAKE, (f" {role}",))).fetchone()
            if row and row[0]:
                if listens:
                    await line.execute("LISTEN stored_events")
                return line
            await asyncio.sleep(AGAIN)
    except BaseException as fault:
        if line is not None:
            await line.close()
        if isinstance(fault, psycopg.Error):
            raise _gone(role, fault) from fault
        raise


async def _watch(line: Line, role: str, held: Held, told: Callable[[], None] | None) -> None:
    """Pass on what the ledger tells, and notice when the line is cut."""
    try:
        while True:
            async for _ in line.notifies(timeout=_ALIVE):
                if told is not None:
                    told()
            await line.execute("SELECT true")
    except psycopg.Error as fault:
        held.lost.set_result(_gone(role, fault))


def _gone(role: str, fault: psycopg.Error) -> Unavailable:
    said = str(fault).partition("\n")[0].strip().rstrip(".")
    return Unavailable(
        f"The line to the store that keeps the {role} to one worker is gone ({said}): "
        "it is tried again."
    )
