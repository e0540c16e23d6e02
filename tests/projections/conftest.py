"""What the tests of projections stand on."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from office.office import Office
from tests.projections.small import manned


@pytest.fixture
def office(tmp_path: Path, store_url: str) -> Iterator[Office]:
    """The small force with its roll, at nine o'clock in Karachi; nothing was issued."""
    with manned(tmp_path / "home", store_url) as opened:
        yield opened
