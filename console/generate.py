"""Invented rolls and an invented day of answers, for demos, exercises and measurements.

Units and posts come from a force file; every person is made up. One seed gives one file,
byte for byte. Where the shares come from:

- station: inspector 1, SI 1, ASI 3, HC 4, constable 40, class IV 3 (Balya Mena, Hangu, 2010:
  https://dawn.com/news/546095/); constables are about nine in ten of a force
  (https://www.brecorder.com/news/40354703/sindh-police-to-recruit-2000-asis);
- 38 % of the strength at stations (Karachi, Feb 2024: 12,000 of 31,776);
- posts without a substantive holder as in KP's figures: BPS-21 2 of 6, BPS-19 42 of 57,
  BPS-18 57 of 133. A third of these stand empty, the others are held on acting charge;
- ranks: constable, HC and ASI are BPS 5, 7, 9 until 30 June 2022 and 7, 9, 11 from then on
  (Sindh's notification); a force file whose `since` lies earlier gets the old scale.
"""

import csv
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from itertools import accumulate
from pathlib import Path
from random import Random

from console.files.force_file import ForceFile, PostSpec, UnitSpec
from console.files.roll_file import COLUMNS

RAISED = date(2022, 7, 1)
"""From this day on constables, HCs and ASIs stand two grades higher."""

_LADDER = (  # designation, BPS until and from then on, of 52 at a station, of 1,000 elsewhere
    ("DSP", 17, 17, 0, 6),
    ("Inspector", 16, 16, 1, 5),
    ("SI", 14, 14, 1, 9),
    ("ASI", 9, 11, 3, 14),
    ("Head Constable", 7, 9, 4, 26),
    ("Constable", 5, 7, 40, 934),
    ("Naib Qasid", 2, 2, 3, 6),
)

_SHARES = {
    "station": 38,
    "district": 37,
    "hq": 7,
    "wing": 6,
    "region": 5,
    "zone": 3,
    "subdivision": 4,
}
"""Percent of the strength by kind of unit, where the force has them all."""

_LACKING = {22: 0.0, 21: 2 / 6, 20: 0.0, 19: 42 / 57, 18: 57 / 133, 17: 0.0, 16: 0.36}
"""By BPS, how many posts have no substantive holder; station heads are a guess."""

_EMPTY = 1 / 3
"""How many of these stand empty."""

_DUTIES = ("on_duty", "leave", "lines", "suspended", "osd")
_DUTY_SHARES = (930, 40, 17, 10, 3)

_MEN = """
    Adnan Ahmad Amir Anwar Arif Asad Atif Ayaz Azhar Bilal Danish Ehsan Fahad Faisal
    Farhan Habib Hamid Hamza Haris Hassan Ibrahim Idrees Ijaz Irfan Ishaq Ismail
    Jamil Junaid Kamran Kashif Khalid Luqman Majid Mansoor Masood Mubashir Naeem
    Nasir Naveed Noman Omar Owais Qaiser Rafiq Rashid Sajid Saleem Salman Shafiq
    Sohail Tahir Tariq Usman Waqar Waseem Yasir Yousaf Zahid Zubair
"""
_WOMEN = """
    Aisha Amna Asma Bushra Fatima Fozia Hina Iqra Kiran Laiba Nadia Naila Rabia
    Rukhsana Sadia Saima Samina Sana Shazia Sidra Sumaira Tahira Uzma Zainab
"""
_FAMILY = """
    Badrani Bahrozai Barnezai Chendani Dalwari Dorazai Gandravi Gulvani Hindwal
    Indravi Jandwal Kaldari Karvandi Koshawal Lashmani Mehranwal Nilvari Ormazai
    Palvani Pirzari Rustvani Samarwal Sandrani Sangravi Sarvandi Shamrozai Talhari
    Talmeri Tandwal Torvala Ushwani Vardezai Wazmeri Yarwal Zamdari Zarvani
"""
"""Invented: no family bears them, so that no row is by chance the name of a person."""
_WOMEN_SHARE = 0.03

_DAY = 86_400
"""Seconds."""
_BY_PAPER, _BY_PHONE, _BY_SMS = 0.08, 0.6, 0.7
"""Bounds of the channels of an acknowledgement, in a number between 0 and 1."""
_SHO, _UNDER_SHO = 16, 14
"""A station's head is an Inspector, and an SI acts for one."""


def vacant(force: ForceFile, seed: int) -> tuple[str, ...]:
    """Return the posts that ``generate`` leaves without any holder, in the file's order."""
    return tuple(post for post, charge in _charges(force, seed).items() if charge is None)


def generate(force: ForceFile, officers: int, seed: int, out: Path) -> int:
    """Write a nominal roll of exactly ``officers`` invented people; return how many.

    Posts are filled first, the highest ranks first of all; the others are spread over the
    units, stations by the template. Posts of ``vacant(force, seed)`` stay empty.
    """
    if officers < 1:
        raise ValueError("a roll has at least one officer")
    random = _random(seed, "people")
    raised = force.since.date() >= RAISED
    charges = _charges(force, seed)
    held = sorted(
        (post for post in force.posts if charges[post.id]), key=lambda post: -_rank(post)
    )[:officers]
    strength = _strength(force.units, officers - len(held), random)
    in_charge: dict[str, list[PostSpec]] = {}
    for post in held:
        in_charge.setdefault(post.unit, []).append(post)
    days = _days(force.since.date())
    number = 0
    with out.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for at, unit in enumerate(force.units, start=1):
            posts = in_charge.get(unit.id, [])
            count = strength[unit.id]
            rows = len(posts) + count
            if not rows:
                continue
            jobs = [_job(post, charges[post.id] or "") for post in posts]
            jobs += [
                (what, rank, "", "")
                for what, rank in _ranks(unit, count, random, raised=raised)
            ]
            duties = ["on_duty"] * len(posts) + random.choices(_DUTIES, _DUTY_SHARES, k=count)
            names = _names(rows, random)
            joined = random.choices(days, k=rows)
            prefix = force.force.upper()[:20]
            writer.writerows(
                (
                    f"{prefix}-{number + n:06d}",
                    f"{at}/{n}",
                    name,
                    rank,
                    what,
                    unit.id,
                    duty,
                    day,
                    f"+92-000-{number + n:07d}",  # no network has this code
                    post_id,
                    charge,
                )
                for n, (name, duty, day, (what, rank, post_id, charge)) in enumerate(
                    zip(names, duties, joined, jobs, strict=True), start=1
                )
            )
            number += rows
    return number


def generate_answers(
    officers: Sequence[tuple[str, str]],
    directives: Sequence[str],
    start: datetime,
    seed: int,
    out: Path,
    *,
    clause: str = "",
    repeats: float = 0.0,
    shuffled: bool = False,
) -> int:
    """Write an invented day of answers to what was served at ``start``; return the lines.

    ``officers`` are (officer, unit). Units differ in pace, and one in eight sits on it.
    Most lines stand in the order of their `at`: readings, acknowledgements by phone or text
    message, compliance. Acknowledgements on paper come in last, with their earlier hour. A
    share of ``repeats`` is told twice; ``shuffled`` puts all in random order.
    """
    random = _random(seed, "answers")
    pace = {
        unit: 0.3 if random.random() < 1 / 8 else random.uniform(0.75, 1.0)
        for unit in sorted({unit for _, unit in officers})
    }
    live: list[tuple[int, str, str, str, str]] = []
    late: list[tuple[int, str, str, str, str]] = []
    for directive in directives:
        for officer, unit in officers:
            quick = pace[unit]
            if random.random() > quick:
                continue
            read = int(random.betavariate(1.2, 4) / quick * 60_000) + random.randrange(300)
            live.append((read, directive, officer, "read", ""))
            if random.random() > 0.85 * quick:
                continue
            told = read + random.randrange(30, 9_000)
            by = random.random()
            if by < _BY_PAPER:
                late.append((told, directive, officer, "acknowledged", "paper"))
            else:
                channel = "phone" if by < _BY_PHONE else "sms" if by < _BY_SMS else ""
                live.append((told, directive, officer, "acknowledged", channel))
            if random.random() < 0.7 * quick:
                done = told + random.randrange(60, 14_000)
                live.append((done, directive, officer, "complied", ""))
    live = sorted(answer for answer in live if answer[0] < _DAY)
    every = [*live, *sorted(answer for answer in late if answer[0] < _DAY)]
    if every:
        every += random.choices(every, k=int(len(every) * repeats))
    if shuffled:
        random.shuffle(every)
    hours = _hours(start, max((answer[0] for answer in every), default=0))
    with out.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(
            ("directive", "officer_id", "answer", "at", "clause", "channel", "note")
        )
        writer.writerows(
            (
                directive,
                officer,
                answer,
                hours[after],
                clause if answer == "complied" else "",
                channel,
                "signed list brought by the rider" if channel == "paper" else "",
            )
            for after, directive, officer, answer, channel in every
        )
    return len(every)


def _random(seed: int, what: str) -> Random:
    return Random(f"{seed} {what}")  # noqa: S311 - one seed gives one file


def _charges(force: ForceFile, seed: int) -> dict[str, str | None]:
    """Return how each post is held; None where it stands empty.

    Heads of the root and of regions are there, since they issue; but where there are several
    regions, the head of one is missing, since that is what a cascade must survive.
    """
    random = _random(seed, "posts")
    units = {unit.id: unit for unit in force.units}
    charges: dict[str, str | None] = {}
    regional = []
    for post in force.posts:
        lacking = random.random() < _LACKING.get(_rank(post), 0.05)
        empty = random.random() < _EMPTY
        charges[post.id] = None if lacking and empty else "acting" if lacking else "substantive"
        unit = units[post.unit]
        if post.head and unit.parent is None:
            charges[post.id] = "substantive"
        elif post.head and unit.kind == "region":
            charges[post.id] = "acting" if lacking else "substantive"
            regional.append(post)
    if len(regional) > 1:
        least = min(_rank(post) for post in regional)
        charges[random.choice([post.id for post in regional if _rank(post) == least])] = None
    return charges


def _rank(post: PostSpec) -> int:
    return post.rank or 17


def _job(post: PostSpec, charge: str) -> tuple[str, int, str, str]:
    """Return designation, rank, post and charge of a post's holder."""
    rank = _rank(post)
    if charge == "acting" and rank > 1:
        rank = _UNDER_SHO if rank == _SHO else rank - 1
    title = post.title.get("en") or next(iter(post.title.values()))
    return title, rank, post.id, charge


def _strength(units: Sequence[UnitSpec], officers: int, random: Random) -> dict[str, int]:
    """Spread officers over units: by kind, within a kind at random, districts by stations."""
    kinds = Counter(unit.kind for unit in units)
    shares = {kind: _SHARES[kind] for kind in kinds}
    if "wing" in shares:
        shares["wing"] = min(shares["wing"], kinds["wing"])
    below = Counter(unit.parent for unit in units if unit.kind in ("station", "subdivision"))
    weights = [
        random.uniform(0.5, 1.5) * (1 + below[unit.id] if unit.kind == "district" else 1)
        for unit in units
    ]
    total = dict.fromkeys(kinds, 0.0)
    for unit, weight in zip(units, weights, strict=True):
        total[unit.kind] += weight
    exact = [
        shares[unit.kind] / sum(shares.values()) * weight / total[unit.kind] * officers
        for unit, weight in zip(units, weights, strict=True)
    ]
    bounds = [round(part) for part in accumulate(exact, initial=0.0)]
    bounds[-1] = officers
    return {unit.id: bounds[at + 1] - bounds[at] for at, unit in enumerate(units)}


def _ranks(
    unit: UnitSpec, count: int, random: Random, *, raised: bool
) -> Iterator[tuple[str, int]]:
    """Yield designation and rank of a unit's officers, the highest first."""
    weights = [
        at_station if unit.kind == "station" else elsewhere
        for *_, at_station, elsewhere in _LADDER
    ]
    found = Counter(random.choices(range(len(_LADDER)), weights, k=count))
    for at, (designation, old, new, *_) in enumerate(_LADDER):
        yield from [(designation, new if raised else old)] * found[at]


def _names(count: int, random: Random) -> list[str]:
    given = random.choices(_MEN.split(), k=count)
    for at in range(count):
        if random.random() < _WOMEN_SHARE:
            given[at] = random.choice(_WOMEN.split())
    families = random.choices(_FAMILY.split(), k=count)
    return [f"{first} {family}" for first, family in zip(given, families, strict=True)]


def _days(since: date) -> list[str]:
    """Return the days on which people joined: the thirty years before the roll."""
    return [(since - timedelta(days=back)).isoformat() for back in range(30, 30 * 365)]


def _hours(start: datetime, last: int) -> list[str]:
    """Return the instants of a day, second by second, as they are written."""
    return [(start + timedelta(seconds=after)).isoformat() for after in range(last + 1)]
