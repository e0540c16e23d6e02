"""What `farman --help` does not load: a person who asks for help waits for nothing."""

import json
import subprocess
import sys
from pathlib import Path

HEAVY = {
    "aiokafka",
    "calamine",
    "cryptography",
    "eventsourcing",
    "faust",
    "numpy",
    "office",
    "orjson",
    "projections",
    "psycopg",
    "pyarrow",
    "pydantic",
    "python_calamine",
    "rich",
    "sqlalchemy",
    "sqlite3",
    "xlsxwriter",
    "yaml",
}

OTHERS = {
    "aiokafka",
    "cryptography",
    "faust",
    "numpy",
    "psycopg",
    "pyarrow",
    "python_calamine",
    "xlsxwriter",
    "yaml",
}
"""What a plain question of a home on SQLite has no use for."""

PROGRAM = """
import sys
from console.cli import run
code = run(sys.argv[1:])
import json
print(json.dumps([code, sorted({name.partition(".")[0] for name in sys.modules})]))
"""


def loaded(*words: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *words], capture_output=True, text=True, check=True
    )
    code, modules = json.loads(done.stdout.splitlines()[-1])
    assert code == 0
    return set(modules)


def test_help_loads_nothing_heavy() -> None:
    assert loaded("--help") & HEAVY == set()


def test_a_commands_help_loads_nothing_heavy() -> None:
    # typer itself reads the words of the command with pydantic.
    assert loaded("answers", "import", "--help") & HEAVY <= {"pydantic"}


def test_a_question_loads_nothing_of_other_stores_and_formats(tmp_path: Path) -> None:
    home = ("--home", str(tmp_path / "home"))
    assert loaded("init", *home) & OTHERS == set()
    assert loaded("status", *home) & OTHERS == set()


def test_the_version_loads_nothing_heavy() -> None:
    assert loaded("--version") & HEAVY == set()
