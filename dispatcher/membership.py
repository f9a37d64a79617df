"""One membership of an entry in its consumer group, from joining to leaving: partitions come and go, work is done.

The parts share `Holdings`: the reader fills lanes, the runner works them off, the alarm wakes what waits, the committer
stores how far it all is. This file takes partitions over and gives them back.
"""

import asyncio
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeAlias

import structlog

from dispatcher.alarm import Alarm
from dispatcher.brakes import Brakes
from dispatcher.committer import Committer
from dispatcher.equipment import Equipment
from dispatcher.errors import HandlerStopped, describe
from dispatcher.handling import Handling
from dispatcher.holdings import Holdings
from dispatcher.lanes import Lanes
from dispatcher.metrics import EntryMetrics
from dispatcher.parker import Parker
from dispatcher.partition import Partition, Recent
from dispatcher.positions import Opening, Positions
from dispatcher.reader import Reader, Wanted
from dispatcher.replayer import Replayer
from dispatcher.runner import Runner
from dispatcher.settings import GIVING_BACK, Entry
from dispatcher.timer_feeder import TimerFeeder
from dispatcher.tracker import Tracker
from dispatcher.work import lane_of_parked
from eventlog.errors import EventLogError, LogMisconfigured, LogUnavailable, NotOwner, PositionLost
from schemas.record import TopicPartition
from store.errors import NotOwned, StoreError, StoreUnavailable

log = structlog.get_logger()

# Between tries to take partitions over, in seconds.
_OPEN_AGAIN = 0.5
# Of the time to stop in, this much is kept for giving the partitions back and leaving the group.
_LEAVING = timedelta(seconds=5)
# The parts end by themselves within so many seconds, else they are cancelled after the member was stopped.
_PARTS_END = 2.0


@dataclass(frozen=True, slots=True)
class Left:
    """The membership ended because it was told to."""

    # Whether every attempt ended by itself and all progress is stored.
    clean: bool


@dataclass(frozen=True, slots=True)
class Rejoin:
    """The membership is not what the worker thought it was: join the group anew."""

    why: str


@dataclass(frozen=True, slots=True)
class Failed:
    """The handler must not run on."""

    error: BaseException


End: TypeAlias = Left | Rejoin | Failed


class Membership:
    """One membership. Make it inside a running event loop; `serve` runs it once."""

    def __init__(self, entry: Entry, equipment: Equipment, topics: tuple[str, ...], brakes: Brakes) -> None:
        self.entry = entry
        self.equipment = equipment
        limits = equipment.limits
        self.holdings = Holdings(brakes=brakes, lanes=Lanes(records=limits.lane_records, rows=limits.lane_rows))
        # What runs when partitions go away has so long to end.
        self._grace = limits.revoke or entry.timeout
        self._member = equipment.log.member(
            equipment.group(entry.name), topics, self, revokes_within=self._grace + GIVING_BACK
        )
        metrics = equipment.metrics.of(entry.name)
        handling = self._handling(metrics)
        self.runner = Runner(handling)
        self._reader = Reader(
            entry=entry.name,
            member=self._member,
            holdings=self.holdings,
            wanted=Wanted.of(entry),
            limits=equipment.limits,
            on_work=self.runner.poke,
        )
        self._committer = Committer(
            member=self._member,
            holdings=self.holdings,
            store=equipment.store.id,
            limits=equipment.limits,
            clock=equipment.clock,
            metrics=metrics,
        )
        others = (self._alarm(), self._feeder(), self._replayer(), self._parker(), handling.care)
        self._parts = (self._reader, self._committer, *others)
        self._positions = Positions(entry, equipment)
        # What ends it: a reason to rejoin or to fail, or None for an ordinary end.
        self._ended: asyncio.Future[Rejoin | Failed | None] = asyncio.get_running_loop().create_future()
        self._clean = True
        self._stop_within = timedelta(seconds=10)

    @property
    def trouble(self) -> str:
        """Why nothing can be read now; empty while all is well."""
        # Of a log that is away every entry says the same, however each came to notice.
        return self.equipment.log.health().detail or self._reader.away

    @property
    def renewals(self) -> int:
        """How often a silent connection to the log was given up."""
        return self._member.renewals

    def is_resting(self, ends: Mapping[TopicPartition, int]) -> bool:
        """Whether all partitions of these ends are its own and read so far, and nothing goes on."""
        mine = self.holdings.partitions
        read = all(at in mine and mine[at].tracker.position >= end for at, end in ends.items())
        return (read or self.holdings.brakes.on) and not self.runner.running and self.holdings.is_still

    async def serve(self) -> End:
        """Join, work until something ends it, give everything back and leave."""
        tasks: list[asyncio.Task[None]] = []
        try:
            await self._join()
            tasks = [self._watched(part.run()) for part in self._parts]
            await asyncio.wait({self._ended})
        except LogUnavailable as error:
            self._finish(Rejoin(describe(error)))
        except EventLogError as error:
            self._fail(error)
        finally:
            await self._leave(tasks)
        return self._ended.result() or Left(clean=self._clean)

    async def _join(self) -> None:
        """Start the member; an absent log is waited for, until it is told to end."""
        starting = asyncio.create_task(self._member.start())
        try:
            both: set[asyncio.Future[Any]] = {starting, self._ended}
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            if not starting.done():
                starting.cancel()
            await asyncio.wait({starting})
        if not starting.cancelled():
            starting.result()

    def end(self, within: timedelta) -> None:
        """Let running attempts finish, commit and leave, all within this time."""
        self._stop_within = within
        self._finish(None)

    # -- what the group tells -----------------------------------------------------------------------------------------

    async def assigned(self, partitions: frozenset[TopicPartition]) -> None:
        """These partitions are ours."""
        wanted = [at for at in sorted(partitions) if at not in self.holdings.partitions]
        opened = await self._open(wanted)
        for at, opening in opened.items():
            self.holdings.take_over(self._partition(at, opening))
            self._restore(at, opening)
            self._member.seek(at, opening.start)
        if opened:
            log.debug("partitions.assigned", handler=self.entry.name, partitions=[f"{at[0]}/{at[1]}" for at in opened])

    async def revoked(self, partitions: frozenset[TopicPartition]) -> None:
        """These partitions go to another worker: finish or drop their work, commit, release."""
        going = self.holdings.give_up(partitions)
        if not going:
            return
        limits = self.equipment.limits
        idle = await self.runner.end(going, within=self._grace, cancel=limits.cancel)
        still_ours = [partition for partition in going if not partition.lost]
        stored = await self._committer.commit(still_ours)
        self.holdings.forget(going)
        self._clean = self._clean and idle and stored
        if idle:
            await self._release(still_ours)
        elif not self._ended.done() and self._abandon(going):
            # or the event would be attempted again beside itself, if the partition came back
            self._finish(None)
        log.debug(
            "partitions.revoked",
            handler=self.entry.name,
            partitions=[f"{each.at.topic}/{each.at.partition}" for each in going],
            clean=idle and stored,
        )

    # -- inside -------------------------------------------------------------------------------------------------------

    async def _open(self, partitions: list[TopicPartition]) -> dict[TopicPartition, Opening]:
        if not partitions:
            return {}
        deadline = self.equipment.clock.monotonic() + self.equipment.limits.open.total_seconds()
        while not self._ended.done():
            try:
                return await self._positions.open(self._member, partitions)
            except (PositionLost, HandlerStopped, LogMisconfigured) as error:
                self._fail(error)
            except (LogUnavailable, StoreUnavailable, NotOwner, NotOwned) as error:
                if self.equipment.clock.monotonic() > deadline:
                    self._finish(Rejoin(f"the partitions could not be taken over: {describe(error)}"))
                else:
                    await self.equipment.clock.sleep(_OPEN_AGAIN)
            except (EventLogError, StoreError) as error:
                self._fail(error)
        return {}

    def _handling(self, metrics: EntryMetrics) -> Handling:
        return Handling(
            entry=self.entry,
            equipment=self.equipment,
            holdings=self.holdings,
            metrics=metrics,
            on_lost=self._lost,
            on_stop=self._fail,
        )

    def _alarm(self) -> Alarm:
        return Alarm(
            entry=self.entry.name,
            holdings=self.holdings,
            log=self.equipment.log,
            clock=self.equipment.clock,
            on_work=self.runner.poke,
        )

    def _feeder(self) -> TimerFeeder:
        return TimerFeeder(
            entry=self.entry.name,
            holdings=self.holdings,
            schedule=self.equipment.store.schedule,
            clock=self.equipment.clock,
        )

    def _parker(self) -> Parker:
        return Parker(
            entry=self.entry.name,
            holdings=self.holdings,
            store=self.equipment.store,
            limits=self.equipment.limits,
            clock=self.equipment.clock,
            metrics=self.equipment.metrics.of(self.entry.name),
            on_work=self.runner.poke,
            on_lost=self._lost,
        )

    def _replayer(self) -> Replayer:
        return Replayer(
            entry=self.entry.name,
            holdings=self.holdings,
            log=self.equipment.log,
            replays=self.equipment.store.replays,
            limits=self.equipment.limits,
            clock=self.equipment.clock,
            on_work=self.runner.poke,
            on_lost=self._lost,
        )

    def _partition(self, at: TopicPartition, opening: Opening) -> Partition:
        tracker = Tracker(opening.start, opening.finished)
        return Partition(
            at=at,
            epoch=opening.epoch,
            tracker=tracker,
            recent=Recent(self.equipment.limits.recent),
            caution=opening.caution,
            timers=opening.timers,
        )

    def _restore(self, at: TopicPartition, opening: Opening) -> None:
        """Its parked lanes are there before the first record is read."""
        clock = self.equipment.clock
        for lane in opening.parked:
            wait = (lane.due - clock.now()).total_seconds()
            self.holdings.lanes.restore(lane_of_parked(at, lane.name), lane.rows, clock.monotonic() + wait)

    async def _release(self, partitions: list[Partition]) -> None:
        try:
            await self.equipment.store.owners.release(self.entry.name, {each.at: each.epoch for each in partitions})
        except StoreError as error:
            # they count as left by a crash, and the next owner takes more care
            log.warning("partitions.unreleased", handler=self.entry.name, cause=describe(error))

    def _abandon(self, partitions: list[Partition]) -> bool:
        """Attempts go on though they were cancelled; whether the process ends because of them."""
        self.equipment.attempts.abandon(task for partition in partitions for task in partition.running)
        return self.equipment.on_abandoned()

    def _lost(self, partition: Partition) -> None:
        """The store says that another worker owns it: this one was frozen, or cut off, and did not notice."""
        self.holdings.give_up([partition.at])
        self.holdings.forget([partition])
        self._finish(Rejoin(f"{partition.at.topic}/{partition.at.partition} has another owner"))

    def _fail(self, error: BaseException) -> None:
        self._finish(Failed(error))

    def _finish(self, end: Rejoin | Failed | None) -> None:
        if not self._ended.done():
            self._ended.set_result(end)

    def _watched(self, run: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(run)
        task.add_done_callback(self._part_ended)
        return task

    def _part_ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._fail(error)

    async def _leave(self, tasks: list[asyncio.Task[None]]) -> None:
        """Drain, give the partitions back, end the tasks."""
        clock = self.equipment.clock
        deadline = clock.monotonic() + self._stop_within.total_seconds()
        self._reader.draining = True
        self.runner.halt()
        drained = await self.runner.idle(max(timedelta(), self._stop_within - _LEAVING))
        self._clean = self._clean and drained
        # what runs now has had its time
        self._grace = timedelta()
        for part in self._parts:
            part.ending = True
        self.holdings.wake()
        try:
            if tasks:
                await asyncio.wait(tasks, timeout=_PARTS_END)
            await self._member.stop(timedelta(seconds=max(1.0, deadline - clock.monotonic())))
        except EventLogError as error:
            # what it raised in a callback was told there; the membership is over in any case
            log.warning("member.unstopped", handler=self.entry.name, cause=describe(error))
            self._clean = False
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
