"""What can go wrong between hookline and its event log.

EventLogError
├── LogUnavailable      the log did not answer in time, or cannot be reached: the same call may succeed later
│   └── LogFull         the log is at its size bound: appends are refused until space is made
├── RecordRefused       the log will never take this record (too large, unknown topic, no right to write)
├── NotOwner            another member owns the partition now: drop it, its commits are refused
├── PositionLost        the committed position is missing or out of range: reading on would skip or repeat records
└── LogMisconfigured    the address, credentials or file cannot work; the text says what to change
"""

from datetime import timedelta

from schemas.record import TopicPartition


class EventLogError(Exception):
    """The event log failed; the text names the cause and what to do, never a record's content."""


class LogUnavailable(EventLogError):
    """The log did not answer in time or cannot be reached.

    An append that failed so may still be written later: publish it again under the same id only.
    """

    def __init__(self, message: str, *, retry_after: timedelta = timedelta(seconds=1)) -> None:
        super().__init__(message)
        # When it is worth trying again.
        self.retry_after = retry_after


class LogFull(LogUnavailable):
    """The log is at its size bound, or what waits to be appended is."""


class RecordRefused(EventLogError):
    """The log will never take this record."""

    def __init__(self, message: str, *, topic: str) -> None:
        super().__init__(message)
        self.topic = topic


class NotOwner(EventLogError):
    """The partitions belong to another member of the group."""


class PositionLost(EventLogError):
    """A committed position does not exist in the log any more, or none is committed."""

    def __init__(self, message: str, *, at: TopicPartition, wanted: int | None, earliest: int) -> None:
        super().__init__(message)
        self.at = at
        # The offset that was to be read next; None when nothing is committed.
        self.wanted = wanted
        # The first offset the log still has.
        self.earliest = earliest


class LogMisconfigured(EventLogError):
    """The configuration cannot work; waiting will not help."""
