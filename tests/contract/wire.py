"""Platforms on localhost for the clients' suites: documented exchanges replayed, and servers that speak by hand."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from clients.account import Account
from clients.errors import ClientError

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Samples:
    """The exchanges of one platform, written from its pages."""

    def __init__(self, platform: str) -> None:
        self.folder = Path(__file__).parents[1] / "samples" / platform

    @property
    def names(self) -> list[str]:
        """Of all of them."""
        return [path.stem.removeprefix("rest_") for path in sorted(self.folder.glob("rest_*.json"))]

    def sample(self, name: str) -> dict[str, Any]:
        """One exchange: where it stands, the request, the answer."""
        value: dict[str, Any] = json.loads((self.folder / f"rest_{name}.json").read_text(encoding="utf-8"))
        return value

    def requests(self, *names: str) -> list[dict[str, Any]]:
        """The requests that make the platform give these answers."""
        return [self.sample(name)["request"] for name in names]

    def answers(self, *names: str) -> list[dict[str, Any]]:
        """These answers."""
        return [self.sample(name)["answer"] for name in names]


class Platform:
    """Gives answers in order, whatever it is asked, and keeps what it was asked."""

    def __init__(self, answers: list[dict[str, Any]]) -> None:
        self._answers = answers
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
    async def served(self) -> AsyncIterator[Callable[[str], str]]:
        """Serve it; gives what makes an address of a path."""
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self.answer)
        async with TestServer(app) as server:
            yield lambda path: str(server.make_url(path))


@asynccontextmanager
async def speaking(talk: Talk) -> AsyncIterator[str]:
    """The address of a server that speaks by hand; connections still open at the end are dropped."""
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
        yield f"http://127.0.0.1:{port}"
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


async def refused(opened: Callable[[str], Account], conversation: str, status: int, body: bytes) -> ClientError:
    """How a send ends that is answered like this, by a client made for an address."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        head = f"HTTP/1.1 {status} X\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        await writer.drain()

    async with speaking(talk) as url, opened(url) as client:
        with pytest.raises(ClientError) as caught:
            await client.send(conversation, "Hello")
    return caught.value
