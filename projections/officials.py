"""The registers of official groups and accounts. In: their facts, in ledger order.

Out: which were open at a moment, and by which post each was run; a few thousand rows at most.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from domain import official
from domain.errors import Unknown
from domain.fact import FOREVER, Micros, PostId, UnitId, micros
from domain.official import OFFICIAL, Kind, Official, key
from ledger.codec import Entry, decode
from ledger.links import waiting
from ledger.store import select_stream
from projections.database import Database, Moment
from projections.tables import columns

Row: TypeAlias = tuple[object, ...]


def apply(db: Database, entries: Sequence[Entry]) -> None:
    """Write down what was entered, passed on and closed."""
    for position, stream, _, fact in entries:
        at = micros(fact.at)
        name = stream.partition("-")[2].rpartition(".")[0]
        match fact:
            case official.GroupEntered() | official.AccountEntered():
                kind = stream.partition("-")[0]
                office, _, number = name.rpartition("-")
                under = fact.under
                row: Row = (
                    name, kind, office, int(number[1:]), position, at, fact.platform, fact.name,
                    key(fact.name), fact.unit, fact.purpose,
                    None if under is None else under.directive,
                    None if under is None else under.clause,
                    fact.authority.post, None, None, None,
                )  # fmt: skip
                db.put("officials", columns("officials"), [row])
                _runs(db, name, position, at, fact.post)
            case official.GroupPassed() | official.AccountPassed():
                _runs(db, name, position, at, fact.post)
            case official.GroupClosed() | official.AccountClosed():
                db.run(
                    "UPDATE {officials} SET closed_at = :t, closed_position = :p, reason = :r"
                    " WHERE id = :i",
                    i=name,
                    t=at,
                    p=position,
                    r=fact.reason,
                )
            case _:
                msg = f"{fact.stored} is not a fact of a group or an account"
                raise TypeError(msg)


def _runs(db: Database, name: str, position: int, at: Micros, post: PostId) -> None:
    db.put("official_posts", columns("official_posts"), [(name, position, at, post)])


@dataclass(frozen=True, slots=True)
class Listed:
    """A group or an account as it stood at a moment."""

    id: str
    platform: str
    name: str
    unit: UnitId
    purpose: str | None
    directive: str | None
    clause: str | None
    entered_by: PostId
    since: Micros
    post: PostId
    """Which post ran it."""
    run_since: Micros
    """Since when that post did."""


def listed(
    db: Database,
    kind: Kind,
    moment: Moment,
    *,
    platform: str | None = None,
    named: str | None = None,
    directive: str | None = None,
) -> list[Listed]:
    """Return those that were open at a moment, the longest open first.

    ``named`` is a name or handle as a person writes it.
    """
    where = "".join(
        f" AND o.{column} = :{column}"
        for column, value in (
            ("platform", platform),
            ("named", named),
            ("directive", directive),
        )
        if value is not None
    )
    params = {
        "platform": platform,
        "named": None if named is None else key(named),
        "directive": directive,
    }
    rows = db.tuples(
        "SELECT o.id, o.platform, o.name, o.unit, o.purpose, o.directive, o.clause, o.entered_by,"
        " o.at, r.post, r.at FROM {officials} o JOIN {official_posts} r ON r.id = o.id"
        " AND r.position = (SELECT p.position FROM {official_posts} p WHERE p.id = o.id"
        " AND p.at <= :t AND p.position <= :p ORDER BY p.at DESC, p.position DESC LIMIT 1)"
        " WHERE o.kind = :k AND o.at <= :t AND o.position <= :p"
        " AND (o.closed_at IS NULL OR o.closed_at > :t OR o.closed_position > :p)"
        f"{where} ORDER BY o.at, o.position",
        k=kind,
        t=moment.at,
        p=FOREVER if moment.known is None else moment.known,
        **{name: value for name, value in params.items() if value is not None},
    )
    return [Listed(*row) for row in rows]


def bearing(db: Database, kind: Kind, platform: str, name: str, at: Micros) -> str | None:
    """Return the entry that bears a name and is not over by an instant: the last one entered."""
    found = db.tuples(
        "SELECT id FROM {officials} WHERE platform = :f AND named = :n AND kind = :k"
        " AND (closed_at IS NULL OR closed_at > :t) ORDER BY at DESC, position DESC LIMIT 1",
        f=platform,
        n=key(name),
        k=kind,
        t=at,
    )
    return found[0][0] if found else None


def state(db: Database, kind: Kind, name: str) -> Official:
    """Fold a group or an account from its own stream.

    Raises:
        Unknown: there is none of that id.

    """
    lines = select_stream(db.conn, official.stream(kind, name, name.rpartition("-")[0]))
    waits = waiting(db.conn, [line[0] for line in lines])
    if not lines:
        raise Unknown(f"There is no {kind} {name!r}; `farman {kind} list` lists them.")
    facts = [decode(fact, bytes_) for at, _, _, fact, bytes_ in lines if at not in waits]
    return OFFICIAL.fold(facts)  # type: ignore[arg-type]  # the stream holds only its facts
