"""The force: its units, its posts, and who holds which charge.

Streams: ``force-{force}.{office}``, ``unit-{unit}.{office}``, ``post-{post}.{office}``
Story: a force is described, units are established under their parents, posts created in
them; officers assume and relinquish charges. All of it is effective-dated: what the tree
was on a day is asked of the facts whose `at` is not later, the latest `at` winning, then
the later entry.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar, Literal, TypeAlias

from domain.fact import Fact, Micros, OfficerId, PostId, Text, UnitId

Kind: TypeAlias = Literal["hq", "region", "zone", "district", "subdivision", "station", "wing"]
Charge: TypeAlias = Literal["substantive", "acting", "additional"]


class Described(Fact):
    """The force's name and the zone of its calendar."""

    stored: ClassVar[str] = "force.described@1"
    force: str
    name: Text
    timezone: str
    """IANA zone; the year of a serial is taken in it."""


class Established(Fact):
    """A unit stands in the command tree."""

    stored: ClassVar[str] = "unit.established@1"
    unit: UnitId
    kind: Kind
    name: Text
    parent: UnitId | None = None
    """None for the root."""


class Renamed(Fact):
    """A unit got another name."""

    stored: ClassVar[str] = "unit.renamed@1"
    unit: UnitId
    name: Text


class Reclassified(Fact):
    """A unit became one of another kind."""

    stored: ClassVar[str] = "unit.reclassified@1"
    unit: UnitId
    kind: Kind


class Moved(Fact):
    """A unit came under another parent."""

    stored: ClassVar[str] = "unit.moved@1"
    unit: UnitId
    parent: UnitId


class Created(Fact):
    """A post was sanctioned in a unit."""

    stored: ClassVar[str] = "post.created@1"
    post: PostId
    unit: UnitId
    title: Text
    rank: int | None = None
    """BPS, 1 to 22."""
    head: bool
    """Whether its holder commands the unit; a unit has at most one head."""


class Revised(Fact):
    """A post's unit, title, rank or headship is another from here on; all are stated."""

    stored: ClassVar[str] = "post.revised@1"
    post: PostId
    unit: UnitId
    title: Text
    rank: int | None = None
    head: bool


class ChargeAssumed(Fact):
    """An officer took charge of a post; a substantive charge ends the one before it."""

    stored: ClassVar[str] = "post.charge_assumed@1"
    post: PostId
    officer: OfficerId
    charge: Charge


class ChargeRelinquished(Fact):
    """An officer gave up a charge, by his act or because he was posted away or left."""

    stored: ClassVar[str] = "post.charge_relinquished@1"
    post: PostId
    officer: OfficerId
    because: str | None = None


UnitEvent: TypeAlias = Established | Renamed | Reclassified | Moved
PostEvent: TypeAlias = Created | Revised | ChargeAssumed | ChargeRelinquished
Event: TypeAlias = Described | UnitEvent | PostEvent


@dataclass(frozen=True, slots=True)
class Unit:
    """A node of the command tree, as it stood."""

    id: UnitId
    kind: str
    name: Text
    parent: UnitId | None


@dataclass(frozen=True, slots=True)
class Post:
    """An appointment, as it stood, with its holders: officer, charge, since when."""

    id: PostId
    unit: UnitId
    title: Text
    rank: int | None
    head: bool
    holders: tuple[tuple[OfficerId, str, Micros], ...] = ()
    """The substantive holder first, then acting, then additional, each by seniority of charge."""
    vacant_since: Micros | None = None
    """Since when nobody holds it; None while somebody does. The post's creation at the earliest."""

    @property
    def holder(self) -> OfficerId | None:
        """Who answers for the post: the substantive holder, else acting, else additional."""
        return self.holders[0][0] if self.holders else None


@dataclass(frozen=True)
class Tree:
    """The command tree and its posts at one instant."""

    units: Mapping[UnitId, Unit]
    posts: Mapping[PostId, Post] = field(default_factory=dict)
    children: dict[UnitId | None, list[UnitId]] = field(init=False)
    heads: dict[UnitId, Post] = field(init=False)

    def __post_init__(self) -> None:
        children: dict[UnitId | None, list[UnitId]] = {}
        for unit in self.units.values():
            children.setdefault(unit.parent, []).append(unit.id)
        for below in children.values():
            below.sort()
        object.__setattr__(self, "children", children)
        heads = {post.unit: post for post in self.posts.values() if post.head}
        object.__setattr__(self, "heads", heads)

    @property
    def root(self) -> UnitId | None:
        """The unit without a parent; None for an empty tree."""
        return next(iter(self.children.get(None, ())), None)

    @cached_property
    def order(self) -> tuple[UnitId, ...]:
        """Every unit that hangs from the root, parents before children."""
        return () if self.root is None else tuple(self.below(self.root))

    @cached_property
    def _reaches(self) -> dict[tuple[UnitId, ...], frozenset[UnitId]]:
        return {}

    def reach(self, tops: tuple[UnitId, ...]) -> frozenset[UnitId]:
        """Return the tops and everything under them; asked again, it is at hand."""
        found = self._reaches.get(tops)
        if found is None:
            found = self._reaches[tops] = frozenset(self.below(*tops))
        return found

    def above(self, unit: UnitId) -> Iterator[UnitId]:
        """Yield ``unit``, its parent, and so on up to the root."""
        at: UnitId | None = unit
        while at is not None and at in self.units:
            yield at
            at = self.units[at].parent

    def below(self, *tops: UnitId) -> Iterator[UnitId]:
        """Yield the tops and everything under them, parents before children, each once."""
        seen: set[UnitId] = set()
        waiting = list(reversed(tops))
        while waiting:
            unit = waiting.pop()
            if unit in seen or unit not in self.units:
                continue
            seen.add(unit)
            yield unit
            waiting.extend(reversed(self.children.get(unit, [])))

    def commands(self, post: PostId, unit: UnitId) -> bool:
        """Tell whether ``unit`` is the post's own or stands under it (DESIGN 4, rule 1)."""
        return post in self.posts and self.posts[post].unit in self.above(unit)

    def faults(self) -> list[tuple[UnitId, str]]:
        """Return what makes this no command tree, with the unit at fault."""
        found: list[tuple[UnitId, str]] = []
        roots = self.children.get(None, [])
        found += [(unit, "there is already a root") for unit in roots[1:]]
        reached = set(self.below(*roots))
        found += [
            (unit, "it does not hang from the root: its line of parents ends nowhere")
            for unit in self.units
            if unit not in reached
        ]
        return found


CHARGES: Sequence[str] = ("substantive", "acting", "additional")


def seniority(
    holders: Iterable[tuple[OfficerId, str, Micros]],
) -> tuple[tuple[OfficerId, str, Micros], ...]:
    """Order a post's holders: by kind of charge, then the longest in charge, then by id."""
    return tuple(sorted(holders, key=lambda h: (CHARGES.index(h[1]), h[2], h[0])))


def force_stream(force: str, office: str) -> str:
    """Name the stream of the force itself."""
    return f"force-{force}.{office}"


def unit_stream(unit: str, office: str) -> str:
    """Name the stream of a unit."""
    return f"unit-{unit}.{office}"


def post_stream(post: str, office: str) -> str:
    """Name the stream of a post."""
    return f"post-{post}.{office}"
