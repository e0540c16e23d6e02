"""A relay: received once, acknowledged by a desk, forwarded, served; each step taken once."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given as each
from hypothesis import strategies as st

from domain.deadline import Due
from domain.errors import CorruptStream, Refused
from domain.fact import ClauseId, UnitId, micros
from domain.relay import (
    RELAY,
    Acknowledge,
    Acknowledged,
    ClauseTightened,
    Command,
    Escalated,
    Event,
    Forwarded,
    OfficersServed,
    Receive,
    Received,
    ReceivedAgain,
    Record,
    Relay,
    Reminded,
    Tighten,
    stream,
)
from tests.examples import (
    BY_WAZMERI,
    DPO,
    HAZARA,
    HQ,
    KARVANDI,
    MALAKAND,
    NINE,
    ORDER_TEXT,
    PIRZARI,
    QUIT,
    SAIDU,
    SWAT,
    WAZMERI,
    about,
)
from tests.spec import examples, given

NOT_RECEIVED = "This unit has not received the directive."


def later(hours: float) -> datetime:
    return NINE + timedelta(hours=hours)


def received(hours: float = 0, sender: UnitId = HQ) -> Received:
    return Received(**about(at=later(hours)), sender=sender, parent=MALAKAND)


def again(hours: float, via: UnitId) -> ReceivedAgain:
    return ReceivedAgain(**about(at=later(hours)), via=via)


def acknowledged(hours: float = 1) -> Acknowledged:
    return Acknowledged(**about("post:dpo-swat", "desk", later(hours)), by=DPO, officer=WAZMERI)


def forwarded(hours: float = 1, *to: UnitId) -> Forwarded:
    return Forwarded(**about(at=later(hours)), to=to)


def served(hours: float = 1, *officers: str, joined: bool = False) -> OfficersServed:
    return OfficersServed(
        **about(at=later(hours)),
        officers=officers,  # type: ignore[arg-type]  # ids
        version=1,
        text=ORDER_TEXT,
        joined=joined,
    )


def reminded(hours: float = 3) -> Reminded:
    return Reminded(**about(at=later(hours)), post=DPO, officer=WAZMERI)


def escalated(level: int = 1, clause: ClauseId = QUIT) -> Escalated:
    return Escalated(
        **about(at=later(48)),
        clause=clause,
        level=level,
        officers=2,
        oldest_due="2020-01-16T04:00:00+00:00",
        to_unit=SWAT,
    )


# --- Receiving -------------------------------------------------------------------------


def test_a_unit_receives_once() -> None:
    given(RELAY).when(Receive(received())).then(received())
    given(RELAY, received()).when(Receive(received(1))).then()


def test_the_first_receipt_counts_and_a_later_one_is_noted_as_via() -> None:
    given(RELAY, received()).when(Receive(received(2, MALAKAND))).then(again(2, MALAKAND))
    state = RELAY.fold([received(), again(2, MALAKAND)])
    assert (state.received_at, state.sender, state.via) == (micros(NINE), HQ, MALAKAND)


def test_what_came_a_second_way_is_noted_once() -> None:
    history = (received(), again(2, MALAKAND))
    for sender in (HQ, MALAKAND, HAZARA):
        given(RELAY, *history).when(Receive(received(3, sender))).then()


def test_a_second_receipt_restarts_nothing() -> None:
    before = RELAY.fold([received(), acknowledged(1), forwarded(1), served(1)])
    after = RELAY.fold([received(), acknowledged(1), forwarded(1), served(1), again(9, HAZARA)])
    assert after.via == HAZARA
    assert (after.received_at, after.acknowledged_at, after.forwarded_at, after.served_at) == (
        before.received_at,
        before.acknowledged_at,
        before.forwarded_at,
        before.served_at,
    )


# --- Acknowledging ---------------------------------------------------------------------


def test_a_unit_acknowledges_what_it_has_received() -> None:
    given(RELAY).when(Acknowledge(acknowledged())).then_refused(NOT_RECEIVED)
    given(RELAY, received()).when(Acknowledge(acknowledged())).then(acknowledged())


def test_a_unit_acknowledges_once() -> None:
    given(RELAY, received(), acknowledged(1)).when(Acknowledge(acknowledged(2))).then()
    given(RELAY, received(), acknowledged(2)).when(Acknowledge(acknowledged(1))).then()


def test_a_unit_acknowledges_at_its_receipt_and_not_before() -> None:
    given(RELAY, received(1)).when(Acknowledge(acknowledged(1))).then(acknowledged(1))
    given(RELAY, received(1)).when(Acknowledge(acknowledged(0.99))).then_refused(
        "A unit cannot acknowledge before its receipt at 2020-01-15T05:00:00+00:00."
    )


# --- Forwarding ------------------------------------------------------------------------


def test_a_unit_forwards_what_it_has_received() -> None:
    given(RELAY).when(Record(forwarded(1, SAIDU))).then_refused(NOT_RECEIVED)
    given(RELAY, received()).when(Record(forwarded(1, SAIDU))).then(forwarded(1, SAIDU))


def test_a_unit_with_nobody_below_forwards_too() -> None:
    given(RELAY, received()).when(Record(forwarded(1))).then(forwarded(1))


def test_forwarding_again_reaches_only_units_that_came_later() -> None:
    history = (received(), forwarded(1, SAIDU))
    given(RELAY, *history).when(Record(forwarded(2, SAIDU))).then()
    given(RELAY, *history).when(Record(forwarded(2))).then()
    given(RELAY, *history).when(Record(forwarded(2, SAIDU, HAZARA))).then(forwarded(2, HAZARA))
    state = RELAY.fold([*history, forwarded(2, HAZARA)])
    assert state.forwarded_at == micros(later(1))
    assert state.forwarded_to == {SAIDU, HAZARA}


def test_a_unit_forwards_by_rule_with_since_when_its_desk_was_vacant() -> None:
    by_rule = forwarded(3, SAIDU).model_copy(update={"vacant_since": "2020-01-02T00:00:00Z"})
    given(RELAY, received()).when(Record(by_rule)).then(by_rule)


# --- Serving ---------------------------------------------------------------------------


def test_a_unit_serves_when_its_relay_is_forwarded() -> None:
    refused = "This unit has not forwarded the directive."
    given(RELAY).when(Record(served(1, KARVANDI))).then_refused(refused)
    given(RELAY, received(), acknowledged()).when(Record(served(1, KARVANDI))).then_refused(
        refused
    )
    history = (received(), forwarded())
    given(RELAY, *history).when(Record(served(1, KARVANDI))).then(served(1, KARVANDI))


def test_a_unit_has_served_when_the_fact_is_written_maybe_on_nobody() -> None:
    history = (received(), forwarded())
    given(RELAY, *history).when(Record(served(1))).then(served(1))
    assert RELAY.fold([*history, served(1)]).served_at == micros(later(1))
    given(RELAY, *history, served(1)).when(Record(served(2))).then()


def test_a_long_roll_is_served_in_several_facts_at_the_first_ones_instant() -> None:
    history = (received(), forwarded(), served(1, KARVANDI))
    more = served(1, PIRZARI)
    given(RELAY, *history).when(Record(more)).then(more)
    joiner = served(9, PIRZARI, joined=True)
    given(RELAY, *history).when(Record(joiner)).then(joiner)
    assert RELAY.fold([*history, joiner]).served_at == micros(later(1))


# --- Reminding and escalating ----------------------------------------------------------


def test_a_desk_is_reminded_once_a_day_and_nothing_resets_the_count() -> None:
    given(RELAY, received()).when(Record(reminded())).then(reminded())
    given(RELAY, received(), reminded(3)).when(Record(reminded(26.9))).then()
    given(RELAY, received(), reminded(3)).when(Record(reminded(27))).then(reminded(27))
    state = RELAY.fold([received(), reminded(3), again(9, HAZARA), reminded(27)])
    assert (state.reminders, state.reminded_at) == (2, micros(later(27)))


def test_nobody_who_is_done_is_reminded() -> None:
    given(RELAY, received(), acknowledged(1)).when(Record(reminded())).then()
    given(RELAY, received(), forwarded(1)).when(Record(reminded())).then()


# --- Tightening ------------------------------------------------------------------------

HALF, DAY, WEEK = (Due(clock="receipt", within=hours * 3_600) for hours in (12, 24, 168))


def tightened(
    hours: float = 1, due: Due | None = HALF, was: Due | None = DAY
) -> ClauseTightened:
    return ClauseTightened(
        **about("post:dpo-swat", "desk", later(hours)),
        clause=QUIT,
        due=due,
        closed=due is None,
        was=was,
        version=1,
        text=ORDER_TEXT,
        authority=BY_WAZMERI,
        units=(SWAT, SAIDU),
    )


def tighten(fact: ClauseTightened, *, shut: bool = False) -> Tighten:
    return Tighten(fact, "1/2020", shut)


def test_a_relay_may_shorten_a_deadline() -> None:
    given(RELAY, received()).when(tighten(tightened())).then(tightened())
    first = tightened(was=None)
    given(RELAY, received()).when(tighten(first)).then(first)


def test_a_relay_never_relaxes_and_both_wordings_are_named() -> None:
    given(RELAY, received()).when(tighten(tightened(due=WEEK))).then_refused(
        "A unit may tighten and never relax: 'quit' of 1/2020 is due within 1 day of the "
        "receipt, and within 7 days of the receipt would be later."
    )


def test_a_deadline_is_shortened_by_its_own_clock() -> None:
    by_service = tightened(due=Due(clock="service", within=3_600))
    given(RELAY, received()).when(tighten(by_service)).then_refused(
        "'quit' of 1/2020 is due within 1 day of the receipt; a deadline within 1 hour of the "
        "service runs by another clock, so it may be later: shorten it by the same clock."
    )
    until = Due(at=later(5))
    sooner = tightened(due=until, was=Due(at=later(6)))
    given(RELAY, received()).when(tighten(sooner)).then(sooner)
    given(RELAY, received()).when(tighten(tightened(due=until))).then_refused(
        "'quit' of 1/2020 is due within 1 day of the receipt; a deadline by "
        "2020-01-15T14:00:00+05:00 runs by another clock, so it may be later: shorten it by "
        "the same clock."
    )


def test_tightening_to_what_holds_already_changes_nothing() -> None:
    given(RELAY, received()).when(tighten(tightened(due=DAY))).then()


def test_an_open_exception_is_closed_once() -> None:
    closing = tightened(due=None, was=None)
    given(RELAY, received()).when(tighten(closing)).then(closing)
    given(RELAY, received()).when(tighten(closing, shut=True)).then()


def test_a_unit_tightens_what_it_has_received_and_not_before() -> None:
    given(RELAY).when(tighten(tightened())).then_refused(NOT_RECEIVED)
    given(RELAY, received(1)).when(tighten(tightened(0.5))).then_refused(
        "A unit cannot tighten a clause before its receipt at 2020-01-15T05:00:00+00:00."
    )


def test_escalation_is_recorded_once_per_clause_and_level() -> None:
    history = (received(), forwarded(), served(1, KARVANDI), escalated(1))
    given(RELAY, *history).when(Record(escalated(1))).then()
    given(RELAY, *history).when(Record(escalated(2))).then(escalated(2))
    other = escalated(1, ClauseId("certify"))
    given(RELAY, *history).when(Record(other)).then(other)


# --- Bookkeeping -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "history",
    [
        [received(), received()],
        [again(1, MALAKAND)],
        [acknowledged()],
        [forwarded()],
        [received(), served()],
        [tightened()],
    ],
    ids=lambda history: " ".join(fact.stored for fact in history),
)
def test_a_history_that_cannot_be_true_stops(history: list[Event]) -> None:
    with pytest.raises(CorruptStream, match="cannot stand where it stands in its relay"):
        RELAY.fold(history)


def test_a_relay_is_named_by_directive_unit_and_office() -> None:
    assert stream("hq-2020-1", "swat", "hq") == "relay-hq-2020-1.swat.hq"


# --- Any history -----------------------------------------------------------------------

HOURS = st.integers(0, 4)
UNITS = st.sampled_from([HQ, MALAKAND, SAIDU, HAZARA])
COMMANDS: st.SearchStrategy[Command] = st.one_of(
    st.builds(lambda h, u: Receive(received(h, u)), HOURS, UNITS),
    HOURS.map(lambda h: Acknowledge(acknowledged(h))),
    st.builds(lambda h, to: Record(forwarded(h, *sorted(to))), HOURS, st.sets(UNITS)),
    st.builds(
        lambda h, who: Record(served(h, *sorted(who))),
        HOURS,
        st.sets(st.sampled_from([KARVANDI, PIRZARI])),
    ),
    HOURS.map(lambda h: Record(reminded(h))),
    st.builds(lambda h, due: tighten(tightened(h, due)), HOURS, st.sampled_from([HALF, DAY])),
    st.integers(1, 2).map(lambda level: Record(escalated(level))),
)


def run(commands: list[Command]) -> list[Event]:
    """Carry commands out, each on what those before it left; refused ones leave nothing."""
    history: list[Event] = []
    for command in commands:
        try:
            history += RELAY.decide(command, RELAY.fold(history))
        except Refused:
            continue
    return history


@each(st.lists(COMMANDS, max_size=14))
@examples(100)
def test_every_history_can_be_replayed(commands: list[Command]) -> None:
    RELAY.fold(run(commands))


@each(st.lists(COMMANDS, max_size=14))
@examples(100)
def test_doubled_commands_change_nothing(commands: list[Command]) -> None:
    # A second fact of service with the same officers never comes: whom a unit is to serve is
    # asked of who has not been served. Nor does a second tightening: what holds is asked first.
    some: list[Command] = [
        command
        for command in commands
        if not isinstance(command, Tighten)
        and not (
            isinstance(command, Record)
            and isinstance(command.fact, OfficersServed)
            and command.fact.officers
        )
    ]
    assert run([command for command in some for _ in range(2)]) == run(some)


@each(st.lists(COMMANDS, max_size=14))
@examples(100)
def test_each_step_is_taken_once(commands: list[Command]) -> None:
    history = run(commands)
    for cls in (Received, ReceivedAgain, Acknowledged):
        assert sum(isinstance(fact, cls) for fact in history) <= 1
    reached = [unit for fact in history if isinstance(fact, Forwarded) for unit in fact.to]
    assert len(reached) == len(set(reached))
    told = [(f.clause, f.level) for f in history if isinstance(f, Escalated)]
    assert len(told) == len(set(told))


@each(st.lists(COMMANDS, max_size=10), st.lists(COMMANDS, max_size=6))
@examples(100)
def test_what_holds_is_never_taken_back(before: list[Command], after: list[Command]) -> None:
    early, late = RELAY.fold(run(before)), RELAY.fold(run(before + after))
    for step in ("received_at", "sender", "acknowledged_at", "forwarded_at", "served_at"):
        if getattr(early, step) is not None:
            assert getattr(late, step) == getattr(early, step)
    assert late.forwarded_to >= early.forwarded_to
    assert late.escalated >= early.escalated


def test_a_relay_begins_empty() -> None:
    assert RELAY.initial == Relay()
