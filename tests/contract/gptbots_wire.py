"""GPTBots on localhost, replaying documented exchanges."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

from clients.gptbots import GPTBots
from clients.http import Edges
from clients.settings import GPTBotsSettings
from tests.contract import mygptassistants_wire as wire
from tests.unit.clients.clocks import FakeClock

SAMPLES = Path(__file__).parents[1] / "samples" / "gptbots"
KEY = "gb-key"
# What tests of anything but limits may call.
UNLIMITED = {"conversation": "1000/s", "workflow": "1000/s", "user": "1000/s"}


def sample(name: str) -> dict[str, Any]:
    """One exchange, written from the platform's page: where it stands, the request, the answer."""
    value: dict[str, Any] = json.loads((SAMPLES / f"rest_{name}.json").read_text(encoding="utf-8"))
    return value


def requests(*names: str) -> list[dict[str, Any]]:
    """The requests that make the platform give these answers."""
    return [sample(name)["request"] for name in names]


def open_client(base_url: str, *, edges: Edges | None = None, **more: Any) -> GPTBots:
    """A client of a server on localhost; waits are not waited but only noted."""
    values = {"platform": "gptbots", "api_key": KEY, "base_url": base_url, "allow_private": True, "limits": UNLIMITED}
    settings = GPTBotsSettings.model_validate({**values, **more})
    return GPTBots("helpdesk", settings, edges=edges or Edges(clock=FakeClock(auto=True), jitter=lambda: 0.5))


class Platform(wire.Platform):
    """Gives the answers of the samples in order, whatever it is asked, and keeps what it was asked."""

    def __init__(self, *names: str) -> None:
        super().__init__()
        self._answers = [sample(name)["answer"] for name in names]


@asynccontextmanager
async def replaying(*names: str, **more: Any) -> AsyncIterator[tuple[GPTBots, Platform]]:
    """A client and the platform it calls, with these answers ready."""
    platform = Platform(*names)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", platform.answer)
    async with TestServer(app) as server, open_client(str(server.make_url("")), **more) as client:
        yield client, platform
