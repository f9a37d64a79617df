"""What happens by the clock: lanes that are tried again, timers that come due."""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from dispatcher.clock import Clock
from dispatcher.errors import describe
from dispatcher.holdings import Holdings
from dispatcher.partition import Partition
from dispatcher.work import Firing, lane_of_timer
from eventlog.errors import LogUnavailable
from eventlog.log import EventLog

log = structlog.get_logger()

# The longest sleep: a wall clock that was set is noticed after it.
_LONGEST = 2.0
# When the log was away, it is asked again after this many seconds.
_AGAIN = 1.0


@dataclass(slots=True, kw_only=True)
class Alarm:
    """The clockwork of one membership."""

    entry: str
    holdings: Holdings
    log: EventLog
    clock: Clock
    # Called when lanes became ready.
    on_work: Callable[[], None]
    ending: bool = False
    _away: bool = False

    async def run(self) -> None:
        """Wake lanes and fire timers until told to end."""
        while not self.ending:
            self.holdings.rescheduled.clear()
            woken = self.holdings.lanes.wake(self.clock.monotonic())
            self.holdings.stir()
            fired = await self._timers()
            if woken or fired:
                self.on_work()
            await self._sleep()

    async def _sleep(self) -> None:
        waits = [_LONGEST, _AGAIN if self._away else _LONGEST]
        if (due := self.holdings.next_due(self.clock)) is not None:
            waits.append((due - self.clock.now()).total_seconds())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, min(waits))):
                await self.holdings.rescheduled.wait()

    async def _timers(self) -> int:
        """Bring due timers a step further; how many reached their lanes."""
        now = self.clock.now()
        mine = [each for each in self.holdings.partitions.values() if not each.closing]
        for partition in mine:
            partition.ripe += partition.timers.due(now)
            if partition.timers.hungry:
                self.holdings.thin.set()
        try:
            await self._ask_ends([partition for partition in mine if partition.ripe])
        except LogUnavailable as error:
            if not self._away:
                log.warning("timers.delayed", handler=self.entry, cause=describe(error))
            self._away = True
            return 0
        self._away = False
        return sum(self._fire(partition) for partition in mine if not partition.closing and not partition.lost)

    async def _ask_ends(self, partitions: list[Partition]) -> None:
        """Everything that was in a partition when a timer came due is read before it fires."""
        if not partitions:
            return
        ripe = {partition.at: list(partition.ripe) for partition in partitions}
        ends = await self.log.offsets([partition.at for partition in partitions], "end")
        for partition in partitions:
            del partition.ripe[: len(ripe[partition.at])]
            partition.gate.enter(ripe[partition.at], ends[partition.at])

    def _fire(self, partition: Partition) -> int:
        """Put timers whose partition has been read far enough into their lanes."""
        position = partition.tracker.position
        pending = [row for row in partition.gate.leave(position) if partition.timers.pending(row)]
        for row in pending:
            self.holdings.lanes.put(lane_of_timer(row), Firing(partition, row, offset=position - 1))
        return len(pending)
