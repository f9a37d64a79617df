"""Taking over partitions: where to read on, under which epoch, with which timers.

A handler's entry starts once (`start`); the start is committed, with the store's id, before the first record is read.
From then on a missing position means that the log forgot it, and the handler stops instead of guessing.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from dispatcher import metadata
from dispatcher.equipment import Equipment
from dispatcher.errors import ForeignStore
from dispatcher.metadata import Metadata
from dispatcher.settings import Entry
from dispatcher.tracker import Finished, Progress
from eventlog.errors import PositionLost
from eventlog.log import Commit, Member
from schemas.events import Timer
from schemas.record import TopicPartition
from store.effects import EffectKey
from store.effects import Finished as Known
from store.owners import Epoch
from store.schedule import TimerRow

# The mark that a partition's start was committed is kept for ever: effects are thrown away by the age of their begin.
_FOR_EVER = datetime(9999, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """How a partition is taken over."""

    epoch: Epoch
    # The next offset to read.
    start: int
    # What earlier owners settled from there on.
    finished: Finished | None
    # The next offset the log will give. Below it a record may have been handled before.
    end: int
    timers: tuple[TimerRow, ...]


@dataclass(frozen=True, slots=True)
class Positions:
    """Opens partitions for one entry."""

    entry: Entry
    equipment: Equipment

    async def open(self, member: Member, partitions: Collection[TopicPartition]) -> dict[TopicPartition, Opening]:
        """Claim partitions and find out where to read on.

        Raises:
            ForeignStore: they were worked on with another store.
            PositionLost: a position that was committed is gone.
            EventLogError: the log failed.
            StoreError: the store failed.
        """
        committed = await member.committed(partitions)
        known = {at: self._known(committed.get(at)) for at in partitions}
        epochs = await self.equipment.store.owners.claim(self.entry.name, partitions)
        ends = await self.equipment.log.offsets(partitions, "end")
        offsets = {at: commit.offset for at, commit in committed.items() if commit is not None}
        offsets |= await self._start(member, [at for at in partitions if at not in offsets], epochs)
        return {
            at: Opening(
                epoch=epochs[at],
                start=offsets[at],
                finished=_within(known[at], ends[at]),
                end=ends[at],
                timers=await self._timers(at),
            )
            for at in partitions
        }

    def _known(self, commit: Commit | None) -> Metadata | None:
        if commit is None:
            return None
        found = metadata.decode(commit.metadata, commit.offset)
        ours = self.equipment.store.id
        if found is not None and found.store != ours:
            raise ForeignStore(self.equipment.group(self.entry.name), found=found.store, ours=ours)
        return found

    async def _start(
        self, member: Member, partitions: Collection[TopicPartition], epochs: Mapping[TopicPartition, Epoch]
    ) -> Mapping[TopicPartition, int]:
        """Commit where the entry starts, for partitions that have no position."""
        if not partitions:
            return {}
        now, store, log = self.equipment.clock.now(), self.equipment.store, self.equipment.log
        for at in partitions:
            begun = await store.effects.begin(self._mark(at), at=at, epoch=epochs[at], now=_FOR_EVER)
            if isinstance(begun, Known):
                earliest = (await log.offsets([at], "earliest"))[at]
                raise PositionLost(
                    f"the log forgot the position of group {self.equipment.group(self.entry.name)},"
                    " or somebody deleted the group",
                    at=at,
                    wanted=None,
                    earliest=earliest,
                )
        started = await store.entries.start_of(self.entry.name, self.entry.start, now)
        offsets = await log.offsets(partitions, started.start)
        starts = {at: Progress(offset, Finished(offset)) for at, offset in offsets.items()}
        await member.commit(
            {at: Commit(start.watermark, metadata.encode(start, store.id)) for at, start in starts.items()}
        )
        for at in partitions:
            await store.effects.finish(self._mark(at), str(offsets[at]), at=at, epoch=epochs[at])
        return offsets

    async def _timers(self, at: TopicPartition) -> tuple[TimerRow, ...]:
        if Timer not in self.entry.handler.on:
            return ()
        return tuple(await self.equipment.store.schedule.load(self.entry.name, at))

    def _mark(self, at: TopicPartition) -> EffectKey:
        """Says in the store that the start of a partition was committed: begun before, finished after."""
        return EffectKey(
            handler=self.entry.name, source="", event_id=f"{at.topic}/{at.partition}", name="hookline.start"
        )


def _within(known: Metadata | None, end: int) -> Finished | None:
    """What was finished, as far as the log reaches: offsets that a broken log gives anew hold other records."""
    if known is None:
        return None
    high = min(known.finished.high, end)
    return Finished(high, tuple(offset for offset in known.finished.unfinished if offset < high))
