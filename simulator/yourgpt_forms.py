"""The forms that YourGPT writes: envelope, sessions, messages, contacts and webhooks. Pure.

Sources: the pages below https://docs.yourgpt.ai/chatbot/api-reference; api/chatbot-webhook.js and the message types of
github.com/YourGPT/custom-chatbot-widget.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final

from simulator.conversations import Conversation, Message
from simulator.errors import RefusedError
from simulator.wire import JsonObject

# Documented: 1 is the bot (inferred from the example), and the words for updates. The other numbers are chosen.
MODES: Final[Mapping[str, str]] = MappingProxyType({"bot": "1", "awaiting": "2", "operator": "3"})
STATES: Final = ("pending", "unresolved", "resolved", "closed")

_API: Final = 17
"""The integration id of the channel "API" (integrations/api-integration)."""


def invalid() -> RefusedError:
    """The refusal of a request that does not fit (its text is documented, its status chosen, as for the others)."""
    return RefusedError(400, "RXERROR", "Invalid params")


def unauthenticated() -> RefusedError:
    """The refusal of a key."""
    return RefusedError(401, "RXERROR", "Invalid or revoked API token")


def forbidden() -> RefusedError:
    """The refusal of what a key may not do."""
    return RefusedError(403, "RXERROR", "You do not have permission to perform this action")


def not_found(what: str) -> RefusedError:
    """The refusal of an id that nobody knows; its text is chosen."""
    return RefusedError(404, "RXERROR", f"{what} not found")


def success(data: Any = None, message: str = "Data Fetched Successfully!", *, total: int | None = None) -> JsonObject:
    """The envelope of successes; `data` is missing where there is none."""
    told: JsonObject = {"type": "RXSUCCESS", "message": message}
    return told | ({} if data is None else {"data": data}) | ({} if total is None else {"total": total})


def error(message: str) -> JsonObject:
    """The envelope of errors."""
    return {"type": "RXERROR", "message": message}


def iso(at: datetime) -> str:
    """A time with milliseconds, as the pages show it."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"


def project_id(uid: str) -> int:
    """The number of a project; the pages show one beside the uid."""
    return sum(uid.encode("utf-8", "replace")) + 1000


def created(session: Conversation) -> JsonObject:
    """The answer of `createSession`: the uid is a number there."""
    return {
        "id": int(session.id),
        "session_uid": int(session.metadata["uid"]),
        "project_id": project_id(session.bot_id),
        "integration_id": _API,
        "chat_mode": MODES[session.metadata["chat_mode"]],
        "state": session.metadata["state"],
        "segment": session.metadata["segment"],
        "status": session.metadata["status"],
        "device_type": None,
        "platform": None,
        "ip": None,
        "country": None,
        "visitor_id": None,
        "contact_id": None,
        "is_emulator": False,
        "data": None,
        "createdAt": iso(session.created_at),
        "updatedAt": iso(session.updated_at),
    }


def listed(session: Conversation, contact: JsonObject | None) -> JsonObject:
    """One session of `getSessions`: the uid is a text there."""
    last = session.messages[-1] if session.messages else None
    return {
        "id": int(session.id),
        "project_id": project_id(session.bot_id),
        "session_uid": session.metadata["uid"],
        "integration_id": _API,
        "status": session.metadata["status"],
        "state": session.metadata["state"],
        "chat_mode": MODES[session.metadata["chat_mode"]],
        "segment": session.metadata["segment"],
        "device_type": None,
        "platform": None,
        "ip": None,
        "country": None,
        "data": None,
        "contact_id": contact["id"] if contact else None,
        "created_at": iso(session.created_at),
        "updated_at": iso(session.updated_at),
        "total_unseen": 0,
        "last_message": last.content if last else None,
        "last_message_id": int(last.id) if last else None,
        "last_message_time": iso(last.at) if last else None,
        "last_message_type": 1 if last else None,
        "last_message_content_type": "text" if last else None,
        "visitor_data": None,
        "contact_data": contact,
        "session_meta": None,
    }


def sent(session: Conversation, said: Message) -> JsonObject:
    """A message as `sendMessage` answers it."""
    return {
        "send_by": said.role,
        "origin": "api",
        "session_uid": session.metadata["uid"],
        "type": "text",
        "message_id": int(said.id),
        "id": int(said.id),
        "message": said.content,
        "content_type": "text",
        "choices": _choices() if said.role == "assistant" else [],
    }


def message(session: Conversation, said: Message, before: Message | None) -> JsonObject:
    """One message of `getSessionMessages`."""
    log = [{"id": int(said.id), "query_message_id": int(before.id), "reply_message_id": int(said.id)}] if before else []
    return {
        "id": int(said.id),
        "session_id": int(session.id),
        "send_by": said.role,
        "message": said.content,
        "type": 1,
        "content_type": "text",
        "choices": _choices() if said.role == "assistant" else [],
        "targets": None,
        "url": None,
        "rate": None,
        "seen": True,
        "sender_id": None,
        "delivered": None,
        "provider_message_id": None,
        "streaming": None,
        "response_source": None,
        "extra_data": None,
        "createdAt": iso(said.at),
        "deleted_at": None,
        "AILog": log if said.role == "assistant" else [],
    }


def received(session: Conversation, said: Message) -> JsonObject:
    """The webhook of a message; its fields are those of the widget's messages."""
    return {
        "event": "message:received",
        "data": {
            "widget_uid": session.bot_id,
            "message": {
                "type": "text",
                "send_by": said.role,
                "origin": "web",
                "message_id": int(said.id),
                "id": int(said.id),
                "message": said.content,
                "content_type": "text",
                "session_id": int(session.id),
                "session_uid": session.metadata["uid"],
                "createdAt": iso(said.at),
            },
        },
    }


def ping(widget_uid: str) -> JsonObject:
    """The trial of a new webhook's address."""
    return {"event": "ping", "data": {"widget_uid": widget_uid}}


def pieces(said: Message, texts: Sequence[str]) -> list[JsonObject]:
    """The events of a stream, in the order of the widget's reader; the name of the pieces is chosen."""
    return [
        {"event": "response", "data": {"id": int(said.id)}},
        *({"event": "message", "data": text} for text in texts),
        {"event": "learnMoreLinks", "data": []},
        {"event": "end", "data": None},
    ]


def _choices() -> list[JsonObject]:
    return [
        {"icon": "👍", "label": "Helpful", "value": "like", "enabled": True},
        {"icon": None, "text": "Talk to a person", "value": "requesthumanoperator", "selected": False},
    ]
