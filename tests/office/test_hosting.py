"""Hosting: what several offices do together is what one alone would, and each does its own."""

import random
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given as each
from hypothesis import strategies as st

from console.files.answers_file import AnswerRow
from domain import relay
from domain.errors import FarmanError, Refused, Unaccepted, Unavailable
from domain.fact import OfficerId, PostId, UnitId
from domain.force import Post, Unit
from office.office import Office
from projections import rebuild
from tests.domain.test_force import trees
from tests.examples import DPO, HAZARA, HQ, MALAKAND, NINE, PPO, RPO, SAIDU, SWAT
from tests.office.net import Net, facts, own, passed_on, received, served
from tests.projections.small import (
    ABBOTTABAD,
    HOURLY,
    POSTS,
    READER,
    ROLL,
    RPO_HAZARA,
    SHO,
    SINCE,
    UNITS,
    act,
    after,
    described,
    listed,
    order,
    terms,
    text,
    unit,
)
from tests.spec import examples

REF = "hq-2020-1"
ROUTINE: dict[str, Any] = {"precedence": "routine", "forward": "on_acknowledgement"}
INSIDE = (MALAKAND, SWAT, SAIDU)
THERE = "Malakand has an office of its own (malakand): give this command there."


@pytest.fixture
def net(tmp_path: Path, store_url: str, request: pytest.FixtureRequest) -> Iterator[Net]:
    """The small force, with an office in Malakand that has taken over; every roll imported."""
    server = None if store_url == "sqlite" else request.getfixturevalue("postgres_server")
    second = "sqlite" if server is None else server.create_database()
    made = Net(tmp_path, store_url, stores=[second]).opened(MALAKAND)
    made.hq.import_roll([row for row in ROLL if row.unit not in INSIDE], at=SINCE)
    made.regions[MALAKAND].import_roll([row for row in ROLL if row.unit in INSIDE], at=SINCE)
    made.settle()
    yield made
    made.close()
    if server is not None:
        server.drop_database(second)


@pytest.fixture
def region(net: Net) -> Office:
    return net.regions[MALAKAND]


def kinds(office: Office, name: str = REF) -> list[tuple[str, str]]:
    """What an office itself wrote of a directive's relays: unit and fact, in order."""
    return [
        (stream.split(".")[1], stored.partition("@")[0].partition(".")[2])
        for _, stream, _, stored, _ in own(office)
        if stream.startswith(f"relay-{name}.")
    ]


# --- An order on its way down ----------------------------------------------------------


def test_an_order_of_hq_is_received_by_the_region_when_it_writes_it_down(net: Net) -> None:
    net.hq.issue(order(HQ), text(1))
    assert {unit for unit, _ in kinds(net.hq)} == {HQ, HAZARA, ABBOTTABAD}
    net.at(after(2))
    net.send_down(MALAKAND)
    region = net.regions[MALAKAND]
    assert kinds(region)[:3] == [
        (MALAKAND, "received"),
        (SWAT, "received"),
        (MALAKAND, "forwarded"),
    ]
    hops = {hop["unit"]: hop for hop in region.hops(REF)["hops"]}
    assert hops[MALAKAND]["received_at"] == after(2)
    assert (hops[MALAKAND]["sender"], hops[MALAKAND]["parent"]) == (HQ, HQ)
    assert hops[SAIDU]["served_at"] == after(2)
    net.settle()
    assert net.hq.status(REF)["served"] == len(ROLL)
    assert {hop["unit"] for hop in net.hq.hops(REF)["hops"]} == set(UNITS)


def test_an_addressed_district_within_a_region_receives_straight_from_the_issuer(
    net: Net,
) -> None:
    net.hq.issue(order(SWAT), text(1))
    net.settle()
    assert received(net.written()) == {(REF, HQ): HQ, (REF, SWAT): HQ, (REF, SAIDU): SWAT}
    assert {officer for _, officer in served(net.written())} == {
        "D-1",
        "C-1",
        "C-2",
        "C-3",
        "C-4",
    }


def test_two_levels_addressed_at_once_serve_nobody_twice(net: Net) -> None:
    net.hq.issue(order(HQ, SWAT), text(1))
    net.settle()
    again = facts(net.written(), relay.ReceivedAgain)
    assert [fact.via for fact in again] == [MALAKAND]
    assert set(served(net.written()).values()) == {1}


def test_an_acknowledgement_lets_an_order_pass_from_office_to_office(net: Net) -> None:
    region = net.regions[MALAKAND]
    net.hq.issue(order(HQ, **ROUTINE), text(1))
    net.settle()
    assert [who for who in kinds(region) if who[1] == "forwarded"] == []
    assert {name for _, name in served(net.written())} == {"P-1"}
    region.acknowledge_relay(REF, MALAKAND)
    region.acknowledge_relay(REF, SWAT)
    net.settle()
    assert net.hq.status(REF)["served"] == len({"P-1", "R-1", "R-2", "D-1", "C-1"})
    assert net.hq.status(REF, depth=2)["units"][-1]["acknowledged_at"] is not None


def test_a_standing_order_reaches_who_joins_the_region(net: Net) -> None:
    region = net.regions[MALAKAND]
    net.hq.issue(order(HQ, standing=True), text(1))
    net.settle()
    region.import_roll([listed("N-1", SAIDU)])
    net.settle()
    assert served(net.written())[REF, OfficerId("N-1")] == 1
    assert net.hq.status(REF)["served"] == len(ROLL) + 1


def test_hq_leaves_it_to_the_region_to_serve_who_joins_there(net: Net) -> None:
    """Also when it knows of him before it knows that he was served."""
    region = net.regions[MALAKAND]
    net.hq.issue(order(HQ, standing=True, **ROUTINE), text(1))
    net.settle()
    region.acknowledge_relay(REF, MALAKAND)
    net.settle()
    net.at(after(1))
    region.import_roll([listed("N-1", MALAKAND)])
    net.send_up(MALAKAND, 1)
    net.hq.acknowledge_relay(REF, HAZARA, by=PPO, at=NINE)
    net.settle()
    assert served(net.written())[REF, OfficerId("N-1")] == 1


def test_a_station_founded_in_the_region_receives_a_standing_order_there(net: Net) -> None:
    net.hq.issue(order(HQ, standing=True), text(1))
    net.settle()
    described(net.hq, [unit("swat-mingora", "station", SWAT)], [], after(-1))
    assert received(net.written()).get((REF, UnitId("swat-mingora"))) is None
    net.settle()
    assert received(net.written())[REF, UnitId("swat-mingora")] == SWAT
    assert (UnitId("swat-mingora"), "received") in kinds(net.regions[MALAKAND])


def test_an_order_withdrawn_while_the_region_was_dark_serves_nobody_there(net: Net) -> None:
    region = net.regions[MALAKAND]
    net.hq.issue(order(HQ), text(1))
    net.hq.withdraw(REF, "Issued in error.")
    net.settle()
    assert kinds(region) == []


def test_nothing_is_done_about_an_order_before_the_link_is_level(net: Net) -> None:
    """Else what comes behind it, a withdrawal, would come too late."""
    region = net.regions[MALAKAND]
    net.hq.issue(order(HQ), text(1))
    net.send_down(MALAKAND, level=False)
    region.import_roll([listed("N-1", SAIDU)])
    region.tick()
    assert kinds(region) == []
    net.hq.withdraw(REF, "Issued in error.")
    net.send_down(MALAKAND)
    assert kinds(region) == []


def test_what_hq_had_begun_before_the_hand_over_the_region_carries_on(tmp_path: Path) -> None:
    net = Net(tmp_path)
    net.hq.issue(order(HQ, **ROUTINE), text(1))
    net.hq.issue(order(HQ), text(2))
    net.opened(MALAKAND)
    region = net.regions[MALAKAND]
    assert kinds(region) == []
    region.import_roll([row for row in ROLL if row.unit in INSIDE], at=SINCE)
    assert {who for _, who in served(net.written())} == {
        row.officer_id for row in ROLL if row.unit in INSIDE
    }
    region.acknowledge_relay(REF, MALAKAND)
    net.settle()
    assert net.hq.status("hq-2020-2")["served"] == 7
    assert net.hq.status(REF)["served"] == 2
    net.close()


def test_a_region_issues_within_itself_under_serials_of_its_own(net: Net) -> None:
    region = net.regions[MALAKAND]
    net.hq.issue(order(HQ), text(1))
    net.settle()
    answer = region.issue(order(SWAT, issuer=RPO), text(2))
    assert (answer["directive"], answer["number"]) == ("malakand-2020-1", "1/2020")
    net.settle()
    assert net.hq.issue(order(HQ), text(3))["directive"] == "hq-2020-2"
    assert net.hq.status("malakand-2020-1")["served"] == 5


# --- The sweep -------------------------------------------------------------------------


def test_hq_escalates_nothing_for_a_region_with_an_office_and_the_region_does(
    net: Net,
) -> None:
    region = net.regions[MALAKAND]
    net.hq.issue(order(HQ, acts=(act(clock="receipt", within=60, escalate=(0,)),)), text(1))
    net.settle()
    net.at(after(1))
    assert net.hq.tick()["escalated"] == 2
    assert region.tick()["escalated"] == 3
    net.settle()
    assert (net.hq.tick()["escalated"], region.tick()["escalated"]) == (0, 0)
    written = [
        (entry.stream.split(".")[1], entry.stream.rpartition(".")[2])
        for entry in net.written()
        if isinstance(entry.fact, relay.Escalated)
    ]
    inside = ((one, "malakand") for one in INSIDE)
    assert sorted(written) == sorted([(HAZARA, "hq"), (HQ, "hq"), *inside])


def test_each_office_reminds_and_forwards_by_rule_at_its_own_desks(net: Net) -> None:
    region = net.regions[MALAKAND]
    region.relinquish(DPO)
    net.hq.issue(order(HQ, SWAT, acts=(), grace=60, **ROUTINE), text(1))
    net.settle()
    net.at(after(1))
    assert net.hq.tick() | {"position": 0} == {
        "escalated": 0, "reminded": 1, "forwarded_by_rule": 0, "expired": 0,
        "contradicted": 0, "position": 0,
    }  # fmt: skip
    assert region.tick() | {"position": 0} == {
        "escalated": 0, "reminded": 1, "forwarded_by_rule": 1, "expired": 0,
        "contradicted": 0, "position": 0,
    }  # fmt: skip


def test_hq_forwards_by_rule_to_a_region_and_writes_no_receipt_for_it(tmp_path: Path) -> None:
    units = [
        unit(HQ, "hq", None),
        unit("north", "region", HQ),
        unit(MALAKAND, "region", "north"),
    ]
    net = Net(tmp_path, units=units, posts=[post for post in POSTS if post.unit == HQ])
    net.opened(MALAKAND)
    net.hq.issue(order(HQ, grace=60, **ROUTINE), text(1))
    net.settle()
    assert kinds(net.regions[MALAKAND]) == []
    net.at(after(1))
    assert net.hq.tick()["forwarded_by_rule"] == 1
    assert MALAKAND not in {unit for unit, _ in kinds(net.hq)}
    net.settle()
    assert kinds(net.regions[MALAKAND]) == [(MALAKAND, "received")]
    net.close()


# --- The wrong office ------------------------------------------------------------------

AT_HQ: dict[str, Callable[[Office], object]] = {
    "answer": lambda hq: hq.answer(REF, "C-2", "read"),
    "contest": lambda hq: hq.contest(REF, "C-2", "Not I."),
    "decide": lambda hq: hq.decide_contest(REF, "C-2", "upheld", PPO),
    "exempt": lambda hq: hq.exempt(REF, "C-2", PPO, "On deputation."),
    "acknowledge": lambda hq: hq.acknowledge_relay(REF, SWAT, by=PPO),
    "roll call": lambda hq: hq.roll_call(
        REF, SAIDU, [(2, "C-2", None, None)], diary="7", held_at=NINE
    ),
    "transfer": lambda hq: hq.transfer("C-2", HAZARA),
    "transfer in": lambda hq: hq.transfer("H-2", SWAT),
    "duty": lambda hq: hq.duty("C-2", "leave"),
    "promote": lambda hq: hq.promote("C-2", 9),
    "retire": lambda hq: hq.retire("C-2"),
    "assume": lambda hq: hq.assume(SHO, "H-2"),
    "assume by": lambda hq: hq.assume(RPO_HAZARA, "C-2"),
    "relinquish": lambda hq: hq.relinquish(DPO),
    "issue": lambda hq: hq.issue(order(SWAT, issuer=RPO), text(9)),
}


@pytest.mark.parametrize("command", AT_HQ)
def test_hq_takes_no_command_on_what_a_region_keeps(net: Net, command: str) -> None:
    net.hq.issue(order(HQ), text(1))
    net.settle()
    before = net.hq.head()
    with pytest.raises(Refused) as no:
        AT_HQ[command](net.hq)
    assert no.value.reason == THERE
    assert net.hq.head() == before


AT_REGION: dict[str, tuple[Callable[[Office], object], str]] = {
    "acknowledge": (
        lambda here: here.acknowledge_relay(REF, HQ, by=PPO),
        "Hq is kept by hq, not by the office malakand: give this command there.",
    ),
    "issue": (
        lambda here: here.issue(order(HQ), text(9)),
        "Hq is kept by hq, not by the office malakand: give this command there.",
    ),
    "assume": (
        lambda here: here.assume(PPO, "C-2"),
        "Hq is kept by hq, not by the office malakand: give this command there.",
    ),
    "transfer out": (
        lambda here: here.transfer("C-2", HQ),
        "Hq is kept by hq, not by the office malakand: give this command there.",
    ),
    "amend": (
        lambda here: here.amend(REF, terms(HOURLY), text(9)),
        "hq-2020-1 was issued by the office hq: give this command there.",
    ),
    "withdraw": (
        lambda here: here.withdraw(REF, "Wrong."),
        "hq-2020-1 was issued by the office hq: give this command there.",
    ),
    "force import": (
        described,
        "The command tree comes from hq: give this command there.",
    ),
}


@pytest.mark.parametrize("command", AT_REGION)
def test_a_region_takes_no_command_on_what_hq_keeps(net: Net, command: str) -> None:
    net.hq.issue(order(HQ), text(1))
    net.settle()
    do, reason = AT_REGION[command]
    region = net.regions[MALAKAND]
    before = region.head()
    with pytest.raises(Refused) as no:
        do(region)
    assert no.value.reason == reason
    assert region.head() == before


def test_what_a_file_of_answers_says_of_anothers_officers_is_refused_line_by_line(
    net: Net,
) -> None:
    net.hq.issue(order(HQ), text(1))
    net.settle()
    rows = [
        AnswerRow(n, REF, who, "read", 0, NINE.isoformat(), None, "paper", None)
        for n, who in enumerate(("C-2", "H-1"), start=2)
    ]
    with pytest.raises(Unaccepted) as no:
        net.hq.import_answers(lambda: iter([(rows, [])]))
    assert [(flaw.line, flaw.reason) for flaw in no.value.problems] == [(2, THERE)]
    done = net.hq.import_answers(lambda: iter([(rows, [])]), accept_good=True)
    assert (done["accepted"], done["refused"]) == (
        1,
        [{"line": 2, "officer_id": "C-2", "reason": THERE}],
    )


def test_rows_of_a_roll_that_another_office_keeps_are_its_problems(net: Net) -> None:
    rows = [
        listed("N-1", SWAT)._replace(line=2),
        listed("N-2", HAZARA)._replace(line=3),
        listed("H-2", HAZARA, 9, post=READER)._replace(line=4),
        listed("C-1", HAZARA)._replace(line=5),
    ]
    with pytest.raises(Unaccepted) as no:
        net.hq.import_roll(rows)
    assert [(flaw.line, flaw.field, flaw.reason) for flaw in no.value.problems] == [
        (2, "unit", THERE),
        (4, "post", THERE),
        (5, "officer_id", THERE),
    ]
    done = net.hq.import_roll(rows, accept_good=True)
    assert (done["added"], done["rejected"], len(done["problems"])) == (1, 3, 3)


def test_who_is_missing_from_a_roll_is_one_of_this_offices(net: Net) -> None:
    assert net.hq.import_roll([row for row in ROLL if row.unit == HAZARA])["missing"] == 1
    region = net.regions[MALAKAND]
    assert region.import_roll([row for row in ROLL if row.unit == SWAT])["missing"] == 5


def test_a_charge_that_another_office_keeps_is_not_ended_by_a_posting(tmp_path: Path) -> None:
    net = Net(tmp_path)
    net.hq.import_roll([row for row in ROLL if row.unit in (HQ, HAZARA)], at=SINCE)
    net.hq.assume(READER, "H-2", at=SINCE)
    net.opened(MALAKAND)
    held = "H-2 holds reader, which the office malakand keeps: relinquish it there first."
    commands: tuple[Callable[[], object], ...] = (
        lambda: net.hq.retire("H-2"),
        lambda: net.hq.transfer("H-2", HQ),
        lambda: net.hq.import_roll([listed("H-2", HQ, 9)]),
    )
    for command in commands:
        with pytest.raises(Refused) as no:
            command()
        assert no.value.reason == held
    net.regions[MALAKAND].relinquish(READER)
    net.settle()
    assert net.hq.retire("H-2")["changed"]
    net.close()


@pytest.mark.parametrize(
    ("changed", "parent"), [(SWAT, HAZARA), (ABBOTTABAD, SWAT), (MALAKAND, HAZARA)]
)
def test_a_unit_does_not_change_hands_by_a_force_file(
    net: Net, changed: str, parent: str
) -> None:
    with pytest.raises(Refused, match=rf"^{changed} would change hands under {parent}"):
        described(net.hq, [unit(changed, UNITS[UnitId(changed)].kind, parent)], [], NINE)


def test_a_post_does_not_change_hands_by_a_force_file(net: Net) -> None:
    moved = Post(READER, HQ, {"en": "READER"}, 14, head=False)
    with pytest.raises(Refused, match=r"^reader would change hands with hq"):
        described(net.hq, [], [moved], NINE)


def test_within_one_office_a_unit_may_move(net: Net) -> None:
    described(net.hq, [unit(SAIDU, "station", MALAKAND)], [], NINE)
    net.settle()
    assert net.regions[MALAKAND].tree().units[SAIDU].parent == MALAKAND


def test_while_a_unit_moves_to_its_office_nobody_decides_about_it(tmp_path: Path) -> None:
    net = Net(tmp_path)
    net.hq.import_roll([row for row in ROLL if row.unit == HAZARA], at=SINCE)
    region = net.join(MALAKAND)
    net.send_up(MALAKAND)
    with pytest.raises(Unavailable) as no:
        net.hq.transfer("H-2", SWAT)
    assert no.value.reason == (
        "Malakand is moving to an office of its own (malakand): give this command there when it "
        "has taken over."
    )
    net.hq.issue(order(SWAT), text(1))  # what HQ itself decides waits for nobody
    net.send_down(MALAKAND, level=False)
    with pytest.raises(Unavailable, match=r"^Malakand is moving to this office"):
        region.acknowledge_relay(REF, SWAT, by=DPO)
    net.settle()
    assert received(net.written())[REF, SWAT] == HQ
    net.close()


def test_no_roll_of_a_region_that_has_been_commissioned_comes_to_hq(tmp_path: Path) -> None:
    net = Net(tmp_path)
    net.handover(MALAKAND)
    net.hq.import_roll([row for row in ROLL if row.unit == HAZARA], at=SINCE)
    with pytest.raises(Unaccepted, match=r"1 of 1 rows"):
        net.hq.import_roll([listed("N-1", SWAT)])
    with pytest.raises(Unavailable, match=r"^Malakand is moving"):
        net.hq.transfer("H-2", SWAT)
    net.close()


# --- Clocks ----------------------------------------------------------------------------


def test_a_clock_an_hour_behind_refuses_no_valid_answer(net: Net) -> None:
    region = net.regions[MALAKAND]
    net.hq.now = after(1)
    net.hq.issue(order(HQ, **ROUTINE), text(1))
    net.settle()
    assert region.acknowledge_relay(REF, MALAKAND)["changed"]
    assert region.answer(REF, "R-2", "read")["changed"]
    assert region.contest(REF, "R-2", "Not I.")["changed"]
    net.settle()
    found = net.hq.officers(REF, unit=MALAKAND)["officers"]
    assert [
        (one["served_at"], one["read_at"]) for one in found if one["officer_id"] == "R-2"
    ] == [(after(1), after(1))]


# --- Any force, any offices, any order of copies ---------------------------------------


def heads(units: dict[UnitId, Unit]) -> list[Post]:
    return [Post(PostId(f"p-{name}"), name, {"en": name}, 17, head=True) for name in units]


@st.composite
def stories(draw: st.DrawFn) -> tuple[dict[UnitId, Unit], list[UnitId], list[tuple[Any, ...]]]:
    """A tree, which of its units get offices, and what is commanded, each time between copies."""
    tree = draw(trees())
    units = dict(tree.units)
    root = tree.root
    assert root is not None
    regions: list[UnitId] = []
    for name in draw(st.permutations(sorted(set(units) - {root}))):
        line = {*tree.above(name), *tree.below(name)}
        if len(regions) < 3 and line.isdisjoint(regions) and draw(st.booleans()):
            regions.append(name)
    steps: list[tuple[Any, ...]] = []
    names = sorted(units)
    for _ in range(draw(st.integers(2, 8))):
        kind = draw(st.sampled_from(["issue", "issue", "acknowledge", "join"]))
        if kind == "issue":
            at = draw(st.sampled_from([root, root, *names]))
            below = sorted(tree.below(at))
            to = draw(st.lists(st.sampled_from(below), min_size=1, max_size=3, unique=True))
            mode = draw(st.sampled_from(["automatic", "on_acknowledgement"]))
            steps.append(("issue", at, tuple(to), mode, draw(st.booleans())))
        else:
            steps.append((kind, draw(st.sampled_from(names))))
    return units, sorted(regions), steps


def people(units: dict[UnitId, Unit]) -> list[Any]:
    """Two officers a unit, the first its head; a third of the units have no roll yet."""
    return [
        listed(f"{name}-{n}", name, post=f"p-{name}" if n == 0 else None)
        for name in sorted(units)
        if int(name[1:]) % 3 != 2
        for n in range(2)
    ]


class Played:
    """A story told at one office, or at several; the same words."""

    def __init__(self, net: Net, units: dict[UnitId, Unit], rng: random.Random) -> None:
        self.net, self.units, self.rng = net, units, rng
        self.refs: list[str] = []
        self.joined = 0

    def host(self, name: UnitId) -> Office:
        at: UnitId | None = name
        while at is not None:
            if at in self.net.regions:
                return self.net.regions[at]
            at = self.units[at].parent
        return self.net.hq

    def deliver(self) -> None:
        """Copy a few entries, some way, to ends that may not be level; offices look what is due."""
        for _ in range(self.rng.randint(0, 4)):
            for name in self.rng.sample(sorted(self.net.regions), len(self.net.regions)):
                send = self.rng.choice([self.net.send_down, self.net.send_up])
                send(name, self.rng.randint(1, 5), level=self.rng.random() < 0.5)
            self.rng.choice(self.net.offices()).tick()

    def play(self, steps: list[tuple[Any, ...]]) -> None:
        for step in steps:
            self.deliver()
            match step:
                case ("issue", at, to, mode, standing):
                    said = order(
                        *to, issuer=PostId(f"p-{at}"), forward=mode, standing=standing, acts=()
                    )
                    number = len(self.refs) + 1
                    answer = self.host(at).issue(said, text(number))
                    self.refs.append(answer["directive"])
                case ("join", name):
                    self.net.settle()  # or who joins first is served as one of those posted there
                    self.joined += 1
                    new = listed(f"n-{self.joined}", name)
                    self.host(name).import_roll([new])
                case ("acknowledge", name):
                    self.acknowledge(name)
        self.deliver()
        self.net.settle()
        for _ in self.units:  # everybody acknowledges at last
            for name in sorted(self.units):
                self.acknowledge(name)
            self.net.settle()

    def acknowledge(self, name: UnitId) -> None:
        for ref in self.refs:
            with suppress(FarmanError):  # it has not received it, here or there alike
                self.host(name).acknowledge_relay(ref, name, by=f"p-{name}")

    def outcome(self) -> tuple[object, ...]:
        """What became of it, by the numbers of the orders."""
        number = {ref: n for n, ref in enumerate(self.refs)}
        entries = self.net.written()
        return (
            {(number[ref], who): n for (ref, who), n in served(entries).items()},
            {(number[ref], at): by for (ref, at), by in received(entries).items()},
            sorted((number[ref], *rest) for ref, *rest in passed_on(entries)),
            [
                {
                    one["unit"]: (one["population"], one["served"])
                    for one in self.net.hq.status(ref, depth=99)["units"]
                }
                for ref in self.refs
            ],
        )


@each(story=stories(), seed=st.integers(0, 2**32))
@examples(40, shrink=False)
def test_several_offices_do_together_what_one_alone_would(
    story: tuple[dict[UnitId, Unit], list[UnitId], list[tuple[Any, ...]]], seed: int
) -> None:
    units, regions, steps = story
    outcomes = []
    with tempfile.TemporaryDirectory() as folder:
        for names in ([], regions):
            net = Net(
                Path(folder) / str(len(names)),
                units=list(units.values()),
                posts=heads(units),
            )
            net.opened(*names)
            played = Played(net, units, random.Random(seed))
            for office in net.offices():
                mine = [row for row in people(units) if played.host(row.unit) is office]
                office.import_roll(mine, at=SINCE)
            net.settle()
            played.play(steps)
            outcomes.append(played.outcome())
            for office in net.offices():
                compared = rebuild.check(office.store)[1]
                assert [one.difference for one in compared if not one.same] == []
            net.close()
    assert outcomes[0] == outcomes[1]
    assert set(outcomes[1][0].values()) <= {1}  # type: ignore[attr-defined]
