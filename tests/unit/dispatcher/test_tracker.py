"""The contiguous watermark and what is finished above it."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from dispatcher.metadata import decode, encode
from dispatcher.tracker import Finished, Progress, Tracker

STORE = "6f2c4a52-31c5-4f0e-9d2b-0f6f7a3d5b11"


def read(tracker: Tracker, *offsets: int) -> list[int]:
    return [offset for offset in offsets if tracker.add(offset)]


def test_nothing_read_commits_the_start() -> None:
    """A fresh tracker stands where it was told to start."""
    assert Tracker(7).progress() == Progress(7, Finished(7))


def test_watermark_waits_for_the_first_unfinished_record() -> None:
    """Records that finish out of order do not move the watermark over an unfinished one."""
    tracker = Tracker(0)
    read(tracker, 0, 1, 2, 3)
    tracker.done(1)
    tracker.done(2)
    assert tracker.progress() == Progress(0, Finished(3, (0,)))


def test_watermark_moves_over_all_that_was_finished() -> None:
    """When the first record finishes, the watermark passes those behind it that have."""
    tracker = Tracker(0)
    read(tracker, 0, 1, 2, 3)
    tracker.done(1)
    tracker.done(0)
    assert tracker.progress() == Progress(2, Finished(2))


def test_watermark_of_an_idle_partition_is_the_position() -> None:
    """With nothing unfinished the position is committed, also past a gap at the end."""
    tracker = Tracker(0)
    read(tracker, 0, 5)
    tracker.done(0)
    tracker.done(5)
    tracker.passed(9)
    assert tracker.watermark == 9


def test_position_over_a_gap_waits_for_unfinished_records() -> None:
    """A gap behind an unfinished record does not move the watermark."""
    tracker = Tracker(0)
    read(tracker, 3)
    tracker.passed(9)
    assert (tracker.watermark, tracker.span) == (3, 6)


def test_restored_records_are_not_handled_again() -> None:
    """Of what an earlier owner read, only the unfinished come back."""
    tracker = Tracker(10, Finished(14, (10, 12)))
    assert read(tracker, 10, 11, 12, 13, 14) == [10, 12, 14]


def test_commit_before_the_restored_part_is_read_keeps_it() -> None:
    """What lies ahead of the reader stays in the progress."""
    tracker = Tracker(10, Finished(20, (10, 15)))
    read(tracker, 10, 11)
    tracker.done(10)
    assert tracker.progress() == Progress(12, Finished(20, (15,)))


def test_restored_unfinished_record_that_is_gone_is_forgotten() -> None:
    """A record compacted away since does not hold the watermark."""
    tracker = Tracker(10, Finished(20, (10, 15)))
    assert read(tracker, 16, 20) == [20]
    tracker.done(20)
    assert tracker.progress() == Progress(21, Finished(21))


def test_settling_twice_is_a_defect() -> None:
    """A record settled twice is told, not hidden."""
    tracker = Tracker(0)
    tracker.add(0)
    tracker.done(0)
    with pytest.raises(KeyError):
        tracker.done(0)


def test_reading_backwards_is_a_defect() -> None:
    """A log that gives an offset again would be handled twice."""
    tracker = Tracker(5)
    tracker.add(5)
    with pytest.raises(ValueError, match="offset 5 was read after 5"):
        tracker.add(5)


class Partition(RuleBasedStateMachine):
    """A log with gaps, its worker, crashes and rebalances, against two sets: what exists and what was settled."""

    @initialize()
    def begin(self) -> None:
        self.exists: list[int] = []
        self.end = 0
        # settled by the worker that runs, and settled as far as the stored commit knows
        self.settled: set[int] = set()
        self.stored: tuple[int, str] = (0, encode(Progress(0, Finished(0)), STORE))
        self.stored_settled: set[int] = set()
        self.tracker = Tracker(0)
        self.running: set[int] = set()

    @rule(gap=st.integers(0, 40), count=st.integers(1, 12))
    def append(self, gap: int, count: int) -> None:
        self.exists += range(self.end + gap, self.end + gap + count)
        self.end += gap + count

    @rule(count=st.integers(1, 30))
    def read(self, count: int) -> None:
        batch = [offset for offset in self.exists if offset >= self.tracker.position][:count]
        for offset in batch:
            if self.tracker.add(offset):
                assert offset not in self.stored_settled, "a settled record came again"
                self.running.add(offset)
            else:
                assert offset in self.stored_settled, "an unsettled record was skipped"

    @rule()
    def read_to_the_end(self) -> None:
        if all(offset < self.tracker.position for offset in self.exists):
            self.tracker.passed(self.end)

    @precondition(lambda self: set(self.exists) - self.running)
    @rule(data=st.data())
    def compact(self, data: st.DataObject) -> None:
        """A record that no attempt holds is gone from the log: read or not, settled or not."""
        self.exists.remove(data.draw(st.sampled_from(sorted(set(self.exists) - self.running))))

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def finish(self, data: st.DataObject) -> None:
        offset = data.draw(st.sampled_from(sorted(self.running)))
        self.running.remove(offset)
        self.tracker.done(offset)
        self.settled.add(offset)

    @rule()
    def commit(self) -> None:
        progress = self.tracker.progress()
        self.stored = (progress.watermark, encode(progress, STORE))
        self.stored_settled = self.stored_settled | self.settled

    @rule()
    def crash_or_rebalance(self) -> None:
        offset, text = self.stored
        metadata = decode(text, offset)
        assert metadata is not None
        self.tracker = Tracker(offset, metadata.finished)
        self.running = set()
        self.settled = set(self.stored_settled)

    @rule(back=st.integers(1, 50))
    def move_the_position_with_a_tool(self, back: int) -> None:
        """A tool sets an offset and leaves the metadata: it must not count."""
        offset, text = self.stored
        if offset - back < 0:
            return
        assert decode(text, offset - back) is None

    @invariant()
    def watermark_is_before_every_unsettled_record(self) -> None:
        unsettled = [offset for offset in self.exists if offset not in self.settled]
        assert all(offset >= self.tracker.watermark for offset in unsettled)

    @invariant()
    def commit_describes_exactly_what_is_settled(self) -> None:
        progress = self.tracker.progress()
        known = {o for o in self.exists if o < progress.watermark} | {
            o
            for o in self.exists
            if progress.watermark <= o < progress.finished.high and o not in progress.finished.unfinished
        }
        assert known == self.settled & set(self.exists)


Partition.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestPartition = Partition.TestCase
