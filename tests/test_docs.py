"""What the documentation says is so: its commands are carried out, its pages are current."""

import json
import re
import shlex
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from console import cli, exports, failures, invocation, output
from console.files import (
    answers_file,
    cases_file,
    directive_file,
    force_file,
    instrument_file,
    roll_file,
)
from console.settings import Settings
from docs.tools import generate, record
from docs.tools.record import Command
from ledger.codec import FACTS
from office.questions import EXPORTS
from projections.status import NUMBERS
from projections.tables import PROJECTIONS
from tests import services
from tests.console.conftest import FORCE, LEAVE, MORNING, NEXT_NOON, ORDER, ROLL

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(
    [
        *DOCS.rglob("*.md"),
        *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    ]
)
REFERENCE = DOCS / "reference"


def text(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def named(page: Path) -> str:
    return str(page.relative_to(ROOT))


# -- pages that are carried out


@pytest.fixture(scope="module")
def first_hour(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the tutorial as its reader leaves it, and a workbook."""
    folder = tmp_path_factory.mktemp("tutorial") / "first-hour"
    folder.mkdir()
    carry_out(record.TUTORIAL, folder)
    record.workbook(folder / "roll.xlsx")
    return folder


def carry_out(page: Path, folder: Path, **more: Any) -> None:
    """Do what a page says, and compare what it says is printed with what is."""
    for command, printed in record.carried_out(text(page), folder, **more):
        assert_alike(command, printed, f"{named(page)}:{command.line}")


def assert_alike(command: Command, printed: str, where: str) -> None:
    """Compare loosely: blanks, rules and widths of tables do not count, words and numbers do."""
    said, found = folded("\n".join(command.said)), folded(printed)
    skipping = ".*".join(map(re.escape, said.split(" ... "))) if said else ""
    if said == "...":
        assert "Farman itself failed" not in printed, f"{where}: {command.text}\n{printed}"
        return
    assert re.fullmatch(skipping, found), (
        f"{where}: {command.text}\n\nThe page says:\n{said}\n\nIt prints:\n{found}\n\n"
        "If it is meant: .venv/bin/python -m docs.tools.record"
    )


def folded(lines: str) -> str:
    kept = [line for line in lines.split("\n") if not re.fullmatch(r"[─━-]{4,}", line.strip())]
    said = " ".join(" ".join(kept).split())
    said = re.sub(r"\b[0-9a-f]{16}\b", "DIGEST", said)
    return re.sub(r"[█░#]{2,}", "BAR", said)


def test_the_tutorial_runs_as_it_is_written(first_hour: Path) -> None:
    assert (first_hour / "farman-home" / "home.json").exists()  # the fixture has compared


@pytest.mark.parametrize("page", record.going_on(), ids=lambda page: page.stem)
def test_a_page_that_goes_on_from_the_tutorial_runs_as_it_is_written(
    page: Path, first_hour: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "first-hour"
    shutil.copytree(first_hour, folder)
    carry_out(page, folder)


def test_the_page_about_postgresql_runs_as_it_is_written(
    postgres_server: services.Server, tmp_path: Path
) -> None:
    carry_out(
        record.ON_POSTGRESQL,
        tmp_path,
        given=record.on_server(postgres_server.port),
        programs=services.find_programs(),
    )


def test_every_how_to_with_an_output_is_carried_out() -> None:
    # Cron and an engine for containers are not at hand; tests/compose does what the latter's page says,
    # and tests/stories/test_demo_offices.py what the page about offices says.
    names = ("tick-from-cron.md", "run-with-compose.md", "offices.md")
    silent = {DOCS / "how-to" / name for name in names}
    done = {*record.going_on(), record.ON_POSTGRESQL}
    assert {*(DOCS / "how-to").glob("*.md")} == done | silent
    assert not any(step for page in silent for step in record.steps(text(page)))


# -- pages that are written from the code


@pytest.mark.parametrize("page", generate.pages(), ids=lambda page: page.stem)
def test_a_generated_page_is_current(page: Path) -> None:
    assert text(page) == generate.pages()[page].rstrip() + "\n", (
        "write it anew: .venv/bin/python -m docs.tools.generate"
    )


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_command_line_is_one_that_farman_understands(page: Path) -> None:
    for line in re.findall(r"^ *(?:\$ )?(farman [a-z].*)$", text(page), re.MULTILINE):
        if re.fullmatch(r"farman [^|<>&;$`*`]+", line) and "COMMAND" not in line:
            understood(line)


def understood(line: str) -> None:
    """Let typer read a command line without carrying it out."""
    _, words = invocation.parse(shlex.split(re.sub(r"\[OPTIONS\].*|[\[\]]", "", line))[1:])
    if " REF" in line or "FILE" in line or line.isupper() or re.search(r"\b[A-Z]{3,}\b", line):
        return  # a form, not an example
    command: Any = get_command(cli.app)
    while words and hasattr(command, "commands"):
        assert words[0] in command.commands, line
        command = command.commands[words.pop(0)]
    command.make_context("farman", words, obj=invocation.Invocation())


def test_every_command_has_its_keys_in_the_json_page() -> None:
    told = {name.removesuffix(" REF") for name in documented() if name in ASKED}
    assert told == {path for path, _ in generate.every_command()} - ASKED_ELSEWHERE


# -- the JSON page against what is answered


Farman = Callable[[str], tuple[int, str]]


@pytest.fixture
def farman(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Farman:
    """Run one command line in a folder that holds what `ASKED` speaks of."""
    monkeypatch.chdir(tmp_path)
    for name in Settings.model_fields:
        monkeypatch.delenv(f"FARMAN_{name.upper()}", raising=False)
    for name, content in {
        "force.yaml": FORCE,
        "moved.yaml": FORCE.replace("{en: Malakand}", "{en: Range}").replace("2019-", "2020-"),
        "roll.csv": ROLL,
        "mixed.csv": "officer_id,name,rank,unit,post\n"
        "A,B,99,swat,\nC-9,Nobody,7,swat,rpo-malakand\n",
        "order.md": ORDER,
        "leave.md": LEAVE,
        "second.md": ORDER.replace("immediate", "routine"),
        "third.md": ORDER.replace(
            "    escalate: [PT0S]\n",
            "  - {id: report, kind: return_due, from: [region, district],"
            " due: {clock: receipt, within: P7D}}\n",
        ),
        "cited.md": ORDER.replace(
            "standing: true",
            "standing: true\npurpose: {en: To end it.}\nlineage: {reissues: [{ref: 1/2020, reason: x}]}",
        ),
        "relayed.md": ORDER.replace("P1D", "P3D").replace("issuer: ppo", "issuer: dpo-swat"),
        "amended.md": ORDER.replace("Leave every", "Leave each"),
        "ban.md": ORDER.replace("quit", "ban")
        .replace("required_act", "prohibition")
        .replace("    due: {clock: receipt, within: P1D}\n    escalate: [PT0S]\n", "")
        .replace(
            "---\n## en",
            "  - {id: action, kind: consequence, of: ban, text: {en: A case.}}\n---\n## en",
        ),
        "breaches.csv": "officer_id,at,evidence,clause,note\n"
        f"C-3,{MORNING},video 1,ban,\nX,{MORNING},video 2,ban,\n",
        "cases.csv": "case\nhq-2020-c2\nhq-2020-c99\n",
        "open.md": ORDER.replace("---\n## en", OPEN),
        "interior.md": INTERIOR,
        "answers.csv": "directive,officer_id,answer,at\n"
        f"1/2020,C-1,read,{MORNING}\n1/2020,X,read,{MORNING}\n",
        "saidu.csv": "officer_id,answer\nC-2,\nC-3,absent\nX,\n",
    }.items():
        (tmp_path / name).write_text(content, encoding="utf-8")

    def call(line: str) -> tuple[int, str]:
        code = cli.run(shlex.split(line))
        return code, capsys.readouterr().out

    return call


OPEN = """\
  - {id: official, kind: exception, of: quit, open: true, text: {en: Official groups.}}
basis: {form: conveyed}
lineage: {similar_to: [4/2019-Media]}
---
## en"""
INTERIOR = """\
---
citation: 4/2019-Media
from: {en: Ministry of Interior}
date: 2019-12-20
form: signed
subject: {en: Social media in attached departments}
clauses: [{id: media, kind: prohibition, text: {en: Nothing official is posted.}}]
---
## en
Nothing official is posted.
"""

ENTERED = "--unit swat --post dpo-swat --under 5/2020 --clause official"

ASKED: dict[str, list[str]] = {
    "farman init": [f"init --rehearsal --now {MORNING}"],
    "farman force import": ["force import force.yaml", "force import moved.yaml"],
    "farman roll import": ["roll import roll.csv", "roll import mixed.csv --accept-good"],
    "farman roll generate": ["roll generate force.yaml --officers 20 --seed 1 --out r.csv"],
    "farman issue": [
        "issue order.md",
        "issue second.md",
        "issue leave.md",
        "issue ban.md",
        "issue open.md",
        "issue third.md",
        "issue cited.md",
    ],
    "farman amend": ["amend 1/2020 amended.md"],
    "farman relay acknowledge": ["relay acknowledge 2/2020 malakand --by ppo"],
    "farman relay tighten": [
        "relay tighten 1/2020 swat --clause quit --within PT12H --by dpo-swat"
    ],
    "farman relay drift": ["relay drift 1/2020 swat relayed.md --record"],
    "farman lineage": ["lineage 7/2020"],
    "farman effect": ["effect 7/2020"],
    "farman read": ["read 1/2020 C-1"],
    "farman ack": ["ack 1/2020 C-2"],
    "farman comply": ["comply 1/2020 D-1"],
    "farman contest": [
        "contest 1/2020 C-1 --reason x",
        "contest 1/2020 C-1 --decide dismissed --by ppo",
    ],
    "farman exempt": ["exempt 1/2020 C-4 --by ppo --reason x"],
    "farman answers import": ["answers import answers.csv --accept-good"],
    "farman roll-call": [
        f"roll-call 1/2020 swat-saidu saidu.csv --diary 4 --held-at {MORNING}"
    ],
    "farman return submit": ["return submit 6/2020 swat --by dpo-swat --claimed 1"],
    "farman return contradict": [
        "return contradict 6/2020 swat --by ppo --evidence x --officer C-1"
    ],
    "farman return list": ["return list"],
    "farman return scores": ["return scores"],
    "farman status REF": ["status 1/2020"],
    "farman status": ["status"],
    "farman officers": ["officers 1/2020 --limit 2"],
    "farman show": ["show 1/2020", "show 5/2020 --language en"],
    "farman hops": ["hops 1/2020"],
    "farman overdue": [f"overdue --as-of {NEXT_NOON}"],
    "farman case report": [
        f"case report 4/2020 C-2 --clause ban --at {MORNING} --evidence x --by dpo-swat",
        "case report 4/2020 --file breaches.csv --accept-good",
    ],
    "farman case notice": [
        "case notice hq-2020-c1 --by dpo-swat",
        "case notice --file cases.csv --by dpo-swat --accept-good",
    ],
    "farman case answer": ["case answer hq-2020-c1 --text x"],
    "farman case decide": [
        "case decide hq-2020-c1 --outcome dismissed --by dpo-swat --reason x"
    ],
    "farman case appeal": ["case appeal hq-2020-c1 --reason x"],
    "farman case decide-appeal": [
        "case decide-appeal hq-2020-c1 --outcome reduced --to warned --by rpo-malakand --reason x"
    ],
    "farman case reinstate": ["case reinstate hq-2020-c1 --by dpo-swat --reason x"],
    "farman case list": ["case list 4/2020"],
    "farman case show": ["case show hq-2020-c1"],
    "farman case annex": ["case annex hq-2020-c1", "case annex hq-2020-c1 --out annex.json"],
    "farman timeline": ["timeline 1/2020"],
    "farman proof-of-service": ["proof-of-service 1/2020 C-1"],
    "farman group enter": [
        f"group enter Duty --platform whatsapp {ENTERED}",
    ],
    "farman account enter": [
        f"account enter @Swat --platform x {ENTERED}",
    ],
    "farman group list": ["group list"],
    "farman account list": ["account list"],
    "farman group check": ["group check whatsapp duty"],
    "farman account check": ["account check x swat"],
    "farman group pass": ["group pass hq-g1 --post ppo"],
    "farman account pass": ["account pass hq-a1 --post ppo"],
    "farman group close": ["group close hq-g1 --reason x"],
    "farman account close": ["account close hq-a1 --reason x"],
    "farman instrument enter": ["instrument enter interior.md"],
    "farman instrument list": ["instrument list"],
    "farman instrument show": ["instrument show hq-i1"],
    "farman back": ["back 5/2020 --by ppo --instrument hq-i1"],
    "farman replay": ["replay 1/2020"],
    "farman permission request": [
        f"permission request 3/2020 C-{n} --clause platforms --scope uniform --why x"
        f" --until {NEXT_NOON}"
        for n in (1, 2)
    ],
    "farman permission grant": ["permission grant hq-2020-p1 --by dpo-swat"],
    "farman permission refuse": ["permission refuse hq-2020-p2 --by dpo-swat"],
    "farman permission revoke": ["permission revoke hq-2020-p1 --by dpo-swat"],
    "farman permission list": ["permission list 3/2020"],
    "farman permission show": ["permission show hq-2020-p1"],
    "farman tick": ["tick"],
    "farman export": ["export 1/2020 --what standing --format csv --out x.csv"],
    "farman rebuild": ["rebuild", "rebuild --check"],
    "farman doctor": ["doctor"],
    "farman officer transfer": ["officer transfer C-1 hazara"],
    "farman officer duty": ["officer duty C-1 leave"],
    "farman officer promote": ["officer promote C-1 9"],
    "farman post assume": ["post assume rpo-malakand C-1"],
    "farman post relinquish": ["post relinquish rpo-malakand"],
    "farman officer retire": ["officer retire C-1"],
    "farman supersede": ["supersede 1/2020 --by 2/2020"],
    "farman withdraw": ["withdraw 2/2020 --reason x"],
}
"""Commands of the page, in an order in which each can be given."""
ASKED_ELSEWHERE = {
    "farman authentic",
    "farman demo",
    "farman office commission",
    "farman office join",
    "farman office list",
    "farman worker",
    "farman health",
    "farman link status",
    "farman link resend",
    "farman link dead-letters",
}
"""The others: tests of their own compare what they answer with the page."""


def test_answers_hold_what_the_json_page_says_and_no_more(farman: Farman) -> None:
    page = documented()
    assert set(ASKED) | ASKED_ELSEWHERE | {"When a command fails"} == set(page)
    for name, lines in ASKED.items():
        told: set[str] = set()
        for line in lines:
            code, answer = farman(f"{line} --json")
            assert code == 0, (line, answer)
            told |= set(keys(json.loads(answer)))
        if name not in ("farman init", "farman roll generate"):
            assert "rehearsal" in told, name
            told -= {"rehearsal"}
        assert without_holders(told) == without_holders(page[name]), name


def test_a_failure_holds_what_the_json_page_says(farman: Farman) -> None:
    farman(f"init --rehearsal --now {MORNING}")
    farman("force import force.yaml")
    code, answer = farman("roll import mixed.csv --json")
    assert code == failures.FILE
    assert set(keys(json.loads(answer))) - {"rehearsal"} == {
        *(key for key in documented()["When a command fails"] if key.startswith("error")),
        "error",
    }


def documented() -> dict[str, set[str]]:
    """Return the keys of each command, as the page has them."""
    found: dict[str, set[str]] = {}
    for part in re.split(r"^## ", text(REFERENCE / "json.md"), flags=re.MULTILINE)[1:]:
        title, _, body = part.partition("\n")
        for name in title.split(", "):
            found[name] = set(re.findall(r"^\| `([^`]+)` \|", body, re.MULTILINE))
    return found


def keys(value: object, path: str = "") -> Iterator[str]:
    """Yield the path of every key, ``units[].unit``, and of every list."""
    if isinstance(value, dict):
        for name, inner in value.items():
            below = f"{path}.{name}" if path else name
            if not path.endswith((".before", ".after")):  # a text by language has any keys
                if not isinstance(inner, list):
                    yield below
                yield from keys(inner, below)
    elif isinstance(value, list):
        yield f"{path}[]"
        for inner in value:
            yield from keys(inner, f"{path}[]")


def without_holders(found: set[str]) -> set[str]:
    """Leave out objects and lists whose own keys are there."""
    return {
        path
        for path in found
        if not any(other.startswith((f"{path}.", f"{path}[")) for other in found)
    }


# -- lists in the reference against the code


def test_the_exit_codes_are_those_of_the_code() -> None:
    told = {
        int(code)
        for code in re.findall(r"^\| (\d+) \|", text(REFERENCE / "exit-codes.md"), re.MULTILINE)
    }
    assert told == {0, *failures.TITLES, failures.INTERRUPTED, output.PIPE_CLOSED}


def test_the_settings_are_those_of_the_code() -> None:
    page = text(REFERENCE / "settings.md")
    told = set(re.findall(r"^\| `(FARMAN_[A-Z_]+)` \|", page, re.MULTILINE))
    assert told == {f"FARMAN_{name.upper()}" for name in Settings.model_fields}


def test_the_numbers_are_those_that_are_counted() -> None:
    told = re.findall(r"^\| `([a-z]+)` \|", text(REFERENCE / "numbers.md"), re.MULTILINE)
    assert told == list(NUMBERS)


def section(title: str) -> str:
    """Return a section of the page about files."""
    parts = re.split(r"^##+ ", without_code(text(REFERENCE / "files.md")), flags=re.MULTILINE)
    return next(part for part in parts if part.startswith(f"{title}\n"))


def test_the_files_have_the_fields_that_are_read() -> None:
    def told(title: str) -> set[str]:
        return set(re.findall(r"^\| `([a-z_.\[\]]+)` \|", section(title), re.MULTILINE))

    assert told("Nominal roll") == set(roll_file.COLUMNS)
    assert told("Answers") == set(answers_file.COLUMNS)
    assert told("Breaches") == set(cases_file.COLUMNS)
    assert {name.partition(".")[0] for name in told("Directive")} == set(directive_file._TOP)
    assert told("Clauses") == set(directive_file.CLAUSE_KINDS)
    for kind, own in directive_file._OWN.items():
        (row,) = re.findall(rf"^\| `{kind}` \|(.*)$", section("Clauses"), re.MULTILINE)
        assert all(f"`{key}" in row for key in own), kind
    assert told("Instrument") == set(instrument_file.TOP)
    for kind in force_file.KINDS:
        assert f"`{kind}`" in section("Force file")


def test_the_exports_have_the_columns_that_are_written() -> None:
    page = section("What Farman writes: exports")
    for what, columns in EXPORTS.items():
        (row,) = re.findall(rf"^\| `{what}` \|(.*)\|$", page, re.MULTILINE)
        assert re.findall(r"`([a-z_]+)`", row) == columns
    assert "`exercise`" in page
    assert set(exports.WRITERS) == {"csv", "jsonl", "parquet", "xlsx"}


def test_the_changelog_names_every_stored_name_and_table() -> None:
    ledger = text(ROOT / "CHANGELOG.md")
    assert [name for name in FACTS if f"`{name}`" not in ledger] == []
    tables = [table for names in PROJECTIONS.values() for table in names]
    assert [table for table in tables if f"`{table}`" not in ledger] == []


# -- links, places and form


def anchors(page: Path) -> set[str]:
    """Return what one can link to in a page, as its headings become anchors."""
    found = re.findall(r"^#+ (.*)$", without_code(text(page)), re.MULTILINE)
    plain = [re.sub(r"[`*]", "", heading).strip().lower() for heading in found]
    return {re.sub(r"[^\w\- ]", "", heading).replace(" ", "-") for heading in plain}


def without_code(page: str) -> str:
    return re.sub(r"^ *```.*?^ *```$", "", page, flags=re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_link_leads_somewhere(page: Path) -> None:
    missing = []
    for link in re.findall(r"\]\(([^)\s]+)\)", without_code(text(page))):
        place, _, anchor = link.partition("#")
        if re.match(r"[a-z]+:", link):
            continue
        target = (page.parent / place).resolve() if place else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            missing.append(link)
    assert missing == []


def test_every_page_is_reached_from_the_index() -> None:
    index = DOCS / "README.md"
    linked = {(DOCS / link).resolve() for link in re.findall(r"\]\(([^)#\s]+)\)", text(index))}
    assert {page for page in DOCS.rglob("*.md") if page != index} == linked


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_nothing_speaks_of_a_machine(page: Path) -> None:
    assert re.findall(r"/work/|/tmp/|/root/|127\.0\.0\.1|localhost", text(page)) == []


def test_decisions_have_one_form_and_follow_each_other() -> None:
    pages = sorted((DOCS / "adr").glob("*.md"))
    assert [page.name[:5] for page in pages] == [f"{n:04}-" for n in range(len(pages))]
    for page in pages:
        said = text(page)
        assert said.startswith(f"# {page.name[:4]}: "), page.name
        assert re.search(r"^- Status: \w+\n- Date: \d{4}-\d\d-\d\d$", said, re.MULTILINE), (
            page.name
        )
        parts = re.findall(r"^## (.*)$", said, re.MULTILINE)
        assert parts == ["Context", "Decision", "Consequences", "Alternatives"], page.name
        assert len(said.split()) < 600, f"{page.name} takes more than two minutes"


@pytest.mark.parametrize("page", [ROOT / "CONTRIBUTING.md", ROOT / "README.md"], ids=named)
def test_places_and_targets_that_are_named_are_there(page: Path) -> None:
    said = without_code(text(page))
    later = {"audit/", "workers/", "bench/"}
    places = set(re.findall(r"`((?:[a-z_]+/)+[a-z_.\-]*|[a-z]+\.(?:toml|lock))`", said)) - later
    assert [
        place for place in sorted(places) if not (ROOT / place).exists() and place != "uv.lock"
    ] == []
    targets = set(re.findall(r"\bmake ([a-z]+)\b", text(page)))
    known = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert targets <= known | {"it"}


def test_the_picture_is_drawn_without_anything_from_elsewhere() -> None:
    picture = text(DOCS / "terminal.svg")
    assert "farman status" in picture.replace("&#160;", " ")
    assert "url(http" not in picture
