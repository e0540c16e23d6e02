"""Leave where regions have offices: each decides about its own, and HQ is told."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from domain.errors import Refused
from projections import rebuild
from tests.examples import DPO, MALAKAND, PPO, RPO, SAIDU, SWAT
from tests.office.net import Net, own
from tests.projections.small import ROLL, SINCE, after, order, text
from tests.projections.test_permissions import BY_PPO, LEAVE, PLATFORMS, WHY, media

REF = "hq-2020-1"
P1 = "malakand-2020-p1"


@pytest.fixture
def net(tmp_path: Path) -> Iterator[Net]:
    """Malakand has an office; everybody is on a roll, and was served HQ's policy."""
    net = Net(tmp_path).opened(MALAKAND)
    below = {MALAKAND, SWAT, SAIDU}
    net.hq.import_roll([row for row in ROLL if row.unit not in below], at=SINCE)
    net.regions[MALAKAND].import_roll([row for row in ROLL if row.unit in below], at=SINCE)
    net.settle()
    net.hq.issue(order(terms=media(PLATFORMS, LEAVE)), text(1))
    net.hq.issue(order(terms=media(PLATFORMS, BY_PPO)), text(2))
    net.settle()
    net.at(after(1))
    yield net
    net.close()


def test_a_region_decides_about_its_own_and_hq_sees_it(net: Net) -> None:
    region = net.regions[MALAKAND]
    told = region.request_permission(
        REF, "C-2", "platforms", scope="uniform", until=after(30), why=WHY
    )
    assert (told["permission"], told["decider"]["post"]) == (P1, DPO)
    region.grant_permission(P1, DPO)
    net.settle()
    (here,) = region.permissions()["permissions"]
    assert net.hq.permissions()["permissions"] == [here]
    assert net.hq.permission(P1)["entries"][-1]["name"] == "permission.granted"
    net.at(after(3))
    region.relinquish(DPO, at=after(0.5))
    assert net.hq.permissions()["permissions"][0]["state"] == "granted", "it is not known yet"
    net.settle()
    assert net.hq.permissions()["permissions"][0]["state"] == "void"
    for office in net.offices():
        assert [one for one in rebuild.check(office.store)[1] if not one.same] == []


def test_each_office_has_its_own_serials_and_expires_its_own(net: Net) -> None:
    region = net.regions[MALAKAND]
    region.request_permission(
        REF, "C-2", "platforms", scope="uniform", until=after(30), why=WHY
    )
    region.grant_permission(P1, DPO)
    told = net.hq.request_permission(
        "hq-2020-2", "H-2", "platforms", scope="a film", until=after(30), why=WHY
    )
    assert told["permission"] == "hq-2020-p1"
    net.settle()
    net.at(after(31))
    assert net.hq.tick()["expired"] == 0
    assert region.tick()["expired"] == 1
    net.settle()
    assert region.tick()["expired"] == net.hq.tick()["expired"] == 0
    states = {row["permission"]: row["state"] for row in net.hq.permissions()["permissions"]}
    assert states == {P1: "expired", "hq-2020-p1": "requested"}


def test_what_another_office_decides_is_refused_with_its_name(net: Net) -> None:
    region = net.regions[MALAKAND]
    with pytest.raises(Refused, match=r"^Malakand has an office of its own \(malakand\)"):
        net.hq.request_permission(
            REF, "C-2", "platforms", scope="uniform", until=after(30), why=WHY
        )
    with pytest.raises(Refused, match=r"^Hq is kept by hq, not by the office malakand"):
        region.request_permission(
            "hq-2020-2", "C-2", "platforms", scope="a film", until=after(30), why=WHY
        )
    region.request_permission(
        REF, "C-2", "platforms", scope="uniform", until=after(30), why=WHY
    )
    net.settle()
    before = len(own(net.hq))
    for by in (DPO, RPO, PPO):
        with pytest.raises(Refused, match="was asked for at the office malakand"):
            net.hq.grant_permission(P1, by)
    assert len(own(net.hq)) == before


def test_what_hq_decides_about_its_own_stays_there(net: Net) -> None:
    net.hq.request_permission(
        "hq-2020-2", "H-2", "platforms", scope="a film", until=after(30), why=WHY
    )
    net.hq.grant_permission("hq-2020-p1", PPO)
    net.settle()
    assert net.regions[MALAKAND].permissions()["permissions"] == []
