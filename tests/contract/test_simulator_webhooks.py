"""Webhooks of the simulator, as a real receiver gets them."""

import asyncio
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator

import pytest

from simulator import Fault, Simulator, SystemClock
from tests.contract.simulators import Caller, Inbox, inbox, running, until

SECRET = "whsec_of_the_test"


@pytest.fixture
async def box() -> AsyncIterator[Inbox]:
    async with inbox() as box:
        yield box


@pytest.fixture
async def mga(box: Inbox) -> AsyncIterator[Caller]:
    """A simulator on the real clock, with one webhook to the inbox and quick retries."""
    async with running(clock=SystemClock()) as caller:
        await caller.simulator.connect_webhook(platform="mygptassistants", url=box.url, secret=SECRET)
        yield caller


def genuine(box: Inbox) -> list[bool]:
    return [
        headers.get("x-mga-signature") == f"sha256={hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()}"
        for headers, body in zip(box.headers, box.bodies, strict=True)
    ]


@pytest.fixture
async def hasty(box: Inbox) -> AsyncIterator[Caller]:
    """The same, giving a receiver half a second."""
    async with running(clock=SystemClock(), delivery_timeout=0.5) as caller:
        await caller.simulator.connect_webhook(platform="mygptassistants", url=box.url, secret=SECRET)
        yield caller


async def settled(mga: Caller) -> None:
    async with asyncio.timeout(10):
        await mga.simulator.settled()


async def test_a_turn_arrives_signed_and_in_order(mga: Caller, box: Inbox) -> None:
    """The four events of a first message, each with the signature of its exact bytes."""
    await mga.call("POST", "/chat/bot_1/message", {"message": "Grüße 🙏"})
    await settled(mga)
    assert box.types == ["conversation.created", "message.created", "message.created", "conversation.updated"]
    assert genuine(box) == [True] * 4
    assert box.headers[0]["content-type"] == "application/json"
    assert box.headers[0]["content-length"] == str(len(box.bodies[0]))


async def test_the_body_is_compact_json(mga: Caller, box: Inbox) -> None:
    """So that the vendor's own sample, which signs a re-serialised body, agrees with the bytes."""
    await mga.call("POST", "/chat/bot_1/message", {"message": "Hello"})
    await settled(mga)
    assert box.bodies[0].startswith(b'{"id":"evt_')
    assert b'","type":"conversation.created","timestamp":"' in box.bodies[0]


async def test_a_503_is_tried_again(mga: Caller, box: Inbox) -> None:
    """The same event until it is accepted, and the later ones of the conversation wait."""
    box.statuses.extend([503, 503])
    await mga.call("POST", "/chat/bot_1/message", {"message": "Hello"})
    await settled(mga)
    assert box.types == ["conversation.created"] * 3 + ["message.created"] * 2 + ["conversation.updated"]
    assert len({event["id"] for event in box.events}) == 4


async def test_a_receiver_that_starts_late_gets_everything(mga: Caller, box: Inbox) -> None:
    """Nobody listens at first: a refused connection is tried again."""
    for webhook in mga.simulator.world.around.sender.subscriptions:
        await mga.simulator.disconnect_webhook(webhook.id)
    async with inbox() as late:
        url = late.url
    await mga.simulator.connect_webhook(platform="mygptassistants", url=url, secret=SECRET)
    await mga.call("POST", "/chat/bot_1/message", {"message": "Hello"})
    await until(lambda: len(mga.simulator.deliveries[0].attempts) > 1)
    assert mga.simulator.deliveries[0].attempts[0].error == "ClientConnectorError"


async def test_a_silent_receiver_times_out(hasty: Caller, box: Inbox) -> None:
    """The attempt ends after the delivery time-out and says so."""

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    async with server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        await hasty.simulator.connect_webhook(platform="mygptassistants", url=url, secret=SECRET)
        await hasty.call("POST", "/chat/bot_1/message", {"message": "Hello"})
        mute = next(item for item in hasty.simulator.deliveries if item.subscription.url == url)
        await until(lambda: bool(mute.attempts))
    assert mute.attempts[0].error == "no answer within 0.5 s"


async def test_a_large_body_arrives_whole(mga: Caller, box: Inbox) -> None:
    """For a receiver's limits: sent on order, two MiB, signed."""
    order = {"platform": "mygptassistants", "type": "message.created", "raw": "x" * 2 * 1024 * 1024}
    await mga.control("POST", "/emit", json.dumps(order).encode())
    await settled(mga)
    assert [item.status for item in mga.simulator.deliveries[0].attempts] == [202]
    assert (len(box.bodies[0]), genuine(box)) == (2 * 1024 * 1024, [True])


async def test_a_redirect_is_not_followed(mga: Caller, box: Inbox) -> None:
    """It is an answer that does not accept."""
    box.statuses.append(302)
    await mga.call("POST", "/chat/bot_1/message", {"message": "Hello"})
    await settled(mga)
    assert [item.status for item in mga.simulator.deliveries[0].attempts] == [302, 202]


async def test_a_wrong_signature_arrives_and_is_repaired(mga: Caller, box: Inbox) -> None:
    """A receiver that refuses it gets the genuine one next."""
    box.statuses.append(401)
    mga.simulator.misbehave(Fault(kind="wrong_signature", route="webhook"))
    await mga.call("POST", "/chat/bot_1/message", {"message": "Hello"})
    await settled(mga)
    assert genuine(box) == [False, True, True, True, True]


async def test_duplicates_arrive(mga: Caller, box: Inbox) -> None:
    """Byte for byte."""
    mga.simulator.misbehave(Fault(kind="duplicate", route="webhook", together=True))
    await mga.call("POST", "/chat/bot_1/message", {"message": "Hello"})
    await settled(mga)
    assert (len(box.bodies), box.bodies[0] == box.bodies[1]) == (5, True)


@pytest.mark.parametrize(("kind", "error"), [("half_open", "no answer within 0.5 s"), ("reset", "ClientOSError")])
async def test_a_broken_connection_is_delivered_again(hasty: Caller, box: Inbox, kind: str, error: str) -> None:
    """The receiver is promised a whole body, sees half of it once, then everything."""
    hasty.simulator.misbehave(Fault.model_validate({"kind": kind, "route": "webhook"}))
    await hasty.call("POST", "/chat/bot_1/message", {"message": "Hello"})
    await settled(hasty)
    await until(lambda: box.broken == 1)
    assert hasty.simulator.deliveries[0].attempts[0].error == error
    assert box.announced == [len(box.bodies[0]), *map(len, box.bodies)]
    assert box.types == ["conversation.created", "message.created", "message.created", "conversation.updated"]


async def test_the_demo_is_heard_at_once_and_stops(mga: Caller, box: Inbox) -> None:
    """The first events are there within seconds; after the stop no new conversation begins."""
    began = time.monotonic()
    async with mga.simulator.demo(pace=0.05, line_gap=0.01) as demo:
        await until(lambda: "conversation.updated" in box.types)
        heard = time.monotonic() - began
        await until(lambda: demo.conversations >= 5)
    await settled(mga)
    begun = box.types.count("conversation.created")
    assert heard < 5.0
    assert begun == demo.conversations
    assert all(genuine(box))


async def test_stopping_does_not_wait_for_a_dead_receiver() -> None:
    """Pending deliveries are abandoned, demos and scripts end, and all sooner than an open handler would be."""
    async with asyncio.timeout(10):
        simulator = Simulator(seed=1)
        await simulator.start()
        await simulator.connect_webhook(platform="mygptassistants", url="http://127.0.0.1:9/", secret=SECRET)
        simulator.demo(pace=0.01)
        await until(lambda: len(simulator.deliveries) > 5)
        began = time.monotonic()
        await simulator.stop()
        await simulator.stop()
    assert time.monotonic() - began < 1.8
    assert "pending" not in {item.state for item in simulator.deliveries}
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_two_runs_do_not_repeat_ids(box: Inbox) -> None:
    """Without a seed: a receiver that remembers ids must not drop the second run."""
    for _ in range(2):
        async with Simulator() as simulator, asyncio.timeout(10):
            await simulator.connect_webhook(platform="mygptassistants", url=box.url, secret=SECRET)
            simulator.world.platform("mygptassistants").visitor_says(
                "Hello", conversation_id=None, metadata={}, bot_id=None
            )
            await simulator.settled()
    assert len({event["id"] for event in box.events}) == 8
