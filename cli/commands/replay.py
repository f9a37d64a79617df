"""`hookline replay`: many events given to one entry again."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from typing import Annotated

import typer

from cli import process
from cli.base import Installation, installation
from cli.commands import quarantine
from cli.errors import CommandFailed
from cli.idle import require_consent
from cli.output import json_line, listing, printable, stdout
from cli.replay_orders import Asked, Said, begin, look, spacing
from cli.replay_states import COLUMNS, Standing
from cli.replay_waits import advice, standing
from cli.replays_left import placed
from cli.wiring import opened_log, opened_store, store_errors_explained
from store.store import Store

app = typer.Typer(
    no_args_is_help=True, help="Give many events to an entry again: dead letters, or what it has handled."
)
app.callback(invoke_without_command=True)(quarantine.replay)


class From(StrEnum):
    """Where the events come from."""

    DEAD = "dead"
    TOPICS = "topics"


Handler = Annotated[str, typer.Option(help="The entry that is given the events; no other is.")]
Reads = Annotated[
    From, typer.Option("--from", help="Its dead letters, or the topics it reads: what it has handled already.")
]
Reasons = Annotated[list[str] | None, typer.Option("--reason", help="Only of this reason; may be repeated.")]
Types = Annotated[
    list[str] | None, typer.Option("--type", help="Only such as message.created, or message.*; may be repeated.")
]
Sources = Annotated[list[str] | None, typer.Option("--source", help="Only what came from it; may be repeated.")]
Keys = Annotated[list[str] | None, typer.Option("--key", help="Only of this conversation or contact; may be repeated.")]
Ids = Annotated[list[str] | None, typer.Option("--id", help="Only the event with this id; may be repeated.")]
Since = Annotated[
    str | None,
    typer.Option(help="Only what died, or with --from topics was received, from then on: 2h (ago), or a time."),
]
Until = Annotated[str | None, typer.Option(help="Only what died, or was received, before: 30m (ago), or a time.")]
Rate = Annotated[
    float | None, typer.Option(min=0.001, max=10_000, help="Events a second; default as fast as the entry is.")
]
Redo = Annotated[bool, typer.Option("--redo-effects", help="Run effects of `once` anew, also those that happened.")]
Json = Annotated[bool, typer.Option("--json", help="JSON lines.")]
Number = Annotated[int, typer.Argument(metavar="ID", help="The replay's number, as `replay status` shows it.")]


@app.command()
def plan(  # noqa: PLR0913, PLR0917 - each is an option
    context: typer.Context,
    handler: Handler,
    reads: Reads = From.DEAD,
    reason: Reasons = None,
    event_type: Types = None,
    source: Sources = None,
    key: Keys = None,
    event_id: Ids = None,
    since: Since = None,
    until: Until = None,
    rate: Rate = None,
    as_json: Json = False,
) -> int:
    """Count what a replay would give to the entry. Nothing is written."""
    here = installation(context)
    said = Said(reasons=reason, types=event_type, sources=source, keys=key, ids=event_id, since=since, until=until)
    asked = _asked(handler, reads, said, rate=rate)
    return process.run(lambda _stopping: _plan(here, asked, as_json=as_json))


@app.command()
def start(  # noqa: PLR0913, PLR0917 - each is an option
    context: typer.Context,
    handler: Handler,
    reads: Reads = From.DEAD,
    reason: Reasons = None,
    event_type: Types = None,
    source: Sources = None,
    key: Keys = None,
    event_id: Ids = None,
    since: Since = None,
    until: Until = None,
    rate: Rate = None,
    redo_effects: Redo = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count, as `plan` does.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: Json = False,
) -> int:
    """Have events handled again by one entry, each in its lane, behind what the lane holds.

    The entry's workers find them and handle them; what happens after this moment is not meant. Of an event that
    dies again there is a new dead letter, which this replay does not take. More than ten events, or --redo-effects,
    are asked about first; where there is no terminal, say --yes.
    """
    here = installation(context)
    said = Said(reasons=reason, types=event_type, sources=source, keys=key, ids=event_id, since=since, until=until)
    asked = _asked(handler, reads, said, rate=rate, redo_effects=redo_effects)
    if dry_run:
        return process.run(lambda _stopping: _plan(here, asked, as_json=as_json))
    return process.run(lambda _stopping: _start(here, asked, yes=yes, as_json=as_json))


@app.command()
def status(
    context: typer.Context,
    number: Annotated[
        int | None, typer.Argument(metavar="[ID]", help="The replay's number; all of them without it.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="The newest so many.")] = 20,
    as_json: Json = False,
) -> int:
    """Show how replays stand: what was found, waits, is done, died again or was left out."""
    here = installation(context)

    async def shown() -> int:
        async with _store(here) as store:
            if number is not None:
                found = [await standing(store, number)]
            else:
                jobs = await store.replay_jobs.all(limit=limit)
                counts = await store.replay_jobs.counts([job.id for job in jobs])
                found = [Standing(job, counts[job.id]) for job in reversed(jobs)]
        found, now = list(await placed(here, found)), datetime.now(UTC)
        rows = [each.row(now) if as_json else each.shown(now) for each in found]
        listing(rows, COLUMNS, as_json=as_json, empty="there was no replay of many events yet")
        for each in [] if as_json else found:
            if each.advice:
                stdout().print(f"replay {each.job.id}: {each.advice}")
        return 0

    return process.run(lambda _stopping: shown())


@app.command()
def cancel(context: typer.Context, number: Number) -> int:
    """Look for no more events of a replay, and take back those that no worker has begun. May be repeated."""
    here = installation(context)

    async def cancelled() -> int:
        async with _store(here) as store:
            await standing(store, number)
            gone = await store.replay_jobs.cancel(number, datetime.now(UTC))
            found = await standing(store, number)
        told = f"{gone:,} events were taken back" if gone else "nothing was left to be taken back"
        stdout().print(f"replay {number}: {told}" + (f"; {found.summary()}" if found.summary() else ""))
        return 0

    return process.run(lambda _stopping: cancelled())


@asynccontextmanager
async def _store(here: Installation) -> AsyncIterator[Store]:
    async with opened_store(here) as store:
        with store_errors_explained():
            yield store


def _asked(handler: str, reads: From, said: Said, *, rate: float | None, redo_effects: bool = False) -> Asked:
    return Asked(
        handler=handler,
        reads=reads.value,
        filters=said.filters(reads.value),
        redo_effects=redo_effects,
        spacing=spacing(rate),
    )


async def _plan(here: Installation, asked: Asked, *, as_json: bool) -> int:
    async with opened_log(here) as log, _store(here) as store:
        _, found = await look(here, log, store, asked)
    if as_json:
        json_line(found.row())
        return 0
    for line in found.lines():
        stdout().print(printable(line))
    return 0


async def _start(here: Installation, asked: Asked, *, yes: bool, as_json: bool) -> int:
    async with opened_log(here) as log, _store(here) as store:
        number = await begin(here, log, store, asked, partial(require_consent, yes=yes))
        if number is None:
            raise CommandFailed("there is nothing to replay: `replay plan` with these options tells what was left out")
        found = await standing(store, number)
        then = await advice(store, found)
    if as_json:
        json_line(found.row(datetime.now(UTC)))
    else:
        stdout().print(printable(f"replay {number}: {then}"))
    return 0
