"""Whether an officer was served a directive, and which entries of the ledger say so.

In: the ledger, by way of the roll, the relays and the services. Out: a verdict with its reason
and its entries. Who was not served gets the nearest reason: the directive, then the officer,
then the population it is meant for, then the desk that it lies on.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import tzinfo

from domain import directive as directives
from domain import relay
from domain.cascade import scope
from domain.directive import Directive
from domain.errors import Unknown
from domain.fact import FOREVER, Fact, Micros, UnitId, instant
from domain.force import Tree
from domain.population import matches, spared
from domain.roll import DUTY_WORDS
from ledger.codec import Entry, decode
from ledger.store import select_entries
from projections import force, hops, roll
from projections.database import Database, Moment
from projections.officers import held_by
from projections.roll import Change
from projections.tables import FIELDS
from projections.timeline import written

_STEPS = (relay.Received, relay.ReceivedAgain, relay.Acknowledged, relay.Forwarded)
_WORDS = (directives.Issued, directives.Authorised, directives.Amended)
_ENDS = (directives.Superseded, directives.Withdrawn)


@dataclass(frozen=True, slots=True)
class Proof:
    """A verdict."""

    served: bool
    because: str
    entries: Sequence[Entry]
    """What it rests on, in the order of the ledger."""


@dataclass(frozen=True, slots=True)
class _Officer:
    """Who is asked about, as he stood at the moment."""

    id: str
    changes: Sequence[Change]
    """What had been said of him, by instant, then entry."""
    unit: UnitId | None
    rank: int
    duty: str
    gone: int

    def said(self, field: str) -> list[int]:
        """Return the entry that last said something of a field."""
        found = [change.position for change in self.changes if field in change.said]
        return found[-1:]


def proof(db: Database, name: str, officer: str, moment: Moment, zone: tzinfo) -> Proof:
    """Prove that an officer was served a directive by a moment, or tell why he was not.

    Raises:
        Unknown: nobody of that id is on the roll by what was known then.

    """
    return _Case(db, name, officer, moment, zone).decided()


class _Case:
    """One question, with what is looked up for it."""

    def __init__(
        self, db: Database, name: str, officer: str, moment: Moment, zone: tzinfo
    ) -> None:
        self.db, self.name, self.id, self.moment, self.zone = db, name, officer, moment, zone
        self.known = FOREVER if moment.known is None else moment.known
        self.directive: Directive = db.directive(name, moment.known)
        self.tree: Tree = force.tree(db, moment)
        self.changes = sorted(
            roll.history(db, [officer], moment.known).get(officer, ()),
            key=lambda change: (change.at, change.position),
        )
        if not self.changes:
            raise Unknown(
                f"There is no officer {officer!r} on the roll; `farman officers` lists them."
            )

    def decided(self) -> Proof:
        """Decide it."""
        found = self.db.tuples(
            "SELECT served_by, served_at, position FROM {standing}"
            " WHERE directive = :d AND officer = :o AND served_at <= :t AND position <= :p",
            d=self.name, o=self.id, t=self.moment.at, p=self.known,
        )  # fmt: skip
        if found:
            return self._served(*found[0])
        return self._not_served()

    def hour(self, at: Micros) -> str:
        """Return an instant as a person reads it."""
        return f"{instant(at).astimezone(self.zone):%d %b %Y %H:%M}"

    # -- served

    def _served(self, unit: UnitId, at: Micros, position: int) -> Proof:
        senders = {
            unit: relay_.sender for unit, relay_ in hops.relays(self.db, self.name).items()
        }
        way = [unit]
        while (sender := senders.get(way[-1])) in senders and sender not in way:
            way.append(sender)
        then = self._stood(at)
        entries = [
            *self._of_directive(at),
            *(entry for entry in self._steps(way, at) if entry.position < position),
            *self._at([position, *then.said("unit")]),
            # What his unit was told to do sooner binds him too.
            *self._at(hops.tightened(self.db, self.name, unit, self.moment)),
            # His own words: who answered has had it.
            *self._written([f"service-{self.name}.{self.id}."], self.moment.at),
        ]
        by = f", which had it by way of {', '.join(reversed(way[1:]))}" if way[1:] else ""
        return Proof(
            served=True,
            because=f"{unit} served {self.id} on {self.hour(at)}{by}.",
            entries=_ordered(entries),
        )

    # -- not served

    def _not_served(self) -> Proof:
        at = self.moment.at
        directive, officer = self.directive, self._stood(at)
        state = directive.state_at(at)
        if state == "not_issued":
            when = f" before {self.hour(directive.issued_at)}" if directive.versions else ""
            return Proof(served=False, because=f"{self.name} was not issued{when}.", entries=[])
        if state != "in_force":
            ended = self.hour(directive.ended_at or at)
            return Proof(
                served=False,
                because=f"{self.name} was {state} on {ended}, before {self.id} was served.",
                entries=self._of_directive(at, (*_WORDS, *_ENDS)),
            )
        base = self._of_directive(at)
        reason, fields = self._not_bound(officer)
        if reason:
            placed = [n for field in fields for n in officer.said(field)]
            return Proof(
                served=False, because=reason, entries=_ordered([*base, *self._at(placed)])
            )
        assert officer.unit is not None  # noqa: S101 - or he would not be bound
        reason, way = self._on_its_way(officer.unit)
        return Proof(
            served=False,
            because=reason,
            entries=_ordered([*base, *self._steps(way, at), *self._at(officer.said("unit"))]),
        )

    def _not_bound(self, officer: _Officer) -> tuple[str, tuple[str, ...]]:
        """Return why a directive in force is not meant for him, and what of him says so."""
        order, tree, unit = self.directive.order, self.tree, officer.unit
        assert order is not None  # noqa: S101 - it is in force
        if not officer.changes:
            return (
                f"{self.id} came on the roll only on {self.hour(self.changes[0].at)}.",
                (),
            )
        if officer.gone:
            how = "died" if officer.gone > 1 else "left the force"
            left = next(c.at for c in reversed(officer.changes) if "gone" in c.said)
            return f"{self.id} {how} on {self.hour(left)}.", ("gone",)
        if unit is None or unit not in tree.units:
            return f"{self.id} is in no unit.", ("unit",)
        if unit not in scope(self.directive, tree):
            to = ", ".join(order.addressees)
            return f"{unit}, where {self.id} is, is not among those addressed: {to}.", ("unit",)
        meant = order.population
        for excepted in meant.except_units:
            if excepted in tree.units and unit in tree.below(excepted):
                return f"{unit}, where {self.id} is, is left out with {excepted}.", ("unit",)
        if officer.id in spared(meant, tree):
            posts = ", ".join(
                post
                for post in meant.except_posts
                if post in tree.posts and officer.id in {h[0] for h in tree.posts[post].holders}
            )
            return f"{self.id} holds a post that is left out: {posts}.", ("unit",)
        if not matches(meant, officer.rank, officer.duty):
            if meant.duty is not None and officer.duty not in meant.duty:
                bound = " or ".join(DUTY_WORDS.get(one, one) for one in meant.duty)
                return (
                    f"{self.id} is {DUTY_WORDS.get(officer.duty, officer.duty)}; it binds those who are {bound}.",
                    ("unit", "duty"),
                )
            low, high = meant.rank_from or 1, meant.rank_to or 22
            return (
                f"{self.id} has rank BPS-{officer.rank}; it binds BPS-{low} to BPS-{high}.",
                ("unit", "rank"),
            )
        return "", ()

    def _on_its_way(self, unit: UnitId) -> tuple[str, list[UnitId]]:
        """Return whose desk it lies on, and the units that it came through."""
        relays = hops.relays(self.db, self.name, self.moment)
        line = list(self.tree.above(unit))
        way = [above for above in line if above in relays]
        here = relays.get(unit)
        if here is not None and here.served_at is not None:
            return (
                f"{unit} served it on {self.hour(here.served_at)}, before {self.id} was there, "
                "and it binds nobody who came later."
                if self.directive.order is not None and not self.directive.order.standing
                else f"{unit} served it on {self.hour(here.served_at)}; {self.id} came later and "
                "is yet to be served."
            ), way
        if not way:
            return f"{self.name} has reached no unit above {self.id} yet.", []
        above = way[0]
        relay_ = relays[above]
        since = self.hour(relay_.received_at or self.moment.at)
        held = held_by(self.tree, above)
        if held is None:
            desk = "where there is no desk to acknowledge it"
        elif held["officer_id"] is None:
            vacant = held["vacant_since"]
            assert isinstance(vacant, int)  # noqa: S101 - a vacant post has been so since
            desk = f"the desk of {held['post']}, vacant since {self.hour(vacant)}"
        else:
            desk = f"the desk of {held['post']} ({held['officer_id']})"
        lacks = (
            "which has yet to serve it"
            if above == unit
            else f"which has yet to send it to {line[line.index(above) - 1]}"
        )
        return f"It lies with {above} since {since}, on {desk}, {lacks}.", way

    # -- entries

    def _stood(self, at: Micros) -> _Officer:
        """Return him as he stood at an instant, by all that is known."""
        then = [change for change in self.changes if change.at <= at]
        if not then:
            return _Officer(self.id, (), None, 0, "", 0)
        now = dict(zip(FIELDS, roll.fold(self.id, then)[-1][5:], strict=True))
        return _Officer(
            self.id,
            then,
            UnitId(str(now["unit"])) if now["unit"] is not None else None,
            int(now["rank"] or 0),  # type: ignore[call-overload]  # as the roll has it
            str(now["duty"] or "on_duty"),
            int(now["gone"] or 0),  # type: ignore[call-overload]
        )

    def _written(
        self, ranges: Sequence[str], at: Micros, kinds: tuple[type[Fact], ...] = (Fact,)
    ) -> list[Entry]:
        """Return what had happened by an instant, of these kinds, in streams that begin so."""
        return [
            entry
            for entry in written(self.db, ranges, self.moment.known)
            if entry.fact.at <= instant(at) and isinstance(entry.fact, kinds)
        ]

    def _of_directive(self, at: Micros, kinds: tuple[type[Fact], ...] = _WORDS) -> list[Entry]:
        return self._written([f"directive-{self.name}."], at, kinds)

    def _steps(self, way: Sequence[UnitId], at: Micros) -> list[Entry]:
        """Return what happened to the directive on the desks of these units."""
        ranges = [f"relay-{self.name}.{unit}." for unit in way]
        return self._written(ranges, at, _STEPS) if ranges else []

    def _at(self, positions: Collection[int]) -> list[Entry]:
        return [
            Entry(position, stream, version, decode(fact, bytes(state)))
            for wanted in positions
            for position, stream, version, fact, state in select_entries(
                self.db.conn, wanted - 1, 1, wanted
            )
        ]


def _ordered(entries: Collection[Entry]) -> list[Entry]:
    return sorted(
        {entry.position: entry for entry in entries}.values(), key=lambda e: e.position
    )
