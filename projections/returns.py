"""Returns: what was certified, what contradicts it, who was told of what is overdue.

In: the returns' facts, in ledger order. Out: the returns of a directive at any moment, each with
what spoke against it by then.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from domain import returns
from domain.fact import FOREVER, ClauseId, Micros, PostId, UnitId, micros
from domain.force import Post
from domain.returns import Given, Key, Numbers, Owed, Returns
from ledger.codec import Entry
from projections import force, hops
from projections.database import Database, Moment
from projections.force import Tenure
from projections.hops import parts
from projections.tables import columns


@dataclass(frozen=True, slots=True)
class Mark:
    """What contradicts a return."""

    position: int
    at: Micros
    evidence: str
    officer: str | None
    case: str | None
    by: str | None
    about: str


@dataclass(frozen=True, slots=True)
class Return:
    """A return as it stands, with the entry that says so."""

    position: int
    stream: str
    place: int
    """In its stream, from 1."""
    unit: UnitId
    key: Key
    by: PostId
    officer: str | None
    given: Given
    marks: tuple[Mark, ...] = ()
    """In the order of the ledger."""


def apply(db: Database, entries: Sequence[Entry]) -> None:
    """Write the entries down."""
    rows: dict[str, list[tuple[object, ...]]] = {
        "returns": [],
        "return_contradictions": [],
        "return_escalations": [],
    }
    for position, stream, version, fact in entries:
        directive, unit = parts(stream)
        at = micros(fact.at)
        match fact:
            case returns.ReturnSubmitted():
                rows["returns"].append(
                    (
                        directive, unit, position, stream, version, fact.clause,
                        fact.named or "", at, fact.version, fact.by, fact.authority.officer,
                        fact.claimed, fact.known, fact.population, fact.open, fact.exempt,
                        fact.unserved, int(fact.full),
                    )
                )  # fmt: skip
            case returns.ReturnContradicted():
                rows["return_contradictions"].append(
                    (
                        directive, unit, position, fact.stream, fact.version, fact.clause,
                        fact.named or "", at, returns.about(fact), fact.evidence, fact.officer,
                        fact.case, fact.by, fact.known,
                    )
                )  # fmt: skip
            case returns.ReturnEscalated():
                rows["return_escalations"].append(
                    (
                        directive, unit, fact.clause, fact.named or "", fact.level, position,
                        at, fact.to_unit, fact.to_post, fact.to_officer,
                    )
                )  # fmt: skip
            case _:
                msg = f"{fact.stored} is not a fact of a return"
                raise TypeError(msg)
    for table, lines in rows.items():
        if lines:
            db.put(table, columns(table), lines)


def of_directive(
    db: Database, directive: str, moment: Moment | None = None, unit: str | None = None
) -> list[Return]:
    """Return a directive's returns, or a unit's, as they stood at a moment, in ledger order."""
    values: dict[str, object] = {
        "d": directive,
        "t": FOREVER if moment is None else moment.at,
        "p": FOREVER if moment is None or moment.known is None else moment.known,
    }
    where = " WHERE directive = :d AND at <= :t AND position <= :p"
    if unit is not None:
        where += " AND unit = :u"
        values["u"] = unit
    marks: dict[tuple[str, int], list[Mark]] = {}
    for row in db.tuples(
        "SELECT stream, stream_version, position, at, evidence, officer, case_id, by, about"
        f" FROM {{return_contradictions}}{where} ORDER BY position",
        **values,
    ):
        marks.setdefault((row[0], row[1]), []).append(Mark(*row[2:]))
    return [
        Return(
            position, stream, place, here, (clause, PostId(named) if named else None), by,
            officer,
            Given(
                at, claimed, known, bool(whole), version,
                Numbers(population, known, left, exempt, unserved),
            ),
            tuple(marks.get((stream, place), ())),
        )
        for (
            position, stream, place, here, clause, named, by, officer, at, version, claimed,
            known, population, left, exempt, unserved, whole,
        ) in db.tuples(
            "SELECT position, stream, stream_version, unit, clause, named, by, officer, at,"
            " version, claimed, known, population, open, exempt, unserved, whole"
            f" FROM {{returns}}{where} ORDER BY position",
            **values,
        )
    ]  # fmt: skip


def latest(given: Sequence[Return]) -> Return | None:
    """Return the one that counts: the latest, of two the later entry."""
    return max(given, key=lambda one: (one.given.at, one.position), default=None)


@dataclass(frozen=True, slots=True)
class Item:
    """A return that is owed, or was: whose it is, and what was given."""

    owed: Owed
    post: Post | None
    """The desk at its due, or as it stands while that has not come; None: the unit has none."""
    tenure: Tenure | None
    """Whose it is: who answered for the desk then, and how long."""
    given: tuple[Return, ...]
    """In the order of the ledger."""

    @property
    def first(self) -> Return | None:
        """The earliest: it tells whether the return came in time."""
        return min(self.given, key=lambda one: (one.given.at, one.position), default=None)

    @property
    def latest(self) -> Return | None:
        """The one whose numbers count: the latest, of two the later entry."""
        return latest(self.given)

    def late(self) -> Micros | None:
        """Return how late the first came; None if none came."""
        return returns.lateness(self.owed, [one.given for one in self.given])

    def state(self, at: Micros) -> returns.State:
        """Return how it stands at an instant."""
        last = self.latest
        marked = last is not None and bool(last.marks)
        given = [one.given for one in self.given]
        return returns.state(self.owed, given, at, contradicted=marked)


def items(
    db: Database, name: str, moment: Moment, hosted: Collection[UnitId] | None = None
) -> list[Item]:
    """Return the returns that a directive has asked for by a moment, the earliest due first.

    ``hosted``: only of these units.
    """
    directive = db.directive(name, moment.known)
    if not any(
        clause.kind == "return_due" for v in directive.versions for clause in v.terms.clauses
    ):
        return []
    tree = force.tree(db, moment)
    relays, shorter = hops.relays(db, name, moment), hops.shorter(db, name, moment)
    asked = returns.owed(directive, tree, relays, moment.at, shorter)
    given: dict[tuple[UnitId, Key], list[Return]] = {}
    for one in of_directive(db, name, moment):
        given.setdefault((one.unit, one.key), []).append(one)
    askings = sorted(v.number for v in directive.versions if v.number == 1 or v.material)
    tenures: dict[PostId, list[Tenure]] = {}
    found: list[Item] = []
    for owed in asked:
        if hosted is not None and owed.unit not in hosted:
            continue
        later = next((number for number in askings if number > owed.version), None)
        mine = tuple(
            one
            for one in given.get((owed.unit, owed.key), ())
            if returns.answers(owed, one.given, later)
        )
        if owed.until <= moment.at and returns.lapsed(owed, [one.given for one in mine]):
            continue
        then = min(owed.due, moment.at)
        post = owed.post(force.tree(db, Moment(then, moment.known)))
        tenure = None
        if post is not None:
            if post.id not in tenures:
                tenures[post.id] = force.tenures(db, post.id, moment.known)
            tenure = next((t for t in tenures[post.id] if t.since <= then < t.until), None)
        found.append(Item(owed, post, tenure, mine))
    return sorted(found, key=_order)


def _order(item: Item) -> tuple[Micros, str, str, str]:
    return item.owed.due, item.owed.unit, item.owed.clause, item.owed.named or ""


def state(given: Sequence[Return], told: Mapping[Key, frozenset[int]]) -> Returns:
    """Return a unit's returns as the rules see them."""
    by_key: dict[Key, tuple[Given, ...]] = {}
    for one in given:
        by_key[one.key] = (*by_key.get(one.key, ()), one.given)
    return Returns(
        by_key,
        frozenset((one.stream, one.place, mark.about) for one in given for mark in one.marks),
        frozenset((*key, level) for key, levels in told.items() for level in levels),
    )


def escalated(db: Database, directive: str) -> dict[tuple[UnitId, Key], frozenset[int]]:
    """Return the levels that were told of a unit's overdue returns."""
    found: dict[tuple[UnitId, Key], set[int]] = {}
    for unit, clause, named, level in db.tuples(
        "SELECT unit, clause, named, level FROM {return_escalations} WHERE directive = :d",
        d=directive,
    ):
        key = (ClauseId(clause), PostId(named) if named else None)
        found.setdefault((UnitId(unit), key), set()).add(level)
    return {key: frozenset(levels) for key, levels in found.items()}
