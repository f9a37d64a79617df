"""An attempt that goes on although it was cancelled."""

import asyncio
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
