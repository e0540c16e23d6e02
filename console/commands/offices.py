"""Commands about regional offices: commissioning one, joining with its hand-over file."""

from typing import TYPE_CHECKING, Annotated

import typer

from console import completion, reports
from console.commands.options import Out, Reads, call
from domain.errors import Unavailable

if TYPE_CHECKING:
    from console.settings import Settings
    from office.commission import Broker

UnitOfOffice = Annotated[
    str,
    typer.Argument(
        help="The unit that gets an office.", metavar="UNIT", autocompletion=completion.units
    ),
]


def commission(
    ctx: typer.Context,
    unit: UnitOfOffice,
    out: Out,
    name: Annotated[
        str | None, typer.Option("--office", help="The office's name; else the unit's id.")
    ] = None,
) -> None:
    """Give a region an office of its own.

    Before any roll of it is imported. What the region joins with is written to a file that
    holds secrets and is used once: carry it there by hand. Doing it again goes on where it was
    cut; once the region has joined, it changes nothing.
    """
    this = call(ctx)
    file = this.writes(out)
    settings = this.settings
    with this.office() as office:
        hq = office.home.office
        answer = office.commission(
            unit,
            file,
            lambda force, region, password: _provided(settings, hq, force, region, password),
            office=name,
        )
    this.answer(answer, reports.commissioned(answer))


def join(ctx: typer.Context, file: Reads) -> None:
    """Join as a regional office, with the hand-over file that HQ wrote.

    Makes the home if there is none, and the office's signing key, which never leaves it. Compare
    the fingerprint with what `farman office list` shows at HQ.
    """
    from office.commission import Handover
    from office.home import Home

    this = call(ctx)
    settings = this.settings
    given = Handover.read(this.reads(file, "field"))
    home = this.entered(
        Home.init(
            settings.home,
            store=settings.store.get_secret_value(),
            rehearsal=given.rehearsal,
            office=given.office,
        )
    )
    with this.office(home) as office:
        answer = office.join(given)
    this.answer(answer, reports.joined(answer))


def listing(ctx: typer.Context) -> None:
    """List the regional offices, how far each has come, and the fingerprints of their keys."""
    this = call(ctx)
    with this.office() as office:
        answer = office.offices()
    this.answer(answer, reports.offices(answer))


def _provided(
    settings: "Settings", hq: str, force: str, region: str, password: str
) -> "Broker":
    """Make sure of what an office needs at the broker.

    Raises:
        Unavailable: no broker is set up, or it cannot be reached.

    """
    if not settings.kafka_bootstrap:
        raise Unavailable(
            "No broker is set up that would carry what the offices send each other: set "
            "FARMAN_KAFKA_BOOTSTRAP, and FARMAN_KAFKA_ADMIN_USERNAME and its password."
        )
    from workers import admin
    from workers.kafka import Kafka

    admins = settings.kafka_admin_username
    username = admins or settings.kafka_username
    secret = settings.kafka_admin_password if admins else settings.kafka_password
    ca = settings.kafka_ca_file
    kafka = Kafka(
        settings.kafka_bootstrap,
        settings.kafka_protocol or ("SASL_SSL" if username else "PLAINTEXT"),
        username,
        secret.get_secret_value(),
        "" if ca is None else ca.read_text(encoding="utf-8"),
    )
    return admin.ensure_office(
        kafka, force, region, password, hq=hq, hq_user=settings.kafka_username or username
    )
