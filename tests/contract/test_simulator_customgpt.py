"""The simulated CustomGPT.ai answers as its description says."""

import json
from collections.abc import AsyncIterator

import pytest

from simulator.errors import ControlError
from simulator.platforms import Emission
from tests.contract.simulators import NO_OBJECT, Bearer, running

P = "/projects/2021"
HOSTILE = [
    *NO_OBJECT,
    b'{"prompt": NaN}',
    b"{}",
    b'{"prompt": 5, "name": 5, "reaction": 5, "messages": 5}',
    b'{"prompt": "", "name": "", "messages": []}',
    b'{"prompt": "x", "response_source": "loud", "name": {}, "messages": [5]}',
    json.dumps({"prompt": "x" * 10_001, "name": "x" * 256, "messages": [{"content": 5}]}).encode(),
    b'{"prompt": "' + b"x" * 1_100_000 + b'"}',
]


class CustomGpt(Bearer):
    """Calls CustomGPT.ai with a key."""

    platform = "customgpt"

    async def open(self) -> str:
        _, answer = await self.call("POST", f"{P}/conversations", {"name": "New Conversation Name"})
        return str(answer["data"]["session_id"])


@pytest.fixture
async def cg() -> AsyncIterator[CustomGpt]:
    """A simulator on a clock that stands still."""
    async with running() as caller:
        yield CustomGpt(caller)


async def test_the_quickstart(cg: CustomGpt) -> None:
    """Its three requests run with only the host replaced."""
    made = await cg.call(
        "POST", "/projects", {"project_name": "Test", "sitemap_path": "https://example.com/sitemap.xml"}
    )
    status, opened = await cg.call("POST", f"{P}/conversations", {"name": "New Conversation Name"})
    session = opened["data"]["session_id"]
    body = {"response_source": "default", "prompt": "Hello world"}
    sent = await cg.call("POST", f"{P}/conversations/{session}/messages", body)
    assert (made[0], status, sent[0]) == (201, 201, 200)
    assert sorted(opened["data"]) == [
        "created_at",
        "created_by",
        "deleted_at",
        "id",
        "name",
        "project_id",
        "session_id",
        "updated_at",
    ]
    data = sent[1]["data"]
    assert (data["user_query"], data["openai_response"]) == ("Hello world", "Hi! How can I help you today?")
    assert data["conversation_id"] == opened["data"]["id"]
    assert sorted(data["metadata"]) == ["external_id", "request_source", "user_agent", "user_ip"]


async def test_pages(cg: CustomGpt) -> None:
    """Ten on a page, newest first, with the fields that Laravel writes; a page behind the last is empty."""
    for _ in range(11):
        await cg.open()
    _, first = await cg.call("GET", f"{P}/conversations?orderBy=id")
    _, second = await cg.call("GET", f"{P}/conversations?page=2")
    _, third = await cg.call("GET", f"{P}/conversations?page=3")
    numbers = [item["id"] for item in first["data"]["data"] + second["data"]["data"]]
    assert numbers == sorted(numbers, reverse=True)
    assert (first["data"]["total"], first["data"]["last_page"], first["data"]["per_page"]) == (11, 2, 10)
    assert first["data"]["next_page_url"].endswith("/conversations?page=2")
    assert (second["data"]["next_page_url"], third["data"]["data"]) == (None, [])


async def test_stream(cg: CustomGpt) -> None:
    """Data-only events, the last with the status `finish`."""
    session = await cg.open()
    url = f"{cg.url}{P}/conversations/{session}/messages?stream=true"
    async with cg.caller.session.post(url, json={"prompt": "Hello"}) as answer:
        records = [json.loads(line[6:]) for line in (await answer.text()).splitlines() if line]
    assert "".join(record.get("message", "") for record in records) == "Hi! How can I help you today?"
    assert records[-1] == {"status": "finish"}


async def test_refusals(cg: CustomGpt) -> None:
    """Errors have the documented envelope, with the status as the code."""
    session = await cg.open()
    told = {
        "key": await cg.call("GET", f"{P}/conversations", key="invalid"),
        "project": await cg.call("GET", "/projects/missing/conversations"),
        "conversation": await cg.call("GET", f"{P}/conversations/none/messages"),
        "message": await cg.call("GET", f"{P}/conversations/{session}/messages/1"),
        "citation": await cg.call("GET", f"{P}/citations/1"),
        "path": await cg.call("GET", "/nothing"),
        "method": await cg.call("PATCH", f"{P}/conversations"),
        "credits": await cg.call("POST", "/projects/broke/chat/completions", {"messages": [{"content": "x"}]}),
        "unsupported": await cg.call("POST", f"{P}/chat/completions", {"messages": [], "tools": []}),
        "external id": await cg.call(
            "POST", f"{P}/conversations/{session}/messages?external_id={'x' * 129}", {"prompt": "x"}
        ),
    }
    assert {name: status for name, (status, _) in told.items()} == {
        "key": 401,
        "project": 404,
        "conversation": 404,
        "message": 404,
        "citation": 404,
        "path": 404,
        "method": 405,
        "credits": 429,
        "unsupported": 501,
        "external id": 400,
    }
    assert {(body["status"], body["data"]["code"] == status) for status, body in told.values()} == {("error", True)}


@pytest.mark.parametrize("body", HOSTILE, ids=range(len(HOSTILE)))
async def test_no_body_is_answered_5xx(cg: CustomGpt, body: bytes) -> None:
    """Whatever is sent, the answer is a documented refusal."""
    session = await cg.open()
    for method, path in (
        ("POST", f"{P}/conversations"),
        ("PUT", f"{P}/conversations/{session}"),
        ("POST", f"{P}/conversations/{session}/messages"),
        ("POST", f"{P}/chat/completions"),
        ("POST", "/projects"),
    ):
        status, told = await cg.call(method, path, body)
        assert (status, told["status"]) == (400, "error")


@pytest.mark.parametrize("query", ["page=0", "page=x", "order=up", "orderBy=name"])
async def test_odd_queries(cg: CustomGpt, query: str) -> None:
    """A parameter that is none is refused."""
    assert (await cg.call("GET", f"{P}/conversations?{query}"))[0] == 400


async def test_visitors_are_seen_by_asking(cg: CustomGpt) -> None:
    """It posts nothing: what a visitor says stands in the history and in the report."""
    platform = cg.caller.simulator.world.platform("customgpt")
    about = {"userId": "user_1", "source": "website_widget"}
    session = platform.visitor_says("Hello", conversation_id=None, metadata=about, bot_id=None)
    platform.visitor_says("Where is my order?", conversation_id=session, metadata=about, bot_id=None)
    _, history = await cg.call("GET", f"{P}/conversations/{session}/messages?order=asc")
    _, report = await cg.call("GET", f"{P}/reports/intelligence?start_date=2000-01-01&end_date=2100-01-01")
    prompts = history["data"]["messages"]["data"]
    assert [one["user_query"] for one in prompts] == ["Hello", "Where is my order?"]
    assert {one["metadata"]["external_id"] for one in prompts} == {"user_1"}
    assert [row["prompt_id"] for row in report["data"]["data"]] == [one["id"] for one in prompts][::-1]
    assert cg.caller.simulator.deliveries == ()


async def test_no_webhooks(cg: CustomGpt) -> None:
    """An address cannot be registered for events there are none of, and nothing is sent on order."""
    world = cg.caller.simulator.world
    assert world.platform("customgpt").events == ()
    with pytest.raises(ControlError, match="it sends nothing"):
        world.connect(platform="customgpt", url="http://127.0.0.1:1/in/x", secret="s", events=["message"])
    with pytest.raises(ControlError, match="it sends no webhooks and is polled"):
        world.platform("customgpt").emit(Emission("message", {}))


async def test_reset(cg: CustomGpt) -> None:
    """Everything is forgotten but which numbers were given: a poller's cursor must not stand above them."""
    before = (await cg.call("POST", f"{P}/conversations", {"name": "x"}))[1]["data"]["id"]
    await cg.caller.simulator.world.reset(webhooks=True)
    assert (await cg.call("GET", f"{P}/conversations"))[1]["data"]["data"] == []
    assert (await cg.call("POST", f"{P}/conversations", {"name": "x"}))[1]["data"]["id"] > before
