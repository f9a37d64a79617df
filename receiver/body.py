"""Reads a body into memory: bounded in bytes and in time, and within the budget of all requests."""

import asyncio

from aiohttp import StreamReader, web

from receiver import problems
from receiver.limits import Budget
from receiver.problems import Problem
from receiver.settings import ReceiverSettings


class WastefulFraming(Exception):
    """A body of which far more bytes are chunk sizes, extensions and trailers than content: set on its stream."""


class Body:
    """One request's body, and its part of the budget.

    Args:
        peer: who sends it.
        limit: bytes it may have.
        budget: of all requests.
    """

    __slots__ = ("_budget", "_deadline", "_gave_way", "_limit", "_whole", "held", "peer")

    def __init__(self, *, peer: str, limit: int, budget: Budget) -> None:
        self.peer = peer
        self.held = 0
        self._limit = limit
        self._budget = budget
        self._whole = False
        self._gave_way = False
        self._deadline: asyncio.Timeout | None = None

    def enter(self) -> bool:
        """Take a place in the budget; False when there is none."""
        return self._budget.enter(self)

    def leave(self) -> None:
        """Give the place back."""
        self._budget.leave(self, whole=self._whole)

    def give_way(self) -> None:
        """Stop reading: the place is needed. `read` answers so."""
        self._gave_way = True
        if self._deadline is not None:
            self._deadline.reschedule(asyncio.get_running_loop().time())

    async def read(self, stream: StreamReader, settings: ReceiverSettings) -> bytes | Problem:
        """The whole body, or why it cannot be had. What was in the buffer already may be over the limit."""
        try:
            if stream.is_eof():
                # Header and body came together, as with most deliveries: nothing to wait for, and intake measures it.
                body = self._at_once(stream.read_nowait())
            else:
                body = await self._gather(stream, settings)
        except TimeoutError:
            return problems.BUSY if self._gave_way else problems.INCOMPLETE
        except WastefulFraming:
            return problems.MALFORMED
        except (web.RequestPayloadError, OSError, RuntimeError):
            # Bad chunks, or the sender is gone (aiohttp says it with a RuntimeError).
            return problems.INCOMPLETE
        if isinstance(body, Problem):
            return body
        self._whole = self._budget.complete(self)
        return body if self._whole else problems.BUSY

    def _at_once(self, body: bytes) -> bytes | Problem:
        return body if self._budget.grow(self, len(body)) else problems.BUSY

    async def _gather(self, stream: StreamReader, settings: ReceiverSettings) -> bytes | Problem:
        start = asyncio.get_running_loop().time() + settings.body_timeout.total_seconds()
        chunks: list[bytes] = []
        size = 0
        async with asyncio.timeout_at(start) as self._deadline:
            while chunk := await stream.readany():
                size += len(chunk)
                if size > self._limit:
                    return problems.TOO_LARGE
                if not self._budget.grow(self, len(chunk)):
                    return problems.BUSY
                chunks.append(chunk)
                self._deadline.reschedule(start + size / settings.min_body_rate)
        return b"".join(chunks)
