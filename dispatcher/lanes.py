"""Lanes: events of one topic, source and key run one after another, different lanes side by side. Pure.

A lane is *ready* (it has work and waits for a slot), *running* (its first item is being attempted) or *waiting* (its
first item is tried again later; it holds no slot). An empty lane does not exist.
"""

import heapq
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Generic, NamedTuple, TypeVar

T = TypeVar("T")


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
    GONE = "It is empty, or its partition is not ours any more."


@dataclass(slots=True, eq=False)
class Lane(Generic[T]):
    """A lane with work. Its first item is the one that is attempted."""

    key: LaneKey
    items: deque[T] = field(default_factory=deque)
    state: State = State.READY
    # Which of its waits it waits for, while it does.
    wait: int = 0

    @property
    def head(self) -> T:
        """The item whose turn it is."""
        return self.items[0]


class Lanes(Generic[T]):
    """All lanes of one entry. Times are seconds of a monotonic clock."""

    def __init__(self) -> None:
        self._lanes: dict[LaneKey, Lane[T]] = {}
        self._ready: deque[Lane[T]] = deque()
        self._wakes: list[tuple[float, int, Lane[T]]] = []
        self._serial = 0
        self._waiting = 0

    def __len__(self) -> int:
        return len(self._lanes)

    @property
    def waiting(self) -> int:
        """How many lanes wait for another attempt."""
        return self._waiting

    @property
    def ready(self) -> bool:
        """Whether a lane waits for a slot."""
        while self._ready and self._ready[0].state is not State.READY:
            self._ready.popleft()
        return bool(self._ready)

    def put(self, key: LaneKey, item: T) -> None:
        """Add an item at the end of its lane."""
        lane = self._lanes.get(key)
        if lane is None:
            lane = self._lanes[key] = Lane(key)
            self._ready.append(lane)
        lane.items.append(item)

    def take(self) -> Lane[T] | None:
        """The lane that has been ready longest; it runs now."""
        if not self.ready:
            return None
        lane = self._ready.popleft()
        lane.state = State.RUNNING
        return lane

    def claim(self, lane: Lane[T]) -> bool:
        """Have one lane run out of turn; whether it was ready."""
        if lane.state is not State.READY:
            return False
        lane.state = State.RUNNING
        return True

    def advance(self, lane: Lane[T]) -> None:
        """The first item of a running lane is settled: the next one queues behind the other ready lanes."""
        if lane.state is State.GONE:
            return
        lane.items.popleft()
        if lane.items:
            lane.state = State.READY
            self._ready.append(lane)
        else:
            del self._lanes[lane.key]
            lane.state = State.GONE

    def wait(self, lane: Lane[T], until: float) -> None:
        """The first item of a running lane is tried again at `until`."""
        if lane.state is State.GONE:
            return
        lane.state = State.WAITING
        self._waiting += 1
        self._serial += 1
        lane.wait = self._serial
        heapq.heappush(self._wakes, (until, self._serial, lane))

    def hasten(self, lane: Lane[T]) -> None:
        """A lane need not wait any longer."""
        if lane.state is State.WAITING:
            self._make_ready(lane)

    def wake(self, now: float) -> int:
        """Make the lanes ready whose time has come; how many there were."""
        woken = 0
        while self._wakes and self._wakes[0][0] <= now:
            _, wait, lane = heapq.heappop(self._wakes)
            if _waits(lane, wait):
                self._make_ready(lane)
                woken += 1
        return woken

    def next_wake(self) -> float | None:
        """When `wake` has something to do next."""
        while self._wakes and not _waits(self._wakes[0][2], self._wakes[0][1]):
            heapq.heappop(self._wakes)
        return self._wakes[0][0] if self._wakes else None

    def drop(self, partitions: Iterable[tuple[str, int]]) -> None:
        """Forget the lanes of partitions; an attempt that is running keeps its lane object, without effect."""
        gone = frozenset(partitions)
        for lane in [lane for lane in self._lanes.values() if (lane.key.topic, lane.key.partition) in gone]:
            self._waiting -= lane.state is State.WAITING
            lane.state = State.GONE
            lane.items.clear()
            del self._lanes[lane.key]

    def _make_ready(self, lane: Lane[T]) -> None:
        lane.state = State.READY
        self._waiting -= 1
        self._ready.append(lane)


def _waits(lane: Lane[Any], wait: int) -> bool:
    """Whether a lane still waits, and not by now for another time."""
    return lane.state is State.WAITING and lane.wait == wait
