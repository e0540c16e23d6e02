"""From a directive's file to the order that the rules know."""

from pathlib import Path

import pytest

from console import orders
from console.commands.force import posts_of, units_of
from console.files import directive_file, force_file
from console.files.problems import BadFile
from domain.directive import Order
from domain.force import Tree

EXAMPLES = Path(__file__).parents[2] / "examples"


def tree(force: str) -> Tree:
    read = force_file.read(EXAMPLES / force)
    return Tree(
        {unit.id: unit for unit in units_of(read)}, {post.id: post for post in posts_of(read)}
    )


def order(directive: str, force: str) -> Order:
    return orders.order(directive_file.read(EXAMPLES / "directives" / directive), tree(force))


def test_the_order_of_2020() -> None:
    read = order("kp-2020-01-whatsapp.md", "kp.yaml")
    assert (read.label, read.issuer, read.precedence, read.forward) == (
        None,
        "ppo",
        "immediate",
        "automatic",
    )
    assert (read.population.rank_from, read.population.rank_to) == (5, 21)
    assert read.population.duty == ("on_duty", "leave", "suspended", "osd", "lines")
    assert read.standing
    (quit_,) = read.terms.acts()
    assert quit_.due is not None
    assert (quit_.due.clock, quit_.due.within) == ("receipt", 86_400)
    assert quit_.escalate == (0, 86_400, 3 * 86_400)
    official = next(clause for clause in read.terms.clauses if clause.id == "official")
    assert (list(official.of), official.open) == (["quit"], True)
    assert set(read.terms.texts) == {"en", "ur"}


def test_the_policy_of_2024_keeps_what_each_kind_of_clause_says() -> None:
    read = order("karachi-2024-09-policy.md", "sindh.yaml")
    by_kind = {clause.kind: clause for clause in read.terms.clauses}
    assert by_kind["permission_rule"].more.keys() & {"decider_post", "decider_head_of"}
    assert by_kind["delegation"].more["posts"]
    assert read.terms.lineage.reissues


@pytest.mark.parametrize(
    ("field", "told"),
    [
        ("grace: PT3H", "grace"),
        ("precedence: routine", "precedence"),
        ("forward: on_acknowledgement", "forward"),
    ],
)
def test_an_amendment_refuses_what_it_cannot_change(field: str, told: str) -> None:
    text = (EXAMPLES / "directives" / "kp-2020-01-whatsapp.md").read_text("utf-8")
    now, units = order("kp-2020-01-whatsapp.md", "kp.yaml"), tree("kp.yaml")
    lines = [line for line in text.split("\n") if not line.startswith(f"{told}:")]
    lines.insert(1, field)
    changed = directive_file.parse("\n".join(lines).encode(), "order.md")
    with pytest.raises(BadFile) as refused:
        orders.amendment(changed, units, now)
    assert told in [problem.column for problem in refused.value.problems]
    same = directive_file.parse(text.encode(), "order.md")
    assert orders.amendment(same, units, now) == now.terms


def test_every_unknown_unit_and_post_is_told_with_the_nearest() -> None:
    text = (EXAMPLES / "directives" / "kp-2020-01-whatsapp.md").read_text("utf-8")
    text = text.replace("addressees: [hq]", "addressees: [hq, malaknd]")
    text = text.replace("issuer: ppo", "issuer: pppo")
    with pytest.raises(BadFile) as refused:
        orders.order(directive_file.parse(text.encode(), "order.md"), tree("kp.yaml"))
    assert [(p.column, p.value) for p in refused.value.problems] == [
        ("issuer", "pppo"),
        ("addressees[1]", "malaknd"),
    ]
    assert "did you mean “malakand”?" in refused.value.problems[1].reason
