"""What waits for a person: open dead letters, and deliveries in the quarantine."""

import asyncio
from collections.abc import AsyncIterator

from cli.base import Installation
from cli.dead_desk import open_letters
from cli.errors import CommandFailed
from cli.findings import Finding
from cli.wiring import opened_log
from eventlog.errors import EventLogError
from schemas.record import TopicPartition


async def undealt(here: Installation, *, patience: float) -> AsyncIterator[Finding]:
    """A warning for each kind there is; nothing while the log or the store is away, which others tell.

    Args:
        here: whose.
        patience: seconds that reading the dead letters may take.
    """
    try:
        async with asyncio.timeout(patience):
            letters, deliveries = await open_letters(here), await _quarantined(here)
    except TimeoutError:
        why = f"they cannot be counted within {patience:g} s, so there are many: see `hookline dead list`"
        yield Finding("dead letters", "degraded", why)
        return
    except (EventLogError, CommandFailed):
        return
    if letters:
        why = f"{letters:,} that nobody has dealt with: see `hookline dead list`, then replay or discard them"
        yield Finding("dead letters", "degraded", why)
    if deliveries:
        see = "hookline tail quarantine --from start --no-follow"
        why = f"{deliveries:,} authentic deliveries did not fit what the platform should send: see `{see}`"
        yield Finding("quarantine", "degraded", f"{why}. They are dropped when the topic's retention is over")


async def _quarantined(here: Installation) -> int:
    topic = here.settings.topics.topics().name("quarantine")
    async with opened_log(here) as log:
        partitions = [TopicPartition(topic, number) for number in range((await log.partitions([topic])).get(topic, 0))]
        if not partitions:
            return 0
        begin, end = await log.offsets(partitions, "earliest"), await log.offsets(partitions, "end")
    return sum(end[at] - begin[at] for at in partitions)
