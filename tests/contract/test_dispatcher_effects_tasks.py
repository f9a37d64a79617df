"""Effects that tasks of their own run: none goes on beside a later attempt, and none beside itself."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from clients.errors import PlatformDown
from dispatcher.outcome import Dead, Done, Retry
from handlers.api import Context, handler
from schemas.events import Event, MessageCreated
from tests.contract.dispatchers import WITHIN, Rig, message, on_sqlite, quick, until


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with on_sqlite(tmp_path, partitions=1) as made:
        yield made


@dataclass
class Send:
    """An effect that takes its time, and what is seen of it."""

    takes: float = 0.2
    seen: list[str] = field(default_factory=list)

    async def effect(self) -> int:
        self.seen.append("begin")
        await asyncio.sleep(self.takes)
        self.seen.append("end")
        return 1

    async def probe(self) -> int | None:
        self.seen.append("probe")
        return 1 if "end" in self.seen else None


async def fail_first(attempt: int) -> None:
    await asyncio.sleep(0.02)
    if attempt == 1:
        raise PlatformDown("502")


async def test_an_effect_beside_what_failed_is_waited_for(rig: Rig) -> None:
    """`asyncio.gather` leaves it running; the next attempt is given its result and needs no probe."""
    send, results = Send(), []

    @handler("h", on=MessageCreated)
    async def h(event: Event[MessageCreated], ctx: Context) -> None:
        sent, _ = await asyncio.gather(ctx.once("send", send.effect, returns=int), fail_first(ctx.attempt))
        results.append(sent)

    await rig.append(message(0))
    await rig.settle(h)
    assert send.seen == ["begin", "end"]
    assert results == [1]
    assert [type(each.outcome) for each in rig.attempts] == [Retry, Done]


async def test_an_effect_of_a_task_left_behind_is_waited_for(rig: Rig) -> None:
    """Also when nothing failed: an attempt is not over while an effect of it goes on."""
    send, tasks = Send(), []

    @handler("h", on=MessageCreated)
    async def h(event: Event[MessageCreated], ctx: Context) -> None:
        tasks.append(asyncio.create_task(ctx.once("send", send.effect, returns=int)))
        await fail_first(2)

    await rig.append(message(0))
    await rig.settle(h)
    assert send.seen == ["begin", "end"]
    assert [task.result() for task in tasks] == [1]


async def test_an_effect_left_behind_ends_with_the_timeout(rig: Rig) -> None:
    """It is cancelled then, and nobody knows what it did: the probe says."""
    send, tasks = Send(takes=60), []

    @handler("h", on=MessageCreated)
    async def h(event: Event[MessageCreated], ctx: Context) -> None:
        tasks.append(asyncio.create_task(ctx.once("send", send.effect, returns=int, probe=send.probe)))
        send.takes = 0 if ctx.attempt > 1 else 60
        await fail_first(ctx.attempt)
        await tasks[-1]

    await rig.append(message(0))
    await rig.settle(quick(h, timeout="300ms"))
    assert send.seen == ["begin", "probe", "begin", "end"]
    assert [task.cancelled() for task in tasks] == [True, False]


async def test_an_effect_that_does_not_heed_its_end_keeps_its_lane(rig: Rig) -> None:
    """The next attempt begins when it has ended, and is given its result."""
    send = Send(takes=0.6)

    async def stubborn() -> int:
        sending = asyncio.create_task(send.effect())
        while not sending.done():
            try:
                await asyncio.shield(sending)
            except asyncio.CancelledError:
                send.seen.append("cancelled")
        return sending.result()

    @handler("h", on=MessageCreated)
    async def h(event: Event[MessageCreated], ctx: Context) -> None:
        send.seen.append(f"attempt {ctx.attempt}")
        await asyncio.gather(ctx.once("send", stubborn, returns=int), fail_first(ctx.attempt))

    await rig.append(message(0))
    await rig.settle(quick(h, timeout="200ms"))
    assert send.seen == ["attempt 1", "begin", "cancelled", "end", "attempt 2"]


async def test_a_worker_that_stops_ends_what_was_left_behind(rig: Rig) -> None:
    """Another worker takes the partition over after it, not beside it."""
    send, tasks = Send(takes=60), []

    @handler("h", on=MessageCreated)
    async def h(event: Event[MessageCreated], ctx: Context) -> None:
        tasks.append(asyncio.create_task(ctx.once("send", send.effect, returns=int)))
        await fail_first(ctx.attempt)

    await rig.append(message(0))
    async with rig.running(h) as dispatcher:
        await until(lambda: send.seen == ["begin"], "it is sent")
        await dispatcher.stop(timedelta())
        assert [task.cancelled() for task in tasks] == [True]
    assert not rig.attempts


@pytest.mark.parametrize("probed", [True, False])
async def test_an_effect_is_not_begun_beside_itself(rig: Rig, probed: bool) -> None:
    """Two tasks that call it at once are the plugin's fault, which the error says."""
    send, refused = Send(takes=0.05), []

    @handler("h", on=MessageCreated)
    async def h(event: Event[MessageCreated], ctx: Context) -> None:
        calls: list[Awaitable[int]] = [
            ctx.once("send", send.effect, returns=int, probe=send.probe if probed else None) for _ in range(2)
        ]
        _, second = await asyncio.gather(*calls, return_exceptions=True)
        if isinstance(second, Exception):
            refused.append(str(second))
            raise second

    await rig.append(message(0))
    await rig.settle(h)
    last = rig.attempts[-1].outcome
    assert isinstance(last, Dead)
    assert send.seen == ["begin", "end"]
    assert "ctx.once('send', …) was called while an effect of that name was under way" in last.detail


async def test_a_thread_that_outlives_its_attempt_is_found(rig: Rig) -> None:
    """It cannot be cancelled: while it may still send, a probe that finds nothing is not believed."""
    seen: list[str] = []
    ends = threading.Event()

    def blocks() -> int:
        seen.append("begin")
        ends.wait(WITHIN)
        seen.append("end")
        return 1

    async def probe() -> int | None:
        seen.append("probe")
        ends.set()
        return 1 if "end" in seen else None

    @handler("h", on=MessageCreated)
    async def h(event: Event[MessageCreated], ctx: Context) -> None:
        await ctx.once(
            "send", lambda: asyncio.to_thread(blocks), returns=int, probe=probe, shows_within=timedelta(seconds=1)
        )

    await rig.append(message(0))
    await rig.settle(quick(h, timeout="100ms"))
    assert seen.count("begin") == 1
    assert isinstance(rig.attempts[-1].outcome, Done)


async def lost() -> int:
    raise PlatformDown("502")


@pytest.mark.parametrize("later", [False, True])
async def test_an_effect_whose_error_is_swallowed_is_named(rig: Rig, later: bool) -> None:
    """The handler is done with its event, in the same attempt or a later one: nobody looks for the effect again."""

    @handler("h", on=MessageCreated)
    async def h(event: Event[MessageCreated], ctx: Context) -> None:
        if ctx.attempt == 1:
            with contextlib.suppress(PlatformDown):
                await ctx.once("send", lost, returns=int, probe=lost)
            await ctx.once("note", Send(takes=0).effect, returns=int)
            if later:
                raise ValueError

    await rig.append(message(0))
    with capture_logs() as lines:
        await rig.settle(h)
    told = [line for line in lines if line["event"] == "effect.uncertain"]
    assert [(line["handler"], line["event_id"], line["effect"]) for line in told] == [
        ("h", "message.created:m0", "send")
    ]
    assert isinstance(rig.attempts[-1].outcome, Done)


async def test_an_effect_that_surely_did_not_happen_is_not_named(rig: Rig) -> None:
    """A handler may go on without it."""

    async def refused() -> int:
        raise ConnectionRefusedError

    @handler("h", on=MessageCreated)
    async def h(event: Event[MessageCreated], ctx: Context) -> None:
        with contextlib.suppress(ConnectionRefusedError):
            await ctx.once("send", refused, returns=int)

    await rig.append(message(0))
    with capture_logs() as lines:
        await rig.settle(h)
    assert [line for line in lines if line["event"] == "effect.uncertain"] == []
