"""The admin port: metrics and health of a role. Never public; it listens on the loopback unless told otherwise."""

from collections.abc import Callable, Mapping

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST, generate_latest

# Check → (good, what happened and what to do).
Checks = Callable[[], Mapping[str, tuple[bool, str]]]


def build_app(*, registry: CollectorRegistry, checks: Checks) -> web.Application:
    """The admin application.

    Args:
        registry: the metrics to show on `/metrics`.
        checks: the named checks of `/readyz`; called for each request, so they cost nothing.
    """

    async def metrics(_request: web.Request) -> web.Response:
        return web.Response(body=generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def live(_request: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def ready(_request: web.Request) -> web.Response:
        found = checks()
        good = all(ok for ok, _ in found.values())
        body = {
            "status": "ok" if good else "unready",
            "checks": {
                name: {"ok": ok, **({"detail": detail} if detail else {})} for name, (ok, detail) in found.items()
            },
        }
        return web.json_response(body, status=200 if good else 503)

    app = web.Application()
    app.router.add_get("/metrics", metrics)
    app.router.add_get("/livez", live)
    app.router.add_get("/readyz", ready)
    return app
