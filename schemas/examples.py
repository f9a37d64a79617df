"""An example delivery of each platform: what `hookline send` posts when nothing else is said.

Pure: the caller gives the time and a word that makes the ids unique.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any

from schemas.envelope import rfc3339
from schemas.gptbots import SUFFIXES as GPTBOTS_SUFFIXES

Body = dict[str, Any]


class NoExample(LookupError):
    """There is no example of that type; the text lists those there are."""


@dataclass(frozen=True, slots=True)
class Example:
    """A body, and the delivery id for schemes that sign one."""

    # JSON: an object, but for the few senders that post a list.
    body: Body
    delivery_id: str
    # Where the sender's own fields stand, of which an example knows nothing.
    own: str | None = None
    # What the platform appends to the address for this event.
    suffix: str = ""
    # What the sender adds to the request, names in lower case.
    headers: Mapping[str, str] = field(default_factory=dict)
    # The body of a sender that posts a form, in place of JSON.
    form: str | None = None


def example(platform: str, event_type: str, *, now: datetime, unique: str) -> Example:
    """An example delivery.

    Args:
        platform: the source's platform.
        event_type: the platform's own name of the event.
        now: the time of the fact.
        unique: goes into every id.

    Raises:
        NoExample: the platform has no such event.
    """
    make = _PLATFORMS.get(platform)
    if make is None:
        raise NoExample(f"hookline has no example of what {platform} sends")
    own = "data" if platform == "standard" else None
    suffix = GPTBOTS_SUFFIXES.get(event_type, "") if platform == "gptbots" else ""
    return Example(make(event_type, now, unique), f"msg_{unique}", own, suffix)


def _gptbots(event_type: str, now: datetime, unique: str) -> Body:
    stamp = int(now.timestamp() * 1000)
    handoff = {"conversation_id": f"handoff_{unique}", "timestamp": stamp}
    reply = {"conversation_id": f"conv_{unique}", "message_id": f"msg_{unique}", "create_time": stamp}
    user = {"phone": "+15550001", "email": "ada@example.org", "user_id": "user_demo", "anonymous_id": None}
    text = "We are open from 9 to 5."
    output = [{"from_component_branch": "1", "from_component_name": "LLM-1", "content": {"text": text}}]
    asked = [{"message_type": "QUESTION", "text": "Can I talk to a person?"}]
    run = {"workflowRunId": f"run_{unique}", "status": "SUCCEED", "output": {"output": text}, "endTime": stamp}
    shapes: Mapping[str, Body] = {
        "reply": {**reply, "output": output},
        "reply-v1": {**reply, "message_type": "ANSWER", "text": text},
        "establish": {
            **handoff,
            "email": "support@gptbots.ai",
            "bot_id": "bot_demo",
            "body": asked,
            "user_info": user,
        },
        "chat": {**handoff, "body": "Are you there?"},
        "close": {**handoff, "type": "USER_CLOSED"},
        "workflow": run,
    }
    return _one_of("gptbots", shapes, event_type)


def _mygptassistants(event_type: str, now: datetime, unique: str) -> Body:
    metadata = {"userId": "user_demo", "name": "Ada Lovelace", "email": "ada@example.org"}
    conversation = {"conversationId": f"conv_{unique}", "botId": "bot_demo", "metadata": metadata}
    message = {**conversation, "messageId": f"msg_{unique}", "role": "user", "content": "When do you open?"}
    shapes: Mapping[str, Body] = {
        "conversation.created": conversation,
        "conversation.updated": conversation,
        "conversation.completed": {**conversation, "status": "completed"},
        "message.created": message,
        "message.updated": {**message, "content": "When do you open on Sundays?"},
        "message.deleted": message,
        "bot.updated": {"botId": "bot_demo"},
        "bot.published": {"botId": "bot_demo"},
        "bot.disabled": {"botId": "bot_demo"},
    }
    data = _one_of("mygptassistants", shapes, event_type)
    return {"id": f"evt_{unique}", "type": event_type, "timestamp": rfc3339(now), "data": data}


def _standard(event_type: str, now: datetime, unique: str) -> Body:
    return {"type": event_type, "timestamp": rfc3339(now), "data": {"id": f"obj_{unique}"}}


def _yourgpt(event_type: str, now: datetime, unique: str) -> Body:
    number = int(unique, 16) % 10**9
    message = {
        "type": "text",
        "send_by": "user",
        "origin": "web",
        "message_id": number,
        "message": "When do you open?",
        "content_type": "text",
        "session_id": number,
        "createdAt": rfc3339(now),
    }
    shapes: Mapping[str, Body] = {"ping": {}, "message:received": {"widget_uid": "widget_demo", "message": message}}
    return {"event": event_type, "data": _one_of("yourgpt", shapes, event_type)}


def _one_of(platform: str, shapes: Mapping[str, Body], event_type: str) -> Body:
    if event_type not in shapes:
        what = f"{platform} sends no {event_type}; it sends" if event_type else f"say which event, one of {platform}'s:"
        raise NoExample(f"{what} {', '.join(sorted(shapes))}")
    return shapes[event_type]


_PLATFORMS: Mapping[str, Callable[[str, datetime, str], Body]] = MappingProxyType(
    {"gptbots": _gptbots, "mygptassistants": _mygptassistants, "standard": _standard, "yourgpt": _yourgpt}
)
