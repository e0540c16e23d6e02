"""A service: what an officer answers, and what may be said of him."""

from itertools import permutations
from typing import Any

import pytest
from hypothesis import given as each
from hypothesis import strategies as st

from domain.errors import Refused
from domain.fact import AHEAD, HOUR, SECOND, ClauseId, Micros, micros
from domain.service import (
    LEVEL,
    Give,
    Plead,
    Service,
    answered,
    decide_plea,
    improves,
    stream,
)
from domain.standing import acts_of, last_of
from tests.examples import CERTIFY, NINE, QUIT
from tests.spec import examples

ISSUED = micros(NINE)
SERVED = ISSUED + HOUR
NOON = ISSUED + 3 * HOUR
NOW = ISSUED + 9 * HOUR


def served(**said: Any) -> Service:
    return Service(**{"served_at": SERVED} | said)


SERVICE = served()


def give(kind: str, at: Micros = NOON, clause: ClauseId | None = None, **said: Any) -> Give:
    told: dict[str, Any] = {
        "kind": kind,
        "at": at,
        "now": NOW,
        "issued_at": ISSUED,
        "ended_at": None,
        "required": (QUIT,),
        "clause": clause,
    }
    return Give(**told | said)


def plead(kind: Any, at: Micros = NOON, clause: ClauseId | None = None, **said: Any) -> Plead:
    return Plead(
        **{
            "kind": kind,
            "at": at,
            "now": NOW,
            "issued_at": ISSUED,
            "ended_at": None,
            "clause": clause,
        }
        | said
    )


def after(*answers: Give, state: Service = SERVICE) -> Service:
    """How he stands after these answers, each recorded only if it says something new."""
    for answer in answers:
        if improves(answer, state):
            state = answered(state, answer.kind, answer.at, answer.clause)
    return state


def decided(command: Give | Plead, state: Service = SERVICE) -> bool:
    return (
        improves(command, state) if isinstance(command, Give) else decide_plea(command, state)
    )


def refusal(command: Give | Plead, state: Service = SERVICE) -> str:
    with pytest.raises(Refused) as no:
        decided(command, state)
    return no.value.reason


# --- Answering -------------------------------------------------------------------------


@pytest.mark.parametrize("kind", LEVEL)
def test_a_first_answer_is_new_and_its_repeat_is_not(kind: str) -> None:
    assert improves(give(kind), SERVICE)
    assert not improves(give(kind), after(give(kind)))
    assert not improves(give(kind, NOON + 1), after(give(kind)))


@pytest.mark.parametrize("kind", LEVEL)
def test_an_earlier_answer_that_arrives_late_is_a_change(kind: str) -> None:
    assert improves(give(kind, NOON - 1), after(give(kind)))
    state = after(give(kind), give(kind, NOON - 1))
    assert state.read_at == NOON - 1


def test_an_answer_implies_the_lower_ones_at_its_own_instant() -> None:
    assert after(give("read")) == served(read_at=NOON)
    assert after(give("acknowledged")) == served(read_at=NOON, acknowledged_at=NOON)
    assert after(give("complied")) == served(
        read_at=NOON, acknowledged_at=NOON, acts={None: NOON}
    )
    assert not improves(give("read"), after(give("acknowledged")))
    assert not improves(give("acknowledged"), after(give("complied")))


def test_a_higher_answer_later_than_a_lower_one_is_new() -> None:
    state = after(
        give("read", NOON), give("acknowledged", NOON + 1), give("complied", NOON + 2)
    )
    assert (state.read_at, state.acknowledged_at, state.acts) == (
        NOON,
        NOON + 1,
        {None: NOON + 2},
    )


def test_a_late_compliance_that_only_moves_the_acknowledgement_is_a_change() -> None:
    state = after(
        give("complied", NOON, QUIT), give("complied", NOON - 2, CERTIFY, required=BOTH)
    )
    assert state.acknowledged_at == NOON - 2
    assert state.acts == {QUIT: NOON, CERTIFY: NOON - 2}


def test_nothing_but_the_answer_is_touched() -> None:
    pleaded = served(contested=True, exempt=frozenset({QUIT}), left_at=NOW)
    state = after(give("complied"), state=pleaded)
    assert (state.contested, state.exempt, state.left_at) == (True, frozenset({QUIT}), NOW)


# --- Acts ------------------------------------------------------------------------------

BOTH = (QUIT, CERTIFY)


def test_complied_naming_no_clause_answers_every_act() -> None:
    state = after(give("complied", required=BOTH))
    assert acts_of(BOTH, state.acts) == (NOON, NOON)
    assert not improves(give("complied", NOON, QUIT, required=BOTH), state)
    assert not improves(give("complied", NOON, CERTIFY, required=BOTH), state)


def test_complied_with_each_act_is_complied_with_all_when_the_last_one_is_done() -> None:
    state = after(give("complied", NOON, QUIT, required=BOTH))
    assert last_of(acts_of(BOTH, state.acts)) is None
    assert improves(give("complied", NOON + 5, CERTIFY, required=BOTH), state)
    state = after(give("complied", NOON + 5, CERTIFY, required=BOTH), state=state)
    assert last_of(acts_of(BOTH, state.acts)) == NOON + 5
    assert not improves(give("complied", NOON + 9, required=BOTH), state)
    assert improves(give("complied", NOON + 4, required=BOTH), state)


def test_of_an_act_and_of_all_the_earlier_answer_counts() -> None:
    state = after(
        give("complied", NOON, required=BOTH), give("complied", NOON - 3, QUIT, required=BOTH)
    )
    assert acts_of(BOTH, state.acts) == (NOON - 3, NOON)
    state = after(give("complied", NOON - 9, required=BOTH), state=state)
    assert acts_of(BOTH, state.acts) == (NOON - 9, NOON - 9)


def test_complied_is_refused_where_no_act_is_required() -> None:
    assert refusal(give("complied", required=())) == (
        "This directive requires no act that one could comply with."
    )


def test_complied_is_refused_for_what_is_no_act() -> None:
    assert refusal(give("complied", NOON, ClauseId("salute"), required=BOTH)) == (
        "'salute' is not a required act of this directive; its acts are quit, certify."
    )


# --- What cannot be true ---------------------------------------------------------------

KINDS = [*((give, kind) for kind in LEVEL), (plead, "contest"), (plead, "exempt")]


@pytest.mark.parametrize(("say", "kind"), KINDS)
def test_an_officer_who_was_not_served_says_nothing(say: Any, kind: str) -> None:
    assert refusal(say(kind), Service()) == "The officer has not been served this directive."


@pytest.mark.parametrize(("say", "kind"), KINDS)
def test_nothing_is_said_before_the_service(say: Any, kind: str) -> None:
    assert refusal(say(kind, SERVED - 1)) == (
        "The instant lies before the officer was served at 2020-01-15T05:00:00+00:00."
    )
    assert decided(say(kind, SERVED))


@pytest.mark.parametrize(("say", "kind"), KINDS)
def test_nothing_is_said_before_the_issue(say: Any, kind: str) -> None:
    early = Service(served_at=ISSUED)
    assert refusal(say(kind, ISSUED - 1), early) == (
        "The instant lies before the directive was issued."
    )
    assert decided(say(kind, ISSUED), early)


@pytest.mark.parametrize(("say", "kind"), KINDS)
def test_nothing_is_said_more_than_five_minutes_after_the_clock(say: Any, kind: str) -> None:
    assert AHEAD == 5 * 60 * SECOND
    assert refusal(say(kind, NOW + AHEAD + 1)) == (
        "The instant lies more than five minutes after the clock."
    )
    assert decided(say(kind, NOW + AHEAD))


@pytest.mark.parametrize(("say", "kind"), KINDS)
def test_nothing_is_said_of_an_officer_after_he_left(say: Any, kind: str) -> None:
    left = served(left_at=NOON)
    assert refusal(say(kind, NOON), left) == "The officer had left the force by then."
    assert decided(say(kind, NOON - 1), left)


@pytest.mark.parametrize(("say", "kind"), KINDS)
def test_nothing_is_said_after_the_directive_ended(say: Any, kind: str) -> None:
    assert refusal(say(kind, NOON, ended_at=NOON)) == (
        "The directive was no longer in force at that instant."
    )
    assert decided(say(kind, NOON - 1, ended_at=NOON))


# --- Contests and exemptions -----------------------------------------------------------


def test_an_officer_contests_until_it_is_decided() -> None:
    assert decide_plea(plead("contest"), SERVICE)
    contested = served(contested=True)
    assert not decide_plea(plead("contest"), contested)
    assert decide_plea(plead("decide"), contested)


def test_a_contest_stops_no_answer() -> None:
    assert improves(give("complied"), served(contested=True))


def test_only_an_open_contest_is_decided() -> None:
    assert refusal(plead("decide")) == "There is no undecided contest of this officer."


def test_an_exemption_from_what_one_is_free_of_changes_nothing() -> None:
    assert decide_plea(plead("exempt"), SERVICE)
    assert decide_plea(plead("exempt", NOON, QUIT), SERVICE)
    of_one = served(exempt=frozenset({QUIT}))
    assert not decide_plea(plead("exempt", NOON, QUIT), of_one)
    assert decide_plea(plead("exempt", NOON, CERTIFY), of_one)
    assert decide_plea(plead("exempt"), of_one)
    of_all = served(exempt=frozenset({None}))
    assert not decide_plea(plead("exempt", NOON, QUIT), of_all)
    assert not decide_plea(plead("exempt"), of_all)


def test_a_service_is_named_by_directive_officer_and_office() -> None:
    assert stream("hq-2020-1", "C-2", "hq") == "service-hq-2020-1.C-2.hq"


# --- Any answers -----------------------------------------------------------------------

ANSWERS = st.builds(
    lambda kind, at, clause: give(
        kind, NOON + at, clause if kind == "complied" else None, required=BOTH
    ),
    st.sampled_from(list(LEVEL)),
    st.integers(0, 5),
    st.sampled_from([None, QUIT, CERTIFY]),
)


def stands(state: Service) -> tuple[Any, ...]:
    """What counts of an officer's answers."""
    acts = acts_of(BOTH, state.acts)
    return state.read_at, state.acknowledged_at, acts, last_of(acts)


@each(st.lists(ANSWERS, max_size=4))
@examples(100)
def test_the_order_in_which_answers_arrive_does_not_matter(answers: list[Give]) -> None:
    assert len({stands(after(*some)) for some in permutations(answers)}) <= 1


@each(st.lists(ANSWERS, max_size=10))
@examples(100)
def test_doubled_answers_change_nothing(answers: list[Give]) -> None:
    assert after(*[answer for answer in answers for _ in range(2)]) == after(*answers)
    for answer in answers:
        assert not improves(answer, after(*answers))


@each(st.lists(ANSWERS, max_size=10), ANSWERS)
@examples(100)
def test_an_answer_is_new_exactly_when_it_moves_something_earlier(
    answers: list[Give], answer: Give
) -> None:
    before = after(*answers)
    now = answered(before, answer.kind, answer.at, answer.clause)
    assert improves(answer, before) == (stands(now) != stands(before))


@each(st.lists(ANSWERS, max_size=10))
@examples(100)
def test_a_higher_answer_never_stands_earlier_than_a_lower_one(answers: list[Give]) -> None:
    state = after(*answers)
    read, acknowledged, acts, complied = stands(state)
    told = [at for at in (read, acknowledged, *acts, complied) if at is not None]
    assert all(at >= read for at in told)
    if acknowledged is not None:
        assert all(at >= acknowledged for at in acts if at is not None)
    assert (complied is None) == (None in acts)
