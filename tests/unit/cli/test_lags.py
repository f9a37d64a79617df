"""How far behind a position is."""

import pytest

from cli.lags import behind
from dispatcher import metadata
from dispatcher.tracker import Finished, Progress
from eventlog.log import Commit

STORE = "0b0e7f0e-3b1a-4c55-9d5e-0a4a2f2c9a11"


def position(*unfinished: int, high: int) -> Commit:
    """A position at 10 that says what was settled ahead of it."""
    return Commit(10, metadata.encode(Progress(10, Finished(high, unfinished)), STORE))


@pytest.mark.parametrize(
    ("commit", "end", "lag"),
    [
        (Commit(10), 10, 0),
        (Commit(10), 25, 15),
        (Commit(10), 9, 0),
        (position(10, 12, high=14), 14, 2),
        (position(10, 12, high=14), 20, 8),
    ],
)
def test_what_is_not_settled_is_counted(commit: Commit, end: int, lag: int) -> None:
    """One event that is retried is a lag of one, however many behind it were settled."""
    assert behind(commit, end) == lag
