"""What a worker holds at a moment: its partitions, the lanes of all of them, and the signals between its tasks."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from dispatcher.brakes import Brakes
from dispatcher.caution import is_suspect
from dispatcher.clock import Clock
from dispatcher.lane import Lane
from dispatcher.lanes import Lanes
from dispatcher.metrics import Load
from dispatcher.partition import Partition
from dispatcher.work import Parked, Received, Replayed, Work
from schemas.record import TopicPartition
from store.suspects import whereabouts


@dataclass(slots=True)
class Holdings:
    """The state that the reader, the runner, the alarm and the committer of one membership share.

    None of its methods waits, so one task at a time touches it.
    """

    partitions: dict[TopicPartition, Partition] = field(default_factory=dict)
    lanes: Lanes[Work] = field(default_factory=Lanes)
    brakes: Brakes = field(default_factory=Brakes)
    # Records settled since the last commit.
    settled: int = 0
    # Reading may go on: a record was settled, or a partition came.
    room: asyncio.Event = field(default_factory=asyncio.Event)
    # There is something to commit.
    dirty: asyncio.Event = field(default_factory=asyncio.Event)
    # A lane waits, a timer was set, or reading went on: the alarm must look at its times again.
    rescheduled: asyncio.Event = field(default_factory=asyncio.Event)
    # No replay is left of those that were taken: more may wait.
    replayed: asyncio.Event = field(default_factory=asyncio.Event)
    # Lanes are to be written to the store, or to be loaded from it.
    parking: asyncio.Event = field(default_factory=asyncio.Event)
    # Few timers of a partition are left in memory, and more are in the store.
    thin: asyncio.Event = field(default_factory=asyncio.Event)
    # An attempt is to be noted before it begins, or a note is to go.
    noted: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def replaying(self) -> int:
        """How many replays lanes hold."""
        return sum(len(partition.replaying) for partition in self.partitions.values())

    @property
    def is_still(self) -> bool:
        """Whether nothing of it goes on before the clock does: lanes wait, timers are not due."""
        on_their_way = any(each.ripe or len(each.gate) or each.timers.hungry for each in self.partitions.values())
        return not on_their_way and not self.lanes.to_move and (self.brakes.on or not self.lanes.ready)

    def next_due(self, clock: Clock) -> datetime | None:
        """When a lane is tried again or a timer comes due; None: nothing waits for that."""
        dues = [due for partition in self.partitions.values() if (due := partition.timers.next_due()) is not None]
        if (wake := self.lanes.next_wake()) is not None:
            dues.append(clock.now() + timedelta(seconds=wake - clock.monotonic()))
        return min(dues, default=None)

    def settle(self, work: Work) -> None:
        """The work's part is over."""
        if isinstance(work, Replayed):
            work.partition.replaying.discard(work.replay.id)
            if not self.replaying:
                self.replayed.set()
        if isinstance(work, Parked):
            work.partition.recent.add(work.heading.identity)
        if isinstance(work, Received) and not work.partition.lost:
            work.partition.settle(work)
            self.settled += 1
            self.room.set()
            self.dirty.set()
        if work.partition.timers.hungry:
            self.thin.set()

    def stir(self) -> None:
        """Have lanes written and loaded, if any are to be."""
        if self.lanes.to_move:
            self.parking.set()

    def next_lane(self) -> Lane[Work] | None:
        """The lane that is to run now; while the brakes are on only one that may run all the same."""
        if not self.brakes.on:
            return self.lanes.take()
        return next((lane for lane in self.brakes.probes() if self.lanes.claim(lane)), None)

    def take_over(self, partition: Partition) -> None:
        """A partition is ours."""
        self.partitions[partition.at] = partition
        for signal in (self.room, self.rescheduled, self.thin):
            signal.set()

    def give_up(self, partitions: Iterable[TopicPartition]) -> list[Partition]:
        """Stop beginning attempts of partitions and forget what waits in their lanes; they are returned."""
        going = [self.partitions[at] for at in partitions if at in self.partitions]
        for partition in going:
            partition.closing = True
        self.lanes.drop(partition.at for partition in going)
        self.brakes.drop_gone()
        return going

    def forget(self, partitions: Iterable[Partition]) -> None:
        """These are not ours any more: whatever still comes of their attempts is void."""
        for partition in partitions:
            partition.lost = True
            if self.partitions.get(partition.at) is partition:
                del self.partitions[partition.at]

    def wake(self) -> None:
        """Give every signal, so that whoever waits for one looks around."""
        signals = (self.room, self.dirty, self.rescheduled, self.replayed, self.parking, self.thin, self.noted)
        for signal in signals:
            signal.set()

    @property
    def crashed_with(self) -> Mapping[str, int]:
        """What was under way at crashes and has not ended since → at how many."""
        return {
            whereabouts(at, item): crashes
            for at, partition in self.partitions.items()
            if partition.caution is not None
            for item, crashes in partition.caution.noted.items()
        }

    def load(self, running: int, clock: Clock) -> Load:
        """Figures for the metrics."""
        mine, now = list(self.partitions.values()), clock.now()
        oldest = min((oldest for partition in mine if (oldest := partition.oldest) is not None), default=None)
        return Load(
            running=running,
            lanes=len(self.lanes),
            waiting=self.lanes.waiting,
            buffered=sum(len(partition.unsettled) for partition in mine),
            buffered_bytes=sum(partition.unsettled_bytes for partition in mine),
            ahead=sum(partition.tracker.span for partition in mine),
            head_age=0.0 if oldest is None else max(0.0, now.timestamp() - oldest / 1000),
            parked=self.lanes.stored,
            timers=sum(len(partition.timers) for partition in mine),
            overdue=self._overdue(clock),
            partitions=len(mine),
            suspects=sum(map(is_suspect, self.crashed_with.values())),
        )

    def _overdue(self, clock: Clock) -> float:
        """For how many seconds timers and parked lanes have waited for their turn."""
        now, since = clock.now(), self.lanes.first_due()
        dues = [due for partition in self.partitions.values() if (due := partition.timers.first_due()) is not None]
        late = [(now - due).total_seconds() for due in dues]
        if since is not None:
            late.append(clock.monotonic() - since)
        return max([0.0, *late])
