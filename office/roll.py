"""The roll: importing it, and what befalls single officers; who holds which post.

Every command ends with what follows from it: charges that end with a posting, units that
serve because their roll arrived, officers whom a standing directive now binds.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, Protocol

import orjson

from domain import force, roll
from domain.errors import Misused, Refused, Unaccepted, Unknown
from domain.fact import Fact, Micros, OfficerId, PostId, UnitId, micros
from domain.force import CHARGES, Tree
from domain.roll import DUTIES, MUSTER, Line
from office import cascade, hosting
from office.work import Work, chunks
from projections import force as known_force
from projections.database import Moment

_SLICE = 10_000
"""Officers written at once."""
REMARKS = 1_000
LARGEST = 250_000
"""Bytes of lines in one fact: with the rest of it less than 256 KiB."""
_FIELDS = ("belt_no", "name", "rank", "designation", "duty", "joined_on", "phone")
Progress = Callable[[str, int, int | None], None]


class Listed(Protocol):
    """A line of a nominal roll; None where it says nothing."""

    line: int
    officer_id: str
    belt_no: str | None
    name: str
    rank: int
    designation: str | None
    unit: str
    duty: str | None
    joined_on: str | None
    phone: str | None
    post: str | None
    charge: str | None


def import_roll(
    work: Work,
    rows: Sequence[Listed],
    *,
    at: datetime | None = None,
    dry_run: bool = False,
    accept_good: bool = False,
    progress: Progress = lambda *_: None,
) -> dict[str, Any]:
    """Muster who is new, correct who is different; a line that is missing changes nothing.

    Raises:
        Unaccepted: a line is another office's, and good ones alone are not wanted.

    """
    when = work.instant(at)
    flaws = hosting.flaws(work, rows)
    if flaws and not accept_good:
        raise Unaccepted(
            f"{len({flaw.line for flaw in flaws}):,} of {len(rows):,} rows are kept by another "
            "office; nothing was written. --accept-good takes the others.",
            flaws,
        )
    if flaws:
        bad = {flaw.line for flaw in flaws}
        rows = [row for row in rows if row.line not in bad]
    moment = Moment(micros(when))
    about = work.about(when, channel="file")
    before = work.head
    tree = known_force.tree(work.db, moment)
    charges = _Charges(work, tree, when)
    strength = _strength(work, moment)
    by_unit: dict[str, list[Listed]] = {}
    for row in rows:
        by_unit.setdefault(row.unit, []).append(row)
    counts = {"added": 0, "changed": 0, "unchanged": 0}
    done = listed = waiting = 0
    facts: list[tuple[str, Fact]] = []
    for unit in sorted(by_unit):
        for some in chunks(by_unit[unit], MUSTER):
            known = _known(work, some, moment) if strength["ever"] else {}
            new, corrected = _compare(work, some, known, counts, charges)
            listed += sum(1 for now in known.values() if now["gone"] == 0)
            stream = roll.roll_stream(unit, work.office)
            if new or (not corrected and unit not in strength["mustered"]):
                facts += [
                    (stream, _fact(roll.Mustered, about, unit, lines)) for lines in _sized(new)
                ]
            facts += [
                (stream, _fact(roll.Corrected, about, unit, lines))
                for lines in (_sized(corrected) if corrected else ())
            ]
            strength["mustered"].add(unit)
            done += len(some)
            waiting += len(new) + len(corrected)
            if waiting >= _SLICE and not dry_run:
                work.append(facts)
                facts, waiting = [], 0
                progress("roll", done, len(rows))
    taken, remarks = charges.facts()
    if not dry_run:
        work.append(facts)
        for some_facts in chunks(taken, _SLICE):
            work.append(some_facts)
        if work.head > before:
            for officer in charges.displaced:  # an excepted post's old holder may match now
                cascade.follow(work, position=work.head, cause=moment.at, officer=officer)
            cascade.follow(work, position=before, cause=moment.at)
    return {
        **counts,
        "missing": strength["active"] - listed,
        "rejected": len({flaw.line for flaw in flaws}),
        "problems": [
            {"line": f.line, "column": f.field, "value": f.value, "reason": f.reason}
            for f in flaws
        ],
        "position": work.head,
        "remarks": remarks[:REMARKS],
    }


def _sized(lines: list[Line]) -> Iterator[list[Line]]:
    """Yield the lines in lists that one fact holds; one empty list if there are none."""
    start = size = 0
    for n, line in enumerate(lines):
        more = len(orjson.dumps(line)) + 1
        if size + more > LARGEST:
            yield lines[start:n]
            start, size = n, 0
        size += more
    yield lines[start:]


def _fact(cls: Any, about: dict[str, Any], unit: str, lines: list[Line]) -> Fact:
    # The reader of the file has checked every field; validating a thousand lines again here
    # would double the time of an import.
    fact: Fact = cls.model_construct(**about, unit=UnitId(unit), officers=lines)
    return fact


def _strength(work: Work, moment: Moment) -> dict[str, Any]:
    ours = ""
    if work.hosts is not None:
        units = work.hosts.hosted(known_force.tree(work.db, moment))
        work.db.stage("seen_units", ("unit",), ((unit,) for unit in units))
        ours = " AND unit IN (SELECT unit FROM seen_units)"
    active = work.db.run(
        f"SELECT COUNT(*) FROM {{roll}} WHERE at <= :t AND until > :t AND gone = 0{ours}",
        t=moment.at,
    ).scalar()
    ever = work.db.run("SELECT 1 FROM {roll} LIMIT 1").first() is not None
    mustered = {row[0] for row in work.db.run("SELECT unit FROM {musters}")}
    return {"active": int(active or 0), "ever": ever, "mustered": mustered}


def _known(work: Work, rows: Sequence[Listed], moment: Moment) -> dict[str, dict[str, Any]]:
    """Return how listed officers stand at the instant; None stands for one known only later."""
    db, same = work.db, "r.officer = k.officer"
    db.stage(
        "stage_keys", ("n", "directive", "officer"), ((0, "", row.officer_id) for row in rows)
    )
    names = ("unit", "gone", *_FIELDS)
    found: dict[str, dict[str, Any]] = {
        row[0]: dict(zip(names, row[1:], strict=True))
        for row in db.run(
            "SELECT k.officer, r.unit, r.gone, r.belt_no, r.name, r.rank, r.designation, r.duty,"
            " r.joined_on, r.phone FROM stage_keys k "
            + db.looked_up("{roll} r", f"{same} AND r.at <= :t AND r.until > :t"),
            t=moment.at,
        )
    }
    blank: dict[str, Any] = dict.fromkeys(names) | {"gone": 0}
    for (officer,) in db.run(
        f"SELECT DISTINCT k.officer FROM stage_keys k {db.looked_up('{roll} r', same)}"
    ):
        found.setdefault(officer, dict(blank))
    return found


def _compare(
    work: Work,
    rows: Sequence[Listed],
    known: dict[str, dict[str, Any]],
    counts: dict[str, int],
    charges: "_Charges",
) -> tuple[list[Line], list[Line]]:
    new: list[Line] = []
    corrected: list[Line] = []
    for row in rows:
        old = known.get(row.officer_id)
        said: dict[str, Any] = {"officer": row.officer_id}
        if old is None:
            for field in _FIELDS:
                value = getattr(row, field)
                if value is not None:
                    said[field] = value
            new.append(said)  # type: ignore[arg-type]
            counts["added"] += 1
            charges.listed(row, None)
            continue
        for field in _FIELDS:
            value = getattr(row, field)
            if value is not None and value != old[field]:
                said[field] = value
        if row.unit != old["unit"]:
            said["unit"] = row.unit
        if old["gone"]:
            said["rejoined"] = True
        assumed = charges.listed(row, old["unit"])
        if len(said) > 1:
            corrected.append(said)  # type: ignore[arg-type]
        counts["changed" if len(said) > 1 or assumed else "unchanged"] += 1
    return new, corrected


class _Charges:
    """What a roll changes in who holds which post."""

    def __init__(self, work: Work, tree: Tree, at: datetime) -> None:
        self.tree = tree
        self.work = work
        self.about = work.about(at, channel="file")
        self.held: dict[str, list[tuple[PostId, str]]] = {}
        for post in tree.posts.values():
            for officer, charge, _ in post.holders:
                self.held.setdefault(officer, []).append((post.id, charge))
        self.displaced: list[str] = []
        self.assumed: list[tuple[str, Fact]] = []
        self.ended: list[tuple[str, Fact]] = []
        self.remarks: list[dict[str, object]] = []

    def listed(self, row: Listed, unit: str | None) -> bool:
        """Take note of a line; tell whether it changes who holds a post."""
        changed = False
        mine = self.held.get(row.officer_id, [])
        if unit is not None and unit != row.unit:
            for post, charge in mine:
                if charge != "additional" and self.tree.posts[post].unit != row.unit:
                    changed = True
                    hosting.must_end_charge(self.work, post, row.officer_id, self.tree)
                    self._end(post, row.officer_id, f"posted to {row.unit}")
        if row.post is None or row.post not in self.tree.posts:
            return changed
        post = PostId(row.post)
        now = next((charge for held, charge in mine if held == post), None)
        rank = self.tree.posts[post].rank
        if rank is not None and rank != row.rank:
            self.remarks.append(
                {
                    "line": row.line,
                    "officer_id": row.officer_id,
                    "post": post,
                    "reason": f"holds a post of BPS-{rank} in BPS-{row.rank}",
                }
            )
        charge = row.charge or now or "substantive"
        if charge == now:
            return changed
        self.displaced += [
            who
            for who, kind, _ in self.tree.posts[post].holders
            if charge == kind == "substantive" and who != row.officer_id
        ]
        self.assumed.append(
            (
                force.post_stream(post, self.work.office),
                force.ChargeAssumed(
                    **self.about,
                    post=post,
                    officer=OfficerId(row.officer_id),
                    charge=charge,  # type: ignore[arg-type]  # the reader checked it
                ),
            )
        )
        return True

    def _end(self, post: PostId, officer: str, because: str) -> None:
        self.ended.append(
            (
                force.post_stream(post, self.work.office),
                force.ChargeRelinquished(
                    **self.about, post=post, officer=OfficerId(officer), because=because
                ),
            )
        )

    def facts(self) -> tuple[list[tuple[str, Fact]], list[dict[str, object]]]:
        """Return the facts, ends before beginnings, and the remarks."""
        return [*self.ended, *self.assumed], self.remarks


def must_be_listed(work: Work, officer: str) -> None:
    """Check that a roll has listed an officer.

    Raises:
        Unknown: none has.

    """
    if work.db.run("SELECT 1 FROM {roll} WHERE officer = :o", o=officer).first() is None:
        raise Unknown(f"No roll has listed an officer {officer!r}; ids are case-sensitive.")


def _officer(work: Work, officer: str, at: Micros) -> dict[str, Any]:
    """Return how an officer stands at an instant.

    Raises:
        Unknown: no roll has listed him.
        Refused: he was not on the strength at that instant, or is another office's.

    """
    row = work.db.run(
        "SELECT unit, rank, duty, gone FROM {roll}"
        " WHERE officer = :o AND at <= :t AND until > :t",
        o=officer,
        t=at,
    ).first()
    if row is None:
        must_be_listed(work, officer)
        raise Refused(f"{officer} was not yet on the strength at that instant.")
    if row[3]:
        raise Refused(f"{officer} had left the force by that instant.")
    hosting.must_host_officer(work, officer)
    return {"unit": row[0], "rank": row[1], "duty": row[2]}


def _happened(
    work: Work, officer: str, facts: Iterable[tuple[str, Fact]], at: Micros
) -> dict[str, Any]:
    before = work.head
    work.append(list(facts))
    if work.head > before:
        cascade.follow(work, position=before, cause=at, officer="")
    return {"officer": officer, "changed": work.head > before, "position": work.head}


def transfer(
    work: Work, officer: str, unit: str, *, at: datetime | None = None
) -> dict[str, Any]:
    """Post an officer to another unit; charges outside it end, but for additional ones."""
    when = work.instant(at)
    now = _officer(work, officer, micros(when))
    tree = known_force.tree(work.db, Moment(micros(when)))
    if unit not in tree.units:
        raise Unknown(f"There is no unit {unit!r} at that instant.")
    hosting.must_host(work, unit, promised=True)
    about = work.about(when, channel="desk")
    facts: list[tuple[str, Fact]] = []
    if now["unit"] != unit:
        facts.append(
            (
                roll.officer_stream(officer, work.office),
                roll.Posted(**about, officer=OfficerId(officer), unit=UnitId(unit)),
            )
        )
        facts += _ending(work, tree, officer, about, f"posted to {unit}", stays=unit)
    return _happened(work, officer, facts, micros(when))


def _ending(
    work: Work,
    tree: Tree,
    officer: str,
    about: dict[str, Any],
    because: str,
    stays: str | None,
) -> list[tuple[str, Fact]]:
    """End charges: all of who leaves; of who is posted, those outside his new unit.

    Raises:
        Refused: another office keeps a post that he holds.

    """
    ended = [
        post
        for post in tree.posts.values()
        for who, charge, _ in post.holders
        if who == officer and (stays is None or (charge != "additional" and post.unit != stays))
    ]
    for post in ended:
        hosting.must_end_charge(work, post.id, officer, tree)
    return [
        (
            force.post_stream(post.id, work.office),
            force.ChargeRelinquished(
                **about, post=post.id, officer=OfficerId(officer), because=because
            ),
        )
        for post in ended
    ]


def duty(work: Work, officer: str, state: str, *, at: datetime | None = None) -> dict[str, Any]:
    """Change an officer's duty state."""
    if state not in DUTIES:
        raise Misused(f"{state!r} is no duty state; they are {', '.join(DUTIES)}.")
    when = work.instant(at)
    now = _officer(work, officer, micros(when))
    facts = (
        []
        if now["duty"] == state
        else [
            (
                roll.officer_stream(officer, work.office),
                roll.DutyChanged(
                    **work.about(when, channel="desk"),
                    officer=OfficerId(officer),
                    duty=state,  # type: ignore[arg-type]  # checked above
                ),
            )
        ]
    )
    return _happened(work, officer, facts, micros(when))


def promote(
    work: Work, officer: str, rank: int, *, at: datetime | None = None
) -> dict[str, Any]:
    """Give an officer another rank (BPS 1 to 22)."""
    if not 1 <= rank <= 22:  # noqa: PLR2004 - BPS
        raise Misused(f"A rank is BPS 1 to 22, not {rank}.")
    when = work.instant(at)
    now = _officer(work, officer, micros(when))
    facts = (
        []
        if now["rank"] == rank
        else [
            (
                roll.officer_stream(officer, work.office),
                roll.Promoted(
                    **work.about(when, channel="desk"), officer=OfficerId(officer), rank=rank
                ),
            )
        ]
    )
    return _happened(work, officer, facts, micros(when))


def retire(
    work: Work, officer: str, *, died: bool = False, at: datetime | None = None
) -> dict[str, Any]:
    """Take an officer off the strength; every charge of his ends, and he is bound no longer."""
    when = work.instant(at)
    try:
        _officer(work, officer, micros(when))
    except Refused:
        row = work.db.run(
            "SELECT gone FROM {roll} WHERE officer = :o AND at <= :t AND until > :t",
            o=officer,
            t=micros(when),
        ).first()
        if row is None or row[0] != (2 if died else 1):
            raise
        return _happened(work, officer, [], micros(when))
    tree = known_force.tree(work.db, Moment(micros(when)))
    about = work.about(when, channel="desk")
    facts: list[tuple[str, Fact]] = [
        (
            roll.officer_stream(officer, work.office),
            roll.Retired(**about, officer=OfficerId(officer), died=died),
        )
    ]
    facts += _ending(
        work, tree, officer, about, "died" if died else "left the force", stays=None
    )
    return _happened(work, officer, facts, micros(when))


def assume(
    work: Work,
    post: str,
    officer: str,
    *,
    charge: str = "substantive",
    at: datetime | None = None,
) -> dict[str, Any]:
    """Give an officer charge of a post."""
    if charge not in CHARGES:
        raise Misused(f"{charge!r} is no charge; they are {', '.join(CHARGES)}.")
    when = work.instant(at)
    tree = known_force.tree(work.db, Moment(micros(when)))
    if post not in tree.posts:
        raise Unknown(f"There is no post {post!r} at that instant.")
    hosting.must_host_post(work, post, tree)
    _officer(work, officer, micros(when))
    held = tree.posts[PostId(post)].holders
    changed = not any((who, kind) == (officer, charge) for who, kind, _ in held)
    if changed:
        work.append(
            [
                (
                    force.post_stream(post, work.office),
                    force.ChargeAssumed(
                        **work.about(when, channel="desk"),
                        post=PostId(post),
                        officer=OfficerId(officer),
                        charge=charge,  # type: ignore[arg-type]  # checked above
                    ),
                )
            ]
        )
        for displaced, _, _ in held:  # an excepted post's old holder may match now
            cascade.follow(work, position=work.head, cause=micros(when), officer=displaced)
    return {"post": post, "officer": officer, "changed": changed, "position": work.head}


def relinquish(
    work: Work, post: str, *, officer: str | None = None, at: datetime | None = None
) -> dict[str, Any]:
    """End an officer's charge of a post: the named one's, or its one holder's.

    Raises:
        Misused: several hold it and none is named.

    """
    when = work.instant(at)
    tree = known_force.tree(work.db, Moment(micros(when)))
    if post not in tree.posts:
        raise Unknown(f"There is no post {post!r} at that instant.")
    hosting.must_host_post(work, post, tree)
    holders = [who for who, _, _ in tree.posts[PostId(post)].holders]
    if officer is not None:
        must_be_listed(work, officer)
    if officer is None:
        if len(holders) > 1:
            raise Misused(f"{post} is held by {', '.join(holders)}; name who gives it up.")
        officer = holders[0] if holders else None
    changed = officer in holders
    if changed and officer is not None:
        work.append(
            [
                (
                    force.post_stream(post, work.office),
                    force.ChargeRelinquished(
                        **work.about(when, channel="desk"),
                        post=PostId(post),
                        officer=OfficerId(officer),
                    ),
                )
            ]
        )
        cascade.follow(work, position=work.head, cause=micros(when), officer=officer)
    return {"post": post, "officer": officer, "changed": changed, "position": work.head}
