"""The registers of a link, the chain, and what a transaction of the store lends them."""

import json
from collections.abc import Iterator, Sequence
from hashlib import sha256
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given as each
from hypothesis import strategies as st

from domain.errors import Contended, Unavailable, Unknown
from ledger import links, tables
from ledger.links import NOTHING, Dead, Despatch, Wait, chained
from ledger.store import Line, Row, Store, Transaction, head, select_entries
from tests import links_checker, services
from tests.spec import examples

LINK = "malakand"
STATE = (
    b'{"actor":"farman","at":"2020-01-15T09:00:00+05:00","recorded_at":"2020-01-15T04:00:00Z"}'
)
FIRST = Despatch(
    LINK, 1, "malakand", 17, "relay-hq-2020-1.swat.malakand", 3, "relay.received@1",
    "2020-01-15T04:00:00Z", b"", STATE,
)  # fmt: skip
GOLDEN = "94e68914f73d759cf4e0b455eaa34f3c2f4d3d41b5ba019893e35f3b2d21f0e0"


@pytest.fixture
def address(store_url: str, tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/farman.db" if store_url == "sqlite" else store_url


@pytest.fixture
def store(address: str) -> Iterator[Store]:
    store = Store.open(address, create=True)
    with store.writing() as tx:
        links.begin(tx.conn, LINK, "hq")
    yield store
    store.close()


def rows(count: int, stream: str = "unit-swat.malakand", first: int = 1) -> list[Row]:
    return [(stream, first + n, "relay.received@1", STATE) for n in range(count)]


def append(store: Store, entries: Sequence[Row]) -> None:
    with store.writing() as tx:
        tx.append(entries)


def ledger(store: Store) -> list[Line]:
    with store.reading() as conn:
        return select_entries(conn, 0, 1_000_000)


def link(store: Store) -> links.Link:
    with store.reading() as conn:
        return links.get(conn, LINK)


# --- Chain ---------------------------------------------------------------------------------


def test_the_chain_is_what_it_was() -> None:
    assert chained(NOTHING, FIRST).hex() == GOLDEN


def test_the_chain_is_the_rule_that_is_written_down() -> None:
    attributes = [LINK, "malakand", 17, FIRST.stream, 3, FIRST.name, FIRST.recorded_at]
    said = json.dumps(attributes, separators=(",", ":")).encode()
    whole = bytes(range(32)) + (1).to_bytes(8, "big") + said + sha256(STATE).digest()
    assert chained(bytes(range(32)), FIRST) == sha256(whole).digest()


def test_everything_a_despatch_says_is_in_its_hash() -> None:
    others = (
        FIRST._replace(link="x"),
        FIRST._replace(number=2),
        FIRST._replace(writer="x"),
        FIRST._replace(position=18),
        FIRST._replace(stream="x"),
        FIRST._replace(version=4),
        FIRST._replace(name="x"),
        FIRST._replace(recorded_at="x"),
        FIRST._replace(state=b"x"),
    )
    found = {chained(NOTHING, one) for one in (FIRST, *others)}
    assert len(found) == len(FIRST) == 1 + len(others)
    assert chained(bytes(31) + b"\1", FIRST) not in found
    assert chained(NOTHING, FIRST._replace(hash=b"x")) in found


# --- Out -----------------------------------------------------------------------------------


def routed(store: Store, limit: int) -> list[Despatch]:
    here = link(store)
    with store.reading() as conn:
        lines = links.own_entries(conn, "malakand", here.router, head(conn), limit)
    with store.beside() as tx:
        walked = lines[-1][0] if lines else here.router
        return links.register(tx, here, "malakand", lines, walked)


def test_registered_despatches_are_read_as_the_ledger_has_them(store: Store) -> None:
    append(store, [*rows(30), *rows(5, "unit-swat.hq"), *rows(70, first=31)])
    given = [routed(store, 40), routed(store, 1_000), routed(store, 1_000)]
    assert [len(some) for some in given] == [40, 60, 0]
    with store.reading() as conn:
        whole = links.despatches(conn, LINK, "malakand", 0, 1_000, 1_000)
        part = links.despatches(conn, LINK, "malakand", 38, 50, 7)
    own = [line for line in ledger(store) if line[1].endswith(".malakand")]
    assert whole == [one for some in given for one in some]
    assert [one.number for one in whole] == list(range(1, 101))
    assert [(one.position, *one[4:7], one.state) for one in whole] == [
        (position, stream, version, name, state) for position, stream, version, name, state in own
    ]  # fmt: skip
    assert part == whole[38:45]
    assert [one.hash for one in whole] == links_checker.chain(LINK, "malakand", own)
    assert link(store).registered_hash == whole[-1].hash


def test_own_entries_are_found_however_many_of_others_lie_between(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(links, "STRETCH", 7)
    append(store, [*rows(3), *rows(50, "unit-swat.hq"), *rows(4, first=4)])
    own = [line for line in ledger(store) if line[1].endswith(".malakand")]
    with store.reading() as conn:
        top = head(conn)
        for limit in (1, 3, 4, 7, 100):
            assert links.own_entries(conn, "malakand", 0, top, limit) == own[:limit]
        assert links.own_entries(conn, "malakand", own[2][0], top - 1, 100) == own[3:6]
        assert links.own_entries(conn, "malakand", top, top, 100) == []


def test_a_register_is_not_carried_on_from_where_another_router_left_it(store: Store) -> None:
    append(store, rows(4))
    here = link(store)
    assert len(routed(store, 2)) == 2
    with pytest.raises(Contended, match="Two routers"), store.beside() as tx:
        links.register(tx, here, "malakand", ledger(store), 4)
    assert link(store).registered == 2


def test_a_link_is_begun_once(store: Store) -> None:
    append(store, rows(4))
    routed(store, 10)
    with store.writing() as tx:
        links.begin(tx.conn, LINK, "other")
        links.begin(tx.conn, "hazara", "hazara")
    with store.reading() as conn:
        assert [(one.link, one.peer, one.registered) for one in links.every(conn)] == [
            ("hazara", "hazara", 0), (LINK, "hq", 4),
        ]  # fmt: skip
        with pytest.raises(Unknown, match="There is no link 'swat' here"):
            links.get(conn, "swat")


def test_published_only_rises(store: Store) -> None:
    for number, wanted in ((5, 5), (3, 5), (9, 9)):
        with store.beside() as tx:
            links.publish(tx.conn, LINK, number)
        assert link(store).published == wanted


# --- In ------------------------------------------------------------------------------------


def held(store: Store, numbers: Sequence[int]) -> None:
    with store.writing() as tx:
        links.hold(tx, [FIRST._replace(number=number, hash=NOTHING) for number in numbers])


@each(st.sets(st.integers(4, 30), max_size=12), st.integers(0, 32), st.integers(1, 6))
@examples(60)
def test_missing_is_what_is_announced_and_not_here(
    ahead: set[int], announced: int, most: int
) -> None:
    store = Store.open("sqlite:///:memory:", create=True)
    with store.writing() as tx:
        links.begin(tx.conn, LINK, "hq")
    held(store, sorted(ahead))
    here = link(store)._replace(mark=3)
    with store.reading() as conn:
        found = links.missing(conn, here, announced, 1_000)
        assert links.missing(conn, here, announced, most) == found[:most]
    numbers = [n for first, last in found for n in range(first, last + 1)]
    assert numbers == [n for n in range(4, announced + 1) if n not in ahead]
    assert all(first <= last for first, last in found)
    assert all(b[0] > a[1] + 1 for a, b in pairwise(found))
    store.close()


def test_what_is_held_is_told_apart_by_all_it_says(store: Store) -> None:
    one = FIRST._replace(number=2, hash=NOTHING)
    two = one._replace(state=b"{}")
    with store.writing() as tx:
        links.hold(tx, [one, two, one._replace(number=3)])
    with store.reading() as conn:
        assert set(links.held(conn, LINK, 2)) == {one, two}
        assert links.held_numbers(conn, LINK) == [2, 3]
        assert links.held_keys(conn, LINK) == {
            (each.number, links.digest(each)) for each in (one, two, one._replace(number=3))
        }
    with store.writing() as tx:
        links.let_go_of(tx.conn, two)
    with store.reading() as conn:
        assert links.held(conn, LINK, 2) == [one]
    with store.writing() as tx:
        links.let_go(tx.conn, LINK, upto=2)
    with store.reading() as conn:
        assert links.held_numbers(conn, LINK) == [3]


def test_of_keys_and_positions_only_those_here_are_found(store: Store) -> None:
    append(store, rows(5, "unit-swat.hq"))
    ours = [FIRST._replace(number=n, writer="hq", position=n * 10) for n in (1, 2, 3)]
    with store.writing() as tx:
        links.receive(tx, ours, [2, 3, 5], 77)
    with store.reading() as conn:
        keys = [("unit-swat.hq", 5), ("unit-swat.hq", 6), ("unit-é.hq", 1)]
        assert links.entered(conn, keys) == {("unit-swat.hq", 5)}
        assert links.received(conn, "hq", [10, 15, 30]) == {10, 30}
        assert links.received(conn, "hazara", [10]) == set()
        assert links.receipt_hashes(conn, LINK, [0, 2, 9]) == {0: NOTHING, 2: b""}
        assert [links.last_received_at(conn, 2, upto) for upto in (2, 3, 9)] == [0, 77, 77]


def test_a_position_of_a_writer_is_received_once(store: Store) -> None:
    def receive(number: int, position: int) -> None:
        with store.writing() as tx:
            links.receive(tx, [FIRST._replace(number=number)], [position], 0)

    receive(1, 1)
    with pytest.raises(Exception, match=r"(?i)unique"):
        receive(2, 2)
    with store.reading() as conn:
        assert links.receipt_hashes(conn, LINK, [1, 2]).keys() == {0, 1}


def test_dead_letters_are_counted_and_the_last_comes_first(store: Store) -> None:
    one = Dead("no number\0", {"ce_id": "\0\ud800"}, b"\0\xff")
    two = Dead("broken chain", {}, b"")
    for at, some in ((1, [one, two]), (2, [one]), (3, [])):
        with store.writing() as tx:
            links.bury(tx.conn, LINK, some, at)
    with store.reading() as conn:
        found = links.dead_letters(conn, LINK, 10)
        assert found == [
            (1, 2, 2, one._replace(reason="no number")), (1, 1, 1, two),
        ]  # fmt: skip
        assert links.dead_letters(conn, LINK, 1) == found[:1]
        assert links.dead_letters(conn, "hazara", 1) == []
        assert links.counts(conn, LINK)["dead_letters"] == 3


def test_what_waits_for_effects_alone_is_in_the_projections(store: Store) -> None:
    ones = [Wait(3, "form", "?"), Wait(5, "projection", "!"), Wait(7, "effects", ".")]
    with store.writing() as tx:
        links.wait(tx, ones)
    with store.reading() as conn:
        assert links.not_understood(conn, 10) == ones
        assert links.waiting(conn, [1, 3, 5, 7]) == {3, 5}
        assert links.waiting(conn, []) == set()


# --- The store -----------------------------------------------------------------------------


def tried(tx: Transaction, entries: Sequence[Row], fault: Exception | None = None) -> None:
    with tx.attempt():
        links.wait(tx, [Wait(len(entries), "form", "")])
        tx.append(entries)
        if fault is not None:
            raise fault


def test_an_attempt_undoes_what_it_did_and_the_transaction_goes_on(store: Store) -> None:
    with store.writing() as tx:
        tx.append(rows(2))
        with pytest.raises(Contended):
            tried(tx, [*rows(70, "unit-x.malakand"), *rows(1)])
        with pytest.raises(ZeroDivisionError):
            tried(tx, rows(1, first=3), ZeroDivisionError())
        tried(tx, rows(1, first=3))
    assert [line[1:3] for line in ledger(store)] == [
        ("unit-swat.malakand", n) for n in (1, 2, 3)
    ]
    with store.reading() as conn:
        assert [one.position for one in links.not_understood(conn, 10)] == [1]


@pytest.mark.parametrize("fault", [MemoryError(), OSError(28, "No space")], ids=repr)
def test_what_the_machine_fails_at_is_not_attempted_on(store: Store, fault: Exception) -> None:
    def write() -> None:
        with store.writing() as tx:
            assert tx.at_fault(fault)
            for other in (Contended("Taken."), Unavailable("Not now."), ValueError("x")):
                assert not tx.at_fault(other)
            tried(tx, rows(1), fault)

    with pytest.raises(type(fault)):
        write()
    assert ledger(store) == []


def test_what_the_store_itself_fails_at_is_told_as_ever(store: Store) -> None:
    def fail(tx: Transaction) -> None:
        with tx.attempt():
            if store.dialect == "sqlite":
                tx.conn.exec_driver_sql("PRAGMA max_page_count = 1")  # full as it is
                tx.append(rows(5_000, "unit-x.malakand"))
            else:
                tx.conn.exec_driver_sql("SELECT pg_terminate_backend(pg_backend_pid())")

    def write() -> None:
        with store.writing() as tx:
            tx.append(rows(1))
            fail(tx)

    with pytest.raises(Unavailable, match=r"disk is full|is stopping or starting"):
        write()
    assert ledger(store) == []


def test_what_is_written_beside_is_kept_whole_or_not_at_all(store: Store) -> None:
    def write() -> None:
        with store.beside() as tx:
            links.publish(tx.conn, LINK, 7)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write()
    assert link(store).published == 0


@pytest.fixture
def on_postgres(postgres_server: services.Server) -> Iterator[Store]:
    """Where more than one may write: SQLite has one writer, beside the ledger, too."""
    url = postgres_server.create_database()
    store = Store.open(url, create=True)
    with store.writing() as tx:
        links.begin(tx.conn, LINK, "hq")
    yield store
    store.close()
    postgres_server.drop_database(url)


def test_beside_the_ledger_nothing_is_appended(on_postgres: Store) -> None:
    def write() -> None:
        with on_postgres.beside() as tx:
            tx.append(rows(1))

    with pytest.raises(RuntimeError, match="writer lock"):
        write()
    assert ledger(on_postgres) == []


def test_beside_the_ledger_nobody_waits_for_who_appends(on_postgres: Store) -> None:
    append(on_postgres, rows(3))
    with on_postgres.writing() as tx:
        tx.append(rows(1, first=4))
        assert len(routed(on_postgres, 10)) == 3
        with on_postgres.beside() as aside:
            links.publish(aside.conn, LINK, 7)
    assert link(on_postgres).published == 7


def test_a_store_of_before_there_were_links_gets_their_tables(address: str) -> None:
    store = Store.open(address, create=True)
    append(store, rows(3))
    with store.writing() as tx:
        for table in tables.metadata.tables:
            tx.conn.exec_driver_sql(f"DROP TABLE {table}")
    store.close()
    again = Store.open(address)
    with again.reading() as conn:
        assert links.every(conn) == []
    assert len(ledger(again)) == 3
    again.close()
