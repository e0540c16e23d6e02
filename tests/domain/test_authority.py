"""Who may decide what, as the tree stood."""

from domain.authority import Authority, authority, decider
from domain.fact import OfficerId, PostId, UnitId
from domain.force import Post, Tree, Unit

HQ, MALAKAND, SWAT, SAIDU = (UnitId(u) for u in ("hq", "malakand", "swat", "swat-saidu"))
PPO, RPO, DPO, SHO = (PostId(p) for p in ("ppo", "rpo-malakand", "dpo-swat", "sho-saidu"))
WHO = OfficerId("D-1")


def tree(*held: PostId) -> Tree:
    """A line of four units, each with a head; those named are held."""
    above: UnitId | None = None
    units: dict[UnitId, Unit] = {}
    posts: dict[PostId, Post] = {}
    for unit, kind, post in (
        (HQ, "hq", PPO),
        (MALAKAND, "region", RPO),
        (SWAT, "district", DPO),
        (SAIDU, "station", SHO),
    ):
        units[unit] = Unit(unit, kind, {"en": unit}, above)
        holders = ((WHO, "acting", 5),) if post in held else ()
        posts[post] = Post(post, unit, {"en": post}, None, head=True, holders=holders)
        above = unit
    return Tree(units, posts)


def test_a_snapshot_names_holder_charge_rank_and_the_line_of_command() -> None:
    assert authority(tree(RPO), RPO, SAIDU, rank=20) == Authority(
        post=RPO,
        unit=MALAKAND,
        officer=WHO,
        charge="acting",
        rank=20,
        line=(SAIDU, SWAT, MALAKAND),
    )


def test_a_vacant_post_has_no_officer_and_no_rank() -> None:
    assert authority(tree(), RPO, rank=20) == Authority(post=RPO, unit=MALAKAND)


def test_there_is_no_line_to_a_unit_outside_the_command() -> None:
    assert authority(tree(DPO), DPO, HQ).line == ()


def test_the_concerned_authority_is_the_head_of_the_nearest_unit_of_its_kind() -> None:
    held = tree(SHO, DPO, RPO, PPO)
    assert decider(held, SAIDU, head_of="district") == held.posts[DPO]
    assert decider(held, SAIDU, head_of="unit") == held.posts[SHO]
    assert decider(held, SWAT, head_of="region") == held.posts[RPO]


def test_a_post_that_is_named_decides_wherever_the_officer_is() -> None:
    held = tree(DPO, PPO)
    assert decider(held, SAIDU, post=PPO) == held.posts[PPO]


def test_while_a_desk_is_vacant_the_next_held_one_above_decides() -> None:
    held = tree(PPO)
    assert decider(held, SAIDU, head_of="district") == held.posts[PPO]
    assert decider(held, SAIDU, post=DPO) == held.posts[PPO]


def test_where_no_desk_is_held_the_vacant_one_is_awaited() -> None:
    empty = tree()
    assert decider(empty, SAIDU, head_of="district") == empty.posts[DPO]


def test_there_may_be_no_such_desk() -> None:
    assert decider(tree(DPO), SAIDU, head_of="zone") is None
    assert decider(tree(DPO), SAIDU, post=PostId("igp")) is None
