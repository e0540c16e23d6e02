"""The file of an instrument from outside: a directive's form, without what would bind anybody.

    ---
    citation: 4/2019-Media
    from: {en: Ministry of Interior}
    date: 2019-12-20
    form: signed
    subject: {en: Use of social media in attached departments}
    ---
    ## en
    …

`from` and `date` stand where a directive has its issuer, addressees, population and the rest.
`form` is `signed` where the signed paper is at hand; without it the instrument is only
conveyed. `clauses` are read as a directive's are, and bind nobody.
"""

from dataclasses import dataclass, field
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Literal, cast

from console.files import texts
from console.files.directive_file import (
    CONFIDENTIALITY,
    FORMS,
    LARGEST,
    ClauseSpec,
    clauses_of,
    label,
    opened,
    sections,
)
from console.files.fields import TEXT, Fields
from console.files.nodes import Node, Scalar, Table
from console.files.problems import BadFile, Problem, shown

TOP = (
    "citation",
    "from",
    "date",
    "form",
    "subject",
    "clauses",
    "purpose",
    "incident",
    "confidentiality",
)


@dataclass(frozen=True, slots=True)
class InstrumentFile:
    """An instrument as it was written, sound in itself."""

    file: str
    sha256: str
    """Of the file's bytes, hex."""
    citation: str | None
    """As it is cited, NFC and trimmed."""
    sender: dict[str, str]
    """From whom, by language."""
    dated: date
    form: Literal["signed", "conveyed"]
    subject: dict[str, str]
    texts: dict[str, str]
    """The body by language; line ends are newlines."""
    clauses: tuple[ClauseSpec, ...] = ()
    purpose: dict[str, str] = field(default_factory=dict)
    incident: dict[str, str] = field(default_factory=dict)
    confidentiality: str | None = None


def read(path: Path) -> InstrumentFile:
    """Read the file of an instrument.

    Raises:
        BadFile: with everything that is wrong with it.

    """
    return parse(texts.read_bytes(path, LARGEST), str(path))


def parse(data: bytes, file: str) -> InstrumentFile:
    """Read an instrument from the bytes of its file, which is called ``file`` in problems.

    Raises:
        BadFile: with everything that is wrong with it.

    """
    node, body, start = opened(data, file)
    if isinstance(node, Table) and "issuer" in node.fields and "from" not in node.fields:
        line, value = node.fields["issuer"]
        said = value.text if isinstance(value, Scalar) else ""
        reason = (
            "This is an order of the force: it has an “issuer” and no “from”. Issue it with: "
            "farman issue FILE."
        )
        raise BadFile([Problem(file, line, "issuer", shown(said), reason)])
    fields = Fields(file)
    top = fields.table(node, "", TOP, ("from", "date", "subject"))
    dated = _day(fields, top.get("date"))
    form = fields.choice(top.get("form"), "form", FORMS) or "conveyed"
    instrument = InstrumentFile(
        file=file,
        sha256=sha256(data).hexdigest(),
        citation=label(fields, top.get("citation"), "citation"),
        sender=fields.words(top.get("from"), "from"),
        dated=dated or date.min,
        form=cast('Literal["signed", "conveyed"]', form),
        subject=fields.words(top.get("subject"), "subject"),
        texts=sections(fields, body, start),
        clauses=clauses_of(fields, top.get("clauses")),
        purpose=fields.words(top.get("purpose"), "purpose", TEXT),
        incident=fields.words(top.get("incident"), "incident", TEXT),
        confidentiality=fields.choice(
            top.get("confidentiality"), "confidentiality", CONFIDENTIALITY
        ),
    )
    if fields.problems:
        raise BadFile(fields.problems)
    return instrument


def _day(fields: Fields, node: Node | None) -> date | None:
    """Return the day that an instrument bears."""
    if node is None or (text := fields.text(node, "date")) is None:
        return None
    try:
        day = date.fromisoformat(text)
        sound = len(text) == len("2019-12-20") and 1900 <= day.year < 2200  # noqa: PLR2004 - no other years are written
    except ValueError:
        sound = False
    if sound:
        return day
    reason = "This is no day; write year, month and day, such as 2019-12-20."
    fields.fault("date", node.line, text, reason)
    return None
