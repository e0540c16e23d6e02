"""The files in examples/: real trees, sound directives, every unit and post they name there."""

from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest

from console.files import directive_file, force_file
from console.files.directive_file import Decider, DirectiveFile, DueSpec
from console.files.force_file import ForceFile

EXAMPLES = Path(__file__).parents[2] / "examples"
ADDRESSED = {"kp-2020-01-whatsapp": "kp", "karachi-2024-09-policy": "sindh"}


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
    assert set(ADDRESSED) <= there


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
