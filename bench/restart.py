"""A worker that is killed -9 with 10,000 attempts under way: what the next one repeats.

    .venv/bin/python bench/restart.py [--kafka host:port | --no-kafka] [--events 30000] [--at-once 10000]

`unfinished` events were begun and not ended when it was killed: they have to be repeated. `finished` ones were ended,
and are repeated all the same, because the kill came before the commit that tells of them, a second or 500 events later.
"""

import argparse
import asyncio
import logging
import os
import random
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import structlog

from bench.dispatch import filled
from bench.dispatch_peers import broker
from dispatcher.dispatcher import Dispatcher
from dispatcher.equipment import Equipment
from dispatcher.settings import CommonSettings, entry_of
from eventlog.open import EventLogSettings, open_log
from handlers.api import Context, handler
from schemas.events import Event, MessageCreated
from schemas.topics import Topics
from store.migrations import migrate
from store.store import Store

# So that 10,000 may be under way: an entry holds 1,000 of a partition.
PARTITIONS = 16
# Seconds: an attempt takes up to this.
TAKES = 20.0
# Share of the events that are done when the worker is killed.
KILLED_AT = 1 / 4


async def work(log_url: str, store_url: str, prefix: str, journal: str, *, at_once: int) -> None:
    """Be a worker, until killed: a line for each attempt that begins, and for each that ends."""
    file = os.open(journal, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    @handler("bench", on=MessageCreated)
    async def bench(event: Event[MessageCreated], ctx: Context) -> None:
        del ctx
        os.write(file, b"begin %s\n" % event.id.encode())
        await asyncio.sleep(random.random() * TAKES)  # noqa: S311 - no secret
        os.write(file, b"end %s\n" % event.id.encode())

    settings = EventLogSettings.model_validate({"url": log_url, "kafka": {"session_timeout": "6s"}})
    log, store = open_log(log_url, settings), Store.open(store_url)
    await log.start()
    await store.start()
    entry = entry_of(bench, common=CommonSettings(concurrency=at_once))
    Dispatcher([entry], Equipment(log=log, store=store, topics=Topics(prefix=prefix))).start()
    await asyncio.Event().wait()


def lived(command: list[str], journal: Path, ended: int) -> tuple[set[str], set[str]]:
    """Run a worker until so many events have ended in all, and kill it: which it began, and which have ended."""
    before = len(_lines(journal))
    worker = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 300
        while len(_named(journal, "end")) < ended:
            if worker.poll() is not None or time.monotonic() > deadline:
                raise SystemExit("the worker does not work")
            time.sleep(0.5)
    finally:
        worker.kill()
        worker.wait()
    return _named(journal, "begin", before), _named(journal, "end")


def _named(journal: Path, what: str, since: int = 0) -> set[str]:
    return {line.partition(" ")[2] for line in _lines(journal)[since:] if line.startswith(what)}


def _lines(journal: Path) -> list[str]:
    text = journal.read_text(encoding="utf-8") if journal.exists() else ""
    return text.splitlines() if text.endswith("\n") else text.splitlines()[:-1]


async def measure(url: str, folder: Path, events: int, at_once: int) -> None:
    """One log, two workers one after the other."""
    store_url, journal = f"sqlite:///{folder / 'state.db'}", folder / "journal"
    await migrate(store_url)
    async with filled(url, folder, events, partitions=PARTITIONS, keys=events) as (_log, _store, topics):
        log_url = url or f"sqlite:///{folder / f'{topics.prefix}db'}"
        command = [sys.executable, __file__, "--at-once", str(at_once), "--worker"]
        command += [log_url, store_url, topics.prefix, str(journal)]
        begun, ended = await asyncio.to_thread(lived, command, journal, int(events * KILLED_AT))
        again, _ = await asyncio.to_thread(lived, command, journal, events)
    unfinished, repeated = begun - ended, again & begun
    kind = log_url.partition(":")[0]
    print(f"{kind:8} {len(unfinished):12,} {len(repeated & unfinished):22,} {len(repeated & ended):20,}", flush=True)


def main(arguments: argparse.Namespace) -> None:
    """Print a table."""
    print(f"{'log':8} {'unfinished':>12} {'repeated: unfinished':>22} {'repeated: finished':>20}", flush=True)
    with ExitStack() as stack:
        urls = [""]
        if not arguments.no_kafka:
            urls.append(f"kafka://{stack.enter_context(broker(arguments.kafka))}")
        for url in urls:
            with tempfile.TemporaryDirectory() as name:
                asyncio.run(measure(url, Path(name), arguments.events, arguments.at_once))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kafka", help="host:port of a broker; by default one is started")
    parser.add_argument("--no-kafka", action="store_true", help="only the embedded log")
    parser.add_argument("--events", type=int, default=30_000)
    parser.add_argument("--at-once", type=int, default=10_000)
    parser.add_argument("--worker", nargs=4, metavar=("LOG", "STORE", "PREFIX", "JOURNAL"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    if given.worker:
        asyncio.run(work(*given.worker, at_once=given.at_once))
    else:
        main(given)
