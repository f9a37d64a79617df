"""Forgetting an entry, or what waits where it does not read any more: dead letters come of it. May be called again.

A letter is durable before its row goes, so one may be written twice, and none is lost. What the log holds and the entry
has not read waits for nobody and is no letter.
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from dispatcher import dead
from dispatcher.alone import ALONE, alone, partitions_of, readable
from dispatcher.clock import Clock
from dispatcher.outcome import Dead
from dispatcher.partition import Partition, Recent
from dispatcher.tracker import Tracker
from dispatcher.work import Firing, Heading, Received, Work
from eventlog.errors import RecordRefused
from eventlog.log import EventLog
from schemas.record import Record, TopicPartition
from schemas.topics import Topics
from store.entry_rows import KeptTimer
from store.owners import Epoch
from store.parked_rows import ParkedRow
from store.store import Store

# Of timers, and of parked records, at once.
_PAGE = 200
_WHY = Dead("forgotten", "somebody forgot the entry, or what it reads no more, while this waited for it")


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What became of an entry."""

    letters: int
    # Others that are gone.
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgetting:
    """Forgets entries."""

    log: EventLog
    store: Store
    topics: Topics
    clock: Clock
    # Of hookline, for the dead letters.
    version: str

    async def forget(self, entry: str, *, within: float = ALONE) -> Forgotten:
        """Forget one.

        Args:
            entry: its name.
            within: how long to wait until its group is ours alone, in seconds.

        Raises:
            GroupInUse: somebody works for it.
            EventLogError: the log failed; call again.
            StoreError: the store failed; call again.
        """
        group, rows = f"{self.topics.prefix}{entry}", self.store.entry_rows
        async with self._buried(entry, group, (), within) as letters:
            gone = await rows.forget(entry, self.clock.now())
        await self.log.forget(group)
        return Forgotten(letters, gone)

    async def release(self, entry: str, reads: Collection[str], *, within: float = ALONE) -> Forgotten:
        """Forget what waits for an entry in other topics than those it reads; it goes on with the rest.

        Args:
            entry: its name.
            reads: the topics it reads.
            within: as for `forget`.

        Raises:
            GroupInUse: somebody works for it.
            EventLogError: the log failed; call again.
            StoreError: the store failed; call again.
        """
        async with self._buried(entry, f"{self.topics.prefix}{entry}", reads, within) as letters:
            gone = await self.store.entry_rows.take_back(entry, self.clock.now(), beside=reads)
        return Forgotten(letters, gone)

    @asynccontextmanager
    async def _buried(self, entry: str, group: str, beside: Collection[str], within: float) -> AsyncIterator[int]:
        """Make dead letters of what waits, but for that of some topics; how many. Nobody works for it in the block."""
        rows, letters = self.store.entry_rows, 0
        async with alone(self.log, group, await partitions_of(self.log, readable(self.topics)), within=within) as held:
            while any(waiting := await rows.waiting(entry, limit=_PAGE, beside=beside)):
                timers, records = waiting
                await self._bury(entry, group, [*map(_of_timer, timers), *map(_of_record, records)])
                held.check()
                await rows.drop(timers=[each.row.id for each in timers], records=[each.id for each in records])
                letters += len(timers) + len(records)
            yield letters

    async def _bury(self, entry: str, group: str, works: Iterable[Work]) -> None:
        letters = [self._letter(entry, group, each) for each in works]
        # begun one after another, so those of a key keep their order
        await asyncio.gather(*map(self._append, letters))

    def _letter(self, entry: str, group: str, work: Work) -> Record:
        now = self.clock.now()
        death = dead.Death(
            outcome=_WHY,
            entry=entry,
            group=group,
            error=None,
            attempts=work.tries.made,
            first_failed_at=work.tries.first_failed_at or now,
            failed_at=now,
            version=self.version,
        )
        return dead.letter(work, death, self.topics.name("dead"))

    async def _append(self, letter: Record) -> None:
        try:
            await self.log.append(letter).offset()
        except RecordRefused:
            if (lighter := dead.smaller(letter)) is None:
                raise
            await self._append(lighter)


def _of_timer(kept: KeptTimer) -> Work:
    return Firing(_partition(kept.row.at, kept.log), kept.row, offset=kept.row.setter_offset)


def _of_record(row: ParkedRow) -> Work:
    work = Received(_partition(row.record.at, row.log), row.record, Heading.of(row.record))
    work.tries.made, work.tries.first_failed_at = row.tried.made, row.tried.first_failed_at
    return work


def _partition(at: TopicPartition, log: str) -> Partition:
    """Where it stood, as far as a letter tells of it."""
    return Partition(at=at, epoch=Epoch(0, clean=True, log=log), tracker=Tracker(0), recent=Recent(0))
