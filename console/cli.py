"""The command `farman`: its words, and what it ends with.

In: the words of the command line. Out: the answer on stdout, one sentence on stderr when it
fails, an exit code of CONTRACT section 4.
Safe: Ctrl-C and a closed pipe end it quietly; what a command had said was done stays done.
"""

import sys
from collections.abc import Callable, Sequence
from typing import Annotated

import typer

from console import failures, invocation, output
from console.commands import (
    answers,
    cases,
    directives,
    force,
    home,
    links,
    offices,
    permissions,
    questions,
    registers,
    returns,
    workers,
)
from console.commands.demo import demo
from console.commands.options import example
from console.invocation import Invocation

HELP = """Farman carries a police directive from the Inspector General to the last constable.

It shows at every moment who has received it, acknowledged it and complied, and replays all
of it. Begin with: farman demo
"""

app = typer.Typer(
    name="farman",
    help=HELP,
    epilog="Anywhere: --home DIR (or FARMAN_HOME, else ./farman-home), --json, "
    "--now T (a rehearsal's clock).",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 96},
)


def _group(name: str, sentence: str) -> typer.Typer:
    group = typer.Typer(help=sentence, no_args_is_help=True, rich_markup_mode=None)
    app.add_typer(group, name=name)
    return group


_force = _group("force", "The command tree and its posts.")
_roll = _group("roll", "The nominal roll: who is on the strength.")
_relay = _group("relay", "A directive at a unit, on its way down.")
_answers = _group("answers", "What officers answer.")
_officer = _group("officer", "What befalls an officer.")
_post = _group("post", "Who holds a post.")
_permission = _group("permission", "Leave to do what a clause forbids without it.")
_groups = _group("group", "Official groups: whose, and run by which post.")
_accounts = _group("account", "Official accounts: whose, and run by which post.")
_instrument = _group("instrument", "Instruments from outside the chain of command.")
_return = _group("return", "The compliance certificates that accountable posts owe.")
_office = _group("office", "Regional offices with ledgers of their own.")
_case = _group("case", "Breaches: reported, put to notice, decided, appealed.")
_link = _group("link", "The links that carry what offices write to each other.")

_NOON = "2020-01-15T12:00:00+05:00"
_COMMANDS: Sequence[tuple[typer.Typer, str, Callable[..., None], str]] = (
    (app, "demo", demo, "demo --officers 20000"),
    (app, "init", home.init, "init --rehearsal --now 2020-01-15T09:00:00+05:00"),
    (_force, "import", force.import_force, "force import examples/kp.yaml --dry-run"),
    (_roll, "import", force.import_roll, "roll import roll.csv --accept-good"),
    (
        _roll,
        "generate",
        force.generate_roll,
        "roll generate examples/kp.yaml --officers 100000 --seed 7 --out roll.csv",
    ),
    (app, "issue", directives.issue, "issue examples/directives/kp-2020-01-whatsapp.md"),
    (app, "amend", directives.amend, "amend 1/2020 order.md --material"),
    (app, "supersede", directives.supersede, "supersede 1/2020 --by 4/2020"),
    (app, "withdraw", directives.withdraw, 'withdraw 1/2020 --reason "Issued in error"'),
    (
        _relay,
        "acknowledge",
        directives.acknowledge_relay,
        "relay acknowledge 1/2020 swat --by dpo-swat",
    ),
    (
        _relay,
        "tighten",
        directives.tighten_relay,
        "relay tighten 1/2020 swat --clause quit --within PT12H",
    ),
    (
        _relay,
        "drift",
        directives.drift_of_relay,
        "relay drift 2737/IAB peshawar as-relayed.md",
    ),
    (app, "read", answers.read, "read 1/2020 KP-00042 --channel phone"),
    (app, "ack", answers.ack, f"ack 1/2020 KP-00042 --channel paper --at {_NOON}"),
    (app, "comply", answers.comply, 'comply 1/2020 KP-00042 --evidence "screenshot 12"'),
    (
        app,
        "contest",
        answers.contest,
        'contest 1/2020 KP-00042 --reason "Added by others; not a member any more"',
    ),
    (
        app,
        "exempt",
        answers.exempt,
        'exempt 1/2020 KP-00042 --by dpo-swat --reason "Runs the official group"',
    ),
    (_answers, "import", answers.import_answers, "answers import answers.csv"),
    (
        app,
        "roll-call",
        answers.roll_call,
        f"roll-call 1/2020 swat-saidu roll-call.csv --diary 14 --held-at {_NOON}",
    ),
    (
        _return,
        "submit",
        returns.submit,
        "return submit 1/2020 malakand --by rpo-malakand --claimed 412",
    ),
    (
        _return,
        "contradict",
        returns.contradict,
        'return contradict 1/2020 swat --evidence "Still in a group" --by rpo-malakand',
    ),
    (_return, "list", returns.listing, "return list 1/2020 --unit malakand"),
    (_return, "scores", returns.scores, "return scores --post rpo-malakand"),
    (app, "status", questions.status, f"status 1/2020 --depth 2 --as-of {_NOON}"),
    (app, "officers", questions.officers, "officers 1/2020 --state overdue --unit swat"),
    (app, "show", questions.show, "show 1/2020 --version 1 --language ur"),
    (app, "hops", questions.hops, "hops 1/2020"),
    (app, "overdue", questions.overdue, "overdue --unit malakand"),
    (app, "timeline", questions.timeline, "timeline 1/2020 --officer KP-00042"),
    (
        app,
        "proof-of-service",
        questions.proof_of_service,
        f"proof-of-service 1/2020 KP-00042 --as-of {_NOON}",
    ),
    (
        app,
        "back",
        registers.back,
        'back 1/2020 --by ppo --instrument "2737/IAB"',
    ),
    (app, "authentic", registers.authentic, "authentic copy.md"),
    (app, "lineage", directives.lineage, "lineage 191/2024"),
    (app, "effect", directives.effect, "effect 191/2024"),
    (app, "replay", directives.replay, "replay 1/2020 --speed 4"),
    (
        app,
        "export",
        questions.export,
        "export 1/2020 --what standing --format xlsx --out standing.xlsx",
    ),
    (
        _case,
        "report",
        cases.report,
        f'case report 1/2020 KP-00042 --clause quit --at {_NOON} --evidence "screenshot 12"',
    ),
    (_case, "notice", cases.notice, "case notice hq-2020-c1 --by dpo-swat --within P7D"),
    (_case, "answer", cases.answer, 'case answer hq-2020-c1 --text "I had been added"'),
    (
        _case,
        "decide",
        cases.decide,
        'case decide hq-2020-c1 --outcome censured --by dpo-swat --reason "First breach"',
    ),
    (_case, "appeal", cases.appeal, 'case appeal hq-2020-c1 --reason "Too severe"'),
    (
        _case,
        "decide-appeal",
        cases.decide_appeal,
        'case decide-appeal hq-2020-c1 --outcome upheld --by rpo-malakand --reason "Heard"',
    ),
    (
        _case,
        "reinstate",
        cases.reinstate,
        'case reinstate hq-2020-c1 --by dpo-swat --reason "Cleared"',
    ),
    (_case, "list", cases.listing, "case list 1/2020 --state noticed --unit swat"),
    (_case, "show", cases.show, "case show hq-2020-c1"),
    (_case, "annex", cases.annex, "case annex hq-2020-c1 --out annex.json"),
    (_officer, "transfer", force.transfer, "officer transfer KP-00042 swat"),
    (_officer, "duty", force.duty, "officer duty KP-00042 leave"),
    (_officer, "promote", force.promote, "officer promote KP-00042 9"),
    (_officer, "retire", force.retire, "officer retire KP-00042"),
    (_post, "assume", force.assume, "post assume dpo-swat KP-00042 --charge acting"),
    (_post, "relinquish", force.relinquish, "post relinquish dpo-swat"),
    (
        _permission,
        "request",
        permissions.request,
        (
            "permission request 3/2024 KP-00042 --clause platforms --scope uniform "
            f'--until {_NOON} --why "A film on road safety"'
        ),
    ),
    (
        _permission,
        "grant",
        permissions.grant,
        'permission grant hq-2024-p1 --by dpo-swat --reason "The film needs it"',
    ),
    (
        _permission,
        "refuse",
        permissions.refuse,
        'permission refuse hq-2024-p1 --by dpo-swat --reason "Not in uniform"',
    ),
    (
        _permission,
        "revoke",
        permissions.revoke,
        'permission revoke hq-2024-p1 --by dpo-swat --reason "The film is made"',
    ),
    (
        _permission,
        "list",
        permissions.listing,
        "permission list 3/2024 --unit swat --state requested",
    ),
    (_permission, "show", permissions.show, "permission show hq-2024-p1"),
    (
        _groups,
        "enter",
        registers.group_enter,
        'group enter "Swat Duty" --platform whatsapp --unit swat --post dpo-swat',
    ),
    (_groups, "pass", registers.group_pass, "group pass hq-g1 --post rpo-malakand"),
    (_groups, "close", registers.group_close, 'group close hq-g1 --reason "No more needed"'),
    (_groups, "list", registers.group_list, "group list --unit malakand"),
    (_groups, "check", registers.group_check, 'group check whatsapp "Swat Duty"'),
    (
        _accounts,
        "enter",
        registers.account_enter,
        "account enter @SwatPolice --platform x --unit swat --post dpo-swat",
    ),
    (_accounts, "pass", registers.account_pass, "account pass hq-a1 --post rpo-malakand"),
    (
        _accounts,
        "close",
        registers.account_close,
        'account close hq-a1 --reason "No more needed"',
    ),
    (_accounts, "list", registers.account_list, "account list --platform x"),
    (_accounts, "check", registers.account_check, "account check x @SwatPolice"),
    (_instrument, "enter", registers.instrument_enter, "instrument enter interior.md"),
    (_instrument, "list", registers.instrument_list, "instrument list"),
    (_instrument, "show", registers.instrument_show, "instrument show hq-i1"),
    (
        _office,
        "commission",
        offices.commission,
        "office commission malakand --out malakand.json",
    ),
    (_office, "join", offices.join, "office join malakand.json"),
    (_office, "list", offices.listing, "office list"),
    (app, "worker", workers.worker, "worker --role outbox"),
    (app, "health", workers.health, "health"),
    (_link, "status", links.status, "link status"),
    (_link, "resend", links.resend, "link resend malakand --from 1 --to 100"),
    (_link, "dead-letters", links.dead_letters, "link dead-letters --office malakand"),
    (app, "tick", home.tick, "tick"),
    (app, "rebuild", home.rebuild, "rebuild --check"),
    (app, "doctor", home.doctor, "doctor"),
)
for _where, _word, _command, _example in _COMMANDS:
    _where.command(_word, epilog=example(_example))(_command)


def _version(asked: bool) -> None:
    if asked:
        from importlib import metadata

        output.say(f"farman {metadata.version('farman')}")
        raise typer.Exit


@app.callback()
def farman(
    # The three are taken out of the words before they come here (`invocation.parse`); they
    # stand here for the help and for TAB.
    _home: Annotated[
        str | None, typer.Option("--home", help="The office's folder.", metavar="DIR")
    ] = None,
    _json: Annotated[
        bool, typer.Option("--json", help="Answer with one JSON document.")
    ] = False,
    _now: Annotated[
        str | None, typer.Option("--now", help="Set a rehearsal's clock.", metavar="T")
    ] = None,
    _asked: Annotated[
        bool,
        typer.Option("--version", help="Tell the version.", callback=_version, is_eager=True),
    ] = False,
) -> None:
    """Hold the options that every command takes."""


def run(words: Sequence[str], told: invocation.Told | None = None) -> int:
    """Carry out one command line and return its exit code; nothing is raised.

    ``told`` takes the answer, or what is told of a failure, which then go nowhere else.
    """
    call = Invocation(told=told)
    try:
        call, rest = invocation.parse(words)
        call.told = told
        returned = app(args=rest, prog_name="farman", standalone_mode=False, obj=call)
    except invocation.Lacking as fault:
        return _failed(fault, fault.call)
    except failures.AnswerIsNo:
        return failures.NO
    except output.PipeClosed:
        return output.PIPE_CLOSED
    except typer.TyperException as fault:
        return _misused(fault, call)
    except typer.Abort:
        return _failed(KeyboardInterrupt(), call)
    except (Exception, KeyboardInterrupt) as fault:  # noqa: BLE001 -- told, never swallowed
        return _failed(fault, call)
    # typer returns the code of an Exit, and 130 for Ctrl-C; commands themselves return nothing.
    if returned == failures.INTERRUPTED:
        return _failed(KeyboardInterrupt(), call)
    return returned if isinstance(returned, int) else 0


def _misused(fault: typer.TyperException, call: Invocation) -> int:
    """Tell what is wrong with the words, in one sentence."""
    context = getattr(fault, "ctx", None)
    path = context.command_path if context is not None else "farman"
    text = " ".join(fault.format_message().split()).rstrip(".").replace("Value error, ", "")
    if type(fault).__name__ == "NoArgsIsHelpError":
        if not call.json:
            output.remark(fault.format_message())
            return failures.USAGE
        text = f"{path} needs a command"
    text += " " if text.endswith("?") else "; "
    failure = failures.Failure(failures.USAGE, f"{text}{path} --help tells how it is used.")
    return _tell(failure, call)


def _failed(fault: BaseException, call: Invocation) -> int:
    """Tell of a failure, and return its code."""
    failures.trace(fault)
    return _tell(failures.of(fault, call.file), call)


def _tell(failure: failures.Failure, call: Invocation) -> int:
    try:
        if call.told is not None:
            call.told(failure.document(call.place), failure.detail)
        elif call.json:
            told = failure.document(call.place)
            output.document({**told, "rehearsal": True} if call.rehearsal else told)
            output.remark(failure.detail)
        elif failure.code != failures.INTERRUPTED:
            if call.rehearsal:
                call.mark()
            failures.tell(failure)
    except output.PipeClosed:
        return output.PIPE_CLOSED
    return failure.code


def main() -> None:
    """Run the command line of this process, and end it."""
    output.ready()
    sys.exit(run(sys.argv[1:]))
