"""The worker: a process that runs an office's roles, each under its lease, until it is told to end.

  outbox  sends what this office writes, on every link
  inbox   takes in what the other end sends: at HQ from all regions, at a region from HQ
  clock   does what is due

Safe: any number of workers may run; one of them holds each role, the others stand by. SIGTERM
lets each role finish what it has begun.
"""

import asyncio
import gc
import os
import signal
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from functools import partial
from typing import Any

import structlog
from aiokafka.errors import KafkaError

from domain.errors import FarmanError, Unavailable
from office import commission, links
from office.office import Office
from workers import health
from workers.clock import clock
from workers.health import Board
from workers.kafka import Kafka
from workers.lease import lease
from workers.metrics import Meters
from workers.outbox import outbox
from workers.role import SLOWEST, Role, Wake, cut, delays

ROLES = ("outbox", "inbox", "clock")

GRACE = 7.0
"""Seconds in which roles finish what they have begun,"""
HARD = 9.5
"""and those after which the process ends, whatever it does."""
NOT_IN_TIME = 6
"""Its exit code then."""


async def inbox(role: Role) -> None:
    """Read what comes to this end: one region's `down`, or all regions' `up`."""
    if commission.kept(role.office.home.path) is not None:
        from workers.down import down  # noqa: PLC0415 - Faust takes its time, and HQ has no use for it

        await down(role)
    else:
        from workers.intake import intake  # noqa: PLC0415

        await intake(role)


BODIES: dict[str, Callable[[Role], Awaitable[None]]] = {
    "outbox": outbox,
    "inbox": inbox,
    "clock": clock,
}


SWITCH = 0.0005
"""Seconds after which a busy thread lets another go on: most wait for the store's short answers,
and at Python's own setting each answer would wait ten times as long for a thread that reads."""


async def run(office: Office, kafka: Kafka, name: str, port: int) -> dict[str, Any]:
    """Run a role, or ``all``, until SIGTERM or SIGINT; return what it then said of itself.

    Raises:
        Unavailable: the health's port is taken, or a role did not end in time.

    """
    sys.setswitchinterval(SWITCH)
    gc.freeze()  # what was loaded is there for good: the cycle collector need not look at it
    board, meters, wake = Board(name), Meters(), Wake()
    meters.watch(partial(links.status, office))
    stop, sweep = asyncio.Event(), asyncio.Event()
    roles = [
        Role(one, office, kafka, board, meters, wake, sweep, stop)
        for one in (ROLES if name == "all" else (name,))
    ]
    loop = asyncio.get_running_loop()

    def end() -> None:
        stop.set()
        # A thread of a library's that never ends would keep the process for ever.
        last = threading.Timer(HARD, os._exit, (NOT_IN_TIME,))
        last.daemon = True
        last.start()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end)
    said = structlog.get_logger().bind(office=office.home.office)
    try:
        async with health.served(office.home.path, board, port, meters.text) as bound:
            said.info("begins", role=name, health=f"127.0.0.1:{bound}")
            await _run(roles, stop)
            said.info("ends", role=name)
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
        for role in roles:
            role.close()
    return board.answer()


async def _run(roles: Sequence[Role], stop: asyncio.Event) -> None:
    shifts = {role.name: asyncio.create_task(_shift(role)) for role in roles}
    ended = asyncio.create_task(stop.wait())
    try:
        # A role that ends before it is told to has failed, and the others go with it.
        tasks: list[asyncio.Future[Any]] = [ended, *shifts.values()]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        stop.set()
        await asyncio.wait(shifts.values(), timeout=GRACE)
    finally:
        late = [name for name, shift in shifts.items() if not shift.done()]
        await cut(ended, *shifts.values())
    for name, shift in shifts.items():
        if name not in late:
            shift.result()
    if late:
        raise Unavailable(
            f"What {' and '.join(late)} had begun was not finished within {GRACE:g} s and was "
            "cut off; the next worker does it again."
        )


async def _shift(role: Role) -> None:
    """Be a role whenever it is free, until the worker is to end."""
    pauses = delays()
    while not role.stop.is_set():
        role.waits("It waits for its lease, which another worker may hold.")
        since = time.monotonic()
        try:
            await _held(role)
        except (FarmanError, KafkaError, OSError) as fault:
            if time.monotonic() - since > SLOWEST:
                pauses = delays()
            role.troubled(fault)
            await role.pause(next(pauses))


async def _held(role: Role) -> None:
    """Wait for the lease, and be the role until the worker is to end or the lease is lost."""
    async with AsyncExitStack() as stack:
        entering = asyncio.create_task(
            stack.enter_async_context(
                # One line is told of new entries, not each role's.
                lease(
                    role.office.home,
                    role.name,
                    role.wake.tell if role.name == "outbox" else None,
                )
            )
        )
        ended = asyncio.create_task(role.stop.wait())
        try:
            tasks: list[asyncio.Future[Any]] = [entering, ended]
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if not entering.done():
                return
            held = entering.result()
        finally:
            await cut(entering, ended)
        body = asyncio.ensure_future(BODIES[role.name](role))
        try:
            either: list[asyncio.Future[Any]] = [body, held.lost]
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if not body.done():
                raise held.lost.result()
            body.result()
        finally:
            await cut(body)
