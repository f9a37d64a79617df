"""Conversations in memory."""

from datetime import UTC, datetime, timedelta

from simulator.conversations import Conversation, Conversations, Message

NOON = datetime(2024, 1, 15, 12, 0, tzinfo=UTC)


def message(number: int, content: str = "Hello") -> Message:
    return Message(f"msg_{number}", "user", content, NOON + timedelta(seconds=number))


def test_the_latest_updated_comes_first() -> None:
    """A message moves its conversation to the front of the list."""
    kept = Conversations()
    for name in ("a", "b"):
        kept.open(name, "bot", NOON)
    kept.add(kept.latest()[1], message(1))
    assert [item.id for item in kept.latest("bot")] == ["a", "b"]


def test_bots_have_their_own_conversations() -> None:
    """Listing one bot does not show another's."""
    kept = Conversations()
    kept.open("a", "bot_1", NOON)
    kept.open("b", "bot_2", NOON)
    assert [item.id for item in kept.latest("bot_2")] == ["b"]


def test_the_oldest_conversation_goes_when_there_are_too_many() -> None:
    """The count is a bound."""
    kept = Conversations(max_items=2)
    for name in ("a", "b", "c"):
        kept.open(name, "bot", NOON)
    assert (kept.get("a"), [item.id for item in kept.latest()]) == (None, ["c", "b"])


def test_the_oldest_conversation_goes_when_they_weigh_too_much() -> None:
    """The characters of all messages are a bound."""
    kept = Conversations(max_weight=1_000)
    kept.add(kept.open("a", "bot", NOON), message(1, "x" * 900))
    kept.add(kept.open("b", "bot", NOON), message(2, "x" * 900))
    assert [item.id for item in kept.latest()] == ["b"]


def test_a_conversation_forgets_its_oldest_messages() -> None:
    """One endless conversation is bounded too."""
    kept = Conversations(max_messages=2)
    conversation = kept.open("a", "bot", NOON)
    for number in (1, 2, 3):
        kept.add(conversation, message(number))
    assert [item.id for item in conversation.messages] == ["msg_2", "msg_3"]


def test_a_removed_message_weighs_nothing() -> None:
    """Deleting gives the room back."""
    kept = Conversations()
    conversation = kept.open("a", "bot", NOON)
    kept.add(conversation, message(1))
    kept.remove(conversation, "msg_1")
    assert (conversation.messages, conversation.weight) == ([], 0)


def test_the_first_source_stays_and_the_rest_is_updated() -> None:
    """A follow-up that tags itself does not rename where the visitor came from."""
    conversation = Conversation("a", "bot", NOON, NOON)
    conversation.learn({"userId": "user_789", "source": "mobile_app"})
    conversation.learn({"source": "hookline", "email": "ada@example.com"})
    assert conversation.metadata == {"userId": "user_789", "source": "mobile_app", "email": "ada@example.com"}


def test_metadata_is_bounded() -> None:
    """A caller with ever new keys cannot fill the memory."""
    conversation = Conversation("a", "bot", NOON, NOON)
    conversation.learn({"userId": "user_789"})
    conversation.learn({"big": "x" * 20_000})
    assert conversation.metadata == {"userId": "user_789"}
