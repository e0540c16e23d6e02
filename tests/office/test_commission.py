"""Commissioning: a region joins with a token that is used once, and takes over what HQ states."""

import os
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from domain.errors import Contended, Misused, Refused, Unaccepted, Unavailable, Unknown
from domain.office import (
    Admitted,
    HandoverOpened,
    KeyRegistered,
    Manifested,
    SkewSeen,
    TakenOver,
)
from ledger.store import select_entries
from office import commission, keys, part
from office.commission import Handover
from office.home import Home
from office.office import Office
from tests.examples import HAZARA, HQ, MALAKAND, SAIDU, SWAT
from tests.office.net import Net, facts, own, provided, take
from tests.projections.small import ROLL, SINCE, listed, order, text


@pytest.fixture
def net(tmp_path: Path) -> Iterator[Net]:
    """The small force at HQ, no roll imported."""
    made = Net(tmp_path)
    yield made
    made.close()


def state(office: Office) -> str:
    """How far the one regional office is, as an office knows."""
    (one,) = office.offices()["offices"]
    return str(one["state"])


def detail(office: Office) -> str | None:
    (one,) = office.offices()["offices"]
    found: str | None = one["detail"]
    return found


def held(office: Office) -> bytes:
    """All that an office's ledger holds."""
    with office.store.reading() as conn:
        return b"\n".join(bytes(line[4]) for line in select_entries(conn, 0, 1_000_000))


# --- From commission to taking over ----------------------------------------------------


def test_a_region_takes_over_step_by_step(net: Net) -> None:
    given = net.handover(MALAKAND)
    assert state(net.hq) == "commissioned"
    region = net.join(MALAKAND, given)
    assert state(region) == "registered"
    net.send_up(MALAKAND)
    assert state(net.hq) == "moving"
    net.send_down(MALAKAND)
    assert state(region) == "open"
    net.send_up(MALAKAND)
    assert state(net.hq) == "open"
    written = net.written()
    (registered, of_hq) = sorted(
        facts(written, KeyRegistered), key=lambda one: one.proof is None
    )
    (admitted,), (taken,) = facts(written, Admitted), facts(written, TakenOver)
    (opened,), (stated,) = facts(written, HandoverOpened), facts(written, Manifested)
    assert (of_hq.office, of_hq.proof, registered.office) == ("hq", None, MALAKAND)
    assert (admitted.key, taken.digest) == (registered.key, stated.digest)
    assert opened.units == (MALAKAND, SWAT, SAIDU)
    before_manifest = [s for _, s, *_ in own(net.hq)]
    assert stated.entries == len(
        part.down(net.hq, MALAKAND)(
            own(net.hq)[: before_manifest.index("office-malakand.hq") + 3]
        )
    )


def test_the_region_holds_the_tree_and_the_orders_of_before(net: Net) -> None:
    net.hq.issue(order(HQ), text(1))
    net.hq.issue(order(HAZARA), text(2))
    net.opened(MALAKAND)
    region = net.regions[MALAKAND]
    assert list(region.tree().units) == sorted([HQ, MALAKAND, SWAT, SAIDU])
    assert [one["directive"] for one in region.status()["directives"]] == ["hq-2020-1"]


def test_both_ends_show_the_same_fingerprints(net: Net) -> None:
    given = net.handover(MALAKAND)
    region = net.join(MALAKAND, given)
    joined = region.join(given)
    net.settle()
    assert joined["hq_fingerprint"] == net.hq.offices()["fingerprint"] == given.fingerprint
    (there,) = net.hq.offices()["offices"]
    assert joined["fingerprint"] == there["fingerprint"] == region.offices()["fingerprint"]
    assert str(there["fingerprint"]).startswith("SHA256:")


def test_the_token_and_the_private_key_stay_where_they_are(net: Net, tmp_path: Path) -> None:
    given = net.handover(MALAKAND)
    region = net.join(MALAKAND, given)
    net.settle()
    assert given.token is not None
    assert given.token not in repr(given)
    pem = (tmp_path / MALAKAND / "keys" / "malakand.key").read_text()
    for office in net.offices():
        assert given.token.encode() not in held(office)
    kept = tmp_path / MALAKAND / "handover.json"
    assert given.token not in kept.read_text()
    assert Handover.read(kept) == given.model_copy(update={"token": None})
    assert "PRIVATE KEY" in pem
    secret = [tmp_path / "malakand.json", kept, tmp_path / MALAKAND / "keys" / "malakand.key"]
    assert [stat.S_IMODE(file.stat().st_mode) for file in secret] == [0o600] * 3
    del region


def test_a_tampered_or_incomplete_hand_over_is_not_taken_over(net: Net) -> None:
    region = net.join(MALAKAND)
    net.send_up(MALAKAND)
    lines = list(part.down(net.hq, MALAKAND)(own(net.hq)))
    changed = [
        (p, s, v, n, bytes(b).replace(b"KP Police", b"KP Polite")) for p, s, v, n, b in lines
    ]
    take(region, MALAKAND, changed, level=True)
    assert (state(region), detail(region)) == (
        "moving",
        (
            "What arrived is not what HQ states that it handed over: nothing is taken over; compare "
            "the ledgers of both ends."
        ),
    )
    with pytest.raises(Unavailable, match=r"^Malakand is moving to this office"):
        region.relinquish("dpo-swat")


# --- Commissioning ---------------------------------------------------------------------


def test_commissioning_again_keeps_the_file_with_which_the_region_may_have_joined(
    net: Net, tmp_path: Path
) -> None:
    given = net.handover(MALAKAND)
    head = net.hq.head()
    assert net.handover(MALAKAND) == given
    assert net.hq.head() == head
    net.join(MALAKAND, given)
    net.settle()
    head = net.hq.head()
    (tmp_path / "malakand.json").unlink()
    again = net.hq.commission(MALAKAND, tmp_path / "malakand.json", provided)
    assert (again["state"], again["file"], net.hq.head()) == ("open", None, head)
    assert not (tmp_path / "malakand.json").exists()


def test_a_lost_file_is_made_anew_and_the_old_token_is_void(net: Net, tmp_path: Path) -> None:
    lost = net.handover(MALAKAND)
    (tmp_path / "malakand.json").unlink()
    new = net.handover(MALAKAND)
    assert new.token != lost.token
    region = net.join(MALAKAND, lost)
    net.settle()
    assert state(net.hq) == "registered"
    region.join(new)
    net.settle()
    assert state(net.hq) == "open"


def test_an_office_is_not_commissioned_once_its_region_has_a_roll(
    net: Net, tmp_path: Path
) -> None:
    net.hq.import_roll([row for row in ROLL if row.unit == HAZARA], at=SINCE)
    net.handover(MALAKAND)
    with pytest.raises(Refused, match=r"^Officers of hazara are on a roll here"):
        net.handover(HAZARA)
    assert not (tmp_path / "hazara.json").exists()


def test_an_office_is_not_commissioned_once_somebody_was_posted_there(net: Net) -> None:
    net.hq.import_roll([row for row in ROLL if row.unit == HAZARA], at=SINCE)
    net.hq.transfer("H-2", SWAT)
    net.hq.transfer("H-2", HAZARA)
    with pytest.raises(Refused, match=r"^Officers of malakand are on a roll here"):
        net.handover(MALAKAND)


def test_what_cannot_be_commissioned_asks_the_broker_for_nothing(
    net: Net, tmp_path: Path
) -> None:
    def asked(*_: str) -> commission.Broker:
        raise AssertionError

    for unit, name, fault in (
        (HQ, None, Misused), (HQ, "central", Refused), ("dir", None, Unknown),
        (MALAKAND, "Malakand", Misused),
    ):  # fmt: skip
        with pytest.raises(fault):
            net.hq.commission(unit, tmp_path / "x.json", asked, office=name)
    net.handover(MALAKAND)
    with pytest.raises(Refused, match=r"^malakand has the office malakand"):
        net.hq.commission(SWAT, tmp_path / "x.json", asked)
    assert not (tmp_path / "x.json").exists()


def test_an_office_may_have_another_name_than_its_unit(net: Net, tmp_path: Path) -> None:
    net.hq.commission(MALAKAND, tmp_path / "m2.json", provided, office="malakand-2")
    region = net.join("malakand-2", Handover.read(tmp_path / "m2.json"))
    net.settle()
    assert (state(region), net.hq.offices()["offices"][0]["unit"]) == ("open", MALAKAND)


def test_a_region_commissions_no_office(net: Net, tmp_path: Path) -> None:
    net.opened(MALAKAND)
    with pytest.raises(Refused, match=r"^Offices are commissioned by hq"):
        net.regions[MALAKAND].commission(SWAT, tmp_path / "x.json", provided)


def test_another_file_is_not_overwritten(net: Net, tmp_path: Path) -> None:
    (tmp_path / "malakand.json").write_text("my notes")
    with pytest.raises(Misused, match=r"something else is there; choose another file\.$"):
        net.handover(MALAKAND)
    assert (tmp_path / "malakand.json").read_text() == "my notes"


# --- Joining ---------------------------------------------------------------------------


def test_who_joins_with_a_wrong_token_is_never_admitted(net: Net) -> None:
    given = net.handover(MALAKAND)
    region = net.join(MALAKAND, given.model_copy(update={"token": keys.seed()}))
    net.settle()
    net.settle()
    assert (state(net.hq), state(region)) == ("registered", "registered")
    assert detail(net.hq) == (
        "The key of the office malakand is not proved by the token of its hand-over file: find "
        "out who joined, and commission under another name."
    )
    assert part.routed(net.hq) == []


def test_joining_again_changes_nothing(net: Net) -> None:
    given = net.handover(MALAKAND)
    region = net.join(MALAKAND, given)
    head = region.head()
    assert region.join(given)["changed"] is False
    net.settle()
    assert region.join(given)["state"] == "open"
    assert len(facts(net.written(), KeyRegistered)) == 2
    assert region.head() > head


def test_a_second_home_that_joins_with_the_same_file_is_not_admitted(
    net: Net, tmp_path: Path
) -> None:
    given = net.handover(MALAKAND)
    net.join(MALAKAND, given)
    net.send_up(MALAKAND)
    (admitted,) = facts(net.written(), Admitted)
    with Office(
        Home.init(tmp_path / "other", rehearsal=True, office=MALAKAND), net.now
    ) as other:
        other.join(given)
        with pytest.raises(Contended):
            take(net.hq, MALAKAND, own(other), level=True)
        assert other.offices()["fingerprint"] != keys.fingerprint(admitted.key)
    (there,) = net.hq.offices()["offices"]
    assert there["fingerprint"] == keys.fingerprint(admitted.key)


def test_a_home_that_has_a_ledger_of_its_own_does_not_join(net: Net) -> None:
    given = net.handover(MALAKAND)
    region = net.open(MALAKAND)
    region.import_force(
        force="kp",
        name={"en": "KP"},
        timezone="UTC",
        since=SINCE,
        units=list(net.units),
        posts=[],
    )
    with pytest.raises(Refused, match=r"^This home has a ledger of its own already"):
        region.join(given)
    region.close()


def test_what_a_region_keeps_is_nothing_to_join_with(net: Net) -> None:
    given = net.handover(MALAKAND).model_copy(update={"token": None})
    region = net.open(MALAKAND)
    with pytest.raises(Unaccepted, match=r"^This hand-over file has no token"):
        region.join(given)
    region.close()


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('"key": "', '"key": "00', "was damaged or changed"),
        ('"token": "', '"token": "00', "was damaged or changed"),
        ('"token": "', '"token": "zz', "was damaged or changed"),
        ('"force":', '"farce":', r"is no hand-over file \(force\)"),
        ("{", "[", r"is no hand-over file \(JSON\)"),
    ],
)
def test_a_damaged_file_is_not_accepted(
    net: Net, tmp_path: Path, old: str, new: str, reason: str
) -> None:
    net.handover(MALAKAND)
    file = tmp_path / "malakand.json"
    file.write_text(file.read_text().replace(old, new, 1))
    with pytest.raises(Unaccepted, match=reason):
        Handover.read(file)


def test_whose_word_is_believed(net: Net, tmp_path: Path) -> None:
    given = net.handover(MALAKAND)

    def key_of(office: Office, peer: str) -> str | None:
        with office._reading() as db:
            return commission.key_of(db, office.home.path, office.home.office, peer)

    region = net.join(MALAKAND, given)
    assert (key_of(net.hq, MALAKAND), key_of(region, "hq")) == (None, given.key)
    net.settle()
    (admitted,) = facts(net.written(), Admitted)
    assert key_of(net.hq, MALAKAND) == admitted.key
    assert (key_of(net.hq, HAZARA), key_of(region, HAZARA)) == (None, None)
    assert tmp_path.exists()


def test_a_skew_is_written_down_once(net: Net) -> None:
    net.opened(MALAKAND)
    for seconds in (5, 130, 4_000, 3, 2):
        with net.hq._working() as work:
            commission.skew(work, MALAKAND, seconds)
    assert [fact.seconds for fact in facts(net.written(), SkewSeen)] == [130, 3]


# --- Keys ------------------------------------------------------------------------------


def test_a_key_is_made_once_however_many_need_it(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = set(pool.map(lambda _: keys.own(tmp_path, "hq").public, range(16)))
    assert len(made) == 1
    assert os.listdir(tmp_path / "keys") == ["hq.key"]  # noqa: PTH208 - names
    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o700


def test_a_signature_is_by_one_key_over_one_text(tmp_path: Path) -> None:
    mine, other = keys.own(tmp_path, "hq"), keys.own(tmp_path, "malakand")
    said = mine.sign(b"level")
    assert keys.verify(mine.public, said, b"level")
    assert not keys.verify(mine.public, said, b"behind")
    assert not keys.verify(other.public, said, b"level")
    assert not keys.verify("no key", said, b"level")
    assert not keys.verify(mine.public, "no signature", b"level")


def test_a_file_that_holds_no_key_is_told(tmp_path: Path) -> None:
    keys.own(tmp_path, "hq")
    (tmp_path / "keys" / "hq.key").write_text("nothing")
    with pytest.raises(Unavailable, match=r"^The signing key .*hq\.key cannot be used"):
        keys.own(tmp_path, "hq")


def test_a_roll_in_hand_waits_for_the_office(net: Net) -> None:
    region = net.join(MALAKAND)
    with pytest.raises(Unaccepted):
        region.import_roll([listed("N-1", SWAT)])
