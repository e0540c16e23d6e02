"""What the cases say: lists of them, one of them, and the annex that proves it.

The annex is the proof as data: the clause in the wording in force at the breach, how the order
came down to the officer, when he was served, read and acknowledged it, and the case's own
entries; each entry with the SHA-256 of its stored bytes, so that whoever has the ledger can
compare it. Of other officers it says nothing.
"""

from collections.abc import Collection
from datetime import datetime
from hashlib import sha256
from typing import Any
from zoneinfo import ZoneInfo

from domain import case
from domain.directive import Clause
from domain.errors import Misused, Unknown
from domain.fact import UnitId, instant
from domain.service import LEVEL
from ledger.codec import Entry, decode
from ledger.links import waiting
from ledger.store import head, select_entries
from office.cases import Sitting, awaited, due
from office.questions import local
from projections import cases, directives, force, hops, proof, standing
from projections.cases import Known
from projections.database import Database, Moment
from projections.timeline import sentence, written

STATES = (
    "reported",
    "noticed",
    "answered",
    "decided",
    "appealed",
    "appeal_decided",
    "reinstated",
)


def listed(
    db: Database,
    asked: Moment,
    *,
    ref: str | None = None,
    officer: str | None = None,
    unit: str | None = None,
    state: str | None = None,
) -> dict[str, Any]:
    """List cases as they stood at a moment, oldest report first; of a unit, with all below it.

    Each with the desk that it lies on by then.
    """
    if state is not None and state not in STATES:
        raise Misused(f"{state!r} is no state of a case; they are {', '.join(STATES)}.")
    name = None if ref is None else directives.find(db, ref)
    inside: Collection[str] | None = None
    if unit is not None:
        tree = force.tree(db, asked)
        if unit not in tree.units:
            raise Unknown(f"There is no unit {unit!r} at that instant.")
        inside = set(tree.below(UnitId(unit)))
    zone_ = force.zone(db)
    found = [
        one
        for one in cases.seen(db, asked, directive=name, officer=officer)
        if (inside is None or one.case.unit in inside)
        and (state is None or one.case.state == state)
    ]
    sitting = Sitting(db, instant(asked.at), {one.case.officer for one in found}, asked.known)
    return {
        "as_of": local(asked.at, zone_),
        "known_at": asked.known,
        "position": head(db.conn),
        "cases": [
            {**_row(one, zone_), "competent": awaited(sitting, one.case)} for one in found
        ],
    }


def show(db: Database, name: str, asked: Moment) -> dict[str, Any]:
    """Tell how a case stood at a moment, whose desk it lies on, and its entries by then."""
    found = _one(db, name, asked)
    zone_ = force.zone(db)
    sitting = Sitting(db, instant(asked.at), {found.case.officer}, asked.known)
    return {
        **_row(found, zone_),
        "competent": awaited(sitting, found.case),
        "as_of": local(asked.at, zone_),
        "known_at": asked.known,
        "position": head(db.conn),
        "entries": [
            _entry(db, entry, zone_)
            for entry in _own(db, name, asked.known)
            if entry.fact.at <= instant(asked.at)
        ],
    }


def annex(db: Database, name: str, asked: Moment) -> dict[str, Any]:
    """Return the proof of a case: what bound the officer, that he had it, and what followed."""
    found = _one(db, name, asked)
    here = found.case
    zone_ = force.zone(db)
    reported = next(
        entry.fact
        for entry in _own(db, name, asked.known)
        if isinstance(entry.fact, case.BreachReported)
    )
    directive = db.directive(here.directive, asked.known)
    version = next(one for one in directive.versions if one.number == here.version)
    clause = next(one for one in version.terms.clauses if one.id == here.clause)
    opens = next((o for o in version.terms.clauses if o.id == reported.consequence), None)
    at = Moment(here.breach_at, asked.known)
    proved = proof.proof(db, here.directive, here.officer, at, zone_)
    answers = _answers(db, here.directive, here.officer, at)
    told = {entry.position: entry for entry in proved.entries} | {
        entry.position: entry for _, entry in answers
    }
    return {
        "case": name,
        "directive": here.directive,
        "number": directive.number,
        "issued_at": local(directive.issued_at, zone_),
        "version": here.version,
        "text_sha256": version.text,
        "clause": {"id": clause.id, "kind": clause.kind, "texts": _texts(clause)},
        "consequence": None
        if opens is None
        else {"id": opens.id, "opens": reported.opens, "texts": _texts(opens)},
        "officer_id": here.officer,
        "unit": here.unit,
        "rank": reported.rank,
        "duty": reported.duty,
        "breach_at": local(here.breach_at, zone_),
        "evidence": reported.evidence,
        "due_at": local(
            due(db, directive, here.officer, here.clause, here.breach_at, asked.known), zone_
        ),
        "served": proved.served,
        "because": proved.because,
        **_times(db, here.directive, here.officer, at, answers, zone_),
        "hops": _hops(db, here, at, zone_),
        "service_entries": [_entry(db, told[n], zone_) for n in sorted(told)],
        "state": here.state,
        "outcome": here.outcome,
        "case_entries": [
            _entry(db, entry, zone_)
            for entry in _own(db, name, asked.known)
            if entry.fact.at <= instant(asked.at)
        ],
        "as_of": local(asked.at, zone_),
        "known_at": asked.known,
        "position": head(db.conn),
    }


def _texts(clause: Clause) -> list[dict[str, str]]:
    """Return a clause's wording in every language it has."""
    return [{"language": name, "text": text} for name, text in sorted(clause.text.items())]


def _one(db: Database, name: str, asked: Moment) -> Known:
    found = cases.seen(db, asked, only=name)
    if not found:
        raise Unknown(
            f"There is no case {name!r} at that moment; `farman case list` lists those there are."
        )
    return found[0]


def _row(known: Known, zone_: ZoneInfo) -> dict[str, Any]:
    here = known.case
    return {
        "case": known.id,
        "directive": here.directive,
        "version": here.version,
        "clause": here.clause,
        "officer_id": here.officer,
        "unit": here.unit,
        "state": here.state,
        "outcome": here.outcome,
        "appeal": here.appeal,
        "reduced_to": here.reduced_to,
        "breach_at": local(here.breach_at, zone_),
        "reported_at": local(here.reported_at, zone_),
        "noticed_at": local(here.noticed_at, zone_),
        "answer_by": local(here.until, zone_),
        "answered_at": local(here.answered_at, zone_),
        "decided_at": local(here.decided_at, zone_),
        "appealed_at": local(here.appealed_at, zone_),
        "appeal_decided_at": local(here.appeal_decided_at, zone_),
        "reinstated_at": local(here.reinstated_at, zone_),
        "ended_at": local(here.ended_at, zone_),
    }


def _own(db: Database, name: str, known: int | None) -> list[Entry]:
    return list(written(db, [f"case-{name}."], known))


def _entry(db: Database, entry: Entry, zone_: ZoneInfo) -> dict[str, Any]:
    ((_, stream, version, stored, state),) = select_entries(
        db.conn, entry.position - 1, 1, entry.position
    )
    told = {
        "position": entry.position,
        "stream": stream,
        "version": version,
        "name": stored,
        "sha256": sha256(bytes(state)).hexdigest(),
        "at": entry.fact.at.astimezone(zone_),
        "recorded_at": entry.fact.recorded_at.astimezone(zone_),
        "actor": entry.fact.actor,
        "channel": entry.fact.channel,
        "sentence": sentence(entry, zone_),
    }
    if stored.startswith("case."):  # a roll's entry would tell of a thousand others
        told["stored"] = bytes(state).decode()
    return told


def _answers(
    db: Database, directive: str, officer: str, at: Moment
) -> list[tuple[standing.Said, Entry]]:
    """Return his answers by an instant, with their entries: his own, and those of roll calls."""
    key = (directive, officer)
    found: list[tuple[standing.Said, Entry]] = []
    for one in sorted(standing.said(db, [key]).get(key, ())):
        if one.at > at.at or (at.known is not None and one.position > at.known):
            continue
        rows = select_entries(db.conn, one.position - 1, 1, one.position)
        found += [
            (one, Entry(position, stream, version, decode(name, bytes(state))))
            for position, stream, version, name, state in rows
            if position not in waiting(db.conn, [position])
        ]
    return found


def _times(
    db: Database,
    directive: str,
    officer: str,
    at: Moment,
    answers: list[tuple[standing.Said, Entry]],
    zone_: ZoneInfo,
) -> dict[str, datetime | None]:
    """Return when he was served, and when he first read and acknowledged it, by the breach."""
    key = (directive, officer)
    served = standing.served(db, {key}).get(key)

    def first(level: int) -> datetime | None:
        return local(min((o.at for o, _ in answers if o.level >= level), default=None), zone_)

    return {
        "served_at": None if served is None or served[0] > at.at else local(served[0], zone_),
        "read_at": first(LEVEL["read"]),
        "acknowledged_at": first(LEVEL["acknowledged"]),
    }


def _hops(
    db: Database, here: case.Case, at: Moment, zone_: ZoneInfo
) -> list[dict[str, object]]:
    """Return the desks by which the order came to him, from the issuer down, as of the breach."""
    relays = hops.relays(db, here.directive, at)
    rows = db.tuples(
        "SELECT served_by FROM {standing} WHERE directive = :d AND officer = :o",
        d=here.directive,
        o=here.officer,
    )
    way: list[UnitId] = [UnitId(row[0]) for row in rows]
    while way and (sender := relays[way[-1]].sender) in relays and sender not in way:
        way.append(UnitId(str(sender)))
    return [
        {
            "unit": unit,
            "received_at": local(relays[unit].received_at, zone_),
            "acknowledged_at": local(relays[unit].acknowledged_at, zone_),
            "forwarded_at": local(relays[unit].forwarded_at, zone_),
            "served_at": local(relays[unit].served_at, zone_),
        }
        for unit in reversed(way)
    ]
