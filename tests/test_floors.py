"""Imports point down. Read from the source, so that no ``noqa`` and no late import escapes."""

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

FLOORS = ["domain", "ledger", "audit", "projections", "office", "workers", "console"]
"""From the ground up. ``office`` takes commands: it asks projections and writes to the ledger."""

BESIDE = {"tests", "bench", "demo", "examples", "docker"}
"""Stand on every floor; none stands on them."""

DOMAIN_MAY_USE = {
    "bisect",
    "collections",
    "dataclasses",
    "datetime",
    "enum",
    "functools",
    "hashlib",
    "itertools",
    "json",
    "math",
    "operator",
    "pydantic",
    "re",
    "types",
    "typing",
    "typing_extensions",
    "unicodedata",
}
"""Nothing here has a clock, chance, a file or a socket but ``datetime``, whose clock is looked for below."""

CLOCKS = {"now", "utcnow", "today", "fromtimestamp"}
OPENS = {"open", "print", "input", "exec", "eval", "__import__"}

KEPT_TO = {
    "eventsourcing": "ledger",  # its base classes move in 10.0: one floor to change
    "aiokafka": "workers",  # one floor knows a broker
    "confluent_kafka": "workers",
    "faust": "workers",
    "typer": "console",
    "rich": "console",
}


def sources(floor: str) -> list[Path]:
    return sorted((ROOT / floor).rglob("*.py"))


def imports(source: str) -> Iterator[str]:
    """Yield the top-level package of every import, at any depth, for typing alone, or by name."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(names):
                yield from (alias.name.partition(".")[0] for alias in names)
            case ast.ImportFrom(module=str(module), level=0):
                yield module.partition(".")[0]
            case ast.Call(
                func=ast.Attribute(attr="import_module")
                | ast.Name(id="import_module" | "__import__"),
                args=[ast.Constant(str(module)), *_],
            ):
                yield module.partition(".")[0]
            case _:
                pass


def imported_by(floor: str) -> dict[str, set[Path]]:
    found: dict[str, set[Path]] = {}
    for file in sources(floor):
        for package in imports(file.read_text()):
            found.setdefault(package, set()).add(file.relative_to(ROOT))
    return found


@pytest.mark.parametrize(
    "line",
    [
        "import console.cli",
        "from console import cli",
        "def late():\n    from console.cli import main",
        "if TYPE_CHECKING:\n    import console",
        "importlib.import_module('console.cli')",
        "__import__('console')",
    ],
)
def test_no_way_to_import_is_overlooked(line: str) -> None:
    assert list(imports(line)) == ["console"]


def test_every_package_is_a_floor_or_stands_beside() -> None:
    packages = {
        folder.name
        for folder in ROOT.iterdir()
        if not folder.name.startswith(".") and any(folder.glob("*.py"))
    }
    assert packages - BESIDE <= set(FLOORS)
    assert "domain" in packages


@pytest.mark.parametrize("floor", FLOORS)
def test_a_floor_imports_only_from_below(floor: str) -> None:
    above = {*FLOORS[FLOORS.index(floor) + 1 :], *BESIDE}
    assert {name: files for name, files in imported_by(floor).items() if name in above} == {}


@pytest.mark.parametrize("library", KEPT_TO)
def test_a_library_is_known_to_one_floor(library: str) -> None:
    others = [floor for floor in FLOORS if floor != KEPT_TO[library]]
    assert {floor: imported_by(floor).get(library) for floor in others} == dict.fromkeys(others)


def test_the_domain_imports_nothing_that_can_do_io() -> None:
    allowed = DOMAIN_MAY_USE | {"domain"}
    assert {n: files for n, files in imported_by("domain").items() if n not in allowed} == {}


def test_the_domain_asks_no_clock_and_opens_nothing() -> None:
    found = []
    for file in sources("domain"):
        for node in ast.walk(ast.parse(file.read_text())):
            match node:
                case ast.Call(func=ast.Attribute(attr=name)) if name in CLOCKS:
                    found.append((file.name, node.lineno, name))
                case ast.Call(func=ast.Name(id=name)) if name in OPENS:
                    found.append((file.name, node.lineno, name))
                case _:
                    pass
    assert found == []


def test_the_linter_says_the_same_at_the_line() -> None:
    settings = tomllib.loads((ROOT / "domain" / "ruff.toml").read_text())
    banned = settings["lint"]["flake8-tidy-imports"]["banned-api"]
    assert {*FLOORS, *KEPT_TO} - {"domain"} <= set(banned)
