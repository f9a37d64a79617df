"""Lanes that wait long go to the store and come back, in order."""

from dispatcher.lane import Lane, State
from dispatcher.lanes import Lanes
from tests.unit.dispatcher.things import AT, BOUNDS, Thing, key_of


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
    assert moved(lanes) == []
    assert [record.number for record in moved(lanes)] == [5]
    assert lane.state is State.PARKED


def test_a_row_that_fails_while_records_are_stored_behind_it_leaves_memory_too() -> None:
    """The end of that write does not keep it."""
    lanes = filled(*records(1), rows=10)
    lanes.wait(taken(lanes), 0.0, long=True)
    moved(lanes)
    lanes.wake(0.0)
    loaded(lanes, 1)
    lane = taken(lanes)
    for number in (2, 3, 4, 5):
        lanes.put(key_of(b"a"), Thing(number))
    [move] = lanes.moves()
    lanes.wait(lane, 9.0)
    lanes.moved(move)
    [move] = lanes.moves()
    assert (move.again, list(move.records)) == (lane.rows[0], [])
    lanes.moved(move)
    assert (lane.state, lanes.loaded, lanes.stored) == (State.PARKED, 0, 5)


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


def test_as_many_lanes_are_loaded_as_their_rows_have_room() -> None:
    """Lanes with one row leave room for others; of a long one no more than a page comes."""
    lanes: Lanes[Thing] = Lanes()
    for name, rows in ((b"a", 1), (b"b", 9), (b"c", 1), (b"d", 1)):
        lanes.restore(key_of(name), rows, 5.0)
    lanes.wake(5.0)
    assert [lane.key.key for lane in lanes.loads(6, page=4)] == [b"a", b"b", b"c"]
    assert [lane.key.key for lane in lanes.loads(0, page=4)] == []


def test_a_parked_lane_need_not_wait_any_longer() -> None:
    """The platform it waits for is back."""
    lanes = filled(*records(1))
    lane = taken(lanes)
    lanes.wait(lane, 90.0, long=True)
    moved(lanes)
    lanes.hasten(lane, 7.0)
    lanes.wake(7.0)
    assert lanes.first_due() == 7.0
    assert lanes.loads(9) == [lane]
    assert lanes.first_due() is None


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
