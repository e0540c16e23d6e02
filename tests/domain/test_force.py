"""The command tree at one instant, and who holds its posts."""

from collections.abc import Sequence

import pytest
from hypothesis import given as each
from hypothesis import strategies as st

from domain import roll, roll_call
from domain.fact import OfficerId, PostId, UnitId
from domain.force import (
    Post,
    Tree,
    Unit,
    force_stream,
    post_stream,
    seniority,
    unit_stream,
)
from tests.examples import DPO, HAZARA, HQ, MALAKAND, PPO, RPO, SAIDU, SWAT
from tests.spec import examples


def unit(name: str, parent: str | None, kind: str = "region") -> Unit:
    return Unit(UnitId(name), kind, {"en": name}, UnitId(parent) if parent else None)


def post(name: str, where: str, *, head: bool = True, holders: Sequence[str] = ()) -> Post:
    held = tuple((OfficerId(officer), "substantive", 0) for officer in holders)
    return Post(PostId(name), UnitId(where), {"en": name}, None, head, held)


def tree(units: Sequence[Unit], posts: Sequence[Post] = ()) -> Tree:
    return Tree({each.id: each for each in units}, {each.id: each for each in posts})


FORCE = tree(
    [
        unit("swat-saidu", "swat", "station"),
        unit("swat", "malakand", "district"),
        unit("malakand", "hq"),
        unit("hazara", "hq"),
        unit("hq", None, "hq"),
    ],
    [
        post("ppo", "hq"),
        post("reader", "hq", head=False),
        post("rpo-malakand", "malakand"),
        post("dpo-swat", "swat"),
    ],
)


def test_the_root_is_the_unit_without_a_parent() -> None:
    assert FORCE.root == HQ
    assert tree([]).root is None


def test_above_goes_up_to_the_root() -> None:
    assert list(FORCE.above(SAIDU)) == [SAIDU, SWAT, MALAKAND, HQ]
    assert list(FORCE.above(HQ)) == [HQ]
    assert list(FORCE.above(UnitId("nowhere"))) == []


def test_below_is_parents_before_children_in_the_order_of_ids() -> None:
    assert list(FORCE.below(HQ)) == [HQ, HAZARA, MALAKAND, SWAT, SAIDU]
    assert list(FORCE.below(SWAT)) == [SWAT, SAIDU]
    assert list(FORCE.below(UnitId("nowhere"))) == []


def test_below_several_tops_is_each_unit_once() -> None:
    assert list(FORCE.below(SWAT, HAZARA, MALAKAND)) == [SWAT, SAIDU, HAZARA, MALAKAND]
    assert list(FORCE.below(MALAKAND, SWAT, MALAKAND)) == [MALAKAND, SWAT, SAIDU]
    assert list(FORCE.below()) == []


def test_a_post_commands_its_unit_and_all_below_it() -> None:
    assert [each for each in sorted(FORCE.units) if FORCE.commands(RPO, each)] == [
        MALAKAND,
        SWAT,
        SAIDU,
    ]
    assert FORCE.commands(PPO, SAIDU)
    assert FORCE.commands(PostId("reader"), SAIDU)
    assert not FORCE.commands(DPO, MALAKAND)
    assert not FORCE.commands(DPO, HAZARA)


def test_what_does_not_exist_commands_nothing_and_is_commanded_by_nobody() -> None:
    assert not FORCE.commands(PostId("nobody"), SWAT)
    assert not FORCE.commands(PPO, UnitId("nowhere"))


def test_only_a_head_answers_for_a_unit() -> None:
    assert {where: head.id for where, head in FORCE.heads.items()} == {
        HQ: PPO,
        MALAKAND: RPO,
        SWAT: DPO,
    }


def test_a_well_formed_tree_has_no_faults() -> None:
    assert FORCE.faults() == []
    assert tree([]).faults() == []


def test_a_second_root_is_a_fault() -> None:
    assert tree([unit("a", None), unit("c", None), unit("b", None)]).faults() == [
        ("b", "there is already a root"),
        ("c", "there is already a root"),
    ]


HANGS = "it does not hang from the root: its line of parents ends nowhere"


def test_a_parent_that_does_not_exist_is_a_fault_of_all_below() -> None:
    assert tree([unit("hq", None), unit("a", "gone"), unit("b", "a")]).faults() == [
        ("a", HANGS),
        ("b", HANGS),
    ]


def test_a_ring_of_parents_is_a_fault_of_each() -> None:
    assert tree(
        [unit("hq", None), unit("a", "b"), unit("b", "a"), unit("c", "c")]
    ).faults() == [
        ("a", HANGS),
        ("b", HANGS),
        ("c", HANGS),
    ]


def test_the_substantive_holder_answers_for_a_post_then_acting_then_additional() -> None:
    holders = [
        (OfficerId("E"), "additional", 1),
        (OfficerId("D"), "acting", 2),
        (OfficerId("C"), "acting", 1),
        (OfficerId("B"), "acting", 1),
        (OfficerId("A"), "substantive", 9),
    ]
    assert [officer for officer, _, _ in seniority(holders)] == ["A", "B", "C", "D", "E"]
    held = Post(DPO, SWAT, {"en": "DPO"}, 19, True, seniority(holders))
    assert held.holder == "A"
    assert Post(DPO, SWAT, {"en": "DPO"}, 19, True).holder is None


def test_streams_are_named_by_thing_and_office() -> None:
    assert force_stream("kp", "hq") == "force-kp.hq"
    assert unit_stream("swat", "hq") == "unit-swat.hq"
    assert post_stream("dpo-swat", "hq") == "post-dpo-swat.hq"
    assert roll.roll_stream("swat", "hq") == "roll-swat.hq"
    assert roll.officer_stream("C-2", "hq") == "officer-C-2.hq"
    assert roll_call.stream("swat-saidu", "2020-01-15", 2, "hq") == (
        "roll_call-swat-saidu.2020-01-15.2.hq"
    )


def test_the_duty_states_are_those_that_a_fact_may_state() -> None:
    assert set(roll.DUTIES) == set(roll.Duty.__args__)  # type: ignore[attr-defined]


# --- Any tree --------------------------------------------------------------------------


@st.composite
def trees(draw: st.DrawFn) -> Tree:
    """Draw a well-formed tree of up to twelve units."""
    names = [f"u{n}" for n in range(draw(st.integers(1, 12)))]
    parents = [None, *(names[draw(st.integers(0, n - 1))] for n in range(1, len(names)))]
    order = draw(st.permutations(range(len(names))))
    return tree([unit(names[n], parents[n]) for n in order])


@each(trees())
@examples(100)
def test_above_and_below_are_each_others_reverse(force: Tree) -> None:
    assert force.faults() == []
    for one in force.units:
        below = list(force.below(one))
        assert len(below) == len(set(below))
        assert set(below) == {other for other in force.units if one in force.above(other)}


@each(trees(), st.sets(st.integers(0, 11)))
@examples(100)
def test_below_never_yields_a_unit_before_its_parent(force: Tree, tops: set[int]) -> None:
    named = [UnitId(f"u{n}") for n in sorted(tops)]
    seen: set[UnitId | None] = set()
    for one in force.below(*named):
        assert one in named or force.units[one].parent in seen
        seen.add(one)


@pytest.mark.parametrize("charge", ["substantive", "acting", "additional"])
def test_of_one_kind_of_charge_the_longest_in_it_comes_first(charge: str) -> None:
    holders = [(OfficerId("A"), charge, 2), (OfficerId("B"), charge, 1)]
    assert [officer for officer, _, _ in seniority(holders)] == ["B", "A"]
