"""Measure the embedded event log: appends per second, CPU per record, reading. Prints figures, asserts nothing.

Run: `.venv/bin/python bench/eventlog_sqlite.py [--seconds 3] [--folder DIR]`. The folder's disk decides how long an
fsync takes; a figure without the disk it was taken on says little. CPU includes the event loop, the appenders and
SQLite's thread.
"""

import argparse
import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import uvloop

from eventlog.sqlite import SqliteEventLog
from schemas.record import Record, TopicPartition
from schemas.topics import TopicSettings

HEADERS = tuple((f"ce_name{n}", b"value-%d" % n) for n in range(10))
VALUE = b"x" * 800
TOPIC = "bench"
PARTITIONS = 12
KEYS = [b"conversation-%d" % n for n in range(997)]


async def appended(log: SqliteEventLog, concurrent: int, seconds: float) -> tuple[int, float, float]:
    """Append from so many tasks, each waiting for its record; returns records, seconds and CPU seconds."""
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    counts = [0] * concurrent

    async def one(number: int) -> None:
        n = number
        while loop.time() < until:
            n += 1
            key = KEYS[n % len(KEYS)]
            await log.append(Record(topic=TOPIC, key=key, value=VALUE, headers=HEADERS, timestamp=n)).offset()
            counts[number] += 1

    began, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(one(number) for number in range(concurrent)))
    return sum(counts), time.perf_counter() - began, time.process_time() - cpu


async def streamed(log: SqliteEventLog) -> tuple[int, float, float]:
    """Read everything without a group."""
    start = {TopicPartition(TOPIC, number): 0 for number in range(PARTITIONS)}
    began, cpu, count = time.perf_counter(), time.process_time(), 0
    async for _ in log.read(start, follow=False):
        count += 1
    return count, time.perf_counter() - began, time.process_time() - cpu


async def fetched(log: SqliteEventLog) -> tuple[int, float, float]:
    """Read everything as a group's only member, 500 records a fetch."""

    class FromStart:
        async def assigned(self, partitions: frozenset[TopicPartition]) -> None:
            for at in partitions:
                member.seek(at, 0)

        async def revoked(self, partitions: frozenset[TopicPartition]) -> None:
            pass

    member = log.member("bench", [TOPIC], FromStart())
    await member.start()
    everything = [TopicPartition(TOPIC, number) for number in range(PARTITIONS)]
    total = sum((await log.offsets(everything, "end")).values())
    began, cpu, count = time.perf_counter(), time.process_time(), 0
    while count < total:
        found = await member.fetch(everything, max_records=500, timeout=timedelta(seconds=1))
        count += sum(map(len, found.values()))
    took = time.perf_counter() - began, time.process_time() - cpu
    await member.stop(timedelta(seconds=5))
    return count, *took


async def measure(folder: Path, seconds: float) -> None:
    """Print a line per measurement."""
    log = SqliteEventLog(folder / "events.db")
    await log.start()
    await log.create({TOPIC: TopicSettings(partitions=PARTITIONS)})
    for concurrent in (1, 64, 512):
        report(f"append, {concurrent} concurrent", *await appended(log, concurrent, seconds))
    ways: tuple[tuple[str, Callable[[SqliteEventLog], Awaitable[tuple[int, float, float]]]], ...]
    ways = (("read without a group", streamed), ("fetch as a member", fetched))
    for name, way in ways:
        report(name, *await way(log))
    began, cpu = time.perf_counter(), time.process_time()
    await asyncio.sleep(seconds)
    print(f"{'idle':24}{(time.process_time() - cpu) / (time.perf_counter() - began):12.2%} of a core")
    await log.stop(timedelta(seconds=30))


def report(name: str, count: int, seconds: float, cpu: float) -> None:
    """One line."""
    print(f"{name:24}{count / seconds:12,.0f} records/s {cpu / count * 1e6:8.1f} CPU us/record  ({count:,} records)")


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=3.0, help="per measurement")
    parser.add_argument("--folder", type=Path, default=None, help="where to write; default: the temporary folder")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        uvloop.run(measure(Path(folder), arguments.seconds))


if __name__ == "__main__":
    main()
