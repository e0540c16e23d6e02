"""Importing the command tree: what a force file says against what is known."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from domain import force
from domain.errors import Flaw, Refused, Unaccepted
from domain.fact import Fact, PostId, Text, micros
from domain.force import Post, Tree, Unit
from office import cascade, hosting
from office.work import Work
from projections import force as known
from projections.database import Moment

CHANGES = 1_000
"""Changes named one by one in the answer, at most."""


@dataclass(frozen=True)
class Sheet:
    """A force file, read: the tree as it stands from `since`."""

    force: str
    name: Text
    timezone: str
    since: datetime
    units: Sequence[Unit]
    posts: Sequence[Post]


@dataclass
class _Diff:
    """Counts and changes of units or posts."""

    added: int = 0
    changed: int = 0
    unchanged: int = 0

    def counts(self) -> dict[str, int]:
        return {"added": self.added, "changed": self.changed, "unchanged": self.unchanged}


def import_force(work: Work, sheet: Sheet, *, dry_run: bool = False) -> dict[str, Any]:
    """Establish what is new, change what is different; say the same again, and nothing changes.

    Raises:
        Unaccepted: with what is known, the file makes no command tree.
        Refused: it lies in the future, is another force's, or takes what one office keeps to
            another.

    """
    hosting.must_be_hq(work)
    work.instant(sheet.since)
    described = known.described(work.db)
    if described is not None and described[0] != sheet.force:
        raise Refused(
            f"This home keeps the force {described[0]!r}; {sheet.force!r} needs a home of its own."
        )
    before = known.tree(work.db, Moment(micros(sheet.since)))
    _check(before, sheet)
    hosting.must_stay(work, before, sheet.units, sheet.posts)
    about = work.about(sheet.since, channel="file")
    facts: list[tuple[str, Fact]] = []
    changes: list[dict[str, object]] = []
    if described != (sheet.force, sheet.name, sheet.timezone):
        facts.append(
            (
                force.force_stream(sheet.force, work.office),
                force.Described(
                    **about, force=sheet.force, name=sheet.name, timezone=sheet.timezone
                ),
            )
        )
    units, posts = _Diff(), _Diff()
    for unit in sheet.units:
        _unit(work, before, unit, about, facts, changes, units)
    for post in sheet.posts:
        _post(work, before, post, about, facts, changes, posts)
    if not dry_run:
        position = work.head
        for start in range(0, len(facts), 5_000):
            work.append(facts[start : start + 5_000])
        if facts:
            _check_later(work, sheet)
            cascade.follow(work, position=position, cause=micros(sheet.since))
    return {
        "units": units.counts(),
        "posts": posts.counts(),
        "position": work.head,
        "changes": changes[:CHANGES],
    }


def _check(before: Tree, sheet: Sheet) -> None:
    units = {**before.units, **{unit.id: unit for unit in sheet.units}}
    flaws = [Flaw(None, "units", unit, reason) for unit, reason in Tree(units).faults()]
    posts = {**before.posts, **{post.id: post for post in sheet.posts}}
    heads: dict[str, PostId] = {}
    for post in posts.values():
        if post.unit not in units:
            flaws.append(Flaw(None, "posts", post.id, f"there is no unit {post.unit!r}"))
        if post.head and heads.setdefault(post.unit, post.id) != post.id:
            flaws.append(
                Flaw(
                    None,
                    "posts",
                    post.id,
                    f"{post.unit} already has the head {heads[post.unit]}",
                )
            )
    if flaws:
        raise Unaccepted("With what is known, this file makes no command tree.", flaws)


def _check_later(work: Work, sheet: Sheet) -> None:
    """What is dated back must leave a command tree at every later change, too."""
    since = micros(sheet.since)
    for (at,) in work.db.tuples(
        "SELECT DISTINCT at FROM {units} WHERE at > :t ORDER BY at", t=since
    ):
        faults = known.tree(work.db, Moment(at)).faults()
        if faults:
            when = work.recorded_at.fromtimestamp(at / 1_000_000, sheet.since.tzinfo)
            raise Unaccepted(
                f"With what is known, this file makes no command tree from {when.isoformat()} on.",
                [Flaw(None, "units", unit, reason) for unit, reason in faults],
            )


def _unit(
    work: Work,
    before: Tree,
    unit: Unit,
    about: dict[str, Any],
    facts: list[tuple[str, Fact]],
    changes: list[dict[str, object]],
    diff: _Diff,
) -> None:
    stream = force.unit_stream(unit.id, work.office)
    old = before.units.get(unit.id)
    if old is None:
        diff.added += 1
        facts.append(
            (
                stream,
                force.Established(
                    **about, unit=unit.id, kind=_kind(unit), name=unit.name, parent=unit.parent
                ),
            )
        )
        changes.append(_change("unit", unit.id, "established", None, unit.parent))
        return
    count = len(facts)
    if unit.name != old.name:
        facts.append((stream, force.Renamed(**about, unit=unit.id, name=unit.name)))
        changes.append(_change("unit", unit.id, "name", old.name, unit.name))
    if unit.kind != old.kind:
        facts.append((stream, force.Reclassified(**about, unit=unit.id, kind=_kind(unit))))
        changes.append(_change("unit", unit.id, "kind", old.kind, unit.kind))
    if unit.parent is not None and unit.parent != old.parent:
        facts.append((stream, force.Moved(**about, unit=unit.id, parent=unit.parent)))
        changes.append(_change("unit", unit.id, "parent", old.parent, unit.parent))
    if len(facts) > count:
        diff.changed += 1
    else:
        diff.unchanged += 1


def _kind(unit: Unit) -> force.Kind:
    return cast("force.Kind", unit.kind)  # the fact checks it


def _post(
    work: Work,
    before: Tree,
    post: Post,
    about: dict[str, Any],
    facts: list[tuple[str, Fact]],
    changes: list[dict[str, object]],
    diff: _Diff,
) -> None:
    stream = force.post_stream(post.id, work.office)
    old = before.posts.get(post.id)
    said: dict[str, Any] = {
        "unit": post.unit,
        "title": post.title,
        "rank": post.rank,
        "head": post.head,
    }
    if old is None:
        diff.added += 1
        facts.append((stream, force.Created(**about, post=post.id, **said)))
        changes.append(_change("post", post.id, "created", None, post.unit))
        return
    different = [name for name, value in said.items() if getattr(old, name) != value]
    if not different:
        diff.unchanged += 1
        return
    diff.changed += 1
    facts.append((stream, force.Revised(**about, post=post.id, **said)))
    changes += [
        _change("post", post.id, name, getattr(old, name), said[name]) for name in different
    ]


def _change(
    what: str, name: str, field: str, before: object, after: object
) -> dict[str, object]:
    return {"what": what, "id": name, "field": field, "before": before, "after": after}
