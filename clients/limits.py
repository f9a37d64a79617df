"""How often we may call: one limiter per account, one window per class of endpoints.

A window never lets more than `calls` begin within any `per` seconds (a sliding log, so that no burst at the edge of a
minute makes twice as many), and believes the platform when its `X-RateLimit-*` headers say that fewer are left.
"""

import re
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from pydantic import BeforeValidator

from clients.clock import Clock
from clients.errors import RateLimited
from clients.waits import Quota

_PER = {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
# Two answers of one period may name its end differently by so many seconds: whole seconds, and how long they travelled.
_ROUNDING = 2.0
# Between these lies the longest wait that a platform may ask for, in seconds.
_SHORTEST_BOUND, _LONGEST_BOUND = 900.0, 3600.0
_RATE = re.compile(r"\s*([0-9]{1,7})\s*/\s*(s|min|h|d)\s*")


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `calls` in any `per` seconds."""

    calls: int
    per: float


def rate(value: object) -> Rate:
    """Read a rate as platforms publish them: `100/min`, `1000/h`, `5/s`, `10000/d`.

    Raises:
        ValueError: it is not written like that, or allows nothing.
    """
    if isinstance(value, Rate):
        return value
    match = _RATE.fullmatch(value) if isinstance(value, str) else None
    if match is None or int(match[1]) == 0:
        raise ValueError("not a rate. Write a number of calls, a slash and s, min, h or d: 100/min")
    return Rate(int(match[1]), _PER[match[2]])


def longest_wait(rate: Rate) -> float:
    """How many seconds a platform's word may keep us from asking again: its window, but 15 minutes to an hour.

    A header can hold any number, of a broken proxy for instance, and asking once more does no harm.
    """
    return min(max(rate.per, _SHORTEST_BOUND), _LONGEST_BOUND)


RateField = Annotated[Rate, BeforeValidator(rate)]
"""A field of a settings model that reads `"100/min"`."""


class Window:
    """The slots of one class of endpoints. Pure: `now` is in seconds of a monotonic clock."""

    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        # When each of the last calls began, or will begin, ascending; those older than `per` no longer count.
        self._slots: deque[float] = deque()
        # What the platform told: until `_reset`, only `_left` more.
        self._left = 0
        self._reset = float("-inf")

    def reserve(self, now: float) -> float:
        """Take the next free slot and return when it is, `now` or later."""
        while self._slots and self._slots[0] <= now - self._rate.per:
            self._slots.popleft()
        slot = max(now, self._slots[-1]) if self._slots else now
        if len(self._slots) >= self._rate.calls:
            slot = max(slot, self._slots[-self._rate.calls] + self._rate.per)
        if slot < self._reset:
            if self._left > 0:
                self._left -= 1
            else:
                slot = self._reset
        self._slots.append(slot)
        return slot

    def give_back(self, slot: float) -> None:
        """Return a slot that was not used. Slots that others hold stay where they are.

        What the platform said is left does not grow again: until its next answer, too few is safer than too many.
        """
        self._slots.remove(slot)

    def closed(self, now: float) -> bool:
        """Say whether the platform told us to wait, and how it is still waiting time."""
        return now < self._reset and self._left <= 0

    def learn(self, quota: Quota, now: float) -> None:
        """Take over what an answer said about the limit.

        Answers may arrive out of order and other clients may use the same key, so within one period the smaller
        count is believed. It may never close the window for longer than one period of the rate, or `longest_wait`.
        """
        reset = now + min(quota.reset_in, self._rate.per, longest_wait(self._rate))
        same = abs(reset - self._reset) < _ROUNDING
        if same and now < self._reset:
            self._left = min(self._left, quota.remaining)
        elif reset > self._reset or now >= self._reset:
            self._left, self._reset = quota.remaining, reset

    def shut(self, seconds: float, now: float) -> None:
        """Let nothing through for so many seconds, within reason: the platform said 429."""
        self._reset = max(self._reset, now + min(seconds, longest_wait(self._rate)))
        self._left = 0


class Limiter:
    """The windows of one account."""

    def __init__(self, rates: Mapping[str, Rate], *, max_wait: float, clock: Clock, what: str) -> None:
        self._windows = {name: Window(rate) for name, rate in rates.items()}
        self._longest = {name: longest_wait(rate) for name, rate in rates.items()}
        self._max_wait = max_wait
        self._clock = clock
        self._what = what

    async def admit(self, quota: str, *, within: float = float("inf")) -> None:
        """Wait for the next slot of a class of endpoints; first come, first served.

        Raises:
            RateLimited: the wait would be longer than `max_wait`, or would not end `within` so many seconds; nothing
                was asked of the platform.
        """
        window = self._windows[quota]
        begun = self._clock.monotonic()
        while True:
            now = self._clock.monotonic()
            slot = window.reserve(now)
            if slot <= now:
                return
            used = False
            try:
                if slot - begun > self._max_wait or slot - begun >= within:
                    raise RateLimited(
                        f"{self._what}: the limit for {quota} calls is used up for another {slot - now:.0f} s",
                        retry_after=slot - now,
                    )
                await self._clock.sleep(slot - now)
                # While we slept, an answer may have closed the window: then queue again.
                used = not window.closed(self._clock.monotonic())
            finally:
                if not used:
                    window.give_back(slot)
            if used:
                return

    def learn(self, quota: str, told: Quota | None) -> None:
        """Believe what an answer's headers say about the limit."""
        if told is not None:
            self._windows[quota].learn(told, self._clock.monotonic())

    def longest(self, quota: str, *, limited: bool) -> float:
        """How many seconds the platform may keep a class of endpoints from being asked again.

        Args:
            quota: the class.
            limited: the platform names the end of a limit; else that of an outage, which must be noticed in time.
        """
        return self._longest[quota] if limited else _SHORTEST_BOUND

    def shut(self, quota: str, seconds: float) -> None:
        """Let no call of a class through for so many seconds."""
        self._windows[quota].shut(seconds, self._clock.monotonic())
