"""Being the only one who works for a group: what an operator changes of an entry, he changes while it is idle.

Joining the group is the lock: whoever is given all its partitions knows that no worker of it has work, on any machine.
A group of Kafka's with more members than partitions may give them all to us while a worker stands by: that one is given
them back afterwards, and finds what was changed.
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta

from dispatcher.errors import GroupInUse
from eventlog.errors import NotOwner
from eventlog.log import Commit, EventLog, Member
from schemas.events import BY_TYPE
from schemas.record import TopicPartition
from schemas.topics import Topics

ALONE = 60.0
"""Seconds until a group has surely given us what nobody else holds: a crashed member is forgotten by then."""

_TURN = timedelta(milliseconds=200)
_LEAVES = timedelta(seconds=5)


@dataclass(slots=True)
class Hold:
    """All partitions of a group that were asked for; an `Assignment` that reads nothing."""

    group: str
    wanted: frozenset[TopicPartition]
    partitions: set[TopicPartition] = field(default_factory=set)
    member: Member | None = None

    async def revoked(self, partitions: frozenset[TopicPartition]) -> None:
        """These went to somebody else."""
        self.partitions -= partitions

    async def assigned(self, partitions: frozenset[TopicPartition]) -> None:
        """These are ours."""
        for at in partitions:
            self._member.seek(at, 0)
        self.partitions |= partitions

    def check(self) -> None:
        """Make sure that nobody has joined meanwhile.

        Raises:
            GroupInUse: somebody has.
        """
        if not self.wanted <= self.partitions:
            raise GroupInUse(self.group)

    async def commit(self, commits: Mapping[TopicPartition, Commit]) -> None:
        """Store positions of the group.

        Raises:
            GroupInUse: somebody has joined meanwhile; nothing was stored.
            LogUnavailable: they may or may not be stored.
        """
        self.check()
        try:
            await self._member.commit(commits)
        except NotOwner as error:
            raise GroupInUse(self.group) from error

    async def turn(self) -> None:
        """Keep the membership alive."""
        await self._member.fetch([], max_records=1, timeout=_TURN)

    @property
    def _member(self) -> Member:
        if self.member is None:
            raise AssertionError("unreachable: it is set before the member starts")
        return self.member


@asynccontextmanager
async def alone(
    log: EventLog, group: str, partitions: Collection[TopicPartition], *, within: float = ALONE
) -> AsyncIterator[Hold]:
    """Hold partitions of a group, so that nobody works on them.

    Args:
        log: the event log.
        group: the consumer group.
        partitions: all that matter.
        within: how long to wait for them, in seconds.

    Raises:
        GroupInUse: others are members of the group.
        EventLogError: the log failed.
    """
    held = Hold(group, frozenset(partitions))
    member = held.member = log.member(group, sorted({at.topic for at in partitions}), held)
    keeping: asyncio.Task[None] | None = None
    try:
        try:
            async with asyncio.timeout(within):
                await member.start()
                while not held.wanted <= held.partitions:
                    await held.turn()
        except TimeoutError as error:
            raise GroupInUse(group) from error
        keeping = asyncio.create_task(_keep(held))
        yield held
    finally:
        if keeping is not None:
            keeping.cancel()
            # when it failed the next commit is refused
            await asyncio.gather(keeping, return_exceptions=True)
        await member.stop(_LEAVES)


async def partitions_of(log: EventLog, topics: Collection[str]) -> list[TopicPartition]:
    """Every partition of some topics, of those that exist.

    Raises:
        LogUnavailable: the log is away.
    """
    counts = await log.partitions(topics)
    return [TopicPartition(name, number) for name, count in sorted(counts.items()) for number in range(count)]


def readable(topics: Topics) -> frozenset[str]:
    """The topics an entry may read, whatever its handler is given."""
    return frozenset(topics.of(event_type) for event_type in BY_TYPE)


async def _keep(held: Hold) -> None:
    while True:
        await held.turn()
