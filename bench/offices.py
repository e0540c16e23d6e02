"""`make bench-offices`: HQ and nine regional offices on this machine, over a real broker.

In: nothing but this checkout; Kafka and PostgreSQL are found or started. TLS, users and rights
are on, every PostgreSQL syncs, every worker is a process. Out: a table, and
`build/bench-offices.json`. `QUICK=1` takes a tenth of the force.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

from bench import load
from bench.net import Net, offices, until, until_told
from bench.table import Measures
from domain.errors import Unknown
from domain.fact import PostId, UnitId
from domain.force import Post
from tests.workers.pair import End

QUICK = os.environ.get("QUICK") == "1"
OFFICERS = 22_000 if QUICK else 220_000
ANSWERS = 66_000 if QUICK else 660_000
POSTS = 4_000 if QUICK else 20_000
SECONDS = 5 if QUICK else 20
REGIONS = tuple(f"r{number}" for number in range(load.REGIONS))
DARK = REGIONS[0]
OUT = Path("build/bench-offices.json")


class Offices:
    """The run: the offices, and what was measured of them."""

    def __init__(self, net: Net) -> None:
        self.net = net
        title = f"Offices, {OFFICERS:,} officers in 9 regions{' (QUICK)' if QUICK else ''}"
        self.measures = Measures(title, OUT)
        self.add = self.measures.add
        self.refs: list[str] = []

    def issue(self) -> str:
        """Issue an order to the whole force."""
        number = len(self.refs) + 1
        said = self.net.hq.office.issue(load.order(str(number)), f"{number:064x}")
        self.refs.append(str(said["directive"]))
        return self.refs[-1]

    def served(self, ref: str) -> bool:
        """Tell whether HQ shows that everybody was served."""
        return bool(self.net.hq.office.status(ref)["served"] == OFFICERS)

    # -- what is measured

    def orders(self) -> None:
        """Issue orders; each is done when HQ shows it served by the last unit of all regions."""
        spent = []
        for _ in range(3):
            since = time.perf_counter()
            ref = self.issue()
            until_told(self.net.hq, partial(self.served, ref))
            spent.append(time.perf_counter() - since)
        self.net.settle()
        self.add(
            "order issued → in HQ's status, served by the last unit", "postgresql",
            statistics.median(spent), "s", 15, 5,
            note=f"{OFFICERS:,} officers, 9 offices; {', '.join(f'{n:.1f}' for n in spent)} s",
        )  # fmt: skip

    def acknowledgements(self) -> None:
        """Let officers of a region acknowledge; each is done when HQ's status counts it."""
        ref, count = self.refs[0], 500 * SECONDS
        watch = case("watch", self.net.hq.path, ref, count)
        assert watch.stderr is not None
        watch.stderr.readline()
        begun = ended(case("acknowledge", self.net.regions[DARK].path, ref, count, 500))
        seen = ended(watch)["seen"]
        spent = []
        at = 0
        for number, since in enumerate(sorted(begun["begun"]), start=1):
            while seen[at][1] < number:
                at += 1
            spent.append((seen[at][0] - since) * 1e3)
        spent.sort()
        for name, share, limit, aim in (("p50", 0.5, 150, 50), ("p99", 0.99, 1_000, 300)):
            self.add(
                f"acknowledged at a region → in HQ's status, {name}", "postgresql",
                spent[int(share * len(spent))], "ms", limit, aim,
                note=f"500/s for {SECONDS} s; worst {spent[-1]:,.0f} ms",
            )  # fmt: skip

    def down(self) -> None:
        """Give a region thousands of posts while its worker is away, then start it."""
        net, region = self.net, self.net.regions[DARK]
        net.stop(region)
        net.hq.office.import_force(
            force="bench",
            name={"en": "Bench"},
            timezone="Asia/Karachi",
            since=load.SINCE,
            units=load.force()[0],
            posts=[
                *load.force()[1],
                *(
                    Post(PostId(f"desk-{n}"), UnitId("d00"), {"en": f"Desk {n}"}, 9, head=False)
                    for n in range(POSTS)
                ),
            ],
        )
        until(lambda: net.lacks(DARK)[0] >= POSTS and self.published(net.hq))
        mark = self.mark(region)
        net.start(region)
        until(lambda: self.mark(region) > mark, 0.01)
        net.settle(DARK)
        first, last, batch, count = self.received(region, mark)
        self.add(
            "Faust worker on down, durable", "postgresql", (count - batch) / (last - first),
            "/s", 2_000, 4_500, least=True, note=f"{count:,} despatches in the ledger and projected",
        )  # fmt: skip

    def killed(self) -> None:
        """Kill a region's worker, start it within a second, and give it an order at once."""
        spent = []
        for region in (self.net.regions[name] for name in REGIONS[1:4]):
            worker = self.net.workers.pop((region.name, "all"))
            since = time.perf_counter()
            worker.kill()
            ref = self.issue()
            time.sleep(max(0.0, 0.9 - (time.perf_counter() - since)))
            self.net.start(region)
            until(partial(_is_served, region, ref), 0.02)
            spent.append(time.perf_counter() - since)
            self.net.settle()
        self.add(
            "a region's worker killed, restarted → carries on", "postgresql",
            statistics.median(spent), "s", 10, 5,
            note=f"from the kill to the next order served; {', '.join(f'{n:.1f}' for n in spent)} s",
        )  # fmt: skip

    def dark(self) -> None:
        """Stop a region's worker, let its officers answer everything, and start it."""
        net, region = self.net, self.net.regions[DARK]
        own = int(region.office.status(self.refs[0])["served"])
        while len(self.refs) * own * 3 < ANSWERS * 1.05:
            self.issue()
        net.settle()
        net.stop(region)
        ended(case("answers", region.path, ",".join(self.refs), ANSWERS))
        count = net.lacks(DARK)[1]
        since = time.perf_counter()
        net.start(region)
        until(lambda: net.lacks(DARK) == (0, 0))
        spent = time.perf_counter() - since
        self.add(
            "a region dark while answers gather → level again", "postgresql", spent, "s", 90, 40,
            note=f"{count:,} entries, {count / spent:,.0f}/s",
        )  # fmt: skip

    def resident(self) -> None:
        """Look at what the workers that have run all along held at their highest."""
        net = self.net
        self.memory("HQ's", net.rss(net.hq, peak=True))
        self.memory("the dark region's", net.rss(net.regions[DARK], peak=True))
        quiet = max(net.rss(net.regions[name], peak=True) for name in REGIONS[1:])
        self.memory("the other regions'", quiet)

    def intake(self) -> None:
        """Stop HQ's worker, let the officers of all regions answer, and let HQ take it in."""
        net = self.net
        ref = self.issue()
        net.settle()
        net.stop(net.hq)
        for end in net.regions.values():
            ended(case("answers", end.path, ref, ANSWERS))
        until(lambda: all(self.published(end) for end in net.regions.values()))
        before = net.hq.office.head()
        lacking = sum(net.lacks(name)[1] for name in REGIONS)
        net.start(net.hq, "inbox")
        until(lambda: net.hq.office.head() > before, 0.01)
        since = time.perf_counter()
        first = net.hq.office.head() - before
        until(lambda: net.hq.office.head() - before >= lacking, 0.02)
        rate = (lacking - first) / (time.perf_counter() - since)
        net.settle()
        assert self.complied(ref) == OFFICERS
        topics = [f"farman.bench.{name}.up" for name in REGIONS]
        other = net.servers["hq"].create_database()
        raw = ended(case("raw", other, *topics, environment=net.hq.environment))
        self.add(
            "HQ's intake of answers", "postgresql", rate, "/s", 12_000, 25_000, least=True,
            note=f"{lacking:,} of 9 regions; numbers, chain, receipts, standing, answers, tally",
        )  # fmt: skip
        self.add(
            "HQ's intake, share of raw aiokafka + COPY", "postgresql", 100 * rate / raw["rate"],
            "%", 20, 40, least=True, note=f"raw {raw['rate']:,.0f}/s of {raw['count']:,}",
        )  # fmt: skip
        self.memory("HQ's intake", net.rss(net.hq, "inbox", peak=True))
        net.stop(net.hq, "inbox")
        net.start(net.hq)

    def memory(self, what: str, value: float) -> None:
        """Take down what a worker held at its highest."""
        self.add(f"memory of a worker, {what}", "-", value, "MB", 200, 120)

    # -- looked at

    def complied(self, ref: str) -> int:
        """Count at HQ who complied, whenever that was."""
        with self.net.hq.office.store.reading() as conn:
            return int(
                conn.exec_driver_sql(
                    "SELECT count(complied_at) FROM standing WHERE directive = %s", (ref,)
                ).scalar_one()
            )

    def published(self, end: End) -> bool:
        """Tell whether the broker has all that an office has to send."""
        names = REGIONS if end is self.net.hq else (end.name,)
        with end.office.store.reading() as conn:
            rows = conn.exec_driver_sql(
                "SELECT link, published, registered, router >="
                " (SELECT max(notification_id) FROM stored_events"
                f" WHERE originator_id LIKE '%%.{end.name}') FROM links"
            ).fetchall()
        return all(row[1] == row[2] and row[3] for row in rows if row[0] in names)

    def mark(self, end: End) -> int:
        """Return the number up to which a region has taken in."""
        with end.office.store.reading() as conn:
            return int(conn.exec_driver_sql("SELECT mark FROM links").scalar_one())

    def received(self, end: End, mark: int) -> tuple[float, float, int, int]:
        """Return when the first and the last batch after a number began, the first's size, and all."""
        with end.office.store.reading() as conn:
            rows = conn.exec_driver_sql(
                "SELECT received_at, count(*) FROM receipts"
                f" WHERE number > {mark} GROUP BY received_at ORDER BY received_at"
            ).fetchall()
        # The last batch's end is not written: it is left out.
        return rows[0][0] / 1e6, rows[-1][0] / 1e6, rows[-1][1], sum(row[1] for row in rows)


def _is_served(end: End, ref: str) -> bool:
    try:
        return bool(end.office.status(ref)["served"])
    except Unknown:  # not there yet
        return False


def case(
    name: str, *arguments: object, environment: dict[str, str] | None = None
) -> "subprocess.Popen[str]":
    """Begin a case in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "bench.net_cases", name, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE if name == "watch" else None,
        text=True,
        env={**os.environ, **(environment or {})},
    )


def ended(process: "subprocess.Popen[str]") -> Any:
    """Wait for a case and return what it measured."""
    out, _ = process.communicate()
    if process.returncode:
        raise SystemExit(f"A case failed: {process.args!r}")
    return json.loads(out)


MEASURES = ("orders", "acknowledgements", "down", "killed", "dark", "resident", "intake")


def main() -> None:
    """Run everything, or the measures that are named."""
    chosen = sys.argv[1:] or MEASURES
    with (
        tempfile.TemporaryDirectory(prefix="farman-bench-") as folder,
        offices(Path(folder), REGIONS, OFFICERS) as net,
    ):
        bench = Offices(net)
        for name in MEASURES:
            if name in chosen or name == "orders":  # the others stand on its orders
                getattr(bench, name)()
        bench.measures.show()


if __name__ == "__main__":
    main()
