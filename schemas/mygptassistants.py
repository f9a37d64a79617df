"""What MyGPTAssistants posts to a webhook.

The envelope is documented (docs.mygptassistants.com/api/webhooks), with one example; the fields of message and bot
events are not. So several spellings are taken for each, and everything that is not understood is kept as it came.
"""

from typing import Annotated, Any

from pydantic import AliasChoices, BeforeValidator, Field, JsonValue, model_validator

from schemas.events import ContactRef, Role
from schemas.lenient import Id, OptionalId, Payload, Text, When

EVENT_TYPES = (
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
"""The nine events that can be chosen in the dashboard."""

_ROLES: dict[str, Role] = {
    "user": "user",
    "visitor": "user",
    "customer": "user",
    "contact": "user",
    "assistant": "assistant",
    "bot": "assistant",
    "ai": "assistant",
    "agent": "agent",
    "operator": "agent",
    "human": "agent",
    "system": "system",
}


_PERSON = ("id", "email", "name", "phone")


def as_role(value: object) -> object:
    """A role in one of its spellings; a sender given as an object names it in `role` or `type`."""
    if isinstance(value, dict):
        value = value.get("role", value.get("type"))
    return _ROLES.get(value.lower(), value) if isinstance(value, str) else value


def as_person(value: object) -> object:
    """A person given as an object, or by an id alone; anything else counts as missing."""
    if isinstance(value, dict):
        return value
    return {"id": value} if isinstance(value, str) or type(value) is int else None


class Person(Payload):
    """Who a conversation is with, where the payload names them."""

    id: OptionalId = Field(validation_alias=AliasChoices("id", "userId", "user_id", "contactId", "contact_id"))
    email: Text
    name: Text = Field(validation_alias=AliasChoices("name", "fullName", "full_name"))
    phone: Text = Field(validation_alias=AliasChoices("phone", "phoneNumber", "phone_number"))


class Passed(Person):
    """Who a conversation is with, in the `metadata` that the caller of the chat API passed along."""

    # `id` alone could be the id of anything.
    id: OptionalId = Field(validation_alias=AliasChoices("userId", "user_id"))


class Webhook(Payload):
    """The envelope of every event."""

    id: OptionalId
    type: str = Field(min_length=1, max_length=200)
    timestamp: When | None = None
    data: Annotated[dict[str, JsonValue], BeforeValidator(lambda value: {} if value is None else value)] = Field(
        default_factory=dict
    )


class About(Payload):
    """What `data` may tell in every event."""

    bot_id: OptionalId = Field(validation_alias=AliasChoices("botId", "bot_id"))
    person: Annotated[Person | None, BeforeValidator(as_person)] = Field(
        default=None, validation_alias=AliasChoices("contact", "user", "customer")
    )
    metadata: JsonValue = None

    def contact(self) -> ContactRef | None:
        """The person as the platform gave them, completed from `metadata`; None when nothing is told."""
        told = self.person
        passed = Passed.model_validate(self.metadata) if isinstance(self.metadata, dict) else None
        if told is None and passed is None:
            return None
        found = {name: getattr(told, name, None) or getattr(passed, name, None) for name in _PERSON}
        return ContactRef(**found) if any(found.values()) else None

    def extra(self) -> dict[str, JsonValue]:
        """The fields hookline has no place for, and what it has read a contact from, as they came."""
        known: dict[str, JsonValue] = {}
        if self.bot_id is not None:
            known["botId"] = self.bot_id
        if self.metadata is not None:
            known["metadata"] = self.metadata
        if self.person is not None and self.person.model_extra:
            known["contact"] = dict(self.person.model_extra)
        return {**(self.model_extra or {}), **known}


class ConversationFields(About):
    """`data` of `conversation.*`."""

    conversation_id: Id = Field(validation_alias=AliasChoices("conversationId", "conversation_id"))
    status: Text = None


class MessageFields(About):
    """`data` of `message.*`."""

    message_id: Id = Field(validation_alias=AliasChoices("messageId", "message_id", "id"))
    conversation_id: Id = Field(validation_alias=AliasChoices("conversationId", "conversation_id"))
    role: Annotated[Role, BeforeValidator(as_role)] = Field(validation_alias=AliasChoices("role", "sender"))
    content: str = Field(validation_alias=AliasChoices("content", "text", "message"))

    @model_validator(mode="before")
    @classmethod
    def _flat(cls, value: Any) -> Any:
        # Some senders nest the message: its own fields win over those around it.
        if isinstance(value, dict) and isinstance(value.get("message"), dict):
            return {**{name: field for name, field in value.items() if name != "message"}, **value["message"]}
        return value


class DeletedMessageFields(MessageFields):
    """`data` of `message.deleted`, which need not repeat who wrote what."""

    # Handlers act on what users write: a role nobody told must not be `user`.
    role: Annotated[Role, BeforeValidator(as_role)] = Field(
        default="system", validation_alias=AliasChoices("role", "sender")
    )
    content: str = Field(default="", validation_alias=AliasChoices("content", "text", "message"))
