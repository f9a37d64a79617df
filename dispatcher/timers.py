"""The pending timers of one partition: those that come due next, in a heap; the store has them all. Pure.

What comes due after `reach` is in the store only, and loaded page by page when few are left before it: a hundred
thousand timers cost no more memory than a thousand, and nothing waits for them at a start.

A timer fires only when everything that was in its partition when it came due has been read, so that after a downtime
the message that cancels it is read first (`Gate`).
"""

import heapq
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from store.schedule import Place, TimerKey, TimerRow

# Entries of moved and cancelled timers that are kept in the heap before it is built anew.
_SLACK = 1_000
# In pages: so many timers may wait in memory, and so many be on their way, before no more are loaded.
_HELD = 3
_ON_THEIR_WAY = 10


@dataclass(slots=True)
class Timers:
    """What the store says is pending. Only this owner's attempts change it, and each tells what it left there."""

    # So many are loaded at once.
    page: int = 1_000
    # All that the store has up to here is here too; None: all it has.
    reach: Place | None = None
    _rows: dict[TimerKey, TimerRow] = field(default_factory=dict)
    _heap: list[tuple[datetime, int, str, TimerKey]] = field(default_factory=list)
    # Those that are on their way: due, and waiting in the gate or in their lane.
    _leaving: dict[TimerKey, str] = field(default_factory=dict)
    # What the store was told since more was asked for: the answer may be of before.
    _meanwhile: dict[TimerKey, TimerRow | None] | None = None

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def hungry(self) -> bool:
        """Whether the next page is to be loaded."""
        return (
            self.reach is not None
            and len(self._rows) - len(self._leaving) < self.page
            and len(self._leaving) < _ON_THEIR_WAY * self.page
        )

    def ask(self) -> None:
        """What the store has after `reach` is being asked for, by nobody else."""
        self._meanwhile = {}

    def load(self, rows: Iterable[TimerRow], reach: Place | None = None) -> None:
        """Take over what the store has up to a place; None: there is no more."""
        meanwhile, self._meanwhile = self._meanwhile or {}, None
        self.reach = reach
        for row in rows:
            if row.called not in meanwhile:
                self._put(row)
        for key, new in meanwhile.items():
            if new is not None and key not in self._rows and self._reaches(new):
                self._put(new)
        self._trim()

    def learn(self, now: Mapping[TimerKey, TimerRow | None]) -> list[TimerKey]:
        """What the store has after a write; the names of those that changed, as far as is known here."""
        if self._meanwhile is not None:
            self._meanwhile |= now
        changed = []
        for key, row in now.items():
            known = self._rows.get(key)
            if row == known:
                continue
            if row is not None and self._reaches(row):
                self._put(row)
            elif known is not None:
                self._drop(key)
            changed.append(key)
        self._trim()
        return changed

    def fired(self, row: TimerRow) -> None:
        """A firing is settled: unless its timer was set anew, it is over."""
        if self.pending(row):
            self._drop(row.called)
            if self._meanwhile is not None:
                self._meanwhile[row.called] = None

    def pending(self, row: TimerRow) -> bool:
        """Whether a timer that came due is still set as it was."""
        current = self._rows.get(row.called)
        return current is not None and current.firing == row.firing

    def next_due(self) -> datetime | None:
        """When the next timer in memory comes due that is not on its way yet."""
        self._skim()
        return self._heap[0][0] if self._heap else None

    def first_due(self) -> datetime | None:
        """When the first timer in memory came or comes due, on its way or not."""
        dues = [self._rows[key].due for key in self._leaving]
        if (next_due := self.next_due()) is not None:
            dues.append(next_due)
        return min(dues, default=None)

    def due(self, now: datetime) -> list[TimerRow]:
        """The timers in memory that have come due, in order; each is told once until it is set again."""
        found: list[TimerRow] = []
        while (first := self.next_due()) is not None and first <= now:
            key = heapq.heappop(self._heap)[3]
            row = self._rows[key]
            self._leaving[key] = row.firing
            found.append(row)
        return found

    def _put(self, row: TimerRow) -> None:
        key = row.called
        self._rows[key] = row
        self._leaving.pop(key, None)
        heapq.heappush(self._heap, (*row.place, row.firing, key))
        if len(self._heap) > 2 * len(self._rows) + _SLACK:
            self._heap = [entry for entry in self._heap if self._waits(entry)]
            heapq.heapify(self._heap)

    def _drop(self, key: TimerKey) -> None:
        del self._rows[key]
        self._leaving.pop(key, None)

    def _trim(self) -> None:
        """Leave to the store what comes due last, when too many wait; not while what comes after it is asked for."""
        if self._meanwhile is not None or len(self._rows) - len(self._leaving) <= _HELD * self.page:
            return
        waiting = sorted({entry for entry in self._heap if self._waits(entry)})
        kept = (_HELD - 1) * self.page
        for entry in waiting[kept:]:
            self._drop(entry[3])
        self._heap = waiting[:kept]
        self.reach = Place(*self._heap[-1][:2])

    def _reaches(self, row: TimerRow) -> bool:
        return self.reach is None or row.place <= self.reach

    def _waits(self, entry: tuple[datetime, int, str, TimerKey]) -> bool:
        row = self._rows.get(entry[3])
        return row is not None and (*row.place, row.firing) == entry[:3] and self._leaving.get(entry[3]) != entry[2]

    def _skim(self) -> None:
        while self._heap and not self._waits(self._heap[0]):
            heapq.heappop(self._heap)


@dataclass(slots=True)
class Gate:
    """Timers that are due and wait until their partition has been read as far as it was then."""

    _waiting: list[tuple[int, TimerRow]] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self._waiting)

    def enter(self, rows: Iterable[TimerRow], end: int) -> None:
        """Let timers wait for the partition's end offset as it was after they came due."""
        self._waiting += [(end, row) for row in rows]

    def leave(self, position: int) -> list[TimerRow]:
        """The timers whose wait is over, in order of arrival; they wait no more."""
        free = [row for end, row in self._waiting if end <= position]
        if free:
            self._waiting = [(end, row) for end, row in self._waiting if end > position]
        return free
