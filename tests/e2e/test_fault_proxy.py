"""The fault proxy does each fault it names, and nothing when none is on."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.servers.eventually import eventually
from tests.servers.plugin import MakeBroker, MakeProxy
from tests.servers.ports import Port
from tests.servers.proxy import FaultProxy
from tests.servers.records import consume, produce


class Echo:
    """A server that answers each line with itself and remembers it."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                self.heard.append(line)
                writer.write(line)
                await writer.drain()
        except ConnectionError:
            return
        finally:
            writer.close()


@pytest_asyncio.fixture
async def echo(free_port: int) -> AsyncIterator[Echo]:
    echo = Echo()
    server = await asyncio.start_server(echo.serve, "127.0.0.1", free_port)
    yield echo
    server.close()


@pytest_asyncio.fixture
async def proxy(echo: Echo, free_port: int, fault_proxy: MakeProxy) -> FaultProxy:
    return await fault_proxy(("127.0.0.1", free_port))


class Client:
    """One connection through the proxy."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def ask(self, line: bytes, within: float = 5.0) -> bytes:
        self.writer.write(line)
        async with asyncio.timeout(within):
            return await self.reader.readline()


@pytest_asyncio.fixture
async def client(proxy: FaultProxy) -> AsyncIterator[Client]:
    client = Client(*await asyncio.open_connection("127.0.0.1", proxy.port))
    yield client
    client.writer.close()


async def test_carries_both_ways(client: Client) -> None:
    """Without a fault it is not there."""
    assert await client.ask(b"hello\n") == b"hello\n"


async def test_end_of_a_side_is_passed_on(client: Client, proxy: FaultProxy) -> None:
    """A client that is done ends the server's connection, and the server's answer still comes."""
    client.writer.write(b"last\n")
    client.writer.write_eof()
    async with asyncio.timeout(5):
        assert await client.reader.read() == b"last\n"
    await eventually(lambda: proxy.connections == 0)


async def test_freeze_holds_and_thaw_delivers(client: Client, proxy: FaultProxy) -> None:
    """A frozen connection stays open and silent; nothing is lost."""
    proxy.freeze()
    with pytest.raises(TimeoutError):
        await client.ask(b"held\n", within=0.3)
    proxy.thaw()
    async with asyncio.timeout(5):
        assert await client.reader.readline() == b"held\n"


async def test_frozen_proxy_accepts_connections(proxy: FaultProxy) -> None:
    """As a frozen machine's kernel does."""
    proxy.freeze()
    client = Client(*await asyncio.open_connection("127.0.0.1", proxy.port))
    with pytest.raises(TimeoutError):
        await client.ask(b"held\n", within=0.3)
    client.writer.close()


async def test_down_resets_and_refuses(client: Client, proxy: FaultProxy) -> None:
    """Down is a dead machine; up is the same address again."""
    assert await client.ask(b"1\n") == b"1\n"
    await proxy.down()
    with pytest.raises(ConnectionResetError):
        await client.ask(b"2\n")
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", proxy.port)
    await proxy.up()
    again = Client(*await asyncio.open_connection("127.0.0.1", proxy.port))
    assert await again.ask(b"3\n") == b"3\n"
    again.writer.close()


async def test_reset_breaks_only_what_is_open(client: Client, proxy: FaultProxy) -> None:
    """Open connections get RST, a new one works."""
    assert await client.ask(b"1\n") == b"1\n"
    proxy.reset()
    with pytest.raises(ConnectionResetError):
        await client.ask(b"2\n")
    again = Client(*await asyncio.open_connection("127.0.0.1", proxy.port))
    assert await again.ask(b"3\n") == b"3\n"
    again.writer.close()


async def test_delay_waits_in_each_direction(client: Client, proxy: FaultProxy) -> None:
    """A delay of 0.2 s makes a round trip of 0.4 s."""
    proxy.delay(0.2)
    began = time.monotonic()
    assert await client.ask(b"slow\n") == b"slow\n"
    assert 0.4 <= time.monotonic() - began < 10


async def test_dropped_answer_was_a_request_taken(client: Client, proxy: FaultProxy, echo: Echo) -> None:
    """The server has heard it, the client never learns, and the torn connection ends with the fault."""
    proxy.drop_answers()
    with pytest.raises(TimeoutError):
        await client.ask(b"done\n", within=0.3)
    assert echo.heard == [b"done\n"]
    proxy.drop_answers(on=False)
    with pytest.raises(ConnectionResetError):
        await client.ask(b"what became of it\n")


async def test_dropped_request_was_never_heard(client: Client, proxy: FaultProxy, echo: Echo) -> None:
    """The other direction: nothing takes effect."""
    proxy.drop_requests()
    with pytest.raises(TimeoutError):
        await client.ask(b"lost\n", within=0.3)
    assert echo.heard == []


async def test_slices_arrive_one_by_one(client: Client, proxy: FaultProxy) -> None:
    """A reader sees a message in pieces, whatever its writer did."""
    proxy.slice(3)
    proxy.delay(0.05)
    client.writer.write(b"abcdefgh\n")
    pieces: list[bytes] = []
    async with asyncio.timeout(5):
        while b"".join(pieces) != b"abcdefgh\n":
            pieces.append(await client.reader.read(100))
    assert pieces == [b"abc", b"def", b"gh\n"]


async def test_absent_server_resets_the_client(fault_proxy: MakeProxy) -> None:
    """Nobody behind the proxy is not the same as a silent one."""
    nobody = Port.claim()
    proxy = await fault_proxy(("127.0.0.1", nobody.number))
    client = Client(*await asyncio.open_connection("127.0.0.1", proxy.port))
    with pytest.raises(ConnectionResetError):
        await client.ask(b"anybody?\n")
    nobody.release()


async def test_leaves_no_task_behind(client: Client, proxy: FaultProxy) -> None:
    """Down ends every connection's task, even of a frozen one."""
    proxy.freeze()
    client.writer.write(b"held\n")
    await proxy.down()
    assert proxy.connections == 0


@pytest.mark.kafka
async def test_kafka_behind_a_frozen_proxy(kafka_private: MakeBroker) -> None:
    """Clients see only the proxy's address: frozen, a send waits; thawed, it arrives once."""
    broker = await kafka_private(proxied=True)
    assert broker.proxy is not None
    assert broker.bootstrap == broker.proxy.address
    await broker.create_topic("t")
    await produce(broker.bootstrap, "t", b"before")
    broker.proxy.freeze()
    sending = asyncio.create_task(produce(broker.bootstrap, "t", b"through"))
    await asyncio.wait([sending], timeout=1)
    assert not sending.done()
    assert await consume(broker.direct, "t", 1) == [b"before"]
    broker.proxy.thaw()
    await sending
    assert await consume(broker.bootstrap, "t", 2) == [b"before", b"through"]
    assert broker.proxy.accepted >= 2
