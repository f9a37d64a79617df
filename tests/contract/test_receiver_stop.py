"""How the receiver begins to listen, keeps connections, and stops."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from receiver.connections import assert_c_parser
from receiver.errors import AddressTaken, UnsafeParser
from receiver.server import ReceiverParts, ReceiverServer
from receiver.settings import ReceiverSettings
from tests.contract.receivers import TOPICS, Running, hang_up, opened, receiving
from tests.servers.eventually import eventually
from tests.unit.receiver.logs import MemoryLog, MemoryStore
from tests.unit.receiver.parts import MESSAGE, signed


@pytest.fixture
async def receiver(tmp_path: Path) -> AsyncIterator[Running]:
    """A receiver with the sources `support` and `standard`."""
    async with opened(tmp_path) as (log, dedupe), receiving(log, dedupe) as running:
        yield running


async def test_connection_is_kept_for_the_next_delivery(receiver: Running) -> None:
    """Senders that keep connections open pay for one handshake."""
    head = b"POST /in/support HTTP/1.1\r\nHost: t\r\n"
    fields = b"".join(name + b": " + value + b"\r\n" for name, value in signed("mygptassistants", MESSAGE))
    one = head + fields + b"Content-Length: %d\r\n\r\n" % len(MESSAGE) + MESSAGE
    last = one.replace(b"Host: t", b"Host: t\r\nConnection: close")
    assert [answer.status for answer in await receiver.raw(one, one, last)] == [202, 202, 202]


async def test_sender_that_hangs_up_does_not_take_the_event_back(receiver: Running) -> None:
    """What was accepted is appended and remembered, whether or not somebody hears of it."""
    head = b"POST /in/support HTTP/1.1\r\nHost: t\r\nContent-Length: %d\r\n" % len(MESSAGE)
    fields = b"".join(name + b": " + value + b"\r\n" for name, value in signed("mygptassistants", MESSAGE))
    _, writer = await asyncio.open_connection("127.0.0.1", receiver.port)
    writer.write(head + fields + b"\r\n" + MESSAGE)
    await writer.drain()
    writer.transport.abort()
    await hang_up(writer)
    await eventually(lambda: bool(receiver.answered))
    assert len(await receiver.records("conversations")) == 1
    assert (await receiver.post()).json()["duplicate"] is True


async def test_stop_answers_what_is_under_way() -> None:
    """A deployment loses nobody's delivery."""
    log = MemoryLog(durable=False)
    async with receiving(log, MemoryStore()) as running:
        waiting = asyncio.create_task(running.post())
        await eventually(lambda: len(log.records) == 2)
        stopping = asyncio.create_task(running.server.stop(timedelta(seconds=5)))
        await asyncio.sleep(0)
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", running.port)
        log.settle()
        assert (await waiting).status == 202
        assert await stopping is True


async def test_stop_ends_in_time_when_the_log_hangs() -> None:
    """It says that something was left unanswered."""
    log = MemoryLog(durable=False)
    async with receiving(log, MemoryStore()) as running:
        waiting = asyncio.create_task(running.post())
        await eventually(lambda: bool(log.records))
        started = time.monotonic()
        assert await running.server.stop(timedelta(milliseconds=300)) is False
        assert time.monotonic() - started < 2.5
        waiting.cancel()
        await asyncio.wait([waiting])


async def test_idle_connections_do_not_hold_a_stop() -> None:
    """A load balancer's spare connections are closed."""
    async with receiving(MemoryLog(), MemoryStore()) as running:
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
        writer.write(b"GET /livez HTTP/1.1\r\nHost: t\r\n\r\n")
        await reader.readuntil(b"}}")
        started = time.monotonic()
        assert await running.server.stop(timedelta(seconds=5)) is True
        assert time.monotonic() - started < 3.0
        assert await reader.read() == b""
        await hang_up(writer)


async def test_idle_connections_go_first() -> None:
    """While the last delivery is awaited, spare connections are closed: nothing new comes in on them."""
    log = MemoryLog(durable=False)
    async with receiving(log, MemoryStore()) as running:
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
        writer.write(b"GET /livez HTTP/1.1\r\nHost: t\r\n\r\n")
        await reader.readuntil(b"}}")
        waiting = asyncio.create_task(running.post())
        await eventually(lambda: len(log.records) == 2)
        stopping = asyncio.create_task(running.server.stop(timedelta(seconds=20)))
        assert await asyncio.wait_for(reader.read(), 10) == b""
        assert not waiting.done()
        log.settle()
        assert (await waiting).status == 202
        assert await stopping is True
        await hang_up(writer)


async def test_port_that_is_taken_is_told() -> None:
    """With the port, and what to do."""
    async with receiving(MemoryLog(), MemoryStore()) as running:
        parts = ReceiverParts(sources={}, log=MemoryLog(), dedupe=MemoryStore(), topics=TOPICS)
        with pytest.raises(AddressTaken, match=f"port {running.port} .* --port"):
            await ReceiverServer.start(parts, ReceiverSettings(port=running.port))


async def test_address_that_is_not_ours_is_told() -> None:
    """A typo in the host is no stack trace."""
    parts = ReceiverParts(sources={}, log=MemoryLog(), dedupe=MemoryStore(), topics=TOPICS)
    with pytest.raises(AddressTaken, match="cannot listen on 192"):
        await ReceiverServer.start(parts, ReceiverSettings(host="192.0.2.1", port=0))


def test_python_parser_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The Python parser of aiohttp has let requests be smuggled."""
    monkeypatch.setattr("aiohttp.http_parser.HttpRequestParser", __import__("aiohttp").http_parser.HttpRequestParserPy)
    with pytest.raises(UnsafeParser, match="C parser"):
        assert_c_parser()
