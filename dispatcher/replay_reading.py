"""Reading the events of a replay out of the log, a page at a time."""

import asyncio
from collections.abc import Callable, Collection, Iterable
from contextlib import aclosing
from datetime import datetime
from typing import TypeAlias

import structlog

from dispatcher import replay_cursor
from dispatcher.alone import partitions_of
from dispatcher.reader import Wanted
from dispatcher.replay_cursor import Cursor
from dispatcher.replay_feeding import Page, Step
from dispatcher.replay_filters import Filters, FromDead, FromTopics
from eventlog.log import EventLog
from schemas.record import StoredRecord
from store.decisions import Rename
from store.replay_jobs import JobOrder
from store.replay_rows import Order

log = structlog.get_logger()

Pick: TypeAlias = Callable[[StoredRecord], Order | None]
"""What to ask for when a record is met; None: nothing."""

# A page ends with so many events, bytes of them, records that were looked at, or seconds: then it is noted how far that
# is. Well before a lease is over, or two processes would take turns and none would get anywhere.
STEPS, _BYTES, _RECORDS, _SECONDS = 200, 4 * 1024 * 1024, 20_000, 3.0


def pick(job: JobOrder, asked_at: datetime, wanted: Wanted | None, renames: Collection[Rename]) -> Pick:
    """What a job picks.

    Args:
        job: the job.
        asked_at: when it was asked for.
        wanted: what its entry's handler is given; needed where it reads topics.
        renames: the names that entries had before.

    Raises:
        ValueError: it reads topics, and nobody knows what its entry is given.
    """
    filters = Filters.model_validate_json(job.filters)
    if job.reads == "dead":
        return FromDead(job=job, filters=filters, renames=renames)
    if wanted is None:
        raise ValueError(f"{job.handler} is no entry that runs here")
    return FromTopics(job=job, filters=filters, wanted=wanted, asked_at=asked_at)


async def whole(log: EventLog, topics: Iterable[str], since: datetime | None) -> Cursor:
    """All that topics hold now, from a time on if one is given.

    Raises:
        LogUnavailable: the log is away.
    """
    partitions = await partitions_of(log, list(topics))
    starts = await log.offsets(partitions, "earliest" if since is None else since)
    return replay_cursor.beginning(starts, await log.offsets(partitions, "end"))


async def settled(log: EventLog, topics: Iterable[str], since: datetime | None, *, group: str) -> Cursor:
    """All of this that a group has settled: what it is behind with it will be given in any case.

    Raises:
        LogUnavailable: the log is away.
    """
    everything = await whole(log, topics, since)
    positions = await log.group_positions(group, list(everything))
    ends = {at: commit.offset for at, commit in positions.items() if commit is not None}
    return replay_cursor.beginning({at: span.start for at, span in everything.items()}, ends)


async def page(log_: EventLog, cursor: Cursor, picked: Pick, *, steps: int = STEPS) -> Page:
    """Read on until there is a page full, or nothing left to read.

    Raises:
        EventLogError: the log is away, or dropped what was to be read next: read again.
    """
    begin = await _clamped(log_, cursor)
    reached = {at: span.next for at, span in begin.items() if span.left}
    found: list[Step] = []
    size = looked = 0
    now = asyncio.get_running_loop().time
    until = now() + _SECONDS
    async with aclosing(log_.read(reached, follow=False, until={at: begin[at].end for at in reached})) as records:
        async for record in records:
            looked += 1
            reached[record.at] = record.offset + 1
            if (order := picked(record)) is not None:
                found.append(Step(record.at, record.offset + 1, order))
                size += record.size
            if len(found) >= steps or size >= _BYTES or looked >= _RECORDS or now() >= until:
                return Page(begin, found, replay_cursor.passed(begin, reached))
    return Page(begin, found, replay_cursor.at_end(begin))


async def _clamped(log_: EventLog, cursor: Cursor) -> Cursor:
    """The cursor beyond what the log dropped meanwhile."""
    wanted = [at for at, span in cursor.items() if span.left]
    first = await log_.offsets(wanted, "earliest") if wanted else {}
    moved = replay_cursor.without(cursor, first)
    if gone := replay_cursor.gone(moved) - replay_cursor.gone(cursor):
        log.warning("replay.trimmed", records=gone)
    return moved
