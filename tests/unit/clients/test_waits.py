"""How long a platform asks us to wait."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from clients.waits import Quota, asked_wait, http_date, quota, reset_in, retry_after

NOW = datetime(2024, 1, 15, 10, 0, tzinfo=UTC)
EPOCH = 1_705_312_800


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        ("12", 12.0),
        (" 12 ", 12.0),
        ("1.5", 1.5),
        ("007", 7.0),
        ("Mon, 15 Jan 2024 10:00:30 GMT", 30.0),
        ("Monday, 15-Jan-24 10:01:00 GMT", 60.0),
        ("Mon Jan 15 10:00:05 2024", 5.0),
        ("Mon, 15 Jan 2024 09:00:00 GMT", 0.0),
        ("99999", 86_400.0),
        ("9" * 5000, 86_400.0),
        ("0" * 5000 + "3", 3.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 86_400.0),
    ],
)
def test_retry_after_in_all_its_forms(value: str, seconds: float) -> None:
    """Seconds or one of the three HTTP dates, never less than nothing or more than a day."""
    assert retry_after(value, NOW) == seconds


@pytest.mark.parametrize(
    "value", [None, "", "soon", "-5", "+5", "1e3", "1_000", "\u0661\u0662", "12s", "0x10", "Mon, 99 Jan", "NaN", "inf"]
)
def test_retry_after_that_makes_no_sense(value: str | None) -> None:
    """Anything else is as if it were not there."""
    assert retry_after(value, NOW) is None


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (str(EPOCH + 42), 42.0),
        (str((EPOCH + 42) * 1000), 42.0),
        (str(EPOCH - 42), 0.0),
        ("1", 0.0),
        ("99999999999", 86_400.0),
        (None, None),
        ("", None),
        ("soon", None),
        ("-1", None),
        ("9" * 16, None),
        (f"{EPOCH + 42}.5", 42.5),
        (f"{EPOCH + 42}.", 42.0),
        (f"{EPOCH + 42}.5.5", None),
        ("NaN", None),
        ("inf", None),
        ("1e12", None),
    ],
)
def test_rate_limit_reset_is_unix_time(value: str | None, seconds: float | None) -> None:
    """`X-RateLimit-Reset` is a Unix time, in seconds, or milliseconds by its size."""
    assert reset_in(value, NOW) == seconds


def test_retry_after_wins_over_reset() -> None:
    """The header made for refusals is believed first."""
    assert asked_wait({"retry-after": "3", "x-ratelimit-reset": str(EPOCH + 50)}, NOW) == 3.0


def test_reset_serves_where_retry_after_is_missing() -> None:
    """MyGPTAssistants documents only the reset."""
    assert asked_wait({"x-ratelimit-reset": str(EPOCH + 50)}, NOW) == 50.0


def test_our_own_clock_may_be_wrong() -> None:
    """A reset is measured against the platform's own date when it sends one."""
    headers = {"x-ratelimit-reset": str(EPOCH + 50), "date": "Mon, 15 Jan 2024 10:00:20 GMT"}
    assert asked_wait(headers, NOW + timedelta(days=365)) == 30.0


def test_quota_needs_both_counts() -> None:
    """Half an announcement is none."""
    assert quota({"x-ratelimit-remaining": "7", "x-ratelimit-reset": str(EPOCH + 9)}, NOW) == Quota(7, 9.0)
    assert quota({"x-ratelimit-remaining": "7"}, NOW) is None
    assert quota({"x-ratelimit-remaining": "-1", "x-ratelimit-reset": str(EPOCH)}, NOW) is None


@given(
    st.text() | st.from_regex(r"[0-9]+(\.[0-9]+)?") | st.datetimes().map(lambda at: at.strftime("%a, %d %b %Y %T GMT"))
)
@example("0\x1f")
def test_no_header_makes_the_parsers_fall_over(value: str) -> None:
    """Whatever a header holds, the answer is a bounded wait or None."""
    headers = dict.fromkeys(("retry-after", "x-ratelimit-reset", "x-ratelimit-remaining", "date"), value)
    waits = [retry_after(value, NOW), reset_in(value, NOW), asked_wait(headers, NOW)]
    assert all(wait is None or 0 <= wait <= 86_400 for wait in waits)
    assert isinstance(quota(headers, NOW), Quota | None)
    assert isinstance(http_date(value), datetime | None)


@given(st.tuples(*[st.text("0123456789 :,-+JanMo GMTUT", max_size=6)] * 6).map(" ".join))
def test_dates_that_are_nearly_dates(value: str) -> None:
    """Text that comes close to a date is a date or None."""
    assert isinstance(http_date(value), datetime | None)
