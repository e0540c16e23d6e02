"""An office: one running Farman with its own ledger. Every command and question goes here.

A command is one durable transaction: when its method returns, what it wrote is durable, the
cascade has done all it can and the projections show it. A question reads one snapshot and
moves nothing. Instants go in and come out as aware datetimes, out in the force's zone.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar
from zoneinfo import ZoneInfo

from domain.case import NOTICE
from domain.directive import Directive, Order, Terms
from domain.errors import Contended, Misused, Refused, Unavailable, Unknown
from domain.fact import Micros, Text, micros
from domain.force import Post, Tree, Unit
from domain.instrument import Paper
from domain.official import Kind
from ledger.store import Store, head
from office import (
    answers,
    authentic,
    casebook,
    cases,
    commission,
    directives,
    permissions,
    questions,
    registers,
    returns,
    roll,
    shown,
    tick,
)
from office import force as force_
from office.answers import Ask, Job
from office.cases import Breach
from office.commission import Handover
from office.door import Door, committed
from office.home import Home
from office.work import Work, prepare, understands_more, working
from projections import directives as cited
from projections import force as known_force
from projections import rebuild, tables
from projections.database import Database, Folded, Kept

T = TypeVar("T")
Progress = Callable[[str, int, int | None], None]


def _quiet(_what: str, _done: int, _of: int | None) -> None:
    return None


class Office:
    """Commands and questions on one home."""

    def __init__(self, home: Home, now: datetime | None = None) -> None:
        self.home = home
        self.now = home.clock(now)
        self._kept: Kept = {}
        self._folded: Folded = {}
        self.store = self._open()
        try:
            self._prepare()
        except BaseException:
            self.store.close()
            raise

    def _open(self) -> Store:
        new = self.home.is_new()
        try:
            return Store.open(self.home.url, create=new, stages=tables.stages)
        except Unknown as fault:
            raise Unavailable(
                f"The ledger of {self.home.path} is gone ({self.home.store_shown}): put it back "
                "from a backup; a home never begins a second one."
            ) from fault

    def _prepare(self) -> None:
        with self.store.reading() as conn:
            ready = conn.dialect.has_table(conn, "checkpoints")
            level = ready and Database(conn).checkpoint("position") >= head(conn)
            earlier = ready and Database(conn).checkpoint(tables.SHAPE) != tables.shape()
            upgraded = ready and understands_more(Database(conn))
        if not ready:
            prepare(self.store, rehearsal=self.home.rehearsal)
        self._same_kind()
        if self.home.is_new():
            self.home.made()
        if earlier:
            rebuild.rebuild(
                self.store
            )  # an earlier Farman's tables are made anew in this one's form
        if upgraded:
            self._do_over()
        elif not level:
            with self._working():
                pass  # catching up is how every work begins

    def _do_over(self) -> None:
        with self._working() as work:
            if understands_more(work.db):  # unless another process has just done so
                work.reconsider()

    def _same_kind(self) -> None:
        """Never let a real home write into a rehearsal's ledger, nor the reverse."""
        with self.store.reading() as conn:
            rehearsal = Database(conn).checkpoint("rehearsal") == 1
        if rehearsal != self.home.rehearsal:
            kind = "a rehearsal's" if rehearsal else "a real office's"
            raise Refused(
                f"The ledger at {self.home.store_shown} is {kind}, the home {self.home.path} is "
                "not: give each a store of its own."
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the store."""
        self.store.close()

    def _clock(self) -> datetime:
        return self.now if self.home.rehearsal else datetime.now(UTC)

    @contextmanager
    def _working(self) -> Iterator[Work]:
        now = self._clock()
        with working(self.store, self.home.office, now, self._folded, self._kept) as work:
            yield work

    @contextmanager
    def _reading(self) -> Iterator[Database]:
        with self.store.reading() as conn:
            yield Database(conn, kept=self._kept, folded=self._folded)

    def _do(self, command: Callable[[Work], dict[str, Any]]) -> dict[str, Any]:
        with self._working() as work:
            return command(work)

    # Commands.

    def import_force(
        self,
        *,
        force: str,
        name: Text,
        timezone: str,
        since: datetime,
        units: Sequence[Unit],
        posts: Sequence[Post],
        dry_run: bool = False,
    ) -> dict[str, Any]:
        """Import a command tree; all of it or nothing."""
        sheet = force_.Sheet(force, name, timezone, since, units, posts)
        return self._do(lambda work: force_.import_force(work, sheet, dry_run=dry_run))

    def import_roll(
        self,
        rows: Sequence[Any],
        columns: frozenset[str] = frozenset(),
        *,
        at: datetime | None = None,
        dry_run: bool = False,
        accept_good: bool = False,
        progress: Progress | None = None,
    ) -> dict[str, Any]:
        """Import a nominal roll; all of it or nothing. Rows come from the reader of the file."""
        del columns  # a missing column already says nothing in every row
        return self._do(
            lambda work: roll.import_roll(
                work,
                rows,
                at=at,
                dry_run=dry_run,
                accept_good=accept_good,
                progress=progress or _quiet,
            )
        )

    def issue(
        self, order: Order, text: str, *, at: datetime | None = None, again: bool = False
    ) -> dict[str, Any]:
        """Issue a directive; the same file again is the same directive."""
        return self._do(lambda work: directives.issue(work, order, text, at=at, again=again))

    def amend(
        self,
        ref: str,
        terms: Terms,
        text: str,
        *,
        material: bool = False,
        at: datetime | None = None,
    ) -> dict[str, Any]:
        """Amend a directive."""
        return self._do(
            lambda work: directives.amend(work, ref, terms, text, material=material, at=at)
        )

    def supersede(self, ref: str, by: str, *, at: datetime | None = None) -> dict[str, Any]:
        """Mark a directive as superseded by another."""
        return self._do(lambda work: directives.supersede(work, ref, by, at=at))

    def withdraw(self, ref: str, reason: str, *, at: datetime | None = None) -> dict[str, Any]:
        """Withdraw a directive."""
        return self._do(lambda work: directives.withdraw(work, ref, reason, at=at))

    def acknowledge_relay(
        self, ref: str, unit: str, *, by: str | None = None, at: datetime | None = None
    ) -> dict[str, Any]:
        """Acknowledge a directive for a unit."""
        return self._do(lambda work: directives.acknowledge(work, ref, unit, by=by, at=at))

    def tighten(
        self,
        ref: str,
        unit: str,
        clause: str,
        *,
        within: int | None = None,
        until: datetime | None = None,
        by: str | None = None,
        at: datetime | None = None,
    ) -> dict[str, Any]:
        """Shorten a clause's deadline for a unit and all below it, or close an exception."""
        return self._do(
            lambda work: directives.tighten(
                work, ref, unit, clause, within=within, until=until, by=by, at=at
            )
        )

    def drift(
        self,
        ref: str,
        unit: str,
        relayed: Order,
        text: str,
        *,
        record: bool = False,
        by: str | None = None,
        at: datetime | None = None,
    ) -> dict[str, Any]:
        """Hold the text that a unit passed on against its order; ``record`` notes it as found."""
        return self._do(
            lambda work: directives.drift(
                work, ref, unit, relayed, text, record=record, by=by, at=at
            )
        )

    def answer(
        self,
        ref: str,
        officer: str,
        kind: str,
        *,
        clause: str | None = None,
        evidence: str | None = None,
        at: datetime | None = None,
        channel: str = "desk",
        note: str | None = None,
        version: int | None = None,
    ) -> dict[str, Any]:
        """Record that an officer read, acknowledged or complied; ``version``: with which wording."""

        def command(work: Work) -> dict[str, Any]:
            ask = Ask(
                "",
                officer,
                kind,
                at or work.recorded_at,
                clause,
                channel,
                note,
                evidence,
                version,
            )
            return answers.answer(work, ref, ask, live=at is None)

        return self._do(command)

    def contest(
        self,
        ref: str,
        officer: str,
        reason: str,
        *,
        at: datetime | None = None,
        channel: str = "desk",
    ) -> dict[str, Any]:
        """Record that an officer contests a directive."""
        return self._do(
            lambda work: answers.plead(
                work, ref, officer, "contest", reason=reason, at=at, channel=channel
            )
        )

    def decide_contest(
        self,
        ref: str,
        officer: str,
        outcome: str,
        by: str,
        *,
        reason: str | None = None,
        at: datetime | None = None,
    ) -> dict[str, Any]:
        """Decide an officer's contest: upheld exempts him."""
        if outcome not in ("upheld", "dismissed"):
            raise Misused(f"A contest is upheld or dismissed, not {outcome!r}.")
        return self._do(
            lambda work: answers.plead(
                work, ref, officer, "decide", outcome=outcome, by=by, reason=reason, at=at
            )
        )

    def exempt(
        self,
        ref: str,
        officer: str,
        by: str,
        reason: str,
        *,
        clause: str | None = None,
        at: datetime | None = None,
    ) -> dict[str, Any]:
        """Exempt an officer from a clause, or from all."""
        return self._do(
            lambda work: answers.plead(
                work, ref, officer, "exempt", by=by, reason=reason, clause=clause, at=at
            )
        )

    def request_permission(
        self,
        ref: str,
        officer: str,
        clause: str,
        *,
        scope: str,
        until: datetime,
        why: str,
        at: datetime | None = None,
    ) -> dict[str, Any]:
        """Ask leave of a prohibition for an officer."""
        return self._do(
            lambda work: permissions.request(
                work, ref, officer, clause, scope=scope, until=until, why=why, at=at
            )
        )

    def grant_permission(
        self,
        permission: str,
        by: str,
        *,
        reason: str | None = None,
        until: datetime | None = None,
        at: datetime | None = None,
    ) -> dict[str, Any]:
        """Give the leave that was asked for."""
        return self._do(
            lambda work: permissions.grant(
                work, permission, by, reason=reason, until=until, at=at
            )
        )

    def refuse_permission(
        self,
        permission: str,
        by: str,
        *,
        reason: str | None = None,
        at: datetime | None = None,
    ) -> dict[str, Any]:
        """Give no leave."""
        return self._do(
            lambda work: permissions.refuse(work, permission, by, reason=reason, at=at)
        )

    def revoke_permission(
        self,
        permission: str,
        by: str,
        *,
        reason: str | None = None,
        at: datetime | None = None,
    ) -> dict[str, Any]:
        """Take leave back."""
        return self._do(
            lambda work: permissions.revoke(work, permission, by, reason=reason, at=at)
        )

    def commit(self, jobs: Sequence[Job]) -> list[list[bool | str]]:
        """Commit jobs of answers in one transaction: what the door's thread does.

        Raises:
            Contended: another writer was first with one of them, alone, too.

        """
        outcomes: list[list[bool | str]] = []
        for outcome in committed(self._run, jobs):
            if isinstance(outcome, Contended):
                raise outcome
            outcomes.append(outcome)
        return outcomes

    def _run(self, command: Callable[[Work], list[list[bool | str]]]) -> list[list[bool | str]]:
        with self._working() as work:
            return command(work)

    def door(self) -> Door:
        """Return the door for many concurrent senders; enter it as an async context."""
        return Door(self._run)

    def _through_door(self, jobs: Sequence[Job]) -> list[list[bool | str]]:
        async def submit() -> list[list[bool | str]]:
            async with self.door() as door:
                return list(await asyncio.gather(*(door.submit(job) for job in jobs)))

        return asyncio.run(submit())

    def import_answers(
        self,
        lines: Callable[[], Iterator[tuple[list[Any], list[Any]]]],
        *,
        accept_good: bool = False,
        progress: Progress | None = None,
    ) -> dict[str, Any]:
        """Record a file of answers, read twice: checked whole, then committed slice by slice."""
        outcome = answers.import_answers(
            self.store,
            self.home.office,
            self._clock(),
            self._through_door,
            lines,
            accept_good=accept_good,
            progress=progress or _quiet,
        )
        return {**outcome, "position": self.head()}

    def roll_call(
        self,
        ref: str,
        unit: str,
        rows: Sequence[tuple[int, str, str | None, str | None]],
        *,
        diary: str,
        held_at: datetime,
        answer: str = "acknowledged",
        entered_by: str | None = None,
        version: int | None = None,
    ) -> dict[str, Any]:
        """Enter a roll call; ``version``: which wording was read out."""
        with self._working() as work:
            job, lines, absent, refused = answers.held(
                work,
                ref,
                unit,
                rows,
                diary=diary,
                held_at=held_at,
                answer=answer,
                entered_by=entered_by or f"clerk:{unit}",
                version=version,
            )
        (outcomes,) = self._through_door([job])
        refused += [
            {"line": line, "officer_id": officer, "reason": outcome}
            for (line, officer), outcome in zip(lines, outcomes, strict=True)
            if isinstance(outcome, str)
        ]
        refused.sort(key=lambda line: line["line"])
        return {
            "unit": unit,
            "accepted": sum(outcome is True for outcome in outcomes),
            "repeated": sum(outcome is False for outcome in outcomes),
            "absent": len(absent),
            "refused": refused,
            "position": self.head(),
        }

    def tick(self) -> dict[str, Any]:
        """Do what is due by the clock."""
        return self._do(tick.tick)

    def submit_return(
        self,
        ref: str,
        unit: str,
        by: str,
        claimed: int,
        *,
        clause: str | None = None,
        note: str | None = None,
        at: datetime | None = None,
    ) -> dict[str, Any]:
        """Take in a unit's return: how many have complied, as a post certifies."""
        return self._do(
            lambda work: returns.submit(
                work, ref, unit, by, claimed, clause=clause, note=note, at=at
            )
        )

    def contradict_return(
        self,
        ref: str,
        unit: str,
        by: str,
        evidence: str,
        *,
        officer: str | None = None,
        case: str | None = None,
        clause: str | None = None,
        at: datetime | None = None,
    ) -> dict[str, Any]:
        """Mark a unit's latest return as one that cannot have been true."""
        return self._do(
            lambda work: returns.contradict_by(
                work, ref, unit, by, evidence, officer=officer, case=case, clause=clause, at=at
            )
        )

    def transfer(
        self, officer: str, unit: str, *, at: datetime | None = None
    ) -> dict[str, Any]:
        """Post an officer to another unit."""
        return self._do(lambda work: roll.transfer(work, officer, unit, at=at))

    def duty(self, officer: str, state: str, *, at: datetime | None = None) -> dict[str, Any]:
        """Change an officer's duty state."""
        return self._do(lambda work: roll.duty(work, officer, state, at=at))

    def promote(self, officer: str, rank: int, *, at: datetime | None = None) -> dict[str, Any]:
        """Give an officer another rank."""
        return self._do(lambda work: roll.promote(work, officer, rank, at=at))

    def retire(
        self, officer: str, *, died: bool = False, at: datetime | None = None
    ) -> dict[str, Any]:
        """Take an officer off the strength."""
        return self._do(lambda work: roll.retire(work, officer, died=died, at=at))

    def assume(
        self,
        post: str,
        officer: str,
        *,
        charge: str = "substantive",
        at: datetime | None = None,
    ) -> dict[str, Any]:
        """Give an officer charge of a post."""
        return self._do(lambda work: roll.assume(work, post, officer, charge=charge, at=at))

    def relinquish(
        self, post: str, *, officer: str | None = None, at: datetime | None = None
    ) -> dict[str, Any]:
        """End a charge."""
        return self._do(lambda work: roll.relinquish(work, post, officer=officer, at=at))

    def report_breaches(
        self,
        ref: str | None,
        breaches: Sequence[Breach],
        *,
        by: str | None = None,
        at: datetime | None = None,
        accept_good: bool = False,
    ) -> dict[str, Any]:
        """Report breaches of a directive, each a case; those of a file all or none, or the good.

        Without one, each line of the file names its own.
        """
        if ref is None:
            return self._do(
                lambda work: cases.report_many(
                    work, breaches, by=by, at=at, accept_good=accept_good
                )
            )
        return self._do(
            lambda work: cases.report(
                work, ref, breaches, by=by, at=at, accept_good=accept_good
            )
        )

    def serve_notices(
        self,
        named: Sequence[tuple[int | None, str]],
        by: str,
        *,
        within: int = NOTICE,
        text: str | None = None,
        at: datetime | None = None,
        accept_good: bool = False,
        many: bool = False,
    ) -> dict[str, Any]:
        """Serve notices in cases, each with its line of a file; ``many``: tell of them as a list."""
        return self._do(
            lambda work: cases.notice(
                work,
                named,
                by,
                within=within,
                text=text,
                at=at,
                accept_good=accept_good,
                many=many,
            )
        )

    def answer_notice(
        self, name: str, text: str, *, at: datetime | None = None
    ) -> dict[str, Any]:
        """Record an officer's answer to the notice."""
        return self._do(lambda work: cases.answer(work, name, text, at=at))

    def decide_case(
        self, name: str, outcome: str, by: str, reason: str, *, at: datetime | None = None
    ) -> dict[str, Any]:
        """Decide a case."""
        return self._do(lambda work: cases.decide(work, name, outcome, by, reason, at=at))

    def appeal(self, name: str, reason: str, *, at: datetime | None = None) -> dict[str, Any]:
        """Record an officer's appeal."""
        return self._do(lambda work: cases.appeal(work, name, reason, at=at))

    def decide_appeal(
        self,
        name: str,
        outcome: str,
        by: str,
        reason: str,
        *,
        to: str | None = None,
        at: datetime | None = None,
    ) -> dict[str, Any]:
        """Decide an appeal."""
        return self._do(
            lambda work: cases.decide_appeal(work, name, outcome, by, reason, to=to, at=at)
        )

    def reinstate(
        self, name: str, by: str, reason: str, *, at: datetime | None = None
    ) -> dict[str, Any]:
        """Reinstate an officer."""
        return self._do(lambda work: cases.reinstate(work, name, by, reason, at=at))

    def enter_official(
        self,
        kind: Kind,
        entry: registers.Entry,
        *,
        by: str | None = None,
        at: datetime | None = None,
    ) -> dict[str, Any]:
        """Enter an official group or account."""
        return self._do(lambda work: registers.enter(work, kind, entry, by=by, at=at))

    def pass_official(
        self,
        kind: Kind,
        name: str,
        post: str,
        *,
        by: str | None = None,
        at: datetime | None = None,
    ) -> dict[str, Any]:
        """Let another post run an official group or account."""
        return self._do(lambda work: registers.hand_on(work, kind, name, post, by=by, at=at))

    def close_official(
        self,
        kind: Kind,
        name: str,
        reason: str,
        *,
        by: str | None = None,
        at: datetime | None = None,
    ) -> dict[str, Any]:
        """Close an official group or account."""
        return self._do(lambda work: registers.close(work, kind, name, reason, by=by, at=at))

    def enter_instrument(
        self, paper: Paper, text: str, *, at: datetime | None = None
    ) -> dict[str, Any]:
        """Enter an instrument from outside; the same file again is the same instrument."""
        return self._do(lambda work: registers.enter_instrument(work, paper, text, at=at))

    def back(
        self, ref: str, instrument: str, by: str, *, at: datetime | None = None
    ) -> dict[str, Any]:
        """Link a directive that was only conveyed to a signed instrument."""
        return self._do(lambda work: registers.back(work, ref, instrument, by, at=at))

    def commission(
        self, unit: str, out: Path, provide: commission.Provide, *, office: str | None = None
    ) -> dict[str, Any]:
        """Give a unit an office of its own: what its region joins with is written to ``out``.

        ``provide`` makes sure of what it needs at the broker. Done again, it goes on where it
        was cut; once the region has joined, it changes nothing and writes no file.
        """
        name = office or unit
        with self._working() as work:
            state = commission.ready(work, unit, name)
            force = known_force.described(work.db)
        if state.state in ("", "commissioned") and force is not None:
            token, password = commission.hand_over(out, state, name)
            broker = provide(force[0], name, password)
            with self._working() as work:
                key = commission.commission(work, self.home.path, unit, name, token)
            commission.Handover(
                force=force[0],
                office=name,
                unit=unit,
                hq=self.home.office,
                rehearsal=self.home.rehearsal,
                key=key.public,
                fingerprint=key.fingerprint,
                token=token,
                kafka=broker,
            ).write(out)
        told = self.offices()
        mine = next(one for one in told["offices"] if one["office"] == name)
        return {
            "office": name,
            "unit": mine["unit"],
            "state": mine["state"],
            "fingerprint": told["fingerprint"],
            "file": str(out) if state.state in ("", "commissioned") else None,
            "position": told["position"],
        }

    def join(self, given: Handover) -> dict[str, Any]:
        """Make this office's key, and prove it with the token of the hand-over file."""
        with self._working() as work:
            changed = commission.join(work, self.home.path, given)
        told = self.offices()
        mine = next(one for one in told["offices"] if one["office"] == self.home.office)
        return {
            "office": self.home.office,
            "state": mine["state"],
            "fingerprint": told["fingerprint"],
            "hq_fingerprint": given.fingerprint,
            "changed": changed,
            "position": told["position"],
        }

    # Questions.

    def offices(self) -> dict[str, Any]:
        """List the regional offices, how far each has come and what keeps it."""
        with self._working() as work:
            return commission.told(work)

    @property
    def timezone(self) -> ZoneInfo:
        """The force's zone; UTC before a force was imported."""
        with self._reading() as db:
            return known_force.zone(db)

    def head(self) -> int:
        """Return the position of the last entry, 0 when there is none."""
        with self.store.reading() as conn:
            return head(conn)

    def _now(self) -> Micros:
        return micros(self._clock())

    def tree(
        self, as_of: datetime | None = None, known_at: int | datetime | None = None
    ) -> Tree:
        """Return the command tree with its posts and holders."""
        with self._reading() as db:
            return known_force.tree(db, questions.moment(db, self._now(), as_of, known_at))

    def directive(self, ref: str) -> Directive:
        """Return a directive as it stands."""
        with self._reading() as db:
            return db.directive(cited.find(db, ref))

    def status(
        self,
        ref: str | None = None,
        *,
        unit: str | None = None,
        depth: int = 1,
        as_of: datetime | None = None,
        known_at: int | datetime | None = None,
        version: int | None = None,
    ) -> dict[str, Any]:
        """Count a directive under a unit; without one, every directive."""
        with self._reading() as db:
            moment = questions.moment(db, self._now(), as_of, known_at)
            stood_on = questions.stood_on(db, self.home.office, self._now())
            if ref is None:
                return questions.overview(db, moment, self._now(), unit) | stood_on
            return (
                questions.status(
                    db, ref, moment, self._now(), unit=unit, depth=depth, version=version
                )
                | stood_on
            )

    def officers(
        self,
        ref: str,
        *,
        state: str | None = None,
        unit: str | None = None,
        as_of: datetime | None = None,
        known_at: int | datetime | None = None,
        after: str | None = None,
        limit: int = 100,
        version: int | None = None,
    ) -> dict[str, Any]:
        """List officers and how each stands, by id, a page at a time."""
        with self._reading() as db:
            moment = questions.moment(db, self._now(), as_of, known_at)
            found = questions.officers(
                db,
                ref,
                moment,
                state=state,
                unit=unit,
                after=after,
                limit=limit,
                version=version,
            )
            return found | questions.stood_on(db, self.home.office, self._now())

    def hops(
        self,
        ref: str,
        *,
        as_of: datetime | None = None,
        known_at: int | datetime | None = None,
    ) -> dict[str, Any]:
        """List a directive's step at each unit."""
        with self._reading() as db:
            moment = questions.moment(db, self._now(), as_of, known_at)
            found = questions.hops(db, ref, moment, everything=as_of is None)
            return found | questions.stood_on(db, self.home.office, self._now())

    def overdue(
        self, *, unit: str | None = None, as_of: datetime | None = None
    ) -> dict[str, Any]:
        """List what is overdue, by directive, clause and unit."""
        with self._reading() as db:
            moment = questions.moment(db, self._now(), as_of, None)
            return questions.overdue(db, moment, unit)

    def returns(
        self,
        ref: str | None = None,
        *,
        unit: str | None = None,
        as_of: datetime | None = None,
        known_at: int | datetime | None = None,
    ) -> dict[str, Any]:
        """List the returns that are owed or were given, the earliest due first."""
        with self._reading() as db:
            moment = questions.moment(db, self._now(), as_of, known_at)
            zone = known_force.zone(db)
            return returns.listed(
                db, self.home.office, moment, self._now(), zone, ref=ref, unit=unit
            )

    def return_scores(
        self, *, post: str | None = None, as_of: datetime | None = None
    ) -> dict[str, Any]:
        """Score returns by post and tenure."""
        with self._reading() as db:
            moment = questions.moment(db, self._now(), as_of, None)
            zone = known_force.zone(db)
            return returns.scores(db, self.home.office, moment, self._now(), zone, post=post)

    def timeline(
        self,
        ref: str,
        *,
        officer: str | None = None,
        unit: str | None = None,
        known_at: int | datetime | None = None,
        limit: int | None = None,
    ) -> dict[str, Any]:
        """List what happened to a directive, in the order of the ledger."""
        with self._reading() as db:
            known = questions.moment(db, self._now(), None, known_at).known
            return questions.timeline(
                db, ref, officer=officer, unit=unit, known=known, limit=limit
            )

    def permissions(
        self,
        ref: str | None = None,
        *,
        officer: str | None = None,
        unit: str | None = None,
        state: str | None = None,
        as_of: datetime | None = None,
        known_at: int | datetime | None = None,
    ) -> dict[str, Any]:
        """List permissions; of a directive, an officer, a unit, a state, if given."""
        with self._reading() as db:
            moment = questions.moment(db, self._now(), as_of, known_at)
            return questions.permissions(
                db, ref, moment, officer=officer, unit=unit, state=state
            )

    def permission(
        self,
        name: str,
        *,
        as_of: datetime | None = None,
        known_at: int | datetime | None = None,
    ) -> dict[str, Any]:
        """Tell all of a permission, and its entries."""
        with self._reading() as db:
            moment = questions.moment(db, self._now(), as_of, known_at)
            return questions.permission(db, name, moment)

    def proof_of_service(
        self,
        ref: str,
        officer: str,
        *,
        as_of: datetime | None = None,
        known_at: int | datetime | None = None,
    ) -> dict[str, Any]:
        """Tell whether an officer was served, and by which entries."""
        with self._reading() as db:
            moment = questions.moment(db, self._now(), as_of, known_at)
            return questions.proof_of_service(db, ref, officer, moment)

    def cases(
        self,
        ref: str | None = None,
        *,
        officer: str | None = None,
        unit: str | None = None,
        state: str | None = None,
        as_of: datetime | None = None,
        known_at: int | datetime | None = None,
    ) -> dict[str, Any]:
        """List cases, oldest report first."""
        with self._reading() as db:
            moment = questions.moment(db, self._now(), as_of, known_at)
            return casebook.listed(db, moment, ref=ref, officer=officer, unit=unit, state=state)

    def case(
        self,
        name: str,
        *,
        as_of: datetime | None = None,
        known_at: int | datetime | None = None,
    ) -> dict[str, Any]:
        """Tell how a case stands, and all its entries."""
        with self._reading() as db:
            return casebook.show(db, name, questions.moment(db, self._now(), as_of, known_at))

    def annex(self, name: str) -> dict[str, Any]:
        """Return the proof of a case as data."""
        with self._reading() as db:
            return casebook.annex(db, name, questions.moment(db, self._now(), None, None))

    def officials(
        self,
        kind: Kind,
        *,
        unit: str | None = None,
        platform: str | None = None,
        under: str | None = None,
        as_of: datetime | None = None,
        known_at: int | datetime | None = None,
    ) -> dict[str, Any]:
        """List official groups or accounts, and who runs each."""
        with self._reading() as db:
            moment = questions.moment(db, self._now(), as_of, known_at)
            return questions.registered(db, kind, moment, unit=unit, on=platform, under=under)

    def is_official(
        self,
        kind: Kind,
        platform: str,
        name: str,
        *,
        at: datetime | None = None,
        known_at: int | datetime | None = None,
    ) -> dict[str, Any]:
        """Tell whether a group or an account is official, and by which entry."""
        with self._reading() as db:
            moment = questions.moment(db, self._now(), at, known_at)
            complete = questions.knows_all(db, self.home.office, self._now())
            return questions.is_official(db, kind, platform, name, moment, complete=complete)

    def instruments(self) -> dict[str, Any]:
        """List the instruments from outside."""
        with self._reading() as db:
            return questions.papers(db)

    def instrument(self, ref: str) -> dict[str, Any]:
        """Show an instrument from outside, and which orders cite it."""
        with self._reading() as db:
            return questions.paper(db, ref, questions.moment(db, self._now(), None, None))

    def show(
        self,
        ref: str,
        *,
        version: int | None = None,
        language: str | None = None,
        as_of: datetime | None = None,
        known_at: int | datetime | None = None,
    ) -> dict[str, Any]:
        """Show what a directive says, whom it binds, what it rests on, and what changed."""
        with self._reading() as db:
            moment = questions.moment(db, self._now(), as_of, known_at)
            return shown.show(db, ref, moment, version=version, language=language)

    def authentic(self, sha256: str, copy: authentic.Copy | None) -> dict[str, Any]:
        """Tell whether exactly a file with this hash was issued; if not, where it differs."""
        with self._reading() as db:
            moment = questions.moment(db, self._now(), None, None)
            return authentic.authentic(db, sha256, copy, moment)

    def lineage(self, ref: str, *, as_of: datetime | None = None) -> dict[str, Any]:
        """Tell the line of an order, and what each issue came to."""
        with self._reading() as db:
            moment = questions.moment(db, self._now(), as_of, None)
            return questions.lineage(db, ref, moment, self._now())

    def effect(self, ref: str, *, as_of: datetime | None = None) -> dict[str, Any]:
        """Tell what each issue of a line achieved."""
        with self._reading() as db:
            moment = questions.moment(db, self._now(), as_of, None)
            return questions.effect(db, ref, moment, self._now())

    def rows(
        self, what: str, ref: str | None = None, as_of: datetime | None = None
    ) -> tuple[list[str], Iterator[list[tuple[Any, ...]]]]:
        """Return the columns and pages of rows of an export."""
        return questions.EXPORTS[what], self._pages(what, ref, as_of)

    def _pages(
        self, what: str, ref: str | None, as_of: datetime | None
    ) -> Iterator[list[tuple[Any, ...]]]:
        with self._reading() as db:
            moment = questions.moment(db, self._now(), as_of, None)
            yield from questions.export(db, what, ref, moment)

    def rebuild(self, *, progress: Progress | None = None) -> dict[str, Any]:
        """Make every projection anew from the ledger, beside the live ones, and swap."""
        with self.store.reading() as conn:
            before = {name: rebuild.digest(conn, name)[1] for name in tables.PROJECTIONS}
        position = rebuild.rebuild(self.store, progress or _quiet)
        with self.store.reading() as conn:
            after = {name: rebuild.digest(conn, name) for name in tables.PROJECTIONS}
        return {
            "position": position,
            "projections": [
                {"name": name, "rows": rows, "digest": digest, "same": digest == before[name]}
                for name, (rows, digest) in after.items()
            ],
        }

    def check(self, *, progress: Progress | None = None) -> dict[str, Any]:
        """Fold the ledger into an empty store and compare it with the live projections."""
        position, compared = rebuild.check(self.store, progress or _quiet)
        return {
            "position": position,
            "projections": [
                {
                    "name": one.name,
                    "rows": one.rows,
                    "digest": one.digest,
                    "same": one.same,
                    "difference": one.difference,
                }
                for one in compared
            ],
        }

    def checks(self) -> list[dict[str, Any]]:
        """Look for faults: the store, the projections' lag, a clock that ran back."""
        with self._reading() as db:
            return questions.checks(db, self.store.dialect, self._now())
