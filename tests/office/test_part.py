"""What goes down to a region: what it needs, to the byte, and nothing about anybody else."""

import tempfile
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given as each
from hypothesis import strategies as st

from domain import directive, office, relay
from domain.errors import Unknown
from domain.fact import UnitId
from ledger.codec import Entry, decode
from ledger.store import Line, select_entries
from office import part
from office.office import Office
from tests.examples import DPO, HAZARA, HQ, MALAKAND, NINE, PPO, RPO, SAIDU, SWAT
from tests.office.net import Net, own
from tests.projections.histories import History, histories
from tests.projections.small import ABBOTTABAD, POSTS, ROLL, SINCE, order, post, text, unit
from tests.projections.small import described as imported
from tests.spec import examples

BELOW = {MALAKAND: {MALAKAND, SWAT, SAIDU}, HAZARA: {HAZARA, ABBOTTABAD, UnitId("kohistan")}}


def manned(folder: Path) -> Net:
    """Both regions have offices, and everybody is on a roll, with a phone."""
    net = Net(folder).opened(MALAKAND, HAZARA)
    for office_ in net.offices():
        here = office_.home.office
        rows = [
            row._replace(phone=f"+92 300 {n:07}")
            for n, row in enumerate(ROLL)
            if next((top for top, units in BELOW.items() if row.unit in units), "hq") == here
        ]
        office_.import_roll(rows, at=SINCE)
    net.settle()
    return net


def copies(region: Office) -> list[Line]:
    """What of HQ's a region holds."""
    with region.store.reading() as conn:
        lines = select_entries(conn, 0, 1_000_000)
    return [line for line in lines if line[1].endswith(".hq")]


def listed(net: Net, region: UnitId) -> Iterable[Line]:
    """What should go down, entry by entry, as the design has it."""
    below = BELOW[region]
    near = {HQ, *below}
    to: dict[str, set[UnitId]] = {}
    for line in own(net.hq):
        _, stream, _, name, state = line
        fact = decode(name, state)
        match fact:
            case directive.Issued():
                to[fact.directive] = set(fact.order.addressees)
        kind, _, rest = stream.partition("-")
        thing, *more = rest.split(".")
        match kind:
            case "force":
                goes = True
            case "unit":
                goes = thing in near
            case "post":
                goes = any(one.unit in near for one in POSTS if one.id == thing)
            case "directive":
                goes = bool(to[thing] & near)
            case "relay":
                passing = relay.Received | relay.Acknowledged | relay.Forwarded
                at = more[0]
                goes = bool(to[thing] & near) and (
                    at in below or (at == HQ and isinstance(fact, passing))
                )
            case "office":
                goes = thing == region
            case "key":
                goes = thing == "hq"
            case _:
                goes = False
        if goes:
            yield line


@each(st.lists(st.tuples(st.sampled_from(["hq", MALAKAND, HAZARA]), histories()), max_size=4))
@examples(10, shrink=False)
def test_what_is_listed_goes_down_and_nothing_of_another_region_ever_does(
    played: list[tuple[str, History]],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        net = manned(Path(folder))
        for name, history in played:
            history.play({"hq": net.hq, **net.regions}[name])
            net.at(max(one.now for one in net.offices()))
            net.settle()
        for name, region in net.regions.items():
            came = copies(region)
            expected = [line[1:] for line in listed(net, UnitId(name))]
            assert [line[1:] for line in came] == expected
            others = {
                row.officer_id
                for row in ROLL
                if row.unit not in BELOW[UnitId(name)] and row.unit != HQ
            }
            for _, stream, _, _, state in came:
                assert not stream.startswith(("roll-", "officer-", "service-", "roll_call-"))
                assert b"Officer " not in state
                assert b"+92" not in state
                assert not [who for who in others if f'"{who}"'.encode() in state], state
        net.close()


def test_an_order_for_another_region_does_not_go_down(tmp_path: Path) -> None:
    net = manned(tmp_path)
    net.hq.issue(order(HAZARA), text(1))
    net.hq.issue(order(ABBOTTABAD, SWAT), text(2))
    net.settle()
    about = {
        stream
        for _, stream, *_ in copies(net.regions[MALAKAND])
        if stream.startswith(("directive", "relay"))
    }
    assert about == {"directive-hq-2020-2.hq", "relay-hq-2020-2.hq.hq"}
    net.close()


def test_a_forward_by_a_unit_that_is_not_above_goes_down_if_it_names_one_of_the_regions() -> (
    None
):
    here = part.Part("malakand", "hq", frozenset({HQ}), frozenset({MALAKAND}), frozenset())

    def line(name: str, state: bytes) -> Line:
        return (1, "relay-hq-2020-1.hazara.hq", 1, name, state)

    to = {"hq-2020-1": (MALAKAND,)}
    forwarded = relay.Forwarded.stored
    assert here.of([line(forwarded, b'{"to":["malakand"]}')], to) != []
    assert here.of([line(forwarded, b'{"to":["abbottabad"]}')], to) == []
    assert here.of([line(relay.Received.stored, b"{}")], to) == []
    assert here.of([line(forwarded, b'{"to":["malakand"]}')], {"hq-2020-1": (HAZARA,)}) == []


def test_what_others_wrote_is_not_sent_on(tmp_path: Path) -> None:
    net = manned(tmp_path)
    net.hq.issue(order(HQ), text(1))
    net.settle()
    assert not [s for _, s, *_ in copies(net.regions[MALAKAND]) if s.endswith(".hazara")]
    net.close()


def test_the_posts_of_the_line_above_come_with_their_holders(tmp_path: Path) -> None:
    net = manned(tmp_path)
    net.hq.relinquish(PPO)
    net.settle()
    tree = net.regions[MALAKAND].tree()
    assert set(tree.posts) == {one.id for one in POSTS if one.unit in BELOW[MALAKAND] | {HQ}}
    assert tree.heads[HQ].holder is None
    assert tree.heads[SWAT].id == DPO
    assert RPO in tree.posts
    net.close()


def test_a_unit_and_a_post_founded_later_in_the_region_go_down(tmp_path: Path) -> None:
    net = manned(tmp_path)
    mingora = UnitId("swat-mingora")
    imported(net.hq, [unit(mingora, "station", SWAT)], [post("sho-mingora", mingora)], NINE)
    imported(net.hq, [unit("battagram", "district", HAZARA)], [], NINE)
    net.settle()
    assert mingora in net.regions[MALAKAND].tree().units
    assert "sho-mingora" in net.regions[MALAKAND].tree().posts
    assert UnitId("battagram") not in net.regions[MALAKAND].tree().units
    net.close()


def test_a_link_is_routed_once_the_region_is_admitted(tmp_path: Path) -> None:
    net = Net(tmp_path)
    assert part.routed(net.hq) == []
    region = net.join(MALAKAND)
    assert (part.routed(net.hq), part.routed(region)) == ([], ["malakand"])
    net.send_up(MALAKAND)
    assert (part.routed(net.hq), part.routed(region)) == (["malakand"], ["malakand"])
    net.close()


def test_nothing_goes_down_to_an_office_that_was_never_commissioned(tmp_path: Path) -> None:
    net = Net(tmp_path)
    with pytest.raises(Unknown, match=r"^There is no office 'dir' of a region\.$"):
        part.down(net.hq, "dir")(own(net.hq))
    net.close()


def test_the_facts_of_other_offices_do_not_go_down(tmp_path: Path) -> None:
    net = manned(tmp_path)
    told = [
        Entry(p, s, v, decode(n, b)).fact
        for p, s, v, n, b in copies(net.regions[MALAKAND])
        if s.startswith("office-")
    ]
    assert {type(fact) for fact in told} == {
        office.Commissioned, office.Admitted, office.HandoverOpened, office.Manifested,
    }  # fmt: skip
    assert {fact.office for fact in told} == {MALAKAND}  # type: ignore[attr-defined]
    net.close()
