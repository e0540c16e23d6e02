"""Whom a directive binds."""

import pytest

from domain.directive import Population
from domain.fact import OfficerId, PostId, UnitId
from domain.force import Post, Tree
from domain.population import eligible, matches, said, spared
from domain.roll import DUTIES
from tests.domain.test_force import FORCE
from tests.examples import DPO, HAZARA, HQ, MALAKAND, SAIDU, SWAT


def test_what_is_left_out_limits_nothing() -> None:
    assert all(matches(Population(), rank, duty) for rank in range(1, 23) for duty in DUTIES)


@pytest.mark.parametrize(
    ("said", "ranks"),
    [
        ({"rank_from": 5}, range(5, 23)),
        ({"rank_to": 21}, range(1, 22)),
        ({"rank_from": 5, "rank_to": 7}, range(5, 8)),
        ({"rank_from": 7, "rank_to": 7}, [7]),
        ({"rank_from": 8, "rank_to": 7}, []),
    ],
)
def test_ranks_are_inclusive(said: dict[str, int], ranks: range | list[int]) -> None:
    population = Population(**said)  # type: ignore[arg-type]  # ranks
    found = [rank for rank in range(1, 23) if matches(population, rank, "on_duty")]
    assert found == list(ranks)


def test_only_the_named_duty_states_are_meant() -> None:
    population = Population(duty=("leave", "lines"))
    assert [duty for duty in DUTIES if matches(population, 7, duty)] == ["leave", "lines"]
    assert not any(matches(Population(duty=()), 7, duty) for duty in DUTIES)


def test_a_unit_that_is_left_out_takes_all_below_it_along() -> None:
    population = Population(except_units=(SWAT,))
    assert list(eligible(population, FORCE, FORCE.units)) == [HAZARA, HQ, MALAKAND]
    assert list(eligible(population, FORCE, [SAIDU])) == []


def test_units_come_once_and_in_the_order_of_their_ids() -> None:
    assert list(eligible(Population(), FORCE, [SWAT, HQ, SWAT])) == [HQ, SWAT]
    assert list(eligible(Population(except_units=(UnitId("gone"),)), FORCE, [HQ])) == [HQ]


def test_whoever_holds_an_excepted_post_is_spared_in_any_charge() -> None:
    held = Post(
        DPO,
        SWAT,
        {"en": "DPO"},
        19,
        True,
        (
            (OfficerId("A"), "substantive", 0),
            (OfficerId("B"), "acting", 0),
            (OfficerId("C"), "additional", 0),
        ),
    )
    tree = Tree(FORCE.units, {DPO: held})
    gone = PostId("gone")
    assert spared(Population(except_posts=(DPO, gone)), tree) == {"A", "B", "C"}
    assert spared(Population(except_posts=(gone,)), tree) == frozenset()
    assert spared(Population(), tree) == frozenset()


def test_a_population_is_said_in_words() -> None:
    assert said(Population()) == "every rank"
    assert said(Population(rank_from=5, duty=tuple(DUTIES))) == "BPS-5 and above"
    assert said(Population(rank_to=21, duty=("on_duty", "osd"))) == (
        "up to BPS-21; only who is on duty or awaiting a posting"
    )
    assert said(
        Population(
            rank_from=5, rank_to=21, except_units=(UnitId("ctd"),), except_posts=(PostId("ppo"),)
        )
    ) == "BPS-5 to BPS-21; not ctd and what lies below; not who holds ppo"  # fmt: skip
