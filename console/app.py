"""The admin port: metrics, health, and what else a role tells. Never public; on the loopback unless told otherwise."""

from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import NamedTuple

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from prometheus_client import CollectorRegistry
from prometheus_client import generate_latest as latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from schemas.hosts import foreign


class Found(NamedTuple):
    """What a check found."""

    ok: bool
    # What happened and what to do, for people; where it is ok all the same, it does less than one may expect.
    detail: str = ""


Check = Callable[[], Found]
"""Costs nothing: it tells the last known state."""


def told_once(found: Mapping[str, Found]) -> Mapping[str, Found]:
    """What checks found, each cause once: where one repeats what an earlier one says, it points to that."""
    told: dict[str, Found] = {}
    causes: dict[str, str] = {}
    for name, one in found.items():
        detail = one.detail
        for cause, earlier in causes.items():
            detail = detail.replace(cause, f"see {earlier}")
        told[name] = one._replace(detail=detail)
        if one.detail:
            causes.setdefault(one.detail, name)
    return told


Document = Callable[[Mapping[str, str]], object]
"""What is told as JSON under a path, of its variables and the query; a `KeyError` is a 404, a `ValueError` a 400."""


async def _named(_request: web.Request, response: web.StreamResponse) -> None:
    # The name of the software is no secret; versions and the language are nobody's business.
    response.headers["Server"] = "hookline"


def build_app(
    *,
    registry: CollectorRegistry,
    checks: Mapping[str, Check],
    documents: Mapping[str, Document],
    names: Collection[str] = (),
) -> web.Application:
    """The admin application.

    Args:
        registry: the metrics to show on `/metrics`.
        checks: the named checks of `/readyz`.
        documents: what else is told, by path as aiohttp writes one.
        names: by which it is called, beside addresses and names without a dot.
    """

    async def metrics(_request: web.Request) -> web.Response:
        return web.Response(body=latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def live(_request: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def ready(_request: web.Request) -> web.Response:
        found = told_once({name: check() for name, check in checks.items()})
        good, told = all(one.ok for one in found.values()), any(one.detail for one in found.values())
        status = "failing" if not good else "degraded" if told else "ok"
        body = {"status": status, "checks": {name: one._asdict() for name, one in found.items()}}
        return web.json_response(body, status=200 if good else 503)

    app = web.Application(middlewares=[_own_callers(names)])
    app.on_response_prepare.append(_named)
    app.router.add_get("/metrics", metrics)
    app.router.add_get("/livez", live)
    app.router.add_get("/readyz", ready)
    for path, document in documents.items():
        app.router.add_get(path, _telling(document))
    return app


def _own_callers(names: Collection[str]) -> Middleware:
    known = frozenset(name.lower() for name in names)

    @web.middleware
    async def refuse(request: web.Request, handler: Handler) -> web.StreamResponse:
        why = foreign(request.headers.get("Host", ""), request.headers.get("Origin"), known)
        if why is None:
            return await handler(request)
        advice = "if you sent it, call this port by an address or localhost, or name it under [console] names"
        return web.json_response({"status": "refused", "detail": f"{why}: {advice}"}, status=403)

    return refuse


def _telling(document: Document) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def tell(request: web.Request) -> web.Response:
        try:
            return web.json_response(document({**request.query, **request.match_info}))
        except KeyError:
            return web.json_response({"status": "not-found"}, status=404)
        except ValueError:
            return web.json_response({"status": "malformed"}, status=400)

    return tell
