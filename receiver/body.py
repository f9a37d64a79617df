"""Reads a body into memory: bounded in bytes and in time, and within the budget of all requests."""

import asyncio

from aiohttp import StreamReader, web

from receiver import problems
from receiver.limits import Budget
from receiver.problems import Problem
from receiver.settings import ReceiverSettings

# What a body of unknown length is taken for until it is longer.
FIRST_CHUNK = 16 * 1024


class Body:
    """One request's body, and its part of the budget.

    Args:
        length: what the request says, if it says it.
        limit: bytes it may have.
        budget: of all requests.
    """

    def __init__(self, length: int | None, *, limit: int, budget: Budget) -> None:
        self._limit = limit
        self._budget = budget
        self._held = min(length if length is not None else FIRST_CHUNK, limit)
        self._entered = False

    def enter(self) -> bool:
        """Take a place in the budget; False when there is none."""
        self._entered = self._budget.enter(self._held)
        return self._entered

    def leave(self) -> None:
        """Give the place back."""
        if self._entered:
            self._budget.leave(self._held)
            self._entered = False

    async def read(self, stream: StreamReader, settings: ReceiverSettings) -> bytes | Problem:
        """The whole body, or why it cannot be had. What was in the buffer already may be over the limit."""
        try:
            if stream.is_eof():
                # Header and body came together, as with most deliveries: nothing to wait for, and intake measures it.
                return stream.read_nowait()
            return await self._gather(stream, settings)
        except TimeoutError:
            return problems.INCOMPLETE
        except (web.RequestPayloadError, OSError, RuntimeError):
            # Bad chunks, or the sender is gone (aiohttp says it with a RuntimeError).
            return problems.INCOMPLETE

    async def _gather(self, stream: StreamReader, settings: ReceiverSettings) -> bytes | Problem:
        start = asyncio.get_running_loop().time() + settings.body_timeout.total_seconds()
        chunks: list[bytes] = []
        size = 0
        async with asyncio.timeout_at(start) as deadline:
            while chunk := await stream.readany():
                size += len(chunk)
                if size > self._limit:
                    return problems.TOO_LARGE
                if size > self._held and not self._grow(size - self._held):
                    return problems.BUSY
                chunks.append(chunk)
                deadline.reschedule(start + size / settings.min_body_rate)
        return b"".join(chunks)

    def _grow(self, size: int) -> bool:
        if not self._budget.grow(size):
            return False
        self._held += size
        return True
