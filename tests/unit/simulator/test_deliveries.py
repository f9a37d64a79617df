"""The values of webhook delivery."""

from datetime import UTC, datetime

import pytest

from simulator.deliveries import Attempt, RetryPolicy, Subscription


def test_pauses_double_up_to_the_longest() -> None:
    """Exponential backoff, bounded, and an end."""
    policy = RetryPolicy(attempts=6, first=1.0, factor=2.0, longest=5.0, jitter=0.0)
    assert [policy.pause(number, 0.5) for number in range(1, 7)] == [1.0, 2.0, 4.0, 5.0, 5.0, None]


def test_jitter_stretches_a_pause() -> None:
    """At most by its share."""
    assert RetryPolicy(first=10.0, jitter=0.5).pause(1, 0.5) == 12.5


def test_many_attempts_do_not_overflow() -> None:
    """The power of a large count is bounded before it is taken."""
    assert RetryPolicy(attempts=10**9, longest=300.0, jitter=0.0).pause(10**8, 0.0) == 300.0


@pytest.mark.parametrize(("status", "accepted"), [(200, True), (204, True), (199, False), (302, False), (None, False)])
def test_only_2xx_is_accepted(status: int | None, accepted: bool) -> None:
    """A redirect is no acceptance."""
    attempt = Attempt(datetime(2024, 1, 15, tzinfo=UTC), milliseconds=1, status=status)
    assert attempt.accepted is accepted


def test_a_secret_is_neither_printed_nor_shown() -> None:
    """Listing webhooks gives nothing away."""
    subscription = Subscription("hook_1", "mygptassistants", "http://receiver.test", "s3cret")
    assert "s3cret" not in repr(subscription) + str(subscription.shown())
