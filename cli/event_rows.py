"""An event of the log as `hookline events` lists it: what its headers say and where it stands, never its data. Pure."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from eventlog.partitioner import partition_of
from schemas.record import StoredRecord, TopicPartition

COLUMNS = ("id", "type", "source", "key", "received_at", "place")
"""What a person sees of each."""


def text(record: StoredRecord, name: str) -> str:
    """A header as text; empty if it is missing."""
    return (record.header(name) or b"").decode("utf-8", "replace")


def is_event(record: StoredRecord) -> bool:
    """Whether it is one: every record of hookline's own, and of whoever writes CloudEvents."""
    return record.header("ce_id") is not None


def source_of(record: StoredRecord) -> str:
    """The name of its source, or of the handler that published it."""
    return text(record, "ce_source").rpartition("/")[2]


def rfc3339(time: datetime) -> str:
    """A time as it is shown."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def received_at(record: StoredRecord) -> str:
    """When hookline received the fact."""
    return rfc3339(datetime.fromtimestamp(record.timestamp / 1000, UTC))


def row(record: StoredRecord) -> dict[str, Any]:
    """What a listing shows of an event, and more for programs."""
    return {
        "id": text(record, "ce_id"),
        "type": text(record, "ce_type"),
        "source": source_of(record),
        "platform": text(record, "ce_platform"),
        "key": text(record, "ce_subject"),
        "time": text(record, "ce_time"),
        "received_at": received_at(record),
        "origin": text(record, "ce_origin"),
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
    }


def place(of: dict[str, Any], prefix: str) -> str:
    """Where an event stands, in words: `conversations/3@17`."""
    return f"{of['topic'].removeprefix(prefix)}/{of['partition']}@{of['offset']}"


def holding(partitions: Iterable[TopicPartition], key: bytes | None) -> list[TopicPartition]:
    """Those of the partitions that may have records of a key: one of each topic; without a key all."""
    known = list(partitions)
    if key is None:
        return known
    counts: dict[str, int] = {}
    for at in known:
        counts[at.topic] = counts.get(at.topic, 0) + 1
    return [at for at in known if at.partition == partition_of(key, counts[at.topic])]
