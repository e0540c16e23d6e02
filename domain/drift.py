"""Drift: how the text that a unit passed on differs from the order it had, clause by clause.

A relay may tighten and never relax (DESIGN 4, rule 2); a lower office that issues an order anew
may add to it and never relax it (row H3). What is looser, stricter, or only worded otherwise is
told with both wordings, as in November 2021, when a district's relay allowed family groups
which its order had not (rows K11, K15).
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Literal, TypeAlias

from pydantic import BaseModel, ConfigDict

from domain.deadline import Due, span
from domain.directive import Clause, Order, Population, Terms
from domain.errors import Refused
from domain.fact import ClauseId, words

Kind: TypeAlias = Literal["looser", "stricter", "reworded"]


class Difference(BaseModel):
    """One thing that a text says otherwise than the order it passes on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    clause: ClauseId | None = None
    """None: whom it binds."""
    field: str
    """``clause`` where one was left out or added, else what of it differs."""
    kind: Kind
    order: str | None = None
    """As the order has it; None: it does not have it."""
    relay: str | None = None
    """As the text has it; None: it does not have it."""

    def words(self) -> str:
        """Return it as a sentence, without its full stop."""
        what = "whom it binds" if self.clause is None else repr(str(self.clause))
        if self.field == "clause":
            told = self.order or self.relay
            return f"{what} is {'left out' if self.relay is None else 'added'}: “{told}”"
        return (
            f"{what}, {self.field}: the order has {_quoted(self.order)}, the text "
            f"{_quoted(self.relay)}"
        )


def _quoted(said: str | None) -> str:
    return "nothing" if said is None else f"“{said}”"


RELAXES_WHEN_MISSING = frozenset(
    {"required_act", "prohibition", "delegation", "return_due", "consequence"}
)
"""Clauses that bind: to leave one out is to relax. The others allow something."""


def compare(order: Order, relay: Order) -> list[Difference]:
    """Return how a relay's text differs from its order: whom it binds, then clause by clause."""
    return [*_populations(order, relay), *clauses(order.terms, relay.terms)]


def clauses(order: Terms, relay: Terms, *, whole: bool = True) -> Iterator[Difference]:
    """Yield how clauses differ, in the order of the order, then those added.

    ``whole``: the text stands for all of the order, so what it leaves out is a difference.
    """
    there = {clause.id: clause for clause in relay.clauses}
    for clause in order.clauses:
        other = there.get(clause.id)
        if other is not None:
            yield from _clause(clause, other, whole=whole)
        elif whole:
            looser = clause.kind in RELAXES_WHEN_MISSING
            yield Difference(
                clause=clause.id,
                field="clause",
                kind="looser" if looser else "stricter",
                order=_said(clause),
            )
    known = {clause.id for clause in order.clauses}
    for clause in relay.clauses:
        if clause.id not in known:
            # What is allowed of the order's own clauses is a relaxation, of added ones it is not.
            of_order = not clause.of or not known.isdisjoint(clause.of)
            looser = clause.kind not in RELAXES_WHEN_MISSING and of_order
            yield Difference(
                clause=clause.id,
                field="clause",
                kind="looser" if looser else "stricter",
                relay=_said(clause),
            )


def _said(clause: Clause) -> str:
    return words(clause.text) or clause.kind


def _clause(order: Clause, relay: Clause, *, whole: bool) -> Iterator[Difference]:
    def told(field: str, kind: Kind, before: object, after: object) -> Difference:
        return Difference(
            clause=order.id,
            field=field,
            kind=kind,
            order=None if before is None else str(before),
            relay=None if after is None else str(after),
        )

    if relay.kind != order.kind:
        yield told("kind", "looser", order.kind, relay.kind)
        return
    if relay.due != order.due:
        yield told("due", _due(order.due, relay.due), _when(order.due), _when(relay.due))
    if relay.escalate != order.escalate:
        yield told("escalate", _steps(order, relay), _spans(order), _spans(relay))
    if bool(relay.open) != bool(order.open):
        kind: Kind = "looser" if relay.open else "stricter"
        yield told("open", kind, _open(order), _open(relay))
    if whole and set(relay.of) != set(order.of):
        grows = order.kind not in RELAXES_WHEN_MISSING  # an allowance that covers more
        yield told(
            "of", _sets(order.of, relay.of, grows=grows), _list(order.of), _list(relay.of)
        )
    for field in sorted(order.more.keys() | relay.more.keys()):
        before, after = order.more.get(field), relay.more.get(field)
        if before != after:
            yield told(
                field, _MORE.get(field, _reworded)(before, after), *map(_any, (before, after))
            )
    for language in sorted(order.text.keys() & relay.text.keys()):
        if order.text[language] != relay.text[language]:
            yield told(
                f"text {language}", "reworded", order.text[language], relay.text[language]
            )


def _due(order: Due | None, relay: Due | None) -> Kind:
    if order is None:
        return "stricter"
    if relay is None:
        return "looser"
    # By another clock it may be later, so it cannot pass as none.
    return "stricter" if relay.looser(order) is False else "looser"


def _when(due: Due | None) -> str | None:
    return None if due is None else due.words()


def _steps(order: Clause, relay: Clause) -> Kind:
    sooner = len(relay.escalate) >= len(order.escalate) and all(
        mine <= theirs for mine, theirs in zip(relay.escalate, order.escalate, strict=False)
    )
    return "stricter" if sooner else "looser"


def _spans(clause: Clause) -> str | None:
    return ", ".join(map(span, clause.escalate)) or None


def _open(clause: Clause) -> str:
    return "open to whoever registers" if clause.open else "a closed list"


def _sets(before: Iterable[str], after: Iterable[str], *, grows: bool) -> Kind:
    """Tell of two sets: ``grows``, where having more allows more."""
    more = not set(after) <= set(before)
    less = not set(before) <= set(after)
    return "looser" if (more if grows else less) else "stricter"


def _list(names: Iterable[str]) -> str | None:
    return ", ".join(names) or None


def _any(value: object) -> str | None:
    if isinstance(value, tuple):
        return _list(value)
    return None if value is None else str(value)


def _names(value: object) -> Sequence[str]:
    return value if isinstance(value, tuple) else ()


def _reworded(_before: object, _after: object) -> Kind:
    return "reworded"


_MORE: dict[str, Callable[[object, object], Kind]] = {
    "unless_permitted": lambda _, after: "looser" if after else "stricter",
    "posts": lambda before, after: _sets(_names(before), _names(after), grows=True),
    "scope": lambda before, after: _sets(_names(before), _names(after), grows=True),
    "from_kinds": lambda before, after: _sets(_names(before), _names(after), grows=False),
    "expiry": lambda before, after: "looser" if after is None else "reworded",
}
"""What each of a kind's own words means; the others only differ."""


def _populations(order: Order, relay: Order) -> Iterator[Difference]:
    before, after = order.population, relay.population
    if (before.rank_from, before.rank_to) != (after.rank_from, after.rank_to):
        wider = (after.rank_from or 0) <= (before.rank_from or 0) and (after.rank_to or 99) >= (
            before.rank_to or 99
        )
        yield _whom("rank", wider=wider, order=_ranks(before), relay=_ranks(after))
    if before.duty != after.duty:
        wider = after.duty is None or (
            before.duty is not None and set(before.duty) <= set(after.duty)
        )
        yield _whom(
            "duty",
            wider=wider,
            order=_list(before.duty or ()),
            relay=_list(after.duty or ()),
        )
    for field in ("except_units", "except_posts"):
        spared, now = getattr(before, field), getattr(after, field)
        if set(spared) != set(now):
            wider = set(now) <= set(spared)
            yield _whom(field, wider=wider, order=_list(spared), relay=_list(now))
    if order.standing != relay.standing:
        yield _whom(
            "standing",
            wider=relay.standing,
            order=_standing(order),
            relay=_standing(relay),
        )


def _whom(field: str, *, wider: bool, order: str | None, relay: str | None) -> Difference:
    kind: Kind = "stricter" if wider else "looser"
    return Difference(field=field, kind=kind, order=order, relay=relay)


def _ranks(population: Population) -> str | None:
    low, high = population.rank_from, population.rank_to
    if low is None and high is None:
        return None
    return f"BPS-{low or 1} to BPS-{high or 22}"


def _standing(order: Order) -> str:
    return "also who begins to match later" if order.standing else "only who matches now"


def must_not_relax(
    number: str, differences: Iterable[Difference], who: str = "A relay may tighten and"
) -> None:
    """Refuse a text that relaxes the order ``number``, with both wordings of each place.

    Raises:
        Refused: it does.

    """
    looser = [one.words() for one in differences if one.kind == "looser"]
    if looser:
        raise Refused(f"{who} never relax {number}: {'; '.join(looser)}.")
