"""Lanes, a store and a log as a model: whatever happens, in whatever order, each record is handled, first in order."""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from dispatcher.lane import Lane, LaneKey, Move, State
from dispatcher.lanes import Lanes
from tests.unit.dispatcher.things import BOUNDS, KEYS, Thing, key_of


@dataclass
class FakeStore:
    """Rows of each lane by their numbers."""

    rows: dict[LaneKey, list[int]] = field(default_factory=lambda: defaultdict(list))

    def park(self, move: Move[Thing]) -> None:
        """Insert or ignore."""
        rows = {*self.rows[move.lane.key], *(record.number for record in move.records)}
        self.rows[move.lane.key] = sorted(rows)

    def has(self, move: Move[Thing]) -> bool:
        """Whether it was written, whoever knows."""
        return any(record.number in self.rows[move.lane.key] for record in move.records)


class ParkingMachine(RuleBasedStateMachine):
    """Lanes, a store and a log: each record is handled, first in order, and timers behind what came before them.

    Only after a crash that lost a commit a record is handled again, or after a second one if the first hid that it was
    written: who runs the lanes skips what was settled shortly before.
    """

    def __init__(self) -> None:
        super().__init__()
        self.store = FakeStore()
        self.now = 0.0
        self.number = 0
        # What was put into each lane and is not settled in the log: records to be read again, and timers.
        self.unsettled: dict[LaneKey, list[Thing]] = {key_of(key): [] for key in KEYS}
        self.handled: dict[LaneKey, list[int]] = defaultdict(list)
        # Records that are settled, but for the next commit.
        self.uncommitted: dict[LaneKey, list[Thing]] = defaultdict(list)
        self.lost = False
        # Of a timer: the records that were put before it.
        self.before: dict[int, list[int]] = {}
        self.put_records: dict[LaneKey, list[int]] = defaultdict(list)
        self.begin()

    def begin(self) -> None:
        self.lanes: Lanes[Thing] = Lanes(**BOUNDS)
        self.running: list[Lane[Thing]] = []
        self.writing: list[Move[Thing]] = []
        self.loading: list[Lane[Thing]] = []
        # The records that were handled since.
        self.recent: set[int] = set()

    @initialize()
    def some(self) -> None:
        self.put(KEYS[0], record=True)

    @rule(key=st.sampled_from(KEYS), record=st.booleans())
    def put(self, key: bytes, *, record: bool) -> None:
        self.number += 1
        thing, lane = Thing(self.number, record), key_of(key)
        if record:
            self.put_records[lane].append(thing.number)
        else:
            self.before[thing.number] = list(self.put_records[lane])
        self.unsettled[lane].append(thing)
        self.lanes.put(lane, thing)

    @rule()
    def take(self) -> None:
        if (lane := self.lanes.take()) is not None:
            assert lane not in self.running
            self.running.append(lane)

    @precondition(lambda self: self.running)
    @rule(which=st.integers(0, 9))
    def settle(self, which: int) -> None:
        lane = self.running.pop(which % len(self.running))
        head = lane.head
        if head.row:
            self.store.rows[lane.key].remove(head.number)
        else:
            self.unsettled[lane.key].remove(head)
            self.uncommitted[lane.key].append(head)
        if not head.parkable:
            assert set(self.before[head.number]) <= set(self.handled[lane.key])
        if head.number not in self.recent:
            self.handled[lane.key].append(head.number)
            self.recent.add(head.number)
        self.lanes.advance(lane)

    @precondition(lambda self: self.running)
    @rule(which=st.integers(0, 9), wait=st.sampled_from([0.0, 1.0, 90.0]))
    def fail(self, which: int, wait: float) -> None:
        lane = self.running.pop(which % len(self.running))
        self.lanes.wait(lane, self.now + wait, long=wait > 60)

    @rule(key=st.sampled_from(KEYS))
    def hasten(self, key: bytes) -> None:
        if (lane := self.lanes._lanes.get(key_of(key))) is not None:
            self.lanes.hasten(lane, self.now)

    @rule(seconds=st.sampled_from([0.0, 1.0, 100.0]))
    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        self.lanes.wake(self.now)

    @rule()
    def write(self) -> None:
        self.writing += self.lanes.moves()

    @precondition(lambda self: self.writing)
    @rule(how=st.sampled_from(["well", "unheard", "away", "refused"]))
    def written(self, how: str) -> None:
        """A write may have happened although nobody heard of it: it is repeated until its end is known."""
        move = self.writing[0]
        if how in {"well", "unheard"}:
            self.store.park(move)
        if how == "well":
            self.writing.pop(0)
            self.unsettled[move.lane.key] = [
                thing for thing in self.unsettled[move.lane.key] if thing not in move.records
            ]
            self.uncommitted[move.lane.key] += move.records
            self.lanes.moved(move)
        elif how == "refused" and not self.store.has(move):
            self.lanes.stayed(self.writing.pop(0))

    @rule()
    def commit(self) -> None:
        self.uncommitted.clear()

    @rule(room=st.integers(1, 2))
    def load(self, room: int) -> None:
        self.loading += self.lanes.loads(room)

    @precondition(lambda self: self.loading)
    @rule(well=st.booleans(), page=st.integers(1, 3))
    def loaded(self, *, well: bool, page: int) -> None:
        lane = self.loading.pop(0)
        rows = self.store.rows[lane.key]
        if well:
            self.lanes.load(lane, [Thing(number, row=True) for number in rows[:page]], more=len(rows) > page)
        else:
            self.lanes.rest(lane, self.now + 1)

    @rule(lost=st.booleans())
    def restart(self, *, lost: bool) -> None:
        """A crash: what was under way is void, what is not settled is read again, timers come again behind it."""
        again = {thing.number for things in self.unsettled.values() for thing in things} & self.recent
        self.lost = self.lost or lost or bool(again)
        self.begin()
        for lane, rows in self.store.rows.items():
            if rows:
                self.lanes.restore(lane, len(rows), self.now)
        for lane, things in self.unsettled.items():
            if lost:
                things += [thing for thing in self.uncommitted.pop(lane, []) if thing.parkable]
            things.sort(key=lambda thing: (not thing.parkable, thing.number))
            for thing in things:
                self.lanes.put(lane, thing)
        self.uncommitted.clear()

    @invariant()
    def counts(self) -> None:
        lanes = self.lanes._lanes.values()
        assert self.lanes.stored == sum(lane.stored for lane in lanes)
        assert self.lanes.loaded == sum(len(lane.rows) for lane in lanes)
        assert self.lanes.waiting == sum(lane.state is State.WAITING for lane in lanes)
        assert all(lane.stored <= BOUNDS["rows"] for lane in lanes)

    def teardown(self) -> None:
        """Whatever happened: in the end all is handled, each record once and in order."""
        for _ in range(10 * self.number + 10):
            self.now += 100
            self.lanes.wake(self.now)
            while self.running:
                self.settle(0)
            while self.writing:
                self.written("well")
            while self.loading:
                self.loaded(well=True, page=2)
            self.write()
            self.load(2)
            self.take()
        assert (len(self.lanes), self.lanes.stored, self.lanes.loaded) == (0, 0, 0)
        assert [rows for rows in self.store.rows.values() if rows] == []
        for lane, numbers in self.put_records.items():
            first = list(dict.fromkeys(self.handled[lane]))
            assert [number for number in first if number in set(numbers)] == numbers
            assert self.lost or first == self.handled[lane]
        assert sum(len(set(handled)) for handled in self.handled.values()) == self.number


ParkingMachine.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestParking: Any = ParkingMachine.TestCase
