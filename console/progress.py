"""How far long work has come: bars on stderr, for a person at a terminal."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from console import output

_PATIENCE = 0.7
"""Seconds before anything is shown: most commands are done by then."""


@contextmanager
def bars() -> Iterator[Callable[[str, int, int | None], None]]:
    """Yield what to tell of progress: what, how much is done, of how much (or None)."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TaskID,
        TextColumn,
        TimeElapsedColumn,
    )

    progress = Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=output.screen(sys.stderr),
        transient=True,
    )
    tasks: dict[str, TaskID] = {}
    begun = time.monotonic()
    started = False

    def tell(what: str, done: int, of: int | None) -> None:
        nonlocal started
        if not started:
            if time.monotonic() - begun < _PATIENCE:
                return
            progress.start()
            started = True
        if what not in tasks:
            tasks[what] = progress.add_task(what, total=of)
        progress.update(tasks[what], completed=done, total=of)

    try:
        yield tell
    finally:
        if started:
            progress.stop()
