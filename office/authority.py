"""On what ground a post acts: its holder, his charge and rank, its line of command; at an instant."""

from domain.authority import Authority, authority
from domain.errors import Unknown
from domain.fact import Micros, PostId, UnitId
from domain.force import Tree
from projections import roll
from projections.database import Database


def ground(db: Database, tree: Tree, post: str, over: UnitId | None, at: Micros) -> Authority:
    """Return the snapshot of a post's authority over a unit, with its holder's rank then.

    ``tree`` is that of the instant ``at``. The officer is None where the post was vacant.

    Raises:
        Unknown: there is no such post.

    """
    here = tree.posts.get(PostId(post))
    if here is None:
        raise Unknown(f"There is no post {post!r}.")
    return authority(tree, here.id, over, roll.rank_at(db, here.holder, at))
