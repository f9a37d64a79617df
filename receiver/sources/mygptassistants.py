"""MyGPTAssistants: nine events, signed with one secret, retried with growing pauses (docs.mygptassistants.com)."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from pydantic import JsonValue, ValidationError

from receiver.sources.platform import Fact, Platform, Reading, Unreadable, parse, unreadable
from receiver.verification import Verified
from schemas.events import (
    BotDisabled,
    BotPublished,
    BotUpdated,
    ConversationCompleted,
    ConversationCreated,
    ConversationUpdated,
    MessageCreated,
    MessageDeleted,
    MessageUpdated,
    Role,
    Unknown,
)
from schemas.mygptassistants import About, ConversationFields, DeletedMessageFields, MessageFields, Webhook
from schemas.own import is_marked
from schemas.schemes import MYGPTASSISTANTS


def read(verified: Verified) -> Reading | Unreadable:
    """The one fact a delivery tells; its `id` names the delivery, the same on every retry."""
    webhook = parse(Webhook, verified.body)
    if isinstance(webhook, Unreadable):
        return webhook
    make = _FACTS.get(webhook.type, _unknown)
    try:
        fact = make(webhook, verified.body)
    except ValidationError as error:
        return unreadable(error, under="data")
    return Reading(facts=(fact,), delivery=webhook.id)


def _message(kind: type[MessageCreated | MessageUpdated | MessageDeleted]) -> Callable[[Webhook, bytes], Fact]:
    fields_of = DeletedMessageFields if kind is MessageDeleted else MessageFields

    def make(webhook: Webhook, body: bytes) -> Fact:
        del body
        fields = fields_of.model_validate(webhook.data)
        data = kind(
            message_id=fields.message_id,
            conversation_id=fields.conversation_id,
            role=_role(fields),
            content=fields.content,
            contact=fields.contact(),
            extra=_extra(webhook, fields),
        )
        return Fact(data=data, key=fields.conversation_id, entity=fields.message_id, time=webhook.timestamp)

    return make


def _role(fields: MessageFields) -> Role:
    """Who wrote it: the platform tells what we sent through its API as if the visitor had written it."""
    return "agent" if fields.role == "user" and is_marked(fields.metadata, fields.content) else fields.role


def _conversation(
    kind: type[ConversationCreated | ConversationUpdated | ConversationCompleted],
) -> Callable[[Webhook, bytes], Fact]:
    def make(webhook: Webhook, body: bytes) -> Fact:
        del body
        fields = ConversationFields.model_validate(webhook.data)
        data = kind(
            conversation_id=fields.conversation_id,
            status=fields.status,
            contact=fields.contact(),
            extra=_extra(webhook, fields),
        )
        return Fact(data=data, key=fields.conversation_id, entity=fields.conversation_id, time=webhook.timestamp)

    return make


def _bot(kind: type[BotUpdated | BotPublished | BotDisabled]) -> Callable[[Webhook, bytes], Fact]:
    def make(webhook: Webhook, body: bytes) -> Fact:
        del body
        fields = About.model_validate(webhook.data)
        extra = {name: value for name, value in _extra(webhook, fields).items() if name != "botId"}
        return Fact(data=kind(bot_id=fields.bot_id, extra=extra), key=fields.bot_id, time=webhook.timestamp)

    return make


def _unknown(webhook: Webhook, body: bytes) -> Fact:
    """A type of tomorrow: kept as it came."""
    fields = About.model_validate(webhook.data)
    return Fact(data=Unknown(payload=None), key=fields.bot_id, time=webhook.timestamp, raw=body, name=webhook.type)


def _extra(webhook: Webhook, fields: About) -> dict[str, JsonValue]:
    return {**(webhook.model_extra or {}), **fields.extra()}


_FACTS: Mapping[str, Callable[[Webhook, bytes], Fact]] = MappingProxyType(
    {
        **{kind.event_type: _message(kind) for kind in (MessageCreated, MessageUpdated, MessageDeleted)},
        **{
            kind.event_type: _conversation(kind)
            for kind in (ConversationCreated, ConversationUpdated, ConversationCompleted)
        },
        **{kind.event_type: _bot(kind) for kind in (BotUpdated, BotPublished, BotDisabled)},
    }
)

PLATFORM = Platform(
    name="mygptassistants",
    scheme=MYGPTASSISTANTS,
    read=read,
    repairs=frozenset({"user", "assistant", "agent"}),
)
