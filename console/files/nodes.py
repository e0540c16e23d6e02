"""YAML as nodes that know their line: bounded, and nothing implicit.

A scalar stays the text that was written (`no` is no boolean, `2019-01-01` no date); what
it means is decided by whoever asks for it. Refused: anchors and aliases, tags, duplicate
keys, more than one document, depth over ``DEPTH``. Built from the parser's events, so that
no nesting and no alias costs anything before it is refused.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import yaml

from console.files import texts
from console.files.problems import BadFile, Problem, shown

DEPTH = 16
"""Levels of nesting; the deepest form, a lineage entry, has five."""


@dataclass(slots=True)
class Scalar:
    """A text as it was written."""

    line: int
    text: str
    plain: bool
    """Not quoted: only then can it mean nothing, true or a number."""

    @property
    def null(self) -> bool:
        """Whether nothing was written, or that it is nothing."""
        return self.plain and self.text in ("", "~", "null", "Null", "NULL")


@dataclass(slots=True)
class Items:
    """A sequence."""

    line: int
    nodes: list["Node"] = field(default_factory=list)


@dataclass(slots=True)
class Table:
    """A mapping: for each key the line it stands on, and its value."""

    line: int
    fields: dict[str, tuple[int, "Node"]] = field(default_factory=dict)


Node: TypeAlias = Scalar | Items | Table

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml, where it was built in


def load(text: str, file: str, before: int = 0) -> Node:
    """Return the one document of ``text``; ``before`` lines of the file stand above it.

    Raises:
        BadFile: unreadable as YAML, or one of the forms that are refused.

    """
    try:
        return _build(yaml.parse(text, Loader=_LOADER), file, before)
    except yaml.MarkedYAMLError as fault:
        mark, began = fault.problem_mark or fault.context_mark, fault.context_mark
        last = text.rstrip("\n").count("\n") + 1  # the parser counts one more at the end
        line = min(mark.line + 1 if mark else 1, last) + before
        said = " ".join(part for part in (fault.context, fault.problem) if part)
        if began and began.line + 1 + before < line:
            said += f" (begun in line {began.line + 1 + before})"
        reason = (
            f"This is not readable as YAML: {said}. A text with “: ” or “#” in it needs quotes."
        )
        raise BadFile([Problem(file, line, "", "", reason)]) from None
    except yaml.YAMLError as fault:
        reason = f"This is not readable as YAML: {' '.join(str(fault).split())}"
        raise BadFile([Problem(file, before + 1, "", "", reason)]) from None


def _build(events: Iterator[Any], file: str, before: int) -> Node:
    """Put the parser's events together, keeping what is open on a stack of our own."""
    root: Node | None = None
    open_: list[tuple[Items | Table, str, list[tuple[int, str]]]] = []
    problems: list[Problem] = []

    def fault(line: int, path: str, value: str, reason: str) -> None:
        problems.append(Problem(file, line, path, shown(value), reason))

    for event in events:
        if isinstance(event, yaml.DocumentStartEvent) and root is not None:
            reason = "A second document begins here; the file must hold one."
            fault(_line(event) + before, "", "---", reason)
            break
        if isinstance(event, yaml.CollectionEndEvent):
            open_.pop()
            continue
        if not isinstance(event, yaml.NodeEvent):
            continue
        line = _line(event) + before
        if isinstance(event, yaml.AliasEvent) or event.anchor is not None:
            sign = "*" if isinstance(event, yaml.AliasEvent) else "&"
            reason = "Anchors and aliases are not read; write the value out (or quote a text)."
            fault(line, _path(open_), f"{sign}{event.anchor}", reason)
            break
        if (tag := getattr(event, "tag", None)) is not None:
            fault(line, _path(open_), tag, "Tags are not read; leave it out.")
            break
        node: Node
        if isinstance(event, yaml.ScalarEvent):
            node = Scalar(line, event.value, not event.style)
            if bad := texts.CONTROL.search(event.value):  # written as an escape: "\x07"
                fault(line, _path(open_), event.value, texts.control(bad.group()))
        elif isinstance(event, yaml.SequenceStartEvent):
            node = Items(line)
        else:
            node = Table(line)
        if not open_:
            root = node
        else:
            holder, path, keys = open_[-1]
            if isinstance(holder, Items):
                holder.nodes.append(node)
            elif not keys:
                if not isinstance(node, Scalar):
                    fault(line, path, "", "A key must be a word, not a list or a mapping.")
                    break
                keys.append((line, node.text))
                continue
            else:
                at, key = keys.pop()
                if key in holder.fields:
                    first = holder.fields[key][0]
                    reason = f"“{shown(key)}” stands twice, first in line {first}; keep one."
                    fault(at, f"{path}.{key}" if path else key, key, reason)
                else:
                    holder.fields[key] = (at, node)
        if not isinstance(node, Scalar):
            if len(open_) == DEPTH:
                reason = f"The nesting is deeper than {DEPTH} levels."
                fault(line, "", "", reason)
                break
            open_.append((node, _path(open_), []))
    if problems:
        raise BadFile(problems)
    if root is None:
        raise BadFile([Problem(file, before + 1, "", "", "There is nothing in it.")])
    return root


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1


def _path(open_: list[tuple[Items | Table, str, list[tuple[int, str]]]]) -> str:
    """Return the path of the node that was read last, in the words of its keys."""
    if not open_:
        return ""
    holder, path, keys = open_[-1]
    if isinstance(holder, Items):
        return f"{path}[{max(len(holder.nodes) - 1, 0)}]"
    key = keys[-1][1] if keys else next(reversed(holder.fields), "")
    return f"{path}.{key}" if path else key
