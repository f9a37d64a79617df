"""A handler that does everything a handler can do, and writes down what it does: what a test calls handled.

The text of a message begins with its number, which says what happens: every fifth is given up, every seventh is asked
for again once; the others have an effect outside, set a timer, and publish an event.
"""

import asyncio
import json
import os
import urllib.error
import urllib.request

from pydantic import BaseModel

from hookline import Context, ConversationUpdated, Event, GiveUp, MessageCreated, RetryLater, Timer, handler


class Config(BaseModel):
    """`[handlers.ledger]`."""

    # A file that gets a line for each attempt at an event, and for each timer that fired.
    journal: str
    # Where effects are posted to and looked up.
    effects: str
    # How long an attempt takes, in seconds.
    takes: float = 0.0


@handler("ledger", on=(MessageCreated, Timer), config=Config, timeout="20s")
async def ledger(event: Event[MessageCreated | Timer], ctx: Context[Config]) -> None:
    """Write down what happens."""
    if isinstance(event.data, Timer):
        name = f"timer:{event.key}:{event.data.name}"
        _write(ctx.config.journal, name)
        await ctx.once("post", lambda: _post(ctx.config.effects, name))
        return
    number = int(event.data.content.partition(" ")[0])
    _write(ctx.config.journal, event.id)
    if ctx.config.takes:
        await asyncio.sleep(ctx.config.takes)
    if number % 5 == 4:
        raise GiveUp("every fifth")
    if number % 7 == 3 and ctx.attempt == 1:
        raise RetryLater("every seventh", after="50ms")
    if number % 2:
        await ctx.once("post", lambda: _post(ctx.config.effects, event.id))
    else:
        await ctx.once(
            "post",
            lambda: _post(ctx.config.effects, event.id),
            returns=bool,
            probe=lambda: _probe(ctx.config.effects, event.id),
        )
    await ctx.schedule(f"t{number}", after="0s")
    await ctx.publish(ConversationUpdated(conversation_id=event.key, status=f"s{number}"), key=event.key)


def _write(journal: str, line: str) -> None:
    with open(journal, "a", encoding="utf-8") as file:  # noqa: PTH123 - as a plugin's author writes it
        file.write(line + "\n")
        file.flush()
        os.fsync(file.fileno())


async def _post(effects: str, name: str) -> bool:
    request = urllib.request.Request(f"{effects}/effects", json.dumps(name).encode())
    await asyncio.to_thread(lambda: urllib.request.urlopen(request, timeout=10).close())
    return True


async def _probe(effects: str, name: str) -> bool | None:
    request = urllib.request.Request(f"{effects}/seen", json.dumps(name).encode())
    try:
        await asyncio.to_thread(lambda: urllib.request.urlopen(request, timeout=10).close())
    except urllib.error.HTTPError:
        return None
    return True
