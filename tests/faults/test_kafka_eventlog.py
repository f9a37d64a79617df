"""Kafka killed, frozen, absent or cut off under a steady load: appends are answered in time, what was kept is there."""

import asyncio
import gc
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from eventlog.kafka import KafkaEventLog
from eventlog.kafka_generation import Generation
from eventlog.kafka_settings import KafkaSettings
from tests.faults.kafka_load import PARTITIONS, RATE, STOPS, TOPIC, Load, judge, until
from tests.servers.broker import PrivateBroker
from tests.servers.plugin import MakeBroker

RECOVERS_WITHIN = 8.0

pytestmark = pytest.mark.kafka


async def started(broker: PrivateBroker, settings: KafkaSettings | None = None) -> KafkaEventLog:
    """A log on this broker."""
    log = KafkaEventLog(broker.bootstrap, settings)
    await log.start()
    return log


async def seconds(count: float) -> None:
    """Let the fault last."""
    await asyncio.sleep(count)


async def test_a_killed_broker(kafka_private: MakeBroker) -> None:
    """SIGKILL and five seconds of absence: appends fail in time, and work again soon after the broker is back."""
    broker = await kafka_private()
    await broker.create_topic(TOPIC, partitions=PARTITIONS)
    log = await started(broker)
    load, now = Load(log), asyncio.get_running_loop().time
    async with load.running():
        await load.kept_since(now())
        broker.kill()
        await seconds(5)
        assert not log.health().ok
        broker.start()
        await broker.wait_ready()
        assert await load.kept_since(now()) < RECOVERS_WITHIN
        await seconds(1)
    assert log.health().ok
    await log.stop(STOPS)
    assert len(load.kept) > RATE
    await judge(load, broker)


async def test_a_frozen_broker(kafka_private: MakeBroker) -> None:
    """SIGSTOP for five seconds: the same, although every connection stays open."""
    broker = await kafka_private()
    await broker.create_topic(TOPIC, partitions=PARTITIONS)
    log = await started(broker)
    load, now = Load(log), asyncio.get_running_loop().time
    async with load.running():
        await load.kept_since(now())
        broker.stop()
        await seconds(5)
        assert not log.health().ok
        broker.cont()
        await broker.wait_ready()  # one that was frozen may have lost its partitions' leaders, to itself
        assert await load.kept_since(now()) < RECOVERS_WITHIN
        await seconds(1)
    await log.stop(STOPS)
    await judge(load, broker)


async def test_an_absent_broker(kafka_private: MakeBroker) -> None:
    """A broker that is not there yet: the log starts, says why it is not well, and works when the broker comes."""
    broker = await kafka_private()
    await broker.create_topic(TOPIC, partitions=PARTITIONS)
    broker.kill()
    log = await started(broker)
    assert "connection refused" in log.health().detail
    load, now = Load(log), asyncio.get_running_loop().time
    async with load.running():
        await seconds(1)
        assert load.kept == {}
        broker.start()
        await broker.wait_ready()
        assert await load.kept_since(now()) < RECOVERS_WITHIN
    await log.stop(STOPS)
    await judge(load, broker)


async def test_a_network_that_swallows(kafka_private: MakeBroker) -> None:
    """Answers get lost for four seconds, then everything freezes for four: late writes are no second copies."""
    broker = await kafka_private(proxied=True)
    assert broker.proxy is not None
    await broker.create_topic(TOPIC, partitions=PARTITIONS)
    log = await started(broker)
    load, now = Load(log), asyncio.get_running_loop().time
    async with load.running():
        await load.kept_since(now())
        broker.proxy.drop_answers()
        await seconds(4)
        broker.proxy.drop_answers(on=False)
        assert await load.kept_since(now()) < RECOVERS_WITHIN
        broker.proxy.freeze()
        await seconds(4)
        broker.proxy.thaw()
        assert await load.kept_since(now()) < RECOVERS_WITHIN
    await log.stop(STOPS)
    await judge(load, broker)


def open_files() -> int:
    """Descriptors of this process."""
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def is_replaced(log: KafkaEventLog, generation: Generation) -> bool:
    """Tell whether the log has left this producer."""
    return log._producers.current is not generation


async def test_replacing_leaves_nothing_behind(kafka_private: MakeBroker, caplog: pytest.LogCaptureFixture) -> None:
    """After five producers there is no task and no socket more than after the first, and none of them raised later."""
    broker = await kafka_private(proxied=True)
    assert broker.proxy is not None
    await broker.create_topic(TOPIC, partitions=PARTITIONS)
    quick = timedelta(seconds=0.5)
    log = await started(broker, KafkaSettings(append_timeout=quick, connect_timeout=quick))
    load, now = Load(log), asyncio.get_running_loop().time
    async with load.running():
        await load.kept_since(now())
    before = (len(asyncio.all_tasks()), open_files())
    for _ in range(5):
        await until(lambda: log._producers.current is not None, 5)
        generation = log._producers.current
        assert generation is not None
        async with load.running():
            broker.proxy.freeze()
            await until(partial(is_replaced, log, generation), 5)
            broker.proxy.thaw()
            await load.kept_since(now())
    await until(lambda: (len(asyncio.all_tasks()), open_files()) <= before, 5)
    assert (len(asyncio.all_tasks()), open_files()) <= before
    await log.stop(STOPS)
    gc.collect()  # what nobody retrieved is reported when it is collected
    assert [each.getMessage() for each in caplog.records if each.exc_info or each.name == "asyncio"] == []
    await judge(load, broker, answered_within=0.5)
