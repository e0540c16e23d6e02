"""The kinds of failure that Farman knows; anything else is a fault of its own.

Each message is one sentence for the person who can act on it: what, where, what to do.
"""

from collections.abc import Sequence
from dataclasses import dataclass


class FarmanError(Exception):
    """A failure with a sentence for a person."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
        """One sentence: what, where, what to do."""


class Refused(FarmanError):
    """A rule of the force forbids it. Nothing was written."""


class Unknown(FarmanError):
    """No such home, directive, unit, post or officer as the command names."""


class Misused(FarmanError):
    """The command's words do not fit together."""


class Contended(FarmanError):
    """Another writer was first. Decide again on what is now true."""


class CorruptStream(FarmanError):
    """A history that cannot be true. Stop and call an operator."""


class Unavailable(FarmanError):
    """Not now: the store or a link cannot be reached, is busy, full or damaged."""


@dataclass(frozen=True, slots=True)
class Flaw:
    """One thing that is wrong in a file that was handed in."""

    line: int | None
    field: str
    """Column or field path."""
    value: str
    reason: str


class Unaccepted(FarmanError):
    """What a file says cannot be accepted. Nothing was written."""

    def __init__(self, reason: str, problems: Sequence[Flaw] = ()) -> None:
        super().__init__(reason)
        self.problems = tuple(problems)
