"""Answers to acts, drawn for a person: what an import, an issue or a rebuild did."""

from collections.abc import Mapping, Sequence
from datetime import tzinfo
from pathlib import Path
from typing import TYPE_CHECKING

from console import tables, words
from console.tables import Answer, Drawing

if TYPE_CHECKING:
    from rich.console import Console

_CHANGES = 20
"""Changes of a force or a roll that a person is shown; a script gets all of them."""
_ODD = 3
"""Remarks that a person is shown: a third of the desks are held by a rank below theirs."""


def force_import(answer: Answer, *, dry_run: bool) -> Drawing:
    """Draw what a force file changed."""

    def draw(console: "Console") -> None:
        made = tables.table("", "Added", "Changed", "Unchanged")
        for column in made.columns[1:]:
            column.justify = "right"
        for what in ("units", "posts"):
            row = answer[what]
            made.add_row(
                what.capitalize(),
                words.count(row["added"]),
                words.count(row["changed"]),
                words.count(row["unchanged"]),
            )
        console.print(made)
        _changes(console, answer)
        _written(console, answer, dry_run=dry_run)

    return draw


def roll_import(answer: Answer, file: str, *, dry_run: bool) -> Drawing:
    """Draw what a nominal roll changed, and which rows were left."""

    def draw(console: "Console") -> None:
        console.print(
            f"{file}: {words.several(answer['added'], 'officer')} added, "
            f"{answer['changed']:,} changed, {answer['unchanged']:,} unchanged, "
            f"{answer['missing']:,} known ones not in it, {answer['rejected']:,} rejected."
        )
        _changes(console, answer)
        if problems := answer["problems"]:
            made = tables.table("Line", "Column", "Value", "Reason")
            made.columns[0].justify = "right"
            made.columns[2].max_width = 20
            for problem in problems[:_CHANGES]:
                made.add_row(
                    words.count(problem["line"]),
                    problem["column"],
                    problem["value"],
                    problem["reason"],
                )
            console.print(made)
            _more(console, len(problems))
        _remarks(console, answer.get("remarks") or ())
        _written(console, answer, dry_run=dry_run)

    return draw


def issued(answer: Answer) -> str:
    """Say what was issued, and how far it got."""
    how = "Issued" if answer["changed"] else "Already issued"
    return (
        f"{how} {answer['number']} ({answer['directive']}): "
        f"{words.several(answer['population'], 'officer')} bound, "
        f"{words.several(answer['units'], 'unit')} reached.\n"
        f"See how it stands: farman status {answer['directive']}"
    )


def officials(answer: Answer, kind: str, zone: tzinfo) -> Drawing:
    """Draw the official groups or accounts, and who runs each."""

    def draw(console: "Console") -> None:
        rows = answer[f"{kind}s"]
        if not rows:
            console.print(f"No official {kind} is entered.")
            return
        made = tables.table("Id", "Platform", "Name", "Unit", "Run by", "Since")
        made.padding = (0, 1, 0, 0)
        for column in made.columns[2:5]:
            column.overflow = "fold"
        for row in rows:
            made.add_row(
                row[kind],
                row["platform"],
                row["name"],
                row["unit"],
                _runner(row, zone),
                words.date(row["since"], zone),
            )
        console.print(made)

    return draw


def _runner(row: Answer, zone: tzinfo) -> str:
    """Name the post that runs it, and who holds that, or since when nobody does."""
    held = row["held_by"]
    if held["officer_id"]:
        return f"{row['post']} ({held['officer_id']})"
    since = words.date(held["vacant_since"], zone)
    return f"{row['post']}, vacant since {since}" if since else str(row["post"])


def official(answer: Answer, kind: str, zone: tzinfo) -> Drawing:
    """Say whether a group or an account is official, and by which entry."""
    said = _official(answer, kind, zone)
    return lambda console: console.print(said)


def _official(answer: Answer, kind: str, zone: tzinfo) -> str:
    asked = f"{answer['name']} on {answer['platform']}"
    at = words.day(answer["as_of"], zone)
    row = answer[kind]
    if row is None:
        there = (
            "" if answer["complete"] else " Not all that was entered elsewhere is known here."
        )
        return f"{asked} is NOT official: no entry of it was open at {at}.{there}"
    under = ""
    if row["under"] is not None:
        under = f" under {row['under']['clause']} of {row['under']['directive']}"
    return (
        f"{asked} is official: {row[kind]}, of {row['unit']}, run by {_runner(row, zone)}, "
        f"entered by {row['entered_by']}{under} on {words.date(row['since'], zone)}."
    )


def instruments(answer: Answer) -> Drawing:
    """Draw the instruments from outside."""

    def draw(console: "Console") -> None:
        rows = answer["instruments"]
        if not rows:
            console.print("No instrument is entered; farman instrument enter FILE enters one.")
            return
        made = tables.table("Id", "Citation", "From", "Date", "Form", "Subject")
        made.padding = (0, 1, 0, 0)
        for row in rows:
            made.add_row(
                row["instrument"],
                row["citation"] or "-",
                row["from"],
                row["date"],
                row["form"],
                row["subject"],
            )
        console.print(made)

    return draw


def instrument(answer: Answer) -> Drawing:
    """Tell an instrument, and which orders cite it."""
    cited = f"{answer['citation']}  " if answer["citation"] else ""
    lines = [
        f"{cited}{answer['instrument']}  {answer['form']}",
        f"{answer['from']}, {answer['date']}: {answer['subject']}",
        "It binds nobody here.",
    ]
    if answer["confidentiality"]:
        lines.append(f"Marked {answer['confidentiality']}.")
    if answer["clauses"]:
        lines += ["", *(f"{one['clause']}: {one['text']}" for one in answer["clauses"])]
    lines += ["", *answer["text"].splitlines(), ""]
    relations = {"similar_to": "is similar to it", "backed": "is backed by it"}
    lines += [
        f"{one['number']} ({one['directive']}) "
        f"{relations.get(one['relation'], one['relation'] + ' it')}."
        for one in answer["cited_by"]
    ] or ["No order cites it."]
    return lambda console: console.print("\n".join(lines))


def authentic(answer: Answer, file: Path, zone: tzinfo) -> Drawing:
    """Say whether a file is what was issued, and if not, where it differs."""

    def draw(console: "Console") -> None:
        if answer["authentic"]:
            console.print(
                f"{file} is authentic: {answer['number']} ({answer['directive']}), version "
                f"{answer['version']}, issued {words.day(answer['issued_at'], zone)}, "
                f"{words.state(answer['state'])}."
            )
            if answer["version"] != answer["version_in_force"]:
                console.print(
                    f"It was amended since: version {answer['version_in_force']} is the latest."
                )
            if not answer["backed"]:
                console.print("unbacked: conveyed, no signed instrument")
            if answer["also"]:
                console.print(f"The same file was also issued as {', '.join(answer['also'])}.")
            return
        console.print(f"{file} is NOT authentic. {answer['because']}")
        if not answer["differences"]:
            return
        made = tables.table("Where", "Issued", "This copy")
        for column in made.columns:
            column.overflow = "fold"
        for one in answer["differences"]:
            line = f", line {one['line']}" if one["line"] is not None else ""
            made.add_row(f"{one['field']}{line}", one["issued"] or "-", one["copy"] or "-")
        console.print(made)

    return draw


def answers_import(answer: Answer, file: Path) -> Drawing:
    """Draw what a file of answers changed, and which lines were refused."""

    def draw(console: "Console") -> None:
        console.print(
            f"{file}: {words.several(answer['accepted'], 'answer')} accepted, "
            f"{answer['repeated']:,} repeated, {len(answer['refused']):,} refused."
        )
        refused(console, answer)

    return draw


def roll_call(answer: Answer) -> Drawing:
    """Draw what a roll call changed."""

    def draw(console: "Console") -> None:
        console.print(
            f"{answer['unit']}: {words.several(answer['accepted'], 'officer')} answered, "
            f"{answer['repeated']:,} had before, {answer['absent']:,} absent, "
            f"{len(answer['refused']):,} refused."
        )
        refused(console, answer)

    return draw


def doctor(answer: Answer) -> Drawing:
    """Draw the settings in effect and the checks."""

    def draw(console: "Console") -> None:
        made = tables.table("Setting", "Value")
        for name, value in answer["settings"].items():
            made.add_row(name, value or "-")
        console.print(made)
        console.print()
        made = tables.table("Check", "", "")
        for check in answer["checks"]:
            made.add_row(
                check["name"],
                "ok" if check["ok"] else "FAULT",
                str(check["detail"]),
                style=None if check["ok"] else "bold red",
            )
        console.print(made)

    return draw


def commissioned(answer: Answer) -> str:
    """Say how far an office is, and what is to be done with its file."""
    where = f"The office {answer['office']} of {answer['unit']} is {answer['state']}"
    if answer["file"] is None:
        return f"{where}; no file was written."
    return (
        f"{where}. Carry {answer['file']} there by hand: it holds secrets and is used once.\n"
        f"This office's key: {answer['fingerprint']}"
    )


def joined(answer: Answer) -> str:
    """Say how far this office is, and which keys to compare."""
    return (
        f"The office {answer['office']} is {answer['state']}. Compare with what "
        f"`farman office list` shows at HQ:\n"
        f"  its key  {answer['fingerprint']}\n"
        f"  HQ's     {answer['hq_fingerprint']}"
    )


def offices(answer: Answer) -> Drawing:
    """Draw the offices there are."""

    def draw(console: "Console") -> None:
        console.print(
            f"This is {answer['office']}; its key: {answer['fingerprint'] or 'none yet'}"
        )
        if not answer["offices"]:
            console.print("It stands alone: no region has an office of its own.")
            return
        made = tables.table("Office", "Unit", "State", "Key")
        for row in answer["offices"]:
            made.add_row(
                row["office"], row["unit"] or "-", row["state"], row["fingerprint"] or "-"
            )
        console.print(made)
        for row in answer["offices"]:
            if row["detail"]:
                console.print(f"{row['office']}: {row['detail']}", style="bold red")

    return draw


def projections(answer: Answer, *, check: bool) -> Drawing:
    """Draw the projections: their rows, and whether they are what the ledger says."""

    def draw(console: "Console") -> None:
        made = tables.table("Projection", "Rows", "Digest", "Same as before")
        made.columns[1].justify = "right"
        if check:
            made.columns[3].header = "As the ledger says"
        for row in answer["projections"]:
            made.add_row(
                row["name"],
                words.count(row["rows"]),
                str(row["digest"])[:16],
                "yes" if row["same"] else "NO",
                style=None if row["same"] else "bold red",
            )
        console.print(made)
        for row in answer["projections"]:
            if not row["same"] and row.get("difference"):
                console.print(f"{row['name']}: {row['difference']}")
        console.print(f"At position {answer['position']:,}.", style="dim")

    return draw


def refused(console: "Console", answer: Answer) -> None:
    """Draw the lines that were refused, if any."""
    lines = answer["refused"]
    if not lines:
        return
    made = tables.table("Line", "Officer", "Reason")
    made.columns[0].justify = "right"
    for line in lines[:_CHANGES]:
        made.add_row(
            "" if line["line"] is None else words.count(line["line"]),
            str(line["officer_id"] or ""),
            line["reason"],
        )
    console.print(made)
    _more(console, len(lines))


def _changes(console: "Console", answer: Answer) -> None:
    changes = answer.get("changes") or ()
    told = [change for change in changes if change.get("before") is not None]
    if not told:
        return
    made = tables.table("What", "Id", "Field", "Before", "After")
    for change in told[:_CHANGES]:
        made.add_row(
            str(change["what"]),
            str(change["id"]),
            str(change["field"]),
            _value(change["before"]),
            _value(change["after"]),
        )
    console.print(made)
    _more(console, len(told))


def _value(value: object) -> str:
    return words.named(value) if isinstance(value, Mapping) else str(value)


def _remarks(console: "Console", told: Sequence[Answer]) -> None:
    """Draw what is odd in a roll and no error, in the order of its lines."""
    for remark in sorted(told, key=lambda remark: remark["line"])[:_ODD]:
        said = f"{remark['officer_id']} {remark['reason']}: {remark['post']}"
        console.print(f"line {remark['line']:,}: {said}", style="dim")
    if (more := len(told) - _ODD) > 0:
        console.print(f"and {more:,} remarks more; --json lists them.", style="dim")


def _more(console: "Console", number: int) -> None:
    if number > _CHANGES:
        console.print(f"and {number - _CHANGES:,} more; --json lists all.")


def _written(console: "Console", answer: Answer, *, dry_run: bool) -> None:
    if dry_run:
        console.print("Nothing was written: this was a dry run.", style="bold")
    else:
        console.print(f"The ledger is at position {answer['position']:,}.", style="dim")
