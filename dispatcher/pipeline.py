"""All handlers of a test in one world: events in, and what became of them out, by the code that runs in production.

    async with Pipeline.opened(ask, thank, config={"ask": {"after": "10m"}}) as pipeline:
        await pipeline.send(event_of(MessageCreated(...)))
        run = await pipeline.run("1h")

The dispatcher reads a real log, with retries, timers and published events. Nobody waits: when nothing is left to do
now, the clock leaps to when there is.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from clients.account import Account
from dispatcher.dispatcher import Dispatcher
from dispatcher.equipment import Equipment, Limits
from dispatcher.observers import AttemptEnded, Happening, TimerChanged
from dispatcher.outcome import Dead
from dispatcher.worker import Phase
from dispatcher.world import NOW, FakeClock, ends, entries_of, events_since, opened_world
from handlers.api import Handler
from schemas.contacts import Contact, Identity
from schemas.durations import duration
from schemas.envelope import encode
from schemas.events import Event

# Waits are over at once, and nothing is parked: a lane that waits is where the clock looks.
_LIMITS = Limits(
    fetch_wait=timedelta(milliseconds=20),
    commit_after=timedelta(),
    lane_wait=timedelta(days=3650),
    lane_records=1_000_000,
)
_STOPS = timedelta(seconds=10)
_TICK = timedelta(microseconds=1)


class _LeapingClock(FakeClock):
    """Stands still until the pipeline puts it forward; whoever sleeps really does."""

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What happened in one run, in its order."""

    # Entry, event, which attempt it was, its outcome, and what the handler raised.
    attempts: tuple[AttemptEnded, ...]
    # Events and contact snapshots that handlers put into the log.
    published: tuple[Event, ...]
    # Timers that were set (`due`) or cancelled (`due` is None).
    timers: tuple[TimerChanged, ...]

    @property
    def dead(self) -> tuple[AttemptEnded, ...]:
        """The attempts that ended in dead letters; their outcome says why."""
        return tuple(one for one in self.attempts if isinstance(one.outcome, Dead))

    def of(self, entry: str) -> tuple[AttemptEnded, ...]:
        """The attempts of one handler."""
        return tuple(one for one in self.attempts if one.entry == entry)


@dataclass(slots=True, kw_only=True)
class Pipeline:
    """A log, a store, a clock and the handlers on them: `async with Pipeline.opened(…) as pipeline`."""

    clock: FakeClock
    _equipment: Equipment
    _dispatcher: Dispatcher
    _happened: list[Happening] = field(default_factory=list)

    @classmethod
    @asynccontextmanager
    async def opened(
        cls,
        *handlers: Handler[Any, Any],
        config: Mapping[str, Mapping[str, Any]] | None = None,
        account: Account | None = None,
        accounts: Mapping[str, Account] | None = None,
        now: datetime = NOW,
    ) -> "AsyncIterator[Pipeline]":
        """A new world.

        Args:
            handlers: what `@handler` made; as many as belong together.
            config: what `[handlers]` of the configuration would hold: entry → its whole table, with `attempts`,
                `sources`, `use` and so on beside the handler's own settings. A `timeout` passes in real time.
            account: the account of every source.
            accounts: further accounts, by name.
            now: the time it begins.

        Raises:
            ValueError: a table of `config` cannot work.
        """
        entries = entries_of(handlers, config or {})
        clock, happened = _LeapingClock(now), list[Happening]()
        async with opened_world(clock, happened, account=account, accounts=accounts, limits=_LIMITS) as equipment:
            dispatcher = Dispatcher(entries, equipment)
            dispatcher.start()
            try:
                yield cls(clock=clock, _equipment=equipment, _dispatcher=dispatcher, _happened=happened)
            finally:
                await dispatcher.stop(_STOPS)

    async def send(self, *events: Event[Any]) -> None:
        """Put events into the log, as a receiver does."""
        log, topics = self._equipment.log, self._equipment.topics
        for one in [log.append(encode(each, topics.of(each.type))) for each in events]:
            await one.offset()

    async def run(self, within: str | timedelta = timedelta()) -> Run:
        """Until nothing is left to do within this time; the clock shows the end of it afterwards.

        Raises:
            RuntimeError: a handler cannot go on at all; the text says why.
        """
        log, topics = self._equipment.log, self._equipment.topics
        until, begin, begun = self.clock.now() + duration(within), len(self._happened), await ends(log, topics)
        while (due := await self._next_due()) is not None and due <= until:
            self.clock.advance(max(due - self.clock.now(), _TICK))
            self._dispatcher.look_around()
        self.clock.advance(max(until - self.clock.now(), timedelta()))
        happened: Sequence[Happening] = self._happened[begin:]
        return Run(
            attempts=tuple(one for one in happened if isinstance(one, AttemptEnded)),
            published=tuple([one async for one in events_since(log, topics, begun) if one.origin == "handler"]),
            timers=tuple(one for one in happened if isinstance(one, TimerChanged)),
        )

    async def contact(self, identity: Identity) -> Contact | None:
        """The contact that handlers have made of an identity."""
        return await self._equipment.store.contacts.find(identity=identity)

    async def _next_due(self) -> datetime | None:
        """When the clock brings the next work; there is none before. None: nothing waits for it."""
        while True:
            if failed := [one.reason for one in self._dispatcher.states().values() if one.phase is Phase.FAILED]:
                raise RuntimeError("; ".join(failed))
            known, end = len(self._happened), await ends(self._equipment.log, self._equipment.topics)
            # What ended meanwhile may have published behind that end.
            if known == len(self._happened) and self._dispatcher.is_resting(end):
                return self._dispatcher.next_due()
            await asyncio.sleep(0.002)
