"""Which partition has what another event log left behind: timers, and dead letters to be replayed.

Both logs partition by murmur2 of the key, so only the number of partitions makes a difference.
"""

from collections.abc import Mapping

from eventlog.partitioner import partition_of
from schemas.record import TopicPartition


def home_of(at: TopicPartition, key: bytes | None, counts: Mapping[str, int]) -> TopicPartition | None:
    """The partition that has a key in this log; None while its topic is not there.

    Args:
        at: where it stood in the other log.
        key: of the lane; what has none stays near where it was.
        counts: topic → number of partitions in this log.
    """
    count = counts.get(at.topic, 0)
    if count == 0:
        return None
    return TopicPartition(at.topic, at.partition % count if key is None else partition_of(key, count))
