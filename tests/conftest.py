"""What every test may ask for by name."""

import contextlib
import signal
from collections.abc import Iterator

import pytest

from tests import services

# A shell that starts us in the background has programs ignore Ctrl-C, and so would everything
# that the tests start and interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[services.Server]:
    """A PostgreSQL for the whole run. Unsynced: tests kill processes, not the machine."""
    with _or_exit(), services.postgres(fsync=False) as server:
        yield server


@pytest.fixture(scope="session")
def kafka_broker() -> Iterator[services.Broker]:
    """A Kafka for the whole run, as in service: users log in, and may do what an ACL allows."""
    with _or_exit(), services.kafka(secure=True) as broker:
        yield broker


@pytest.fixture(scope="session")
def plain_kafka() -> Iterator[services.Broker]:
    """A Kafka for the whole run where anybody may do anything: for tests of something else."""
    with _or_exit(), services.kafka(secure=False) as broker:
        yield broker


@contextlib.contextmanager
def _or_exit() -> Iterator[None]:
    """End the run where a service cannot be had, with one message that lists all that is missing."""
    try:
        yield
    except services.Missing as gap:
        # A skip would pass for a success.
        messages = dict.fromkeys([str(gap), *services.gaps()])
        pytest.exit("\n\n".join(messages), returncode=1)


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """FARMAN_STORE for each kind of store: ``sqlite``, or the address of an empty database."""
    if request.param == "sqlite":
        yield "sqlite"
        return
    server: services.Server = request.getfixturevalue("postgres_server")
    url = server.create_database()
    yield url
    server.drop_database(url)
