"""The directive file: Markdown, its front matter YAML, its body the text by language.

    ---
    number: auto
    subject: {en: Leave unofficial WhatsApp groups}
    issuer: ppo
    precedence: immediate
    addressees: [hq]
    population: {rank: {from: 5, to: 21}}
    clauses:
      - {id: quit, kind: required_act, text: {en: …}, due: {clock: receipt, within: P1D}}
    ---
    ## en
    …

Beside `id`, `kind`, `text` and `of` (the clause or clauses it speaks of) each kind of
clause has keys of its own:

- `required_act`: `due`, `escalate`.
- `prohibition`: `unless_permitted: true`, where leave can be asked for; absolute otherwise.
- `exception`: `of` a required act or prohibition; `open: true` for a class that registers
  itself, a closed list otherwise.
- `permission_rule`: `of` a prohibition that has `unless_permitted`; `decider`, who decides:
  `{post: igp}`, or `{head_of: district}`, the head of the nearest unit of that kind at or
  above the requester's at that moment (`unit`: of his own unit); `scope`, a list of what
  leave may be given for; `expiry`, the longest it may last.
- `delegation`: `posts`, the only ones that may do what the clause or its `of` speaks of.
- `return_due`: `from`, who owes it: kinds of units, whose heads do, and ids of posts;
  `due`, by the clock of issue or receipt; `escalate`.
- `consequence`: `of`; `opens`: `case` (default), `notice` or `inquiry`.

Further fields, all optional: `purpose` (text by language: what it is to achieve),
`incident` (text: what gave rise to it), `confidentiality` (open, restricted, confidential,
secret), `basis` (`{form: signed|conveyed, ref: …}`: the instrument it rests on; conveyed
authority has none yet, and is shown as unbacked).
"""

import re
import unicodedata
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Literal, TypeAlias, cast, get_args

from console.files import nodes, texts
from console.files.fields import LANGUAGES, TEXT, Fields
from console.files.force_file import KINDS
from console.files.nodes import Items, Node, Scalar, Table
from console.files.problems import BadFile, Names, Problem, hint, listed, shown
from domain.roll import DUTIES

LARGEST = 256 << 10
"""Bytes; the fact that carries a directive must stay under 512 KiB in all its forms."""

NUMBER = 120
"""Characters of an office's own number, or of a reference to one."""

Precedence: TypeAlias = Literal["routine", "immediate", "flash"]
Forward: TypeAlias = Literal["automatic", "on_acknowledgement"]
ClauseKind: TypeAlias = Literal[
    "required_act",
    "prohibition",
    "exception",
    "permission_rule",
    "delegation",
    "return_due",
    "consequence",
]
Clock: TypeAlias = Literal["issue", "receipt", "service"]
Relation: TypeAlias = Literal["reissues", "supersedes", "adopts", "relays", "similar_to"]

PRECEDENCES: tuple[str, ...] = get_args(Precedence)
FORWARDS: tuple[str, ...] = get_args(Forward)
CLAUSE_KINDS: tuple[str, ...] = get_args(ClauseKind)
CLOCKS: tuple[str, ...] = get_args(Clock)
RELATIONS: tuple[str, ...] = get_args(Relation)
OPENS = ("case", "notice", "inquiry")
CONFIDENTIALITY = ("open", "restricted", "confidential", "secret")
FORMS = ("signed", "conveyed")
GRACE = timedelta(hours=2)

_OWN: dict[str, tuple[str, ...]] = {
    "required_act": ("due", "escalate"),
    "prohibition": ("unless_permitted",),
    "exception": ("of", "open"),
    "permission_rule": ("of", "decider", "scope", "expiry"),
    "delegation": ("of", "posts"),
    "return_due": ("from", "due", "escalate"),
    "consequence": ("of", "opens"),
}
"""The keys of each kind beside id, kind and text."""

_NEEDED: dict[str, tuple[str, ...]] = {
    "required_act": ("text",),
    "prohibition": ("text",),
    "exception": ("of", "text"),
    "permission_rule": ("of", "decider"),
    "delegation": ("posts",),
    "return_due": ("from", "due"),
    "consequence": ("of",),
}

_GOVERNS: dict[str, tuple[str, ...]] = {
    "exception": ("required_act", "prohibition"),
    "permission_rule": ("prohibition",),
    "delegation": ("required_act", "prohibition", "permission_rule"),
    "consequence": ("required_act", "prohibition", "return_due"),
}
"""Which kinds the `of` of a kind may name."""

_TOP = (
    "number",
    "subject",
    "issuer",
    "precedence",
    "forward",
    "grace",
    "addressees",
    "population",
    "standing",
    "clauses",
    "lineage",
    "purpose",
    "incident",
    "confidentiality",
    "basis",
)


@dataclass(frozen=True, slots=True)
class Population:
    """Whom the directive binds among those of the addressed units; None limits nothing."""

    rank_from: int | None = None
    rank_to: int | None = None
    duty: frozenset[str] | None = None
    except_units: tuple[str, ...] = ()
    """Each with everything below it."""
    except_posts: tuple[str, ...] = ()
    """Whoever holds one when served."""


@dataclass(frozen=True, slots=True)
class DueSpec:
    """By when: within a duration from a named clock, or at an instant; never both."""

    clock: Clock | None = None
    within: timedelta | None = None
    """Whole seconds, more than none."""
    at: datetime | None = None
    """Aware."""


@dataclass(frozen=True, slots=True)
class Decider:
    """Who decides on leave: a post, or a head found from the requester's unit; never both."""

    post: str | None = None
    head_of: str | None = None
    """A kind of unit; `unit` for the requester's own."""


@dataclass(frozen=True, slots=True)
class ClauseSpec:
    """One trackable rule. What does not belong to its kind is empty."""

    id: str
    kind: ClauseKind
    text: dict[str, str]
    of: tuple[str, ...] = ()
    """The clauses it speaks of, as written; each exists and is of a fitting kind."""
    open: bool = False
    due: DueSpec | None = None
    escalate: tuple[timedelta, ...] = ()
    """After the due, rising."""
    unless_permitted: bool = False
    decider: Decider | None = None
    scope: tuple[str, ...] = ()
    expiry: timedelta | None = None
    posts: tuple[str, ...] = ()
    """Of a delegation: those who may. Of a return: those who owe it, beside the heads."""
    from_kinds: tuple[str, ...] = ()
    """Of a return: kinds of units whose heads owe it."""
    opens: str | None = None
    line: int = 0


@dataclass(frozen=True, slots=True)
class LineageSpec:
    """How the directive stands to an earlier or an outer one."""

    relation: Relation
    ref: str
    """As it is cited: a number, an id, or the name of an instrument from outside."""
    reason: str | None
    line: int


@dataclass(frozen=True, slots=True)
class Basis:
    """What the directive rests on; `conveyed` is authority that somebody reports."""

    form: Literal["signed", "conveyed"]
    ref: str | None


@dataclass(frozen=True, slots=True)
class DirectiveFile:
    """A directive as it was written, sound in itself."""

    file: str
    sha256: str
    """Of the file's bytes, hex."""
    number: str
    """`auto`, or the office's own label, NFC and trimmed."""
    subject: dict[str, str]
    issuer: str
    """A post id; whether the post is there is for the caller to check, as with all units."""
    precedence: Precedence
    forward: Forward
    grace: timedelta
    """How long a vacant desk is waited for; of no effect where forwarding is automatic."""
    addressees: tuple[str, ...]
    population: Population
    standing: bool
    clauses: tuple[ClauseSpec, ...]
    lineage: tuple[LineageSpec, ...]
    texts: dict[str, str]
    """The body by language; line ends are newlines."""
    purpose: dict[str, str] = field(default_factory=dict)
    incident: dict[str, str] = field(default_factory=dict)
    confidentiality: str | None = None
    basis: Basis | None = None
    lines: dict[str, int] = field(default_factory=dict)
    """The line of each field in the file, by path: `issuer`, `addressees[0]`, `texts.en`."""

    def problem(self, path: str, value: str, reason: str) -> Problem:
        """Return a problem at a field of this file, for what only the caller can check."""
        return Problem(self.file, self.lines.get(path, 1), path, shown(value), reason)


def read(path: Path) -> DirectiveFile:
    """Read a directive file.

    Raises:
        BadFile: with everything that is wrong with it.

    """
    return parse(texts.read_bytes(path, LARGEST), str(path))


def parse(data: bytes, file: str) -> DirectiveFile:
    """Read a directive from the bytes of its file, which is called ``file`` in problems.

    Raises:
        BadFile: with everything that is wrong with it.

    """
    front, body, start = opened(data, file)
    fields = Fields(file)
    if isinstance(front, Table) and "from" in front.fields and "issuer" not in front.fields:
        line, value = front.fields["from"]
        reason = (
            "This is an instrument from outside, which binds nobody here: it has “from” and no "
            "“issuer”. Enter it with: farman instrument enter FILE."
        )
        raise BadFile([Problem(file, line, "from", shown(_text(value)), reason)])
    required = ("subject", "issuer", "addressees")
    top = fields.table(front, "", _TOP, required)
    precedence = fields.choice(top.get("precedence"), "precedence", PRECEDENCES) or "routine"
    forward, grace = _forward(fields, top, precedence)
    addressees = fields.idents(top.get("addressees"), "addressees", "unit")
    if isinstance(node := top.get("addressees"), Items) and not node.nodes:
        reason = "A directive addresses at least one unit."
        fields.fault("addressees", node.line, "", reason)
    directive = DirectiveFile(
        file=file,
        sha256=sha256(data).hexdigest(),
        number=label(fields, top.get("number"), "number") or "auto",
        subject=fields.words(top.get("subject"), "subject"),
        issuer=fields.ident(top.get("issuer"), "issuer", "post") or "",
        precedence=cast("Precedence", precedence),
        forward=forward,
        grace=grace,
        addressees=addressees,
        population=_population(fields, top.get("population")),
        standing=fields.flag(top.get("standing"), "standing") or False,
        clauses=clauses_of(fields, top.get("clauses")),
        lineage=_lineage(fields, top.get("lineage")),
        texts=sections(fields, body, start),
        purpose=fields.words(top.get("purpose"), "purpose", TEXT),
        incident=fields.words(top.get("incident"), "incident", TEXT),
        confidentiality=fields.choice(
            top.get("confidentiality"), "confidentiality", CONFIDENTIALITY
        ),
        basis=_basis(fields, top.get("basis")),
        lines=fields.lines,
    )
    if fields.problems:
        raise BadFile(fields.problems)
    return directive


def opened(data: bytes, file: str) -> tuple[Node, list[str], int]:
    """Return a file's front matter, its body's lines, and the number of the first of these.

    Raises:
        BadFile: it is no text, or its front matter cannot be read.

    """
    text = texts.decode(data, file)
    if faults := texts.controls(text, file):
        raise BadFile(faults)
    head, body, start = _parts(re.sub(r"\r\n?", "\n", text), file)
    return nodes.load(head, file, before=1), body, start


def _parts(text: str, file: str) -> tuple[str, list[str], int]:
    """Return front matter, the body's lines, and the number of the first of these."""
    lines = text.split("\n")
    if lines[0].rstrip() != "---":
        reason = "The file begins with its front matter, between two lines “---”."
        raise BadFile([Problem(file, 1, "", shown(lines[0]), reason)])
    for at, line in enumerate(lines[1:], start=1):
        if line.rstrip() in ("---", "..."):
            return "\n".join(lines[1:at]), lines[at + 1 :], at + 2
    reason = "The front matter is not closed; end it with a line “---”."
    raise BadFile([Problem(file, len(lines) - (not lines[-1]), "", "", reason)])


def sections(fields: Fields, body: list[str], start: int) -> dict[str, str]:
    """Return the body's text by language."""
    found: dict[str, list[str]] = {}
    section: list[str] | None = None
    stray = False
    for line, text in enumerate(body, start=start):
        if heading := re.fullmatch(r"##(?:[ \t]+(.*?))?[ \t]*#*[ \t]*", text):
            language = (heading[1] or "").strip()
            section = []
            if language not in LANGUAGES:
                stray = True
                near = hint(language, LANGUAGES)
                if near == ".":
                    near = f"; a section is {listed(LANGUAGES)}, headings in a text begin with ###."
                reason = f"“{shown(language)}” is no language of a section{near}"
                fields.fault("texts", line, language, reason)
            elif language in found:
                first = fields.lines[f"texts.{language}"]
                reason = f"The section “{language}” stands already in line {first}; join them."
                fields.fault(f"texts.{language}", line, language, reason)
            else:
                fields.lines[f"texts.{language}"] = line
                found[language] = section
        elif section is not None:
            section.append(text)
        elif text.strip() and not re.match(r"#[ \t]", text) and not stray:
            stray = True
            reason = "This text stands in no language; begin it with a line such as “## en”."
            fields.fault("texts", line, text, reason)
    texts_ = {language: "\n".join(lines).strip() for language, lines in found.items()}
    for language, said in texts_.items():
        if not said:
            line = fields.lines[f"texts.{language}"]
            reason = f"The section “{language}” is empty; write its text or leave it out."
            fields.fault(f"texts.{language}", line, "", reason)
    if not found and not stray:
        reason = "The directive has no text; add at least one section, such as “## en”."
        fields.fault("texts", start - 1, "", reason)
    return texts_


def _forward(
    fields: Fields, top: dict[str, Node], precedence: str
) -> tuple[Forward, timedelta]:
    usual = "on_acknowledgement" if precedence == "routine" else "automatic"
    forward = fields.choice(top.get("forward"), "forward", FORWARDS) or usual
    grace = fields.duration(top.get("grace"), "grace")
    return cast("Forward", forward), GRACE if grace is None else grace


def label(fields: Fields, node: Node | None, path: str) -> str | None:
    """Return a number as offices write them: NFC, trimmed, nothing invisible in it."""
    text = fields.text(node, path, NUMBER)
    if node is None or text is None:
        return None
    text = unicodedata.normalize("NFC", text)
    if hidden := next((c for c in text if unicodedata.category(c) in ("Cf", "Co", "Cn")), None):
        reason = f"The invisible character U+{ord(hidden):04X} stands in it; write it without."
        fields.fault(path, node.line, text, reason)
        return None
    return text


def _population(fields: Fields, node: Node | None) -> Population:
    if node is None:
        return Population()
    known = ("rank", "duty", "except_units", "except_posts")
    table = fields.table(node, "population", known)
    low = high = None
    if "rank" in table:
        rank = fields.table(table["rank"], "population.rank", ("from", "to"))
        low = fields.rank(rank.get("from"), "population.rank.from")
        high = fields.rank(rank.get("to"), "population.rank.to")
        if low is not None and high is not None and low > high:
            line = fields.lines["population.rank.from"]
            reason = (
                f"From rank {low} to rank {high} there is nobody; write the lower one first."
            )
            fields.fault("population.rank.from", line, str(low), reason)
    duty = None
    if "duty" in table:
        duty = frozenset(fields.choices(table["duty"], "population.duty", DUTIES))
        if isinstance(table["duty"], Items) and not table["duty"].nodes:
            reason = "An empty list binds nobody; leave duty out to limit nothing."
            fields.fault("population.duty", table["duty"].line, "", reason)
    return Population(
        low,
        high,
        duty,
        fields.idents(table.get("except_units"), "population.except_units", "unit"),
        fields.idents(table.get("except_posts"), "population.except_posts", "post"),
    )


def clauses_of(fields: Fields, node: Node | None) -> tuple[ClauseSpec, ...]:
    """Return the clauses, each of which speaks of others that are there."""
    read_ = [_clause(fields, *item) for item in fields.items(node, "clauses", "clauses")]
    known: dict[str, ClauseSpec] = {}
    for at, clause in enumerate(read_):
        if clause.id and (first := known.setdefault(clause.id, clause)) is not clause:
            path = f"clauses[{at}].id"
            line = fields.lines.get(path, clause.line)
            reason = f"The id “{clause.id}” stands already in line {first.line}; each clause has its own."
            fields.fault(path, line, clause.id, reason)
    for at, clause in enumerate(read_):
        _check_of(fields, f"clauses[{at}]", clause, known)
    return tuple(read_)


def _clause(fields: Fields, path: str, node: Node) -> ClauseSpec:
    every = tuple(dict.fromkeys(key for keys in _OWN.values() for key in keys))
    table = fields.table(node, path, ("id", "kind", "text", *every), ("id", "kind"))
    kind = fields.choice(table.get("kind"), f"{path}.kind", CLAUSE_KINDS) or ""
    for key in table:
        if kind and key in every and key not in _OWN[kind]:
            bearers = [f"“{other}”" for other, keys in _OWN.items() if key in keys]
            line = fields.lines[f"{path}.{key}"]
            reason = f"{_a(kind)} has no “{key}”; it belongs to {listed(bearers)}."
            fields.fault(f"{path}.{key}", line, _text(table[key]), reason)
    for key in _NEEDED.get(kind, ()):
        if key not in table:
            line = fields.lines.get(f"{path}.{key}", node.line)
            fields.fault(
                f"{path}.{key}", line, "", f"{_a(kind)} needs “{key}”, which is missing."
            )
    due = _due(fields, table.get("due"), f"{path}.due")
    if kind == "return_due" and due is not None and due.clock == "service":
        line = fields.lines[f"{path}.due.clock"]
        reason = "Nobody serves a desk: the clock of a return_due is issue or receipt."
        fields.fault(f"{path}.due.clock", line, "service", reason)
    kinds, posts = _owing(fields, table.get("from"), f"{path}.from")
    opens = fields.choice(table.get("opens"), f"{path}.opens", OPENS)
    return ClauseSpec(
        id=fields.ident(table.get("id"), f"{path}.id", "clause") or "",
        kind=cast("ClauseKind", kind),
        text=fields.words(table.get("text"), f"{path}.text", TEXT),
        of=_of(fields, table.get("of"), f"{path}.of"),
        open=fields.flag(table.get("open"), f"{path}.open") or False,
        due=due,
        escalate=_escalate(fields, table, path),
        unless_permitted=fields.flag(table.get("unless_permitted"), f"{path}.unless_permitted")
        or False,
        decider=_decider(fields, table.get("decider"), f"{path}.decider"),
        scope=_scope(fields, table.get("scope"), f"{path}.scope"),
        expiry=_positive(fields, table.get("expiry"), f"{path}.expiry"),
        posts=posts or _posts(fields, table.get("posts"), f"{path}.posts"),
        from_kinds=kinds,
        opens=(opens or "case") if kind == "consequence" else None,
        line=node.line,
    )


def _of(fields: Fields, node: Node | None, path: str) -> tuple[str, ...]:
    if isinstance(node, Scalar):
        name = fields.ident(node, path, "clause")
        return (name,) if name else ()
    return fields.idents(node, path, "clause")


def _check_of(
    fields: Fields, path: str, clause: ClauseSpec, known: dict[str, ClauseSpec]
) -> None:
    """Check that a clause speaks of clauses that are there and of a fitting kind."""
    names = Names(known)
    line = fields.lines.get(f"{path}.of", clause.line)
    for of in clause.of:
        said = known.get(of)
        fitting = _GOVERNS.get(clause.kind, ())
        if said is None:
            reason = f"There is no clause “{of}” in this directive{names.hint(of)}"
        elif said is clause:
            reason = "A clause cannot speak of itself."
        elif fitting and said.kind in CLAUSE_KINDS and said.kind not in fitting:
            reason = f"“{of}” is {_a(said.kind).lower()}; {_a(clause.kind).lower()} speaks of {listed(_a(kind).lower() for kind in fitting)}."
        elif clause.kind == "permission_rule" and not said.unless_permitted:
            reason = f"“{of}” is absolute; give it “unless_permitted: true”, or drop this rule."
        else:
            continue
        fields.fault(f"{path}.of", line, of, reason)
    ruled = {of for rule in known.values() if rule.kind == "permission_rule" for of in rule.of}
    if clause.unless_permitted and clause.id not in ruled and clause.kind == "prohibition":
        line = fields.lines[f"{path}.unless_permitted"]
        reason = (
            f"Nobody is named who permits it; add a permission_rule with “of: {clause.id}”."
        )
        fields.fault(f"{path}.unless_permitted", line, "true", reason)


def _due(fields: Fields, node: Node | None, path: str) -> DueSpec | None:
    if node is None:
        return None
    table = fields.table(node, path, ("clock", "within", "at"))
    if not isinstance(node, Table):
        return None
    clock = fields.choice(table.get("clock"), f"{path}.clock", CLOCKS)
    within = _positive(fields, table.get("within"), f"{path}.within")
    at = fields.instant(table.get("at"), f"{path}.at")
    both = "at" in table and ("clock" in table or "within" in table)
    if both or not table:
        reason = (
            "Write either {clock: issue, receipt or service, within: P7D}, or {at: instant}."
        )
        fields.fault(path, node.line, "", reason)
    elif "at" not in table:
        for key, other in (("clock", "within"), ("within", "clock")):
            if key not in table:
                example = "P7D" if key == "within" else listed(CLOCKS)
                reason = f"“{other}” stands without “{key}”; add it: {example}."
                fields.fault(f"{path}.{key}", node.line, "", reason)
    return DueSpec(cast("Clock | None", clock), within, at)


def _positive(fields: Fields, node: Node | None, path: str) -> timedelta | None:
    length = fields.duration(node, path)
    if node is not None and length is not None and not length:
        reason = "Nobody can keep a time of no length; write at least a second, such as PT1H."
        fields.fault(path, node.line, _text(node), reason)
    return length


def _escalate(fields: Fields, table: dict[str, Node], path: str) -> tuple[timedelta, ...]:
    steps: list[timedelta] = []
    for inner, item in fields.items(table.get("escalate"), f"{path}.escalate", "durations"):
        step = fields.duration(item, inner)
        if step is None:
            continue
        if steps and step <= steps[-1]:
            reason = "Each step comes later than the one before it; put them in rising order."
            fields.fault(inner, item.line, _text(item), reason)
        steps.append(step)
    if "escalate" in table and "due" not in table:
        line = fields.lines[f"{path}.escalate"]
        reason = "Escalation counts from the due time, and there is none; add “due”."
        fields.fault(f"{path}.escalate", line, "", reason)
    return tuple(steps)


def _decider(fields: Fields, node: Node | None, path: str) -> Decider | None:
    if node is None:
        return None
    table = fields.table(node, path, ("post", "head_of"))
    if isinstance(node, Table) and len(table) != 1:
        reason = "Write either {post: …}, or {head_of: …} with a kind of unit."
        fields.fault(path, node.line, "", reason)
    post = fields.ident(table.get("post"), f"{path}.post", "post")
    head = fields.choice(table.get("head_of"), f"{path}.head_of", ("unit", *KINDS))
    return Decider(post, head)


def _scope(fields: Fields, node: Node | None, path: str) -> tuple[str, ...]:
    read_ = (fields.text(item, inner) for inner, item in fields.items(node, path, "words"))
    return tuple(dict.fromkeys(word for word in read_ if word))


def _posts(fields: Fields, node: Node | None, path: str) -> tuple[str, ...]:
    if isinstance(node, Items) and not node.nodes:
        fields.fault(path, node.line, "", "An empty list delegates to nobody; name a post.")
    return fields.idents(node, path, "post")


def _owing(
    fields: Fields, node: Node | None, path: str
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return who owes a return: kinds of units, and posts."""
    if isinstance(node, Items) and not node.nodes:
        reason = "An empty list asks nobody; name kinds of units, or posts."
        fields.fault(path, node.line, "", reason)
    names = fields.idents(node, path, "post")
    return (
        tuple(name for name in names if name in KINDS),
        tuple(name for name in names if name not in KINDS),
    )


def _lineage(fields: Fields, node: Node | None) -> tuple[LineageSpec, ...]:
    if node is None:
        return ()
    table = fields.table(node, "lineage", RELATIONS)
    found: list[LineageSpec] = []
    for relation, cited in table.items():
        path = f"lineage.{relation}"
        refs: dict[str, int] = {}
        for inner, item in fields.items(cited, path, "references"):
            spec = _cited(fields, cast("Relation", relation), inner, item)
            if spec is None:
                continue
            if spec.ref in refs:
                reason = f"“{spec.ref}” is cited twice, first in line {refs[spec.ref]}."
                fields.fault(inner, item.line, spec.ref, reason)
            refs.setdefault(spec.ref, item.line)
            found.append(spec)
    return tuple(found)


def _cited(fields: Fields, relation: Relation, path: str, node: Node) -> LineageSpec | None:
    if isinstance(node, Scalar):
        ref, reason = label(fields, node, path), None
        if ref and relation == "reissues":
            said = "Say why the earlier one failed: {ref: …, reason: …}."
            fields.fault(path, node.line, node.text, said)
    else:
        needed = ("ref", "reason") if relation == "reissues" else ("ref",)
        table = fields.table(node, path, ("ref", "reason"), needed)
        ref = label(fields, table.get("ref"), f"{path}.ref")
        reason = fields.text(table.get("reason"), f"{path}.reason", TEXT)
    return LineageSpec(relation, ref, reason, node.line) if ref else None


def _basis(fields: Fields, node: Node | None) -> Basis | None:
    if node is None:
        return None
    table = fields.table(node, "basis", ("form", "ref"), ("form",))
    form = fields.choice(table.get("form"), "basis.form", FORMS)
    ref = label(fields, table.get("ref"), "basis.ref")
    if form == "signed" and "ref" not in table:
        reason = "A signed basis names its instrument; add “ref”, or write form: conveyed."
        fields.fault("basis.ref", node.line, "", reason)
    return Basis(cast('Literal["signed", "conveyed"]', form), ref) if form else None


def _text(node: Node) -> str:
    return node.text if isinstance(node, Scalar) else ""


def _a(kind: str) -> str:
    return f"{'An' if kind[0] in 'aeiou' else 'A'} {kind}"
