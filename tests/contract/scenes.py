"""A simulated platform, a real receiver, a real client, and one handler that is told what came of it."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar, Generic, Self, TypeVar

from clients.account import Account
from dispatcher.testing import Attempt, Harness
from handlers.api import Handler
from schemas.durations import duration
from schemas.envelope import decode
from schemas.events import Event
from simulator import ManualClock, Simulator
from tests.contract.receivers import Running, opened, receiving

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
TOKEN = "path-token-0123456789"
QUICK = {"connect": "1s", "total": "1s", "deadline": "1s"}
"""Timeouts of the client."""

A = TypeVar("A", bound=Account)


@dataclass
class Scene(Generic[A]):
    """A visitor of a site, what the receiver made of it, and a handler; one class for each platform."""

    simulator: Simulator
    running: Running
    client: A
    harness: Harness
    clock: ManualClock
    conversation: str | None = None
    _seen: set[str] = field(default_factory=set)

    name: ClassVar[str]
    visitor: ClassVar[Mapping[str, str]]

    @classmethod
    @asynccontextmanager
    async def play(
        cls,
        folder: Path,
        handler: Handler[Any, Any],
        config: dict[str, Any],
        client: Callable[[str], A],
        *,
        source: str,
        limits: bool = True,
        **settings: Any,
    ) -> AsyncIterator[Self]:
        """Open everything.

        Args:
            folder: for the log and the dedupe store.
            handler: who is told.
            config: its settings.
            client: made for the address of the platform.
            source: its name, which is that of the client's account too.
            limits: whether the platform keeps its own.
            settings: more of the source.
        """
        clock = ManualClock(NOON)
        sources = {source: {"platform": cls.name, "token": TOKEN, **settings}}
        async with AsyncExitStack() as stack:
            log, dedupe = await stack.enter_async_context(opened(folder))
            running = await stack.enter_async_context(receiving(log, dedupe, sources=sources))
            simulator = await stack.enter_async_context(Simulator(clock=clock, seed=1, limits=limits))
            url = f"http://127.0.0.1:{running.port}/in/{source}/{TOKEN}"
            await simulator.connect_webhook(platform=cls.name, url=url, secret="unused")
            account = client(simulator.base_url(cls.name))
            await stack.enter_async_context(account)
            harness = Harness.opened(handler, config=config, account=account, now=NOON)
            yield cls(simulator, running, account, await stack.enter_async_context(harness), clock)

    async def say(self, text: str, **told: str) -> list[Event]:
        """Let the visitor speak, and return the events that came of it."""
        self.conversation = self.simulator.world.platform(self.name).visitor_says(
            text, conversation_id=self.conversation, metadata=told or dict(self.visitor), bot_id=None
        )
        return await self.events()

    async def events(self) -> list[Event]:
        """The events that are new."""
        await self.simulator.settled()
        events = [decode(record) for record in await self.running.records("conversations")]
        new = [event for event in events if event.id not in self._seen]
        self._seen.update(event.id for event in new)
        return new

    async def tell(self, events: list[Event]) -> list[Attempt]:
        """Give the handler events."""
        return [await self.harness.run_once(event) for event in events]

    async def silence(self, by: str = "11m") -> list[Attempt]:
        """Let time pass, here and at the platform, and timers fire."""
        await self.clock.advance(duration(by).total_seconds())
        return list(await self.harness.advance(by))
