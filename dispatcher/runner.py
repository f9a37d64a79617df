"""Runs lanes: so many attempts at once as the entry's `concurrency` says, one per lane.

A task takes the lane that has been ready longest, attempts its first item, carries out what was decided, and goes on
with the next lane until none is ready. A lane that is to be tried again waits in `Lanes` and holds no task.
"""

import asyncio
import contextlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta

from dispatcher.equipment import Equipment
from dispatcher.handling import Handling
from dispatcher.hearing import NOTHING_HEARD
from dispatcher.holdings import Holdings
from dispatcher.lane import Lane
from dispatcher.partition import Partition
from dispatcher.settings import Entry
from dispatcher.work import Replayed, Tries, Work
from schemas.durations import LONGEST
from store.errors import StoreError


@dataclass(slots=True)
class Runner:
    """The attempts of one entry."""

    handling: Handling
    entry: Entry = field(init=False)
    equipment: Equipment = field(init=False)
    holdings: Holdings = field(init=False)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    # Those that were told to end.
    _told: set[asyncio.Task[None]] = field(default_factory=set)
    _halted: bool = False

    def __post_init__(self) -> None:
        self.entry, self.equipment, self.holdings = self.handling.entry, self.handling.equipment, self.handling.holdings

    @property
    def running(self) -> int:
        """Attempts under way."""
        return len(self._tasks)

    def poke(self) -> None:
        """Begin attempts at ready lanes, as far as there are slots."""
        if not self._halted:
            self._have_asked()
        while not self._halted and len(self._tasks) < self.entry.concurrency:
            lane = self.holdings.next_lane()
            if lane is None:
                return
            task = asyncio.create_task(self._run(lane))
            self._tasks.add(task)
            task.add_done_callback(self._ended)

    def go_on(self, lanes: Iterable[Lane[Work]] = ()) -> None:
        """The brakes may be off: look what is to be done. These lanes need not wait any longer."""
        for lane in lanes:
            self.holdings.lanes.hasten(lane, self.equipment.clock.monotonic())
        self.holdings.room.set()
        self.holdings.rescheduled.set()
        self.poke()
        self._let_go()

    def halt(self) -> None:
        """Begin no attempt from now on."""
        self._halted = self.handling.care.halted = True

    async def idle(self, within: timedelta) -> bool:
        """Wait until no attempt is under way; False if some still are. Those that are stuck are not waited for."""
        if waited := {task for task in self._tasks if not self.equipment.attempts.is_stuck(task)}:
            await asyncio.wait(waited, timeout=within.total_seconds())
        return not self._tasks

    async def end(self, partitions: list[Partition], *, within: timedelta, cancel: timedelta) -> bool:
        """Wait until no attempt of these partitions is under way, then cancel what still is.

        Returns:
            Whether nothing of them runs any more.
        """
        if tasks := _running(partitions):
            await asyncio.wait(tasks, timeout=within.total_seconds())
        if tasks := _running(partitions):
            now = asyncio.get_running_loop().time()
            self._told |= tasks
            for task in tasks:
                task.cancel()
                self.equipment.attempts.cancelled(task, now)
            await asyncio.wait(tasks, timeout=cancel.total_seconds())
        return not _running(partitions)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        told, error = task in self._told, asyncio.CancelledError() if task.cancelled() else task.exception()
        self._told.discard(task)
        if error is not None and not told:
            self.handling.on_stop(error)
        self.poke()
        self._let_go()

    def _let_go(self) -> None:
        """An entry that stands still keeps nothing open."""
        if not self._tasks and self.holdings.brakes.stopped():
            self.equipment.shared.let_go(self.entry.name)

    async def _run(self, lane: Lane[Work]) -> None:
        following: Lane[Work] | None = lane
        while following is not None:
            await self._turn(following)
            following = None if self._halted else self.holdings.next_lane()

    async def _turn(self, lane: Lane[Work]) -> None:
        """One attempt at a lane's first item, or at carrying out what an earlier one left."""
        work, task = lane.head, asyncio.current_task()
        partition, since = work.partition, self.holdings.brakes.returns
        if task is not None:
            partition.running.add(task)
        try:
            wait = await self.handling.advance(work)
        finally:
            if task is not None:
                partition.running.discard(task)
        heard, work.tries.heard = work.tries.heard, NOTHING_HEARD
        failed, work.tries.failed = work.tries.failed, None
        if partition.lost:
            self.handling.metrics.stale.inc()
            self.handling.reports.failed(work, failed)
            return
        following, brakes, clock = "", self.holdings.brakes, self.equipment.clock
        held, freed = brakes.on, brakes.answered(lane, heard, clock.now()) if heard.answered else []
        if wait is None:
            brakes.died(lane, heard, clock.now(), since=since)
            self.handling.care.cleared(work)
            self.holdings.settle(work)
            self.holdings.lanes.advance(lane)
            brakes.settled(lane)
        else:
            wait = min(brakes.failed(lane, heard, wait, clock.now(), since=since), LONGEST)
            following = brakes.following(heard, wait, clock.now())
            self._put_off(lane, work.tries, wait)
        self.handling.reports.failed(work, failed, following)
        self._have_asked()
        self.holdings.stir()
        if held or freed:
            self.go_on(freed)
        if failed is not None and isinstance(work, Replayed):
            await self._note(work, failed.outcome.detail, following)

    def _put_off(self, lane: Lane[Work], tries: Tries, wait: timedelta) -> None:
        """A lane is to be tried again after a wait."""
        clock = self.equipment.clock
        long = tries.portable and tries.lasts(clock.now() + wait) > self.equipment.limits.lane_wait
        # while the brakes are on nothing is parked, and whoever asks the platform asks again
        long = long and not self.holdings.brakes.on
        self.holdings.lanes.wait(lane, clock.monotonic() + wait.total_seconds(), long=long)
        self.holdings.rescheduled.set()

    def _have_asked(self) -> None:
        """Where a platform is away and another lane is to ask, one that is ready waits to; the others stand still."""
        clock = self.equipment.clock
        for account, wait in self.holdings.brakes.unasked(clock.now()).items():
            if (lane := self.holdings.lanes.take()) is None:
                return
            self.holdings.lanes.wait(lane, clock.monotonic() + wait.total_seconds())
            self.holdings.brakes.asks(account, lane)
            self.holdings.rescheduled.set()

    async def _note(self, work: Replayed, detail: str, following: str) -> None:
        """Tell whoever waits for a replay that it is tried again; nothing depends on it."""
        with contextlib.suppress(StoreError):
            await self.equipment.store.replays.note(
                work.replay.id, f"attempt {work.tries.made} failed, {following}: {detail}"
            )


def _running(partitions: list[Partition]) -> set[asyncio.Task[None]]:
    return {task for partition in partitions for task in partition.running}
