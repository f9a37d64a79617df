"""Handlers that do what nobody should: they swallow their cancellation, and hold the event loop."""

import asyncio
import time
from contextlib import suppress

from hookline import Context, Event, MessageCreated, handler


@handler("deaf", on=MessageCreated, timeout="300ms")
async def deaf(event: Event[MessageCreated], ctx: Context) -> None:
    """Go on whatever happens."""
    while True:
        with suppress(BaseException):
            await asyncio.sleep(60)


@handler("busy", on=MessageCreated)
async def busy(event: Event[MessageCreated], ctx: Context) -> None:
    """Wait as if nobody else were there."""
    time.sleep(2.0)  # noqa: ASYNC251 - what it is here for
