"""Commands about returns: the compliance certificates that accountable posts owe."""

from typing import Annotated

import typer

from console import tables
from console.commands.options import (
    AsOf,
    At,
    KnownAt,
    MaybeRef,
    Ref,
    UnitOption,
    UnitWord,
    call,
)
from console.completion import posts

By = Annotated[
    str,
    typer.Option("--by", help="The post that says so.", metavar="POST", autocompletion=posts),
]
Clause = Annotated[
    str | None,
    typer.Option("--clause", help="The return_due clause, if there are several.", metavar="ID"),
]


def submit(
    ctx: typer.Context,
    ref: Ref,
    unit: UnitWord,
    by: By,
    claimed: Annotated[
        int, typer.Option("--claimed", help="How many have complied.", metavar="N", min=0)
    ],
    clause: Clause = None,
    note: Annotated[
        str | None, typer.Option("--note", help="What is to be said to it.", metavar="TEXT")
    ] = None,
    at: At = None,
) -> None:
    """Submit a unit's return: how many complied.

    By the post that owes it, or one that commands it. What is known is kept beside what is
    claimed. Full compliance is refused while anybody under the unit is open or unserved.
    """
    this = call(ctx)
    with this.office() as office:
        answer = office.submit_return(
            ref, unit, by, claimed, clause=clause, note=note, at=this.instant(at, "--at")
        )
    full = "full compliance, " if answer["full"] else ""
    done = "" if answer["changed"] else "Nothing changed: "
    this.answer(
        answer,
        f"{done}{unit} certifies under {answer['clause']} {full}{claimed:,} complied; "
        f"{answer['known']:,} of {answer['population']:,} are known to have.",
    )


def contradict(
    ctx: typer.Context,
    ref: Ref,
    unit: UnitWord,
    evidence: Annotated[
        str, typer.Option("--evidence", help="What speaks against it.", metavar="TEXT")
    ],
    by: By,
    officer: Annotated[
        str | None, typer.Option("--officer", help="Whom it is about.", metavar="ID")
    ] = None,
    case: Annotated[
        str | None, typer.Option("--case", help="The case it came out in.", metavar="ID")
    ] = None,
    clause: Clause = None,
    at: At = None,
) -> None:
    """Mark a unit's latest return contradicted.

    By a post above the unit. The return stays as it was given; each officer counts once.
    """
    this = call(ctx)
    with this.office() as office:
        answer = office.contradict_return(
            ref,
            unit,
            by,
            evidence,
            officer=officer,
            case=case,
            clause=clause,
            at=this.instant(at, "--at"),
        )
    the = "The" if answer["changed"] else "Nothing changed: the"
    this.answer(
        answer,
        f"{the} return of {unit} under {answer['clause']} is contradicted: "
        f"{answer['claimed']:,} claimed, {answer['known']:,} known.",
    )


def listing(
    ctx: typer.Context,
    ref: MaybeRef = None,
    unit: UnitOption = None,
    as_of: AsOf = None,
    known_at: KnownAt = None,
) -> None:
    """List returns: owed, given, late, contradicted.

    The earliest due first. Whose it is was decided when it fell due.
    """
    this = call(ctx)
    with this.office() as office:
        instant = this.instant(as_of, "--as-of")
        answer = office.returns(ref, unit=unit, as_of=instant, known_at=this.known(known_at))
        tree, zone = office.tree(as_of=instant), office.timezone
    this.answer(answer, tables.returns(answer, tree, zone))


def scores(
    ctx: typer.Context,
    post: Annotated[
        str | None,
        typer.Option("--post", help="Only this post.", metavar="POST", autocompletion=posts),
    ] = None,
    as_of: AsOf = None,
) -> None:
    """Score returns by post and tenure.

    What fell due in a tenure stays its holder's, whoever submitted it later.
    """
    this = call(ctx)
    with this.office() as office:
        answer = office.return_scores(post=post, as_of=this.instant(as_of, "--as-of"))
        zone = office.timezone
    this.answer(answer, tables.scores(answer, zone))
