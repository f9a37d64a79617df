"""The admin port over HTTP."""

from collections.abc import AsyncIterator, Mapping

import aiohttp
import pytest
from prometheus_client import CollectorRegistry, Gauge

from console.app import Found, told_once
from console.server import AdminServer


def letters(given: Mapping[str, str]) -> object:
    if given["name"] == "none":
        raise KeyError("none")
    return {"letters": list(given["name"])[: int(given.get("limit", "9"))]}


@pytest.fixture
async def url() -> AsyncIterator[str]:
    """An admin server with a metric and a check that fails."""
    registry = CollectorRegistry()
    Gauge("hookline_connections", "Open connections.", registry=registry).set(7)
    checks = {"log": lambda: Found(ok=False, detail="the broker is away"), "store": lambda: Found(ok=True)}
    server = AdminServer("127.0.0.1", 0, registry=registry, checks=checks, documents={"/letters/{name}": letters})
    await server.start()
    yield server.url
    await server.stop()


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/livez", 200),
        ("GET", "/readyz", 503),
        ("GET", "/metrics", 200),
        ("GET", "/", 404),
        ("PUT", "/livez", 405),
    ],
)
async def test_no_answer_tells_versions(url: str, method: str, path: str, status: int) -> None:
    """Neither of the language nor of the server."""
    async with aiohttp.ClientSession() as session, session.request(method, url + path) as answer:
        assert (answer.status, answer.headers["Server"]) == (status, "hookline")


async def test_failing_check_is_told_with_its_cause(url: str) -> None:
    """Here stands what the public port keeps to itself."""
    async with aiohttp.ClientSession() as session, session.get(f"{url}/readyz") as answer:
        body = await answer.json()
    assert body["checks"] == {"log": {"ok": False, "detail": "the broker is away"}, "store": {"ok": True, "detail": ""}}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "rebound.example:8788"}, 403),
        ({"Host": "127.0.0.1.rebound.example"}, 403),
        ({"Origin": "https://page.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Host": "127.0.0.1:1", "Origin": "http://127.0.0.1:1"}, 200),
        ({"Host": "localhost:8788"}, 200),
        ({"Host": "[::1]:8788"}, 200),
        ({"Host": "receive:8788"}, 200),
        ({"Host": "Metrics.Example.internal"}, 200),
    ],
)
async def test_what_a_page_of_the_web_may_have_sent_is_refused(headers: dict[str, str], status: int) -> None:
    """A name of its own that leads here, or an origin of its own; nothing is told it."""
    registry, names = CollectorRegistry(), ["metrics.example.INTERNAL"]
    server = AdminServer("127.0.0.1", 0, registry=registry, checks={}, documents={"/d": lambda _: {}}, names=names)
    await server.start()
    try:
        async with aiohttp.ClientSession(headers=headers) as session:
            for path in ("/metrics", "/readyz", "/d"):
                async with session.get(server.url + path) as answer:
                    assert (answer.status, "refused" in await answer.text()) == (status, status != 200)
    finally:
        await server.stop()


async def test_a_check_that_is_well_and_says_something_is_told_and_leaves_the_role_ready() -> None:
    """A handler that is paused, for instance."""
    checks = {"handlers": lambda: Found(ok=True, detail="h: paused")}
    server = AdminServer("127.0.0.1", 0, registry=CollectorRegistry(), checks=checks, documents={})
    await server.start()
    try:
        async with aiohttp.ClientSession() as session, session.get(f"{server.url}/readyz") as answer:
            assert (answer.status, (await answer.json())["status"]) == (200, "degraded")
    finally:
        await server.stop()


def test_a_cause_that_several_checks_tell_is_told_once() -> None:
    """The others point to the first one and say what it keeps from working."""
    away = "Kafka is away: nothing listens on kafka:9092"
    found = {
        "log": Found(ok=False, detail=away),
        "topics": Found(ok=False, detail=f"the event log does not answer: {away}"),
        "store": Found(ok=True),
        "handlers": Found(ok=False, detail=f"a, b: {away}; c: paused"),
        "polling": Found(ok=False, detail=f"s: not polled for 301 s: {away}"),
    }
    assert {name: one.detail for name, one in told_once(found).items()} == {
        "log": away,
        "topics": "the event log does not answer: see log",
        "store": "",
        "handlers": "a, b: see log; c: paused",
        "polling": "s: not polled for 301 s: see log",
    }


async def test_metrics_are_served(url: str) -> None:
    """As Prometheus reads them."""
    async with aiohttp.ClientSession() as session, session.get(f"{url}/metrics") as answer:
        assert "hookline_connections 7.0" in await answer.text()


@pytest.mark.parametrize(
    ("path", "status", "body"),
    [
        ("/letters/abc?limit=2", 200, {"letters": ["a", "b"]}),
        ("/letters/none", 404, {"status": "not-found"}),
        ("/letters/abc?limit=x", 400, {"status": "malformed"}),
    ],
)
async def test_a_document_is_told_as_json(url: str, path: str, status: int, body: object) -> None:
    """Of the path and the query; what is not there, or cannot be asked, is said."""
    async with aiohttp.ClientSession() as session, session.get(url + path) as answer:
        assert (answer.status, await answer.json()) == (status, body)
