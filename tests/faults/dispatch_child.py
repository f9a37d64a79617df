"""Handle messages until killed: each event's attempt and its effect are written to a journal, durably.

A line is `attempt EVENT KEY` or `effect EVENT KEY`. The lease is short, so that the next child need not wait long.
"""

import asyncio
import logging
import os
from datetime import timedelta
from pathlib import Path

import structlog

from dispatcher.dispatcher import Dispatcher
from dispatcher.equipment import Equipment, Limits
from dispatcher.settings import CommonSettings, entry_of
from eventlog.sqlite import SqliteEventLog
from eventlog.sqlite_member import LeaseSettings
from handlers.api import Context, handler
from schemas.events import Event, MessageCreated
from schemas.topics import Topics
from store.store import Store

LEASE = LeaseSettings(lasts=timedelta(milliseconds=600), heartbeat=timedelta(milliseconds=150))
LIMITS = Limits(fetch_wait=timedelta(milliseconds=50), commit_after=timedelta(milliseconds=100))


def write(file: int, *words: str) -> None:
    """Append a line and wait until it is on the disk."""
    os.write(file, (" ".join(words) + "\n").encode())
    os.fsync(file)


async def main(folder: Path) -> None:
    """Run until killed."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    journal = os.open(folder / "journal", os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    @handler("journal", on=MessageCreated)
    async def journalling(event: Event[MessageCreated], ctx: Context) -> None:
        write(journal, "attempt", event.id, event.key)
        await asyncio.sleep(0.002)

        async def effect() -> None:
            write(journal, "effect", event.id, event.key)

        await ctx.once("effect", effect)

    store = Store.open(f"sqlite:///{folder / 'state.db'}")
    await store.start()
    log = SqliteEventLog(folder / "events.db", lease=LEASE)
    await log.start()
    entry = entry_of(journalling, common=CommonSettings(concurrency=8))
    Dispatcher([entry], Equipment(log=log, store=store, topics=Topics(), limits=LIMITS)).start()
    await asyncio.Event().wait()


def run(folder: Path) -> None:
    """Be a worker."""
    asyncio.run(main(folder))
