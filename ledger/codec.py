"""The stored form of facts: canonical JSON out, validated facts in.

ASCII keys, sorted, no nulls, no floats: the bytes are canonical as they stand (RFC 8785
within those limits) and are never written again. A stored name carries its version,
``service.acknowledged@1``; names are frozen, and an old version is lifted by a pure
function in `UPCASTERS` before it is read.
"""

from collections.abc import Callable, Mapping
from datetime import UTC
from typing import Any, NamedTuple, get_args

import orjson
from pydantic import BaseModel

from domain import (
    case,
    directive,
    force,
    instrument,
    office,
    official,
    permission,
    relay,
    returns,
    roll,
    roll_call,
    service,
)
from domain.errors import CorruptStream, Refused
from domain.fact import Fact

LARGEST = 512 * 1024
"""Bytes of one entry, at most: what a link can carry with room to spare."""

FACTS: Mapping[str, type[Fact]] = {
    cls.stored: cls
    for union in (
        force.Event,
        roll.Event,
        directive.Event,
        relay.Event,
        returns.Event,
        service.Event,
        roll_call.Event,
        office.Event,
        permission.Event,
        case.Event,
        official.Event,
        instrument.Event,
    )
    for cls in (get_args(union) or (union,))
}
"""Every fact by its stored name."""

UPCASTERS: Mapping[str, Callable[[dict[str, Any]], tuple[str, dict[str, Any]]]] = {}
"""Old stored name -> a pure function from the old object to a newer name and object."""


def names() -> tuple[str, ...]:
    """Return the stored names that this Farman understands, sorted."""
    return tuple(sorted({*FACTS, *UPCASTERS}))


class Entry(NamedTuple):
    """One line of the ledger, understood."""

    position: int
    """Its place in the ledger: rises, may skip."""
    stream: str
    version: int
    """Its place in the stream: 1, 2, 3, no gaps."""
    fact: Fact


def _plain(value: object) -> object:
    if isinstance(value, BaseModel):
        return {k: v for k, v in value.__dict__.items() if v is not None}
    if isinstance(value, frozenset):
        return sorted(value)
    msg = f"{type(value).__name__} has no stored form"
    raise TypeError(msg)


def encode(fact: Fact) -> bytes:
    """Return the canonical bytes of a fact.

    Raises:
        Refused: it is larger than an entry may be.

    """
    body = {k: v for k, v in fact.__dict__.items() if v is not None}
    offset = fact.at.utcoffset()
    if offset is not None and offset.seconds % 60:  # a local mean time: RFC 3339 cannot say it
        body["at"] = fact.at.astimezone(UTC)
    state = orjson.dumps(
        body, default=_plain, option=orjson.OPT_SORT_KEYS | orjson.OPT_STRICT_INTEGER
    )
    if len(state) > LARGEST:
        raise Refused(
            f"This {fact.stored.split('@')[0]} would be {len(state):,} bytes; an entry holds at "
            f"most {LARGEST:,}. Shorten its text."
        )
    return state


def decode(name: str, state: bytes) -> Fact:
    """Return the fact of stored bytes, validated.

    Raises:
        CorruptStream: the name is not known, or the bytes are not such a fact.

    """
    cls = FACTS.get(name)
    try:
        if cls is None:
            lift = UPCASTERS.get(name)
            if lift is None:
                raise CorruptStream(
                    f"The ledger holds {name!r}, which this Farman does not understand: "
                    "it was written by a newer one. Upgrade."
                )
            newer, body = lift(orjson.loads(state))
            return decode(newer, orjson.dumps(body))
        return cls.__pydantic_validator__.validate_json(state)  # type: ignore[no-any-return]
    except ValueError as fault:
        raise CorruptStream(f"An entry {name!r} does not read as one: {fault}") from fault
