"""The control API, `/_control`: where webhooks go, what happens next, what happened. Local and without a key.

| request | body → answer |
|---|---|
| GET /_control | → platforms, their base URLs' paths and events |
| POST /_control/webhooks | `{platform, url, secret, events?}` → 201 `{id, platform, url, events}` |
| GET /_control/webhooks | → `{webhooks}` |
| DELETE /_control/webhooks/{id} | → 204 |
| POST /_control/emit | `{platform, type, overrides?, raw?}` → 202 `{event_id, lane, webhooks}` |
| POST /_control/conversations | a `Script` and `platform` → 202 `{conversation}` |
| GET /_control/conversations | → `{conversations}`, the scripted ones |
| GET /_control/deliveries?platform&state&type&event_id | → `{deliveries}`, oldest first |
| GET /_control/received?platform&conversation_id | → `{messages}` that came in through the platform's API |
| POST /_control/faults | a `Fault` → 201 |
| GET, DELETE /_control/faults | → `{faults}`; → 204 |
| POST /_control/reset | `{webhooks?}` → 204 |

Bodies are JSON, and say so (`Content-Type: application/json`): what a page of the web can send without being asked for
is refused, as is what it sends by a name of its own. An error is `{"error": text}` with 400, 403, 404, 405 or 415.
"""

from collections.abc import Sequence
from typing import Any, TypeVar

from aiohttp import web
from aiohttp.typedefs import Handler
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from schemas.hosts import foreign
from simulator.errors import ControlError, InvalidJsonError
from simulator.faults import Fault
from simulator.platforms import Emission
from simulator.script import Performance, Script
from simulator.wire import JsonObject, answer, parse_object
from simulator.world import World

Model = TypeVar("Model", bound=BaseModel)


class _Order(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class WebhookOrder(_Order):
    """Register a webhook."""

    platform: str = Field(description="Whose webhooks.")
    url: str = Field(max_length=2_000, description="Where they are posted to.")
    secret: str = Field(min_length=1, max_length=1_000, description="What they are signed with.")
    events: tuple[str, ...] | None = Field(default=None, description="Only these types; all when not given.")


class EmitOrder(_Order):
    """Send one event now."""

    platform: str = Field(description="Whose event.")
    type: str = Field(description="One of its types, as `GET /_control` lists them.")
    overrides: dict[str, Any] = Field(default={}, description="Laid over the event key by key.")
    raw: str | None = Field(
        default=None,
        description="Sent instead of the event's JSON, signed all the same: a body that does not validate.",
    )


class ScriptOrder(Script):
    """Start a scripted conversation."""

    platform: str = Field(description="Where the visitor talks.")


class ResetOrder(_Order):
    """Forget everything; the registered webhooks too unless `webhooks` is false."""

    webhooks: bool = Field(default=True, description="Whether the registered webhooks are forgotten too.")


class Control:
    """The endpoints over one world."""

    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> Sequence[web.RouteDef]:
        """Return all endpoints, relative to `/_control`."""
        return [
            web.get("", self.index),
            web.post("/webhooks", self.connect),
            web.get("/webhooks", self.webhooks),
            web.delete("/webhooks/{id}", self.disconnect),
            web.post("/emit", self.emit),
            web.post("/conversations", self.converse),
            web.get("/conversations", self.conversations),
            web.get("/deliveries", self.deliveries),
            web.get("/received", self.received),
            web.post("/faults", self.misbehave),
            web.get("/faults", self.faults),
            web.delete("/faults", self.behave),
            web.post("/reset", self.reset),
        ]

    async def index(self, _: web.Request) -> web.Response:
        """GET /_control."""
        platforms = [
            {"name": name, "base_path": f"/{name}{item.base_path}", "events": list(item.platform.events)}
            for name, item in self._world.endpoints.items()
        ]
        return answer({"platforms": platforms})

    async def connect(self, request: web.Request) -> web.Response:
        """POST /_control/webhooks."""
        order = await _order(request, WebhookOrder)
        subscription = self._world.connect(
            platform=order.platform, url=order.url, secret=order.secret, events=order.events
        )
        return answer(subscription.shown(), status=201)

    async def webhooks(self, _: web.Request) -> web.Response:
        """GET /_control/webhooks."""
        return answer({"webhooks": [item.shown() for item in self._world.around.sender.subscriptions]})

    async def disconnect(self, request: web.Request) -> web.Response:
        """DELETE /_control/webhooks/{id}."""
        if not await self._world.around.sender.unsubscribe(request.match_info["id"]):
            raise ControlError("there is no webhook of this id", status=404)
        return web.Response(status=204)

    async def emit(self, request: web.Request) -> web.Response:
        """POST /_control/emit."""
        order = await _order(request, EmitOrder)
        emission = Emission(order.type, order.overrides, order.raw)
        emitted = self._world.platform(order.platform).emit(emission)
        told = {"event_id": emitted.event_id, "lane": emitted.lane, "webhooks": emitted.webhooks}
        return answer(told, status=202)

    async def converse(self, request: web.Request) -> web.Response:
        """POST /_control/conversations."""
        order = await _order(request, ScriptOrder)
        performance = self._world.play(order.platform, order)
        return answer({"conversation": _shown(performance)}, status=202)

    async def conversations(self, _: web.Request) -> web.Response:
        """GET /_control/conversations."""
        return answer({"conversations": [_shown(item) for item in self._world.performances]})

    async def deliveries(self, request: web.Request) -> web.Response:
        """GET /_control/deliveries."""
        shown = [item.shown() for item in self._world.around.sender.deliveries]
        return answer({"deliveries": _chosen(request, shown, "platform", "state", "type", "event_id")})

    async def received(self, request: web.Request) -> web.Response:
        """GET /_control/received."""
        shown = [item.shown() for item in self._world.around.received]
        return answer({"messages": _chosen(request, shown, "platform", "conversation_id")})

    async def misbehave(self, request: web.Request) -> web.Response:
        """POST /_control/faults."""
        fault = await _order(request, Fault)
        if fault.platform is not None:
            self._world.platform(fault.platform)
        self._world.faults.add(fault)
        return answer(fault.model_dump(), status=201)

    async def faults(self, _: web.Request) -> web.Response:
        """GET /_control/faults."""
        active = [{**fault.model_dump(), "left": left} for fault, left in self._world.faults.active()]
        return answer({"faults": active})

    async def behave(self, _: web.Request) -> web.Response:
        """DELETE /_control/faults."""
        self._world.faults.clear()
        self._world.edge.release()
        return web.Response(status=204)

    async def reset(self, request: web.Request) -> web.Response:
        """POST /_control/reset."""
        order = await _order(request, ResetOrder)
        await self._world.reset(webhooks=order.webhooks)
        return web.Response(status=204)


@web.middleware
async def explain(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer what cannot be carried out with `{"error": text}`."""
    try:
        _refuse_pages(request)
        return await handler(request)
    except (ControlError, InvalidJsonError) as error:
        return answer({"error": str(error)}, status=getattr(error, "status", 400))
    except web.HTTPException as error:
        headers = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else None
        return answer(
            {"error": f"{error.reason}; GET /_control lists what there is"}, status=error.status, headers=headers
        )


def _refuse_pages(request: web.Request) -> None:
    """Let nobody order anything whose page a browser of this machine happens to show."""
    why = foreign(request.headers.get("Host", ""), request.headers.get("Origin"), ())
    if why is not None:
        raise ControlError(f"{why}: call the simulator by an address or as localhost", status=403)
    if request.can_read_body and request.content_type != "application/json":
        raise ControlError("say that the body is JSON: Content-Type: application/json, as curl --json does", status=415)


async def _order(request: web.Request, model: type[Model]) -> Model:
    """Return the request's body as `model`; an empty body is an empty object."""
    body = await request.read()
    try:
        return model.model_validate(parse_object(body or b"{}"))
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, item['loc'])) or 'body'}: {item['msg']}" for item in error.errors())
        raise ControlError(wrong) from None


def _shown(performance: Performance) -> JsonObject:
    return {
        "platform": performance.platform,
        "conversation_id": performance.conversation_id,
        "said": performance.said,
        "of": len(performance.script.says),
        "done": performance.done,
        "error": performance.error,
    }


def _chosen(request: web.Request, shown: Sequence[JsonObject], *names: str) -> list[JsonObject]:
    """Return the entries that have the values the query asks for."""
    wanted = {name: request.query[name] for name in names if name in request.query}
    return [item for item in shown if all(item[name] == value for name, value in wanted.items())]
