"""A log in memory that forgets its oldest entries, bounded by count and by weight."""

from collections import deque
from collections.abc import Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class Recent(Generic[T]):
    """The latest entries: at most `max_items`, weighing at most `max_weight` together (any unit; characters here)."""

    def __init__(self, *, max_items: int, max_weight: int) -> None:
        self._max_items = max_items
        self._max_weight = max_weight
        self._entries: deque[tuple[T, int]] = deque()
        self._weight = 0

    def append(self, entry: T, weight: int = 0) -> None:
        """Keep `entry`; the oldest go when it does not fit."""
        self._entries.append((entry, weight))
        self._weight += weight
        while len(self._entries) > self._max_items or self._weight > self._max_weight:
            self._weight -= self._entries.popleft()[1]

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()
        self._weight = 0

    def __iter__(self) -> Iterator[T]:
        return iter([entry for entry, _ in self._entries])

    def __len__(self) -> int:
        return len(self._entries)
