"""The Prometheus metrics of every role, collected from the registries that serve them."""

from collections.abc import Iterator
from dataclasses import dataclass

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric

from clients.errors import RateLimited
from clients.http import Exchange
from clients.metrics import ClientMetrics
from dispatcher.metrics import Load
from dispatcher.metrics import Metrics as DispatcherMetrics
from receiver.limits import Budget
from receiver.metrics import Metrics as ReceiverMetrics
from receiver.polling.metrics import PollMetrics
from receiver.polling.poller import Standing
from receiver.polling.publishing import Published
from receiver.reports import Answered
from receiver.server import utc_now
from tests.conventions.reference.blocks import code, table


@dataclass(frozen=True, slots=True)
class Described:
    """One metric."""

    # As it is queried; of a histogram without `_bucket`.
    name: str
    kind: str
    labels: tuple[str, ...]
    meaning: str


def metrics() -> dict[str, list[Described]]:
    """Role → its metrics, by name."""
    found = {"receiver": _receiver(), "dispatcher": _dispatcher(), "clients": _clients(), "polling": _polling()}
    return {role: _described(registry) for role, registry in found.items()}


def blocks() -> dict[str, str]:
    """A table for each role."""
    return {role: _table(found) for role, found in metrics().items()}


def _table(found: list[Described]) -> str:
    rows = [[code(one.name), one.kind, ", ".join(map(code, one.labels)), one.meaning] for one in found]
    return table(["metric", "kind", "labels", "meaning"], rows)


def _receiver() -> CollectorRegistry:
    """A registry in which every metric of the receiver has been used: only then its labels are told."""
    registry = CollectorRegistry()
    made = ReceiverMetrics(registry)
    made.watch(Budget(1, 1), connections=lambda: 0, degraded=lambda: False)
    made(Answered(source="s", platform="p", status=202, outcome="accepted", types=("t",), secret=0))
    made(Answered(source="s", platform="p", status=401, outcome="unauthenticated", reason="r"))
    return registry


def _dispatcher() -> CollectorRegistry:
    registry = CollectorRegistry()
    made = DispatcherMetrics(registry)
    made.of("h").dead("exhausted").inc()
    made.watch("h", Load)
    made.left({"h": {"timers": 1}})
    made.jobs(["h"], ["h"])
    return registry


def _polling() -> CollectorRegistry:
    registry = CollectorRegistry()
    polling = PollMetrics(registry, utc_now)
    polling("s", Published(new=1))
    polling.watch(Standing("s"))
    return registry


def _clients() -> CollectorRegistry:
    registry = CollectorRegistry()
    told = Exchange(
        account="a", platform="p", operation="send", reads=False, number=1, seconds=0.1, error=RateLimited("w")
    )
    ClientMetrics(registry)(told)
    return registry


def _described(registry: CollectorRegistry) -> list[Described]:
    return sorted(map(_one, registry.collect()), key=lambda one: one.name)


def _one(metric: Metric) -> Described:
    if not metric.samples:
        raise AssertionError(f"{metric.name} was not used, so its labels are not known: use it in {__name__}")
    labels = tuple(name for name in metric.samples[0].labels if name != "le")
    suffix = "_total" if metric.type == "counter" else ""
    return Described(metric.name + suffix, metric.type, labels, metric.documentation)


def series(one: Described) -> Iterator[str]:
    """The names of a metric's time series, as a query says them."""
    yield one.name
    if one.kind == "histogram":
        yield from (f"{one.name}{suffix}" for suffix in ("_bucket", "_sum", "_count"))
