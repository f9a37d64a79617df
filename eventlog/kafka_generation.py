"""One producer of many: aiokafka's, with what is on its way through it."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from datetime import timedelta
from typing import Any, Self

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.producer.message_accumulator import BatchBuilder

from eventlog.kafka_client import Cluster
from eventlog.kafka_private import abandon_producer
from eventlog.kafka_requests import metadata, topic_configs
from schemas.record import TopicPartition

# aiokafka's own deadline of a request must not end one that ours, which decides, has not given up.
_LONGER = timedelta(seconds=10)


class AbandonedError(KafkaError):
    """The producer was left while the batch was on its way: it may be written, and may still come to be."""


class Generation:
    """An idempotent producer that writes until its first error, and is replaced then.

    A batch error leaves aiokafka's sequence numbers off by one batch, and every later batch of that partition is
    refused (https://github.com/aio-libs/aiokafka/issues/1017); a dead sender task answers nothing at all.
    """

    def __init__(self, number: int, cluster: Cluster, turn: int) -> None:
        settings = cluster.settings
        self.number = number
        self.born = asyncio.get_running_loop().time()
        self.retired = False
        self._topics: set[str] = set()
        # Futures of the batches on their way.
        self.pending: set[asyncio.Future[Any]] = set()
        self._producer: Any = AIOKafkaProducer(  # type: ignore[no-untyped-call]  # aiokafka is half typed
            **cluster.options("producer", request_timeout=settings.append_timeout + _LONGER, turn=turn),
            enable_idempotence=True,
            acks="all",
            max_batch_size=settings.max_batch_bytes,
            linger_ms=0,
        )

    @classmethod
    async def connect(
        cls, number: int, cluster: Cluster, turn: int, prepare: Callable[[Self], Awaitable[None]]
    ) -> Self:
        """Start a producer and prepare it for use, all within the time to connect.

        Raises:
            KafkaError, NotImplementedError, OSError: see `kafka_causes.CONNECTING`.
        """
        generation = cls(number, cluster, turn)
        connected = False
        try:
            async with asyncio.timeout(cluster.settings.connect_timeout.total_seconds()):
                await generation._producer.start()
                await prepare(generation)
            connected = True
        finally:
            if not connected:
                await generation.abandon("connecting failed")
        return generation

    async def look_up(self, topics: Collection[str] | None) -> Mapping[str, int]:
        """Topic → number of partitions, of those that exist among some or all; none is created by asking."""
        return (await metadata(self._producer.client, topics)).partitions()

    async def cluster(self) -> str:
        """The id of the cluster it is connected to."""
        return (await metadata(self._producer.client, ())).cluster

    async def track(self, topics: Collection[str]) -> Mapping[str, int]:
        """Look topics up and keep the metadata of those that exist, so that they can be sent to."""
        found = await self.look_up(topics)
        if not found.keys() <= self._topics:
            self._topics |= found.keys()
            await self._producer.client.set_topics(self._topics)
        return found

    async def configs(self, topic: str) -> Mapping[str, str]:
        """What a topic's configuration says about records; needs the right DescribeConfigs."""
        return await topic_configs(self._producer.client, topic, ("max.message.bytes", "cleanup.policy"))

    def knows(self, at: TopicPartition) -> bool:
        """Tell whether a batch for this partition can be handed over now."""
        partitions = self._producer.client.cluster.partitions_for_topic(at.topic)
        return partitions is not None and at.partition in partitions

    async def send(self, builder: BatchBuilder, at: TopicPartition) -> asyncio.Future[Any]:
        """Hand a batch over to a known partition, which has none on its way; returns without waiting for anyone."""
        future: asyncio.Future[Any] = await self._producer.send_batch(builder, at.topic, partition=at.partition)
        self.pending.add(future)
        return future

    async def idle(self, within: float) -> None:
        """Wait until nothing is on its way, at most so many seconds."""
        if self.pending:
            await asyncio.wait(self.pending, timeout=within)

    async def abandon(self, reason: str) -> None:
        """End the producer without waiting for Kafka; what is on its way fails with `AbandonedError`."""
        await abandon_producer(self._producer, AbandonedError(reason))
