"""Lanes that wait long wait in the store: others flow on, order holds, and nothing is forgotten by a restart."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from clients.errors import PlatformDown
from dispatcher import dead
from dispatcher.dispatcher import Dispatcher
from dispatcher.equipment import Limits
from dispatcher.outcome import Retry
from eventlog.log import Commit
from handlers.api import Context, GiveUp, RetryLater, handler
from schemas.events import Event, MessageCreated, Timer
from schemas.record import TopicPartition
from store.errors import StoreUnavailable
from tests.contract.clocks import WarpedClock
from tests.contract.dispatchers import FAST, WITHIN, Rig, message, on_any, on_sqlite, quick, store_position, until
from tests.contract.eventlogs import Logs
from tests.contract.fickle import Fickle

MINUTE = timedelta(minutes=1)


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with on_sqlite(tmp_path, partitions=1) as made:
        yield made


def parked(dispatcher: Dispatcher) -> int:
    return dispatcher.loads()["h"].parked


async def rows(rig: Rig) -> int:
    return (await rig.store.parked.counts()).get("h", 0)


async def rows_become(rig: Rig, count: int) -> None:
    async with asyncio.timeout(WITHIN):
        while await rows(rig) != count:  # noqa: ASYNC110 - the store tells nobody
            await asyncio.sleep(0.02)


async def test_a_record_that_fails_for_an_hour_holds_up_nobody_else(eventlog: Logs, tmp_path: Path) -> None:
    """On every log: others are handled, the position goes to the end, and its own lane keeps its order."""
    eventlog.needs("sharing")
    fickle = Fickle(down={"stuck"})
    async with on_any(eventlog, tmp_path, partitions=1) as rig:
        await rig.append(*(message(number, key="stuck" if number % 10 == 0 else f"c{number}") for number in range(50)))
        async with rig.running(fickle.entry, clock=fickle.clock) as dispatcher:
            await until(lambda: parked(dispatcher) == 5, "the lane is parked")
            for step in range(1, 7):
                await fickle.pass_time(dispatcher, timedelta(minutes=10))
                await until(lambda step=step: len(rig.attempts) == 46 + step, "it is tried again")  # type: ignore[misc]
            await until(lambda: len(fickle.handled) == 45 and dispatcher.loads()["h"].ahead == 0, "all others are done")
            fickle.down.clear()
            await fickle.pass_time(dispatcher, timedelta(minutes=10))
            await until(lambda: parked(dispatcher) == 0, "it is released")
        commit = (await rig.committed("h"))[0]
        assert await rows(rig) == 0
    assert commit is not None
    assert commit.offset == 50
    assert fickle.handled[45:] == ["m0", "m10", "m20", "m30", "m40"]


async def test_order_holds_through_a_restart(rig: Rig) -> None:
    """What was parked, what is read behind it by the next worker, and what came when all was well again."""
    fickle = Fickle(down={"c1"})
    await rig.append(message(0), message(1), message(2, key="c2"))
    async with rig.running(fickle.entry, clock=fickle.clock) as dispatcher:
        await until(lambda: parked(dispatcher) == 2, "the lane is parked")
    await rig.append(message(3), message(4, key="c2"))
    async with rig.running(fickle.entry, clock=fickle.clock) as dispatcher:
        await until(lambda: parked(dispatcher) == 3, "the next one is parked behind")
        fickle.down.clear()
        await rig.append(message(5))
        await fickle.pass_time(dispatcher, timedelta(minutes=10))
        await until(lambda: len(fickle.handled) == 6, "all are handled")
        await rig.append(message(6))
        await until(lambda: len(fickle.handled) == 7, "the lane is an ordinary one")
        assert parked(dispatcher) == 0
    assert fickle.of(0, 1, 3, 5, 6) == ["m0", "m1", "m3", "m5", "m6"]
    assert sorted(fickle.handled) == sorted(set(fickle.handled))


async def test_attempts_survive_restarts(rig: Rig) -> None:
    """Three in all, each in another process, and the letter tells when it failed first."""
    fickle = Fickle(down={"c1"}, settings={"attempts": 3})
    await rig.append(message(0))
    for attempt in (1, 2):
        async with rig.running(fickle.entry, clock=fickle.clock) as dispatcher:
            await until(lambda: len(rig.attempts) == attempt and parked(dispatcher) == 1, "it waits")  # noqa: B023
            await asyncio.sleep(0.2)
        fickle.clock.by += timedelta(minutes=10)
    async with rig.running(fickle.entry, clock=fickle.clock) as dispatcher:
        await until(lambda: len(rig.attempts) == 3 and parked(dispatcher) == 0, "it is dead")
    [letter] = await rig.records("dead")
    told = {name: letter.header(name) for name in ("x-dlq-reason", "x-dlq-attempts", "__dlq.errors.offset")}
    assert told == {"x-dlq-reason": b"exhausted", "x-dlq-attempts": b"3", "__dlq.errors.offset": b"0"}
    first, last = (
        datetime.fromisoformat((letter.header(name) or b"").decode())
        for name in ("x-dlq-first-failed-at", "x-dlq-failed-at")
    )
    assert last - first >= timedelta(minutes=20)
    assert [each.attempt for each in rig.attempts] == [1, 2, 3]


async def test_the_deadline_survives_a_restart(rig: Rig) -> None:
    """An event that is held up is not held up for ever by workers that come and go."""
    down = PlatformDown("it answered 503", retry_after=600)
    fickle = Fickle(down={"c1"}, error=lambda: down)
    await rig.append(message(0))
    async with rig.running(fickle.entry, clock=fickle.clock) as dispatcher:
        await until(lambda: parked(dispatcher) == 1, "it is held up")
    fickle.clock.by += timedelta(hours=25)
    async with rig.running(fickle.entry, clock=fickle.clock) as dispatcher:
        await until(lambda: len(rig.attempts) == 2 and parked(dispatcher) == 0, "it is dead")
    [letter] = await rig.records("dead")
    assert b"beyond its deadline" in (letter.header("__dlq.errors.message") or b"")


class Refusing:
    """A store that does not park for a while; what it wrote all the same, if it did, nobody hears of."""

    def __init__(self, rig: Rig, patch: pytest.MonkeyPatch, *, writes: bool) -> None:
        self.away = True
        self.asked = 0
        park, look = rig.store.parked.park, rig.store.look

        async def parks(*args: Any, **more: Any) -> None:
            self.asked += 1
            if not self.away or writes:
                await park(*args, **more)
            if self.away:
                raise StoreUnavailable("away")

        async def looks() -> None:
            if self.away:
                raise StoreUnavailable("away")
            await look()

        patch.setattr(rig.store.parked, "park", parks)
        patch.setattr(rig.store, "look", looks)


@pytest.mark.parametrize("written", [True, False])
async def test_a_write_that_nobody_heard_of_doubles_nothing(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, written: bool
) -> None:
    """The lane stands still until the store tells; then each event is handled once, in order."""
    fickle = Fickle(down={"c1"})
    refusing = Refusing(rig, monkeypatch, writes=written)
    await rig.append(message(0), message(1))
    async with rig.running(fickle.entry, clock=fickle.clock) as dispatcher:
        await until(lambda: refusing.asked == 1, "it was tried")
        fickle.down.clear()
        await fickle.pass_time(dispatcher, timedelta(minutes=10))
        await rig.append(message(2))
        await asyncio.sleep(0.3)
        assert fickle.handled == []
        refusing.away = False
        await until(lambda: len(fickle.handled) == 3 and parked(dispatcher) == 0, "all are handled")
    assert fickle.handled == ["m0", "m1", "m2"]
    assert await rows(rig) == 0


async def test_while_the_store_is_away_lanes_wait_in_memory(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once that is known: they are tried again when their time has come."""
    fickle = Fickle(down={"c1", "c2"})
    refusing = Refusing(rig, monkeypatch, writes=False)
    await rig.append(message(1, key="c1"))
    async with rig.running(fickle.entry, clock=fickle.clock) as dispatcher:
        await until(lambda: refusing.asked == 1, "the store is found to be away")
        await rig.append(message(2, key="c2"), message(3, key="c2"))
        await until(lambda: len(rig.attempts) == 2, "the other waits")
        fickle.down.clear()
        await fickle.pass_time(dispatcher, timedelta(minutes=10))
        await until(lambda: fickle.handled == ["m2", "m3"], "it is handled from memory")
        refusing.away = False
        await until(
            lambda: len(fickle.handled) == 3 and parked(dispatcher) == 0, "and the first when the store is back"
        )


TIGHT = replace(FAST, records=30, fetch=10, lane_records=10, page=4, loaded=8)


@pytest.mark.parametrize("limits", [replace(TIGHT, lane_rows=20), replace(TIGHT, parked=20)])
async def test_beyond_the_bounds_the_log_is_the_buffer(rig: Rig, limits: Limits) -> None:
    """A lane, or all of an entry: so many rows, so many records in memory, and the rest is not read."""
    fickle = Fickle(down={"c1"})
    await rig.append(*(message(number) for number in range(300)))
    async with rig.running(fickle.entry, clock=fickle.clock, limits=limits) as dispatcher:
        await until(lambda: parked(dispatcher) > 0 and dispatcher.loads()["h"].buffered >= 30, "all places are taken")
        await asyncio.sleep(0.3)
        assert await rows(rig) <= 20
        assert dispatcher.loads()["h"].buffered <= 40
        fickle.down.clear()
        await fickle.pass_time(dispatcher, timedelta(minutes=10))
        await until(lambda: len(fickle.handled) == 300 and parked(dispatcher) == 0, "all are handled")
    assert fickle.handled == [f"m{number}" for number in range(300)]


async def test_a_platform_that_is_down_for_an_hour_costs_nothing(rig: Rig) -> None:
    """Traffic goes on: no dead letters, memory flat, and everything is handled in order afterwards."""
    keys = [f"c{number}" for number in range(10)]
    patient = {"attempts": 3, "backoff": "30s", "max_backoff": "5m"}
    fickle = Fickle(down=set(keys), error=lambda: PlatformDown("it answered 503"), settings=patient)
    sent, most = 0, 0
    async with rig.running(fickle.entry, clock=fickle.clock, jitter=lambda: 0.9) as dispatcher:
        for _ in range(60):
            await rig.append(*(message(sent + number, key=keys[(sent + number) % 10]) for number in range(10)))
            sent += 10
            await fickle.pass_time(dispatcher, MINUTE)
            await asyncio.sleep(0.03)
            most = max(most, dispatcher.loads()["h"].buffered)
        await until(lambda: parked(dispatcher) == sent, "all wait in the store")
        fickle.down.clear()
        await fickle.pass_time(dispatcher, timedelta(minutes=5))
        await until(lambda: len(fickle.handled) == sent and parked(dispatcher) == 0, "all are handled")
    assert await rig.records("dead") == []
    assert most < 200
    assert {each.outcome.counts for each in rig.attempts if isinstance(each.outcome, Retry)} == {False}
    for place in range(10):
        assert fickle.of(*range(place, sent, 10)) == [f"m{number}" for number in range(place, sent, 10)]
    assert len(fickle.handled) == sent


async def test_an_event_may_wait_for_ever(rig: Rig) -> None:
    """A platform says so: its lane waits, over a restart too, and nothing else of the handler does."""
    fickle = Fickle(down={"c1"}, error=lambda: PlatformDown("never", retry_after=1e12))
    await rig.append(message(0), message(1, key="c2"))
    for _ in range(2):
        async with rig.running(fickle.entry, clock=fickle.clock) as dispatcher:
            await until(lambda: parked(dispatcher) == 1 and fickle.handled == ["m1"], "it waits")
            await fickle.pass_time(dispatcher, timedelta(days=365))
            await asyncio.sleep(0.2)
            assert dispatcher.states()["h"].reason == ""
    assert len(rig.attempts) == 2


async def test_ten_thousand_events_behind_one_that_fails_fill_no_memory(rig: Rig) -> None:
    """So many are parked, so many are held, and the rest stays in the log."""
    fickle = Fickle(down={"c1"})
    await rig.append(*(message(number) for number in range(10_000)))
    async with rig.running(fickle.entry, clock=fickle.clock) as dispatcher:
        await until(lambda: parked(dispatcher) == FAST.lane_rows, "a lane's rows are used up")
        await until(lambda: dispatcher.loads()["h"].buffered >= FAST.records, "the buffer is full")
        await asyncio.sleep(0.3)
        assert await rows(rig) == 1_000
        assert dispatcher.loads()["h"].buffered < FAST.records + FAST.fetch
    assert len(rig.attempts) == 1


async def test_who_lost_the_partition_parks_nothing(rig: Rig) -> None:
    """It was frozen while another claimed it: it joins anew, and the lane is parked once."""
    fickle = Fickle(down={"c1"}, error=lambda: RetryLater("not yet", after="1s"))
    await rig.append(message(0))
    limits = replace(FAST, lane_wait=timedelta(seconds=2))
    async with rig.running(fickle.entry, clock=fickle.clock, limits=limits) as dispatcher:
        await until(lambda: len(rig.attempts) == 1, "it waits in memory")
        await rig.store.owners.claim("h", [TopicPartition(rig.conversations, 0)], await rig.log.identity())
        assert await rows(rig) == 0
        await until(lambda: len(rig.attempts) > 2 and parked(dispatcher) == 1, "it has joined anew")
        assert await rows(rig) == 1


async def test_what_was_parked_and_is_read_again_is_not_doubled(rig: Rig) -> None:
    """The commit was lost with the worker: records find their rows, and what was done is repeated."""
    fickle = Fickle(down={"c1"})
    await rig.append(message(0), message(1), message(2, key="c2"))
    async with rig.running(fickle.entry, clock=fickle.clock) as dispatcher:
        await until(lambda: parked(dispatcher) == 2, "the lane is parked")
    await store_position(rig, "h", Commit(0))
    async with rig.running(fickle.entry, clock=fickle.clock) as dispatcher:
        await until(lambda: fickle.of(2) == ["m2", "m2"] and dispatcher.loads()["h"].buffered == 0, "all is read again")
        assert await rows(rig) == 2
        fickle.down.clear()
        await fickle.pass_time(dispatcher, timedelta(minutes=10))
        await until(lambda: parked(dispatcher) == 0, "it is released")
    assert fickle.of(0, 1) == ["m0", "m1"]


async def test_a_copy_behind_a_parked_lane_is_skipped(rig: Rig) -> None:
    """A frozen broker wrote the batch once more: the event is parked once."""
    fickle = Fickle(down={"c1"})
    await rig.append(message(0))
    async with rig.running(fickle.entry, clock=fickle.clock) as dispatcher:
        await until(lambda: parked(dispatcher) == 1, "the lane is parked")
        await rig.append(message(0), message(1), message(1))
        await rows_become(rig, 2)
        fickle.down.clear()
        await fickle.pass_time(dispatcher, timedelta(minutes=10))
        await until(lambda: parked(dispatcher) == 0, "it is released")
    assert fickle.handled == ["m0", "m1"]


async def test_timers_and_replays_wait_for_a_parked_lane(rig: Rig) -> None:
    """A timer comes due, and a letter is replayed, while a message before them is not handled: their turn is later."""
    said: list[str] = []
    wrong: dict[str, Exception] = {"m0": GiveUp("no")}
    clock = WarpedClock()

    @handler("h", on=(MessageCreated, Timer))
    async def h(event: Event[MessageCreated | Timer], ctx: Context) -> None:
        name = event.data.message_id if isinstance(event.data, MessageCreated) else "timer"
        if name in wrong:
            raise wrong[name]
        said.append(name)
        if name == "m1":
            await ctx.schedule("ask", after="1h")

    entry = quick(h, attempts=9)
    await rig.append(message(0), message(1))
    await rig.settle(entry)
    wrong = {"m2": RetryLater("not yet", after="4h")}
    await rig.append(message(2))
    limits = replace(FAST, replays_every=timedelta(milliseconds=50))
    async with rig.running(entry, clock=clock, limits=limits) as dispatcher:
        await until(lambda: parked(dispatcher) == 1, "the lane is parked")
        clock.by += timedelta(hours=2)
        letter = dead.opened((await rig.records("dead"))[0])
        assert letter is not None
        await rig.store.replays.ask([letter.order()], clock.now())
        # an alarm looks at the time every two seconds
        await asyncio.sleep(2.5)
        assert said == ["m1"]
        wrong = {}
        clock.by += timedelta(hours=3)
        await until(lambda: len(said) == 4, "they go on")
    assert said[:2] == ["m1", "m2"]
    assert sorted(said[2:]) == ["m0", "timer"]
