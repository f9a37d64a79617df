"""What the event log's suite runs on, and the smallest program that reads in a group."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType
from typing import Literal

import pytest

from eventlog.log import Commit, EventLog
from schemas.record import Headers, Record, StoredRecord, TopicPartition
from schemas.topics import TopicSettings
from tests.servers.broker import Broker

Kind = Literal["sqlite", "mock", "kafka"]
Capability = Literal["create", "times", "sharing", "unknown topics", "forgetting"]

LACKS: Mapping[Kind, Mapping[Capability, str]] = MappingProxyType(
    {
        "sqlite": {},
        "kafka": {},
        # librdkafka's mock cluster is not Kafka: what it lacks is listed here and nowhere else.
        "mock": {
            "create": "it has no CreateTopics request",
            "times": "its ListOffsets ignores timestamps",
            "sharing": "its rebalances last a whole session and race with a second member",
            "unknown topics": "it creates every topic that is asked for",
            "forgetting": "it has no DeleteGroups request",
        },
    }
)

WITHIN = 60.0
"""Seconds anything may take; a rebalance on a loaded machine is the slowest."""

SOON = timedelta(milliseconds=200)
STOPS = timedelta(seconds=10)

NOW = int(time.time() * 1000)
"""Recent, because a broker may refuse records of the far future and drop those of the past."""


@dataclass(frozen=True, kw_only=True)
class Logs:
    """Connections to one and the same log."""

    kind: Kind
    # A new, unstarted connection.
    build: Callable[[], EventLog]
    prefix: str
    server: Broker | None = None
    opened: list[EventLog] = field(default_factory=list)

    def needs(self, capability: Capability) -> None:
        """Leave the test to the other implementations where this one is known to differ."""
        if reason := LACKS[self.kind].get(capability):
            pytest.skip(f"the {self.kind} cluster cannot show this: {reason}")

    async def connect(self) -> EventLog:
        """Another started connection; the fixture stops it."""
        log = self.build()
        await log.start()
        self.opened.append(log)
        return log

    async def topic(self, name: str = "t", *, partitions: int = 1) -> str:
        """A new topic; returns its full name."""
        full = self.prefix + name
        if self.server is not None:
            await self.server.create_topic(full, partitions=partitions)
        else:
            log = await self.connect()
            await log.create({full: TopicSettings(partitions=partitions)})
        return full

    def group(self, name: str = "g") -> str:
        """A group's full name."""
        return self.prefix + name


class Reader:
    """An `Assignment` that positions partitions at what is committed, else at the start."""

    def __init__(self, log: EventLog, group: str, topics: Sequence[str], *, seeks: bool = True) -> None:
        self.member = log.member(group, topics, self)
        self.mine: frozenset[TopicPartition] = frozenset()
        # What every call of `revoked` named.
        self.revocations: list[frozenset[TopicPartition]] = []
        # Committed while partitions are being taken away.
        self.last_words: dict[TopicPartition, Commit] = {}
        self._seeks = seeks

    async def assigned(self, partitions: frozenset[TopicPartition]) -> None:
        committed = await self.member.committed(partitions)
        for at in partitions if self._seeks else ():
            commit = committed[at]
            self.member.seek(at, commit.offset if commit else 0)
        self.mine |= partitions

    async def revoked(self, partitions: frozenset[TopicPartition]) -> None:
        self.revocations.append(partitions)
        if self.last_words:
            await self.member.commit({at: self.last_words[at] for at in partitions & self.last_words.keys()})
        self.mine -= partitions

    async def owns(self, partitions: set[TopicPartition]) -> None:
        """Keep the membership alive until exactly these partitions are ours."""
        async with asyncio.timeout(WITHIN):
            while self.mine != partitions:
                await self.member.fetch((), max_records=1, timeout=SOON)

    async def collect(self, count: int) -> list[StoredRecord]:
        """Fetch from all our partitions until there are so many records."""
        records: list[StoredRecord] = []
        async with asyncio.timeout(WITHIN):
            while len(records) < count:
                found = await self.member.fetch(self.mine, max_records=500, timeout=SOON)
                records += [record for batch in found.values() for record in batch]
        return records


def record(
    topic: str, value: bytes | None = b"v", *, key: bytes | None = None, headers: Headers = (), timestamp: int = NOW
) -> Record:
    """A record to append."""
    return Record(topic=topic, key=key, value=value, headers=headers, timestamp=timestamp)


async def fill(log: EventLog, topic: str, count: int, *, partition: int | None = 0) -> None:
    """Append records whose values are b"0", b"1" and so on, and wait until they are durable."""
    appended = [log.append(record(topic, str(n).encode()), partition=partition) for n in range(count)]
    async with asyncio.timeout(WITHIN):
        for appending in appended:
            await appending.offset()


def values(records: Sequence[StoredRecord]) -> list[bytes | None]:
    """The values, in order."""
    return [each.value for each in records]
