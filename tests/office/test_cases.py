"""Cases in an office: opened by the hundred, decided by whoever is competent then, proved."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given as each
from hypothesis import strategies as st

from domain import case
from domain.directive import Clause
from domain.errors import FarmanError, Misused, Refused, Unaccepted, Unknown
from domain.fact import ClauseId
from ledger.codec import Entry, decode
from ledger.store import Line, select_entries
from office.cases import Breach
from office.office import Office
from projections import rebuild
from projections.tables import PROJECTIONS
from tests.examples import DPO, HAZARA, HQ, MALAKAND, NINE, PPO, RPO, SAIDU, SWAT
from tests.office.net import Net
from tests.projections.small import (
    ABBOTTABAD,
    HOURLY,
    ROLL,
    RPO_HAZARA,
    SHO,
    SINCE,
    act,
    after,
    listed,
    manned,
    order,
    terms,
    text,
)
from tests.spec import examples

REF = "hq-2020-1"
BAN = Clause(
    id=ClauseId("ban"), kind="prohibition", text={"en": "No videos.", "ur": "ویڈیو نہیں"}
)
ACTION = Clause(
    id=ClauseId("action"),
    kind="consequence",
    of=(ClauseId("ban"),),
    text={"en": "Action is taken."},
    more={"opens": "notice"},
)
CLAUSES = (HOURLY, act("certify", clock="service", within=2 * 3600), BAN, ACTION)
DAY = timedelta(days=1)


def issued(office: Office, **said: Any) -> Office:
    """An order with acts, a prohibition and its consequence, served at nine; it is eleven."""
    office.issue(order(HQ, terms=terms(*CLAUSES), **said), text(1))
    office.now = after(2)
    return office


def breach(
    officer: str = "C-2",
    clause: str = "ban",
    at: datetime | None = None,
    line: int | None = None,
) -> Breach:
    return Breach(officer, clause, at or after(1), "video 14", line=line)


def report(
    office: Office, officer: str = "C-2", clause: str = "ban", at: datetime | None = None
) -> dict[str, Any]:
    return office.report_breaches(REF, [breach(officer, clause, at)])


def noticed(office: Office, officer: str = "C-2", by: str = PPO) -> str:
    """A case put to notice."""
    name = str(report(office, officer)["case"])
    office.serve_notices([(None, name)], by)
    return name


def heard(office: Office, officer: str = "C-2") -> str:
    """A case that was answered."""
    name = noticed(office, officer)
    office.answer_notice(name, "I had been added.")
    return name


def lines(office: Office) -> list[Line]:
    with office.store.reading() as conn:
        return select_entries(conn, 0, 1_000_000)


def facts(office: Office) -> list[Entry]:
    """What was written of cases."""
    return [
        Entry(p, s, v, decode(name, state))
        for p, s, v, name, state in lines(office)
        if s.startswith("case-")
    ]


def same(office: Office) -> None:
    """The projections are what the ledger says, also when they are made anew."""
    assert [one["difference"] for one in office.check()["projections"]] == [None] * len(
        PROJECTIONS
    )
    assert all(one["same"] for one in office.rebuild()["projections"])


def refused(reason: str) -> Any:
    return pytest.raises(Refused, match=f"^{reason}")


@pytest.fixture
def office(tmp_path: Path, store_url: str) -> Iterator[Office]:
    with manned(tmp_path / "home", store_url) as opened:
        yield issued(opened)


# --- The whole life of a case ----------------------------------------------------------


def test_a_case_from_its_report_to_reinstatement(office: Office) -> None:
    told = report(office)
    assert told == {
        "case": "hq-2020-c1",
        "directive": REF,
        "clause": "ban",
        "officer_id": "C-2",
        "state": "reported",
        "outcome": None,
        "competent": {"post": DPO, "officer_id": "D-1"},
        "changed": True,
        "position": office.head(),
    }
    fact: Any = facts(office)[0].fact
    assert (fact.version, fact.text, fact.consequence, fact.opens) == (
        1,
        text(1),
        "action",
        "notice",
    )
    assert (fact.unit, fact.rank, fact.duty) == (SAIDU, 7, "on_duty")
    name = told["case"]
    steps = [
        (office.serve_notices([(None, name)], DPO), "noticed", DPO),
        (office.answer_notice(name, "I had been added."), "answered", DPO),
        (office.decide_case(name, "dismissed", DPO, "The third time."), "decided", DPO),
        (office.appeal(name, "Too severe."), "appealed", RPO),
        (office.decide_appeal(name, "set_aside", RPO, "Not proved."), "appeal_decided", DPO),
        (office.reinstate(name, RPO, "As decided."), "reinstated", DPO),
    ]
    for answer, state, competent in steps:
        assert (answer["state"], answer["changed"]) == (state, True)
        assert answer["competent"]["post"] == competent
    remarks = [answer.get("remark") for answer, *_ in steps]
    assert (
        remarks[2] == "The roll stands as it was; this changes it: `farman officer retire C-2`."
    )
    assert remarks[4] == f"`farman case reinstate {name} --by rpo-malakand` puts him back."
    shown = office.case(name)
    assert [e["name"].partition("@")[0] for e in shown["entries"]] == [
        "case.breach_reported",
        "case.notice_served",
        "case.answered",
        "case.decided",
        "case.appealed",
        "case.appeal_decided",
        "case.reinstated",
    ]
    assert (shown["outcome"], shown["appeal"], shown["ended_at"]) == (
        "dismissed", "set_aside", after(2),
    )  # fmt: skip
    same(office)


def test_every_decision_carries_the_authority_that_it_stood_on(office: Office) -> None:
    office.decide_case(heard(office), "censured", DPO, "Proved.")
    fact: Any = facts(office)[-1].fact
    assert fact.authority.model_dump() == {
        "post": DPO,
        "unit": SWAT,
        "officer": "D-1",
        "charge": "substantive",
        "rank": 19,
        "line": (SAIDU, SWAT),
    }


def test_a_step_taken_twice_changes_nothing(office: Office) -> None:
    name = noticed(office)
    steps: Sequence[Callable[[], dict[str, Any]]] = (
        lambda: report(office),
        lambda: office.serve_notices([(None, name)], DPO),
        lambda: office.answer_notice(name, "I had been added."),
        lambda: office.decide_case(name, "removed", DPO, "Proved."),
        lambda: office.appeal(name, "Too severe."),
        lambda: office.decide_appeal(name, "upheld", RPO, "Heard."),
        lambda: office.reinstate(name, DPO, "Cleared."),
    )
    for step in steps:
        first = step()
        again = step()
        assert again == {**first, "changed": False}
    assert len(facts(office)) == len(steps)


def test_a_late_paper_entry_keeps_both_hours(office: Office) -> None:
    office.now = after(48)
    office.report_breaches(REF, [breach()], at=after(3))
    office.serve_notices([(None, "hq-2020-c1")], DPO, at=after(4), within=3600)
    office.decide_case("hq-2020-c1", "censured", DPO, "He kept silent.", at=after(5))
    assert [(e.fact.at, e.fact.recorded_at) for e in facts(office)] == [
        (after(n), after(48)) for n in (3, 4, 5)
    ]
    with refused(r"2020-01-17T10:00:00\+05:00 lies more than five minutes after the clock"):
        office.appeal("hq-2020-c1", "Late.", at=after(49))


# --- The ground of a breach ------------------------------------------------------------


def test_who_was_not_served_by_then_is_refused_with_who_has_it(office: Office) -> None:
    office.import_roll([listed("N-1", SAIDU)], at=after(1.5))
    with refused(
        r"N-1 had not been served hq-2020-1 by 2020-01-15T10:00:00\+05:00: N-1 came on"
    ):
        report(office, "N-1")
    with refused(r".*swat-saidu served it on 15 Jan 2020 09:00, before N-1 was there"):
        report(office, "N-1", at=after(2))


def test_an_act_is_breached_when_it_is_overdue_and_not_done(office: Office) -> None:
    with refused("quit was not yet due for C-2"):
        report(office, clause="quit", at=after(0.5))
    office.answer(REF, "C-2", "complied", clause="quit", at=after(0.5))
    with refused(r"C-2 had complied with quit at 2020-01-15T09:30:00\+05:00"):
        report(office, clause="quit")
    assert report(office, "C-3", "quit")["changed"]
    office.answer(REF, "C-3", "complied", clause="quit", at=after(1.5))
    assert report(office, "C-3", "quit")["changed"] is False
    office.answer(REF, "C-4", "complied", clause="quit", at=after(1.5))
    assert report(office, "C-4", "quit")["changed"]  # he complied too late


def test_who_was_exempt_from_the_clause_cannot_breach_it(office: Office) -> None:
    office.exempt(REF, "C-2", DPO, "Runs the page.", clause="quit", at=after(0.5))
    with refused(r"C-2 was exempt from quit at 2020-01-15T10:00:00\+05:00"):
        report(office, clause="quit")
    assert report(office)["changed"]
    office.exempt(REF, "C-3", DPO, "Runs the page.", at=after(0.5))
    with refused("C-3 was exempt from ban"):
        report(office, "C-3")


def test_a_breach_is_judged_by_the_wording_in_force_at_its_instant(office: Office) -> None:
    office.amend(REF, terms(HOURLY), text(2), at=after(1.5))
    office.withdraw(REF, "Issued in error.", at=after(1.75))
    report(office, at=after(1))
    fact: Any = facts(office)[0].fact
    assert (fact.version, fact.text) == (1, text(1))
    with refused("There is no clause 'ban' in version 2 of hq-2020-1"):
        report(office, at=after(1.6))
    with refused("hq-2020-1 was withdrawn"):
        report(office, at=after(2))


def test_another_instant_is_another_case_and_serials_have_no_gaps(office: Office) -> None:
    names = [report(office, at=after(1, n))["case"] for n in range(3)]
    with refused("quit was not yet due"):
        report(office, clause="quit", at=after(0.5))
    names.append(report(office, "C-3")["case"])
    assert names == [f"hq-2020-c{n}" for n in (1, 2, 3, 4)]
    office.now = datetime.fromisoformat("2020-12-31T19:00:00+00:00")  # midnight in Karachi
    assert report(office, "C-4")["case"] == "hq-2021-c1"


def test_who_is_not_known_is_not_reported(office: Office) -> None:
    with pytest.raises(Unknown, match=r"^No roll has listed an officer 'X'"):
        report(office, "X")
    with pytest.raises(Unknown, match=r"^There is no post 'x'\.$"):
        office.report_breaches(REF, [breach()], by="x")
    with pytest.raises(Unknown, match=r"^There is no directive '9/2020'"):
        office.report_breaches("9/2020", [breach()])
    office.relinquish(RPO)
    with refused("rpo-malakand is vacant: nobody there can report a breach"):
        office.report_breaches(REF, [breach()], by=RPO)
    steps: Sequence[Callable[[], dict[str, Any]]] = (
        lambda: office.serve_notices([(None, "hq-2020-c9")], DPO),
        lambda: office.answer_notice("hq-2020-c9", "x"),
        lambda: office.case("hq-2020-c9"),
        lambda: office.annex("hq-2020-c9"),
    )
    for step in steps:
        with pytest.raises(Unknown, match=r"^There is no case 'hq-2020-c9'"):
            step()
    with pytest.raises(Misused, match=r"^'shot' is no outcome"):
        office.decide_case(noticed(office), "shot", DPO, "x")


# --- Who decides -----------------------------------------------------------------------


def test_the_competent_desk_is_that_of_his_unit_and_rank_when_it_decides(
    office: Office,
) -> None:
    name = heard(office)
    office.transfer("C-2", HAZARA)
    assert office.case(name)["competent"] == {"post": RPO_HAZARA, "officer_id": "H-1"}
    with refused("dpo-swat is not competent for C-2 by his unit and rank: rpo-hazara is"):
        office.decide_case(name, "censured", DPO, "Proved.")
    office.promote("C-2", 17)
    with refused("rpo-hazara is not competent for C-2 by his unit and rank: ppo is"):
        office.decide_case(name, "censured", RPO_HAZARA, "Proved.")
    assert office.decide_case(name, "censured", PPO, "Proved.")["changed"]
    assert office.cases()["cases"][0]["unit"] == SAIDU


def test_a_vacant_desk_passes_to_the_next_held_one(office: Office) -> None:
    name = heard(office)
    office.relinquish(DPO)
    with refused("dpo-swat is not competent for C-2 by his unit and rank: rpo-malakand is"):
        office.decide_case(name, "censured", DPO, "Proved.")
    assert office.decide_case(name, "censured", RPO, "Proved.")["state"] == "decided"
    office.appeal(name, "No.")
    assert office.case(name)["competent"]["post"] == PPO


def test_from_bps_18_on_the_head_of_the_force_forwards(office: Office) -> None:
    name = str(report(office, "D-1")["case"])
    assert office.case(name)["competent"] == {"post": PPO, "officer_id": "P-1"}
    with refused("D-1 is of BPS 18 or above: the Government of the province decides"):
        office.serve_notices([(None, name)], PPO)
    assert (
        office.decide_case(name, "forwarded", PPO, "To the Home Department.")["state"]
        == "decided"
    )
    assert office.case(name)["ended_at"] == after(2)


def test_an_open_contest_is_decided_first(office: Office) -> None:
    name = heard(office)
    office.contest(REF, "C-2", "Added by others.")
    with refused("C-2 contests that hq-2020-1 applies to him"):
        office.decide_case(name, "dismissed", DPO, "Proved.")
    office.decide_contest(REF, "C-2", "dismissed", DPO)
    assert office.decide_case(name, "dismissed", DPO, "Proved.")["changed"]


def test_a_notice_comes_from_a_post_that_commands_him(office: Office) -> None:
    name = str(report(office)["case"])
    with refused("rpo-hazara does not command the unit of C-2"):
        office.serve_notices([(None, name)], RPO_HAZARA)
    with refused("sho-saidu is vacant"):
        office.serve_notices([(None, name)], SHO)
    assert office.serve_notices([(None, name)], RPO)["state"] == "noticed"


# --- Many at once ----------------------------------------------------------------------


def test_63_notices_and_20_more_in_two_commands_each(tmp_path: Path, store_url: str) -> None:
    with manned(tmp_path / "home", store_url) as office:
        many = [f"S-{n:03}" for n in range(83)]
        office.import_roll([listed(one, SAIDU) for one in many], at=SINCE)
        issued(office)
        start = office.head()
        told = office.report_breaches(
            REF, [breach(one, line=n + 2) for n, one in enumerate(many)], by=DPO
        )
        assert told["cases"] == [f"hq-2020-c{n}" for n in range(1, 84)]
        assert (told["accepted"], told["repeated"], told["refused"]) == (83, 0, [])
        assert office.head() == start + 83
        named = [(n + 2, name) for n, name in enumerate(told["cases"])]
        first = office.serve_notices(named[:63], DPO, many=True)
        assert (first["accepted"], first["repeated"]) == (63, 0)
        rest = office.serve_notices([(None, name) for _, name in named], DPO)
        assert (rest["accepted"], rest["repeated"], rest["position"]) == (20, 63, start + 166)
        again = office.report_breaches(
            REF, [breach(one, line=n + 2) for n, one in enumerate(many)], by=DPO
        )
        assert (again["accepted"], again["repeated"]) == (0, 83)
        assert len(office.cases(REF, state="noticed", unit=SWAT)["cases"]) == 83
        assert office.cases(REF, unit=HAZARA)["cases"] == []
        same(office)


def test_a_file_is_taken_whole_or_not_at_all_unless_the_good_lines_are_wanted(
    office: Office,
) -> None:
    many = [
        breach("C-1", line=2),
        breach("X", line=3),
        breach("C-2", "quit", after(0.5), line=4),
        breach("C-1", line=5),
    ]
    start = office.head()
    with pytest.raises(Unaccepted) as no:
        office.report_breaches(REF, many)
    assert [(flaw.line, flaw.value) for flaw in no.value.problems] == [(3, "X"), (4, "C-2")]
    assert office.head() == start
    told = office.report_breaches(REF, many, accept_good=True)
    assert (told["cases"], told["accepted"], told["repeated"]) == (["hq-2020-c1"], 1, 1)
    assert [one["line"] for one in told["refused"]] == [3, 4]
    named: list[tuple[int | None, str]] = [(2, "hq-2020-c1"), (3, "hq-2020-c9")]
    with pytest.raises(Unaccepted, match=r"^Line 3, hq-2020-c9: There is no case 'hq-2020-c9'"):
        office.serve_notices(named, DPO)
    told = office.serve_notices(named, DPO, accept_good=True)
    assert (told["cases"], told["accepted"], len(told["refused"])) == (["hq-2020-c1"], 1, 1)


# --- Asked of the past -----------------------------------------------------------------


def test_a_list_is_asked_as_of_an_instant_and_of_what_was_known(office: Office) -> None:
    name = noticed(office)
    before = office.head()
    office.now = after(2) + 8 * DAY
    office.decide_case(name, "suspended", DPO, "Pending inquiry.", at=after(2) + 7 * DAY)
    suspended = office.head()
    office.decide_case(name, "dismissed", DPO, "Proved.")

    def stood(**asked: Any) -> tuple[str, str | None]:
        (row,) = office.cases(**asked)["cases"]
        return row["state"], row["outcome"]

    assert stood() == ("decided", "dismissed")
    assert stood(as_of=after(2) + 7 * DAY) == ("decided", "suspended")
    assert stood(as_of=after(2) + 6 * DAY) == ("noticed", None)
    assert stood(known_at=before) == ("noticed", None)
    assert stood(known_at=suspended) == ("decided", "suspended")
    assert office.cases(as_of=after(1))["cases"] == []
    assert office.cases(known_at=1)["cases"] == []
    assert office.cases(officer="C-3")["cases"] == []
    assert office.cases(state="noticed")["cases"] == []
    assert len(office.case(name, known_at=before)["entries"]) == 2
    same(office)


# --- The annex -------------------------------------------------------------------------


def test_the_annex_proves_the_case_by_entries_whose_hashes_are_those_of_the_ledger(
    office: Office,
) -> None:
    office.answer(REF, "C-2", "acknowledged", at=after(0.5))
    office.answer(REF, "C-3", "read", at=after(0.5))
    office.roll_call(REF, SAIDU, [(2, "C-2", "complied", None)], diary="4", held_at=after(0.75))
    office.answer(REF, "C-2", "read", at=after(1.5))
    name = heard(office)
    office.decide_case(name, "dismissed", DPO, "Proved.")
    told = office.annex(name)
    stored = {position: (stream, version, stored, bytes(state))
              for position, stream, version, stored, state in lines(office)}  # fmt: skip
    shown = [*told["service_entries"], *told["case_entries"]]
    assert len(shown) > 10
    for entry in shown:
        stream, version, stored_name, state = stored[entry["position"]]
        assert entry["sha256"] == sha256(state).hexdigest()
        assert (entry["stream"], entry["version"], entry["name"]) == (
            stream,
            version,
            stored_name,
        )
        if "stored" in entry:
            assert entry["stored"].encode() == state
    assert told["clause"] == {
        "id": "ban",
        "kind": "prohibition",
        "texts": [
            {"language": "en", "text": "No videos."},
            {"language": "ur", "text": "ویڈیو نہیں"},
        ],
    }
    assert told["consequence"]["opens"] == "notice"
    assert told["text_sha256"] == text(1)
    assert [hop["unit"] for hop in told["hops"]] == [HQ, MALAKAND, SWAT, SAIDU]
    assert told["served"] is True
    assert (told["served_at"], told["read_at"], told["acknowledged_at"]) == (
        NINE, after(0.5), after(0.5),
    )  # fmt: skip
    of_service = {entry["name"] for entry in told["service_entries"]}
    assert {
        "relay.officers_served@1",
        "service.acknowledged@1",
        "roll_call.held@1",
    } <= of_service
    assert "service.read@1" not in of_service  # after the breach, or another's
    assert b"Officer " not in repr(told).encode()
    assert len(told["case_entries"]) == 4


def test_the_timeline_of_an_officer_tells_his_cases_and_no_others(office: Office) -> None:
    heard(office)
    noticed(office, "C-3")
    office.decide_case("hq-2020-c1", "censured", DPO, "First breach.")

    def told(**asked: Any) -> list[str]:
        return [
            one["sentence"]
            for one in office.timeline(REF, **asked)["entries"]
            if one["name"].startswith("case.")
        ]

    assert told(officer="C-2") == [
        (
            "C-2 of swat-saidu was reported to have breached ban: case hq-2020-c1, on evidence "
            "video 14."
        ),
        "ppo served notice in case hq-2020-c1, to be answered by 2020-01-22 11:00+05:00.",
        "The notice in case hq-2020-c1 was answered: I had been added.",
        "dpo-swat decided case hq-2020-c1: censured. First breach.",
    ]
    assert len(told()) == 6
    assert len(told(unit=SAIDU)) == 6
    assert told(unit=SWAT) == []
    assert told(officer="C-4") == []
    known = office.head() - 1
    assert len(told(known_at=known)) == 5


# --- Several offices -------------------------------------------------------------------


def test_the_office_of_the_competent_desk_keeps_the_case(tmp_path: Path) -> None:
    net = Net(tmp_path).opened(MALAKAND)
    region = net.regions[MALAKAND]
    inside = (MALAKAND, SWAT, SAIDU)
    net.hq.import_roll([row for row in ROLL if row.unit not in inside], at=SINCE)
    rows = [row for row in ROLL if row.unit in inside]
    region.import_roll([*rows, listed("T-1", SWAT, 17)], at=SINCE)
    net.settle()
    net.hq.issue(order(HQ, terms=terms(*CLAUSES)), text(1))
    net.settle()
    net.at(after(2))
    # A constable's: the DPO is the region's.
    with refused("Malakand has an office of its own"):
        report(net.hq)
    assert report(region)["case"] == "malakand-2020-c1"
    region.serve_notices([(None, "malakand-2020-c1")], DPO)
    net.settle()
    assert [one["case"] for one in net.hq.cases()["cases"]] == ["malakand-2020-c1"]
    assert report(net.hq)["changed"] is False
    with refused("The case malakand-2020-c1 is kept by the office malakand"):
        net.hq.answer_notice("malakand-2020-c1", "x")
    with refused("The case malakand-2020-c1 is kept by the office malakand"):
        net.hq.decide_case("malakand-2020-c1", "censured", DPO, "x")
    # A DSP's: the PPO is HQ's.
    with refused(".*is kept by hq, not by the office malakand"):
        report(region, "T-1")
    assert report(net.hq, "T-1")["case"] == "hq-2020-c1"
    assert report(net.hq, "H-2")["case"] == "hq-2020-c2"
    net.hq.serve_notices([(None, "hq-2020-c1"), (None, "hq-2020-c2")], PPO)
    net.settle()
    known = {one["case"]: one["state"] for one in region.cases()["cases"]}
    assert known == {"malakand-2020-c1": "noticed", "hq-2020-c1": "noticed"}
    for one in net.offices():
        same(one)
    net.close()


# --- Whatever the order ----------------------------------------------------------------

OFFICERS = st.sampled_from(["C-2", "C-3", "H-2", "D-1"])
NAMES = st.sampled_from([f"hq-2020-c{n}" for n in (1, 2, 3)])
POSTS = st.sampled_from([DPO, RPO, RPO_HAZARA, PPO])
STEP: st.SearchStrategy[tuple[str, Mapping[str, Any]]] = st.one_of(
    st.tuples(st.just("report"), st.fixed_dictionaries({"officer": OFFICERS})),
    st.tuples(st.just("notice"), st.fixed_dictionaries({"name": NAMES, "by": POSTS})),
    st.tuples(st.just("answer"), st.fixed_dictionaries({"name": NAMES})),
    st.tuples(
        st.just("decide"),
        st.fixed_dictionaries(
            {"name": NAMES, "by": POSTS, "outcome": st.sampled_from(case.OUTCOMES)}
        ),
    ),
    st.tuples(st.just("appeal"), st.fixed_dictionaries({"name": NAMES})),
    st.tuples(st.just("hear"), st.fixed_dictionaries({"name": NAMES, "by": POSTS})),
    st.tuples(st.just("reinstate"), st.fixed_dictionaries({"name": NAMES, "by": POSTS})),
    st.tuples(
        st.just("transfer"),
        st.fixed_dictionaries(
            {"officer": OFFICERS, "unit": st.sampled_from([SAIDU, HAZARA, ABBOTTABAD])}
        ),
    ),
    st.tuples(st.just("wait"), st.fixed_dictionaries({"days": st.integers(1, 8)})),
)


def take(office: Office, step: str, said: Mapping[str, Any]) -> None:
    match step:
        case "report":
            report(office, said["officer"])
        case "notice":
            office.serve_notices([(None, said["name"])], said["by"])
        case "answer":
            office.answer_notice(said["name"], "I had been added.")
        case "decide":
            office.decide_case(said["name"], said["outcome"], said["by"], "Proved.")
        case "appeal":
            office.appeal(said["name"], "Too severe.")
        case "hear":
            office.decide_appeal(said["name"], "set_aside", said["by"], "Heard.")
        case "reinstate":
            office.reinstate(said["name"], said["by"], "Cleared.")
        case "transfer":
            office.transfer(said["officer"], said["unit"])
        case _:
            office.now += said["days"] * DAY


@each(st.lists(STEP, min_size=4, max_size=24))
@examples(15, shrink=False)
def test_any_history_of_cases_is_projected_as_the_ledger_says_and_doubling_adds_nothing(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, Mapping[str, Any]]]
) -> None:
    written = []
    for times in (1, 2):
        folder = tmp_path_factory.mktemp("cases")
        with manned(folder / "home", "sqlite") as office:
            issued(office)
            for step, said in [("report", {"officer": "C-2"}), *steps]:
                for _ in range(1 if step == "wait" else times):
                    try:
                        take(office, step, said)
                    except FarmanError:
                        continue
            written.append([entry.fact for entry in facts(office)])
            same(office)
            with office.store.reading() as conn:
                assert rebuild.digest(conn, "cases")[0] == len(office.cases()["cases"])
    assert written[0] == written[1]
