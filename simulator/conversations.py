"""Conversations a platform keeps, in memory and bounded."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

Role = Literal["user", "assistant", "operator"]

MAX_METADATA = 16 * 1024
"""What a conversation keeps of its messages' metadata, in characters; what no longer fits is not learned."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message as the history shows it, and the metadata it came with."""

    id: str
    role: Role
    content: str
    at: datetime
    metadata: Mapping[str, Any] = field(default_factory=dict)

    @property
    def weight(self) -> int:
        """About how many characters it keeps in memory."""
        return len(self.content) + len(repr(dict(self.metadata)))


@dataclass(slots=True)
class Conversation:
    """What a visitor and a bot said to each other; `metadata` is what is known of the visitor so far."""

    id: str
    bot_id: str
    created_at: datetime
    updated_at: datetime
    messages: list[Message] = field(default_factory=list)
    metadata: dict[str, Any] = field(default_factory=dict)
    completed: bool = False
    weight: int = 0

    def learn(self, metadata: Mapping[str, Any]) -> None:
        """Keep what a message tells; the newest value wins, but a conversation keeps the `source` it began with."""
        begun = {"source": self.metadata["source"]} if "source" in self.metadata else {}
        learned = {**self.metadata, **metadata, **begun}
        if len(repr(learned)) <= MAX_METADATA:
            self.metadata = learned

    def user_turns(self) -> int:
        """How many messages the visitor has sent."""
        return sum(1 for message in self.messages if message.role == "user")


class Conversations:
    """All conversations, least recently updated first; beyond a bound the first ones are forgotten."""

    def __init__(self, *, max_items: int = 5_000, max_messages: int = 500, max_weight: int = 64 * 1024 * 1024) -> None:
        self._max_items = max_items
        self._max_messages = max_messages
        self._max_weight = max_weight
        self._by_id: dict[str, Conversation] = {}
        self._weight = 0

    def get(self, conversation_id: str) -> Conversation | None:
        """Return the conversation, or None if there is none or it was forgotten."""
        return self._by_id.get(conversation_id)

    def open(self, conversation_id: str, bot_id: str, at: datetime) -> Conversation:
        """Begin a conversation; its id must be new."""
        conversation = Conversation(conversation_id, bot_id, created_at=at, updated_at=at)
        self._by_id[conversation_id] = conversation
        self._forget_oldest()
        return conversation

    def add(self, conversation: Conversation, message: Message) -> None:
        """Append a message, which makes the conversation the most recently updated."""
        conversation.messages.append(message)
        self._grow(conversation, message.weight)
        if len(conversation.messages) > self._max_messages:
            self._grow(conversation, -conversation.messages.pop(0).weight)
        self.touch(conversation, message.at)
        self._forget_oldest()

    def replace(self, conversation: Conversation, message: Message) -> None:
        """Put `message` in the place of the one with its id; without such a one nothing changes."""
        for position, old in enumerate(conversation.messages):
            if old.id == message.id:
                conversation.messages[position] = message
                self._grow(conversation, message.weight - old.weight)

    def remove(self, conversation: Conversation, message_id: str) -> None:
        """Take a message out of the history; without it nothing changes."""
        for message in [message for message in conversation.messages if message.id == message_id]:
            conversation.messages.remove(message)
            self._grow(conversation, -message.weight)

    def touch(self, conversation: Conversation, at: datetime) -> None:
        """Make the conversation the most recently updated."""
        conversation.updated_at = at
        self._by_id.pop(conversation.id, None)
        self._by_id[conversation.id] = conversation

    def latest(self, bot_id: str | None = None) -> list[Conversation]:
        """Return the conversations of one bot, or of all, most recently updated first."""
        return [item for item in reversed(self._by_id.values()) if bot_id is None or item.bot_id == bot_id]

    def clear(self) -> None:
        """Forget everything."""
        self._by_id.clear()
        self._weight = 0

    def _grow(self, conversation: Conversation, weight: int) -> None:
        conversation.weight += weight
        self._weight += weight

    def _forget_oldest(self) -> None:
        while len(self._by_id) > self._max_items or (self._weight > self._max_weight and len(self._by_id) > 1):
            self._weight -= self._by_id.pop(next(iter(self._by_id))).weight
