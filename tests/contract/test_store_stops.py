"""Entries that are to stand still, on both databases."""

import asyncio

from store.stops import Stop
from store.store import Store
from tests.contract.stores import NOW, minute

PAUSED = Stop(handler="h", reason="paused", detail="the platform moves", by="ann@here", at=NOW)


async def test_an_entry_stands_still_until_it_is_resumed(store: Store) -> None:
    """And what had stopped it is told."""
    assert await store.stops.stop(PAUSED) == PAUSED
    assert await store.stops.all() == {"h": PAUSED}
    assert await store.stops.resume("h") == PAUSED
    assert await store.stops.all() == {}
    assert await store.stops.resume("h") is None


async def test_the_first_stop_holds(store: Store) -> None:
    """Whoever comes second learns of it."""
    await store.stops.stop(PAUSED)
    second = Stop(handler="h", reason="dead-letters", by="hookline", at=minute(1))
    assert await store.stops.stop(second) == PAUSED
    assert await store.stops.all() == {"h": PAUSED}


async def test_entries_stand_still_apart(store: Store) -> None:
    """Resuming one leaves the other."""
    other = Stop(handler="h2", reason="dead-letters", detail="\0", by="\ud800", at=NOW)
    await store.stops.stop(PAUSED)
    await store.stops.stop(other)
    await store.stops.resume("h")
    assert await store.stops.all() == {"h2": other}


async def test_of_many_at_once_one_stop_holds(store: Store) -> None:
    """All workers of an entry may find at once that too much died."""
    wanted = [Stop(handler="h", reason="dead-letters", by=f"worker {n}", at=minute(n)) for n in range(8)]
    assert len(set(await asyncio.gather(*map(store.stops.stop, wanted)))) == 1
