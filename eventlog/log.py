"""The event log, as the rest of hookline sees it: append, read in a group, commit.

Two implementations, `kafka.py` and `sqlite.py`, pass one conformance suite (`tests/contract/test_eventlog.py`).
Offsets are Kafka's: a commit names the *next* offset to read.
"""

import asyncio
from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, NamedTuple, Protocol

from schemas.record import Record, StoredRecord, TopicPartition
from schemas.topics import TopicSettings

REVOKES_WITHIN = timedelta(seconds=10)
"""Giving partitions back takes so long at most where nothing runs in them: a commit, and a word to the store."""


class Commit(NamedTuple):
    """A position of a group in a partition."""

    # The next offset to read.
    offset: int
    # At most 4,096 characters that come back with the position.
    metadata: str = ""


@dataclass(frozen=True, slots=True)
class Appending:
    """A record that was handed to the log and may not be durable yet.

    `batch` is shared by every record of its batch. When all of them are durable it resolves to the offset of the first;
    it fails with an `EventLogError` otherwise.
    """

    batch: asyncio.Future[int]
    # The record's place in its batch.
    index: int
    at: TopicPartition

    async def offset(self) -> int:
        """Wait until the record is durable; cancelling the wait does not take the record back."""
        return await asyncio.shield(self.batch) + self.index


class Assignment(Protocol):
    """What a group member is told when partitions come and go. Both calls are awaited before reading goes on."""

    async def revoked(self, partitions: frozenset[TopicPartition]) -> None:
        """These partitions go to another member: finish or drop their work, then commit."""

    async def assigned(self, partitions: frozenset[TopicPartition]) -> None:
        """These partitions are ours: position each with `Member.seek` before returning."""


class Member(Protocol):
    """One member of a consumer group. Its calls come from one task at a time, except `commit`."""

    # How often it gave up a connection that would never have heard anything again, and joined anew.
    renewals: int

    async def start(self) -> None:
        """Join the group. An absent log is waited for, not an error.

        Raises:
            LogMisconfigured: waiting would not help.
        """

    async def stop(self, timeout: timedelta) -> None:
        """Leave the group: `revoked` is called for what is still assigned. Ends within the timeout in any case."""

    async def fetch(
        self, partitions: Collection[TopicPartition], *, max_records: int, timeout: timedelta
    ) -> Mapping[TopicPartition, Sequence[StoredRecord]]:
        """Read on in the given partitions, at most `max_records` in all; empty after the timeout.

        An empty selection reads nothing and still keeps the membership alive. Partitions that are not ours are ignored.

        Raises:
            LogUnavailable: the log is away; call again.
            PositionLost: retention or a reset took the position away.
        """

    def seek(self, at: TopicPartition, offset: int) -> None:
        """Read this partition from this offset next."""

    def position(self, at: TopicPartition) -> int:
        """The next offset `fetch` would return at the earliest. It passes over gaps, as after compaction."""

    async def committed(self, partitions: Collection[TopicPartition]) -> Mapping[TopicPartition, Commit | None]:
        """The group's positions; None where nothing was ever committed.

        Raises:
            LogUnavailable: the log is away.
        """

    async def commit(self, commits: Mapping[TopicPartition, Commit]) -> None:
        """Store positions durably.

        Raises:
            NotOwner: a partition belongs to another member by now; nothing of this commit counts.
            LogUnavailable: it may or may not be stored.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """Whether the log answers now."""

    ok: bool
    # What happened and what to do, for people; empty when all is well.
    detail: str = ""


class EventLog(Protocol):
    """One connection to the log, shared by a process."""

    # What the receiver answers in `stored`.
    kind: Literal["kafka", "sqlite"]

    async def start(self) -> None:
        """Connect. An absent Kafka is not an error: it is tried again in the background.

        Raises:
            LogMisconfigured: waiting would not help.
        """

    async def stop(self, timeout: timedelta) -> None:
        """Make durable what was appended, then disconnect. Ends within the timeout in any case."""

    async def identity(self) -> str:
        """What tells this log from every other: places, offsets and positions mean something in one log only.

        Raises:
            LogUnavailable: the log is away.
            LogMisconfigured: another log answers now than when this process met it first.
        """

    def append(self, record: Record, *, partition: int | None = None) -> Appending:
        """Hand over a record; order of calls is order in the partition. Returns at once; needs a running loop.

        Args:
            record: what to keep.
            partition: where; else murmur2 of the key as Kafka's own clients do it, any partition without a key.

        Raises:
            RecordRefused: the log can never take it.
            LogUnavailable: too much is waiting already, or the log is known to be away.
        """

    def health(self) -> Health:
        """The last known state; costs nothing."""

    def member(
        self, group: str, topics: Sequence[str], assignment: Assignment, *, revokes_within: timedelta = REVOKES_WITHIN
    ) -> Member:
        """A new member of a consumer group, not yet started.

        Args:
            group: its name.
            topics: what it reads.
            assignment: is told of partitions.
            revokes_within: the longest that `assignment.revoked` takes. Kafka gives partitions to another member after
                its `rebalance_timeout` in any case, and tells nobody.
        """

    async def partitions(self, topics: Collection[str]) -> Mapping[str, int]:
        """Topic → number of partitions, for those that exist.

        Raises:
            LogUnavailable: the log is away.
        """

    async def create(self, topics: Mapping[str, TopicSettings]) -> None:
        """Create topics. Those that exist stay as they are.

        Raises:
            LogUnavailable: the log is away.
            LogMisconfigured: the log refuses, for lack of rights for instance.
        """

    async def offsets(
        self, partitions: Collection[TopicPartition], at: Literal["earliest", "end"] | datetime
    ) -> Mapping[TopicPartition, int]:
        """For each partition the first offset it has, the next it will give, or the first at or after a time.

        Raises:
            LogUnavailable: the log is away.
        """

    def read(
        self, start: Mapping[TopicPartition, int], *, follow: bool, until: Mapping[TopicPartition, int] | None = None
    ) -> AsyncGenerator[StoredRecord]:
        """Read partitions without a group, from the given offsets to today's end, or for ever when following.

        Args:
            start: partition → the first offset to read.
            follow: whether to wait for what is appended.
            until: partition → the offset to end before, where that is not today's end; only without following.
        """

    async def group_positions(
        self, group: str, partitions: Collection[TopicPartition]
    ) -> Mapping[TopicPartition, Commit | None]:
        """A group's positions, seen from outside it.

        Raises:
            LogUnavailable: the log is away.
        """

    async def forget(self, group: str) -> None:
        """Drop a group with its positions, so that it holds nothing back any more. One that is not there is dropped.

        Raises:
            NotOwner: a member still reads for it.
            LogUnavailable: the log is away.
        """
