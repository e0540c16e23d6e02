"""Proof of service: who was served, who was not, and which entries say so."""

from datetime import datetime
from typing import Any

import pytest

from domain.directive import Population
from domain.errors import Unknown
from office.office import Office
from tests.examples import DPO, HAZARA, HQ, MALAKAND, NINE, PPO, RPO, SAIDU, SWAT
from tests.projections.small import (
    CERTIFIED,
    OFFICERS,
    READER,
    SINCE,
    after,
    listed,
    order,
    text,
)

REF = "hq-2020-1"
TO_MALAKAND = [
    "roll.mustered roll-swat-saidu",
    f"directive.issued directive-{REF}",
    f"directive.authorised directive-{REF}",
    f"relay.received relay-{REF}.hq",
    f"relay.acknowledged relay-{REF}.hq",
    f"relay.received relay-{REF}.malakand",
    f"relay.forwarded relay-{REF}.hq",
]
"""What proves, of an officer at Saidu, that it came as far as the region."""


def issued(office: Office, *to: Any, **said: Any) -> Office:
    office.issue(order(*to, **said), text(1))
    office.now = after(2)
    return office


def proof(office: Office, officer: str, **asked: Any) -> dict[str, Any]:
    return office.proof_of_service(REF, officer, **asked)


def because(office: Office, officer: str, **asked: Any) -> str:
    """Why he was not served."""
    found = proof(office, officer, **asked)
    assert found["served"] is False
    return str(found["because"])


def named(found: dict[str, Any]) -> list[str]:
    """The stored name and the stream of each fact, in the order of the ledger."""
    positions = [fact["position"] for fact in found["facts"]]
    assert positions == sorted(set(positions))
    return [f"{fact['name']} {fact['stream'].rpartition('.')[0]}" for fact in found["facts"]]


# --- Served --------------------------------------------------------------------------------


def test_a_served_officer_is_proved_by_each_desk_on_the_way_and_his_own_word(
    office: Office,
) -> None:
    issued(office)
    office.answer(REF, "C-2", "read", at=after(1))
    found = proof(office, "C-2")
    assert found["served"] is True
    assert found["because"] == (
        "swat-saidu served C-2 on 15 Jan 2020 09:00, which had it by way of hq, malakand, swat."
    )
    assert named(found) == [
        *TO_MALAKAND,
        f"relay.received relay-{REF}.swat",
        f"relay.forwarded relay-{REF}.malakand",
        f"relay.received relay-{REF}.swat-saidu",
        f"relay.forwarded relay-{REF}.swat",
        f"relay.forwarded relay-{REF}.swat-saidu",
        f"relay.officers_served relay-{REF}.swat-saidu",
        f"service.read service-{REF}.C-2",
    ]


def test_a_transfer_leaves_the_unit_that_served_him(office: Office) -> None:
    issued(office).transfer("C-2", SWAT)
    office.now = after(3)
    assert proof(office, "C-2")["because"].startswith("swat-saidu served C-2 on")


@pytest.mark.parametrize("hours", [-1, 0, 0.5, 2])
def test_the_proof_agrees_with_the_list_of_officers(office: Office, hours: float) -> None:
    office.issue(order(SWAT, HAZARA, forward="on_acknowledgement"), text(1))
    office.now = after(1)
    office.acknowledge_relay(REF, SWAT, by=DPO)
    office.now = after(3)
    at = after(hours)
    rows = office.officers(REF, state="served", as_of=at, limit=100)["officers"]
    served = {row["officer_id"] for row in rows}
    assert {one for one in OFFICERS if proof(office, one, as_of=at)["served"]} == served


# --- Not served ----------------------------------------------------------------------------


def test_before_the_issue_nobody_was_served(office: Office) -> None:
    issued(office)
    assert because(office, "C-2", as_of=after(-1)) == (
        f"{REF} was not issued before 15 Jan 2020 09:00."
    )
    assert proof(office, "C-2", as_of=after(-1))["facts"] == []


def test_what_was_not_known_yet_proves_nothing(office: Office) -> None:
    head = office.head()
    issued(office)
    assert because(office, "C-2", known_at=head) == f"{REF} was not issued."
    assert because(office, "C-2", known_at=head + 3).startswith("It lies with hq since")


def test_a_desk_that_did_not_acknowledge_holds_it(office: Office) -> None:
    issued(office, forward="on_acknowledgement")
    found = proof(office, "C-2")
    assert found["because"] == (
        "It lies with malakand since 15 Jan 2020 09:00, on the desk of rpo-malakand (R-1), "
        "which has yet to send it to swat."
    )
    assert named(found) == [
        *TO_MALAKAND,
    ]


def test_a_vacant_desk_is_told_with_since_when(office: Office) -> None:
    office.relinquish(RPO, at=after(-1))
    issued(office, forward="on_acknowledgement")
    assert because(office, "C-2") == (
        "It lies with malakand since 15 Jan 2020 09:00, on the desk of rpo-malakand, vacant since "
        "15 Jan 2020 08:00, which has yet to send it to swat."
    )


def test_his_own_unit_may_hold_it(office: Office) -> None:
    issued(office, MALAKAND, forward="on_acknowledgement")
    assert because(office, "R-2").startswith("It lies with malakand since")
    assert because(office, "R-2").endswith("which has yet to serve it.")


def test_who_is_not_addressed_was_not_served(office: Office) -> None:
    issued(office, SWAT)
    found = proof(office, "H-2")
    assert found["because"] == "hazara, where H-2 is, is not among those addressed: swat."
    assert named(found) == [
        "roll.mustered roll-hazara",
        f"directive.issued directive-{REF}",
        f"directive.authorised directive-{REF}",
    ]


@pytest.mark.parametrize(
    ("population", "officer", "reason"),
    [
        (Population(rank_to=16), "D-1", "D-1 has rank BPS-19; it binds BPS-1 to BPS-16."),
        (
            Population(duty=("on_duty", "course")),
            "C-4",
            "C-4 is on leave; it binds those who are on duty or course.",
        ),
        (
            Population(except_units=(SWAT,)),
            "C-2",
            "swat-saidu, where C-2 is, is left out with swat.",
        ),
        (
            Population(except_posts=(PPO, READER)),
            "R-2",
            "R-2 holds a post that is left out: reader.",
        ),
    ],
)
def test_who_is_not_meant_was_not_served(
    office: Office, population: Population, officer: str, reason: str
) -> None:
    issued(office, population=population)
    assert because(office, officer) == reason


def test_who_left_before_it_came_was_not_served(office: Office) -> None:
    office.retire("C-1", at=after(-2))
    office.retire("C-3", died=True, at=after(-2))
    issued(office)
    assert because(office, "C-1") == "C-1 left the force on 15 Jan 2020 07:00."
    assert because(office, "C-3") == "C-3 died on 15 Jan 2020 07:00."
    assert named(proof(office, "C-1"))[0] == "officer.retired officer-C-1"


@pytest.mark.parametrize(
    ("standing", "reason"),
    [
        (False, "before N-1 was there, and it binds nobody who came later."),
        (True, None),
    ],
)
def test_who_came_later_is_bound_by_a_standing_directive_alone(
    office: Office, standing: bool, reason: str | None
) -> None:
    issued(office, standing=standing)
    rows = [listed(one, SWAT) for one in ("C-1", "N-1")]
    office.import_roll([*rows, listed("D-1", SWAT, 19, post=DPO)])
    assert because(office, "N-1", as_of=after(1)) == (
        "N-1 came on the roll only on 15 Jan 2020 11:00."
    )
    found = proof(office, "N-1")
    assert found["served"] is standing
    if reason is not None:
        assert found["because"] == f"swat served it on 15 Jan 2020 09:00, {reason}"


def test_a_directive_that_ended_serves_nobody(office: Office) -> None:
    issued(office, forward="on_acknowledgement")
    office.withdraw(REF, reason="Issued in error.", at=after(1))
    assert because(office, "C-2") == (
        f"{REF} was withdrawn on 15 Jan 2020 10:00, before C-2 was served."
    )
    assert named(proof(office, "C-2"))[-1] == f"directive.withdrawn directive-{REF}"


def test_nobody_is_no_officer(office: Office) -> None:
    issued(office, acts=(CERTIFIED,))
    with pytest.raises(Unknown, match="There is no officer 'nobody' on the roll"):
        proof(office, "nobody")


def test_instants_are_told_in_the_zone_of_the_force(office: Office) -> None:
    issued(office)
    found = proof(office, "C-2", as_of=NINE)
    assert found["as_of"] == NINE
    assert all(isinstance(fact["at"], datetime) for fact in found["facts"])
    assert {fact["at"].utcoffset() for fact in found["facts"]} == {SINCE.utcoffset()}
    assert HQ in found["because"]
    assert SAIDU in found["because"]
