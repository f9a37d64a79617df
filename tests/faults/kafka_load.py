"""A steady load on a Kafka event log, and what is demanded of it whatever happens to the broker."""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass, field
from datetime import timedelta

from eventlog.errors import EventLogError, LogUnavailable
from eventlog.kafka import KafkaEventLog
from schemas.record import Record, TopicPartition
from tests.servers.broker import PrivateBroker

TOPIC = "faults"
PARTITIONS = 4
RATE = 150
"""Appends a second."""
SLACK = 1.5
"""Seconds an answer may come behind the deadline of the append."""
STOPS = timedelta(seconds=10)


async def until(condition: Callable[[], bool], within: float) -> None:
    """Wait for a condition, at most so many seconds; the assertion after it tells when it never came."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(within):
            while not condition():  # noqa: ASYNC110 - what is waited for happens in another process
                await asyncio.sleep(0.02)


@dataclass
class Load:
    """Appends at a steady rate, without ever waiting for an answer, and keeps what became of each."""

    log: KafkaEventLog
    # Number → seconds until it was durable, or failed.
    kept: dict[int, float] = field(default_factory=dict)
    failed: dict[int, float] = field(default_factory=dict)
    # When the last append became durable.
    last_kept: float = 0.0
    _waiting: set[asyncio.Task[None]] = field(default_factory=set)
    _count: int = 0

    async def run(self) -> None:
        """Append until cancelled."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        while True:
            while self._count < (loop.time() - began) * RATE:
                self._append(self._count)
                self._count += 1
            await asyncio.sleep(1 / RATE)

    def _append(self, number: int) -> None:
        now = asyncio.get_running_loop().time()
        record = Record(topic=TOPIC, key=b"%d" % (number % 20), value=b"%d" % number, timestamp=int(time.time() * 1000))
        try:
            appending = self.log.append(record)
        except LogUnavailable:
            self.failed[number] = 0.0
            return
        task = asyncio.create_task(self._wait(number, now, appending.offset()))
        self._waiting.add(task)
        task.add_done_callback(self._waiting.discard)

    async def _wait(self, number: int, began: float, offset: Coroutine[None, None, int]) -> None:
        loop = asyncio.get_running_loop()
        try:
            await offset
        except EventLogError:
            self.failed[number] = loop.time() - began
        else:
            self.last_kept = loop.time()
            self.kept[number] = self.last_kept - began

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Load the log inside the block; afterwards every append has its answer."""
        task = asyncio.create_task(self.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            if self._waiting:
                await asyncio.wait(self._waiting)

    async def kept_since(self, when: float) -> float:
        """Wait for something appended to be durable; returns the seconds since `when`."""
        await until(lambda: self.last_kept > when, 30)
        assert self.last_kept > when
        return self.last_kept - when


async def contents(broker: PrivateBroker) -> dict[int, list[int]]:
    """Partition → the numbers in it, in order, read past any proxy."""
    log = KafkaEventLog(broker.direct)
    start = {TopicPartition(TOPIC, partition): 0 for partition in range(PARTITIONS)}
    found: dict[int, list[int]] = {partition: [] for partition in range(PARTITIONS)}
    await log.start()
    try:
        async for stored in log.read(start, follow=False):
            found[stored.partition].append(int(stored.value or b"-1"))
    finally:
        await log.stop(STOPS)
    return found


async def judge(load: Load, broker: PrivateBroker, answered_within: float = 2.5) -> None:
    """Every append was answered in time; what was acknowledged is there once, in the order of the calls."""
    assert max([*load.kept.values(), *load.failed.values()]) < answered_within + SLACK
    found = await contents(broker)
    copies = Counter(number for numbers in found.values() for number in numbers)
    assert [number for number in load.kept if copies[number] != 1] == []
    for numbers in found.values():
        acknowledged = [number for number in numbers if number in load.kept]
        assert acknowledged == sorted(acknowledged)
