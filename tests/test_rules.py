"""Every rule of the two sources ends in code and in a test, and the page that maps them is true.

The page is `docs/reference/rules.md`. Here stands which rows there must be; the page says which
code and which tests are theirs. The tests it names are looked up and collected, never run.
"""

import ast
import importlib
import re
import subprocess
import sys
from collections import Counter
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.test_floors import FLOORS

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "reference" / "rules.md"

KP = [f"K{n}" for n in range(1, 20) if n != 14]
"""The report of 15 January 2020; it has no K14."""
KARACHI = [f"H{n}" for n in range(1, 16)]
"""The report of September 2024, with its neighbours."""
COVERAGE = [f"P{n}" for n in range(1, 12)]
"""What public coverage adds."""
RULES = [f"R{n}" for n in range(1, 11)]
"""The rules that must hold for every directive."""
IDS = [*KP, *KARACHI, *COVERAGE, *RULES]

FEWEST_WORDS = 3
"""A test's name is a sentence."""


class Row(NamedTuple):
    """A row of the page."""

    ids: tuple[str, ...]
    says: str
    does: str
    code: tuple[str, ...]
    tests: tuple[str, ...]


def rows() -> list[Row]:
    """Return the page's rows, in its order."""
    found = []
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split(" | ")]
        if not re.match(r"\| [A-Z]+[0-9]", line):
            continue
        assert len(cells) == 5, line
        names, says, does, code, tests = cells
        found.append(Row(tuple(names.split(", ")), says, does, quoted(code), quoted(tests)))
    return found


def quoted(cell: str) -> tuple[str, ...]:
    """Return what stands between backticks; nothing else may stand in the cell but commas."""
    assert re.fullmatch(r"(`[^`]+`(, )?)*", cell), cell
    return tuple(re.findall(r"`([^`]+)`", cell))


def of(name: str) -> Row:
    """Return the row of an id."""
    found = next((row for row in rows() if name in row.ids), None)
    assert found is not None, f"{name} has no row"
    return found


def test_the_page_has_every_row_once_and_in_its_order() -> None:
    told = [name for row in rows() for name in row.ids]
    assert Counter(told) == Counter(IDS)
    wanted = sorted(IDS, key=lambda name: IDS.index("K11" if name == "K15" else name))
    assert told == wanted


@pytest.mark.parametrize("name", IDS)
def test_a_rule_ends_in_code_that_is_there(name: str) -> None:
    row = of(name)
    assert row.says
    assert row.does
    assert row.code, f"{name} names no code"
    for ref in row.code:
        path, _, attribute = ref.partition("::")
        assert (ROOT / path).is_file(), f"{name}: there is no {path}"
        floor = path.split("/")[0]
        if floor == "examples":
            assert not attribute, ref
            continue
        assert floor in FLOORS, f"{name}: {path} stands on no floor"
        assert attribute, f"{name}: {ref} names nothing in the file"
        found: object = importlib.import_module(path.removesuffix(".py").replace("/", "."))
        for part in attribute.split("."):
            assert hasattr(found, part) or part in getattr(found, "__annotations__", {}), ref
            found = getattr(found, part, None)


@pytest.mark.parametrize("name", IDS)
def test_a_rule_has_a_test_that_is_named_after_it(name: str) -> None:
    row = of(name)
    assert row.tests, f"{name} names no test"
    for ref in row.tests:
        path, _, test = ref.partition("::")
        assert path.startswith("tests/"), ref
        assert (ROOT / path).is_file(), f"{name}: there is no {path}"
        assert test in functions(path), f"{name}: {path} has no {test}"
        assert len(test.removeprefix("test_").split("_")) >= FEWEST_WORDS, f"{ref} says no rule"
        left_out = [
            mark for mark in functions(path)[test] if mark in ("skip", "skipif", "xfail")
        ]
        assert not left_out, f"{ref} is marked {', '.join(left_out)}"


@cache
def functions(path: str) -> dict[str, tuple[str, ...]]:
    """Return the tests that a file has at its top, each with the names of its marks."""
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return {
        node.name: tuple(
            part.attr
            for decorator in node.decorator_list
            for part in ast.walk(decorator)
            if isinstance(part, ast.Attribute)
        )
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


def test_each_test_that_is_named_is_collected() -> None:
    named = {ref for row in rows() for ref in row.tests}
    files = sorted({ref.partition("::")[0] for ref in named})
    files = [path for path in files if (ROOT / path).is_file()]
    found = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", "--no-header", *files],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stdout + found.stderr
    collected = {line.partition("[")[0] for line in found.stdout.splitlines() if "::" in line}
    assert named <= collected, sorted(named - collected)
