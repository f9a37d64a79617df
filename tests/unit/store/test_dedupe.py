"""Which days of remembered ids are dropped."""

from datetime import date

import pytest

from store.dedupe import surplus


def day(number: int) -> date:
    return date(2026, 11, number)


@pytest.mark.parametrize(
    ("rows", "dropped"),
    [
        ({}, []),
        ({21: 5, 22: 5}, []),
        ({19: 1, 20: 1, 21: 1}, [19, 20]),
        ({21: 4, 22: 4, 23: 4}, [21]),
        ({21: 4, 22: 4, 23: 40}, [21, 22]),
        ({20: 100, 21: 5, 22: 5}, [20]),
        ({28: 100}, []),
        ({20: 100}, [20]),
    ],
)
def test_what_is_over_and_what_is_too_much_goes(rows: dict[int, int], dropped: list[int]) -> None:
    """On the 21st with a bound of 10 ids: days before, then the next to expire; never the last alone."""
    counts = {day(number): count for number, count in rows.items()}
    assert surplus(counts, day(21), 10) == [day(number) for number in dropped]
