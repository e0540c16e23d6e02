"""The roll: who was where, in which rank and duty state, at any instant.

In: roll and officer facts, in ledger order. Out: the intervals of `roll`, the officers whose
unit or service changed. What a row's entry said is kept beside what held from then on, so a
fact that arrives late, with an earlier `at`, finds its place.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from domain import roll
from domain.fact import FOREVER, Fact, Micros, UnitId, micros
from ledger.codec import Entry
from projections.database import Database, Moment, named
from projections.tables import FIELDS, columns

BIT = {field: 1 << n for n, field in enumerate(FIELDS)}
_COLUMNS = columns("roll")
_UNIT, _GONE = FIELDS.index("unit"), FIELDS.index("gone")
_WHOLE = sum(BIT.values())


class Change(NamedTuple):
    """What one entry says of one officer."""

    at: Micros
    position: int
    said: Mapping[str, object]
    """By field; absent is not said."""


class Span(NamedTuple):
    """Where an officer stood from `at` until `until`."""

    at: Micros
    until: Micros
    unit: str | None
    gone: int


def apply(db: Database, entries: Sequence[Entry]) -> set[str]:
    """Write the entries' changes; return the officers known before whose unit or service moved."""
    new: list[tuple[object, ...]] = []
    changes: dict[str, list[Change]] = defaultdict(list)
    latest = 0
    mustered: dict[str, int] = {}
    seen: set[str] = set()
    for position, _, _, fact in entries:
        at = micros(fact.at)
        latest = max(latest, at)
        if isinstance(fact, roll.Mustered):
            mustered.setdefault(fact.unit, position)
            new += [_first(line, fact.unit, at, position) for line in fact.officers]
            seen.update(line["officer"] for line in fact.officers)
        else:
            if isinstance(fact, roll.Corrected):
                mustered.setdefault(fact.unit, position)
            for officer, said in _said(fact):
                if (
                    officer in seen
                ):  # mustered in this very page: lay it down before changing it
                    db.put("roll", _COLUMNS, new)
                    new, seen = [], set()
                changes[officer].append(Change(at, position, said))
    if new:
        db.put("roll", _COLUMNS, new)
    db.each(
        "INSERT INTO {musters} (unit, position) VALUES (:unit, :position) ON CONFLICT DO NOTHING",
        [{"unit": unit, "position": position} for unit, position in mustered.items()],
    )
    if entries:
        if latest > db.checkpoint("roll_at"):
            db.mark("roll_at", latest)
        db.mark("roll_position", entries[-1].position)
    return _resolve(db, changes) if changes else set()


def _first(line: roll.Line, unit: str, at: Micros, position: int) -> tuple[object, ...]:
    get = line.get
    return (
        line["officer"], at, position, FOREVER, _WHOLE, unit, line["rank"],
        get("duty", "on_duty"), 0, line["name"], get("belt_no"), get("designation"),
        get("joined_on"), get("phone"),
    )  # fmt: skip


def _said(fact: Fact) -> Iterable[tuple[str, dict[str, object]]]:
    match fact:
        case roll.Corrected():
            for line in fact.officers:
                said: dict[str, object] = {k: line[k] for k in FIELDS if k in line}  # type: ignore[literal-required]
                if line.get("rejoined"):
                    said["gone"] = 0
                yield line["officer"], said
        case roll.Posted():
            yield fact.officer, {"unit": fact.unit}
        case roll.Promoted():
            yield fact.officer, {"rank": fact.rank}
        case roll.DutyChanged():
            yield fact.officer, {"duty": fact.duty}
        case roll.Retired():
            yield fact.officer, {"gone": 2 if fact.died else 1}
        case _:
            msg = f"{fact.stored} is not a fact of the roll"
            raise TypeError(msg)


def history(
    db: Database, officers: Iterable[str], known: int | None = None
) -> dict[str, list[Change]]:
    """Return what was said of each officer, in no order."""
    keys = [(0, "", officer) for officer in officers]
    found: dict[str, list[Change]] = defaultdict(list)
    if not keys:
        return found
    db.stage("stage_keys", ("n", "directive", "officer"), keys)
    for row in db.run(
        f"SELECT r.officer, r.at, r.position, r.said, {named(['r.' + f for f in FIELDS])}"
        f" FROM stage_keys k {db.looked_up('{roll} r', 'r.officer = k.officer AND r.position <= :p')}",
        p=FOREVER if known is None else known,
    ):
        values = row[4:]
        said = {f: values[n] for n, f in enumerate(FIELDS) if row[3] & BIT[f]}
        found[row[0]].append(Change(row[1], row[2], said))
    return found


def fold(officer: str, changes: Iterable[Change]) -> list[tuple[object, ...]]:
    """Return the officer's rows: each change and what holds from then until the next."""
    rows: list[tuple[object, ...]] = []
    now: list[object] = [None] * len(FIELDS)
    now[_GONE] = 0
    ordered = sorted(changes, key=lambda c: (c.at, c.position))
    for n, change in enumerate(ordered):
        mask = 0
        for field, value in change.said.items():
            now[FIELDS.index(field)] = value
            mask |= BIT[field]
        until = ordered[n + 1].at if n + 1 < len(ordered) else FOREVER
        rows.append((officer, change.at, change.position, until, mask, *now))
    return rows


def spans(rows: Iterable[tuple[object, ...]]) -> list[Span]:
    """Reduce an officer's rows to where he was, neighbours that agree joined."""
    found: list[Span] = []
    for row in rows:
        at, until, unit, gone = row[1], row[3], row[5 + _UNIT], row[5 + _GONE]
        if at == until:
            continue
        if found and found[-1].until == at and (found[-1].unit, found[-1].gone) == (unit, gone):
            found[-1] = found[-1]._replace(until=until)  # type: ignore[arg-type]
        else:
            found.append(Span(at, until, unit, gone))  # type: ignore[arg-type]
    return found


def _resolve(db: Database, changes: Mapping[str, list[Change]]) -> set[str]:
    known = history(db, changes)
    db.remove("roll", "stage_keys", ("officer",))
    rows: list[tuple[object, ...]] = []
    moved: set[str] = set()
    for officer, new in changes.items():
        before = known.get(officer, [])
        after = fold(officer, before + new)
        rows += after
        if spans(fold(officer, before)) != spans(after):
            moved.add(officer)
    db.put("roll", _COLUMNS, rows)
    return moved


def where(db: Database, officers: Iterable[str]) -> dict[str, list[Span]]:
    """Return where each officer was, oldest first."""
    return {
        officer: spans(fold(officer, changes))
        for officer, changes in history(db, officers).items()
    }


def rank_at(db: Database, officer: str | None, at: Micros) -> int | None:
    """Return an officer's rank at an instant (BPS); None where it is not known here."""
    if officer is None:
        return None
    row = db.run(
        "SELECT rank FROM {roll} WHERE officer = :o AND at <= :t AND until > :t",
        o=officer,
        t=at,
    ).first()
    return None if row is None else row[0]


def see(db: Database, moment: Moment) -> str:
    """Return a FROM-term of who stood where at a moment: officer, unit, rank, duty, gone.

    Where all that is known counts, it is the roll itself. Else those of whom something was
    said later are folded anew from what was said by then.
    """
    at = "(SELECT officer, unit, rank, duty, gone FROM {roll} WHERE at <= :t AND until > :t)"
    if moment.known is None or moment.known >= db.checkpoint("roll_position"):
        return at
    db.run("DELETE FROM seen_officers")
    db.run("DELETE FROM seen_roll")
    db.run(
        "INSERT INTO seen_officers SELECT DISTINCT officer FROM {roll} WHERE position > :p",
        p=moment.known,
    )
    rows: list[tuple[object, ...]] = []
    officer = ""
    changes: list[Change] = []
    result = db.run(
        f"SELECT r.officer, r.at, r.position, r.said, {named(['r.' + f for f in FIELDS])}"
        " FROM seen_officers s JOIN {roll} r ON r.officer = s.officer"
        " WHERE r.position <= :p AND r.at <= :t ORDER BY r.officer",
        p=moment.known,
        t=moment.at,
    )
    for row in (*result, None):
        if row is None or row[0] != officer:
            if changes:
                last = fold(officer, changes)[-1]
                rows.append((officer, *last[5:9]))
            if row is None:
                break
            officer, changes = row[0], []
        values = row[4:]
        changes.append(
            Change(
                row[1], row[2], {f: values[n] for n, f in enumerate(FIELDS) if row[3] & BIT[f]}
            )
        )
    db.stage("seen_roll", ("officer", "unit", "rank", "duty", "gone"), rows)
    return (
        "(SELECT officer, unit, rank, duty, gone FROM {roll} WHERE at <= :t AND until > :t"
        " AND officer NOT IN (SELECT officer FROM seen_officers)"
        " UNION ALL SELECT officer, unit, rank, duty, gone FROM seen_roll)"
    )


def mustered(db: Database, known: int | None = None) -> frozenset[UnitId]:
    """Return the units for which a roll was ever imported."""
    rows = db.run(
        "SELECT unit FROM {musters} WHERE position <= :p", p=FOREVER if known is None else known
    )
    return frozenset(row[0] for row in rows)
