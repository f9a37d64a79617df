"""Taking over the positions of a group whose state store is lost, for the store there is now."""

from collections.abc import Mapping, Sequence

from dispatcher import metadata
from dispatcher.alone import ALONE, alone, partitions_of
from dispatcher.tracker import Progress
from eventlog.log import Commit, EventLog
from schemas.record import TopicPartition


async def foreign(
    log: EventLog, group: str, topics: Sequence[str], *, ours: str
) -> Mapping[TopicPartition, metadata.Metadata]:
    """The positions of a group that belong to another state store.

    Raises:
        LogUnavailable: the log is away.
    """
    return _foreign(await log.group_positions(group, await partitions_of(log, topics)), ours)


async def adopt(log: EventLog, group: str, topics: Sequence[str], *, ours: str, within: float = ALONE) -> int:
    """Make the positions of a group those of another state store; returns how many were not.

    What was settled stays settled; what waited in the former store is not brought back.

    Args:
        log: the event log.
        group: the consumer group of a handler's entry.
        topics: those the entry reads.
        ours: the id of the store.
        within: how long to wait for the whole group, in seconds.

    Raises:
        GroupInUse: others are members of the group.
        EventLogError: the log failed.
    """
    if not await foreign(log, group, topics, ours=ours):
        return 0
    partitions = await partitions_of(log, topics)
    async with alone(log, group, partitions, within=within) as held:
        committed = await log.group_positions(group, partitions)
        theirs = _foreign(committed, ours)
        await held.commit({at: _ours(commit, theirs[at], ours) for at, commit in committed.items() if at in theirs})
    return len(theirs)


def _foreign(commits: Mapping[TopicPartition, Commit | None], ours: str) -> Mapping[TopicPartition, metadata.Metadata]:
    known = {
        at: found
        for at, commit in commits.items()
        if commit is not None and (found := metadata.decode(commit.metadata, commit.offset)) is not None
    }
    return {at: found for at, found in known.items() if found.store != ours}


def _ours(commit: Commit | None, found: metadata.Metadata, store: str) -> Commit:
    if commit is None:
        raise AssertionError("unreachable: only positions that are there are another store's")
    return Commit(commit.offset, metadata.encode(Progress(commit.offset, found.finished), store))
