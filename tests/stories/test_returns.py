"""Any history of answers, transfers and returns: what is known of each is what the oracle counts.

Every command is given twice, and the second time changes nothing. What may be certified is
decided here from the oracle's numbers alone.
"""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from domain.directive import Order
from domain.errors import FarmanError, Refused
from office.office import Office
from tests.examples import DPO, HAZARA, HQ, MALAKAND, NINE, PPO, QUIT, RPO, SAIDU, SWAT
from tests.oracle import No, Oracle
from tests.projections.small import (
    CERTIFIED,
    HOURLY,
    OFFICERS,
    POSTS,
    ROLL,
    RPO_HAZARA,
    SINCE,
    UNITS,
    manned,
    order,
    report,
    text,
)
from tests.spec import examples

REF = "hq-2020-1"
OWING = {MALAKAND: RPO, SWAT: DPO, HAZARA: RPO_HAZARA}
RETURN = report("region", "district", clock="receipt", within=3 * 3600)
ORDERS: Sequence[Order] = (
    order(HQ, acts=(HOURLY, RETURN), standing=True),
    order(HQ, acts=(HOURLY, CERTIFIED, RETURN)),
)

AGO = st.sampled_from([0, 0, 0, 1, 30, 90, 200])
WHO = st.sampled_from(OFFICERS)


def told(command: str, **said: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries({**said, "ago": AGO}).map(lambda drawn: (command, drawn))


STEPS = st.tuples(
    st.sampled_from([0, 1, 20, 61, 100]),
    st.one_of(
        told(
            "answer",
            officer=WHO,
            kind=st.sampled_from(["complied", "complied", "acknowledged"]),
            clause=st.sampled_from([None, None, QUIT]),
        ),
        told("all", units=st.sampled_from([(SWAT, SAIDU), (HAZARA,), (MALAKAND,)])),
        told("transfer", officer=WHO, unit=st.sampled_from([SWAT, SAIDU, MALAKAND, HAZARA])),
        told("exempt", officer=WHO, by=st.just(PPO), reason=st.just("On deputation.")),
        told(
            "assume", post=st.sampled_from([RPO, DPO]), officer=st.sampled_from(OFFICERS[2:6])
        ),
        told(
            "submit",
            unit=st.sampled_from([MALAKAND, SWAT, HAZARA]),
            own=st.booleans(),
            less=st.sampled_from([0, 0, 1, 2, -1]),
        ),
        told("tick"),
    ),
)


@dataclass
class Given:
    """A return that was taken in."""

    unit: str
    at: datetime
    order: int
    claimed: int
    known: int


@dataclass
class Pair:
    """An office and the oracle, told the same."""

    office: Office
    oracle: Oracle
    given: list[Given] = field(default_factory=list)

    def do(self, minutes: int, command: str, said: dict[str, Any]) -> None:
        self.office.now += timedelta(minutes=minutes)
        self.oracle.now = self.office.now
        at = self.office.now - timedelta(minutes=said["ago"])
        rest = {name: value for name, value in said.items() if name != "ago"}
        match command:
            case "submit":
                self.submit(at=at, **rest)
            case "tick":
                self.office.tick()
                self.oracle.tick()
            case "all":
                for row in self.office.officers(REF)["officers"]:
                    if row["unit"] in rest["units"]:
                        self.both(
                            "answer", ref=REF, officer=row["officer_id"], kind="complied", at=at
                        )
            case "transfer" | "assume":
                self.both(command, at=at, **rest)
            case _:
                self.both(command, ref=REF, at=at, **rest)

    def both(self, command: str, **said: Any) -> None:
        ours = theirs = True
        try:
            getattr(self.office, command)(**said)
        except FarmanError:
            ours = False
        try:
            getattr(self.oracle, command)(**said)
        except No:
            theirs = False
        assert ours == theirs, (command, said)

    def submit(self, *, unit: str, own: bool, less: int, at: datetime) -> None:
        counted = self.oracle.status(REF, unit=unit, as_of=at)
        population, exempt = counted["population"], counted["exempt"]
        assert isinstance(population, int)
        assert isinstance(exempt, int)
        bound = population - exempt
        known = counted["complied"]
        claimed = max(0, bound - less)
        before = [one for one in self.given if one.unit == unit]
        same = any((one.at, one.claimed) == (at, claimed) for one in before)
        by = OWING[unit] if own else PPO  # type: ignore[index]  # a unit's id
        vacant = self.oracle.books.holder(by, at) is None
        untrue = claimed > population or (claimed >= bound and known != bound)
        refused = not same and (at < NINE or vacant or untrue)
        head = self.office.head()
        try:
            answer = self.office.submit_return(REF, unit, by, claimed, at=at)
        except Refused:
            assert refused, (counted, claimed)
            assert self.office.head() == head
            return
        assert not refused, (counted, claimed)
        if answer["changed"]:
            assert answer["known"] == known
            assert isinstance(known, int)
            self.given.append(Given(unit, at, len(self.given), claimed, known))
        again = self.office.submit_return(REF, unit, by, claimed, at=at)
        assert (again["changed"], again["position"]) == (False, answer["position"])

    def agrees(self) -> None:
        rows = {one["unit"]: one for one in self.office.returns(REF)["returns"]}
        for unit, post in OWING.items():
            mine = [one for one in self.given if one.unit == unit]
            told = rows[unit]
            if not mine:
                assert told["submitted_at"] is None
                assert told["state"] == (
                    "overdue" if told["due_at"] <= self.office.now else "owed"
                )
                continue
            last = max(mine, key=lambda one: (one.at, one.order))
            first = min(one.at for one in mine)
            late = max(timedelta(0), first - told["due_at"])
            now = self.oracle.status(REF, unit=unit, as_of=last.at)
            assert told["submitted_at"] == first
            assert told["late_seconds"] == late // timedelta(seconds=1)
            assert (told["claimed"], told["known_then"]) == (last.claimed, last.known)
            assert told["known_now"] == now["complied"]
            due = min(told["due_at"], self.office.now)
            assert told["officer_id"] == self.oracle.books.holder(post, due)


@given(
    kind=st.integers(0, len(ORDERS) - 1),
    steps=st.lists(STEPS, min_size=5, max_size=18),
)
@examples(30, shrink=False)
def test_what_was_known_of_a_return_is_what_the_oracle_counts(
    kind: int, steps: list[tuple[int, tuple[str, dict[str, Any]]]]
) -> None:
    oracle = Oracle(NINE)
    with tempfile.TemporaryDirectory() as folder, manned(Path(folder), "sqlite") as office:
        oracle.import_force(
            timezone="Asia/Karachi",
            since=SINCE,
            units=list(UNITS.values()),
            posts=POSTS,
        )
        oracle.import_roll(ROLL, at=SINCE)
        pair = Pair(office, oracle)
        pair.both("issue", order=ORDERS[kind], text=text(1))
        for minutes, (command, said) in steps:
            pair.do(minutes, command, said)
            pair.do(0, command, said)
            pair.agrees()
        office.tick()
        head = office.head()
        office.tick()
        assert office.head() == head
        assert all(one["same"] for one in office.check()["projections"])
