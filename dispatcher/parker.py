"""Takes lanes that wait long to the store and back, so that others flow on and the log's position moves.

One task does all of it, one transaction after another. A lane of which something is being written stands still until
it is known whether that was written: what is only believed not to be there would be run beside its own row.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeVar

import structlog

from dispatcher.clock import Clock
from dispatcher.equipment import Limits
from dispatcher.errors import describe
from dispatcher.holdings import Holdings
from dispatcher.lane import Lane, LaneKey, Move
from dispatcher.metrics import EntryMetrics
from dispatcher.partition import Partition
from dispatcher.work import Parked, Received, Work, name_of_lane
from schemas.record import TopicPartition
from store.errors import NotOwned, StoreError, StoreRefused
from store.parked_rows import ToPark, Tried
from store.store import Store

log = structlog.get_logger()

# While the store is away it is asked again after so many seconds.
_AGAIN = 1.0

E = TypeVar("E")


@dataclass(slots=True, kw_only=True)
class Parker:
    """The parked lanes of one membership."""

    entry: str
    holdings: Holdings
    store: Store
    limits: Limits
    clock: Clock
    metrics: EntryMetrics
    # Called when lanes got work.
    on_work: Callable[[], None]
    # Called when the store says that a partition has another owner.
    on_lost: Callable[[Partition], None]
    ending: bool = False
    # What is being written, or may have been without that anybody knows.
    _begun: list[tuple[Partition, list[Move[Work]]]] = field(default_factory=list)
    _away: bool = False
    # The store would not keep more; it is asked again from then on.
    _write_from: float = 0.0
    # It was told that something waits; not again before something was written.
    _told: bool = False

    async def run(self) -> None:
        """Write and load until told to end, and then once more."""
        while True:
            last = self.ending
            self.holdings.parking.clear()
            await self._look()
            if last:
                return
            if self._away and not self.ending:
                await self.clock.sleep(_AGAIN)
            else:
                await self.holdings.parking.wait()

    async def _look(self) -> None:
        try:
            if self._away:
                # asked for little, before lanes are made to wait for the answer
                await self.store.look()
            await self._write()
            if not self.ending and not self.holdings.brakes.on:
                await self._load()
        except StoreError as error:
            self._delayed(error)
            self._away = True
        else:
            self._away = False
        if released := self.holdings.lanes.released:
            self.holdings.lanes.released = 0
            log.info("lane.released", handler=self.entry, lanes=released)

    # -- to the store -------------------------------------------------------------------------------------------------

    async def _write(self) -> None:
        await self._finish()
        lanes, brakes = self.holdings.lanes, self.holdings.brakes
        while not brakes.on and self.clock.monotonic() >= self._write_from and (moves := lanes.moves()):
            # what was tried needs no room: it is kept also when nothing more is
            for new in (False, True):
                some = ((move.lane.key, move) for move in moves if (move.again is None) is new)
                self._begun += self._by_partition(some)
            await self._finish()

    async def _finish(self) -> None:
        """Write what was begun, and again until it is known to be written, or not to be."""
        while self._begun:
            partition, moves = self._begun[0]
            try:
                if not partition.closing and not partition.lost:
                    await self._park(partition, moves)
            except StoreRefused as error:
                self._delayed(error)
                self._write_from = self.clock.monotonic() + _AGAIN
                for move in moves:
                    self.holdings.lanes.stayed(move)
                self.holdings.rescheduled.set()
            except NotOwned:
                self._lose(partition)
            del self._begun[0]

    async def _park(self, partition: Partition, moves: list[Move[Work]]) -> None:
        records = [(move.lane, record) for move in moves for record in move.records if isinstance(record, Received)]
        again = {
            move.again.row.id: self._tried(move.lane, move.again) for move in moves if isinstance(move.again, Parked)
        }
        rows = self._rows(partition, records)
        await self.store.parked.park(
            self.entry,
            partition.at,
            partition.epoch,
            rows,
            again,
            bound=self.limits.parked,
            now=self.clock.now(),
        )
        self._told = False
        left = sum(not move.lane.stored for move in moves)
        for move in moves:
            self.holdings.lanes.moved(move)
        for _, record in records:
            self.holdings.settle(record)
        if left:
            at = partition.at
            log.info(
                "lane.parked", handler=self.entry, topic=at.topic, partition=at.partition, lanes=left, records=len(rows)
            )
        self.holdings.rescheduled.set()

    def _rows(self, partition: Partition, records: Iterable[tuple[Lane[Work], Received]]) -> list[ToPark]:
        """The rows of records, but for copies of an event that was settled shortly before or stands before them."""
        rows: list[ToPark] = []
        seen: set[bytes] = set()
        for lane, record in records:
            heading = record.heading
            if heading.identity in partition.recent or heading.identity in seen:
                self.metrics.skipped.inc()
                continue
            seen.add(heading.identity)
            rows.append(
                ToPark(
                    record=record.record,
                    lane=name_of_lane(lane.key),
                    identity=heading.identity,
                    event_id=heading.event_id.decode("utf-8", "replace"),
                    tried=self._tried(lane, record),
                )
            )
        return rows

    def _tried(self, lane: Lane[Work], work: Received | Parked) -> Tried:
        """What is to be kept of the attempts at a record; only the first of a lane was attempted."""
        tries = work.tries
        wait = max(0.0, lane.until - self.clock.monotonic()) if tries.made else 0.0
        return Tried(
            due=self.clock.now() + timedelta(seconds=wait),
            made=tries.made,
            free=tries.free,
            first_failed_at=tries.first_failed_at,
            held_up_since=tries.held_up_since,
            detail=tries.detail,
        )

    # -- and back -----------------------------------------------------------------------------------------------------

    async def _load(self) -> None:
        lanes = self.holdings.lanes
        while found := lanes.loads(self.limits.loaded - lanes.loaded, page=self.limits.page):
            try:
                for partition, some in self._by_partition((lane.key, lane) for lane in found):
                    await self._rows_of(partition, some)
            except StoreError:
                for lane in found:
                    if lane.moving:
                        lanes.rest(lane, self.clock.monotonic() + _AGAIN)
                self.holdings.rescheduled.set()
                raise
        self.on_work()

    async def _rows_of(self, partition: Partition, lanes: list[Lane[Work]]) -> None:
        names, page = {lane: name_of_lane(lane.key) for lane in lanes}, self.limits.page
        try:
            found = await self.store.parked.load(
                self.entry, partition.at, partition.epoch, list(names.values()), limit=page
            )
        except NotOwned:
            self._lose(partition)
            return
        for lane, name in names.items():
            rows = found[name]
            self.holdings.lanes.load(lane, [Parked.of(partition, row) for row in rows], more=len(rows) == page)

    # -- inside -------------------------------------------------------------------------------------------------------

    def _by_partition(self, each: Iterable[tuple[LaneKey, E]]) -> list[tuple[Partition, list[E]]]:
        """Of partitions that are there: the lanes of others are gone."""
        found: dict[TopicPartition, list[E]] = {}
        for key, one in each:
            found.setdefault(TopicPartition(key.topic, key.partition), []).append(one)
        mine = self.holdings.partitions
        return [(mine[at], ones) for at, ones in found.items() if at in mine]

    def _delayed(self, error: StoreError) -> None:
        if not self._told:
            log.warning("parking.delayed", handler=self.entry, cause=describe(error))
        self._told = True

    def _lose(self, partition: Partition) -> None:
        # It may have been given back meanwhile, in order.
        if not partition.lost and not partition.closing:
            self.on_lost(partition)
