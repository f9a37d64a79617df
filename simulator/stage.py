"""The stage that scripted conversations, and what platforms do later, run on."""

import asyncio
from collections.abc import Coroutine
from typing import Any


class Stage:
    """Keeps the running tasks of the simulator, so that all of them end with it."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def running(self) -> int:
        """How many tasks have not ended."""
        return len(self._tasks)

    def start(self, play: Coroutine[Any, Any, None], *, name: str) -> None:
        """Run `play` until it ends or the stage closes."""
        task = asyncio.create_task(play, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Cancel what runs and wait for it."""
        running = list(self._tasks)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
