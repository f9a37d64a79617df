"""MyGPTAssistants on localhost, replaying documented exchanges, and servers that speak by hand."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.test_utils import TestServer
from typing_extensions import override

from clients.http import Edges
from clients.mygptassistants import MyGPTAssistants
from clients.settings import MyGPTAssistantsSettings
from tests.unit.clients.clocks import FakeClock

SAMPLES = Path(__file__).parents[1] / "samples" / "mygptassistants"
KEY = "mga-key"

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def sample(name: str) -> dict[str, Any]:
    """One exchange, written from the platform's page: where it stands, the request, the answer."""
    value: dict[str, Any] = json.loads((SAMPLES / f"rest_{name}.json").read_text(encoding="utf-8"))
    return value


def requests(*names: str) -> list[dict[str, Any]]:
    """The requests that make the platform give these answers."""
    return [sample(name)["request"] for name in names]


def open_client(base_url: str, *, edges: Edges | None = None, **more: Any) -> MyGPTAssistants:
    """A client of a server on localhost; waits are not waited but only noted."""
    values = {"platform": "mygptassistants", "api_key": KEY, "bot_id": "bot_123", "base_url": base_url}
    # The requests of the samples are the platform's own examples, without a mark of ours.
    settings = MyGPTAssistantsSettings.model_validate({"allow_private": True, "mark_own": False, **values, **more})
    return MyGPTAssistants("support", settings, edges=edges or Edges(clock=FakeClock(auto=True), jitter=lambda: 0.5))


class Scripted(AbstractResolver):
    """Answers every look-up with these addresses, and keeps the names."""

    def __init__(self, *addresses: str) -> None:
        self._addresses: Sequence[str] = addresses
        self.asked: list[str] = []

    @override
    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        self.asked.append(host)
        return [
            ResolveResult(hostname=host, host=address, port=port, family=socket.AF_INET, proto=0, flags=0)
            for address in self._addresses
        ]

    @override
    async def close(self) -> None: ...


def by_name(other: MyGPTAssistants, resolver: Scripted | None = None) -> MyGPTAssistants:
    """A client of the same server that calls it by a name."""
    url = other._settings.base_url.replace("127.0.0.1", "api.example.com")
    found = resolver or Scripted("127.0.0.1")
    return open_client(url, edges=Edges(clock=FakeClock(auto=True), resolver=lambda: found))


class Platform:
    """Gives the answers of the samples in order, whatever it is asked, and keeps what it was asked."""

    def __init__(self, *names: str) -> None:
        self._answers = [sample(name)["answer"] for name in names]
        self.asked: list[dict[str, Any]] = []
        self.peers: set[object] = set()

    def also(self, *, headers: dict[str, str]) -> None:
        """Add headers to the answers that are ready."""
        self._answers = [answer | {"headers": answer["headers"] | headers} for answer in self._answers]

    async def answer(self, request: web.Request) -> web.Response:
        """Note the request and answer it; beyond those every request is a 418."""
        body = await request.read()
        headers = {name: value for name, value in request.headers.items() if name not in {"Host", "Content-Length"}}
        asked = {"method": request.method, "target": request.raw_path, "headers": headers}
        self.asked.append(asked | ({"body": json.loads(body)} if body else {}))
        self.peers.add(request.transport and request.transport.get_extra_info("peername"))
        if not self._answers:
            return web.Response(status=418)
        told = self._answers.pop(0)
        content = told["text"] if "text" in told else json.dumps(told["body"]) if "body" in told else ""
        return web.Response(status=told["status"], headers=told["headers"], body=content.encode())


@asynccontextmanager
async def replaying(*names: str, **more: Any) -> AsyncIterator[tuple[MyGPTAssistants, Platform]]:
    """A client and the platform it calls, with these answers ready."""
    platform = Platform(*names)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", platform.answer)
    async with TestServer(app) as server, open_client(str(server.make_url("/api/v1")), **more) as client:
        yield client, platform


@asynccontextmanager
async def talking(talk: Talk, **more: Any) -> AsyncIterator[MyGPTAssistants]:
    """A client whose server speaks by hand; connections still open at the end are dropped."""
    tasks = set[asyncio.Task[None]]()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await talk(reader, writer)
        except (ConnectionError, asyncio.CancelledError, asyncio.IncompleteReadError):
            # the client hung up, or the test is over: either is the end of this connection
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        async with open_client(f"http://127.0.0.1:{port}/api/v1", **more) as client:
            yield client
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()


async def read_request(reader: asyncio.StreamReader) -> bytes:
    """Read one request whole and return it."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(
        (int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0
    )
    return head + await reader.readexactly(length)
