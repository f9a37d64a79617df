"""Many senders who do not come to an end: they hold little, and they keep nobody out."""

import asyncio
import time

import pytest
import structlog

from tests.contract.receiver_wire import CHUNKED, CLOSE, LINE, chunked, request
from tests.contract.receivers import hang_up, receiving
from tests.servers.eventually import eventually
from tests.unit.receiver.logs import MemoryLog, MemoryStore
from tests.unit.receiver.parts import MESSAGE, signed

Streams = list[tuple[asyncio.StreamReader, asyncio.StreamWriter]]


async def test_dripping_connections_do_not_keep_honest_senders_waiting() -> None:
    """Two hundred of them, and a delivery is answered as ever."""
    async with receiving(MemoryLog(), MemoryStore(), header_timeout="500ms") as running:
        drippers = [await asyncio.open_connection("127.0.0.1", running.port) for _ in range(200)]
        for _, writer in drippers:
            writer.write(b"POST /in/support HTTP/1.1\r\nX-A: ")
        started = time.monotonic()
        answer = await running.post()
        assert (answer.status, time.monotonic() - started < 3.0) == (202, True)
        ends = await asyncio.gather(
            *(asyncio.wait_for(reader.read(), 9) for reader, _ in drippers), return_exceptions=True
        )
        assert all(end == b"" or isinstance(end, ConnectionError) for end in ends)
        for _, writer in drippers:
            await hang_up(writer)


async def opening(port: int, count: int, begun: bytes) -> Streams:
    """Connections that say the same and no more, one after another."""
    streams: Streams = []
    for _ in range(count):
        streams.append(await asyncio.open_connection("127.0.0.1", port))
        streams[-1][1].write(begun)
    return streams


async def test_connections_are_bounded() -> None:
    """One beyond the bound takes the place of the oldest that said nothing; who has delivered keeps its own."""
    async with receiving(MemoryLog(), MemoryStore(), connections=3) as running:
        reader, deliverer = await asyncio.open_connection("127.0.0.1", running.port)
        deliverer.write(request())
        await reader.readuntil(b"}")
        others = await opening(running.port, 3, LINE)
        assert await asyncio.wait_for(others[0][0].read(), 9) == b""
        assert (await running.post()).status == 202
        deliverer.write(request(CLOSE))
        assert (await reader.read()).startswith(b"HTTP/1.1 202")
        assert running.value("hookline_connections_turned_away_total") == 2
        for _, writer in (*others, (reader, deliverer)):
            await hang_up(writer)


async def test_newcomer_goes_when_all_others_are_worked_on() -> None:
    """A request whose body is here is not given up for somebody who has said nothing yet."""
    log = MemoryLog(durable=False)
    async with receiving(log, MemoryStore(), connections=1) as running:
        answer = asyncio.create_task(running.raw(request(CLOSE)))
        await eventually(lambda: bool(log.open))
        assert await running.raw(request(CLOSE)) == []
        log.settle()
        assert [one.status for one in await answer] == [202]


async def test_half_headers_keep_nobody_out() -> None:
    """Twice as many as there may be connections, and every delivery is accepted."""
    async with receiving(MemoryLog(), MemoryStore(), connections=50) as running:
        attack = await opening(running.port, 100, LINE + b"\r\nX-A: ")
        for n in range(20):
            assert (await running.post(body=MESSAGE.replace(b"msg_1", b"m%d" % n))).status == 202
            attack += await opening(running.port, 5, LINE)
        assert len(running.server._connections.connections) <= 51
        for _, writer in attack:
            await hang_up(writer)


async def test_bodies_that_are_declared_and_do_not_come_keep_nobody_out() -> None:
    """A hundred, each of the largest body that may be: they hold no byte, and every delivery is accepted."""
    async with receiving(MemoryLog(), MemoryStore(), in_flight_requests=10) as running:
        begun = request(b"Content-Length: 1048576", length=False, body=b"")
        attack = await opening(running.port, 100, begun)
        await eventually(lambda: running.server._receiver.budget.open == 100)
        assert running.server._receiver.budget.bytes == 0
        for n in range(20):
            assert (await running.post(body=MESSAGE.replace(b"msg_1", b"m%d" % n))).status == 202
        for _, writer in attack:
            await hang_up(writer)
        await eventually(lambda: running.server._receiver.budget.open == 0)


async def test_bodies_that_do_not_end_give_way() -> None:
    """When what has come of them fills the room, the oldest is told 503, and a delivery is accepted."""
    async with receiving(MemoryLog(), MemoryStore(), in_flight_bytes=100_000) as running:
        begun = request(b"Content-Length: 40000", length=False, body=b"x" * 33_000)
        attack = await opening(running.port, 3, begun)
        await eventually(lambda: running.server._receiver.budget.bytes == 99_000)
        body = MESSAGE.replace(b'"hi"', b'"' + b"x" * 20_000 + b'"')
        assert (await running.post(body=body)).status == 202
        assert (await attack[0][0].readline()) == b"HTTP/1.1 503 Service Unavailable\r\n"
        for _, writer in attack:
            await hang_up(writer)
        await eventually(lambda: running.server._receiver.budget.bytes == 0)


async def test_bodies_worked_on_are_bounded() -> None:
    """What is whole stays until it is durable; who does not fit beside it is told to come again."""
    log = MemoryLog(durable=False)
    async with receiving(log, MemoryStore(), in_flight_bytes=30_000) as running:
        body = MESSAGE.replace(b'"hi"', b'"' + b"x" * 20_000 + b'"')
        answer = asyncio.create_task(running.post(body=body))
        await eventually(lambda: bool(log.open))
        refused = await running.post(body=body.replace(b"msg_1", b"msg_2"))
        assert (refused.status, refused.json()["type"]) == (503, "urn:hookline:problem:overloaded")
        log.settle()
        assert (await answer).status == 202


async def test_many_late_connections_are_one_line() -> None:
    """A stranger cannot fill the log by opening connections."""
    with structlog.testing.capture_logs() as lines:
        async with receiving(MemoryLog(), MemoryStore(), header_timeout="200ms") as running:
            attack = await opening(running.port, 40, LINE)
            await asyncio.gather(*(reader.read() for reader, _ in attack), return_exceptions=True)
            for _, writer in attack:
                await hang_up(writer)
    told = [line for line in lines if line["event"] == "connection.overdue"]
    assert (sum(line["count"] for line in told), len(told) <= 5) == (40, True)


async def test_chunked_bodies_are_counted_as_they_grow() -> None:
    """A body of unknown length takes its place piece by piece, and is refused when there is no more."""
    async with receiving(MemoryLog(), MemoryStore(), in_flight_bytes=100_000) as running:
        body = chunked(b"x" * 90_000)[:-5] + chunked(b"x" * 90_000)
        (answer,) = await running.raw(request(CHUNKED, CLOSE, length=False, body=body))
        assert answer.status == 503
        assert running.server._receiver.budget.bytes == 0


TINY = b"1\r\na\r\n" * 20_000


async def flood(port: int, data: bytes) -> bytes:
    """Send all of it, as fast as it goes; what is said until the connection is closed."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(data)
        async with asyncio.timeout(10):
            return await reader.read()
    except ConnectionError:
        return b""
    finally:
        await hang_up(writer)


@pytest.mark.parametrize(
    "body",
    [TINY, b"1;a=b\r\na\r\n" * 10_000, b"1f;" + b"x" * 600_000],
    ids=["tiny", "extensions", "one long extension"],
)
async def test_body_that_is_mostly_framing_is_refused(body: bytes) -> None:
    """Long before its limit, and the connection is closed."""
    async with receiving(MemoryLog(), MemoryStore()) as running:
        told = await flood(running.port, request(CHUNKED, length=False, body=body))
        assert told == b"" or told.startswith(b"HTTP/1.1 400")
        assert [(one.status, one.outcome) for one in running.answered] == [(400, "malformed-request")]
        assert running.server._receiver.budget.bytes == 0


async def test_large_body_in_pieces_is_taken() -> None:
    """A body of many pieces waits for its turns, and comes whole: told by its length, or in chunks of a usual size."""
    body = MESSAGE.replace(b'"hi"', b'"' + b"x" * 900_000 + b'"')
    headers = signed("mygptassistants", body)
    pieces = b"".join(b"200\r\n" + body[n : n + 512] + b"\r\n" for n in range(0, len(body) - 512, 512))
    rest = body[len(body) // 512 * 512 :]
    in_chunks = pieces + chunked(rest)
    async with receiving(MemoryLog(), MemoryStore()) as running:
        (answer,) = await running.raw(request(CLOSE, headers=headers, body=body))
        assert answer.status == 202
        (answer,) = await running.raw(request(CHUNKED, CLOSE, headers=headers, length=False, body=in_chunks))
        assert (answer.status, answer.json()["duplicate"]) == (202, True)


async def test_body_is_not_waited_for_that_cannot_be_proved() -> None:
    """A MiB that is told, and a signature of another form: 401 as ever, before the first byte of the body."""
    async with receiving(MemoryLog(), MemoryStore()) as running:
        begun = request(b"Content-Length: 1000000", headers=[(b"x-mga-signature", b"sha1=00")], length=False, body=b"")
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
        writer.write(begun)
        async with asyncio.timeout(9):
            assert await reader.readline() == b"HTTP/1.1 401 Unauthorized\r\n"
            told = await reader.readuntil(b"}")
        assert b"unauthenticated" in told
        assert b"malformed" not in told
        assert running.answered[-1].reason == "signature-malformed"
        await hang_up(writer)


async def test_stranger_may_not_have_requests_waiting() -> None:
    """The first is refused, and the thousand behind it are not read; who has delivered may send on."""
    async with receiving(MemoryLog(), MemoryStore()) as running:
        await flood(running.port, b"GET /nowhere HTTP/1.1\r\nHost: t\r\n\r\n" * 1_000)
        assert [one.status for one in running.answered] == [404]
        ask = b"GET /livez HTTP/1.1\r\nHost: t\r\n"
        answers = await running.raw(request(), (ask + b"\r\n") * 50 + ask + CLOSE + b"\r\n\r\n", pause=0.2)
        assert [one.status for one in answers] == [202] + [200] * 51


async def test_delivery_is_answered_while_tiny_chunks_flood_in() -> None:
    """Eight connections send as fast as they can, and begin again when they are closed."""
    async with receiving(MemoryLog(), MemoryStore()) as running:
        data = request(CHUNKED, length=False, body=b"a\r\n0123456789\r\n" * 20_000)

        async def again() -> None:
            while True:
                await flood(running.port, data)

        attack = [asyncio.create_task(again()) for _ in range(8)]
        await eventually(lambda: len(running.answered) > 8)
        for n in range(5):
            answer = await running.post(body=MESSAGE.replace(b"msg_1", b"m%d" % n))
            assert answer.status == 202
        for task in attack:
            task.cancel()
        await asyncio.wait(attack)
