"""A small force, and an office that keeps it: what the tests of projections and stories play on.

    hq ─ malakand ─ swat ─ swat-saidu
       └ hazara ─ abbottabad            (abbottabad has no roll yet)

All persons are invented.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg

from console.files.roll_file import RollRow
from domain.deadline import Due
from domain.directive import Clause, Order, Population, Terms
from domain.fact import ClauseId, PostId, UnitId
from domain.force import Post, Unit
from office.home import Home
from office.office import Office
from tests.examples import (
    CERTIFY,
    DPO,
    HAZARA,
    HQ,
    KARACHI,
    MALAKAND,
    NINE,
    PPO,
    QUIT,
    REPORT,
    RPO,
    SAIDU,
    SWAT,
)

SINCE = datetime(2019, 1, 1, tzinfo=KARACHI)
ABBOTTABAD = UnitId("abbottabad")
DAY = 24
"""Hours."""
SHO, RPO_HAZARA, READER = PostId("sho-saidu"), PostId("rpo-hazara"), PostId("reader")


def unit(name: str, kind: str, parent: str | None) -> Unit:
    return Unit(
        UnitId(name), kind, {"en": name.title()}, UnitId(parent) if parent is not None else None
    )


def post(name: str, where: str, *, head: bool = True, rank: int = 18) -> Post:
    return Post(PostId(name), UnitId(where), {"en": name.upper()}, rank, head)


UNITS: Mapping[UnitId, Unit] = {
    one.id: one
    for one in (
        unit(HQ, "hq", None),
        unit(MALAKAND, "region", HQ),
        unit(SWAT, "district", MALAKAND),
        unit(SAIDU, "station", SWAT),
        unit(HAZARA, "region", HQ),
        unit(ABBOTTABAD, "district", HAZARA),
    )
}
POSTS = (
    post(PPO, HQ, rank=22),
    post(RPO, MALAKAND, rank=20),
    post(DPO, SWAT, rank=19),
    post(SHO, SAIDU, rank=16),
    post(RPO_HAZARA, HAZARA, rank=20),
    post(READER, MALAKAND, head=False, rank=14),
)


def listed(officer: str, where: str, rank: int = 7, **said: str | None) -> RollRow:
    """A row of a nominal roll that says little."""
    told: dict[str, Any] = dict.fromkeys(RollRow._fields) | {
        "line": 2,
        "officer_id": officer,
        "name": f"Officer {officer}",
        "rank": rank,
        "unit": where,
    }
    return RollRow(**told | said)


ROLL: Sequence[RollRow] = (
    listed("P-1", HQ, 22, post=PPO),
    listed("R-1", MALAKAND, 20, post=RPO),
    listed("R-2", MALAKAND, 14, post=READER),
    listed("D-1", SWAT, 19, post=DPO),
    listed("C-1", SWAT),
    listed("C-2", SAIDU),
    listed("C-3", SAIDU),
    listed("C-4", SAIDU, 5, duty="leave"),
    listed("H-1", HAZARA, 20, post=RPO_HAZARA),
    listed("H-2", HAZARA, 9),
)
OFFICERS = tuple(row.officer_id for row in ROLL)


def act(name: str = QUIT, *, escalate: tuple[int, ...] = (), **due: Any) -> Clause:
    return Clause(
        id=ClauseId(name),
        kind="required_act",
        text={"en": f"{name.title()}."},
        due=Due(**due) if due else None,
        escalate=escalate,
    )


HOURLY = act(clock="receipt", within=3600, escalate=(0, 3600))
"""Within an hour of receipt."""
CERTIFIED = act(CERTIFY, clock="service", within=2 * 3600)


def report(
    *kinds: str,
    posts: tuple[str, ...] = (),
    name: ClauseId = REPORT,
    escalate: tuple[int, ...] = (),
    **due: Any,
) -> Clause:
    """Heads of units of these kinds, and posts named, owe a return within a day of receipt."""
    more: dict[str, Any] = {"from_kinds": kinds, "posts": posts}
    return Clause(
        id=name,
        kind="return_due",
        text={},
        due=Due(**(due or {"clock": "receipt", "within": DAY * 3600})),
        escalate=escalate,
        more={key: said for key, said in more.items() if said},
    )


def terms(*acts: Clause, subject: str = "Leave the groups") -> Terms:
    return Terms(subject={"en": subject}, clauses=acts, texts={"en": "Leave them.\n"})


def order(*to: UnitId, acts: Sequence[Clause] = (HOURLY,), **said: Any) -> Order:
    whole: dict[str, Any] = {
        "issuer": PPO,
        "precedence": "immediate",
        "forward": "automatic",
        "addressees": to or (HQ,),
        "terms": terms(*acts),
    }
    return Order(**whole | said)


def text(number: int) -> str:
    """The SHA-256 of some file."""
    return f"{number:02x}" * 32


def after(hours: float = 0, minutes: float = 0) -> datetime:
    return NINE + timedelta(hours=hours, minutes=minutes)


# --- An office -------------------------------------------------------------------------


def emptied(store: str) -> str:
    """Return the store's address with nothing in it."""
    if store != "sqlite":
        with psycopg.connect(store, autocommit=True) as conn:
            conn.execute("DROP SCHEMA public CASCADE")
            conn.execute("CREATE SCHEMA public")
    return store


def opened(folder: Path, store: str, now: datetime = NINE) -> Office:
    """Open a rehearsal's office; its clock is moved by setting ``now``."""
    return Office(Home.init(folder, store=store, rehearsal=True), now)


def described(
    office: Office,
    units: Iterable[Unit] = UNITS.values(),
    posts: Sequence[Post] = POSTS,
    since: datetime = SINCE,
) -> dict[str, Any]:
    """Import a force file of these units and posts."""
    return office.import_force(
        force="kp",
        name={"en": "KP Police"},
        timezone="Asia/Karachi",
        since=since,
        units=list(units),
        posts=posts,
    )


def manned(folder: Path, store: str, now: datetime = NINE) -> Office:
    """Open the office of the small force, its roll known."""
    office = opened(folder, store, now)
    described(office)
    office.import_roll(ROLL, at=SINCE)
    return office


def counts(status: Mapping[str, Any], *names: str) -> tuple[int, ...]:
    """The numbers of a status, by name."""
    return tuple(status[name] for name in names)


EVERYBODY = Population()
