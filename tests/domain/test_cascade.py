"""The cascade: what is next, from any point, and never twice."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given as each
from hypothesis import strategies as st

from domain.cascade import Action, Finish, Forward, Serve, TakeIn, Wait, next_action, scope
from domain.directive import DIRECTIVE, Directive, Issued, Order, Withdrawn
from domain.fact import HOUR, OfficerId, UnitId, instant, micros
from domain.force import Tree
from domain.relay import (
    RELAY,
    Acknowledge,
    Acknowledged,
    Command,
    Event,
    Forwarded,
    OfficersServed,
    Receive,
    Received,
    ReceivedAgain,
    Record,
    Relay,
)
from tests.domain.test_force import FORCE, tree, trees, unit
from tests.examples import (
    HAZARA,
    HQ,
    MALAKAND,
    NINE,
    ORDER_TEXT,
    PLAIN_ORDER,
    PPO,
    SAIDU,
    SWAT,
    about,
    example,
)
from tests.spec import examples

T0 = micros(NINE)
LATER = T0 + HOUR
EVERY = frozenset(FORCE.units)


def directive(force: Tree, *to: UnitId, at_unit: UnitId = HQ, **said: Any) -> Directive:
    order: Order = PLAIN_ORDER.model_copy(update={"addressees": to, **said})
    issued = example(Issued).model_copy(
        update={"order": order, "unit": at_unit, "scope": tuple(sorted(force.below(*to)))}
    )
    return DIRECTIVE.fold([issued])


AUTOMATIC = directive(FORCE, HQ)
ROUTINE = directive(FORCE, HQ, forward="on_acknowledgement")


def next_of(
    state: Directive,
    relays: Mapping[UnitId, Relay],
    mustered: frozenset[UnitId] = EVERY,
    force: Tree = FORCE,
) -> Action:
    return next_action(state, force, relays, mustered)


def received(at: int = T0, sender: UnitId = HQ, **said: Any) -> Relay:
    return Relay(received_at=at, sender=sender, **said)


def passed_on(*to: UnitId, at: int = T0, **said: Any) -> Relay:
    return received(at, forwarded_at=at, forwarded_to=frozenset(to), **said)


def done(*to: UnitId, at: int = T0) -> Relay:
    return passed_on(*to, at=at, served_at=at)


# --- Step by step ----------------------------------------------------------------------


def test_nothing_is_next_before_the_issue_or_after_the_end() -> None:
    ended = DIRECTIVE.fold([example(Issued), Withdrawn(**about(), reason="r")])
    for state in (Directive(), ended):
        assert next_of(state, {HQ: received()}) == Finish()


def test_the_issuing_unit_forwards_first_at_the_issue() -> None:
    assert next_of(AUTOMATIC, {HQ: received()}) == Forward(((HQ, (HAZARA, MALAKAND), T0),))
    assert next_of(ROUTINE, {HQ: received()}) == Forward(((HQ, (HAZARA, MALAKAND), T0),))


def test_automatic_forwarding_goes_at_once_whoever_holds_the_desk() -> None:
    relays = {
        HQ: passed_on(HAZARA, MALAKAND),
        HAZARA: received(LATER),
        MALAKAND: received(LATER),
    }
    assert next_of(AUTOMATIC, relays) == Forward(
        ((HAZARA, (), LATER), (MALAKAND, (SWAT,), LATER))
    )


def test_on_acknowledgement_a_unit_forwards_at_its_acknowledgement() -> None:
    relays = {
        HQ: done(HAZARA, MALAKAND),
        HAZARA: received(),
        MALAKAND: received(acknowledged_at=LATER),
    }
    assert next_of(ROUTINE, relays) == Forward(((MALAKAND, (SWAT,), LATER),))


def test_a_unit_that_awaits_acknowledgement_is_waited_for_when_the_others_are_done() -> None:
    relays = {HQ: passed_on(HAZARA, MALAKAND), HAZARA: received(), MALAKAND: received()}
    assert next_of(ROUTINE, relays) == Serve(((HQ, T0),))
    relays[HQ] = done(HAZARA, MALAKAND)
    assert next_of(ROUTINE, relays) == Wait(frozenset({HAZARA, MALAKAND}))


def test_a_relay_that_was_not_received_awaits_nothing() -> None:
    assert next_of(ROUTINE, {HQ: done(HAZARA, MALAKAND), SWAT: Relay()}) == Finish()


def test_the_addressed_receive_straight_from_the_issuer_passing_over_those_between() -> None:
    state = directive(FORCE, SWAT)
    assert next_of(state, {HQ: received()}) == Forward(((HQ, (SWAT,), T0),))
    relays = {HQ: passed_on(SWAT), SWAT: received(LATER)}
    assert next_of(state, relays) == Forward(((SWAT, (SAIDU,), LATER),))


def test_two_levels_addressed_at_once_both_receive_from_the_issuer() -> None:
    state = directive(FORCE, MALAKAND, SWAT)
    assert next_of(state, {HQ: received()}) == Forward(((HQ, (MALAKAND, SWAT), T0),))
    relays = {HQ: passed_on(MALAKAND, SWAT), MALAKAND: received(), SWAT: received()}
    # The region passes it to the district too, which notes that it came a second way.
    assert next_of(state, relays) == Forward(((MALAKAND, (SWAT,), T0), (SWAT, (SAIDU,), T0)))


def test_an_issuing_unit_that_is_not_addressed_serves_nobody() -> None:
    state = directive(FORCE, HAZARA)
    relays = {HQ: passed_on(HAZARA), HAZARA: passed_on()}
    assert next_of(state, relays) == Serve(((HAZARA, T0),))
    assert next_of(state, relays | {HAZARA: done()}) == Finish()


def test_an_issuing_unit_in_the_middle_reaches_only_what_is_below_it() -> None:
    state = directive(FORCE, SWAT, at_unit=MALAKAND)
    assert next_of(state, {MALAKAND: received(sender=MALAKAND)}) == Forward(
        ((MALAKAND, (SWAT,), T0),)
    )


def test_every_unit_serves_when_its_own_relay_is_forwarded_each_at_its_instant() -> None:
    relays = {
        HQ: passed_on(HAZARA, MALAKAND),
        HAZARA: passed_on(at=LATER),
        MALAKAND: done(SWAT),
        SWAT: done(SAIDU),
        SAIDU: done(),
    }
    assert next_of(AUTOMATIC, relays) == Serve(((HAZARA, LATER), (HQ, T0)))


def test_a_unit_without_a_roll_serves_when_its_roll_arrives() -> None:
    relays = {HQ: done(HAZARA, MALAKAND), HAZARA: passed_on(), MALAKAND: done(), SWAT: done()}
    assert next_of(directive(FORCE, HAZARA), relays, EVERY - {HAZARA}) == Finish()
    assert next_of(directive(FORCE, HAZARA), relays) == Serve(((HAZARA, T0),))


# --- Between offices -------------------------------------------------------------------

REGION = frozenset({MALAKAND, SWAT, SAIDU})
"""Malakand has an office of its own."""
TO_MALAKAND = (MALAKAND, HQ, T0)


def test_a_region_receives_what_was_forwarded_to_a_unit_of_its_own() -> None:
    relays = {HQ: passed_on()}
    forwarded = ((HAZARA, HQ, T0), TO_MALAKAND, (SWAT, HQ, T0))
    assert next_action(AUTOMATIC, FORCE, relays, EVERY, REGION, forwarded) == TakeIn(
        (TO_MALAKAND, (SWAT, HQ, T0))
    )


def test_a_receipt_is_noted_once_and_one_second_way() -> None:
    def next_with(state: Relay) -> object:
        by_swat = (MALAKAND, SWAT, LATER)
        relays = {HQ: passed_on(), MALAKAND: state}
        return next_action(ROUTINE, FORCE, relays, EVERY, REGION, (TO_MALAKAND, by_swat))

    assert next_with(received()) == TakeIn(((MALAKAND, SWAT, LATER),))
    assert next_with(received(via=SWAT)) == Wait(frozenset({MALAKAND}))
    assert next_with(received(sender=SWAT)) == TakeIn((TO_MALAKAND,))


def test_an_office_forwards_serves_and_waits_at_its_own_units_alone() -> None:
    others = EVERY - REGION
    relays = {HQ: received()}
    assert next_action(ROUTINE, FORCE, relays, EVERY, REGION) == Finish()
    assert next_action(ROUTINE, FORCE, relays, EVERY, others) == Forward(
        ((HQ, (HAZARA, MALAKAND), T0),)
    )
    relays = {HQ: passed_on(HAZARA, MALAKAND), HAZARA: received(), MALAKAND: received()}
    assert next_action(ROUTINE, FORCE, relays, EVERY, others) == Serve(((HQ, T0),))
    assert next_action(ROUTINE, FORCE, relays, EVERY, REGION) == Wait(frozenset({MALAKAND}))
    relays[MALAKAND] = passed_on(SWAT)
    assert next_action(ROUTINE, FORCE, relays, EVERY, REGION) == Serve(((MALAKAND, T0),))


def test_what_was_forwarded_to_another_office_is_not_forwarded_again() -> None:
    others = EVERY - REGION
    relays = {HQ: done(HAZARA), HAZARA: done()}
    state = directive(FORCE, HQ, standing=True)
    assert next_action(state, FORCE, relays, EVERY, others, (TO_MALAKAND,)) == Finish()
    assert next_action(state, FORCE, relays, EVERY, others) == Forward(((HQ, (MALAKAND,), T0),))


def test_an_order_that_has_ended_is_received_nowhere() -> None:
    ended = DIRECTIVE.fold([example(Issued), Withdrawn(**about(), reason="r")])
    assert next_action(ended, FORCE, {}, EVERY, REGION, (TO_MALAKAND,)) == Finish()


# --- Scope -----------------------------------------------------------------------------

MOVED = tree(
    [
        unit("hq", None, "hq"),
        unit("malakand", "hq"),
        unit("hazara", "hq"),
        unit("swat", "hazara", "district"),
        unit("swat-saidu", "swat", "station"),
        unit("dir", "malakand", "district"),
    ]
)
DIR = UnitId("dir")


def test_a_directive_reaches_the_tree_of_its_issue() -> None:
    state = directive(FORCE, MALAKAND)
    assert scope(state, FORCE) == {MALAKAND, SWAT, SAIDU}
    assert scope(state, MOVED) == {MALAKAND}
    assert scope(Directive(), FORCE) == frozenset()


def test_a_standing_directive_follows_the_tree() -> None:
    state = directive(FORCE, MALAKAND, standing=True)
    assert scope(state, MOVED) == {MALAKAND, DIR}


def test_a_unit_that_came_later_receives_a_standing_directive_and_no_other() -> None:
    relays = {
        HQ: done(MALAKAND),
        MALAKAND: done(SWAT),
        SWAT: done(SAIDU),
        SAIDU: done(),
    }
    assert next_of(directive(FORCE, MALAKAND), relays, force=MOVED) == Finish()
    standing = directive(FORCE, MALAKAND, standing=True)
    found = next_of(standing, relays, force=MOVED)
    assert isinstance(found, Forward)
    assert [(unit, to) for unit, to, _ in found.hops] == [(MALAKAND, (DIR,))]


def test_a_unit_that_moved_after_it_received_is_not_sent_it_again() -> None:
    relays = {
        HQ: done(HAZARA, MALAKAND),
        HAZARA: done(),
        MALAKAND: done(SWAT),
        SWAT: done(SAIDU),
        SAIDU: done(),
        DIR: done(),
    }
    for standing in (True, False):
        state = directive(FORCE, HQ, standing=standing)
        assert next_of(state, relays, force=MOVED) == Finish()


def test_a_unit_that_moved_away_after_it_received_is_left_as_it_stands() -> None:
    relays = {HQ: done(MALAKAND), MALAKAND: done(SWAT), SWAT: received()}
    found = next_of(directive(FORCE, MALAKAND), relays, force=MOVED)
    assert found == Forward(((SWAT, (), T0),))


# --- From any point --------------------------------------------------------------------


@dataclass
class Story:
    """A cascade being carried out, as an office does it, with what it wrote."""

    state: Directive
    force: Tree
    mustered: frozenset[UnitId]
    relays: dict[UnitId, Relay] = field(default_factory=dict)
    written: list[tuple[UnitId, Event]] = field(default_factory=list)

    def begin(self) -> "Story":
        origin = self.state.unit
        assert origin is not None
        self.put(origin, Receive(Received(**about(), sender=origin)))
        self.acknowledge(origin)
        return self

    def put(self, where: UnitId, command: Command) -> None:
        before = self.relays.get(where, Relay())
        for fact in RELAY.decide(command, before):
            before = RELAY.evolve(before, fact)
            self.written.append((where, fact))
        self.relays[where] = before

    def acknowledge(self, where: UnitId) -> None:
        at = instant(self.relays[where].received_at or T0) + timedelta(minutes=7)
        self.put(where, Acknowledge(Acknowledged(**about(at=at), by=PPO)))

    def step(self, most: int = 99) -> Action:
        """Do the next step, or the first ``most`` parts of it: there it was cut."""
        action = next_action(self.state, self.force, self.relays, self.mustered)
        match action:
            case Forward(hops):
                for where, to, at in hops[:most]:
                    self.put(where, Record(Forwarded(**about(at=instant(at)), to=to)))
                    for below in to:
                        self.put(
                            below, Receive(Received(**about(at=instant(at)), sender=where))
                        )
            case Serve(units):
                for where, at in units[:most]:
                    fact = OfficersServed(
                        **about(at=instant(at)),
                        officers=(OfficerId(f"o-{where}"),),
                        version=1,
                        text=ORDER_TEXT,
                    )
                    self.put(where, Record(fact))
            case _:
                pass
        return action

    def run(self, cuts: list[int] | None = None) -> Wait | Finish:
        """Go on until it waits or is finished, cut at each of ``cuts``."""
        left = list(cuts or [])
        for _ in range(1_000):
            action = self.step(left.pop(0) if left else 99)
            if isinstance(action, Wait | Finish):
                return action
        raise AssertionError("it goes on for ever")


@st.composite
def stories(draw: st.DrawFn) -> Story:
    force = draw(trees())
    units = sorted(force.units)
    origin = draw(st.sampled_from(units))
    to = draw(st.lists(st.sampled_from(sorted(force.below(origin))), min_size=1, max_size=3))
    state = directive(
        force,
        *dict.fromkeys(to),
        at_unit=origin,
        forward=draw(st.sampled_from(["automatic", "on_acknowledgement"])),
        standing=draw(st.booleans()),
    )
    return Story(state, force, frozenset(draw(st.sets(st.sampled_from(units)))))


CUTS = st.lists(st.integers(1, 2), max_size=6)


def finish(story: Story, cuts: list[int], late: list[UnitId]) -> None:
    """Carry a story to its end: units acknowledge when they are waited for, rolls arrive."""
    rolls = list(late)
    for _ in range(100):
        match story.run(cuts):
            case Wait(units):
                story.acknowledge(min(units))
            case Finish() if rolls:
                story.mustered |= {rolls.pop()}
            case _:
                return
    raise AssertionError("it goes on for ever")


@each(stories(), CUTS)
@examples(60)
def test_a_cascade_reaches_everybody_it_should_and_ends(story: Story, cuts: list[int]) -> None:
    finish(story.begin(), cuts, sorted(story.force.units))
    reach = scope(story.state, story.force)
    origin = story.state.unit
    assert origin is not None
    assert set(story.relays) == reach | {origin}
    served = {where for where, relay in story.relays.items() if relay.served_at is not None}
    assert served == reach
    assert story.step() == Finish()


@each(stories(), CUTS)
@examples(60)
def test_nobody_is_forwarded_to_or_served_twice(story: Story, cuts: list[int]) -> None:
    finish(story.begin(), cuts, [])
    once: dict[type[Event], list[UnitId]] = {
        cls: [where for where, fact in story.written if type(fact) is cls]
        for cls in (Received, ReceivedAgain, Forwarded, OfficersServed)
    }
    for cls, units in once.items():
        assert len(units) == len(set(units)), cls
    hops = [
        (where, to)
        for where, fact in story.written
        if isinstance(fact, Forwarded)
        for to in fact.to
    ]
    assert len(hops) == len(set(hops))


@each(stories(), CUTS, st.integers(0, 8))
@examples(60)
def test_a_cascade_that_was_cut_ends_as_if_it_had_not_been(
    story: Story, cuts: list[int], steps: int
) -> None:
    whole = Story(story.state, story.force, story.mustered).begin()
    finish(whole, [], [])
    story.begin()
    for _ in range(steps):
        story.step(1)
    again = Story(story.state, story.force, story.mustered, dict(story.relays))
    finish(again, cuts, [])
    assert again.relays == whole.relays


@each(stories())
@examples(60)
def test_every_unit_receives_at_the_instant_of_who_passed_it_on(story: Story) -> None:
    finish(story.begin(), [], [])
    for where, relay in story.relays.items():
        assert relay.sender is not None
        if where != story.state.unit:
            assert relay.received_at == story.relays[relay.sender].forwarded_at


@each(stories())
@examples(60)
def test_every_history_of_a_relay_can_be_replayed(story: Story) -> None:
    finish(story.begin(), [], sorted(story.force.units))
    for where, relay in story.relays.items():
        history = [fact for unit, fact in story.written if unit == where]
        assert RELAY.fold(history) == relay


def test_a_deep_tree_is_no_different_from_a_shallow_one() -> None:
    deep = tree([unit(f"u{n}", f"u{n - 1}" if n else None) for n in range(400)])
    story = Story(
        directive(deep, UnitId("u0"), at_unit=UnitId("u0")), deep, frozenset(deep.units)
    )
    assert story.begin().run() == Finish()
    assert len([f for _, f in story.written if isinstance(f, OfficersServed)]) == 400


@pytest.mark.parametrize("mode", ["automatic", "on_acknowledgement"])
def test_what_was_forwarded_by_rule_is_served_without_an_acknowledgement(mode: str) -> None:
    state = directive(FORCE, HAZARA, forward=mode)
    relays = {HQ: done(HAZARA), HAZARA: passed_on(at=LATER)}
    assert next_of(state, relays) == Serve(((HAZARA, LATER),))
