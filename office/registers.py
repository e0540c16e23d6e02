"""Registers: official groups and accounts, instruments from outside, and what backs an order."""

from collections.abc import Sequence
from datetime import datetime
from difflib import get_close_matches
from typing import Any, NamedTuple

from domain import directive, instrument, official
from domain.deadline import Shut
from domain.directive import DIRECTIVE, Clause, Terms
from domain.errors import Misused, Refused, Unknown
from domain.fact import DirectiveId, Micros, PostId, UnitId, micros
from domain.force import Tree
from domain.instrument import INSTRUMENT, Paper, instrument_id
from domain.official import OFFICIAL, PLATFORMS, Event, Kind, Under, official_id
from office import hosting
from office.authority import ground
from office.work import Work
from projections import directives, force, hops, instruments, officials
from projections.database import Database, Moment, last_serial
from projections.directives import cited


class Entry(NamedTuple):
    """A group or an account that is to be entered."""

    platform: str
    name: str
    unit: str
    post: str
    purpose: str | None = None
    under: str | None = None
    """The order by which it is entered: id or number."""
    clause: str | None = None


def enter(
    work: Work, kind: Kind, entry: Entry, *, by: str | None = None, at: datetime | None = None
) -> dict[str, Any]:
    """Enter a group or an account as an official one; the same again is the same entry.

    ``by`` is the post that enters it; else the one that runs it does.

    Raises:
        Misused: the platform, the name, or an order without its clause.
        Unknown: no such unit, post, directive or clause.
        Refused: the rule that forbids it, with the wording of the clause.

    """
    platform, name = _platform(entry.platform), official.name(entry.name)
    when = work.instant(at)
    t = micros(when)
    tree = force.tree(work.db, Moment(t))
    unit = UnitId(entry.unit)
    if unit not in tree.units:
        raise Unknown(f"There is no unit {entry.unit!r}.")
    if entry.post not in tree.posts:
        raise Unknown(f"There is no post {entry.post!r}.")
    hosting.must_host(work, unit)
    clause, under = _under(work, entry, t)
    known = officials.bearing(work.db, kind, platform, name, t)
    state = official.Official() if known is None else officials.state(work.db, kind, known)
    number = official_id(
        kind, work.office, 1 + last_serial(work.db, "officials", kind=kind, office=work.office)
    )
    made = official.GroupEntered if kind == "group" else official.AccountEntered
    fact = made(
        **work.about(when, f"post:{by or entry.post}", "desk"),
        id=number,
        platform=platform,
        name=name,
        unit=unit,
        post=PostId(entry.post),
        purpose=entry.purpose,
        under=under,
        authority=ground(work.db, tree, by or entry.post, unit, t),
    )
    facts = OFFICIAL.decide(
        official.Enter(fact, tree, at is not None, clause, _closed(work, fact, t)), state
    )
    return _written(work, kind, known or number, facts)


def _platform(text: str) -> str:
    try:
        return official.platform(text)
    except Misused as no:
        near = nearest(text)
        raise Misused(
            f"{no.reason} Was {near} meant?" if near is not None else no.reason
        ) from None


def _under(work: Work, entry: Entry, at: Micros) -> tuple[Clause | None, Under | None]:
    if entry.under is None and entry.clause is None:
        return None, None
    if entry.under is None or entry.clause is None:
        raise Misused("--under REF and --clause ID go together: the order, and which clause.")
    name = directives.find(work.db, entry.under)
    order = work.db.directive(name)
    if order.state_at(at) != "in_force":
        raise Refused(f"{order.number} is not in force at that instant.")
    version = order.version_at(at)
    clause = _clause(version.terms, entry.clause)
    if clause is None:
        known = ", ".join(one.id for one in version.terms.clauses) or "none"
        raise Unknown(
            f"{order.number} has no clause {entry.clause!r}; its clauses are {known}."
        )
    return clause, Under(
        directive=DirectiveId(name),
        clause=clause.id,
        version=version.number,
        text=version.text,
    )


def _closed(work: Work, fact: official.Entered, at: Micros) -> Shut | None:
    """Return who has closed the exception that it is entered under, for the owner unit."""
    if fact.under is None:
        return None
    shut = hops.closed(work.db, fact.under.directive, fact.unit, Moment(at))
    return shut.get(fact.under.clause)


def _clause(terms: Terms, name: str) -> Clause | None:
    return next((clause for clause in terms.clauses if clause.id == name), None)


def hand_on(
    work: Work,
    kind: Kind,
    name: str,
    post: str,
    *,
    by: str | None = None,
    at: datetime | None = None,
) -> dict[str, Any]:
    """Let another post run a group or an account; ``by`` is, unless named, who runs it now.

    Raises:
        Unknown: no such group, account or post.
        Refused: it is closed; the post that acts has no say; a delegation names others.

    """
    state, entered, when, tree = _standing(work, kind, name, at)
    if post not in tree.posts:
        raise Unknown(f"There is no post {post!r}.")
    actor = by or state.post or post
    made = official.GroupPassed if kind == "group" else official.AccountPassed
    fact = made(
        **work.about(when, f"post:{actor}", "desk"),
        post=PostId(post),
        authority=ground(work.db, tree, actor, entered.unit, micros(when)),
    )
    clause = None
    if entered.under is not None:
        order = work.db.directive(entered.under.directive)
        if order.state_at(micros(when)) == "in_force":
            terms = order.version_at(micros(when)).terms
            clause = _clause(terms, entered.under.clause)
    return _written(work, kind, name, OFFICIAL.decide(official.Pass(fact, tree, clause), state))


def close(
    work: Work,
    kind: Kind,
    name: str,
    reason: str,
    *,
    by: str | None = None,
    at: datetime | None = None,
) -> dict[str, Any]:
    """Close a group or an account; ``by`` is, unless named, who runs it.

    Raises:
        Unknown: no such group, account or post.
        Refused: the post that acts has no say.

    """
    state, entered, when, tree = _standing(work, kind, name, at)
    actor = by or state.post or entered.post
    made = official.GroupClosed if kind == "group" else official.AccountClosed
    fact = made(
        **work.about(when, f"post:{actor}", "desk"),
        reason=reason,
        authority=ground(work.db, tree, actor, entered.unit, micros(when)),
    )
    return _written(work, kind, name, OFFICIAL.decide(official.Close(fact, tree), state))


def _standing(
    work: Work, kind: Kind, name: str, at: datetime | None
) -> tuple[official.Official, official.Entered, datetime, Tree]:
    state = officials.state(work.db, kind, name)
    if state.entered is None:
        raise Unknown(f"There is no {kind} {name!r}; `farman {kind} list` lists them.")
    when = work.instant(at)
    # A stream has one writer for ever: whoever entered it, also after the unit moved elsewhere.
    office = name.rpartition("-")[0]
    if office != work.office:
        raise Refused(f"{name} was entered by the office {office}: give this command there.")
    return state, state.entered, when, force.tree(work.db, Moment(micros(when)))


def _written(work: Work, kind: Kind, name: str, facts: Sequence[Event]) -> dict[str, Any]:
    where = official.stream(kind, name, name.rpartition("-")[0])
    work.append([(where, fact) for fact in facts])
    return {kind: name, "changed": bool(facts), "position": work.head}


def nearest(platform: str) -> str | None:
    """Return the platform that was probably meant by one that is not known; None if none was."""
    said = platform.strip().lower().replace(" ", "-").replace("_", "-")
    if said in PLATFORMS:
        return None
    near = get_close_matches(said.replace("-", ""), PLATFORMS, 1, 0.75)
    return near[0] if near else None


# Instruments.


def enter_instrument(
    work: Work, paper: Paper, text: str, *, at: datetime | None = None
) -> dict[str, Any]:
    """Enter an instrument from outside; the same file again is the same instrument.

    Raises:
        Refused: it bears a day that has not come.

    """
    known = instruments.of_text(work.db, text)
    if known is not None:
        return {"instrument": known.id, "changed": False, "position": work.head}
    when = work.instant(at)
    serial = 1 + last_serial(work.db, "instruments", office=work.office)
    name = instrument_id(work.office, serial)
    fact = instrument.Entered(
        **work.about(when, channel="file"),
        instrument=name,
        serial=serial,
        paper=paper,
        text=text,
    )
    facts = INSTRUMENT.decide(
        instrument.Enter(fact, when.astimezone(force.zone(work.db)).date()),
        instrument.Instrument(),
    )
    work.append([(instrument.stream(name, work.office), one) for one in facts])
    return {"instrument": name, "changed": True, "position": work.head}


# What backs an order.


def adopted_own(db: Database, terms: Terms) -> frozenset[str]:
    """Return what an order says that it adopts, and is an order of this force itself."""
    return frozenset(
        link.ref
        for link in terms.lineage.adopts
        if instruments.foreign(db, link.ref) is None
        and instruments.own(db, link.ref) is not None
    )


def back(
    work: Work, ref: str, paper: str, by: str, *, at: datetime | None = None
) -> dict[str, Any]:
    """Link a directive that was only conveyed to a signed instrument.

    ``paper`` is an instrument's id or citation; an order of this force that is itself backed;
    or, where neither is known here, a text: then it is signed by the word of the post.

    Raises:
        Unknown: no such directive or post.
        Refused: nothing is to be backed; the instrument is not signed; another backs it.

    """
    name = directives.find(work.db, ref)
    hosting.must_have_issued(work, name)
    when = work.instant(at)
    t = micros(when)
    state = work.db.directive(name)
    tree = force.tree(work.db, Moment(t))
    meant, form, names = _paper(work.db, name, paper, t)
    fact = directive.Backed(
        **work.about(when, f"post:{by}", "desk"),
        instrument=meant,
        authority=ground(work.db, tree, by, state.unit, t),
    )
    if state.backing is not None and _known_as(work.db, state.backing) == meant:
        names |= {state.backing}  # it was a text then, and is entered now
    facts = DIRECTIVE.decide(directive.Back(t, fact, tree, form, names), state)
    work.append([(directive.stream(name, work.office), one) for one in facts])
    basis = state.version_at(t).terms.basis
    stands = meant if facts else state.backing or (basis.ref if basis else None)
    return {
        "directive": name,
        "backed": True,
        "instrument": stands,
        "changed": bool(facts),
        "position": work.head,
    }


def _known_as(db: Database, paper: str) -> str:
    found = instruments.foreign(db, paper)
    return paper if found is None else found.id


def _paper(
    db: Database, name: str, paper: str, at: Micros
) -> tuple[str, directive.BackForm, frozenset[str]]:
    """Return what is meant by an instrument's name: how it is kept, its form, all its names."""
    found = instruments.find(db, paper)
    if found is not None:
        return found.id, found.form, found.names
    own = instruments.own(db, paper)
    if own == name:
        raise Refused("An order cannot back itself: name the signed instrument it rests on.")
    if own is not None:
        order = db.directive(own)
        form: directive.BackForm = "signed" if order.backed(at) else "conveyed"
        return own, form, frozenset({own, order.number})
    text = cited(paper)
    if not text:
        raise Misused("--instrument names nothing: give an id, a citation or a text.")
    return text, "unknown", frozenset({text})
