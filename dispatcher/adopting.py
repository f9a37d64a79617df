"""Taking over the positions of a group whose state store is lost, for the store there is now.

Joining the group is the lock: whoever is given all its partitions knows that no worker of it has work, on any machine.
A group of Kafka's with more members than partitions may give them all to us while a worker stands by: that one stops
with `ForeignStore` when it is given them back.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from dispatcher import metadata
from dispatcher.errors import GroupInUse
from dispatcher.tracker import Progress
from eventlog.log import Commit, EventLog, Member
from schemas.record import TopicPartition

# Seconds until the group has surely given us what nobody else holds: a crashed member is forgotten by then.
_ALONE = 60.0
_TURN = timedelta(milliseconds=200)
_LEAVES = timedelta(seconds=5)


@dataclass(slots=True)
class _Held:
    """An `Assignment` that reads nothing."""

    partitions: set[TopicPartition] = field(default_factory=set)
    member: Member | None = None

    async def revoked(self, partitions: frozenset[TopicPartition]) -> None:
        self.partitions -= partitions

    async def assigned(self, partitions: frozenset[TopicPartition]) -> None:
        if self.member is None:
            raise AssertionError("unreachable: it is set before the member starts")
        for at in partitions:
            self.member.seek(at, 0)
        self.partitions |= partitions


async def foreign(
    log: EventLog, group: str, topics: Sequence[str], *, ours: str
) -> Mapping[TopicPartition, metadata.Metadata]:
    """The positions of a group that belong to another state store.

    Raises:
        LogUnavailable: the log is away.
    """
    counts = await log.partitions(topics)
    partitions = [TopicPartition(name, number) for name, count in counts.items() for number in range(count)]
    return _foreign(await log.group_positions(group, partitions), ours)


async def adopt(log: EventLog, group: str, topics: Sequence[str], *, ours: str, alone: float = _ALONE) -> int:
    """Make the positions of a group those of another state store; returns how many were not.

    What was settled stays settled; what waited in the former store is not brought back.

    Args:
        log: the event log.
        group: the consumer group of a handler's entry.
        topics: those the entry reads.
        ours: the id of the store.
        alone: how long to wait for the whole group, in seconds.

    Raises:
        GroupInUse: others are members of the group.
        EventLogError: the log failed.
    """
    wanted = (await foreign(log, group, topics, ours=ours)).keys()
    if not wanted:
        return 0
    held = _Held()
    member = held.member = log.member(group, topics, held)
    try:
        try:
            async with asyncio.timeout(alone):
                await member.start()
                while not wanted <= held.partitions:
                    await member.fetch([], max_records=1, timeout=_TURN)
        except TimeoutError as error:
            raise GroupInUse(group) from error
        committed = await member.committed(wanted)
        theirs = _foreign(committed, ours)
        await member.commit({at: _ours(commit, theirs[at], ours) for at, commit in committed.items() if at in theirs})
    finally:
        await member.stop(_LEAVES)
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
