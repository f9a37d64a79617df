"""The clock that stands still."""

import asyncio
from datetime import UTC, datetime

from simulator.clock import ManualClock, SystemClock


async def test_a_sleeper_wakes_when_its_time_has_come() -> None:
    """Not a second before."""
    clock = ManualClock()
    sleeper = asyncio.create_task(clock.sleep(10))
    await clock.advance(9)
    before = sleeper.done()
    await clock.advance(1)
    assert (before, sleeper.done()) == (False, True)


async def test_sleepers_wake_in_order_and_may_sleep_again() -> None:
    """One large step is the same as many small ones."""
    clock, woken = ManualClock(datetime(2024, 1, 1, tzinfo=UTC)), []

    async def nap(name: str, seconds: float) -> None:
        for _ in range(2):
            await clock.sleep(seconds)
            woken.append((name, clock.now().second))

    naps = [asyncio.create_task(nap("slow", 3)), asyncio.create_task(nap("fast", 2))]
    await clock.advance(10)
    await asyncio.gather(*naps)
    assert woken == [("fast", 2), ("slow", 3), ("fast", 4), ("slow", 6)]


async def test_a_cancelled_sleeper_is_forgotten() -> None:
    """Cancellation goes through and the clock still moves."""
    clock = ManualClock()
    sleeper = asyncio.create_task(clock.sleep(1))
    await asyncio.sleep(0)
    sleeper.cancel()
    await asyncio.wait([sleeper])
    await clock.advance(2)
    assert (sleeper.cancelled(), clock.sleeping) == (True, 0)


def test_the_machine_clock_is_aware() -> None:
    """Times are UTC and say so."""
    assert SystemClock().now().tzinfo is UTC
