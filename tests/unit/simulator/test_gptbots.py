"""What GPTBots does, and the webhooks that follow."""

import json
from random import Random
from typing import Any

import pytest

from simulator.clock import ManualClock
from simulator.demo import Demo
from simulator.errors import ControlError, RefusedError
from simulator.gptbots import DEFAULT_BOT, SUFFIXES, GPTBots, sign
from simulator.gptbots_users import Users, user_id_of
from simulator.platforms import Emission
from simulator.world import World
from tests.unit.simulator.recording import RecordingPost

ADA = {"userId": "user_789", "source": "mobile_app", "email": "ada@example.com", "name": "Ada", "phone": "+1555"}
URL = "http://receiver.test/in/gptbots/token"


@pytest.fixture
def gptbots(world: World) -> GPTBots:
    """GPTBots with an address for everything it posts."""
    world.connect(platform="gptbots", url=URL, secret="static")
    platform = world.platform("gptbots")
    assert isinstance(platform, GPTBots)
    return platform


def _says(gptbots: GPTBots, text: str, conversation_id: str | None = None) -> str:
    return gptbots.visitor_says(text, conversation_id=conversation_id, metadata=ADA, bot_id=None)


def _paths(post: RecordingPost) -> list[str]:
    return [call.url.removeprefix(URL) for call in post.calls]


def _posted(post: RecordingPost, path: str) -> list[dict[str, Any]]:
    return [json.loads(call.body) for call in post.calls if call.url == URL + path]


def test_a_reply_has_a_static_header_and_no_signature() -> None:
    """As configured in the dashboard; without it there is none."""
    assert sign(b"{}", "static") == {"Content-Type": "application/json", "Authorization": "Bearer static"}
    assert sign(b"{}", None) == {"Content-Type": "application/json"}


async def test_a_visitor_gets_a_reply(gptbots: GPTBots, clock: ManualClock, post: RecordingPost) -> None:
    """The site sends in webhook mode, so the reply is posted; what the visitor said is not."""
    conversation = _says(gptbots, "What are your business hours?")
    await clock.advance(0)
    assert _paths(post) == [""]
    assert _posted(post, "")[0]["conversation_id"] == conversation
    assert post.calls[0].headers["Authorization"] == "Bearer static"


async def test_who_asks_for_a_person_is_handed_off(gptbots: GPTBots, clock: ManualClock, post: RecordingPost) -> None:
    """With what is known of them, the whole conversation, and an id of its own; the header stays away."""
    conversation = _says(gptbots, "I want a human")
    await clock.advance(0)
    (asked,) = _posted(post, "/conversation/establish")
    assert asked["conversation_id"] != conversation
    assert asked["user_info"] == {
        "phone": "+1555",
        "email": "ada@example.com",
        "user_id": "user_789",
        "anonymous_id": None,
    }
    assert (asked["email"], asked["bot_id"], asked["timestamp"]) == ("support@gptbots.ai", DEFAULT_BOT, 1705312800000)
    assert [item["message_type"] for item in asked["body"]] == ["QUESTION", "ANSWER"]
    assert "Authorization" not in next(call.headers for call in post.calls if call.url != URL)


async def test_words_in_a_handoff_go_to_the_person(gptbots: GPTBots, clock: ManualClock, post: RecordingPost) -> None:
    """And the person's come back to the reply webhook."""
    conversation = _says(gptbots, "I want a human")
    _says(gptbots, "Are you there?", conversation)
    await clock.advance(0)
    handoff = _posted(post, "/conversation/establish")[0]["conversation_id"]
    assert _posted(post, "/chat") == [
        {"conversation_id": handoff, "timestamp": 1705312800000, "body": "Are you there?"}
    ]
    gptbots.answer_handoff(handoff, "Yes, I am.")
    await clock.advance(0)
    assert _posted(post, "")[-1]["output"][0]["content"]["text"] == "Yes, I am."


async def test_unanswered_handoff_ends_after_a_minute(
    gptbots: GPTBots, clock: ManualClock, post: RecordingPost
) -> None:
    """With TIMEOUT; then the agent goes on."""
    conversation = _says(gptbots, "I want a human")
    await clock.advance(59)
    assert _posted(post, "/conversation/close") == []
    await clock.advance(1)
    (closed,) = _posted(post, "/conversation/close")
    assert (closed["type"], closed["timestamp"]) == ("TIMEOUT", 1705312860000)
    _says(gptbots, "Hello", conversation)
    await clock.advance(0)
    assert _posted(post, "")[-1]["output"][0]["content"]["text"] == "Hi! How can I help you today?"


@pytest.mark.parametrize("answered", [True, False])
async def test_ended_handoff_does_not_end_again(
    gptbots: GPTBots, clock: ManualClock, post: RecordingPost, *, answered: bool
) -> None:
    """A person who answers ends the waiting; a visitor who leaves says USER_CLOSED, once."""
    conversation = _says(gptbots, "I want a human")
    await clock.advance(0)
    if answered:
        gptbots.answer_handoff(_posted(post, "/conversation/establish")[0]["conversation_id"], "Yes?")
    else:
        gptbots.complete(conversation)
        gptbots.complete(conversation)
    await clock.advance(120)
    assert [item["type"] for item in _posted(post, "/conversation/close")] == ([] if answered else ["USER_CLOSED"])


async def test_completing_what_is_no_handoff_is_harmless(
    gptbots: GPTBots, clock: ManualClock, post: RecordingPost
) -> None:
    """GPTBots knows no resolved conversations."""
    gptbots.complete(_says(gptbots, "Hello"))
    gptbots.complete("nowhere")
    await clock.advance(0)
    assert _paths(post) == [""]


@pytest.mark.parametrize("event_type", list(SUFFIXES))
async def test_everything_can_be_emitted(
    gptbots: GPTBots, clock: ManualClock, post: RecordingPost, event_type: str
) -> None:
    """To the path it belongs to, with overrides, or as raw bytes."""
    emitted = gptbots.emit(Emission(event_type, {"extra": {"a": 1}}))
    gptbots.emit(Emission(event_type, {}, raw="{not json"))
    await clock.advance(0)
    assert _paths(post) == [SUFFIXES[event_type]] * 2
    bodies = [call.body for call in post.calls]
    assert b"{not json" in bodies
    assert next(json.loads(body) for body in bodies if body != b"{not json")["extra"] == {"a": 1}
    assert emitted.webhooks == 1


async def test_an_emitted_reply_is_in_the_history(gptbots: GPTBots) -> None:
    """The API agrees with what was told."""
    known = _says(gptbots, "Hello")
    for conversation in (known, "6657e7a1c9e77c0008a5b1c2"):
        gptbots.emit(Emission("reply", {"conversation_id": conversation, "message_id": f"in {conversation}"}))
        kept = gptbots.conversations.get(conversation)
        assert kept is not None
        assert kept.messages[-1].id == f"in {conversation}"


def test_an_unknown_event_is_refused(gptbots: GPTBots) -> None:
    """With the names there are."""
    with pytest.raises(ControlError, match=r"message\.created.*establish"):
        gptbots.emit(Emission("message.created", {}))


def test_the_missing_conversation_is_refused(gptbots: GPTBots) -> None:
    """A visitor cannot go on in it."""
    with pytest.raises(RefusedError) as caught:
        _says(gptbots, "Hello", "missing")
    assert caught.value.code == "40356"


async def test_reset_forgets_everything(gptbots: GPTBots) -> None:
    """Conversations, users, handoffs."""
    conversation = _says(gptbots, "I want a human")
    gptbots.reset()
    assert gptbots.conversations.get(conversation) is None
    assert gptbots.users.get("user_789") is None


async def test_the_demo_runs_on_it(world: World, gptbots: GPTBots, clock: ManualClock, post: RecordingPost) -> None:
    """In ten minutes visitors get replies, and some are handed off and given up."""
    visitors = Demo(gptbots, clock=world.around.clock, random=Random(7), pace=4.0)  # noqa: S311  # small talk, no secret
    async with visitors:
        await clock.advance(600)
    seen = set(_paths(post))
    assert seen == {"", "/conversation/establish", "/chat", "/conversation/close"}


def test_user_ids_keep_the_bound() -> None:
    """32 characters at most, the same for the same name."""
    assert user_id_of("u" * 32) == "u" * 32
    assert len(user_id_of("u" * 33)) == 32
    assert user_id_of("u" * 33) == user_id_of("u" * 33) != user_id_of("u" * 34)


def test_a_visitor_bound_anew_is_listed_once() -> None:
    """The newest binding counts."""
    users = Users()
    users.bind("ada", [{"anonymous_id": "a"}, {"anonymous_id": "b"}])
    users.bind("ada", [{"anonymous_id": "a"}])
    assert [one["anonymous_id"] for one in users.bound("ada")] == ["b", "a"]
    assert users.bound_to("b") == "ada"
