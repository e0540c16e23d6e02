"""Questions: what the projections answer, in the words and shapes of the contract."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from domain.cascade import scope
from domain.errors import Misused, Unknown
from domain.fact import FOREVER, SECOND, Micros, UnitId, instant, micros, words
from domain.force import Tree
from domain.official import Kind, platform
from domain.permission import STATES as PERMITTED
from domain.relay import Relay
from ledger import links
from ledger.codec import Entry, encode
from ledger.store import head, select_entries
from projections import directives, force, instruments, officials, proof
from projections import hops as hops_
from projections import lineage as lineage_
from projections import officers as officers_
from projections import permissions as permissions_
from projections import status as status_
from projections import timeline as timeline_
from projections.database import Database, Moment
from projections.lineage import DAY, Issue
from projections.offices import Hosts
from projections.status import NUMBERS

EXPORTS: dict[str, list[str]] = {
    "standing": [
        "directive", "officer_id", "unit", "rank", "duty", "served_at", "read_at",
        "acknowledged_at", "complied_at", "due_at", "exempt", "contested", "overdue",
    ],
    "entries": [
        "position", "stream", "version", "name", "happened_at", "recorded_at", "actor",
        "channel", "state",
    ],
    "hops": [
        "directive", "unit", "parent", "via", "received_at", "acknowledged_at",
        "forwarded_at", "served_at", "dwell_seconds", "post", "officer_id", "vacant_since",
    ],
}  # fmt: skip
"""What can be exported, with its columns."""


def moment(
    db: Database, now: Micros, as_of: datetime | None, known_at: int | datetime | None
) -> Moment:
    """Return what a question stands on: as a command would, never before the last entry here.

    An instant of knowledge is the last entry recorded by then.
    """
    at = max(now, db.checkpoint("recorded_at")) if as_of is None else micros(as_of)
    if known_at is None:
        return Moment(at)
    if isinstance(known_at, int):
        return Moment(at, known_at)
    return Moment(at, recorded_by(db, known_at))


def recorded_by(db: Database, at: datetime) -> int:
    """Return the last position that was here by an instant, 0 if none: 20 looks at a million.

    What another office wrote was here when it was received.
    """
    wanted = micros(at)
    low, high = 0, head(db.conn)
    while low < high:
        middle = (low + high + 1) // 2
        row = db.run(
            "SELECT e.notification_id, e.state, r.received_at FROM stored_events e"
            " LEFT JOIN receipts r ON r.position = e.notification_id"
            " WHERE e.notification_id <= :m AND e.notification_id > :low"
            " ORDER BY e.notification_id DESC LIMIT 1",
            m=middle,
            low=low,
        ).first()
        if row is None or _here_since(row[1], row[2]) <= wanted:
            low = middle
        else:
            high = row[0] - 1
    return low


def _here_since(state: bytes, received_at: Micros | None) -> Micros:
    if received_at is not None:
        return received_at
    return micros(datetime.fromisoformat(orjson.loads(state)["recorded_at"]))


SILENT: Micros = 30 * SECOND
"""Without a heartbeat for so long, an office is silent: heartbeats come every five seconds."""


def stood_on(db: Database, me: str, now: Micros) -> dict[str, Any]:
    """Return what an answer stands on: up to which number each office was heard, and when.

    ``stale`` are the units of offices that are silent: all that is told of them and of what
    lies below may have moved on. An office that stands alone has nothing to add.
    """
    hosts = Hosts.of_office(db, me)
    if hosts is None:
        return {}
    zone_ = force.zone(db)
    heard: dict[str, dict[str, Any]] = {}
    lately: set[str] = set()
    for link in links.every(db.conn):
        told = link.heartbeat()
        at = None if told is None else told[1]
        heard[link.peer] = {"number": link.mark, "at": local(at, zone_)}
        if at is not None and now - at <= SILENT:
            lately.add(link.peer)
    return {
        "heard": heard,
        "stale": [
            region.unit
            for region in hosts.regions
            if region.unit is not None
            and region.state == "open"
            and region.office not in lately | {me}
        ],
    }


def local(at: Micros | None, zone_: ZoneInfo) -> datetime | None:
    """Return an instant as the force's clocks show it."""
    return None if at is None else instant(at).astimezone(zone_)


def _unit(tree: Tree, unit: str | None) -> UnitId | None:
    if unit is None:
        return tree.root
    if unit not in tree.units:
        raise Unknown(
            f"There is no unit {unit!r} at that instant; `farman status` shows the units."
        )
    return UnitId(unit)


def _known_unit(db: Database, unit: str | None, asked: Moment) -> UnitId | None:
    return None if unit is None else _unit(force.tree(db, asked), unit)


def status(
    db: Database,
    ref: str,
    asked: Moment,
    now: Micros,
    *,
    unit: str | None = None,
    depth: int = 1,
    version: int | None = None,
) -> dict[str, Any]:
    """Count a directive under a unit, and under each unit ``depth`` levels below it."""
    name = directives.find(db, ref)
    current = db.directive(name)
    if version is not None and version not in {v.number for v in current.versions}:
        raise Unknown(f"{current.number} has no version {version}.")
    counted = status_.standing(db, name, asked, now, version)
    top = _unit(counted.tree, unit)
    zone_ = force.zone(db)
    told = counted.directive if counted.directive.versions else current
    shown = [] if top is None else _levels(counted.tree, top, depth)
    relays = (
        {} if counted.state == "not_issued" else hops_.relays(db, name, asked, frozenset(shown))
    )
    zeros = dict.fromkeys(NUMBERS, 0)
    return {
        "directive": name,
        "number": current.number,
        "subject": words(told.version_at(asked.at).terms.subject),
        "issued_at": local(current.issued_at, zone_),
        "state": counted.state,
        "backed": counted.directive.backed(asked.at),
        "as_of": local(asked.at, zone_),
        "known_at": asked.known,
        "position": head(db.conn),
        "unit": top,
        **(zeros if top is None else _counts(counted, top)),
        "units": [_unit_row(counted, below, relays, zone_) for below in shown],
    }


def _levels(tree: Tree, top: UnitId, depth: int) -> list[UnitId]:
    found: list[UnitId] = []
    level = [top]
    for _ in range(depth):
        level = [below for unit in level for below in tree.children.get(unit, ())]
        if not level:
            break
        found += level
    return found


def _counts(counted: status_.Standing, unit: UnitId) -> dict[str, int]:
    return dict(zip(NUMBERS, counted.under[unit], strict=True))


def _unit_row(
    counted: status_.Standing, unit: UnitId, relays: dict[UnitId, Relay], zone_: ZoneInfo
) -> dict[str, Any]:
    relay = relays.get(unit, Relay())
    here = counted.tree.units[unit]
    return {
        "unit": unit,
        "kind": here.kind,
        "name": words(here.name),
        "parent": here.parent,
        **_counts(counted, unit),
        "received_at": local(relay.received_at, zone_),
        "acknowledged_at": local(relay.acknowledged_at, zone_),
    }


def overview(db: Database, asked: Moment, now: Micros, unit: str | None) -> dict[str, Any]:
    """Count every directive known at the moment, oldest first."""
    zone_ = force.zone(db)
    tree = force.tree(db, asked)
    top = _unit(tree, unit)
    found: list[dict[str, Any]] = []
    known = 2**53 if asked.known is None else asked.known
    for name, number in db.run(
        "SELECT directive, number FROM {directives} WHERE position <= :p ORDER BY position",
        p=known,
    ).fetchall():
        counted = status_.standing(db, name, asked, now, tree=tree)
        directive = counted.directive
        found.append(
            {
                "directive": name,
                "number": number,
                "subject": words(directive.version_at(asked.at).terms.subject),
                "issued_at": local(directive.issued_at, zone_),
                "state": counted.state,
                **(dict.fromkeys(NUMBERS, 0) if top is None else _counts(counted, top)),
            }
        )
    return {
        "as_of": local(asked.at, zone_),
        "known_at": asked.known,
        "position": head(db.conn),
        "unit": top,
        "directives": found,
    }


def officers(
    db: Database,
    ref: str,
    asked: Moment,
    *,
    state: str | None,
    unit: str | None,
    after: str | None,
    limit: int,
    version: int | None,
) -> dict[str, Any]:
    """List officers by id; ``next`` is where the next page begins after, None at the end."""
    if state is not None and state not in officers_.STATES:
        raise Misused(f"{state!r} is no state; they are {', '.join(officers_.STATES)}.")
    if limit < 1:
        raise Misused(f"A page has at least one officer, not {limit}.")
    name = directives.find(db, ref)
    page = officers_.officers(
        db,
        name,
        asked,
        state=state,
        unit=_known_unit(db, unit, asked),
        after=after or "",
        limit=limit + 1,
        version=version,
    )
    more, page = len(page) > limit, page[:limit]
    zone_ = force.zone(db)
    names = officers_.particulars(db, [one.officer for one in page], asked)
    return {
        "directive": name,
        "as_of": local(asked.at, zone_),
        "known_at": asked.known,
        "officers": [
            {
                "officer_id": one.officer,
                "name": names.get(one.officer, (None, None))[0],
                "belt_no": names.get(one.officer, (None, None))[1],
                "unit": one.unit,
                "rank": one.rank,
                "duty": one.duty,
                "served_at": local(one.served_at, zone_),
                "read_at": local(one.read_at, zone_),
                "acknowledged_at": local(one.acknowledged_at, zone_),
                "complied_at": local(one.complied_at, zone_),
                "due_at": local(one.due_at, zone_),
                "exempt": one.exempt,
                "contested": one.contested,
                "overdue": one.overdue,
            }
            for one in page
        ],
        "next": page[-1].officer if more else None,
    }


def hops(db: Database, ref: str, asked: Moment, *, everything: bool = False) -> dict[str, Any]:
    """List a directive's step at each unit, from the top down.

    ``everything``: all that is written down, also what is dated a little after the clock.
    """
    name = directives.find(db, ref)
    zone_ = force.zone(db)
    tree = force.tree(db, asked)
    relays = hops_.relays(db, name, Moment(FOREVER, asked.known) if everything else asked)
    rows = {
        row[0]: row[1:]
        for row in db.tuples(
            "SELECT unit, parent, sender, vacant_since FROM {hops} WHERE directive = :d", d=name
        )
        if row[0] in relays
    }
    order = [unit for unit in (tree.below(tree.root) if tree.root else ()) if unit in rows]
    directive = db.directive(name, asked.known)
    held_up = _held_up(db, name, asked, tree, relays)
    drifted = hops_.drifts(db, name, Moment(FOREVER, asked.known) if everything else asked)
    found = []
    for unit in order:
        parent, sender, vacant = rows[unit]
        relay = relays[unit]
        received = relay.received_at or 0
        acknowledged, forwarded = relay.acknowledged_at, relay.forwarded_at
        held = officers_.held_by(tree, unit)
        if held is not None:
            held = {**held, "vacant_since": local(held["vacant_since"], zone_)}  # type: ignore[arg-type]
        end = asked.at if forwarded is None else forwarded
        found.append(
            {
                "unit": unit,
                "name": words(tree.units[unit].name),
                "kind": tree.units[unit].kind,
                "parent": parent,
                "sender": sender,
                "via": relay.via,
                "version": (wording := directive.version_at(received)).number,
                "text": wording.text,
                "received_at": local(received, zone_),
                "acknowledged_at": local(acknowledged, zone_),
                "forwarded_at": local(forwarded, zone_),
                "served_at": local(relay.served_at, zone_),
                "dwell_seconds": max(0, end - received) // SECOND,
                "unacknowledged_seconds": max(
                    0, (asked.at if acknowledged is None else acknowledged) - received
                )
                // SECOND,
                "forwarded_by_rule": vacant is not None and forwarded is not None,
                "holds": unit in held_up,
                "waiting_units": held_up.get(unit, (0, 0))[0],
                "waiting_officers": held_up.get(unit, (0, 0))[1],
                "reminders": relay.reminders,
                "reminded_at": local(relay.reminded_at, zone_),
                "drift": [
                    {"at": local(at, zone_), "looser": looser}
                    for _, at, looser in drifted.get(unit, ())
                ],
                "held_by": held,
            }
        )
    return {"directive": name, "as_of": local(asked.at, zone_), "hops": found}


def _held_up(
    db: Database, name: str, asked: Moment, tree: Tree, relays: Mapping[UnitId, Relay]
) -> dict[UnitId, tuple[int, int]]:
    """Return the units on whose desk a branch lies, with the units and officers who wait for it."""
    directive = db.directive(name, asked.known)
    if directive.state_at(asked.at) != "in_force":
        return {}
    lies = [unit for unit, relay in relays.items() if relay.forwarded_at is None]
    if not lies:
        return {}
    reach = scope(directive, tree)
    waiting = status_.pending(db, name, directive, asked, tree)
    found: dict[UnitId, tuple[int, int]] = {}
    for unit in lies:
        below = [each for each in tree.below(unit) if each in reach]
        units = sum(each not in relays for each in below)
        found[unit] = (units, sum(waiting.get(each, 0) for each in below))
    return found


def overdue(db: Database, asked: Moment, unit: str | None) -> dict[str, Any]:
    """List what is overdue in every directive in force, the oldest due first."""
    tree = force.tree(db, asked)
    top = _unit(tree, unit)
    inside = set() if top is None else set(tree.below(top))
    zone_ = force.zone(db)
    found: dict[tuple[str, str, UnitId], list[int]] = {}
    for (name,) in db.run("SELECT directive FROM {directives} ORDER BY position").fetchall():
        for clause, where, due, officers in status_.overdue(db, name, asked):
            if where in inside:
                known = found.setdefault((name, clause, where), [0, due])
                known[0] += officers
                known[1] = min(known[1], due)
    rows = []
    for (name, clause, where), (count, due) in sorted(
        found.items(), key=lambda item: (item[1][1], item[0])
    ):
        held = officers_.held_by(tree, where)
        if held is not None:
            held = {**held, "vacant_since": local(held["vacant_since"], zone_)}  # type: ignore[arg-type]
        rows.append(
            {
                "directive": name,
                "clause": clause,
                "unit": where,
                "officers": count,
                "oldest_due_at": local(due, zone_),
                "held_by": held,
            }
        )
    return {"as_of": local(asked.at, zone_), "obligations": rows}


def timeline(
    db: Database,
    ref: str,
    *,
    officer: str | None,
    unit: str | None,
    known: int | None,
    limit: int | None,
) -> dict[str, Any]:
    """List entries of a directive, oldest first."""
    name = directives.find(db, ref)
    zone_ = force.zone(db)
    found: list[dict[str, Any]] = []
    for entry in timeline_.entries(db, name, officer=officer, unit=unit, known=known):
        if limit is not None and len(found) >= limit:
            break
        found.append(_told(entry, zone_))
    return {"directive": name, "known_at": known, "entries": found}


def _told(entry: Entry, zone_: ZoneInfo) -> dict[str, Any]:
    return {
        "position": entry.position,
        "stream": entry.stream,
        "version": entry.version,
        "name": entry.fact.stored.split("@")[0],
        "at": entry.fact.at.astimezone(zone_),
        "recorded_at": entry.fact.recorded_at.astimezone(zone_),
        "actor": entry.fact.actor,
        "channel": entry.fact.channel,
        "sentence": timeline_.sentence(entry, zone_),
    }


def proof_of_service(db: Database, ref: str, officer: str, asked: Moment) -> dict[str, Any]:
    """Tell whether an officer was served by a moment, why, and by which entries, in their order."""
    name = directives.find(db, ref)
    zone_ = force.zone(db)
    found = proof.proof(db, name, officer, asked, zone_)
    return {
        "directive": name,
        "number": db.directive(name).number,
        "officer_id": officer,
        "as_of": local(asked.at, zone_),
        "known_at": asked.known,
        "served": found.served,
        "because": found.because,
        "facts": [_told(entry, zone_) for entry in found.entries],
    }


def permission_row(stood: permissions_.Stood, zone_: ZoneInfo) -> dict[str, Any]:
    """Return how a permission stood, as every answer about one tells it."""
    row = stood.row
    return {
        "permission": row.permission,
        "directive": row.directive,
        "version": row.version,
        "clause": row.clause,
        "officer_id": row.officer,
        "unit": stood.unit,
        "scope": row.scope,
        "why": row.why,
        "state": stood.state,
        "because": stood.because,
        "until": local(row.asked_until if row.until is None else row.until, zone_),
        "decider": {"post": stood.post, "officer_id": stood.officer},
        "requested_at": local(row.requested_at, zone_),
        "decided_at": local(row.decided_at, zone_),
        "revoked_at": local(row.revoked_at, zone_),
    }


def permissions(
    db: Database,
    ref: str | None,
    asked: Moment,
    *,
    officer: str | None,
    unit: str | None,
    state: str | None,
) -> dict[str, Any]:
    """List permissions as they stood at a moment, in the order in which they were entered."""
    if state is not None and state not in PERMITTED:
        raise Misused(f"{state!r} is no state; they are {', '.join(PERMITTED)}.")
    name = None if ref is None else directives.find(db, ref)
    if officer is not None and not db.tuples(
        "SELECT 1 FROM {roll} WHERE officer = :o LIMIT 1", o=officer
    ):
        raise Unknown(f"No roll has listed an officer {officer!r}; ids are case-sensitive.")
    tree = force.tree(db, asked)
    top = None if unit is None else _unit(tree, unit)
    inside = None if top is None else set(tree.below(top))
    zone_ = force.zone(db)
    return {
        "directive": name,
        "as_of": local(asked.at, zone_),
        "known_at": asked.known,
        "position": head(db.conn),
        "permissions": [
            permission_row(stood, zone_)
            for stood in permissions_.each(db, asked, directive=name, officer=officer)
            if (inside is None or stood.unit in inside) and state in (None, stood.state)
        ],
    }


def permission(db: Database, name: str, asked: Moment) -> dict[str, Any]:
    """Tell all of a permission: how it stands, and the entries that say so."""
    row = permissions_.find(db, name)
    zone_ = force.zone(db)
    found = permissions_.each(db, asked, name=name)
    if not found:
        raise Unknown(f"{name} had not been asked for by that moment.")
    (stood,) = found
    return {
        **permission_row(stood, zone_),
        "rule": row.rule,
        "rank": row.rank,
        "requested_unit": row.unit,
        "requested_until": local(row.asked_until, zone_),
        "requested_decider": {"post": row.desk, "officer_id": row.desk_officer},
        "decided_by": None
        if stood.row.decided_by is None
        else {"post": stood.row.decided_by, "officer_id": stood.row.decided_officer},
        "reason": stood.row.reason,
        "revoked_reason": stood.row.revoked_reason,
        "as_of": local(asked.at, zone_),
        "known_at": asked.known,
        "entries": [
            _told(entry, zone_)
            for entry in timeline_.written(db, [], asked.known, [row.stream])
            if micros(entry.fact.at) <= asked.at
        ],
    }


def knows_all(db: Database, me: str, now: Micros) -> bool:
    """Tell whether whatever offices wrote is known here: at HQ, while it hears from each.

    A region knows of itself and of what stands above it.
    """
    hosts = Hosts.of_office(db, me)
    return hosts is None or (hosts.mine is None and not stood_on(db, me, now)["stale"])


def registered(
    db: Database,
    kind: Kind,
    asked: Moment,
    *,
    unit: str | None,
    on: str | None,
    under: str | None,
) -> dict[str, Any]:
    """List the official groups or accounts of a moment, the longest open first."""
    tree = force.tree(db, asked)
    top = None if unit is None else _unit(tree, unit)
    inside = None if top is None else set(tree.below(top))
    zone_ = force.zone(db)
    found = officials.listed(
        db,
        kind,
        asked,
        platform=None if on is None else platform(on),
        directive=None if under is None else directives.find(db, under),
    )
    return {
        "as_of": local(asked.at, zone_),
        "known_at": asked.known,
        f"{kind}s": [
            _official(one, kind, tree, zone_)
            for one in found
            if inside is None or one.unit in inside
        ],
    }


def _official(one: officials.Listed, kind: Kind, tree: Tree, zone_: ZoneInfo) -> dict[str, Any]:
    post = tree.posts.get(one.post)
    return {
        kind: one.id,
        "platform": one.platform,
        "name": one.name,
        "unit": one.unit,
        "post": one.post,
        "held_by": {
            "post": one.post,
            "officer_id": None if post is None else post.holder,
            "vacant_since": None if post is None else local(post.vacant_since, zone_),
        },
        "purpose": one.purpose,
        "since": local(one.since, zone_),
        "run_since": local(one.run_since, zone_),
        "entered_by": one.entered_by,
        "under": None
        if one.directive is None
        else {"directive": one.directive, "clause": one.clause},
    }


def is_official(
    db: Database, kind: Kind, on: str, name: str, asked: Moment, *, complete: bool
) -> dict[str, Any]:
    """Tell whether a group or an account was official at a moment, and by which entry (K5).

    ``complete``: whether whatever was entered anywhere is known here.
    """
    where = platform(on)
    found = officials.listed(db, kind, asked, platform=where, named=name)
    zone_ = force.zone(db)
    tree = force.tree(db, asked)
    return {
        "official": bool(found),
        "complete": complete,
        "platform": where,
        "name": name,
        "as_of": local(asked.at, zone_),
        "known_at": asked.known,
        kind: _official(found[0], kind, tree, zone_) if found else None,
    }


def papers(db: Database) -> dict[str, Any]:
    """List the instruments from outside, in the order of their entry."""
    return {"instruments": [_paper(one, force.zone(db)) for one in instruments.every(db)]}


def _paper(one: instruments.Instrument, zone_: ZoneInfo) -> dict[str, Any]:
    return {
        "instrument": one.id,
        "citation": one.citation,
        "from": words(one.sender),
        "date": one.dated,
        "form": one.form,
        "subject": words(one.subject),
        "entered_at": local(one.at, zone_),
    }


def paper(db: Database, ref: str, asked: Moment) -> dict[str, Any]:
    """Show an instrument, and the orders of the force that cite it or stand on it.

    Raises:
        Unknown: there is none that is cited so.
        Misused: several are.

    """
    one = instruments.find(db, ref)
    if one is None:
        raise Unknown(
            f"There is no instrument {ref!r} here; `farman instrument list` lists those there are."
        )
    entered = instruments.entered(db, one.id)
    citing: list[dict[str, Any]] = []
    for name, number in db.tuples(
        "SELECT directive, number FROM {directives} ORDER BY position"
    ):
        order = db.directive(name)
        relations = [
            link.relation
            for link in instruments.links(db, order.version_at(asked.at).terms.lineage)
            if link.id == one.id
        ]
        if order.backing is not None and directives.cited(order.backing) in one.names:
            relations.append("backed")
        citing += [
            {"directive": name, "number": number, "relation": relation}
            for relation in relations
        ]
    return {
        **_paper(one, force.zone(db)),
        "sha256": entered.text,
        "confidentiality": entered.paper.confidentiality,
        "clauses": [
            {"clause": clause.id, "kind": clause.kind, "text": words(clause.text)}
            for clause in entered.paper.clauses
        ],
        "text": words(entered.paper.texts),
        "cited_by": citing,
    }


def lineage(db: Database, ref: str, asked: Moment, now: Micros) -> dict[str, Any]:
    """Tell the line of an order, oldest first, with what each issue came to."""
    name = directives.find(db, ref)
    zone_ = force.zone(db)
    chain = lineage_.chain(db, name, asked.at)
    return {
        "directive": name,
        "as_of": local(asked.at, zone_),
        "chain": [_issue(db, one, chain, asked.at, now, zone_) for one in chain],
    }


def _issue(
    db: Database,
    issue: Issue,
    chain: Sequence[Issue],
    at: Micros,
    now: Micros,
    zone_: ZoneInfo,
) -> dict[str, Any]:
    """Tell of one issue: an order by its own relation, what it cites by how it is cited."""
    if issue.kind == "directive":
        whole = db.directive(issue.ref)
        main = issue.main
        come = lineage_.achieved(db, issue.ref, at, now)
        return {
            "directive": issue.ref,
            "kind": issue.kind,
            "number": whole.number,
            "subject": words(whole.version_at(at).terms.subject),
            "issued_at": local(whole.issued_at, zone_),
            "state": whole.state_at(at),
            "relation": "root" if main is None else main.relation,
            "reason": None if main is None else main.reason,
            "links": [asdict(link) for link in issue.links],
            "population": come.population,
            "served_percent": come.percent(come.served),
            "acknowledged_percent": come.percent(come.acknowledged),
            "complied_percent": come.percent(come.complied, owed=True),
            "cases": come.cases,
            "days_to_90": None if come.ninety is None else round(come.ninety / DAY, 2),
        }
    cites = next(
        link for one in chain for link in one.links if issue.ref in (link.id, link.ref)
    )
    paper = None if issue.kind == "text" else instruments.entered(db, issue.ref).paper
    citation = None if paper is None else paper.citation
    return {
        "directive": None,
        "kind": issue.kind,
        "number": citation or cites.ref,
        "subject": None if paper is None else words(paper.subject),
        "issued_at": local(issue.at, zone_),
        "state": None,
        "relation": cites.relation,
        "reason": cites.reason,
        "links": [],
        **dict.fromkeys(_ACHIEVED),
    }


_ACHIEVED = (
    "population",
    "served_percent",
    "acknowledged_percent",
    "complied_percent",
    "cases",
    "days_to_90",
)
CURVE = (1, 7, 30, 90)
"""Days after an issue at which its effect is told."""


def effect(db: Database, ref: str, asked: Moment, now: Micros) -> dict[str, Any]:
    """Tell what each issue of a line achieved: its curve, its cases, and when the next came."""
    told = lineage(db, ref, asked, now)
    zone_ = force.zone(db)
    issued = [one for one in told["chain"] if one["kind"] == "directive"]
    for one, following in zip(issued, [*issued[1:], None], strict=True):
        whole = db.directive(one["directive"])
        since = whole.issued_at
        upto = asked.at if following is None else micros(following["issued_at"])
        purpose = whole.version_at(asked.at).terms.purpose
        one["purpose"] = None if purpose is None else words(purpose)
        one["curve"] = [
            _point(db, one["directive"], days, asked.at, now, zone_) for days in CURVE
        ]
        one["next_after_days"] = None if following is None else round((upto - since) / DAY, 2)
        one["cases_per_30_days"] = round(one["cases"] / max((upto - since) / (30 * DAY), 1), 2)
    return {**told, "chain": issued}


def _point(
    db: Database, name: str, days: int, at: Micros, now: Micros, zone_: ZoneInfo
) -> dict[str, Any]:
    come = lineage_.after(db, name, days, at, now)
    then = db.directive(name).issued_at + days * DAY
    return {
        "days": days,
        "at": local(then, zone_),
        "served_percent": None if come is None else come.percent(come.served),
        "acknowledged_percent": None if come is None else come.percent(come.acknowledged),
        "complied_percent": None if come is None else come.percent(come.complied, owed=True),
    }


def export(
    db: Database, what: str, ref: str | None, asked: Moment
) -> Iterator[list[tuple[Any, ...]]]:
    """Yield pages of rows in the order of `EXPORTS`."""
    zone_ = force.zone(db)
    names = (
        [directives.find(db, ref)]
        if ref is not None
        else [row[0] for row in db.run("SELECT directive FROM {directives} ORDER BY position")]
    )
    if what == "entries":
        yield from _entries(db, None if ref is None else names[0], zone_)
        return
    for name in names:
        page: list[tuple[Any, ...]] = []
        if what == "hops":
            for hop in hops(db, name, asked)["hops"]:
                held = hop["held_by"] or {}
                page.append(
                    (
                        name, hop["unit"], hop["parent"], hop["via"], hop["received_at"],
                        hop["acknowledged_at"], hop["forwarded_at"], hop["served_at"],
                        hop["dwell_seconds"], held.get("post"), held.get("officer_id"),
                        held.get("vacant_since"),
                    )
                )  # fmt: skip
        else:
            for one, _ in officers_.each(db, name, asked):
                page.append(
                    (
                        name, one.officer, one.unit, one.rank, one.duty,
                        *(
                            local(at, zone_)
                            for at in (
                                one.served_at, one.read_at, one.acknowledged_at,
                                one.complied_at, one.due_at,
                            )
                        ),
                        one.exempt, one.contested, one.overdue,
                    )
                )  # fmt: skip
                if len(page) == officers_.PAGE:
                    yield page
                    page = []
        yield page


def _entries(
    db: Database, name: str | None, zone_: ZoneInfo
) -> Iterator[list[tuple[Any, ...]]]:
    if name is not None:
        page = []
        for entry in timeline_.entries(db, name):
            page.append(
                _line(
                    entry.position,
                    entry.stream,
                    entry.version,
                    entry.fact.stored,
                    encode(entry.fact),
                    zone_,
                )
            )
            if len(page) == officers_.PAGE:
                yield page
                page = []
        yield page
        return
    after = 0
    while rows := select_entries(db.conn, after, officers_.PAGE):
        after = rows[-1][0]
        yield [_line(*row, zone_) for row in rows]


def _line(
    position: int, stream: str, version: int, name: str, state: bytes, zone_: ZoneInfo
) -> tuple[Any, ...]:
    body = orjson.loads(state)
    return (
        position, stream, version, name,
        datetime.fromisoformat(body["at"]).astimezone(zone_),
        datetime.fromisoformat(body["recorded_at"]).astimezone(zone_),
        body["actor"], body["channel"], state.decode(),
    )  # fmt: skip


def checks(db: Database, dialect: str, now: Micros) -> list[dict[str, Any]]:
    """Look for faults a person can do something about."""
    top, done = head(db.conn), db.checkpoint("position")
    last = db.checkpoint("recorded_at")
    described = force.described(db)
    found = [
        {"name": "store", "ok": True, "detail": f"{dialect}, {top:,} is the last position"},
        {
            "name": "projections",
            "ok": done == top,
            "detail": "level with the ledger"
            if done == top
            else f"at {done:,} of {top:,}: the next command catches up",
        },
        {
            "name": "clock",
            "ok": last <= now + 300 * SECOND,
            "detail": "not before the last entry"
            if last <= now + 300 * SECOND
            else f"the last entry was written at {instant(last).isoformat()}: set the clock right",
        },
        {
            "name": "force",
            "ok": True,
            "detail": "none yet: `farman force import FILE`"
            if described is None
            else f"{described[0]}, {words(described[1])}, {described[2]}",
        },
    ]
    if dialect == "sqlite":
        fault = db.conn.exec_driver_sql("PRAGMA quick_check(1)").scalar()
        found.append({"name": "database", "ok": fault == "ok", "detail": str(fault)})
    return found
