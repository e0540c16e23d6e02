"""Links to other offices: what is sent, what is taken in, what is told of both.

In: own entries, and despatches and heartbeats of a peer, from whatever carries them. Out:
numbered despatches, copies in the ledger with all that follows from them, heartbeats.
Safe: a number and what it stands for are durable in one transaction; so everything here may be
cut anywhere, said twice, lost or shuffled: the numbers show it and the heartbeats ask again.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from sqlalchemy.engine import Connection

from domain.errors import Contended, Refused
from domain.fact import SECOND, Micros, instant, micros
from ledger import links
from ledger.codec import Entry, decode, names
from ledger.links import Dead, Despatch, Garbage, Heartbeat, Link
from ledger.store import Line, head
from office import cascade
from office.office import Office
from office.work import Work

BATCH = 5_000
"""Despatches in one transaction."""
IDLE = 20_000
"""Positions of others' entries that a router passes before it writes down that it did."""
LARGEST = 2**53 - 1
"""The largest number that every JSON reader keeps exactly."""

Select = Callable[[Sequence[Line]], Sequence[Line]]
"""Of own entries, in order, those that go over a link, in order."""
Effects = Callable[[Work, Sequence[Entry]], None]
"""Does what follows here from what other offices wrote. Repeating it changes nothing."""

_PLAIN = re.compile(r"[^\x00-\x1f\x7f\ud800-\udfff]{1,500}")


# --- Out -----------------------------------------------------------------------------------


def everything(lines: Sequence[Line]) -> Sequence[Line]:
    """Select all: what a region sends up."""
    return lines


class Router:
    """Gives own entries their numbers on a link, in ledger order."""

    def __init__(self, select: Select = everything) -> None:
        self._select = select

    def route(
        self, office: Office, link: str, limit: int = BATCH
    ) -> tuple[int, list[Despatch]]:
        """Walk past at most ``limit`` own entries; return how many, 0 when level, and what got numbers.

        Nothing is numbered while the peer holds more than was ever sent by this register: it
        was restored from a backup, and a number must not stand for two entries.

        Raises:
            Contended: another router walks the link.

        """
        with office.store.reading() as conn:
            here = links.get(conn, link)
            if _holds(here) > here.registered:
                return 0, []
            top = head(conn)
            lines = links.own_entries(conn, office.home.office, here.router, top, limit)
        walked = lines[-1][0] if len(lines) == limit else top
        if not lines and walked - here.router < IDLE:
            return 0, []
        chosen = self._select(lines)
        with office.store.beside() as tx:
            given = links.register(tx, here, office.home.office, chosen, walked)
        return len(lines), given


def _holds(here: Link) -> int:
    heard = here.heartbeat()
    return 0 if heard is None else heard[0].mark


class Resends:
    """Which numbers are to be sent again: each once for every time the peer says it lacks them.

    The peer's word counts for a number only if it had read a beat sent after the last re-send
    of it; what it said before may be said of messages that are still on their way.
    """

    def __init__(self) -> None:
        self._due: list[tuple[int, int]] = []
        self._sent: list[tuple[int, int, int]] = []  # from, to, first beat after
        self._heard: tuple[object, ...] = ()

    def ask(
        self, missing: Sequence[tuple[int, int]], seen_beat: int, upto: int, told: int = 0
    ) -> None:
        """Take the ranges that the peer lacks by its last heartbeat, ``told``, up to a number."""
        word = (told, seen_beat, tuple(missing))
        if word == self._heard:
            return
        self._heard = word
        self._sent = [one for one in self._sent if one[2] > seen_beat]
        due = [(first, min(last, upto)) for first, last in missing if first <= upto]
        for first, last, _ in self._sent:
            due = [part for one in due for part in _without(one, first, last)]
        self._due = due

    def next(self, limit: int) -> tuple[int, int] | None:
        """Return the next range to send, of at most ``limit`` numbers."""
        if not self._due:
            return None
        first, last = self._due[0]
        return first, min(last, first + limit - 1)

    def sent(self, first: int, last: int, beat: int) -> None:
        """Take note that a range was sent; ``beat`` is the first that goes out after it."""
        self._due = [part for one in self._due for part in _without(one, first, last)]
        self._sent.append((first, last, beat))


def _without(one: tuple[int, int], first: int, last: int) -> Iterable[tuple[int, int]]:
    if one[0] < first:
        yield one[0], min(one[1], first - 1)
    if one[1] > last:
        yield max(one[0], last + 1), one[1]


class Outgoing:
    """Reads the register for whatever publishes it."""

    def __init__(self) -> None:
        self._resends: dict[str, Resends] = {}

    def take(
        self, office: Office, link: str, after: int | None = None, limit: int = BATCH
    ) -> list[Despatch]:
        """Return the next despatches to publish: after a number, or after the last published."""
        with office.store.reading() as conn:
            here = links.get(conn, link)
            start = here.published if after is None else after
            return links.despatches(
                conn, link, office.home.office, start, here.registered, limit
            )

    def published(self, office: Office, link: str, number: int) -> None:
        """Take note that all numbers up to this one are with the broker, confirmed."""
        with office.store.beside() as tx:
            links.publish(tx.conn, link, number)

    def again(self, office: Office, link: str, beat: int, limit: int = BATCH) -> list[Despatch]:
        """Return the next despatches that the peer lacks; none when it lacks nothing.

        ``beat`` is the last that was sent. Whoever could not publish them need do nothing: the
        peer will say once more that it lacks them.
        """
        resends = self._resends.setdefault(link, Resends())
        with office.store.reading() as conn:
            here = links.get(conn, link)
            heard = here.heartbeat()
            if heard is not None:
                word = heard[0]
                resends.ask(word.missing, word.seen_beat, here.published, word.beat)
            part = resends.next(limit)
            if part is None:
                return []
            first, last = part
            found = links.despatches(
                conn, link, office.home.office, first - 1, last, last - first + 1
            )
        resends.sent(first, last, beat + 1)
        return found


# --- In ------------------------------------------------------------------------------------


class Taken(NamedTuple):
    """What became of a batch."""

    appended: int
    duplicates: int
    held: int
    """How many despatches are held now."""
    dead: list[Dead]
    """For the dead-letter topic; they are kept in the office's tables, too."""
    forked: str | None
    """Why nothing is appended any more, if so."""
    mark: int
    level: bool
    """Whether all that the peer announced is here and what follows from it is done."""


class Beat(NamedTuple):
    """What a heartbeat told."""

    forked: str | None
    skew: float
    """Seconds by which the peer's clock is ahead of this one's."""
    lost: str | None
    """Why the registers show that one of the two was restored from a backup, if so."""


def follow(work: Work, entries: Sequence[Entry]) -> None:
    """Let directives go on from what others wrote: all of them if the force or a roll changed."""
    named = [_directive(entry.stream) for entry in entries]
    standing = cascade.in_force(work)
    for name in standing if None in named else [name for name in standing if name in named]:
        cascade.run(work, name, work.now)
        cascade.join(work, name, position=entries[0].position - 1)


def _directive(stream: str) -> str | None:
    kind, _, rest = stream.partition("-")
    return rest.split(".")[0] if kind in ("directive", "relay") else None


class Batch(NamedTuple):
    """What came over a link."""

    link: str
    despatches: Sequence[Despatch | Garbage]
    level: bool
    """Whether the topic was read to its end."""


def take_together(
    office: Office, batches: Sequence[Batch], effects: Effects = follow
) -> list[Taken]:
    """Take in what came over some links, one batch of each, durably, in one transaction.

    What is amiss with one changes nothing for the others.
    """
    with office._working() as work:  # noqa: SLF001 - one floor: a command like others
        gulps = [_Gulp(work, batch.link) for batch in batches]
        for gulp, batch in zip(gulps, batches, strict=True):
            gulp.sift(batch.despatches)
        _append(work, gulps)
        return [
            gulp.settle(effects, level=batch.level)
            for gulp, batch in zip(gulps, batches, strict=True)
        ]


class Inbox:
    """Takes in what a peer sends."""

    def __init__(self, effects: Effects = follow) -> None:
        self._effects = effects

    def take(
        self,
        office: Office,
        link: str,
        batch: Sequence[Despatch | Garbage],
        *,
        level: bool = False,
    ) -> Taken:
        """Take a batch in, durably, in one transaction.

        ``level``: the topic was read to its end. An empty batch then does what has waited for
        that, and costs a look if nothing has.
        """
        if not batch:
            with office.store.reading() as conn:
                here = links.get(conn, link)
                held = len(links.held_numbers(conn, link))
            if not (level and _may_follow(here, held) and here.effects < here.received):
                done = level and _may_follow(here, held)
                return Taken(0, 0, held, [], here.forked, here.mark, done)
        (taken,) = take_together(office, [Batch(link, batch, level)], self._effects)
        return taken

    def beat(self, office: Office, link: str, heartbeat: Heartbeat, at: datetime) -> Beat:
        """Learn what the peer says of itself; ``at`` is when it was read, by this clock.

        The caller has seen to it that the peer signed it.

        Raises:
            Refused: it is another office's, or another link's.

        """
        skew = (heartbeat.clock - at).total_seconds()
        with office.store.beside() as tx:
            here = links.get(tx.conn, link)
            if (heartbeat.link, heartbeat.office) != (link, here.peer):
                raise Refused(
                    f"A heartbeat of {heartbeat.office} for the link {heartbeat.link} is none of "
                    f"{here.peer} for the link {link}."
                )
            theirs, ours, lost = None, None, None
            if heartbeat.head <= here.mark:
                known = links.receipt_hash(tx.conn, link, heartbeat.head)
                if known is not None and known.hex() != heartbeat.head_hash:
                    theirs = (
                        f"{here.peer} has another despatch under number {heartbeat.head} than "
                        "came from it"
                    )
            if heartbeat.mark <= here.registered:
                known = links.registered_hash(tx.conn, link, heartbeat.mark)
                if known is not None and known.hex() != heartbeat.mark_hash:
                    ours = (
                        f"{here.peer} received another despatch as number {heartbeat.mark} than "
                        "this register has"
                    )
            else:
                lost = (
                    f"{here.peer} holds {heartbeat.mark:,} despatches, this register ends at "
                    f"{here.registered:,}: this office was restored from an older state"
                )
            if heartbeat.register < here.mark:
                lost = (
                    f"{here.mark:,} despatches came from {here.peer}, its register ends at "
                    f"{heartbeat.register:,}: it was restored from an older state"
                )
            forked = theirs or ours
            links.hear(tx.conn, link, heartbeat, micros(at), forked)
        return Beat(here.forked or forked, skew, lost)

    def heartbeat(
        self, office: Office, link: str, beat: int, seen_beat: int | None = None
    ) -> Heartbeat:
        """Return what to tell the peer; ``seen_beat`` is its last one unless stated."""
        with office.store.reading() as conn:
            here = links.get(conn, link)
            heard = here.heartbeat()
            announced = 0 if heard is None or here.forked else heard[0].head
            if seen_beat is None:
                seen_beat = 0 if heard is None else heard[0].beat
            head_hash = links.registered_hash(conn, link, here.published)
            return Heartbeat(
                link=link,
                office=office.home.office,
                beat=beat,
                head=here.published,
                head_hash=(head_hash or links.NOTHING).hex(),
                register=here.registered,
                mark=here.mark,
                mark_hash=here.mark_hash.hex(),
                missing=links.missing(conn, here, announced),
                seen_beat=seen_beat,
                versions=names(),
                clock=office._clock().astimezone(UTC),  # noqa: SLF001 - one floor
            )


def _may_follow(here: Link, held: int) -> bool:
    """Tell whether nothing that the peer announced is missing."""
    heard = here.heartbeat()
    return not held and here.forked is None and (heard is None or here.mark >= heard[0].head)


class _Gulp:
    """A batch on its way into the ledger."""

    def __init__(self, work: Work, link: str) -> None:
        self.work = work
        self.conn = work.db.conn
        self.here = self.before = links.get(self.conn, link)
        self.held = links.held_keys(self.conn, link)
        self.forked = self.here.forked
        self.ahead: dict[int, list[Despatch]] = {}
        """By number, beyond the mark: of the batch, and of what is held up to `fetched`."""
        self.fetched = self.here.mark
        self.duplicates = 0
        self.dead: list[Dead] = []
        self.run: list[Despatch] = []
        """What is to be appended, then what was."""

    def sift(self, batch: Sequence[Despatch | Garbage]) -> None:
        """Find out what of the batch, and of what is held, is to be appended."""
        old = self._sort(batch)
        if self.forked is None:
            self._compare(old)
        if self.forked is None:
            self._fetch()
            following = self._run()
        if self.forked is None:
            self.run = following

    def settle(self, effects: Effects, *, level: bool) -> Taken:
        """Hold and bury the rest, do what follows, and write down how far it has come."""
        run = self.run
        if self.forked is None:
            self._hold()
            self._follow(run, effects, level=level)
        links.bury(self.conn, self.before.link, self.dead, self.work.now)
        here = self.here._replace(forked=self.forked)
        if here != self.before:
            links.advance(self.conn, here)
        return Taken(
            len(run),
            self.duplicates,
            len(self.held),
            self.dead,
            self.forked,
            here.mark,
            level and _may_follow(here, len(self.held)) and here.effects == here.received,
        )

    def _sort(self, batch: Sequence[Despatch | Garbage]) -> list[Despatch]:
        """Part what is no despatch of the peer's, and return what is not beyond the mark."""
        link, peer, mark = self.here.link, self.here.peer, self.here.mark
        suffix = f".{peer}"
        old: list[Despatch] = []
        for one in batch:
            if isinstance(one, Garbage):
                self.dead.append(Dead(one.reason, one.headers, one.value))
            elif one.link != link:
                self._bury(one, f"of the link {one.link!r}, not {link!r}")
            elif one.writer != peer or not one.stream.endswith(suffix):
                self._bury(
                    one, f"foreign writer: {peer} alone writes here, and its own streams"
                )
            elif (fault := _fault(one)) is not None:
                self._bury(one, fault)
            elif one.number <= mark:
                old.append(one)
            else:
                self._put(one)
        return old

    def _put(self, one: Despatch) -> None:
        known = self.ahead.setdefault(one.number, [])
        if one in known:
            self.duplicates += 1
        else:
            known.append(one)

    def _bury(self, one: Despatch, reason: str) -> None:
        self.dead.append(Dead(reason, _headers(one), one.state))

    def _fork(self, number: int) -> None:
        self.forked = f"two despatches of {self.here.peer} bear the number {number}, each in a sound chain"

    def _compare(self, old: Sequence[Despatch]) -> None:
        """Compare what bears a number received before with what was received."""
        if not old:
            return
        numbers = {one.number for one in old}
        known = links.receipt_hashes(
            self.conn, self.here.link, numbers | {number - 1 for number in numbers}
        )
        for one in old:
            found = links.chained(known[one.number - 1], one)
            if found != one.hash:
                self._bury(one, _BROKEN)
            elif found == known[one.number]:
                self.duplicates += 1
            else:
                self._fork(one.number)

    def _fetch(self) -> None:
        """Put what is held with the batch, as far as the numbers go without a gap."""
        numbers = {number for number, _ in self.held}
        while self.fetched + 1 in self.ahead or self.fetched + 1 in numbers:
            self.fetched += 1
        if any(number <= self.fetched for number in numbers):
            for one in links.held(self.conn, self.here.link, self.fetched):
                self._put(one)

    def _run(self) -> list[Despatch]:
        """Return the despatches that follow the mark: each in the chain, each entry new."""
        here, run = self.here, list[Despatch]()
        before, number = here.mark_hash, here.mark + 1
        doubtful = [
            one.position for ones in self.ahead.values() for one in ones if one.position <= here.last
        ]  # fmt: skip
        positions = links.received(self.conn, here.peer, doubtful)
        while ones := self.ahead.get(number):
            sound = [one for one in ones if links.chained(before, one) == one.hash]
            if len(sound) < len(ones):
                for one in [one for one in ones if one not in sound]:
                    self._refuse(one, _BROKEN)
            if len(sound) > 1:
                self._fork(number)
            if len(sound) != 1:
                break
            one = sound[0]
            if one.position in positions:
                self._refuse(
                    one, f"entry {one.position} of {one.writer} came under another number"
                )
                break
            positions.add(one.position)
            run.append(one)
            before = one.hash
            number += 1
        return run

    def _refuse(self, one: Despatch, reason: str) -> None:
        """Make a dead letter of what cannot be the number it bears; that stays awaited."""
        self._bury(one, reason)
        self.ahead[one.number].remove(one)
        if self.held:
            links.let_go_of(self.conn, one)
            self.held.discard((one.number, links.digest(one)))

    def received(self, upto: int) -> None:
        """Take note that the run is in the ledger, its last entry at a position."""
        run = self.run
        self.here = self.here._replace(
            mark=run[-1].number,
            mark_hash=run[-1].hash,
            last=max(self.here.last, *(one.position for one in run)),
            received=upto,
        )
        for one in run:
            del self.ahead[one.number]

    def cut(self) -> None:
        """End the run before the first whose place in its stream is taken: a dead letter."""
        keys = [(one.stream, one.version) for one in self.run]
        known = links.entered(self.conn, keys)
        for index, key in enumerate(keys):
            if key in known:
                self._refuse(self.run[index], f"another entry is version {key[1]} of {key[0]}")
                self.run = self.run[:index]
                return
            known.add(key)
        msg = "A run was refused for a place in a stream that none of it takes"
        raise RuntimeError(msg)

    def _hold(self) -> None:
        """Hold what is still ahead, the lowest numbers first."""
        link, mark = self.here.link, self.here.mark
        kept = {key for key in self.held if key[0] > mark}
        if len(kept) < len(self.held):
            links.let_go(self.conn, link, upto=mark)
        new: dict[tuple[int, bytes], Despatch] = {}
        for number, ones in self.ahead.items():
            for one in ones:
                key = (number, links.digest(one))
                if key not in kept:
                    new[key] = one
                elif number > self.fetched:
                    self.duplicates += 1
        if len(kept) + len(new) > links.HELD:
            limit = sorted([*kept, *new])[links.HELD - 1][0]
            links.let_go(self.conn, link, above=limit)
            kept = {key for key in kept if key[0] <= limit}
            new = {key: new[key] for key in sorted(new)[: links.HELD - len(kept)]}
        if new:
            links.hold(self.work.tx, new.values())
        self.held = kept | new.keys()

    def _follow(self, run: Sequence[Despatch], effects: Effects, *, level: bool) -> None:
        """Do what follows from what came, once no more is to come."""
        here = self.here
        pending = self.before.effects < self.before.received
        if pending or not all(links.is_quiet(one.name) for one in run):
            if not (level and _may_follow(here, len(self.held))):
                return
            entries = [
                Entry(position, stream, version, decode(name, state))
                for position, stream, version, name, state in links.due(self.conn, here)
            ]
            if entries:
                self.work.follow(effects, entries)
        self.here = here._replace(effects=here.received)


def _append(work: Work, gulps: Sequence[_Gulp]) -> None:
    """Append the runs with their receipts: together, or, where a place is taken, each alone."""
    gulps = [gulp for gulp in gulps if gulp.run]
    run = [one for gulp in gulps for one in gulp.run]
    if not run:
        return
    try:
        positions = work.copy([(one.stream, one.version, one.name, one.state) for one in run])
    except Contended:
        if len(gulps) == 1:
            gulps[0].cut()
            _append(work, gulps)
            return
        for gulp in gulps:
            _append(work, [gulp])
        return
    links.receive(work.tx, run, positions, work.now)
    end = 0
    for gulp in gulps:
        end += len(gulp.run)
        gulp.received(positions[end - 1])


_BROKEN = "broken chain: its hash does not follow from the number before it"


def _fault(one: Despatch) -> str | None:
    """Return why a despatch of the peer's cannot be one at all."""
    if not all(0 < number <= LARGEST for number in (one.number, one.position, one.version)):
        return f"no number: {one.number}, of entry {one.position}, version {one.version}"
    if not (_PLAIN.fullmatch(one.stream) and _PLAIN.fullmatch(one.name)):
        return "no stream or stored name that an office writes"
    if not _PLAIN.fullmatch(one.recorded_at):
        return "no instant at which it was recorded"
    return None


def _headers(one: Despatch) -> dict[str, str]:
    """Return all that a despatch says beside its bytes."""
    return {
        key: value.hex() if isinstance(value, bytes) else str(value)
        for key, value in one._asdict().items()
        if key != "state"
    }


# --- Told ----------------------------------------------------------------------------------


def status(office: Office) -> list[dict[str, Any]]:
    """Return how every link stands, by id. Instants are aware, UTC."""
    now = office._clock()  # noqa: SLF001 - one floor
    with office.store.reading() as conn:
        return [_status(conn, here, micros(now)) for here in links.every(conn)]


def _status(conn: Connection, here: Link, now: Micros) -> dict[str, Any]:
    heard = here.heartbeat()
    word, at = (None, None) if heard is None else heard
    announced = here.mark if word is None else max(word.head, here.mark)
    missing = links.missing(conn, here, announced)
    return {
        "link": here.link,
        "peer": here.peer,
        "registered": here.registered,
        "published": here.published,
        "acknowledged": 0 if word is None else word.mark,
        "mark": here.mark,
        "announced": announced,
        "missing": sum(last - first + 1 for first, last in missing),
        "ranges": [list(one) for one in missing],
        **links.counts(conn, here.link),
        "effects_wait": here.effects < here.received,
        "forked": here.forked,
        "heard_at": None if at is None else instant(at),
        "silent_seconds": None if at is None else max(0, now - at) // SECOND,
        "lag_seconds": _lag(conn, here, announced, now),
        "skew_seconds": None
        if word is None or at is None
        else (micros(word.clock) - at) // SECOND,
    }


def _lag(conn: Connection, here: Link, announced: int, now: Micros) -> int | None:
    """Return for how many seconds nothing has come though more was announced; None: never did."""
    if here.mark >= announced:
        return 0
    at = links.received_at(conn, here.link, here.mark)
    return None if at is None else max(0, now - at) // SECOND
