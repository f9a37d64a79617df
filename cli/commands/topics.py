"""`hookline topics plan|apply`: what is missing in the log, and making it."""

import asyncio
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from cli import process
from cli.base import Installation, installation
from cli.errors import CommandFailed
from cli.output import listing
from cli.topic_state import look
from cli.wiring import opened_log
from eventlog.errors import EventLogError
from eventlog.log import EventLog
from schemas.topics import TopicSettings

app = typer.Typer(no_args_is_help=True, help="The topics in the log.")
Json = Annotated[bool, typer.Option("--json", help="A JSON line a topic.")]


@app.command()
def plan(context: typer.Context, as_json: Json = False) -> int:
    """Show which topics exist, and which `apply` would create. Ends with 1 when something is missing or differs."""
    here = installation(context)
    return process.run(lambda _stopping: _plan(here, as_json=as_json))


@app.command()
def apply(context: typer.Context, as_json: Json = False) -> int:
    """Create the topics that are missing. Those that exist stay as they are."""
    here = installation(context)
    return process.run(lambda _stopping: _apply(here, as_json=as_json))


async def _plan(here: Installation, *, as_json: bool) -> int:
    async with opened_log(here) as log:
        rows = await _states(log, here.settings.topics.topics().all())
    listing(rows, ("topic", "partitions", "wanted", "state"), as_json=as_json, empty="no topics are configured")
    return 0 if all(row["state"] == "ok" for row in rows) else 1


async def _apply(here: Installation, *, as_json: bool) -> int:
    wanted = here.settings.topics.topics().all()
    async with opened_log(here) as log:
        before = {row["topic"]: row["state"] for row in await _states(log, wanted)}
        missing = {topic: settings for topic, settings in wanted.items() if before[topic] == "missing"}
        try:
            await log.create(missing)
        except EventLogError as error:
            raise CommandFailed(str(error)) from error
        rows = await _states(log, wanted)
    for row in rows:
        if row["topic"] in missing and row["state"] == "ok":
            row["state"] = "created"
    listing(rows, ("topic", "partitions", "wanted", "state"), as_json=as_json, empty="no topics are configured")
    return 0 if all(row["state"] in ("ok", "created") for row in rows) else 1


async def _states(log: EventLog, wanted: Mapping[str, TopicSettings]) -> list[dict[str, Any]]:
    try:
        async with asyncio.timeout(30):
            states = await look(log, wanted)
    except TimeoutError as error:
        raise CommandFailed("the event log does not answer within 30 s") from error
    except EventLogError as error:
        raise CommandFailed(f"the event log does not answer: {error}") from error
    return [{"topic": one.topic, "partitions": one.found, "wanted": one.wanted, "state": one.verdict} for one in states]
