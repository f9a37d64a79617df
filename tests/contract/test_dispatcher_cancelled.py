"""A handler that cancels its own task, at once or later: its attempt fails, and nothing else is met."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from handlers.api import Context, handler
from schemas.events import Event, MessageCreated
from tests.contract.dispatchers import Rig, message, on_sqlite, quick, until


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    """One partition, so that one lane's events follow one another."""
    async with on_sqlite(tmp_path, partitions=1) as made:
        yield made


def outcomes(rig: Rig) -> list[tuple[str, str]]:
    """What became of each attempt, in order: its event, and why it failed if it did."""
    return [(one.event_id[-2:], getattr(one.outcome, "detail", "done").partition(" at ")[0]) for one in rig.attempts]


OWN = "the handler was cancelled by something of its own"


async def test_a_handlers_own_timer_ends_its_attempt_only(rig: Rig) -> None:
    """`call_later(…, task.cancel)`, a timeout made by hand: it is tried again, and its lane goes on."""

    @handler("h", on=MessageCreated)
    async def h(event: Event[MessageCreated], ctx: Context) -> None:
        task = asyncio.current_task()
        assert task is not None
        timer = asyncio.get_running_loop().call_later(0.01, task.cancel)
        if event.data.message_id == "m0":
            await asyncio.sleep(60)
        timer.cancel()

    await rig.append(message(0), message(1))
    await rig.settle(quick(h, attempts=2))
    assert outcomes(rig) == [("m0", OWN), ("m0", f"2 attempts failed, the last: {OWN}"), ("m1", "done")]


async def test_a_timer_that_was_forgotten_meets_nobody(rig: Rig) -> None:
    """The attempt that set it is over; another event is under way when it comes."""
    passed = asyncio.Event()

    @handler("h", on=MessageCreated)
    async def h(event: Event[MessageCreated], ctx: Context) -> None:
        task, loop = asyncio.current_task(), asyncio.get_running_loop()
        assert task is not None
        if event.data.message_id == "m0":
            loop.call_later(0.05, task.cancel)
            loop.call_later(0.06, passed.set)
        else:
            await passed.wait()

    await rig.append(message(0), message(1), message(2))
    await rig.settle(quick(h, concurrency=1))
    assert outcomes(rig) == [("m0", "done"), ("m1", "done"), ("m2", "done")]


@pytest.mark.parametrize("waits", [True, False])
async def test_a_cancellation_that_is_swallowed_stays_with_its_event(rig: Rig, waits: bool) -> None:
    """A later event that ends in one of its own fails like any other. One that came as the handler returned counts."""

    @handler("h", on=MessageCreated)
    async def h(event: Event[MessageCreated], ctx: Context) -> None:
        task = asyncio.current_task()
        assert task is not None
        assert not task.cancelling()
        if event.data.message_id == "m0" and ctx.attempt == 1:
            task.cancel()
            try:
                await asyncio.sleep(60 if waits else 0)
            except asyncio.CancelledError:
                if not waits:
                    task.cancel()
        if event.data.message_id == "m1" and ctx.attempt == 1:
            other = asyncio.create_task(asyncio.sleep(60))
            other.cancel()
            await other

    await rig.append(message(0), message(1))
    await rig.settle(quick(h, concurrency=1))
    first = [("m0", "done")] if waits else [("m0", OWN), ("m0", "done")]
    assert outcomes(rig) == [*first, ("m1", OWN), ("m1", "done")]


async def test_the_timeout_comes_whatever_was_swallowed_before(rig: Rig) -> None:
    """It is told as one, though the handler's own cancellations confuse the count of its task."""

    @handler("h", on=MessageCreated)
    async def h(event: Event[MessageCreated], ctx: Context) -> None:
        task = asyncio.current_task()
        assert task is not None
        await asyncio.sleep(0)
        task.cancel()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            await asyncio.sleep(60)

    await rig.append(message(0))
    await rig.settle(quick(h, attempts=1, timeout="50ms"))
    assert outcomes(rig) == [("m0", "1 attempts failed, the last: no result within 0.05 s")]


async def test_an_effect_is_waited_for_after_a_swallowed_cancellation(rig: Rig) -> None:
    """It goes on in a task beside what failed: the next attempt begins after it, and is given its result."""
    seen: list[str] = []

    async def effect() -> int:
        seen.append("begin")
        await asyncio.sleep(0.2)
        seen.append("end")
        return 1

    async def fails() -> None:
        raise ValueError

    @handler("h", on=MessageCreated)
    async def h(event: Event[MessageCreated], ctx: Context) -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        try:
            await asyncio.sleep(0)
        except asyncio.CancelledError:
            seen.append("swallowed")
        if event.data.message_id == "m1":
            sent = ctx.once("send", effect, returns=int, probe=effect)
            await (asyncio.gather(sent, fails()) if ctx.attempt == 1 else sent)

    await rig.append(message(0), message(1))
    await rig.settle(quick(h, concurrency=1))
    assert seen == ["swallowed", "swallowed", "begin", "end", "swallowed"]
    assert [told for _, told in outcomes(rig)] == ["done", "ValueError", "done"]


async def test_who_cancels_a_task_of_ours_stops_the_entry_loudly(rig: Rig) -> None:
    """It has to look for it in the loop; the lane is not lost without a word."""

    @handler("h", on=MessageCreated)
    async def h(event: Event[MessageCreated], ctx: Context) -> None:
        for task in asyncio.all_tasks():
            if getattr(task.get_coro(), "__qualname__", "") == "Runner._run":
                task.cancel()
        await asyncio.sleep(60)

    await rig.append(message(0))
    async with rig.running(h) as dispatcher:
        await until(lambda: "CancelledError" in dispatcher.states()["h"].reason)
