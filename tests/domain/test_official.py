"""Official groups and accounts: whose they are, which post runs them, and who may say so."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given as each
from hypothesis import strategies as st

from domain.authority import authority
from domain.directive import Clause
from domain.errors import CorruptStream, Misused, Refused
from domain.fact import ClauseId, OfficerId, PostId, UnitId, micros
from domain.force import Post, Tree, Unit
from domain.official import (
    OFFICIAL,
    AccountEntered,
    Close,
    Enter,
    Event,
    GroupClosed,
    GroupEntered,
    GroupPassed,
    Official,
    Pass,
    Under,
    admits,
    key,
    name,
    official_id,
    platform,
    stream,
)
from tests.examples import (
    DPO,
    HAZARA,
    HQ,
    MALAKAND,
    NINE,
    ORDER_TEXT,
    PPO,
    QUIT,
    RPO,
    SWAT,
    WHATSAPP,
    about,
)
from tests.spec import examples, given

RPO_HAZARA = PostId("rpo-hazara")


def post(name: PostId, unit: UnitId, *, held: bool = True) -> Post:
    holders = ((OfficerId(f"O-{name}"), "substantive", 0),) if held else ()
    return Post(name, unit, {"en": name}, 19, head=True, holders=holders)


UNITS = {
    HQ: Unit(HQ, "hq", {"en": "CPO"}, None),
    MALAKAND: Unit(MALAKAND, "region", {"en": "Malakand"}, HQ),
    SWAT: Unit(SWAT, "district", {"en": "Swat"}, MALAKAND),
    HAZARA: Unit(HAZARA, "region", {"en": "Hazara"}, HQ),
}
TREE = Tree(
    UNITS,
    {
        PPO: post(PPO, HQ),
        RPO: post(RPO, MALAKAND, held=False),
        DPO: post(DPO, SWAT),
        RPO_HAZARA: post(RPO_HAZARA, HAZARA),
    },
)
OPEN = Clause(
    id=ClauseId("official"),
    kind="exception",
    text={"en": "Groups made for official work."},
    of=(QUIT,),
    open=True,
)
CLOSED = OPEN.model_copy(update={"id": ClauseId("listed"), "open": False})
ACCOUNTS = Clause(
    id=ClauseId("accounts"),
    kind="delegation",
    text={"en": "Only the heads of districts run accounts."},
    more={"posts": (DPO, RPO)},
)
UNDER = Under(directive=WHATSAPP, clause=OPEN.id, version=1, text=ORDER_TEXT)


def later(hours: float) -> datetime:
    return NINE + timedelta(hours=hours)


def entered(hours: float = 0, by: PostId = DPO, **said: Any) -> GroupEntered:
    whole: dict[str, Any] = {
        "id": "hq-g1",
        "platform": "whatsapp",
        "name": "Swat Duty",
        "unit": SWAT,
        "post": DPO,
    } | said
    return GroupEntered(
        **about(f"post:{by}", "desk", later(hours)),
        authority=authority(TREE, by, whole["unit"], rank=19),
        **whole,
    )


def passed(hours: float, to: PostId, by: PostId = DPO) -> GroupPassed:
    return GroupPassed(
        **about(f"post:{by}", "desk", later(hours)),
        post=to,
        authority=authority(TREE, by, SWAT),
    )


def closed(hours: float, by: PostId = DPO) -> GroupClosed:
    return GroupClosed(
        **about(f"post:{by}", "desk", later(hours)),
        reason="Not needed.",
        authority=authority(TREE, by, SWAT),
    )


def enter(
    fact: GroupEntered | AccountEntered, clause: Clause | None = None, *, dated: bool = False
) -> Enter:
    return Enter(fact, TREE, dated, clause)


# --- Entering --------------------------------------------------------------------------


def test_a_group_is_entered_once() -> None:
    given(OFFICIAL).when(enter(entered())).then(entered())
    given(OFFICIAL, entered()).when(enter(entered(1))).then()


def test_a_post_enters_for_its_own_unit_and_for_those_it_commands() -> None:
    for by in (DPO, PPO):
        given(OFFICIAL).when(enter(entered(by=by))).then(entered(by=by))
    given(OFFICIAL).when(enter(entered(by=RPO_HAZARA))).then_refused(
        "rpo-hazara neither belongs to swat nor commands it: name a post with --by that does."
    )


def test_a_vacant_post_enters_nothing() -> None:
    given(OFFICIAL).when(enter(entered(by=RPO))).then_refused(
        "rpo-malakand is vacant at that instant: name a held post with --by."
    )


def test_a_vacant_post_may_run_what_another_enters() -> None:
    fact = entered(by=PPO, post=RPO)
    given(OFFICIAL).when(enter(fact)).then(fact)


def test_the_ground_of_the_entry_is_in_the_fact() -> None:
    assert entered(by=PPO).authority.model_dump(exclude_none=True) == {
        "post": PPO,
        "unit": HQ,
        "officer": "O-ppo",
        "charge": "substantive",
        "rank": 19,
        "line": (SWAT, MALAKAND, HQ),
    }


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"unit": HQ}, "unit"),
        ({"post": PPO}, "post"),
        ({"purpose": "Welfare."}, "purpose"),
        ({"under": UNDER}, "order"),
        ({"post": PPO, "purpose": "Welfare."}, "post and purpose"),
    ],
)
def test_a_name_that_is_taken_is_refused_naming_the_entry(
    said: dict[str, Any], told: str
) -> None:
    given(OFFICIAL, entered()).when(enter(entered(1, PPO, **said))).then_refused(
        "Swat Duty on whatsapp is entered as hq-g1 already, of swat, run by dpo-swat; this "
        f"differs in {told}: pass it to another post, or close it first."
    )


def test_what_was_entered_is_still_the_same_after_it_was_passed_on() -> None:
    history = (entered(), passed(1, PPO))
    given(OFFICIAL, *history).when(enter(entered(2))).then()
    given(OFFICIAL, *history).when(enter(entered(2, PPO, post=PPO))).then()


def test_an_entry_reaches_back_no_further_than_it_said() -> None:
    given(OFFICIAL, entered(2)).when(enter(entered(1), dated=True)).then_refused(
        "Swat Duty on whatsapp is entered as hq-g1 since 2020-01-15T06:00:00+00:00, and was "
        "not official before."
    )
    given(OFFICIAL, entered(2)).when(enter(entered(3), dated=True)).then()


def test_a_name_has_one_entry_at_a_time() -> None:
    given(OFFICIAL, entered(), closed(2)).when(enter(entered(1), dated=True)).then_refused(
        "Swat Duty on whatsapp is entered as hq-g1 from 2020-01-15T04:00:00+00:00 until "
        "2020-01-15T06:00:00+00:00: enter it anew from then on."
    )


# --- Clauses ---------------------------------------------------------------------------


def test_an_open_exception_admits_whoever_registers() -> None:
    fact = entered(under=UNDER)
    given(OFFICIAL).when(enter(fact, OPEN)).then(fact)


def test_a_closed_exception_admits_nobody_by_registering() -> None:
    given(OFFICIAL).when(enter(entered(), CLOSED)).then_refused(
        "This exception is a closed one and admits nobody who registers (listed: “Groups made "
        "for official work.”); only an amendment widens it."
    )


def test_a_delegation_admits_only_the_posts_that_it_names() -> None:
    admits(ACCOUNTS, DPO)
    with pytest.raises(Refused) as no:
        admits(ACCOUNTS, PPO)
    assert no.value.reason == (
        "ppo is none of the posts that may run it (accounts: “Only the heads of districts run "
        "accounts.”); they are dpo-swat, rpo-malakand."
    )


def test_no_other_clause_admits_anybody() -> None:
    with pytest.raises(Refused, match=r"^quit is a clause of another kind \(required act\)"):
        admits(Clause(id=QUIT, kind="required_act", text={}), DPO)


def test_what_is_delegated_is_passed_only_to_a_post_that_is_named() -> None:
    command = Pass(passed(1, RPO), TREE, ACCOUNTS)
    given(OFFICIAL, entered()).when(command).then(passed(1, RPO))
    given(OFFICIAL, entered()).when(Pass(passed(1, PPO), TREE, ACCOUNTS)).then_refused(
        "ppo is none of the posts that may run it (accounts: “Only the heads of districts run "
        "accounts.”); they are dpo-swat, rpo-malakand."
    )
    given(OFFICIAL, entered()).when(Pass(passed(1, PPO), TREE, CLOSED)).then(passed(1, PPO))


# --- Passing on, closing ---------------------------------------------------------------


def test_another_post_runs_it_once_it_was_passed() -> None:
    state = OFFICIAL.fold([entered(), passed(1, PPO)])
    assert (state.post, state.since) == (PPO, micros(later(1)))
    given(OFFICIAL, entered(), passed(1, PPO)).when(Pass(passed(2, PPO), TREE)).then()


def test_a_closed_one_is_closed_for_good() -> None:
    history = (entered(), closed(1))
    given(OFFICIAL, entered()).when(Close(closed(1), TREE)).then(closed(1))
    given(OFFICIAL, *history).when(Close(closed(2), TREE)).then()
    given(OFFICIAL, *history).when(Pass(passed(2, PPO), TREE)).then_refused(
        "hq-g1 was closed at 2020-01-15T05:00:00+00:00; enter it anew if it is official again."
    )


def test_nothing_befalls_it_before_the_last_that_did() -> None:
    told = "ppo runs hq-g1 since 2020-01-15T06:00:00+00:00: the instant lies before."
    history = (entered(), passed(2, PPO))
    given(OFFICIAL, *history).when(Pass(passed(1, DPO), TREE)).then_refused(told)
    given(OFFICIAL, *history).when(Close(closed(1), TREE)).then_refused(told)


def test_only_a_post_with_a_say_over_the_owner_passes_and_closes() -> None:
    told = (
        "rpo-hazara neither belongs to swat nor commands it: name a post with --by that does."
    )
    for command in (
        Pass(passed(1, PPO, RPO_HAZARA), TREE),
        Close(closed(1, RPO_HAZARA), TREE),
    ):
        given(OFFICIAL, entered()).when(command).then_refused(told)


@pytest.mark.parametrize(
    "history",
    [
        (closed(1),),
        (passed(1, PPO),),
        (entered(), entered()),
        (entered(), closed(1), closed(2)),
    ],
)
def test_a_history_that_cannot_be_is_a_corrupt_stream(history: tuple[Event, ...]) -> None:
    with pytest.raises(CorruptStream):
        OFFICIAL.fold(history)
    with pytest.raises(CorruptStream):
        OFFICIAL.decide(Close(closed(1), TREE), Official())


# --- Names -----------------------------------------------------------------------------


def test_any_slug_is_a_platform() -> None:
    assert platform(" WhatsApp ") == "whatsapp"
    assert platform("a-new-one") == "a-new-one"
    for wrong in ("", "whats app", "واٹس", "-x", "a" * 41):
        with pytest.raises(Misused):
            platform(wrong)


def test_a_name_is_compared_as_people_write_it() -> None:
    assert name("  Swat \t Duty ") == "Swat Duty"
    assert key("SWAT  duty") == key("Swat Duty")
    assert key("@SwatPolice") == key("swatpolice")
    assert key("سوات\u200cپولیس") == key("سواتپولیس")
    assert key("swat") != key("swät")


def test_a_name_that_hides_something_is_none() -> None:
    for wrong in ("", "   ", "Swat\u202eDuty", "Swat\x00", "x" * 201):
        with pytest.raises(Misused):
            name(wrong)
    assert name("سوات\u200cپولیس") == "سوات\u200cپولیس"


def test_each_is_named_by_its_office_and_serial() -> None:
    assert (official_id("group", "hq", 3), official_id("account", "swat", 1)) == (
        "hq-g3",
        "swat-a1",
    )
    assert stream("group", "hq-g3", "hq") == "group-hq-g3.hq"


# --- Any history -----------------------------------------------------------------------

STEPS = st.lists(
    st.tuples(
        st.sampled_from(["enter", "pass", "close"]),
        st.integers(-1, 5),
        st.sampled_from([PPO, RPO, DPO, RPO_HAZARA]),
        st.sampled_from([PPO, DPO, RPO_HAZARA]),
        st.sampled_from([None, OPEN, CLOSED, ACCOUNTS]),
    ),
    max_size=8,
)


@each(steps=STEPS)
@examples(200)
def test_any_history_replays_and_a_command_given_twice_changes_nothing(
    steps: list[tuple[str, int, PostId, PostId, Clause | None]],
) -> None:
    history: list[Event] = []
    for kind, hours, to, by, clause in steps:
        command: Enter | Pass | Close
        match kind:
            case "enter":
                command = enter(entered(hours, by, post=to), clause, dated=True)
            case "pass":
                command = Pass(passed(hours, to, by), TREE, clause)
            case _:
                command = Close(closed(hours, by), TREE)
        try:
            facts = OFFICIAL.decide(command, OFFICIAL.fold(history))
        except (Refused, CorruptStream):
            continue
        history += facts
        assert OFFICIAL.decide(command, OFFICIAL.fold(history)) == ()
    state = OFFICIAL.fold(history)
    assert (state.entered is None) == (not history)
