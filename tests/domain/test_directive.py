"""A directive: issued under command, amended without wiping anything, ended once."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given as each
from hypothesis import strategies as st
from pydantic import ValidationError

from domain.authority import Authority
from domain.directive import (
    DIRECTIVE,
    Amend,
    Amended,
    Authorised,
    Command,
    Directive,
    End,
    Event,
    Issue,
    Issued,
    Superseded,
    Terms,
    Withdrawn,
    directive_id,
    stream,
)
from domain.errors import CorruptStream, Refused
from domain.fact import EPOCH, DirectiveId, UnitId, instant, micros, words
from tests.examples import (
    CERTIFY,
    HAZARA,
    HQ,
    KARACHI,
    MALAKAND,
    NINE,
    ORDER,
    ORDER_TEXT,
    PLAIN_TERMS,
    PPO,
    QUIT,
    SAIDU,
    SWAT,
    TERMS,
    TORVALA,
    WHATSAPP,
    about,
)
from tests.spec import examples, given

COMMANDED = frozenset({HQ, MALAKAND, SWAT, SAIDU, HAZARA})
SCOPE = (MALAKAND, SWAT, SAIDU)
AT_NINE = micros(NINE)

issued = Issued(
    **about("post:ppo", "file"),
    directive=WHATSAPP,
    serial=1,
    year=2020,
    number="191 PA/DIG/HQrs",
    unit=HQ,
    order=ORDER,
    scope=SCOPE,
    text=ORDER_TEXT,
)


def later(hours: float) -> datetime:
    return NINE + timedelta(hours=hours)


def amended(
    hours: float, version: int = 2, *, material: bool = False, text: str = "b2" * 32
) -> Amended:
    return Amended(
        **about("post:ppo", "file", later(hours)),
        version=version,
        material=material,
        terms=PLAIN_TERMS,
        text=text,
    )


def superseded(hours: float, by: str = "hq-2020-4") -> Superseded:
    return Superseded(**about(at=later(hours)), by=DirectiveId(by))


def withdrawn(hours: float, reason: str = "Issued in error.") -> Withdrawn:
    return Withdrawn(**about(at=later(hours)), reason=reason)


authorised = Authorised(
    **about("post:ppo", "file"),
    authority=Authority(post=PPO, unit=HQ, officer=TORVALA, charge="substantive", rank=22),
)


def issue(fact: Issued, commanded: frozenset[UnitId]) -> Issue:
    return Issue(fact, commanded, authorised)


def amend(fact: Amended) -> Amend:
    return Amend(micros(fact.at), fact)


def end(fact: Superseded | Withdrawn) -> End:
    return End(micros(fact.at), fact)


# --- Issuing ---------------------------------------------------------------------------


def test_a_directive_is_issued_once() -> None:
    given(DIRECTIVE).when(issue(issued, COMMANDED)).then(issued, authorised)
    given(DIRECTIVE, issued).when(issue(issued, COMMANDED)).then()
    given(DIRECTIVE, issued, withdrawn(1)).when(issue(issued, COMMANDED)).then()


def test_a_post_issues_only_to_units_under_its_command() -> None:
    given(DIRECTIVE).when(issue(issued, frozenset({HQ, MALAKAND}))).then_refused(
        "ppo does not command swat: a post issues only to units under its command."
    )
    given(DIRECTIVE).when(issue(issued, frozenset({HAZARA}))).then_refused(
        "ppo does not command malakand, swat: a post issues only to units under its command."
    )


def test_the_tree_as_it_stood_at_the_issue_is_in_the_fact() -> None:
    assert DIRECTIVE.fold([issued]).scope == frozenset(SCOPE)


def test_a_directive_is_named_by_office_year_and_serial() -> None:
    assert directive_id("hq", 2020, 12) == "hq-2020-12"
    assert stream("hq-2020-12", "hq") == "directive-hq-2020-12.hq"


# --- Amending --------------------------------------------------------------------------


def test_an_amendment_adds_a_version_and_keeps_the_one_before() -> None:
    given(DIRECTIVE, issued).when(amend(amended(1))).then(amended(1))
    state = DIRECTIVE.fold([issued, amended(1)])
    assert [version.terms for version in state.versions] == [TERMS, PLAIN_TERMS]
    assert [version.number for version in state.versions] == [1, 2]


def test_the_same_wording_again_changes_nothing() -> None:
    given(DIRECTIVE, issued).when(amend(amended(1, text=ORDER_TEXT))).then()
    given(DIRECTIVE, issued, amended(1)).when(amend(amended(2, 3))).then()


def test_going_back_to_an_earlier_wording_is_an_amendment() -> None:
    back = amended(2, 3, text=ORDER_TEXT)
    given(DIRECTIVE, issued, amended(1)).when(amend(back)).then(back)


def test_nothing_is_amended_before_its_issue() -> None:
    given(DIRECTIVE, issued).when(amend(amended(-1))).then_refused(
        "191 PA/DIG/HQrs was not yet issued at that instant."
    )


def test_an_amendment_does_not_come_before_one_that_is_known() -> None:
    given(DIRECTIVE, issued, amended(2)).when(
        amend(amended(1, 3, text="c3" * 32))
    ).then_refused("A later amendment is already in force; amend from its instant on.")


def test_of_two_amendments_at_one_instant_the_later_entry_is_in_force() -> None:
    second = amended(1, 3, text="c3" * 32)
    given(DIRECTIVE, issued, amended(1)).when(amend(second)).then(second)
    state = DIRECTIVE.fold([issued, amended(1), second])
    assert state.version_at(micros(later(1))).number == 3


@pytest.mark.parametrize("last", [superseded(2), withdrawn(2)], ids=lambda fact: fact.stored)
def test_what_has_ended_is_not_amended(last: Superseded | Withdrawn) -> None:
    ended = last.stored.removeprefix("directive.").removesuffix("@1")
    given(DIRECTIVE, issued, last).when(amend(amended(3))).then_refused(
        f"191 PA/DIG/HQrs has been {ended}; issue a new directive instead."
    )


def test_the_wording_in_force_is_the_one_of_that_instant() -> None:
    state = DIRECTIVE.fold([issued, amended(1), amended(2, 3, material=True, text="c3" * 32)])
    hours = {-1: 1, 0: 1, 0.99: 1, 1: 2, 1.99: 2, 2: 3, 99: 3}
    assert {h: state.version_at(micros(later(h))).number for h in hours} == hours


def test_only_a_material_amendment_asks_again() -> None:
    state = DIRECTIVE.fold(
        [issued, amended(1), amended(2, 3, material=True), amended(3, 4, text="d4" * 32)]
    )
    hours = {-1: 1, 0: 1, 1: 1, 1.99: 1, 2: 3, 3: 3, 99: 3}
    assert {h: state.asked_at(micros(later(h))).number for h in hours} == hours


# --- Ending ----------------------------------------------------------------------------


def test_a_directive_is_superseded_once() -> None:
    given(DIRECTIVE, issued).when(end(superseded(1))).then(superseded(1))
    given(DIRECTIVE, issued, superseded(1)).when(end(superseded(2))).then()
    given(DIRECTIVE, issued, superseded(1)).when(end(superseded(2, "hq-2020-5"))).then_refused(
        "191 PA/DIG/HQrs has been superseded; issue a new directive instead."
    )
    assert DIRECTIVE.fold([issued, superseded(1)]).successor == "hq-2020-4"


def test_a_directive_is_withdrawn_once() -> None:
    given(DIRECTIVE, issued).when(end(withdrawn(1))).then(withdrawn(1))
    given(DIRECTIVE, issued, withdrawn(1)).when(end(withdrawn(2, "Again."))).then()
    given(DIRECTIVE, issued, withdrawn(1)).when(end(superseded(2))).then_refused(
        "191 PA/DIG/HQrs has been withdrawn; issue a new directive instead."
    )
    given(DIRECTIVE, issued, superseded(1)).when(end(withdrawn(2))).then_refused(
        "191 PA/DIG/HQrs has been superseded; issue a new directive instead."
    )


def test_a_directive_does_not_supersede_itself() -> None:
    given(DIRECTIVE, issued).when(end(superseded(1, WHATSAPP))).then_refused(
        "A directive cannot supersede itself."
    )


def test_nothing_ends_before_its_issue() -> None:
    given(DIRECTIVE, issued).when(end(withdrawn(-1))).then_refused(
        "191 PA/DIG/HQrs was not yet issued at that instant."
    )


def test_a_superseded_directive_still_governs_what_was_done_in_its_time() -> None:
    state = DIRECTIVE.fold([issued, amended(1), superseded(2)])
    assert state.state_at(micros(later(1.99))) == "in_force"
    assert state.version_at(micros(later(1.99))).terms == PLAIN_TERMS


def test_its_state_is_that_of_the_instant() -> None:
    ended = DIRECTIVE.fold([issued, superseded(2)])
    told = {-1: "not_issued", 0: "in_force", 1.99: "in_force", 2: "superseded", 9: "superseded"}
    assert {h: ended.state_at(micros(later(h))) for h in told} == told
    assert DIRECTIVE.fold([issued, withdrawn(2)]).state_at(micros(later(2))) == "withdrawn"
    assert DIRECTIVE.fold([issued]).state_at(micros(later(9_999))) == "in_force"
    assert Directive().state_at(AT_NINE) == "not_issued"


# --- Bookkeeping -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "history",
    [
        [amended(1)],
        [superseded(1)],
        [withdrawn(1)],
        [issued, issued],
        [issued, withdrawn(1), withdrawn(2)],
        [issued, superseded(1), withdrawn(2)],
        [issued, withdrawn(1), superseded(2)],
    ],
    ids=lambda history: " ".join(fact.stored for fact in history),
)
def test_a_history_that_cannot_be_true_stops(history: list[Event]) -> None:
    with pytest.raises(CorruptStream, match="cannot follow in directive"):
        DIRECTIVE.fold(history)


def test_only_a_required_act_can_be_complied_with() -> None:
    assert [act.id for act in TERMS.acts()] == [QUIT, CERTIFY]
    assert PLAIN_TERMS.acts() == ()


def test_a_fact_cannot_be_changed_nor_say_more_than_it_may() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        issued.serial = 2  # type: ignore[misc]
    with pytest.raises(ValidationError, match="extra_forbidden"):
        Terms.model_validate({"subject": {"en": "s"}, "mood": "good"})


def test_an_instant_without_a_zone_is_no_instant() -> None:
    with pytest.raises(ValidationError, match="timezone"):
        withdrawn(1).__class__(**about(at=datetime(2020, 1, 15, 9)), reason="r")  # noqa: DTZ001 - that is the point


def test_instants_are_counted_to_the_microsecond() -> None:
    assert micros(EPOCH + timedelta(days=1, microseconds=7)) == 86_400_000_007
    assert micros(datetime(1970, 1, 1, 5, tzinfo=KARACHI)) == 0
    assert instant(micros(NINE)) == NINE
    assert instant(-1) == EPOCH - timedelta(microseconds=1)


def test_a_text_is_shown_in_english_or_else_in_what_there_is() -> None:
    assert words({"ur": "حکم", "en": "Order"}) == "Order"
    assert words({"ur": "حکم"}) == "حکم"
    assert words({}) == ""


# --- Any history -----------------------------------------------------------------------

HOURS = st.integers(-1, 6)
COMMANDS: st.SearchStrategy[Command] = st.one_of(
    st.just(issue(issued, COMMANDED)),
    st.builds(
        lambda h, m, t: amend(amended(h, 0, material=m, text=f"{t:02x}" * 32)),
        HOURS,
        st.booleans(),
        st.integers(0, 2),
    ),
    st.builds(lambda h, n: end(superseded(h, f"hq-2020-{n}")), HOURS, st.integers(1, 2)),
    HOURS.map(lambda h: end(withdrawn(h))),
)


def run(commands: list[Command]) -> list[Event]:
    """Carry commands out, each on what those before it left; refused ones leave nothing."""
    history: list[Event] = []
    for command in commands:
        state = DIRECTIVE.fold(history)
        if isinstance(command, Amend):
            fact = command.fact.model_copy(update={"version": len(state.versions) + 1})
            command = Amend(command.at, fact)  # noqa: PLW2901 - as the office numbers it
        try:
            history += DIRECTIVE.decide(command, state)
        except Refused:
            continue
    return history


@each(st.lists(COMMANDS, max_size=12))
@examples(100)
def test_every_history_can_be_replayed(commands: list[Command]) -> None:
    history = run(commands)
    state = DIRECTIVE.fold(history)
    assert [version.number for version in state.versions] == list(
        range(1, len(state.versions) + 1)
    )


@each(st.lists(COMMANDS, max_size=12))
@examples(100)
def test_doubled_commands_change_nothing(commands: list[Command]) -> None:
    assert run([command for command in commands for _ in range(2)]) == run(commands)


@each(st.lists(COMMANDS, max_size=12))
@examples(100)
def test_versions_come_into_force_in_the_order_of_their_numbers(
    commands: list[Command],
) -> None:
    since = [version.since for version in DIRECTIVE.fold(run(commands)).versions]
    assert since == sorted(since)


def test_units_are_compared_as_they_are_spelt() -> None:
    shouted = issued.model_copy(
        update={"order": ORDER.model_copy(update={"addressees": (UnitId("SWAT"),)})}
    )
    given(DIRECTIVE).when(issue(shouted, COMMANDED)).then_refused(
        "ppo does not command SWAT: a post issues only to units under its command."
    )
