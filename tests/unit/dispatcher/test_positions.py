"""What an earlier owner settled counts only as far as the log reaches."""

from dispatcher.metadata import Metadata
from dispatcher.positions import _within
from dispatcher.tracker import Finished


def test_offsets_the_log_does_not_have_are_not_settled() -> None:
    """A broken log gives them anew, to other records: those must be handled."""
    known = Metadata("store", Finished(high=20, unfinished=(11, 15, 18)))
    assert _within(known, 16) == Finished(16, (11, 15))


def test_a_whole_log_changes_nothing() -> None:
    """Everything that was settled is there."""
    known = Metadata("store", Finished(high=20, unfinished=(11,)))
    assert _within(known, 25) == Finished(20, (11,))


def test_nothing_known_is_nothing_settled() -> None:
    """A tool moved the position, or an older version wrote it."""
    assert _within(None, 25) is None
