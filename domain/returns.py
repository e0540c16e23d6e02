"""A return: the compliance certificate that an accountable post owes for its unit (H13).

Stream: ``relay-{directive}.{unit}.{office}``, the relay's own; `domain.relay` has the other
facts of it.
Story: a directive's `return_due` clauses say who owes one: the heads of units of some kinds
within its scope, and posts that it names. A return states how many complied as the post claims,
beside how many did as far as was known. Full compliance cannot be certified while anybody under
the unit is open or unserved. Evidence that comes later marks a return contradicted; nothing of
it is ever corrected. What is overdue is escalated, once per unit, clause and level.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar, Literal, NamedTuple, TypeAlias, assert_never

from domain.authority import Authority
from domain.cascade import scope
from domain.deadline import Shorter, due_at
from domain.decider import Decider
from domain.directive import Clause, Directive
from domain.errors import Refused
from domain.fact import (
    FOREVER,
    SECOND,
    ClauseId,
    Fact,
    Micros,
    OfficerId,
    PostId,
    UnitId,
    instant,
    micros,
)
from domain.force import Post, Tree
from domain.relay import Relay

STEPS = (0,)
"""Seconds after the due at which the next level is told, where the clause does not say."""


class ReturnSubmitted(Fact):
    """A post certified how many officers under its unit have complied."""

    stored: ClassVar[str] = "relay.return_submitted@1"
    clause: ClauseId
    """The `return_due` clause that it answers."""
    named: PostId | None = None
    """The post that owes it, where the directive names it; None: the unit's head owes it."""
    by: PostId
    """Who submitted it: the post that owes it, or one that commands it."""
    authority: Authority
    version: int
    """The directive's version in force then."""
    text: str
    """SHA-256 of that wording."""
    claimed: int
    """How many complied, as the post says."""
    known: int
    """How many had complied by its `at`, as far as was known when it was entered."""
    population: int
    """How many were bound under the unit then; the three below are of them."""
    open: int
    """Served, not exempt, and not yet complied."""
    exempt: int
    unserved: int
    full: bool
    """Whether it certifies everybody who is bound and not exempt."""
    note: str | None = None


class ReturnContradicted(Fact):
    """Evidence came that a return cannot have been true; it stays as it was given."""

    stored: ClassVar[str] = "relay.return_contradicted@1"
    clause: ClauseId
    named: PostId | None = None
    """As in the return."""
    stream: str
    """The stream of the return."""
    version: int
    """The return's place in it."""
    evidence: str
    """What speaks against it, in words."""
    officer: OfficerId | None = None
    """Whom the evidence is about; None where it is not about one."""
    case: str | None = None
    """The case in which it came out."""
    entry: int | None = None
    """The entry of this ledger that says so."""
    by: PostId | None = None
    """The post that decided so; None where it follows by rule."""
    authority: Authority | None = None
    claimed: int
    known: int
    """How many had complied by the return's `at`, as far as is known now."""


class ReturnEscalated(Fact):
    """A return is overdue; the next level was told. Once per unit, clause and level."""

    stored: ClassVar[str] = "relay.return_escalated@1"
    clause: ClauseId
    named: PostId | None = None
    """As in the return that is awaited."""
    level: int
    """From 1, counting up from the desk above the one that owes it."""
    due: str
    """When it was due, ISO 8601."""
    to_unit: UnitId
    to_post: PostId | None = None
    to_officer: OfficerId | None = None
    """None when every desk from there to the issuer was vacant."""
    passed: tuple[PostId, ...] = ()
    """Vacant desks that the step passed on its way up."""


Event: TypeAlias = ReturnSubmitted | ReturnContradicted | ReturnEscalated


# --- What is counted ---------------------------------------------------------------------


class Numbers(NamedTuple):
    """The officers under a unit at an instant, as the counts of the directive have them."""

    population: int
    known: int
    """Complied; where no act is required, acknowledged."""
    open: int
    exempt: int
    unserved: int

    @property
    def bound(self) -> int:
        """How many have to comply: everybody bound and not exempt."""
        return self.population - self.exempt


# --- Who owes one by when ----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Owed:
    """A return that a desk owes."""

    clause: ClauseId
    unit: UnitId
    named: PostId | None
    """The post named; None: the unit's head."""
    due: Micros
    version: int
    """The wording that asks for it: the first, or one that materially amended it."""
    until: Micros
    """When that wording was amended materially, or the directive ended: what was not due
    before is not owed any more."""
    escalate: tuple[int, ...] = STEPS

    @property
    def key(self) -> "Key":
        """What is asked of whom: one return is owed for it."""
        return self.clause, self.named

    def post(self, tree: Tree) -> Post | None:
        """Return the desk that owes it, as the tree stands; None where there is none."""
        return tree.heads.get(self.unit) if self.named is None else tree.posts.get(self.named)


Key: TypeAlias = tuple[ClauseId, PostId | None]
"""A clause, and the post if the directive names it."""


def owed(
    directive: Directive,
    tree: Tree,
    relays: Mapping[UnitId, Relay],
    at: Micros,
    shorter: Mapping[UnitId, Sequence[Shorter]] | None = None,
) -> list[Owed]:
    """Return what returns the directive has asked for by an instant, and who owes them.

    ``tree`` and ``relays`` are those of that instant. Heads owe one where their unit is of a
    kind that the clause names and in the directive's scope, or has received it; a post named
    owes one for its own unit. With the clock of the receipt a unit that has not received the
    directive owes nothing yet. A material amendment asks anew, and its clocks begin with it.
    ``shorter`` is what had been tightened by that instant, by the unit it holds for: it is due
    by the earliest of the deadlines, and never before one of them was said.
    """
    if directive.order is None:
        return []
    askings = [v for v in directive.versions if v.number == 1 or v.material]
    reach = scope(directive, tree)
    received = {unit for unit, relay in relays.items() if relay.received_at is not None}
    heads = sorted((reach | (received - {directive.unit or ""})) & tree.units.keys())
    found: list[Owed] = []
    for n, asking in enumerate(askings):
        if asking.since > at:
            break
        ended = FOREVER if directive.ended_at is None else directive.ended_at
        until = min(askings[n + 1].since if n + 1 < len(askings) else FOREVER, ended)
        for clause in asking.terms.clauses:
            if clause.kind != "return_due" or clause.due is None:
                continue
            for unit, named in _owing(clause, tree, heads, reach | received):
                relay = relays.get(unit)
                here = None if relay is None else relay.received_at
                if here is None and clause.due.clock in ("receipt", "service"):
                    continue
                runs_out = partial(
                    due_at,
                    issued=directive.issued_at,
                    received=here or 0,
                    served=here or 0,  # nobody serves a desk: its own clock is the receipt
                    restarted=asking.since if n else 0,
                )
                sooner = (
                    max(runs_out(one.due), one.since)
                    for one in (shorter or {}).get(unit, ())
                    if one.clause == clause.id
                    and (here is not None or one.due.clock in (None, "issue"))
                )
                due = min([runs_out(clause.due), *sooner])
                found.append(
                    Owed(
                        clause.id, unit, named, due, asking.number, until,
                        clause.escalate or STEPS,
                    )
                )  # fmt: skip
    return found


def _owing(
    clause: Clause, tree: Tree, heads: Iterable[UnitId], reached: frozenset[UnitId]
) -> Iterator[tuple[UnitId, PostId | None]]:
    kinds, posts = _listed(clause, "from_kinds"), _listed(clause, "posts")
    mine = {unit for unit in heads if tree.units[unit].kind in kinds}
    yield from ((unit, None) for unit in sorted(mine))
    for name in posts:
        post = tree.posts.get(PostId(name))
        if post is None or post.unit not in reached or (post.head and post.unit in mine):
            continue
        yield post.unit, post.id


def _listed(clause: Clause, key: str) -> tuple[str, ...]:
    said = clause.more.get(key, ())
    return said if isinstance(said, tuple) else ()


def chosen(items: Sequence[Owed], by: PostId, tree: Tree) -> Owed | None:
    """Return which of the returns that a unit owes under one clause a post submits.

    Its own; else, if it heads the unit or commands it from above, the head's before those of
    posts named. None: it may submit none of them.
    """
    for item in items:
        post = item.post(tree)
        if post is not None and post.id == by:
            return item
    for item in sorted(items, key=lambda item: item.named or ""):
        if commands(tree, by, item.unit):
            return item
    return None


def commands(tree: Tree, post: PostId, unit: UnitId, *, above: bool = False) -> bool:
    """Tell whether a post heads a unit or stands above it; ``above``: only the latter."""
    here = tree.posts[post]
    if here.unit == unit:
        return here.head and not above
    return tree.commands(post, unit)


# --- How it stands -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Given:
    """A return as it was given."""

    at: Micros
    claimed: int
    known: int
    full: bool
    version: int
    """The directive's version in force then."""
    numbers: Numbers


State: TypeAlias = Literal["owed", "overdue", "submitted", "late", "contradicted"]


def answers(item: Owed, given: Given, later: int | None) -> bool:
    """Tell whether a return answers what is owed; ``later`` is the next version that asks anew."""
    return item.version <= given.version and (later is None or given.version < later)


def lateness(item: Owed, given: Sequence[Given]) -> Micros | None:
    """Return how late the first return came, 0 if in time; None if none came."""
    first = min((one.at for one in given), default=None)
    return None if first is None else max(0, first - item.due)


def state(item: Owed, given: Sequence[Given], at: Micros, *, contradicted: bool) -> State:
    """Return how what is owed stands at an instant."""
    late = lateness(item, given)
    if late is None:
        return "overdue" if item.due <= at else "owed"
    if contradicted:
        return "contradicted"
    return "late" if late else "submitted"


def lapsed(item: Owed, given: Sequence[Given]) -> bool:
    """Tell whether it is not owed any more: its wording ended before it was due."""
    return item.due >= item.until and not given


# --- Deciding ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Returns:
    """The returns of a unit as they stand."""

    given: Mapping[Key, tuple[Given, ...]]
    """In the order of the ledger."""
    marks: frozenset[tuple[str, int, str]] = frozenset()
    """What was contradicted already: stream and version of the return, and `about`."""
    escalated: frozenset[tuple[ClauseId, PostId | None, int]] = frozenset()

    def latest(self, key: Key, at: Micros = FOREVER) -> Given | None:
        """Return the one that counts at an instant: the latest, of two the later entry."""
        found: Given | None = None
        for one in self.given.get(key, ()):
            if one.at <= at and (found is None or one.at >= found.at):
                found = one
        return found


@dataclass(frozen=True, slots=True)
class Submit:
    """Take a return in."""

    fact: ReturnSubmitted
    directive: str
    unit: UnitId
    received_at: Micros | None
    contradicted: bool = False
    """Whether the return that it would follow stands contradicted: it may be given again."""


@dataclass(frozen=True, slots=True)
class Contradict:
    """Mark a return that cannot have been true."""

    fact: ReturnContradicted
    returned_at: Micros


@dataclass(frozen=True, slots=True)
class Escalate:
    """Record who was told of a return that is overdue."""

    fact: ReturnEscalated


Command: TypeAlias = Submit | Contradict | Escalate


def is_full(claimed: int, numbers: Numbers) -> bool:
    """Tell whether a claim certifies everybody who is bound and not exempt."""
    return claimed >= numbers.bound


def decide(command: Command, state: Returns) -> Sequence[Event]:
    """Return the facts ``command`` adds, ``()`` if they already hold.

    Raises:
        Refused: the unit has not received the directive, or not yet then; more are claimed than
            are bound; full compliance with somebody open or unserved (DESIGN 4, rule 3); what
            contradicts a return is dated before it.

    """
    match command:
        case Submit():
            return _submit(command, state)
        case Contradict(fact, returned_at):
            if (fact.stream, fact.version, about(fact)) in state.marks:
                return ()
            if micros(fact.at) < returned_at:
                raise Refused(
                    f"The return was given later, at {instant(returned_at).isoformat()}: "
                    "nothing could contradict it before."
                )
            return (fact,)
        case Escalate(fact):
            told = (fact.clause, fact.named, fact.level)
            return () if told in state.escalated else (fact,)
        case _:
            assert_never(command)


def _submit(command: Submit, state: Returns) -> Sequence[Event]:
    fact, at = command.fact, micros(command.fact.at)
    key = (fact.clause, fact.named)
    if any(
        (one.at, one.claimed) == (at, fact.claimed) and one.version == fact.version
        for one in state.given.get(key, ())
    ):
        return ()
    if command.received_at is None:
        raise Refused("This unit has not received the directive.")
    if at < command.received_at:
        raise Refused(
            "A unit cannot certify anything before its receipt at "
            f"{instant(command.received_at).isoformat()}."
        )
    if not 0 <= fact.claimed <= fact.population:
        raise Refused(
            f"{_officers(fact.population)} bound under this unit at that instant; "
            f"{fact.claimed:,} cannot have complied."
        )
    latest = state.latest(key, at)
    said = given(fact)
    if latest is not None and not command.contradicted and _same(latest, said):
        return ()
    if fact.full and (fact.open or fact.unserved):
        left = [
            f"{number:,} {'is' if number == 1 else 'are'} {what}"
            for number, what in ((fact.open, "open"), (fact.unserved, "not served"))
            if number
        ]
        raise Refused(
            "Full compliance cannot be certified with officers open under the unit: of "
            f"{fact.population:,} bound, {' and '.join(left)}; `farman officers "
            f"{command.directive} --unit {command.unit} --state "
            f"{'open' if fact.open else 'unserved'}` lists them."
        )
    return (fact,)


def _officers(number: int) -> str:
    return f"{number:,} {'officer is' if number == 1 else 'officers are'}"


def _same(one: Given, other: Given) -> bool:
    return (one.version, one.claimed, one.numbers) == (
        other.version,
        other.claimed,
        other.numbers,
    )


def given(fact: ReturnSubmitted) -> Given:
    """Return what a fact says, as the rules see it."""
    numbers = Numbers(fact.population, fact.known, fact.open, fact.exempt, fact.unserved)
    return Given(micros(fact.at), fact.claimed, fact.known, fact.full, fact.version, numbers)


def about(fact: ReturnContradicted) -> str:
    """Return what evidence is about: once for each officer; else once by rule, once a wording."""
    if fact.officer is not None:
        return f"officer:{fact.officer}"
    return "rule" if fact.by is None else f"evidence:{fact.evidence}"


def evolve(state: Returns, event: Event) -> Returns:
    """Return ``state`` after ``event``."""
    match event:
        case ReturnSubmitted():
            key = (event.clause, event.named)
            mine = (*state.given.get(key, ()), given(event))
            return replace(state, given={**state.given, key: mine})
        case ReturnContradicted():
            mark = (event.stream, event.version, about(event))
            return replace(state, marks=state.marks | {mark})
        case ReturnEscalated():
            told = (event.clause, event.named, event.level)
            return replace(state, escalated=state.escalated | {told})
        case _:
            assert_never(event)


RETURNS: Decider[Command, Returns, Event] = Decider(Returns({}), decide, evolve)


def start(tree: Tree, item: Owed, issuer: UnitId | None) -> UnitId:
    """Return the unit whose head is told first of an overdue return: the desk above the owing.

    A head's is its unit's parent, as far as the issuer's unit; another post's its own head.
    """
    post = item.post(tree)
    parent = tree.units[item.unit].parent
    if (post is not None and not post.head) or parent is None or item.unit == issuer:
        return item.unit
    return parent


def reached(item: Owed, now: Micros) -> list[tuple[int, int]]:
    """Return the levels, from 1, whose time has come, with their seconds after the due."""
    return [
        (level, after)
        for level, after in enumerate(item.escalate, start=1)
        if item.due + after * SECOND <= now
    ]
