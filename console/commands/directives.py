"""Commands about directives: issuing, amending, ending them, and passing them down."""

from typing import Annotated

import typer

from console import output, reports, tables
from console.commands.options import AsOf, At, Desk, Reads, Ref, UnitWord, call
from console.completion import directives
from domain.errors import Misused


def issue(
    ctx: typer.Context,
    file: Reads,
    at: At = None,
    again: Annotated[
        bool, typer.Option("--again", help="Make another one of a file that was issued.")
    ] = False,
) -> None:
    """Issue a directive from its file.

    The file is Markdown. The directive gets a number and goes down the tree.
    When the command returns, every unit that need not be waited for has it, and has served
    its officers. The same file issued again is the same directive: it resumes its cascade.
    """
    from console import orders
    from console.files import directive_file

    this = call(ctx)
    read = directive_file.read(this.reads(file, "field"))
    with this.office() as office:
        instant = this.instant(at, "--at")
        order = orders.order(read, office.tree(as_of=instant))
        answer = office.issue(order, read.sha256, at=instant, again=again)
    this.answer(answer, reports.issued(answer))


def amend(
    ctx: typer.Context,
    ref: Ref,
    file: Reads,
    material: Annotated[
        bool, typer.Option("--material", help="It asks everybody again, from its instant on.")
    ] = False,
    at: At = None,
) -> None:
    """Change a directive's subject, clauses or text by file.

    Nothing is wiped: answers given stay as they are. Only a material amendment asks for new
    ones.
    """
    from console import orders
    from console.files import directive_file

    this = call(ctx)
    read = directive_file.read(this.reads(file, "field"))
    with this.office() as office:
        instant = this.instant(at, "--at")
        now = office.directive(ref).order
        tree = office.tree(as_of=instant)
        terms = (
            orders.order(read, tree).terms if now is None else orders.amendment(read, tree, now)
        )
        answer = office.amend(ref, terms, read.sha256, material=material, at=instant)
    kind = "material: everybody is asked again" if material else "not material"
    this.answer(
        answer, f"{answer['directive']} stands at version {answer['version']} ({kind})."
    )


def supersede(
    ctx: typer.Context,
    ref: Ref,
    by: Annotated[
        str,
        typer.Option(
            "--by", help="The directive in its place.", metavar="REF", autocompletion=directives
        ),
    ],
    at: At = None,
) -> None:
    """Put another directive in a directive's place.

    The one before still governs what was done while it was in force.
    """
    this = call(ctx)
    with this.office() as office:
        answer = office.supersede(ref, by, at=this.instant(at, "--at"))
    this.answer(answer, f"{answer['directive']} is superseded by {by}.")


def withdraw(
    ctx: typer.Context,
    ref: Ref,
    reason: Annotated[str, typer.Option("--reason", help="Why.", metavar="TEXT")],
    at: At = None,
) -> None:
    """Take a directive back; it binds nobody from then on."""
    this = call(ctx)
    with this.office() as office:
        answer = office.withdraw(ref, reason, at=this.instant(at, "--at"))
    this.answer(answer, f"{answer['directive']} is withdrawn.")


def acknowledge_relay(
    ctx: typer.Context,
    ref: Ref,
    unit: UnitWord,
    by: Desk = None,
    at: At = None,
) -> None:
    """Acknowledge a directive's receipt for a unit.

    Where the directive awaits it, the unit forwards it and serves its officers now.
    """
    this = call(ctx)
    with this.office() as office:
        answer = office.acknowledge_relay(ref, unit, by=by, at=this.instant(at, "--at"))
    done = "acknowledged" if answer["changed"] else "had acknowledged before"
    this.answer(answer, f"{unit} {done}: {answer['directive']}.")


def tighten_relay(
    ctx: typer.Context,
    ref: Ref,
    unit: UnitWord,
    clause: Annotated[str, typer.Option("--clause", help="Which clause.", metavar="ID")],
    within: Annotated[
        str | None,
        typer.Option("--within", help="The shorter time, by the clause's clock.", metavar="D"),
    ] = None,
    until: Annotated[
        str | None, typer.Option("--until", help="Or the instant it is due.", metavar="T")
    ] = None,
    close: Annotated[
        bool, typer.Option("--close", help="Or: admit nobody more under an open exception.")
    ] = False,
    by: Desk = None,
    at: At = None,
) -> None:
    """Tighten a clause for a unit and all below it.

    A unit may shorten a deadline or close an open exception, never the reverse. Nobody is late
    by it before the moment it is said.
    """
    from console.files import durations

    this = call(ctx)
    if [within, until].count(None) + (not close) != 2:  # noqa: PLR2004 - of three, one
        raise Misused("Say one of --within D, --until T and --close.")
    seconds = None
    if within is not None:
        try:
            seconds = int(durations.duration(within).total_seconds())
        except ValueError as fault:
            raise Misused(f"--within {within!r}: {fault}") from fault
        if not seconds:
            raise Misused("--within PT0S leaves no time: say a duration, such as P3D.")
    with this.office() as office:
        answer = office.tighten(
            ref,
            unit,
            clause,
            within=seconds,
            until=this.instant(until, "--until"),
            by=by,
            at=this.instant(at, "--at"),
        )
    was = "" if answer["was"] is None else f" instead of {answer['was']}"
    now = "admits nobody more" if answer["due"] is None else f"is due {answer['due']}{was}"
    if not answer["changed"]:
        now = f"{now} already" if answer["due"] is None else f"is due {answer['due']} already"
    this.answer(
        answer, f"For {unit} and all below it, {clause} of {answer['directive']} {now}."
    )


def drift_of_relay(
    ctx: typer.Context,
    ref: Ref,
    unit: UnitWord,
    file: Reads,
    record: Annotated[
        bool, typer.Option("--record", help="Note the text as found, also if it relaxes.")
    ] = False,
    by: Desk = None,
    at: At = None,
) -> None:
    """Compare a text that a unit passed on with its order.

    Clause by clause: what is looser, stricter, or only worded otherwise. A text that relaxes
    the order is refused, with both wordings; --record notes what went out all the same.
    """
    from console import orders
    from console.files import directive_file

    this = call(ctx)
    read = directive_file.read(this.reads(file, "field"))
    with this.office() as office:
        instant = this.instant(at, "--at")
        order = orders.order(read, office.tree(as_of=instant))
        answer = office.drift(ref, unit, order, read.sha256, record=record, by=by, at=instant)
    this.answer(answer, tables.drift(answer, output.screen().width))


def lineage(ctx: typer.Context, ref: Ref, as_of: AsOf = None) -> None:
    """Tell why a tenth letter: show the line of an order.

    What it came from and what came of it, oldest first: for each issue how many were served,
    acknowledged and complied, the cases, and the days until nine in ten had complied.
    """
    this = call(ctx)
    with this.office() as office:
        answer = office.lineage(ref, as_of=this.instant(as_of, "--as-of"))
        zone = office.timezone
    this.answer(answer, tables.lineage(answer, zone))


def effect(ctx: typer.Context, ref: Ref, as_of: AsOf = None) -> None:
    """Show what each issue of an order's line achieved.

    Compliance after 1, 7, 30 and 90 days, cases, and how long until the next issue, beside
    what the order was to achieve.
    """
    this = call(ctx)
    with this.office() as office:
        answer = office.effect(ref, as_of=this.instant(as_of, "--as-of"))
        zone = office.timezone
    this.answer(answer, tables.effect(answer, zone))


def replay(
    ctx: typer.Context,
    ref: Ref,
    speed: Annotated[
        float,
        typer.Option("--speed", help="Hours of the directive's life in a second.", min=0.01),
    ] = 1.0,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Print it all at once.")] = False,
) -> None:
    """Play a directive's history in the terminal.

    It goes at the pace in which things happened; what many did at once is told together.
    Without a terminal it prints the lines and never waits. Ctrl-C ends it.
    """
    from console import player

    this = call(ctx)
    with this.office() as office:
        answer = office.timeline(ref)
        zone = office.timezone
    if this.json:
        this.answer(answer, "")
        return
    this.mark()
    wait = not no_wait and output.terminal()
    player.play(answer["entries"], zone, hours_a_second=speed if wait else None)
