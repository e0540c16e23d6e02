"""The executable reading of the contract's section 2: each rule, told by the oracle.

The force is small: hq over north and south; n1 under north, with the station n1-a; s1 under
south. Every unit has a head post, named after it; hq's is ``ppo``. Hours count from a morning.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from console.files.answers_file import AnswerRow
from console.files.roll_file import RollRow
from domain.deadline import Due
from domain.directive import Clause, Order, Population, Terms
from domain.fact import ClauseId, PostId, UnitId
from domain.force import Post, Unit
from tests.oracle import COUNTS, No, Oracle

MORNING = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)
HOUR = 3600
UNITS = {
    "hq": ("hq", None),
    "north": ("region", "hq"),
    "south": ("region", "hq"),
    "n1": ("district", "north"),
    "n1-a": ("station", "n1"),
    "s1": ("district", "south"),
}


def hour(count: float) -> datetime:
    return MORNING + timedelta(hours=count)


def units(**parents: str) -> list[Unit]:
    return [
        Unit(UnitId(unit), kind, {"en": unit}, UnitId(up) if up else None)
        for unit, (kind, parent) in UNITS.items()
        for up in [parents.get(unit, parent)]
    ]


def head(unit: str) -> PostId:
    return PostId("ppo" if unit == "hq" else f"head-{unit}")


def posts() -> list[Post]:
    return [Post(head(unit), UnitId(unit), {"en": unit}, 18, head=True) for unit in UNITS]


def row(
    officer: str,
    unit: str,
    *,
    rank: int = 7,
    duty: str | None = None,
    post: str | None = None,
    charge: str | None = None,
) -> RollRow:
    return RollRow(
        2, officer, None, f"Officer {officer}", rank, None, unit, duty, None, None, post, charge
    )


def act(clause: str = "quit", **due: Any) -> Clause:
    escalate = due.pop("escalate", ())
    return Clause(
        id=ClauseId(clause),
        kind="required_act",
        text={"en": clause},
        due=Due(**due) if due else None,
        escalate=escalate,
    )


def terms(*clauses: Clause, subject: str = "Leave the groups") -> Terms:
    return Terms(subject={"en": subject}, clauses=clauses)


QUIT = act(clock="receipt", within=24 * HOUR)


def order(*to: str, clauses: Sequence[Clause] = (QUIT,), **said: Any) -> Order:
    said = {"issuer": PostId("ppo"), "precedence": "immediate", "forward": "automatic"} | said
    return Order(addressees=tuple(map(UnitId, to)), terms=terms(*clauses), **said)


AWAITED: dict[str, Any] = {"precedence": "routine", "forward": "on_acknowledgement"}
"""What makes an order wait for each unit's acknowledgement."""


class Told:
    """A force with one officer a unit, named after it, and the clock of its story."""

    def __init__(self, *rows: RollRow, heads: Sequence[str] = ("hq",)) -> None:
        self.oracle = Oracle(MORNING)
        self.oracle.import_force(
            timezone="Asia/Karachi", since=hour(-1000), units=units(), posts=posts()
        )
        mine = [row(unit, unit, post=head(unit) if unit in heads else None) for unit in UNITS]
        self.oracle.import_roll([*mine, *rows], at=hour(-100))

    def at(self, count: float) -> Oracle:
        self.oracle.now = hour(count)
        return self.oracle

    def issue(self, *to: str, at: float = 0, **said: Any) -> str:
        found = self.at(at).issue(order(*to, **said), f"text {self.oracle.spoken}")
        return str(found["directive"])

    def numbers(self, ref: str, *names: str, **asked: Any) -> tuple[int, ...]:
        status = self.oracle.status(ref, **asked)
        return tuple(int(str(status[name])) for name in names or COUNTS)

    def unit(self, ref: str, unit: str, **asked: Any) -> dict[str, Any]:
        below: Any = self.oracle.status(ref, depth=9, **asked)["units"]
        return next(found for found in below if found["unit"] == unit)

    def who(self, ref: str, state: str | None = None, **asked: Any) -> list[str]:
        return [found.officer_id for found in self.oracle.officers(ref, state=state, **asked)]


def refused(call: Any, *said: Any, code: int = 3, **more: Any) -> str:
    with pytest.raises(No) as no:
        call(*said, **more)
    assert no.value.code == code
    return no.value.reason


# --- Receipt ------------------------------------------------------------------------------


def test_the_issuing_units_relay_is_received_and_acknowledged_at_issue() -> None:
    told = Told()
    ref = told.issue("north")
    assert told.oracle.hops(ref)["hq"] == {
        "via": None,
        "received_at": hour(0),
        "acknowledged_at": hour(0),
        "forwarded_at": hour(0),
        "served_at": None,
    }


def test_each_addressed_unit_receives_straight_from_the_issuer() -> None:
    told = Told()
    ref = told.issue("n1", **AWAITED)
    assert told.oracle.hops(ref).keys() == {"hq", "n1"}


def test_the_first_receipt_counts_and_a_later_one_is_noted_as_via() -> None:
    told = Told(heads=("hq", "north"))
    ref = told.issue("north", "n1", **AWAITED)
    assert told.oracle.hops(ref)["n1"]["via"] is None
    told.at(3).acknowledge_relay(ref, "north")
    assert told.oracle.hops(ref)["n1"]["via"] == "north"
    assert told.oracle.hops(ref)["n1"]["received_at"] == hour(0)


def test_a_forwarded_unit_receives_at_the_forwarders_instant() -> None:
    told = Told(heads=("hq", "north"))
    ref = told.issue("hq", **AWAITED)
    told.at(5).acknowledge_relay(ref, "north", at=hour(3))
    assert told.unit(ref, "n1")["received_at"] == hour(3)


# --- Forwarding ---------------------------------------------------------------------------


def test_automatic_forwarding_reaches_everybody_at_once_past_vacant_desks() -> None:
    told = Told(heads=())
    ref = told.issue("hq")
    assert told.numbers(ref, "population", "served") == (6, 6)


def test_on_acknowledgement_a_unit_forwards_and_serves_when_it_acknowledges() -> None:
    told = Told(heads=("hq", "north"))
    ref = told.issue("hq", **AWAITED)
    assert told.who(ref, "served") == ["hq"]
    assert told.at(2).acknowledge_relay(ref, "north")["changed"]
    assert told.who(ref, "served") == ["hq", "north"]
    assert told.numbers(ref, "population", "served") == (6, 2)
    assert told.unit(ref, "north")["acknowledged_at"] == hour(2)


def test_with_a_vacant_head_another_post_of_the_unit_or_above_must_be_named() -> None:
    told = Told(heads=("hq", "south"))
    ref = told.issue("hq", **AWAITED)
    refused(told.at(2).acknowledge_relay, ref, "north")
    refused(told.oracle.acknowledge_relay, ref, "north", by="head-south")
    assert told.oracle.acknowledge_relay(ref, "north", by="ppo")["changed"]


def test_a_unit_that_has_not_received_cannot_acknowledge_nor_before_its_receipt() -> None:
    told = Told(heads=("hq", "north", "n1"))
    ref = told.issue("hq", **AWAITED)
    refused(told.at(2).acknowledge_relay, ref, "n1")
    refused(told.oracle.acknowledge_relay, ref, "north", at=hour(-1))
    refused(told.oracle.acknowledge_relay, ref, "nowhere", code=5)


def test_acknowledging_a_relay_twice_changes_nothing() -> None:
    told = Told(heads=("hq", "north"))
    ref = told.issue("hq", **AWAITED)
    told.at(2).acknowledge_relay(ref, "north")
    assert not told.at(3).acknowledge_relay(ref, "north", at=hour(1))["changed"]
    assert told.unit(ref, "north")["acknowledged_at"] == hour(2)


def test_after_grace_a_vacant_desk_is_forwarded_by_rule_at_the_ticks_clock() -> None:
    told = Told(heads=("hq", "south"))
    ref = told.issue("hq", grace=2 * HOUR, **AWAITED)
    assert told.at(1).tick()["forwarded_by_rule"] == 0
    assert told.at(2.5).tick()["forwarded_by_rule"] == 1
    assert told.who(ref, "served") == ["hq", "north"]
    assert told.oracle.hops(ref)["north"]["forwarded_at"] == hour(2.5)
    assert told.oracle.hops(ref)["north"]["acknowledged_at"] is None
    assert told.at(4).tick()["forwarded_by_rule"] == 0, "n1 has its grace from its own receipt"
    assert told.at(4.5).tick()["forwarded_by_rule"] == 1


def test_a_held_desk_is_never_forwarded_by_rule() -> None:
    told = Told(heads=("hq", "north", "south"))
    told.issue("hq", **AWAITED)
    assert told.at(100).tick()["forwarded_by_rule"] == 0


# --- Service ------------------------------------------------------------------------------


def test_every_unit_serves_exactly_those_posted_directly_to_it() -> None:
    told = Told(row("two", "n1"))
    ref = told.issue("north")
    assert told.numbers(ref, "served", unit="n1") == (3,)
    assert told.unit(ref, "n1-a")["served"] == 1
    assert told.who(ref) == ["n1", "n1-a", "north", "two"]


def test_an_issuing_unit_that_is_not_addressed_serves_nobody() -> None:
    told = Told()
    assert told.who(told.issue("south")) == ["s1", "south"]


def test_a_unit_without_a_roll_serves_when_its_roll_arrives() -> None:
    told = Told()
    told.oracle.import_force(
        timezone="Asia/Karachi",
        since=hour(-10),
        units=[*units(), Unit(UnitId("s1-b"), "station", {"en": "s1-b"}, UnitId("s1"))],
        posts=posts(),
    )
    ref = told.issue("hq")
    told.at(1).transfer("south", "s1-b")
    assert told.oracle.hops(ref)["s1-b"]["served_at"] is None
    told.at(5).import_roll([row("late", "s1-b"), row("later", "s1-b")], at=hour(4))
    assert told.oracle.hops(ref)["s1-b"]["served_at"] == hour(4)
    assert told.numbers(ref, "population", "served", unit="s1-b") == (3, 3)
    told.at(6).import_roll([row("last", "s1-b")])
    assert told.numbers(ref, "population", "served", unit="s1-b") == (3, 3), "not standing"


def test_an_officer_is_served_once_by_whichever_unit_serves_first() -> None:
    told = Told(heads=("hq", "north", "south"))
    ref = told.issue("hq", **AWAITED)
    told.at(1).acknowledge_relay(ref, "north")
    told.at(2).transfer("north", "south")
    told.at(3).acknowledge_relay(ref, "south", by=None)
    (him,) = [found for found in told.oracle.officers(ref) if found.officer_id == "north"]
    assert (him.unit, him.served_at) == ("south", hour(1))


def test_only_whom_the_population_means_is_served() -> None:
    told = Told(row("boss", "s1", rank=19), row("away", "s1", duty="leave"))
    ref = told.issue(
        "hq",
        population=Population(
            rank_to=18,
            duty=("on_duty",),
            except_units=(UnitId("north"),),
            except_posts=(PostId("ppo"),),
        ),
    )
    assert told.who(ref) == ["s1", "south"]


def test_the_issuer_is_bound_unless_left_out() -> None:
    told = Told()
    assert "hq" in told.who(told.issue("hq"))


def test_a_post_issues_only_to_units_under_its_command() -> None:
    told = Told()
    refused(told.oracle.issue, order("south", issuer=PostId("head-north")), "text")
    refused(told.oracle.issue, order("nowhere"), "text", code=4)


def test_the_same_file_again_is_the_first_one_unless_told_otherwise() -> None:
    told = Told()
    first = told.oracle.issue(order("hq"), "text")
    assert told.oracle.issue(order("hq"), "text") == first | {"changed": False}
    again = told.oracle.issue(order("hq"), "text", again=True)
    assert (first["number"], again["number"]) == ("1/2026", "2/2026")


# --- Bound --------------------------------------------------------------------------------


def test_who_was_served_stays_bound_through_transfer_leave_suspension_and_promotion() -> None:
    told = Told()
    ref = told.issue("north", population=Population(rank_to=7, duty=("on_duty",)))
    told.at(1).transfer("n1", "south")
    told.oracle.duty("n1", "suspended")
    told.oracle.promote("n1", 17)
    assert told.numbers(ref, "population", "served", unit="south") == (1, 1)
    assert told.numbers(ref, "population", unit="north") == (2,)


def test_retirement_and_death_release_and_a_new_spell_begins_unbound() -> None:
    told = Told()
    ref = told.issue("north")
    assert told.at(5).retire("n1", died=True)["changed"]
    assert not told.oracle.retire("n1", died=True)["changed"]
    assert told.numbers(ref, "population", as_of=hour(4)) == (3,)
    assert told.numbers(ref, "population") == (2,)
    told.at(6).import_roll([row("n1", "n1")])
    assert told.numbers(ref, "population") == (2,)
    refused(told.oracle.answer, ref, "n1", "read")


def test_after_the_end_nobody_is_bound_and_before_it_everybody_was() -> None:
    told = Told()
    ref = told.issue("hq")
    told.at(5).withdraw(ref, "A mistake.")
    assert told.numbers(ref) == (0,) * len(COUNTS)
    assert told.oracle.status(ref)["state"] == "withdrawn"
    assert told.numbers(ref, "population", as_of=hour(4)) == (6,)
    assert told.oracle.status(ref, as_of=hour(4))["state"] == "in_force"


def test_a_standing_directive_binds_who_begins_to_match_in_the_same_command() -> None:
    told = Told(row("away", "s1", duty="leave"), row("outside", "north"))
    ref = told.issue("south", standing=True, population=Population(duty=("on_duty",)))
    told.at(3).duty("away", "on_duty", at=hour(2))
    told.oracle.transfer("outside", "s1")
    told.oracle.import_roll([row("new", "s1")])
    served = {found.officer_id: found.served_at for found in told.oracle.officers(ref)}
    assert served == {
        "south": hour(0),
        "s1": hour(0),
        "away": hour(2),
        "outside": hour(3),
        "new": hour(3),
    }


def test_a_joiner_is_not_served_before_his_unit() -> None:
    told = Told(row("away", "s1", duty="leave"))
    ref = told.issue("south", at=2, standing=True, population=Population(duty=("on_duty",)))
    told.at(3).duty("away", "on_duty", at=hour(1))
    assert {found.served_at for found in told.oracle.officers(ref)} == {hour(2)}


def test_two_late_entries_that_together_match_bind_from_the_later_instant() -> None:
    told = Told(row("away", "s1", duty="leave", rank=5))
    ref = told.issue("s1", standing=True, population=Population(rank_from=7, duty=("on_duty",)))
    told.at(5).promote("away", 9, at=hour(4))
    assert told.numbers(ref, "population") == (1,)
    told.at(6).duty("away", "on_duty", at=hour(2))
    (away, _) = told.oracle.officers(ref)
    assert away.served_at == hour(4)


def test_another_directive_binds_nobody_new() -> None:
    told = Told(row("away", "s1", duty="leave"))
    ref = told.issue("south", population=Population(duty=("on_duty",)))
    told.at(3).duty("away", "on_duty")
    told.oracle.transfer("north", "s1")
    assert told.numbers(ref, "population") == (2,)


def test_a_standing_directive_reaches_a_unit_that_comes_under_the_addressed() -> None:
    told = Told()
    standing, other = told.issue("south", standing=True), told.issue("south")
    told.at(6).import_force(
        timezone="Asia/Karachi", since=hour(5), units=units(n1="south"), posts=posts()
    )
    assert told.unit(standing, "n1-a")["received_at"] == hour(5)
    assert told.numbers(standing, "population", "served") == (4, 4)
    assert told.numbers(other, "population", "served") == (2, 2)


def test_who_arrives_before_his_unit_has_served_is_counted_and_served_with_it() -> None:
    told = Told(heads=("hq", "north", "south"))
    ref = told.issue("north", **AWAITED)
    told.at(1).transfer("south", "north")
    assert told.numbers(ref, "population", "served", unit="north") == (4, 0)
    told.at(2).acknowledge_relay(ref, "north")
    assert told.who(ref, "served") == ["north", "south"]


# --- Deadlines, transfers -----------------------------------------------------------------


@pytest.mark.parametrize(("clock", "due"), [("issue", 24), ("receipt", 27), ("service", 29)])
def test_each_due_time_runs_from_its_clock(clock: str, due: int) -> None:
    told = Told(row("new", "n1", duty="leave"), heads=("hq", "north", "n1"))
    ref = told.issue(
        "hq",
        standing=True,
        population=Population(duty=("on_duty",)),
        clauses=[act(clock=clock, within=24 * HOUR)],
        **AWAITED,
    )
    told.at(3).acknowledge_relay(ref, "north")
    told.at(4).acknowledge_relay(ref, "n1")
    told.at(5).duty("new", "on_duty")
    (new,) = [found for found in told.oracle.officers(ref) if found.officer_id == "new"]
    assert new.due_at == hour(due)


def test_a_deadline_does_not_move_with_a_transfer_but_the_officer_counts_elsewhere() -> None:
    told = Told()
    ref = told.issue("north")
    told.at(1).transfer("n1", "s1")
    assert told.numbers(ref, "overdue", unit="s1", as_of=hour(24)) == (1,)
    assert told.oracle.overdue(as_of=hour(24))[ref, "quit", "s1"] == (1, hour(24))
    assert told.numbers(ref, "population", unit="s1", as_of=hour(0.5)) == (0,)


def test_overdue_is_counted_from_its_very_instant_and_once() -> None:
    told = Told()
    ref = told.issue(
        "s1", clauses=[act("a", at=hour(10)), act("b", clock="issue", within=10 * HOUR)]
    )
    second_before = hour(10) - timedelta(seconds=1)
    assert told.numbers(ref, "overdue", as_of=second_before) == (0,)
    assert told.numbers(ref, "overdue", as_of=hour(10)) == (1,)


def test_who_complied_at_the_due_instant_is_not_overdue() -> None:
    told = Told()
    ref = told.issue("s1", clauses=[act(clock="issue", within=10 * HOUR)])
    told.at(11).answer(ref, "s1", "complied", at=hour(10))
    assert told.numbers(ref, "overdue", "complied") == (0, 1)
    assert told.numbers(ref, "overdue", "complied", as_of=hour(9)) == (0, 0)


# --- Answers ------------------------------------------------------------------------------


def test_an_answer_implies_the_lower_ones_at_its_own_instant() -> None:
    told = Told()
    ref = told.issue("s1")
    assert told.at(2).answer(ref, "s1", "complied")["changed"]
    (him,) = told.oracle.officers(ref)
    assert (him.read_at, him.acknowledged_at, him.complied_at) == (hour(2),) * 3
    assert not told.at(3).answer(ref, "s1", "acknowledged")["changed"]


def test_the_earliest_answer_counts_and_an_earlier_one_arriving_late_is_a_change() -> None:
    told = Told()
    ref = told.issue("s1")
    told.at(4).answer(ref, "s1", "acknowledged")
    knew = told.oracle.spoken
    assert told.at(5).answer(ref, "s1", "acknowledged", at=hour(2))["changed"]
    assert not told.oracle.answer(ref, "s1", "acknowledged", at=hour(3))["changed"]
    assert told.numbers(ref, "acknowledged", as_of=hour(3)) == (1,)
    assert told.numbers(ref, "acknowledged", as_of=hour(3), known_at=knew) == (0,)


def test_what_cannot_be_true_of_an_officer_is_refused() -> None:
    told = Told(row("new", "s1", duty="leave"))
    ref = told.issue("s1", at=1, standing=True, population=Population(duty=("on_duty",)))
    told.at(3).duty("new", "on_duty")
    refused(told.at(5).answer, ref, "s1", "read", at=hour(0.5))
    refused(told.oracle.answer, ref, "new", "read", at=hour(2))
    refused(told.oracle.answer, ref, "s1", "read", at=hour(5) + timedelta(minutes=6))
    assert told.oracle.answer(ref, "s1", "read", at=hour(5) + timedelta(minutes=5))["changed"]
    refused(told.oracle.answer, ref, "north", "read")
    refused(told.oracle.answer, ref, "nobody", "read", code=5)
    told.at(6).retire("new")
    refused(told.oracle.answer, ref, "new", "read")
    assert told.oracle.answer(ref, "new", "read", at=hour(5))["changed"]


def test_complied_needs_a_required_act() -> None:
    told = Told()
    ban = Clause(id=ClauseId("ban"), kind="prohibition", text={"en": "ban"})
    refused(told.oracle.answer, told.issue("s1", clauses=[ban]), "s1", "complied")
    refused(
        told.oracle.answer,
        told.issue("s1", clauses=[ban, QUIT]),
        "s1",
        "complied",
        clause="ban",
    )


def test_with_several_acts_complied_is_the_latest_of_their_earliest_answers() -> None:
    told = Told()
    ref = told.issue("s1", clauses=[act("a"), act("b")])
    told.at(3).answer(ref, "s1", "complied", clause="a")
    assert told.numbers(ref, "acknowledged", "complied") == (1, 0)
    told.at(5).answer(ref, "s1", "complied", clause="b")
    assert told.oracle.officers(ref)[0].complied_at == hour(5)
    assert told.oracle.answer(ref, "s1", "complied", at=hour(4))["changed"], "b, an hour before"
    assert told.oracle.officers(ref)[0].complied_at == hour(4)


def test_a_roll_call_may_list_any_served_officer_and_names_both_hours() -> None:
    told = Told()
    ref = told.issue("south", at=1)
    rows = [(2, "s1", None, None), (3, "south", "complied", None), (4, "north", None, None)]
    absent = (5, "south", "absent", None)
    found = told.at(6).roll_call(ref, "s1", [*rows, absent], held_at=hour(4))
    assert found == {"unit": "s1", "accepted": 2, "repeated": 0, "absent": 1, "refused": [4]}
    assert told.oracle.roll_call(ref, "s1", rows, held_at=hour(4))["repeated"] == 2
    assert told.numbers(ref, "acknowledged", "complied", as_of=hour(4)) == (2, 1)


# --- Contests and exemptions --------------------------------------------------------------


def test_a_contest_stops_no_deadline_and_ends_by_decision() -> None:
    told = Told()
    ref = told.issue("s1")
    assert told.at(1).contest(ref, "s1", "Not mine.")["changed"]
    assert not told.at(2).contest(ref, "s1", "Not mine.")["changed"]
    assert told.numbers(ref, "contested", "overdue", as_of=hour(30)) == (1, 1)
    assert told.at(31).decide_contest(ref, "s1", "dismissed", "ppo")["changed"]
    assert not told.oracle.decide_contest(ref, "s1", "dismissed", "ppo")["changed"]
    refused(told.oracle.decide_contest, ref, "s1", "upheld", "ppo")
    assert told.numbers(ref, "contested", "exempt", "overdue") == (0, 0, 1)
    assert told.numbers(ref, "contested", as_of=hour(30)) == (1,)


def test_an_upheld_contest_exempts() -> None:
    told = Told()
    ref = told.issue("s1")
    told.at(1).contest(ref, "s1", "Not mine.")
    told.at(2).decide_contest(ref, "s1", "upheld", "ppo")
    assert told.numbers(ref, "contested", "exempt", "overdue", as_of=hour(30)) == (0, 1, 0)


def test_only_a_held_post_that_commands_the_unit_then_exempts() -> None:
    told = Told(heads=("hq", "north"))
    ref = told.issue("hq")
    refused(told.at(1).exempt, ref, "s1", "head-south", "vacant")
    refused(told.oracle.exempt, ref, "s1", "head-north", "elsewhere")
    told.at(3).transfer("s1", "n1")
    refused(told.oracle.exempt, ref, "s1", "head-north", "too early", at=hour(2))
    assert told.oracle.exempt(ref, "s1", "head-north", "now his")["changed"]
    assert not told.oracle.exempt(ref, "s1", "ppo", "again")["changed"]


def test_an_exempt_officer_counts_everywhere_but_in_complied_and_overdue() -> None:
    told = Told()
    ref = told.issue("s1")
    told.at(1).answer(ref, "s1", "complied")
    told.at(2).exempt(ref, "s1", "ppo", "on duty elsewhere")
    assert told.numbers(ref, as_of=hour(30)) == (1, 1, 1, 1, 0, 1, 0, 0)
    assert told.numbers(ref, "complied", "exempt", as_of=hour(1)) == (1, 0)


def test_exempt_counts_when_every_act_is_exempt() -> None:
    told = Told()
    ref = told.issue("s1", clauses=[act("a", clock="issue", within=HOUR), act("b")])
    told.at(1).exempt(ref, "s1", "ppo", "…", clause="a")
    assert told.numbers(ref, "exempt", "overdue", as_of=hour(9)) == (0, 0)
    told.at(2).answer(ref, "s1", "complied", clause="b")
    assert told.numbers(ref, "complied") == (1,)
    told.oracle.exempt(ref, "s1", "ppo", "…", clause="b")
    assert told.numbers(ref, "exempt", "complied") == (1, 0)


# --- Amendments ---------------------------------------------------------------------------


def test_an_immaterial_amendment_changes_no_number() -> None:
    told = Told()
    ref = told.issue("s1")
    told.at(1).answer(ref, "s1", "complied")
    before = told.numbers(ref, as_of=hour(99))
    told.at(2).amend(ref, terms(QUIT, subject="Leave them all"), "v2")
    assert told.numbers(ref, as_of=hour(99)) == before


def test_a_material_amendment_asks_again_from_its_instant_on() -> None:
    told = Told()
    ref = told.issue("s1")
    told.at(1).answer(ref, "s1", "complied")
    told.at(3).amend(ref, terms(QUIT, subject="All groups"), "v2", material=True)
    assert told.numbers(ref, "read", "acknowledged", "complied") == (0, 0, 0)
    assert told.numbers(ref, "complied", as_of=hour(2)) == (1,)
    assert told.numbers(ref, "complied", version=1) == (1,)
    assert told.oracle.officers(ref)[0].due_at == hour(27), "the due starts anew"
    assert told.at(4).answer(ref, "s1", "read", at=hour(2)) == {
        "directive": ref,
        "officer": "s1",
        "changed": False,
    }, "that was to the first version, known since 1"
    assert told.oracle.answer(ref, "s1", "complied")["changed"]
    assert told.numbers(ref, "complied") == (1,)


def test_amending_with_the_same_text_is_a_repeat() -> None:
    told = Told()
    ref = told.issue("s1")
    again = terms(QUIT, subject="Once more")
    assert told.at(1).amend(ref, again, "v2", material=True)["version"] == 2
    assert told.at(2).amend(ref, again, "v2", material=True)["version"] == 2


# --- Escalation ---------------------------------------------------------------------------


def test_escalation_goes_up_a_level_at_each_step_and_is_recorded_once() -> None:
    told = Told()
    clause = act(clock="issue", within=10 * HOUR, escalate=(0, 5 * HOUR, 10 * HOUR))
    ref = told.issue("s1", clauses=[clause])
    assert told.at(9).tick()["escalated"] == 0
    assert told.at(10).tick()["escalated"] == 1
    assert told.at(11).tick()["escalated"] == 0
    assert told.at(30).tick()["escalated"] == 2
    assert told.oracle.escalations() == {(ref, "s1", "quit", level) for level in (1, 2, 3)}


def test_each_step_is_recorded_however_near_the_issuer_is() -> None:
    told = Told(heads=("hq", "south"))
    clause = act(clock="issue", within=HOUR, escalate=(0, 0, 0))
    ref = told.issue("s1", clauses=[clause], issuer=PostId("head-south"))
    told.at(2).tick()
    assert told.oracle.escalations() == {(ref, "s1", "quit", level) for level in (1, 2, 3)}


def test_after_a_transfer_the_officer_is_escalated_under_the_new_unit() -> None:
    told = Told()
    ref = told.issue("s1", clauses=[act(clock="issue", within=HOUR, escalate=(0,))])
    told.at(0.5).transfer("s1", "north")
    told.at(2).tick()
    assert told.oracle.escalations() == {(ref, "north", "quit", 1)}


def test_nobody_is_escalated_for_the_exempt_and_the_compliant() -> None:
    told = Told(row("two", "s1"))
    ref = told.issue("s1", clauses=[act(clock="issue", within=HOUR, escalate=(0,))])
    told.at(0.5).answer(ref, "s1", "complied")
    told.oracle.exempt(ref, "two", "ppo", "…")
    assert told.at(2).tick()["escalated"] == 0


# --- Charges ------------------------------------------------------------------------------


def test_a_posting_outside_ends_a_substantive_or_acting_charge_not_an_additional_one() -> None:
    told = Told(row("two", "s1"))
    told.at(1).assume("head-s1", "s1")
    told.oracle.assume("head-s1", "two", charge="acting")
    told.oracle.assume("head-s1", "north", charge="additional")
    told.at(2).transfer("s1", "south")
    assert told.oracle.books.holder("head-s1", hour(2)) == "two"
    told.at(3).transfer("two", "south")
    told.oracle.transfer("north", "n1")
    assert told.oracle.books.holder("head-s1", hour(3)) == "north"
    told.at(4).retire("north")
    assert told.oracle.books.holder("head-s1", hour(4)) is None
    assert told.oracle.books.holder("head-s1", hour(1)) == "s1"


def test_a_substantive_charge_ends_the_one_before_it() -> None:
    told = Told(row("two", "s1"))
    assert told.at(1).assume("head-s1", "s1")["changed"]
    assert not told.oracle.assume("head-s1", "s1")["changed"]
    told.oracle.assume("head-s1", "two")
    assert told.oracle.books.holders("head-s1", hour(1)) == [("two", "substantive")]
    assert told.oracle.relinquish("head-s1")["changed"]
    assert not told.oracle.relinquish("head-s1")["changed"]


def test_a_charge_assumed_late_ends_with_the_posting_already_known() -> None:
    told = Told()
    told.at(5).transfer("s1", "south")
    told.at(6).assume("head-s1", "s1", at=hour(2))
    assert told.oracle.books.holder("head-s1", hour(4)) == "s1"
    assert told.oracle.books.holder("head-s1", hour(5)) is None


def test_a_blank_post_never_vacates_and_a_blank_duty_says_nothing_of_a_known_officer() -> None:
    told = Told(row("two", "s1", duty="leave", post="head-s1", charge="acting"))
    found = told.at(1).import_roll([row("two", "s1")])
    assert found == {"added": 0, "changed": 0, "unchanged": 1, "missing": 6}
    assert told.oracle.books.holders("head-s1", hour(1)) == [("two", "acting")]
    assert told.oracle.books.particular("two", "duty", hour(1)) == "leave"


# --- Time ---------------------------------------------------------------------------------


def test_before_the_issue_nothing_is_counted() -> None:
    told = Told()
    ref = told.issue("hq", at=1)
    assert told.oracle.status(ref, as_of=hour(0))["state"] == "not_issued"
    assert told.numbers(ref, as_of=hour(0)) == (0,) * len(COUNTS)


def test_after_the_clock_dues_are_projected_and_no_new_fact_is_assumed() -> None:
    told = Told()
    ref = told.issue("hq")
    assert told.numbers(ref, "population", "overdue", as_of=hour(1000)) == (6, 6)


def test_who_was_what_is_asked_of_the_moment() -> None:
    told = Told()
    ref = told.issue("hq")
    before = told.oracle.status(ref, depth=9, as_of=hour(1))
    told.at(3).transfer("s1", "north", at=hour(2))
    told.oracle.import_force(
        timezone="Asia/Karachi", since=hour(3), units=units(n1="south"), posts=posts()
    )
    assert told.oracle.status(ref, depth=9, as_of=hour(1)) == before
    assert told.numbers(ref, "population", unit="south") == (3,)
    assert told.numbers(ref, "population", unit="south", as_of=hour(2)) == (1,)


def test_known_at_asks_what_the_ledger_had_of_everything() -> None:
    told = Told()
    ref = told.issue("hq")
    knew = told.oracle.spoken
    told.at(5).transfer("s1", "north", at=hour(1))
    told.oracle.retire("n1", at=hour(2))
    asked: dict[str, Any] = {"unit": "north", "as_of": hour(4)}
    assert told.numbers(ref, "population", **asked) == (3,)
    assert told.numbers(ref, "population", known_at=knew, **asked) == (3,)
    assert told.who(ref, known_at=knew, **asked) == ["n1", "n1-a", "north"]
    assert told.who(ref, **asked) == ["n1-a", "north", "s1"]


def test_the_later_instant_wins_then_the_later_entry() -> None:
    told = Told()
    told.at(5).transfer("s1", "north", at=hour(4))
    told.oracle.transfer("s1", "south", at=hour(2))
    told.oracle.transfer("s1", "n1", at=hour(4))
    posting = told.oracle.books.posting
    assert [posting("s1", hour(h)) for h in (1, 2, 4)] == ["s1", "south", "n1"]


def test_an_answers_file_with_a_refused_line_is_accepted_whole_or_by_its_good_lines() -> None:
    told = Told()
    ref = told.issue("s1")
    told.at(2)
    lines = [
        AnswerRow(line, ref, officer, "read", 0, hour(1).isoformat(), None, None, None)
        for line, officer in [(2, "s1"), (3, "s1"), (4, "x")]
    ]
    refused(told.oracle.import_answers, lines, code=4)
    assert told.numbers(ref, "read") == (0,)
    found = told.oracle.import_answers(lines, accept_good=True)
    assert found == {"accepted": 1, "repeated": 1, "refused": [4]}
    assert told.numbers(ref, "read") == (1,)
