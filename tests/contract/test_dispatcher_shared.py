"""`ctx.shared` where handlers run: from the first attempt that asks until its entry rests."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict

from dispatcher.pipeline import Pipeline
from dispatcher.testing import Harness, event_of
from handlers.api import Context, Handler, handler
from schemas.events import Event, MessageCreated
from store.stops import Stop
from tests.contract.dispatchers import FAST, NOW, STOPS, Rig, message, on_sqlite, quick, until

SOON = replace(FAST, stops_every=timedelta(milliseconds=50))
PAUSED = Stop(handler="h", reason="paused", detail="the crm moves", by="ann@here", at=NOW)


@dataclass(eq=False)
class Told:
    """What happened."""

    lines: list[str] = field(default_factory=list)


class Crm(BaseModel):
    """A handler's settings, which what it shares is made of."""

    model_config = ConfigDict(frozen=True)

    url: str = "https://crm"


@asynccontextmanager
async def connected(crm: Crm, told: Told) -> AsyncIterator[str]:
    told.lines.append("opened")
    try:
        yield crm.url
    finally:
        told.lines.append("left")


def teller(told: Told, *, fails: int = 0) -> Handler[MessageCreated, Crm]:
    """Tells the CRM of each message; the first attempts fail."""

    @handler("h", on=MessageCreated, config=Crm)
    async def h(event: Event[MessageCreated], ctx: Context[Crm]) -> None:
        url = await ctx.shared(connected, ctx.config, told)
        if ctx.attempt <= fails:
            raise ValueError
        told.lines.append(f"{event.data.message_id} to {url}")

    return h


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with on_sqlite(tmp_path, partitions=1) as made:
        made.changes["limits"] = SOON
        yield made


def hello(number: int) -> Event[MessageCreated]:
    return event_of(MessageCreated(message_id=f"m{number}", conversation_id=f"c{number}", role="user", content="hi"))


async def test_attempts_and_events_have_the_same_until_the_drain() -> None:
    """An attempt that fails does not end it; a pipeline leaves it when it ends."""
    told = Told()
    async with Pipeline.opened(teller(told, fails=2)) as pipeline:
        await pipeline.send(hello(1), hello(2))
        assert not (await pipeline.run("1h")).dead
        assert told.lines == ["opened", "m1 to https://crm", "m2 to https://crm"]
    assert told.lines[3:] == ["left"]


async def test_an_attempt_of_a_test_leaves_it_too() -> None:
    """What a crash forgets is opened anew."""
    told = Told()
    async with Harness.opened(teller(told), config={"url": "http://fake"}) as harness:
        await harness.run_once(hello(1))
        await harness.restart()
        await harness.run_once(hello(2))
    assert told.lines == ["opened", "m1 to http://fake", "left", "opened", "m2 to http://fake", "left"]


async def test_an_entry_that_stands_still_keeps_nothing_open(rig: Rig) -> None:
    """What it shares may be what is to be mended; it is opened anew when the entry goes on."""
    told = Told()
    await rig.append(message(0))
    async with rig.running(teller(told)) as dispatcher:
        await until(lambda: len(told.lines) == 2, "an event is handled")
        await rig.store.stops.stop(PAUSED)
        await until(lambda: told.lines[2:] == ["left"], "it is left")
        await rig.append(message(1))
        await rig.store.stops.resume("h")
        await until(lambda: len(told.lines) == 5, "the next event is handled")
        assert told.lines[3:] == ["opened", "m1 to https://crm"]
        # as `hookline dev` does when a file has changed
        await dispatcher.replace([], [quick(teller(told))], STOPS)
        assert told.lines[5:] == ["left"]
        await rig.append(message(2))
        await until(lambda: len(told.lines) == 8, "the one after it is handled")
    assert told.lines[6:] == ["opened", "m2 to https://crm", "left"]
