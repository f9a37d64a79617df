"""The receiver's metrics. Labels come from the configuration and from closed lists, never from a request."""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from receiver.limits import Budget
from receiver.problems import PROBLEMS
from receiver.reports import Answered

Labelled = TypeVar("Labelled", Counter, Histogram)

# Every request for a source we do not have counts under one label, however many names are tried.
UNKNOWN = "(unknown)"
# Reasons that alarms are set on; there are more.
_WATCHED = ("signature-missing", "signature-wrong", "timestamp-stale", "media-type", "not-stored")
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0)


class Metrics:
    """Counts answers; a `Report`.

    Args:
        registry: where the metrics are registered; one for each receiver.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self._children: dict[tuple[object, ...], Any] = {}
        self.deliveries = Counter(
            "hookline_deliveries",
            "Requests answered, by source and outcome (accepted, duplicate, handshake, or a problem's name).",
            ["source", "outcome"],
            registry=registry,
        )
        self.refusals = Counter(
            "hookline_refusals",
            "Deliveries not accepted, by source and the precise reason.",
            ["source", "reason"],
            registry=registry,
        )
        self.events = Counter(
            "hookline_events_accepted",
            "Events made durable, by source and type.",
            ["source", "type"],
            registry=registry,
        )
        self.secrets = Counter(
            "hookline_secret_matches",
            "Deliveries proved, by source and place of the secret that matched; 0 is the newest.",
            ["source", "secret"],
            registry=registry,
        )
        self.turned_away = Counter(
            "hookline_connections_turned_away", "Connections closed because there were too many.", registry=registry
        )
        self.seconds = Histogram(
            "hookline_delivery_seconds",
            "From the complete header to the answer.",
            ["source"],
            buckets=_SECONDS,
            registry=registry,
        )

    def __call__(self, answered: Answered) -> None:
        """Count an answer."""
        source = answered.source or UNKNOWN
        self._child(self.deliveries, source, answered.outcome).inc()
        self._child(self.seconds, source).observe(answered.seconds)
        if answered.secret is not None:
            self._child(self.secrets, source, str(answered.secret)).inc()
        if answered.outcome == "accepted":
            for event_type in answered.types:
                self._child(self.events, source, event_type).inc()
        elif answered.outcome not in ("duplicate", "handshake"):
            # A cause in words belongs to the log: as a label it would be one of many.
            reason = answered.reason if answered.outcome != "not-stored" else answered.outcome
            self._child(self.refusals, source, reason or answered.outcome).inc()

    def expect(self, sources: Iterable[str]) -> None:
        """Begin at 0 what there may be of each source, so that an alarm on growth sees the first one too."""
        for source in sources:
            for outcome in ("accepted", "duplicate", "handshake", *PROBLEMS):
                self._child(self.deliveries, source, outcome)
            for reason in _WATCHED:
                self._child(self.refusals, source, reason)

    def watch(
        self,
        budget: Budget,
        *,
        connections: Callable[[], int],
        degraded: Callable[[], bool],
    ) -> None:
        """Read the state of the receiver whenever the metrics are asked for."""
        self._gauge("hookline_in_flight_requests", "Requests being worked on.", lambda: budget.requests)
        self._gauge("hookline_in_flight_bytes", "Bytes of bodies held.", lambda: budget.bytes)
        self._gauge("hookline_connections", "Open connections.", connections)
        self._gauge("hookline_dedupe_degraded", "1 while copies are not looked for.", lambda: int(degraded()))

    def _child(self, metric: Labelled, *labels: str) -> Labelled:
        # `labels()` takes a lock and builds a key each time; there are as many children as label sets, which are few.
        child: Labelled | None = self._children.get((metric, labels))
        if child is None:
            child = self._children[metric, labels] = metric.labels(*labels)
        return child

    def _gauge(self, name: str, text: str, read: Callable[[], int]) -> None:
        Gauge(name, text, registry=self._registry).set_function(read)
