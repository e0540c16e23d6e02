"""Offices joined by a broker, as in service: TLS and users, a synced PostgreSQL for each, workers as processes.

HQ, and an office for each region that is asked for, each with the officers of its districts.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from bench import load
from domain.fact import UnitId
from office import links
from projections import offices as known
from tests import services
from tests.workers.pair import End, Worker, commissioned, reached
from workers.kafka import Kafka

FORCE = "bench"
PATIENCE = 600.0
"""Seconds for anything; a bench that waits for ever says nothing."""


@dataclass
class Net:
    """HQ, the regional offices, and the broker between them."""

    folder: Path
    broker: services.Broker
    servers: dict[str, services.Server]
    hq: End
    regions: dict[str, End] = field(default_factory=dict)
    workers: dict[tuple[str, str], Worker] = field(default_factory=dict)
    """Those that run, by office and role."""
    _stack: ExitStack = field(default_factory=ExitStack)

    @property
    def ends(self) -> list[End]:
        """HQ first."""
        return [self.hq, *self.regions.values()]

    # -- workers

    def start(self, end: End, role: str = "all") -> Worker:
        """Start a worker."""
        made = self._stack.enter_context(end.worker(role))
        self.workers[end.name, role] = made
        return made

    def stop(self, end: End, role: str = "all") -> None:
        """End a worker in order."""
        self.workers.pop((end.name, role)).stop()

    def rss(self, end: End, role: str = "all", *, peak: bool = False) -> float:
        """Return a worker's resident memory in MB, now or at its highest."""
        return resident(self.workers[end.name, role].process.pid, peak=peak)

    # -- what came of it

    def lacks(self, region: str) -> tuple[int, int]:
        """Return how many despatches have not come to the region, and how many not to HQ."""
        hq, there = self.hq, self.regions[region]
        # In the order in which they move: what is numbered meanwhile is missed by none.
        waiting = _unnumbered(hq, region), _unnumbered(there, region)
        given = _row(hq, region)["registered"], _row(there, region)["registered"]
        return (
            waiting[0] + given[0] - _row(there, region)["mark"],
            waiting[1] + given[1] - _row(hq, region)["mark"],
        )

    def settle(self, *regions: str) -> None:
        """Wait until these links are level at both ends, or all."""
        names = regions or tuple(self.regions)
        until(lambda: all(self.lacks(name) == (0, 0) for name in names))

    def close(self) -> None:
        """End the workers and close the offices."""
        self._stack.close()
        for end in self.ends:
            end.office.close()


def _row(end: End, link: str) -> dict[str, Any]:
    return next(row for row in links.status(end.office) if row["link"] == link)


def _unnumbered(end: End, link: str) -> int:
    """Return how many own entries no router has walked past."""
    with end.office.store.reading() as conn:
        ((count,),) = conn.exec_driver_sql(
            "SELECT count(*) FROM stored_events WHERE notification_id >"
            f" (SELECT router FROM links WHERE link = '{link}')"
            f" AND originator_id LIKE '%%.{end.name}'"
        ).fetchall()
    return int(count)


def resident(pid: int, *, peak: bool = False) -> float:
    """Return the resident memory of a process in MB, now or at its highest."""
    word = "VmHWM:" if peak else "VmRSS:"
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(word))


def until(is_so: Callable[[], bool], every: float = 0.05) -> float:
    """Wait until something is so; return how many seconds it took."""
    since = time.perf_counter()
    while not is_so():
        if time.perf_counter() - since > PATIENCE:
            raise TimeoutError(f"It did not come so within {PATIENCE:g} s.")
        time.sleep(every)
    return time.perf_counter() - since


def until_told(end: End, is_so: Callable[[], bool]) -> float:
    """Wait until something is so, asking when the ledger grows; return the seconds it took."""
    since = time.perf_counter()
    with psycopg.connect(end.store, autocommit=True) as line:
        line.execute("LISTEN stored_events")
        while not is_so():
            if time.perf_counter() - since > PATIENCE:
                raise TimeoutError(f"It did not come so within {PATIENCE:g} s.")
            list(line.notifies(timeout=0.2, stop_after=1))
    return time.perf_counter() - since


@contextmanager
def offices(
    folder: Path, regions: Sequence[str], officers: int, *, fsync: bool = True, nodes: int = 1
) -> Iterator[Net]:
    """Make HQ and regional offices that have taken over, with their rolls; all workers run."""
    with ExitStack() as stack:
        broker = stack.enter_context(services.kafka(secure=True, nodes=nodes, ours=True))
        servers = {
            name: stack.enter_context(services.postgres(fsync=fsync))
            for name in ("hq", *regions)
        }
        net = _made(folder, broker, servers, regions)
        stack.callback(net.close)
        for end in net.ends:
            net.start(end)
        until(lambda: all(_is_open(end) for end in net.ends), 0.2)
        rows = list(load.rows(officers))
        for name, end in net.regions.items():
            mine = set(end.office.tree().below(UnitId(name)))
            end.office.import_roll([row for row in rows if row.unit in mine])
        net.settle()
        yield net


def _made(
    folder: Path,
    broker: services.Broker,
    servers: dict[str, services.Server],
    regions: Sequence[str],
) -> Net:
    user, password = broker.create_user("hq")
    said = {
        "FARMAN_KAFKA_BOOTSTRAP": broker.bootstrap,
        "FARMAN_KAFKA_USERNAME": user,
        "FARMAN_KAFKA_PASSWORD": password,
        "FARMAN_KAFKA_CA_FILE": str(broker.ca),
    }

    def end(name: str, kafka: Kafka, environment: dict[str, str]) -> End:
        home = folder / name
        store = servers[name].create_database()
        return End(name, home, store, kafka, {"FARMAN_HOME": str(home), **environment})

    net = Net(folder, broker, servers, end("hq", reached(broker, user, password), said))
    units, posts = load.force()
    net.hq.office.import_force(
        force=FORCE,
        name={"en": "Bench"},
        timezone="Asia/Karachi",
        since=load.SINCE,
        units=units,
        posts=posts,
    )
    for name in regions:
        given, kafka = commissioned(net.hq, name, folder / f"{name}.json", broker, user)
        net.regions[name] = end(name, kafka, {})
        net.regions[name].office.join(given)
    return net


def _is_open(end: End) -> bool:
    with end.office._reading() as db:  # noqa: SLF001 - it waits for nobody who writes
        return all(one.state == "open" for one in known.regions(db))
