"""A process that works on an embedded log and says on stdout what it was promised, one line per promise.

    python -m tests.faults.sqlite_child append FILE WRITER     `ack PARTITION OFFSET VALUE` per durable record
    python -m tests.faults.sqlite_child read FILE GROUP        `assigned`, `commit OFFSET`, `refused`, `revoked`
    python -m tests.faults.sqlite_child bounded FILE BYTES     as append, on a disk that takes no more
    python -m tests.faults.sqlite_child open FILE              `started`, or `misconfigured TEXT`

A line that was written was promised; the reader of the pipe is the judge.
"""

import asyncio
import itertools
import os
import resource
import sys
from datetime import timedelta
from pathlib import Path

from eventlog.errors import LogMisconfigured, LogUnavailable, NotOwner
from eventlog.log import Commit
from eventlog.sqlite import SqliteEventLog
from eventlog.sqlite_clock import SystemClock
from eventlog.sqlite_member import LeaseSettings
from schemas.record import Record, TopicPartition
from schemas.topics import TopicSettings

TOPIC = "t"
PARTITIONS = 3
CONCURRENT = 16
LEASE = LeaseSettings(lasts=timedelta(seconds=1), heartbeat=timedelta(seconds=0.2))


def say(line: str) -> None:
    """One write, so that a kill leaves whole lines, but for the last."""
    os.write(1, f"{line}\n".encode())


async def opened(file: str) -> SqliteEventLog:
    log = SqliteEventLog(Path(file), lease=LEASE)
    await log.start()
    await log.create({TOPIC: TopicSettings(partitions=PARTITIONS, retention=None)})
    return log


async def append(file: str, writer: str) -> None:
    """Append until killed, from several tasks; each task's values are in order in one partition."""
    log = await opened(file)

    async def one(task: int) -> None:
        partition = task % PARTITIONS
        for n in itertools.count():
            value = f"{writer}.{task}.{n}"
            record = Record(topic=TOPIC, key=None, value=value.encode(), timestamp=n)
            offset = await log.append(record, partition=partition).offset()
            say(f"ack {partition} {offset} {value}")

    await asyncio.gather(*(one(task) for task in range(CONCURRENT)))


class Reader:
    """Commits what it reads and says so."""

    def __init__(self, log: SqliteEventLog, group: str) -> None:
        self.member = log.member(group, [TOPIC], self)
        self.at = TopicPartition(TOPIC, 0)
        self.owns = False

    async def assigned(self, partitions: frozenset[TopicPartition]) -> None:
        for at, commit in (await self.member.committed(partitions)).items():
            self.member.seek(at, commit.offset if commit else 0)
        self.owns = True
        say("assigned")

    async def revoked(self, partitions: frozenset[TopicPartition]) -> None:  # noqa: ARG002 - the interface
        self.owns = False
        say("revoked")


async def read(file: str, group: str) -> None:
    """Read and commit until killed; a refused commit is said once per assignment."""
    reader = Reader(await opened(file), group)
    await reader.member.start()
    refused = False
    while True:
        found = await reader.member.fetch([reader.at], max_records=1, timeout=timedelta(seconds=0.05))
        for record in found.get(reader.at, ()):
            try:
                await reader.member.commit({reader.at: Commit(record.offset + 1)})
            except NotOwner:
                if not refused:
                    say("refused")
                refused = True
            else:
                refused = False
                say(f"commit {record.offset + 1}")


async def bounded(file: str, size: str) -> None:
    """Append to a disk that takes no more: say `refused`, wait for a line on stdin, then append on with room."""
    log = await opened(file)
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(size), hard))
    for n in itertools.count():
        record = Record(topic=TOPIC, key=None, value=f"{n}".encode().ljust(4096), timestamp=n)
        try:
            offset = await log.append(record, partition=0).offset()
        except LogUnavailable as error:
            say(f"refused {log.health().ok} {error}")
            await asyncio.to_thread(sys.stdin.readline)
            resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        else:
            say(f"ack 0 {offset} {n}")


async def start(file: str) -> None:
    """Start as somebody who is not root, whoever we are: root may write anything."""
    SystemClock()  # loads what Python reads late, from a folder that may be closed to others
    if os.geteuid() == 0:
        os.setgid(65534)
        os.setuid(65534)
    try:
        log = await opened(file)
    except LogMisconfigured as error:
        say(f"misconfigured {error}")
    else:
        say("started")
        await log.stop(timedelta(seconds=10))


if __name__ == "__main__":
    work = {"append": append, "read": read, "bounded": bounded}
    if sys.argv[1] == "open":
        asyncio.run(start(sys.argv[2]))
    else:
        asyncio.run(work[sys.argv[1]](*sys.argv[2:]))
