"""Lanes: events of one topic, source and key run one after another, different lanes side by side. Pure.

A lane is *ready* (it has work and waits for a slot), *running* (its first item is being attempted), *waiting* (its
first item is tried again later; it holds no slot) or *parked* (its records are in the store, and nothing of them in
memory). An empty lane does not exist.

    ready ⇄ running → waiting → parked → ready …

A waiting lane is parked when that takes long. What a lane has in the store (`stored`, of which `rows` are in memory) is
earlier than what it has in memory only (`items`): records that are read meanwhile go to the store behind the others.
Timers that come due and replays stay in memory, and their turn comes when no record is left before them.
"""

import heapq
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any, Generic, TypeVar

from dispatcher.lane import Item, Lane, LaneKey, Move, State

T = TypeVar("T", bound=Item)


class Lanes(Generic[T]):
    """All lanes of one entry. Times are seconds of a monotonic clock.

    Args:
        records: a waiting lane with more of them in memory is parked.
        rows: so many of a lane may be in the store.
    """

    def __init__(self, *, records: int = 100, rows: int = 1_000) -> None:
        self._records, self._rows = records, rows
        self._lanes: dict[LaneKey, Lane[T]] = {}
        self._ready: deque[Lane[T]] = deque()
        self._wakes: list[tuple[float, int, Lane[T]]] = []
        self._serial = 0
        self._waiting = 0
        # Lanes that let records pass, and until when.
        self._postponed: dict[Lane[T], float] = {}
        # Lanes of which something is to be written, and parked lanes whose time has come.
        self._moves: dict[Lane[T], None] = {}
        self._due: dict[Lane[T], None] = {}
        # Records in the store, those of them that are loaded, and how many lanes have come back from there.
        self.stored = 0
        self.loaded = 0
        self.released = 0

    def __len__(self) -> int:
        return len(self._lanes)

    @property
    def waiting(self) -> int:
        """How many lanes wait for another attempt, in memory."""
        return self._waiting

    @property
    def ready(self) -> bool:
        """Whether a lane waits for a slot."""
        while self._ready and self._ready[0].state is not State.READY:
            self._ready.popleft()
        return bool(self._ready)

    @property
    def to_move(self) -> bool:
        """Whether something may be to be written or loaded."""
        return bool(self._moves or self._due)

    def put(self, key: LaneKey, item: T) -> None:
        """Add an item at the end of its lane."""
        lane = self._lanes.get(key)
        if lane is None:
            lane = self._lanes[key] = Lane(key)
            self._ready.append(lane)
        if lane.postponed is None or not item.parkable:
            lane.items.append(item)
        else:
            self._pass(lane, lane.postponed, item)
        self._mark(lane)

    def restore(self, key: LaneKey, rows: int, until: float) -> None:
        """A lane of a partition that was taken over has rows; the first of them is tried again at `until`."""
        lane = self._lanes[key] = Lane(key)
        self._store(lane, rows)
        self._rest(lane, until)

    # -- what becomes of attempts -------------------------------------------------------------------------------------

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
        if lane.rows:
            lane.rows.pop(0)
            self.loaded -= 1
            self._store(lane, -1)
            self._mark(lane)
        else:
            item = lane.items.pop(0)
            if item is lane.postponed:
                self._hold_back(lane, None)
        self._go_on(lane)

    def wait(self, lane: Lane[T], until: float, *, long: bool = False) -> None:
        """The first item of a running lane is tried again at `until`.

        Args:
            lane: that was taken.
            until: when.
            long: it has to wait for so long that its lane is to be parked; what cannot be parked lets records pass.
        """
        if lane.state is State.GONE:
            return
        if long and not lane.head.parkable:
            self._hold_back(lane, until)
            self._go_on(lane)
            return
        self._wait(lane, until)
        lane.leaving = lane.head.parkable and (long or bool(lane.rows))
        self._mark(lane)

    def hasten(self, lane: Lane[T], now: float) -> None:
        """A lane need not wait any longer."""
        if lane.state is State.WAITING:
            self._make_ready(lane)
        elif lane.state is State.PARKED:
            self._rest(lane, now)

    def wake(self, now: float) -> int:
        """Make the lanes ready whose time has come; how many there were. Of parked ones the rows are to be loaded."""
        woken = 0
        while self._wakes and self._wakes[0][0] <= now:
            _, wait, lane = heapq.heappop(self._wakes)
            if not _waits(lane, wait):
                continue
            if lane.state is State.WAITING:
                self._make_ready(lane)
                woken += 1
            else:
                self._due[lane] = None
        for lane in [lane for lane, until in self._postponed.items() if until <= now]:
            self._hold_back(lane, None)
        return woken

    def next_wake(self) -> float | None:
        """When `wake` has something to do next."""
        while self._wakes and not _waits(self._wakes[0][2], self._wakes[0][1]):
            heapq.heappop(self._wakes)
        return self._wakes[0][0] if self._wakes else None

    def first_due(self) -> float | None:
        """Since when the parked lane waits whose rows are to be loaded and were not for longest."""
        return min((lane.until for lane in self._due), default=None)

    # -- to the store and back ----------------------------------------------------------------------------------------

    def moves(self) -> list[Move[T]]:
        """What is to be written of lanes: each is to be told of by `moved` or `stayed`."""
        found = []
        for lane in [lane for lane in self._moves if not lane.moving]:
            self._mark(lane)
            if lane in self._moves:
                found.append(self._move(lane))
                lane.moving = True
        return found

    def moved(self, move: Move[T]) -> None:
        """It is written. That some of its records had rows before shows when they are loaded."""
        lane = move.lane
        if lane.state is State.GONE:
            return
        lane.moving = False
        gone = set(map(id, move.records))
        lane.items = [item for item in lane.items if id(item) not in gone]
        self._store(lane, len(move.records))
        if lane.leaving and lane.state is State.PARKED:
            self.loaded -= len(lane.rows)
            lane.rows, lane.leaving = [], False
            self._rest(lane, lane.until)
        self._mark(lane)

    def stayed(self, move: Move[T]) -> None:
        """It could not be written: the lane waits in memory."""
        lane = move.lane
        if lane.state is State.GONE:
            return
        lane.moving = False
        if lane.leaving and lane.state is State.PARKED:
            self._wait(lane, lane.until)
        self._mark(lane)

    def loads(self, room: int, *, page: int = 1) -> list[Lane[T]]:
        """Parked lanes whose rows are to be loaded: `load` or `rest` them.

        Args:
            room: so many rows may come.
            page: at most so many of a lane.
        """
        found: list[Lane[T]] = []
        for lane in [lane for lane in self._due if not lane.moving]:
            room -= min(lane.stored, page)
            if room < 0:
                break
            del self._due[lane]
            if lane.stored:
                lane.moving, lane.wait = True, 0
                found.append(lane)
            else:
                self._go_on(lane)
        return found

    def load(self, lane: Lane[T], rows: Sequence[T], *, more: bool) -> None:
        """Here are the first rows of a lane; `more` of it are in the store."""
        if lane.state is State.GONE:
            return
        lane.moving = False
        lane.rows = list(rows)
        self.loaded += len(rows)
        if not more:
            self._store(lane, len(rows) - lane.stored)
        self._go_on(lane)

    def rest(self, lane: Lane[T], until: float) -> None:
        """The rows of a lane could not be loaded; it is tried again at `until`."""
        if lane.state is not State.GONE:
            lane.moving = False
            self._rest(lane, until)

    def drop(self, partitions: Iterable[tuple[str, int]]) -> None:
        """Forget the lanes of partitions; an attempt that is running keeps its lane object, without effect."""
        gone = frozenset(partitions)
        for lane in [lane for lane in self._lanes.values() if lane.key[:2] in gone]:
            self._waiting -= lane.state is State.WAITING
            self.stored -= lane.stored
            self.loaded -= len(lane.rows)
            self._forget(lane)
            lane.items, lane.rows = [], []
        self._wakes = [each for each in self._wakes if each[2].state is not State.GONE]
        heapq.heapify(self._wakes)

    # -- inside -------------------------------------------------------------------------------------------------------

    def _go_on(self, lane: Lane[T]) -> None:
        """Whose turn it is in a lane that does not run any more."""
        if lane.rows:
            self._queue(lane)
        elif lane.stored or lane.moving:
            # what is being written may come before the rest
            lane.state = State.PARKED
            self._due[lane] = None
        elif not lane.items:
            self._forget(lane)
        elif lane.items[0] is lane.postponed:
            self._wait(lane, self._postponed[lane])
        else:
            self._queue(lane)

    def _queue(self, lane: Lane[T]) -> None:
        if lane.head is lane.postponed:
            self._hold_back(lane, None)
        self._due.pop(lane, None)
        lane.state = State.READY
        self._ready.append(lane)

    def _make_ready(self, lane: Lane[T]) -> None:
        self._waiting -= 1
        lane.leaving = False
        self._queue(lane)

    def _wait(self, lane: Lane[T], until: float) -> None:
        self._due.pop(lane, None)
        lane.state = State.WAITING
        self._waiting += 1
        self._sleep(lane, until)

    def _rest(self, lane: Lane[T], until: float) -> None:
        lane.state = State.PARKED
        self._sleep(lane, until)
        self._mark(lane)

    def _sleep(self, lane: Lane[T], until: float) -> None:
        self._serial += 1
        lane.wait, lane.until = self._serial, until
        heapq.heappush(self._wakes, (until, self._serial, lane))

    def _forget(self, lane: Lane[T]) -> None:
        lane.state = State.GONE
        del self._lanes[lane.key]
        for marks in (self._moves, self._due, self._postponed):
            marks.pop(lane, None)

    def _hold_back(self, lane: Lane[T], until: float | None) -> None:
        """Let records pass what is first and no record, or nothing any more."""
        if until is None:
            lane.postponed = None
            self._postponed.pop(lane, None)
            return
        lane.postponed = lane.items[0]
        self._postponed[lane] = until
        # its own kind stays behind it
        lane.items.sort(key=lambda item: not item.parkable)

    def _pass(self, lane: Lane[T], postponed: T, record: T) -> None:
        place = next(place for place, item in enumerate(lane.items) if item is postponed)
        lane.items.insert(place, record)
        if place == 0 and lane.state is State.WAITING:
            self._make_ready(lane)

    def _mark(self, lane: Lane[T]) -> None:
        """Note whether something of a lane is to be written."""
        if lane.state is State.WAITING and lane.head.parkable and len(lane.items) > self._records:
            lane.leaving = True
        if (lane.leaving and lane.state is State.WAITING) or self._has_tail(lane):
            self._moves[lane] = None
        else:
            self._moves.pop(lane, None)

    def _has_tail(self, lane: Lane[T]) -> bool:
        """Whether records are to be stored behind others: all while a lane rests, many at once while it goes on."""
        room = self._rows - lane.stored if lane.stored else 0
        if lane.state is State.PARKED and lane not in self._due:
            return room > 0 and any(item.parkable for item in lane.items)
        return min(room, len(lane.items)) > self._records

    def _move(self, lane: Lane[T]) -> Move[T]:
        """What is to be written of a lane now; one that is to be parked waits in the store from here on."""
        again = None
        if lane.leaving and lane.state is State.WAITING:
            self._waiting -= 1
            lane.state = State.PARKED
            again = lane.rows[0] if lane.rows else None
        room = 0 if again is not None else self._rows - lane.stored
        return Move(lane, [item for item in lane.items if item.parkable][: max(0, room)], again)

    def _store(self, lane: Lane[T], rows: int) -> None:
        """A lane has so many rows more, or less."""
        before, lane.stored = lane.stored, max(0, lane.stored + rows)
        self.stored += lane.stored - before
        self.released += bool(before) and not lane.stored


def _waits(lane: Lane[Any], wait: int) -> bool:
    """Whether a lane still waits, and not by now for another time."""
    return lane.state in {State.WAITING, State.PARKED} and lane.wait == wait
