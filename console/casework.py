"""Cases, drawn for a person."""

import textwrap
from datetime import tzinfo
from pathlib import Path
from typing import TYPE_CHECKING

from console import reports, tables, words
from console.tables import Answer, Drawing

if TYPE_CHECKING:
    from rich.console import Console


_WORDS = {"noticed": "put to notice", "appeal_decided": "decided on appeal"}
"""What a state is called in a sentence, where it is not the state's own word."""


def step(answer: Answer, sentence: str) -> str:
    """Say what was done in one case, and on whose desk it lies now."""
    told = sentence if answer["changed"] else f"Nothing changed: {sentence}"
    return f"{told}\n{_competent(answer)}"


def _competent(answer: Answer) -> str:
    here = (
        f"Case {answer['case']} is {_WORDS.get(answer['state'], words.state(answer['state']))}"
    )
    if answer["state"] == "reinstated" or answer["outcome"] in ("filed", "forwarded"):
        return f"{here}: it is at its end."
    competent = answer["competent"]
    if competent["post"] is None:
        return f"{here}; no desk of the force is competent, but the Government of the province."
    holder = competent["officer_id"] or "vacant"
    return f"{here}; competent is {competent['post']} ({holder})."


def many(answer: Answer, file: Path | None, done: str) -> Drawing:
    """Draw what was done in many cases, and which lines were refused."""

    def draw(console: "Console") -> None:
        console.print(
            f"{file or 'Cases'}: {words.several(answer['accepted'], 'case')} {done}, "
            f"{answer['repeated']:,} repeated, {len(answer['refused']):,} refused."
        )
        found = answer["cases"]
        if found and not answer["repeated"]:
            console.print(f"{found[0]} to {found[-1]}." if found[1:] else f"{found[0]}.")
        reports.refused(console, answer)

    return draw


def listing(answer: Answer, zone: tzinfo) -> Drawing:
    """Draw a list of cases."""

    def draw(console: "Console") -> None:
        rows = answer["cases"]
        if not rows:
            console.print("There is no such case.")
            return
        made = tables.table("Case", "Officer", "Unit", "Clause", "Breach", "State")
        made.padding = (0, 1, 0, 0)
        for column in made.columns:
            column.overflow = "fold"
            column.no_wrap = column.header == "Breach"
        for row in rows:
            made.add_row(
                row["case"],
                row["officer_id"],
                row["unit"],
                row["clause"],
                words.hour(row["breach_at"], zone),
                _state(row),
            )
        console.print(made)
        console.print(f"{words.several(len(rows), 'case')}.", style="dim")

    return draw


def _state(row: Answer) -> str:
    said = [words.state(row[key]) for key in ("outcome", "appeal") if row[key] is not None]
    to = f" to {words.state(row['reduced_to'])}" if row["reduced_to"] is not None else ""
    told = f" ({', '.join(said)}{to})" if said else ""
    return words.state(row["state"]) + told


def shown(answer: Answer, zone: tzinfo, width: int) -> str:
    """Return a case and its entries."""
    head = (
        f"{answer['case']}: {answer['officer_id']} of {answer['unit']}, {answer['clause']} of "
        f"{answer['directive']}, {words.hour(answer['breach_at'], zone)}."
    )
    lines = [head, f"It is {_state(answer)}."]
    if answer["ended_at"] is None:
        lines.append(_competent(answer))
    lines = [textwrap.fill(line, width) for line in lines]
    return "\n".join([*lines, "", tables.timeline(answer, zone, width)])


def _wording(clause: Answer) -> str:
    return words.named({one["language"]: one["text"] for one in clause["texts"]})


def annex(answer: Answer, zone: tzinfo, width: int) -> str:
    """Return the proof of a case, in the order in which it is read out."""
    clause = answer["clause"]
    lines = [
        f"Annex to case {answer['case']}: {answer['officer_id']} of {answer['unit']}, BPS-{answer['rank']}.",
        f"{answer['number']}, version {answer['version']}, {clause['id']}: {_wording(clause)}",
        f"Breach: {words.day(answer['breach_at'], zone)}. Evidence: {answer['evidence'].rstrip('.')}.",
        str(answer["because"]),
    ]
    for what in ("served", "read", "acknowledged"):
        at = words.day(answer[f"{what}_at"], zone)
        lines.append(f"{what.capitalize()}: {at or 'no'}.")
    if answer["due_at"] is not None:
        lines.append(f"Due for him: {words.day(answer['due_at'], zone)}.")
    lines = [textwrap.fill(line, width) for line in lines]
    for title, key in (("How it came to him", "service_entries"), ("The case", "case_entries")):
        lines += ["", f"{title}:", tables.timeline({"entries": answer[key]}, zone, width)]
    lines += ["", "--out FILE.json writes it with the SHA-256 of every entry."]
    return "\n".join(lines)
