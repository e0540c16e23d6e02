"""What the shell offers after TAB: directives, units and posts of the home at hand, and stories.

A person who presses TAB gets names or nothing, never an error and never a change.
"""

import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from office.office import Office


def directives(incomplete: str) -> list[tuple[str, str]]:
    """Offer the directives' ids, each with its number and subject."""
    with _office() as office:
        if office is None:
            return []
        return [
            (row["directive"], f"{row['number']} {_words(row['subject'])}")
            for row in office.status()["directives"]
            if row["directive"].startswith(incomplete)
        ]
    return []


def units(incomplete: str) -> list[tuple[str, str]]:
    """Offer the units' ids, each with its name."""
    with _office() as office:
        if office is None:
            return []
        known = office.tree().units.values()
        return [(u.id, _words(u.name)) for u in known if u.id.startswith(incomplete)]
    return []


def posts(incomplete: str) -> list[tuple[str, str]]:
    """Offer the posts' ids, each with its title."""
    with _office() as office:
        if office is None:
            return []
        known = office.tree().posts.values()
        return [(p.id, _words(p.title)) for p in known if p.id.startswith(incomplete)]
    return []


def stories(incomplete: str) -> list[tuple[str, str]]:
    """Offer the scenarios' names, each with its line."""
    from contextlib import suppress

    from console.stories import every

    with suppress(Exception):  # as below
        return [each for each in every() if each.name.startswith(incomplete)]
    return []


@contextmanager
def _office() -> "Iterator[Office | None]":
    """Open the office of the line that is being typed; None where that cannot be."""
    from contextlib import suppress

    from console import invocation

    with suppress(Exception):  # a TAB that finds nothing offers nothing
        words = shlex.split(os.environ.get("COMP_WORDS", ""))[1:]
        call, _ = invocation.parse(words)
        call.now = None
        with call.office() as office:
            yield office
            return
    yield None


def _words(text: object) -> str:
    if isinstance(text, dict):
        return str(text.get("en") or next(iter(text.values()), ""))
    return str(text)
