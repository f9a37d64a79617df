"""The embedded event log: one SQLite file with Kafka's words and semantics, for one machine.

Several processes may share the file. Appends are durable (WAL, `synchronous=FULL`) when their offset is known; what
arrives while a transaction runs forms the next one (`sqlite_writer`). A group's partitions belong to one member at a
time (`sqlite_lease`, `sqlite_member`). Nothing that a group has not settled is ever dropped (`sqlite_retention`).
"""

import asyncio
import itertools
import weakref
from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Literal

import structlog

from eventlog import sqlite_lease as lease
from eventlog import sqlite_reading as reading
from eventlog.errors import LogMisconfigured, LogUnavailable, NotOwner, PositionLost, RecordRefused
from eventlog.log import REVOKES_WITHIN, Appending, Assignment, Commit, Health
from eventlog.partitioner import partition_of
from eventlog.sqlite_clock import Clock, SystemClock
from eventlog.sqlite_damage import Damage
from eventlog.sqlite_member import LeaseSettings, SqliteMember
from eventlog.sqlite_records import row_of
from eventlog.sqlite_schema import prepare
from eventlog.sqlite_stream import File, stream
from eventlog.sqlite_threads import Connections
from eventlog.sqlite_topics import apply, create
from eventlog.sqlite_upkeep import Upkeep
from eventlog.sqlite_watch import Watch, look
from eventlog.sqlite_writer import Bounds, Writer
from schemas.record import Record, StoredRecord, TopicPartition
from schemas.topics import TopicSettings

log = structlog.get_logger()

# Threads that read: a slow disk must not let one reader wait for another.
_READERS = 2

_EPOCH = datetime.fromtimestamp(0, UTC)


class SqliteEventLog:
    """`EventLog` in a file.

    Args:
        path: the file; made with its folder when absent, readable by its owner only.
        topics: full name → how existing topics are kept from now on (retention, compaction); topics appear by `create`.
        max_bytes: bytes of the file in use at which appends are refused.
        lease: how long a silent member keeps its group.
        upkeep: how often retention looks.
        notice: how soon appends of other processes are noticed.
        clock: where the time comes from.
    """

    kind: Literal["kafka", "sqlite"] = "sqlite"

    def __init__(
        self,
        path: Path,
        *,
        topics: Mapping[str, TopicSettings] | None = None,
        max_bytes: int = 10 * 1024**3,
        lease: LeaseSettings | None = None,
        upkeep: timedelta = timedelta(seconds=30),
        notice: timedelta = timedelta(milliseconds=20),
        clock: Clock | None = None,
    ) -> None:
        self._path = path
        self._settings = dict(topics or {})
        self._lease = lease or LeaseSettings()
        self._bounds = Bounds(file_bytes=max_bytes)
        clock = clock or SystemClock()
        self._damage = Damage(path)
        self._writing = Connections(path, "writer", damage=self._damage)
        self._reading = Connections(path, "reader", damage=self._damage, threads=_READERS, read_only=True)
        self._watching = Connections(path, "watch", damage=self._damage, read_only=True)
        watch = Watch(self._watching, every=notice)
        writer = Writer(self._writing, self._bounds, reached=watch.reached, name=str(path), damage=self._damage)
        self._file = File(writer=writer, readers=self._reading, watch=watch, clock=clock)
        self._upkeep = Upkeep(writer, clock, file_bytes=max_bytes, every=upkeep, name=str(path))
        self._keeping: asyncio.Task[None] | None = None
        self._identity = ""
        self._members: weakref.WeakSet[SqliteMember] = weakref.WeakSet()
        # Where the next record without a key goes.
        self._round = itertools.count()

    async def start(self) -> None:
        """Open the file, making it when it is absent.

        Raises:
            LogMisconfigured: no log can be kept there; the text says why.
        """
        self._identity = f"sqlite:{await asyncio.to_thread(prepare, self._path)}"
        self._file.writer.start()
        try:
            await self._file.writer.run(partial(apply, topics=self._settings))
            await self._file.watch.start()
        except LogUnavailable as error:
            await self.stop(timedelta(seconds=1))
            raise LogMisconfigured(str(error)) from error
        self._keeping = asyncio.create_task(self._upkeep.run(), name="eventlog-upkeep")
        log.info("log.connected", log=str(self._path))

    async def stop(self, timeout: timedelta) -> None:
        """Make durable what was appended, then close the file. Stop members before: those that run are abandoned."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout.total_seconds()
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.wait({self._keeping})
        for member in list(self._members):
            await member.abandon()
        await self._file.watch.stop()
        try:
            async with asyncio.timeout_at(deadline):
                await self._file.writer.stop()
        except TimeoutError:
            log.warning("log.lost", log=str(self._path), cause="it was stopped before everything was written")
        for connections in (self._watching, self._reading, self._writing):  # the last one closed tidies the file
            await connections.close(timedelta(seconds=max(deadline - loop.time(), 0)))

    async def identity(self) -> str:
        """What tells the file from every other log; a copy of it is the same log. See `EventLog`."""
        if not self._identity:
            raise LogUnavailable(f"{self._path} is not opened yet: start the log first")
        return self._identity

    def append(self, record: Record, *, partition: int | None = None) -> Appending:
        """Hand over a record; see `EventLog`.

        Raises:
            RecordRefused: the log can never take it.
            LogUnavailable: too much is waiting already, or the disk hangs.
        """
        topic = self._file.watch.topics.get(record.topic)
        if topic is None and not self._file.writer.closed:
            raise RecordRefused(
                f"no topic {record.topic!r} in {self._path}: create it with `hookline topics apply`", topic=record.topic
            )
        if topic is None:
            raise LogUnavailable(self._file.writer.closed)
        if partition is None:
            key = record.key
            partition = next(self._round) % len(topic.places) if key is None else partition_of(key, len(topic.places))
        return self._file.writer.append(
            topic.place(partition), row_of(record, topic.compact, self._bounds.record_bytes)
        )

    def health(self) -> Health:
        """The last known state: how the last transaction went, and whether anybody met damage."""
        writer = self._file.writer
        detail = writer.closed or writer.why_stuck() or self._damage.text or writer.trouble
        return Health(ok=not detail, detail=detail)

    def member(
        self,
        group: str,
        topics: Sequence[str],
        assignment: Assignment,
        *,
        revokes_within: timedelta = REVOKES_WITHIN,  # noqa: ARG002 - who gives partitions back keeps its lease for it
    ) -> SqliteMember:
        """A new member of a group, not yet started."""
        member = SqliteMember(self._file, group, topics, assignment, self._lease)
        self._members.add(member)
        return member

    async def partitions(self, topics: Collection[str]) -> Mapping[str, int]:
        """Topic → number of partitions; see `EventLog`."""
        snapshot = await self._reading.run(look)
        return {name: len(snapshot.topics[name].places) for name in topics if name in snapshot.topics}

    async def create(self, topics: Mapping[str, TopicSettings]) -> None:
        """Create topics; see `EventLog`."""
        self._file.watch.saw(await self._file.writer.run(partial(create, topics=topics)))

    async def offsets(
        self, partitions: Collection[TopicPartition], at: Literal["earliest", "end"] | datetime
    ) -> Mapping[TopicPartition, int]:
        """Offsets of partitions that exist; see `EventLog`."""
        when = at if isinstance(at, str) else -((_EPOCH - at) // timedelta(milliseconds=1))  # rounded up
        places = self._file.watch.places(partitions)
        found = await self._reading.run(partial(reading.offsets, places=places, at=when))
        return {place.at: offset for place, offset in zip(places, found, strict=True)}

    def read(
        self, start: Mapping[TopicPartition, int], *, follow: bool, until: Mapping[TopicPartition, int] | None = None
    ) -> AsyncGenerator[StoredRecord]:
        """Read without a group; see `EventLog`.

        Raises:
            PositionLost: an offset is not in the log, or retention overtook the reader.
            LogUnavailable: the log is away.
        """
        places = {place.at: place for place in self._file.watch.places(start)}
        for at, offset in start.items():
            if at not in places:
                name = f"{at.topic} partition {at.partition}"
                raise PositionLost(f"there is no {name} in {self._path}", at=at, wanted=offset, earliest=0)
        until = until or {}
        left = {at: offset for at, offset in start.items() if offset < until.get(at, offset + 1)}
        limits = {places[at]: until[at] for at in left if at in until}
        return stream(self._file, {places[at]: left[at] for at in left}, follow=follow, until=limits)

    async def group_positions(
        self, group: str, partitions: Collection[TopicPartition]
    ) -> Mapping[TopicPartition, Commit | None]:
        """A group's positions; see `EventLog`."""
        known = await self._reading.run(
            partial(reading.positions, group=group, places=self._file.watch.places(partitions))
        )
        return {at: known.get(at) for at in partitions}

    async def trim(self) -> None:
        """Let retention and compaction look now instead of at their time.

        Raises:
            LogUnavailable: the log is away.
        """
        await self._upkeep.once()

    async def groups(self) -> frozenset[str]:
        """The groups that committed a position: what they have not settled is never dropped."""
        return await self._reading.run(reading.groups)

    async def forget(self, group: str) -> None:
        """Drop a group's positions, so that it holds nothing back any more.

        Raises:
            NotOwner: a member still reads for it.
            LogUnavailable: the log is away.
        """
        clock = self._file.clock
        if not await self._file.writer.run(lambda connection: lease.forget(connection, group, clock.moment())):
            raise NotOwner(f"a member still reads as {group}: stop it, then forget the group")
