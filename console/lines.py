"""How workers and links are, drawn for a person."""

from datetime import tzinfo
from typing import TYPE_CHECKING

from console import tables, words
from console.tables import Answer, Drawing

if TYPE_CHECKING:
    from rich.console import Console

_SHOWN = 60
"""Columns of a dead letter's bytes that a person is shown."""


def health(answer: Answer) -> Drawing:
    """Draw what a worker says of itself."""

    def draw(console: "Console") -> None:
        made = tables.table("Part", "State", "")
        for check in answer["checks"]:
            made.add_row(
                check["name"],
                check["state"],
                check["detail"],
                style=None if check["ok"] else "bold red",
            )
        console.print(made)

    return draw


def status(answer: Answer, zone: tzinfo) -> Drawing:
    """Draw how every link stands."""

    def draw(console: "Console") -> None:
        if not answer["links"]:
            console.print("There is no link: this office stands alone.")
            return
        made = tables.table(
            "Office",
            "State",
            "Sent",
            "There",
            "Came",
            "Of",
            "Missing",
            "Heard",
            right=("Sent", "There", "Came", "Of", "Missing"),
        )
        for row in answer["links"]:
            sent, received = row["sent"], row["received"]
            missing = sum(last - first + 1 for first, last in received["missing"])
            made.add_row(
                row["office"],
                row["state"],
                words.count(sent["head"]),
                words.count(sent["acknowledged"]),
                words.count(received["mark"]),
                words.count(received["head"]),
                words.count(missing) if missing else "",
                words.hour(row["last_heard_at"], zone) or "never",
                style="bold red" if row["state"] in ("forked", "recovering") else None,
            )
        console.print(made)
        for row in answer["links"]:
            for text in _remarks(row):
                console.print(f"{row['office']}: {text}")

    return draw


def _remarks(row: Answer) -> list[str]:
    found = []
    if row["forked"]:
        found.append(f"forked: {row['forked']}. Nothing is taken in until a person decides.")
    if row["received"]["held"]:
        held = words.several(row["received"]["held"], "despatch", "despatches")
        found.append(f"{held} came ahead of what is missing, and waits.")
    if row["not_understood"]:
        entries = words.several(row["not_understood"], "entry", "entries")
        found.append(f"{entries} of a newer Farman: upgrade this one.")
    if row["dead_letters"]:
        letters = words.several(row["dead_letters"], "message")
        found.append(f"{letters} came that were no despatch: `farman link dead-letters`.")
    return found


def dead_letters(answer: Answer, zone: tzinfo) -> Drawing:
    """Draw what was no despatch."""

    def draw(console: "Console") -> None:
        if not answer["dead_letters"]:
            console.print("Everything that came was a despatch.")
            return
        made = tables.table("Last", "Times", "Office", "Why", right=("Times",))
        for row in answer["dead_letters"]:
            made.add_row(
                words.hour(row["at"], zone),
                words.count(row["times"]),
                row["office"],
                row["reason"],
            )
        console.print(made)

    return draw
