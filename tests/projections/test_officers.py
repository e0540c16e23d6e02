"""Who: the officers a directive binds, by state, unit and page."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from domain.errors import Misused, Unknown
from office.office import Office
from projections.database import Database, Moment
from projections.officers import STATES, each, held_by
from projections.tables import COUNTS
from tests.examples import CERTIFY, HAZARA, HQ, MALAKAND, PPO, QUIT, SAIDU, SWAT
from tests.projections.small import CERTIFIED, HOURLY, after, listed, manned, order, terms, text

REF = "hq-2020-1"


@pytest.fixture
def office(tmp_path: Path, store_url: str) -> Iterator[Office]:
    """Everybody but Hazara, where an acknowledgement is awaited, has been served."""
    with manned(tmp_path / "home", store_url) as opened:
        opened.issue(
            order(
                HAZARA,
                SWAT,
                acts=(HOURLY, CERTIFIED),
                precedence="routine",
                forward="on_acknowledgement",
            ),
            text(1),
        )
        opened.acknowledge_relay(REF, SWAT)
        opened.acknowledge_relay(REF, SAIDU, by=PPO)
        opened.now = after(1.5)
        opened.answer(REF, "C-1", "read")
        opened.answer(REF, "C-2", "acknowledged")
        opened.answer(REF, "C-3", "complied")
        opened.answer(REF, "D-1", "complied", clause=QUIT)
        opened.contest(REF, "C-1", "Not I.")
        opened.exempt(REF, "C-4", PPO, "On leave.")
        yield opened


def who(office: Office, state: str | None = None, unit: str | None = None) -> list[str]:
    found = office.officers(REF, state=state, unit=unit)["officers"]
    return [row["officer_id"] for row in found]


def test_each_state_lists_those_who_are_in_it(office: Office) -> None:
    assert {state: who(office, state) for state in STATES} == {
        "open": ["C-1", "C-2", "D-1"],
        "overdue": ["C-1", "C-2"],
        "served": ["C-1", "C-2", "C-3", "C-4", "D-1"],
        "unserved": ["H-1", "H-2"],
        "read": ["C-1", "C-2", "C-3", "D-1"],
        "unread": ["C-4", "H-1", "H-2"],
        "acknowledged": ["C-2", "C-3", "D-1"],
        "unacknowledged": ["C-1", "C-4", "H-1", "H-2"],
        "complied": ["C-3"],
        "contested": ["C-1"],
        "exempt": ["C-4"],
    }
    assert who(office) == ["C-1", "C-2", "C-3", "C-4", "D-1", "H-1", "H-2"]


def test_every_count_of_the_status_can_be_listed(office: Office) -> None:
    status = office.status(REF)
    for name in COUNTS:
        assert len(who(office, name)) == status[name]


def test_where_no_act_is_required_open_means_not_acknowledged(office: Office) -> None:
    office.issue(order(SWAT, acts=()), text(2))
    office.answer("hq-2020-2", "C-1", "acknowledged")
    office.answer("hq-2020-2", "C-2", "read")
    found = office.officers("hq-2020-2", state="open")["officers"]
    assert [row["officer_id"] for row in found] == ["C-2", "C-3", "C-4", "D-1"]


def test_a_unit_lists_those_under_it(office: Office) -> None:
    assert who(office, unit=SAIDU) == ["C-2", "C-3", "C-4"]
    assert who(office, unit=HAZARA) == ["H-1", "H-2"]
    assert who(office, unit=MALAKAND) == ["C-1", "C-2", "C-3", "C-4", "D-1"]


def test_what_cannot_be_asked_is_said(office: Office) -> None:
    with pytest.raises(Misused, match="'asleep' is no state; they are open, overdue"):
        who(office, "asleep")
    with pytest.raises(Misused, match="at least one officer, not 0"):
        office.officers(REF, limit=0)
    with pytest.raises(Unknown, match="There is no unit 'nowhere'"):
        who(office, unit="nowhere")
    with pytest.raises(Unknown, match="has no version 2"):
        office.status(REF, version=2)


def test_a_row_says_when_and_what_is_due_next(office: Office) -> None:
    rows = {row["officer_id"]: row for row in office.officers(REF)["officers"]}
    names = ("unit", "rank", "served_at", "read_at", "complied_at", "due_at")
    told = {who_: tuple(rows[who_][name] for name in names) for who_ in rows}
    nine, then, hour, certified = after(0), after(1.5), after(1), after(2)
    assert told == {
        "C-1": (SWAT, 7, nine, then, None, hour),
        "C-2": (SAIDU, 7, nine, then, None, hour),
        "C-3": (SAIDU, 7, nine, then, then, certified),  # all is done: the last due
        "C-4": (SAIDU, 5, nine, None, None, None),  # exempt: nothing is due
        "D-1": (SWAT, 19, nine, then, None, certified),
        "H-1": (HAZARA, 20, None, None, None, None),
        "H-2": (HAZARA, 9, None, None, None, None),
    }


def test_pages_of_any_size_join_to_the_whole(office: Office) -> None:
    office.import_roll([listed(f"A-{n}", "abbottabad") for n in range(5)])
    with office.store.reading() as conn:
        db = Database(conn)
        whole = list(each(db, REF, Moment(office._now())))
        assert len(whole) == 12
        for size in range(1, 14):
            assert list(each(db, REF, Moment(office._now()), page=size)) == whole


def test_an_earlier_version_can_be_asked_about(office: Office) -> None:
    office.amend(REF, terms(CERTIFIED), text(2), material=True)
    assert who(office, "complied") == []
    found = office.officers(REF, state="complied", version=1)["officers"]
    assert [row["officer_id"] for row in found] == ["C-3"]
    assert office.status(REF, version=1)["complied"] == 1
    assert {act.id for act in office.directive(REF).versions[0].terms.acts()} == {QUIT, CERTIFY}


def test_before_the_issue_and_after_the_end_nobody_is_bound(office: Office) -> None:
    assert office.officers(REF, as_of=after(-1))["officers"] == []
    office.withdraw(REF, "Wrong.")
    assert who(office) == []
    assert office.status(REF)["population"] == 0
    assert len(office.officers(REF, as_of=after(1))["officers"]) == 7


def test_a_unit_without_a_head_is_nobodys_desk(office: Office) -> None:
    tree = office.tree()
    assert held_by(tree, HQ) == {"post": PPO, "officer_id": "P-1", "vacant_since": None}
    assert held_by(tree, next(unit for unit in tree.units if unit == "abbottabad")) is None
