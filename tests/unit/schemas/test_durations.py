"""Durations as they are written."""

from datetime import timedelta

import pytest

from schemas.durations import duration


@pytest.mark.parametrize("wrong", ["3651d", "99999999d", timedelta.max, timedelta.min, "1 week", "-1s", "\u0661s"])
def test_what_leads_out_of_the_calendar_is_no_duration(wrong: str | timedelta) -> None:
    """A time so far away cannot be reckoned with."""
    with pytest.raises(ValueError, match=r"must be at most 3,650 days|not a duration"):
        duration(wrong)


def test_ten_years_are_the_longest() -> None:
    """Nobody waits or keeps longer."""
    assert duration("3650d") == timedelta(days=3_650)
