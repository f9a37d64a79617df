"""One entry at work: keeps it a member of its group until it is told to stop, or must stop."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import Enum

import structlog

from dispatcher.brakes import Brakes
from dispatcher.dead_limit import DeadLimit
from dispatcher.equipment import Equipment
from dispatcher.errors import DispatcherError, describe
from dispatcher.membership import Failed, Left, Membership, Rejoin
from dispatcher.metrics import Load, StopCause
from dispatcher.observers import HandlerStarted, HandlerStopped
from dispatcher.settings import Entry
from dispatcher.stops import Stops
from eventlog.errors import EventLogError, PositionLost
from schemas.events import Timer
from schemas.record import TopicPartition
from schemas.topics import Topics
from store.errors import StoreError

log = structlog.get_logger()

# After a membership broke, in seconds.
_REJOIN_AFTER = 1.0
# What handlers share has so long to be left in any case, in seconds.
_LEAST = 0.5


class Phase(Enum):
    """What a worker is doing."""

    WAITING = "It has not been started."
    RUNNING = "It reads its topics, or waits for its turn to."
    STOPPED = "It was told to stop."
    FAILED = "It must not run on; `reason` says why and what to do."


def topics_of(entry: Entry, topics: Topics) -> tuple[str, ...]:
    """The topics an entry reads, by the event types its handler is given."""
    return tuple(sorted({topics.of(data.event_type) for data in entry.handler.on if data is not Timer}))


@dataclass(slots=True)
class Worker:
    """Runs one entry."""

    entry: Entry
    equipment: Equipment
    stops: Stops
    phase: Phase = Phase.WAITING
    # Why it does not run.
    reason: str = ""
    _membership: Membership | None = None
    _task: asyncio.Task[bool] | None = field(default=None)
    _stopping: timedelta | None = None
    _brakes: Brakes = field(init=False)

    def __post_init__(self) -> None:
        name = self.entry.name
        self._brakes = Brakes(
            name,
            stopped=lambda: self.stops.holds(name),
            limit=DeadLimit(self.equipment.dead_limit),
            trip=lambda why: self.stops.trip(name, why),
        )
        self.stops.watch(name, self._obey)

    @property
    def topics(self) -> tuple[str, ...]:
        """The topics it reads."""
        return topics_of(self.entry, self.equipment.topics)

    def start(self) -> None:
        """Begin; joining the group goes on in the background."""
        self.phase = Phase.RUNNING
        self.equipment.metrics.watch(self.entry.name, self.load)
        self._task = asyncio.create_task(self._live(), name=f"handler {self.entry.name}")
        self._task.add_done_callback(self._died)

    async def stop(self, within: timedelta) -> bool:
        """Let running attempts finish, commit, leave the group and what handlers share, all within this time.

        Returns:
            Whether every attempt ended by itself and all progress is stored.
        """
        self._stopping, began = within, asyncio.get_running_loop().time()
        if self._membership is not None:
            self._membership.end(within)
        if self._task is None:
            return True
        done, _ = await asyncio.wait({self._task}, timeout=within.total_seconds() + 1)
        if not done:
            self._task.cancel()
            await asyncio.wait({self._task})
        if self.phase is Phase.RUNNING:
            self.phase = Phase.STOPPED
        left = within.total_seconds() - (asyncio.get_running_loop().time() - began)
        await self.equipment.shared.left(self.entry.name, max(_LEAST, left))
        return bool(done) and not self._task.cancelled() and self._task.exception() is None and self._task.result()

    @property
    def trouble(self) -> str:
        """Why it does nothing though it runs; empty while all is well."""
        if self.phase is not Phase.RUNNING or self._membership is None:
            return ""
        return self._membership.trouble

    @property
    def away(self) -> Mapping[str, datetime]:
        """The accounts whose platforms are away, and since when that is known."""
        return self._brakes.away

    @property
    def noted(self) -> Mapping[str, int]:
        """What was under way at crashes and has not ended since → at how many."""
        return {} if self._membership is None else self._membership.holdings.crashed_with

    def is_resting(self, ends: Mapping[TopicPartition, int]) -> bool:
        """Whether it has read up to these ends, those of its topics, and nothing goes on before the clock does."""
        mine = {at: end for at, end in ends.items() if at.topic in self.topics}
        return self._membership is not None and self._membership.is_resting(mine)

    def next_due(self) -> datetime | None:
        """When the clock brings it work; None: nothing waits for that."""
        return None if self._membership is None else self._membership.holdings.next_due(self.equipment.clock)

    def look_around(self) -> None:
        """The clock was put forward: see what has come due."""
        if self._membership is not None:
            self._membership.holdings.rescheduled.set()

    def load(self) -> Load:
        """What it has on its hands now."""
        load = Load()
        if self._membership is not None:
            running = self._membership.runner.running
            load = self._membership.holdings.load(running, self.equipment.clock)
            load = replace(load, renewals=self._membership.renewals)
        stuck = len(self.equipment.attempts.stuck(self.entry.name))
        return replace(load, stopped=self._stop_cause(), stuck=stuck, accounts_away=len(self.away))

    def _stop_cause(self) -> StopCause | None:
        if self.phase is Phase.FAILED:
            return "failed"
        if (stop := self.stops.of(self.entry.name)) is None:
            return None
        return "paused" if stop.reason == "paused" else "tripped"

    async def _live(self) -> bool:
        started = HandlerStarted(entry=self.entry.name, group=self.equipment.group(self.entry.name), topics=self.topics)
        log.info("handler.started", handler=self.entry.name, group=started.group, topics=started.topics)
        self.equipment.tell(started)
        while self._stopping is None:
            self._membership = Membership(self.entry, self.equipment, self.topics, self._brakes)
            match await self._membership.serve():
                case Left(clean=clean):
                    return clean
                case Rejoin(why=why):
                    log.warning("handler.rejoining", handler=self.entry.name, cause=why)
                    await self.equipment.clock.sleep(_REJOIN_AFTER)
                case Failed(error=error):
                    self._fail(error)
                    return False
        return True

    def _obey(self) -> None:
        """The entry is to stand still, or may go on; then its deaths are counted anew."""
        if not self._brakes.stopped():
            self._brakes.limit.forget()
        if self._membership is not None:
            self._membership.runner.go_on()

    def _fail(self, error: BaseException) -> None:
        self.phase, self.reason = Phase.FAILED, _reason(self.entry.name, error)
        log.error("handler.stopped", handler=self.entry.name, reason=self.reason)
        self.equipment.tell(HandlerStopped(entry=self.entry.name, reason=self.reason))
        self.equipment.shared.let_go(self.entry.name)

    def _died(self, task: asyncio.Task[bool]) -> None:
        """A defect of ours stops this handler only, and says so."""
        if not task.cancelled() and (error := task.exception()) is not None:
            self._fail(error)


def _reason(entry: str, error: BaseException) -> str:
    if isinstance(error, PositionLost):
        gap = (
            f"no position is stored, the log begins at {error.earliest}"
            if error.wanted is None
            else f"it was to go on at {error.wanted}, the log begins at {error.earliest}"
        )
        return (
            f"{describe(error)}. In {error.at.topic}/{error.at.partition} {gap}. Going on would skip or repeat events:"
            " look what is missing, stop all its workers, and say where it goes on: `hookline handlers rewind"
            f" {entry} --to earliest` (or end, or a time)"
        )
    if isinstance(error, (DispatcherError, EventLogError, StoreError)):
        return describe(error)
    return f"a defect of hookline: {describe(error)}. Please report it with the log; restart to go on"
