"""A member of a group on the embedded log: it owns all partitions of the group, or stands by."""

import asyncio
import os
import secrets
import socket
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

import structlog

from eventlog import sqlite_lease as lease
from eventlog import sqlite_reading as reading
from eventlog.errors import LogUnavailable, NotOwner, PositionLost
from eventlog.log import Assignment, Commit
from eventlog.sqlite_reading import Want
from eventlog.sqlite_stream import File
from eventlog.sqlite_watch import Place
from schemas.record import StoredRecord, TopicPartition

log = structlog.get_logger()

MAX_METADATA = 4096
"""Characters of a commit's metadata, as Kafka's `offset.metadata.max.bytes` has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseSettings:
    """How long a group belongs to a member that does not show itself."""

    lasts: timedelta = timedelta(seconds=10)
    # How often it is renewed; several times per lease.
    heartbeat: timedelta = timedelta(seconds=2)


class SqliteMember:
    """`Member` on the embedded log."""

    # A file does not fall silent.
    renewals = 0

    def __init__(
        self, file: File, group: str, topics: Sequence[str], assignment: Assignment, settings: LeaseSettings
    ) -> None:
        self._file = file
        self._group = group
        self._topics = tuple(topics)
        self._assignment = assignment
        self._settings = settings
        # The token of the lease we hold, as far as we know.
        self._token = ""
        # Ours to commit, and while they are given or taken away too; `_readable` only between the two.
        self._assigned: dict[TopicPartition, Place] = {}
        self._readable: frozenset[TopicPartition] = frozenset()
        # Where to read next; None where nothing is known, which is an error when it is read.
        self._positions: dict[TopicPartition, int | None] = {}
        self._turn = 0
        self._standing_by = False
        self._leaving = False
        # Set when something about the membership changes; `_stay` sleeps on the one, `fetch` on the other.
        self._stir = asyncio.Event()
        self._fetching = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        # Whether `fetch` has raised what ended the task.
        self._told = False

    async def start(self) -> None:
        """Join the group: another member may have it for now."""
        self._task = asyncio.create_task(self._stay(), name=f"eventlog-member-{self._group}")
        self._task.add_done_callback(lambda _: self._fetching.set())

    async def stop(self, timeout: timedelta) -> None:
        """Leave the group; what is still assigned is revoked first. What `revoked` raises is raised here.

        When that takes longer than the timeout the lease is not given back: it runs out, so that nobody begins while
        our work may still be going on.
        """
        self._leaving = True
        self._stir.set()
        if self._task is None:
            return
        seconds = timeout.total_seconds()
        _, late = await asyncio.wait({self._task}, timeout=seconds * 0.9)
        if late:
            self._task.cancel()
            await asyncio.wait({self._task}, timeout=seconds * 0.1)
        self._assigned, self._readable = {}, frozenset()
        if self._task.done() and not self._task.cancelled() and not self._told:
            self._task.result()

    async def abandon(self) -> None:
        """End without a word, as a crash would: the lease runs out by itself."""
        self._leaving, self._readable = True, frozenset()
        if self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.wait({self._task})

    async def fetch(
        self, partitions: Collection[TopicPartition], *, max_records: int, timeout: timedelta
    ) -> Mapping[TopicPartition, Sequence[StoredRecord]]:
        """Read on; see `Member`. What `revoked` or `assigned` raised is raised here."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout.total_seconds()
        while True:
            self._check_joined()
            wants = self._wants(partitions)
            with self._file.watch.waiting([want.place.id for want in wants]) as self._fetching:
                if wants and (found := await self._read(wants, max_records)):
                    return found
                try:
                    async with asyncio.timeout_at(deadline):
                        await self._fetching.wait()
                except TimeoutError:
                    return {}

    def seek(self, at: TopicPartition, offset: int) -> None:
        """Read this partition from this offset next; of no effect when it is not ours any more."""
        if at in self._assigned:
            self._positions[at] = offset

    def position(self, at: TopicPartition) -> int:
        """The next offset to be fetched.

        Raises:
            NotOwner: the partition is not ours.
            PositionLost: there is none: nothing was committed, and `seek` was not called.
        """
        if at not in self._assigned:
            raise NotOwner(f"{at.topic} partition {at.partition} is not assigned to this member of {self._group}")
        position = self._positions.get(at)
        if position is None:
            raise PositionLost(f"{self._group} has no position in {at}: seek first", at=at, wanted=None, earliest=0)
        return position

    async def committed(self, partitions: Collection[TopicPartition]) -> Mapping[TopicPartition, Commit | None]:
        """The group's positions; see `Member`."""
        places = self._file.watch.places(partitions)
        known = await self._file.readers.run(partial(reading.positions, group=self._group, places=places))
        return {at: known.get(at) for at in partitions}

    async def commit(self, commits: Mapping[TopicPartition, Commit]) -> None:
        """Store positions; see `Member`.

        Raises:
            ValueError: metadata is longer than 4,096 characters, or an offset is negative.
        """
        for commit in commits.values():
            if len(commit.metadata) > MAX_METADATA:
                raise ValueError(f"commit metadata of {len(commit.metadata):,} characters: at most 4,096 are kept")
            if commit.offset < 0:
                raise ValueError(f"commit of offset {commit.offset}: offsets begin at 0")
        if foreign := commits.keys() - self._assigned.keys():
            raise NotOwner(f"not assigned to this member of {self._group}: {sorted(foreign)}")
        stored = [
            lease.Position(self._assigned[at].id, commit.offset, commit.metadata) for at, commit in commits.items()
        ]
        token = self._token
        job = partial(lease.commit, group=self._group, token=token, positions=stored)
        if not token or not await self._file.writer.run(job):
            self._lost(token)
            raise NotOwner(
                f"another member reads as {self._group} by now: this one was silent for longer than its lease"
            )

    async def _stay(self) -> None:
        """Be a member until we leave."""
        while not self._leaving:
            token = secrets.token_hex(16)
            while not (taken := await self._take_over(token)) and not self._leaving:
                pass
            if not taken:
                return
            self._token, self._standing_by = token, False
            beating = asyncio.create_task(self._beat(token), name=f"eventlog-lease-{self._group}")
            try:
                await self._own(token)
            finally:
                beating.cancel()
                await asyncio.wait({beating})

    async def _take_over(self, token: str) -> bool:
        """Take the group when it is free; else wait a while for that."""
        clock, writer = self._file.clock, self._file.writer
        holder, lasts = f"{socket.gethostname()}:{os.getpid()}", round(self._settings.lasts / timedelta(milliseconds=1))
        with self._file.watch.waiting([self._group]) as freed:
            self._stir = freed
            try:
                held = await self._file.readers.run(partial(lease.held_by, group=self._group))
                if lease.is_free(held, clock.moment()) and await writer.run(
                    lambda connection: lease.acquire(connection, self._group, token, holder, lasts, clock.moment())
                ):
                    return True
                self._note_holder(held)
                pause = lease.remaining(held, clock.moment()) + timedelta(milliseconds=10)
            except LogUnavailable:
                pause = self._settings.heartbeat
            if not self._leaving:
                await _wait(freed, min(pause, self._settings.heartbeat))
        return False

    def _note_holder(self, held: lease.Held | None) -> None:
        if held is not None and not self._standing_by:
            self._standing_by = True
            log.info("group.awaited", group=self._group, holder=held.holder)

    async def _beat(self, token: str) -> None:
        """Renew the lease until it is lost."""
        clock = self._file.clock
        while token == self._token:
            await asyncio.sleep(self._settings.heartbeat.total_seconds())
            try:
                ours = await self._file.writer.run(
                    lambda connection: lease.renew(connection, self._group, token, clock.moment())
                )
            except LogUnavailable:
                continue  # whoever takes the group meanwhile changes the token, and the next beat tells
            if not ours:
                self._lost(token)
            elif self._places().keys() != self._assigned.keys():
                self._stir.set()

    def _lost(self, token: str) -> None:
        if token == self._token:
            self._token = ""
            self._stir.set()

    async def _own(self, token: str) -> None:
        """Have all partitions until the lease is lost or we leave."""
        while token == self._token and not self._leaving:
            self._stir.clear()
            places = self._places()
            new = {at: place for at, place in places.items() if at not in self._assigned}
            if not new:
                await self._stir.wait()
            elif (committed := await self._known(new)) is not None:
                await self._give(new, committed)
            else:
                await _wait(self._stir, self._settings.heartbeat)
        await self._take_back()
        if token == self._token:
            self._token = ""
            await self._release(token)

    async def _known(self, new: Mapping[TopicPartition, Place]) -> Mapping[TopicPartition, Commit | None] | None:
        try:
            return await self.committed(new)
        except LogUnavailable:
            return None

    async def _give(
        self, new: Mapping[TopicPartition, Place], committed: Mapping[TopicPartition, Commit | None]
    ) -> None:
        self._assigned |= new
        self._positions |= {at: commit.offset if commit else None for at, commit in committed.items()}
        await self._assignment.assigned(frozenset(new))
        self._readable |= new.keys()
        self._fetching.set()

    async def _take_back(self) -> None:
        gone, self._readable = frozenset(self._assigned), frozenset()
        self._fetching.set()
        if gone:
            await self._assignment.revoked(gone)
        self._assigned, self._positions = {}, {}

    async def _release(self, token: str) -> None:
        try:
            await self._file.writer.run(partial(lease.release, group=self._group, token=token))
        except LogUnavailable:
            return  # it runs out by itself

    def _places(self) -> dict[TopicPartition, Place]:
        """The partitions of our topics, as far as they exist."""
        topics = self._file.watch.topics
        return {place.at: place for name in self._topics if name in topics for place in topics[name].places}

    def _check_joined(self) -> None:
        if self._task is None or self._leaving:
            raise LogUnavailable(f"this member of {self._group} is not started, or has stopped")
        if self._task.done():
            self._told = True
            self._task.result()

    def _wants(self, partitions: Collection[TopicPartition]) -> list[Want]:
        """What to read, each time beginning at another partition, so that a busy one does not starve the rest."""
        ours = [Want(self._assigned[at], self._positions[at]) for at in partitions if at in self._readable]
        self._turn += 1
        turn = self._turn % len(ours) if ours else 0
        return ours[turn:] + ours[:turn]

    async def _read(self, wants: Sequence[Want], max_records: int) -> dict[TopicPartition, Sequence[StoredRecord]]:
        answer = await self._file.readers.run(
            partial(reading.read, wants=wants, max_records=max_records, max_bytes=reading.MAX_BYTES)
        )
        current = [found for found in answer if self._is_wanted(found.want)]
        for found in current:
            if found.lost is not None:
                raise found.lost
        self._positions |= {found.want.place.at: found.next_offset for found in current}
        return {found.want.place.at: found.records for found in current if found.records}

    def _is_wanted(self, want: Want) -> bool:
        """False when the partition was revoked or sought while it was read."""
        return want.place.at in self._readable and self._positions[want.place.at] == want.offset


async def _wait(event: asyncio.Event, timeout: timedelta) -> None:
    try:
        async with asyncio.timeout(timeout.total_seconds()):
            await event.wait()
    except TimeoutError:
        return
