"""Records and lost positions, as they come out of aiokafka."""

from typing import Any

from aiokafka.errors import OffsetOutOfRangeError
from aiokafka.structs import ConsumerRecord
from aiokafka.structs import TopicPartition as KafkaPartition

from eventlog.kafka_reader import lost, out_of_range, stored
from schemas.record import TopicPartition

AT = TopicPartition("t", 3)


def test_a_record_keeps_everything() -> None:
    """Also a header that Kafka has without a value: it is empty here."""
    headers: Any = (("a", b"1"), ("none", None), ("a", b""))
    record = stored(ConsumerRecord("t", 3, 7, 5, 0, None, b"v", None, -1, 1, headers))
    assert (record.at, record.offset, record.key, record.value, record.timestamp) == (AT, 7, None, b"v", 5)
    assert record.headers == (("a", b"1"), ("none", b""), ("a", b""))


def test_an_offset_out_of_range_is_named() -> None:
    """It hides in the error's arguments."""
    assert out_of_range(OffsetOutOfRangeError({KafkaPartition("t", 3): 9})) == (AT, 9)


def test_a_lost_position_says_what_is_missing() -> None:
    """And what to decide."""
    error = lost(AT, 9, 4)
    assert (error.at, error.wanted, error.earliest) == (AT, 9, 4)
    assert str(error) == "offset 9 of t-3 is not in the log, whose first offset is 4: decide where to go on"


def test_a_position_that_never_was() -> None:
    """Nothing was committed."""
    error = lost(AT, None, 4)
    assert (error.wanted, error.earliest) == (None, 4)
    assert "no position is committed for t-3" in str(error)
