"""How a worker is: what it says of itself over HTTP on loopback, and asking it.

/health   200 while no role fails; 503 with what is wrong. A worker that stands by is healthy.
/ready    200 when every role of this worker is at work.
/metrics  for Prometheus.

The worker writes the port down in its home; `farman health` reads it there.
"""

import asyncio
import http.client
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import orjson

from domain.errors import Unavailable

State = Literal["starts", "waits", "works", "fails"]

_PATIENCE = 5.0
"""Seconds that a question may take."""


@dataclass(frozen=True, slots=True)
class Check:
    """How one thing is."""

    name: str
    state: State
    detail: str
    """A sentence; of a failure: what, where, what to do."""


class Board:
    """What the roles of a worker say of themselves."""

    def __init__(self, role: str) -> None:
        self.role = role
        self._checks: dict[str, Check] = {}

    def say(self, name: str, state: State, detail: str) -> bool:
        """Note how something is; tell whether that is new."""
        check = Check(name, state, detail)
        new = self._checks.get(name) != check
        self._checks[name] = check
        return new

    def answer(self, *, ready: bool = False) -> dict[str, Any]:
        """Return the JSON answer; ``ok`` for health, or for readiness."""
        good = {"works"} if ready else {"starts", "waits", "works"}
        checks = [
            {
                "name": one.name,
                "ok": one.state in good,
                "state": one.state,
                "detail": one.detail,
            }
            for one in self._checks.values()
        ]
        return {"role": self.role, "ok": all(one["ok"] for one in checks), "checks": checks}


def written(home: Path, role: str) -> Path:
    """Return the file in which a worker says where it is asked."""
    return home / "workers" / f"{role}.json"


@asynccontextmanager
async def served(
    home: Path, board: Board, port: int, metrics: Callable[[], bytes]
) -> AsyncIterator[int]:
    """Answer on loopback during the block; 0 is any free port.

    ``metrics`` is called in a thread.

    Raises:
        Unavailable: the port is taken.

    """

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_PATIENCE):
                asked = (await reader.readline()).decode("latin-1").split(" ")
                while (await reader.readline()).strip():
                    pass
                code, kind, body = await _answer(asked, board, metrics)
                head = (
                    f"HTTP/1.1 {code}\r\nContent-Type: {kind}\r\n"
                    f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
                )
                writer.write(head.encode() + body)
                await writer.drain()
        except (TimeoutError, ConnectionError, ValueError):
            pass  # whoever asked is gone, or no client of ours: a line too long
        finally:
            writer.close()

    try:
        server = await asyncio.start_server(answer, "127.0.0.1", port)
    except OSError as fault:
        raise Unavailable(
            f"The health of the worker cannot be served at 127.0.0.1:{port} "
            f"({fault.strerror}): give another FARMAN_HEALTH_PORT."
        ) from fault
    bound: int = server.sockets[0].getsockname()[1]
    file = written(home, board.role)
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(orjson.dumps({"port": bound}))
    try:
        yield bound
    finally:
        file.unlink(missing_ok=True)
        server.close()
        await server.wait_closed()


async def _answer(
    asked: list[str], board: Board, metrics: Callable[[], bytes]
) -> tuple[str, str, bytes]:
    json = "application/json"
    match asked[:2]:
        case ["GET", "/health" | "/ready" as path]:
            said = board.answer(ready=path == "/ready")
            return ("200 OK" if said["ok"] else "503 Failing", json, orjson.dumps(said))
        case ["GET", "/metrics"]:
            text = await asyncio.to_thread(metrics)
            return "200 OK", "text/plain; version=0.0.4; charset=utf-8", text
        case _:
            return "404 Not Found", json, b'{"paths": ["/health", "/ready", "/metrics"]}'


def ask(home: Path, role: str, path: str = "/health") -> dict[str, Any]:
    """Ask the worker that runs ``role`` in this home how it is.

    Raises:
        Unavailable: none runs, or it does not answer.

    """
    try:
        port = orjson.loads(written(home, role).read_bytes())["port"]
        line = http.client.HTTPConnection("127.0.0.1", port, timeout=_PATIENCE)
        line.request("GET", path)
        said: dict[str, Any] = orjson.loads(line.getresponse().read())
    except FileNotFoundError:
        raise Unavailable(
            f"No worker runs in {home} as {role}: start it with `farman worker --role {role}`."
        ) from None
    except (OSError, http.client.HTTPException, ValueError) as fault:
        raise Unavailable(
            f"The worker {role} of {home} does not answer ({fault}): it ended without a word, "
            "or is stuck; start it anew."
        ) from fault
    return said
