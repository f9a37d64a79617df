"""CustomGPT.ai on localhost, replaying documented exchanges."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

from clients.customgpt import CustomGPT
from clients.http import Edges
from clients.settings import CustomGPTSettings
from tests.contract import mygptassistants_wire as wire
from tests.unit.clients.clocks import FakeClock

SAMPLES = Path(__file__).parents[1] / "samples" / "customgpt"
KEY = "cg-key"
# What tests of anything but limits may call.
UNLIMITED = {"chat": "1000/s", "data": "1000/s"}


def sample(name: str) -> dict[str, Any]:
    """One exchange, written from the platform's page: where it stands, the request, the answer."""
    value: dict[str, Any] = json.loads((SAMPLES / f"rest_{name}.json").read_text(encoding="utf-8"))
    return value


def requests(*names: str) -> list[dict[str, Any]]:
    """The requests that make the platform give these answers."""
    return [sample(name)["request"] for name in names]


def open_client(base_url: str, *, edges: Edges | None = None, **more: Any) -> CustomGPT:
    """A client of a server on localhost; waits are not waited but only noted."""
    values = {"platform": "customgpt", "api_key": KEY, "project_id": 2021, "base_url": base_url, "limits": UNLIMITED}
    # The requests of the samples are the platform's own examples, without a mark of ours.
    settings = CustomGPTSettings.model_validate({"allow_private": True, "mark_own": False, **values, **more})
    return CustomGPT("help", settings, edges=edges or Edges(clock=FakeClock(auto=True), jitter=lambda: 0.5))


class Platform(wire.Platform):
    """Gives the answers of the samples in order, whatever it is asked, and keeps what it was asked."""

    def __init__(self, *names: str) -> None:
        super().__init__()
        self._answers = [sample(name)["answer"] for name in names]


@asynccontextmanager
async def replaying(*names: str, **more: Any) -> AsyncIterator[tuple[CustomGPT, Platform]]:
    """A client and the platform it calls, with these answers ready."""
    platform = Platform(*names)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", platform.answer)
    async with TestServer(app) as server, open_client(str(server.make_url("/api/v1")), **more) as client:
        yield client, platform
