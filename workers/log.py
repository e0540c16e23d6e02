"""What workers write: a JSON object a line on stderr, with the directive where there is one.

Libraries come out the same way, and none of them more often than it helps: aiokafka says 850
times a second that a topic is gone.
"""

import logging
import sys
import time
from collections.abc import Iterable

import orjson
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

QUIET = 10.0
"""Seconds in which a library says the same thing once."""

_SHOWN = 5
"""Directives named in one line."""


def configure(level: int = logging.INFO) -> None:
    """Send all that this process logs to stderr, as JSON."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        structlog.processors.format_exc_info,
    ]
    render = structlog.processors.JSONRenderer(serializer=_json)
    structlog.configure(
        processors=[*shared, render],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared, _repeats],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, render],
        )
    )
    handler.addFilter(Seldom())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)


class Seldom(logging.Filter):
    """Lets a line of a library through once in `QUIET` seconds, with how often it was said."""

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[tuple[str, int, object], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether to write a line."""
        # By its wording without what is filled in, which differs each time.
        key = (record.name, record.levelno, record.msg)
        now = time.monotonic()
        since, unsaid = self._said.get(key, (-QUIET, 0))
        if now - since < QUIET:
            self._said[key] = (since, unsaid + 1)
            return False
        if len(self._said) > 1_000:  # noqa: PLR2004 - wordings that hold what is filled in
            self._said.clear()
        self._said[key] = (now, 0)
        record.unsaid = unsaid
        return True


def about(streams: Iterable[str]) -> dict[str, object]:
    """Return the directives that streams belong to, as what a line is found by."""
    found: dict[str, None] = {}
    for stream in streams:
        kind, _, rest = stream.partition("-")
        if kind in {"directive", "relay", "service"}:
            found[rest.partition(".")[0]] = None
            if len(found) > _SHOWN:
                break
    names = list(found)
    if len(names) == 1:
        return {"directive": names[0]}
    return {"directives": names[:_SHOWN]} if names else {}


def _repeats(_: WrappedLogger, __: str, line: EventDict) -> EventDict:
    record = line.get("_record")
    if unsaid := getattr(record, "unsaid", 0):
        line["unsaid"] = unsaid
    return line


def _json(line: EventDict, **_: object) -> str:
    return orjson.dumps(line, default=str).decode()
