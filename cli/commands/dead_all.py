"""`hookline dead replay --all`: a replay as `hookline replay` begins them, of all that an entry gave up."""

import asyncio
from datetime import UTC, datetime, timedelta

from cli.base import Installation
from cli.output import json_line, printable, stdout
from cli.replay_orders import Asked, begin
from cli.replay_waits import advice, waited
from cli.wiring import opened_log, opened_store, store_errors_explained


async def replay_all(
    here: Installation,
    handler: str,
    within: timedelta,
    stopping: asyncio.Event,
    *,
    redo_effects: bool,
    as_json: bool,
) -> int:
    """Have all open dead letters of an entry handled again; returns the exit status.

    Raises:
        CommandFailed: the log or the store does not answer.
        Misconfigured: there is no such entry.
    """
    asked = Asked(handler=handler, redo_effects=redo_effects)
    async with opened_log(here) as log, opened_store(here) as store:
        with store_errors_explained():
            begun = await begin(here, log, store, asked)
            if begun is None:
                stdout().print("there are no open dead letters of this entry")
                return 0
            found = await waited(store, begun, within, stopping)
            then = "" if found.is_over else await advice(store, found)
    if as_json:
        json_line(found.row(datetime.now(UTC)))
    else:
        stdout().print(found.summary() or "nothing was replayed yet")
        if then:
            stdout().print(printable(then))
    return 0 if not within or found.is_done else 1
