"""YourGPT on localhost, replaying documented exchanges."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from typing_extensions import override

from clients.http import Edges
from clients.settings import YourGPTSettings
from clients.yourgpt import YourGPT
from tests.contract.wire import Platform, Samples
from tests.unit.clients.clocks import FakeClock

SAMPLES = Samples("yourgpt")
sample, requests = SAMPLES.sample, SAMPLES.requests
KEY = {"api_key": "apk-key", "widget_uid": "w-123"}
TOKEN = {"api_key": "api-v1-token", "project_uid": "p-123"}


def open_client(base_url: str, *, edges: Edges | None = None, **more: Any) -> YourGPT:
    """A client of a server on localhost, by a project's key unless told otherwise; waits are only noted."""
    uids = {"widget_uid", "project_uid"} & more.keys()
    values = {"platform": "yourgpt", "base_url": base_url, "allow_private": True, **({} if uids else KEY)}
    settings = YourGPTSettings.model_validate({**values, **more})
    return YourGPT("helpdesk", settings, edges=edges or Edges(clock=FakeClock(auto=True), jitter=lambda: 0.5))


class Forms(Platform):
    """Keeps forms as they came."""

    def stream_at(self, url: str) -> None:
        """Name the address of the stream in the answers that are ready."""
        for told in self._answers:
            if isinstance(told.get("body"), dict) and "stream_url" in (told["body"].get("data") or {}):
                told["body"]["data"]["stream_url"] = url

    @override
    async def answer(self, request: web.Request) -> web.Response:
        if request.content_type != "application/x-www-form-urlencoded":
            return await super().answer(request)
        headers = {name: value for name, value in request.headers.items() if name not in {"Host", "Content-Length"}}
        form = await request.text()
        self.asked.append({"method": request.method, "target": request.raw_path, "headers": headers, "form": form})
        told = self._answers.pop(0)
        return web.json_response(told["body"], status=told["status"])


@asynccontextmanager
async def replaying(*names: str, **more: Any) -> AsyncIterator[tuple[YourGPT, Forms]]:
    """A client and the platform it calls, with these answers ready."""
    platform = Forms(SAMPLES.answers(*names))
    async with platform.served() as at, open_client(at("/chatbot/v1"), **more) as client:
        platform.stream_at(at("/stream/1?x=2"))
        yield client, platform
