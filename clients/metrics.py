"""What the clients do, for people who watch: Prometheus metrics, and a debug line for each exchange.

Labels and fields are names of the configuration and words of ours: no key, no payload, no id of a person.
"""

import re

import structlog
from prometheus_client import CollectorRegistry, Counter, Histogram

from clients.errors import ClientError
from clients.http import Exchange

log = structlog.get_logger()

_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60)
_WORD = re.compile(r"(?<=[a-z])(?=[A-Z])")


class ClientMetrics:
    """Counts every exchange of all accounts, in a registry of the caller's; made to be `Edges.on_exchange`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = Counter(
            "hookline_client_requests",
            "Requests to platforms, each try of a call, by outcome.",
            ["platform", "account", "outcome"],
            registry=registry,
        )
        self._seconds = Histogram(
            "hookline_client_seconds",
            "How long a request took, to the end of its answer; of a stream, to its beginning.",
            ["platform", "account"],
            registry=registry,
            buckets=_BUCKETS,
        )

    def __call__(self, exchange: Exchange) -> None:
        """Take note of an exchange that is over."""
        outcome = outcome_of(exchange.error)
        self._requests.labels(exchange.platform, exchange.account, outcome).inc()
        self._seconds.labels(exchange.platform, exchange.account).observe(exchange.seconds)
        log.debug(
            "exchange.ended",
            account=exchange.account,
            platform=exchange.platform,
            operation=exchange.operation,
            number=exchange.number,
            outcome=outcome,
            status=exchange.error.status if exchange.error else None,
            took=round(exchange.seconds, 4),
        )


def outcome_of(error: ClientError | None) -> str:
    """How an exchange ended, in a word: `ok`, else the error's name, such as `rate-limited`."""
    return "ok" if error is None else _WORD.sub("-", type(error).__name__).lower()
