"""One after another in a lane, side by side across lanes."""

from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from dispatcher.lane import LaneKey, State
from dispatcher.lanes import Lanes

TOPIC = "t"


class Number(int):
    """A record."""

    parkable = True


class Script(NamedTuple):
    """A record that fails so often."""

    key: bytes
    number: int
    parkable: bool = True


def lane(key: bytes, partition: int = 0) -> LaneKey:
    return LaneKey(TOPIC, partition, b"support", key)


def filled(*items: tuple[bytes, int]) -> Lanes[Number]:
    lanes: Lanes[Number] = Lanes()
    for key, item in items:
        lanes.put(lane(key), Number(item))
    return lanes


def test_a_running_lane_is_not_given_again() -> None:
    """Two events of one lane never run at once."""
    lanes = filled((b"a", 1), (b"a", 2))
    assert lanes.take() is not None
    assert lanes.take() is None


def test_lanes_are_given_in_the_order_they_became_ready() -> None:
    """The lane that has been ready longest runs next."""
    lanes = filled((b"a", 1), (b"b", 2), (b"a", 3))
    heads = [found.head for found in (lanes.take(), lanes.take()) if found is not None]
    assert heads == [1, 2]


def test_a_lane_with_more_work_queues_behind_the_others() -> None:
    """A busy lane does not starve the rest."""
    lanes = filled((b"a", 1), (b"a", 2), (b"b", 3))
    first = lanes.take()
    assert first is not None
    lanes.advance(first)
    following = lanes.take()
    assert following is not None
    assert following.head == 3


def test_an_empty_lane_does_not_exist() -> None:
    """Lanes of settled work cost nothing."""
    lanes = filled((b"a", 1))
    taken = lanes.take()
    assert taken is not None
    lanes.advance(taken)
    assert len(lanes) == 0


def test_a_lane_is_made_anew_after_it_was_empty() -> None:
    """New work of an old key runs."""
    lanes = filled((b"a", 1))
    taken = lanes.take()
    assert taken is not None
    lanes.advance(taken)
    lanes.put(lane(b"a"), Number(2))
    again = lanes.take()
    assert again is not None
    assert again.head == 2


def test_a_waiting_lane_is_not_ready_before_its_time() -> None:
    """What is tried again at 5 is not given at 4.9, and keeps its place at the head."""
    lanes = filled((b"a", 1), (b"a", 2))
    taken = lanes.take()
    assert taken is not None
    lanes.wait(taken, 5.0)
    assert (lanes.wake(4.9), lanes.take(), lanes.next_wake(), lanes.waiting) == (0, None, 5.0, 1)
    assert lanes.wake(5.0) == 1
    again = lanes.take()
    assert again is not None
    assert (again.head, lanes.waiting) == (1, 0)


def test_events_of_a_waiting_lane_wait_too() -> None:
    """Work that comes while a lane waits does not overtake."""
    lanes = filled((b"a", 1))
    taken = lanes.take()
    assert taken is not None
    lanes.wait(taken, 5.0)
    lanes.put(lane(b"a"), Number(2))
    assert lanes.take() is None


def test_lanes_of_a_dropped_partition_are_gone() -> None:
    """Nothing of a partition that went away runs, also not what waited; the others stay."""
    lanes: Lanes[Number] = Lanes()
    lanes.put(lane(b"a", 0), Number(1))
    lanes.put(lane(b"b", 0), Number(2))
    lanes.put(lane(b"c", 1), Number(3))
    waits = lanes.take()
    assert waits is not None
    lanes.wait(waits, 5.0)
    lanes.drop([(TOPIC, 0)])
    assert (lanes.wake(9.0), lanes.next_wake(), lanes.waiting) == (0, None, 0)
    left = lanes.take()
    assert left is not None
    assert left.head == 3
    assert lanes.take() is None


def test_what_runs_while_its_partition_goes_has_no_effect_any_more() -> None:
    """The end of an attempt at a dropped lane changes nothing, also when the key is back."""
    lanes = filled((b"a", 1))
    taken = lanes.take()
    assert taken is not None
    lanes.drop([(TOPIC, 0)])
    lanes.put(lane(b"a"), Number(2))
    lanes.advance(taken)
    lanes.wait(taken, 1.0)
    assert (taken.state, lanes.next_wake(), lanes.waiting, len(lanes)) == (State.GONE, None, 0, 1)


def test_keys_of_two_sources_are_two_lanes() -> None:
    """A key belongs to its source."""
    lanes: Lanes[Number] = Lanes()
    lanes.put(LaneKey(TOPIC, 0, b"one", b"a"), Number(1))
    lanes.put(LaneKey(TOPIC, 0, b"two", b"a"), Number(2))
    assert None not in (lanes.take(), lanes.take())


@given(st.lists(st.tuples(st.sampled_from([b"a", b"b", b"c"]), st.integers(0, 2)), max_size=60))
def test_every_item_runs_once_and_in_order(script: list[tuple[bytes, int]]) -> None:
    """Whatever waits and however often, each lane gives its items in order, each until it is settled."""
    lanes: Lanes[Script] = Lanes()
    failures: dict[Script, int] = {}
    for number, (key, fails) in enumerate(script):
        failures[Script(key, number)] = fails
        lanes.put(lane(key), Script(key, number))
    settled: list[Script] = []
    now = 0.0
    while len(lanes):
        lanes.wake(now)
        taken = lanes.take()
        now += 1.0
        if taken is None:
            continue
        if failures[taken.head]:
            failures[taken.head] -= 1
            lanes.wait(taken, now + 2.0)
        else:
            settled.append(taken.head)
            lanes.advance(taken)
    for wanted in (b"a", b"b", b"c"):
        expected = [number for number, (key, _) in enumerate(script) if key == wanted]
        assert [number for key, number, _ in settled if key == wanted] == expected


def test_a_lane_that_need_not_wait_is_ready_at_once() -> None:
    """And its former time wakes nothing when it waits anew."""
    lanes = filled((b"a", 1))
    taken = lanes.take()
    assert taken is not None
    lanes.wait(taken, 5.0)
    lanes.hasten(taken, 1.0)
    assert (lanes.waiting, lanes.next_wake()) == (0, None)
    assert lanes.take() is taken
    lanes.wait(taken, 9.0)
    assert lanes.wake(6.0) == 0
    assert (lanes.waiting, lanes.next_wake()) == (1, 9.0)


def test_a_lane_may_be_claimed_out_of_turn() -> None:
    """Only when it is ready, and it is not given again."""
    lanes = filled((b"a", 1), (b"b", 2))
    first = lanes.take()
    assert first is not None
    lanes.wait(first, 5.0)
    assert not lanes.claim(first)
    lanes.wake(5.0)
    assert lanes.claim(first)
    second = lanes.take()
    assert second is not None
    assert second.head == 2
    assert lanes.take() is None
