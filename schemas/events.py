"""The canonical events: what every platform's deliveries become, and what handlers and downstream teams read.

A class here is the `data` of one CloudEvents type; `Event` is the envelope around it. A platform's other fields live in
`extra`, never beside the canonical ones. Readers ignore fields they do not know, so a field may be added; a breaking
change is a new type.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, ClassVar, Generic, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue
from typing_extensions import TypeVar

from schemas.contacts import Identity

Role = Literal["user", "assistant", "agent", "system"]
Origin = Literal["webhook", "poll", "handler"]


class Data(BaseModel):
    """The payload of an event. Subclasses name their CloudEvents type in `event_type`."""

    model_config = ConfigDict(
        extra="ignore", frozen=True, hide_input_in_errors=True, ser_json_inf_nan="null", defer_build=True
    )

    event_type: ClassVar[str] = ""


class ContactRef(BaseModel):
    """Who a message or conversation is with, as the platform gave it."""

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)

    id: str | None = Field(
        default=None, description="The platform's id of the person, or the caller's own id passed through it."
    )
    email: str | None = None
    phone: str | None = None
    name: str | None = None


class _WithExtra(Data):
    extra: dict[str, JsonValue] = Field(default_factory=dict, description="The platform's other fields, untouched.")


class _Message(_WithExtra):
    message_id: str
    conversation_id: str
    role: Role
    content: str = Field(description="The text as the platform sent it: hostile until escaped.")
    contact: ContactRef | None = None


class MessageCreated(_Message):
    """A message was written, by a visitor, the assistant or a human agent."""

    event_type: ClassVar[str] = "message.created"


class MessageUpdated(_Message):
    """A message was edited."""

    event_type: ClassVar[str] = "message.updated"


class MessageDeleted(_Message):
    """A message was removed; `content` is empty where the platform does not repeat it."""

    event_type: ClassVar[str] = "message.deleted"


class _Conversation(_WithExtra):
    conversation_id: str
    status: str | None = None
    contact: ContactRef | None = None


class ConversationCreated(_Conversation):
    """A conversation began."""

    event_type: ClassVar[str] = "conversation.created"


class ConversationUpdated(_Conversation):
    """A conversation received a message or changed its state."""

    event_type: ClassVar[str] = "conversation.updated"


class ConversationCompleted(_Conversation):
    """A conversation was marked as resolved."""

    event_type: ClassVar[str] = "conversation.completed"


class HandoffRequested(_Conversation):
    """A visitor asked for, or was given, a human agent."""

    event_type: ClassVar[str] = "handoff.requested"


class HandoffClosed(_Conversation):
    """The human agent's part ended."""

    event_type: ClassVar[str] = "handoff.closed"


class _Contact(_WithExtra):
    contact_id: str
    name: str | None = None
    email: str | None = None
    phone: str | None = None
    attributes: dict[str, JsonValue] = Field(default_factory=dict)


class ContactCreated(_Contact):
    """A platform told of a new contact."""

    event_type: ClassVar[str] = "contact.created"


class ContactUpdated(_Contact):
    """A platform told of a changed contact."""

    event_type: ClassVar[str] = "contact.updated"


class ContactDeleted(_Contact):
    """A platform told of a removed contact."""

    event_type: ClassVar[str] = "contact.deleted"


class ContactSnapshot(_Contact):
    """The latest state of one of our own contacts, after `sync-contact`; `contact_id` is our own id."""

    event_type: ClassVar[str] = "contact.snapshot"

    identities: tuple[Identity, ...] = ()
    version: int = Field(description="Grows by one with every change of the contact.")


class _Bot(_WithExtra):
    bot_id: str | None = None


class BotUpdated(_Bot):
    """A bot's settings changed."""

    event_type: ClassVar[str] = "bot.updated"


class BotPublished(_Bot):
    """A bot was published."""

    event_type: ClassVar[str] = "bot.published"


class BotDisabled(_Bot):
    """A bot was disabled."""

    event_type: ClassVar[str] = "bot.disabled"


class WorkflowFinished(_WithExtra):
    """A workflow run ended."""

    event_type: ClassVar[str] = "workflow.finished"

    workflow_run_id: str
    status: str | None = None


class Unknown(Data):
    """An authentic delivery of a type hookline has no model for.

    The record's value is the platform's body, byte for byte.
    """

    event_type: ClassVar[str] = "unknown"

    payload: JsonValue


class Timer(Data):
    """A timer that a handler set with `ctx.schedule` has come due. Only that handler is given it; it is in no topic."""

    event_type: ClassVar[str] = "hookline.timer"

    name: str
    due: datetime
    conversation_id: str | None = None
    data: dict[str, JsonValue] = Field(
        default_factory=dict, description="Reserved for values a handler keeps with its timer."
    )


D_co = TypeVar("D_co", bound=Data, covariant=True, default=Data)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event(Generic[D_co]):
    """One fact: a CloudEvents 1.0 event with typed `data`."""

    # Names the fact and is unique in its source: the same delivery sent twice has the same id.
    id: str
    type: str
    # The name of the source in the configuration; the handler's entry for events that a handler published.
    source: str
    platform: str
    # The conversation, contact or bot id whose events stay in order.
    key: str
    # The platform's time of the fact, else the receipt. UTC.
    time: datetime
    # When hookline took it. UTC.
    received_at: datetime
    origin: Origin
    data: D_co
    # The platform's own id of the HTTP delivery, where it gives one.
    delivery_id: str | None = None
    # The platform's own name of the event, where hookline has no type of its own for it: `invoice.paid`. Also of every
    # event that a recipe reads.
    name: str | None = None
    # The id of the event that a handler answered by publishing this one.
    cause: str | None = None
    # W3C trace context.
    traceparent: str | None = None
    # What it says is a hint: nobody signed it, so read it again at the platform before you act on it.
    unconfirmed: bool = False


CANONICAL: tuple[type[Data], ...] = (
    MessageCreated,
    MessageUpdated,
    MessageDeleted,
    ConversationCreated,
    ConversationUpdated,
    ConversationCompleted,
    HandoffRequested,
    HandoffClosed,
    ContactCreated,
    ContactUpdated,
    ContactDeleted,
    ContactSnapshot,
    BotUpdated,
    BotPublished,
    BotDisabled,
    WorkflowFinished,
    Unknown,
)
"""Every event that is a record in a topic."""

BY_TYPE: Mapping[str, type[Data]] = MappingProxyType({data.event_type: data for data in CANONICAL})
"""CloudEvents type → class of its data."""


def data_fields(data: Data) -> dict[str, Any]:
    """The JSON object of an event's data, without what is not set."""
    return data.model_dump(mode="json", exclude_none=True)
