"""What is told of an attempt, and the metrics beside it."""

from datetime import timedelta

import pytest
from prometheus_client import generate_latest

from dispatcher.metrics import Load, Metrics, StopCause
from dispatcher.observers import AttemptEnded
from dispatcher.outcome import Dead, Done, Outcome, Retry
from schemas.record import TopicPartition


@pytest.mark.parametrize(
    ("outcome", "text"),
    [
        (Done(), "done"),
        (Retry(timedelta(milliseconds=250), "x"), "retry in 250 ms"),
        (Retry(timedelta(seconds=2), "x"), "retry in 2 s"),
        (Retry(timedelta(minutes=10), "x"), "retry in 10 min"),
        (Dead("exhausted", "x"), "dead letter (exhausted)"),
    ],
)
def test_what_happens_next_is_said_for_people(outcome: Outcome, text: str) -> None:
    """For the line that `dev` prints."""
    ended = AttemptEnded(
        entry="h",
        event_id="e",
        event_type="message.created",
        source="support",
        key="c1",
        at=TopicPartition("t", 0),
        offset=1,
        attempt=1,
        outcome=outcome,
        took=timedelta(),
    )
    assert ended.next == text


def test_metrics_are_counted_per_entry() -> None:
    """Under Prometheus names."""
    metrics = Metrics()
    metrics.of("a").done.inc()
    metrics.of("a").done.inc()
    metrics.of("b").dead("uncertain").inc()
    text = generate_latest(metrics.registry).decode()
    assert 'hookline_handler_attempts_total{handler="a",outcome="done"} 2.0' in text
    assert 'hookline_handler_dead_total{handler="b",reason="uncertain"} 1.0' in text


def test_gauges_are_read_when_somebody_scrapes() -> None:
    """They cost nothing between."""
    metrics = Metrics()
    load = Load(running=1)
    metrics.watch("a", lambda: load)
    load = Load(running=5, lanes=2)
    text = generate_latest(metrics.registry).decode()
    assert 'hookline_handler_running{handler="a"} 5.0' in text
    assert 'hookline_handler_lanes{handler="a"} 2.0' in text


@pytest.mark.parametrize("cause", ["paused", "tripped", "failed"])
def test_why_an_entry_stands_still_is_a_label(cause: StopCause) -> None:
    """So that nobody is woken by what somebody did himself."""
    metrics = Metrics()
    metrics.watch("a", lambda: Load(stopped=cause))
    metrics.watch("b", Load)
    text = generate_latest(metrics.registry).decode().splitlines()
    assert [line for line in text if line.startswith("hookline_handler_stopped") and line.endswith(" 1.0")] == [
        f'hookline_handler_stopped{{cause="{cause}",handler="a"}} 1.0'
    ]
