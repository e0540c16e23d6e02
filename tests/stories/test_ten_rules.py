"""The ten rules of the design, each over random histories, judged by who shares none of them.

A history is a script of `test_agrees_with_oracle`, drawn with the commands that try the rule. The
office and the judge carry it out side by side: every command comes to the same, and then what
the rule says is asked of the office, of its ledger and of the judge. The judge is the oracle,
to which the permissions, returns and cases are added here, as the contract's words have them.

``FARMAN_EXAMPLES=500`` tries that many new histories of each rule instead of the usual few.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import case, directive, permission, relay, returns, roll_call, service
from domain.deadline import Due
from domain.directive import Clause, Order, Terms
from domain.fact import ClauseId, Fact, PostId, UnitId
from domain.force import Unit
from ledger.codec import Entry, decode
from ledger.store import select_entries
from office.cases import Breach
from office.home import Home
from office.office import Office
from tests import services
from tests.oracle import (
    COUNTS,
    Answered,
    Assumed,
    Issued,
    No,
    Oracle,
    Particular,
    Received,
    Relinquished,
    Sanctioned,
    Served,
    Stands,
    Strength,
    Tightened,
    Version,
)
from tests.spec import examples
from tests.stories.test_agrees_with_oracle import (
    COMMANDS,
    HOUR,
    MORNING,
    SAID_BACK,
    Draw,
    Force,
    Play,
    Script,
    Step,
    ask,
    clauses,
    outcome,
    roll_row,
    said,
    same,
    scripts,
    tell,
)

F = TypeVar("F", bound=Fact)
WHY = "A film on road safety."
AGO = (0, 0, 0, 0, 4, -30, -60, -150, -600, -1800)
"""Minutes before the clock at which something is said to have been; most is said at once."""
LAST = MORNING + timedelta(days=999)


# --- The judge ----------------------------------------------------------------------------


@dataclass
class Given:
    """A return that was taken in."""

    directive: str
    unit: str
    at: datetime
    version: int
    claimed: int
    numbers: tuple[int, ...]
    """Population, known, open, exempt, unserved."""
    full: bool
    marked: bool = False
    """Whether by what became known somebody was open."""
    against: set[str] = field(default_factory=set)
    """Of whom a breach came out that speaks against it."""

    def told(self, *, changed: bool) -> dict[str, Any]:
        population, known, *_ = self.numbers
        return {
            "claimed": self.claimed,
            "known": known,
            "population": population,
            "full": self.full,
            "changed": changed,
        }


@dataclass
class Leave:
    """A permission, as its file tells it."""

    name: str
    directive: str
    officer: str
    scope: str
    until: datetime
    asked_at: datetime
    version: int
    decided: str | None = None
    by: str = ""
    at: datetime = MORNING
    ends: datetime = MORNING
    revoked: datetime | None = None
    revoked_by: str = ""


class Judge(Oracle):
    """The oracle, who also knows returns, permissions and cases."""

    def __init__(self, now: datetime) -> None:
        super().__init__(now)
        self.returns: list[Given] = []
        self.leaves: dict[str, Leave] = {}
        self.cases: dict[tuple[str, str, str, datetime], str] = {}

    # Returns

    def numbers(self, name: str, unit: str, at: datetime) -> tuple[int, ...]:
        """Count population, known, open, exempt and unserved under a unit."""
        issued = self.books.issued(name)
        assert issued is not None
        rows = [
            row for row in self.books.rows(issued, at) if unit in self.books.above(row.unit, at)
        ]
        acts = self.books.asked(name, self.books.version_at(name, at)).terms.acts()
        served = [row for row in rows if row.served_at]
        bound = [row for row in served if not row.exempt]
        done = [row for row in bound if (row.complied_at if acts else row.acknowledged_at)]
        return (
            len(rows),
            len(done),
            len(bound) - len(done),
            len(served) - len(bound),
            len(rows) - len(served),
        )

    def owes(self, issued: Issued, unit: str, at: datetime) -> Clause | None:
        """Return the clause by which the head of a unit owes a return."""
        books, name = self.books, issued.directive
        terms = books.asked(name, books.version_at(name, at)).terms
        found = next((one for one in terms.clauses if one.kind == "return_due"), None)
        received = books.relay(Received, name, unit)
        stands = books.unit(unit, at)
        if found is None or found.due is None or stands is None:
            return None
        if received is None and found.due.clock == "receipt":
            return None
        mine = unit in books.scope(issued, at) or (received and unit != issued.unit)
        return found if mine and stands.kind in _words(found, "from_kinds") else None

    def due_return(self, issued: Issued, unit: str, clause: Clause) -> datetime:
        received = self.books.relay(Received, issued.directive, unit)
        assert clause.due is not None
        if clause.due.at is not None:
            return clause.due.at
        start = received.at if received and clause.due.clock == "receipt" else issued.at
        return start + timedelta(seconds=clause.due.within or 0)

    def submit_return(
        self, ref: str, unit: str, by: str, claimed: int, *, at: datetime | None = None
    ) -> dict[str, Any]:
        at = self._begin(at)
        issued = self._directive(ref)
        name, books = issued.directive, self.books
        post, received = self._post(by, at), books.relay(Received, name, unit)
        if books.state(name, at) != "in_force" or not self.owes(issued, unit, at):
            raise No("It is not owed.")
        if received is None:
            raise No("It has not received it.")
        heads = post.head and post.unit == unit
        if not heads and (post.unit == unit or post.unit not in books.above(unit, at)):
            raise No("It is not his to submit.")
        version = books.version_at(name, at)
        mine = [one for one in self.returns if (one.directive, one.unit) == (name, unit)]
        for one in mine:
            if (one.at, one.claimed, one.version) == (at, claimed, version):
                return one.told(changed=False)
        self._held(by, at)
        numbers = population, _, left, exempt, unserved = self.numbers(name, unit, at)
        if at < received.at or not 0 <= claimed <= population:
            raise No("That cannot be.")
        full = claimed >= population - exempt
        new = Given(name, unit, at, version, claimed, numbers, full)
        before = [one for one in mine if one.at <= at]
        last = max(before, key=lambda one: one.at, default=None)
        for one in before:  # of two of one instant the later entry counts
            last = one if last is not None and one.at >= last.at else last
        if last is not None and not last.marked and not last.against:
            same_as = (last.version, last.claimed, last.numbers)
            if same_as == (version, claimed, numbers):
                return last.told(changed=False)
        if full and (left or unserved):
            raise No("Somebody is open or unserved.")
        self.returns.append(new)
        return new.told(changed=True)

    def tick(self) -> dict[str, int]:
        found: dict[str, int] = {**super().tick(), "contradicted": 0}
        for one in self.returns:
            if one.full and not one.marked and not self.books.ended(one.directive):
                _, _, left, _, unserved = self.numbers(one.directive, one.unit, one.at)
                one.marked = left + unserved > 0
                found["contradicted"] += one.marked
        return found

    # Permissions

    def rule(self, name: str, version: int) -> Clause | None:
        """Return who decides on leave by a version; None: nobody may give it."""
        terms = self.books.of(Version, name)[version - 1].terms
        return next((one for one in terms.clauses if one.kind == "permission_rule"), None)

    def decider(self, officer: str, rule: Clause, at: datetime) -> str | None:
        """Return the post that decides on leave for an officer, by where he is posted then."""
        books = self.books
        post = rule.more.get("decider_post")
        if isinstance(post, str):
            sanctioned = books.post(post, at)
            assert sanctioned is not None
            units, first = books.above(sanctioned.unit, at), [post]
        else:
            units, first = books.above(books.posting(officer, at), at), []
            kind = rule.more["decider_head_of"]
            while units and kind != "unit" and _kind(books.unit(units[0], at)) != kind:
                units.pop(0)
        heads = [head for unit in units if (head := books.head(unit, at)) is not None]
        desks = [*first, *(head for head in heads if head not in first)]
        if not desks:
            return None
        held = [desk for desk in desks if books.holder(desk, at) is not None]
        chosen = held[0] if held else desks[0]
        if books.holder(chosen, at) != officer:
            return chosen
        own = books.post(chosen, at)
        assert own is not None
        over = [head for unit in books.above(own.unit, at) if (head := books.head(unit, at))]
        over = [head for head in over if books.holder(head, at) != officer]
        return next((head for head in over if books.holder(head, at)), next(iter(over), None))

    def request_permission(
        self,
        ref: str,
        officer: str,
        clause: str,
        *,
        scope: str,
        until: datetime,
        why: str,
        at: datetime | None = None,
    ) -> dict[str, Any]:
        at = self._begin(at)
        issued = self._directive(ref)
        self._officer(officer)
        name, books = issued.directive, self.books
        for one in self.leaves.values():
            if (one.directive, one.officer, one.until) == (name, officer, until):
                return {"permission": one.name, "changed": False}
        if books.spell(officer, at) is None or books.state(name, at) != "in_force":
            raise No("He cannot ask.")
        version = books.version_at(name, at)
        rule = self.rule(name, version)
        if rule is None or books.service(name, officer, at) is None or until <= at:
            raise No("He cannot ask for it.")
        if self.decider(officer, rule, at) is None:
            raise No("Nobody decides.")
        number = f"hq-2026-p{len(self.leaves) + 1}"
        self.leaves[number] = Leave(number, name, officer, scope, until, at, version)
        return {"permission": number, "changed": True}

    def grant_permission(
        self, permission: str, by: str, *, at: datetime | None = None
    ) -> dict[str, Any]:
        return self._decide(permission, by, at, "granted")

    def refuse_permission(
        self, permission: str, by: str, *, at: datetime | None = None
    ) -> dict[str, Any]:
        return self._decide(permission, by, at, "refused")

    def revoke_permission(
        self, permission: str, by: str, *, at: datetime | None = None
    ) -> dict[str, Any]:
        return self._decide(permission, by, at, "revoked")

    def _decide(self, name: str, by: str, at: datetime | None, how: str) -> dict[str, Any]:
        at = self._begin(at)
        books, one = self.books, self.leaves.get(name)
        if one is None:
            raise No(f"No permission {name}.", 5)
        answer = {"permission": name, "changed": False}
        if how == "revoked":
            if one.revoked is not None and one.revoked_by == by:
                return answer
        elif one.revoked is None and (one.decided, one.by) == (how, by):
            return answer
        rule = self.rule(one.directive, books.version_at(one.directive, at))
        may = rule is not None and books.state(one.directive, at) == "in_force"
        may = may and books.spell(one.officer, at) is not None
        rule = rule or self.rule(one.directive, one.version)
        posted = books.particular(one.officer, "unit", at) is not None
        desk = self.decider(one.officer, rule, at) if rule and posted else None
        if desk != by or books.holder(by, at) is None:
            raise No("He does not decide.")
        if how == "revoked" and one.revoked is not None:
            return answer
        if how != "revoked" and one.revoked is None and one.decided == how:
            return answer
        if one.revoked is not None or at < one.asked_at:
            raise No("It was revoked, or not yet asked for.")
        if how == "revoked":
            if one.decided != "granted" or not one.at <= at < one.ends:
                raise No("There is nothing to revoke.")
            one.revoked, one.revoked_by = at, by
        else:
            longest = at + timedelta(days=1)  # the rules' expiry
            if one.decided or (how == "granted" and (not may or one.until <= at)):
                raise No("It is decided, or cannot be given.")
            one.decided, one.by, one.at, one.ends = how, by, at, min(one.until, longest)
        return answer | {"changed": True}

    def void(self, one: Leave) -> bool:
        """Tell whether the post that gave leave did not decide then, by all that is known."""
        rule = self.rule(one.directive, self.books.version_at(one.directive, one.at))
        if rule is None or self.books.particular(one.officer, "unit", one.at) is None:
            return True
        desk = self.decider(one.officer, rule, one.at)
        return desk != one.by or self.books.holder(one.by, one.at) is None

    def leave_stands(self, one: Leave) -> str | None:
        """Return how a permission stands at the clock."""
        if one.asked_at > self.now:
            return None
        if one.decided is None or one.at > self.now:
            return "requested"
        if one.decided == "granted" and self.void(one):
            return "void"
        if one.revoked is not None and one.revoked <= self.now:
            return "revoked"
        return "expired" if one.decided == "granted" and one.ends <= self.now else one.decided

    # Cases

    def breached(self, issued: Issued, officer: str, clause: str, at: datetime) -> bool:
        """Tell whether an officer could be in breach of a clause at an instant."""
        name, books = issued.directive, self.books
        wording = books.of(Version, name)[books.version_at(name, at) - 1].terms
        kind = next((one.kind for one in wording.clauses if one.id == clause), None)
        row = books.row(issued, officer, at, None)
        if kind not in {"required_act", "prohibition"} or row is None or row.served_at is None:
            return False
        bound = books.service(name, officer, at)
        assert bound is not None
        if books.exempt_from(bound, at) & {None, clause}:
            return False
        if clause == "post" and self.permitted(name, officer, at):
            return False
        return kind == "prohibition" or clause in row.overdue

    def report_breaches(
        self, ref: str, officer: str, clause: str, breach_at: datetime
    ) -> dict[str, Any]:
        self._begin(None)
        issued = self._directive(ref)
        key = (issued.directive, officer, clause, breach_at)
        if key in self.cases:
            return {"case": self.cases[key], "changed": False}
        self._officer(officer)
        if breach_at > self.now or not self.breached(issued, officer, clause, breach_at):
            raise No("There was no breach.")
        self.cases[key] = f"hq-2026-c{len(self.cases) + 1}"
        for one in self.returns:
            if one.directive == issued.directive and self._untrue(one, *key[1:]):
                one.against.add(officer)
        return {"case": self.cases[key], "changed": True}

    def _untrue(self, one: Given, officer: str, clause: str, breach_at: datetime) -> bool:
        """Tell whether a breach speaks against a return: he stood under it, not yet made good."""
        books, name, at = self.books, one.directive, one.at
        bound = books.service(name, officer, breach_at)
        assert bound is not None
        asked = books.asked(name, books.version_at(name, breach_at))
        if clause in {act.id for act in asked.terms.acts()}:
            good = books.answered(bound, LAST, asked.number, "complied", clause)
            if good is not None and good <= at:
                return False
        under = (
            books.spell(officer, at) is not None
            and one.unit in books.above(books.posting(officer, at), at)
            and one.unit in books.above(books.posting(officer, breach_at), breach_at)
        )
        population, _, _, exempt, _ = self.numbers(name, one.unit, at)
        others = len(one.against - {officer})
        return under and (one.full or one.claimed > population - exempt - others - 1)

    def permitted(self, name: str, officer: str, at: datetime) -> bool:
        """Tell whether he had leave at an instant that stands, by all that is known."""
        return any(
            (one.directive, one.officer, one.decided) == (name, officer, "granted")
            and one.at <= at < min(one.ends, one.revoked or LAST)
            and not self.void(one)
            for one in self.leaves.values()
        )


def _words(clause: Clause, key: str) -> tuple[str, ...]:
    said = clause.more[key]
    assert isinstance(said, tuple)
    return said


def _kind(stands: Stands | None) -> str:
    return "" if stands is None else stands.kind


# --- The two side by side -----------------------------------------------------------------

TOLD: Mapping[str, Sequence[str]] = {
    **SAID_BACK,
    "tick": ("forwarded_by_rule", "contradicted"),
    "submit_return": ("claimed", "known", "population", "full", "changed"),
    "report_breaches": ("case", "changed"),
    **dict.fromkeys(
        (
            "request_permission",
            "grant_permission",
            "refuse_permission",
            "revoke_permission",
        ),
        ("permission", "changed"),
    ),
}


class Trial(Play):
    """An office and the judge, told the same; the office stays open."""

    oracle: Judge
    office: Office

    def __init__(self, office: Office) -> None:
        super().__init__(office.home)
        self.office = office
        self.oracle = Judge(office.now)
        self.books = self.oracle.books

    def tell(self, step: Step) -> tuple[str, object]:
        """Give a command to both; they must come to the same. Return what that is."""
        self.office.now = self.oracle.now = step.clock
        step = self.meant(step)
        told = TOLD[step.command]
        got = outcome(lambda: told_to(self.office, step), step, told)
        same(got, outcome(lambda: ask(self.oracle, step), step, told), str(step))
        self.books = self.oracle.books
        if step.command == "issue" and got[0] == "done":
            label = step.said["order"].label
            self.issued += [label] if label not in self.issued else []
        return got

    def told(
        self, script: Script, then: "Ending | None" = None
    ) -> Iterator[tuple[Step, tuple[str, object]]]:
        """Carry a script out, yielding each command and what it came to."""
        for step in self.steps(script, then):
            yield step, self.tell(step)

    def steps(self, script: Script, then: "Ending | None" = None) -> Iterator[Step]:
        """Yield the commands of a script and of an ending, the clock set: they are to be told."""
        last = script.steps[-1].clock + timedelta(hours=1)
        for step in chain(script.steps, then(self, last) if then else ()):
            for one in self._each(step):
                self.office.now = self.oracle.now = one.clock
                yield one

    def _each(self, step: Step) -> Iterator[Step]:
        """Yield the commands that one of a script's stands for."""
        self.oracle.now = step.clock
        match step.command:
            case "everybody_complies":
                for one in self.books.all(Issued):
                    for row in self.books.rows(one, step.clock):
                        under = step.said["unit"] in self.books.above(row.unit, step.clock)
                        if one.number == step.said["ref"] and under:
                            told = {"ref": one.number, "officer": row.officer_id}
                            at = {
                                name: step.said[name] for name in ("at",) if name in step.said
                            }
                            whole = {**told, "kind": "complied", "clause": None, **at}
                            yield replace(step, command="answer", said=whole)
            case "vacate":
                for who, _ in self.books.holders(step.said["post"], step.clock):
                    told = {"post": step.said["post"], "officer": who}
                    yield replace(step, command="relinquish", said=told)
            case _:
                yield step

    def meant(self, step: Step) -> Step:
        """Put in what a command leaves to the instant: how many a return claims, who decides."""
        at, books = step.said.get("at", step.clock), self.books
        told = {name: value for name, value in step.said.items() if name != "less"}
        if "less" in step.said:
            named = [one for one in books.all(Issued) if one.number == told["ref"]]
            population, _, _, exempt, _ = (
                self.oracle.numbers(named[0].directive, told["unit"], at) if named else (0,) * 5
            )
            told["claimed"] = max(0, population - exempt - step.said["less"])
        if "permission" in told and not told["by"]:
            one = self.oracle.leaves.get(told["permission"])
            by = None
            if one is not None and books.particular(one.officer, "unit", at) is not None:
                rule = self.oracle.rule(one.directive, books.version_at(one.directive, at))
                by = self.oracle.decider(one.officer, rule, at) if rule else None
            told["by"] = by or "head-hq"
        return replace(step, said=told)

    def rows(self, ref: str) -> dict[str, Any]:
        """Return how every officer stands, by the office."""
        found = self.office.officers(ref, limit=1_000)["officers"]
        return {row["officer_id"]: row for row in found}

    def agrees(self) -> None:
        """Compare every number and every row, of now."""
        for ref in self.issued:
            self.agree(self.office, ref)

    def entries(self, kind: type[F], after: int = 0) -> Iterator[tuple[Entry, F]]:
        """Yield the facts of a kind that the ledger holds, with their entries."""
        for entry in self.ledger(after):
            if isinstance(entry.fact, kind):
                yield entry, entry.fact

    def ledger(self, after: int = 0) -> list[Entry]:
        with self.office.store.reading() as conn:
            return [
                Entry(position, stream, version, decode(name, state))
                for position, stream, version, name, state in select_entries(conn, after, 10**6)
            ]

    def named(self, ref: str) -> Issued:
        return next(one for one in self.books.all(Issued) if one.number == ref)


Ending = Callable[[Trial, datetime], Iterator[Step]]
"""Yields what goes on after a script, from a clock on, by how things stand by then."""


def in_command(trial: Trial, clock: datetime) -> Iterator[Step]:
    """Let somebody hold the desk of the force's head."""
    there = [one for one in trial.books.officers() if trial.books.spell(one, clock)]
    yield Step(clock, "assume", {"post": "head-hq", "officer": there[0]})


def told_to(office: Office, step: Step) -> dict[str, Any]:
    """Give a command of the rules to the office."""
    if step.command == "report_breaches":
        told = dict(step.said)
        breach = Breach(told["officer"], told["clause"], told["breach_at"], "Video 14.")
        return office.report_breaches(told["ref"], [breach])
    if step.command == "tick":
        found = office.tick()
        assert office.tick()["position"] == found["position"], "a second tick wrote something"
        return found
    return tell(office, step)


Fresh = Callable[[], Any]
"""Opens a new office for as long as it lasts."""


def rule(
    histories: st.SearchStrategy[Any], usually: int = 18
) -> Callable[[Callable[[Fresh, Any], None]], Callable[..., None]]:
    """Try a rule with so many histories on SQLite, and with three on PostgreSQL."""

    def decorate(holds: Callable[[Fresh, Any], None]) -> Callable[..., None]:
        @pytest.mark.parametrize("store", ["sqlite", "postgresql"])
        def test(store: str, request: pytest.FixtureRequest) -> None:
            @examples(usually if store == "sqlite" else 3, shrink=False)
            @given(history=histories)
            def each(history: Any) -> None:
                holds(lambda: opened(store, request), history)

            each()

        test.__name__, test.__doc__ = holds.__name__, holds.__doc__
        return test

    return decorate


@contextmanager
def opened(store: str, request: pytest.FixtureRequest) -> Iterator[Office]:
    """Open an office of its own in an empty store."""
    with TemporaryDirectory() as folder:
        if store == "sqlite":
            with Office(Home.init(Path(folder), rehearsal=True), MORNING) as office:
                yield office
            return
        server: services.Server = request.getfixturevalue("postgres_server")
        url = server.create_database()
        try:
            with Office(Home.init(Path(folder), store=url, rehearsal=True), MORNING) as office:
                yield office
        finally:
            server.drop_database(url)


# --- What is drawn ------------------------------------------------------------------------


def commands(**more: int) -> tuple[str, ...]:
    """Return the usual commands, and these so many times."""
    return (*COMMANDS, *(name for name, times in more.items() for _ in range(times)))


def only(**times: int) -> tuple[str, ...]:
    """Return these commands, each so many times."""
    return tuple(name for name, many in times.items() for _ in range(many))


@st.composite
def ruled(draw: Draw) -> tuple[Clause, ...]:
    """Acts and a prohibition; leave of another, by a rule; a return, by another clause."""

    def pick(*among: Any) -> Any:
        return draw(st.sampled_from(among))

    who: dict[str, Any] = pick(
        {"decider_head_of": "district"},
        {"decider_head_of": "unit"},
        {"decider_head_of": "region"},
        {"decider_post": "head-r1"},
    )
    leave: tuple[Clause, ...] = (
        Clause(
            id=ClauseId("leave"),
            kind="permission_rule",
            of=(ClauseId("post"),),
            text={},
            more={**who, "expiry": "P1D"},
        ),
    )
    due = pick(
        Due(clock="receipt", within=2 * HOUR),
        Due(clock="issue", within=8 * HOUR),
        Due(at=MORNING + timedelta(hours=7)),
    )
    owed = Clause(
        id=ClauseId("report"),
        kind="return_due",
        text={},
        due=due,
        more={"from_kinds": pick(("region", "district"), ("district", "station"))},
    )
    return (
        *draw(clauses()),
        Clause(
            id=ClauseId("post"),
            kind="prohibition",
            text={},
            more={"unless_permitted": True},
        ),
        *pick(leave, leave, leave, ()),
        *pick((owed,), (owed,), (owed,), ()),
    )


def say(draw: Draw, command: str, force: Force, issues: Mapping[str, Order]) -> dict[str, Any]:
    """Draw what a command of the rules is told; the others as usual."""
    units = [unit.id for unit in force.units]

    def pick(*among: Any) -> Any:
        return draw(st.sampled_from(among))

    def at() -> dict[str, Any]:
        minutes = pick(*AGO)
        return {"at": timedelta(minutes=minutes)} if minutes else {}

    def officer() -> str:
        found: str = pick(*force.officers[:3], *force.officers[:3], *force.officers, "n0")
        return found

    ref = {"ref": pick(*issues)}
    match command:
        case "submit_return":
            unit = pick(*(units[1:] or units))
            by = pick(f"head-{unit}", "head-hq", "head-hq", "head-r1", "reader-r1")
            return {**ref, "unit": unit, "by": by, "less": pick(0, 0, 0, 1, 2, -1), **at()}
        case "everybody_complies":
            return {**ref, "unit": pick(*units), **at()}
        case "request_permission":
            until = MORNING + timedelta(hours=pick(4, 30, 90))
            told = {"officer": officer(), "clause": "post", "scope": "A film"}
            return {**ref, **told, "until": until, "why": WHY, **at()}
        case "grant_permission" | "refuse_permission" | "revoke_permission":
            # By "whoever decides", the judge tells; by another post now and then.
            post = pick("", "", "", "", *(post.id for post in force.posts))
            return {"permission": f"hq-2026-p{pick(1, 1, 2, 3)}", "by": post, **at()}
        case "report_breaches":
            clause = pick("ban", "ban", "a", "a", "b", "post", "post", "none")
            when = timedelta(minutes=pick(0, -1, -10, -30, -60, -150, -600, -1800, 3))
            return {**ref, "officer": officer(), "clause": clause, "breach_at": when}
        case "amend" if issues:
            label = pick(*issues)
            terms = Terms(subject={"en": "Anew"}, clauses=draw(ruled()))
            material = pick(True, False)
            if not material:
                terms = issues[label].terms.model_copy(update={"subject": {"en": "Anew"}})
            text = pick("b", "c", "d") * 64
            return {"ref": label, "terms": terms, "text": text, "material": material, **at()}
        case "vacate":
            return {"post": pick(*(post.id for post in force.posts))}
        case _:
            return said(draw, command, force, issues)


# --- 1. Who may issue to whom -------------------------------------------------------------


def say_of_command(
    draw: Draw, command: str, force: Force, issues: Mapping[str, Order]
) -> dict[str, Any]:
    """Draw orders of anybody to anybody, and units that are moved about, and new ones."""
    units = [unit.id for unit in force.units]

    def pick(*among: Any) -> Any:
        return draw(st.sampled_from(among))

    def at() -> timedelta:
        return timedelta(minutes=pick(*AGO))

    if command == "issue":
        number = draw(st.integers(10, 99))
        order = Order(
            label=f"D/{number}",
            issuer=PostId(pick(*(post.id for post in force.posts), "reader-r1")),
            precedence="immediate",
            forward="automatic",
            addressees=tuple(draw(st.lists(st.sampled_from(units), min_size=1, max_size=3, unique=True))),
            terms=Terms(subject={"en": "Told"}),
        )  # fmt: skip
        return {"order": order, "text": f"{number:02}" * 32, "at": at()}
    if command == "import_force":
        kinds = {"district": "region", "station": "district"}

        def moved(unit: Unit) -> Unit:
            above = [one.id for one in force.units if one.kind == kinds.get(unit.kind)]
            return replace(unit, parent=pick(unit.parent, *above)) if above else unit

        new = Unit(UnitId("new"), "station", {"en": "New"}, UnitId(pick("hq", *units[:2])))
        reader = replace(force.posts[-1], unit=UnitId(pick(*units)))
        return {
            "since": at(),
            "units": [*map(moved, force.units), *pick((), (new,))],
            "posts": [*force.posts[:-1], reader],
        }
    return say(draw, command, force, issues)


@rule(
    scripts(
        commands=only(
            issue=6, import_force=3, assume=2, relinquish=1, promote=1, transfer=2, retire=1
        ),
        say=say_of_command,
    )
)
def test_a_post_issues_only_to_units_under_its_command_then_and_the_fact_says_so(
    fresh: Fresh, history: Script
) -> None:
    """DESIGN 4, rule 1."""
    with fresh() as office:
        trial = Trial(office)
        for step in trial.steps(history):
            head = office.head()
            came, _ = trial.tell(step)
            if step.command != "issue":
                continue
            order, at, books = step.said["order"], step.said.get("at", step.clock), trial.books
            post = books.post(order.issuer, at)
            assert post is not None
            outside = set(order.addressees) - books.below([post.unit], at)
            known = [
                one
                for one in books.all(Issued)
                if (one.text, one.wording.issuer) == (step.said["text"], order.issuer)
            ]
            if came == "no":
                assert outside
                assert (known, office.head()) == ([], head)
            else:
                assert len(known) == 1
                assert not outside or office.head() == head
        orders = dict(
            zip(
                [entry.stream for entry, _ in trial.entries(directive.Issued)],
                zip(
                    [fact for _, fact in trial.entries(directive.Issued)],
                    [fact for _, fact in trial.entries(directive.Authorised)],
                    strict=True,
                ),
                strict=True,
            )
        )
        assert len(orders) == len(trial.books.all(Issued))
        for issued in trial.books.all(Issued):
            fact, ground = orders[f"directive-{issued.directive}.hq"]
            assert fact.scope == tuple(sorted(issued.scope))
            assert set(fact.order.addressees) <= issued.scope
            assert ground.authority.model_dump() == authority_then(
                trial.books.known(issued.command), issued
            )


def authority_then(books: Any, issued: Issued) -> dict[str, Any]:
    """Return what the fact of an issue should say of the issuing post, by what was known."""
    post, at = issued.wording.issuer, issued.at
    held = next(iter(books.holders(post, at)), None)
    lines = [books.above(unit, at) for unit in issued.wording.addressees]
    shared = [unit for unit in lines[0] if all(unit in line for line in lines)]
    return {
        "post": post,
        "unit": issued.unit,
        "officer": held and held[0],
        "charge": held and held[1],
        "rank": held and books.rank(held[0], at),
        "line": tuple(shared[: shared.index(issued.unit) + 1]),
    }


# --- 2. Tighter, never laxer --------------------------------------------------------------


@rule(scripts(commands=commands(tighten=14, acknowledge_relay=4)))
def test_a_relay_may_tighten_and_never_relax(fresh: Fresh, history: Script) -> None:
    """DESIGN 4, rule 2."""
    with fresh() as office:
        trial = Trial(office)
        for step in trial.steps(history):
            before = {ref: trial.rows(ref) for ref in trial.issued}
            came, answer = trial.tell(step)
            if step.command != "tighten" or step.said["ref"] not in trial.issued:
                continue
            after = {ref: trial.rows(ref) for ref in trial.issued}
            if came == "no" or not changed(answer):
                assert after == before
            for officer, row in after[step.said["ref"]].items():
                was = before[step.said["ref"]][officer]["due_at"]
                assert was is None or row["due_at"] <= was
        for _, fact in trial.entries(relay.ClauseTightened):
            assert fact.due is not None
            assert is_tighter(fact.due, fact.was)
        for ref in trial.issued:
            issued, books = trial.named(ref), trial.books
            own = type(books)(one for one in books.said if not isinstance(one, Tightened))
            for officer, row in trial.rows(ref).items():
                said_by_issuer = own.row(issued, officer, office.now, None)
                assert said_by_issuer is not None
                if said_by_issuer.due_at is not None:
                    assert row["due_at"] <= said_by_issuer.due_at
                # What a unit tightened holds for a case, too.
                for act in ("a", "b"):
                    told = {"ref": ref, "officer": officer, "clause": act}
                    now = history.steps[-1].clock
                    trial.tell(Step(now, "report_breaches", {**told, "breach_at": now}))
        trial.agrees()


def changed(answer: object) -> bool:
    assert isinstance(answer, dict)
    return bool(answer["changed"])


def is_tighter(due: Due, was: Due | None) -> bool:
    """Tell whether a deadline leaves strictly less time than the one that held, by its clock."""
    if was is None:
        return True
    if due.at is not None:
        return was.at is not None and due.at < was.at
    return due.clock == was.clock and (due.within or 0) < (was.within or 0)


# --- 3. Nobody certifies what is open -----------------------------------------------------


@rule(
    scripts(
        longest=24,
        commands=only(
            submit_return=8,
            report_breaches=4,
            everybody_complies=6,
            answer=2,
            acknowledge_relay=4,
            transfer=3,
            tick=4,
            exempt=1,
            import_roll=2,
            assume=2,
            issue=1,
            amend=1,
            duty=1,
            retire=1,
        ),
        wording=ruled,
        say=say,
    ),
    24,
)
def test_nobody_certifies_full_compliance_with_an_unserved_or_open_officer(
    fresh: Fresh, history: Script
) -> None:
    """DESIGN 4, rule 3."""
    with fresh() as office:
        trial = Trial(office)
        for _ in trial.told(history, certifying):
            pass
        given = [(entry, fact) for entry, fact in trial.entries(returns.ReturnSubmitted)]
        assert len(given) == len(trial.oracle.returns)
        marks: dict[tuple[str, int], set[str | None]] = {}
        for _, mark in trial.entries(returns.ReturnContradicted):
            marks.setdefault((mark.stream, mark.version), set()).add(mark.officer)
        for (entry, fact), one in zip(given, trial.oracle.returns, strict=True):
            numbers = fact.population, fact.known, fact.open, fact.exempt, fact.unserved
            assert (fact.claimed, numbers, fact.full) == (one.claimed, one.numbers, one.full)
            assert not (fact.full and (fact.open or fact.unserved))
            by_rule: set[str | None] = {None} if one.marked else set()
            assert marks.get((entry.stream, entry.version), set()) == by_rule | one.against


def certifying(trial: Trial, clock: datetime) -> Iterator[Step]:
    """Everybody who was served complies; all is certified; somebody turns out to be left."""
    yield from in_command(trial, clock)
    for ref in trial.issued:
        yield Step(clock, "everybody_complies", {"ref": ref, "unit": "hq"})
        for unit in trial.books.units(clock):
            told = {"ref": ref, "unit": unit, "by": "head-hq", "less": 0}
            yield Step(clock, "submit_return", told)
    clock += timedelta(hours=1)
    late = {"officer": trial.books.officers()[-1], "state": "on_duty"}
    yield Step(clock, "duty", {**late, "at": clock - timedelta(hours=2)})
    row = roll_row("n9", trial.books.units(clock)[-1], rank=7, duty=None)
    yield Step(clock, "import_roll", {"rows": [row], "at": clock - timedelta(hours=2)})
    yield Step(clock, "tick", {})


# --- 4. Leave from who may give it --------------------------------------------------------


@rule(
    scripts(
        longest=26,
        commands=only(
            report_breaches=4,
            request_permission=7,
            grant_permission=9,
            refuse_permission=1,
            revoke_permission=2,
            transfer=4,
            assume=4,
            relinquish=2,
            import_force=1,
            amend=1,
            tick=2,
            retire=1,
            acknowledge_relay=1,
            withdraw=1,
        ),
        wording=ruled,
        say=say,
    ),
    24,
)
def test_leave_from_a_post_without_authority_at_that_instant_is_void(
    fresh: Fresh, history: Script
) -> None:
    """DESIGN 4, rule 4."""
    with fresh() as office:
        trial = Trial(office)
        for _ in trial.told(history, given_wrongly):
            want = {
                one.name: state
                for one in trial.oracle.leaves.values()
                if (state := trial.oracle.leave_stands(one)) is not None
            }
            found = office.permissions()["permissions"]
            same({row["permission"]: row["state"] for row in found}, want, "permissions")
        for entry, fact in trial.entries(permission.Granted):
            one = trial.oracle.leaves[entry.stream.removeprefix("permission-").split(".")[0]]
            assert (fact.authority.post, fact.at, fact.until) == (one.by, one.at, one.ends)


def given_wrongly(trial: Trial, clock: datetime) -> Iterator[Step]:
    """Leave is given to several; then it becomes known that they were posted elsewhere by then."""
    yield from in_command(trial, clock)
    several, units = trial.books.officers()[-4:], trial.books.units(clock)
    for ref in trial.issued:
        for officer in several:
            told = {"ref": ref, "officer": officer, "clause": "post", "scope": "A film"}
            whole = {**told, "until": clock + timedelta(days=2), "why": WHY}
            yield Step(clock, "request_permission", whole)
    for name in list(trial.oracle.leaves):
        yield Step(clock, "grant_permission", {"permission": name, "by": ""})
    clock += timedelta(hours=1)
    for n, officer in enumerate(several):
        told = {"officer": officer, "unit": units[n % len(units)]}
        yield Step(clock, "transfer", {**told, "at": clock - timedelta(hours=2)})
    for unit in units[1:]:
        for who, _ in trial.books.holders(f"head-{unit}", clock):
            told = {"post": f"head-{unit}", "officer": who}
            yield Step(clock, "relinquish", {**told, "at": clock - timedelta(hours=2)})


# --- 5. What was done while it was in force -----------------------------------------------


@rule(
    scripts(
        longest=26,
        commands=only(
            report_breaches=12,
            answer=6,
            supersede=3,
            amend=3,
            exempt=1,
            transfer=1,
            issue=2,
            acknowledge_relay=3,
            retire=1,
            tighten=1,
            roll_call=1,
            import_roll=1,
        ),
        wording=ruled,
        say=say,
    ),
    24,
)
def test_a_superseded_directive_governs_what_was_done_while_it_was_in_force(
    fresh: Fresh, history: Script
) -> None:
    """DESIGN 4, rule 5."""
    with fresh() as office:
        trial = Trial(office)
        for step in trial.steps(history, judged_late):
            head = office.head()
            came, _ = trial.tell(step)
            for _, fact in trial.entries(case.BreachReported, head):
                books, at = trial.books, fact.breach_at
                version = books.version_at(fact.directive, at)
                wording = books.of(Version, fact.directive)[version - 1]
                assert books.state(fact.directive, at) == "in_force"
                assert (fact.version, fact.text) == (version, wording.text)
                assert fact.unit == books.posting(fact.officer, at)
                assert fact.rank == books.rank(fact.officer, at)
            if step.command in {"answer", "report_breaches"} and came != "no":
                at = step.said.get("at", step.said.get("breach_at", step.clock))
                named = [
                    one for one in trial.books.all(Issued) if one.number == step.said["ref"]
                ]
                assert trial.books.state(named[0].directive, at) == "in_force" or (
                    step.command == "report_breaches" and office.head() == head
                )
        for ref in trial.issued:
            ended = trial.books.ended(trial.named(ref).directive)
            if ended is not None:
                trial.agree(office, ref, as_of=ended.at - timedelta(microseconds=1))
                trial.agree(office, ref, as_of=ended.at)


def judged_late(trial: Trial, clock: datetime) -> Iterator[Step]:
    """Of what was done just before and just when each wording or the end came is told late."""
    for ref in trial.issued:
        name = trial.named(ref).directive
        ended = trial.books.ended(name)
        turns = [one.at for one in trial.books.of(Version, name)[1:]]
        for turn in turns + ([ended.at] if ended else []):
            for at in (turn - timedelta(microseconds=1), turn):
                for officer in trial.books.officers()[:3]:
                    told = {"ref": ref, "officer": officer}
                    breach = {**told, "clause": "ban", "breach_at": at}
                    yield Step(clock, "report_breaches", breach)
                    yield Step(clock, "answer", {**told, "kind": "acknowledged", "at": at})


# --- 6. The obligation follows the person, the liability the tenure -----------------------


@rule(
    scripts(
        longest=24,
        commands=only(
            transfer=9,
            duty=3,
            promote=2,
            answer=3,
            assume=4,
            relinquish=2,
            submit_return=5,
            everybody_complies=3,
            acknowledge_relay=4,
            tick=2,
            import_force=1,
            tighten=1,
            exempt=1,
            import_roll=1,
            issue=1,
        ),
        wording=ruled,
        say=say,
    )
)
def test_an_obligation_follows_the_person_and_the_liability_stays_with_the_tenure(
    fresh: Fresh, history: Script
) -> None:
    """DESIGN 4, rule 6."""
    with fresh() as office:
        trial = Trial(office)
        for step in trial.steps(history):
            before = {ref: trial.rows(ref) for ref in trial.issued}
            came, _ = trial.tell(step)
            if step.command not in {"transfer", "duty"} or came == "no":
                continue
            for ref in trial.issued:
                after = trial.rows(ref)
                for officer, was in before[ref].items():
                    if was["served_at"] is None:
                        continue
                    now = after[officer]
                    kept = {name: was[name] for name in was if name not in {"unit", "duty"}}
                    assert kept == {name: now[name] for name in kept}
        trial.agrees()
        scores: Counter[tuple[str, str | None, str]] = Counter()
        for one in office.return_scores()["scores"]:
            for name in ("owed", "in_time", "late", "missing"):
                scores[one["post"], one["officer_id"], name] += one[name]
        same(dict(+scores), dict(+liabilities(trial)), "scores of returns")


def liabilities(trial: Trial) -> Counter[tuple[str, str | None, str]]:
    """Count what each tenure owed, by who held the desk when it fell due (without amendments)."""
    found: Counter[tuple[str, str | None, str]] = Counter()
    judge, books = trial.oracle, trial.books
    for issued in books.all(Issued):
        for unit in books.units(judge.now):
            clause = judge.owes(issued, unit, judge.now)
            if clause is None:
                continue
            due = judge.due_return(issued, unit, clause)
            then = min(due, judge.now)
            desk = books.head(unit, then)
            if desk is None:
                continue
            key = desk, books.holder(desk, then)
            given = [one.at for one in judge.returns if one.unit == unit]
            mine = [
                one.at
                for one in judge.returns
                if (one.directive, one.unit) == (issued.directive, unit) and one.at <= judge.now
            ]
            assert len(mine) <= len(given)
            found[(*key, "owed")] += 1
            if mine:
                found[(*key, "late" if min(mine) > due else "in_time")] += 1
            elif due <= judge.now:
                found[(*key, "missing")] += 1
    return found


# --- 7. Sent again ------------------------------------------------------------------------

COUNTED = {
    "changed",
    "was",
    "position",
    "accepted",
    "repeated",
    "added",
    "unchanged",
    "units",
    "posts",
}
"""What an answer says of this sending alone."""
ONCE = {"import_force", "import_roll", "tick", "relinquish"}
"""Commands whose answer tells what they did; the second time that is nothing."""


@rule(
    scripts(
        commands=commands(
            submit_return=3,
            request_permission=3,
            grant_permission=3,
            revoke_permission=1,
            report_breaches=3,
            roll_call=2,
            import_answers=2,
            tighten=1,
        ),
        wording=ruled,
        say=say,
    )
)
def test_sending_anything_again_changes_nothing_and_paper_keeps_both_hours(
    fresh: Fresh, history: Script
) -> None:
    """DESIGN 4, rule 7."""
    with fresh() as once, fresh() as twice:
        trial = Trial(once)
        for step in trial.steps(history):
            before = once.head()
            meant = trial.meant(step)
            first = answered(trial.office, meant)
            ask_too(trial, meant)
            twice.now = step.clock
            same(answered(twice, meant), first, f"another office's answer to {meant}")
            head = twice.head()
            second = answered(twice, meant)
            assert twice.head() == head, str(meant)
            if meant.command not in ONCE:
                same(plain(second), plain(first), f"the second answer to {meant}")
            for entry in trial.ledger(before):
                assert entry.fact.recorded_at == step.clock
            keeps_both_hours(trial, meant, before)
        with once.store.reading() as one, twice.store.reading() as other:
            assert select_entries(one, 0, 10**6) == select_entries(other, 0, 10**6)


def answered(office: Office, step: Step) -> tuple[str, object]:
    """Return all that a command answers."""
    office.now = step.clock
    whole: dict[str, Any] = {}

    def carry_out() -> dict[str, Any]:
        whole.update(told_to(office, step))
        return dict(whole)

    came, code = outcome(carry_out, step, ("changed",))
    return came, whole if came == "done" else code


def plain(came: tuple[str, object]) -> tuple[str, object]:
    """Return an answer without what it says of this sending alone."""
    if came[0] != "done":
        return came
    assert isinstance(came[1], dict)
    return "done", {name: value for name, value in came[1].items() if name not in COUNTED}


def ask_too(trial: Trial, step: Step) -> None:
    """Tell the judge, who knows what later commands mean."""
    outcome(lambda: ask(trial.oracle, step), step, ("changed",))
    trial.books = trial.oracle.books


def keeps_both_hours(trial: Trial, step: Step, before: int) -> None:
    """Check that what is told of an hour is written with it, beside the hour of the entry."""
    at = step.said.get("held_at", step.said.get("at"))
    paper = (
        roll_call.Held,
        service.Acknowledged,
        service.Complied,
        service.Read,
        service.Contested,
    )
    new = [entry.fact for entry in trial.ledger(before) if isinstance(entry.fact, paper)]
    if step.command in {"answer", "roll_call", "contest"} and new:
        assert {fact.at for fact in new} == {at or step.clock}
    for fact in new:
        assert fact.at <= fact.recorded_at + timedelta(minutes=5)


# --- 8. A vacant post delays nobody -------------------------------------------------------


@rule(
    scripts(
        longest=14,
        commands=only(
            vacate=5,
            tick=5,
            issue=3,
            acknowledge_relay=2,
            assume=1,
            transfer=2,
            retire=1,
            import_roll=1,
            relinquish=1,
        ),
        say=say,
    )
)
def test_a_vacant_post_delays_nobody_and_the_gap_is_recorded(
    fresh: Fresh, history: Script
) -> None:
    """DESIGN 4, rule 8."""
    with fresh() as office:
        trial = Trial(office)
        for step in trial.steps(history):
            head, known = office.head(), len(trial.books.said)
            trial.tell(step)
            gaps_are_told(trial, head, step)
            issued = [one for one in trial.books.said[known:] if isinstance(one, Issued)]
            for one in issued:
                if one.wording.forward == "automatic":
                    at_once(trial, one)
        clock = history.steps[-1].clock
        for post in sorted({one.post for one in trial.books.all(Sanctioned)}):
            for who, _ in trial.books.holders(post, clock):
                trial.tell(Step(clock, "relinquish", {"post": post, "officer": who}))
        for _ in range(4):  # levels of the tree
            clock += timedelta(hours=6)  # the longest grace
            head = office.head()
            trial.tell(Step(clock, "tick", {}))
            gaps_are_told(trial, head, Step(clock, "tick", {}))
        trial.agrees()
        for ref in trial.issued:
            one = trial.named(ref)
            if trial.books.ended(one.directive) is None:
                assert all(row["served_at"] for row in trial.rows(ref).values())


def at_once(trial: Trial, issued: Issued) -> None:
    """Check that an automatic order has reached everybody at its own instant, desk or none."""
    books, at = trial.books, issued.at
    bound = {
        officer
        for officer in books.officers()
        if books.spell(officer, at) is not None
        and books.posting(officer, at) in books.below(issued.wording.addressees, at)
        and books.matches(issued, officer, at)
    }
    rows = trial.office.officers(issued.directive, as_of=at, limit=1_000)["officers"]
    served = {row["officer_id"] for row in rows if row["served_at"] == at}
    assert served == bound


def gaps_are_told(trial: Trial, head: int, step: Step) -> None:
    """Check what was forwarded by rule: of a vacant desk only, after the grace, since when."""
    books = trial.books
    for entry, fact in trial.entries(relay.Forwarded, head):
        if fact.vacant_since is None:
            continue
        name, unit = entry.stream.removeprefix("relay-").split(".")[:2]
        issued, received = books.issued(name), books.relay(Received, name, unit)
        assert issued is not None
        assert received is not None
        assert step.command == "tick"
        assert fact.at == step.clock >= received.at + timedelta(seconds=issued.wording.grace)
        desk = books.head(unit, fact.at)
        since = received.at if desk is None else vacant_since(books, desk, fact.at)
        assert datetime.fromisoformat(fact.vacant_since) == since


def vacant_since(books: Any, post: str, at: datetime) -> datetime:
    """Return since when nobody has held a post."""
    instants = {
        one.at
        for one in books.said
        if isinstance(one, Sanctioned | Assumed | Relinquished | Strength | Particular)
    }
    found = at
    for then in sorted((one for one in instants if one <= at), reverse=True):
        if books.holder(post, then) is not None or books.post(post, then) is None:
            return found
        found = then
    return found


# --- 9. Served once -----------------------------------------------------------------------


def levels(
    draw: Draw, command: str, force: Force, issues: Mapping[str, Order]
) -> dict[str, Any]:
    """Draw orders addressed to two levels or more of one line at once; the rest as usual."""
    told = say(draw, command, force, issues)
    if command == "issue":
        line = [unit.id for unit in force.units if unit.id.startswith("r1")]
        more = draw(st.lists(st.sampled_from(line), min_size=1, max_size=3, unique=True))
        both = tuple(dict.fromkeys([line[0], *more, *told["order"].addressees[1:]]))
        standing = draw(st.sampled_from((True, True, False)))
        changed = {"addressees": both, "issuer": PostId("head-hq"), "standing": standing}
        changed["label"] = told["order"].label + "+"
        told["order"] = told["order"].model_copy(update=changed)
        told["text"] = told["text"][:63] + "+"
    return told


@rule(
    scripts(
        longest=24,
        commands=only(
            issue=5,
            transfer=5,
            acknowledge_relay=5,
            tick=3,
            import_force=2,
            import_roll=3,
            retire=2,
            duty=2,
            promote=1,
            assume=1,
            again=2,
        ),
        say=levels,
    )
)
def test_levels_addressed_at_once_serve_nobody_twice(fresh: Fresh, history: Script) -> None:
    """DESIGN 4, rule 9."""
    with fresh() as office:
        trial = Trial(office)
        for _ in trial.told(history, moving_on):
            pass
        times: Counter[tuple[str, str, datetime | None]] = Counter()
        found: Counter[tuple[str, str, str, datetime]] = Counter()
        for entry, fact in trial.entries(relay.OfficersServed):
            name, unit = entry.stream.removeprefix("relay-").split(".")[:2]
            for officer in fact.officers:
                times[name, officer, trial.books.spell(officer, fact.at)] += 1
                found[name, officer, unit, fact.at] += 1
        assert not [who for who, many in times.items() if many > 1]
        want = Counter(
            (one.directive, one.officer, one.unit, one.at) for one in trial.books.all(Served)
        )
        same(dict(found), dict(want), "services")


def moving_on(trial: Trial, clock: datetime) -> Iterator[Step]:
    """Who was served is posted where it has yet to be served, and there it is served then."""
    yield from in_command(trial, clock)
    for unit in trial.books.units(clock):
        clock += timedelta(minutes=1)
        for officer in sorted({one.officer for one in trial.books.all(Served)})[:3]:
            yield Step(clock, "transfer", {"officer": officer, "unit": unit})
        for ref in trial.issued:
            told = {"ref": ref, "unit": unit, "by": "head-hq"}
            yield Step(clock, "acknowledge_relay", told)


# --- 10. Amended, never wiped -------------------------------------------------------------


@rule(
    scripts(
        longest=24,
        commands=only(
            amend=7,
            answer=9,
            roll_call=2,
            import_answers=2,
            contest=1,
            exempt=1,
            acknowledge_relay=3,
            transfer=1,
            tighten=2,
            tick=1,
            again=1,
            retire=1,
        ),
        wording=ruled,
        say=say,
    )
)
def test_an_amendment_never_wipes_an_answer_and_an_immaterial_one_changes_no_number(
    fresh: Fresh, history: Script
) -> None:
    """DESIGN 4, rule 10."""
    with fresh() as office:
        trial = Trial(office)
        for step in trial.steps(history, amended_twice):
            ref = step.said.get("ref")
            before = {one: numbers_of(office, one) for one in trial.issued}
            told = {one: said_of(office, one) for one in trial.issued}
            versions = {
                one: len(trial.books.of(Version, trial.named(one).directive))
                for one in trial.issued
            }
            came, _ = trial.tell(step)
            for one, lines in told.items():
                assert said_of(office, one)[: len(lines)] == lines
            if step.command != "amend" or came == "no" or ref not in before:
                continue
            name = trial.named(ref).directive
            now = trial.books.of(Version, name)
            counted = numbers_of(office, ref)
            if len(now) == versions[ref] or not step.said["material"]:
                assert counted == before[ref]
            elif now[-1].at <= step.clock:
                answers = ("read", "acknowledged", "complied")
                assert all(unit[kind] == 0 for unit in counted.values() for kind in answers)
        of = {name: list(trial.books.of(Version, name)) for name in names(trial)}
        for entry in trial.ledger():
            fact = entry.fact
            if not isinstance(fact, service.Read | service.Acknowledged | service.Complied):
                continue
            name, officer = entry.stream.removeprefix("service-").split(".")[:2]
            kind = type(fact).__name__.lower()
            assert of[name][fact.version - 1].text == fact.text
            assert any(
                (one.at, one.kind, one.version) == (fact.at, kind, fact.version)
                for one in trial.books.of(Answered, name, officer)
            )
        for ref in trial.issued:
            for version in range(len(of[trial.named(ref).directive])):
                trial.agree_version(office, ref, version)


def amended_twice(trial: Trial, clock: datetime) -> Iterator[Step]:
    """Everybody who was served complies; the order is amended, first not materially."""
    for ref in trial.issued:
        yield Step(clock, "everybody_complies", {"ref": ref, "unit": "hq"})
        terms = trial.books.of(Version, trial.named(ref).directive)[-1].terms
        for text, material in (("e", False), ("f", True)):
            clock += timedelta(hours=1)
            told = {"ref": ref, "terms": terms, "text": text * 64, "material": material}
            yield Step(clock, "amend", told)


def names(trial: Trial) -> list[str]:
    """Return the ids of the directives that were issued."""
    return [one.directive for one in trial.books.all(Issued)]


def numbers_of(office: Office, ref: str) -> dict[str, Any]:
    """Return what is counted in every unit."""
    status = office.status(ref, depth=9)
    return {
        one["unit"]: {name: one[name] for name in COUNTS} for one in (status, *status["units"])
    }


def said_of(office: Office, ref: str) -> list[Any]:
    """Return what the timeline tells of answers, in the order of the ledger."""
    entries = office.timeline(ref)["entries"]
    return [one for one in entries if one["name"].startswith("service.")]
