"""From an exception to what a person and a script are told: a code, a sentence, problems.

The codes are CONTRACT section 4. No traceback reaches a person unless FARMAN_DEBUG=1.
"""

import os
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field

from console import output
from domain.errors import (
    Contended,
    CorruptStream,
    FarmanError,
    Misused,
    Refused,
    Unaccepted,
    Unavailable,
    Unknown,
)

NO, USAGE, REFUSED, FILE, UNKNOWN, NOT_NOW, FAULT = 1, 2, 3, 4, 5, 6, 70
INTERRUPTED = 130
"""128 + SIGINT."""

TITLES = {
    NO: "The answer is no",
    USAGE: "Wrong usage",
    REFUSED: "Refused by a rule of the force",
    FILE: "File not accepted",
    UNKNOWN: "Not known here",
    NOT_NOW: "Not now",
    FAULT: "A fault of Farman's own",
}

_CODES: dict[type[FarmanError], int] = {
    Refused: REFUSED,
    Unaccepted: FILE,
    Unknown: UNKNOWN,
    Misused: USAGE,
    Unavailable: NOT_NOW,
    Contended: NOT_NOW,
    CorruptStream: NOT_NOW,
}

_SHOWN = 20
"""Problems that a person is shown; a script gets all of them."""

_STORE_ROOTS = ("sqlite3", "psycopg", "sqlalchemy", "eventsourcing")
_STORE_FAULTS = ("OperationalError", "DatabaseError", "InterfaceError", "PersistenceError")


class AnswerIsNo(Exception):
    """A check failed or a difference was found; the answer was already given."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault of a file, as it is told."""

    file: str
    line: int | None
    place: str
    """The column's name, or the field's path."""
    value: str
    reason: str


@dataclass(frozen=True, slots=True)
class Failure:
    """What is told of an exception."""

    code: int
    detail: str
    """One sentence: what, where, what to do."""
    problems: Sequence[Problem] = field(default=())

    def document(self, place: str) -> dict[str, object]:
        """Return the JSON of it; ``place`` is the word for where in a line: column or field."""
        problems = [
            {
                "file": problem.file,
                "line": problem.line,
                place: problem.place,
                "value": problem.value,
                "reason": problem.reason,
            }
            for problem in self.problems
        ]
        return {
            "error": {
                "code": self.code,
                "title": TITLES.get(self.code, ""),
                "detail": self.detail,
                "problems": problems,
            }
        }


def of(error: BaseException, file: str = "") -> Failure:
    """Say what an exception means; ``file`` is the one that the command was reading."""
    from console.files.problems import BadFile

    match error:
        case BadFile():
            problems = [
                Problem(told.file, told.line, told.column, told.value, told.reason)
                for told in error.problems
            ]
            return Failure(FILE, _refusal(problems), problems)
        case Unaccepted():
            problems = [
                Problem(file, flaw.line, flaw.field, flaw.value, flaw.reason)
                for flaw in error.problems
            ]
            return Failure(FILE, _sentence(error.reason), problems)
        case FarmanError():
            code = next((_CODES[kind] for kind in type(error).__mro__ if kind in _CODES), FAULT)
            return Failure(code, _sentence(error.reason))
        case KeyboardInterrupt():
            return Failure(INTERRUPTED, "Interrupted.")
        case MemoryError():
            return Failure(NOT_NOW, "This machine's memory is full; free some and try again.")
        case OSError():
            return Failure(NOT_NOW, _system(error))
        case _ if _of_store(error):
            said = " ".join(str(error).split())[:300]
            return Failure(
                NOT_NOW, f"The store cannot be used now: {said}; `farman doctor` tells more."
            )
        case _:
            said = " ".join(f"{type(error).__name__}: {error}".split())[:300]
            return Failure(
                FAULT,
                f"Farman itself failed ({said}); please report it with the command and what "
                "FARMAN_DEBUG=1 prints, as CONTRIBUTING.md says.",
            )


def tell(failure: Failure) -> None:
    """Tell a person, on stderr: the sentence, then the problems."""
    output.remark(failure.detail)
    several = failure.problems if len(failure.problems) > 1 else ()
    if not several:
        return
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("where", no_wrap=True)
    table.add_column("column", max_width=18)
    table.add_column("value", max_width=18)
    table.add_column("reason")
    shown = several[:_SHOWN]
    for problem in shown:
        name = os.path.basename(problem.file)  # noqa: PTH119 -- a name, not a file to touch
        where = f"{name}:{problem.line}" if problem.line is not None else name
        table.add_row(where, problem.place, problem.value, problem.reason)
    output.show(lambda screen: screen.print(table), sys.stderr)
    if more := len(several) - len(shown):
        output.remark(f"and {more:,} more; --json lists all.")


def trace(error: BaseException) -> None:
    """Print the traceback for whoever asked for it with FARMAN_DEBUG=1."""
    if os.environ.get("FARMAN_DEBUG") == "1":
        traceback.print_exception(error, file=sys.stderr)


def _refusal(problems: Sequence[Problem]) -> str:
    first = problems[0]
    if len(problems) == 1:
        place = f", {first.place}" if first.place else ""
        return f"{first.file}, line {first.line}{place}: {_sentence(first.reason)}"
    return f"{first.file} was not accepted: {len(problems):,} problems; nothing was written."


def _sentence(text: str) -> str:
    text = " ".join(text.split())
    return text if text.endswith((".", "?", "!")) else f"{text}."


def _system(error: OSError) -> str:
    said = error.strerror or str(error)
    return f"{error.filename}: {said}." if error.filename else f"{said}."


def _of_store(error: BaseException) -> bool:
    """Tell whether a database says that it cannot; anything else of it is our own mistake."""
    kind = type(error)
    return kind.__module__.split(".")[0] in _STORE_ROOTS and kind.__name__ in _STORE_FAULTS
