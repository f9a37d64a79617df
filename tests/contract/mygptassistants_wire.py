"""MyGPTAssistants on localhost, replaying documented exchanges or speaking by hand."""

import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from aiohttp.abc import AbstractResolver, ResolveResult
from typing_extensions import override

from clients.http import Edges
from clients.mygptassistants import MyGPTAssistants
from clients.settings import MyGPTAssistantsSettings
from tests.contract.wire import Platform, Samples, Talk, speaking
from tests.unit.clients.clocks import FakeClock

SAMPLES = Samples("mygptassistants")
sample, requests = SAMPLES.sample, SAMPLES.requests
KEY = "mga-key"


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


@asynccontextmanager
async def replaying(*names: str, **more: Any) -> AsyncIterator[tuple[MyGPTAssistants, Platform]]:
    """A client and the platform it calls, with these answers ready."""
    platform = Platform(SAMPLES.answers(*names))
    async with platform.served() as at, open_client(at("/api/v1"), **more) as client:
        yield client, platform


@asynccontextmanager
async def talking(talk: Talk, **more: Any) -> AsyncIterator[MyGPTAssistants]:
    """A client whose server speaks by hand."""
    async with speaking(talk) as url, open_client(f"{url}/api/v1", **more) as client:
        yield client
