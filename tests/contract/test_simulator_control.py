"""The control API of the simulator."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from simulator import AddressTakenError, Simulator, SimulatorError, SystemClock
from tests.contract.simulators import Caller, Inbox, inbox, running, until

MGA = {"platform": "mygptassistants"}


@pytest.fixture
async def box() -> AsyncIterator[Inbox]:
    async with inbox() as box:
        yield box


@pytest.fixture
async def sim() -> AsyncIterator[Caller]:
    """A simulator on the real clock."""
    async with running(clock=SystemClock()) as caller:
        yield caller


async def connect(sim: Caller, box: Inbox, **more: Any) -> str:
    status, shown = await sim.control("POST", "/webhooks", {**MGA, "url": box.url, "secret": "s3cret", **more})
    assert status == 201
    webhook_id: str = shown["id"]
    return webhook_id


async def test_the_index_names_platforms_and_events(sim: Caller) -> None:
    """What can be called and what can be emitted."""
    status, index = await sim.control("GET", "")
    platform = index["platforms"][0]
    assert (status, platform["name"], platform["base_path"], len(platform["events"])) == (
        200,
        "mygptassistants",
        "/mygptassistants/api/v1",
        9,
    )


async def test_a_webhook_comes_and_goes(sim: Caller, box: Inbox) -> None:
    """Registered, listed without its secret, unregistered, gone."""
    webhook_id = await connect(sim, box, events=["message.created"])
    _, listed = await sim.control("GET", "/webhooks")
    deleted, _ = await sim.control("DELETE", f"/webhooks/{webhook_id}")
    again, _ = await sim.control("DELETE", f"/webhooks/{webhook_id}")
    assert listed["webhooks"] == [
        {"id": webhook_id, "platform": "mygptassistants", "url": box.url, "events": ["message.created"]}
    ]
    assert (deleted, again) == (204, 404)


async def test_one_event_now(sim: Caller, box: Inbox) -> None:
    """With overrides, to the registered webhook."""
    await connect(sim, box)
    data = {"conversationId": "conv_9", "content": "Where is my order?", "metadata": {"email": "ada@example.com"}}
    order = {**MGA, "type": "message.created", "overrides": {"id": "evt_1", "data": data}}
    status, emitted = await sim.control("POST", "/emit", order)
    await until(lambda: bool(box.bodies))
    assert (status, emitted) == (202, {"event_id": "evt_1", "lane": "conv_9", "webhooks": 1})
    assert {name: box.events[0]["data"][name] for name in data} == data


async def test_a_conversation_by_script(sim: Caller, box: Inbox) -> None:
    """A visitor with a name says two things, the bot answers, the conversation is resolved."""
    await connect(sim, box)
    order = {
        **MGA,
        "visitor": {"user_id": "user_1", "name": "Ada", "email": "ada@example.com"},
        "says": ["Hello", "Thanks, bye"],
        "over": 0.02,
        "source": "checkout",
        "complete": True,
    }
    status, _ = await sim.control("POST", "/conversations", order)
    await until(lambda: "conversation.completed" in box.types)
    _, listed = await sim.control("GET", "/conversations")
    shown = listed["conversations"][0]
    assert (status, shown["said"], shown["of"], shown["done"], shown["error"]) == (202, 2, 2, True, None)
    assert box.types.count("message.created") == 4
    assert box.events[1]["data"]["metadata"] == {
        "userId": "user_1",
        "source": "checkout",
        "name": "Ada",
        "email": "ada@example.com",
    }


async def test_deliveries_are_listed_with_their_statuses(sim: Caller, box: Inbox) -> None:
    """Every attempt, and what came of it; the query chooses."""
    await connect(sim, box)
    box.statuses.append(503)
    await sim.control("POST", "/emit", {**MGA, "type": "bot.updated", "overrides": {"id": "evt_1"}})
    await sim.control("POST", "/emit", {**MGA, "type": "bot.published"})
    async with asyncio.timeout(10):
        await sim.simulator.settled()
    _, chosen = await sim.control("GET", "/deliveries?type=bot.updated&state=delivered")
    _, none = await sim.control("GET", "/deliveries?state=failed")
    delivery = chosen["deliveries"][0]
    assert (delivery["event_id"], [attempt["status"] for attempt in delivery["attempts"]]) == ("evt_1", [503, 202])
    assert (len(chosen["deliveries"]), none["deliveries"]) == (1, [])


async def test_received_messages_are_listed(sim: Caller) -> None:
    """What came through the API, with its own metadata: the proof that a follow-up was sent."""
    await sim.control("POST", "/conversations", {**MGA, "says": ["Hello"], "bot_id": "bot_1", "conversation_id": "c1"})
    follow_up = {"message": "Did that help?", "conversationId": "c1", "metadata": {"source": "hookline"}}
    await sim.call("POST", "/chat/bot_1/message", follow_up)
    await sim.call("POST", "/bot/bot_1", {"message": "Hello"})
    _, received = await sim.control("GET", "/received?conversation_id=c1")
    shown = received["messages"][0]
    assert len(received["messages"]) == 1
    assert (shown["endpoint"], shown["content"], shown["metadata"]) == (
        "message",
        "Did that help?",
        {"source": "hookline"},
    )


async def test_faults_come_and_go(sim: Caller) -> None:
    """Ordered, listed with what is left, cleared."""
    status, _ = await sim.control("POST", "/faults", {"kind": "server_error", "route": "chat", "count": 3})
    broken, _ = await sim.call("POST", "/chat/bot_1/message", {"message": "Hello"})
    _, listed = await sim.control("GET", "/faults")
    cleared, _ = await sim.control("DELETE", "/faults")
    good, _ = await sim.call("POST", "/chat/bot_1/message", {"message": "Hello"})
    assert (status, broken, listed["faults"][0]["left"], cleared, good) == (201, 503, 2, 204, 200)


async def test_reset_forgets_everything(sim: Caller, box: Inbox) -> None:
    """Conversations, contacts, what was received and delivered, limits, faults and webhooks."""
    await connect(sim, box)
    await sim.call("POST", "/chat/bot_1/message", {"message": "Hello", "conversationId": "conv_1"})
    await sim.call("POST", "/contacts", {"name": "Ada"})
    await sim.control("POST", "/faults", {"kind": "reset", "route": "chat", "count": None})
    await sim.control("POST", "/conversations", {**MGA, "says": ["a", "b"], "over": 3600})
    status, _ = await sim.control("POST", "/reset")
    left = [
        (await sim.control("GET", path))[1]
        for path in ("/webhooks", "/deliveries", "/received", "/faults", "/conversations")
    ]
    _, history = await sim.call("GET", "/chat/bot_1/conversations/conv_1")
    _, contacts = await sim.call("GET", "/contacts")
    assert status == 204
    assert [list(item.values()) for item in left] == [[[]]] * 5
    assert (history["data"]["messages"], contacts["data"]["contacts"]) == ([], [])


async def test_reset_breaks_off_what_is_held(sim: Caller) -> None:
    """The next test must not meet a request of the last one."""
    await sim.control("POST", "/faults", {"kind": "half_open", "route": "chat"})
    held = asyncio.create_task(sim.call("POST", "/chat/bot_1/message", {"message": "Hello"}))
    await until(lambda: not sim.simulator.world.faults.active())
    await sim.control("POST", "/reset")
    with pytest.raises(aiohttp.ClientConnectionError):
        await held


async def test_reset_begins_the_limits_anew(sim: Caller) -> None:
    """Nobody inherits a spent minute."""
    url = f"{sim.simulator.base_url()}/chat/bot_1/message"
    told = []
    for _ in range(2):
        async with sim.session.post(url, json={"message": "Hello"}) as answer:
            told.append(answer.headers["X-RateLimit-Remaining"])
        await sim.control("POST", "/reset")
    assert told == ["99", "99"]


async def test_reset_can_keep_the_webhooks(sim: Caller, box: Inbox) -> None:
    """Between two tests of one receiver."""
    webhook_id = await connect(sim, box)
    await sim.control("POST", "/reset", {"webhooks": False})
    _, listed = await sim.control("GET", "/webhooks")
    assert [item["id"] for item in listed["webhooks"]] == [webhook_id]


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "told"),
    [
        ("POST", "/webhooks", b"{", 400, "not JSON"),
        ("POST", "/webhooks", {"platform": "gptbotz", "url": "http://a", "secret": "s"}, 404, "unknown platform"),
        ("POST", "/webhooks", {**MGA, "url": "ftp://a", "secret": "s"}, 400, "a webhook needs a url"),
        ("POST", "/webhooks", {**MGA, "url": "http://a", "secret": ""}, 400, "secret"),
        ("POST", "/webhooks", {**MGA, "url": "http://a", "secret": "s", "evnets": []}, 400, "evnets"),
        ("POST", "/emit", {**MGA, "type": "message.create"}, 400, "sends no"),
        ("POST", "/emit", {**MGA, "type": 5}, 400, "type"),
        ("POST", "/conversations", {**MGA, "says": []}, 400, "says"),
        ("POST", "/conversations", {**MGA, "says": ["a"], "over": -1}, 400, "over"),
        ("POST", "/faults", {"kind": "duplicate", "route": "chat"}, 400, "cannot happen on route chat"),
        ("POST", "/faults", {"kind": "reset", "route": "chat", "platform": "x"}, 404, "unknown platform"),
        ("POST", "/reset", {"webhooks": "perhaps"}, 400, "webhooks"),
        ("GET", "/nothing", None, 404, "Not Found"),
        ("PUT", "/emit", {}, 405, "Method Not Allowed"),
    ],
)
async def test_an_order_that_cannot_be_carried_out_says_why(
    sim: Caller, method: str, path: str, body: object, status: int, told: str
) -> None:
    """In one sentence, with the field at fault."""
    answered, answer = await sim.control(method, path, body)
    assert answered == status
    assert told in answer["error"]


async def test_a_taken_port_is_told_clearly(sim: Caller) -> None:
    """With the address and what to do."""
    port = int(sim.simulator.url.rsplit(":", 1)[1])
    with pytest.raises(AddressTakenError, match=rf"127\.0\.0\.1:{port} because the port is taken"):
        await Simulator(port=port).start()


def test_before_the_start_there_is_no_address() -> None:
    """The error says what to do."""
    with pytest.raises(SimulatorError, match=r"await start\(\) first"):
        _ = Simulator().url


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 415),
        ({"Content-Type": "application/json", "Host": "rebound.example"}, 403),
        ({"Content-Type": "application/json", "Origin": "https://page.example"}, 403),
        ({"Content-Type": "application/json; charset=utf-8", "Host": "localhost:8789"}, 202),
    ],
)
async def test_no_page_of_the_web_can_order_anything(sim: Caller, headers: dict[str, str], status: int) -> None:
    """What a browser sends of itself, or for a name that leads here; those who mean it say JSON."""
    order = {**MGA, "type": "message.created"}
    answered, _ = await sim.ask(
        "POST", f"{sim.simulator.url}/_control/emit", json.dumps(order).encode(), headers=headers
    )
    assert (answered, len(sim.simulator.deliveries)) == (status, 0)
    unread, _ = await sim.ask("GET", f"{sim.simulator.url}/_control/received", headers={"Host": "rebound.example"})
    assert unread == 403
