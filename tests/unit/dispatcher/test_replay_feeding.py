"""What of a replay is given next, and when."""

from datetime import timedelta

import pytest

from dispatcher.replay_cursor import Span
from dispatcher.replay_feeding import Page, Step, allowance, earliest_next
from schemas.record import TopicPartition
from store.replay_jobs import Job, Room
from tests.contract.stores import LOG, NOW
from tests.contract.test_store_replays import order

ONE, TWO = TopicPartition("t", 1), TopicPartition("t", 2)
IDLE = Room(0, 0)


def job(spacing: float | None = None, *, next_in: float = 0.0) -> Job:
    return Job(
        handler="h",
        log=LOG,
        reads="dead",
        filters="{}",
        cursor="[]",
        spacing=None if spacing is None else timedelta(seconds=spacing),
        id=1,
        state="reading",
        found=0,
        skipped=0,
        asked_at=NOW,
        ended_at=None,
        next_at=NOW + timedelta(seconds=next_in),
        held_until=None,
    )


@pytest.mark.parametrize(
    ("one", "room", "may"),
    [
        pytest.param(job(), IDLE, 1000, id="as many as an entry may have"),
        pytest.param(job(), Room(990, 990), 10, id="as many more"),
        pytest.param(job(), Room(1001, 0), 0, id="none while it has too many"),
        pytest.param(job(0.1), IDLE, 1, id="the first at once"),
        pytest.param(job(0.1, next_in=0.05), IDLE, 0, id="none before its time"),
        pytest.param(job(0.1, next_in=3600), IDLE, 1, id="the next at once when the clock was set back"),
        pytest.param(job(60, next_in=60), IDLE, 0, id="a slow one has its time"),
        pytest.param(job(0.1, next_in=-0.95), IDLE, 10, id="those that came due"),
        pytest.param(job(0.1, next_in=-3600), IDLE, 20, id="no flood after a standstill"),
        pytest.param(job(0.1, next_in=-3600), Room(15, 15), 5, id="no more than a moment's wait for a worker"),
        pytest.param(job(0.1, next_in=-3600), Room(999, 0), 1, id="the entry's bound holds too"),
        pytest.param(job(60, next_in=-3600), IDLE, 1, id="one at once when it is slow"),
        pytest.param(job(60, next_in=-3600), Room(1, 1), 0, id="the next when that was begun"),
    ],
)
def test_no_more_are_given_than_may_be(one: Job, room: Room, may: int) -> None:
    """By the bound of the entry, and by the rate."""
    assert allowance(one, room, NOW) == may


def test_the_next_is_due_as_long_after_as_the_rate_says() -> None:
    """What a standstill held up is not made good later."""
    assert earliest_next(job(0.1, next_in=-0.5), NOW) == NOW - timedelta(seconds=0.5)
    assert earliest_next(job(0.1, next_in=-3600), NOW) == NOW - timedelta(seconds=1.9)
    assert earliest_next(job(0.1, next_in=3600), NOW) == NOW
    assert earliest_next(job(), NOW) == NOW


def test_a_rate_is_kept_over_many_looks() -> None:
    """Ten a second, looked at every 1.1 seconds, for 110 seconds."""
    next_at, given = NOW, 0
    for look in range(100):
        now = NOW + timedelta(seconds=1.1 * look)
        one = job(0.1, next_in=(next_at - NOW).total_seconds())
        may = allowance(one, IDLE, now)
        next_at = earliest_next(one, now) + 0.1 * timedelta(seconds=may)
        given += may
    assert 1089 <= given <= 1091


STEPS = [Step(ONE, 3, order(1)), Step(TWO, 8, order(2)), Step(ONE, 6, order(3))]
PAGE = Page({ONE: Span(0, 0, 9), TWO: Span(5, 5, 9)}, STEPS, {ONE: Span(0, 9, 9), TWO: Span(5, 9, 9)})


def test_a_part_of_a_page_is_given() -> None:
    """It is behind the last one that was; of other partitions nothing is passed over."""
    assert PAGE.cursor(1) == {ONE: Span(0, 3, 9), TWO: Span(5, 5, 9)}
    assert PAGE.cursor(2) == {ONE: Span(0, 3, 9), TWO: Span(5, 8, 9)}
    rest = PAGE.rest(2)
    assert (rest.before, list(rest.steps), rest.after) == (PAGE.cursor(2), STEPS[2:], PAGE.after)
    assert not PAGE.is_last(2)


def test_a_page_that_was_given_is_behind_all_that_was_looked_at() -> None:
    """Also what was not meant."""
    assert PAGE.cursor(3) == PAGE.after
    assert PAGE.is_last(3)
    unfinished = Page(PAGE.before, (), {ONE: Span(0, 4, 9), TWO: Span(5, 9, 9)})
    assert not unfinished.is_last(0)
