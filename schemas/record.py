"""What a log keeps: bytes under a topic and a key. The shape is Kafka's."""

from dataclasses import dataclass
from typing import NamedTuple

Headers = tuple[tuple[str, bytes], ...]

# Bytes of one record beside its key, value and headers: lengths and deltas (Kafka record format v2, worst case).
RECORD_OVERHEAD = 64


class TopicPartition(NamedTuple):
    """One ordered sequence of records."""

    topic: str
    partition: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A record ready to be appended."""

    topic: str
    key: bytes | None
    # None is a tombstone: compaction removes the key.
    value: bytes | None
    headers: Headers = ()
    # Milliseconds since the epoch, UTC: when hookline received the fact.
    timestamp: int

    @property
    def size(self) -> int:
        """An upper bound of the bytes this record takes in a batch."""
        size = RECORD_OVERHEAD + len(self.key or b"") + len(self.value or b"")
        for name, value in self.headers:
            size += len(name) + len(value) + 10
        return size

    def header(self, name: str) -> bytes | None:
        """The first header of that name."""
        return next((value for key, value in self.headers if key == name), None)

    def stored(self, *, partition: int, offset: int) -> "StoredRecord":
        """This record as it is read from a place of its topic."""
        return StoredRecord(
            topic=self.topic,
            key=self.key,
            value=self.value,
            headers=self.headers,
            timestamp=self.timestamp,
            partition=partition,
            offset=offset,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRecord(Record):
    """A record read from a log, with the place it was read from."""

    partition: int
    offset: int

    @property
    def at(self) -> TopicPartition:
        """The partition it was read from."""
        return TopicPartition(self.topic, self.partition)
