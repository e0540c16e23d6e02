"""The force file: the command tree and its posts, as YAML.

force: kp
name: {en: Khyber Pakhtunkhwa Police}
timezone: Asia/Karachi
since: 2019-01-01
units:
  - {id: hq, kind: hq, name: {en: Central Police Office}}
  - {id: swat, kind: district, parent: hq, name: {en: Swat}}
posts:
  - {id: dpo-swat, unit: swat, title: {en: DPO Swat}, rank: 19, head: true}
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from console.files import nodes, texts
from console.files.fields import Fields
from console.files.nodes import Node
from console.files.problems import BadFile, Names, hint

LARGEST = 16 << 20
"""Bytes; a force of 20,000 units has three million."""

KINDS = ("hq", "region", "zone", "district", "subdivision", "station", "wing")
"""Of units, downwards; a wing stands beside the order, under any of them."""

_TOLD = 6
"""Units of a circle that are told by name."""

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


@dataclass(frozen=True, slots=True)
class UnitSpec:
    """A unit as the file describes it."""

    id: str
    kind: str
    parent: str | None
    """None for the root only."""
    name: dict[str, str]
    line: int


@dataclass(frozen=True, slots=True)
class PostSpec:
    """A post as the file describes it."""

    id: str
    unit: str
    title: dict[str, str]
    rank: int | None
    """BPS, 1 to 22; None where the file leaves it open."""
    head: bool
    line: int


_Spec = TypeVar("_Spec", UnitSpec, PostSpec)


@dataclass(frozen=True, slots=True)
class ForceFile:
    """A force file that holds together: one root, every parent there, one head a unit."""

    file: str
    force: str
    name: dict[str, str]
    timezone: str
    """An IANA zone that this machine knows."""
    since: datetime
    """Midnight of the effective day in that zone."""
    units: tuple[UnitSpec, ...]
    """As written; a parent may stand after its children."""
    posts: tuple[PostSpec, ...]


def read(path: Path) -> ForceFile:
    """Read a force file.

    Raises:
        BadFile: with everything that is wrong with it.

    """
    file = str(path)
    text = texts.decode(texts.read_bytes(path, LARGEST), file)
    if faults := texts.controls(text, file):
        raise BadFile(faults)
    fields = Fields(file)
    known = ("force", "name", "timezone", "since", "units", "posts")
    top = fields.table(
        nodes.load(text, file), "", known, [key for key in known if key != "posts"]
    )
    force = fields.ident(top.get("force"), "force", "force")
    name = fields.words(top.get("name"), "name")
    zone = _zone(fields, top.get("timezone"))
    since = _day(fields, top.get("since"))
    units = [_unit(fields, *item) for item in fields.items(top.get("units"), "units", "units")]
    posts = [_post(fields, *item) for item in fields.items(top.get("posts"), "posts", "posts")]
    _check_units(fields, units, top.get("units"))
    _check_posts(fields, posts, {unit.id for unit in units})
    if fields.problems:
        raise BadFile(fields.problems)
    midnight = datetime.combine(since or date.min, time(), zone or UTC)
    return ForceFile(file, force or "", name, str(zone), midnight, tuple(units), tuple(posts))


def _zone(fields: Fields, node: Node | None) -> ZoneInfo | None:
    name = fields.text(node, "timezone")
    if node is None or name is None:
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        near = hint(name, available_timezones())
        reason = f"There is no time zone “{name}”{near}"
        if near == ".":
            reason += " Write an IANA name, such as Asia/Karachi."
        fields.fault("timezone", node.line, name, reason)
        return None


def _day(fields: Fields, node: Node | None) -> date | None:
    text = fields.text(node, "since")
    if node is None or text is None:
        return None
    try:
        day = date.fromisoformat(text) if _DAY.fullmatch(text) else None
    except ValueError:
        day = None
    if day is None or not date(1800, 1, 1) <= day < date(2200, 1, 1):
        fields.fault("since", node.line, text, "This is no day; write it as 2019-01-01.")
    return day


def _unit(fields: Fields, path: str, node: Node) -> UnitSpec:
    known = ("id", "kind", "parent", "name")
    table = fields.table(node, path, known, ("id", "kind", "name"))
    return UnitSpec(
        fields.ident(table.get("id"), f"{path}.id", "unit") or "",
        fields.choice(table.get("kind"), f"{path}.kind", KINDS) or "",
        fields.ident(table.get("parent"), f"{path}.parent", "unit"),
        fields.words(table.get("name"), f"{path}.name"),
        node.line,
    )


def _post(fields: Fields, path: str, node: Node) -> PostSpec:
    known = ("id", "unit", "title", "rank", "head")
    table = fields.table(node, path, known, ("id", "unit", "title"))
    return PostSpec(
        fields.ident(table.get("id"), f"{path}.id", "post") or "",
        fields.ident(table.get("unit"), f"{path}.unit", "unit") or "",
        fields.words(table.get("title"), f"{path}.title"),
        fields.rank(table.get("rank"), f"{path}.rank"),
        fields.flag(table.get("head"), f"{path}.head") or False,
        node.line,
    )


def _check_units(fields: Fields, units: list[UnitSpec], node: Node | None) -> None:
    """Check that the units make one tree, in the order of kinds."""
    if node is None:
        return
    if not units:
        if not any(problem.column == "units" for problem in fields.problems):
            fields.fault("units", node.line, "", "A force has at least one unit, its root.")
        return
    noted = {problem.column for problem in fields.problems}
    known = _unique(fields, units, "units", "unit")
    names = Names(known)
    root: UnitSpec | None = None
    for at, unit in enumerate(units):
        path = f"units[{at}].parent"
        line = fields.lines.get(path, unit.line)
        if unit.parent is None:
            if not noted.isdisjoint((path, f"units[{at}]")):
                continue
            if root is not None:
                reason = (
                    f"“{unit.id}” has no parent, but “{root.id}” in line {root.line} is the "
                    "root already; a force has one root."
                )
                fields.fault(path, line, unit.id, reason)
            elif unit.kind == "wing":
                reason = "A wing cannot be the root; name the unit that it stands under."
                fields.fault(path, line, unit.id, reason)
            root = root or unit
        elif unit.parent not in known:
            reason = f"There is no unit “{unit.parent}”{names.hint(unit.parent)}"
            fields.fault(path, line, unit.parent, reason)
        else:
            _check_kind(fields, at, unit, known[unit.parent])
    _check_cycles(fields, known)


def _check_kind(fields: Fields, at: int, unit: UnitSpec, parent: UnitSpec) -> None:
    if not unit.kind or not parent.kind or unit.kind == "wing":
        return
    path = f"units[{at}].kind"
    line = fields.lines.get(path, unit.line)
    if parent.kind == "wing":
        if unit.kind != "station":
            reason = f"A {unit.kind} cannot stand under the wing “{parent.id}”, only stations and wings can."
            fields.fault(path, line, unit.kind, reason)
    elif KINDS.index(unit.kind) <= KINDS.index(parent.kind):
        order = ", ".join(KINDS[:-1])
        reason = (
            f"A {unit.kind} cannot stand under “{parent.id}”, a {parent.kind}; kinds go "
            f"downwards: {order}."
        )
        fields.fault(path, line, unit.kind, reason)


def _check_cycles(fields: Fields, known: dict[str, UnitSpec]) -> None:
    """Tell each circle of parents once, at the unit of it that stands first in the file."""
    sound: set[str] = set()
    for unit in known.values():
        trail: dict[str, None] = {}
        at: str | None = unit.id
        while at is not None and at in known and at not in sound and at not in trail:
            trail[at] = None
            at = known[at].parent
        if at in trail:
            circle = list(trail)[list(trail).index(at or "") :]
            way = " → ".join(f"“{name}”" for name in circle[:_TOLD])
            way += " → …" if len(circle) > _TOLD else ""
            reason = f"The line of parents goes round in a circle: {way} → “{circle[0]}”."
            first = min((known[name] for name in circle), key=lambda spec: spec.line)
            fields.fault("units.parent", first.line, first.id, reason)
        sound.update(trail)


def _check_posts(fields: Fields, posts: list[PostSpec], units: set[str]) -> None:
    """Check that every post's unit is there, and has one head."""
    _unique(fields, posts, "posts", "post")
    names = Names(units)
    heads: dict[str, PostSpec] = {}
    for at, post in enumerate(posts):
        if post.unit and post.unit not in units:
            path = f"posts[{at}].unit"
            reason = f"There is no unit “{post.unit}”{names.hint(post.unit)}"
            fields.fault(path, fields.lines.get(path, post.line), post.unit, reason)
        elif post.head and post.unit:
            first = heads.setdefault(post.unit, post)
            if first is not post:
                path = f"posts[{at}].head"
                reason = (
                    f"“{post.unit}” has a head already, “{first.id}” in line {first.line}; "
                    "a unit has one head."
                )
                fields.fault(path, fields.lines.get(path, post.line), post.id, reason)


def _unique(fields: Fields, specs: Iterable[_Spec], path: str, what: str) -> dict[str, _Spec]:
    known: dict[str, _Spec] = {}
    for at, spec in enumerate(specs):
        if not spec.id:
            continue
        first = known.setdefault(spec.id, spec)
        if first is not spec:
            line = fields.lines.get(f"{path}[{at}].id", spec.line)
            reason = (
                f"The id “{spec.id}” stands already in line {first.line}; each {what} has an "
                "id of its own."
            )
            fields.fault(f"{path}[{at}].id", line, spec.id, reason)
    return known
