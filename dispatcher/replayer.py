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
from dispatcher.homes import home_of
from dispatcher.partition import Partition
from dispatcher.work import Heading, Replayed, lane_of_replay
from eventlog.errors import LogUnavailable
from eventlog.log import EventLog
from store.errors import NotOwned, StoreError
from store.replays import Replays, Waiting

log = structlog.get_logger()


@dataclass(slots=True, kw_only=True)
class Replayer:
    """The replays of one membership."""

    entry: str
    holdings: Holdings
    log: EventLog
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
        if room <= 0 or not mine or self.holdings.brakes.on:
            return
        try:
            waiting = await self.replays.waiting(self.entry)
            counts = await self._counts(waiting, mine[0].epoch.log)
            for partition, ids in chosen(waiting, mine, room, counts).items():
                await self._take(partition, ids)
        except (StoreError, LogUnavailable) as error:
            if not self._away:
                log.warning("replays.delayed", handler=self.entry, cause=describe(error))
            self._away = True
        else:
            self._away = False

    async def _counts(self, waiting: Iterable[Waiting], log: str) -> Mapping[str, int]:
        """Topic → number of partitions, for what comes from another log."""
        topics = {each.at.topic for each in waiting if each.log != log}
        return await self.log.partitions(topics) if topics else {}

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
            self.holdings.lanes.put(lane_of_replay(replay, work.heading), work)
        self.on_work()


def chosen(
    waiting: Iterable[Waiting], mine: Iterable[Partition], room: int, counts: Mapping[str, int]
) -> Mapping[Partition, list[int]]:
    """Which replays to take now, in the order of their events.

    Args:
        waiting: all that are open, those that lanes hold already included.
        mine: the partitions that are ours, of one log.
        room: how many more may be held.
        counts: topic → number of partitions, for what comes from another log.
    """
    owned = {partition.at: partition for partition in mine}
    found: dict[Partition, list[int]] = {}
    for each in waiting:
        partition = owned.get(each.at)
        if partition is None or partition.epoch.log != each.log:
            home = home_of(each.at, each.key, counts)
            partition = None if home is None else owned.get(home)
        if partition is not None and each.id not in partition.replaying and room > 0:
            found.setdefault(partition, []).append(each.id)
            room -= 1
    return found
