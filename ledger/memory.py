"""The cycle collector, kept off rows while they are made.

A page of the ledger makes a hundred thousand tuples and none of them can form a cycle; to
look through them again and again doubles the time.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """Do a bounded piece of work without the cycle collector; what it drops is freed at once."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()
