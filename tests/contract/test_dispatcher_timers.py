"""Durable timers: they fire once, in their lane, after everything that could cancel them has been read."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from dispatcher.outcome import Done
from eventlog.log import Commit
from handlers.api import Context, GiveUp, handler
from schemas.events import ContactDeleted, Event, MessageCreated, Timer, WorkflowFinished
from schemas.record import TopicPartition
from store.errors import StoreUnavailable
from store.schedule import TimerSet
from store.stops import Stop
from tests.contract.clocks import ShiftedClock, later
from tests.contract.dispatchers import FAST, NOW, Rig, message, on_sqlite, quick, store_position, until


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with on_sqlite(tmp_path, partitions=1) as made:
        yield made


class Asks:
    """A handler that asks an hour after a user's message, and what it was given."""

    def __init__(self) -> None:
        self.fired: list[Event[Timer]] = []
        self.failures = 0

        @handler("asks", on=(MessageCreated, Timer))
        async def asks(event: Event[MessageCreated | Timer], ctx: Context) -> None:
            match event.data:
                case MessageCreated(content="noise"):
                    pass
                case MessageCreated(content="stop"):
                    await ctx.cancel("ask")
                case MessageCreated():
                    await ctx.schedule("ask", after="1h", data={"said": event.data.content})
                case Timer():
                    if self.failures:
                        self.failures -= 1
                        raise ValueError
                    self.fired.append(Event(**{name: getattr(event, name) for name in event.__slots__}))

        self.handler = asks

    @property
    def said(self) -> list[object]:
        """What the messages said that set the timers that fired."""
        return [event.data.data["said"] for event in self.fired]


async def test_a_timer_fires_when_it_is_due(rig: Rig) -> None:
    """Not before, and then once, also without a new record and with no restart."""
    asks, clock = Asks(), ShiftedClock()
    await rig.append(message(0))
    async with rig.running(asks.handler, clock=clock) as dispatcher:
        await until(lambda: dispatcher.loads()["asks"].timers == 1, "the timer is set")
        await asyncio.sleep(0.1)
        assert asks.fired == []
        clock.by = timedelta(hours=2)
        # a wall clock that was set is noticed within seconds
        await until(lambda: dispatcher.loads()["asks"].timers == 0, "it is over")
    assert len(asks.fired) == 1


async def test_a_firing_tells_its_lane_and_its_data(rig: Rig) -> None:
    """Key, source, platform and conversation are those of the event that set it, its time is when it was due."""
    asks = Asks()
    await rig.append(message(0, content="hm"))
    await rig.settle(asks.handler)
    async with rig.running(asks.handler, clock=later()):
        await until(lambda: bool(asks.fired), "it fires")
    [event] = asks.fired
    due = NOW + timedelta(hours=1)
    assert event.data == Timer(name="ask", due=due, conversation_id="c1", data={"said": "hm"})
    assert (event.key, event.source, event.platform, event.time, event.cause, event.type) == (
        "c1",
        "support",
        "mygptassistants",
        due,
        "message.created:m0",
        "hookline.timer",
    )


async def test_a_timer_survives_a_restart(rig: Rig) -> None:
    """It is in the store, not in the process."""
    asks = Asks()
    await rig.append(message(0))
    await rig.settle(asks.handler)
    assert asks.fired == []
    async with rig.running(asks.handler, clock=later()):
        await until(lambda: len(asks.fired) == 1, "it fires")
    async with rig.running(asks.handler, clock=later(3)):
        await asyncio.sleep(0.5)
    assert len(asks.fired) == 1


async def test_a_newer_message_moves_the_timer(rig: Rig) -> None:
    """The same name in the same lane is one timer."""
    asks = Asks()
    second = replace(message(1, content="second"), time=NOW + timedelta(hours=4))
    await rig.append(message(0, content="first"), second)
    await rig.settle(asks.handler)
    async with rig.running(asks.handler, clock=later(3)):
        await asyncio.sleep(0.4)
        assert asks.fired == []
    async with rig.running(asks.handler, clock=later(7)):
        await until(lambda: asks.said == ["second"], "the moved one fires")


async def test_a_cancelled_timer_does_not_fire(rig: Rig) -> None:
    """Neither in this process nor after a restart."""
    asks = Asks()
    await rig.append(message(0), message(1, content="stop"))
    await rig.settle(asks.handler)
    async with rig.running(asks.handler, clock=later()):
        await asyncio.sleep(0.5)
    assert asks.fired == []


async def test_lanes_have_timers_of_their_own(rig: Rig) -> None:
    """One name in two conversations is two timers."""
    asks = Asks()
    await rig.append(message(0, key="c1", content="one"), message(1, key="c2", content="two"))
    await rig.settle(asks.handler)
    async with rig.running(asks.handler, clock=later()):
        await until(lambda: sorted(map(str, asks.said)) == ["one", "two"], "both fire")


async def test_after_a_downtime_the_message_that_cancels_is_read_first(rig: Rig) -> None:
    """The timer is long due and its cancellation waits in the log behind much else: it must not fire."""
    asks = Asks()
    await rig.append(message(0))
    await rig.settle(asks.handler)
    await rig.append(*(message(number, key=f"k{number}", content="noise") for number in range(1, 3000)))
    await rig.append(message(3000, content="stop"))
    await rig.settle(asks.handler, clock=later())
    async with rig.running(asks.handler, clock=later()):
        await asyncio.sleep(0.3)
    assert len(rig.attempts) == 3_001
    assert asks.fired == []


async def test_a_firing_that_fails_is_repeated_under_the_same_id(rig: Rig) -> None:
    """The id is the timer's, so effects in `once` happen once."""
    asks = Asks()
    asks.failures = 2
    await rig.append(message(0))
    await rig.settle(asks.handler)
    rig.happened.clear()
    async with rig.running(asks.handler, clock=later()):
        await until(lambda: len(asks.fired) == 1, "it fires at last")
    assert len({each.event_id for each in rig.attempts}) == 1
    assert [each.attempt for each in rig.attempts] == [1, 2, 3]


async def test_a_firing_that_died_is_a_dead_letter_and_over(rig: Rig) -> None:
    """It is kept as a record of the timer's type, and does not come again."""

    @handler("asks", on=(MessageCreated, Timer))
    async def asks(event: Event[MessageCreated | Timer], ctx: Context) -> None:
        if isinstance(event.data, Timer):
            raise GiveUp("no")
        await ctx.schedule("ask", after="1h")

    await rig.append(message(0))
    await rig.settle(asks)
    async with rig.running(asks, clock=later()) as dispatcher:
        await until(lambda: len(rig.attempts) == 2 and dispatcher.loads()["asks"].timers == 0, "it died")
    async with rig.running(asks, clock=later()):
        await asyncio.sleep(0.3)
    assert len(rig.attempts) == 2
    [letter] = await rig.records("dead")
    assert (letter.header("ce_type"), letter.key, letter.header("__dlq.errors.offset")) == (
        b"hookline.timer",
        b"c1",
        b"0",
    )


async def test_a_timer_can_set_itself_anew(rig: Rig) -> None:
    """A handler that asks three times, an hour apart, from its own timer."""
    fired: list[datetime] = []

    @handler("asks", on=(MessageCreated, Timer))
    async def asks(event: Event[MessageCreated | Timer], ctx: Context) -> None:
        if isinstance(event.data, Timer):
            fired.append(event.time)
        if len(fired) < 3:
            await ctx.schedule("ask", after="1h")

    await rig.append(message(0))
    await rig.settle(asks)
    async with rig.running(asks, clock=later(9)) as dispatcher:
        await until(lambda: len(fired) == 3 and dispatcher.loads()["asks"].timers == 0, "it has asked three times")
    assert fired == [NOW + timedelta(hours=hours) for hours in (1, 2, 3)]


async def test_a_redelivered_message_does_not_bring_back_a_cancelled_timer(rig: Rig) -> None:
    """The message that set it comes again after a crash, the one that cancelled it does not undo itself."""
    asks = Asks()
    await rig.append(message(0), message(1, content="stop"))
    await rig.settle(asks.handler)
    # a crash that lost the last commit: the group stands at the beginning again
    await rig.log.forget("hookline.asks")  # type: ignore[attr-defined]  # the embedded log can
    async with rig.running(quick(asks.handler, name="asks"), limits=rig.equipment().limits) as dispatcher:
        await until(lambda: bool(dispatcher.states()["asks"].reason), "it stops: the position is lost")
    await _stand_at(rig, 0)
    gate = asyncio.Event()

    @handler("asks", on=(MessageCreated, Timer))
    async def stuck_at_the_second(event: Event[MessageCreated | Timer], ctx: Context) -> None:
        if isinstance(event.data, MessageCreated) and event.data.content == "stop":
            await gate.wait()
        await asks.handler.run(event, ctx)

    rig.happened.clear()
    async with rig.running(stuck_at_the_second, clock=later()):
        await until(lambda: len(rig.attempts) == 1, "the setter came again")
        await asyncio.sleep(0.5)
        gate.set()
        await until(lambda: len(rig.attempts) == 2, "and the other")
        await asyncio.sleep(0.3)
    assert [each.outcome for each in rig.attempts] == [Done(), Done()]
    assert asks.fired == []


async def test_a_redelivered_message_does_not_fire_a_timer_again(rig: Rig) -> None:
    """It fired, the worker crashed before the commit, and the message that set it comes again."""
    asks = Asks()
    await rig.append(message(0))
    await rig.settle(asks.handler)
    async with rig.running(asks.handler, clock=later()):
        await until(lambda: len(asks.fired) == 1, "it fires")
    await rig.log.forget("hookline.asks")  # type: ignore[attr-defined]  # the embedded log can
    await _stand_at(rig, 0)
    async with rig.running(asks.handler, clock=later()) as dispatcher:
        await until(lambda: len(rig.attempts) == 3, "the setter came again")
        await until(lambda: dispatcher.loads()["asks"].timers == 0, "the store was asked")
    assert len(asks.fired) == 1


async def test_timers_wait_while_the_store_is_away(rig: Rig) -> None:
    """Nothing is lost, and the worker goes on when it is back."""
    asks = Asks()
    await rig.append(message(0))
    await rig.settle(asks.handler)
    settled = 0
    original = rig.store.schedule.settle

    async def settle(*args: object, **more: object) -> object:
        nonlocal settled
        settled += 1
        if settled <= 2:
            raise StoreUnavailable("away")
        return await original(*args, **more)  # type: ignore[arg-type]  # passed on as it came

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rig.store.schedule, "settle", settle)
        async with rig.running(asks.handler, clock=later()) as dispatcher:
            await until(lambda: settled == 3 and dispatcher.loads()["asks"].timers == 0, "its firing is settled")
    assert len(asks.fired) == 1


async def test_a_settlement_goes_on_where_it_was(rig: Rig) -> None:
    """The event was published, then the store went away: it is not published again when the timer is written."""

    @handler("asks", on=(MessageCreated, Timer))
    async def asks(event: Event[MessageCreated | Timer], ctx: Context) -> None:
        await ctx.publish(WorkflowFinished(workflow_run_id="w"), key="w")
        await ctx.schedule("ask", after="1h")

    settled = 0
    original = rig.store.schedule.settle

    async def settle(*args: object, **more: object) -> object:
        nonlocal settled
        settled += 1
        if settled <= 2:
            raise StoreUnavailable("away")
        return await original(*args, **more)  # type: ignore[arg-type]  # passed on as it came

    await rig.append(message(0))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rig.store.schedule, "settle", settle)
        await rig.settle(asks)
    assert (settled, len(rig.attempts), len(await rig.records("platform"))) == (3, 1, 1)


async def test_setting_a_timer_without_asking_for_it_is_an_error(rig: Rig) -> None:
    """`Timer` in `on` is what brings it back: without it the author is told at the call."""
    errors: list[str] = []

    @handler("h", on=(MessageCreated, ContactDeleted))
    async def h(event: Event[MessageCreated | ContactDeleted], ctx: Context) -> None:
        try:
            await ctx.schedule("ask", after="1h")
        except TypeError as error:
            errors.append(str(error))

    await rig.append(message(0))
    await rig.settle(h)
    assert errors == ["the handler sets a timer and is not given it: add Timer to its on="]


async def test_many_timers_come_little_by_little(rig: Rig) -> None:
    """Hundreds that came due while nobody worked, and one is handled at a time: in order, each once, few are held."""
    due = [NOW - timedelta(seconds=number) for number in range(500)]
    fired: list[datetime] = []
    held: list[int] = []

    @handler("h", on=(MessageCreated, Timer))
    async def h(event: Event[MessageCreated | Timer], ctx: Context) -> None:
        fired.append(event.time)
        held.append(dispatcher.loads()["h"].timers)

    await _set(rig, "h", due)
    async with rig.running(quick(h, concurrency=1), limits=replace(FAST, timers=20)) as dispatcher:
        await until(lambda: len(fired) >= len(due) and dispatcher.loads()["h"].timers == 0, "all have fired")
    assert fired == sorted(due)
    assert max(held) <= 11 * 20


async def test_a_timer_that_is_set_is_not_held_up_by_later_ones(rig: Rig) -> None:
    """Of those that are due in days only some are in memory; one that is due soon is among them, wherever it stands."""
    asks = Asks()
    await _set(rig, "asks", [NOW + timedelta(days=9, seconds=number) for number in range(500)])
    await rig.append(message(0))
    async with rig.running(asks.handler, limits=replace(FAST, timers=20), clock=later()) as dispatcher:
        await until(lambda: bool(asks.fired), "the one fires")
        assert dispatcher.loads()["asks"].timers < 500


async def test_timers_that_are_late_are_told(rig: Rig) -> None:
    """For how long the first of them has waited, while its entry stands still."""
    asks = Asks()
    await _set(rig, "asks", [NOW - timedelta(hours=hours) for hours in (1, 3, 2)])
    await rig.store.stops.stop(Stop(handler="asks", reason="paused", by="ops", at=NOW))
    async with rig.running(asks.handler) as dispatcher:
        await until(lambda: dispatcher.loads()["asks"].overdue >= 3 * 3600, "it is told")
        assert dispatcher.loads()["asks"].overdue < 4 * 3600
        await rig.store.stops.resume("asks")
        await until(lambda: len(asks.fired) == 3, "they fire")
        await until(lambda: dispatcher.loads()["asks"].overdue == 0, "nothing is late")


async def _set(rig: Rig, entry: str, due: list[datetime]) -> None:
    """Timers of an earlier owner, each in a lane of its own."""
    at = TopicPartition(rig.conversations, 0)
    epochs = await rig.store.owners.claim(entry, [at], await rig.log.identity())
    many = [
        TimerSet(
            source="support",
            key=f"k{number}",
            name="ask",
            due=moment,
            platform="mygptassistants",
            conversation_id=None,
            received_at=NOW,
            data='{"said": "hm"}',
        )
        for number, moment in enumerate(due)
    ]
    await rig.store.schedule.settle(entry, at, epochs[at], offset=0, event_id="x", now=NOW, set=many)
    await rig.store.owners.release(entry, epochs)


async def _stand_at(rig: Rig, offset: int) -> None:
    """Put the group of `asks` at an offset, as if later commits had been lost."""
    await store_position(rig, "asks", Commit(offset))
