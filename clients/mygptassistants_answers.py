"""What MyGPTAssistants answers, read leniently into our results. Pure: only `ClientError` comes out.

Documented at https://docs.mygptassistants.com/api/overview/ and its Chat API page. Extra fields are ignored, ids may be
numbers, times come in several forms; whatever is not needed may be missing.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Any, Generic, TypeVar

from pydantic import AfterValidator, AliasChoices, AliasPath, Field
from pydantic_core import from_json

from clients.account import ChatMessage, Chunk, Contact, Conversation, Sent
from clients.answers import Complaint, Document, fit
from clients.errors import BadAnswer, ClientError, NotFound, PlatformDown, RateLimited, Rejected, Unauthorized
from clients.sse import SseEvent
from schemas.lenient import Id, Text, When, as_text

CODES: Mapping[str, type[ClientError]] = MappingProxyType(
    {
        "RATE_LIMIT_EXCEEDED": RateLimited,
        "INVALID_API_KEY": Unauthorized,
        "BOT_NOT_FOUND": NotFound,
        "INVALID_REQUEST": Rejected,
        "INTERNAL_ERROR": PlatformDown,
    }
)
"""The documented error codes."""

# The words for a message's author that other parts of the product use, as the four words of `ChatMessage.role`.
_ROLES = MappingProxyType({"bot": "assistant", "ai": "assistant", "human": "agent", "operator": "agent"})
# Where a piece of a stream may carry its text, first one first: the stream's shape is not documented.
_TEXT_KEYS = ("response", "content", "delta", "text", "token")
_LAST = frozenset({"done", "end"})


def complain(value: object) -> Complaint | None:
    """Read the envelope `{success, data, error}`; `error` may be a code, a text, or `{code, message}`."""
    if not isinstance(value, Mapping) or value.get("success") is True:
        return None
    error = value.get("error")
    if value.get("success") is not False and not error:
        return None
    told = error.get("code") if isinstance(error, Mapping) else error
    code = told if isinstance(told, str) and told in CODES else None
    return Complaint(code, CODES[code] if code else None)


class _Sent(Document):
    """Flat or under `data`: the platform's own pages disagree about the quick-start form.

    A field of the wrong type counts as missing: the message was sent, whatever is wrong with the receipt.
    """

    success: Any = None
    reply: Text = Field(None, validation_alias=AliasChoices(AliasPath("data", "response"), "response"))
    conversation_id: Text = Field(
        None,
        validation_alias=AliasChoices(
            AliasPath("data", "conversationId"), "conversationId", AliasPath("data", "sessionId"), "sessionId"
        ),
    )
    message_id: Text = Field(None, validation_alias=AliasChoices(AliasPath("data", "messageId"), "messageId"))


def sent(value: object, conversation_id: str | None, *, what: str) -> Sent:
    """Read the answer of a send; the conversation asked for stands in when the answer names none."""
    told = fit(_Sent, value, what=what)
    if told.success is not True and told.reply is None and told.message_id is None:
        raise BadAnswer(f"{what}: the answer holds neither `success` nor `response` nor `messageId`")
    return Sent(message_id=told.message_id, conversation_id=told.conversation_id or conversation_id, reply=told.reply)


class _Message(Document):
    id: Id
    role: str
    content: str = ""
    at: When | None = Field(None, validation_alias=AliasChoices("timestamp", "createdAt", "created_at"))


class _History(Document):
    messages: tuple[_Message, ...] = Field(validation_alias=AliasChoices(AliasPath("data", "messages")))


def history(value: object, *, what: str) -> list[ChatMessage]:
    """Read a conversation's history, in the order the platform gives it."""
    told = fit(_History, value, what=what)
    return [
        ChatMessage(id=item.id, role=_ROLES.get(item.role.lower(), item.role), content=item.content, at=item.at)
        for item in told.messages
    ]


class _Conversation(Document):
    id: Id = Field(validation_alias=AliasChoices("id", "conversationId"))
    preview: str | None = None
    message_count: int | None = Field(None, validation_alias="messageCount")
    created_at: When | None = Field(None, validation_alias=AliasChoices("createdAt", "created_at"))
    updated_at: When | None = Field(None, validation_alias=AliasChoices("updatedAt", "updated_at"))


class _Pagination(Document):
    total: int | None = None
    has_more: bool | None = Field(None, validation_alias=AliasChoices("hasMore", "has_more"))


class _ConversationPage(Document):
    items: tuple[_Conversation, ...] = Field(validation_alias=AliasChoices(AliasPath("data", "conversations")))
    pagination: _Pagination = Field(_Pagination(), validation_alias=AliasChoices(AliasPath("data", "pagination")))


def _writable(value: dict[str, Any]) -> dict[str, Any]:
    """Refuse numbers that could be read and not written again: `1e999` is infinity, which JSON does not have."""
    json.dumps(value, allow_nan=False)
    return value


class _Contact(Document):
    id: Id = Field(validation_alias=AliasChoices("id", "contactId"))
    name: str | None = None
    email: str | None = None
    phone: str | None = None
    tags: tuple[str, ...] | None = None
    # Any: what is in it came out of JSON, and an error must not show a key of it.
    attributes: Annotated[dict[str, Any], AfterValidator(_writable)] | None = None

    def result(self) -> Contact:
        return Contact(
            id=self.id,
            name=self.name,
            email=self.email,
            phone=self.phone,
            tags=self.tags or (),
            attributes=self.attributes or {},
        )


class _ContactAnswer(Document):
    contact: _Contact = Field(validation_alias=AliasChoices(AliasPath("data", "contact"), "data"))


class _ContactPage(Document):
    items: tuple[_Contact, ...] = Field(validation_alias=AliasChoices(AliasPath("data", "contacts"), "data"))
    pagination: _Pagination = Field(_Pagination(), validation_alias=AliasChoices(AliasPath("data", "pagination")))


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page of a list, and whether another follows."""

    items: tuple[T, ...]
    more: bool


def conversation_page(value: object, *, page: int, limit: int, what: str) -> Page[Conversation]:
    """Read one page of the list of conversations."""
    told = fit(_ConversationPage, value, what=what)
    items = tuple(
        Conversation(
            id=item.id,
            preview=item.preview,
            message_count=item.message_count,
            created_at=item.created_at,
            updated_at=item.updated_at,
        )
        for item in told.items
    )
    return Page(items, _more(told.pagination, len(items), page=page, limit=limit))


def contact_page(value: object, *, page: int, limit: int, what: str) -> Page[Contact]:
    """Read one page of the list of contacts."""
    told = fit(_ContactPage, value, what=what)
    items = tuple(item.result() for item in told.items)
    return Page(items, _more(told.pagination, len(items), page=page, limit=limit))


def contact(value: object, *, what: str) -> Contact:
    """Read the answer about one contact."""
    return fit(_ContactAnswer, value, what=what).contact.result()


def _more(pagination: _Pagination, found: int, *, page: int, limit: int) -> bool:
    """Believe `hasMore`; without it the total, without that a full page says that another may follow."""
    if found == 0:
        return False
    if pagination.has_more is not None:
        return pagination.has_more
    if pagination.total is not None:
        return page * limit < pagination.total
    return found >= limit


@dataclass(frozen=True, slots=True)
class StreamStep:
    """What one event of a stream says."""

    chunks: tuple[Chunk, ...] = ()
    # Nothing follows.
    ended: bool = False
    # The stream reports an error instead of an answer.
    complaint: Complaint | None = None


def read_event(event: SseEvent) -> StreamStep:
    """Read one event of a stream, whose shape the platform does not document.

    Each `data:` line that is a JSON object gives the first of its text fields and its ids; any other line is text as
    it stands. `[DONE]` and the events `done` and `end` end the stream; what the latter carry repeats the answer, so
    only their ids are taken.
    """
    last = event.name.lower() in _LAST
    chunks: list[Chunk] = []
    for line in event.data:
        if line.strip() == "[DONE]":
            return StreamStep(tuple(chunks), ended=True)
        value = _json_or_text(line)
        complaint = complain(value) or (Complaint() if event.name.lower() == "error" else None)
        if complaint is not None:
            return StreamStep(tuple(chunks), ended=True, complaint=complaint)
        # Lines of plain text in one event are lines of the answer.
        plain_before = bool(chunks) and isinstance(value, str)
        chunk = _chunk(f"\n{value}" if plain_before else value, with_text=not last)
        if chunk != Chunk():
            chunks.append(chunk)
    return StreamStep(tuple(chunks), ended=last)


def _json_or_text(line: str) -> object:
    try:
        value = from_json(line)
    except ValueError:
        return line
    # A bare number, list or word is a piece of text that happens to look like JSON.
    return value if isinstance(value, dict | str) else line


def _chunk(value: object, *, with_text: bool) -> Chunk:
    if not isinstance(value, Mapping):
        return Chunk(text=str(value)) if with_text else Chunk()
    inner = value.get("data")
    layers = (value, inner) if isinstance(inner, Mapping) else (value,)
    return Chunk(
        text=next(filter(None, map(_text, layers)), "") if with_text else "",
        conversation_id=_first_id(layers, "conversationId"),
        message_id=_first_id(layers, "messageId"),
    )


def _text(value: Mapping[str, object], depth: int = 1) -> str:
    for key in _TEXT_KEYS:
        found = value.get(key)
        if isinstance(found, str):
            return found
        if isinstance(found, Mapping) and depth:
            return _text(found, depth - 1)
    return ""


def _first_id(layers: Sequence[Mapping[str, object]], key: str) -> str | None:
    return next((text for layer in layers if (text := as_text(layer.get(key)))), None)
