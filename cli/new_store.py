"""Going on with another state store when the one that the positions in the log belong to is lost."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

from cli.base import Installation
from cli.errors import CommandFailed
from cli.idle import changes_explained, require_no_workers
from cli.plugins import loaded
from cli.wiring import opened_log, opened_store, store_url
from dispatcher.adopting import adopt, foreign
from dispatcher.settings import Entry
from dispatcher.worker import topics_of
from eventlog.log import EventLog
from schemas.topics import Topics

LOST = (
    "not in this store, and lost unless the old one is put back: timers that waited, contacts, counts of caps, replays "
    "that waited, and which effects (ctx.once) of events not yet settled have happened: those may happen again"
)
# Seconds that looking at the store may take.
_PATIENCE = 5


async def taken_over(here: Installation) -> Mapping[str, int]:
    """Make every entry's positions those of the configured store; entry → partitions that were another's.

    Raises:
        CommandFailed: workers run, or the log or the store fails.
    """
    require_no_workers(here)
    topics = here.settings.topics.topics()
    found = {}
    with changes_explained():
        async with opened_store(here) as store, opened_log(here) as log:
            for entry in loaded(here).plan.entries:
                found[entry.name] = await adopt(log, _group(entry, topics), topics_of(entry, topics), ours=store.id)
    return found


async def strangers(here: Installation, log: EventLog) -> list[str]:
    """The entries whose positions belong to another store than the configured one; none while that does not answer.

    Raises:
        EventLogError: the log does not.
    """
    topics, url = here.settings.topics.topics(), store_url(here)
    if await asyncio.to_thread(lambda: url.startswith("sqlite") and not Path(url.removeprefix("sqlite:///")).exists()):
        return []
    try:
        async with asyncio.timeout(_PATIENCE), opened_store(here) as store:
            ours = store.id
    except (CommandFailed, TimeoutError):
        return []
    return [
        entry.name
        for entry in loaded(here).plan.entries
        if await foreign(log, _group(entry, topics), topics_of(entry, topics), ours=ours)
    ]


def _group(entry: Entry, topics: Topics) -> str:
    return f"{topics.prefix}{entry.name}"
