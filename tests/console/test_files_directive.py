"""The directive file: what is read of it, and every way in which it can be wrong."""

from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from console.files import directive_file
from console.files.directive_file import (
    Basis,
    ClauseSpec,
    Decider,
    DirectiveFile,
    DueSpec,
    LineageSpec,
    Population,
)
from console.files.problems import BadFile, Problem

DAY, HOUR = timedelta(days=1), timedelta(hours=1)

CONTRACT = """\
---
number: auto
subject: {en: Leave unofficial WhatsApp groups}
issuer: ppo
precedence: immediate
forward: automatic
grace: PT2H
addressees: [hq]
population: {rank: {from: 5, to: 21}, duty: [on_duty, leave], except_units: [], except_posts: [ppo]}
standing: true
clauses:
  - {id: quit, kind: required_act, text: {en: Quit.}, due: {clock: receipt, within: P1D}, escalate: [PT0S, P1D, P3D]}
  - {id: official, kind: exception, of: quit, open: true, text: {en: Official ones.}}
lineage: {reissues: [{ref: "2737/IAB", reason: "Not kept"}], supersedes: [], adopts: [], similar_to: [MoI]}
---

## en

Leave them.

### At once
Today.

## ur
چھوڑ دیں۔
"""

SMALL = """\
---
subject: {en: Drill}
issuer: dpo-swat
addressees: [swat]
---
## en
There is a drill.
"""


def parse(text: str) -> DirectiveFile:
    return directive_file.parse(text.encode(), "order.md")


def faults(text: str) -> list[tuple[int, str, str, str]]:
    with pytest.raises(BadFile) as bad:
        parse(text)
    assert {problem.file for problem in bad.value.problems} == {"order.md"}
    return [(p.line, p.column, p.value, p.reason) for p in bad.value.problems]


def with_field(*lines: str) -> str:
    """Return the small directive with more lines of front matter, from line 5 on."""
    return SMALL.replace("[swat]\n", "[swat]\n" + "".join(f"{line}\n" for line in lines))


def with_clauses(*lines: str) -> str:
    """Return the small directive with clauses, the first in line 6."""
    return with_field("clauses:", *(f"  - {line}" for line in lines))


def test_the_contracts_own_example_is_read(tmp_path: Path) -> None:
    path = tmp_path / "order.md"
    path.write_bytes(CONTRACT.encode())
    read = directive_file.read(path)
    assert read == DirectiveFile(
        file=str(path),
        sha256=sha256(CONTRACT.encode()).hexdigest(),
        number="auto",
        subject={"en": "Leave unofficial WhatsApp groups"},
        issuer="ppo",
        precedence="immediate",
        forward="automatic",
        grace=timedelta(hours=2),
        addressees=("hq",),
        population=Population(5, 21, frozenset({"on_duty", "leave"}), (), ("ppo",)),
        standing=True,
        clauses=(
            ClauseSpec(
                id="quit",
                kind="required_act",
                text={"en": "Quit."},
                due=DueSpec(clock="receipt", within=DAY),
                escalate=(timedelta(), DAY, 3 * DAY),
                line=12,
            ),
            ClauseSpec(
                id="official",
                kind="exception",
                text={"en": "Official ones."},
                of=("quit",),
                open=True,
                line=13,
            ),
        ),
        lineage=(
            LineageSpec("reissues", "2737/IAB", "Not kept", 14),
            LineageSpec("similar_to", "MoI", None, 14),
        ),
        texts={"en": "Leave them.\n\n### At once\nToday.", "ur": "چھوڑ دیں۔"},
        lines=read.lines,
    )


def test_what_is_left_out_limits_nothing_and_has_its_default() -> None:
    read = parse(SMALL)
    assert (read.number, read.precedence, read.standing) == ("auto", "routine", False)
    assert (read.forward, read.grace) == ("on_acknowledgement", timedelta(hours=2))
    assert (read.population, read.clauses, read.lineage) == (Population(), (), ())
    assert (read.purpose, read.incident, read.confidentiality, read.basis) == (
        {},
        {},
        None,
        None,
    )


@pytest.mark.parametrize(
    ("precedence", "forward"),
    [
        ("routine", "on_acknowledgement"),
        ("immediate", "automatic"),
        ("flash", "automatic"),
    ],
)
def test_forwarding_follows_precedence_unless_it_is_stated(
    precedence: str, forward: str
) -> None:
    stated = f"precedence: {precedence}"
    assert parse(with_field(stated)).forward == forward
    for other in ("automatic", "on_acknowledgement"):
        assert parse(with_field(stated, f"forward: {other}")).forward == other


def test_every_field_knows_its_line_in_the_whole_file() -> None:
    lines = parse(CONTRACT).lines
    assert {path: lines[path] for path in ("number", "issuer", "addressees[0]")} == {
        "number": 2,
        "issuer": 4,
        "addressees[0]": 8,
    }
    assert lines["population.except_posts[0]"] == 9
    assert lines["clauses[1].of"] == 13
    assert (lines["texts.en"], lines["texts.ur"]) == (17, 24)


def test_a_caller_tells_an_unknown_unit_at_its_line() -> None:
    read = parse(CONTRACT)
    assert read.problem("addressees[0]", "hq", "There is no unit “hq”.") == Problem(
        "order.md", 8, "addressees[0]", "hq", "There is no unit “hq”."
    )


def test_bom_and_crlf_change_the_hash_and_nothing_else() -> None:
    plain = parse(CONTRACT)
    data = b"\xef\xbb\xbf" + CONTRACT.replace("\n", "\r\n").encode()
    other = directive_file.parse(data, "order.md")
    assert other.sha256 == sha256(data).hexdigest() != plain.sha256
    assert (other.texts, other.clauses, other.lines) == (
        plain.texts,
        plain.clauses,
        plain.lines,
    )


def test_a_number_is_trimmed_and_composed() -> None:
    decomposed = parse(with_field('number: "  191 PA/DIG/HQrs e\\u0301 "'))
    assert decomposed.number == "191 PA/DIG/HQrs é"


def test_the_keys_of_each_kind_are_read() -> None:
    read = parse(
        with_clauses(
            "{id: ban, kind: prohibition, unless_permitted: true, text: {en: No video.}}",
            "{id: leave, kind: permission_rule, of: ban, decider: {head_of: district}, "
            "scope: [uniform, vehicles], expiry: P4W}",
            "{id: igp-leave, kind: permission_rule, of: [ban], decider: {post: igp}}",
            "{id: media, kind: delegation, of: ban, posts: [ssp-east, media]}",
            "{id: report, kind: return_due, from: [region, dpo-swat], due: {clock: issue, "
            "within: P1W}, escalate: [PT12H]}",
            "{id: breach, kind: consequence, of: [ban, report], opens: notice}",
            "{id: act, kind: required_act, text: {en: Do.}, due: {at: 2024-09-12T09:00:00Z}}",
        )
    )
    assert read.clauses == (
        ClauseSpec("ban", "prohibition", {"en": "No video."}, unless_permitted=True, line=6),
        ClauseSpec(
            "leave",
            "permission_rule",
            {},
            of=("ban",),
            decider=Decider(head_of="district"),
            scope=("uniform", "vehicles"),
            expiry=28 * DAY,
            line=7,
        ),
        ClauseSpec(
            "igp-leave", "permission_rule", {}, of=("ban",), decider=Decider("igp"), line=8
        ),
        ClauseSpec("media", "delegation", {}, of=("ban",), posts=("ssp-east", "media"), line=9),
        ClauseSpec(
            "report",
            "return_due",
            {},
            due=DueSpec("issue", 7 * DAY),
            escalate=(12 * HOUR,),
            posts=("dpo-swat",),
            from_kinds=("region",),
            line=10,
        ),
        ClauseSpec("breach", "consequence", {}, of=("ban", "report"), opens="notice", line=11),
        ClauseSpec(
            "act",
            "required_act",
            {"en": "Do."},
            due=DueSpec(at=datetime(2024, 9, 12, 9, tzinfo=UTC)),
            line=12,
        ),
    )


def test_purpose_incident_marking_and_basis_are_read() -> None:
    read = parse(
        with_field(
            "purpose: {en: To end rumours}",
            "incident: {ur: ایک ویڈیو}",
            "confidentiality: restricted",
            "basis: {form: signed, ref: 12/CPO}",
        )
    )
    assert read.purpose == {"en": "To end rumours"}
    assert read.incident == {"ur": "ایک ویڈیو"}
    assert read.confidentiality == "restricted"
    assert read.basis == Basis("signed", "12/CPO")


ACT = "{id: act, kind: required_act, text: {en: Do.}, due: {clock: issue, within: P1D}}"
BAN = "{id: ban, kind: prohibition, text: {en: Do not.}}"
ID = (
    "This cannot be the id of a {}: an id has 1 to 40 lower-case letters, digits and hyphens, "
    "and begins with no hyphen."
)
CALENDAR = "Months and years have no fixed length; write weeks, days or hours, such as P30D."


@pytest.mark.parametrize(
    ("line", "column", "value", "reason"),
    [
        ("number: [1]", "number", "", "Here stands a text, not a list or fields."),
        (
            'number: "12\\u200b/CPO"',
            "number",
            "12\\u200b/CPO",
            "The invisible character U+200B stands in it; write it without.",
        ),
        (
            "precedence: urgent",
            "precedence",
            "urgent",
            "“urgent” is not known here; known are routine, immediate or flash.",
        ),
        (
            "precedence: imediate",
            "precedence",
            "imediate",
            "“imediate” is not known here; did you mean “immediate”?",
        ),
        (
            "forward: manual",
            "forward",
            "manual",
            "“manual” is not known here; known are automatic or on_acknowledgement.",
        ),
        ("grace: P1M", "grace", "P1M", CALENDAR),
        (
            "grace: 2 hours",
            "grace",
            "2 hours",
            (
                "This is no ISO 8601 duration: write weeks, days, hours, minutes and whole seconds, "
                "such as P7D, P1DT12H or PT2H."
            ),
        ),
        (
            "grace: pt2h",
            "grace",
            "pt2h",
            (
                "This is no ISO 8601 duration: write weeks, days, hours, minutes and whole seconds, "
                "such as P7D, P1DT12H or PT2H; did you mean “PT2H”?"
            ),
        ),
        ("standing: maybe", "standing", "maybe", "Here stands true or false."),
        (
            "priority: routine",
            "priority",
            "priority",
            (
                "There is no field “priority” here; known are number, subject, issuer, precedence, "
                "forward, grace, addressees, population, standing, clauses, lineage, purpose, "
                "incident, confidentiality or basis."
            ),
        ),
        (
            "populaton: {}",
            "populaton",
            "populaton",
            "There is no field “populaton” here; did you mean “population”?",
        ),
        (
            "population: {rank: {from: 17, to: 5}}",
            "population.rank.from",
            "17",
            "From rank 17 to rank 5 there is nobody; write the lower one first.",
        ),
        (
            "population: {rank: {from: 0}}",
            "population.rank.from",
            "0",
            "This is no rank; write its BPS number, 1 to 22.",
        ),
        (
            "population: {rank: {to: 23}}",
            "population.rank.to",
            "23",
            "This is no rank; write its BPS number, 1 to 22.",
        ),
        (
            "population: {duty: [on_dutty]}",
            "population.duty[0]",
            "on_dutty",
            "“on_dutty” is not known here; did you mean “on_duty”?",
        ),
        (
            "population: {duty: [leave, leave]}",
            "population.duty[1]",
            "leave",
            "“leave” stands twice in this list, first in line 5.",
        ),
        (
            "population: {duty: []}",
            "population.duty",
            "",
            "An empty list binds nobody; leave duty out to limit nothing.",
        ),
        (
            "population: {except_units: swat}",
            "population.except_units",
            "swat",
            "Here stands a list of unit ids, such as [swat].",
        ),
        (
            "population: {except_posts: [DPO]}",
            "population.except_posts[0]",
            "DPO",
            ID.format("post"),
        ),
        (
            "confidentiality: private",
            "confidentiality",
            "private",
            "“private” is not known here; known are open, restricted, confidential or secret.",
        ),
        ("basis: {ref: x}", "basis.form", "", "“form” is missing."),
        (
            "basis: {form: signed}",
            "basis.ref",
            "",
            "A signed basis names its instrument; add “ref”, or write form: conveyed.",
        ),
        (
            "lineage: {replaces: [x]}",
            "lineage.replaces",
            "replaces",
            "There is no field “replaces” here; did you mean “relays”?",
        ),
        (
            "lineage: {supersedes: 2737/IAB}",
            "lineage.supersedes",
            "2737/IAB",
            "Here stands a list of references, such as [2737/IAB].",
        ),
        (
            "lineage: {reissues: [2737/IAB]}",
            "lineage.reissues[0]",
            "2737/IAB",
            "Say why the earlier one failed: {ref: …, reason: …}.",
        ),
        (
            "lineage: {reissues: [{ref: 2737/IAB}]}",
            "lineage.reissues[0].reason",
            "",
            "“reason” is missing.",
        ),
        (
            "lineage: {adopts: [a, {ref: a}]}",
            "lineage.adopts[1]",
            "a",
            "“a” is cited twice, first in line 5.",
        ),
        (
            "clauses: {id: a}",
            "clauses",
            "",
            "Here stands a list of clauses.",
        ),
    ],
)
def test_a_wrong_field_is_told_with_line_path_and_reason(
    line: str, column: str, value: str, reason: str
) -> None:
    assert faults(with_field(line)) == [(5, column, value, reason)]


@pytest.mark.parametrize(
    ("clause", "column", "value", "reason"),
    [
        (
            "{id: x, kind: requiredact, text: {en: Do.}}",
            "kind",
            "requiredact",
            "“requiredact” is not known here; did you mean “required_act”?",
        ),
        ("{kind: required_act, text: {en: Do.}}", "id", "", "“id” is missing."),
        ("{id: x}", "kind", "", "“kind” is missing."),
        (
            "{id: Act, kind: required_act, text: {en: Do.}}",
            "id",
            "Act",
            ID.format("clause"),
        ),
        (
            "{id: act, kind: required_act, text: {en: Do.}}",
            "id",
            "act",
            "The id “act” stands already in line 6; each clause has its own.",
        ),
        (
            "{id: x, kind: required_act}",
            "text",
            "",
            "A required_act needs “text”, which is missing.",
        ),
        (
            "{id: x, kind: prohibition, text: {en: No.}, due: {clock: issue, within: P1D}}",
            "due",
            "",
            "A prohibition has no “due”; it belongs to “required_act” or “return_due”.",
        ),
        (
            "{id: x, kind: required_act, text: {en: Do.}, of: ban}",
            "of",
            "ban",
            (
                "A required_act has no “of”; it belongs to “exception”, “permission_rule”, "
                "“delegation” or “consequence”."
            ),
        ),
        (
            "{id: x, kind: exception, text: {en: But.}}",
            "of",
            "",
            "An exception needs “of”, which is missing.",
        ),
        (
            "{id: x, kind: exception, of: acct, text: {en: But.}}",
            "of",
            "acct",
            "There is no clause “acct” in this directive; did you mean “act”?",
        ),
        (
            "{id: x, kind: exception, of: x, text: {en: But.}}",
            "of",
            "x",
            "A clause cannot speak of itself.",
        ),
        (
            "{id: x, kind: permission_rule, of: act, decider: {post: igp}}",
            "of",
            "act",
            "“act” is a required_act; a permission_rule speaks of a prohibition.",
        ),
        (
            "{id: x, kind: permission_rule, of: ban, decider: {post: igp}}",
            "of",
            "ban",
            "“ban” is absolute; give it “unless_permitted: true”, or drop this rule.",
        ),
        (
            "{id: x, kind: prohibition, text: {en: No.}, unless_permitted: true}",
            "unless_permitted",
            "true",
            "Nobody is named who permits it; add a permission_rule with “of: x”.",
        ),
        (
            "{id: x, kind: required_act, text: {en: Do.}, due: {clock: diary, within: P1D}}",
            "due.clock",
            "diary",
            "“diary” is not known here; known are issue, receipt or service.",
        ),
        (
            "{id: x, kind: required_act, text: {en: Do.}, due: {clock: issue, within: P1Y}}",
            "due.within",
            "P1Y",
            CALENDAR,
        ),
        (
            "{id: x, kind: required_act, text: {en: Do.}, due: {clock: issue, within: PT0S}}",
            "due.within",
            "PT0S",
            "Nobody can keep a time of no length; write at least a second, such as PT1H.",
        ),
        (
            "{id: x, kind: required_act, text: {en: Do.}, due: {within: P1D}}",
            "due.clock",
            "",
            "“within” stands without “clock”; add it: issue, receipt or service.",
        ),
        (
            "{id: x, kind: required_act, text: {en: Do.}, due: {clock: issue}}",
            "due.within",
            "",
            "“clock” stands without “within”; add it: P7D.",
        ),
        (
            "{id: x, kind: required_act, text: {en: Do.}, due: {}}",
            "due",
            "",
            "Write either {clock: issue, receipt or service, within: P7D}, or {at: instant}.",
        ),
        (
            (
                "{id: x, kind: required_act, text: {en: Do.}, due: {clock: issue, within: P1D, "
                "at: 2024-09-12T09:00Z}}"
            ),
            "due",
            "",
            "Write either {clock: issue, receipt or service, within: P7D}, or {at: instant}.",
        ),
        (
            "{id: x, kind: required_act, text: {en: Do.}, due: {at: 2024-09-12T09:00:00}}",
            "due.at",
            "2024-09-12T09:00:00",
            (
                "This does not say its offset from UTC; write it out, such as "
                "2020-01-15T16:00:00+05:00."
            ),
        ),
        (
            "{id: x, kind: required_act, text: {en: Do.}, due: {at: tomorrow}}",
            "due.at",
            "tomorrow",
            (
                "This is no ISO 8601 instant; write date, time and offset, such as "
                "2020-01-15T16:00:00+05:00."
            ),
        ),
        (
            "{id: x, kind: required_act, text: {en: Do.}, due: P1D}",
            "due",
            "P1D",
            "Here stand fields: clock, within or at.",
        ),
        (
            "{id: x, kind: required_act, text: {en: Do.}, escalate: [P1D]}",
            "escalate",
            "",
            "Escalation counts from the due time, and there is none; add “due”.",
        ),
        (
            (
                "{id: x, kind: required_act, text: {en: Do.}, due: {clock: issue, within: P1D}, "
                "escalate: [P3D, P1D]}"
            ),
            "escalate[1]",
            "P1D",
            "Each step comes later than the one before it; put them in rising order.",
        ),
        (
            (
                "{id: x, kind: required_act, text: {en: Do.}, due: {clock: issue, within: P1D}, "
                "escalate: [P1D, PT24H]}"
            ),
            "escalate[1]",
            "PT24H",
            "Each step comes later than the one before it; put them in rising order.",
        ),
        (
            "{id: x, kind: delegation, posts: []}",
            "posts",
            "",
            "An empty list delegates to nobody; name a post.",
        ),
        (
            "{id: x, kind: return_due, from: [region]}",
            "due",
            "",
            "A return_due needs “due”, which is missing.",
        ),
        (
            "{id: x, kind: return_due, from: [], due: {clock: issue, within: P7D}}",
            "from",
            "",
            "An empty list asks nobody; name kinds of units, or posts.",
        ),
        (
            "{id: x, kind: consequence, of: act, opens: trial}",
            "opens",
            "trial",
            "“trial” is not known here; known are case, notice or inquiry.",
        ),
        (
            "Quit the groups",
            "",
            "Quit the groups",
            (
                "Here stand fields: id, kind, text, due, "
                "escalate, unless_permitted, of, open, decider, scope, expiry, posts, from or opens."
            ),
        ),
    ],
)
def test_a_wrong_clause_is_told_with_line_path_and_reason(
    clause: str, column: str, value: str, reason: str
) -> None:
    path = f"clauses[2].{column}" if column else "clauses[2]"
    assert faults(with_clauses(ACT, BAN, clause)) == [(8, path, value, reason)]


@pytest.mark.parametrize(
    ("decider", "column", "value", "reason"),
    [
        ("{}", "", "", "Write either {post: …}, or {head_of: …} with a kind of unit."),
        (
            "{post: igp, head_of: district}",
            "",
            "",
            "Write either {post: …}, or {head_of: …} with a kind of unit.",
        ),
        (
            "{head_of: range}",
            ".head_of",
            "range",
            (
                "“range” is not known here; known are unit, hq, region, zone, district, "
                "subdivision, station or wing."
            ),
        ),
        ("igp", "", "igp", "Here stand fields: post or head_of."),
    ],
)
def test_who_decides_is_a_post_or_the_head_of_a_kind_of_unit(
    decider: str, column: str, value: str, reason: str
) -> None:
    text = with_clauses(
        "{id: ban, kind: prohibition, unless_permitted: true, text: {en: No.}}",
        f"{{id: leave, kind: permission_rule, of: ban, decider: {decider}}}",
    )
    assert faults(text) == [(7, f"clauses[1].decider{column}", value, reason)]


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        (
            "---\nsubject",
            "subject",
            (
                1,
                "",
                "subject: {en: Drill}",
                "The file begins with its front matter, between two lines “---”.",
            ),
        ),
        (
            "[swat]\n---\n",
            "[swat]\n",
            (6, "", "", "The front matter is not closed; end it with a line “---”."),
        ),
        ("subject: {en: Drill}\n", "", (2, "subject", "", "“subject” is missing.")),
        ("{en: Drill}", "Drill", (
            2, "subject", "Drill", "A text names its language, such as {en: …, ur: …}.")),
        ("issuer: dpo-swat\n", "", (2, "issuer", "", "“issuer” is missing.")),
        ("dpo-swat", "DPO Swat", (3, "issuer", "DPO Swat", ID.format("post"))),
        ("[swat]", "[]", (4, "addressees", "", "A directive addresses at least one unit.")),
        ("[swat]", "swat", (
            4, "addressees", "swat", "Here stands a list of unit ids, such as [swat].")),
        ("[swat]", "[swat, swat]", (
            4, "addressees[1]", "swat", "“swat” stands twice in this list, first in line 4.")),
        ("## en\nThere is a drill.\n", "", (
            5, "texts", "", "The directive has no text; add at least one section, such as “## en”.")),
        ("## en\n", "", (
            6, "texts", "There is a drill.",
            "This text stands in no language; begin it with a line such as “## en”.")),
        ("## en\nThere", "Hear:\n\n## en\nThere", (
            6, "texts", "Hear:",
            "This text stands in no language; begin it with a line such as “## en”.")),
        ("## en", "## English", (
            6, "texts", "English",
            ("“English” is no language of a section; a section is en, ur, ps or sd, headings in "
            "a text begin with ###."))),
        ("There is a drill.\n", "Drill.\n## en\nAgain.\n", (
            8, "texts.en", "en", "The section “en” stands already in line 6; join them.")),
        ("There is a drill.\n", "\n \n", (
            6, "texts.en", "", "The section “en” is empty; write its text or leave it out.")),
        ("[swat]\n", "[swat]\nsubject: {en: Again}\n", (
            5, "subject", "subject", "“subject” stands twice, first in line 2; keep one.")),
        ("{en: Drill}", "{en: Drill: now}", (
            2, "", "",
            ("This is not readable as YAML: while parsing a flow mapping did not find expected ',' or '}'. A "
            "text with “: ” or “#” in it needs quotes."))),
    ],
)  # fmt: skip
def test_a_file_of_another_form_is_refused_at_its_line(
    old: str, new: str, fault: tuple[int, str, str, str]
) -> None:
    assert old in SMALL
    assert faults(SMALL.replace(old, new)) == [fault]


def test_a_title_above_the_sections_is_for_the_reader_of_the_file_alone() -> None:
    read = parse(SMALL.replace("## en", "# Drill order\n\n## en"))
    assert read.texts == {"en": "There is a drill."}


def test_all_faults_are_told_in_the_order_of_their_lines() -> None:
    text = with_clauses(
        "{id: a, kind: required_act, due: {within: P1M}}",
        "{id: a, kind: exception, of: b, text: {xx: But}}",
    ).replace("dpo-swat", "DPO")
    assert [(line, column) for line, column, _, _ in faults(text + "## fr\nNon\n")] == [
        (3, "issuer"),
        (6, "clauses[0].text"),
        (6, "clauses[0].due.within"),
        (6, "clauses[0].due.clock"),
        (7, "clauses[1].text.xx"),
        (7, "clauses[1].id"),
        (7, "clauses[1].of"),
        (11, "texts"),
    ]
