"""Who: the officers a directive binds and how each of them stands, page by page, by id."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from domain.fact import FOREVER, Micros, UnitId
from domain.force import Tree
from domain.standing import Asked, counted, freed, last_of, open_due
from projections import force, hops, roll
from projections.database import Database, Moment
from projections.standing import pleas, said
from projections.status import assembled, waiting

STATES = (
    "open",
    "overdue",
    "served",
    "unserved",
    "read",
    "unread",
    "acknowledged",
    "unacknowledged",
    "complied",
    "contested",
    "exempt",
)
"""What one can ask for; ``open`` is served, not exempt, and an answer that is asked is missing."""
PAGE = 2_000


@dataclass(frozen=True, slots=True)
class Stands:
    """An officer and a directive at a moment. Instants that have not come are None."""

    officer: str
    unit: UnitId
    rank: int
    duty: str
    served_at: Micros | None = None
    read_at: Micros | None = None
    acknowledged_at: Micros | None = None
    complied_at: Micros | None = None
    due_at: Micros | None = None
    """The earliest due still open; when all is done, the last one. None when exempt."""
    exempt: bool = False
    contested: bool = False
    overdue: bool = False

    def is_(self, state: str, *, acts: bool) -> bool:
        """Tell whether the officer is in one of `STATES`; ``acts``: the directive requires some."""
        match state:
            case "open":
                done = self.complied_at if acts else self.acknowledged_at
                return self.served_at is not None and not self.exempt and done is None
            case "unserved":
                return self.served_at is None
            case "unread":
                return self.read_at is None
            case "unacknowledged":
                return self.acknowledged_at is None
            case "served" | "read" | "acknowledged":
                return getattr(self, f"{state}_at") is not None
            case "complied":
                return self.complied_at is not None and not self.exempt
            case _:
                return bool(getattr(self, state))


def officers(
    db: Database,
    name: str,
    moment: Moment,
    *,
    state: str | None = None,
    unit: UnitId | None = None,
    after: str = "",
    limit: int = 100,
    version: int | None = None,
) -> list[Stands]:
    """Return up to ``limit`` officers with ids after ``after``, in order of their ids."""
    found: list[Stands] = []
    for one in each(
        db, name, moment, unit=unit, after=after, version=version, page=max(limit, 200)
    ):
        if state is None or one[0].is_(state, acts=one[1]):
            found.append(one[0])
            if len(found) == limit:
                break
    return found


def each(
    db: Database,
    name: str,
    moment: Moment,
    *,
    unit: UnitId | None = None,
    after: str = "",
    version: int | None = None,
    page: int = PAGE,
) -> Iterator[tuple[Stands, bool]]:
    """Yield every officer bound, or matching where a unit has yet to serve, by id."""
    directive = db.directive(name, moment.known)
    if directive.state_at(moment.at) != "in_force":
        return
    tree = force.tree(db, moment)
    inside = None if unit is None else set(tree.below(unit))
    rules = Asked.of(directive, moment.at, version)
    acts = bool(rules.required)
    while True:
        bound, last = _bound(db, name, rules, moment, after, page)
        more = last is not None
        upto = last if last is not None else "\U0010ffff"
        pending = [
            Stands(officer, where, rank, duty)
            for officer, where, rank, duty in waiting(
                db, name, directive, moment, tree, after, page
            )
            if officer <= upto
        ]
        if len(pending) == page:  # more are waiting than this page holds
            upto, more = pending[-1].officer, True
            bound = [one for one in bound if one.officer <= upto]
        for one in sorted((*bound, *pending), key=lambda o: o.officer):
            if inside is None or one.unit in inside:
                yield one, acts
        if not more:
            return
        after = upto


def _bound(
    db: Database, name: str, rules: Asked, moment: Moment, after: str, page: int
) -> tuple[list[Stands], str | None]:
    known = FOREVER if moment.known is None else moment.known
    rows = db.run(
        "SELECT s.officer, s.served_at, s.received_at, s.served_by, r.unit, r.rank, r.duty, r.gone"
        " FROM {standing} s JOIN " + roll.see(db, moment) + " r ON r.officer = s.officer"
        " WHERE s.directive = :d AND s.served_at <= :t AND s.position <= :p AND s.officer > :after"
        " ORDER BY s.officer LIMIT :limit",
        d=name, t=moment.at, p=known, after=after, limit=page,
    ).fetchall()  # fmt: skip
    last = rows[-1][0] if len(rows) == page else None
    keys = [(name, row[0]) for row in rows]
    answers = said(db, keys)
    spoken = pleas(db, keys)
    short = hops.shorter(db, name, moment)
    found: list[Stands] = []
    for officer, served, received, by, unit, rank, duty, gone in rows:
        if gone:
            continue
        mine = [
            (one.level, one.clause, one.at)
            for one in answers.get((name, officer), ())
            if one.at <= moment.at and one.position <= known and one.version >= rules.version
        ]
        heard = [
            plea
            for plea in spoken.get((name, officer), ())
            if plea.at <= moment.at and plea.position <= known
        ]
        dues = rules.dues(received, served, short.get(by, ()))
        whole = assembled(rules, served, dues, mine, heard)
        exempt, free, contested = freed(heard, moment.at, rules.required)
        counts = counted(whole, moment.at, rules.required)
        due = None
        if not exempt:
            due = open_due(whole.dues, whole.acts, free)
            if due is None:
                due = max(
                    (d for n, d in enumerate(whole.dues) if d is not None and n not in free),
                    default=None,
                )
        complied = last_of([act for n, act in enumerate(whole.acts) if n not in free])
        found.append(
            Stands(
                officer, unit, rank, duty, served, whole.read_at, whole.acknowledged_at,
                None if exempt else complied, due, exempt, contested, bool(counts[6]),
            )
        )  # fmt: skip
    return found, last


def held_by(tree: Tree, unit: UnitId) -> dict[str, object] | None:
    """Return whose desk a unit's is: post, officer_id, vacant_since (microseconds)."""
    head = tree.heads.get(unit)
    if head is None:
        return None
    return {"post": head.id, "officer_id": head.holder, "vacant_since": head.vacant_since}


def particulars(
    db: Database, ids: Iterable[str], moment: Moment
) -> dict[str, tuple[str | None, str | None]]:
    """Return name and belt number of officers, as they stood."""
    found = {}
    for officer, changes in roll.history(db, ids, moment.known).items():
        rows = roll.fold(officer, [c for c in changes if c.at <= moment.at])
        if rows:
            found[officer] = (rows[-1][9], rows[-1][10])
    return found  # type: ignore[return-value]
