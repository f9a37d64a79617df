"""A topic that somebody writes in transactions: their markers are gaps in the offsets, the last of them at the end."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from eventlog.kafka import KafkaEventLog
from handlers.api import Context, handler
from schemas.envelope import encode
from schemas.events import Event, MessageCreated, Timer
from schemas.record import TopicPartition
from schemas.topics import DEFAULTS, Topics
from tests.contract.dispatchers import STOPS, WITHIN, Rig, message, quick, until
from tests.contract.stores import opened
from tests.servers.broker import Broker

pytestmark = pytest.mark.kafka


@asynccontextmanager
async def rig(kafka: Broker, prefix: str, folder: Path) -> AsyncIterator[Rig]:
    """Topics of one partition each."""
    topics = Topics(prefix=prefix)
    for name in DEFAULTS:
        await kafka.create_topic(topics.name(name))
    log = KafkaEventLog(kafka.bootstrap)
    await log.start()
    try:
        async with opened(f"sqlite:///{folder / 'state.db'}") as store:
            yield Rig(log=log, store=store, topics=topics)
    finally:
        await log.stop(STOPS)


async def write(producer: AIOKafkaProducer, topic: str, *events: Event) -> None:
    """One transaction."""
    async with producer.transaction():
        for event in events:
            record = encode(event, topic)
            await producer.send_and_wait(topic, record.value, key=record.key, headers=list(record.headers))


async def test_markers_at_the_end_are_passed(kafka: Broker, fresh_prefix: str, tmp_path: Path) -> None:
    """An idle partition's position reaches its end, timers fire, and who runs until all is handled ends."""
    handled: list[str] = []

    @handler("asks", on=(MessageCreated, Timer))
    async def asks(event: Event[MessageCreated | Timer], ctx: Context) -> None:
        if isinstance(event.data, Timer):
            handled.append("timer")
            return
        handled.append(event.data.message_id)
        await ctx.schedule("ask", after="0s")

    producer = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, transactional_id=f"{fresh_prefix}writer")
    async with rig(kafka, fresh_prefix, tmp_path) as made, producer:
        await write(producer, made.conversations, message(0, key="a"), message(1, key="b"))
        await made.settle(quick(asks))
        async with made.running(quick(asks)) as dispatcher:
            # read before its transaction ends: the marker comes alone
            await write(producer, made.conversations, message(2, key="c"))
            async with asyncio.timeout(WITHIN):
                await dispatcher.until_empty()
            await until(lambda: handled.count("timer") == 3, "the timers fire")
        end = await made.log.offsets([TopicPartition(made.conversations, 0)], "end")
        commit = await made.positioned("asks")
    assert (commit.offset, list(end.values())) == (5, [5])
    assert sorted(handled) == ["m0", "m1", "m2", "timer", "timer", "timer"]
