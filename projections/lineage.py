"""The line of an order: what it came from, what came of it, and what each issue achieved.

In: directives with the links of their lineage, instruments, the tally, cases. Out: the chain,
oldest first, each with its numbers; computed when it is asked, nothing is stored.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from domain.directive import Directive, Lineage
from domain.fact import HOUR, SECOND, Micros
from projections import instruments, status
from projections.database import Database, Moment
from projections.instruments import Linked
from projections.standing import by_hours
from projections.tables import EXACT, HOURLY

DESCENDS = ("reissues", "supersedes", "adopts", "relays")
"""Relations by which an order comes from another; what is only similar is no parent (row K18)."""
DAY: Micros = 24 * HOUR
NINETY = 0.9


@dataclass(frozen=True, slots=True)
class Issue:
    """One order, or one instrument that an order cites, in its line."""

    ref: str
    """A directive's or instrument's id; what is known only by name, its citation."""
    kind: str
    """directive, instrument or text"""
    at: Micros | None
    """When it was issued; an instrument's date, midnight UTC; None: not known here."""
    links: tuple[Linked, ...] = ()
    """What it says of others, as far as they are known now."""

    @property
    def main(self) -> Linked | None:
        """What it comes from first of all; None: it is a root, or only similar to others."""
        descent = (link for link in self.links if link.relation in DESCENDS)
        return min(descent, key=lambda link: DESCENDS.index(link.relation), default=None)


@dataclass(frozen=True, slots=True)
class Achieved:
    """What an order had come to at an instant: counts under the root, cases, the way to 90 %."""

    population: int
    served: int
    acknowledged: int
    complied: int
    exempt: int
    cases: int = 0
    ninety: Micros | None = None
    """After how long nine in ten of those bound and not exempt had complied; None: never."""

    @property
    def owed(self) -> int:
        """How many owe it: the bound who are not exempt."""
        return self.population - self.exempt

    def percent(self, count: int, *, owed: bool = False) -> float:
        """Return a count in per cent of the bound, or of those who owe it, to a tenth."""
        of = self.owed if owed else self.population
        return round(100 * count / of, 1) if of > 0 else 0.0


def chain(db: Database, name: str, at: Micros) -> list[Issue]:
    """Return the line that an order belongs to, as far as it was issued by an instant.

    All orders that it descends from or that descend from it, however far, and what they cite,
    oldest first; what has no known date stands before the first order that cites it.
    """
    issues = {
        directive: Issue(directive, "directive", whole.issued_at, links)
        for directive, whole, links in _cited(db, at)
    }
    near: dict[str, set[str]] = defaultdict(set)
    for issue in issues.values():
        for link in issue.links:
            if link.kind == "directive" and link.relation in DESCENDS and link.id in issues:
                near[issue.ref].add(link.id)
                near[link.id].add(issue.ref)
    line, waiting = {name}, [name]
    while waiting:
        new = near[waiting.pop()] - line
        line |= new
        waiting += new
    found: dict[str, Issue] = {}
    for issue in sorted((issues[one] for one in line if one in issues), key=_when):
        others = (_other(db, link) for link in issue.links)
        for other in sorted((o for o in others if o is not None), key=_when):
            found.setdefault(other.ref, other)
        found[issue.ref] = issue
    return _in_order(list(found.values()))


def _cited(db: Database, at: Micros) -> Iterator[tuple[str, Directive, tuple[Linked, ...]]]:
    for (directive,) in db.tuples(
        "SELECT directive FROM {directives} WHERE issued_at <= :t ORDER BY position", t=at
    ):
        whole = db.directive(directive)
        lineage: Lineage = whole.version_at(at).terms.lineage
        yield directive, whole, tuple(instruments.links(db, lineage))


def _other(db: Database, link: Linked) -> Issue | None:
    """Return what an order cites and is no order of this force."""
    if link.kind == "text":
        return Issue(link.ref, "text", None)
    if link.kind == "instrument" and link.id is not None:
        dated = datetime.fromisoformat(instruments.entered(db, link.id).paper.dated + "T00:00Z")
        return Issue(link.id, "instrument", int(dated.timestamp()) * SECOND)
    return None


def _when(issue: Issue) -> tuple[int, str]:
    return (-1 if issue.at is None else issue.at, issue.ref)


def _in_order(issues: Sequence[Issue]) -> list[Issue]:
    """Put what has a date in its order; what has none stays before what first cites it."""
    found: list[Issue] = []
    undated: list[Issue] = []
    dated: list[tuple[Issue, list[Issue]]] = []
    for issue in issues:
        if issue.at is None:
            undated.append(issue)
        else:
            dated.append((issue, undated))
            undated = []
    for issue, before in sorted(dated, key=lambda one: _when(one[0])):
        found += [*before, issue]
    return found + undated


def achieved(db: Database, name: str, at: Micros, now: Micros) -> Achieved:
    """Return what an order had come to at an instant; once ended, what it had come to by then."""
    last = _last(db.directive(name), at)
    cases = db.tuples(
        "SELECT COUNT(*) FROM {cases} WHERE directive = :d AND reported_at <= :t", d=name, t=at
    )
    return replace(
        _counted(db, name, last, now),
        cases=int(cases[0][0]),
        ninety=ninety(db, name, last, now),
    )


def _last(directive: Directive, at: Micros) -> Micros:
    """Return the last instant up to ``at`` at which an order counts anybody."""
    return at if directive.ended_at is None else min(at, directive.ended_at - 1)


def _counted(db: Database, name: str, at: Micros, now: Micros) -> Achieved:
    counted = status.standing(db, name, Moment(at), now)
    root = counted.tree.root
    numbers = [0] * len(status.NUMBERS) if root is None else counted.under[root]
    population, served, _, acknowledged, complied, exempt, _, _ = numbers
    return Achieved(population, served, acknowledged, complied, exempt)


def after(db: Database, name: str, days: int, at: Micros, now: Micros) -> Achieved | None:
    """Return what an order had come to so many days after its issue; None: not there yet."""
    directive = db.directive(name)
    then = directive.issued_at + days * DAY
    return None if then > _last(directive, at) else _counted(db, name, then, now)


def ninety(db: Database, name: str, last: Micros, now: Micros) -> Micros | None:
    """Return after how long nine in ten of those who owe it had complied, as far as ``last``.

    Where no act is required, after how long they had acknowledged. Compliance grows by answers;
    only exemptions, transfers and who joins move what it is a share of, so the first hour that
    could be it is found in the tally and made sure of by the count itself.
    """
    directive = db.directive(name)
    acts = bool(directive.asked_at(last).terms.acts())
    level = 3 if acts else 2

    def reached(at: Micros) -> bool:
        come = _counted(db, name, at, now)
        done = come.complied if acts else come.acknowledged
        return come.owed > 0 and done >= NINETY * come.owed

    hours = _tallied(db, name, last, "complied" if acts else "acknowledged")
    if not by_hours(directive):
        hours = _asked_anew(db, directive, last, level, reached)
    hour = next((hour for hour in hours if reached(min(hour + HOUR - 1, last))), None)
    if hour is None:
        return None
    instants = [
        row[0]
        for row in db.tuples(
            "SELECT DISTINCT at FROM {answers} WHERE directive = :d AND at >= :h AND at < :u"
            " AND at <= :t AND level >= :l ORDER BY at",
            d=name, h=hour, u=hour + HOUR, t=last, l=level,
        )
    ]  # fmt: skip
    place = bisect_left(instants, x=True, key=reached)
    first = instants[place] if place < len(instants) else min(hour + HOUR - 1, last)
    return first - directive.issued_at


def _tallied(db: Database, name: str, last: Micros, count: str) -> Iterator[Micros]:
    """Yield the hours by whose end it may be reached, earliest first, from the tally."""
    served = done = exempt = 0
    for at, more, sure, free in db.tuples(
        f"SELECT at - at % {HOUR}, CAST(SUM(served) AS BIGINT), CAST(SUM({count}) AS BIGINT),"
        f" CAST(SUM(exempt) AS BIGINT) FROM {{tally}} WHERE directive = :d AND at <= :t"
        f" AND kind IN ({EXACT}, {HOURLY}) GROUP BY 1 ORDER BY 1",
        d=name,
        t=last,
    ):
        served, done, exempt = served + more, done + sure, exempt + free
        if (sure or free or more < 0) and done >= NINETY * (served - exempt):
            yield at


def _asked_anew(
    db: Database,
    directive: Directive,
    last: Micros,
    level: int,
    reached: Callable[[Micros], bool],
) -> Iterator[Micros]:
    """Yield the hour by whose end it is reached, of an order that asked anew.

    It is not in the tally; but compliance with one wording only grows, so half of the hours
    left are ruled out by each look.
    """
    hours = [
        row[0]
        for row in db.tuples(
            f"SELECT DISTINCT at - at % {HOUR} FROM {{answers}} WHERE directive = :d"
            " AND at >= :s AND at <= :t AND level >= :l ORDER BY 1",
            d=directive.id, s=directive.asked_at(last).since, t=last, l=level,
        )
    ]  # fmt: skip
    place = bisect_left(hours, x=True, key=lambda hour: reached(min(hour + HOUR - 1, last)))
    yield from hours[place : place + 1]
