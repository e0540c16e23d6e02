"""Doing what the cascade asks: forwarding and serving until it waits or is finished."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from contextlib import nullcontext

from domain import relay
from domain.cascade import Finish, Forward, Serve, TakeIn, Wait, next_action, scope
from domain.directive import Directive
from domain.fact import FOREVER, Fact, Micros, OfficerId, UnitId, instant
from domain.force import Tree
from domain.relay import RELAY, Record, Relay
from office import hosting
from office.work import Work
from projections import force, hops, roll
from projections.database import Moment
from projections.population import matching

_SLICE = 250_000
"""Officers written at once: enough for a whole force to go into its tables in their order."""


def run(work: Work, name: str, cause: Micros = 0) -> frozenset[UnitId]:
    """Carry a directive as far down as it can go; return the units it waits for.

    ``cause`` is the instant of what made this possible (a roll that arrived): nobody is
    served before it.
    """
    while True:
        directive = work.db.directive(name)
        tree = force.tree(work.db, Moment(work.now))
        relays = hops.relays(work.db, name)
        hosted, forwarded = hosting.between(work, name, tree)
        match next_action(directive, tree, relays, roll.mustered(work.db), hosted, forwarded):
            case TakeIn(arrived):
                _receive(work, name, tree, relays, arrived)
            case Forward(given):
                # A unit that came under one which had forwarded gets it when it came.
                late = {u for u, relay_ in relays.items() if relay_.forwarded_at is not None}
                hops_ = tuple(
                    (unit, to, max(at, cause) if unit in late else at) for unit, to, at in given
                )
                _forward(work, name, tree, relays, hops_, hosted)
            case Serve(units):
                for at, some in _by_instant(units, cause):
                    _serve(work, name, directive, some, at)
            case Wait(units):
                return units
            case Finish():
                return frozenset()


def _by_instant(
    units: tuple[tuple[UnitId, Micros], ...], cause: Micros
) -> list[tuple[Micros, list[UnitId]]]:
    found: dict[Micros, list[UnitId]] = defaultdict(list)
    for unit, forwarded in units:
        found[max(forwarded, cause)].append(unit)
    return sorted(found.items())


class _Desk:
    """Decides about the relays of a directive, one command after the other."""

    def __init__(self, work: Work, name: str, relays: Mapping[UnitId, Relay]) -> None:
        self._work, self._name = work, name
        self._now = dict(relays)
        self.facts: list[tuple[str, Fact]] = []

    def put(self, unit: UnitId, command: relay.Command) -> None:
        """Decide one command on what those before it leave."""
        state = self._now.get(unit, Relay())
        for fact in RELAY.decide(command, state):
            state = RELAY.evolve(state, fact)
            self.facts.append((relay.stream(self._name, unit, self._work.office), fact))
        self._now[unit] = state


def _receive(
    work: Work,
    name: str,
    tree: Tree,
    relays: dict[UnitId, Relay],
    arrived: tuple[tuple[UnitId, UnitId, Micros], ...],
) -> None:
    """Take note of what another office forwarded, as of now: it was not here before.

    Nor is it received before it was sent, whatever the clocks say.
    """
    desk = _Desk(work, name, relays)
    for unit, sender, at in arrived:
        about = work.about(instant(max(work.now, at)))
        parent = tree.units[unit].parent
        desk.put(unit, relay.Receive(relay.Received(**about, sender=sender, parent=parent)))
    work.append(desk.facts)


def _forward(
    work: Work,
    name: str,
    tree: Tree,
    relays: dict[UnitId, Relay],
    given: tuple[tuple[UnitId, tuple[UnitId, ...], Micros], ...],
    hosted: Collection[UnitId] | None,
) -> None:
    desk = _Desk(work, name, relays)
    for unit, to, at in given:
        about = work.about(instant(at))
        desk.put(unit, Record(relay.Forwarded(**about, to=to)))
        for below in to:
            if hosted is None or below in hosted:
                parent = tree.units[below].parent
                received = relay.Received(**about, sender=unit, parent=parent)
                desk.put(below, relay.Receive(received))
    # One kind after another, so that each is written with one statement.
    desk.facts.sort(key=lambda fact: fact[1].stored != relay.Received.stored)
    work.append(desk.facts)


_NOT_YET = (
    " AND NOT EXISTS (SELECT 1 FROM {standing} s"
    " WHERE s.directive = :d AND s.officer = r.officer)"
)


def _serve(
    work: Work, name: str, directive: Directive, units: list[UnitId], at: Micros
) -> None:
    """Serve everybody posted directly to these units who matches and was not served."""
    moment = Moment(at)
    tree = force.tree(work.db, moment)
    condition, values = matching(work.db, directive, tree, units)
    first = work.db.run("SELECT 1 FROM {standing} WHERE directive = :d LIMIT 1", d=name).first()
    not_yet = "" if first is None else _NOT_YET
    most = len(units) * 2 > len(tree.units)
    with work.db.whole() if most else nullcontext():
        rows = work.db.tuples(
            f"SELECT r.unit, r.officer FROM {roll.see(work.db, moment)} r"
            f" WHERE {condition}{not_yet}",
            d=name,
            t=at,
            **values,
        )
    served: dict[UnitId, list[OfficerId]] = {unit: [] for unit in units}
    for unit, officer in rows:
        served[unit].append(officer)
    del rows
    for officers in served.values():
        officers.sort()
    _write(
        work,
        name,
        directive,
        [(unit, at, officers) for unit, officers in served.items()],
        joined=False,
    )


def _write(
    work: Work,
    name: str,
    directive: Directive,
    served: list[tuple[UnitId, Micros, list[OfficerId]]],
    *,
    joined: bool,
) -> None:
    facts: list[tuple[str, Fact]] = []
    waiting = 0
    for unit, at, officers in served:
        wording = directive.version_at(at)
        for some in _slices(officers):
            fact = relay.OfficersServed(
                **work.about(instant(at)),
                officers=tuple(some),
                version=wording.number,
                text=wording.text,
                joined=joined,
            )
            facts.append((relay.stream(name, unit, work.office), fact))
            waiting += len(some)
            if waiting >= _SLICE:
                work.append(facts)
                facts, waiting = [], 0
    work.append(facts)


def _slices(officers: list[OfficerId]) -> Iterator[list[OfficerId]]:
    for start in range(0, max(len(officers), 1), relay.SERVED_AT_ONCE):
        yield officers[start : start + relay.SERVED_AT_ONCE]


def join(
    work: Work,
    name: str,
    *,
    position: int = FOREVER,
    at: Micros = FOREVER,
    officer: str = "",
    cause: Micros = 0,
) -> None:
    """Serve those who began to match a standing directive after their unit had served.

    Looked at are changes of the roll written after ``position`` or dated after ``at``, and
    how ``officer`` stands now; each is served at the instant of his change, not before his
    unit served nor before ``cause``.
    """
    directive = work.db.directive(name)
    if directive.order is None or not directive.order.standing or directive.ended is not None:
        return
    if (
        position >= work.db.checkpoint("roll_position")
        and at >= work.db.checkpoint("roll_at")
        and not officer
    ):
        return
    now = Moment(work.now)
    tree = force.tree(work.db, now)
    served = {
        unit: state.served_at
        for unit, state in hops.relays(work.db, name).items()
        if state.served_at is not None
    }
    units = scope(directive, tree) & served.keys()
    if work.hosts is not None:
        units &= work.hosts.hosted(tree)
    if not units:
        return
    condition, values = matching(work.db, directive, tree, units)
    rows = work.db.run(
        f"SELECT r.officer, r.unit, r.at, r.until FROM {{roll}} r WHERE {condition}"
        " AND r.until > r.at AND (r.position > :p OR r.at > :a OR r.officer = :o)"
        f"{_NOT_YET} ORDER BY r.officer, r.at",
        p=position,
        a=at,
        o=officer,
        d=name,
        **values,
    ).fetchall()
    found: dict[tuple[UnitId, Micros], list[OfficerId]] = defaultdict(list)
    seen: set[str] = set()
    for who, unit, since, until in rows:
        when = max(since, served[unit], cause)
        if who not in seen and when < until:
            seen.add(who)
            found[unit, when].append(who)
    _write(
        work,
        name,
        directive,
        [(unit, when, officers) for (unit, when), officers in sorted(found.items())],
        joined=True,
    )


def in_force(work: Work) -> list[str]:
    """Return the directives that have not ended, oldest first."""
    rows = work.db.run(
        "SELECT directive FROM {directives} WHERE ended IS NULL ORDER BY position"
    )
    return [row[0] for row in rows]


def follow(work: Work, *, position: int, cause: Micros, officer: str = "") -> None:
    """After the force or its roll changed: let every directive reach whom it now should."""
    for name in in_force(work):
        run(work, name, cause)
        join(work, name, position=position, officer=officer, cause=cause if officer else 0)
