"""How an officer stands with a directive at an instant: bound, answered, exempt, overdue.

The rules of the counts (CONTRACT 2, *Numbers*), pure, for one officer: what the projections
count set-wise must come out as this says.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from domain.deadline import Due, Shorter, due_at
from domain.directive import Directive
from domain.fact import ClauseId, Micros


@dataclass(frozen=True, slots=True)
class Asked:
    """What a directive asks at some instant: the version from which answers count, its acts."""

    version: int
    required: tuple[ClauseId, ...]
    terms: tuple[Due | None, ...]
    """The due of each required act, in order."""
    issued: Micros
    restarted: Micros
    """When a material amendment started the clocks anew; 0 for the first version."""

    @classmethod
    def of(cls, directive: Directive, at: Micros, version: int | None = None) -> "Asked":
        """Return what ``directive`` asks at an instant, or what a version of it asked.

        An immaterial version asks what the last material one before it asked.
        """
        wording = directive.asked_at(at) if version is None else directive.asked_by(version)
        acts = wording.terms.acts()
        return cls(
            version=wording.number,
            required=tuple(act.id for act in acts),
            terms=tuple(act.due for act in acts),
            issued=directive.issued_at,
            restarted=wording.since if wording.number > 1 else 0,
        )

    def dues(
        self, received: Micros, served: Micros, shorter: Sequence[Shorter] = ()
    ) -> tuple[Micros | None, ...]:
        """Return when each required act is due for an officer; None without a deadline.

        ``shorter`` is what the unit that served him and those above it have tightened.
        """
        found = [
            None if due is None else self.when(due, received, served) for due in self.terms
        ]
        for one in shorter:
            if one.clause in self.required:
                n = self.required.index(one.clause)
                before, at = found[n], max(self.when(one.due, received, served), one.since)
                found[n] = at if before is None or at < before else before
        return tuple(found)

    def when(self, due: Due, received: Micros, served: Micros) -> Micros:
        """Return when a deadline runs out for who was served then, by a unit that received then."""
        return due_at(
            due,
            issued=self.issued,
            received=received,
            served=served,
            restarted=self.restarted,
        )


@dataclass(frozen=True, slots=True)
class Plea:
    """A contest, its decision, or an exemption, as it happened."""

    at: Micros
    position: int
    kind: str
    """contested, upheld, dismissed, exempted"""
    clause: ClauseId | None = None


@dataclass(slots=True)
class Officer:
    """What is known of an officer and a directive."""

    served_at: Micros
    dues: tuple[Micros | None, ...]
    read_at: Micros | None = None
    acknowledged_at: Micros | None = None
    acts: tuple[Micros | None, ...] = ()
    """When each required act was first complied with."""
    pleas: Sequence[Plea] = field(default_factory=tuple)
    """By instant, then entry."""


def acts_of(
    required: Sequence[ClauseId], known: Mapping[ClauseId | None, Micros]
) -> tuple[Micros | None, ...]:
    """Return when each required act was first complied with, by itself or with all."""
    every = known.get(None)
    return tuple(
        every if one is None or (every is not None and every < one) else one
        for one in (known.get(act) for act in required)
    )


def last_of(acts: Sequence[Micros | None]) -> Micros | None:
    """Return when the last act was complied with; None while one is open, or there is none."""
    latest: Micros | None = None
    for at in acts:
        if at is None:
            return None
        if latest is None or at > latest:
            latest = at
    return latest


def freed(
    pleas: Sequence[Plea], at: Micros, required: Sequence[ClauseId]
) -> tuple[bool, frozenset[int], bool]:
    """Return whether he is exempt, of which acts (by index), and whether a contest is open."""
    contested = whole = False
    some: set[str] = set()
    for plea in pleas:
        if plea.at > at:
            break
        match plea.kind:
            case "contested":
                contested = True
            case "dismissed":
                contested = False
            case "upheld":
                contested, whole = False, True
            case _:
                if plea.clause is None:
                    whole = True
                else:
                    some.add(plea.clause)
    free = frozenset(n for n, act in enumerate(required) if whole or act in some)
    exempt = whole or (bool(required) and len(free) == len(required))
    return exempt, free, contested


def counted(
    officer: Officer, at: Micros, required: Sequence[ClauseId]
) -> tuple[int, int, int, int, int, int, int]:
    """Return what he counts at an instant at which he is bound.

    In the order served, read, acknowledged, complied, exempt, contested, overdue; all 0 before
    his service.
    """
    if officer.served_at > at:
        return (0, 0, 0, 0, 0, 0, 0)
    exempt, free, contested = freed(officer.pleas, at, required)
    complied = overdue = 0
    if not exempt:
        complied_by = last_of([act for n, act in enumerate(officer.acts) if n not in free])
        complied = int(complied_by is not None and complied_by <= at)
        overdue = int(
            any(
                due is not None and due <= at and (done is None or done > at)
                for n, (due, done) in enumerate(zip(officer.dues, officer.acts, strict=True))
                if n not in free
            )
        )
    return (
        1,
        int(officer.read_at is not None and officer.read_at <= at),
        int(officer.acknowledged_at is not None and officer.acknowledged_at <= at),
        complied,
        int(exempt),
        int(contested),
        overdue,
    )


def overdue_spans(
    served_at: Micros, dues: Sequence[Micros | None], acts: Sequence[Micros | None]
) -> list[tuple[Micros, Micros | None]]:
    """Return from when until when (None: still) at least one act is overdue, joined, in order."""
    found: list[tuple[Micros, Micros | None]] = []
    for start, end in sorted(
        (
            (max(due, served_at), done)
            for due, done in zip(dues, acts, strict=True)
            if due is not None and (done is None or done > max(due, served_at))
        ),
        key=lambda span: span[0],
    ):
        if found and (found[-1][1] is None or start <= found[-1][1]):
            last = found[-1][1]
            if last is not None and (end is None or end > last):
                found[-1] = (found[-1][0], end)
        else:
            found.append((start, end))
    return found


def open_due(
    dues: Sequence[Micros | None], acts: Sequence[Micros | None], free: frozenset[int]
) -> Micros | None:
    """Return the earliest due of an act still open; None if there is none."""
    return min(
        (
            due
            for n, (due, done) in enumerate(zip(dues, acts, strict=True))
            if due is not None and done is None and n not in free
        ),
        default=None,
    )
