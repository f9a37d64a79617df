"""The pending timers of one partition: a heap by due time, beside the rows in the store. Pure.

A timer fires only when everything that was in its partition when it came due has been read, so that after a downtime
the message that cancels it is read first (`Gate`).
"""

import heapq
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from pydantic import JsonValue

from store.schedule import TimerRow

_PACKED = "\x1etimer:"
# Entries of moved and cancelled timers that are kept in the heap before it is built anew.
_SLACK = 1_000


class TimerKey(NamedTuple):
    """What a timer is called, inside its partition."""

    source: str
    key: str
    name: str


def key_of(row: TimerRow) -> TimerKey:
    """What a row's timer is called."""
    return TimerKey(row.source, row.key, row.name)


def text_of(conversation_id: str | None, data: Mapping[str, JsonValue]) -> str | None:
    """What the store keeps beside a timer, in its one column of free text: the conversation, and data if there is any.

    Data makes it a JSON object behind a mark that no platform's id begins with.
    """
    if not data and not (conversation_id or "").startswith(_PACKED):
        return conversation_id
    return _PACKED + json.dumps([conversation_id, dict(data)], separators=(",", ":"))


def parts_of(text: str | None) -> tuple[str | None, dict[str, JsonValue]]:
    """The conversation and the data of a timer; the inverse of `text_of`."""
    if text is None or not text.startswith(_PACKED):
        return text, {}
    conversation_id, data = json.loads(text.removeprefix(_PACKED))
    return conversation_id, data


@dataclass(slots=True)
class Timers:
    """What the store says is pending, as far as this owner knows."""

    # Below this offset a record may have been handled by an earlier owner already. The store then refuses what its
    # event does to a timer, and does not tell: such timers are `doubtful` until they are read from the store again.
    new_from: int = 0
    doubtful: set[TimerKey] = field(default_factory=set)
    # Those written since the store was asked last: its answer may be older than they are.
    _written: set[TimerKey] = field(default_factory=set)
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

    def set(self, row: TimerRow) -> None:
        """A timer was set or moved, by an event or a firing, and the store was told."""
        if self.pending(row) or self._is_older(row.setter_offset, key_of(row)):
            return
        self._put(row)
        self._doubt(row.setter_offset, key_of(row))

    def cancel(self, key: TimerKey, *, offset: int) -> bool:
        """A timer was cancelled by an event or a firing, and the store was told; False if none was set."""
        if self._is_older(offset, key):
            return False
        self._leaving.pop(key, None)
        self._doubt(offset, key)
        return self._rows.pop(key, None) is not None

    def fired(self, row: TimerRow) -> None:
        """A firing is settled: unless it set the timer anew, it is over."""
        key = key_of(row)
        self._written.add(key)
        if self.pending(row):
            del self._rows[key]
            self._leaving.pop(key, None)

    def doubt(self, keys: Iterable[TimerKey]) -> None:
        """The store may know better about these: it is asked, after now, before they fire."""
        found = set(keys)
        self.doubtful |= found
        self._written |= found

    def pending(self, row: TimerRow) -> bool:
        """Whether a timer is still set as it was."""
        current = self._rows.get(key_of(row))
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

    def ask(self) -> tuple[TimerKey, ...]:
        """The doubtful timers; the store is read for them after this call, and what it said goes to `reconcile`."""
        self._written.clear()
        return tuple(self.doubtful)

    def reconcile(self, asked: Iterable[TimerKey], rows: Iterable[TimerRow]) -> None:
        """Correct doubtful timers by what the store has.

        Args:
            asked: what `ask` gave before the store was read.
            rows: what was read.
        """
        found: Mapping[TimerKey, TimerRow] = {key_of(row): row for row in rows}
        for key in asked:
            # what was written while the store was read may be newer than what was read: it is asked again, if need be
            if key not in self.doubtful or key in self._written:
                continue
            self.doubtful.discard(key)
            row, known = found.get(key), self._rows.get(key)
            if row is None:
                self._rows.pop(key, None)
                self._leaving.pop(key, None)
            elif known is None or known.firing != row.firing:
                self._put(row)

    def _put(self, row: TimerRow) -> None:
        key = key_of(row)
        self._rows[key] = row
        self._leaving.pop(key, None)
        self._serial += 1
        heapq.heappush(self._heap, (row.due, self._serial, row.firing, key))
        if len(self._heap) > 2 * len(self._rows) + _SLACK:
            self._heap = [entry for entry in self._heap if self._waits(entry)]
            heapq.heapify(self._heap)

    def _is_older(self, offset: int, key: TimerKey) -> bool:
        current = self._rows.get(key)
        return current is not None and offset < current.setter_offset

    def _doubt(self, offset: int, key: TimerKey) -> None:
        self._written.add(key)
        if offset < self.new_from:
            self.doubtful.add(key)
        else:
            self.doubtful.discard(key)

    def _waits(self, entry: tuple[datetime, int, str, TimerKey]) -> bool:
        row = self._rows.get(entry[3])
        return row is not None and row.firing == entry[2] and self._leaving.get(entry[3]) != entry[2]

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

    def free(self, position: int) -> list[TimerRow]:
        """The timers whose wait is over, in order of arrival."""
        return [row for end, row in self._waiting if end <= position]

    def leave(self, position: int, stay: Collection[TimerKey] = frozenset()) -> list[TimerRow]:
        """The same, and they wait no more; those in `stay` do."""
        free = [row for row in self.free(position) if key_of(row) not in stay]
        if free:
            self._waiting = [(end, row) for end, row in self._waiting if end > position or key_of(row) in stay]
        return free
