"""Any history of a small force: commands at a moving clock, late ones among them.

A command that a rule forbids is part of it and leaves nothing. A failure prints the shortest
history that was found.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from console.files.answers_file import AnswerRow
from domain.directive import Order, Population
from domain.errors import FarmanError
from domain.fact import UnitId
from office.office import Office
from tests.examples import CERTIFY, DPO, HAZARA, HQ, MALAKAND, NINE, PPO, QUIT, RPO, SWAT
from tests.projections.small import (
    CERTIFIED,
    HOURLY,
    OFFICERS,
    POSTS,
    UNITS,
    act,
    described,
    listed,
    order,
    terms,
    text,
    unit,
)

PLACES = (*UNITS, UnitId("kohistan"))
"""Kohistan is established on the way, or never."""
PEOPLE = (*OFFICERS, "N-1", "N-2")
"""The last two are listed on the way, or never."""
DESKS = tuple(post.id for post in POSTS)
REFS = ("hq-2020-1", "hq-2020-2", "hq-2020-3")
ORDERS: tuple[Order, ...] = (
    order(HQ, standing=True),
    order(HQ, acts=(HOURLY, CERTIFIED), standing=True),
    order(
        SWAT,
        HAZARA,
        acts=(act(clock="issue", within=1800), act(CERTIFY, at=NINE + timedelta(hours=4))),
    ),
    order(
        MALAKAND,
        SWAT,
        precedence="routine",
        forward="on_acknowledgement",
        grace=3600,
        standing=True,
    ),
    order(HQ, acts=()),
    order(
        HQ,
        standing=True,
        population=Population(
            rank_from=5,
            rank_to=19,
            duty=("on_duty", "lines"),
            except_units=(HAZARA,),
            except_posts=(DPO,),
        ),
    ),
    order(MALAKAND, issuer=RPO, acts=(act(clock="service", within=60, escalate=(0,)),)),
)
WORDINGS = (
    terms(HOURLY, subject="Leave every group"),
    terms(CERTIFIED, subject="Certify"),
    terms(HOURLY, CERTIFIED, subject="Leave and certify"),
    terms(subject="Read"),
)

Told = tuple[str, dict[str, Any]]


@dataclass
class History:
    """Commands, each with the minutes that pass before it."""

    steps: list[tuple[int, Told]] = field(default_factory=list)

    def play(self, office: Office) -> int:
        """Carry out the commands; return how many changed the ledger."""
        changed = 0
        office.now = NINE
        for minutes, (command, said) in self.steps:
            office.now += timedelta(minutes=minutes)
            before = office.head()
            with suppress(FarmanError):
                COMMANDS[command](office, **said)
            changed += office.head() > before
        return changed

    def __str__(self) -> str:
        lines, clock = [], NINE
        for minutes, (command, said) in self.steps:
            clock += timedelta(minutes=minutes)
            words = ", ".join(f"{name}={value}" for name, value in said.items())
            lines.append(f"{clock:%d %H:%M}  {command}({words})")
        return "\n".join(lines)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """Let hypothesis print the commands instead of what they are made of."""
        printer.text(f"\n{self}\n")


# --- Commands --------------------------------------------------------------------------


def _ago(office: Office, minutes: int) -> datetime:
    return office.now - timedelta(minutes=minutes)


def _issue(office: Office, kind: int, ago: int) -> None:
    office.issue(ORDERS[kind], text(kind), at=_ago(office, ago), again=True)


def _amend(office: Office, ref: str, wording: int, material: bool, ago: int) -> None:
    office.amend(
        ref, WORDINGS[wording], text(0x50 + wording), material=material, at=_ago(office, ago)
    )


def _answer(office: Office, ref: str, officer: str, kind: str, clause: str, ago: int) -> None:
    named = clause if kind == "complied" and clause else None
    office.answer(ref, officer, kind, clause=named, at=_ago(office, ago))


def _answers(office: Office, lines: list[tuple[str, str, str, int]]) -> None:
    rows = [
        AnswerRow(n, ref, officer, kind, 0, _ago(office, ago).isoformat(), None, "paper", None)
        for n, (ref, officer, kind, ago) in enumerate(lines, start=2)
    ]
    office.import_answers(lambda: iter([(rows, [])]), accept_good=True)


def _roll_call(office: Office, ref: str, where: str, kind: str, absent: int, ago: int) -> None:
    rows = [
        (n, officer, "absent" if n == absent else None, None)
        for n, officer in enumerate(OFFICERS)
    ]
    office.roll_call(ref, where, rows, diary="7", held_at=_ago(office, ago), answer=kind)


def _plead(office: Office, ref: str, officer: str, kind: str, by: str, ago: int) -> None:
    at = _ago(office, ago)
    match kind:
        case "contest":
            office.contest(ref, officer, "Not I.", at=at)
        case "upheld" | "dismissed":
            office.decide_contest(ref, officer, kind, by, at=at)
        case "exempt":
            office.exempt(ref, officer, by, "On deputation.", at=at)
        case _:
            office.exempt(ref, officer, by, "Excused.", clause=kind, at=at)


def _roll(office: Office, officers: list[tuple[str, str, int, str | None]], ago: int) -> None:
    known = office.tree(_ago(office, ago)).units  # the reader of the file has seen to it
    rows = [
        listed(who, where, rank, duty=duty)
        for who, where, rank, duty in officers
        if where in known
    ]
    office.import_roll(rows, at=_ago(office, ago))


def _force(office: Office, change: str, ago: int) -> None:
    name, _, parent = change.partition("<")
    one = unit(name, UNITS[UnitId(name)].kind if name in UNITS else "region", parent)
    described(office, [one], [], _ago(office, ago))


COMMANDS: dict[str, Callable[..., object]] = {
    "issue": _issue,
    "amend": _amend,
    "withdraw": lambda office, ref, ago: office.withdraw(ref, "Wrong.", at=_ago(office, ago)),
    "supersede": lambda office, ref, by: office.supersede(ref, by),
    "acknowledge": lambda office, ref, where, ago: office.acknowledge_relay(
        ref, where, by=PPO, at=_ago(office, ago)
    ),
    "answer": _answer,
    "answers": _answers,
    "roll_call": _roll_call,
    "plead": _plead,
    "transfer": lambda office, who, where, ago: office.transfer(
        who, where, at=_ago(office, ago)
    ),
    "promote": lambda office, who, rank, ago: office.promote(who, rank, at=_ago(office, ago)),
    "duty": lambda office, who, state, ago: office.duty(who, state, at=_ago(office, ago)),
    "retire": lambda office, who, died, ago: office.retire(
        who, died=died, at=_ago(office, ago)
    ),
    "assume": lambda office, desk, who, charge: office.assume(desk, who, charge=charge),
    "relinquish": lambda office, desk, who: office.relinquish(desk, officer=who),
    "roll": _roll,
    "force": _force,
    "tick": lambda office: office.tick(),
}

# --- Any of them -----------------------------------------------------------------------

AGO = st.sampled_from([0, 0, 0, 1, 20, 59, 60, 61, 90, 200, -4])
REF = st.sampled_from(REFS)
WHO = st.sampled_from(PEOPLE)
WHERE = st.sampled_from(PLACES)
KIND = st.sampled_from(["read", "acknowledged", "complied"])
RANK = st.sampled_from([4, 7, 9, 20])
DUTY = st.sampled_from(["on_duty", "leave", "suspended", "lines"])


def _told(command: str, **said: st.SearchStrategy[Any]) -> st.SearchStrategy[Told]:
    return st.fixed_dictionaries(said).map(lambda drawn: (command, drawn))


ISSUING = _told("issue", kind=st.integers(0, len(ORDERS) - 1), ago=AGO)
ANSWERING = st.one_of(
    _told(
        "answer",
        ref=REF,
        officer=WHO,
        kind=KIND,
        clause=st.sampled_from(["", QUIT, CERTIFY]),
        ago=AGO,
    ),
    _told("answers", lines=st.lists(st.tuples(REF, WHO, KIND, AGO), min_size=2, max_size=8)),
    _told(
        "roll_call",
        ref=REF,
        where=WHERE,
        kind=st.sampled_from(["acknowledged", "complied"]),
        absent=st.integers(-1, 3),
        ago=AGO,
    ),
)
PLEADING = _told(
    "plead",
    ref=REF,
    officer=WHO,
    kind=st.sampled_from(["contest", "upheld", "dismissed", "exempt", QUIT, CERTIFY]),
    by=st.sampled_from(DESKS),
    ago=AGO,
)
MOVING = st.one_of(
    _told("transfer", who=WHO, where=WHERE, ago=AGO),
    _told("transfer", who=WHO, where=WHERE, ago=AGO),
    _told("promote", who=WHO, rank=RANK, ago=AGO),
    _told("duty", who=WHO, state=DUTY, ago=AGO),
    _told("retire", who=WHO, died=st.booleans(), ago=AGO),
    _told(
        "roll",
        officers=st.lists(
            st.tuples(WHO, WHERE, RANK, st.none() | DUTY),
            min_size=1,
            max_size=3,
            unique_by=lambda row: row[0],
        ),
        ago=AGO,
    ),
    _told(
        "force",
        change=st.sampled_from(
            [
                "swat<hazara",
                "swat<malakand",
                "kohistan<hazara",
                "swat-saidu<hq",
                "abbottabad<swat",
            ]
        ),
        ago=AGO,
    ),
)
DESKWORK = st.one_of(
    _told(
        "assume",
        desk=st.sampled_from(DESKS),
        who=WHO,
        charge=st.sampled_from(["substantive", "acting", "additional"]),
    ),
    _told("relinquish", desk=st.sampled_from(DESKS), who=WHO),
    _told("acknowledge", ref=REF, where=WHERE, ago=AGO),
    _told("tick"),
)
RULING = st.one_of(
    _told(
        "amend",
        ref=REF,
        wording=st.integers(0, len(WORDINGS) - 1),
        material=st.booleans(),
        ago=AGO,
    ),
    _told("withdraw", ref=REF, ago=AGO),
    _told("supersede", ref=REF, by=REF),
)
STEP = st.tuples(
    st.sampled_from([0, 1, 13, 60, 61, 400]),
    st.one_of(
        ISSUING, ANSWERING, ANSWERING, ANSWERING, PLEADING, MOVING, MOVING, DESKWORK, RULING
    ),
)


@st.composite
def histories(draw: st.DrawFn, longest: int = 24) -> History:
    """Draw a history that begins with a directive or two."""
    first = draw(st.lists(st.tuples(st.just(0), ISSUING), min_size=1, max_size=2))
    return History(first + draw(st.lists(STEP, min_size=10, max_size=longest)))
