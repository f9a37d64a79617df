"""A simulated CustomGPT.ai, and pollers of it over one log and one store, on a clock that stands still."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from clients.customgpt import CustomGPT
from clients.http import Edges
from clients.settings import CustomGPTSettings
from eventlog.log import EventLog
from receiver.polling.customgpt import AskCustomGPT
from receiver.polling.poller import Poller
from receiver.polling.publishing import Published, Publisher
from receiver.polling.rounds import Publishing, Round
from receiver.settings import ReceiverSettings, SourceSettings
from receiver.sources.opening import open_sources
from receiver.sources.source import Source
from schemas.record import StoredRecord, TopicPartition
from schemas.topics import Topics
from simulator import ManualClock, Simulator
from simulator.customgpt import CustomGPT as Platform
from store.dedupe import Dedupe
from store.polls import Held
from store.store import Store
from tests.contract import receivers, stores
from tests.contract.customgpt_wire import UNLIMITED

ADA = {"userId": "user_789", "source": "website_widget"}
TOPICS = Topics()


@dataclass
class Site:
    """What the tests of polling work with."""

    simulator: Simulator
    clock: ManualClock
    client: CustomGPT
    source: Source
    log: EventLog
    store: Store
    dedupe: Dedupe

    @property
    def platform(self) -> Platform:
        """The simulated platform."""
        found = self.simulator.world.platform("customgpt")
        assert isinstance(found, Platform)
        return found

    def says(self, text: str, session: str | None = None, **metadata: Any) -> str:
        """Let a visitor say something; the session id."""
        return self.platform.visitor_says(text, conversation_id=session, metadata=metadata or ADA, bot_id=None)

    def publisher(self) -> Publisher:
        """Publishes into the log."""
        return Publisher(self.log, self.dedupe, clock=self.clock.now)

    def work(self, holder: str = "one", publisher: Publishing | None = None) -> Round:
        """What a round works with."""
        held = Held(source=self.source.name, holder=holder)
        publisher = publisher or self.publisher()
        return Round(
            source=self.source,
            held=held,
            polls=self.store.polls,
            publisher=publisher,
            topics=TOPICS,
            clock=self.clock.now,
        )

    def poller(self, holder: str = "one", publisher: Publishing | None = None) -> Poller:
        """A poller, as a process has one."""
        return Poller(self.work(holder, publisher), AskCustomGPT(self.client))

    async def poll(self, holder: str = "one") -> Published | None:
        """One round of a new process."""
        return await self.poller(holder).once()

    async def records(self, topic: str = "conversations") -> list[StoredRecord]:
        """What a topic holds, in order."""
        name = TOPICS.name(topic)  # type: ignore[arg-type]  # a test names topics in words
        count = (await self.log.partitions([name]))[name]
        start = await self.log.offsets([TopicPartition(name, n) for n in range(count)], "earliest")
        return [record async for record in self.log.read(start, follow=False)]

    async def said(self) -> list[tuple[str, str]]:
        """Role and text of the messages in the log, in order."""
        told = [(record.header("ce_type"), json.loads(record.value or b"")) for record in await self.records()]
        return [(data["role"], data["content"]) for kind, data in told if kind == b"message.created"]

    async def pass_by(self, delta: timedelta) -> None:
        """Let time pass."""
        await self.clock.advance(delta.total_seconds())


def source(name: str = "help", **settings: Any) -> Source:
    """A polled source."""
    known = {name: SourceSettings.model_validate({"platform": "customgpt", **settings})}
    return open_sources(known, ReceiverSettings())[name]


@asynccontextmanager
async def site(folder: Path, **poll: Any) -> AsyncIterator[Site]:
    """Everything started, and stopped afterwards."""
    clock = ManualClock()
    async with (
        Simulator(clock=clock, seed=1) as simulator,
        receivers.opened(folder) as (log, dedupe),
        stores.opened(f"sqlite:///{folder / 'state.db'}") as store,
    ):
        values = {
            "platform": "customgpt",
            "api_key": "cg-key",
            "project_id": "2021",
            "base_url": simulator.base_url("customgpt"),
            "allow_private": True,
            "limits": UNLIMITED,
            "contact_conversations": True,
        }
        edges = Edges(jitter=lambda: 0.0)
        async with CustomGPT("help", CustomGPTSettings.model_validate(values), edges=edges) as client:
            yield Site(simulator, clock, client, source(poll=poll), log, store, dedupe)
