"""What a handler asks of its context besides effects: caps, and wishes that cannot be kept."""

import asyncio
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from clients.errors import RateLimited
from dispatcher.outcome import Dead, Done, Retry
from handlers.api import Context, RetryLater, handler
from schemas.contacts import Identity
from schemas.events import ConversationCompleted, Event, MessageCreated, Timer
from tests.contract.dispatchers import Rig, message, on_sqlite, quick


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with on_sqlite(tmp_path, partitions=1) as made:
        yield made


async def test_a_cap_counts_an_event_once(rig: Rig) -> None:
    """Two a day: the third is refused, and an attempt that is repeated uses nothing up."""
    allowed: list[tuple[str, bool]] = []

    @handler("h", on=MessageCreated)
    async def h(event: Event[MessageCreated], ctx: Context) -> None:
        allowed.append((event.data.message_id, await ctx.allow("day", "u1", limit=2, per="1d")))
        if ctx.attempt < 3:
            raise ValueError

    await rig.append(*(message(number) for number in range(3)))
    await rig.settle(h)
    assert allowed == [("m0", True)] * 3 + [("m1", True)] * 3 + [("m2", False)] * 3


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        (lambda ctx: ctx.allow("c", "k", limit=1, per="0s"), "per must be longer than 0s"),
        (lambda ctx: ctx.schedule("t", after="99999999d"), "of at most 3,650 days"),
        (lambda ctx: ctx.schedule("t", after="1d", data={"x": math.nan}), "NaN"),
        (lambda ctx: ctx.publish(ConversationCompleted(conversation_id="c", extra={"x": [math.inf]}), key="c"), "NaN"),
        (lambda _: retry_later("99999999d"), "asleep (its `after` is no wait"),
    ],
    ids=range(5),
)
async def test_wish_that_cannot_be_kept_fails_the_attempt(
    rig: Rig, wish: Callable[[Context], Awaitable[object]], words: str
) -> None:
    """And the error says which; nothing of it is done, and the events behind go on."""

    @handler("wishes", on=(MessageCreated, Timer))
    async def wishes(event: Event[MessageCreated | Timer], ctx: Context) -> None:
        if isinstance(event.data, MessageCreated) and event.data.message_id == "m0":
            await wish(ctx)

    await rig.append(message(0), message(1))
    await rig.settle(wishes)
    dead = [one.outcome for one in rig.attempts if isinstance(one.outcome, Dead)]
    assert [one.reason for one in dead] == ["exhausted"]
    assert words in dead[0].detail
    assert rig.attempts[-1].outcome == Done()


async def retry_later(after: str) -> None:
    raise RetryLater("asleep", after=after)


async def test_after_its_attempt_a_context_is_of_no_use(rig: Rig) -> None:
    """A task that outlives its handler is told so, and begins no effect that nobody would look after."""
    sent, done, tasks = list[str](), asyncio.Event(), []

    async def send() -> None:
        sent.append("hello")

    @handler("leaves", on=MessageCreated)
    async def leaves(event: Event[MessageCreated], ctx: Context) -> None:
        held, ada = ctx.contacts, Identity(source="support", platform="gptbots", id="ada")

        async def later() -> None:
            await done.wait()
            uses: list[Callable[[], Awaitable[object]]] = [
                lambda: ctx.publish(event.data, key="k"),
                lambda: ctx.cancel("x"),
                lambda: ctx.once("send", send),
                lambda: ctx.allow("c", "k", limit=1, per="1h"),
                lambda: ctx.shared(asyncio.Lock),
                lambda: held.find(identity=ada),
                lambda: held.save(ada, at=event.time, name="Ada"),
                lambda: held.merge("a", "b", at=event.time),
                lambda: held.delete(ada, at=event.time),
            ]
            for use in uses:
                with pytest.raises(RuntimeError, match="after the attempt at the event"):
                    await use()

        tasks.append(asyncio.create_task(later()))

    await rig.append(message(0))
    await rig.settle(leaves)
    done.set()
    with capture_logs() as lines:
        await tasks[0]
    assert sent == []
    (told,) = [line for line in lines if line["event"] == "context.misused"]
    assert (told["handler"], told["event_id"], told["call"]) == ("leaves", "message.created:m0", "ctx.publish")
    assert told["at"].startswith("test_dispatcher_context.py:")


async def test_another_event_loop_cannot_use_a_context(rig: Rig) -> None:
    """It is told so before anything begins; a thread may hand the call to the handler's loop."""
    sent, ada = list[str](), Identity(source="support", platform="gptbots", id="ada")

    async def send() -> None:
        sent.append("hello")

    @handler("threads", on=(MessageCreated, Timer))
    async def threads(event: Event[MessageCreated | Timer], ctx: Context) -> None:
        loop, held = asyncio.get_running_loop(), ctx.contacts
        uses: list[Callable[[], Coroutine[Any, Any, object]]] = [
            lambda: ctx.once("send", send),
            lambda: ctx.allow("c", "k", limit=1, per="1h"),
            lambda: ctx.schedule("t", after="1h"),
            lambda: ctx.cancel("x"),
            lambda: ctx.publish(ConversationCompleted(conversation_id="c"), key="k"),
            lambda: held.find(identity=ada),
        ]

        def in_a_thread() -> None:
            for use in uses:
                with pytest.raises(RuntimeError, match="outside the handler's event loop"):
                    asyncio.run(use())
            with pytest.raises(RuntimeError, match=r"ctx\.contacts was used outside"):
                _ = ctx.contacts
            asyncio.run_coroutine_threadsafe(uses[0](), loop).result()

        await asyncio.to_thread(in_a_thread)

    await rig.append(message(0))
    await rig.settle(threads)
    assert [attempt.outcome for attempt in rig.attempts] == [Done()]
    assert sent == ["hello"]


async def test_an_outage_that_a_group_of_tasks_meets_uses_up_no_attempt(rig: Rig) -> None:
    """`asyncio.TaskGroup` raises it in a group; what the platform asked for is kept to."""

    @handler("asks", on=MessageCreated)
    async def asks(event: Event[MessageCreated], ctx: Context) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(limited(ctx.attempt))

    await rig.append(message(0))
    await rig.settle(quick(asks, attempts="1"))
    first, last = rig.attempts
    assert isinstance(first.outcome, Retry)
    assert not first.outcome.counts
    assert last.outcome == Done()


async def limited(attempt: int) -> None:
    if attempt == 1:
        raise RateLimited("too many", retry_after=0.01)
