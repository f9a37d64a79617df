"""A clock that moves only when a test says so."""

import asyncio
from datetime import UTC, datetime, timedelta

START = datetime(2024, 1, 15, 10, 0, tzinfo=UTC)


class FakeClock:
    """Virtual time: sleepers wake in order while `advance` passes them. `auto` advances at every sleep."""

    def __init__(self, *, auto: bool = False) -> None:
        self.time = 1000.0
        self.slept: list[float] = []
        self._auto = auto
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []

    def now(self) -> datetime:
        return START + timedelta(seconds=self.time - 1000.0)

    def monotonic(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        if self._auto:
            self.time += seconds
            return
        future = asyncio.get_running_loop().create_future()
        self._sleepers.append((self.time + seconds, future))
        await future

    async def advance(self, seconds: float) -> None:
        """Let time pass, waking each sleeper at its own moment."""
        end = self.time + seconds
        await settle()
        while due := [item for item in self._sleepers if item[0] <= end and not item[1].done()]:
            wake, future = min(due, key=lambda item: item[0])
            self.time = max(self.time, wake)
            self._sleepers.remove((wake, future))
            future.set_result(None)
            await settle()
        self.time = end


async def settle() -> None:
    """Let every task run until it waits for the clock."""
    for _ in range(10):
        await asyncio.sleep(0)
