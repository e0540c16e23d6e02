"""The cascade: what a directive needs next on its way down.

One cascade for every level: region, district, station and officer are data. It is pure: the
directive, the tree and the relays known go in, the next step comes out; doing the step and
asking again reaches the end from any point, so a cascade resumes wherever it was cut.

With offices, each carries on at its own units. A forward to a unit hosted elsewhere is written
down by the forwarder's office alone; the other receives it when it knows of it.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from domain.directive import Directive
from domain.fact import Micros, UnitId
from domain.force import Tree
from domain.relay import Relay


@dataclass(frozen=True, slots=True)
class TakeIn:
    """Take note of what other offices forwarded: unit, who forwarded, when; oldest first."""

    hops: tuple[tuple[UnitId, UnitId, Micros], ...]


@dataclass(frozen=True, slots=True)
class Forward:
    """Pass the directive on: from each unit, to these units, at that instant."""

    hops: tuple[tuple[UnitId, tuple[UnitId, ...], Micros], ...]


@dataclass(frozen=True, slots=True)
class Serve:
    """Let these units serve the officers posted to them, each at its instant."""

    units: tuple[tuple[UnitId, Micros], ...]


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing can be done before these units acknowledge, or their grace runs out."""

    units: frozenset[UnitId]


@dataclass(frozen=True, slots=True)
class Finish:
    """Every unit in scope has what it should."""


Action: TypeAlias = TakeIn | Forward | Serve | Wait | Finish


def scope(directive: Directive, tree: Tree) -> frozenset[UnitId]:
    """Return the units that the directive is to reach.

    A standing directive follows the tree as it stands; another one the tree of its issue.
    """
    if directive.order is None:
        return frozenset()
    now = tree.reach(directive.order.addressees)
    return now if directive.order.standing else now & directive.scope


def serving(
    directive: Directive, tree: Tree, received: Collection[UnitId]
) -> frozenset[UnitId]:
    """Return the units that serve: those it is to reach, and those that have it already.

    A unit that has received serves, wherever it stands by then. The issuing unit's own relay is
    no receipt: it serves only if it is addressed.
    """
    has = frozenset(received)
    if directive.unit is not None and directive.unit not in directive.scope:
        has -= {directive.unit}
    return scope(directive, tree) | has


def next_action(
    directive: Directive,
    tree: Tree,
    relays: Mapping[UnitId, Relay],
    mustered: frozenset[UnitId],
    hosted: Collection[UnitId] | None = None,
    forwarded: Sequence[tuple[UnitId, UnitId, Micros]] = (),
) -> Action:
    """Return the next step of a directive's cascade.

    ``mustered`` are the units for which a roll was ever imported: a unit without one serves
    when its roll arrives. ``hosted`` are the units of this office; None means all.
    ``forwarded`` are forwards between offices that were not received when they were written:
    unit, who forwarded, when; oldest first. Units are taken in order of their ids, so that the
    same cascade writes the same facts.
    """
    if directive.order is None or directive.unit is None or directive.ended is not None:
        return Finish()
    if hosted is not None and (
        arrived := tuple(
            hop
            for hop in forwarded
            if hop[0] in hosted and _is_news(relays.get(hop[0]), hop[1])
        )
    ):
        return TakeIn(arrived)
    reach = scope(directive, tree)
    known = relays.keys() | {unit for unit, _, _ in forwarded}
    automatic = directive.order.forward == "automatic"
    hops: list[tuple[UnitId, tuple[UnitId, ...], Micros]] = []
    waiting: set[UnitId] = set()
    for unit, relay in sorted(relays.items()):
        if relay.received_at is None or (hosted is not None and unit not in hosted):
            continue
        origin = unit == directive.unit
        below = frozenset(tree.children.get(unit, ())) & reach if unit in reach else frozenset()
        due = (
            (frozenset(directive.order.addressees) & reach) - {unit} if origin else frozenset()
        )
        missing = (below | due) - relay.forwarded_to
        if relay.forwarded_at is not None:
            missing -= known  # only units that came later, of a standing directive
            at = relay.forwarded_at
        elif automatic or origin:
            at = relay.received_at
        elif relay.acknowledged_at is not None:
            at = relay.acknowledged_at
        else:
            waiting.add(unit)
            continue
        if relay.forwarded_at is None or missing:
            # Straight from the issuer first, so that the addressed do not wait for those between.
            hops.append((unit, tuple(sorted(missing)), at))
        if origin and hops and hops[-1][0] == unit:
            return Forward((hops[-1],))
    if hops:
        return Forward(tuple(hops))
    serves = serving(directive, tree, relays)
    to_serve = tuple(
        (unit, relay.forwarded_at)
        for unit, relay in sorted(relays.items())
        if relay.forwarded_at is not None
        and relay.served_at is None
        and unit in serves
        and unit in mustered
        and (hosted is None or unit in hosted)
    )
    if to_serve:
        return Serve(to_serve)
    if waiting:
        return Wait(frozenset(waiting))
    return Finish()


def _is_news(relay: Relay | None, sender: UnitId) -> bool:
    """Tell whether a receipt from ``sender`` would be noted: the first, and one second way."""
    return (
        relay is None
        or relay.received_at is None
        or (relay.via is None and relay.sender != sender)
    )
