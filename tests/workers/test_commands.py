"""What the commands about workers and links answer, held against the page that says so."""

import asyncio
import json
from typing import Any

import pytest

from tests.test_docs import documented, keys, without_holders
from tests.workers.pair import LINK, Pair, at_work, until
from tests.workers.test_damage import put
from workers import outbox
from workers.messages import Message

HEADERS = ".headers."
"""Under it lies whatever a message said of itself."""


def told(answer: dict[str, Any]) -> set[str]:
    return without_holders(
        {key for key in keys(answer) if key != "code" and HEADERS not in key}
    )


async def test_links_and_their_dead_letters_are_told_as_the_page_says(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "BEAT", 0.5)
    page = {name: without_holders(found) for name, found in documented().items()}
    async with at_work(*pair.ends):
        await asyncio.to_thread(pair.open)
        await put(pair, "up", Message(b"", b"garbage", [("said", b"by nobody")]))
        status = await asyncio.to_thread(settled, pair)
    answer = await asyncio.to_thread(pair.hq.farman, "link", "dead-letters")
    assert told(status) == page["farman link status"]
    assert told(answer) == page["farman link dead-letters"]
    (letter,) = answer["dead_letters"]
    del letter["at"]
    assert letter == {
        "office": LINK,
        "times": 1,
        "reason": "no despatch: the header ce_specversion is missing",
        "headers": {"said": "by nobody"},
        "value_base64": "Z2FyYmFnZQ==",
    }
    none = await asyncio.to_thread(
        pair.hq.farman, "link", "dead-letters", "--office", "nowhere"
    )
    assert none["code"] == 5


def settled(pair: Pair) -> dict[str, Any]:
    """Return HQ's status once everything is level and the garbage has come."""
    found: dict[str, Any] = {}

    def is_so() -> bool:
        found.update(pair.hq.farman("link", "status"))
        (link,) = found["links"]
        return (link["dead_letters"], link["state"]) == (1, "level")

    until(is_so, lambda: str(found))
    return found


def test_a_worker_tells_how_it_is_while_it_runs_and_when_it_has_ended(pair: Pair) -> None:
    page = {name: without_holders(found) for name, found in documented().items()}
    with pair.hq.worker(), pair.region.worker() as worker:
        pair.open()
        until(lambda: pair.region.farman("health").get("ok", False))
        answer = pair.region.farman("health")
        assert (answer["code"], answer["role"]) == (0, "all")
        assert told(answer) == page["farman health"] == page["farman worker"]
        assert {check["name"] for check in answer["checks"]} == {
            "outbox",
            "inbox",
            "clock",
            f"outbox {LINK}",
            f"inbox {LINK}",
        }
        resent = pair.region.farman("link", "resend", "hq", "--from", "1", "--to", "2")
        assert resent == {"resent": 2, "code": 0}
        assert set(resent) - {"code"} == page["farman link resend"]
        pair.settle()
        assert worker.stop()[0] == 0
    text = worker.log.read_text()
    assert json.loads(text[text.rindex('{"office"') :].partition("\n")[0])["event"] == "ends"


def test_a_resend_of_nothing_sensible_is_wrong_usage(pair: Pair) -> None:
    wrong = pair.hq.farman("link", "resend", LINK, "--from", "3", "--to", "2")
    assert (wrong["code"], wrong["error"]["detail"]) == (2, "--to 2 lies before --from 3.")
