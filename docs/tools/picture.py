# ruff: noqa: INP001 - docs is no package
"""The picture of the README: what a terminal shows after `farman demo`.

    .venv/bin/python -m docs.tools.picture

In: a demo with 100,000 invented officers, played here. Out: `docs/terminal.svg`, the real
output of two commands.
"""

import os
import re
import subprocess
import sys
import tempfile
from io import StringIO
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

PICTURE = Path(__file__).parent.parent / "terminal.svg"
WIDTH = 88
COMMANDS = ("status 1/2020", "overdue --unit malakand")
LINES = 9
"""Of the second command; a screen has an end."""

_FARMAN = Path(sys.executable).parent / "farman"
_INK, _PARCHMENT = (22, 32, 51), (238, 231, 214)
_COLOURS = [
    (70, 84, 110), (224, 122, 95), (129, 178, 154), (226, 183, 99),
    (132, 165, 214), (190, 149, 196), (112, 184, 190), (238, 231, 214),
]  # fmt: skip
THEME = TerminalTheme(_INK, _PARCHMENT, _COLOURS, _COLOURS)


def main() -> None:
    """Play the demo and draw the picture."""
    console = Console(record=True, width=WIDTH, file=StringIO())
    with tempfile.TemporaryDirectory() as folder:
        _farman(folder, "demo", "--fast", "--home", "demo")
        for number, command in enumerate(COMMANDS):
            shown = _farman(folder, *command.split(), "--home", "demo").rstrip().split("\n")
            if number:
                shown = shown[:LINES]
                console.print()
            console.print(f"[dim]$[/] [bold]farman {command}[/]", highlight=False)
            console.print(Text.from_ansi("\n".join(shown)))
    svg = console.export_svg(title="Farman", theme=THEME, unique_id="farman")
    # Nothing is fetched from elsewhere: whoever looks at it uses a font of his own.
    svg = re.sub(r"\s*@font-face \{.*?\n    \}", "", svg, flags=re.DOTALL)
    svg = svg.replace("Fira Code, monospace", "ui-monospace, Menlo, Consolas, monospace")
    PICTURE.write_text(svg + "\n", encoding="utf-8")


def _farman(folder: str, *words: str) -> str:
    done = subprocess.run(  # noqa: S603 - ours
        [_FARMAN, *words],
        cwd=folder,
        env={**os.environ, "COLUMNS": str(WIDTH), "FORCE_COLOR": "1", "TERM": "xterm-256color"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return done.stdout


if __name__ == "__main__":
    main()
