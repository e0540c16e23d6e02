"""A directive: an order of a post, its clauses, its versions, its end.

Stream: ``directive-{directive}.{office}``; a directive's id is ``{office}-{year}-{serial}``.
Story: it is issued with the next serial of its office and year, amended (materially or
not), and ends when it is superseded or withdrawn. Amendments wipe nothing. One that rests on
reported authority is unbacked until it is linked to a signed instrument.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Literal, TypeAlias, assert_never

from pydantic import BaseModel, ConfigDict, Field

from domain.authority import Authority
from domain.deadline import Due
from domain.decider import Decider
from domain.errors import CorruptStream, Refused
from domain.fact import ClauseId, DirectiveId, Fact, Micros, PostId, Text, UnitId, micros
from domain.force import Tree

Precedence: TypeAlias = Literal["routine", "immediate", "flash"]
Forward: TypeAlias = Literal["automatic", "on_acknowledgement"]
ClauseKind: TypeAlias = Literal[
    "required_act",
    "prohibition",
    "exception",
    "permission_rule",
    "delegation",
    "return_due",
    "consequence",
]
BackForm: TypeAlias = Literal["signed", "conveyed", "unknown"]
GRACE = 2 * 3600
"""Seconds a vacant desk may hold a relay that awaits acknowledgement, unless stated."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Population(_Part):
    """Whom a directive binds. What is left out limits nothing, the issuer included."""

    rank_from: int | None = None
    """BPS, inclusive."""
    rank_to: int | None = None
    """BPS, inclusive."""
    duty: tuple[str, ...] | None = None
    except_units: tuple[UnitId, ...] = ()
    """Units whose officers, and those of everything below, are left out."""
    except_posts: tuple[PostId, ...] = ()
    """Posts whose holders, in any charge, are left out when served."""


class Clause(_Part):
    """One trackable rule of a directive (DESIGN 4, Clauses)."""

    id: ClauseId
    kind: ClauseKind
    text: Text
    of: tuple[ClauseId, ...] = ()
    """The clauses that this one qualifies."""
    open: bool | None = None
    """Of an exception: whether others may register under it."""
    due: Due | None = None
    escalate: tuple[int, ...] = ()
    """Seconds after the due at which the next level up is told, rising."""
    more: dict[str, str | bool | tuple[str, ...]] = Field(default_factory=dict)
    """What the kind names beside: who decides, scope, expiry, posts, what it opens."""


class Link(_Part):
    """A directive or instrument that this one stands in relation to."""

    ref: str
    reason: str | None = None


class Lineage(_Part):
    """Where a directive comes from."""

    reissues: tuple[Link, ...] = ()
    supersedes: tuple[Link, ...] = ()
    adopts: tuple[Link, ...] = ()
    similar_to: tuple[Link, ...] = ()
    relays: tuple[Link, ...] = ()


class Basis(_Part):
    """The authority it rests on: an instrument signed, or (unbacked) only conveyed."""

    form: Literal["signed", "conveyed"]
    ref: str | None = None


class Terms(_Part):
    """What a directive says: all that a version of it may change."""

    subject: Text
    clauses: tuple[Clause, ...] = ()
    texts: Text = Field(default_factory=dict)
    """The body by language."""
    lineage: Lineage = Lineage()
    purpose: Text | None = None
    incident: Text | None = None
    """What gave rise to it."""
    confidentiality: str | None = None
    basis: Basis | None = None

    def acts(self) -> tuple[Clause, ...]:
        """Return the clauses that an officer must comply with."""
        return tuple(clause for clause in self.clauses if clause.kind == "required_act")


class Order(_Part):
    """A directive as its issuer wrote it."""

    label: str | None = None
    """The office's own number; None prints ``{serial}/{year}``."""
    issuer: PostId
    precedence: Precedence
    forward: Forward
    grace: int = GRACE
    """Seconds; only used when forwarding awaits an acknowledgement."""
    addressees: tuple[UnitId, ...]
    population: Population = Population()
    standing: bool = False
    """Whether it also binds who begins to match later."""
    terms: Terms


class Issued(Fact):
    """A directive was issued under the next serial of its office and year."""

    stored: ClassVar[str] = "directive.issued@1"
    directive: DirectiveId
    serial: int
    year: int
    number: str
    """As it is cited."""
    unit: UnitId
    """The issuing post's unit."""
    order: Order
    scope: tuple[UnitId, ...]
    """The addressed units and all below them, as the tree stood: the ground of the authority."""
    text: str
    """SHA-256 of the file, hex: what was issued, to the byte."""


class Authorised(Fact):
    """What the issue stood on: who held the issuing post, in which charge and rank."""

    stored: ClassVar[str] = "directive.authorised@1"
    authority: Authority
    """Over the unit that the addressees have in common; its line ends at the issuer's own."""


class Amended(Fact):
    """The directive's terms changed; a material change asks every officer again."""

    stored: ClassVar[str] = "directive.amended@1"
    version: int
    material: bool
    terms: Terms
    text: str


class Superseded(Fact):
    """Another directive took this one's place; it still governs what was done before."""

    stored: ClassVar[str] = "directive.superseded@1"
    by: DirectiveId


class Withdrawn(Fact):
    """The issuing office took the directive back."""

    stored: ClassVar[str] = "directive.withdrawn@1"
    reason: str


class Backed(Fact):
    """A directive that rested on reported authority was linked to a signed instrument (K16)."""

    stored: ClassVar[str] = "directive.backed@1"
    instrument: str
    """Its id, if it is entered here, or as it is cited."""
    authority: Authority
    """On what ground it was linked, over the issuing unit."""
    key: str | None = None
    """By which key the instrument's signature is verified; absent: nobody has verified one."""


Event: TypeAlias = Issued | Authorised | Amended | Superseded | Withdrawn | Backed


@dataclass(frozen=True, slots=True)
class Version:
    """One wording of a directive."""

    number: int
    """From 1."""
    since: Micros
    material: bool
    """Whether it asked everybody again; the first one is not an amendment."""
    text: str
    terms: Terms


@dataclass(frozen=True, slots=True)
class Directive:
    """A directive as it stands; ``versions`` is empty before the issue."""

    id: DirectiveId | None = None
    number: str = ""
    unit: UnitId | None = None
    order: Order | None = None
    scope: frozenset[UnitId] = frozenset()
    issued_at: Micros = 0
    versions: tuple[Version, ...] = ()
    ended_at: Micros | None = None
    ended: Literal["superseded", "withdrawn"] | None = None
    successor: DirectiveId | None = None
    authority: Authority | None = None
    """What its issue stood on."""
    backing: str | None = None
    """The signed instrument that reported authority was linked to."""
    backed_at: Micros | None = None

    def version_at(self, at: Micros) -> Version:
        """Return the wording in force at an instant; before the issue, the first."""
        return max(
            (v for v in self.versions if v.since <= at),
            key=lambda v: v.number,
            default=self.versions[0],
        )

    def asked_at(self, at: Micros) -> Version:
        """Return the version from which answers count at an instant: the last material one."""
        return max(
            (v for v in self.versions if v.since <= at and (v.material or v.number == 1)),
            key=lambda v: v.number,
            default=self.versions[0],
        )

    def asked_by(self, number: int) -> Version:
        """Return the version from which answers to one count: the last material one up to it."""
        return max(
            (v for v in self.versions if v.number <= number and (v.material or v.number == 1)),
            key=lambda v: v.number,
            default=self.versions[0],
        )

    def state_at(self, at: Micros) -> str:
        """Return ``not_issued``, ``in_force``, ``superseded`` or ``withdrawn``."""
        if not self.versions or at < self.issued_at:
            return "not_issued"
        if self.ended_at is not None and self.ended_at <= at:
            return self.ended or "withdrawn"
        return "in_force"

    def backed(self, at: Micros) -> bool:
        """Tell whether its authority was more than reported at an instant (K16).

        The office's own order needs no other; a signed basis is the instrument that it names.
        """
        if not self.versions:
            return False
        basis = self.version_at(at).terms.basis
        if basis is None or basis.form == "signed":
            return True
        return self.backed_at is not None and self.backed_at <= at


@dataclass(frozen=True, slots=True)
class Issue:
    """Issue a directive."""

    fact: Issued
    commanded: frozenset[UnitId]
    """The units under the issuing post's command at that instant."""
    authority: Authorised
    own: frozenset[str] = frozenset()
    """Those that it cites which are orders of this force."""


@dataclass(frozen=True, slots=True)
class Amend:
    """Change the terms of a directive."""

    at: Micros
    fact: Amended
    own: frozenset[str] = frozenset()
    """Those that it cites which are orders of this force."""


@dataclass(frozen=True, slots=True)
class End:
    """Supersede or withdraw a directive."""

    at: Micros
    fact: Superseded | Withdrawn


@dataclass(frozen=True, slots=True)
class Back:
    """Link a directive that was only conveyed to a signed instrument."""

    at: Micros
    fact: Backed
    tree: Tree
    form: BackForm
    """Of the instrument; of one that is only cited nothing is known but the post's word."""
    names: frozenset[str]
    """By which the instrument is known, to tell a repeat."""


Command: TypeAlias = Issue | Amend | End | Back


def decide(command: Command, state: Directive) -> Sequence[Event]:
    """Return the facts ``command`` adds, ``()`` if they already hold.

    Raises:
        Refused: the rule that forbids it.

    """
    match command:
        case Issue(fact, commanded, authority, own):
            if state.versions:
                return ()
            _adopts_from_outside(fact.order.terms, own)
            outside = [unit for unit in fact.order.addressees if unit not in commanded]
            if outside:
                raise Refused(
                    f"{fact.order.issuer} does not command {', '.join(outside)}: "
                    "a post issues only to units under its command."
                )
            return (fact, authority)
        case Amend(at, fact, own):
            _must_be_in_force(state, at)
            latest = state.versions[-1]
            if latest.text == fact.text:
                return ()
            _adopts_from_outside(fact.terms, own)
            if at < latest.since:
                raise Refused(
                    "A later amendment is already in force; amend from its instant on."
                )
            return (fact,)
        case End(at, Superseded(by=by)) if (
            state.ended == "superseded" and state.successor == by
        ):
            return ()
        case End(at, Withdrawn()) if state.ended == "withdrawn":
            return ()
        case End(at, fact):
            _must_be_in_force(state, at)
            if isinstance(fact, Superseded) and fact.by == state.id:
                raise Refused("A directive cannot supersede itself.")
            return (fact,)
        case Back():
            return (command.fact,) if _backs(command, state) else ()
        case _:
            assert_never(command)


def _adopts_from_outside(terms: Terms, own: frozenset[str]) -> None:
    """Check that what is adopted comes from outside the chain of command (K18, H14)."""
    for link in terms.lineage.adopts:
        if link.ref in own:
            raise Refused(
                f"{link.ref} is an order of this force, and only an instrument from outside is "
                "adopted: cite it under relays, or under reissues with the reason."
            )


def _backs(command: Back, state: Directive) -> bool:
    """Tell whether a link to a signed instrument says anything new (K16)."""
    at, by = command.at, command.fact.authority
    if not state.versions or at < state.issued_at:
        raise Refused(f"{state.number} was not yet issued at that instant.")
    basis = state.version_at(at).terms.basis
    if basis is None:
        raise Refused(
            f"{state.number} is the issuing office's own order, not one that was conveyed: there "
            "is nothing to back."
        )
    given = basis.ref if basis.form == "signed" else state.backing
    if given is not None and given in command.names:
        return False
    if given is not None:
        raise Refused(f"{state.number} is backed by {given} already; that stands.")
    if state.unit is None or not command.tree.commands(by.post, state.unit):
        raise Refused(
            f"{by.post} neither belongs to {state.unit}, which issued it, nor commands it."
        )
    if by.officer is None:
        raise Refused(f"{by.post} is vacant at that instant: name a held post with --by.")
    if command.form == "conveyed":
        raise Refused(
            f"{command.fact.instrument} was only conveyed itself: what backs an order is signed. "
            "Enter the signed paper."
        )
    return True


def _must_be_in_force(state: Directive, at: Micros) -> None:
    if not state.versions or at < state.issued_at:
        raise Refused(f"{state.number} was not yet issued at that instant.")
    if state.ended is not None:
        raise Refused(f"{state.number} has been {state.ended}; issue a new directive instead.")


def evolve(state: Directive, event: Event) -> Directive:
    """Return ``state`` after ``event``."""
    at = micros(event.at)
    match event:
        case Issued() if not state.versions:
            return Directive(
                id=event.directive,
                number=event.number,
                unit=event.unit,
                order=event.order,
                scope=frozenset(event.scope),
                issued_at=at,
                versions=(
                    Version(
                        number=1,
                        since=at,
                        material=False,
                        text=event.text,
                        terms=event.order.terms,
                    ),
                ),
            )
        case Authorised() if state.versions and state.authority is None:
            return replace(state, authority=event.authority)
        case Amended() if state.versions:
            version = Version(event.version, at, event.material, event.text, event.terms)
            return replace(state, versions=(*state.versions, version))
        case Superseded() if state.versions and state.ended is None:
            return replace(state, ended_at=at, ended="superseded", successor=event.by)
        case Withdrawn() if state.versions and state.ended is None:
            return replace(state, ended_at=at, ended="withdrawn")
        case Backed() if state.versions and state.backing is None:
            return replace(state, backing=event.instrument, backed_at=at)
        case _:
            raise CorruptStream(f"{event.stored} cannot follow in directive {state.id}.")


DIRECTIVE: Decider[Command, Directive, Event] = Decider(Directive(), decide, evolve)


def directive_id(office: str, year: int, serial: int) -> DirectiveId:
    """Name a directive by its office, year and serial."""
    return DirectiveId(f"{office}-{year}-{serial}")


def stream(directive: str, office: str) -> str:
    """Name the stream of a directive."""
    return f"directive-{directive}.{office}"
