"""After a crash: what was under way is run carefully, so that the event that did it is found and nobody beside it."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from dispatcher.outcome import Dead, Done
from dispatcher.registry import AnyHandler
from dispatcher.worker import Phase
from handlers.api import Context, handler
from schemas.events import Event, MessageCreated, Timer
from schemas.record import TopicPartition
from store.errors import StoreUnavailable
from store.owners import Epoch
from tests.contract.dispatchers import WITHIN, Rig, message, on_sqlite, quick, until


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with on_sqlite(tmp_path, partitions=1) as made:
        yield made


async def crash(rig: Rig, entry: str, noted: Mapping[str, int] | None = None) -> Mapping[TopicPartition, Epoch]:
    """Leave the partition of conversations as a worker does that is killed while it attempts these items."""
    at = TopicPartition(rig.conversations, 0)
    epochs = await rig.store.owners.claim(entry, [at], await rig.log.identity())
    await rig.store.suspects.note(entry, epochs, {at: noted or {}})
    return epochs


async def noted(rig: Rig, entry: str) -> Mapping[str, int]:
    """What the store says is under way."""
    at = TopicPartition(rig.conversations, 0)
    return (await rig.store.suspects.found(entry, {at: Epoch(0, clean=False, log=await rig.log.identity())}))[at]


class Crowd:
    """A handler that tells who ran beside whom."""

    def __init__(self, name: str = "crowd") -> None:
        self.now: set[str] = set()
        self.beside: dict[str, set[str]] = {}
        self.hold = asyncio.Event()
        self.hold.set()

        @handler(name, on=MessageCreated)
        async def crowd(event: Event[MessageCreated], ctx: Context) -> None:
            mine = f"{name}:{event.data.message_id}"
            self.now.add(mine)
            self.beside.setdefault(mine, set())
            for each in self.now:
                self.beside[each] |= self.now - {each}
            await self.hold.wait()
            await asyncio.sleep(0.02)
            self.now.remove(mine)

        self.handler: AnyHandler = crowd


async def test_what_is_attempted_after_a_crash_is_noted(rig: Rig) -> None:
    """While it lasts, and not a moment longer; what came after the crash is not."""
    crowd = Crowd()
    crowd.hold.clear()
    await rig.append(message(0, key="a"), message(1, key="b"))
    await crash(rig, "crowd")
    async with rig.running(crowd.handler):
        await until(lambda: len(crowd.now) == 2, "both are attempted")
        assert await noted(rig, "crowd") == {"record 0": 1, "record 1": 1}
        await rig.append(message(2, key="c"))
        await until(lambda: len(crowd.now) == 3, "the third is attempted")
        assert await noted(rig, "crowd") == {"record 0": 1, "record 1": 1}
        crowd.hold.set()
        await until(lambda: len(rig.attempts) == 3, "all are done")
        async with asyncio.timeout(WITHIN):
            while await noted(rig, "crowd"):  # noqa: ASYNC110 - the store tells nobody
                await asyncio.sleep(0.02)


async def test_a_crash_is_told_of_at_the_next_start(rig: Rig) -> None:
    """At the first already, and not after an orderly end."""
    crowd = Crowd()
    await rig.append(message(0))
    await crash(rig, "crowd")
    told = []
    for _ in range(2):
        with capture_logs() as lines:
            await rig.settle(crowd.handler)
        told.append([(line["log_level"], line["partitions"]) for line in lines if line["event"] == "crash.noticed"])
    assert told == [[("info", 1)], []]


async def test_a_suspect_is_seen_while_it_runs(rig: Rig) -> None:
    """In the log, in what the worker says of itself and in its figures, until it ends by itself."""
    crowd = Crowd()
    crowd.hold.clear()
    await rig.append(message(0))
    await crash(rig, "crowd", {"record 0": 2})
    with capture_logs() as lines:
        async with rig.running(crowd.handler) as dispatcher:
            await until(lambda: bool(crowd.now), "it is attempted")
            assert dispatcher.states()["crowd"].noted == {f"{rig.conversations}/0 record 0": 2}
            assert dispatcher.loads()["crowd"].suspects == 1
            crowd.hold.set()
            await until(lambda: not dispatcher.states()["crowd"].noted, "it is cleared")
            assert dispatcher.loads()["crowd"].suspects == 0
    (noticed,) = [line for line in lines if line["event"] == "crash.noticed"]
    assert (noticed["log_level"], noticed["again"]) == ("warning", 1)


async def test_nothing_is_noted_after_an_orderly_end(rig: Rig) -> None:
    """Ordinary work costs no write."""
    crowd = Crowd()
    await rig.append(message(0))
    await rig.settle(crowd.handler)
    crowd.hold.clear()
    await rig.append(message(1))
    async with rig.running(crowd.handler):
        await until(lambda: bool(crowd.now), "it is attempted")
        assert await noted(rig, "crowd") == {}
        crowd.hold.set()


async def test_a_suspect_runs_alone_in_its_process(rig: Rig) -> None:
    """Nothing of its own entry runs beside it, nor of another; all others may run beside each other."""
    crowd, other = Crowd(), Crowd("other")
    await rig.append(*(message(number, key=f"k{number}") for number in range(12)))
    await crash(rig, "crowd", {"record 3": 2, "record 7": 3, "record 9": 1})
    await rig.settle(quick(crowd.handler), quick(other.handler))
    beside = crowd.beside | other.beside
    assert (beside.pop("crowd:m3"), beside.pop("crowd:m7")) == (set(), set())
    assert any(beside.values())
    assert len(rig.attempts) == 24


async def test_a_suspect_that_ends_by_itself_is_cleared(rig: Rig) -> None:
    """Also when it fails: then it is tried again like any other."""
    tried: list[int] = []

    @handler("h", on=MessageCreated)
    async def h(event: Event[MessageCreated], ctx: Context) -> None:
        tried.append((await noted(rig, "h"))["record 0"])
        if len(tried) == 1:
            raise ValueError

    await rig.append(message(0))
    await crash(rig, "h", {"record 0": 4})
    await rig.settle(quick(h))
    # its fifth crash is written down before it runs; then it is an ordinary attempt in a careful partition
    assert tried == [5, 1]
    assert await noted(rig, "h") == {}


@pytest.mark.parametrize(("attempts", "crashes"), [(5, 5), (2, 4), (1, 3)])
async def test_who_crashed_alone_too_often_is_dead(rig: Rig, attempts: int, crashes: int) -> None:
    """It is not run again, its letter says why, and what is behind it in its lane goes on."""
    crowd = Crowd()
    await rig.append(message(0), message(1))
    await crash(rig, "crowd", {"record 0": crashes})
    await rig.settle(quick(crowd.handler, attempts=attempts))
    assert list(crowd.beside) == ["crowd:m1"]
    first, second = [each.outcome for each in rig.attempts]
    assert isinstance(first, Dead)
    assert (first.reason, second) == ("crashed", Done())
    (letter,) = await rig.records("dead")
    assert (letter.header("x-dlq-reason"), letter.header("x-dlq-attempts")) == (b"crashed", str(crashes).encode())
    assert await noted(rig, "crowd") == {}


async def test_an_effect_that_may_have_happened_outweighs_the_crashes(rig: Rig) -> None:
    """Whoever looks at the dead letter has to know."""

    @handler("h", on=MessageCreated)
    async def h(event: Event[MessageCreated], ctx: Context) -> None:
        begun.set()
        await ctx.once("effect", asyncio.Event().wait)

    begun = asyncio.Event()
    await rig.append(message(0))
    async with rig.running(quick(h)):
        await begun.wait()
        async with asyncio.timeout(WITHIN):
            names = {"handler": "h", "source": "support", "event_id": "message.created:m0"}
            while not await rig.store.effects.unfinished(**names):  # noqa: ASYNC110 - the store tells nobody
                await asyncio.sleep(0.02)
        await crash(rig, "h", {"record 0": 5})
    await crash(rig, "h")
    await rig.settle(quick(h))
    (letter,) = await rig.records("dead")
    assert letter.header("x-dlq-reason") == b"uncertain"


async def test_a_timer_can_be_the_one(rig: Rig) -> None:
    """Its firing is noted, and dead after its crashes like an event."""
    fired: list[str] = []

    @handler("h", on=(MessageCreated, Timer))
    async def h(event: Event[MessageCreated | Timer], ctx: Context) -> None:
        if isinstance(event.data, MessageCreated):
            await ctx.schedule("t", after="0s")
            return
        fired.append(event.id)
        assert list(await noted(rig, "h")) == [f"timer {event.id}"]
        raise RuntimeError

    await rig.append(message(0))
    await crash(rig, "h")
    async with rig.running(quick(h, attempts=50, backoff="10s", max_backoff="10s")):
        await until(lambda: bool(fired), "it fires")
    await crash(rig, "h", {f"timer {fired[0]}": 5})
    async with rig.running(quick(h)) as dispatcher:
        await until(lambda: dispatcher.loads()["h"].partitions == 1, "it has its partition")
        await until(lambda: dispatcher.loads()["h"].timers == 0, "the timer is over")
    (letter,) = await rig.records("dead")
    assert (letter.header("x-dlq-reason"), len(fired)) == (b"crashed", 1)


async def test_who_lost_its_partition_attempts_nothing(rig: Rig) -> None:
    """The note is refused under the old epoch: the worker joins anew before anything runs."""
    crowd = Crowd()
    crowd.hold.clear()
    await rig.append(message(0, key="a"))
    await crash(rig, "crowd")
    async with rig.running(quick(crowd.handler, concurrency=1)) as dispatcher:
        await until(lambda: bool(crowd.now), "the first is attempted")
        await crash(rig, "crowd")
        await rig.append(message(1, key="b"))
        crowd.hold.set()
        await until(lambda: len(crowd.beside) == 2, "the second is attempted, under a new epoch")
        assert dispatcher.states()["crowd"].phase is Phase.RUNNING
        await until(lambda: len(rig.attempts) >= 2, "both are done")


async def test_without_the_store_nothing_is_attempted_after_a_crash(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be noted waits, and is attempted when the store answers."""
    crowd, note = Crowd(), rig.store.suspects.note
    refused: list[int] = []

    async def away(*given: Any) -> frozenset[TopicPartition]:
        if len(refused) < 3:
            refused.append(len(crowd.beside))
            raise StoreUnavailable("it is away")
        return await note(*given)

    await rig.append(*(message(number, key=f"k{number}") for number in range(4)))
    await crash(rig, "crowd")
    monkeypatch.setattr(rig.store.suspects, "note", away)
    await rig.settle(crowd.handler)
    assert refused == [0, 0, 0]
    assert len(rig.attempts) == len(crowd.beside) == 4
    assert await noted(rig, "crowd") == {}
