"""What every event log does: appending, offsets and reading without a group. Groups are in `test_eventlog_groups.py`.

SQLite and a real Apache Kafka pass all of it; where librdkafka's mock cluster differs stands in `eventlogs.LACKS`.
"""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from eventlog.errors import EventLogError, PositionLost, RecordRefused
from eventlog.log import EventLog
from schemas.record import StoredRecord, TopicPartition
from schemas.topics import TopicSettings
from tests.contract.eventlogs import NOW, STOPS, WITHIN, Logs, fill, record, values


async def read_all(log: EventLog, *start: tuple[TopicPartition, int]) -> list[StoredRecord]:
    """Everything from the given offsets to today's end."""
    async with asyncio.timeout(WITHIN):
        return [stored async for stored in log.read(dict(start), follow=False)]


async def test_offsets_follow_the_order_of_calls(eventlog: Logs) -> None:
    """Appends that nobody waits for between them get the offsets 0, 1, 2, … of their partition."""
    topic, log = await eventlog.topic(partitions=2), await eventlog.connect()
    appended = [log.append(record(topic), partition=n % 2) for n in range(1000)]
    assert [await each.offset() for each in appended] == [n // 2 for n in range(1000)]


async def test_records_are_read_in_the_order_of_calls(eventlog: Logs) -> None:
    """Whatever batches they went in, records stand in a partition as they were handed over."""
    topic, log = await eventlog.topic(), await eventlog.connect()
    await fill(log, topic, 500)
    stored = await read_all(log, (TopicPartition(topic, 0), 0))
    assert [(each.offset, each.value) for each in stored] == [(n, str(n).encode()) for n in range(500)]


async def test_a_record_comes_back_as_it_went(eventlog: Logs) -> None:
    """Key, value, timestamp and headers with their order, repetitions and empty values are kept to the byte."""
    topic, log = await eventlog.topic(), await eventlog.connect()
    headers = (("ce_id", b"1"), ("x", b"\x00\xff"), ("ce_id", b"2"), ("empty", b""), ("näme", b"n"))
    sent = record(topic, b"\x00v\xff", key=b"k\x00", headers=headers, timestamp=NOW - 5)
    await log.append(sent, partition=0).offset()
    [stored] = await read_all(log, (TopicPartition(topic, 0), 0))
    assert (stored.topic, stored.partition, stored.offset) == (topic, 0, 0)
    assert (stored.key, stored.value) == (b"k\x00", b"\x00v\xff")
    assert (stored.headers, stored.timestamp) == (headers, NOW - 5)


async def test_absent_is_not_empty(eventlog: Logs) -> None:
    """A tombstone comes back as None and an empty value as empty; so do keys."""
    topic, log = await eventlog.topic(), await eventlog.connect()
    for key, value in ((None, b""), (b"", None)):
        await log.append(record(topic, value, key=key), partition=0).offset()
    stored = await read_all(log, (TopicPartition(topic, 0), 0))
    assert [(each.key, each.value) for each in stored] == [(None, b""), (b"", None)]


@pytest.mark.parametrize(("key", "partition"), [(b"foobar", 6), (b"21", 0), (b"c-1", 11), (b"c-2", 10), (b"c-3", 7)])
async def test_a_key_goes_where_kafkas_clients_put_it(eventlog: Logs, key: bytes, partition: int) -> None:
    """The partition is murmur2 of the key, so that all producers and both logs agree."""
    topic, log = await eventlog.topic(partitions=12), await eventlog.connect()
    appending = log.append(record(topic, key=key))
    assert (appending.at, await appending.offset()) == (TopicPartition(topic, partition), 0)


async def test_the_caller_may_choose_the_partition(eventlog: Logs) -> None:
    """A given partition wins over the key's."""
    topic, log = await eventlog.topic(partitions=12), await eventlog.connect()
    appending = log.append(record(topic, key=b"foobar"), partition=3)
    assert (appending.at, await appending.offset()) == (TopicPartition(topic, 3), 0)


async def test_records_without_a_key_go_anywhere(eventlog: Logs) -> None:
    """Without a key any partition takes the record."""
    topic, log = await eventlog.topic(partitions=3), await eventlog.connect()
    appended = [log.append(record(topic)) for _ in range(10)]
    assert {each.at.topic for each in appended} == {topic}
    assert sum([(await each.offset()) >= 0 for each in appended]) == 10


async def test_a_cancelled_wait_takes_nothing_back(eventlog: Logs) -> None:
    """Whoever stops waiting for the offset has appended all the same."""
    topic, log = await eventlog.topic(), await eventlog.connect()
    waiting = asyncio.ensure_future(log.append(record(topic, b"kept"), partition=0).offset())
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    await fill(log, topic, 1)
    assert values(await read_all(log, (TopicPartition(topic, 0), 0))) == [b"kept", b"0"]


async def test_an_unknown_topic_is_refused(eventlog: Logs) -> None:
    """No topic appears by being written to."""
    eventlog.needs("unknown topics")
    log = await eventlog.connect()
    async with asyncio.timeout(WITHIN):
        with pytest.raises(RecordRefused) as refusal:
            await log.append(record(eventlog.prefix + "absent")).offset()
    assert refusal.value.topic == eventlog.prefix + "absent"


async def test_a_record_too_large_is_refused_alone(eventlog: Logs) -> None:
    """A record no log can take is refused, and its neighbours are not."""
    topic, log = await eventlog.topic(), await eventlog.connect()
    before = log.append(record(topic, b"before"), partition=0)
    with pytest.raises(RecordRefused):
        await log.append(record(topic, bytes(64 * 1024 * 1024)), partition=0).offset()
    after = log.append(record(topic, b"after"), partition=0)
    assert (await before.offset(), await after.offset()) == (0, 1)


async def test_stopping_makes_durable_what_was_appended(eventlog: Logs) -> None:
    """Records nobody waited for are in the log when `stop` returns."""
    topic, log = await eventlog.topic(), eventlog.build()
    await log.start()
    await fill(log, topic, 1)
    appended = [log.append(record(topic), partition=0) for _ in range(100)]
    await log.stop(STOPS)
    assert [await each.offset() for each in appended] == list(range(1, 101))


async def test_a_stopped_log_takes_nothing(eventlog: Logs) -> None:
    """An append after `stop` fails as the log's error, not as a riddle."""
    topic, log = await eventlog.topic(), eventlog.build()
    await log.start()
    await log.stop(STOPS)
    with pytest.raises(EventLogError):
        await log.append(record(topic), partition=0).offset()


async def test_another_connection_reads_what_was_appended(eventlog: Logs) -> None:
    """What is durable is there for everyone."""
    topic, log = await eventlog.topic(), await eventlog.connect()
    await fill(log, topic, 3)
    other = await eventlog.connect()
    assert values(await read_all(other, (TopicPartition(topic, 0), 0))) == [b"0", b"1", b"2"]


async def test_connections_share_a_partition_without_gaps(eventlog: Logs) -> None:
    """Two writers at once get all the offsets between them, each in its own order."""
    topic, one, two = await eventlog.topic(), await eventlog.connect(), await eventlog.connect()
    await asyncio.gather(fill(one, topic, 200), fill(two, topic, 200))
    stored = await read_all(one, (TopicPartition(topic, 0), 0))
    assert [each.offset for each in stored] == list(range(400))
    assert Counter(values(stored)) == {str(n).encode(): 2 for n in range(200)}


async def test_health(eventlog: Logs) -> None:
    """A log that was just written to is well and says what it is."""
    topic, log = await eventlog.topic(), await eventlog.connect()
    await fill(log, topic, 1)
    assert (log.health().ok, log.health().detail) == (True, "")
    assert log.kind == ("sqlite" if eventlog.kind == "sqlite" else "kafka")


async def test_partitions_of_absent_topics_are_absent(eventlog: Logs) -> None:
    """Asking for partitions names the topics that exist and creates none."""
    eventlog.needs("unknown topics")
    topic, log = await eventlog.topic(partitions=5), await eventlog.connect()
    assert dict(await log.partitions([topic, topic + "-absent"])) == {topic: 5}
    assert dict(await log.partitions([topic + "-absent"])) == {}


async def test_created_topics_can_be_used_at_once(eventlog: Logs) -> None:
    """When `create` returns, the topics take records."""
    eventlog.needs("create")
    log, names = await eventlog.connect(), [eventlog.prefix + "a", eventlog.prefix + "b"]
    await log.create({names[0]: TopicSettings(partitions=2), names[1]: TopicSettings(partitions=3, compact=True)})
    assert dict(await log.partitions(names)) == {names[0]: 2, names[1]: 3}
    assert await log.append(record(names[1], key=b"k"), partition=2).offset() == 0


async def test_topics_that_exist_stay_as_they_are(eventlog: Logs) -> None:
    """Creating a topic again changes neither its partitions nor its records."""
    eventlog.needs("create")
    topic, log = await eventlog.topic(partitions=2), await eventlog.connect()
    await fill(log, topic, 1)
    await log.create({topic: TopicSettings(partitions=7), topic + "2": TopicSettings(partitions=1)})
    assert dict(await log.partitions([topic, topic + "2"])) == {topic: 2, topic + "2": 1}
    assert values(await read_all(log, (TopicPartition(topic, 0), 0))) == [b"0"]


async def test_earliest_and_end(eventlog: Logs) -> None:
    """The end is the next offset: equal to the earliest where there is nothing."""
    topic, log = await eventlog.topic(partitions=2), await eventlog.connect()
    await fill(log, topic, 3)
    one, two = TopicPartition(topic, 0), TopicPartition(topic, 1)
    assert dict(await log.offsets([one, two], "earliest")) == {one: 0, two: 0}
    assert dict(await log.offsets([one, two], "end")) == {one: 3, two: 0}


@pytest.mark.parametrize(("seconds", "offset"), [(-1, 0), (0, 0), (1, 1), (2, 1), (3, 2), (4, 3)])
async def test_offset_at_a_time(eventlog: Logs, seconds: int, offset: int) -> None:
    """The first record at or after the time; the end when there is none."""
    eventlog.needs("times")
    topic, log = await eventlog.topic(), await eventlog.connect()
    began = NOW - 60_000
    for second in (0, 2, 3):
        await log.append(record(topic, timestamp=began + second * 1000), partition=0).offset()
    at, when = TopicPartition(topic, 0), datetime.fromtimestamp(began / 1000, UTC) + timedelta(seconds=seconds)
    assert dict(await log.offsets([at], when)) == {at: offset}


async def test_reading_from_the_middle(eventlog: Logs) -> None:
    """Each partition is read from its own offset, and to its own end."""
    topic, log = await eventlog.topic(partitions=2), await eventlog.connect()
    await fill(log, topic, 4, partition=0)
    await fill(log, topic, 2, partition=1)
    stored = await read_all(log, (TopicPartition(topic, 0), 2), (TopicPartition(topic, 1), 0))
    assert sorted((each.partition, each.offset) for each in stored) == [(0, 2), (0, 3), (1, 0), (1, 1)]


async def test_reading_nothing_ends_at_once(eventlog: Logs) -> None:
    """An empty partition, and one read from its end, give no record and no wait."""
    topic, log = await eventlog.topic(partitions=2), await eventlog.connect()
    await fill(log, topic, 2)
    assert await read_all(log, (TopicPartition(topic, 0), 2), (TopicPartition(topic, 1), 0)) == []


async def test_reading_ends_where_it_is_told_to(eventlog: Logs) -> None:
    """Before an offset, but never after today's end; a partition that ends before it begins gives nothing."""
    topic, log = await eventlog.topic(partitions=3), await eventlog.connect()
    first, second, third = (TopicPartition(topic, number) for number in range(3))
    for number in range(3):
        await fill(log, topic, 4, partition=number)
    async with asyncio.timeout(WITHIN):
        part = log.read({first: 1, second: 2, third: 3}, follow=False, until={first: 3, second: 9, third: 2})
        found = [(each.partition, each.offset) async for each in part]
    assert sorted(found) == [(0, 1), (0, 2), (1, 2), (1, 3)]


async def test_reading_past_the_end_is_lost(eventlog: Logs) -> None:
    """An offset the log never gave is reported, not silently replaced."""
    topic, log = await eventlog.topic(), await eventlog.connect()
    await fill(log, topic, 2)
    with pytest.raises(PositionLost) as lost:
        await read_all(log, (TopicPartition(topic, 0), 7))
    assert (lost.value.at, lost.value.wanted, lost.value.earliest) == (TopicPartition(topic, 0), 7, 0)


async def test_following_gets_what_comes_later(eventlog: Logs) -> None:
    """A follower that caught up waits, and sees what another connection appends then."""
    topic, log, other = await eventlog.topic(), await eventlog.connect(), await eventlog.connect()
    await fill(log, topic, 1)
    stream = log.read({TopicPartition(topic, 0): 0}, follow=True)
    async with asyncio.timeout(WITHIN):
        first = await anext(stream)
        second = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(0)
        await fill(other, topic, 2)
        assert values([first, await second, await anext(stream)]) == [b"0", b"0", b"1"]
