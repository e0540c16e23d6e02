"""A page of the ledger: every fact has its line, and pages of any size give the same rows."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import given as each

from ledger.codec import FACTS, Entry, decode
from ledger.store import Store, head, select_entries
from office.office import Office
from projections import page, rebuild
from projections.database import Database
from projections.tables import PROJECTIONS, metadata
from tests.examples import CERTIFY, HQ, PPO, QUIT, SAIDU, SWAT
from tests.projections.histories import History, histories
from tests.projections.small import (
    CERTIFIED,
    HOURLY,
    after,
    emptied,
    listed,
    manned,
    order,
    terms,
    text,
)
from tests.spec import examples

REF = "hq-2020-1"


def test_every_fact_has_exactly_one_line() -> None:
    lines = [cls for _, classes in page._KINDS for cls in classes]
    assert sorted(cls.stored for cls in lines) == sorted(FACTS)
    assert set(page._APPLY) == set(FACTS.values())


def test_every_table_belongs_to_exactly_one_projection() -> None:
    owned = [table for tables in PROJECTIONS.values() for table in tables]
    assert sorted(owned) == sorted(metadata.tables)


def digests(store: Store) -> dict[str, tuple[int, str]]:
    with store.reading() as conn:
        return {name: rebuild.digest(conn, name) for name in PROJECTIONS}


def ledger(store: Store) -> list[Entry]:
    with store.reading() as conn:
        lines = select_entries(conn, 0, 1_000_000)
    return [Entry(p, stream, v, decode(name, state)) for p, stream, v, name, state in lines]


def forget(store: Store) -> None:
    """Empty every projection, as if nothing had been read of the ledger."""
    with store.writing() as tx:
        for table in metadata.tables:
            tx.conn.exec_driver_sql(f"DELETE FROM {table}")
        tx.conn.exec_driver_sql("DELETE FROM checkpoints WHERE name <> 'rehearsal'")


def applied(store: Store, entries: list[Entry], size: int) -> dict[str, tuple[int, str]]:
    """Apply the ledger anew, so many entries a transaction."""
    forget(store)
    for start in range(0, len(entries), size):
        with store.writing() as tx:
            page.apply(Database(tx.conn, tx.bulk_insert), entries[start : start + size])
    with store.reading() as conn:
        db = Database(conn)
        assert db.checkpoint("position") == entries[-1].position == head(conn)
    return digests(store)


def pages_agree(office: Office) -> None:
    live = digests(office.store)
    entries = ledger(office.store)
    for size in (1, 7, 5000):
        found = applied(office.store, entries, size)
        assert found == live, f"in pages of {size}"


@each(history=histories())
@examples(12, shrink=False)
def test_pages_of_any_size_give_the_same_rows(history: History) -> None:
    with tempfile.TemporaryDirectory() as folder, manned(Path(folder), "sqlite") as office:
        history.play(office)
        pages_agree(office)


def test_pages_of_any_size_give_the_same_rows_on_both_stores(
    tmp_path: Path, store_url: str
) -> None:
    @each(history=histories())
    @examples(3, shrink=False)
    def tried(history: History) -> None:
        with (
            tempfile.TemporaryDirectory() as folder,
            manned(Path(folder), emptied(store_url)) as office,
        ):
            history.play(office)
            pages_agree(office)

    tried()


@pytest.fixture
def office(tmp_path: Path, store_url: str) -> Office:
    return manned(tmp_path / "home", store_url)


def test_a_page_that_holds_a_whole_story_gives_the_rows_of_its_steps(office: Office) -> None:
    """Mustered, posted, served, answered, freed and asked again within one page."""
    office.import_roll([listed("N-3", SWAT)])
    office.transfer("N-3", SAIDU)
    office.duty("N-3", "leave")
    office.issue(order(HQ, acts=(HOURLY, CERTIFIED), standing=True), text(1))
    office.import_roll([listed("N-1", SWAT), listed("N-2", "abbottabad")])
    office.transfer("N-1", SAIDU)
    office.answer(REF, "N-1", "complied", clause=QUIT)
    office.answer(REF, "N-1", "complied", clause=CERTIFY)
    office.answer(REF, "N-1", "read")
    office.now = after(3)
    office.answer(REF, "C-2", "complied")
    office.answer(REF, "C-2", "complied", at=after(1))
    office.exempt(REF, "C-2", PPO, "On deputation.")
    office.retire("C-3", at=after(1))
    office.tick()
    office.issue(order(SWAT), text(2))
    office.amend(REF, terms(CERTIFIED), text(3), material=True)
    office.answer(REF, "N-2", "complied")
    office.transfer("N-2", "hazara", at=after(2))
    pages_agree(office)
    office.close()


def test_an_empty_page_moves_nothing(office: Office) -> None:
    before = digests(office.store)
    with office.store.writing() as tx:
        db = Database(tx.conn, tx.bulk_insert)
        mark = db.checkpoint("position")
        page.apply(db, [])
        assert db.checkpoint("position") == mark
    assert digests(office.store) == before
    office.close()


def test_an_office_catches_up_from_wherever_its_projections_stand(
    tmp_path: Path, store_url: str
) -> None:
    with manned(tmp_path / "home", store_url) as office:
        office.issue(order(HQ, standing=True), text(1))
        office.answer(REF, "C-1", "acknowledged")
        office.amend(REF, terms(CERTIFIED), text(2), material=True)
        office.transfer("C-1", "hazara")
        office.withdraw(REF, "Wrong.")
        live = digests(office.store)
        entries = ledger(office.store)
        for seen in range(0, len(entries), 3):
            forget(office.store)
            with office.store.writing() as tx:
                page.apply(Database(tx.conn, tx.bulk_insert), entries[:seen])
            with Office(office.home, after(1)) as again:
                assert digests(again.store) == live, f"from {seen} entries on"
