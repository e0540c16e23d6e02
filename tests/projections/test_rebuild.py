"""Rebuilding: the same rows as were kept live, to the byte, whatever happened and wherever it was cut."""

import re
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import psycopg
import pytest
from hypothesis import given as each
from sqlalchemy import Connection

import domain.office
from domain import permission, relay
from domain.directive import Basis
from domain.errors import Unavailable
from domain.fact import UnitId, micros
from domain.instrument import Paper
from ledger.store import Store, head, select_entries
from office.cases import Breach
from office.office import Office
from office.registers import Entry
from office.work import working
from projections import rebuild, tables
from projections.tables import PROJECTIONS
from tests.examples import CERTIFY, DPO, HQ, PPO, QUIT, SAIDU, SWAT, example
from tests.projections.histories import History, histories
from tests.projections.small import (
    CERTIFIED,
    HOURLY,
    after,
    emptied,
    listed,
    manned,
    order,
    report,
    terms,
    text,
)
from tests.spec import examples

REF = "hq-2020-1"


def digests(store: Store) -> dict[str, tuple[int, str]]:
    with store.reading() as conn:
        return {name: rebuild.digest(conn, name) for name in PROJECTIONS}


def differences(store: Store) -> list[str | None]:
    """What the ledger says otherwise than the live tables do."""
    _, compared = rebuild.check(store)
    assert [one.name for one in compared] == list(PROJECTIONS)
    return [one.difference for one in compared if not one.same]


# --- Rebuild equals live ---------------------------------------------------------------


def agrees_after(history: History, store_url: str) -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        manned(Path(folder), emptied(store_url)) as office,
    ):
        history.play(office)
        live = digests(office.store)
        assert differences(office.store) == []
        rebuild.rebuild(office.store)
        assert digests(office.store) == live


@each(history=histories())
@examples(20, shrink=False)
def test_a_rebuild_equals_the_live_rows_after_any_commands(history: History) -> None:
    agrees_after(history, "sqlite")


def test_a_rebuild_equals_the_live_rows_on_postgresql_too(store_url: str) -> None:
    @each(history=histories())
    @examples(6 if store_url != "sqlite" else 2, shrink=False)
    def tried(history: History) -> None:
        agrees_after(history, store_url)

    tried()


def test_what_began_to_count_later_is_rebuilt_as_it_stands(office: Office) -> None:
    """Each of the ways in which officers leave the plain case, at once."""
    office.issue(order(HQ, acts=(HOURLY, CERTIFIED), standing=True), text(1))
    office.now = after(3)
    office.answer(REF, "C-1", "complied", clause=QUIT)
    office.answer(REF, "C-1", "complied", clause=CERTIFY, at=after(1))
    office.transfer("C-1", "hazara")
    office.retire("C-2")
    office.import_roll([listed("N-1", SWAT), listed("C-3", SAIDU, 8), listed("C-2", SWAT)])
    office.answer(REF, "C-3", "acknowledged", at=after(2))
    office.answer(REF, "C-3", "read", at=after(1))
    office.contest(REF, "R-2", "Not I.", at=after(1))
    office.decide_contest(REF, "R-2", "upheld", PPO)
    office.exempt(REF, "D-1", PPO, "On leave.", clause=QUIT)
    office.roll_call(
        REF,
        SAIDU,
        [(2, "C-3", None, None), (3, "C-4", None, None)],
        diary="1",
        held_at=after(2),
    )
    office.transfer("H-2", "swat", at=after(1))
    office.now = after(30)
    office.tick()
    assert differences(office.store) == []
    office.amend(REF, terms(CERTIFIED), text(2), material=True)
    office.answer(REF, "C-3", "read")
    office.promote("N-1", 9)
    office.import_roll([listed("N-2", "abbottabad")])
    assert differences(office.store) == []
    live = digests(office.store)
    rebuild.rebuild(office.store)
    assert digests(office.store) == live


def test_who_left_and_rejoined_at_one_instant_leaves_no_trace_in_the_tally(
    office: Office,
) -> None:
    office.issue(order(HQ), text(1))
    office.now = after(minutes=1)
    office.retire("C-1")
    office.import_roll([listed("C-1", SWAT)])
    assert differences(office.store) == []


def test_an_exemption_dated_before_another_leaves_no_trace_of_the_later(office: Office) -> None:
    office.issue(order(HQ), text(1))
    office.now = after(5)
    office.exempt(REF, "C-1", PPO, "On deputation.", at=after(4))
    office.transfer("C-1", "hazara", at=after(3))
    office.transfer("C-1", "hq", at=after(2))
    office.exempt(REF, "C-1", PPO, "On deputation.", clause=QUIT, at=after(1))
    assert differences(office.store) == []


def test_who_is_served_late_after_a_material_amendment_is_where_he_is_now(
    office: Office,
) -> None:
    office.issue(order(SWAT, precedence="routine", forward="on_acknowledgement"), text(1))
    office.amend(REF, terms(CERTIFIED), text(2), material=True)
    office.now = after(2)
    office.transfer("C-1", "hazara")
    office.acknowledge_relay(REF, SWAT, at=after(1))
    (row,) = [row for row in office.officers(REF)["officers"] if row["officer_id"] == "C-1"]
    assert (row["unit"], row["served_at"]) == ("hazara", after(1))
    assert differences(office.store) == []


@pytest.mark.parametrize("size", [1, 7])
def test_a_long_ledger_is_read_in_pages_of_any_size(office: Office, size: int) -> None:
    office.issue(order(HQ, standing=True), text(1))
    for officer in ("C-1", "C-2", "C-3"):
        office.answer(REF, officer, "complied")
    office.transfer("C-2", "hazara")
    live = digests(office.store)
    told: list[tuple[str, int, int | None]] = []
    top = rebuild.rebuild(office.store, lambda *said: told.append(said), entries=size)
    assert digests(office.store) == live
    assert told[-1] == ("rebuild", top, top)
    assert len(told) >= office_entries(office) // size


def test_officers_are_settled_in_pages_of_any_size(
    busy: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    busy.issue(order(HQ, acts=(HOURLY, CERTIFIED)), text(2))
    busy.answer("hq-2020-2", "C-1", "complied", clause=QUIT)
    live = digests(busy.store)
    for size in (1, 3):
        monkeypatch.setattr("projections.page.PAGE", size)
        monkeypatch.setattr("projections.rebuild._BYTES", size)
        assert differences(busy.store) == []
        rebuild.rebuild(busy.store)
        assert digests(busy.store) == live


def office_entries(office: Office) -> int:
    with office.store.reading() as conn:
        return len(select_entries(conn, 0, 1_000_000))


def test_an_empty_ledger_is_rebuilt_too(tmp_path: Path, store_url: str) -> None:
    store = Store.open(
        f"sqlite:///{tmp_path}/farman.db" if store_url == "sqlite" else store_url,
        create=True,
        stages=tables.stages,
    )
    with store.writing() as tx:
        tables.create(tx.conn)
    empty = digests(store)
    assert rebuild.rebuild(store) == 0
    assert digests(store) == empty
    assert differences(store) == []
    store.close()


def test_tables_of_an_earlier_farman_are_made_anew_when_it_is_opened(office: Office) -> None:
    office.issue(order(HQ, standing=True), text(1))
    before = digests(office.store)
    with office.store.writing() as tx:
        tx.conn.exec_driver_sql("DROP TABLE answers")
        tx.conn.exec_driver_sql("ALTER TABLE standing RENAME COLUMN moved TO gone_elsewhere")
        tx.conn.exec_driver_sql("UPDATE checkpoints SET value = 1 WHERE name = 'shape'")
    office.close()
    with Office(office.home, office.now) as opened:
        assert digests(opened.store) == before
        assert differences(opened.store) == []


# --- Check -----------------------------------------------------------------------------


@pytest.fixture
def busy(office: Office) -> Office:
    """An office with at least a row in every table."""
    owed = report("region", "district", clock="issue", within=3600)
    conveyed = terms(HOURLY, owed).model_copy(update={"basis": Basis(form="conveyed")})
    office.issue(order(HQ, standing=True, terms=conveyed), text(1))
    office.now = after(3)
    paper = Paper(
        citation="4/2019",
        sender={"en": "Ministry"},
        dated="2019-12-20",
        form="signed",
        subject={"en": "Media"},
    )
    office.enter_instrument(paper, text(9))
    office.back(REF, "4/2019", PPO)
    office.enter_official("group", Entry("whatsapp", "Swat Duty", SWAT, DPO))
    office.pass_official("group", "hq-g1", PPO)
    office.enter_official("account", Entry("x", "@Swat", SWAT, DPO, "News"))
    office.close_official("account", "hq-a1", "Unused.")
    office.submit_return(REF, SWAT, DPO, 1, at=after(1))
    office.contradict_return(REF, SWAT, PPO, "Found in a group.", officer="C-2")
    office.answer(REF, "C-1", "acknowledged", at=after(2))
    office.contest(REF, "C-2", "Not I.")
    office.transfer("C-3", "hazara")
    office.tighten(REF, "hazara", "quit", within=1_800, by="ppo")
    relayed = order(UnitId("hazara"), issuer="rpo-hazara")
    office.drift(REF, "hazara", relayed, text(9), record=True, by="ppo")
    office.tick()
    office.report_breaches(REF, [Breach("C-1", "quit", after(2), "screenshot 12")])
    with working(office.store, "hq", after(3)) as work:
        about = work.about(after(3))
        name, here = "kohat", UnitId("kohat")
        facts = {
            "office-kohat.hq": domain.office.Commissioned(
                **about, office=name, unit=here, claim="00"
            ),
            "key-kohat.kohat": domain.office.KeyRegistered(
                **about, office=name, key="01", proof="02"
            ),
        }
        work.append(list(facts.items()))
        work.append(
            [
                ("office-kohat.hq", domain.office.Admitted(**about, office=name, key="01")),
                (
                    "office-kohat.hq",
                    domain.office.HandoverOpened(**about, office=name, units=(here,)),
                ),
            ]
        )
        onward = relay.Forwarded(**about, to=(here,))
        work.append([(relay.stream(REF, "malakand", "hq"), onward)])
        asked = example(permission.Requested)
        work.append([(permission.stream(asked.permission, "hq"), asked)])
    with office.store.reading() as conn:
        for names in PROJECTIONS.values():
            for name in names:
                assert conn.exec_driver_sql(f"SELECT count(*) FROM {name}").scalar(), name
    assert differences(office.store) == []
    return office


def altered(office: Office, statement: str) -> None:
    with office.store.writing() as tx:
        assert tx.conn.exec_driver_sql(statement).rowcount == 1


class Altered(NamedTuple):
    """A row changed by hand: in which projection, how, and what the check says of it."""

    name: str
    statement: str
    told: str


ALTERED = [
    Altered(
        "force",
        "UPDATE force SET timezone = 'UTC'",
        "force (position=#): timezone is 'UTC', by the ledger 'Asia/Karachi'",
    ),
    Altered(
        "force",
        "UPDATE units SET name = 'Elsewhere' WHERE unit = 'swat'",
        "units (unit=swat, position=#): name is 'Elsewhere', by the ledger '*'",
    ),
    Altered(
        "force",
        "UPDATE posts SET rank = 23 WHERE post = 'ppo'",
        "posts (post=ppo, position=#): rank is 23, by the ledger 22",
    ),
    Altered(
        "force",
        "UPDATE charges SET charge = 'acting' WHERE post = 'ppo'",
        "charges (post=ppo, officer=P-1, position=#): charge is 'acting', by the ledger 'substantive'",
    ),
    Altered(
        "roll",
        "UPDATE roll SET unit = 'hazara' WHERE officer = 'C-1'",
        "roll (officer=C-1, at=#, position=#): unit is 'hazara', by the ledger 'swat'",
    ),
    Altered(
        "roll",
        "UPDATE musters SET position = position + 1 WHERE unit = 'hq'",
        "musters (unit=hq): position is #, by the ledger #",
    ),
    Altered(
        "directives",
        "UPDATE directives SET number = '9/2020'",
        "directives (directive=hq-2020-1): number is '9/2020', by the ledger '1/2020'",
    ),
    Altered(
        "directives",
        "UPDATE wordings SET text = 'ff'",
        "wordings (directive=hq-2020-1, version=1): text is 'ff', by the ledger '*'",
    ),
    Altered(
        "registers",
        "UPDATE officials SET closed_at = NULL WHERE id = 'hq-a1'",
        "officials (id=hq-a1): closed_at is None, by the ledger #",
    ),
    Altered(
        "registers",
        "UPDATE official_posts SET post = 'rpo-malakand' WHERE post = 'ppo'",
        "official_posts (id=hq-g1, position=#): post is 'rpo-malakand', by the ledger 'ppo'",
    ),
    Altered(
        "registers",
        "UPDATE instruments SET form = 'conveyed'",
        "instruments (instrument=hq-i1): form is 'conveyed', by the ledger 'signed'",
    ),
    Altered(
        "hops",
        "UPDATE hops SET received_at = received_at - 1 WHERE unit = 'swat'",
        "hops (directive=hq-2020-1, unit=swat): received_at is #, by the ledger #",
    ),
    Altered(
        "hops",
        "UPDATE escalations SET officers = 9 WHERE unit = 'swat' AND level = 1",
        "escalations (directive=hq-2020-1, unit=swat, clause=quit, level=1): officers is 9, by the ledger 2",
    ),
    Altered(
        "hops",
        "UPDATE tightenings SET within = 60 WHERE unit = 'hazara'",
        "tightenings (directive=hq-2020-1, unit=hazara, clause=quit, source=#): within is 60, by the ledger 1800",
    ),
    Altered(
        "hops",
        "UPDATE drifts SET looser = looser + 1 WHERE unit = 'hazara'",
        "drifts (directive=hq-2020-1, unit=hazara, relayed=*): looser is #, by the ledger #",
    ),
    Altered(
        "standing",
        "UPDATE standing SET complied_at = served_at WHERE officer = 'C-1'",
        "standing (directive=hq-2020-1, officer=C-1): complied_at is #, by the ledger None",
    ),
    Altered(
        "standing",
        "UPDATE pleas SET kind = 'upheld'",
        "pleas (directive=hq-2020-1, officer=C-2, position=#): kind is 'upheld', by the ledger 'contested'",
    ),
    Altered(
        "answers",
        "UPDATE answers SET at = at - 3600000000 WHERE officer = 'C-1'",
        "answers (directive=hq-2020-1, officer=C-1, position=#): at is #, by the ledger #",
    ),
    Altered(
        "tally",
        "UPDATE tally SET acknowledged = 2 WHERE acknowledged = 1 AND kind = 2",
        "tally (directive=hq-2020-1, kind=2, at=0, unit=swat): acknowledged is 2, by the ledger 1",
    ),
    Altered(
        "tally",
        "UPDATE tally_parts SET parts = '[]' WHERE officer = 'C-3'",
        "tally_parts (directive=hq-2020-1, officer=C-3): parts is '[]', by the ledger '*'",
    ),
    Altered(
        "offices",
        "UPDATE offices SET state = 'open' WHERE office = 'kohat'",
        "offices (office=kohat): state is 'open', by the ledger 'moving'",
    ),
    Altered(
        "offices",
        "UPDATE forwards SET at = at - 1",
        "forwards (directive=hq-2020-1, unit=kohat, sender=malakand): at is #, by the ledger #",
    ),
    Altered(
        "permissions",
        "UPDATE permissions SET state = 'granted'",
        "permissions (permission=hq-2020-p1): state is 'granted', by the ledger 'requested'",
    ),
    Altered(
        "cases",
        "UPDATE cases SET outcome = 'filed'",
        "cases (case_id=hq-2020-c1): outcome is 'filed', by the ledger None",
    ),
    Altered(
        "returns",
        "UPDATE returns SET claimed = 5",
        "returns (directive=hq-2020-1, unit=swat, position=#): claimed is 5, by the ledger 1",
    ),
    Altered(
        "returns",
        "UPDATE return_contradictions SET officer = 'C-3'",
        "return_contradictions (directive=hq-2020-1, unit=swat, position=#): officer is 'C-3', by the ledger 'C-2'",
    ),
    Altered(
        "returns",
        "UPDATE return_escalations SET to_unit = 'swat' WHERE unit = 'malakand'",
        "return_escalations (directive=hq-2020-1, unit=malakand, clause=report, named=, level=1): to_unit is 'swat', by the ledger 'hq'",
    ),
    Altered(
        "standing",
        "DELETE FROM standing WHERE officer = 'C-1'",
        "standing (directive=hq-2020-1, officer=C-1): the row is only in the ledger",
    ),
    Altered(
        "answers",
        "INSERT INTO answers SELECT directive, 'C-9', position, level, clause, at, version, channel, unit, marks FROM answers",
        "answers (directive=hq-2020-1, officer=C-9, position=#): the row is only live",
    ),
]


def test_the_check_names_the_altered_row(busy: Office) -> None:
    for name, statement, told in ALTERED:
        altered(busy, statement)
        found = {one["name"]: one for one in busy.check()["projections"]}
        assert [one for one in found if not found[one]["same"]] == [name], statement
        pattern = re.escape(told).replace(r"\#", r"\d+").replace(r"\*", ".+")
        assert re.fullmatch(pattern, found.pop(name)["difference"])
        assert {one["difference"] for one in found.values()} == {None}
        rebuild.rebuild(busy.store)
    assert differences(busy.store) == []


def test_every_table_is_altered_once() -> None:
    statements = " ".join(statement for _, statement, _ in ALTERED)
    names = {name for names in PROJECTIONS.values() for name in names}
    assert {name for name in names if f"UPDATE {name} SET" in statements} == names


def test_the_check_names_the_first_of_several_rows(busy: Office) -> None:
    altered(busy, "UPDATE standing SET moved = 1 WHERE officer = 'R-1'")
    altered(busy, "UPDATE standing SET due_at = 5 WHERE officer = 'D-1'")
    due = micros(after(1))
    assert differences(busy.store) == [
        f"standing (directive=hq-2020-1, officer=D-1): due_at is 5, by the ledger {due}"
    ]


def test_a_check_changes_nothing_and_a_rebuild_mends(busy: Office) -> None:
    sound = digests(busy.store)
    altered(busy, "UPDATE standing SET complied_at = 1 WHERE officer = 'C-1'")
    spoilt = digests(busy.store)
    assert differences(busy.store) == differences(busy.store) != []
    assert digests(busy.store) == spoilt
    rebuilt = {one["name"]: one["same"] for one in busy.rebuild()["projections"]}
    assert rebuilt == {name: name != "standing" for name in PROJECTIONS}
    assert digests(busy.store) == sound


# --- Cut -------------------------------------------------------------------------------


class Cut(Exception):
    """Somebody pulled the plug."""


def cut_after(pages: int) -> rebuild.Progress:
    left = iter(range(pages))

    def progress(_what: str, _done: int, _of: int | None) -> None:
        if next(left, None) is None:
            raise Cut

    return progress


@pytest.mark.parametrize("pages", [0, 3])
def test_a_rebuild_that_was_cut_leaves_the_live_tables_and_the_next_one_completes(
    busy: Office, pages: int
) -> None:
    live = digests(busy.store)
    with pytest.raises(Cut):
        rebuild.rebuild(busy.store, cut_after(pages), entries=5)
    assert digests(busy.store) == live
    busy.answer(REF, "C-1", "complied")
    assert differences(busy.store) == []
    now = digests(busy.store)
    rebuild.rebuild(busy.store)
    assert digests(busy.store) == now
    assert leftovers(busy.store) == []


def leftovers(store: Store) -> list[str]:
    """Tables that a rebuild made beside the live ones and did not take away."""
    with store.reading() as conn:
        names = conn.dialect.get_table_names(conn)
    return [name for name in names if name.startswith(rebuild.BESIDE)]


def test_what_is_written_during_a_rebuild_is_in_it(busy: Office) -> None:
    new = iter(("R-1", "R-2", "D-1"))

    def write(_what: str, _done: int, _of: int | None) -> None:
        officer = next(new, None)
        if officer is not None:
            busy.answer(REF, officer, "complied")
            busy.transfer(officer, "hazara")

    assert rebuild.rebuild(busy.store, write, entries=10) == busy.head()
    assert next(new, None) is None
    assert differences(busy.store) == []
    assert busy.status(REF)["complied"] == 3


def test_of_two_rebuilds_the_later_one_goes_on(busy: Office) -> None:
    live = digests(busy.store)
    begun = iter([True])

    def another(_what: str, _done: int, _of: int | None) -> None:
        if next(begun, False):
            with pytest.raises(Cut):
                rebuild.rebuild(busy.store, cut_after(0))

    with pytest.raises(Unavailable, match="Another rebuild has begun since"):
        rebuild.rebuild(busy.store, another, entries=10)
    assert digests(busy.store) == live


def test_a_rebuild_during_which_another_one_completed_says_so(busy: Office) -> None:
    live = digests(busy.store)
    begun = iter([True])

    def another(_what: str, _done: int, _of: int | None) -> None:
        if next(begun, False):
            rebuild.rebuild(busy.store)

    with pytest.raises(Unavailable, match="Another rebuild"):
        rebuild.rebuild(busy.store, another, entries=10)
    assert digests(busy.store) == live
    assert differences(busy.store) == []


# --- Readers ---------------------------------------------------------------------------


def counted(conn: Connection) -> tuple[int, ...]:
    names: Sequence[str] = ("roll", "standing", "tally", "answers")
    return tuple(
        conn.exec_driver_sql(f"SELECT count(*) FROM {name}").scalar_one() for name in names
    )


def test_who_reads_while_tables_are_swapped_sees_them_whole(
    busy: Office, store_url: str
) -> None:
    with busy.store.reading() as conn:
        before = counted(conn)
    swap = threading.Thread(target=rebuild.rebuild, args=(busy.store,))
    with busy.store.reading() as conn:
        position = head(conn)
        swap.start()
        wait_for(swap, store_url)
        found = counted(conn)
    swap.join()
    assert found == before
    with busy.store.reading() as conn:
        assert (head(conn), counted(conn)) == (position, before)


def wait_for(swap: threading.Thread, store_url: str) -> None:
    """Wait until the rebuild is through, or held up by a reader."""
    while swap.is_alive():
        swap.join(0.02)
        if store_url != "sqlite" and swap.is_alive():
            with psycopg.connect(store_url) as conn:
                held = conn.execute(
                    "SELECT count(*) FROM pg_locks WHERE NOT granted AND database ="
                    " (SELECT oid FROM pg_database WHERE datname = current_database())"
                ).fetchone()
            if held and held[0]:
                return
