"""Rates and budgets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.limits import Bucket, Budget, retry_after


def test_bucket_gives_its_whole_rate_at_once() -> None:
    """After a quiet time a burst passes; then the wait is told."""
    bucket = Bucket(3, 60.0)
    assert [bucket.take(100.0) for _ in range(4)] == [0.0, 0.0, 0.0, 20.0]


def test_bucket_fills_with_time() -> None:
    """One every twenty seconds."""
    bucket = Bucket(3, 60.0)
    for _ in range(3):
        bucket.take(0.0)
    assert (bucket.take(19.0) > 0, bucket.take(20.0), bucket.take(20.0) > 0) == (True, 0.0, True)


def test_bucket_survives_a_clock_that_goes_back() -> None:
    """Nothing is given for time that did not pass."""
    bucket = Bucket(1, 1.0)
    assert bucket.take(100.0) == 0.0
    assert bucket.take(50.0) > 0.0


@given(st.lists(st.floats(min_value=0, max_value=10), max_size=60))
def test_bucket_never_gives_more_than_its_rate(steps: list[float]) -> None:
    """Over any time: the burst, and the rate times the time."""
    bucket, now, given_out = Bucket(5, 10.0), 0.0, 0
    for step in steps:
        now += step
        given_out += bucket.take(now) == 0.0
    assert given_out <= 5 + now * 0.5 + 1e-6


def test_budget_of_requests() -> None:
    """The last place is the last."""
    budget = Budget(max_requests=2, max_bytes=100)
    assert [budget.enter(1), budget.enter(1), budget.enter(1)] == [True, True, False]
    budget.leave(1)
    assert budget.enter(1)


def test_budget_of_bytes() -> None:
    """What does not fit takes nothing."""
    budget = Budget(max_requests=10, max_bytes=100)
    assert [budget.enter(60), budget.enter(41), budget.grow(41), budget.grow(40)] == [True, False, False, True]
    budget.leave(100)
    assert (budget.requests, budget.bytes) == (0, 0)


@pytest.mark.parametrize(("seconds", "text"), [(0.0, "1"), (0.2, "1"), (1.0, "1"), (1.1, "2"), (59.5, "60")])
def test_retry_after_is_whole_seconds(seconds: float, text: str) -> None:
    """Never zero: a sender that comes at once helps nobody."""
    assert retry_after(seconds) == text
