"""The independent judge: one embedded Farman as the contract's words describe it, done slowly.

It keeps one list of everything that was said and answers every question by scanning it from
the start. It shares no rule with the product: of ``domain`` it takes only the forms in which
orders, units and posts are handed in. Its methods have the names and arguments of the office;
the clock is set with ``oracle.now = …`` before a command. A command that is refused raises `No`.

Known-at counts commands: ``oracle.spoken`` after a command is what a position is to a ledger.

Where the contract is silent or can be read two ways, this is the reading taken:

Instants
- Anything reported for more than five minutes after the clock is refused, repeats too; but the
  same file issued again records no instant, and is the first one whatever is said with it.
- A state holds from its instant, that included, to the next one, that excluded: who retires
  at T is gone at T, and what is due at T is overdue at T.
- A row or command that says of an instant what already holds then writes nothing, so a
  correction entered later for an earlier instant is not hidden by it.

Strength
- Who is listed again after he left begins a new spell: services, answers, contests and
  exemptions of the earlier spell stay in it. A standing directive serves him anew.
- What he is said to be while not on the strength (before, after) is refused; to leave again in
  the same way is a repeat.
- A charge may be assumed before the posting to its unit; what ends it is a later posting to
  another unit. An officer may hold several posts; a roll row ends no charge but by moving him
  or by naming his successor.

Cascade
- A unit whose first roll takes effect after the relay was forwarded serves at that effect,
  also where the order was entered later than the roll: the order of entry makes no difference.
- Whom one command brings in reach of two units is served by the one whose instant is earlier.
- A joiner is served at the first instant at which he matches under a unit that has served,
  as everything now known tells it, whichever of several late entries completes the match.
- Once an end is entered nobody more is served, whatever its instant.
- The scope is what stands below the addressed; of one that is not standing only what stood
  there at its issue too. A unit that comes under one that has forwarded receives at that
  instant. A unit that has received serves, wherever it stands by then.
- A unit that tightens gives less time by the clause's own clock (from its receipt, where it
  had no time), to all that stood below it then and whoever comes under one of those by a later
  receipt; nobody is late by it before it is said. Equal is a repeat, more is refused, and so is
  another clock. It stands through amendments, also material ones: then it runs anew with them.
- A relay's first acknowledgement stands, also when an earlier one arrives late. Without a
  named post the unit's head must be held; the post named is the unit's own or one above it,
  and of it the contract does not ask that it be held. After the end it is refused.
- By rule is forwarded where, at the tick, the grace has run out (to the second) and the head
  is vacant or there is none.

Answers
- An answer is to the version that this office had in force at its `at` when it was entered,
  or to the one it names, which must have been in force by then; an amendment entered later
  does not change what was answered.
- After the directive's end nobody is bound, so an answer for then is refused like one of a
  man who has left; one for before it is accepted late.
- Contested says nothing of reading: the chain is complied, acknowledged, read.
- An earlier contest or exemption that arrives late is a change, as with the other answers.
- A decision ends the contests up to its instant. Deciding the same again is a repeat.
- Exempting and contesting need a service, as answering does.
- An exempt act is not owed: it is neither overdue nor waited for in ``complied``. Exemption
  from everything counts also where there is no act; from a clause that is no act it does not.
- An exempt officer counts in read and acknowledged as he answered.

Versions
- Numbers stand on the acts and dues of the last material version (or the first): so an
  immaterial amendment changes no number, whatever it says.
- ``version=N`` asks as if nothing later were material: answers to N or a later one count.
- An amendment before the latest one, or after any end, is refused; the latest one again is a
  repeat.

Escalation
- Each step is one level and one fact. Levels go up the tree from the unit where the officer is
  now to the issuer's unit (to the root where that is not above it), which the steps beyond
  tell again: who lists three steps wants three, however short the line.
- It is once per unit, clause and level for good: a material amendment does not begin again.

Reading
- What is asked of a time when the ledger did not know the directive is ``not_issued``, all 0.
- A row's due time is the earliest of the owed acts that are open; when all are done, the last
  one. Who is exempt or not yet served has none.
"""

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, Protocol, TypeVar, cast
from zoneinfo import ZoneInfo

from domain.deadline import Due
from domain.directive import Clause, Order, Terms
from domain.force import Post, Unit

AHEAD = timedelta(minutes=5)
LEVEL = {"read": 1, "acknowledged": 2, "complied": 3}
CHARGES = ("substantive", "acting", "additional")
COUNTS = (
    "population",
    "served",
    "read",
    "acknowledged",
    "complied",
    "exempt",
    "contested",
    "overdue",
)


class No(Exception):
    """The answer of a command that is not carried out: why, and with which exit code."""

    def __init__(self, reason: str, code: int = 3) -> None:
        super().__init__(reason)
        self.reason = reason
        self.code = code
        """As in the contract: 2 wrong usage, 3 a rule of the force, 4 a file, 5 no such thing."""


class RollLine(Protocol):
    """What the judge reads in a row of a nominal roll."""

    @property
    def officer_id(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def rank(self) -> int: ...
    @property
    def unit(self) -> str: ...
    @property
    def duty(self) -> str | None: ...
    @property
    def post(self) -> str | None: ...
    @property
    def charge(self) -> str | None: ...


class AnswerLine(Protocol):
    """What the judge reads in a line of an answers file."""

    @property
    def line(self) -> int: ...
    @property
    def directive(self) -> str: ...
    @property
    def officer_id(self) -> str: ...
    @property
    def answer(self) -> str: ...
    @property
    def at(self) -> str:
        """ISO 8601 with offset."""

    @property
    def clause(self) -> str | None: ...


# --- What can be said ---------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Said:
    """One thing said: in which command, as the how manieth, of which instant, entered when."""

    command: int = 0
    order: int = 0
    at: datetime
    entered: datetime | None = None

    @property
    def place(self) -> tuple[datetime, int]:
        """The later `at` wins, then the later entry."""
        return self.at, self.order

    @property
    def about(self) -> tuple[str, ...]:
        """What it speaks of, to find it by."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class _OfUnit(Said):
    unit: str

    @property
    def about(self) -> tuple[str, ...]:
        return (self.unit,)


@dataclass(frozen=True, kw_only=True)
class Stands(_OfUnit):
    """A unit stands in the tree."""

    kind: str
    name: dict[str, str]
    parent: str | None


@dataclass(frozen=True, kw_only=True)
class Listed(_OfUnit):
    """A roll was imported for the unit."""


@dataclass(frozen=True, kw_only=True)
class _OfPost(Said):
    post: str

    @property
    def about(self) -> tuple[str, ...]:
        return (self.post,)


@dataclass(frozen=True, kw_only=True)
class Sanctioned(_OfPost):
    unit: str
    head: bool
    rest: tuple[object, ...]


@dataclass(frozen=True, kw_only=True)
class Assumed(_OfPost):
    officer: str
    charge: str


@dataclass(frozen=True, kw_only=True)
class Relinquished(_OfPost):
    officer: str


@dataclass(frozen=True, kw_only=True)
class _OfOfficer(Said):
    officer: str

    @property
    def about(self) -> tuple[str, ...]:
        return (self.officer,)


@dataclass(frozen=True, kw_only=True)
class Strength(_OfOfficer):
    """He came on the strength, or left it."""

    on: bool
    died: bool = False


@dataclass(frozen=True, kw_only=True)
class Particular(_OfOfficer):
    """One field of him: unit, rank, duty, name."""

    field: str
    value: str | int


@dataclass(frozen=True, kw_only=True)
class _OfDirective(Said):
    directive: str

    @property
    def about(self) -> tuple[str, ...]:
        return (self.directive,)


@dataclass(frozen=True, kw_only=True)
class Issued(_OfDirective):
    number: str
    year: int
    serial: int
    unit: str
    wording: Order
    text: str
    scope: frozenset[str]


@dataclass(frozen=True, kw_only=True)
class Version(_OfDirective):
    number: int
    material: bool
    terms: Terms
    text: str


@dataclass(frozen=True, kw_only=True)
class Ended(_OfDirective):
    how: str
    by: str | None = None


@dataclass(frozen=True, kw_only=True)
class Received(_OfDirective):
    unit: str
    sender: str | None


@dataclass(frozen=True, kw_only=True)
class ReceivedAgain(_OfDirective):
    unit: str
    via: str


@dataclass(frozen=True, kw_only=True)
class DeskAcknowledged(_OfDirective):
    unit: str


@dataclass(frozen=True, kw_only=True)
class Forwarded(_OfDirective):
    unit: str
    by_rule: bool


@dataclass(frozen=True, kw_only=True)
class UnitServed(_OfDirective):
    unit: str


@dataclass(frozen=True, kw_only=True)
class Tightened(_OfDirective):
    """A unit gave less time for a clause, to itself and all that stood below it."""

    clause: str
    due: Due
    units: frozenset[str]


@dataclass(frozen=True, kw_only=True)
class Escalated(_OfDirective):
    unit: str
    clause: str
    level: int


@dataclass(frozen=True, kw_only=True)
class _OfService(Said):
    directive: str
    officer: str

    @property
    def about(self) -> tuple[str, ...]:
        return self.directive, self.officer


@dataclass(frozen=True, kw_only=True)
class Served(_OfService):
    unit: str


@dataclass(frozen=True, kw_only=True)
class Answered(_OfService):
    kind: str
    clause: str | None
    version: int


@dataclass(frozen=True, kw_only=True)
class Contested(_OfService):
    pass


@dataclass(frozen=True, kw_only=True)
class Decided(_OfService):
    outcome: str


@dataclass(frozen=True, kw_only=True)
class Exempted(_OfService):
    clause: str | None


S = TypeVar("S", bound=Said)


# --- What follows from it -----------------------------------------------------------------


@dataclass(frozen=True)
class Row:
    """How one officer stands with one directive at one instant."""

    officer_id: str
    unit: str
    rank: int
    served_at: datetime | None = None
    read_at: datetime | None = None
    acknowledged_at: datetime | None = None
    complied_at: datetime | None = None
    due_at: datetime | None = None
    exempt: bool = False
    contested: bool = False
    overdue: dict[str, datetime] = dataclasses.field(default_factory=dict)
    """The acts that are due and open, with their due times."""

    def counts(self, number: str) -> bool:
        """Tell whether he is one of those whom ``number`` counts."""
        match number:
            case "population":
                return True
            case "exempt":
                return self.exempt
            case "contested":
                return self.contested
            case "overdue":
                return bool(self.overdue)
            case "complied":
                return self.complied_at is not None and not self.exempt
            case _:
                return getattr(self, f"{number}_at") is not None


class Books:
    """All that was said, or what of it was known; every answer is a scan."""

    def __init__(self, said: Iterable[Said] = ()) -> None:
        self.said: list[Said] = []
        self._found: dict[tuple[type[Said], tuple[str, ...]], list[Said]] = {}
        for thing in said:
            self.write(thing)

    def write(self, thing: Said) -> None:
        self.said.append(thing)
        self._found.setdefault((type(thing), thing.about), []).append(thing)

    def known(self, by: int | datetime | None) -> "Books":
        """Return what was known after that many commands, or by that instant of entry."""
        if by is None:
            return self
        if isinstance(by, int):
            return Books(thing for thing in self.said if thing.command <= by)
        return Books(thing for thing in self.said if thing.entered and thing.entered <= by)

    def all(self, kind: type[S]) -> list[S]:
        return [thing for thing in self.said if isinstance(thing, kind)]

    def of(self, kind: type[S], *about: str) -> list[S]:
        return cast("list[S]", self._found.get((kind, about), []))

    def latest(self, kind: type[S], *about: str, at: datetime) -> S | None:
        return max(
            (thing for thing in self.of(kind, *about) if thing.at <= at),
            key=lambda thing: thing.place,
            default=None,
        )

    # The force

    def units(self, at: datetime) -> list[str]:
        return sorted({said.unit for said in self.all(Stands) if said.at <= at})

    def unit(self, unit: str, at: datetime) -> Stands | None:
        return self.latest(Stands, unit, at=at)

    def parent(self, unit: str, at: datetime) -> str | None:
        stands = self.unit(unit, at)
        return stands.parent if stands else None

    def above(self, unit: str, at: datetime) -> list[str]:
        """Return the unit, its parent, and so on up to the root."""
        line: list[str] = []
        up: str | None = unit
        while up is not None and self.unit(up, at) is not None:
            line.append(up)
            up = self.parent(up, at)
        return line

    def below(self, tops: Iterable[str], at: datetime) -> set[str]:
        """Return the tops and everything under them."""
        wanted = set(tops)
        return {unit for unit in self.units(at) if wanted & set(self.above(unit, at))}

    def root(self, at: datetime) -> str | None:
        return next((unit for unit in self.units(at) if self.parent(unit, at) is None), None)

    def officers(self) -> list[str]:
        return sorted({said.officer for said in self.all(Strength)})

    def spell(self, officer: str, at: datetime) -> datetime | None:
        """Return since when he has been on the strength; None while he is not."""
        since: datetime | None = None
        for said in sorted(self.of(Strength, officer), key=lambda said: said.place):
            if said.at > at:
                break
            since = (since or said.at) if said.on else None
        return since

    def particular(self, officer: str, field: str, at: datetime) -> str | int | None:
        said = [p for p in self.of(Particular, officer) if p.field == field and p.at <= at]
        return max(said, key=lambda p: p.place).value if said else None

    def posting(self, officer: str, at: datetime) -> str:
        return cast("str", self.particular(officer, "unit", at))

    def rank(self, officer: str, at: datetime) -> int:
        return cast("int", self.particular(officer, "rank", at))

    def post(self, post: str, at: datetime) -> Sanctioned | None:
        return self.latest(Sanctioned, post, at=at)

    def holders(self, post: str, at: datetime) -> list[tuple[str, str]]:
        """Return who holds the post in which charge; first who answers for it."""
        held = [c for c in self.of(Assumed, post) if c.at <= at and not self._ended(c, at)]
        held.sort(key=lambda c: (CHARGES.index(c.charge), c.at, c.officer))
        return [(c.officer, c.charge) for c in held]

    def _ended(self, charge: Assumed, at: datetime) -> bool:
        def after(said: Said) -> bool:
            return charge.place < said.place and said.at <= at

        mine = charge.officer
        if any(after(r) and r.officer == mine for r in self.of(Relinquished, charge.post)):
            return True
        if any(after(s) and not s.on for s in self.of(Strength, mine)):
            return True
        for other in self.of(Assumed, charge.post):
            replaces = charge.charge == other.charge == "substantive"
            if after(other) and (other.officer == mine or replaces):
                return True
        if charge.charge == "additional":
            return False
        for said in self.of(Particular, mine):
            post = self.post(charge.post, said.at)
            if after(said) and said.field == "unit" and post and said.value != post.unit:
                return True
        return False

    def holder(self, post: str, at: datetime) -> str | None:
        return next((officer for officer, _ in self.holders(post, at)), None)

    def head(self, unit: str, at: datetime) -> str | None:
        """Return the post that heads a unit."""
        posts = {said.post for said in self.all(Sanctioned)}
        for post in sorted(posts):
            now = self.post(post, at)
            if now and now.head and now.unit == unit:
                return post
        return None

    # The directive

    def issued(self, directive: str) -> Issued | None:
        return next(iter(self.of(Issued, directive)), None)

    def ended(self, directive: str) -> Ended | None:
        return next(iter(self.of(Ended, directive)), None)

    def state(self, directive: str, at: datetime) -> str:
        issued, ended = self.issued(directive), self.ended(directive)
        if issued is None or at < issued.at:
            return "not_issued"
        if ended is not None and ended.at <= at:
            return ended.how
        return "in_force"

    def version_at(self, directive: str, at: datetime) -> int:
        """Return the number of the version in force; before the issue, the first."""
        versions = self.of(Version, directive)
        return max((v.number for v in versions if v.at <= at), default=1)

    def asked(self, directive: str, version: int) -> Version:
        """Return the version whose asking a version stands under: the last material one."""
        versions = [v for v in self.of(Version, directive) if v.number <= version]
        return [v for v in versions if v.material or v.number == 1][-1]

    def scope(self, issued: Issued, at: datetime) -> set[str]:
        """Return the units that the directive is for."""
        now = self.below(issued.wording.addressees, at)
        return now if issued.wording.standing else now & issued.scope

    def relay(self, kind: type[S], directive: str, unit: str) -> S | None:
        """Return the first thing of a kind said of a directive at a unit."""
        of = self.of(kind, directive)
        return next((said for said in of if getattr(said, "unit", None) == unit), None)

    def serves(self, issued: Issued, unit: str, at: datetime) -> bool:
        """Tell whether the unit is one that serves: addressed now, or when it received."""
        received = self.relay(Received, issued.directive, unit)
        then = (
            received is not None
            and received.at <= at
            and unit in self.scope(issued, received.at)
        )
        return then or unit in self.scope(issued, at)

    def has_served(self, directive: str, unit: str, at: datetime) -> bool:
        served = self.relay(UnitServed, directive, unit)
        return served is not None and served.at <= at

    def matches(self, issued: Issued, officer: str, at: datetime) -> bool:
        """Tell whether he is one whom the population means."""
        if self.spell(officer, at) is None:
            return False
        who = issued.wording.population
        rank = self.rank(officer, at)
        if who.rank_from is not None and rank < who.rank_from:
            return False
        if who.rank_to is not None and rank > who.rank_to:
            return False
        if who.duty is not None and self.particular(officer, "duty", at) not in who.duty:
            return False
        if set(self.above(self.posting(officer, at), at)) & set(who.except_units):
            return False
        return not any(
            officer == holder
            for post in who.except_posts
            for holder, _ in self.holders(post, at)
        )

    # The service

    def service(self, directive: str, officer: str, at: datetime) -> Served | None:
        """Return the service that binds him at an instant, in the spell he then serves in."""
        since = self.spell(officer, at)
        served = self.of(Served, directive, officer)
        return next((s for s in served if since is not None and since <= s.at <= at), None)

    def ever_served(self, directive: str, officer: str, at: datetime) -> bool:
        """Tell whether he was served in the spell of that instant, before it or after."""
        since = self.spell(officer, at)
        return any(
            self.spell(officer, s.at) == since for s in self.of(Served, directive, officer)
        )

    def answered(
        self, service: Served, at: datetime, asked: int, kind: str, clause: str | None = None
    ) -> datetime | None:
        """Return his earliest answer that says ``kind`` (of an act), to the version asked or later."""
        return min(
            (
                a.at
                for a in self.of(Answered, service.directive, service.officer)
                if service.at <= a.at <= at
                and LEVEL[a.kind] >= LEVEL[kind]
                and (clause is None or a.clause in (None, clause))
                and self.asked(service.directive, a.version).number >= asked
            ),
            default=None,
        )

    def exempt_from(self, service: Served, at: datetime) -> set[str | None]:
        """Return the clauses he is exempt from; None among them: from all."""
        return {
            e.clause
            for e in self.of(Exempted, service.directive, service.officer)
            if service.at <= e.at <= at
        }

    def contested(self, service: Served, at: datetime) -> bool:
        about = service.directive, service.officer
        contests = [c for c in self.of(Contested, *about) if service.at <= c.at <= at]
        decisions = [d for d in self.of(Decided, *about) if d.at <= at]
        return any(all(d.place < c.place for d in decisions) for c in contests)

    def due(
        self, service: Served, act: Clause, asked: Version, at: datetime
    ) -> datetime | None:
        """Return by when an act is due of him, by what was tightened up to an instant, too."""
        dues = [] if act.due is None else [self.run_out(service, act.due, asked)]
        dues += [
            max(self.run_out(service, said.due, asked), said.at)
            for said in self.of(Tightened, service.directive)
            if said.clause == act.id and said.at <= at and self.holds_for(said, service.unit)
        ]
        return min(dues, default=None)

    def run_out(self, service: Served, due: Due, asked: Version) -> datetime:
        """Return when the clock of a deadline runs out for him."""
        if due.at is not None:
            return due.at
        issued = self.issued(service.directive)
        received = self.relay(Received, service.directive, service.unit)
        assert issued is not None
        assert received is not None
        clocks = {"issue": issued.at, "receipt": received.at, "service": service.at}
        start = clocks[due.clock or ""]
        if asked.number > 1:
            start = max(start, asked.at)
        return start + timedelta(seconds=due.within or 0)

    def holds_for(self, said: Tightened, unit: str) -> bool:
        """Tell whether a unit is one of those, or came under one of them by a later receipt."""
        if unit in said.units:
            return True
        received = self.relay(Received, said.directive, unit)
        if received is None or received.order < said.order or received.entered is None:
            return False
        up = self.parent(unit, received.entered)
        return up is not None and up != unit and self.holds_for(said, up)

    def row(
        self, issued: Issued, officer: str, at: datetime, version: int | None
    ) -> Row | None:
        """Return how he stands; None where he is not counted."""
        directive = issued.directive
        if self.state(directive, at) != "in_force" or self.spell(officer, at) is None:
            return None
        unit, rank = self.posting(officer, at), self.rank(officer, at)
        service = self.service(directive, officer, at)
        if service is None:
            waiting = self.serves(issued, unit, at) and not self.has_served(directive, unit, at)
            if not waiting or not self.matches(issued, officer, at):
                return None
            return Row(officer, unit, rank)
        asked = self.asked(directive, version or self.version_at(directive, at))
        acts = asked.terms.acts()
        free = self.exempt_from(service, at)
        exempt = None in free or (bool(acts) and all(act.id in free for act in acts))
        owed = [act for act in acts if not exempt and act.id not in free]
        done = {
            act.id: self.answered(service, at, asked.number, "complied", act.id) for act in owed
        }
        dues = {
            act.id: due
            for act in owed
            if (due := self.due(service, act, asked, at)) is not None
        }
        open_dues = {act: due for act, due in dues.items() if done[act] is None}
        times = [when for when in done.values() if when is not None]
        return Row(
            officer_id=officer,
            unit=unit,
            rank=rank,
            served_at=service.at,
            read_at=self.answered(service, at, asked.number, "read"),
            acknowledged_at=self.answered(service, at, asked.number, "acknowledged"),
            complied_at=max(times) if times and len(times) == len(owed) else None,
            due_at=min(open_dues.values(), default=max(dues.values(), default=None)),
            exempt=exempt,
            contested=self.contested(service, at),
            overdue={act: due for act, due in open_dues.items() if due <= at},
        )

    def rows(self, issued: Issued, at: datetime, version: int | None = None) -> list[Row]:
        """Return everyone who is counted."""
        rows = (self.row(issued, officer, at, version) for officer in self.officers())
        return [row for row in rows if row is not None]


# --- What can be commanded and asked ------------------------------------------------------


class Oracle:
    """One embedded Farman, the slow and obvious way."""

    def __init__(self, now: datetime, office: str = "hq") -> None:
        self.now = now
        """The clock; set it before each command."""
        self.spoken = 0
        """How many commands were carried out or tried."""
        self.office = office
        self.books = Books()
        self.zone = ZoneInfo("UTC")

    # Entering

    def _say(self, thing: Said) -> None:
        place = {"command": self.spoken, "order": len(self.books.said), "entered": self.now}
        for name, value in place.items():
            object.__setattr__(thing, name, value)  # stamped once, as a clerk does on entry
        self.books.write(thing)

    def _begin(self, at: datetime | None) -> datetime:
        self.spoken += 1
        return self._instant(at)

    def _instant(self, at: datetime | None) -> datetime:
        at = self.now if at is None else at
        if at > self.now + AHEAD:
            raise No("The instant lies more than five minutes after the clock.")
        return at

    def _directive(self, ref: str) -> Issued:
        for issued in self.books.all(Issued):
            if ref in {issued.directive, issued.number}:
                return issued
        raise No(f"No directive {ref}.", 5)

    def _officer(self, officer: str) -> None:
        if officer not in self.books.officers():
            raise No(f"No officer {officer}.", 5)

    def _serving(self, officer: str, at: datetime) -> None:
        self._officer(officer)
        if self.books.spell(officer, at) is None:
            raise No(f"{officer} was not on the strength then.")

    def _unit(self, unit: str, at: datetime) -> None:
        if not self.books.of(Stands, unit):
            raise No(f"No unit {unit}.", 5)
        if self.books.unit(unit, at) is None:
            raise No(f"There was no unit {unit} then.")

    def _post(self, post: str, at: datetime) -> Sanctioned:
        if not self.books.of(Sanctioned, post):
            raise No(f"No post {post}.", 5)
        sanctioned = self.books.post(post, at)
        if sanctioned is None:
            raise No(f"There was no post {post} then.")
        return sanctioned

    def _held(self, post: str, at: datetime) -> Sanctioned:
        if self.books.holder(post, at) is None:
            self._post(post, at)
            raise No(f"{post} was vacant then.")
        return self._post(post, at)

    # The force

    def import_force(
        self, *, timezone: str, since: datetime, units: Sequence[Unit], posts: Sequence[Post]
    ) -> dict[str, dict[str, int]]:
        self._begin(since)
        self.zone = ZoneInfo(timezone)
        counts = {
            what: {"added": 0, "changed": 0, "unchanged": 0} for what in ("units", "posts")
        }
        for unit in units:
            stood = self.books.unit(unit.id, since)
            same = stood and (stood.kind, stood.name, stood.parent) == (
                unit.kind, unit.name, unit.parent,
            )  # fmt: skip
            counts["units"]["unchanged" if same else "changed" if stood else "added"] += 1
            if not same:
                self._say(
                    Stands(
                        at=since,
                        unit=unit.id,
                        kind=unit.kind,
                        name=unit.name,
                        parent=unit.parent,
                    )
                )
        for post in posts:
            was = self.books.post(post.id, since)
            rest = (tuple(sorted(post.title.items())), post.rank)
            same_post = was and (was.unit, was.head, was.rest) == (post.unit, post.head, rest)
            counts["posts"]["unchanged" if same_post else "changed" if was else "added"] += 1
            if not same_post:
                self._say(
                    Sanctioned(
                        at=since, post=post.id, unit=post.unit, head=post.head, rest=rest
                    )
                )
        self._cascade()
        return counts

    def import_roll(
        self, rows: Sequence[RollLine], *, at: datetime | None = None
    ) -> dict[str, int]:
        at = self._begin(at)
        books = self.books
        counts = {"added": 0, "changed": 0, "unchanged": 0, "missing": 0}
        listed = {row.officer_id for row in rows}
        counts["missing"] = sum(
            books.spell(officer, at) is not None
            for officer in books.officers()
            if officer not in listed
        )
        for row in rows:
            before = len(books.said)
            known = bool(books.of(Strength, row.officer_id))
            here = books.spell(row.officer_id, at) is not None
            if not here:
                self._say(Strength(at=at, officer=row.officer_id, on=True))
            duty = row.duty or (None if here else "on_duty")
            for field, value in (
                ("unit", row.unit), ("rank", row.rank), ("name", row.name), ("duty", duty),
            ):  # fmt: skip
                says = value is not None
                if says and (not here or books.particular(row.officer_id, field, at) != value):
                    self._say(
                        Particular(
                            at=at, officer=row.officer_id, field=field, value=cast("str", value)
                        )
                    )
            if row.post:
                holds = dict(books.holders(row.post, at)).get(row.officer_id)
                charge = row.charge or holds or "substantive"
                if charge != holds:
                    self._say(
                        Assumed(at=at, post=row.post, officer=row.officer_id, charge=charge)
                    )
            written = len(books.said) > before
            counts["added" if not known else "changed" if written else "unchanged"] += 1
        for listed_unit in sorted({row.unit for row in rows}):
            self._say(Listed(at=at, unit=listed_unit))
        self._cascade()
        return counts

    def transfer(
        self, officer: str, unit: str, *, at: datetime | None = None
    ) -> dict[str, object]:
        at = self._begin(at)
        self._officer(officer)
        self._unit(unit, at)
        return self._particular(officer, "unit", unit, at)

    def duty(
        self, officer: str, state: str, *, at: datetime | None = None
    ) -> dict[str, object]:
        return self._particular(officer, "duty", state, self._begin(at))

    def promote(
        self, officer: str, rank: int, *, at: datetime | None = None
    ) -> dict[str, object]:
        return self._particular(officer, "rank", rank, self._begin(at))

    def _particular(
        self, officer: str, field: str, value: str | int, at: datetime
    ) -> dict[str, object]:
        self._serving(officer, at)
        changed = self.books.particular(officer, field, at) != value
        if changed:
            self._say(Particular(at=at, officer=officer, field=field, value=value))
            self._cascade()
        return {"officer": officer, "changed": changed}

    def retire(
        self, officer: str, *, died: bool = False, at: datetime | None = None
    ) -> dict[str, object]:
        at = self._begin(at)
        self._officer(officer)
        changed = self.books.spell(officer, at) is not None
        before = self.books.latest(Strength, officer, at=at)
        if not changed and (before is None or before.died != died):
            raise No(f"{officer} was not on the strength then.")
        if changed:
            self._say(Strength(at=at, officer=officer, on=False, died=died))
            self._cascade()
        return {"officer": officer, "changed": changed}

    def assume(
        self,
        post: str,
        officer: str,
        *,
        charge: str = "substantive",
        at: datetime | None = None,
    ) -> dict[str, object]:
        at = self._begin(at)
        self._post(post, at)
        self._serving(officer, at)
        changed = (officer, charge) not in self.books.holders(post, at)
        if changed:
            self._say(Assumed(at=at, post=post, officer=officer, charge=charge))
            self._cascade()
        return {"post": post, "officer": officer, "changed": changed}

    def relinquish(
        self, post: str, *, officer: str | None = None, at: datetime | None = None
    ) -> dict[str, object]:
        at = self._begin(at)
        self._post(post, at)
        if officer is not None:
            self._officer(officer)
        holders = self.books.holders(post, at)
        if officer is None and len(holders) > 1:
            raise No(f"Several hold {post}; name one.", 2)
        who = officer or self.books.holder(post, at)
        changed = who in dict(self.books.holders(post, at))
        if changed and who is not None:
            self._say(Relinquished(at=at, post=post, officer=who))
            self._cascade()
        return {"post": post, "officer": who, "changed": changed}

    # The directive

    def issue(
        self, order: Order, text: str, *, at: datetime | None = None, again: bool = False
    ) -> dict[str, object]:
        self._begin(None)
        for known in self.books.all(Issued):
            if (known.text, known.wording.issuer) == (text, order.issuer) and not again:
                self._cascade()
                return self._issued(known, changed=False)
        at = self._instant(at)
        post = self.books.post(order.issuer, at)
        if post is None:
            raise No(f"No post {order.issuer}.", 4)
        outside = set(order.addressees) - self.books.below([post.unit], at)
        if any(not self.books.of(Stands, unit) for unit in outside):
            raise No("An addressee is unknown.", 4)
        if outside:
            raise No(f"{order.issuer} does not command {sorted(outside)}.")
        year = at.astimezone(self.zone).year
        serial = 1 + sum(known.year == year for known in self.books.all(Issued))
        issued = Issued(
            at=at,
            directive=f"{self.office}-{year}-{serial}",
            number=order.label or f"{serial}/{year}",
            year=year,
            serial=serial,
            unit=post.unit,
            wording=order,
            text=text,
            scope=frozenset(self.books.below(order.addressees, at)),
        )
        self._say(issued)
        name = issued.directive
        self._say(
            Version(
                at=at, directive=name, number=1, material=False, terms=order.terms, text=text
            )
        )
        self._say(Received(at=at, directive=name, unit=post.unit, sender=None))
        self._say(DeskAcknowledged(at=at, directive=name, unit=post.unit))
        self._cascade()
        return self._issued(issued, changed=True)

    def _issued(self, issued: Issued, *, changed: bool) -> dict[str, object]:
        return {
            "directive": issued.directive,
            "number": issued.number,
            "changed": changed,
        }

    def amend(
        self,
        ref: str,
        terms: Terms,
        text: str,
        *,
        material: bool = False,
        at: datetime | None = None,
    ) -> dict[str, object]:
        at = self._begin(at)
        issued = self._directive(ref)
        versions = self.books.of(Version, issued.directive)
        if self.books.ended(issued.directive) is not None:
            raise No("It has ended.")
        if at < issued.at:
            raise No("It was not yet issued then.")
        if versions[-1].text == text:
            return {"directive": issued.directive, "version": len(versions)}
        if at < versions[-1].at:
            raise No("A later amendment is in force.")
        number = len(versions) + 1
        self._say(
            Version(
                at=at,
                directive=issued.directive,
                number=number,
                material=material,
                terms=terms,
                text=text,
            )
        )
        self._cascade()
        return {"directive": issued.directive, "version": number}

    def supersede(self, ref: str, by: str, *, at: datetime | None = None) -> dict[str, object]:
        at = self._begin(at)
        successor = self._directive(by)
        return self._end(ref, at, "superseded", successor.directive)

    def withdraw(
        self, ref: str, reason: str, *, at: datetime | None = None
    ) -> dict[str, object]:
        return self._end(ref, self._begin(at), "withdrawn", None)

    def _end(self, ref: str, at: datetime, how: str, by: str | None) -> dict[str, object]:
        issued = self._directive(ref)
        ended = self.books.ended(issued.directive)
        answer = {
            "directive": issued.directive,
            "version": self.books.of(Version, issued.directive)[-1].number,
        }
        if ended is not None:
            if (ended.how, ended.by) == (how, by):
                return answer
            raise No("It has already ended.")
        if by == issued.directive:
            raise No("A directive cannot supersede itself.")
        if at < issued.at:
            raise No("It was not yet issued then.")
        self._say(Ended(at=at, directive=issued.directive, how=how, by=by))
        return answer

    # The cascade

    def _cascade(self) -> None:
        for issued in self.books.all(Issued):
            if self.books.ended(issued.directive) is None:
                self._pass_down(issued)
                while self._serve_next(issued):
                    pass

    def _stood_below(self, issued: Issued, passed_on: Forwarded, unit: str) -> bool:
        """Tell whether a unit was one to forward to when it was forwarded, as was known then."""
        if passed_on.unit == issued.unit and unit in issued.wording.addressees:
            return True
        then = self.books.known(passed_on.command)
        return then.parent(unit, passed_on.entered or passed_on.at) == passed_on.unit

    def _pass_down(self, issued: Issued) -> None:
        """Forward wherever nothing is waited for, one receipt after the other, earliest first."""
        name, books = issued.directive, self.books
        while True:
            for received in books.of(Received, name):
                if books.relay(Forwarded, name, received.unit) is None:
                    acknowledged = books.relay(DeskAcknowledged, name, received.unit)
                    at = received.at if issued.wording.forward == "automatic" else None
                    if at is None and acknowledged is not None:
                        at = acknowledged.at
                    if at is not None:
                        self._say(
                            Forwarded(at=at, directive=name, unit=received.unit, by_rule=False)
                        )
            ways = sorted(self._ways(issued))
            first = [way for way in ways if books.relay(Received, name, way[3]) is None]
            if not first:
                break
            at, _, sender, unit = first[0]
            self._say(Received(at=at, directive=name, unit=unit, sender=sender))
        for at, _, sender, unit in ways:
            receipt = books.relay(Received, name, unit)
            passed_on = books.relay(Forwarded, name, sender)
            if (
                receipt is not None
                # A unit that was moved since has the directive: nothing is sent to it again.
                and passed_on is not None
                and at == passed_on.at
                and receipt.sender not in {None, sender}
                and books.relay(ReceivedAgain, name, unit) is None
                and self._stood_below(issued, passed_on, unit)
            ):
                self._say(ReceivedAgain(at=at, directive=name, unit=unit, via=sender))

    def _ways(self, issued: Issued) -> Iterator[tuple[datetime, bool, str, str]]:
        """Yield every way it goes: when, whether not straight from the issuer, from, to."""
        books = self.books
        changes = {said.at for said in books.all(Stands)}
        for forwarded in books.of(Forwarded, issued.directive):
            if forwarded.unit == issued.unit:
                for addressed in issued.wording.addressees:
                    if addressed != issued.unit:
                        yield forwarded.at, False, forwarded.unit, addressed
            for at in {forwarded.at, *(t for t in changes if t > forwarded.at)}:
                for unit in self.books.scope(issued, at):
                    if books.parent(unit, at) == forwarded.unit:
                        yield at, True, forwarded.unit, unit

    def _serve_next(self, issued: Issued) -> bool:
        """Carry out the earliest service that is open; tell whether there was one."""
        name, books = issued.directive, self.books
        waiting: list[tuple[datetime, int, str]] = []
        for forwarded in books.of(Forwarded, name):
            unit = forwarded.unit
            rolls = books.of(Listed, unit)
            if rolls and books.relay(UnitServed, name, unit) is None:
                at = max(forwarded.at, min(roll.at for roll in rolls))
                if books.serves(issued, unit, at):
                    waiting.append((at, 0, unit))
        if issued.wording.standing:
            for officer in books.officers():
                joined = self._joined(issued, officer)
                if joined is not None:
                    waiting.append((joined, 1, officer))
        if not waiting:
            return False
        at, joins, who = min(waiting)
        if joins:
            unit = books.posting(who, at)
            self._say(Served(at=at, directive=name, officer=who, unit=unit))
            return True
        self._say(UnitServed(at=at, directive=name, unit=who))
        for officer in books.officers():
            if (
                books.matches(issued, officer, at)
                and books.posting(officer, at) == who
                and not books.ever_served(name, officer, at)
            ):
                self._say(Served(at=at, directive=name, officer=officer, unit=who))
        return True

    def _joined(self, issued: Issued, officer: str) -> datetime | None:
        """Return the first instant at which he matches under a unit that has served."""
        books, name = self.books, issued.directive
        said: list[Said] = [
            *books.of(Strength, officer),
            *books.of(Particular, officer),
            *books.of(UnitServed, name),
            *books.all(Stands),
        ]
        for post in issued.wording.population.except_posts:
            said += [*books.of(Assumed, post), *books.of(Relinquished, post)]
        for at in sorted({thing.at for thing in said}):
            if books.spell(officer, at) is None or books.ever_served(name, officer, at):
                continue
            unit = books.posting(officer, at)
            if (
                books.has_served(name, unit, at)
                and unit in books.scope(issued, at)
                and books.matches(issued, officer, at)
            ):
                return at
        return None

    def acknowledge_relay(
        self, ref: str, unit: str, *, by: str | None = None, at: datetime | None = None
    ) -> dict[str, object]:
        at = self._begin(at)
        issued = self._directive(ref)
        name, books = issued.directive, self.books
        if not books.of(Stands, unit):
            raise No(f"No unit {unit}.", 5)
        received = books.relay(Received, name, unit)
        answer: dict[str, object] = {"directive": name, "unit": unit, "changed": False}
        if received is None:
            raise No(f"{unit} has not received it.")
        if books.relay(DeskAcknowledged, name, unit) is not None:
            return answer
        if at < received.at:
            raise No("That is before its receipt.")
        ended = books.ended(name)
        if ended is not None and ended.at <= at:
            raise No("It had ended.")
        desk = by or books.head(unit, at)
        if desk is None:
            raise No(f"{unit} has no head.")
        if by is None:
            self._held(desk, at)
        post = self._post(desk, at)
        if post.unit not in books.above(unit, at):
            raise No(f"{desk} is no desk of {unit} nor above it.")
        self._say(DeskAcknowledged(at=at, directive=name, unit=unit))
        self._cascade()
        return answer | {"changed": True}

    def tighten(
        self,
        ref: str,
        unit: str,
        clause: str,
        *,
        within: int | None = None,
        until: datetime | None = None,
        by: str | None = None,
        at: datetime | None = None,
    ) -> dict[str, object]:
        at = self._begin(at)
        issued = self._directive(ref)
        name, books = issued.directive, self.books
        if not books.of(Stands, unit):
            raise No(f"No unit {unit}.", 5)
        if books.state(name, at) != "in_force":
            raise No("It was not in force.")
        if unit == issued.unit:
            raise No("The issuer amends.")
        asked = books.asked(name, books.version_at(name, at))
        said = next((one for one in asked.terms.clauses if one.id == clause), None)
        if said is None:
            raise No(f"No clause {clause}.", 5)
        desk = by or books.head(unit, at)
        if desk is None:
            raise No(f"{unit} has no head.")
        if by is None:
            self._held(desk, at)
        if self._post(desk, at).unit not in books.above(unit, at):
            raise No(f"{desk} is no desk of {unit} nor above it.")
        if said.kind != "required_act":
            raise No("Nothing to shorten.", 2)
        held = said.due
        for other in books.of(Tightened, name):
            shorter = held is None or self._time(other.due) < self._time(held)
            clocks = held is None or held.clock == other.due.clock
            mine = other.clause == clause and other.at <= at and books.holds_for(other, unit)
            if mine and clocks and shorter:
                held = other.due
        clock = "receipt" if held is None or held.clock is None else held.clock
        due = Due(at=until) if until is not None else Due(clock=clock, within=within)
        received = books.relay(Received, name, unit)
        if received is None or at < received.at:
            raise No(f"{unit} has not received it then.")
        answer: dict[str, object] = {"directive": name, "unit": unit, "changed": False}
        if due == held:
            return answer
        if held is not None and (held.clock != due.clock or self._time(due) > self._time(held)):
            raise No("That would relax it.")
        below = frozenset(books.below([unit], at))
        self._say(Tightened(at=at, directive=name, clause=clause, due=due, units=below))
        return answer | {"changed": True}

    @staticmethod
    def _time(due: Due) -> float:
        return due.at.timestamp() if due.at is not None else float(due.within or 0)

    # The answers

    def answer(
        self,
        ref: str,
        officer: str,
        kind: str,
        *,
        clause: str | None = None,
        at: datetime | None = None,
        version: int | None = None,
    ) -> dict[str, object]:
        at = self._begin(at)
        issued = self._directive(ref)
        self._officer(officer)
        changed = self._answer(issued, officer, kind, clause, at, version)
        return {"directive": issued.directive, "officer": officer, "changed": changed}

    def _bound(self, issued: Issued, officer: str, at: datetime) -> Served:
        """Return the service under which something can be said of him at that instant."""
        if at > self.now + AHEAD:
            raise No("The instant lies more than five minutes after the clock.")
        if at < issued.at:
            raise No("That is before the issue.")
        if self.books.spell(officer, at) is None:
            raise No(f"{officer} was not on the strength then.")
        service = self.books.service(issued.directive, officer, at)
        if service is None:
            raise No(f"{officer} was not served, or not yet then.")
        if self.books.state(issued.directive, at) != "in_force":
            raise No("It had ended.")
        return service

    def _answer(
        self,
        issued: Issued,
        officer: str,
        kind: str,
        clause: str | None,
        at: datetime,
        version: int | None = None,
    ) -> bool:
        if kind == "contested":
            return self._contest(issued, officer, at)
        service = self._bound(issued, officer, at)
        books, name = self.books, issued.directive
        if version is None:
            version = books.version_at(name, at)
        elif version > len(books.of(Version, name)) or (
            books.of(Version, name)[version - 1].at > at
        ):
            raise No("There was no such version then.")
        asks: list[str | None] = [None]
        if kind == "complied":
            acts = [act.id for act in books.of(Version, name)[version - 1].terms.acts()]
            if not acts or clause not in {None, *acts}:
                raise No("No such act is required.")
            asks = [clause] if clause is not None else list(acts)
        asked = books.asked(name, version).number
        if all(books.answered(service, at, asked, kind, act) is not None for act in asks):
            return False
        self._say(
            Answered(
                at=at,
                directive=name,
                officer=officer,
                kind=kind,
                clause=clause if kind == "complied" else None,
                version=version,
            )
        )
        return True

    def contest(
        self, ref: str, officer: str, reason: str, *, at: datetime | None = None
    ) -> dict[str, object]:
        at = self._begin(at)
        issued = self._directive(ref)
        self._officer(officer)
        changed = self._contest(issued, officer, at)
        return {"directive": issued.directive, "officer": officer, "changed": changed}

    def _contest(self, issued: Issued, officer: str, at: datetime) -> bool:
        service = self._bound(issued, officer, at)
        if self.books.contested(service, at):
            return False
        self._say(Contested(at=at, directive=issued.directive, officer=officer))
        return True

    def _commanding(self, post: str, officer: str, at: datetime) -> None:
        """Refuse a post that is vacant, or does not command his unit then."""
        sanctioned = self._held(post, at)
        if sanctioned.unit not in self.books.above(self.books.posting(officer, at), at):
            raise No(f"{post} does not command {officer}'s unit.")

    def decide_contest(
        self, ref: str, officer: str, outcome: str, by: str, *, at: datetime | None = None
    ) -> dict[str, object]:
        at = self._begin(at)
        issued = self._directive(ref)
        self._officer(officer)
        name, books = issued.directive, self.books
        service = self._bound(issued, officer, at)
        self._commanding(by, officer, at)
        changed = books.contested(service, at)
        if not changed:
            before = [d for d in books.of(Decided, name, officer) if service.at <= d.at <= at]
            if not before or max(before, key=lambda d: d.place).outcome != outcome:
                raise No("There is no contest to decide.")
        if changed:
            self._say(Decided(at=at, directive=name, officer=officer, outcome=outcome))
            if outcome == "upheld":
                self._say(Exempted(at=at, directive=name, officer=officer, clause=None))
        return {"directive": name, "officer": officer, "changed": changed}

    def exempt(
        self,
        ref: str,
        officer: str,
        by: str,
        reason: str,
        *,
        clause: str | None = None,
        at: datetime | None = None,
    ) -> dict[str, object]:
        at = self._begin(at)
        issued = self._directive(ref)
        self._officer(officer)
        name = issued.directive
        service = self._bound(issued, officer, at)
        version = self.books.of(Version, name)[self.books.version_at(name, at) - 1]
        if clause is not None and clause not in {c.id for c in version.terms.clauses}:
            raise No(f"No clause {clause}.")
        self._commanding(by, officer, at)
        changed = not self.books.exempt_from(service, at) & {None, clause}
        if changed:
            self._say(Exempted(at=at, directive=name, officer=officer, clause=clause))
        return {"directive": name, "officer": officer, "changed": changed}

    def import_answers(
        self, lines: Sequence[AnswerLine], *, accept_good: bool = False
    ) -> dict[str, object]:
        self._begin(None)
        kept = list(self.books.said)
        counts = {"accepted": 0, "repeated": 0}
        refused: list[int] = []
        for line in lines:
            try:
                issued = self._directive(line.directive)
                self._officer(line.officer_id)
                changed = self._answer(
                    issued,
                    line.officer_id,
                    line.answer,
                    line.clause,
                    datetime.fromisoformat(line.at),
                )
            except No:
                refused.append(line.line)
            else:
                counts["accepted" if changed else "repeated"] += 1
        if refused and not accept_good:
            self.books = Books(kept)
            raise No(f"Lines {refused} were refused.", 4)
        return {**counts, "refused": refused}

    def roll_call(
        self,
        ref: str,
        unit: str,
        rows: Sequence[tuple[int, str, str | None, str | None]],
        *,
        held_at: datetime,
        answer: Literal["acknowledged", "complied"] = "acknowledged",
    ) -> dict[str, object]:
        at = self._begin(held_at)
        issued = self._directive(ref)
        self._unit(unit, at)
        counts = {"accepted": 0, "repeated": 0, "absent": 0}
        refused: list[int] = []
        for line, officer, said, _ in rows:
            try:
                self._officer(officer)
                if said == "absent":
                    self._bound(issued, officer, at)
                    counts["absent"] += 1
                    continue
                changed = self._answer(issued, officer, said or answer, None, at)
            except No:
                refused.append(line)
            else:
                counts["accepted" if changed else "repeated"] += 1
        return {"unit": unit, **counts, "refused": refused}

    # The clock

    def tick(self) -> dict[str, int]:
        at = self._begin(None)
        forwarded = 0
        while self._forward_by_rule(at):
            forwarded += 1
        return {"forwarded_by_rule": forwarded, "escalated": self._escalate(at)}

    def _forward_by_rule(self, at: datetime) -> bool:
        books = self.books
        for issued in books.all(Issued):
            name, wording = issued.directive, issued.wording
            if books.ended(name) is not None or wording.forward == "automatic":
                continue
            for received in books.of(Received, name):
                desk = books.head(received.unit, at)
                if (
                    books.relay(Forwarded, name, received.unit) is None
                    and received.at + timedelta(seconds=wording.grace) <= at
                    and (desk is None or books.holder(desk, at) is None)
                ):
                    self._say(
                        Forwarded(at=at, directive=name, unit=received.unit, by_rule=True)
                    )
                    self._cascade()
                    return True
        return False

    def _escalate(self, at: datetime) -> int:
        books = self.books
        before = len(self.escalations())
        for issued in books.all(Issued):
            name = issued.directive
            version = books.asked(name, books.version_at(name, at))
            for row in books.rows(issued, at):
                for act in version.terms.acts():
                    for level, step in enumerate(act.escalate, start=1):
                        due = row.overdue.get(act.id)
                        if (
                            due is not None
                            and due + timedelta(seconds=step) <= at
                            and (name, row.unit, act.id, level) not in self.escalations()
                        ):
                            self._say(
                                Escalated(
                                    at=at,
                                    directive=name,
                                    unit=row.unit,
                                    clause=act.id,
                                    level=level,
                                )
                            )
        return len(self.escalations()) - before

    def escalations(self) -> set[tuple[str, str, str, int]]:
        """Return every escalation there was: directive, unit, clause, level."""
        return {(e.directive, e.unit, e.clause, e.level) for e in self.books.all(Escalated)}

    # Asking

    def status(
        self,
        ref: str,
        *,
        unit: str | None = None,
        depth: int = 1,
        as_of: datetime | None = None,
        known_at: int | datetime | None = None,
        version: int | None = None,
    ) -> dict[str, object]:
        at = as_of or self.now
        issued = self._directive(ref)
        books = self.books.known(known_at)
        name = issued.directive
        known = books.issued(name) is not None
        rows = books.rows(issued, at, version) if known else []
        top = unit or books.root(at)
        below: list[dict[str, object]] = []
        for one in books.units(at):
            line = books.above(one, at)
            if top in line and 1 <= line.index(top) <= depth:
                stands = books.unit(one, at)
                assert stands is not None
                received = books.relay(Received, name, one)
                acknowledged = books.relay(DeskAcknowledged, name, one)
                below.append(
                    {
                        "unit": one,
                        "kind": stands.kind,
                        "name": stands.name,
                        "parent": stands.parent,
                        "received_at": _by(received, at),
                        "acknowledged_at": _by(acknowledged, at),
                        **_count(books, rows, one, at),
                    }
                )
        return {
            "directive": name,
            "number": issued.number,
            "state": books.state(name, at),
            "unit": top,
            **_count(books, rows, top, at),
            "units": below,
        }

    def officers(
        self,
        ref: str,
        *,
        state: str | None = None,
        unit: str | None = None,
        as_of: datetime | None = None,
        known_at: int | datetime | None = None,
    ) -> list[Row]:
        """Return the rows of those whom a number counts, of all without one."""
        at = as_of or self.now
        issued = self._directive(ref)
        books = self.books.known(known_at)
        if books.issued(issued.directive) is None:
            return []
        top = unit or books.root(at)
        return [
            row
            for row in books.rows(issued, at)
            if top in books.above(row.unit, at) and row.counts(state or "population")
        ]

    def overview(self, *, unit: str | None = None) -> dict[str, dict[str, object]]:
        """Return state and numbers of every directive, now."""
        top = unit or self.books.root(self.now)
        return {
            issued.directive: {
                "state": self.books.state(issued.directive, self.now),
                **_count(self.books, self.books.rows(issued, self.now), top, self.now),
            }
            for issued in self.books.all(Issued)
        }

    def overdue(
        self, *, unit: str | None = None, as_of: datetime | None = None
    ) -> dict[tuple[str, str, str], tuple[int, datetime]]:
        """Return officers and the oldest due time by directive, clause and their unit."""
        at = as_of or self.now
        top = unit or self.books.root(at)
        found: dict[tuple[str, str, str], tuple[int, datetime]] = {}
        for issued in self.books.all(Issued):
            for row in self.books.rows(issued, at):
                if top in self.books.above(row.unit, at):
                    for act, due in row.overdue.items():
                        key = issued.directive, act, row.unit
                        many, oldest = found.get(key, (0, due))
                        found[key] = many + 1, min(oldest, due)
        return found

    def hops(
        self,
        ref: str,
        *,
        as_of: datetime | None = None,
        known_at: int | datetime | None = None,
    ) -> dict[str, dict[str, object]]:
        """Return each relay by its unit; without an instant also what is dated after the clock."""
        name = self._directive(ref).directive
        books = self.books.known(known_at)
        said = [thing for thing in books.said if as_of is None or thing.at <= as_of]
        books = Books(said)
        return {
            received.unit: {
                "via": again.via
                if (again := books.relay(ReceivedAgain, name, received.unit))
                else None,
                "received_at": received.at,
                "acknowledged_at": _at(books.relay(DeskAcknowledged, name, received.unit)),
                "forwarded_at": _at(books.relay(Forwarded, name, received.unit)),
                "served_at": _at(books.relay(UnitServed, name, received.unit)),
            }
            for received in books.of(Received, name)
        }


def _at(said: Said | None) -> datetime | None:
    return said.at if said else None


def _by(said: Said | None, at: datetime) -> datetime | None:
    return said.at if said and said.at <= at else None


def _count(books: Books, rows: Sequence[Row], unit: str | None, at: datetime) -> dict[str, int]:
    under = [row for row in rows if unit in books.above(row.unit, at)]
    return {number: sum(row.counts(number) for row in under) for number in COUNTS}
