"""All entries of a process: each runs for itself, and what stops one does not touch the others."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType

import structlog

from dispatcher.equipment import Equipment
from dispatcher.housekeeping import Housekeeping
from dispatcher.metrics import Load
from dispatcher.settings import Entry
from dispatcher.stops import Stops
from dispatcher.watch import Watch
from dispatcher.worker import Phase, Worker
from eventlog.errors import LogUnavailable
from schemas.record import TopicPartition
from store.stops import Stop

log = structlog.get_logger()

# How often `until_empty` looks, in seconds.
_LOOK_AGAIN = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryState:
    """What one entry is doing."""

    entry: str
    group: str
    topics: tuple[str, ...]
    phase: Phase
    # Why it does not run.
    reason: str = ""
    # Why it does nothing though it runs: the log is away, for instance.
    trouble: str = ""
    # Why it is to stand still.
    stop: Stop | None = None
    # The accounts whose platforms are away, and since when that is known: it waits for them.
    away: Mapping[str, datetime] = field(default_factory=dict)


class Dispatcher:
    """Runs entries. Its equipment (log, store, accounts) is started before and stopped after it, by its owner."""

    def __init__(self, entries: Iterable[Entry], equipment: Equipment) -> None:
        self._equipment = equipment
        self._stops = Stops(equipment)
        self._workers = {entry.name: Worker(entry, equipment, self._stops) for entry in entries}
        self._housekeeping = Housekeeping(equipment)
        self._watch = Watch(equipment.attempts, equipment.metrics)

    def start(self) -> None:
        """Begin every entry. Needs a running event loop; returns at once, whether the log answers or not."""
        self._stops.start()
        for worker in self._workers.values():
            worker.start()
        self._housekeeping.start()
        self._watch.start()

    async def stop(self, within: timedelta) -> bool:
        """Let running attempts finish, commit, and leave the groups, all within this time.

        An attempt that does not even end when it is cancelled is left behind: the caller has to end the process.

        Returns:
            Whether every attempt ended by itself and all progress is stored: else some events are handled again.
        """
        await self._housekeeping.stop()
        clean = await asyncio.gather(*(worker.stop(within) for worker in self._workers.values()))
        await self._stops.stop()
        await self._watch.stop()
        self._equipment.attempts.abandon()
        return all(clean)

    @property
    def left_behind(self) -> bool:
        """Whether attempts are under way; after `stop`, such as do not end."""
        return len(self._equipment.attempts) > 0

    async def until_empty(self) -> None:
        """Wait until every running entry's group has settled all that is in its topics now.

        Timers that are not due are not waited for. An entry that failed or is to stand still is not waited for either:
        see `states`.
        """
        await asyncio.gather(*(self._emptied(worker) for worker in self._workers.values()))

    def states(self) -> Mapping[str, EntryState]:
        """What each entry is doing."""
        return MappingProxyType(
            {
                name: EntryState(
                    entry=name,
                    group=self._equipment.group(name),
                    topics=worker.topics,
                    phase=worker.phase,
                    reason=worker.reason,
                    trouble=worker.trouble,
                    stop=self._stops.of(name),
                    away=worker.away,
                )
                for name, worker in self._workers.items()
            }
        )

    def loads(self) -> Mapping[str, Load]:
        """What each entry has on its hands in this process."""
        return MappingProxyType({name: worker.load() for name, worker in self._workers.items()})

    async def _emptied(self, worker: Worker) -> None:
        while worker.phase is Phase.RUNNING and self._stops.of(worker.entry.name) is None:
            try:
                if await self._is_empty(worker):
                    return
            except LogUnavailable:
                # asked again: an absent log is not an empty one
                pass
            await self._equipment.clock.sleep(_LOOK_AGAIN)

    async def _is_empty(self, worker: Worker) -> bool:
        log = self._equipment.log
        counts = await log.partitions(worker.topics)
        everything = [TopicPartition(topic, number) for topic, count in counts.items() for number in range(count)]
        ends = await log.offsets(everything, "end")
        positions = await log.group_positions(self._equipment.group(worker.entry.name), everything)
        return all((commit := positions[at]) is not None and commit.offset >= ends[at] for at in everything)
