"""What is counted, and under which labels."""

from typing import Any

from prometheus_client import CollectorRegistry, generate_latest

from receiver.body import Body
from receiver.limits import Budget
from receiver.metrics import Metrics
from receiver.reports import Answered


def answered(**changes: Any) -> Answered:
    fields: dict[str, Any] = {"source": "support", "platform": "p", "status": 202, "outcome": "accepted"}
    return Answered(**{**fields, **changes})


def counted(*answers: Answered) -> CollectorRegistry:
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    for one in answers:
        metrics(one)
    return registry


def test_events_are_counted_by_type() -> None:
    """A delivery of two events counts two, a copy of it none."""
    registry = counted(
        answered(types=("message.created", "message.created")),
        answered(types=("message.created",), outcome="duplicate"),
    )
    labels = {"source": "support", "type": "message.created"}
    assert registry.get_sample_value("hookline_events_accepted_total", labels) == 2
    assert registry.get_sample_value("hookline_deliveries_total", {"source": "support", "outcome": "duplicate"}) == 1


def test_refusals_are_counted_by_their_precise_reason() -> None:
    """The sender is told 401, the operator why."""
    registry = counted(answered(outcome="unauthenticated", reason="timestamp-stale"))
    labels = {"source": "support", "reason": "timestamp-stale"}
    assert registry.get_sample_value("hookline_refusals_total", labels) == 1


def test_matching_secret_is_counted() -> None:
    """When nothing matches the old secret any more, it can go."""
    registry = counted(answered(secret=0), answered(secret=1), answered(secret=None))
    labels = {"source": "support", "secret": "1"}
    assert registry.get_sample_value("hookline_secret_matches_total", labels) == 1


def test_cause_of_an_unstored_delivery_is_no_label() -> None:
    """A text of the broker's would be a new label each time."""
    registry = counted(answered(outcome="not-stored", reason="broker 10.0.0.7 says no"))
    assert b"10.0.0.7" not in generate_latest(registry)


def test_unknown_sources_are_one_label() -> None:
    """A hundred thousand tried names do not grow the page."""
    one = generate_latest(counted(answered(source=None, outcome="not-found")))
    many = generate_latest(counted(*[answered(source=None, outcome="not-found") for _ in range(500)]))
    assert len(many.splitlines()) == len(one.splitlines())


def test_state_is_read_when_it_is_asked_for() -> None:
    """Gauges cost nothing between two looks."""
    registry = CollectorRegistry()
    budget = Budget(10, 1000)
    Metrics(registry).watch(budget, connections=lambda: 3, degraded=lambda: True)
    body = Body(peer="p", limit=100, budget=budget)
    assert body.enter()
    assert budget.grow(body, 70)
    assert budget.complete(body)
    names = ("in_flight_requests", "in_flight_bytes", "connections", "dedupe_degraded")
    assert [registry.get_sample_value(f"hookline_{name}") for name in names] == [1, 70, 3, 1]


def test_what_alarms_look_at_is_there_before_the_first_case() -> None:
    """A counter that appears with its first case has not grown, as far as Prometheus sees."""
    registry = CollectorRegistry()
    Metrics(registry).expect(["support"])
    for metric, label, value in (
        ("deliveries", "outcome", "not-stored"),
        ("deliveries", "outcome", "not-fitting"),
        ("refusals", "reason", "signature-wrong"),
    ):
        assert registry.get_sample_value(f"hookline_{metric}_total", {"source": "support", label: value}) == 0
