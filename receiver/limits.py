"""What the receiver takes on at once: rates and budgets. Pure: the time is an argument, in seconds of any clock."""

import math
from dataclasses import dataclass


class Bucket:
    """A token bucket: so many in so many seconds, and all of them at once after a quiet time.

    Args:
        count: how many.
        seconds: in which time.
    """

    __slots__ = ("_at", "_burst", "_level", "_rate")

    def __init__(self, count: int, seconds: float) -> None:
        self._burst = float(count)
        self._rate = count / seconds
        self._level = float(count)
        self._at = -math.inf

    def take(self, now: float) -> float:
        """Take one; 0 when there was one, else the seconds until there will be one again."""
        elapsed = max(0.0, now - self._at) if self._at > -math.inf else 0.0
        self._level = min(self._burst, self._level + elapsed * self._rate)
        self._at = now
        if self._level >= 1.0:
            self._level -= 1.0
            return 0.0
        return (1.0 - self._level) / self._rate


@dataclass(slots=True)
class Budget:
    """The requests and the bytes of their bodies that are held at once."""

    max_requests: int
    max_bytes: int
    requests: int = 0
    bytes: int = 0

    def enter(self, size: int) -> bool:
        """Take on one request with so many bytes; False, and nothing taken, when there is no room."""
        if self.requests >= self.max_requests or self.bytes + size > self.max_bytes:
            return False
        self.requests += 1
        self.bytes += size
        return True

    def grow(self, size: int) -> bool:
        """Hold so many bytes more; False, and nothing taken, when there is no room."""
        if self.bytes + size > self.max_bytes:
            return False
        self.bytes += size
        return True

    def leave(self, size: int) -> None:
        """Give back one request and its bytes."""
        self.requests -= 1
        self.bytes -= size


def retry_after(seconds: float) -> str:
    """A wait as `Retry-After` writes it: whole seconds, at least one."""
    return str(max(1, math.ceil(seconds)))
