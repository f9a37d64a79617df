"""GPTBots on localhost, replaying documented exchanges."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from clients.gptbots import GPTBots
from clients.http import Edges
from clients.settings import GPTBotsSettings
from tests.contract.wire import Platform, Samples
from tests.unit.clients.clocks import FakeClock

SAMPLES = Samples("gptbots")
sample, requests = SAMPLES.sample, SAMPLES.requests
KEY = "gb-key"
# What tests of anything but limits may call.
UNLIMITED = {"conversation": "1000/s", "workflow": "1000/s", "user": "1000/s"}


def open_client(base_url: str, *, edges: Edges | None = None, **more: Any) -> GPTBots:
    """A client of a server on localhost; waits are not waited but only noted."""
    values = {"platform": "gptbots", "api_key": KEY, "base_url": base_url, "allow_private": True, "limits": UNLIMITED}
    settings = GPTBotsSettings.model_validate({**values, **more})
    return GPTBots("helpdesk", settings, edges=edges or Edges(clock=FakeClock(auto=True), jitter=lambda: 0.5))


@asynccontextmanager
async def replaying(*names: str, **more: Any) -> AsyncIterator[tuple[GPTBots, Platform]]:
    """A client and the platform it calls, with these answers ready."""
    platform = Platform(SAMPLES.answers(*names))
    async with platform.served() as at, open_client(at(""), **more) as client:
        yield client, platform
