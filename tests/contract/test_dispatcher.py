"""What the dispatcher promises a handler, on every event log: at least once, in order per lane, isolated."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from dispatcher.outcome import Dead, Done, Retry
from handlers.api import Context, GiveUp, RetryLater, handler
from schemas.events import ContactCreated, Event, MessageCreated
from schemas.record import Record
from tests.contract.dispatchers import FAST, STOPS, Rig, event, message, on_any, on_sqlite, quick, until
from tests.contract.eventlogs import Logs


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with on_sqlite(tmp_path) as made:
        yield made


async def test_every_event_is_handled_once_and_in_order(eventlog: Logs, tmp_path: Path) -> None:
    """On every log: each event once, each conversation in the order of its records."""
    handled: dict[str, list[str]] = defaultdict(list)

    @handler("h", on=MessageCreated)
    async def h(event: Event[MessageCreated], ctx: Context) -> None:
        await asyncio.sleep(0.001)
        handled[event.key].append(event.data.message_id)

    async with on_any(eventlog, tmp_path) as rig:
        await rig.append(*(message(number, key=f"c{number % 7}") for number in range(210)))
        await rig.settle(h)
    assert handled == {f"c{key}": [f"m{number}" for number in range(key, 210, 7)] for key in range(7)}


async def test_a_restart_repeats_only_what_was_unfinished(eventlog: Logs, tmp_path: Path) -> None:
    """On every log: one stuck conversation holds the position, and yet nothing else is handled twice."""
    handled: list[str] = []
    stuck = True

    @handler("h", on=MessageCreated)
    async def h(event: Event[MessageCreated], ctx: Context) -> None:
        if event.key == "stuck" and stuck:
            raise RetryLater("not yet", after="30s")
        handled.append(event.data.message_id)

    eventlog.needs("sharing")
    async with on_any(eventlog, tmp_path, partitions=1) as rig:
        await rig.append(message(0, key="stuck"), *(message(number, key=f"c{number}") for number in range(1, 100)))
        async with rig.running(h):
            await until(lambda: len(handled) == 99, "all others are handled")
            await asyncio.sleep(0.3)
        stuck = False
        await rig.settle(h)
    assert sorted(handled[:99]) == sorted(f"m{number}" for number in range(1, 100))
    assert handled[99:] == ["m0"]


async def test_a_stopped_worker_leaves_its_position_at_the_end(eventlog: Logs, tmp_path: Path) -> None:
    """On every log: what is settled is committed when the worker stops, not a second later."""

    @handler("h", on=MessageCreated)
    async def h(event: Event[MessageCreated], ctx: Context) -> None: ...

    async with on_any(eventlog, tmp_path, partitions=1) as rig:
        await rig.append(*(message(number) for number in range(5)))
        async with rig.running(h, limits=replace(FAST, commit_after=timedelta(minutes=1))):
            await until(lambda: len(rig.attempts) == 5, "all are handled")
        commit = (await rig.committed("h"))[0]
    assert commit is not None
    assert commit.offset == 5


async def test_only_what_the_handler_asked_for_is_given(rig: Rig) -> None:
    """Other types and other sources are settled without the handler."""
    handled: list[str] = []

    @handler("h", on=(MessageCreated, ContactCreated))
    async def h(event: Event[MessageCreated | ContactCreated], ctx: Context) -> None:
        handled.append(event.id)

    created = ContactCreated(contact_id="u1")
    await rig.append(
        message(1),
        event(created, key="u1", identity="from-crm", source="crm"),
        event(created, key="u1", identity="from-support"),
    )
    await rig.settle(quick(h, sources=["support"]))
    assert sorted(handled) == ["from-support", "message.created:m1"]


async def test_a_failed_attempt_is_repeated_and_its_lane_waits(rig: Rig) -> None:
    """The second event of the conversation comes after the first has succeeded, with the attempts counted."""
    handled: list[tuple[str, int]] = []

    @handler("h", on=MessageCreated)
    async def h(event: Event[MessageCreated], ctx: Context) -> None:
        handled.append((event.data.message_id, ctx.attempt))
        if event.data.message_id == "m0" and ctx.attempt < 3:
            raise ValueError

    await rig.append(message(0), message(1))
    await rig.settle(h)
    assert handled == [("m0", 1), ("m0", 2), ("m0", 3), ("m1", 1)]
    assert [type(each.outcome) for each in rig.attempts] == [Retry, Retry, Done, Done]


async def test_a_waiting_lane_holds_no_slot(rig: Rig) -> None:
    """With one slot, a conversation that waits an hour lets the others flow."""
    handled: list[str] = []

    @handler("h", on=MessageCreated)
    async def h(event: Event[MessageCreated], ctx: Context) -> None:
        if event.key == "slow":
            raise RetryLater("asleep", after="1h")
        handled.append(event.data.message_id)

    await rig.append(message(0, key="slow"), message(1, key="a"), message(2, key="b"))
    async with rig.running(quick(h, concurrency=1)):
        await until(lambda: sorted(handled) == ["m1", "m2"], "the others are handled")


async def test_no_more_attempts_run_at_once_than_allowed(rig: Rig) -> None:
    """`concurrency` bounds the attempts of an entry, and is used."""
    running = most = 0

    @handler("h", on=MessageCreated)
    async def h(event: Event[MessageCreated], ctx: Context) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.02)
        running -= 1

    await rig.append(*(message(number, key=f"c{number}") for number in range(30)))
    await rig.settle(quick(h, concurrency=4))
    assert most == 4


async def test_two_events_of_a_lane_never_run_at_once(rig: Rig) -> None:
    """Whatever the concurrency, a conversation is handled one event at a time."""
    running: set[str] = set()
    overlaps: list[str] = []

    @handler("h", on=MessageCreated)
    async def h(event: Event[MessageCreated], ctx: Context) -> None:
        if event.key in running:
            overlaps.append(event.id)
        running.add(event.key)
        await asyncio.sleep(0.002)
        running.discard(event.key)

    await rig.append(*(message(number, key=f"c{number % 5}") for number in range(100)))
    await rig.settle(h)
    assert overlaps == []


async def test_an_attempt_that_takes_too_long_is_cancelled_and_repeated(rig: Rig) -> None:
    """The timeout is the entry's, and the handler is told by a cancellation."""
    cancelled: list[int] = []

    @handler("h", on=MessageCreated)
    async def h(event: Event[MessageCreated], ctx: Context) -> None:
        if ctx.attempt == 1:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                cancelled.append(ctx.attempt)
                raise

    await rig.append(message(0))
    await rig.settle(quick(h, timeout="50ms"))
    first = rig.attempts[0].outcome
    assert isinstance(first, Retry)
    assert first.detail.startswith("no result within 0.05 s at test_dispatcher.py:")
    assert cancelled == [1]


async def test_a_handler_that_cancels_itself_is_repeated(rig: Rig) -> None:
    """A cancellation of the handler's own making is a failure like any other, and costs no slot."""

    @handler("h", on=MessageCreated)
    async def h(event: Event[MessageCreated], ctx: Context) -> None:
        if ctx.attempt == 1:
            raise asyncio.CancelledError

    await rig.append(message(0), message(1))
    await rig.settle(quick(h, concurrency=1))
    assert [type(each.outcome) for each in rig.attempts] == [Retry, Done, Retry, Done]


async def test_a_copy_of_an_event_is_not_handled_again(rig: Rig) -> None:
    """The same id once more, shortly after: a frozen broker wrote a late batch."""
    await rig.append(message(0), message(1), message(0))

    @handler("h", on=MessageCreated)
    async def h(event: Event[MessageCreated], ctx: Context) -> None: ...

    await rig.settle(h)
    assert [each.event_id for each in rig.attempts] == ["message.created:m0", "message.created:m1"]


async def test_a_copy_is_recognised_after_a_restart(rig: Rig) -> None:
    """Ids of records that an earlier owner settled are remembered when they are read past."""
    stuck = True

    @handler("h", on=MessageCreated)
    async def h(event: Event[MessageCreated], ctx: Context) -> None:
        if event.key == "c1" and stuck:
            raise RetryLater("not yet", after="30s")

    # c1 and c3 share a partition
    await rig.append(message(0, key="c1"), message(1, key="c3"))
    async with rig.running(h):
        await until(lambda: len(rig.attempts) == 2, "one is settled, one waits")
    stuck = False
    await rig.append(message(1, key="c3"))
    await rig.settle(h)
    assert [each.event_id for each in rig.attempts if each.outcome == Done()] == [
        "message.created:m1",
        "message.created:m0",
    ]


async def test_what_is_buffered_is_bounded(rig: Rig) -> None:
    """A handler that hangs does not fill the memory: reading stops, and goes on when there is room."""
    gate = asyncio.Event()
    handled = 0

    @handler("h", on=MessageCreated)
    async def h(event: Event[MessageCreated], ctx: Context) -> None:
        nonlocal handled
        await gate.wait()
        handled += 1

    tight = replace(FAST, records=50, fetch=20)
    await rig.append(*(message(number, key="one") for number in range(400)))
    async with rig.running(h, limits=tight) as dispatcher:
        await until(lambda: dispatcher.loads()["h"].buffered >= 50, "the buffer is full")
        await asyncio.sleep(0.3)
        assert dispatcher.loads()["h"].buffered <= 70
        gate.set()
        await until(lambda: handled == 400, "all are handled")


async def test_a_handler_that_stops_leaves_the_others(rig: Rig) -> None:
    """Each entry is a group of its own: one that cannot go on touches no other."""

    @handler("fine", on=MessageCreated)
    async def fine(event: Event[MessageCreated], ctx: Context) -> None: ...

    @handler("broken", on=MessageCreated)
    async def broken(event: Event[MessageCreated], ctx: Context) -> None: ...

    await rig.append(message(0))
    await rig.settle(broken)
    await rig.log.forget("hookline.broken")  # type: ignore[attr-defined]  # the embedded log can
    rig.happened.clear()
    async with rig.running(fine, broken) as dispatcher:
        await until(lambda: bool(dispatcher.states()["broken"].reason), "it stops")
        await rig.append(message(1))
        await until(lambda: len(rig.attempts) == 2, "the other goes on")
    assert {each.entry for each in rig.attempts} == {"fine"}


async def test_two_entries_of_one_handler_are_two_groups(rig: Rig) -> None:
    """`use` makes a second entry, which sees every event too."""

    @handler("h", on=MessageCreated)
    async def h(event: Event[MessageCreated], ctx: Context) -> None: ...

    await rig.append(message(0))
    await rig.settle(quick(h), quick(h, name="again"))
    assert sorted(each.entry for each in rig.attempts) == ["again", "h"]


async def test_stopping_lets_a_running_attempt_finish(rig: Rig) -> None:
    """A drain waits for what runs and begins nothing new; the rest is for the next start."""
    begun, gate = asyncio.Event(), asyncio.Event()

    @handler("h", on=MessageCreated)
    async def h(event: Event[MessageCreated], ctx: Context) -> None:
        begun.set()
        await gate.wait()

    await rig.append(message(0), message(1))
    async with rig.running(h) as dispatcher:
        await asyncio.wait_for(begun.wait(), 10)
        stopping = asyncio.create_task(dispatcher.stop(STOPS))
        await asyncio.sleep(0.1)
        gate.set()
        assert await stopping is True
    assert [each.event_id for each in rig.attempts] == ["message.created:m0"]
    await rig.settle(h)
    assert [each.event_id for each in rig.attempts] == ["message.created:m0", "message.created:m1"]


async def test_stopping_has_a_deadline(rig: Rig) -> None:
    """An attempt that does not end is cancelled, told as unclean, and repeated by the next start."""
    begun = asyncio.Event()
    hangs = True

    @handler("h", on=MessageCreated)
    async def h(event: Event[MessageCreated], ctx: Context) -> None:
        begun.set()
        if hangs:
            await asyncio.sleep(60)

    await rig.append(message(0))
    async with rig.running(h) as dispatcher:
        await asyncio.wait_for(begun.wait(), 10)
        loop = asyncio.get_running_loop()
        before = loop.time()
        assert await dispatcher.stop(timedelta(seconds=6)) is False
        assert loop.time() - before < 7
    hangs = False
    await rig.settle(h)
    assert [each.outcome for each in rig.attempts] == [Done()]


async def test_given_up_events_do_not_hold_their_lane(rig: Rig) -> None:
    """The next event of the conversation is handled."""

    @handler("h", on=MessageCreated)
    async def h(event: Event[MessageCreated], ctx: Context) -> None:
        if event.data.message_id == "m0":
            raise GiveUp("no")

    await rig.append(message(0), message(1))
    await rig.settle(h)
    assert [each.outcome for each in rig.attempts] == [Dead("rejected", "no"), Done()]


async def test_a_record_that_is_no_event_is_passed_over(rig: Rig) -> None:
    """A tombstone, or what a stranger wrote, is not for any handler and holds nothing up."""
    tombstone = Record(topic=rig.conversations, key=b"c1", value=None, timestamp=1_700_000_000_000)
    await rig.log.append(tombstone).offset()
    await rig.append(message(0))

    @handler("h", on=MessageCreated)
    async def h(event: Event[MessageCreated], ctx: Context) -> None: ...

    await rig.settle(h)
    assert [each.event_id for each in rig.attempts] == ["message.created:m0"]
