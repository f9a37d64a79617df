"""Whether the store answers is known without anybody having asked for anything."""

import asyncio

import pytest

from cli import store_watch
from cli.store_watch import StoreWatch
from store.errors import StoreUnavailable


async def test_an_outage_is_seen_and_its_end_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its words are the store's."""
    monkeypatch.setattr(store_watch, "_SOON", 0)
    monkeypatch.setattr(store_watch, "_LATER", 0)
    looks, seen = ["", "it is away", "it is away", ""], []
    finished = asyncio.Event()

    class Store:
        async def look(self) -> None:
            seen.append(watch.problem)
            if not looks:
                finished.set()
                await asyncio.sleep(60)
            if said := looks.pop(0):
                raise StoreUnavailable(said)

    watch = StoreWatch(Store())
    running = asyncio.create_task(watch.run())
    await asyncio.wait_for(finished.wait(), 5)
    running.cancel()
    await asyncio.wait({running})
    assert seen == ["", "", "it is away", "it is away", ""]
