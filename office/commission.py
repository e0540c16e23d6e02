"""Commissioning: how a region gets an office of its own, from both ends.

HQ commissions it and writes a hand-over file with a one-time token; the region joins with it
and makes its key; what follows is done as each end learns of the other's facts (`follow`).
Safe: every step looks at what is written and adds the next, so all of it may be cut and said
again. HQ keeps the public half of a token only.
"""

import os
import re
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from domain import office
from domain.errors import Flaw, Misused, Refused, Unaccepted, Unknown
from domain.fact import Fact, UnitId
from domain.office import OFFICE
from ledger import links
from ledger.store import Line, head
from office import keys, part
from office.work import Work
from projections import force, offices
from projections.database import Database, Moment

KEPT = "handover.json"
"""In a region's home: its hand-over file without the token."""
PAGE = 5_000
_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_KINDS = ("force", "unit", "post", "directive", "relay", "office", "key")
"""Streams of which anything goes down."""


class Broker(BaseModel):
    """How an office reaches the broker, and who it is there."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    bootstrap: str
    protocol: str
    username: str = ""
    password: str = Field("", repr=False)
    ca: str | None = None
    """PEM: who vouches for the broker."""
    topics: Mapping[str, str] = Field(default_factory=dict)
    """By way: down, up, dlq."""


class Handover(BaseModel):
    """What a region needs to join: a secret, to be carried by hand and used once."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    force: str
    office: str
    unit: str
    hq: str
    rehearsal: bool
    key: str
    """HQ's public key, hex."""
    fingerprint: str
    token: str | None = Field(None, repr=False)
    """The seed of the one-time key, hex; absent in what the region keeps."""
    kafka: Broker

    @classmethod
    def read(cls, file: Path) -> "Handover":
        """Read a hand-over file.

        Raises:
            Unaccepted: it is none, or was changed.

        """
        try:
            found = cls.model_validate_json(file.read_bytes())
            good = keys.fingerprint(found.key) == found.fingerprint
            if found.token is not None:
                keys.one_time(found.token)
        except OSError as fault:
            raise Unaccepted(f"{file} cannot be read: {fault.strerror}.") from None
        except ValidationError as fault:
            first = fault.errors(include_url=False, include_input=False)[0]
            name = ".".join(map(str, first["loc"]))
            flaw = Flaw(None, name, "", str(first["msg"]))
            raise Unaccepted(
                f"{file} is no hand-over file ({name or 'JSON'}).", [flaw]
            ) from None
        except ValueError:
            good = False
        if not good:
            raise Unaccepted(
                f"{file} was damaged or changed: its keys do not agree; have it made anew."
            )
        return found

    def write(self, file: Path) -> None:
        """Write it whole, for its owner's eyes."""
        said = orjson.dumps(
            self.model_dump(mode="json", exclude_none=True), option=orjson.OPT_INDENT_2
        )
        beside = file.with_name(f".{file.name}.{secrets.token_hex(8)}")
        keys.write(beside, said + b"\n")
        os.replace(beside, file)  # noqa: PTH105 - beside is a Path, the call is the atomic one


# --- At HQ ---------------------------------------------------------------------------------


def ready(work: Work, unit: str, name: str) -> office.Office:
    """Return an office as it stands, if it may be commissioned or has been already.

    Raises:
        Unknown: there is no such unit.
        Misused: the office's name is not understood.
        Refused: this office commissions none, or not this one.

    """
    if not _ID.fullmatch(name) or name == work.office:
        raise Misused(
            f"An office's name is small letters, digits and dashes, and not this one's: {name!r}."
        )
    if work.hosts is not None and work.hosts.mine is not None:
        raise Refused(f"Offices are commissioned by {work.hosts.hq}: give this command there.")
    if unit not in force.tree(work.db, Moment(work.now)).units:
        raise Unknown(f"There is no unit {unit!r}.")
    state = offices.office(work.db, name)
    if state.state not in ("", "commissioned") and state.unit == unit:
        return state
    OFFICE.decide(_commission(work, unit, name, ""), state)
    return state


def _commission(work: Work, unit: str, name: str, claim: str) -> office.Commission:
    fact = office.Commissioned(
        **work.about(work.recorded_at, channel="desk"),
        office=name,
        unit=UnitId(unit),
        claim=claim,
    )
    tree = force.tree(work.db, Moment(work.now))
    others = {one.office: one.unit for one in offices.regions(work.db) if one.unit is not None}
    return office.Commission(fact, tree, others, _history(work, tree.below(fact.unit)))


def _history(work: Work, units: Iterable[UnitId]) -> bool:
    """Tell whether a roll of one of the units was ever imported here."""
    work.db.stage("seen_units", ("unit",), ((unit,) for unit in units))
    return bool(
        work.db.tuples(
            "SELECT 1 FROM seen_units s WHERE EXISTS"
            " (SELECT 1 FROM {roll} r WHERE r.unit = s.unit) OR EXISTS"
            " (SELECT 1 FROM {musters} m WHERE m.unit = s.unit) LIMIT 1"
        )
    )


def commission(work: Work, home: Path, unit: str, name: str, token: str) -> keys.Key:
    """Write down that a unit gets an office, unless it is written; return HQ's key."""
    claim = keys.one_time(token).public
    key = keys.own(home, work.office)
    _register(work, work.office, key.public, None)
    if offices.office(work.db, name).claim != claim:
        state = offices.office(work.db, name)
        facts = OFFICE.decide(_commission(work, unit, name, claim), state)
        _add(work, office.stream(name, work.office), facts)
    links.begin(work.db.conn, name, name)
    return key


def hand_over(out: Path, state: office.Office, name: str) -> tuple[str, str]:
    """Return the token and broker's password of the file at ``out``; new ones if it has none.

    A file that is still good is kept: the region may have joined with it.

    Raises:
        Misused: something else is there.

    """
    if not out.exists():
        return keys.seed(), ""
    try:
        known = Handover.read(out)
    except Unaccepted:
        known = None
    if known is None or known.office != name or known.token is None:
        raise Misused(f"--out {out}: something else is there; choose another file.")
    if keys.one_time(known.token).public != state.claim:
        return keys.seed(), known.kafka.password
    return known.token, known.kafka.password


# --- At the region -------------------------------------------------------------------------


def join(work: Work, home: Path, given: Handover) -> bool:
    """Make the office's key and say so; tell whether that is new.

    Raises:
        Refused: the ledger here is another's, or another key is registered.
        Unaccepted: the file is what a region keeps, not what it joins with.

    """
    if given.token is None:
        raise Unaccepted(
            "This hand-over file has no token: it was used; have another one made."
        )
    known = offices.office(work.db, work.office)
    if known.state == "" and head(work.db.conn):
        raise Refused(
            "This home has a ledger of its own already: an office joins before it has history."
        )
    key = keys.own(home, work.office)
    proof = keys.one_time(given.token).sign(office.to_prove(work.office, key.public))
    changed = _register(work, work.office, key.public, proof)
    links.begin(work.db.conn, work.office, given.hq)
    given.model_copy(update={"token": None}).write(home / KEPT)
    return changed


def kept(home: Path) -> Handover | None:
    """Return what a region keeps of its hand-over file; None at HQ."""
    file = home / KEPT
    return Handover.read(file) if file.exists() else None


# --- At both -------------------------------------------------------------------------------


def follow(work: Work) -> None:
    """Go on with every office whose next step is this end's."""
    if work.hosts is None:
        return
    mine = work.hosts.mine
    for region in work.hosts.regions if mine is None else (mine,):
        while why_not(work, region.office) is None and (facts := _next(work, region.office)):
            _add(work, office.stream(region.office, work.office), facts)


def why_not(work: Work, name: str) -> str | None:
    """Return the rule that keeps an office from its next step; None if it only takes time."""
    try:
        _next(work, name)
    except Refused as no:
        return no.reason
    return None


def _next(work: Work, name: str) -> Sequence[office.Event]:
    """Return what this end adds next to the story of an office; nothing if the other end is to.

    Raises:
        Refused: the rule that forbids it.

    """
    region = next(one for one in offices.regions(work.db) if one.office == name)
    state = offices.office(work.db, name)
    here = work.about(work.recorded_at)
    command: office.Command
    match (state.state, name == work.office):
        case ("registered", False):
            admitted = office.Admitted(**here, office=name, key=state.key or "")
            proved = keys.proved(state.claim, state.proof, name, admitted.key)
            command = office.Admit(admitted, proved)
        case ("admitted", False):
            tree = force.tree(work.db, Moment(work.now))
            units = tuple(tree.below(*(() if state.unit is None else (state.unit,))))
            opened = office.HandoverOpened(**here, office=name, units=units)
            command = office.Open(opened, _history(work, units))
        case ("moving", False) if state.digest is None:
            # In the breath in which it is opened. What goes down of older entries does not
            # depend on when it is asked: since the commission nothing comes into the region's
            # part or leaves it (`hosting.must_stay`).
            mine = part.of_region(work.db, work.office, name)
            entries, digest = digested(
                part.goes_down(work.db, mine, lines)
                for lines in _lines(work.db, work.office, region.opened or 0)
            )
            command = office.Record(
                office.Manifested(**here, office=name, entries=entries, digest=digest)
            )
        case ("moving", True) if state.digest is not None:
            _, digest = digested(_lines(work.db, region.hq or "", region.opened or 0))
            command = office.Record(office.TakenOver(**here, office=name, digest=digest))
        case _:
            return ()
    return OFFICE.decide(command, state)


def digested(pages: Iterable[Iterable[Line]]) -> tuple[int, str]:
    """Return what a manifest says of entries: how many, and SHA-256 over all in order, hex."""
    count, sha = 0, sha256()
    for lines in pages:
        for _, stream, version, name, state in lines:
            count += 1
            body = sha256(bytes(state)).hexdigest()
            sha.update(orjson.dumps([stream, version, name, body]) + b"\n")
    return count, sha.hexdigest()


def _lines(db: Database, writer: str, upto: int) -> Iterator[list[Any]]:
    """Yield pages of the entries that an office wrote, up to a position, of what goes down."""
    kinds = " OR ".join(
        f"(originator_id >= '{kind}-' AND originator_id < '{kind}.')" for kind in _KINDS
    )
    after = 0
    while rows := db.tuples(
        "SELECT notification_id, originator_id, originator_version, topic, state"
        f" FROM stored_events WHERE notification_id > :a AND notification_id <= :u AND ({kinds})"
        " ORDER BY notification_id LIMIT :n",
        a=after,
        u=upto,
        n=PAGE,
    ):
        after = rows[-1][0]
        yield [row for row in rows if row[1].rpartition(".")[2] == writer]


def skew(work: Work, name: str, seconds: int) -> None:
    """Write down that an office's clock is off, once, and that it agrees again, once."""
    fact = office.SkewSeen(**work.about(work.recorded_at), office=name, seconds=seconds)
    state = offices.office(work.db, name)
    _add(work, office.stream(name, work.office), OFFICE.decide(office.Record(fact), state))


def key_of(db: Database, home: Path, me: str, peer: str) -> str | None:
    """Return the public key by which a peer's word is believed; None before it has one.

    A region believes the HQ of its hand-over file, HQ a region whose key it admitted.
    """
    hosts = offices.Hosts.of_office(db, me)
    if hosts is None or hosts.mine is None:
        return offices.office(db, peer).admitted
    given = kept(home)
    return given.key if given is not None and peer == given.hq else None


def _register(work: Work, name: str, key: str, proof: str | None) -> bool:
    fact = office.KeyRegistered(
        **work.about(work.recorded_at, channel="desk"), office=name, key=key, proof=proof
    )
    facts = OFFICE.decide(office.Register(fact), offices.office(work.db, name))
    _add(work, office.key_stream(name), facts)
    return bool(facts)


def _add(work: Work, stream: str, facts: Iterable[Fact]) -> None:
    work.append([(stream, fact) for fact in facts])
    work.look_again()


def told(work: Work) -> dict[str, Any]:
    """Return the offices there are, with the fingerprints that people compare."""
    mine = offices.office(work.db, work.office)
    return {
        "office": work.office,
        "fingerprint": None if mine.key is None else keys.fingerprint(mine.key),
        "offices": [
            {
                "office": one.office,
                "unit": one.unit,
                "state": one.state,
                "fingerprint": None if one.key is None else keys.fingerprint(one.key),
                "position": one.position,
                "detail": why_not(work, one.office),
            }
            for one in offices.regions(work.db)
        ],
        "position": work.head,
    }


Provide = Callable[[str, str, str], Broker]
"""Makes sure of what an office needs at the broker: force, office, password to keep ("": none)."""
