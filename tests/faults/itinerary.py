"""What workers with the handler `plugins/wandering.py` wrote down, held to the promises of delivery."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from tests.faults.auditor import Sent


@dataclass(frozen=True, slots=True)
class Line:
    """An attempt began or ended."""

    what: str
    event_id: str
    pid: int
    # Of the machine's monotonic clock, the same for all processes.
    at: float


def lines(journal: Path) -> list[Line]:
    """What was written; a line that a death cut short is left out."""
    if not journal.exists():
        return []
    words = (line.split() for line in journal.read_text(encoding="utf-8").splitlines())
    return [Line(each[0], each[1], int(each[2]), float(each[3])) for each in words if len(each) == 4]


@dataclass(frozen=True, slots=True)
class Itinerary:
    """The whole journal, and what was accepted, conversation by conversation in order."""

    events: Sequence[Sent]
    journal: Sequence[Line]

    @property
    def unhandled(self) -> list[str]:
        """The events no attempt ended of."""
        ended = {line.event_id for line in self.journal if line.what == "end"}
        return [event.id for event in self.events if event.event_id not in ended]

    @property
    def out_of_order(self) -> list[str]:
        """The events that were begun before an attempt at the one before had ended."""
        begun, ended = self._first("begin"), self._first("end")
        found = []
        for before, after in self._pairs():
            if after.event_id in begun and begun[after.event_id] < ended.get(before.event_id, float("inf")):
                found.append(after.id)
        return found

    @property
    def repeats(self) -> int:
        """Attempts beyond the first of each event."""
        return sum(count - 1 for count in self._begun().values())

    @property
    def most(self) -> int:
        """The attempts at the event that had most."""
        return max(self._begun().values(), default=0)

    @property
    def longest_pause(self) -> float:
        """The longest time in which no attempt ended anywhere, in seconds."""
        ends = sorted(line.at for line in self.journal if line.what == "end")
        return max((later - at for at, later in pairwise(ends)), default=0.0)

    def _begun(self) -> Counter[str]:
        return Counter(line.event_id for line in self.journal if line.what == "begin")

    def _first(self, what: str) -> dict[str, float]:
        first: dict[str, float] = {}
        for line in self.journal:
            if line.what == what:
                first[line.event_id] = min(line.at, first.get(line.event_id, line.at))
        return first

    def _pairs(self) -> Iterable[tuple[Sent, Sent]]:
        conversations: dict[str, list[Sent]] = defaultdict(list)
        for event in self.events:
            conversations[event.conversation].append(event)
        for events in conversations.values():
            yield from pairwise(events)
