"""Streams of MyGPTAssistants, whose form is not documented."""

import asyncio
from contextlib import aclosing

import pytest

from clients.account import Chunk
from clients.errors import BadAnswer, ClientError, ConnectionLost, PlatformDown, RateLimited, TimedOut
from tests.contract.mygptassistants_wire import replaying, requests, talking
from tests.contract.wire import read_request

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


@pytest.mark.parametrize(
    ("name", "chunks"),
    [
        (
            "stream_json_pieces",
            [Chunk(text="Once ", conversation_id="conv_9"), Chunk(text="upon a time", message_id="msg_9")],
        ),
        (
            "stream_text_pieces",
            [Chunk(text="Once"), Chunk(text=" upon a time"), Chunk(conversation_id="conv_9", message_id="msg_9")],
        ),
        ("stream_answered_whole", [Chunk(text="Once upon a time", conversation_id="conv_9", message_id="msg_9")]),
    ],
)
async def test_stream_in_every_form(name: str, chunks: list[Chunk]) -> None:
    """JSON pieces, plain text and one whole answer all give the same story."""
    async with replaying(name) as (client, platform):
        assert [chunk async for chunk in client.stream(None, "Tell me a story")] == chunks
    assert platform.asked == requests(name)
    assert "".join(chunk.text for chunk in chunks) == "Once upon a time"


async def test_error_before_the_first_piece() -> None:
    """A refusal in the first event proves that nothing happened."""
    async with replaying("stream_error_at_the_start") as (client, _):
        with pytest.raises(RateLimited) as caught:
            _ = [chunk async for chunk in client.stream(None, "Tell me a story")]
    assert caught.value.nothing_happened


async def test_error_after_a_piece_proves_nothing() -> None:
    """Once a piece came, the message has arrived, whatever the error says."""
    async with replaying("stream_error_in_the_middle") as (client, _):
        stream = client.stream(None, "Tell me a story")
        assert await anext(stream) == Chunk(text="Once")
        with pytest.raises(RateLimited) as caught:
            await anext(stream)
    assert (caught.value.nothing_happened, caught.value.account) == (False, "support")


async def test_pieces_come_as_they_are_written() -> None:
    """The first piece is here while the server still waits to write the second."""
    go_on = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(HEAD + _chunk(b"data: one\n\n"))
        await go_on.wait()
        writer.write(_chunk(b"data: two\n\n") + b"0\r\n\r\n")
        await writer.drain()

    async with asyncio.timeout(10), talking(talk) as client:
        stream = client.stream(None, "hi")
        assert (await anext(stream)).text == "one"
        go_on.set()
        assert [chunk.text async for chunk in stream] == ["two"]


async def test_leaving_early_closes_the_connection() -> None:
    """Who has heard enough hangs up, and the server notices."""
    hung_up = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(HEAD + _chunk(b"data: one\n\n"))
        await reader.read()
        hung_up.set()

    async with asyncio.timeout(10), talking(talk) as client:
        async with aclosing(client.stream(None, "hi")) as stream:
            assert (await anext(stream)).text == "one"
        await hung_up.wait()


async def test_broken_stream_is_an_error() -> None:
    """A stream that breaks in the middle of a chunk does not look like a finished answer."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(HEAD + _chunk(b"data: one\n\n") + b"ff\r\ndata: tw")
        await writer.drain()

    async with asyncio.timeout(10), talking(talk) as client:
        stream = client.stream(None, "hi")
        assert (await anext(stream)).text == "one"
        with pytest.raises(ConnectionLost) as caught:
            await anext(stream)
    assert (caught.value.nothing_happened, caught.value.account) == (False, "support")


async def test_silent_stream_times_out() -> None:
    """A stream that falls silent is given up after the idle time."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(HEAD + _chunk(b"data: one\n\n"))
        await reader.read()

    async with asyncio.timeout(10), talking(talk, timeouts={"idle": "200ms"}) as client:
        stream = client.stream(None, "hi")
        assert (await anext(stream)).text == "one"
        with pytest.raises(TimedOut):
            await anext(stream)


async def test_endless_stream_ends() -> None:
    """A stream that never falls silent is given up after the time for a whole stream."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(HEAD)
        while True:
            writer.write(_chunk(b": still there\n"))
            await writer.drain()
            await asyncio.sleep(0.01)

    async with asyncio.timeout(10), talking(talk, timeouts={"stream": "300ms"}) as client:
        with pytest.raises(TimedOut):
            await anext(client.stream(None, "hi"))


async def test_stream_is_bounded() -> None:
    """A flood of pieces ends at the largest answer allowed."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(HEAD)
        while True:
            writer.write(_chunk(b"data: flood\n\n" * 100))
            await writer.drain()

    async with asyncio.timeout(10), talking(talk, max_answer=10_000) as client:
        with pytest.raises(BadAnswer, match="larger than 10000 bytes"):
            _ = [chunk async for chunk in client.stream(None, "hi")]


async def test_stream_that_is_a_web_page() -> None:
    """HTML in place of a stream is refused."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>")
        await writer.drain()

    async with asyncio.timeout(10), talking(talk) as client:
        with pytest.raises(BadAnswer, match="neither an event stream nor JSON"):
            await anext(client.stream(None, "hi"))


@pytest.mark.parametrize(("status", "kind"), [(500, PlatformDown), (429, RateLimited), (302, BadAnswer)])
async def test_refused_stream(status: int, kind: type[ClientError]) -> None:
    """An error status in place of a stream is the error it is for every call."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: 2\r\nRetry-After: 60\r\n\r\n{{}}".encode())
        await writer.drain()

    async with asyncio.timeout(10), talking(talk) as client:
        with pytest.raises(kind):
            await anext(client.stream(None, "hi"))
