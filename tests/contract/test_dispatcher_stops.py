"""Entries that stand still because somebody said so, or because most of their events died."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from dispatcher.dead_limit import LEAST
from dispatcher.dispatcher import Dispatcher
from dispatcher.outcome import Dead
from handlers.api import Context, GiveUp, Handler, Unavailable, handler
from schemas.events import Event, MessageCreated, Timer
from store.errors import StoreUnavailable
from store.stops import Stop, Stops
from tests.contract.clocks import later
from tests.contract.dispatchers import FAST, NOW, WITHIN, Rig, message, on_any, on_sqlite, quick, until
from tests.contract.eventlogs import Logs

SOON = replace(FAST, stops_every=timedelta(milliseconds=50), replays_every=timedelta(milliseconds=50))
PAUSED = Stop(handler="h", reason="paused", detail="the platform moves", by="ann@here", at=NOW)


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with on_sqlite(tmp_path, partitions=1) as made:
        made.changes["limits"] = SOON
        yield made


class Handles:
    """A handler that keeps what it was given, and can be held up or broken."""

    def __init__(self) -> None:
        self.given: list[str] = []
        self.handled: list[str] = []
        self.fired = 0
        self.broken = False
        self.fails = False
        self.free = asyncio.Event()
        self.free.set()

        @handler("h", on=(MessageCreated, Timer))
        async def h(event: Event[MessageCreated | Timer], ctx: Context) -> None:
            if isinstance(event.data, Timer):
                self.fired += 1
                return
            self.given.append(event.data.message_id)
            await self.free.wait()
            if self.fails:
                raise ValueError
            if self.broken:
                raise GiveUp("the key is wrong")
            if event.data.content == "ask":
                await ctx.schedule("ask", after="1h")
            self.handled.append(event.data.message_id)

        self.handler: Handler = h


async def seen(dispatcher: Dispatcher, stop: Stop | None) -> None:
    await until(lambda: dispatcher.states()["h"].stop == stop, f"it learns {stop}")


async def test_a_paused_entry_stands_still_and_goes_on_where_it_was(eventlog: Logs, tmp_path: Path) -> None:
    """On every log: it begins and reads nothing, keeps its partitions, and another entry does not mind."""
    one, others = Handles(), list[str]()

    @handler("other", on=(MessageCreated,))
    async def other(event: Event[MessageCreated], _ctx: Context) -> None:
        others.append(event.data.message_id)

    async with on_any(eventlog, tmp_path) as rig:
        await rig.append(message(0, key="k0"))
        async with rig.running(one.handler, other, limits=SOON) as dispatcher:
            await asyncio.wait_for(dispatcher.until_empty(), WITHIN)
            await rig.store.stops.stop(PAUSED)
            await seen(dispatcher, PAUSED)
            # what was asked for before may still come
            await asyncio.sleep(3 * SOON.fetch_wait.total_seconds())
            await rig.append(*(message(number, key=f"k{number}") for number in range(1, 9)))
            await until(lambda: len(others) == 9, "the other entry handles all")
            await asyncio.sleep(3 * SOON.fetch_wait.total_seconds())
            load = dispatcher.loads()["h"]
            assert (one.given, load.buffered, load.partitions) == (["m0"], 0, 3)
            await rig.store.stops.resume("h")
            await asyncio.wait_for(dispatcher.until_empty(), WITHIN)
            await until(lambda: len(one.handled) == 9, "all are handled")
    assert sorted(one.handled) == [f"m{number}" for number in range(9)]


async def test_what_runs_when_it_is_paused_ends_and_is_committed(rig: Rig) -> None:
    """The next event of the lane is not begun."""
    one = Handles()
    one.free.clear()
    await rig.append(message(0), message(1))
    async with rig.running(one.handler) as dispatcher:
        await until(lambda: one.given == ["m0"], "it runs")
        await rig.store.stops.stop(PAUSED)
        await seen(dispatcher, PAUSED)
        one.free.set()
        async with asyncio.timeout(WITHIN):
            while (await rig.positioned("h")).offset != 1:  # noqa: ASYNC110 - the log tells nobody
                await asyncio.sleep(0.02)
        assert one.given == ["m0"]
    assert one.handled == ["m0"]


async def test_an_entry_that_is_paused_already_begins_nothing(rig: Rig) -> None:
    """Not even before the store was asked for the first time."""
    one = Handles()
    await rig.store.stops.stop(PAUSED)
    await rig.append(message(0))
    async with rig.running(one.handler) as dispatcher:
        await until(lambda: dispatcher.loads()["h"].partitions == 1, "it joins")
        await asyncio.wait_for(dispatcher.until_empty(), WITHIN)
        await asyncio.sleep(0.2)
        assert one.given == []
        await rig.store.stops.resume("h")
        await until(lambda: one.handled == ["m0"], "it goes on")


async def test_timers_come_due_and_wait(rig: Rig) -> None:
    """And fire when it goes on."""
    one, clock = Handles(), later(0)
    await rig.append(message(0, content="ask"))
    async with rig.running(one.handler, clock=clock) as dispatcher:
        await until(lambda: dispatcher.loads()["h"].timers == 1, "the timer is set")
        await rig.store.stops.stop(PAUSED)
        await seen(dispatcher, PAUSED)
        clock.by = timedelta(hours=2)
        await asyncio.sleep(2.5)
        assert (one.fired, dispatcher.loads()["h"].timers) == (0, 1)
        await rig.store.stops.resume("h")
        await until(lambda: one.fired == 1, "it fires")


async def test_what_was_parked_comes_due_and_waits(rig: Rig) -> None:
    """It is tried when the entry goes on, and nobody has to give it another event for that."""
    one, limits = Handles(), replace(SOON, lane_wait=timedelta(0))
    one.fails = True
    await rig.append(message(0))
    async with rig.running(
        quick(one.handler, backoff="1s", max_backoff="1s", attempts=99), limits=limits
    ) as dispatcher:
        await until(lambda: dispatcher.loads()["h"].parked == 1, "it is parked")
        await rig.store.stops.stop(PAUSED)
        await seen(dispatcher, PAUSED)
        one.fails = False
        await asyncio.sleep(2.5)
        assert (one.handled, dispatcher.loads()["h"].parked) == ([], 1)
        await rig.store.stops.resume("h")
        async with asyncio.timeout(2):
            await until(lambda: one.handled == ["m0"], "it is tried again")


async def test_while_the_store_is_away_what_was_known_holds(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """And that is told once."""
    one, away = Handles(), True
    known = Stops.all

    async def unreachable(self: Stops) -> Mapping[str, Stop]:
        if away:
            raise StoreUnavailable("it does not answer")
        return await known(self)

    await rig.store.stops.stop(PAUSED)
    await rig.append(message(0))
    async with rig.running(one.handler) as dispatcher:
        await seen(dispatcher, PAUSED)
        with capture_logs() as logs:
            monkeypatch.setattr(Stops, "all", unreachable)
            await rig.store.stops.resume("h")
            await asyncio.sleep(0.3)
            assert (one.given, dispatcher.states()["h"].stop) == ([], PAUSED)
            away = False
            await until(lambda: one.handled == ["m0"], "it goes on")
    assert [line["event"] for line in logs if line["event"] in ("stops.unknown", "handler.resumed")] == [
        "stops.unknown",
        "handler.resumed",
    ]


async def test_a_stop_is_told_with_what_to_do(rig: Rig) -> None:
    """Who, since when, why, and how it goes on."""
    with capture_logs() as logs:
        await rig.store.stops.stop(PAUSED)
        async with rig.running(Handles().handler) as dispatcher:
            await seen(dispatcher, PAUSED)
    [told] = [line for line in logs if line["event"] == "handler.paused"]
    assert told == {
        "event": "handler.paused",
        "log_level": "warning",
        "handler": "h",
        "cause": "the platform moves",
        "by": "ann@here",
        "at": NOW.isoformat(timespec="seconds"),
        "advice": "`hookline handlers resume h` lets it go on where it was",
    }


async def test_when_most_of_its_events_die_it_is_stopped(rig: Rig) -> None:
    """The event that is one too many is not buried, nor what ran beside it; mended, it handles all of them."""
    one = Handles()
    one.broken = True
    await rig.append(*(message(number, key=f"k{number}") for number in range(40)))
    async with rig.running(one.handler, dead_limit=LEAST) as dispatcher:
        await until(lambda: dispatcher.states()["h"].stop is not None, "it is stopped")
        await until(lambda: dispatcher.loads()["h"].running == 0, "what ran has ended")
        assert len(await rig.records("dead")) == 19
        stop = (await rig.store.stops.all())["h"]
        assert (stop.reason, stop.detail) == (
            "dead-letters",
            "20 of the last 20 events died, the last: the key is wrong",
        )
        one.broken = False
        await rig.store.stops.resume("h")
        await until(lambda: len(one.handled) == 21, "the others are handled")
        await asyncio.wait_for(dispatcher.until_empty(), WITHIN)
    assert len(await rig.records("dead")) == 19
    assert len([each for each in rig.attempts if isinstance(each.outcome, Dead)]) == 19


async def test_what_dies_of_an_outage_does_not_stop_the_entry(rig: Rig) -> None:
    """Beyond the deadline its events die, and the next ones are tried all the same: the handler is not to blame."""

    @handler("h", on=MessageCreated)
    async def h(_event: Event[MessageCreated], _ctx: Context) -> None:
        raise Unavailable("crm", "it answered 503")

    await rig.append(*(message(number, key=f"k{number}") for number in range(25)))
    async with rig.running(quick(h, attempts=1, deadline="30ms"), dead_limit=LEAST) as dispatcher:
        await asyncio.wait_for(dispatcher.until_empty(), WITHIN)
        assert dispatcher.states()["h"].stop is None
    assert len(await rig.records("dead")) == 25


async def test_deaths_are_counted_anew_after_somebody_let_it_go_on(rig: Rig) -> None:
    """A handler that is not mended dies nineteen times more."""
    one = Handles()
    one.broken = True
    await rig.append(*(message(number, key=f"k{number}") for number in range(60)))
    async with rig.running(one.handler, dead_limit=LEAST) as dispatcher:
        for times in (1, 2):
            await until(lambda: dispatcher.states()["h"].stop is not None, "it is stopped")
            await until(lambda: dispatcher.loads()["h"].running == 0, "what ran has ended")
            assert len(await rig.records("dead")) == 19 * times
            await rig.store.stops.resume("h")
            await until(lambda: dispatcher.states()["h"].stop is None, "it goes on")


async def test_without_the_store_nothing_more_is_buried(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """The stop is written when it answers again; the handler is not run again for that."""
    one, away = Handles(), True
    write = Stops.stop

    async def unreachable(self: Stops, stop: Stop) -> Stop:
        if away:
            raise StoreUnavailable("it does not answer")
        return await write(self, stop)

    monkeypatch.setattr(Stops, "stop", unreachable)
    one.broken = True
    await rig.append(*(message(number) for number in range(25)))
    async with rig.running(one.handler, dead_limit=LEAST) as dispatcher:
        await until(lambda: len(one.given) == 20, "the twentieth dies")
        await asyncio.sleep(0.5)
        assert (len(await rig.records("dead")), len(one.given)) == (19, 20)
        away = False
        await until(lambda: dispatcher.states()["h"].stop is not None, "it is stopped")
    assert len(one.given) == 20
