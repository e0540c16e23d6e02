"""The offices there are, and who hosts which unit. In: facts of offices, in ledger order.

A unit is hosted by the office of the nearest unit at or above it that has one; without any,
by HQ. An office that stands alone has no rows here, and one look tells it so.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from domain.errors import FarmanError, Refused, Unavailable
from domain.fact import UnitId, words
from domain.force import Tree
from domain.office import OFFICE, Commissioned, HandoverOpened, Office
from ledger.codec import Entry
from projections.database import Database
from projections.tables import columns

_LATER = ("moving", "open")


def apply(db: Database, entries: Sequence[Entry]) -> None:
    """Write down how far the offices have come."""
    for entry in entries:
        fact: Any = entry.fact
        row = _row(db, fact.office) or dict.fromkeys(columns("offices"))
        now = OFFICE.evolve(_state(row), fact)
        if isinstance(fact, Commissioned):
            row["hq"] = entry.stream.rpartition(".")[2]
        if isinstance(fact, HandoverOpened):
            row["opened"] = entry.position
        row |= {
            "office": now.id, "unit": now.unit, "state": now.state, "claim": now.claim,
            "key": now.key, "proof": now.proof, "admitted": now.admitted,
            "entries": now.entries, "digest": now.digest, "skew": now.skew,
            "position": entry.position,
        }  # fmt: skip
        db.run("DELETE FROM {offices} WHERE office = :o", o=now.id)
        db.put("offices", columns("offices"), [tuple(row.values())])


def _row(db: Database, office: str) -> dict[str, Any] | None:
    names = columns("offices")
    found = db.tuples(f"SELECT {', '.join(names)} FROM {{offices}} WHERE office = :o", o=office)
    return dict(zip(names, found[0], strict=True)) if found else None


def _state(row: dict[str, Any]) -> Office:
    return Office(
        id=row["office"] or "",
        unit=row["unit"],
        claim=row["claim"],
        key=row["key"],
        proof=row["proof"],
        admitted=row["admitted"],
        units=None if row["opened"] is None else (),
        entries=row["entries"],
        digest=row["digest"],
        taken_over=row["state"] == "open",
        skew=row["skew"],
    )


def there_are(db: Database) -> bool:
    """Tell whether there is any office but one that stands alone."""
    return bool(db.tuples("SELECT 1 FROM {offices} WHERE state NOT IN ('hq', '') LIMIT 1"))


def office(db: Database, name: str) -> Office:
    """Return an office as it stands; ``units`` is empty or None, only HandoverOpened names them."""
    row = _row(db, name)
    return Office() if row is None else _state(row)


@dataclass(frozen=True, slots=True)
class Region:
    """A regional office."""

    office: str
    unit: UnitId | None
    """None at the office itself until HQ's word of it arrives."""
    hq: str | None
    state: str
    key: str | None
    """As registered; the office's once it is admitted."""
    opened: int | None
    """The entry from which HQ writes nothing there."""
    position: int
    """The last entry about it."""


def regions(db: Database) -> list[Region]:
    """Return the regional offices known here, by name."""
    return [
        Region(*row)
        for row in db.tuples(
            "SELECT office, unit, hq, state, COALESCE(admitted, key), opened, position"
            " FROM {offices} WHERE state NOT IN ('hq', '') ORDER BY office"
        )
    ]


@dataclass(frozen=True)
class Hosts:
    """Who hosts which unit, as this office knows."""

    me: str
    regions: tuple[Region, ...]

    @classmethod
    def of_office(cls, db: Database, me: str) -> "Hosts | None":
        """Return who hosts what; None where this office stands alone."""
        found = tuple(regions(db))
        return cls(me, found) if found else None

    @property
    def mine(self) -> Region | None:
        """The office itself, if it is a region's."""
        return next((region for region in self.regions if region.office == self.me), None)

    @property
    def hq(self) -> str:
        """The name of HQ's office."""
        return self.me if self.mine is None else self.mine.hq or "HQ"

    def region_of(self, unit: str, tree: Tree, *, promised: bool = False) -> Region | None:
        """Return the region's office of a unit; ``promised`` counts one that is only commissioned."""
        units = {
            region.unit: region
            for region in self.regions
            if region.unit is not None and (promised or region.state in _LATER)
        }
        return next((units[one] for one in tree.above(UnitId(unit)) if one in units), None)

    def office_of(self, unit: str, tree: Tree) -> str:
        """Return the office that hosts a unit."""
        found = self.region_of(unit, tree)
        return self.hq if found is None else found.office

    def hosted(self, tree: Tree) -> frozenset[UnitId]:
        """Return the units for which this office acts."""
        mine = self.mine
        if mine is not None:
            here = mine.state == "open" and mine.unit is not None
            return frozenset(tree.below(mine.unit)) if here and mine.unit else frozenset()
        gone = [
            one.unit for one in self.regions if one.unit is not None and one.state in _LATER
        ]
        return frozenset(tree.units) - frozenset(tree.below(*gone))

    def refusal(self, unit: str, tree: Tree, *, promised: bool = False) -> FarmanError | None:
        """Return why this office cannot take a command on a unit; None if it can.

        ``promised``: nor on one whose office is only commissioned.
        """
        region = self.region_of(unit, tree, promised=promised)
        mine = self.mine
        if mine is not None and (region is None or region.office != self.me):
            if mine.unit is None or UnitId(unit) in tree.below(mine.unit):
                return Unavailable(
                    f"The office {self.me} has not taken over yet: wait until what HQ hands over "
                    "has arrived."
                )
            return Refused(
                f"{_named(unit, tree)} is kept by {self.hq}, not by the office {self.me}: give "
                "this command there."
            )
        if region is None or (region.office == self.me and region.state == "open"):
            return None
        name = _named(region.unit or unit, tree)
        if region.office == self.me:
            return Unavailable(
                f"{name} is moving to this office: wait until what HQ hands over has arrived."
            )
        if region.state != "open":
            return Unavailable(
                f"{name} is moving to an office of its own ({region.office}): give this command "
                "there when it has taken over."
            )
        return Refused(
            f"{name} has an office of its own ({region.office}): give this command there."
        )


def _named(unit: str, tree: Tree) -> str:
    known = tree.units.get(UnitId(unit))
    return unit if known is None else words(known.name)
