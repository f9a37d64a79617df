"""MyGPTAssistants: what the platform does. Its endpoints are in `mygptassistants_api`.

Sources: the API Reference, Chat API and Webhooks pages of docs.mygptassistants.com. Where they are silent this module
chooses, and says so:

- The `data` of message events is undocumented: `conversationId, botId, messageId, role, content, metadata`.
- A turn sends `message.created` twice, then one `conversation.updated`; a new conversation first sends
  `conversation.created`.
- A user's message event carries the conversation's metadata with the message's own laid over it; the assistant's
  answer carries the conversation's only, so what a sender tags is not repeated on the answer.
- A conversation id that nobody knows is adopted, by a message and by a look at its history (the samples of the
  documentation send one), but `missing` is not.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from simulator import bot
from simulator.contacts import Contacts
from simulator.conversations import Conversation, Conversations, Message, Role
from simulator.deliveries import OutgoingEvent
from simulator.errors import ControlError, RefusedError
from simulator.platforms import Emission, Emitted, Surroundings
from simulator.wire import JsonObject, encode, iso, merge

NAME: Final = "mygptassistants"

EVENTS: Final = (
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
"""The nine documented events."""

DEFAULT_BOT: Final = "bot_demo"
"""Where scripted visitors talk when nobody says where."""

MISSING: Final = "missing"
"""The one bot and the one conversation that do not exist."""


@dataclass(frozen=True, slots=True)
class Turn:
    """A visitor's message and the bot's answer, with the conversation they stand in."""

    conversation: Conversation
    asked: Message
    answered: Message


def sign(body: bytes, secret: str | None) -> dict[str, str]:
    """Return the headers of a webhook: HMAC-SHA256 over the exact bytes, hex, `x-mga-signature: sha256=…`."""
    headers = {"Content-Type": "application/json", "User-Agent": "MyGPTAssistants-Webhooks/1.0"}
    if secret is not None:
        digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        headers["x-mga-signature"] = f"sha256={digest}"
    return headers


class MyGPTAssistants:
    """The platform's conversations and contacts, and the events that follow from what happens to them."""

    name = NAME
    events = EVENTS

    def __init__(self, around: Surroundings) -> None:
        self.around = around
        self.conversations = Conversations()
        self.contacts = Contacts()
        # the quick start's sessionId → conversation id
        self._sessions: dict[tuple[str, str], str] = {}

    def reset(self) -> None:
        """Forget all conversations, contacts and sessions."""
        self.conversations.clear()
        self.contacts.clear()
        self._sessions.clear()

    def conversation_of_session(self, bot_id: str, session_id: str) -> str:
        """Return the id of the conversation that a session of the quick start goes on with, a new one at first."""
        if (bot_id, session_id) not in self._sessions:
            while len(self._sessions) >= 5_000:  # noqa: PLR2004  # bounded like the conversations themselves
                del self._sessions[next(iter(self._sessions))]
            known = self.conversations.get(session_id)
            own = session_id if known and known.bot_id == bot_id else self.around.ids.new("conv")
            self._sessions[bot_id, session_id] = own
        return self._sessions[bot_id, session_id]

    def conversation(self, bot_id: str, conversation_id: str) -> Conversation:
        """Return a conversation of this bot; one that nobody knows begins, and is empty.

        Raises:
            RefusedError: 404 for the conversation `missing` or one of another bot.
        """
        found = self.conversations.get(conversation_id) or self._open(bot_id, conversation_id)
        if found.bot_id != bot_id:
            raise RefusedError(404, "INVALID_REQUEST", "Conversation not found. Check the conversation id.")
        return found

    def say(self, text: str, *, bot_id: str, conversation_id: str | None, metadata: Mapping[str, Any]) -> Turn:
        """Take a visitor's message, let the bot answer, and send the events of the turn.

        Raises:
            RefusedError: 404 for the conversation `missing` or one of another bot.
        """
        known = None if conversation_id is None else self.conversations.get(conversation_id)
        conversation = known or self._open(bot_id, conversation_id)
        self.conversation(bot_id, conversation.id)
        conversation.learn(metadata)
        conversation.completed = False
        turn = conversation.user_turns()
        asked = self._add(conversation, "user", text, {**conversation.metadata, **metadata})
        answered = self._add(conversation, "assistant", bot.answer(text, turn=turn), conversation.metadata)
        if known is None:
            self._publish_conversation("conversation.created", conversation, at=conversation.created_at)
        self._publish_message("message.created", conversation, asked)
        self._publish_message("message.created", conversation, answered)
        self._publish_conversation("conversation.updated", conversation, at=answered.at)
        return Turn(conversation, asked, answered)

    def visitor_says(
        self, text: str, *, conversation_id: str | None, metadata: Mapping[str, Any], bot_id: str | None
    ) -> str:
        """Let a visitor say something in the platform's own widget; return the conversation's id."""
        turn = self.say(text, bot_id=bot_id or DEFAULT_BOT, conversation_id=conversation_id, metadata=metadata)
        return turn.conversation.id

    def complete(self, conversation_id: str) -> None:
        """Mark a conversation as resolved; one that was forgotten is left alone."""
        conversation = self.conversations.get(conversation_id)
        if conversation is not None:
            conversation.completed = True
            at = self.around.clock.now()
            self.conversations.touch(conversation, at)
            self._publish_conversation("conversation.completed", conversation, at=at)

    def emit(self, emission: Emission) -> Emitted:
        """Send one event on order; message events also change the history, so that the API agrees with them.

        Raises:
            ControlError: the type is none of `EVENTS`.
        """
        if emission.type not in EVENTS:
            raise ControlError(f"{NAME} sends no {emission.type!r}; it sends {', '.join(EVENTS)}")
        given = emission.overrides.get("data")
        given = given if isinstance(given, dict) else {}
        data = self._bot_data(given) if emission.type.startswith("bot.") else self._emitted_data(emission.type, given)
        event = merge(self._event(emission.type, data, at=self.around.clock.now()), emission.overrides)
        body = encode(event) if emission.raw is None else emission.raw.encode(errors="surrogatepass")
        lane = str(data.get("conversationId") or data["botId"])
        out = OutgoingEvent(NAME, str(event["id"]), emission.type, lane, body, sign)
        return Emitted(out.id, lane, self.around.sender.publish(out))

    def _open(self, bot_id: str, conversation_id: str | None) -> Conversation:
        if conversation_id == MISSING:
            raise RefusedError(404, "INVALID_REQUEST", "Conversation not found. Check the conversation id.")
        return self.conversations.open(conversation_id or self.around.ids.new("conv"), bot_id, self.around.clock.now())

    def _add(self, conversation: Conversation, role: Role, content: str, metadata: Mapping[str, Any]) -> Message:
        now = self.around.clock.now()
        message = Message(self.around.ids.new("msg"), role, content, now, dict(metadata))
        self.conversations.add(conversation, message)
        return message

    def _emitted_data(self, event_type: str, given: JsonObject) -> JsonObject:
        """Return the data of a conversation or message event on order, and do to the history what it tells."""
        conversation = self._emitted_conversation(given)
        if event_type.startswith("conversation."):
            conversation.completed = event_type == "conversation.completed"
            return _conversation_data(conversation)
        role: Role = "assistant" if given.get("role") == "assistant" else "user"
        content = _text(given, "content") or "What are your business hours?"
        if event_type == "message.created" or not conversation.messages:
            own = given.get("metadata")
            conversation.learn(own if isinstance(own, dict) else {})
            message = Message(
                _text(given, "messageId") or self.around.ids.new("msg"),
                role,
                content,
                self.around.clock.now(),
                dict(conversation.metadata),
            )
            self.conversations.add(conversation, message)
        else:
            message = self._changed(conversation, given)
        if event_type == "message.deleted":
            self.conversations.remove(conversation, message.id)
        return _message_data(conversation, message)

    def _emitted_conversation(self, given: JsonObject) -> Conversation:
        wanted, bot_id = _text(given, "conversationId"), _text(given, "botId") or DEFAULT_BOT
        if wanted is not None:
            return self.conversations.get(wanted) or self._open(bot_id, wanted)
        latest = self.conversations.latest(bot_id)
        return latest[0] if latest else self._open(bot_id, None)

    def _changed(self, conversation: Conversation, given: JsonObject) -> Message:
        """Return the message that an update or deletion means (the last one by default), with its new content."""
        wanted = _text(given, "messageId")
        old = next((item for item in conversation.messages if item.id == wanted), conversation.messages[-1])
        content = _text(given, "content") or old.content
        changed = Message(wanted or old.id, old.role, content, old.at, old.metadata)
        self.conversations.replace(conversation, changed)
        return changed

    def _bot_data(self, given: JsonObject) -> JsonObject:
        return {"botId": _text(given, "botId") or DEFAULT_BOT, "metadata": {}}

    def _publish_conversation(self, event_type: str, conversation: Conversation, *, at: datetime) -> None:
        self._publish(event_type, conversation, _conversation_data(conversation), at)

    def _publish_message(self, event_type: str, conversation: Conversation, message: Message) -> None:
        self._publish(event_type, conversation, _message_data(conversation, message), message.at)

    def _publish(self, event_type: str, conversation: Conversation, data: JsonObject, at: datetime) -> None:
        event = self._event(event_type, data, at=at)
        out = OutgoingEvent(NAME, event["id"], event_type, conversation.id, encode(event), sign)
        self.around.sender.publish(out)

    def _event(self, event_type: str, data: JsonObject, *, at: datetime) -> JsonObject:
        return {"id": self.around.ids.new("evt"), "type": event_type, "timestamp": iso(at), "data": data}


def _text(given: JsonObject, key: str) -> str | None:
    value = given.get(key)
    return value if isinstance(value, str) and value else None


def _conversation_data(conversation: Conversation) -> JsonObject:
    return {
        "conversationId": conversation.id,
        "botId": conversation.bot_id,
        "metadata": dict(conversation.metadata),
    }


def _message_data(conversation: Conversation, message: Message) -> JsonObject:
    return {
        "conversationId": conversation.id,
        "botId": conversation.bot_id,
        "messageId": message.id,
        "role": message.role,
        "content": message.content,
        "metadata": dict(message.metadata),
    }
