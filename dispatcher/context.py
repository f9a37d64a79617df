"""What a handler is given beside its event: the plugin API's `Context`, for one attempt."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property, partial
from typing import Any

import structlog
from pydantic import BaseModel, JsonValue
from structlog.typing import FilteringBoundLogger

from clients.account import Account
from dispatcher import given
from dispatcher.contacts import EntryContacts
from dispatcher.effects import Once
from dispatcher.equipment import Equipment
from dispatcher.errors import ContextMisused, calling_line
from dispatcher.publish import Publication
from dispatcher.settings import Entry
from dispatcher.work import Tries
from handlers.api import GiveUp, S, Ts
from schemas.events import BY_TYPE, Data, Event, Timer
from schemas.record import TopicPartition
from store.owners import Epoch
from store.schedule import TimerName, TimerSet

log = structlog.get_logger()

_AWAIT = "await in the handler what it begins (asyncio.TaskGroup), or set a timer"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Beyond it a zone may lead out of the calendar.
_LAST = datetime(9999, 1, 1, tzinfo=UTC)
# A timer's data is kept in its row and in memory: a few values, no documents.
_MAX_TIMER_DATA = 4_096
# What one attempt may wish for is kept in memory and carried out at once.
_MAX_WISHES = 1_000
_MAX_PUBLISHED_BYTES = 8 * 1024 * 1024


@dataclass(kw_only=True)
class AttemptContext:
    """One attempt's view of everything. Its wishes (timers, events) are carried out when the attempt is done."""

    equipment: Equipment
    entry: Entry
    event: Event
    at: TopicPartition
    epoch: Epoch
    attempt: int
    now: datetime
    tries: Tries
    publications: list[Publication] = field(default_factory=list)
    # Timer name → what was wished last: the timer as it is to be, or its name if it is to be cancelled.
    timers: dict[str, TimerSet | TimerName] = field(default_factory=dict)
    # Whether the attempt has ended: nobody would carry out what is wished from now on.
    over: bool = False
    # The handler's: effects and the store's connections belong to it.
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)
    _published_bytes: int = 0
    # Whether somebody used it after that, and it was told.
    _misused: bool = False
    _contacts: EntryContacts | None = None

    @property
    def config(self) -> Any:
        """The validated settings of this entry."""
        return self.entry.config

    @property
    def handler(self) -> str:
        """The name of this entry."""
        return self.entry.name

    @cached_property
    def log(self) -> FilteringBoundLogger:
        """A logger that knows handler, event and attempt; a field of the plugin's that is called so too is renamed."""
        ours = _Ours(handler=self.entry.name, event_id=self.event.id, source=self.event.source, attempt=self.attempt)
        logger: FilteringBoundLogger = structlog.wrap_logger(
            None, processors=[ours, *structlog.get_config()["processors"]]
        ).bind()
        return logger

    @property
    def contacts(self) -> EntryContacts:
        """The contacts hookline keeps."""
        self._require_under_way("contacts")
        if self._contacts is None:
            self._contacts = self._make_contacts()
        return self._contacts

    async def settle_contacts(self) -> None:
        """The event is done: it owes the log nothing of the contacts it published."""
        if self._contacts is not None and self._contacts.published:
            await self._contacts.settle()

    def _make_contacts(self) -> EntryContacts:
        return EntryContacts(
            contacts=self.equipment.store.contacts,
            log=self.equipment.log,
            topics=self.equipment.topics,
            clock=self.equipment.clock,
            entry=self.entry.name,
            event=self.event,
            require_under_way=partial(self._require_under_way, "contacts"),
        )

    @cached_property
    def effects(self) -> Once:
        """The outside effects of this attempt."""
        return Once(
            effects=self.equipment.store.effects,
            handler=self.entry.name,
            source=self.event.source,
            event_id=self.event.id,
            at=self.at,
            epoch=self.epoch,
            clock=self.equipment.clock,
            known=self.tries.known_effects,
            begun=self.tries.begun_effects,
        )

    @property
    def effects_under_way(self) -> bool:
        """Whether tasks that the attempt left behind run effects."""
        return "effects" in vars(self) and bool(self.effects.others)

    def account(self, name: str | None = None, *, platform: type[Account] | None = None) -> Any:
        """A platform's client; by default the one of the event's source."""
        wanted = given.maybe_text("ctx.account(name=...)", name) or self.equipment.account_of.get(self.event.source)
        if wanted is None:
            raise GiveUp(f"the source {self.event.source!r} has no account: set `account` of its section, or name one")
        account = self.equipment.accounts.get(wanted)
        if account is None:
            raise GiveUp(f"there is no account {wanted!r}: add a section [accounts.{wanted}]")
        if platform is not None and not isinstance(account, platform):
            raise GiveUp(f"the account {wanted!r} is of {account.platform}, not of {platform.platform}")
        return account

    async def shared(self, make: Callable[[*Ts], AbstractAsyncContextManager[S]], *args: *Ts) -> S:
        """What is kept open from one attempt to the next."""
        self._require_under_way("shared")
        within = self.entry.timeout.total_seconds()
        found: S = await self.equipment.shared.use(self.entry.name, make, args, within=within)
        return found

    async def once(
        self,
        name: str,
        effect: Callable[[], Awaitable[Any]],
        *,
        returns: type[Any] | None = None,
        probe: Callable[[], Awaitable[Any]] | None = None,
        shows_within: str | timedelta = "0s",
    ) -> Any:
        """Run an outside effect of this event once, across retries and crashes."""
        self._require_under_way("once")
        name, wait = given.name("ctx.once", name), given.span("ctx.once(shows_within=...)", shows_within)
        return await self.effects.run(name, effect, returns=returns, probe=probe, shows_within=wait)

    async def schedule(self, name: str, *, after: str | timedelta, data: Mapping[str, JsonValue] | None = None) -> None:
        """Set a durable timer on this event's lane when the attempt is done."""
        self._require_under_way("schedule")
        if Timer not in self.entry.handler.on:
            raise TypeError("the handler sets a timer and is not given it: add Timer to its on=")
        name = given.name("ctx.schedule", name)
        wait = given.span("ctx.schedule(after=...)", after)
        due, conversation = self._due(wait), _conversation_of(self.event.data)
        self._bound_timers(name)
        self.timers[name] = TimerSet(
            source=self.event.source,
            key=self.event.key,
            name=name,
            due=due,
            platform=self.event.platform,
            conversation_id=conversation,
            data=None if data is None else _timer_data(Timer(name=name, due=due, conversation_id=conversation), data),
            received_at=self.event.received_at,
        )

    async def cancel(self, name: str) -> None:
        """Cancel the timer of that name on this event's lane when the attempt is done."""
        self._require_under_way("cancel")
        name = given.name("ctx.cancel", name)
        self._bound_timers(name)
        self.timers[name] = TimerName(source=self.event.source, key=self.event.key, name=name)

    async def publish(self, data: Data, *, key: str) -> None:
        """Publish a canonical event when the attempt is done."""
        self._require_under_way("publish")
        # whatever was given
        model = BY_TYPE.get(getattr(data, "event_type", ""))
        if model is None or not isinstance(data, model):
            raise ContextMisused(
                f"{type(data).__name__} is no canonical event and has no topic: it cannot be published"
            )
        key, value = given.text("ctx.publish(key=...)", key), given.written(data, model)
        self._published_bytes += len(value) + len(key)
        if len(self.publications) >= _MAX_WISHES or self._published_bytes > _MAX_PUBLISHED_BYTES:
            raise GiveUp(
                f"it published more than {_MAX_WISHES:,} events, or {_MAX_PUBLISHED_BYTES // 1024**2} MiB of them, in "
                "one attempt: publish one event that says the same"
            )
        self.publications.append(Publication(data, key, value))

    async def allow(self, name: str, key: str, *, limit: int, per: str | timedelta) -> bool:
        """Count one use of a cap and say whether it is within the limit."""
        self._require_under_way("allow")
        if (window := given.span("ctx.allow(per=...)", per)) <= timedelta():
            raise ContextMisused("ctx.allow(per=...) counts in windows of time: per must be longer than 0s")
        return await self.equipment.store.caps.allow(
            self.entry.name,
            given.name("ctx.allow", name),
            given.text("ctx.allow(key=...)", key),
            limit=given.whole("ctx.allow(limit=...)", limit),
            window_start=self.now - (self.now - _EPOCH) % window,
            source=self.event.source,
            event_id=self.event.id,
        )

    def _require_under_way(self, name: str) -> None:
        if self.over:
            self._tell_of_misuse(name)
            raise ContextMisused(
                f"ctx.{name} was used after the attempt at the event {self.event.id} had ended, so nothing of "
                f"it is done: {_AWAIT}"
            )
        if _running_loop() is not self.loop:
            raise ContextMisused(
                f"ctx.{name} was used outside the handler's event loop, in a thread or by asyncio.run: await it in the "
                "handler itself; a thread hands it back by asyncio.run_coroutine_threadsafe(…, loop)"
            )

    def _tell_of_misuse(self, name: str) -> None:
        """Once for an attempt: what is raised in a task that it left behind, nobody sees."""
        if self._misused:
            return
        self._misused = True
        log.error(
            "context.misused",
            handler=self.entry.name,
            event_id=self.event.id,
            source=self.event.source,
            call=f"ctx.{name}",
            at=calling_line(),
            next=_AWAIT,
        )

    def _due(self, wait: timedelta) -> datetime:
        try:
            due = self.event.time + wait
        except OverflowError:
            due = datetime.max.replace(tzinfo=UTC)
        if due > _LAST:
            raise ContextMisused("ctx.schedule(after=...) counts from event.time, and leads out of the calendar")
        return due

    def _bound_timers(self, name: str) -> None:
        if len(self.timers) >= _MAX_WISHES and name not in self.timers:
            raise GiveUp(f"it set or cancelled more than {_MAX_WISHES:,} timers in one attempt: one name is one timer")


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def _timer_data(timer: Timer, data: Mapping[str, JsonValue]) -> str | None:
    values = given.values("ctx.schedule(data=...)", data)
    text = json.dumps(values, separators=(",", ":"))
    if len(text) > _MAX_TIMER_DATA:
        raise ContextMisused(f"ctx.schedule(data=...) must fit into {_MAX_TIMER_DATA:,} characters of JSON")
    # its firing may die, and be replayed
    given.written(timer.model_copy(update={"data": values}), Timer)
    return text if values else None


class _Ours:
    """A structlog processor: these fields are ours, whatever a plugin calls its own."""

    def __init__(self, **fields: object) -> None:
        self._fields = fields

    def __call__(
        self, _logger: structlog.typing.WrappedLogger, _method: str, event: structlog.typing.EventDict
    ) -> structlog.typing.EventDict:
        """Put ours in their places."""
        for name in self._fields.keys() & event.keys():
            event[f"plugin_{name}"] = event.pop(name)
        return {**self._fields, **event}


def _conversation_of(data: BaseModel) -> str | None:
    found = getattr(data, "conversation_id", None)
    return found if isinstance(found, str) else None
