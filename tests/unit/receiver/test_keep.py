"""A delivery's records are durable once, whatever comes twice or fails in between."""

import asyncio
from datetime import timedelta

import pytest

from eventlog.errors import LogUnavailable, RecordRefused
from eventlog.log import Appending
from receiver.dedupe import Dedupe
from receiver.intake import Named
from receiver.keep import Keep, Kept, Unkept
from schemas.record import Record, TopicPartition
from tests.unit.receiver.logs import MemoryLog, MemoryStore, soon
from tests.unit.receiver.parts import NOW

WEEK = timedelta(days=7)


def named(name: str) -> Named:
    record = Record(topic="t", key=b"k", value=name.encode(), timestamp=0)
    return Named(id=name, record=record, window=WEEK)


COPY = Record(topic="copies", key=b"k", value=b"copy", timestamp=0)


class Kit:
    """A keep over a log and a store in memory."""

    def __init__(self, *, durable: bool = True) -> None:
        self.log = MemoryLog(durable=durable)
        self.store = MemoryStore()
        self.dedupe = Dedupe(self.store, clock=lambda: NOW, patience=timedelta(seconds=5))
        self.keep = Keep(self.log, self.dedupe)

    async def kept(self, *names: str, copy: Record | None = COPY, seconds: float = 30.0) -> Kept | Unkept:
        deadline = asyncio.get_running_loop().time() + seconds
        return await self.keep.keep("support", [named(name) for name in names], copy, deadline=deadline)

    async def appended(self, count: int) -> None:
        """Wait until so many records were handed over."""
        await soon(lambda: len(self.log.records) >= count)

    def values(self) -> list[bytes | None]:
        return [record.value for record in self.log.records]

    async def remembered(self) -> set[str]:
        await self.dedupe.stop(timedelta(seconds=5))
        return {name for _, name in self.store.entries}


async def test_new_delivery_is_appended_with_its_copy() -> None:
    """Events first, in their order, then the delivery itself."""
    kit = Kit()
    assert await kit.kept("a", "b") == Kept(duplicate=False)
    assert kit.values() == [b"a", b"b", b"copy"]
    assert await kit.remembered() == {"a", "b"}


async def test_delivery_that_tells_nothing_needs_nothing() -> None:
    """There is nothing to make durable."""
    kit = Kit(durable=False)
    assert await kit.kept() == Kept(duplicate=False)
    assert kit.values() == []


async def test_copy_of_a_durable_delivery_is_not_appended() -> None:
    """Not its events and not itself."""
    kit = Kit()
    await kit.kept("a")
    assert await kit.kept("a") == Kept(duplicate=True)
    assert kit.values() == [b"a", b"copy"]


async def test_what_is_missing_of_a_known_delivery_is_appended() -> None:
    """Half of it was durable: the other half becomes so, and the delivery is no duplicate."""
    kit = Kit()
    await kit.kept("a", copy=None)
    assert await kit.kept("a", "b") == Kept(duplicate=False)
    assert kit.values() == [b"a", b"b", b"copy"]


async def test_id_twice_in_one_delivery_is_one_event() -> None:
    """A delivery does not wait for itself."""
    kit = Kit()
    assert await kit.kept("a", "a", copy=None) == Kept(duplicate=False)
    assert kit.values() == [b"a"]


async def test_same_id_of_another_source_is_another_event() -> None:
    """An id is unique in its source only."""
    kit = Kit()
    await kit.kept("a", copy=None)
    deadline = asyncio.get_running_loop().time() + 5
    assert await kit.keep.keep("other", [named("a")], None, deadline=deadline) == Kept(duplicate=False)
    assert kit.values() == [b"a", b"a"]


async def test_copies_in_flight_wait_for_the_first() -> None:
    """Three at once are appended once, and all are told the truth when it is durable."""
    kit = Kit(durable=False)
    waiting = [asyncio.create_task(kit.kept("a", copy=None)) for _ in range(3)]
    await kit.appended(1)
    assert not any(task.done() for task in waiting)
    kit.log.settle()
    assert await asyncio.gather(*waiting) == [Kept(duplicate=False), Kept(duplicate=True), Kept(duplicate=True)]
    assert kit.values() == [b"a"]
    assert kit.keep.in_flight == 0


async def test_copies_in_flight_share_the_failure() -> None:
    """Nobody is told 2xx when the first was not stored."""
    kit = Kit(durable=False)
    waiting = [asyncio.create_task(kit.kept("a", copy=None)) for _ in range(2)]
    await kit.appended(1)
    kit.log.settle(LogUnavailable("the broker is away", retry_after=timedelta(seconds=7)))
    expected = Unkept("the broker is away", timedelta(seconds=7))
    assert await asyncio.gather(*waiting) == [expected, expected]
    assert await kit.remembered() == set()


async def test_failed_delivery_can_come_again() -> None:
    """What failed is on no way any more."""
    kit = Kit(durable=False)
    first = asyncio.create_task(kit.kept("a", copy=None))
    await kit.appended(1)
    kit.log.settle(LogUnavailable("away"))
    await first
    kit.log.durable = True
    assert await kit.kept("a", copy=None) == Kept(duplicate=False)


async def test_log_that_does_not_answer_in_time() -> None:
    """The sender is answered within its budget; the record may still become durable."""
    kit = Kit(durable=False)
    assert await kit.kept("a", seconds=0.01) == Unkept("the log did not answer in time")


async def test_late_record_is_remembered_all_the_same() -> None:
    """The sender comes again after a 503: then it is a duplicate."""
    kit = Kit(durable=False)
    await kit.kept("a", copy=None, seconds=0.01)
    kit.log.settle()
    await asyncio.sleep(0)
    assert await kit.kept("a", copy=None) == Kept(duplicate=True)
    assert kit.values() == [b"a"]


async def test_sender_that_comes_again_while_the_first_is_late_waits_for_it() -> None:
    """Nothing is appended twice as long as the first may still become durable."""
    kit = Kit(durable=False)
    await kit.kept("a", copy=None, seconds=0.01)
    again = asyncio.create_task(kit.kept("a", copy=None))
    await asyncio.sleep(0)
    kit.log.settle()
    assert await again == Kept(duplicate=True)
    assert kit.values() == [b"a"]


async def test_those_who_gave_up_are_not_gathered() -> None:
    """A log that hangs for an hour keeps one id in memory, not every retry of it."""
    kit = Kit(durable=False)
    for _ in range(5):
        await kit.kept("a", copy=None, seconds=0.001)
    (flight,) = kit.keep._flights.values()
    assert flight.waiting == []


async def test_log_that_refuses_at_once() -> None:
    """A log known to be away costs no time; what it refused is on no way."""
    kit = Kit()
    kit.log.refusing = LogUnavailable("away", retry_after=timedelta(seconds=3))
    assert await kit.kept("a") == Unkept("away", timedelta(seconds=3))
    assert kit.keep.in_flight == 0


async def test_copy_of_a_refused_delivery_is_told_the_same_cause() -> None:
    """Whoever waited for the first learns why it failed."""
    kit = Kit()
    kit.store.hanging = asyncio.Event()
    waiting = [asyncio.create_task(kit.kept("a", copy=None)) for _ in range(2)]
    await soon(lambda: bool(kit.store.asked))
    kit.log.refusing = LogUnavailable("away")
    kit.store.hanging.set()
    assert await asyncio.gather(*waiting) == [Unkept("away", timedelta(seconds=1))] * 2


async def test_record_the_log_will_never_take() -> None:
    """It is no 2xx, and no crash."""
    kit = Kit()
    kit.log.refusing = RecordRefused("no such topic: t", topic="t")
    assert await kit.kept("a") == Unkept("no such topic: t")


async def test_copy_that_is_not_durable_is_no_success() -> None:
    """All records, or 503."""
    kit = Kit(durable=False)
    task = asyncio.create_task(kit.kept("a"))
    await kit.appended(2)
    kit.log.open.pop(0).set_result(0)
    kit.log.settle(LogUnavailable("away"))
    assert await task == Unkept("away", timedelta(seconds=1))
    assert await kit.remembered() == {"a"}


async def test_cancelled_delivery_leaves_nothing_behind() -> None:
    """A connection that is cut while ids are looked up takes its claim with it."""
    kit = Kit()
    kit.store.hanging = asyncio.Event()
    task = asyncio.create_task(kit.kept("a"))
    await soon(lambda: bool(kit.store.asked))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert kit.keep.in_flight == 0
    kit.store.hanging.set()
    assert await kit.kept("a", copy=None) == Kept(duplicate=False)


async def test_cancelled_wait_does_not_take_the_record_back() -> None:
    """What is handed over goes on, and is remembered when it is durable."""
    kit = Kit(durable=False)
    task = asyncio.create_task(kit.kept("a", copy=None))
    await kit.appended(1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    kit.log.settle()
    await asyncio.sleep(0)
    assert await kit.remembered() == {"a"}


async def test_log_that_stops_is_no_success() -> None:
    """A batch that the log gives up is a failure."""
    kit = Kit(durable=False)
    task = asyncio.create_task(kit.kept("a", copy=None))
    await kit.appended(1)
    kit.log.open[0].cancel()
    assert await task == Unkept("the log stopped")


async def test_dedupe_store_away_accepts_without_it() -> None:
    """Degraded, and every event new."""
    kit = Kit()
    kit.store.hanging = asyncio.Event()
    kit.dedupe = Dedupe(kit.store, clock=lambda: NOW, patience=timedelta(milliseconds=1))
    kit.keep = Keep(kit.log, kit.dedupe)
    for name in "abc":
        assert await kit.kept(name, copy=None) == Kept(duplicate=False)
    assert kit.keep.degraded
    await kit.dedupe.stop(timedelta(0))


async def test_appends_keep_the_order_of_acceptance() -> None:
    """Deliveries that come one after another are appended in that order."""
    kit = Kit()
    await asyncio.gather(*(kit.kept(f"{n:02}", copy=None) for n in range(50)))
    assert kit.values() == [f"{n:02}".encode() for n in range(50)]


async def test_a_failure_to_remember_keeps_nobody_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is durable is answered so, also what came in the same batch; the failure is told to the loop."""
    kit, told, remember = Kit(), [], Dedupe.remember
    loop = asyncio.get_running_loop()
    batch: asyncio.Future[int] = loop.create_future()
    loop.set_exception_handler(lambda _, context: told.append(type(context["exception"])))

    def failing(dedupe: Dedupe, key: tuple[str, str], window: timedelta) -> None:
        remember(dedupe, key, timedelta.max if key[1] == "a" else window)

    monkeypatch.setattr(Dedupe, "remember", failing)
    monkeypatch.setattr(kit.log, "append", lambda _: Appending(batch=batch, index=0, at=TopicPartition("t", 0)))
    loop.call_soon(batch.set_result, 0)
    assert set(await asyncio.gather(kit.kept("a"), kit.kept("b"))) == {Kept(duplicate=False)}
    assert told == [OverflowError]
    assert kit.keep.in_flight == 0
    assert await kit.remembered() == {"b"}
