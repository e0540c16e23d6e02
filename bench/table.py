"""What was measured, held against the least it must be: a table, and a file."""

import json
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Measure:
    """One figure, the least (or most) it may be, and whether it is."""

    name: str
    store: str
    value: float
    unit: str
    limit: float
    aim: float
    met: bool
    note: str = ""


@dataclass
class Measures:
    """The figures of a run so far."""

    title: str
    out: Path
    taken: list[Measure] = field(default_factory=list)

    def add(
        self,
        name: str,
        store: str,
        value: float,
        unit: str,
        limit: float,
        aim: float,
        *,
        least: bool = False,
        note: str = "",
    ) -> None:
        """Take down a figure; ``least``: the limit is a least, else a most."""
        met = value >= limit if least else value <= limit
        kind = store.split(":", maxsplit=1)[0]
        self.taken.append(Measure(name, kind, round(value, 3), unit, limit, aim, met, note))
        print(f"  {name}: {value:,.2f} {unit}  {note}", file=sys.stderr)

    def show(self) -> None:
        """Print the table and write the file."""
        table = Table(title=self.title)
        for column in ("what", "store", "value", "least", "aim", "met", "note"):
            right = column in ("value", "least", "aim")
            table.add_column(column, justify="right" if right else "left")
        for one in self.taken:
            table.add_row(
                one.name, one.store, f"{one.value:,.2f} {one.unit}", f"{one.limit:,g}",
                f"{one.aim:,g}", "yes" if one.met else "NO", one.note,
            )  # fmt: skip
        Console(width=160).print(table)
        self.out.parent.mkdir(exist_ok=True)
        self.out.write_text(json.dumps([asdict(one) for one in self.taken], indent=1) + "\n")
        print(f"{self.out}: {len(self.taken)} figures")
