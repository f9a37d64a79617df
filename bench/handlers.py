"""What real handlers cost: the two built-in ones, and events that wait in the store. Events per second, CPU per event.

    .venv/bin/python bench/handlers.py [--kafka host:port] [--postgres] [--events 3000] [--rounds 3] [--only WORD]

Events of four platforms, of 997 people in as many conversations, are appended first, then a dispatcher works them off.
Accounts answer at once, without a network: what a platform takes is not measured, nor what it allows in a minute.
`push` is not set. Ratios count, absolute figures belong to this machine.
"""

import argparse
import asyncio
import logging
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1]))

import structlog

from cli.garbage import collect_less
from clients.account import Account, ChatMessage, Sent
from dispatcher.dispatcher import Dispatcher
from dispatcher.equipment import Equipment, Limits
from dispatcher.observers import AttemptEnded, Happening, Observer
from dispatcher.settings import CommonSettings, Entry, entry_of
from eventlog.log import EventLog
from eventlog.open import EventLogSettings, open_log
from handlers.api import Context, RetryLater, handler
from handlers.follow_up_chat import FollowUp, follow_up_chat
from handlers.sync_contact import SyncContact, sync_contact
from schemas.envelope import encode
from schemas.events import ContactRef, ContactUpdated, ConversationCreated, Data, Event, MessageCreated
from schemas.topics import Topics, TopicSettings
from store.migrations import migrate
from store.store import Store
from tests.servers.harness import Harness, new_log_folder

PLATFORMS = ("mygptassistants", "yourgpt", "gptbots", "customgpt")
PEOPLE = 997
PARTITIONS = 4
STOPS = timedelta(seconds=10)
BEGAN = datetime.now(UTC)


class Row(NamedTuple):
    """What one round measured."""

    per_second: float
    cpu_us: float


class Instant(Account):
    """An account whose platform answers at once."""

    platform: ClassVar[str] = PLATFORMS[0]

    async def send(self, conversation_id: str | None, text: str, *, metadata: Any = None) -> Sent:
        """Send nothing."""
        del text, metadata
        return Sent(message_id="sent", conversation_id=conversation_id)

    async def aclose(self) -> None:
        """Nothing is open."""

    async def history(self, conversation_id: str) -> AsyncIterator[ChatMessage]:
        """A question and its answer."""
        yield ChatMessage(id=f"q{conversation_id}", role="user", content="What are your business hours?", at=BEGAN)
        yield ChatMessage(id=f"a{conversation_id}", role="assistant", content="From nine to five.", at=BEGAN)


def event_of(number: int, *, changing: bool) -> Event:
    """The event of that number: messages mostly, each of one of the people. Every tenth may change what is known."""
    who = number % PEOPLE
    source, key = PLATFORMS[who % len(PLATFORMS)], f"conv_{who}"
    told = {"name": f"Ann {who}", "email": f"ann{who}@example.org"}
    ref = ContactRef(id=f"user_{who}", **told)
    data: Data
    match number % 10:
        case 7:
            data = ConversationCreated(conversation_id=key, contact=ref)
        case 8:
            seen = {"pages": number if changing else who}
            data, key = ContactUpdated(contact_id=f"user_{who}", attributes=seen, **told), f"user_{who}"
        case last:
            role, text = ("user", "And on Sundays?") if last % 2 else ("assistant", "From nine to five. " * 20)
            data = MessageCreated(message_id=f"m{number}", conversation_id=key, role=role, content=text, contact=ref)
    return Event(
        id=f"{data.event_type}:{number}",
        type=data.event_type,
        source=source,
        platform=source,
        key=key,
        time=BEGAN + timedelta(milliseconds=number),
        received_at=BEGAN,
        origin="webhook",
        data=data,
    )


def unanswered(number: int) -> Event:
    """An assistant's answer of an hour ago, in a conversation of its own."""
    asked, key = event_of(10 * number, changing=False), f"chat_{number}"
    data = asked.data.model_copy(update={"conversation_id": key})
    return replace(asked, id=key, key=key, time=BEGAN - timedelta(hours=1), data=data)


class Site(NamedTuple):
    """A log and a store, empty at first."""

    log: EventLog
    store: Store
    topics: Topics

    async def append(self, events: Sequence[Event]) -> None:
        """Put events into their topics."""
        for start in range(0, len(events), 1000):
            batch = [self.log.append(encode(each, self.topics.of(each.type))) for each in events[start : start + 1000]]
            for appended in batch:
                await appended.offset()

    def dispatcher(self, entry: Entry, *observers: Observer, **limits: Any) -> Dispatcher:
        """Of one entry; each source has an account."""
        equipment = Equipment(
            log=self.log,
            store=self.store,
            topics=self.topics,
            accounts={name: Instant(name) for name in PLATFORMS},
            account_of={name: name for name in PLATFORMS},
            observers=observers,
            limits=Limits(**limits),
        )
        return Dispatcher([entry], equipment)

    async def work_off(self, entry: Entry, attempts: int) -> Row:
        """Run an entry until so many attempts have ended."""
        left, done = attempts, asyncio.Event()

        def count(happening: Happening) -> None:
            nonlocal left
            left -= isinstance(happening, AttemptEnded)
            if not left:
                done.set()

        dispatcher = self.dispatcher(entry, count)
        dispatcher.start()
        row = await timed(attempts, done.wait())
        await dispatcher.until_empty()
        await dispatcher.stop(STOPS)
        return row


@asynccontextmanager
async def site(log_url: str, store_url: str, folder: Path) -> AsyncIterator[Site]:
    """Both, new where no URL is given."""
    topics = Topics(prefix=f"bench-{uuid.uuid4().hex[:8]}.")
    log_url = log_url or f"sqlite:///{folder / f'{topics.prefix}db'}"
    store_url = store_url or f"sqlite:///{folder / f'{uuid.uuid4().hex}.db'}"
    async with AsyncExitStack() as stack:
        log = open_log(log_url, EventLogSettings(url=log_url))
        await log.start()
        stack.push_async_callback(log.stop, STOPS)
        await log.create({name: TopicSettings(partitions=PARTITIONS) for name in topics.all()})
        await migrate(store_url)
        store = Store.open(store_url)
        await store.start()
        stack.push_async_callback(store.stop)
        yield Site(log, store, topics)


async def timed(count: int, work: Awaitable[object]) -> Row:
    """What so many events cost."""
    began, cpu = time.perf_counter(), time.process_time()
    await work
    return Row(count / (time.perf_counter() - began), (time.process_time() - cpu) / count * 1e6)


async def contacts(at: Site, events: int) -> dict[str, Row]:
    """People who are new or change; then events that tell nothing new of them."""
    entry, rows = entry_of(sync_contact, config=SyncContact()), []
    for turn, changing in enumerate((True, False, False)):
        await at.append([event_of(turn * events + number, changing=changing) for number in range(events)])
        rows.append(await at.work_off(entry, events))
    return {"sync-contact": rows[0], "sync-contact, known": rows[2]}


async def follow_ups(at: Site, events: int) -> dict[str, Row]:
    """Timers that are set, moved and cancelled; then such as are due at once, each with a message that is sent once."""
    config = FollowUp(message="Did that answer your question, {name}?", after="20m", limit=1_000_000, max_age="1d")
    entry = entry_of(follow_up_chat, config=config)
    told = [event_of(number, changing=False) for number in range(events)]
    told = [each for each in told if isinstance(each.data, MessageCreated)]
    await at.append(told)
    watched = await at.work_off(entry, len(told))
    await at.append([unanswered(number) for number in range(events)])
    return {"follow-up-chat": watched, "follow-up-chat, due": await at.work_off(entry, 2 * events)}


async def parked(at: Site, events: int) -> dict[str, Row]:
    """Events that cannot be handled for long are written to the store, and then worked off."""
    away, handled, begun, done = True, 0, asyncio.Event(), asyncio.Event()

    @handler("bench", on=MessageCreated)
    async def bench(event: Event[MessageCreated], ctx: Context) -> None:
        nonlocal handled
        del event, ctx
        if away:
            raise RetryLater("the CRM is away", after="2s")
        begun.set()
        handled += 1
        if handled == events:
            done.set()

    await at.append([event_of(10 * number, changing=False) for number in range(events)])
    dispatcher = at.dispatcher(entry_of(bench, common=CommonSettings(attempts=1_000)), lane_wait=timedelta())

    async def all_parked() -> None:
        dispatcher.start()
        while (await at.store.parked.counts()).get("bench", 0) < events:  # noqa: ASYNC110 - the store tells nobody
            await asyncio.sleep(0.05)

    there = await timed(events, all_parked())
    away = False
    await begun.wait()
    back = await timed(events, done.wait())
    await dispatcher.stop(STOPS)
    return {"parked": there, "parked, worked off": back}


CASES: dict[str, Callable[[Site, int], Awaitable[dict[str, Row]]]] = {
    "sync-contact": contacts,
    "follow-up-chat": follow_ups,
    "parked": parked,
}


async def measure(case: Callable[[Site, int], Awaitable[dict[str, Row]]], arguments: argparse.Namespace) -> None:
    """Print the medians of one case."""
    log_url = f"kafka://{arguments.kafka}" if arguments.kafka else ""
    rounds: list[dict[str, Row]] = []
    for _ in range(arguments.rounds):
        server = arguments.server
        store_url = server.url_of(await server.create_database()) if server else ""
        with tempfile.TemporaryDirectory() as folder:
            async with site(log_url, store_url, Path(folder)) as at:
                rounds.append(await case(at, arguments.events))
    for title in rounds[0]:
        per_second, cpu = map(statistics.median, zip(*(each[title] for each in rounds), strict=True))
        print(f"{title:22} {per_second:10,.0f} {cpu:13,.0f}", flush=True)


def main(arguments: argparse.Namespace) -> None:
    """Print a table."""
    collect_less()  # as every role does
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    harness = Harness(new_log_folder())
    arguments.server = harness.private_postgres() if arguments.postgres else None
    try:
        if arguments.server:
            arguments.server.start()
            asyncio.run(arguments.server.wait_ready(60))
        print(f"{'handler':22} {'events/s':>10} {'CPU us/event':>13}", flush=True)
        for name, case in CASES.items():
            if arguments.only in name:
                asyncio.run(measure(case, arguments))
    finally:
        if arguments.server:
            arguments.server.close()
        harness.close(keep_logs=False)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kafka", default="", help="host:port of a broker")
    parser.add_argument("--postgres", action="store_true", help="the store is a PostgreSQL server of its own")
    parser.add_argument("--events", type=int, default=3_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="", help="a word of the handlers to measure")
    main(parser.parse_args())
