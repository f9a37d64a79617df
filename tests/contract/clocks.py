"""A clock for dispatchers that shows another time than the machine's."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from dispatcher.clock import SystemClock


@dataclass
class ShiftedClock(SystemClock):
    """The machine's clock, put forward by hand."""

    by: timedelta = timedelta()

    def now(self) -> datetime:
        return super().now() + self.by


@dataclass
class LeapingClock(ShiftedClock):
    """One whose every time leaps, not only the wall's."""

    def monotonic(self) -> float:
        return super().monotonic() + self.by.total_seconds()


@dataclass
class WarpedClock(ShiftedClock):
    """The same, with what it measures: waits are over earlier too."""

    def monotonic(self) -> float:
        return super().monotonic() + self.by.total_seconds()


def later(hours: float = 2) -> ShiftedClock:
    """A clock that shows what the machine's will show then."""
    return ShiftedClock(by=timedelta(hours=hours))
