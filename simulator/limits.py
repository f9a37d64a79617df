"""Rate limits in fixed windows, the way `X-RateLimit-Reset` describes them. Pure: `now` is an argument."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `limit` requests in each window of `seconds`; windows begin at multiples of `seconds` since 1970."""

    limit: int
    seconds: int


@dataclass(frozen=True, slots=True)
class Allowance:
    """What one request was told about its limit."""

    allowed: bool
    limit: int
    remaining: int
    # Unix time in seconds at which the window ends
    reset: int

    def headers(self) -> dict[str, str]:
        """Return the three documented headers."""
        return {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(self.remaining),
            "X-RateLimit-Reset": str(self.reset),
        }


class RateWindows:
    """Counts requests per route class and caller; keeps at most `max_callers` counters, oldest out first."""

    def __init__(self, rates: Mapping[str, Rate], *, max_callers: int = 10_000) -> None:
        self._rates = dict(rates)
        self._max_callers = max_callers
        self._used: dict[tuple[str, str], tuple[int, int]] = {}

    def take(self, route: str, caller: str, now: datetime) -> Allowance:
        """Count one request and say whether it is within the limit; a refused one is not counted.

        Raises:
            KeyError: no rate is set for `route`.
        """
        rate = self._rates[route]
        window = int(now.timestamp()) // rate.seconds
        counted_in, used = self._used.pop((route, caller), (window, 0))
        if counted_in != window:
            used = 0
        allowed = used < rate.limit
        used += allowed
        self._used[route, caller] = (window, used)
        while len(self._used) > self._max_callers:
            del self._used[next(iter(self._used))]
        return Allowance(
            allowed=allowed, limit=rate.limit, remaining=rate.limit - used, reset=(window + 1) * rate.seconds
        )

    def reset(self) -> None:
        """Forget all counts."""
        self._used.clear()
