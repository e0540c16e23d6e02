"""The sweep: what is due now. Repeating it changes nothing; a timer only wakes it.

It forwards by rule what a vacant desk has held past its grace, reminds a held desk that has
not acknowledged within it (once a day), escalates what is overdue, once per unit, clause and
level: acts and returns; and writes down which permissions have expired. A full return that
cannot have been true, as is known now, is contradicted. The office that hosts a relay does so,
and no other.
"""

from collections.abc import Iterable
from typing import Any

from domain import relay
from domain.cascade import scope
from domain.directive import Clause, Directive
from domain.escalation import Step, step
from domain.fact import SECOND, Fact, UnitId, instant
from domain.force import Tree
from domain.relay import Record
from office import cascade, hosting, permissions, returns
from office.work import Work
from projections import force, hops, status
from projections.database import Moment


def tick(work: Work) -> dict[str, Any]:
    """Do what is due by the clock."""
    counts = {
        "escalated": 0,
        "reminded": 0,
        "forwarded_by_rule": 0,
        "expired": 0,
        "contradicted": 0,
    }
    for name in cascade.in_force(work):
        _forward(work, name, counts)
        _escalate(work, name, counts)
        counts["escalated"] += returns.escalate(work, name)
    counts["expired"] += permissions.expire(work)
    counts["contradicted"] += returns.recheck(work)
    return {**counts, "position": work.head}


def _forward(work: Work, name: str, counts: dict[str, int]) -> None:
    while True:
        waiting = cascade.run(work, name)
        directive = work.db.directive(name)
        if not waiting or directive.order is None:
            return
        tree = force.tree(work.db, Moment(work.now))
        relays = hops.relays(work.db, name)
        hosted, _ = hosting.between(work, name, tree)
        grace = directive.order.grace * SECOND
        facts: list[tuple[str, Fact]] = []
        moved = 0
        for unit in sorted(waiting):
            state = relays[unit]
            if state.received_at is None or work.now < state.received_at + grace:
                continue
            head = tree.heads.get(unit)
            if head is not None and head.holder is not None:
                if relay.is_due(state, work.now):
                    reminder = relay.Reminded(
                        **work.about(work.recorded_at), post=head.id, officer=head.holder
                    )
                    facts.append((relay.stream(name, unit, work.office), reminder))
                    counts["reminded"] += 1
                continue
            below = frozenset(tree.children.get(unit, ()))
            to = tuple(sorted(below & scope(directive, tree)))
            since = state.received_at if head is None else head.vacant_since
            about = work.about(work.recorded_at)
            forwarded = relay.Forwarded(
                **about, to=to, vacant_since=instant(since or state.received_at).isoformat()
            )
            facts.append((relay.stream(name, unit, work.office), forwarded))
            for each in to:
                if hosted is not None and each not in hosted:
                    continue
                received = relay.Received(**about, sender=unit, parent=tree.units[each].parent)
                facts += [
                    (relay.stream(name, each, work.office), fact)
                    for fact in relay.decide(
                        relay.Receive(received), relays.get(each, relay.Relay())
                    )
                ]
            moved += 1
        work.append(facts)
        counts["forwarded_by_rule"] += moved
        if not moved:
            return
        cascade.run(work, name, work.now)


def _escalate(work: Work, name: str, counts: dict[str, int]) -> None:
    directive = work.db.directive(name)
    clauses: dict[str, Clause] = {
        clause.id: clause
        for clause in directive.asked_at(work.now).terms.acts()
        if clause.due is not None and clause.escalate
    }
    if not clauses:
        return
    overdue = status.overdue(work.db, name, Moment(work.now))
    if not overdue:
        return
    known = hops.escalated(work.db, name)
    tree = force.tree(work.db, Moment(work.now))
    hosted, _ = hosting.between(work, name, tree)
    facts: list[tuple[str, Fact]] = []
    for clause, unit, dues in _grouped(overdue):
        if clause not in clauses or (hosted is not None and unit not in hosted):
            continue
        for told in _levels(clauses[clause], unit, dues, work.now, directive, tree):
            if (unit, clause, told.level) in known:
                continue
            fact = relay.Escalated(
                **work.about(work.recorded_at),
                clause=clauses[clause].id,
                level=told.level,
                officers=told.officers,
                oldest_due=instant(told.oldest_due).isoformat(),
                to_unit=told.to_unit,
                to_post=told.to_post,
                to_officer=told.to_officer,
                passed=told.passed,
            )
            facts += [
                (relay.stream(name, unit, work.office), one)
                for one in relay.decide(Record(fact), relay.Relay())
            ]
            counts["escalated"] += 1
    work.append(facts)


def _grouped(
    overdue: Iterable[tuple[str, UnitId, int, int]],
) -> list[tuple[str, UnitId, list[tuple[int, int]]]]:
    found: dict[tuple[str, UnitId], list[tuple[int, int]]] = {}
    for clause, unit, due, officers in overdue:
        found.setdefault((clause, unit), []).append((due, officers))
    return [(clause, unit, dues) for (clause, unit), dues in sorted(found.items())]


def _levels(
    clause: Clause,
    unit: UnitId,
    dues: list[tuple[int, int]],
    now: int,
    directive: Directive,
    tree: Tree,
) -> list[Step]:
    return [
        told
        for level, after in enumerate(clause.escalate, start=1)
        if (told := step(tree, unit, level, after * SECOND, dues, now, directive.unit))
        is not None
    ]
