"""The force file: what is read of it, and every way in which it can be wrong."""

from datetime import datetime
from pathlib import Path
from time import process_time
from zoneinfo import ZoneInfo

import pytest

from console.files import force_file
from console.files.force_file import ForceFile, PostSpec, UnitSpec
from console.files.problems import BadFile

HEAD = """\
force: kp
name: {en: Khyber Pakhtunkhwa Police, ur: خیبر پختونخوا پولیس}
timezone: Asia/Karachi
since: 2019-01-01
"""
UNITS = """\
units:
  - {id: hq, kind: hq, name: {en: Central Police Office}}
  - {id: malakand, kind: region, parent: hq, name: {en: Malakand}}
  - {id: swat, kind: district, parent: malakand, name: {en: Swat}}
"""
POSTS = """\
posts:
  - {id: ppo, unit: hq, title: {en: Provincial Police Officer}, rank: 22, head: true}
  - {id: dpo-swat, unit: swat, title: {en: DPO Swat}, rank: 19, head: true}
"""


def read(tmp_path: Path, text: str | bytes) -> ForceFile:
    path = tmp_path / "force.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return force_file.read(path)


def faults(tmp_path: Path, text: str | bytes) -> list[tuple[int, str, str, str]]:
    with pytest.raises(BadFile) as bad:
        read(tmp_path, text)
    assert {problem.file for problem in bad.value.problems} == {str(tmp_path / "force.yaml")}
    return [(p.line, p.column, p.value, p.reason) for p in bad.value.problems]


def unit(line: str) -> str:
    """Return a file whose ninth line is another unit."""
    return HEAD + UNITS + f"  - {line}\n" + POSTS


def post(line: str) -> str:
    """Return a file whose twelfth line is another post."""
    return HEAD + UNITS + POSTS + f"  - {line}\n"


def test_a_force_file_is_read_with_the_line_of_every_unit_and_post(tmp_path: Path) -> None:
    assert read(tmp_path, HEAD + UNITS + POSTS) == ForceFile(
        file=str(tmp_path / "force.yaml"),
        force="kp",
        name={"en": "Khyber Pakhtunkhwa Police", "ur": "خیبر پختونخوا پولیس"},
        timezone="Asia/Karachi",
        since=datetime(2019, 1, 1, tzinfo=ZoneInfo("Asia/Karachi")),
        units=(
            UnitSpec("hq", "hq", None, {"en": "Central Police Office"}, 6),
            UnitSpec("malakand", "region", "hq", {"en": "Malakand"}, 7),
            UnitSpec("swat", "district", "malakand", {"en": "Swat"}, 8),
        ),
        posts=(
            PostSpec("ppo", "hq", {"en": "Provincial Police Officer"}, 22, head=True, line=10),
            PostSpec("dpo-swat", "swat", {"en": "DPO Swat"}, 19, head=True, line=11),
        ),
    )


def test_bom_crlf_block_style_and_children_before_parents_change_nothing(
    tmp_path: Path,
) -> None:
    flow = read(tmp_path, HEAD + UNITS + POSTS)
    block = HEAD + (
        "posts: []\nunits:\n"
        "  - id: swat\n    kind: district\n    parent: malakand\n    name:\n      en: Swat\n"
        "  - id: malakand\n    kind: region\n    parent: hq\n    name: {en: Malakand}\n"
        "  - id: hq\n    kind: hq\n    parent: ~\n    name: {en: Central Police Office}\n"
    )
    bom_crlf = b"\xef\xbb\xbf" + block.replace("\n", "\r\n").encode()
    again = read(tmp_path, bom_crlf)
    plain = [(spec.id, spec.kind, spec.parent, spec.name) for spec in flow.units]
    assert [(spec.id, spec.kind, spec.parent, spec.name) for spec in again.units] == plain[::-1]
    assert [spec.line for spec in again.units] == [7, 12, 16]


def test_words_that_yaml_takes_for_something_else_are_ids_like_any_other(
    tmp_path: Path,
) -> None:
    force = read(
        tmp_path, unit("{id: no, kind: station, parent: swat, name: {en: 2019-01-01}}")
    )
    assert force.units[-1] == UnitSpec("no", "station", "swat", {"en": "2019-01-01"}, 9)


@pytest.mark.parametrize(
    ("line", "column", "value", "reason"),
    [
        (
            "{id: Swat, kind: station, parent: swat, name: {en: S}}",
            "units[3].id",
            "Swat",
            (
                "This cannot be the id of a unit: an id has 1 to 40 lower-case letters, digits and "
                "hyphens, and begins with no hyphen."
            ),
        ),
        (
            "{id: swat, kind: station, parent: swat, name: {en: S}}",
            "units[3].id",
            "swat",
            "The id “swat” stands already in line 8; each unit has an id of its own.",
        ),
        (
            "{id: x, kind: distrikt, parent: malakand, name: {en: S}}",
            "units[3].kind",
            "distrikt",
            "“distrikt” is not known here; did you mean “district”?",
        ),
        (
            "{id: x, kind: beat, parent: swat, name: {en: S}}",
            "units[3].kind",
            "beat",
            (
                "“beat” is not known here; known are hq, region, zone, district, subdivision, "
                "station or wing."
            ),
        ),
        (
            "{id: x, kind: district, parent: malakant, name: {en: S}}",
            "units[3].parent",
            "malakant",
            "There is no unit “malakant”; did you mean “malakand”?",
        ),
        (
            "{id: x, kind: station, name: {en: S}}",
            "units[3].parent",
            "x",
            "“x” has no parent, but “hq” in line 6 is the root already; a force has one root.",
        ),
        (
            "{id: x, kind: region, parent: swat, name: {en: S}}",
            "units[3].kind",
            "region",
            (
                "A region cannot stand under “swat”, a district; kinds go downwards: hq, region, "
                "zone, district, subdivision, station."
            ),
        ),
        (
            "{id: x, kind: district, parent: swat, name: {en: S}}",
            "units[3].kind",
            "district",
            (
                "A district cannot stand under “swat”, a district; kinds go downwards: hq, region, "
                "zone, district, subdivision, station."
            ),
        ),
        (
            "{id: x, kind: station, parent: swat, name: Saidu}",
            "units[3].name",
            "Saidu",
            "A text names its language, such as {en: …, ur: …}.",
        ),
        (
            "{id: x, kind: station, parent: swat, name: {fr: Saidu}}",
            "units[3].name.fr",
            "fr",
            "“fr” is no language; known are en, ur, ps or sd.",
        ),
        (
            "{id: x, kind: station, parent: swat, name: {en: Saidu, Swat}}",
            "units[3].name.Swat",
            "Swat",
            (
                "“Swat” is no language; known are en, ur, ps or sd. A text with a comma in it needs "
                "quotes here."
            ),
        ),
        (
            "{id: x, kind: station, parent: swat, name: {}}",
            "units[3].name",
            "",
            "A text in at least one language is missing.",
        ),
        (
            "{id: x, kind: station, parent: swat, name: {en: ' '}}",
            "units[3].name.en",
            "",
            "There is no text here.",
        ),
        (
            "{id: x, kind: station, parent: swat}",
            "units[3].name",
            "",
            "“name” is missing.",
        ),
        (
            "{id: x, kind: station, parnet: swat, parent: swat, name: {en: S}}",
            "units[3].parnet",
            "parnet",
            "There is no field “parnet” here; did you mean “parent”?",
        ),
        (
            "{id: x, kind: station, parent: swat, parent: hq, name: {en: S}}",
            "units[3].parent",
            "parent",
            "“parent” stands twice, first in line 9; keep one.",
        ),
        (
            "swat-saidu",
            "units[3]",
            "swat-saidu",
            "Here stand fields: id, kind, parent or name.",
        ),
    ],
)
def test_a_wrong_unit_is_told_with_line_field_and_reason(
    tmp_path: Path, line: str, column: str, value: str, reason: str
) -> None:
    assert faults(tmp_path, unit(line)) == [(9, column, value, reason)]


@pytest.mark.parametrize(
    ("line", "column", "value", "reason"),
    [
        (
            "{id: ppo, unit: hq, title: {en: P}}",
            "posts[2].id",
            "ppo",
            "The id “ppo” stands already in line 10; each post has an id of its own.",
        ),
        (
            "{id: sho, unit: swatt, title: {en: P}}",
            "posts[2].unit",
            "swatt",
            "There is no unit “swatt”; did you mean “swat”?",
        ),
        (
            "{id: sho, unit: gilgit-baltistan, title: {en: P}}",
            "posts[2].unit",
            "gilgit-baltistan",
            "There is no unit “gilgit-baltistan”.",
        ),
        (
            "{id: sho, unit: swat, title: {en: P}, head: true}",
            "posts[2].head",
            "sho",
            "“swat” has a head already, “dpo-swat” in line 11; a unit has one head.",
        ),
        (
            "{id: sho, unit: swat, title: {en: P}, head: yes}",
            "posts[2].head",
            "yes",
            "Here stands true or false.",
        ),
        (
            "{id: sho, unit: swat, title: {en: P}, rank: 23}",
            "posts[2].rank",
            "23",
            "This is no rank; write its BPS number, 1 to 22.",
        ),
        (
            "{id: sho, unit: swat, title: {en: P}, rank: BPS-16}",
            "posts[2].rank",
            "BPS-16",
            "This is no rank; write its BPS number, 1 to 22.",
        ),
        ("{id: sho, title: {en: P}}", "posts[2].unit", "", "“unit” is missing."),
    ],
)
def test_a_wrong_post_is_told_with_line_field_and_reason(
    tmp_path: Path, line: str, column: str, value: str, reason: str
) -> None:
    assert faults(tmp_path, post(line)) == [(12, column, value, reason)]


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        (
            "force: kp",
            "force: KP",
            (
                1,
                "force",
                "KP",
                (
                    "This cannot be the id of a force: an id has 1 to 40 lower-case letters, digits "
                    "and hyphens, and begins with no hyphen."
                ),
            ),
        ),
        (
            "Asia/Karachi",
            "Asia/Karatchi",
            (
                3,
                "timezone",
                "Asia/Karatchi",
                "There is no time zone “Asia/Karatchi”; did you mean “Asia/Karachi”?",
            ),
        ),
        (
            "Asia/Karachi",
            "../../etc/passwd",
            (
                3,
                "timezone",
                "../../etc/passwd",
                (
                    "There is no time zone “../../etc/passwd”. Write an IANA name, such as "
                    "Asia/Karachi."
                ),
            ),
        ),
        (
            "2019-01-01",
            "01-01-2019",
            (4, "since", "01-01-2019", "This is no day; write it as 2019-01-01."),
        ),
        (
            "2019-01-01",
            "2019-02-30",
            (4, "since", "2019-02-30", "This is no day; write it as 2019-01-01."),
        ),
        ("since: 2019-01-01\n", "", (1, "since", "", "“since” is missing.")),
        ("since: 2019-01-01", "since:", (4, "since", "", "“since” is missing.")),
        (
            "timezone:",
            "time_zone: x\ntimezone:",
            (
                3,
                "time_zone",
                "time_zone",
                "There is no field “time_zone” here; did you mean “timezone”?",
            ),
        ),
        (
            UNITS,
            "units: swat\n",
            (5, "units", "swat", "Here stands a list of units, such as [swat]."),
        ),
    ],
)
def test_a_wrong_head_of_the_file_is_told_with_line_and_field(
    tmp_path: Path, old: str, new: str, fault: tuple[int, str, str, str]
) -> None:
    text = HEAD + UNITS
    assert faults(tmp_path, text.replace(old, new)) == [fault]


def test_a_force_without_units_is_refused(tmp_path: Path) -> None:
    reason = "A force has at least one unit, its root."
    assert faults(tmp_path, HEAD + "units: []\n") == [(5, "units", "", reason)]


def test_a_wing_stands_under_any_kind_and_only_stations_and_wings_under_it(
    tmp_path: Path,
) -> None:
    wings = """\
  - {id: iab, kind: wing, parent: hq, name: {en: IAB}}
  - {id: traffic, kind: wing, parent: swat, name: {en: Traffic}}
  - {id: traffic-north, kind: wing, parent: traffic, name: {en: Traffic North}}
  - {id: women, kind: station, parent: traffic-north, name: {en: Women's Desk}}
  - {id: riders, kind: wing, parent: women, name: {en: Riders}}
"""
    assert len(read(tmp_path, HEAD + UNITS + wings).units) == 8
    under = unit("{id: x, kind: zone, parent: iab, name: {en: X}}").replace(
        UNITS, UNITS + wings
    )
    assert faults(tmp_path, under) == [
        (
            14,
            "units[8].kind",
            "zone",
            "A zone cannot stand under the wing “iab”, only stations and wings can.",
        )
    ]


def test_a_wing_is_no_root(tmp_path: Path) -> None:
    text = HEAD + "units:\n  - {id: iab, kind: wing, name: {en: IAB}}\n"
    reason = "A wing cannot be the root; name the unit that it stands under."
    assert faults(tmp_path, text) == [(6, "units[0].parent", "iab", reason)]


def test_a_circle_of_parents_is_told_once_and_without_those_that_hang_from_it(
    tmp_path: Path,
) -> None:
    circle = """\
  - {id: c, kind: station, parent: a, name: {en: C}}
  - {id: a, kind: wing, parent: b, name: {en: A}}
  - {id: b, kind: wing, parent: a, name: {en: B}}
  - {id: d, kind: wing, parent: d, name: {en: D}}
"""
    assert faults(tmp_path, HEAD + UNITS + circle) == [
        (
            10,
            "units.parent",
            "a",
            "The line of parents goes round in a circle: “a” → “b” → “a”.",
        ),
        (12, "units.parent", "d", "The line of parents goes round in a circle: “d” → “d”."),
    ]


def test_all_faults_are_told_in_the_order_of_their_lines(tmp_path: Path) -> None:
    text = HEAD.replace("Asia/Karachi", "Karachi") + UNITS + POSTS.replace("19", "90")
    text = text.replace("parent: hq", "parent: h-q").replace("id: dpo-swat", "id: DPO")
    assert [(line, column) for line, column, _, _ in faults(tmp_path, text)] == [
        (3, "timezone"),
        (7, "units[1].parent"),
        (11, "posts[1].id"),
        (11, "posts[1].rank"),
    ]


def test_a_thousand_units_are_read_in_a_second(tmp_path: Path) -> None:
    many = "".join(
        f"  - {{id: s{n}, kind: station, parent: swat, name: {{en: PS {n}}}}}\n"
        for n in range(2_000)
    )
    start = process_time()
    assert len(read(tmp_path, HEAD + UNITS + many).units) == 2_003
    assert process_time() - start < 1.5
