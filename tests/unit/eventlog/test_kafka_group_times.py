"""The times of a group follow from how long its members take to give partitions back."""

from datetime import timedelta

import pytest

from eventlog.kafka_group_times import GroupTimes
from eventlog.kafka_settings import KafkaSettings


def test_times_have_aiokafkas_names() -> None:
    """In milliseconds."""
    assert GroupTimes.of(KafkaSettings(), timedelta(seconds=10)).options() == {
        "session_timeout_ms": 30_000,
        "heartbeat_interval_ms": 3_000,
        "rebalance_timeout_ms": 30_000,
        "max_poll_interval_ms": 300_000,
    }


@pytest.mark.parametrize("seconds", [1, 10, 25, 70, 3600])
def test_a_group_waits_longer_than_giving_back_takes(seconds: int) -> None:
    """And a request, and the pause between two polls, last longer than it waits."""
    times = GroupTimes.of(KafkaSettings(), timedelta(seconds=seconds))
    assert timedelta(seconds=seconds) < times.rebalance < times.request
    assert times.options()["max_poll_interval_ms"] > times.options()["rebalance_timeout_ms"]


def test_a_time_that_was_set_is_taken() -> None:
    """Whether it is long enough is asked where the entries are known."""
    settings = KafkaSettings(rebalance_timeout=timedelta(seconds=90))
    assert GroupTimes.of(settings, timedelta(seconds=10)).rebalance == timedelta(seconds=90)
