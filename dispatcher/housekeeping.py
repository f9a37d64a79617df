"""Throws away rows of the store that nothing can ask for any more, and tells of those that wait for nobody: hourly."""

import asyncio
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta

import structlog

from dispatcher.equipment import Equipment
from dispatcher.errors import describe
from dispatcher.leftovers import Leftovers
from store.errors import StoreError

log = structlog.get_logger()

_EVERY = timedelta(hours=1)


@dataclass(slots=True)
class Housekeeping:
    """Of one process."""

    equipment: Equipment
    # The entries that run, and the topics they read.
    reads: Callable[[], Mapping[str, Collection[str]]] = dict
    _task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin: what waits for nobody is told now, the rest comes after an hour, or an hour and a bit."""
        self._task = asyncio.create_task(self._run(), name="housekeeping")

    async def stop(self) -> None:
        """End; a round under way is left."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    async def _run(self) -> None:
        while True:
            await Leftovers(self.equipment, self.reads).look()
            await self.equipment.clock.sleep(_EVERY.total_seconds() * (1 + 0.1 * self.equipment.jitter()))
            try:
                await self.equipment.store.expire(self.equipment.clock.now())
            except StoreError as error:
                log.warning("store.uncleaned", cause=describe(error))
