"""Discipline: which desk may decide upon an officer of a rank, and which hears his appeal.

The table gives, by rank, the kind of unit whose head is competent: the nearest unit of that kind,
or of a higher one, at or above the officer's own. While that desk is vacant the next held one
above it decides (`domain.authority.decider`); nobody decides his own case.

Sources:

- Police Rules 1934, rule 12.1 (table): inspectors are appointed by a DIG; sub-inspectors,
  assistant sub-inspectors, head constables and constables by a superintendent, for whom one
  reads the DPO or SSP today. Who may appoint is taken here as who may punish (chapter XVI).
  Rule 16.29 (table): who was punished by a superintendent appeals to the DIG, by the DIG to the
  Inspector-General.
- Khyber Pakhtunkhwa (N.W.F.P.) Police Rules 1975: rule 1(ii), they reach up to the DSP; rule
  2(ii) and Schedule I, the authority by rank; rule 11, the appeal. The schedule left the DSP
  (BPS 17) to the Inspector-General alone. In September 2014 the force announced an amendment that
  lets the DPO punish inspectors and the RPO those of BPS 17; the reports do not say which
  punishments. The older, higher desk is kept here: it could always do so.
- Sindh Police (Efficiency and Discipline) Rules 1988: the lower ranks and the DIG above them stand
  so in reported cases; the rules' own schedule was not to be had, so that the ranks are taken
  from the Police Rules. In Karachi a DIG heads a zone, not the range, so that a zone
  counts there; elsewhere it is the range.

From BPS 18 (SP) on no rules of the police apply: the Government of the province decides, under
its own efficiency and discipline rules, and the head of the force forwards the case.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, get_args

from domain.authority import decider
from domain.fact import OfficerId, UnitId
from domain.force import Kind, Post, Tree

_DOWNWARDS: Sequence[str] = get_args(Kind)


class Competence(NamedTuple):
    """Up to which rank the head of a kind of unit decides."""

    upto: int
    """BPS, inclusive."""
    kind: str


_POLICE_RULES = (Competence(14, "district"), Competence(16, "region"), Competence(17, "hq"))
COMPETENT: Mapping[str, Sequence[Competence]] = {
    "kp": _POLICE_RULES,
    "punjab": _POLICE_RULES,
    "sindh": (Competence(14, "district"), Competence(16, "zone"), Competence(17, "hq")),
}
"""By force, rising by rank. A force that is not named here follows the Police Rules 1934."""


class Desk(NamedTuple):
    """Who decides upon an officer now."""

    post: Post | None
    """None: no desk of the force may."""
    outside: bool
    """The Government decides: the post only forwards the case."""
    unit: UnitId | None
    """Whose head it is by the table, be his desk held or vacant."""


def competent(tree: Tree, force: str, unit: UnitId, rank: int, officer: OfficerId) -> Desk:
    """Return the desk that is competent for an officer of a rank in a unit, as the tree stands."""
    table = COMPETENT.get(force, _POLICE_RULES)
    kind = next((one.kind for one in table if rank <= one.upto), None)
    here = _nearest(tree, unit, kind or "hq")
    post = None if here is None else decider(tree, here, head_of="unit")
    if post is not None and post.holder == officer:
        post = above(tree, post.unit, officer)
    return Desk(post, kind is None, here)


def above(tree: Tree, unit: UnitId, officer: OfficerId) -> Post | None:
    """Return the desk next above a unit's own: it hears appeals from there.

    The next held one; if none is held, the nearest. None: the appeal goes out of the force.
    """
    desks = [tree.heads[one] for one in list(tree.above(unit))[1:] if one in tree.heads]
    others = [desk for desk in desks if desk.holder != officer]
    return next((desk for desk in others if desk.holder is not None), next(iter(others), None))


def _nearest(tree: Tree, unit: UnitId, kind: str) -> UnitId | None:
    """Return the nearest unit at or above one that is of a kind or a higher one."""
    level = _DOWNWARDS.index(kind)
    return next(
        (one for one in tree.above(unit) if _DOWNWARDS.index(tree.units[one].kind) <= level),
        None,
    )
