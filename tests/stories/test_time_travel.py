"""The past asked twice: what was known then stays byte-equal, what had happened changes only as it must."""

import json
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from domain.force import Unit
from office.office import Office
from tests.examples import CERTIFY, DPO, HAZARA, HQ, MALAKAND, PPO, QUIT, RPO, SAIDU, SWAT
from tests.projections.small import (
    CERTIFIED,
    HOURLY,
    POSTS,
    SHO,
    UNITS,
    after,
    described,
    listed,
    manned,
    order,
    post,
    terms,
    text,
)

REF = "hq-2020-1"
NAMES = ("population", "served", "read", "acknowledged", "complied", "exempt", "contested")
INSTANTS = [after(-1), after(0), after(0.75), after(1), after(2), after(3), after(40)]
"""Before the issue, at it, in the midst, at the clock of the first asking, and long after."""


@pytest.fixture
def office(tmp_path: Path, store_url: str) -> Iterator[Office]:
    """It is noon; a directive was issued at nine and is being answered."""
    with manned(tmp_path / "home", store_url) as opened:
        opened.issue(order(HQ, acts=(HOURLY, CERTIFIED), standing=True), text(1))
        opened.now = after(3)
        opened.answer(REF, "C-1", "complied", at=after(0.5), clause=QUIT)
        opened.answer(REF, "C-1", "complied", at=after(2.5), clause=CERTIFY)
        opened.answer(REF, "C-2", "acknowledged", at=after(2))
        opened.answer(REF, "D-1", "read", at=after(1.5))
        opened.contest(REF, "R-2", "Not I.", at=after(1))
        opened.exempt(REF, "H-2", PPO, "On deputation.", clause=QUIT, at=after(1))
        opened.transfer("C-3", HAZARA, at=after(2))
        opened.tick()
        yield opened


def written(answer: Any) -> str:
    """The bytes of an answer, but for the head of the ledger at the time of asking."""
    return json.dumps({k: v for k, v in answer.items() if k != "position"}, default=str)


def asked(office: Office, at: datetime, known: int | datetime | None) -> dict[str, str]:
    """Everything that can be asked of a past."""
    tree = office.tree(at, known)
    answers = {
        "status": written(office.status(REF, depth=9, as_of=at, known_at=known)),
        "status of a unit": written(
            office.status(REF, unit=MALAKAND, depth=2, as_of=at, known_at=known)
        ),
        "all directives": written(office.status(as_of=at, known_at=known)),
        "officers": written(office.officers(REF, as_of=at, known_at=known, limit=1_000)),
        "overdue officers": written(
            office.officers(REF, state="overdue", unit=SWAT, as_of=at, known_at=known)
        ),
        "tree": repr((tree.units, tree.posts)),
    }
    if known is not None:
        answers["timeline"] = written(office.timeline(REF, known_at=known))
    return answers


def meddle(office: Office) -> None:
    """Write down, late and not, all that could move a view of the past."""
    office.now = after(5)
    office.transfer("C-1", HAZARA)
    office.transfer("C-2", SWAT, at=after(0.5))
    office.promote("D-1", 20, at=after(0.25))
    office.promote("C-1", 9)
    office.duty("C-4", "on_duty", at=after(0.5))
    office.retire("H-1", at=after(2))
    described(office, [Unit(SWAT, "zone", {"en": "Swat Valley"}, HAZARA)], [], after(0.5))
    described(office, [Unit(SAIDU, "station", {"en": "Saidu"}, MALAKAND)], [], after(4))
    described(
        office,
        [Unit(HQ, "hq", {"en": "Headquarters"}, None)],
        [post(SHO, SAIDU, rank=17), post(RPO, MALAKAND, head=False, rank=20)],
        after(0.25),
    )
    office.assume(DPO, "R-2", at=after(0.75))
    office.assume(SHO, "C-2", charge="acting", at=after(1))
    office.relinquish(PPO, at=after(2))
    office.answer(REF, "C-2", "acknowledged", at=after(0.1))
    office.answer(REF, "C-4", "complied", at=after(0.1))
    office.answer(REF, "D-1", "complied", at=after(0.9))
    office.contest(REF, "C-4", "Not I.", at=after(0.2))
    office.assume(PPO, "P-1")
    office.decide_contest(REF, "R-2", "upheld", PPO)
    office.exempt(REF, "D-1", PPO, "On deputation.")
    office.import_roll([listed("N-1", SAIDU), listed("C-3", SWAT, 8)], at=after(0.5))
    office.roll_call(REF, SAIDU, [(2, "C-4", None, None)], diary="1", held_at=after(0.3))
    office.tick()
    office.amend(REF, terms(HOURLY, subject="Later wording"), text(2), at=after(0.6))
    office.amend(REF, terms(CERTIFIED, subject="Material"), text(3), material=True, at=after(1))
    office.issue(order(SWAT, label="Another"), text(4), at=after(0.1))
    office.withdraw(REF, "Wrong.", at=after(2.9))


@pytest.mark.parametrize("by", ["position", "instant"])
def test_what_was_known_then_is_told_to_the_byte_as_it_was_told_then(
    office: Office, by: str
) -> None:
    known: int | datetime = office.head() if by == "position" else office.now
    before = {at: asked(office, at, known) for at in INSTANTS}
    head = office.head()
    meddle(office)
    assert office.head() > head + 30
    for at in INSTANTS:
        assert asked(office, at, known) == before[at]


@pytest.mark.parametrize("late", [False, True])
def test_what_is_known_now_is_what_was_known_at_the_head(office: Office, late: bool) -> None:
    if late:
        meddle(office)
    head = office.head()
    for at in INSTANTS:
        live, then = asked(office, at, None), asked(office, at, head)
        del then["timeline"]
        for what, answer in then.items():
            said = answer.replace(f'"known_at": {head}', '"known_at": null')
            assert said == live[what]


def test_each_later_knowledge_of_one_instant_adds_what_was_written_since(
    office: Office,
) -> None:
    """From the issue on, each position tells no less than the one before, of one instant."""
    told = [
        tuple(office.status(REF, as_of=after(3), known_at=known)[name] for name in NAMES)
        for known in range(office.head() + 1)
    ]
    assert told[0] == (0,) * len(NAMES)
    assert told[-1] == (10, 10, 3, 2, 1, 0, 1)
    assert told == sorted(told)


def test_before_anything_was_known_there_is_nothing(office: Office) -> None:
    status = office.status(REF, known_at=0)
    assert (status["state"], status["unit"], status["units"]) == ("not_issued", None, [])
    assert [status[name] for name in NAMES] == [0] * len(NAMES)
    assert office.officers(REF, known_at=0)["officers"] == []
    assert office.timeline(REF, known_at=0)["entries"] == []


# --- As of an instant, by all that is known --------------------------------------------

THEN = after(2)


def numbers(office: Office, at: datetime = THEN) -> dict[str, tuple[int, ...]]:
    """Each unit's numbers, those under it included, as of an instant."""
    status = office.status(REF, depth=9, as_of=at)
    return {
        one["unit"]: tuple(one[name] for name in (*NAMES, "overdue"))
        for one in (status, *status["units"])
    }


def change(
    office: Office, command: Callable[[], object], at: datetime = THEN
) -> dict[str, dict[str, int]]:
    """By how much a command changes the numbers of an instant: unit, count, by."""
    before = numbers(office, at)
    command()
    now = numbers(office, at)
    found = {
        unit: {
            name: new - old
            for name, new, old in zip((*NAMES, "overdue"), now[unit], before[unit], strict=True)
            if new != old
        }
        for unit in now
    }
    return {unit: changed for unit, changed in found.items() if changed}


def test_what_happens_later_changes_nothing_then(office: Office) -> None:
    described_later = [
        Unit(SWAT, "zone", {"en": "Swat Valley"}, HAZARA),
        Unit(HQ, "hq", {"en": "Headquarters"}, None),
    ]
    for command in (
        lambda: office.transfer("C-2", HAZARA),
        lambda: office.promote("C-2", 9),
        lambda: office.retire("C-1"),
        lambda: office.answer(REF, "D-1", "complied"),
        lambda: office.contest(REF, "D-1", "Not I."),
        lambda: office.exempt(REF, "D-1", PPO, "On deputation."),
        lambda: office.import_roll([listed("N-1", SAIDU)]),
        lambda: described(office, described_later, [], after(3)),
        lambda: office.amend(REF, terms(HOURLY), text(2)),
        lambda: office.amend(REF, terms(CERTIFIED), text(3), material=True),
        office.tick,
        lambda: office.withdraw(REF, "Wrong."),
    ):
        before = written(office.officers(REF, as_of=THEN, limit=1_000))
        assert change(office, command) == {}
        assert written(office.officers(REF, as_of=THEN, limit=1_000)) == before


def test_a_late_earlier_answer_counts_from_its_instant_on(office: Office) -> None:
    late = {"read": 1, "acknowledged": 1}
    above = (SAIDU, SWAT, MALAKAND, HQ)
    assert change(
        office, lambda: office.answer(REF, "C-4", "acknowledged", at=after(1.9))
    ) == dict.fromkeys(above, late)
    assert (
        change(office, lambda: office.answer(REF, "C-2", "complied", at=after(2.1)), after(2))
        == {}
    )
    assert change(
        office, lambda: office.answer(REF, "C-2", "complied", at=after(0.5)), after(1)
    ) == {unit: {"read": 1, "acknowledged": 1, "complied": 1, "overdue": -1} for unit in above}


def test_a_late_transfer_moves_an_officer_from_its_instant_on(office: Office) -> None:
    before = numbers(office, after(0.99))
    counted = {"population": 1, "served": 1, "read": 1, "acknowledged": 1, "overdue": 1}
    left = {name: -by for name, by in counted.items()}
    assert change(office, lambda: office.transfer("C-1", HAZARA, at=after(1))) == {
        SWAT: left,
        MALAKAND: left,
        HAZARA: counted,
    }
    assert numbers(office, after(0.99)) == before
    where = {h: {r["officer_id"]: r["unit"] for r in rows(office, after(h))} for h in (0.99, 1)}
    assert (where[0.99]["C-1"], where[1]["C-1"]) == (SWAT, HAZARA)


def rows(office: Office, at: datetime) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = office.officers(REF, as_of=at, limit=1_000)["officers"]
    return found


def test_a_unit_that_was_moved_counts_under_its_new_parent_from_then_on(
    office: Office,
) -> None:
    swat = numbers(office)[SWAT]
    described(office, [Unit(SWAT, "district", {"en": "Swat"}, HAZARA)], [], after(1))
    now, then = numbers(office), numbers(office, after(0.99))
    assert now[SWAT] == swat
    assert now[HQ][:2] == then[HQ][:2] == (10, 10)
    assert (now[MALAKAND][0], now[HAZARA][0]) == (2, 7)
    assert (then[MALAKAND][0], then[HAZARA][0]) == (7, 2)


def test_a_name_is_that_of_the_instant(office: Office) -> None:
    described(office, [Unit(SWAT, "zone", {"en": "Swat Valley"}, MALAKAND)], [], after(1))
    told = {
        hours: next(
            (one["name"], one["kind"])
            for one in office.status(REF, depth=9, as_of=after(hours))["units"]
            if one["unit"] == SWAT
        )
        for hours in (0.99, 1)
    }
    assert told == {0.99: ("Swat", "district"), 1: ("Swat Valley", "zone")}


def test_a_rank_is_that_of_the_instant(office: Office) -> None:
    office.promote("D-1", 20, at=after(1))
    ranks = {h: {r["officer_id"]: r["rank"] for r in rows(office, after(h))} for h in (0.99, 1)}
    assert (ranks[0.99]["D-1"], ranks[1]["D-1"]) == (19, 20)


def test_whose_desk_it_is_is_asked_of_the_instant(office: Office) -> None:
    def desk(hours: float) -> dict[str, Any]:
        (found,) = (
            one["held_by"]
            for one in office.overdue(as_of=after(hours))["obligations"]
            if (one["unit"], one["clause"]) == (SWAT, QUIT)
        )
        held: dict[str, Any] = found
        return held

    office.relinquish(DPO, at=after(2))
    office.assume(DPO, "R-2", charge="acting", at=after(2.5))
    assert desk(1.5) == {"post": DPO, "officer_id": "D-1", "vacant_since": None}
    assert desk(2) == {"post": DPO, "officer_id": None, "vacant_since": after(2)}
    assert desk(2.5) == {"post": DPO, "officer_id": "R-2", "vacant_since": None}


def exported(office: Office, what: str, ref: str, at: datetime) -> list[tuple[Any, ...]]:
    _, pages = office.rows(what, ref, as_of=at)
    return [row for page in pages for row in page]


def instants(rows_: list[tuple[Any, ...]]) -> list[datetime]:
    return [value for row in rows_ for value in row if isinstance(value, datetime)]


def test_an_export_of_officers_is_of_the_instant_it_is_asked_of(office: Office) -> None:
    before = exported(office, "standing", REF, after(0.5))
    assert max(instants(before)) == after(2)  # a due; nothing else lies ahead
    meddle_lightly(office)
    assert exported(office, "standing", REF, after(0.5)) == before


def test_an_export_of_hops_is_of_the_instant_it_is_asked_of(office: Office) -> None:
    office.issue(
        order(MALAKAND, precedence="routine", forward="on_acknowledgement"),
        text(2),
        at=after(1),
    )
    before = exported(office, "hops", "hq-2020-2", after(1.5))
    assert [row[1] for row in before] == [HQ, MALAKAND]
    office.acknowledge_relay("hq-2020-2", MALAKAND, at=after(2))
    found = exported(office, "hops", "hq-2020-2", after(1.5))
    assert found == before
    assert max(instants(found)) <= after(1.5)


def meddle_lightly(office: Office) -> None:
    """Write down what happens now."""
    office.transfer("C-1", HAZARA)
    office.answer(REF, "D-1", "complied")
    described(office, [UNITS[SWAT]], POSTS, after(3))


def test_a_relay_acknowledged_later_was_not_acknowledged_then(office: Office) -> None:
    office.issue(
        order(MALAKAND, precedence="routine", forward="on_acknowledgement"),
        text(2),
        at=after(1),
    )
    office.acknowledge_relay("hq-2020-2", MALAKAND, at=after(2))

    def told(hours: float) -> tuple[int, int, datetime | None, datetime | None]:
        status = office.status("hq-2020-2", as_of=after(hours))
        malakand = next(one for one in status["units"] if one["unit"] == MALAKAND)
        return (
            malakand["population"],
            malakand["served"],
            malakand["received_at"],
            malakand["acknowledged_at"],
        )

    assert told(0.99) == (0, 0, None, None)
    # Of those below, whose own units have yet to serve, all who match are counted.
    assert told(1) == (7, 0, after(1), None)
    assert told(1.99) == (7, 0, after(1), None)
    assert told(2) == (6, 2, after(1), after(2))


# --- One number ------------------------------------------------------------------------


def agrees(office: Office, at: datetime) -> None:
    """Compare what every command says of a directive as of one instant."""
    status = office.status(REF, depth=9, as_of=at)
    found = rows(office, at)
    by_list = {
        "population": len(found),
        "served": sum(row["served_at"] is not None for row in found),
        "read": sum(row["read_at"] is not None for row in found),
        "acknowledged": sum(row["acknowledged_at"] is not None for row in found),
        "complied": sum(row["complied_at"] is not None for row in found),
        "exempt": sum(row["exempt"] for row in found),
        "contested": sum(row["contested"] for row in found),
        "overdue": sum(row["overdue"] for row in found),
    }
    assert {name: status[name] for name in by_list} == by_list
    (overview,) = (
        one for one in office.status(as_of=at)["directives"] if one["directive"] == REF
    )
    assert {name: overview[name] for name in by_list} == by_list
    assert len(exported(office, "standing", REF, at)) == by_list["population"]
    for state in ("served", "read", "acknowledged", "complied", "exempt", "overdue"):
        some = office.officers(REF, state=state, as_of=at, limit=1_000)["officers"]
        assert len(some) == by_list[state], state
    for unit in status["units"]:
        inside = office.officers(REF, unit=unit["unit"], as_of=at, limit=1_000)["officers"]
        assert len(inside) == unit["population"], unit["unit"]
    (act,) = {one["clause"] for one in office.overdue(as_of=at)["obligations"]} or {None}
    if act is not None:
        owed = sum(one["officers"] for one in office.overdue(as_of=at)["obligations"])
        assert owed == by_list["overdue"]


@pytest.mark.parametrize("late", [False, True])
def test_the_same_question_gets_the_same_number_from_every_command(
    tmp_path: Path, store_url: str, late: bool
) -> None:
    with manned(tmp_path / "home", store_url) as office:
        office.issue(order(HQ, standing=True), text(1))
        office.now = after(3)
        office.answer(REF, "C-1", "complied", at=after(0.5))
        office.answer(REF, "C-2", "complied", at=after(2))
        office.contest(REF, "R-2", "Not I.", at=after(1))
        office.exempt(REF, "H-2", PPO, "On deputation.", at=after(2))
        office.transfer("C-3", HAZARA, at=after(2))
        if late:
            office.retire("C-4", at=after(1))
            office.import_roll([listed("N-1", SAIDU)], at=after(0.5))
            office.answer(REF, "C-2", "acknowledged", at=after(0.1))
            office.transfer("C-1", HAZARA, at=after(0.75))
        for at in INSTANTS:
            agrees(office, at)


def test_a_list_comes_in_pages_that_join_without_gap_or_repeat(office: Office) -> None:
    whole = [row["officer_id"] for row in rows(office, after(2))]
    assert whole == sorted(whole)
    for size in (1, 3, 10, 11):
        seen: list[str] = []
        after_ = None
        while True:
            page = office.officers(REF, as_of=after(2), after=after_, limit=size)
            seen += [row["officer_id"] for row in page["officers"]]
            after_ = page["next"]
            if after_ is None:
                break
        assert seen == whole
