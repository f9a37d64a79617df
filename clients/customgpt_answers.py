"""What CustomGPT.ai answers, read leniently into our results. Pure: only `ClientError` comes out.

Documented at https://docs.customgpt.ai/openapi/openapi.json: `{status, data}`, lists as pages of ten with
`next_page_url`. Times have no zone and are read as UTC (inferred). Extra fields are ignored.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field, JsonValue

from clients.account import ChatMessage, Conversation, Result, Sent
from clients.answers import Complaint, Document, fit
from clients.errors import (
    BadAnswer,
    ClientError,
    NotFound,
    NotSupported,
    OutOfCredit,
    PlatformDown,
    RateLimited,
    Rejected,
    Unauthorized,
)
from schemas.customgpt import ANSWER, QUESTION, Listed, Prompt, is_ours, message_id
from schemas.lenient import Id, Text, When, as_text

CODES: Final[Mapping[int, type[ClientError]]] = MappingProxyType(
    {
        400: Rejected,
        401: Unauthorized,
        403: Unauthorized,
        404: NotFound,
        422: Rejected,
        429: OutOfCredit,
        500: PlatformDown,
        501: NotSupported,
        503: PlatformDown,
    }
)
"""The documented codes, which are statuses. 429: the query credits are used up. 501: an argument is not supported."""

# The documented 429 is about credits. One in other words would be about a rate, of which no page speaks (inferred).
_TOO_FAST = re.compile(r"rate[ _-]?limit|too many requests|throttl", re.IGNORECASE)
_STATUS_LENGTH = 3


def complain(value: object) -> Complaint | None:
    """Read `{status: "error", data: {code, message}}`, or an error in the form of a completion."""
    if not isinstance(value, Mapping):
        return None
    if value.get("status") != "error":
        return _complaint(value["error"]) if value.get("error") else None
    return _complaint(value.get("data"))


def _complaint(told: object) -> Complaint:
    data = told if isinstance(told, Mapping) else {}
    code = _code(data.get("code"))
    if code is None:
        return Complaint()
    if code == 429 and _TOO_FAST.search(str(as_text(data.get("message")))):  # noqa: PLR2004 - the documented code
        return Complaint(str(code), RateLimited)
    # 501 would else be a refusal like any other; that the platform lacks something is what handlers can live with.
    return Complaint(str(code), CODES[code], decides=CODES[code] is NotSupported)


def _code(value: object) -> int | None:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) == _STATUS_LENGTH:
        value = int(value)
    return value if type(value) is int and value in CODES else None


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list, and whether another follows."""

    items: tuple[Mapping[str, JsonValue], ...]
    more: bool


class _Laravel(Document):
    # Any inside: what an item must have is its reader's affair, and one that is odd must not hide the others.
    items: tuple[dict[str, Any], ...] = Field(validation_alias="data")
    next_page_url: Text


class _Listed(Document):
    data: _Laravel


class _Messages(Document):
    messages: _Laravel


class _History(Document):
    data: _Messages


def page(value: object, *, what: str) -> Page:
    """Read a page of a list. Its URLs are not followed: they may name another host."""
    told = fit(_Listed, value, what=what).data
    return Page(told.items, told.next_page_url is not None)


def message_page(value: object, *, what: str) -> Page:
    """Read a page of messages, which stands beside its conversation."""
    told = fit(_History, value, what=what).data.messages
    return Page(told.items, told.next_page_url is not None)


class _Updated(Document):
    updated_at: When | None = None


def conversation(item: object, *, what: str) -> Conversation:
    """Read one line of the list of conversations."""
    told = fit(Listed, item, what=what)
    changed = fit(_Updated, item, what=what).updated_at
    return Conversation(id=told.session_id, preview=told.name, created_at=told.created_at, updated_at=changed)


class _Session(Document):
    session_id: Id


class _Created(Document):
    data: _Session


def created(value: object, *, what: str) -> str:
    """Read the answer of a new conversation: the id that paths want."""
    return fit(_Created, value, what=what).data.session_id


class _Sent(Document):
    data: Prompt


def prompt(value: object, *, what: str) -> Prompt:
    """Read an answer that is one record."""
    return fit(_Sent, value, what=what).data


def record(item: object, *, what: str) -> Prompt:
    """Read one record of a list."""
    return fit(Prompt, item, what=what)


def sent(value: object, conversation_id: str, *, what: str) -> Sent:
    """Read the answer of a send. Its message is the question; the id of the reply follows from it."""
    told = prompt(value, what=what)
    return Sent(message_id=message_id(told.id, QUESTION), conversation_id=conversation_id, reply=told.answer or None)


def messages(told: Prompt) -> tuple[ChatMessage, ...]:
    """The question and the answer of a record, in this order; no answer while it is being written."""
    role = "agent" if is_ours(told.external_id, told.question) else "user"
    asked = ChatMessage(id=message_id(told.id, QUESTION), role=role, content=told.question, at=told.created_at)
    if not told.answer:
        return (asked,)
    answered = ChatMessage(id=message_id(told.id, ANSWER), role="assistant", content=told.answer, at=told.created_at)
    return (asked, answered)


class Insight(Result):
    """One row of the intelligence report: a question, its answer, and what the platform made of them."""

    prompt_id: str
    # The number of the conversation, not the session id that paths want.
    conversation_id: str
    question: str = ""
    answer: str = ""
    # UTC.
    at: When | None = None
    # The other columns: user_emotion, user_intent, language, feedback, user_location, chatbot_deployment, browser …
    more: Mapping[str, JsonValue] = Field(default_factory=dict)


class _Row(Document):
    prompt_id: Id
    conversation_id: Id
    user_query: Text
    ai_response: Text
    created_at: When | None = None


def insight(item: Mapping[str, JsonValue], *, what: str) -> Insight:
    """Read one row of the intelligence report."""
    row = fit(_Row, item, what=what)
    return Insight(
        prompt_id=row.prompt_id,
        conversation_id=row.conversation_id,
        question=row.user_query or "",
        answer=row.ai_response or "",
        at=row.created_at,
        more={name: value for name, value in item.items() if name not in _Row.model_fields},
    )


_Count = Annotated[int | None, BeforeValidator(lambda value: value if type(value) is int else None)]


class Usage(Result):
    """How much of the plan is used (`GET /limits/usage`); None where the platform does not say."""

    max_projects_num: _Count = None
    current_projects_num: _Count = None
    max_total_storage_credits: _Count = None
    current_total_storage_credits: _Count = None
    max_queries: _Count = None
    current_queries: _Count = None

    @property
    def out_of_queries(self) -> bool:
        """Whether a 429 means credits: none is left."""
        return (
            self.max_queries is not None
            and self.current_queries is not None
            and self.current_queries >= self.max_queries
        )


def usage(value: object, *, what: str) -> Usage:
    """Read the answer of `GET /limits/usage`."""
    told = an_object(value, what=what)
    return Usage(**{name: told.get(name) for name in Usage.model_fields})


class Completion(Result):
    """An answer of the OpenAI-like endpoint. It belongs to no conversation that could be gone on with."""

    id: str | None = None
    content: str = ""
    finish_reason: str | None = None


class _Said(Document):
    content: Text


class _Choice(Document):
    message: _Said | None = None
    finish_reason: Text


class _Completion(Document):
    id: Text
    choices: tuple[_Choice, ...]


def completion(value: object, *, what: str) -> Completion:
    """Read the answer of a completion: its first choice."""
    told = fit(_Completion, value, what=what)
    if not told.choices:
        raise BadAnswer(f"{what}: the answer holds no choice")
    first = told.choices[0]
    said = first.message.content if first.message else None
    return Completion(id=told.id, content=said or "", finish_reason=first.finish_reason)


def an_object(value: object, *, what: str) -> Mapping[str, JsonValue]:
    """The `data` of an answer, whose form is not looked at."""
    inner = value.get("data") if isinstance(value, Mapping) else None
    if not isinstance(inner, Mapping):
        raise BadAnswer(f"{what}: the answer holds no `data`")
    return inner
