"""The small force of the command line's tests, for stories that are told through it."""

from tests.console.conftest import farman, issued, manned

__all__ = ["farman", "issued", "manned"]
