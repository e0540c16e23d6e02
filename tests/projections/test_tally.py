"""The tally: sums of deltas are the count of officers, at any instant, after any history."""

import tempfile
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given as each
from hypothesis import strategies as st

from domain.fact import FOREVER, HOUR, Micros, micros
from domain.standing import Officer, counted
from office.office import Office
from projections.database import Database, Moment
from projections.roll import Span
from projections.standing import by_hours
from projections.status import _counted, _tallied
from projections.tables import COUNTS
from projections.tally import moved_parts
from tests.examples import CERTIFY, HQ, NINE, PPO, QUIT, SAIDU, SWAT
from tests.projections.histories import History, histories
from tests.projections.small import (
    CERTIFIED,
    HOURLY,
    after,
    emptied,
    listed,
    manned,
    order,
    text,
)
from tests.spec import examples

REF = "hq-2020-1"


def instants(db: Database) -> list[Micros]:
    """Instants at which something happens, those around them, and the far ends."""
    found = {
        row[0]
        for column, table in (
            ("issued_at", "directives"),
            ("at", "answers"),
            ("at", "pleas"),
            ("at", "roll"),
            ("served_at", "standing"),
            ("due_at", "standing"),
        )
        for row in db.run(f"SELECT DISTINCT {column} FROM {{{table}}}")
        if row[0] is not None
    }
    hours = {at - at % HOUR for at in found}
    near = {at + by for at in found | hours for by in (-1, 0, 1)}
    return sorted({at for at in near if at > micros(NINE) - 10 * HOUR} | {FOREVER - 1})


def agrees(office: Office) -> int:
    """Compare both ways of counting at every instant that matters; return how many there were."""
    compared = 0
    with office.store.reading() as conn:
        db = Database(conn)
        for (name,) in db.run("SELECT directive FROM {directives}").fetchall():
            directive = db.directive(name)
            if not by_hours(directive):
                continue
            for at in instants(db):
                rows = _counted(db, name, directive, Moment(at), None)
                by_officers = {unit: list(row) for unit, row in rows.items() if any(row)}
                for now in (micros(office.now), 0, FOREVER):  # from either side
                    sums = _tallied(db, name, at, now, directive)
                    tallied = {unit: list(row) for unit, row in sums.items() if any(row)}
                    assert tallied == by_officers, f"{name} at {at}, the clock at {now}"
                compared += 1
    return compared


@each(history=histories())
@examples(12, shrink=False)
def test_the_tally_equals_the_count_by_officers_after_any_history(history: History) -> None:
    with tempfile.TemporaryDirectory() as folder, manned(Path(folder), "sqlite") as office:
        history.play(office)
        agrees(office)


def test_the_tally_equals_the_count_by_officers_on_both_stores(store_url: str) -> None:
    @each(history=histories())
    @examples(3, shrink=False)
    def tried(history: History) -> None:
        with (
            tempfile.TemporaryDirectory() as folder,
            manned(Path(folder), emptied(store_url)) as office,
        ):
            history.play(office)
            agrees(office)

    tried()


def test_the_tally_follows_officers_who_move_leave_contest_and_are_exempted(
    tmp_path: Path, store_url: str
) -> None:
    with manned(tmp_path / "home", store_url) as office:
        office.issue(order(HQ, acts=(HOURLY, CERTIFIED), standing=True), text(1))
        office.now = after(5)
        office.answer(REF, "C-1", "complied", at=after(3))
        office.answer(REF, "C-1", "acknowledged", at=after(0.5))
        office.transfer("C-1", "hazara", at=after(2))
        office.answer(REF, "C-2", "complied", at=after(4), clause=QUIT)
        office.answer(REF, "C-2", "complied", at=after(1.5), clause=CERTIFY)
        office.retire("C-2", at=after(4.5))
        office.contest(REF, "C-3", "Not I.", at=after(1.5))
        office.exempt(REF, "R-2", PPO, "On deputation.", clause=QUIT, at=after(2.5))
        office.import_roll([listed("N-1", SAIDU), listed("C-2", SWAT)])
        office.decide_contest(REF, "C-3", "upheld", PPO)
        assert agrees(office) > 30


@pytest.mark.parametrize("after_clock", [timedelta(0), timedelta(days=3)])
def test_dues_after_the_clock_are_projected_and_answers_are_not(
    tmp_path: Path, after_clock: timedelta
) -> None:
    with manned(tmp_path / "home", "sqlite") as office:
        office.issue(order(HQ), text(1))
        office.answer(REF, "C-1", "complied")
        then = office.status(REF, as_of=after(1) + after_clock)
        assert {name: then[name] for name in ("population", *COUNTS)} == {
            "population": 10,
            "served": 10,
            "read": 1,
            "acknowledged": 1,
            "complied": 1,
            "exempt": 0,
            "contested": 0,
            "overdue": 9,
        }
        just_before = office.status(REF, as_of=after(1) - timedelta(microseconds=1))
        assert just_before["overdue"] == 0


# --- The parts of one officer ----------------------------------------------------------

TIMES = st.integers(1, 9)
CUTS = st.dictionaries(TIMES, st.sampled_from(["a", "b", None]), max_size=4)


def spans(cuts: dict[Micros, str | None]) -> list[Span]:
    """Where an officer was: in `a` from the start, elsewhere (None: gone) from each cut."""
    places: dict[Micros, str | None] = {0: "a", **cuts}
    starts = sorted(places)
    return [
        Span(at, until, places[at] or "a", int(places[at] is None))
        for at, until in zip(starts, [*starts[1:], FOREVER], strict=True)
    ]


@each(TIMES, CUTS, st.lists(st.tuples(TIMES, st.none() | TIMES), max_size=2), st.none() | TIMES)
@examples(150)
def test_the_parts_of_an_officer_sum_to_what_he_counts_where_he_is(
    served: Micros,
    cuts: dict[Micros, str | None],
    acts: list[tuple[Micros, Micros | None]],
    read: Micros | None,
) -> None:
    required = (QUIT, CERTIFY)[: len(acts)]
    one = Officer(
        served,
        tuple(due for due, _ in acts),
        read_at=None if read is None else max(read, served),
        acts=tuple(None if at is None else max(at, served) for _, at in acts),
    )
    where = spans(cuts)
    parts = moved_parts(one, where, required)
    for at in range(served, 12):
        span = next(span for span in where if span.at <= at < span.until)
        told = {"a": [0] * len(COUNTS), "b": [0] * len(COUNTS)}
        if not span.gone:
            told[span.unit or ""] = list(counted(one, at, required))
        for unit, counts_ in told.items():
            sums = [
                sum(counts[n] for then, place, counts in parts if place == unit and then <= at)
                for n in range(len(COUNTS))
            ]
            assert sums == counts_
