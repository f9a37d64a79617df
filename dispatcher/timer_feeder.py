"""Brings timers from the store to memory before they come due: a page of a partition when few are left of it."""

from collections.abc import Iterable
from dataclasses import dataclass

import structlog

from dispatcher.clock import Clock
from dispatcher.errors import describe
from dispatcher.holdings import Holdings
from dispatcher.partition import Partition
from dispatcher.timers import Timers
from schemas.record import TopicPartition
from store.errors import StoreError
from store.schedule import START, Schedule

log = structlog.get_logger()

# While the store is away it is asked again after so many seconds.
_AGAIN = 1.0


async def feed(timers: Timers, schedule: Schedule, entry: str, at: TopicPartition, identity: str) -> None:
    """Load the next page of a partition that was claimed.

    Args:
        timers: of the partition.
        schedule: where they are.
        entry: whose they are.
        at: the partition.
        identity: of its event log.

    Raises:
        StoreError: the database failed; call again.
    """
    timers.ask()
    rows = await schedule.page(entry, at, identity, timers.reach or START, limit=timers.page)
    timers.load(rows, rows[-1].place if len(rows) == timers.page else None)


@dataclass(slots=True, kw_only=True)
class TimerFeeder:
    """The timers of one membership that are not in memory."""

    entry: str
    holdings: Holdings
    schedule: Schedule
    clock: Clock
    ending: bool = False
    _away: bool = False

    async def run(self) -> None:
        """Load until told to end."""
        while not self.ending:
            self.holdings.thin.clear()
            try:
                await self._feed()
            except StoreError as error:
                if not self._away:
                    log.warning("timers.delayed", handler=self.entry, cause=describe(error))
                self._away = True
                await self.clock.sleep(_AGAIN)
            else:
                self._away = False
                await self.holdings.thin.wait()

    async def _feed(self) -> None:
        while not self.ending and (hungry := [each for each in self._partitions if each.timers.hungry]):
            for partition in hungry:
                await feed(partition.timers, self.schedule, self.entry, partition.at, partition.epoch.log)
                self.holdings.rescheduled.set()

    @property
    def _partitions(self) -> Iterable[Partition]:
        return self.holdings.partitions.values()
