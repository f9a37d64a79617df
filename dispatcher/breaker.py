"""Whether the platform of one account is away, as far as one entry's attempts can tell. Pure.

    closed ── so many failures in a row ──> open ── an answer ──> closed

While it is open the entry asks by one probe at a time, ever more rarely. When the probe went away without an answer,
the breaker is closed, and the next failure opens it again. An answer ends it: the next failure begins with a new one.
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

    # The entry stands still but for the probe.
    is_open: bool = False
    # When it opened first since the last answer.
    since: datetime | None = None
    # In a row, without an answer between; until it opens each of another lane (`brakes.py`).
    failures: int = 0
    # Of them, those of probes.
    probes: int = 0

    @property
    def wait(self) -> timedelta:
        """How long the probe waits: 1 s, and twice as long after each that failed, to a minute."""
        longer: timedelta = _FIRST * 2 ** min(self.probes, _MAX_DOUBLINGS)
        return min(longer, _LONGEST)

    def failed(self, now: datetime, *, probe: bool = False, dear: bool = False) -> None:
        """An attempt failed because the platform is away; one that cost an event is enough."""
        self.failures = max(self.failures + 1, OPENS_AFTER if dear else 0)
        self.probes += probe
        if self.failures >= OPENS_AFTER:
            self.is_open = True
            self.since = self.since or now

    def asked(self) -> None:
        """There is a probe again."""
        self.is_open = True

    def unprobed(self) -> None:
        """The probe went away, with its partition perhaps: nobody knows, and any lane may find out."""
        self.is_open = False
