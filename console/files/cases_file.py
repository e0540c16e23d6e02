"""Breaches of many officers as CSV, and lists of cases.

Breaches: `officer_id`, `at`, `evidence`, and optionally `clause`, `note`; and `directive`, unless
it is given with the command. Cases: `case`.
"""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from console.files import cells, durations
from console.files.answers_file import NOTE, _at, _clause, _problem, _said
from console.files.directive_file import NUMBER
from console.files.problems import Problem
from console.files.tables import opened

COLUMNS = ("directive", "officer_id", "at", "evidence", "clause", "note")
REQUIRED = ("officer_id", "at", "evidence")
CASE = 80
"""Characters of a case's id."""


class BreachRow(NamedTuple):
    """One line of a file of breaches."""

    line: int
    officer_id: str
    at: datetime
    """When it happened."""
    evidence: str
    clause: str | None
    note: str | None
    directive: str | None = None
    """An id or a number; None: that of the command."""


def read_breaches(
    path: Path, clause: str | None = None, directive: str | None = None
) -> tuple[list[BreachRow], list[Problem]]:
    """Return the good rows, and what is wrong with the others.

    ``clause`` is that of the rows that name none. Each row names a directive, or none does and
    ``directive`` is given.

    Raises:
        BadFile: no such file at all: not UTF-8, no header, an unknown or a missing column.

    """
    rows: list[BreachRow] = []
    problems: list[Problem] = []
    means: dict[str, Callable[[str], str | None]] = {
        "directive": lambda cell: cells.free(cell, NUMBER),
        "officer_id": cells.officer,
        "at": _at,
        "evidence": lambda cell: cells.free(cell, NOTE),
        "clause": _clause,
        "note": lambda cell: cells.free(cell, NOTE),
    }
    with opened(path, COLUMNS, REQUIRED) as sheet:
        for line, row in sheet.rows:
            said, faults = _said(sheet.columns, row, means, REQUIRED)
            officer = said.get("officer_id") or ""
            if not faults and any(said.values()) and not (said.get("clause") or clause):
                faults.append(("clause", "", "Which clause? Name it here, or with --clause."))
            named = said.get("directive")
            if not faults and any(said.values()) and (named is None) == (directive is None):
                told = (
                    "Which directive? Name it here, or with the command."
                    if named is None
                    else "The directive is given with the command: leave it out here."
                )
                faults.append(("directive", named or "", told))
            if faults:
                problems.append(_problem(str(path), line, faults, officer))
            elif at := said["at"]:
                rows.append(
                    BreachRow(
                        line,
                        officer,
                        durations.instant(at),
                        said["evidence"] or "",
                        said.get("clause") or clause,
                        said.get("note"),
                        named,
                    )
                )
    return rows, problems


def read_cases(path: Path) -> tuple[list[tuple[int, str]], list[Problem]]:
    """Return each line's case, and what is wrong with the other lines.

    Raises:
        BadFile: no such file at all: not UTF-8, no header, an unknown or a missing column.

    """
    rows: list[tuple[int, str]] = []
    problems: list[Problem] = []
    means: dict[str, Callable[[str], str | None]] = {
        "case": lambda cell: cells.free(cell, CASE)
    }
    with opened(path, ("case",), ("case",)) as sheet:
        for line, row in sheet.rows:
            said, faults = _said(sheet.columns, row, means, ("case",))
            if faults:
                problems.append(_problem(str(path), line, faults, ""))
            elif name := said["case"]:
                rows.append((line, name))
    return rows, problems
