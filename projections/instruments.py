"""Instruments from outside the chain of command, and what a citation names.

In: their facts. Out: the instrument that is cited by an id or a citation; what the links of a
directive's lineage name, resolved when it is asked: what is entered later is found then.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import orjson

from domain import instrument
from domain.directive import Lineage, Link
from domain.errors import Misused, Unknown
from domain.fact import Micros, Text, micros
from domain.instrument import INSTRUMENT, Entered
from ledger.codec import Entry, decode
from ledger.store import select_stream
from projections import directives
from projections.database import Database
from projections.directives import cited
from projections.force import text
from projections.tables import columns

Form: TypeAlias = Literal["signed", "conveyed"]


def apply(db: Database, entries: Sequence[Entry]) -> None:
    """Write down what was entered."""
    rows: list[tuple[object, ...]] = []
    for position, stream, _, fact in entries:
        if not isinstance(fact, Entered):
            msg = f"{fact.stored} is not a fact of an instrument"
            raise TypeError(msg)
        paper = fact.paper
        rows.append(
            (
                fact.instrument, stream.rpartition(".")[2], fact.serial, position,
                micros(fact.at), paper.citation,
                None if paper.citation is None else cited(paper.citation),
                text(paper.sender), paper.dated, paper.form, text(paper.subject), fact.text,
            )
        )  # fmt: skip
    db.put("instruments", columns("instruments"), rows)


@dataclass(frozen=True, slots=True)
class Instrument:
    """An instrument, as a list shows it."""

    id: str
    citation: str | None
    sender: Text
    dated: str
    form: Form
    subject: Text
    at: Micros
    """When it was entered."""

    @property
    def names(self) -> frozenset[str]:
        """By which it is cited: its id, and its citation as that is compared."""
        return frozenset(n for n in (self.id, cited(self.citation or "")) if n)


_COLUMNS = "instrument, citation, sender, dated, form, subject, at"


def _found(db: Database, where: str, **params: object) -> list[Instrument]:
    return [
        Instrument(
            row[0], row[1], orjson.loads(row[2]), row[3], row[4], orjson.loads(row[5]), row[6]
        )
        for row in db.tuples(
            f"SELECT {_COLUMNS} FROM {{instruments}} WHERE {where} ORDER BY position", **params
        )
    ]


def every(db: Database) -> list[Instrument]:
    """Return all, in the order of their entry."""
    return _found(db, "1 = 1")


def of_text(db: Database, sha256: str) -> Instrument | None:
    """Return the one that was entered from exactly this file."""
    return next(iter(_found(db, "text = :x", x=sha256)), None)


def find(db: Database, ref: str) -> Instrument | None:
    """Return the instrument that ``ref`` cites by id or citation; None: there is none.

    Where the same paper was first reported and then came signed, the signed one is meant.

    Raises:
        Misused: several are cited so.

    """
    found = _found(db, "instrument = :r", r=ref) or _found(db, "cited = :r", r=cited(ref))
    signed = [one for one in found if one.form == "signed"]
    meant = signed or found
    if len(meant) > 1:
        raise Misused(
            f"Several instruments are cited as {ref!r}: {', '.join(one.id for one in meant)}. "
            "Name one by its id."
        )
    return meant[0] if meant else None


def entered(db: Database, name: str) -> Entered:
    """Return all that was entered of an instrument, from its own stream."""
    lines = select_stream(db.conn, instrument.stream(name, name.rpartition("-")[0]))
    state = INSTRUMENT.fold(decode(line[3], line[4]) for line in lines)  # type: ignore[misc]  # its facts alone
    if state.entered is None:
        raise Unknown(f"There is no instrument {name!r}; `farman instrument list` lists them.")
    return state.entered


@dataclass(frozen=True, slots=True)
class Linked:
    """A link of a directive's lineage, and what it names."""

    relation: str
    ref: str
    """As it is cited."""
    reason: str | None
    kind: Literal["directive", "instrument", "text"]
    """``text``: neither an order nor an instrument that is known here, or several are."""
    id: str | None


def own(db: Database, ref: str) -> str | None:
    """Return the directive of this force that is cited so; None: there is none, or several are."""
    try:
        return directives.find(db, ref)
    except (Unknown, Misused):
        return None


def foreign(db: Database, ref: str) -> Instrument | None:
    """Return the instrument that is cited so; None: there is none, or several are."""
    try:
        return find(db, ref)
    except Misused:
        return None


def links(db: Database, lineage: Lineage) -> Iterator[Linked]:
    """Yield a directive's links, each with what it names as far as that is known here now.

    What is adopted is looked for among the instruments first, all else among the directives.
    """
    for relation in Lineage.model_fields:
        each: Sequence[Link] = getattr(lineage, relation)
        for link in each:
            paper, order = foreign(db, link.ref), own(db, link.ref)
            if paper is not None and (order is None or relation == "adopts"):
                yield Linked(relation, link.ref, link.reason, "instrument", paper.id)
            elif order is not None:
                yield Linked(relation, link.ref, link.reason, "directive", order)
            else:
                yield Linked(relation, link.ref, link.reason, "text", None)
