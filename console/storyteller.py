"""A story, told to a person in the terminal: what happens, the command, and what came of it.

Each command line is one that works typed by hand; it is carried out in this process, and its
`--json` answer is held against what the story says must be true. A story that no longer holds
does not play on.
"""

import os
import shlex
import textwrap
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from zoneinfo import ZoneInfo

from console import failures, output, stories, words
from console.invocation import Invocation
from console.stories import Step, Story
from domain.errors import Misused

if TYPE_CHECKING:
    from rich.console import Console

HOME = Path("farman-story")
FILES = "story"
"""The folder in the home for what the story writes."""

WIDTH = 78
"""Columns of narration and commands: they fit any terminal, and a page."""
LONGEST = 22
"""Lines of an answer that are shown; the command typed again shows all."""
HEADING = 2
"""Lines that stand above the rows of a table."""
HEADED = 12
"""Columns that are empty where a row goes on."""
PER_WORD, SHORTEST, PATIENCE = 0.16, 0.8, 6.0
"""Seconds that a person gets for each word, and at least and at most for a step."""


class Came(NamedTuple):
    """What came of a command."""

    code: int
    answer: Any
    """As JSON has it."""
    lines: list[str]
    """As a person is shown it."""


class Broken(NamedTuple):
    """Where a story no longer holds."""

    step: int
    """From 1."""
    line: int
    """Of the story's file."""
    command: str
    place: str
    """In the answer; `exit` or `says` for how it ended."""
    expected: str
    found: str

    def sentence(self, story: Story) -> str:
        """Say it to a person."""
        return (
            f"The story {story.name} does not hold: step {self.step} "
            f"({_shown(story.path)}, line {self.line}), {self.command}: {self.place} should be "
            f"“{self.expected}”, and “{self.found}” was found."
        )


@dataclass
class _Telling:
    call: Invocation
    story: Story
    home: Path
    slow: bool
    known: dict[str, str]
    """What each name of the story stands for."""
    zone: tzinfo
    clock: datetime | None = None
    """As the last command line set it."""
    done: int = 0
    begun: float = field(default_factory=time.monotonic)

    def say(self, text: str = "") -> None:
        if not self.call.json:
            output.say(text)


def show_list(call: Invocation) -> None:
    """Name the stories, each with its line."""
    listed = stories.every()
    lines = [f"{name}\n    {line}" for name, line in listed]
    call.answer(
        {"stories": [each._asdict() for each in listed]},
        "\n".join([*lines, "", f"Play one: farman demo --story {listed[0].name}"]),
    )


def play(
    call: Invocation, name: str, *, officers: int | None, fast: bool, store: str = "sqlite"
) -> None:
    """Play a story in a rehearsal home of its own, and check what it says.

    Raises:
        Misused: there is no such story, or too few officers for it.
        Unaccepted: the story's file is not in order.
        Refused: a home stands there that no demo made.
        AnswerIsNo: it does not hold; where was said.

    """
    story = stories.find(name)
    people = story.officers if officers is None else officers
    if people < story.officers:
        raise Misused(
            f"--officers {people:,}: the story {name} needs at least {story.officers:,}."
        )
    telling = _begin(call, story, store, slow=not call.json and output.terminal() and not fast)
    known = telling.known
    broken = _prelude(telling, people)
    if broken is None:
        for number, step in enumerate(story.steps, start=1):
            if broken := _step(telling, number, step):
                break
    seconds = time.monotonic() - telling.begun
    with call.office() as office:
        position = office.head()
    answer = {
        "home": str(telling.home),
        "story": name,
        "officers": people,
        "steps": telling.done,
        "broken": None if broken is None else broken._asdict(),
        "position": position,
        "seconds": round(seconds, 1),
    }
    if broken is not None:
        call.answer(answer, "")
        output.remark(broken.sentence(story))
        raise failures.AnswerIsNo
    look = [stories.filled(line, known) for line in story.look]
    call.answer(answer, "\n".join(_ending(telling, position, seconds, look)))


def _begin(call: Invocation, story: Story, store: str, *, slow: bool) -> _Telling:
    from console.demo import new_home

    home = new_home(call, HOME, FILES, store)
    call.home = str(home.path)
    if not call.json:
        call.mark()
    telling = _Telling(
        call,
        story,
        home.path,
        slow,
        {"examples": _shown(stories.EXAMPLES), "files": _shown(home.path / FILES)},
        ZoneInfo("UTC"),
    )
    telling.say(f"{story.name}: {story.line}")
    telling.say("Every person is invented. To type along in another shell:")
    telling.say(f"    export FARMAN_HOME={shlex.quote(_shown(home.path))}")
    return telling


def _prelude(telling: _Telling, officers: int) -> Broken | None:
    """Import the force and an invented roll, and find the people of the story in it."""
    from console.files import force_file

    story, known = telling.story, telling.known
    force_path = f"{known['examples']}/{story.force}.yaml"
    roll = f"{known['files']}/roll.csv"
    force = force_file.read(stories.EXAMPLES / f"{story.force}.yaml")
    telling.zone = ZoneInfo(force.timezone)
    parents = {unit.id: unit.parent for unit in force.units}
    below: dict[str, set[str]] = {unit: set() for unit in parents}
    for unit in parents:
        up: str | None = unit
        while up is not None:
            below[up].add(unit)
            up = parents[up]
    lines = (
        ("The force, as public sources have it.", f"force import {force_path}"),
        (
            f"{officers:,} invented officers.",
            f"roll generate {force_path} --officers {officers} --seed {story.seed} --out {roll}",
        ),
        ("", f"roll import {roll}"),
    )
    for say, line in lines:
        step = Step(at=story.begin, say=say, run=tuple(shlex.split(line)), line=1)
        if broken := _step(telling, 0, step):
            return broken
    _people(telling, {unit: frozenset(units) for unit, units in below.items()})
    return None


def _people(telling: _Telling, below: Mapping[str, frozenset[str]]) -> None:
    import csv

    folder = telling.home / FILES
    with (folder / "roll.csv").open(encoding="utf-8", newline="") as file:
        found = stories.picked(telling.story, csv.DictReader(file), below)
    singles = {pick.name for pick in telling.story.people if pick.count is None}
    telling.known |= {name: found[name][0] for name in singles}
    many = {name: ids for name, ids in found.items() if name not in singles}
    for name, text in telling.story.files.items():
        filled = stories.written(text, telling.known, many)
        (folder / name).write_text(filled, encoding="utf-8")


def _step(telling: _Telling, number: int, step: Step) -> Broken | None:
    """Tell one step, carry it out, and hold the answer against what must be true."""
    begun = time.monotonic()
    told = [] if not step.say else _wrapped(_timed(telling, step))
    if told or number:
        telling.say("\n".join(["", *told]))
    came = None
    if step.run:
        typed = [stories.filled(word, telling.known) for word in step.run]
        line = [*typed, "--now", step.at.isoformat()] if step.at != telling.clock else typed
        telling.say("\n".join(_typed(line)))
        came = _carried_out(telling, [*typed, "--now", step.at.isoformat()])
        telling.clock = step.at
        shown = _shortened(came.lines, step.show)
        for row in shown:
            telling.say(f"  {row}".rstrip())
        if more := len(came.lines) - len(shown):
            telling.say(f"  … and {words.several(more, 'line')} more")
        if broken := _broken(telling, number, step, shlex.join(["farman", *typed]), came):
            return broken
        telling.known |= {
            name: stories.at(came.answer, stories.filled(place, telling.known))
            for name, place in step.keep.items()
        }
    telling.done += 1
    if telling.slow:
        read = len(" ".join([*told, *(came.lines[:LONGEST] if came else ())]).split())
        wait = min(PATIENCE, max(SHORTEST, PER_WORD * read))
        time.sleep(max(0.0, wait - (time.monotonic() - begun)))
    return None


def _shortened(lines: list[str], piece: str) -> list[str]:
    if not piece:
        return lines[:LONGEST]
    shown, last = lines[:HEADING], False
    for row in lines[HEADING:]:
        # What a table broke off goes on in the next row, below an empty first column.
        last = piece in row or (last and row[:HEADED].isspace())
        if last:
            shown.append(row)
    return shown[:LONGEST]


def _timed(telling: _Telling, step: Step) -> str:
    at = step.at.astimezone(telling.zone)
    return f"{at.day} {at:%b %Y, %H:%M}  {stories.filled(step.say, telling.known)}"


def _wrapped(text: str) -> list[str]:
    # Ids and options have hyphens, and stay whole.
    return textwrap.wrap(text, WIDTH, break_on_hyphens=False)


def _typed(line: Iterable[str]) -> list[str]:
    """Write a command line as a person types it, broken where it is too wide."""
    rows, row = [], "$ farman"
    for word in map(shlex.quote, line):
        if len(row) + len(word) + 3 > WIDTH and row.strip():
            rows.append(f"{row} \\")
            row = f"      {word}"
        else:
            row = f"{row} {word}"
    return [*rows, row]


def _carried_out(telling: _Telling, line: list[str]) -> Came:
    """Carry out a command line in this process, in the story's home.

    Raises:
        KeyboardInterrupt, PipeClosed: the person does not want to hear more.

    """
    import json

    from console.cli import run

    heard: list[tuple[Mapping[str, object], Callable[[Console], None] | str]] = []
    with output.narrowed(WIDTH), output.listening() as remarks:
        code = run(
            [*line, "--home", str(telling.home)],
            lambda content, draw: heard.append((content, draw)),
        )
    if code == failures.INTERRUPTED:
        raise KeyboardInterrupt
    if code == output.PIPE_CLOSED:
        raise output.PipeClosed
    if not heard:
        return Came(code, {}, [])
    content, draw = heard[-1]
    answer = json.loads(json.dumps(content, default=output.plain))
    if code and "error" in content:
        lines = _wrapped(f"{failures.TITLES.get(code, '')} ({code}): {draw}")
    elif isinstance(draw, str):
        lines = [row for line in draw.splitlines() for row in _wrapped(line) or [""]]
    else:
        with output.narrowed(WIDTH):
            console = output.screen()
        with console.capture() as drawn:
            draw(console)
        lines = [row.rstrip() for row in drawn.get().rstrip().split("\n")]
    lines += [row for remark in remarks for row in _wrapped(remark)]
    return Came(code, answer, lines)


def _broken(
    telling: _Telling, number: int, step: Step, command: str, came: Came
) -> Broken | None:
    """Return the first thing that is not as the story says."""

    def broken(line: int, place: str, expected: str, found: str) -> Broken:
        return Broken(number, line, command, place, expected, found)

    said = stories.at(came.answer, "error.detail")
    if came.code != step.exit:
        found = str(came.code) if said == stories.NOTHING else f"{came.code}: {said}"
        return broken(step.line, "exit", str(step.exit), found)
    says = stories.filled(step.says, telling.known)
    if says and says not in said:
        return broken(step.line, "says", says, said)
    for each in step.expect:
        place, told = (stories.filled(text, telling.known) for text in (each.place, each.told))
        found = stories.at(came.answer, place)
        if not stories.holds(found, told):
            return broken(each.line, place, told, found)
    return None


def _ending(
    telling: _Telling, position: int, seconds: float, look: Iterable[str]
) -> Iterable[str]:
    yield ""
    yield (
        f"The story holds: {words.count(telling.done)} steps, {seconds:.1f} s; "
        f"{words.count(position)} entries lie in {_shown(telling.home)}"
    )
    home = f"--home {shlex.quote(_shown(telling.home))}"
    rows = [
        line if line.startswith("farman demo ") else line.replace("farman", f"farman {home}", 1)
        for line in look
    ]
    if rows:
        yield "Look at it:"
        yield from (f"  {row}" for row in rows)


def _shown(path: Path) -> str:
    """Write a path from where the person stands, if it lies below; else whole."""
    here = Path.cwd()
    return os.path.relpath(path, here) if path.resolve().is_relative_to(here) else str(path)
