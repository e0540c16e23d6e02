"""How each officer stands with each directive.

In: `relay.officers_served`, contests, decisions, exemptions, and (through `answers`) answers.
Out: a row for each officer served, kept with the tally in the same transaction.
Safe: set-wise for everybody who only answers; officers who moved, left, contested or were
exempted since they were served are counted one by one, from all that is known of them.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from domain import relay, service
from domain.deadline import Due, Shorter
from domain.directive import Directive
from domain.fact import FOREVER, SECOND, ClauseId, Micros, OfficerId, UnitId, micros
from domain.standing import (
    Asked,
    Officer,
    Plea,
    acts_of,
    freed,
    last_of,
    open_due,
    overdue_spans,
)
from ledger.codec import Entry
from projections import hops, roll
from projections.database import ONE_LOOK, Database, alike, copied, escaped, listed
from projections.hops import parts
from projections.roll import Span
from projections.tables import EXACT, columns
from projections.tally import OVERDUE, SERVED, Deltas, load_parts, moved_parts, store_parts

Key = tuple[str, str]
"""Directive, officer."""
KEY = ("directive", "officer")
RAW_STANDING = ("directive", "officer", "served_by", "served_at", "received_at", "position")
"""What a rebuild stages of a service."""
STAGE_SERVED = (
    "directive", "unit", "served_at", "received_at", "position", "due_at", "officers",
)  # fmt: skip
READ, ACKNOWLEDGED, COMPLIED, ENDED = 1, 2, 4, 8
"""The bits of `answers.marks`."""


_Served = tuple[str, str, Micros, Micros, int, Micros | None, Sequence[OfficerId]]
"""What `STAGE_SERVED` names."""


class Said(NamedTuple):
    """An answer as the ledger has it."""

    at: Micros
    position: int
    level: int
    clause: ClauseId | None
    version: int


@dataclass(slots=True)
class Row:
    """A row of `standing`, with what belongs to it."""

    unit: str
    served_by: str
    served_at: Micros
    received_at: Micros
    read_at: Micros | None
    acknowledged_at: Micros | None
    complied_at: Micros | None
    due_at: Micros | None
    moved: int


@dataclass(frozen=True, slots=True)
class Marks:
    """What an officer's answers come to, and which answer each mark rests on."""

    read_at: Micros | None
    acknowledged_at: Micros | None
    acts: tuple[Micros | None, ...]
    bits: dict[int, int]
    """By position."""


def asked(db: Database, directive: str) -> Asked:
    """Return what a directive asks by all that is known now."""
    return Asked.of(db.directive(directive), FOREVER)


def shorter(db: Database, directive: str, unit: str) -> Sequence[Shorter]:
    """Return what holds for those a unit served: deadlines shortened there or above it."""
    known = db.shorter.get(directive)
    if known is None:
        known = db.shorter[directive] = hops.shorter(db, directive)
    return known.get(UnitId(unit), ())


def due_term(due: Due, rules: Asked, name: str) -> tuple[str, dict[str, object]]:
    """Return when a deadline runs out, as an expression on ``s`` of `standing`, with its values."""
    if due.at is not None:
        return f"CAST(:{name} AS BIGINT)", {name: micros(due.at)}
    within = (due.within or 0) * SECOND
    if due.clock == "issue":
        return f"CAST(:{name} AS BIGINT)", {name: max(rules.issued, rules.restarted) + within}
    start = "s.received_at" if due.clock == "receipt" else "s.served_at"
    return (
        f"(CASE WHEN {start} > :restarted THEN {start} ELSE :restarted END + :{name})",
        {name: within, "restarted": rules.restarted},
    )


def by_hours(directive: Directive) -> bool:
    """Tell whether the tally counts a directive: not once a material amendment asked anew."""
    return not any(version.material for version in directive.versions)


def load(db: Database, keys: Collection[Key]) -> dict[Key, Row]:
    """Return the rows of these officers; those not served are absent."""
    known = db.standing
    for directive, officers in _by_directive(key for key in keys if key not in known):
        for row in db.tuples(
            "SELECT s.officer, s.unit, s.served_by, s.served_at, s.received_at, s.read_at,"
            f" s.acknowledged_at, s.complied_at, s.due_at, s.moved {_named(db)}",
            d=directive,
            names=officers,
        ):
            known[directive, row[0]] = Row(*row[1:])
    return {key: known[key] for key in keys if key in known}


def served(db: Database, keys: Collection[Key]) -> dict[Key, tuple[Micros, int]]:
    """Return when these officers were served, and whether they moved since."""
    return {
        (directive, row[0]): (row[1], row[2])
        for directive, officers in _by_directive(keys)
        for row in db.tuples(
            f"SELECT s.officer, s.served_at, s.moved {_named(db)}", d=directive, names=officers
        )
    }


def _by_directive(keys: Iterable[Key]) -> Iterator[tuple[str, str]]:
    """Yield each directive with its officers as one value: in the order of the table."""
    found: dict[str, list[str]] = defaultdict(list)
    for directive, officer in keys:
        found[directive].append(officer)
    for directive in sorted(found):
        yield directive, listed(sorted(found[directive]))


def _named(db: Database) -> str:
    """Return the rows of a directive's named officers, each looked up by the key."""
    mine = db.looked_up("{standing} s", "s.directive = :d AND s.officer = n.name")
    return f"FROM ({db.names}) n {mine}"


def said(db: Database, keys: Iterable[Key]) -> dict[Key, list[Said]]:
    """Return the answers of these officers, in no order."""
    db.stage("stage_keys", ("n", "directive", "officer"), ((0, d, o) for d, o in keys))
    found: dict[Key, list[Said]] = defaultdict(list)
    for row in db.tuples(
        "SELECT a.directive, a.officer, a.at, a.position, a.level, a.clause, a.version"
        f" FROM stage_keys k {db.looked_up('{answers} a', alike(KEY, 'a', 'k'))}"
    ):
        found[row[0], row[1]].append(Said(*row[2:]))
    return found


def pleas(db: Database, keys: Iterable[Key]) -> dict[Key, list[Plea]]:
    """Return contests, decisions and exemptions of these officers, by instant, then entry."""
    db.stage("stage_keys", ("n", "directive", "officer"), ((0, d, o) for d, o in keys))
    found: dict[Key, list[Plea]] = defaultdict(list)
    for row in db.run(
        "SELECT p.directive, p.officer, p.at, p.position, p.kind, p.clause"
        f" FROM stage_keys k {db.looked_up('{pleas} p', alike(KEY, 'p', 'k'))} ORDER BY p.at, p.position"
    ):
        found[row[0], row[1]].append(Plea(*row[2:]))
    return found


def marks_of(
    answers: Sequence[Said], asked: Asked, row: Row, dues: Sequence[Micros | None]
) -> Marks:
    """Find the earliest answer of each kind; of two at one instant, the earlier entry."""
    read = acknowledged = None
    known: dict[ClauseId | None, Micros] = {}
    bits: dict[int, int] = {}
    complied = False
    for one in sorted(answers):
        mine = 0
        if one.version >= asked.version:
            if read is None:
                read, mine = one.at, READ
            if one.level > 1 and acknowledged is None:
                acknowledged, mine = one.at, mine | ACKNOWLEDGED
            if one.level == 3 and one.clause not in known:  # noqa: PLR2004 - service.LEVEL
                known[one.clause] = one.at
                if not complied and last_of(acts_of(asked.required, known)) is not None:
                    complied, mine = True, mine | COMPLIED
        bits[one.position] = mine
    acts = acts_of(asked.required, known)
    ends = {end for _, end in overdue_spans(row.served_at, dues, acts)}
    for one in sorted(answers):
        if one.level == 3 and one.at in ends and one.version >= asked.version:  # noqa: PLR2004
            ends.discard(one.at)
            bits[one.position] |= ENDED
    return Marks(read, acknowledged, acts, bits)


def serve(db: Database, entries: Sequence[Entry]) -> None:
    """Write a row for each officer served; who was served before keeps his first service."""
    deltas = Deltas()
    received: dict[str, dict[str, Micros]] = {}
    rules: dict[str, Asked] = {}
    later: list[Key] = []
    found: list[_Served] = []
    latest = db.checkpoint("roll_at")
    for position, stream, _, fact in entries:
        assert isinstance(fact, relay.OfficersServed)  # noqa: S101 - by the caller's dispatch
        directive, unit = parts(stream)
        if not fact.officers:
            continue
        served = micros(fact.at)
        if directive not in received:
            received[directive] = _received(db, directive)
            rules[directive] = asked(db, directive)
        at = received[directive].get(unit, served)
        dues = rules[directive].dues(at, served, shorter(db, directive, unit))
        due = min((due for due in dues if due is not None), default=None)
        found.append((directive, unit, served, at, position, due, fact.officers))
        if db.staged:
            continue
        if latest > served:
            later += [(directive, officer) for officer in fact.officers]
        if not by_hours(db.directive(directive)):
            continue
        deltas.add(directive, EXACT, served, unit, SERVED, len(fact.officers))
        if due is not None:
            start = max(due, served)
            deltas.add(directive, EXACT, start, unit, OVERDUE, len(fact.officers))
    db.standing.clear()
    _insert(db, found)
    if db.staged:
        return
    deltas.write(db)
    if later:
        db.stage("stage_keys", ("n", "directive", "officer"), ((0, d, o) for d, o in later))
        moved = (
            " AND EXISTS (SELECT 1 FROM {roll} r WHERE r.officer = k.officer"
            f" AND r.at > s.served_at {ONE_LOOK})"
        )
        changed = db.run(
            "SELECT k.directive, k.officer FROM stage_keys k"
            f" {db.looked_up('{standing} s', alike(KEY, 's', 'k') + moved)}"
        ).fetchall()
        recount(db, [(row[0], row[1]) for row in changed])


def _insert(db: Database, found: Sequence[_Served]) -> None:
    """Insert a row for each officer of these services, as its store takes them fastest.

    SQLite unfolds them in one statement, PostgreSQL reads them as a stream; either in the order
    of the table, which takes half the time of the order by units.
    """
    table = "raw_standing" if db.staged else "standing"
    names = RAW_STANDING if db.staged else columns("standing")
    if db.dialect == "sqlite":
        db.stage("stage_served", STAGE_SERVED, ((*one[:-1], listed(one[-1])) for one in found))
        same = "f.unit, f.served_at, f.received_at, f.position"
        if not db.staged:
            same = f"f.unit, {same}, NULL, NULL, NULL, f.due_at, 0"
        order = "" if db.staged else " ORDER BY 1, 2"
        db.run(
            f"INSERT INTO {{{table}}} ({', '.join(names)}) SELECT f.directive, o.value, {same}"
            f" FROM stage_served f, json_each(f.officers) o{order}"
        )
        return
    lines: list[str] = []
    for directive, unit, served, received, position, due, officers in found:
        rest: tuple[object, ...] = (unit, served, received, position)
        if not db.staged:
            rest = (unit, *rest, None, None, None, due, 0)
        before, after = copied([directive, ""]), copied(["", *rest])
        lines += [f"{before}{officer}{after}" for officer in escaped(officers)]
    if not db.staged:
        lines.sort()
    db.copy(table, names, lines)


def _received(db: Database, directive: str) -> dict[str, Micros]:
    rows = db.run("SELECT unit, received_at FROM {hops} WHERE directive = :d", d=directive)
    return {row[0]: row[1] for row in rows}


def plead(db: Database, entries: Sequence[Entry]) -> None:
    """Write contests, decisions and exemptions, and count the officers anew."""
    rows: list[tuple[object, ...]] = []
    for position, stream, _, fact in entries:
        directive, officer, _ = stream.removeprefix("service-").split(".")
        at = micros(fact.at)
        match fact:
            case service.Contested():
                rows.append(
                    (
                        directive,
                        officer,
                        position,
                        "contested",
                        None,
                        at,
                        fact.actor,
                        fact.reason,
                    )
                )
            case service.Decided():
                rows.append(
                    (directive, officer, position, fact.outcome, None, at, fact.by, fact.reason)
                )
            case service.Exempted():
                rows.append(
                    (
                        directive,
                        officer,
                        position,
                        "exempted",
                        fact.clause,
                        at,
                        fact.by,
                        fact.reason,
                    )
                )
            case _:
                msg = f"{fact.stored} is not a plea"
                raise TypeError(msg)
    db.put("pleas", columns("pleas"), rows)
    db.standing.clear()
    if not db.staged:
        recount(db, list(dict.fromkeys((str(row[0]), str(row[1])) for row in rows)))


def moves(db: Database, officers: set[str]) -> None:
    """Count officers anew whose unit or service in the force changed."""
    db.standing.clear()
    if db.staged or not officers:
        return
    keys = [
        (directive, officer)
        for (directive,) in db.run("SELECT directive FROM {directives}").fetchall()
        for officer in officers
    ]
    recount(db, keys)


def is_moved(row: Row, spans: Sequence[Span], has_pleas: bool) -> bool:  # noqa: FBT001
    """Tell whether an officer's counts must be kept by instants."""
    since = [span for span in spans if span.until > row.served_at]
    return has_pleas or not (
        len(since) == 1
        and since[0].at <= row.served_at
        and since[0].unit == row.served_by
        and since[0].gone == 0
    )


def recount(
    db: Database,
    keys: Sequence[Key],
    before: Mapping[UnitId, Sequence[Shorter]] | None = None,
) -> None:
    """Take what these officers put into the tally out, and put in what holds by all known now.

    ``before``: which deadlines were shortened when they put it in, by unit, if others are now.
    """
    rows = load(db, keys)
    if not rows:
        return
    db.stage("stage_keys", ("n", "directive", "officer"), [(0, d, o) for d, o in rows])
    moved_before = load_parts(db)
    answers = said(db, rows)
    spoken = pleas(db, rows)
    where = roll.where(db, {officer for _, officer in rows})
    deltas = Deltas()
    now: dict[Key, list[tuple[Micros, str, list[int]]]] = {}
    standing: list[tuple[object, ...]] = []
    marks: list[tuple[object, ...]] = []
    for key, row in rows.items():
        directive, officer = key
        rules = asked(db, directive)
        hourly = by_hours(db.directive(directive))
        mine = answers.get(key, [])
        dues = rules.dues(row.received_at, row.served_at, shorter(db, directive, row.served_by))
        found = marks_of(mine, rules, row, dues)
        spans = where[officer]
        moved = is_moved(row, spans, key in spoken)
        if hourly:
            if key in moved_before:
                deltas.parts(directive, moved_before[key], -1)
            else:
                own = dues
                if before is not None:
                    less = before.get(UnitId(row.served_by), ())
                    own = rules.dues(row.received_at, row.served_at, less)
                _plain(deltas, directive, row, found, own, -1)
            if moved:
                whole = Officer(
                    row.served_at, dues, found.read_at, found.acknowledged_at, found.acts,
                    spoken.get(key, ()),
                )  # fmt: skip
                now[key] = moved_parts(whole, spans, rules.required)
                deltas.parts(directive, now[key], 1)
            else:
                _plain(deltas, directive, row, found, dues, 1)
        unit, due = settled(row, found, dues, spans, spoken.get(key, ()), rules)
        standing.append(
            (directive, officer, found.read_at, found.acknowledged_at, last_of(found.acts),
             unit, due, int(moved))
        )  # fmt: skip
        counts = hourly and not moved
        marks += [
            (
                directive,
                officer,
                one.position,
                row.served_by,
                found.bits[one.position] if counts else 0,
            )
            for one in mine
        ]
    write(db, standing, marks)
    db.stage("stage_keys", ("n", "directive", "officer"), ((0, d, o) for d, o in rows))
    db.remove("tally_parts", "stage_keys", KEY)
    store_parts(db, now)
    deltas.write(db)


def settled(
    row: Row,
    found: Marks,
    dues: Sequence[Micros | None],
    spans: Sequence[Span],
    spoken: Sequence[Plea],
    rules: Asked,
) -> tuple[str, Micros | None]:
    """Return the unit where an officer is by all known, and his earliest due still open."""
    last = next((span for span in reversed(spans) if span.unit is not None), None)
    unit = row.served_by if last is None or last.unit is None else last.unit
    exempt, free, _ = freed(spoken, FOREVER, rules.required)
    gone = last is not None and last.gone != 0
    return unit, None if exempt or gone else open_due(dues, found.acts, free)


def _plain(
    deltas: Deltas,
    directive: str,
    row: Row,
    found: Marks,
    dues: Sequence[Micros | None],
    by: int,
) -> None:
    deltas.add(directive, EXACT, row.served_at, row.served_by, SERVED, by)
    deltas.marks(
        directive,
        row.served_by,
        (found.read_at, found.acknowledged_at, last_of(found.acts)),
        overdue_spans(row.served_at, dues, found.acts),
        by,
    )


def write(
    db: Database,
    standing: Sequence[tuple[object, ...]],
    marks: Sequence[tuple[object, ...]] = (),
    answered: Sequence[tuple[object, ...]] = (),
) -> None:
    """Write new values into rows that are there.

    ``answered`` are rows of which only the three answers changed: their index of open dues is
    left alone, which is most of what an acknowledgement would write.
    """
    db.standing.clear()
    _update(db, _ALL, standing)
    _update(db, _ANSWERED, answered)
    if marks:
        db.stage("stage_marks", ("directive", "officer", "position", "unit", "marks"), marks)
        db.change("answers", "stage_marks", (*KEY, "position"), ("unit", "marks"))


_ANSWERED = (*KEY, "read_at", "acknowledged_at", "complied_at")
_ALL = (*_ANSWERED, "unit", "due_at", "moved")


def _update(db: Database, names: tuple[str, ...], rows: Sequence[tuple[object, ...]]) -> None:
    if not rows:
        return
    db.stage("stage_standing", names, sorted(rows))
    db.change("standing", "stage_standing", KEY, names[2:])


def ask_again(db: Database, directive: str) -> None:
    """After a material amendment: the tally no longer counts it, every row is settled anew."""
    for table in ("tally", "tally_parts"):
        db.run(f"DELETE FROM {{{table}}} WHERE directive = :d", d=directive)
    if not db.staged:
        _recount_all(db, directive)


def _recount_all(
    db: Database,
    directive: str,
    before: Mapping[UnitId, Sequence[Shorter]] | None = None,
    which: str = "",
    **values: object,
) -> None:
    """Recount a directive's officers, those of whom ``which`` holds, a page at a time."""
    after = ""
    while page := db.tuples(
        f"SELECT s.officer FROM {{standing}} s WHERE s.directive = :d AND s.officer > :o{which}"
        " ORDER BY s.officer LIMIT 5000",
        d=directive,
        o=after,
        **values,
    ):
        recount(db, [(directive, row[0]) for row in page], before)
        after = page[-1][0]


def tighten(db: Database, entry: Entry) -> None:
    """Settle those for whom a deadline was shortened.

    Who has yet to comply with the one act there is is settled by one statement, for his due is
    his own or the shortened one; the others one by one: who moved, whose compliance is now
    late, and all of a directive with several acts.
    """
    _, stream, _, fact = entry
    assert isinstance(fact, relay.ClauseTightened)  # noqa: S101 - by the caller's dispatch
    directive, _ = parts(stream)
    rules = asked(db, directive)
    if db.staged or fact.due is None or fact.clause not in rules.required:
        return
    mine = Shorter(fact.clause, micros(fact.at), fact.due)
    before = {
        unit: [one for one in shorter(db, directive, unit) if one != mine]
        for unit in fact.units
    }
    here, names = f" AND s.served_by IN ({db.names})", listed(fact.units)
    if len(rules.required) > 1 or not by_hours(db.directive(directive)):
        _recount_all(db, directive, before, here, names=names)
        return
    term, values = due_term(fact.due, rules, "due")
    values |= {"names": names, "since": micros(fact.at)}
    due = f"(CASE WHEN {term} > :since THEN {term} ELSE :since END)"
    late = f"{here} AND (s.moved = 1 OR s.complied_at > {due})"
    _recount_all(db, directive, before, late, **values)
    waiting = (
        f" s.directive = :d{here} AND s.moved = 0 AND s.complied_at IS NULL"
        f" AND (s.due_at IS NULL OR s.due_at > {due})"
    )
    deltas = Deltas()
    with db.whole():
        rows = db.tuples(
            f"SELECT s.served_by, s.served_at, s.due_at, {due} AS due, COUNT(*)"
            f" FROM {{standing}} s WHERE{waiting} GROUP BY 1, 2, 3, 4",
            d=directive,
            **values,
        )
        db.run(
            f"UPDATE {{standing}} AS s SET due_at = {due} WHERE{waiting}",
            d=directive,
            **values,
        )
    for unit, served, was, now, officers in rows:
        if was is not None:
            deltas.add(directive, EXACT, max(was, served), unit, OVERDUE, -officers)
        deltas.add(directive, EXACT, max(now, served), unit, OVERDUE, officers)
    deltas.write(db)
    db.standing.clear()
