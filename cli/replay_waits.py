"""Asking for a replay of many events, and waiting for what becomes of it."""

import asyncio
import contextlib
from datetime import UTC, datetime, timedelta

from cli.entry_states import told
from cli.errors import CommandFailed
from cli.replay_states import Standing
from store.store import Store

# Between looks at what became of it, in seconds.
_GLANCE = 0.2


async def standing(store: Store, number: int) -> Standing:
    """How a replay stands.

    Raises:
        CommandFailed: there is none of this number.
        StoreError: the store failed.
    """
    job = await store.replay_jobs.get(number)
    if job is None:
        raise CommandFailed(f"there is no replay {number}: `hookline replay status` lists them")
    return Standing(job, (await store.replay_jobs.counts([number]))[number])


async def waited(store: Store, number: int, within: timedelta, stopping: asyncio.Event) -> Standing:
    """Wait until a replay is over, for so long at most; how it stands then.

    Raises:
        CommandFailed: there is none of this number.
        StoreError: the store failed.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + within.total_seconds()
    while True:
        found = await standing(store, number)
        if found.is_over or stopping.is_set() or loop.time() >= deadline:
            return found
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_GLANCE):
                await stopping.wait()


async def stands_still(store: Store, handler: str) -> str:
    """That an entry stands still, why, and what to do; empty: it does not.

    Raises:
        StoreError: the store failed.
    """
    stop = (await store.stops.all()).get(handler)
    return f"{handler} is {told(stop)}" if stop else ""


async def advice(store: Store, found: Standing) -> str:
    """What to do about a replay that is not over.

    Raises:
        StoreError: the store failed.
    """
    job = found.job
    follow = "`hookline replay status` shows how it goes on"
    if still := await stands_still(store, job.handler):
        return f"it waits: {still}. {follow}"
    if job.state != "reading" or (job.held_until is not None and job.held_until > datetime.now(UTC)):
        return follow
    taken = f"a worker of {job.handler} begins within about a second; if none runs, start one with `hookline work`"
    return f"{taken}. {follow}"
