"""Commands that ask: how it stands, who is open, where it is, what happened. They write nothing."""

import time
from typing import Annotated, Any, Literal, get_args

import typer

from console import output, tables
from console.commands.options import AsOf, KnownAt, MaybeRef, Out, Ref, UnitOption, call
from domain.errors import Misused

State = Literal[
    "open",
    "overdue",
    "served",
    "unserved",
    "read",
    "unread",
    "acknowledged",
    "unacknowledged",
    "complied",
    "contested",
    "exempt",
]
STATES: tuple[str, ...] = get_args(State)


def status(
    ctx: typer.Context,
    ref: MaybeRef = None,
    unit: UnitOption = None,
    depth: Annotated[
        int, typer.Option("--depth", help="Levels of the tree below the unit.", min=0, max=20)
    ] = 1,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    version: Annotated[
        int | None,
        typer.Option(
            "--version", help="Ask of this version instead of the one in force.", min=1
        ),
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Redraw it until Ctrl-C.")] = False,
    interval: Annotated[
        float, typer.Option("--interval", help="Seconds between two drawings.", min=0.2)
    ] = 2.0,
) -> None:
    """Show how a directive stands, unit by unit.

    Without REF, every directive in a line. Numbers are of officers, each counted under his
    unit at that instant.
    """
    this = call(ctx)
    instant, known = this.instant(as_of, "--as-of"), this.known(known_at)
    if version is not None and ref is None:
        raise Misused("--version needs a directive: farman status REF --version N.")

    def ask() -> tuple[dict[str, Any], tables.Drawing]:
        with this.office() as office:
            answer = office.status(
                ref, unit=unit, depth=depth, as_of=instant, known_at=known, version=version
            )
            if ref is None:
                return answer, tables.directives(answer)
            tree = office.tree(as_of=instant, known_at=known)
            return answer, tables.status(answer, tree, office.timezone)

    if not watch:
        this.answer(*ask())
        return
    if this.json or not output.terminal():
        raise Misused("--watch redraws a terminal; without one, ask again with farman status.")
    from rich.live import Live

    with Live(
        console=output.screen(), auto_refresh=False, screen=True, redirect_stdout=False
    ) as live:
        while True:
            live.update(tables.Drawn(ask()[1], exercise=this.rehearsal), refresh=True)
            time.sleep(interval)


def officers(
    ctx: typer.Context,
    ref: Ref,
    state: Annotated[
        State | None,
        typer.Option("--state", help=f"Only: {', '.join(STATES)}.", metavar="STATE"),
    ] = None,
    unit: UnitOption = None,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    after: Annotated[
        str | None,
        typer.Option("--after", help="Go on after this officer's id: `next` of the last page."),
    ] = None,
    limit: Annotated[
        int, typer.Option("--limit", help="Officers on a page.", min=1, max=10_000)
    ] = 100,
) -> None:
    """List how each officer stands, page by page."""
    this = call(ctx)
    with this.office() as office:
        answer = office.officers(
            ref,
            state=state,
            unit=unit,
            as_of=this.instant(as_of, "--as-of"),
            known_at=this.known(known_at),
            after=after,
            limit=limit,
        )
        zone = office.timezone
    this.answer(answer, tables.officers(answer, zone))


def show(
    ctx: typer.Context,
    ref: Ref,
    version: Annotated[
        int | None,
        typer.Option("--version", help="This version, not the one in force.", min=1),
    ] = None,
    language: Annotated[
        str | None,
        typer.Option(
            "--language", help="In this language: en, ur, ps, sd.", metavar="LANGUAGE"
        ),
    ] = None,
    as_of: AsOf = None,
    known_at: KnownAt = None,
) -> None:
    """Show what a directive says, and what it rests on.

    To whom, clause by clause, its text, what it cites, and what each version changed.
    """
    from console import wording

    this = call(ctx)
    with this.office() as office:
        answer = office.show(
            ref,
            version=version,
            language=language,
            as_of=this.instant(as_of, "--as-of"),
            known_at=this.known(known_at),
        )
        zone = office.timezone
    this.answer(answer, wording.directive(answer, zone))


def hops(ctx: typer.Context, ref: Ref) -> None:
    """Show where a directive is, and who is sitting on it.

    For each unit: when it was received, acknowledged and passed on, and how long it lay there.
    """
    this = call(ctx)
    with this.office() as office:
        answer = office.hops(ref)
        tree, zone = office.tree(), office.timezone
    this.answer(answer, tables.hops(answer, tree, zone))


def overdue(ctx: typer.Context, unit: UnitOption = None, as_of: AsOf = None) -> None:
    """Show what is overdue, and whose desk answers for it.

    By directive, clause and unit.
    """
    this = call(ctx)
    with this.office() as office:
        answer = office.overdue(unit=unit, as_of=this.instant(as_of, "--as-of"))
        tree, zone = office.tree(), office.timezone
    this.answer(answer, tables.overdue(answer, tree, zone))


def proof_of_service(
    ctx: typer.Context,
    ref: Ref,
    officer: Annotated[str, typer.Argument(help="His id.", metavar="OFFICER")],
    as_of: AsOf = None,
    known_at: KnownAt = None,
) -> None:
    """Prove that an officer was served, or tell why not.

    With the entries that say so: the issue, each desk on the way, the roll, his own answers.
    """
    this = call(ctx)
    with this.office() as office:
        answer = office.proof_of_service(
            ref,
            officer,
            as_of=this.instant(as_of, "--as-of"),
            known_at=this.known(known_at),
        )
        zone = office.timezone
    this.answer(answer, tables.proof(answer, zone, output.screen().width))


def timeline(
    ctx: typer.Context,
    ref: Ref,
    officer: Annotated[
        str | None, typer.Option("--officer", help="Only what concerns him.", metavar="ID")
    ] = None,
    unit: UnitOption = None,
    known_at: KnownAt = None,
    limit: Annotated[
        int | None, typer.Option("--limit", help="At most so many entries.", min=1)
    ] = None,
) -> None:
    """Tell what happened to a directive, entry by entry.

    Each has its place in the ledger.
    """
    this = call(ctx)
    shown = limit
    if limit is None and not this.json and output.terminal():
        shown = _SCREENFUL
    with this.office() as office:
        answer = office.timeline(
            ref, officer=officer, unit=unit, known_at=this.known(known_at), limit=shown
        )
        zone = office.timezone
    this.answer(answer, tables.timeline(answer, zone, output.screen().width))
    if limit is None and len(answer["entries"]) == shown:
        output.remark(
            f"These are the first {shown:,}; --limit N shows more, --officer and --unit fewer."
        )


_SCREENFUL = 500
"""Entries that a person at a terminal gets unasked; a pipe gets all."""


def export(
    ctx: typer.Context,
    ref: MaybeRef = None,
    *,
    what: Annotated[
        Literal["standing", "entries", "hops"],
        typer.Option("--what", help="Which rows.", show_default=False),
    ],
    form: Annotated[
        Literal["csv", "jsonl", "parquet", "xlsx"],
        typer.Option("--format", help="In which form.", show_default=False),
    ],
    out: Out,
    as_of: AsOf = None,
) -> None:
    """Write rows to a CSV, JSON lines, Parquet or XLSX file.

    How every officer stands, the ledger's entries, or the hops. The file appears when it is
    whole; a broken-off export leaves none.
    """
    from console import exports

    this = call(ctx)
    this.writes(out)
    with this.office() as office, this.progress() as progress:
        columns, pages = office.rows(what, ref, this.instant(as_of, "--as-of"))
        rows = exports.write(
            out, form, columns, pages, exercise=this.rehearsal, progress=progress
        )
    this.answer({"rows": rows, "file": str(out)}, f"{rows:,} rows are in {out}.")
