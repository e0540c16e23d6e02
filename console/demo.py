"""An invented day in a whole province, played through the office's own commands.

Story: the KP force of the examples, an invented roll, the order of 15 January 2020. Desks
acknowledge, stations hold roll calls, officers answer by phone and text message, lists on
paper come in late, one officer contests; a region's desk stands vacant and nothing waits for
it. At the end: who sits on it, noon as it was known then and as it is known now, and a check
of every projection against the ledger.
"""

import json
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, NamedTuple

from console import output, tables, words
from console.invocation import Invocation
from domain.errors import Refused, Unavailable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.live import Live

    from domain.force import Tree
    from office.home import Home
    from office.office import Office

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
"""Part of the checkout, not of the installed package."""
FORCE, ORDER = "kp.yaml", "directives/kp-2020-01-whatsapp.md"
HOME = Path("farman-demo")
OFFICERS = 100_000
"""If nobody says how many."""
MARK = "demo.json"
"""Stands in a home that a demo made, and that the next one may therefore make anew."""

SEED = 5
ZONE = timezone(timedelta(hours=5))
MORNING = datetime(2020, 1, 15, 8, tzinfo=ZONE)
ISSUED = MORNING.replace(hour=9)
NOON = MORNING.replace(hour=12)
HOURS = (
    *(MORNING.replace(hour=hour) for hour in (10, 11, 12, 13, 14, 16, 18, 20, 22)),
    datetime(2020, 1, 16, 9, tzinfo=ZONE),
)
"""When the day is looked at; the last is the hour at which the order falls due."""
ROLL_CALLS = {HOURS[1]: "acknowledged", HOURS[6]: "complied"}
"""At which hours the stations' clerks enter a roll call, and what was answered."""
PAPER = frozenset(HOURS[-2:])
"""When the riders bring the lists on paper."""
LEVELS = ("region", "district", "wing")
"""Whose desks acknowledge in the demo; a station's reads it out."""
STATIONS = 12
"""That hold roll calls."""
RANKS = range(5, 22)
"""Whom the order binds."""
PATIENCE = 0.9
"""Seconds that a person gets for each hour's table."""


LINES = 3
"""Of what happened last, under the table: all of it fits a terminal of 24 lines."""
SHOWN = 8
"""Desks that are named at the end."""


class Person(NamedTuple):
    """A row of the invented roll, as far as the day needs it."""

    id: str
    unit: str
    duty: str


@dataclass
class Day:
    """What the demo knows of its day."""

    call: Invocation
    home: "Home"
    slow: bool
    begun: float = field(default_factory=time.monotonic)
    ref: str = ""
    told: list[str] = field(default_factory=list)
    """What happened, a line each, latest last."""
    noon: int = 0
    """The ledger's head at noon."""
    answers: int = 0
    contested: str = ""

    @contextmanager
    def office(self, now: datetime) -> "Iterator[Office]":
        """Open the office at an hour of the day, as a command does."""
        self.call.now = now.isoformat()
        with self.call.office(self.home) as office:
            yield office

    def tell(self, now: datetime, text: str) -> None:
        """Note what happened at an hour."""
        self.told.append(f"{now:%H:%M}  {text}")


def play(call: Invocation, *, officers: int, fast: bool) -> None:
    """Make the home, play the day, and tell what it shows.

    Raises:
        Unavailable: the examples are not here.
        Refused: a home stands there that no demo made.

    """
    for name in (FORCE, ORDER):
        if not (EXAMPLES / name).is_file():
            raise Unavailable(
                f"The demo needs {name} of the examples, which are part of the checkout and not "
                "of the installed package; run it there: make demo."
            )
    people_see = not call.json and output.terminal()
    day = Day(call, new_home(call, HOME, "day"), slow=people_see and not fast)
    if not call.json:
        call.mark()
    people = _force(day, officers)
    issued = _issue(day)
    files = _answers(day, people)
    with _screen(day, live=people_see) as live:
        for now in HOURS:
            _hour(day, now, people, files[now], live)
    _tell_all(day, issued, officers)


# -- before the day


def new_home(call: Invocation, usual: Path, folder: str, store: str = "sqlite") -> "Home":
    """Make a rehearsal home with a folder for what is invented; one that a demo made goes.

    Raises:
        Refused: a home stands there that no demo made.

    """
    from office.home import Home

    path = call.settings.home if call.chosen else usual
    if (path / MARK).exists():
        shutil.rmtree(path)
    elif path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise Refused(
            f"{path} is there already and no demo made it; choose another place: "
            "farman demo --home DIR."
        )
    home = call.entered(Home.init(path, store=store, rehearsal=True))
    (path / MARK).write_text(json.dumps({"made_by": "farman demo", "seed": SEED}) + "\n")
    (path / folder).mkdir()
    return home


def _force(day: Day, officers: int) -> list[Person]:
    """Import the force and an invented roll; return whom the order binds."""
    import csv

    from console import generate
    from console.commands.force import posts_of, units_of
    from console.files import force_file, roll_file

    begun = time.monotonic()
    force = force_file.read(EXAMPLES / FORCE)
    _say(day, f"{words.named(force.name)}, {MORNING:%d %B %Y}. Every person is invented.")
    _say(day, "")
    roll = day.home.path / "day" / "roll.csv"
    generate.generate(force, officers, SEED, roll)
    with day.office(MORNING) as office, day.call.progress() as progress:
        office.import_force(
            force=force.force,
            name=force.name,
            timezone=force.timezone,
            since=force.since,
            units=units_of(force),
            posts=posts_of(force),
        )
        rows, _, columns = roll_file.read(
            roll, {u.id for u in force.units}, {p.id for p in force.posts}
        )
        office.import_roll(rows, columns, progress=progress)
    _say(
        day,
        f"{MORNING:%H:%M}  {len(force.units):,} units, {len(force.posts):,} posts and "
        f"{officers:,} officers are on the strength ({time.monotonic() - begun:.1f} s)",
    )
    with roll.open(encoding="utf-8", newline="") as file:
        return [
            Person(row["officer_id"], row["unit"], row["duty"])
            for row in csv.DictReader(file)
            if int(row["rank"]) in RANKS and row["post"] != "ppo"
        ]


def _issue(day: Day) -> Mapping[str, Any]:
    from console import orders
    from console.files import directive_file

    begun = time.monotonic()
    read = directive_file.read(EXAMPLES / ORDER)
    with day.office(ISSUED) as office:
        order = orders.order(read, office.tree())
        answer: Mapping[str, Any] = office.issue(order, read.sha256)
        day.ref = answer["directive"]
        vacant = [unit for unit, post in office.tree().heads.items() if post.holder is None]
    took = time.monotonic() - begun
    _say(day, f"{ISSUED:%H:%M}  {answer['number']} is issued: {words.named(read.subject)}")
    _say(
        day,
        f"       {answer['population']:,} officers of {answer['units']:,} units served in "
        f"{took:.1f} s;\n       {len(vacant):,} desks are vacant, and nothing waits for them",
    )
    _say(day, "")
    return answer


def _answers(day: Day, people: Sequence[Person]) -> dict[datetime, Path]:
    """Invent the day's answers, and return for each hour the file that comes in then."""
    from console import generate

    folder = day.home.path / "day"
    whole = folder / "answers.csv"
    officers = [(person.id, person.unit) for person in people]
    generate.generate_answers(officers, [day.ref], ISSUED, SEED, whole)
    files = {now: folder / f"answers-{now:%d-%H%M}.csv" for now in HOURS}
    with whole.open(encoding="utf-8") as lines:
        header = next(lines)
        parts: dict[datetime, list[str]] = {now: [header] for now in HOURS}
        bounds = [(now.isoformat(), now) for now in HOURS]
        for line in lines:
            # The offset is the same everywhere, so instants compare as they are written.
            cells = line.split(",", 6)
            for bound, now in bounds:
                if cells[3] <= bound and (cells[5] != "paper" or now in PAPER):
                    parts[now].append(line)
                    break
    for now, file in files.items():
        file.write_text("".join(parts[now]), encoding="utf-8")
        day.answers += len(parts[now]) - 1
    whole.unlink()
    return files


def _say(day: Day, text: str) -> None:
    if not day.call.json:
        output.say(text)


# -- the day


def _hour(
    day: Day, now: datetime, people: Sequence[Person], file: Path, live: "Live | None"
) -> None:
    """Let what happened since the last hour come in, and show how it stands."""
    from console.commands.answers import CHUNK
    from console.files import answers_file

    begun = time.monotonic()
    with day.office(now) as office:
        if now == HOURS[0]:
            _desks(day, office)
        if now in ROLL_CALLS:
            _roll_calls(day, office, now, people)
        if now == NOON:
            _contest(day, office, people)
        told = office.import_answers(lambda: answers_file.chunks(file, CHUNK), accept_good=True)
        day.tell(now, f"{told['accepted']:,} answers by phone, text and desk")
        if now in PAPER:
            day.told[-1] = f"{now:%H:%M}  {told['accepted']:,} answers, with lists on paper"
        if now == HOURS[-1]:
            ticked = office.tick()
            day.tell(now, f"due: {ticked['escalated']:,} escalations to the desks above")
        if now == NOON:
            day.noon = office.head()
        status = office.status(day.ref)
        tree = office.tree()
    _show(day, now, status, tree, live)
    if day.slow:
        time.sleep(max(0.0, PATIENCE - (time.monotonic() - begun)))


def _desks(day: Day, office: "Office") -> None:
    """Let the desks of wings, regions and districts acknowledge; a few take their time."""
    random = Random(SEED)  # noqa: S311 -- one seed gives one day
    tree = office.tree()
    above = [
        unit for unit in tree.units.values() if unit.kind in ("wing", "region", "district")
    ]
    done = 0
    for unit in above:
        head = tree.heads.get(unit.id)
        if head is None or head.holder is None or random.random() < 1 / 12:
            continue
        at = ISSUED + timedelta(minutes=random.randrange(2, 55))
        office.acknowledge_relay(day.ref, unit.id, at=at)
        done += 1
    day.tell(HOURS[0], f"{done} of {len(above)} desks have acknowledged receipt")


def _roll_calls(day: Day, office: "Office", now: datetime, people: Sequence[Person]) -> None:
    stations = _stations(people)
    held = now - timedelta(minutes=40)
    present = 0
    for diary, (station, officers) in enumerate(stations.items(), start=11):
        rows = [
            (line, person.id, None if person.duty == "on_duty" else "absent", None)
            for line, person in enumerate(officers, start=2)
        ]
        told = office.roll_call(
            day.ref, station, rows, diary=str(diary), held_at=held, answer=ROLL_CALLS[now]
        )
        present += told["accepted"] + told["repeated"]
    day.tell(now, f"roll calls at {len(stations)} stations: {present:,} {ROLL_CALLS[now]}")


def _stations(people: Sequence[Person]) -> dict[str, list[Person]]:
    """Choose the stations that hold roll calls, spread over the province."""
    found: dict[str, list[Person]] = {}
    for person in people:
        if "-ps-" in person.unit:
            found.setdefault(person.unit, []).append(person)
    every = max(1, len(found) // STATIONS)
    return dict(list(found.items())[::every][:STATIONS])


def _contest(day: Day, office: "Office", people: Sequence[Person]) -> None:
    """Let one officer plead that others added him to the group."""
    officer = next(person for person in people if person.unit.startswith("swat"))
    reason = "Added to the group by others, and left it on the day before the order"
    at = NOON - timedelta(minutes=25)
    office.contest(day.ref, officer.id, reason, at=at, channel="phone")
    day.contested = officer.id
    day.tell(NOON, f"{officer.id} of {officer.unit} contests: added by others")


# -- what a person sees


@contextmanager
def _screen(day: Day, *, live: bool) -> "Iterator[Live | None]":
    """Hold a table that redraws itself; without a terminal there is none."""
    if not live:
        yield None
        return
    from rich.live import Live

    with Live(console=output.screen(), auto_refresh=False, redirect_stdout=False) as screen:
        yield screen


def _show(
    day: Day, now: datetime, status: Mapping[str, Any], tree: "Tree", live: "Live | None"
) -> None:
    if day.call.json:
        return
    if live is not None:
        live.update(tables.Drawn(_hourly(day, now, status, tree)), refresh=True)
        return
    whole = status["population"]
    for line in day.told:
        output.say(line)
    day.told.clear()
    output.say(
        f"       acknowledged {words.share(status['acknowledged'], whole)}, "
        f"complied {words.share(status['complied'], whole)}"
    )
    if now == HOURS[-1]:
        output.say("")
        output.show(_hourly(day, now, status, tree))


def _hourly(day: Day, now: datetime, status: Mapping[str, Any], tree: "Tree") -> tables.Drawing:
    def draw(console: "Console") -> None:
        console.print(f"{now:%d %B %Y, %H:%M}   {status['number']}", style="bold")
        console.print()
        name = tree.units[status["unit"]].name
        console.print(tables.counts(status, name, tree, console))
        for line in day.told[-LINES:]:
            console.print(line, style="dim")

    return draw


def _tell_all(day: Day, issued: Mapping[str, Any], officers: int) -> None:
    """Say who sits on it, what noon was, and whether the projections are true."""
    now = HOURS[-1]
    with day.office(now) as office, day.call.progress() as progress:
        hops = office.hops(day.ref)["hops"]
        tree = office.tree()
        then = office.status(day.ref, as_of=NOON, known_at=day.noon)
        since = office.status(day.ref, as_of=NOON)
        checked = office.check(progress=progress)
        head = office.head()
    same = all(row["same"] for row in checked["projections"])
    seconds = time.monotonic() - day.begun
    above = {unit.id for unit in tree.units.values() if unit.kind in LEVELS}
    # Of those that wait equally long, the highest desk first.
    hops.sort(key=lambda hop: LEVELS.index(hop["kind"]) if hop["kind"] in LEVELS else 0)
    sitting = [hop for hop in tables.sitting(hops) if hop["unit"] in above]
    answer = {
        "home": str(day.home.path),
        "directive": day.ref,
        "officers": officers,
        "answers": day.answers,
        "noon": {"known_then": then["acknowledged"], "known_now": since["acknowledged"]},
        "sitting": [hop["unit"] for hop in sitting],
        "projections_same": same,
        "position": head,
        "seconds": round(seconds, 1),
    }

    def draw(console: "Console") -> None:
        _draw_sitting(console, sitting, tree)
        console.print("\nNoon, asked again", style="bold")
        console.print(f"  {then['acknowledged']:>7,}  acknowledged, as it was known at noon")
        console.print(
            f"  {since['acknowledged']:>7,}  acknowledged by noon, as it is known now"
        )
        late = since["acknowledged"] - then["acknowledged"]
        console.print(f"  {late:>7,}  of them on paper, entered later with both hours")
        console.print("\nEvery projection, made anew from the ledger", style="bold")
        rows = sum(row["rows"] for row in checked["projections"])
        verdict = (
            "the same, byte for byte" if same else "NOT the same; see farman rebuild --check"
        )
        console.print(f"  {rows:>7,}  rows of {len(checked['projections'])}: {verdict}")
        console.print(
            f"\n{seconds:.0f} seconds in all; {head:,} entries lie in {day.home.path}"
        )
        console.print("Look at it:", style="bold")
        where = f"--home {day.home.path}"
        for line in (
            f"farman {where} status {day.ref} --depth 2",
            f"farman {where} status {day.ref} --as-of {NOON.isoformat()}",
            f"farman {where} overdue --unit malakand",
            f"farman {where} timeline {day.ref} --officer {day.contested}",
            f"farman {where} replay {day.ref}",
        ):
            console.print(f"  {line}", soft_wrap=True)

    day.call.answer(answer, draw)


def _draw_sitting(
    console: "Console", sitting: Sequence[Mapping[str, Any]], tree: "Tree"
) -> None:
    console.print()
    console.print("Sitting on it: received, and not acknowledged by the desk", style="bold")
    for hop in sitting[:SHOWN]:
        waiting = words.duration(hop["unacknowledged_seconds"])
        console.print(f"  {waiting:>7}  {tables.held_by(hop['held_by'], tree, ZONE)}")
    if (more := len(sitting) - SHOWN) > 0:
        console.print(f"  and {more} more: farman hops")
