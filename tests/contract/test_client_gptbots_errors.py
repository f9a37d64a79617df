"""Refusals, retries, limits and streams of GPTBots over the wire."""

import asyncio

import pytest

from clients.account import Chunk
from clients.errors import BadAnswer, ClientError, OutOfCredit, PlatformDown, RateLimited
from clients.http import Edges
from clients.settings import GPTBotsSettings
from tests.contract.gptbots_wire import KEY, open_client, replaying, requests
from tests.contract.wire import read_request, refused, speaking
from tests.unit.clients.clocks import FakeClock

CONVERSATION = "6657e7a1c9e77c0008a5b1c2"
MESSAGE = "6657e7b2c9e77c0008a5b1d4"


@pytest.mark.parametrize(
    ("code", "kind", "nothing_happened"),
    [
        ("40000", "Rejected", True),
        ("40127", "Unauthorized", True),
        ("40356", "NotFound", True),
        ("40358", "NotFound", True),
        ("40364", "Rejected", True),
        ("40378", "NotFound", True),
        ("20059", "NotFound", True),
        ("40379", "OutOfCredit", True),
        ("20022", "OutOfCredit", True),
        ("20040", "Rejected", True),
        ("20055", "Unauthorized", True),
        ("200222", "Rejected", True),
        ("50000", "PlatformDown", False),
    ],
)
async def test_documented_codes(code: str, kind: str, *, nothing_happened: bool) -> None:
    """Each documented code is its own error, raised at once, with no word of the body and no key."""
    async with replaying(f"error_{code}") as (client, platform):
        with pytest.raises(ClientError) as caught:
            await client.send(CONVERSATION, "When do you open?")
    assert platform.asked == requests(f"error_{code}")
    error = caught.value
    assert (type(error).__name__, error.code, error.nothing_happened) == (kind, code, nothing_happened)
    assert error.parked == (kind == "OutOfCredit")
    assert "for people" not in str(error)
    assert KEY not in str(error)


@pytest.mark.parametrize("status", [200, 400, 404, 500, 503])
async def test_code_decides_whatever_the_status(status: int) -> None:
    """Which status comes with a code is not documented: the same code is the same error under any."""
    error = await refused(open_client, CONVERSATION, status, b'{"code":40379,"message":"x"}')
    assert (type(error), error.status, error.nothing_happened) == (OutOfCredit, status, True)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (429, b"{}"),
        (429, b"slow down"),
        (200, b'{"code":429,"message":""}'),
        (400, b'{"code":40999,"message":"API rate limit exceeded."}'),
        (200, b'{"code":"40998","message":"Too many requests"}'),
    ],
)
async def test_rate_limit_in_any_form(status: int, body: bytes) -> None:
    """Its code is not documented, its message is: a status, a code 429 or the words for it are understood."""
    error = await refused(open_client, CONVERSATION, status, body)
    assert (type(error), error.nothing_happened) == (RateLimited, True)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (200, b'{"code":12345,"message":"s3cret"}', "BadAnswer"),
        (500, b'{"code":12345}', "PlatformDown"),
        (502, b"<html>", "PlatformDown"),
        (200, b"<html>", "BadAnswer"),
        (200, b"[]", "BadAnswer"),
        (200, b'{"code":0}', "BadAnswer"),
        (200, b'{"output":5,"code":40000}', "BadAnswer"),
    ],
)
async def test_answers_that_prove_nothing(status: int, body: bytes, kind: str) -> None:
    """What is not documented is an error that does not say that nothing happened, and shows nothing of the body."""
    error = await refused(open_client, CONVERSATION, status, body)
    assert (type(error).__name__, error.nothing_happened) == (kind, False)
    assert "s3cret" not in str(error)


async def test_an_answer_is_no_error_for_having_a_code() -> None:
    """A body with `output` is an answer, whatever stands beside it."""
    async with replaying("send", "send") as (client, platform):
        platform._answers[0]["body"]["code"] = 200
        platform._answers[1]["body"]["code"] = 7
        assert (await client.send(CONVERSATION, "a")).message_id == MESSAGE
        assert (await client.send(CONVERSATION, "b")).message_id == MESSAGE


async def test_read_is_tried_again_and_send_is_not() -> None:
    """50000 asks for another try: a read gets three, a send one."""
    async with replaying(*["error_50000"] * 4) as (client, platform):
        with pytest.raises(PlatformDown):
            _ = [message async for message in client.history(CONVERSATION)]
        assert len(platform.asked) == 3
        with pytest.raises(PlatformDown):
            await client.send(CONVERSATION, "hi")
    assert len(platform.asked) == 4


async def test_free_plan_is_kept() -> None:
    """The fourth call of a category within a minute is not made; another category has its own three."""
    free: dict[str, object] = {"limits": {}}
    async with replaying(*["send"] * 3, *["query_workflow"] * 3, "user_profile", **free) as (client, platform):
        for _ in range(3):
            await client.send(CONVERSATION, "hi")
        with pytest.raises(RateLimited, match="the limit for conversation calls is used up for another 60 s") as caught:
            await client.answer_handoff("h", "hi")
        for _ in range(3):
            await client.query_workflow("r")
        with pytest.raises(RateLimited, match="the limit for workflow calls"):
            await client.query_workflow("r")
        await client.user_profile(user_id="u")
    assert (len(platform.asked), caught.value.retry_after, caught.value.nothing_happened) == (7, 60.0, True)


async def test_limit_is_waited_for_if_it_may() -> None:
    """With a longer `max_wait` the fourth call waits until the first is a minute old."""
    clock = FakeClock(auto=True)
    more = {"limits": {"max_wait": "2m"}, "timeouts": {"deadline": "2m"}}
    async with replaying(*["send"] * 4, edges=Edges(clock=clock), **more) as (client, _):
        for _ in range(4):
            await client.send(CONVERSATION, "hi")
    assert clock.slept == [60.0]


@pytest.mark.parametrize("name", ["stream", "stream_data_prefix", "stream_flow_only"])
async def test_stream(name: str) -> None:
    """Plain lines, a `data:` prefix and a flow without text all give the same answer; other codes say nothing."""
    async with replaying(name) as (client, platform):
        chunks = [chunk async for chunk in client.stream(CONVERSATION, "When do you open?")]
    assert platform.asked == requests(name)
    assert chunks[0] == Chunk(message_id=MESSAGE, conversation_id=CONVERSATION)
    assert [chunk.text for chunk in chunks[1:]] == ["We are open ", "from 9 to 5."]


async def test_stream_refused_at_the_start() -> None:
    """An error record before anything else proves that nothing happened."""
    async with replaying("stream_error_at_the_start") as (client, _):
        with pytest.raises(OutOfCredit) as caught:
            await anext(client.stream(CONVERSATION, "When do you open?"))
    assert (caught.value.code, caught.value.nothing_happened, caught.value.parked) == ("40379", True, True)


async def test_stream_refused_in_the_middle_proves_nothing() -> None:
    """Once a piece came, the message has arrived, whatever the error says."""
    async with replaying("stream_error_in_the_middle") as (client, _):
        stream = client.stream(CONVERSATION, "When do you open?")
        assert [(await anext(stream)).text, (await anext(stream)).text] == ["", "We are "]
        with pytest.raises(OutOfCredit) as caught:
            await anext(stream)
    assert not caught.value.nothing_happened


@pytest.mark.parametrize(
    ("name", "words"),
    [("stream_without_end", "ended before its end was told"), ("stream_no_json", "a line of the stream is no JSON")],
)
async def test_broken_stream_is_an_error(name: str, words: str) -> None:
    """A stream without its end, or with something else in it, does not look like a finished answer."""
    async with replaying(name) as (client, _):
        with pytest.raises(BadAnswer, match=words) as caught:
            _ = [chunk async for chunk in client.stream(CONVERSATION, "When do you open?")]
    assert not caught.value.nothing_happened


async def test_pieces_come_as_they_are_written() -> None:
    """The first piece is here while the server still waits to write the second, blank lines or none."""
    go_on = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        first = b'{"code":3,"message":"Text","data":"one"}\n'
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n" % (len(first), first))
        await go_on.wait()
        last = b'{"code":3,"data":"two"}\n{"code":0,"message":"End","data":null}'
        writer.write(b"%x\r\n%b\r\n0\r\n\r\n" % (len(last), last))
        await writer.drain()

    async with asyncio.timeout(10), speaking(talk) as url, open_client(url) as client:
        stream = client.stream(CONVERSATION, "hi")
        assert (await anext(stream)).text == "one"
        go_on.set()
        assert [chunk.text async for chunk in stream] == ["two"]


@pytest.mark.parametrize(
    ("values", "base", "handoff"),
    [
        ({}, "https://api-sg.gptbots.ai", "https://api.gptbots.ai"),
        ({"region": "th"}, "https://api-th.gptbots.ai", "https://api.gptbots.ai"),
        (
            {"region": "th", "base_url": "https://api-jp.gptbots.ai/"},
            "https://api-jp.gptbots.ai/",
            "https://api.gptbots.ai",
        ),
        ({"base_url": "https://gb.example.org/x"}, "https://gb.example.org/x", "https://gb.example.org/x"),
        ({"handoff_url": "https://api-sg.gptbots.ai"}, "https://api-sg.gptbots.ai", "https://api-sg.gptbots.ai"),
    ],
)
def test_hosts(values: dict[str, str], base: str, handoff: str) -> None:
    """The region gives the host, `base_url` wins, and the handoff has the host its page shows unless told otherwise."""
    settings = GPTBotsSettings.model_validate({"platform": "gptbots", "api_key": KEY, **values})
    assert (settings.base_url, settings.handoff_base) == (base, handoff)


def test_moved_account_leaves_nothing_behind() -> None:
    """An account that is sent to the simulator calls no other host any more."""
    values = {"platform": "gptbots", "api_key": KEY, "handoff_url": "https://api.gptbots.ai"}
    moved = GPTBotsSettings.model_validate(values).moved("http://127.0.0.1:9/gptbots")
    assert (moved.base_url, moved.handoff_base, moved.allow_private) == (
        "http://127.0.0.1:9/gptbots",
        "http://127.0.0.1:9/gptbots",
        True,
    )


@pytest.mark.parametrize(
    "values",
    [
        {"region": "eu"},
        {"region": 5},
        {"handoff_url": "http://api.gptbots.ai"},
        {"properties": {"name": "x", "email": "x"}},
        {"properties": {"name": ""}},
        {"conversation_type": "a b"},
        {"limits": {"chat": "1/min"}},
    ],
)
def test_settings_that_cannot_work(values: dict[str, object]) -> None:
    """A mistake is found when the configuration is read, and the key is not shown."""
    with pytest.raises(ValueError, match="validation error") as caught:
        GPTBotsSettings.model_validate({"platform": "gptbots", "api_key": KEY, **values})
    assert KEY not in str(caught.value)
