"""Whether a copy is what was issued, to the byte; and if not, where it differs (K1).

A leak is not an issuance, and neither is an old order with another number and date: whoever
holds a copy of an order's file may ask. Kept of a wording are its terms and the SHA-256 of its
file, so a copy that is not the file itself is compared term by term.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from domain.directive import Directive, Order, Version
from domain.errors import Misused, Unknown
from domain.fact import instant
from office import wording
from office.wording import Difference
from projections import directives, force, instruments
from projections.database import Database, Moment
from projections.directives import cited
from projections.force import text


class Copy(NamedTuple):
    """A copy of an order, as far as it can be read as one."""

    number: str | None
    """As it stands there; None: it leaves its number to whoever issues it."""
    order: Order


def authentic(db: Database, sha256: str, copy: Copy | None, asked: Moment) -> dict[str, Any]:
    """Tell whether exactly this file was issued, as which order and version.

    ``copy`` is what the file says, if it can be read: compared where the bytes were not issued.
    """
    found = [
        (name, version)
        for name, version in directives.worded(db, sha256)
        if _version(db.directive(name), version).since <= asked.at
    ]
    if not found:
        return _unknown(db, sha256, copy, asked)
    in_force = [one for one in found if db.directive(one[0]).state_at(asked.at) == "in_force"]
    name, version = (in_force or found)[0]
    order = db.directive(name)
    zone_ = force.zone(db)
    return {
        "authentic": True,
        "directive": name,
        "number": order.number,
        "version": version,
        "version_in_force": order.version_at(asked.at).number,
        "issued_at": instant(_version(order, version).since).astimezone(zone_),
        "state": order.state_at(asked.at),
        "backed": order.backed(asked.at),
        "as_of": instant(asked.at).astimezone(zone_),
        "also": [other for other, _ in found if other != name],
        "because": "Exactly this text was issued here.",
        "differences": [],
    }


def _version(order: Directive, number: int) -> Version:
    return next(version for version in order.versions if version.number == number)


def _unknown(db: Database, sha256: str, copy: Copy | None, asked: Moment) -> dict[str, Any]:
    because = "No order with this text was issued here."
    paper = instruments.of_text(db, sha256)
    if paper is not None:
        because += f" It is the instrument {paper.id} from outside, which binds nobody."
    like = None if copy is None else _like(db, copy)
    different: Sequence[Difference] = ()
    order: Directive | None = None
    version: Version | None = None
    if copy is not None and like is not None:
        order = db.directive(like[0])
        each = [
            (tuple(_differences(order, one, copy)), -one.number, one) for one in order.versions
        ]
        different, _, version = min(each, key=lambda found: (len(found[0]), found[1]))
        because += f" {order.number} ({like[0]}) has {like[1]}"
        because += (
            " and differs from it."
            if different
            else ", and says the same in other bytes: the file was written anew."
        )
    return {
        "authentic": False,
        "directive": None if like is None else like[0],
        "number": None if order is None else order.number,
        "version": None if version is None else version.number,
        "version_in_force": None if order is None else order.version_at(asked.at).number,
        "issued_at": None
        if version is None
        else instant(version.since).astimezone(force.zone(db)),
        "state": None if order is None else order.state_at(asked.at),
        "backed": None if order is None else order.backed(asked.at),
        "as_of": instant(asked.at).astimezone(force.zone(db)),
        "also": [],
        "because": because,
        "differences": [
            {"field": one.field, "line": one.line, "issued": one.one, "copy": one.other}
            for one in different
        ],
    }


def _like(db: Database, copy: Copy) -> tuple[str, str] | None:
    """Return the order that a copy pretends to be, and by what: its number, else its subject."""
    if copy.number is not None:
        try:
            return directives.find(db, copy.number), "its number"
        except (Unknown, Misused):
            pass  # the number is what was changed, perhaps
    found = db.tuples(
        "SELECT directive FROM {directives} WHERE subject = :s ORDER BY position DESC LIMIT 1",
        s=text(copy.order.terms.subject),
    )
    return (found[0][0], "its subject") if found else None


def _differences(issued: Directive, version: Version, copy: Copy) -> Iterator[Difference]:
    """Yield where a copy differs from a wording, in the order of a directive's file."""
    if copy.number is not None and cited(copy.number) != cited(issued.number):
        yield Difference("number", None, issued.number, copy.number)
    if issued.order is not None:
        for name in Order.model_fields:
            if name not in ("label", "terms"):
                mine, other = getattr(issued.order, name), getattr(copy.order, name)
                yield from wording.parts(name, mine, other)
    yield from wording.terms(version.terms, copy.order.terms)
