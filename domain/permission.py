"""A permission: leave to do what a clause forbids without it (H1, H4).

Stream: ``permission-{id}.{office}``; a permission's id is ``{office}-{year}-p{serial}``.
Story: an officer who was served a directive asks leave of one of its prohibitions. The
“concerned authority” decides: resolved from his unit when he asks, to be shown, and again from
where he is posted when it is decided (H9). It grants, for what was asked and no longer, or
refuses; what was granted is revoked by whoever decides then, or expires. A repeat changes
nothing, and no later decision contradicts the first.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import ClassVar, Literal, TypeAlias, assert_never

from pydantic import AwareDatetime

from domain import errors
from domain.authority import Authority, decider
from domain.decider import Decider
from domain.directive import Clause, Terms
from domain.fact import (
    SECOND,
    ClauseId,
    DirectiveId,
    Fact,
    Micros,
    OfficerId,
    PostId,
    UnitId,
    instant,
    micros,
)
from domain.force import Post, Tree

LONGEST = 10_000
"""Characters of a reason."""
SCOPE = 200
"""Characters of a scope."""


class Requested(Fact):
    """An officer asked leave to do what a clause forbids without it."""

    stored: ClassVar[str] = "permission.requested@1"
    permission: str
    """Its id: office, year and a serial without gaps."""
    year: int
    serial: int
    directive: DirectiveId
    version: int
    """The directive's version in force then."""
    text: str
    """SHA-256 of that wording."""
    clause: ClauseId
    """The prohibition."""
    rule: ClauseId
    """The clause that says who decides."""
    officer: OfficerId
    unit: UnitId
    """Where he was posted then."""
    rank: int
    """His rank then (BPS)."""
    scope: str
    """What leave is asked for, in the rule's own word where it lists them."""
    until: AwareDatetime
    why: str
    decider: Authority
    """Who would have decided then; without an officer, the desk was vacant and is awaited."""


class Granted(Fact):
    """The competent post gave leave."""

    stored: ClassVar[str] = "permission.granted@1"
    scope: str
    until: AwareDatetime
    """From here on it is expired; never later than asked, nor than the rule allows."""
    reason: str
    """Why it is necessary: the post's own words, or those of the request."""
    authority: Authority


class Refused(Fact):
    """The competent post gave no leave."""

    stored: ClassVar[str] = "permission.refused@1"
    reason: str | None = None
    authority: Authority


class Revoked(Fact):
    """The post that was competent by then took the leave back."""

    stored: ClassVar[str] = "permission.revoked@1"
    reason: str | None = None
    authority: Authority


class Expired(Fact):
    """The time for which leave was given had passed; `at` is its end."""

    stored: ClassVar[str] = "permission.expired@1"


Event: TypeAlias = Requested | Granted | Refused | Revoked | Expired
State: TypeAlias = Literal[
    "not_requested", "requested", "granted", "refused", "revoked", "expired"
]
STATES = ("requested", "granted", "refused", "revoked", "expired", "void")
"""How a permission can stand; void is told from what is known later (DESIGN 4, rule 4)."""


@dataclass(frozen=True, slots=True)
class Permission:
    """A permission as it stands."""

    id: str = ""
    directive: str = ""
    clause: str = ""
    officer: str = ""
    scope: str = ""
    asked_until: Micros = 0
    requested_at: Micros = 0
    decided: Literal["granted", "refused"] | None = None
    decided_at: Micros = 0
    decided_by: str | None = None
    until: Micros = 0
    """Until when leave was given; 0 while none was."""
    revoked_at: Micros | None = None
    revoked_by: str | None = None
    expired: bool = False
    """Whether it was written down that its time had passed."""

    def state_at(self, at: Micros) -> State:
        """Return how it stood at an instant, by these facts."""
        if not self.id or at < self.requested_at:
            return "not_requested"
        if self.decided is None or at < self.decided_at:
            return "requested"
        if self.decided == "refused":
            return "refused"
        if self.revoked_at is not None and self.revoked_at <= at:
            return "revoked"
        return "expired" if self.until <= at else "granted"


# --- What a directive says of leave ------------------------------------------------------


def ruled(terms: Terms, clause: str, scope: str) -> tuple[Clause, str]:
    """Return the rule by which leave of a clause is given, and the scope in the rule's words.

    Of what a rule lists several may be asked for at once, with commas between.

    Raises:
        Refused: there is no such prohibition, it is absolute, or the scope is none of the rule's.

    """
    here = next((one for one in terms.clauses if one.id == clause), None)
    leave = [one.id for one in terms.clauses if _permits(one)]
    of = f"; leave can be asked of {', '.join(leave)}" if leave else ""
    if here is None:
        raise errors.Refused(f"There is no clause {clause!r} in the version in force{of}.")
    if here.kind != "prohibition":
        raise errors.Refused(
            f"{clause} is no prohibition but {_a(here.kind)}: there is nothing to permit{of}."
        )
    rules = [one for one in terms.clauses if one.kind == "permission_rule" and clause in one.of]
    if not _permits(here) or not rules:
        raise errors.Refused(
            f"{clause} is an absolute prohibition: there is nothing to permit{of}."
        )
    asked = _parts(scope)
    listed: list[str] = []
    for rule in rules:
        words = scopes(rule)
        if not words:
            return rule, " ".join(scope.split())
        found = [word for word in words if _folded(word) in asked]
        if len(found) == len(asked):
            return rule, ", ".join(found)
        listed += words
    strange = asked.keys() - {_folded(word) for word in listed}
    if not strange:
        raise errors.Refused(
            f"Leave for {scope!r} is given by different rules: ask for each by itself."
        )
    word = next(said for part, said in asked.items() if part in strange)
    raise errors.Refused(
        f"Leave of {clause} is given for {', '.join(listed)}, not for {word!r}; "
        f"did you mean {_nearest(_folded(word), listed)!r}?"
    )


def scopes(rule: Clause) -> tuple[str, ...]:
    """Return what a rule lists that leave may be given for; nothing listed limits nothing."""
    said = rule.more.get("scope", ())
    return said if isinstance(said, tuple) else ()


def longest(rule: Clause) -> int | None:
    """Return for how many seconds leave may be given at most; None: for any."""
    said = rule.more.get("expiry")
    return None if not isinstance(said, str) else _seconds(said)


def forbidden(terms: Terms, clause: str) -> str:
    """Return the prohibition that a clause speaks of: itself, or that of a permission rule.

    Raises:
        Refused: the rule is of several prohibitions.

    """
    rule = next((one for one in terms.clauses if one.id == clause), None)
    if rule is None or rule.kind != "permission_rule":
        return clause
    if len(rule.of) > 1:
        raise errors.Refused(
            f"{clause} says who decides on leave of {' and of '.join(rule.of)}: name one of them."
        )
    return rule.of[0] if rule.of else clause


def must_need_leave(tree: Tree, terms: Terms, officer: str, clause: str, rule: Clause) -> None:
    """Check that no delegation lets the officer do what is forbidden: it goes with a post (H8).

    Raises:
        Refused: he holds, in any charge, a post that one names.

    """
    for one in terms.clauses:
        if one.kind != "delegation" or {clause, rule.id}.isdisjoint(one.of):
            continue
        for name in _posts(one):
            post = tree.posts.get(PostId(name))
            if post is not None and any(who == officer for who, _, _ in post.holders):
                raise errors.Refused(
                    f"{officer} holds {name}, to which {one.id} delegates it: he needs no leave."
                )


def competent(tree: Tree, unit: UnitId, officer: str, rule: Clause) -> Post | None:
    """Return who decides, by a rule, on leave for an officer who is posted to a unit.

    Nobody decides on his own request: it passes to the next head above. None: there is no desk.
    """
    found = _decider(tree, unit, rule)
    if found is None or found.holder != officer:
        return found
    above = [
        tree.heads[one]
        for one in tree.above(found.unit)
        if one in tree.heads and tree.heads[one].holder != officer
    ]
    return next(
        (post for post in above if post.holder is not None), above[0] if above else None
    )


def must_have_desk(tree: Tree, unit: UnitId, officer: str, rule: Clause) -> Post:
    """Return who decides.

    Raises:
        Refused: there is no such desk.

    """
    found = competent(tree, unit, officer, rule)
    if found is None:
        own = _decider(tree, unit, rule)
        if own is not None:
            raise errors.Refused(
                f"Nobody decides on his own request, and no desk stands above {own.id}, which "
                f"{officer} holds."
            )
        kind = _named(rule, "head_of")
        where = (
            f"{kind} with a head at or above {unit}" if kind else f"post {_named(rule, 'post')}"
        )
        raise errors.Refused(
            f"By its clause {rule.id} nobody decides for {officer}: there is no {where}."
        )
    return found


# --- Commands ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask leave."""

    fact: Requested
    served_at: Micros | None
    """When the officer was served the directive."""


@dataclass(frozen=True, slots=True)
class Decide:
    """Grant, refuse or revoke."""

    fact: Granted | Refused | Revoked
    desk: Post | None
    """Who decided at that instant, by the rule in force then and where the officer was posted."""
    barred: str | None = None
    """Why no leave could be given at all by then, in a sentence; it can still be taken back."""
    longest: int | None = None
    """Seconds for which leave may be given at most."""
    told: bool = False
    """Whether the end of the leave was told, and does not only follow from the request."""


@dataclass(frozen=True, slots=True)
class Expire:
    """Write down that the time has passed."""

    fact: Expired
    now: Micros


Command: TypeAlias = Ask | Decide | Expire


def decide(command: Command, state: Permission) -> Sequence[Event]:
    """Return the facts ``command`` adds, ``()`` if they already hold.

    Raises:
        Refused: the rule that forbids it.

    """
    match command:
        case Ask(fact):
            if state.id:
                return ()
            _may_ask(command)
            return (fact,)
        case Decide(fact):
            if not state.id:
                raise errors.Refused("No such leave was asked for.")
            if _repeats(command, state):
                return ()
            _must_be_competent(command, state)
            if _holds(command, state):
                return ()
            _must_follow(command, state)
            return (fact,)
        case Expire(fact, now):
            open_ = state.decided == "granted" and state.revoked_at is None
            return (fact,) if open_ and not state.expired and state.until <= now else ()
        case _:
            assert_never(command)


def _may_ask(command: Ask) -> None:
    fact = command.fact
    at, until = micros(fact.at), micros(fact.until)
    if command.served_at is None or command.served_at > at:
        raise errors.Refused(
            f"{fact.officer} had not been served {fact.directive} at that instant."
        )
    if until <= at:
        raise errors.Refused("Leave is asked until an instant that comes after the request.")
    if not fact.why.strip() or not fact.scope:
        raise errors.Refused("A request says what it is for and why it is necessary.")
    if len(fact.why) > LONGEST or len(fact.scope) > SCOPE:
        raise errors.Refused(
            f"A request holds at most {LONGEST:,} characters of why and {SCOPE} of scope."
        )


def _repeats(command: Decide, state: Permission) -> bool:
    """Tell whether the very post that decided says the same again, whoever decides by now."""
    by = command.fact.authority.post
    if isinstance(command.fact, Revoked):
        return state.revoked_at is not None and state.revoked_by == by
    return state.revoked_at is None and state.decided_by == by and _holds(command, state)


def _holds(command: Decide, state: Permission) -> bool:
    match command.fact:
        case Granted() as fact:
            same = not command.told or micros(fact.until) == state.until
            return state.decided == "granted" and state.revoked_at is None and same
        case Refused():
            return state.decided == "refused"
        case Revoked():
            return state.revoked_at is not None


def _must_be_competent(command: Decide, state: Permission) -> None:
    by, desk = command.fact.authority.post, command.desk
    if desk is None:
        raise errors.Refused(f"There is no desk that decides on leave for {state.officer}.")
    if desk.id != by:
        own = command.fact.authority.officer == state.officer
        because = "nobody decides on his own request" if own else "its decision would be void"
        raise errors.Refused(
            f"{desk.id} decides on leave for {state.officer} at that instant, not {by}: {because}."
        )
    if desk.holder is None:
        raise errors.Refused(
            f"{desk.id} is vacant, and so is every desk above it: a decision needs a held post."
        )
    if len(getattr(command.fact, "reason", None) or "") > LONGEST:
        raise errors.Refused(f"A reason holds at most {LONGEST:,} characters.")


def _must_follow(command: Decide, state: Permission) -> None:
    at = micros(command.fact.at)
    if state.revoked_at is not None:
        raise errors.Refused(f"{state.id} has been revoked: leave is asked for anew.")
    if at < state.requested_at:
        raise errors.Refused(f"{state.id} had not yet been asked for at that instant.")
    match command.fact:
        case Granted() as fact if state.decided == "granted":
            raise errors.Refused(
                f"{state.id} has been granted until {_iso(state.until, fact.until)}: revoke it, and let leave "
                "be asked for anew."
            )
        case Granted() if state.decided == "refused":
            raise errors.Refused(f"{state.id} has been refused: leave is asked for anew.")
        case Granted() as fact:
            _may_grant(command, fact, state)
        case Refused() if state.decided == "granted":
            raise errors.Refused(f"{state.id} has been granted: revoke it instead.")
        case Revoked() if state.decided != "granted":
            done = (
                "has been refused"
                if state.decided
                else "has not been decided: refuse it instead"
            )
            raise errors.Refused(f"{state.id} {done}; there is nothing to revoke.")
        case Revoked() if at < state.decided_at:
            raise errors.Refused(f"{state.id} had not yet been granted at that instant.")
        case Revoked() as fact if at >= state.until:
            raise errors.Refused(
                f"{state.id} expired at {_iso(state.until, fact.at)}; there is nothing to revoke."
            )
        case _:
            pass


def _may_grant(command: Decide, fact: Granted, state: Permission) -> None:
    at, until = micros(fact.at), micros(fact.until)
    if command.barred is not None:
        raise errors.Refused(command.barred)
    if fact.scope != state.scope:
        raise errors.Refused(f"Leave is given for what was asked, which is {state.scope!r}.")
    if until > state.asked_until:
        raise errors.Refused(
            f"Leave was asked until {_iso(state.asked_until, fact.until)}, and no longer."
        )
    if until <= at:
        raise errors.Refused(
            f"The time for which leave would be given had passed by then ({_iso(until, fact.until)})."
        )
    if command.longest is not None and until > at + command.longest * SECOND:
        raise errors.Refused(
            f"Leave lasts until {_iso(at + command.longest * SECOND, fact.until)} at the longest, by the rule."
        )


def granted_until(state: Permission, at: Micros, most: int | None) -> Micros:
    """Return until when leave is given if nothing else is said: as asked, as the rule allows."""
    return state.asked_until if most is None else min(state.asked_until, at + most * SECOND)


def evolve(state: Permission, event: Event) -> Permission:
    """Return ``state`` after ``event``."""
    at = micros(event.at)
    open_ = state.decided == "granted" and state.revoked_at is None
    match event:
        case Requested() if not state.id:
            return Permission(
                id=event.permission,
                directive=event.directive,
                clause=event.clause,
                officer=event.officer,
                scope=event.scope,
                asked_until=micros(event.until),
                requested_at=at,
            )
        case Granted() if state.id and state.decided is None:
            return replace(
                state,
                decided="granted",
                decided_at=at,
                decided_by=event.authority.post,
                until=micros(event.until),
            )
        case Refused() if state.id and state.decided is None:
            return replace(
                state, decided="refused", decided_at=at, decided_by=event.authority.post
            )
        case Revoked() if open_:
            return replace(state, revoked_at=at, revoked_by=event.authority.post)
        case Expired() if open_ and not state.expired:
            return replace(state, expired=True)
        case _:
            raise errors.CorruptStream(
                f"{event.stored} cannot follow in permission {state.id or '(new)'}."
            )


PERMISSION: Decider[Command, Permission, Event] = Decider(Permission(), decide, evolve)


def permission_id(office: str, year: int, serial: int) -> str:
    """Name a permission by its office, year and serial."""
    return f"{office}-{year}-p{serial}"


def stream(permission: str, office: str) -> str:
    """Name the stream of a permission."""
    return f"permission-{permission}.{office}"


# --- Words -------------------------------------------------------------------------------


def _permits(clause: Clause) -> bool:
    return clause.kind == "prohibition" and clause.more.get("unless_permitted") is True


def _decider(tree: Tree, unit: UnitId, rule: Clause) -> Post | None:
    post = _named(rule, "post")
    return decider(
        tree, unit, post=None if post is None else PostId(post), head_of=_named(rule, "head_of")
    )


def _named(rule: Clause, which: str) -> str | None:
    said = rule.more.get(f"decider_{which}")
    return said if isinstance(said, str) else None


def _posts(clause: Clause) -> tuple[str, ...]:
    said = clause.more.get("posts", ())
    return said if isinstance(said, tuple) else ()


def _a(kind: str) -> str:
    plain = kind.replace("_", " ")
    return f"{'an' if plain[0] in 'aeiou' else 'a'} {plain}"


def alike(one: str, other: str) -> bool:
    """Tell whether two scopes are the same words: case, blanks and their order do not count."""
    return _parts(one).keys() == _parts(other).keys()


def _parts(scope: str) -> dict[str, str]:
    """Return what is asked for, folded, with how it was said."""
    return {_folded(part): part.strip() for part in scope.split(",")}


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())


def _iso(at: Micros, like: datetime) -> str:
    """Write an instant in the zone of another, which somebody named."""
    return instant(at).astimezone(like.tzinfo).isoformat()


_DURATION = re.compile(
    r"P(?:([0-9]+)W)?(?:([0-9]+)D)?(?:T(?:([0-9]+)H)?(?:([0-9]+)M)?(?:([0-9]+)S)?)?"
)


def _seconds(text: str) -> int | None:
    """Count the seconds of an ISO 8601 duration of fixed length; None: it is none."""
    found = _DURATION.fullmatch(text)
    if found is None:
        return None
    weeks, days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return ((weeks * 7 + days) * 24 + hours) * 3600 + minutes * 60 + seconds


def _nearest(word: str, known: Sequence[str]) -> str:
    """Return the known scope to which, or to a word of which, the fewest changed letters lead."""

    def far(one: str) -> int:
        whole = _folded(one)
        return min(_changes(word, part) for part in (whole, *whole.split()))

    return min(known, key=far)


def _changes(one: str, other: str) -> int:
    row = list(range(len(other) + 1))
    for n, letter in enumerate(one[:SCOPE], start=1):
        before, row[0] = row[0], n
        for m, theirs in enumerate(other, start=1):
            before, row[m] = (
                row[m],
                min(row[m] + 1, row[m - 1] + 1, before + (letter != theirs)),
            )
    return row[-1]
