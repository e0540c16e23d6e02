"""What Prometheus is told of a worker: each link as the ledger has it, and what this process did."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from prometheus_client import CollectorRegistry, Counter, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

Status = Callable[[], Sequence[Mapping[str, Any]]]
"""Returns how each link stands."""

_LINK: Mapping[str, tuple[str, Callable[[Mapping[str, Any]], float | None]]] = {
    "registered": ("Highest number given", lambda row: row["registered"]),
    "published": ("Highest number that the broker has", lambda row: row["published"]),
    "acknowledged": (
        "Highest number that the peer has without a gap", lambda row: row["acknowledged"],
    ),
    "mark": ("Highest number received without a gap", lambda row: row["mark"]),
    "announced": ("Highest number that the peer sent", lambda row: row["announced"]),
    "lag_seconds": ("For which what was sent has not come", lambda row: row["lag_seconds"]),
    "held": ("Despatches held ahead of the mark", lambda row: row["held"]),
    "missing": ("Numbers sent that are not here", lambda row: row["missing"]),
    "dead_letters": ("Messages that were no despatch", lambda row: row["dead_letters"]),
    "not_understood": (
        "Copies that wait for another Farman", lambda row: row["not_understood"],
    ),
    "forked": ("1 while nothing is taken in", lambda row: row["forked"] is not None),
    "silent_seconds": ("Since the peer's last heartbeat", lambda row: row["silent_seconds"]),
    "clock_skew_seconds": (
        "By which the peer's clock is ahead of this one's", lambda row: row["skew_seconds"],
    ),
}  # fmt: skip


class Meters:
    """Counters of this process, and the links as they are when asked."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.retries = Counter(
            "farman_retries", "Tries that failed", ["role"], registry=self._registry
        )
        self.messages = Counter(
            "farman_messages", "Messages by what became of them", ["link", "what"],
            registry=self._registry,
        )  # fmt: skip

    def watch(self, status: Status) -> None:
        """Tell of the links, too, as ``status`` answers."""
        self._registry.register(_Links(status))

    def text(self) -> bytes:
        """Return all of it as Prometheus reads it."""
        return generate_latest(self._registry)


class _Links(Collector):
    def __init__(self, status: Status) -> None:
        self._status = status

    def describe(self) -> list[Metric]:
        """Describe nothing beforehand: that would ask the store."""
        return []

    def collect(self) -> Iterator[Metric]:
        rows = self._status()
        for name, (text, value) in _LINK.items():
            family = GaugeMetricFamily(f"farman_link_{name}", text, labels=["office"])
            for row in rows:
                found = value(row)
                if found is not None:
                    family.add_metric([row["peer"]], float(found))
            yield family
