"""Leave, as a person asks for it and a desk decides, on the command line."""

from pathlib import Path

import pytest

from tests.console.conftest import ELEVEN, LEAVE, MORNING, NEXT_NOON, TEN, Farman

P1 = "hq-2020-p1"
REQUEST = (
    "permission", "request", "1/2020", "C-2", "--clause", "platforms", "--scope", "uniform",
    "--until", NEXT_NOON, "--why", "A film on road safety.",
)  # fmt: skip


@pytest.fixture
def policy(manned: Farman, tmp_path: Path) -> Farman:
    """Issue the policy that forbids what leave can be asked for; it is `1/2020`."""
    (tmp_path / "leave.md").write_text(LEAVE, encoding="utf-8")
    result = manned("issue", "leave.md", "--json")
    assert result.code == 0, result
    return manned


@pytest.fixture
def asked(policy: Farman) -> Farman:
    """Ask leave for C-2; it is `hq-2020-p1`."""
    result = policy(*REQUEST, "--json")
    assert result.code == 0, result
    return policy


def said(farman: Farman, *words: str) -> str:
    """What a person reads, without the mark of an exercise."""
    result = farman(*words)
    assert result.code == 0, result
    return " ".join(result.out.split("\n", 1)[1].split())


def test_a_request_is_answered_with_its_id_and_who_decides(policy: Farman) -> None:
    assert policy(*REQUEST, "--json").json == {
        "permission": P1,
        "directive": "hq-2020-1",
        "officer_id": "C-2",
        "clause": "platforms",
        "state": "requested",
        "because": None,
        "decider": {"post": "dpo-swat", "officer_id": "D-1"},
        "until": NEXT_NOON,
        "changed": True,
        "position": policy("status", "--json").json["position"],
        "rehearsal": True,
    }
    assert said(policy, *REQUEST) == (
        f"Nothing changed: {P1}, C-2, platforms: asked until 16 Jan 2020, 12:00; dpo-swat (D-1) "
        "decides."
    )


def test_a_decision_is_answered_with_the_state_and_a_repeat_says_so(asked: Farman) -> None:
    granted = f"{P1}, C-2, platforms: granted by dpo-swat (D-1) until 16 Jan 2020, 11:00."
    words = (
        "permission",
        "grant",
        P1,
        "--by",
        "dpo-swat",
        "--until",
        "2020-01-16T11:00:00+05:00",
    )
    assert said(asked, *words) == granted
    assert said(asked, *words) == f"Nothing changed: {granted}"
    words = ("permission", "revoke", P1, "--by", "dpo-swat", "--reason", "Done.")
    assert said(asked, *words) == f"{P1}, C-2, platforms: revoked by dpo-swat (D-1)."
    answer = asked(*words, "--json").json
    assert (answer["state"], answer["changed"]) == ("revoked", False)


def test_a_refused_request_is_told(asked: Farman) -> None:
    words = ("permission", "refuse", P1, "--by", "dpo-swat", "--reason", "Not in uniform.")
    assert said(asked, *words) == f"{P1}, C-2, platforms: refused by dpo-swat (D-1)."
    assert "Refused 15 Jan 2020, 09:00 by dpo-swat (D-1). Reason: Not in uniform." in said(
        asked, "permission", "show", P1
    )


@pytest.mark.parametrize(
    ("words", "code", "reason"),
    [
        (
            ("grant", P1, "--by", "ppo"),
            3,
            ("dpo-swat decides on leave for C-2 at that instant, not ppo: its decision would be "
            "void."),
        ),
        (("grant", P1, "--by", "dpo-nowhere"), 5, "There is no post 'dpo-nowhere' at that instant."),
        (
            ("grant", P1, "--by", "dpo-swat", "--until", "2020-03-01T00:00:00+05:00"),
            3,
            f"Leave was asked until {NEXT_NOON}, and no longer.",
        ),
        (
            ("revoke", P1, "--by", "dpo-swat"),
            3,
            f"{P1} has not been decided: refuse it instead; there is nothing to revoke.",
        ),
        (
            ("show", "hq-2020-p7"),
            5,
            ("There is no permission 'hq-2020-p7' here; `farman permission list` lists those there "
            "are."),
        ),
        (("list", "--officer", "C-77"), 5, "No roll has listed an officer 'C-77'; ids are case-sensitive."),
        (
            ("list", "--unit", "nowhere"),
            5,
            "There is no unit 'nowhere' at that instant; `farman status` shows the units.",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_is_one_sentence_and_writes_nothing(
    asked: Farman, words: tuple[str, ...], code: int, reason: str
) -> None:
    before = asked("status", "--json").json["position"]
    result = asked("permission", *words, "--json")
    assert (result.code, result.json["error"]["detail"]) == (code, reason)
    assert asked("status", "--json").json["position"] == before


@pytest.mark.parametrize(
    ("option", "value", "code", "part"),
    [
        ("--scope", "unifrom", 3, "did you mean 'uniform'?"),
        ("--clause", "mockery", 3, "absolute prohibition: there is nothing to permit"),
        ("--until", "tomorrow", 2, "--until tomorrow: This is no ISO 8601 instant"),
        ("--until", MORNING, 3, "an instant that comes after the request"),
        ("--why", " ", 3, "A request says what it is for and why it is necessary."),
    ],
)
def test_a_request_that_does_not_fit_is_told_why(
    policy: Farman, option: str, value: str, code: int, part: str
) -> None:
    words = list(REQUEST)
    words[words.index(option) + 1] = value
    result = policy(*words)
    assert (result.code, part in result.err) == (code, True), result


def test_an_empty_list_says_so(policy: Farman) -> None:
    assert said(policy, "permission", "list") == "No permission stands so."
    assert policy("permission", "list", "--json").json["permissions"] == []


def test_the_list_shows_whose_for_what_how_and_whose_desk(asked: Farman) -> None:
    shown = said(asked, "permission", "list", "1/2020", "--state", "requested")
    for part in (P1, "C-2,", "swat-saidu", "platforms:", "uniform", "dpo-swat", "(D-1)"):
        assert part in shown
    assert "requested 16 Jan 2020, 12:00" in shown
    for words in (("permission", "list"), ("permission", "show", P1)):
        lines = asked(*words).out.splitlines()
        assert max(map(len, lines)) <= 80
        assert "…" not in "".join(lines)


def test_leave_that_turns_out_void_is_shown_with_why(asked: Farman) -> None:
    asked("permission", "grant", P1, "--by", "dpo-swat", "--now", TEN)
    asked("post", "relinquish", "dpo-swat", "--at", MORNING, "--now", ELEVEN)
    because = (
        "ppo decided at that instant, not dpo-swat, as is known now: C-2 was posted to "
        "swat-saidu, and dpo-swat was vacant."
    )
    assert f"{P1} is void: {because}" in said(asked, "permission", "list")
    assert f"Void: {because}" in said(asked, "permission", "show", P1)
    assert said(asked, "permission", "grant", P1, "--by", "dpo-swat") == (
        f"Nothing changed: {P1}, C-2, platforms: void. {because}"
    )
    (row,) = asked("permission", "list", "--json", "--known-at", TEN).json["permissions"]
    assert (row["state"], row["because"]) == ("granted", None)


def test_tick_tells_how_many_expired(asked: Farman) -> None:
    asked("permission", "grant", P1, "--by", "dpo-swat")
    assert asked("tick", "--now", NEXT_NOON, "--json").json["expired"] == 1
    assert asked("tick", "--json").json["expired"] == 0
    assert "expired" in said(asked, "permission", "list")
    assert "hq-2020-p1 expired." in said(asked, "timeline", "1/2020", "--officer", "C-2")
