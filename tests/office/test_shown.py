"""What a directive says: the same wherever it is shown, and what differs between two wordings."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.deadline import Due
from domain.directive import Basis, Clause, Lineage, Link, Terms
from domain.fact import ClauseId
from office import wording
from tests.examples import MALAKAND
from tests.office.net import Net
from tests.projections.small import order, text


@pytest.fixture
def net(tmp_path: Path) -> Iterator[Net]:
    """Malakand has an office of its own."""
    made = Net(tmp_path).opened(MALAKAND)
    made.settle()
    yield made
    made.close()


def test_a_region_shows_an_order_as_headquarters_does(net: Net) -> None:
    net.hq.issue(order(), text(1))
    net.hq.amend(
        "1/2020", order().terms.model_copy(update={"purpose": {"en": "Quiet"}}), text(2)
    )
    net.settle()
    ours, theirs = (one.show("1/2020") for one in (net.hq, net.regions[MALAKAND]))
    assert theirs["versions"][1]["changes"] == [
        {"field": "purpose.en", "line": None, "before": None, "after": "Quiet"}
    ]
    for own in ("position", "as_of"):
        del ours[own], theirs[own]
    assert ours == theirs


# -- two wordings

lines = st.lists(st.sampled_from(["Leave them.", "At once.", "Ask first."]), max_size=4)
clauses = st.builds(
    Clause,
    id=st.sampled_from(["quit", "stay", "ask"]).map(ClauseId),
    kind=st.sampled_from(["required_act", "prohibition"]),
    text=st.sampled_from([{"en": "Leave."}, {"en": "Stay.", "ur": "رکیں"}]),
    due=st.sampled_from(
        [None, Due(clock="issue", within=60), Due(clock="service", within=86_400)]
    ),
    escalate=st.sampled_from([(), (0,), (0, 60)]),
    more=st.sampled_from([{}, {"unless_permitted": True}, {"scope": ("uniform",)}]),
)
wordings = st.builds(
    Terms,
    subject=st.sampled_from([{"en": "Groups"}, {"en": "Media", "ur": "میڈیا"}]),
    clauses=st.lists(clauses, max_size=3, unique_by=lambda one: one.id).map(tuple),
    texts=lines.map(lambda said: {"en": "\n".join(said)} if said else {}),
    lineage=st.sampled_from([Lineage(), Lineage(similar_to=(Link(ref="4/2019"),))]),
    purpose=st.sampled_from([None, {"en": "Quiet"}]),
    confidentiality=st.sampled_from([None, "secret"]),
    basis=st.sampled_from([None, Basis(form="conveyed")]),
)  # fmt: skip


@given(wordings, wordings)
def test_two_wordings_differ_exactly_when_they_say_something_else(
    one: Terms, two: Terms
) -> None:
    assert (not list(wording.terms(one, two))) == (one == two)


@given(wordings, wordings)
def test_each_difference_has_two_sides_that_differ(one: Terms, two: Terms) -> None:
    for each in wording.terms(one, two):
        assert each.one != each.other


@given(wordings, wordings)
def test_looked_at_from_the_other_side_the_same_places_differ(one: Terms, two: Terms) -> None:
    def places(first: Terms, second: Terms) -> set[str]:
        return {each.field for each in wording.terms(first, second)}

    assert places(one, two) == places(two, one)


@given(wordings)
def test_clauses_in_another_order_are_told_as_that(one: Terms) -> None:
    two = one.model_copy(update={"clauses": one.clauses[::-1]})
    fields = [each.field for each in wording.terms(one, two)]
    assert fields == (["clauses"] if len(one.clauses) > 1 else [])


def test_a_term_that_is_new_is_told_by_its_parts_and_a_clause_as_a_whole() -> None:
    clause = Clause(id=ClauseId("quit"), kind="required_act", text={"en": "Leave."})
    before = Terms(subject={"en": "Groups"}, clauses=(clause,))
    due = Due(clock="receipt", within=129_600)
    after = Terms(
        subject={"en": "Groups"},
        clauses=(clause.model_copy(update={"due": due}), Clause(id=ClauseId("ban"), kind="prohibition", text={})),
    )  # fmt: skip
    told = [(each.field, each.one, each.other) for each in wording.terms(before, after)]
    assert told[:2] == [
        ("clauses.quit.due.clock", None, "receipt"),
        ("clauses.quit.due.within", None, "P1DT12H"),
    ]
    assert [each[:2] for each in told[2:]] == [("clauses.ban", None)]
