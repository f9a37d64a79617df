"""Joining a group: a consumer is built, waited for as long as Kafka is away, and left when it comes to nothing."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor

from eventlog.errors import LogMisconfigured, LogUnavailable
from eventlog.kafka_admin import KafkaAdmin
from eventlog.kafka_causes import CONNECTING, cause_of
from eventlog.kafka_client import Cluster
from eventlog.kafka_group_times import GroupTimes
from eventlog.kafka_private import abandon_consumer, joining
from eventlog.kafka_probe import probe
from eventlog.kafka_rebalance import Rebalances

# Seconds between two attempts.
AGAIN = 0.5


class Joining:
    """How one member gets into its group."""

    def __init__(
        self, cluster: Cluster, admin: KafkaAdmin, group: str, topics: Sequence[str], revokes_within: timedelta
    ) -> None:
        self._cluster = cluster
        self._admin = admin
        self._group = group
        self.topics = topics
        self.times = GroupTimes.of(cluster.settings, revokes_within)

    async def join(self, rebalances: Rebalances, use: Callable[[Any], None]) -> None:
        """Return when the group has given us our partitions, however long Kafka is away.

        Args:
            rebalances: who is told of partitions, the first time before this returns.
            use: given each consumer before it joins.

        Raises:
            LogMisconfigured: waiting would not help.
        """
        while True:
            try:
                await self._check_topics()
                await self._join_once(rebalances, use)
            except LogUnavailable:
                await asyncio.sleep(AGAIN)
            else:
                return

    async def _check_topics(self) -> None:
        """Asking for a topic in order to read it would create it, on brokers that do so."""
        missing = set(self.topics) - (await self._admin.partitions(self.topics)).keys()
        if missing:
            names = ", ".join(sorted(missing))
            raise LogMisconfigured(f"Kafka has no topic {names}: create it with `hookline topics apply`")

    async def _join_once(self, rebalances: Rebalances, use: Callable[[Any], None]) -> None:
        consumer = self._consumer()
        consumer.subscribe(topics=list(self.topics), listener=rebalances)
        use(consumer)
        starting = asyncio.create_task(consumer.start(), name="kafka-join")
        joined = False
        try:
            await asyncio.wait({starting}, timeout=self._cluster.settings.connect_timeout.total_seconds())
            if not starting.done() and not joining(consumer):
                raise LogUnavailable("Kafka does not answer")
            await asyncio.wait({starting})
            starting.result()
            joined = True
        except CONNECTING as error:
            await self._raise(error)
        finally:
            if not joined:
                starting.cancel()
                await abandon_consumer(consumer)
                await asyncio.wait({starting}, timeout=1)

    async def _raise(self, error: BaseException) -> None:
        """Say why there is no joining."""
        settings = self._cluster.settings
        cause = cause_of(error, self._cluster, settings)
        if not cause.hopeless:
            cause = await probe(self._cluster, settings.connect_timeout / 2) or cause
        kind = LogMisconfigured if cause.hopeless else LogUnavailable
        raise kind(f"joining the group {self._group} failed: {cause.text}") from error

    def _consumer(self) -> Any:
        return AIOKafkaConsumer(  # type: ignore[no-untyped-call]  # aiokafka is half typed
            **self._cluster.options("worker", request_timeout=self.times.request),
            **self.times.options(),
            group_id=self._group,
            # One only: each further one is another join. Never Sticky: it keeps state on its class.
            partition_assignment_strategy=(RoundRobinPartitionAssignor,),
            enable_auto_commit=False,
            auto_offset_reset="none",
        )


async def within(limit: timedelta | float, work: Any) -> None:
    """Run what may hang with a dead broker, and end it after its time; what it raises is dropped."""
    seconds = limit.total_seconds() if isinstance(limit, timedelta) else limit
    task = asyncio.ensure_future(work)
    try:
        await asyncio.wait({task}, timeout=max(0.0, seconds))
    finally:
        if not task.done():
            task.cancel()
    await asyncio.wait({task}, timeout=1)
    if task.done() and not task.cancelled():
        task.exception()
