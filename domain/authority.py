"""Authority: who may decide what, resolved from the tree and the ranks of one instant.

It is never believed and never looked up again later: what was resolved goes into the fact as a
snapshot, so that whoever judges the decision afterwards sees what it stood on, however the tree
and the posts have changed since (DESIGN 4, rules 1 and 4).
"""

from pydantic import BaseModel, ConfigDict

from domain.fact import OfficerId, PostId, UnitId
from domain.force import Post, Tree


class Authority(BaseModel):
    """The ground on which a post acted, as it stood at that instant."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    post: PostId
    unit: UnitId
    """The post's own."""
    officer: OfficerId | None = None
    """Who held the post; None while it was vacant."""
    charge: str | None = None
    """In which charge he held it: substantive, acting, additional."""
    rank: int | None = None
    """His rank then (BPS); None where it is not known here."""
    line: tuple[UnitId, ...] = ()
    """From the unit it acted on up to its own: the line of command; empty where there is none."""


def authority(
    tree: Tree, post: PostId, over: UnitId | None = None, rank: int | None = None
) -> Authority:
    """Return the snapshot of a post's authority, over a unit if it acts on one.

    ``rank`` is the holder's. The line is empty if the unit does not stand under the post.
    """
    here = tree.posts[post]
    held = here.holders[0] if here.holders else None
    return Authority(
        post=post,
        unit=here.unit,
        officer=None if held is None else held[0],
        charge=None if held is None else held[1],
        rank=None if held is None else rank,
        line=() if over is None else line(tree, over, here.unit),
    )


def line(tree: Tree, below: UnitId, top: UnitId) -> tuple[UnitId, ...]:
    """Return the units from ``below`` up to ``top``, both included; none if it isn't above."""
    found: list[UnitId] = []
    for unit in tree.above(below):
        found.append(unit)
        if unit == top:
            return tuple(found)
    return ()


def decider(
    tree: Tree, unit: UnitId, *, post: PostId | None = None, head_of: str | None = None
) -> Post | None:
    """Return who decides for somebody of ``unit``: a post named, or the head of a kind of unit.

    The “concerned authority” of an order: the head of the nearest unit of that kind at or above
    his own at that moment; ``unit`` means his own unit's. While a desk is vacant the next held
    one above it decides, and if none is held, the desk itself is returned: it is awaited.
    None: there is no such desk.
    """
    if post is not None:
        here = tree.posts.get(post)
        above = [] if here is None else list(tree.above(here.unit))
    else:
        units = list(tree.above(unit))
        start = next(
            (n for n, u in enumerate(units) if head_of in ("unit", tree.units[u].kind)), None
        )
        above = [] if start is None else units[start:]
        here = next((tree.heads[u] for u in above if u in tree.heads), None)
    if here is None or here.holder is not None:
        return here
    higher = (tree.heads[u] for u in above if u in tree.heads)
    return next((each for each in higher if each.holder is not None), here)
