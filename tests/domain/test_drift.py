"""A relay's text against its order: what is looser, stricter, or only worded otherwise."""

from typing import Any

import pytest
from hypothesis import given as each
from hypothesis import strategies as st

from domain.deadline import Due
from domain.directive import Clause, ClauseKind, Order, Population, Terms
from domain.drift import Difference, clauses, compare, must_not_relax
from domain.errors import Refused
from domain.fact import ClauseId, PostId, UnitId
from tests.spec import examples

DAY = 86_400
QUIT, WORK, BAN = ClauseId("quit"), ClauseId("work"), ClauseId("ban")


def clause(name: str, kind: ClauseKind, **said: Any) -> Clause:
    words: dict[str, Any] = {"text": {"en": f"The {kind} {name}."}} | said
    return Clause(id=ClauseId(name), kind=kind, **words)


ACT = clause(
    "quit", "required_act", due=Due(clock="receipt", within=3 * DAY), escalate=(0, DAY)
)
STAYS = clause("work", "exception", of=(QUIT,), open=False)
NO_POSTS = clause("ban", "prohibition")


def order(*said: Clause, **more: Any) -> Order:
    whom: dict[str, Any] = {
        "population": Population(rank_from=5, rank_to=21),
        "standing": True,
    } | more
    return Order(
        issuer=PostId("ppo"),
        precedence="immediate",
        forward="automatic",
        addressees=(UnitId("hq"),),
        terms=Terms(subject={"en": "Leave the groups"}, clauses=said),
        **whom,
    )


def differs(before: Clause, after: Clause) -> list[tuple[str, str]]:
    return [(one.field, one.kind) for one in compare(order(before), order(after))]


def changed(before: Clause, **said: Any) -> list[tuple[str, str]]:
    return differs(before, before.model_copy(update=said))


def test_the_same_text_does_not_differ() -> None:
    assert compare(order(ACT, STAYS, NO_POSTS), order(ACT, STAYS, NO_POSTS)) == []


def test_an_exception_that_the_order_does_not_have_relaxes_it() -> None:
    family = clause("family", "exception", of=(QUIT,), open=True, text={"en": "Family stays."})
    assert compare(order(ACT, STAYS), order(ACT, STAYS, family)) == [
        Difference(clause=family.id, field="clause", kind="looser", relay="Family stays.")
    ]


def test_an_exception_to_a_clause_of_its_own_relaxes_nothing() -> None:
    own = clause("remove", "required_act")
    spared = clause("spared", "exception", of=(own.id,))
    found = compare(order(ACT), order(ACT, own, spared))
    assert [one.kind for one in found] == ["stricter", "stricter"]


@pytest.mark.parametrize(
    "kind", ["required_act", "prohibition", "delegation", "return_due", "consequence"]
)
def test_leaving_out_what_binds_relaxes_and_adding_it_tightens(kind: ClauseKind) -> None:
    one = clause("more", kind)
    assert [d.kind for d in compare(order(ACT, one), order(ACT))] == ["looser"]
    assert [d.kind for d in compare(order(ACT), order(ACT, one))] == ["stricter"]


def test_leaving_out_what_is_allowed_tightens() -> None:
    assert [d.kind for d in compare(order(ACT, STAYS), order(ACT))] == ["stricter"]


def test_a_later_deadline_relaxes_and_an_earlier_one_tightens() -> None:
    assert changed(ACT, due=Due(clock="receipt", within=4 * DAY)) == [("due", "looser")]
    assert changed(ACT, due=Due(clock="receipt", within=2 * DAY)) == [("due", "stricter")]
    assert changed(ACT, due=None) == [("due", "looser")]
    assert differs(ACT.model_copy(update={"due": None}), ACT) == [("due", "stricter")]


def test_a_deadline_by_another_clock_cannot_pass_for_earlier() -> None:
    assert changed(ACT, due=Due(clock="service", within=DAY)) == [("due", "looser")]


def test_fewer_or_later_steps_of_escalation_relax() -> None:
    assert changed(ACT, escalate=(0,)) == [("escalate", "looser")]
    assert changed(ACT, escalate=(0, 2 * DAY)) == [("escalate", "looser")]
    assert changed(ACT, escalate=(0, DAY, 2 * DAY)) == [("escalate", "stricter")]


def test_opening_a_closed_list_relaxes() -> None:
    assert changed(STAYS, open=True) == [("open", "looser")]
    assert differs(STAYS.model_copy(update={"open": True}), STAYS) == [("open", "stricter")]


def test_allowing_leave_of_what_is_absolute_relaxes() -> None:
    assert changed(NO_POSTS, more={"unless_permitted": True}) == [
        ("unless_permitted", "looser")
    ]


def test_more_posts_that_may_relax_and_fewer_tighten() -> None:
    may = clause("run", "delegation", more={"posts": ("a", "b")})
    assert changed(may, more={"posts": ("a", "b", "c")}) == [("posts", "looser")]
    assert changed(may, more={"posts": ("a",)}) == [("posts", "stricter")]


def test_fewer_who_owe_a_return_relax() -> None:
    owed = clause("report", "return_due", more={"from_kinds": ("region", "district")})
    assert changed(owed, more={"from_kinds": ("region",)}) == [("from_kinds", "looser")]


def test_other_words_are_told_and_relax_nothing() -> None:
    assert changed(ACT, text={"en": "Leave them."}) == [("text en", "reworded")]


def test_binding_fewer_relaxes_and_binding_more_tightens() -> None:
    def people(**said: Any) -> list[tuple[str, str]]:
        found = compare(order(ACT), order(ACT, **said))
        return [(one.field, one.kind) for one in found]

    assert people(population=Population(rank_from=5, rank_to=16)) == [("rank", "looser")]
    assert people(population=Population(rank_from=1, rank_to=22)) == [("rank", "stricter")]
    duty = Population(rank_from=5, rank_to=21, duty=("on_duty",))
    assert people(population=duty) == [("duty", "looser")]
    spared = Population(rank_from=5, rank_to=21, except_units=(UnitId("swat"),))
    assert people(population=spared) == [("except_units", "looser")]
    assert people(standing=False) == [("standing", "looser")]


def test_a_relaxation_is_refused_with_both_wordings() -> None:
    later = ACT.model_copy(update={"due": Due(clock="receipt", within=7 * DAY)})
    with pytest.raises(Refused) as no:
        must_not_relax("2737/IAB", compare(order(ACT), order(later)))
    assert no.value.reason == (
        "A relay may tighten and never relax 2737/IAB: 'quit', due: the order has “within 3 "
        "days of the receipt”, the text “within 7 days of the receipt”."
    )


def test_a_lower_office_reissues_and_may_add_but_never_relax() -> None:
    """What a reissue leaves out stays in force with the order it repeats."""
    mine = clause("remove", "required_act", due=Due(clock="service", within=7 * DAY))
    assert [
        d.kind for d in clauses(order(ACT, STAYS).terms, order(mine).terms, whole=False)
    ] == ["stricter"]
    later = ACT.model_copy(update={"due": Due(clock="receipt", within=7 * DAY)})
    found = clauses(order(ACT, STAYS).terms, order(later, mine).terms, whole=False)
    with pytest.raises(Refused, match="A lower office may add to an order and never relax"):
        must_not_relax("1/2024", found, "A lower office may add to an order and")


DUES = st.none() | st.builds(
    Due, clock=st.sampled_from(["receipt", "service"]), within=st.sampled_from([DAY, 2 * DAY])
)
TEXTS = st.builds(
    lambda due, steps, opened, posts: order(
        ACT.model_copy(update={"due": due, "escalate": steps}),
        STAYS.model_copy(update={"open": opened}),
        clause("run", "delegation", more={"posts": posts}),
    ),
    DUES,
    st.sampled_from([(), (0,), (0, DAY)]),
    st.booleans(),
    st.sampled_from([("a",), ("a", "b"), ("b",)]),
)


@each(TEXTS, TEXTS)
@examples(150)
def test_what_is_stricter_one_way_is_looser_the_other_way(one: Order, other: Order) -> None:
    there = {d.field: d.kind for d in compare(one, other)}
    back = {d.field: d.kind for d in compare(other, one)}
    assert there.keys() == back.keys()
    for field, kind in there.items():
        if kind == "stricter":
            assert back[field] == "looser"


@each(TEXTS, TEXTS, TEXTS)
@examples(150)
def test_a_relay_of_a_relay_that_relaxes_nothing_relaxes_nothing(
    order_: Order, first: Order, second: Order
) -> None:
    def relaxes(before: Order, after: Order) -> bool:
        return any(one.kind == "looser" for one in compare(before, after))

    if not relaxes(order_, first) and not relaxes(first, second):
        assert not relaxes(order_, second)
