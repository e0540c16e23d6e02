"""Asking a file's nodes for what its form says must stand there.

Each question returns the value, or None after noting what is wrong; so one reading finds
every fault. Afterwards ``problems`` is empty, or the file is not to be used.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from console.files import durations
from console.files.nodes import Items, Node, Scalar, Table
from console.files.problems import Problem, hint, listed, shown

ID = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
"""Units, posts and clauses."""

LANGUAGES = ("en", "ur", "ps", "sd")

TITLE = 200
"""Characters of a name or a title."""

TEXT = 20_000
"""Characters of a clause's text."""


class Fields:
    """One file's nodes under question."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []
        self.lines: dict[str, int] = {}
        """The line of every field that was asked for, by its path."""

    def fault(self, path: str, line: int, value: str, reason: str) -> None:
        self.problems.append(Problem(self.file, line, path, shown(value), reason))

    def table(
        self, node: Node, path: str, known: Sequence[str], required: Sequence[str] = ()
    ) -> dict[str, Node]:
        """Return the fields that say something; unknown and missing ones are faults."""
        if not isinstance(node, Table):
            self.fault(path, node.line, _value(node), f"Here stand fields: {listed(known)}.")
            return {}
        found: dict[str, Node] = {}
        for key, (line, value) in node.fields.items():
            inner = _join(path, key)
            if key not in known:
                near = hint(key, known)
                if near == ".":
                    near = f"; known are {listed(known)}."
                self.fault(inner, line, key, f"There is no field “{shown(key)}” here{near}")
                continue
            self.lines[inner] = line
            if not (isinstance(value, Scalar) and value.null):
                found[key] = value
        for key in required:
            if key not in found:
                line = self.lines.get(_join(path, key), node.line)
                self.fault(_join(path, key), line, "", f"“{key}” is missing.")
        return found

    def items(self, node: Node | None, path: str, what: str) -> Iterator[tuple[str, Node]]:
        """Yield path and node of each item of a list."""
        if node is None:
            return
        if not isinstance(node, Items):
            example = f", such as [{shown(node.text)}]" if isinstance(node, Scalar) else ""
            self.fault(path, node.line, _value(node), f"Here stands a list of {what}{example}.")
            return
        for at, item in enumerate(node.nodes):
            self.lines[f"{path}[{at}]"] = item.line
            yield f"{path}[{at}]", item

    def text(self, node: Node | None, path: str, limit: int = TITLE) -> str | None:
        """Return a text without the blanks around it."""
        if node is None:
            return None
        if not isinstance(node, Scalar):
            self.fault(path, node.line, "", "Here stands a text, not a list or fields.")
            return None
        text = node.text.strip()
        if not text or node.null:
            self.fault(path, node.line, "", "There is no text here.")
            return None
        if len(text) > limit:
            reason = f"The text has {len(text):,} characters; at most {limit:,} are read."
            self.fault(path, node.line, text, reason)
            return None
        return " ".join(text.split()) if limit <= TITLE else text

    def words(self, node: Node | None, path: str, limit: int = TITLE) -> dict[str, str]:
        """Return a text by language, at least one."""
        if node is None:
            return {}
        if not isinstance(node, Table):
            reason = "A text names its language, such as {en: …, ur: …}."
            self.fault(path, node.line, _value(node), reason)
            return {}
        found: dict[str, str] = {}
        for key, (line, value) in node.fields.items():
            inner = _join(path, key)
            self.lines[inner] = line
            if key not in LANGUAGES:
                comma = (
                    " A text with a comma in it needs quotes here."
                    if isinstance(value, Scalar) and value.null
                    else ""
                )
                reason = f"“{shown(key)}” is no language; known are {listed(LANGUAGES)}.{comma}"
                self.fault(inner, line, key, reason)
            elif text := self.text(value, inner, limit):
                found[key] = text
        if not node.fields:
            self.fault(path, node.line, "", "A text in at least one language is missing.")
        return found

    def ident(self, node: Node | None, path: str, what: str) -> str | None:
        """Return an id of a unit, post or clause."""
        if node is None or (text := self.text(node, path)) is None:
            return None
        if ID.fullmatch(text):
            return text
        reason = (
            f"This cannot be the id of a {what}: an id has 1 to 40 lower-case letters, digits "
            "and hyphens, and begins with no hyphen."
        )
        self.fault(path, node.line, text, reason)
        return None

    def idents(self, node: Node | None, path: str, what: str) -> tuple[str, ...]:
        """Return a list of ids, none twice, in the order written."""
        found: dict[str, int] = {}
        for inner, item in self.items(node, path, f"{what} ids"):
            name = self.ident(item, inner, what)
            if name in found:
                reason = f"“{name}” stands twice in this list, first in line {found[name]}."
                self.fault(inner, item.line, name, reason)
            elif name:
                found[name] = item.line
        return tuple(found)

    def choice(self, node: Node | None, path: str, known: Sequence[str]) -> str | None:
        """Return one of the words that are known here."""
        if node is None or (text := self.text(node, path)) is None:
            return None
        if text in known:
            return text
        near = hint(text, known)
        if near == ".":
            near = f"; known are {listed(known)}."
        self.fault(path, node.line, text, f"“{shown(text)}” is not known here{near}")
        return None

    def choices(self, node: Node | None, path: str, known: Sequence[str]) -> tuple[str, ...]:
        """Return some of the words that are known here, none twice."""
        found: dict[str, int] = {}
        for inner, item in self.items(node, path, "words"):
            word = self.choice(item, inner, known)
            if word in found:
                reason = f"“{word}” stands twice in this list, first in line {found[word]}."
                self.fault(inner, item.line, word, reason)
            elif word:
                found[word] = item.line
        return tuple(found)

    def rank(self, node: Node | None, path: str) -> int | None:
        """Return a BPS rank, 1 to 22."""
        if node is None or (text := self.text(node, path)) is None:
            return None
        if re.fullmatch("[1-9]|1[0-9]|2[0-2]", text):
            return int(text)
        reason = "This is no rank; write its BPS number, 1 to 22."
        self.fault(path, node.line, text, reason)
        return None

    def flag(self, node: Node | None, path: str) -> bool | None:
        """Return true or false."""
        if node is None or (text := self.text(node, path)) is None:
            return None
        if text.casefold() in ("true", "false"):
            return text.casefold() == "true"
        self.fault(path, node.line, text, "Here stands true or false.")
        return None

    def duration(self, node: Node | None, path: str) -> timedelta | None:
        """Return an exact duration."""
        if node is None or (text := self.text(node, path)) is None:
            return None
        try:
            return durations.duration(text)
        except ValueError as fault:
            self.fault(path, node.line, text, str(fault))
            return None

    def instant(self, node: Node | None, path: str) -> datetime | None:
        """Return an instant with its offset."""
        if node is None or (text := self.text(node, path)) is None:
            return None
        try:
            return durations.instant(text)
        except ValueError as fault:
            self.fault(path, node.line, text, str(fault))
            return None


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else shown(key)


def _value(node: Node) -> str:
    return node.text if isinstance(node, Scalar) else ""
