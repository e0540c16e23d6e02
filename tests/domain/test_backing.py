"""What an order rests on: reported authority is unbacked until a signed instrument is linked."""

from datetime import date, datetime, timedelta
from typing import Any

import pytest

from domain.authority import authority
from domain.directive import (
    DIRECTIVE,
    Amend,
    Amended,
    Authorised,
    Back,
    Backed,
    BackForm,
    Basis,
    Issue,
    Issued,
    Lineage,
    Link,
    Withdrawn,
)
from domain.errors import CorruptStream
from domain.fact import OfficerId, PostId, micros
from domain.force import Post, Tree, Unit
from domain.instrument import INSTRUMENT, Enter, Entered, instrument_id, stream
from tests.examples import (
    DPO,
    HQ,
    NINE,
    ORDER_TEXT,
    PAPER,
    PLAIN_ORDER,
    PLAIN_TERMS,
    PPO,
    SWAT,
    WHATSAPP,
    about,
    example,
)
from tests.spec import given

VACANT = PostId("addl-ig")
TREE = Tree(
    {
        HQ: Unit(HQ, "hq", {"en": "CPO"}, None),
        SWAT: Unit(SWAT, "district", {"en": "Swat"}, HQ),
    },
    {
        name: Post(name, unit, {"en": name}, 20, head=head, holders=holders)
        for name, unit, head, holders in (
            (PPO, HQ, True, ((OfficerId("P-1"), "substantive", 0),)),
            (VACANT, HQ, False, ()),
            (DPO, SWAT, True, ((OfficerId("D-1"), "substantive", 0),)),
        )
    },
)
CONVEYED, SIGNED = Basis(form="conveyed"), Basis(form="signed", ref="2737/IAB")


def later(hours: float) -> datetime:
    return NINE + timedelta(hours=hours)


def issued(basis: Basis | None = CONVEYED, **lineage: Any) -> Issued:
    terms = PLAIN_TERMS.model_copy(update={"basis": basis, "lineage": Lineage(**lineage)})
    return Issued(
        **about("post:ppo", "file"),
        directive=WHATSAPP,
        serial=1,
        year=2020,
        number="1/2020",
        unit=HQ,
        order=PLAIN_ORDER.model_copy(update={"terms": terms}),
        scope=(HQ, SWAT),
        text=ORDER_TEXT,
    )


def amended(basis: Basis | None, hours: float = 1, **lineage: Any) -> Amended:
    return Amended(
        **about("post:ppo", "file", later(hours)),
        version=2,
        material=False,
        terms=PLAIN_TERMS.model_copy(update={"basis": basis, "lineage": Lineage(**lineage)}),
        text="b2" * 32,
    )


def backed(hours: float = 1, paper: str = "hq-i1", by: PostId = PPO) -> Backed:
    return Backed(
        **about(f"post:{by}", "desk", later(hours)),
        instrument=paper,
        authority=authority(TREE, by, HQ),
    )


def back(fact: Backed, form: BackForm = "signed", *names: str) -> Back:
    known = frozenset(names or (fact.instrument,))
    return Back(micros(fact.at), fact, TREE, form, known)


def test_a_conveyed_order_is_unbacked_until_it_is_linked() -> None:
    given(DIRECTIVE, issued()).when(back(backed())).then(backed())
    state = DIRECTIVE.fold([issued(), backed(1)])
    assert [state.backed(micros(later(h))) for h in (0, 0.5, 1, 2)] == [
        False,
        False,
        True,
        True,
    ]


def test_an_order_of_the_office_itself_needs_no_other() -> None:
    assert DIRECTIVE.fold([issued(None)]).backed(micros(NINE))
    given(DIRECTIVE, issued(None)).when(back(backed())).then_refused(
        "1/2020 is the issuing office's own order, not one that was conveyed: there is nothing "
        "to back."
    )


def test_a_signed_basis_is_what_backs_an_order() -> None:
    assert DIRECTIVE.fold([issued(SIGNED)]).backed(micros(NINE))
    given(DIRECTIVE, issued(SIGNED)).when(back(backed(paper="2737/IAB"))).then()
    given(DIRECTIVE, issued(SIGNED)).when(back(backed())).then_refused(
        "1/2020 is backed by 2737/IAB already; that stands."
    )


def test_the_same_instrument_again_changes_nothing_and_another_is_refused() -> None:
    history = (issued(), backed())
    given(DIRECTIVE, *history).when(back(backed(2))).then()
    given(DIRECTIVE, *history).when(
        back(backed(2, "4/2019"), "signed", "4/2019", "hq-i1")
    ).then()
    given(DIRECTIVE, *history).when(back(backed(2, "hq-i2"))).then_refused(
        "1/2020 is backed by hq-i1 already; that stands."
    )


def test_what_was_only_conveyed_backs_nothing() -> None:
    given(DIRECTIVE, issued()).when(back(backed(), "conveyed")).then_refused(
        "hq-i1 was only conveyed itself: what backs an order is signed. Enter the signed paper."
    )
    given(DIRECTIVE, issued()).when(back(backed(paper="IGP 9"), "unknown")).then(
        backed(paper="IGP 9")
    )


def test_only_a_held_post_of_the_issuing_unit_or_above_it_links() -> None:
    given(DIRECTIVE, issued()).when(back(backed(by=DPO))).then_refused(
        "dpo-swat neither belongs to hq, which issued it, nor commands it."
    )
    given(DIRECTIVE, issued()).when(back(backed(by=VACANT))).then_refused(
        "addl-ig is vacant at that instant: name a held post with --by."
    )


def test_an_order_is_not_backed_before_its_issue() -> None:
    given(DIRECTIVE, issued()).when(back(backed(-1))).then_refused(
        "1/2020 was not yet issued at that instant."
    )


def test_an_order_that_has_ended_is_still_backed() -> None:
    gone = Withdrawn(**about(at=later(1)), reason="Wrong.")
    given(DIRECTIVE, issued(), gone).when(back(backed(2))).then(backed(2))


def test_each_version_is_asked_what_it_rests_on() -> None:
    state = DIRECTIVE.fold([issued(), amended(SIGNED, 1)])
    assert (state.backed(micros(NINE)), state.backed(micros(later(1)))) == (False, True)
    state = DIRECTIVE.fold([issued(None), amended(CONVEYED, 1)])
    assert (state.backed(micros(NINE)), state.backed(micros(later(1)))) == (True, False)


def test_what_was_never_issued_is_not_backed() -> None:
    assert not DIRECTIVE.initial.backed(micros(NINE))
    with pytest.raises(CorruptStream):
        DIRECTIVE.fold([backed()])
    with pytest.raises(CorruptStream):
        DIRECTIVE.fold([issued(), backed(), backed()])


# --- Adopting --------------------------------------------------------------------------

OWN = {"adopts": (Link(ref="7/2019"),)}
TOLD = (
    "7/2019 is an order of this force, and only an instrument from outside is adopted: cite it "
    "under relays, or under reissues with the reason."
)


def test_an_order_of_the_force_is_not_adopted() -> None:
    everywhere = frozenset({HQ, SWAT})
    own = frozenset({"7/2019"})
    fact = issued(None, **OWN)
    ground = example(Authorised)
    given(DIRECTIVE).when(Issue(fact, everywhere, ground, own)).then_refused(TOLD)
    given(DIRECTIVE).when(Issue(fact, everywhere, ground)).then(fact, ground)
    similar = issued(None, similar_to=(Link(ref="7/2019"),))
    given(DIRECTIVE).when(Issue(similar, everywhere, ground, own)).then(similar, ground)


def test_nor_does_an_amendment_adopt_one() -> None:
    fact = amended(None, 1, **OWN)
    command = Amend(micros(fact.at), fact, frozenset({"7/2019"}))
    given(DIRECTIVE, issued(None)).when(command).then_refused(TOLD)


# --- Instruments -----------------------------------------------------------------------

PAPERED = Entered(
    **about("farman", "file"), instrument="hq-i1", serial=1, paper=PAPER, text=ORDER_TEXT
)


def test_an_instrument_is_entered_once() -> None:
    today = date(2019, 12, 20)
    given(INSTRUMENT).when(Enter(PAPERED, today)).then(PAPERED)
    given(INSTRUMENT, PAPERED).when(Enter(PAPERED, today)).then()
    with pytest.raises(CorruptStream):
        INSTRUMENT.fold([PAPERED, PAPERED])


def test_an_instrument_is_not_dated_after_its_entry() -> None:
    given(INSTRUMENT).when(Enter(PAPERED, date(2019, 12, 19))).then_refused(
        "It is dated 2019-12-20, after the day of its entry (2019-12-19): check the date."
    )


def test_an_instrument_is_named_by_its_office_and_serial() -> None:
    assert instrument_id("hq", 2) == "hq-i2"
    assert stream("hq-i2", "hq") == "instrument-hq-i2.hq"
