"""What goes on at the offices while they are measured: each case in a process of its own.

`python -m bench.net_cases NAME HOME ARGUMENTS…` prints one JSON object.
"""

import asyncio
import json
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import psycopg
from aiokafka import AIOKafkaConsumer, TopicPartition

from console.settings import Settings
from domain.fact import instant
from office.answers import Ask, Job
from office.home import Home
from office.office import Office

Result = dict[str, Any]

SLICE = 5_000
"""Answers in one transaction."""
LOOK = 0.02
"""Seconds from a word of the ledger to the look at the status."""
HOURS = 36
"""Over which answers are spread."""


def answers(home: Path, refs: str, most: str) -> Result:
    """Let every officer of the region read, acknowledge and comply, in random order.

    At most so many answers. The clock runs ahead, so that they spread over a day and a half.
    """
    random = Random(1)
    with Office(Home.open(home)) as office:
        with office._reading() as db:  # noqa: SLF001
            begin = max(datetime.now(UTC), instant(db.checkpoint("recorded_at")))
            begin += timedelta(minutes=1)  # so that nobody answers before he was served
        asks = [
            (ref, officer, kind)
            for ref in refs.split(",")
            for kind in ("read", "acknowledged", "complied")
            for officer in _shuffled(office, ref, random)
        ][: int(most)]
        since = time.perf_counter()
        for start in range(0, len(asks), SLICE):
            at = begin + timedelta(hours=HOURS) * (start / len(asks))
            office._clock = lambda at=at: at  # type: ignore[method-assign,misc]  # noqa: SLF001
            some = [
                Ask(ref, officer, kind, at - timedelta(seconds=n % 60))
                for n, (ref, officer, kind) in enumerate(asks[start : start + SLICE])
            ]
            (outcomes,) = office.commit([Job(some)])
            assert not [outcome for outcome in outcomes if isinstance(outcome, str)]
        return {"asked": len(asks), "seconds": time.perf_counter() - since}


def _shuffled(office: Office, ref: str, random: Random) -> list[str]:
    found = _officers(office, ref)
    random.shuffle(found)
    return found


def _officers(office: Office, ref: str) -> list[str]:
    with office._reading() as db:  # noqa: SLF001
        return [
            row[0]
            for row in db.tuples(
                "SELECT officer FROM {standing} WHERE directive = :d ORDER BY officer", d=ref
            )
        ]


def acknowledge(home: Path, ref: str, count: str, each_second: str) -> Result:
    """Let officers acknowledge, so many a second; return when each began to and was done."""
    begun: list[float] = []
    done: list[float] = []

    async def run(office: Office, officers: list[str]) -> list[list[bool | str]]:
        async with office.door() as door:

            async def one(officer: str) -> list[bool | str]:
                begun.append(time.time())
                ask = Ask(ref, officer, "acknowledged", datetime.now(UTC), None, "phone")
                said = await door.submit(Job([ask]))
                done.append(time.time())
                return said

            tasks = []
            since = time.monotonic()
            for number, officer in enumerate(officers):
                late = since + number / float(each_second) - time.monotonic()
                if late > 0:
                    await asyncio.sleep(late)
                tasks.append(asyncio.create_task(one(officer)))
            return await asyncio.gather(*tasks)

    with Office(Home.open(home)) as office:
        outcomes = asyncio.run(run(office, _officers(office, ref)[: int(count)]))
    assert outcomes == [[True]] * int(count)
    return {"begun": begun, "done": done}


def watch(home: Path, ref: str, count: str) -> Result:
    """Look at a directive's status until so many acknowledged; return when how many had."""
    seen: list[tuple[float, int]] = []
    with (
        Office(Home.open(home)) as office,
        psycopg.connect(office.home.store, autocommit=True) as line,
    ):
        line.execute("LISTEN stored_events")
        print(flush=True, file=sys.stderr)
        while not seen or seen[-1][1] < int(count):
            list(line.notifies(timeout=1.0, stop_after=1))
            # To ask at each word would take the processor from what is measured.
            time.sleep(LOOK)
            found = office.status(ref)["acknowledged"]
            seen.append((time.time(), found))
    return {"seen": seen}


def raw(store: str, *topics: str) -> Result:
    """Read topics and copy the bytes into a table, in transactions of as many: the raw limit."""
    kafka = Settings.read().kafka()

    async def run(conn: "psycopg.Connection[Any]") -> tuple[int, float]:
        consumer = AIOKafkaConsumer(
            **kafka.aiokafka(),
            auto_offset_reset="earliest",
            max_partition_fetch_bytes=4 * 1024 * 1024,
        )
        await consumer.start()
        try:
            partitions = [TopicPartition(topic, 0) for topic in topics]
            consumer.assign(partitions)
            ends = await consumer.end_offsets(partitions)
            left, count, since = set(partitions), 0, time.perf_counter()
            while left:
                found = await consumer.getmany(timeout_ms=500, max_records=SLICE)
                with conn.cursor() as cursor, cursor.copy(_COPY) as copy:
                    copy.set_types(("int8", "text", "bytea", "bytea"))
                    for records in found.values():
                        for one in records:
                            said = b"".join(value for _, value in one.headers)
                            copy.write_row((one.offset, one.key.decode(), said, one.value))
                conn.commit()
                count += sum(map(len, found.values()))
                left = {tp for tp in left if await consumer.position(tp) < ends[tp]}
            return count, time.perf_counter() - since
        finally:
            await consumer.stop()

    with psycopg.connect(store) as conn:
        conn.execute("CREATE TABLE raw (n bigint, key text, said bytea, value bytea)")
        conn.commit()
        count, seconds = asyncio.run(run(conn))
    return {"count": count, "seconds": seconds, "rate": count / seconds}


_COPY = "COPY raw (n, key, said, value) FROM STDIN (FORMAT BINARY)"


CASES: dict[str, Callable[..., Result]] = {
    "answers": lambda home, *more: answers(Path(home), *more),
    "acknowledge": lambda home, *more: acknowledge(Path(home), *more),
    "watch": lambda home, *more: watch(Path(home), *more),
    "raw": raw,
}


def main() -> None:
    """Run one case and print what it measured."""
    name, *arguments = sys.argv[1:]
    print(json.dumps(CASES[name](*arguments)))


if __name__ == "__main__":
    main()
