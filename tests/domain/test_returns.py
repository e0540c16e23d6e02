"""A return: who owes it by when, what may be certified, and what speaks against it later."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from domain import relay
from domain.authority import Authority
from domain.deadline import Due
from domain.directive import Amended, Clause, Directive, Issued, Order, Terms, Withdrawn, evolve
from domain.fact import ClauseId, DirectiveId, PostId, UnitId, micros
from domain.force import Post, Tree, Unit
from domain.relay import Relay
from domain.returns import (
    RETURNS,
    Contradict,
    Escalate,
    Given,
    Numbers,
    Owed,
    ReturnContradicted,
    ReturnEscalated,
    ReturnSubmitted,
    Submit,
    answers,
    chosen,
    commands,
    lapsed,
    owed,
    reached,
    start,
    state,
)
from tests.examples import (
    DPO,
    HAZARA,
    HQ,
    KARVANDI,
    MALAKAND,
    NINE,
    ORDER_TEXT,
    PIRZARI,
    PPO,
    QUIT,
    REPORT,
    RPO,
    SAIDU,
    SWAT,
    about,
)
from tests.spec import given

NAME = "hq-2020-1"
READER = PostId("reader")
STREAM = f"relay-{NAME}.swat.hq"


def later(hours: float) -> datetime:
    return NINE + timedelta(hours=hours)


def at(hours: float) -> int:
    return micros(later(hours))


# --- What may be certified ---------------------------------------------------------------


def submitted(
    claimed: int, hours: float = 1, *, left: int = 0, exempt: int = 0, unserved: int = 0
) -> ReturnSubmitted:
    """Of ten officers, all have complied but those left, exempt or not served."""
    return ReturnSubmitted(
        **about("post:dpo-swat", "desk", later(hours)),
        clause=REPORT,
        by=DPO,
        authority=Authority(post=DPO, unit=SWAT),
        version=1,
        text=ORDER_TEXT,
        claimed=claimed,
        known=10 - left - exempt - unserved,
        population=10,
        open=left,
        exempt=exempt,
        unserved=unserved,
        full=claimed >= 10 - exempt,
    )


def submit(
    fact: ReturnSubmitted, received: float | None = 0, *, contradicted: bool = False
) -> Submit:
    here = None if received is None else at(received)
    return Submit(fact, NAME, SWAT, here, contradicted)


def test_a_return_states_what_is_claimed_beside_what_is_known() -> None:
    fact = submitted(8, left=3)
    assert (fact.claimed, fact.known) == (8, 7)
    given(RETURNS).when(submit(fact)).then(fact)


def test_full_compliance_is_refused_while_one_is_open_under_the_unit() -> None:
    given(RETURNS).when(submit(submitted(10, left=1))).then_refused(
        "Full compliance cannot be certified with officers open under the unit: of 10 bound, "
        "1 is open; `farman officers hq-2020-1 --unit swat --state open` lists them."
    )


def test_full_compliance_is_refused_while_somebody_is_not_served() -> None:
    given(RETURNS).when(submit(submitted(10, unserved=2))).then_refused(
        "Full compliance cannot be certified with officers open under the unit: of 10 bound, "
        "2 are not served; `farman officers hq-2020-1 --unit swat --state unserved` lists them."
    )


def test_counting_the_exempt_among_the_complied_makes_no_way_round_that() -> None:
    for claimed in (8, 9, 10):
        outcome = given(RETURNS).when(submit(submitted(claimed, left=1, exempt=2)))
        assert outcome.refused is not None, claimed
    fact = submitted(7, left=1, exempt=2)
    given(RETURNS).when(submit(fact)).then(fact)


def test_full_compliance_leaves_the_exempt_out() -> None:
    fact = submitted(8, exempt=2)
    assert fact.full
    given(RETURNS).when(submit(fact)).then(fact)


@pytest.mark.parametrize("claimed", [-1, 11])
def test_no_more_can_be_claimed_than_are_bound(claimed: int) -> None:
    given(RETURNS).when(submit(submitted(claimed))).then_refused(
        f"10 officers are bound under this unit at that instant; {claimed} cannot have complied."
    )


def test_a_unit_that_has_not_received_the_directive_certifies_nothing() -> None:
    given(RETURNS).when(submit(submitted(3), None)).then_refused(
        "This unit has not received the directive."
    )
    given(RETURNS).when(submit(submitted(3, 1), 2)).then_refused(
        "A unit cannot certify anything before its receipt at 2020-01-15T06:00:00+00:00."
    )


def test_the_same_numbers_again_change_nothing() -> None:
    given(RETURNS, submitted(10)).when(submit(submitted(10, 5))).then()


def test_the_same_return_again_changes_nothing_whatever_is_known_by_now() -> None:
    given(RETURNS, submitted(10)).when(submit(submitted(10, left=2))).then()
    given(RETURNS, submitted(7, left=3)).when(submit(submitted(7, left=1))).then()


def test_other_numbers_make_a_new_return() -> None:
    more, known = submitted(8, 2, left=3), submitted(7, 2, left=2)
    given(RETURNS, submitted(7, left=3)).when(submit(more)).then(more)
    given(RETURNS, submitted(7, left=3)).when(submit(known)).then(known)


def test_a_contradicted_return_may_be_given_again_with_the_same_numbers() -> None:
    again = submitted(10, 5)
    given(RETURNS, submitted(10)).when(submit(again, contradicted=True)).then(again)


def test_a_late_paper_return_finds_its_place_before_those_entered_earlier() -> None:
    paper = submitted(5, 1, left=5)
    given(RETURNS, submitted(10, 9)).when(submit(paper)).then(paper)


# --- What speaks against it --------------------------------------------------------------


def contradicted(hours: float = 2, **said: Any) -> ReturnContradicted:
    whole: dict[str, Any] = {
        "clause": REPORT,
        "stream": STREAM,
        "version": 5,
        "evidence": "Found in a group.",
        "claimed": 10,
        "known": 10,
    }
    return ReturnContradicted(**about(at=later(hours)), **whole | said)


def test_a_return_is_contradicted_once_for_each_officer() -> None:
    first = contradicted(officer=KARVANDI)
    again = contradicted(3, officer=KARVANDI, evidence="And in another.")
    other = contradicted(officer=PIRZARI)
    given(RETURNS).when(Contradict(first, at(1))).then(first)
    given(RETURNS, first).when(Contradict(again, at(1))).then()
    given(RETURNS, first).when(Contradict(other, at(1))).then(other)


def test_what_follows_by_rule_contradicts_a_return_once() -> None:
    first, more = contradicted(), contradicted(3, evidence="3 officers under it were open.")
    given(RETURNS, first).when(Contradict(more, at(1))).then()
    next_ = contradicted(3, version=9)
    given(RETURNS, first).when(Contradict(next_, at(1))).then(next_)


def test_evidence_about_nobody_is_one_with_the_same_words_again() -> None:
    by = Authority(post=RPO, unit=MALAKAND)
    first = contradicted(by=RPO, authority=by)
    given(RETURNS, first).when(Contradict(contradicted(4, by=RPO, authority=by), at(1))).then()
    other = contradicted(by=RPO, authority=by, evidence="The register was empty.")
    given(RETURNS, first).when(Contradict(other, at(1))).then(other)


def test_nothing_contradicts_a_return_before_it_was_given() -> None:
    given(RETURNS).when(Contradict(contradicted(0.5), at(1))).then_refused(
        "The return was given later, at 2020-01-15T05:00:00+00:00: nothing could contradict it "
        "before."
    )


def test_a_step_is_told_once_for_each_unit_clause_and_level() -> None:
    one = ReturnEscalated(**about(), clause=REPORT, level=1, due=NINE.isoformat(), to_unit=HQ)
    two = one.model_copy(update={"level": 2})
    given(RETURNS).when(Escalate(one)).then(one)
    given(RETURNS, one).when(Escalate(one)).then()
    given(RETURNS, one).when(Escalate(two)).then(two)


def test_the_relays_own_story_turns_on_no_return() -> None:
    received = relay.Received(**about(), sender=HQ)
    history: Any = (received, submitted(3), contradicted())
    assert relay.RELAY.fold(history) == relay.RELAY.fold([received])


# --- Who owes it by when -----------------------------------------------------------------


def tree(*, vacant: bool = False) -> Tree:
    units = {
        unit: Unit(unit, kind, {"en": unit}, above)
        for unit, kind, above in (
            (HQ, "hq", None),
            (MALAKAND, "region", HQ),
            (SWAT, "district", MALAKAND),
            (SAIDU, "station", SWAT),
            (HAZARA, "region", HQ),
        )
    }
    held = () if vacant else ((KARVANDI, "substantive", 0),)
    posts = {
        post: Post(post, unit, {"en": post}, None, head, held)
        for post, unit, head in (
            (PPO, HQ, True),
            (RPO, MALAKAND, True),
            (READER, MALAKAND, False),
            (DPO, SWAT, True),
        )
    }
    return Tree(units, posts)


def report(
    *kinds: str, posts: tuple[str, ...] = (), name: ClauseId = REPORT, **due: Any
) -> Clause:
    due = due or {"clock": "receipt", "within": 7 * 86_400}
    more: dict[str, Any] = {"from_kinds": kinds} if kinds else {}
    if posts:
        more["posts"] = posts
    return Clause(id=name, kind="return_due", text={}, due=Due(**due), more=more)


def issued(*clauses: Clause, to: tuple[UnitId, ...] = (HQ,)) -> Directive:
    act = Clause(id=QUIT, kind="required_act", text={})
    fact = Issued(
        **about(),
        directive=DirectiveId(NAME),
        serial=1,
        year=2020,
        number="1/2020",
        unit=HQ,
        order=Order(
            issuer=PPO,
            precedence="immediate",
            forward="automatic",
            addressees=to,
            terms=Terms(subject={"en": "Leave them"}, clauses=(act, *clauses)),
        ),
        scope=tuple(sorted(tree().below(*to))),
        text=ORDER_TEXT,
    )
    return evolve(Directive(), fact)


def amended(directive: Directive, hours: float, *clauses: Clause) -> Directive:
    terms = Terms(subject={"en": "Leave them"}, clauses=clauses)
    fact = Amended(
        **about(at=later(hours)), version=2, material=True, terms=terms, text=ORDER_TEXT
    )
    return evolve(directive, fact)


def received(*units: UnitId, hours: float = 0) -> dict[UnitId, Relay]:
    return {unit: Relay(received_at=at(hours)) for unit in units}


WEEK = 7 * 24
EVERYWHERE = received(HQ, MALAKAND, SWAT, SAIDU, HAZARA)


def dues(found: list[Owed]) -> dict[tuple[UnitId, PostId | None], int]:
    return {(item.unit, item.named): item.due for item in found}


def test_heads_of_the_kinds_named_owe_it_on_two_levels_at_once() -> None:
    found = owed(issued(report("region", "district")), tree(), EVERYWHERE, at(0))
    assert dues(found) == dict.fromkeys(
        [(HAZARA, None), (MALAKAND, None), (SWAT, None)], at(WEEK)
    )
    posts = {item.unit: item.post(tree()) for item in found}
    assert {unit: post and post.id for unit, post in posts.items()} == {
        HAZARA: None,  # it has no head, and owes it all the same
        MALAKAND: RPO,
        SWAT: DPO,
    }


def test_only_units_within_the_scope_owe_it() -> None:
    found = owed(issued(report("region", "hq"), to=(MALAKAND,)), tree(), EVERYWHERE, at(0))
    assert (HQ, None) not in dues(found)
    assert (MALAKAND, None) in dues(found)


def test_a_post_named_owes_it_for_its_own_unit() -> None:
    directive = issued(report(posts=(READER, DPO)))
    assert dues(owed(directive, tree(), EVERYWHERE, at(0))) == {
        (MALAKAND, READER): at(WEEK),
        (SWAT, DPO): at(WEEK),
    }


def test_a_head_who_is_named_too_owes_it_once() -> None:
    directive = issued(report("district", posts=(DPO, READER)))
    assert list(dues(owed(directive, tree(), EVERYWHERE, at(0)))) == [
        (SWAT, None),
        (MALAKAND, READER),
    ]


def test_by_the_clock_of_receipt_a_unit_without_it_owes_nothing_yet() -> None:
    directive = issued(report("region"))
    relays = received(HQ) | received(MALAKAND, hours=5)
    assert dues(owed(directive, tree(), relays, at(6))) == {(MALAKAND, None): at(WEEK + 5)}


def test_by_the_clock_of_issue_or_an_instant_it_is_owed_from_the_issue_on() -> None:
    by_issue = issued(report("region", clock="issue", within=3600))
    by_instant = issued(report("region", at=later(30)))
    assert dues(owed(by_issue, tree(), {}, at(0))) == dict.fromkeys(
        [(HAZARA, None), (MALAKAND, None)], at(1)
    )
    assert set(dues(owed(by_instant, tree(), {}, at(0))).values()) == {at(30)}
    assert owed(by_issue, tree(), {}, at(-1)) == []


def test_a_material_amendment_asks_anew_and_starts_the_clock() -> None:
    directive = amended(issued(report("district")), 48, report("district"))
    first, second = owed(directive, tree(), EVERYWHERE, at(50))
    assert (first.version, first.due, first.until) == (1, at(WEEK), at(48))
    assert (second.version, second.due) == (2, at(WEEK + 48))
    assert [item.version for item in owed(directive, tree(), EVERYWHERE, at(47))] == [1]


def test_what_was_not_due_when_it_was_asked_anew_is_owed_no_more() -> None:
    directive = amended(issued(report("district")), 48, report("district"))
    first, second = owed(directive, tree(), EVERYWHERE, at(50))
    assert lapsed(first, [])
    assert not lapsed(first, [GIVEN])
    assert not lapsed(second, [])
    short = amended(
        issued(report("district", clock="issue", within=3600)), 48, report("district")
    )
    assert not lapsed(owed(short, tree(), EVERYWHERE, at(50))[0], [])


def test_with_the_directives_end_what_was_not_due_is_owed_no_more() -> None:
    fact = Withdrawn(**about(at=later(3)), reason="Issued in error.")
    directive = evolve(issued(report("district")), fact)
    (item,) = owed(directive, tree(), EVERYWHERE, at(4))
    assert lapsed(item, [])


ITEM = Owed(REPORT, SWAT, None, at(10), 1, at(99))
GIVEN = Given(at(9), 10, 10, True, 1, Numbers(10, 10, 0, 0, 0))


def test_a_return_answers_the_wording_that_was_in_force() -> None:
    assert answers(ITEM, GIVEN, None)
    assert answers(ITEM, replace(GIVEN, version=2), 3)
    assert not answers(ITEM, replace(GIVEN, version=3), 3)
    assert not answers(replace(ITEM, version=2), GIVEN, None)


def test_how_it_stands_turns_on_the_first_return_and_on_what_contradicts_the_latest() -> None:
    late = replace(GIVEN, at=at(12))
    assert state(ITEM, [], at(9), contradicted=False) == "owed"
    assert state(ITEM, [], at(10), contradicted=False) == "overdue"
    assert state(ITEM, [late], at(13), contradicted=False) == "late"
    assert state(ITEM, [late, GIVEN], at(13), contradicted=False) == "submitted"
    assert state(ITEM, [GIVEN], at(13), contradicted=True) == "contradicted"


def test_the_post_that_owes_it_submits_it_or_one_that_commands_it() -> None:
    head = Owed(REPORT, MALAKAND, None, at(10), 1, at(99))
    reader = replace(head, named=READER)
    assert chosen([head], RPO, tree()) == head
    assert chosen([head], PPO, tree()) == head
    assert chosen([head], READER, tree()) is None
    assert chosen([head], DPO, tree()) is None
    assert chosen([head, reader], READER, tree()) == reader
    assert chosen([reader], RPO, tree()) == reader


def test_a_head_commands_its_unit_but_does_not_stand_above_it() -> None:
    assert commands(tree(), RPO, MALAKAND)
    assert not commands(tree(), RPO, MALAKAND, above=True)
    assert commands(tree(), RPO, SAIDU, above=True)
    assert not commands(tree(), READER, MALAKAND)


def test_the_desk_above_the_one_that_owes_it_is_told_first() -> None:
    assert start(tree(), ITEM, HQ) == MALAKAND
    assert start(tree(), replace(ITEM, unit=MALAKAND, named=READER), HQ) == MALAKAND
    assert start(tree(), replace(ITEM, unit=HQ), HQ) == HQ
    assert start(tree(), replace(ITEM, unit=HAZARA), HQ) == HQ


def test_the_steps_are_those_of_the_clause_and_else_one_at_the_due() -> None:
    assert reached(ITEM, at(9)) == []
    assert reached(ITEM, at(10)) == [(1, 0)]
    two = replace(ITEM, escalate=(3600, 7200))
    assert reached(two, at(10)) == []
    assert reached(two, at(12)) == [(1, 3600), (2, 7200)]
