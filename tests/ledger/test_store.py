"""The store's promises, on SQLite in a file, SQLite in memory and PostgreSQL."""

import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from domain.errors import Contended, Misused, Unavailable, Unknown
from ledger.store import (
    Row,
    Store,
    head,
    select_entries,
    select_stream,
    stream_heads,
)
from tests import services

ROOT = Path(__file__).parents[2]
NAME = "relay.acknowledged@1"

metadata = sa.MetaData()
NOTES = sa.Table(
    "notes",
    metadata,
    sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("text", sa.Text),
    sa.Column("small", sa.SmallInteger),
    sa.Column("bytes", sa.LargeBinary),
    sa.Column("open", sa.Boolean),
    sa.Column("share", sa.Double),
)
COLUMNS = NOTES.columns.keys()
Filled = list[tuple[object, ...]]


@pytest.fixture
def postgres(postgres_server: services.Server) -> Iterator[str]:
    url = postgres_server.create_database()
    yield url
    postgres_server.drop_database(url)


@pytest.fixture(params=["sqlite", "postgresql"])
def lasting(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a store that several processes can open."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/farman.db"
    url: str = request.getfixturevalue("postgres")
    return url


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "memory":
        return "sqlite:///:memory:"
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/farman.db"
    address: str = request.getfixturevalue("postgres")
    return address


def made(url: str, patience: float = 10) -> Store:
    store = Store.open(url, create=True, patience=patience)
    with store.writing() as tx:
        metadata.create_all(tx.conn)
    return store


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    store = made(url)
    yield store
    store.close()


@pytest.fixture
def shared(lasting: str) -> Iterator[Store]:
    """A store that several processes may open, and whose readers wait for nobody."""
    store = made(lasting)
    yield store
    store.close()


def rows(count: int, stream: str = "unit-hq.hq", first: int = 1) -> list[Row]:
    return [(stream, first + n, NAME, b'{"n":%d}' % n) for n in range(count)]


def append(store: Store, entries: list[Row]) -> list[int]:
    with store.writing() as tx:
        return list(tx.append(entries))


def note(store: Store, number: int, text: str = "") -> None:
    with store.writing() as tx:
        tx.bulk_insert("notes", ["id", "text"], [(number, text)])


def kept(store: Store) -> tuple[int, int]:
    """How many entries and how many notes there are."""
    with store.reading() as conn:
        entries = select_entries(conn, 0, 1_000_000)
        return len(entries), len(conn.execute(NOTES.select()).all())


# --- Entries -------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 63, 64, 1000])
def test_positions_ascend_in_the_order_of_the_rows(store: Store, count: int) -> None:
    first = append(store, rows(count))
    second = append(store, rows(count, "unit-swat.hq"))
    given = [*rows(count), *rows(count, "unit-swat.hq")]
    with store.reading() as conn:
        lines = select_entries(conn, 0, 10_000)
        assert head(conn) == second[-1]
    assert [line[1:] for line in lines] == given
    assert [line[0] for line in lines] == [*first, *second] == sorted({*first, *second})


def test_an_empty_store_has_no_head(store: Store) -> None:
    with store.reading() as conn:
        assert head(conn) == 0
        assert select_entries(conn, 0, 10) == []
        assert select_stream(conn, "unit-hq.hq") == []
        assert stream_heads(conn, ["unit-hq.hq"]) == {}


def test_appending_nothing_returns_nothing(store: Store) -> None:
    assert append(store, []) == []
    assert kept(store) == (0, 0)


def test_a_page_lies_after_one_position_and_up_to_another(store: Store) -> None:
    positions = append(store, rows(10))
    with store.reading() as conn:

        def page(after: int, limit: int, upto: int | None = None) -> list[int]:
            return [line[0] for line in select_entries(conn, after, limit, upto)]

        assert page(positions[3], 2) == positions[4:6]
        assert page(positions[3], 10) == positions[4:]
        assert page(positions[3], 10, positions[6]) == positions[4:7]
        assert page(positions[3], 2, positions[6]) == positions[4:6]
        assert page(positions[-1], 10) == []


def test_a_stream_is_read_by_version_and_its_bytes_are_bytes(store: Store) -> None:
    append(store, [*rows(2), *rows(1, "unit-swat.hq")])
    (third,) = append(store, [("unit-hq.hq", 3, NAME, b"\x00\xff")])
    with store.reading() as conn:
        lines = select_stream(conn, "unit-hq.hq")
    assert [line[1:] for line in lines[:2]] == rows(2)
    assert lines[2] == (third, "unit-hq.hq", 3, NAME, b"\x00\xff")
    assert [type(line) for line in lines] == [tuple] * 3
    assert [type(line[4]) for line in lines] == [bytes] * 3


def test_heads_of_thousands_of_streams_are_asked_at_once(store: Store) -> None:
    append(store, [r for n in range(3000) for r in rows(1 + n % 3, f"officer-{n}.ہیڈ")])
    asked = [f"officer-{n}.ہیڈ" for n in range(6000)]
    with store.reading() as conn:
        found = stream_heads(conn, asked)
        assert stream_heads(conn, []) == {}
    assert found == {f"officer-{n}.ہیڈ": 1 + n % 3 for n in range(3000)}


def test_a_writer_reads_what_it_has_appended(store: Store) -> None:
    with store.writing() as tx:
        positions = tx.append(rows(2))
        assert head(tx.conn) == positions[-1]
        assert stream_heads(tx.conn, ["unit-hq.hq"]) == {"unit-hq.hq": 2}


# --- One transaction -----------------------------------------------------------------------


def test_entries_and_rows_commit_together(store: Store) -> None:
    with store.writing() as tx:
        tx.append(rows(3))
        tx.bulk_insert("notes", ["id"], [(1,), (2,)])
        tx.conn.execute(NOTES.insert(), {"id": 3})
    assert kept(store) == (3, 3)


def test_an_exception_leaves_neither_entries_nor_rows(store: Store) -> None:
    class Stop(Exception): ...

    def fail() -> None:
        with store.writing() as tx:
            tx.append(rows(100))
            tx.bulk_insert("notes", COLUMNS[:1], [(1,)])
            raise Stop

    with pytest.raises(Stop):
        fail()
    assert kept(store) == (0, 0)


@pytest.mark.parametrize("count", [3, 200])
def test_a_taken_version_names_the_stream_and_leaves_nothing(store: Store, count: int) -> None:
    append(store, rows(2, "unit-swat.hq"))

    def late() -> None:
        with store.writing() as tx:
            tx.bulk_insert("notes", ["id"], [(1,)])
            tx.append([*rows(count), ("unit-swat.hq", 2, NAME, b"{}"), *rows(1, "x.hq")])

    with pytest.raises(Contended) as conflict:
        late()
    assert "Entry 2 of the stream unit-swat.hq is taken" in conflict.value.reason
    assert kept(store) == (2, 0)
    assert len(append(store, rows(1, "unit-swat.hq", first=3))) == 1


def test_a_version_given_twice_in_one_batch_is_taken(store: Store) -> None:
    with pytest.raises(Contended, match=r"Entry 1 of the stream unit-hq\.hq"):
        append(store, [*rows(1), *rows(1)])
    assert kept(store) == (0, 0)


def test_a_conflict_that_was_caught_still_leaves_nothing(store: Store) -> None:
    def stubborn() -> None:
        with store.writing() as tx:
            tx.append(rows(2))
            with pytest.raises(Contended):
                tx.append([*rows(1, "unit-swat.hq"), *rows(1)])
            with pytest.raises(Contended):
                tx.append(rows(1, "unit-dir.hq"))

    with pytest.raises(Contended):
        stubborn()
    assert kept(store) == (0, 0)


def test_writing_within_writing_says_so_instead_of_waiting(store: Store) -> None:
    with store.writing(), pytest.raises(RuntimeError, match="already writing"):
        store.writing().__enter__()
    assert append(store, rows(1))


def test_threads_write_one_at_a_time(store: Store) -> None:
    def add(stream: int) -> None:
        for version in range(1, 21):
            with store.writing() as tx:
                before = head(tx.conn)
                tx.append([(f"unit-{stream}.hq", version, NAME, b"{}")])
                assert head(tx.conn) == before + 1

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(add, range(4)))
    assert kept(store) == (80, 0)


# --- Rows of tables ------------------------------------------------------------------------


def test_rows_come_back_as_they_went_in(store: Store) -> None:
    given: Filled = [
        (1, "پولیس افسران کو ہدایت کی جاتی ہے", -32768, b"\x00\xff", True, 0.5),
        (2, "tab\tnewline\nquote\"'\\N", 32767, b"", False, -1.0),
        (2**53, None, None, None, None, None),
        (-1, "", 0, b"x" * 100_000, True, 1e300),
    ]
    with store.writing() as tx:
        assert tx.bulk_insert("notes", COLUMNS, given) == 4
    with store.reading() as conn:
        found = [tuple(row) for row in conn.execute(NOTES.select())]
    assert sorted(found, key=repr) == sorted(given, key=repr)


def test_rows_are_taken_as_they_come(store: Store) -> None:
    with store.writing() as tx:
        assert (
            tx.bulk_insert("notes", ["text", "id"], ((f"{n}", n) for n in range(12_000)))
            == 12_000
        )
        assert tx.bulk_insert("notes", ["id"], iter([])) == 0
        counted = tx.conn.execute(sa.select(sa.func.count(), sa.func.sum(NOTES.c.id)))
        assert tuple(counted.one()) == (12_000, 12_000 * 11_999 // 2)


def test_rows_that_stop_coming_leave_nothing(store: Store) -> None:
    def broken() -> Iterator[tuple[int]]:
        yield (1,)
        raise ValueError("line 2")

    def insert() -> None:
        with store.writing() as tx:
            tx.append(rows(1))
            tx.bulk_insert("notes", ["id"], broken())

    with pytest.raises(ValueError, match="line 2"):
        insert()
    assert kept(store) == (0, 0)


def test_a_table_made_anew_with_other_columns_is_filled_at_the_second_try(store: Store) -> None:
    note(store, 1)  # the types of its columns are known now
    with store.writing() as tx:
        NOTES.drop(tx.conn)
        tx.conn.exec_driver_sql("CREATE TABLE notes (id TEXT, text TEXT)")
    if store.dialect == "postgresql":
        with pytest.raises(psycopg.DataError), store.writing() as tx:
            tx.bulk_insert("notes", ["id", "text"], [("a", "b")])
    with store.writing() as tx:
        assert tx.bulk_insert("notes", ["id", "text"], [("a", "b")]) == 1
        assert tx.conn.exec_driver_sql("SELECT id, text FROM notes").all() == [("a", "b")]


# --- Readers -------------------------------------------------------------------------------


def test_a_reader_sees_one_snapshot_from_its_beginning(shared: Store) -> None:
    note(shared, 1)
    with shared.reading() as before:
        with shared.writing() as tx:
            tx.append(rows(5))
            tx.conn.execute(NOTES.delete())
            with shared.reading() as amid:  # not held up, and sees nothing uncommitted
                assert head(amid) == 0
                assert len(amid.execute(NOTES.select()).all()) == 1
        assert head(before) == 0
        assert len(before.execute(NOTES.select()).all()) == 1
    assert kept(shared) == (5, 0)


def test_readers_find_a_swapped_table_as_it_was_or_as_it_is(shared: Store) -> None:
    note(shared, 1)
    reading, swapping = threading.Event(), threading.Event()

    def read_before() -> int:
        with shared.reading() as conn:
            reading.set()
            assert swapping.wait(10)
            time.sleep(0.1)  # long enough for a swap that does not wait
            return len(conn.execute(NOTES.select()).all())

    def swap() -> None:
        with shared.writing() as tx:
            NOTES.to_metadata(sa.MetaData(), name="notes_new").create(tx.conn)
            tx.bulk_insert("notes_new", ["id"], [(n,) for n in range(5)])
            swapping.set()
            tx.exclude_readers()
            tx.conn.exec_driver_sql("DROP TABLE notes")
            tx.conn.exec_driver_sql("ALTER TABLE notes_new RENAME TO notes")

    with ThreadPoolExecutor(2) as pool:
        before = pool.submit(read_before)
        assert reading.wait(10)
        pool.submit(swap).result()
        assert before.result() == 1
    assert kept(shared) == (0, 5)


def test_nothing_that_a_reader_writes_is_kept(store: Store) -> None:
    with suppress(sa.exc.DBAPIError, Unavailable), store.reading() as conn:
        conn.execute(NOTES.insert(), {"id": 1})
    note(store, 2)
    assert kept(store) == (0, 1)


def test_every_connection_has_its_stages(url: str) -> None:
    made(url).close()

    def stages(dialect: str) -> list[str]:
        return [f"CREATE TEMPORARY TABLE stage_{dialect} (id BIGINT)"]

    store = Store.open(url, create=True, stages=stages)
    name = f"stage_{store.dialect}"
    with store.writing() as tx:
        assert tx.bulk_insert(name, ["id"], [(1,), (2,)]) == 2
        tx.conn.exec_driver_sql(f"DELETE FROM {name}")
    for _ in range(2):
        with store.reading() as conn:
            assert conn.exec_driver_sql(f"SELECT * FROM {name}").all() == []
            conn.exec_driver_sql(f"INSERT INTO {name} VALUES (1)")
    store.close()


def test_many_readers_read_at_once(shared: Store) -> None:
    append(shared, rows(3))
    together = threading.Barrier(8, timeout=20)

    def read(_: int) -> int:
        with shared.reading() as conn:
            together.wait()
            return head(conn)

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(read, range(8))) == [3] * 8


def test_readers_and_the_writer_of_a_store_in_memory_take_turns() -> None:
    store = made("sqlite:///:memory:")
    seen: list[int] = []

    def read() -> None:
        with store.reading() as conn:
            seen.append(head(conn))

    with store.writing() as tx:
        reader = threading.Thread(target=read)
        reader.start()
        tx.append(rows(2))
        time.sleep(0.05)
        assert seen == []
        tx.append(rows(2, first=3))
    reader.join()
    assert seen == [4]
    store.close()


def test_a_thread_cannot_wait_for_its_own_turn_in_memory() -> None:
    store = made("sqlite:///:memory:")
    with store.writing(), pytest.raises(RuntimeError, match="already writing"):
        store.reading().__enter__()
    with store.reading() as outer, store.reading() as inner:
        assert inner is outer
        with pytest.raises(RuntimeError, match="while this thread reads it"):
            store.writing().__enter__()
    assert append(store, rows(1)) == [1]
    store.close()


# --- Several processes ---------------------------------------------------------------------

APPENDER = """
import time
from ledger.store import Store
store = Store.open({url!r})
for batch in range({batches}):
    with store.writing() as tx:
        stream = {name!r} + str(batch)
        tx.append([(stream, n + 1, "unit.renamed@1", b"x" * 250) for n in range(3 + batch * 7 % 90)])
        time.sleep(batch % 5 / 1000)  # without the lock the other would draw positions now
store.close()
"""

OPENER = """
from ledger.store import Store
Store.open({url!r}, create=True).close()
"""

HANGING = """
import time
from ledger.store import Store
store = Store.open({url!r})
with store.writing() as tx:
    tx.append([("unit-hq.hq", n + 1, "unit.renamed@1", b"x" * 250) for n in range(20_000)])
    tx.bulk_insert("notes", ["id"], [(n,) for n in range(20_000)])
    print("amid", flush=True)
    time.sleep(60)
"""

ENDLESS = """
import itertools
from ledger.store import Store
store = Store.open({url!r})
for batch in itertools.count():
    with store.writing() as tx:
        tx.append([(f"unit-{{batch}}.hq", n + 1, "unit.renamed@1", b"x" * 250) for n in range(300)])
        tx.bulk_insert("notes", ["id"], [(batch,)])
"""


def run(program: str, **words: object) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", program.format(**words)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_two_processes_append_and_a_reader_of_the_tail_misses_nothing(
    shared: Store, lasting: str
) -> None:
    batches = 100
    writers = [run(APPENDER, url=lasting, batches=batches, name=name) for name in "ab"]
    seen: list[int] = []
    running = True
    while running:
        running = any(writer.poll() is None for writer in writers)
        with shared.reading() as conn:
            seen += [line[0] for line in select_entries(conn, seen[-1] if seen else 0, 50)]
    assert [writer.wait() for writer in writers] == [0, 0]
    for writer in writers:
        writer.communicate()
    with shared.reading() as conn:
        lines = select_entries(conn, 0, 1_000_000)
        seen += [line[0] for line in select_entries(conn, seen[-1], 1_000_000)]
    assert seen == [line[0] for line in lines]
    sizes = [3 + batch * 7 % 90 for batch in range(batches)]
    assert sorted(line[1:3] for line in lines) == sorted(
        (f"{name}{batch}", n + 1)
        for name in "ab"
        for batch, size in enumerate(sizes)
        for n in range(size)
    )


def test_processes_that_create_the_same_store_at_once_all_succeed(lasting: str) -> None:
    openers = [run(OPENER, url=lasting) for _ in range(4)]
    assert [opener.wait() for opener in openers] == [0] * 4
    for opener in openers:
        opener.communicate()
    store = Store.open(lasting)
    assert append(store, rows(1)) == [1]
    store.close()


def test_a_kill_amid_a_transaction_leaves_nothing(shared: Store, lasting: str) -> None:
    append(shared, rows(2, "unit-swat.hq"))
    with run(HANGING, url=lasting) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "amid\n"
        writer.send_signal(signal.SIGKILL)
    assert kept(shared) == (2, 0)
    assert append(shared, rows(1))  # and the lock is free
    assert kept(shared) == (3, 0)


def test_a_kill_among_transactions_leaves_whole_ones(shared: Store, lasting: str) -> None:
    for _ in range(3):
        entries, _notes = kept(shared)
        with run(ENDLESS, url=lasting) as writer:
            while kept(shared)[0] < entries + 3_000:
                assert writer.poll() is None
            writer.send_signal(signal.SIGKILL)
        entries, notes = kept(shared)
        assert entries == 300 * notes
        with shared.writing() as tx:
            tx.conn.exec_driver_sql("DELETE FROM stored_events")
            tx.conn.execute(NOTES.delete())


# --- Faults --------------------------------------------------------------------------------


def told(kind: type[Exception], act: Callable[[], object]) -> str:
    """What ``act`` says when it fails as it should, and nothing of a password anywhere."""
    with pytest.raises(kind) as failure:
        act()
    assert "hunter2" not in "".join(traceback.format_exception(failure.value))
    return str(failure.value)


def test_a_store_that_is_absent_is_not_made_by_opening_it(tmp_path: Path) -> None:
    file = tmp_path / "farman.db"
    assert told(Unknown, lambda: Store.open(f"sqlite:///{file}")) == (
        f"There is no store at {file}; `farman init` makes one."
    )
    assert not file.exists()


def test_a_database_without_a_ledger_is_no_store(url: str, tmp_path: Path) -> None:
    (tmp_path / "farman.db").touch()
    assert "holds no ledger; `farman init` makes one." in told(Unknown, lambda: Store.open(url))


def test_opening_again_keeps_what_is_there(shared: Store, lasting: str) -> None:
    append(shared, rows(2))
    again = Store.open(lasting, create=True)
    assert kept(again) == (2, 0)
    again.close()


@pytest.mark.parametrize(
    "address",
    [
        "",
        "sqlite:///",
        "mysql://u:hunter2@h/x",
        "postgresql://u:hunter2@h:port/x",
        "postgresql://u:hunter2@h/x?colour=hunter2",
    ],
)
def test_an_address_of_another_kind_is_not_understood(address: str) -> None:
    assert told(Misused, lambda: Store.open(address)).startswith("The store's address is not")


def test_a_path_is_taken_as_it_is_written(tmp_path: Path) -> None:
    folder = tmp_path / "گھر 100% #1?"
    folder.mkdir()
    made(f"sqlite:///{folder}/farman.db").close()
    assert (folder / "farman.db").is_file()


def test_a_store_held_by_another_writer_is_busy(lasting: str) -> None:
    store, other = made(lasting, patience=0.2), made(lasting, patience=0.2)
    with store.writing():
        words = told(Unavailable, lambda: append(other, rows(1)))
        with ThreadPoolExecutor(1) as pool:
            same = told(Unavailable, lambda: pool.submit(append, store, rows(1)).result())
    assert words == same
    assert "is busy: another writer has held it for more than 0.2 s; try again" in words
    assert append(other, rows(1)) == [1]
    store.close()
    other.close()


def test_a_folder_that_is_missing_is_named(tmp_path: Path) -> None:
    file = tmp_path / "missing" / "farman.db"
    words = told(Unavailable, lambda: Store.open(f"sqlite:///{file}", create=True))
    assert words.startswith(f"The store {file} cannot be opened: check that its folder exists")


def test_a_file_that_is_no_store_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "farman.db"
    file.write_text("not a database, but a text that is long enough to be looked at" * 99)
    before = file.read_bytes()
    words = told(Unavailable, lambda: Store.open(f"sqlite:///{file}", create=True))
    assert "is damaged or no store at all" in words
    assert file.read_bytes() == before


def test_a_damaged_page_is_called_damage(tmp_path: Path) -> None:
    file = tmp_path / "farman.db"
    store = made(f"sqlite:///{file}")
    append(store, rows(5_000))
    store.close()
    with file.open("r+b") as raw:
        for page in range(3, 40):
            raw.seek(page * 4096)
            raw.write(b"\xff" * 4096)
    store = Store.open(f"sqlite:///{file}")
    assert "is damaged" in told(Unavailable, lambda: kept(store))
    store.close()


def test_a_full_disk_is_called_full_and_nothing_is_kept(tmp_path: Path) -> None:
    store = made(f"sqlite:///{tmp_path}/farman.db")

    def fill() -> None:
        with store.writing() as tx:
            tx.conn.exec_driver_sql("PRAGMA max_page_count = 50")
            tx.append(rows(1))
            tx.append(rows(5_000, "unit-swat.hq"))

    words = told(Unavailable, fill)
    assert "the disk is full: nothing was written; make room" in words
    assert kept(store) == (0, 0)
    store.close()


def test_what_is_no_fault_of_the_store_is_not_called_one(store: Store) -> None:
    with pytest.raises(sa.exc.DBAPIError), store.reading() as conn:
        conn.exec_driver_sql("SELECT nothing FROM nowhere")


def test_a_server_that_is_not_there_cannot_be_reached() -> None:
    address = "postgresql://farman:hunter2@127.0.0.1:1/force"
    words = told(Unavailable, lambda: Store.open(address, create=True))
    assert words.startswith(
        "The store in PostgreSQL (database force, server 127.0.0.1:1) cannot be reached ("
    )
    assert words.endswith("the login and that the server runs, then repeat the command.")


def test_a_database_that_is_not_there_is_named(postgres: str) -> None:
    address = postgres.replace("//postgres@", "//postgres:hunter2@") + "_absent"
    words = told(Unavailable, lambda: Store.open(address, create=True))
    assert "_absent" in words
    assert "does not exist" in words


def test_a_connection_lost_amid_a_transaction_leaves_nothing(postgres: str) -> None:
    store = made(postgres)

    def lose() -> None:
        with store.writing() as tx:
            tx.append(rows(3))
            end_connections(postgres)
            tx.append(rows(100, "unit-swat.hq"))

    assert told(Unavailable, lose).startswith("The store in PostgreSQL (database")
    assert kept(store) == (0, 0)
    assert append(store, rows(1))
    store.close()


def test_a_connection_lost_in_the_commit_says_that_it_may_be_kept(postgres: str) -> None:
    store = made(postgres)

    def lose() -> None:
        with store.writing() as tx:
            tx.append(rows(3))
            end_connections(postgres)

    assert "it may or may not have been kept: repeat the command" in told(Unavailable, lose)
    store.close()


def test_connections_lost_while_idle_are_not_noticed(postgres: str) -> None:
    store = made(postgres)
    append(store, rows(1))
    assert kept(store) == (1, 0)
    end_connections(postgres)
    append(store, rows(1, first=2))
    end_connections(postgres)
    assert kept(store) == (2, 0)
    store.close()


def end_connections(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


# --- Settings ------------------------------------------------------------------------------


def test_sqlite_is_durable_and_modest(tmp_path: Path) -> None:
    store = made(f"sqlite:///{tmp_path}/farman.db")
    with store.writing() as tx:
        asked = "synchronous", "journal_mode", "temp_store", "mmap_size", "cache_size"
        found = [tx.conn.exec_driver_sql(f"PRAGMA {name}").scalar() for name in asked]
    assert found == [2, "wal", 1, 0, -48 * 1024]
    store.close()


def test_postgres_knows_who_we_are_and_commits_durably(postgres: str) -> None:
    store = made(postgres)
    settings = "SELECT current_setting('application_name'), current_setting('TimeZone')"
    with store.writing() as tx, store.reading() as conn:
        assert tuple(tx.conn.exec_driver_sql(settings).one()) == ("farman", "UTC")
        assert tuple(conn.exec_driver_sql(settings).one()) == ("farman", "UTC")
        # The test server's default is off.
        assert tx.conn.exec_driver_sql("SHOW synchronous_commit").scalar() == "on"
    store.close()


def test_postgres_keeps_to_the_schema_of_the_address(postgres: str) -> None:
    with psycopg.connect(postgres, autocommit=True) as conn:
        conn.execute("CREATE SCHEMA swat")
    store = made(f"{postgres}?options=-csearch_path%3Dswat&application_name=swat")
    append(store, rows(100))
    note(store, 1)
    assert kept(store) == (100, 1)
    store.close()
    with psycopg.connect(postgres) as conn:
        found = conn.execute("SELECT count(*) FROM swat.stored_events").fetchone()
        assert found == (100,)
        assert conn.execute("SELECT to_regclass('public.stored_events')").fetchone() == (None,)


def test_sqlite_needs_nothing_of_postgres(tmp_path: Path) -> None:
    program = (
        "import sys; from ledger.store import Store; "
        f"Store.open('sqlite:///{tmp_path}/x.db', create=True).close(); "
        "print([m for m in sys.modules if m.startswith('psycopg')])"
    )
    with run(program.replace("{", "{{").replace("}", "}}")) as opener:
        assert opener.communicate()[0] == "[]\n"


def test_a_store_that_vanished_is_not_replaced_by_an_empty_one(tmp_path: Path) -> None:
    file = tmp_path / "farman.db"
    store = made(f"sqlite:///{file}")
    store.close()  # as if every connection had been dropped
    for each in tmp_path.iterdir():
        each.unlink()
    assert "cannot be opened" in told(Unavailable, lambda: kept(store))
    assert not file.exists()
