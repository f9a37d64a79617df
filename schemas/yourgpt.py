"""What YourGPT posts to a webhook.

No page shows it. The platform's own sample receiver (github.com/YourGPT/custom-chatbot-widget, api/chatbot-webhook.js)
reads `{event, data}`, answers the event `ping`, and takes `data.widget_uid`, `data.message` and its `session_id`; its
widget names the event `message:received` and the fields of a message. All else is inferred and read leniently.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any

from pydantic import AliasChoices, BeforeValidator, Field, JsonValue, model_validator

from schemas.events import ContactRef, Role
from schemas.lenient import Id, OptionalId, Payload, Text, as_short_text, as_text, as_time

RECEIVED = "message:received"
PING = "ping"

EVENT_TYPES = (RECEIVED, PING)
"""The events whose names are known; others can be chosen in the dashboard."""

_ROLES: Mapping[str, Role] = MappingProxyType({"user": "user", "assistant": "assistant", "operator": "agent"})

# Where a delivery may name its message, and its session.
_MESSAGE_ID = ("message_id", "id")
_SESSION_ID = ("session_id", "session_uid")
_PERSON = ("contact_data", "contact")


def _object(value: object) -> object:
    return {} if value is None else value


def _role(value: object) -> Role:
    # Handlers act on what users write: a role nobody told must not be `user`.
    return _ROLES.get(value, "system") if isinstance(value, str) else "system"


def _said(value: object) -> str:
    return as_text(value) or ""


class Webhook(Payload):
    """The envelope of every event."""

    event: str = Field(min_length=1, max_length=200)
    data: Annotated[dict[str, JsonValue], BeforeValidator(_object)] = Field(default_factory=dict)

    @property
    def message(self) -> JsonValue:
        """The message it is about, if it is about one."""
        return self.data.get("message")

    @property
    def widget_uid(self) -> str | None:
        """The project."""
        return as_short_text(self.data.get("widget_uid"))

    @property
    def session_id(self) -> str | None:
        """The session, whatever the event is."""
        return _first(self.message, _SESSION_ID) or _first(self.data, _SESSION_ID)

    @property
    def name(self) -> str | None:
        """Names the fact by project, event and message; None where it names no message."""
        message_id = _first(self.message, _MESSAGE_ID)
        return None if message_id is None else f"{self.widget_uid or ''}:{self.event}:{message_id}"


class Message(Payload):
    """A message of a session."""

    message_id: Id = Field(validation_alias=AliasChoices(*_MESSAGE_ID))
    session_id: Id = Field(validation_alias=AliasChoices(*_SESSION_ID))
    role: Annotated[Role, BeforeValidator(_role)] = Field(default="system", validation_alias="send_by")
    content: Annotated[str, BeforeValidator(_said)] = Field(default="", validation_alias="message")
    at: JsonValue = Field(default=None, validation_alias=AliasChoices("createdAt", "created_at"))

    @model_validator(mode="before")
    @classmethod
    def _named(cls, value: Any) -> Any:
        # an id that is null leaves the place to the other one
        unnamed = {name for name in (*_MESSAGE_ID, *_SESSION_ID) if value.get(name) is None}
        return {name: field for name, field in value.items() if name not in unnamed}

    @property
    def time(self) -> object:
        """When it was written, if that is told in a form we know."""
        try:
            return as_time(self.at)
        except ValueError:
            return None


class _Person(Payload):
    id: OptionalId
    name: Text
    email: Text
    phone: Text


def contact_of(webhook: Webhook) -> ContactRef | None:
    """Who the session is with, where the delivery says so (inferred, by the names of the API's lists of sessions)."""
    places = [place for place in (webhook.message, webhook.data) if isinstance(place, dict)]
    person = next((place[key] for place in places for key in _PERSON if isinstance(place.get(key), dict)), {})
    told = _Person.model_validate(person)
    contact_id = told.id or next(filter(None, (as_short_text(place.get("contact_id")) for place in places)), None)
    found = {"id": contact_id, "name": told.name, "email": told.email, "phone": told.phone}
    return ContactRef(**found) if any(found.values()) else None


def extra_of(webhook: Webhook, message: Message) -> dict[str, JsonValue]:
    """All other fields: those of the message, of `data` and of the envelope."""
    around = {name: value for name, value in webhook.data.items() if name != "message"}
    found = {**(webhook.model_extra or {}), **around, **(message.model_extra or {})}
    # a number of 17 digits is not exact for every reader of JSON
    return found | {name: as_text(found[name]) for name in ("session_uid",) if type(found.get(name)) is int}


def _first(place: JsonValue, names: tuple[str, ...]) -> str | None:
    if not isinstance(place, dict):
        return None
    return next(filter(None, (as_short_text(place.get(name)) for name in names)), None)
