"""Caps, on both databases."""

import asyncio

from store.store import Store
from tests.contract.stores import DAY, NOW


async def use(
    store: Store, event_id: str, *, limit: int = 2, key: str = "c1", day: int = 0, source: str = "support"
) -> bool:
    return await store.caps.allow(
        "h", "ask", key, limit=limit, window_start=NOW + day * DAY, source=source, event_id=event_id
    )


async def test_a_cap_allows_so_many(store: Store) -> None:
    """And no more."""
    assert [await use(store, event) for event in "abc"] == [True, True, False]


async def test_the_same_event_counts_once(store: Store) -> None:
    """A retried attempt is allowed again, also when the cap is used up by then."""
    assert [await use(store, event) for event in "aabba"] == [True] * 5
    assert await use(store, "c") is False


async def test_a_refused_event_does_not_count(store: Store) -> None:
    """It may be allowed when the limit is raised."""
    assert [await use(store, event, limit=1) for event in "ab"] == [True, False]
    assert [await use(store, event, limit=2) for event in "bc"] == [True, False]


async def test_ids_of_two_sources_are_two_events(store: Store) -> None:
    """Event ids are unique in their source only."""
    assert [await use(store, "a", limit=1, source=source) for source in ("support", "sales")] == [True, False]


async def test_windows_and_keys_count_apart(store: Store) -> None:
    """A new day, and another person, begin at nothing."""
    assert await use(store, "a", limit=1)
    assert await use(store, "b", limit=1, day=1)
    assert await use(store, "c", limit=1, key="c2\x00")
    assert not await use(store, "d", limit=1)


async def test_a_limit_of_nothing_allows_nothing(store: Store) -> None:
    """Zero switches it off."""
    assert not await use(store, "a", limit=0)


async def test_many_lanes_at_once_do_not_exceed_it(store: Store) -> None:
    """The last use is taken by one of them."""
    allowed = await asyncio.gather(*(use(store, str(number), limit=7) for number in range(20)))
    assert allowed.count(True) == 7


async def test_old_windows_expire(store: Store) -> None:
    """With all that was counted in them."""
    await use(store, "a", limit=1)
    await use(store, "b", limit=1, day=2)
    assert await store.caps.expire(NOW + DAY) == 1
    assert await use(store, "a", limit=1)
    assert not await use(store, "c", limit=1, day=2)
