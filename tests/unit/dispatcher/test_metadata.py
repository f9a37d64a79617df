"""What rides in a commit: compact, bounded, and ignored unless it is about this offset."""

import random
from base64 import b85encode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dispatcher.equipment import Limits
from dispatcher.metadata import MAX_CHARACTERS, MAX_SPAN, Metadata, decode, encode
from dispatcher.tracker import Finished, Progress, Tracker

STORE = "6f2c4a52-31c5-4f0e-9d2b-0f6f7a3d5b11"


def progress(base: int, high: int, unfinished: tuple[int, ...] = ()) -> Progress:
    return Progress(base, Finished(high, unfinished))


@st.composite
def progresses(draw: st.DrawFn) -> Progress:
    base = draw(st.integers(0, 2**62))
    span = draw(st.integers(0, MAX_SPAN))
    count = draw(st.integers(0, min(span, 300)))
    picked = draw(st.sets(st.integers(0, max(span - 1, 0)), max_size=count)) if span else set()
    return progress(base, base + span, tuple(sorted(base + offset for offset in picked)))


@given(progresses())
def test_what_is_packed_comes_back(said: Progress) -> None:
    """Packing and reading are inverse, within Kafka's bound."""
    text = encode(said, STORE)
    assert len(text) <= MAX_CHARACTERS
    assert decode(text, said.watermark) == Metadata(STORE, said.finished)


@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda raw: "w1:" + b85encode(raw).decode()), st.integers(0))
def test_nothing_in_a_foreign_text_raises(text: str, offset: int) -> None:
    """Whatever another tool left there is None or a well-formed meaning."""
    read = decode(text, offset)
    assert read is None or all(offset <= o < read.finished.high for o in read.finished.unfinished)


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5, 0.9, 0.99])
def test_the_whole_span_fits_however_it_is_finished(share: float) -> None:
    """Over 20,000 offsets no random pattern is longer than Kafka keeps."""
    rng = random.Random(7)  # noqa: S311 - a reproducible pattern, no secret
    unfinished = tuple(offset for offset in range(5, 5 + MAX_SPAN) if rng.random() < share)
    text = encode(progress(5, 5 + MAX_SPAN, unfinished), STORE)
    assert len(text) <= 3_200
    assert decode(text, 5) == Metadata(STORE, Finished(5 + MAX_SPAN, unfinished))


def read_on(tracker: Tracker, rng: random.Random, share: float) -> None:
    """Read as far as a reader does, over gaps, and settle a share of everything but the first."""
    limits = Limits()
    while tracker.span < limits.span:
        for _ in range(limits.fetch):
            offset = tracker.position + (tracker.span > 0 and rng.random() < 0.001)
            if tracker.add(offset) and rng.random() < share and offset != tracker.watermark:
                tracker.done(offset)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([0.0, 0.3, 0.5, 0.7, 0.95]), st.integers(0, 2**62))
def test_no_reader_comes_further_than_a_commit_can_tell(seed: int, share: float, start: int) -> None:
    """The first record is never settled, of the others any; nor does the next owner, who begins with what is told."""
    rng = random.Random(seed)  # noqa: S311 - a reproducible pattern, no secret
    tracker = Tracker(start)
    for _ in range(2):
        read_on(tracker, rng, share)
        said = tracker.progress()
        text = encode(said, STORE)
        assert (said.watermark, len(text) <= MAX_CHARACTERS) == (start, True)
        assert decode(text, start) == Metadata(STORE, said.finished)
        tracker = Tracker(start, said.finished)


def test_few_unfinished_records_take_few_characters() -> None:
    """64 unfinished among 10,000 take less than 170 characters."""
    rng = random.Random(7)  # noqa: S311 - a reproducible pattern, no secret
    unfinished = tuple(sorted(rng.sample(range(10_000), 64)))
    assert len(encode(progress(0, 10_000, unfinished), STORE)) < 170


def test_what_lies_beyond_the_span_is_left_out_not_lost() -> None:
    """Settled records too far ahead are handled again rather than making the commit too long."""
    rng = random.Random(7)  # noqa: S311 - a reproducible pattern, no secret
    unfinished = tuple(offset for offset in range(60_000) if rng.random() < 0.5)
    text = encode(progress(0, 60_000, unfinished), STORE)
    kept = tuple(offset for offset in unfinished if offset < MAX_SPAN)
    assert decode(text, 0) == Metadata(STORE, Finished(MAX_SPAN, kept))


def test_metadata_of_another_offset_is_ignored() -> None:
    """A tool that moves the position leaves stale metadata: it must not skip anything."""
    assert decode(encode(progress(10, 20, (15,)), STORE), 9) is None


def test_cut_metadata_is_ignored() -> None:
    """A truncated text is not read as fewer unfinished records."""
    text = encode(progress(0, 10_000, tuple(range(0, 10_000, 7))), STORE)
    assert [decode(text[: len(text) - cut], 0) for cut in range(1, 6)] == [None] * 5


def test_a_newer_version_is_ignored() -> None:
    """A worker of this version repeats rather than guesses what a newer one meant."""
    assert decode("w2:" + encode(progress(0, 5), STORE).removeprefix("w1:"), 0) is None
