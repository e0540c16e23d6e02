"""Commands about cases: breaches reported, put to notice, decided, appealed."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, get_args

import typer

from console import casework, output
from console.commands.options import (
    AcceptGood,
    AsOf,
    At,
    By,
    KnownAt,
    MaybeRef,
    UnitOption,
    call,
)
from console.completion import directives, posts
from domain.errors import Misused

if TYPE_CHECKING:
    from collections.abc import Sequence

    from console.files.problems import Problem

CaseWord = Annotated[str, typer.Argument(help="A case's id.", metavar="CASE")]
Text = Annotated[str, typer.Option("--text", help="What he answers.", metavar="TEXT")]
Reason = Annotated[str, typer.Option("--reason", help="Why.", metavar="TEXT")]
Many = Annotated[Path | None, typer.Option("--file", help="A CSV file of many.", metavar="CSV")]
Outcome = Literal[
    "filed",
    "warned",
    "censured",
    "suspended",
    "increment_stopped",
    "service_reduced",
    "rank_reduced",
    "compulsorily_retired",
    "removed",
    "dismissed",
    "forwarded",
]
OUTCOMES: tuple[str, ...] = get_args(Outcome)
Breached = Annotated[
    str | None,
    typer.Argument(
        help="A directive's id, or its number; none where --file names them.",
        metavar="[REF]",
        show_default=False,
        autocompletion=directives,
    ),
]
State = Literal[
    "reported", "noticed", "answered", "decided", "appealed", "appeal_decided", "reinstated"
]


def report(
    ctx: typer.Context,
    ref: Breached = None,
    officer: Annotated[
        str | None, typer.Argument(help="An officer's id.", metavar="[OFFICER]")
    ] = None,
    clause: Annotated[
        str | None, typer.Option("--clause", help="The clause breached.", metavar="ID")
    ] = None,
    at: Annotated[
        str | None, typer.Option("--at", help="When the breach happened.", metavar="T")
    ] = None,
    evidence: Annotated[
        str | None, typer.Option("--evidence", help="What shows it.", metavar="TEXT")
    ] = None,
    by: Annotated[
        str | None,
        typer.Option(
            "--by", help="The post that reports it.", metavar="POST", autocompletion=posts
        ),
    ] = None,
    reported_at: Annotated[
        str | None,
        typer.Option("--reported-at", help="When it was reported; else now.", metavar="T"),
    ] = None,
    note: Annotated[
        str | None, typer.Option("--note", help="A remark.", metavar="TEXT")
    ] = None,
    file: Many = None,
    accept_good: AcceptGood = False,
) -> None:
    """Report that an officer breached a clause.

    It opens a case. He must have been served by then. --file reports many, each its own case:
    officer_id, at, evidence, and optionally clause and note; without REF also directive. The
    same breach reported again is the same case.
    """
    from office.cases import Breach

    this = call(ctx)
    told = this.instant(reported_at, "--reported-at")
    if file is not None:
        if officer is not None or at is not None or evidence is not None:
            raise Misused("--file names the officers: leave out OFFICER, --at and --evidence.")
        _report_file(ctx, ref, file, clause, by, reported_at, accept_good=accept_good)
        return
    when = this.instant(at, "--at")
    if ref is None or officer is None or clause is None or when is None or evidence is None:
        raise Misused(
            "case report needs REF, OFFICER, --clause ID, --at T and --evidence TEXT; or --file CSV."
        )
    with this.office() as office:
        breach = Breach(officer, clause, when, evidence, note)
        answer = office.report_breaches(ref, [breach], by=by, at=told)
    this.answer(
        answer,
        casework.step(answer, f"{officer} is reported to have breached {clause}."),
    )


def _report_file(
    ctx: typer.Context,
    ref: str | None,
    file: Path,
    clause: str | None,
    by: str | None,
    reported_at: str | None,
    *,
    accept_good: bool,
) -> None:
    from console.files import cases_file
    from office.cases import Breach

    this = call(ctx)
    rows, problems = cases_file.read_breaches(this.reads(file, "column"), clause, ref)
    _must_be_good(problems, accept_good=accept_good)
    breaches = [
        Breach(
            row.officer_id,
            row.clause or "",
            row.at,
            row.evidence,
            row.note,
            row.line,
            row.directive,
        )
        for row in rows
    ]
    with this.office() as office:
        answer = office.report_breaches(
            ref,
            breaches,
            by=by,
            at=this.instant(reported_at, "--reported-at"),
            accept_good=accept_good,
        )
    answer = {**answer, "refused": _refused(answer["refused"], problems)}
    this.answer(answer, casework.many(answer, file, "opened"))


def _must_be_good(problems: "Sequence[Problem]", *, accept_good: bool) -> None:
    from console.files.problems import BadFile

    if problems and not accept_good:
        raise BadFile(problems)


def _refused(
    refused: "list[dict[str, object]]", problems: "Sequence[Problem]"
) -> "list[dict[str, object]]":
    """Put the lines that could not be read among those that were refused."""
    unread: list[dict[str, object]] = [
        {
            "line": one.line,
            "officer_id": one.officer_id or None,
            "reason": f"{one.column}: {one.reason}",
        }
        for one in problems
    ]
    return sorted([*refused, *unread], key=lambda one: int(str(one["line"])))


def notice(
    ctx: typer.Context,
    names: Annotated[
        list[str] | None, typer.Argument(help="Cases' ids.", metavar="[CASE]...")
    ] = None,
    *,
    by: By,
    within: Annotated[
        str | None,
        typer.Option("--within", help="The time to answer in; else P7D.", metavar="D"),
    ] = None,
    text: Annotated[
        str | None, typer.Option("--text", help="What it says.", metavar="TEXT")
    ] = None,
    file: Many = None,
    accept_good: AcceptGood = False,
    at: At = None,
) -> None:
    """Serve a notice to show cause in a case, or in many.

    By a held post that commands the officer's unit. --file has one column, case. Nobody is
    decided upon before he has answered or the notice's time has run out.
    """
    from console.files import cases_file

    this = call(ctx)
    problems: Sequence[Problem] = ()
    named: list[tuple[int | None, str]] = [(None, name) for name in names or ()]
    if (file is None) == (not named):
        raise Misused("case notice needs a CASE or several, or --file CSV.")
    if file is not None:
        rows, problems = cases_file.read_cases(this.reads(file, "column"))
        _must_be_good(problems, accept_good=accept_good)
        named = [*rows]
    with this.office() as office:
        answer = office.serve_notices(
            named,
            by,
            within=_seconds(within),
            text=text,
            at=this.instant(at, "--at"),
            accept_good=accept_good,
            many=file is not None,
        )
    if "refused" in answer:
        answer = {**answer, "refused": _refused(answer["refused"], problems)}
        this.answer(answer, casework.many(answer, file, "put to notice"))
    else:
        this.answer(answer, casework.step(answer, f"{by} served the notice."))


def _seconds(within: str | None) -> int:
    if within is None:
        from domain.case import NOTICE

        return NOTICE
    from console.files import durations

    try:
        length = int(durations.duration(within).total_seconds())
    except ValueError as fault:
        raise Misused(f"--within {within}: {fault}") from None
    if length <= 0:
        raise Misused(f"--within {within}: give him time to answer.")
    return length


def answer(ctx: typer.Context, case: CaseWord, text: Text, at: At = None) -> None:
    """Enter an officer's answer to the notice."""
    this = call(ctx)
    with this.office() as office:
        told = office.answer_notice(case, text, at=this.instant(at, "--at"))
    this.answer(told, casework.step(told, f"{told['officer_id']} answered the notice."))


def decide(
    ctx: typer.Context,
    case: CaseWord,
    *,
    outcome: Annotated[
        Outcome,
        typer.Option(
            "--outcome",
            help=f"What is decided: {', '.join(OUTCOMES)}.",
            metavar="OUTCOME",
            show_default=False,
        ),
    ],
    by: By,
    reason: Reason,
    at: At = None,
) -> None:
    """Decide a case.

    By the desk competent for the officer's unit and rank at that moment. From BPS 18 on it can
    only be forwarded, to the Government of the province. The roll is changed by its own commands.
    OUTCOME is filed, warned, censured, suspended, increment_stopped, service_reduced,
    rank_reduced, compulsorily_retired, removed, dismissed or forwarded. A suspension needs no
    hearing and awaits a decision.
    """
    this = call(ctx)
    with this.office() as office:
        told = office.decide_case(case, outcome, by, reason, at=this.instant(at, "--at"))
    this.answer(
        told, casework.step(told, f"{told['officer_id']}: {outcome.replace('_', ' ')}.")
    )
    _remark(told)


def appeal(ctx: typer.Context, case: CaseWord, reason: Reason, at: At = None) -> None:
    """Enter an officer's appeal against the decision.

    Within 30 days of it; the next authority decides.
    """
    this = call(ctx)
    with this.office() as office:
        told = office.appeal(case, reason, at=this.instant(at, "--at"))
    this.answer(told, casework.step(told, f"{told['officer_id']} appeals."))


def decide_appeal(
    ctx: typer.Context,
    case: CaseWord,
    *,
    outcome: Annotated[
        Literal["upheld", "set_aside", "reduced"],
        typer.Option("--outcome", help="What becomes of the decision.", show_default=False),
    ],
    by: By,
    reason: Reason,
    to: Annotated[
        Outcome | None,
        typer.Option(
            "--to",
            help="With reduced: the lighter punishment, an outcome of `case decide`.",
            metavar="OUTCOME",
            show_default=False,
        ),
    ] = None,
    at: At = None,
) -> None:
    """Decide an appeal: by the desk next above.

    upheld: the decision stands.
    """
    this = call(ctx)
    with this.office() as office:
        told = office.decide_appeal(
            case, outcome, by, reason, to=to, at=this.instant(at, "--at")
        )
    this.answer(
        told, casework.step(told, f"The decision is {outcome.replace('_', ' ')} by {by}.")
    )
    _remark(told)


def reinstate(
    ctx: typer.Context, case: CaseWord, by: By, reason: Reason, at: At = None
) -> None:
    """Put an officer back after a suspension or dismissal.

    Also after removal, compulsory retirement or reduction in rank.
    """
    this = call(ctx)
    with this.office() as office:
        told = office.reinstate(case, by, reason, at=this.instant(at, "--at"))
    this.answer(told, casework.step(told, f"{told['officer_id']} is reinstated."))
    _remark(told)


def _remark(answer: "dict[str, object]") -> None:
    if answer["remark"] is not None:
        output.remark(str(answer["remark"]))


def listing(
    ctx: typer.Context,
    ref: MaybeRef = None,
    officer: Annotated[
        str | None, typer.Option("--officer", help="Only his.", metavar="ID")
    ] = None,
    unit: UnitOption = None,
    state: Annotated[
        State | None, typer.Option("--state", help="Only those that stand so.")
    ] = None,
    as_of: AsOf = None,
    known_at: KnownAt = None,
) -> None:
    """List cases.

    Of a directive, of all without one; by the officers' units at the breach.
    """
    this = call(ctx)
    with this.office() as office:
        told = office.cases(
            ref,
            officer=officer,
            unit=unit,
            state=state,
            as_of=this.instant(as_of, "--as-of"),
            known_at=this.known(known_at),
        )
        zone = office.timezone
    this.answer(told, casework.listing(told, zone))


def show(
    ctx: typer.Context, case: CaseWord, as_of: AsOf = None, known_at: KnownAt = None
) -> None:
    """Show a case, entry by entry."""
    this = call(ctx)
    with this.office() as office:
        told = office.case(
            case, as_of=this.instant(as_of, "--as-of"), known_at=this.known(known_at)
        )
        zone = office.timezone
    this.answer(told, casework.shown(told, zone, output.screen().width))


def annex(
    ctx: typer.Context,
    case: CaseWord,
    out: Annotated[
        Path | None, typer.Option("--out", help="The file to write.", metavar="FILE")
    ] = None,
) -> None:
    """Prove a case: what bound him, that he had it.

    The clause as it was worded at the breach, how the order came down hop by hop, when he was
    served, read and acknowledged it, and the case's entries, each with the SHA-256 of its
    stored bytes.
    """
    this = call(ctx)
    if out is not None:
        this.writes(out)
    with this.office() as office:
        told = office.annex(case)
        zone = office.timezone
    if out is None:
        this.answer(told, casework.annex(told, zone, output.screen().width))
        return
    whole = {**told, "rehearsal": True} if this.rehearsal else told
    text = json.dumps(whole, ensure_ascii=False, indent=2, default=_plain)
    out.write_text(text + "\n", encoding="utf-8")
    entries = len(told["service_entries"]) + len(told["case_entries"])
    this.answer(
        {"case": case, "file": str(out), "entries": entries, "position": told["position"]},
        f"The annex to {case}, with {entries} entries, is in {out}.",
    )


def _plain(value: object) -> str:
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
