"""HQ and three regions, four offices on this machine: one loses its line, and nothing is lost.

Story: the regions join HQ over a real Kafka, each with a worker and a ledger of its own in
PostgreSQL. An order reaches them and is acknowledged. Malakand's line is cut: it goes on alone,
and HQ goes on too. The line heals, and the totals meet.

    python -m demo.offices [--officers N] [--fast] [--home DIR]

Safe: whatever ends it, all that it started ends with it: services and workers have a keeper
each (`tests.services`). It writes in a folder that a demo made, and nowhere else.
"""

import argparse
import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn
from zoneinfo import ZoneInfo

from console import output, words
from console.files import directive_file, force_file
from demo import telling
from demo.seats import (
    DARK,
    FARMAN,
    HQ,
    LATE,
    LATE_NAME,
    REGIONS,
    SEED,
    STATION,
    Failed,
    Seat,
    Seats,
    at_once,
    seated,
)
from demo.telling import Teller
from demo.watch import Watch
from domain.errors import FarmanError
from office.home import Home
from office.office import Office
from tests.services import Missing, NotStarted

ROOT = Path(__file__).resolve().parent.parent
FORCE = ROOT / "examples" / "kp.yaml"
FIRST = ROOT / "examples" / "directives" / "kp-2020-01-whatsapp.md"
SECOND = ROOT / "demo" / "register.md"

HOME = Path("farman-demo-offices")
MARK = "demo.json"
"""Stands in a folder that a demo made, and that the next one may therefore make anew."""
LEAST, MOST = 300, 20_000
"""Officers of one office: fewer leave posts empty, more take longer than the story."""
SHOWN = 3
"""Differences that are told, should the totals not meet."""
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(BaseException):
    """A signal wants the demo to end. Unlike KeyboardInterrupt it waits for what ends with it."""


@dataclass
class Story:
    """What the story is told of."""

    seats: Seats
    tell: Teller
    watch: Watch
    slow: bool
    orders: list[str] = field(default_factory=list)
    """Oldest first."""

    def pause(self, seconds: float) -> None:
        """Let a person read."""
        if self.slow:
            time.sleep(seconds)

    def issue(self, file: Path) -> str:
        """Issue an order at HQ; return it as a person calls it."""
        issued = self.seats.hq.farman("issue", file.name)
        ref: str = issued["directive"]
        self.orders.append(ref)
        subject = words.named(directive_file.read(file).subject)
        named = f"{issued['number']}: {subject}"
        self.watch.title = self.watch.title or named
        self.watch.orders.append(ref)
        self.tell.happens(f"HQ issues {named}")
        self.tell.typed(HQ, f"issue {file.name}")
        return ref


def play(seats: Seats, tell: Teller, *, slow: bool) -> "Story":
    """Play it all; return what became of it.

    Raises:
        Failed: something did not come as it should.

    """
    story = Story(seats, tell, Watch(seats, tell), slow)
    with ExitStack() as running:
        keys = _offices(story, running)
        with story.watch.looking():
            _manned(story, keys)
            with tell.table_below():
                _order(story)
                _alone(story)
                _heal(story)
        _compare(story)
        tell.happens("The workers end")
    _keep(story)
    return story


def _offices(story: Story, running: ExitStack) -> dict[str, str]:
    """Make HQ's home, commission the regions, let them join, and start the workers.

    Returns the fingerprints of the regions' keys, as they told them.
    """
    tell, seats = story.tell, story.seats
    hq = seats.hq
    tell.chapter("Three regions get offices of their own")
    hq.farman("init")
    force = hq.farman("force", "import", FORCE.name)
    roll = hq.farman("roll", "import", "roll-hq.csv")
    units, posts = force["units"]["added"], force["posts"]["added"]
    tell.happens(
        f"HQ has {units:,} units, {posts:,} posts and {roll['added']:,} officers of its own"
    )
    for line in ("init", f"force import {FORCE.name}", "roll import roll-hq.csv"):
        tell.typed(HQ, line)
    keys = {}
    for one in seats.regions:
        file = f"{one.id}.json"
        given = seats.commission(one, file)
        joined = one.farman("office", "join", file)
        if joined["hq_fingerprint"] != given["fingerprint"]:
            raise Failed(f"{one.name} joined another HQ than the one that commissioned it.")
        keys[one.id] = joined["fingerprint"]
        tell.happens(f"{one.name} joins; key {keys[one.id]}")
        if one is seats.regions[0]:
            tell.typed(HQ, f"office commission {one.id} --out {file}")
            tell.typed(one.id, f"office join {file}")
    for one in seats.all:
        running.enter_context(one.working())
    tell.happens("Each of the four has a worker, a process of its own")
    tell.typed(DARK, "worker --role all")
    return keys


def _manned(story: Story, keys: Mapping[str, str]) -> None:
    """Let the regions take over, and import their rolls."""
    tell, regions = story.tell, story.seats.regions
    story.watch.until("the regions took over", lambda seen: seen.open == {*REGIONS})
    tell.happens("The regions took over: from here on each alone decides for its units")
    listed = story.seats.hq.farman("office", "list")["offices"]
    if keys != {one["office"]: one["fingerprint"] for one in listed}:
        raise Failed("HQ does not list the keys that the regions told.")
    tell.happens("HQ lists the same three keys")
    tell.typed(HQ, "office list")
    rolls = at_once(lambda one: one.farman("roll", "import", f"roll-{one.id}.csv"), regions)
    for one, roll in zip(regions, rolls, strict=True):
        tell.happens(f"{one.name} imports {roll['added']:,} officers of its own")
    tell.typed(DARK, f"roll import roll-{DARK}.csv")


def _order(story: Story) -> None:
    """Let an order go down, and answers come up."""
    tell = story.tell
    tell.chapter("1  An order")
    since = time.monotonic()
    story.issue(FIRST)
    story.watch.until("HQ saw it served", lambda seen: seen.agrees(*REGIONS))
    took = time.monotonic() - since
    tell.happens(f"The regions have served it, and HQ has heard so from all ({took:.1f} s)")
    _answered(story, 1, story.seats.regions)
    tell.show()
    story.pause(3)


def _answered(story: Story, wave: int, heard: Sequence[Seat]) -> None:
    """Let officers answer at all four offices; wait until HQ has it from those it hears."""
    tell, seats = story.tell, story.seats
    count = sum(at_once(lambda one: one.answers(story.orders[0], wave), seats.all))
    tell.happens(f"{count:,} answers come in at the four offices")
    tell.typed(DARK, f"answers import answers-{DARK}-{wave}.csv")
    ids = [one.id for one in heard]
    story.watch.until("HQ had the answers", lambda seen: seen.agrees(*ids))
    tell.happens(f"HQ counts what {_listed(heard)} count")


def _listed(those: Sequence[Seat]) -> str:
    *names, last = (one.name for one in those)
    return f"{', '.join(names)} and {last}"


def _alone(story: Story) -> None:
    """Cut a region's line: it goes on alone until HQ calls it silent, and HQ goes on too."""
    tell, seats, here = story.tell, story.seats, story.seats.dark
    others = [one.id for one in seats.others]
    tell.chapter(f"2  {here.name}'s line is cut")
    seats.wire.cut()
    tell.happens("Its worker runs on and cannot reach the broker")
    here.joins()
    tell.happens(f"{here.name}: {LATE_NAME} joins {STATION} and is served at once")
    tell.typed(DARK, "roll import late.csv")
    present = here.roll_call(story.orders[0])
    tell.happens(f"{here.name}: a roll call at {STATION}; {present:,} acknowledge")
    tell.typed(DARK, f"roll-call {story.orders[0]} {STATION} roll-call.csv ...")
    _answered(story, 2, seats.others)
    story.issue(SECOND)
    story.watch.until("the others had served it", lambda seen: seen.agrees(*others))
    tell.happens(f"{_listed(seats.others)} have served it; {here.name} cannot know of it")
    tell.happens("An office that is not heard for 30 seconds is called silent ...")
    seen = story.watch.until(
        f"HQ called {here.name} silent", lambda seen: seen.states[DARK] == "silent"
    )
    at_hq, there = (by[story.orders[0]][DARK].acknowledged for by in (seen.at_hq, seen.there))
    shown = seats.hq.farman("status", story.orders[0])
    if shown["stale"] != [DARK]:
        raise Failed(f"HQ should show {DARK} alone as stale, and shows {shown['stale']}.")
    since = datetime.fromisoformat(shown["heard"][DARK]["at"])
    tell.happens(f"HQ: {here.name} is silent since {since:%H:%M:%S}, its counts here are stale")
    tell.typed(HQ, f"status {story.orders[0]}")
    tell.happens(f"HQ counts {at_hq:,} there who acknowledged, {here.name} itself {there:,}")
    tell.show()
    story.pause(6)


def _heal(story: Story) -> None:
    """Let the line heal, and wait until all is level again."""
    tell, seats = story.tell, story.seats
    tell.chapter(f"3  {seats.dark.name}'s line heals")
    before = _link(seats)
    since = time.monotonic()
    seats.wire.heal()
    tell.happens("Nobody does anything else")
    story.watch.until(
        "all was level again", lambda seen: seen.all_level and seen.agrees(*REGIONS)
    )
    took = time.monotonic() - since
    after = _link(seats)
    up = after["received"]["mark"] - before["received"]["mark"]
    down = after["sent"]["acknowledged"] - before["sent"]["acknowledged"]
    tell.happens(f"Level after {took:.1f} s: {up:,} despatches came up, {down:,} went down")
    tell.typed(HQ, "link status")
    _answered(story, 3, seats.regions)
    story.watch.until("all was level", lambda seen: seen.all_level)
    tell.show()


def _link(seats: Seats) -> Mapping[str, Any]:
    """Return how HQ's link to the region stands."""
    rows = seats.hq.farman("link", "status")["links"]
    return next(row for row in rows if row["office"] == DARK)


# -- the totals

NUMBERS = ("population", "served", "read", "acknowledged", "complied")

Totals = dict[str, dict[str, dict[str, int]]]
"""By order and unit."""


def _compare(story: Story) -> None:
    """Ask all four, by the command, how each unit stands with each order.

    Raises:
        Failed: HQ and a region differ.

    """
    totals = _totals(story, lambda one, ref: one.farman(*_asked(one, ref)))
    story.tell.chapter("The totals")
    hosted = [(ref, one) for ref in story.orders for one in story.seats.regions]
    telling.totals(
        [
            (ref, one.name, len(totals[one.id][ref]), *totals[one.id][ref][one.id].values())
            for ref, one in hosted
        ]
    )
    compared = sum(len(totals[one.id][ref]) for ref, one in hosted)
    story.tell.happens(
        f"HQ counts what the regions count, in all {compared:,} lines, number by number"
    )
    story.tell.typed(DARK, " ".join(_asked(story.seats.dark, story.orders[0])))


def _asked(one: Seat, ref: str) -> tuple[str, ...]:
    return ("status", ref, "--unit", one.id, "--depth", "4")


def _totals(story: Story, ask: Callable[[Seat, str], Mapping[str, Any]]) -> dict[str, Totals]:
    """Return each office's totals, if they meet.

    Raises:
        Failed: they do not.

    """

    def of(one: Seat) -> Totals:
        return {ref: _by_unit(ask(one, ref)) for ref in story.orders}

    found = dict(
        zip((one.id for one in story.seats.all), at_once(of, story.seats.all), strict=True)
    )
    wrong = [
        f"{ref}, {unit}: HQ has {at_hq} {name}, {one.name} {count}"
        for one in story.seats.regions
        for ref, units in found[one.id].items()
        for unit, counts in units.items()
        for name, count in counts.items()
        if (at_hq := found[HQ][ref][unit][name]) != count
    ]
    if wrong:
        more = f", and {len(wrong) - SHOWN:,} more" if len(wrong) > SHOWN else ""
        raise Failed(f"The totals do not meet: {'; '.join(wrong[:SHOWN])}{more}.")
    return found


def _by_unit(answer: Mapping[str, Any]) -> dict[str, dict[str, int]]:
    return {
        one["unit"]: {name: one[name] for name in NUMBERS} for one in [answer, *answer["units"]]
    }


# -- what is kept


def _keep(story: Story) -> None:
    """Keep each ledger in a SQLite file, and ask there for the totals again.

    Raises:
        Failed: they do not meet there.

    """
    for one in story.seats.all:
        one.keep()

    def ask(one: Seat, ref: str) -> Mapping[str, Any]:
        with Office(Home.open(one.home)) as office:
            return office.status(ref, unit=one.id, depth=4)

    _totals(story, ask)


def _where_to_look(story: Story) -> None:
    tell, first = story.tell, story.orders[0]
    program = "farman" if shutil.which("farman") else os.path.relpath(FARMAN)
    tell.chapter("Where to look")
    tell.say("Each home keeps its ledger in a SQLite file now, with every table made anew:")
    tell.say("the totals are the same. Nothing runs, so the offices call each other silent.")
    tell.say()
    lines = (
        (HQ, f"status {first}"),
        (HQ, f"timeline {first} --unit {STATION}"),
        (HQ, "office list"),
        (DARK, f"status {first} --unit {DARK}"),
        (DARK, f"timeline {first} --officer {LATE}"),
        (DARK, "link status"),
    )
    homes = {one.id: one.home for one in story.seats.all}
    for where, line in lines:
        tell.say(f"  FARMAN_HOME={homes[where]} {program} {line}")
    tell.say(f"  less {story.seats.dark.log}")
    tell.say()


# -- the program


def main() -> int:
    """Play the demo as the command line says; return the exit code."""
    asked = _parser().parse_args()
    output.ready()
    for number in SIGNALS:
        signal.signal(number, _stop)
    try:
        return _main(asked.home, asked.officers, slow=output.terminal() and not asked.fast)
    except Stopped as stopped:
        output.remark(
            "Stopped: nothing of it runs any more. The next run makes its homes anew."
        )
        return 128 + int(stopped.args[0])
    except (Failed, FarmanError, Missing, NotStarted) as fault:
        output.remark(str(fault))
        return 1


def _main(path: Path, officers: int, *, slow: bool) -> int:
    force = force_file.read(FORCE)
    tell = Teller(ZoneInfo(force.timezone))
    folder = _folder(path)
    tell.say("HQ and three regions of Khyber Pakhtunkhwa: four offices on this machine, each")
    tell.say("with a ledger of its own in PostgreSQL, joined by Kafka. Everybody is invented.")
    tell.say()
    tell.happens("PostgreSQL and Kafka start ...")
    with seated(folder, force, (FORCE, FIRST, SECOND)) as seats:
        begun = time.monotonic()
        for one in seats.all:
            one.invent(force, officers)
        story = play(seats, tell, slow=slow)
        took = time.monotonic() - begun
    _where_to_look(story)
    tell.say(
        f"{took:.0f} seconds in all, with the services running. Nothing of it runs any more."
    )
    return 0


def _stop(number: int, frame: FrameType | None) -> NoReturn:
    for each in SIGNALS:
        signal.signal(each, signal.SIG_IGN)  # once is enough: it is ending
    raise Stopped(number)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("demo.offices", description=(__doc__ or "").split("\n")[0])
    parser.add_argument(
        "--officers",
        type=_count,
        default=2_500,
        metavar="N",
        help="how many invented officers each office has (%(default)s)",
    )
    parser.add_argument("--fast", action="store_true", help="no pauses for reading")
    parser.add_argument(
        "--home",
        type=Path,
        default=HOME,
        metavar="DIR",
        help="the folder in which the four homes are made (%(default)s)",
    )
    return parser


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not LEAST <= int(text) <= MOST:
        raise argparse.ArgumentTypeError(f"a number from {LEAST} to {MOST:,}, not {text}")
    return int(text)


def _folder(path: Path) -> Path:
    """Make the demo's folder anew.

    Raises:
        Failed: something else is there, or it cannot be made.

    """
    try:
        if (path / MARK).exists():
            shutil.rmtree(path)
        elif path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise Failed(
                f"{path} is there already and no demo made it; choose another place: --home DIR."
            )
        path.mkdir(parents=True, exist_ok=True)
        (path / MARK).write_text(json.dumps({"made_by": "demo.offices", "seed": SEED}) + "\n")
    except OSError as fault:
        raise Failed(f"The folder {path} cannot be made: {fault.strerror}.") from fault
    return path


if __name__ == "__main__":
    sys.exit(main())
