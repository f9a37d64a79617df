"""Whether a call is repeated at once."""

import pytest

from clients import errors
from clients.errors import ClientError
from clients.retries import Policy, next_wait

POLICY = Policy(tries=3, base=1.0, longest=5.0)


def _next(
    error: ClientError, *, tried: int = 1, repeatable: bool = False, left: float = 60.0, jitter: float = 0.5
) -> float | None:
    return next_wait(error, tried, POLICY, repeatable=repeatable, left=left, jitter=jitter)


def test_send_that_never_left_is_repeated() -> None:
    """No connection proves that the message did not arrive."""
    assert _next(errors.Unreachable("what")) == 0.5


def test_send_that_was_answered_is_the_callers() -> None:
    """A 429 or 408 says that nothing happened; who repeats the send can look at the conversation first."""
    assert _next(errors.RateLimited("what", status=429, retry_after=1.0)) is None
    assert _next(errors.TimedOut("what", status=408, nothing_happened=True)) is None


@pytest.mark.parametrize("name", ["TimedOut", "ConnectionLost", "PlatformDown"])
def test_uncertain_send_is_never_repeated(name: str) -> None:
    """A message that may have arrived is not sent twice."""
    assert _next(getattr(errors, name)("what")) is None


@pytest.mark.parametrize("name", ["TimedOut", "ConnectionLost", "PlatformDown", "Unreachable", "RateLimited"])
def test_reads_are_repeated(name: str) -> None:
    """A read does no harm twice."""
    assert _next(getattr(errors, name)("what"), repeatable=True) == 0.5


@pytest.mark.parametrize(
    "name",
    ["NotSupported", "ForbiddenAddress", "BadAnswer", "OutOfCredit", "Unauthorized", "NotFound", "Rejected"],
)
def test_hopeless_calls_are_not_repeated(name: str) -> None:
    """What will not change in seconds is given back at once, even for reads."""
    assert _next(getattr(errors, name)("what"), repeatable=True) is None


def test_tries_are_bounded() -> None:
    """The last try's error is the caller's."""
    assert [_next(errors.Unreachable("what"), tried=tried) is None for tried in (1, 2, 3)] == [False, False, True]


def test_waits_grow_and_are_drawn_from_zero() -> None:
    """Full jitter: from nothing to a bound that doubles, so that clients do not march in step."""
    waits = [
        _next(errors.Unreachable("what"), tried=tried, jitter=jitter) for tried in (1, 2) for jitter in (0.0, 0.99)
    ]
    assert waits == [0.0, 0.99, 0.0, 1.98]


def test_platform_says_how_long() -> None:
    """A wait the platform asks for is kept."""
    assert _next(errors.RateLimited("what", retry_after=3.0)) == 3.0


def test_long_waits_are_the_callers() -> None:
    """A wait above the bound is not waited here."""
    assert _next(errors.RateLimited("what", retry_after=5.1)) is None


def test_deadline_ends_the_tries() -> None:
    """No wait goes beyond the deadline of the whole call."""
    assert _next(errors.RateLimited("what", retry_after=3.0), left=3.0) is None
