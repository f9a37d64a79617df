"""CustomGPT.ai on localhost, replaying documented exchanges."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from clients.customgpt import CustomGPT
from clients.http import Edges
from clients.settings import CustomGPTSettings
from tests.contract.wire import Platform, Samples
from tests.unit.clients.clocks import FakeClock

SAMPLES = Samples("customgpt")
sample, requests = SAMPLES.sample, SAMPLES.requests
KEY = "cg-key"
# What tests of anything but limits may call.
UNLIMITED = {"chat": "1000/s", "data": "1000/s"}


def open_client(base_url: str, *, edges: Edges | None = None, **more: Any) -> CustomGPT:
    """A client of a server on localhost; waits are not waited but only noted."""
    values = {"platform": "customgpt", "api_key": KEY, "project_id": 2021, "base_url": base_url, "limits": UNLIMITED}
    # The requests of the samples are the platform's own examples, without a mark of ours.
    settings = CustomGPTSettings.model_validate({"allow_private": True, "mark_own": False, **values, **more})
    return CustomGPT("help", settings, edges=edges or Edges(clock=FakeClock(auto=True), jitter=lambda: 0.5))


@asynccontextmanager
async def replaying(*names: str, **more: Any) -> AsyncIterator[tuple[CustomGPT, Platform]]:
    """A client and the platform it calls, with these answers ready."""
    platform = Platform(SAMPLES.answers(*names))
    async with platform.served() as at, open_client(at("/api/v1"), **more) as client:
        yield client, platform
