"""Our recorders keep every promise that the library's own recorders make.

The cases are the library's public ones; a recorder of ours stands where its test-suite puts
its own. Both kinds of originator ids are run where the storage treats them differently.
"""

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal
from uuid import UUID, uuid4

import pytest
from eventsourcing.persistence import (
    InfrastructureFactory,
    IntegrityError,
    ProgrammingError,
    StoredEvent,
)
from eventsourcing.postgres import PostgresDatastore
from eventsourcing.sqlite import SQLiteDatastore
from eventsourcing.tests import persistence as library
from eventsourcing.utils import Environment, get_topic
from psycopg.conninfo import conninfo_to_dict

from ledger.postgres import COPY_FROM, PostgresRecorder
from ledger.sqlite import SqliteRecorder
from tests import services


def new_id(kind: str) -> UUID | str:
    return uuid4() if kind == "uuid" else f"relay-{uuid4().hex}.dpo_swat.hq"


@contextmanager
def stragglers_awaited() -> Iterator[None]:
    """Some of the library's cases end before their readers do: nothing is closed under those."""
    before = set(threading.enumerate())
    yield
    for thread in set(threading.enumerate()) - before:
        thread.join()


class OnSqlite:
    """A case of the library on our recorder, in a file."""

    ids: Literal["uuid", "text"] = "text"
    recorder: type[SqliteRecorder] = SqliteRecorder

    @pytest.fixture(autouse=True)
    def _store(self, tmp_path: Path) -> Iterator[None]:
        self.datastore = SQLiteDatastore(str(tmp_path / "x.db"), originator_id_type=self.ids)
        with stragglers_awaited():
            yield
        self.datastore.close()

    def create_recorder(self) -> SqliteRecorder:
        made = self.recorder(self.datastore)
        made.create_table()
        return made

    def new_originator_id(self) -> UUID | str:
        return new_id(self.ids)


class InMemory(OnSqlite):
    @pytest.fixture(autouse=True)
    def _store(self) -> Iterator[None]:
        one_for_all = f"file:{uuid4().hex}?mode=memory&cache=shared"
        self.datastore = SQLiteDatastore(one_for_all, originator_id_type=self.ids)
        with stragglers_awaited():
            yield
        self.datastore.close()


class TestSqliteApplication(OnSqlite, library.ApplicationRecorderTestCase[SqliteRecorder]): ...


class TestSqliteApplicationByUuid(TestSqliteApplication):
    ids = "uuid"


class TestSqliteTracking(OnSqlite, library.TrackingRecorderTestCase): ...


class TestSqliteProcess(OnSqlite, library.ProcessRecorderTestCase): ...


class TestSqliteNonInterleaving(OnSqlite, library.NonInterleavingNotificationIDsBaseCase): ...


class TestMemoryApplication(InMemory, library.ApplicationRecorderTestCase[SqliteRecorder]): ...


class TestMemoryProcess(InMemory, library.ProcessRecorderTestCase): ...


class TestMemoryNonInterleaving(InMemory, library.NonInterleavingNotificationIDsBaseCase): ...


class WithoutPositions(SqliteRecorder):
    """An aggregate recorder promises the same but for the positions."""

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> None:
        super().insert_events(stored_events, **kwargs)


class TestSqliteAggregate(OnSqlite, library.AggregateRecorderTestCase):
    recorder = WithoutPositions


class OnPostgres:
    """A case of the library on our recorder, in a database of its own."""

    ids: Literal["uuid", "text"] = "text"
    recorder: type[PostgresRecorder] = PostgresRecorder

    @pytest.fixture(autouse=True)
    def _store(self, postgres_server: services.Server) -> Iterator[None]:
        url = postgres_server.create_database()
        self.datastore = postgres_datastore(url, self.ids)
        with self.datastore, stragglers_awaited():
            yield
        postgres_server.drop_database(url)

    def create_recorder(self) -> PostgresRecorder:
        made = self.recorder(self.datastore)
        made.create_table()
        return made

    def new_originator_id(self) -> UUID | str:
        return new_id(self.ids)


def postgres_datastore(url: str, ids: Literal["uuid", "text"] = "text") -> PostgresDatastore:
    to = {name: str(value) for name, value in conninfo_to_dict(url).items()}
    return PostgresDatastore(
        to["dbname"],
        to["host"],
        to["port"],
        to["user"],
        "",
        pool_size=5,
        originator_id_type=ids,
    )


class TestPostgresApplication(
    OnPostgres, library.ApplicationRecorderTestCase[PostgresRecorder]
):
    def test_insert_subscribe(self) -> None:
        self.optional_test_insert_subscribe()


class TestPostgresApplicationByUuid(TestPostgresApplication):
    ids = "uuid"


class TestPostgresTracking(OnPostgres, library.TrackingRecorderTestCase): ...


class TestPostgresProcess(OnPostgres, library.ProcessRecorderTestCase): ...


class TestPostgresNonInterleaving(
    OnPostgres, library.NonInterleavingNotificationIDsBaseCase
): ...


class TestPostgresNonInterleavingSmall(TestPostgresNonInterleaving):
    insert_num = COPY_FROM - 1


class WithoutPositionsEither(PostgresRecorder):
    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> None:
        super().insert_events(stored_events, **kwargs)


class TestPostgresAggregate(OnPostgres, library.AggregateRecorderTestCase):
    recorder = WithoutPositionsEither


def events(count: int, *, stream: str = "unit-hq.hq", first: int = 1) -> list[StoredEvent]:
    return [StoredEvent(stream, first + n, "unit.renamed@1", b"{}") for n in range(count)]


def factory(**settings: str) -> InfrastructureFactory[Any]:
    env = {"ORIGINATOR_ID_TYPE": "text"} | settings
    return InfrastructureFactory.construct(Environment(env=env))


def test_the_sqlite_factory_makes_our_recorder_by_its_topic(tmp_path: Path) -> None:
    topic = get_topic(SqliteRecorder)
    made = factory(
        PERSISTENCE_MODULE="eventsourcing.sqlite",
        SQLITE_DBNAME=str(tmp_path / "x.db"),
        PROCESS_RECORDER_TOPIC=topic,
        APPLICATION_RECORDER_TOPIC=topic,
    )
    with made:
        process, application = made.process_recorder(), made.application_recorder()
        assert (type(process), type(application)) == (SqliteRecorder, SqliteRecorder)
        assert process.insert_events(events(2)) == [1, 2]
        assert [n.id for n in application.select_notifications(1, 10)] == [1, 2]


def test_the_postgres_factory_makes_our_recorder_by_its_topic(
    postgres_server: services.Server,
) -> None:
    topic = get_topic(PostgresRecorder)
    url = postgres_server.create_database()
    to = conninfo_to_dict(url)
    made = factory(
        PERSISTENCE_MODULE="eventsourcing.postgres",
        POSTGRES_DBNAME=str(to["dbname"]),
        POSTGRES_HOST=str(to["host"]),
        POSTGRES_PORT=str(to["port"]),
        POSTGRES_USER=str(to["user"]),
        POSTGRES_PASSWORD="",
        PROCESS_RECORDER_TOPIC=topic,
        APPLICATION_RECORDER_TOPIC=topic,
    )
    with made:
        process, application = made.process_recorder(), made.application_recorder()
        assert (type(process), type(application)) == (PostgresRecorder, PostgresRecorder)
        assert process.insert_events(events(2)) == [1, 2]
        assert [n.id for n in application.select_notifications(1, 10)] == [1, 2]
    postgres_server.drop_database(url)


def test_vacuum_does_not_renumber_entries(tmp_path: Path) -> None:
    datastore = SQLiteDatastore(str(tmp_path / "x.db"), originator_id_type="text")
    recorder = SqliteRecorder(datastore)
    recorder.create_table()
    recorder.insert_events(events(3))
    raw = sqlite3.connect(tmp_path / "x.db", isolation_level=None)
    raw.execute("DELETE FROM stored_events WHERE notification_id = 1")
    raw.execute("VACUUM")
    raw.close()
    assert [n.id for n in recorder.select_notifications(None, 10)] == [2, 3]
    assert recorder.insert_events(events(1, first=4)) == [4]
    datastore.close()


class TestOurPostgres(OnPostgres):
    def test_copied_entries_have_the_positions_that_were_returned(self) -> None:
        recorder = self.create_recorder()
        with pytest.raises(IntegrityError):
            recorder.insert_events(events(2) + events(1))  # positions drawn, and skipped
        small = recorder.insert_events(events(COPY_FROM - 1))
        large = recorder.insert_events(events(500, stream="unit-swat.hq"))
        assert small is not None
        assert large is not None
        assert [
            (n.id, n.originator_id, n.originator_version)
            for n in recorder.select_notifications(None, 1000)
        ] == [
            *zip(small, ["unit-hq.hq"] * len(small), range(1, COPY_FROM), strict=True),
            *zip(large, ["unit-swat.hq"] * 500, range(1, 501), strict=True),
        ]
        assert list(large) == list(range(large[0], large[0] + 500))

    def test_copied_entries_wake_who_listens(self) -> None:
        recorder = self.create_recorder()
        with self.datastore.get_connection() as conn:
            conn.execute("LISTEN stored_events")
            recorder.insert_events(events(COPY_FROM))
            woken = [n.channel for n in conn.notifies(timeout=5, stop_after=1)]
        assert woken == ["stored_events"]

    def test_four_make_the_tables_at_once(self) -> None:
        recorders = [PostgresRecorder(self.datastore) for _ in range(4)]
        with ThreadPoolExecutor(4) as pool:
            for made in [pool.submit(recorder.create_table) for recorder in recorders]:
                made.result()
        assert recorders[3].insert_events(events(1)) == [1]

    def test_functions_that_insert_without_the_lock_are_refused(self) -> None:
        self.datastore.enable_db_functions = True
        with pytest.raises(ProgrammingError, match="POSTGRES_ENABLE_DB_FUNCTIONS"):
            PostgresRecorder(self.datastore)
