"""The receiver when its log or its dedupe store is away, or an error is our own."""

import asyncio
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from eventlog.errors import LogUnavailable
from eventlog.open import EventLogSettings, open_log
from receiver.lookups import PATIENCE
from store.errors import StoreUnavailable
from tests.contract.receivers import SOURCES, STOPS, TOPICS, receiving
from tests.servers.eventually import eventually
from tests.unit.receiver.logs import MemoryLog, MemoryStore
from tests.unit.receiver.parts import MESSAGE


async def test_requests_in_flight_are_bounded() -> None:
    """Who does not fit is told so at once instead of waiting."""
    log = MemoryLog(durable=False)
    async with receiving(log, MemoryStore(), in_flight_requests=2) as running:
        waiting = [asyncio.create_task(running.post(body=MESSAGE.replace(b"msg_1", b"m%d" % n))) for n in range(2)]
        await eventually(lambda: len(log.records) == 4)
        answer = await running.post(body=MESSAGE.replace(b"msg_1", b"msg_2"))
        assert answer.problem() == (503, "overloaded")
        assert answer.headers["retry-after"] == "1"
        log.settle()
        assert [done.status for done in await asyncio.gather(*waiting)] == [202, 202]


@pytest.mark.parametrize("budget", ["500ms", "3s"])
async def test_log_that_hangs_is_answered_within_the_budget(budget: str) -> None:
    """Whatever the broker does: 503 in time, and 202 when the same delivery comes later."""
    log = MemoryLog(durable=False)
    sources = {"support": {**SOURCES["support"], "ack_budget": budget}}
    async with receiving(log, MemoryStore(), sources=sources) as running:
        started = time.monotonic()
        answer = await running.post()
        assert time.monotonic() - started < (2.0 if budget == "500ms" else 3.0)
        assert answer.problem() == (503, "not-stored")
        assert int(answer.headers["retry-after"]) >= 1
        log.settle()
        again = await running.post()
        assert (again.status, again.json()["duplicate"]) == (202, True)


async def test_log_that_is_known_to_be_away_is_answered_at_once() -> None:
    """Nobody waits for what will not happen; the log says when to come again."""
    log = MemoryLog()
    log.refusing = LogUnavailable("no broker answers", retry_after=timedelta(seconds=7))
    log.ok = False
    async with receiving(log, MemoryStore()) as running:
        answer = await running.post()
        assert (answer.problem(), answer.headers["retry-after"]) == ((503, "not-stored"), "7")
        ready = await running.request("GET", "/readyz")
        assert (ready.status, ready.json()["checks"]["log"]) == (503, "failing")
        assert (await running.request("GET", "/livez")).status == 200


async def test_embedded_log_that_was_stopped_refuses(tmp_path: Path) -> None:
    """The real log, away: 503, not 500."""
    log = open_log(f"sqlite:///{tmp_path}/events.db", EventLogSettings())
    await log.start()
    await log.create(TOPICS.all())
    async with receiving(log, MemoryStore()) as running:
        await log.stop(STOPS)
        assert (await running.post()).problem() == (503, "not-stored")


async def test_dedupe_store_that_is_away_is_done_without() -> None:
    """Accepted, degraded, and still the same id."""
    store = MemoryStore()
    store.failing = lambda: StoreUnavailable("the database is away")
    async with receiving(MemoryLog(), store) as running:
        answer = await running.post()
        assert (answer.status, answer.json()["id"]) == (202, "message.created:msg_1")
        ready = await running.request("GET", "/readyz")
        assert (ready.status, ready.json()["checks"]["dedupe"]) == (200, "degraded")


async def test_dedupe_store_that_hangs_costs_fifty_milliseconds() -> None:
    """Once: after that it is left alone for a second."""
    store = MemoryStore()
    store.hanging = asyncio.Event()
    async with receiving(MemoryLog(), store, patience=PATIENCE) as running:
        started = time.monotonic()
        answers = [await running.post(body=MESSAGE.replace(b"msg_1", b"m%d" % n)) for n in range(5)]
        assert [answer.status for answer in answers] == [202] * 5
        assert time.monotonic() - started < 2.0
        store.hanging.set()


async def test_error_of_our_own_is_no_500() -> None:
    """The sender comes again; the log line names the place and quotes nothing."""

    class Broken(MemoryLog):
        def append(self, record: Any) -> Any:
            raise ZeroDivisionError(record.value)

    async with receiving(Broken(), MemoryStore()) as running:
        answer = await running.post()
        assert answer.problem() == (503, "internal")
        assert (await running.request("GET", "/livez")).status == 200
        assert running.answered[0].reason == "ZeroDivisionError"


async def test_hook_that_raises_is_no_500() -> None:
    """A screen that cannot be written to does not break the door."""
    async with receiving(MemoryLog(), MemoryStore()) as running:
        running.answered.clear()
        running.server._receiver._reports = (lambda _: 1 // 0,)  # type: ignore[assignment]  # a hook of nobody's
        assert (await running.post()).problem() == (503, "internal")
        running.server._receiver._reports = ()
        assert (await running.post()).status == 202
