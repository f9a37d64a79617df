"""How far the events of a replay were read: where each partition began, what is next, and where it ends. Pure."""

import json
from collections.abc import Mapping
from typing import NamedTuple, TypeAlias

from schemas.record import TopicPartition


class Span(NamedTuple):
    """A part of a partition that is read."""

    start: int
    # The next offset to look at.
    next: int
    # What stands from here on came later, and is not meant.
    end: int
    # So many of what was passed had been dropped by the log before it could be read.
    gone: int = 0

    @property
    def left(self) -> int:
        """Offsets that were not looked at."""
        return max(0, self.end - self.next)


Cursor: TypeAlias = Mapping[TopicPartition, Span]
"""The parts of all partitions."""


def beginning(starts: Mapping[TopicPartition, int], ends: Mapping[TopicPartition, int]) -> Cursor:
    """What is read from these offsets to those; partitions without an end, or with nothing to read, are left out."""
    spans = {at: Span(start, start, ends[at]) for at, start in starts.items() if at in ends}
    return {at: span for at, span in spans.items() if span.left}


def passed(cursor: Cursor, reached: Mapping[TopicPartition, int]) -> Cursor:
    """The cursor when partitions were read up to these offsets; never goes back."""
    return {
        at: span._replace(next=min(max(span.next, reached.get(at, 0)), max(span.next, span.end)))
        for at, span in cursor.items()
    }


def without(cursor: Cursor, first: Mapping[TopicPartition, int]) -> Cursor:
    """The cursor when partitions begin at these offsets: what is before them can not be read any more."""
    moved = passed(cursor, first)
    return {at: span._replace(gone=span.gone + span.next - cursor[at].next) for at, span in moved.items()}


def at_end(cursor: Cursor) -> Cursor:
    """The cursor when everything was looked at."""
    return passed(cursor, {at: span.end for at, span in cursor.items()})


def left(cursor: Cursor) -> int:
    """Offsets that were not looked at."""
    return sum(span.left for span in cursor.values())


def looked(cursor: Cursor) -> int:
    """Offsets that were."""
    return sum(span.next - span.start - span.gone for span in cursor.values())


def gone(cursor: Cursor) -> int:
    """Offsets that could not be: the log had dropped them."""
    return sum(span.gone for span in cursor.values())


def encode(cursor: Cursor) -> str:
    """As the store keeps it."""
    # as before there was a count of what is gone, unless there is some
    spans = ((at, span if span.gone else span[:3]) for at, span in sorted(cursor.items()))
    return json.dumps([[*at, *span] for at, span in spans], separators=(",", ":"))


def decode(text: str) -> Cursor:
    """What `encode` wrote."""
    return {TopicPartition(topic, partition): Span(*span) for topic, partition, *span in json.loads(text)}
