"""The story file: a scenario as a person would live it, command by command, with what must hold.

    story: kp-2020-01-whatsapp
    line: One sentence for the list of stories.
    force: kp                         # examples/kp.yaml
    begin: 2020-01-15T08:00:00+05:00  # the rehearsal's clock, to begin with
    seed: 5                           # of the invented roll
    officers: 2000                    # the fewest that it needs
    people:
      pleader: {under: swat, rank: {from: 5, to: 9}}
      found: {under: shangla, count: 63}
      chief: {post: dpo-swat}
    files:
      cases.csv: |
        officer_id,at,evidence
        {found},2020-01-20T10:00:00+05:00,screenshot
    steps:
      - at: 2020-01-15T09:00:00+05:00
        say: The order goes out.
        run: farman issue {examples}/directives/kp-2020-01-whatsapp.md
        expect: {directive: hq-2020-1, population: at least 1500}
        keep: {bound: population}
      - say: He did not hold the post then.
        run: farman contest hq-2020-1 {pleader} --decide upheld --by {chief}
        exit: 3
        says: has contested nothing
    look:
      - farman status hq-2020-1 --depth 2

One file is both the demo (`farman demo --story NAME`) and its test. Its language is small:

- **`people`** are picked from the invented roll, in its order: `unit` (posted to it), `under`
  (to it or anything below it), `rank` (a number, or from and to), `duty` (default `on_duty`),
  `count` (that many; each then stands in a line of a file). Nobody is picked twice, and nobody
  who holds a post, but for `post`: whoever holds that one.
- **`{name}`** stands for a person picked, for what an earlier step kept, for `{examples}` (the
  folder of this file's folder) and for `{files}` (where the story's own files are written). A
  line of a file that names several people is written once for each of them, and one that holds
  `{1..63}` once for each number.
- **`run`** is a command line as it is typed. `--home` and `--now` are the player's. The clock
  stands where the last `at` put it.
- **`expect`** names places in the `--json` answer and what must be there: `a.b`, `a[0].b`,
  `a[unit=swat].b` (the one of a list), `a[]` (how many it has). What must be there is the value
  as JSON writes it, texts without quotes; or `at least N`, `at most N`, `not V`, `has V` (a
  text holds it, a list has it), `set` (anything but null).
- **`exit`** is what the command ends with, 0 if nothing is said; **`says`** is a piece of the
  sentence that it then tells.
- **`show`** is a piece of the lines of a long answer that a person is shown, below its heading.
- **`keep`** gives what stands at a place of the answer a name, for later steps.
"""

import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from console.files import durations, nodes, texts
from console.files.fields import TEXT, Fields
from console.files.nodes import Items, Node, Scalar, Table
from console.files.problems import BadFile, Problem, listed, shown
from domain.errors import Misused, Unavailable
from domain.roll import DUTIES

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
"""Part of the checkout, not of the installed package."""

LARGEST = 256 << 10
"""Bytes of a story."""
FEWEST = 2_000
"""Officers, if a story names no number."""
MOST = 1_000
"""People that one pick may take."""

OURS = ("examples", "files")
"""Names that the player gives."""

_TOP = (
    "story",
    "line",
    "force",
    "begin",
    "seed",
    "officers",
    "people",
    "files",
    "steps",
    "look",
)
_NEEDED = ("story", "line", "force", "begin", "steps")
_STEP = ("at", "say", "run", "show", "expect", "exit", "says", "keep")
_PICK = ("unit", "under", "post", "rank", "duty", "count")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_NAMED = re.compile(r"\{([a-z][a-z0-9_]{0,39})\}")
_COUNTED = re.compile(r"\{([0-9]{1,4})\.\.([0-9]{1,4})\}")
_FILE = re.compile(r"[a-z0-9][a-z0-9-]{0,59}\.(?:csv|md|txt)")
_PLACE = re.compile(r"[a-z_]+(?:\[[^\]]*\]|\.[a-z_]+)*")
_STEPS_OF_PLACE = re.compile(r"\.?([a-z_]+)|\[([^\]]*)\]")
_TELLING = ("at least ", "at most ", "not ", "has ")
_NOT_HERE = ("demo", "init", "worker", "office", "link")
"""Commands that make homes or run on: no part of a story."""
_EXITS = range(7)
_DIGITS = 9


@dataclass(frozen=True, slots=True)
class Pick:
    """Who is meant by a name: people of the roll, the first that nobody has picked before."""

    name: str
    unit: str | None
    under: str | None
    post: str | None
    ranks: range
    duty: str
    count: int | None
    """None: one person; else so many, as a list."""
    line: int


@dataclass(frozen=True, slots=True)
class Expected:
    """What must stand at a place of an answer."""

    place: str
    told: str
    line: int


@dataclass(frozen=True, slots=True)
class Step:
    """What happens next: a sentence, a command, and what must come of it."""

    at: datetime
    """The rehearsal's clock."""
    say: str
    run: tuple[str, ...]
    """The words after `farman`; none if it is only told."""
    expect: tuple[Expected, ...] = ()
    exit: int = 0
    says: str = ""
    """A piece of the sentence of a command that ends with another code than 0."""
    keep: Mapping[str, str] = field(default_factory=dict)
    """By name, the place in the answer."""
    show: str = ""
    """Of a long answer, the heading and the lines that hold it; else its beginning."""
    line: int = 0


@dataclass(frozen=True, slots=True)
class Story:
    """A scenario as it was written, sound in itself."""

    path: Path
    name: str
    line: str
    force: str
    """Its file's name without `.yaml`."""
    begin: datetime
    seed: int
    officers: int
    people: tuple[Pick, ...]
    files: Mapping[str, str]
    steps: tuple[Step, ...]
    look: tuple[str, ...]
    """Command lines to look at when it has been played."""


class Listed(NamedTuple):
    """A story as a list shows it."""

    name: str
    line: str


def names() -> list[str]:
    """Return the names of the stories.

    Raises:
        Unavailable: the examples are not here.

    """
    found = sorted(path.stem for path in (EXAMPLES / "stories").glob("*.yaml"))
    if not found:
        raise Unavailable(
            "The stories are in examples/stories, which is part of the checkout and not of the "
            "installed package; run it there: make demo."
        )
    return found


def every() -> list[Listed]:
    """Return each story with its line."""
    return [Listed(name, read(EXAMPLES / "stories" / f"{name}.yaml").line) for name in names()]


def find(name: str) -> Story:
    """Return the story of that name.

    Raises:
        Misused: there is none; the names are told.
        BadFile: with everything that is wrong with it.

    """
    known = names()
    if name not in known:
        raise Misused(
            f"There is no story {shown(name)!r}; known are {listed(known)}. "
            "farman demo --story list tells what each is about."
        )
    return read(EXAMPLES / "stories" / f"{name}.yaml")


def read(path: Path) -> Story:
    """Read a story file.

    Raises:
        BadFile: with everything that is wrong with it.

    """
    file = str(path)
    text = texts.decode(texts.read_bytes(path, LARGEST), file)
    if faults := texts.controls(text, file):
        raise BadFile(faults)
    fields = Fields(file)
    top = fields.table(nodes.load(text, file), "", _TOP, _NEEDED)
    name = fields.ident(top.get("story"), "story", "story") or ""
    if name and name != path.stem:
        line = fields.lines["story"]
        reason = f"The story is called “{name}” and its file {path.name}; call both the same."
        fields.fault("story", line, name, reason)
    begin = fields.instant(top.get("begin"), "begin")
    people = tuple(_pick(fields, *item) for item in _named(fields, top.get("people"), "people"))
    many = {pick.name for pick in people if pick.count is not None}
    known = {*OURS, *(pick.name for pick in people)}
    story = Story(
        path=path,
        name=name,
        line=fields.text(top.get("line"), "line") or "",
        force=fields.ident(top.get("force"), "force", "force") or "",
        begin=begin or durations.LAST,
        seed=_number(fields, top.get("seed"), "seed", range(1, 1_000_000)) or 1,
        officers=_number(fields, top.get("officers"), "officers", range(1, 1_000_000))
        or FEWEST,
        people=people,
        files=_files(fields, top.get("files"), known, many),
        steps=(steps := _steps(fields, top.get("steps"), begin, known, many)),
        look=_look(fields, top.get("look"), known.union(*(s.keep for s in steps)) - many),
    )
    if fields.problems:
        raise BadFile(fields.problems)
    return story


def _named(fields: Fields, node: Node | None, path: str) -> Iterable[tuple[str, int, Node]]:
    """Yield name, line and value of a table whose keys are names of the story's own."""
    if node is None:
        return
    if not isinstance(node, Table):
        fields.fault(path, node.line, "", "Here stand names, each with what it means.")
        return
    for name, (line, value) in node.fields.items():
        if not _NAME.fullmatch(name) or name in OURS:
            reason = "A name has lower-case letters, digits and _, and is none of the player's."
            fields.fault(f"{path}.{shown(name)}", line, name, reason)
        else:
            yield name, line, value


def _pick(fields: Fields, name: str, line: int, node: Node) -> Pick:
    path = f"people.{name}"
    table = fields.table(node, path, _PICK)
    where = [key for key in ("unit", "under", "post") if key in table]
    if isinstance(node, Table) and (len(where) != 1 or (where == ["post"] and len(table) > 1)):
        reason = "Say where he is: one of unit, under or post; with post, nothing else."
        fields.fault(path, line, "", reason)
    return Pick(
        name=name,
        unit=fields.ident(table.get("unit"), f"{path}.unit", "unit"),
        under=fields.ident(table.get("under"), f"{path}.under", "unit"),
        post=fields.ident(table.get("post"), f"{path}.post", "post"),
        ranks=_ranks(fields, table.get("rank"), f"{path}.rank"),
        duty=fields.choice(table.get("duty"), f"{path}.duty", DUTIES) or "on_duty",
        count=_number(fields, table.get("count"), f"{path}.count", range(1, MOST + 1)),
        line=line,
    )


def _ranks(fields: Fields, node: Node | None, path: str) -> range:
    if isinstance(node, Table):
        table = fields.table(node, path, ("from", "to"))
        low = fields.rank(table.get("from"), f"{path}.from") or 1
        high = fields.rank(table.get("to"), f"{path}.to") or 22
    else:
        low = high = fields.rank(node, path) or 0
        if not low:
            low, high = 1, 22
    return range(low, high + 1)


def _number(fields: Fields, node: Node | None, path: str, within: range) -> int | None:
    if node is None or (text := fields.text(node, path)) is None:
        return None
    if text.isascii() and text.isdigit() and len(text) <= _DIGITS and int(text) in within:
        return int(text)
    reason = f"Here stands a number from {within.start} to {within.stop - 1}."
    fields.fault(path, node.line, text, reason)
    return None


def _files(
    fields: Fields, node: Node | None, known: set[str], many: set[str]
) -> Mapping[str, str]:
    if node is None:
        return {}
    if not isinstance(node, Table):
        fields.fault("files", node.line, "", "Here stand names of files, each with its text.")
        return {}
    found: dict[str, str] = {}
    for name, (line, value) in node.fields.items():
        path = f"files.{shown(name)}"
        if not _FILE.fullmatch(name):
            reason = (
                "A file's name is small letters, digits and dashes, with .csv, .md or .txt."
            )
            fields.fault(path, line, name, reason)
        elif not isinstance(value, Scalar) or not value.text.strip():
            fields.fault(path, line, "", "Here stands the text of the file.")
        else:
            found[name] = value.text
            for row in value.text.splitlines():
                said = set(_NAMED.findall(row))
                _check_names(fields, path, line, said, known)
                if len(said & many) > 1:
                    reason = "A line can be written for one list of people, not for two."
                    fields.fault(path, line, row, reason)
    return found


def _steps(
    fields: Fields, node: Node | None, begin: datetime | None, known: set[str], many: set[str]
) -> tuple[Step, ...]:
    if isinstance(node, Items) and not node.nodes:
        fields.fault("steps", node.line, "", "A story has at least one step.")
    clock, known, steps = begin, set(known), []
    for path, item in fields.items(node, "steps", "steps"):
        table = fields.table(item, path, _STEP)
        at = fields.instant(table.get("at"), f"{path}.at")
        if at is not None and clock is not None and at < clock:
            reason = "The clock never goes back: an earlier step stands at a later hour."
            fields.fault(f"{path}.at", fields.lines[f"{path}.at"], at.isoformat(), reason)
        clock = at or clock
        say = fields.text(table.get("say"), f"{path}.say", TEXT) or ""
        _check_names(fields, f"{path}.say", item.line, _NAMED.findall(say), known - many)
        run = _run(fields, table.get("run"), f"{path}.run", known, many)
        if not run:
            for key in ("show", "expect", "exit", "says", "keep"):
                if key in table:
                    line = fields.lines[f"{path}.{key}"]
                    fields.fault(f"{path}.{key}", line, "", "This step runs no command.")
            if not say and isinstance(item, Table) and "run" not in table:
                fields.fault(path, item.line, "", "A step says something, or runs a command.")
        code = _number(fields, table.get("exit"), f"{path}.exit", _EXITS) or 0
        if "says" in table and not code:
            line = fields.lines[f"{path}.says"]
            reason = "“says” goes with “exit”: it is told of what was refused."
            fields.fault(f"{path}.says", line, "", reason)
        keep = {
            name: place
            for name, line, value in _named(fields, table.get("keep"), f"{path}.keep")
            if (place := _place(fields, value, f"{path}.keep.{name}"))
        }
        says = fields.text(table.get("says"), f"{path}.says", TEXT) or ""
        _check_names(fields, f"{path}.says", item.line, _NAMED.findall(says), known - many)
        expect = _expect(fields, table.get("expect"), f"{path}.expect", known - many)
        known |= keep.keys()
        steps.append(
            Step(
                at=clock or durations.LAST,
                say=" ".join(say.split()),
                run=run,
                expect=expect,
                exit=code,
                says=" ".join(says.split()),
                keep=keep,
                show=fields.text(table.get("show"), f"{path}.show") or "",
                line=item.line,
            )
        )
    return tuple(steps)


def _look(fields: Fields, node: Node | None, known: set[str]) -> tuple[str, ...]:
    found = []
    for path, item in fields.items(node, "look", "command lines"):
        text = fields.text(item, path, TEXT) or ""
        _check_names(fields, path, item.line, _NAMED.findall(text), known)
        if not text.startswith("farman "):
            fields.fault(path, item.line, text, "Here stands a command line of farman.")
        found.append(text)
    return tuple(found)


def _run(
    fields: Fields, node: Node | None, path: str, known: set[str], many: set[str]
) -> tuple[str, ...]:
    if node is None or (text := fields.text(node, path, TEXT)) is None:
        return ()
    try:
        first, *words = shlex.split(text)
    except ValueError as fault:
        fields.fault(path, node.line, text, f"This is no command line: {fault}.")
        return ()
    if first != "farman" or not words or words[0] in _NOT_HERE:
        reason = (
            "Here stands a command line of farman, as it is typed; "
            f"{listed(_NOT_HERE)} are no part of a story."
        )
        fields.fault(path, node.line, text, reason)
        return ()
    for word in words:
        if word.partition("=")[0] in ("--home", "--now", "--json"):
            reason = f"{word.partition('=')[0]} is the player's; the clock is set by “at”."
            fields.fault(path, node.line, word, reason)
        said = _NAMED.findall(word)
        _check_names(fields, path, node.line, said, known)
        if several := many.intersection(said):
            reason = f"“{min(several)}” is a list of people; it stands in files."
            fields.fault(path, node.line, word, reason)
    return tuple(words)


def _check_names(
    fields: Fields, path: str, line: int, said: Iterable[str], known: set[str]
) -> None:
    for name in said:
        if name not in known:
            reason = f"Nothing is called “{name}” here; known are {listed(sorted(known))}."
            fields.fault(path, line, name, reason)


def _place(fields: Fields, node: Node, path: str) -> str:
    text = fields.text(node, path) or ""
    if text and not _PLACE.fullmatch(text):
        reason = "This is no place in an answer; write it as units[unit=swat].served."
        fields.fault(path, node.line, text, reason)
        return ""
    return text


def _expect(
    fields: Fields, node: Node | None, path: str, known: set[str]
) -> tuple[Expected, ...]:
    if node is None:
        return ()
    if not isinstance(node, Table) or not node.fields:
        reason = "Here stand places in the answer, each with what must be there."
        fields.fault(path, node.line, "", reason)
        return ()
    found = []
    for place, (line, value) in node.fields.items():
        inner = f"{path}.{shown(place)}"
        if not _PLACE.fullmatch(place):
            reason = "This is no place in an answer; write it as units[unit=swat].served."
            fields.fault(inner, line, place, reason)
        elif not isinstance(value, Scalar):
            fields.fault(inner, line, "", "Here stands one value, or what it must be like.")
        else:
            _check_names(fields, inner, line, _NAMED.findall(place + value.text), known)
            found.append(Expected(place, value.text.strip() or '""', line))
    return tuple(found)


# -- what a name stands for, and what an answer holds


def filled(text: str, known: Mapping[str, str]) -> str:
    """Put what they stand for in the place of the names in a text."""
    return _NAMED.sub(lambda found: known[found[1]], text)


def written(text: str, known: Mapping[str, str], many: Mapping[str, list[str]]) -> str:
    """Return the text of a story's file, a line that names a list once for each of it.

    A line that counts is written once for each number.
    """
    lines: list[str] = []
    for line in text.splitlines():
        of = next((name for name in _NAMED.findall(line) if name in many), None)
        each = [known] if of is None else [{**known, of: one} for one in many[of]]
        lines += [one for names_ in each for one in _counted(filled(line, names_))]
    return "\n".join(lines) + "\n"


def _counted(line: str) -> list[str]:
    found = _COUNTED.search(line)
    if found is None:
        return [line]
    numbers = range(int(found[1]), min(int(found[2]), int(found[1]) + MOST) + 1)
    return [f"{line[: found.start()]}{n}{line[found.end() :]}" for n in numbers]


def picked(
    story: Story, roll: Iterable[Mapping[str, str]], below: Mapping[str, frozenset[str]]
) -> dict[str, list[str]]:
    """Return whom each name of a story means, of the rows of a roll in their order.

    ``below``: for each unit, it and all units below it.

    Raises:
        BadFile: nobody fits, or too few; the line says whom it asked for.

    """
    rows, taken = list(roll), set[str]()
    found: dict[str, list[str]] = {}
    problems = []
    for pick in story.people:
        wanted = pick.count or 1
        there = below.get(pick.under or "", frozenset()) | {pick.unit}
        fitting = (
            row["officer_id"]
            for row in rows
            if (
                row["post"] == pick.post
                if pick.post
                else not row["post"]
                and row["unit"] in there
                and int(row["rank"]) in pick.ranks
                and row["duty"] == pick.duty
            )
        )
        free = [one for one in fitting if one not in taken or pick.post][:wanted]
        if len(free) < wanted:
            reason = (
                f"In this roll nobody holds {pick.post}."
                if pick.post
                else f"In this roll {len(free)} of the {wanted} that are asked for fit."
            )
            path = f"people.{pick.name}"
            problems.append(Problem(str(story.path), pick.line, path, pick.name, reason))
        taken.update(free)
        found[pick.name] = free
    if problems:
        raise BadFile(problems)
    return found


NOTHING = "nothing"
"""What is found where an answer has no such place."""


def at(answer: object, place: str) -> str:
    """Return what stands at a place of an answer, as JSON writes it; texts without quotes."""
    here: Any = answer
    for key, index in _STEPS_OF_PLACE.findall(place):
        if key:
            if not isinstance(here, Mapping) or key not in here:
                return NOTHING
            here = here[key]
        elif not isinstance(here, list):
            return NOTHING
        elif not index:
            here = len(here)
        elif index.isdigit():
            if int(index) >= len(here):
                return NOTHING
            here = here[int(index)]
        else:
            name, _, value = index.partition("=")
            fits = [
                one
                for one in here
                if isinstance(one, Mapping) and name in one and plain(one[name]) == value
            ]
            if not fits:
                return NOTHING
            here = fits[0]
    return plain(here)


def plain(value: object) -> str:
    """Write a value as JSON does, a text without its quotes."""
    import json

    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def holds(found: str, told: str) -> bool:
    """Tell whether what stands there is as it was told."""
    way = next((way for way in _TELLING if told.startswith(way)), "")
    value = told[len(way) :]
    match way:
        case "at least " | "at most ":
            try:
                gap = float(found) - float(value)
            except ValueError:
                return False
            return gap >= 0 if way == "at least " else gap <= 0
        case "not ":
            return found not in (value, NOTHING)
        case "has ":
            return found != NOTHING and value in found
        case _ if told == "set":
            return found not in ("null", NOTHING)
        case _:
            return found == ("" if told == '""' else told)
