"""Which entries do nothing more because attempts of theirs do not end. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from dispatcher.metrics import Load


@dataclass(slots=True)
class Hanging:
    """What was seen of the entries of one process."""

    # Seconds without any change after which nothing more is expected.
    after: float
    # Entry → what it had on its hands, and since when.
    _seen: dict[str, tuple[tuple[int, ...], float]] = field(default_factory=dict)

    def look(self, loads: Mapping[str, Load], now: float) -> frozenset[str]:
        """Those of which only stuck attempts go on, and for a while already.

        Args:
            loads: what the entries have on their hands.
            now: seconds of a monotonic clock.
        """
        return frozenset(entry for entry, load in loads.items() if self._steady(entry, load, now) and _is_held(load))

    def _steady(self, entry: str, load: Load, now: float) -> bool:
        seen = (load.running, load.lanes, load.buffered, load.ahead, load.stuck)
        before, since = self._seen.get(entry, ((), now))
        self._seen[entry] = seen, since if seen == before else now
        return now - self._seen[entry][1] >= self.after


def _is_held(load: Load) -> bool:
    # a lane that waits for another attempt will go on, and be parked if that takes long
    return load.stuck > 0 and load.running <= load.stuck and not load.waiting
