"""Topics, offsets and positions of groups: what is asked of Kafka now and then, each under one deadline."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Collection, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, TypeVar

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError, LeaderNotAvailableError, TopicAlreadyExistsError

from eventlog.errors import LogMisconfigured, LogUnavailable, NotOwner
from eventlog.kafka_causes import CONNECTING, cause_of
from eventlog.kafka_client import Cluster
from eventlog.kafka_identity import Identity
from eventlog.kafka_private import abandon_client
from eventlog.kafka_probe import probe
from eventlog.kafka_requests import (
    EARLIEST,
    LATEST,
    Metadata,
    NewTopic,
    create_topics,
    delete_group,
    group_offsets,
    metadata,
    offsets_at,
)
from eventlog.kafka_settings import KafkaSettings
from eventlog.log import Commit
from schemas.record import TopicPartition
from schemas.topics import TopicSettings

T = TypeVar("T")

# Seconds between two tries of what a broker answers with "not yet".
RETRY = 0.1
# What we create by default, where there are brokers enough.
REPLICAS, IN_SYNC = 3, 2

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


class KafkaAdmin:
    """One connection for questions, made when the first is asked and again after an error."""

    def __init__(self, cluster: Cluster, identity: Identity) -> None:
        self._cluster = cluster
        self._identity = identity
        self._client: Any = None
        self._connecting = asyncio.Lock()
        self._turns = itertools.count()

    async def stop(self) -> None:
        """Close the connection."""
        client, self._client = self._client, None
        if client is not None:
            await abandon_client(client)

    async def partitions(self, topics: Collection[str]) -> dict[str, int]:
        """See `EventLog.partitions`."""
        if not topics:
            return {}
        found = await self._ask("listing topics", lambda client: metadata(client, topics))
        return found.partitions()

    async def identity(self) -> str:
        """See `EventLog.identity`; asked anew each time."""

        async def meet(client: Any) -> str:
            return self._identity.meet((await metadata(client, ())).cluster)

        return await self._ask("asking for the cluster's id", meet)

    async def create(self, topics: Mapping[str, TopicSettings]) -> None:
        """See `EventLog.create`."""
        if topics:
            await self._ask("creating topics", lambda client: self._create(client, topics))

    async def offsets(
        self, partitions: Collection[TopicPartition], at: Literal["earliest", "end"] | datetime
    ) -> dict[TopicPartition, int]:
        """See `EventLog.offsets`."""
        if not partitions:
            return {}
        time = {"earliest": EARLIEST, "end": LATEST}[at] if isinstance(at, str) else milliseconds_of(at)
        found = await self._ask("asking for offsets", lambda client: offsets_at(client, partitions, time))
        later = [each for each, offset in found.items() if offset < 0]
        if later:  # no record is that young
            found |= await self._ask("asking for offsets", lambda client: offsets_at(client, later, LATEST))
        return found

    async def group_positions(
        self, group: str, partitions: Collection[TopicPartition]
    ) -> dict[TopicPartition, Commit | None]:
        """See `EventLog.group_positions`."""
        if not partitions:
            return {}
        found = await self._ask(
            f"asking for the positions of {group}", lambda client: group_offsets(client, group, partitions)
        )
        return {at: Commit(*found[at]) if at in found else None for at in partitions}

    async def forget(self, group: str) -> None:
        """See `EventLog.forget`."""
        if not await self._ask(f"dropping the group {group}", lambda client: delete_group(client, group)):
            raise NotOwner(f"a member still reads as {group}: stop it, then forget the group")

    async def _create(self, client: Any, topics: Mapping[str, TopicSettings]) -> None:
        seen = await metadata(client, topics.keys())
        wanted = [
            new_topic(name, settings, seen, self._cluster.settings)
            for name, settings in topics.items()
            if name not in seen.leaders
        ]
        if wanted:
            within = int(self._cluster.settings.admin_timeout.total_seconds() * 1000)
            refused = await create_topics(client, seen.controller, wanted, within=within)
            for name, error in refused.items():
                if error.retriable:
                    raise error
                if not isinstance(error, TopicAlreadyExistsError):  # somebody was quicker
                    raise LogMisconfigured(f"Kafka does not create the topic {name}: {error}") from error
        if not (await metadata(client, topics.keys())).led(topics):
            raise LeaderNotAvailableError("the new topics have no leaders yet")

    async def _ask(self, what: str, ask: Callable[[Any], Awaitable[T]]) -> T:
        """Ask until there is an answer or the time is over.

        Raises:
            LogUnavailable: no answer in time.
            LogMisconfigured: waiting would not help.
        """
        last: BaseException = TimeoutError()
        settings = self._cluster.settings
        try:
            async with asyncio.timeout(settings.admin_timeout.total_seconds()):
                while True:
                    client = await self._connected()
                    try:
                        return await ask(client)
                    except KafkaError as error:
                        last = error
                        if cause_of(error, self._cluster, settings).hopeless or not error.retriable:
                            break
                        client.force_metadata_update()
                    await asyncio.sleep(RETRY)
        except CONNECTING as error:
            last = last if isinstance(last, KafkaError) else error
            await self.stop()
        raise await self._translated(what, last)

    async def _connected(self) -> Any:
        async with self._connecting:
            if self._client is None:
                settings = self._cluster.settings
                client: Any = AIOKafkaClient(  # type: ignore[no-untyped-call]  # aiokafka is half typed
                    **self._cluster.options("admin", request_timeout=settings.connect_timeout, turn=next(self._turns))
                )
                try:
                    await client.bootstrap()
                    self._client = client
                finally:
                    if self._client is not client:
                        await abandon_client(client)
            return self._client

    async def _translated(self, what: str, error: BaseException) -> LogUnavailable | LogMisconfigured:
        """What a failed question means."""
        settings = self._cluster.settings
        cause = cause_of(error, self._cluster, settings)
        if not cause.hopeless:
            cause = await probe(self._cluster, settings.connect_timeout / 2) or cause
        kind = LogMisconfigured if cause.hopeless else LogUnavailable
        failed = kind(f"{what} failed: {cause.text}")
        failed.__cause__ = error
        return failed


def new_topic(name: str, settings: TopicSettings, seen: Metadata, kafka: KafkaSettings) -> NewTopic:
    """The topic to ask for: replicated as configured, or as far as the brokers there are allow."""
    replicas = kafka.replication_factor or min(REPLICAS, max(1, len(seen.brokers)))
    in_sync = kafka.min_insync_replicas or (IN_SYNC if replicas >= REPLICAS else 1)
    configs = {
        "cleanup.policy": ",".join(["compact"] * settings.compact + ["delete"] * (not settings.compact)),
        "max.message.bytes": str(kafka.max_message_bytes),
        "min.insync.replicas": str(min(in_sync, replicas)),
        "retention.ms": "-1" if settings.retention is None else str(settings.retention // _MILLISECOND),
    }
    if settings.compact:
        # A tombstone stays for a day, so that readers see it; what it erases is gone within a week.
        configs |= {
            "delete.retention.ms": str(timedelta(days=1) // _MILLISECOND),
            "max.compaction.lag.ms": str(timedelta(days=7) // _MILLISECOND),
        }
        if settings.retention is not None:
            configs["cleanup.policy"] = "compact,delete"
    return NewTopic(name, settings.partitions, replicas, configs)


def milliseconds_of(when: datetime) -> int:
    """Since the epoch, rounded up: a record of the same millisecond but before the time is not after it."""
    return -((_EPOCH - when) // _MILLISECOND)
