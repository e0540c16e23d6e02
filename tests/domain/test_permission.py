"""A permission: asked for under the rule in force, decided once by who is competent then."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given as each
from hypothesis import strategies as st

from domain.authority import Authority
from domain.directive import Clause, Terms
from domain.errors import CorruptStream, Refused
from domain.fact import SECOND, ClauseId, OfficerId, PostId, micros
from domain.force import Post, Tree
from domain.permission import (
    PERMISSION,
    Ask,
    Command,
    Decide,
    Event,
    Expire,
    Expired,
    Granted,
    Permission,
    Requested,
    Revoked,
    alike,
    competent,
    forbidden,
    granted_until,
    longest,
    must_have_desk,
    must_need_leave,
    permission_id,
    ruled,
    stream,
)
from domain.permission import Refused as TurnedDown
from tests.domain.test_authority import DPO, HQ, MALAKAND, PPO, RPO, SAIDU, SHO, SWAT, WHO, tree
from tests.examples import KARVANDI, LEAVE, NINE, ORDER_TEXT, PLATFORMS, WHATSAPP, about
from tests.examples import TERMS as WITHOUT
from tests.spec import examples, given

ID = "hq-2020-p1"
DAY = 86_400


def later(hours: float) -> datetime:
    return NINE + timedelta(hours=hours)


def ground(post: PostId = DPO, officer: str | None = "D-1") -> Authority:
    return Authority(
        post=post, unit=SWAT, officer=None if officer is None else OfficerId(officer)
    )


def requested(hours: float = 0, *, until: float = 48, why: str = "A film.") -> Requested:
    return Requested(
        **about(at=later(hours)),
        permission=ID,
        year=2020,
        serial=1,
        directive=WHATSAPP,
        version=1,
        text=ORDER_TEXT,
        clause=PLATFORMS,
        rule=LEAVE,
        officer=KARVANDI,
        unit=SAIDU,
        rank=7,
        scope="uniform",
        until=later(until),
        why=why,
        decider=ground(),
    )


def granted(
    hours: float = 1, *, until: float = 48, by: PostId = DPO, scope: str = "uniform"
) -> Granted:
    return Granted(
        **about(at=later(hours)),
        scope=scope,
        until=later(until),
        reason="It is needed.",
        authority=ground(by),
    )


def refused(hours: float = 1, by: PostId = DPO) -> TurnedDown:
    return TurnedDown(**about(at=later(hours)), authority=ground(by))


def revoked(hours: float = 2, by: PostId = DPO) -> Revoked:
    return Revoked(**about(at=later(hours)), authority=ground(by))


def expired(hours: float = 48) -> Expired:
    return Expired(**about(at=later(hours)))


def desk(post: PostId = DPO, *, held: bool = True) -> Post:
    holders = ((OfficerId("D-1"), "substantive", 0),) if held else ()
    return Post(post, SWAT, {"en": post}, 19, head=True, holders=holders)


def by_dpo(fact: Granted | TurnedDown | Revoked, **said: object) -> Decide:
    return Decide(fact, desk(), **said)  # type: ignore[arg-type]


# --- Asking ------------------------------------------------------------------------------


def clause(
    name: str, kind: str = "prohibition", **more: str | bool | tuple[str, ...]
) -> Clause:
    of = more.pop("of", ())
    assert isinstance(of, tuple)
    return Clause(
        id=ClauseId(name),
        kind=kind,  # type: ignore[arg-type]  # the tests name kinds that are there
        text={"en": name},
        of=tuple(map(ClauseId, of)),
        more=more,
    )


RULE = clause(
    "leave",
    "permission_rule",
    of=("platforms",),
    decider_head_of="district",
    scope=("uniform", "Police vehicles"),
    expiry="P30D",
)
TERMS = Terms(
    subject={"en": "Media"},
    clauses=(
        clause("platforms", unless_permitted=True),
        clause("mockery"),
        RULE,
        clause("accounts", "delegation", of=("platforms",), posts=("sho-saidu",)),
    ),
)


def test_leave_is_asked_once_and_the_same_request_changes_nothing() -> None:
    ask = Ask(requested(), micros(NINE))
    given(PERMISSION).when(ask).then(requested())
    given(PERMISSION, requested()).when(ask).then()


def test_an_absolute_prohibition_has_nothing_to_permit() -> None:
    with pytest.raises(Refused) as no:
        ruled(TERMS, "mockery", "uniform")
    assert no.value.reason == (
        "mockery is an absolute prohibition: there is nothing to permit; leave can be asked of "
        "platforms."
    )


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("leave", "leave is no prohibition but a permission rule: there is nothing to permit"),
        ("plattforms", "There is no clause 'plattforms' in the version in force"),
    ],
)
def test_leave_is_asked_of_a_prohibition_and_nothing_else(name: str, reason: str) -> None:
    with pytest.raises(Refused) as no:
        ruled(TERMS, name, "uniform")
    assert no.value.reason == f"{reason}; leave can be asked of platforms."
    with pytest.raises(Refused, match=r"nothing to permit\.$"):
        ruled(WITHOUT, "quit", "uniform")


def test_who_names_the_rule_asks_leave_of_what_it_is_about() -> None:
    assert forbidden(TERMS, "leave") == "platforms"
    assert forbidden(TERMS, "platforms") == "platforms"
    assert forbidden(TERMS, "plattforms") == "plattforms"
    both = RULE.model_copy(update={"of": (ClauseId("platforms"), ClauseId("mockery"))})
    with pytest.raises(Refused) as no:
        forbidden(TERMS.model_copy(update={"clauses": (both,)}), "leave")
    assert no.value.reason == (
        "leave says who decides on leave of platforms and of mockery: name one of them."
    )


def test_the_scope_is_one_of_the_rules_and_the_nearest_is_named() -> None:
    assert ruled(TERMS, "platforms", "  police   VEHICLES ") == (RULE, "Police vehicles")
    with pytest.raises(Refused) as no:
        ruled(TERMS, "platforms", "vehicels")
    assert no.value.reason == (
        "Leave of platforms is given for uniform, Police vehicles, not for 'vehicels'; did you "
        "mean 'Police vehicles'?"
    )


def test_several_of_what_a_rule_lists_are_asked_for_at_once_in_any_order() -> None:
    both = "Police vehicles , UNIFORM"
    assert ruled(TERMS, "platforms", both) == (RULE, "uniform, Police vehicles")
    assert alike("uniform, Police vehicles", both)
    assert not alike("uniform", both)
    with pytest.raises(Refused, match="not for 'films'; did you mean"):
        ruled(TERMS, "platforms", "uniform, films")
    for nothing in ("", "uniform,"):
        with pytest.raises(Refused, match="not for ''"):
            ruled(TERMS, "platforms", nothing)


def test_a_rule_without_a_list_takes_any_scope() -> None:
    rule = clause("leave", "permission_rule", of=("platforms",), decider_post="igp")
    terms = Terms(subject={}, clauses=(clause("platforms", unless_permitted=True), rule))
    assert ruled(terms, "platforms", " a  film ") == (rule, "a film")


def test_of_two_rules_the_one_with_the_scope_decides() -> None:
    other = clause(
        "igp", "permission_rule", of=("platforms",), decider_post="igp", scope=("offices",)
    )
    terms = TERMS.model_copy(update={"clauses": (*TERMS.clauses, other)})
    assert ruled(terms, "platforms", "offices") == (other, "offices")
    assert ruled(terms, "platforms", "uniform") == (RULE, "uniform")
    with pytest.raises(Refused, match="by different rules: ask for each by itself"):
        ruled(terms, "platforms", "uniform, offices")


def test_the_officer_must_have_been_served_by_then() -> None:
    reason = "C-2 had not been served hq-2020-1 at that instant."
    given(PERMISSION).when(Ask(requested(), None)).then_refused(reason)
    given(PERMISSION).when(Ask(requested(), micros(later(1)))).then_refused(reason)


def test_leave_is_asked_until_after_the_request_and_with_a_reason() -> None:
    served = micros(NINE)
    given(PERMISSION).when(Ask(requested(until=0), served)).then_refused(
        "Leave is asked until an instant that comes after the request."
    )
    given(PERMISSION).when(Ask(requested(why=" "), served)).then_refused(
        "A request says what it is for and why it is necessary."
    )
    given(PERMISSION).when(Ask(requested(why="x" * 10_001), served)).then_refused(
        "A request holds at most 10,000 characters of why and 200 of scope."
    )


def test_the_holder_of_a_delegated_post_needs_no_leave() -> None:
    for rule_or_clause in ("platforms", "leave"):
        delegation = clause("accounts", "delegation", of=(rule_or_clause,), posts=(SHO, "igp"))
        terms = TERMS.model_copy(update={"clauses": (*TERMS.clauses[:3], delegation)})
        with pytest.raises(Refused) as no:
            must_need_leave(tree(SHO), terms, WHO, "platforms", RULE)
        assert no.value.reason == (
            "D-1 holds sho-saidu, to which accounts delegates it: he needs no leave."
        )
        must_need_leave(tree(), terms, WHO, "platforms", RULE)
    must_need_leave(tree(SHO), TERMS, WHO, "mockery", clause("other"))


# --- Who decides -------------------------------------------------------------------------


def held(**who: str) -> Tree:
    """A line of four desks; those named are held by these officers."""
    whole = tree()
    names = {"ppo": PPO, "rpo": RPO, "dpo": DPO, "sho": SHO}
    for name, officer in who.items():
        post = whole.posts[names[name]]
        held = Post(
            post.id, post.unit, post.title, None, head=True,
            holders=((OfficerId(officer), "acting", 5),),
        )  # fmt: skip
        whole = Tree(whole.units, {**whole.posts, post.id: held})
    return whole


def named(found: Post | None) -> str | None:
    return None if found is None else found.id


def test_the_head_of_the_nearest_unit_of_the_rules_kind_decides() -> None:
    assert named(competent(held(dpo="D-1", rpo="R-1"), SAIDU, "C-2", RULE)) == DPO


def test_while_the_desk_is_vacant_the_next_held_one_above_decides() -> None:
    assert named(competent(held(ppo="P-1"), SAIDU, "C-2", RULE)) == PPO
    assert named(competent(held(), SAIDU, "C-2", RULE)) == DPO, "it is awaited"


def test_nobody_decides_on_his_own_request_it_passes_to_the_next_head_above() -> None:
    assert named(competent(held(dpo="D-1", rpo="R-1", ppo="P-1"), SWAT, "D-1", RULE)) == RPO
    assert named(competent(held(dpo="D-1", ppo="P-1"), SWAT, "D-1", RULE)) == PPO
    assert named(competent(held(dpo="D-1", rpo="D-1", ppo="P-1"), SWAT, "D-1", RULE)) == PPO
    assert named(competent(held(dpo="D-1"), SWAT, "D-1", RULE)) == RPO, "it is awaited"


def test_where_nobody_could_decide_leave_is_not_asked() -> None:
    with pytest.raises(Refused) as no:
        must_have_desk(held(), MALAKAND, "C-2", RULE)
    assert no.value.reason == (
        "By its clause leave nobody decides for C-2: there is no district with a head at or "
        "above malakand."
    )
    with pytest.raises(Refused) as no:
        must_have_desk(held(), MALAKAND, "C-2", clause("leave", decider_post="igp"))
    assert no.value.reason == (
        "By its clause leave nobody decides for C-2: there is no post igp."
    )
    with pytest.raises(Refused) as no:
        must_have_desk(held(ppo="P-1"), HQ, "P-1", clause("leave", decider_post="ppo"))
    assert no.value.reason == (
        "Nobody decides on his own request, and no desk stands above ppo, which P-1 holds."
    )


# --- Deciding ----------------------------------------------------------------------------


def test_what_was_asked_is_granted_once() -> None:
    given(PERMISSION, requested()).when(by_dpo(granted())).then(granted())
    given(PERMISSION, requested(), granted()).when(by_dpo(granted(3, until=40))).then()


def test_what_was_asked_is_refused_once() -> None:
    given(PERMISSION, requested()).when(by_dpo(refused())).then(refused())
    given(PERMISSION, requested(), refused()).when(by_dpo(refused(3))).then()


def test_what_was_granted_is_revoked_once() -> None:
    given(PERMISSION, requested(), granted()).when(by_dpo(revoked())).then(revoked())
    given(PERMISSION, requested(), granted(), revoked()).when(by_dpo(revoked(3))).then()


def test_a_repeat_is_answered_as_before_whoever_decides_by_now() -> None:
    repeat = Decide(granted(5), desk(RPO))
    given(PERMISSION, requested(), granted()).when(repeat).then()
    given(PERMISSION, requested(), granted(), revoked()).when(
        Decide(revoked(5), desk(RPO))
    ).then()
    given(PERMISSION, requested(), refused()).when(Decide(refused(5), None)).then()


@pytest.mark.parametrize(
    ("history", "command", "reason"),
    [
        ((refused(),), by_dpo(granted(2)), f"{ID} has been refused: leave is asked for anew."),
        ((granted(),), by_dpo(refused(2)), f"{ID} has been granted: revoke it instead."),
        (
            (granted(),),
            by_dpo(granted(2, until=24), told=True),
            (
                f"{ID} has been granted until 2020-01-17T09:00:00+05:00: revoke it, and let leave be "
                "asked for anew."
            ),
        ),
        (
            (refused(),),
            by_dpo(revoked()),
            f"{ID} has been refused; there is nothing to revoke.",
        ),
        (
            (),
            by_dpo(revoked()),
            f"{ID} has not been decided: refuse it instead; there is nothing to revoke.",
        ),
        (
            (granted(), revoked()),
            by_dpo(granted(3)),
            f"{ID} has been revoked: leave is asked for anew.",
        ),
        (
            (granted(), revoked()),
            by_dpo(refused(3)),
            f"{ID} has been revoked: leave is asked for anew.",
        ),
    ],
)
def test_a_decision_that_contradicts_the_first_is_refused(
    history: tuple[Event, ...], command: Command, reason: str
) -> None:
    given(PERMISSION, requested(), *history).when(command).then_refused(reason)


def test_a_post_that_does_not_decide_is_refused_and_the_one_that_does_is_named() -> None:
    for fact in (granted(by=RPO), refused(by=RPO)):
        given(PERMISSION, requested()).when(Decide(fact, desk())).then_refused(
            "dpo-swat decides on leave for C-2 at that instant, not rpo-malakand: its decision "
            "would be void."
        )
    given(PERMISSION, requested(), granted()).when(
        Decide(revoked(by=RPO), desk())
    ).then_refused(
        "dpo-swat decides on leave for C-2 at that instant, not rpo-malakand: its decision "
        "would be void."
    )


def test_a_desk_held_by_the_requester_himself_is_told_so() -> None:
    own = Granted(
        **about(at=later(1)), scope="uniform", until=later(4), reason="x",
        authority=ground(DPO, KARVANDI),
    )  # fmt: skip
    given(PERMISSION, requested()).when(Decide(own, desk(RPO))).then_refused(
        "rpo-malakand decides on leave for C-2 at that instant, not dpo-swat: nobody decides on "
        "his own request."
    )


def test_a_vacant_desk_decides_nothing() -> None:
    given(PERMISSION, requested()).when(Decide(granted(), desk(held=False))).then_refused(
        "dpo-swat is vacant, and so is every desk above it: a decision needs a held post."
    )
    given(PERMISSION, requested()).when(Decide(granted(), None)).then_refused(
        "There is no desk that decides on leave for C-2."
    )


def test_leave_is_never_given_later_than_asked_nor_longer_than_the_rule() -> None:
    before = given(PERMISSION, requested())
    before.when(by_dpo(granted(until=49), told=True)).then_refused(
        "Leave was asked until 2020-01-17T09:00:00+05:00, and no longer."
    )
    before.when(by_dpo(granted(until=26), told=True, longest=DAY)).then_refused(
        "Leave lasts until 2020-01-16T10:00:00+05:00 at the longest, by the rule."
    )
    before.when(by_dpo(granted(until=25), told=True, longest=DAY)).then(granted(until=25))
    asked = PERMISSION.fold([requested()])
    assert granted_until(asked, micros(NINE), DAY) == micros(later(24))
    assert granted_until(asked, micros(NINE), 3 * DAY) == micros(later(48))
    assert granted_until(asked, micros(NINE), None) == micros(later(48))


@pytest.mark.parametrize(
    ("said", "seconds"),
    [("P30D", 30 * DAY), ("P1DT2H3M4S", DAY + 7384), ("PT6H", 21_600), ("P2W", 14 * DAY)],
)
def test_the_longest_that_leave_lasts_is_read_from_the_rule(said: str, seconds: int) -> None:
    assert longest(clause("leave", expiry=said)) == seconds
    assert longest(clause("leave")) is None


def test_leave_is_given_for_what_was_asked_and_nothing_wider() -> None:
    given(PERMISSION, requested()).when(by_dpo(granted(scope="everything"))).then_refused(
        "Leave is given for what was asked, which is 'uniform'."
    )


def test_leave_is_not_given_once_its_time_has_passed_nor_where_it_is_barred() -> None:
    given(PERMISSION, requested()).when(by_dpo(granted(48))).then_refused(
        "The time for which leave would be given had passed by then (2020-01-17T09:00:00+05:00)."
    )
    given(PERMISSION, requested()).when(by_dpo(granted(), barred="It ended.")).then_refused(
        "It ended."
    )
    given(PERMISSION, requested()).when(by_dpo(refused(), barred="It ended.")).then(refused())


def test_a_decision_does_not_come_before_what_it_answers() -> None:
    given(PERMISSION, requested()).when(by_dpo(granted(-1))).then_refused(
        f"{ID} had not yet been asked for at that instant."
    )
    given(PERMISSION, requested(), granted(2)).when(by_dpo(revoked(1))).then_refused(
        f"{ID} had not yet been granted at that instant."
    )
    given(PERMISSION).when(by_dpo(granted())).then_refused("No such leave was asked for.")


def test_a_reason_has_an_end() -> None:
    long = TurnedDown(**about(at=later(1)), reason="x" * 10_001, authority=ground())
    given(PERMISSION, requested()).when(by_dpo(long)).then_refused(
        "A reason holds at most 10,000 characters."
    )


# --- Expiry ------------------------------------------------------------------------------


def test_that_leave_has_expired_is_written_once_and_not_before() -> None:
    before = given(PERMISSION, requested(), granted())
    before.when(Expire(expired(), micros(later(48)) - SECOND)).then()
    before.when(Expire(expired(), micros(later(48)))).then(expired())
    after = given(PERMISSION, requested(), granted(), expired())
    after.when(Expire(expired(), micros(later(99)))).then()


@pytest.mark.parametrize("history", [(), (refused(),), (granted(), revoked())])
def test_only_leave_that_stands_expires(history: tuple[Event, ...]) -> None:
    given(PERMISSION, requested(), *history).when(Expire(expired(), micros(later(99)))).then()


def test_a_late_revocation_is_accepted_of_when_the_leave_still_ran() -> None:
    after = given(PERMISSION, requested(), granted(), expired())
    after.when(by_dpo(revoked(40))).then(revoked(40))
    after.when(by_dpo(revoked(48))).then_refused(
        f"{ID} expired at 2020-01-17T09:00:00+05:00; there is nothing to revoke."
    )


def test_the_state_is_a_question_of_time() -> None:
    whole = PERMISSION.fold([requested(), granted(1), revoked(30)])
    told = [whole.state_at(micros(later(hours))) for hours in (-1, 0, 1, 29, 30, 99)]
    assert told == ["not_requested", "requested", "granted", "granted", "revoked", "revoked"]
    kept = PERMISSION.fold([requested(), granted(1)])
    assert [kept.state_at(micros(later(hours))) for hours in (47, 48)] == ["granted", "expired"]
    assert PERMISSION.fold([requested(), refused(1)]).state_at(micros(later(1))) == "refused"
    assert Permission().state_at(0) == "not_requested"


@pytest.mark.parametrize(
    "history",
    [
        (granted(),),
        (requested(), requested()),
        (requested(), refused(), granted()),
        (requested(), revoked()),
        (requested(), granted(), revoked(), expired()),
    ],
)
def test_a_history_that_cannot_be_is_a_corrupt_stream(history: tuple[Event, ...]) -> None:
    with pytest.raises(CorruptStream):
        PERMISSION.fold(history)


def test_names() -> None:
    assert permission_id("malakand-2", 2025, 7) == "malakand-2-2025-p7"
    assert stream(ID, "hq") == "permission-hq-2020-p1.hq"


# --- Any order ---------------------------------------------------------------------------

HOURS = st.sampled_from([-1, 0, 1, 2, 20, 47, 48, 60])
ANY = st.one_of(
    st.builds(lambda h: Ask(requested(h), micros(later(-2))), HOURS),
    st.builds(lambda h, u, t: by_dpo(granted(h, until=u), told=t), HOURS, HOURS, st.booleans()),
    st.builds(lambda h: by_dpo(refused(h)), HOURS),
    st.builds(lambda h: by_dpo(revoked(h)), HOURS),
    st.builds(lambda h: Expire(expired(), micros(later(h))), HOURS),
)


@each(st.lists(ANY, max_size=8).flatmap(lambda some: st.permutations([*some, *some])))
@examples(300)
def test_commands_in_any_order_and_doubled_never_contradict_each_other(
    commands: list[Command],
) -> None:
    history: list[Event] = []
    for command in commands:
        state = PERMISSION.fold(history)
        try:
            facts = PERMISSION.decide(command, state)
        except Refused:
            continue
        history += facts
        if facts:
            again = PERMISSION.decide(command, PERMISSION.fold(history))
            assert again == (), "a repeat changes nothing"
    kinds = [type(fact).__name__ for fact in history]
    assert len(set(kinds)) == len(kinds), "each at most once"
    assert not {"Granted", "Refused"} <= set(kinds), "no two decisions"
