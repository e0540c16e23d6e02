"""What a directive says, shown to a person and to a script."""

from pathlib import Path

import pytest

from tests.console.conftest import ELEVEN, MORNING, ORDER, TEN, Farman

FULL = (
    ORDER.replace("precedence: immediate", "precedence: routine\ngrace: PT1H")
    .replace("{en: Leave unofficial WhatsApp groups}", "{en: Leave the groups, ur: گروپ چھوڑ دیں}")
    .replace(
        "---\n## en",
        """\
  - {id: official, kind: exception, of: quit, open: true, text: {en: Official groups stay.}}
  - {id: posting, kind: prohibition, unless_permitted: true, text: {en: Nothing is posted.}}
  - {id: mockery, kind: prohibition, text: {en: Nobody is mocked.}}
  - {id: leave, kind: permission_rule, of: posting, decider: {head_of: district},
     scope: [uniform], expiry: P30D, text: {en: Leave is asked for.}}
  - {id: report, kind: return_due, from: [region, dpo-swat], due: {clock: receipt, within: P7D},
     text: {en: It is reported.}}
  - {id: action, kind: consequence, of: quit, opens: case, text: {en: It is a case.}}
purpose: {en: To end rumours}
incident: {en: A video spread}
confidentiality: restricted
basis: {form: conveyed}
lineage: {reissues: [{ref: 9/2019, reason: It failed}], similar_to: [4/2019-Media]}
---
## en""",
    )
    .replace("Leave them.\n", "Leave them.\n\n1. All of\n   them.\n\n## ur\nچھوڑ دیں\n")
)  # fmt: skip


@pytest.fixture
def shown(manned: Farman, tmp_path: Path) -> Farman:
    """The order with every kind of clause; `1/2020`, amended at ten."""
    (tmp_path / "full.md").write_text(FULL, encoding="utf-8")
    (tmp_path / "new.md").write_text(
        FULL.replace("P1D", "PT12H").replace("All of", "Each of"), encoding="utf-8"
    )
    assert manned("issue", "full.md").code == 0
    assert manned("amend", "1/2020", "new.md", "--material", "--now", TEN).code == 0
    return manned


def read(farman: Farman, *words: str) -> str:
    result = farman("show", "1/2020", *words)
    assert result.code == 0, result
    assert max(map(len, result.out.splitlines())) <= 80
    return " ".join(result.out.split())


def test_it_says_by_whose_authority_to_whom_and_why(shown: Farman) -> None:
    told = read(shown)
    for part in (
        "1/2020 hq-2020-1 in force RESTRICTED Leave the groups",
        "Issued 15 Jan 2020, 09:00 by ppo of hq (P-1, BPS-22).",
        "unbacked: conveyed, no signed instrument",
        "To Central Police Office, and all below; routine, passed on when each desk has",
        "It binds BPS-5 to BPS-21; also who comes to match later.",
        "Purpose: To end rumours What gave rise to it: A video spread",
        "Issues again 9/2019, which is not known here: It failed",
        "Is similar to 4/2019-Media, which is not known here.",
    ):
        assert part in told, part


def test_each_clause_is_told_with_its_terms(shown: Farman) -> None:
    told = read(shown)
    for part in (
        "quit: required act; within 12 hours of the receipt; told to the desks above when overdue: at once",
        "official: exception, whoever registers (of quit) Official groups stay.",
        "posting: prohibition, unless permitted Nothing is posted.",
        "mockery: prohibition, absolute Nobody is mocked.",
        "leave: permission rule (of posting); the head of the district decides; for uniform; for P30D at most",
        "report: return due; within 7 days of the receipt; from the head of each region; and dpo-swat",
        "action: consequence (of quit); opens a case",
    ):
        assert part in told, part


def test_what_a_version_changed_stands_beside_what_it_was(shown: Farman) -> None:
    first, second = shown("show", "1/2020", "--json").json["versions"]
    assert (first["changes"], first["since"], second["since"]) == ([], MORNING, TEN)
    assert (second["version"], second["material"]) == (2, True)
    assert second["changes"] == [
        {"field": "clauses.quit.due.within", "line": None, "before": "P1D", "after": "PT12H"},
        {"field": "texts.en", "line": 3, "before": "1. All of", "after": "1. Each of"},
    ]
    told = read(shown)
    assert "clauses.quit.due.within: P1D → PT12H" in told
    assert "2 15 Jan 2020, 10:00 material: all are asked again" in told


def test_an_earlier_version_is_shown_as_one(shown: Farman) -> None:
    answer = shown("show", "1/2020", "--version", "1", "--json").json
    assert (answer["version"], answer["version_in_force"]) == (1, 2)
    assert answer["clauses"][0]["due"] == "within 1 day of the receipt"
    told = read(shown, "--version", "1")
    assert "This is version 1; version 2 is in force." in told
    assert "1. All of them." in told


def test_it_is_asked_of_any_moment(shown: Farman) -> None:
    answer = shown("show", "1/2020", "--as-of", MORNING, "--json").json
    assert (answer["version"], len(answer["versions"])) == (1, 1)
    shown("withdraw", "1/2020", "--reason", "x", "--now", ELEVEN)
    answer = shown("show", "1/2020", "--as-of", TEN, "--json").json
    assert (answer["state"], answer["ended_at"]) == ("in_force", None)
    answer = shown("show", "1/2020", "--json").json
    assert (answer["state"], answer["ended_at"]) == ("withdrawn", ELEVEN)
    assert "Withdrawn on 15 Jan 2020, 11:00." in read(shown)


def test_it_speaks_the_language_that_is_asked_for(shown: Farman) -> None:
    answer = shown("show", "1/2020", "--language", "ur", "--json").json
    assert (answer["language"], answer["languages"]) == ("ur", ["en", "ur"])
    assert (answer["subject"], answer["text"].strip()) == ("گروپ چھوڑ دیں", "چھوڑ دیں")
    # What nobody has translated is shown in English.
    assert answer["clauses"][0]["text"] == "Leave every group that the police do not run."


@pytest.mark.parametrize(
    ("words", "code", "reason"),
    [
        (("9/2020",), 5, "There is no directive '9/2020' here; `farman status` lists those there are."),
        (("1/2020", "--version", "3"), 5, "1/2020 has no version 3 at that moment."),
        (("1/2020", "--version", "2", "--as-of", MORNING), 5, "1/2020 has no version 2 at that moment."),
        (("1/2020", "--known-at", "1"), 5, "1/2020 had not been issued by that moment."),
        (("1/2020", "--as-of", "2020-01-14T00:00:00+05:00"), 5, "1/2020 had not been issued by that moment."),
        (("1/2020", "--language", "sd"), 2, "Version 2 of 1/2020 says nothing in 'sd'; it has en, ur."),
    ],
)  # fmt: skip
def test_what_is_not_there_is_told_in_one_sentence(
    shown: Farman, words: tuple[str, ...], code: int, reason: str
) -> None:
    result = shown("show", *words, "--json")
    assert (result.code, result.json["error"]["detail"]) == (code, reason)
