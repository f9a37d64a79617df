"""The simulator misbehaves on order, on the wire."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from simulator import Fault, ManualClock, SystemClock
from tests.contract.simulators import Caller, running, until

HELLO = {"message": "Hello", "conversationId": "conv_1"}


@pytest.fixture
async def mga() -> AsyncIterator[Caller]:
    """A simulator on the real clock."""
    async with running(clock=SystemClock()) as caller:
        yield caller


async def hello(mga: Caller) -> tuple[int, Any]:
    return await mga.call("POST", "/chat/bot_1/message", HELLO)


async def said(mga: Caller) -> int:
    """How many messages the conversation has."""
    status, answer = await mga.call("GET", "/chat/bot_1/conversations/conv_1")
    return 0 if status == 404 else answer["data"]["metadata"]["messageCount"]


async def test_server_errors_for_the_next_requests(mga: Caller) -> None:
    """In the platform's words, as many as ordered, with nothing carried out."""
    mga.simulator.misbehave(Fault(kind="server_error", route="chat", status=503, count=2))
    answers = [await hello(mga) for _ in range(3)]
    assert [status for status, _ in answers] == [503, 503, 200]
    assert answers[0][1]["error"]["code"] == "INTERNAL_ERROR"
    assert await said(mga) == 2


async def test_an_error_after_the_message_was_taken(mga: Caller) -> None:
    """The caller sees 500 and the message is sent all the same: it cannot know."""
    mga.simulator.misbehave(Fault(kind="server_error", route="chat", status=500, when="after"))
    status, _ = await hello(mga)
    assert (status, await said(mga)) == (500, 2)


async def test_a_rate_limit_before_its_time(mga: Caller) -> None:
    """429 with the documented headers, and a Retry-After only when ordered."""
    for retry_after in (None, "7"):
        mga.simulator.misbehave(Fault(kind="rate_limit", route="chat", seconds=30, retry_after=retry_after))
    told, resets = [], []
    for _ in range(2):
        async with mga.session.post(f"{mga.simulator.base_url()}/chat/bot_1/message", json=HELLO) as answer:
            told.append((answer.status, answer.headers["X-RateLimit-Remaining"], answer.headers.get("Retry-After")))
            resets.append(int(answer.headers["X-RateLimit-Reset"]))
    assert told == [(429, "0", None), (429, "0", "7")]
    assert all(25 < reset - time.time() < 35 for reset in resets)


async def test_latency(mga: Caller) -> None:
    """The answer is right, only late."""
    mga.simulator.misbehave(Fault(kind="latency", route="chat", seconds=0.2))
    began = time.monotonic()
    status, _ = await hello(mga)
    assert (status, time.monotonic() - began > 0.19) == (200, True)


async def test_latency_is_of_the_injected_clock() -> None:
    """A test with a clock of its own need not wait."""
    clock = ManualClock()
    async with running(clock=clock) as caller:
        caller.simulator.misbehave(Fault(kind="latency", route="chat", seconds=3_600))
        request = asyncio.create_task(hello(caller))
        await until(lambda: clock.sleeping == 1)
        await clock.advance(3_600)
        status, _ = await request
    assert status == 200


async def test_a_reset_connection(mga: Caller) -> None:
    """The caller gets ECONNRESET, not an orderly end."""
    mga.simulator.misbehave(Fault(kind="reset", route="chat"))
    with pytest.raises(aiohttp.ClientOSError, match="reset by peer"):
        await hello(mga)
    assert await said(mga) == 0


async def test_a_half_open_connection_is_silent(mga: Caller) -> None:
    """Nothing comes until the caller gives up; the next request is served."""
    mga.simulator.misbehave(Fault(kind="half_open", route="chat"))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await hello(mga)
    status, _ = await hello(mga)
    assert status == 200


async def test_behaving_again_breaks_off_what_is_held(mga: Caller) -> None:
    """A caller without a time-out does not hang for ever."""
    mga.simulator.misbehave(Fault(kind="half_open", route="chat", when="after", count=None))
    request = asyncio.create_task(hello(mga))
    while await said(mga) == 0:  # noqa: ASYNC110  # the condition is on the other side of a socket
        await asyncio.sleep(0.005)
    mga.simulator.behave()
    with pytest.raises(aiohttp.ClientConnectionError):
        await request
    status, _ = await hello(mga)
    assert status == 200


async def test_stopping_does_not_wait_for_what_is_held() -> None:
    """Three callers without a time-out do not keep it running."""
    async with running(clock=SystemClock()) as caller:
        caller.simulator.misbehave(Fault(kind="half_open", route="chat", count=3))
        requests = [asyncio.create_task(hello(caller)) for _ in range(3)]
        await until(lambda: not caller.simulator.world.faults.active())
        began = time.monotonic()
        await caller.simulator.stop()
        took = time.monotonic() - began
        results = await asyncio.gather(*requests, return_exceptions=True)
    assert took < 1.8  # an open handler is given two
    assert all(isinstance(result, aiohttp.ClientError) for result in results)


async def test_garbage(mga: Caller) -> None:
    """200, and a page of HTML."""
    mga.simulator.misbehave(Fault(kind="garbage", route="chat"))
    async with mga.session.post(f"{mga.simulator.base_url()}/chat/bot_1/message", json=HELLO) as answer:
        assert (answer.status, answer.content_type, (await answer.text())[:6]) == (200, "text/html", "<html>")


@pytest.mark.parametrize("endpoint", ["message", "stream"])
async def test_an_answer_cut_in_its_middle(mga: Caller, endpoint: str) -> None:
    """Head and half of the body, then the end."""
    mga.simulator.misbehave(Fault(kind="cut", route="chat"))
    async with mga.session.post(f"{mga.simulator.base_url()}/chat/bot_1/{endpoint}", json=HELLO) as answer:
        with pytest.raises(aiohttp.ClientPayloadError):
            await answer.read()
    assert answer.status == 200


async def test_a_dripping_answer_is_whole_in_the_end(mga: Caller) -> None:
    """Byte by byte."""
    mga.simulator.misbehave(Fault(kind="drip", route="chat", seconds=0))
    status, answer = await hello(mga)
    assert (status, answer["data"]["conversationId"]) == (200, "conv_1")


async def test_a_flood_goes_on_for_as_long_as_it_is_read(mga: Caller) -> None:
    """More than any answer should have; the caller may leave."""
    mga.simulator.misbehave(Fault(kind="flood", route="chat"))
    async with mga.session.post(f"{mga.simulator.base_url()}/chat/bot_1/message", json=HELLO) as answer:
        piece = await answer.content.readexactly(4 * 1024 * 1024)
        answer.close()
    status, _ = await hello(mga)
    assert (len(piece), status) == (4 * 1024 * 1024, 200)


async def test_other_routes_go_on(mga: Caller) -> None:
    """Chat is down, data is not."""
    mga.simulator.misbehave(Fault(kind="server_error", route="chat", count=None))
    chat, _ = await hello(mga)
    data, _ = await mga.call("GET", "/contacts")
    assert (chat, data) == (503, 200)
