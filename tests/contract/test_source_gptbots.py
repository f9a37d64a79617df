"""The simulated GPTBots and the receiver, each written from the platform's pages alone, understand each other."""

import asyncio
import json
from pathlib import Path
from typing import Any

from simulator import Script, Simulator, SystemClock, Visitor
from simulator.platforms import Emission
from tests.contract.receivers import Running, opened, receiving
from tests.contract.simulators import until

TOKEN = "path-token-0123456789"
STATIC = "gptbots-static-0123456789"
SOURCES: dict[str, dict[str, Any]] = {
    "helpdesk": {"platform": "gptbots", "token": TOKEN},
    "static": {"platform": "gptbots", "secrets": [STATIC]},
}


async def _told(running: Running, topic: str) -> list[tuple[str, dict[str, object]]]:
    """The types and data of the events in a topic."""
    return [
        ((record.header("ce_type") or b"").decode(), json.loads(record.value or b""))
        for record in await running.records(topic)
    ]


async def test_a_visitor_who_is_handed_off(tmp_path: Path) -> None:
    """Replies, the handoff with its contact, words to the person and the end: each is an event at the right key."""
    visitor = Visitor(user_id="u1", name="Ada", email="ada@example.com", phone="+15550001")
    script = Script(visitor=visitor, says=("Hello", "I want a human", "Are you there?"), over=0.1, complete=True)
    async with (
        opened(tmp_path) as (log, dedupe),
        receiving(log, dedupe, sources=SOURCES) as running,
        Simulator(clock=SystemClock(), seed=1) as simulator,
    ):
        url = f"http://127.0.0.1:{running.port}/in/helpdesk/{TOKEN}"
        await simulator.connect_webhook(platform="gptbots", url=url, secret="anything")
        performance = simulator.play(script, platform="gptbots")
        await until(lambda: performance.done)
        async with asyncio.timeout(10):
            await simulator.settled()
        told = await _told(running, "conversations")
        deliveries = simulator.deliveries
    assert sorted(f"{kind} {data.get('role') or data.get('status')}" for kind, data in told) == [
        "handoff.closed USER_CLOSED",
        "handoff.requested None",
        "message.created assistant",
        "message.created assistant",
        "message.created user",
    ]
    handoff = next(data for kind, data in told if kind == "handoff.requested")
    assert handoff["contact"] == {"id": "u1", "email": "ada@example.com", "phone": "+15550001"}
    ours = {data["conversation_id"] for _, data in told}
    assert ours == {performance.conversation_id, handoff["conversation_id"]}
    assert [one.state for one in deliveries] == ["delivered"] * 5


async def test_the_answers_are_those_of_the_page(tmp_path: Path) -> None:
    """A handoff's call gets 200 and `{code, message}`, again for a copy; a reply gets 202 and its id."""
    call = b'{"conversation_id":"h1","timestamp":1705312800123,"body":"hi"}'
    reply = b'{"conversation_id":"c1","message_id":"m1","output":[{"content":{"text":"hi"}}]}'
    headers = [(b"Content-Type", b"application/json")]
    async with opened(tmp_path) as (log, dedupe), receiving(log, dedupe, sources=SOURCES) as running:
        first, copy = [await running.request("POST", f"/in/helpdesk/{TOKEN}/chat", call, headers) for _ in range(2)]
        told = await running.request("POST", f"/in/helpdesk/{TOKEN}", reply, headers)
        events = await running.records("conversations")
    for answer in (first, copy):
        assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
        assert answer.json() == {"code": 0, "message": "success"}
    assert (told.status, told.json()["ids"]) == (202, ["message.created:m1"])
    assert len(events) == 2


async def test_replies_with_the_static_header(tmp_path: Path) -> None:
    """What the simulator sends with its header is taken; without it, or with another, it is refused."""
    async with (
        opened(tmp_path) as (log, dedupe),
        receiving(log, dedupe, sources=SOURCES) as running,
        Simulator(clock=SystemClock(), seed=1) as simulator,
    ):
        url = f"http://127.0.0.1:{running.port}/in/static"
        await simulator.connect_webhook(platform="gptbots", url=url, secret=STATIC, events=["reply", "reply-v1"])
        status = await _emitted(simulator, "reply-v1")
        refused = await running.request("POST", "/in/static", b"{}", [(b"Authorization", b"Bearer other")])
        told = await _told(running, "conversations")
    assert (status, refused.status) == ("delivered", 401)
    assert [(kind, data["role"]) for kind, data in told] == [("message.created", "assistant")]


async def _emitted(simulator: Simulator, event_type: str) -> str:
    """Have something posted, and say how its delivery ended."""
    simulator.world.platform("gptbots").emit(Emission(event_type, {}))
    async with asyncio.timeout(10):
        await simulator.settled()
    return simulator.deliveries[-1].state
