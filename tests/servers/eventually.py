"""Waiting for a condition with a deadline, which is the only waiting a test does."""

import asyncio
import time
from collections.abc import Callable

POLL_EVERY = 0.02


async def eventually(condition: Callable[[], bool], within: float = 10.0, *, what: str = "the condition") -> float:
    """Wait until the condition holds; returns the seconds it took.

    Raises:
        TimeoutError: it does not hold after `within` seconds; the text says what was waited for.
    """
    began = time.monotonic()
    while not condition():
        if time.monotonic() - began > within:
            raise TimeoutError(f"waited {within:.1f} s in vain: {what}")
        await asyncio.sleep(POLL_EVERY)
    return time.monotonic() - began
