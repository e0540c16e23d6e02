"""Every directive: its number, state and wording in force. In: directive facts."""

import unicodedata

from domain import directive
from domain.directive import DIRECTIVE
from domain.errors import Misused, Unknown
from domain.fact import micros
from ledger.codec import Entry
from projections.database import Database
from projections.force import text
from projections.tables import columns


def cited(number: str) -> str:
    """Return a number as it is compared: NFC, trimmed, spaces folded; case and slashes count."""
    return " ".join(unicodedata.normalize("NFC", number).split())


def apply(db: Database, entry: Entry) -> bool:
    """Write down one directive fact; tell whether everybody is asked again."""
    position, stream, _, fact = entry
    name = stream.removeprefix("directive-").rsplit(".", 1)[0]
    before = db.directives.get(name) or db.directive(name, known=position - 1)
    db.directives[name] = DIRECTIVE.evolve(before, fact)  # type: ignore[arg-type]
    match fact:
        case directive.Issued():
            order = fact.order
            row = (
                fact.directive, position, fact.year, fact.serial, fact.number,
                text(order.terms.subject), order.issuer, fact.unit, fact.text,
                micros(fact.at), None, None, 1, 1, int(order.standing),
            )  # fmt: skip
            db.put("directives", columns("directives"), [row])
            _worded(db, name, 1, entry, fact.text)
            return False
        case directive.Amended():
            db.run(
                "UPDATE {directives} SET version = :v, subject = :s,"
                " asked = CASE WHEN :m = 1 THEN :v ELSE asked END WHERE directive = :d",
                d=name, v=fact.version, s=text(fact.terms.subject), m=int(fact.material),
            )  # fmt: skip
            _worded(db, name, fact.version, entry, fact.text)
            return fact.material
        case directive.Authorised():
            return False
        case directive.Superseded() | directive.Withdrawn():
            db.run(
                "UPDATE {directives} SET ended_at = :t, ended = :e WHERE directive = :d",
                d=name,
                t=micros(fact.at),
                e="superseded" if isinstance(fact, directive.Superseded) else "withdrawn",
            )
            return False
        case directive.Backed():
            return False  # it is asked of the directive itself
        case _:
            msg = f"{fact.stored} is not a fact of a directive"
            raise TypeError(msg)


def _worded(db: Database, name: str, version: int, entry: Entry, sha256: str) -> None:
    row = (name, version, entry.position, micros(entry.fact.at), sha256)
    db.put("wordings", columns("wordings"), [row])


def worded(db: Database, sha256: str) -> list[tuple[str, int]]:
    """Return which versions of which directives have exactly this file, in the ledger's order."""
    return [
        (row[0], int(row[1]))
        for row in db.tuples(
            "SELECT directive, version FROM {wordings} WHERE text = :x ORDER BY position",
            x=sha256,
        )
    ]


def find(db: Database, ref: str) -> str:
    """Return the id of the directive that ``ref`` cites by id or number.

    Raises:
        Unknown: no directive is cited so.
        Misused: several are.

    """
    if db.run("SELECT 1 FROM {directives} WHERE directive = :d", d=ref).first():
        return ref
    wanted = cited(ref)
    found = [
        row[0]
        for row in db.run("SELECT directive, number FROM {directives} ORDER BY directive")
        if cited(row[1]) == wanted
    ]
    if not found:
        raise Unknown(
            f"There is no directive {ref!r} here; `farman status` lists those there are."
        )
    if len(found) > 1:
        raise Misused(
            f"Several directives are numbered {ref!r}: {', '.join(found)}. Name one by its id."
        )
    return str(found[0])
