"""What MyGPTAssistants does, and the events that follow."""

import json

import pytest

from simulator.clock import ManualClock
from simulator.errors import ControlError, RefusedError
from simulator.mygptassistants import EVENTS, MyGPTAssistants, sign
from simulator.platforms import Emission
from tests.unit.simulator.recording import RecordingPost

ADA = {"userId": "user_789", "source": "mobile_app", "email": "ada@example.com", "name": "Ada"}


def test_the_signature_is_the_published_vector() -> None:
    """HMAC-SHA256 over the bytes, lower-case hex, computed elsewhere for this secret and body."""
    headers = sign(b'{"id":"evt_1","type":"message.created"}', "test_secret")
    assert headers["x-mga-signature"] == "sha256=94ab003b451d007994df843648544a5f22f0e369c45efeef747c8571b6c9d1e6"


def test_without_a_secret_there_is_no_signature() -> None:
    """For the fault that leaves it out."""
    assert "x-mga-signature" not in sign(b"{}", None)


def test_the_platform_has_its_nine_documented_events() -> None:
    """Names as its Webhooks page lists them."""
    assert EVENTS == (
        "conversation.created",
        "conversation.updated",
        "conversation.completed",
        "message.created",
        "message.updated",
        "message.deleted",
        "bot.updated",
        "bot.published",
        "bot.disabled",
    )


async def test_the_first_message_sends_four_events(
    platform: MyGPTAssistants, clock: ManualClock, post: RecordingPost
) -> None:
    """The conversation begins, both messages, then the conversation changed."""
    turn = platform.say("What are your business hours?", bot_id="bot_1", conversation_id=None, metadata=ADA)
    await clock.advance(0)
    ids = {"conversationId": turn.conversation.id, "botId": "bot_1"}
    question = {"messageId": turn.asked.id, "role": "user", "content": "What are your business hours?"}
    answer = {
        "messageId": turn.answered.id,
        "role": "assistant",
        "content": "Our business hours are Monday-Friday, 9 AM to 5 PM EST.",
    }
    assert [(event["type"], event["data"]) for event in post.events] == [
        ("conversation.created", {**ids, "metadata": ADA}),
        ("message.created", {**ids, **question, "metadata": ADA}),
        ("message.created", {**ids, **answer, "metadata": ADA}),
        ("conversation.updated", {**ids, "metadata": ADA}),
    ]


async def test_an_event_has_the_documented_envelope(
    platform: MyGPTAssistants, clock: ManualClock, post: RecordingPost
) -> None:
    """Id, type, timestamp and data, and nothing else."""
    platform.say("Hello", bot_id="bot_1", conversation_id=None, metadata={})
    await clock.advance(0)
    event = post.events[0]
    assert list(event) == ["id", "type", "timestamp", "data"]
    assert event["id"].startswith("evt_")
    assert event["timestamp"] == "2024-01-15T10:00:00Z"


async def test_a_later_message_begins_no_conversation(
    platform: MyGPTAssistants, clock: ManualClock, post: RecordingPost
) -> None:
    """Three events, in the same conversation."""
    first = platform.say("Hello", bot_id="bot_1", conversation_id=None, metadata={})
    platform.say("And prices?", bot_id="bot_1", conversation_id=first.conversation.id, metadata={})
    await clock.advance(0)
    assert post.types[4:] == ["message.created", "message.created", "conversation.updated"]


async def test_a_tag_of_the_sender_is_on_its_message_only(
    platform: MyGPTAssistants, clock: ManualClock, post: RecordingPost
) -> None:
    """The bot's answer to a tagged message carries what the conversation knows, so loops are possible here too."""
    first = platform.say("Hello", bot_id="bot_1", conversation_id=None, metadata=ADA)
    tagged = {"source": "follow-up"}
    platform.say("Did that help?", bot_id="bot_1", conversation_id=first.conversation.id, metadata=tagged)
    await clock.advance(0)
    sources = [event["data"]["metadata"]["source"] for event in post.events[4:6]]
    assert sources == ["follow-up", "mobile_app"]


async def test_an_unknown_conversation_is_adopted(platform: MyGPTAssistants) -> None:
    """The samples of the documentation name one that nobody made."""
    turn = platform.say("Hello", bot_id="bot_1", conversation_id="conv_123456", metadata={})
    assert turn.conversation.id == "conv_123456"


@pytest.mark.parametrize(("bot_id", "conversation_id"), [("bot_2", "conv_1"), ("bot_1", "missing")])
async def test_what_is_not_there_is_refused(platform: MyGPTAssistants, bot_id: str, conversation_id: str) -> None:
    """Another bot's conversation, and the one that is missing; nothing is sent."""
    platform.say("Hello", bot_id="bot_1", conversation_id="conv_1", metadata={})
    with pytest.raises(RefusedError) as refused:
        platform.say("Hello", bot_id=bot_id, conversation_id=conversation_id, metadata={})
    assert refused.value.status == 404


async def test_completing_sends_the_event_once(
    platform: MyGPTAssistants, clock: ManualClock, post: RecordingPost
) -> None:
    """For a conversation that exists; for one that was forgotten nothing happens."""
    turn = platform.say("Hello", bot_id="bot_1", conversation_id=None, metadata={})
    platform.complete(turn.conversation.id)
    platform.complete("conv_forgotten")
    await clock.advance(0)
    assert post.types.count("conversation.completed") == 1


@pytest.mark.parametrize("event_type", EVENTS)
async def test_every_event_can_be_sent_on_order(
    platform: MyGPTAssistants, clock: ManualClock, post: RecordingPost, event_type: str
) -> None:
    """On an empty platform too; bot events name no conversation."""
    emitted = platform.emit(Emission(event_type, {}))
    await clock.advance(0)
    event = post.events[0]
    assert (event["type"], event["id"], emitted.webhooks) == (event_type, emitted.event_id, 1)
    assert ("conversationId" in event["data"]) is not event_type.startswith("bot.")


async def test_overrides_reach_into_the_event(
    platform: MyGPTAssistants, clock: ManualClock, post: RecordingPost
) -> None:
    """Also with what no platform would send."""
    overrides = {"id": "evt_1", "type": "invoice.paid", "data": {"role": 5, "extra": [1]}}
    platform.emit(Emission("message.created", overrides))
    await clock.advance(0)
    event = post.events[0]
    assert (event["id"], event["type"], event["data"]["role"], event["data"]["extra"]) == (
        "evt_1",
        "invoice.paid",
        5,
        [1],
    )


async def test_a_raw_body_is_sent_as_it_is(platform: MyGPTAssistants, clock: ManualClock, post: RecordingPost) -> None:
    """Authentic and invalid: the signature is right, the JSON is not."""
    platform.emit(Emission("message.created", {}, raw="{not json"))
    await clock.advance(0)
    assert post.calls[0].body == b"{not json"
    assert post.calls[0].headers["x-mga-signature"] == sign(b"{not json", "test_secret")["x-mga-signature"]


async def test_an_unknown_event_is_refused(platform: MyGPTAssistants) -> None:
    """With the names there are."""
    with pytest.raises(ControlError, match=r"message\.exploded.*conversation\.created"):
        platform.emit(Emission("message.exploded", {}))


async def test_emitted_messages_are_in_the_history(platform: MyGPTAssistants) -> None:
    """The API agrees with what was told."""
    data = {"conversationId": "conv_1", "messageId": "msg_1", "content": "Hello"}
    platform.emit(Emission("message.created", {"data": data}))
    platform.emit(Emission("message.updated", {"data": {**data, "content": "Hello!"}}))
    kept = platform.conversations.get("conv_1")
    assert kept is not None
    assert [(item.id, item.content) for item in kept.messages] == [("msg_1", "Hello!")]


async def test_a_deleted_message_leaves_the_history(
    platform: MyGPTAssistants, clock: ManualClock, post: RecordingPost
) -> None:
    """The event still says which one it was."""
    turn = platform.say("Hello", bot_id="bot_demo", conversation_id=None, metadata={})
    platform.emit(Emission("message.deleted", {}))
    await clock.advance(0)
    assert [item.id for item in turn.conversation.messages] == [turn.asked.id]
    assert post.events[-1]["data"]["messageId"] == turn.answered.id


async def test_a_session_goes_on_with_its_conversation(platform: MyGPTAssistants) -> None:
    """The quick start's handle, per bot."""
    first = platform.conversation_of_session("bot_1", "session_1")
    assert platform.conversation_of_session("bot_1", "session_1") == first
    assert platform.conversation_of_session("bot_2", "session_1") != first


async def test_hostile_text_can_be_sent_out(platform: MyGPTAssistants, clock: ManualClock, post: RecordingPost) -> None:
    """Half a surrogate and a null byte stay what they are."""
    platform.say("\ud800\u0000", bot_id="bot_1", conversation_id=None, metadata={"a": "\udfff"})
    await clock.advance(0)
    assert json.loads(post.calls[1].body)["data"]["content"] == "\ud800\u0000"
