"""`once`: what a handler does outside happens once, or is reported as uncertain."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import aiohttp
import httpx
import pytest
from pydantic import BaseModel

from clients.errors import PlatformDown, RateLimited, TimedOut
from dispatcher.outcome import Dead, Done, Retry
from handlers.api import Context, GiveUp, Handler, RetryLater, Unavailable, handler
from schemas.events import Event, MessageCreated
from store.effects import EffectKey
from store.errors import StoreUnavailable
from tests.contract.dispatchers import Rig, message, on_sqlite, quick, until


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with on_sqlite(tmp_path, partitions=1) as made:
        yield made


class Receipt(BaseModel):
    """What the effect gives."""

    number: int


@dataclass
class Outside:
    """The world an effect changes, and what happens to the next calls."""

    done: int = 0
    probes: int = 0
    # Errors of the next effects; the effect happens before an error of `after`.
    before: list[BaseException] = field(default_factory=list)
    after: list[BaseException] = field(default_factory=list)
    probe_errors: list[BaseException] = field(default_factory=list)
    results: list[Any] = field(default_factory=list)
    # What was done shows to so many probes not.
    unseen: int = 0

    async def effect(self) -> Receipt:
        if self.before:
            raise self.before.pop(0)
        self.done += 1
        if self.after:
            raise self.after.pop(0)
        return Receipt(number=self.done)

    async def probe(self) -> Receipt | None:
        self.probes += 1
        if self.probe_errors:
            raise self.probe_errors.pop(0)
        return Receipt(number=self.done) if self.done and self.probes > self.unseen else None


def sends(outside: Outside, *, probed: bool = False, then: Callable[[int], Awaitable[None]] | None = None) -> Handler:  # type: ignore[type-arg]  # any handler
    """A handler with one effect, and something that happens after it."""

    @handler("sends", on=MessageCreated)
    async def sends(event: Event[MessageCreated], ctx: Context) -> None:
        probe = outside.probe if probed else None
        outside.results.append(await ctx.once("send", outside.effect, returns=Receipt, probe=probe))
        if then is not None:
            await then(ctx.attempt)

    return sends


async def fail_twice(attempt: int) -> None:
    if attempt < 3:
        raise ValueError


async def test_an_effect_happens_once_across_attempts(rig: Rig) -> None:
    """A later attempt is given the result that the first one had."""
    outside = Outside()
    await rig.append(message(0))
    await rig.settle(sends(outside, then=fail_twice))
    assert outside.done == 1
    assert outside.results == [Receipt(number=1)] * 3


async def test_an_effect_happens_once_per_event(rig: Rig) -> None:
    """Another event has its own."""
    outside = Outside()
    await rig.append(message(0), message(1))
    await rig.settle(sends(outside))
    assert outside.results == [Receipt(number=1), Receipt(number=2)]


async def test_an_effect_without_a_result_happens_once_too(rig: Rig) -> None:
    """Without `returns=` nothing is kept but that it happened."""
    outside = Outside()
    results: list[object] = []

    @handler("h", on=MessageCreated)
    async def h(event: Event[MessageCreated], ctx: Context) -> None:
        results.append(await ctx.once("send", outside.effect))  # type: ignore[func-returns-value]  # shown to be None
        await fail_twice(ctx.attempt)

    await rig.append(message(0))
    await rig.settle(h)
    assert (outside.done, results) == (1, [None, None, None])


@pytest.mark.parametrize(
    "error",
    [
        RateLimited("slow down"),
        ConnectionRefusedError(111, "refused"),
        RetryLater("not yet", after="10ms"),
        Unavailable("crm", "it refused the connection", nothing_happened=True),
        socket.gaierror(-2, "no such name"),
        httpx.ConnectError("refused"),
        aiohttp.ClientConnectorDNSError(cast("Any", None), OSError(-2, "no such name")),
    ],
)
async def test_an_error_that_proves_nothing_happened_is_simply_repeated(rig: Rig, error: Exception) -> None:
    """Refused by the platform, no connection, or the author's word: the effect runs again."""
    outside = Outside(before=[error])
    await rig.append(message(0))
    await rig.settle(sends(outside))
    assert [type(each.outcome) for each in rig.attempts] == [Retry, Done]
    assert outside.done == 1


@pytest.mark.parametrize(
    "error", [TimedOut("no answer"), Unavailable("crm"), ConnectionResetError(), httpx.ReadError("")]
)
async def test_an_unknown_end_without_a_probe_is_dead(rig: Rig, error: Exception) -> None:
    """A send that timed out may have arrived: it is not sent again, and a person is told."""
    outside = Outside(after=[error])
    await rig.append(message(0), message(1))
    await rig.settle(sends(outside))
    outcomes = [each.outcome for each in rig.attempts]
    assert isinstance(outcomes[0], Dead)
    assert outcomes[0].reason == "uncertain"
    assert outcomes[1] == Done()
    assert "hookline dead discard" in outcomes[0].detail
    assert outside.done == 2


async def test_a_probe_finds_what_happened(rig: Rig) -> None:
    """The effect happened and its answer was lost: the probe's finding is its result."""
    outside = Outside(after=[TimedOut("no answer")])
    await rig.append(message(0))
    await rig.settle(sends(outside, probed=True))
    assert (outside.done, outside.probes, outside.results) == (1, 1, [Receipt(number=1)])


async def test_a_probe_that_finds_nothing_lets_it_happen(rig: Rig) -> None:
    """It surely did not happen: it runs now."""
    outside = Outside(before=[PlatformDown("502")])
    await rig.append(message(0))
    await rig.settle(sends(outside, probed=True))
    assert (outside.done, outside.probes) == (1, 1)


@pytest.mark.parametrize(("happened", "shown"), [(True, 1), (False, 0)])
async def test_a_probe_that_finds_nothing_is_believed_later(rig: Rig, happened: bool, shown: int) -> None:
    """It may show late: it is looked for again, which uses up no attempt, and repeated when that time is over."""
    lost: list[BaseException] = [TimedOut("no answer")]
    outside = Outside(after=lost, unseen=shown) if happened else Outside(before=lost)

    @handler("h", on=MessageCreated)
    async def h(event: Event[MessageCreated], ctx: Context) -> None:
        await ctx.once("send", outside.effect, returns=Receipt, probe=outside.probe, shows_within="300ms")

    await rig.append(message(0))
    await rig.settle(quick(h, attempts=1))
    assert [type(each.outcome) for each in rig.attempts] == [Retry, Retry, Done]
    assert {each.outcome.counts for each in rig.attempts if isinstance(each.outcome, Retry)} == {False}
    assert (outside.done, outside.probes) == (1, 2)


async def test_what_is_repeated_has_its_time_to_show_again(rig: Rig) -> None:
    """The time is counted from the latest begin, not from the first."""
    outside = Outside(before=[TimedOut("no answer")], after=[TimedOut("no answer")], unseen=3)

    @handler("h", on=MessageCreated)
    async def h(event: Event[MessageCreated], ctx: Context) -> None:
        await ctx.once("send", outside.effect, returns=Receipt, probe=outside.probe, shows_within="300ms")

    await rig.append(message(0))
    await rig.settle(h)
    assert (outside.done, outside.probes) == (1, 4)


async def test_a_probe_that_cannot_ask_now_asks_again(rig: Rig) -> None:
    """While the platform is away nobody can tell yet, and an outage uses up none of the three attempts."""
    away = PlatformDown("502")
    errors = [away, ExceptionGroup("g", [away]), ConnectionResetError(), Unavailable("crm")]
    outside = Outside(after=[TimedOut("no answer")], probe_errors=[*errors])
    await rig.append(message(0))
    await rig.settle(sends(outside, probed=True))
    assert (outside.done, outside.probes) == (1, 5)
    assert [type(each.outcome) for each in rig.attempts] == [*[Retry] * 5, Done]


async def test_a_probe_that_never_can_ask_ends_uncertain(rig: Rig) -> None:
    """When the deadline is over the event is dead as uncertain, not as exhausted: the effect may have happened."""
    outside = Outside(after=[TimedOut("no answer")], probe_errors=[PlatformDown("502")] * 99)
    await rig.append(message(0))
    await rig.settle(quick(sends(outside, probed=True), deadline="200ms"))
    last = rig.attempts[-1].outcome
    assert isinstance(last, Dead)
    assert (last.reason, outside.done) == ("uncertain", 1)


@pytest.mark.parametrize("error", [ValueError("no"), GiveUp("not any more")])
async def test_a_later_attempt_that_fails_before_the_effect_ends_uncertain(rig: Rig, error: Exception) -> None:
    """The first attempt began to send and was cut off; those after it never came so far."""
    outside = Outside(after=[TimedOut("no answer")])

    @handler("h", on=MessageCreated)
    async def h(event: Event[MessageCreated], ctx: Context) -> None:
        if ctx.attempt > 1:
            raise error
        await ctx.once("send", outside.effect, returns=Receipt, probe=outside.probe)

    await rig.append(message(0))
    await rig.settle(h)
    last = rig.attempts[-1].outcome
    assert isinstance(last, Dead)
    assert (last.reason, outside.done) == ("uncertain", 1)
    [letter] = await rig.records("dead")
    assert tuple(value for name, value in letter.headers if name == "x-dlq-reason") == (b"uncertain",)


async def test_while_the_store_is_away_a_death_waits(rig: Rig) -> None:
    """Whether an effect was begun cannot be known then; the handler is not run again for that."""
    failures = 3
    unfinished = rig.store.effects.unfinished

    async def away(**asked: str) -> list[str]:
        nonlocal failures
        if failures:
            failures -= 1
            raise StoreUnavailable("away")
        return await unfinished(**asked)

    @handler("h", on=MessageCreated)
    async def h(event: Event[MessageCreated], ctx: Context) -> None:
        raise GiveUp("no")

    await rig.append(message(0))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rig.store.effects, "unfinished", away)
        await rig.settle(h)
    assert [each.outcome for each in rig.attempts] == [Dead("rejected", "no")]


async def test_a_probe_that_cannot_tell_ends_uncertain(rig: Rig) -> None:
    """An answer of "I cannot know" is no reason to send twice."""
    outside = Outside(after=[TimedOut("no answer")], probe_errors=[ValueError("two of them")])
    await rig.append(message(0))
    await rig.settle(sends(outside, probed=True))
    last = rig.attempts[-1].outcome
    assert isinstance(last, Dead)
    assert last.reason == "uncertain"


async def test_a_cancelled_effect_is_uncertain(rig: Rig) -> None:
    """The timeout struck in the middle of it."""

    class Slow(Outside):
        async def effect(self) -> Receipt:
            self.done += 1
            await asyncio.sleep(60)
            raise AssertionError

    outside = Slow()
    await rig.append(message(0))
    await rig.settle(quick(sends(outside), timeout="50ms"))
    assert [type(each.outcome) for each in rig.attempts] == [Retry, Dead]
    assert outside.done == 1


async def test_an_effect_is_not_begun_while_the_store_is_away(rig: Rig) -> None:
    """Without the row nobody could tell afterwards: the effect waits, and no attempt is used up."""
    outside = Outside()
    failures = 5
    begin = rig.store.effects.begin

    async def away(key: EffectKey, **more: Any) -> Any:
        nonlocal failures
        if failures and key.name == "send":
            failures -= 1
            raise StoreUnavailable("away")
        return await begin(key, **more)

    await rig.append(message(0))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rig.store.effects, "begin", away)
        async with rig.running(sends(outside)):
            await until(lambda: bool(rig.attempts) and rig.attempts[-1].outcome == Done(), "it is done")
    assert (len(rig.attempts), outside.done) == (6, 1)


async def test_what_happened_is_written_down_when_the_store_is_back(rig: Rig) -> None:
    """The store went away during the effect: its result is kept in memory, over attempts, until it is written."""
    outside = Outside()
    away = True
    finish = rig.store.effects.finish

    async def lost(*args: Any, **more: Any) -> Any:
        if away:
            raise StoreUnavailable("away")
        return await finish(*args, **more)

    await rig.append(message(0))
    with pytest.MonkeyPatch.context() as patch:
        async with rig.running(quick(sends(outside), timeout="300ms", attempts=100)):
            await until(lambda: bool(rig.happened), "it is started")
            patch.setattr(rig.store.effects, "finish", lost)
            await until(lambda: len(rig.attempts) >= 2, "attempts time out")
            away = False
            await until(lambda: rig.attempts[-1].outcome == Done(), "it is done")
    assert outside.done == 1


async def test_a_result_of_another_type_is_an_error(rig: Rig) -> None:
    """The author is told; the effect is not repeated."""
    done: list[int] = []

    @handler("h", on=MessageCreated)
    async def h(event: Event[MessageCreated], ctx: Context) -> None:
        async def effect() -> Any:
            done.append(1)
            return {"not": "a receipt"}

        await ctx.once("send", effect, returns=Receipt)

    await rig.append(message(0))
    await rig.settle(h)
    assert len(done) == 1
    assert isinstance(rig.attempts[-1].outcome, Dead)


async def test_what_cannot_be_called_is_refused_before_it_is_begun(rig: Rig) -> None:
    """A coroutine given instead of what makes one: nothing happened, so nothing is uncertain."""
    outside = Outside()

    @handler("gives", on=MessageCreated)
    async def gives(event: Event[MessageCreated], ctx: Context) -> None:
        await ctx.once("send", cast("Any", outside.effect()))

    await rig.append(message(0))
    await rig.settle(gives)
    outcome = rig.attempts[-1].outcome
    assert isinstance(outcome, Dead)
    assert outcome.reason == "exhausted"
    assert "was given a coroutine: give it what makes the call" in outcome.detail
    assert outside.done == 0
