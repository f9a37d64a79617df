"""A member of a consumer group: aiokafka's consumer in the classic protocol, one assignor, committing by hand.

Back-pressure is choosing partitions, never `pause`, which drops what was fetched and is forgotten at every rebalance.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import timedelta
from typing import Any

import structlog
from aiokafka.errors import (
    CommitFailedError,
    ConsumerStoppedError,
    IllegalStateError,
    KafkaError,
    NoOffsetForPartitionError,
    OffsetOutOfRangeError,
)
from aiokafka.structs import TopicPartition as KafkaPartition

from eventlog.errors import EventLogError, LogMisconfigured, LogUnavailable, NotOwner, PositionLost
from eventlog.kafka_admin import KafkaAdmin
from eventlog.kafka_causes import cause_of
from eventlog.kafka_client import Cluster
from eventlog.kafka_joining import Joining, within
from eventlog.kafka_kept import Kept
from eventlog.kafka_polling import Found, Polling
from eventlog.kafka_private import (
    abandon_consumer,
    committed_of,
    coordinator_known,
    died_of,
    in_group,
    leave_group,
)
from eventlog.kafka_reader import lost, out_of_range
from eventlog.kafka_rebalance import Rebalances
from eventlog.log import Assignment, Commit, Health
from schemas.record import StoredRecord, TopicPartition

log = structlog.get_logger()

# Seconds of one slice of a longer fetch: so often it looks whether the consumer still lives.
SLICE = 1.0
# Seconds without any answer to fetches after which `fetch` says that the log is away.
AWAY_AFTER = 5.0
# Characters a broker takes by default (offset.metadata.max.bytes).
METADATA = 4096


class KafkaMember:
    """See `eventlog.log.Member`."""

    def __init__(
        self,
        cluster: Cluster,
        admin: KafkaAdmin,
        group: str,
        joining: Joining,
        assignment: Assignment,
        health: Callable[[], Health],
    ) -> None:
        self._cluster = cluster
        self._admin = admin
        self._group = group
        self._joining = joining
        self._health = health
        self._rebalances = Rebalances(group, assignment)
        self._kept = Kept(group, self.committed, _now)
        self._consumer: Any = None
        self._polling: Polling | None = None
        self._renewing: asyncio.Task[None] | None = None
        self._stopped = False
        self.renewals = 0

    async def start(self) -> None:
        """See `Member.start`; returns when the group has given us our partitions."""
        await self._joining.join(self._rebalances, self._use)

    async def stop(self, timeout: timedelta) -> None:
        """See `Member.stop`."""
        if self._stopped:
            return
        self._stopped = True
        seconds = timeout.total_seconds()
        reserve = min(1.0, seconds / 4)
        await self._kept.end()
        if self._renewing is not None:
            await within(0, self._renewing)
        await within(seconds - 2 * reserve, self._rebalances.take_back())
        self._rebalances.close()
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            if coordinator_known(consumer):
                await within(reserve, leave_group(consumer))
            await abandon_consumer(consumer)
        if self._polling is not None:
            await self._polling.end(reserve)
        if self._rebalances.error is not None:
            raise self._rebalances.error

    async def fetch(
        self, partitions: Collection[TopicPartition], *, max_records: int, timeout: timedelta
    ) -> Mapping[TopicPartition, Sequence[StoredRecord]]:
        """See `Member.fetch`; what a callback of the assignment raised is raised here."""
        until = _now() + timeout.total_seconds()
        while True:
            polling = await self._ready(until)
            if polling is None:
                return {}
            self._kept.check(self._rebalances.owned)
            left = max(0.0, until - _now())
            found = await self._poll(polling, partitions, max_records, min(SLICE, left))
            if found or _now() >= until:
                break
        if not found and polling.silence.seconds >= AWAY_AFTER:
            raise self._unavailable(f"no broker has answered for {AWAY_AFTER:.0f} s or longer")
        return found

    def seek(self, at: TopicPartition, offset: int) -> None:
        """See `Member.seek`.

        Raises:
            NotOwner: the partition is not assigned to this member.
        """
        if self._polling is None:
            raise NotOwner(f"{at.topic}-{at.partition} is not assigned: the member is not in its group")
        self._polling.seek(at, offset)

    def position(self, at: TopicPartition) -> int:
        """See `Member.position`.

        Raises:
            NotOwner: the partition is not assigned to this member, or has no position yet.
        """
        position = self._polling.position(at) if self._polling and at in self._rebalances.owned else None
        if position is None:
            raise NotOwner(f"{at.topic}-{at.partition} has no position in this member")
        return position

    async def committed(self, partitions: Collection[TopicPartition]) -> Mapping[TopicPartition, Commit | None]:
        """See `Member.committed`."""
        consumer = self._consumer
        if consumer is None:
            return await self._admin.group_positions(self._group, partitions)
        try:
            async with asyncio.timeout(self._cluster.settings.commit_timeout.total_seconds()):
                found = await committed_of(consumer, [KafkaPartition(*at) for at in partitions])
        except (KafkaError, TimeoutError) as error:
            raise self._translated("asking for committed positions", error) from error
        self._kept.saw([TopicPartition(*each) for each in found])
        return {
            at: Commit(found[each].offset, found[each].metadata or "")
            if (each := KafkaPartition(*at)) in found
            else None
            for at in partitions
        }

    async def commit(self, commits: Mapping[TopicPartition, Commit]) -> None:
        """See `Member.commit`. A success proves no ownership: brokers take commits for an empty group from anyone.

        Raises:
            ValueError: the metadata has more than 4,096 characters.
        """
        for at, commit in commits.items():
            if len(commit.metadata) > METADATA:
                raise ValueError(f"metadata of a commit has at most 4,096 characters; {at} has {len(commit.metadata)}")
        if not commits:
            return
        consumer = self._consumer
        if not commits.keys() <= self._rebalances.owned or consumer is None or not in_group(consumer):
            raise NotOwner("a partition of the commit is not assigned to this member (any more)")
        try:
            async with asyncio.timeout(self._cluster.settings.commit_timeout.total_seconds()):
                await consumer.commit({KafkaPartition(*at): tuple(commit) for at, commit in commits.items()})
        except (CommitFailedError, IllegalStateError) as error:
            raise NotOwner("the group has moved on: the partitions belong to another member") from error
        except (KafkaError, TimeoutError) as error:
            raise self._translated("the commit", error) from error
        self._kept.saw(commits.keys())

    def _use(self, consumer: Any) -> None:
        self._consumer = consumer
        self._polling = Polling(consumer, self._rebalances)

    async def _ready(self, until: float) -> Polling | None:
        """What can be polled now; None when a rebalance outlasts the time."""
        if self._renewing is not None:
            await self._wait_renewal(until)
        if self._rebalances.error is not None:
            raise self._rebalances.error
        if self._polling is None or self._consumer is None:
            raise LogUnavailable(f"the member of {self._group} is not in its group: start it first")
        if not self._health().ok:  # then it is not the consumer that is deaf
            self._polling.silence.excuse(AWAY_AFTER)
        died = died_of(self._consumer)
        deaf = self._polling.silence.deaf(self._cluster.settings.silent_after.total_seconds())
        if died is not None or deaf:
            self._renewing = asyncio.create_task(self._renew(died, deaf), name="kafka-renew")
            await self._wait_renewal(until)
        try:
            async with asyncio.timeout_at(until):
                await self._rebalances.settled.wait()
        except TimeoutError:
            return None if not self._rebalances.settled.is_set() else self._polling
        return self._polling

    async def _wait_renewal(self, until: float) -> None:
        if self._renewing is None:
            return
        await asyncio.wait({self._renewing}, timeout=max(0.0, until - _now()))
        if not self._renewing.done():
            raise self._unavailable("the member joins its group again")
        renewing, self._renewing = self._renewing, None
        renewing.result()

    async def _renew(self, died: str | None, deaf: Mapping[TopicPartition, float]) -> None:
        """Give up a consumer that will never read again, and join anew; if Kafka is silent to others too it is kept."""
        began, consumer = _now(), self._consumer
        if died is None:
            if not await self._others_hear(deaf):
                return
            partitions, seconds = [f"{at.topic}-{at.partition}" for at in sorted(deaf)], round(max(deaf.values()))
            log.warning("consumer.silent", group=self._group, partitions=partitions, seconds=seconds)
        self.renewals += 1
        self._rebalances.settled.clear()
        await within(self._joining.times.rebalance, self._rebalances.take_back())
        await abandon_consumer(consumer)
        await self._joining.join(self._rebalances, self._use)
        reason = died or "it heard nothing of its partitions, though Kafka is well"
        log.warning("member.renewed", group=self._group, reason=reason, seconds=round(_now() - began, 3))

    async def _others_hear(self, partitions: Collection[TopicPartition]) -> bool:
        """Ask the partitions' brokers over other connections than the consumer's."""
        try:
            await self._admin.offsets(partitions, "end")
        except LogUnavailable:
            if self._polling is not None:
                self._polling.silence.excuse(AWAY_AFTER)
            return False
        return True

    async def _poll(
        self, polling: Polling, partitions: Collection[TopicPartition], max_records: int, seconds: float
    ) -> Found:
        try:
            return await polling.next(partitions, max_records=max_records, within=seconds)
        except OffsetOutOfRangeError as error:
            at, wanted = out_of_range(error)
            return await self._lost(polling, at, wanted)
        except NoOffsetForPartitionError as error:
            return await self._lost(polling, TopicPartition(*error.args[0]), None)
        except ConsumerStoppedError as error:
            raise self._unavailable("the consumer was stopped") from error
        except KafkaError as error:
            raise self._translated("reading", error) from error

    async def _lost(self, polling: Polling, at: TopicPartition, wanted: int | None) -> Found:
        """Raise PositionLost, unless the partition has moved on since."""
        if at not in self._rebalances.owned or polling.seeked(at):
            return {}
        error: PositionLost = lost(at, wanted, (await self._admin.offsets([at], "earliest"))[at])
        raise error

    def _translated(self, what: str, error: BaseException) -> EventLogError:
        cause = cause_of(error, self._cluster, self._cluster.settings)
        if cause.hopeless:
            return LogMisconfigured(f"{what} failed in the group {self._group}: {cause.text}")
        return self._unavailable(f"{what} failed: {cause.text}")

    def _unavailable(self, text: str) -> LogUnavailable:
        # Nothing of one member, and no count: what several of them say is to be one cause.
        health = self._health()
        return LogUnavailable(text if health.ok else health.detail or text)


def _now() -> float:
    return asyncio.get_running_loop().time()
