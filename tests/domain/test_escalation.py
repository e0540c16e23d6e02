"""Escalation: who is told, at which step after the due."""

from dataclasses import replace

import pytest

from domain.escalation import Step, line, step
from domain.fact import HOUR, Micros, OfficerId, PostId, UnitId
from domain.force import Post, Tree
from tests.domain.test_force import FORCE, unit
from tests.examples import DPO, HAZARA, HQ, MALAKAND, PPO, RPO, SAIDU, SWAT

DUE = 1_000 * HOUR


def manned(*vacant: PostId) -> Tree:
    """The force with every post held by an officer of its own name, but for these."""
    posts: dict[PostId, Post] = {}
    for name, post in FORCE.posts.items():
        held = () if name in vacant else ((OfficerId(f"o-{name}"), "substantive", 0),)
        posts[name] = replace(post, holders=held)
    return Tree(FORCE.units, posts)


def told(
    tree: Tree,
    where: UnitId,
    level: int,
    *,
    after: Micros = 0,
    now: Micros = DUE,
    issuer: UnitId | None = HQ,
    dues: tuple[tuple[Micros, int], ...] = ((DUE, 3),),
) -> Step | None:
    return step(tree, where, level, after, dues, now, issuer)


def goes_to(
    tree: Tree, where: UnitId, level: int, issuer: UnitId | None = HQ
) -> tuple[str, ...]:
    found = told(tree, where, level, issuer=issuer)
    assert found is not None
    return (found.to_unit, found.to_post or "-", found.to_officer or "-", *found.passed)


def test_the_line_goes_from_the_unit_up_to_the_issuer() -> None:
    assert line(FORCE, SAIDU, HQ) == [SAIDU, SWAT, MALAKAND, HQ]
    assert line(FORCE, SAIDU, MALAKAND) == [SAIDU, SWAT, MALAKAND]
    assert line(FORCE, MALAKAND, MALAKAND) == [MALAKAND]


def test_the_line_ends_at_the_root_where_the_issuer_is_not_above() -> None:
    assert line(FORCE, HAZARA, MALAKAND) == [HAZARA, HQ]
    assert line(FORCE, SWAT, None) == [SWAT, MALAKAND, HQ]


@pytest.mark.parametrize(
    ("level", "to"),
    [
        (1, (SWAT, DPO, "o-dpo-swat")),
        (2, (MALAKAND, RPO, "o-rpo-malakand")),
        (3, (HQ, PPO, "o-ppo")),
    ],
)
def test_each_level_is_one_unit_higher(level: int, to: tuple[str, ...]) -> None:
    assert goes_to(manned(), SWAT, level) == to


def test_steps_beyond_the_issuer_tell_him_again() -> None:
    assert goes_to(manned(), SWAT, 4) == (HQ, PPO, "o-ppo")
    assert goes_to(manned(), SWAT, 3, issuer=MALAKAND) == (MALAKAND, RPO, "o-rpo-malakand")


def test_a_vacant_head_is_recorded_and_passed_at_once() -> None:
    assert goes_to(manned(DPO), SWAT, 1) == (MALAKAND, RPO, "o-rpo-malakand", DPO)
    assert goes_to(manned(DPO, RPO), SWAT, 1) == (HQ, PPO, "o-ppo", DPO, RPO)
    assert goes_to(manned(DPO, RPO), SWAT, 2) == (HQ, PPO, "o-ppo", RPO)


def test_a_unit_without_a_head_passes_the_step_on() -> None:
    assert goes_to(manned(), SAIDU, 1) == (SWAT, DPO, "o-dpo-swat")
    assert goes_to(manned(), HAZARA, 1) == (HQ, PPO, "o-ppo")


def test_where_every_desk_is_vacant_nobody_is_told_and_that_is_recorded() -> None:
    assert goes_to(manned(DPO, RPO, PPO), SWAT, 1) == (HQ, "-", "-", DPO, RPO, PPO)


def test_a_step_falls_due_at_its_very_instant() -> None:
    assert told(manned(), SWAT, 1, now=DUE - 1) is None
    assert told(manned(), SWAT, 1, now=DUE) is not None
    assert told(manned(), SWAT, 2, after=HOUR, now=DUE + HOUR - 1) is None
    assert told(manned(), SWAT, 2, after=HOUR, now=DUE + HOUR) is not None


def test_only_those_who_are_that_far_overdue_are_told_of() -> None:
    dues = ((DUE - HOUR, 2), (DUE, 3), (DUE + 1, 5))
    found = told(manned(), SWAT, 1, dues=dues)
    assert found == Step(1, 5, DUE - HOUR, SWAT, DPO, OfficerId("o-dpo-swat"), ())
    found = told(manned(), SWAT, 1, after=HOUR, dues=dues)
    assert found == Step(1, 2, DUE - HOUR, SWAT, DPO, OfficerId("o-dpo-swat"), ())


def test_where_nobody_is_overdue_nobody_is_told() -> None:
    assert told(manned(), SWAT, 1, dues=()) is None


def test_an_additional_charge_is_a_held_desk() -> None:
    tree = manned(DPO)
    beside = replace(tree.posts[DPO], holders=((OfficerId("beside"), "additional", 0),))
    tree = Tree({**tree.units, UnitId("x"): unit("x", "swat")}, {**tree.posts, DPO: beside})
    assert goes_to(tree, UnitId("x"), 1) == (SWAT, DPO, "beside")
