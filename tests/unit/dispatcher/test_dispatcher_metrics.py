"""What is counted of handlers."""

from prometheus_client import CollectorRegistry

from dispatcher.metrics import Metrics


def test_deaths_are_counted_from_none() -> None:
    """A counter that appears with its first case has not grown, as far as Prometheus sees."""
    registry = CollectorRegistry()
    Metrics(registry).of("h")
    for reason in ("rejected", "exhausted", "undecodable", "oversize", "uncertain", "crashed", "forgotten"):
        labels = {"handler": "h", "reason": reason}
        assert registry.get_sample_value("hookline_handler_dead_total", labels) == 0
