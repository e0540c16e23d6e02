"""What happened, told in sentences: each fact has its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from domain import directive, relay, service
from domain.fact import Fact
from ledger.codec import FACTS, Entry
from office.office import Office
from projections.timeline import sentence
from tests.examples import BARE, EXAMPLES, HAZARA, HQ, KARACHI, PPO, SAIDU, SWAT
from tests.projections.small import CERTIFIED, after, manned, order, terms, text

REF = "hq-2020-1"
STREAMS = {
    "force": "force-kp.hq",
    "unit": "unit-swat.hq",
    "post": "post-dpo-swat.hq",
    "roll": "roll-swat.hq",
    "officer": "officer-C-2.hq",
    "directive": f"directive-{REF}.hq",
    "relay": f"relay-{REF}.swat.hq",
    "service": f"service-{REF}.C-2.hq",
    "roll_call": "roll_call-swat-saidu.2020-01-15.1.hq",
    "office": "office-malakand.hq",
    "key": "key-malakand.malakand",
    "permission": "permission-hq-2020-p1.hq",
    "case": "case-hq-2020-c1.hq",
    "group": "group-hq-g1.hq",
    "account": "account-hq-a1.hq",
    "instrument": "instrument-hq-i1.hq",
}
TOLD = {
    "force.described@1": "force.described of kp.",
    "unit.established@1": "swat was established.",
    "unit.renamed@1": "unit.renamed of swat.",
    "unit.reclassified@1": "unit.reclassified of swat.",
    "unit.moved@1": "unit.moved of swat.",
    "post.created@1": "post.created of dpo-swat.",
    "post.revised@1": "post.revised of dpo-swat.",
    "post.charge_assumed@1": "D-1 assumed acting charge of dpo-swat.",
    "post.charge_relinquished@1": "D-1 gave up charge of dpo-swat.",
    "roll.mustered@1": "2 officers were mustered in swat.",
    "roll.corrected@1": "The roll of swat-saidu corrected 2 officers.",
    "officer.posted@1": "C-2 was posted to hazara.",
    "officer.promoted@1": "C-2 now has rank BPS-9.",
    "officer.duty_changed@1": "C-2 is now suspended.",
    "officer.retired@1": "C-2 died.",
    "directive.issued@1": "ppo issued 191 PA/DIG/HQrs: Leave unofficial WhatsApp groups.",
    "directive.authorised@1": (
        "ppo was held by P-1 (substantive, BPS-22); the order stands on that."
    ),
    "directive.amended@1": "It was materially amended; version 2 is in force.",
    "directive.superseded@1": "It was superseded by hq-2020-4.",
    "directive.withdrawn@1": "It was withdrawn: Issued in error.",
    "directive.backed@1": (
        "dpo-swat (D-1) linked it to the signed instrument hq-i1: it is backed."
    ),
    "relay.received@1": "swat received it from hq.",
    "relay.received_again@1": "It reached swat again, by malakand; the first receipt counts.",
    "relay.acknowledged@1": "swat acknowledged receipt, by dpo-swat (D-1).",
    "relay.forwarded@1": (
        "swat forwarded it by rule to 1 unit: the desk had been vacant since "
        "2020-01-02 05:00+05:00 and its grace had run out."
    ),
    "relay.officers_served@1": "swat served it on 2 officers who joined later.",
    "relay.clause_tightened@1": (
        "dpo-swat tightened it for swat and all below: quit is due within 12 hours of the "
        "receipt instead of within 1 day of the receipt."
    ),
    "relay.drift_found@1": (
        "The text of dpo-swat (SSP Coordination, 26 November 2021), passed on in swat, is looser "
        "in 1 place: 'quit', due: the order has “within 1 day of the receipt”, the text “within "
        "3 days of the receipt”."
    ),
    "relay.reminded@1": "dpo-swat (D-1) at swat was reminded to acknowledge.",
    "relay.escalated@1": (
        "17 officers of swat overdue with quit: level 2 went to ppo (P-1), passing "
        "rpo-malakand (vacant)."
    ),
    "relay.return_submitted@1": (
        "rpo-malakand (R-1) certified for swat under report 17 complied; 16 of 19 were known to "
        "have."
    ),
    "relay.return_contradicted@1": (
        "The return of swat under report was contradicted by rpo-malakand (C-2): He was found in "
        "another group."
    ),
    "relay.return_escalated@1": (
        "The return of swat under report, due 2020-01-22 09:00+05:00, is overdue: level 1 went "
        "to ppo (P-1), passing rpo-malakand (vacant)."
    ),
    "service.read@1": "C-2 read it.",
    "service.acknowledged@1": "C-2 acknowledged it.",
    "service.complied@1": "C-2 complied with quit, on evidence screenshot 12.",
    "service.contested@1": "C-2 contested it: Added by others; not a member any more.",
    "service.decided@1": "dpo-swat decided the contest of C-2: upheld.",
    "service.exempted@1": "dpo-swat exempted C-2 from quit: Runs the official group.",
    "roll_call.held@1": (
        "At roll call in swat-saidu, 1 officer acknowledged, 1 absent; diary 14, entered "
        "2020-01-15 10:15+05:00."
    ),
    "office.commissioned@1": "An office malakand was commissioned for malakand.",
    "key.registered@1": "The office malakand registered its key.",
    "office.admitted@1": "The office malakand was admitted.",
    "office.handover_opened@1": ("The hand-over of 3 units to the office malakand was opened."),
    "office.manifested@1": "1,204 entries were stated as handed over to the office malakand.",
    "office.taken_over@1": "The office malakand took over.",
    "office.skew_seen@1": "The clock of the office malakand was seen -3,600 s off.",
    "permission.requested@1": (
        "C-2 of swat-saidu asked leave of platforms for uniform, until 2020-02-01 00:00+05:00 "
        "(hq-2020-p1): A film on road safety; dpo-swat (D-1) decides."
    ),
    "permission.granted@1": (
        "dpo-swat (D-1) granted hq-2020-p1 for uniform, until 2020-02-01 00:00+05:00: The "
        "schools asked for it."
    ),
    "permission.refused@1": "dpo-swat (D-1) refused hq-2020-p1: Not in uniform.",
    "permission.revoked@1": "dpo-swat (D-1) revoked hq-2020-p1: The film is made.",
    "permission.expired@1": "hq-2020-p1 expired.",
    "case.breach_reported@1": (
        "C-2 of swat-saidu was reported by dpo-swat to have breached quit: case hq-2020-c1, on "
        "evidence screenshot 12."
    ),
    "case.notice_served@1": (
        "dpo-swat served notice in case hq-2020-c1, to be answered by 2020-01-22 10:00+05:00."
    ),
    "case.answered@1": (
        "The notice in case hq-2020-c1 was answered: I had been added by another."
    ),
    "case.decided@1": ("dpo-swat decided case hq-2020-c1: dismissed. It was the third time."),
    "case.appealed@1": "The decision in case hq-2020-c1 was appealed against: Too severe.",
    "case.appeal_decided@1": (
        "rpo-malakand decided the appeal in case hq-2020-c1: reduced to censured. The first that "
        "was proved."
    ),
    "case.reinstated@1": (
        "dpo-swat reinstated the officer of case hq-2020-c1: As the appeal says."
    ),
    "group.entered@1": (
        "The group PS Saidu Duty on whatsapp was entered as swat-saidu's, run by dpo-swat, "
        "under official of hq-2020-1."
    ),
    "group.passed@1": "rpo-malakand runs hq-g1 from then on.",
    "group.closed@1": "hq-g1 was closed: The station has another.",
    "account.entered@1": (
        "The account @SaiduPolice on x was entered as swat-saidu's, run by dpo-swat, under "
        "official of hq-2020-1."
    ),
    "account.passed@1": "rpo-malakand runs hq-a1 from then on.",
    "account.closed@1": "hq-a1 was closed: It is not used.",
    "instrument.entered@1": (
        "hq-i1 was entered: 4/2019-Media of 2019-12-20 (Ministry of Interior, signed)."
    ),
}


def told(fact: Fact) -> str:
    thing = fact.stored.partition(".")[0]
    return sentence(Entry(1, STREAMS[thing], 1, fact), KARACHI)


def test_every_fact_has_its_sentence() -> None:
    assert {fact.stored: told(fact) for fact in EXAMPLES} == TOLD
    assert set(TOLD) == set(FACTS)


@pytest.mark.parametrize("fact", [*EXAMPLES, *BARE], ids=lambda fact: fact.stored)
def test_a_sentence_ends_with_one_full_stop(fact: Fact) -> None:
    assert told(fact).endswith(".")
    assert not told(fact).endswith("..")


def test_what_is_left_unsaid_is_not_told() -> None:
    bare = {fact.stored: told(fact) for fact in BARE}
    assert bare["relay.acknowledged@1"] == "swat acknowledged receipt, by dpo-swat."
    assert bare["relay.forwarded@1"] == "swat forwarded it to 0 units."
    assert bare["relay.officers_served@1"] == "swat served it on 0 officers."
    assert bare["relay.escalated@1"] == (
        "1 officer of swat overdue with quit: level 1 went to nobody: every desk is vacant."
    )
    assert bare["permission.refused@1"] == "dpo-swat refused hq-2020-p1."
    assert bare["service.complied@1"] == "C-2 complied with it."
    assert bare["service.exempted@1"] == "dpo-swat exempted C-2 from all of it: On deputation."


# --- Which entries ---------------------------------------------------------------------


@pytest.fixture
def office(tmp_path: Path, store_url: str) -> Iterator[Office]:
    with manned(tmp_path / "home", store_url) as opened:
        opened.issue(order(SWAT), text(1))
        opened.issue(order(HAZARA), text(2))
        opened.answer(REF, "C-2", "read")
        opened.answer(REF, "C-3", "read")
        opened.now = after(1)
        opened.roll_call(
            REF, SAIDU, [(2, "C-2", None, None), (3, "C-3", "absent", None)],
            diary="1", held_at=after(0.5),
        )  # fmt: skip
        opened.roll_call(
            "hq-2020-2", SAIDU, [(2, "C-4", "absent", None)], diary="2", held_at=after(0.5)
        )
        opened.exempt(REF, "C-3", PPO, "On leave.")
        opened.amend(REF, terms(CERTIFIED), text(3))
        yield opened


def names(office: Office, **asked: str) -> list[str]:
    return [entry["name"] for entry in office.timeline(REF, **asked)["entries"]]  # type: ignore[arg-type]


ISSUED = directive.Issued.stored.removesuffix("@1")
GROUND = directive.Authorised.stored.removesuffix("@1")
AMENDED = directive.Amended.stored.removesuffix("@1")
SERVED = relay.OfficersServed.stored.removesuffix("@1")
READ = service.Read.stored.removesuffix("@1")


def test_a_directive_has_all_its_entries_in_the_order_of_the_ledger(office: Office) -> None:
    entries = office.timeline(REF)["entries"]
    positions = [entry["position"] for entry in entries]
    assert positions == sorted(set(positions))
    assert [entry["name"] for entry in entries] == [
        ISSUED,
        GROUND,
        "relay.received",
        "relay.acknowledged",
        "relay.received",
        "relay.forwarded",
        "relay.received",
        "relay.forwarded",
        "relay.forwarded",
        SERVED,
        SERVED,
        READ,
        READ,
        "roll_call.held",
        "service.exempted",
        AMENDED,
    ]


def test_an_officer_has_what_concerns_him(office: Office) -> None:
    assert names(office, officer="C-2") == [
        ISSUED, GROUND, SERVED, READ, "roll_call.held", AMENDED
    ]  # fmt: skip
    assert names(office, officer="C-3") == [
        ISSUED, GROUND, SERVED, READ, "roll_call.held", "service.exempted", AMENDED
    ]  # fmt: skip
    assert names(office, officer="C-4") == [ISSUED, GROUND, SERVED, AMENDED]
    assert names(office, officer="H-1") == [ISSUED, GROUND, AMENDED]


def test_a_unit_has_its_relay_and_its_roll_calls(office: Office) -> None:
    assert names(office, unit=SAIDU) == [
        ISSUED, GROUND, "relay.received", "relay.forwarded", SERVED, "roll_call.held", AMENDED
    ]  # fmt: skip
    assert names(office, unit=HQ) == [
        ISSUED, GROUND, "relay.received", "relay.acknowledged", "relay.forwarded", AMENDED
    ]  # fmt: skip


def test_a_limit_and_a_position_cut_it_short(office: Office) -> None:
    whole = office.timeline(REF)["entries"]
    assert office.timeline(REF, limit=3)["entries"] == whole[:3]
    known = whole[7]["position"]
    assert office.timeline(REF, known_at=known)["entries"] == whole[:8]


def test_an_entry_tells_both_hours_in_the_forces_zone(office: Office) -> None:
    (entry,) = (e for e in office.timeline(REF)["entries"] if e["name"] == "roll_call.held")
    assert (entry["at"], entry["recorded_at"]) == (after(0.5), after(1))
    assert entry["at"].utcoffset() == entry["recorded_at"].utcoffset() == after(0).utcoffset()
    assert (entry["actor"], entry["channel"]) == (f"clerk:{SAIDU}", "roll_call")


def test_a_long_history_is_read_page_by_page(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = office.timeline(REF)["entries"]
    monkeypatch.setattr("projections.timeline._PAGE", 4)
    assert office.timeline(REF)["entries"] == whole
