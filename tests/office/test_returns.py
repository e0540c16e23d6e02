"""Returns with offices: the relay's host takes and judges them, and HQ's copies show them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from domain import returns
from domain.errors import Refused
from office import part
from office.office import Office
from tests.examples import DPO, HAZARA, HQ, MALAKAND, PPO, SWAT
from tests.office.net import Net, facts, own
from tests.projections.small import (
    DAY,
    HOURLY,
    ROLL,
    RPO_HAZARA,
    SINCE,
    after,
    order,
    report,
    text,
)

REF = "hq-2020-1"
OF_SWAT = ("D-1", "C-1", "C-2", "C-3", "C-4")
INSIDE = (MALAKAND, SWAT, "swat-saidu")


@pytest.fixture
def net(tmp_path: Path, store_url: str, request: pytest.FixtureRequest) -> Iterator[Net]:
    """Malakand has an office of its own; heads of regions and districts owe a return in a day."""
    server = None if store_url == "sqlite" else request.getfixturevalue("postgres_server")
    second = "sqlite" if server is None else server.create_database()
    made = Net(tmp_path, store_url, stores=[second]).opened(MALAKAND)
    made.hq.import_roll([row for row in ROLL if row.unit not in INSIDE], at=SINCE)
    made.regions[MALAKAND].import_roll([row for row in ROLL if row.unit in INSIDE], at=SINCE)
    acts = (HOURLY, report("region", "district", "hq"))
    made.hq.issue(order(HQ, acts=acts), text(1))
    made.settle()
    yield made
    made.close()
    if server is not None:
        server.drop_database(second)


def states(office: Office) -> dict[str, str]:
    return {one["unit"]: one["state"] for one in office.returns(REF)["returns"]}


def test_the_relays_host_takes_the_return_and_hq_shows_its_copy(net: Net) -> None:
    region = net.regions[MALAKAND]
    with pytest.raises(Refused, match="has an office of its own"):
        net.hq.submit_return(REF, SWAT, DPO, 0)
    for officer in OF_SWAT:
        region.answer(REF, officer, "complied")
    assert region.submit_return(REF, SWAT, DPO, 5)["full"]
    assert net.hq.submit_return(REF, HAZARA, RPO_HAZARA, 1)["changed"]
    net.settle()
    assert states(net.hq)[SWAT] == "submitted"
    swat = {one["unit"]: one for one in region.returns(REF)["returns"]}[SWAT]
    assert {one["unit"]: one for one in net.hq.returns(REF)["returns"]}[SWAT] == swat
    assert net.hq.return_scores(post=DPO) == region.return_scores(post=DPO)


def test_a_region_lists_what_its_own_units_owe(net: Net) -> None:
    net.hq.submit_return(REF, HQ, PPO, 0)
    net.settle()
    assert set(states(net.regions[MALAKAND])) == {MALAKAND, SWAT}
    assert set(states(net.hq)) == {HQ, MALAKAND, SWAT, HAZARA, "abbottabad"}


def test_each_office_escalates_and_contradicts_at_its_own_units(net: Net) -> None:
    region = net.regions[MALAKAND]
    net.at(after(1))
    for officer in OF_SWAT:
        region.answer(REF, officer, "complied")
    region.submit_return(REF, SWAT, DPO, 5)
    net.at(after(2))
    region.transfer("R-2", SWAT, at=after(0.5))
    net.settle()
    assert (net.hq.tick()["contradicted"], region.tick()["contradicted"]) == (0, 1)
    net.at(after(DAY))
    net.hq.tick()
    region.tick()
    net.settle()
    before = (net.hq.head(), region.head())
    net.hq.tick()
    region.tick()
    assert (net.hq.head(), region.head()) == before
    told = [
        (entry.stream.split(".")[1], entry.stream.rpartition(".")[2])
        for entry in net.written()
        if isinstance(entry.fact, returns.ReturnEscalated)
    ]
    assert sorted(told) == [
        ("abbottabad", "hq"),
        (HAZARA, "hq"),
        (HQ, "hq"),
        (MALAKAND, "malakand"),
    ]
    assert states(net.hq)[SWAT] == "contradicted"
    assert len(facts(net.written(), returns.ReturnContradicted)) == 1
    for office in net.offices():
        assert all(one["same"] for one in office.check()["projections"])


def test_what_is_owed_above_a_region_is_not_sent_there(net: Net) -> None:
    net.hq.submit_return(REF, HQ, PPO, 0)
    lines = own(net.hq)
    sent = part.down(net.hq, MALAKAND)(lines)
    assert any("return_" in line[3] for line in lines)
    assert not any("return_" in line[3] for line in sent)
