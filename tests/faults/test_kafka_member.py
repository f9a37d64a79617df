"""Members of a group when the broker dies, freezes or loses them: no call hangs, no record is skipped."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
import structlog
from aiokafka.admin import AIOKafkaAdminClient

from eventlog.errors import LogMisconfigured, LogUnavailable, NotOwner, PositionLost
from eventlog.kafka import KafkaEventLog
from eventlog.kafka_member import KafkaMember
from eventlog.kafka_settings import KafkaSettings
from eventlog.log import Commit
from schemas.record import StoredRecord, TopicPartition
from schemas.topics import TopicSettings
from tests.contract.eventlogs import Reader, fill, values
from tests.faults.kafka_load import STOPS, until
from tests.servers.broker import Broker, PrivateBroker
from tests.servers.plugin import MakeBroker

pytestmark = pytest.mark.kafka

SECOND = timedelta(seconds=1)
SOON = timedelta(milliseconds=200)
QUICK = KafkaSettings(
    session_timeout=timedelta(seconds=2),
    commit_timeout=SECOND,
    connect_timeout=SECOND,
    silent_after=timedelta(seconds=10),
)


@asynccontextmanager
async def log_on(broker: Broker, *, bootstrap: str | None = None) -> AsyncIterator[KafkaEventLog]:
    """A log with impatient settings."""
    log = KafkaEventLog(bootstrap or broker.bootstrap, QUICK)
    await log.start()
    try:
        yield log
    finally:
        await log.stop(STOPS)


async def joined(log: KafkaEventLog, topic: str, *, group: str = "g") -> Reader:
    """A member that owns the topic's only partition."""
    reader = Reader(log, group, [topic])
    await reader.member.start()
    await reader.owns({TopicPartition(topic, 0)})
    return reader


def inner(reader: Reader) -> KafkaMember:
    """The member, to look inside."""
    assert isinstance(reader.member, KafkaMember)
    return reader.member


async def took(seconds: float, work: Awaitable[object]) -> float:
    """How long something takes that must end by then."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with asyncio.timeout(seconds):
        await work
    return loop.time() - began


async def test_a_killed_broker_skips_and_repeats_nothing(kafka_private: MakeBroker) -> None:
    """What was appended before and after its death is read once and in order by the same member."""
    broker = await kafka_private()
    await broker.create_topic("t")
    async with log_on(broker) as log:
        await fill(log, "t", 5)
        reader = await joined(log, "t")
        before = values(await reader.collect(5))
        broker.kill()
        with pytest.raises(LogUnavailable):
            await until_away(reader)
        broker.start()
        await broker.wait_ready()
        await until(lambda: log.health().ok, 15)
        await fill(log, "t", 5)
        after = values(await collect_patiently(reader, 5))
        assert before == after == [b"0", b"1", b"2", b"3", b"4"]
        await reader.member.stop(STOPS)


async def until_away(reader: Reader) -> None:
    """Fetch until the member says that the log is away; every fetch ends in its time."""
    for _ in range(60):
        await took(SOON.total_seconds() + 5, reader.member.fetch(reader.mine, max_records=10, timeout=SOON))


async def collect_patiently(reader: Reader, count: int) -> list[StoredRecord]:
    """As a worker does it: an unavailable log is asked again."""
    found: list[StoredRecord] = []
    async with asyncio.timeout(60):
        while len(found) < count:
            try:
                batches = await reader.member.fetch(reader.mine, max_records=10, timeout=SOON)
            except LogUnavailable:
                await asyncio.sleep(0.1)
            else:
                found += [record for batch in batches.values() for record in batch]
    return found


async def test_no_call_hangs_with_a_dead_broker(kafka_private: MakeBroker) -> None:
    """Commit, committed and positions end by their deadlines; stopping by its own, after telling the assignment."""
    broker = await kafka_private()
    await broker.create_topic("t")
    async with log_on(broker) as log:
        reader = await joined(log, "t")
        at = TopicPartition("t", 0)
        broker.kill()
        with pytest.raises(LogUnavailable):
            await took(4, reader.member.commit({at: Commit(0)}))
        with pytest.raises(LogUnavailable):
            await took(4, reader.member.committed([at]))
        with pytest.raises(LogUnavailable):
            await took(20, log.group_positions("g", [at]))
        await took(6, reader.member.stop(timedelta(seconds=3)))
        assert reader.revocations == [{at}]


async def test_no_call_hangs_with_a_frozen_broker(kafka_private: MakeBroker) -> None:
    """The same when every connection stays open."""
    broker = await kafka_private()
    await broker.create_topic("t")
    async with log_on(broker) as log:
        reader = await joined(log, "t")
        at = TopicPartition("t", 0)
        broker.stop()
        with pytest.raises(LogUnavailable):
            await took(4, reader.member.commit({at: Commit(0)}))
        with pytest.raises(LogUnavailable):
            await took(4, reader.member.committed([at]))
        await took(6, reader.member.stop(timedelta(seconds=3)))
        assert reader.revocations == [{at}]
        broker.cont()


async def test_an_absent_broker_is_waited_for(kafka_private: MakeBroker) -> None:
    """A member that starts first joins when the broker comes."""
    broker = await kafka_private()
    await broker.create_topic("t")
    broker.kill()
    async with log_on(broker) as log:
        reader = Reader(log, "g", ["t"])
        starting = asyncio.create_task(reader.member.start())
        await asyncio.wait({starting}, timeout=3)
        assert not starting.done()
        broker.start()
        await took(30, starting)
        await reader.owns({TopicPartition("t", 0)})
        await reader.member.stop(STOPS)


async def test_giving_up_the_wait_leaves_nothing(kafka_private: MakeBroker) -> None:
    """A start that is cancelled ends its attempt."""
    broker: PrivateBroker = await kafka_private(started=False)
    async with log_on(broker) as log:
        reader = Reader(log, "g", ["t"])
        starting = asyncio.create_task(reader.member.start())
        await asyncio.wait({starting}, timeout=1)
        starting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await starting
        await reader.member.stop(STOPS)
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_forgotten_member_ends_with_the_log(kafka: Broker, fresh_prefix: str) -> None:
    """It gives its partitions back, and nothing of it goes on."""
    topic = fresh_prefix + "t"
    await kafka.create_topic(topic)
    async with log_on(kafka) as log:
        reader = await joined(log, topic, group=fresh_prefix + "g")
    assert reader.revocations == [{TopicPartition(topic, 0)}]
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_missing_topic_is_said(kafka: Broker, fresh_prefix: str) -> None:
    """Waiting would not create it, and asking for it must not."""
    async with log_on(kafka) as log:
        with pytest.raises(LogMisconfigured, match="hookline topics apply"):
            await log.member(fresh_prefix + "g", [fresh_prefix + "t"], Reader(log, "g", [])).start()


async def test_a_member_that_lost_its_partitions_commits_nothing(kafka: Broker, fresh_prefix: str) -> None:
    """Silent longer than its session, another takes over; its next commit is refused."""
    topic, group = fresh_prefix + "t", fresh_prefix + "g"
    at = TopicPartition(topic, 0)
    await kafka.create_topic(topic)
    async with log_on(kafka) as log:
        await fill(log, topic, 3)
        first, second = await joined(log, topic, group=group), Reader(log, group, [topic])
        await first.collect(3)
        inner(first)._consumer._coordinator._heartbeat_task.cancel()  # as a process that stands still sends none
        await second.member.start()
        await second.owns({at})
        with pytest.raises(NotOwner):
            await first.member.commit({at: Commit(3)})
        assert await log.group_positions(group, [at]) == {at: None}
        await first.member.stop(STOPS)
        await second.member.stop(STOPS)


async def test_a_dead_coordination_is_renewed(kafka: Broker, fresh_prefix: str) -> None:
    """The task that keeps the membership ended: the member tells its assignment, joins anew and reads on."""
    topic, at = fresh_prefix + "t", TopicPartition(fresh_prefix + "t", 0)
    await kafka.create_topic(topic)
    async with log_on(kafka) as log:
        await fill(log, topic, 3)
        reader = await joined(log, topic, group=fresh_prefix + "g")
        await reader.collect(3)
        await reader.member.commit({at: Commit(3)})
        inner(reader)._consumer._coordinator._coordination_task.cancel()
        await fill(log, topic, 2)
        assert values(await collect_patiently(reader, 2)) == [b"0", b"1"]
        assert reader.revocations == [{at}]
        await reader.member.stop(STOPS)


async def test_a_silent_consumer_is_renewed(kafka_private: MakeBroker) -> None:
    """A connection died without a word: its fetches get no answer, nothing fails, and Kafka is well over all others."""
    broker = await kafka_private(proxied=True)
    assert broker.proxy is not None
    at = TopicPartition("t", 0)
    await broker.create_topic("t")
    async with log_on(broker) as log:
        await fill(log, "t", 1)
        reader = await joined(log, "t")
        await reader.collect(1)
        await reader.member.commit({at: Commit(1)})
        with structlog.testing.capture_logs() as logged:
            assert broker.proxy.deafen_fetches() == 1
            await fill(log, "t", 1)
            assert values(await collect_patiently(reader, 1)) == [b"0"]
        assert [line["event"] for line in logged if line["log_level"] == "warning"] == [
            "consumer.silent",
            "member.renewed",
        ]
        assert reader.member.renewals == 1
        assert reader.revocations == [{at}]
        await reader.member.stop(STOPS)


class Failing(Reader):
    """An assignment that cannot position."""

    async def assigned(self, partitions: frozenset[TopicPartition]) -> None:
        raise LookupError(f"no position for us in {len(partitions)} partitions")


async def test_an_error_of_the_assignment_is_raised_by_fetch(kafka: Broker, fresh_prefix: str) -> None:
    """It happens in a task of aiokafka's, and must not end in its log."""
    topic = fresh_prefix + "t"
    await kafka.create_topic(topic)
    async with log_on(kafka) as log:
        reader = Failing(log, fresh_prefix + "g", [topic])
        await reader.member.start()
        with pytest.raises(LookupError, match="no position for us"):
            await reader.member.fetch([TopicPartition(topic, 0)], max_records=1, timeout=SOON)
        with pytest.raises(LookupError, match="no position for us"):
            await reader.member.stop(STOPS)


class Slow(Reader):
    """An assignment that takes its time to let go."""

    go_on: asyncio.Event

    async def revoked(self, partitions: frozenset[TopicPartition]) -> None:
        await self.go_on.wait()
        await super().revoked(partitions)


async def test_fetch_returns_in_time_during_a_rebalance(kafka: Broker, fresh_prefix: str) -> None:
    """While partitions are taken away there is nothing to read, and nobody waits for the others."""
    topic, at = fresh_prefix + "t", TopicPartition(fresh_prefix + "t", 0)
    await kafka.create_topic(topic)
    async with log_on(kafka) as log:
        reader = Slow(log, fresh_prefix + "g", [topic])
        reader.go_on = asyncio.Event()
        await reader.member.start()
        await reader.owns({at})
        other = Reader(log, fresh_prefix + "g", [topic])
        joining = asyncio.create_task(other.member.start())
        await until(lambda: not inner(reader)._rebalances.settled.is_set(), 10)
        for _ in range(3):
            await took(5, reader.member.fetch([at], max_records=1, timeout=SOON))  # the revocation waits for `go_on`
        reader.go_on.set()
        await took(30, joining)
        await asyncio.gather(reader.member.stop(STOPS), other.member.stop(STOPS))


async def test_a_cancelled_fetch_loses_nothing(kafka: Broker, fresh_prefix: str) -> None:
    """What a cancelled fetch had already taken comes with the next one, and no position runs ahead of it."""
    topic, at = fresh_prefix + "t", TopicPartition(fresh_prefix + "t", 0)
    await kafka.create_topic(topic)
    async with log_on(kafka) as log:
        reader = Reader(log, fresh_prefix + "g", [topic])
        await reader.member.start()
        await reader.owns({at})
        filling = asyncio.create_task(fill(log, topic, 300))
        found: list[bytes | None] = []
        for turn in range(2000):
            fetching = asyncio.create_task(reader.member.fetch([at], max_records=7, timeout=SECOND))
            await asyncio.wait({fetching}, timeout=(turn % 5) / 1000)
            fetching.cancel()
            await asyncio.wait({fetching})
            if not fetching.cancelled():
                found += values(fetching.result().get(at, []))
            assert reader.member.position(at) == len(found)
            if len(found) == 300:
                break
        assert found == [str(n).encode() for n in range(300)]
        await filling
        await reader.member.stop(STOPS)


async def test_a_position_that_retention_took_is_lost(kafka_private: MakeBroker) -> None:
    """The error names what is missing and where the log begins now."""
    broker = await kafka_private({"log.retention.check.interval.ms": "300", "log.initial.task.delay.ms": "300"})
    at = TopicPartition("t", 0)
    async with log_on(broker) as log:
        await log.create({"t": TopicSettings(partitions=1, retention=timedelta(milliseconds=1))})
        reader = await joined(log, "t")
        await fill(log, "t", 5)
        await until_earliest(log, at, 5)
        reader.member.seek(at, 0)
        with pytest.raises(PositionLost) as lost:
            await reader.collect(1)
        assert (lost.value.at, lost.value.wanted, lost.value.earliest) == (at, 0, 5)
        await reader.member.stop(STOPS)


async def until_earliest(log: KafkaEventLog, at: TopicPartition, offset: int) -> None:
    """Wait until retention has done its work."""
    async with asyncio.timeout(30):
        while (await log.offsets([at], "earliest"))[at] < offset:  # noqa: ASYNC110 - the broker decides when
            await asyncio.sleep(0.1)


async def test_a_position_that_went_with_its_topic_is_lost_at_once(kafka: Broker, fresh_prefix: str) -> None:
    """The consumer reads on as if nothing were; whoever waits for what is in the new topic would wait for ever."""
    topic = fresh_prefix + "t"
    async with log_on(kafka) as log:
        await log.create({topic: TopicSettings(partitions=1)})
        reader = await joined(log, topic, group=fresh_prefix + "g")
        await reader.member.commit({TopicPartition(topic, 0): Commit(0)})
        admin: Any = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
        await admin.start()
        await admin.delete_topics([topic])
        await admin.close()
        with pytest.raises(PositionLost, match="its topic was deleted"):
            await reader.member.fetch({TopicPartition(topic, 0)}, max_records=9, timeout=20 * SECOND)
