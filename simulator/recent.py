"""A log and a table in memory that forget their oldest entries."""

from collections import deque
from collections.abc import Iterator
from typing import Generic, TypeVar

T = TypeVar("T")
K = TypeVar("K")


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


class Latest(Generic[K, T]):
    """The entries set last, by key: at most `max_items`."""

    def __init__(self, *, max_items: int = 5_000) -> None:
        self._max_items = max_items
        self._entries: dict[K, T] = {}

    def get(self, key: K) -> T | None:
        """Return the entry, or None if there is none or it was forgotten."""
        return self._entries.get(key)

    def set(self, key: K, entry: T) -> T:
        """Keep `entry` as the newest and return it."""
        self._entries.pop(key, None)
        self._entries[key] = entry
        if len(self._entries) > self._max_items:
            del self._entries[next(iter(self._entries))]
        return entry

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()

    def __len__(self) -> int:
        return len(self._entries)
