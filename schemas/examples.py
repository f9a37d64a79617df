"""An example delivery of each platform: what `hookline send` posts when nothing else is said.

Pure: the caller gives the time and a word that makes the ids unique.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

from schemas.envelope import rfc3339

Body = dict[str, Any]


class NoExample(LookupError):
    """There is no example of that type; the text lists those there are."""


@dataclass(frozen=True, slots=True)
class Example:
    """A body, and the delivery id for schemes that sign one."""

    body: Body
    delivery_id: str
    # Where the sender's own fields stand, of which an example knows nothing.
    own: str | None = None


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
        raise NoExample(f"there is no example of a {platform} delivery")
    own = "data" if platform == "standard" else None
    return Example(make(event_type, rfc3339(now), unique), f"msg_{unique}", own)


def _mygptassistants(event_type: str, time: str, unique: str) -> Body:
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
    if event_type not in shapes:
        raise NoExample(f"mygptassistants sends no {event_type}; it sends {', '.join(sorted(shapes))}")
    return {"id": f"evt_{unique}", "type": event_type, "timestamp": time, "data": shapes[event_type]}


def _standard(event_type: str, time: str, unique: str) -> Body:
    return {"type": event_type, "timestamp": time, "data": {"id": f"obj_{unique}"}}


_PLATFORMS: Mapping[str, Callable[[str, str, str], Body]] = MappingProxyType(
    {"mygptassistants": _mygptassistants, "standard": _standard}
)
