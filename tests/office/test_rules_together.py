"""Where one rule heeds another: leave and breaches, breaches and returns, deadlines made shorter."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from domain import relay, returns
from domain.directive import Clause
from domain.errors import Refused
from domain.fact import ClauseId
from office.cases import Breach
from office.office import Office
from office.registers import Entry
from projections.database import Database
from projections.timeline import written
from tests.examples import DPO, HAZARA, HQ, MALAKAND, PPO, QUIT, REPORT, RPO, SAIDU, SWAT
from tests.projections.small import (
    DAY,
    HOURLY,
    SHO,
    SINCE,
    act,
    after,
    listed,
    manned,
    order,
    report,
    terms,
    text,
)

REF = "hq-2020-1"
OF_SWAT = ("D-1", "C-1", "C-2", "C-3", "C-4")


def clause(
    name: str, kind: str, *of: str, open_: bool = False, **more: str | bool | tuple[str, ...]
) -> Clause:
    return Clause(
        id=ClauseId(name),
        kind=kind,  # type: ignore[arg-type]  # the tests name kinds that are there
        text={"en": f"The {name}."},
        of=tuple(ClauseId(one) for one in of),
        open=open_,
        more={**more},
    )


DAILY = act(QUIT, clock="receipt", within=DAY * 3600, escalate=(0,))
FILMS = clause("films", "prohibition", unless_permitted=True)
LEAVE = clause("leave", "permission_rule", "films", decider_head_of="district")
GROUPS = clause("official", "exception", QUIT, open_=True)
CLAUSES = (DAILY, FILMS, LEAVE, GROUPS, report("region", "district"))


@pytest.fixture
def office(tmp_path: Path, store_url: str) -> Iterator[Office]:
    """An order with a clause of every kind was issued and served at nine; it is ten."""
    with manned(tmp_path / "home", store_url) as opened:
        opened.issue(order(HQ, terms=terms(*CLAUSES)), text(1))
        opened.now = after(1)
        yield opened


def breach(
    office: Office, clause: str, at: datetime, officer: str = "C-2", ref: str = REF
) -> dict[str, Any]:
    found = Breach(officer, clause, at, "A copy is kept.")
    return office.report_breaches(ref, [found], by=DPO)


def refused(reason: str) -> Any:
    return pytest.raises(Refused, match=f"^{reason}")


def of(office: Office, unit: str = SWAT) -> dict[str, Any]:
    (row,) = (one for one in office.returns(REF)["returns"] if one["unit"] == unit)
    return dict(row)


def contradictions(office: Office) -> list[returns.ReturnContradicted]:
    with office.store.reading() as conn:
        return [
            entry.fact
            for entry in written(Database(conn), [f"relay-{REF}."])
            if isinstance(entry.fact, returns.ReturnContradicted)
        ]


def certified(office: Office) -> None:
    """All of Swat have complied, and its head has certified so at eleven; it is noon."""
    for officer in OF_SWAT:
        office.answer(REF, officer, "complied")
    office.now = after(2)
    assert office.submit_return(REF, SWAT, DPO, 5)["full"]
    office.now = after(3)


# --- Leave, and what it covers -----------------------------------------------------------


def test_what_leave_covered_at_that_instant_is_no_breach(office: Office) -> None:
    name = office.request_permission(
        REF, "C-2", "films", scope="uniform", until=after(3), why="A film."
    )["permission"]
    office.now = after(2)
    office.grant_permission(name, DPO)
    office.now = after(4)
    with refused(f"C-2 had leave for it: {name}"):
        breach(office, "films", after(2.5))
    assert breach(office, "films", after(1.5))["changed"], "before it was given"
    assert breach(office, "films", after(3))["changed"], "when it had run out"
    assert breach(office, "films", after(2.5), "C-3")["changed"], "another's"


def test_leave_that_was_void_covered_nothing(office: Office) -> None:
    name = office.request_permission(
        REF, "C-2", "films", scope="uniform", until=after(9), why="A film."
    )["permission"]
    office.grant_permission(name, DPO)
    office.now = after(3)
    with refused(f"C-2 had leave for it: {name}"):
        breach(office, "films", after(2))
    office.relinquish(DPO, at=after(0.5))
    assert office.permission(name)["state"] == "void"
    assert breach_by_ppo(office)["changed"]


def breach_by_ppo(office: Office) -> dict[str, Any]:
    return office.report_breaches(REF, [Breach("C-2", "films", after(2), "A copy.")], by=PPO)


def test_an_order_that_was_superseded_governs_what_was_done_while_it_was_in_force(
    office: Office,
) -> None:
    office.issue(order(HQ, acts=(HOURLY,)), text(2), at=after(1))
    office.supersede(REF, "hq-2020-2")
    office.now = after(3)
    told = breach(office, "films", after(0.5))
    assert office.annex(told["case"])["text_sha256"] == text(1)
    with refused(r"hq-2020-1 was superseded at 2020-01-15T11:00:00\+05:00"):
        breach(office, "films", after(2))
    with refused("There is no clause 'films' in version 1 of hq-2020-2"):
        breach(office, "films", after(2), ref="hq-2020-2")
    with refused("hq-2020-1 was not in force"):
        office.request_permission(
            REF, "C-3", "films", scope="uniform", until=after(9), why="A film."
        )


# --- Breaches, and what was certified ----------------------------------------------------


@pytest.mark.parametrize("hours", [1.5, 2.5], ids=["before it", "after it"])
def test_a_case_contradicts_what_was_certified_of_him_before_it_came_out(
    office: Office, hours: float
) -> None:
    certified(office)
    name = breach(office, "films", after(hours))["case"]
    assert of(office)["state"] == "contradicted"
    assert of(office)["contradicted"] == {
        "at": after(3),
        "because": "Reported in breach of films: A copy is kept.",
        "officer_id": "C-2",
        "case": name,
    }
    breach(office, "films", after(hours))
    breach(office, "films", after(hours, 1))
    assert len(contradictions(office)) == 1, "once for each officer"


def test_a_case_that_was_open_already_contradicts_no_later_return(office: Office) -> None:
    breach(office, "films", after(0.5))
    certified(office)
    assert of(office)["state"] == "submitted"


def test_who_did_late_what_he_had_to_do_was_not_in_breach_when_it_was_certified(
    office: Office,
) -> None:
    office.tighten(REF, SWAT, QUIT, within=3600, by=DPO, at=after(0.5))
    certified(office)  # all complied at ten, the very hour
    office.now = after(4)
    with refused("C-2 had complied"):
        breach(office, QUIT, after(2))
    office.import_roll([listed("N-1", SWAT)], at=SINCE)
    assert office.tick()["contradicted"] == 0


def test_hundreds_of_cases_are_held_against_the_returns_in_one_go(
    tmp_path: Path, store_url: str
) -> None:
    with manned(tmp_path / "home", store_url) as office:
        many = [f"S-{n:03}" for n in range(40)]
        office.import_roll([listed(one, SAIDU) for one in many], at=SINCE)
        office.issue(order(HQ, terms=terms(*CLAUSES)), text(1))
        everybody = (*OF_SWAT, *many)
        office.now = after(1)
        for officer in everybody:
            office.answer(REF, officer, "complied")
        office.submit_return(REF, SWAT, DPO, len(everybody))
        office.now = after(2)
        found = [Breach(one, "films", after(0.5), "Kept.", line=2) for one in many]
        start = office.head()
        told = office.report_breaches(REF, [*found, *found], by=DPO)
        assert (told["accepted"], told["repeated"]) == (40, 40)
        assert office.head() == start + 80, "a case and a mark for each"
        assert [one.case for one in contradictions(office)] == told["cases"]
        assert office.report_breaches(REF, found, by=DPO)["position"] == start + 80


# --- Deadlines made shorter on the way down -----------------------------------------------


def test_an_act_that_his_district_asked_for_sooner_is_breached_sooner(office: Office) -> None:
    office.now = after(5)
    with refused("quit was not yet due for C-2"):
        breach(office, QUIT, after(4))
    told = office.tighten(REF, SWAT, QUIT, within=2 * 3600, by=DPO, at=after(1))
    with refused("quit was not yet due for C-2 at .*: it is due at 2020-01-15T11:00"):
        breach(office, QUIT, after(1.5))
    name = breach(office, QUIT, after(4))["case"]
    annex = office.annex(name)
    assert annex["due_at"] == after(2)
    stored = {one["name"]: one for one in annex["service_entries"]}
    tightened = stored[relay.ClauseTightened.stored]
    assert tightened["position"] == told["position"]
    assert tightened["sentence"].startswith("dpo-swat tightened it for swat and all below")
    with refused("quit was not yet due for R-2"):
        breach(office, QUIT, after(4), "R-2")


def test_a_deadline_made_shorter_too_late_makes_nobody_late_before_it_was_said(
    office: Office,
) -> None:
    office.now = after(5)
    office.tighten(REF, SWAT, QUIT, within=3600, by=DPO, at=after(4))
    with refused("quit was not yet due for C-2 at .*: it is due at 2020-01-15T13:00"):
        breach(office, QUIT, after(3))
    assert breach(office, QUIT, after(4))["changed"]


def test_a_return_is_due_when_the_unit_above_said_and_not_before_it_was_said(
    office: Office,
) -> None:
    asked = office.head()
    office.tighten(REF, MALAKAND, REPORT, within=2 * 3600, by=RPO)
    assert of(office, SWAT)["due_at"] == after(2)
    assert of(office, MALAKAND)["due_at"] == after(2)
    assert of(office, HAZARA)["due_at"] == after(DAY)
    (then,) = (o for o in office.returns(REF, known_at=asked)["returns"] if o["unit"] == SWAT)
    assert then["due_at"] == after(DAY), "as was known before"
    office.now = after(3)
    office.tighten(REF, SWAT, REPORT, within=3600, by=DPO)
    assert of(office, SWAT)["due_at"] == after(2), "the earliest of them"
    assert of(office, SWAT)["state"] == "overdue"
    assert office.tick()["escalated"] == 2
    told = office.submit_return(REF, SWAT, DPO, 0)
    assert told["changed"]
    assert of(office)["state"] == "late"
    office.tighten(REF, HAZARA, REPORT, within=3600, by="rpo-hazara")
    assert of(office, HAZARA)["due_at"] == after(3), "not before it was said"


def test_nobody_registers_under_an_exception_that_a_unit_above_has_closed(
    office: Office,
) -> None:
    def entered(unit: str, post: str, name: str, at: datetime | None = None) -> dict[str, Any]:
        entry = Entry("whatsapp", name, unit, post, under=REF, clause="official")
        return office.enter_official("group", entry, at=at)

    office.assume(SHO, "C-3")
    assert entered(SAIDU, SHO, "Rosters")["changed"]
    office.now = after(2)
    office.tighten(REF, SWAT, "official", by=DPO)
    with refused(
        "swat closed official for itself and all below at .*: nobody registers there any more"
    ):
        entered(SAIDU, SHO, "Reports")
    assert not entered(SAIDU, SHO, "Rosters")["changed"], "who is in stays in"
    assert entered(SAIDU, SHO, "Reports", after(1.5))["changed"], "it was open then"
    assert entered(MALAKAND, RPO, "Region")["changed"], "above it is open"


def test_proof_and_timeline_of_an_officer_tell_what_held_for_the_unit_that_served_him(
    office: Office,
) -> None:
    def proved(officer: str, **asked: Any) -> list[str]:
        facts = office.proof_of_service(REF, officer, **asked)["facts"]
        return [one["sentence"] for one in facts if one["name"].endswith("tightened")]

    def timed(officer: str, **asked: Any) -> list[str]:
        entries = office.timeline(REF, officer=officer, **asked)["entries"]
        return [one["sentence"] for one in entries if one["name"].endswith("tightened")]

    before = office.head()
    office.tighten(REF, MALAKAND, QUIT, within=12 * 3600, by=RPO)
    office.tighten(REF, SWAT, QUIT, within=6 * 3600, by=DPO)
    region = (
        "rpo-malakand tightened it for malakand and all below: quit is due within 12 hours of "
        "the receipt instead of within 1 day of the receipt."
    )
    assert proved("C-2")[0] == timed("C-2")[0] == region
    assert len(proved("C-2")) == len(timed("C-2")) == 2
    assert proved("R-2") == timed("R-2") == [region]
    assert proved("H-2") == timed("H-2") == []
    assert proved("C-2", known_at=before) == timed("C-2", known_at=before) == []
    assert proved("C-2", as_of=after(0.5)) == []
    office.transfer("C-2", HAZARA)
    assert len(proved("C-2")) == 2, "the duty goes with him"
