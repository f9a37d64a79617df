"""`hookline events`: which events the log has, and what happened to one of them."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Annotated

import typer

from cli import process
from cli.backwards import newest, span
from cli.base import Installation, installation
from cli.errors import CommandFailed, Misconfigured
from cli.event_rows import COLUMNS, holding, is_event, place, row
from cli.moments import moment
from cli.output import json_line, listing, printable
from cli.overtaken import read_on
from cli.picked import Picked
from cli.records import as_object as record_object
from cli.wiring import opened_log
from dispatcher.alone import partitions_of, readable
from eventlog.errors import EventLogError
from eventlog.log import EventLog
from schemas.record import StoredRecord

app = typer.Typer(no_args_is_help=True, help="The events of the log, and what happened to one.")
Source = Annotated[str | None, typer.Option(help="Only of this source, or published by this handler.")]
Key = Annotated[str | None, typer.Option(help="Only of this conversation, or contact: the search is shorter.")]


@app.command("list")
def list_(
    context: typer.Context,
    event_type: Annotated[
        str | None, typer.Option("--type", help="Only such as message.created, or message.*.")
    ] = None,
    source: Source = None,
    key: Key = None,
    since: Annotated[str | None, typer.Option(help="Received since: 30m, 6h, 7d ago, or a time with its zone.")] = None,
    until: Annotated[str | None, typer.Option(help="Received before: likewise.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="The newest so many.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="A JSON line an event.")] = False,
) -> int:
    """List the newest events of the log, the oldest of them first."""
    here = installation(context)
    picked = Picked(source=source, type=event_type, key=key)
    begin, end = _moment("--since", since), _moment("--until", until)
    prefix = here.settings.topics.prefix

    async def listed() -> int:
        async with _log(here) as log:
            partitions = holding(await partitions_of(log, readable(here.settings.topics.topics())), picked.key_bytes)
            part = await span(log, partitions, begin, end)
            found = await newest(log, part, lambda one: is_event(one) and picked(one), limit)
        rows = [row(one) for one in found]
        shown = rows if as_json else [{**one, "place": place(one, prefix)} for one in rows]
        listing(shown, COLUMNS, as_json=as_json, empty="there are no such events")
        return 0

    return process.run(lambda _stopping: listed())


@app.command()
def show(
    context: typer.Context,
    event_id: Annotated[
        str, typer.Argument(metavar="ID", help="The event's id, or the platform's own id of its delivery.")
    ],
    source: Source = None,
    key: Key = None,
    data: Annotated[bool, typer.Option("--data", help="Also what it says: people's words, maybe.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As one JSON line.")] = False,
) -> int:
    """Show where an event stands, and what became of it in each handler: settled, waiting, parked, dead, replayed.

    Ends with 1 when there is no such event, or the state store does not answer: the log tells its part then.
    """
    # `list` asks the log alone, and does without plugins and state store
    from cli.event_story import as_object, print_story  # noqa: PLC0415 - as said
    from cli.event_traces import elsewhere, find, story  # noqa: PLC0415 - as said
    from cli.event_unknown import unknown  # noqa: PLC0415 - as said

    here = installation(context)
    picked = Picked(source=source, key=key)

    async def shown() -> int:
        async with _log(here) as log:
            copies = await find(here, log, event_id, picked)
            if not copies:
                where = await elsewhere(here, log, event_id)
                raise CommandFailed(unknown(here.settings.topics.topics(), printable(event_id), where))
            told = await story(here, log, copies)
            value = await _whole(log, copies[0]) if data else None
        if as_json:
            json_line(as_object(told) | ({} if value is None else {"data": record_object(value)["value"]}))
        else:
            print_story(told, value, here.settings.topics.prefix)
        if told.kept.trouble:
            sys.stderr.write(f"hookline: what the state store knows of it is not shown: {told.kept.trouble}\n")
            return 1
        return 0

    return process.run(lambda _stopping: shown())


async def _whole(log: EventLog, record: StoredRecord) -> StoredRecord:
    """The record with its value; as it is when retention dropped it meanwhile."""
    one = read_on(log, {record.at: record.offset}, until={record.at: record.offset + 1})
    return await anext(aiter(one), record)


def _moment(option: str, text: str | None) -> datetime | None:
    try:
        return None if text is None else moment(text, datetime.now(UTC))
    except ValueError as error:
        raise Misconfigured(f"{option}: {error}") from error


@asynccontextmanager
async def _log(here: Installation) -> AsyncIterator[EventLog]:
    async with opened_log(here) as log:
        try:
            yield log
        except EventLogError as error:
            raise CommandFailed(f"the event log does not answer: {error}") from error
