"""The force as it stood: units, posts, holders, for any instant and any knowledge of it.

In: force, unit and post facts. Out: `tree`. The tables hold what each entry said; a few
thousand rows, folded when asked.
"""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from functools import partial
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple, TypeVar
from zoneinfo import ZoneInfo

import orjson

from domain import force
from domain.fact import FOREVER, Micros, OfficerId, PostId, Text, UnitId, micros
from domain.force import Post, Tree, Unit
from ledger.codec import Entry
from projections.database import Database, Moment
from projections.tables import columns

_AT_MOST = 32
"""Things kept from one question to the next."""
_Kept = TypeVar("_Kept")


def text(value: Text) -> str:
    """Return a text by language as it stands in a table."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()


def apply(db: Database, entries: Sequence[Entry]) -> None:
    """Write down what the entries say of units and posts."""
    forces: list[tuple[object, ...]] = []
    units: list[tuple[object, ...]] = []
    posts: list[tuple[object, ...]] = []
    charges: list[tuple[object, ...]] = []
    for position, _, _, fact in entries:
        at = micros(fact.at)
        match fact:
            case force.Described():
                forces.append((position, at, fact.force, text(fact.name), fact.timezone))
            case force.Established():
                units.append(
                    (fact.unit, position, at, fact.kind, text(fact.name), fact.parent, 1)
                )
            case force.Renamed():
                units.append((fact.unit, position, at, None, text(fact.name), None, 0))
            case force.Reclassified():
                units.append((fact.unit, position, at, fact.kind, None, None, 0))
            case force.Moved():
                units.append((fact.unit, position, at, None, None, fact.parent, 0))
            case force.Created() | force.Revised():
                posts.append(
                    (
                        fact.post,
                        position,
                        at,
                        fact.unit,
                        text(fact.title),
                        fact.rank,
                        int(fact.head),
                    )
                )
            case force.ChargeAssumed():
                charges.append((fact.post, fact.officer, position, at, fact.charge))
            case force.ChargeRelinquished():
                charges.append((fact.post, fact.officer, position, at, None))
            case _:
                msg = f"{fact.stored} is not a fact of the force"
                raise TypeError(msg)
    for table, rows in (
        ("force", forces),
        ("units", units),
        ("posts", posts),
        ("charges", charges),
    ):
        if rows:
            db.put(table, columns(table), rows)
    if entries:
        db.mark("force_position", entries[-1].position)
        if db.kept is not None:
            db.kept = {}  # what this transaction writes may yet be rolled back


def described(db: Database, known: int | None = None) -> tuple[str, Text, str] | None:
    """Return the force's slug, name and time zone; None before it was imported."""
    if db.kept is None:
        return _described(db, FOREVER if known is None else known)
    position = db.checkpoint("force_position") if known is None else known
    return _kept(db, ("described", position, 0), partial(_described, db, position))


def zone(db: Database) -> ZoneInfo:
    """Return the force's zone; UTC before it was imported."""
    known = described(db)
    return ZoneInfo("UTC" if known is None else known[2])


def _described(db: Database, known: int) -> tuple[str, Text, str] | None:
    row = db.run(
        "SELECT force, name, timezone FROM {force} WHERE position <= :p ORDER BY position DESC LIMIT 1",
        p=known,
    ).first()
    return None if row is None else (row[0], orjson.loads(row[1]), row[2])


def tree(db: Database, moment: Moment) -> Tree:
    """Return the command tree, its posts and their holders at a moment."""
    if db.kept is None:
        return _tree(db, moment)
    known = db.checkpoint("force_position")
    if moment.known is not None:
        known = min(known, moment.known)
    # It is the same from one change to the next.
    changes = _kept(db, ("changes", known, 0), partial(_changes, db, known))
    last = bisect_right(changes, moment.at)
    return _kept(db, ("tree", known, last), partial(_tree, db, moment))


def _kept(db: Database, key: tuple[str, int, int], make: Callable[[], _Kept]) -> _Kept:
    """Return what this store's readers keep of the force: the last few that were asked for."""
    kept = {} if db.kept is None else db.kept
    found: _Kept
    if key in kept:
        found = kept[key]
        return found
    while len(kept) >= _AT_MOST:
        del kept[next(iter(kept))]
    found = kept[key] = make()
    return found


def _changes(db: Database, known: int) -> list[Micros]:
    """Return when the tree, its posts or their holders changed, in order."""
    each = " UNION ".join(
        f"SELECT at FROM {{{table}}} WHERE position <= :p"
        for table in ("units", "posts", "charges")
    )
    return [row[0] for row in db.tuples(f"SELECT at FROM ({each}) x ORDER BY at", p=known)]


def _tree(db: Database, moment: Moment) -> Tree:
    known = FOREVER if moment.known is None else moment.known
    params = {"t": moment.at, "p": known}
    units: dict[UnitId, Unit] = {}
    for unit, kind, name, parent, established in db.tuples(
        "SELECT unit, kind, name, parent, established FROM {units}"
        " WHERE at <= :t AND position <= :p ORDER BY unit, at, position",
        **params,
    ):
        before = units.get(unit)
        if before is None:
            if kind is None:
                continue  # something dated before its unit was established
            units[unit] = Unit(unit, kind, orjson.loads(name), parent)
        else:
            units[unit] = Unit(
                unit,
                kind or before.kind,
                before.name if name is None else orjson.loads(name),
                parent if established or parent else before.parent,
            )
    created: dict[str, Micros] = {}
    said: dict[str, tuple[str, str, int | None, int]] = {}
    for post, at, unit, title, rank, head in db.tuples(
        "SELECT post, at, unit, title, rank, head FROM {posts}"
        " WHERE at <= :t AND position <= :p ORDER BY post, at, position",
        **params,
    ):
        created.setdefault(post, at)
        said[post] = (unit, title, rank, head)
    holders, freed = _charges(db, moment)
    posts: dict[PostId, Post] = {}
    for name, (unit, title, rank, head) in said.items():
        post = PostId(name)
        held = force.seniority(holders.get(post, {}).values())
        posts[post] = Post(
            post,
            UnitId(unit),
            orjson.loads(title),
            rank,
            bool(head),
            held,
            None if held else max(freed.get(post, 0), created[post]),
        )
    return Tree(units, posts)


class Tenure(NamedTuple):
    """Who answered for a post, from when until when."""

    officer: OfficerId | None
    """None while it was vacant."""
    since: Micros
    until: Micros
    """`FOREVER` while it lasts."""


def tenures(db: Database, post: str, known: int | None = None) -> list[Tenure]:
    """Return the tenures of a post, oldest first, without a gap from when it was created."""
    values = {"post": post, "p": FOREVER if known is None else known}
    created = db.tuples(
        "SELECT MIN(at) FROM {posts} WHERE post = :post AND position <= :p", **values
    )
    found: list[tuple[OfficerId | None, Micros]] = []
    if created[0][0] is not None:
        found.append((None, created[0][0]))
    held: dict[OfficerId, tuple[OfficerId, str, Micros]] = {}
    rows = db.tuples(
        "SELECT at, officer, charge FROM {charges} WHERE post = :post AND position <= :p"
        " ORDER BY at, position",
        **values,
    )
    for at, some in groupby(rows, key=itemgetter(0)):
        for _, officer, charge in some:
            _charged(held, officer, charge, at)
        order = force.seniority(held.values())
        now = order[0][0] if order else None
        while found and found[-1][1] >= at:  # of one instant the last word counts
            found.pop()
        if not found or found[-1][0] != now:
            found.append((now, at))
    ends = [since for _, since in found[1:]] + [FOREVER]
    return [Tenure(who, since, end) for (who, since), end in zip(found, ends, strict=True)]


def _charges(
    db: Database, moment: Moment
) -> tuple[dict[PostId, dict[OfficerId, tuple[OfficerId, str, Micros]]], dict[PostId, Micros]]:
    holders: dict[PostId, dict[OfficerId, tuple[OfficerId, str, Micros]]] = {}
    freed: dict[PostId, Micros] = {}
    for post, officer, at, charge in db.tuples(
        "SELECT post, officer, at, charge FROM {charges}"
        " WHERE at <= :t AND position <= :p ORDER BY post, at, position",
        t=moment.at,
        p=FOREVER if moment.known is None else moment.known,
    ):
        held = holders.setdefault(post, {})
        if _charged(held, officer, charge, at):
            freed[post] = at
    return holders, freed


def _charged(
    held: dict[OfficerId, tuple[OfficerId, str, Micros]],
    officer: OfficerId,
    charge: str | None,
    at: Micros,
) -> bool:
    """Let an officer assume a charge or, None, give it up; tell whether that left the post vacant."""
    if charge is None:
        return bool(held.pop(officer, None)) and not held
    if charge == "substantive":
        for other, (_, kind, _) in list(held.items()):
            if kind == "substantive" and other != officer:
                del held[other]  # a post has one substantive holder
    held[officer] = (officer, charge, at)
    return False
