"""A worker that starts with very many pending timers of one partition: when the first fires, how fast the rest, memory.

    .venv/bin/python bench/timers.py [--timers 100000] [--fire 5000] [--sqlite-only]

Each worker is a process of its own, on the embedded log. In the first case one timer is due and all others in days; in
the second all came due while nobody worked, and the worker is measured until it has fired some of them.
"""

import argparse
import asyncio
import json
import logging
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import structlog

from dispatcher.dispatcher import Dispatcher
from dispatcher.equipment import Equipment
from dispatcher.settings import entry_of
from eventlog.sqlite import SqliteEventLog
from handlers.api import Context, handler
from schemas.events import Event, MessageCreated, Timer
from schemas.record import TopicPartition
from schemas.topics import Topics, TopicSettings
from store.migrations import migrate
from store.schedule import TimerSet
from store.store import Store
from tests.servers.harness import Harness, new_log_folder

NOW = datetime.now(UTC)
STOPS = timedelta(seconds=10)
AT = TopicPartition(Topics().name("conversations"), 0)
# Timers written in one transaction.
FILL = 500


def memory() -> float:
    """The most this process has had, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


async def work(store_url: str, folder: Path, fire: int) -> None:
    """Be the worker: fire so many timers, then tell."""
    fired, done = 0, asyncio.Event()
    first = 0.0

    @handler("bench", on=(MessageCreated, Timer))
    async def bench(event: Event[MessageCreated | Timer], ctx: Context) -> None:
        nonlocal fired, first
        del event, ctx
        first = first or time.perf_counter()
        fired += 1
        if fired == fire:
            done.set()

    store, log = Store.open(store_url), SqliteEventLog(folder / "events.db")
    await store.start()
    await log.start()
    before, began = memory(), time.perf_counter()
    dispatcher = Dispatcher([entry_of(bench)], Equipment(log=log, store=store))
    dispatcher.start()
    await done.wait()
    figures = {"first": first - began, "per_second": fire / (time.perf_counter() - first), "mb": memory() - before}
    await dispatcher.stop(STOPS)
    await store.stop()
    await log.stop(STOPS)
    print(json.dumps(figures))


async def fill(store_url: str, folder: Path, due: list[datetime]) -> None:
    """A log with one partition, and a store with these timers."""
    log = SqliteEventLog(folder / "events.db")
    await log.start()
    await log.create({name: TopicSettings(partitions=1) for name in Topics().all()})
    await migrate(store_url)
    store = Store.open(store_url, deadline=timedelta(seconds=60))
    await store.start()
    epochs = await store.owners.claim("bench", [AT], await log.identity())
    for start in range(0, len(due), FILL):
        rows = [timer(number, due[number]) for number in range(start, min(start + FILL, len(due)))]
        await store.schedule.settle("bench", AT, epochs[AT], offset=0, event_id=str(start), now=NOW, set=rows)
    await store.owners.release("bench", epochs)
    await store.stop()
    await log.stop(STOPS)


def timer(number: int, due: datetime) -> TimerSet:
    """A timer of one conversation, as `follow-up-chat` sets it."""
    return TimerSet(
        source="support",
        key=f"conversation-{number:08d}",
        name="follow-up",
        due=due,
        platform="mygptassistants",
        conversation_id=f"conversation-{number:08d}",
        received_at=NOW,
    )


def measured(store_url: str, title: str, due: list[datetime], fire: int) -> None:
    """One case."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        store_url = store_url or f"sqlite:///{folder / 'state.db'}"
        asyncio.run(fill(store_url, folder, due))
        command = [sys.executable, __file__, "--worker", store_url, name, "--fire", str(fire)]
        ended = subprocess.run(command, check=True, capture_output=True, text=True, timeout=600)
    figures = json.loads(ended.stdout.splitlines()[-1])
    kind = store_url.partition(":")[0].partition("+")[0]
    print(
        f"{kind:12} {title:16} {figures['first']:9.2f} {figures['per_second']:12,.0f} {figures['mb']:10.0f}", flush=True
    )


def main(arguments: argparse.Namespace) -> None:
    """Print a table."""
    count = arguments.timers
    far = [NOW - timedelta(hours=1), *(NOW + timedelta(days=1, seconds=number) for number in range(count - 1))]
    late = [NOW - timedelta(seconds=number) for number in range(count)]
    print(f"{count:,} timers\n{'store':12} {'':16} {'first (s)':>9} {'firings/s':>12} {'memory, MB':>10}", flush=True)
    harness = Harness(new_log_folder())
    try:
        for postgres in (False,) if arguments.sqlite_only else (False, True):
            for title, due, fire in (("one is due", far, 1), ("all are due", late, arguments.fire)):
                url = ""
                if postgres:
                    server = harness.private_postgres()
                    server.start()
                    asyncio.run(server.wait_ready(60))
                    url = server.url_of(asyncio.run(server.create_database()))
                measured(url, title, due, fire)
    finally:
        harness.close(keep_logs=False)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--timers", type=int, default=100_000)
    parser.add_argument("--fire", type=int, default=5_000, help="how many of those that are due are fired")
    parser.add_argument("--sqlite-only", action="store_true")
    parser.add_argument("--worker", nargs=2, metavar=("STORE", "FOLDER"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    if given.worker:
        asyncio.run(work(given.worker[0], Path(given.worker[1]), given.fire))
    else:
        main(given)
