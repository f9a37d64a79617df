"""Stores how far the partitions are: every so many settled records or about a second after the first, and when they go.

A commit costs Kafka several milliseconds, so there is never one per record.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field

import structlog

from dispatcher.clock import Clock
from dispatcher.equipment import Limits
from dispatcher.errors import describe
from dispatcher.holdings import Holdings
from dispatcher.metadata import encode
from dispatcher.metrics import EntryMetrics
from dispatcher.partition import Partition
from eventlog.errors import LogUnavailable, NotOwner
from eventlog.log import Commit, Member
from schemas.record import TopicPartition

log = structlog.get_logger()

_COMMIT_WITHIN = 15.0
# How often a growing batch of settled records is looked at, in seconds.
_GLANCE = 0.05


@dataclass(slots=True, kw_only=True)
class Committer:
    """The commits of one membership; one at a time."""

    member: Member
    holdings: Holdings
    store: str
    limits: Limits
    clock: Clock
    metrics: EntryMetrics
    ending: bool = False
    _one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)
    _failing: bool = False

    async def run(self) -> None:
        """Commit until told to end; the last commit is made when the partitions are given back."""
        while not self.ending:
            await self.holdings.dirty.wait()
            self.holdings.dirty.clear()
            await self._gather()
            if not await self.commit(self.holdings.partitions.values()):
                self.holdings.dirty.set()

    async def commit(self, partitions: Iterable[Partition]) -> bool:
        """Store the progress of these partitions, of those that made any.

        Returns:
            Whether it is stored.
        """
        async with self._one_at_a_time:
            self.holdings.settled = 0
            moved = [each for each in partitions if not each.lost and each.tracker.changes != each.stored_changes]
            if not moved:
                return True
            changes = {each.at: each.tracker.changes for each in moved}
            commits = {each.at: self._commit_of(each) for each in moved}
            begun = self.clock.monotonic()
            if not await self._store(commits):
                return False
            self.metrics.commits.observe(self.clock.monotonic() - begun)
            for each in moved:
                each.stored_changes = changes[each.at]
            return True

    async def _gather(self) -> None:
        """Let more records settle, so that one commit covers them."""
        begun = self.clock.monotonic()
        while (
            not self.ending
            and self.holdings.settled < self.limits.commit_every
            and self.clock.monotonic() - begun < self.limits.commit_after.total_seconds()
        ):
            await self.clock.sleep(_GLANCE)

    def _commit_of(self, partition: Partition) -> Commit:
        progress = partition.tracker.progress()
        text = encode(progress, self.store)
        self.metrics.committed_characters.observe(len(text))
        return Commit(progress.watermark, text)

    async def _store(self, commits: dict[TopicPartition, Commit]) -> bool:
        try:
            async with asyncio.timeout(_COMMIT_WITHIN):
                await self.member.commit(commits)
        except (LogUnavailable, TimeoutError) as error:
            if not self._failing:
                log.warning("commit.failed", cause=describe(error), partitions=len(commits))
            self._failing = True
            return False
        except NotOwner as error:
            # the member learns it too, and takes the partitions away
            log.warning("commit.refused", cause=describe(error), partitions=len(commits))
            return False
        self._failing = False
        return True
