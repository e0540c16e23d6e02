"""Answers to questions, drawn for a person: tables of 80 columns that read well without colour.

Each function takes an answer as the office gave it and returns what draws it.
"""

import io
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import TYPE_CHECKING, Any, TypeAlias
from zoneinfo import ZoneInfo

from console import output, words

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult
    from rich.table import Table

    from domain.force import Post, Tree

Answer: TypeAlias = Mapping[str, Any]
Drawing: TypeAlias = "Callable[[Console], None]"

_NARROW = 80
_DESKS = 8
"""Vacant desks that are named; a hundred of them would hide the table."""


@dataclass(frozen=True)
class Drawn:
    """A drawing as something that rich can redraw."""

    draw: Drawing
    exercise: bool = False

    def __rich_console__(self, console: "Console", options: "ConsoleOptions") -> "RenderResult":
        """Draw it in the width there is now."""
        from rich.console import Console
        from rich.text import Text

        if self.exercise:
            yield output.EXERCISE
        # A console of its own: what redraws this one must not hear of the drawing.
        own = Console(
            file=io.StringIO(),
            width=options.max_width,
            force_terminal=console.is_terminal,
            color_system="truecolor" if console.color_system else None,
            no_color=console.no_color,
            highlight=False,
            emoji=False,
            markup=False,
        )
        with own.capture() as drawn:
            self.draw(own)
        yield Text.from_ansi(drawn.get().rstrip())


def table(*columns: str, right: Iterable[str] = ()) -> "Table":
    """Return an empty table in the house's form; the columns of ``right`` are numbers."""
    from rich import box
    from rich.table import Table

    made = Table(
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 2, 0, 0),
        header_style="bold",
        show_edge=False,
    )
    numbers = set(right)
    for column in columns:
        made.add_column(
            column, justify="right" if column in numbers else "left", no_wrap=column in numbers
        )
    return made


# -- status


def status(answer: Answer, tree: "Tree", zone: ZoneInfo) -> Drawing:
    """Draw how one directive stands: the unit asked of, then the units below it."""

    def draw(console: "Console") -> None:
        unit = tree.units.get(answer["unit"])
        console.print(
            f"{answer['number']}  {answer['directive']}  {words.state(answer['state'])}",
            style="bold",
        )
        console.print(words.named(answer["subject"]))
        console.print()
        if unit is not None:
            console.print(counts(answer, unit.name, tree, console))
        for line in desks(answer, tree, zone):
            console.print(line)
        if answer["overdue"]:
            share = words.percent(answer["overdue"], answer["population"])
            text = f"Overdue: {words.several(answer['overdue'], 'officer')}, {share}."
            console.print(text, style="red")
        others = [
            f"{name} {words.count(answer[name])}"
            for name in ("exempt", "contested")
            if answer.get(name)
        ]
        if others:
            console.print(f"Of all: {', '.join(others)}.")
        console.print()
        console.print(legend(answer, zone), style="dim")

    return draw


def counts(answer: Answer, name: object, tree: "Tree", console: "Console") -> "Table":
    """Return the table of counts: a row for each unit, the whole as the last one."""
    from rich.text import Text

    top = answer["unit"]
    level = len(list(tree.above(top)))
    rows = [
        ("  " * (len(list(tree.above(unit["unit"]))) - level - 1) + unit["name"], unit)
        for unit in answer["units"]
    ]
    rows.append((words.named(name), answer))
    cells = [_counted(unit) for _, unit in rows]
    headers = ("Bound", "Served", "Acknowledged", "Complied", "Overdue")
    widths = [max(map(len, column)) for column in zip(headers, *cells, strict=True)]
    # What the numbers leave belongs to the names first, and then to the bar.
    gap = 1 if console.width < _NARROW + 14 else 2
    room = console.width - sum(widths) - gap * len(widths)
    longest = max(4, *(len(label) for label, _ in rows))
    label_width = min(longest, max(12, room - _BAR - gap))
    bar = min(_LONGEST_BAR, room - label_width - gap)
    bar = bar if bar >= _BAR else 0
    columns = ["Unit", *headers]
    if bar:
        columns.insert(columns.index("Acknowledged") + 1, "")
    made = table(*columns, right=headers)
    made.padding = (0, gap - 1, 0, 0)  # the box itself parts the columns by one
    made.columns[0].width = label_width
    made.columns[0].overflow = "ellipsis"
    made.columns[0].no_wrap = True
    for (label, unit), row in zip(rows, cells, strict=True):
        shown: list[str | Text] = [label, *row]
        if bar:
            drawn = words.bar(unit["acknowledged"], unit["population"], bar)
            colour = "bold" if unit is answer else _pace(unit, answer)
            shown.insert(columns.index("Acknowledged") + 1, Text(drawn, colour))
        if unit is answer and made.row_count:
            made.add_section()
        made.add_row(*shown, style="bold" if unit is answer else None)
    return made


_BAR, _LONGEST_BAR = 6, 20
"""Columns of the bar of what is acknowledged; under the first it says nothing."""


_SLOW, _LAGGING = 0.5, 0.9
"""Of the whole's share of acknowledged: below the first a unit is red, below the second yellow."""


def _pace(unit: Answer, whole: Answer) -> str:
    """Colour a unit by its pace beside the whole's, since early in a day everybody is low."""
    if not unit["population"] or not whole["acknowledged"]:
        return "dim"
    here = unit["acknowledged"] / unit["population"]
    pace = here * whole["population"] / whole["acknowledged"]
    return "red" if pace < _SLOW else "yellow" if pace < _LAGGING else "green"


def _counted(unit: Answer) -> list[str]:
    whole = unit["population"]
    return [
        words.count(whole),
        words.share(unit["served"], whole),
        words.share(unit["acknowledged"], whole),
        words.share(unit["complied"], whole),
        words.count(unit["overdue"]) if unit["overdue"] else "-",
    ]


def desks(answer: Answer, tree: "Tree", zone: tzinfo) -> list[str]:
    """Name the vacant desks among the units that are shown."""
    shown = [answer["unit"], *(below["unit"] for below in answer["units"])]
    vacant = [
        tree.heads[unit]
        for unit in dict.fromkeys(shown)
        if unit in tree.heads and tree.heads[unit].holder is None
    ]
    if not vacant:
        return []
    named = [desk(post, zone) for post in vacant[:_DESKS]]
    more = len(vacant) - len(named)
    return [f"Vacant: {', '.join(named)}{f' and {more:,} more' if more else ''}."]


def desk(post: "Post", zone: tzinfo) -> str:
    """Name a vacant desk, and since when it is so."""
    from domain.fact import instant

    title = words.named(post.title)
    if post.vacant_since is None:
        return title
    at = instant(post.vacant_since).astimezone(zone)
    return f"{title} (since {at.day} {at:%b %Y})"


def legend(answer: Answer, zone: ZoneInfo) -> str:
    """Say of which moment the answer is, and what it stands on."""
    known = answer.get("known_at")
    if known is None or known == "":
        known = f"position {answer['position']:,}"
    elif isinstance(known, int):
        known = f"position {known:,}"
    else:
        known = words.day(known, zone)
    return f"As of {words.day(answer['as_of'], zone)} ({zone.key}), known at {known}."


def directives(answer: Answer) -> Drawing:
    """Draw every directive in a line."""

    def draw(console: "Console") -> None:
        rows = answer["directives"]
        if not rows:
            console.print("No directive has been issued; farman issue FILE issues one.")
            return
        made = table(
            "Directive",
            "Subject",
            "Bound",
            "Ack.",
            "Complied",
            "Overdue",
            right=("Bound", "Ack.", "Complied", "Overdue"),
        )
        made.padding = (0, 1, 0, 0)
        made.columns[1].ratio = 1
        for row in rows:
            whole = row["population"]
            ended = "" if row["state"] == "in_force" else f" ({words.state(row['state'])})"
            made.add_row(
                row["directive"],
                f"{row['number']} {words.named(row['subject'])}{ended}",
                words.count(whole),
                words.percent(row["acknowledged"], whole),
                words.percent(row["complied"], whole),
                words.count(row["overdue"]) if row["overdue"] else "-",
            )
        console.print(made)

    return draw


# -- officers, hops, overdue


def officers(answer: Answer, zone: tzinfo) -> Drawing:
    """Draw a page of officers."""

    def draw(console: "Console") -> None:
        rows = answer["officers"]
        if not rows:
            console.print("No officer stands so.")
            return
        wide = console.width >= _NARROW + 14
        made = table(
            "Officer",
            "Unit",
            "BPS",
            "Served",
            *(["Read"] if wide else []),
            "Ack.",
            "Complied",
            "Due",
            right=("BPS",),
        )
        made.padding = (0, 1, 0, 0)
        for column in made.columns:
            column.no_wrap = True
            column.overflow = "ellipsis"
        for row in rows:
            note = (
                "contested" if row.get("contested") else "exempt" if row.get("exempt") else ""
            )
            made.add_row(
                str(row["officer_id"]),
                str(row["unit"]),
                str(row["rank"]),
                words.hour(row["served_at"], zone),
                *([words.hour(row["read_at"], zone)] if wide else []),
                words.hour(row["acknowledged_at"], zone),
                words.hour(row["complied_at"], zone),
                note or words.hour(row["due_at"], zone),
                style="red" if row.get("overdue") else None,
            )
        console.print(made)
        if answer.get("next"):
            console.print()
            console.print(f"More: --after {answer['next']}", style="dim")

    return draw


def held_by(desk: Answer | None, tree: "Tree", zone: tzinfo) -> str:
    """Name the desk that answers for a unit: its title, or that it is vacant."""
    if not desk or not desk.get("post"):
        return "no head"
    post = tree.posts.get(desk["post"])
    title = words.named(post.title) if post else str(desk["post"])
    since = words.instant(desk.get("vacant_since"), zone)
    if desk.get("officer_id"):
        return title
    return f"{title}, VACANT" + (f" since {since.day} {since:%b %Y}" if since else "")


def hops(answer: Answer, tree: "Tree", zone: tzinfo) -> Drawing:
    """Draw the hops in the order of the tree; then who sits on it."""

    def draw(console: "Console") -> None:
        by_unit = {hop["unit"]: hop for hop in answer["hops"]}
        order = [u for u in tree.below(*([tree.root] if tree.root else [])) if u in by_unit]
        wide = console.width >= _NARROW + 14
        made = table(
            "Unit",
            "Received",
            "Acknowledged",
            *(["Forwarded"] if wide else []),
            "Dwell",
            "Desk",
            right=("Dwell",),
        )
        made.padding = (0, 1, 0, 0)
        for column in made.columns[:-1]:
            column.no_wrap = True
        made.columns[0].overflow = "ellipsis"
        made.columns[0].max_width = 22
        for unit in order:
            hop = by_unit[unit]
            depth = len(list(tree.above(unit))) - 1
            made.add_row(
                "  " * depth + words.named(tree.units[unit].name),
                words.hour(hop["received_at"], zone),
                words.hour(hop["acknowledged_at"], zone) or "waiting",
                *([words.hour(hop["forwarded_at"], zone) or "waiting"] if wide else []),
                words.duration(hop["dwell_seconds"]) + ("" if hop["forwarded_at"] else "+"),
                held_by(hop["held_by"], tree, zone),
                style=None if hop["acknowledged_at"] else "yellow",
            )
        console.print(made)
        console.print()
        done = sum(1 for hop in by_unit.values() if hop["acknowledged_at"])
        passed = sum(1 for hop in by_unit.values() if hop["forwarded_at"])
        console.print(
            f"{words.several(len(by_unit), 'unit')} received it: {done:,} acknowledged, "
            f"{passed:,} passed it on; + is still lying there."
        )

    return draw


def sitting(hops_: Sequence[Answer]) -> list[Answer]:
    """Return the hops of units that have not acknowledged, the longest wait first."""
    waiting = [hop for hop in hops_ if hop["received_at"] and not hop["acknowledged_at"]]
    return sorted(waiting, key=lambda hop: (hop["received_at"], hop["unit"]))


def overdue(answer: Answer, tree: "Tree", zone: tzinfo) -> Drawing:
    """Draw what is overdue, by directive, clause and unit."""

    def draw(console: "Console") -> None:
        rows = answer["obligations"]
        if not rows:
            console.print("Nothing is overdue.")
            return
        made = table("Directive", "Clause", "Unit", "Officers", "Oldest due", "Desk")
        made.columns[3].justify = "right"
        made.padding = (0, 1, 0, 0)
        for column in made.columns[:5]:
            column.no_wrap = True
            column.overflow = "ellipsis"
        for row in rows:
            unit = tree.units.get(row["unit"])
            made.add_row(
                row["directive"],
                row["clause"],
                words.named(unit.name) if unit else row["unit"],
                words.count(row["officers"]),
                words.hour(row["oldest_due_at"], zone),
                held_by(row["held_by"], tree, zone),
            )
        console.print(made)

    return draw


# -- what happened


def timeline(answer: Answer, zone: tzinfo, width: int) -> str:
    """Return what happened, a line an entry."""
    if not answer["entries"]:
        return "Nothing is written of it."
    return "\n".join(line(entry, zone, width) for entry in answer["entries"])


def line(entry: Answer, zone: tzinfo | None, width: int) -> str:
    """Return an entry as a line: when, what, by which channel, its place in the ledger.

    Not by rich: a directive has a hundred thousand of them.
    """
    at = words.instant(entry["at"], zone)
    begin = "" if at is None else f"{at:%d %b %Y %H:%M}"
    end = f"{entry['channel']:<5}  {'#' + words.count(entry['position']):>9}"
    room = max(20, width - len(end) - 21)
    first, *more = textwrap.wrap(str(entry["sentence"]), room) or [""]
    return "\n".join(
        [f"{begin:17}  {first:<{room}}  {end}", *(f"{'':17}  {part}" for part in more)]
    )
