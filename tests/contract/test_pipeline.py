"""`hookline.testing.Pipeline`: all handlers of a test on one log, and a clock that leaps."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from pydantic import BaseModel

from clients.errors import PlatformDown
from dispatcher.observers import AttemptEnded
from dispatcher.outcome import Dead, Done, Retry
from dispatcher.pipeline import Pipeline
from dispatcher.testing import event_of, run_once
from dispatcher.world import NOW
from handlers.api import Context, GiveUp, RetryLater, handler
from schemas.contacts import Identity
from schemas.events import Event, HandoffRequested, MessageCreated, Timer

HOUR = timedelta(hours=1)


class Words(BaseModel):
    why: str


ADA = Identity(source="support", platform="mygptassistants", id="ada")


@handler("asks", on=(MessageCreated, Timer))
async def asks(event: Event[MessageCreated | Timer], ctx: Context) -> None:
    """An hour after a message it requests a person, once the second attempt succeeds."""
    if isinstance(event.data, MessageCreated):
        await ctx.schedule("ask", after="1h")
    elif ctx.attempt == 1:
        raise RetryLater("not yet", after="10m")
    else:
        await ctx.publish(HandoffRequested(conversation_id=event.key), key=event.key)


@handler("calls", on=HandoffRequested)
async def calls(event: Event[HandoffRequested], ctx: Context) -> None:
    """It remembers whom to call, and can call nobody."""
    await ctx.contacts.save(ADA, at=event.time, attributes={"asked": True})
    raise GiveUp("nobody is there")


def message(number: int = 1) -> Event[MessageCreated]:
    return event_of(MessageCreated(message_id=f"m{number}", conversation_id="c1", role="user", content="hi"))


def told(attempts: tuple[AttemptEnded, ...]) -> list[tuple[str, str, int]]:
    return [(one.entry, one.event_type, one.attempt) for one in attempts]


async def test_timers_retries_and_what_is_published_come_in_their_order() -> None:
    """A day passes in a moment, and each thing happens when it is due."""
    async with Pipeline.opened(asks, calls) as pipeline:
        await pipeline.send(message())
        run = await pipeline.run("1d")
        assert told(run.attempts) == [
            ("asks", "message.created", 1),
            ("asks", "hookline.timer", 1),
            ("asks", "hookline.timer", 2),
            ("calls", "handoff.requested", 1),
        ]
        assert [one.outcome for one in run.of("asks")] == [Done(), Retry(timedelta(minutes=10), "not yet"), Done()]
        assert [one.due for one in run.timers] == [NOW + HOUR]
        assert [event.type for event in run.published] == ["handoff.requested"]
        [dead] = run.dead
        assert isinstance(dead.outcome, Dead)
        assert (dead.entry, dead.outcome.reason) == ("calls", "rejected")
        contact = await pipeline.contact(ADA)
        assert contact is not None
        assert contact.attributes == {"asked": True}
        assert pipeline.clock.now() == NOW + timedelta(days=1)


async def test_a_timer_that_comes_due_in_an_outage_keeps_its_turn() -> None:
    """The messages that were read before it go first, those after it go later, all of them in order."""
    handled: list[str] = []

    @handler("h", on=(MessageCreated, Timer))
    async def h(event: Event[MessageCreated | Timer], ctx: Context) -> None:
        name = event.data.message_id if isinstance(event.data, MessageCreated) else "timer"
        if name != "m1" and ctx.now < NOW + 2 * HOUR:
            raise PlatformDown("it answered 503")
        handled.append(name)
        if name == "m1":
            await ctx.schedule("ask", after="1h")

    async with Pipeline.opened(h) as pipeline:
        await pipeline.send(message(1))
        await pipeline.run("30m")
        await pipeline.send(message(2), message(3))
        await pipeline.run("1h")
        assert handled == ["m1"]
        await pipeline.send(message(4))
        await pipeline.run("1d")
    assert handled == ["m1", "m2", "m3", "timer", "m4"]


async def test_what_is_not_due_waits_for_the_next_run() -> None:
    """Without a time only what can be done now is done."""
    async with Pipeline.opened(asks) as pipeline:
        await pipeline.send(message())
        assert told((await pipeline.run()).attempts) == [("asks", "message.created", 1)]
        assert (await pipeline.run("59m")).attempts == ()
        assert told((await pipeline.run("1m")).attempts) == [("asks", "hookline.timer", 1)]


async def test_attempts_end_with_the_policy() -> None:
    """An event that always fails is tried as often as in production, at once."""

    @handler("fails", on=MessageCreated)
    async def fails(_event: Event[MessageCreated], _ctx: Context) -> None:
        raise ValueError

    async with Pipeline.opened(fails) as pipeline:
        await pipeline.send(message())
        run = await pipeline.run("1h")
    assert len(run.attempts) == 5
    assert [one.entry for one in run.dead] == ["fails"]


async def test_the_table_of_an_entry_holds_all_that_the_configuration_may_say() -> None:
    """How often and how patiently it tries, which sources it is given, and what the handler reads itself."""

    @handler("fails", on=MessageCreated, config=Words)
    async def fails(_event: Event[MessageCreated], ctx: Context[Words]) -> None:
        raise RetryLater(ctx.config.why)

    policy = {"attempts": 3, "backoff": "10s", "max_backoff": "15s", "concurrency": 1, "sources": ["support"]}
    config = {"fails": {"why": "no stock", **policy}, "second": {"use": "fails", "why": "no staff", "attempts": 1}}
    async with Pipeline.opened(fails, config=config) as pipeline:
        await pipeline.send(message(), replace(message(2), source="shop"))
        run = await pipeline.run("1h")
    seconds = timedelta(seconds=1)
    assert [one.outcome for one in run.of("fails")] == [
        Retry(10 * seconds, "no stock"),
        Retry(15 * seconds, "no stock"),
        Dead("exhausted", "3 attempts failed, the last: no stock"),
    ]
    assert [one.outcome for one in run.of("second")] == [Dead("exhausted", "1 attempts failed, the last: no staff")] * 2


@pytest.mark.parametrize(
    ("table", "why"),
    [
        ({}, r"\[handlers.w\]: why: "),
        ({"why": "x", "attempts": 0}, r"\[handlers.w\]: attempts: "),
        ({"why": "x", "atempts": 2}, r"unknown key 'atempts'. Did you mean 'attempts'\?"),
        ({"why": "x", "use": "v"}, r"there is no handler 'v'"),
    ],
)
async def test_a_table_that_cannot_work_is_refused_in_the_words_of_check(table: dict[str, Any], why: str) -> None:
    """By the pipeline and by one attempt."""

    @handler("w", on=MessageCreated, config=Words)
    async def w(_event: Event[MessageCreated], _ctx: Context[Words]) -> None: ...

    with pytest.raises(ValueError, match=why):
        await Pipeline.opened(w, config={"w": table}).__aenter__()
    with pytest.raises(ValueError, match=why):
        await run_once(w, message(), config=table)


async def test_one_attempt_ends_with_the_policy_of_its_table() -> None:
    """The second of two is the last."""

    @handler("w", on=MessageCreated)
    async def w(_event: Event[MessageCreated], _ctx: Context) -> None:
        raise RetryLater("no stock")

    attempt = await run_once(w, message(), config={"attempts": 2}, attempt=2)
    assert isinstance(attempt.outcome, Dead)


async def test_an_event_that_nobody_takes_is_passed() -> None:
    """A run ends also when there was nothing to do."""
    async with Pipeline.opened(calls) as pipeline:
        await pipeline.send(message())
        assert (await pipeline.run()).attempts == ()
