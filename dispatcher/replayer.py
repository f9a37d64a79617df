"""Takes dead letters that somebody wants replayed and puts them into their lanes, behind what the lanes hold.

The store is asked once a second, by one query that finds nothing in an index. A task of its own does so: a store that
is slow or away must not keep the alarm from waking lanes.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import structlog

from dispatcher.clock import Clock
from dispatcher.equipment import Limits
from dispatcher.errors import describe
from dispatcher.holdings import Holdings
from dispatcher.partition import Partition
from dispatcher.work import Heading, Replayed, lane_of_record
from store.errors import NotOwned, StoreError
from store.replays import Replays, Waiting

log = structlog.get_logger()


@dataclass(slots=True, kw_only=True)
class Replayer:
    """The replays of one membership."""

    entry: str
    holdings: Holdings
    replays: Replays
    limits: Limits
    clock: Clock
    # Called when lanes got work.
    on_work: Callable[[], None]
    # Called when the store says that a partition has another owner.
    on_lost: Callable[[Partition], None]
    ending: bool = False
    _away: bool = False

    async def run(self) -> None:
        """Take what waits until told to end."""
        while not self.ending:
            self.holdings.replayed.clear()
            await self._look()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self.limits.replays_every.total_seconds()):
                    await self.holdings.replayed.wait()

    async def _look(self) -> None:
        room = self.limits.replays - self.holdings.replaying
        mine = [each for each in self.holdings.partitions.values() if not each.closing and not each.lost]
        if room <= 0 or not mine:
            return
        try:
            for partition, ids in chosen(await self.replays.waiting(self.entry), mine, room).items():
                await self._take(partition, ids)
        except StoreError as error:
            if not self._away:
                log.warning("replays.delayed", handler=self.entry, cause=describe(error))
            self._away = True
        else:
            self._away = False

    async def _take(self, partition: Partition, ids: list[int]) -> None:
        try:
            taken = await self.replays.take(self.entry, partition.at, partition.epoch, ids, now=self.clock.now())
        except NotOwned:
            # It may have been given back meanwhile, in order.
            if not partition.lost:
                self.on_lost(partition)
            return
        if partition.closing or partition.lost:
            # the next owner takes them
            return
        for replay in taken:
            work = Replayed(partition, replay, Heading.of(replay.record))
            partition.replaying.add(replay.id)
            self.holdings.lanes.put(lane_of_record(replay.record, work.heading), work)
        self.on_work()


def chosen(waiting: Iterable[Waiting], mine: Iterable[Partition], room: int) -> Mapping[Partition, list[int]]:
    """Which replays to take now, in the order of their events.

    Args:
        waiting: all that are open, those that lanes hold already included.
        mine: the partitions that are ours.
        room: how many more may be held.
    """
    owned = {partition.at: partition for partition in mine}
    found: dict[Partition, list[int]] = {}
    for each in waiting:
        partition = owned.get(each.at)
        if partition is not None and each.id not in partition.replaying and room > 0:
            found.setdefault(partition, []).append(each.id)
            room -= 1
    return found
