"""The batches of one partition: order, bounds, and what becomes of them."""

import asyncio
from collections.abc import Callable

import pytest

from eventlog.kafka_lane import DIVIDED_FOR, Batch, Lane, Limits
from schemas.record import Record, TopicPartition

AT = TopicPartition("t", 0)


def record(size: int = 10) -> Record:
    return Record(topic="t", key=b"k", value=b"v" * size, timestamp=1)


@pytest.fixture
def loop() -> asyncio.AbstractEventLoop:
    """Never run: it only makes futures."""
    loop = asyncio.new_event_loop()
    loop.close()
    return loop


@pytest.fixture
def make(loop: asyncio.AbstractEventLoop) -> Callable[..., Lane]:
    def lane(*, size: int = 1000, records: int = 100, age: float = 1.0) -> Lane:
        return Lane(AT, Limits(bytes=size, records=records, age=age), loop.create_future)

    return lane


def put(lane: Lane, *, size: int = 10, now: float = 0.0) -> tuple[Batch, int]:
    return lane.add(record(size), 100, now)


def test_records_share_a_batch_in_order(make: Callable[..., Lane]) -> None:
    """The index is the place in the batch."""
    lane = make()
    (one, first), (two, second) = put(lane), put(lane)
    assert one is two
    assert (first, second, one.records, one.bytes) == (0, 1, 2, 200)


def test_a_batch_on_its_way_takes_no_more(make: Callable[..., Lane]) -> None:
    """What comes while one is on its way goes into the next."""
    lane = make()
    one, _ = put(lane)
    assert lane.take() is one
    two, index = put(lane)
    assert (two is one, index) == (False, 0)


def test_bytes_bound_a_batch(make: Callable[..., Lane]) -> None:
    """A record that does not fit opens another batch."""
    lane = make(size=1000)
    batches = [put(lane, size=400)[0] for _ in range(4)]
    assert [batch.records for batch in dict.fromkeys(batches)] == [2, 2]


def test_a_record_larger_than_a_batch_goes_alone(make: Callable[..., Lane]) -> None:
    """The bound is for batches of several records."""
    lane = make(size=1000)
    large, _ = put(lane, size=5000)
    small, _ = put(lane)
    assert (large.records, small.records) == (1, 1)


def test_records_bound_a_batch(make: Callable[..., Lane]) -> None:
    """At most so many records."""
    lane = make(records=2)
    assert [put(lane)[1] for _ in range(5)] == [0, 1, 0, 1, 0]


def test_age_bounds_a_batch(make: Callable[..., Lane]) -> None:
    """A young record does not share the deadline of an old one."""
    lane = make(age=1.0)
    old, _ = put(lane, now=0.0)
    assert put(lane, now=0.9)[0] is old
    assert put(lane, now=1.0)[0] is not old


def test_a_divided_lane_has_batches_of_one(make: Callable[..., Lane]) -> None:
    """For a while no record can spoil another."""
    lane = make()
    lane.divided_until = 1 + DIVIDED_FOR
    assert [put(lane, now=1.0)[1], put(lane, now=2.0)[1]] == [0, 0]
    assert [put(lane, now=6.1)[1], put(lane, now=6.2)[1]] == [0, 1]


def test_what_was_not_handed_over_is_next_again(make: Callable[..., Lane]) -> None:
    """Before all that waits behind it."""
    lane = make()
    one, _ = put(lane)
    lane.take()
    put(lane)
    lane.put_back()
    assert (lane.sending, lane.take()) == (None, one)


def test_the_oldest_is_the_one_on_its_way(make: Callable[..., Lane]) -> None:
    """Its deadline comes first."""
    lane = make()
    assert lane.oldest() is None
    one, _ = put(lane)
    assert lane.oldest() is one
    lane.take()
    put(lane)
    assert lane.oldest() is one
    assert lane.settle() is one
    assert lane.oldest() is not one


def test_emptying_takes_everything_in_order(make: Callable[..., Lane]) -> None:
    """The batch on its way first."""
    lane = make(records=1)
    batches = [put(lane)[0] for _ in range(3)]
    lane.take()
    assert lane.empty() == batches
    assert (lane.sending, len(lane.waiting), lane.oldest()) == (None, 0, None)


def test_settling_nothing_is_a_mistake(make: Callable[..., Lane]) -> None:
    """It would hide that a batch was settled twice."""
    with pytest.raises(RuntimeError, match="nothing was on its way"):
        make().settle()


def test_a_batch_is_settled_once(loop: asyncio.AbstractEventLoop) -> None:
    """Whatever comes after the first word is ignored."""
    kept, failed = Batch(0.0, 1000, loop.create_future()), Batch(0.0, 1000, loop.create_future())
    kept.resolve(7)
    kept.fail(OSError())
    failed.fail(OSError("no"))
    failed.resolve(7)
    assert kept.durable.result() == 7
    assert isinstance(failed.durable.exception(), OSError)


def test_new_limits_hold_for_the_next_batch(make: Callable[..., Lane]) -> None:
    """As when the topic turns out to take less."""
    lane = make()
    put(lane)
    lane.limit(Limits(bytes=1000, records=1, age=1.0))
    assert [put(lane)[1] for _ in range(2)] == [0, 0]
