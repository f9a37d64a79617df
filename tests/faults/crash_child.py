"""Handle messages until one of them ends the process: what a test of poisonous events starts again and again.

A message says what happens: `abort` ends the process, `timer` sets a timer whose firing does, `raise` fails, `hang`
never ends, `quick` is done at once, any other takes a moment. Each attempt is written to a journal, durably, before
anything happens.
"""

import asyncio
import logging
import os
import time
from pathlib import Path

import structlog

from dispatcher.dispatcher import Dispatcher
from dispatcher.equipment import Equipment
from dispatcher.settings import CommonSettings, entry_of
from eventlog.sqlite import SqliteEventLog
from handlers.api import Context, handler
from schemas.events import Event, MessageCreated, Timer
from schemas.topics import Topics
from store.store import Store
from tests.faults.dispatch_child import LEASE, LIMITS, write

# Longer than a worker takes to attempt everything else: bystanders are always under way at a crash.
TAKES = 0.1
SETTINGS = CommonSettings.model_validate(
    {"concurrency": 8, "timeout": "700ms", "attempts": 3, "backoff": "100ms", "max_backoff": "100ms"}
)


async def main(folder: Path) -> None:
    """Run until something ends it."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    journal = os.open(folder / "journal", os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def note(what: str, name: str) -> None:
        write(journal, what, name, str(os.getpid()), str(time.monotonic()))

    @handler("poisoned", on=(MessageCreated, Timer))
    async def poisoned(event: Event[MessageCreated | Timer], ctx: Context) -> None:
        content = "abort" if isinstance(event.data, Timer) else event.data.content
        name = "timer" if isinstance(event.data, Timer) else event.data.message_id
        note("begin", name)
        if content == "timer":
            await ctx.schedule("boom", after="0s")
            return
        await asyncio.sleep(0 if content == "quick" else TAKES)
        match content:
            case "abort":
                os.abort()
            case "raise":
                raise ValueError(content)
            case "hang":
                await asyncio.Event().wait()
        note("end", name)

    store = Store.open(f"sqlite:///{folder / 'state.db'}")
    await store.start()
    log = SqliteEventLog(folder / "events.db", lease=LEASE)
    await log.start()
    entry = entry_of(poisoned, common=SETTINGS)
    Dispatcher([entry], Equipment(log=log, store=store, topics=Topics(), limits=LIMITS)).start()
    await asyncio.Event().wait()


def run(folder: Path) -> None:
    """Be a worker."""
    asyncio.run(main(folder))
