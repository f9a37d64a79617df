"""A table in memory that forgets its oldest entries."""

from collections import OrderedDict
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Recent(Generic[K, V]):
    """The entries set last: at most `size`."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._entries = OrderedDict[K, V]()

    def get(self, key: K) -> V | None:
        """The entry, or None if there is none or it was forgotten."""
        return self._entries.get(key)

    def set(self, key: K, value: V) -> None:
        """Keep an entry as the newest."""
        self._entries[key] = value
        self._entries.move_to_end(key)
        if len(self._entries) > self._size:
            self._entries.popitem(last=False)
