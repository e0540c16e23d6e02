"""The files in examples/: real trees, sound directives, every unit and post they name there."""

from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest

from console.files import directive_file, force_file
from console.files.directive_file import Decider, DirectiveFile, DueSpec
from console.files.force_file import ForceFile

EXAMPLES = Path(__file__).parents[2] / "examples"
ADDRESSED = {
    "kp-2020-01-whatsapp": "kp",
    "kp-2021-11-media-policy": "kp",
    "kp-2024-09-191": "kp",
    "sindh-2024-09-ig": "sindh",
    "karachi-2024-09-policy": "sindh",
    "punjab-2024-09-cm": "punjab",
    "punjab-2025-05-policy": "punjab",
}
OUTSIDE = {"moi-2019-12-media"}
"""An instrument, read as one in `test_files_instrument`."""


def force(name: str) -> ForceFile:
    return force_file.read(EXAMPLES / f"{name}.yaml")


def directive(name: str) -> DirectiveFile:
    return directive_file.read(EXAMPLES / "directives" / f"{name}.md")


def below(tree: ForceFile, top: str) -> set[str]:
    units = {top}
    while more := {unit.id for unit in tree.units if unit.parent in units} - units:
        units |= more
    return units


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("kp", {"hq": 1, "wing": 6, "region": 7, "district": 35, "station": 270}),
        (
            "sindh",
            {"hq": 1, "wing": 2, "region": 6, "zone": 3, "district": 31, "station": 485},
        ),
        (
            "punjab",
            {
                "hq": 1,
                "wing": 1,
                "region": 10,
                "district": 37,
                "subdivision": 6,
                "station": 700,
            },
        ),
    ],
)
def test_a_province_has_the_units_that_its_sources_count(
    name: str, kinds: dict[str, int]
) -> None:
    read = force(name)
    assert Counter(unit.kind for unit in read.units) == kinds
    heads = Counter(post.unit for post in read.posts if post.head)
    assert set(heads) == {unit.id for unit in read.units}
    assert all({"en", "ur"} <= set(unit.name) for unit in read.units)


@pytest.mark.parametrize(
    ("name", "posts"),
    [
        (
            "kp",
            (
                "ppo addl-ig-hqrs dig-hqrs ccpo-peshawar rpo-mardan rpo-malakand dpo-swat "
                "dpo-shangla ssp-coordination-peshawar aig-internal-accountability"
            ),
        ),
        ("sindh", "igp addl-ig-karachi dig-karachi-zone-east ssp-karachi-east media-karachi"),
        ("punjab", "ppo ccpo-lahore rpo-multan dpo-kasur aig-operations addl-ig-south-punjab"),
    ],
)
def test_the_posts_of_the_stories_are_there(name: str, posts: str) -> None:
    assert set(posts.split()) <= {post.id for post in force(name).posts}


def test_karachi_has_three_zones_eight_districts_and_108_stations() -> None:
    sindh = force("sindh")
    kinds = Counter(unit.kind for unit in sindh.units if unit.id in below(sindh, "karachi"))
    assert kinds == {"region": 1, "wing": 1, "zone": 3, "district": 8, "station": 108}
    east = Counter(
        unit.kind for unit in sindh.units if unit.id in below(sindh, "karachi-zone-east")
    )
    assert east == {"zone": 1, "district": 3, "station": 44}


@pytest.mark.parametrize("name", ["kp", "sindh", "punjab"])
def test_invented_stations_are_said_to_be_and_sources_stand_beside(name: str) -> None:
    text = (EXAMPLES / f"{name}.yaml").read_text()
    head = text[: text.index("\nforce:")]
    assert "INVENTED" in head
    assert "# https://" in text
    assert "partly_sourced" in head


@pytest.mark.parametrize(("name", "province"), ADDRESSED.items())
def test_an_example_directive_names_only_what_its_force_has(name: str, province: str) -> None:
    read, tree = directive(name), force(province)
    units, posts = {unit.id for unit in tree.units}, {post.id for post in tree.posts}
    named = {read.issuer, *read.population.except_posts}
    for clause in read.clauses:
        named.update(clause.posts)
        if clause.decider and clause.decider.post:
            named.add(clause.decider.post)
    assert named <= posts
    assert {*read.addressees, *read.population.except_units} <= units
    assert set(read.texts) == set(read.subject) == {"en", "ur"}
    assert all(set(clause.text) == {"en", "ur"} for clause in read.clauses)
    issuing = next(post.unit for post in tree.posts if post.id == read.issuer)
    assert all(unit in below(tree, issuing) for unit in read.addressees)


def test_every_example_directive_is_spoken_for_here() -> None:
    there = {path.stem for path in (EXAMPLES / "directives").glob("*.md")}
    assert set(ADDRESSED) | OUTSIDE == there


def test_the_order_of_2020_is_immediate_from_receipt_with_two_exceptions() -> None:
    read = directive("kp-2020-01-whatsapp")
    act, *exceptions, consequence = read.clauses
    assert (read.forward, read.standing) == ("automatic", True)
    assert (act.id, act.due) == ("quit", DueSpec("receipt", timedelta(days=1)))
    assert act.escalate == (timedelta(), timedelta(days=1), timedelta(days=3))
    assert [(each.kind, each.of, each.open) for each in exceptions] == [
        ("exception", ("quit",), False),
        ("exception", ("quit",), True),
    ]
    assert (consequence.kind, consequence.opens) == ("consequence", "case")
    assert read.basis is not None
    assert read.basis.form == "conveyed"
    assert (read.population.rank_from, read.population.rank_to) == (5, 21)


def test_the_policy_of_2024_waits_for_each_desk_and_counts_from_each_service() -> None:
    read = directive("karachi-2024-09-policy")
    clauses = {clause.id: clause for clause in read.clauses}
    assert (read.forward, read.grace) == ("on_acknowledgement", timedelta(hours=12))
    assert clauses["remove"].due == DueSpec("service", timedelta(days=7))
    assert clauses["leave"].decider == Decider(head_of="district")
    assert clauses["leave"].expiry == timedelta(days=30)
    assert clauses["platforms"].unless_permitted
    assert not clauses["mockery"].unless_permitted
    assert len(clauses["accounts"].posts) == 12
    assert [spec.relation for spec in read.lineage] == ["reissues", "similar_to"]


def test_the_closed_list_of_2021_is_widened_in_the_relay_of_peshawar() -> None:
    order = directive("kp-2021-11-media-policy")
    relayed = directive_file.read(EXAMPLES / "relays" / "kp-2021-11-ssp-coordination.md")
    assert order.number == "2737/IAB"
    assert not any(clause.open for clause in order.clauses)
    added = [c for c in relayed.clauses if c.id not in {own.id for own in order.clauses}]
    assert [(c.id, c.kind, c.of, c.open) for c in added] == [
        ("family", "exception", ("leave",), True)
    ]


def test_the_letter_of_191_goes_to_regions_and_districts_at_once_and_cites_two_earlier() -> (
    None
):
    read, kp = directive("kp-2024-09-191"), force("kp")
    kinds = Counter(unit.kind for unit in kp.units if unit.id in read.addressees)
    assert kinds == {"wing": 6, "region": 7, "district": 35}
    clauses = {clause.id: clause for clause in read.clauses}
    assert clauses["delete"].due == DueSpec("receipt", timedelta(days=7))
    assert clauses["report"].from_kinds == ("region", "district")
    assert clauses["report"].due == DueSpec("receipt", timedelta(days=7))
    assert not clauses["platforms"].unless_permitted
    cited = [spec for spec in read.lineage if spec.relation == "reissues"]
    assert [spec.ref for spec in cited] == ["2737/IAB", "1169-74/CPO/IAB"]
    assert all(spec.reason for spec in cited)


def test_the_ig_s_order_of_sindh_says_neither_who_permits_nor_what_to_remove() -> None:
    read = directive("sindh-2024-09-ig")
    assert {clause.kind for clause in read.clauses} == {"prohibition", "consequence"}
    child = directive("karachi-2024-09-policy")
    assert read.number in {spec.ref for spec in child.lineage if spec.relation == "reissues"}


def test_punjab_adopts_in_2024_and_supersedes_in_2025_with_another_approver() -> None:
    first, second = directive("punjab-2024-09-cm"), directive("punjab-2025-05-policy")
    assert first.population.duty == frozenset({"on_duty"})
    assert [spec.ref for spec in first.lineage if spec.relation == "adopts"] == [
        "Chief Minister Punjab, September 2024"
    ]
    assert first.number in {s.ref for s in second.lineage if s.relation == "supersedes"}
    deciders = [
        next(clause.decider for clause in read.clauses if clause.kind == "permission_rule")
        for read in (first, second)
    ]
    assert deciders == [Decider(head_of="district"), Decider(post="ppo")]
    owed = next(clause for clause in first.clauses if clause.kind == "return_due")
    assert owed.from_kinds == ("region",)
