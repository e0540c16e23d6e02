"""Commands of the registers: official groups and accounts, instruments, what is authentic."""

from typing import Annotated, Any, Literal, TypeAlias

import typer

from console import output, reports
from console.commands.options import At, KnownAt, Reads, Ref, UnitOption, call
from console.completion import directives, posts, units
from console.failures import AnswerIsNo

Kind: TypeAlias = Literal["group", "account"]

Platform = Annotated[
    str, typer.Option("--platform", help="whatsapp, tiktok, …: any slug.", metavar="P")
]
OnPlatform = Annotated[
    str | None, typer.Option("--platform", help="Only on this platform.", metavar="P")
]
PlatformWord = Annotated[
    str, typer.Argument(help="whatsapp, tiktok, …: any slug.", metavar="PLATFORM")
]
NameWord = Annotated[
    str, typer.Argument(help="The group's name, or the account's handle.", metavar="NAME")
]
IdWord = Annotated[str, typer.Argument(help="Its id, as the list shows it.", metavar="ID")]
Owner = Annotated[
    str,
    typer.Option("--unit", help="Whose it is.", metavar="UNIT", autocompletion=units),
]
RunBy = Annotated[
    str,
    typer.Option("--post", help="The post that runs it.", metavar="POST", autocompletion=posts),
]
Purpose = Annotated[
    str | None, typer.Option("--purpose", help="What it is for.", metavar="TEXT")
]
Under = Annotated[
    str | None,
    typer.Option(
        "--under",
        help="The order by which it is entered; with --clause.",
        metavar="REF",
        autocompletion=directives,
    ),
]
ListedUnder = Annotated[
    str | None,
    typer.Option(
        "--under",
        help="Only those entered by this order.",
        metavar="REF",
        autocompletion=directives,
    ),
]
ByClause = Annotated[
    str | None,
    typer.Option("--clause", help="Its exception or delegation.", metavar="ID"),
]
Entering = Annotated[
    str | None,
    typer.Option(
        "--by",
        help="The post that decides; else the one that runs it.",
        metavar="POST",
        autocompletion=posts,
    ),
]
Reason = Annotated[str, typer.Option("--reason", help="Why.", metavar="TEXT")]
AsOf = Annotated[
    str | None,
    typer.Option("--as-of", help="Ask of this instant.", metavar="T"),
]
AskedAt = Annotated[
    str | None,
    typer.Option("--at", help="Ask of this instant; else of now.", metavar="T"),
]


def group_enter(
    ctx: typer.Context,
    name: NameWord,
    platform: Platform,
    unit: Owner,
    post: RunBy,
    purpose: Purpose = None,
    under: Under = None,
    clause: ByClause = None,
    by: Entering = None,
    at: At = None,
) -> None:
    """Enter a group as an official one.

    It is the unit's, and run by whoever holds the post. Under an order's open exception
    whoever registers is admitted, under a closed one nobody.
    """
    _enter(ctx, "group", (platform, name, unit, post, purpose, under, clause), by, at)


def account_enter(
    ctx: typer.Context,
    name: NameWord,
    platform: Platform,
    unit: Owner,
    post: RunBy,
    purpose: Purpose = None,
    under: Under = None,
    clause: ByClause = None,
    by: Entering = None,
    at: At = None,
) -> None:
    """Enter an account as an official one.

    It is the unit's, and run by whoever holds the post. Under an order's delegation only the
    posts that it names may run it.
    """
    _enter(ctx, "account", (platform, name, unit, post, purpose, under, clause), by, at)


def _enter(
    ctx: typer.Context, kind: Kind, said: tuple[Any, ...], by: str | None, at: str | None
) -> None:
    from office.registers import Entry, nearest

    this = call(ctx)
    entry = Entry(*said)
    with this.office() as office:
        answer = office.enter_official(kind, entry, by=by, at=this.instant(at, "--at"))
    meant = nearest(entry.platform)
    if meant is not None and answer["changed"]:
        output.remark(
            f"{entry.platform} is taken as a platform of its own; if {meant} was meant, close "
            f"{answer[kind]} and enter it there."
        )
    done = "is entered" if answer["changed"] else "was entered before"
    this.answer(
        answer,
        f"{entry.name} on {entry.platform} {done}: {answer[kind]}, of {entry.unit}, run by "
        f"{entry.post}.",
    )


def group_pass(
    ctx: typer.Context, name: IdWord, post: RunBy, by: Entering = None, at: At = None
) -> None:
    """Let another post run an official group."""
    _pass(ctx, "group", name, post, by, at)


def account_pass(
    ctx: typer.Context, name: IdWord, post: RunBy, by: Entering = None, at: At = None
) -> None:
    """Let another post run an official account."""
    _pass(ctx, "account", name, post, by, at)


def _pass(
    ctx: typer.Context, kind: Kind, name: str, post: str, by: str | None, at: str | None
) -> None:
    this = call(ctx)
    with this.office() as office:
        answer = office.pass_official(kind, name, post, by=by, at=this.instant(at, "--at"))
    done = "now runs" if answer["changed"] else "runs already"
    this.answer(answer, f"{post} {done} {name}.")


def group_close(
    ctx: typer.Context, name: IdWord, reason: Reason, by: Entering = None, at: At = None
) -> None:
    """Close an official group; it is none from then on."""
    _close(ctx, "group", name, reason, by, at)


def account_close(
    ctx: typer.Context, name: IdWord, reason: Reason, by: Entering = None, at: At = None
) -> None:
    """Close an official account; it is none from then on."""
    _close(ctx, "account", name, reason, by, at)


def _close(
    ctx: typer.Context, kind: Kind, name: str, reason: str, by: str | None, at: str | None
) -> None:
    this = call(ctx)
    with this.office() as office:
        answer = office.close_official(kind, name, reason, by=by, at=this.instant(at, "--at"))
    this.answer(answer, f"{name} {'is closed' if answer['changed'] else 'was closed before'}.")


def group_list(
    ctx: typer.Context,
    unit: UnitOption = None,
    platform: OnPlatform = None,
    under: ListedUnder = None,
    as_of: AsOf = None,
    known_at: KnownAt = None,
) -> None:
    """List the official groups, and who runs each."""
    _list(ctx, "group", unit, platform, under, as_of, known_at)


def account_list(
    ctx: typer.Context,
    unit: UnitOption = None,
    platform: OnPlatform = None,
    under: ListedUnder = None,
    as_of: AsOf = None,
    known_at: KnownAt = None,
) -> None:
    """List the official accounts, and who runs each."""
    _list(ctx, "account", unit, platform, under, as_of, known_at)


def _list(
    ctx: typer.Context,
    kind: Kind,
    unit: str | None,
    platform: str | None,
    under: str | None,
    as_of: str | None,
    known_at: str | None,
) -> None:
    this = call(ctx)
    with this.office() as office:
        answer = office.officials(
            kind,
            unit=unit,
            platform=platform,
            under=under,
            as_of=this.instant(as_of, "--as-of"),
            known_at=this.known(known_at),
        )
        zone = office.timezone
    this.answer(answer, reports.officials(answer, kind, zone))


def group_check(
    ctx: typer.Context,
    platform: PlatformWord,
    name: NameWord,
    at: AskedAt = None,
    known_at: KnownAt = None,
) -> None:
    """Tell whether a group is official, and by which entry.

    Exit 1: it is not. What counts is whose it is.
    """
    _check(ctx, "group", platform, name, at, known_at)


def account_check(
    ctx: typer.Context,
    platform: PlatformWord,
    name: NameWord,
    at: AskedAt = None,
    known_at: KnownAt = None,
) -> None:
    """Tell whether an account is official, and by which entry.

    Exit 1: it is not. What counts is whose it is.
    """
    _check(ctx, "account", platform, name, at, known_at)


def _check(
    ctx: typer.Context,
    kind: Kind,
    platform: str,
    name: str,
    at: str | None,
    known_at: str | None,
) -> None:
    this = call(ctx)
    with this.office() as office:
        answer = office.is_official(
            kind,
            platform,
            name,
            at=this.instant(at, "--at"),
            known_at=this.known(known_at),
        )
        zone = office.timezone
    this.answer(answer, reports.official(answer, kind, zone))
    if not answer["official"]:
        raise AnswerIsNo


# Instruments from outside, and what backs an order.


def instrument_enter(ctx: typer.Context, file: Reads, at: At = None) -> None:
    """Enter an instrument from outside by its file.

    A ministry's instruction, a minister's order: it binds nobody here. Orders of the force
    adopt it, are similar to it, or stand on it.
    """
    from console import orders
    from console.files import instrument_file

    this = call(ctx)
    read = instrument_file.read(this.reads(file, "field"))
    with this.office() as office:
        answer = office.enter_instrument(
            orders.paper(read), read.sha256, at=this.instant(at, "--at")
        )
    done = "is entered" if answer["changed"] else "was entered before"
    this.answer(answer, f"{file} {done}: {answer['instrument']}. It binds nobody here.")


def instrument_list(ctx: typer.Context) -> None:
    """List the instruments from outside."""
    this = call(ctx)
    with this.office() as office:
        answer = office.instruments()
    this.answer(answer, reports.instruments(answer))


def instrument_show(
    ctx: typer.Context,
    ref: Annotated[
        str, typer.Argument(help="An instrument's id, or its citation.", metavar="REF")
    ],
) -> None:
    """Show an instrument, and which orders cite it."""
    this = call(ctx)
    with this.office() as office:
        answer = office.instrument(ref)
    this.answer(answer, reports.instrument(answer))


def back(
    ctx: typer.Context,
    ref: Ref,
    by: Annotated[
        str,
        typer.Option(
            "--by", help="The post that links them.", metavar="POST", autocompletion=posts
        ),
    ],
    instrument: Annotated[
        str,
        typer.Option(
            "--instrument", help="The signed instrument: id or citation.", metavar="REF"
        ),
    ],
    at: At = None,
) -> None:
    """Link a conveyed order to a signed instrument.

    Until then it is shown as unbacked: authority that somebody reports is none.
    """
    this = call(ctx)
    with this.office() as office:
        answer = office.back(ref, instrument, by, at=this.instant(at, "--at"))
    done = "is backed" if answer["changed"] else "was backed before"
    this.answer(answer, f"{answer['directive']} {done} by {answer['instrument']}.")


def authentic(ctx: typer.Context, file: Reads) -> None:
    """Tell whether exactly this file was issued here.

    Exit 1: it was not. What a copy changes of an order that was is told line by line.
    """
    from hashlib import sha256

    from console import orders
    from console.files import directive_file, texts
    from console.files.problems import BadFile
    from office.authentic import Copy

    this = call(ctx)
    data = texts.read_bytes(this.reads(file, "field"), directive_file.LARGEST)
    copy: Copy | None = None
    try:
        read = directive_file.parse(data, str(file))
        copy = Copy(None if read.number == "auto" else read.number, orders.stated(read))
    except BadFile:
        pass  # whatever it is, the answer is in its bytes
    with this.office() as office:
        answer = office.authentic(sha256(data).hexdigest(), copy)
        zone = office.timezone
    this.answer(answer, reports.authentic(answer, file, zone))
    if not answer["authentic"]:
        raise AnswerIsNo
