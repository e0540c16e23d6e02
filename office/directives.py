"""Directives: issuing, amending, superseding, withdrawing, and the desks that pass them on.

A desk on the way down may tighten a clause for its unit and all below it, and never relax one.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from domain import directive, relay
from domain.deadline import Due
from domain.directive import DIRECTIVE, Clause, Order, Terms, directive_id
from domain.drift import clauses, compare, must_not_relax
from domain.errors import Flaw, Misused, Refused, Unaccepted, Unknown
from domain.fact import FOREVER, DirectiveId, Micros, PostId, UnitId, micros
from domain.force import Tree
from domain.relay import RELAY
from office import cascade, hosting, registers
from office.authority import ground
from office.work import Work
from projections import directives, force, hops, instruments, status
from projections.database import Moment, last_serial


def issue(
    work: Work, order: Order, text: str, *, at: datetime | None = None, again: bool = False
) -> dict[str, Any]:
    """Issue a directive under the next serial of its year and carry it down as far as it goes.

    The same file by the same issuer is the same directive: it is returned, its cascade resumed.

    Raises:
        Unaccepted: it names a unit or post that is not known.
        Refused: the issuing post does not command its addressees, or is another office's.

    """
    first = work.db.run(
        "SELECT directive, number FROM {directives} WHERE text = :x AND issuer = :i"
        " ORDER BY position LIMIT 1",
        x=text,
        i=order.issuer,
    ).first()
    if first is not None and not again:
        cascade.run(work, first[0])
        return _issued(work, first[0], first[1], changed=False)
    when = work.instant(at)
    t = micros(when)
    tree = force.tree(work.db, Moment(t))
    _known(work, tree, order)
    hosting.must_host_post(work, order.issuer, tree)
    year = when.astimezone(force.zone(work.db)).year
    own = directive_id(work.office, year, 0)[:-1]
    serial = 1 + last_serial(work.db, "directives", ("directive", own), year=year)
    name = directive_id(work.office, year, serial)
    number = order.label or f"{serial}/{year}"
    home = tree.posts[order.issuer].unit
    fact = directive.Issued(
        **work.about(when, f"post:{order.issuer}", "file"),
        directive=name,
        serial=serial,
        year=year,
        number=number,
        unit=home,
        order=order,
        scope=tuple(sorted(tree.below(*order.addressees))),
        text=text,
    )
    facts = DIRECTIVE.decide(
        directive.Issue(
            fact,
            frozenset(tree.below(home)),
            _authorised(work, order.issuer, fact, tree),
            registers.adopted_own(work.db, order.terms),
        ),
        directive.Directive(),
    )
    _must_not_relax(work, order, home, tree, t)
    work.append([(directive.stream(name, work.office), one) for one in facts])
    _supersede_named(work, name, order, when)
    _open(work, name, order, home, tree, when)
    cascade.run(work, name)
    cascade.join(work, name, at=t)
    return _issued(work, name, number, changed=True)


def _authorised(
    work: Work, issuer: PostId, fact: directive.Issued, tree: Tree
) -> directive.Authorised:
    """Return what an issue stands on: the post's holder and rank, over all that is addressed."""
    lines = [list(tree.above(unit)) for unit in fact.order.addressees]
    shared = next((unit for unit in lines[0] if all(unit in line for line in lines)), None)
    return directive.Authorised(
        **work.about(fact.at, fact.actor, fact.channel),
        authority=ground(work.db, tree, issuer, shared, micros(fact.at)),
    )


def _issued(work: Work, name: str, number: str, *, changed: bool) -> dict[str, Any]:
    now = Moment(work.now)
    counted = status.standing(work.db, name, now, work.now)
    root = counted.tree.root
    return {
        "directive": name,
        "number": number,
        "changed": changed,
        "population": counted.under[root][0] if root else 0,
        "units": len(work.db.directive(name).scope),
        "position": work.head,
    }


def _known(work: Work, tree: Tree, order: Order) -> None:
    flaws: list[Flaw] = []
    if order.issuer not in tree.posts:
        flaws.append(Flaw(None, "issuer", order.issuer, "there is no such post"))
    flaws += [
        Flaw(None, f"addressees[{n}]", unit, "there is no such unit")
        for n, unit in enumerate(order.addressees)
        if unit not in tree.units
    ]
    flaws += [
        Flaw(None, f"population.except_units[{n}]", unit, "there is no such unit")
        for n, unit in enumerate(order.population.except_units)
        if unit not in tree.units
    ]
    flaws += [
        Flaw(None, f"population.except_posts[{n}]", post, "there is no such post")
        for n, post in enumerate(order.population.except_posts)
        if post not in tree.posts
    ]
    if flaws:
        raise Unaccepted("The directive names what this force does not have.", flaws)


def _supersede_named(work: Work, name: DirectiveId, order: Order, when: datetime) -> None:
    """End the directives that this one says it supersedes, where they are ours."""
    for link in order.terms.lineage.supersedes:
        try:
            old = directives.find(work.db, link.ref)
        except Unknown:
            continue  # an instrument that this office never issued: the link is kept as text
        ours = old.rsplit("-", 2)[0] == work.office
        if ours and old != name and work.db.directive(old).ended is None:
            supersede(work, old, name, at=when)


def _open(
    work: Work, name: str, order: Order, unit: UnitId, tree: Tree, when: datetime
) -> None:
    """The issuing unit has its relay received and acknowledged at issue."""
    about = work.about(when, f"post:{order.issuer}", "file")
    stream = relay.stream(name, unit, work.office)
    holder = tree.posts[order.issuer].holder
    work.append(
        [
            (stream, relay.Received(**about, sender=unit, parent=tree.units[unit].parent)),
            (stream, relay.Acknowledged(**about, by=order.issuer, officer=holder)),
        ]
    )


def amend(
    work: Work,
    ref: str,
    terms: Terms,
    text: str,
    *,
    material: bool = False,
    at: datetime | None = None,
) -> dict[str, Any]:
    """Change what a directive says; a material change asks everybody again from then on."""
    name = directives.find(work.db, ref)
    when = work.instant(at)
    state = work.db.directive(name)
    fact = directive.Amended(
        **work.about(when, f"post:{state.order.issuer}" if state.order else "farman", "file"),
        version=state.versions[-1].number + 1,
        material=material,
        terms=terms,
        text=text,
    )
    own = registers.adopted_own(work.db, terms)
    return _ended(work, name, directive.Amend(micros(when), fact, own))


def supersede(work: Work, ref: str, by: str, *, at: datetime | None = None) -> dict[str, Any]:
    """End a directive because another one takes its place."""
    name, successor = directives.find(work.db, ref), directives.find(work.db, by)
    when = work.instant(at)
    fact = directive.Superseded(**work.about(when, channel="desk"), by=DirectiveId(successor))
    return _ended(work, name, directive.End(micros(when), fact))


def withdraw(
    work: Work, ref: str, reason: str, *, at: datetime | None = None
) -> dict[str, Any]:
    """Take a directive back."""
    name = directives.find(work.db, ref)
    when = work.instant(at)
    fact = directive.Withdrawn(**work.about(when, channel="desk"), reason=reason)
    return _ended(work, name, directive.End(micros(when), fact))


def _ended(work: Work, name: str, command: directive.Command) -> dict[str, Any]:
    hosting.must_have_issued(work, name)
    facts = DIRECTIVE.decide(command, work.db.directive(name))
    work.append([(directive.stream(name, work.office), fact) for fact in facts])
    version = work.db.directive(name).versions[-1].number
    return {
        "directive": name,
        "version": version,
        "changed": bool(facts),
        "position": work.head,
    }


def acknowledge(
    work: Work, ref: str, unit: str, *, by: str | None = None, at: datetime | None = None
) -> dict[str, Any]:
    """Acknowledge a directive for a unit; where that is awaited, it goes on down.

    Raises:
        Unknown: no such directive, unit or post.
        Refused: the desk is vacant and nobody is named; the unit has not received it; the
            post named neither belongs to the unit nor commands it.

    """
    name = directives.find(work.db, ref)
    when = work.instant(at)
    tree = force.tree(work.db, Moment(micros(when)))
    if unit not in tree.units:
        raise Unknown(f"There is no unit {unit!r}.")
    hosting.must_host(work, unit)
    here = UnitId(unit)
    state = hops.relays(work.db, name).get(here, relay.Relay())
    if state.acknowledged_at is not None:
        return {"directive": name, "unit": unit, "changed": False, "position": work.head}
    if at is None:
        when = hosting.live(work, state.received_at)
    if work.db.directive(name).state_at(micros(when)) != "in_force":
        raise Refused("The directive is not in force at that instant.")
    head = tree.heads.get(here)
    if by is None and state.received_at is None:  # which is what the relay refuses
        post = PostId("" if head is None else head.id)
    else:
        post = _desk(tree, here, by, "acknowledges")
    fact = relay.Acknowledged(
        **work.about(when, f"post:{post}", "desk"),
        by=post,
        officer=tree.posts[post].holder if post in tree.posts else None,
    )
    facts = RELAY.decide(relay.Acknowledge(fact), state)
    work.append([(relay.stream(name, unit, work.office), one) for one in facts])
    cascade.run(work, name, micros(when))
    cascade.join(work, name, at=micros(when))
    return {"directive": name, "unit": unit, "changed": bool(facts), "position": work.head}


def tighten(
    work: Work,
    ref: str,
    unit: str,
    clause: str,
    *,
    within: int | None = None,
    until: datetime | None = None,
    by: str | None = None,
    at: datetime | None = None,
) -> dict[str, Any]:
    """Shorten a clause's deadline for a unit and all below it, or close an open exception.

    ``within`` (seconds) runs by the clause's own clock, or from the receipt if it has none;
    ``until`` is an instant; with neither the exception ``clause`` is closed.

    Raises:
        Unknown: no such directive, unit or post.
        Misused: the clause has no deadline to shorten, or is no open exception to close.
        Refused: it would relax; the unit issued the directive or has not received it; the desk
            is vacant and nobody is named; the post neither belongs to the unit nor commands it.

    """
    name = directives.find(work.db, ref)
    when = work.instant(at)
    t = micros(when)
    tree = force.tree(work.db, Moment(t))
    if unit not in tree.units:
        raise Unknown(f"There is no unit {unit!r}.")
    here = UnitId(unit)
    hosting.must_host(work, unit)
    whole = work.db.directive(name)
    if whole.state_at(t) != "in_force":
        raise Refused("The directive is not in force at that instant.")
    if here == whole.unit:
        raise Refused(f"{unit} issued {whole.number}: amend it instead.")
    wording = whole.version_at(t)
    said = _clause(whole.asked_at(t).terms, clause, whole.number)
    state = hops.relays(work.db, name).get(here, relay.Relay())
    if at is None:
        when = hosting.live(work, state.received_at)
    post = _desk(tree, here, by)
    moment = Moment(t)
    was = _held(work, name, here, said, moment)
    due = _due(said, was, within, until)
    fact = relay.ClauseTightened(
        **work.about(when, f"post:{post}", "desk"),
        clause=said.id,
        due=due,
        closed=due is None,
        was=was,
        version=wording.number,
        text=wording.text,
        authority=ground(work.db, tree, post, here, t),
        units=tuple(sorted(tree.below(here))),
    )
    shut = due is None and (
        not said.open or said.id in hops.closed(work.db, name, unit, moment)
    )
    facts = RELAY.decide(relay.Tighten(fact, whole.number, shut), state)
    work.append([(relay.stream(name, unit, work.office), one) for one in facts])
    return {
        "directive": name,
        "unit": unit,
        "clause": said.id,
        "due": None if due is None else due.words(),
        "was": None if was is None else was.words(),
        "changed": bool(facts),
        "position": work.head,
    }


def drift(
    work: Work,
    ref: str,
    unit: str,
    relayed: Order,
    text: str,
    *,
    record: bool = False,
    by: str | None = None,
    at: datetime | None = None,
) -> dict[str, Any]:
    """Hold the text that a unit passed on against its order, clause by clause.

    ``record`` notes it as found, also if it relaxes; the order stays what it is.

    Raises:
        Unknown: no such directive, unit or post.
        Refused: it relaxes the order and is not to be noted; its issuer is no desk of the unit;
            the unit has not received the order.

    """
    name = directives.find(work.db, ref)
    when = work.instant(at)
    t = micros(when)
    tree = force.tree(work.db, Moment(t))
    if unit not in tree.units:
        raise Unknown(f"There is no unit {unit!r}.")
    here = UnitId(unit)
    whole = work.db.directive(name)
    if whole.order is None or whole.state_at(t) != "in_force":
        raise Refused("The directive is not in force at that instant.")
    if not tree.commands(relayed.issuer, here):
        raise Refused(f"{relayed.issuer} neither belongs to {unit} nor commands it.")
    moment = Moment(t)
    wording = whole.version_at(t)
    held = tuple(
        one.model_copy(update={"due": _held(work, name, here, one, moment)})
        for one in wording.terms.clauses
    )
    order = whole.order.model_copy(
        update={"terms": wording.terms.model_copy(update={"clauses": held})}
    )
    differences = compare(order, relayed)
    facts: Sequence[relay.Event] = ()
    if record:
        hosting.must_host(work, unit)
        post = _desk(tree, here, by)
        state = hops.relays(work.db, name).get(here, relay.Relay())
        noted = hops.drifts(work.db, name, Moment(FOREVER)).get(here, ())
        fact = relay.DriftFound(
            **work.about(when, f"post:{post}", "desk"),
            relayed=text,
            number=relayed.label,
            issuer=relayed.issuer,
            version=wording.number,
            text=wording.text,
            differences=tuple(differences),
            authority=ground(work.db, tree, post, here, t),
        )
        known = replace(state, drifts=frozenset(one[0] for one in noted))
        facts = RELAY.decide(relay.Record(fact), known)
        work.append([(relay.stream(name, unit, work.office), one) for one in facts])
    else:
        must_not_relax(whole.number, differences)
    return {
        "directive": name,
        "unit": unit,
        "number": relayed.label,
        "issuer": relayed.issuer,
        "differences": [
            {**one.model_dump(), "sentence": f"{one.words()}."} for one in differences
        ],
        "looser": sum(one.kind == "looser" for one in differences),
        "recorded": record,
        "changed": bool(facts),
        "position": work.head,
    }


def _must_not_relax(work: Work, order: Order, home: UnitId, tree: Tree, t: Micros) -> None:
    """Refuse an order that relaxes one that it passes on, or issues anew from below.

    Of one that is passed on nothing may be missing; to one that is issued anew a lower office
    adds (row H3), while an office may issue its own anew as it likes.
    """
    lineage = order.terms.lineage
    for relation in ("relays", "reissues"):
        for link in getattr(lineage, relation):
            parent = instruments.own(work.db, link.ref)
            whole = None if parent is None else work.db.directive(parent)
            if whole is None or whole.order is None or whole.state_at(t) != "in_force":
                continue
            if whole.unit is None or home == whole.unit or whole.unit not in tree.above(home):
                continue
            terms = whole.version_at(t).terms
            if relation == "relays":
                current = whole.order.model_copy(update={"terms": terms})
                must_not_relax(whole.number, compare(current, order))
            else:
                must_not_relax(
                    whole.number,
                    clauses(terms, order.terms, whole=False),
                    "A lower office may add to an order and",
                )


def _clause(terms: Terms, clause: str, number: str) -> Clause:
    found = next((one for one in terms.clauses if one.id == clause), None)
    if found is None:
        raise Unknown(
            f"{number} has no clause {clause!r}; its clauses are "
            f"{', '.join(one.id for one in terms.clauses) or 'none'}."
        )
    return found


def _desk(tree: Tree, unit: UnitId, by: str | None, does: str = "speaks for it") -> PostId:
    """Return who speaks for a unit: the post named, or its head, if it is held."""
    head = tree.heads.get(unit)
    if by is None:
        if head is None or head.holder is None:
            desk = "has no head" if head is None else f"has its head {head.id} vacant"
            raise Refused(f"{unit} {desk}: name who {does} with --by.")
        return head.id
    if by not in tree.posts:
        raise Unknown(f"There is no post {by!r}.")
    if not tree.commands(PostId(by), unit):
        raise Refused(f"{by} neither belongs to {unit} nor commands it.")
    return PostId(by)


def _held(work: Work, name: str, unit: UnitId, said: Clause, moment: Moment) -> Due | None:
    """Return the deadline that holds at a unit: the clause's own, or the shortest put on it."""
    held = said.due
    for one in hops.shorter(work.db, name, moment).get(unit, ()):
        if one.clause == said.id and (held is None or held.looser(one.due)):
            held = one.due
    return held


def _due(
    said: Clause, was: Due | None, within: int | None, until: datetime | None
) -> Due | None:
    if within is None and until is None:
        if said.kind != "exception":
            raise Misused(f"{said.id!r} is a {said.kind}: only an exception can be closed.")
        return None
    if said.kind not in ("required_act", "return_due"):
        raise Misused(f"{said.id!r} is a {said.kind}: only an act or a return has a deadline.")
    if until is not None:
        return Due(at=until)
    clock = "receipt" if was is None or was.clock is None else was.clock
    return Due(clock=clock, within=within)
