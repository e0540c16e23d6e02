"""Invented rolls and answers: exact in number, the same for a seed, plausible in shares."""

from collections import Counter
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from time import process_time

import pytest

from console import generate
from console.files import answers_file, force_file, roll_file
from console.files.answers_file import AnswerRow
from console.files.force_file import ForceFile
from console.files.roll_file import COLUMNS, RollRow

EXAMPLES = Path(__file__).parents[2] / "examples"
START = datetime.fromisoformat("2020-01-15T16:00:00+05:00")

TINY = """\
force: tiny
name: {en: Tiny}
timezone: Asia/Karachi
since: 2023-01-01
units:
  - {id: only, kind: station, name: {en: "Only, and alone"}}
posts:
  - {id: sho, unit: only, title: {en: "SHO, only"}, head: true}
"""


@pytest.fixture(scope="module")
def kp() -> ForceFile:
    return force_file.read(EXAMPLES / "kp.yaml")


def roll(force: ForceFile, out: Path) -> list[RollRow]:
    units, posts = {unit.id for unit in force.units}, {post.id for post in force.posts}
    rows, problems, columns = roll_file.read(out, units, posts)
    assert (problems, columns) == ([], frozenset(COLUMNS))
    return rows


@pytest.mark.parametrize("officers", [1, 7, 288, 5_000])
def test_a_roll_has_exactly_the_officers_asked_for_and_reads_back(
    kp: ForceFile, tmp_path: Path, officers: int
) -> None:
    out = tmp_path / "roll.csv"
    assert generate.generate(kp, officers, 1, out) == officers
    rows = roll(kp, out)
    assert [row.officer_id for row in rows] == [f"KP-{n:06d}" for n in range(1, officers + 1)]


def test_one_seed_gives_one_file_and_another_seed_another(
    kp: ForceFile, tmp_path: Path
) -> None:
    digests = []
    for at, seed in enumerate((7, 7, 8)):
        out = tmp_path / f"{at}.csv"
        generate.generate(kp, 2_000, seed, out)
        digests.append(sha256(out.read_bytes()).hexdigest())
    assert digests[0] == digests[1] != digests[2]


def test_every_post_is_held_in_its_unit_or_named_as_vacant(
    kp: ForceFile, tmp_path: Path
) -> None:
    out = tmp_path / "roll.csv"
    generate.generate(kp, 20_000, 7, out)
    held = {row.post: row for row in roll(kp, out) if row.post}
    posts = {post.id: post for post in kp.posts}
    vacant = generate.vacant(kp, 7)
    assert set(held) | set(vacant) == set(posts)
    assert set(held).isdisjoint(vacant)
    for name, row in held.items():
        rank = posts[name].rank or 0
        assert row.unit == posts[name].unit
        assert row.duty == "on_duty"
        if row.charge == "substantive":
            assert row.rank == rank
        else:
            assert row.charge == "acting"
            assert row.rank in (rank - 1, rank - 2)


def test_the_chief_is_there_one_region_has_no_head_and_vacancies_are_as_many_as_in_life(
    kp: ForceFile,
) -> None:
    kinds = {unit.id: unit.kind for unit in kp.units}
    regional = {post.id for post in kp.posts if post.head and kinds[post.unit] == "region"}
    for seed in range(20):
        vacant = set(generate.vacant(kp, seed))
        assert "ppo" not in vacant
        assert len(vacant & regional) == 1
        assert 20 <= len(vacant) <= 65


def test_shares_of_ranks_duty_and_stations_are_those_of_a_real_force(
    kp: ForceFile, tmp_path: Path
) -> None:
    out = tmp_path / "roll.csv"
    generate.generate(kp, 50_000, 7, out)
    rows = roll(kp, out)
    what, duty = Counter(row.designation for row in rows), Counter(row.duty for row in rows)
    assert 0.84 < what["Constable"] / len(rows) < 0.92
    assert 0.91 < (duty["on_duty"] or 0) / len(rows) < 0.95
    assert set(duty) == {"on_duty", "leave", "lines", "suspended", "osd"}
    kinds = {unit.id: unit.kind for unit in kp.units}
    at_stations = sum(kinds[row.unit] == "station" for row in rows)
    assert 0.35 < at_stations / len(rows) < 0.45
    assert {row.unit for row in rows} == set(kinds)
    assert len({row.belt_no for row in rows}) == len({row.phone for row in rows}) == len(rows)
    assert all(row.phone and row.phone.startswith("+92-000-") for row in rows)


def test_constables_stand_two_grades_higher_from_july_2022_on(
    kp: ForceFile, tmp_path: Path
) -> None:
    path = tmp_path / "tiny.yaml"
    path.write_text(TINY)
    tiny = force_file.read(path)
    for force, ranks in ((kp, {5, 7, 9}), (tiny, {7, 9, 11})):
        out = tmp_path / "roll.csv"
        generate.generate(force, 3_000, 1, out)
        lower = ("Constable", "Head Constable", "ASI")
        assert {row.rank for row in roll(force, out) if row.designation in lower} == ranks


def test_a_force_of_one_station_will_do(tmp_path: Path) -> None:
    path, out = tmp_path / "tiny.yaml", tmp_path / "roll.csv"
    path.write_text(TINY)
    tiny = force_file.read(path)
    assert generate.generate(tiny, 10, 3, out) == 10
    assert roll(tiny, out)[0].designation == "SHO, only"
    assert generate.vacant(tiny, 3) == ()
    with pytest.raises(ValueError, match="at least one officer"):
        generate.generate(tiny, 0, 3, out)


def test_a_large_roll_is_written_in_seconds(kp: ForceFile, tmp_path: Path) -> None:
    start = process_time()
    generate.generate(kp, 100_000, 7, tmp_path / "roll.csv")
    assert process_time() - start < 3


OFFICERS = [(f"KP-{n:04d}", f"unit-{n % 40}") for n in range(4_000)]


def answers(out: Path) -> list[AnswerRow]:
    rows = list(answers_file.read_answers(out))
    assert all(isinstance(row, AnswerRow) for row in rows)
    return [row for row in rows if isinstance(row, AnswerRow)]


def test_a_day_of_answers_reads_back_and_stays_within_the_day(tmp_path: Path) -> None:
    out = tmp_path / "answers.csv"
    lines = generate.generate_answers(OFFICERS, ["hq-2020-1"], START, 7, out, clause="quit")
    rows = answers(out)
    assert len(rows) == lines > 4_000
    day = [datetime.fromisoformat(row.at) - START for row in rows]
    assert timedelta() <= min(day) < max(day) < timedelta(days=1)
    assert {row.clause for row in rows if row.answer == "complied"} == {"quit"}
    assert {row.clause for row in rows if row.answer != "complied"} == {None}
    told = {(row.answer, row.channel) for row in rows}
    assert {("read", None), ("acknowledged", "phone"), ("complied", None)} < told


def test_paper_comes_in_last_with_its_earlier_hour(tmp_path: Path) -> None:
    out = tmp_path / "answers.csv"
    generate.generate_answers(OFFICERS, ["hq-2020-1"], START, 7, out)
    rows = answers(out)
    paper = [row for row in rows if row.channel == "paper"]
    live = rows[: -len(paper)]
    assert rows[-len(paper) :] == paper
    assert [row.at_us for row in live] == sorted(row.at_us for row in live)
    assert paper[0].at_us < live[-1].at_us


def test_some_units_sit_on_it(tmp_path: Path) -> None:
    out = tmp_path / "answers.csv"
    generate.generate_answers(OFFICERS, ["hq-2020-1"], START, 7, out)
    unit = dict(OFFICERS)
    read = Counter(unit[row.officer_id] for row in answers(out) if row.answer == "read")
    slow = [name for name, count in read.items() if count < 50]
    assert 0 < len(slow) < 12


def test_repeats_and_random_order_are_for_measurements(tmp_path: Path) -> None:
    plain, other = tmp_path / "plain.csv", tmp_path / "other.csv"
    both = ["hq-2020-1", "hq-2020-2"]
    once = generate.generate_answers(OFFICERS, both, START, 7, plain)
    more = generate.generate_answers(
        OFFICERS, both, START, 7, other, repeats=0.1, shuffled=True
    )
    assert more == once + once // 10
    told = {row[1:] for row in answers(plain)}
    assert {row[1:] for row in answers(other)} == told
    assert {row.directive for row in answers(other)} == set(both)


def test_nobody_to_answer_gives_a_file_with_a_header_alone(tmp_path: Path) -> None:
    out = tmp_path / "answers.csv"
    assert generate.generate_answers([], ["hq-2020-1"], START, 7, out) == 0
    assert answers(out) == []
