"""`make demo-offices`: it tells what is so, and leaves nothing running however it ends."""

import csv
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from demo.seats import FARMAN, LATE, RANKS, REGIONS

ROOT = Path(__file__).parents[2]
OFFICERS = 300
PATIENCE = 240.0
"""Seconds for a story of two minutes, on a machine that has much else to do."""


@dataclass
class Demo:
    """A demo under way."""

    process: "subprocess.Popen[str]"
    home: Path
    told: list[str] = field(default_factory=list)
    started: dict[int, str] = field(default_factory=dict)
    """Every process seen below it, with its command line."""

    def look(self) -> None:
        """Take note of the processes that it has started."""
        shown = subprocess.check_output(["ps", "-axww", "-o", "pid=,ppid=,command="], text=True)
        below = {self.process.pid}
        children: dict[int, list[tuple[int, str]]] = {}
        for line in shown.splitlines():
            child, parent, command = line.split(maxsplit=2)
            children.setdefault(int(parent), []).append((int(child), command))
        while below:
            for pid, command in children.get(below.pop(), []):
                self.started[pid] = command
                below.add(pid)

    def until(self, words: str) -> None:
        """Read what it tells until a line holds these words."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.told.append(line)
            self.look()
            if words in line:
                return
        pytest.fail(f"It never said {words!r}:\n{''.join(self.told)}")

    def end(self) -> tuple[int, str]:
        """Read the rest; return its exit code and what it said of its end."""
        assert self.process.stderr is not None
        self.told += self.process.stdout or ()
        said = self.process.stderr.read()
        return self.process.wait(PATIENCE), said

    def left(self) -> list[str]:
        """Return the command lines of those that still run."""
        return [command for pid, command in self.started.items() if is_alive(pid)]


def is_alive(pid: int) -> bool:
    with suppress(ProcessLookupError):
        os.kill(pid, 0)
        return True
    return False


@contextmanager
def demo(home: Path, *more: str) -> Iterator[Demo]:
    with subprocess.Popen(
        [sys.executable, "-m", "demo.offices", "--fast", f"--officers={OFFICERS}", f"--home={home}", *more],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # what Ctrl-C reaches at a terminal: it, and the commands it gives
    ) as process:  # fmt: skip
        try:
            yield Demo(process, home)
        finally:
            process.kill()


def rows(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def counted(files: Path, region: str) -> list[int]:
    """Count the first order from the files alone: bound, served, read, acknowledged, complied."""
    bound = {
        row["officer_id"]
        for row in rows(files / f"roll-{region}.csv")
        if int(row["rank"]) in RANKS
    }
    answered: dict[str, set[str]] = {"acknowledged": set(), "complied": set()}
    for file in files.glob(f"answers-{region}-*.csv"):
        for row in rows(file):
            answered[row["answer"]].add(row["officer_id"])
    told = answered["acknowledged"] | answered["complied"]
    if region == "malakand":
        bound.add(LATE)
        told |= {
            row["officer_id"]
            for row in rows(files / "roll-call.csv")
            if row["answer"] != "absent"
        }
    return [len(bound), len(bound), len(told), len(told), len(answered["complied"])]


def farman(home: Path, *words: str) -> dict[str, Any]:
    done = subprocess.run(
        [FARMAN, *words, "--home", home, "--json"], capture_output=True, text=True, check=True
    )
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


@pytest.mark.timeout(2 * PATIENCE)
def test_the_story_is_told_and_its_totals_are_those_of_the_files(tmp_path: Path) -> None:
    home = tmp_path / "offices"
    with demo(home) as played:
        played.until("The workers end")
        assert sum("farman worker --role all" in one for one in played.started.values()) >= 4
        assert played.end() == (0, "")
        assert played.left() == []
    told = "".join(played.told)
    assert [
        line for line in told.splitlines() if len(line) > 80 and str(home) not in line
    ] == []
    assert "Malakand is silent since" in told

    totals = re.findall(r"^(hq-\d+-\d) +([A-Z]\w+) +\d+ +(.*)$", told, re.MULTILINE)
    first, second = sorted({ref for ref, *_ in totals})
    expected = {region: counted(home / "files", region) for region in REGIONS}
    assert [(ref, name, numbers(cells)) for ref, name, cells in totals] == [
        *((first, region.capitalize(), expected[region]) for region in REGIONS),
        *((second, region.capitalize(), [*expected[region][:2], 0, 0, 0]) for region in REGIONS),
    ]  # fmt: skip

    # What is kept says the same, asked as a person is told to ask.
    for region in REGIONS:
        for office in ("hq", region):
            answer = farman(home / office, "status", first, "--unit", region)
            names = ("population", "served", "read", "acknowledged", "complied")
            assert [answer[name] for name in names] == expected[region]
    assert all(one["same"] for one in farman(home / "hq", "rebuild", "--check")["projections"])


def numbers(cells: str) -> list[int]:
    return [int(cell.replace(",", "")) for cell in cells.split()]


@pytest.mark.timeout(PATIENCE)
@pytest.mark.parametrize(
    ("moment", "number", "started"),
    [
        ("PostgreSQL and Kafka start", signal.SIGTERM, ["tests.services postgres"]),
        (
            "Each of the four has a worker",
            signal.SIGINT,
            ["farman worker", "kafka.Kafka", "postgres -D"],
        ),
    ],
)
def test_a_signal_ends_it_and_all_that_it_started(
    tmp_path: Path, moment: str, number: signal.Signals, started: list[str]
) -> None:
    with demo(tmp_path / "offices") as played:
        played.until(moment)
        time.sleep(0.5)  # into the midst of what comes next
        played.look()
        os.killpg(played.process.pid, number)
        code, said = played.end()
    assert (code, said.count("\n")) == (128 + number, 1), said
    assert said.startswith("Stopped: nothing of it runs any more.")
    seen = list(played.started.values())
    assert [one for one in started if not any(one in command for command in seen)] == []
    assert played.left() == []


@pytest.mark.timeout(PATIENCE)
def test_when_a_worker_dies_it_says_so_and_ends_the_rest(tmp_path: Path) -> None:
    home = tmp_path / "offices"
    with demo(home) as played:
        played.until("Each of the four has a worker")
        workers = [pid for pid, one in played.started.items() if "farman worker" in one]
        os.kill(workers[0], signal.SIGKILL)
        code, said = played.end()
    told = re.fullmatch(r"The worker of (\w+) ended; its log: (.*)\n", said)
    assert code == 1
    assert told is not None, said
    assert Path(told[2]) == home / told[1].lower() / "worker.log"
    assert Path(told[2]).exists()
    assert played.left() == []


def test_it_touches_no_folder_that_it_did_not_make(tmp_path: Path) -> None:
    letter = tmp_path / "mine" / "letter.txt"
    letter.parent.mkdir()
    letter.write_text("keep me")
    with demo(letter.parent) as refused:
        code, said = refused.end()
    assert (code, refused.told) == (1, [])
    assert said.startswith(f"{letter.parent} is there already and no demo made it")
    assert letter.read_text() == "keep me"
