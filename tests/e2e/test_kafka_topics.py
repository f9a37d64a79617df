"""Topics on a real broker: created as configured, and their own rules known before they refuse."""

import time
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from eventlog.errors import LogMisconfigured, LogUnavailable, RecordRefused
from eventlog.kafka import KafkaEventLog
from eventlog.kafka_settings import KafkaSettings
from schemas.record import Record
from schemas.topics import TopicSettings
from tests.servers.broker import Broker

pytestmark = pytest.mark.kafka

STOPS = timedelta(seconds=10)
NOW = int(time.time() * 1000)


@pytest_asyncio.fixture
async def log(kafka: Broker) -> AsyncIterator[KafkaEventLog]:
    log = KafkaEventLog(kafka.bootstrap)
    await log.start()
    yield log
    await log.stop(STOPS)


async def configuration(broker: Broker, topic: str) -> dict[str, str]:
    """What the broker says of a topic, asked with another client than ours."""
    admin = AIOKafkaAdminClient(bootstrap_servers=broker.direct)
    await admin.start()  # type: ignore[no-untyped-call]  # aiokafka's admin client is half typed
    try:
        asked = ConfigResource(ConfigResourceType.TOPIC, topic)  # type: ignore[no-untyped-call]  # as above
        [answer] = await admin.describe_configs([asked])
    finally:
        await admin.close()  # type: ignore[no-untyped-call]  # as above
    found: Any = answer
    return {name: value for name, value, *_ in found.resources[0][4]}


async def test_a_topic_is_created_as_configured(kafka: Broker, log: KafkaEventLog, fresh_prefix: str) -> None:
    """Retention, compaction, room for the largest record, and replicas that can acknowledge."""
    kept, state = fresh_prefix + "kept", fresh_prefix + "state"
    await log.create(
        {
            kept: TopicSettings(partitions=3, retention=timedelta(days=2)),
            state: TopicSettings(partitions=2, retention=None, compact=True),
        }
    )
    assert dict(await log.partitions([kept, state])) == {kept: 3, state: 2}
    found = await configuration(kafka, kept)
    assert (found["cleanup.policy"], found["retention.ms"]) == ("delete", "172800000")
    assert (found["max.message.bytes"], found["min.insync.replicas"]) == ("2162688", "1")
    found = await configuration(kafka, state)
    assert (found["cleanup.policy"], found["retention.ms"]) == ("compact", "-1")


async def test_what_the_broker_does_not_create_is_said(kafka: Broker, fresh_prefix: str) -> None:
    """More replicas than brokers: waiting does not help."""
    log = KafkaEventLog(kafka.bootstrap, KafkaSettings(replication_factor=3))
    await log.start()
    try:
        with pytest.raises(LogMisconfigured, match="replication factor"):
            await log.create({fresh_prefix + "t": TopicSettings()})
    finally:
        await log.stop(STOPS)


async def test_a_name_kafka_does_not_allow_is_said(log: KafkaEventLog) -> None:
    """The broker's words are passed on."""
    with pytest.raises(LogMisconfigured, match="does not create the topic not/allowed"):
        await log.create({"not/allowed": TopicSettings()})


async def test_the_largest_record_is_kept(log: KafkaEventLog, fresh_prefix: str) -> None:
    """Two MiB, in a batch of its own between small ones; one byte too many is refused at once."""
    topic = fresh_prefix + "t"
    await log.create({topic: TopicSettings(partitions=1)})
    values = [b"small", bytes(2 * 1024**2), b"small"]
    appended = [log.append(Record(topic=topic, key=b"k", value=value, timestamp=NOW)) for value in values]
    assert [await each.offset() for each in appended] == [0, 1, 2]
    with pytest.raises(RecordRefused, match="2162688 bytes"):
        log.append(Record(topic=topic, key=b"k", value=bytes(2 * 1024**2 + 64 * 1024), timestamp=NOW))


async def test_a_smaller_limit_of_the_topics_own_is_found_out(
    kafka: Broker, log: KafkaEventLog, fresh_prefix: str
) -> None:
    """It is asked for when the topic is first used; then what it would refuse is refused at once."""
    topic = fresh_prefix + "t"
    await kafka.create_topic(topic, config={"max.message.bytes": "50000"})
    await log.partitions([topic])
    assert await log.append(Record(topic=topic, key=b"k", value=b"small", timestamp=NOW)).offset() == 0
    with pytest.raises(RecordRefused, match="50000 bytes"):
        log.append(Record(topic=topic, key=b"k", value=bytes(50_000), timestamp=NOW))
    appended = [log.append(Record(topic=topic, key=b"k", value=bytes(20_000), timestamp=NOW)) for _ in range(6)]
    assert [await each.offset() for each in appended] == [1, 2, 3, 4, 5, 6]


async def test_a_first_record_above_the_topics_limit_is_refused(
    kafka: Broker, log: KafkaEventLog, fresh_prefix: str
) -> None:
    """By the broker, and the producer that is left over it takes nobody with it."""
    topic = fresh_prefix + "t"
    await kafka.create_topic(topic, config={"max.message.bytes": "50000"})
    await log.partitions([topic])
    with pytest.raises(RecordRefused):
        await log.append(Record(topic=topic, key=b"k", value=bytes(60_000), timestamp=NOW)).offset()
    assert await log.append(Record(topic=topic, key=b"k", value=b"small", timestamp=NOW)).offset() == 0


async def test_a_compacted_topic_needs_keys(log: KafkaEventLog, fresh_prefix: str) -> None:
    """Known from its configuration, else the broker would refuse the whole batch."""
    topic = fresh_prefix + "t"
    await log.create({topic: TopicSettings(partitions=1, compact=True, retention=None)})
    assert await log.append(Record(topic=topic, key=b"k", value=b"v", timestamp=NOW)).offset() == 0
    with pytest.raises(RecordRefused, match="needs a key"):
        log.append(Record(topic=topic, key=None, value=b"v", timestamp=NOW))


async def test_a_first_record_without_a_key_is_found_out(log: KafkaEventLog, fresh_prefix: str) -> None:
    """Before anything is known the broker refuses the batch; asked again, we know why."""
    topic = fresh_prefix + "t"
    await log.create({topic: TopicSettings(partitions=1, compact=True, retention=None)})
    record = Record(topic=topic, key=None, value=b"v", timestamp=NOW)
    with pytest.raises((RecordRefused, LogUnavailable)):
        await log.append(record).offset()
    with pytest.raises(RecordRefused, match="needs a key"):
        await log.append(record).offset()
    assert await log.append(Record(topic=topic, key=b"k", value=b"v", timestamp=NOW)).offset() == 0
