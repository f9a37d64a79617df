"""Embedded logs for tests: a clock that is told the time, and a member that takes what it is given."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

from eventlog.log import Commit
from eventlog.sqlite import SqliteEventLog
from eventlog.sqlite_clock import Moment
from eventlog.sqlite_member import LeaseSettings
from schemas.record import Record, StoredRecord, TopicPartition
from schemas.topics import TopicSettings

TOPIC = "t"
AT = TopicPartition(TOPIC, 0)
WITHIN = 30.0
SOON = timedelta(milliseconds=50)
STOPS = timedelta(seconds=10)
HOUR = 3_600_000
DAY = 24 * HOUR

# Heartbeats come often, so that what they find out is known soon; the lease is counted by the test's clock alone.
LEASE = LeaseSettings(lasts=timedelta(seconds=10), heartbeat=timedelta(milliseconds=10))


class Clock:
    """Stands still until the test moves it."""

    def __init__(self, wall: int = 100 * DAY, boot: str = "b") -> None:
        self.now = wall
        self.boot = boot
        self.ms = 1_000_000

    def wall(self) -> int:
        return self.now

    def moment(self) -> Moment:
        return Moment(self.boot, self.ms)


class Taker:
    """An `Assignment` that begins at what is committed, else at the first offset it is told."""

    def __init__(self, log: SqliteEventLog, group: str = "g", *, start: int = 0) -> None:
        self.member = log.member(group, [TOPIC], self)
        self.mine: frozenset[TopicPartition] = frozenset()
        self.revocations = 0
        self._start = start

    async def assigned(self, partitions: frozenset[TopicPartition]) -> None:
        for at, commit in (await self.member.committed(partitions)).items():
            self.member.seek(at, commit.offset if commit else self._start)
        self.mine |= partitions

    async def revoked(self, partitions: frozenset[TopicPartition]) -> None:
        self.mine -= partitions
        self.revocations += 1

    async def joined(self) -> "Taker":
        """Start, and wait until partitions come."""
        await self.member.start()
        await until(lambda: bool(self.mine))
        return self

    async def take(self) -> list[StoredRecord]:
        """What one fetch finds."""
        found = await self.member.fetch(self.mine, max_records=10_000, timeout=SOON)
        return [record for batch in found.values() for record in batch]

    async def commit(self, offset: int) -> None:
        await self.member.commit({AT: Commit(offset)})


@asynccontextmanager
async def running(
    folder: Path,
    *,
    clock: Clock | None = None,
    max_bytes: int = 1024**3,
    topics: Mapping[str, TopicSettings] | None = None,
    create: TopicSettings | None = None,
) -> AsyncIterator[SqliteEventLog]:
    """A started log with one topic."""
    log = SqliteEventLog(
        folder / "events.db",
        topics=topics,
        max_bytes=max_bytes,
        lease=LEASE,
        upkeep=timedelta(hours=1),
        notice=timedelta(milliseconds=5),
        clock=clock or Clock(),
    )
    await log.start()
    try:
        await log.create({TOPIC: create or TopicSettings(partitions=1)})
        yield log
    finally:
        await log.stop(STOPS)


def record(value: bytes = b"v", *, key: bytes | None = None, timestamp: int = 100 * DAY) -> Record:
    return Record(topic=TOPIC, key=key, value=value, timestamp=timestamp)


async def append(log: SqliteEventLog, count: int = 1, *, size: int = 1, timestamp: int = 100 * DAY) -> list[int]:
    """Append records at once and wait for all of them."""
    appended = [log.append(record(bytes(size), timestamp=timestamp), partition=0) for _ in range(count)]
    return [await each.offset() for each in appended]


async def until(condition: Callable[[], bool]) -> None:
    """Wait until something another task does has happened."""
    async with asyncio.timeout(WITHIN):
        while not condition():  # noqa: ASYNC110 - the condition is a plain function of what the test can see
            await asyncio.sleep(0.002)
