"""Returns in an office: owed on two levels, given, contradicted, escalated, scored by tenure."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pytest

from domain import returns
from domain.directive import Clause
from domain.errors import Misused, Refused, Unknown
from domain.fact import FOREVER, ClauseId, Micros, micros
from office import returns as returns_
from office.office import Office
from office.work import working
from projections import force
from projections.database import Database
from projections.force import Tenure
from projections.timeline import written
from tests.examples import DPO, HAZARA, HQ, MALAKAND, NINE, PPO, REPORT, RPO, SAIDU, SWAT
from tests.projections.small import (
    ABBOTTABAD,
    DAY,
    HOURLY,
    READER,
    RPO_HAZARA,
    SINCE,
    after,
    listed,
    order,
    report,
    terms,
    text,
)

REF = "hq-2020-1"
COMES_OUT = 1_000
"""The position at which a breach is said, after all that the tests have written."""
OF_SWAT = ("D-1", "C-1", "C-2", "C-3", "C-4")


def issued(office: Office, *clauses: Clause, **said: Any) -> None:
    acts = said.pop("acts", (HOURLY,))
    office.issue(order(HQ, acts=(*acts, *clauses), **said), text(1))


@pytest.fixture
def ordered(office: Office) -> Office:
    """The heads of regions and districts owe a return within a day of receipt."""
    issued(office, report("region", "district"))
    return office


def all_comply(office: Office, *officers: str) -> None:
    for officer in officers:
        office.answer(REF, officer, "complied")


def row(office: Office, unit: str, **asked: Any) -> Mapping[str, Any]:
    rows = [one for one in office.returns(REF, **asked)["returns"] if one["unit"] == unit]
    assert len(rows) == 1, rows
    return rows[0]  # type: ignore[no-any-return]


def facts(office: Office, kind: type[Any]) -> list[Any]:
    with office.store.reading() as conn:
        found = written(Database(conn), [f"relay-{REF}."])
        return [entry.fact for entry in found if isinstance(entry.fact, kind)]


def states(office: Office, **asked: Any) -> dict[str, str]:
    return {one["unit"]: one["state"] for one in office.returns(REF, **asked)["returns"]}


# --- Owed and given ----------------------------------------------------------------------


def test_two_levels_owe_it_at_once_each_by_its_head(ordered: Office) -> None:
    found = {
        one["unit"]: (one["post"], one["officer_id"], one["due_at"])
        for one in ordered.returns(REF)["returns"]
    }
    assert found == {
        HAZARA: (RPO_HAZARA, "H-1", after(DAY)),
        ABBOTTABAD: (None, None, after(DAY)),
        MALAKAND: (RPO, "R-1", after(DAY)),
        SWAT: (DPO, "D-1", after(DAY)),
    }
    assert set(states(ordered).values()) == {"owed"}


def test_full_is_refused_with_one_open_officer_and_accepted_after_he_complies(
    ordered: Office,
) -> None:
    all_comply(ordered, *OF_SWAT[1:])
    before = ordered.head()
    with pytest.raises(Refused, match="1 is open"):
        ordered.submit_return(REF, SWAT, DPO, 5)
    assert ordered.head() == before
    all_comply(ordered, OF_SWAT[0])
    assert ordered.submit_return(REF, SWAT, DPO, 5) == {
        "directive": REF,
        "unit": SWAT,
        "clause": REPORT,
        "claimed": 5,
        "known": 5,
        "population": 5,
        "full": True,
        "changed": True,
        "position": ordered.head(),
    }


def test_the_counts_are_those_of_status(ordered: Office) -> None:
    all_comply(ordered, "C-1", "C-2")
    ordered.exempt(REF, "C-3", PPO, "On deputation.")
    ordered.now = after(1)
    ordered.submit_return(REF, MALAKAND, RPO, 4, note="Two by word of mouth.")
    told = ordered.status(REF, unit=MALAKAND)
    (fact,) = facts(ordered, returns.ReturnSubmitted)
    assert (fact.claimed, fact.known) == (4, told["complied"])
    assert (fact.population, fact.exempt) == (told["population"], told["exempt"])
    assert fact.open == told["served"] - told["exempt"] - told["complied"]
    assert fact.unserved == told["population"] - told["served"]
    assert fact.authority.model_dump(exclude_none=True) == {
        "post": RPO,
        "unit": MALAKAND,
        "officer": "R-1",
        "charge": "substantive",
        "rank": 20,
        "line": (MALAKAND,),
    }


def test_a_claim_that_counts_the_exempt_certifies_everybody_too(ordered: Office) -> None:
    all_comply(ordered, *OF_SWAT[2:])
    ordered.exempt(REF, "D-1", PPO, "On deputation.")
    with pytest.raises(Refused, match="of 5 bound, 1 is open"):
        ordered.submit_return(REF, SWAT, DPO, 5)
    all_comply(ordered, "C-1")
    assert ordered.submit_return(REF, SWAT, DPO, 5)["full"]


def test_where_no_act_is_required_who_acknowledged_has_complied(office: Office) -> None:
    issued(office, report("district"), acts=())
    for officer in OF_SWAT[1:]:
        office.answer(REF, officer, "acknowledged")
    with pytest.raises(Refused, match="1 is open"):
        office.submit_return(REF, SWAT, DPO, 5)
    office.exempt(REF, "D-1", PPO, "On deputation.")
    office.exempt(REF, "C-1", PPO, "On deputation.")  # who had acknowledged
    answer = office.submit_return(REF, SWAT, DPO, 3)
    assert (answer["known"], answer["full"]) == (3, True)


def test_a_return_given_again_counts_by_its_numbers_but_not_for_its_lateness(
    ordered: Office,
) -> None:
    ordered.submit_return(REF, SWAT, DPO, 1)
    ordered.now = after(DAY + 2)
    all_comply(ordered, *OF_SWAT)
    ordered.submit_return(REF, SWAT, DPO, 5)
    told = row(ordered, SWAT)
    assert (told["submitted_at"], told["late_seconds"]) == (NINE, 0)
    assert (told["stated_at"], told["claimed"], told["full"]) == (after(DAY + 2), 5, True)
    assert told["state"] == "submitted"


def test_a_late_paper_return_is_accepted_and_makes_it_timely(ordered: Office) -> None:
    ordered.now = after(DAY + 5)
    ordered.submit_return(REF, SWAT, DPO, 2)
    assert row(ordered, SWAT)["late_seconds"] == 5 * 3600
    known = ordered.head()
    ordered.submit_return(REF, SWAT, DPO, 1, at=after(DAY - 1))
    told = row(ordered, SWAT)
    assert (told["late_seconds"], told["claimed"], told["state"]) == (0, 2, "submitted")
    assert row(ordered, SWAT, known_at=known)["state"] == "late"
    assert row(ordered, SWAT, as_of=after(DAY))["claimed"] == 1


def test_known_now_moves_with_late_answers_and_known_then_does_not(ordered: Office) -> None:
    ordered.now = after(3)
    ordered.submit_return(REF, SWAT, DPO, 1)
    before = ordered.head()
    ordered.answer(REF, "C-1", "complied", at=after(2))
    told = row(ordered, SWAT)
    assert (told["known_then"], told["known_now"]) == (0, 1)
    assert row(ordered, SWAT, known_at=before)["known_now"] == 0


def test_only_who_owes_it_or_commands_it_submits_and_only_while_held(ordered: Office) -> None:
    with pytest.raises(Refused, match="reader may not submit it"):
        ordered.submit_return(REF, MALAKAND, READER, 0)
    with pytest.raises(Refused, match="rpo-hazara may not submit it"):
        ordered.submit_return(REF, SWAT, RPO_HAZARA, 0)
    ordered.relinquish(DPO)
    with pytest.raises(Refused, match="dpo-swat is vacant"):
        ordered.submit_return(REF, SWAT, DPO, 0)
    assert ordered.submit_return(REF, SWAT, RPO, 0)["changed"]
    assert row(ordered, SWAT)["submitted_by"] == {"post": RPO, "officer_id": "R-1"}


def test_what_is_not_there_is_named(ordered: Office) -> None:
    with pytest.raises(Unknown, match="There is no unit 'dir'"):
        ordered.submit_return(REF, "dir", DPO, 0)
    with pytest.raises(Unknown, match="There is no post 'dpo-dir'"):
        ordered.submit_return(REF, SWAT, "dpo-dir", 0)
    with pytest.raises(Refused, match=r"owes no return of hq-2020-1\.$"):
        ordered.submit_return(REF, SAIDU, PPO, 0)
    with pytest.raises(Refused, match="under 'monthly'; it owes one under report"):
        ordered.submit_return(REF, SWAT, DPO, 0, clause="monthly")
    with pytest.raises(Refused, match="five minutes after the clock"):
        ordered.submit_return(REF, SWAT, DPO, 0, at=after(1))
    with pytest.raises(Refused, match="not in force"):
        ordered.submit_return(REF, SWAT, DPO, 0, at=after(-1))


def test_of_several_clauses_one_is_named(office: Office) -> None:
    monthly = ClauseId("monthly")
    issued(office, report("district"), report("district", name=monthly))
    with pytest.raises(Misused, match="owes returns under monthly, report"):
        office.submit_return(REF, SWAT, DPO, 0)
    assert office.submit_return(REF, SWAT, DPO, 0, clause=monthly)["clause"] == monthly


def test_a_post_named_owes_one_of_its_own(office: Office) -> None:
    issued(office, report("region", posts=(READER,)))
    assert [
        (one["post"], one["officer_id"])
        for one in office.returns(REF, unit=MALAKAND)["returns"]
    ] == [(RPO, "R-1"), (READER, "R-2")]
    office.submit_return(REF, MALAKAND, READER, 0)
    given = {one["post"]: one["state"] for one in office.returns(REF)["returns"]}
    assert (given[RPO], given[READER]) == ("owed", "submitted")


def test_a_material_amendment_asks_for_it_anew(ordered: Office) -> None:
    ordered.submit_return(REF, SWAT, DPO, 1)
    ordered.now = after(2)
    anew = terms(HOURLY, report("region", "district"))
    ordered.amend(REF, anew, text(2), material=True)
    found = ordered.returns(REF, unit=SWAT)["returns"]
    assert [(one["version"], one["state"], one["due_at"]) for one in found] == [
        (1, "submitted", after(DAY)),
        (2, "owed", after(DAY + 2)),
    ]
    assert [one["version"] for one in ordered.returns(REF, unit=HAZARA)["returns"]] == [2, 2]


# --- What speaks against it --------------------------------------------------------------


@pytest.fixture
def certified(ordered: Office) -> Office:
    """Swat has certified full compliance at ten; it is eleven."""
    ordered.now = after(1)
    all_comply(ordered, *OF_SWAT)
    ordered.submit_return(REF, SWAT, DPO, 5)
    ordered.now = after(2)
    return ordered


def breach(
    office: Office,
    officer: str,
    unit: str,
    at: datetime,
    entry: int = COMES_OUT,
    until: Micros = FOREVER,
) -> int:
    with working(office.store, "hq", office.now) as work:
        about = returns_.Against(officer, unit, micros(at), until, "He posted again.", entry)
        return returns_.contradict(work, REF, [about])


def test_a_breach_that_comes_later_contradicts_every_full_return_above_him_once(
    certified: Office,
) -> None:
    all_comply(certified, "R-1", "R-2")
    certified.submit_return(REF, MALAKAND, RPO, 7, at=after(2))
    certified.now = after(3)
    assert breach(certified, "C-2", SAIDU, after(2.5)) == 2
    assert breach(certified, "C-2", SAIDU, after(2.5)) == 0
    assert breach(certified, "C-3", SAIDU, after(2.5)) == 2
    told = row(certified, SWAT)
    assert told["state"] == "contradicted"
    assert told["contradicted"] == {
        "at": after(3),
        "because": "He posted again.",
        "officer_id": "C-2",
        "case": None,
    }
    assert states(certified)[HAZARA] == "owed"
    found = facts(certified, returns.ReturnContradicted)
    assert [(one.officer, one.entry, one.claimed, one.known) for one in found] == [
        ("C-2", COMES_OUT, 5, 5),
        ("C-2", COMES_OUT, 7, 7),
        ("C-3", COMES_OUT, 5, 5),
        ("C-3", COMES_OUT, 7, 7),
    ]


def test_a_breach_that_was_known_or_made_good_or_of_one_who_came_later_contradicts_nothing(
    certified: Office,
) -> None:
    assert breach(certified, "C-2", SAIDU, after(0.5), entry=7) == 0
    assert breach(certified, "C-2", SAIDU, after(0.5), until=micros(after(1))) == 0
    certified.transfer("H-2", SWAT, at=after(1.5))
    assert breach(certified, "H-2", SWAT, after(2)) == 0


def test_a_claim_of_more_than_can_be_true_is_contradicted_too(ordered: Office) -> None:
    ordered.submit_return(REF, SWAT, DPO, 4)
    ordered.now = after(1)
    assert breach(ordered, "C-2", SAIDU, after(1)) == 0  # the four others may have complied
    ordered.retire("C-3", at=NINE)
    assert breach(ordered, "C-2", SAIDU, after(1)) == 1


def test_a_post_above_marks_it_by_evidence_and_the_post_itself_does_not(
    certified: Office,
) -> None:
    with pytest.raises(Refused, match="dpo-swat does not stand above swat"):
        certified.contradict_return(REF, SWAT, DPO, "Found in a group.")
    first = certified.contradict_return(
        REF, SWAT, RPO, "Found in a group.", officer="C-2", case="hq-2020-c1"
    )
    again = certified.contradict_return(REF, SWAT, PPO, "In another.", officer="C-2")
    assert (first["changed"], again["changed"]) == (True, False)
    assert again["position"] == first["position"]
    assert row(certified, SWAT)["contradicted"]["case"] == "hq-2020-c1"
    with pytest.raises(Unknown, match="No roll has listed"):
        certified.contradict_return(REF, SWAT, RPO, "Found.", officer="X-9")
    with pytest.raises(Refused, match="has submitted no return"):
        certified.contradict_return(REF, HAZARA, PPO, "Found.")


def test_a_new_return_stands_beside_the_contradicted_one(certified: Office) -> None:
    certified.contradict_return(REF, SWAT, RPO, "Found in a group.", officer="C-2")
    before = certified.now
    certified.now = after(4)
    assert certified.submit_return(REF, SWAT, DPO, 5)["changed"]
    assert not certified.submit_return(REF, SWAT, DPO, 5)["changed"]
    assert row(certified, SWAT)["state"] == "submitted"
    assert row(certified, SWAT, as_of=before)["state"] == "contradicted"
    (score,) = certified.return_scores(post=DPO)["scores"]
    assert score["contradicted"] == 1  # that it had once been untrue stays


def test_the_tick_contradicts_a_full_return_when_somebody_open_then_becomes_known(
    certified: Office,
) -> None:
    assert certified.tick()["contradicted"] == 0
    certified.transfer("R-2", SWAT, at=after(0.5))  # he has not complied
    assert certified.tick()["contradicted"] == 1
    assert certified.tick()["contradicted"] == 0
    assert row(certified, SWAT)["contradicted"]["because"] == (
        "By what has become known, 1 officer under it was open or not served at that instant."
    )


def test_who_came_open_only_after_it_contradicts_nothing(certified: Office) -> None:
    certified.transfer("R-2", SWAT, at=after(1.5))
    certified.import_roll([listed("N-1", SWAT)], at=after(1.5))
    assert certified.tick()["contradicted"] == 0


# --- Overdue, and whose it is ------------------------------------------------------------


def test_an_overdue_return_goes_to_the_head_above_once(ordered: Office) -> None:
    ordered.submit_return(REF, SWAT, DPO, 1)
    ordered.now = after(DAY)
    ordered.tick()
    told = facts(ordered, returns.ReturnEscalated)
    assert [(one.level, one.to_unit, one.to_post, one.to_officer) for one in told] == [
        (1, HAZARA, RPO_HAZARA, "H-1"),  # of Abbottabad, which has no head
        (1, HQ, PPO, "P-1"),
        (1, HQ, PPO, "P-1"),
    ]
    before = ordered.head()
    ordered.tick()
    assert ordered.head() == before


def test_the_steps_of_the_clause_are_told_each_in_its_time(office: Office) -> None:
    issued(office, report("district", escalate=(0, 3600)), acts=())
    office.now = after(DAY)
    assert office.tick()["escalated"] == 2
    office.now = after(DAY + 1)
    assert office.tick()["escalated"] == 2
    office.relinquish(RPO)
    assert [
        (one.level, one.to_post)
        for one in facts(office, returns.ReturnEscalated)
        if one.to_post in (RPO, PPO)
    ] == [(1, RPO), (2, PPO), (2, PPO)]


def test_one_asked_anew_while_the_first_is_overdue_is_escalated_once(office: Office) -> None:
    clauses = (report("district", clock="receipt", within=3600),)
    issued(office, *clauses, acts=())
    office.now = after(2)
    office.amend(REF, terms(*clauses), text(2), material=True)
    office.now = after(4)
    assert office.tick()["escalated"] == 2
    assert office.tick()["escalated"] == 0


def test_a_vacant_post_owes_it_all_the_same_and_vacant_desks_are_passed(
    office: Office,
) -> None:
    office.relinquish(DPO)
    office.relinquish(RPO)
    issued(office, report("district"), acts=())
    office.now = after(DAY)
    office.tick()
    told = row(office, SWAT)
    assert (told["post"], told["officer_id"], told["vacant_since"]) == (DPO, None, NINE)
    assert told["state"] == "overdue"
    (fact,) = (one for one in facts(office, returns.ReturnEscalated) if one.passed)
    assert (fact.passed, fact.to_post, fact.to_officer) == ((RPO,), PPO, "P-1")
    (score,) = office.return_scores(post=DPO)["scores"]
    assert (score["officer_id"], score["missing"]) == (None, 1)


def test_what_fell_due_in_a_tenure_stays_its_holders_though_another_submits_it(
    ordered: Office,
) -> None:
    ordered.now = after(DAY + 1)
    ordered.assume(RPO, "C-1")  # the one before is relieved
    ordered.now = after(DAY + 3)
    ordered.submit_return(REF, MALAKAND, RPO, 2)
    told = row(ordered, MALAKAND)
    assert told["officer_id"] == "R-1"
    assert told["submitted_by"] == {"post": RPO, "officer_id": "C-1"}
    assert (told["state"], told["late_seconds"]) == ("late", 3 * 3600)
    assert ordered.return_scores(post=RPO)["scores"] == [
        {
            "post": RPO,
            "officer_id": "R-1",
            "from": SINCE,
            "to": after(DAY + 1),
            "owed": 1,
            "in_time": 0,
            "late": 1,
            "missing": 0,
            "mean_late_seconds": 3 * 3600,
            "claimed": 2,
            "known": 0,
            "contradicted": 0,
            "submitted_by_others": ["C-1"],
        }
    ]


def test_a_return_not_yet_due_is_of_who_holds_the_post_now(ordered: Office) -> None:
    ordered.now = after(1)
    ordered.assume(RPO, "C-1")
    assert row(ordered, MALAKAND)["officer_id"] == "C-1"
    assert row(ordered, MALAKAND, as_of=NINE)["officer_id"] == "R-1"
    assert [one["officer_id"] for one in ordered.return_scores(post=RPO)["scores"]] == ["C-1"]


def test_missing_is_what_is_due_and_was_given_by_nobody(ordered: Office) -> None:
    ordered.submit_return(REF, SWAT, DPO, 1)
    ordered.now = after(DAY)
    found = {one["post"]: one for one in ordered.return_scores()["scores"]}
    assert {post: (one["in_time"], one["missing"]) for post, one in found.items()} == {
        DPO: (1, 0),
        RPO: (0, 1),
        RPO_HAZARA: (0, 1),
    }
    with pytest.raises(Unknown, match="There is no post 'dpo-dir'"):
        ordered.return_scores(post="dpo-dir")


def test_after_the_directives_end_what_had_fallen_due_is_still_owed(ordered: Office) -> None:
    ordered.now = after(DAY + 1)
    ordered.withdraw(REF, "Overtaken.")
    assert set(states(ordered).values()) == {"overdue"}
    with pytest.raises(Refused, match="not in force"):
        ordered.submit_return(REF, SWAT, DPO, 0)
    assert ordered.submit_return(REF, SWAT, DPO, 0, at=after(DAY))["changed"]
    before = ordered.head()
    ordered.tick()
    assert ordered.head() == before


def test_with_an_end_before_the_due_nothing_is_owed(ordered: Office) -> None:
    ordered.submit_return(REF, SWAT, DPO, 0)
    ordered.now = after(1)
    ordered.withdraw(REF, "Overtaken.")
    assert states(ordered) == {SWAT: "submitted"}


# --- Tables ------------------------------------------------------------------------------


def test_a_rebuild_gives_the_same_rows(certified: Office) -> None:
    breach(certified, "C-2", SAIDU, after(2))
    certified.contradict_return(REF, SWAT, RPO, "Found in a group.", officer="C-3")
    certified.now = after(2 * DAY)
    certified.tick()
    before = certified.returns()
    assert [one for one in certified.check()["projections"] if not one["same"]] == []
    assert all(one["same"] for one in certified.rebuild()["projections"])
    assert certified.returns() == before
    with certified.store.reading() as conn:
        counted = [
            conn.exec_driver_sql(f"SELECT COUNT(*) FROM {table}").scalar()
            for table in ("returns", "return_contradictions", "return_escalations")
        ]
    assert counted == [1, 2, 3]


def test_tenures_have_no_gap_and_the_last_word_of_an_instant_counts(office: Office) -> None:
    office.relinquish(DPO, at=after(-5))
    office.assume(DPO, "C-1", charge="acting", at=after(-3))
    office.assume(DPO, "C-2", at=after(-2))
    office.assume(DPO, "R-2", at=after(-2))
    since, five, three, two = map(micros, (SINCE, after(-5), after(-3), after(-2)))
    with office.store.reading() as conn:
        found = force.tenures(Database(conn), DPO)
    assert found == [
        Tenure("D-1", since, five),  # type: ignore[arg-type]  # ids
        Tenure(None, five, three),
        Tenure("C-1", three, two),  # type: ignore[arg-type]
        Tenure("R-2", two, FOREVER),  # type: ignore[arg-type]
    ]
