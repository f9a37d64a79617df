"""What connections have sent and nobody has parsed yet: some of it in each turn of the loop, for all of them together.

Tiny chunks cost a microsecond a byte. However many connections send them, the others wait for a few milliseconds only.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import Protocol

# Spent on what is parsed at once in one turn of the loop, and again on what has waited; and the last one's own time.
# Seconds. An answer takes some ten turns.
_TURN = 0.001
# Bytes that wait, of all connections.
_WAITING = 16 * 1024 * 1024


class Waiting(Protocol):
    """A connection that has bytes waiting."""

    proved: bool

    @property
    def waiting(self) -> int:
        """How many."""

    def take_turn(self) -> bool:
        """Parse a piece; whether more is waiting that may be parsed."""

    def abort(self) -> None:
        """Cut the connection off."""


class Turns:
    """The connections whose bytes wait, in the order of their turns.

    Args:
        clock: seconds of a fine clock.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        # With the bytes each had when it came: some may be thrown away before its turn.
        self._queue: deque[tuple[Waiting, int]] = deque()
        self._bytes = 0
        # What was parsed at once in this turn has taken so long.
        self._spent = 0.0
        self._loop = asyncio.get_running_loop()

    def at_once(self, parse: Callable[[bytes], None], data: bytes) -> bool:
        """Parse something short, if this turn of the loop has time left; whether it had."""
        if self._spent >= _TURN:
            return False
        if not self._spent:
            self._loop.call_soon(self._begin)
        start = self._clock()
        parse(data)
        self._spent += self._clock() - start
        return True

    def join(self, one: Waiting) -> None:
        """Wait for a turn, ahead of all when something of it was accepted. One that holds too much is given up."""
        if not self._queue:
            self._loop.call_soon(self._run)
        self._add(one)
        if self._bytes > _WAITING:
            most = max(self._queue, key=lambda each: (not each[0].proved, each[1]))
            self._queue.remove(most)
            self._bytes -= most[1]
            most[0].abort()

    def _add(self, one: Waiting) -> None:
        size = one.waiting
        self._bytes += size
        if one.proved:
            self._queue.appendleft((one, size))
        else:
            self._queue.append((one, size))

    def _begin(self) -> None:
        self._spent = 0.0

    def _run(self) -> None:
        end = self._clock() + _TURN
        while self._queue and self._clock() < end:
            one, size = self._queue.popleft()
            self._bytes -= size
            if one.take_turn():
                self._add(one)
        if self._queue:
            self._loop.call_soon(self._run)
