"""What polling does, in numbers: rounds, events, and how old the news is."""

from collections.abc import Callable
from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Gauge

from receiver.polling.poller import Standing
from receiver.polling.publishing import Published


class PollMetrics:
    """Counts what pollers publish, and shows how they stand.

    Args:
        registry: where the metrics are registered.
        clock: the time of day, aware.
    """

    def __init__(self, registry: CollectorRegistry, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._events = Counter(
            "hookline_polled_events",
            "What polls were told, by source and outcome (new, known, quarantined, refused).",
            ["source", "outcome"],
            registry=registry,
        )
        self._failures = Gauge(
            "hookline_poll_failures",
            "Rounds of polling that failed in a row; 0 while all is well.",
            ["source"],
            registry=registry,
        )
        self._age = Gauge(
            "hookline_poll_age_seconds",
            "Since the end of this process's last round of a source that went well; -1 if there was none.",
            ["source"],
            registry=registry,
        )

    def __call__(self, source: str, published: Published) -> None:
        """Count the events of a round."""
        for outcome in ("new", "known", "quarantined", "refused"):
            self._events.labels(source, outcome).inc(getattr(published, outcome))

    def watch(self, standing: Standing) -> None:
        """Read how a poller stands whenever the metrics are asked for."""
        self._failures.labels(standing.source).set_function(lambda: standing.failures)
        self._age.labels(standing.source).set_function(lambda: self._seconds(standing.polled_at))

    def _seconds(self, polled_at: datetime | None) -> float:
        return -1.0 if polled_at is None else (self._clock() - polled_at).total_seconds()
