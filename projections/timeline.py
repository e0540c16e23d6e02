"""What happened, in the order of the ledger: entries of a directive, an officer or a unit.

In: the ledger itself, by stream. Out: entries, each with a sentence that a person can read.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, tzinfo
from typing import assert_never

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
from domain.authority import Authority
from domain.fact import FOREVER, Fact, words
from ledger.codec import Entry, decode
from ledger.links import waiting
from projections import cases, hops, permissions
from projections.database import Database, Moment, listed

_PAGE = 2_000


def entries(
    db: Database,
    name: str,
    *,
    officer: str | None = None,
    unit: str | None = None,
    known: int | None = None,
) -> Iterator[Entry]:
    """Yield a directive's entries, oldest first; of one officer, or of one unit, if given."""
    ranges = [f"directive-{name}.", f"relay-{name}.{unit + '.' if unit else ''}", "roll_call-"]
    streams = cases.streams(db, name, officer, unit)
    if unit is None:
        ranges.append(f"service-{name}.{officer + '.' if officer else ''}")
        streams += permissions.streams(db, name, officer)
    else:
        ranges[2] = f"roll_call-{unit}."
    tightened = [] if officer is None else _tightened(db, name, officer, known)
    for entry in written(db, ranges, known, streams):
        if _concerns(entry.fact, name, officer) or entry.position in tightened:
            yield entry


def _tightened(db: Database, name: str, officer: str, known: int | None) -> list[int]:
    """Return the entries that tightened it for the unit that served an officer."""
    served = db.tuples(
        "SELECT served_by FROM {standing}"
        " WHERE directive = :d AND officer = :o AND position <= :p",
        d=name,
        o=officer,
        p=FOREVER if known is None else known,
    )
    moment = Moment(FOREVER, known)
    return [one for row in served for one in hops.tightened(db, name, row[0], moment)]


def written(
    db: Database, ranges: Sequence[str], known: int | None = None, streams: Sequence[str] = ()
) -> Iterator[Entry]:
    """Yield the entries of all streams whose names begin so, or are these, oldest first."""
    each = [
        f"(originator_id >= :from_{n} AND originator_id < :to_{n})" for n in range(len(ranges))
    ]
    values: dict[str, object] = {}
    if streams:
        # An array that is known beforehand: each of its names is looked up.
        named = f"IN ({db.names})" if db.dialect == "sqlite" else f"= ANY (ARRAY({db.names}))"
        each.append(f"originator_id {named}")
        values["names"] = listed(streams)
    where = " OR ".join(each)
    for n, start in enumerate(ranges):
        values |= {f"from_{n}": start, f"to_{n}": start[:-1] + chr(ord(start[-1]) + 1)}
    after = 0
    while True:
        page = db.run(
            "SELECT notification_id, originator_id, originator_version, topic, state"
            f" FROM stored_events WHERE ({where}) AND notification_id > :after"
            " AND notification_id <= :known ORDER BY notification_id LIMIT :limit",
            after=after,
            known=2**53 if known is None else known,
            limit=_PAGE,
            **values,
        ).fetchall()
        waits = waiting(db.conn, [line[0] for line in page])
        for position, stream, version, topic, state in page:
            if position in waits:
                continue
            yield Entry(position, stream, version, decode(topic, bytes(state)))
        if len(page) < _PAGE:
            return
        after = page[-1][0]


def _concerns(fact: Fact, name: str, officer: str | None) -> bool:
    match fact:
        case roll_call.Held():
            return fact.directive == name and (
                officer is None or officer in fact.officers or officer in fact.absent
            )
        case relay.OfficersServed():
            return officer is None or officer in fact.officers
        case (
            relay.Received()
            | relay.ReceivedAgain()
            | relay.Acknowledged()
            | relay.Forwarded()
            | relay.ClauseTightened()
            | relay.DriftFound()
            | relay.Reminded()
            | relay.Escalated()
            | returns.ReturnSubmitted()
            | returns.ReturnEscalated()
        ):
            return officer is None
        case returns.ReturnContradicted():
            return officer in (None, fact.officer)
        case _:
            return True


def _many(count: int, one: str, more: str) -> str:
    return f"{count:,} {one if count == 1 else more}"


def _hour(at: datetime, zone: tzinfo) -> str:
    return at.astimezone(zone).isoformat(" ", "minutes")


def sentence(entry: Entry, zone: tzinfo = UTC) -> str:
    """Return what an entry says, in a sentence; hours beside the entry's own in ``zone``."""
    fact = entry.fact
    parts = entry.stream.split("-", 1)[1].split(".")
    here = parts[1] if len(parts) > 2 else parts[0]  # noqa: PLR2004 - thing.of.office
    match fact:
        case directive.Issued():
            return (
                f"{fact.order.issuer} issued {fact.number}: {words(fact.order.terms.subject)}."
            )
        case directive.Authorised():
            return f"{held(fact.authority)}; the order stands on that."
        case directive.Amended():
            kind = "materially" if fact.material else "immaterially"
            return f"It was {kind} amended; version {fact.version} is in force."
        case directive.Superseded():
            return f"It was superseded by {fact.by}."
        case directive.Withdrawn():
            return f"It was withdrawn: {fact.reason.rstrip('.')}."
        case directive.Backed():
            holder = fact.authority.officer
            by = f"{fact.authority.post} ({holder})" if holder else fact.authority.post
            return f"{by} linked it to the signed instrument {fact.instrument}: it is backed."
        case relay.Received():
            return f"{here} received it from {fact.sender}."
        case relay.ReceivedAgain():
            return f"It reached {here} again, by {fact.via}; the first receipt counts."
        case relay.Acknowledged():
            by = f"{fact.by} ({fact.officer})" if fact.officer else fact.by
            return f"{here} acknowledged receipt, by {by}."
        case relay.Forwarded():
            units = _many(len(fact.to), "unit", "units")
            if fact.vacant_since is not None:
                return (
                    f"{here} forwarded it by rule to {units}: the desk had been vacant since "
                    f"{_hour(datetime.fromisoformat(fact.vacant_since), zone)} and its grace had run out."
                )
            return f"{here} forwarded it to {units}."
        case relay.OfficersServed():
            joined = " who joined later" if fact.joined else ""
            return f"{here} served it on {_many(len(fact.officers), 'officer', 'officers')}{joined}."
        case relay.ClauseTightened():
            now = "admits nobody more" if fact.due is None else f"is due {fact.due.words()}"
            was = f" instead of {fact.was.words()}" if fact.due and fact.was else ""
            return (
                f"{fact.authority.post} tightened it for {here} and all below: "
                f"{fact.clause} {now}{was}."
            )
        case relay.DriftFound():
            looser = [one for one in fact.differences if one.kind == "looser"]
            called = f" ({fact.number})" if fact.number else ""
            how = (
                f"is looser in {_many(len(looser), 'place', 'places')}: "
                f"{'; '.join(one.words() for one in looser)}"
                if looser
                else "relaxes nothing"
            )
            return f"The text of {fact.issuer}{called}, passed on in {here}, {how}."
        case relay.Reminded():
            return f"{fact.post} ({fact.officer}) at {here} was reminded to acknowledge."
        case relay.Escalated():
            return (
                f"{_many(fact.officers, 'officer', 'officers')} of {here} overdue with "
                f"{fact.clause}: level {fact.level} went to {_told(fact)}."
            )
        case (
            returns.ReturnSubmitted() | returns.ReturnContradicted() | returns.ReturnEscalated()
        ):
            return _of_return(fact, here, zone)
        case service.Read():
            return f"{here} read it."
        case service.Acknowledged():
            return f"{here} acknowledged it."
        case service.Complied():
            what = fact.clause or "it"
            on = f", on evidence {fact.evidence}" if fact.evidence else ""
            return f"{here} complied with {what}{on}."
        case service.Contested():
            return f"{here} contested it: {fact.reason.rstrip('.')}."
        case service.Decided():
            return f"{fact.by} decided the contest of {here}: {fact.outcome}."
        case service.Exempted():
            return f"{fact.by} exempted {here} from {fact.clause or 'all of it'}: {fact.reason.rstrip('.')}."
        case roll_call.Held():
            absent = f", {len(fact.absent):,} absent" if fact.absent else ""
            verb = "acknowledged" if fact.kind == "acknowledged" else "complied"
            return (
                f"At roll call in {fact.unit}, {_many(len(fact.officers), 'officer', 'officers')} "
                f"{verb}{absent}; diary {fact.diary}, entered {_hour(fact.recorded_at, zone)}."
            )
        case (
            permission.Requested()
            | permission.Granted()
            | permission.Refused()
            | permission.Revoked()
            | permission.Expired()
        ):
            return _of_permission(fact, here, zone)
        case _:
            return other(fact, here, zone)


def held(ground: Authority) -> str:
    """Return who held a post, in which charge and rank."""
    if ground.officer is None:
        return f"{ground.post} was vacant"
    rank = "" if ground.rank is None else f", BPS-{ground.rank}"
    return f"{ground.post} was held by {ground.officer} ({ground.charge}{rank})"


def _of_permission(fact: permission.Event, here: str, zone: tzinfo) -> str:
    match fact:
        case permission.Requested():
            desk = fact.decider
            decides = f"{desk.post} ({desk.officer or 'vacant'}) decides"
            return (
                f"{fact.officer} of {fact.unit} asked leave of {fact.clause} for {fact.scope}, "
                f"until {_hour(fact.until, zone)} ({here}): {fact.why.rstrip('.')}; {decides}."
            )
        case permission.Granted():
            return (
                f"{_desk(fact.authority)} granted {here} for {fact.scope}, "
                f"until {_hour(fact.until, zone)}: {fact.reason.rstrip('.')}."
            )
        case permission.Refused() | permission.Revoked():
            done = "refused" if isinstance(fact, permission.Refused) else "revoked"
            why = f": {fact.reason.rstrip('.')}" if fact.reason else ""
            return f"{_desk(fact.authority)} {done} {here}{why}."
        case permission.Expired():
            return f"{here} expired."
        case _:
            assert_never(fact)


def _told(fact: relay.Escalated | returns.ReturnEscalated) -> str:
    """Return whom an escalation told, and the vacant desks that it passed."""
    passed = f", passing {', '.join(fact.passed)} (vacant)" if fact.passed else ""
    if fact.to_officer is None:
        return f"nobody: every desk is vacant{passed}"
    return f"{fact.to_post} ({fact.to_officer}){passed}"


def _desk(authority: Authority) -> str:
    return f"{authority.post} ({authority.officer})" if authority.officer else authority.post


def _of_return(fact: returns.Event, here: str, zone: tzinfo) -> str:
    match fact:
        case returns.ReturnSubmitted():
            by = f"{fact.by} ({fact.authority.officer})" if fact.authority.officer else fact.by
            what = "full compliance: " if fact.full else ""
            return (
                f"{by} certified for {here} under {fact.clause} {what}{fact.claimed:,} complied; "
                f"{fact.known:,} of {fact.population:,} were known to have."
            )
        case returns.ReturnContradicted():
            whom = f" ({fact.officer})" if fact.officer else ""
            by = f" by {fact.by}" if fact.by else ""
            return (
                f"The return of {here} under {fact.clause} was contradicted{by}{whom}: "
                f"{fact.evidence.rstrip('.')}."
            )
        case returns.ReturnEscalated():
            due = _hour(datetime.fromisoformat(fact.due), zone)
            return (
                f"The return of {here} under {fact.clause}, due {due}, is overdue: level "
                f"{fact.level} went to {_told(fact)}."
            )
        case _:
            assert_never(fact)


def other(fact: Fact, here: str, zone: tzinfo = UTC) -> str:
    """Return what a fact of the force, the roll or a case says, in a sentence."""
    match fact:
        case force.Established():
            return f"{here} was established."
        case roll.Mustered():
            return f"{_many(len(fact.officers), 'officer was', 'officers were')} mustered in {fact.unit}."
        case roll.Corrected():
            return f"The roll of {fact.unit} corrected {_many(len(fact.officers), 'officer', 'officers')}."
        case roll.Posted():
            return f"{fact.officer} was posted to {fact.unit}."
        case roll.Promoted():
            return f"{fact.officer} now has rank BPS-{fact.rank}."
        case roll.DutyChanged():
            return f"{fact.officer} is now {roll.DUTY_WORDS[fact.duty]}."
        case roll.Retired():
            return f"{fact.officer} {'died' if fact.died else 'left the force'}."
        case force.ChargeAssumed():
            return f"{fact.officer} assumed {fact.charge} charge of {fact.post}."
        case force.ChargeRelinquished():
            return f"{fact.officer} gave up charge of {fact.post}."
        case (
            office.Commissioned()
            | office.KeyRegistered()
            | office.Admitted()
            | office.HandoverOpened()
            | office.Manifested()
            | office.TakenOver()
            | office.SkewSeen()
        ):
            return _of_office(fact)
        case (
            case.BreachReported()
            | case.NoticeServed()
            | case.Answered()
            | case.Decided()
            | case.Appealed()
            | case.AppealDecided()
            | case.Reinstated()
        ):
            return _of_case(fact, here, zone)
        case official.GroupEntered() | official.AccountEntered():
            return _entered(fact)
        case official.GroupPassed() | official.AccountPassed():
            return f"{fact.post} runs {here} from then on."
        case official.GroupClosed() | official.AccountClosed():
            return f"{here} was closed: {fact.reason.rstrip('.')}."
        case instrument.Entered():
            cited = fact.paper.citation or "an instrument"
            kind = f"{words(fact.paper.sender)}, {fact.paper.form}"
            return f"{fact.instrument} was entered: {cited} of {fact.paper.dated} ({kind})."
        case _:
            return f"{fact.stored.split('@')[0]} of {here}."


def _of_case(fact: case.Event, here: str, zone: tzinfo) -> str:
    match fact:
        case case.BreachReported():
            by = "" if fact.authority is None else f" by {fact.authority.post}"
            return (
                f"{fact.officer} of {fact.unit} was reported{by} to have breached {fact.clause}: "
                f"case {here}, on evidence {fact.evidence.rstrip('.')}."
            )
        case case.NoticeServed():
            return (
                f"{fact.authority.post} served notice in case {here}, to be answered by "
                f"{_hour(fact.until, zone)}."
            )
        case case.Answered():
            return f"The notice in case {here} was answered: {fact.text.rstrip('.')}."
        case case.Decided():
            outcome = fact.outcome.replace("_", " ")
            return f"{fact.authority.post} decided case {here}: {outcome}. {fact.reason.rstrip('.')}."
        case case.Appealed():
            return (
                f"The decision in case {here} was appealed against: {fact.reason.rstrip('.')}."
            )
        case case.AppealDecided():
            to = "" if fact.reduced_to is None else f" to {fact.reduced_to.replace('_', ' ')}"
            outcome = fact.outcome.replace("_", " ")
            return (
                f"{fact.authority.post} decided the appeal in case {here}: {outcome}{to}. "
                f"{fact.reason.rstrip('.')}."
            )
        case case.Reinstated():
            return (
                f"{fact.authority.post} reinstated the officer of case {here}: "
                f"{fact.reason.rstrip('.')}."
            )
        case _:
            assert_never(fact)


def _entered(fact: official.Entered) -> str:
    kind = fact.stored.partition(".")[0]
    under = f", under {fact.under.clause} of {fact.under.directive}" if fact.under else ""
    return (
        f"The {kind} {fact.name} on {fact.platform} was entered as {fact.unit}'s, run by "
        f"{fact.post}{under}."
    )


def _of_office(fact: office.Event) -> str:
    match fact:
        case office.Commissioned():
            return f"An office {fact.office} was commissioned for {fact.unit}."
        case office.KeyRegistered():
            return f"The office {fact.office} registered its key."
        case office.Admitted():
            return f"The office {fact.office} was admitted."
        case office.HandoverOpened():
            units = _many(len(fact.units), "unit", "units")
            return f"The hand-over of {units} to the office {fact.office} was opened."
        case office.Manifested():
            entries = _many(fact.entries, "entry was", "entries were")
            return f"{entries} stated as handed over to the office {fact.office}."
        case office.TakenOver():
            return f"The office {fact.office} took over."
        case office.SkewSeen():
            return f"The clock of the office {fact.office} was seen {fact.seconds:+,} s off."
        case _:
            assert_never(fact)
