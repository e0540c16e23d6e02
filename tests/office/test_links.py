"""Links: whatever the wire does, the copies equal the sender's own entries, each once, in order."""

import dataclasses
import json
import random
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given as each
from hypothesis import strategies as st

from domain import directive, force, relay, service
from domain.directive import Issued
from domain.errors import Contended, CorruptStream, Refused, Unknown
from domain.fact import Fact, UnitId, micros
from ledger import codec, links
from ledger.codec import Entry, encode
from ledger.links import Despatch, Garbage, Heartbeat, chained
from ledger.store import Line, Store, fetch, head, select_entries
from office.home import Home
from office.links import Batch, Inbox, Outgoing, Resends, Router, Taken, status, take_together
from office.office import Office
from office.questions import recorded_by
from office.work import Work, working
from projections import answers, page, rebuild
from projections.database import Database
from projections.tables import PROJECTIONS, SHAPE, metadata, shape
from tests import links_checker, services
from tests.examples import BY_OFFICER, NINE, ORDER_TEXT, SAIDU, SWAT, about
from tests.projections.small import (
    HOURLY,
    ROLL,
    SINCE,
    after,
    described,
    emptied,
    order,
    terms,
    text,
)
from tests.spec import examples

LINK = "malakand"
REF = "malakand-2020-1"
ANSWERS = [
    (officer, kind)
    for kind in ("read", "acknowledged", "complied")
    for officer in ("P-1", "R-1", "R-2", "D-1", "C-1", "C-2", "C-3", "C-4", "H-1", "H-2")
]


def nothing(_work: Work, _entries: Sequence[Entry]) -> None:
    """Follow nothing up."""


@dataclass
class End:
    """One office at its end of the link, and the worker's part that it has in memory."""

    office: Office
    inbox: Inbox = field(default_factory=lambda: Inbox(nothing))
    router: Router = field(default_factory=Router)
    outgoing: Outgoing = field(default_factory=Outgoing)
    beat: int = 1_000

    def send(self, limit: int = 7) -> list[Despatch]:
        """Register and publish all that is due; return it."""
        while self.router.route(self.office, LINK, limit)[0]:
            pass
        sent: list[Despatch] = []
        while some := self.outgoing.take(self.office, LINK, limit=limit):
            self.outgoing.published(self.office, LINK, some[-1].number)
            sent += some
        return sent

    def heartbeat(self) -> Heartbeat:
        self.beat += 1
        return self.inbox.heartbeat(self.office, LINK, self.beat)

    def hear(self, other: "End") -> None:
        self.inbox.beat(self.office, LINK, other.heartbeat(), self.office.now)

    def again(self, limit: int = 10) -> list[Despatch]:
        found: list[Despatch] = []
        while some := self.outgoing.again(self.office, LINK, self.beat, limit):
            found += some
        return found

    def take(self, batch: Sequence[Despatch | Garbage], *, level: bool = True) -> Taken:
        return self.inbox.take(self.office, LINK, batch, level=level)

    @property
    def store(self) -> Store:
        return self.office.store

    def link(self) -> links.Link:
        with self.store.reading() as conn:
            return links.get(conn, LINK)

    def restarted(self) -> "End":
        """The same office after its workers were killed."""
        return End(self.office, self.inbox, self.router, beat=self.beat + 1_000)


@dataclass
class Ends:
    """A region that sends up, and HQ that takes in."""

    region: End
    hq: End

    def wrong(self, *, complete: bool = True) -> list[str]:
        return links_checker.compare(
            self.region.office.home.url,
            self.hq.office.home.url,
            LINK,
            "malakand",
            complete=complete,
        )

    def heal(self, lose: Callable[[Despatch], bool] = lambda _: False, rounds: int = 20) -> int:
        """Let heartbeats and re-sends go to and fro until HQ is level; return how many were sent again."""
        again = 0
        for _ in range(rounds):
            self.hq.hear(self.region)
            self.hq.take([])
            self.region.hear(self.hq)
            some = self.region.again()
            again += len(some)
            self.hq.take([one for one in some if not lose(one)])
            if self.hq.link().mark == self.region.link().registered:
                return again
        pytest.fail(f"not level after {rounds} rounds: {self.hq.link()}")


def opened(folder: Path, store: str, name: str, now: datetime = NINE) -> Office:
    home = Home.init(folder / name, store=store, rehearsal=True, office=name)
    office = Office(home, now)
    with office.store.writing() as tx:
        links.begin(tx.conn, LINK, "hq" if name == LINK else LINK)
    return office


def busy(office: Office) -> Office:
    """Let a region that keeps the small force issue an order and have it answered."""
    described(office)
    office.import_roll(ROLL, at=SINCE)
    office.issue(order(), text(1))
    office.now = after(1)
    for officer, kind in ANSWERS[:24]:
        office.answer(REF, officer, kind)
    return office


@contextmanager
def two(folder: Path, stores: tuple[str, str]) -> Iterator[Ends]:
    with ExitStack() as stack:
        region = stack.enter_context(busy(opened(folder, stores[0], "malakand")))
        hq = stack.enter_context(opened(folder, stores[1], "hq", after(2)))
        yield Ends(End(region), End(hq))


@pytest.fixture
def stores(request: pytest.FixtureRequest, store_url: str) -> Iterator[tuple[str, str]]:
    """Two stores of one kind."""
    if store_url == "sqlite":
        yield store_url, store_url
        return
    server: services.Server = request.getfixturevalue("postgres_server")
    other = server.create_database()
    yield store_url, other
    server.drop_database(other)


@pytest.fixture
def ends(tmp_path: Path, stores: tuple[str, str]) -> Iterator[Ends]:
    with two(tmp_path, stores) as made:
        yield made


def ledger(store: Store) -> list[Line]:
    with store.reading() as conn:
        return select_entries(conn, 0, 1_000_000)


def dead(end: End) -> list[str]:
    """The reasons of the dead letters that are kept."""
    with end.store.reading() as conn:
        return sorted(one.reason for *_, one in links.dead_letters(conn, LINK, 10_000))


def waits(end: End) -> list[tuple[int, str, str]]:
    with end.store.reading() as conn:
        return [
            (one.position, one.waits, one.reason) for one in links.not_understood(conn, 1_000)
        ]


def agrees(office: Office) -> None:
    """The live tables are what a rebuild makes of the ledger, and what a check finds."""
    level(office)
    live = {one["name"]: one["digest"] for one in office.check()["projections"] if one["same"]}
    assert list(live) == list(PROJECTIONS)
    assert {one["name"]: one["digest"] for one in office.rebuild()["projections"]} == live
    assert all(one["same"] for one in office.check()["projections"])
    level(office)


def level(office: Office) -> None:
    """The projections have come as far as the ledger."""
    with office.store.reading() as conn:
        assert Database(conn).checkpoint("position") == head(conn)


# --- Register ------------------------------------------------------------------------------


def test_every_own_entry_gets_one_number_in_the_order_of_the_ledger(ends: Ends) -> None:
    sent = ends.region.send()
    own = ledger(ends.region.store)
    assert [one.number for one in sent] == list(range(1, len(own) + 1))
    assert [(one.position, one.stream, one.version, one.name, one.state) for one in sent] == own
    assert ends.region.send() == []
    assert ends.region.router.route(ends.region.office, LINK) == (0, [])
    assert ends.region.link().published == len(own)


def test_a_router_passes_what_others_wrote_and_what_is_not_selected(ends: Ends) -> None:
    ends.hq.take(ends.region.send())
    assert ends.hq.send() == []
    with working(ends.hq.store, "hq", after(3)) as work:
        work.append([("unit-hq.hq", established("hq")), ("unit-swat.hq", established("swat"))])

    def one_unit(lines: Sequence[Line]) -> Sequence[Line]:
        return [line for line in lines if line[1] == "unit-swat.hq"]

    ends.hq.router = Router(one_unit)
    assert [(one.number, one.stream) for one in ends.hq.send()] == [(1, "unit-swat.hq")]
    assert ends.hq.send() == []


def test_the_newest_own_entry_is_told_from_what_others_wrote(ends: Ends) -> None:
    ends.hq.take(ends.region.send())
    with ends.hq.store.reading() as conn:
        before = links.newest(conn, "hq", 0)
        theirs, _ = links.newest(conn, "malakand", 0)
    assert before == (0, theirs)  # HQ's ledger ends with a copy, and has nothing of its own
    with working(ends.hq.store, "hq", after(3)) as work:
        work.append([("unit-hq.hq", established("hq"))])
        top = work.head
    with ends.hq.store.reading() as conn:
        assert links.newest(conn, "hq", before[1]) == (top, top)
        assert links.newest(conn, "hq", top) == (0, top)


def established(unit: str, parent: str | None = None) -> Fact:
    above = None if parent is None else UnitId(parent)
    return force.Established(
        **about(), unit=UnitId(unit), kind="hq", name={"en": unit}, parent=above
    )


def test_of_two_routers_one_gives_the_number(ends: Ends) -> None:
    begun: list[int] = []

    def overtaken(lines: Sequence[Line]) -> Sequence[Line]:
        if not begun:
            begun.append(1)
            Router().route(ends.region.office, LINK)
        return lines

    with pytest.raises(Contended, match="Two routers walk the link malakand"):
        Router(overtaken).route(ends.region.office, LINK)
    ends.hq.take(ends.region.send())
    assert ends.wrong() == []


def test_a_link_that_was_never_begun_is_unknown(ends: Ends) -> None:
    for ask in (
        lambda: Router().route(ends.hq.office, "swat"),
        lambda: Outgoing().take(ends.hq.office, "swat"),
        lambda: Inbox().take(ends.hq.office, "swat", []),
        lambda: Inbox().heartbeat(ends.hq.office, "swat", 1),
    ):
        with pytest.raises(Unknown, match="There is no link 'swat' here"):
            ask()


# --- Delivery ------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 7, 5000])
def test_what_is_sent_in_order_is_appended_as_it_came(ends: Ends, size: int) -> None:
    sent = ends.region.send()
    appended = 0
    for start in range(0, len(sent), size):
        taken = ends.hq.take(sent[start : start + size])
        appended += taken.appended
        assert taken.mark == appended == min(start + size, len(sent))
    assert ends.wrong() == []
    assert ends.hq.office.status(REF)["acknowledged"] == 10
    agrees(ends.hq.office)


def test_copies_answer_as_the_originals_do(ends: Ends) -> None:
    ends.hq.take(ends.region.send())
    theirs, ours = (
        {**end.office.status(REF, depth=3, as_of=after(2)), "position": 0}
        for end in (ends.region, ends.hq)
    )
    assert ours == theirs


def test_every_message_twice_is_appended_once(ends: Ends) -> None:
    sent = ends.region.send()
    doubled = [one for one in sent for _ in range(2)]
    taken = ends.hq.take(doubled)
    assert (taken.appended, taken.duplicates, taken.dead) == (len(sent), len(sent), [])
    taken = ends.hq.take(doubled)
    assert (taken.appended, taken.duplicates, taken.dead) == (0, 2 * len(sent), [])
    assert ends.wrong() == []


@pytest.mark.parametrize("size", [1, 3, 11])
def test_shuffled_and_interleaved_numbers_are_appended_in_their_order(
    ends: Ends, size: int
) -> None:
    sent = ends.region.send()
    random.Random(size).shuffle(sent)
    held = 0
    for start in range(0, len(sent), size):
        held = max(held, ends.hq.take(sent[start : start + size]).held)
    assert held > 5
    assert ends.wrong() == []
    assert ends.hq.take([]).level


Plan = list[list[int]]
"""Batches of what arrives: any number, any times, in any order; what is in none was lost."""
LOST = st.lists(st.lists(st.integers(0, 39), max_size=12), max_size=8)


def played(region: Office, folder: Path, store: str, plan: Plan, unlucky: set[int]) -> None:
    with opened(folder, store, "hq", after(2)) as hq:
        ends = Ends(End(region), End(hq))
        ends.region.send()
        with region.store.reading() as conn:
            sent = links.despatches(conn, LINK, "malakand", 0, 1_000, 1_000)
        assert len(sent) > 40
        for batch in plan:
            ends.hq.take([sent[n] for n in batch])
            assert ends.wrong(complete=False) == []
        ends.heal(lambda one: one.number in unlucky and not unlucky.remove(one.number))  # type: ignore[func-returns-value]  # lost once
        assert ends.wrong() == []


def test_any_order_any_repetition_and_any_loss_end_level(tmp_path: Path) -> None:
    with busy(opened(tmp_path, "sqlite", "malakand")) as region:

        @each(plan=LOST, unlucky=st.sets(st.integers(1, 40), max_size=5))
        @examples(40, shrink=False)
        def tried(plan: Plan, unlucky: set[int]) -> None:
            with tempfile.TemporaryDirectory() as folder:
                played(region, Path(folder), "sqlite", plan, set(unlucky))

        tried()


def test_any_order_any_repetition_and_any_loss_end_level_on_both_stores(
    tmp_path: Path, stores: tuple[str, str]
) -> None:
    with busy(opened(tmp_path, stores[0], "malakand")) as region:

        @each(plan=LOST, unlucky=st.sets(st.integers(1, 40), max_size=5))
        @examples(6, shrink=False)
        def tried(plan: Plan, unlucky: set[int]) -> None:
            with tempfile.TemporaryDirectory() as folder:
                played(region, Path(folder), emptied(stores[1]), plan, set(unlucky))

        tried()


# --- Loss ----------------------------------------------------------------------------------


@pytest.mark.parametrize("lost", ["middle", "tail", "all"])
def test_what_was_lost_is_asked_for_and_sent_again_once(ends: Ends, lost: str) -> None:
    sent = ends.region.send()
    count = len(sent)
    gap = {
        "middle": range(9, 20),
        "tail": range(count - 4, count + 1),
        "all": range(1, count + 1),
    }
    ends.hq.take([one for one in sent if one.number not in gap[lost]])
    ends.hq.hear(ends.region)
    told = ends.hq.heartbeat()
    assert told.missing == ((gap[lost][0], gap[lost][-1]),)
    assert ends.heal() == len(gap[lost])
    assert ends.wrong() == []
    assert ends.hq.heartbeat().missing == ()


def test_a_gap_is_told_only_of_what_was_published_before_the_heartbeat(ends: Ends) -> None:
    sent = ends.region.send()
    early = ends.region.heartbeat()
    early = dataclasses.replace(early, head=10, head_hash=sent[9].hash.hex())
    ends.hq.inbox.beat(ends.hq.office, LINK, early, after(2))
    ends.hq.take([*sent[:3], *sent[20:]])
    assert ends.hq.heartbeat().missing == ((4, 10),)


def test_what_is_still_on_its_way_is_not_sent_again(ends: Ends) -> None:
    """The peer repeats what it lacks until the re-send reaches it: that is no new request."""
    sent = ends.region.send()
    ends.hq.take(sent[:5])
    ends.hq.hear(ends.region)
    for _ in range(5):
        ends.region.hear(ends.hq)  # says each time that 6 and all after it are missing
        again = ends.region.again()
        assert [one.number for one in again] == (
            list(range(6, len(sent) + 1)) if _ == 0 else []
        )
    ends.hq.hear(ends.region)  # a beat sent after the re-send, which was lost, too
    ends.region.hear(ends.hq)
    again = ends.region.again()
    assert [one.number for one in again] == list(range(6, len(sent) + 1))
    ends.hq.take(again)
    assert ends.wrong() == []


def test_a_sender_that_was_restarted_sends_what_is_missing(ends: Ends) -> None:
    sent = ends.region.send()
    ends.hq.take(sent[10:])
    ends.hq.hear(ends.region)
    ends.region.hear(ends.hq)
    assert [one.number for one in ends.region.again()] == list(range(1, 11))  # lost again
    ends.region = ends.region.restarted()
    assert [one.number for one in ends.region.again()] == list(range(1, 11))
    assert ends.heal() in (0, 10)
    assert ends.wrong() == []


def test_of_what_came_too_early_the_lowest_numbers_are_held(
    ends: Ends, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(links, "HELD", 6)
    sent = ends.region.send()
    assert ends.hq.take(sent[20:24]).held == 4
    assert ends.hq.take(sent[35:27:-1]).held == 6
    with ends.hq.store.reading() as conn:
        assert links.held_numbers(conn, LINK) == [21, 22, 23, 24, 29, 30]
    assert ends.hq.take(sent[14:9:-1]).held == 6
    with ends.hq.store.reading() as conn:
        assert links.held_numbers(conn, LINK) == [11, 12, 13, 14, 15, 21]
    ends.hq.hear(ends.region)
    assert ends.hq.heartbeat().missing == ((1, 10), (16, 20), (22, len(sent)))
    ends.heal()
    assert ends.wrong() == []


@each(
    st.lists(
        st.tuples(st.integers(1, 30), st.integers(1, 30)).map(
            lambda pair: (min(pair), max(pair))
        ),
        max_size=4,
    ),
    st.lists(st.integers(1, 30), max_size=6),
    st.integers(1, 9),
)
@examples(200)
def test_a_resend_gives_each_missing_number_once(
    missing: list[tuple[int, int]], unseen: list[int], limit: int
) -> None:
    wanted = {n for first, last in missing for n in range(first, last + 1)}
    resends = Resends()
    for number in unseen:
        resends.sent(number, number, 8)
    resends.ask(missing, 7, 25)
    given: set[int] = set()
    while part := resends.next(limit):
        assert part[1] - part[0] < limit
        given |= set(range(part[0], part[1] + 1))
        resends.sent(*part, 8)
    assert given == {n for n in wanted if n <= 25} - set(unseen)
    resends.ask(missing, 7, 25, told=1)
    assert resends.next(limit) is None
    resends.ask(missing, 8, 25, told=2)
    assert (resends.next(limit) is not None) == any(n <= 25 for n in wanted)


def test_a_beat_that_the_peer_had_from_an_earlier_run_makes_no_storm() -> None:
    """A sender whose clock was set back begins to count below what the peer has seen."""
    resends = Resends()
    for told in (1, 2):
        given = []
        for _ in range(5):
            resends.ask([(1, 4)], 9_000, 4, told=told)
            if (part := resends.next(10)) is not None:
                given.append(part)
                resends.sent(*part, 12)
        assert given == [(1, 4)]


# --- Several links together ----------------------------------------------------------------

OTHERS = "hazara"
"""A second link of HQ's, over which orders come that nobody sends on."""


def orders_of_hazara(count: int) -> list[Despatch]:
    """Despatches of another office: orders, numbered and in a sound chain."""
    found: list[Despatch] = []
    before = links.NOTHING
    for number in range(1, count + 1):
        fact = issued()
        stream = f"directive-hazara-2020-{number}.hazara"
        recorded_at = json.loads(encode(fact))["recorded_at"]
        one = Despatch(
            OTHERS, number, OTHERS, number, stream, 1, fact.stored, recorded_at, before,
            encode(fact),
        )  # fmt: skip
        before = chained(before, one)
        found.append(one._replace(hash=before))
    return found


@pytest.fixture
def both(ends: Ends) -> Ends:
    with ends.hq.store.writing() as tx:
        links.begin(tx.conn, OTHERS, OTHERS)
    return ends


def together(
    hq: End, one: Sequence[Despatch | Garbage], other: Sequence[Despatch | Garbage]
) -> tuple[Taken, Taken]:
    batches = [Batch(LINK, one, level=True), Batch(OTHERS, other, level=True)]
    mine, others = take_together(hq.office, batches, nothing)
    return mine, others


def received(hq: End, link: str) -> list[tuple[int, str]]:
    """Number and stream of what came over a link, as the register and the ledger have it."""
    with hq.store.reading() as conn:
        return fetch(
            conn,
            "SELECT r.number, e.originator_id FROM receipts r JOIN stored_events e"
            " ON e.notification_id = r.position WHERE r.link = ? ORDER BY r.number",
            link,
        )


def test_what_came_over_two_links_is_taken_in_at_once(both: Ends) -> None:
    sent, orders = both.region.send(), orders_of_hazara(5)
    mine, others = together(both.hq, sent[:20], orders)
    assert (mine.appended, mine.mark, others.appended, others.mark) == (20, 20, 5, 5)
    mine, others = together(both.hq, sent[15:], orders[3:])
    assert (mine.appended, mine.duplicates) == (len(sent) - 20, 5)
    assert (others.appended, others.duplicates, others.level) == (0, 2, True)
    assert received(both.hq, LINK) == [(one.number, one.stream) for one in sent]
    assert received(both.hq, OTHERS) == [(one.number, one.stream) for one in orders]
    assert both.wrong() == []
    agrees(both.hq.office)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_place_that_is_taken_on_one_link_keeps_nothing_from_another(
    both: Ends, order: tuple[int, int]
) -> None:
    sent, orders = both.region.send(), orders_of_hazara(3)
    orders[2] = forged(orders[2], orders[1].hash, stream=orders[0].stream)
    batches = [Batch(LINK, sent, level=True), Batch(OTHERS, orders, level=True)]
    taken = take_together(both.hq.office, [batches[n] for n in order], nothing)
    mine, others = (taken[n] for n in order)
    assert (mine.appended, mine.dead) == (len(sent), [])
    assert (others.appended, others.mark) == (2, 2)
    assert [one.reason for one in others.dead] == [
        f"another entry is version 1 of {orders[0].stream}"
    ]
    assert both.wrong() == []


def test_a_fork_of_one_link_keeps_nothing_from_another(both: Ends) -> None:
    sent, orders = both.region.send(), orders_of_hazara(5)
    other = forged(orders[3], orders[2].hash, state=OTHER)
    mine, others = together(both.hq, sent, [*orders, other])
    assert (mine.appended, mine.forked) == (len(sent), None)
    assert (others.appended, others.mark) == (0, 0)
    assert others.forked is not None
    assert received(both.hq, OTHERS) == []
    assert both.wrong() == []


# --- What is no despatch -------------------------------------------------------------------


def forged(one: Despatch, before: bytes, **other: Any) -> Despatch:
    """Return a despatch with something else in it, its place in the chain made to fit."""
    changed = one._replace(**other)
    return changed._replace(hash=chained(before, changed))


OTHER = encode(service.Read(**BY_OFFICER))


@pytest.mark.parametrize("when", ["after", "beside"])
def test_two_sound_despatches_under_one_number_fork_the_link(ends: Ends, when: str) -> None:
    sent = ends.region.send()
    ends.hq.take(sent[:10])
    before = ledger(ends.hq.store)
    number = 7 if when == "after" else 12
    other = forged(sent[number - 1], sent[number - 2].hash, state=OTHER)
    taken = ends.hq.take([*sent[10:], other])
    said = f"two despatches of malakand bear the number {number}, each in a sound chain"
    assert (taken.forked, taken.appended, taken.mark) == (said, 0, 10)
    assert ledger(ends.hq.store) == before
    taken = ends.hq.take(sent[10:])
    assert (taken.forked, taken.appended, taken.level) == (said, 0, False)
    assert ledger(ends.hq.store) == before
    ends.hq.hear(ends.region)
    assert ends.hq.heartbeat().missing == ()


def test_what_the_two_registers_say_otherwise_forks_the_link(ends: Ends) -> None:
    sent = ends.region.send()
    ends.hq.take(sent)
    told = dataclasses.replace(ends.region.heartbeat(), head_hash="00" * 32)
    beat = ends.hq.inbox.beat(ends.hq.office, LINK, told, after(2))
    assert beat.forked == (
        f"malakand has another despatch under number {len(sent)} than came from it"
    )
    told = dataclasses.replace(ends.hq.heartbeat(), mark=4)
    beat = ends.region.inbox.beat(ends.region.office, LINK, told, after(2))
    assert beat.forked == "hq received another despatch as number 4 than this register has"


def test_an_office_restored_from_a_backup_gives_no_number_twice(ends: Ends) -> None:
    sent = ends.region.send()
    told = dataclasses.replace(ends.hq.heartbeat(), mark=len(sent) + 3, mark_hash="aa" * 32)
    beat = ends.region.inbox.beat(ends.region.office, LINK, told, after(1))
    assert beat.lost == (
        f"hq holds {len(sent) + 3} despatches, this register ends at {len(sent)}: "
        "this office was restored from an older state"
    )
    ends.region.office.answer(REF, "H-2", "complied")
    assert ends.region.send() == []


def test_a_peer_restored_from_a_backup_is_told(ends: Ends) -> None:
    ends.hq.take(ends.region.send())
    told = dataclasses.replace(
        ends.region.heartbeat(), head=0, head_hash=links.NOTHING.hex(), register=0
    )
    beat = ends.hq.inbox.beat(ends.hq.office, LINK, told, after(2))
    assert beat.lost is not None
    assert "it was restored from an older state" in beat.lost


BAD: dict[str, tuple[Callable[[Despatch], Despatch | Garbage], str]] = {
    "garbage": (
        lambda one: Garbage(LINK, "no number", {"ce_type": "a\0\ud800"}, b"\xff\0"),
        "no number",
    ),
    "foreign writer": (
        lambda one: one._replace(writer="hazara"),
        "foreign writer: malakand alone writes here, and its own streams",
    ),
    "foreign stream": (
        lambda one: one._replace(stream="unit-hq.hq"),
        "foreign writer: malakand alone writes here, and its own streams",
    ),
    "other link": (lambda one: one._replace(link="swat"), "of the link 'swat', not 'malakand'"),
    "broken chain": (
        lambda one: one._replace(hash=bytes(32)),
        "broken chain: its hash does not follow from the number before it",
    ),
    "other bytes": (
        lambda one: one._replace(state=OTHER),
        "broken chain: its hash does not follow from the number before it",
    ),
    "other name": (
        lambda one: one._replace(name="service.read@1"),
        "broken chain: its hash does not follow from the number before it",
    ),
    "zero": (lambda one: one._replace(number=0), "no number: 0"),
    "too large": (lambda one: one._replace(version=2**63), "no number"),
    "no text": (
        lambda one: one._replace(stream="unit-\0.malakand"),
        "no stream or stored name that an office writes",
    ),
    "no instant": (lambda one: one._replace(recorded_at=""), "no instant"),
}


@pytest.mark.parametrize("kind", BAD)
@pytest.mark.parametrize("place", ["before", "next", "ahead"])
def test_what_is_no_despatch_is_a_dead_letter_and_its_number_stays_awaited(
    ends: Ends, kind: str, place: str
) -> None:
    spoil, reason = BAD[kind]
    sent = ends.region.send()
    ends.hq.take(sent[:10])
    at = {"before": 5, "next": 10, "ahead": 14}[place]
    bad = spoil(sent[at])
    ends.hq.take([bad])
    ends.hq.take([*sent[10:at], bad, *sent[at + 1 :]])
    mark = ends.hq.link().mark
    assert mark == (len(sent) if place == "before" else at)
    ends.hq.take([bad])
    assert ends.hq.link().forked is None
    assert len({one[:12] for one in dead(ends.hq)}) == 1
    assert dead(ends.hq)[0].startswith(reason)
    if place == "before":
        assert ends.hq.take([]).level
    else:
        ends.heal()
    assert ends.wrong() == []
    assert [one for one in dead(ends.hq) if not one.startswith(reason)] == []


def test_a_dead_letter_keeps_what_came(ends: Ends) -> None:
    (one, *_) = ends.region.send()
    bad = one._replace(hash=bytes(32))
    for _ in range(3):
        (letter,) = ends.hq.take([bad]).dead
        assert letter.value == one.state
        assert letter.headers == {
            "link": LINK, "number": "1", "writer": "malakand", "position": str(one.position),
            "stream": one.stream, "version": "1", "name": one.name,
            "recorded_at": one.recorded_at, "hash": "00" * 32,
        }  # fmt: skip
    with ends.hq.store.reading() as conn:
        ((first, last, times, kept),) = links.dead_letters(conn, LINK, 10)
    assert (first, last, times, kept) == (micros(after(2)), micros(after(2)), 3, letter)


def test_an_entry_under_a_second_number_is_a_dead_letter(ends: Ends) -> None:
    sent = ends.region.send()
    ends.hq.take(sent[:10])
    again = forged(sent[3], sent[9].hash, number=11)
    assert ends.hq.take([again, *sent[12:14]])[:3] == (0, 0, 2)
    taken = forged(sent[10], sent[9].hash, stream=sent[3].stream, version=sent[3].version)
    assert ends.hq.take([taken, *sent[15:17]])[:3] == (0, 0, 4)
    assert dead(ends.hq) == [
        f"another entry is version {sent[3].version} of {sent[3].stream}",
        f"entry {sent[3].position} of malakand came under another number",
    ]
    ends.heal()
    assert ends.wrong() == []


# --- Not understood ------------------------------------------------------------------------


def later(lines: Sequence[tuple[str, int, str, bytes]], region: Office) -> None:
    """Append entries to the region's ledger as a later Farman would write them."""
    with region.store.writing() as tx:
        tx.append(list(lines))


def test_a_later_version_is_appended_and_waits_for_an_upgrade(
    ends: Ends, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = ends.region.send()
    stream = f"service-{REF}.H-2.malakand"
    new = b'{"actor":"officer:H-2","at":"2020-01-15T10:30:00+05:00","channel":"desk","mood":"good",'
    new += b'"recorded_at":"2020-01-15T05:30:00Z","text":"%s","version":1}' % text(1).encode()
    later([(stream, 3, "service.complied@2", new)], ends.region.office)
    with monkeypatch.context() as upgraded:
        understood(upgraded)
        with Office(ends.region.office.home, after(1)):
            pass
    sent += ends.region.send()
    taken = ends.hq.take(sent)
    assert (taken.appended, taken.mark, taken.dead) == (len(sent), len(sent), [])
    assert ends.wrong() == []
    ((position, what, reason),) = waits(ends.hq)
    assert (position, what) == (ledger(ends.hq.store)[-1][0], "form")
    assert "service.complied@2" in reason
    assert ends.hq.office.status(REF)["complied"] == 4
    agrees(ends.hq.office)
    assert ends.hq.office.timeline(REF)["entries"][-1]["position"] < position

    understood(monkeypatch)
    with Office(ends.hq.office.home, after(2)) as hq:
        assert hq.status(REF)["complied"] == 5
        agrees(hq)
    assert waits(ends.hq) == []


def understood(upgraded: pytest.MonkeyPatch) -> None:
    """Be a Farman that understands what a later one writes."""

    def complied(body: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        return "service.complied@1", {k: v for k, v in body.items() if k != "mood"}

    def amended(body: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        return "directive.amended@1", body

    lifts: Any = codec.UPCASTERS
    upgraded.setitem(lifts, "service.complied@2", complied)
    upgraded.setitem(lifts, "directive.amended@2", amended)


def test_a_directive_is_what_is_understood_of_it_and_goes_on_after_an_upgrade(
    ends: Ends, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[list[str]] = []
    ends.hq.inbox = Inbox(lambda _, entries: seen.append([e.fact.stored for e in entries]))
    ends.hq.take(ends.region.send())
    stream = f"directive-{REF}.malakand"
    new = directive.Amended(
        **about(), version=2, material=False, terms=terms(HOURLY), text=text(2)
    )
    later([(stream, 3, "directive.amended@2", encode(new))], ends.region.office)
    ends.hq.take(ends.region.send())
    assert [(what, reason[:40]) for _, what, reason in waits(ends.hq)] == [
        ("form", "The ledger holds 'directive.amended@2', ")
    ]
    assert ends.wrong() == []
    emptied_tables(ends.hq.store)
    with Office(ends.hq.office.home, after(2)) as hq:
        assert len(hq.directive(REF).versions) == 1
        assert hq.status(REF)["served"] == 10
        agrees(hq)
        with hq.store.writing() as tx:
            tx.conn.exec_driver_sql("UPDATE force SET timezone = 'UTC'")
    with Office(ends.hq.office.home, after(2)) as hq:  # understands no more than before
        assert str(hq.timezone) == "UTC"

    understood(monkeypatch)
    del seen[:]
    with Office(ends.hq.office.home, after(2)) as hq:
        assert len(hq.directive(REF).versions) == 2
        with hq.store.reading() as conn:
            assert Database(conn).checkpoint(SHAPE) == shape()
        agrees(hq)
        assert ends.hq.inbox.take(hq, LINK, [], level=True).level
        assert ends.hq.inbox.take(hq, LINK, [], level=True).level
    assert seen == [["directive.amended@1"]]  # as it is read


def raises_on(monkeypatch: pytest.MonkeyPatch, names: set[str], error: Exception) -> list[int]:
    """Have the projection of answers raise on every answer of these officers; count the calls."""
    calls: list[int] = []

    def apply(db: Database, entries: Sequence[Entry]) -> None:
        calls.append(len(entries))
        if any(entry.stream.split(".")[1] in names for entry in entries):
            db.run("UPDATE {directives} SET subject = 'half'")
            raise error
        answers.apply(db, entries)

    for cls in (service.Read, service.Acknowledged, service.Complied):
        monkeypatch.setitem(page._APPLY, cls, apply)
    return calls


@pytest.mark.parametrize("error", [KeyError("x"), CorruptStream("No."), ZeroDivisionError()])
def test_a_projection_that_raises_on_one_entry_leaves_that_one_alone_waiting(
    ends: Ends, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    with monkeypatch.context() as broken:
        sent = ends.region.send()
        calls = raises_on(broken, {"C-2"}, error)
        taken = ends.hq.take(sent)
        assert len(calls) < 60
    assert (taken.appended, taken.dead, taken.mark) == (len(sent), [], len(sent))
    bad = [one for one in ledger(ends.hq.store) if one[1].startswith(f"service-{REF}.C-2.")]
    assert [(one[0], one[1]) for one in waits(ends.hq)] == [
        (line[0], "projection") for line in bad
    ]
    assert ends.wrong() == []
    ours, theirs = (
        {one["officer_id"]: one for one in officers(end.office)}
        for end in (ends.hq, ends.region)
    )
    assert ours.pop("C-2")["read_at"] is None
    assert theirs.pop("C-2")["read_at"] is not None
    assert ours == theirs
    assert ends.hq.office.status(REF)["subject"] == "Leave the groups"
    agrees(ends.hq.office)

    monkeypatch.setattr("office.work.metadata.version", lambda _: "9.9.9")
    with Office(ends.hq.office.home, after(2)) as hq:
        assert officers(hq) == officers(ends.region.office)
        agrees(hq)
    assert waits(ends.hq) == []


def officers(office: Office) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = office.officers(REF, as_of=after(2))["officers"]
    return found


def test_an_entry_of_its_own_that_cannot_be_applied_is_a_fault(
    ends: Ends, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only what others wrote may wait."""
    raises_on(monkeypatch, {"H-2"}, KeyError("x"))
    with pytest.raises(KeyError):
        ends.region.office.answer(REF, "H-2", "complied")
    monkeypatch.undo()
    ends.region.office.answer(REF, "H-2", "complied")
    emptied_tables(ends.region.store)
    raises_on(monkeypatch, {"H-2"}, KeyError("x"))
    with pytest.raises(KeyError):
        Office(ends.region.office.home, after(1))
    assert waits(ends.region) == []


def emptied_tables(store: Store) -> None:
    """Forget every projection, as if nothing had been read of the ledger."""
    with store.writing() as tx:
        for table in metadata.tables:
            tx.conn.exec_driver_sql(f"DELETE FROM {table}")
        tx.conn.exec_driver_sql("DELETE FROM checkpoints WHERE name = 'position'")


# --- Crashes -------------------------------------------------------------------------------


class Cut(BaseException):
    """Somebody pulled the plug."""


STEPS = [
    "ledger.links.received",
    "ledger.store.Transaction.append",
    "ledger.links.receive",
    "projections.page.apply",
    "ledger.links.hold",
    "ledger.links.due",
    "ledger.links.bury",
    "ledger.links.advance",
    "ledger.store.Store._commit",
]


@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
@pytest.mark.parametrize("step", STEPS)
def test_a_crash_between_any_two_steps_leaves_nothing_half(
    ends: Ends, monkeypatch: pytest.MonkeyPatch, step: str, before: bool
) -> None:
    sent = ends.region.send()
    ends.hq.inbox = Inbox(nothing)
    ends.hq.take(sent[:5])
    ends.hq.take(sent[7:9])
    kept = (ledger(ends.hq.store), ends.hq.link(), digests(ends.hq.store))
    cut_at(monkeypatch, step, before=before)
    batch = [sent[5], sent[6], *sent[9:20], sent[3]]
    if step == "ledger.links.hold":
        batch.append(sent[25])
    with pytest.raises(Cut):
        ends.hq.take([*batch, Garbage(LINK, "no number", {}, b"")])
    monkeypatch.undo()
    if step.endswith("_commit") and not before:
        assert ends.hq.link().mark == 20
    else:
        assert (ledger(ends.hq.store), ends.hq.link(), digests(ends.hq.store)) == kept
        assert dead(ends.hq) == []
    ends.hq.take(batch)
    ends.hq.take(sent[20:])
    assert ends.wrong() == []
    agrees(ends.hq.office)


def cut_at(monkeypatch: pytest.MonkeyPatch, step: str, *, before: bool) -> None:
    owner: Any = None
    *path, name = step.split(".")
    for n, part in enumerate(path, start=1):
        known = getattr(owner, part, None)
        owner = known if isinstance(known, type) else import_module(".".join(path[:n]))
    whole = getattr(owner, name)

    def cut(*args: Any, **kwargs: Any) -> None:
        if not before:
            whole(*args, **kwargs)
        raise Cut

    monkeypatch.setattr(owner, name, cut)


def digests(store: Store) -> dict[str, tuple[int, str]]:
    with store.reading() as conn:
        return {name: rebuild.digest(conn, name) for name in PROJECTIONS}


def test_a_router_that_is_cut_gives_the_same_numbers_later(
    ends: Ends, monkeypatch: pytest.MonkeyPatch
) -> None:
    for step in ("ledger.links.register", "ledger.store.Transaction.bulk_insert"):
        cut_at(monkeypatch, step, before=False)
        with pytest.raises(Cut):
            ends.region.router.route(ends.region.office, LINK, 10)
        monkeypatch.undo()
        assert ends.region.link().registered == 0
    ends.hq.take(ends.region.send())
    assert ends.wrong() == []


# --- Effects -------------------------------------------------------------------------------


def test_effects_come_once_and_only_when_the_link_is_level(ends: Ends) -> None:
    seen: list[list[str]] = []
    ends.hq.inbox = Inbox(lambda _, entries: seen.append([e.fact.stored for e in entries]))
    sent = ends.region.send()
    loud = [one.name for one in sent if not one.name.startswith("service.")]
    ends.hq.hear(ends.region)
    assert not ends.hq.take(sent[:10]).level  # more is announced
    assert not ends.hq.take(sent[12:]).level  # and held
    assert not ends.hq.take(sent[10:12], level=False).level  # not read to the end
    assert seen == []
    assert ends.hq.take([]).level
    assert seen == [loud]
    assert ends.hq.take([]).level
    assert ends.hq.take(sent[-3:]).level
    ends.region.office.answer(REF, "H-2", "complied")
    assert ends.hq.take(ends.region.send()).level
    assert seen == [loud]  # nothing follows from an answer
    ends.region.office.withdraw(REF, "Wrong.")
    assert ends.hq.take(ends.region.send()).level
    assert seen == [loud, ["directive.withdrawn@1"]]
    assert ends.hq.link().effects == ends.hq.office.head()


def test_effects_that_raise_leave_only_their_entry_waiting(ends: Ends) -> None:
    done: list[str] = []

    def effects(work: Work, entries: Sequence[Entry]) -> None:
        with_unit = [entry for entry in entries if entry.stream.startswith("unit-swat.")]
        if with_unit:
            work.append([("unit-half.hq", established("half"))])
            raise ZeroDivisionError
        done.extend(entry.stream for entry in entries)

    ends.hq.inbox = Inbox(effects)
    sent = ends.region.send()
    assert ends.hq.take(sent).level
    assert [what for _, what, _ in waits(ends.hq)] == ["effects"]
    loud = [one.stream for one in sent if not one.name.startswith("service.")]
    assert [name for name in done if name.startswith("unit-")] == [
        name for name in loud if name.startswith("unit-") and name != "unit-swat.malakand"
    ]
    assert not [line for line in ledger(ends.hq.store) if line[1] == "unit-half.hq"]
    assert ends.wrong() == []
    agrees(ends.hq.office)


def issued() -> Issued:
    return Issued(
        **about("post:ppo", "file"),
        directive="hq-2020-1",  # type: ignore[arg-type]  # an id
        serial=1,
        year=2020,
        number="1/2020",
        unit="hq",  # type: ignore[arg-type]  # an id
        order=order(SWAT),
        scope=(SWAT, SAIDU),
        text=ORDER_TEXT,
    )


@pytest.mark.parametrize("withdrawn", [False, True])
def test_an_order_withdrawn_in_the_same_breath_is_not_served(
    ends: Ends, withdrawn: bool
) -> None:
    received = relay.Received(**about(), sender=UnitId("hq"), parent=UnitId("malakand"))
    facts: list[tuple[str, Fact]] = [
        ("directive-hq-2020-1.hq", issued()),
        ("relay-hq-2020-1.swat.hq", received),
    ]
    if withdrawn:
        gone = directive.Withdrawn(**about("post:ppo", "file"), reason="Wrong.")
        facts.append(("directive-hq-2020-1.hq", gone))
    with working(ends.hq.store, "hq", after(2)) as work:
        work.append(facts)
    ends.region.inbox = Inbox()
    for one in ends.hq.send():
        ends.region.take([one], level=False)
    assert ends.region.take([]).level
    written = [line[1] for line in ledger(ends.region.store) if line[1].endswith(".malakand")]
    relays = [stream for stream in written if stream.startswith("relay-hq-2020-1.")]
    assert bool(relays) is not withdrawn
    served = ends.region.office.status("hq-2020-1")["served"]
    assert served == (0 if withdrawn else 5)


# --- Clocks --------------------------------------------------------------------------------


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_peers_clock_an_hour_wrong_pushes_nothing(
    tmp_path: Path, stores: tuple[str, str], hours: int
) -> None:
    with two(tmp_path, stores) as ends:
        ends.region.office.now = after(2 + hours)
        ends.region.office.answer(REF, "H-2", "complied")
        ends.hq.take(ends.region.send())
        with ends.hq.office._working() as work:
            assert work.now == micros(after(2))
        beat = ends.hq.inbox.beat(ends.hq.office, LINK, ends.region.heartbeat(), after(2))
        assert beat.skew == hours * 3600
        rebuild.rebuild(ends.hq.store)
        with ends.hq.store.writing() as tx:
            tx.conn.exec_driver_sql("DROP TABLE checkpoints")
        with Office(ends.hq.office.home, after(2)) as hq, hq._working() as work:
            assert work.now == micros(after(2))


def test_what_came_last_is_never_before_what_came_earlier(ends: Ends) -> None:
    """By this office's own clock, should it be set back."""
    sent = ends.region.send()
    ends.hq.office.now = after(5)
    ends.hq.take(sent[:20])
    with working(ends.hq.store, "hq", after(3)) as work:
        assert work.now == micros(after(5))
    ends.hq.office.now = after(4)
    ends.hq.take(sent[20:])
    with ends.hq.store.reading() as conn:
        db = Database(conn)
        top = head(conn)
        assert [recorded_by(db, after(hours)) for hours in (4.9, 5)] == [0, top]


def test_what_was_known_at_an_instant_is_what_had_come_by_then(ends: Ends) -> None:
    sent = ends.region.send()
    ends.hq.office.now = after(3)
    ends.hq.take(sent[:20])
    with working(ends.hq.store, "hq", after(4)) as work:
        written = established("x", "hq").model_copy(update={"recorded_at": work.recorded_at})
        work.append([("unit-x.hq", written)])
    ends.hq.office.now = after(5)
    ends.hq.take(sent[20:])
    with ends.hq.store.reading() as conn:
        db = Database(conn)
        positions = [line[0] for line in ledger(ends.hq.store)]
        known = [recorded_by(db, after(hours)) for hours in (2.9, 3, 3.9, 4, 4.9, 5, 9)]
    assert known == [0, *[positions[19]] * 2, *[positions[20]] * 2, *[positions[-1]] * 2]
    ref = ends.hq.office.status(REF, known_at=after(5))
    assert ref["served"] == 10


# --- Heartbeats ----------------------------------------------------------------------------


def test_a_heartbeat_tells_how_far_everything_has_come(ends: Ends) -> None:
    sent = ends.region.send()
    ends.hq.take([*sent[:4], *sent[6:9]])
    told = ends.region.heartbeat()
    assert told == Heartbeat(
        link=LINK,
        office="malakand",
        beat=1_001,
        head=len(sent),
        head_hash=sent[-1].hash.hex(),
        register=len(sent),
        mark=0,
        mark_hash="00" * 32,
        missing=(),
        seen_beat=0,
        versions=codec.names(),
        clock=after(1),
    )
    assert links.HEARTBEAT.validate_json(links.HEARTBEAT.dump_json(told)) == told
    ends.hq.inbox.beat(ends.hq.office, LINK, told, after(2))
    reply = ends.hq.heartbeat()
    assert (reply.mark, reply.mark_hash, reply.seen_beat, reply.head) == (
        4, sent[3].hash.hex(), 1_001, 0,
    )  # fmt: skip
    assert reply.missing == ((5, 6), (10, len(sent)))


def test_a_heartbeat_of_another_is_refused(ends: Ends) -> None:
    told = ends.region.heartbeat()
    for other in (
        dataclasses.replace(told, office="hazara"),
        dataclasses.replace(told, link="hazara"),
    ):
        with pytest.raises(Refused, match="is none of malakand for the link malakand"):
            ends.hq.inbox.beat(ends.hq.office, LINK, other, after(2))
    assert ends.hq.link().heard is None


def test_the_status_of_a_link_tells_what_an_operator_asks(ends: Ends) -> None:
    sent = ends.region.send()
    count = len(sent)
    bad = sent[20]._replace(hash=bytes(32))
    ends.hq.take([*sent[:4], *sent[6:9], Garbage(LINK, "no number", {}, b""), bad])
    ends.hq.hear(ends.region)
    ends.region.hear(ends.hq)
    ends.hq.office.now = after(2) + timedelta(seconds=31)
    (ours,), (theirs,) = status(ends.hq.office), status(ends.region.office)
    assert ours == {
        "link": LINK, "peer": LINK, "registered": 0, "published": 0, "acknowledged": 0,
        "mark": 4, "announced": count, "missing": count - 8, "ranges": [[5, 6], [10, 20], [22, count]],
        "held": 4, "dead_letters": 1, "not_understood": 0, "effects_wait": True, "forked": None,
        "heard_at": after(2), "silent_seconds": 31, "lag_seconds": 31, "skew_seconds": -3600,
    }  # fmt: skip
    assert (theirs["published"], theirs["acknowledged"], theirs["mark"]) == (count, 4, 0)


def test_the_position_of_the_head_is_no_matter_of_the_peers(ends: Ends) -> None:
    """What arrives here has positions of this ledger, whatever the writer's were."""
    with working(ends.hq.store, "hq", after(2)) as work:
        work.append([(f"unit-x{n}.hq", established(f"x{n}", "hq")) for n in range(5)])
    sent = ends.region.send()
    ends.hq.take(sent)
    assert ends.wrong() == []
    with ends.hq.store.reading() as conn:
        assert head(conn) == len(sent) + 5
