"""One lane, and what is to be written of it; `lanes.py` says what becomes of them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Generic, NamedTuple, Protocol, TypeVar


class Item(Protocol):
    """What a lane holds."""

    @property
    def parkable(self) -> bool:
        """Whether it is a record that may wait in the store: no part of its settlement is in memory only."""


T = TypeVar("T", bound=Item)


class LaneKey(NamedTuple):
    """What a lane holds the events of. Bytes as they stand in the record."""

    topic: str
    partition: int
    source: bytes
    # None only for a record without a key; `offset` then makes a lane of its own.
    key: bytes | None
    offset: int = -1


class State(Enum):
    """What a lane is doing."""

    READY = "It has work and waits for a slot."
    RUNNING = "Its first item is being attempted."
    WAITING = "Its first item is tried again later."
    PARKED = "Its first record is in the store, and loaded when it is tried again."
    GONE = "It is empty, or its partition is not ours any more."


@dataclass(slots=True, eq=False)
class Lane(Generic[T]):
    """A lane with work. Its first item is the one that is attempted. Lists, for a parked lane is to cost little."""

    key: LaneKey
    # What is in memory only, in order.
    items: list[T] = field(default_factory=list)
    # Records that are in the store, all before `items`; the first of them, loaded.
    stored: int = 0
    rows: list[T] = field(default_factory=list)
    state: State = State.READY
    # Which of its waits it waits for, while it does, and until when.
    wait: int = 0
    until: float = 0.0
    # It waits for so long, or holds so much, that it is to be parked.
    leaving: bool = False
    # It is being written or loaded: what it has in the store is nobody else's to change.
    moving: bool = False
    # Of `items`, and no record: it waits, and records go before it until then.
    postponed: T | None = None

    @property
    def head(self) -> T:
        """The item whose turn it is."""
        return self.rows[0] if self.rows else self.items[0]


@dataclass(frozen=True, slots=True)
class Move(Generic[T]):
    """What is to be written of a lane: new rows, or what was tried."""

    lane: Lane[T]
    # Records that get rows, in order.
    records: Sequence[T]
    # The first row, if it was tried and is to be tried again.
    again: T | None
