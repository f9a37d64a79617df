"""Times as an operator writes them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from cli.moments import moment

NOW = datetime(2026, 11, 21, 14, tzinfo=timezone(timedelta(hours=2)))


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("2h", datetime(2026, 11, 21, 10, tzinfo=UTC)),
        ("2026-11-21T10:00+01:00", datetime(2026, 11, 21, 9, tzinfo=UTC)),
        ("2026-11-21T10:00:00Z", datetime(2026, 11, 21, 10, tzinfo=UTC)),
        ("1900-01-01T00:00:00Z", datetime(1970, 1, 1, tzinfo=UTC)),
    ],
)
def test_a_time_is_read(text: str, meant: datetime) -> None:
    """As a time of UTC."""
    found = moment(text, NOW)
    assert (found, found.tzinfo) == (meant, UTC)


@pytest.mark.parametrize("text", ["", "yesterday", "2026-11-21T10:00", "9999-12-31T23:59-10:00"])
def test_what_is_no_time_is_refused_with_what_to_write(text: str) -> None:
    """A time without a zone may be meant in any, and one beyond the calendar in none."""
    with pytest.raises(ValueError, match="write 2h for two hours ago, or a time with its zone"):
        moment(text, NOW)
