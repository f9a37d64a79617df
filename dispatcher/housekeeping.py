"""Throws away rows of the store that nothing can ask for any more, and tells of those that wait for nobody: hourly."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

import structlog

from dispatcher.background import Background
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
    _task: Background = field(default_factory=lambda: Background("housekeeping"))

    def start(self) -> None:
        """Begin: what waits for nobody is told now, the rest comes after an hour, or an hour and a bit."""
        self._task.start(self._run())

    async def stop(self) -> None:
        """End; a round under way is left."""
        await self._task.stop()

    async def _run(self) -> None:
        while True:
            await Leftovers(self.equipment, self.reads).look()
            await self.equipment.clock.sleep(_EVERY.total_seconds() * (1 + 0.1 * self.equipment.jitter()))
            try:
                await self.equipment.store.expire(self.equipment.clock.now())
            except StoreError as error:
                log.warning("store.uncleaned", cause=describe(error))
