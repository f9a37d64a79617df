"""Rebalances, as an assignment sees them."""

import asyncio

import pytest
from aiokafka.structs import TopicPartition as KafkaPartition

from eventlog.kafka_rebalance import Rebalances
from schemas.record import TopicPartition

ZERO, ONE = TopicPartition("t", 0), TopicPartition("t", 1)
FIRST, BOTH = frozenset({ZERO}), frozenset({ZERO, ONE})


class Calls:
    """Keeps what it is told, and fails or waits when it shall."""

    def __init__(self) -> None:
        self.told: list[tuple[str, frozenset[TopicPartition]]] = []
        self.error: Exception | None = None
        self.go_on = asyncio.Event()
        self.go_on.set()

    async def assigned(self, partitions: frozenset[TopicPartition]) -> None:
        await self._told("assigned", partitions)

    async def revoked(self, partitions: frozenset[TopicPartition]) -> None:
        await self._told("revoked", partitions)

    async def _told(self, what: str, partitions: frozenset[TopicPartition]) -> None:
        self.told.append((what, partitions))
        await self.go_on.wait()
        if self.error is not None:
            raise self.error


def kafkas(*partitions: TopicPartition) -> set[KafkaPartition]:
    return {KafkaPartition(*each) for each in partitions}


async def test_partitions_come_and_go() -> None:
    """The first "revoked" of a member names nothing, and nobody is told."""
    calls = Calls()
    rebalances = Rebalances("g", calls)
    await rebalances.on_partitions_revoked(set())
    await rebalances.on_partitions_assigned(kafkas(ZERO, ONE))
    assert rebalances.owned == {ZERO, ONE}
    await rebalances.on_partitions_revoked(kafkas(ZERO, ONE))
    await rebalances.on_partitions_assigned(set())
    assert calls.told == [("assigned", BOTH), ("revoked", BOTH)]
    assert rebalances.owned == frozenset()


async def test_nothing_is_read_during_a_rebalance() -> None:
    """Until `assigned` has positioned the partitions."""
    calls = Calls()
    rebalances = Rebalances("g", calls)
    assert not rebalances.settled.is_set()
    calls.go_on.clear()
    assigning = asyncio.create_task(rebalances.on_partitions_assigned(kafkas(ZERO)))
    await asyncio.sleep(0)
    assert (rebalances.owned, rebalances.settled.is_set()) == (FIRST, False)
    calls.go_on.set()
    await assigning
    assert rebalances.settled.is_set()
    await rebalances.on_partitions_revoked(kafkas(ZERO))
    assert not rebalances.settled.is_set()


async def test_every_change_is_an_epoch() -> None:
    """So that whoever was fetching meanwhile knows."""
    rebalances = Rebalances("g", Calls())
    epochs = [rebalances.epoch]
    await rebalances.on_partitions_assigned(kafkas(ZERO))
    epochs.append(rebalances.epoch)
    await rebalances.on_partitions_revoked(kafkas(ZERO))
    epochs.append(rebalances.epoch)
    assert epochs == [0, 1, 2]


async def test_an_error_is_kept() -> None:
    """Else it would only be logged; the next orderly assignment ends it."""
    calls = Calls()
    rebalances = Rebalances("g", calls)
    calls.error = KeyError("no position")
    await rebalances.on_partitions_assigned(kafkas(ZERO))
    assert rebalances.error is calls.error
    calls.error = None
    await rebalances.on_partitions_revoked(kafkas(ZERO))
    await rebalances.on_partitions_assigned(kafkas(ZERO))
    assert rebalances.error is None


async def test_cancellation_is_not_kept() -> None:
    """It goes its way."""
    calls = Calls()
    rebalances = Rebalances("g", calls)
    calls.go_on.clear()
    assigning = asyncio.create_task(rebalances.on_partitions_assigned(kafkas(ZERO)))
    await asyncio.sleep(0)
    assigning.cancel()
    with pytest.raises(asyncio.CancelledError):
        await assigning
    assert rebalances.error is None


async def test_partitions_are_taken_back_once() -> None:
    """A member that stops during a rebalance tells its assignment once."""
    calls = Calls()
    rebalances = Rebalances("g", calls)
    await rebalances.on_partitions_assigned(kafkas(ZERO))
    await asyncio.gather(rebalances.take_back(), rebalances.on_partitions_revoked(kafkas(ZERO)))
    assert calls.told == [("assigned", FIRST), ("revoked", FIRST)]


async def test_a_closed_member_is_assigned_nothing() -> None:
    """The group may still think of it."""
    calls = Calls()
    rebalances = Rebalances("g", calls)
    rebalances.close()
    await rebalances.on_partitions_assigned(kafkas(ZERO))
    assert (calls.told, rebalances.owned) == ([], frozenset())
