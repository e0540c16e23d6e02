"""What the cells of a table mean, column by column.

A meaning takes a cell and returns what it says, None where it is blank; ``Unfit`` carries
the sentence for a cell that its column cannot take.
"""

import re
from collections.abc import Callable, Container, Sequence

from console.files import texts
from console.files.problems import Names, hint, listed, shown

OFFICER = re.compile(r"[A-Za-z0-9_-]{1,40}")
"""An officer's id; case-sensitive."""

LONGEST = 200
"""Characters of a free text in a roll."""

_BLANKS = " \t\r\n\u00a0"


class Unfit(Exception):
    """A cell says what its column cannot take; the message is one sentence."""


class Column(dict[str, str | None]):
    """What each different cell of a column means, worked out once."""

    KEPT = 50_000
    """Different cells; a column in which every cell is another must not be kept twice."""

    def __init__(self, meaning: Callable[[str], str | None]) -> None:
        super().__init__({"": None})
        self._meaning = meaning

    def __missing__(self, cell: str) -> str | None:
        found = self._meaning(cell)
        if len(self) < self.KEPT:
            self[cell] = found
        return found


def trim(cell: str) -> str:
    """Return a cell without the blanks around it; control characters stay, to be refused."""
    return cell.strip(_BLANKS)


def officer(cell: str) -> str | None:
    """Read an officer's id."""
    name = trim(cell)
    if name and not OFFICER.fullmatch(name):
        raise Unfit(
            "This cannot be an officer's id: it has 1 to 40 letters A to Z, digits, hyphens "
            "and underscores."
        )
    return name or None


def known(names: Container[str], what: str) -> Callable[[str], str | None]:
    """Return the meaning of a column that names a ``what`` out of those that are known."""
    near = Names(names)

    def meaning(cell: str) -> str | None:
        name = trim(cell)
        if name and name not in names:
            raise Unfit(f"There is no {what} “{shown(name)}”{near.hint(name)}")
        return name or None

    return meaning


def word(words: Sequence[str]) -> Callable[[str], str | None]:
    """Return the meaning of a column that holds one of a few words."""

    def meaning(cell: str) -> str | None:
        said = trim(cell)
        if not said:
            return None
        if said not in words:
            near = hint(said, words)
            near = f"; known are {listed(words)}." if near == "." else near
            raise Unfit(f"“{shown(said)}” is not known here{near}")
        return words[words.index(said)]

    return meaning


def free(cell: str, limit: int = LONGEST) -> str | None:
    """Read a free text, in one line."""
    if found := texts.CONTROL.search(cell):
        raise Unfit(texts.control(found.group()))
    text = " ".join(cell.split())
    if len(text) > limit:
        raise Unfit(f"The text has {len(text):,} characters; at most {limit:,} are kept.")
    return text or None


def plain(cells: Sequence[str], limit: int = LONGEST) -> list[str | None]:
    """Read free texts as ``free`` does, all at once; ``Unfit`` if one needs a closer look."""
    if not all(map(str.isprintable, cells)) or max(map(len, cells)) > limit:
        raise Unfit
    return [cell or None for cell in map(str.strip, cells)]


def width(cells: int, header: int) -> str:
    """Return the sentence for a row with another number of cells than the header has."""
    if cells > header:
        why = "a comma inside a cell needs quotes around it"
    else:
        why = "a cell left blank keeps its comma"
    return f"The row has {cells} cells, the header has {header}; {why}."
