"""`hookline handlers`: which there are, what they do, how far behind they are; and what can be done to them."""

import asyncio
import sys
from collections.abc import Mapping
from typing import Annotated

import typer

from cli import process
from cli.addresses import alive
from cli.base import Installation, installation
from cli.commands import handlers_moves, handlers_stops
from cli.entry_reports import ask
from cli.entry_rows import rows
from cli.errors import CommandFailed
from cli.lags import Standing, forgotten_told, standings, unknown
from cli.output import blocks, listing, printable
from cli.plugins import Plugins, loaded
from dispatcher.leftovers import unread_told
from dispatcher.stops import advice

app = typer.Typer(no_args_is_help=True, help="The handlers of this configuration.")
app.command("pause")(handlers_stops.pause)
app.command("resume")(handlers_stops.resume)
app.command("rewind")(handlers_moves.rewind)
app.command("rename")(handlers_moves.rename)
app.command("forget")(handlers_moves.forget)
# Seconds until the lags are left out.
PATIENCE = 5
WHY = ("entry", "state", "reason", "why", "on", "accounts", "about", "origin")
COLUMNS = ("entry", "handler", "state", "lag", "parked", "waiting", "reason")


@app.callback()
def group() -> None:
    """The handlers of this configuration."""


@app.command("list")
def list_(
    context: typer.Context,
    why: Annotated[
        bool, typer.Option("--why", help="Why each runs or not, what it reads and needs, where it is from.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="A JSON line an entry, with everything.")] = False,
) -> int:
    """Show every entry and how it stands. Ends with 1 when one is broken.

    lag: events of its topics that it has not settled. parked: events that wait for another attempt in the state store,
    and those behind them. waiting: timers it has set. Empty: it never ran.

    state: paused by somebody; tripped, too many of its events died; lost, the log forgot its position; crashing, an
    event was under way at crash after crash. As workers that run with this data folder say: failed, it must not run
    on; stuck, an attempt does not end; away, it waits for a platform. Empty: neither log nor store told.
    """
    here = installation(context)
    plugins = loaded(here)

    async def shown() -> int:
        found, reports = await asyncio.gather(_standings(here, plugins), asyncio.to_thread(ask, alive(here.data)))
        listed = rows(plugins, here.settings.topics.topics(), found, reports)
        show, columns = (blocks, WHY) if why else (listing, COLUMNS)
        show(listed, columns, as_json=as_json, empty="there are no handlers")
        if not why and not as_json:
            for problem in plugins.problems:
                sys.stderr.write(f"hookline: {printable(problem)}\n")
            for name, standing in found.items():
                if standing.stop is not None:
                    sys.stderr.write(f"hookline: {printable(f'{name}: {advice(standing.stop)}')}\n")
                if standing.forgotten:
                    sys.stderr.write(f"hookline: {printable(forgotten_told(name, standing.forgotten))}\n")
                if standing.unread:
                    sys.stderr.write(f"hookline: {printable(f'{name}: {unread_told(name, standing.unread)}')}\n")
        return 1 if plugins.problems else 0

    return process.run(lambda _stopping: shown())


async def _standings(here: Installation, plugins: Plugins) -> Mapping[str, Standing]:
    """How the entries stand; without the log or the store the list is shown all the same."""
    try:
        async with asyncio.timeout(PATIENCE):
            return await standings(here, plugins.plan.entries)
    except TimeoutError:
        sys.stderr.write(f"hookline: how they stand is not shown: the event log does not answer within {PATIENCE} s\n")
    except CommandFailed as error:
        sys.stderr.write(f"hookline: how they stand is not shown: {error}\n")
    return await unknown(here, plugins.plan.entries)
