"""Tasks that last as long as the process does: one that ends before is a defect of ours, and is told."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import structlog

from dispatcher.errors import describe

log = structlog.get_logger()


class Background:
    """One such task.

    Args:
        name: what it does, for the log.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._task: asyncio.Task[None] | None = None

    def start(self, run: Coroutine[Any, Any, None]) -> None:
        """Begin, in the running loop."""
        self._task = asyncio.create_task(run, name=self._name)
        self._task.add_done_callback(self._ended)

    async def stop(self) -> None:
        """End it where it is."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            next_ = "a defect of hookline: please report it with the log; restart this process to have it again"
            log.error("background.ended", what=self._name, cause=describe(error), next=next_)
