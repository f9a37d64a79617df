"""All entries of a process: each runs for itself, and what stops one does not touch the others."""

import asyncio
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType

import structlog

from dispatcher.equipment import Equipment
from dispatcher.hanging import Hanging
from dispatcher.housekeeping import Housekeeping
from dispatcher.metrics import Load
from dispatcher.replay_feeder import ReplayFeeder
from dispatcher.replays_awaited import ReplaysAwaited
from dispatcher.settings import Entry
from dispatcher.stops import Stops
from dispatcher.watch import Watch
from dispatcher.worker import Phase, Worker
from eventlog.errors import LogUnavailable
from schemas.record import TopicPartition
from store.errors import StoreUnavailable
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
    # The events whose attempts were cancelled and go on, and since when.
    stuck: Mapping[str, datetime] = field(default_factory=dict)
    # What was under way at crashes and has not ended since → at how many.
    noted: Mapping[str, int] = field(default_factory=dict)


class Dispatcher:
    """Runs entries. Its equipment (log, store, accounts) is started before and stopped after it, by its owner."""

    def __init__(self, entries: Iterable[Entry], equipment: Equipment) -> None:
        self._equipment = equipment
        self._stops = Stops(equipment)
        self._workers = {entry.name: Worker(entry, equipment, self._stops) for entry in entries}
        self._housekeeping = Housekeeping(equipment, self._reads)
        self._feeder = ReplayFeeder(equipment=equipment, entries=self._running, stopped=self._stops.holds)
        self._watch = Watch(equipment.attempts, equipment.metrics)

    def start(self) -> None:
        """Begin every entry. Needs a running event loop; returns at once, whether the log answers or not."""
        self._stops.start()
        for worker in self._workers.values():
            worker.start()
        self._housekeeping.start()
        self._feeder.start()
        self._watch.start()

    async def replace(self, ending: Iterable[str], entries: Iterable[Entry], within: timedelta) -> None:
        """End entries, and begin others or the same anew; each goes on at its position.

        Args:
            ending: the names of those that only end.
            entries: those that run from now on, in place of those of their names.
            within: attempts under way may take so long to end.
        """
        coming = {entry.name: entry for entry in entries}
        going = {*ending, *coming} & self._workers.keys()
        await asyncio.gather(*(self._workers[name].stop(within) for name in going))
        for name in going:
            del self._workers[name]
            # what goes on of it holds up nobody: its event comes again
            attempts = self._equipment.attempts
            attempts.abandon(attempts.tasks_of(name))
        for name, entry in coming.items():
            self._workers[name] = Worker(entry, self._equipment, self._stops)
            self._workers[name].start()

    async def stop(self, within: timedelta) -> bool:
        """Let running attempts finish, commit, and leave the groups, all within this time.

        An attempt that does not even end when it is cancelled is left behind: the caller has to end the process.

        Returns:
            Whether every attempt ended by itself and all progress is stored: else some events are handled again.
        """
        await self._housekeeping.stop()
        await self._feeder.stop()
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
        """Wait until the groups of all running entries have settled all there is in their topics.

        What one publishes for another is waited for too, and replays of many events of theirs that go on. Timers that
        are not due and parked events are not, nor is an entry that failed, is to stand still, or does nothing more
        because an attempt does not end: see `states`.
        """
        hanging = Hanging(self._equipment.limits.hanging.total_seconds())
        replays = ReplaysAwaited(self._equipment)
        while not await self._is_empty(hanging.look(self.loads(), self._equipment.clock.monotonic()), replays):
            await self._equipment.clock.sleep(_LOOK_AGAIN)

    def is_resting(self, ends: Mapping[TopicPartition, int]) -> bool:
        """Whether all entries have read up to these ends, and nothing goes on before the clock does."""
        return self._stops.known and all(worker.is_resting(ends) for worker in self._workers.values())

    def next_due(self) -> datetime | None:
        """When a retry or a timer of any entry is due; None: nothing waits for the clock."""
        return min((due for worker in self._workers.values() if (due := worker.next_due()) is not None), default=None)

    def look_around(self) -> None:
        """The clock was put forward: see what has come due."""
        for worker in self._workers.values():
            worker.look_around()

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
                    stuck=self._stuck(name),
                    noted=worker.noted,
                )
                for name, worker in self._workers.items()
            }
        )

    def loads(self) -> Mapping[str, Load]:
        """What each entry has on its hands in this process."""
        return MappingProxyType({name: worker.load() for name, worker in self._workers.items()})

    def _stuck(self, entry: str) -> Mapping[str, datetime]:
        now, turned = self._equipment.clock.now(), asyncio.get_running_loop().time()
        found = self._equipment.attempts.stuck(entry)
        return {each.event_id: now - timedelta(seconds=turned - each.cancelled_at) for each in found}

    def _running(self) -> Mapping[str, Entry]:
        return {name: worker.entry for name, worker in self._workers.items() if worker.phase is Phase.RUNNING}

    def _reads(self) -> Mapping[str, tuple[str, ...]]:
        return {name: worker.topics for name, worker in self._workers.items()}

    async def _is_empty(self, without: Collection[str], replays: ReplaysAwaited) -> bool:
        log = self._equipment.log
        workers = [
            worker
            for name, worker in self._workers.items()
            if worker.phase is Phase.RUNNING and self._stops.of(name) is None and name not in without
        ]
        try:
            # Asked first: what a replay publishes is in the topics when it is over.
            if await replays.go_on([worker.entry for worker in workers]):
                return False
            counts = await log.partitions({topic for worker in workers for topic in worker.topics})
            parts = {topic: [TopicPartition(topic, one) for one in range(count)] for topic, count in counts.items()}
            positions = [
                await log.group_positions(
                    self._equipment.group(worker.entry.name),
                    [at for topic in worker.topics for at in parts.get(topic, ())],
                )
                for worker in workers
            ]
            # Asked last: whoever had settled all of this before can have published nothing since.
            ends = await log.offsets([at for those in parts.values() for at in those], "end")
        except (LogUnavailable, StoreUnavailable):
            # asked again: an absent log is not an empty one
            return False
        return all(
            commit is not None and commit.offset >= ends[at] for group in positions for at, commit in group.items()
        )
