"""A group member without a log, for the parts that only talk to one."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from dispatcher.partition import Partition, Recent
from dispatcher.tracker import Tracker
from eventlog.log import Commit
from schemas.record import StoredRecord, TopicPartition
from store.owners import Epoch

AT = TopicPartition("t", 0)
OTHER = TopicPartition("t", 1)


def partition(at: TopicPartition = AT, *, start: int = 0, epoch: int = 1) -> Partition:
    """A partition that was just taken over."""
    return Partition(at=at, epoch=Epoch(value=epoch, clean=True), tracker=Tracker(start), recent=Recent(10))


@dataclass
class FakeMember:
    """`eventlog.log.Member`, as far as it is called."""

    found: Mapping[TopicPartition, Sequence[StoredRecord]] = field(default_factory=dict)
    # Called in the middle of a fetch.
    meanwhile: Callable[[], None] = lambda: None
    positions: dict[TopicPartition, int] = field(default_factory=dict)
    # What each call was given.
    fetched: list[tuple[TopicPartition, ...]] = field(default_factory=list)
    sought: list[tuple[TopicPartition, int]] = field(default_factory=list)
    committed_: list[dict[TopicPartition, Commit]] = field(default_factory=list)
    errors: list[Exception] = field(default_factory=list)
    renewals: int = 0

    async def start(self) -> None: ...

    async def stop(self, timeout: timedelta) -> None: ...

    async def fetch(
        self,
        partitions: Collection[TopicPartition],
        *,
        max_records: int,  # noqa: ARG002 - the test says what is found
        timeout: timedelta,  # noqa: ARG002 - and at once
    ) -> Mapping[TopicPartition, Sequence[StoredRecord]]:
        self.fetched.append(tuple(partitions))
        self.meanwhile()
        return self.found

    def seek(self, at: TopicPartition, offset: int) -> None:
        self.sought.append((at, offset))

    def position(self, at: TopicPartition) -> int:
        return self.positions.get(at, 0)

    async def committed(self, partitions: Collection[TopicPartition]) -> Mapping[TopicPartition, Commit | None]:
        return dict.fromkeys(partitions)

    async def commit(self, commits: Mapping[TopicPartition, Commit]) -> None:
        if self.errors:
            raise self.errors.pop(0)
        self.committed_.append(dict(commits))
