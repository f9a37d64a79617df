"""Rate limits in fixed windows."""

from datetime import UTC, datetime, timedelta

from simulator.limits import Allowance, Rate, RateWindows

NOON = datetime(2024, 1, 15, 12, 0, tzinfo=UTC)
NOON_UNIX = 1_705_320_000


def windows(limit: int = 2) -> RateWindows:
    return RateWindows({"chat": Rate(limit, 60), "data": Rate(limit, 3600)}, max_callers=3)


def test_requests_within_the_limit_are_counted_down() -> None:
    """The caller is told what is left and when it begins anew."""
    counted = windows()
    told = [counted.take("chat", "key", NOON) for _ in range(2)]
    assert told == [
        Allowance(allowed=True, limit=2, remaining=1, reset=NOON_UNIX + 60),
        Allowance(allowed=True, limit=2, remaining=0, reset=NOON_UNIX + 60),
    ]


def test_the_next_one_is_refused() -> None:
    """Nothing is left and nothing goes below zero."""
    counted = windows(limit=1)
    counted.take("chat", "key", NOON)
    counted.take("chat", "key", NOON)
    refused = counted.take("chat", "key", NOON + timedelta(seconds=59))
    assert refused == Allowance(allowed=False, limit=1, remaining=0, reset=NOON_UNIX + 60)


def test_a_new_window_begins_at_the_reset() -> None:
    """The limit is whole again at the very second that was told."""
    counted = windows(limit=1)
    counted.take("chat", "key", NOON)
    assert counted.take("chat", "key", NOON + timedelta(seconds=60)).allowed


def test_callers_and_routes_are_counted_apart() -> None:
    """One customer's burst is not another's, and chat is not data."""
    counted = windows(limit=1)
    told = [counted.take(*what, NOON).allowed for what in (("chat", "a"), ("chat", "b"), ("data", "a"))]
    assert told == [True, True, True]


def test_counters_are_bounded() -> None:
    """Many made-up keys cannot fill the memory; the oldest is forgotten."""
    counted = windows(limit=1)
    for caller in "abcd":
        counted.take("chat", caller, NOON)
    assert (counted.take("chat", "a", NOON).allowed, counted.take("chat", "d", NOON).allowed) == (True, False)


def test_headers_are_the_documented_three() -> None:
    """Names and forms of the API overview."""
    assert Allowance(allowed=True, limit=100, remaining=99, reset=NOON_UNIX).headers() == {
        "X-RateLimit-Limit": "100",
        "X-RateLimit-Remaining": "99",
        "X-RateLimit-Reset": "1705320000",
    }
