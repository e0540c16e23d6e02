"""The words of `farman demo`; what it plays is in `console.demo`."""

from typing import Annotated

import typer

from console.commands.options import call


def demo(
    ctx: typer.Context,
    officers: Annotated[
        int, typer.Option("--officers", help="How many invented officers.", min=2_000)
    ] = 100_000,
    fast: Annotated[
        bool, typer.Option("--fast", help="Do not wait between the hours of the day.")
    ] = False,
) -> None:
    """Play an invented day: an order reaches a whole province.

    It makes a rehearsal home with the KP force and invented officers, issues the order of
    January 2020, and lets readings, phone acknowledgements, roll calls and paper come in,
    through the same commands that you have. Everything stays there to look at.
    """
    from console.demo import play

    play(call(ctx), officers=officers, fast=fast)
