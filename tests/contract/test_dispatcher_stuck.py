"""An attempt that goes on although it was cancelled."""

import asyncio
import contextlib
import math
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from prometheus_client import generate_latest

from dispatcher.attempts import Attempts
from dispatcher.metrics import Metrics
from handlers.api import Context, handler
from schemas.events import Event, MessageCreated
from tests.contract.dispatchers import FAST, WITHIN, message, on_sqlite, quick, until


async def test_a_stuck_attempt_of_a_version_that_is_gone_holds_up_nobody(tmp_path: Path) -> None:
    """The new version handles its event, and nothing is said to stand still."""
    free, begun, handled = asyncio.Event(), asyncio.Event(), list[str]()

    @handler("h", on=MessageCreated)
    async def deaf(_event: Event[MessageCreated], _ctx: Context) -> None:
        while not free.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                begun.set()
                await free.wait()

    @handler("h", on=MessageCreated)
    async def mended(event: Event[MessageCreated], _ctx: Context) -> None:
        handled.append(event.data.message_id)

    attempts = Attempts()
    async with on_sqlite(tmp_path, partitions=1) as rig:
        await rig.append(message(0))
        async with rig.running(quick(deaf, timeout="50ms"), attempts=attempts) as dispatcher:
            await begun.wait()
            attempts.newly_stuck(math.inf)
            assert list(dispatcher.states()["h"].stuck) == ["message.created:m0"]
            await dispatcher.replace([], [quick(mended)], timedelta(milliseconds=50))
            await until(lambda: handled == ["m0"], "the new version handles it")
            assert (dispatcher.states()["h"].stuck, dispatcher.loads()["h"].stuck, len(attempts)) == ({}, 0, 1)
            free.set()
            await until(lambda: not len(attempts), "it ends after all")


async def test_a_stuck_attempt_is_told_and_not_waited_for(tmp_path: Path) -> None:
    """Its state and its metric name it, the other lanes are handled, and `until_empty` ends."""
    free, handled, swallowed = asyncio.Event(), list[str](), list[str]()

    @handler("h", on=(MessageCreated,))
    async def deaf(event: Event[MessageCreated], _ctx: Context) -> None:
        while event.key == "stuck" and not free.is_set():
            try:
                await free.wait()
            except asyncio.CancelledError:
                swallowed.append(event.id)
        handled.append(event.data.message_id)

    attempts, metrics = Attempts(), Metrics()
    limits = replace(FAST, hanging=timedelta(milliseconds=600))
    async with on_sqlite(tmp_path, partitions=1) as rig:
        await rig.append(message(0, key="stuck"), *(message(number, key=f"c{number}") for number in range(1, 9)))
        entry = quick(deaf, timeout="100ms")
        async with rig.running(entry, attempts=attempts, metrics=metrics, limits=limits) as dispatcher:
            await until(lambda: bool(swallowed), "it swallows its cancellation")
            assert dispatcher.states()["h"].stuck == {}
            attempts.newly_stuck(math.inf)
            await asyncio.wait_for(dispatcher.until_empty(), WITHIN)
            assert sorted(handled) == [f"m{number}" for number in range(1, 9)]
            assert list(dispatcher.states()["h"].stuck) == ["message.created:m0"]
            text = generate_latest(metrics.registry).decode()
            assert 'hookline_handler_stuck{handler="h"} 1.0' in text
            free.set()
            await until(lambda: not dispatcher.states()["h"].stuck, "it ends after all")
