"""Who may decide what: a command on a unit is taken by the office that hosts it, and by no other.

Safe: an office writes only for its own units, so two offices never decide about one thing.
An office that stands alone hosts all there is; it learns so by one look a command.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from domain.errors import FarmanError, Flaw, Refused
from domain.fact import FOREVER, Micros, PostId, UnitId, instant
from domain.force import Post, Tree, Unit
from office.work import Work
from projections import force, hops, roll
from projections.database import Moment


def between(
    work: Work, name: str, tree: Tree
) -> tuple[Collection[UnitId] | None, Sequence[tuple[UnitId, UnitId, Micros]]]:
    """Return the units hosted here (None: all), and what offices forwarded to each other."""
    if work.hosts is None:
        return None, ()
    return work.hosts.hosted(tree), hops.forwards(work.db, name, _heeded(work))


def _heeded(work: Work) -> int:
    """Return up to where copies are acted on.

    A region acts on what HQ wrote as far as its link was level: an order that it learns in the
    same breath was withdrawn is served on nobody.
    """
    if work.heeds is None:
        mine = None if work.hosts is None else work.hosts.mine
        rows = (
            []
            if mine is None
            else work.db.tuples("SELECT effects FROM links WHERE link = :l", l=mine.office)
        )
        work.heeds = int(rows[0][0]) if rows else FOREVER
    return work.heeds


def must_host(work: Work, unit: str, *, promised: bool = False) -> None:
    """Check that this office decides about a unit.

    ``promised``: also that no other office is commissioned for it.

    Raises:
        Refused: another office does.
        Unavailable: it is moving to another.

    """
    if work.hosts is None:
        return
    fault = work.hosts.refusal(unit, _tree(work), promised=promised)
    if fault is not None:
        raise fault


def must_host_officer(work: Work, officer: str) -> None:
    """Check that this office decides about an officer, by where he is posted."""
    if work.hosts is None:
        return
    for reason in elsewhere(work, {officer}).values():
        raise reason


def must_host_post(work: Work, post: str, tree: Tree) -> None:
    """Check that this office decides who holds a post."""
    if work.hosts is not None:
        must_host(work, tree.posts[PostId(post)].unit)


def must_end_charge(work: Work, post: str, officer: str, tree: Tree) -> None:
    """Check that a charge that ends with a posting is one that this office may end.

    Raises:
        Refused: another office keeps the post.

    """
    if work.hosts is None:
        return
    unit = tree.posts[PostId(post)].unit
    if work.hosts.refusal(unit, _tree(work)) is not None:
        office = work.hosts.office_of(unit, _tree(work))
        raise Refused(
            f"{officer} holds {post}, which the office {office} keeps: relinquish it there first."
        )


def must_have_issued(work: Work, directive: str) -> None:
    """Check that a directive is this office's own: nobody else amends or ends it.

    Raises:
        Refused: another office issued it.

    """
    office = directive.rsplit("-", 2)[0]
    if office != work.office:
        raise Refused(
            f"{directive} was issued by the office {office}: give this command there."
        )


def elsewhere(
    work: Work, officers: Collection[str], standing: Mapping[str, str] | None = None
) -> dict[str, FarmanError]:
    """Return, of these officers, those whom another office hosts, each with the reason.

    ``standing``: the units of those of whom they are known.
    """
    if work.hosts is None:
        return {}
    tree = _tree(work)
    units = dict(standing or {})
    for officer, spans in roll.where(
        work.db, [officer for officer in officers if officer not in units]
    ).items():
        unit = next((span.unit for span in reversed(spans) if span.unit is not None), None)
        if unit is not None:
            units[officer] = unit
    reasons: dict[str, FarmanError | None] = {}
    found: dict[str, FarmanError] = {}
    for officer, unit in units.items():
        if unit not in reasons:
            reasons[unit] = work.hosts.refusal(unit, tree)
        reason = reasons[unit]
        if reason is not None:
            found[officer] = reason
    return found


def must_be_hq(work: Work) -> None:
    """Check that the command tree is this office's to change.

    Raises:
        Refused: it comes from HQ.

    """
    if work.hosts is not None and work.hosts.mine is not None:
        raise Refused(f"The command tree comes from {work.hosts.hq}: give this command there.")


def must_stay(work: Work, before: Tree, units: Iterable[Unit], posts: Iterable[Post]) -> None:
    """Check that a change of the tree takes nothing from one office's part to another's.

    Raises:
        Refused: a unit or post would change hands, or come into or out of the line above an
            office, whose history has not been sent there.

    """
    if work.hosts is None:
        return
    after = Tree({**before.units, **{unit.id: unit for unit in units}})
    tops = [region.unit for region in work.hosts.regions if region.unit is not None]

    def parts(unit: UnitId, tree: Tree) -> set[tuple[UnitId, bool]]:
        """Return the offices to which a unit is sent, and whether it is theirs."""
        line = set(tree.above(unit))
        return {(top, top in line) for top in tops if top in line or unit in tree.above(top)}

    for unit in units:
        old = before.units.get(unit.id)
        if old is None or unit.parent is None or unit.parent == old.parent:
            continue
        beneath = {top for top in tops if unit.id in before.above(top)}
        if beneath or parts(unit.id, before) != parts(unit.id, after):
            raise Refused(
                f"{unit.id} would change hands under {unit.parent}: a unit does not move from one "
                "office to another, nor one with an office below it."
            )
    for post in posts:
        known = before.posts.get(post.id)
        if known is None or post.unit == known.unit:
            continue
        if parts(known.unit, before) != parts(post.unit, after):
            raise Refused(
                f"{post.id} would change hands with {post.unit}: create a post of another id there."
            )


class Listed(Protocol):
    """What is looked at in a line of a nominal roll."""

    line: int
    officer_id: str
    unit: str
    post: str | None


def flaws(work: Work, rows: Sequence[Listed]) -> list[Flaw]:
    """Return what of a nominal roll another office keeps: units, posts, officers; by line."""
    if work.hosts is None:
        return []
    tree = _tree(work)
    reasons: dict[str, FarmanError | None] = {}
    others = elsewhere(work, {row.officer_id for row in rows})
    found: list[Flaw] = []

    def look(row: Listed, field: str, value: str, unit: str) -> None:
        if unit not in reasons and work.hosts is not None:
            reasons[unit] = work.hosts.refusal(unit, tree, promised=True)
        reason = reasons.get(unit)
        if reason is not None:
            found.append(Flaw(row.line, field, value, reason.reason))

    for row in rows:
        look(row, "unit", row.unit, row.unit)
        if row.post is not None and row.post in tree.posts:
            look(row, "post", row.post, tree.posts[PostId(row.post)].unit)
        if row.officer_id in others:
            reason = others[row.officer_id].reason
            found.append(Flaw(row.line, "officer_id", row.officer_id, reason))
    return found


def live(work: Work, since: Micros | None) -> datetime:
    """Return when a command given now happened: by the clock, and not before ``since``.

    What came from another office came after it was sent: a clock that is behind HQ's makes no
    answer invalid.
    """
    if work.hosts is None or since is None:
        return work.recorded_at
    return instant(max(work.now, since))


def _tree(work: Work) -> Tree:
    return force.tree(work.db, Moment(work.now))
