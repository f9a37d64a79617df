"""Lanes that wait long go to the store and come back, in order, whatever happens meanwhile."""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from dispatcher.lane import Lane, LaneKey, Move, State
from dispatcher.lanes import Lanes

AT = ("t", 0)
KEYS = (b"a", b"b")
BOUNDS = {"records": 3, "rows": 4}


@dataclass(frozen=True, eq=False)
class Thing:
    """A record, or what is none; a row of a record is another thing with the same number."""

    number: int
    parkable: bool = True
    # Of a record that was loaded.
    row: bool = False

    def __repr__(self) -> str:
        return f"{'' if self.parkable else 'timer '}{self.number}"


def key_of(key: bytes) -> LaneKey:
    return LaneKey(*AT, b"support", key)


def records(*numbers: int) -> list[Thing]:
    return [Thing(number) for number in numbers]


def filled(*things: Thing, **bounds: int) -> Lanes[Thing]:
    lanes: Lanes[Thing] = Lanes(**{**BOUNDS, **bounds})
    for thing in things:
        lanes.put(key_of(b"a"), thing)
    return lanes


def taken(lanes: Lanes[Thing]) -> Lane[Thing]:
    lane = lanes.take()
    assert lane is not None
    return lane


def moved(lanes: Lanes[Thing]) -> list[Thing]:
    """Write what is to be written; the records."""
    moves = lanes.moves()
    for move in moves:
        lanes.moved(move)
    return [record for move in moves for record in move.records]


def loaded(lanes: Lanes[Thing], *numbers: int, more: bool = False) -> None:
    """Load the rows of the one lane whose time has come."""
    [lane] = lanes.loads(9)
    lanes.load(lane, [Thing(number, row=True) for number in numbers], more=more)


def run(lanes: Lanes[Thing]) -> list[int]:
    """Settle whatever is ready; the numbers."""
    done = []
    while (lane := lanes.take()) is not None:
        done.append(lane.head.number)
        lanes.advance(lane)
    return done


def test_a_lane_that_waits_long_is_parked_whole() -> None:
    """All of its records, in order; nothing of it runs, and nothing of it is in memory."""
    lanes = filled(*records(1, 2))
    lane = taken(lanes)
    lanes.wait(lane, 90.0, long=True)
    assert [record.number for record in moved(lanes)] == [1, 2]
    assert (lane.state, lane.items, lanes.stored, lanes.waiting) == (State.PARKED, [], 2, 0)
    assert lanes.take() is None


def test_a_lane_that_waits_shortly_stays_in_memory() -> None:
    """Until it holds too much."""
    lanes = filled(*records(1, 2, 3))
    lanes.wait(taken(lanes), 5.0)
    assert moved(lanes) == []
    lanes.put(key_of(b"a"), Thing(4))
    assert [record.number for record in moved(lanes)] == [1, 2, 3, 4]


def test_a_busy_lane_is_not_parked() -> None:
    """It waits for nothing, however much it holds."""
    lanes = filled(*records(*range(20)))
    lane = taken(lanes)
    assert moved(lanes) == []
    lanes.advance(lane)
    assert moved(lanes) == []


def test_what_is_read_behind_a_parked_lane_is_stored_too() -> None:
    """Its turn comes behind the rows."""
    lanes = filled(*records(1))
    lanes.wait(taken(lanes), 90.0, long=True)
    moved(lanes)
    lanes.put(key_of(b"a"), Thing(2))
    assert lanes.take() is None
    assert [record.number for record in moved(lanes)] == [2]
    assert lanes.stored == 2


def test_a_parked_lane_goes_on_when_its_time_has_come() -> None:
    """Page by page, in order; then it is an ordinary lane, and gone when nothing is left."""
    lanes = filled(*records(1, 2, 3))
    lanes.wait(taken(lanes), 90.0, long=True)
    moved(lanes)
    assert lanes.wake(89.0) == 0
    assert lanes.loads(9) == []
    lanes.wake(90.0)
    loaded(lanes, 1, 2, more=True)
    assert (lanes.loaded, run(lanes)) == (2, [1, 2])
    loaded(lanes, 3)
    assert run(lanes) == [3]
    assert (lanes.stored, lanes.loaded, len(lanes), lanes.released) == (0, 0, 0, 1)


def test_a_loaded_row_that_is_tried_again_leaves_memory() -> None:
    """With those behind it; what came of the attempt is written."""
    lanes = filled(*records(1, 2))
    lanes.wait(taken(lanes), 0.0, long=True)
    moved(lanes)
    lanes.wake(0.0)
    loaded(lanes, 1, 2)
    lane = taken(lanes)
    lanes.wait(lane, 9.0)
    [move] = lanes.moves()
    assert (move.again, list(move.records)) == (lane.rows[0], [])
    lanes.moved(move)
    assert (lanes.loaded, lanes.stored, lanes.take(), lanes.next_wake()) == (0, 2, None, 9.0)


def test_while_a_lane_is_written_its_time_does_not_come() -> None:
    """Else its first record would run beside its own row."""
    lanes = filled(*records(1))
    lanes.wait(taken(lanes), 5.0, long=True)
    [move] = lanes.moves()
    assert (lanes.wake(9.0), lanes.take(), lanes.moves(), lanes.loads(9)) == (0, None, [], [])
    lanes.moved(move)
    lanes.wake(9.0)
    assert [lane.stored for lane in lanes.loads(9)] == [1]


def test_what_could_not_be_written_waits_in_memory() -> None:
    """As if nothing had been tried, with what was read meanwhile."""
    lanes = filled(*records(1))
    lanes.wait(taken(lanes), 5.0, long=True)
    [move] = lanes.moves()
    lanes.put(key_of(b"a"), Thing(2))
    lanes.wake(6.0)
    lanes.stayed(move)
    assert lanes.wake(6.0) == 1
    assert run(lanes) == [1, 2]
    assert (lanes.waiting, lanes.stored, moved(lanes)) == (0, 0, [])


def test_a_lane_has_so_many_rows_at_most() -> None:
    """The rest waits in memory, where it keeps the partition from being read, until there is room."""
    lanes = filled(*records(1, 2, 3, 4, 5, 6))
    lanes.wait(taken(lanes), 5.0, long=True)
    assert [record.number for record in moved(lanes)] == [1, 2, 3, 4]
    assert moved(lanes) == []
    lanes.wake(5.0)
    loaded(lanes, 1, 2, more=True)
    lane = taken(lanes)
    lanes.advance(lane)
    assert moved(lanes) == []
    lanes.wait(taken(lanes), 9.0)
    assert [record.number for record in moved(lanes)] == [5]
    assert lane.state is State.PARKED


def test_what_is_behind_a_lane_that_is_worked_off_is_stored_many_at_once() -> None:
    """A transaction a record would be a waste, and what is little has its turn in memory soon."""
    lanes = filled(*records(1, 2), rows=10)
    lanes.wait(taken(lanes), 5.0, long=True)
    moved(lanes)
    lanes.wake(5.0)
    loaded(lanes, 1, 2)
    for number in (3, 4, 5):
        lanes.put(key_of(b"a"), Thing(number))
    assert moved(lanes) == []
    lanes.put(key_of(b"a"), Thing(6))
    assert [record.number for record in moved(lanes)] == [3, 4, 5, 6]


def test_timers_and_replays_wait_until_no_record_is_before_them() -> None:
    """They are not stored here: they have rows of their own."""
    lanes = filled(Thing(1), Thing(2, parkable=False), Thing(3))
    lanes.wait(taken(lanes), 5.0, long=True)
    assert [record.number for record in moved(lanes)] == [1, 3]
    lanes.put(key_of(b"a"), Thing(4, parkable=False))
    lanes.wake(5.0)
    loaded(lanes, 1, 3)
    assert run(lanes) == [1, 3, 2, 4]


def test_a_timer_that_waits_long_lets_records_pass() -> None:
    """Those that are there and those that come; what is no record stays behind it."""
    lanes = filled(Thing(1, parkable=False), Thing(2), Thing(3, parkable=False))
    lanes.wait(taken(lanes), 90.0, long=True)
    assert run(lanes) == [2]
    assert lanes.waiting == 1
    lanes.put(key_of(b"a"), Thing(4))
    assert run(lanes) == [4]
    lanes.wake(90.0)
    lanes.put(key_of(b"a"), Thing(5))
    assert run(lanes) == [1, 3, 5]


def test_a_timer_whose_time_has_come_is_passed_no_more() -> None:
    """A lane that always has something to do keeps none waiting for ever."""
    lanes = filled(Thing(1, parkable=False), Thing(2))
    lanes.wait(taken(lanes), 90.0, long=True)
    lanes.wake(90.0)
    lanes.put(key_of(b"a"), Thing(3))
    assert run(lanes) == [2, 1, 3]


def test_a_lane_that_is_taken_over_waits_for_its_rows() -> None:
    """What is read goes behind them."""
    lanes: Lanes[Thing] = Lanes()
    lanes.restore(key_of(b"a"), 2, 5.0)
    lanes.put(key_of(b"a"), Thing(3))
    assert (lanes.take(), lanes.stored) == (None, 2)
    assert [record.number for record in moved(lanes)] == [3]
    lanes.wake(5.0)
    loaded(lanes, 1, 2, 3)
    assert run(lanes) == [1, 2, 3]


def test_rows_that_are_not_there_are_not_waited_for() -> None:
    """Somebody took them away, or they were counted twice: the lane goes on with what it has."""
    lanes: Lanes[Thing] = Lanes()
    lanes.restore(key_of(b"a"), 2, 5.0)
    lanes.wake(5.0)
    loaded(lanes)
    assert (len(lanes), lanes.stored) == (0, 0)


def test_a_parked_lane_need_not_wait_any_longer() -> None:
    """The platform it waits for is back."""
    lanes = filled(*records(1))
    lane = taken(lanes)
    lanes.wait(lane, 90.0, long=True)
    moved(lanes)
    lanes.hasten(lane)
    lanes.wake(0.0)
    assert lanes.loads(9) == [lane]


def test_parked_lanes_of_a_dropped_partition_are_gone() -> None:
    """Whatever still comes of what was under way has no effect."""
    lanes = filled(*records(1))
    lanes.put(key_of(b"b"), Thing(2))
    lanes.wait(taken(lanes), 0.0, long=True)
    moved(lanes)
    lanes.wake(0.0)
    [lane] = lanes.loads(9)
    lanes.wait(taken(lanes), 9.0, long=True)
    [move] = lanes.moves()
    lanes.drop([AT])
    lanes.load(lane, records(1), more=False)
    lanes.moved(move)
    lanes.rest(lane, 1.0)
    lanes.stayed(move)
    assert (len(lanes), lanes.stored, lanes.loaded, lanes.waiting, lanes.next_wake()) == (0, 0, 0, 0, None)


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

    Only after a crash that lost a commit a record is handled again.
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
        self.handled[lane.key].append(head.number)
        self.lanes.advance(lane)

    @precondition(lambda self: self.running)
    @rule(which=st.integers(0, 9), wait=st.sampled_from([0.0, 1.0, 90.0]))
    def fail(self, which: int, wait: float) -> None:
        lane = self.running.pop(which % len(self.running))
        self.lanes.wait(lane, self.now + wait, long=wait > 60)

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
        self.lost = self.lost or lost
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
