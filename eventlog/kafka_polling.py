"""Fetching with one consumer: which records of a `getmany` may be handed out, and which are read again.

`getmany` runs in a task that nobody cancels: aiokafka counts a cancelled one as running for ever. So it may outlast the
`fetch` that began it, and a rebalance, a `seek` or another choice of partitions may come between.
"""

import asyncio
from collections.abc import Collection, Mapping
from typing import Any

from aiokafka.structs import ConsumerRecord
from aiokafka.structs import TopicPartition as KafkaPartition

from eventlog.errors import NotOwner
from eventlog.kafka_private import count_fetches, last_answer, position_of
from eventlog.kafka_reader import stored
from eventlog.kafka_rebalance import Rebalances
from eventlog.kafka_silence import Silence
from schemas.record import StoredRecord, TopicPartition

Found = Mapping[TopicPartition, list[StoredRecord]]

# Asked for when no partition is chosen: `getmany` of none means all, and not to poll at all ends the membership.
NOBODY = KafkaPartition("__none__", 0)
# Seconds `getmany` may be late by before `fetch` returns without it.
MARGIN = 0.1


class Polling:
    """What one consumer was asked for and has given."""

    def __init__(self, consumer: Any, rebalances: Rebalances) -> None:
        self._consumer = consumer
        self._rebalances = rebalances
        self._task: asyncio.Task[Any] | None = None
        # Of the `getmany` under way: when it began, the positions then, and where `seek` put partitions since.
        self._epoch = -1
        self._before: dict[TopicPartition, int | None] = {}
        self._seeks: dict[TopicPartition, int] = {}
        self._began = 0.0
        self.silence = Silence()

    async def next(self, wanted: Collection[TopicPartition], *, max_records: int, within: float) -> Found:
        """The next records of the partitions wanted, as far as they are ours; nothing after so many seconds.

        Raises:
            KafkaError, ConsumerStoppedError: as `getmany`.
        """
        if self._task is None:
            self._begin(wanted, max_records, within)
        task = self._task
        if task is not None:
            await asyncio.wait({task}, timeout=within + MARGIN)
        if task is None or not task.done():
            return {}
        self._task = None
        try:
            found: Mapping[KafkaPartition, list[ConsumerRecord[Any, Any]]] = task.result()
        finally:
            if not task.cancelled() and task.exception() is not None:
                count_fetches(self._consumer)
        took = asyncio.get_running_loop().time() - self._began
        answers = {at: last_answer(self._consumer, at) for at in self._before}
        self.silence.listened(took, answers, {TopicPartition(*each) for each in found})
        given, again = sort_out(
            found,
            mine=self._rebalances.owned,
            wanted=frozenset(wanted),
            seeks=self._seeks,
            moved=self._epoch != self._rebalances.epoch,
        )
        for partition, offset in again.items():
            self._consumer.seek(partition, offset)
        return given

    def seek(self, at: TopicPartition, offset: int) -> None:
        """See `Member.seek`."""
        if at not in self._rebalances.owned:
            raise NotOwner(f"{at.topic}-{at.partition} is not assigned to this member: it cannot be positioned")
        self._consumer.seek(KafkaPartition(*at), offset)
        self._seeks[at] = offset

    def seeked(self, at: TopicPartition) -> bool:
        """Tell whether a partition was positioned since the last `getmany` began: what that found is outdated."""
        return at in self._seeks

    def position(self, at: TopicPartition) -> int | None:
        """The offset behind what was handed out, not behind what a `getmany` under way has taken; None without one."""
        if self._task is None:
            return position_of(self._consumer, at)
        if at in self._seeks or self._epoch != self._rebalances.epoch:
            return self._seeks.get(at)
        return self._before[at] if at in self._before else position_of(self._consumer, at)

    async def end(self, within: float) -> None:
        """Wait for a `getmany` under way; the consumer was left, so it returns."""
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=within)
            if self._task.done() and not self._task.cancelled():
                self._task.exception()

    def _begin(self, wanted: Collection[TopicPartition], max_records: int, within: float) -> None:
        chosen = [at for at in wanted if at in self._rebalances.owned]
        self._began = asyncio.get_running_loop().time()
        self._epoch, self._seeks = self._rebalances.epoch, {}
        self._before = {at: position_of(self._consumer, at) for at in chosen}
        selection = [KafkaPartition(*at) for at in chosen] or [NOBODY]
        getmany = self._consumer.getmany(*selection, timeout_ms=max(0, int(within * 1000)), max_records=max_records)
        self._task = asyncio.create_task(getmany, name="kafka-getmany")


def sort_out(
    found: Mapping[KafkaPartition, list[ConsumerRecord[Any, Any]]],
    *,
    mine: Collection[TopicPartition],
    wanted: Collection[TopicPartition],
    seeks: Mapping[TopicPartition, int],
    moved: bool,
) -> tuple[Found, dict[KafkaPartition, int]]:
    """What of a `getmany` may be handed out, and where the other partitions must be read again.

    Args:
        found: what it returned.
        mine: what we own now.
        wanted: what the caller asks for now.
        seeks: where partitions were put since it began.
        moved: whether a rebalance began or ended since.
    """
    given: dict[TopicPartition, list[StoredRecord]] = {}
    again: dict[KafkaPartition, int] = {}
    for partition, records in found.items():
        at = TopicPartition(*partition)
        if at not in mine:
            continue
        if at in seeks:
            again[partition] = seeks[at]
        elif moved or at not in wanted:
            again[partition] = records[0].offset
        else:
            given[at] = [stored(record) for record in records]
    return given, again
