"""How many: the counts of a directive in every unit, at any moment, as far as then known.

Live and as of an instant they are sums of the tally and the part hour; as known at a
position, or for an earlier version, they are counted from what each officer's row and
answers say. Both ways give the same numbers (a property test asks both).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import add

from domain.directive import Directive
from domain.fact import FOREVER, HOUR, SECOND, Micros, UnitId
from domain.force import Tree
from domain.returns import Numbers
from domain.standing import Asked, Officer, Plea, acts_of, counted, freed
from projections import force, hops, roll
from projections.database import Database, Moment
from projections.population import NOBODY, matching
from projections.standing import by_hours, due_term
from projections.tables import COUNTS, EXACT, HOURLY, TOTAL

NUMBERS = ("population", *COUNTS)
"""What is counted, population first."""
Counts = list[int]
_SUMS = ", ".join(f"CAST(SUM({count}) AS BIGINT)" for count in COUNTS)


@dataclass(frozen=True)
class Standing:
    """A directive's counts at a moment: of each unit's own officers, and of all under it."""

    directive: Directive
    tree: Tree
    state: str
    own: Mapping[UnitId, Counts]
    under: Mapping[UnitId, Counts]


_MARKED = {
    "read": "(marks >> 0) & 1",
    "acknowledged": "(marks >> 1) & 1",
    "complied": "(marks >> 2) & 1",
    "overdue": "-((marks >> 3) & 1)",
}
"""What an answer adds to each count: its marks, of which the last ends his being overdue."""


def standing(
    db: Database,
    name: str,
    moment: Moment,
    now: Micros,
    version: int | None = None,
    tree: Tree | None = None,
) -> Standing:
    """Count a directive at a moment; ``now`` is the clock (which side of the tally is shorter)."""
    directive = db.directive(name, moment.known)
    tree = tree or force.tree(db, moment)
    state = directive.state_at(moment.at)
    own: dict[UnitId, Counts] = {}
    if state == "in_force":
        whole = moment.known is None or moment.known >= db.checkpoint("position")
        if whole and version is None and by_hours(directive):
            bound: Mapping[UnitId, Sequence[int]] = _tallied(
                db, name, moment.at, now, directive
            )
        else:
            bound = _counted(db, name, directive, moment, version)
        own = {unit: [counts[0], *counts] for unit, counts in bound.items()}
        for unit, waiting in pending(db, name, directive, moment, tree).items():
            own.setdefault(unit, [0] * len(NUMBERS))[0] += waiting
    return Standing(directive, tree, state, own, _rolled_up(tree, own))


def compliance(
    db: Database, name: str, counts: Standing, moment: Moment, units: Iterable[UnitId]
) -> dict[UnitId, Numbers]:
    """Return, of what was counted, how far all under each of the units have complied.

    Where no act is required, who acknowledged has; of the exempt none.
    """
    rules = Asked.of(counts.directive, moment.at)
    spared: dict[UnitId, int] = {}
    if not rules.required and counts.state == "in_force":
        for here, _, officer in pleading(db, name, rules, moment):
            _, _, acknowledged, _, exempt, _, _ = counted(officer, moment.at, rules.required)
            if exempt and acknowledged:
                for above in counts.tree.above(here):
                    spared[above] = spared.get(above, 0) + 1
    found: dict[UnitId, Numbers] = {}
    for unit in units:
        population, served, _, acknowledged, complied, exempt, *_ = counts.under[unit]
        known = complied if rules.required else acknowledged - spared.get(unit, 0)
        left = served - exempt - known
        found[unit] = Numbers(population, known, left, exempt, population - served)
    return found


def _rolled_up(tree: Tree, own: Mapping[UnitId, Counts]) -> dict[UnitId, Counts]:
    zero = [0] * len(NUMBERS)
    under = {unit: own.get(unit, zero) for unit in tree.units}
    for unit in reversed(tree.order):
        parent, mine = tree.units[unit].parent, under[unit]
        if parent in under and any(mine):
            under[parent] = list(map(add, under[parent], mine))
    return under


def _tallied(
    db: Database, name: str, at: Micros, now: Micros, directive: Directive
) -> dict[UnitId, Sequence[int]]:
    """Sum the tally: what came at instants, and answers by hours with the part hour exact."""
    hour = at - at % HOUR
    exact = _tally(f"kind = {EXACT} AND at <= :t")
    if now - at < at - directive.issued_at:
        rows = [
            exact,
            _tally(f"kind = {TOTAL}"),
            _tally(f"kind = {HOURLY} AND at > :h", "-"),
            _part("at > :t AND at < :u", "-"),
        ]
    else:
        rows = [exact, _tally(f"kind = {HOURLY} AND at < :h"), _part("at >= :h AND at <= :t")]
    found = db.tuples(
        f"SELECT unit, {_SUMS} FROM ({' UNION ALL '.join(rows)}) x GROUP BY unit",
        d=name, t=at, h=hour, u=hour + HOUR,
    )  # fmt: skip
    return {row[0]: row[1:] for row in found}


def _tally(kind: str, sign: str = "") -> str:
    counts = ", ".join(f"{sign}{count} AS {count}" for count in COUNTS)
    return f"SELECT unit, {counts} FROM {{tally}} WHERE directive = :d AND {kind}"


def _part(where: str, sign: str = "") -> str:
    """Return what answers of a part hour count."""
    counts = ", ".join(f"{sign}SUM({_MARKED.get(count, '0')}) AS {count}" for count in COUNTS)
    return (
        f"SELECT unit, {counts} FROM {{answers}} WHERE directive = :d AND {where} GROUP BY unit"
    )


def _act_terms(
    rules: Asked, *, shortened: bool
) -> tuple[list[str], list[str], dict[str, object]]:
    """Return the due of each act, and what it was shortened to, as expressions on ``s``."""
    own: list[str] = []
    short: list[str] = []
    values: dict[str, object] = {}
    for n, due in enumerate(rules.terms):
        if due is None:
            own.append("CAST(NULL AS BIGINT)")
        else:
            term, more = due_term(due, rules, f"due_{n}")
            own.append(term)
            values |= more
        if shortened:
            short.append(_SHORTENED.format(n=n))
    if shortened:
        values |= {"restarted": rules.restarted, "issued": rules.issued, "second": SECOND}
    return own, short, values


_START = (
    "CASE t.clock WHEN 'issue' THEN :issued WHEN 'receipt' THEN s.received_at"
    " ELSE s.served_at END"
)
_RUN_OUT = (
    "CASE WHEN t.due_at IS NOT NULL THEN t.due_at"
    f" WHEN {_START} > :restarted THEN {_START} + t.within * :second"
    " ELSE :restarted + t.within * :second END"
)
_SHORTENED = (
    f"(SELECT MIN(CASE WHEN {_RUN_OUT} > t.at THEN {_RUN_OUT} ELSE t.at END)"
    " FROM {{tightenings}} t WHERE t.directive = :d AND t.unit = s.served_by"
    " AND t.clause = :clause_{n} AND t.closed = 0 AND t.at <= :t AND t.position <= :p)"
)
"""The earliest that an act was shortened to for those whom a unit served: `Asked.dues` in SQL."""


def _officers(
    db: Database, directive: Directive, rules: Asked, moment: Moment, *, shortened: bool
) -> tuple[str, dict[str, object]]:
    """Return a SELECT of the bound without pleas: unit, served, read, ack, act and due columns."""
    known = FOREVER if moment.known is None else moment.known
    dues, short, values = _act_terms(rules, shortened=shortened)
    acts = [
        f"CASE WHEN a.act_{n} IS NULL THEN a.every WHEN a.every IS NULL OR a.act_{n} < a.every"
        f" THEN a.act_{n} ELSE a.every END AS act_{n}"
        for n in range(len(rules.required))
    ]
    values |= {f"clause_{n}": clause for n, clause in enumerate(rules.required)}
    values |= {"d": directive.id, "t": moment.at, "p": known, "v": rules.version}
    mine = "".join(
        f", MIN(CASE WHEN level = 3 AND clause = :clause_{n} THEN at END) AS act_{n}"
        for n in range(len(rules.required))
    )
    more = "".join(f", {act}" for act in acts) + "".join(
        f", {due} AS {'own' if shortened else 'due'}_{n}" for n, due in enumerate(dues)
    )
    more += "".join(f", {term} AS short_{n}" for n, term in enumerate(short))
    sql = (
        f"SELECT r.unit AS unit, s.officer AS officer, a.read_at AS read_at, a.acknowledged_at AS acknowledged_at{more}"
        " FROM {standing} s JOIN " + roll.see(db, moment) + " r ON r.officer = s.officer"
        " LEFT JOIN (SELECT officer, MIN(at) AS read_at,"
        " MIN(CASE WHEN level > 1 THEN at END) AS acknowledged_at,"
        " MIN(CASE WHEN level = 3 AND clause IS NULL THEN at END) AS every" + mine +
        " FROM {answers} WHERE directive = :d AND position <= :p AND at <= :t AND version >= :v"
        " GROUP BY officer) a ON a.officer = s.officer"
        " WHERE s.directive = :d AND s.served_at <= :t AND s.position <= :p AND r.gone = 0"
        " AND s.officer NOT IN (SELECT officer FROM {pleas}"
        " WHERE directive = :d AND at <= :t AND position <= :p)"
    )  # fmt: skip
    if shortened:
        both = "".join(
            f", CASE WHEN own_{n} IS NULL OR short_{n} < own_{n} THEN short_{n}"
            f" WHEN short_{n} IS NULL OR own_{n} <= short_{n} THEN own_{n} END AS due_{n}"
            for n in range(len(dues))
        )
        sql = f"SELECT y.*{both} FROM ({sql}) y"
    return sql, values


def _counted(
    db: Database, name: str, directive: Directive, moment: Moment, version: int | None
) -> dict[UnitId, Counts]:
    """Count officers from their rows and answers."""
    rules = Asked.of(directive, moment.at, version)
    shortened = bool(hops.shorter(db, name, moment))
    sql, values = _officers(db, directive, rules, moment, shortened=shortened)
    acts = range(len(rules.required))
    complied = " AND ".join(f"act_{n} IS NOT NULL" for n in acts) or "1 = 0"
    overdue = " OR ".join(f"(due_{n} <= :t AND act_{n} IS NULL)" for n in acts) or "1 = 0"
    with db.whole():
        rows = db.tuples(
            f"SELECT unit, COUNT(*), COUNT(read_at), COUNT(acknowledged_at),"
            f" SUM(CASE WHEN {complied} THEN 1 ELSE 0 END), 0, 0,"
            f" SUM(CASE WHEN {overdue} THEN 1 ELSE 0 END) FROM ({sql}) x GROUP BY unit",
            **values,
        )
    own: dict[UnitId, Counts] = {row[0]: [int(value) for value in row[1:]] for row in rows}
    for unit, _, officer in pleading(db, name, rules, moment):
        counts = own.setdefault(unit, [0] * len(COUNTS))
        for n, value in enumerate(counted(officer, moment.at, rules.required)):
            counts[n] += value
    return own


def pleading(
    db: Database, name: str, rules: Asked, moment: Moment
) -> Iterable[tuple[UnitId, str, Officer]]:
    """Yield the bound officers who contested or were exempted, with all that is known of them."""
    params: dict[str, object] = {
        "d": name, "t": moment.at, "p": FOREVER if moment.known is None else moment.known,
        "v": rules.version,
    }  # fmt: skip
    seen = " AND position <= :p AND at <= :t"
    pleas: dict[str, list[Plea]] = {}
    for row in db.run(
        "SELECT officer, at, position, kind, clause FROM {pleas} WHERE directive = :d"
        + seen
        + " ORDER BY at, position",
        **params,
    ):
        pleas.setdefault(row[0], []).append(Plea(*row[1:]))
    if not pleas:
        return
    answers: dict[str, list[tuple[int, str | None, Micros]]] = {}
    for row in db.run(
        "SELECT officer, level, clause, at FROM {answers} WHERE directive = :d AND version >= :v"
        + seen
        + " AND officer IN (SELECT officer FROM {pleas} WHERE directive = :d)",
        **params,
    ):
        answers.setdefault(row[0], []).append((row[1], row[2], row[3]))
    term = roll.see(db, moment)
    del params["v"]
    rows = db.run(
        "SELECT r.unit, s.officer, s.served_at, s.received_at, s.served_by"
        " FROM {standing} s JOIN " + term +
        " r ON r.officer = s.officer WHERE s.directive = :d AND s.served_at <= :t"
        " AND s.position <= :p AND r.gone = 0"
        " AND s.officer IN (SELECT officer FROM {pleas} WHERE directive = :d)",
        **params,
    ).fetchall()  # fmt: skip
    short = hops.shorter(db, name, moment)
    for unit, officer, served, received, by in rows:
        if officer in pleas:
            dues = rules.dues(received, served, short.get(by, ()))
            yield (
                unit,
                officer,
                assembled(rules, served, dues, answers.get(officer, ()), pleas[officer]),
            )


def assembled(
    rules: Asked,
    served: Micros,
    dues: tuple[Micros | None, ...],
    answers: Iterable[tuple[int, str | None, Micros]],
    pleas: list[Plea],
) -> Officer:
    """Put an officer together from his service, answers (level, clause, at) and pleas."""
    read = acknowledged = None
    known: dict[str | None, Micros] = {}
    for level, clause, at in answers:
        read = at if read is None else min(read, at)
        if level > 1:
            acknowledged = at if acknowledged is None else min(acknowledged, at)
        if level == 3:  # noqa: PLR2004 - service.LEVEL
            known[clause] = min(at, known.get(clause, at))
    acts = acts_of(rules.required, known)  # type: ignore[arg-type]
    return Officer(served, dues, read, acknowledged, acts, pleas)


def unserved(
    db: Database, directive: Directive, name: str, moment: Moment, tree: Tree
) -> list[UnitId]:
    """Return the units in scope that have people and have yet to serve, at a moment."""
    return hops.unserved(db, name, directive, tree, moment)


_BOUND = (
    " AND NOT EXISTS (SELECT 1 FROM {standing} s WHERE s.directive = :d AND s.officer = r.officer"
    " AND s.served_at <= :t AND s.position <= :p)"
)


def pending(
    db: Database, name: str, directive: Directive, moment: Moment, tree: Tree
) -> dict[UnitId, int]:
    """Count who matches where the serving unit has yet to serve, by unit."""
    units = unserved(db, directive, name, moment, tree)
    if not units:
        return {}
    condition, values = matching(db, directive, tree, units)
    if condition == NOBODY:
        return {}
    term = roll.see(db, moment)
    with db.whole():
        rows = db.tuples(
            f"SELECT r.unit, COUNT(*) FROM {term} r WHERE {condition}{_BOUND} GROUP BY r.unit",
            d=name,
            t=moment.at,
            p=FOREVER if moment.known is None else moment.known,
            **values,
        )
    return {row[0]: int(row[1]) for row in rows}


def waiting(
    db: Database,
    name: str,
    directive: Directive,
    moment: Moment,
    tree: Tree,
    after: str,
    limit: int,
) -> list[tuple[str, UnitId, int, str]]:
    """Return who matches where the unit has yet to serve: officer, unit, rank, duty, by id."""
    units = unserved(db, directive, name, moment, tree)
    if not units:
        return []
    condition, values = matching(db, directive, tree, units)
    term = roll.see(db, moment)
    rows = db.run(
        f"SELECT r.officer, r.unit, r.rank, r.duty FROM {term} r WHERE {condition}{_BOUND}"
        " AND r.officer > :after ORDER BY r.officer LIMIT :limit",
        d=name,
        t=moment.at,
        p=FOREVER if moment.known is None else moment.known,
        after=after,
        limit=limit,
        **values,
    )
    return [(row[0], row[1], row[2], row[3]) for row in rows]


def overdue(db: Database, name: str, moment: Moment) -> list[tuple[str, UnitId, Micros, int]]:
    """Return who is overdue at a moment: clause, unit, due, officers; by clause, unit, due."""
    directive = db.directive(name, moment.known)
    if directive.state_at(moment.at) != "in_force":
        return []
    rules = Asked.of(directive, moment.at)
    shortened = bool(hops.shorter(db, name, moment))
    sql, values = _officers(db, directive, rules, moment, shortened=shortened)
    found: dict[tuple[str, UnitId, Micros], int] = {}
    for n, clause in enumerate(rules.required):
        if rules.terms[n] is None and not shortened:
            continue
        with db.whole():
            rows = db.tuples(
                f"SELECT unit, due_{n}, COUNT(*) FROM ({sql}) x"
                f" WHERE due_{n} <= :t AND act_{n} IS NULL GROUP BY unit, due_{n}",
                **values,
            )
        for unit, due, officers in rows:
            found[clause, unit, due] = int(officers)
    for unit, _, officer in pleading(db, name, rules, moment):
        exempt, free, _ = freed(officer.pleas, moment.at, rules.required)
        for n, clause in enumerate(rules.required):
            due, done = officer.dues[n], officer.acts[n]
            if (
                due is not None
                and due <= moment.at
                and done is None
                and not exempt
                and n not in free
            ):
                found[clause, unit, due] = found.get((clause, unit, due), 0) + 1
    return [(*key, count) for key, count in sorted(found.items())]
