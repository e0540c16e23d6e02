"""What every test may ask for by name."""

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
    try:
        services.find_programs()
    except services.Missing as gap:
        # One message for the run, and it fails: a skip would pass for a success.
        pytest.exit(str(gap), returncode=1)
    with services.postgres(fsync=False) as server:
        yield server


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
