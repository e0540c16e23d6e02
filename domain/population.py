"""Whom a directive binds: rank range, units and duty state, minus the exclusions."""

from collections.abc import Iterable, Iterator

from domain.directive import Population
from domain.fact import OfficerId, UnitId
from domain.force import Tree


def matches(population: Population, rank: int, duty: str) -> bool:
    """Tell whether an officer of this rank and duty state is meant; what is unsaid limits nothing."""
    return (
        (population.rank_from is None or rank >= population.rank_from)
        and (population.rank_to is None or rank <= population.rank_to)
        and (population.duty is None or duty in population.duty)
    )


def eligible(population: Population, tree: Tree, units: Iterable[UnitId]) -> Iterator[UnitId]:
    """Yield those of the units whose officers are meant, in order of their ids."""
    excluded = set(tree.below(*population.except_units))
    return (unit for unit in sorted(set(units)) if unit not in excluded)


def spared(population: Population, tree: Tree) -> frozenset[OfficerId]:
    """Return who holds an excepted post, in any charge, as the tree stands."""
    return frozenset(
        officer
        for post in population.except_posts
        if post in tree.posts
        for officer, _, _ in tree.posts[post].holders
    )


_DUTY = {
    "on_duty": "on duty",
    "leave": "on leave",
    "suspended": "suspended",
    "osd": "awaiting a posting",
    "lines": "closed to lines",
}
"""Each duty state as a person says it."""


def said(population: Population) -> str:
    """Return whom it binds as a person says it: “BPS-5 to BPS-21; only who is on duty”."""
    low, high = population.rank_from, population.rank_to
    ranks = {
        (True, True): "every rank",
        (False, True): f"BPS-{low} and above",
        (True, False): f"up to BPS-{high}",
        (False, False): f"BPS-{low} to BPS-{high}",
    }[low is None, high is None]
    parts = [ranks]
    if population.duty is not None and set(population.duty) != _DUTY.keys():
        parts.append(f"only who is {' or '.join(_DUTY[duty] for duty in population.duty)}")
    if population.except_units:
        parts.append(f"not {', '.join(population.except_units)} and what lies below")
    if population.except_posts:
        parts.append(f"not who holds {', '.join(population.except_posts)}")
    return "; ".join(parts)
