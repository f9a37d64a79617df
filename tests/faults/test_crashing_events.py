"""Events that end the process: each is found and buried after a few crashes, and nobody beside it."""

import asyncio
import multiprocessing
import signal
from collections import Counter
from datetime import timedelta
from pathlib import Path

from eventlog.sqlite import SqliteEventLog
from schemas.envelope import encode
from schemas.events import Event
from schemas.record import StoredRecord, TopicPartition
from schemas.topics import Topics, TopicSettings
from store.migrations import migrate
from tests.contract.dispatchers import message
from tests.faults import crash_child

# For each of the two: one crash in ordinary work, two that are noted, three alone.
MOST_CRASHES = 12
WITHIN = 60.0


def lines(folder: Path) -> list[tuple[str, str]]:
    """What the workers wrote: begin or end, and whose."""
    words = (line.split() for line in (folder / "journal").read_text(encoding="utf-8").splitlines())
    return [(what, name) for what, name in words]


def sent() -> list[Event]:
    """Two that end the process, one of them by its timer, among others of many lanes and behind one another."""
    poison = {5: "abort", 6: "timer"}
    return [message(number, key=f"c{number % 10}", content=poison.get(number, "hello")) for number in range(40)]


async def worked(folder: Path, everyone: set[str]) -> int:
    """Let workers run until all but the two are done; how often one crashed."""
    # forked from a process that has imported everything
    fork = multiprocessing.get_context("forkserver")
    fork.set_forkserver_preload([crash_child.__name__])
    crashes = 0
    async with asyncio.timeout(WITHIN):
        while True:
            worker = fork.Process(target=crash_child.run, args=(folder,))
            worker.start()
            try:
                while worker.is_alive():
                    await asyncio.sleep(0.1)
                    if await finished(folder, everyone):
                        return crashes
            finally:
                worker.kill()
                worker.join()
            assert worker.exitcode == -signal.SIGABRT
            crashes += 1


async def finished(folder: Path, everyone: set[str]) -> bool:
    """Whether everybody is done, and two are dead."""
    if not (folder / "journal").exists() or not everyone <= {name for what, name in lines(folder) if what == "end"}:
        return False
    return len(await letters(folder)) == 2


async def letters(folder: Path) -> list[StoredRecord]:
    """The dead letters."""
    log = SqliteEventLog(folder / "events.db")
    await log.start()
    try:
        at = TopicPartition(Topics().name("dead"), 0)
        return [record async for record in log.read({at: 0}, follow=False)]
    finally:
        await log.stop(timedelta(seconds=5))


async def test_events_that_end_the_process(tmp_path: Path) -> None:
    """A record and a timer that abort: both are dead as crashed, all others are handled, and none of those is dead."""
    await migrate(f"sqlite:///{tmp_path / 'state.db'}")
    log, topics = SqliteEventLog(tmp_path / "events.db"), Topics()
    await log.start()
    await log.create({topics.name("conversations"): TopicSettings(partitions=2)})
    await log.create({topics.name("dead"): TopicSettings(partitions=1)})
    for event in sent():
        log.append(encode(event, topics.name("conversations")))
    await log.stop(timedelta(seconds=5))
    crashes = await worked(tmp_path, {f"m{number}" for number in range(40)} - {"m5", "m6"})
    begun = Counter(name for what, name in lines(tmp_path) if what == "begin")
    dead = await letters(tmp_path)
    assert {record.header("x-dlq-reason") for record in dead} == {b"crashed"}
    assert {record.header("ce_type") for record in dead} == {b"message.created", b"hookline.timer"}
    assert crashes <= MOST_CRASHES
    assert max(begun["m5"], begun["timer"]) <= crashes
    # a bystander repeats when it was under way at a crash, and not once more
    assert max(count for name, count in begun.items() if name not in {"m5", "timer"}) <= crashes + 1
