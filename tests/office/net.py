"""Offices in one process, and the copies between them: what a link does, without one.

Entries are copied verbatim, in order, as many as a test says, to an end that acts on them when
a test calls it level. All persons are invented.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from domain import relay
from domain.fact import OfficerId, UnitId
from domain.force import Post, Unit
from ledger.codec import Entry, decode
from ledger.store import Line, head, select_entries
from office import arrivals, part
from office.commission import Broker, Handover
from office.home import Home
from office.office import Office
from tests.examples import NINE
from tests.projections.small import POSTS, UNITS, described

BROKER = Broker(bootstrap="broker:9092", protocol="PLAINTEXT")


def provided(_force: str, _office: str, _password: str) -> Broker:
    """Be a broker that has everything."""
    return BROKER


@dataclass
class Net:
    """HQ and the regional offices that were commissioned."""

    folder: Path
    store: str = "sqlite"
    now: datetime = NINE
    units: Sequence[Unit] = tuple(UNITS.values())
    posts: Sequence[Post] = POSTS
    stores: list[str] = field(default_factory=list)
    """A store for each region, where they are not SQLite files."""
    hq: Office = field(init=False)
    regions: dict[str, Office] = field(default_factory=dict)
    down: dict[str, int] = field(default_factory=dict)
    """The position at HQ up to which a region has been sent what concerns it."""
    up: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.hq = self.open("hq", self.store)
        described(self.hq, self.units, self.posts)

    def open(self, name: str, store: str = "sqlite") -> Office:
        return Office(
            Home.init(self.folder / name, store=store, rehearsal=True, office=name), self.now
        )

    def handover(self, name: str) -> Handover:
        """Commission an office; return what its region joins with."""
        file = self.folder / f"{name}.json"
        self.hq.commission(name, file, provided)
        return Handover.read(file)

    def join(self, name: str, given: Handover | None = None) -> Office:
        """Commission an office and let its region join."""
        store = self.stores.pop() if self.stores else "sqlite"
        self.regions[name] = region = self.open(name, store)
        region.join(given or self.handover(name))
        self.down[name] = self.up[name] = 0
        return region

    def opened(self, *names: str) -> "Net":
        """Bring offices as far as that they have taken over."""
        for name in names:
            self.join(name)
        self.settle()
        for name, region in self.regions.items():
            assert region.offices()["offices"][0]["state"] == "open", name
        return self

    def at(self, now: datetime) -> None:
        """Move every clock."""
        for office in (self.hq, *self.regions.values()):
            office.now = now

    # -- copies

    def send_down(self, name: str, limit: int = 1_000_000, *, level: bool = True) -> int:
        """Copy HQ's next entries that concern a region; return how many came."""
        if name not in part.routed(self.hq):
            return 0
        lines = own(self.hq, self.down[name])[:limit]
        if lines:
            self.down[name] = lines[-1][0]
        return take(self.regions[name], name, part.down(self.hq, name)(lines), level=level)

    def send_up(self, name: str, limit: int = 1_000_000, *, level: bool = True) -> int:
        """Copy a region's next entries to HQ; return how many came."""
        lines = own(self.regions[name], self.up[name])[:limit]
        if lines:
            self.up[name] = lines[-1][0]
        return take(self.hq, name, lines, level=level)

    def settle(self) -> None:
        """Send what there is, both ways, until nothing more comes."""
        names = list(self.regions)
        while [n for n in names if self.send_up(n)] or [n for n in names if self.send_down(n)]:
            pass

    # -- what happened

    def offices(self) -> list[Office]:
        return [self.hq, *self.regions.values()]

    def written(self) -> list[Entry]:
        """What every office wrote itself."""
        return [
            Entry(p, stream, v, decode(name, state))
            for office in self.offices()
            for p, stream, v, name, state in own(office)
        ]

    def close(self) -> None:
        for office in self.offices():
            office.close()


def own(office: Office, after: int = 0) -> list[Line]:
    """What an office wrote itself, oldest first."""
    with office.store.reading() as conn:
        lines = select_entries(conn, after, 1_000_000)
    return [line for line in lines if line[1].endswith(f".{office.home.office}")]


def take(office: Office, link: str, lines: Sequence[Line], *, level: bool) -> int:
    """Append copies; where the link is level, do what follows from all that have come."""
    with office._working() as work:
        if lines:
            work.copy(
                [
                    (stream, version, name, bytes(state))
                    for _, stream, version, name, state in lines
                ]
            )
        ((done,),) = work.db.tuples("SELECT effects FROM links WHERE link = :l", l=link)
        if level:
            due = [
                Entry(p, stream, v, decode(name, state))
                for p, stream, v, name, state in select_entries(work.db.conn, done, 1_000_000)
                if not stream.endswith(f".{office.home.office}")
            ]
            if due:
                arrivals.follow(work, due)
            upto = head(work.db.conn)
            work.db.run("UPDATE links SET effects = :e WHERE link = :l", e=upto, l=link)
    return len(lines)


def served(entries: Iterable[Entry]) -> dict[tuple[str, OfficerId], int]:
    """How often each officer was served each directive."""
    found: dict[tuple[str, OfficerId], int] = {}
    for entry in entries:
        if isinstance(entry.fact, relay.OfficersServed):
            name = entry.stream.removeprefix("relay-").split(".")[0]
            for officer in entry.fact.officers:
                found[name, officer] = found.get((name, officer), 0) + 1
    return found


def received(entries: Iterable[Entry]) -> dict[tuple[str, UnitId], UnitId]:
    """From whom each unit received each directive first."""
    found: dict[tuple[str, UnitId], UnitId] = {}
    for entry in entries:
        if isinstance(entry.fact, relay.Received):
            name, unit, _ = entry.stream.removeprefix("relay-").split(".")
            assert (name, unit) not in found, f"{unit} received {name} twice"
            found[name, UnitId(unit)] = entry.fact.sender
    return found


def passed_on(entries: Iterable[Entry]) -> list[tuple[str, str, str, UnitId]]:
    """Every forward, and every receipt by a second way: directive, unit, which, other unit."""
    found: list[tuple[str, str, str, UnitId]] = []
    for entry in entries:
        match entry.fact:
            case relay.Forwarded(to=to):
                found += [(*_parts(entry.stream), "to", one) for one in to]
            case relay.ReceivedAgain(via=via):
                found.append((*_parts(entry.stream), "via", via))
    return sorted(found)


def _parts(stream: str) -> tuple[str, str]:
    directive, unit, _ = stream.removeprefix("relay-").split(".")
    return directive, unit


def facts(entries: Iterable[Entry], kind: type[Any]) -> list[Any]:
    return [entry.fact for entry in entries if isinstance(entry.fact, kind)]
