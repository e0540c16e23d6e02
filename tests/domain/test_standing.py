"""What an officer counts at an instant: bound, answered, exempt, overdue."""

from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given as each
from hypothesis import strategies as st

from domain.deadline import Due
from domain.directive import DIRECTIVE, Amended, Clause, Issued, Terms
from domain.fact import FOREVER, HOUR, SECOND, ClauseId, Micros, micros
from domain.standing import (
    Asked,
    Officer,
    Plea,
    acts_of,
    counted,
    freed,
    last_of,
    open_due,
    overdue_spans,
)
from tests.examples import CERTIFY, NINE, ORDER, QUIT, about, example
from tests.spec import examples

SERVED = micros(NINE)
DUE = SERVED + 24 * HOUR
ONE = (QUIT,)
BOTH = (QUIT, CERTIFY)
NOBODY = (0, 0, 0, 0, 0, 0, 0)


def officer(
    *acts: Micros | None,
    dues: tuple[Micros | None, ...] = (DUE,),
    read: Micros | None = None,
    acknowledged: Micros | None = None,
    pleas: tuple[Plea, ...] = (),
) -> Officer:
    done = (*acts, *(None,) * (len(dues) - len(acts)))
    return Officer(SERVED, dues, read, acknowledged, done, pleas)


def plea(at: Micros, kind: str, clause: ClauseId | None = None, position: int = 1) -> Plea:
    return Plea(at, position, kind, clause)


def counts(one: Officer, at: Micros, required: tuple[ClauseId, ...] = ONE) -> dict[str, int]:
    """What he counts, by name, zeros left out."""
    names = ("served", "read", "acknowledged", "complied", "exempt", "contested", "overdue")
    found = zip(names, counted(one, at, required), strict=True)
    return {name: count for name, count in found if count}


# --- Counts ----------------------------------------------------------------------------


def test_before_his_service_an_officer_counts_nothing() -> None:
    everything = officer(SERVED, read=SERVED, acknowledged=SERVED)
    assert counted(everything, SERVED - 1, ONE) == NOBODY
    assert counts(everything, SERVED) == {
        "served": 1,
        "read": 1,
        "acknowledged": 1,
        "complied": 1,
    }


def test_each_answer_counts_from_its_very_instant() -> None:
    one = officer(SERVED + 3, read=SERVED + 1, acknowledged=SERVED + 2)
    told: list[tuple[str, ...]] = [tuple(counts(one, SERVED + n)) for n in range(4)]
    assert told == [
        ("served",),
        ("served", "read"),
        ("served", "read", "acknowledged"),
        ("served", "read", "acknowledged", "complied"),
    ]


def test_an_act_is_overdue_from_its_due_until_it_is_complied_with() -> None:
    late = officer(DUE + 5)
    overdue = {0: 0, DUE - 1: 0, DUE: 1, DUE + 4: 1, DUE + 5: 0, FOREVER: 0}
    assert {at: counts(late, at).get("overdue", 0) for at in overdue} == overdue
    assert counts(officer(), FOREVER)["overdue"] == 1
    assert "overdue" not in counts(officer(DUE), DUE)


def test_an_act_without_a_deadline_is_never_overdue() -> None:
    assert "overdue" not in counts(officer(dues=(None,)), FOREVER)


def test_who_is_served_after_the_due_is_overdue_at_once() -> None:
    one = officer(dues=(SERVED - HOUR,))
    assert counted(one, SERVED - 1, ONE) == NOBODY
    assert counts(one, SERVED) == {"served": 1, "overdue": 1}


def test_with_several_acts_an_officer_is_overdue_once_and_complies_with_the_last() -> None:
    one = officer(DUE + 9, DUE + 3, dues=(DUE, DUE + 1))
    overdue = {DUE - 1: 0, DUE: 1, DUE + 2: 1, DUE + 8: 1, DUE + 9: 0}
    assert {at: counts(one, at, BOTH).get("overdue", 0) for at in overdue} == overdue
    complied = {DUE + 3: 0, DUE + 8: 0, DUE + 9: 1}
    assert {at: counts(one, at, BOTH).get("complied", 0) for at in complied} == complied


def test_where_no_act_is_required_nobody_complies() -> None:
    assert counts(officer(dues=()), FOREVER, ()) == {"served": 1}


# --- Exemptions and contests -----------------------------------------------------------


def test_an_exempt_officer_counts_as_answered_but_not_as_complied_or_overdue() -> None:
    freed_at_ten = (plea(SERVED + HOUR, "exempted"),)
    done = officer(SERVED, read=SERVED, acknowledged=SERVED, pleas=freed_at_ten)
    assert counts(done, SERVED + HOUR - 1) == {
        "served": 1,
        "read": 1,
        "acknowledged": 1,
        "complied": 1,
    }
    assert counts(done, SERVED + HOUR) == {
        "served": 1,
        "read": 1,
        "acknowledged": 1,
        "exempt": 1,
    }
    assert counts(officer(pleas=freed_at_ten), FOREVER) == {"served": 1, "exempt": 1}


def test_an_exemption_from_one_of_two_acts_leaves_the_other_owed() -> None:
    part = (plea(SERVED, "exempted", QUIT),)
    one = officer(None, None, dues=(DUE, DUE + 5), pleas=part)
    assert counts(one, DUE, BOTH) == {"served": 1}
    assert counts(one, DUE + 5, BOTH) == {"served": 1, "overdue": 1}
    done = officer(None, DUE, dues=(DUE, DUE + 5), pleas=part)
    assert counts(done, DUE + 5, BOTH) == {"served": 1, "complied": 1}


def test_exempt_counts_when_every_act_is_exempt() -> None:
    both = (plea(SERVED, "exempted", QUIT), plea(SERVED + 9, "exempted", CERTIFY))
    one = officer(dues=(DUE, DUE), pleas=both)
    assert "exempt" not in counts(one, SERVED + 8, BOTH)
    assert counts(one, SERVED + 9, BOTH)["exempt"] == 1


def test_an_exemption_from_what_is_no_act_frees_nobody() -> None:
    one = officer(pleas=(plea(SERVED, "exempted", ClauseId("salute")),))
    assert counts(one, DUE) == {"served": 1, "overdue": 1}
    none = officer(dues=(), pleas=(plea(SERVED, "exempted", ClauseId("salute")),))
    assert counts(none, DUE, ()) == {"served": 1}
    whole = officer(dues=(), pleas=(plea(SERVED, "exempted"),))
    assert counts(whole, DUE, ()) == {"served": 1, "exempt": 1}


def test_a_contest_stops_no_deadline() -> None:
    one = officer(pleas=(plea(SERVED, "contested"),))
    assert counts(one, DUE) == {"served": 1, "contested": 1, "overdue": 1}


def test_a_contest_ends_by_its_decision_and_upheld_exempts() -> None:
    upheld = officer(pleas=(plea(SERVED, "contested"), plea(DUE, "upheld", position=2)))
    assert counts(upheld, DUE - 1) == {"served": 1, "contested": 1}
    assert counts(upheld, DUE) == {"served": 1, "exempt": 1}
    dismissed = officer(pleas=(plea(SERVED, "contested"), plea(DUE, "dismissed", position=2)))
    assert counts(dismissed, DUE) == {"served": 1, "overdue": 1}


def test_after_a_dismissal_he_may_contest_again() -> None:
    pleas = (plea(1, "contested"), plea(2, "dismissed"), plea(3, "contested"))
    told = [freed(pleas, at, ONE)[2] for at in range(5)]
    assert told == [False, True, False, True, True]


def test_an_exemption_does_not_decide_a_contest() -> None:
    pleas = (plea(1, "contested"), plea(2, "exempted"))
    assert freed(pleas, 2, ONE) == (True, frozenset({0}), True)


def test_what_is_pleaded_later_is_not_heard_yet() -> None:
    assert freed((plea(5, "exempted"),), 4, ONE) == (False, frozenset(), False)


# --- Acts and dues ---------------------------------------------------------------------


def test_compliance_with_all_counts_for_each_act_where_it_is_earlier() -> None:
    assert acts_of(BOTH, {}) == (None, None)
    assert acts_of(BOTH, {QUIT: 5}) == (5, None)
    assert acts_of(BOTH, {QUIT: 5, None: 7}) == (5, 7)
    assert acts_of(BOTH, {QUIT: 9, None: 7}) == (7, 7)
    assert acts_of((), {None: 7}) == ()


def test_the_last_act_is_done_when_all_are() -> None:
    assert last_of((3, 9, 5)) == 9
    assert last_of((3, None)) is None
    assert last_of(()) is None


def test_the_open_due_is_the_earliest_of_what_is_owed() -> None:
    assert open_due((9, 5, 7), (None, None, None), frozenset()) == 5
    assert open_due((9, 5, 7), (None, 6, None), frozenset()) == 7
    assert open_due((9, 5, 7), (None, 6, None), frozenset({2})) == 9
    assert open_due((None,), (None,), frozenset()) is None
    assert open_due((9,), (1,), frozenset()) is None


def test_times_overdue_that_touch_are_one() -> None:
    assert overdue_spans(0, (5, 7), (7, 9)) == [(5, 9)]
    assert overdue_spans(0, (5, 8), (7, 9)) == [(5, 7), (8, 9)]
    assert overdue_spans(0, (5, 6), (None, 7)) == [(5, None)]
    assert overdue_spans(0, (5, 6), (7, None)) == [(5, None)]
    assert overdue_spans(0, (5, 6), (9, 7)) == [(5, 9)]
    assert overdue_spans(6, (5,), (6,)) == []
    assert overdue_spans(6, (5,), (9,)) == [(6, 9)]


# --- What is asked ---------------------------------------------------------------------

issued = example(Issued)
SHORTER = Terms(
    subject={"en": "s"},
    clauses=(
        Clause(
            id=CERTIFY,
            kind="required_act",
            text={"en": "Certify."},
            due=Due(clock="service", within=60),
        ),
    ),
)


def amended(hours: int, version: int, *, material: bool) -> Amended:
    return Amended(
        **about(at=NINE + timedelta(hours=hours)),
        version=version,
        material=material,
        terms=SHORTER,
        text="b2" * 32,
    )


def test_a_directive_asks_the_acts_of_its_last_material_version() -> None:
    state = DIRECTIVE.fold(
        [issued, amended(1, 2, material=False), amended(2, 3, material=True)]
    )
    first = Asked.of(state, SERVED + HOUR)
    assert (first.version, first.required, first.restarted) == (1, BOTH, 0)
    assert first.terms == tuple(act.due for act in ORDER.terms.acts())
    then = Asked.of(state, SERVED + 2 * HOUR)
    assert (then.version, then.required, then.restarted) == (3, (CERTIFY,), SERVED + 2 * HOUR)


def test_an_earlier_version_can_be_asked_for() -> None:
    state = DIRECTIVE.fold([issued, amended(1, 2, material=True)])
    assert Asked.of(state, FOREVER, 1).required == BOTH
    assert Asked.of(state, FOREVER, 1).restarted == 0
    assert Asked.of(state, FOREVER, 2) == Asked.of(state, FOREVER)


def test_each_act_is_due_by_its_own_clock() -> None:
    asked = Asked.of(DIRECTIVE.fold([issued]), FOREVER)
    received = SERVED - HOUR
    quit_, certify = ORDER.terms.acts()
    assert asked.dues(received, SERVED) == (
        received + 86_400 * SECOND,
        micros(certify.due.at) if certify.due and certify.due.at else None,
    )
    without = Asked(1, ONE, (None,), SERVED, 0)
    assert without.dues(received, SERVED) == (None,)
    assert quit_.due is not None


def test_a_material_amendment_starts_the_dues_anew() -> None:
    asked = Asked.of(DIRECTIVE.fold([issued, amended(1, 2, material=True)]), FOREVER)
    assert asked.dues(SERVED, SERVED) == (SERVED + HOUR + 60 * SECOND,)


# --- Any officer -----------------------------------------------------------------------

TIMES = st.integers(0, 8)
SPANS = st.lists(st.tuples(st.none() | TIMES, st.none() | TIMES), max_size=4)


@each(TIMES, SPANS)
@examples(100)
def test_the_times_overdue_agree_with_the_count_at_every_instant(
    served: Micros, acts: list[tuple[Micros | None, Micros | None]]
) -> None:
    dues = tuple(due for due, _ in acts)
    # Nobody complies before he is served.
    done = tuple(None if at is None else max(at, served) for _, at in acts)
    required = tuple(ClauseId(f"act-{n}") for n in range(len(acts)))
    one = Officer(served, dues, acts=done)
    spans = overdue_spans(served, dues, done)
    for at in range(12):
        told = any(start <= at and (end is None or at < end) for start, end in spans)
        assert counted(one, at, required)[6] == told
    for (_, end), (start, _) in pairwise(spans):
        assert end is not None
        assert end < start


PLEAS = st.lists(
    st.builds(
        lambda at, kind, clause: Plea(at, 0, kind, clause if kind == "exempted" else None),
        TIMES,
        st.sampled_from(["contested", "upheld", "dismissed", "exempted"]),
        st.sampled_from([None, QUIT, CERTIFY]),
    ),
    max_size=5,
).map(lambda pleas: sorted(pleas, key=lambda one: one.at))


@each(PLEAS, st.tuples(st.none() | TIMES, st.none() | TIMES))
@examples(100)
def test_who_is_exempt_stays_so_and_neither_complies_nor_is_overdue(
    pleas: list[Plea], acts: tuple[Micros | None, Micros | None]
) -> None:
    one = Officer(0, (2, 4), acts=acts, pleas=pleas)
    was_exempt = False
    for at in range(12):
        _, _, _, complied, exempt, _, overdue = counted(one, at, BOTH)
        assert not (complied and overdue)
        assert not (exempt and (complied or overdue))
        assert bool(exempt) >= was_exempt
        was_exempt = bool(exempt)


@pytest.mark.parametrize("at", [SERVED - 1, SERVED, DUE, FOREVER])
def test_every_count_is_nought_or_one(at: Micros) -> None:
    assert set(counted(officer(read=SERVED), at, ONE)) <= {0, 1}
