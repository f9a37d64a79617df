"""Refusals, retries and limits of MyGPTAssistants over the wire."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import pytest
from structlog.testing import capture_logs

from clients.errors import ClientError, ConnectionLost, NotFound, PlatformDown, RateLimited, Unreachable
from clients.http import Edges
from clients.mygptassistants import MyGPTAssistants
from tests.contract.mygptassistants_wire import KEY, open_client, replaying, requests, talking
from tests.contract.wire import read_request
from tests.unit.clients.clocks import FakeClock

OK = b'{"success":true,"data":{"response":"Hi","conversationId":"c","messageId":"m","messages":[]}}'


class Script:
    """Answers each request with the next bytes, each on a connection of its own, and counts."""

    def __init__(self, *answers: bytes) -> None:
        self._answers = list(answers)
        self.asked = 0

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        self.asked += 1
        writer.write(self._answers.pop(0))
        await writer.drain()


def _http(status: int, *headers: str, body: bytes = b"{}") -> bytes:
    lines = [f"HTTP/1.1 {status} X", "Connection: close", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


async def _history(client: MyGPTAssistants) -> None:
    _ = [message async for message in client.history("conv_123456")]


@pytest.mark.parametrize(
    ("name", "kind", "status", "code"),
    [
        ("error_invalid_request", "Rejected", 400, "INVALID_REQUEST"),
        ("error_invalid_api_key", "Unauthorized", 401, "INVALID_API_KEY"),
        ("error_bot_not_found", "NotFound", 404, "BOT_NOT_FOUND"),
    ],
)
async def test_documented_refusals(name: str, kind: str, status: int, code: str) -> None:
    """Each documented code is its own error, raised at once, with status and code and no word of the body."""
    async with replaying(name) as (client, platform):
        with pytest.raises(ClientError) as caught:
            await _history(client)
    assert platform.asked == requests(name)
    assert (type(caught.value).__name__, caught.value.status, caught.value.code) == (kind, status, code)
    assert "for people" not in str(caught.value)
    assert KEY not in str(caught.value)


async def test_rate_limit_carries_the_reset() -> None:
    """A 429 whose reset is far away is raised with the time to wait, and further calls do not even ask."""
    async with replaying("error_rate_limit_exceeded") as (client, platform):
        with pytest.raises(RateLimited) as caught:
            await _history(client)
        with pytest.raises(RateLimited) as again:
            await _history(client)
    assert (caught.value.status, caught.value.retry_after) == (429, 42.0)
    assert (again.value.status, again.value.retry_after) == (None, 42.0)
    assert len(platform.asked) == 1


async def test_server_error_of_a_read_is_tried_again() -> None:
    """A read gets three tries in all."""
    async with replaying(*["error_internal_error"] * 3) as (client, platform):
        with pytest.raises(PlatformDown, match="answered 500 INTERNAL_ERROR"):
            await _history(client)
    assert len(platform.asked) == 3


async def test_read_succeeds_after_errors() -> None:
    """Two errors are forgotten when the third try succeeds; the waits between grow with full jitter."""
    clock = FakeClock(auto=True)
    edges = Edges(clock=clock, jitter=lambda: 0.5)
    async with replaying("error_internal_error", "error_internal_error", "history", edges=edges) as (client, _):
        await _history(client)
    assert clock.slept == [0.125, 0.25]


@pytest.mark.parametrize("status", [500, 502, 503, 504])
async def test_server_error_of_a_send_is_not_tried_again(status: int) -> None:
    """The message may have arrived: the caller decides."""
    script = Script(_http(status))
    async with talking(script) as client:
        with pytest.raises(PlatformDown) as caught:
            await client.send("c", "hi")
    assert (script.asked, caught.value.nothing_happened) == (1, False)


JSON_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
UNREADABLE = {
    "too large": b"HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n",
    "strange encoding": b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 2\r\n\r\n{}",
    "endless number": JSON_ANSWER + b"Content-Length: 9000\r\n\r\n" + b"7" * 9000,
    "an envelope of another world": JSON_ANSWER + b'Content-Length: 7\r\n\r\n{"a":1}',
    "a failure without a known word": JSON_ANSWER + b'Content-Length: 17\r\n\r\n{"success":false}',
    "switching protocols": b"HTTP/1.1 101 Switching Protocols\r\nContent-Length: 0\r\n\r\n",
    "see other": b"HTTP/1.1 303 See Other\r\nContent-Length: 0\r\n\r\n",
    "not implemented": b"HTTP/1.1 501 Not Implemented\r\nContent-Length: 0\r\n\r\n",
}


async def _send(client: MyGPTAssistants) -> None:
    await client.send("c", "hi")


async def _stream(client: MyGPTAssistants) -> None:
    _ = [chunk async for chunk in client.stream("c", "hi")]


@pytest.mark.parametrize("said", UNREADABLE.values(), ids=UNREADABLE)
@pytest.mark.parametrize("call", [_send, _stream])
async def test_effect_that_is_not_disproved_is_never_hopeless(
    said: bytes, call: Callable[[MyGPTAssistants], Awaitable[None]]
) -> None:
    """The message may be there: whoever sent it must be able to look, and not bury the event as refused."""
    async with talking(Script(said)) as client:
        with pytest.raises(ClientError) as caught:
            await call(client)
    assert (caught.value.nothing_happened, caught.value.retryable) == (False, True)


async def test_429_of_a_read_is_waited_for() -> None:
    """A short wait is waited and the question asked again."""
    clock = FakeClock(auto=True)
    script = Script(_http(429, "Retry-After: 2"), _http(200, body=b'{"data":{"messages":[]}}'))
    async with talking(script, edges=Edges(clock=clock, jitter=lambda: 0.5)) as client:
        await _history(client)
    assert (script.asked, clock.slept) == (2, [2.0])


async def test_429_of_a_send_is_the_callers() -> None:
    """The wait is given to the caller in seconds, and until then the platform is left alone."""
    script = Script(_http(429, "Retry-After: 6"))
    async with talking(script) as client:
        for _ in range(2):
            with pytest.raises(RateLimited) as caught:
                await client.send("c", "hi")
            assert (script.asked, caught.value.retry_after, caught.value.nothing_happened) == (1, 6.0, True)


NOON = "Date: Mon, 15 Jan 2024 12:00:00 GMT"


@pytest.mark.parametrize(
    "headers",
    [
        ("Retry-After: 31536000",),
        (f"Retry-After: {'9' * 500}",),
        (NOON, "Retry-After: Wed, 15 Jan 2025 12:00:00 GMT"),
        (NOON, "X-RateLimit-Remaining: 0", "X-RateLimit-Reset: 1736942400"),
        (NOON, "X-RateLimit-Reset: 999999999999999"),
        ("Date: Thu, 01 Jan 1970 00:00:00 GMT", "X-RateLimit-Reset: 1705320010"),
    ],
)
async def test_absurd_wait_is_cut_and_told_once(headers: tuple[str, ...]) -> None:
    """The platform is asked again after 15 minutes, which is many windows of its limit, and an operator can see why."""
    clock = FakeClock(auto=True)
    script = Script(*[_http(429, *headers)] * 2, _http(200, body=OK), _http(429, *headers))
    async with talking(script, edges=Edges(clock=clock, jitter=lambda: 0.5)) as client:
        with capture_logs() as logged:
            for _ in range(2):
                with pytest.raises(RateLimited) as caught:
                    await client.send("c", "hi")
                assert caught.value.retry_after == 900.0
                with pytest.raises(RateLimited, match="used up for another 900 s"):
                    await client.send("c", "hi")
                await clock.advance(900.0)
            told = [each for each in logged if each["event"] == "wait.cut"]
            await client.send("c", "hi")
            with pytest.raises(RateLimited):
                await client.send("c", "hi")
    assert [(each["log_level"], each["account"], each["waits"]) for each in told] == [("error", "support", 900)]
    assert [each["event"] for each in logged].count("wait.cut") == 2
    assert script.asked == 4


async def test_an_outage_is_believed_for_a_quarter_of_an_hour() -> None:
    """The end of a limit may be an hour away; that a platform is up again must be noticed earlier."""
    headers = ("Retry-After: 7200",)
    async with talking(Script(_http(503, *headers), _http(429, *headers)), limits={"chat": "1000/h"}) as client:
        with pytest.raises(PlatformDown) as down:
            await client.send("c", "hi")
        with pytest.raises(RateLimited) as limited:
            await client.send("c", "hi")
    assert (down.value.retry_after, limited.value.retry_after) == (900.0, 3600.0)


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        (("Retry-After: -5",), None),
        (("Retry-After: NaN",), None),
        (("Retry-After: 1e3",), None),
        (("Retry-After: 7.5",), 7.5),
        ((NOON, "Retry-After: Sun, 14 Jan 2024 12:00:00 GMT"), 0.0),
        ((NOON, "X-RateLimit-Reset: 1705320010.5"), 10.5),
        ((NOON, "X-RateLimit-Reset: -1"), None),
        ((NOON, "X-RateLimit-Reset: 1"), 0.0),
    ],
)
async def test_odd_waits_are_read_or_left_aside(headers: tuple[str, ...], wait: float | None) -> None:
    """What is no wait is as if it were not there; one in the past is none."""
    async with talking(Script(_http(429, *headers))) as client:
        with pytest.raises(RateLimited) as caught:
            await client.send("c", "hi")
    assert caught.value.retry_after == wait


async def test_absurd_wait_of_a_server_error_is_cut_too() -> None:
    """An event is not put off for a day by a proxy's page either."""
    async with talking(Script(_http(503, "Retry-After: 31536000"))) as client:
        with pytest.raises(PlatformDown) as caught:
            await client.send("c", "hi")
    assert caught.value.retry_after == 900.0


async def test_429_without_a_time_is_tried_a_few_times() -> None:
    """Without any hint the waits are ours."""
    script = Script(*[_http(429)] * 3)
    async with talking(script) as client:
        with pytest.raises(RateLimited) as caught:
            await _history(client)
    assert (script.asked, caught.value.retry_after) == (3, None)


async def test_retry_after_may_be_a_date() -> None:
    """A date is measured against the platform's own clock."""
    headers = ("Date: Mon, 15 Jan 2024 10:00:00 GMT", "Retry-After: Mon, 15 Jan 2024 10:01:30 GMT")
    async with talking(Script(_http(503, *headers))) as client:
        with pytest.raises(PlatformDown) as caught:
            await client.send("c", "hi")
    assert caught.value.retry_after == 90.0


async def test_refused_connection_proves_that_nothing_happened() -> None:
    """A port nobody listens on is tried again, then said to be unreachable."""
    clock = FakeClock(auto=True)
    async with talking(Script()) as gone:
        url = gone._settings.base_url
    async with open_client(url, edges=Edges(clock=clock, jitter=lambda: 0.5)) as client:
        with pytest.raises(Unreachable, match="Connection refused") as caught:
            await client.send("c", "hi")
    assert (caught.value.nothing_happened, caught.value.account) == (True, "support")
    assert len(clock.slept) == 2


async def test_lost_connection_of_a_read_is_tried_again() -> None:
    """A server that hangs up without a word does no harm to a read."""
    script = Script(b"", _http(200, body=OK))
    async with talking(script) as client:
        await _history(client)


async def test_lost_connection_of_a_send_is_not_tried_again() -> None:
    """A server that hangs up after the request may have done it."""
    script = Script(b"")
    async with talking(script) as client:
        with pytest.raises(ConnectionLost) as caught:
            await client.send("c", "hi")
    assert (script.asked, caught.value.nothing_happened) == (1, False)


async def test_envelope_complains_under_a_200() -> None:
    """`success: false` is a failure whatever the status says."""
    script = Script(_http(200, body=b'{"success":false,"error":{"code":"BOT_NOT_FOUND"}}'))
    async with talking(script) as client:
        with pytest.raises(NotFound) as caught:
            await client.send("c", "hi")
    assert caught.value.nothing_happened


async def test_deadline_ends_the_tries() -> None:
    """No wait goes beyond the deadline of the whole call."""
    script = Script(_http(429, "Retry-After: 4"))
    async with talking(script, timeouts={"connect": "1s", "total": "2s", "deadline": "3s"}) as client:
        with pytest.raises(RateLimited):
            await _history(client)
    assert script.asked == 1


async def test_published_limit_is_kept() -> None:
    """The hundred-and-first message of a minute waits until the first is a minute old."""
    clock = FakeClock(auto=True)
    more = {"limits": {"chat": "100/min", "max_wait": "2m"}, "timeouts": {"deadline": "2m"}}
    async with replaying(*["send"] * 101, edges=Edges(clock=clock), **more) as (client, platform):
        for _ in range(100):
            await client.send("c", "hi")
        assert clock.slept == []
        await client.send("c", "hi")
    assert (clock.slept, len(platform.asked)) == ([60.0], 101)


async def test_no_slot_before_the_deadline_is_an_error_at_once() -> None:
    """A wait that could not end in time is not begun."""
    clock = FakeClock(auto=True)
    more = {"limits": {"chat": "1/min", "max_wait": "2m"}, "timeouts": {"deadline": "30s"}}
    async with replaying("send", edges=Edges(clock=clock), **more) as (client, platform):
        await client.send("c", "hi")
        with pytest.raises(RateLimited) as caught:
            await client.send("c", "hi")
    assert (clock.slept, len(platform.asked), caught.value.retry_after) == ([], 1, 60.0)


async def test_limit_of_data_calls_is_another() -> None:
    """Reading does not use up what may be sent."""
    async with replaying("history", "send", limits={"data": "1/h", "chat": "1/h"}) as (client, platform):
        await _history(client)
        await client.send("c", "hi")
        with pytest.raises(RateLimited, match="the limit for data calls is used up for another 3600 s"):
            await _history(client)
    assert len(platform.asked) == 2


@pytest.mark.parametrize(
    ("headers", "waits"),
    [
        (("X-RateLimit-Remaining: 0", "X-RateLimit-Reset: 1705312803"), [3.0]),
        (("X-RateLimit-Remaining: 1", "X-RateLimit-Reset: 1705312803"), []),
        (("X-RateLimit-Remaining: 0",), []),
        (("X-RateLimit-Remaining: zero", "X-RateLimit-Reset: soon"), []),
    ],
)
async def test_headers_of_a_success_are_believed(headers: Sequence[str], waits: list[float]) -> None:
    """When an answer says that nothing is left, the next call waits for the reset."""
    clock = FakeClock(auto=True)
    script = Script(_http(200, *headers, body=OK), _http(200, body=OK))
    async with talking(script, edges=Edges(clock=clock)) as client:
        await client.send("c", "one")
        await client.send("c", "two")
    assert clock.slept == waits
