"""librdkafka's mock cluster stands in for Kafka as far as `tests/servers/mock.py` says, and no further."""

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError, TopicAlreadyExistsError

from tests.servers import wire
from tests.servers.eventually import eventually
from tests.servers.mock import MockCluster
from tests.servers.records import consume, partitions, produce

# aiokafka 0.14 is half typed.
Producer: Any = AIOKafkaProducer
Consumer: Any = AIOKafkaConsumer

PRODUCE = 0
MESSAGE_TOO_LARGE = 10


async def test_mock_keeps_records(mock_kafka: MockCluster) -> None:
    """What aiokafka produces it consumes again, in order."""
    await mock_kafka.create_topic("t")
    await produce(mock_kafka.bootstrap, "t", b"1", b"2")
    assert await consume(mock_kafka.bootstrap, "t", 2) == [b"1", b"2"]


async def test_mock_topic_has_the_partitions_asked_for(mock_kafka: MockCluster) -> None:
    """Python's binding cannot create topics on it; we can."""
    await mock_kafka.create_topic("t", partitions=7)
    assert await partitions(mock_kafka.bootstrap, "t") == {0, 1, 2, 3, 4, 5, 6}


async def test_mock_topic_is_created_once(mock_kafka: MockCluster) -> None:
    """An error code is raised as the error a real broker's answer gives."""
    await mock_kafka.create_topic("t")
    with pytest.raises(TopicAlreadyExistsError):
        await mock_kafka.create_topic("t")


async def test_two_members_share_a_group(mock_kafka: MockCluster) -> None:
    """Without the leader waiting for its followers, the second member joins for ever."""
    await mock_kafka.create_topic("t", partitions=4)
    # A later rebalance of the mock lasts as long as the session, less a second.
    timing = {"session_timeout_ms": 2000, "heartbeat_interval_ms": 200}
    options = {"bootstrap_servers": mock_kafka.bootstrap, "group_id": "g", **timing}
    async with asyncio.timeout(30), Consumer("t", **options) as one, Consumer("t", **options) as other:
        while len(one.assignment()) != 2 or len(other.assignment()) != 2:
            await asyncio.gather(one.getmany(timeout_ms=100), other.getmany(timeout_ms=100))
        assert not one.assignment() & other.assignment()


async def test_mock_answers_with_the_errors_pushed(mock_kafka: MockCluster) -> None:
    """A test can make the next produce request fail as it likes."""
    await mock_kafka.create_topic("t")
    mock_kafka.push_errors(PRODUCE, [MESSAGE_TOO_LARGE])
    async with asyncio.timeout(20), Producer(bootstrap_servers=mock_kafka.bootstrap) as producer:
        with pytest.raises(MessageSizeTooLargeError):
            await producer.send_and_wait("t", b"x")


async def test_mock_broker_goes_down_and_up(mock_kafka: MockCluster) -> None:
    """A broker that is down refuses connections; up again it serves."""
    await mock_kafka.create_topic("t")
    mock_kafka.broker_down()
    with pytest.raises(OSError, match=r"refused|reset"):
        await asyncio.to_thread(wire.cluster, mock_kafka.bootstrap, 1.0)
    mock_kafka.broker_up()
    await produce(mock_kafka.bootstrap, "t", b"again")
    assert await consume(mock_kafka.bootstrap, "t", 1) == [b"again"]


async def test_frozen_mock_answers_nobody_until_continued(mock_kafka: MockCluster) -> None:
    """It is a process of its own, so it can be frozen."""
    mock_kafka.stop()
    with pytest.raises(TimeoutError):
        await asyncio.to_thread(wire.cluster, mock_kafka.bootstrap, 0.3)
    mock_kafka.cont()
    assert await mock_kafka.wait_ready(5) < 5


async def test_killed_mock_is_gone(mock_kafka: MockCluster) -> None:
    """After kill -9 connections are refused."""
    mock_kafka.kill()
    with pytest.raises(KafkaError):
        await _start_and_stop(mock_kafka.bootstrap)


async def _start_and_stop(bootstrap: str) -> None:
    producer = Producer(bootstrap_servers=bootstrap)
    try:
        await producer.start()
    finally:
        await producer.stop()


async def test_leader_moves_between_brokers() -> None:
    """A cluster of several brokers has leaders to move."""
    cluster = MockCluster.launch(3)
    try:
        await cluster.create_topic("t")
        for leader in (2, 3):
            cluster.set_leader("t", 0, leader)
            await produce(cluster.bootstrap, "t", b"%d" % leader)
        assert await consume(cluster.bootstrap, "t", 2) == [b"2", b"3"]
    finally:
        cluster.close()


async def test_mock_dies_with_the_tests() -> None:
    """A killed test process leaves no cluster behind: its pipe closes."""
    program = (
        "from tests.servers.mock import MockCluster\n"
        "import sys, time\n"
        "print(MockCluster.launch().bootstrap, flush=True)\n"
        "time.sleep(60)\n"
    )
    owner = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, cwd=Path(__file__).parents[2], stdout=subprocess.PIPE
    )
    assert owner.stdout is not None
    bootstrap = (await owner.stdout.readline()).decode().strip()
    assert wire.cluster(bootstrap, 5.0).brokers
    owner.kill()
    await owner.wait()
    await eventually(lambda: not _answers(bootstrap), what="the mock cluster ends")


def _answers(bootstrap: str) -> bool:
    try:
        wire.cluster(bootstrap, 1.0)
    except OSError:
        return False
    return True
