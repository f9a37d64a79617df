"""`hookline handlers`: which there are, what they do, how far behind they are; and what can be done to them."""

import asyncio
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from cli import process
from cli.base import Installation, installation
from cli.commands import handlers_moves, handlers_stops
from cli.entry_states import told
from cli.errors import CommandFailed
from cli.lags import Standing, standings
from cli.output import listing, printable
from cli.plugins import Plugins, loaded
from store.stops import Stop

app = typer.Typer(no_args_is_help=True, help="The handlers of this configuration.")
app.command("pause")(handlers_stops.pause)
app.command("resume")(handlers_stops.resume)
app.command("rewind")(handlers_moves.rewind)
app.command("rename")(handlers_moves.rename)
app.command("forget")(handlers_moves.forget)
# Seconds until the lags are left out.
PATIENCE = 15
WHY = ("entry", "state", "about", "on", "origin")
COLUMNS = ("entry", "handler", "state", "lag", "parked", "waiting")


@app.callback()
def group() -> None:
    """The handlers of this configuration."""


@app.command("list")
def list_(
    context: typer.Context,
    why: Annotated[bool, typer.Option("--why", help="What each is given, where it is from, what is wrong.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="A JSON line an entry, with everything.")] = False,
) -> int:
    """Show every entry and how it stands. Ends with 1 when one is broken.

    lag: events of its topics that it has not settled. parked: events that wait for another attempt in the state store,
    and those behind them. waiting: timers it has set. Empty: it never ran. stopped: it was paused, or too many of its
    events died.
    """
    here = installation(context)
    plugins = loaded(here)

    async def listed() -> int:
        found = {} if why else await _standings(here, plugins)
        columns = WHY if why else COLUMNS
        listing(_rows(plugins, found), columns, as_json=as_json, empty="there are no handlers")
        if not why and not as_json:
            for problem in plugins.problems:
                sys.stderr.write(f"hookline: {printable(problem)}\n")
            for name, standing in found.items():
                if standing.stop is not None:
                    sys.stderr.write(f"hookline: {printable(f'{name}: {told(standing.stop)}')}\n")
        return 1 if plugins.problems else 0

    return process.run(lambda _stopping: listed())


async def _standings(here: Installation, plugins: Plugins) -> Mapping[str, Standing]:
    """How the entries stand; without the log or the store the list is shown all the same."""
    try:
        async with asyncio.timeout(PATIENCE):
            return await standings(here, plugins.plan.entries)
    except TimeoutError:
        sys.stderr.write(f"hookline: lag is not shown: the event log does not answer within {PATIENCE} s\n")
    except CommandFailed as error:
        sys.stderr.write(f"hookline: lag is not shown: {error}\n")
    return {}


def _rows(plugins: Plugins, found: Mapping[str, Standing]) -> Iterator[dict[str, Any]]:
    for entry in plugins.plan.entries:
        on = [data.event_type for data in entry.handler.on]
        standing = found.get(entry.name)
        yield {
            "entry": entry.name,
            "handler": entry.handler.name,
            "state": "stopped" if standing and standing.stop else "enabled",
            "lag": standing and standing.lag,
            "parked": standing and standing.parked,
            "waiting": standing and standing.waiting,
            "about": entry.handler.doc,
            "on": ", ".join(on),
            "origin": plugins.registry.handlers[entry.handler.name].origin,
            "sources": sorted(entry.sources) if entry.sources is not None else None,
            "stop": _object(standing.stop) if standing and standing.stop else None,
        }
    for name in plugins.plan.disabled:
        yield {"entry": name, "state": "disabled", "about": "enabled = false"}
    for name in plugins.plan.unconfigured:
        yield {"entry": name, "state": "not configured", "about": f"needs a section [handlers.{name}]"}
    for broken in plugins.registry.problems:
        yield {"entry": Path(broken.where).name, "state": "broken", "about": str(broken)}
    for problem in plugins.plan.problems:
        yield {"entry": problem.entry, "state": "broken", "about": str(problem)}


def _object(stop: Stop) -> dict[str, str]:
    return {"reason": stop.reason, "detail": stop.detail, "by": stop.by, "at": stop.at.isoformat()}
