"""Answers that mean harm, over the wire: nothing but our own errors, in bounded time and memory."""

import asyncio
import socket
import struct
import tracemalloc
import zlib
from collections.abc import Awaitable, Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clients.errors import BadAnswer, ClientError, ConnectionLost, TimedOut
from clients.mygptassistants import MyGPTAssistants
from tests.contract.mygptassistants_wire import (
    replaying,
    talking,
)
from tests.contract.wire import read_request

MIB = 1024 * 1024
OK = b'{"success":true,"data":{"response":"Hi"}}'


async def _history(client: MyGPTAssistants) -> None:
    _ = [message async for message in client.history("c")]


async def _send(client: MyGPTAssistants) -> None:
    await client.send("c", "hi")


async def test_announced_gigabyte_is_not_read() -> None:
    """A length above the bound is refused before a byte of it is read, and the connection is dropped."""
    hung_up = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n")
        await reader.read()
        hung_up.set()

    async with asyncio.timeout(10), talking(talk) as client:
        with pytest.raises(BadAnswer, match="the announced answer is larger than 4194304 bytes"):
            await client.send("c", "hi")
        await hung_up.wait()


async def test_endless_body_is_cut_off() -> None:
    """A body that never ends is read to the bound and no further."""
    written = 0

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal written
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"10000\r\n" + bytes(65_536) + b"\r\n")
            await writer.drain()
            written += 65_536

    async with asyncio.timeout(20), talking(talk, max_answer=MIB) as client:
        with pytest.raises(BadAnswer, match="larger than 1048576 bytes"):
            await client.send("c", "hi")
    # what the sockets' buffers hold comes on top of what was read
    assert written < 32 * MIB


async def test_gzip_bomb_stays_small() -> None:
    """Some kilobytes that inflate to a gigabyte cost no more memory than the bound."""
    squeeze = zlib.compressobj(level=9, wbits=31)
    bomb = b"".join(squeeze.compress(bytes(MIB)) for _ in range(256)) + squeeze.flush()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(bomb)}\r\n\r\n"
        writer.write(head.encode() + bomb)
        await writer.drain()

    async with asyncio.timeout(20), talking(talk, max_answer=MIB) as client:
        tracemalloc.start()
        try:
            with pytest.raises(BadAnswer, match="larger than 1048576 bytes"):
                await client.send("c", "hi")
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert peak < 8 * MIB


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("call", [_history, _send])
async def test_redirect_is_not_followed(status: int, call: Callable[[MyGPTAssistants], Awaitable[None]]) -> None:
    """The host a redirect names is never called, so it never sees the key."""
    async with replaying("send") as (other, stranger):

        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await read_request(reader)
            head = f"HTTP/1.1 {status} X\r\nLocation: {other._settings.base_url}\r\nContent-Length: 0\r\n\r\n"
            writer.write(head.encode())
            await writer.drain()

        async with asyncio.timeout(10), talking(talk) as client:
            with pytest.raises(BadAnswer, match=rf"a redirect \({status}\), which is never followed") as caught:
                await call(client)
    assert stranger.asked == []
    # a send that may have been carried out is not given up before somebody has looked
    assert caught.value.retryable == (call is _send and status < 307)


@pytest.mark.parametrize("call", [_history, _send])
async def test_web_page_in_place_of_json(call: Callable[[MyGPTAssistants], Awaitable[None]]) -> None:
    """A captive portal's page is a bad answer, is asked for once, and is not shown."""
    asked = 0

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        await read_request(reader)
        asked += 1
        page = b"<html>please log in, s3cret</html>"
        head = f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {len(page)}\r\n\r\n"
        writer.write(head.encode() + page)
        await writer.drain()

    async with asyncio.timeout(10), talking(talk) as client:
        with pytest.raises(BadAnswer, match="with HTML") as caught:
            await call(client)
    assert asked == 1
    assert "s3cret" not in str(caught.value)


async def _drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    while True:
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.02)


async def _silence(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    await reader.read()


async def _drip_of_headers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    writer.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("talk", [_drip, _silence, _drip_of_headers])
async def test_slow_answers_time_out(talk: Callable[..., Awaitable[None]]) -> None:
    """A drip keeps no call alive: the whole answer must be here in time. The send is uncertain and not repeated."""
    tries = 0

    async def counted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal tries
        tries += 1
        await talk(reader, writer)

    times = {"connect": "300ms", "total": "300ms", "deadline": "5s"}
    async with asyncio.timeout(10), talking(counted, timeouts=times) as client:
        with pytest.raises(TimedOut) as caught:
            await client.send("c", "hi")
    assert (tries, caught.value.nothing_happened, caught.value.retryable) == (1, False, True)


async def test_slow_reads_are_tried_again() -> None:
    """A read that times out is repeated, and gives up after its tries."""
    tries = 0

    async def counted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal tries
        tries += 1
        await _silence(reader, writer)

    times = {"connect": "200ms", "total": "200ms", "deadline": "5s"}
    async with asyncio.timeout(10), talking(counted, timeouts=times) as client:
        with pytest.raises(TimedOut):
            await _history(client)
    assert tries == 3


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close with RST in place of FIN."""
    raw: socket.socket = writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"])
async def test_reset_connection(said: bytes) -> None:
    """A connection reset before or inside the answer leaves a send uncertain."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(said)
        await writer.drain()
        _reset(writer)

    async with asyncio.timeout(10), talking(talk) as client:
        with pytest.raises(ConnectionLost) as caught:
            await client.send("c", "hi")
    assert not caught.value.nothing_happened


@pytest.mark.parametrize(
    "said",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{}",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\n" + b"X-Header: x\r\n" * 10_000 + b"\r\n{}",
        b"HTTP/1.1 200 OK\r\nX-Header: " + b"x" * 100_000 + b"\r\n\r\n{}",
        b"HTTP/1.1 9999 OK\r\n\r\n",
        b"HTTP/9.9 200 OK\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\x16\x03\x01\x00\x00",
        b"\x00" * 1000,
        b"\r\n\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nxx",
        b"HTTP/1.1 100 Continue\r\n\r\n" * 3,
    ],
)
async def test_broken_http(said: bytes) -> None:
    """Whatever is no proper answer is one of our errors, and nothing of it is shown."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(said)
        await writer.drain()

    times = {"connect": "1s", "total": "1s", "deadline": "1s"}
    async with asyncio.timeout(10), talking(talk, timeouts=times) as client:
        with pytest.raises(ClientError) as caught:
            await client.send("c", "hi")
    assert not caught.value.nothing_happened


PARTS = st.sampled_from(
    [
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 429 X\r\n",
        b"HTTP/1.0 500\r\n",
        b"Content-Length: 40\r\n",
        b"Content-Encoding: gzip\r\n",
        b"Content-Encoding: \xff\r\n",
        b"Content-Type: text/html\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Retry-After: x\r\n",
        b"X-RateLimit-Remaining: 9\r\nX-RateLimit-Reset: 99999999999999999999\r\n",
        b"\r\n",
        b"28\r\n",
        b"0\r\n\r\n",
        b"{}",
        OK,
    ]
)


async def test_any_bytes_are_a_result_or_a_client_error() -> None:
    """Random answers, from noise to nearly right, give a result or one of our errors."""
    answers = list[bytes]()

    @settings(max_examples=200, database=None, derandomize=True)
    @given(st.lists(PARTS | st.binary(max_size=20), max_size=8).map(b"".join))
    def draw(said: bytes) -> None:
        # hypothesis drives plain functions: the answers are drawn first, and then given one after the other
        answers.append(said)

    draw()
    script = iter(answers)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(next(script))
        await writer.drain()

    times = {"connect": "1s", "total": "1s", "deadline": "1s"}
    outcomes = set[str]()
    async with asyncio.timeout(60), talking(talk, timeouts=times, limits={"chat": "9999/s"}) as client:
        for _ in range(150):
            try:
                await client.send("c", "hi")
            except ClientError as error:
                outcomes.add(type(error).__name__)
            else:
                outcomes.add("sent")
    assert {"BadAnswer", "ConnectionLost"} <= outcomes
