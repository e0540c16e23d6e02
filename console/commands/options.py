"""The words that many commands share: arguments, options, and what each is called in help."""

from pathlib import Path
from typing import Annotated, Literal, TypeAlias, cast

import typer

from console import completion
from console.invocation import Invocation

Ref = Annotated[
    str,
    typer.Argument(
        help="A directive's id, or its number.",
        metavar="REF",
        show_default=False,
        autocompletion=completion.directives,
    ),
]
MaybeRef = Annotated[
    str | None,
    typer.Argument(
        help="A directive's id, or its number; none means all.",
        metavar="[REF]",
        show_default=False,
        autocompletion=completion.directives,
    ),
]
Officer = Annotated[str, typer.Argument(help="An officer's id.", metavar="OFFICER")]
UnitWord = Annotated[
    str,
    typer.Argument(help="A unit's id.", metavar="UNIT", autocompletion=completion.units),
]
UnitOption = Annotated[
    str | None,
    typer.Option(
        "--unit",
        help="Only this unit and what lies below it.",
        metavar="UNIT",
        autocompletion=completion.units,
    ),
]
PostWord = Annotated[
    str, typer.Argument(help="A post's id.", metavar="POST", autocompletion=completion.posts)
]
Reads = Annotated[Path, typer.Argument(help="The file to read.", metavar="FILE")]
Out = Annotated[Path, typer.Option("--out", help="The file to write.", metavar="FILE")]
At = Annotated[
    str | None,
    typer.Option(
        "--at", help="When it happened, with its offset; else the clock.", metavar="T"
    ),
]
AsOf = Annotated[
    str | None,
    typer.Option(
        "--as-of", help="Ask of this instant: what had happened by then.", metavar="T"
    ),
]
KnownAt = Annotated[
    str | None,
    typer.Option(
        "--known-at",
        help="Ask of what the ledger had written by this position or instant.",
        metavar="P",
    ),
]
Channel: TypeAlias = Literal["phone", "sms", "paper", "desk"]
Through = Annotated[
    Channel, typer.Option("--channel", help="How the answer came in.", show_default=True)
]
By = Annotated[
    str,
    typer.Option(
        "--by", help="The post that decides.", metavar="POST", autocompletion=completion.posts
    ),
]
Desk = Annotated[
    str | None,
    typer.Option(
        "--by",
        help="The desk that speaks for the unit; else its head.",
        metavar="POST",
        autocompletion=completion.posts,
    ),
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Tell what would change; write nothing.")
]
AcceptGood = Annotated[
    bool,
    typer.Option(
        "--accept-good", help="Take the good lines; report the others and leave them."
    ),
]

EVERYWHERE = "Anywhere: --home DIR, --json, --now T (a rehearsal's clock)."


def example(*lines: str) -> str:
    """Return a command's epilog: an example to copy, and the options of all commands."""
    shown = "\n\n".join(f"  $ farman {line}" for line in lines)
    return f"Example:\n\n{shown}\n\n{EVERYWHERE}"


def call(ctx: typer.Context) -> Invocation:
    """Return what this call of the command was told."""
    return cast("Invocation", ctx.obj)
