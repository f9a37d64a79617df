"""Kafka as the event log: aiokafka behind the interface of `eventlog/log.py`.

kafka.py            what the rest of hookline uses
kafka_batcher.py    appends: batches, bounds, deadlines     kafka_lane.py · kafka_topics.py   its pure parts
kafka_producer.py   the producer in use and its successor   kafka_generation.py               one producer
kafka_member.py     groups     kafka_joining.py · kafka_rebalance.py · kafka_polling.py       its parts
kafka_group_times.py           how long a group waits for its members
kafka_admin.py      topics, offsets, positions              kafka_reader.py                   reading without a group
kafka_requests.py   requests of our own                     kafka_private.py                  aiokafka's inside
kafka_identity.py   which cluster it is
kafka_client.py · kafka_settings.py · kafka_causes.py · kafka_probe.py · kafka_logging.py
"""

import asyncio
from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Literal
from weakref import WeakSet

import structlog
from aiokafka.record.default_records import DefaultRecordBatchBuilder

from eventlog.errors import LogUnavailable
from eventlog.kafka_admin import KafkaAdmin
from eventlog.kafka_batcher import Batcher
from eventlog.kafka_causes import CONNECTING
from eventlog.kafka_client import Cluster
from eventlog.kafka_identity import Identity
from eventlog.kafka_joining import Joining
from eventlog.kafka_logging import throttle_client
from eventlog.kafka_member import KafkaMember
from eventlog.kafka_producer import Producers
from eventlog.kafka_reader import read
from eventlog.kafka_settings import KafkaSettings
from eventlog.kafka_topics import Topics
from eventlog.log import REVOKES_WITHIN, Appending, Assignment, Commit, Health, Member
from schemas.record import Record, StoredRecord, TopicPartition
from schemas.topics import TopicSettings

log = structlog.get_logger()

# Seconds between two questions whether Kafka is still there, while nothing is appended.
WATCH = 5.0


class KafkaEventLog:
    """See `eventlog.log.EventLog`."""

    kind: Literal["kafka", "sqlite"] = "kafka"

    def __init__(self, servers: str, settings: KafkaSettings | None = None) -> None:
        """Prepare a connection to `host:port,host:port`.

        Raises:
            LogMisconfigured: an address is none, or a certificate cannot be read.
        """
        self._settings = settings or KafkaSettings()
        self._cluster = Cluster.of(servers, self._settings)
        identity = Identity()
        self._admin = KafkaAdmin(self._cluster, identity)
        self._topics = Topics(self._settings.max_message_bytes)
        self._producers = Producers(self._cluster, identity)
        self._batcher: Batcher | None = None
        self._watching: asyncio.Task[None] | None = None
        # Those that somebody still holds.
        self._members: WeakSet[KafkaMember] = WeakSet()

    async def start(self) -> None:
        """See `EventLog.start`."""
        throttle_client()
        warn_if_slow(DefaultRecordBatchBuilder.__module__)
        batcher = Batcher(self._settings, self._topics, self._producers)
        await self._producers.start(batcher)
        self._batcher = batcher
        self._watching = asyncio.create_task(self._watch(), name="kafka-watch")

    async def stop(self, timeout: timedelta) -> None:
        """See `EventLog.stop`; members that were not stopped before are stopped with it."""
        batcher, self._batcher = self._batcher, None
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.wait({self._watching})
        try:
            forgotten = [member.stop(timeout * 0.2) for member in list(self._members)]
            await asyncio.gather(*forgotten, return_exceptions=True)
            if batcher is not None:
                await batcher.drain(timeout.total_seconds() * 0.7)
                await batcher.stop()
        finally:
            await self._producers.stop()
            await self._admin.stop()

    async def identity(self) -> str:
        """See `EventLog.identity`: the cluster's id."""
        return await self._admin.identity()

    def append(self, record: Record, *, partition: int | None = None) -> Appending:
        """See `EventLog.append`."""
        if self._batcher is None:
            raise LogUnavailable("the log is not started, or was stopped")
        return self._batcher.append(record, partition)

    def health(self) -> Health:
        """See `EventLog.health`."""
        if self._batcher is None:
            return Health(ok=False, detail="the log is not started, or was stopped")
        return self._producers.health(asyncio.get_running_loop().time())

    def member(
        self, group: str, topics: Sequence[str], assignment: Assignment, *, revokes_within: timedelta = REVOKES_WITHIN
    ) -> Member:
        """See `EventLog.member`."""
        joining = Joining(self._cluster, self._admin, group, topics, revokes_within)
        member = KafkaMember(self._cluster, self._admin, group, joining, assignment, self.health)
        self._members.add(member)
        return member

    async def partitions(self, topics: Collection[str]) -> Mapping[str, int]:
        """See `EventLog.partitions`."""
        found = await self._admin.partitions(topics)
        self._topics.learn(found, topics, asyncio.get_running_loop().time())
        return found

    async def create(self, topics: Mapping[str, TopicSettings]) -> None:
        """See `EventLog.create`."""
        await self._admin.create(topics)
        await self.partitions(topics.keys())

    async def offsets(
        self, partitions: Collection[TopicPartition], at: Literal["earliest", "end"] | datetime
    ) -> Mapping[TopicPartition, int]:
        """See `EventLog.offsets`."""
        return await self._admin.offsets(partitions, at)

    def read(
        self, start: Mapping[TopicPartition, int], *, follow: bool, until: Mapping[TopicPartition, int] | None = None
    ) -> AsyncGenerator[StoredRecord]:
        """See `EventLog.read`."""
        return read(self._cluster, self._admin, start, follow=follow, until=until or {})

    async def group_positions(
        self, group: str, partitions: Collection[TopicPartition]
    ) -> Mapping[TopicPartition, Commit | None]:
        """See `EventLog.group_positions`."""
        return await self._admin.group_positions(group, partitions)

    async def forget(self, group: str) -> None:
        """See `EventLog.forget`."""
        await self._admin.forget(group)

    async def _watch(self) -> None:
        """Notice a broker that went away while nobody appends."""
        while True:
            await asyncio.sleep(WATCH)
            generation = self._producers.current
            if generation is None or generation.pending:
                continue
            try:
                async with asyncio.timeout(self._settings.connect_timeout.total_seconds()):
                    await generation.look_up(())
            except CONNECTING as error:
                self._producers.retire(generation, f"nothing was on its way, and no broker answers: {error!r}")


def warn_if_slow(builder: str) -> None:
    """Say so when aiokafka runs without its C extensions: a batch then costs many times the CPU."""
    if "_crecords" not in builder:
        fix = "install aiokafka from a wheel (musl has none), and do not set AIOKAFKA_NO_EXTENSIONS"
        log.warning("log.slow", log="kafka", builder=builder, fix=fix)
