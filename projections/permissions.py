"""Permissions: what was asked for, who decided, and whether it stands.

In: facts of permissions, in ledger order. Out: a row each; and, for any moment, how each stood.
That one is void is no row: a charge, a posting or a unit dated back may make it so, or not any
more, so it is resolved from the tree and the roll by all that is known when it is asked
(DESIGN 4, rule 4).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from domain import errors, permission
from domain.fact import FOREVER, Micros, PostId, UnitId, micros
from domain.force import Post
from domain.permission import Permission
from ledger.codec import Entry
from projections import force, roll
from projections.database import Database, Moment
from projections.tables import columns


class Row(NamedTuple):
    """A row of `permissions`."""

    permission: str
    office: str
    year: int
    serial: int
    directive: str
    version: int
    clause: str
    rule: str
    officer: str
    unit: str
    rank: int
    scope: str
    why: str
    state: str
    asked_until: Micros
    desk: str
    desk_officer: str | None
    requested_at: Micros
    requested_position: int
    decided: str | None = None
    decided_at: Micros | None = None
    decided_position: int | None = None
    decided_by: str | None = None
    decided_officer: str | None = None
    reason: str | None = None
    until: Micros | None = None
    revoked_at: Micros | None = None
    revoked_position: int | None = None
    revoked_by: str | None = None
    revoked_officer: str | None = None
    revoked_reason: str | None = None
    expired_position: int | None = None
    due: Micros | None = None

    @property
    def stream(self) -> str:
        """Return the name of its stream."""
        return permission.stream(self.permission, self.office)

    def known(self, at: Micros, position: int) -> "Row":
        """Return what of it had happened by an instant and was written by a position."""
        row = self
        if not _had(row.revoked_at, row.revoked_position, at, position):
            row = row._replace(
                revoked_at=None, revoked_by=None, revoked_officer=None, revoked_reason=None
            )
        if not _had(row.decided_at, row.decided_position, at, position):
            row = row._replace(
                decided=None,
                decided_at=None,
                decided_by=None,
                decided_officer=None,
                reason=None,
                until=None,
            )
        return row

    def folded(self) -> Permission:
        """Return the permission that the row tells of."""
        return Permission(
            id=self.permission,
            directive=self.directive,
            clause=self.clause,
            officer=self.officer,
            scope=self.scope,
            asked_until=self.asked_until,
            requested_at=self.requested_at,
            decided=self.decided,  # type: ignore[arg-type]  # a row holds nothing else
            decided_at=self.decided_at or 0,
            decided_by=self.decided_by,
            until=self.until or 0,
            revoked_at=self.revoked_at,
            revoked_by=self.revoked_by,
            expired=self.expired_position is not None,
        )


def _had(said: Micros | None, by: int | None, at: Micros, position: int) -> bool:
    return said is not None and by is not None and said <= at and by <= position


def apply(db: Database, entries: Sequence[Entry]) -> None:
    """Write down what was asked for and what came of it."""
    asked: list[tuple[object, ...]] = []
    for entry in entries:
        if isinstance(entry.fact, permission.Requested):
            asked.append(_asked(entry, entry.fact))
            continue
        if asked:
            db.put("permissions", columns("permissions"), asked)
            asked = []
        _came_of(db, entry)
    if asked:
        db.put("permissions", columns("permissions"), asked)


def _asked(entry: Entry, fact: permission.Requested) -> tuple[object, ...]:
    return tuple(
        Row(
            permission=fact.permission,
            office=entry.stream.rpartition(".")[2],
            year=fact.year,
            serial=fact.serial,
            directive=fact.directive,
            version=fact.version,
            clause=fact.clause,
            rule=fact.rule,
            officer=fact.officer,
            unit=fact.unit,
            rank=fact.rank,
            scope=fact.scope,
            why=fact.why,
            state="requested",
            asked_until=micros(fact.until),
            desk=fact.decider.post,
            desk_officer=fact.decider.officer,
            requested_at=micros(fact.at),
            requested_position=entry.position,
        )
    )


def _came_of(db: Database, entry: Entry) -> None:
    name = entry.stream.removeprefix("permission-").rpartition(".")[0]
    fact: Any = entry.fact
    said: dict[str, object]
    match fact:
        case permission.Granted() | permission.Refused():
            granted = isinstance(fact, permission.Granted)
            until = micros(fact.until) if isinstance(fact, permission.Granted) else None
            state = "granted" if granted else "refused"
            said = {
                "state": state,
                "decided": state,
                "decided_at": micros(fact.at),
                "decided_position": entry.position,
                "decided_by": fact.authority.post,
                "decided_officer": fact.authority.officer,
                "reason": fact.reason,
                "until": until,
                "due": until,
            }
        case permission.Revoked():
            said = {
                "state": "revoked",
                "revoked_at": micros(fact.at),
                "revoked_position": entry.position,
                "revoked_by": fact.authority.post,
                "revoked_officer": fact.authority.officer,
                "revoked_reason": fact.reason,
                "due": None,
            }
        case permission.Expired():
            said = {"state": "expired", "expired_position": entry.position, "due": None}
        case _:
            msg = f"{fact.stored} is not a fact of a permission"
            raise TypeError(msg)
    values = ", ".join(f"{column} = :{column}" for column in said)
    db.run(f"UPDATE {{permissions}} SET {values} WHERE permission = :p", p=name, **said)


# --- Questions ---------------------------------------------------------------------------


def find(db: Database, name: str) -> Row:
    """Return the row of a permission.

    Raises:
        Unknown: there is none of that id.

    """
    rows = _rows(db, "permission = :p", p=name)
    if not rows:
        raise errors.Unknown(
            f"There is no permission {name!r} here; `farman permission list` lists those there are."
        )
    return rows[0]


def same(
    db: Database, directive: str, officer: str, clause: str, scope: str, until: Micros, why: str
) -> Row | None:
    """Return the first request that says the very same, if there is one."""
    rows = _rows(
        db,
        "directive = :d AND officer = :o AND clause = :c AND asked_until = :u AND why = :w",
        d=directive,
        o=officer,
        c=clause,
        u=until,
        w=why,
    )
    return next((row for row in rows if permission.alike(row.scope, scope)), None)


def due(db: Database, office: str, now: Micros) -> list[Row]:
    """Return an office's permissions whose time has passed and of which it is not written."""
    return _rows(db, "due <= :t AND office = :o", "due, permission", t=now, o=office)


def streams(db: Database, directive: str, officer: str | None) -> list[str]:
    """Name the streams of a directive's permissions; of one officer, if given."""
    mine = "" if officer is None else " AND officer = :o"
    given = {} if officer is None else {"o": officer}
    return [
        permission.stream(row[0], row[1])
        for row in db.tuples(
            "SELECT permission, office FROM {permissions}"
            f" WHERE directive = :d{mine} ORDER BY requested_position",
            d=directive,
            **given,
        )
    ]


def _rows(
    db: Database, where: str, order: str = "requested_position", **given: object
) -> list[Row]:
    return [
        Row(*row)
        for row in db.tuples(
            f"SELECT {', '.join(Row._fields)} FROM {{permissions}} WHERE {where} ORDER BY {order}",
            **given,
        )
    ]


class Place(NamedTuple):
    """Where an officer stood."""

    unit: UnitId
    rank: int
    gone: bool


class Places:
    """Where officers stood at any instant, by what was known at a position."""

    def __init__(self, db: Database, officers: Iterable[str], known: int | None = None) -> None:
        self._rows = {
            officer: roll.fold(officer, changes)
            for officer, changes in roll.history(db, sorted(set(officers)), known).items()
        }

    def at(self, officer: str, at: Micros) -> Place | None:
        """Return where an officer stood; None before his first roll."""
        for row in reversed(self._rows.get(officer, ())):
            _, since, _, until, _, unit, rank, _, gone, *_ = row
            if since <= at < until and unit is not None:  # type: ignore[operator]
                return Place(UnitId(str(unit)), int(rank or 0), bool(gone))  # type: ignore[call-overload]
        return None


@dataclass(frozen=True, slots=True)
class Stood:
    """How a permission stood at a moment."""

    row: Row
    """As far as it had happened and was known."""
    state: str
    """One of `permission.STATES`."""
    because: str | None
    """Why it is void."""
    unit: str
    """Where the officer was posted."""
    post: str
    """Who decided last, or who would decide."""
    officer: str | None


def each(
    db: Database,
    moment: Moment,
    *,
    name: str | None = None,
    directive: str | None = None,
    officer: str | None = None,
) -> list[Stood]:
    """Return how permissions stood at a moment, in the order in which they were entered."""
    known = FOREVER if moment.known is None else moment.known
    given = {"permission": name, "directive": directive, "officer": officer}
    named = {column: value for column, value in given.items() if value is not None}
    rows = _rows(
        db,
        " AND ".join(
            (
                "requested_at <= :at AND requested_position <= :known",
                *(f"{column} = :{column}" for column in named),
            )
        ),
        at=moment.at,
        known=known,
        **named,
    )
    places = Places(db, (row.officer for row in rows), moment.known)
    return [_stood(db, row.known(moment.at, known), moment, places) for row in rows]


def _stood(db: Database, row: Row, moment: Moment, places: Places) -> Stood:
    state: str = row.folded().state_at(moment.at)
    because = void(db, row, moment.known, places)
    here = places.at(row.officer, moment.at)
    post, holder = row.desk, row.desk_officer
    if row.revoked_by is not None:
        post, holder = row.revoked_by, row.revoked_officer
    elif row.decided_by is not None:
        post, holder = row.decided_by, row.decided_officer
    elif (desk := _desk(db, row, moment, places)[0]) is not None:
        post, holder = desk.id, desk.holder
    return Stood(
        row,
        state if because is None else "void",
        because,
        row.unit if here is None else here.unit,
        post,
        holder,
    )


def _desk(db: Database, row: Row, moment: Moment, places: Places) -> tuple[Post | None, str]:
    """Return who decided at a moment; where nobody did, why."""
    here = places.at(row.officer, moment.at)
    whole = db.directive(row.directive, moment.known)
    if here is None or not whole.versions:
        return None, f"{row.officer} was on no roll"
    try:
        rule, _ = permission.ruled(whole.version_at(moment.at).terms, row.clause, row.scope)
        tree = force.tree(db, moment)
        return permission.must_have_desk(tree, here.unit, row.officer, rule), ""
    except errors.Refused as no:
        return None, no.reason.rstrip(".")


def void(
    db: Database, row: Row, known: int | None = None, places: Places | None = None
) -> str | None:
    """Tell why the leave given is void: another post decided then, by what is known.

    None: it is not, or none was given.
    """
    if row.decided != "granted" or row.decided_at is None or row.decided_by is None:
        return None
    then = Moment(row.decided_at, known)
    places = places or Places(db, [row.officer], known)
    desk, nobody = _desk(db, row, then, places)
    if desk is None:
        return f"Nobody decided at that instant, as is known now: {nobody}."
    if desk.id == row.decided_by and desk.holder is not None:
        return None
    if desk.id == row.decided_by:
        return f"{desk.id} was vacant at that instant, as is known now."
    own = force.tree(db, then).posts.get(PostId(row.decided_by))
    vacant = f", and {own.id} was vacant" if own is not None and own.holder is None else ""
    here = places.at(row.officer, row.decided_at)
    posted = "" if here is None else f": {row.officer} was posted to {here.unit}{vacant}"
    return f"{desk.id} decided at that instant, not {row.decided_by}, as is known now{posted}."


def in_force(
    db: Database,
    directive: str,
    officer: str,
    clause: str,
    at: Micros,
    known: int | None = None,
) -> str | None:
    """Return the permission under which an officer might do at an instant what a clause forbids.

    The one granted first of those given by then and neither revoked, expired nor void; None if
    there is none. ``known``: a position, inclusive; else by all that is known.
    """
    upto = FOREVER if known is None else known
    rows = _rows(
        db,
        "directive = :d AND officer = :o AND clause = :c AND decided = 'granted'"
        " AND decided_at <= :t AND until > :t",
        "decided_at, decided_position",
        d=directive,
        o=officer,
        c=clause,
        t=at,
    )
    for row in rows:
        told = row.known(at, upto)
        if told.folded().state_at(at) == "granted" and void(db, told, known) is None:
            return row.permission
    return None
