"""Every answer that changed something, with its place in the ledger.

In: read, acknowledged and complied facts, roll calls. Out: `answers`, and what they change
in `standing` and in the tally, a page at a time.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from domain import roll_call, service
from domain.fact import HOUR, ClauseId, Micros, micros
from domain.service import LEVEL
from domain.standing import Asked, last_of, overdue_spans
from ledger.codec import Entry
from projections.database import Database
from projections.standing import (
    ACKNOWLEDGED,
    COMPLIED,
    ENDED,
    READ,
    Key,
    Marks,
    Row,
    Said,
    asked,
    by_hours,
    load,
    marks_of,
    recount,
    said,
    shorter,
    write,
)
from projections.tables import EXACT, HOURLY, TOTAL, columns
from projections.tally import OVERDUE, Deltas


class Answer(NamedTuple):
    """A row of `answers` before its marks are known."""

    directive: str
    officer: str
    position: int
    level: int
    clause: ClauseId | None
    at: Micros
    version: int
    channel: str


_LEVELS: dict[type, int] = {service.Read: 1, service.Acknowledged: 2, service.Complied: 3}


def rows(entries: Sequence[Entry]) -> Iterator[Answer]:
    """Read the answers out of the entries, in order."""
    for position, stream, _, fact in entries:
        level = _LEVELS.get(type(fact))
        if level is not None:
            directive, officer, _ = stream[8:].split(".", 2)
            clause = fact.clause if level == 3 else None  # type: ignore[attr-defined]  # noqa: PLR2004
            yield Answer(
                directive, officer, position, level, clause, micros(fact.at),
                fact.version, fact.channel,  # type: ignore[attr-defined]
            )  # fmt: skip
        elif isinstance(fact, roll_call.Held):
            at = micros(fact.at)
            for officer in fact.officers:
                yield Answer(
                    fact.directive, officer, position, LEVEL[fact.kind], None, at, fact.version,
                    "roll_call",
                )  # fmt: skip


def apply(db: Database, entries: Sequence[Entry]) -> None:
    """Write the entries' answers and all that follows from them."""
    new = list(rows(entries))
    if db.staged:
        db.put("raw_answers", Answer._fields, new)
        return
    by_key: dict[Key, list[Answer]] = {}
    for one in new:
        by_key.setdefault((one.directive, one.officer), []).append(one)
    standing = load(db, by_key)
    page = _Page(db)
    again = {
        key: mine for key, mine in by_key.items() if not page.simple(key, standing[key], mine)
    }
    page.full(again, standing)
    page.answers.sort()
    db.put("answers", columns("answers"), page.answers)
    write(db, page.standing, page.marks, page.answered)
    page.deltas.write(db)
    if page.moved:
        recount(db, page.moved)


class _Page:
    """The new values that a page of answers leads to."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self.deltas = Deltas()
        self.answers: list[tuple[object, ...]] = []
        self.standing: list[tuple[object, ...]] = []
        self.answered: list[tuple[object, ...]] = []
        self.marks: list[tuple[object, ...]] = []
        self.moved: list[Key] = []
        self.rules: dict[str, tuple[Asked, bool]] = {}

    def asked(self, directive: str) -> tuple[Asked, bool]:
        """Return what a directive asks, and whether the tally counts it."""
        known = self.rules.get(directive)
        if known is None:
            known = self.rules[directive] = (
                asked(self.db, directive),
                by_hours(self.db.directive(directive)),
            )
        return known

    def simple(self, key: Key, row: Row, mine: list[Answer]) -> bool:
        """Take the one answer of an unmoved officer that displaces no other; else return False."""
        rules, hourly = self.asked(key[0])
        if row.moved or len(mine) > 1 or not hourly or len(rules.required) > 1:
            return False
        one = mine[0]
        at, level, unit = one.at, one.level, row.served_by
        read, acknowledged, complied = row.read_at, row.acknowledged_at, row.complied_at
        bits = 0
        if read is None:
            bits, read = READ, at
        elif at < read:
            return False
        if level > 1:
            if acknowledged is None:
                bits, acknowledged = bits | ACKNOWLEDGED, at
            elif at < acknowledged:
                return False
        due = row.due_at
        add = self.deltas.add
        directive = key[0]
        if level == 3:  # noqa: PLR2004 - service.LEVEL
            if complied is not None:
                if at < complied:
                    return False
            else:
                bits, complied = bits | COMPLIED, at
                if due is not None:
                    start = max(due, row.served_at)
                    if at > start:
                        bits |= ENDED
                    else:
                        add(directive, EXACT, start, unit, OVERDUE, -1)
                    due = None
        hour = at - at % HOUR
        for count in range(1, 4):
            if bits & (1 << (count - 1)):
                add(directive, HOURLY, hour, unit, count, 1)
                add(directive, TOTAL, 0, unit, count, 1)
        if bits & ENDED:
            add(directive, HOURLY, hour, unit, OVERDUE, -1)
            add(directive, TOTAL, 0, unit, OVERDUE, -1)
        self.answers.append((*one, unit, bits))
        if due == row.due_at:
            self.answered.append((*key, read, acknowledged, complied))
        else:
            self.standing.append((*key, read, acknowledged, complied, row.unit, due, 0))
        return True

    def full(self, again: dict[Key, list[Answer]], standing: dict[Key, Row]) -> None:
        """Take the answers of the others, from all that each of them has answered."""
        if not again:
            return
        known = said(self.db, again)
        for key, mine in again.items():
            row = standing[key]
            rules, hourly = self.asked(key[0])
            before = known.get(key, [])
            after = before + [
                Said(o.at, o.position, o.level, o.clause, o.version) for o in mine
            ]
            if row.moved:
                self.answers += [(*one, row.served_by, 0) for one in mine]
                self.moved.append(key)
                continue
            cut = shorter(self.db, key[0], row.served_by)
            dues = rules.dues(row.received_at, row.served_at, cut)
            old, new = marks_of(before, rules, row, dues), marks_of(after, rules, row, dues)
            if hourly:
                self._change(key, row, old, dues, -1)
                self._change(key, row, new, dues, 1)
            bits = new.bits if hourly else dict.fromkeys(new.bits, 0)
            self.answers += [(*one, row.served_by, bits[one.position]) for one in mine]
            self.marks += [
                (*key, one.position, row.served_by, bits[one.position])
                for one in before
                if hourly and bits[one.position] != old.bits[one.position]
            ]
            due = min(
                (
                    d
                    for d, done in zip(dues, new.acts, strict=True)
                    if d is not None and done is None
                ),
                default=None,
            )
            mine_now = (*key, new.read_at, new.acknowledged_at, last_of(new.acts))
            if due == row.due_at:
                self.answered.append(mine_now)
            else:
                self.standing.append((*mine_now, row.unit, due, 0))

    def _change(
        self, key: Key, row: Row, found: Marks, dues: tuple[Micros | None, ...], by: int
    ) -> None:
        self.deltas.marks(
            key[0],
            row.served_by,
            (found.read_at, found.acknowledged_at, last_of(found.acts)),
            overdue_spans(row.served_at, dues, found.acts),
            by,
        )
