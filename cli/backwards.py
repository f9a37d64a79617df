"""The newest records of a log: read back from its end page by page, so that a long log need not be read from its start.

A log has no index: of what is rare all of it is looked through, and nothing but what is wanted is kept.
"""

import heapq
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal, TypeAlias

from cli.overtaken import read_on
from eventlog.log import EventLog
from schemas.record import StoredRecord, TopicPartition

Wanted: TypeAlias = Callable[[StoredRecord], bool]
FIRST, FACTOR = 64, 8
"""Records of a partition that are read first, and how many times more are read each time after that."""
# Seconds of reading until a person is told how far it is, and between that and the next time.
_FIRST_NOTE, _NEXT_NOTE = 2.0, 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A part of a log: of each partition the first offset, and the one before which it ends."""

    first: Mapping[TopicPartition, int]
    end: Mapping[TopicPartition, int]


@dataclass(slots=True)
class _Progress:
    """Counts what is read, and tells how far it is when it takes long."""

    count: int = 0
    note_at: float = field(default_factory=lambda: time.monotonic() + _FIRST_NOTE)

    def __call__(self) -> None:
        self.count += 1
        if time.monotonic() >= self.note_at:
            sys.stderr.write(f"hookline: {self.count:,} records looked through; the log has no index\n")
            self.note_at = time.monotonic() + _NEXT_NOTE


async def span(
    log: EventLog, partitions: list[TopicPartition], since: datetime | None = None, until: datetime | None = None
) -> Span:
    """What partitions have, between two times if they are given.

    Raises:
        LogUnavailable: the log is away.
    """
    begin: Literal["earliest"] | datetime = "earliest" if since is None else since
    stop: Literal["end"] | datetime = "end" if until is None else until
    return Span(first=await log.offsets(partitions, begin), end=await log.offsets(partitions, stop))


async def newest(
    log: EventLog, part: Span, wanted: Wanted, limit: int, *, enough: int | None = None
) -> list[StoredRecord]:
    """The newest records that are wanted, the oldest first; without their values.

    In a partition records are taken to come in the order of their times. Behind many that came late, as deliveries of
    the quarantine do, newer ones may be missed.

    Args:
        log: where from.
        part: what of it is looked through.
        wanted: which records.
        limit: at most so many.
        enough: with so many it ends, whether or not these are the newest; by default none but the newest will do.

    Raises:
        EventLogError: the log does not answer.
    """
    begin, low, size, told = dict(part.first), dict(part.end), FIRST, _Progress()
    left = {at for at, first in begin.items() if first < low[at]}
    found: list[StoredRecord] = []
    while left:
        start = {at: max(begin[at], low[at] - size) for at in left}
        # Of the older half of each page. Where all of that is older than what was found, so is what is before it.
        latest: dict[TopicPartition, int] = {}
        until = {at: low[at] for at in left}
        async for record in read_on(log, start, until=until, moved=begin.__setitem__):
            told()
            if 2 * record.offset < start[record.at] + low[record.at]:
                latest[record.at] = max(record.timestamp, latest.get(record.at, record.timestamp))
            if wanted(record):
                found.append(replace(record, value=None))
            if len(found) > 2 * limit + FIRST:
                found = _last(found, limit)
        found = _last(found, limit)
        low |= start
        if enough is not None and len(found) >= enough:
            break
        floor = found[0].timestamp if len(found) == limit else None
        left = {at for at in left if low[at] > begin[at] and (floor is None or latest.get(at, floor) >= floor)}
        size *= FACTOR
    return found


def _last(records: list[StoredRecord], limit: int) -> list[StoredRecord]:
    return heapq.nlargest(limit, records, key=_age)[::-1]


def _age(record: StoredRecord) -> tuple[int, str, int, int]:
    return record.timestamp, record.topic, record.partition, record.offset
