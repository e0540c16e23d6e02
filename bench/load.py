"""The load: a force of 41 districts, its officers, and their answers, invented and seeded."""

import csv
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from random import Random
from typing import NamedTuple

from domain.deadline import Due
from domain.directive import Clause, Order, Terms
from domain.fact import ClauseId, PostId, UnitId
from domain.force import Post, Unit

PKT = timezone(timedelta(hours=5))
ISSUED = datetime(2024, 9, 2, 9, 0, tzinfo=PKT)
DISTRICTS, STATIONS, REGIONS = 41, 19, 9
SINCE = datetime(2019, 1, 1, tzinfo=PKT)


class Row(NamedTuple):
    """A line of a roll, as its reader gives it."""

    line: int
    officer_id: str
    belt_no: str | None
    name: str
    rank: int
    designation: str | None
    unit: str
    duty: str | None
    joined_on: str | None
    phone: str | None
    post: str | None
    charge: str | None


def force() -> tuple[list[Unit], list[Post]]:
    """Return the command tree: 9 regions, 41 districts, 19 stations in each."""
    units = [Unit(UnitId("hq"), "hq", {"en": "Central Police Office"}, None)]
    posts = [Post(PostId("ppo"), UnitId("hq"), {"en": "PPO"}, 22, head=True)]
    units += [
        Unit(UnitId(f"r{region}"), "region", {"en": f"Region {region}"}, UnitId("hq"))
        for region in range(REGIONS)
    ]
    for district in range(DISTRICTS):
        name = UnitId(f"d{district:02}")
        above = UnitId(f"r{district % REGIONS}")
        units.append(Unit(name, "district", {"en": f"District {district}"}, above))
        posts.append(Post(PostId(f"dpo-{name}"), name, {"en": "DPO"}, 19, head=True))
        units += [
            Unit(UnitId(f"{name}-s{n:02}"), "station", {"en": f"PS {district}/{n}"}, name)
            for n in range(STATIONS)
        ]
    return units, posts


def officer(number: int) -> str:
    """Return the id of the n-th officer."""
    return f"B{number:07}"


def unit_of(number: int) -> str:
    """Return where the n-th officer is posted: one in twenty at his district's office."""
    district = number % DISTRICTS
    return (
        f"d{district:02}"
        if number % 20 == 0
        else f"d{district:02}-s{number // 41 % STATIONS:02}"
    )


def write_roll(path: Path, officers: int) -> None:
    """Write a roll as a force would hand it in."""
    with path.open("w", encoding="utf-8", newline="") as out:
        sheet = csv.writer(out)
        sheet.writerow(
            (
                "officer_id",
                "belt_no",
                "name",
                "rank",
                "designation",
                "unit",
                "duty",
                "joined_on",
                "phone",
            )
        )
        for n in range(officers):
            sheet.writerow(
                (
                    officer(n), f"{n % 10_000}", f"Officer Number {n}", 7 if n % 10 else 9,
                    "Constable" if n % 10 else "Head Constable", unit_of(n), "on_duty",
                    "2012-03-01", f"0000-{n:07}",
                )
            )  # fmt: skip


def rows(officers: int) -> Iterator[Row]:
    """Yield the same roll as its reader gives it."""
    for n in range(officers):
        yield Row(
            n + 2, officer(n), f"{n % 10_000}", f"Officer Number {n}", 7 if n % 10 else 9,
            "Constable" if n % 10 else "Head Constable", unit_of(n), "on_duty", "2012-03-01",
            f"0000-{n:07}", None, None,
        )  # fmt: skip


def moved(officers: int) -> Iterator[Row]:
    """Yield what a roll says after a month: one in twenty is elsewhere, one in a hundred is new."""
    for n in range(7, officers, 20):
        yield _told(n, unit_of(n + 1))
    for n in range(officers, officers + officers // 100):
        yield _told(n, unit_of(n))


def _told(n: int, unit: str) -> Row:
    rank = 7 if n % 10 else 9
    return Row(
        n + 2, officer(n), None, f"Officer Number {n}", rank, None, unit, None, None, None, None, None
    )  # fmt: skip


def policy() -> Order:
    """Return a directive that forbids what the head of the district may give leave for."""
    return Order(
        issuer=PostId("ppo"),
        precedence="immediate",
        forward="automatic",
        addressees=(UnitId("hq"),),
        standing=True,
        terms=Terms(
            subject={"en": "Leave for videos"},
            clauses=(
                Clause(
                    id=ClauseId("videos"),
                    kind="prohibition",
                    text={"en": "No videos without leave."},
                    more={"unless_permitted": True},
                ),
                Clause(
                    id=ClauseId("leave"),
                    kind="permission_rule",
                    text={"en": "The head of the district decides."},
                    of=(ClauseId("videos"),),
                    more={"decider_head_of": "district"},
                ),
            ),
        ),
    )


def write_breaches(path: Path, officers: int, lines: int) -> None:
    """Write breaches of the policy as a district hands them in: of officers all over the force."""
    at = (ISSUED + timedelta(days=2)).isoformat()
    with path.open("w", encoding="utf-8") as out:
        out.write("officer_id,at,evidence,clause\n")
        for n in range(lines):
            out.write(f"{officer(n * (officers // lines) + 3)},{at},Video {n},videos\n")


def order(subject: str) -> Order:
    """Return a directive to the whole force, with one act due a day after receipt."""
    return Order(
        issuer=PostId("ppo"),
        precedence="immediate",
        forward="automatic",
        addressees=(UnitId("hq"),),
        standing=True,
        terms=Terms(
            subject={"en": subject},
            clauses=(
                Clause(
                    id=ClauseId("quit"),
                    kind="required_act",
                    text={"en": "Leave the groups."},
                    due=Due(clock="receipt", within=86_400),
                    escalate=(0, 86_400),
                ),
            ),
        ),
    )


def write_answers(
    path: Path, directives: list[str], officers: int, lines: int, seed: int, first: int = 0
) -> None:
    """Write answers as a day and a half brings them in: officers in random order.

    One line in ten repeats an earlier one; one in twenty is a paper entry up to a day late.
    ``first`` is the hour after the issue at which they begin.
    """
    random = Random(seed)
    seen: list[str] = []
    start = ISSUED.astimezone(UTC) + timedelta(hours=first)
    kinds = ("read", "acknowledged", "complied")
    with path.open("w", encoding="utf-8") as out:
        out.write("directive,officer_id,answer,at,channel\n")
        for n in range(lines):
            if seen and random.random() < 0.1:
                out.write(seen[random.randrange(len(seen))])
                continue
            seconds = 60 + 36 * 3600 * n // lines
            late = random.random() < 0.05
            at = start + timedelta(
                seconds=random.randrange(60, seconds + 1) if late else seconds
            )
            kind = kinds[min(2, int(random.expovariate(0.9)))]
            line = (
                f"{directives[random.randrange(len(directives))]},"
                f"{officer(random.randrange(officers))},{kind},{at.isoformat()},"
                f"{'paper' if late else 'phone'}\n"
            )
            out.write(line)
            if len(seen) < 50_000:
                seen.append(line)
            else:
                seen[random.randrange(50_000)] = line
