"""The keeper's side of any other program: started as asked, ended with us however we end."""

import contextlib
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.services.keeper import Words

STOP_SECONDS = 30
"""How long a program may take for an orderly end, as Compose waits."""


@contextlib.contextmanager
def served(settings: Words) -> Iterator[tuple[Words, Callable[[Words], Words]]]:
    """Run ``words`` in ``folder`` with ``environment`` and nothing else; what it prints goes to ``log``.

    ``user`` is a number, where we may choose. The order ``status`` tells what it ended with, None while it
    runs.
    """
    user = settings["user"]
    with Path(settings["log"]).open("ab") as log:
        process = subprocess.Popen(
            settings["words"],
            cwd=settings["folder"],
            env=settings["environment"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            user=user,
            group=user,
            extra_groups=() if user is not None else None,
        )
    try:
        yield {"pid": process.pid}, lambda _order: {"status": process.poll()}
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STOP_SECONDS)
        process.kill()
        process.wait()
