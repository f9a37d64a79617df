"""A plain Kafka client for tests: write some values, read some values. It knows nothing of hookline."""

import asyncio
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

WITHIN = 20.0
"""Seconds each of these gets in all, so that a broken broker fails a test and does not hang it."""

# Half typed, as aiokafka 0.14 is: seen as Any here, once.
_Producer: Any = AIOKafkaProducer
_Consumer: Any = AIOKafkaConsumer


async def produce(bootstrap: str, topic: str, *values: bytes) -> None:
    """Append values without key, one after another, each acknowledged (acks=all, idempotent).

    Raises:
        aiokafka.errors.KafkaError, TimeoutError: it could not within `WITHIN` seconds.
    """
    async with asyncio.timeout(WITHIN), _Producer(bootstrap_servers=bootstrap, enable_idempotence=True) as producer:
        for value in values:
            await producer.send_and_wait(topic, value)


async def consume(bootstrap: str, topic: str, count: int, **options: Any) -> list[bytes]:
    """The first `count` values of a topic; `options` go to the consumer, whose offsets are committed in a group.

    Raises:
        aiokafka.errors.KafkaError, TimeoutError: it could not within `WITHIN` seconds.
    """
    consumer = _Consumer(topic, bootstrap_servers=bootstrap, auto_offset_reset="earliest", **options)
    async with asyncio.timeout(WITHIN), consumer:
        values = [(await consumer.getone()).value for _ in range(count)]
        if options.get("group_id"):
            await consumer.commit()
        return values


async def partitions(bootstrap: str, topic: str) -> set[int]:
    """The partitions of a topic that exists, empty otherwise."""
    async with asyncio.timeout(WITHIN), _Consumer(topic, bootstrap_servers=bootstrap) as consumer:
        return set(consumer.partitions_for_topic(topic) or ())
