"""One worker a role: who waits, who takes over, who learns that the lease is lost."""

import asyncio
import signal
import subprocess
import sys
import textwrap
import time
from contextlib import AsyncExitStack
from pathlib import Path

import psycopg
import pytest

from domain.errors import Unavailable
from ledger.store import Store
from office.home import Home
from tests import services
from workers.lease import lease

HOLDER = """
import asyncio, sys
from pathlib import Path
from office.home import Home
from workers.lease import lease

async def hold():
    async with lease(Home.open(Path(sys.argv[1])), sys.argv[2], lambda: None):
        print("held", flush=True)
        await asyncio.sleep(600)

asyncio.run(hold())
"""


@pytest.fixture
def home(tmp_path: Path, store_url: str) -> Home:
    return Home.init(tmp_path / "home", store=store_url)


def nothing() -> None: ...


def holder(home: Home, role: str) -> "subprocess.Popen[str]":
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(HOLDER), str(home.path), role],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


async def test_the_second_waits_until_the_first_is_done(home: Home) -> None:
    order: list[str] = []

    async def second() -> None:
        async with lease(home, "outbox", nothing):
            order.append("second")

    async with lease(home, "outbox", nothing):
        task = asyncio.create_task(second())
        await asyncio.sleep(1.2)
        order.append("first")
    await asyncio.wait_for(task, 5)
    assert order == ["first", "second"]


async def test_another_role_is_another_lease(home: Home) -> None:
    async with asyncio.timeout(5), AsyncExitStack() as both:
        for role in ("outbox", "inbox"):
            await both.enter_async_context(lease(home, role, nothing))


async def test_who_waits_takes_over_from_one_that_was_killed(home: Home) -> None:
    first = await asyncio.to_thread(holder, home, "inbox")
    with first:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1.2), lease(home, "inbox", nothing):
                pass
        first.send_signal(signal.SIGKILL)
        since = time.monotonic()
        async with asyncio.timeout(10), lease(home, "inbox", nothing):
            assert time.monotonic() - since < 3


async def test_whoever_loses_his_line_to_the_store_learns_it(
    tmp_path: Path, postgres_server: services.Server
) -> None:
    home = Home.init(tmp_path / "home", store=postgres_server.create_database())
    async with lease(home, "outbox", nothing) as held:
        with psycopg.connect(home.store, autocommit=True) as other:
            other.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = 'farman outbox' AND datname = current_database()"
            )
        why = await asyncio.wait_for(held.lost, 5)
    assert why.reason.startswith("The line to the store that keeps the outbox to one worker")


async def test_the_holder_is_told_when_another_appends(
    tmp_path: Path, postgres_server: services.Server
) -> None:
    home = Home.init(tmp_path / "home", store=postgres_server.create_database())
    told = asyncio.Event()
    store = Store.open(home.url)
    try:
        async with lease(home, "outbox", told.set):
            with store.writing() as tx:
                tx.append([("office-x.hq", 1, "office.commissioned@1", b"{}")])
            await asyncio.wait_for(told.wait(), 0.4)
    finally:
        store.close()


async def test_a_store_that_is_not_there_is_told_in_a_sentence(tmp_path: Path) -> None:
    home = Home(tmp_path, "postgresql://nobody@127.0.0.1:9/none", rehearsal=False, office="hq")
    with pytest.raises(Unavailable, match=r"^The line to the store that keeps the clock"):
        async with lease(home, "clock", nothing):
            pass
