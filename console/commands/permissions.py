"""Commands about permissions: asking leave, deciding on it, and how each stands."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from console import output, tables, words
from console.commands.options import (
    AsOf,
    At,
    By,
    KnownAt,
    MaybeRef,
    Officer,
    Ref,
    UnitOption,
    call,
)
from domain.errors import Misused

if TYPE_CHECKING:
    from collections.abc import Callable
    from zoneinfo import ZoneInfo

    from office.office import Office

State = Literal["requested", "granted", "refused", "revoked", "expired", "void"]
Permission = Annotated[
    str, typer.Argument(help="A permission's id.", metavar="PERMISSION", show_default=False)
]
Reason = Annotated[str | None, typer.Option("--reason", help="Why.", metavar="TEXT")]


def request(
    ctx: typer.Context,
    ref: Ref,
    officer: Officer,
    clause: Annotated[
        str, typer.Option("--clause", help="The prohibition to ask leave of.", metavar="ID")
    ],
    scope: Annotated[
        str,
        typer.Option("--scope", help="What for, in words that the rule lists.", metavar="TEXT"),
    ],
    until: Annotated[
        str, typer.Option("--until", help="Until when, with its offset.", metavar="T")
    ],
    why: Annotated[str, typer.Option("--why", help="Why it is necessary.", metavar="TEXT")],
    at: At = None,
) -> None:
    """Ask leave to do what a clause forbids without it.

    The answer names who decides: by the directive's rule, from where the officer is posted.
    The very same request again is the same permission.
    """
    this = call(ctx)
    end = this.instant(until, "--until")
    if end is None:  # pragma: no cover -- the option is required
        raise Misused("--until needs an instant.")
    with this.office() as office:
        answer = office.request_permission(
            ref,
            officer,
            clause,
            scope=scope,
            until=end,
            why=why,
            at=this.instant(at, "--at"),
        )
        zone = office.timezone
    this.answer(answer, _sentence(answer, zone))


def grant(
    ctx: typer.Context,
    permission: Permission,
    by: By,
    reason: Annotated[
        str | None,
        typer.Option(
            "--reason", help="Why it is necessary; else as requested.", metavar="TEXT"
        ),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option("--until", help="Until when; else as asked, as allowed.", metavar="T"),
    ] = None,
    at: At = None,
) -> None:
    """Give the leave that was asked for.

    By the post that decides at that instant, from where the officer is posted then; while its
    desk is vacant, by the next held one above it. Never later than was asked.
    """
    this = call(ctx)
    end = this.instant(until, "--until")
    instant = this.instant(at, "--at")
    _decided(
        ctx,
        lambda office: office.grant_permission(
            permission, by, reason=reason, until=end, at=instant
        ),
    )


def refuse(
    ctx: typer.Context, permission: Permission, by: By, reason: Reason = None, at: At = None
) -> None:
    """Refuse the leave that was asked for."""
    instant = call(ctx).instant(at, "--at")
    _decided(
        ctx,
        lambda office: office.refuse_permission(permission, by, reason=reason, at=instant),
    )


def revoke(
    ctx: typer.Context, permission: Permission, by: By, reason: Reason = None, at: At = None
) -> None:
    """Take back leave that was given.

    By the post that decides on leave for the officer by then.
    """
    instant = call(ctx).instant(at, "--at")
    _decided(
        ctx,
        lambda office: office.revoke_permission(permission, by, reason=reason, at=instant),
    )


def _decided(ctx: typer.Context, command: "Callable[[Office], dict[str, Any]]") -> None:
    this = call(ctx)
    with this.office() as office:
        answer = command(office)
        zone = office.timezone
    this.answer(answer, _sentence(answer, zone))


def _sentence(answer: dict[str, Any], zone: "ZoneInfo") -> str:
    desk = answer["decider"]
    named = f"{desk['post']} ({desk['officer_id'] or 'vacant'})"
    until = words.day(answer["until"], zone)
    told = {
        "requested": f"asked until {until}; {named} decides",
        "granted": f"granted by {named} until {until}",
        "refused": f"refused by {named}",
        "revoked": f"revoked by {named}",
        "expired": f"granted by {named}, expired {until}",
        "void": f"void. {answer['because'] or ''}".rstrip("."),
    }[answer["state"]]
    sentence = f"{answer['permission']}, {answer['officer_id']}, {answer['clause']}: {told}."
    return sentence if answer["changed"] else f"Nothing changed: {sentence}"


def listing(
    ctx: typer.Context,
    ref: MaybeRef = None,
    officer: Annotated[
        str | None, typer.Option("--officer", help="Only his.", metavar="ID")
    ] = None,
    unit: UnitOption = None,
    state: Annotated[
        State | None,
        typer.Option(
            "--state",
            help="Only: requested, granted, refused, revoked, expired, void.",
            metavar="STATE",
        ),
    ] = None,
    as_of: AsOf = None,
    known_at: KnownAt = None,
) -> None:
    """List permissions and how each stands.

    One that a post granted which did not decide then, as is known now, is void.
    """
    this = call(ctx)
    with this.office() as office:
        answer = office.permissions(
            ref,
            officer=officer,
            unit=unit,
            state=state,
            as_of=this.instant(as_of, "--as-of"),
            known_at=this.known(known_at),
        )
        zone = office.timezone
    this.answer(answer, tables.permissions(answer, zone))


def show(
    ctx: typer.Context, permission: Permission, as_of: AsOf = None, known_at: KnownAt = None
) -> None:
    """Tell all of a permission, and its entries."""
    this = call(ctx)
    with this.office() as office:
        answer = office.permission(
            permission,
            as_of=this.instant(as_of, "--as-of"),
            known_at=this.known(known_at),
        )
        zone = office.timezone
    this.answer(answer, tables.permission(answer, zone, output.screen().width))
