"""The door: one writer for many senders at once.

Many submit; one transaction commits what has gathered, up to 500 jobs; each is decided on
its own and answered on its own, when what it wrote is durable and the projections show it.
A transaction is what costs, so the more come at once, the less each of them waits.

Safe: a batch that another writer got ahead of is decided again one by one, so one sender's
conflict is nobody else's.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from types import TracebackType
from typing import Self

from domain.errors import Contended
from office.answers import Clerk, Job
from office.work import Work

BATCH = 500
"""Jobs in one transaction, at most."""
GATHER = 0.02
"""Seconds from the beginning of one transaction to the next, if fewer jobs came since than it held.

Those of whom each goes on when he was answered are back at once, and nobody waits. Those who
come as they come would have a transaction for every few, and a machine busy with little else.
"""
Outcomes = list[bool | str]
"""For each answer of a job: new, known already, or why it is refused."""
Run = Callable[[Callable[[Work], list[Outcomes]]], list[Outcomes]]


def committed(run: Run, jobs: Sequence[Job]) -> list[Outcomes | Contended]:
    """Commit jobs in one transaction, or each in its own if another writer came between.

    A job that is overtaken by itself, too, comes back as the conflict, alone.
    """
    try:
        return list(run(lambda work: Clerk(work).commit(jobs)))
    except Contended as fault:
        if len(jobs) == 1:
            return [fault]
        return [committed(run, [job])[0] for job in jobs]


class Door:
    """Takes jobs from any number of tasks; one thread writes."""

    def __init__(self, run: Run, batch: int = BATCH, gather: float = GATHER) -> None:
        self._run = run
        self._batch = batch
        self._gather = gather
        self._since = 0
        """Jobs that came since the last transaction ended."""
        self._came = asyncio.Event()
        self._closing = False
        self._queue: asyncio.Queue[tuple[Job, asyncio.Future[Outcomes]] | None] = (
            asyncio.Queue()
        )
        self._thread = ThreadPoolExecutor(1, "farman-writer")
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._serve())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closing = True
        self._came.set()
        await self._queue.put(None)
        if self._task is not None:
            await self._task
        self._thread.shutdown()

    async def submit(self, job: Job) -> Outcomes:
        """Hand in a job; the outcomes of its answers, once they are durable.

        True: it changed something. False: known already. A sentence: refused, and why.
        """
        answer: asyncio.Future[Outcomes] = asyncio.get_running_loop().create_future()
        await self._queue.put((job, answer))
        self._since += 1
        self._came.set()
        return await answer

    async def _serve(self) -> None:
        loop = asyncio.get_running_loop()
        last = False
        due, held = loop.time(), 0
        while not last:
            first = await self._queue.get()
            if first is None:
                return
            await self._until(due, held)
            due = loop.time() + self._gather
            batch = [first]
            while len(batch) < self._batch and not self._queue.empty():
                more = self._queue.get_nowait()
                if more is None:
                    last = True
                    break
                batch.append(more)
            jobs = [job for job, _ in batch]
            held = len(jobs)
            try:
                outcomes = await loop.run_in_executor(self._thread, committed, self._run, jobs)
            except Exception as fault:  # noqa: BLE001 - each sender is told; none is swallowed
                for _, answer in batch:
                    if not answer.cancelled():
                        answer.set_exception(fault)
                continue
            finally:
                self._since = 0
            for (_, answer), mine in zip(batch, outcomes, strict=True):
                if answer.cancelled():
                    continue
                if isinstance(mine, Contended):
                    answer.set_exception(mine)
                else:
                    answer.set_result(mine)

    async def _until(self, due: float, wanted: int) -> None:
        """Wait until so many jobs have come since the last transaction, or it is time."""
        loop = asyncio.get_running_loop()
        while (
            self._since < wanted
            and self._queue.qsize() < self._batch
            and not self._closing
            and (left := due - loop.time()) > 0
        ):
            self._came.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._came.wait()
