"""Reading what a log still has: retention may drop records between the question where they begin and the reading."""

import sys
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing

from eventlog.errors import PositionLost
from eventlog.log import EventLog
from schemas.record import StoredRecord, TopicPartition


def _unheard(_at: TopicPartition, _earliest: int) -> None:
    pass


async def read_on(
    log: EventLog,
    start: Mapping[TopicPartition, int],
    *,
    follow: bool = False,
    until: Mapping[TopicPartition, int] | None = None,
    moved: Callable[[TopicPartition, int], None] = _unheard,
) -> AsyncGenerator[StoredRecord]:
    """Read as `EventLog.read` does; where retention overtakes it go on with what is there, and tell how much is gone.

    Args:
        log: where from.
        start: partition → the first offset to read.
        follow: whether to wait for what is appended.
        until: partition → the offset to end before; only without following.
        moved: told of a partition that lost records, and of the first offset it has now.

    Raises:
        EventLogError: the log is away, or was replaced by an older one.
    """
    left = dict(start)
    while left:
        try:
            async with aclosing(log.read(dict(left), follow=follow, until=until)) as records:
                async for record in records:
                    left[record.at] = record.offset + 1
                    yield record
        except PositionLost as lost:
            at, end = lost.at, (until or {}).get(lost.at, lost.earliest)
            if lost.earliest <= left[at]:
                raise
            gone = min(lost.earliest, end) - left[at]
            what = f"{gone:,} record{'s' * (gone != 1)} of {at.topic}/{at.partition}"
            sys.stderr.write(f"hookline: retention dropped {what} meanwhile\n")
            moved(at, lost.earliest)
            left[at] = lost.earliest
            if end < lost.earliest:
                del left[at]
        else:
            return
