"""Deliveries of the quarantine taken through intake again, on every event log."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest

from cli.quarantine import Chosen, Desk, Told
from eventlog.log import EventLog
from receiver.intake import Refusal, intake
from receiver.polling.publishing import Publisher
from receiver.server import utc_now
from receiver.sources.platform import Unreadable, not_fitting
from receiver.sources.source import Source
from receiver.verification import Verified
from schemas.record import StoredRecord, TopicPartition
from schemas.topics import DEFAULTS, Topics
from store.dedupe import Dedupe
from store.errors import StoreUnavailable
from store.quarantine import Quarantine
from store.store import Store
from tests.contract.eventlogs import Logs
from tests.contract.stores import opened
from tests.unit.receiver.parts import delivery, signed, source

SOURCE = source()
NOW = utc_now().replace(microsecond=0)


def blind(_: Verified) -> Unreadable:
    return not_fitting(["data.role"])


BLIND = replace(SOURCE, platform=replace(SOURCE.platform, read=blind))


@dataclass(kw_only=True)
class Ward:
    """A log with a quarantine, a store, and what remembers accepted ids."""

    logs: Logs
    log: EventLog
    store: Store
    dedupe: Dedupe
    topics: Topics

    async def quarantined(self, *numbers: int, minutes: int = 0) -> None:
        """Messages come, whose model does not fit; a minute after each other, from so many minutes ago on."""
        for place, number in enumerate(numbers):
            at = NOW - timedelta(minutes=minutes - place)
            body = {"id": f"evt_{number}", "type": "message.created", "timestamp": "2024-01-15T10:30:00Z"}
            data = {"conversationId": "conv_1", "messageId": f"m{number}", "role": "user", "content": "private"}
            raw = json.dumps({**body, "data": data}).encode()
            came = delivery(raw, signed("mygptassistants", raw, now=at))
            outcome = intake(BLIND, came, self.topics, at)
            assert isinstance(outcome, Refusal)
            assert outcome.quarantine is not None
            await self.log.append(outcome.quarantine.record).offset()

    async def run(
        self, of: Source | None = SOURCE, chosen: Chosen | None = None, *, dry_run: bool = False
    ) -> list[Told]:
        """Take them through intake again."""
        sources: Mapping[str, Source] = {} if of is None else {"support": of}
        publisher = Publisher(self.log, self.dedupe, clock=utc_now)
        made = {"log": self.log, "store": self.store, "topics": self.topics}
        desk = Desk(**made, publisher=publisher, sources=sources, dry_run=dry_run)
        return [told async for told in desk.run(chosen or Chosen(), asyncio.Event())]

    async def events(self) -> list[StoredRecord]:
        """The records of the conversations, as they stand in the partition of the only one."""
        name = self.topics.name("conversations")
        start = {TopicPartition(name, number): 0 for number in range(2)}
        return [record async for record in self.log.read(start, follow=False)]


@asynccontextmanager
async def ward(logs: Logs, folder: Path) -> AsyncIterator[Ward]:
    for name in DEFAULTS:
        await logs.topic(name, partitions=2)
    dedupe = Dedupe.open(f"sqlite:///{folder / 'dedupe.db'}")
    await dedupe.start()
    try:
        async with opened(f"sqlite:///{folder / 'state.db'}") as store:
            topics, log = Topics(prefix=logs.prefix), await logs.connect()
            yield Ward(logs=logs, log=log, store=store, dedupe=dedupe, topics=topics)
    finally:
        await dedupe.stop()


@pytest.fixture
async def here(eventlog: Logs, tmp_path: Path) -> AsyncIterator[Ward]:
    """A ward on each event log."""
    async with ward(eventlog, tmp_path) as found:
        yield found


def states(found: list[Told]) -> list[str]:
    return [told.became for told in found]


async def test_mended_deliveries_are_published_once_in_the_order_they_came(here: Ward) -> None:
    """With the time they came, under the ids they would have had; a second run has nothing to do."""
    await here.quarantined(3, 1, 2, minutes=50)
    assert [told.why for told in await here.run(BLIND)] == ["Does not fit: data.role"] * 3
    assert [told.published for told in await here.run(dry_run=True)] == [
        (f"message.created:m{number}",) for number in (3, 1, 2)
    ]
    assert await here.events() == []
    assert states(await here.run()) == ["published"] * 3
    found = await here.events()
    assert [record.header("ce_id") for record in found] == [
        b"message.created:m3",
        b"message.created:m1",
        b"message.created:m2",
    ]
    came = [NOW - timedelta(minutes=minutes) for minutes in (50, 49, 48)]
    assert [record.timestamp for record in found] == [int(at.timestamp() * 1000) for at in came]
    assert await here.run() == []
    assert len(await here.events()) == 3


async def test_copies_and_what_was_accepted_meanwhile_are_not_published_again(here: Ward) -> None:
    """The sender repeated a delivery: while it could not be read, and when it could."""
    await here.quarantined(1, 1, 2, minutes=50)
    await here.dedupe.remember([("support", "message.created:m2", NOW + timedelta(days=1))], NOW)
    assert states(await here.run(dry_run=True)) == ["published", "known", "known"]
    assert states(await here.run()) == ["published", "known", "known"]
    assert len(await here.events()) == 1
    assert await here.run() == []


async def test_only_those_that_are_chosen_are_published(here: Ward) -> None:
    """By their ids, their time, their source."""
    here.logs.needs("times")
    await here.quarantined(1, 2, 3, minutes=50)
    first, *_ = await here.run(dry_run=True)
    assert states(await here.run(chosen=Chosen(source="shop"))) == []
    [late] = await here.run(chosen=Chosen(since=NOW - timedelta(minutes=48)))
    assert late.published == ("message.created:m3",)
    [told] = await here.run(chosen=Chosen(id=first.delivery.id))
    assert told.published == ("message.created:m1",)
    assert states(await here.run(chosen=Chosen(id=first.delivery.id))) == ["known"]
    assert [told.published for told in await here.run()] == [("message.created:m2",)]


async def test_a_delivery_of_a_source_that_is_gone_stays(here: Ward) -> None:
    """Until there is one of its name."""
    await here.quarantined(1)
    assert [(told.became, told.why) for told in await here.run(None)] == [
        ("invalid", "there is no source support any more")
    ]
    assert states(await here.run()) == ["published"]


async def test_a_run_that_was_broken_off_publishes_nothing_twice(here: Ward, monkeypatch: pytest.MonkeyPatch) -> None:
    """It ended after the event was in the log, and before that was noted."""
    await here.quarantined(1, 2, minutes=50)

    async def away(*_: object, **__: object) -> None:
        raise StoreUnavailable("it is away")

    with monkeypatch.context() as broken:
        broken.setattr(Quarantine, "note", away)
        with pytest.raises(StoreUnavailable):
            await here.run()
    assert states(await here.run()) == ["known", "published"]
    assert len(await here.events()) == 2


async def test_nothing_of_a_delivery_is_told_but_its_ids(here: Ward) -> None:
    """Neither to people nor to programs."""
    await here.quarantined(1)
    for told in (*await here.run(BLIND), *await here.run(dry_run=True)):
        assert "private" not in json.dumps(told.row()) + told.sentence(dry_run=True)
