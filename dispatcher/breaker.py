"""Whether the platform of one account is away, as far as one entry's attempts can tell. Pure.

    closed ── so many failures in a row ──> open ── an answer ──> closed

While it is open the entry asks by one probe at a time, ever more rarely. Only an answer forgets the failures: when the
probe went away without one, the breaker is closed, and the next failure opens it again.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

OPENS_AFTER = 5
"""Failures in a row after which an account's platform counts as away."""

_FIRST, _LONGEST = timedelta(seconds=1), timedelta(minutes=1)
_MAX_DOUBLINGS = 6


@dataclass(slots=True)
class Breaker:
    """Of one entry and one account."""

    # When it opened; None while it is closed.
    since: datetime | None = None
    # In a row, without an answer between.
    failures: int = 0
    # Of them, those of probes.
    probes: int = 0

    @property
    def is_open(self) -> bool:
        """Whether the entry is to stand still but for the probe."""
        return self.since is not None

    @property
    def wait(self) -> timedelta:
        """How long the probe waits: 1 s, and twice as long after each that failed, to a minute."""
        longer: timedelta = _FIRST * 2 ** min(self.probes, _MAX_DOUBLINGS)
        return min(longer, _LONGEST)

    def failed(self, now: datetime, *, probe: bool = False) -> bool:
        """An attempt failed because the platform is away; whether that opened the breaker."""
        self.failures += 1
        self.probes += probe
        if self.is_open or self.failures < OPENS_AFTER:
            return False
        self.since = now
        return True

    def answered(self) -> bool:
        """The platform answered; whether that closed the breaker."""
        closed = self.is_open
        self.since, self.failures, self.probes = None, 0, 0
        return closed

    def unprobed(self) -> None:
        """The probe went away, with its partition perhaps: nobody knows, and any lane may find out."""
        self.since = None
