"""A page of the ledger, applied: every projection, in ledger order, as far as the page goes.

Safe: rows and checkpoint change in the caller's one transaction, so a page is applied once.
Neighbouring entries of one kind are taken together; a kind that reads what another wrote
comes after it, because the ledger has it after it.
"""

from collections.abc import Callable, Sequence

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
from domain.fact import Fact
from ledger.codec import Entry
from projections import (
    answers,
    cases,
    directives,
    hops,
    instruments,
    offices,
    officials,
    permissions,
    standing,
)
from projections import force as force_
from projections import returns as returns_
from projections import roll as roll_
from projections.database import Database

PAGE = 5_000
"""Entries in one transaction."""


def _roll(db: Database, entries: Sequence[Entry]) -> None:
    standing.moves(db, roll_.apply(db, entries))


def _directives(db: Database, entries: Sequence[Entry]) -> None:
    for entry in entries:
        if directives.apply(db, entry):
            standing.ask_again(db, entry.stream.removeprefix("directive-").rsplit(".", 1)[0])


def _serve(db: Database, entries: Sequence[Entry]) -> None:
    hops.apply(db, entries)
    standing.serve(db, entries)


def _tighten(db: Database, entries: Sequence[Entry]) -> None:
    for entry in entries:  # each is counted on what those before it left
        hops.apply(db, [entry])
        standing.tighten(db, entry)


_KINDS: tuple[tuple[Callable[[Database, Sequence[Entry]], None], tuple[type[Fact], ...]], ...] = (
    (
        force_.apply,
        (
            force.Described, force.Established, force.Renamed, force.Reclassified, force.Moved,
            force.Created, force.Revised, force.ChargeAssumed, force.ChargeRelinquished,
        ),
    ),
    (
        _roll,
        (
            roll.Mustered, roll.Corrected, roll.Posted, roll.Promoted, roll.DutyChanged,
            roll.Retired,
        ),
    ),
    (
        _directives,
        (
            directive.Issued, directive.Authorised, directive.Amended, directive.Superseded,
            directive.Withdrawn, directive.Backed,
        ),
    ),
    (
        hops.apply,
        (
            relay.Received, relay.ReceivedAgain, relay.Acknowledged, relay.Forwarded,
            relay.Reminded, relay.Escalated, relay.DriftFound,
        ),
    ),
    (_serve, (relay.OfficersServed,)),
    (_tighten, (relay.ClauseTightened,)),
    (standing.plead, (service.Contested, service.Decided, service.Exempted)),
    (
        answers.apply,
        (service.Read, service.Acknowledged, service.Complied, roll_call.Held),
    ),
    (
        offices.apply,
        (
            office.Commissioned, office.KeyRegistered, office.Admitted, office.HandoverOpened,
            office.Manifested, office.TakenOver, office.SkewSeen,
        ),
    ),
    (
        permissions.apply,
        (
            permission.Requested, permission.Granted, permission.Refused, permission.Revoked,
            permission.Expired,
        ),
    ),
    (
        cases.apply,
        (
            case.BreachReported, case.NoticeServed, case.Answered, case.Decided, case.Appealed,
            case.AppealDecided, case.Reinstated,
        ),
    ),
    (
        officials.apply,
        (
            official.GroupEntered, official.GroupPassed, official.GroupClosed,
            official.AccountEntered, official.AccountPassed, official.AccountClosed,
        ),
    ),
    (instruments.apply, (instrument.Entered,)),
    (
        returns_.apply,
        (returns.ReturnSubmitted, returns.ReturnContradicted, returns.ReturnEscalated),
    ),
)  # fmt: skip
_APPLY = {cls: apply for apply, classes in _KINDS for cls in classes}
"""Every fact has exactly one line here; a test holds it against the codec."""


def apply(db: Database, entries: Sequence[Entry], upto: int | None = None) -> None:
    """Apply the entries, in order, and move the checkpoint to the last of them.

    ``upto``: the position the page goes to, if what follows the last entry is not understood.
    """
    start = 0
    for end in range(1, len(entries) + 1):
        apply_ = _APPLY[type(entries[start].fact)]
        if end == len(entries) or _APPLY[type(entries[end].fact)] is not apply_:
            db.upto = entries[end - 1].position
            apply_(db, entries[start:end])
            start = end
    db.upto = None
    if upto is None and entries:
        upto = entries[-1].position
    if upto is not None:
        db.mark("position", upto)
