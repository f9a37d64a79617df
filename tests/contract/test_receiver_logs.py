"""The receiver on every event log: the embedded one, the mock cluster, a real Kafka."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import pytest

from eventlog.log import EventLog
from schemas.topics import Topics
from tests.contract.eventlogs import Logs
from tests.contract.receivers import Running, receiving
from tests.unit.receiver.logs import MemoryStore
from tests.unit.receiver.parts import MESSAGE


async def made(logs: Logs) -> tuple[EventLog, Topics]:
    """A connection to the log, and the topics as `hookline topics apply` makes them, where the log can make any."""
    topics = Topics(prefix=logs.prefix)
    if logs.kind == "mock":
        for name in ("conversations", "deliveries", "quarantine"):
            await logs.topic(name, partitions=3)
        return await logs.connect(), topics
    log = await logs.connect()
    await log.create(topics.all())
    return log, topics


@pytest.fixture
async def receiver(eventlog: Logs) -> AsyncIterator[Running]:
    """A receiver over each log in turn."""
    log, topics = await made(eventlog)
    async with receiving(log, MemoryStore(), topics=topics) as running:
        yield running


async def test_accepted_delivery_can_be_read(receiver: Running) -> None:
    """202 says where it is kept, and there it is."""
    answer = await receiver.post()
    assert (answer.status, answer.json()["stored"]) == (202, receiver.log.kind)
    (record,) = await receiver.records("conversations")
    assert (record.key, record.header("ce_id")) == (b"conv_1", b"message.created:msg_1")
    (copy,) = await receiver.records("deliveries")
    assert copy.value == MESSAGE


async def test_every_accepted_event_is_there_once(receiver: Running) -> None:
    """Two hundred, forty at once, each sent twice: two hundred records.

    All at once they would need a second of CPU, sender and receiver together, which may be ten of a loaded machine.
    """
    bodies = [MESSAGE.replace(b"msg_1", b"m%03d" % n).replace(b"conv_1", b"c%d" % (n % 7)) for n in range(200)]
    answers = []
    for wave in (bodies[n : n + 40] for n in range(0, 200, 40)):
        answers += await asyncio.gather(*(receiver.post(body=body) for body in wave * 2))
    assert Counter(answer.status for answer in answers) == {202: 400}
    assert Counter(answer.json()["duplicate"] for answer in answers) == {False: 200, True: 200}
    ids = Counter(record.header("ce_id") for record in await receiver.records("conversations"))
    assert ids == {b"message.created:m%03d" % n: 1 for n in range(200)}


async def test_events_of_one_conversation_keep_their_order(receiver: Running) -> None:
    """What is sent one after another is read one after another."""
    for n in range(30):
        assert (await receiver.post(body=MESSAGE.replace(b"msg_1", b"m%02d" % n))).status == 202
    ids = [record.header("ce_id") for record in await receiver.records("conversations")]
    assert ids == [b"message.created:m%02d" % n for n in range(30)]


async def test_largest_delivery_is_taken(eventlog: Logs) -> None:
    """A body of exactly the limit fits the topics as they are made; one byte more is told 413."""
    eventlog.needs("create")
    log, topics = await made(eventlog)
    filler = b"x" * (1024 * 1024 - len(MESSAGE))
    body = MESSAGE.replace(b'"hi"', b'"hi' + filler + b'"')
    async with receiving(log, MemoryStore(), topics=topics) as running:
        assert (await running.post(body=body)).status == 202
        assert (await running.post(body=body + b" ")).status == 413
