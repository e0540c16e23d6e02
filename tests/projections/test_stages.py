"""Stages: where a page lays its rows; however many pages, they stay small."""

from collections.abc import Iterator

import pytest

from ledger.store import Store
from projections import database, tables
from projections.database import Database
from tests import services

KEYS = ("n", "directive", "officer")


@pytest.fixture
def store(postgres_server: services.Server) -> Iterator[Store]:
    """On PostgreSQL, where what is deleted stays until somebody clears it away."""
    url = postgres_server.create_database()
    store = Store.open(url, create=True, stages=tables.stages)
    yield store
    store.close()
    postgres_server.drop_database(url)


def test_a_stage_does_not_grow_with_what_was_laid_there_before(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "STAGED", 5_000)
    sizes = []
    for n in range(30):
        with store.writing() as tx:
            db = Database(tx.conn, tx.bulk_insert)
            db.stage("stage_keys", KEYS, [(n, "hq-2020-1", f"C-{k}") for k in range(1_000)])
            assert db.tuples("SELECT COUNT(*), MIN(n), MAX(n) FROM stage_keys") == [
                (1_000, n, n)
            ]
            size = tx.conn.exec_driver_sql("SELECT pg_relation_size('stage_keys')").scalar_one()
            sizes.append(size)
    assert min(sizes[10:]) == sizes[0]
    assert max(sizes) <= 7 * sizes[0]
