"""A directive's wording, drawn for a person: whom it binds, its clauses, its text, what changed."""

import re
import textwrap
from collections.abc import Iterator
from datetime import tzinfo
from typing import TYPE_CHECKING

from console import words
from console.tables import Answer, Drawing
from domain.deadline import span

if TYPE_CHECKING:
    from rich.console import Console

_ITEM = re.compile(r"\s*(?:[0-9]+[.)]|[-*])\s+")
"""How an item of a list begins, in the Markdown of a text."""
_CLAUSE = re.compile(r"clauses\.[^.]+")
"""The path of a whole clause."""
_ADDRESSED = 12
"""Units that are named; a province's forty districts would hide the order."""


def directive(answer: Answer, zone: tzinfo) -> Drawing:
    """Draw a directive from its number to what its last version changed."""

    def draw(console: "Console") -> None:
        width = console.width
        head = f"{answer['number']}  {answer['directive']}  {words.state(answer['state'])}"
        console.print(head, style="bold")
        if answer["confidentiality"]:
            console.print(str(answer["confidentiality"]).upper(), style="bold red")
        for line in (answer["subject"], *_standing(answer, zone)):
            console.print(textwrap.fill(str(line), width))
        if not answer["backed"]:
            console.print("unbacked: conveyed, no signed instrument", style="yellow")
        for clause in answer["clauses"]:
            console.print()
            console.print(
                textwrap.fill(f"{clause['clause']}: {_nature(clause)}", width), style="bold"
            )
            console.print(_indented(str(clause["text"]), width))
        for block in (_cited(answer), _body(answer, width), _changed(answer, zone)):
            lines = list(block)
            if lines:
                console.print()
            for line in lines:
                console.print(line)

    return draw


def _standing(answer: Answer, zone: tzinfo) -> Iterator[str]:
    """Yield who issued it, to whom, on what ground and why."""
    by = answer["issuer"]
    held = "vacant then" if by["officer_id"] is None else str(by["officer_id"])
    rank = "" if by["rank"] is None else f", BPS-{by['rank']}"
    yield f"Issued {words.day(answer['issued_at'], zone)} by {by['post']} of {by['unit']} ({held}{rank})."
    if answer["basis"] is not None and answer["basis"]["ref"]:
        yield f"It rests on: {answer['basis']['ref']} ({answer['basis']['form']})."
    if answer["backed_by"]:
        yield f"Backed by {answer['backed_by']} since {words.day(answer['backed_at'], zone)}."
    to = [str(one["name"]) for one in answer["addressees"]]
    more = f" and {len(to) - _ADDRESSED} more" if len(to) > _ADDRESSED else ""
    way = {"automatic": "at once", "on_acknowledgement": "when each desk has acknowledged"}
    yield (
        f"To {', '.join(to[:_ADDRESSED])}{more}, and all below; {answer['precedence']}, passed "
        f"on {way[answer['forward']]}."
    )
    later = "; also who comes to match later" if answer["standing"] else ""
    yield f"It binds {answer['population']['words']}{later}."
    if answer["purpose"]:
        yield f"Purpose: {answer['purpose']}"
    if answer["incident"]:
        yield f"What gave rise to it: {answer['incident']}"
    if answer["ended_at"] is not None:
        by_which = f" by {answer['superseded_by']}" if answer["superseded_by"] else ""
        yield f"{words.state(answer['state']).capitalize()}{by_which} on {words.day(answer['ended_at'], zone)}."
    if answer["version"] != answer["version_in_force"]:
        yield f"This is version {answer['version']}; version {answer['version_in_force']} is in force."


def _nature(clause: Answer) -> str:
    """Return what kind of rule a clause is, and its terms."""
    parts = [words.state(clause["kind"])]
    if clause["absolute"] is not None:
        parts[0] += ", absolute" if clause["absolute"] else ", unless permitted"
    if clause["open"] is not None:
        parts[0] += ", whoever registers" if clause["open"] else ", a closed list"
    if clause["of"]:
        parts[0] += f" (of {', '.join(clause['of'])})"
    if clause["due"]:
        parts.append(str(clause["due"]))
    if clause["escalate_seconds"]:
        steps = (span(step) if step else "at once" for step in clause["escalate_seconds"])
        parts.append(f"told to the desks above when overdue: {', '.join(steps)}")
    if clause["decider_post"]:
        parts.append(f"{clause['decider_post']} decides")
    if clause["decider_head_of"]:
        parts.append(f"the head of the {clause['decider_head_of']} decides")
    if clause["scope"]:
        parts.append(f"for {', '.join(clause['scope'])}")
    if clause["expiry"]:
        parts.append(f"for {clause['expiry']} at most")
    if clause["from_kinds"]:
        parts.append(f"from the head of each {', '.join(clause['from_kinds'])}")
    if clause["posts"]:
        owe = (
            "and "
            if clause["from_kinds"]
            else ""
            if clause["kind"] == "return_due"
            else "only "
        )
        parts.append(f"{owe}{', '.join(clause['posts'])}")
    if clause["opens"]:
        parts.append(f"opens a {clause['opens']}")
    return "; ".join(parts)


def _cited(answer: Answer) -> Iterator[str]:
    named = {
        "reissues": "Issues again",
        "supersedes": "Takes the place of",
        "adopts": "Adopts",
        "similar_to": "Is similar to",
        "relays": "Passes on",
    }
    for link in answer["cites"]:
        known = f" ({link['id']})" if link["id"] else ", which is not known here"
        because = f": {link['reason']}" if link["reason"] else "."
        yield f"{named[link['relation']]} {link['ref']}{known}{because}"


def _body(answer: Answer, width: int) -> Iterator[str]:
    """Yield the text, its paragraphs and items filled to the width."""
    if not answer["text"]:
        return
    others = [one for one in answer["languages"] if one != answer["language"]]
    also = f"; also in {', '.join(others)}: --language" if others else ""
    yield f"Text ({answer['language']}{also}):"
    for paragraph in re.split(r"\n\s*\n", str(answer["text"]).strip()):
        yield ""
        for item in _items(paragraph):
            marked = _ITEM.match(item)
            hang = " " * (0 if marked is None else len(marked.group().lstrip()))
            yield textwrap.fill(item, width, subsequent_indent=hang)


def _items(paragraph: str) -> Iterator[str]:
    found: list[str] = []
    for line in paragraph.splitlines():
        if found and not _ITEM.match(line):
            found[-1] += f" {line.strip()}"
        else:
            found.append(line.strip())
    yield from found


def _changed(answer: Answer, zone: tzinfo) -> Iterator[str]:
    if len(answer["versions"]) == 1:
        return
    yield "Versions:"
    for one in answer["versions"]:
        how = "first" if one["version"] == 1 else ""
        if one["version"] > 1:
            how = "material: all are asked again" if one["material"] else "not material"
        yield f"{one['version']}  {words.day(one['since'], zone)}  {how}"
        for change in one["changes"]:
            line = f" line {change['line']}" if change["line"] is not None else ""
            if _CLAUSE.fullmatch(change["field"]):
                gone = "is taken out" if change["after"] is None else "is new"
                yield f"   {change['field']} {gone}"
                continue
            before, after = (str(change[n] or "nothing").strip() for n in ("before", "after"))
            yield f"   {change['field']}{line}: {before} → {after}"


def _indented(text: str, width: int) -> str:
    return textwrap.fill(text, width, initial_indent="  ", subsequent_indent="  ")
