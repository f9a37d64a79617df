"""`hookline tail`: what the topics hold, as it comes."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated, TypeAlias

import typer

from cli import logs, process
from cli.base import Installation, installation
from cli.errors import CommandFailed
from cli.output import json_line, stdout
from cli.overtaken import read_on
from cli.picked import Picked
from cli.records import as_lines, as_object, wrapped
from cli.wiring import opened_log
from eventlog.errors import EventLogError
from eventlog.log import EventLog
from schemas.record import StoredRecord, TopicPartition

# Without --from, this many records that are there already are shown first, as `tail` does.
LAST = 10

# Prints one record.
Show: TypeAlias = Callable[[StoredRecord], None]


class From(StrEnum):
    """Where to begin."""

    START = "start"
    END = "end"


def tail(  # noqa: PLR0913, PLR0917 - each is an option
    context: typer.Context,
    topics: Annotated[list[str] | None, typer.Argument(help="With or without the prefix; default all events.")] = None,
    begin: Annotated[
        From | None, typer.Option("--from", help=f"Everything, or only what comes; default the last {LAST}.")
    ] = None,
    source: Annotated[str | None, typer.Option(help="Only what came from this source.")] = None,
    event_type: Annotated[
        str | None, typer.Option("--type", help="Only such as message.created, or message.*.")
    ] = None,
    key: Annotated[str | None, typer.Option(help="Only of this conversation, or contact.")] = None,
    event_id: Annotated[str | None, typer.Option("--id", help="Only the event with this id.")] = None,
    follow: Annotated[bool, typer.Option("--follow/--no-follow", help="Wait for more.")] = True,
    headers: Annotated[
        bool, typer.Option("--headers/--no-headers", help="With the CloudEvents headers, or one line a record.")
    ] = True,
    as_json: Annotated[bool, typer.Option("--json", help="A JSON line a record.")] = False,
) -> int:
    """Show the records of the topics with their CloudEvents headers.

    A terminal gets long data cut at its edge, a file or a pipe gets all of it. What only some records have is
    looked for in all that the topics hold.
    """
    here = installation(context)
    if not follow:
        logs.configure(here.log_format, level=here.log_level, onlooker=logs.told_by_error)
    picked = Picked(source=source, type=event_type, key=key, id=event_id)
    show = _show_json if as_json else _shown_to_people(here.settings.topics.prefix, headers=headers)
    wanted = Wanted(_names(here, topics or []), begin, picked, follow)
    return process.run(lambda stopping: _tail(here, wanted, show, stopping))


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be shown."""

    topics: list[str]
    begin: From | None
    picked: Picked
    follow: bool


async def _tail(here: Installation, wanted: Wanted, show: Show, stopping: asyncio.Event) -> int:
    async with opened_log(here) as log:
        reading = asyncio.ensure_future(_show(log, wanted, show))
        stopped = asyncio.ensure_future(stopping.wait())
        await asyncio.wait({reading, stopped}, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if not reading.done():
            reading.cancel()
            await asyncio.wait({reading})
            return 0
        try:
            reading.result()
        except EventLogError as error:
            raise CommandFailed(str(error)) from error
    return 0


def _names(here: Installation, wanted: list[str]) -> list[str]:
    topics = here.settings.topics.topics()
    known = list(topics.all())
    chosen = [name if name in known else topics.prefix + name for name in wanted]
    for name in chosen:
        if name not in known:
            raise CommandFailed(f"there is no topic {name}; the topics are {', '.join(known)}")
    # Deliveries tell once more, as bytes, what the events tell.
    return chosen or [name for name in known if name != topics.name("deliveries")]


async def _show(log: EventLog, wanted: Wanted, show: Show) -> None:
    begin, picked = wanted.begin, wanted.picked
    counts = await log.partitions(wanted.topics)
    if not counts:
        raise CommandFailed("none of these topics exists yet: create them with `hookline topics apply`")
    partitions = [TopicPartition(name, number) for name, count in counts.items() for number in range(count)]
    end = await log.offsets(partitions, "end")
    start = end if begin is From.END else await log.offsets(partitions, "earliest")
    if begin is None:
        near = _near(start, end) if picked.is_all else start
        for record in await _last(read_on(log, near), picked):
            show(record)
        if not wanted.follow:
            return
        start = end
    async for record in read_on(log, start, follow=wanted.follow):
        if picked(record):
            show(record)


def _near(start: Mapping[TopicPartition, int], end: Mapping[TopicPartition, int]) -> dict[TopicPartition, int]:
    return {at: max(first, end[at] - LAST) for at, first in start.items()}


async def _last(records: AsyncIterator[StoredRecord], picked: Picked) -> list[StoredRecord]:
    """The newest of the records that are meant, oldest first."""
    found: list[StoredRecord] = []
    async for record in records:
        if picked(record):
            found.append(record)
        if len(found) > 100 * LAST:
            found = _newest(found)
    return _newest(found)


def _newest(records: list[StoredRecord]) -> list[StoredRecord]:
    return list(deque(sorted(records, key=lambda record: (record.timestamp, record.offset)), maxlen=LAST))


def _show_json(record: StoredRecord) -> None:
    json_line(as_object(record))


def _shown_to_people(prefix: str, *, headers: bool) -> Show:
    out = stdout()

    def show(record: StoredRecord) -> None:
        for line, may_be_cut in as_lines(record, prefix=prefix, headers=headers, now=datetime.now().astimezone()):
            if not out.is_terminal:
                out.print(line)
            elif may_be_cut:
                line.truncate(out.width, overflow="ellipsis")
                out.print(line)
            else:
                for part in wrapped(line, out.width):
                    out.print(part)

    return show
