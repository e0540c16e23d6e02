"""A case: no step is skipped, nobody is decided upon unheard, nobody decides his own."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given as each
from hypothesis import strategies as st

from domain import case
from domain.authority import Authority
from domain.case import CASE, Case, Command, Ground
from domain.errors import Refused
from domain.fact import OfficerId, PostId, UnitId, micros
from tests.examples import (
    DPO,
    KARVANDI,
    MALAKAND,
    NINE,
    ORDER_TEXT,
    QUIT,
    RPO,
    SAIDU,
    SWAT,
    TEN,
    WAZMERI,
    WHATSAPP,
    about,
)
from tests.spec import examples, given

DAY = timedelta(days=1)
BY_DPO = Authority(
    post=DPO, unit=SWAT, officer=WAZMERI, charge="substantive", rank=19, line=(SAIDU, SWAT)
)
BY_RPO = Authority(
    post=RPO, unit=MALAKAND, officer=OfficerId("R-1"), rank=20, line=(SAIDU, SWAT, MALAKAND)
)
VACANT = BY_DPO.model_copy(update={"officer": None})
HIS_OWN = BY_DPO.model_copy(update={"officer": KARVANDI})
GROUND = Ground(
    state="in_force",
    kind="prohibition",
    breachable=("quit",),
    served_at=micros(NINE),
    unserved="It lies with swat.",
    gone=False,
    due_at=None,
    complied_at=None,
    exempt=False,
)


def said(at: datetime, actor: str = "post:dpo-swat") -> dict[str, Any]:
    return about(actor, "desk", at)


def reported(at: datetime = TEN, **more: Any) -> case.BreachReported:
    whole: dict[str, Any] = {
        "directive": WHATSAPP,
        "version": 1,
        "text": ORDER_TEXT,
        "clause": QUIT,
        "officer": KARVANDI,
        "unit": SAIDU,
        "rank": 7,
        "duty": "on_duty",
        "breach_at": TEN,
        "evidence": "screenshot 12",
    }
    return case.BreachReported(**said(at), **whole | more)


def noticed(at: datetime = TEN, by: Authority = BY_DPO) -> case.NoticeServed:
    return case.NoticeServed(**said(at), until=at + 7 * DAY, authority=by)


def answered(at: datetime = TEN + DAY) -> case.Answered:
    return case.Answered(**said(at, "officer:C-2"), text="I had been added.")


def decided(
    outcome: str = "dismissed", at: datetime = TEN + 2 * DAY, by: Authority = BY_DPO
) -> case.Decided:
    return case.Decided(**said(at), outcome=outcome, reason="Proved.", authority=by)  # type: ignore[arg-type]  # pydantic checks it


def appealed(at: datetime = TEN + 3 * DAY) -> case.Appealed:
    return case.Appealed(**said(at, "officer:C-2"), reason="Too severe.")


def heard(
    outcome: str = "upheld",
    to: str | None = None,
    at: datetime = TEN + 4 * DAY,
    by: Authority = BY_RPO,
) -> case.AppealDecided:
    return case.AppealDecided(
        **said(at),
        outcome=outcome,  # type: ignore[arg-type]  # pydantic checks it
        reduced_to=to,  # type: ignore[arg-type]  # pydantic checks it
        reason="Heard.",
        authority=by,
    )


def reinstated(at: datetime = TEN + 5 * DAY, by: Authority = BY_DPO) -> case.Reinstated:
    return case.Reinstated(**said(at), reason="Cleared.", authority=by)


def report(fact: case.BreachReported | None = None, **known: Any) -> case.Report:
    return case.Report(fact or reported(), GROUND._replace(**known))


def notice(fact: case.NoticeServed | None = None, *, outside: bool = False) -> case.Notice:
    return case.Notice(fact or noticed(), outside=outside)


def decision(
    fact: case.Decided | None = None,
    competent: PostId | None = DPO,
    *,
    outside: bool = False,
    contested: bool = False,
) -> case.Decide:
    return case.Decide(fact or decided(), competent, outside=outside, contested=contested)


def hearing(
    fact: case.AppealDecided | None = None, competent: PostId | None = RPO
) -> case.DecideAppeal:
    return case.DecideAppeal(fact or heard(), competent)


HEARD = (reported(), noticed(), answered())
DISMISSED = (*HEARD, decided())
APPEALED = (*DISMISSED, appealed())


# --- The report ------------------------------------------------------------------------


def test_a_breach_opens_a_case() -> None:
    given(CASE).when(report()).then(reported())


def test_the_same_breach_reported_again_is_the_same_case() -> None:
    given(CASE, reported()).when(report()).then()


def test_who_was_not_served_by_then_cannot_be_in_breach_and_it_is_told_who_has_it() -> None:
    late = micros(TEN) + 1
    for served in (None, late):
        given(CASE).when(report(served_at=served)).then_refused(
            "C-2 had not been served hq-2020-1 by 2020-01-15T10:00:00+05:00: It lies with swat."
        )
    given(CASE).when(report(served_at=micros(TEN))).then(reported())


def test_only_a_clause_of_that_wording_that_is_to_be_obeyed_can_be_breached() -> None:
    given(CASE).when(report(kind="exception")).then_refused(
        "'quit' in version 1 of hq-2020-1 is of the kind exception, which nobody breaches; "
        "those that can be breached are quit."
    )
    given(CASE).when(report(kind=None, breachable=())).then_refused(
        "There is no clause 'quit' in version 1 of hq-2020-1; those that can be breached are "
        "none."
    )


def test_a_directive_that_was_not_in_force_could_not_be_breached() -> None:
    given(CASE).when(report(state="superseded")).then_refused(
        "hq-2020-1 was superseded at 2020-01-15T10:00:00+05:00: it could not be breached."
    )


def test_an_act_is_breached_only_once_it_is_overdue() -> None:
    act: dict[str, Any] = {"kind": "required_act"}
    given(CASE).when(report(**act, due_at=micros(TEN) + 1)).then_refused(
        "quit was not yet due for C-2 at 2020-01-15T10:00:00+05:00: it is due at "
        "2020-01-15T10:00:00.000001+05:00."
    )
    given(CASE).when(report(**act, due_at=micros(TEN))).then(reported())
    given(CASE).when(report(**act)).then_refused("quit has no deadline: it is never overdue.")


def test_who_complied_before_is_not_in_breach() -> None:
    given(CASE).when(
        report(kind="required_act", due_at=micros(NINE), complied_at=micros(NINE))
    ).then_refused("C-2 had complied with quit at 2020-01-15T09:00:00+05:00.")


@pytest.mark.parametrize(
    ("known", "reason"),
    [
        ({"gone": True}, "C-2 had left the force by 2020-01-15T10:00:00+05:00."),
        ({"exempt": True}, "C-2 was exempt from quit at 2020-01-15T10:00:00+05:00."),
        ({"permission": "hq-2020-p1"}, "C-2 had leave for it: hq-2020-p1."),
    ],
)
def test_who_was_not_bound_then_is_not_in_breach(known: dict[str, Any], reason: str) -> None:
    given(CASE).when(report(**known)).then_refused(reason)


def test_a_breach_is_not_reported_before_it_happened() -> None:
    given(CASE).when(report(reported(NINE))).then_refused(
        "The breach lies after its report at 2020-01-15T09:00:00+05:00."
    )


# --- Notice and answer -----------------------------------------------------------------


def test_a_case_goes_from_report_to_notice_to_answer_to_decision() -> None:
    given(CASE, reported()).when(notice()).then(noticed())
    given(CASE, reported(), noticed()).when(case.Answer(answered())).then(answered())
    given(CASE, *HEARD).when(decision()).then(decided())


def test_a_notice_comes_from_a_held_post_that_commands_him_and_is_not_his_own() -> None:
    stranger = BY_DPO.model_copy(update={"line": ()})
    for by, reason in (
        (stranger, "dpo-swat does not command the unit of C-2."),
        (VACANT, "dpo-swat is vacant: this needs a held post."),
        (HIS_OWN, "dpo-swat is held by C-2: nobody decides his own case."),
    ):
        given(CASE, reported()).when(notice(noticed(by=by))).then_refused(reason)


def test_nothing_happens_before_what_it_follows() -> None:
    given(CASE, reported()).when(notice(noticed(NINE))).then_refused(
        "2020-01-15T09:00:00+05:00 lies before the breach was reported "
        "(2020-01-15T10:00:00+05:00)."
    )
    given(CASE, reported(), noticed()).when(case.Answer(answered(NINE))).then_refused(
        "2020-01-15T09:00:00+05:00 lies before the notice was served "
        "(2020-01-15T10:00:00+05:00)."
    )
    given(CASE, *HEARD).when(decision(decided(at=TEN))).then_refused(
        "2020-01-15T10:00:00+05:00 lies before the step that it follows "
        "(2020-01-16T10:00:00+05:00)."
    )


def test_what_nobody_asked_cannot_be_answered() -> None:
    given(CASE, reported()).when(case.Answer(answered())).then_refused(
        "No notice has been served on him yet: there is nothing to answer."
    )


def test_an_answer_after_the_decision_is_an_appeal() -> None:
    unanswered = (reported(), noticed(), decided(at=TEN + 7 * DAY))
    given(CASE, *unanswered).when(case.Answer(answered(TEN + 8 * DAY))).then_refused(
        "The case is decided; he is heard now by an appeal."
    )


# --- The decision ----------------------------------------------------------------------


def test_nobody_is_decided_upon_unheard() -> None:
    given(CASE, reported()).when(decision()).then_refused(
        "No notice has been served on C-2: nobody is decided upon unheard."
    )
    given(CASE, reported(), noticed()).when(decision()).then_refused(
        "C-2 has not answered and has until 2020-01-22T10:00:00+05:00: nobody is decided upon "
        "unheard."
    )
    late = decided(at=TEN + 7 * DAY)
    given(CASE, reported(), noticed()).when(decision(late)).then(late)


def test_he_may_be_suspended_before_he_is_heard_and_is_heard_while_suspended() -> None:
    suspended = decided("suspended", TEN)
    given(CASE, reported()).when(decision(suspended)).then(suspended)
    given(CASE, reported()).when(decision(decided("suspended", by=BY_RPO))).then_refused(
        "rpo-malakand is not competent for C-2 by his unit and rank: dpo-swat is."
    )
    told = noticed(at=TEN + DAY)
    given(CASE, reported(), suspended).when(notice(told)).then(told)
    given(CASE, reported(), suspended).when(decision()).then_refused(
        "No notice has been served on C-2: nobody is decided upon unheard."
    )
    steps: list[case.Event] = [
        reported(),
        suspended,
        told,
        answered(TEN + 2 * DAY),
        decided(at=TEN + 3 * DAY),
    ]
    states = [CASE.fold(steps[: n + 1]).state for n in range(len(steps))]
    assert states == ["reported", "decided", "noticed", "answered", "decided"]


def test_another_post_than_the_competent_one_is_refused_and_the_competent_one_named() -> None:
    given(CASE, *HEARD).when(decision(decided(by=BY_RPO))).then_refused(
        "rpo-malakand is not competent for C-2 by his unit and rank: dpo-swat is."
    )
    given(CASE, *HEARD).when(decision(competent=None)).then_refused(
        "dpo-swat is not competent for C-2 by his unit and rank: nobody within the force is."
    )


def test_nobody_decides_his_own_case_and_no_vacant_desk_decides() -> None:
    given(CASE, *HEARD).when(decision(decided(by=HIS_OWN))).then_refused(
        "dpo-swat is held by C-2: nobody decides his own case."
    )
    given(CASE, *HEARD).when(decision(decided(by=VACANT))).then_refused(
        "dpo-swat is vacant: this needs a held post."
    )


def test_a_contest_is_decided_before_its_officer_is_but_his_case_may_be_filed() -> None:
    given(CASE, *HEARD).when(decision(contested=True)).then_refused(
        "C-2 contests that hq-2020-1 applies to him: decide that first, with "
        "`farman contest … --decide`."
    )
    given(CASE, *HEARD).when(decision(decided("filed"), contested=True)).then(decided("filed"))


def test_from_bps_18_on_a_case_is_only_forwarded() -> None:
    outside = (
        "C-2 is of BPS 18 or above: the Government of the province decides, under its own "
    )
    given(CASE, *HEARD).when(decision(outside=True)).then_refused(
        f"{outside}rules. dpo-swat forwards the case: --outcome forwarded."
    )
    given(CASE, reported()).when(notice(outside=True)).then_refused(
        f"{outside}rules. Forward the case: --outcome forwarded."
    )
    forwarded = decided("forwarded")
    given(CASE, reported()).when(decision(forwarded, outside=True)).then(forwarded)
    given(CASE, *HEARD).when(decision(forwarded)).then_refused(
        "Only cases of BPS 18 and above are forwarded: decide this one."
    )


def test_a_decision_repeated_changes_nothing_and_another_is_refused() -> None:
    given(CASE, *DISMISSED).when(decision(decided(by=BY_RPO))).then()
    given(CASE, *DISMISSED).when(decision(decided("censured"))).then_refused(
        "The case is decided already: dismissed."
    )


def test_a_decision_may_follow_a_suspension_and_only_that() -> None:
    suspended = decided("suspended")
    later = decided("removed", TEN + 3 * DAY)
    given(CASE, *HEARD, suspended).when(decision(later)).then(later)
    given(CASE, *HEARD, suspended, later).when(decision(suspended)).then()
    given(CASE, *HEARD, suspended, reinstated()).when(decision(later)).then_refused(
        "He has been reinstated: the case is at its end."
    )


# --- Appeal and reinstatement ----------------------------------------------------------


def test_an_appeal_is_possible_for_thirty_days() -> None:
    last = appealed(TEN + 32 * DAY)
    given(CASE, *DISMISSED).when(case.Appeal(last)).then(last)
    late = appealed(TEN + 32 * DAY + timedelta(microseconds=1))
    given(CASE, *DISMISSED).when(case.Appeal(late)).then_refused(
        "The thirty days for an appeal ran out at 2020-02-16T10:00:00+05:00."
    )


def test_only_a_punishment_is_appealed_against() -> None:
    for history, reason in (
        (HEARD, "The case is not decided yet: there is nothing to appeal against."),
        (
            (*HEARD, decided("filed")),
            "The case was filed; there is nothing to appeal against.",
        ),
        (
            (*HEARD, decided("suspended")),
            (
                "A suspension is no punishment: it ends by the decision or reinstatement; there "
                "is nothing to appeal against."
            ),
        ),
        (
            (reported(), decided("forwarded")),
            "The Government decides this case; there is nothing to appeal against.",
        ),
        ((*DISMISSED, reinstated()), "He has been reinstated: the case is at its end."),
    ):
        given(CASE, *history).when(case.Appeal(appealed(TEN + 6 * DAY))).then_refused(reason)


def test_the_next_authority_above_decides_the_appeal() -> None:
    given(CASE, *APPEALED).when(hearing()).then(heard())
    given(CASE, *APPEALED).when(hearing(heard(by=BY_DPO))).then_refused(
        "dpo-swat is not competent for C-2 by his unit and rank: rpo-malakand is."
    )
    given(CASE, *APPEALED).when(hearing(competent=None)).then_refused(
        "No desk stands above dpo-swat: the appeal lies with the Government of the province, "
        "outside the force."
    )
    given(CASE, *DISMISSED).when(hearing()).then_refused("There is no appeal to decide.")


def test_an_appeal_is_decided_once() -> None:
    given(CASE, *APPEALED, heard()).when(hearing()).then()
    given(CASE, *APPEALED, heard()).when(hearing(heard("set_aside"))).then_refused(
        "The appeal is decided already: upheld."
    )


def test_a_punishment_is_reduced_to_a_lighter_one() -> None:
    lighter = heard("reduced", "censured")
    given(CASE, *APPEALED).when(hearing(lighter)).then(lighter)
    for outcome, to in (("reduced", None), ("upheld", "censured")):
        given(CASE, *APPEALED).when(hearing(heard(outcome, to))).then_refused(
            "A reduced punishment, and no other decision, names what it is reduced to."
        )
    censured = (*HEARD, decided("censured"), appealed())
    given(CASE, *censured).when(hearing(heard("reduced", "removed"))).then_refused(
        "removed is not lighter than censured; lighter are: warned."
    )


@pytest.mark.parametrize("outcome", case.REVERSIBLE)
def test_one_is_reinstated_from_suspension_and_the_major_punishments(outcome: str) -> None:
    given(CASE, *HEARD, decided(outcome)).when(case.Reinstate(reinstated(), (DPO,))).then(
        reinstated()
    )


@pytest.mark.parametrize("outcome", ["filed", *case.MINOR])
def test_one_is_reinstated_from_nothing_else(outcome: str) -> None:
    given(CASE, *HEARD, decided(outcome)).when(
        case.Reinstate(reinstated(), (DPO,))
    ).then_refused(
        f"He was {outcome}: one is reinstated only from suspension, removal, dismissal, "
        "compulsory retirement or reduction in rank."
    )


def test_one_is_reinstated_by_the_competent_desk_and_not_while_an_appeal_is_open() -> None:
    given(CASE, *DISMISSED).when(case.Reinstate(reinstated(by=BY_RPO), (DPO,))).then_refused(
        "rpo-malakand is not competent for C-2 by his unit and rank: dpo-swat is."
    )
    given(CASE, *APPEALED).when(case.Reinstate(reinstated(), (DPO,))).then_refused(
        "His appeal is undecided: decide it first."
    )
    by_rpo = reinstated(by=BY_RPO)
    given(CASE, *APPEALED, heard("set_aside")).when(case.Reinstate(by_rpo, (DPO, RPO))).then(
        by_rpo
    )


# --- Whatever the order ----------------------------------------------------------------

STEPS = (
    "reported",
    "noticed",
    "answered",
    "decided",
    "appealed",
    "appeal_decided",
    "reinstated",
)
INSTANTS = st.integers(0, 45).map(lambda days: TEN + days * DAY)
OUTCOMES = st.sampled_from(case.OUTCOMES)
POSTS = st.sampled_from([BY_DPO, BY_RPO, VACANT, HIS_OWN])
COMMANDS: st.SearchStrategy[Command] = st.one_of(
    st.builds(report, st.builds(reported, INSTANTS)),
    st.builds(notice, st.builds(noticed, INSTANTS, POSTS), outside=st.booleans()),
    st.builds(case.Answer, st.builds(answered, INSTANTS)),
    st.builds(
        decision,
        st.builds(decided, OUTCOMES, INSTANTS, POSTS),
        outside=st.booleans(),
        contested=st.booleans(),
    ),
    st.builds(case.Appeal, st.builds(appealed, INSTANTS)),
    st.builds(
        hearing,
        st.builds(heard, st.just("reduced"), st.none() | OUTCOMES, INSTANTS, st.just(BY_RPO))
        | st.builds(heard, st.sampled_from(["upheld", "set_aside"]), at=INSTANTS),
    ),
    st.builds(case.Reinstate, st.builds(reinstated, INSTANTS, POSTS), st.just((DPO, RPO))),
)


def run(commands: list[Command]) -> list[case.Event]:
    """Give the commands one after the other; return what was written."""
    state, written = Case(), []
    for command in commands:
        try:
            facts = CASE.decide(command, state)
        except Refused:
            continue
        for fact in facts:
            state = CASE.evolve(state, fact)
            written.append(fact)
    return written


@each(st.lists(COMMANDS, max_size=20))
@examples(400)
def test_no_order_of_commands_skips_a_step(commands: list[Command]) -> None:
    state = Case()
    for fact in run([report(), notice(), *commands]):
        before, state = state, CASE.evolve(state, fact)
        match fact:
            case case.NoticeServed():
                assert before.reported_at is not None
            case case.Answered():
                assert before.noticed_at is not None
            case case.Decided():
                assert before.outcome in (None, "suspended")
                if fact.outcome != "forwarded":
                    assert before.until is not None
                    assert before.answered_at is not None or micros(fact.at) >= before.until
                assert fact.authority.officer not in (None, KARVANDI)
            case case.Appealed():
                assert before.outcome in (*case.MINOR, *case.MAJOR)
            case case.AppealDecided():
                assert before.appealed_at is not None
                assert before.appeal is None
            case case.Reinstated():
                assert before.outcome in case.REVERSIBLE
                assert (before.appealed_at is None) == (before.appeal is None)


@each(st.lists(COMMANDS, max_size=20))
@examples(400)
def test_giving_every_command_twice_changes_nothing(commands: list[Command]) -> None:
    start: list[Command] = [report(), notice(), case.Answer(answered())]
    doubled = [one for command in [*start, *commands] for one in (command, command)]
    assert run(doubled) == run([*start, *commands])


def test_the_unit_of_a_case_is_the_one_at_the_breach() -> None:
    assert CASE.fold([reported(unit=UnitId("swat"))]).unit == "swat"
