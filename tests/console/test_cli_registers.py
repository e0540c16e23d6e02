"""Registers, instruments and what is authentic, as a person at the command line has them."""

from pathlib import Path

import pytest

from console import output
from tests.console.conftest import ELEVEN, MORNING, ORDER, TEN, Farman
from tests.test_docs import documented, keys, without_holders

RULED = ORDER.replace(
    "---\n## en",
    """\
  - {id: official, kind: exception, of: quit, open: true, text: {en: Groups for official work.}}
  - {id: listed, kind: exception, of: quit, text: {en: The two groups of the control room.}}
  - {id: accounts, kind: delegation, posts: [dpo-swat], text: {en: Only the DPO runs accounts.}}
basis: {form: conveyed}
lineage: {similar_to: [4/2019-Media]}
---
## en""",
)
INTERIOR = """\
---
citation: 4/2019-Media
from: {en: Ministry of Interior}
date: 2019-12-20
form: signed
subject: {en: Social media in attached departments}
---
## en
Nothing official is posted.
"""
GROUP = ("group", "enter", "Duty", "--platform", "whatsapp", "--unit", "swat")
DUTY = (*GROUP, "--post", "dpo-swat")
ACCOUNT = ("account", "enter", "@SwatPolice", "--platform", "x", "--unit", "swat", "--post")


@pytest.fixture
def ruled(manned: Farman, tmp_path: Path) -> Farman:
    """An order with an open and a closed exception and a delegation; an instrument beside it."""
    (tmp_path / "order.md").write_text(RULED, encoding="utf-8")
    (tmp_path / "interior.md").write_text(INTERIOR, encoding="utf-8")
    assert manned("issue", "order.md").code == 0
    return manned


# --- Registers -------------------------------------------------------------------------


def test_a_group_registers_itself_under_an_open_exception(ruled: Farman) -> None:
    entered = ruled(*DUTY, "--under", "1/2020", "--clause", "official", "--json")
    assert (entered.code, entered.json["group"], entered.json["changed"]) == (0, "hq-g1", True)
    again = ruled(*DUTY, "--under", "1/2020", "--clause", "official", "--json")
    assert again.json == entered.json | {"changed": False}
    (row,) = ruled("group", "list", "--under", "1/2020", "--json").json["groups"]
    assert row["under"] == {"directive": "hq-2020-1", "clause": "official"}
    assert ruled("group", "list", "--under", "1/2020").code == 0


def test_under_a_closed_exception_nobody_registers(ruled: Farman) -> None:
    refused = ruled(*DUTY, "--under", "1/2020", "--clause", "listed")
    assert refused.code == 3
    assert "“The two groups of the control room.”" in refused.err
    assert ruled("group", "list", "--json").json["groups"] == []


def test_only_delegated_posts_run_an_account(ruled: Farman) -> None:
    under = ("--under", "1/2020", "--clause", "accounts")
    refused = ruled(*ACCOUNT, "ppo", *under)
    assert refused.code == 3
    assert "“Only the DPO runs accounts.”" in refused.err
    assert ruled(*ACCOUNT, "dpo-swat", *under).code == 0
    passed = ruled("account", "pass", "hq-a1", "--post", "ppo", "--by", "ppo")
    assert passed.code == 3
    ruled("withdraw", "1/2020", "--reason", "x")
    assert ruled("account", "pass", "hq-a1", "--post", "ppo", "--by", "ppo").code == 0


def test_a_check_answers_no_with_exit_1(ruled: Farman) -> None:
    ruled(*DUTY)
    yes = ruled("group", "check", "WhatsApp", "duty")
    assert (yes.code, "is official: hq-g1" in yes.out) == (0, True)
    no = ruled("group", "check", "whatsapp", "Swat Gossip")
    assert (no.code, "is NOT official" in no.out, no.err) == (1, True, "")
    told = ruled("group", "check", "whatsapp", "Swat Gossip", "--json")
    assert (told.code, told.json["official"], told.json["group"]) == (1, False, None)


def test_a_closed_group_was_official_until_then(ruled: Farman) -> None:
    ruled(*DUTY)
    closed = ruled("group", "close", "hq-g1", "--reason", "Another is there", "--now", TEN)
    assert closed.code == 0
    ruled("tick", "--now", ELEVEN)
    check = ("group", "check", "whatsapp", "Duty")
    assert [ruled(*check, "--at", at).code for at in (MORNING, TEN, ELEVEN)] == [0, 1, 1]
    assert ruled("group", "pass", "hq-g1", "--post", "ppo").code == 3
    assert "was closed before" in ruled("group", "close", "hq-g1", "--reason", "x").out
    assert ruled(*DUTY, "--json").json["group"] == "hq-g2"


def test_a_post_without_a_say_and_a_vacant_one_are_refused(ruled: Farman) -> None:
    mine = ("group", "enter", "M", "--platform", "signal", "--unit", "malakand", "--post")
    assert "neither belongs to malakand" in ruled(*mine, "dpo-swat").err
    assert "is vacant" in ruled(*mine, "rpo-malakand").err
    assert ruled(*mine, "rpo-malakand", "--by", "ppo").code == 0
    shown = ruled("group", "list").out
    assert "rpo-malakand, vacant" in shown


def test_any_platform_is_taken_and_the_known_one_is_suggested(ruled: Farman) -> None:
    new = ruled(
        "group", "enter", "D", "--platform", "koo", "--unit", "swat", "--post", "dpo-swat"
    )
    assert (new.code, new.err) == (0, "")
    odd = ruled("group", "enter", "D", "--platform", "whatsap", *DUTY[5:])
    assert odd.code == 0
    assert "if whatsapp was meant, close hq-g2" in odd.err
    none = ruled("group", "enter", "D", "--platform", "whats app", *DUTY[5:])
    assert none.code == 2
    assert "Was whatsapp meant?" in none.err


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ((*DUTY[:6], "nowhere", "--post", "dpo-swat"), 5),
        ((*DUTY[:8], "nobody"), 5),
        ((*DUTY, "--by", "nobody"), 5),
        ((*DUTY, "--under", "9/2020", "--clause", "x"), 5),
        ((*DUTY, "--under", "1/2020", "--clause", "x"), 5),
        ((*DUTY, "--under", "1/2020", "--clause", "quit"), 3),
        ((*DUTY, "--under", "1/2020"), 2),
        ((*DUTY, "--clause", "official"), 2),
        ((*DUTY, "--at", "2020-01-15T09:06:00+05:00"), 3),
        (("group", "pass", "hq-g7", "--post", "ppo"), 5),
        (("account", "close", "hq-a7", "--reason", "x"), 5),
        (("group", "list", "--unit", "nowhere"), 5),
        (("group", "list", "--under", "9/2020"), 5),
        (("instrument", "show", "9/2020"), 5),
        (("back", "9/2020", "--by", "ppo", "--instrument", "x"), 5),
        (("back", "1/2020", "--by", "nobody", "--instrument", "x"), 5),
        (("authentic", "nowhere.md"), 4),
    ],
)
def test_each_refusal_has_its_code_and_one_sentence(
    ruled: Farman, words: tuple[str, ...], code: int
) -> None:
    refused = ruled(*words)
    assert (refused.code, refused.out.replace(output.EXERCISE, "").strip()) == (code, "")
    assert len([line for line in refused.err.splitlines() if line != output.EXERCISE]) == 1


# --- Instruments and backing -----------------------------------------------------------


def test_an_instrument_binds_nobody_and_is_known_to_the_order_that_cites_it(
    ruled: Farman,
) -> None:
    refused = ruled("issue", "interior.md")
    assert refused.code == 4
    assert "farman instrument enter FILE" in refused.err
    refused = ruled("instrument", "enter", "order.md")
    assert refused.code == 4
    assert "farman issue FILE" in refused.err
    before = ruled("status", "--json").json["directives"]
    assert ruled("instrument", "enter", "interior.md", "--json").json["instrument"] == "hq-i1"
    again = ruled("instrument", "enter", "interior.md", "--json").json
    assert (again["instrument"], again["changed"]) == ("hq-i1", False)
    assert ruled("status", "--json").json["directives"] == before
    shown = ruled("instrument", "show", "4/2019-Media", "--json").json
    assert shown["cited_by"] == [
        {"directive": "hq-2020-1", "number": "1/2020", "relation": "similar_to"}
    ]
    assert "is similar to it" in ruled("instrument", "show", "hq-i1").out
    assert "Ministry of" in ruled("instrument", "list").out


def test_an_order_that_was_only_conveyed_is_unbacked_until_it_is_linked(ruled: Farman) -> None:
    line = "unbacked: conveyed, no signed instrument"
    ruled("instrument", "enter", "interior.md")
    assert line in ruled("status", "1/2020").out
    assert ruled("status", "1/2020", "--json").json["backed"] is False
    back = ("back", "1/2020", "--by", "ppo", "--instrument")
    done = ruled(*back, "4/2019-Media", "--json", "--now", TEN).json
    assert {k: done[k] for k in ("directive", "backed", "instrument", "changed")} == {
        "directive": "hq-2020-1", "backed": True, "instrument": "hq-i1", "changed": True
    }  # fmt: skip
    assert ruled(*back, "hq-i1", "--json").json["changed"] is False
    assert ruled(*back, "5/2019").code == 3
    assert line not in ruled("status", "1/2020").out
    assert ruled("status", "1/2020", "--as-of", MORNING, "--json").json["backed"] is False
    assert ruled("timeline", "1/2020", "--json").json["entries"][-1]["sentence"] == (
        "ppo (P-1) linked it to the signed instrument hq-i1: it is backed."
    )
    assert ruled("rebuild", "--check").code == 0


# --- Authentic -------------------------------------------------------------------------


def test_the_file_that_was_issued_is_authentic_and_so_is_each_amendment(
    ruled: Farman, tmp_path: Path
) -> None:
    told = ruled("authentic", "order.md", "--json").json
    assert {k: told[k] for k in ("directive", "number", "version", "state", "backed")} == {
        "directive": "hq-2020-1", "number": "1/2020", "version": 1, "state": "in_force",
        "backed": False,
    }  # fmt: skip
    (tmp_path / "new.md").write_text(RULED.replace("Leave them", "Leave all"), encoding="utf-8")
    assert ruled("authentic", "new.md").code == 1
    ruled("amend", "1/2020", "new.md", "--now", TEN)
    told = ruled("authentic", "new.md", "--json").json
    assert (told["authentic"], told["version"], told["issued_at"]) == (True, 2, TEN)
    shown = ruled("authentic", "order.md")
    assert (shown.code, "version 2 is the latest" in shown.out) == (0, True)


def test_a_copy_whose_number_or_words_were_edited_is_not(ruled: Farman, tmp_path: Path) -> None:
    copy = tmp_path / "copy.md"

    def differences(*edits: tuple[str, str]) -> list[tuple[str, int | None, str, str]]:
        text = RULED
        for old, new in edits:
            assert old in text
            text = text.replace(old, new)
        copy.write_text(text, encoding="utf-8")
        told = ruled("authentic", "copy.md", "--json")
        assert (told.code, told.json["authentic"]) == (1, False)
        assert ruled("authentic", "copy.md").code == 1
        assert told.json["directive"] == "hq-2020-1"
        return [tuple(one.values()) for one in told.json["differences"]]

    assert differences(("number: auto", "number: 7/2022")) == [
        ("number", None, "1/2020", "7/2022")
    ]
    assert differences(
        ("number: auto", "number: 1/2020"),
        ("within: P1D", "within: P3D"),
        ("Leave them.", "Leave them.\nBy Friday."),
        ("rank: {from: 5, to: 21}", "rank: {from: 7}"),
        ("{en: Leave unofficial", "{ur: گروپ, en: Leave all unofficial"),
    ) == [
        ("population.rank_from", None, "5", "7"),
        ("population.rank_to", None, "21", None),
        (
            "subject.en",
            None,
            "Leave unofficial WhatsApp groups",
            "Leave all unofficial WhatsApp groups",
        ),
        ("subject.ur", None, None, "گروپ"),
        ("clauses.quit.due.within", None, "P1D", "P3D"),
        ("texts.en", 2, None, "By Friday."),
    ]
    assert differences(("\n---\n## en", "\n\n---\n## en")) == []


def test_what_is_no_order_at_all_was_not_issued(ruled: Farman, tmp_path: Path) -> None:
    (tmp_path / "chat.md").write_text("Forwarded many times", encoding="utf-8")
    told = ruled("authentic", "chat.md", "--json")
    assert (told.code, told.json["directive"], told.json["differences"]) == (1, None, [])
    assert told.json["because"] == "No order with this text was issued here."
    ruled("instrument", "enter", "interior.md")
    assert ruled("authentic", "interior.md", "--json").json["because"] == (
        "No order with this text was issued here. It is the instrument hq-i1 from outside, "
        "which binds nobody."
    )


def test_one_file_issued_twice_names_both(ruled: Farman) -> None:
    ruled("issue", "order.md", "--again")
    ruled("withdraw", "hq-2020-1", "--reason", "x")
    told = ruled("authentic", "order.md", "--json").json
    assert (told["directive"], told["state"], told["also"]) == (
        "hq-2020-2", "in_force", ["hq-2020-1"]
    )  # fmt: skip


def test_the_answer_has_the_keys_of_the_json_page(ruled: Farman, tmp_path: Path) -> None:
    ruled("issue", "order.md", "--again")
    found = set(keys(ruled("authentic", "order.md", "--json").json))
    (tmp_path / "copy.md").write_text(RULED.replace("P1D", "P3D"), encoding="utf-8")
    found |= set(keys(ruled("authentic", "copy.md", "--json").json))
    page = documented()["farman authentic"]
    assert without_holders(found - {"rehearsal"}) == without_holders(page)


def test_what_a_person_sees_fits_eighty_columns(ruled: Farman, tmp_path: Path) -> None:
    ruled(*DUTY, "--under", "1/2020", "--clause", "official")
    ruled(*ACCOUNT, "dpo-swat")
    ruled("instrument", "enter", "interior.md")
    (tmp_path / "copy.md").write_text(RULED.replace("P1D", "P3D"), encoding="utf-8")
    for words in (
        ("group", "list"),
        ("group", "check", "whatsapp", "Duty"),
        ("group", "check", "whatsapp", "Swat Gossip"),
        ("account", "list"),
        ("instrument", "list"),
        ("instrument", "show", "hq-i1"),
        ("authentic", "copy.md"),
        ("authentic", "order.md"),
    ):
        lines = ruled(*words).out.splitlines()
        assert lines[0] == output.EXERCISE
        assert max(map(len, lines)) <= 80, lines
