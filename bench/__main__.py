"""`make bench`: run every case on both stores and set it against its raw limit.

In: nothing but this checkout; PostgreSQL is found or started. Out: a table, and
`build/bench.json`. `QUICK=1` takes a tenth of the force; `BENCH_STORES=sqlite` one store.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from bench import load
from bench.table import Measures
from tests.services import Server, postgres

QUICK = os.environ.get("QUICK") == "1"
OFFICERS = 22_000 if QUICK else 220_000
LINES = 60_000 if QUICK else 600_000
OUT = Path("build/bench.json")


class Bench:
    """The run: what was measured so far."""

    def __init__(self, folder: Path, server: Server | None) -> None:
        self.folder, self.server = folder, server
        title = f"Farman, {OFFICERS:,} officers in 41 districts{' (QUICK)' if QUICK else ''}"
        self.measures = Measures(title, OUT)
        self.add = self.measures.add
        self.peak: dict[tuple[str, str], float] = {}

    def case(self, name: str, store: str, home: Path, *arguments: object) -> dict[str, Any]:
        """Run one case in a process of its own."""
        print(
            f"  {store.split(':', maxsplit=1)[0]:<10} {name} {' '.join(map(str, arguments))}"[
                :100
            ],
            file=sys.stderr,
        )
        done = subprocess.run(
            [sys.executable, "-m", "bench.cases", name, str(home), store, *map(str, arguments)],
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
        result: dict[str, Any] = json.loads(done.stdout)
        return result

    def big(self, name: str, store: str, home: Path, *arguments: object) -> dict[str, Any]:
        """Run one case at the full size, whose memory counts."""
        result = self.case(name, store, home, *arguments)
        key = (name, store.split(":", maxsplit=1)[0])
        self.peak[key] = max(self.peak.get(key, 0), result["peak_mb"])
        return result

    @contextmanager
    def home(self, store: str) -> Iterator[tuple[Path, str]]:
        """Give an empty folder and a store for one home."""
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        url = "sqlite"
        try:
            if store != "sqlite":
                assert self.server is not None
                url = self.server.create_database()
            yield folder, url
        finally:
            if self.server is not None and url != "sqlite":
                self.server.drop_database(url)
            shutil.rmtree(folder)


def big(bench: Bench, store: str, *, officers: int, lines: int) -> None:
    """One force: roll, issue, answers, rebuild, questions."""
    with bench.home(store) as (home, url):
        load.write_roll(home / "roll.csv", officers)
        roll = bench.big("roll", url, home, home / "roll.csv")
        bench.add(
            "roll import, CSV", store, roll["seconds"], "s", 8, 3, note=f"{officers:,} rows"
        )
        issue = bench.big("issue", url, home, "1")
        raw = bench.case("raw", url, home, "issue")
        bench.add(
            "issue, × raw insert of its rows", store, issue["seconds"] / raw["seconds"], "×", 2, 1.3,
            note=f"{issue['seconds']:.2f} s / {raw['seconds']:.2f} s",
        )  # fmt: skip
        bench.big("issue", url, home, "2")
        names = ["hq-2024-1", "hq-2024-2"]
        load.write_answers(home / "answers.csv", names, officers, lines, seed=1, first=0)
        answers = bench.big("answers", url, home, home / "answers.csv")
        least, aim = (12_000, 25_000) if store == "sqlite" else (7_000, 15_000)
        bench.add(
            "answers import", store, answers["rate"], "/s", least, aim, least=True,
            note=f"{lines:,} lines, {answers['accepted']:,} new",
        )  # fmt: skip
        reading = bench.case("reading", url, home)
        everything = bench.case("raw", url, home, "all")
        rebuilt = bench.big("rebuild", url, home)
        share = 100 * (reading["seconds"] + everything["seconds"]) / rebuilt["seconds"]
        bench.add(
            "rebuild, share of read + decode + raw insert", store, share, "%",
            40 if store == "sqlite" else 35, 75, least=True,
            note=f"({reading['seconds']:.1f} + {everything['seconds']:.1f}) / {rebuilt['seconds']:.1f} s",
        )  # fmt: skip
        more = 2 * lines // 3
        load.write_answers(home / "more.csv", names, officers, more, seed=2, first=36)
        bench.big("answers", url, home, home / "more.csv")
        asked = bench.big("asking", url, home)
        for kind, limit, aim in (
            ("live", 10, 2),
            ("as_of", 150, 30),
            ("known_at", 3_000, 1_000),
        ):
            bench.add(
                f"status {kind.replace('_', ' ')}", store, asked[kind][0], "ms", limit, aim,
                note=f"worst {asked[kind][1]:.1f} ms, {asked['entries']:,} entries",
            )  # fmt: skip
        moved(bench, store, url, home, names, officers=officers, lines=lines)


def moved(
    bench: Bench,
    store: str,
    url: str,
    home: Path,
    names: list[str],
    *,
    officers: int,
    lines: int,
) -> None:
    """Move officers after the service and take in new ones, whom standing orders reach; then again.

    What is measured again is named so; and then what the rules' own commands cost.
    """
    after = "after transfers"
    roll = bench.big("transfer", url, home, officers)
    bench.add(
        "transfers and joiners by one roll", store, roll["rate"], "/s", 1_000, 5_000, least=True,
        note=f"{roll['changed']:,} moved, {roll['added']:,} new, two standing orders, "
        f"{roll['seconds']:.1f} s",
    )  # fmt: skip
    load.write_answers(home / "late.csv", names, officers, lines // 3, seed=3, first=36)
    answers = bench.case("answers", url, home, home / "late.csv")
    least, aim = (12_000, 25_000) if store == "sqlite" else (7_000, 15_000)
    bench.add(
        f"answers import, {after}", store, answers["rate"], "/s", least, aim, least=True,
        note=f"{lines // 3:,} lines, {answers['accepted']:,} new",
    )  # fmt: skip
    asked = bench.case("asking", url, home)
    for kind, limit, aim in (("live", 10, 2), ("as_of", 150, 30), ("known_at", 3_000, 1_000)):
        bench.add(
            f"status {kind.replace('_', ' ')}, {after}", store, asked[kind][0], "ms", limit, aim,
            note=f"worst {asked[kind][1]:.1f} ms, {asked['entries']:,} entries",
        )  # fmt: skip
    reading = bench.case("reading", url, home)
    everything = bench.case("raw", url, home, "all")
    rebuilt = bench.case("rebuild", url, home)
    share = 100 * (reading["seconds"] + everything["seconds"]) / rebuilt["seconds"]
    bench.add(
        f"rebuild, {after}, share as above", store, share, "%",
        40 if store == "sqlite" else 35, 75, least=True,
        note=f"({reading['seconds']:.1f} + {everything['seconds']:.1f}) / {rebuilt['seconds']:.1f} s",
    )  # fmt: skip
    tight = bench.case("tightening", url, home)
    bench.add(
        "relay tighten of a region, × raw update", store, tight["seconds"] / tight["raw"], "×", 10, 3,
        note=f"{tight['changed']:,} rows {tight['seconds']:.2f} s / {tight['rows']:,} rows {tight['raw']:.2f} s",
    )  # fmt: skip
    load.write_breaches(home / "breaches.csv", officers, 1_000)
    told = bench.big("reporting", url, home, home / "breaches.csv", 1_000)
    bench.add(
        "case report of a file of 1,000", store, told["seconds"], "s", 5, 1,
        note=f"{told['accepted']:,} opened",
    )  # fmt: skip
    bench.add(
        "permission list", store, told["listing"], "ms", 2_000, 300,
        note=f"{told['leaves']:,} permissions",
    )  # fmt: skip


def concurrent(bench: Bench, store: str, *, officers: int) -> None:
    """Two hundred senders at once, against one decision a transaction."""
    with bench.home(store) as (home, url):
        bench.case("prepare", url, home, officers)
        slow = bench.case("one_by_one", url, home, 400 if QUICK else 1_000)
        fast = bench.big("senders", url, home, 200, min(100 if QUICK else 250, officers // 200))
        bench.add(
            "acknowledgements, × one by one", store, fast["rate"] / slow["rate"], "×", 10, 25,
            least=True,
            note=f"{fast['rate']:,.0f}/s against {slow['rate']:,.0f}/s with the same promise, "
            f"{slow['bare']:,.0f}/s bare; aim 25,000/s",
        )  # fmt: skip


def linear(bench: Bench, store: str) -> None:
    """The same command on three sizes of force: time for each officer must not rise."""
    each: list[tuple[int, float, float]] = []
    for officers in (2_200, 22_000, 100_000) if QUICK else (22_000, 220_000, 1_000_000):
        with bench.home(store) as (home, url):
            load.write_roll(home / "roll.csv", officers)
            roll = bench.case("roll", url, home, home / "roll.csv")
            issue = bench.case("issue", url, home, "1")
            each.append((officers, roll["seconds"] / officers, issue["seconds"] / officers))
    (_, small_roll, small), *_, (_, large_roll, large) = each
    note = ", ".join(f"{n:,}: {a * 1e6:.1f} + {b * 1e6:.1f} µs" for n, a, b in each)
    note += f"; the largest roll took {roll['peak_mb']:.0f} MB"
    bench.add(
        "growth of roll + issue, for each officer", store,
        (large_roll + large) / (small_roll + small), "×", 1.5, 1, note=note,
    )  # fmt: skip


def growth(bench: Bench, store: str) -> None:
    """Rebuild's memory at one and at four times the entries."""
    officers = 22_000 if QUICK else 220_000
    with bench.home(store) as (home, url):
        bench.case("prepare", url, home, officers, "no")
        small = bench.case("flood", url, home, officers, 1, 2)["entries"]
        first = bench.big("rebuild", url, home)["peak_mb"]
        large = bench.case("flood", url, home, officers, 3, 6)["entries"]
        second = bench.big("rebuild", url, home)["peak_mb"]
    bench.add(
        "rebuild's memory, three times the entries", store, 100 * (second / first - 1), "%", 10, 0,
        note=f"{first:.0f} MB at {small:,} entries, {second:.0f} MB at {large:,}",
    )  # fmt: skip


def main() -> None:
    """Run everything."""
    stores = os.environ.get("BENCH_STORES", "sqlite,postgresql").split(",")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="farman-bench-")))
        server = stack.enter_context(postgres(fsync=True)) if "postgresql" in stores else None
        bench = Bench(folder, server)
        help_ = bench.case("help", "sqlite", folder)
        bench.add("farman --help", "-", help_["seconds"] * 1e3, "ms", 400, 250)
        for store in stores:
            big(bench, store, officers=OFFICERS, lines=LINES)
            concurrent(bench, store, officers=OFFICERS)
            linear(bench, store)
            growth(bench, store)
        for (name, store), peak in bench.peak.items():
            bench.add(f"peak memory, {name}", store, peak, "MB", 400, 200)
        bench.measures.show()


if __name__ == "__main__":
    main()
