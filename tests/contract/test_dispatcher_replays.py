"""Dead letters that are replayed: in their lane, by whoever owns their partition, until something came of it."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from dispatcher import dead
from dispatcher.dispatcher import Dispatcher
from dispatcher.outcome import Dead, Done
from handlers.api import Context, GiveUp, handler
from schemas.envelope import encode
from schemas.events import ConversationCompleted, Event, MessageCreated, Timer
from schemas.record import TopicPartition
from store.errors import StoreUnavailable
from store.replays import Replays, Waiting
from tests.contract.dispatchers import FAST, STOPS, WITHIN, Rig, ended, message, on_any, on_sqlite, quick, until
from tests.contract.eventlogs import Logs
from tests.contract.replaying import SOON, Mendable, ask, buried


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with on_sqlite(tmp_path, partitions=1) as made:
        made.changes["limits"] = SOON
        yield made


async def test_a_replayed_letter_is_handled_as_the_event_it_was(eventlog: Logs, tmp_path: Path) -> None:
    """On every log: the same event comes to the handler, and the group's position stays where it was."""
    one = Mendable()
    async with on_any(eventlog, tmp_path) as rig:
        sent = message(7, content="h\u00e9llo")
        await rig.append(sent)
        async with rig.running(one.handler, limits=SOON) as dispatcher:
            await asyncio.wait_for(dispatcher.until_empty(), WITHIN)
            before = await rig.committed("h")
            one.mended = True
            [mark] = await ended(rig, await ask(rig))
        assert mark.state == "done"
        assert one.events == [sent]
        assert await rig.committed("h") == before
        assert len(await rig.records("dead")) == 1
    assert [(each.attempt, each.outcome) for each in rig.attempts[-1:]] == [(1, Done())]


async def test_a_replay_is_taken_while_the_worker_runs(rig: Rig) -> None:
    """Within about a second: nobody has to start anything."""
    one = Mendable()
    await rig.append(message(1))
    async with rig.running(one.handler, limits=FAST) as dispatcher:
        await dispatcher.until_empty()
        one.mended = True
        ids = await ask(rig)
        asked = time.monotonic()
        [mark] = await ended(rig, ids)
        assert time.monotonic() - asked < 5
    assert mark.state == "done"


async def test_effects_that_happened_are_not_repeated(rig: Rig) -> None:
    """The event has the id it had."""
    one = await buried(rig, message(1))
    ids = await ask(rig)
    async with rig.running(one.handler):
        await ended(rig, ids)
    assert (one.handled, one.effects) == (["message.created:m1"], ["message.created:m1"])


async def test_effects_are_redone_when_somebody_says_so(rig: Rig) -> None:
    """Once more, and only once."""
    one = await buried(rig, message(1))
    ids = await ask(rig, redo_effects=True)
    async with rig.running(one.handler):
        await ended(rig, ids)
    assert one.effects == ["message.created:m1"] * 2


async def test_replays_of_a_lane_run_in_the_order_of_their_events(rig: Rig) -> None:
    """Whatever order they were asked for in, a few at a time or all at once."""
    one = await buried(rig, *(message(number) for number in range(9)))
    ids = await ask(rig, *reversed(range(9)))
    async with rig.running(one.handler, limits=replace(SOON, replays=2)):
        await ended(rig, ids)
    assert one.handled == [f"message.created:m{number}" for number in range(9)]


async def test_a_replay_runs_behind_what_its_lane_holds(rig: Rig) -> None:
    """Another lane does not wait."""
    handled: list[str] = []
    begun, go = asyncio.Event(), asyncio.Event()
    mended = False

    @handler("h", on=MessageCreated)
    async def h(event: Event[MessageCreated], ctx: Context) -> None:
        if not mended:
            raise GiveUp("not mended yet")
        if event.data.content == "wait":
            begun.set()
            await go.wait()
        handled.append(event.data.message_id)

    await rig.append(message(1), message(2, key="c2"))
    await rig.settle(h)
    mended = True
    await rig.append(message(3, content="wait"), message(4))
    async with rig.running(h):
        await asyncio.wait_for(begun.wait(), WITHIN)
        ids = await ask(rig)
        await until(lambda: handled == ["m2"], "the replay of the other lane")
        go.set()
        await ended(rig, ids)
    assert handled == ["m2", "m3", "m4", "m1"]


async def test_a_replay_is_retried_in_its_lane_and_dies_again(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """After its attempts, each of which is told; the new letter tells of the old one, and may be replayed itself."""
    broken, noted, note = True, [], Replays.note

    async def noting(self: Replays, number: int, detail: str) -> None:
        await note(self, number, detail)
        noted.append((await self.found([number]))[number].detail)

    monkeypatch.setattr(Replays, "note", noting)

    @handler("h", on=MessageCreated)
    async def h(event: Event[MessageCreated], ctx: Context) -> None:
        if broken:
            raise ValueError("broken")

    await rig.append(message(1))
    await rig.settle(h)
    ids = await ask(rig)
    async with rig.running(h):
        [mark] = await ended(rig, ids)
        assert (mark.state, mark.reason) == ("dead", "exhausted")
        assert str(mark.detail).startswith("3 attempts failed, the last: ValueError at ")
        assert [str(each).split(",")[0] for each in noted] == ["attempt 1 failed", "attempt 2 failed"]
        first, second = await rig.records("dead")
        assert (second.key, second.value) == (first.key, first.value)
        assert second.header("x-dlq-history") is not None
        broken = False
        [again] = await ended(rig, await ask(rig, 1))
    assert again.state == "done"
    assert [each.attempt for each in rig.attempts] == [1, 2, 3, 1, 2, 3, 1]


async def test_only_the_entry_whose_letter_it_is_handles_it_again(rig: Rig) -> None:
    """Two entries of one handler; each has a letter of the event."""
    handled: list[str] = []
    mended = False

    @handler("h", on=MessageCreated)
    async def h(event: Event[MessageCreated], ctx: Context) -> None:
        if not mended:
            raise GiveUp("not mended yet")
        handled.append(ctx.handler)

    entries = (quick(h, name="first"), quick(h, name="second"))
    await rig.append(message(1))
    await rig.settle(*entries)
    mended = True
    names = [dead.name_of(letter).handler for letter in await rig.records("dead")]
    letters = sorted(await rig.records("dead"), key=lambda letter: dead.name_of(letter).failed_at)
    wanted = next(number for number, each in enumerate(letters) if dead.name_of(each).handler == "second")
    async with rig.running(*entries) as dispatcher:
        [mark] = await ended(rig, await ask(rig, wanted))
        await dispatcher.until_empty()
    assert sorted(names) == ["first", "second"]
    assert mark.state == "done"
    assert handled == ["second"]


async def test_whoever_owns_the_partition_next_takes_a_replay_again(rig: Rig) -> None:
    """A worker that lost it in the middle of the attempt can end nothing."""
    begun, go = asyncio.Event(), asyncio.Event()
    seen: list[int] = []
    mended = False

    @handler("h", on=MessageCreated)
    async def h(event: Event[MessageCreated], ctx: Context) -> None:
        if not mended:
            raise GiveUp("not mended yet")
        seen.append(ctx.attempt)
        begun.set()
        await go.wait()

    await rig.append(message(1))
    await rig.settle(h)
    mended = True
    ids = await ask(rig)
    async with rig.running(h):
        await asyncio.wait_for(begun.wait(), WITHIN)
        await rig.store.owners.claim("h", [TopicPartition(rig.conversations, 0)], await rig.log.identity())
        go.set()
        [mark] = await ended(rig, ids)
    assert mark.state == "done"
    assert seen == [1, 1]


async def test_workers_that_come_and_go_share_replays(eventlog: Logs, tmp_path: Path) -> None:
    """Each is done, in the order of its lane, and repeated only if its attempt was under way."""
    eventlog.needs("sharing")
    one = Mendable()
    keys, rounds = 8, 5
    ids = [f"message.created:m{number}" for number in range(keys * rounds)]
    async with on_any(eventlog, tmp_path, partitions=4) as rig:
        first = Dispatcher([quick(one.handler)], rig.equipment(limits=SOON))
        second = Dispatcher([quick(one.handler)], rig.equipment(log=await eventlog.connect(), limits=SOON))
        await rig.append(*(message(number, key=f"c{number % keys}") for number in range(len(ids))))
        first.start()
        await asyncio.wait_for(first.until_empty(), WITHIN)
        one.mended, one.takes = True, 0.05
        asked = await ask(rig)
        await until(lambda: len(one.handled) > 2, "the first has begun")
        second.start()
        await until(lambda: len(one.handled) > len(ids) // 2, "they go on")
        await first.stop(STOPS)
        marks = await ended(rig, asked)
        await second.stop(STOPS)
    assert {mark.state for mark in marks} == {"done"}
    assert set(one.handled) == set(ids)
    assert sorted(one.effects) == sorted(ids)
    for key in range(keys):
        of_lane = [
            event_id for event_id in dict.fromkeys(one.handled) if int(event_id.rpartition("m")[2]) % keys == key
        ]
        assert of_lane == ids[key::keys]


async def test_a_worker_that_stops_in_the_middle_leaves_the_replay_to_the_next(rig: Rig) -> None:
    """It is not done, and nobody holds it."""
    begun = asyncio.Event()
    seen: list[str] = []
    mended = hold = False

    @handler("h", on=MessageCreated)
    async def h(event: Event[MessageCreated], ctx: Context) -> None:
        if not mended:
            raise GiveUp("not mended yet")
        begun.set()
        if hold:
            await asyncio.Event().wait()
        seen.append(event.id)

    await rig.append(message(1))
    await rig.settle(h)
    mended = hold = True
    ids = await ask(rig)
    limits = replace(SOON, revoke=timedelta(milliseconds=50))
    async with rig.running(h, limits=limits) as dispatcher:
        await asyncio.wait_for(begun.wait(), WITHIN)
        await dispatcher.stop(timedelta(seconds=5.2))
    assert (await rig.store.replays.found(ids))[ids[0]].state == "running"
    hold = False
    async with rig.running(h):
        [mark] = await ended(rig, ids)
    assert (mark.state, seen) == ("done", ["message.created:m1"])


async def test_a_replay_that_is_discarded_while_it_runs_settles_nothing(rig: Rig) -> None:
    """Its attempt may end; the timers it wished for are not set."""
    begun, go = asyncio.Event(), asyncio.Event()
    mended = False

    @handler("h", on=(MessageCreated, Timer))
    async def h(event: Event[MessageCreated | Timer], ctx: Context) -> None:
        if not mended:
            raise GiveUp("not mended yet")
        begun.set()
        await go.wait()
        await ctx.schedule("t", after="0s")

    await rig.append(message(1))
    await rig.settle(h)
    mended = True
    [number] = await ask(rig)
    async with rig.running(h):
        await asyncio.wait_for(begun.wait(), WITHIN)
        [letter] = await rig.records("dead")
        await rig.store.replays.discard([dead.name_of(letter)], rig.equipment().clock.now())
        go.set()
        await until(lambda: len(rig.attempts) == 2, "the end of the attempt")
        # A record behind it in the lane shows that the lane goes on, without the timer's firing in between.
        await rig.append(message(2, content="next"))
        await until(lambda: len(rig.attempts) >= 3, "the next record")
    assert (await rig.store.replays.found([number]))[number].state == "discarded"
    assert [each.event_id for each in rig.attempts[:3]] == ["message.created:m1"] * 2 + ["message.created:m2"]
    names = {
        row.setter_id
        for row in await rig.store.schedule.load("h", TopicPartition(rig.conversations, 0), await rig.log.identity())
    }
    assert "message.created:m1" not in names


async def test_a_letter_the_handler_is_not_given_any_more_dies_again(rig: Rig) -> None:
    """It was written for other events meanwhile."""

    @handler("h", on=MessageCreated)
    async def before(event: Event[MessageCreated], ctx: Context) -> None:
        raise GiveUp("not mended yet")

    @handler("h", on=ConversationCompleted)
    async def after(event: Event[ConversationCompleted], ctx: Context) -> None:
        raise AssertionError("it is given a message")

    await rig.append(message(1))
    await rig.settle(before)
    ids = await ask(rig)
    async with rig.running(after):
        [mark] = await ended(rig, ids)
    assert (mark.reason, mark.detail) == ("rejected", "the handler is not given message.created any more")


async def test_a_letter_that_nobody_can_read_dies_again(rig: Rig) -> None:
    """Until a version comes that can."""
    one = Mendable()
    sent = encode(message(1), rig.conversations)
    await rig.log.append(replace(sent, value=b"\xff")).offset()
    await rig.settle(one.handler)
    ids = await ask(rig)
    async with rig.running(one.handler):
        [mark] = await ended(rig, ids)
    assert mark.reason == "undecodable"
    assert [letter.value for letter in await rig.records("dead")] == [b"\xff", b"\xff"]
    assert [type(each.outcome) for each in rig.attempts] == [Dead, Dead]


class Away(Replays):
    """Replays whose store is away for a while."""

    failures = 3

    async def waiting(self, handler: str) -> list[Waiting]:
        """Fail at first."""
        if self.failures:
            self.failures -= 1
            raise StoreUnavailable("The store did not answer.")
        return await super().waiting(handler)


async def test_a_store_that_is_away_is_asked_again(rig: Rig) -> None:
    """It is told once."""
    one = await buried(rig, message(1))
    ids = await ask(rig)
    rig.store.replays = Away(rig.store._database)
    with capture_logs() as logs:
        async with rig.running(one.handler):
            [mark] = await ended(rig, ids)
    assert mark.state == "done"
    assert [line["event"] for line in logs if line["event"] == "replays.delayed"] == ["replays.delayed"]


async def test_a_replay_is_told_in_the_log(rig: Rig) -> None:
    """One line, without anything a visitor wrote."""
    one = await buried(rig, message(1))
    ids = await ask(rig)
    with capture_logs() as logs:
        async with rig.running(one.handler):
            await ended(rig, ids)
    told = [line for line in logs if line["event"] == "event.replayed"]
    assert told == [
        {
            "event": "event.replayed",
            "log_level": "info",
            "handler": "h",
            "event_id": "message.created:m1",
            "event_type": "message.created",
        }
    ]
