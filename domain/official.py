"""Official groups and accounts: which unit's they are, and which post runs them.

Streams: ``group-{id}.{office}``, ``account-{id}.{office}``; an id is ``{office}-g{serial}`` or
``{office}-a{serial}``, serials gap-free for each office.
Story: a post that commands the owner unit, or belongs to it, enters the group or the account;
another post comes to run it; it is closed, for good. Whether a group is official is a question
about its owner (K5), and it is run by a post, never by a person: after a transfer the new
holder runs it (H8).

An order may have it entered under a clause: an open exception admits whoever registers (K11,
K15), a closed one nobody who does; a delegation leaves it to the posts that it names (H8).
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Literal, TypeAlias, assert_never

from pydantic import BaseModel, ConfigDict

from domain.authority import Authority
from domain.deadline import Shut
from domain.decider import Decider
from domain.directive import Clause
from domain.errors import CorruptStream, Misused, Refused
from domain.fact import (
    ClauseId,
    DirectiveId,
    Fact,
    Micros,
    PostId,
    UnitId,
    instant,
    micros,
    words,
)
from domain.force import Tree

Kind: TypeAlias = Literal["group", "account"]
PLATFORMS: Sequence[str] = (
    "whatsapp",
    "tiktok",
    "facebook",
    "x",
    "instagram",
    "youtube",
    "telegram",
    "signal",
    "snapchat",
    "threads",
    "linkedin",
    "website",
)
"""Those that are known, to suggest the nearest; any other is taken as well (H1: an open list)."""
NAME = 200
"""Characters of a name or handle, at most."""
_LETTERS = "[a-z0-9][a-z0-9-]{0,39}"
_JOINERS = "\u200c\u200d"
"""Invisible, and part of how Urdu, Pashto and Sindhi are written."""


class Under(BaseModel):
    """The clause of an order by which a group or account was entered, as it stood then."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    directive: DirectiveId
    clause: ClauseId
    version: int
    text: str
    """SHA-256 of that wording."""


class _Entered(Fact):
    id: str
    platform: str
    """A slug: whatsapp, tiktok, …; the list is open."""
    name: str
    """The group's name, or the account's handle, as it is written there."""
    unit: UnitId
    """Whose it is."""
    post: PostId
    """Which post runs it; whoever holds that post, at any time."""
    purpose: str | None = None
    under: Under | None = None
    authority: Authority
    """On what ground it was entered, over the owner unit."""


class _Passed(Fact):
    post: PostId
    """Which post runs it from here on."""
    authority: Authority


class _Closed(Fact):
    reason: str
    authority: Authority


class GroupEntered(_Entered):
    """A group was entered as an official one: the force's own, of a unit, run by a post."""

    stored: ClassVar[str] = "group.entered@1"


class GroupPassed(_Passed):
    """Another post runs the group."""

    stored: ClassVar[str] = "group.passed@1"


class GroupClosed(_Closed):
    """The group is no official one any more."""

    stored: ClassVar[str] = "group.closed@1"


class AccountEntered(_Entered):
    """An account was entered as an official one: of a unit, run by a post."""

    stored: ClassVar[str] = "account.entered@1"


class AccountPassed(_Passed):
    """Another post runs the account."""

    stored: ClassVar[str] = "account.passed@1"


class AccountClosed(_Closed):
    """The account is no official one any more."""

    stored: ClassVar[str] = "account.closed@1"


Entered: TypeAlias = GroupEntered | AccountEntered
Passed: TypeAlias = GroupPassed | AccountPassed
Closed: TypeAlias = GroupClosed | AccountClosed
Event: TypeAlias = (
    GroupEntered | GroupPassed | GroupClosed | AccountEntered | AccountPassed | AccountClosed
)


@dataclass(frozen=True, slots=True)
class Official:
    """A group or an account as it stands; ``entered`` is None before it was."""

    entered: Entered | None = None
    post: PostId | None = None
    """Who runs it now."""
    since: Micros = 0
    """Since when that post does."""
    closed_at: Micros | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Enter:
    """Enter a group or account; ``state`` is the entry that bears its name and is not over."""

    fact: Entered
    tree: Tree
    dated: bool
    """Whether it was said since when it is official."""
    clause: Clause | None = None
    """What it is entered under."""
    closed: Shut | None = None
    """Who on the way down to the owner unit has closed that exception, if somebody has."""


@dataclass(frozen=True, slots=True)
class Pass:
    """Let another post run it."""

    fact: Passed
    tree: Tree
    clause: Clause | None = None
    """What it was entered under, as that stands now; None where it is no more in force."""


@dataclass(frozen=True, slots=True)
class Close:
    """Close it."""

    fact: Closed
    tree: Tree


Command: TypeAlias = Enter | Pass | Close


def decide(command: Command, state: Official) -> Sequence[Event]:
    """Return the facts ``command`` adds, ``()`` if they already hold.

    Raises:
        Refused: another entry bears the name; the post that acts has no say over the owner
            unit, or is vacant; the clause does not admit it; it is closed.

    """
    match command:
        case Enter(fact, tree, dated, clause, closed):
            if state.entered is not None:
                _same(fact, state, state.entered, dated=dated)
                return ()
            _may(tree, fact.authority, fact.unit)
            if clause is not None:
                admits(clause, fact.post)
                if closed is not None:
                    raise Refused(
                        f"{closed.unit} closed {clause.id} for itself and all below at "
                        f"{instant(closed.at).isoformat()}: nobody registers there any more."
                    )
            return (fact,)
        case Pass(fact, tree, clause):
            entered = _open(state, micros(fact.at))
            if state.post == fact.post:
                return ()
            _may(tree, fact.authority, entered.unit)
            if clause is not None and clause.kind == "delegation":
                admits(clause, fact.post)
            return (fact,)
        case Close(fact, tree):
            if state.entered is not None and state.closed_at is not None:
                return ()
            entered = _open(state, micros(fact.at))
            _may(tree, fact.authority, entered.unit)
            return (fact,)
        case _:
            assert_never(command)


def _same(fact: Entered, state: Official, known: Entered, *, dated: bool) -> None:
    """Check that what is entered is what stands there already."""
    since = instant(micros(known.at)).isoformat()
    which = f"{known.name} on {known.platform} is entered as {known.id}"
    if state.closed_at is not None:
        raise Refused(
            f"{which} from {since} until {instant(state.closed_at).isoformat()}: enter it anew "
            "from then on."
        )
    differs = [
        what
        for what, same in (
            ("unit", fact.unit == known.unit),
            ("post", fact.post in (known.post, state.post)),
            ("purpose", fact.purpose == known.purpose),
            ("order", _named(fact.under) == _named(known.under)),
        )
        if not same
    ]
    if differs:
        raise Refused(
            f"{which} already, of {known.unit}, run by {state.post}; this differs in "
            f"{' and '.join(differs)}: pass it to another post, or close it first."
        )
    if dated and micros(fact.at) < micros(known.at):
        raise Refused(f"{which} since {since}, and was not official before.")


def _named(under: Under | None) -> tuple[str, str] | None:
    return None if under is None else (under.directive, under.clause)


def _open(state: Official, at: Micros) -> Entered:
    if state.entered is None:
        raise CorruptStream("What was never entered can be neither passed on nor closed.")
    if state.closed_at is not None:
        raise Refused(
            f"{state.entered.id} was closed at {instant(state.closed_at).isoformat()}; enter it "
            "anew if it is official again."
        )
    if at < state.since:
        raise Refused(
            f"{state.post} runs {state.entered.id} since {instant(state.since).isoformat()}: "
            "the instant lies before."
        )
    return state.entered


def _may(tree: Tree, by: Authority, unit: UnitId) -> None:
    if not tree.commands(by.post, unit):
        raise Refused(
            f"{by.post} neither belongs to {unit} nor commands it: name a post with --by that "
            "does."
        )
    if by.officer is None:
        raise Refused(f"{by.post} is vacant at that instant: name a held post with --by.")


def admits(clause: Clause, post: PostId) -> None:
    """Check that a group or account, run by a post, may be entered under a clause.

    Raises:
        Refused: with the wording.

    """
    said = f"{clause.id}: \u201c{words(clause.text)}\u201d" if clause.text else clause.id
    if clause.kind == "exception":
        if not clause.open:
            raise Refused(
                f"This exception is a closed one and admits nobody who registers ({said}); only "
                "an amendment widens it."
            )
        return
    if clause.kind == "delegation":
        posts = clause.more.get("posts")
        named = posts if isinstance(posts, tuple) else ()
        if post not in named:
            raise Refused(
                f"{post} is none of the posts that may run it ({said}); they are "
                f"{', '.join(named)}."
            )
        return
    raise Refused(
        f"{clause.id} is a clause of another kind ({clause.kind.replace('_', ' ')}): a group or "
        "account is entered under an exception or a delegation."
    )


def evolve(state: Official, event: Event) -> Official:
    """Return ``state`` after ``event``."""
    match event:
        case GroupEntered() | AccountEntered() if state.entered is None:
            return Official(event, event.post, micros(event.at))
        case GroupPassed() | AccountPassed() if state.entered and state.closed_at is None:
            return replace(state, post=event.post, since=micros(event.at))
        case GroupClosed() | AccountClosed() if state.entered and state.closed_at is None:
            return replace(state, closed_at=micros(event.at), reason=event.reason)
        case _:
            raise CorruptStream(f"{event.stored} cannot stand where it stands in its register.")


OFFICIAL: Decider[Command, Official, Event] = Decider(Official(), decide, evolve)


def platform(text: str) -> str:
    """Return a platform as it is stored.

    Raises:
        Misused: it cannot be one.

    """
    slug = text.strip().lower()
    if not re.fullmatch(_LETTERS, slug):
        raise Misused(
            f"{text!r} is no platform: it is named by small letters, digits and hyphens, such as "
            f"{', '.join(PLATFORMS[:3])}."
        )
    return slug


def name(text: str) -> str:
    """Return a name or handle as it is stored: NFC, trimmed, blanks folded.

    Raises:
        Misused: it is none, or hides what cannot be seen.

    """
    said = " ".join(unicodedata.normalize("NFC", text).split())
    if not said or len(said) > NAME:
        raise Misused(f"A name has 1 to {NAME} characters.")
    hidden = next(
        (c for c in said if unicodedata.category(c)[0] == "C" and c not in _JOINERS), None
    )
    if hidden is not None:
        raise Misused(f"The invisible character U+{ord(hidden):04X} stands in the name.")
    return said


def key(text: str) -> str:
    """Return a name as it is compared: as stored, in small letters, without a leading @."""
    said = " ".join(unicodedata.normalize("NFC", text).split())
    seen = "".join(c for c in said if unicodedata.category(c) != "Cf").casefold()
    return unicodedata.normalize("NFC", seen.removeprefix("@"))


def official_id(kind: Kind, office: str, serial: int) -> str:
    """Name a group or an account by its office and serial."""
    return f"{office}-{kind[0]}{serial}"


def stream(kind: Kind, name: str, office: str) -> str:
    """Name the stream of a group or an account."""
    return f"{kind}-{name}.{office}"
