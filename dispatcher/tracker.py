"""How far a partition has been handled: one tracker per partition and epoch.

A group's position in Kafka is one offset, while lanes finish out of order. The tracker gives that offset (the
contiguous *watermark*: everything before it is settled) and what is still unfinished above it, which `metadata.py`
packs into the commit, so that a restart repeats only unfinished records. Every step is O(1), amortised.
"""

from bisect import bisect_left
from collections import deque
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Finished:
    """What is settled at and above a watermark: every offset below `high` but the `unfinished` ones."""

    # One above the highest settled offset, or the watermark itself.
    high: int
    # Ascending offsets below `high` that must be handled again.
    unfinished: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Progress:
    """What a commit says about a partition."""

    # The next offset to read: Kafka's committed offset.
    watermark: int
    finished: Finished


@dataclass(slots=True)
class Tracker:
    """The progress of one partition under one assignment. Offsets come in ascending order, with gaps."""

    # One after the highest offset seen: the position to go on from.
    position: int
    # What an earlier owner settled above the position; trimmed as reading passes over it.
    restored: Finished | None = None
    # Grows with every change of the progress: a committer compares it with what it stored last.
    changes: int = 0
    _pending: deque[int] = field(default_factory=deque)
    _unfinished: set[int] = field(default_factory=set)
    _high: int = 0
    _ahead: deque[int] = field(default_factory=deque)
    _ahead_high: int = 0

    def __post_init__(self) -> None:
        self._high = self.position
        if self.restored is not None:
            start = bisect_left(self.restored.unfinished, self.position)
            self._ahead.extend(self.restored.unfinished[start:])
            self._ahead_high = self.restored.high

    def add(self, offset: int) -> bool:
        """Take note of a record that was read; False if an earlier owner has settled it.

        Raises:
            ValueError: the offset is below one that was read before.
        """
        if offset < self.position:
            raise ValueError(f"offset {offset} was read after {self.position - 1}: a partition is read forwards")
        self.position = offset + 1
        while self._ahead and self._ahead[0] < offset:
            self._ahead.popleft()
        unfinished = offset >= self._ahead_high
        if self._ahead and self._ahead[0] == offset:
            self._ahead.popleft()
            unfinished = True
        if unfinished:
            self._pending.append(offset)
            self._unfinished.add(offset)
        else:
            self._high = max(self._high, offset + 1)
            self.changes += 1
        return unfinished

    def done(self, offset: int) -> None:
        """Settle a record.

        Raises:
            KeyError: it was never added, or is settled already.
        """
        self._unfinished.remove(offset)
        self._high = max(self._high, offset + 1)
        self.changes += 1
        while self._pending and self._pending[0] not in self._unfinished:
            self._pending.popleft()

    def passed(self, position: int) -> None:
        """Reading went on to `position`, over a gap perhaps: compaction, a transaction's marker."""
        if position > self.position:
            self.position = position
            self.changes += 1

    @property
    def watermark(self) -> int:
        """The next offset to read after a restart: everything before it is settled."""
        return self._pending[0] if self._pending else self.position

    @property
    def span(self) -> int:
        """How many offsets lie between the watermark and the position: what the commit's metadata has to describe."""
        return self.position - self.watermark

    @property
    def unfinished(self) -> int:
        """How many records were read and are not settled."""
        return len(self._unfinished)

    def progress(self) -> Progress:
        """What to commit now."""
        watermark = self.watermark
        high = max(watermark, self._high, self._ahead_high)
        seen = sorted(self._unfinished) if self._high > watermark or self._ahead_high > watermark else ()
        ahead = (offset for offset in self._ahead if offset >= self.position)
        return Progress(watermark, Finished(high, tuple(o for o in (*seen, *ahead) if o < high)))
