"""Records of lanes that wait long, as values and as rows of `parked`."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from schemas.record import StoredRecord, TopicPartition
from store.digests import fingerprint
from store.owners import Epoch
from store.tables import parked


class LaneName(NamedTuple):
    """What names a lane, inside its partition. Bytes as they stand in the record."""

    source: bytes
    # None for a record without a key; its offset then names the lane.
    key: bytes | None
    offset: int = -1

    @property
    def slot(self) -> bytes:
        """What stands for it in the index."""
        place = ("-", str(self.offset)) if self.key is None else (_text(self.key),)
        return fingerprint(_text(self.source), *place)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """What came of the attempts at a parked record so far, and when it is tried next."""

    due: datetime
    # Attempts begun, and those of them that do not count.
    made: int = 0
    free: int = 0
    first_failed_at: datetime | None = None
    held_up_since: datetime | None = None
    # What came of the last one, safe to show.
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToPark:
    """A record to be parked."""

    record: StoredRecord
    lane: LaneName
    # What is the same in every copy of its event.
    identity: bytes
    event_id: str
    tried: Tried


@dataclass(frozen=True, slots=True, kw_only=True)
class ParkedRow:
    """A parked record as its worker loads it."""

    id: int
    # At its first place, in the event log of this identity.
    record: StoredRecord
    log: str
    # Where it stands among the records of the partition that runs it.
    position: int
    tried: Tried


class ParkedLane(NamedTuple):
    """A lane that has rows."""

    name: LaneName
    rows: int
    # When the first of them is tried next.
    due: datetime


ROWS = (
    parked.c.id,
    parked.c.topic,
    parked.c.position,
    parked.c.due,
    parked.c.made,
    parked.c.free,
    parked.c.first_failed_at,
    parked.c.held_up_since,
    parked.c.detail,
    parked.c.record_log,
    parked.c.record_partition,
    parked.c.record_offset,
    parked.c.key,
    parked.c.timestamp,
    parked.c.headers,
    parked.c.value,
)
"""The columns of a `ParkedRow`."""


def columns_of(tried: Tried) -> dict[str, Any]:
    """What changes in a row with every attempt."""
    return {
        "due": tried.due,
        "made": tried.made,
        "free": tried.free,
        "first_failed_at": tried.first_failed_at,
        "held_up_since": tried.held_up_since,
        "detail": tried.detail,
    }


def of_record(one: ToPark, *, handler: str, at: TopicPartition, epoch: Epoch, now: datetime) -> dict[str, Any]:
    """The row of a record that is to be parked by the partition it was read from."""
    record = one.record
    return {
        **columns_of(one.tried),
        "handler": handler,
        "log": epoch.log,
        "topic": at.topic,
        "partition": at.partition,
        "position": record.offset,
        "slot": one.lane.slot,
        "identity": identity_of(one.identity),
        "event_id": one.event_id,
        "parked_at": now,
        "record_log": epoch.log,
        "record_partition": record.partition,
        "record_offset": record.offset,
        "source": one.lane.source,
        "key": record.key,
        "timestamp": record.timestamp,
        "headers": record.headers,
        "value": record.value,
    }


def identity_of(identity: bytes) -> bytes:
    """What stands for an event in the index."""
    return fingerprint(_text(identity))


def row_of(row: Any) -> ParkedRow:
    """A row with its record."""
    return ParkedRow(
        id=row.id,
        log=row.record_log,
        position=row.position,
        record=StoredRecord(
            topic=row.topic,
            partition=row.record_partition,
            offset=row.record_offset,
            key=row.key,
            value=row.value,
            headers=row.headers,
            timestamp=row.timestamp,
        ),
        tried=Tried(
            due=row.due,
            made=row.made,
            free=row.free,
            first_failed_at=row.first_failed_at,
            held_up_since=row.held_up_since,
            detail=row.detail,
        ),
    )


def lane_of(row: Any) -> ParkedLane:
    """A lane with the first of its rows."""
    offset = row.record_offset if row.key is None else -1
    return ParkedLane(LaneName(row.source, row.key, offset), row.rows, row.due)


def _text(raw: bytes) -> str:
    """One character a byte."""
    return raw.decode("latin-1")
