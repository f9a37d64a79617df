"""How appends become batches, and what becomes of one that Kafka refuses: on the mock cluster, which errs on order."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from eventlog.errors import LogFull, LogUnavailable, RecordRefused
from eventlog.kafka import KafkaEventLog
from eventlog.kafka_settings import KafkaSettings
from eventlog.log import Appending
from schemas.record import Record, TopicPartition
from tests.faults.kafka_load import STOPS, until
from tests.servers.mock import MockCluster

PRODUCE = 0
UNKNOWN, TOO_LARGE, NOT_LEADER, NO_RIGHT, OUT_OF_ORDER = -1, 10, 6, 29, 45
SLOW = 150
"""Milliseconds of a round trip, long enough to append meanwhile."""


def record(value: bytes = b"v", *, topic: str = "t", key: bytes | None = None) -> Record:
    return Record(topic=topic, key=key, value=value, timestamp=int(time.time() * 1000))


@asynccontextmanager
async def log_on(mock: MockCluster, settings: KafkaSettings | None = None) -> AsyncIterator[KafkaEventLog]:
    """A log with the topics t (2 partitions) and other; the first batch of each is behind it."""
    await mock.create_topic("t", partitions=2)
    await mock.create_topic("other")
    log = KafkaEventLog(mock.bootstrap, settings)
    await log.start()
    for topic in ("t", "other"):
        await log.append(record(topic=topic), partition=0).offset()
    yield log
    await log.stop(STOPS)


async def outcomes(appended: Sequence[Appending]) -> list[type]:
    """The class of each offset, or of each error."""
    found = await asyncio.gather(*(each.offset() for each in appended), return_exceptions=True)
    return [type(each) for each in found]


async def values(log: KafkaEventLog, topic: str = "t", partition: int = 0) -> list[bytes | None]:
    """What is in a partition."""
    return [each.value async for each in log.read({TopicPartition(topic, partition): 0}, follow=False)]


async def test_a_batch_fills_while_the_one_before_is_on_its_way(mock_kafka: MockCluster) -> None:
    """The first record leaves at once, all that follow share the next batch."""
    async with log_on(mock_kafka) as log:
        mock_kafka.set_rtt(SLOW)
        first = log.append(record(), partition=0)
        await asyncio.sleep(0.03)
        rest = [log.append(record(), partition=0) for _ in range(100)]
        assert first.batch is not rest[0].batch
        assert {each.batch for each in rest} == {rest[0].batch}
        assert [await each.offset() for each in (first, *rest)] == list(range(1, 102))


async def test_partitions_do_not_wait_for_each_other(mock_kafka: MockCluster) -> None:
    """Batches of several partitions share a round trip."""
    async with log_on(mock_kafka) as log:
        mock_kafka.set_rtt(500)
        began = asyncio.get_running_loop().time()
        appended = [log.append(record(), partition=0), log.append(record(), partition=1)]
        await asyncio.gather(*(each.offset() for each in appended))
        assert asyncio.get_running_loop().time() - began < 0.9


async def test_a_batch_lingers_if_told_to(mock_kafka: MockCluster) -> None:
    """Appends some time apart share a batch, though nothing is on its way."""
    async with log_on(mock_kafka, KafkaSettings(linger=timedelta(milliseconds=200))) as log:
        first = log.append(record(), partition=0)
        await asyncio.sleep(0.05)
        second = log.append(record(), partition=0)
        assert first.batch is second.batch
        assert (await first.offset(), await second.offset()) == (1, 2)


async def test_records_that_wait_are_bounded_by_number(mock_kafka: MockCluster) -> None:
    """One more is refused at once, and welcome when there is room again."""
    async with log_on(mock_kafka, KafkaSettings(max_waiting_records=10)) as log:
        mock_kafka.set_rtt(SLOW)
        appended = [log.append(record(), partition=n % 2) for n in range(10)]
        with pytest.raises(LogFull, match="10 records"):
            log.append(record(), partition=0)
        assert await outcomes(appended) == [int] * 10
        assert await outcomes([log.append(record(), partition=0)]) == [int]


async def test_records_that_wait_are_bounded_by_bytes(mock_kafka: MockCluster) -> None:
    """Four of a megabyte wait, the fifth does not."""
    settings = KafkaSettings(max_waiting_bytes=4_400_000, max_message_bytes=1_100_000)
    async with log_on(mock_kafka, settings) as log:
        mock_kafka.set_rtt(SLOW)
        appended = [log.append(record(bytes(1_000_000)), partition=0) for _ in range(4)]
        with pytest.raises(LogFull):
            log.append(record(bytes(1_000_000)), partition=0)
        assert await outcomes(appended) == [int] * 4


async def test_a_refused_record_stands_alone(mock_kafka: MockCluster) -> None:
    """Kafka's refusal is final for it; the next records of the partition are kept by a new producer."""
    async with log_on(mock_kafka) as log:
        mock_kafka.push_errors(PRODUCE, [TOO_LARGE])
        with pytest.raises(RecordRefused, match="MessageSizeTooLarge"):
            await log.append(record(b"large"), partition=0).offset()
        assert await outcomes([log.append(record(b"%d" % n), partition=0) for n in range(10)]) == [int] * 10
        assert await values(log) == [b"v", *(b"%d" % n for n in range(10))]


async def test_the_company_of_a_refused_record_is_not_lost(mock_kafka: MockCluster) -> None:
    """Which one is to blame is not told: all are asked for again, and then each stands alone."""
    async with log_on(mock_kafka) as log:
        mock_kafka.push_errors(PRODUCE, [TOO_LARGE])
        assert await outcomes([log.append(record(), partition=0) for _ in range(3)]) == [LogUnavailable] * 3
        again = [log.append(record(b"%d" % n), partition=0) for n in range(3)]
        assert len({each.batch for each in again}) == 3
        assert await outcomes(again) == [int] * 3


async def test_a_missing_right_refuses_the_topic_for_a_while(mock_kafka: MockCluster) -> None:
    """The next record of the topic is refused without asking, other topics go on."""
    async with log_on(mock_kafka) as log:
        mock_kafka.push_errors(PRODUCE, [NO_RIGHT])
        assert await outcomes([log.append(record(), partition=0) for _ in range(2)]) == [RecordRefused] * 2
        with pytest.raises(RecordRefused, match="t refuses us"):
            log.append(record(), partition=1)
        assert await outcomes([log.append(record(topic="other"), partition=0)]) == [int]


@pytest.mark.parametrize("code", [OUT_OF_ORDER, UNKNOWN])
async def test_an_error_of_kafkas_own_is_over_with_the_producer(mock_kafka: MockCluster, code: int) -> None:
    """The batch fails, as it may be tried again; nothing after it does."""
    async with log_on(mock_kafka) as log:
        mock_kafka.push_errors(PRODUCE, [code])
        assert await outcomes([log.append(record(b"a"), partition=0)]) == [LogUnavailable]
        assert await outcomes([log.append(record(b"b"), partition=0) for _ in range(3)]) == [int] * 3
        assert log.health().ok


async def test_what_passes_by_itself_is_tried_again(mock_kafka: MockCluster) -> None:
    """A leader that moves is no error."""
    async with log_on(mock_kafka) as log:
        producer = log._producers.current
        mock_kafka.push_errors(PRODUCE, [NOT_LEADER])
        assert await outcomes([log.append(record(), partition=0)]) == [int]
        assert log._producers.current is producer


async def test_what_waits_behind_a_failed_batch_fails_with_it(mock_kafka: MockCluster) -> None:
    """It would overtake what is tried again; another partition goes on."""
    async with log_on(mock_kafka) as log:
        mock_kafka.set_rtt(SLOW)
        mock_kafka.push_errors(PRODUCE, [OUT_OF_ORDER])
        first = log.append(record(), partition=0)
        await asyncio.sleep(0.05)
        behind, beside = log.append(record(), partition=0), log.append(record(), partition=1)
        assert await outcomes([first, behind]) == [LogUnavailable] * 2
        assert await outcomes([beside]) == [int]


async def test_what_waits_behind_a_refused_batch_is_kept(mock_kafka: MockCluster) -> None:
    """A final refusal is not tried again, so nothing overtakes it."""
    async with log_on(mock_kafka) as log:
        mock_kafka.set_rtt(SLOW)
        mock_kafka.push_errors(PRODUCE, [TOO_LARGE])
        refused = log.append(record(b"refused"), partition=0)
        await asyncio.sleep(0.05)
        behind = log.append(record(b"behind"), partition=0)
        assert await outcomes([refused, behind]) == [RecordRefused, int]


@asynccontextmanager
async def log_on_two_brokers() -> AsyncIterator[tuple[MockCluster, KafkaEventLog]]:
    """A log whose topic t has one partition on each of two brokers."""
    cluster = MockCluster.launch(2)
    log = KafkaEventLog(cluster.bootstrap)
    try:
        await cluster.create_topic("t", partitions=2)
        cluster.set_leader("t", 0, 1)
        cluster.set_leader("t", 1, 2)
        await log.start()
        assert await outcomes([log.append(record(), partition=n) for n in (0, 1)]) == [int] * 2
        yield cluster, log
    finally:
        await log.stop(STOPS)
        cluster.close()


async def test_batches_of_other_partitions_survive_a_replacement() -> None:
    """They are acknowledged on the old producer while the new one starts."""
    async with log_on_two_brokers() as (cluster, log):
        cluster.set_rtt(200, broker=2)
        slow = log.append(record(), partition=1)
        await asyncio.sleep(0.05)
        cluster.push_errors(PRODUCE, [OUT_OF_ORDER])
        assert await outcomes([log.append(record(), partition=0), slow]) == [LogUnavailable, int]


async def test_a_producer_is_left_at_once() -> None:
    """Two brokers that do not answer hold neither a task nor the time of whoever leaves."""
    async with log_on_two_brokers() as (cluster, log):
        for broker in (1, 2):
            cluster.set_rtt(20_000, broker=broker)
        appended = [log.append(record(), partition=n) for n in (0, 1)]
        await asyncio.sleep(0.05)
        producer, began = log._producers.current, asyncio.get_running_loop().time()
        assert producer is not None
        await producer.abandon("to see how long it takes")
        assert asyncio.get_running_loop().time() - began < 1
        left = [task.get_coro() for task in asyncio.all_tasks()]
        assert [each for each in left if getattr(each, "__qualname__", "").startswith("Sender.")] == []
        assert await outcomes(appended) == [LogUnavailable] * 2


async def test_an_append_to_a_broker_that_is_away_fails_at_once(mock_kafka: MockCluster) -> None:
    """After the first missed deadline, without waiting for another; and it says what the matter is."""
    quick = timedelta(milliseconds=500)
    async with log_on(mock_kafka, KafkaSettings(append_timeout=quick)) as log:
        mock_kafka.broker_down()
        assert await outcomes([log.append(record(), partition=0)]) == [LogUnavailable]
        await until(lambda: "connection refused" in log.health().detail, 10)
        with pytest.raises(LogUnavailable, match="connection refused"):
            log.append(record(), partition=0)
        mock_kafka.broker_up()
        await until(lambda: log.health().ok, 10)
        assert await outcomes([log.append(record(), partition=0)]) == [int]


async def test_a_broker_that_goes_away_is_noticed_without_appends(mock_kafka: MockCluster) -> None:
    """Whoever asks for our health hears of it within seconds."""
    async with log_on(mock_kafka) as log:
        mock_kafka.broker_down()
        await until(lambda: not log.health().ok, 15)
        assert not log.health().ok
        mock_kafka.broker_up()
        await until(lambda: log.health().ok, 15)
        assert log.health().ok


async def test_a_topic_made_later_can_be_used(mock_kafka: MockCluster) -> None:
    """It is looked up when it is appended to."""
    async with log_on(mock_kafka) as log:
        await mock_kafka.create_topic("later", partitions=3)
        with pytest.raises((RecordRefused, LogUnavailable)):
            log.append(record(topic="later"), partition=2)
        await until(lambda: log._topics.known("later"), 5)
        assert await outcomes([log.append(record(topic="later"), partition=2)]) == [int]


async def test_stopping_an_unreachable_log_ends_in_time(mock_kafka: MockCluster) -> None:
    """What is not durable by then fails."""
    async with log_on(mock_kafka) as log:
        mock_kafka.set_rtt(5000)
        appending = log.append(record(), partition=0)
        await asyncio.sleep(0.05)
        began = asyncio.get_running_loop().time()
        await log.stop(timedelta(seconds=1))
        assert asyncio.get_running_loop().time() - began < 1.5
        assert await outcomes([appending]) == [LogUnavailable]


async def test_a_stalled_loop_is_not_kafkas_fault(mock_kafka: MockCluster) -> None:
    """Acknowledgements that lie unread in the socket are read before a deadline is judged."""
    async with log_on(mock_kafka, KafkaSettings(append_timeout=timedelta(milliseconds=500))) as log:
        producer = log._producers.current
        mock_kafka.set_rtt(100)
        appending = log.append(record(), partition=0)
        await asyncio.sleep(0.05)
        time.sleep(1)  # noqa: ASYNC251 - the stall
        assert await outcomes([appending]) == [int]
        assert log._producers.current is producer
