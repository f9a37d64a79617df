"""Appends and reads on Kafka: rate and CPU per record, beside aiokafka's own `send_and_wait`, well tuned.

    .venv/bin/python bench/eventlog_kafka.py [--kafka host:port] [--seconds 2] [--rounds 3]

Without --kafka a broker is started as the tests do it. Each row is the median of the rounds; the two ways of appending
take turns, so that both meet the same machine. Ratios count, absolute figures belong to this machine.
"""

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from aiokafka import AIOKafkaProducer

from eventlog.kafka import KafkaEventLog
from schemas.record import Record, TopicPartition
from schemas.topics import TopicSettings
from tests.servers.kafka import from_jars

CONCURRENT = (1, 64, 512)
PARTITIONS = 4
KEYS = 997
VALUE = b"v" * 965
HEADERS = (("ce_id", b"message.created:m-1"), ("ce_type", b"message.created"), ("ce_source", b"/sources/support"))
STOPS = timedelta(seconds=10)

Append = Callable[[int], Awaitable[Any]]


@dataclass(frozen=True)
class Row:
    """What one slice measured."""

    per_second: float
    cpu_us: float


async def closed_loop(append: Append, concurrent: int, seconds: float) -> Row:
    """So many appenders, each waiting for its acknowledgement before the next record."""
    done = 0
    until = time.perf_counter() + seconds

    async def appender(number: int) -> None:
        nonlocal done
        while time.perf_counter() < until:
            await append(number)
            number += concurrent
            done += 1

    began, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(appender(number) for number in range(concurrent)))
    took, used = time.perf_counter() - began, time.process_time() - cpu
    return Row(done / took, used / done * 1e6)


def ours(log: KafkaEventLog, topic: str) -> Append:
    """One append through the event log."""

    async def append(number: int) -> None:
        key = b"conversation-%d" % (number % KEYS)
        record = Record(topic=topic, key=key, value=VALUE, headers=HEADERS, timestamp=int(time.time() * 1000))
        await log.append(record).offset()

    return append


def plain(producer: Any, topic: str) -> Append:
    """One `send_and_wait` of aiokafka."""

    async def append(number: int) -> None:
        key = b"conversation-%d" % (number % KEYS)
        await producer.send_and_wait(topic, VALUE, key=key, headers=list(HEADERS))

    return append


def median(rows: list[Row]) -> Row:
    """The middle of several slices."""
    return Row(statistics.median(row.per_second for row in rows), statistics.median(row.cpu_us for row in rows))


async def appends(bootstrap: str, topic: str, seconds: float, rounds: int) -> None:
    """Both ways, in turns."""
    log = KafkaEventLog(bootstrap)
    await log.start()
    await log.create({topic: TopicSettings(partitions=PARTITIONS)})
    producer: Any = AIOKafkaProducer(  # type: ignore[no-untyped-call]  # aiokafka is half typed
        bootstrap_servers=bootstrap, enable_idempotence=True, max_batch_size=512 * 1024, linger_ms=0
    )
    await producer.start()
    ways = {"hookline": ours(log, topic), "send_and_wait": plain(producer, topic)}
    print(f"{'concurrent':>10}  {'way':<14} {'appends/s':>10} {'CPU us':>8}")
    for concurrent in CONCURRENT:
        for append in ways.values():
            await closed_loop(append, concurrent, 0.3)  # warm
        rows: dict[str, list[Row]] = {name: [] for name in ways}
        for turn in range(rounds):
            for name in sorted(ways, reverse=turn % 2 == 1):
                rows[name].append(await closed_loop(ways[name], concurrent, seconds))
        for name in ways:
            row = median(rows[name])
            print(f"{concurrent:>10}  {name:<14} {row.per_second:>10,.0f} {row.cpu_us:>8.1f}")
    await producer.stop()
    await log.stop(STOPS)


class Everything:
    """An assignment that reads from the start."""

    def __init__(self) -> None:
        self.member: Any = None
        self.mine: frozenset[TopicPartition] = frozenset()

    async def assigned(self, partitions: frozenset[TopicPartition]) -> None:
        """Take everything, from the start."""
        self.mine = partitions
        for at in partitions:
            self.member.seek(at, 0)

    async def revoked(self, partitions: frozenset[TopicPartition]) -> None:
        """Give it back."""
        self.mine -= partitions


async def reads(bootstrap: str, topic: str, limit: int = 200_000) -> None:
    """Through a group and without one."""
    log = KafkaEventLog(bootstrap)
    await log.start()
    start = {TopicPartition(topic, number): 0 for number in range(PARTITIONS)}
    ends = await log.offsets(list(start), "end")
    count = min(limit, sum(ends.values()))

    everything = Everything()
    everything.member = member = log.member(f"bench-{uuid.uuid4().hex[:8]}", [topic], everything)
    await member.start()
    began, cpu, seen = time.perf_counter(), time.process_time(), 0
    while seen < count:
        found = await member.fetch(everything.mine, max_records=500, timeout=timedelta(seconds=1))
        seen += sum(map(len, found.values()))
    report("member.fetch", seen, time.perf_counter() - began, time.process_time() - cpu)
    await member.stop(STOPS)

    began, cpu, seen = time.perf_counter(), time.process_time(), 0
    async for _ in log.read(start, follow=False):
        seen += 1
        if seen == count:
            break
    report("read", seen, time.perf_counter() - began, time.process_time() - cpu)
    await log.stop(STOPS)


def report(way: str, records: int, took: float, used: float) -> None:
    """One line about reading."""
    print(f"{'':>10}  {way:<14} {records / took:>10,.0f} {used / records * 1e6:>8.1f}   ({records:,} records)")


async def run(bootstrap: str, seconds: float, rounds: int) -> None:
    """All of it on one topic."""
    topic = f"bench-{uuid.uuid4().hex[:8]}"
    await appends(bootstrap, topic, seconds, rounds)
    await reads(bootstrap, topic)


def main() -> None:
    """Parse, start a broker if none is named, measure."""
    parser = argparse.ArgumentParser(description="Appends and reads on Kafka: rate and CPU per record.")
    parser.add_argument("--kafka", help="host:port of a broker; default: one is started")
    parser.add_argument("--seconds", type=float, default=2.0, help="of each slice")
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    if chosen.kafka:
        asyncio.run(run(chosen.kafka, chosen.seconds, chosen.rounds))
        return
    with tempfile.TemporaryDirectory() as logs:
        broker = from_jars(Path(logs))
        try:
            broker.start()
            asyncio.run(broker.wait_ready())
            asyncio.run(run(broker.bootstrap, chosen.seconds, chosen.rounds))
        finally:
            broker.close()


if __name__ == "__main__":
    main()
