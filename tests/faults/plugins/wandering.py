"""A handler that takes between nothing and two seconds, and writes down when it began and ended."""

import asyncio
import os
import random
import time

from pydantic import BaseModel

from hookline import Context, Event, MessageCreated, handler


class Config(BaseModel):
    """`[handlers.wandering]`."""

    # A file that gets two lines for each attempt.
    journal: str
    # The longest attempt, in seconds.
    longest: float = 2.0


@handler("wandering", on=MessageCreated, config=Config, timeout="5s")
async def wandering(event: Event[MessageCreated], ctx: Context[Config]) -> None:
    """Take a while."""
    _write(ctx.config.journal, "begin", event.id)
    await asyncio.sleep(random.random() * ctx.config.longest)  # noqa: S311 - no secret
    _write(ctx.config.journal, "end", event.id)


def _write(journal: str, what: str, event_id: str) -> None:
    with open(journal, "a", encoding="utf-8") as file:  # noqa: PTH123 - as a plugin's author writes it
        file.write(f"{what} {event_id} {os.getpid()} {time.monotonic()}\n")
