"""The words of `farman demo`; what it plays is in `console.demo` and `console.storyteller`."""

from typing import Annotated

import typer

from console import completion
from console.commands.options import call


def demo(
    ctx: typer.Context,
    story: Annotated[
        str | None,
        typer.Option(
            "--story",
            help="Play one of the eight scenarios instead; `list` names them.",
            metavar="NAME",
            autocompletion=completion.stories,
        ),
    ] = None,
    officers: Annotated[
        int | None,
        typer.Option(
            "--officers",
            help="How many invented officers; 100,000, or as many as the story needs.",
            min=2_000,
        ),
    ] = None,
    fast: Annotated[
        bool, typer.Option("--fast", help="Do not wait between the hours or the steps.")
    ] = False,
) -> None:
    """Play an invented day: an order reaches a whole province.

    It makes a rehearsal home with the KP force and invented officers, issues the order of
    January 2020, and lets readings, phone acknowledgements, roll calls and paper come in,
    through the same commands that you have. Everything stays there to look at.

    --story plays one of eight scenarios, command by command, and checks what it tells.
    """
    if story is not None:
        from console import storyteller

        if story == "list":
            storyteller.show_list(call(ctx))
        else:
            storyteller.play(call(ctx), story, officers=officers, fast=fast)
        return
    from console.demo import OFFICERS, play

    play(call(ctx), officers=officers or OFFICERS, fast=fast)
