"""How a rule is told: given these facts, when this command comes, then these facts follow.

``given(RELAY, received).when(acknowledge).then(acknowledged)`` compares whole facts, never a
part of them; ``then()`` says that nothing changes.
"""

import os
from dataclasses import dataclass
from typing import Generic, TypeVar

from hypothesis import HealthCheck, Phase, settings

from domain.decider import Decider
from domain.errors import Refused

C = TypeVar("C")
S = TypeVar("S")
E = TypeVar("E")


@dataclass(frozen=True)
class When(Generic[E]):
    """What a command came to."""

    facts: tuple[E, ...]
    refused: str | None

    def then(self, *facts: E) -> None:
        assert self.refused is None, f"it was refused: {self.refused}"
        assert self.facts == facts, f"it wrote {self.facts!r}, not {facts!r}"

    def then_refused(self, reason: str) -> None:
        assert self.refused == reason, f"it said {self.refused!r} and wrote {self.facts!r}"


@dataclass(frozen=True)
class Given(Generic[C, S, E]):
    """A history, and whose rules it follows."""

    decider: Decider[C, S, E]
    history: tuple[E, ...]

    def when(self, command: C) -> When[E]:
        try:
            facts = self.decider.decide(command, self.decider.fold(self.history))
        except Refused as no:
            return When((), no.reason)
        return When(tuple(facts), None)


def given(decider: Decider[C, S, E], *history: E) -> Given[C, S, E]:
    """Begin a rule with what has happened, oldest first."""
    return Given(decider, history)


ASKED_FOR = os.environ.get("FARMAN_EXAMPLES")


def examples(usually: int, *, shrink: bool = True) -> settings:
    """Return settings for that many examples, always the same; or for as many as asked for.

    ``FARMAN_EXAMPLES=5000`` tries that many new ones, and always shrinks what fails: where an
    example is slow, the shortest that fails takes minutes to find.
    """
    phases = [Phase.explicit, Phase.generate, Phase.shrink]
    return settings(
        max_examples=int(ASKED_FOR or usually),
        derandomize=ASKED_FOR is None,
        deadline=None,
        phases=phases if shrink or ASKED_FOR else phases[:2],
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
    )
