"""A handler that fails until it is mended, and writes down what it does: what a test calls handled."""

import os
from pathlib import Path

from pydantic import BaseModel

from hookline import Context, ConversationUpdated, Event, MessageCreated, handler


class Config(BaseModel):
    """`[handlers.mendable]`."""

    # Has the files `journal` and `effects`, and `mended` when the handler is.
    folder: Path


@handler("mendable", on=MessageCreated, config=Config)
async def mendable(event: Event[MessageCreated], ctx: Context[Config]) -> None:
    """Have an effect, then fail or write down the event, then tell of it."""
    folder = ctx.config.folder
    await ctx.once("effect", lambda: _append(folder / "effects", event.id))
    if not (folder / "mended").exists():
        raise ValueError("broken")
    await _append(folder / "journal", f"{ctx.handler} {event.id}")
    await ctx.publish(ConversationUpdated(conversation_id=event.key, status=event.id), key=event.key)


async def _append(file: Path, line: str) -> None:
    with file.open("a", encoding="utf-8") as opened:
        opened.write(line + "\n")
        opened.flush()
        os.fsync(opened.fileno())
