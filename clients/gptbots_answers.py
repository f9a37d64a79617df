"""What GPTBots answers, read leniently into our results. Pure: only `ClientError` comes out.

Documented at https://www.gptbots.ai/docs/api-reference/overview and the pages below it: conversation-api, user-api,
workflow-api. Extra fields are ignored, both spellings of a name are taken, times may be in seconds or milliseconds.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Any, Final

from pydantic import AfterValidator, AliasChoices, BeforeValidator, Field, JsonValue, TypeAdapter, ValidationError

from clients.account import ChatMessage, Contact, Conversation, Result, Sent
from clients.answers import Complaint, Document, fit
from clients.errors import (
    BadAnswer,
    ClientError,
    NotFound,
    OutOfCredit,
    PartlyRejected,
    PlatformDown,
    RateLimited,
    Rejected,
    Unauthorized,
)
from schemas.lenient import Id, Text, When, as_text

CODES: Final[Mapping[int, type[ClientError]]] = MappingProxyType(
    {
        20022: OutOfCredit,
        20040: Rejected,
        20055: Unauthorized,
        20059: NotFound,
        40000: Rejected,
        40005: NotFound,
        40127: Unauthorized,
        40356: NotFound,
        40358: NotFound,
        40364: Rejected,
        40378: NotFound,
        40379: OutOfCredit,
        50000: PlatformDown,
        200222: Rejected,
    }
)
"""The documented error codes. Which HTTP status goes with each is not documented, so the code decides.

40356 and 40358: the conversation is not there, or not this agent's: make a new one. 40378 and 20059: the agent was
deleted. 40379 and 20022: the credits are used up. 20055: the API is switched off in the dashboard.
"""

PAST_THE_END: Final = "40005"
"""The code for a page behind the last one."""

# Not documented: a body may say in the form of an error that there was none.
_FINE = (0, 200)
# The message for it is documented (the overview: "a rate limit exceeded message"), its code is not.
_TOO_MANY_CODE = 429
_TOO_MANY = re.compile(r"rate[ _-]?limit|too many requests", re.IGNORECASE)
# Inferred: the records of a stream have codes below, errors from here on.
_FIRST_ERROR = 20_000

_ROLES = MappingProxyType({"bot": "assistant", "ai": "assistant", "human": "agent", "human_agent": "agent"})
_ASKED_OR_ANSWERED = MappingProxyType({"QUESTION": "user", "ANSWER": "assistant"})


def complain(value: object) -> Complaint | None:
    """Read `{code, message}`: an error unless the code is 0, or the body is an answer that happens to have one."""
    if not isinstance(value, Mapping) or {"conversation_id", "output"} & value.keys():
        return None
    code = _code(value.get("code"))
    return None if code is None or code in _FINE else _complaint(code, value.get("message"))


def _complaint(code: int, message: object) -> Complaint:
    if code in CODES:
        return Complaint(str(code), CODES[code], decides=True)
    if code == _TOO_MANY_CODE or (isinstance(message, str) and _TOO_MANY.search(message)):
        return Complaint(str(code), RateLimited, decides=True)
    # what it means is not known, but it is a number and no secret
    return Complaint(str(code))


def _code(value: object) -> int | None:
    """A code, also one written as text."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 9:  # noqa: PLR2004 - more digits are no code
        return int(value)
    return value if type(value) is int else None


def _written(value: object) -> object:
    """Refuse numbers that could be read and not written again: `1e999` is infinity, which JSON does not have."""
    json.dumps(value, allow_nan=False)
    return value


# Any inside: what came out of JSON is not looked at again, and an error must not show a key of it.
_Json = Annotated[Any, AfterValidator(_written)]


class _Created(Document):
    conversation_id: Id


def created(value: object, *, what: str) -> str:
    """Read the answer of `POST /v1/conversation`."""
    return fit(_Created, value, what=what).conversation_id


class _Audio(Document):
    transcript: Text


class _Spoken(Document):
    text: Text
    audio: tuple[_Audio, ...] | None = None

    @property
    def said(self) -> str:
        """The text, or what was spoken."""
        return self.text or "\n".join(filter(None, (one.transcript for one in self.audio or ())))


class _Output(Document):
    content: _Spoken | None = None


class _Sent(Document):
    """The blocking answer of a message, which is also the body of a reply webhook."""

    conversation_id: Text
    message_id: Text
    output: tuple[_Output, ...] | None = None


def sent(value: object, conversation_id: str, *, what: str) -> Sent:
    """Read the blocking answer of a send: the texts of all branches, a line each."""
    told = fit(_Sent, value, what=what)
    if told.output is None and told.message_id is None:
        raise BadAnswer(f"{what}: the answer holds neither `output` nor `message_id`")
    texts = [output.content.said for output in told.output or () if output.content is not None]
    return Sent(
        message_id=told.message_id,
        conversation_id=told.conversation_id or conversation_id,
        reply="\n".join(filter(None, texts)) or None,
    )


def taken(value: object, conversation_id: str) -> Sent:
    """Read the acknowledgement of a message whose answer comes by webhook; its form is not documented."""
    fields = value if isinstance(value, Mapping) else {}
    return Sent(message_id=as_text(fields.get("message_id")), conversation_id=conversation_id)


class _Item(Document):
    kind: Text = Field(None, validation_alias="type")
    text: Text
    audio: tuple[_Audio, ...] | None = None


class _Branch(Document):
    items: tuple[_Item, ...] = Field((), validation_alias="branch_content")


class _Message(Document):
    message_id: Id
    role: str
    at: When | None = Field(None, validation_alias="create_time")
    content: tuple[_Branch, ...] = ()

    def result(self) -> ChatMessage:
        spoken = (
            item.text or "\n".join(filter(None, (one.transcript for one in item.audio or ())))
            for branch in self.content
            for item in branch.items
        )
        content = "\n".join(filter(None, spoken))
        return ChatMessage(
            id=self.message_id, role=_ROLES.get(self.role.lower(), self.role), content=content, at=self.at
        )


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list: its items, and how many there are in all."""

    items: tuple[Any, ...]
    total: int | None


class _Messages(Document):
    total: int | None = None
    items: tuple[_Message, ...] = Field(validation_alias="conversation_content")


def messages(value: object, *, what: str) -> Page:
    """Read a page of `GET /v2/messages`: the text of each message, attachments left out."""
    told = fit(_Messages, value, what=what)
    return Page(tuple(item.result() for item in told.items), told.total)


def in_order(messages: Sequence[ChatMessage]) -> list[ChatMessage]:
    """Messages oldest first, in whatever order the platform gave them; without all times, as they are."""
    timed = [(message.at, message) for message in messages if message.at is not None]
    if len(timed) < max(len(messages), 2):
        return list(messages)
    if timed[0][0] > timed[-1][0]:
        # Those of one moment too are the other way round.
        timed.reverse()
    return [message for _, message in sorted(timed, key=lambda pair: pair[0])]


class _OldMessage(Document):
    message_id: Id
    message_type: str
    text: str = ""
    at: When | None = Field(None, validation_alias="create_time")

    def result(self) -> ChatMessage:
        role = _ASKED_OR_ANSWERED.get(self.message_type, self.message_type)
        return ChatMessage(id=self.message_id, role=role, content=self.text, at=self.at)


class _OldMessages(Document):
    total: int | None = None
    items: tuple[_OldMessage, ...] = Field(validation_alias="messages")


def old_messages(value: object, *, what: str) -> Page:
    """Read a page of `GET /v1/messages`."""
    told = fit(_OldMessages, value, what=what)
    return Page(tuple(item.result() for item in told.items), told.total)


class _Conversation(Document):
    conversation_id: Id
    subject: Text
    message_count: int | None = None
    at: When | None = Field(None, validation_alias="recent_chat_time")


class _Conversations(Document):
    total: int | None = None
    items: tuple[_Conversation, ...] = Field(validation_alias="list")


def conversations(value: object, *, what: str) -> Page:
    """Read a page of the list of conversations."""
    told = fit(_Conversations, value, what=what)
    found = tuple(
        Conversation(
            id=item.conversation_id, preview=item.subject, message_count=item.message_count, updated_at=item.at
        )
        for item in told.items
    )
    return Page(found, told.total)


class _Property(Document):
    name: str = Field(validation_alias=AliasChoices("property_name", "propertyName"))
    value: _Json = None


class _Updated(Document):
    success: tuple[_Property, ...] | None = Field(None, validation_alias="success_update")
    failed: tuple[_Property, ...] | None = Field(None, validation_alias="fail_update")


def check_update(value: object, asked: Iterable[str], *, what: str) -> None:
    """See that every property was taken.

    Raises:
        PartlyRejected: the agent has no such property, or the value does not fit it. The names are those we sent.
    """
    told = fit(_Updated, value, what=what)
    if told.success is None and told.failed is None:
        raise BadAnswer(f"{what}: the answer holds neither `success_update` nor `fail_update`")
    refused = {one.name for one in told.failed or ()}
    if not refused:
        return
    # Only names of ours are told on: an answer's own words stay where they are.
    named = tuple(name for name in asked if name in refused)
    raise PartlyRejected(
        f"{what}: the agent does not take {', '.join(named) or 'some'}: it has no such user property, or the "
        "value is not of its kind",
        fields=named,
    )


class _User(Document):
    user_id: Text
    anonymous_id: Text
    properties: tuple[_Property, ...] = Field((), validation_alias=AliasChoices("property_values", "propertyValues"))


def _as_list(value: object) -> object:
    """A list, also one under `list` or `data`."""
    if isinstance(value, Mapping):
        return next((value[key] for key in ("list", "data") if isinstance(value.get(key), list)), value)
    return value


class _Users(Document):
    users: Annotated[tuple[_User, ...], BeforeValidator(_as_list)]


def user(value: object, user_id: str, properties: Mapping[str, str], *, what: str) -> Contact:
    """Read one user out of the answer of `GET /v2/user-property/query`.

    Args:
        value: the answer.
        user_id: which user.
        properties: field of a contact → property, as configured; others become attributes under their own names.
        what: names the call in errors.

    Raises:
        NotFound: the answer does not hold the user.
    """
    found = next((one for one in fit(_Users, {"users": value}, what=what).users if one.user_id == user_id), None)
    if found is None:
        raise NotFound(f"{what}: the platform knows no such user")
    told = {one.name: one.value for one in found.properties}
    mapped = contact(user_id, {field: told[name] for field, name in properties.items() if name in told})
    others = {name: value for name, value in told.items() if name not in properties.values() and value is not None}
    return mapped.model_copy(update={"attributes": {**others, **mapped.attributes}})


def contact(user_id: str, values: Mapping[str, JsonValue]) -> Contact:
    """A contact from its fields and attributes; null is a field that is not set."""
    known = {name: as_text(values[name]) for name in ("name", "email", "phone") if name in values}
    others = {name: value for name, value in values.items() if name not in known and value is not None}
    return Contact(id=user_id, **known, attributes=others)


class WorkflowRun(Result):
    """One run of a workflow. Everything is optional, because a run that was begun must not look like a failure."""

    run_id: str | None = None
    # As the platform writes it: SUCCEED is a success.
    status: str | None = None
    output: JsonValue = None
    # The whole answer, for fields that have no place above.
    answer: Mapping[str, JsonValue] = Field(default_factory=dict)


class _Run(Document):
    run_id: Text = Field(None, validation_alias=AliasChoices("workflowRunId", "workflow_run_id"))
    status: Text
    output: _Json = None


_OBJECT: TypeAdapter[dict[str, Any]] = TypeAdapter(Annotated[dict[str, Any], AfterValidator(_written)])


def workflow_run(value: object, *, what: str) -> WorkflowRun:
    """Read the answer of an invocation or of a query."""
    told = fit(_Run, value, what=what)
    return WorkflowRun(run_id=told.run_id, status=told.status, output=told.output, answer=an_object(value, what=what))


def an_object(value: object, *, what: str) -> dict[str, Any]:
    """An answer whose form is not documented: whatever object it is."""
    try:
        return _OBJECT.validate_python(value, strict=True)
    except ValidationError:
        raise BadAnswer(f"{what}: the answer is no JSON object that can be kept") from None


def texts(items: object, *keys: str) -> str:
    """The texts under one of these keys in a list of objects, a line each."""
    found: Sequence[object] = items if isinstance(items, list) else [items]
    said = (next((text for key in keys if (text := _said(one, key))), "") for one in found)
    return "\n".join(filter(None, said))


def _said(item: object, key: str) -> str:
    value = item.get(key) if isinstance(item, Mapping) else None
    return value if isinstance(value, str) else ""


def stream_complaint(code: int, message: object) -> Complaint | None:
    """What a record of a stream complains of, by its code."""
    return _complaint(code, message) if code >= _FIRST_ERROR or code == _TOO_MANY_CODE else None


def record_code(value: object) -> int | None:
    """The code of a record of a stream."""
    return _code(value.get("code")) if isinstance(value, Mapping) else None
