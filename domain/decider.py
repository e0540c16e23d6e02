"""A thing's rules as three values: where it starts, what it decides, how it evolves."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Generic, TypeVar

C = TypeVar("C")
S = TypeVar("S")
E = TypeVar("E")


@dataclass(frozen=True)
class Decider(Generic[C, S, E]):
    """`decide` holds the rules, `evolve` the bookkeeping; neither does anything else."""

    initial: S
    decide: Callable[[C, S], Sequence[E]]
    """New facts; ``()`` when they already hold; raises Refused with the rule's sentence."""
    evolve: Callable[[S, E], S]

    def fold(self, history: Iterable[E]) -> S:
        """Return the state after ``history``, oldest first."""
        return reduce(self.evolve, history, self.initial)
