"""Files made to break a reader: each is refused soon, small, and with a line."""

import resource
from collections.abc import Callable
from pathlib import Path
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.files import directive_file, force_file, nodes, roll_file
from console.files.problems import BadFile, Names, Problem, shown

HEAD = "force: kp\nname: {en: KP}\ntimezone: Asia/Karachi\nsince: 2019-01-01\n"
ALIASES = "Anchors and aliases are not read; write the value out (or quote a text)."
DEEP = "The nesting is deeper than 16 levels."


def force_faults(tmp_path: Path, data: bytes) -> list[tuple[int, str, str, str]]:
    path = tmp_path / "force.yaml"
    path.write_bytes(data)
    start = process_time()
    with pytest.raises(BadFile) as bad:
        force_file.read(path)
    assert process_time() - start < 2
    return [(p.line, p.column, p.value, p.reason) for p in bad.value.problems]


def directive_faults(data: bytes) -> list[tuple[int, str, str, str]]:
    with pytest.raises(BadFile) as bad:
        directive_file.parse(data, "order.md")
    return [(p.line, p.column, p.value, p.reason) for p in bad.value.problems]


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"", (1, "", "", "There is nothing in it.")),
        (b"# only a remark\n", (1, "", "", "There is nothing in it.")),
        (
            b"\x00" * 100,
            (1, "", "\\x00", "The control character U+0000 stands here; remove it."),
        ),
        (
            HEAD.replace("KP}", "KP\x0b}").encode(),
            (2, "", "\\x0b", "The control character U+000B stands here; remove it."),
        ),
        (
            HEAD.replace("KP}", "KP\u2028}").encode(),
            (2, "", "\\u2028", "The control character U+2028 stands here; remove it."),
        ),
        (
            HEAD.replace("{en: KP}", '{en: "K\\x07P"}').encode(),
            (2, "name.en", "K\\x07P", "The control character U+0007 stands here; remove it."),
        ),
        (
            HEAD.replace("KP}", "K\x92P}").encode("cp1252", "replace").replace(b"?", b"\x92"),
            (
                2,
                "",
                "0x92",
                "The byte 0x92 is not UTF-8; save the file as UTF-8 (in Excel: “CSV UTF-8”).",
            ),
        ),
        (HEAD.encode("utf-16"), (1, "", "", "The file is UTF-16; save it as UTF-8.")),
        (HEAD.encode("utf-16-be"), (1, "", "\\x00", "The control character U+0000 stands here; remove it.")),
        (b"[" * 100_000, (1, "", "", DEEP)),
        (b"{a: " * 100_000, (1, "", "", DEEP)),
        (b"- " * 100_000, (1, "", "", DEEP)),
        (b"? " * 100_000, (1, "", "", "A key must be a word, not a list or a mapping.")),
        (
            b"a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n",
            (1, "a", "&a", ALIASES),
        ),
        (b"force: kp\nname: *kp\n", (2, "name", "*kp", ALIASES)),
        (
            b"force: !!python/object/apply:os.system [id]\n",
            (
                1,
                "force",
                "tag:yaml.org,2002:python/object/apply:os.system",
                "Tags are not read; leave it out.",
            ),
        ),
        (
            HEAD.encode() + b"---\nforce: other\n",
            (5, "", "---", "A second document begins here; the file must hold one."),
        ),
        (b"{[a]: b}", (1, "", "", "A key must be a word, not a list or a mapping.")),
        (
            b"- force\n",
            (
                1,
                "",
                "",
                "Here stand fields: force, name, timezone, since, units or posts.",
            ),
        ),
        (
            b"just words",
            (
                1,
                "",
                "just words",
                "Here stand fields: force, name, timezone, since, units or posts.",
            ),
        ),
    ],
)  # fmt: skip
def test_a_hostile_force_file_is_refused_with_one_sentence(
    tmp_path: Path, data: bytes, fault: tuple[int, str, str, str]
) -> None:
    first = force_faults(tmp_path, data)[0]
    assert first == fault


def test_a_file_over_its_size_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "force.yaml"
    with path.open("wb") as file:
        file.truncate(4 << 30)  # sparse: four gigabytes of nothing
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for read, reason in (
        (force_file.read, "The file is larger than 16 MiB, the most that is read."),
        (directive_file.read, "The file is larger than 256 KiB, the most that is read."),
    ):
        with pytest.raises(BadFile) as bad:
            read(path)
        assert bad.value.problems == (Problem(str(path), 1, "", "", reason),)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000


def test_a_line_without_end_is_no_table(tmp_path: Path) -> None:
    path = tmp_path / "roll.csv"
    with path.open("wb") as file:
        file.write(b"officer_id,name,rank,unit\nKP-1,")
        for _ in range(8):
            file.write(b"x" * (1 << 20))
    with pytest.raises(BadFile) as bad:
        roll_file.read(path, {"swat"}, ())
    assert [(p.line, p.reason) for p in bad.value.problems] == [
        (2, "A line is longer than a million characters; this is no table.")
    ]


def test_a_quote_that_swallows_the_file_is_told_at_its_row(tmp_path: Path) -> None:
    path = tmp_path / "roll.csv"
    rows = "".join(f"KP-{n},N,7,swat\n" for n in range(20_000))
    path.write_text(f'officer_id,name,rank,unit\nX-1,"N,7,swat\n{rows}')
    with pytest.raises(BadFile) as bad:
        roll_file.read(path, {"swat"}, ())
    [problem] = bad.value.problems
    assert (problem.line, problem.reason) == (
        2,
        "A quote opens a cell in this row and is never closed; close it, or double it.",
    )


def test_thousands_of_unknown_names_cost_no_search_each() -> None:
    names = Names({f"unit-{n}" for n in range(2_000)})
    start = process_time()
    hints = [names.hint(f"unti-{n}") for n in range(5_000)]
    assert process_time() - start < 5
    assert hints[0].startswith("; did you mean “unit-")
    assert hints[-1] == "."


def test_a_bad_value_is_shown_short_and_visible() -> None:
    assert shown("x" * 81) == "x" * 79 + "…"
    assert shown("x" * 80) == "x" * 80
    assert shown("\x1b[31m\u202e") == "\\x1b[31m\\u202e"
    assert len(shown("\x00" * 1_000)) == 80


def test_what_is_not_closed_is_told_with_the_line_in_which_it_began(tmp_path: Path) -> None:
    data = HEAD.encode() + b"units: [\n  a,\n  b\n"
    [(line, _, _, reason)] = force_faults(tmp_path, data)
    assert line == 7
    assert reason.endswith("(begun in line 5). A text with “: ” or “#” in it needs quotes.")


@pytest.mark.parametrize("data", [b"---\n", b"---", b"", b"---\n---", b"---\n---\n## en\n"])
def test_a_directive_of_nothing_is_refused(data: bytes) -> None:
    assert directive_faults(data)


def test_a_directive_of_a_word_processor_is_refused_at_its_line() -> None:
    text = "---\nsubject: {en: Drill}\n---\n## en\nIt\u2019s a drill.\n"
    assert directive_faults(text.encode("cp1252"))[0][:3] == (5, "", "0x92")
    assert directive_faults(text.encode("utf-16"))[0][:2] == (1, "")


Reader = Callable[[bytes], object]


@given(st.binary(max_size=300))
def test_no_bytes_at_all_make_a_reader_fail_in_another_way(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    path = tmp_path_factory.mktemp("any") / "file"
    path.write_bytes(data)
    readers: list[Callable[[Path], object]] = [
        force_file.read,
        directive_file.read,
        lambda path: roll_file.read(path, {"swat"}, {"ppo"}),
    ]
    for read in readers:
        with pytest.raises(BadFile) as bad:
            read(path)
        assert all(problem.line >= 1 and problem.reason for problem in bad.value.problems)


yaml_like = st.text("abx:-?&*!{}[],'\"|> \n\t#%@é", max_size=60)


@given(yaml_like)
def test_whatever_looks_like_yaml_is_read_or_refused_at_a_line(text: str) -> None:
    told: tuple[Problem, ...] = ()
    try:
        nodes.load(text, "file")
    except BadFile as bad:
        told = bad.problems
    assert all(1 <= problem.line <= text.count("\n") + 1 for problem in told)


@given(yaml_like, yaml_like)
def test_whatever_looks_like_a_directive_is_refused_with_a_line(head: str, body: str) -> None:
    text = f"---\n{head}\n---\n{body}"
    for line, _, _, reason in directive_faults(text.encode()):
        assert 1 <= line <= text.count("\n") + 1
        assert reason
