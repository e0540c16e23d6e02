"""Whom a directive binds, as a condition on the roll. The rule is `domain.population`."""

from collections.abc import Collection, Iterable

from domain.directive import Directive
from domain.fact import UnitId
from domain.force import Tree
from domain.population import eligible, spared
from projections.database import ONE_LOOK, Database, listed

NOBODY = "false"
"""The condition that no row meets."""


def peopled(db: Database, units: Collection[UnitId]) -> list[UnitId]:
    """Return those of the units, by id, where anybody ever stood: a look at the index for each."""
    if not units:
        return []
    rows = db.tuples(
        f"SELECT name FROM ({db.names}) n WHERE EXISTS"
        f" (SELECT 1 FROM {{roll}} r WHERE r.unit = n.name {ONE_LOOK})",
        names=listed(units),
    )
    return sorted(row[0] for row in rows)


def matching(
    db: Database, directive: Directive, tree: Tree, units: Iterable[UnitId]
) -> tuple[str, dict[str, object]]:
    """Return a condition on a roll row ``r``, with its values: he matches, in one of these units.

    It is `NOBODY` where nobody can. The units are staged in `seen_units`, less those that the directive leaves out.
    """
    order = directive.order
    if order is None:
        return NOBODY, {}
    population = order.population
    # Else a database without statistics on the stage reads the whole roll for empty units.
    bound = peopled(db, list(eligible(population, tree, units)))
    if not bound:
        return NOBODY, {}
    db.stage("seen_units", ("unit",), ((unit,) for unit in bound))
    # For most of the force the roll is read as it lies, in the order of officers: an index
    # lookup a unit would cost thrice that, and a sort (the plus keeps SQLite from it).
    whole = db.dialect == "sqlite" and len(bound) * 2 > len(tree.units)
    unit = "+r.unit" if whole else "r.unit"
    terms = ["r.gone = 0", f"{unit} IN (SELECT unit FROM seen_units)"]
    values: dict[str, object] = {}
    if population.rank_from is not None:
        terms.append("r.rank >= :rank_from")
        values["rank_from"] = population.rank_from
    if population.rank_to is not None:
        terms.append("r.rank <= :rank_to")
        values["rank_to"] = population.rank_to
    for name, chosen, sense in (
        ("duty", population.duty, "IN"),
        ("officer", sorted(spared(population, tree)) or None, "NOT IN"),
    ):
        if chosen is None:
            continue
        binds = {f"{name}_{n}": value for n, value in enumerate(chosen)}
        values |= binds
        terms.append(f"r.{name} {sense} ({', '.join(':' + bind for bind in binds)})")
    return " AND ".join(terms), values
