"""What a worker says of itself, and how it is asked."""

import asyncio
import http.client
from pathlib import Path

import orjson
import pytest

from domain.errors import Unavailable
from workers import health
from workers.health import Board


def got(port: int, path: str, method: str = "GET") -> tuple[int, bytes]:
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    line.request(method, path)
    answer = line.getresponse()
    return answer.status, answer.read()


@pytest.fixture
def board() -> Board:
    board = Board("all")
    board.say("outbox", "works", "It sends.")
    board.say("clock", "waits", "Another worker holds the lease.")
    return board


async def test_a_worker_that_stands_by_is_healthy_and_not_ready(
    tmp_path: Path, board: Board
) -> None:
    async with health.served(tmp_path, board, 0, bytes) as port:
        code, said = await asyncio.to_thread(got, port, "/health")
        assert (code, orjson.loads(said)) == (
            200,
            {
                "role": "all",
                "ok": True,
                "checks": [
                    {"name": "outbox", "ok": True, "state": "works", "detail": "It sends."},
                    {
                        "name": "clock",
                        "ok": True,
                        "state": "waits",
                        "detail": "Another worker holds the lease.",
                    },
                ],
            },
        )
        code, said = await asyncio.to_thread(got, port, "/ready")
        assert (code, [check["ok"] for check in orjson.loads(said)["checks"]]) == (
            503,
            [True, False],
        )


async def test_a_role_that_fails_makes_it_unhealthy(tmp_path: Path, board: Board) -> None:
    board.say("outbox", "fails", "WRITE on the topic farman.kp.swat.up is missing.")
    async with health.served(tmp_path, board, 0, bytes):
        said = await asyncio.to_thread(health.ask, tmp_path, "all")
    assert not said["ok"]
    assert said["checks"][0]["detail"] == "WRITE on the topic farman.kp.swat.up is missing."


async def test_metrics_and_unknown_paths(tmp_path: Path, board: Board) -> None:
    async with health.served(tmp_path, board, 0, lambda: b"farman_up 1\n") as port:
        assert await asyncio.to_thread(got, port, "/metrics") == (200, b"farman_up 1\n")
        assert (await asyncio.to_thread(got, port, "/"))[0] == 404
        assert (await asyncio.to_thread(got, port, "/health", "POST"))[0] == 404


async def test_whoever_says_nothing_holds_nobody_up(
    tmp_path: Path, board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "_PATIENCE", 0.2)
    async with health.served(tmp_path, board, 0, bytes) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        assert await asyncio.wait_for(reader.read(), 5) == b""
        writer.close()
        await writer.wait_closed()


async def test_a_port_that_is_taken_is_named(tmp_path: Path, board: Board) -> None:
    async with health.served(tmp_path, board, 0, bytes) as port:
        with pytest.raises(Unavailable, match="give another FARMAN_HEALTH_PORT"):
            async with health.served(tmp_path, board, port, bytes):
                pass


async def test_who_asks_where_none_runs_is_told_how_to_start_one(
    tmp_path: Path, board: Board
) -> None:
    with pytest.raises(Unavailable, match="`farman worker --role all`"):
        health.ask(tmp_path, "all")
    async with health.served(tmp_path, board, 0, bytes):
        pass
    assert not health.written(tmp_path, "all").exists()


async def test_one_that_was_killed_does_not_answer(tmp_path: Path, board: Board) -> None:
    async with health.served(tmp_path, board, 0, bytes):
        left = health.written(tmp_path, "all").read_bytes()
    health.written(tmp_path, "all").write_bytes(left)
    with pytest.raises(Unavailable, match="does not answer"):
        health.ask(tmp_path, "all")


def test_only_what_is_new_is_said_again(board: Board) -> None:
    assert not board.say("outbox", "works", "It sends.")
    assert board.say("outbox", "fails", "The broker is gone.")
