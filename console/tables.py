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
_SCORED = 64
"""Columns that a table of scores needs beside the post."""
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
        if not answer["backed"] and answer["state"] != "not_issued":
            console.print("unbacked: conveyed, no signed instrument", style="yellow")
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
        for line in stale(answer, tree, zone):
            console.print(line, style="yellow")
        console.print()
        console.print(legend(answer, zone), style="dim")

    return draw


def counts(answer: Answer, name: object, tree: "Tree", console: "Console") -> "Table":
    """Return the table of counts: a row for each unit, the whole as the last one.

    Numbers and names are never cut: where it is narrow, a percentage alone tells who is
    served, long names go over two lines, and the bar goes where it leaves them too little.
    """
    from rich.padding import Padding
    from rich.text import Text

    top = len(list(tree.above(answer["unit"])))
    rows = [
        (2 * (len(list(tree.above(unit["unit"]))) - top - 1), str(unit["name"]), unit)
        for unit in answer["units"]
    ]
    rows.append((0, words.named(name), answer))
    longest = max(4, *(indent + len(text) for indent, text, _ in rows))
    form, gap, room = _form([unit for _, _, unit in rows], longest, console.width)
    fits = room >= min(longest, _NAME) + gap + _BAR
    label = min(longest, room - gap - _BAR if fits else max(room, _LEAST))
    bar = min(_LONGEST_BAR, room - gap - label) if fits else 0
    columns = ["Unit", *form]
    place = 4  # beside what it draws
    if bar:
        columns.insert(place, "")
    made = table(*columns, right=form)
    made.padding = (0, gap - 1, 0, 0)  # the box itself parts the columns by one
    made.columns[0].width = label
    made.columns[0].overflow = "fold"
    for indent, text, unit in rows:
        shown: list[str | Text | Padding] = [
            Padding(Text(text), (0, 0, 0, indent)),
            *(write(unit) for write in form.values()),
        ]
        if bar:
            drawn = words.bar(unit["acknowledged"], unit["population"], bar)
            colour = "bold" if unit is answer else _pace(unit, answer)
            shown.insert(place, Text(drawn, colour))
        if unit is answer and made.row_count:
            made.add_section()
        made.add_row(*shown, style="bold" if unit is answer else None)
    return made


_BAR, _LONGEST_BAR = 5, 20
"""Columns of the bar of what is acknowledged; under the first it says nothing."""
_NAME, _LEAST = 20, 8
"""Columns of the names beside a bar, and however narrow it is."""

_Form: TypeAlias = "dict[str, Callable[[Answer], str]]"


def _form(units: Sequence[Answer], longest: int, width: int) -> tuple[_Form, int, int]:
    """Choose the columns of counts; return them, the gap, and what they leave of ``width``."""
    for form, gap in ((_FULL, 2), (_FULL, 1), (_SHORT, 2), (_SHORT, 1)):
        taken = sum(max(len(head), *map(len, map(form[head], units))) for head in form)
        room = width - taken - gap * len(form)
        if room >= longest + gap + _BAR:
            break
    return form, gap, room


def _share(name: str) -> Callable[[Answer], str]:
    return lambda unit: words.share(unit[name], unit["population"])


def _bound(unit: Answer) -> str:
    return words.count(unit["population"])


def _late(unit: Answer) -> str:
    return words.count(unit["overdue"]) if unit["overdue"] else "-"


_FULL: _Form = {
    "Bound": _bound,
    "Served": _share("served"),
    "Acknowledged": _share("acknowledged"),
    "Complied": _share("complied"),
    "Overdue": _late,
}
_SHORT: _Form = {
    "Bound": _bound,
    "Served": lambda unit: words.percent(unit["served"], unit["population"]),
    "Ack.": _share("acknowledged"),
    "Complied": _share("complied"),
    "Overdue": _late,
}


_SLOW, _LAGGING = 0.5, 0.9
"""Of the whole's share of acknowledged: below the first a unit is red, below the second yellow."""


def _pace(unit: Answer, whole: Answer) -> str:
    """Colour a unit by its pace beside the whole's, since early in a day everybody is low."""
    if not unit["population"] or not whole["acknowledged"]:
        return "dim"
    here = unit["acknowledged"] / unit["population"]
    pace = here * whole["population"] / whole["acknowledged"]
    return "red" if pace < _SLOW else "yellow" if pace < _LAGGING else "green"


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


def stale(answer: Answer, tree: "Tree", zone: tzinfo) -> list[str]:
    """Say of which units more may have happened than is known: their offices are silent."""
    return [
        f"{words.named(tree.units[unit].name)}: its office is silent"
        + (f" since {words.hour(heard['at'], zone)}" if heard and heard["at"] else "")
        + "; more may have happened there."
        for unit in answer.get("stale", ())
        for heard in [answer["heard"].get(unit)]
    ]


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

        def acknowledged(row: Answer) -> str:
            return words.hour(row["acknowledged_at"], zone) or (
                "" if row["served_at"] else "not served"
            )

        columns: dict[str, Callable[[Answer], str]] = {
            "Officer": lambda row: str(row["officer_id"]),
            "Unit": lambda row: str(row["unit"]),
            "BPS": lambda row: str(row["rank"]),
            "Served": lambda row: words.hour(row["served_at"], zone),
            "Read": lambda row: words.hour(row["read_at"], zone),
            "Ack.": acknowledged,
            "Complied": lambda row: words.hour(row["complied_at"], zone),
            "Due": lambda row: _note(row) or words.hour(row["due_at"], zone),
        }
        # What is told the least by goes first; ids go over two lines before a time is cut.
        gap = 1
        for spare in ("", "Read", "BPS", "Served"):
            columns.pop(spare, None)
            cells = {head: list(map(write, rows)) for head, write in columns.items()}
            taken = sum(max(len(head), *map(len, each)) for head, each in cells.items())
            gap = 2 if taken + 2 * (len(cells) - 1) <= console.width else 1
            if taken + gap * (len(cells) - 1) <= console.width:
                break
        made = table(*cells, right=("BPS",))
        made.padding = (0, gap - 1, 0, 0)
        _times(made, all_but=("Officer", "Unit"))
        for row, shown in zip(rows, zip(*cells.values(), strict=True), strict=True):
            made.add_row(*shown, style="red" if row.get("overdue") else None)
        console.print(made)
        if answer.get("next"):
            console.print()
            console.print(f"More: --after {answer['next']}", style="dim")

    return draw


def _note(row: Answer) -> str:
    return "contested" if row.get("contested") else "exempt" if row.get("exempt") else ""


def _times(made: "Table", *, all_but: Sequence[str]) -> None:
    """Keep every column in one piece, but those named: they go over several lines."""
    for column in made.columns:
        column.no_wrap = column.header not in all_but
        column.overflow = "ellipsis" if column.no_wrap else "fold"


def held_by(desk: Answer | None, tree: "Tree", zone: tzinfo, *, since: bool = True) -> str:
    """Name the desk that answers for a unit: its title, or that it is vacant."""
    if not desk or not desk.get("post"):
        return "no head"
    post = tree.posts.get(desk["post"])
    title = words.named(post.title) if post else str(desk["post"])
    if desk.get("officer_id"):
        return title
    at = words.instant(desk.get("vacant_since"), zone) if since else None
    return f"{title}, VACANT" + (f" since {at.day} {at:%b %Y}" if at else "")


def hops(answer: Answer, tree: "Tree", zone: tzinfo) -> Drawing:
    """Draw the hops in the order of the tree, and how long each desk has not acknowledged."""

    def draw(console: "Console") -> None:
        from rich.padding import Padding
        from rich.text import Text

        by_unit = {hop["unit"]: hop for hop in answer["hops"]}
        order = [u for u in tree.below(*([tree.root] if tree.root else [])) if u in by_unit]
        wide = console.width >= _NARROW + 14
        made = table(
            "Unit",
            "Received",
            "Acknowledged",
            "After",
            *(["Forwarded"] if wide else []),
            "Desk",
            right=("After",),
        )
        made.padding = (0, 1 if wide else 0, 0, 0)
        _times(made, all_but=("Unit", "Desk"))
        for unit in order:
            hop = by_unit[unit]
            depth = len(list(tree.above(unit))) - 1
            name = Text(words.named(tree.units[unit].name))
            made.add_row(
                Padding(name, (0, 0, 0, depth * (2 if wide else 1))),
                words.hour(hop["received_at"], zone),
                words.hour(hop["acknowledged_at"], zone) or "waiting",
                _waited(hop),
                *([words.hour(hop["forwarded_at"], zone) or "waiting"] if wide else []),
                held_by(hop["held_by"], tree, zone, since=wide),
                style=None if hop["acknowledged_at"] else "yellow",
            )
        console.print(made)
        console.print()
        done = sum(1 for hop in by_unit.values() if hop["acknowledged_at"])
        passed = sum(1 for hop in by_unit.values() if hop["forwarded_at"])
        console.print(
            f"{words.several(len(by_unit), 'unit')} received it: {done:,} acknowledged, "
            f"{passed:,} passed it on; + still waits for the desk."
        )
        for hop in answer["hops"]:
            if hop["holds"]:
                console.print(_held(hop, tree, zone), style="yellow")
        for line in stale(answer, tree, zone):
            console.print(line, style="yellow")

    return draw


def _held(hop: Answer, tree: "Tree", zone: tzinfo) -> str:
    """Tell on whose desk a branch lies, and who waits for it."""
    desk, last = hop["held_by"], hop["reminded_at"]
    if desk is None:
        whose = "no desk"
    elif desk["officer_id"] is None:
        whose = f"{desk['post']}, vacant since {words.hour(desk['vacant_since'], zone)}"
    else:
        whose = f"{desk['post']} ({desk['officer_id']})"
    reminded = (
        ""
        if last is None
        else f" Reminded {words.several(hop['reminders'], 'time')}, last {words.hour(last, zone)}."
    )
    return (
        f"{words.named(tree.units[hop['unit']].name)} holds it since "
        f"{words.hour(hop['received_at'], zone)}: {whose}. For it wait "
        f"{words.several(hop['waiting_units'], 'unit')} and "
        f"{words.several(hop['waiting_officers'], 'officer')}.{reminded}"
    )


def _waited(hop: Answer) -> str:
    """Write how long a desk took to acknowledge, with a + while it has not."""
    return words.duration(hop["unacknowledged_seconds"]) + (
        "" if hop["acknowledged_at"] else "+"
    )


def sitting(hops_: Sequence[Answer]) -> list[Answer]:
    """Return the hops of units that have not acknowledged, the longest wait first."""
    waiting = [hop for hop in hops_ if hop["received_at"] and not hop["acknowledged_at"]]
    return sorted(waiting, key=lambda hop: -hop["unacknowledged_seconds"])


def overdue(answer: Answer, tree: "Tree", zone: tzinfo) -> Drawing:
    """Draw what is overdue, by directive, clause and unit."""

    def draw(console: "Console") -> None:
        rows = answer["obligations"]
        if not rows:
            console.print("Nothing is overdue.")
            return
        made = table("Directive", "Clause", "Unit", "Officers", "Oldest due", "Desk")
        wide = console.width >= _NARROW + 14
        made.columns[3].justify = "right"
        made.padding = (0, 1 if wide else 0, 0, 0)
        _times(made, all_but=("Clause", "Unit", "Desk"))
        for row in rows:
            unit = tree.units.get(row["unit"])
            made.add_row(
                row["directive"],
                row["clause"],
                words.named(unit.name) if unit else row["unit"],
                words.count(row["officers"]),
                words.hour(row["oldest_due_at"], zone),
                held_by(row["held_by"], tree, zone, since=wide),
            )
        console.print(made)

    return draw


# -- permissions


def permissions(answer: Answer, zone: tzinfo) -> Drawing:
    """Draw permissions: whose, for what, how each stands, and whose desk it is."""

    def draw(console: "Console") -> None:
        rows = answer["permissions"]
        if not rows:
            console.print("No permission stands so.")
            return
        made = table("Permission", "Officer", "For", "State", "Until", "Desk")
        made.padding = (0, 0, 0, 0)
        _times(made, all_but=("Permission", "Officer", "For", "Desk"))
        for row in rows:
            made.add_row(
                row["permission"],
                f"{row['officer_id']}, {row['unit']}",
                f"{row['clause']}: {row['scope']}",
                row["state"],
                words.day(row["until"], zone),
                _decider(row["decider"]),
                style=_PERMITTED.get(row["state"]),
            )
        console.print(made)
        for row in rows:
            if row["because"]:
                console.print(f"{row['permission']} is void: {row['because']}", style="red")

    return draw


_PERMITTED = {"void": "red", "requested": "yellow"}


def _decider(desk: Answer) -> str:
    return f"{desk['post']} ({desk['officer_id'] or 'VACANT'})"


def permission(answer: Answer, zone: tzinfo, width: int) -> str:
    """Return all of a permission, and its entries, a line each."""
    lines = [
        f"{answer['permission']}  {answer['directive']}  {answer['state']}",
        (
            f"{answer['officer_id']} of {answer['requested_unit']} (BPS {answer['rank']}) asked "
            f"leave of {answer['clause']} for {answer['scope']}, "
            f"until {words.day(answer['requested_until'], zone)}."
        ),
        f"Why: {answer['why']}",
    ]
    decided, desk = answer["decided_by"], _decider(answer["decider"])
    if decided is None:
        lines.append(f"{desk} decides.")
    else:
        done = "Refused" if answer["state"] == "refused" else "Granted"
        end = "" if done == "Refused" else f", until {words.day(answer['until'], zone)}"
        at = words.day(answer["decided_at"], zone)
        lines.append(f"{done} {at} by {_decider(decided)}{end}.")
        if answer["reason"]:
            lines.append(f"Reason: {answer['reason']}")
    if answer["revoked_at"] is not None:
        lines.append(f"Revoked {words.day(answer['revoked_at'], zone)} by {desk}.")
        if answer["revoked_reason"]:
            lines.append(f"Reason: {answer['revoked_reason']}")
    if answer["because"]:
        lines.append(f"Void: {answer['because']}")
    told = [part for text in lines for part in textwrap.wrap(text, width)]
    return "\n".join([*told, "", timeline(answer, zone, width)])


# -- the returns of accountable posts


def returns(answer: Answer, tree: "Tree", zone: tzinfo) -> Drawing:
    """Draw the returns that are owed or were given, and why some are contradicted."""

    def draw(console: "Console") -> None:
        rows = answer["returns"]
        if not rows:
            console.print("No return is owed.")
            return
        several = len({row["directive"] for row in rows}) > 1
        clauses = len({row["clause"] for row in rows}) > 1
        head = [*(["Directive"] if several else []), *(["Clause"] if clauses else [])]
        made = table(
            *head, "Desk", "Due", "Submitted", "Claimed", "Known", "State",
            right=("Claimed", "Known"),
        )  # fmt: skip
        made.padding = (0, 1 if console.width >= _NARROW + 14 else 0, 0, 0)
        _times(made, all_but=("Clause", "Desk"))
        for row in rows:
            made.add_row(
                *([row["directive"]] if several else []),
                *([row["clause"]] if clauses else []),
                _owing(row, tree),
                words.hour(row["due_at"], zone),
                words.hour(row["submitted_at"], zone) or "-",
                "-" if row["claimed"] is None else words.count(row["claimed"]),
                "-" if row["known_now"] is None else words.count(row["known_now"]),
                _stands(row),
                style="red" if row["state"] in ("overdue", "contradicted") else None,
            )
        console.print(made)
        for row in rows:
            if row["contradicted"]:
                unit = tree.units.get(row["unit"])
                whose = words.named(unit.name) if unit else row["unit"]
                said = row["contradicted"]
                whom = f" ({said['officer_id']})" if said["officer_id"] else ""
                text = f"The return of {whose} is contradicted{whom}: {said['because']}"
                console.print(textwrap.fill(text, console.width), style="red")

    return draw


def _owing(row: Answer, tree: "Tree") -> str:
    if row["post"] is None:
        unit = tree.units.get(row["unit"])
        return f"{words.named(unit.name) if unit else row['unit']}, no head"
    post = tree.posts.get(row["post"])
    title = words.named(post.title) if post else str(row["post"])
    return f"{title} ({row['officer_id'] or 'VACANT'})"


def _stands(row: Answer) -> str:
    if row["state"] == "late":
        return f"late {words.duration(row['late_seconds'])}"
    return "full" if row["state"] == "submitted" and row["full"] else str(row["state"])


def scores(answer: Answer, zone: tzinfo) -> Drawing:
    """Draw the score of each post and tenure."""

    def draw(console: "Console") -> None:
        rows = answer["scores"]
        if not rows:
            console.print("No return has been owed.")
            return
        numbers = ("Owed", "In time", "Late", "Missing", "Claimed", "Known", "Untrue")
        made = table("Post", "Tenure", *numbers, right=numbers)
        made.padding = (0, 1 if console.width >= _NARROW + 14 else 0, 0, 0)
        _times(made, all_but=("Post", "Tenure"))
        for row in rows:
            since = words.instant(row["from"], zone)
            late = words.count(row["late"])
            if row["late"]:
                late += f" ({words.duration(row['mean_late_seconds'])})"
            made.add_row(
                textwrap.fill(row["post"], console.width - _SCORED),  # at a hyphen
                (row["officer_id"] or "VACANT")
                + ("" if since is None else f" from {since.day} {since:%b %Y}"),
                words.count(row["owed"]),
                words.count(row["in_time"]),
                late,
                words.count(row["missing"]),
                words.count(row["claimed"]),
                words.count(row["known"]),
                words.count(row["contradicted"]),
            )
        console.print(made)

    return draw


# -- what happened


def timeline(answer: Answer, zone: tzinfo, width: int) -> str:
    """Return what happened, a line an entry."""
    if not answer["entries"]:
        return "Nothing is written of it."
    return "\n".join(line(entry, zone, width) for entry in answer["entries"])


def proof(answer: Answer, zone: tzinfo, width: int) -> str:
    """Return a verdict, its reason, and the entries that it rests on, a line each."""
    verdict = "served" if answer["served"] else "NOT served"
    head = f"{answer['officer_id']} was {verdict} {answer['number']}."
    lines = [head, textwrap.fill(str(answer["because"]), width)]
    if answer["facts"]:
        lines += ["", timeline({"entries": answer["facts"]}, zone, width)]
    return "\n".join(lines)


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


_RELATIONS = {
    "reissues": "issues anew",
    "supersedes": "supersedes",
    "adopts": "adopts",
    "relays": "passes on",
    "similar_to": "is similar to",
}


def drift(answer: Answer, width: int) -> Drawing:
    """Draw how a relay's text differs from its order, both wordings side by side."""

    def draw(console: "Console") -> None:
        differences = answer["differences"]
        if not differences:
            console.print("It says the same as the order, clause by clause.")
        else:
            made = table("Clause", "What", "", "The order", "The text")
            for column in made.columns:
                column.overflow = "fold"
            for one in differences:
                looser = one["kind"] == "looser"
                made.add_row(
                    one["clause"] or "whom it binds",
                    one["field"],
                    one["kind"],
                    one["order"] or "-",
                    one["relay"] or "-",
                    style="bold red" if looser else None,
                )
            console.print(made, width=min(width, 160))
        noted = "" if not answer["recorded"] else " It is noted as found; the order stands."
        places = words.several(answer["looser"], "place")
        console.print(f"Looser in {places} than {answer['directive']}.{noted}")

    return draw


def lineage(answer: Answer, zone: tzinfo) -> Drawing:
    """Draw the line of an order, oldest first, with what each issue came to."""

    def draw(console: "Console") -> None:
        numbers = ("Served %", "Ack. %", "Done %", "Cases", "90 % in")
        made = table("Number", "Issued", *numbers, right=numbers)
        _times(made, all_but=("Number",))
        for one in answer["chain"]:
            mine = one["directive"] == answer["directive"]
            made.add_row(
                one["number"],
                words.date(one["issued_at"], zone) or "-",
                *(
                    _percent(one[f"{name}_percent"])
                    for name in ("served", "acknowledged", "complied")
                ),
                "-" if one["cases"] is None else f"{one['cases']:,}",
                _days(one),
                style="bold" if mine else ("dim" if one["directive"] is None else None),
            )
        console.print(made)
        told = [(one["number"], link) for one in answer["chain"] for link in one["links"]]
        if told:
            console.print()
        for number, link in told:
            reason = f": {link['reason'].rstrip('.')}" if link["reason"] else ""
            console.print(f"{number} {_RELATIONS[link['relation']]} {link['ref']}{reason}.")

    return draw


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"


def _days(one: Answer) -> str:
    if one["directive"] is None:
        return "-"
    if one["days_to_90"] is None:
        return "not yet" if one["state"] == "in_force" else "never"
    return f"{one['days_to_90']:,.1f} d"


def effect(answer: Answer, zone: tzinfo) -> Drawing:
    """Draw what each issue achieved: its curve, its cases, when the next came."""

    def draw(console: "Console") -> None:
        days = (
            [point["days"] for point in answer["chain"][0]["curve"]] if answer["chain"] else []
        )
        after = [f"{n} d" for n in days]
        numbers = (*after, "Cases", "Next after")
        made = table("Number", "Issued", *numbers, right=numbers)
        _times(made, all_but=("Number",))
        for one in answer["chain"]:
            following = one["next_after_days"]
            made.add_row(
                one["number"],
                words.date(one["issued_at"], zone),
                *(_percent(point["complied_percent"]) for point in one["curve"]),
                f"{one['cases']:,}",
                "-" if following is None else f"{following:,.0f} d",
                style="bold" if one["directive"] == answer["directive"] else None,
            )
        console.print(
            "Complied, in per cent of those who owe it, so many days after the issue:"
        )
        console.print(made)
        for one in answer["chain"]:
            if one["purpose"]:
                console.print(f"{one['number']} was to achieve: {one['purpose']}")

    return draw
