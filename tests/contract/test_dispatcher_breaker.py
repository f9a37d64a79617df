"""A platform that is away: nothing dies of it, it is asked ever more rarely, and afterwards all goes on in order."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from structlog.testing import capture_logs

from clients.http import Edges
from dispatcher.dispatcher import Dispatcher
from dispatcher.hearing import Hearing
from dispatcher.outcome import Retry
from handlers.api import Context, Handler, handler
from schemas.events import Event, MessageCreated
from tests.contract.clocks import LeapingClock
from tests.contract.dispatchers import WITHIN, Rig, message, on_any, on_sqlite, quick, until
from tests.contract.eventlogs import Logs
from tests.contract.mygptassistants_wire import open_client, sample

OUTAGE = timedelta(hours=1)
STEP = timedelta(seconds=10)


@dataclass
class Platform:
    """Takes messages while it is up, else answers 503; keeps what it took and counts what it was asked."""

    up: bool = True
    # Messages that it never takes.
    fails_for: frozenset[str] = frozenset()
    # Whether it tells histories while it is not.
    reads: bool = False
    taken: list[str] = field(default_factory=list)
    asked: int = 0
    # What it was asked to take.
    sent: int = 0
    # While it is not set nothing is answered.
    awake: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.awake.set()

    async def answer(self, request: web.Request) -> web.Response:
        self.asked += 1
        self.sent += request.method == "POST"
        await self.awake.wait()
        if not self.up and not (self.reads and request.method == "GET"):
            return web.Response(status=503, body=b"{}")
        if request.method == "GET":
            return web.json_response(sample("history")["answer"]["body"])
        if (text := (await request.json())["message"]) in self.fails_for:
            return web.Response(status=500, body=b"{}")
        self.taken.append(text)
        return web.json_response(sample("send")["answer"]["body"])


@asynccontextmanager
async def called(rig: Rig) -> AsyncIterator[Platform]:
    """A platform that the rig's account calls, and whose exchanges its dispatchers hear of."""
    platform, hearing = Platform(), Hearing()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", platform.answer)
    edges = Edges(on_exchange=hearing)
    async with (
        TestServer(app) as server,
        open_client(str(server.make_url("/api/v1")), edges=edges, limits=LAVISH) as one,
    ):
        rig.accounts, rig.account_of = {"support": one}, {"support": "support"}
        rig.changes["hearing"] = hearing
        yield platform


LAVISH = {"chat": "1000000/min"}


@handler("tells", on=(MessageCreated,))
async def tells(event: Event[MessageCreated], ctx: Context) -> None:
    """Calls the platform for what users write, and asks for the account in any case."""
    account = ctx.account()
    if event.data.role == "user":
        await account.send(event.key, event.data.message_id)


TELLS: Handler = tells


@handler("tells", on=(MessageCreated,))
async def tells_once(event: Event[MessageCreated], ctx: Context) -> None:
    """Calls the platform by an effect without a probe."""
    if event.data.role == "user":
        await ctx.once("send", lambda: ctx.account().send(event.key, event.data.message_id))


@handler("tells", on=(MessageCreated,))
async def tells_and_looks(event: Event[MessageCreated], ctx: Context) -> None:
    """Calls the platform by an effect with the probe that every account has."""
    account, text = ctx.account(), event.data.message_id
    probe = partial(account.said, event.key, text, since=event.time)
    await ctx.once("send", lambda: account.send(event.key, text), probe=probe, shows_within="2m")


async def let_time_pass(dispatcher: Dispatcher, clock: LeapingClock, by: timedelta) -> None:
    """In steps, so that what is due happens about when it is due."""
    begun = clock.by
    while clock.by < begun + by:
        clock.by += STEP
        membership = dispatcher._workers["tells"]._membership
        assert membership is not None
        membership.holdings.rescheduled.set()
        await asyncio.sleep(0.002)
        await until(lambda: dispatcher.loads()["tells"].running == 0, "attempts end")


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with on_sqlite(tmp_path, partitions=2) as made:
        yield made


def messages(first: int, end: int, *, lanes: int = 10) -> list[Event]:
    return [message(number, key=f"k{number % lanes}") for number in range(first, end)]


def in_order(taken: list[str], *, lanes: int = 10) -> bool:
    """Whether each lane's messages came in order, each once."""
    numbers = [int(each.removeprefix("m")) for each in taken]
    return all(
        (mine := [number for number in numbers if number % lanes == lane]) == sorted(set(mine)) for lane in range(lanes)
    )


async def test_an_hour_without_the_platform(rig: Rig) -> None:
    """No event dies, it is asked about once a minute, little is held in memory, and afterwards all go on in order."""
    clock = LeapingClock()
    async with called(rig) as platform, rig.running(quick(TELLS), clock=clock) as dispatcher:
        await rig.append(*messages(0, 50))
        await until(lambda: len(platform.taken) == 50, "all is well")
        platform.up = False
        await rig.append(*messages(50, 200))
        await until(lambda: bool(dispatcher.states()["tells"].away), "it is seen")
        await until(lambda: dispatcher.loads()["tells"].running == 0, "attempts end")
        begun, most = platform.asked, 0
        for first in range(200, 1_400, 100):
            await rig.append(*messages(first, first + 100))
            await let_time_pass(dispatcher, clock, OUTAGE / 12)
            most = max(most, dispatcher.loads()["tells"].buffered)
        assert 55 <= platform.asked - begun <= 75
        # 150 when it went away, and a fetch that was asked for before
        assert most <= 250
        platform.up = True
        await let_time_pass(dispatcher, clock, timedelta(minutes=2))
        await until(lambda: len(platform.taken) == 1_400, "all is handled")
        await asyncio.wait_for(dispatcher.until_empty(), WITHIN)
        assert dict(dispatcher.states()["tells"].away) == {}
    assert in_order(platform.taken)
    assert await rig.records("dead") == []


async def test_effects_without_a_probe_cost_few_events(rig: Rig) -> None:
    """Those under way when it is seen, then one at a time, ever more rarely; others that ask nobody go between."""
    clock = LeapingClock()
    async with called(rig) as platform, rig.running(quick(tells_once, concurrency=2), clock=clock) as dispatcher:
        platform.up = False
        await rig.append(*messages(0, 30, lanes=30))
        await rig.append(*(message(100 + number, key=f"a{number}", role="agent") for number in range(30)))
        await until(lambda: bool(dispatcher.states()["tells"].away), "it is seen")
        await until(lambda: dispatcher.loads()["tells"].running == 0, "attempts end")
        assert platform.asked <= 2
        await let_time_pass(dispatcher, clock, timedelta(minutes=2))
        # after 1, 2, 4, 8, 16, 32 and 60 s
        assert platform.asked <= 10
        platform.up = True
        await let_time_pass(dispatcher, clock, timedelta(minutes=2))
        await asyncio.wait_for(dispatcher.until_empty(), WITHIN)
        dead = len(await rig.records("dead"))
    assert 1 <= dead <= 10
    assert len(platform.taken) == 30 - dead


@pytest.mark.parametrize("reads", [False, True])
async def test_effects_with_a_probe_outlast_an_outage(rig: Rig, *, reads: bool) -> None:
    """What answered 503 may have taken the message: it is looked for, not found, and sent.

    A platform that can still be read is asked as rarely, one event at a time, and seen to be away all the time.
    """
    clock = LeapingClock()
    async with called(rig) as platform, rig.running(quick(tells_and_looks), clock=clock) as dispatcher:
        platform.up, platform.reads = False, reads
        with capture_logs() as logs:
            await rig.append(*messages(0, 30, lanes=30))
            await until(lambda: bool(dispatcher.states()["tells"].away), "it is seen")
            await until(lambda: dispatcher.loads()["tells"].running == 0, "attempts end")
            asked = platform.asked
            for _ in range(5):
                await let_time_pass(dispatcher, clock, timedelta(minutes=1))
                assert dispatcher.loads()["tells"].accounts_away == 1
            # after 1, 2, 4, 8, 16, 32 s, then once a minute; a client reads up to three times, or reads and sends
            assert platform.asked - asked <= 3 * 10
            platform.up = True
            await let_time_pass(dispatcher, clock, timedelta(minutes=5))
        await asyncio.wait_for(dispatcher.until_empty(), WITHIN)
    told = [line["event"] for line in logs if line["event"].startswith("account.")]
    assert told == ["account.away", "account.back"]
    assert sorted(platform.taken) == sorted(f"m{number}" for number in range(30))
    assert await rig.records("dead") == []


async def test_what_waited_for_the_platform_goes_on_at_once(eventlog: Logs, tmp_path: Path) -> None:
    """On every log: nobody waits out the backoff of the outage, however long that is."""
    patient = quick(TELLS, backoff="1h", max_backoff="1h")
    async with on_any(eventlog, tmp_path) as rig, called(rig) as platform:
        platform.up = False
        await rig.append(*messages(0, 10))
        with capture_logs() as logs:
            async with rig.running(patient) as dispatcher:
                await until(lambda: bool(dispatcher.states()["tells"].away), "it is seen")
                platform.up = True
                await until(lambda: len(platform.taken) == 10, "all go on")
                await asyncio.wait_for(dispatcher.until_empty(), WITHIN)
    told = [(line["event"], line["handler"], line["account"]) for line in logs if line["event"].startswith("account.")]
    assert told == [("account.away", "tells", "support"), ("account.back", "tells", "support")]
    # nobody is told to wait out a backoff
    following = {re.sub(r"\bin [^,]*", "in …", line["next"]) for line in logs if line["event"] == "attempt.failed"}
    assert following == {
        "retry in …, or when support answers",
        "waits until support answers, which is asked again in …",
    }


async def test_an_event_that_asks_nobody_speaks_for_no_platform(rig: Rig) -> None:
    """Its handler asked for the account, and did not call it: failures between such events are in a row."""
    async with called(rig) as platform, rig.running(quick(TELLS, concurrency=1)) as dispatcher:
        platform.up = False
        for number in range(5):
            role = message(100 + number, key=f"a{number}", role="assistant")
            await rig.append(message(number, key=f"u{number}"), role)
        await until(lambda: bool(dispatcher.states()["tells"].away), "it is seen")
    assert {each.outcome.counts for each in rig.attempts if isinstance(each.outcome, Retry)} == {False}


async def test_events_that_a_platform_never_takes_are_no_outage(rig: Rig) -> None:
    """Four of them fail again and again, and nobody else waits for them."""
    others = [f"m{number}" for number in range(4, 20)]
    async with called(rig) as platform, rig.running(quick(TELLS)) as dispatcher:
        platform.fails_for = frozenset(f"m{number}" for number in range(4))
        await rig.append(*messages(0, 4))
        await until(lambda: platform.asked >= 20, "they are tried again")
        await rig.append(*messages(4, 20, lanes=20))
        await until(lambda: sorted(platform.taken) == sorted(others), "the others go on")
        assert dict(dispatcher.states()["tells"].away) == {}
    assert await rig.records("dead") == []


async def test_the_lanes_take_turns_in_asking(rig: Rig) -> None:
    """After an outage the one that asks may be of an event that the platform never takes: another one finds out."""
    clock = LeapingClock()
    async with called(rig) as platform, rig.running(quick(TELLS), clock=clock) as dispatcher:
        platform.up = False
        await rig.append(*messages(0, 20, lanes=20))
        await until(lambda: bool(dispatcher.states()["tells"].away), "it is seen")
        probes = dispatcher._workers["tells"]._brakes.probes
        await until(lambda: dispatcher.loads()["tells"].running == 0, "attempts end")
        asks = {lane.head.event().data.message_id for lane in probes()}
        platform.fails_for, platform.up = frozenset(asks), True
        await let_time_pass(dispatcher, clock, timedelta(minutes=2))
        await until(lambda: len(platform.taken) == 19, "all others go on")
    assert asks.isdisjoint(platform.taken)
    assert await rig.records("dead") == []


async def test_another_entry_does_not_wait(rig: Rig) -> None:
    """Entries that should not wait for each other are separate entries."""
    handled: list[str] = []

    @handler("calls-nobody", on=(MessageCreated,))
    async def calls_nobody(event: Event[MessageCreated], _ctx: Context) -> None:
        handled.append(event.data.message_id)

    async with called(rig) as platform, rig.running(quick(TELLS), calls_nobody) as dispatcher:
        platform.up = False
        await rig.append(*messages(0, 10))
        await until(lambda: bool(dispatcher.states()["tells"].away), "it is seen")
        await rig.append(*messages(10, 20))
        await until(lambda: len(handled) == 20, "the other entry goes on")
        assert dict(dispatcher.states()["calls-nobody"].away) == {}
        asked = platform.asked
    assert asked <= 12
    assert platform.taken == []


async def test_a_platform_that_hangs_is_away_too(rig: Rig) -> None:
    """Its own timeout comes before the client's, and is the platform's fault: no attempt is used up."""
    async with called(rig) as platform:
        platform.awake.clear()
        await rig.append(*messages(0, 10))
        async with rig.running(quick(TELLS, timeout="200ms", attempts=1)) as dispatcher:
            await until(lambda: bool(dispatcher.states()["tells"].away), "it is seen")
            platform.awake.set()
            # it takes some twice: what was given up may have been done
            await until(lambda: len(set(platform.taken)) == 10, "all is handled")
            await asyncio.wait_for(dispatcher.until_empty(), WITHIN)
    assert {each.outcome.counts for each in rig.attempts if isinstance(each.outcome, Retry)} == {False}
    assert await rig.records("dead") == []


async def test_after_a_restart_an_outage_is_found_again(rig: Rig) -> None:
    """And what was unfinished is not lost."""
    async with called(rig) as platform:
        platform.up = False
        await rig.append(*messages(0, 10))
        for _ in range(2):
            async with rig.running(quick(TELLS)) as dispatcher:
                await until(lambda found=dispatcher: bool(found.states()["tells"].away), "it is seen")
        platform.up = True
        await rig.settle(quick(TELLS))
    assert sorted(platform.taken) == [f"m{number}" for number in range(10)]
    assert await rig.records("dead") == []
