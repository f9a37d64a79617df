"""The pending timers of one partition: a heap by due time, beside the rows in the store. Pure.

A timer fires only when everything that was in its partition when it came due has been read, so that after a downtime
the message that cancels it is read first (`Gate`).
"""

import heapq
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from store.schedule import TimerKey, TimerRow

# Entries of moved and cancelled timers that are kept in the heap before it is built anew.
_SLACK = 1_000


@dataclass(slots=True)
class Timers:
    """What the store says is pending. Only this owner's attempts change it, and each tells what it left there."""

    _rows: dict[TimerKey, TimerRow] = field(default_factory=dict)
    _heap: list[tuple[datetime, int, str, TimerKey]] = field(default_factory=list)
    # Those that are on their way: due, and waiting in the gate or in their lane.
    _leaving: dict[TimerKey, str] = field(default_factory=dict)
    _serial: int = 0

    def __len__(self) -> int:
        return len(self._rows)

    def load(self, rows: Iterable[TimerRow]) -> None:
        """Take over what the store has."""
        for row in rows:
            self._put(row)

    def learn(self, now: Mapping[TimerKey, TimerRow | None]) -> list[TimerKey]:
        """What the store has after a write; the names of those that changed."""
        changed = []
        for key, row in now.items():
            known = self._rows.get(key)
            if row is None and known is not None:
                self._drop(key)
            elif row is not None and row != known:
                self._put(row)
            else:
                continue
            changed.append(key)
        return changed

    def fired(self, row: TimerRow) -> None:
        """A firing is settled: unless its timer was set anew, it is over."""
        if self.pending(row):
            self._drop(row.called)

    def pending(self, row: TimerRow) -> bool:
        """Whether a timer is still set as it was."""
        current = self._rows.get(row.called)
        return current is not None and current.firing == row.firing

    def next_due(self) -> datetime | None:
        """When the next timer comes due that is not on its way yet."""
        self._skim()
        return self._heap[0][0] if self._heap else None

    def due(self, now: datetime) -> list[TimerRow]:
        """The timers that have come due, in order; each is told once until it is set again."""
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
        self._serial += 1
        heapq.heappush(self._heap, (row.due, self._serial, row.firing, key))
        if len(self._heap) > 2 * len(self._rows) + _SLACK:
            self._heap = [entry for entry in self._heap if self._waits(entry)]
            heapq.heapify(self._heap)

    def _drop(self, key: TimerKey) -> None:
        del self._rows[key]
        self._leaving.pop(key, None)

    def _waits(self, entry: tuple[datetime, int, str, TimerKey]) -> bool:
        row = self._rows.get(entry[3])
        return (
            row is not None
            and (row.due, row.firing) == (entry[0], entry[2])
            and self._leaving.get(entry[3]) != entry[2]
        )

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
