"""Timers that are pending when an entry goes on with another event log, on both databases."""

from dataclasses import replace

import pytest

from schemas.record import TopicPartition
from store.errors import NotOwned
from store.owners import Epoch
from store.schedule import TimerName, TimerSet
from store.store import Store
from tests.contract.stores import AT, LOG, NOW, OTHER_LOG, minute

ELSEWHERE = TopicPartition(AT.topic, 0)


def named(name: str) -> TimerName:
    return TimerName(source="support", key="c1", name=name)


def due(name: str, at: int) -> TimerSet:
    return TimerSet(
        source="support",
        key="c1",
        name=name,
        due=minute(at),
        platform="mygptassistants",
        conversation_id="c1",
        data='{"n":1}',
        received_at=NOW,
    )


@pytest.fixture
async def epoch(store: Store) -> Epoch:
    return (await store.owners.claim("h", [AT], LOG))[AT]


async def test_timers_of_another_log_are_taken_over(store: Store, epoch: Epoch) -> None:
    """With all they hold, under the same firing, and older than anything that this log says."""
    await store.schedule.settle("h", AT, epoch, offset=900, event_id="e", now=NOW, set=[due("a", 1), due("b", 2)])
    [before, _] = await store.schedule.load("h", AT, LOG)
    there = await moved(store)
    rows = await store.schedule.load("h", ELSEWHERE, OTHER_LOG)
    assert [row.name for row in rows] == ["a", "b"]
    assert rows[0] == replace(before, id=rows[0].id, at=ELSEWHERE, setter_offset=900 - 2**50)
    assert await store.schedule.load("h", AT, LOG) == []
    now = await store.schedule.settle("h", ELSEWHERE, there, offset=0, event_id="new", now=NOW, cancel=[named("a")])
    assert now == {named("a").called: None}


async def test_whoever_still_owns_the_former_place_writes_nothing(store: Store, epoch: Epoch) -> None:
    """Its timers are gone, so it must not go on as if it had them."""
    await store.schedule.settle("h", AT, epoch, offset=1, event_id="e", now=NOW, set=[due("a", 1)])
    await moved(store)
    with pytest.raises(NotOwned):
        await store.schedule.settle("h", AT, epoch, offset=2, event_id="e2", now=NOW, cancel=[named("a")])


async def test_after_coming_back_an_event_that_is_delivered_again_changes_nothing(store: Store, epoch: Epoch) -> None:
    """What this log had said of a timer is known still, whatever the other one made of it."""
    await store.schedule.settle("h", AT, epoch, offset=5, event_id="e5", now=NOW, set=[due("a", 1), due("b", 2)])
    there = await moved(store)
    fired = next(row.firing for row in await store.schedule.load("h", ELSEWHERE, OTHER_LOG) if row.name == "a")
    await store.schedule.settle("h", ELSEWHERE, there, offset=0, event_id=fired, now=NOW, fired=fired)
    back = (await store.owners.claim("h", [AT], LOG))[AT]
    await store.strays.adopt("h", AT, back, await store.strays.found("h", LOG), now=NOW)
    await store.schedule.settle("h", AT, back, offset=4, event_id="e4", now=NOW, cancel=[named("b")])
    await store.schedule.settle("h", AT, back, offset=5, event_id="e5", now=NOW, set=[due("a", 1), due("b", 2)])
    assert [(row.name, row.setter_offset) for row in await store.schedule.load("h", AT, LOG)] == [("b", 5)]


async def moved(store: Store) -> Epoch:
    """Go on with another log."""
    epoch = (await store.owners.claim("h", [ELSEWHERE], OTHER_LOG))[ELSEWHERE]
    strays = await store.strays.found("h", OTHER_LOG)
    for _ in range(2):
        await store.strays.adopt("h", ELSEWHERE, epoch, strays, now=NOW)
    assert await store.strays.found("h", OTHER_LOG) == []
    return epoch
