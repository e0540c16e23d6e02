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
