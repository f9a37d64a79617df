"""Which records of a `getmany` are handed out after something came between."""

from aiokafka.structs import ConsumerRecord
from aiokafka.structs import TopicPartition as KafkaPartition

from eventlog.kafka_polling import sort_out
from schemas.record import TopicPartition

ZERO, ONE = TopicPartition("t", 0), TopicPartition("t", 1)
BOTH = frozenset({ZERO, ONE})


def found(*offsets: int, partition: int = 0) -> dict[KafkaPartition, list[ConsumerRecord[bytes, bytes]]]:
    records = [
        ConsumerRecord("t", partition, offset, 5, 0, b"k", b"v", None, 1, 1, (("h", b"1"),)) for offset in offsets
    ]
    return {KafkaPartition("t", partition): records}


def test_what_was_asked_for_is_handed_out() -> None:
    """With all a record has."""
    given, again = sort_out(found(3, 4), mine=BOTH, wanted=BOTH, seeks={}, moved=False)
    [first, second] = given[ZERO]
    assert (first.at, first.offset, second.offset) == (ZERO, 3, 4)
    assert (first.key, first.value, first.headers, first.timestamp) == (b"k", b"v", (("h", b"1"),), 5)
    assert again == {}


def test_what_is_not_ours_any_more_is_dropped() -> None:
    """Its new owner reads it."""
    assert sort_out(found(3), mine={ONE}, wanted=BOTH, seeks={}, moved=True) == ({}, {})


def test_what_is_not_wanted_now_is_read_again() -> None:
    """From the first record: the choice of partitions changed while it was fetched."""
    assert sort_out(found(3, 4), mine=BOTH, wanted={ONE}, seeks={}, moved=False) == ({}, {KafkaPartition("t", 0): 3})


def test_a_seek_wins() -> None:
    """Whether it came before or after the records were taken, reading goes on where it said."""
    assert sort_out(found(3), mine=BOTH, wanted=BOTH, seeks={ZERO: 9}, moved=False) == ({}, {KafkaPartition("t", 0): 9})


def test_after_a_rebalance_everything_is_read_again() -> None:
    """Nobody knows of which assignment the records were."""
    assert sort_out(found(3), mine=BOTH, wanted=BOTH, seeks={}, moved=True) == ({}, {KafkaPartition("t", 0): 3})


def test_partitions_are_judged_one_by_one() -> None:
    """A seek in one does not touch the other."""
    both = found(3) | found(8, partition=1)
    given, again = sort_out(both, mine=BOTH, wanted=BOTH, seeks={ZERO: 0}, moved=False)
    assert ([each.offset for each in given[ONE]], again) == ([8], {KafkaPartition("t", 0): 0})
