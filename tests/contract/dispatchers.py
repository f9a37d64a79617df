"""A dispatcher on a real log and a real store, and the few words its suite shares."""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from clients.account import Account
from dispatcher.dispatcher import Dispatcher
from dispatcher.equipment import Equipment, Limits
from dispatcher.observers import AttemptEnded, Happening
from dispatcher.registry import AnyHandler
from dispatcher.settings import CommonSettings, Entry, entry_of
from eventlog.errors import NotOwner
from eventlog.log import Commit, EventLog
from eventlog.sqlite import SqliteEventLog
from eventlog.sqlite_member import LeaseSettings
from schemas.envelope import encode
from schemas.events import Data, Event, MessageCreated, Role
from schemas.record import StoredRecord, TopicPartition
from schemas.topics import DEFAULTS, Topics, TopicSettings
from store.replay_rows import Mark
from store.store import Store
from tests.contract.eventlogs import Logs
from tests.contract.stores import opened

WITHIN = 30.0
"""Seconds anything may take."""

FAST = Limits(
    fetch_wait=timedelta(milliseconds=50),
    commit_after=timedelta(milliseconds=50),
    revoke=timedelta(seconds=2),
    cancel=timedelta(seconds=1),
)
STOPS = timedelta(seconds=10)
LEASE = LeaseSettings(lasts=timedelta(seconds=2), heartbeat=timedelta(milliseconds=300))
NOW = datetime.now(UTC).replace(microsecond=0)

D = TypeVar("D", bound=Data)


def message(number: int = 0, *, key: str = "c1", role: Role = "user", content: str = "hello", **more: Any) -> Event:
    """A message event; `number` makes its id."""
    data = MessageCreated(message_id=f"m{number}", conversation_id=key, role=role, content=content, **more)
    return event(data, key=key, identity=f"message.created:m{number}")


def event(data: D, *, key: str, identity: str, source: str = "support", at: datetime = NOW) -> Event[D]:
    """An event as the receiver makes it."""
    return Event(
        id=identity,
        type=data.event_type,
        source=source,
        platform="mygptassistants",
        key=key,
        time=at,
        received_at=at,
        origin="webhook",
        data=data,
    )


@dataclass(kw_only=True)
class Rig:
    """One log, one store, and the dispatchers that ran on them."""

    log: EventLog
    store: Store
    topics: Topics
    accounts: Mapping[str, Account] = field(default_factory=dict)
    account_of: Mapping[str, str] = field(default_factory=dict)
    happened: list[Happening] = field(default_factory=list)
    # Replaces parts of the equipment of dispatchers made from now on.
    changes: dict[str, Any] = field(default_factory=dict)

    @property
    def conversations(self) -> str:
        """The topic of messages."""
        return self.topics.name("conversations")

    def equipment(self, **changes: Any) -> Equipment:
        """What dispatchers work with."""
        made = Equipment(
            log=self.log,
            store=self.store,
            topics=self.topics,
            accounts=self.accounts,
            account_of=self.account_of,
            observers=(self.happened.append,),
            limits=FAST,
            # these suites bury much
            dead_limit=math.inf,
            version="1.2.3",
        )
        return replace(made, **{**self.changes, **changes})

    async def append(self, *events: Event) -> list[int]:
        """Put events into their topics; their offsets."""
        appended = [self.log.append(encode(each, self.topics.of(each.type))) for each in events]
        return [await each.offset() for each in appended]

    @asynccontextmanager
    async def running(self, *handlers: AnyHandler | Entry, **changes: Any) -> AsyncIterator[Dispatcher]:
        """A dispatcher at work."""
        entries = [each if isinstance(each, Entry) else quick(each) for each in handlers]
        dispatcher = Dispatcher(entries, self.equipment(**changes))
        dispatcher.start()
        try:
            yield dispatcher
        finally:
            await dispatcher.stop(STOPS)

    async def settle(self, *handlers: AnyHandler | Entry, **changes: Any) -> None:
        """Run until everything in the topics is settled, then stop."""
        async with self.running(*handlers, **changes) as dispatcher:
            async with asyncio.timeout(WITHIN):
                await dispatcher.until_empty()
            assert {state.reason for state in dispatcher.states().values()} == {""}

    async def records(self, topic: str) -> list[StoredRecord]:
        """All that is in a topic, by its short name."""
        name = self.topics.name(topic)  # type: ignore[arg-type]  # tests write the literal
        count = (await self.log.partitions([name]))[name]
        everything = [TopicPartition(name, number) for number in range(count)]
        start = await self.log.offsets(everything, "earliest")
        return [record async for record in self.log.read(start, follow=False)]

    async def committed(self, entry: str, topic: str = "conversations") -> dict[int, Commit | None]:
        """The positions of an entry's group, by partition."""
        name = self.topics.name(topic)  # type: ignore[arg-type]  # tests write the literal
        count = (await self.log.partitions([name]))[name]
        group = f"{self.topics.prefix}{entry}"
        found = await self.log.group_positions(group, [TopicPartition(name, number) for number in range(count)])
        return {at.partition: commit for at, commit in found.items()}

    async def positioned(self, entry: str) -> Commit:
        """Wait until an entry has a position in partition 0 of the conversations."""
        async with asyncio.timeout(WITHIN):
            while (commit := (await self.committed(entry))[0]) is None:  # noqa: ASYNC110 - the log tells nobody
                await asyncio.sleep(0.05)
        return commit

    @property
    def attempts(self) -> list[AttemptEnded]:
        """The attempts that ended, in order."""
        return [each for each in self.happened if isinstance(each, AttemptEnded)]


def quick(handler: AnyHandler, *, config: Any = None, name: str | None = None, **common: Any) -> Entry:
    """An entry that retries without much waiting."""
    settings = CommonSettings.model_validate({"backoff": "20ms", "max_backoff": "50ms", "attempts": 3, **common})
    return entry_of(handler, name=name, common=settings, config=config)


@asynccontextmanager
async def on_sqlite(folder: Path, *, partitions: int = 3) -> AsyncIterator[Rig]:
    """A rig on files of the test's own."""
    log = SqliteEventLog(folder / "events.db", lease=LEASE)
    await log.start()
    topics = Topics()
    await log.create({name: TopicSettings(partitions=partitions) for name in topics.all()})
    try:
        async with opened(f"sqlite:///{folder / 'state.db'}") as store:
            yield Rig(log=log, store=store, topics=topics)
    finally:
        await log.stop(STOPS)


@asynccontextmanager
async def on_any(logs: Logs, folder: Path, *, partitions: int = 3) -> AsyncIterator[Rig]:
    """A rig on any implementation of the event log."""
    topics = Topics(prefix=logs.prefix)
    for name in DEFAULTS:
        await logs.topic(name, partitions=partitions)
    async with opened(f"sqlite:///{folder / 'state.db'}") as store:
        yield Rig(log=await logs.connect(), store=store, topics=topics)


class Nobody:
    """Stands for the group's members while a test moves its position."""

    async def assigned(self, partitions: frozenset[TopicPartition]) -> None: ...

    async def revoked(self, partitions: frozenset[TopicPartition]) -> None: ...


async def store_position(rig: Rig, entry: str, commit: Commit) -> None:
    """Store a position in partition 0 of the conversations, as a tool would."""
    at = TopicPartition(rig.conversations, 0)
    member = rig.log.member(f"{rig.topics.prefix}{entry}", [rig.conversations], Nobody())
    await member.start()
    async with asyncio.timeout(WITHIN):
        while True:
            try:
                await member.commit({at: commit})
                break
            except NotOwner:
                await member.fetch((), max_records=1, timeout=timedelta(milliseconds=50))
    await member.stop(STOPS)


async def until(condition: Callable[[], bool], what: str = "the condition") -> None:
    """Wait until it holds."""
    deadline = time.monotonic() + WITHIN
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain: {what}"
        await asyncio.sleep(0.01)


async def ended(rig: Rig, ids: Collection[int]) -> list[Mark]:
    """Wait until something came of these replays."""
    deadline = time.monotonic() + WITHIN
    while True:
        marks = await rig.store.replays.found(ids)
        if all(mark.ended_at is not None for mark in marks.values()):
            return [marks[number] for number in ids]
        assert time.monotonic() < deadline, f"replays that did not end: {marks}"
        await asyncio.sleep(0.05)
