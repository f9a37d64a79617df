"""Who runs, and who should have ended."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from dispatcher.attempts import STUCK_AFTER, Attempts, Running


async def nothing() -> None: ...


def running(*, cancelled_at: float) -> Running:
    return Running(entry="h", event_id="e", source="s", run=nothing, cancelled_at=cancelled_at)


@pytest.fixture
async def task() -> AsyncIterator[asyncio.Task[None]]:
    """A task to stand for an attempt's."""
    made = asyncio.create_task(nothing())
    yield made
    await made


async def test_what_goes_on_after_its_cancellation_is_told_once(task: asyncio.Task[None]) -> None:
    """Not before it had its time."""
    attempts = Attempts()
    attempts.begin(task, running(cancelled_at=100))
    found = [attempts.newly_stuck(now) for now in (100 + STUCK_AFTER, 101 + STUCK_AFTER, 200.0)]
    assert [len(each) for each in found] == [0, 1, 0]
    assert attempts.is_stuck(task)


async def test_a_drain_cancels_before_the_timeout(task: asyncio.Task[None]) -> None:
    """The time counts from there."""
    attempts = Attempts()
    attempts.begin(task, running(cancelled_at=1_000))
    attempts.cancelled(task, 100)
    assert len(attempts.newly_stuck(101 + STUCK_AFTER)) == 1


async def test_what_ended_is_forgotten(task: asyncio.Task[None]) -> None:
    """It is neither under way nor stuck."""
    attempts = Attempts()
    attempts.begin(task, running(cancelled_at=0))
    attempts.end(task)
    assert (len(attempts), attempts.newly_stuck(1_000), attempts.of(task)) == (0, [], None)
