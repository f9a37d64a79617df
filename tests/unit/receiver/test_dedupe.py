"""Copies are found in batches, and a store that is away costs nobody a delivery."""

import asyncio
import time
from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
import structlog

from receiver.dedupe import Dedupe
from receiver.lookups import Key, Lookups
from receiver.memory import Memory
from store.errors import StoreUnavailable
from tests.unit.receiver.logs import MemoryStore, soon
from tests.unit.receiver.parts import NOW

A, B = ("support", "a"), ("support", "b")
SOON = timedelta(seconds=5)
WEEK = timedelta(days=7)


@pytest.fixture
def store() -> MemoryStore:
    """A store that answers."""
    return MemoryStore()


def away() -> StoreUnavailable:
    return StoreUnavailable("the database is away")


def dedupe_of(store: MemoryStore, patience: timedelta = SOON) -> Dedupe:
    return Dedupe(store, clock=lambda: NOW, patience=patience)


async def test_new_id_is_not_known(store: MemoryStore) -> None:
    """Nobody has seen it."""
    assert await dedupe_of(store).known([A]) == set()


async def test_remembered_id_is_known_before_it_is_written(store: MemoryStore) -> None:
    """A copy that comes at once is known as one."""
    dedupe = dedupe_of(store)
    dedupe.remember(A, WEEK)
    assert await dedupe.known([A, B]) == {A}
    assert store.asked == [[B]]
    await dedupe.stop(SOON)


async def test_outage_and_its_end_are_seen_without_a_delivery(
    store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody posts anything."""
    monkeypatch.setattr("receiver.dedupe._LOOK", 0.001)
    monkeypatch.setattr("receiver.lookups._PAUSE", 0.001)
    dedupe = dedupe_of(store)
    watching = asyncio.create_task(dedupe.watch())
    store.failing = away
    await soon(lambda: dedupe.degraded)
    store.failing = None
    await soon(lambda: not dedupe.degraded)
    watching.cancel()
    await asyncio.wait({watching})


async def test_remembered_id_expires_after_its_window(store: MemoryStore) -> None:
    """The store is told until when."""
    dedupe = dedupe_of(store)
    dedupe.remember(A, WEEK)
    assert await dedupe.stop(SOON)
    assert store.entries == {A: NOW + WEEK}


async def test_ids_of_one_moment_are_looked_up_together(store: MemoryStore) -> None:
    """One query for many deliveries."""
    dedupe = dedupe_of(store)
    store.entries[B] = NOW + WEEK
    found = await asyncio.gather(dedupe.known([A]), dedupe.known([B]), dedupe.known([A]))
    assert list(found) == [set(), {B}, set()]
    assert [sorted(keys) for keys in store.asked] == [[A, B]]


async def test_ids_that_come_during_a_look_up_form_the_next(store: MemoryStore) -> None:
    """One under way, one being filled."""
    store.hanging = asyncio.Event()
    dedupe = dedupe_of(store)
    first = asyncio.create_task(dedupe.known([A]))
    await soon(lambda: bool(store.asked))
    others = [asyncio.create_task(dedupe.known([("support", str(n))])) for n in range(3)]
    await asyncio.sleep(0)
    store.hanging.set()
    await asyncio.gather(first, *others)
    assert [len(keys) for keys in store.asked] == [1, 3]


async def test_store_that_is_away_makes_everything_new(store: MemoryStore) -> None:
    """A delivery is worth more than the knowledge that it is a copy."""
    store.entries[A] = NOW + WEEK
    store.failing = away
    dedupe = dedupe_of(store)
    assert await dedupe.known([A]) == set()
    assert dedupe.degraded


async def test_store_that_was_away_is_left_alone_for_a_while(store: MemoryStore) -> None:
    """Not every delivery waits for nothing."""
    store.failing = away
    dedupe = dedupe_of(store)
    for _ in range(5):
        await dedupe.known([A])
    assert len(store.asked) == 1


async def test_store_that_is_slow_makes_everything_new(store: MemoryStore) -> None:
    """Patience is short, and counts from the first id of a batch."""
    store.hanging = asyncio.Event()
    store.entries[A] = NOW + WEEK
    dedupe = dedupe_of(store, timedelta(milliseconds=1))
    assert await dedupe.known([A]) == set()
    assert not dedupe.degraded


async def test_store_that_stays_slow_is_left_alone(store: MemoryStore) -> None:
    """One slow answer is a busy moment, three in a row are a state."""
    store.hanging = asyncio.Event()
    dedupe = dedupe_of(store, timedelta(milliseconds=1))
    for _ in range(5):
        await dedupe.known([A])
    assert (len(store.asked), dedupe.degraded) == (3, True)


async def test_look_up_that_comes_too_late_goes_on() -> None:
    """It opens the connection that the next ones use."""
    ended: list[str] = []

    async def known(keys: Sequence[Key], now: datetime) -> set[Key]:
        del now
        if not ended:
            try:
                await connecting.wait()
            finally:
                ended.append("open" if connecting.is_set() else "given up")
        return set(keys)

    connecting = asyncio.Event()
    lookups = Lookups(known, clock=lambda: NOW, patience=timedelta(milliseconds=1))
    assert await lookups.known([A]) == set()
    connecting.set()
    await soon(lambda: bool(ended))
    assert ended == ["open"]
    await lookups.stop()


async def test_stop_ends_what_nobody_waits_for(store: MemoryStore) -> None:
    """A store that does not answer holds up no end."""
    store.hanging = asyncio.Event()
    lookups = Lookups(store.known, clock=lambda: NOW, patience=timedelta(milliseconds=1))
    assert await lookups.known([A]) == set()
    async with asyncio.timeout(5):
        await lookups.stop()
    assert not store.hanging.is_set()


async def test_who_waited_behind_a_slow_look_up_does_not_wait_again(store: MemoryStore) -> None:
    """Nobody waits longer than the patience, however many batches are before him."""
    store.hanging = asyncio.Event()
    lookups = Lookups(store.known, clock=lambda: NOW, patience=timedelta(milliseconds=300))
    loop = asyncio.get_running_loop()
    first = asyncio.create_task(lookups.known([A]))
    await soon(lambda: bool(store.asked))
    started = loop.time()
    assert await lookups.known([B]) == set()
    assert loop.time() - started < 0.5
    await first
    await lookups.stop()


async def test_degradation_is_told_once_and_so_is_the_recovery(
    store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line when it begins, one when it ends."""
    monkeypatch.setattr("receiver.lookups._PAUSE", 0.0)
    dedupe = dedupe_of(store)
    with structlog.testing.capture_logs() as lines:
        store.failing = away
        await dedupe.known([A])
        await dedupe.known([A])
        store.failing = None
        await dedupe.known([A])
        await dedupe.known([A])
    assert [(line["event"], line.get("cause")) for line in lines] == [
        ("dedupe.degraded", "StoreUnavailable"),
        ("dedupe.recovered", None),
    ]


async def test_cancelled_delivery_does_not_take_the_others_answer(store: MemoryStore) -> None:
    """A batch belongs to all who wait for it."""
    store.entries[B] = NOW + WEEK
    store.hanging = asyncio.Event()
    dedupe = dedupe_of(store)
    first, second = asyncio.create_task(dedupe.known([A])), asyncio.create_task(dedupe.known([B]))
    await soon(lambda: bool(store.asked))
    first.cancel()
    store.hanging.set()
    assert await second == {B}


async def test_write_is_repeated_until_the_store_takes_it(store: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """An id is written late rather than never."""
    monkeypatch.setattr("receiver.memory._PAUSE", 0.0)
    store.failing = away
    dedupe = dedupe_of(store)
    dedupe.remember(A, WEEK)
    for _ in range(20):
        await asyncio.sleep(0)
    assert not store.written
    store.failing = None
    await soon(lambda: bool(store.written))
    assert store.entries == {A: NOW + WEEK}


async def test_stop_tells_what_could_not_be_written(store: MemoryStore) -> None:
    """A stop ends in any case."""
    store.failing = away
    dedupe = dedupe_of(store)
    dedupe.remember(A, WEEK)
    assert not await dedupe.stop(timedelta(milliseconds=20))


async def test_stop_ends_while_a_write_hangs(store: MemoryStore) -> None:
    """Also when the store neither takes nor refuses."""
    store.hanging = asyncio.Event()
    dedupe = dedupe_of(store)
    dedupe.remember(A, WEEK)
    assert not await dedupe.stop(timedelta(milliseconds=5))


async def test_what_waits_to_be_written_is_bounded(store: MemoryStore) -> None:
    """The oldest are forgotten: at most an event comes twice."""
    store.hanging = asyncio.Event()
    memory = Memory(store.remember, clock=lambda: NOW, max_pending=3)
    for name in "abcde":
        memory.add(("support", name), NOW + WEEK)
    assert [("support", name) in memory for name in "abcde"] == [False, False, True, True, True]
    await memory.stop(timedelta(0))


async def test_ids_are_written_in_batches(store: MemoryStore) -> None:
    """One statement for many."""
    dedupe = dedupe_of(store)
    for n in range(2500):
        dedupe.remember(("support", str(n)), WEEK)
    await dedupe.stop(SOON)
    assert [len(batch) for batch in store.written] == [1000, 1000, 500]


async def test_store_that_takes_nothing_is_degraded(store: MemoryStore) -> None:
    """Also when it still answers what it knows: what is not written is not known after a restart."""
    dedupe = dedupe_of(store)
    store.failing = away
    with structlog.testing.capture_logs() as lines:
        dedupe.remember(A, WEEK)
        await soon(lambda: dedupe.degraded)
        store.failing = None
        assert await dedupe.stop(SOON)
    assert not dedupe.degraded
    assert [line["event"] for line in lines] == ["dedupe.degraded", "dedupe.recovered"]


async def test_answer_that_is_here_counts_though_the_loop_was_busy() -> None:
    """A loop that was held up for longer than the patience is not the store's slowness."""

    async def known(keys: Sequence[Key], now: datetime) -> set[Key]:
        del now
        await asyncio.to_thread(lambda: None)
        return set(keys)

    lookups = Lookups(known, clock=lambda: NOW, patience=timedelta(milliseconds=50))
    asking = asyncio.create_task(lookups.known([A]))
    await asyncio.sleep(0)
    time.sleep(0.2)  # noqa: ASYNC251 - the busy loop it is about
    assert await asking == {A}
    await lookups.stop()
