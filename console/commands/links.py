"""Commands about links: how each stands, sending again, what was no despatch."""

import base64
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING, Annotated, Any

import typer

from console import lines
from console.commands.options import call
from domain.errors import Misused, Unknown

if TYPE_CHECKING:
    from office.office import Office

SILENT = 30
"""Seconds without a heartbeat after which a link is called silent."""

OfficeWord = Annotated[
    str, typer.Argument(help="The office at the other end.", metavar="OFFICE")
]
MaybeOffice = Annotated[
    str | None,
    typer.Option("--office", help="Only from this office; else from all.", metavar="OFFICE"),
]
First = Annotated[int, typer.Option("--from", help="The first number.", min=1)]
Last = Annotated[int, typer.Option("--to", help="The last number.", min=1)]
Limit = Annotated[
    int, typer.Option("--limit", help="How many of each link, the latest.", min=1)
]


def status(ctx: typer.Context) -> None:
    """Show how every link to another office stands."""
    from office import links

    this = call(ctx)
    with this.office() as office:
        zone = office.timezone
        answer = {"links": [told(row, zone) for row in links.status(office)]}
    this.answer(answer, lines.status(answer, zone))


def told(row: dict[str, Any], zone: tzinfo) -> dict[str, Any]:
    """Return the answer about one link."""
    heard: datetime | None = row["heard_at"]
    level = row["registered"] == row["acknowledged"] and row["mark"] >= row["announced"]
    if row["forked"] is not None:
        state = "forked"
    elif row["acknowledged"] > row["registered"]:
        state = "recovering"
    elif heard is None or row["silent_seconds"] > SILENT:
        state = "silent"
    else:
        state = "level" if level and not row["effects_wait"] else "behind"
    return {
        "office": row["peer"],
        "state": state,
        "sent": {
            "head": row["registered"],
            "published": row["published"],
            "acknowledged": row["acknowledged"],
        },
        "received": {
            "head": row["announced"],
            "mark": row["mark"],
            "held": row["held"],
            "missing": row["ranges"],
        },
        "not_understood": row["not_understood"],
        "dead_letters": row["dead_letters"],
        "last_heard_at": None if heard is None else heard.astimezone(zone),
        "clock_skew_seconds": row["skew_seconds"],
        "lag_seconds": row["lag_seconds"],
        "forked": row["forked"],
    }


def resend(ctx: typer.Context, office: OfficeWord, first: First, last: Last) -> None:
    """Send numbers of a link again.

    What the other end has of them it passes over. What is lost is sent again without a person: the other end asks for it in its heartbeats.
    """
    import asyncio

    from office import commission
    from workers.outbox import again

    this = call(ctx)
    if last < first:
        raise Misused(f"--to {last} lies before --from {first}.")
    settings = this.settings
    home = this.open()
    kept = commission.kept(home.path)
    kafka = settings.kafka(None if kept is None else kept.kafka)
    with this.office(home) as ours:
        count = asyncio.run(again(ours, kafka, _link(ours, office), first, last))
    this.answer({"resent": count}, f"{count:,} sent again.")


def dead_letters(ctx: typer.Context, office: MaybeOffice = None, limit: Limit = 100) -> None:
    """List what came on a link and was no despatch.

    The latest come first. They are in the link's topic of dead letters, too.
    """
    from domain.fact import instant
    from ledger import links

    this = call(ctx)
    with this.office() as ours:
        chosen = None if office is None else _link(ours, office)
        zone = ours.timezone
        with ours.store.reading() as conn:
            found = [
                (row.peer, letter)
                for row in links.every(conn)
                if chosen in (None, row.link)
                for letter in links.dead_letters(conn, row.link, limit)
            ]
    answer = {
        "dead_letters": [
            {
                "office": peer,
                "at": instant(last_at).astimezone(zone),
                "times": times,
                "reason": dead.reason,
                "headers": dict(dead.headers),
                "value_base64": base64.b64encode(dead.value).decode(),
            }
            for peer, (_, last_at, times, dead) in found
        ]
    }
    this.answer(answer, lines.dead_letters(answer, zone))


def _link(office: "Office", name: str) -> str:
    """Return the link to an office.

    Raises:
        Unknown: there is none.

    """
    from ledger import links

    with office.store.reading() as conn:
        for row in links.every(conn):
            if name in (row.peer, row.link):
                return row.link
    raise Unknown(
        f"There is no link to an office {name!r}; `farman link status` lists those there are."
    )
