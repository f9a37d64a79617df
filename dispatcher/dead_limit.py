"""How many of an entry's events may die before it is stopped. Pure.

A handler that is broken, or lacks what it needs, would bury everything it is given. An end is what settles an event:
done or dead; an attempt that is repeated is none, else five attempts an event would hide that every one of them dies.
"""

from collections import deque
from dataclasses import dataclass, field

LEAST = 20
"""So many deaths at least stop an entry."""
AMONG = 100
"""Of the last so many ends more than half must be deaths."""


@dataclass(slots=True)
class DeadLimit:
    """The last ends of one entry, in one process."""

    # Without end: as many may die as will.
    least: float = LEAST
    _ends: deque[bool] = field(default_factory=lambda: deque(maxlen=AMONG))

    @property
    def reached(self) -> bool:
        """Whether one more death is one too many."""
        last = list(self._ends)[-(AMONG - 1) :]
        dead = sum(last) + 1
        return dead >= self.least and 2 * dead > len(last) + 1

    def ended(self, *, dead: bool) -> None:
        """An event is settled, or will be."""
        self._ends.append(dead)

    def forget(self) -> None:
        """Count anew."""
        self._ends.clear()

    def __str__(self) -> str:
        """With the death that is one too many."""
        last = list(self._ends)[-(AMONG - 1) :]
        return f"{sum(last) + 1} of the last {len(last) + 1} events died"
