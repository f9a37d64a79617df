"""Reading Kafka without a group: for `tail`, `replay` and whoever wants to know."""

import asyncio
from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError, OffsetOutOfRangeError
from aiokafka.structs import ConsumerRecord
from aiokafka.structs import TopicPartition as KafkaPartition

from eventlog.errors import LogMisconfigured, LogUnavailable, PositionLost
from eventlog.kafka_admin import KafkaAdmin
from eventlog.kafka_causes import CONNECTING, cause_of
from eventlog.kafka_client import Cluster
from eventlog.kafka_private import abandon_consumer
from eventlog.kafka_probe import probe
from schemas.record import Headers, StoredRecord, TopicPartition

# One call of `getmany`: how long it waits, in milliseconds, and how much it returns.
POLL, RECORDS = 500, 500


def stored(record: ConsumerRecord[Any, Any]) -> StoredRecord:
    """A record as the rest of hookline sees it."""
    return StoredRecord(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        key=record.key,
        value=record.value,
        headers=_headers(record.headers),
        timestamp=record.timestamp,
    )


def _headers(headers: Sequence[tuple[str, bytes | None]]) -> Headers:
    """Kafka knows headers without a value; ours have an empty one then."""
    return tuple((name, b"" if value is None else value) for name, value in headers)


def out_of_range(error: OffsetOutOfRangeError) -> tuple[TopicPartition, int]:
    """The partition and the offset the broker does not have."""
    ((at, offset),) = error.args[0].items()
    return TopicPartition(*at), offset


def lost(at: TopicPartition, wanted: int | None, earliest: int) -> PositionLost:
    """The error for a position the log does not have."""
    where = f"{at.topic}-{at.partition}"
    if wanted is None:
        text = f"no position is committed for {where}, whose first offset is {earliest}: decide where to start"
    else:
        text = f"offset {wanted} of {where} is not in the log, whose first offset is {earliest}: decide where to go on"
    return PositionLost(text, at=at, wanted=wanted, earliest=earliest)


async def read(
    cluster: Cluster,
    admin: KafkaAdmin,
    start: Mapping[TopicPartition, int],
    *,
    follow: bool,
    until: Mapping[TopicPartition, int],
) -> AsyncGenerator[StoredRecord]:
    """See `EventLog.read`.

    Raises:
        PositionLost: an offset to start from is not in the log.
        LogUnavailable: the log is away; while following only at the start.
        LogMisconfigured: we may not read.
    """
    ends = {} if follow else await admin.offsets(start.keys(), "end")
    for at, offset in start.items():
        if offset > ends.get(at, offset):
            raise lost(at, offset, (await admin.offsets([at], "earliest"))[at])
    ends = {at: min(end, until.get(at, end)) for at, end in ends.items()}
    left = {at: offset for at, offset in start.items() if follow or offset < ends[at]}
    if not left:
        return
    consumer = await _connected(cluster, left)
    try:
        heard = _now()
        while left:
            for record in await _poll(cluster, admin, consumer, left):
                heard = _now()
                if record.offset < ends.get(TopicPartition(record.topic, record.partition), record.offset + 1):
                    yield stored(record)
            if not follow:
                left = await _unread(consumer, left, ends)
                _check_heard(cluster, heard)
    finally:
        await abandon_consumer(consumer)


async def _unread(
    consumer: Any, left: Mapping[TopicPartition, int], ends: Mapping[TopicPartition, int]
) -> dict[TopicPartition, int]:
    """The partitions that are not read to their ends."""
    positions = {at: await consumer.position(KafkaPartition(*at)) for at in left}
    return {at: position for at, position in positions.items() if position < ends[at]}


def _check_heard(cluster: Cluster, heard: float) -> None:
    if _now() - heard > cluster.settings.admin_timeout.total_seconds():
        raise LogUnavailable(f"{cluster} stopped answering while records were read")


async def _connected(cluster: Cluster, start: Mapping[TopicPartition, int]) -> Any:
    """A consumer that is positioned."""
    settings = cluster.settings
    consumer: Any = AIOKafkaConsumer(  # type: ignore[no-untyped-call]  # aiokafka is half typed
        **cluster.options("reader", request_timeout=settings.admin_timeout),
        auto_offset_reset="none",
        enable_auto_commit=False,
    )
    consumer.assign([KafkaPartition(*at) for at in start])
    connected = False
    try:
        async with asyncio.timeout(settings.admin_timeout.total_seconds()):
            await consumer.start()
        for at, offset in start.items():
            consumer.seek(KafkaPartition(*at), offset)
        connected = True
    except CONNECTING as error:
        cause = await probe(cluster, settings.connect_timeout / 2) or cause_of(error, cluster, settings)
        kind = LogMisconfigured if cause.hopeless else LogUnavailable
        raise kind(f"reading failed: {cause.text}") from error
    finally:
        if not connected:
            await abandon_consumer(consumer)
    return consumer


async def _poll(
    cluster: Cluster, admin: KafkaAdmin, consumer: Any, left: Collection[TopicPartition]
) -> list[ConsumerRecord[Any, Any]]:
    """The next records of the partitions left; none after half a second."""
    try:
        found = await consumer.getmany(*(KafkaPartition(*at) for at in left), timeout_ms=POLL, max_records=RECORDS)
    except OffsetOutOfRangeError as error:
        at, offset = out_of_range(error)
        raise lost(at, offset, (await admin.offsets([at], "earliest"))[at]) from error
    except KafkaError as error:
        cause = cause_of(error, cluster, cluster.settings)
        kind = LogMisconfigured if cause.hopeless else LogUnavailable
        raise kind(f"reading failed: {cause.text}") from error
    return [record for batch in found.values() for record in batch]


def _now() -> float:
    return asyncio.get_running_loop().time()
