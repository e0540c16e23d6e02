"""Commands about what runs all the time: an office's workers, and how they are."""

from typing import Annotated, Literal, TypeAlias

import typer

from console import failures, lines
from console.commands.options import call

RoleName: TypeAlias = Literal["inbox", "outbox", "clock", "all"]
WhichRole = Annotated[
    RoleName, typer.Option("--role", help="What it does; all of it by default.")
]


def worker(ctx: typer.Context, role: WhichRole = "all") -> None:
    """Carry entries between offices, and do what is due.

    What this office writes goes to the others, theirs comes here. Any number may run: one holds each role, the others stand by. It ends on SIGTERM, when what
    it has begun is done. It writes JSON lines to stderr, and tells how it is on loopback.
    """
    import asyncio

    from office import commission
    from workers import log
    from workers.worker import run

    this = call(ctx)
    settings = this.settings
    home = this.open()
    kept = commission.kept(home.path)
    kafka = settings.kafka(None if kept is None else kept.kafka)
    log.configure()
    with this.office(home) as office:
        answer = asyncio.run(run(office, kafka, role, settings.health_port))
    this.answer(answer, lines.health(answer))


def health(ctx: typer.Context, role: WhichRole = "all") -> None:
    """Ask the worker of this home how it is.

    Exits with 1 when something fails.
    """
    from workers import health as workers_health

    this = call(ctx)
    answer = workers_health.ask(this.open().path, role)
    this.answer(answer, lines.health(answer))
    if not answer["ok"]:
        raise failures.AnswerIsNo
