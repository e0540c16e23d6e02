"""Who is competent for whom: by rank, by the nearest unit of a kind, never himself."""

from collections.abc import Mapping
from typing import Any

import pytest

from domain.discipline import COMPETENT, above, competent
from domain.fact import OfficerId, PostId, UnitId
from domain.force import Post, Tree, Unit

KINDS: Mapping[str, tuple[str, str | None]] = {
    "hq": ("hq", None),
    "karachi": ("region", "hq"),
    "media": ("wing", "karachi"),
    "east-zone": ("zone", "karachi"),
    "korangi": ("district", "east-zone"),
    "landhi": ("subdivision", "korangi"),
    "ps-landhi": ("station", "landhi"),
    "sukkur": ("region", "hq"),
    "ghotki": ("district", "sukkur"),
}
HOLDERS = {
    "hq": "I-1",
    "karachi": "A-1",
    "east-zone": "Z-1",
    "korangi": "S-1",
    "landhi": "L-1",
    "sukkur": "R-1",
    "ghotki": "G-1",
}


def tree(**changed: str | None) -> Tree:
    """The tree with a head in each unit that has one; ``changed`` says who holds it."""
    units = {
        UnitId(name): Unit(
            UnitId(name), kind, {"en": name}, None if parent is None else UnitId(parent)
        )
        for name, (kind, parent) in KINDS.items()
    }
    posts: dict[PostId, Post] = {}
    for unit, holder in (
        HOLDERS | {k.replace("_", "-"): v for k, v in changed.items()}
    ).items():
        held: Any = () if holder is None else ((OfficerId(holder), "substantive", 0),)
        post = PostId(f"head-{unit}")
        posts[post] = Post(post, UnitId(unit), {"en": unit}, 19, True, held)
    return Tree(units, posts)


def who(force: str, unit: str, rank: int, officer: str = "C-1", **changed: Any) -> str | None:
    desk = competent(tree(**changed), force, UnitId(unit), rank, OfficerId(officer))
    return None if desk.post is None else desk.post.id.removeprefix("head-")


@pytest.mark.parametrize(
    ("force", "unit", "rank", "desk"),
    [
        ("kp", "ps-landhi", 5, "korangi"),
        ("kp", "ps-landhi", 9, "korangi"),
        ("kp", "ps-landhi", 14, "korangi"),
        ("kp", "ps-landhi", 16, "karachi"),
        ("sindh", "ps-landhi", 14, "korangi"),
        ("sindh", "ps-landhi", 16, "east-zone"),
        ("sindh", "ghotki", 16, "sukkur"),
        ("punjab", "ghotki", 16, "sukkur"),
        ("sindh", "ps-landhi", 17, "hq"),
        ("kp", "landhi", 17, "hq"),
        ("elsewhere", "ps-landhi", 7, "korangi"),
    ],
)
def test_the_rank_says_the_kind_of_unit_whose_head_decides(
    force: str, unit: str, rank: int, desk: str
) -> None:
    assert who(force, unit, rank) == desk


def test_where_no_unit_of_that_kind_is_above_the_next_higher_kind_decides() -> None:
    assert who("sindh", "media", 7) == "karachi"
    assert who("sindh", "east-zone", 7) == "east-zone"
    assert who("kp", "hq", 7) == "hq"


def test_a_vacant_desk_passes_to_the_next_held_one_above() -> None:
    assert who("kp", "ps-landhi", 7, korangi=None) == "east-zone"
    assert who("kp", "ps-landhi", 7, korangi=None, east_zone=None) == "karachi"
    assert who("kp", "ps-landhi", 7, "C-1", **dict.fromkeys(HOLDERS)) == "korangi"


def test_nobody_is_competent_for_himself() -> None:
    assert who("kp", "korangi", 14, "S-1") == "east-zone"
    assert who("kp", "karachi", 16, "A-1") == "hq"
    assert who("kp", "hq", 17, "I-1") is None


def test_from_bps_18_on_the_government_decides_and_the_head_of_the_force_forwards() -> None:
    for force in ("kp", "punjab", "sindh"):
        desk = competent(tree(), force, UnitId("korangi"), 18, OfficerId("S-1"))
        assert (desk.post and desk.post.id, desk.outside) == ("head-hq", True)
        assert not competent(tree(), force, UnitId("korangi"), 17, OfficerId("S-1")).outside


def test_an_appeal_goes_to_the_next_held_desk_above() -> None:
    def up(unit: str, officer: str = "C-1", **changed: Any) -> str | None:
        post = above(tree(**changed), UnitId(unit), OfficerId(officer))
        return None if post is None else post.id.removeprefix("head-")

    assert up("korangi") == "east-zone"
    assert up("korangi", east_zone=None) == "karachi"
    assert up("korangi", "Z-1") == "karachi"
    assert up("hq") is None


@pytest.mark.parametrize("force", COMPETENT)
def test_the_ranks_of_a_table_rise(force: str) -> None:
    ranks = [one.upto for one in COMPETENT[force]]
    assert ranks == sorted(set(ranks))
    assert ranks[-1] == 17
