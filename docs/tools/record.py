# ruff: noqa: INP001 - docs is no package
"""Pages that can be carried out: their commands are run, and what these print is kept.

    .venv/bin/python -m docs.tools.record

In a page a block ```` ```console ```` holds commands, each after `$ `, with what they print
below; a line `...` stands for whatever is printed. A block with `title=NAME` is a file that
the reader makes. Writes into the tutorial, and into the how-to pages, what their commands
print today: read the diff. The tests carry out the same pages and compare.
"""

import contextlib
import io
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import xlsxwriter

from console.cli import run
from tests import services

DOCS = Path(__file__).parent.parent
TUTORIAL = DOCS / "tutorial.md"
ON_POSTGRESQL = DOCS / "how-to" / "run-on-postgresql.md"
FOLDER = "/home/you/farman-first-hour"
"""How the folder of a page is called in what is printed."""

_ONE_PROGRAM = re.compile(r"farman [^|<>&;$`*]+")
"""A command that needs no shell; it is run here, which saves a start of Python each time."""


@dataclass
class Command:
    """A command of a page, and what the page says it prints."""

    line: int
    """In the page, from 1."""
    text: str
    said: list[str]


@dataclass(frozen=True)
class Made:
    """A file that the reader makes."""

    name: str
    content: str


Step = Command | Made


def steps(page: str) -> Iterator[Step]:
    """Yield what a page asks its reader to do, in order."""
    fence = language = title = ""
    body: list[str] = []
    start = 0
    for number, line in enumerate(page.split("\n"), start=1):
        opened = re.fullmatch(r"(`{3,})([a-z]*)(?: title=(\S+))?", line)
        if not fence:
            if opened:
                fence, language, title = opened[1], opened[2], opened[3] or ""
                body, start = [], number + 1
        elif line == fence:
            if title:
                yield Made(title, "\n".join(body) + "\n")
            elif language == "console":
                yield from _commands(body, start)
            fence = ""
        else:
            body.append(line)


def _commands(body: list[str], start: int) -> Iterator[Command]:
    command: Command | None = None
    for number, line in enumerate(body, start=start):
        if line.startswith("$ "):
            if command is not None:
                yield command
            command = Command(number, line[2:], [])
        elif command is None:
            raise ValueError(f"line {number} of the page is printed by no command")
        else:
            command.said.append(line)
    if command is not None:
        yield command


def carried_out(
    page: str,
    folder: Path,
    given: Mapping[str, str] | None = None,
    programs: Path | None = None,
) -> Iterator[tuple[Command, str]]:
    """Do what a page says in ``folder``; yield each of its commands with what it printed.

    ``given`` replaces words of the page, such as the name of a server. ``programs`` is a
    folder of programs that the page needs beside Farman.
    """

    def real(text: str) -> str:
        for word, instead in (given or {}).items():
            text = text.replace(word, instead)
        return text

    code = 0
    for step in steps(page):
        if isinstance(step, Made):
            (folder / step.name).write_text(real(step.content), encoding="utf-8")
            continue
        with contextlib.chdir(folder), _environment(folder, programs):
            code, printed = _run(real(step.text), code)
        printed = printed.replace(str(folder.resolve()), FOLDER)
        for word, instead in (given or {}).items():
            printed = printed.replace(instead, word)
        yield step, printed


def _run(text: str, before: int) -> tuple[int, str]:
    """Run one command as a shell that has just seen the code ``before``."""
    if _ONE_PROGRAM.fullmatch(text):
        written = io.BytesIO()
        printed = io.TextIOWrapper(written, encoding="utf-8", write_through=True)
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
            code = run(shlex.split(text)[1:])
        return code, written.getvalue().decode()
    done = subprocess.run(  # noqa: S603 - the commands of our own pages
        ["bash", "-c", f"exec 2>&1; (exit {before}); {text}"],  # noqa: S607 - the reader's
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


@contextlib.contextmanager
def _environment(folder: Path, programs: Path | None) -> Iterator[None]:
    before = dict(os.environ)
    for name in before:
        if name.startswith("FARMAN_"):
            del os.environ[name]
    ours = [str(Path(sys.executable).parent), *([str(programs)] if programs else [])]
    os.environ |= {
        "COLUMNS": "80",
        "NO_COLOR": "1",
        "LC_ALL": "C.UTF-8",
        "HOME": str(folder),
        "PATH": ":".join((*ours, before["PATH"])),
    }
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def recorded(page: str, printed: list[tuple[Command, str]]) -> str:
    """Return a page with what its commands printed; a page's own ``...`` is kept."""
    lines = page.split("\n")
    for command, text in reversed(printed):
        if "..." not in command.said:
            below = text.rstrip("\n").split("\n") if text.strip() else []
            lines[command.line : command.line + len(command.said)] = below
    return "\n".join(lines)


def going_on() -> list[Path]:
    """Return the how-to pages that go on from the end of the tutorial."""
    pages = sorted((DOCS / "how-to").glob("*.md"))
    return [page for page in pages if "(../tutorial.md)" in page.read_text(encoding="utf-8")]


def on_server(port: int) -> dict[str, str]:
    """Return what stands for the server of the page about PostgreSQL."""
    return {"db.example.org": f"127.0.0.1:{port}"}


def workbook(path: Path) -> None:
    """Write the roll that the page about Excel imports: three rows, one of them wrong."""
    rows = (
        ("officer_id", "belt_no", "name", "rank", "unit"),
        ("C-5", 4101, "Sajid Vardezai", 7, "swat-saidu"),
        ("C-6", 4102, "Tahir Nilvari", 77, "swat-saidu"),
        ("C-7", 4103, "Rabia Dorazai", 7, "swat-mingora"),
    )
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet()
        for number, row in enumerate(rows):
            sheet.write_row(number, 0, row)


def main() -> None:
    """Carry out the pages and write what they print."""
    with tempfile.TemporaryDirectory() as place:
        first = Path(place) / "first"
        first.mkdir()
        _record(TUTORIAL, first)
        workbook(first / "roll.xlsx")
        for page in going_on():
            folder = Path(place) / page.stem
            shutil.copytree(first, folder)
            _record(page, folder)
        with services.postgres(fsync=False) as server:
            folder = Path(place) / "postgresql"
            folder.mkdir()
            _record(ON_POSTGRESQL, folder, on_server(server.port), services.find_programs())


def _record(
    path: Path,
    folder: Path,
    given: Mapping[str, str] | None = None,
    programs: Path | None = None,
) -> None:
    page = path.read_text(encoding="utf-8")
    printed = list(carried_out(page, folder, given, programs))
    for command, text in printed:
        if "Farman itself failed" in text:
            raise SystemExit(f"{path.name}, line {command.line}: {text}")
    path.write_text(recorded(page, printed), encoding="utf-8")


if __name__ == "__main__":
    main()
