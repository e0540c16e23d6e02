"""Commands by which officers answer, and by which others answer for them."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from console import reports
from console.commands.options import (
    AcceptGood,
    At,
    By,
    Channel,
    Officer,
    Reads,
    Ref,
    Through,
    UnitWord,
    call,
)
from console.completion import posts
from domain.errors import Misused

CHUNK = 20_000
"""Lines that are decided, appended and shown together."""

Clause = Annotated[
    str | None,
    typer.Option("--clause", help="The act; all of them without it.", metavar="ID"),
]


Version = Annotated[
    int | None,
    typer.Option(
        "--version", help="The version that he answers; else the one in force.", min=1
    ),
]


def read(
    ctx: typer.Context,
    ref: Ref,
    officer: Officer,
    version: Version = None,
    at: At = None,
    channel: Through = "desk",
) -> None:
    """Record that an officer has read a directive."""
    _give(ctx, ref, officer, "read", version=version, at=at, channel=channel)


def ack(
    ctx: typer.Context,
    ref: Ref,
    officer: Officer,
    version: Version = None,
    at: At = None,
    channel: Through = "desk",
) -> None:
    """Record that an officer acknowledges a directive.

    An answer to an earlier version stays with that version: where a material amendment asks
    again, it is no answer to the new one.
    """
    _give(ctx, ref, officer, "acknowledged", version=version, at=at, channel=channel)


def comply(
    ctx: typer.Context,
    ref: Ref,
    officer: Officer,
    clause: Clause = None,
    evidence: Annotated[
        str | None,
        typer.Option("--evidence", help="A reference to evidence.", metavar="TEXT"),
    ] = None,
    version: Version = None,
    at: At = None,
    channel: Through = "desk",
) -> None:
    """Record that an officer did what a directive requires.

    It implies that he has read and acknowledged it.
    """
    _give(
        ctx,
        ref,
        officer,
        "complied",
        version=version,
        at=at,
        channel=channel,
        clause=clause,
        evidence=evidence,
    )


def _give(
    ctx: typer.Context,
    ref: str,
    officer: str,
    kind: Literal["read", "acknowledged", "complied"],
    *,
    version: int | None,
    at: str | None,
    channel: Channel,
    clause: str | None = None,
    evidence: str | None = None,
) -> None:
    this = call(ctx)
    with this.office() as office:
        answer = office.answer(
            ref,
            officer,
            kind,
            clause=clause,
            evidence=evidence,
            at=this.instant(at, "--at"),
            channel=channel,
            version=version,
        )
    done = {"read": "has read", "acknowledged": "acknowledged", "complied": "complied with"}
    this.answer(answer, _sentence(answer, f"{officer} {done[kind]} {answer['directive']}."))


def contest(
    ctx: typer.Context,
    ref: Ref,
    officer: Officer,
    reason: Annotated[str | None, typer.Option("--reason", help="Why.", metavar="TEXT")] = None,
    decide: Annotated[
        Literal["upheld", "dismissed"] | None,
        typer.Option("--decide", help="End his contest: upheld exempts him."),
    ] = None,
    by: Annotated[
        str | None,
        typer.Option(
            "--by", help="The post that decides.", metavar="POST", autocompletion=posts
        ),
    ] = None,
    at: At = None,
    channel: Through = "desk",
) -> None:
    """Enter an officer's contest of a directive, or decide it.

    --reason contests; --decide with --by decides. A contest stops no deadline.
    """
    this = call(ctx)
    if decide is None:
        if reason is None:
            raise Misused(
                "contest needs --reason TEXT, or --decide upheld|dismissed --by POST."
            )
        if by is not None:
            raise Misused("--by goes with --decide upheld|dismissed.")
        with this.office() as office:
            answer = office.contest(
                ref, officer, reason, at=this.instant(at, "--at"), channel=channel
            )
        this.answer(answer, _sentence(answer, f"{officer} contests {answer['directive']}."))
        return
    if by is None:
        raise Misused("--decide needs --by POST: who decides.")
    with this.office() as office:
        answer = office.decide_contest(
            ref, officer, decide, by, reason=reason, at=this.instant(at, "--at")
        )
    this.answer(answer, _sentence(answer, f"{officer}'s contest is {decide} by {by}."))


def exempt(
    ctx: typer.Context,
    ref: Ref,
    officer: Officer,
    by: By,
    reason: Annotated[str, typer.Option("--reason", help="Why.", metavar="TEXT")],
    clause: Annotated[
        str | None,
        typer.Option("--clause", help="The clause; all of them without it.", metavar="ID"),
    ] = None,
    at: At = None,
) -> None:
    """Free an officer of a directive, or of one clause of it.

    By a held post that commands his unit then.
    """
    this = call(ctx)
    with this.office() as office:
        answer = office.exempt(
            ref, officer, by, reason, clause=clause, at=this.instant(at, "--at")
        )
    this.answer(answer, _sentence(answer, f"{officer} is exempt from {answer['directive']}."))


def import_answers(ctx: typer.Context, file: Reads, accept_good: AcceptGood = False) -> None:
    """Import answers of many officers from a CSV file.

    The whole file is checked first; nothing is written when a line is refused, unless
    --accept-good is given. If it is broken off, the same command completes it.
    """
    from console.files import answers_file

    this = call(ctx)
    path = this.reads(file, "column")
    with this.office() as office, this.progress() as progress:
        answer = office.import_answers(
            lambda: answers_file.chunks(path, CHUNK),
            accept_good=accept_good,
            progress=progress,
        )
    this.answer(answer, reports.answers_import(answer, file))


def roll_call(
    ctx: typer.Context,
    ref: Ref,
    unit: UnitWord,
    file: Annotated[
        Path, typer.Argument(help="officer_id, answer and optionally note.", metavar="FILE")
    ],
    diary: Annotated[
        str, typer.Option("--diary", help="Number of the daily-diary entry.", metavar="NO")
    ],
    held_at: Annotated[
        str, typer.Option("--held-at", help="When it was held, with its offset.", metavar="T")
    ],
    answer: Annotated[
        Literal["acknowledged", "complied"],
        typer.Option("--answer", help="What a line without an answer says."),
    ] = "acknowledged",
    version: Version = None,
) -> None:
    """Enter a roll call: who answered when it was read out.

    Both hours are kept: when it was held, and when it is entered (Police Rule 22.48).
    """
    from console.files import answers_file
    from console.files.problems import BadFile

    this = call(ctx)
    held = this.instant(held_at, "--held-at")
    if held is None:  # pragma: no cover -- the option is required
        raise Misused("--held-at needs an instant.")
    rows, problems = answers_file.read_roll_call(this.reads(file, "column"))
    if problems:
        raise BadFile(problems)
    with this.office() as office:
        told = office.roll_call(
            ref,
            unit,
            [(row.line, row.officer_id, row.answer, row.note) for row in rows],
            diary=diary,
            held_at=held,
            answer=answer,
            version=version,
        )
    this.answer(told, reports.roll_call(told))


def _sentence(answer: dict[str, object], sentence: str) -> str:
    return sentence if answer["changed"] else f"Nothing changed: {sentence}"
