"""What a directive says: its wording in one language, whom it binds, what it rests on, what changed.

In: a directive and a moment. Out: one answer that holds all of it, so that clauses can be laid
beside those of another order (H12), and what a version widened or narrowed is seen (K19). An
officer reads here what he is to obey; an auditor, on whose authority.
"""

from collections.abc import Iterator
from typing import Any

from domain.directive import Clause, Directive, Version
from domain.errors import Misused, Unknown
from domain.fact import Text, UnitId, instant, words
from domain.force import Tree
from domain.population import said
from domain.roll import DUTIES
from ledger.store import head
from office import wording
from projections import directives, force, instruments
from projections.database import Database, Moment
from projections.force import zone


def show(
    db: Database,
    ref: str,
    asked: Moment,
    *,
    version: int | None = None,
    language: str | None = None,
) -> dict[str, Any]:
    """Show a directive as it stood at a moment: the wording in force then, or another version.

    Raises:
        Unknown: no such directive or version, or not issued by that moment.
        Misused: it has no text in that language.

    """
    name = directives.find(db, ref)
    whole = db.directive(name, asked.known)
    order = whole.order
    if order is None or asked.at < whole.issued_at:
        raise Unknown(f"{db.directive(name).number} had not been issued by that moment.")
    known = [one for one in whole.versions if one.since <= asked.at]
    in_force = whole.version_at(asked.at)
    shown = in_force
    if version is not None:
        found = next((one for one in known if one.number == version), None)
        if found is None:
            raise Unknown(f"{whole.number} has no version {version} at that moment.")
        shown = found
    terms = shown.terms
    languages = _languages(shown)
    if language is not None and language not in languages:
        raise Misused(
            f"Version {shown.number} of {whole.number} says nothing in {language!r}; it has "
            f"{', '.join(languages)}."
        )
    spoken = language or ("en" if "en" in languages else languages[0])
    zone_ = zone(db)
    tree = force.tree(db, asked)
    ended = whole.ended_at if whole.state_at(asked.at) != "in_force" else None
    backed_at = whole.backed_at
    backs = backed_at is not None and backed_at <= asked.at
    return {
        "directive": name,
        "number": whole.number,
        "state": whole.state_at(asked.at),
        "version": shown.number,
        "version_in_force": in_force.number,
        "language": spoken,
        "languages": languages,
        "subject": _in(terms.subject, spoken),
        "issued_at": instant(whole.issued_at).astimezone(zone_),
        "issuer": _issuer(whole),
        "precedence": order.precedence,
        "forward": order.forward,
        "grace_seconds": order.grace,
        "addressees": [{"unit": unit, "name": _name(tree, unit)} for unit in order.addressees],
        "standing": order.standing,
        "population": {
            "rank_from": order.population.rank_from,
            "rank_to": order.population.rank_to,
            "duty": list(DUTIES if order.population.duty is None else order.population.duty),
            "except_units": list(order.population.except_units),
            "except_posts": list(order.population.except_posts),
            "words": said(order.population),
        },
        "purpose": None if terms.purpose is None else _in(terms.purpose, spoken),
        "incident": None if terms.incident is None else _in(terms.incident, spoken),
        "confidentiality": terms.confidentiality,
        "basis": None
        if terms.basis is None
        else {"form": terms.basis.form, "ref": terms.basis.ref},
        "backed": whole.backed(asked.at),
        "backed_by": whole.backing if backs else None,
        "backed_at": instant(backed_at).astimezone(zone_)
        if backs and backed_at is not None
        else None,
        "clauses": [_clause(clause, spoken) for clause in terms.clauses],
        "cites": [
            {
                "relation": link.relation,
                "ref": link.ref,
                "reason": link.reason,
                "kind": link.kind,
                "id": link.id,
            }
            for link in instruments.links(db, terms.lineage)
        ],
        "text": _in(terms.texts, spoken),
        "ended_at": None if ended is None else instant(ended).astimezone(zone_),
        "superseded_by": None if ended is None else whole.successor,
        "versions": [
            {
                "version": one.number,
                "since": instant(one.since).astimezone(zone_),
                "material": one.material,
                "sha256": one.text,
                "changes": changes,
            }
            for one, changes in _versions(known)
        ],
        "as_of": instant(asked.at).astimezone(zone_),
        "known_at": asked.known,
        "position": head(db.conn),
    }


def _versions(known: list[Version]) -> Iterator[tuple[Version, list[dict[str, object]]]]:
    """Yield each version with what it says otherwise than the one before it (K19)."""
    before: Version | None = None
    for one in known:
        different = () if before is None else wording.terms(before.terms, one.terms)
        yield (
            one,
            [
                {
                    "field": each.field,
                    "line": each.line,
                    "before": each.one,
                    "after": each.other,
                }
                for each in different
            ],
        )
        before = one


def _issuer(whole: Directive) -> dict[str, object]:
    """Return who issued it, as the fact of the issue has it: nothing is looked up again."""
    order, by = whole.order, whole.authority
    return {
        "post": None if order is None else order.issuer,
        "unit": whole.unit,
        "officer_id": None if by is None else by.officer,
        "charge": None if by is None else by.charge,
        "rank": None if by is None else by.rank,
    }


def _clause(clause: Clause, language: str) -> dict[str, object]:
    more = clause.more
    forbids = clause.kind == "prohibition"
    return {
        "clause": clause.id,
        "kind": clause.kind,
        "text": _in(clause.text, language),
        "of": list(clause.of),
        "absolute": not more.get("unless_permitted", False) if forbids else None,
        "open": clause.open if clause.kind == "exception" else None,
        "due": None if clause.due is None else clause.due.words(),
        "escalate_seconds": list(clause.escalate),
        "decider_post": more.get("decider_post"),
        "decider_head_of": more.get("decider_head_of"),
        "scope": more.get("scope", ()),
        "expiry": more.get("expiry"),
        "posts": more.get("posts", ()),
        "from_kinds": more.get("from_kinds", ()),
        "opens": more.get("opens"),
    }


def _languages(version: Version) -> list[str]:
    """Return the languages in which a wording says something: English first, then by name."""
    terms = version.terms
    each = [terms.subject, terms.texts, *(clause.text for clause in terms.clauses)]
    return sorted(
        {language for text in each for language in text}, key=lambda n: (n != "en", n)
    )


def _in(text: Text, language: str) -> str:
    """Return a text in a language; where it has none in it, as it would be shown otherwise."""
    return text.get(language) or words(text)


def _name(tree: Tree, unit: UnitId) -> str:
    return words(tree.units[unit].name) if unit in tree.units else unit
