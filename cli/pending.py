"""Whether an entry still has an event before it: one that is being retried is no dead letter yet."""

import asyncio
import contextlib
from datetime import timedelta

from cli.output import printable
from cli.overtaken import read_on
from dispatcher import metadata
from eventlog.log import Commit, EventLog
from schemas.record import TopicPartition
from schemas.topics import Topics
from store.store import Store

# What is not settled stands at the end of the log. Of a long backlog only the beginning is looked through.
_LOOKS_FOR = timedelta(seconds=5)
_NO_EVENTS = ("deliveries", "quarantine", "dead")


async def is_pending(topics: Topics, log: EventLog, store: Store, *, entry: str, event_id: str) -> bool:
    """Whether an entry has not settled an event, has it parked, or has a timer set whose firing will be that event.

    Raises:
        EventLogError: the log does not answer.
        StoreError: the store does not.
    """
    if await store.schedule.is_pending(entry, event_id) or await store.parked.is_parked(entry, event_id):
        return True
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_LOOKS_FOR.total_seconds()):
            return await _is_unsettled(topics, log, entry, event_id)
    return False


async def _is_unsettled(topics: Topics, log: EventLog, entry: str, event_id: str) -> bool:
    names = [name for name in topics.all() if name not in {topics.prefix + topic for topic in _NO_EVENTS}]
    counts = await log.partitions(names)
    partitions = [TopicPartition(name, number) for name, count in counts.items() for number in range(count)]
    found = await log.group_positions(f"{topics.prefix}{entry}", partitions)
    positions = {at: commit for at, commit in found.items() if commit is not None}
    if not positions:
        return False
    async for record in read_on(log, {at: commit.offset for at, commit in positions.items()}):
        there = (record.header("ce_id") or b"").decode("utf-8", "replace")
        if event_id in (there, printable(there)) and not settled(positions[record.at], record.offset):
            return True
    return False


def settled(commit: Commit, offset: int) -> bool:
    """Whether a position says that a record at or above it was settled, ahead of others."""
    known = metadata.decode(commit.metadata, commit.offset)
    return known is not None and offset < known.finished.high and offset not in known.finished.unfinished
