"""Durations as people read them."""

from datetime import timedelta

import pytest

from schemas.durations import in_words


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (timedelta(milliseconds=250), "0.25 s"),
        (timedelta(), "0 s"),
        (timedelta(seconds=5), "5 s"),
        (timedelta(seconds=90), "90 s"),
        (timedelta(minutes=5), "5 min"),
        (timedelta(hours=1), "1 h"),
        (timedelta(days=1), "1 day"),
        (timedelta(days=7), "7 days"),
    ],
)
def test_a_duration_in_words(value: timedelta, words: str) -> None:
    """It is told in the largest unit that it is a whole number of."""
    assert in_words(value) == words
