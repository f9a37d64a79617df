"""Whether a position says that an event is settled."""

import pytest

from cli.pending import settled
from dispatcher import metadata
from dispatcher.tracker import Finished, Progress
from eventlog.log import Commit

STORE = "0b0e7f0e-3b1a-4c55-9d5e-0a4a2f2c9a11"


def position(*unfinished: int, high: int) -> Commit:
    """A position at the first unfinished offset."""
    return Commit(10, metadata.encode(Progress(10, Finished(high, unfinished)), STORE))


@pytest.mark.parametrize(("offset", "over"), [(10, False), (11, True), (12, False), (13, True), (14, False)])
def test_what_was_finished_ahead_is_settled(offset: int, over: bool) -> None:
    """The others are retried, or wait for their turn."""
    assert settled(position(10, 12, high=14), offset) is over


def test_a_position_that_says_nothing_settles_nothing() -> None:
    """Somebody else may have committed it."""
    assert not settled(Commit(10), 10)
