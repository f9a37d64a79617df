"""Where a handler's entry starts, on both databases."""

import asyncio
from datetime import datetime, timedelta, timezone

from store.entries import StartedAt
from store.store import Store
from tests.contract.stores import NOW, minute


async def test_earliest_is_kept(store: Store) -> None:
    """The default, written the first time."""
    started = await store.entries.start_of("h", "earliest", NOW)
    assert started == StartedAt(handler="h", start="earliest", registered_at=NOW, first=True)


async def test_now_becomes_the_time_it_was_said(store: Store) -> None:
    """A later start reads from there, not from its own now."""
    await store.entries.start_of("h", "now", NOW)
    started = await store.entries.start_of("h", "now", minute(5))
    assert started == StartedAt(handler="h", start=NOW, registered_at=NOW, first=False)


async def test_a_time_is_kept_in_utc(store: Store) -> None:
    """To the microsecond, whatever zone it was written in."""
    at = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=timezone(timedelta(hours=2)))
    assert (await store.entries.start_of("h", at, NOW)).start == at


async def test_a_changed_configuration_changes_nothing(store: Store) -> None:
    """An entry starts once."""
    await store.entries.start_of("h", "earliest", NOW)
    assert (await store.entries.start_of("h", "now", minute(1))).start == "earliest"


async def test_entries_start_apart(store: Store) -> None:
    """Each entry of one handler has its own start."""
    await store.entries.start_of("h", "earliest", NOW)
    assert (await store.entries.start_of("h2", "now", minute(1))).start == minute(1)


async def test_of_many_at_once_one_is_first(store: Store) -> None:
    """And all are told the same."""
    started = await asyncio.gather(*(store.entries.start_of("h", "now", minute(n)) for n in range(8)))
    assert [each.first for each in started].count(True) == 1
    assert len({each.start for each in started}) == 1
