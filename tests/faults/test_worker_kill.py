"""kill -9 of a worker at moments nobody chose: nothing lost, order per lane, effects at most once."""

import asyncio
import random
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from eventlog.sqlite import SqliteEventLog
from schemas.envelope import encode
from schemas.record import StoredRecord, TopicPartition
from schemas.topics import Topics, TopicSettings
from store.migrations import migrate
from tests.contract.dispatchers import message
from tests.faults import dispatch_child
from tests.faults.forks import forked
from tests.servers.eventually import eventually

EVENTS = 600
LANES = 12
KILLS = 6


@contextmanager
def worker(folder: Path) -> Iterator[None]:
    """A worker that is killed at the end."""
    child = forked(dispatch_child.run, folder)
    try:
        yield
    finally:
        child.kill()
        child.join()


def journal(folder: Path) -> list[list[str]]:
    """The words of each line the workers wrote."""
    file = folder / "journal"
    return [line.split() for line in file.read_text(encoding="utf-8").splitlines()] if file.exists() else []


def has_lines(folder: Path, count: int) -> bool:
    return len(journal(folder)) > count


async def dead_letters(log: SqliteEventLog) -> list[StoredRecord]:
    at = TopicPartition(Topics().name("dead"), 0)
    return [record async for record in log.read({at: 0}, follow=False)]


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """Where the kills fall; the same in every run of one checkout."""
    return len(request.node.name)


async def test_killed_again_and_again(tmp_path: Path, seed: int) -> None:
    """Each event is attempted, in order; its effect happens once, or its death is told as uncertain."""
    await migrate(f"sqlite:///{tmp_path / 'state.db'}")
    log, topics = SqliteEventLog(tmp_path / "events.db"), Topics()
    await log.start()
    await log.create({topics.name("conversations"): TopicSettings(partitions=3)})
    await log.create({topics.name("dead"): TopicSettings(partitions=1)})
    sent = [message(number, key=f"c{number % LANES}") for number in range(EVENTS)]
    for event in sent:
        log.append(encode(event, topics.name("conversations")))
    moments = random.Random(seed)  # noqa: S311 - a reproducible pattern, no secret
    for kill in range(1, KILLS + 1):
        wanted = EVENTS * kill // (KILLS + 2)
        with worker(tmp_path):
            await eventually(partial(has_lines, tmp_path, wanted), 30, what="more work")
            await asyncio.sleep(moments.random() * 0.1)
    with worker(tmp_path):
        await eventually(
            lambda: len({event for what, event, _ in journal(tmp_path) if what == "attempt"}) == EVENTS,
            60,
            what="the end of the work",
        )
        await asyncio.sleep(1)
    dead = await dead_letters(log)
    await log.stop(timedelta(seconds=5))
    verdict(journal(tmp_path), [event.id for event in sent], dead)


def verdict(lines: list[list[str]], sent: list[str], dead: list[StoredRecord]) -> None:
    """Hold the journal to the promise."""
    effects = Counter(event for what, event, _ in lines if what == "effect")
    uncertain = {(record.header("ce_id") or b"").decode() for record in dead}
    assert {record.header("x-dlq-reason") for record in dead} <= {b"uncertain"}
    assert [event for event, count in effects.items() if count > 1] == []
    assert set(sent) - effects.keys() - uncertain == set()
    # the kills struck work, and no more than was under way is repeated: 8 attempts, and what one commit may miss
    attempts = Counter(event for what, event, _ in lines if what == "attempt")
    assert 0 < sum(attempts.values()) - len(attempts) <= KILLS * 200
    order = {event: place for place, event in enumerate(sent)}
    first: dict[str, list[int]] = defaultdict(list)
    seen: set[str] = set()
    for what, event, key in lines:
        if what == "attempt" and event not in seen:
            seen.add(event)
            first[key].append(order[event])
    assert all(places == sorted(places) for places in first.values())
