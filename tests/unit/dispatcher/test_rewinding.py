"""What setting a position back or forward comes to."""

import pytest

from dispatcher import metadata
from dispatcher.rewinding import Move, _move
from dispatcher.tracker import Finished, Progress
from eventlog.log import Commit
from schemas.record import TopicPartition

STORE = "0b0e7f0e-3b1a-4c55-9d5e-0a4a2f2c9a11"
AT = TopicPartition("t", 0)


def position(*unfinished: int, high: int) -> Commit:
    """A position at 10 that says what was settled ahead of it."""
    return Commit(10, metadata.encode(Progress(10, Finished(high, unfinished)), STORE))


@pytest.mark.parametrize(
    ("commit", "to", "after", "repeats", "skips"),
    [
        # what was settled before is given again
        (Commit(10), 4, Progress(4, Finished(4)), 6, 0),
        # and what was settled ahead too: of 10 to 14 two were not
        (position(10, 12, high=15), 4, Progress(4, Finished(4)), 9, 0),
        # forward nothing is given again, and what was not settled never will be
        (Commit(10), 13, Progress(13, Finished(13)), 0, 3),
        (position(10, 12, high=15), 12, Progress(12, Finished(15, (12,))), 0, 1),
        (position(10, 12, high=15), 20, Progress(20, Finished(20)), 0, 7),
    ],
)
def test_what_it_repeats_and_skips(commit: Commit, to: int, after: Progress, repeats: int, skips: int) -> None:
    """Of the records between, those that were settled, or those that were not."""
    assert _move(AT, commit, to) == Move(AT, 10, after, repeats=repeats, skips=skips)
