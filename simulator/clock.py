"""Time, injected: the real clock, and one that stands still until a test moves it."""

import asyncio
import heapq
import itertools
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Where the simulator takes the time from, and where it waits."""

    def now(self) -> datetime:
        """Return the time as an aware UTC datetime."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return when `seconds` have passed on this clock."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Return the time as an aware UTC datetime."""
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        """Wait for real seconds."""
        await asyncio.sleep(seconds)


class ManualClock:
    """A clock for tests: it moves only in `advance`, and sleepers wake in the order of their times."""

    def __init__(self, start: datetime = datetime(2024, 1, 15, 10, 0, tzinfo=UTC)) -> None:
        self._now = start
        self._sleepers: list[tuple[datetime, int, asyncio.Future[None]]] = []
        self._order = itertools.count()

    @property
    def sleeping(self) -> int:
        """How many sleepers wait for the clock to move."""
        return sum(1 for _, _, waiter in self._sleepers if not waiter.done())

    def now(self) -> datetime:
        """Return the time the clock was moved to."""
        return self._now

    async def sleep(self, seconds: float) -> None:
        """Wait until `advance` has moved the clock by `seconds`; 0 or less only yields."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._now + timedelta(seconds=seconds), next(self._order), waiter))
        await waiter

    async def advance(self, seconds: float) -> None:
        """Move the clock by `seconds`, waking everyone whose time comes, those who then sleep again included."""
        target = self._now + timedelta(seconds=seconds)
        await self._settle()
        while self._sleepers and self._sleepers[0][0] <= target:
            due, _, waiter = heapq.heappop(self._sleepers)
            self._now = max(self._now, due)
            if not waiter.done():
                waiter.set_result(None)
            await self._settle()
        self._now = target

    async def _settle(self) -> None:
        # A woken task may pass through several awaits before it sleeps again; a fixed number of turns is
        # deterministic where waiting for "idle" is not something asyncio can tell.
        for _ in range(20):
            await asyncio.sleep(0)
