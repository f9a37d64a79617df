"""Whether an event was accepted before (`known`), and that it is now (`remember`).

Never lost, at most rarely twice, always with the same id: a store that is away or slow makes every event new.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from receiver.lookups import PATIENCE, Key, Lookups
from receiver.memory import Entry, Memory

# Seconds between two looks at a store that nothing is asked of.
_LOOK = 2.0
_NOBODY: Key = ("", "")


class DedupeStore(Protocol):
    """What is used of `store.dedupe.Dedupe`. Both calls fail with a `StoreError`."""

    async def known(self, keys: Sequence[Key], now: datetime) -> set[Key]:
        """Those of the keys that are remembered and not expired."""

    async def remember(self, entries: Sequence[Entry], now: datetime) -> None:
        """Remember ids until they expire; may be repeated."""


class Dedupe:
    """The receiver's side of the dedupe store.

    Args:
        store: where ids are kept.
        clock: the time of day, aware.
        patience: how long a delivery waits for the store.
    """

    def __init__(self, store: DedupeStore, *, clock: Callable[[], datetime], patience: timedelta = PATIENCE) -> None:
        self._clock = clock
        self._lookups = Lookups(store.known, clock=clock, patience=patience)
        self._memory = Memory(store.remember, clock=clock)

    @property
    def degraded(self) -> bool:
        """Whether the store was away or slow when it was last asked, or did not take what it was given."""
        return self._lookups.degraded or self._memory.failing

    async def known(self, keys: Iterable[Key]) -> set[Key]:
        """Those of the keys whose events are durable already."""
        wanted = set(keys)
        pending = {key for key in wanted if key in self._memory}
        asked = wanted - pending
        return pending | (await self._lookups.known(asked) & asked if asked else set())

    def remember(self, key: Key, window: timedelta) -> None:
        """Note that an event is durable; it is written in the background, and known from now on."""
        self._memory.add(key, self._clock() + window)

    async def watch(self) -> None:
        """Ask for nobody, now and then, for ever: what is known of the store does not wait for a delivery."""
        while True:
            await asyncio.sleep(_LOOK)
            await self._lookups.known([_NOBODY])

    async def stop(self, timeout: timedelta) -> bool:
        """Write what is to be remembered, within the timeout; whether all of it was."""
        await self._lookups.stop()
        return await self._memory.stop(timeout)
