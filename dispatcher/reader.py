"""Reads: chooses the partitions that have room, fetches, and puts what the handler asked for into lanes.

Back-pressure is the choice of partitions: one that is full is left out until its lanes have worked some off.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

import structlog

from dispatcher.equipment import Limits
from dispatcher.errors import describe
from dispatcher.holdings import Holdings
from dispatcher.partition import Partition
from dispatcher.settings import Entry
from dispatcher.work import Heading, Received, lane_of_record
from eventlog.errors import LogUnavailable, NotOwner
from eventlog.log import Member
from schemas.record import StoredRecord

log = structlog.get_logger()

# While a partition is full it may have room again soon: the others are not waited for as long as usual.
_IMPATIENT = timedelta(milliseconds=50)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which records an entry's handler is given. Reads headers only."""

    types: frozenset[bytes]
    sources: frozenset[bytes] | None
    own: bytes

    @classmethod
    def of(cls, entry: Entry) -> "Wanted":
        """What an entry wants."""
        return cls(
            types=frozenset(data.event_type.encode() for data in entry.handler.on),
            sources=None if entry.sources is None else frozenset(source.encode() for source in entry.sources),
            own=f"/handlers/{entry.name}".encode(),
        )

    def __call__(self, heading: Heading) -> bool:
        """Whether a record is for the handler: not what it published itself."""
        return (
            heading.event_type in self.types
            and heading.source != self.own
            and (self.sources is None or heading.source_name in self.sources)
        )


@dataclass(slots=True, kw_only=True)
class Reader:
    """The fetch loop of one membership."""

    entry: str
    member: Member
    holdings: Holdings
    wanted: Wanted
    limits: Limits
    # Called after records came.
    on_work: Callable[[], None]
    # Reads nothing more, but keeps the membership alive.
    draining: bool = False
    ending: bool = False
    # Why nothing can be read now; empty while all is well.
    away: str = ""

    async def run(self) -> None:
        """Fetch until told to end.

        Raises:
            PositionLost: the log no longer has what was to be read next.
        """
        while not self.ending:
            mine = list(self.holdings.partitions.values())
            closed = self.draining or self.holdings.brakes.on
            open_ones = [] if closed else [each for each in mine if each.has_room(self.limits)]
            try:
                if open_ones:
                    await self._fetch(open_ones, all_open=len(open_ones) == len(mine))
                else:
                    await self._rest()
            except NotOwner:
                # a partition went away between two steps; the group tells about it
                await asyncio.sleep(_IMPATIENT.total_seconds())
            except LogUnavailable as error:
                if self.ending:
                    # the member is gone because we leave
                    return
                if not self.away:
                    log.warning("log.lost", handler=self.entry, cause=describe(error))
                self.away = describe(error)
                await asyncio.sleep(error.retry_after.total_seconds())
            else:
                self.away = ""

    async def _fetch(self, partitions: Sequence[Partition], *, all_open: bool) -> None:
        room = min(self.limits.fetch, max(self.limits.records - len(each.unsettled) for each in partitions))
        found = await self.member.fetch(
            [each.at for each in partitions],
            max_records=room,
            timeout=self.limits.fetch_wait if all_open else _IMPATIENT,
        )
        for partition in partitions:
            self._take(partition, found.get(partition.at, ()))
        self.on_work()

    async def _rest(self) -> None:
        """Nothing may be read: keep the membership alive, and wait for room."""
        self.holdings.room.clear()
        await self.member.fetch((), max_records=1, timeout=timedelta())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.limits.fetch_wait.total_seconds()):
                await self.holdings.room.wait()

    def _take(self, partition: Partition, records: Iterable[StoredRecord]) -> None:
        if partition.closing or partition.lost:
            self._leave(partition)
            return
        for record in records:
            heading = Heading.of(record)
            if not partition.tracker.add(record.offset):
                partition.recent.add(heading.identity)
            elif self.wanted(heading):
                work = Received(partition, record, heading)
                partition.hold(work)
                self.holdings.lanes.put(lane_of_record(record, heading), work)
            else:
                partition.tracker.done(record.offset)
        self.holdings.stir()
        partition.tracker.passed(self.member.position(partition.at))
        if partition.tracker.changes != partition.stored_changes:
            self.holdings.dirty.set()
        if len(partition.gate):
            self.holdings.rescheduled.set()

    def _leave(self, partition: Partition) -> None:
        """The partition went away while we waited, and may have come back under another epoch.

        What was fetched does not count then: the new epoch reads from where it began.
        """
        current = self.holdings.partitions.get(partition.at)
        if current is not None and current is not partition:
            self.member.seek(current.at, current.tracker.position)
