"""Entries in, rows out: what each projection keeps of what happened, on both stores."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from domain import force, relay, roll
from domain.errors import Misused, Unaccepted, Unknown
from domain.fact import FOREVER, Fact, micros
from domain.force import Unit
from ledger.codec import decode
from ledger.store import select_stream
from office.office import Office
from office.work import working
from projections import directives
from projections import force as known_force
from projections.database import Database, Moment
from tests.examples import (
    CERTIFY,
    DPO,
    HAZARA,
    HQ,
    MALAKAND,
    NINE,
    PPO,
    QUIT,
    SAIDU,
    SWAT,
    about,
)
from tests.projections.small import (
    CERTIFIED,
    HOURLY,
    ROLL,
    SHO,
    SINCE,
    UNITS,
    after,
    described,
    listed,
    opened,
    order,
    terms,
    text,
)

REF = "hq-2020-1"


@pytest.fixture
def empty(tmp_path: Path, store_url: str) -> Iterator[Office]:
    with opened(tmp_path / "home", store_url) as opened_:
        yield opened_


def rows(office: Office, statement: str) -> list[tuple[Any, ...]]:
    with office.store.reading() as conn:
        return [tuple(row) for row in conn.exec_driver_sql(statement)]


def told(office: Office, *facts: tuple[str, Fact]) -> None:
    """Write entries as an office does."""
    with working(office.store, "hq", office.now) as work:
        work.append(facts)


def tree(office: Office, at: datetime, known: int | None = None) -> force.Tree:
    with office.store.reading() as conn:
        return known_force.tree(Database(conn), Moment(micros(at), known))


# --- force -----------------------------------------------------------------------------


def test_the_tree_is_asked_of_the_instant_and_of_what_was_known(office: Office) -> None:
    before = office.head()
    swat, moved = UNITS[SWAT], Unit(SWAT, "zone", {"en": "Swat Valley"}, HAZARA)
    described(office, [moved], [], after(-2))
    described(office, [UNITS[SWAT]], [], after(-1))
    assert tree(office, after(-3)).units[SWAT] == swat
    assert tree(office, after(-2)).units[SWAT] == moved
    assert tree(office, after(-1)).units[SWAT] == swat
    assert tree(office, after(-2), before).units[SWAT] == swat
    assert tree(office, SINCE, 0).units == {}


def test_what_is_said_of_a_unit_before_it_was_established_waits(empty: Office) -> None:
    stream = force.unit_stream(SWAT, "hq")
    told(
        empty,
        (stream, force.Renamed(**about(at=after(-2)), unit=SWAT, name={"en": "Early"})),
        (
            stream,
            force.Established(
                **about(at=after(-1)), unit=SWAT, kind="district", name={"en": "Swat"}
            ),
        ),
    )
    assert tree(empty, after(-2)).units == {}
    assert tree(empty, after(-1)).units[SWAT].name == {"en": "Swat"}


def test_a_force_file_dated_back_never_makes_what_is_no_tree(office: Office) -> None:
    hazara_below_swat = Unit(HAZARA, "region", {"en": "Hazara"}, SWAT)
    swat_below_hazara = Unit(SWAT, "district", {"en": "Swat"}, HAZARA)
    described(office, [hazara_below_swat], [], after(-1))
    with pytest.raises(Unaccepted):
        described(office, [swat_below_hazara], [], after(-2))
    for hours in (-3, -2, -1, 0):
        assert tree(office, after(hours)).faults() == []


def test_a_post_has_one_substantive_holder_and_others_beside(office: Office) -> None:
    office.assume(DPO, "C-1", charge="acting")
    office.assume(DPO, "C-2", charge="additional")
    office.now = after(1)
    office.assume(DPO, "R-2")
    holders = [(who, charge) for who, charge, _ in tree(office, office.now).posts[DPO].holders]
    assert holders == [("R-2", "substantive"), ("C-1", "acting"), ("C-2", "additional")]
    office.now = after(2)
    office.assume(DPO, "R-2", charge="acting")
    holders = [(who, charge) for who, charge, _ in tree(office, office.now).posts[DPO].holders]
    assert holders == [("C-1", "acting"), ("R-2", "acting"), ("C-2", "additional")]


def test_a_post_is_vacant_since_its_last_holder_gave_it_up(office: Office) -> None:
    sho, dpo = (tree(office, NINE).posts[name] for name in (SHO, DPO))
    assert (sho.holder, sho.vacant_since) == (None, micros(SINCE))
    assert (dpo.holder, dpo.vacant_since) == ("D-1", None)
    office.relinquish(DPO, at=after(-1))
    dpo = tree(office, NINE).posts[DPO]
    assert (dpo.holder, dpo.vacant_since) == (None, micros(after(-1)))


def test_a_transfer_ends_a_charge_outside_the_new_unit_but_not_an_additional_one(
    office: Office,
) -> None:
    office.assume(SHO, "D-1", charge="additional")
    office.transfer("D-1", HAZARA)
    posts = tree(office, office.now).posts
    assert (posts[DPO].holder, posts[SHO].holder) == (None, "D-1")
    office.retire("D-1")
    assert tree(office, office.now).posts[SHO].holder is None


# --- roll ------------------------------------------------------------------------------


def career(office: Office, officer: str) -> list[tuple[Any, ...]]:
    return rows(
        office,
        "SELECT at, until, unit, rank, duty, gone FROM roll"
        f" WHERE officer = '{officer}' ORDER BY at, position",
    )


def test_the_roll_has_a_row_from_each_change_until_the_next(office: Office) -> None:
    office.transfer("C-1", HAZARA, at=after(-3))
    office.promote("C-1", 9, at=after(-2))
    office.duty("C-1", "leave", at=after(-1))
    office.retire("C-1", died=True)
    since, t3, t2, t1, now = map(micros, (SINCE, after(-3), after(-2), after(-1), NINE))
    assert career(office, "C-1") == [
        (since, t3, SWAT, 7, "on_duty", 0),
        (t3, t2, HAZARA, 7, "on_duty", 0),
        (t2, t1, HAZARA, 9, "on_duty", 0),
        (t1, now, HAZARA, 9, "leave", 0),
        (now, FOREVER, HAZARA, 9, "leave", 2),
    ]


def test_a_change_that_arrives_late_finds_its_place(office: Office) -> None:
    office.transfer("C-1", HAZARA, at=after(-1))
    office.promote("C-1", 9, at=after(-2))
    office.transfer("C-1", SAIDU, at=after(-3))
    since, t3, t2, t1 = map(micros, (SINCE, after(-3), after(-2), after(-1)))
    assert career(office, "C-1") == [
        (since, t3, SWAT, 7, "on_duty", 0),
        (t3, t2, SAIDU, 7, "on_duty", 0),
        (t2, t1, SAIDU, 9, "on_duty", 0),
        (t1, FOREVER, HAZARA, 9, "on_duty", 0),
    ]


def test_of_two_changes_at_one_instant_the_later_entry_stands(office: Office) -> None:
    office.transfer("C-1", HAZARA, at=after(-1))
    office.transfer("C-1", SAIDU, at=after(-1))
    then = micros(after(-1))
    assert career(office, "C-1")[1:] == [
        (then, then, HAZARA, 7, "on_duty", 0),
        (then, FOREVER, SAIDU, 7, "on_duty", 0),
    ]


def test_a_roll_and_an_officers_own_facts_may_speak_of_one_field(office: Office) -> None:
    office.promote("C-1", 9, at=after(-1))
    office.import_roll([listed("C-1", SWAT, 8)], at=after(-2))
    assert [row[3] for row in career(office, "C-1")] == [7, 8, 9]
    office.import_roll([listed("C-1", SWAT, 10)], at=NINE)
    assert [row[3] for row in career(office, "C-1")] == [7, 8, 9, 10]


def test_who_rejoins_is_on_the_strength_again(office: Office) -> None:
    office.retire("C-1", at=after(-2))
    office.import_roll([listed("C-1", HAZARA)], at=after(-1))
    assert [row[5] for row in career(office, "C-1")] == [0, 1, 0]


def test_a_unit_is_mustered_by_the_first_roll_that_lists_it(office: Office) -> None:
    positions = dict(rows(office, "SELECT unit, position FROM musters"))
    assert set(positions) == set(UNITS) - {"abbottabad"}
    office.import_roll([listed("C-1", "abbottabad")])
    again = dict(rows(office, "SELECT unit, position FROM musters"))
    assert again == positions | {"abbottabad": office.head()}


# --- directives ------------------------------------------------------------------------


def test_a_directive_has_one_row_with_the_wording_in_force(office: Office) -> None:
    office.issue(order(HQ, label="191 PA"), text(1))
    office.now = after(1)
    office.amend(REF, terms(HOURLY, subject="Leave now"), text(2))
    office.amend(REF, terms(CERTIFIED, subject="Certify"), text(3), material=True)
    office.amend(REF, terms(CERTIFIED, subject="Certify it"), text(4))
    columns = (
        "directive, year, serial, number, subject, issuer, unit, issued_at, ended_at, ended"
    )
    assert rows(office, f"SELECT {columns}, version, asked, standing FROM directives") == [
        (
            REF, 2020, 1, "191 PA", '{"en":"Certify it"}', PPO, HQ, micros(NINE),
            None, None, 4, 3, 0,
        )
    ]  # fmt: skip
    office.issue(order(HQ), text(5))
    office.supersede(REF, "hq-2020-2")
    office.withdraw("hq-2020-2", "Wrong.")
    assert rows(office, "SELECT directive, ended, ended_at FROM directives ORDER BY 1") == [
        (REF, "superseded", micros(after(1))),
        ("hq-2020-2", "withdrawn", micros(after(1))),
    ]


def test_serials_have_no_gaps_and_begin_anew_each_year(office: Office) -> None:
    said = [
        office.issue(order(HQ), text(n), at=at)["directive"]
        for n, at in enumerate([NINE, datetime(2019, 12, 31, 18, 59, tzinfo=NINE.tzinfo), NINE])
    ]
    # The year is that of the force's zone: 00:01 on New Year's day there is still 2019 in UTC.
    new_year = datetime(2020, 1, 1, 0, 1, tzinfo=NINE.tzinfo)
    said.append(office.issue(order(HQ), text(9), at=new_year)["directive"])
    assert said == ["hq-2020-1", "hq-2019-1", "hq-2020-2", "hq-2020-3"]


def found(office: Office, ref: str) -> str:
    with office.store.reading() as conn:
        return directives.find(Database(conn), ref)


def test_a_directive_is_found_by_its_id_or_number_however_it_is_spaced(office: Office) -> None:
    office.issue(order(HQ, label="Émeute  7/IAB"), text(1))
    for ref in (REF, "Émeute 7/IAB", " E\u0301meute \t7/IAB "):
        assert found(office, ref) == REF
    for ref in ("émeute 7/IAB", "Émeute 7", "1/2020", ""):
        with pytest.raises(Unknown, match="There is no directive"):
            found(office, ref)


def test_a_number_that_several_bear_names_them(office: Office) -> None:
    office.issue(order(HQ, label="7/IAB"), text(1))
    office.issue(order(HQ, label="7/IAB"), text(2))
    with pytest.raises(Misused, match=r"hq-2020-1, hq-2020-2\. Name one by its id"):
        found(office, "7/IAB")


# --- hops ------------------------------------------------------------------------------


def test_each_unit_has_one_row_with_the_hours_of_its_steps(office: Office) -> None:
    office.issue(
        order(MALAKAND, SWAT, precedence="routine", forward="on_acknowledgement"), text(1)
    )
    office.now = after(1)
    office.acknowledge_relay(REF, SWAT, at=after(0.5))
    office.acknowledge_relay(REF, MALAKAND)
    columns = "unit, sender, parent, via, received_at, acknowledged_at, forwarded_at, served_at"
    half, one, nine = map(micros, (after(0.5), after(1), NINE))
    assert rows(office, f"SELECT {columns} FROM hops ORDER BY unit") == [
        (HQ, HQ, None, None, nine, nine, nine, None),
        (MALAKAND, HQ, HQ, None, nine, one, one, one),
        (SWAT, HQ, MALAKAND, MALAKAND, nine, half, half, half),
        (SAIDU, SWAT, SWAT, None, half, None, None, None),
    ]


def test_what_is_forwarded_by_rule_says_since_when_the_desk_was_vacant(office: Office) -> None:
    office.issue(
        order(SAIDU, precedence="routine", forward="on_acknowledgement", grace=3600), text(1)
    )
    office.now = after(1)
    office.tick()
    assert rows(
        office,
        "SELECT acknowledged_at, forwarded_at, served_at, vacant_since FROM hops"
        f" WHERE unit = '{SAIDU}'",
    ) == [(None, micros(after(1)), micros(after(1)), micros(SINCE))]


def test_a_held_desk_is_reminded_and_an_overdue_unit_escalated(office: Office) -> None:
    office.issue(
        order(SWAT, precedence="routine", forward="on_acknowledgement", grace=60), text(1)
    )
    office.now = after(1)
    assert office.tick()["reminded"] == 1
    assert rows(office, "SELECT reminded_at FROM hops WHERE unit = 'swat'") == [
        (micros(after(1)),)
    ]
    office.acknowledge_relay(REF, SWAT, at=after(0.5))
    assert office.tick()["escalated"] == 1
    columns = "unit, clause, level, at, officers, to_unit, to_post, to_officer"
    assert rows(office, f"SELECT {columns} FROM escalations") == [
        (SWAT, QUIT, 1, micros(after(1)), 2, SWAT, DPO, "D-1")
    ]


# --- standing, pleas, answers ----------------------------------------------------------


def stands(office: Office, officer: str) -> tuple[Any, ...]:
    ((row),) = rows(
        office,
        "SELECT unit, served_by, served_at, received_at, read_at, acknowledged_at, complied_at,"
        f" due_at, moved FROM standing WHERE officer = '{officer}'",
    )
    return row


def test_each_officer_who_was_served_has_a_row(office: Office) -> None:
    office.issue(order(HQ), text(1))
    assert {row[0] for row in rows(office, "SELECT officer FROM standing")} == {
        row.officer_id for row in ROLL
    }
    nine, due = micros(NINE), micros(after(1))
    assert stands(office, "C-2") == (SAIDU, SAIDU, nine, nine, None, None, None, due, 0)


def test_an_answer_is_kept_and_marks_what_it_is_the_earliest_of(office: Office) -> None:
    office.issue(order(HQ), text(1))
    office.now = after(3)
    office.answer(REF, "C-2", "complied", at=after(2))
    office.answer(REF, "C-2", "acknowledged", at=after(0.5))
    kept = (
        "SELECT level, clause, at, version, channel, unit, marks FROM answers ORDER BY position"
    )
    two, half, nine = map(micros, (after(2), after(0.5), NINE))
    # Complied, and the end of being overdue; read and acknowledged.
    assert rows(office, kept) == [
        (3, None, two, 1, "desk", SAIDU, 4 + 8),
        (2, None, half, 1, "desk", SAIDU, 1 + 2),
    ]
    assert stands(office, "C-2") == (SAIDU, SAIDU, nine, nine, half, half, two, None, 0)


def test_with_two_acts_the_earliest_open_due_is_shown(office: Office) -> None:
    office.issue(order(HQ, acts=(CERTIFIED, HOURLY)), text(1))
    assert stands(office, "C-2")[7] == micros(after(1))
    office.answer(REF, "C-2", "complied", clause=QUIT)
    assert stands(office, "C-2")[6:8] == (None, micros(after(2)))
    office.answer(REF, "C-2", "complied", clause=CERTIFY)
    assert stands(office, "C-2")[6:8] == (micros(NINE), None)


def test_a_roll_call_answers_for_all_it_names(office: Office) -> None:
    office.issue(order(HQ), text(1))
    office.now = after(3)
    lines = [(2, "C-2", None, None), (3, "C-3", "complied", None), (4, "C-4", "absent", None)]
    said = office.roll_call(REF, SAIDU, lines, diary="12", held_at=after(2))
    assert (said["accepted"], said["absent"], said["refused"]) == (2, 1, [])
    kept = rows(office, "SELECT officer, level, at, channel FROM answers ORDER BY officer")
    two = micros(after(2))
    assert kept == [("C-2", 2, two, "roll_call"), ("C-3", 3, two, "roll_call")]


def test_a_roll_call_at_which_all_were_absent_is_recorded(office: Office) -> None:
    office.issue(order(HQ), text(1))
    before = office.head()
    lines = [(2, "C-2", "absent", None), (3, "C-3", "absent", "ill")]
    said = office.roll_call(REF, SAIDU, lines, diary="12", held_at=NINE)
    assert (said["accepted"], said["absent"], said["refused"]) == (0, 2, [])
    assert office.head() > before
    again = office.roll_call(REF, SAIDU, lines, diary="12", held_at=NINE)
    assert again["position"] == said["position"]


def test_pleas_are_kept_with_who_made_them(office: Office) -> None:
    office.issue(order(HQ), text(1))
    office.contest(REF, "C-2", "Not I.")
    office.decide_contest(REF, "C-2", "dismissed", DPO, reason="He is.")
    office.exempt(REF, "C-2", PPO, "On deputation.", clause=QUIT)
    columns = "officer, kind, clause, by, reason"
    assert rows(office, f"SELECT {columns} FROM pleas ORDER BY position") == [
        ("C-2", "contested", None, "officer:C-2", "Not I."),
        ("C-2", "dismissed", None, DPO, "He is."),
        ("C-2", "exempted", QUIT, PPO, "On deputation."),
    ]
    assert stands(office, "C-2")[7:] == (None, 1)


def test_an_obligation_follows_the_person_and_its_deadline_does_not_move(
    office: Office,
) -> None:
    office.issue(order(SWAT), text(1))
    office.now = after(0.5)
    office.transfer("C-2", HAZARA)
    office.duty("C-2", "suspended")
    office.promote("C-2", 9)
    nine, due = micros(NINE), micros(after(1))
    assert stands(office, "C-2") == (HAZARA, SAIDU, nine, nine, None, None, None, due, 1)
    status = {
        one["unit"]: (one["served"], one["overdue"])
        for one in office.status(REF, depth=9, as_of=after(1))["units"]
    }
    assert (status[SAIDU], status[HAZARA]) == ((2, 2), (1, 1))
    then = {
        one["unit"]: one["served"] for one in office.status(REF, depth=9, as_of=NINE)["units"]
    }
    assert (then[SAIDU], then[HAZARA]) == (3, 0)


def test_who_leaves_the_force_is_bound_no_longer(office: Office) -> None:
    office.issue(order(HQ), text(1))
    office.now = after(2)
    office.retire("C-2", at=after(1))
    assert office.status(REF, as_of=after(1))["population"] == 9
    assert office.status(REF, as_of=after(0.99))["population"] == 10
    assert stands(office, "C-2")[7] is None


def test_a_material_amendment_asks_again_and_wipes_nothing(office: Office) -> None:
    office.issue(order(HQ), text(1))
    office.answer(REF, "C-2", "complied")
    office.now = after(2)
    office.amend(REF, terms(CERTIFIED), text(2), material=True)
    assert stands(office, "C-2")[4:8] == (None, None, None, micros(after(4)))
    assert office.status(REF)["complied"] == 0
    assert office.status(REF, version=1)["complied"] == 1
    assert office.status(REF, as_of=after(1))["complied"] == 1
    assert len(rows(office, "SELECT 1 FROM answers")) == 1
    office.answer(REF, "C-2", "complied")
    assert stands(office, "C-2")[6:8] == (micros(after(2)), None)
    assert office.status(REF)["complied"] == 1


def test_an_immaterial_amendment_changes_no_number(office: Office) -> None:
    office.issue(order(HQ), text(1))
    office.answer(REF, "C-2", "complied")
    before = rows(office, "SELECT * FROM standing ORDER BY officer")
    office.amend(REF, terms(CERTIFIED, subject="Certify"), text(2))
    assert rows(office, "SELECT * FROM standing ORDER BY officer") == before
    status = office.status(REF)
    assert (status["subject"], status["complied"]) == ("Certify", 1)


# --- Who is served ---------------------------------------------------------------------


def served(office: Office) -> dict[str, str]:
    return dict(rows(office, "SELECT officer, served_by FROM standing"))


def test_two_levels_addressed_at_once_serve_nobody_twice(office: Office) -> None:
    office.issue(order(MALAKAND, SWAT), text(1))
    assert served(office) == {
        row.officer_id: row.unit for row in ROLL if row.unit in (MALAKAND, SWAT, SAIDU)
    }
    streams = "SELECT count(*) FROM stored_events WHERE topic = 'relay.officers_served@1'"
    assert rows(office, streams) == [(3,)]


def test_an_officer_is_served_once_by_whichever_unit_serves_first(office: Office) -> None:
    office.issue(
        order(SWAT, HAZARA, precedence="routine", forward="on_acknowledgement"), text(1)
    )
    office.now = after(1)
    office.acknowledge_relay(REF, SWAT)
    office.transfer("C-1", HAZARA)
    office.now = after(2)
    office.acknowledge_relay(REF, HAZARA)
    assert served(office) == {"C-1": SWAT, "D-1": SWAT, "H-1": HAZARA, "H-2": HAZARA}


@pytest.mark.parametrize("standing", [True, False])
def test_a_unit_without_a_roll_serves_when_its_roll_arrives(
    office: Office, standing: bool
) -> None:
    office.issue(order(HAZARA, standing=standing), text(1))
    office.now = after(1)
    office.import_roll([listed("A-1", "abbottabad"), listed("H-3", HAZARA)])
    new = {"A-1": "abbottabad"} | ({"H-3": str(HAZARA)} if standing else {})
    assert served(office) == {"H-1": HAZARA, "H-2": HAZARA} | new
    assert stands(office, "A-1")[2:4] == (micros(after(1)), micros(NINE))


def test_a_standing_directive_binds_who_begins_to_match_in_the_same_command(
    office: Office,
) -> None:
    office.issue(
        order(SWAT, standing=True, population={"rank_from": 6, "duty": ["on_duty"]}), text(1)
    )
    assert "C-4" not in served(office)
    office.now = after(1)
    office.duty("C-4", "on_duty")
    assert "C-4" not in served(office)
    office.promote("C-4", 9)
    assert served(office)["C-4"] == SAIDU
    office.transfer("H-2", SWAT)
    assert served(office)["H-2"] == SWAT
    office.import_roll([listed("N-1", SAIDU)])
    assert served(office)["N-1"] == SAIDU
    assert {stands(office, who)[2] for who in ("C-4", "H-2", "N-1")} == {micros(after(1))}


def test_a_unit_that_comes_under_the_addressed_is_served_from_then_on(office: Office) -> None:
    office.issue(order(MALAKAND, standing=True), text(1))
    office.now = after(2)
    described(office, [Unit(HAZARA, "region", {"en": "Hazara"}, MALAKAND)], [], after(1))
    assert stands(office, "H-2")[2] == micros(after(1))
    assert office.status(REF, as_of=after(0.5))["served"] == 7
    assert office.status(REF, as_of=after(1))["served"] == 9


def test_a_long_roll_is_kept_in_facts_that_a_link_can_carry(office: Office) -> None:
    long = "ن" * 150
    office.import_roll([listed(f"L-{n}", SAIDU, name=long) for n in range(1_200)])
    sizes = rows(
        office,
        "SELECT length(state) FROM stored_events WHERE topic = 'roll.mustered@1'"
        f" AND originator_id = '{roll.roll_stream(SAIDU, 'hq')}'",
    )
    assert max(size for (size,) in sizes) <= 256 * 1024
    assert rows(
        office, "SELECT count(*) FROM roll WHERE officer >= 'L-' AND officer < 'L.'"
    ) == [(1_200,)]


def test_many_are_served_in_facts_of_at_most_a_thousand(office: Office) -> None:
    office.import_roll([listed(f"L-{n:04}", HAZARA) for n in range(1_500)])
    office.issue(order(HAZARA), text(1))
    with office.store.reading() as conn:
        lines = select_stream(conn, relay.stream(REF, HAZARA, "hq"))
    facts = [
        fact.officers
        for *_, name, state in lines
        if isinstance(fact := decode(name, state), relay.OfficersServed)
    ]
    assert [len(some) for some in facts] == [1_000, 502]
    assert len({who for some in facts for who in some}) == 1_502
