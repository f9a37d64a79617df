"""A running simulator, a caller with a key, and a receiver that keeps what it is sent."""

import asyncio
import io
import json
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

import aiohttp
from aiohttp import web

from simulator import Clock, ManualClock, RetryPolicy, Simulator

WITHIN: Final = 10.0
"""Seconds a test waits for what must happen."""

NO_OBJECT: Final = [b"", b"\xff\xfe\x00", b"not json", b"[]", b"null", b"[" * 100_000]
"""Bodies that hold no JSON object."""

QUICK: Final = RetryPolicy(attempts=8, first=0.02, factor=1.5, longest=0.2, jitter=0.0)


@dataclass
class Caller:
    """A simulator, its clock, and an HTTP session that sends a key."""

    simulator: Simulator
    session: aiohttp.ClientSession
    clock: Clock

    async def call(self, method: str, path: str, body: Any = None, **more: Any) -> tuple[int, Any]:
        """Call a path of MyGPTAssistants' API; see `ask`."""
        return await self.ask(method, self.simulator.base_url() + path, body, **more)

    async def control(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Call a path below /_control; see `ask`."""
        return await self.ask(method, f"{self.simulator.url}/_control{path}", body)

    async def ask(self, method: str, url: str, body: Any = None, **more: Any) -> tuple[int, Any]:
        """Status and parsed answer, None if it is empty; a body of bytes is sent as it is."""
        data = io.BytesIO(body) if isinstance(body, bytes) else None
        async with self.session.request(method, url, data=data, json=None if data else body, **more) as answer:
            text = await answer.text()
            return answer.status, json.loads(text) if text else None


class Bearer:
    """Calls a simulated platform that wants a key as bearer token."""

    platform: ClassVar[str]

    def __init__(self, caller: Caller) -> None:
        self.caller = caller
        self.url = caller.simulator.base_url(self.platform)

    async def call(self, method: str, path: str, body: Any = None, *, key: str = "a-key") -> tuple[int, Any]:
        """Call a path of its API; see `Caller.ask`."""
        return await self.caller.ask(method, self.url + path, body, headers={"Authorization": f"Bearer {key}"})


@asynccontextmanager
async def running(
    *, clock: Clock | None = None, limits: bool = True, delivery_timeout: float = 5.0
) -> AsyncIterator[Caller]:
    """Start a simulator on a free port; its clock stands still unless another is given."""
    used = clock or ManualClock()
    headers = {"Authorization": "Bearer mga_key", "Content-Type": "application/json"}
    async with (
        Simulator(clock=used, seed=1, retry=QUICK, delivery_timeout=delivery_timeout, limits=limits) as simulator,
        aiohttp.ClientSession(headers=headers, timeout=aiohttp.ClientTimeout(total=WITHIN)) as session,
    ):
        yield Caller(simulator, session, used)


@dataclass
class Inbox:
    """A receiver of webhooks: keeps raw bodies and headers, answers 202 or what it is told first."""

    url: str = ""
    bodies: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    statuses: deque[int] = field(default_factory=deque)
    # what each request announced as its length, those that broke off included
    announced: list[int | None] = field(default_factory=list)
    broken: int = 0

    async def receive(self, request: web.Request) -> web.Response:
        """Take one delivery; a redirect points back to here."""
        self.announced.append(request.content_length)
        try:
            body = await request.read()
        except (ConnectionError, web.HTTPException, asyncio.CancelledError):
            self.broken += 1
            raise
        self.bodies.append(body)
        self.headers.append({name.lower(): value for name, value in request.headers.items()})
        status = self.statuses.popleft() if self.statuses else 202
        return web.Response(status=status, headers={"Location": self.url} if status // 100 == 3 else None)

    @property
    def events(self) -> list[dict[str, Any]]:
        """The bodies, parsed."""
        return [json.loads(body) for body in self.bodies]

    @property
    def types(self) -> list[str]:
        """The types of the events, in order of arrival."""
        return [event["type"] for event in self.events]


@asynccontextmanager
async def inbox() -> AsyncIterator[Inbox]:
    """Serve an inbox on a free port."""
    box = Inbox()
    app = web.Application(client_max_size=16 * 1024 * 1024)
    app.router.add_post("/in/support", box.receive)
    runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    box.url = f"http://127.0.0.1:{runner.addresses[0][1]}/in/support"
    try:
        yield box
    finally:
        await runner.cleanup()


async def until(condition: Callable[[], bool]) -> None:
    """Wait until `condition` holds; TimeoutError after WITHIN seconds."""
    async with asyncio.timeout(WITHIN):
        while not condition():  # noqa: ASYNC110  # conditions are about another task or process
            await asyncio.sleep(0.005)
