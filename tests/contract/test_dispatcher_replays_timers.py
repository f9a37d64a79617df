"""Replayed events and timers: what came after them had its say."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from dispatcher import dead
from dispatcher.outcome import Dead
from handlers.api import Context, GiveUp, Handler, handler
from schemas.events import Event, MessageCreated, Timer
from schemas.record import TopicPartition
from tests.contract.dispatchers import WITHIN, Rig, ended, message, on_sqlite, until
from tests.contract.replaying import SOON, ask


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with on_sqlite(tmp_path, partitions=1) as made:
        made.changes["limits"] = SOON
        yield made


class Timing:
    """A handler that sets and cancels timers as messages say, and fails while it is told to."""

    def __init__(self) -> None:
        self.broken: set[str] = set()
        self.fired: list[str | None] = []

        @handler("h", on=(MessageCreated, Timer))
        async def h(event: Event[MessageCreated | Timer], ctx: Context) -> None:
            if isinstance(event.data, Timer):
                if "timer" in self.broken:
                    raise GiveUp("not mended yet")
                self.fired.append(event.cause)
                if event.data.data.get("again"):
                    await ctx.schedule("t", after="0s")
                return
            if event.data.message_id in self.broken:
                raise GiveUp("not mended yet")
            match event.data.content.split():
                case ["set", after, *more]:
                    await ctx.schedule("t", after=after, data={"again": True} if more else None)
                case ["cancel"]:
                    await ctx.cancel("t")

        self.handler: Handler = h


async def pending(rig: Rig) -> list[str]:
    """Who set the timers that are set."""
    return [
        row.setter_id
        for row in await rig.store.schedule.load("h", TopicPartition(rig.conversations, 0), await rig.log.identity())
    ]


async def test_a_replayed_event_sets_its_timer(rig: Rig) -> None:
    """It fires as any other."""
    timing = Timing()
    timing.broken = {"m1"}
    await rig.append(message(1, content="set 0s"))
    await rig.settle(timing.handler)
    timing.broken = set()
    await ask(rig)
    async with rig.running(timing.handler):
        await until(lambda: timing.fired == ["message.created:m1"], "the timer")


async def test_a_replayed_event_does_not_move_a_newer_timer(rig: Rig) -> None:
    """The message after it had its say when it came."""
    timing = Timing()
    timing.broken = {"m1"}
    await rig.append(message(1, content="set 0s"), message(2, content="set 1h"))
    await rig.settle(timing.handler)
    timing.broken = set()
    ids = await ask(rig)
    async with rig.running(timing.handler):
        await ended(rig, ids)
        assert await pending(rig) == ["message.created:m2"]
    assert timing.fired == []


async def test_a_replayed_event_does_not_revive_a_timer_that_a_newer_one_cancelled(rig: Rig) -> None:
    """Although the worker that holds no timer cannot know that: the store does, before it fires."""
    timing = Timing()
    timing.broken = {"m1"}
    async with rig.running(timing.handler) as dispatcher:
        await rig.positioned("h")
        await rig.append(message(1, content="set 0s"), message(2, content="cancel"))
        await dispatcher.until_empty()
        timing.broken = set()
        await ended(rig, await ask(rig))
        await rig.append(message(3, key="c2", content="set 0s"))
        await until(lambda: "message.created:m3" in timing.fired, "a timer that is set afterwards")
    assert timing.fired == ["message.created:m3"]


async def test_a_dead_timer_is_replayed_as_a_timer(rig: Rig) -> None:
    """With its name and data; what it schedules is set, for nothing came after it."""
    timing = Timing()
    timing.broken = {"timer"}
    await rig.append(message(1, content="set 0s again"))
    async with rig.running(timing.handler):
        await until(lambda: any(isinstance(each.outcome, Dead) for each in rig.attempts), "a dead timer")
        await asyncio.wait_for(letters(rig, 1), WITHIN)
        [letter] = await rig.records("dead")
        timing.broken = set()
        ids = await ask(rig)
        [mark] = await ended(rig, ids)
        await until(lambda: len(timing.fired) == 2, "the timer that the replayed one set")
    firing = dead.name_of(letter).event_id
    assert mark.state == "done"
    assert timing.fired == ["message.created:m1", firing]


async def letters(rig: Rig, count: int) -> None:
    """Wait for so many dead letters."""
    while len(await rig.records("dead")) < count:  # noqa: ASYNC110 - the log tells nobody
        await asyncio.sleep(0.05)
