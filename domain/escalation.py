"""Escalation: who is told, and at which step after the due.

The first step goes to the head of the unit where the overdue officers are, each further one
a level up, as far as the issuer's unit. A vacant desk is recorded and the step passes on at
once.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from domain.fact import Micros, OfficerId, PostId, UnitId
from domain.force import Tree


@dataclass(frozen=True, slots=True)
class Step:
    """One level of escalation, as it falls due."""

    level: int
    officers: int
    oldest_due: Micros
    to_unit: UnitId
    to_post: PostId | None
    to_officer: OfficerId | None
    passed: tuple[PostId, ...]


def line(tree: Tree, unit: UnitId, issuer: UnitId | None) -> list[UnitId]:
    """Return the units from ``unit`` up to the issuer's, or the root if that is not above it."""
    above: list[UnitId] = []
    for each in tree.above(unit):
        above.append(each)
        if each == issuer:
            break
    return above


def step(
    tree: Tree,
    unit: UnitId,
    level: int,
    after: Micros,
    dues: Sequence[tuple[Micros, int]],
    now: Micros,
    issuer: UnitId | None,
) -> Step | None:
    """Return the step of ``level`` (from 1) if any officer of ``unit`` is that far overdue.

    ``dues`` are instants and how many officers are overdue since then.
    """
    reached = [(due, officers) for due, officers in dues if due + after <= now]
    if not reached:
        return None
    above = line(tree, unit, issuer)
    start = min(level, len(above)) - 1
    passed: list[PostId] = []
    to_unit, to_post, to_officer = above[start], None, None
    for each in above[start:]:
        head = tree.heads.get(each)
        to_unit = each
        if head is None:
            continue
        to_post = head.id
        if head.holder is not None:
            to_officer = head.holder
            break
        passed.append(head.id)
    if to_officer is None:
        to_post = None
    return Step(
        level,
        sum(officers for _, officers in reached),
        min(due for due, _ in reached),
        to_unit,
        to_post,
        to_officer,
        tuple(passed),
    )
