"""Taking over partitions: where to read on, under which epoch, with which timers and parked lanes.

A handler's entry starts once in an event log (`start`); the start is committed, with the store's id, before the first
record is read. From then on a missing position means that the log forgot it, and the handler stops instead of guessing.

With a log that is new to it the entry begins anew, and the partitions take over the timers that were set, and the lanes
that were parked, with another.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import TypeVar

import structlog

from dispatcher import metadata
from dispatcher.caution import Caution
from dispatcher.equipment import Equipment
from dispatcher.errors import ForeignStore, RenamedAway, StartUnclear
from dispatcher.homes import home_of
from dispatcher.metadata import Metadata
from dispatcher.settings import Entry
from dispatcher.timer_feeder import feed
from dispatcher.timers import Timers
from dispatcher.tracker import Finished, Progress
from eventlog.errors import PositionLost
from eventlog.log import Commit, Member
from schemas.record import TopicPartition
from store.owners import Epoch
from store.parked_rows import ParkedLane
from store.strays import Stray, StrayLane

log = structlog.get_logger()

S = TypeVar("S", Stray, StrayLane)

_CRASHED = (
    "if nobody killed it, look for the end of its log: a crash of native code names the line of the handler there"
)
_SUSPECTS = (
    "workers of this handler crashed again and again, and these events were under way. Each runs alone now: one that "
    "ends the process is dead after some crashes. Look what the process died of: its exit status, the kernel's log"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """How a partition is taken over."""

    epoch: Epoch
    # The next offset to read.
    start: int
    # What earlier owners settled from there on.
    finished: Finished | None
    timers: Timers
    # The lanes that have rows.
    parked: tuple[ParkedLane, ...] = ()
    # None: the last owner left in order.
    caution: Caution | None = None


@dataclass(frozen=True, slots=True)
class Positions:
    """Opens partitions for one entry."""

    entry: Entry
    equipment: Equipment

    async def open(self, member: Member, partitions: Collection[TopicPartition]) -> dict[TopicPartition, Opening]:
        """Claim partitions and find out where to read on.

        Raises:
            ForeignStore: they were worked on with another store.
            RenamedAway: the entry is another one's old name.
            StartUnclear: the entry is new, and may be another one that is called otherwise now.
            PositionLost: a position that was committed is gone.
            EventLogError: the log failed.
            StoreError: the store failed.
        """
        committed = await member.committed(partitions)
        known = {at: self._known(committed.get(at)) for at in partitions}
        identity = await self.equipment.log.identity()
        await self._require_meant(identity)
        epochs = await self.equipment.store.owners.claim(self.entry.name, partitions, identity)
        ends = await self.equipment.log.offsets(partitions, "end")
        offsets = {at: commit.offset for at, commit in committed.items() if commit is not None}
        offsets |= await self._start(member, [at for at in partitions if at not in offsets], epochs)
        new = {at: epoch for at, epoch in epochs.items() if not epoch.started}
        await self.equipment.store.owners.begun(self.entry.name, new)
        await self._adopt_timers(epochs, identity)
        await self._adopt_lanes(epochs, identity)
        cautions = await self._cautions(epochs, offsets, ends)
        return {
            at: Opening(
                epoch=epochs[at],
                start=offsets[at],
                finished=_within(known[at], ends[at]),
                timers=await self._timers(at, identity),
                parked=tuple(await self.equipment.store.parked.lanes(self.entry.name, at, identity)),
                caution=cautions.get(at),
            )
            for at in partitions
        }

    async def _require_meant(self, identity: str) -> None:
        """Not begin what has begun under another name: it would be given all events once more."""
        name, former, store = self.entry.name, self.entry.former, self.equipment.store
        if self.entry.start_said or await store.entry_rows.began(name):
            return
        away = [each for each in await store.entry_rows.renames() if each.old == name]
        if away:
            last = max(away, key=lambda each: each.renamed_at)
            raise RenamedAway(name, now=last.handler, at=last.renamed_at)
        if former is not None and await store.owners.started(former, identity):
            raise StartUnclear(name, former=former)

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
            if epochs[at].started:
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
        return offsets

    async def _adopt_timers(self, epochs: Mapping[TopicPartition, Epoch], identity: str) -> None:
        """Take over timers that were set in another log and whose keys these partitions have."""
        strays = self.equipment.store.strays
        found = await strays.found(self.entry.name, identity) if self.entry.sets_timers else []
        if not found:
            return
        homes = await self._homes(found, epochs, lambda stray: stray.key.encode("utf-8", "replace"))
        now = self.equipment.clock.now()
        for at, theirs in homes.items():
            await strays.adopt(self.entry.name, at, epochs[at], theirs, now=now)
        log.info("timers.adopted", handler=self.entry.name, timers=sum(map(len, homes.values())))

    async def _adopt_lanes(self, epochs: Mapping[TopicPartition, Epoch], identity: str) -> None:
        """Take over lanes that were parked while another log was read and whose keys these partitions have."""
        strays = self.equipment.store.strays
        if not (found := await strays.parked(self.entry.name, identity)):
            return
        homes = await self._homes(found, epochs, lambda lane: lane.key)
        for at, lanes in homes.items():
            await strays.adopt_parked(self.entry.name, at, epochs[at], lanes)
        log.info("lanes.adopted", handler=self.entry.name, lanes=sum(map(len, homes.values())))

    async def _homes(
        self, found: Collection[S], epochs: Mapping[TopicPartition, Epoch], key_of: Callable[[S], bytes | None]
    ) -> Mapping[TopicPartition, list[S]]:
        """What was left behind in another log, by the partitions that have its keys now, of those that are ours."""
        counts = await self.equipment.log.partitions({stray.at.topic for stray in found})
        homes: dict[TopicPartition, list[S]] = {}
        for stray in found:
            home = home_of(stray.at, key_of(stray), counts)
            if home is not None and home in epochs:
                homes.setdefault(home, []).append(stray)
        return homes

    async def _cautions(
        self,
        epochs: Mapping[TopicPartition, Epoch],
        offsets: Mapping[TopicPartition, int],
        ends: Mapping[TopicPartition, int],
    ) -> Mapping[TopicPartition, Caution]:
        """What to be careful with, in the partitions whose last owner did not leave in order."""
        unclean = {at: epoch for at, epoch in epochs.items() if not epoch.clean}
        limits, now = self.equipment.limits, self.equipment.clock.now()
        found = await self.equipment.store.suspects.found(self.entry.name, unclean)
        # An owner reads no further ahead than that.
        ahead = limits.span + limits.fetch
        made = {
            at: Caution(until=min(ends[at], offsets[at] + ahead), since=now, noted=dict(found[at])) for at in unclean
        }
        if unclean:
            _told(self.entry.name, len(unclean), sum(map(len, found.values())))
        if suspects := sum(caution.suspects for caution in made.values()):
            log.warning("suspects.found", handler=self.entry.name, suspects=suspects, advice=_SUSPECTS)
        return made

    async def _timers(self, at: TopicPartition, identity: str) -> Timers:
        """Those that come due next are in memory before anything is read, the others come little by little."""
        timers = Timers(self.equipment.limits.timers)
        if self.entry.sets_timers:
            await feed(timers, self.equipment.store.schedule, self.entry.name, at, identity)
        return timers


def _told(entry: str, partitions: int, again: int) -> None:
    """Tell of a crash: one alone may be a machine that was switched off."""
    if again:
        log.warning("crash.noticed", handler=entry, partitions=partitions, again=again, advice=_CRASHED)
    else:
        log.info("crash.noticed", handler=entry, partitions=partitions, advice=_CRASHED)


def _within(known: Metadata | None, end: int) -> Finished | None:
    """What was finished, as far as the log reaches: offsets that a broken log gives anew hold other records."""
    if known is None:
        return None
    high = min(known.finished.high, end)
    return Finished(high, tuple(offset for offset in known.finished.unfinished if offset < high))
