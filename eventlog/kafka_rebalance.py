"""Who owns what: carries aiokafka's rebalances to the `Assignment`, one call at a time and without losing an error."""

import asyncio
from collections.abc import Collection
from types import TracebackType
from typing import Self

import structlog
from aiokafka.abc import ConsumerRebalanceListener
from aiokafka.structs import TopicPartition as KafkaPartition

from eventlog.log import Assignment
from schemas.record import TopicPartition

log = structlog.get_logger()


class Rebalances(ConsumerRebalanceListener):
    """The assignment of one member, as it changes.

    aiokafka knows no lost partitions: it calls "revoked" also after an eviction. The protocol is eager: every rebalance
    takes all partitions first. `revoked` and `assigned` run in aiokafka's coordination task, and the group waits.
    """

    def __init__(self, group: str, assignment: Assignment) -> None:
        self._group = group
        self._assignment = assignment
        self._one_at_a_time = asyncio.Lock()
        self._closed = False
        # Set while no rebalance is under way: then partitions are positioned, and may be read.
        self.settled = asyncio.Event()
        # What `assigned` named last and `revoked` has not taken back.
        self.owned: frozenset[TopicPartition] = frozenset()
        # Grows with every change.
        self.epoch = 0
        # What a callback raised in the last rebalance.
        self.error: Exception | None = None

    async def on_partitions_revoked(self, revoked: Collection[KafkaPartition]) -> None:  # noqa: ARG002 - `owned` knows
        """A rebalance begins."""
        self.settled.clear()
        self.epoch += 1
        await self.take_back()

    async def on_partitions_assigned(self, assigned: Collection[KafkaPartition]) -> None:
        """A rebalance ends."""
        async with self._one_at_a_time:
            if self._closed:
                return
            self.epoch += 1
            self.owned = frozenset(TopicPartition(*at) for at in assigned)
            self.error = None
            if self.owned:
                log.info("partitions.assigned", group=self._group, partitions=_named(self.owned))
                with _Kept(self):
                    await self._assignment.assigned(self.owned)
            self.settled.set()

    async def take_back(self) -> None:
        """Let what we own be finished and committed; afterwards it is not ours."""
        async with self._one_at_a_time:
            if not self.owned:
                return
            try:
                with _Kept(self):
                    await self._assignment.revoked(self.owned)
            finally:
                log.info("partitions.revoked", group=self._group, partitions=_named(self.owned))
                self.owned = frozenset()

    def close(self) -> None:
        """Nothing is assigned to us any more."""
        self._closed = True


class _Kept:
    """Keeps an error for whoever fetches next: aiokafka would only log it."""

    def __init__(self, rebalances: Rebalances) -> None:
        self._rebalances = rebalances

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if not isinstance(error, Exception):
            return False
        self._rebalances.error = error
        return True


def _named(partitions: Collection[TopicPartition]) -> list[str]:
    return [f"{at.topic}-{at.partition}" for at in sorted(partitions)]
