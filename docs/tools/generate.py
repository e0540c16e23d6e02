# ruff: noqa: INP001 - docs is no package
"""The pages of the reference that are written from the code.

    .venv/bin/python -m docs.tools.generate

In: docstrings, the typer app, the tables. Out: `reference/commands.md`, `events.md` and
`tables.md`. A test fails while one of them is not what this writes.
"""

import ast
import inspect
import itertools
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from typer.main import get_command

from console import cli
from domain import (
    case,
    directive,
    fact,
    force,
    instrument,
    office,
    official,
    permission,
    relay,
    returns,
    roll,
    roll_call,
    service,
)
from ledger import tables as registers
from ledger.codec import FACTS
from projections import tables

REFERENCE = Path(__file__).parent.parent / "reference"
GENERATED = (
    "<!-- Written by docs/tools/generate.py from the code. Do not edit: change the docstrings\n"
    "     and run .venv/bin/python -m docs.tools.generate -->\n"
)


def pages() -> dict[Path, str]:
    """Return every generated page by its place."""
    return {
        REFERENCE / "commands.md": commands(),
        REFERENCE / "events.md": events(),
        REFERENCE / "tables.md": stored(),
    }


# -- commands


def commands() -> str:
    """Return the page of commands, in the order of `farman --help`."""
    found = list(every_command())
    index = "\n".join(f"- [`{path}`](#{_anchor(path)}): {_lead(cmd)}" for path, cmd in found)
    return "\n".join(
        (
            GENERATED,
            "# Commands",
            "",
            (
                "`farman --help` lists them, `farman COMMAND --help` tells of one. What each answers "
                "with `--json` is in [JSON answers](json.md), what it ends with in "
                "[Exit codes](exit-codes.md)."
            ),
            "",
            "Three options are accepted anywhere after `farman`:",
            "",
            "| option | meaning |",
            "|---|---|",
            "| `--home DIR` | The office's folder. Else `FARMAN_HOME`, else `./farman-home`. |",
            "| `--json` | Answer with one JSON document on stdout. |",
            "| `--now T` | Set a rehearsal's clock. A real home refuses it. |",
            "",
            (
                "REF is a directive's id (`hq-2020-1`) or its number (`1/2020`). A number is compared "
                "after trimming and folding of blanks; case and slashes count. T is an ISO 8601 "
                "instant with its offset, such as `2020-01-15T12:00:00+05:00`."
            ),
            "",
            index,
            "",
            *(_command(path, command) for path, command in found),
        )
    )


def every_command() -> Iterator[tuple[str, Any]]:
    """Yield the words of every command, such as `farman roll import`, and the command."""
    return _commands(get_command(cli.app), "farman")


def _commands(command: Any, path: str) -> Iterator[tuple[str, Any]]:
    below = getattr(command, "commands", None)
    if below is None:
        yield path, command
        return
    for name, inner in below.items():
        yield from _commands(inner, f"{path} {name}")


def _anchor(path: str) -> str:
    return path.replace(" ", "-")


def _lead(command: Any) -> str:
    return " ".join(inspect.cleandoc(command.help or "").split("\n\n")[0].split())


def _command(path: str, command: Any) -> str:
    paragraphs = [_cell(part) for part in inspect.cleandoc(command.help or "").split("\n\n")]
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    options = [p for p in command.params if p.param_type_name == "option"]
    options = [p for p in options if "--help" not in p.opts]
    usage = " ".join((path, *(_argument(p) for p in arguments), "[OPTIONS]" * bool(options)))
    example = re.search(r"\$ (farman .*)", command.epilog or "")
    lines = [f"## {path}", "", *"\n\n".join(paragraphs).split("\n"), "", f"    {usage.strip()}"]
    if arguments or options:
        lines += ["", "| word | meaning |", "|---|---|"]
        lines += [f"| `{_argument(p)}` | {_cell(p.help or '')} |" for p in arguments]
        lines += [f"| {_option(p)} | {_meaning(p)} |" for p in options]
    if example:
        lines += ["", "```console", f"$ {example[1]}", "```"]
    return "\n".join((*lines, ""))


def _argument(param: Any) -> str:
    name = (param.metavar or param.name.upper()).strip("[]")
    return name if param.required else f"[{name}]"


def _option(param: Any) -> str:
    kind = param.type_descriptor.annotation
    if param.is_flag:
        value = ""
    elif param.metavar:
        value = f" {param.metavar}"
    elif get_origin(kind) is Literal:
        value = " " + r"\|".join(map(str, get_args(kind)))
    else:
        value = " TEXT" if kind is str else " N"
    return f"`{max(param.opts, key=len)}{value}`"


def _meaning(param: Any) -> str:
    said = _cell(param.help or "")
    if param.required:
        return f"{said} Required."
    if param.default in (None, False, ""):
        return said
    return f"{said} Default: `{param.default}`."


def _cell(text: str) -> str:
    """Put a docstring in one line of Markdown, without what only the code's reader looks up."""
    text = re.sub(r" ?\((?:DESIGN|CONTRACT)[^)]*\)", "", " ".join(text.split()))
    return text.replace("``", "`").replace("|", r"\|")


# -- events

_HEADINGS: Sequence[tuple[str, ModuleType, Sequence[tuple[str, str]]]] = (
    (
        "The force, its units and posts",
        force,
        (
            ("force", force.force_stream("{force}", "{office}")),
            ("unit", force.unit_stream("{unit}", "{office}")),
            ("post", force.post_stream("{post}", "{office}")),
        ),
    ),
    (
        "The roll and its officers",
        roll,
        (
            ("roll", roll.roll_stream("{unit}", "{office}")),
            ("officer", roll.officer_stream("{officer}", "{office}")),
        ),
    ),
    ("Directives", directive, (("directive", directive.stream("{directive}", "{office}")),)),
    (
        "A directive at a unit",
        relay,
        (("relay", relay.stream("{directive}", "{unit}", "{office}")),),
    ),
    (
        "The returns of a unit",
        returns,
        (("relay", relay.stream("{directive}", "{unit}", "{office}")),),
    ),
    (
        "A directive at an officer",
        service,
        (("service", service.stream("{directive}", "{officer}", "{office}")),),
    ),
    (
        "Roll calls",
        roll_call,
        (
            (
                "roll_call",
                roll_call.stream("{unit}", "{date}", 0, "{office}").replace(".0.", ".{n}."),
            ),
        ),
    ),
    (
        "Permissions",
        permission,
        (("permission", permission.stream("{permission}", "{office}")),),
    ),
    (
        "Cases",
        case,
        (("case", case.stream("{case}", "{office}")),),
    ),
    (
        "Offices",
        office,
        (
            ("office", office.stream("{office}", "{writer}")),
            ("key", office.key_stream("{office}")),
        ),
    ),
    (
        "Official groups and accounts",
        official,
        (
            ("group", official.stream("group", "{group}", "{office}")),
            ("account", official.stream("account", "{account}", "{office}")),
        ),
    ),
    (
        "Instruments from outside",
        instrument,
        (("instrument", instrument.stream("{instrument}", "{office}")),),
    ),
)

_WORDS = {
    "UnitId": "unit id",
    "PostId": "post id",
    "OfficerId": "officer id",
    "DirectiveId": "directive id",
    "ClauseId": "clause id",
    "AwareDatetime": "instant",
    "Text": "text by language",
    "PositiveInt": "number, at least 1",
    "str": "text",
    "int": "number",
    "bool": "true or false",
}


def events() -> str:
    """Return the glossary of facts."""
    lines = [
        GENERATED,
        "# Glossary of events",
        "",
        (
            "Every fact that the ledger can hold, by its stored name. The number after `@` is the "
            "version of its stored form. Names and forms are frozen for ever; an old form is lifted "
            "when it is read."
        ),
        "",
        (
            "Stored bytes are canonical JSON: keys sorted, no floats, absent fields left out. "
            "Instants are ISO 8601 with their offset. Ids never hold a dot."
        ),
        "",
        "## What every fact carries",
        "",
        *_fields(fact.Fact),
        "",
    ]
    for heading, module, streams in _HEADINGS:
        lines += [f"## {heading}", ""]
        for prefix, stream in streams:
            lines += [f"Stream `{stream}`", ""]
            for name, cls in FACTS.items():
                if cls.__module__ == module.__name__ and name.startswith(f"{prefix}."):
                    lines += [f"### {name}", "", *_paragraphs(cls), "", *_fields(cls), ""]
    lines += ["## Parts", "", "What facts contain.", ""]
    for part in _parts():
        lines += [f"### {part.__name__}", "", *_paragraphs(part), "", *_fields(part), ""]
    return "\n".join(lines)


def _parts() -> list[type]:
    """Return the classes that facts contain, as they are met."""
    found: list[type] = []

    def look(cls: type) -> None:
        for kind in get_type_hints(cls).values():
            into(kind)

    def into(kind: object) -> None:
        for inner in get_args(kind):
            into(inner)
        if (
            isinstance(kind, type)
            and kind.__module__.startswith("domain.")
            and kind not in found
        ):
            found.append(kind)
            look(kind)

    for cls in FACTS.values():
        look(cls)
    return found


def _paragraphs(cls: type) -> list[str]:
    return [_cell(part) for part in (inspect.getdoc(cls) or "").split("\n\n")]


def _fields(cls: type) -> list[str]:
    rows = [
        f"| `{name}` | {kind} | {_cell(said)} |"
        for base in reversed(cls.__mro__)
        if base.__module__.startswith("domain.") and (base is cls or base is not fact.Fact)
        for name, kind, said in _own(base)
    ]
    return ["| field | is | meaning |", "|---|---|---|", *rows] if rows else []


def _own(cls: type) -> Iterator[tuple[str, str, str]]:
    """Yield the fields that a class adds: name, kind, and the docstring that stands below."""
    module = inspect.getmodule(cls)
    (tree,) = ast.parse(inspect.getsource(cls)).body
    assert isinstance(tree, ast.ClassDef)  # noqa: S101 - it is the source of a class
    for node, after in zip(tree.body, [*tree.body[1:], None], strict=True):
        if not isinstance(node, ast.AnnAssign) or not isinstance(node.target, ast.Name):
            continue
        if ast.unparse(node.annotation).startswith("ClassVar"):
            continue
        said = ""
        if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
            said = str(after.value.value)
        optional = isinstance(tree.bases[0], ast.Name) and tree.bases[0].id == "TypedDict"
        yield node.target.id, _kind(node.annotation, module) + ", or absent" * optional, said


def _kind(node: ast.expr, module: ModuleType | None) -> str:
    """Say in words what an annotation stands for."""
    match node:
        case ast.Constant(None):
            return "absent"
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return f"{_kind(left, module)}, or {_kind(right, module)}"
        case ast.Subscript(value=ast.Name("tuple" | "list"), slice=ast.Tuple([of, _]) | of):
            return f"list of: {_kind(of, module)}"
        case ast.Subscript(value=ast.Name("dict"), slice=ast.Tuple([_, of])):
            return f"by name: {_kind(of, module)}"
        case ast.Subscript(value=ast.Name("Literal"), slice=ast.Tuple(values)):
            return ", ".join(f"`{ast.literal_eval(value)}`" for value in values)
        case ast.Name(name) if name in _WORDS:
            return _WORDS[name]
        case ast.Name(name):
            meant = getattr(module, name)
            if get_origin(meant) is Literal:
                return ", ".join(f"`{value}`" for value in get_args(meant))
            return f"[{name}](#{name.lower()})"
        case _:
            raise TypeError(ast.unparse(node))


# -- tables

_LEDGER = """\
## The ledger

On SQLite and on PostgreSQL. The names are those of the library `eventsourcing`, whose
recorders write them. Rows are only ever added.

### stored_events

One row for each entry.

| column | is | meaning |
|---|---|---|
| `notification_id` | integer | The position: rises, may skip, is never used twice. |
| `originator_id` | text | The stream. |
| `originator_version` | integer | The version in the stream: 1, 2, 3, no gaps. |
| `topic` | text | The stored name, such as `service.acknowledged@1`. |
| `state` | bytes | The fact, as canonical JSON ([glossary](events.md)). |

(`originator_id`, `originator_version`) is unique.

### tracking (SQLite), notification_tracking (PostgreSQL)

The library's table of what was taken over from elsewhere. Nothing writes to it: the links'
tables say more. On PostgreSQL its lock also holds readers up for the moment in which
`farman rebuild` swaps tables.
"""
_LINKS = """\
## The links

What an office keeps of its links to other offices; empty in one that stands alone. No rebuild
touches these tables: numbers given and received are made once, in the transaction they belong to.
"""


def stored() -> str:
    """Return the page of tables."""
    said = dict(_docstrings(tables))
    lines = [
        GENERATED,
        "# Tables",
        "",
        (
            "What lies in an office's database. Read the ledger's tables if you like; scripts should "
            "use the commands. The projections' tables may change with any version: they are made "
            "anew from the ledger."
        ),
        "",
        _LEDGER,
        _LINKS,
        *(line for name in registers.metadata.tables for line in (*_register(name), "")),
        "## The projections",
        "",
        (
            "Instants are whole microseconds since 1970-01-01T00:00Z. Texts by language are JSON "
            "objects. Ids compare by their bytes. Key columns are **bold**."
        ),
        "",
    ]
    for projection, names in tables.PROJECTIONS.items():
        lines += [f"### Projection {projection}", ""]
        for name in names:
            lines += [*_table(name, said), ""]
    lines += [
        "### checkpoints",
        "",
        *_said(said["CHECKPOINTS"]),
        "",
        *_columns(tables.CHECKPOINTS),
    ]
    lines += ["", "### Indexes", "", "Beside the keys:", ""]
    lines += [
        f"- `{index.name}` on `{index.table.name}` ("
        + ", ".join(f"`{column.name}`" for column in index.columns)
        + ")"
        + (", each once" if index.unique else "")
        + (
            ", where it is not null"
            if index.dialect_options["sqlite"].get("where") is not None
            else ""
        )
        for index in (*registers.INDEXES, *tables.INDEXES)
        if index.table is not None
    ]
    return "\n".join((*lines, ""))


def _register(name: str) -> list[str]:
    said = dict(_docstrings(registers))
    table = registers.metadata.tables[name]
    return [f"### {name}", "", *_said(said[name.upper()]), "", *_columns(table)]


def _table(name: str, said: dict[str, str]) -> list[str]:
    return [
        f"#### {name}",
        "",
        *_said(said[name.upper()]),
        "",
        *_columns(tables.metadata.tables[name]),
    ]


def _said(text: str) -> list[str]:
    return "\n\n".join(map(_cell, inspect.cleandoc(text).split("\n\n"))).split("\n")


def _columns(table: Any) -> list[str]:
    rows = []
    for column in table.columns:
        name = f"**`{column.name}`**" if column.primary_key else f"`{column.name}`"
        kind = {str: "text", bytes: "bytes"}.get(column.type.python_type, "integer")
        rows.append(f"| {name} | {kind}{', or null' if column.nullable else ''} |")
    return ["| column | is |", "|---|---|", *rows]


def _docstrings(module: ModuleType) -> Iterator[tuple[str, str]]:
    body = ast.parse(inspect.getsource(module)).body
    for node, after in itertools.pairwise(body):
        if (
            isinstance(node, ast.Assign | ast.AnnAssign)
            and isinstance(after, ast.Expr)
            and isinstance(after.value, ast.Constant)
        ):
            target = node.target if isinstance(node, ast.AnnAssign) else node.targets[0]
            yield ast.unparse(target), str(after.value.value)


def main() -> None:
    """Write every page."""
    for path, text in pages().items():
        path.write_text(text.rstrip() + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
