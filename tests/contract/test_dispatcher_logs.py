"""One store, several event logs: an entry goes on with another log, and back, and what was pending goes with it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dispatcher import dead
from dispatcher.registry import AnyHandler
from dispatcher.worker import Phase
from eventlog.log import EventLog
from eventlog.sqlite import SqliteEventLog
from handlers.api import Context, GiveUp, handler
from schemas.events import Event, MessageCreated, Timer
from schemas.topics import Topics, TopicSettings
from tests.contract.clocks import later
from tests.contract.dispatchers import FAST, LEASE, NOW, STOPS, WITHIN, Rig, ended, message, on_any, quick, until
from tests.contract.eventlogs import Logs
from tests.contract.fickle import Fickle
from tests.contract.stores import opened

SOON = replace(FAST, replays_every=timedelta(milliseconds=50))


@asynccontextmanager
async def on_file(path: Path, topics: Topics, *, partitions: int) -> AsyncIterator[EventLog]:
    """An embedded log with all topics."""
    log = SqliteEventLog(path, lease=LEASE)
    await log.start()
    try:
        await log.create({name: TopicSettings(partitions=partitions) for name in topics.all()})
        yield log
    finally:
        await log.stop(STOPS)


@asynccontextmanager
async def two(folder: Path, *, partitions: tuple[int, int] = (4, 3)) -> AsyncIterator[tuple[Rig, Rig]]:
    """Two embedded logs on one store."""
    topics = Topics()
    async with (
        on_file(folder / "one.db", topics, partitions=partitions[0]) as one,
        on_file(folder / "two.db", topics, partitions=partitions[1]) as other,
        opened(f"sqlite:///{folder / 'state.db'}") as store,
    ):
        yield Rig(log=one, store=store, topics=topics), Rig(log=other, store=store, topics=topics)


class Asks:
    """A handler that asks an hour after a message, and what the messages said whose timers fired."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.handled: list[str] = []

        @handler("asks", on=(MessageCreated, Timer))
        async def asks(event: Event[MessageCreated | Timer], ctx: Context) -> None:
            match event.data:
                case MessageCreated(content="stop"):
                    await ctx.cancel("ask")
                case MessageCreated(content=content):
                    await ctx.schedule("ask", after="1h", data={"said": content})
                case Timer(data=data):
                    self.said.append(str(data["said"]))
                    return
            self.handled.append(event.id.removeprefix("message.created:"))

        self.handler = asks

    async def settle(self, rig: Rig, *, hours: float = 0) -> None:
        """Run on this rig's log, at a later time, until all is read and no timer that is due is left."""
        async with rig.running(self.handler, clock=later(hours), limits=SOON) as dispatcher:
            await until(lambda: dispatcher.loads()["asks"].partitions > 0, "it has joined")
            await asyncio.wait_for(dispatcher.until_empty(), WITHIN)
            if hours:
                await until(lambda: dispatcher.loads()["asks"].timers == 0, "what is due fires")
            assert {state.reason for state in dispatcher.states().values()} == {""}


async def test_timers_go_with_the_entry_to_another_log_and_back(eventlog: Logs, tmp_path: Path) -> None:
    """To every log: each fires once, newer events move and cancel them, whatever partitions the keys fall into."""
    asks = Asks()
    async with (
        on_any(eventlog, tmp_path, partitions=3) as there,
        on_file(tmp_path / "here.db", there.topics, partitions=4) as log,
    ):
        here = Rig(log=log, store=there.store, topics=there.topics)
        await here.append(*(message(number, key=f"k{number}", content=f"old{number}") for number in range(8)))
        await asks.settle(here)
        await there.append(message(10, key="k0", content="moved"), message(11, key="k1", content="stop"))
        await asks.settle(there)
        assert sorted(asks.handled[8:]) == ["m10", "m11"]
        # nothing fired yet, and what is pending now is of that log
        await here.append(message(20, key="k2", content="moved"), message(21, key="k3", content="stop"))
        await asks.settle(here)
        await asks.settle(there, hours=2)
        assert sorted(asks.said) == ["moved", "moved", *(f"old{number}" for number in range(4, 8))]
        await asks.settle(here, hours=2)
    assert len(asks.said) == 6
    assert len(asks.handled) == len(set(asks.handled)) == 12


async def test_parked_lanes_go_with_the_entry_to_another_log(eventlog: Logs, tmp_path: Path) -> None:
    """To every log: before all that is new of their keys, each once, and a letter tells the first place."""
    fickle = Fickle(down={f"k{number}" for number in range(8)})
    async with (
        on_any(eventlog, tmp_path, partitions=3) as there,
        on_file(tmp_path / "here.db", there.topics, partitions=4) as log,
    ):
        here = Rig(log=log, store=there.store, topics=there.topics)
        await here.append(*(message(number, key=f"k{number % 8}") for number in range(16)))
        async with here.running(fickle.entry, clock=fickle.clock) as dispatcher:
            await until(lambda: dispatcher.loads()["h"].parked == 16, "all wait")
        places = {
            record.key: (record.partition, record.offset) for record in (await here.records("conversations"))[::-1]
        }
        await there.append(*(message(100 + number, key=f"k{number}") for number in range(8)))
        async with there.running(fickle.entry, clock=fickle.clock) as dispatcher:
            await until(lambda: dispatcher.loads()["h"].parked == 24, "so do the new ones")
            fickle.down, fickle.error = {"k3"}, lambda: GiveUp("no")
            await fickle.pass_time(dispatcher, timedelta(minutes=10))
            await until(lambda: dispatcher.loads()["h"].parked == 0, "all are settled")
        letters = [dead.opened(each) for each in await there.records("dead")]
        identity = await here.log.identity()
    for number in (0, 1, 2, 4, 5, 6, 7):
        assert fickle.of(number, number + 8, number + 100) == [f"m{number}", f"m{number + 8}", f"m{number + 100}"]
    assert len(fickle.handled) == 21
    first = min((each for each in letters if each is not None), key=lambda each: each.name.offset)
    assert (first.record.partition, first.record.offset, first.log) == (*places[b"k3"], identity)


async def test_each_log_is_read_from_where_the_entry_was_in_it(tmp_path: Path) -> None:
    """A log that is new to it from the earliest record on, one it comes back to from its position on."""
    asks = Asks()
    async with two(tmp_path) as (one, other):
        await one.append(message(1), message(2))
        await asks.settle(one)
        await other.append(message(3))
        await asks.settle(other)
        await one.append(message(4))
        await asks.settle(one)
        await other.append(message(5))
        await asks.settle(other)
    assert asks.handled == ["m1", "m2", "m3", "m4", "m5"]


async def test_nothing_that_came_meanwhile_is_skipped(tmp_path: Path) -> None:
    """`start = "now"` was the moment the entry was first seen: events that wait in a new log are later than that."""
    asks = Asks()
    async with two(tmp_path, partitions=(1, 1)) as (one, other):
        async with one.running(quick(asks.handler, start="now")):
            await one.positioned("asks")
        began = datetime.now(UTC)
        await other.append(
            replace(message(1), received_at=began - timedelta(hours=1)),
            replace(message(2), received_at=began + timedelta(minutes=1)),
        )
        async with other.running(quick(asks.handler, start="now")):
            await until(lambda: bool(asks.handled), "the newer one is handled")
    assert asks.handled == ["m2"]


async def test_a_position_that_another_log_lost_stops_the_handler(tmp_path: Path) -> None:
    """That it began in one log says nothing of the other; that it began in this one does."""
    asks = Asks()
    async with two(tmp_path) as (one, other):
        for rig in (one, other):
            await rig.append(message(1))
            await asks.settle(rig)
        assert isinstance(other.log, SqliteEventLog)
        await other.log.forget("hookline.asks")
        async with other.running(asks.handler) as dispatcher:
            await until(lambda: dispatcher.states()["asks"].phase is Phase.FAILED, "it stops")
            assert "the log forgot the position" in dispatcher.states()["asks"].reason
        await asks.settle(one)
    assert asks.handled == ["m1", "m1"]


async def test_dead_letters_are_replayed_on_another_log(tmp_path: Path) -> None:
    """Also where the partition's number does not exist, and a letter that dies again still tells its first place."""
    mended = False
    handled: list[str] = []

    @handler("h", on=MessageCreated)
    async def h(event: Event[MessageCreated], ctx: Context) -> None:
        if not mended:
            raise GiveUp("not mended yet")
        handled.append(event.key)

    async with two(tmp_path, partitions=(12, 2)) as (one, other):
        keys = [f"k{number}" for number in range(6)]
        await one.append(*(message(number, key=key) for number, key in enumerate(keys)))
        await one.settle(h)
        await replay(one, other, h)
        again = [letter for each in await other.records("dead") if (letter := dead.opened(each))]
        first = {letter.name.event_id: letter for each in await one.records("dead") if (letter := dead.opened(each))}
        assert [(each.record.at, each.record.offset, each.log) for each in again] == [
            (first[each.name.event_id].record.at, first[each.name.event_id].record.offset, await one.log.identity())
            for each in again
        ]
        mended = True
        await replay(other, other, h)
    assert sorted(handled) == keys


async def replay(letters: Rig, on: Rig, h: AnyHandler) -> None:
    """Have every dead letter of one log replayed on another."""
    found = [letter for each in await letters.records("dead") if (letter := dead.opened(each))]
    ids = [asked.id for asked in await on.store.replays.ask([each.order() for each in found], NOW)]
    async with on.running(h, limits=SOON):
        await ended(on, ids)


@pytest.mark.parametrize("first", ["one", "other"])
async def test_a_timer_that_was_set_before_is_older_than_a_new_one(tmp_path: Path, first: str) -> None:
    """An event at a small offset of a young log moves a timer that was set at a large one of an old log."""
    asks = Asks()
    async with two(tmp_path, partitions=(1, 1)) as (one, other):
        old, young = (one, other) if first == "one" else (other, one)
        await old.append(*(message(number, content="old") for number in range(30)))
        await asks.settle(old)
        await young.append(message(99, content="new"))
        await asks.settle(young, hours=2)
    assert asks.said == ["new"]
