"""Every case, a row each. In: facts of cases, in ledger order. Out: `cases`.

A row holds all that its stream says, with the instant and the entry of each step, so that a list
can be asked as of an instant and of what was known at a position.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, fields, replace
from typing import Any, NamedTuple, TypeAlias

from domain import case
from domain.case import CASE, Case
from domain.fact import FOREVER, Fact, Micros
from ledger.codec import Entry
from projections.database import Database, Moment, listed
from projections.tables import columns

Row: TypeAlias = dict[str, Any]

_COLUMNS = columns("cases")
_FIELDS = tuple(field.name for field in fields(Case))
_STEP: Mapping[type[Fact], str] = {
    case.BreachReported: "reported",
    case.NoticeServed: "noticed",
    case.Answered: "answered",
    case.Decided: "decided",
    case.Appealed: "appealed",
    case.AppealDecided: "appeal_decided",
    case.Reinstated: "reinstated",
}
_STEPS: Mapping[str, Sequence[str]] = {
    "noticed": ("until",),
    "answered": (),
    "suspended": (),
    "decided": ("outcome", "decided_by", "decided_unit"),
    "appealed": (),
    "appeal_decided": ("appeal", "reduced_to", "appeal_by"),
    "reinstated": (),
}
"""Each step after the report, and what it says."""


class Known(NamedTuple):
    """A case and what it is called."""

    id: str
    case: Case


def apply(db: Database, entries: Sequence[Entry]) -> None:
    """Write down how far the cases have come."""
    named = [entry.stream.removeprefix("case-").rpartition(".")[0] for entry in entries]
    rows = _rows(db, set(named))
    known = set(rows)
    for name, entry in zip(named, entries, strict=True):
        fact: Any = entry.fact
        row = rows.get(name) or dict.fromkeys(_COLUMNS)
        before = _case(row) if name in rows else CASE.initial
        after = CASE.evolve(before, fact)
        year, serial = name.rsplit("-", 2)[1:]
        row |= asdict(after) | {
            "case_id": name,
            "year": int(year),
            "serial": int(serial.removeprefix("c")),
            "state": after.state,
            "ended_at": after.ended_at,
            f"{_STEP[type(fact)]}_position": entry.position,
        }
        if isinstance(fact, case.Decided) and fact.outcome == "suspended":
            row["suspended_position"] = entry.position
        rows[name] = row
    db.put("cases", _COLUMNS, [tuple(rows[n].values()) for n in rows if n not in known])
    told = ", ".join(f"{column} = :{column}" for column in _COLUMNS[1:])
    db.each(
        f"UPDATE {{cases}} SET {told} WHERE case_id = :case_id",
        [rows[name] for name in known],
    )


def _rows(db: Database, names: Collection[str]) -> dict[str, Row]:
    each = ", ".join(f"c.{column}" for column in _COLUMNS)
    mine = db.looked_up("{cases} c", "c.case_id = n.name")
    return {
        row[0]: dict(zip(_COLUMNS, row, strict=True))
        for row in db.tuples(
            f"SELECT {each} FROM ({db.names}) n {mine}", names=listed(sorted(names))
        )
    }


def _case(row: Row) -> Case:
    return Case(**{name: row[name] for name in _FIELDS})


def load(db: Database, names: Collection[str]) -> dict[str, Case]:
    """Return these cases as they stand by all that is known; those there are not are absent."""
    return {name: _case(row) for name, row in _rows(db, names).items()}


def breaches(db: Database, directive: str) -> dict[tuple[str, str, Micros], str]:
    """Return the cases of a directive by officer, clause and instant of the breach."""
    return {
        (row[0], row[1], row[2]): row[3]
        for row in db.tuples(
            "SELECT officer, clause, breach_at, case_id FROM {cases} WHERE directive = :d"
            " ORDER BY reported_position DESC",
            d=directive,
        )
    }


def seen(
    db: Database,
    moment: Moment,
    *,
    directive: str | None = None,
    officer: str | None = None,
    only: str | None = None,
) -> list[Known]:
    """Return the cases reported by a moment, as they stood, in the order of their reports."""
    known = FOREVER if moment.known is None else moment.known
    also = {"directive": directive, "officer": officer, "case_id": only}
    asked = {column: value for column, value in also.items() if value is not None}
    where = "".join(f" AND {column} = :{column}" for column in asked)
    rows = db.tuples(
        f"SELECT {', '.join(_COLUMNS)} FROM {{cases}} WHERE reported_at <= :t"
        f" AND reported_position <= :p{where} ORDER BY reported_position",
        t=moment.at,
        p=known,
        **asked,
    )
    return [
        Known(row[0], _stood(dict(zip(_COLUMNS, row, strict=True)), moment.at, known))
        for row in rows
    ]


def _stood(row: Row, at: Micros, known: int) -> Case:
    """Return a case as it stood: a step counts if it had happened and was known."""
    for step, says in _STEPS.items():
        happened = row[f"{step}_at"]
        if happened is None or happened > at or row[f"{step}_position"] > known:
            row |= dict.fromkeys((f"{step}_at", *says))
    stood = _case(row)
    if stood.decided_at is None and stood.suspended_at is not None:
        return replace(stood, decided_at=stood.suspended_at, outcome="suspended")
    return stood


def streams(
    db: Database, directive: str, officer: str | None = None, unit: str | None = None
) -> list[str]:
    """Name the streams of a directive's cases; of one officer's or one unit's, if given."""
    chosen, given = "", {}
    for name, value in (("officer", officer), ("unit", unit)):
        if value is not None:
            chosen += f" AND {name} = :{name}"
            given[name] = value
    return [
        case.stream(row[0], row[0].rsplit("-", 2)[0])
        for row in db.tuples(
            f"SELECT case_id FROM {{cases}} WHERE directive = :d{chosen} ORDER BY case_id",
            d=directive,
            **given,
        )
    ]


def units(db: Database, names: Collection[str]) -> dict[str, str]:
    """Return the unit of each case: the officer's at the breach."""
    return {name: row["unit"] for name, row in _rows(db, names).items()}
