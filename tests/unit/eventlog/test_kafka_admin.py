"""What topics are asked for, and how times become offsets."""

from datetime import UTC, datetime, timedelta

import pytest

from eventlog.kafka_admin import milliseconds_of, new_topic
from eventlog.kafka_requests import Metadata
from eventlog.kafka_settings import KafkaSettings
from schemas.topics import TopicSettings


def brokers(count: int) -> Metadata:
    return Metadata(dict.fromkeys(range(count), ("h", 9092)), 0, "c", {})


def test_a_topic_is_kept_as_configured() -> None:
    """Partitions, retention in milliseconds, and room for the largest record."""
    made = new_topic("t", TopicSettings(partitions=5, retention=timedelta(days=2)), brokers(3), KafkaSettings())
    assert (made.name, made.partitions, made.replicas) == ("t", 5, 3)
    assert made.configs == {
        "cleanup.policy": "delete",
        "max.message.bytes": "2162688",
        "min.insync.replicas": "2",
        "retention.ms": "172800000",
    }


def test_a_compacted_topic_keeps_tombstones_for_a_day() -> None:
    """And nothing is deleted by age unless it is said so."""
    made = new_topic("t", TopicSettings(retention=None, compact=True), brokers(3), KafkaSettings())
    assert made.configs["cleanup.policy"] == "compact"
    assert made.configs["retention.ms"] == "-1"
    assert made.configs["delete.retention.ms"] == "86400000"
    both = new_topic("t", TopicSettings(retention=timedelta(days=1), compact=True), brokers(3), KafkaSettings())
    assert both.configs["cleanup.policy"] == "compact,delete"


@pytest.mark.parametrize(
    ("count", "replication", "in_sync", "made"),
    [
        (1, None, None, (1, "1")),
        (2, None, None, (2, "1")),
        (5, None, None, (3, "2")),
        (1, None, 2, (1, "1")),
        (5, 5, 3, (5, "3")),
        (1, 3, None, (3, "2")),
    ],
)
def test_replicas_are_as_configured_or_possible(
    count: int, replication: int | None, in_sync: int | None, made: tuple[int, str]
) -> None:
    """More in-sync than there are could never acknowledge; a wish beyond the brokers is left to them to refuse."""
    settings = KafkaSettings(replication_factor=replication, min_insync_replicas=in_sync)
    topic = new_topic("t", TopicSettings(), brokers(count), settings)
    assert (topic.replicas, topic.configs["min.insync.replicas"]) == made


def test_leaders_make_a_topic_usable() -> None:
    """All topics, all partitions."""
    seen = Metadata({}, 0, "c", {"a": {0: 1, 1: 2}, "b": {0: -1}})
    assert (seen.led(["a"]), seen.led(["a", "b"]), seen.led(["c"])) == (True, False, False)
    assert seen.partitions() == {"a": 2, "b": 1}


@pytest.mark.parametrize(
    ("microsecond", "milliseconds"), [(0, 1_000_000_000_000), (1, 1_000_000_000_001), (1000, 1_000_000_000_001)]
)
def test_a_time_is_rounded_up(microsecond: int, milliseconds: int) -> None:
    """Records have milliseconds: one of the same millisecond but before the time is not after it."""
    when = datetime(2001, 9, 9, 1, 46, 40, microsecond, tzinfo=UTC)
    assert milliseconds_of(when) == milliseconds
