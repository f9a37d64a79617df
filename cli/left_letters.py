"""Dead letters that stay in an embedded log that is left: commands read those of the log that is configured."""

import contextlib
import sys

from cli.base import Installation
from cli.dead_desk import open_letters
from cli.errors import CommandFailed
from cli.findings import Finding
from cli.stranded import command, embedded, leaves_embedded
from cli.wiring import log_url, opened_log, store_url
from dispatcher.alone import partitions_of
from eventlog.errors import EventLogError
from eventlog.open import sqlite_path
from store.errors import StoreError


async def left_letters(here: Installation) -> int:
    """How many stand in the embedded log that Kafka took the place of, and nobody has dealt with.

    Raises:
        CommandFailed: the log or the store does not answer.
    """
    return await open_letters(embedded(here)) if leaves_embedded(here) else 0


async def unconnected(here: Installation) -> list[Finding]:
    """A warning if there are some. Reads files, connects to nothing."""
    if not leaves_embedded(here):
        return []
    try:
        if store_url(here).startswith("sqlite"):
            return warning(here, await left_letters(here))
        count = await _letters(here)
    except (EventLogError, StoreError, CommandFailed):
        return []
    unknown = ". Whether somebody has dealt with them stands in the store: `hookline doctor` asks it"
    return [_finding(f"{told(here, count)}{unknown}")] if count else []


def warning(here: Installation, count: int) -> list[Finding]:
    """A warning of so many that nobody has dealt with, if there are any."""
    return [_finding(f"nobody has dealt with {told(here, count)}")] if count else []


async def tell_left(here: Installation) -> None:
    """Tell whoever lists dead letters that there are others."""
    with contextlib.suppress(EventLogError, CommandFailed):
        if count := await left_letters(here):
            sys.stderr.write(f"hookline: not listed: {told(here, count)}\n")


async def staying(here: Installation) -> list[str]:
    """What to know of the dead letters of an embedded log before it is left.

    Raises:
        CommandFailed: the log or the store does not answer.
    """
    if log_url(here).startswith("kafka://") or not (count := await open_letters(here)):
        return []
    ours = str(sqlite_path(log_url(here)).absolute())
    return [
        f"{count:,} open dead letter(s) stay in this log; with another one {ways(here, HOOKLINE_EVENTLOG__URL=ours)}"
    ]


def told(here: Installation, count: int) -> str:
    """So many, where they are, and what shows and replays them."""
    return f"{count:,} dead letter(s) in {here.data / 'events.db'}, the log of before Kafka: {ways(here)}"


def ways(here: Installation, **variables: str) -> str:
    """The commands that show and replay them, with what else the environment is to hold."""
    show, replay = (command(here, "dead", verb, **variables) for verb in ("list", "replay"))
    return f"`{show}` shows them, and `{replay} ID` has one handled by the workers that run then"


async def _letters(here: Installation) -> int:
    """How many there are, whatever became of them."""
    async with opened_log(embedded(here)) as log:
        partitions = await partitions_of(log, [here.settings.topics.topics().name("dead")])
        begin, end = await log.offsets(partitions, "earliest"), await log.offsets(partitions, "end")
    return sum(end[at] - begin[at] for at in partitions)


def _finding(why: str) -> Finding:
    return Finding("dead letters left behind", "degraded", why)
