"""Partitions that come and go: who lost one can write nothing, who takes one over repeats only the unfinished."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from dispatcher.dispatcher import Dispatcher
from dispatcher.metrics import Metrics
from dispatcher.outcome import Done
from handlers.api import Context, GiveUp, Handler, handler
from schemas.events import Event, MessageCreated, Timer, WorkflowFinished
from schemas.record import TopicPartition
from tests.contract.dispatchers import FAST, STOPS, WITHIN, Rig, message, on_any, on_sqlite, quick, until
from tests.contract.eventlogs import Logs

SHORT = replace(FAST, revoke=timedelta(milliseconds=50), cancel=timedelta(milliseconds=50))


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with on_sqlite(tmp_path, partitions=1) as made:
        yield made


class Held:
    """A handler that waits for a word in the middle of its attempt, and then wishes for something."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.word = asyncio.Event()
        self.effects = 0

        @handler("held", on=(MessageCreated, Timer))
        async def held(event: Event[MessageCreated | Timer], ctx: Context) -> None:
            self.begun.set()
            await self.word.wait()
            await ctx.once("effect", self._effect)
            await ctx.publish(WorkflowFinished(workflow_run_id="w"), key="w")
            await ctx.schedule("t", after="9h")

        self.handler: Handler = held  # type: ignore[type-arg]  # any handler

    async def _effect(self) -> None:
        self.effects += 1


async def test_a_worker_that_lost_its_partition_can_write_nothing(rig: Rig) -> None:
    """It was frozen while another claimed the partition: no effect begins, nothing is settled, it joins anew."""
    held = Held()
    metrics = Metrics()
    await rig.append(message(0))
    async with rig.running(held.handler, metrics=metrics) as dispatcher:
        await asyncio.wait_for(held.begun.wait(), WITHIN)
        await rig.store.owners.claim("held", [TopicPartition(rig.conversations, 0)], await rig.log.identity())
        held.word.set()
        # having lost it, it joins anew, claims it again, and then the attempt is allowed
        await until(lambda: held.effects == 1, "it has joined anew")
        await until(lambda: bool(rig.attempts), "it is done")
        await dispatcher.stop(STOPS)
    assert [each.outcome for each in rig.attempts] == [Done()]
    assert len(await rig.records("platform")) == 1

    assert metrics.registry.get_sample_value("hookline_handler_stale_results_total", {"handler": "held"}) == 1


async def test_a_worker_that_lost_its_partition_buries_nothing(rig: Rig) -> None:
    """Its last attempt fails after another has claimed the partition: the event is not dead, the other may be done."""
    word, begun = asyncio.Event(), asyncio.Event()

    @handler("h", on=MessageCreated)
    async def h(event: Event[MessageCreated], ctx: Context) -> None:
        if not begun.is_set():
            begun.set()
            await word.wait()
            raise GiveUp("it was frozen for long")

    await rig.append(message(0))
    async with rig.running(h):
        await asyncio.wait_for(begun.wait(), WITHIN)
        await rig.store.owners.claim("h", [TopicPartition(rig.conversations, 0)], await rig.log.identity())
        word.set()
        await until(lambda: bool(rig.attempts), "it is attempted anew")
    assert [each.outcome for each in rig.attempts] == [Done()]
    assert await rig.records("dead") == []


async def test_another_worker_takes_over(tmp_path: Path) -> None:
    """One reads, the other stands by; when the first goes, the second goes on where it was."""
    handled: Counter[str] = Counter()

    @handler("h", on=MessageCreated)
    async def h(event: Event[MessageCreated], ctx: Context) -> None:
        handled[event.data.message_id] += 1

    async with on_sqlite(tmp_path) as rig:
        await rig.append(*(message(number, key=f"c{number % 9}") for number in range(50)))
        first, second = (Dispatcher([quick(h)], rig.equipment()) for _ in range(2))
        first.start()
        await until(lambda: len(handled) == 50, "the first handles")
        second.start()
        await asyncio.sleep(0.2)
        await first.stop(STOPS)
        await rig.append(*(message(number, key=f"c{number % 9}") for number in range(50, 100)))
        await until(lambda: len(handled) == 100, "the second handles")
        await second.stop(STOPS)
    assert set(handled.values()) == {1}


async def test_two_workers_share_the_partitions(eventlog: Logs, tmp_path: Path) -> None:
    """Joining and leaving in the middle of the work: nothing is lost, nothing handled twice, order is kept."""
    eventlog.needs("sharing")
    handled: list[tuple[str, int]] = []

    @handler("h", on=MessageCreated)
    async def h(event: Event[MessageCreated], ctx: Context) -> None:
        await asyncio.sleep(0.002)
        handled.append((event.key, int(event.data.message_id[1:])))

    total = 1200
    async with on_any(eventlog, tmp_path, partitions=4) as rig:
        await rig.append(*(message(number, key=f"c{number % 16}") for number in range(total)))
        entry = quick(h, concurrency=2)
        first = Dispatcher([entry], rig.equipment())
        other = await eventlog.connect()
        second = Dispatcher([entry], rig.equipment(log=other))
        first.start()
        await until(lambda: len(handled) > 50, "the first has begun")
        second.start()
        await until(lambda: len(handled) > 400, "they go on")
        await first.stop(STOPS)
        await until(lambda: len(handled) >= total, "all are handled")
        await second.stop(STOPS)
    assert Counter(handled) == Counter({(f"c{number % 16}", number): 1 for number in range(total)})
    for key in {key for key, _ in handled}:
        numbers = [number for each, number in handled if each == key]
        assert numbers == sorted(numbers)


async def test_an_attempt_that_outlasts_the_revocation_does_not_count(rig: Rig) -> None:
    """The partition is given back without it: its cancellation settles nothing, the next owner repeats it."""
    held = Held()
    await rig.append(message(0))
    async with rig.running(held.handler, limits=replace(FAST, revoke=timedelta(milliseconds=50))) as dispatcher:
        await asyncio.wait_for(held.begun.wait(), WITHIN)
        assert await dispatcher.stop(timedelta(seconds=5.2)) is False
    assert rig.attempts == []
    commit = (await rig.committed("held"))[0]
    assert commit is not None
    assert commit.offset == 0
    held.word.set()
    await rig.settle(held.handler)
    assert (held.effects, len(rig.attempts)) == (1, 1)


async def test_an_attempt_that_does_not_end_ends_the_process(rig: Rig) -> None:
    """Else its event would be attempted beside itself: the partition goes without it, and is not taken again."""
    abandoned: list[str] = []
    word = asyncio.Event()

    @handler("deaf", on=MessageCreated, timeout="100ms")
    async def deaf(event: Event[MessageCreated], ctx: Context) -> None:
        while event.data.message_id == "m1" and not word.is_set():
            with suppress(asyncio.CancelledError):
                await word.wait()

    def end() -> bool:
        abandoned.append("the process ends")
        return True

    await rig.append(message(0), message(1))
    async with rig.running(quick(deaf), on_abandoned=end, limits=SHORT) as dispatcher:
        await until(lambda: len(rig.attempts) == 1, "the first is done")
        membership = dispatcher._workers["deaf"]._membership
        assert membership is not None
        await membership.revoked(frozenset({TopicPartition(rig.conversations, 0)}))
        assert abandoned == ["the process ends"]
        await membership.assigned(frozenset({TopicPartition(rig.conversations, 0)}))
        assert dispatcher.loads()["deaf"].partitions == 0
        commit = (await rig.committed("deaf"))[0]
        assert commit is not None
        assert commit.offset == 1
        # the next owner is to run it with care
        claimed = await rig.store.owners.claim("deaf", [TopicPartition(rig.conversations, 0)], await rig.log.identity())
        assert [epoch.clean for epoch in claimed.values()] == [False]
        word.set()


async def test_an_attempt_ends_by_itself_when_its_partition_goes(rig: Rig) -> None:
    """It has its own timeout for that: nothing is cancelled that would end in time."""
    held = Held()
    await rig.append(message(0))
    limits = replace(FAST, revoke=None)
    async with rig.running(quick(held.handler, timeout="20s"), limits=limits) as dispatcher:
        await asyncio.wait_for(held.begun.wait(), WITHIN)
        membership = dispatcher._workers["held"]._membership
        assert membership is not None
        revoking = asyncio.create_task(membership.revoked(frozenset({TopicPartition(rig.conversations, 0)})))
        await asyncio.sleep(0.3)
        assert not revoking.done()
        held.word.set()
        await revoking
        assert [each.outcome for each in rig.attempts] == [Done()]
    commit = (await rig.committed("held"))[0]
    assert commit is not None
    assert commit.offset == 1


async def test_what_is_settled_is_committed_when_a_partition_goes(rig: Rig) -> None:
    """A rebalance does not wait for the next commit: the new owner repeats nothing that is settled."""

    @handler("h", on=MessageCreated)
    async def h(event: Event[MessageCreated], ctx: Context) -> None: ...

    await rig.append(message(0), message(1))
    async with rig.running(quick(h), limits=replace(FAST, commit_after=timedelta(minutes=1))) as dispatcher:
        await until(lambda: len(rig.attempts) == 2, "both are handled")
        membership = dispatcher._workers["h"]._membership
        assert membership is not None
        await membership.revoked(frozenset({TopicPartition(rig.conversations, 0)}))
        commit = (await rig.committed("h"))[0]
        assert dispatcher.loads()["h"].partitions == 0
    assert commit is not None
    assert commit.offset == 2
