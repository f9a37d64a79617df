"""Whom the client connects to, and how a connection ends."""

import asyncio

import pytest

from clients.errors import ConnectionLost, ForbiddenAddress, Unreachable
from clients.http import Edges
from clients.mygptassistants import MyGPTAssistants
from clients.settings import MyGPTAssistantsSettings
from tests.contract.mygptassistants_wire import (
    KEY,
    Scripted,
    by_name,
    open_client,
    replaying,
    talking,
)
from tests.contract.wire import read_request
from tests.unit.clients.clocks import FakeClock

OK = b'{"success":true,"data":{"response":"Hi"}}'


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::ffff:127.0.0.1", "100.100.100.200"])
async def test_name_that_leads_inside_is_refused(address: str) -> None:
    """A public-looking name with a private address is not called."""
    edges = Edges(clock=FakeClock(auto=True), resolver=lambda: Scripted(address))
    async with open_client("https://api.example.com/v1", edges=edges, allow_private=False) as client:
        with pytest.raises(ForbiddenAddress, match="the host leads to") as caught:
            await client.send("c", "hi")
    assert caught.value.nothing_happened
    assert not caught.value.retryable


async def test_cookies_are_not_kept() -> None:
    """A cookie is not sent back; called by name, because no jar keeps the cookies of a bare address."""
    async with replaying("send", "send") as (direct, platform):
        platform.also(headers={"Set-Cookie": "session=1; Path=/"})
        async with by_name(direct) as client:
            await client.send("c", "one")
            await client.send("c", "two")
    assert [asked["headers"].keys() & {"Cookie"} for asked in platform.asked] == [set(), set()]


async def test_resolved_address_is_the_one_connected_to() -> None:
    """The name is looked up once per connection, and what was checked is what is called."""
    resolver = Scripted("127.0.0.1")
    async with replaying("send", "send") as (direct, platform), by_name(direct, resolver) as client:
        await client.send("c", "one")
        await client.send("c", "two")
    assert resolver.asked == ["api.example.com"]
    assert len(platform.asked) == 2


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "169.254.169.254", "localhost"])
async def test_address_that_slipped_past_the_settings_is_refused(host: str) -> None:
    """The guard at the socket holds also for addresses written as numbers, without any look-up."""
    proper = MyGPTAssistantsSettings.model_validate({"platform": "mygptassistants", "api_key": KEY, "bot_id": "b"})
    slipped = proper.model_copy(update={"base_url": f"http://{host}:1/v1"})
    async with MyGPTAssistants("support", slipped, edges=Edges(clock=FakeClock(auto=True))) as client:
        with pytest.raises(ForbiddenAddress):
            await client.send("c", "hi")


async def test_tls_that_fails_is_unreachable() -> None:
    """A server that speaks no TLS has received nothing."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()

    async with asyncio.timeout(10), talking(talk) as plain:
        url = plain._settings.base_url.replace("http://", "https://")
        async with open_client(url) as client:
            with pytest.raises(Unreachable, match="TLS failed") as caught:
                await client.send("c", "hi")
    assert caught.value.nothing_happened


async def test_cancelled_call_hangs_up() -> None:
    """Cancelling a call closes its connection at once and stays a cancellation."""
    asked, hung_up = asyncio.Event(), asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        asked.set()
        await reader.read()
        hung_up.set()

    async with asyncio.timeout(10), talking(talk) as client:
        call = asyncio.create_task(client.send("c", "hi"))
        await asked.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await hung_up.wait()


async def test_closing_ends_calls_under_way() -> None:
    """Closing the account ends what still waits, as an error of ours."""
    asked = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        asked.set()
        await reader.read()

    async with asyncio.timeout(10), talking(talk) as client:
        call = asyncio.create_task(client.send("c", "hi"))
        await asked.wait()
        await client.aclose()
        with pytest.raises(ConnectionLost):
            await call


async def test_full_pool_is_waited_for_in_bounded_time() -> None:
    """When all connections are taken, the next call gives up in the time for a connection, having done nothing."""
    asked = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        asked.set()
        await reader.read()

    more = {"connections": 1, "timeouts": {"connect": "100ms", "deadline": "60s"}}
    async with asyncio.timeout(10), talking(talk, **more) as client:
        first = asyncio.create_task(client.send("c", "hi"))
        await asked.wait()
        with pytest.raises(Unreachable, match="no connection in time") as caught:
            await client.send("c", "hi")
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
    assert caught.value.nothing_happened
