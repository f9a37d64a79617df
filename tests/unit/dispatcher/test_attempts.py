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


async def test_an_attempt_is_known_by_our_task_and_the_handlers(task: asyncio.Task[None]) -> None:
    """The handler's is the one that runs while it blocks the loop."""
    attempts, ours = Attempts(), asyncio.create_task(nothing())
    made = running(cancelled_at=0)
    attempts.begin(ours, made)
    assert attempts.of(task) is None
    made.runs_in(task)
    assert (attempts.of(ours), attempts.of(task)) == (made, made)
    await ours


async def test_what_ended_is_forgotten(task: asyncio.Task[None]) -> None:
    """It is neither under way nor stuck."""
    attempts = Attempts()
    attempts.begin(task, running(cancelled_at=0))
    attempts.end(task)
    assert (len(attempts), attempts.newly_stuck(1_000), attempts.of(task)) == (0, [], None)


class Turns:
    """Attempts that take turns, and a log of who began and ended."""

    def __init__(self) -> None:
        self.attempts = Attempts()
        self.said: list[str] = []
        self.given_up = False

    def start(self, name: str, *, alone: bool = False) -> tuple[asyncio.Task[None], asyncio.Event]:
        """A task that has its turn until its event is set."""
        go_on = asyncio.Event()
        turn = self.attempts.alone if alone else self.attempts.beside

        async def attempt() -> None:
            async with turn(lambda: self.given_up) as given:
                self.said.append(f"{name} {'begins' if given else 'gives up'}")
                await go_on.wait()
                self.said.append(f"{name} ends")

        return asyncio.create_task(attempt()), go_on


async def settle() -> None:
    """Let every task go as far as it can."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_one_alone_waits_for_all_and_lets_nobody_begin() -> None:
    """Those under way end first; who comes later waits, also for the next one that wants to be alone."""
    turns = Turns()
    first, end_first = turns.start("first")
    await settle()
    alone, end_alone = turns.start("alone", alone=True)
    later, end_later = turns.start("later")
    await settle()
    assert turns.said == ["first begins"]
    end_first.set()
    await first
    second, end_second = turns.start("second", alone=True)
    await settle()
    assert turns.said[2:] == ["alone begins"]
    end_alone.set()
    await alone
    await settle()
    assert turns.said[4:] == ["second begins"]
    end_second.set()
    end_later.set()
    await asyncio.gather(second, later)
    assert turns.said[6:] == ["later begins", "later ends"]


async def test_nobody_waits_for_an_attempt_that_is_stuck() -> None:
    """It ends with the process only."""
    turns = Turns()
    first, end_first = turns.start("first")
    await settle()
    turns.attempts.begin(first, running(cancelled_at=0))
    turns.attempts.newly_stuck(STUCK_AFTER + 1)
    alone, end_alone = turns.start("alone", alone=True)
    await settle()
    assert turns.said == ["first begins", "alone begins"]
    end_first.set()
    end_alone.set()
    await asyncio.gather(first, alone)


@pytest.mark.parametrize("alone", [True, False])
async def test_who_gives_up_waits_no_longer(*, alone: bool) -> None:
    """The partition is given back, and the others need not wait either."""
    turns = Turns()
    first, end_first = turns.start("first", alone=True)
    await settle()
    other, end_other = turns.start("other", alone=alone)
    await settle()
    turns.given_up = True
    end_other.set()
    await asyncio.wait_for(other, 5)
    assert turns.said == ["first begins", "other gives up", "other ends"]
    end_first.set()
    await first
