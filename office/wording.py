"""Where two wordings of a directive differ: a copy from what was issued, a version from the one before.

Term by term, so that what changed is told in the words of a directive's file (K1, K19).
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from typing import NamedTuple

import orjson
from pydantic import BaseModel

from domain.directive import Clause, Terms
from domain.fact import Text

_CLAUSE = re.compile(r"clauses\.[^.]+")
"""The path of a whole clause."""


class Difference(NamedTuple):
    """One place where the second of two wordings is not the first."""

    field: str
    """A path: `subject.en`, `clauses.quit.due`, `texts.en`."""
    line: int | None
    """Of a text: the line of the second one's section, from 1."""
    one: str | None
    """What the first says; None: nothing stands there."""
    other: str | None


def terms(one: Terms, other: Terms) -> Iterator[Difference]:
    """Yield where two wordings differ, in the order of a directive's file."""
    for name in Terms.model_fields:
        if name == "clauses":
            yield from _clauses(one.clauses, other.clauses)
        elif name == "texts":
            yield from _texts(one.texts, other.texts)
        else:
            yield from parts(name, getattr(one, name), getattr(other, name))


def parts(path: str, first: object, second: object) -> Iterator[Difference]:
    """Yield the difference of two values, by their parts where both have parts."""
    one, two = _parts(first), _parts(second)
    if one == two:
        return
    if not _CLAUSE.fullmatch(path):  # a clause that is new or gone is one difference
        one = {} if one is None and isinstance(two, Mapping) else one
        two = {} if two is None and isinstance(one, Mapping) else two
    if isinstance(one, Mapping) and isinstance(two, Mapping):
        for name in dict.fromkeys([*one, *two]):
            yield from parts(f"{path}.{name}", one.get(name), two.get(name))
        return
    if path.endswith((".within", "grace")):
        one, two = _period(one), _period(two)
    yield Difference(path, None, _written(one), _written(two))


def _period(seconds: object) -> object:
    """Return seconds as a file says them (ISO 8601)."""
    if not isinstance(seconds, int):
        return seconds
    days, rest = divmod(seconds, 86_400)
    hours, rest = divmod(rest, 3_600)
    time = f"{hours}H" * bool(hours) + f"{rest}S" * bool(rest or not seconds)
    return f"P{f'{days}D' if days else ''}{f'T{time}' if time else ''}"


def _parts(value: object) -> object:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", exclude_none=True)
    return value


def _written(value: object) -> str | None:
    if value is None or value in ("", (), []):
        return None
    return value if isinstance(value, str) else orjson.dumps(value, default=str).decode()


def _clauses(first: Sequence[Clause], second: Sequence[Clause]) -> Iterator[Difference]:
    one, two = ({clause.id: clause for clause in each} for each in (first, second))
    for name in dict.fromkeys([*one, *two]):
        yield from parts(f"clauses.{name}", one.get(name), two.get(name))
    if list(one) != list(two) and one.keys() == two.keys():
        yield Difference("clauses", None, ", ".join(one), ", ".join(two))


def _texts(first: Text, second: Text) -> Iterator[Difference]:
    for language in sorted({*first, *second}):
        one, two = (each.get(language, "").strip().splitlines() for each in (first, second))
        for tag, a, b, c, d in SequenceMatcher(None, one, two, autojunk=False).get_opcodes():
            if tag == "equal":
                continue
            for n in range(max(b - a, d - c)):
                yield Difference(
                    f"texts.{language}",
                    c + n + 1 if c + n < d else None,
                    one[a + n] if a + n < b else None,
                    two[c + n] if c + n < d else None,
                )
