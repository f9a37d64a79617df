"""Whether the state store answers: looked at all the time, since a worker without work would not notice."""

import asyncio
from typing import Protocol

from store.errors import StoreError

# Seconds between looks, while something is wrong and while all is well.
_SOON, _LATER = 1.0, 2.0


class Answers(Protocol):
    """What is used of `store.store.Store`."""

    async def look(self) -> None:
        """Ask it anything; fails with a `StoreError`, within its deadline."""


class StoreWatch:
    """Knows the last known state of the store; `run` keeps it fresh."""

    def __init__(self, store: Answers) -> None:
        self._store = store
        # What is wrong; empty when all is well. It has been started, so it answered.
        self.problem = ""

    async def run(self) -> None:
        """Look for ever."""
        while True:
            try:
                await self._store.look()
                self.problem = ""
            except StoreError as error:
                self.problem = str(error)
            await asyncio.sleep(_SOON if self.problem else _LATER)
