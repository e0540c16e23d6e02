"""Offices joined by a real broker."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import services
from tests.workers.pair import Pair, paired

_serial = itertools.count(1)


@pytest.fixture
def force() -> str:
    """A force of its own, so that a test's topics are its own."""
    return f"force{next(_serial)}"


@pytest.fixture
def pair(
    tmp_path: Path,
    postgres_server: services.Server,
    kafka_broker: services.Broker,
    force: str,
) -> Iterator[Pair]:
    """HQ and a region that has joined; the broker is as in service."""
    made = paired(tmp_path, postgres_server, kafka_broker, force)
    yield made
    made.close()
