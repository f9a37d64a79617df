"""Sets of events that are replayed: found by whichever worker runs, given once, in order, to one entry."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from dispatcher import replay_cursor, replay_feeder, replay_feeding
from dispatcher.renaming import rename
from dispatcher.replay_feeder import LEASE, ReplayFeeder
from dispatcher.replay_filters import Filters
from dispatcher.replay_reading import settled, whole
from dispatcher.settings import Entry
from dispatcher.world import FakeClock
from handlers.api import Context, RetryLater, handler
from schemas.events import Event, MessageCreated
from store.errors import StoreUnavailable
from store.replay_jobs import JobOrder, Reads, ReplayJobs
from store.replay_rows import State
from store.stops import Stop
from tests.contract.dispatchers import FAST, NOW, WITHIN, Rig, message, on_any, on_sqlite, quick, until
from tests.contract.eventlogs import Logs
from tests.contract.replaying import SOON, Mendable, buried

SECOND = timedelta(seconds=1)


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with on_sqlite(tmp_path, partitions=2) as made:
        made.changes["limits"] = SOON
        yield made


async def begun(rig: Rig, *, reads: Reads = "dead", filters: Filters | None = None, **more: Any) -> int:
    """Ask for a set of events; its number."""
    name = more.get("handler", "h")
    if reads == "dead":
        cursor = await whole(rig.log, [rig.topics.name("dead")], None)
    else:
        cursor = await settled(rig.log, [rig.conversations], None, group=f"{rig.topics.prefix}{name}")
    order = JobOrder(
        **{
            "handler": name,
            "log": await rig.log.identity(),
            "reads": reads,
            "filters": (filters or Filters()).model_dump_json(),
            "cursor": replay_cursor.encode(cursor),
        }
        | more
    )
    return await rig.store.replay_jobs.start(order, rig.equipment().clock.now())


async def over(rig: Rig, number: int) -> Mapping[State, int]:
    """Wait until nothing more comes of a job; how many of its replays are in which state."""
    async with asyncio.timeout(WITHIN):
        while True:
            job = await rig.store.replay_jobs.get(number)
            counts = (await rig.store.replay_jobs.counts([number]))[number]
            if job is not None and job.state != "reading" and not {"waiting", "running"} & counts.keys():
                return counts
            await asyncio.sleep(0.02)


def feeder(rig: Rig, entry: Entry) -> ReplayFeeder:
    """One that looks when it is told to."""
    entries = {entry.name: entry}
    return ReplayFeeder(equipment=rig.equipment(), entries=lambda: entries, stopped=lambda _name: False)


async def states(rig: Rig) -> list[str]:
    return [mark.state for mark in await rig.store.replays.marks()]


def ids(*numbers: int) -> list[str]:
    return [f"message.created:m{number}" for number in numbers]


async def test_all_dead_letters_of_an_entry_are_handled_in_order(eventlog: Logs, tmp_path: Path) -> None:
    """On every log: each once, those of a lane in the order of their events; the group's position stays."""
    one = Mendable()
    async with on_any(eventlog, tmp_path) as rig:
        await rig.append(*(message(number, key=f"c{number % 3}") for number in range(12)))
        async with rig.running(one.handler, limits=SOON) as dispatcher:
            await asyncio.wait_for(dispatcher.until_empty(), WITHIN)
            before = await rig.committed("h")
            one.mended = True
            assert await over(rig, await begun(rig)) == {"done": 12}
        for key in range(3):
            mine = [each.id for each in one.events if each.key == f"c{key}"]
            assert mine == ids(*range(key, 12, 3))
        assert await rig.committed("h") == before


async def test_events_that_were_handled_are_given_to_one_entry_again(eventlog: Logs, tmp_path: Path) -> None:
    """Those that are meant, out of their topic, with what happened of `once` or without; another entry sees none."""
    one, other = Mendable(), Mendable()
    one.mended = other.mended = True
    async with on_any(eventlog, tmp_path) as rig:
        await rig.append(*(message(number, key=f"c{number % 2}") for number in range(6)))
        entries = quick(one.handler), quick(other.handler, name="other")
        async with rig.running(*entries, limits=SOON) as dispatcher:
            await asyncio.wait_for(dispatcher.until_empty(), WITHIN)
            filters = Filters(keys=("c1",))
            assert await over(rig, await begun(rig, reads="topics", filters=filters)) == {"done": 3}
            assert one.handled[6:] == ids(1, 3, 5)
            assert len(one.effects) == 6
            await over(rig, await begun(rig, reads="topics", filters=filters, redo_effects=True))
        assert (len(one.handled), len(one.effects), len(other.handled)) == (12, 9, 6)


async def test_what_comes_later_is_not_meant(rig: Rig) -> None:
    """An event that dies again has a new letter, which the job does not take: it would never end."""
    one = await buried(rig, *(message(number) for number in range(3)))
    one.mended = False
    async with rig.running(one.handler):
        number = await begun(rig)
        assert await over(rig, number) == {"dead": 3}
        await asyncio.sleep(0.2)
        assert len(await rig.records("dead")) == 6
        one.mended = True
        assert await over(rig, await begun(rig)) == {"done": 3}
        assert await over(rig, number) == {"dead": 3}
    job = await rig.store.replay_jobs.get(number + 1)
    assert job is not None
    assert (job.found, job.skipped) == (6, 3)


async def test_what_the_entry_is_behind_with_is_not_meant(rig: Rig) -> None:
    """It is given that in any case."""
    one = Mendable()
    one.mended = True
    await rig.append(message(1))
    await rig.settle(one.handler)
    await rig.append(message(2), message(3, key="c2"))
    number = await begun(rig, reads="topics")
    async with rig.running(one.handler):
        assert await over(rig, number) == {"done": 1}
        await until(lambda: len(one.handled) == 4, "all of it")
    assert sorted(one.handled) == ids(1, 1, 2, 3)


async def test_what_is_parked_is_not_meant(rig: Rig) -> None:
    """The position is behind it, and it is tried again in any case: given too, it would be paid twice."""
    paid: list[str] = []

    @handler("h", on=MessageCreated)
    async def h(event: Event[MessageCreated], ctx: Context) -> None:
        async def pay() -> None:
            paid.append(event.id)

        await ctx.once("pay", pay)
        if event.id == "message.created:m1":
            raise RetryLater("not yet", after="1h")

    await rig.append(message(1), message(2, key="c2"))
    async with rig.running(h) as dispatcher:
        await until(lambda: dispatcher.loads()["h"].parked == 1, "it is parked")
        await asyncio.wait_for(dispatcher.until_empty(), WITHIN)
        number = await begun(rig, reads="topics", redo_effects=True)
        assert await over(rig, number) == {"done": 1}
    job = await rig.store.replay_jobs.get(number)
    assert job is not None
    assert (job.found, job.skipped) == (2, 1)
    assert sorted(paid) == ids(1, 2, 2)


async def test_an_event_of_a_topic_that_dies_has_a_letter_like_any_other(rig: Rig) -> None:
    """Without a history: it had not died before."""
    one = Mendable()
    one.mended = True
    await rig.append(message(1))
    async with rig.running(one.handler) as dispatcher:
        await asyncio.wait_for(dispatcher.until_empty(), WITHIN)
        one.mended = False
        assert await over(rig, await begun(rig, reads="topics")) == {"dead": 1}
    [letter] = await rig.records("dead")
    assert letter.header("x-dlq-history") is None


async def test_a_rate_is_kept(rig: Rig) -> None:
    """By the clock: one at once, then two a second, and no flood after a standstill, whoever asks."""
    one = await buried(rig, *(message(number) for number in range(9)))
    clock = rig.changes["clock"] = FakeClock(NOW)
    number = await begun(rig, spacing=SECOND / 2)
    looking, given = feeder(rig, quick(one.handler)), []
    for wait in (0.0, 1.0, 0.2, 60.0):
        clock.advance(timedelta(seconds=wait))
        await looking.look()
        given.append((await states(rig)).count("waiting"))
        # as if a worker took them
        marks = await rig.store.replays.marks()
        await rig.store.replays.discard([mark.letter for mark in marks], clock.now())
    assert given == [1, 2, 0, 4]
    job = await rig.store.replay_jobs.get(number)
    assert job is not None
    assert (job.found, job.state) == (7, "reading")


@pytest.mark.parametrize("breaks", ["before", "after"])
async def test_it_goes_on_where_another_was_killed(rig: Rig, breaks: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """At whichever write, before it or after: each event is given once, when the lease is over."""
    one = await buried(rig, *(message(number, key=f"c{number % 3}") for number in range(9)))
    monkeypatch.setattr(replay_feeder, "PORTION", 2)
    clock = rig.changes["clock"] = FakeClock(NOW)
    number, write = await begun(rig), ReplayJobs.feed

    async def dying(*arguments: Any, **named: Any) -> Any:
        if breaks == "after":
            await write(*arguments, **named)
        raise StoreUnavailable("killed")

    for _ in range(5 if breaks == "after" else 2):
        with monkeypatch.context() as patched:
            patched.setattr(ReplayJobs, "feed", dying)
            await feeder(rig, quick(one.handler)).look()
        # nobody else may go on at once
        await feeder(rig, quick(one.handler)).look()
        clock.advance(LEASE)
    await feeder(rig, quick(one.handler)).look()
    job = await rig.store.replay_jobs.get(number)
    assert job is not None
    assert (job.found, job.skipped, job.state) == (9, 0, "read")
    assert await states(rig) == ["waiting"] * 9


async def test_two_workers_give_each_event_once(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when the lease of one is over while it reads."""
    one = await buried(rig, *(message(number) for number in range(9)))
    monkeypatch.setattr(replay_feeder, "PORTION", 2)
    monkeypatch.setattr(replay_feeder, "LEASE", timedelta())
    number = await begun(rig)
    both = [feeder(rig, quick(one.handler)) for _ in range(2)]
    async with asyncio.timeout(WITHIN):
        while (job := await rig.store.replay_jobs.get(number)) is not None and job.state == "reading":
            await asyncio.gather(*(each.look() for each in both))
    assert job is not None
    assert (job.found, job.skipped) == (9, 0)
    assert await states(rig) == ["waiting"] * 9


async def test_more_than_an_entry_may_have_open_follow_when_there_is_room(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As its workers take them."""
    one = await buried(rig, *(message(number) for number in range(9)))
    monkeypatch.setattr(replay_feeding, "MAX_OPEN", 4)
    number = await begun(rig)
    full = feeder(rig, quick(one.handler))
    await full.look()
    assert await states(rig) == ["waiting"] * 4
    await rig.store.replay_jobs.release(full.holder)
    async with rig.running(one.handler):
        assert await over(rig, number) == {"done": 9}
    assert one.handled == ids(*range(9))


async def test_a_cancelled_job_gives_no_more(rig: Rig) -> None:
    """What waits for a worker is taken back, and may be asked for again."""
    one = await buried(rig, *(message(number) for number in range(3)))
    number = await begun(rig)
    await feeder(rig, quick(one.handler)).look()
    assert await rig.store.replay_jobs.cancel(number, NOW) == 3
    async with rig.running(one.handler):
        assert await over(rig, await begun(rig)) == {"done": 3}
    assert one.handled == ids(0, 1, 2)


async def test_an_entry_that_is_paused_is_given_nothing(rig: Rig) -> None:
    """Until it goes on."""
    one = await buried(rig, message(1))
    await rig.store.stops.stop(Stop(handler="h", reason="paused", by="ann", at=NOW))
    async with rig.running(
        one.handler,
        limits=replace(FAST, stops_every=timedelta(milliseconds=50), replays_every=timedelta(milliseconds=50)),
    ) as dispatcher:
        await until(lambda: dispatcher.states()["h"].stop is not None, "the pause")
        number = await begun(rig)
        await asyncio.sleep(0.3)
        assert await states(rig) == []
        await rig.store.stops.resume("h")
        assert await over(rig, number) == {"done": 1}


async def test_a_replay_is_waited_for_like_other_work(rig: Rig) -> None:
    """At its rate: `until_empty` ends when the last of its events is handled."""
    one = await buried(rig, *(message(number) for number in range(4)))
    number = await begun(rig, spacing=SECOND / 10)
    await rig.settle(one.handler)
    assert one.handled == ids(0, 1, 2, 3)
    assert (await rig.store.replay_jobs.counts([number]))[number] == {"done": 4}


async def test_a_replay_that_does_not_go_on_is_not_waited_for(rig: Rig) -> None:
    """Of an entry that is paused, of another log, or when nothing comes of it for longer than an attempt waits."""
    one = await buried(rig, message(1))
    away = await begun(rig, log="kafka:elsewhere")
    await rig.settle(one.handler)
    await rig.store.stops.stop(Stop(handler="h", reason="paused", by="ann", at=NOW))
    paused = await begun(rig)
    await rig.settle(one.handler)
    await rig.store.stops.resume("h")

    @handler("h", on=MessageCreated)
    async def h(event: Event[MessageCreated], ctx: Context) -> None:
        raise RetryLater("not yet", after="1h")

    await rig.settle(quick(h, timeout="100ms"), limits=replace(SOON, lane_wait=timedelta(milliseconds=100)))
    assert [job.id for job in await rig.store.replay_jobs.unfinished()] == [away, paused]


async def test_a_renamed_entry_has_the_dead_letters_of_its_old_name(rig: Rig) -> None:
    """Its worker handles them."""
    one = await buried(rig, message(1))
    await rename(rig.log, rig.store, rig.topics, old="h", new="new", now=rig.equipment().clock.now())
    async with rig.running(quick(one.handler, name="new")):
        assert await over(rig, await begun(rig, handler="new")) == {"done": 1}
    assert one.handled == ids(1)


async def test_a_job_of_another_log_is_left_alone(rig: Rig) -> None:
    """Its cursor says nothing of this one."""
    one = await buried(rig, message(1))
    await begun(rig, log="kafka:elsewhere")
    await feeder(rig, quick(one.handler)).look()
    assert await states(rig) == []
