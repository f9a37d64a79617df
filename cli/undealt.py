"""What waits for a person: open dead letters, deliveries in the quarantine, and very many parked events."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping

from cli.base import Installation
from cli.dead_desk import open_letters
from cli.errors import CommandFailed
from cli.findings import Finding
from cli.left_letters import left_letters, warning
from cli.wiring import opened_log, opened_store, store_errors_explained
from dispatcher.alone import partitions_of
from dispatcher.equipment import Limits
from eventlog.errors import EventLogError

PARKED = Limits().parked
"""So many events an entry may have parked."""


async def undealt(here: Installation, *, patience: float) -> AsyncIterator[Finding]:
    """A warning for each kind there is; nothing while the log or the store is away, which others tell.

    Args:
        here: whose.
        patience: seconds that reading the dead letters may take.
    """
    try:
        async with asyncio.timeout(patience):
            letters, deliveries = await open_letters(here), await _quarantined(here)
            parked, left = await _parked(here), await left_letters(here)
    except TimeoutError:
        why = f"they cannot be counted within {patience:g} s, so there are many: see `hookline dead list`"
        yield Finding("dead letters", "degraded", why)
        return
    except (EventLogError, CommandFailed):
        return
    if letters:
        why = f"{letters:,} that nobody has dealt with: see `hookline dead list`, then replay or discard them"
        yield Finding("dead letters", "degraded", why)
    for one in warning(here, left):
        yield one
    if deliveries:
        why = (
            f"{deliveries:,} authentic deliveries did not fit what the platform should send: see "
            "`hookline replay --quarantine --dry-run`, mend what reads them, and replay them before the topic's "
            "retention is over, when they are dropped"
        )
        yield Finding("quarantine", "degraded", why)
    for one in crowded(parked):
        yield one


def crowded(parked: Mapping[str, int]) -> Iterator[Finding]:
    """A warning for each entry that has more than half of the parked events it may have."""
    for entry, count in sorted(parked.items()):
        if count > PARKED // 2:
            why = f"{entry} has {count:,}, and with {PARKED:,} it reads nothing more until some are done"
            yield Finding("parked events", "degraded", f"{why}: see why its attempts fail, `attempt.failed` in the log")


async def _parked(here: Installation) -> Mapping[str, int]:
    async with opened_store(here) as store:
        with store_errors_explained():
            return await store.parked.counts()


async def _quarantined(here: Installation) -> int:
    """How many deliveries nobody has dealt with. Without any the store is left alone."""
    async with opened_log(here) as log:
        partitions = await partitions_of(log, [here.settings.topics.topics().name("quarantine")])
        begin, end = await log.offsets(partitions, "earliest"), await log.offsets(partitions, "end")
        identity = await log.identity()
    there = sum(end[at] - begin[at] for at in partitions)
    if not there:
        return 0
    async with opened_store(here) as store:
        with store_errors_explained():
            return there - await store.quarantine.count(identity, begin)
