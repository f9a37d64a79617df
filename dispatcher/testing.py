"""Run a handler in a test: one attempt at one event, with the code that runs it in production and a clock that you set.

    result = await run_once(ask, event_of(MessageCreated(...)), config={"after": "10m"})
    assert result.timers == {"ask": NOW + timedelta(minutes=10)}

State (timers, effects, caps, contacts) is kept in a real store in a temporary folder; `Harness` keeps it from one event
to the next and fires timers when its clock is put forward.
"""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from pydantic import BaseModel

from clients.account import Account
from dispatcher.equipment import Equipment
from dispatcher.handling import Handling
from dispatcher.holdings import Holdings
from dispatcher.observers import AttemptEnded, Happening
from dispatcher.outcome import Outcome
from dispatcher.partition import Partition, Recent
from dispatcher.settings import Entry, entry_of
from dispatcher.tracker import Tracker
from dispatcher.work import Firing, Heading, Received, Work
from dispatcher.world import NOW, STOPS, FakeClock, ends, entries_of, events_since, opened_world
from eventlog.log import EventLog
from handlers.api import Handler
from schemas.envelope import encode
from schemas.events import Data, Event, Timer
from schemas.record import TopicPartition
from store.schedule import TimerSet
from store.store import Store

D = TypeVar("D", bound=Data)
_SETTER = "hookline.testing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What one attempt did."""

    event: Event
    # Done, Retry(after, …) or Dead(reason, detail); a Retry's wait is the longest the policy allows.
    outcome: Outcome
    # What the handler raised.
    error: BaseException | None
    # Events and contact snapshots that are in the log now.
    published: tuple[Event, ...]
    # Timer name → when it is due, None for one that was cancelled.
    timers: Mapping[str, datetime | None]


def event_of(
    data: D,
    *,
    key: str | None = None,
    identity: str | None = None,
    source: str = "support",
    platform: str = "mygptassistants",
    time: datetime = NOW,
    name: str | None = None,
    unconfirmed: bool = False,
) -> Event[D]:
    """An event as a receiver would make it.

    Args:
        data: what it tells.
        key: by default the conversation's, contact's or bot's id.
        identity: the event's id; by default one that names the fact.
        source: the source it came from.
        platform: the source's platform.
        time: when it happened.
        name: the platform's own name of it, which tells `Unknown` events apart.
        unconfirmed: whether it is only a hint, as of a source with `confirm`.
    """
    named = next((found for field in _KEYS if isinstance(found := getattr(data, field, None), str)), "key")
    fact = next((found for field in _FACTS if isinstance(found := getattr(data, field, None), str)), named)
    return Event(
        id=identity or f"{data.event_type}:{fact}",
        type=data.event_type,
        source=source,
        platform=platform,
        key=key or named,
        time=time,
        received_at=time,
        origin="webhook",
        data=data,
        name=name,
        unconfirmed=unconfirmed,
    )


async def run_once(
    handler: Handler[Any, Any],
    event: Event[Any],
    *,
    config: BaseModel | Mapping[str, Any] | None = None,
    account: Account | None = None,
    accounts: Mapping[str, Account] | None = None,
    now: datetime = NOW,
    attempt: int = 1,
) -> Attempt:
    """One attempt at one event, in a world of its own.

    Args:
        handler: what `@handler` made.
        event: what it is given; `Event[Timer]` too.
        config: its own settings, or its whole table of the configuration, `attempts`, `backoff` and so on included.
        account: the account of the event's source.
        accounts: further accounts, by name.
        now: the time.
        attempt: which attempt this is.

    Raises:
        ValueError: the table cannot work, or the handler is not given events of that type.
    """
    async with Harness.opened(handler, config=config, account=account, accounts=accounts, now=now) as harness:
        return await harness.run_once(event, attempt=attempt)


@dataclass(slots=True, kw_only=True)
class Harness:
    """A handler and its state, from one event to the next: `async with Harness.opened(handler) as harness`."""

    clock: FakeClock
    store: Store
    _log: EventLog
    _entry: Entry
    _handling: Handling
    _partition: Partition
    _happened: list[Happening] = field(default_factory=list)

    @classmethod
    @asynccontextmanager
    async def opened(
        cls,
        handler: Handler[Any, Any],
        *,
        config: BaseModel | Mapping[str, Any] | None = None,
        account: Account | None = None,
        accounts: Mapping[str, Account] | None = None,
        now: datetime = NOW,
    ) -> "AsyncIterator[Harness]":
        """A new world; arguments as of `run_once`. The account serves every source."""
        clock, happened = FakeClock(now), list[Happening]()
        if isinstance(config, BaseModel):
            entry = entry_of(handler, config=config)
        else:
            [entry] = entries_of([handler], {handler.name: config or {}})
        async with opened_world(clock, happened, account=account, accounts=accounts) as equipment:
            try:
                yield await cls._of(entry, equipment, clock, happened)
            finally:
                await equipment.shared.left(entry.name, STOPS.total_seconds())

    @classmethod
    async def _of(cls, entry: Entry, equipment: Equipment, clock: FakeClock, happened: list[Happening]) -> "Harness":
        at = TopicPartition(equipment.topics.name("conversations"), 0)
        epoch = (await equipment.store.owners.claim(entry.name, [at], await equipment.log.identity()))[at]
        handling = Handling(
            entry=entry,
            equipment=equipment,
            holdings=Holdings(),
            metrics=equipment.metrics.of(entry.name),
            on_lost=lambda _: None,
            on_stop=_raise,
        )
        partition = Partition(at=at, epoch=epoch, tracker=Tracker(0), recent=Recent(0))
        return cls(
            clock=clock,
            store=equipment.store,
            _log=equipment.log,
            _entry=entry,
            _handling=handling,
            _partition=partition,
            _happened=happened,
        )

    async def run_once(self, event: Event[Any], *, attempt: int = 1) -> Attempt:
        """One attempt at an event. The same event again is what a redelivery would be.

        Raises:
            ValueError: the handler is not given events of that type.
        """
        if type(event.data) not in self._entry.handler.on:
            raise ValueError(f"{self._entry.name} is not given {type(event.data).__name__}: it is not in its on=")
        work = await self._firing(event) if isinstance(event.data, Timer) else await self._received(event)
        work.tries.made = attempt - 1
        return await self._attempt(work, event)

    async def advance(self, by: str | timedelta) -> Sequence[Attempt]:
        """Put the clock forward and fire the timers that come due, one attempt each, in order."""
        self.clock.advance(by)
        attempts = []
        while due := self._partition.timers.due(self.clock.now()):
            for row in due:
                if self._partition.timers.pending(row):
                    work = Firing(self._partition, row, offset=self._partition.tracker.position - 1)
                    attempts.append(await self._attempt(work, work.event()))
        return attempts

    async def restart(self) -> None:
        """Forget what is only in memory, as a crash does: another owner takes over, with the timers of the store."""
        store, entry, before = self.store, self._entry, self._partition
        await self._handling.equipment.shared.left(entry.name, STOPS.total_seconds())
        log = before.epoch.log
        epoch = (await store.owners.claim(entry.name, [before.at], log))[before.at]
        self._partition = Partition(
            at=before.at, epoch=epoch, tracker=Tracker(before.tracker.position), recent=Recent(0)
        )
        self._partition.timers.load(await store.schedule.load(entry.name, before.at, log))

    async def _attempt(self, work: Work, event: Event[Any]) -> Attempt:
        topics = self._handling.equipment.topics
        before = await ends(self._log, topics)
        self._happened.clear()
        await self._handling.advance(work)
        ended = work.tries.failed or next(each for each in self._happened if isinstance(each, AttemptEnded))
        settlement = work.tries.settlement
        context = settlement.context if settlement is not None else None
        wished = {} if context is None else context.timers
        return Attempt(
            event=event,
            outcome=ended.outcome,
            error=ended.error,
            published=tuple([found async for found in events_since(self._log, topics, before)]),
            timers={name: wish.due if isinstance(wish, TimerSet) else None for name, wish in wished.items()},
        )

    async def _received(self, event: Event[Any]) -> Received:
        """The record of an event, as it comes from a log."""
        topics = self._handling.equipment.topics
        offset = self._partition.tracker.position
        self._partition.tracker.add(offset)
        stored = encode(event, topics.of(event.type)).stored(partition=0, offset=offset)
        return Received(self._partition, stored, Heading.of(stored))

    async def _firing(self, event: Event[Timer]) -> Firing:
        """The firing of a timer that somebody set, as the event says."""
        timer, partition = event.data, self._partition
        to_be = TimerSet(
            source=event.source,
            key=event.key,
            name=timer.name,
            due=timer.due,
            platform=event.platform,
            conversation_id=timer.conversation_id,
            data=json.dumps(dict(timer.data)) if timer.data else None,
            received_at=event.received_at,
        )
        offset, setter = partition.tracker.position, event.cause or _SETTER
        # one that fired is tried once more
        await self.store.schedule.expire(datetime.max.replace(tzinfo=UTC))
        partition.tracker.passed(offset + 1)
        now = await self.store.schedule.settle(
            self._entry.name,
            partition.at,
            partition.epoch,
            offset=offset,
            event_id=setter,
            now=self.clock.now(),
            set=[to_be],
        )
        partition.timers.learn(now)
        row = now[to_be.called]
        if row is None:
            raise RuntimeError("the store did not keep the timer")
        return Firing(partition, row, offset=offset)


def _raise(error: BaseException) -> None:
    raise error


_KEYS = ("conversation_id", "contact_id", "workflow_run_id", "bot_id")
_FACTS = ("message_id", *_KEYS)
