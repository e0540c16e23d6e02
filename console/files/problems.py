"""What is wrong with a file: where, what was written, and what would be right."""

from collections.abc import Container, Iterable
from dataclasses import dataclass
from difflib import get_close_matches

SHOWN = 80
"""Characters of a bad value that are repeated to the person who wrote it."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault of a file."""

    file: str
    line: int
    """From 1, of the whole file; the row, for a workbook."""
    column: str
    """The column's name, or the field's path, such as ``clauses[2].due.within``."""
    value: str
    """What was written there, shortened."""
    reason: str
    """One sentence: what is wrong, and what would be right."""
    officer_id: str = ""
    """Whom the line speaks of, where that can be read: answers and roll calls."""


class BadFile(Exception):
    """A file was not accepted; nothing of it was taken."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda problem: problem.line))
        """All of them, in the order of the lines."""
        first = self.problems[0]
        more = len(self.problems) - 1
        rest = f" ({more} more)" if more else ""
        super().__init__(f"{first.file}, line {first.line}: {first.reason}{rest}")


def shown(value: str) -> str:
    """Shorten a bad value, and make what cannot be seen in it visible."""
    if not value.isprintable():
        value = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in value[: SHOWN + 1])
    return value if len(value) <= SHOWN else value[: SHOWN - 1] + "…"


class Names:
    """The names that are known, to suggest the nearest for one that is not."""

    SEARCHED = 40
    """Different unknown names that are searched for; a file of nonsense must end soon."""

    def __init__(self, known: Container[str]) -> None:
        self._known = list(known) if isinstance(known, Iterable) else []
        self._found: dict[str, str] = {}

    def hint(self, name: str) -> str:
        """Return `; did you mean "…"?`, or a full stop where nothing is near."""
        if name not in self._found:
            if len(self._found) >= self.SEARCHED:
                return "."
            folded = name.strip().casefold().replace(" ", "-").replace("_", "-")
            alike = {known.casefold().replace("_", "-"): known for known in self._known}
            near = get_close_matches(folded[:SHOWN], alike, 1)
            self._found[name] = f"; did you mean “{alike[near[0]]}”?" if near else "."
        return self._found[name]


def hint(name: str, known: Iterable[str]) -> str:
    """Return `; did you mean "…"?`, or a full stop where nothing known is near."""
    return Names(list(known)).hint(name)


def listed(names: Iterable[str]) -> str:
    """Join names as a sentence lists them: `a, b or c`."""
    *most, last = names
    return f"{', '.join(most)} or {last}" if most else last
