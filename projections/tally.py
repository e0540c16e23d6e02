"""The tally: how the counts changed, by directive, instant or hour, and leaf unit.

In: what officers put into it. Out: rows that sum to the counts of any instant.

Most officers stay where they were served and only answer: their answers count in the hour
(and over all time), the part hour is counted from `answers`; what came to many at one
instant, services and dues, counts at that instant. The few who moved, left, contested or
were exempted put everything in at its instant, kept in `tally_parts` to be taken out again.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import orjson

from domain.fact import HOUR, Micros
from domain.standing import Officer, counted
from projections.database import Database, alike, named
from projections.roll import Span
from projections.tables import COUNTS, EXACT, HOURLY, TOTAL

SERVED, READ, ACKNOWLEDGED, COMPLIED, EXEMPT, CONTESTED, OVERDUE = range(len(COUNTS))
Part = tuple[Micros, str, list[int]]
"""A change: when, in which unit, by how much each count."""
_KEY = ("directive", "kind", "at", "unit")
_ZERO = [0] * len(COUNTS)
_SUMS = ", ".join(f"{c} = {{tally}}.{c} + excluded.{c}" for c in COUNTS)
_NAMES = ", ".join(COUNTS)


class Deltas:
    """Changes gathered in memory, to be added to the tally in one statement."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, int, Micros, str], list[int]] = {}

    def add(
        self, directive: str, kind: int, at: Micros, unit: str, count: int, by: int
    ) -> None:
        """Change one count."""
        key = (directive, kind, at, unit)
        row = self.rows.get(key)
        if row is None:
            row = self.rows[key] = _ZERO.copy()
        row[count] += by

    def answer(self, directive: str, at: Micros, unit: str, count: int, by: int) -> None:
        """Change one count by an answer: in its hour, and over all time."""
        self.add(directive, HOURLY, at - at % HOUR, unit, count, by)
        self.add(directive, TOTAL, 0, unit, count, by)

    def parts(self, directive: str, parts: Iterable[Part], by: int) -> None:
        """Put a moved officer's changes in (1), or take them out (-1)."""
        for at, unit, counts in parts:
            for count, value in enumerate(counts):
                if value:
                    self.add(directive, EXACT, at, unit, count, by * value)

    def marks(
        self,
        directive: str,
        unit: str,
        marks: tuple[Micros | None, Micros | None, Micros | None],
        spans: Sequence[tuple[Micros, Micros | None]],
        by: int,
    ) -> None:
        """Put in (1) or take out (-1) what an unmoved officer's answers and dues count.

        ``marks`` are read, acknowledged and complied; ``spans`` when he is overdue.
        """
        for count, at in enumerate(marks, start=READ):
            if at is not None:
                self.answer(directive, at, unit, count, by)
        for start, end in spans:
            self.add(directive, EXACT, start, unit, OVERDUE, by)
            if end is not None:
                self.answer(directive, end, unit, OVERDUE, -by)

    def write(self, db: Database) -> None:
        """Add everything to the tally, and leave no row that counts nothing."""
        rows: list[tuple[Any, ...]] = sorted(
            (*key, *counts) for key, counts in self.rows.items() if any(counts)
        )
        self.rows.clear()
        if not rows:
            return
        if db.staged:
            db.put("tally", (*_KEY, *COUNTS), rows)
            return
        db.stage("stage_tally", (*_KEY, *COUNTS), rows)
        db.run(
            f"INSERT INTO {{tally}} ({named(_KEY)}, {_NAMES})"
            f" SELECT {named(_KEY)}, {_NAMES} FROM stage_tally WHERE true"
            f" ON CONFLICT ({named(_KEY)}) DO UPDATE SET {_SUMS}"
        )
        if all(row[1] != EXACT and row[-1] == 0 and min(row[4:]) >= 0 for row in rows):
            return  # answers only add, so no row came to nothing
        nothing = "".join(f" AND {count} = 0" for count in COUNTS)
        db.remove("tally", "stage_tally", _KEY, nothing)


def moved_parts(officer: Officer, spans: Sequence[Span], required: Sequence[str]) -> list[Part]:
    """Return every change of an officer's counts, at its instant, in the unit he was in then."""
    instants = {officer.served_at, *_known(officer)}
    instants.update(at for span in spans for at in (span.at, span.until))
    parts: list[Part] = []
    unit, now = "", _ZERO
    for at in sorted(instant for instant in instants if instant >= officer.served_at):
        span = next((span for span in spans if span.at <= at < span.until), None)
        bound = span is not None and span.gone == 0 and span.unit is not None
        then = list(counted(officer, at, required)) if bound else _ZERO  # type: ignore[arg-type]
        where = (span.unit or "") if span is not None and bound else ""
        if where == unit:
            change = [new - old for new, old in zip(then, now, strict=True)]
            if any(change):
                parts.append((at, unit, change))
        else:
            if any(now):
                parts.append((at, unit, [-count for count in now]))
            if any(then):
                parts.append((at, where, then))
        unit, now = where, then
    return parts


def _known(officer: Officer) -> Iterator[Micros]:
    for at in (officer.read_at, officer.acknowledged_at, *officer.acts, *officer.dues):
        if at is not None:
            yield at
    for plea in officer.pleas:
        yield plea.at


def load_parts(db: Database) -> dict[tuple[str, str], list[Part]]:
    """Return what the moved among the staged officers have in the tally."""
    rows = db.run(
        "SELECT k.directive, k.officer, p.parts FROM stage_keys k"
        f" {db.looked_up('{tally_parts} p', alike(('directive', 'officer'), 'p', 'k'))}"
    )
    return {(row[0], row[1]): orjson.loads(row[2]) for row in rows}


def store_parts(db: Database, parts: Mapping[tuple[str, str], list[Part]]) -> None:
    """Keep what moved officers have put into the tally."""
    db.put(
        "tally_parts",
        ("directive", "officer", "parts"),
        ((*key, orjson.dumps(value).decode()) for key, value in sorted(parts.items())),
    )
