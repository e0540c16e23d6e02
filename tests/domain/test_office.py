"""The life of an office: each step follows from the one before, and none is taken twice."""

from typing import Any

import pytest
from hypothesis import given as each
from hypothesis import strategies as st

from domain.errors import CorruptStream, Refused
from domain.fact import UnitId
from domain.office import (
    OFFICE,
    Admit,
    Admitted,
    Commission,
    Commissioned,
    Event,
    HandoverOpened,
    KeyRegistered,
    Manifested,
    Office,
    Open,
    Record,
    Register,
    SkewSeen,
    TakenOver,
    key_stream,
    stream,
    to_prove,
)
from tests.domain.test_force import FORCE
from tests.examples import HAZARA, HQ, MALAKAND, SAIDU, SWAT, about, example
from tests.spec import examples, given

COMMISSIONED = example(Commissioned)
REGISTERED = example(KeyRegistered)
ADMITTED = example(Admitted)
OPENED = example(HandoverOpened)
MANIFESTED = example(Manifested)
TAKEN_OVER = example(TakenOver)
STORY: tuple[Event, ...] = (
    COMMISSIONED, REGISTERED, ADMITTED, OPENED, MANIFESTED, TAKEN_OVER,
)  # fmt: skip
STATES = ("commissioned", "registered", "admitted", "moving", "moving", "open")
OTHER_KEY = REGISTERED.model_copy(update={"key": "07" * 32})
OTHER_TOKEN = REGISTERED.model_copy(update={"proof": "07" * 64})


def commission(
    unit: UnitId = MALAKAND, *, history: bool = False, **others: UnitId
) -> Commission:
    fact = COMMISSIONED.model_copy(update={"unit": unit})
    return Commission(fact, FORCE, others, history)


def skew(seconds: int) -> SkewSeen:
    return SkewSeen(**about(), office=MALAKAND, seconds=seconds)


# --- Commissioning ---------------------------------------------------------------------


def test_a_unit_gets_an_office() -> None:
    given(OFFICE).when(commission()).then(COMMISSIONED)


def test_the_root_keeps_the_office_it_has() -> None:
    given(OFFICE).when(commission(HQ)).then_refused("hq is the root: its office is this one.")


@pytest.mark.parametrize("other", [MALAKAND, SWAT, SAIDU])
def test_an_office_stands_neither_above_nor_below_another(other: UnitId) -> None:
    given(OFFICE).when(commission(SWAT, dir=other)).then_refused(
        f"{other} has the office dir: an office stands neither above nor below another."
    )
    given(OFFICE).when(commission(SWAT, hazara=HAZARA)).then(
        COMMISSIONED.model_copy(update={"unit": SWAT})
    )


def test_an_office_is_commissioned_before_its_region_has_history() -> None:
    given(OFFICE).when(commission(history=True)).then_refused(
        "Officers of malakand are on a roll here: an office is commissioned before its region "
        "has history."
    )


def test_until_the_region_joins_another_token_takes_the_place_of_the_first() -> None:
    again = Commission(COMMISSIONED.model_copy(update={"claim": "c2" * 32}), FORCE, {}, False)
    given(OFFICE, COMMISSIONED).when(again).then(again.fact)
    assert OFFICE.fold([COMMISSIONED, again.fact]).claim == "c2" * 32


@pytest.mark.parametrize("known", range(2, 7))
def test_an_office_that_has_joined_is_not_commissioned_again(known: int) -> None:
    state = STATES[known - 1]
    given(OFFICE, *STORY[:known]).when(commission()).then_refused(
        f"There is an office malakand already ({state}); an office that follows it needs a name "
        "of its own."
    )


# --- Keys ------------------------------------------------------------------------------


def test_a_key_is_registered_once() -> None:
    given(OFFICE).when(Register(REGISTERED)).then(REGISTERED)
    given(OFFICE, REGISTERED).when(Register(REGISTERED)).then()
    given(OFFICE, REGISTERED).when(Register(OTHER_KEY)).then_refused(
        "The office malakand has registered another key."
    )


def test_another_token_is_proved_anew_until_the_key_is_admitted() -> None:
    given(OFFICE, REGISTERED).when(Register(OTHER_TOKEN)).then(OTHER_TOKEN)
    given(OFFICE, *STORY[:3]).when(Register(OTHER_TOKEN)).then()


def test_a_key_that_the_token_proves_is_admitted_once() -> None:
    given(OFFICE, *STORY[:2]).when(Admit(ADMITTED, proved=True)).then(ADMITTED)
    given(OFFICE, *STORY[:3]).when(Admit(ADMITTED, proved=True)).then()


def test_a_key_without_its_proof_is_never_admitted() -> None:
    given(OFFICE, *STORY[:2]).when(Admit(ADMITTED, proved=False)).then_refused(
        "The key of the office malakand is not proved by the token of its hand-over file: find "
        "out who joined, and commission under another name."
    )


@pytest.mark.parametrize(
    "history", [(), (COMMISSIONED,), (REGISTERED,), (COMMISSIONED, OTHER_KEY)]
)
def test_only_the_registered_key_of_a_commissioned_office_is_admitted(
    history: tuple[Event, ...],
) -> None:
    given(OFFICE, *history).when(Admit(ADMITTED, proved=True)).then_refused(
        "No such key of the office malakand awaits admission."
    )


def test_whoever_registers_later_the_admitted_key_stays() -> None:
    state = OFFICE.fold([*STORY[:3], OTHER_KEY])
    assert (state.admitted, state.state) == (ADMITTED.key, "admitted")
    given(OFFICE, *STORY[:3], OTHER_KEY).when(
        Admit(ADMITTED.model_copy(update={"key": OTHER_KEY.key}), proved=True)
    ).then_refused("No such key of the office malakand awaits admission.")


def test_what_a_token_proves_names_the_office_and_the_key() -> None:
    assert to_prove("malakand", "00ff") == b"farman key\nmalakand\n\x00\xff"


# --- Handing over ----------------------------------------------------------------------


def test_a_hand_over_is_opened_once_to_an_office_that_was_admitted() -> None:
    given(OFFICE, *STORY[:3]).when(Open(OPENED, history=False)).then(OPENED)
    given(OFFICE, *STORY[:4]).when(Open(OPENED, history=True)).then()
    given(OFFICE, *STORY[:2]).when(Open(OPENED, history=False)).then_refused(
        "The office malakand has not been admitted."
    )


def test_no_hand_over_is_opened_once_the_region_has_history() -> None:
    given(OFFICE, *STORY[:3]).when(Open(OPENED, history=True)).then_refused(
        "Officers of malakand are on a roll here: an office is commissioned before its region "
        "has history."
    )


def test_a_manifest_is_stated_once_for_a_hand_over_that_was_opened() -> None:
    given(OFFICE, *STORY[:4]).when(Record(MANIFESTED)).then(MANIFESTED)
    given(OFFICE, *STORY[:5]).when(Record(MANIFESTED)).then()
    given(OFFICE, *STORY[:3]).when(Record(MANIFESTED)).then_refused(
        "No hand-over to the office malakand has been opened."
    )


def test_an_office_takes_over_once_what_hq_states() -> None:
    given(OFFICE, *STORY[:5]).when(Record(TAKEN_OVER)).then(TAKEN_OVER)
    given(OFFICE, *STORY).when(Record(TAKEN_OVER)).then()
    given(OFFICE, *STORY[:4]).when(Record(TAKEN_OVER)).then_refused(
        "HQ has not stated yet what it hands over."
    )


def test_an_office_does_not_take_over_what_is_not_what_hq_states() -> None:
    wrong = TAKEN_OVER.model_copy(update={"digest": "d2" * 32})
    given(OFFICE, *STORY[:5]).when(Record(wrong)).then_refused(
        "What arrived is not what HQ states that it handed over: nothing is taken over; compare "
        "the ledgers of both ends."
    )


# --- Clocks ----------------------------------------------------------------------------


def test_a_skew_is_recorded_once_until_the_clocks_agree_again() -> None:
    given(OFFICE).when(Record(skew(119))).then()
    given(OFFICE).when(Record(skew(-120))).then(skew(-120))
    given(OFFICE, skew(-120)).when(Record(skew(4_000))).then()
    given(OFFICE, skew(-120)).when(Record(skew(3))).then(skew(3))
    given(OFFICE, skew(-120), skew(3)).when(Record(skew(121))).then(skew(121))


# --- The whole story -------------------------------------------------------------------


def test_an_office_is_as_far_as_its_last_fact() -> None:
    assert [OFFICE.fold(STORY[:n]).state for n in range(7)] == ["", *STATES]
    own = example(KeyRegistered).model_copy(update={"office": "hq", "proof": None})
    assert OFFICE.fold([own]).state == "hq"


def test_the_region_learns_of_its_commission_after_it_has_registered() -> None:
    here = (REGISTERED, COMMISSIONED, *STORY[2:])
    assert [OFFICE.fold(here[:n]).state for n in range(1, 7)] == [
        "registered", "registered", "admitted", "moving", "moving", "open",
    ]  # fmt: skip
    assert OFFICE.fold(here) == OFFICE.fold(STORY)


@pytest.mark.parametrize("n", range(2, 6))
def test_no_step_can_stand_before_the_one_it_follows_from(n: int) -> None:
    before = [] if STORY[n] is ADMITTED else STORY[: n - 1]  # a key may be known first
    with pytest.raises(CorruptStream, match=r"cannot stand where it stands"):
        OFFICE.fold([*before, STORY[n]])


def test_the_facts_of_two_offices_do_not_mix() -> None:
    with pytest.raises(CorruptStream, match=r"office\.skew_seen@1 of hazara stands among"):
        OFFICE.fold([COMMISSIONED, skew(200).model_copy(update={"office": HAZARA})])


def test_streams_end_with_their_writer() -> None:
    assert (stream("malakand", "hq"), key_stream("malakand")) == (
        "office-malakand.hq",
        "key-malakand.malakand",
    )


COMMANDS: Any = st.sampled_from(
    [
        commission(),
        commission(history=True),
        Register(REGISTERED),
        Register(OTHER_TOKEN),
        Admit(ADMITTED, proved=True),
        Admit(ADMITTED, proved=False),
        Open(OPENED, history=False),
        Record(MANIFESTED),
        Record(TAKEN_OVER),
        Record(skew(300)),
        Record(skew(1)),
    ]
)


def run(commands: list[Any]) -> list[Event]:
    written: list[Event] = []
    for command in commands:
        try:
            written += OFFICE.decide(command, OFFICE.fold(written))
        except Refused:
            continue
    return written


@each(st.lists(COMMANDS, max_size=14))
@examples(200)
def test_every_history_that_can_be_written_can_be_replayed(commands: list[Any]) -> None:
    state = OFFICE.fold(run(commands))
    assert isinstance(state, Office)
    assert state.state != "open" or state.digest == TAKEN_OVER.digest


@each(st.lists(COMMANDS, max_size=14))
@examples(200)
def test_receiving_every_command_twice_changes_nothing(commands: list[Any]) -> None:
    kept = [one for one in commands if not isinstance(one, Commission)]  # a token is made anew
    assert run([one for one in kept for _ in range(2)]) == run(kept)
