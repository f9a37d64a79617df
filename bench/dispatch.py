"""Dispatching to a handler that does nothing: events per second and CPU per event, on the embedded log and on Kafka.

    .venv/bin/python bench/dispatch.py [--kafka host:port] [--events 50000] [--rounds 3]

Events are appended first, then a dispatcher works them off. A handler that waits 20 ms, 100 at a time, shows whether
lanes run side by side. Ratios count, absolute figures belong to this machine.
"""

import argparse
import asyncio
import logging
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import structlog

from cli.garbage import collect_less
from dispatcher.dispatcher import Dispatcher
from dispatcher.equipment import Equipment
from dispatcher.settings import CommonSettings, entry_of
from eventlog.log import EventLog
from eventlog.open import EventLogSettings, open_log
from handlers.api import Context, handler
from schemas.envelope import encode
from schemas.events import Event, MessageCreated
from schemas.topics import Topics, TopicSettings
from store.migrations import migrate
from store.store import Store
from tests.contract.dispatchers import message

PARTITIONS = 4
KEYS = 997
STOPS = timedelta(seconds=10)


@dataclass(frozen=True)
class Row:
    """What one round measured."""

    per_second: float
    cpu_us: float


@asynccontextmanager
async def filled(
    url: str, folder: Path, events: int, *, partitions: int = PARTITIONS, keys: int = KEYS
) -> AsyncIterator[tuple[EventLog, Store, Topics]]:
    """A log with so many messages in it, a new file where no URL is given, and an empty store."""
    topics = Topics(prefix=f"bench-{uuid.uuid4().hex[:8]}.")
    url = url or f"sqlite:///{folder / f'{topics.prefix}db'}"
    log = open_log(url, EventLogSettings(url=url))
    await log.start()
    await log.create({topics.name("conversations"): TopicSettings(partitions=partitions)})
    content = "What are your business hours? " * 20
    for start in range(0, events, 1000):
        batch = [
            log.append(
                encode(message(number, key=f"conv_{number % keys}", content=content), topics.name("conversations"))
            )
            for number in range(start, min(start + 1000, events))
        ]
        for each in batch:
            await each.offset()
    store_url = f"sqlite:///{folder / f'{uuid.uuid4().hex}.db'}"
    await migrate(store_url)
    store = Store.open(store_url)
    await store.start()
    try:
        yield log, store, topics
    finally:
        await store.stop()
        await log.stop(STOPS)


async def measure(url: str, folder: Path, events: int, *, wait: float, concurrency: int) -> Row:
    """Work off a full log."""
    handled = 0
    begun, done = asyncio.Event(), asyncio.Event()

    @handler("bench", on=MessageCreated)
    async def bench(event: Event[MessageCreated], ctx: Context) -> None:
        nonlocal handled
        del event, ctx
        begun.set()
        if wait:
            await asyncio.sleep(wait)
        handled += 1
        if handled == events:
            done.set()

    async with filled(url, folder, events) as (log, store, topics):
        entry = entry_of(bench, common=CommonSettings(concurrency=concurrency))
        dispatcher = Dispatcher([entry], Equipment(log=log, store=store, topics=topics))
        dispatcher.start()
        await begun.wait()
        already, began, cpu = handled, time.perf_counter(), time.process_time()
        await done.wait()
        seconds, used = time.perf_counter() - began, time.process_time() - cpu
        await dispatcher.stop(STOPS)
    return Row((events - already) / seconds, used / (events - already) * 1e6)


async def main(arguments: argparse.Namespace) -> None:
    """Print a table."""
    collect_less()  # as every role does
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    print(f"{'log':8} {'handler':22} {'events/s':>10} {'CPU us/event':>13}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        logs = {"sqlite": ""}
        if arguments.kafka:
            logs["kafka"] = f"kafka://{arguments.kafka}"
        for log, url in logs.items():
            for text, wait, concurrency, events in (
                ("does nothing", 0.0, 32, arguments.events),
                ("20 ms, 100 at once", 0.02, 100, min(arguments.events, 20_000)),
            ):
                rows = [
                    await measure(url, folder, events, wait=wait, concurrency=concurrency)
                    for _ in range(arguments.rounds)
                ]
                per_second = statistics.median(row.per_second for row in rows)
                cpu = statistics.median(row.cpu_us for row in rows)
                print(f"{log:8} {text:22} {per_second:10,.0f} {cpu:13.1f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kafka", help="host:port of a broker")
    parser.add_argument("--events", type=int, default=50_000)
    parser.add_argument("--rounds", type=int, default=3)
    asyncio.run(main(parser.parse_args()))
