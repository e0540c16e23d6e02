"""Commands about the force: its tree, its roll, its officers and its posts."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from console import reports
from console.commands.options import (
    AcceptGood,
    At,
    DryRun,
    Officer,
    Out,
    PostWord,
    Reads,
    UnitWord,
    call,
)

if TYPE_CHECKING:
    from console.files.force_file import ForceFile
    from domain.force import Post, Unit


def import_force(ctx: typer.Context, file: Reads, dry_run: DryRun = False) -> None:
    """Import the command tree and its posts from a force file.

    All of it or nothing. Importing it again changes nothing; importing a changed one
    establishes, renames, moves and revises from its `since` on.
    """
    from console.files import force_file

    this = call(ctx)
    read = force_file.read(this.reads(file, "field"))
    with this.office() as office:
        answer = office.import_force(
            force=read.force,
            name=read.name,
            timezone=read.timezone,
            since=read.since,
            units=units_of(read),
            posts=posts_of(read),
            dry_run=dry_run,
        )
    this.answer(answer, reports.force_import(answer, dry_run=dry_run))


def units_of(read: "ForceFile") -> "list[Unit]":
    """Return a force file's units as the rules know them."""
    from domain.fact import UnitId
    from domain.force import Unit

    return [
        Unit(UnitId(u.id), u.kind, u.name, UnitId(u.parent) if u.parent else None)
        for u in read.units
    ]


def posts_of(read: "ForceFile") -> "list[Post]":
    """Return a force file's posts as the rules know them, nobody in charge of any."""
    from domain.fact import PostId, UnitId
    from domain.force import Post

    return [Post(PostId(p.id), UnitId(p.unit), p.title, p.rank, p.head) for p in read.posts]


def generate_roll(
    ctx: typer.Context,
    force_file: Annotated[Path, typer.Argument(help="The force file.", metavar="FORCE_FILE")],
    officers: Annotated[int, typer.Option("--officers", help="How many.", min=1)],
    seed: Annotated[int, typer.Option("--seed", help="The same seed, the same roll.")],
    out: Out,
) -> None:
    """Invent a nominal roll of any size for a force.

    For exercises, never for a real home.
    """
    from console import generate
    from console.files import force_file as forces

    this = call(ctx)
    force = forces.read(this.reads(force_file, "field"))
    written = generate.generate(force, officers, seed, this.writes(out))
    this.answer(
        {"officers": written, "file": str(out)}, f"{written:,} invented officers are in {out}."
    )


def transfer(ctx: typer.Context, officer: Officer, unit: UnitWord, at: At = None) -> None:
    """Post an officer to another unit; what binds him goes with him."""
    this = call(ctx)
    with this.office() as office:
        answer = office.transfer(officer, unit, at=this.instant(at, "--at"))
    this.answer(answer, _changed(answer, f"{officer} is posted to {unit}."))


def duty(
    ctx: typer.Context,
    officer: Officer,
    state: Annotated[
        Literal["on_duty", "leave", "suspended", "osd", "lines"],
        typer.Argument(help="His duty state from now on.", metavar="STATE"),
    ],
    at: At = None,
) -> None:
    """Change an officer's duty state."""
    this = call(ctx)
    with this.office() as office:
        answer = office.duty(officer, state, at=this.instant(at, "--at"))
    this.answer(answer, _changed(answer, f"{officer}: {state.replace('_', ' ')}."))


def promote(
    ctx: typer.Context,
    officer: Officer,
    rank: Annotated[int, typer.Argument(help="His BPS from now on.", min=1, max=22)],
    at: At = None,
) -> None:
    """Give an officer another rank, up or down."""
    this = call(ctx)
    with this.office() as office:
        answer = office.promote(officer, rank, at=this.instant(at, "--at"))
    this.answer(answer, _changed(answer, f"{officer} is in BPS-{rank}."))


def retire(
    ctx: typer.Context,
    officer: Officer,
    died: Annotated[bool, typer.Option("--died", help="He died in service.")] = False,
    at: At = None,
) -> None:
    """Take an officer off the strength.

    His charges end, and nothing binds him any more.
    """
    this = call(ctx)
    with this.office() as office:
        answer = office.retire(officer, died=died, at=this.instant(at, "--at"))
    this.answer(answer, _changed(answer, f"{officer} has left the force."))


def assume(
    ctx: typer.Context,
    post: PostWord,
    officer: Officer,
    charge: Annotated[
        Literal["substantive", "acting", "additional"],
        typer.Option("--charge", help="How he holds it."),
    ] = "substantive",
    at: At = None,
) -> None:
    """Put an officer in charge of a post.

    A substantive charge ends the one before it.
    """
    this = call(ctx)
    with this.office() as office:
        answer = office.assume(post, officer, charge=charge, at=this.instant(at, "--at"))
    this.answer(answer, _changed(answer, f"{officer} has {charge} charge of {post}."))


def relinquish(
    ctx: typer.Context,
    post: PostWord,
    officer: Annotated[
        str | None,
        typer.Option("--officer", help="Whose charge ends; needed where several hold it."),
    ] = None,
    at: At = None,
) -> None:
    """End an officer's charge of a post.

    The desk may stand vacant from then on.
    """
    this = call(ctx)
    with this.office() as office:
        answer = office.relinquish(post, officer=officer, at=this.instant(at, "--at"))
    this.answer(answer, _changed(answer, f"{answer['officer']} has relinquished {post}."))


def import_roll(
    ctx: typer.Context,
    file: Reads,
    dry_run: DryRun = False,
    accept_good: AcceptGood = False,
    at: At = None,
) -> None:
    """Import a nominal roll (CSV, or the first sheet of an XLSX).

    Nothing is written when a row is bad, unless --accept-good is given; then the bad rows are
    reported. Importing it again changes nothing.
    """
    from console.files import roll_file
    from console.files.problems import BadFile

    this = call(ctx)
    with this.office() as office:
        tree = office.tree()
        rows, problems, columns = roll_file.read(
            this.reads(file, "column"), tree.units.keys(), tree.posts.keys()
        )
        if problems and not accept_good:
            raise BadFile(problems)
        with this.progress() as progress:
            answer = office.import_roll(
                rows,
                columns,
                at=this.instant(at, "--at"),
                dry_run=dry_run,
                accept_good=accept_good,
                progress=progress,
            )
    answer = {
        **answer,
        "rejected": len({problem.line for problem in problems}) + answer["rejected"],
        "problems": [
            {"line": p.line, "column": p.column, "value": p.value, "reason": p.reason}
            for p in sorted(problems, key=lambda problem: problem.line)
        ]
        + answer["problems"],
    }
    this.answer(answer, reports.roll_import(answer, str(file), dry_run=dry_run))


def _changed(answer: dict[str, object], sentence: str) -> str:
    return sentence if answer["changed"] else f"Nothing changed: {sentence}"
