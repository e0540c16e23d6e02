"""Where a directive is, and who is sitting on it. In: relay facts, in ledger order.

The relays come out as the domain's own state, for any knowledge: each column has the entry
beside it that said so.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime

from domain import relay
from domain.cascade import serving
from domain.deadline import Due, Shorter, Shut
from domain.directive import Directive
from domain.fact import FOREVER, ClauseId, Micros, UnitId, instant, micros
from domain.force import Tree
from domain.relay import Relay
from ledger.codec import Entry
from projections import offices, population
from projections.database import Database, Moment, listed
from projections.tables import columns


def parts(stream: str) -> tuple[str, str]:
    """Return the directive and unit of a relay's stream."""
    directive, unit, _ = stream.removeprefix("relay-").split(".")
    return directive, unit


def apply(db: Database, entries: Sequence[Entry]) -> None:
    """Write the entries' steps; each statement serves all its entries of one kind in a row."""
    start = 0
    for end in range(1, len(entries) + 1):
        if end == len(entries) or type(entries[end].fact) is not type(entries[start].fact):
            _apply(db, entries[start:end])
            start = end


def _apply(db: Database, entries: Sequence[Entry]) -> None:
    fact = entries[0].fact
    rows: list[dict[str, object]] = []
    if isinstance(fact, relay.Received):
        blank: dict[str, object] = {**dict.fromkeys(columns("hops")), "reminders": 0}
        received = []
        for position, stream, _, each in entries:
            directive, unit = parts(stream)
            row = blank | {
                "directive": directive,
                "unit": unit,
                "sender": each.sender,  # type: ignore[attr-defined]
                "parent": each.parent,  # type: ignore[attr-defined]
                "received_at": micros(each.at),
                "received_position": position,
            }
            received.append(tuple(row.values()))
        db.put("hops", columns("hops"), received)
        _inherit(db, entries)
        return
    if isinstance(fact, relay.ClauseTightened):
        _tighten(db, entries)
        return
    for position, stream, _, each in entries:
        directive, unit = parts(stream)
        row = {"d": directive, "u": unit, "t": micros(each.at), "p": position}
        match each:
            case relay.ReceivedAgain():
                row |= {"via": each.via}
            case relay.Acknowledged():
                row |= {"by": each.by, "officer": each.officer}
            case relay.Forwarded():
                since = each.vacant_since
                row |= {"v": None if since is None else micros(datetime.fromisoformat(since))}
            case relay.Escalated():
                row |= {
                    "c": each.clause, "l": each.level, "n": each.officers, "to": each.to_unit,
                    "post": each.to_post, "officer": each.to_officer,
                }  # fmt: skip
            case relay.DriftFound():
                kinds = [one.kind for one in each.differences]
                row |= {"text": each.relayed, "issuer": each.issuer, "number": each.number}
                row |= {kind: kinds.count(kind) for kind in ("looser", "stricter", "reworded")}
            case _:
                pass
        rows.append(row)
    db.each(_STATEMENTS[type(fact)], rows)
    if isinstance(fact, relay.Forwarded) and offices.there_are(db):
        _unreceived(db, entries)


def _tighten(db: Database, entries: Sequence[Entry]) -> None:
    rows: list[tuple[object, ...]] = []
    db.shorter.clear()
    for position, stream, _, fact in entries:
        assert isinstance(fact, relay.ClauseTightened)  # noqa: S101 - by the caller's dispatch
        directive, by = parts(stream)
        due = fact.due or Due.model_construct()
        at = None if due.at is None else micros(due.at)
        rows += [
            (directive, unit, fact.clause, position, position, micros(fact.at), by, due.clock,
             due.within, at, int(fact.closed))
            for unit in fact.units
        ]  # fmt: skip
    db.put("tightenings", columns("tightenings"), rows)


def _inherit(db: Database, entries: Sequence[Entry]) -> None:
    """What holds for the unit above holds for one that came under it later."""
    if not db.tuples("SELECT 1 FROM {tightenings} LIMIT 1"):
        return
    db.shorter.clear()
    rows: list[dict[str, object]] = []
    for position, stream, _, fact in entries:
        directive, unit = parts(stream)
        rows.append({"d": directive, "u": unit, "p": position, "up": fact.parent})  # type: ignore[attr-defined]
    db.each(
        "INSERT INTO {tightenings} (directive, unit, clause, source, position, at, by_unit,"
        " clock, within, due_at, closed) SELECT directive, :u, clause, source, :p, at, by_unit,"
        " clock, within, due_at, closed FROM {tightenings}"
        " WHERE directive = :d AND unit = :up ON CONFLICT DO NOTHING",
        rows,
    )


def shorter(
    db: Database, directive: str, moment: Moment | None = None
) -> dict[UnitId, list[Shorter]]:
    """Return the deadlines that were shortened on the way down, by the unit they hold for.

    At a moment, those of what had happened and was known.
    """
    found: dict[UnitId, list[Shorter]] = {}
    for unit, clause, since, clock, within, at in db.tuples(
        "SELECT unit, clause, at, clock, within, due_at FROM {tightenings}"
        " WHERE directive = :d AND closed = 0 AND at <= :t AND position <= :p"
        " ORDER BY unit, source",
        d=directive,
        t=FOREVER if moment is None else moment.at,
        p=FOREVER if moment is None or moment.known is None else moment.known,
    ):
        due = Due(clock=clock, within=within, at=None if at is None else instant(at))
        found.setdefault(unit, []).append(Shorter(clause, since, due))
    return found


def closed(db: Database, directive: str, unit: str, moment: Moment) -> dict[ClauseId, Shut]:
    """Return the exceptions that admit nobody more at a unit, and who closed each first."""
    return {
        row[0]: Shut(row[1], row[2])
        for row in db.tuples(
            "SELECT clause, by_unit, at FROM {tightenings} WHERE directive = :d AND unit = :u"
            " AND closed = 1 AND at <= :t AND position <= :p ORDER BY at DESC, source DESC",
            d=directive,
            u=unit,
            t=moment.at,
            p=FOREVER if moment.known is None else moment.known,
        )
    }


def drifts(
    db: Database, directive: str, moment: Moment
) -> dict[UnitId, list[tuple[str, Micros, int]]]:
    """Return the texts noted by a moment: by unit their SHA-256, when, how many places looser."""
    found: dict[UnitId, list[tuple[str, Micros, int]]] = {}
    for unit, text, at, looser in db.tuples(
        "SELECT unit, relayed, at, looser FROM {drifts}"
        " WHERE directive = :d AND at <= :t AND position <= :p ORDER BY position",
        d=directive,
        t=moment.at,
        p=FOREVER if moment.known is None else moment.known,
    ):
        found.setdefault(unit, []).append((text, at, looser))
    return found


def tightened(db: Database, directive: str, unit: str, moment: Moment) -> list[int]:
    """Return the entries that tightened a directive for a unit, there or above it, in order."""
    rows = db.tuples(
        "SELECT DISTINCT source FROM {tightenings} WHERE directive = :d AND unit = :u"
        " AND at <= :t AND position <= :p ORDER BY source",
        d=directive,
        u=unit,
        t=moment.at,
        p=FOREVER if moment.known is None else moment.known,
    )
    return [row[0] for row in rows]


def _unreceived(db: Database, entries: Sequence[Entry]) -> None:
    """Write down which units have not received what was forwarded: another office will say so.

    An office that hosts a unit writes its receipt before the forward, in one command.
    """
    received: dict[str, set[tuple[str, str | None]]] = {}
    rows: list[dict[str, object]] = []
    for position, stream, _, fact in entries:
        directive, sender = parts(stream)
        if directive not in received:
            known = db.tuples(
                "SELECT unit, sender, via FROM {hops} WHERE directive = :d", d=directive
            )
            received[directive] = {(row[0], by) for row in known for by in row[1:]}
        rows += [
            {"d": directive, "u": unit, "s": sender, "t": micros(fact.at), "p": position}
            for unit in fact.to  # type: ignore[attr-defined]
            if (unit, sender) not in received[directive]
        ]
    db.each(
        "INSERT INTO {forwards} (directive, unit, sender, at, position)"
        " VALUES (:d, :u, :s, :t, :p) ON CONFLICT DO NOTHING",
        rows,
    )


_HERE = " WHERE directive = :d AND unit = :u"
_STATEMENTS = {
    relay.ReceivedAgain: "UPDATE {hops} SET via = :via, via_at = :t, via_position = :p" + _HERE,
    relay.Acknowledged: (
        "UPDATE {hops} SET acknowledged_at = :t, acknowledged_position = :p,"
        " acknowledged_by = :by, acknowledged_officer = :officer" + _HERE
    ),
    relay.Forwarded: (
        "UPDATE {hops} SET forwarded_at = :t, forwarded_position = :p, vacant_since = :v"
        + _HERE
        + " AND forwarded_at IS NULL"
    ),
    relay.OfficersServed: (
        "UPDATE {hops} SET served_at = :t, served_position = :p"
        + _HERE
        + " AND served_at IS NULL"
    ),
    relay.Reminded: "UPDATE {hops} SET reminded_at = :t, reminders = reminders + 1" + _HERE,
    relay.DriftFound: (
        "INSERT INTO {drifts} (directive, unit, relayed, position, at, issuer, number, looser,"
        " stricter, reworded)"
        " VALUES (:d, :u, :text, :p, :t, :issuer, :number, :looser, :stricter, :reworded)"
    ),
    relay.Escalated: (
        "INSERT INTO {escalations} (directive, unit, clause, level, position, at, officers,"
        " to_unit, to_post, to_officer) VALUES (:d, :u, :c, :l, :p, :t, :n, :to, :post, :officer)"
    ),
}


def relays(
    db: Database,
    directive: str,
    moment: Moment | None = None,
    only: Collection[UnitId] | None = None,
) -> dict[UnitId, Relay]:
    """Return the relays of a directive; at a moment, what had happened and was known.

    Without a moment also which units each forwarded to, for the cascade.
    """
    t = FOREVER if moment is None else moment.at
    p = FOREVER if moment is None or moment.known is None else moment.known
    values: dict[str, object] = {"d": directive}
    chosen = ""
    if only is not None:
        values["names"] = listed(only)
        chosen = f" AND unit IN ({db.names})"
    rows = db.tuples(
        "SELECT unit, sender, via, via_position, received_at, received_position,"
        " acknowledged_at, acknowledged_position, forwarded_at, forwarded_position,"
        f" served_at, served_position, reminded_at, via_at, reminders FROM {{hops}} WHERE directive = :d{chosen}",
        **values,
    )

    def seen(at: Micros | None, position: int | None) -> Micros | None:
        return at if at is not None and at <= t and (position or 0) <= p else None

    found: dict[UnitId, Relay] = {}
    for row in rows:
        if seen(row[4], row[5]) is None:
            continue
        found[row[0]] = Relay(
            received_at=row[4],
            sender=row[1],
            via=None if seen(row[13], row[3]) is None else row[2],
            acknowledged_at=seen(row[6], row[7]),
            forwarded_at=seen(row[8], row[9]),
            served_at=seen(row[10], row[11]),
            reminders=row[14],
            reminded_at=row[12],
        )
    if moment is None:
        to: dict[str, set[UnitId]] = {}
        for unit, relay_ in found.items():
            for sender in (relay_.sender, relay_.via):
                if sender is not None:
                    to.setdefault(sender, set()).add(unit)
        found = {
            unit: replace(relay_, forwarded_to=frozenset(to.get(unit, ())))
            for unit, relay_ in found.items()
        }
    return found


def forwards(
    db: Database, directive: str, upto: int = FOREVER
) -> list[tuple[UnitId, UnitId, Micros]]:
    """Return forwards from one office to another: unit, sender, when; in ledger order.

    Those at positions beyond ``upto`` are left out.
    """
    rows = db.tuples(
        "SELECT unit, sender, at FROM {forwards} WHERE directive = :d AND position <= :p"
        " ORDER BY position, unit",
        d=directive,
        p=upto,
    )
    return [(row[0], row[1], row[2]) for row in rows]


def unserved(
    db: Database, directive: str, whole: Directive, tree: Tree, moment: Moment
) -> list[UnitId]:
    """Return which units had yet to serve at a moment, by id; none where nobody stood."""
    served: set[UnitId] = set()
    waiting: set[UnitId] = set()
    for unit, has in db.tuples(
        "SELECT unit, CASE WHEN served_at <= :t AND served_position <= :p THEN 1 ELSE 0 END"
        " FROM {hops} WHERE directive = :d AND received_at <= :t AND received_position <= :p",
        d=directive,
        t=moment.at,
        p=FOREVER if moment.known is None else moment.known,
    ):
        (served if has else waiting).add(unit)
    return population.peopled(db, serving(whole, tree, waiting) - served)


def escalated(db: Database, directive: str) -> set[tuple[str, ClauseId, int]]:
    """Return the unit, clause and level of every escalation recorded."""
    rows = db.run(
        "SELECT unit, clause, level FROM {escalations} WHERE directive = :d", d=directive
    )
    return {(row[0], row[1], row[2]) for row in rows}
