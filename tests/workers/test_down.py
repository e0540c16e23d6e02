"""Stopping Faust: it is given its time, and then it is left."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest
from structlog.testing import CapturingLogger

from workers import down
from workers.down import Down


class Stuck:
    """A Faust app that never stops, and has nothing to read."""

    consumer: Any = None

    def __init__(self) -> None:
        self.consumer = self
        self.told = 0

    def assignment(self) -> set[object]:
        return set()

    async def stop(self) -> None:
        self.told += 1
        await asyncio.Event().wait()


@dataclass
class Desk:
    """Its role and reader, as far as a stop needs them."""

    log: CapturingLogger = field(default_factory=CapturingLogger)
    paused: list[float] = field(default_factory=list)
    closed: bool = False

    async def pause(self, seconds: float) -> None:
        self.paused.append(seconds)

    async def close(self) -> None:
        self.closed = True


async def test_whoever_stops_faust_does_not_wait_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(down, "STOPS", 0.05)
    desk, app = Desk(), Stuck()
    here: Any = object.__new__(Down)
    here.app, here.reader, here._role, here._source = app, desk, desk, None
    here._idle = asyncio.Event()
    here._idle.set()
    await asyncio.wait_for(here.stop(), 5)
    assert (app.told, desk.closed, desk.paused) == (1, True, [down.SESSION + 1])
    assert [call.kwargs["detail"] for call in desk.log.calls] == [
        "Faust did not stop within 0.05 s."
    ]
