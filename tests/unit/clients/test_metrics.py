"""What the clients tell of their calls."""

import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from clients.errors import BadAnswer, ClientError, PlatformDown, RateLimited
from clients.http import Exchange
from clients.metrics import ClientMetrics, outcome_of


def _told(error: ClientError | None = None, seconds: float = 0.2) -> Exchange:
    return Exchange(
        account="support",
        platform="mygptassistants",
        operation="send",
        reads=False,
        number=1,
        seconds=seconds,
        error=error,
    )


def _value(registry: CollectorRegistry, name: str, **labels: str) -> float | None:
    return registry.get_sample_value(name, {"platform": "mygptassistants", "account": "support", **labels})


@pytest.mark.parametrize(
    ("error", "word"),
    [
        (None, "ok"),
        (RateLimited("w"), "rate-limited"),
        (BadAnswer("w"), "bad-answer"),
        (PlatformDown("w"), "platform-down"),
    ],
)
def test_outcome_is_a_word_of_a_closed_list(error: ClientError | None, word: str) -> None:
    """What a platform says can make no new label."""
    assert outcome_of(error) == word


def test_exchanges_are_counted_by_outcome_and_timed() -> None:
    """Per platform and account."""
    registry = CollectorRegistry()
    tell = ClientMetrics(registry)
    for error in (None, None, RateLimited("w", status=429)):
        tell(_told(error))
    assert _value(registry, "hookline_client_requests_total", outcome="ok") == 2
    assert _value(registry, "hookline_client_requests_total", outcome="rate-limited") == 1
    assert _value(registry, "hookline_client_seconds_count") == 3
    assert _value(registry, "hookline_client_seconds_bucket", le="0.25") == 3
    assert _value(registry, "hookline_client_seconds_bucket", le="0.1") == 0


def test_an_exchange_is_one_debug_line() -> None:
    """With names, numbers and the status, and nothing that was sent or answered."""
    with capture_logs() as logged:
        ClientMetrics(CollectorRegistry())(_told(PlatformDown("support: s3cret", status=503), seconds=1.23456))
    assert logged == [
        {
            "event": "exchange.ended",
            "log_level": "debug",
            "account": "support",
            "platform": "mygptassistants",
            "operation": "send",
            "number": 1,
            "outcome": "platform-down",
            "status": 503,
            "took": 1.2346,
        }
    ]
