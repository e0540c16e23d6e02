"""What goes from one office to another: of HQ's entries those that a region needs, and no more.

Down goes the tree and the posts of the region and of the line above it, directives that may
concern it with all that befalls them, their relays in the region, how they came down to it, the
cases that HQ keeps about officers who were in the region at the breach, the official groups and
accounts of those units, and every instrument that HQ entered.
Never a roll, an officer, or what another region's officers answered: those streams have no line
here. Up goes everything that the region writes itself.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import orjson

from domain.errors import Unknown
from domain.fact import FOREVER, UnitId
from domain.relay import Acknowledged, Forwarded, Received
from ledger.store import Line
from projections import force, offices
from projections.database import Database, Moment

if TYPE_CHECKING:
    from office.office import Office

_PASSING = {Received.stored, Acknowledged.stored, Forwarded.stored}
"""What is told of a relay above the region: how the directive came down, and who let it pass."""


@dataclass(frozen=True)
class Part:
    """What concerns one region."""

    office: str
    hq: str
    above: frozenset[UnitId]
    """The units over the region's own, up to the root."""
    below: frozenset[UnitId]
    """The region's unit and all under it."""
    posts: frozenset[str]
    """The posts that ever belonged to one of them."""
    cases: frozenset[str] = frozenset()
    """The cases of officers who were in the region at the breach."""
    officials: frozenset[str] = frozenset()
    """The official groups and accounts of one of them."""

    def of(
        self, lines: Sequence[Line], addressees: Mapping[str, Collection[UnitId]]
    ) -> list[Line]:
        """Return, in order, those of HQ's own lines that go down.

        ``addressees`` are the units that each directive among them is addressed to.
        """
        near = self.above | self.below
        concerns = {name for name, to in addressees.items() if not near.isdisjoint(to)}
        return [line for line in lines if self._goes(line, concerns)]

    def _goes(self, line: Line, concerns: Collection[str]) -> bool:
        _, stream, _, name, state = line
        kind, _, rest = stream.partition("-")
        thing, *more = rest.split(".")
        if stream.rpartition(".")[2] != self.hq:
            return False
        match kind:
            case "force":
                return True
            case "unit":
                return thing in self.above or thing in self.below
            case "post":
                return thing in self.posts
            case "directive":
                return thing in concerns
            case "relay":
                unit = more[0]
                return thing in concerns and (
                    unit in self.below
                    or (unit in self.above and name in _PASSING)
                    or (name == Forwarded.stored and self._named(state))
                )
            case "case":
                return thing in self.cases
            case "group" | "account":
                return thing in self.officials
            case "instrument":
                return True
            case "office":
                return thing == self.office
            case "key":
                return thing == self.hq
            case _:
                return False

    def _named(self, state: bytes) -> bool:
        return not self.below.isdisjoint(orjson.loads(state)["to"])


def of_region(db: Database, hq: str, region: str) -> Part:
    """Return what concerns a region, as the tree stands.

    Raises:
        Unknown: it is no regional office that HQ commissioned.

    """
    here = next((one for one in offices.regions(db) if one.office == region), None)
    if here is None or here.unit is None:
        raise Unknown(f"There is no office {region!r} of a region.")
    tree = force.tree(db, Moment(FOREVER))
    line = list(tree.above(here.unit))
    near = {*line, *tree.below(here.unit)}
    below = frozenset(tree.below(here.unit))
    posts = {post for post, unit in db.tuples("SELECT post, unit FROM {posts}") if unit in near}
    told = db.tuples(
        "SELECT case_id, unit FROM {cases} WHERE case_id >= :a AND case_id < :b",
        a=f"{hq}-",
        b=f"{hq}.",
    )
    officials = {
        name for name, unit in db.tuples("SELECT id, unit FROM {officials}") if unit in near
    }
    return Part(
        region,
        hq,
        frozenset(line[1:]),
        below,
        frozenset(posts),
        frozenset(case for case, unit in told if unit in below),
        frozenset(officials),
    )


def goes_down(db: Database, part: Part, lines: Sequence[Line]) -> list[Line]:
    """Return, in order, those of HQ's own lines that go down to a region."""
    named = {
        line[1].partition("-")[2].split(".")[0]
        for line in lines
        if line[1].startswith(("directive-", "relay-"))
    }
    addressees: dict[str, Collection[UnitId]] = {}
    for name in named:
        order = db.directive(name).order
        addressees[name] = () if order is None else order.addressees
    return part.of(lines, addressees)


def down(office: "Office", region: str) -> Callable[[Sequence[Line]], Sequence[Line]]:
    """Return what selects, of a page of HQ's own lines, those that go down to a region."""

    def select(lines: Sequence[Line]) -> Sequence[Line]:
        if not lines:
            return []
        with office._reading() as db:  # noqa: SLF001 - one floor: a question like others
            return goes_down(db, of_region(db, office.home.office, region), lines)

    return select


def routed(office: "Office") -> list[str]:
    """Return the links on which this office has something to send: what its routers walk.

    HQ sends to a region once it is admitted; a region sends to HQ from the first.
    """
    with office._reading() as db:  # noqa: SLF001 - one floor: a question like others
        found = offices.regions(db)
    mine = [one.office for one in found if one.office == office.home.office]
    return mine or [one.office for one in found if one.state in ("admitted", "moving", "open")]
