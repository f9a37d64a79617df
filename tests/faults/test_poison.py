"""Poisonous events: each is dead after its attempts, nobody beside it, and others hardly wait for it."""

import asyncio
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import pairwise
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import NamedTuple

from eventlog.sqlite import SqliteEventLog
from schemas.envelope import encode
from schemas.events import Event
from schemas.record import StoredRecord, TopicPartition
from schemas.topics import Topics, TopicSettings
from store.migrations import migrate
from tests.contract.dispatchers import message
from tests.faults import crash_child
from tests.faults.forks import forked

# For each of the two: one crash in ordinary work, two that are noted, three alone.
MOST_CRASHES = 12
WITHIN = 60.0
# Seconds: as long as an event of another key may wait.
DELAY = 1.0


class Line(NamedTuple):
    """An attempt began or ended."""

    what: str
    name: str
    worker: str
    at: float


@dataclass
class Ward:
    """A log, the workers that follow one another on it, and an event of a new key every now and then."""

    folder: Path
    log: SqliteEventLog
    topics: Topics = field(default_factory=Topics)
    crashes: int = 0
    # Passers-by: name → when it was put into the log, by the machine's monotonic clock.
    passed_by: dict[str, float] = field(default_factory=dict)

    def append(self, *events: Event) -> None:
        """Put events into the log."""
        for event in events:
            self.log.append(encode(event, self.topics.name("conversations")))

    def lines(self) -> list[Line]:
        """What the workers wrote."""
        file = self.folder / "journal"
        words = (line.split() for line in file.read_text(encoding="utf-8").splitlines()) if file.exists() else ()
        return [Line(what, name, worker, float(at)) for what, name, worker, at in words]

    def ended(self) -> set[str]:
        """Which events were handled."""
        return {line.name for line in self.lines() if line.what == "end"}

    async def letters(self) -> list[StoredRecord]:
        """The dead letters."""
        at = TopicPartition(self.topics.name("dead"), 0)
        return [record async for record in self.log.read({at: 0}, follow=False)]

    async def work(self, everyone: set[str], *, dead: int) -> None:
        """Let workers run until so many events are dead and all others handled; passers-by come all the while."""
        async with asyncio.timeout(WITHIN):
            while True:
                worker = forked(crash_child.run, self.folder)
                try:
                    if await self._worked(worker, everyone, dead):
                        return
                finally:
                    worker.kill()
                    worker.join()
                assert worker.exitcode == -signal.SIGABRT
                self.crashes += 1

    async def _worked(self, worker: BaseProcess, everyone: set[str], dead: int) -> bool:
        while worker.is_alive():
            over = everyone <= self.ended() and len(await self.letters()) == dead
            if over and self.passed_by.keys() <= self.ended():
                return True
            if not over and self.lines():
                name = f"m{1_000 + len(self.passed_by)}"
                self.passed_by[name] = time.monotonic()
                self.append(message(int(name[1:]), key=name, content="quick"))
            await asyncio.sleep(0.1)
        return False

    def delays(self) -> list[float]:
        """How long passers-by waited for their first attempt, without the time when no worker was there."""
        lines = self.lines()
        away = [(before.at, after.at) for before, after in pairwise(lines) if before.worker != after.worker]
        begun = {line.name: line.at for line in reversed(lines) if line.what == "begin"}
        return [begun[name] - since - _overlap(away, since, begun[name]) for name, since in self.passed_by.items()]


def _overlap(spans: Iterable[tuple[float, float]], since: float, until: float) -> float:
    return sum(max(0.0, min(end, until) - max(begin, since)) for begin, end in spans)


@asynccontextmanager
async def ward(folder: Path, *, partitions: int) -> AsyncIterator[Ward]:
    """One in a folder of its own."""
    await migrate(f"sqlite:///{folder / 'state.db'}")
    log, topics = SqliteEventLog(folder / "events.db"), Topics()
    await log.start()
    await log.create({topics.name("conversations"): TopicSettings(partitions=partitions)})
    await log.create({topics.name("dead"): TopicSettings(partitions=1)})
    try:
        yield Ward(folder, log)
    finally:
        await log.stop(timedelta(seconds=5))


async def test_events_that_fail_or_hang(tmp_path: Path) -> None:
    """Each is dead after its attempts; others of its partition wait less than a second, those of its key till then."""
    async with ward(tmp_path, partitions=1) as here:
        here.append(message(0, key="a", content="raise"), message(1, key="b", content="hang"))
        here.append(message(2, key="a"), message(3, key="b"))
        await here.work({"m2", "m3"}, dead=2)
        dead, begun = await here.letters(), Counter(line.name for line in here.lines() if line.what == "begin")
        order = [line.name for line in here.lines() if line.what == "begin" and line.name in {"m1", "m3"}]
        delays = here.delays()
    assert [record.header("x-dlq-reason") for record in dead] == [b"exhausted", b"exhausted"]
    assert (begun["m0"], begun["m1"], here.crashes) == (3, 3, 0)
    assert order == ["m1", "m1", "m1", "m3"]
    assert len(delays) >= 10
    assert max(delays) < DELAY


async def test_events_that_end_the_process(tmp_path: Path) -> None:
    """A record and a timer that abort: both are dead as crashed, all others handled; these wait for restarts."""
    poison = {5: "abort", 6: "timer"}
    sent = [message(number, key=f"c{number % 5}", content=poison.get(number, "hello")) for number in range(40)]
    async with ward(tmp_path, partitions=2) as here:
        here.append(*sent)
        await here.work({f"m{number}" for number in range(40)} - {"m5", "m6"}, dead=2)
        dead, begun = await here.letters(), Counter(line.name for line in here.lines() if line.what == "begin")
        delays = here.delays()
    assert {record.header("x-dlq-reason") for record in dead} == {b"crashed"}
    assert {record.header("ce_type") for record in dead} == {b"message.created", b"hookline.timer"}
    assert here.crashes <= MOST_CRASHES
    assert max(begun["m5"], begun["timer"]) <= here.crashes
    # a bystander repeats when it was under way at a crash, and not once more
    assert max(count for name, count in begun.items() if name not in {"m5", "timer"}) <= here.crashes + 1
    # beside restarts they wait while suspects run alone, and some bystanders are suspects too
    assert max(delays) < 2 * DELAY
