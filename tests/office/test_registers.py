"""The registers with several offices: who enters what, what goes down, and what a region can tell."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from domain.directive import Basis
from domain.errors import Refused
from domain.instrument import Paper
from office.registers import Entry
from projections import rebuild
from tests.examples import DPO, HAZARA, HQ, MALAKAND, PPO, RPO, SWAT
from tests.office.net import Net
from tests.projections.small import HOURLY, RPO_HAZARA, SINCE, listed, order, terms, text

CHARGES = {
    PPO: ("P-1", HQ),
    RPO: ("R-1", MALAKAND),
    DPO: ("D-1", SWAT),
    RPO_HAZARA: ("H-1", HAZARA),
}
PAPER = Paper(
    citation="4/2019",
    sender={"en": "Ministry of Interior"},
    dated="2019-12-20",
    form="signed",
    subject={"en": "Media"},
)


@pytest.fixture
def net(tmp_path: Path) -> Iterator[Net]:
    """Malakand has an office of its own, Hazara has none; the desks are held."""
    made = Net(tmp_path).opened(MALAKAND)
    region = made.regions[MALAKAND]
    for post, (officer, unit) in CHARGES.items():
        office = region if unit in (MALAKAND, SWAT) else made.hq
        office.import_roll([listed(officer, unit, 19, post=post)], at=SINCE)
    made.settle()
    yield made
    for one in made.offices():
        _, compared = rebuild.check(one.store)
        assert [each.difference for each in compared if not each.same] == []
    made.close()


def test_the_office_of_the_owner_unit_enters_it_and_hq_knows_it(net: Net) -> None:
    region = net.regions[MALAKAND]
    entry = Entry("whatsapp", "Swat Duty", SWAT, DPO)
    with pytest.raises(Refused, match="has an office of its own"):
        net.hq.enter_official("group", entry)
    assert region.enter_official("group", entry)["group"] == "malakand-g1"
    net.settle()
    told = net.hq.is_official("group", "whatsapp", "swat duty")
    assert (told["official"], told["group"]["group"]) == (True, "malakand-g1")
    with pytest.raises(Refused, match="was entered by the office malakand"):
        net.hq.close_official("group", "malakand-g1", "Over.", by=PPO)


def test_groups_of_the_region_and_of_the_line_above_go_down_and_no_others(net: Net) -> None:
    net.hq.enter_official("group", Entry("whatsapp", "CPO", HQ, PPO))
    net.hq.enter_official("account", Entry("x", "@KP", HQ, PPO))
    net.hq.enter_official("group", Entry("whatsapp", "Hazara Duty", HAZARA, RPO_HAZARA))
    net.hq.close_official("account", "hq-a1", "Over.")
    net.settle()
    region = net.regions[MALAKAND]
    assert [row["group"] for row in region.officials("group")["groups"]] == ["hq-g1"]
    assert region.officials("account")["accounts"] == []
    assert [row["group"] for row in net.hq.officials("group")["groups"]] == ["hq-g1", "hq-g2"]


def test_a_region_says_that_it_does_not_know_of_all(net: Net) -> None:
    region = net.regions[MALAKAND]
    assert not region.is_official("group", "whatsapp", "Hazara Duty")["complete"]


def test_every_instrument_of_hq_goes_down_and_what_backs_an_order_with_the_order(
    net: Net,
) -> None:
    conveyed = terms(HOURLY).model_copy(update={"basis": Basis(form="conveyed")})
    net.hq.issue(order(HQ, terms=conveyed), text(1))
    net.hq.enter_instrument(PAPER, text(2))
    net.settle()
    region = net.regions[MALAKAND]
    assert not region.status("hq-2020-1")["backed"]
    with pytest.raises(Refused, match="issued by the office hq"):
        region.back("hq-2020-1", "4/2019", RPO)
    net.hq.back("hq-2020-1", "4/2019", PPO)
    net.settle()
    assert region.status("hq-2020-1")["backed"]
    assert region.instrument("4/2019")["instrument"] == "hq-i1"
    assert region.enter_instrument(PAPER, text(2))["changed"] is False
    assert region.enter_instrument(PAPER, text(3))["instrument"] == "malakand-i1"
