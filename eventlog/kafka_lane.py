"""What waits for one partition: batches in the order of appends, one of them on its way.

Nothing here does I/O or reads a clock; times are seconds of the event loop's clock.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aiokafka.producer.message_accumulator import BatchBuilder

from eventlog.kafka_generation import Generation
from schemas.record import Record, TopicPartition

# Bytes before the first record of a batch (Kafka record format v2).
BATCH_OVERHEAD = 61

# How long a partition's batches hold one record each, after one of them spoiled a batch for its neighbours.
DIVIDED_FOR = 5.0

_NO_COMPRESSION = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """When a batch takes no more records."""

    # A single larger record gets a batch of its own.
    bytes: int
    records: int
    # Seconds; younger records then have a later deadline than the first of the batch.
    age: float


class Batch:
    """Records that are written in one piece or not at all."""

    __slots__ = ("born", "builder", "bytes", "durable", "records", "spared")

    def __init__(self, born: float, size: int, durable: asyncio.Future[int]) -> None:
        # When its first record was appended.
        self.born = born
        self.builder = BatchBuilder(size, _NO_COMPRESSION)  # type: ignore[no-untyped-call]  # aiokafka is half typed
        # The offset of its first record, once all are durable.
        self.durable = durable
        self.records = 0
        # What its records count for in the bounds.
        self.bytes = 0
        # Its deadline was extended once, because the event loop was late.
        self.spared = False

    def add(self, record: Record, size: int) -> bool:
        """Add a record of so many bytes, unless the batch is full."""
        added = self.builder.append(
            timestamp=record.timestamp, key=record.key, value=record.value, headers=list(record.headers)
        )
        if added is None:
            return False
        self.records += 1
        self.bytes += size
        return True

    def resolve(self, offset: int) -> None:
        """Tell whoever waits that all its records are durable."""
        if not self.durable.done():
            self.durable.set_result(offset)

    def fail(self, error: Exception) -> None:
        """Tell whoever waits that none of its records is known to be durable."""
        if not self.durable.done():
            self.durable.set_exception(error)
            self.durable.exception()  # read, so that nobody has to wait for it


class Lane:
    """One partition's batches."""

    __slots__ = ("_limits", "_new_future", "at", "deadline", "divided_until", "linger", "sending", "sent", "waiting")

    def __init__(self, at: TopicPartition, limits: Limits, new_future: Callable[[], asyncio.Future[int]]) -> None:
        self.at = at
        self._limits = limits
        self._new_future = new_future
        # Handed to a producer and not yet settled.
        self.sending: Batch | None = None
        # Through whom, and the future that tells.
        self.sent: tuple[Generation, asyncio.Future[Any]] | None = None
        # The last one is being filled.
        self.waiting: deque[Batch] = deque()
        # Until then every record gets a batch of its own.
        self.divided_until = 0.0
        # Call when the oldest batch is overdue, and when the first waiting one has lingered long enough.
        self.deadline: asyncio.TimerHandle | None = None
        self.linger: asyncio.TimerHandle | None = None

    def add(self, record: Record, size: int, now: float) -> tuple[Batch, int]:
        """Put a record of so many bytes behind all others; returns its batch and its place in it."""
        batch = self.waiting[-1] if self.waiting else None
        if batch is None or self._is_full(batch, now) or not batch.add(record, size):
            batch = Batch(now, self._limits.bytes, self._new_future())
            batch.add(record, size)  # the first record always fits
            self.waiting.append(batch)
        return batch, batch.records - 1

    def take(self) -> Batch:
        """The next batch to send; the lane must have one waiting and none on its way."""
        self.sending = self.waiting.popleft()
        self.sending.builder.close()  # type: ignore[no-untyped-call]  # as above
        return self.sending

    def put_back(self) -> None:
        """The batch on its way was never handed over: it is the next one again."""
        if self.sending is not None:
            self.waiting.appendleft(self.sending)
            self.sending = self.sent = None

    def settle(self) -> Batch:
        """The batch on its way is settled: the next may go."""
        batch, self.sending, self.sent = self.sending, None, None
        if batch is None:
            raise RuntimeError("nothing was on its way")
        return batch

    def oldest(self) -> Batch | None:
        """The batch whose deadline comes first."""
        if self.sending is not None:
            return self.sending
        return self.waiting[0] if self.waiting else None

    def batches(self) -> list[Batch]:
        """All batches that are not settled, in order."""
        return [*([self.sending] if self.sending is not None else []), *self.waiting]

    def empty(self) -> list[Batch]:
        """Take everything out, in order."""
        batches = self.batches()
        self.sending = self.sent = None
        self.waiting.clear()
        return batches

    def limit(self, limits: Limits) -> None:
        """Let the next batches be smaller or larger."""
        self._limits = limits

    def _is_full(self, batch: Batch, now: float) -> bool:
        limits = self._limits
        return (
            batch.records >= limits.records
            or now - batch.born >= limits.age
            or now < self.divided_until
            or bool(batch.builder.closed())  # type: ignore[no-untyped-call]  # as above
        )
