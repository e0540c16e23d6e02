"""Permissions: what an officer asks leave for, and the post that is competent to decide.

Safe: a decision is made on the permission's own stream and on the tree and the roll as they
are known when it is written, in one transaction. What is learnt later of that instant may make
it void; that is asked, never written.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from domain import permission
from domain.authority import Authority
from domain.errors import Refused, Unknown
from domain.fact import (
    ClauseId,
    DirectiveId,
    OfficerId,
    instant,
    micros,
)
from domain.force import Post
from domain.permission import PERMISSION, Permission
from ledger.codec import decode
from ledger.store import select_stream
from office import hosting, questions
from office.authority import ground
from office.roll import must_be_listed
from office.work import Work
from projections import directives, force, permissions, standing
from projections.database import Moment, last_serial
from projections.permissions import Place, Places


def request(
    work: Work,
    ref: str,
    officer: str,
    clause: str,
    *,
    scope: str,
    until: datetime,
    why: str,
    at: datetime | None = None,
) -> dict[str, Any]:
    """Ask leave for an officer, of whoever decides by the rule and where he is posted.

    The very same request is the same permission: it is returned as it stands.

    Raises:
        Unknown: no such directive or officer.
        Refused: there is nothing to permit, or not for this; he was not served, needs no leave,
            or is another office's; nobody decides, or another office does.

    """
    name = directives.find(work.db, ref)
    must_be_listed(work, officer)
    hosting.must_host_officer(work, officer)
    why = why.strip()
    whole = work.db.directive(name)
    said = whole.version_at(work.now if at is None else micros(at))
    clause = permission.forbidden(said.terms, clause)
    before = permissions.same(work.db, name, officer, clause, scope, micros(until), why)
    if before is not None:
        return _told(work, before.permission, changed=False)
    served = standing.served(work.db, {(name, officer)}).get((name, officer))
    served_at = None if served is None else served[0]
    when = hosting.live(work, served_at) if at is None else work.instant(at)
    t = micros(when)
    place = Places(work.db, [officer]).at(officer, t)
    if place is None or place.gone:
        how = "was not yet on the strength" if place is None else "had left the force"
        raise Refused(f"{officer} {how} at that instant.")
    if whole.state_at(t) != "in_force":
        raise Refused(f"{name} was not in force at that instant.")
    version = whole.version_at(t)
    rule, word = permission.ruled(version.terms, clause, scope)
    tree = force.tree(work.db, Moment(t))
    permission.must_need_leave(tree, version.terms, officer, clause, rule)
    desk = permission.must_have_desk(tree, place.unit, officer, rule)
    hosting.must_host(work, desk.unit)
    year = when.astimezone(force.zone(work.db)).year
    serial = 1 + last_serial(work.db, "permissions", office=work.office, year=year)
    fact = permission.Requested(
        **work.about(when, f"officer:{officer}", "desk"),
        permission=permission.permission_id(work.office, year, serial),
        year=year,
        serial=serial,
        directive=DirectiveId(name),
        version=version.number,
        text=version.text,
        clause=ClauseId(clause),
        rule=rule.id,
        officer=OfficerId(officer),
        unit=place.unit,
        rank=place.rank,
        scope=word,
        until=until,
        why=why,
        decider=ground(work.db, tree, desk.id, place.unit, t),
    )
    ask = permission.Ask(fact, served_at)
    stream = permission.stream(fact.permission, work.office)
    work.append([(stream, one) for one in PERMISSION.decide(ask, Permission())])
    return _told(work, fact.permission, changed=True)


def grant(
    work: Work,
    name: str,
    by: str,
    *,
    reason: str | None = None,
    until: datetime | None = None,
    at: datetime | None = None,
) -> dict[str, Any]:
    """Give the leave that was asked for; without ``until`` as long as asked, as the rule allows.

    Raises:
        Unknown: no such permission or post.
        Refused: the post does not decide at that instant, or see `permission.decide`.

    """
    row = permissions.find(work.db, name)

    def fact(case: "_Case", stands_on: Authority) -> permission.Granted:
        end = permission.granted_until(case.state, micros(case.when), case.longest)
        return permission.Granted(
            **work.about(case.when, f"post:{by}", "desk"),
            scope=case.state.scope,
            until=until or instant(end).astimezone(force.zone(work.db)),
            reason=reason or row.why,
            authority=stands_on,
        )

    return _decide(work, row, by, fact, at=at, told=until is not None)


def refuse(
    work: Work,
    name: str,
    by: str,
    *,
    reason: str | None = None,
    at: datetime | None = None,
) -> dict[str, Any]:
    """Give no leave; as `grant` otherwise."""
    row = permissions.find(work.db, name)

    def fact(case: "_Case", stands_on: Authority) -> permission.Refused:
        about = work.about(case.when, f"post:{by}", "desk")
        return permission.Refused(**about, reason=reason, authority=stands_on)

    return _decide(work, row, by, fact, at=at)


def revoke(
    work: Work,
    name: str,
    by: str,
    *,
    reason: str | None = None,
    at: datetime | None = None,
) -> dict[str, Any]:
    """Take back what was given; by the post that decides for the officer by then."""
    row = permissions.find(work.db, name)

    def fact(case: "_Case", stands_on: Authority) -> permission.Revoked:
        about = work.about(case.when, f"post:{by}", "desk")
        return permission.Revoked(**about, reason=reason, authority=stands_on)

    return _decide(work, row, by, fact, at=at)


class _Case:
    """A permission, and what held when it is decided."""

    def __init__(self, work: Work, row: permissions.Row, at: datetime | None) -> None:
        self.state = folded(work, row)
        since = self.state.decided_at or self.state.requested_at
        self.when = hosting.live(work, since) if at is None else work.instant(at)
        t = micros(self.when)
        self.tree = force.tree(work.db, Moment(t))
        self.place: Place | None = Places(work.db, [row.officer]).at(row.officer, t)
        directive = work.db.directive(row.directive)
        self.barred: str | None = None
        if directive.state_at(t) != "in_force":
            self.barred = (
                f"{row.directive} was not in force at that instant: there is nothing to permit."
            )
        elif self.place is None or self.place.gone:
            self.barred = f"{row.officer} was not on the strength at that instant."
        try:
            rule, _ = permission.ruled(directive.version_at(t).terms, row.clause, row.scope)
        except Refused as no:
            # Amended since: no leave is given any more; who decided before takes back what was.
            self.barred = no.reason
            asked = next(v for v in directive.versions if v.number == row.version)
            rule, _ = permission.ruled(asked.terms, row.clause, row.scope)
        self.longest = permission.longest(rule)
        self.desk: Post | None = None
        if self.place is not None:
            self.desk = permission.competent(self.tree, self.place.unit, row.officer, rule)


_Made = Callable[
    [_Case, Authority], permission.Granted | permission.Refused | permission.Revoked
]


def _decide(
    work: Work,
    row: permissions.Row,
    by: str,
    made: _Made,
    *,
    at: datetime | None,
    told: bool = False,
) -> dict[str, Any]:
    if row.office != work.office:
        raise Refused(
            f"{row.permission} was asked for at the office {row.office}: give this command there."
        )
    hosting.must_host_officer(work, row.officer)
    case = _Case(work, row, at)
    t = micros(case.when)
    if by not in case.tree.posts:
        raise Unknown(f"There is no post {by!r} at that instant.")
    if case.desk is not None:
        hosting.must_host(work, case.desk.unit)
    over = None if case.place is None else case.place.unit
    fact = made(case, ground(work.db, case.tree, by, over, t))
    command = permission.Decide(
        fact,
        desk=case.desk,
        barred=case.barred,
        longest=case.longest,
        told=told,
    )
    facts = PERMISSION.decide(command, case.state)
    work.append([(row.stream, one) for one in facts])
    return _told(work, row.permission, changed=bool(facts))


def expire(work: Work) -> int:
    """Write down which permissions have expired by the clock, each once; return how many.

    Only those due are looked at, by their index.
    """
    rows = permissions.due(work.db, work.office, work.now)
    facts = [
        (row.stream, fact)
        for row in rows
        for fact in PERMISSION.decide(
            permission.Expire(
                permission.Expired(**work.about(instant(row.until or work.now))), work.now
            ),
            row.folded(),
        )
    ]
    work.append(facts)
    return len(facts)


def folded(work: Work, row: permissions.Row) -> Permission:
    """Return a permission from its own stream."""
    return PERMISSION.fold(
        decode(name, state)  # type: ignore[misc]  # the stream holds only its facts
        for _, _, _, name, state in select_stream(work.db.conn, row.stream)
    )


def _told(work: Work, name: str, *, changed: bool) -> dict[str, Any]:
    row = permissions.find(work.db, name)
    # What is dated a little after the clock has happened, for who has just entered it.
    at = max(
        one
        for one in (work.now, row.requested_at, row.decided_at, row.revoked_at)
        if one is not None
    )
    (stood,) = permissions.each(work.db, Moment(at), name=name)
    told = questions.permission_row(stood, force.zone(work.db))
    return {**{key: told[key] for key in _ANSWER}, "changed": changed, "position": work.head}


_ANSWER = (
    "permission",
    "directive",
    "officer_id",
    "clause",
    "state",
    "because",
    "decider",
    "until",
)
