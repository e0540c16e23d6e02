"""Any interleaving of commands, late ones and repeated ones too, stands as the oracle says.

A script is a small force, its roll, a few directives and commands at a moving clock. The
office and the oracle carry it out side by side: after each command the outcomes and the
numbers of every unit must be the same, and at the end the numbers of other instants, as the
ledger knew them at other positions. A failure prints the shortest script that was found.

``FARMAN_EXAMPLES=2000`` tries that many new scripts instead of the usual few.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from shutil import rmtree
from typing import Any, TypeAlias

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from console.files.answers_file import AnswerRow
from console.files.roll_file import RollRow
from domain.deadline import Due
from domain.directive import Clause, Order, Population, Terms
from domain.errors import FarmanError, Misused, Refused, Unaccepted, Unknown
from domain.fact import ClauseId, PostId, UnitId
from domain.force import Post, Unit
from office.home import Home
from office.office import Office
from tests import services
from tests.oracle import AHEAD, COUNTS, No, Oracle, Row, Said, Version

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MORNING = datetime(2026, 3, 2, 3, 30, tzinfo=UTC)
SINCE = MORNING - timedelta(days=400)
HOUR = 3600
CODES: dict[type[FarmanError], int] = {Misused: 2, Refused: 3, Unaccepted: 4, Unknown: 5}
DUTIES = ("on_duty", "leave", "lines")
LABELS = ("D/1", "D/2", "D/3")
COLUMNS = frozenset({"officer_id", "name", "rank", "unit", "duty", "post", "charge"})

Draw: TypeAlias = Callable[[st.SearchStrategy[Any]], Any]


# --- A script -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Step:
    """One command at its clock."""

    clock: datetime
    command: str
    said: Mapping[str, Any]

    def __str__(self) -> str:
        said = ", ".join(f"{name}={brief(value)}" for name, value in self.said.items())
        return f"{brief(self.clock)}  {self.command}({said})"


@dataclass(frozen=True)
class Asked:
    """A question of the end: which instant of those that matter, and what was known."""

    instant: int
    shift: timedelta
    known: int | None
    by_clock: bool


@dataclass(frozen=True)
class Script:
    steps: tuple[Step, ...]
    asked: tuple[Asked, ...]

    def __str__(self) -> str:
        return "\n".join([f"{n:2}  {step}" for n, step in enumerate(self.steps)])

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """Let hypothesis print the commands instead of what they are made of."""
        printer.text(f"\n{self}\n")


def brief(value: object) -> str:
    """Write a value as shortly as a reader of a failure wants it."""
    match value:
        case datetime():
            return value.astimezone(UTC).strftime("%d %H:%M:%S")
        case RollRow() | AnswerRow():
            said = value._asdict().items()
            skip = {"line", "name", "at_us", None}
            return "|".join(f"{k}:{v}" for k, v in said if k not in skip and v is not None)
        case Unit():
            return f"{value.id}<{value.parent}"
        case Post():
            return f"{value.id}@{value.unit}{'*' if value.head else ''}"
        case Order() | Terms():
            return str(value.model_dump(exclude_defaults=True))
        case list() | tuple():
            return f"[{', '.join(map(brief, value))}]"
        case _:
            return repr(value)


@dataclass
class Force:
    """What a script's commands may name."""

    units: list[Unit] = field(default_factory=list)
    posts: list[Post] = field(default_factory=list)
    officers: list[str] = field(default_factory=list)

    def add(self, unit: str, kind: str, parent: str | None) -> str:
        up = UnitId(parent) if parent else None
        self.units.append(Unit(UnitId(unit), kind, {"en": unit}, up))
        return unit


@st.composite
def forces(draw: Draw) -> Force:
    force = Force()
    force.add("hq", "hq", None)
    for r in range(1, draw(st.sampled_from((1, 1, 2, 3))) + 1):
        region = force.add(f"r{r}", "region", "hq")
        for d in range(1, draw(st.sampled_from((1, 0, 1, 2))) + 1):
            district = force.add(f"r{r}d{d}", "district", region)
            for s in range(1, draw(st.sampled_from((1, 0, 1, 2))) + 1):
                force.add(f"r{r}d{d}s{s}", "station", district)
    for unit in force.units:
        force.posts.append(
            Post(PostId(f"head-{unit.id}"), unit.id, {"en": "Head"}, 18, head=True)
        )
    force.posts.append(
        Post(PostId("reader-r1"), UnitId("r1"), {"en": "Reader"}, 14, head=False)
    )
    return force


@st.composite
def rolls(draw: Draw, force: Force) -> list[RollRow]:
    """Return the first roll; some units have none, and most heads are vacant."""
    rows: list[RollRow] = []
    numbers = count(1)
    for unit in force.units:
        for place in range(draw(st.sampled_from((1, 0, 2, 3, 1, 2, 12)))):
            officer = f"o{next(numbers)}"
            heads = place == 0 and draw(st.booleans())
            rows.append(
                roll_row(
                    officer,
                    unit.id,
                    rank=draw(st.sampled_from((7, 5, 17))),
                    duty=draw(st.sampled_from((None, "leave"))),
                    post=f"head-{unit.id}" if heads else None,
                )
            )
    force.officers += [row.officer_id for row in rows]
    return rows


def roll_row(
    officer: str,
    unit: str,
    *,
    rank: int,
    duty: str | None,
    post: str | None = None,
    charge: str | None = None,
) -> RollRow:
    return RollRow(
        line=2,
        officer_id=officer,
        belt_no=None,
        name=officer,
        rank=rank,
        designation=None,
        unit=unit,
        duty=duty,
        joined_on=None,
        phone=None,
        post=post,
        charge=charge,
    )


@st.composite
def clauses(draw: Draw) -> tuple[Clause, ...]:
    found = [Clause(id=ClauseId("ban"), kind="prohibition", text={"en": "Don't."})]
    for act in ("a", "b")[: draw(st.sampled_from((1, 2, 0)))]:
        clock = draw(st.sampled_from(("receipt", "issue", "service", "at", None)))
        if clock is None:
            due = None
        elif clock == "at":
            due = Due(at=MORNING + timedelta(hours=draw(st.sampled_from((6, 40)))))
        else:
            due = Due(clock=clock, within=draw(st.sampled_from((5 * HOUR, 90 * 60, 30 * HOUR))))
        steps = draw(st.sampled_from(((), (0, 2 * HOUR), (HOUR, 2 * HOUR, 3 * HOUR, 4 * HOUR))))
        found.append(
            Clause(
                id=ClauseId(act),
                kind="required_act",
                text={"en": "Do."},
                due=due,
                escalate=steps if due else (),
            )
        )
    return tuple(found)


Wording: TypeAlias = Callable[[], st.SearchStrategy[tuple[Clause, ...]]]


@st.composite
def orders(draw: Draw, force: Force, label: str, wording: Wording = clauses) -> Order:
    unit_ids = [unit.id for unit in force.units]
    issuer = draw(st.sampled_from(("head-hq", "head-hq", "head-r1")))
    below = [unit for unit in unit_ids if issuer == "head-hq" or unit.startswith("r1")]
    addressees = [below[0], *draw(st.lists(st.sampled_from(below), max_size=2))]
    if len(addressees) > 1 and draw(st.booleans()):
        addressees.pop(0)
    awaited = draw(st.booleans())
    population = Population(
        rank_from=draw(st.sampled_from((None, 6))),
        rank_to=draw(st.sampled_from((None, 16))),
        duty=draw(st.sampled_from((None, ("on_duty",), ("on_duty", "lines")))),
        except_units=tuple(draw(st.sampled_from(((), (), (unit_ids[-1],), ("r1",))))),
        except_posts=tuple(draw(st.sampled_from(((), (), ("head-hq",), ("head-r1",))))),
    )
    return Order(
        label=label,
        issuer=PostId(issuer),
        precedence="routine" if awaited else "immediate",
        forward="on_acknowledgement" if awaited else "automatic",
        grace=draw(st.sampled_from((2 * HOUR, 6 * HOUR))),
        addressees=tuple(dict.fromkeys(UnitId(unit) for unit in addressees)),
        population=population,
        standing=draw(st.booleans()),
        terms=Terms(subject={"en": label}, clauses=draw(wording())),
    )


COMMANDS = (
    *("answer",) * 6,
    *("acknowledge_relay",) * 4,
    *("tighten",) * 3,
    *("transfer",) * 4,
    *("tick",) * 3,
    *("again",) * 3,
    *("duty",) * 2,
    *("promote",) * 2,
    *("import_roll",) * 2,
    *("issue",) * 2,
    *("assume",) * 2,
    *("contest", "decide_contest", "exempt") * 2,
    "retire",
    "relinquish",
    "roll_call",
    "import_answers",
    "amend",
    "import_force",
    "withdraw",
    "supersede",
)


@st.composite
def scripts(
    draw: Draw,
    longest: int = 20,
    commands: Sequence[str] = COMMANDS,
    wording: Wording = clauses,
    say: "Saying | None" = None,
) -> Script:
    """Draw a script; of other commands, clauses or words than usual, if given."""
    force = draw(forces())
    rows = draw(rolls(force))
    labels = LABELS[: draw(st.sampled_from((1, 2, 3)))]
    issues = {label: draw(orders(force, label, wording)) for label in labels}
    steps = [
        Step(
            MORNING - timedelta(days=1),
            "import_force",
            {"since": SINCE, "units": force.units, "posts": force.posts},
        ),
        Step(
            MORNING - timedelta(days=1),
            "import_roll",
            {"rows": rows, "at": MORNING - timedelta(days=draw(st.sampled_from((30, 2))))},
        ),
        *(
            Step(MORNING, "issue", {"order": issues[label], "text": _text(label)})
            for number, label in enumerate(labels)
            if number == 0 or draw(st.booleans())
        ),
    ]
    clock = MORNING
    for wait, command, told in draw(
        st.lists(drafts(force, issues, commands, say or said), min_size=5, max_size=longest)
    ):
        clock += wait
        if command == "again":
            again = steps[told["step"] % (len(steps) - 1) + 1]
            steps.append(Step(clock, again.command, again.said))
        else:
            steps.append(Step(clock, command, dated(told, clock)))
    asked = draw(
        st.lists(
            st.builds(
                Asked,
                st.integers(0, 999),
                st.sampled_from([timedelta(0), timedelta(seconds=-1), timedelta(hours=1)]),
                st.none() | st.integers(2, len(steps)),
                st.booleans(),
            ),
            min_size=2,
            max_size=6,
        )
    )
    return Script(tuple(steps), tuple(asked))


def _text(label: str) -> str:
    return label[-1] * 64


WAITS = [timedelta(seconds=s) for s in (HOUR // 2, 0, 1, HOUR, 6 * HOUR, 30 * HOUR)]


@st.composite
def drafts(
    draw: Draw,
    force: Force,
    issues: Mapping[str, Order],
    commands: Sequence[str],
    say: "Saying",
) -> tuple[timedelta, str, dict[str, Any]]:
    """Draw how long the clock goes on, a command, and what it is told, instants by that clock."""
    wait, command = draw(st.sampled_from(WAITS)), draw(st.sampled_from(commands))
    return wait, command, say(draw, command, force, issues)


def dated(told: Mapping[str, Any], clock: datetime) -> dict[str, Any]:
    """Turn instants that were drawn by the clock into instants."""
    dated: dict[str, Any] = {
        name: clock + value if isinstance(value, timedelta) else value
        for name, value in told.items()
    }
    if "lines" in dated:
        dated["lines"] = [
            line._replace(at_us=(at - EPOCH) // timedelta(microseconds=1), at=at.isoformat())
            for line in dated["lines"]
            for at in [clock + timedelta(microseconds=line.at_us)]
        ]
    return dated


Saying: TypeAlias = Callable[[Draw, str, Force, Mapping[str, Order]], dict[str, Any]]


def said(draw: Draw, command: str, force: Force, issues: Mapping[str, Order]) -> dict[str, Any]:
    """Draw what a command is told."""
    units = [unit.id for unit in force.units]

    def pick(*among: Any) -> Any:
        return draw(st.sampled_from(among))

    def at() -> dict[str, Any]:
        minutes = pick(None, None, None, None, None, None, -30, -60, -150, -600, -1800, 4, 6)
        return {} if minutes is None else {"at": timedelta(minutes=minutes)}

    def ref() -> dict[str, Any]:
        return {"ref": pick(LABELS[0], *issues)}

    def officer() -> dict[str, Any]:
        few = force.officers[:3]
        return {"officer": pick(*few, *few, *force.officers, "n0", "n1")}

    def post() -> Any:
        return pick("head-hq", "head-r1", *(post.id for post in force.posts))

    match command:
        case "tick":
            return {}
        case "again":
            return {"step": draw(st.integers(0, 99))}
        case "answer":
            kind = pick("acknowledged", "complied", "read")
            clause = pick(None, "a", "b", "ban") if kind == "complied" else None
            version = pick({}, {}, {"version": 1}, {"version": 2})
            return {**ref(), **officer(), "kind": kind, "clause": clause, **version, **at()}
        case "acknowledge_relay":
            by = pick({}, {"by": "head-hq"}, {"by": post()})
            return {**ref(), "unit": pick(*units), **by, **at()}
        case "tighten":
            by = pick(*({"by": "head-hq"},) * 4, {}, {"by": post()})
            less = pick(
                {"within": HOUR}, {"within": HOUR // 2}, {"within": 4 * HOUR},
                {"within": 29 * HOUR}, {"until": MORNING + timedelta(hours=5)},
            )  # fmt: skip
            clause = pick(*"aaaaab", "ban")
            unit = pick(*units[1:], *units[1:], *units)
            return {**ref(), "unit": unit, "clause": clause, **less, **by, **at()}
        case "transfer":
            return {**officer(), "unit": pick(*units), **at()}
        case "duty":
            return {**officer(), "state": pick(*DUTIES), **at()}
        case "promote":
            return {**officer(), "rank": pick(5, 7, 17), **at()}
        case "retire":
            return {**officer(), "died": pick(False, True), **at()}
        case "assume":
            charge = pick("substantive", "acting", "additional")
            return {"post": post(), **officer(), "charge": charge, **at()}
        case "relinquish":
            return {"post": post(), **(officer() if pick(False, True) else {}), **at()}
        case "import_roll":
            return {"rows": _more_rows(pick, force), **at()}
        case "issue":
            label = pick(*issues)
            return {"order": issues[label], "text": _text(label), **at()}
        case "amend":
            label = pick(*issues)
            terms = Terms(subject={"en": "Anew"}, clauses=draw(clauses()))
            material = pick(True, True, False)
            if not material:
                terms = issues[label].terms.model_copy(update={"subject": {"en": "Anew"}})
            return {
                "ref": label,
                "terms": terms,
                "text": pick("b", "c") * 64,
                "material": material,
                **at(),
            }
        case "withdraw":
            return {**ref(), "reason": "A mistake.", **at()}
        case "supersede":
            return {**ref(), "by": pick(*issues), **at()}
        case "contest":
            return {**ref(), **officer(), "reason": "Not mine.", **at()}
        case "decide_contest":
            outcome = pick("upheld", "dismissed")
            return {**ref(), **officer(), "outcome": outcome, "by": post(), **at()}
        case "exempt":
            clause = pick(None, "a", "b")
            return {**ref(), **officer(), "by": post(), "reason": "…", "clause": clause, **at()}
        case "roll_call":
            listed = draw(
                st.lists(st.sampled_from([*force.officers, "o1"]), max_size=4, unique=True)
            )
            words = (None, None, "acknowledged", "complied", "absent")
            return {
                **ref(),
                "unit": pick(*units),
                "rows": [(n, who, pick(*words), None) for n, who in enumerate(listed, 2)],
                "held_at": at().get("at", timedelta(0)),
                "answer": pick("acknowledged", "complied"),
            }
        case "import_answers":
            lines = [
                AnswerRow(
                    line=line,
                    directive=pick(*issues),
                    officer_id=officer()["officer"],
                    answer=pick("read", "acknowledged", "complied", "contested"),
                    at_us=at().get("at", timedelta(0)) // timedelta(microseconds=1),
                    at="",
                    clause=None,
                    channel=None,
                    note=None,
                )
                for line in range(2, 2 + pick(1, 2, 4))
            ]
            return {"lines": lines, "accept_good": pick(True, True, False)}
        case "import_force":
            return {
                "since": at().get("at", timedelta(0)),
                "units": [_moved(pick, unit, force) for unit in force.units],
                "posts": force.posts,
            }
    raise AssertionError(command)


def _more_rows(pick: Callable[..., Any], force: Force) -> list[RollRow]:
    rows: dict[str, RollRow] = {}
    for new in range(pick(1, 2, 3)):
        officer = pick(f"n{new}", *force.officers)
        unit = pick(*(unit.id for unit in force.units))
        post = pick(None, None, None, f"head-{unit}")
        rows[officer] = roll_row(
            officer,
            unit,
            rank=pick(7, 5, 17),
            duty=pick(None, *DUTIES),
            post=post,
            charge=pick(None, "acting", "additional") if post else None,
        )
    taken: set[str | None] = {None}
    kept: list[RollRow] = []
    for row in rows.values():
        kept.append(row._replace(post=None, charge=None) if row.post in taken else row)
        taken.add(row.post)
    return kept


def _moved(pick: Callable[..., Any], unit: Unit, force: Force) -> Unit:
    """Put one in so many stations under another district."""
    districts = [other.id for other in force.units if other.kind == "district"]
    if unit.kind != "station":
        return unit
    return Unit(unit.id, unit.kind, unit.name, pick(unit.parent, *districts))


# --- The two of them ----------------------------------------------------------------------


class Play:
    """The office and the oracle, side by side."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.oracle = Oracle(MORNING - timedelta(days=2))
        self.positions: list[int] = [0]
        self.issued: list[str] = []

    def play(self, script: Script) -> None:
        """Carry out a script, comparing all the way.

        Raises:
            Differs: at the first difference.

        """
        for number, step in enumerate(script.steps):
            self.oracle.now = step.clock
            with Office(self.home, step.clock) as office:
                got = outcome(lambda step=step: tell(office, step), step)  # type: ignore[misc]
                want = outcome(lambda step=step: ask(self.oracle, step), step)  # type: ignore[misc]
                same(got, want, f"what command {number} answered")
                self.positions.append(office.head())
                if step.command == "issue" and want[0] == "done":
                    label = step.said["order"].label
                    self.issued += [label] if label not in self.issued else []
                for ref in self.issued:
                    self.agree(office, ref)
                    self.agree_hops(office, ref)
                self.agree_overdue(office)
        with Office(self.home, script.steps[-1].clock) as office:
            for asked in script.asked:
                for ref in self.issued:
                    self.agree(office, ref, **self._question(asked))
                    self.agree_hops(office, ref, **self._question(asked))
                units = self.oracle.books.units(self.oracle.now)
                self.agree_overview(office, units[asked.instant % len(units)])
                for ref in self.issued:
                    self.agree_version(office, ref, asked.instant)
            rebuilt = office.check()["projections"]
            same([p["name"] for p in rebuilt if not p["same"]], [], "projections that differ")

    def _question(self, asked: Asked) -> dict[str, Any]:
        instants = sorted(
            {thing.at for thing in self.oracle.books.all(Said) if thing.at > SINCE}
        )
        as_of = instants[asked.instant % len(instants)] + asked.shift
        known = None
        if asked.known is not None:
            known = self.oracle_known(asked)
        return {"as_of": as_of, "known": known}

    def oracle_known(self, asked: Asked) -> int | datetime:
        """Return the number of a command, or the instant at which it was entered."""
        assert asked.known is not None
        number = min(asked.known, len(self.positions) - 1)
        if not asked.by_clock:
            return number
        entered = [thing for thing in self.oracle.books.said if thing.command <= number]
        assert entered[-1].entered is not None
        return entered[-1].entered

    def agree(
        self,
        office: Office,
        ref: str,
        *,
        as_of: datetime | None = None,
        known: int | datetime | None = None,
    ) -> None:
        """Compare every unit's numbers and every officer's row."""
        position = self.positions[known] if isinstance(known, int) else known
        where = f"of {ref} as of {as_of and brief(as_of)} known at {known}"
        got = office.status(ref, depth=9, as_of=as_of, known_at=position)
        want = self.oracle.status(ref, depth=9, as_of=as_of, known_at=known)
        same(_status(got), _status(want), f"status {where}")
        rows = office.officers(ref, as_of=as_of, known_at=position, limit=1_000)["officers"]
        wanted = self.oracle.officers(ref, as_of=as_of, known_at=known)
        same(_by_id(map(_officer, rows)), _by_id(map(_row, wanted)), f"rows {where}")
        for state in COUNTS[1:] if as_of else ():
            found = office.officers(
                ref, state=state, as_of=as_of, known_at=position, limit=1_000
            )
            names = [row.officer_id for row in wanted if row.counts(state)]
            same([row["officer_id"] for row in found["officers"]], names, f"{state} {where}")

    def agree_version(self, office: Office, ref: str, chosen: int) -> None:
        directive = self.oracle.books.issued(self.oracle.status(ref)["directive"])  # type: ignore[arg-type]
        assert directive is not None
        versions = len(self.oracle.books.of(Version, directive.directive))
        version = 1 + chosen % versions
        got = office.status(ref, depth=9, version=version)
        want = self.oracle.status(ref, depth=9, version=version)
        same(_status(got), _status(want), f"version {version} of {ref}")

    def agree_hops(
        self,
        office: Office,
        ref: str,
        *,
        as_of: datetime | None = None,
        known: int | datetime | None = None,
    ) -> None:
        """Compare every unit's relay."""
        position = self.positions[known] if isinstance(known, int) else known
        told = ("via", "received_at", "acknowledged_at", "forwarded_at", "served_at")
        got = {
            hop["unit"]: {name: _shown(hop[name]) for name in told}
            for hop in office.hops(ref, as_of=as_of, known_at=position)["hops"]
        }
        want = {
            unit: {name: _shown(hop[name]) for name in told}
            for unit, hop in self.oracle.hops(ref, as_of=as_of, known_at=known).items()
        }
        same(got, want, f"hops of {ref} as of {as_of and brief(as_of)} known at {known}")

    def agree_overview(self, office: Office, unit: str) -> None:
        got = {
            one["directive"]: {name: one[name] for name in ("state", *COUNTS)}
            for one in office.status(unit=unit)["directives"]
        }
        same(got, self.oracle.overview(unit=unit), f"overview of {unit}")

    def agree_overdue(self, office: Office) -> None:
        found = {
            (one["directive"], one["clause"], one["unit"]): (
                one["officers"],
                one["oldest_due_at"].astimezone(UTC),
            )
            for one in office.overdue()["obligations"]
        }
        same(found, self.oracle.overdue(), "obligations overdue")


class Differs(AssertionError):
    """The office and the oracle do not say the same."""


def same(got: object, want: object, where: str) -> None:
    """Compare, and name only what differs.

    Raises:
        Differs: with each difference on a line.

    """
    found = list(differences(got, want, ""))
    if found:
        raise Differs("\n".join([f"{where}: the office says, not the oracle's", *found]))


def differences(got: object, want: object, path: str) -> Iterator[str]:
    """Yield where two answers differ: path, got, wanted."""
    if isinstance(got, dict) and isinstance(want, dict):
        for key in sorted({*got, *want}, key=str):
            yield from differences(got.get(key), want.get(key), f"{path}/{key}")
    elif got != want:
        yield f"  {path}: {got!r}, not {want!r}"


def outcome(
    carry_out: Callable[[], dict[str, Any]], step: Step, told: Sequence[str] | None = None
) -> tuple[str, object]:
    """Return what a command answered, or with which exit code it did not."""
    try:
        found = carry_out()
    except No as no:
        return "no", _either(step, no.code)
    except FarmanError as error:
        return "no", _either(step, CODES[type(error)])
    except Exception as fault:  # noqa: BLE001 - a fault is an outcome, and a difference
        return "fault", f"{type(fault).__name__}: {fault}"
    if step.command in {"import_answers", "roll_call"}:
        refused = [one if isinstance(one, int) else one["line"] for one in found["refused"]]
        found = {**found, "refused": refused}
    return "done", {name: found.get(name) for name in told or SAID_BACK[step.command]}


def _either(step: Step, code: int) -> int | str:
    """Of two reasons for a no, an unknown thing and an instant to come, either may be given."""
    at = step.said.get("at", step.said.get("held_at", step.clock))
    return "3 or 5" if code in {3, 5} and at > step.clock + AHEAD else code


SAID_BACK: Mapping[str, Sequence[str]] = {
    "import_force": ("units", "posts"),
    "import_roll": ("added", "changed", "unchanged", "missing"),
    "issue": ("directive", "number", "changed"),
    "tick": ("forwarded_by_rule", "escalated"),
    "import_answers": ("accepted", "repeated", "refused"),
    "roll_call": ("accepted", "repeated", "absent", "refused"),
    **dict.fromkeys(("amend", "withdraw", "supersede"), ("directive", "version")),
    **dict.fromkeys(("acknowledge_relay", "tighten"), ("directive", "unit", "changed")),
    **dict.fromkeys(
        ("answer", "contest", "decide_contest", "exempt"), ("directive", "officer", "changed")
    ),
    **dict.fromkeys(("transfer", "duty", "promote", "retire"), ("officer", "changed")),
    **dict.fromkeys(("assume", "relinquish"), ("post", "officer", "changed")),
}


def ask(oracle: Oracle, step: Step) -> dict[str, Any]:
    """Give a command to the oracle."""
    said = dict(step.said)
    if step.command == "import_force":
        said["timezone"] = "Asia/Karachi"
    found: dict[str, Any] = getattr(oracle, step.command)(**said)
    return found


def tell(office: Office, step: Step) -> dict[str, Any]:
    """Give a command to the office."""
    said = dict(step.said)
    match step.command:
        case "import_force":
            said |= {"force": "test", "name": {"en": "Test"}, "timezone": "Asia/Karachi"}
        case "import_roll":
            said["columns"] = COLUMNS
        case "roll_call":
            said["diary"] = "14"
        case "import_answers":
            lines = said.pop("lines")
            return office.import_answers(lambda: iter([(lines, [])]), **said)
    found: dict[str, Any] = getattr(office, step.command)(**said)
    return found


def _status(status: Mapping[str, Any]) -> dict[str, Any]:
    told = ("kind", "parent", *COUNTS)
    return {
        **{name: status[name] for name in ("directive", "number", "state", "unit", *COUNTS)},
        "units": {
            one["unit"]: {
                **{name: one[name] for name in told},
                **{name: _utc(one[name]) for name in ("received_at", "acknowledged_at")},
            }
            for one in status["units"]
        },
    }


FLAGS = ("exempt", "contested", "overdue")
TIMES = ("served_at", "read_at", "acknowledged_at", "complied_at", "due_at")


def _officer(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **{name: row[name] for name in ("officer_id", "unit", "rank", *FLAGS)},
        **{name: _utc(row[name]) for name in TIMES},
    }


def _row(row: Row) -> dict[str, Any]:
    return {
        "officer_id": row.officer_id,
        "unit": row.unit,
        "rank": row.rank,
        **{name: row.counts(name) for name in FLAGS},
        **{name: _utc(getattr(row, name)) for name in TIMES},
    }


def _by_id(rows: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    return {row["officer_id"]: row for row in rows}


def _shown(value: object) -> object:
    return _utc(value) if isinstance(value, datetime) else value


def _utc(at: datetime | None) -> str | None:
    return at.astimezone(UTC).isoformat() if at else None


# --- The tests ----------------------------------------------------------------------------

ASKED_FOR = os.environ.get("FARMAN_EXAMPLES")


def examples(usually: int) -> settings:
    """Return settings for that many scripts, always the same; or for as many as asked for."""
    return settings(
        max_examples=int(ASKED_FOR) if ASKED_FOR else usually,
        derandomize=ASKED_FOR is None,
        database=None,
        deadline=None,
        phases=[Phase.generate],  # `shortest` shrinks, knowing what a script is
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )


Fresh: TypeAlias = Callable[[], AbstractContextManager[Home]]


def agrees(script: Script, fresh: Fresh) -> None:
    """Play a script in a fresh home; where the two differ, find a shorter one that shows it."""
    differs = _differs(script, fresh)
    if differs is None:
        return
    shorter = True
    while shorter:
        shorter = False
        for candidate in _shorter(script):
            still = _differs(candidate, fresh)
            if still is not None:
                script, differs, shorter = candidate, still, True
                break
    raise Differs(f"{differs}\nafter\n{script}") from None


def _differs(script: Script, fresh: Fresh) -> Differs | None:
    with fresh() as home:
        play = Play(home)
        try:
            play.play(script)
        except Differs as differs:
            return differs
    return None


def _shorter(script: Script) -> Iterator[Script]:
    """Yield the script with less: without a command, an officer, a question, a late instant."""
    steps = script.steps
    for number in reversed(range(2, len(steps))):
        yield replace(script, steps=steps[:number] + steps[number + 1 :])
    if len(script.asked) > 1:
        yield from (replace(script, asked=(asked,)) for asked in script.asked)
    elif script.asked:
        yield replace(script, asked=())
    for number, step in enumerate(steps):
        rows = step.said.get("rows", step.said.get("lines", ()))
        name = "rows" if "rows" in step.said else "lines"
        for row in range(len(rows)):
            less = {**step.said, name: [*rows[:row], *rows[row + 1 :]]}
            told = replace(step, said=less)
            yield replace(script, steps=(*steps[:number], told, *steps[number + 1 :]))
        if number > 1 and "at" in step.said:
            told = replace(step, said={k: v for k, v in step.said.items() if k != "at"})
            yield replace(script, steps=(*steps[:number], told, *steps[number + 1 :]))


@pytest.fixture
def numbers() -> Iterator[int]:
    return count(1)


@examples(usually=40)
@given(script=scripts())
def test_any_interleaving_of_commands_stands_as_the_oracle_says(
    tmp_path: Path, numbers: Iterator[int], script: Script
) -> None:
    @contextmanager
    def fresh() -> Iterator[Home]:
        folder = tmp_path / str(next(numbers))
        yield Home.init(folder, rehearsal=True)
        rmtree(folder)

    agrees(script, fresh)


@examples(usually=6)
@given(script=scripts())
def test_on_postgresql_too(
    tmp_path: Path, numbers: Iterator[int], postgres_server: services.Server, script: Script
) -> None:
    @contextmanager
    def fresh() -> Iterator[Home]:
        url = postgres_server.create_database()
        try:
            yield Home.init(tmp_path / str(next(numbers)), store=url, rehearsal=True)
        finally:
            postgres_server.drop_database(url)

    agrees(script, fresh)
