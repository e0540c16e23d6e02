"""The Compose file, and a machine on which it is up."""

import pytest

from tests.compose.project import Project, load


@pytest.fixture(scope="session")
def project() -> Project:
    return load()
