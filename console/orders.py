"""From a directive's file to the order that the rules know, checked against the force.

The file is sound in itself; here every unit and post that it names must be one that stands.
"""

from collections.abc import Iterable

from console.files.directive_file import ClauseSpec, DirectiveFile, LineageSpec
from console.files.instrument_file import InstrumentFile
from console.files.problems import BadFile, Names, Problem
from domain.deadline import Due
from domain.directive import Basis, Clause, Lineage, Link, Order, Population, Terms
from domain.fact import ClauseId, PostId, UnitId
from domain.force import Tree
from domain.instrument import Paper
from domain.roll import DUTIES


def order(file: DirectiveFile, tree: Tree) -> Order:
    """Return the order that the file states.

    Raises:
        BadFile: it names a unit or a post that is not there; all of them.

    """
    check(file, tree)
    return stated(file)


def stated(file: DirectiveFile) -> Order:
    """Return the order that the file states, whether or not its units and posts are there."""
    people = file.population
    return Order(
        label=None if file.number == "auto" else file.number,
        issuer=PostId(file.issuer),
        precedence=file.precedence,
        forward=file.forward,
        grace=int(file.grace.total_seconds()),
        addressees=tuple(UnitId(unit) for unit in file.addressees),
        population=Population(
            rank_from=people.rank_from,
            rank_to=people.rank_to,
            # In one order whatever the file's: the order is part of the stored bytes.
            duty=None if people.duty is None else tuple(d for d in DUTIES if d in people.duty),
            except_units=tuple(UnitId(unit) for unit in people.except_units),
            except_posts=tuple(PostId(post) for post in people.except_posts),
        ),
        standing=file.standing,
        terms=terms(file),
    )


def amendment(file: DirectiveFile, tree: Tree, now: Order) -> Terms:
    """Return the terms of a new version of a directive that stands as ``now``.

    Raises:
        BadFile: the file changes what an amendment cannot: whom the directive binds, and how
            it travels.

    """
    new = order(file, tree)
    fixed = {
        "issuer": new.issuer == now.issuer,
        "precedence": new.precedence == now.precedence,
        "forward": new.forward == now.forward,
        "grace": new.grace == now.grace,
        "addressees": set(new.addressees) == set(now.addressees),
        "population": _whom(new.population) == _whom(now.population),
        "standing": new.standing == now.standing,
    }
    if new.label is not None:
        fixed["number"] = new.label == now.label
    changed = [name for name, same in fixed.items() if not same]
    if changed:
        raise BadFile(
            file.problem(
                name,
                "",
                "An amendment changes the subject, the clauses and the text; this differs from "
                "the directive in force, so issue a new directive that supersedes it.",
            )
            for name in changed
        )
    return new.terms


def _whom(people: Population) -> tuple[object, ...]:
    return (
        people.rank_from,
        people.rank_to,
        None if people.duty is None else frozenset(people.duty),
        frozenset(people.except_units),
        frozenset(people.except_posts),
    )


def check(file: DirectiveFile, tree: Tree) -> None:
    """Check that every unit and post the file names is there.

    Raises:
        BadFile: naming each that is not, and the nearest that is.

    """
    units, posts = Names(tree.units), Names(tree.posts)
    problems: list[Problem] = []

    def units_known(path: str, named: Iterable[str]) -> None:
        for at, unit in enumerate(named):
            if unit not in tree.units:
                reason = f"There is no unit “{unit}”{units.hint(unit)}"
                problems.append(file.problem(f"{path}[{at}]", unit, reason))

    def post_known(path: str, post: str | None) -> None:
        if post is not None and post not in tree.posts:
            reason = f"There is no post “{post}”{posts.hint(post)}"
            problems.append(file.problem(path, post, reason))

    post_known("issuer", file.issuer)
    units_known("addressees", file.addressees)
    units_known("population.except_units", file.population.except_units)
    for at, post in enumerate(file.population.except_posts):
        post_known(f"population.except_posts[{at}]", post)
    for number, clause in enumerate(file.clauses):
        named = "from" if clause.kind == "return_due" else "posts"
        for at, post in enumerate(clause.posts):
            post_known(f"clauses[{number}].{named}[{at}]", post)
        if clause.decider is not None:
            post_known(f"clauses[{number}].decider.post", clause.decider.post)
    if problems:
        raise BadFile(problems)


def terms(file: DirectiveFile) -> Terms:
    """Return what the directive says: all that an amendment may change."""
    basis = file.basis
    return Terms(
        subject=file.subject,
        clauses=tuple(_clause(clause) for clause in file.clauses),
        texts=file.texts,
        lineage=_lineage(file.lineage),
        purpose=file.purpose or None,
        confidentiality=file.confidentiality,
        incident=file.incident or None,
        basis=None if basis is None else Basis(form=basis.form, ref=basis.ref),
    )


def paper(file: InstrumentFile) -> Paper:
    """Return the instrument that the file holds; it binds nobody, so nothing of it is looked up."""
    return Paper(
        citation=file.citation,
        sender=file.sender,
        dated=file.dated.isoformat(),
        form=file.form,
        subject=file.subject,
        clauses=tuple(_clause(clause) for clause in file.clauses),
        texts=file.texts,
        purpose=file.purpose or None,
        incident=file.incident or None,
        confidentiality=file.confidentiality,
    )


def _clause(spec: ClauseSpec) -> Clause:
    more: dict[str, str | bool | tuple[str, ...]] = {}
    if spec.unless_permitted:
        more["unless_permitted"] = True
    if spec.decider is not None:
        which = "post" if spec.decider.post is not None else "head_of"
        more[f"decider_{which}"] = spec.decider.post or spec.decider.head_of or ""
    if spec.scope:
        more["scope"] = spec.scope
    if spec.expiry is not None:
        from console.files.durations import iso

        more["expiry"] = iso(spec.expiry)
    if spec.posts:
        more["posts"] = spec.posts
    if spec.from_kinds:
        more["from_kinds"] = spec.from_kinds
    if spec.opens is not None:
        more["opens"] = spec.opens
    return Clause(
        id=ClauseId(spec.id),
        kind=spec.kind,
        text=spec.text,
        of=tuple(ClauseId(clause) for clause in spec.of),
        open=spec.open if spec.kind == "exception" else None,
        due=_due(spec),
        escalate=tuple(int(step.total_seconds()) for step in spec.escalate),
        more=more,
    )


def _due(spec: ClauseSpec) -> Due | None:
    if spec.due is None:
        return None
    if spec.due.at is not None:
        return Due(at=spec.due.at)
    within = spec.due.within
    return Due(
        clock=spec.due.clock, within=None if within is None else int(within.total_seconds())
    )


def _lineage(specs: Iterable[LineageSpec]) -> Lineage:
    links: dict[str, list[Link]] = {}
    for spec in specs:
        links.setdefault(spec.relation, []).append(Link(ref=spec.ref, reason=spec.reason))
    return Lineage(**{name: tuple(links.get(name, ())) for name in Lineage.model_fields})
