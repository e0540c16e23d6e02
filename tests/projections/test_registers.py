"""The registers at any moment: against a count of our own, on both databases, and made anew."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given as each
from hypothesis import strategies as st

from domain.directive import Basis, Lineage, Link
from domain.errors import FarmanError, Misused, Refused, Unknown
from domain.fact import UnitId
from domain.instrument import Paper
from office.office import Office
from office.registers import Entry
from projections import instruments, rebuild
from projections.database import Database
from tests.examples import DPO, HAZARA, HQ, MALAKAND, NINE, PPO, RPO, SAIDU, SWAT
from tests.projections.small import (
    HOURLY,
    RPO_HAZARA,
    SHO,
    after,
    emptied,
    manned,
    order,
    terms,
    text,
)
from tests.spec import examples

REF = "hq-2020-1"
NAMES = ("Duty", "duty ", "@Duty", "Welfare")
SAME = {"Duty": "duty", "duty ": "duty", "@Duty": "duty", "Welfare": "welfare"}
HELD = {PPO: HQ, RPO: MALAKAND, DPO: SWAT, RPO_HAZARA: HAZARA}
COMMANDS: dict[str, set[UnitId]] = {
    PPO: {HQ, MALAKAND, SWAT, HAZARA},
    RPO: {MALAKAND, SWAT},
    DPO: {SWAT},
    RPO_HAZARA: {HAZARA},
}
"""Who belongs to which units or commands them; written down, not computed."""


# --- A count of our own ----------------------------------------------------------------


@dataclass
class Line:
    """A line of a register kept on paper."""

    id: str
    name: str
    unit: str
    since: datetime
    runs: list[tuple[datetime, str]]
    until: datetime | None = None

    def at(self, when: datetime) -> str | None:
        """Who ran it at an instant; None: it was not official."""
        if when < self.since or (self.until is not None and when >= self.until):
            return None
        return [post for start, post in self.runs if start <= when][-1]


@dataclass
class Register:
    """The register on paper, for one kind and one platform."""

    lines: list[Line] = field(default_factory=list)

    def enter(self, name: str, unit: str, post: str, at: datetime, *, dated: bool) -> bool:
        alike = [line for line in self.lines if SAME[line.name] == SAME[name]]
        over = [line for line in alike if line.until is not None and line.until <= at]
        standing = [line for line in alike if line not in over]
        if standing:
            last = max(standing, key=lambda line: line.since)
            posts = {last.runs[0][1], last.runs[-1][1]}
            if last.until or last.unit != unit or post not in posts:
                raise Refused("taken")
            if dated and at < last.since:
                raise Refused("earlier")
            return False
        if unit not in COMMANDS[post]:
            raise Refused("no say")
        self.lines.append(Line(f"hq-g{len(self.lines) + 1}", name, unit, at, [(at, post)]))
        return True

    def hand_on(self, name: str, post: str, by: str, at: datetime) -> bool:
        line = self._open(name, at)
        if line.runs[-1][1] == post:
            return False
        if line.unit not in COMMANDS[by]:
            raise Refused("no say")
        line.runs.append((at, post))
        return True

    def close(self, name: str, by: str, at: datetime) -> bool:
        if any(line.id == name and line.until is not None for line in self.lines):
            return False
        line = self._open(name, at)
        if line.unit not in COMMANDS[by]:
            raise Refused("no say")
        line.until = at
        return True

    def _open(self, name: str, at: datetime) -> Line:
        line = next((line for line in self.lines if line.id == name), None)
        if line is None or line.until is not None or at < line.runs[-1][0]:
            raise Refused("not open")
        return line

    def found(self, name: str, when: datetime) -> tuple[str, str] | None:
        """Which entry makes a name official at an instant, and who runs it."""
        for line in self.lines:
            post = line.at(when)
            if post is not None and SAME[line.name] == SAME[name]:
                return line.id, post
        return None


def outcome(act: Callable[[], bool]) -> bool | None:
    """Whether it changed something; None: it was refused."""
    try:
        return act()
    except FarmanError:
        return None


Step = tuple[str, str, Any, Any, int, int, bool]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["enter", "enter", "pass", "close"]),
        st.sampled_from(NAMES),
        st.sampled_from(sorted(HELD)),
        st.sampled_from(sorted(HELD)),
        st.integers(1, 4),
        st.integers(0, 3),
        st.booleans(),
    ),
    min_size=3,
    max_size=12,
)


def played(office: Office, steps: list[Step]) -> Register:
    """Do the same at the office and on paper; both must say the same of each step."""
    paper = Register()
    for number, step in enumerate(steps, start=1):
        office.now = after(number)
        here, there = both(office, paper, step, after(number - step[5]) if step[6] else None)
        done = outcome(here)
        assert done == outcome(there), (number, step)
        if done is not None:
            assert outcome(here) is False, "a command given twice changes nothing"
    return paper


def both(
    office: Office, paper: Register, step: Step, at: datetime | None
) -> tuple[Callable[[], bool], Callable[[], bool]]:
    kind, name, post, by, serial, _, _ = step
    when = at or office.now
    unit, entry = (HQ, MALAKAND, SWAT, HAZARA)[serial - 1], f"hq-g{serial}"
    new = Entry("whatsapp", name, unit, post)

    def changed(answer: dict[str, Any]) -> bool:
        return bool(answer["changed"])

    match kind:
        case "enter":
            return (
                lambda: changed(office.enter_official("group", new, at=at)),
                lambda: paper.enter(name, unit, post, when, dated=at is not None),
            )
        case "pass":
            return (
                lambda: changed(office.pass_official("group", entry, post, by=by, at=at)),
                lambda: paper.hand_on(entry, post, by, when),
            )
        case _:
            return (
                lambda: changed(office.close_official("group", entry, "Over.", by=by, at=at)),
                lambda: paper.close(entry, by, when),
            )


def agrees(office: Office, steps: list[Step]) -> None:
    paper = played(office, steps)
    for half_hours in range(-2, 2 * len(steps) + 4):
        when = after(half_hours / 2)
        for name in NAMES:
            told = office.is_official("group", "whatsapp", name, at=when)
            row = told["group"]
            found = None if row is None else (row["group"], row["post"])
            assert (told["official"], found) == (found is not None, paper.found(name, when))
        listed = office.officials("group", as_of=when)["groups"]
        assert {(row["group"], row["post"]) for row in listed} == {
            (line.id, line.at(when)) for line in paper.lines if line.at(when)
        }
    _, compared = rebuild.check(office.store)
    assert [one.difference for one in compared if not one.same] == []


@each(steps=STEPS)
@examples(25, shrink=False)
def test_a_check_agrees_with_a_register_kept_on_paper_at_any_instant(steps: list[Step]) -> None:
    with tempfile.TemporaryDirectory() as folder, manned(Path(folder), "sqlite") as office:
        agrees(office, steps)


def test_it_agrees_on_both_databases(store_url: str) -> None:
    @each(steps=STEPS)
    @examples(3, shrink=False)
    def tried(steps: list[Step]) -> None:
        with (
            tempfile.TemporaryDirectory() as folder,
            manned(Path(folder), emptied(store_url)) as office,
        ):
            agrees(office, steps)

    tried()


# --- Groups and accounts ---------------------------------------------------------------


def duty(office: Office, **said: Any) -> dict[str, Any]:
    return office.enter_official("group", Entry("whatsapp", "Duty", SWAT, DPO), **said)


def test_after_a_transfer_the_new_holder_runs_it(office: Office) -> None:
    duty(office)
    office.now = after(1)
    office.assume(DPO, "R-2")
    assert [
        office.officials("group", as_of=after(h))["groups"][0]["held_by"] for h in (0, 1)
    ] == [
        {"post": DPO, "officer_id": "D-1", "vacant_since": None},
        {"post": DPO, "officer_id": "R-2", "vacant_since": None},
    ]
    office.now = after(2)
    office.relinquish(DPO)
    (row,) = office.officials("group")["groups"]
    assert row["held_by"] == {"post": DPO, "officer_id": None, "vacant_since": after(2)}


def test_what_was_not_yet_known_is_not_told(office: Office) -> None:
    duty(office)
    known = office.head()
    office.now = after(1)
    office.pass_official("group", "hq-g1", PPO)
    office.close_official("group", "hq-g1", "Not needed.", by=PPO)
    assert office.officials("group", as_of=after(2))["groups"] == []
    (row,) = office.officials("group", as_of=after(2), known_at=known)["groups"]
    assert (row["group"], row["post"]) == ("hq-g1", DPO)


def test_a_group_and_an_account_of_one_name_are_two(office: Office) -> None:
    duty(office)
    office.enter_official("account", Entry("whatsapp", "Duty", HAZARA, RPO_HAZARA))
    assert office.is_official("account", "whatsapp", "duty")["account"]["unit"] == HAZARA
    assert office.is_official("group", "whatsapp", "duty")["group"]["unit"] == SWAT
    assert not office.is_official("group", "signal", "duty")["official"]


def test_a_unit_has_its_own_and_those_below_it(office: Office) -> None:
    duty(office)
    office.enter_official("group", Entry("signal", "Station", SAIDU, SHO), by=PPO)
    office.enter_official("group", Entry("signal", "Hazara", HAZARA, RPO_HAZARA))

    def ids(**asked: Any) -> list[str]:
        return [row["group"] for row in office.officials("group", **asked)["groups"]]

    assert ids(unit=MALAKAND) == ["hq-g1", "hq-g2"]
    assert ids(unit=SAIDU) == ["hq-g2"]
    assert ids(platform="signal") == ["hq-g2", "hq-g3"]
    with pytest.raises(Unknown):
        ids(unit="nowhere")


def test_only_what_is_there_is_entered_passed_and_closed(office: Office) -> None:
    for entry in (Entry("x", "a", "nowhere", DPO), Entry("x", "a", SWAT, "nobody")):
        with pytest.raises(Unknown):
            office.enter_official("group", entry)
    with pytest.raises(Unknown):
        duty(office, by="nobody")
    for name in ("hq-g1", "hq-a1", "g1"):
        with pytest.raises(Unknown):
            office.pass_official("group", name, PPO)
    with pytest.raises(Misused, match="go together"):
        office.enter_official("group", Entry("x", "a", SWAT, DPO, None, REF))
    duty(office)
    with pytest.raises(Unknown):
        office.pass_official("group", "hq-g1", "nobody")
    assert office.officials("account") == {
        "as_of": after(0),
        "known_at": None,
        "accounts": [],
    }


def test_nothing_is_entered_under_an_order_that_is_not_in_force(office: Office) -> None:
    office.issue(order(HQ), text(1))
    office.withdraw(REF, "Wrong.")
    with pytest.raises(Refused, match=r"^1/2020 is not in force at that instant\.$"):
        office.enter_official("group", Entry("x", "a", SWAT, DPO, None, REF, "quit"))


# --- Instruments -----------------------------------------------------------------------


def paper(citation: str | None = "4/2019", form: Any = "signed") -> Paper:
    return Paper(
        citation=citation,
        sender={"en": "Ministry of Interior"},
        dated="2019-12-20",
        form=form,
        subject={"en": "Media"},
        texts={"en": "Nothing is posted."},
    )


def found(office: Office, ref: str) -> str | None:
    with office.store.reading() as conn:
        one = instruments.find(Database(conn), ref)
    return None if one is None else one.id


def test_an_instrument_is_found_by_its_id_and_by_its_citation(office: Office) -> None:
    office.enter_instrument(paper(" 4/2019  Media"), text(1))
    assert [found(office, ref) for ref in ("hq-i1", "4/2019 Media ", "4/2019 media")] == [
        "hq-i1", "hq-i1", None
    ]  # fmt: skip


def test_the_signed_paper_is_meant_where_it_was_first_reported(office: Office) -> None:
    office.enter_instrument(paper(form="conveyed"), text(1))
    assert found(office, "4/2019") == "hq-i1"
    office.enter_instrument(paper(), text(2))
    assert found(office, "4/2019") == "hq-i2"
    office.enter_instrument(paper(), text(3))
    with pytest.raises(Misused, match="hq-i2, hq-i3"):
        found(office, "4/2019")


def test_the_same_file_is_the_same_instrument(office: Office) -> None:
    first = office.enter_instrument(paper(), text(1))
    again = office.enter_instrument(paper(), text(1))
    assert (first["changed"], again["changed"]) == (True, False)
    assert (first["instrument"], first["position"]) == (again["instrument"], again["position"])


def test_a_link_names_what_is_known_when_it_is_asked(office: Office) -> None:
    office.issue(order(HQ, label="9/2018"), text(1))
    lineage = Lineage(
        similar_to=(Link(ref="4/2019"), Link(ref="9/2018")),
        adopts=(Link(ref="CM 1", reason="It is wanted."),),
    )

    def told() -> list[tuple[str, str, str | None]]:
        with office.store.reading() as conn:
            links = instruments.links(Database(conn), lineage)
            return [(link.relation, link.kind, link.id) for link in links]

    order_ = ("similar_to", "directive", REF)
    assert told() == [("adopts", "text", None), ("similar_to", "text", None), order_]
    office.enter_instrument(paper(), text(2))
    office.enter_instrument(paper("CM 1"), text(3))
    assert told() == [
        ("adopts", "instrument", "hq-i2"),
        ("similar_to", "instrument", "hq-i1"),
        order_,
    ]


def test_an_order_of_the_force_is_not_adopted_an_instrument_of_the_same_number_is(
    office: Office,
) -> None:
    office.issue(order(HQ), text(1))
    adopting = terms(HOURLY).model_copy(
        update={"lineage": Lineage(adopts=(Link(ref="1/2020"),))}
    )
    with pytest.raises(Refused, match=r"^1/2020 is an order of this force"):
        office.issue(order(HQ, terms=adopting), text(2))
    with pytest.raises(Refused, match=r"^1/2020 is an order of this force"):
        office.amend(REF, adopting, text(3))
    office.enter_instrument(paper("1/2020"), text(4))
    assert office.issue(order(HQ, terms=adopting), text(2))["changed"]


# --- Backing ---------------------------------------------------------------------------


@pytest.fixture
def conveyed(office: Office) -> Office:
    """An order that is only conveyed."""
    said = terms(HOURLY).model_copy(update={"basis": Basis(form="conveyed")})
    office.issue(order(HQ, terms=said), text(1))
    return office


def test_a_status_tells_whether_it_was_backed_then_and_as_was_known(conveyed: Office) -> None:
    known = conveyed.head()
    conveyed.now = after(2)
    conveyed.enter_instrument(paper(), text(9))
    conveyed.back(REF, "4/2019", PPO, at=after(1))
    assert [conveyed.status(REF, as_of=after(h))["backed"] for h in (0, 0.5, 1, 2)] == [
        False, False, True, True
    ]  # fmt: skip
    assert not conveyed.status(REF, known_at=known)["backed"]
    entry = conveyed.timeline(REF)["entries"][-1]
    assert (entry["name"], entry["actor"]) == ("directive.backed", "post:ppo")


def test_a_text_that_is_entered_later_is_the_same_instrument(conveyed: Office) -> None:
    first = conveyed.back(REF, "4/2019 ", PPO)
    assert (first["instrument"], first["changed"]) == ("4/2019", True)
    conveyed.enter_instrument(paper(), text(9))
    again = conveyed.back(REF, "hq-i1", PPO)
    assert (again["instrument"], again["changed"]) == ("4/2019", False)
    with pytest.raises(Refused, match="backed by 4/2019 already"):
        conveyed.back(REF, "5/2019", PPO)


def test_an_order_backs_another_only_if_it_is_backed_itself(conveyed: Office) -> None:
    said = terms(HOURLY).model_copy(update={"basis": Basis(form="conveyed")})
    conveyed.issue(order(HQ, terms=said), text(2))
    conveyed.issue(order(HQ), text(3))
    with pytest.raises(Refused, match="cannot back itself"):
        conveyed.back(REF, "1/2020", PPO)
    with pytest.raises(Refused, match="only conveyed itself"):
        conveyed.back(REF, "2/2020", PPO)
    assert conveyed.back(REF, "3/2020", PPO)["instrument"] == "hq-2020-3"


def test_a_refused_command_writes_nothing(conveyed: Office) -> None:
    head = conveyed.head()
    refusals: tuple[Callable[[], object], ...] = (
        lambda: conveyed.back(REF, "", PPO),
        lambda: conveyed.back(REF, "x", "nobody"),
        lambda: conveyed.back(REF, "x", DPO),
        lambda: duty(conveyed, by=RPO_HAZARA),
        lambda: duty(conveyed, at=NINE + timedelta(minutes=6)),
        lambda: conveyed.close_official("group", "hq-g1", "x"),
    )
    for refused in refusals:
        with pytest.raises(FarmanError):
            refused()
    assert conveyed.head() == head
