"""The cases: each runs in a process of its own, so that its memory is its own.

`python -m bench.cases NAME FOLDER STORE ARGUMENTS…` prints one JSON object: seconds, counts,
and the peak resident memory of the measured process.
"""

import asyncio
import json
import resource
import sqlite3
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg

from bench import load
from console.files.answers_file import chunks
from console.files.cases_file import read_breaches
from console.files.roll_file import read
from domain import service
from domain.fact import UnitId
from ledger.codec import decode, encode
from ledger.memory import uncollected
from ledger.store import Store, select_entries, select_stream
from office import permissions
from office.answers import CHUNK, Ask, Job
from office.cases import Breach
from office.home import Home
from office.office import Office
from office.work import working
from projections import rebuild, tables

NOW = load.ISSUED + timedelta(days=3)
Result = dict[str, Any]


def _office(folder: Path, store: str, now: Any = NOW) -> Office:
    return Office(Home.init(folder / "home", store=store, rehearsal=True), now)


def prepare(folder: Path, store: str, officers: str, issue: str = "yes") -> Result:
    """Make a home with a force, its roll and two directives."""
    with _office(folder, store, load.ISSUED) as office:
        _force(office)
        office.import_roll(list(load.rows(int(officers))))
        if issue == "yes":
            for text in ("a", "b"):
                office.issue(load.order(text), text * 64)
    return {}


def _force(office: Office) -> None:
    units, posts = load.force()
    office.import_force(
        force="bench",
        name={"en": "Bench"},
        timezone="Asia/Karachi",
        since=load.SINCE,
        units=units,
        posts=posts,
    )


def roll(folder: Path, store: str, file: str) -> Result:
    """Import a roll from its file, as the command does."""
    with _office(folder, store, load.ISSUED) as office:
        _force(office)
        started = time.perf_counter()
        tree = office.tree()
        found, problems, columns = read(Path(file), tree.units.keys(), tree.posts.keys())
        outcome = office.import_roll(found, columns)
        seconds = time.perf_counter() - started
    return {"seconds": seconds, "added": outcome["added"], "problems": len(problems)}


def issue(folder: Path, store: str, text: str) -> Result:
    """Issue a directive to everybody: until every row and every count is visible."""
    with _office(folder, store, load.ISSUED) as office:
        started = time.perf_counter()
        outcome = office.issue(load.order(text), text * 64)
        seconds = time.perf_counter() - started
        served = office.status(outcome["directive"])["served"]
    return {"seconds": seconds, "served": served}


def _rows(
    folder: Path, store: str, names: Sequence[str], where: str = ""
) -> dict[str, list[Any]]:
    with _office(folder, store, None) as office, office.store.reading() as conn:
        return {
            name: [
                tuple(row)
                for row in conn.exec_driver_sql(
                    f"SELECT {', '.join(tables.columns(name))} FROM {name} {where}"
                )
            ]
            for name in names
        }


def raw(folder: Path, store: str, which: str) -> Result:
    """Insert the same rows into the same tables and indexes, raw, in one durable transaction."""
    names = {
        "issue": ("standing", "tally", "hops"),
        "all": tuple(name for group in tables.PROJECTIONS.values() for name in group),
    }[which]
    where = "WHERE directive = 'hq-2024-1'" if which == "issue" else ""
    rows = _rows(folder, store, names, where)
    if store == "sqlite":
        target = folder / "raw.db"
        target.unlink(missing_ok=True)
        fresh = Store.open(f"sqlite:///{target}", create=True)
        with fresh.writing() as tx:
            tables.create(tx.conn)
        fresh.close()
        with closing(sqlite3.connect(target, isolation_level=None)) as conn:
            conn.execute("PRAGMA synchronous = FULL")
            conn.execute("PRAGMA cache_size = -49152")
            started = time.perf_counter()
            conn.execute("BEGIN IMMEDIATE")
            for name in names:
                marks = ", ".join("?" * len(tables.columns(name)))
                conn.executemany(f"INSERT INTO {name} VALUES ({marks})", rows[name])
            conn.execute("COMMIT")
            seconds = time.perf_counter() - started
    else:
        seconds = _raw_copy(store, names, rows)
    return {"seconds": seconds, "rows": sum(map(len, rows.values()))}


def _raw_copy(store: str, names: Sequence[str], rows: dict[str, list[Any]]) -> float:
    base, _, _ = store.rpartition("/")
    with psycopg.connect(store, autocommit=True) as admin:
        admin.execute("DROP DATABASE IF EXISTS raw_limit WITH (FORCE)")
        admin.execute("CREATE DATABASE raw_limit")
    fresh = Store.open(f"{base}/raw_limit", create=True)
    with fresh.writing() as tx:
        tables.create(tx.conn)
    fresh.close()
    with psycopg.connect(f"{base}/raw_limit") as conn:
        started = time.perf_counter()
        for name in names:
            with conn.cursor() as cursor:
                columns = ", ".join(tables.columns(name))
                with cursor.copy(f"COPY {name} ({columns}) FROM STDIN") as copy:
                    for row in rows[name]:
                        copy.write_row(row)
        conn.commit()
        return time.perf_counter() - started


def senders(folder: Path, store: str, count: str, each: str) -> Result:
    """Let concurrent senders acknowledge through the door, each waiting for its answer."""

    async def run(office: Office) -> float:
        async with office.door() as door:

            async def send(sender: int) -> None:
                for n in range(int(each)):
                    ask = Ask(
                        "hq-2024-1", load.officer(sender * int(each) + n), "acknowledged",
                        NOW, None, "phone",
                    )  # fmt: skip
                    assert await door.submit(Job([ask])) == [True]

            started = time.perf_counter()
            await asyncio.gather(*(send(sender) for sender in range(int(count))))
            return time.perf_counter() - started

    with _office(folder, store) as office:
        seconds = asyncio.run(run(office))
    return {"seconds": seconds, "rate": int(count) * int(each) / seconds}


def one_by_one(folder: Path, store: str, count: str) -> Result:
    """Acknowledge one a transaction: with the door's promise, and bare.

    With its promise: decided, durable and visible. Bare: load the stream, decide, save; no
    table that answers questions is kept up.
    """
    with _office(folder, store) as office:
        started = time.perf_counter()
        for n in range(int(count)):
            ask = Ask("hq-2024-2", load.officer(n), "acknowledged", NOW, None, "phone")
            assert office.commit([Job([ask])]) == [[True]]
        same = int(count) / (time.perf_counter() - started)
        started = time.perf_counter()
        for n in range(int(count), 2 * int(count)):
            name = service.stream("hq-2024-2", load.officer(n), "hq")
            with office.store.writing() as tx:
                history = [decode(row[3], row[4]) for row in select_stream(tx.conn, name)]
                state = service.Service(served_at=0)
                give = service.Give("acknowledged", 1, 1, 0, None, ())
                if not history and service.improves(give, state):
                    fact = service.Acknowledged(
                        at=NOW, recorded_at=NOW, actor="officer", channel="phone", version=1, text="b" * 64
                    )  # fmt: skip
                    tx.append([(name, 1, fact.stored, encode(fact))])
        bare = int(count) / (time.perf_counter() - started)
    return {"rate": same, "bare": bare}


def answers(folder: Path, store: str, file: str) -> Result:
    """Import a file of answers: decided, durable and visible."""
    with _office(folder, store) as office:
        started = time.perf_counter()
        outcome = office.import_answers(lambda: chunks(Path(file), CHUNK))
        seconds = time.perf_counter() - started
    lines = outcome["accepted"] + outcome["repeated"] + len(outcome["refused"])
    return {
        "seconds": seconds,
        "rate": lines / seconds,
        "accepted": outcome["accepted"],
        "repeated": outcome["repeated"],
        "refused": len(outcome["refused"]),
    }


def flood(folder: Path, store: str, officers: str, first: str, last: str) -> Result:
    """Issue directives ``first`` to ``last``; every officer reads, acknowledges, complies."""
    with _office(folder, store) as office:
        for n in range(int(first), int(last) + 1):
            name = office.issue(load.order(str(n)), f"{n:064x}", at=load.ISSUED)["directive"]
            for k, kind in enumerate(("read", "acknowledged", "complied"), start=1):
                for start in range(0, int(officers), CHUNK):
                    asks = [
                        Ask(name, load.officer(o), kind, NOW - timedelta(hours=40 - 10 * k, seconds=o % 3600))
                        for o in range(start, min(start + CHUNK, int(officers)))
                    ]  # fmt: skip
                    office.commit([Job(asks)])
        return {"entries": office.head()}


def reading(folder: Path, store: str) -> Result:
    """Read and decode every entry of the ledger."""
    with _office(folder, store) as office:
        started = time.perf_counter()
        after = count = 0
        while True:
            with uncollected(), office.store.reading() as conn:
                page = select_entries(conn, after, 5_000)
                for row in page:
                    decode(row[3], row[4])
            if not page:
                break
            count += len(page)
            after = page[-1][0]
        seconds = time.perf_counter() - started
    return {"seconds": seconds, "entries": count}


def rebuilding(folder: Path, store: str) -> Result:
    """Make every projection anew."""
    with _office(folder, store) as office:
        started = time.perf_counter()
        rebuild.rebuild(office.store)
        seconds = time.perf_counter() - started
    return {"seconds": seconds}


def asking(folder: Path, store: str) -> Result:
    """Ask for the status of units: live, as of instants, as known at positions."""
    with _office(folder, store) as office:
        total = office.head()
        units = ["hq", "r3", "d07", "d07-s03"]

        def median(ask: Callable[[int], object], times: int) -> tuple[float, float]:
            ask(0)
            spent = []
            for n in range(times):
                started = time.perf_counter()
                ask(n)
                spent.append(time.perf_counter() - started)
            return statistics.median(spent) * 1e3, max(spent) * 1e3

        live = median(lambda n: office.status("hq-2024-1", unit=units[n % 4]), 40)
        past = median(
            lambda n: office.status(
                "hq-2024-1",
                unit=units[n % 4],
                as_of=load.ISSUED + timedelta(minutes=17 + 131 * n),
            ),
            20,
        )
        known = median(
            lambda n: office.status(
                "hq-2024-1", unit=units[n % 4], known_at=total - total * n // 9
            ),
            8,
        )
    return {"live": live, "as_of": past, "known_at": known, "entries": total}


def transfer(folder: Path, store: str, officers: str) -> Result:
    """Move one officer in twenty and take in one in a hundred, by one roll, after the service."""
    changed = list(load.moved(int(officers)))
    with _office(folder, store) as office:
        started = time.perf_counter()
        outcome = office.import_roll(changed, at=NOW - timedelta(hours=6))
        seconds = time.perf_counter() - started
    return {
        "seconds": seconds,
        "rate": len(changed) / seconds,
        "added": outcome["added"],
        "changed": outcome["changed"],
    }


TOP = "r0"
"""One of the largest regions: five districts."""


def tightening(folder: Path, store: str) -> Result:
    """Shorten an open deadline for a region; then set the same rows raw, and back."""
    with _office(folder, store) as office:
        name = office.issue(load.order("3"), "3" * 64)["directive"]
        units = [str(unit) for unit in office.tree().below(UnitId(TOP))]
        mine = f"directive = '{name}' AND served_by IN ({_quoted(units)})"
        before = _dues(office, mine)
        started = time.perf_counter()
        office.tighten(name, TOP, "quit", within=43_200, by="ppo")
        seconds = time.perf_counter() - started
        changed = before - _dues(office, mine)
    raw_ = _raw_update(folder, store, mine, -43_200_000_000)
    _raw_update(folder, store, mine, 43_200_000_000)
    return {"seconds": seconds, "raw": raw_, "changed": len(changed), "rows": len(before)}


def _dues(office: Office, mine: str) -> set[tuple[Any, ...]]:
    with office.store.reading() as conn:
        return {
            tuple(row)
            for row in conn.exec_driver_sql(
                f"SELECT officer, due_at FROM standing WHERE {mine}"
            )
        }


def _quoted(units: Sequence[str]) -> str:
    return ", ".join(f"'{unit}'" for unit in units)


def _raw_update(folder: Path, store: str, mine: str, by: int) -> float:
    statement = f"UPDATE standing SET due_at = due_at + {by} WHERE {mine}"
    if store == "sqlite":
        with closing(
            sqlite3.connect(folder / "home" / "farman.db", isolation_level=None)
        ) as conn:
            conn.execute("PRAGMA synchronous = FULL")
            conn.execute("PRAGMA cache_size = -49152")
            started = time.perf_counter()
            conn.execute(statement)
            return time.perf_counter() - started
    with psycopg.connect(store, autocommit=True) as server:
        started = time.perf_counter()
        server.execute(statement)
        return time.perf_counter() - started


def reporting(folder: Path, store: str, file: str, leaves: str) -> Result:
    """Report a file of breaches, as the command does; ask for so many leaves, and list them."""
    with _office(folder, store) as office:
        name = office.issue(load.policy(), "c" * 64, at=load.ISSUED)["directive"]
        started = time.perf_counter()
        found, problems = read_breaches(Path(file), directive=name)
        breaches = [
            Breach(row.officer_id, row.clause or "", row.at, row.evidence, line=row.line)
            for row in found
        ]
        outcome = office.report_breaches(name, breaches)
        seconds = time.perf_counter() - started
        if problems or outcome["accepted"] != len(found):
            msg = f"{len(problems)} lines were not read, {outcome['accepted']} of {len(found)} taken"
            raise RuntimeError(msg)
        with working(office.store, "hq", NOW) as work:
            for n in range(int(leaves)):
                permissions.request(
                    work, name, load.officer(n * 3 + 5), "videos", scope="A film",
                    until=NOW + timedelta(days=9), why="Road safety.",
                )  # fmt: skip
        spent = []
        for _ in range(5):
            started = time.perf_counter()
            listed = office.permissions(name)["permissions"]
            spent.append(time.perf_counter() - started)
    return {
        "seconds": seconds,
        "accepted": outcome["accepted"],
        "leaves": len(listed),
        "listing": statistics.median(spent) * 1e3,
    }


def help_(folder: Path, store: str) -> Result:
    """Start the command line and print its help."""
    del folder, store
    command = [str(Path(sys.executable).parent / "farman"), "--help"]
    spent = []
    for _ in range(10):
        started = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        spent.append(time.perf_counter() - started)
    return {"seconds": statistics.median(spent)}


CASES: dict[str, Callable[..., Result]] = {
    "prepare": prepare,
    "roll": roll,
    "issue": issue,
    "raw": raw,
    "senders": senders,
    "one_by_one": one_by_one,
    "answers": answers,
    "flood": flood,
    "reading": reading,
    "rebuild": rebuilding,
    "asking": asking,
    "transfer": transfer,
    "tightening": tightening,
    "reporting": reporting,
    "help": help_,
}


def main() -> None:
    """Run one case and print what it measured."""
    name, folder, store, *arguments = sys.argv[1:]
    result = CASES[name](Path(folder), store, *arguments)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    scale = 1 if sys.platform == "linux" else 1024
    print(json.dumps({**result, "peak_mb": peak / scale / 1024}))


if __name__ == "__main__":
    main()
