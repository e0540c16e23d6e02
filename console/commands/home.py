"""Commands about the home itself: making it, looking after it."""

from typing import Annotated

import typer

from console import failures, reports
from console.commands.options import call
from domain.errors import Misused


def init(
    ctx: typer.Context,
    rehearsal: Annotated[
        bool, typer.Option("--rehearsal", help="A home for exercises, with a clock you set.")
    ] = False,
    office: Annotated[
        str, typer.Option("--office", help="The office's name; directives' ids begin with it.")
    ] = "hq",
) -> None:
    """Make a home: the folder that keeps an office's ledger.

    It is ./farman-home, or where --home or FARMAN_HOME says. The ledger is one SQLite file
    in it, or a PostgreSQL database that FARMAN_STORE names. Doing it again changes nothing.
    """
    from console.settings import masked
    from office.home import Home

    this = call(ctx)
    settings = this.settings
    if this.now is not None and not rehearsal:
        raise Misused("--now is for a rehearsal; a real home goes by the machine's clock.")
    home = this.entered(
        Home.init(
            settings.home,
            store=settings.store.get_secret_value(),
            rehearsal=rehearsal,
            office=office,
        )
    )
    if this.now is not None:
        home.clock(this.instant(this.now, "--now"))
    store = masked(home.store)
    answer = {"home": str(home.path), "store": store, "rehearsal": home.rehearsal}
    kind = "a rehearsal home" if home.rehearsal else "a home"
    this.answer(answer, f"{home.path} is {kind} now; its ledger: {store}.")


def doctor(ctx: typer.Context) -> None:
    """Show the settings in effect, and look for faults.

    Passwords are masked. Exits with 1 when a check fails; each failing one says what to do.
    """
    from console.settings import masked
    from domain.errors import FarmanError

    this = call(ctx)
    settings = this.settings.shown()
    checks: list[dict[str, object]] = []
    try:
        home = this.open()
        settings["FARMAN_STORE"] = masked(home.store)  # a home keeps the store it was made with
        checks.append({"name": "home", "ok": True, "detail": str(home.path)})
        with this.office(home) as office:
            checks += office.checks()
    except FarmanError as fault:
        name = "office" if checks else "home"
        checks.append({"name": name, "ok": False, "detail": fault.reason})
    answer = {"settings": settings, "checks": checks}
    this.answer(answer, reports.doctor(answer))
    if not all(check["ok"] for check in checks):
        raise failures.AnswerIsNo


def rebuild(
    ctx: typer.Context,
    check: Annotated[
        bool,
        typer.Option("--check", help="Only compare with what the ledger says; change nothing."),
    ] = False,
) -> None:
    """Make every projection anew, or check them all.

    They are made beside the live ones and swapped. With --check they are folded into an empty
    store and compared by digest; exits with 1, naming the first row that differs, when one is
    not what the ledger says.
    """
    this = call(ctx)
    with this.office() as office, this.progress() as progress:
        answer = office.check(progress=progress) if check else office.rebuild(progress=progress)
    this.answer(answer, reports.projections(answer, check=check))
    if check and not all(row["same"] for row in answer["projections"]):
        raise failures.AnswerIsNo


def tick(ctx: typer.Context) -> None:
    """Do what is due now: escalate, remind, forward by rule.

    For cron or a timer; repeating it changes nothing.
    """
    this = call(ctx)
    with this.office() as office:
        answer = office.tick()
    untrue = f", contradicted {answer['contradicted']:,}" if answer["contradicted"] else ""
    this.answer(
        answer,
        f"Escalated {answer['escalated']:,}, reminded {answer['reminded']:,}, forwarded by rule "
        f"{answer['forwarded_by_rule']:,}, expired {answer['expired']:,}{untrue}.",
    )
