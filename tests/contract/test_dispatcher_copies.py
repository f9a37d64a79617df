"""Copies of an event that come to a worker which does not remember the event."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from dispatcher.outcome import Done
from handlers.api import Context, handler
from schemas.events import Event, MessageCreated, Timer
from tests.contract.clocks import later
from tests.contract.dispatchers import Rig, message, on_sqlite, until


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with on_sqlite(tmp_path, partitions=1) as made:
        yield made


async def test_a_copy_behind_a_restart_is_handled_again_and_does_nothing_twice(rig: Rig) -> None:
    """It has the same id: effects in `once` are known, and so is the timer that fired for it."""
    sent: list[str] = []
    fired: list[str] = []

    @handler("h", on=(MessageCreated, Timer))
    async def h(event: Event[MessageCreated | Timer], ctx: Context) -> None:
        async def send() -> None:
            sent.append(event.id)

        if isinstance(event.data, Timer):
            fired.append(event.id)
        else:
            await ctx.once("send", send)
            await ctx.schedule("ask", after="1h")

    clock = later()
    await rig.append(message(0))
    async with rig.running(h, clock=clock):
        await until(lambda: len(fired) == 1, "it fires")
    await rig.append(message(0), message(1, key="c2"))
    async with rig.running(h, clock=clock) as dispatcher:
        await until(lambda: len(fired) == 2, "the other one fires")
        clock.by += timedelta(hours=2)
        await until(lambda: dispatcher.loads()["h"].timers == 0, "nothing is left")
    ends = [(each.event_id, each.outcome) for each in rig.attempts if each.event_id.startswith("message")]
    assert ends == [(f"message.created:m{number}", Done()) for number in (0, 0, 1)]
    assert sent == ["message.created:m0", "message.created:m1"]
    assert len(set(fired)) == len(fired) == 2
