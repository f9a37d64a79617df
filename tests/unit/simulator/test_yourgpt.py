"""What YourGPT does, and the webhooks that follow."""

import json
from random import Random
from typing import Any

import pytest

from simulator.clock import ManualClock
from simulator.demo import Demo
from simulator.errors import ControlError, RefusedError
from simulator.platforms import Emission
from simulator.world import World
from simulator.yourgpt import DEFAULT_PROJECT, EVENTS, YourGPT, sign
from tests.unit.simulator.recording import RecordingPost

ADA = {"userId": "user_789", "source": "mobile_app", "email": "ada@example.com", "name": "Ada", "phone": "+1555"}
URL = "http://receiver.test/in/yourgpt/token"


@pytest.fixture
async def yourgpt(world: World, clock: ManualClock, post: RecordingPost) -> YourGPT:
    """YourGPT with an address for everything it posts, which was pinged."""
    world.connect(platform="yourgpt", url=URL, secret="unused")
    await clock.advance(0)
    assert [json.loads(call.body)["event"] for call in post.calls] == ["ping"]
    post.calls.clear()
    platform = world.platform("yourgpt")
    assert isinstance(platform, YourGPT)
    return platform


def _says(yourgpt: YourGPT, text: str, session: str | None = None, **told: str) -> str:
    return yourgpt.visitor_says(text, conversation_id=session, metadata=told, bot_id=None)


def _messages(post: RecordingPost) -> list[dict[str, Any]]:
    return [json.loads(call.body)["data"]["message"] for call in post.calls]


def test_nothing_is_signed() -> None:
    """With a secret or without."""
    assert sign(b"{}", "secret") == sign(b"{}", None) == {"Content-Type": "application/json"}


async def test_a_new_webhook_is_pinged(world: World, clock: ManualClock, post: RecordingPost) -> None:
    """Also one that wants messages only; another platform's is not."""
    world.connect(platform="yourgpt", url=URL, secret="x", events=["message:received"])
    world.connect(platform="mygptassistants", url="http://receiver.test/in/support", secret="x")
    await clock.advance(0)
    [call] = post.calls
    assert (call.url, json.loads(call.body)) == (URL, {"event": "ping", "data": {"widget_uid": DEFAULT_PROJECT}})


async def test_every_message_is_posted(yourgpt: YourGPT, clock: ManualClock, post: RecordingPost) -> None:
    """The visitor's and the bot's, in order, with both ids of the session."""
    session = _says(yourgpt, "What are your business hours?")
    await clock.advance(0)
    asked, answered = _messages(post)
    assert (asked["send_by"], answered["send_by"]) == ("user", "assistant")
    assert asked["message_id"] < answered["message_id"]
    assert (str(asked["session_id"]), len(asked["session_uid"])) == (session, 17)
    assert json.loads(post.calls[0].body)["data"]["widget_uid"] == DEFAULT_PROJECT
    assert not {name for name in post.calls[0].headers if "signature" in name.lower()}


async def test_who_asks_for_a_person_waits(yourgpt: YourGPT, clock: ManualClock, post: RecordingPost) -> None:
    """The bot is silent until the session is resolved."""
    session = _says(yourgpt, "I want a human")
    _says(yourgpt, "Are you there?", session)
    yourgpt.complete(session)
    _says(yourgpt, "Hello", session)
    await clock.advance(0)
    senders = [message["send_by"] for message in _messages(post)]
    assert senders == ["user", "assistant", "user", "user", "assistant"]


async def test_an_operator_mutes_the_bot(yourgpt: YourGPT) -> None:
    """The session's mode switches with the first message."""
    session = yourgpt.open("shop")
    assert yourgpt.say(session, "Hi, I am Grace", send_by="operator").answered is None
    assert yourgpt.say(session, "Hello", send_by="user").answered is None
    assert session.metadata["chat_mode"] == "operator"


async def test_visitors_become_contacts(yourgpt: YourGPT) -> None:
    """One for each address, whichever session told it; nobody for who says nothing."""
    first = _says(yourgpt, "Hello", name="Ada", email="ada@example.com")
    second = _says(yourgpt, "Hello", email="ada@example.com", phone="+1555")
    third = _says(yourgpt, "Hello")
    [contact] = yourgpt.people.all(DEFAULT_PROJECT)
    assert (contact["name"], contact["email"], contact["phone"]) == ("Ada", "ada@example.com", "+1555")
    shown = [yourgpt.contact_of(yourgpt.sessions.get(name) or yourgpt.open("x")) for name in (first, second, third)]
    assert shown == [contact, contact, None]


async def test_what_is_emitted_stands_in_the_history(yourgpt: YourGPT, post: RecordingPost, clock: ManualClock) -> None:
    """So that a receiver that looks finds it."""
    message = {"message": "On order", "send_by": "assistant"}
    emitted = yourgpt.emit(Emission("message:received", {"data": {"message": message}}))
    await clock.advance(0)
    session = yourgpt.sessions.get(emitted.lane)
    assert session is not None
    assert [(said.role, said.content, said.id) for said in session.messages] == [
        ("assistant", "On order", emitted.event_id)
    ]
    assert _messages(post)[0]["message"] == "On order"


async def test_what_can_be_emitted(yourgpt: YourGPT) -> None:
    """The two known events, and no other; an unknown one is a raw body."""
    assert [yourgpt.emit(Emission(name, {})).webhooks for name in EVENTS] == [1, 1]
    assert yourgpt.emit(Emission("ping", {}, raw="\ud800")).webhooks == 1
    with pytest.raises(ControlError, match="yourgpt sends no 'chat'; it sends message:received, ping"):
        yourgpt.emit(Emission("chat", {}))


async def test_a_session_that_is_not_there(yourgpt: YourGPT) -> None:
    """Nothing is adopted: ids are the platform's to give."""
    with pytest.raises(RefusedError, match="Session not found"):
        _says(yourgpt, "Hello", "5")
    yourgpt.complete("5")


async def test_reset_forgets_everything(yourgpt: YourGPT) -> None:
    """Sessions, contacts and streams."""
    session = _says(yourgpt, "Hello", name="Ada")
    yourgpt.reset()
    assert (yourgpt.sessions.get(session), yourgpt.people.all(DEFAULT_PROJECT)) == (None, [])
    with pytest.raises(RefusedError):
        _says(yourgpt, "Hello", session)


async def test_it_can_be_demonstrated(yourgpt: YourGPT, clock: ManualClock, post: RecordingPost) -> None:
    """Made-up visitors talk with it as with any platform."""
    async with Demo(yourgpt, clock=clock, random=Random(1), pace=1.0, line_gap=1.0):  # noqa: S311 - no secrets
        await clock.advance(20)
    assert {message["send_by"] for message in _messages(post)} == {"user", "assistant"}
