"""What YourGPT answers, read leniently into our results. Pure: only `ClientError` comes out.

Documented at https://docs.yourgpt.ai/chatbot/api-reference: the envelope and the pages named at each reader. Extra
fields are ignored, both spellings of a time are taken, and ids of any size are kept as text.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Annotated, Any, Final, Generic, TypeVar

from pydantic import AliasChoices, BeforeValidator, Field

from clients.account import ChatMessage, Contact, Conversation, Sent
from clients.answers import Complaint, Document, fit
from clients.errors import BadAnswer, ClientError, Rejected, Unauthorized
from schemas.lenient import Id, OptionalId, Text, as_time

M = TypeVar("M")

MESSAGES: Final[Mapping[str, type[ClientError]]] = MappingProxyType(
    {
        "invalid params": Rejected,
        "invalid or revoked api token": Unauthorized,
        "you do not have permission to perform this action": Unauthorized,
    }
)
"""The documented texts of `RXERROR`, in lower case. There are no codes; the statuses that go with them are inferred."""

_ROLES = MappingProxyType({"user": "user", "assistant": "assistant", "operator": "agent"})


def complain(value: object) -> Complaint | None:
    """Read the envelope `{type, message, data}`: nothing but `RXSUCCESS` is a success, whatever the status."""
    told = value if isinstance(value, Mapping) else {}
    if told.get("type") == "RXSUCCESS":
        return None
    message = told.get("message") if told.get("type") == "RXERROR" else None
    kind = MESSAGES.get(message.strip().rstrip(".").casefold()) if isinstance(message, str) else None
    return Complaint(kind=kind)


def _maybe_time(value: object) -> datetime | None:
    """A time, or nothing: a list must not fail for one that cannot be read."""
    try:
        read = as_time(value)
    except ValueError:
        return None
    return read if isinstance(read, datetime) else None


def _object(value: object) -> object:
    return value if isinstance(value, dict) else None


Time = Annotated[datetime | None, BeforeValidator(_maybe_time)]


class _Person(Document):
    """A contact, or what a session has of one; all optional."""

    id: OptionalId
    name: Text
    email: Text
    phone: Text


_SomePerson = Annotated[_Person | None, BeforeValidator(_object)]


class Session(Document):
    """A session: one line of `getSessions`, or the answer of `createSession`."""

    id: Id
    uid: Id = Field(validation_alias="session_uid")
    state: Text
    status: Text
    preview: Text = Field(None, validation_alias="last_message")
    contact_id: OptionalId
    contact_data: _SomePerson = None
    visitor_data: _SomePerson = None
    created_at: Time = Field(None, validation_alias=AliasChoices("createdAt", "created_at"))
    updated_at: Time = Field(None, validation_alias=AliasChoices("updatedAt", "updated_at"))
    last_at: Time = Field(None, validation_alias="last_message_time")

    @property
    def active_at(self) -> datetime | None:
        """When something was last said, or at least changed."""
        return self.last_at or self.updated_at or self.created_at

    def conversation(self) -> Conversation:
        """The session as a line of any platform's list."""
        return Conversation(id=self.id, preview=self.preview, created_at=self.created_at, updated_at=self.active_at)

    def contact(self) -> Contact | None:
        """Who it is with: the contact, completed from what the visitor told; None if nothing is known."""
        told = [one for one in (self.contact_data, self.visitor_data) if one is not None]
        found = {name: _first(told, name) for name in ("name", "email", "phone")}
        # a visitor's own id is not a contact's
        contact_id = self.contact_id or (self.contact_data.id if self.contact_data else None)
        return Contact(id=contact_id, **found) if contact_id or any(found.values()) else None


def _first(people: Sequence[_Person], name: str) -> str | None:
    return next((value for one in people if (value := getattr(one, name))), None)


class _Session(Document):
    data: Session


def session(value: object, *, what: str) -> Session:
    """Read the answer of `createSession`."""
    return fit(_Session, value, what=what).data


class _Said(Document):
    """A message as `sendMessage` answers it."""

    message_id: OptionalId
    id: OptionalId
    send_by: Text
    message: Text


def _objects(value: object) -> list[object]:
    """The objects in a list, or one that stands where a list may; what is none counts as missing."""
    return [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, dict)]


class _Sent(Document):
    data: Annotated[tuple[_Said, ...], BeforeValidator(_objects)] = ()


def sent(value: object, conversation_id: str, *, asked: bool, what: str) -> Sent:
    """Read the answer of `sendMessage`, whose `data` is a message or several.

    Args:
        value: the answer.
        conversation_id: the conversation asked for.
        asked: whether the bot was asked, so that what it says is its reply.
        what: names the call in errors.
    """
    told = fit(_Sent, value, what=what).data
    replies = [one for one in told if one.send_by != "user"] if asked else []
    first = next(iter(replies or told), None)
    return Sent(
        message_id=(first.message_id or first.id) if first else None,
        conversation_id=conversation_id,
        reply="\n".join(one.message for one in replies if one.message) or None,
    )


class _Stream(Document):
    url: str = Field(validation_alias="stream_url")
    token: str = Field(validation_alias="stream_token")


class _Streamed(Document):
    data: Annotated[tuple[_Stream, ...], BeforeValidator(_objects)]


def stream(value: object, *, what: str) -> tuple[str, str]:
    """Read the answer of `sendMessage` with `is_stream`: where the stream is, and its token."""
    found = fit(_Streamed, value, what=what).data
    if not found:
        raise BadAnswer(f"{what}: the answer names no stream")
    return found[0].url, found[0].token


class _Message(Document):
    id: Id = Field(validation_alias=AliasChoices("id", "message_id"))
    send_by: str
    message: Text
    at: Time = Field(None, validation_alias=AliasChoices("createdAt", "created_at"))
    deleted_at: Any = None

    def result(self) -> ChatMessage:
        return ChatMessage(
            id=self.id, role=_ROLES.get(self.send_by, self.send_by), content=self.message or "", at=self.at
        )


@dataclass(frozen=True, slots=True)
class Page(Generic[M]):
    """One page of a list, and how many there are in all."""

    items: tuple[M, ...]
    total: int | None
    # Items of the page, also those that are left out above.
    told: int


class _Messages(Document):
    data: tuple[_Message, ...]
    total: int | None = None


def messages(value: object, *, what: str) -> Page[ChatMessage]:
    """Read a page of `getSessionMessages`; deleted ones are left out."""
    told = fit(_Messages, value, what=what)
    shown = tuple(one.result() for one in told.data if not one.deleted_at)
    return Page(shown, told.total, len(told.data))


class _Sessions(Document):
    data: tuple[Session, ...]
    total: int | None = None


def sessions(value: object, *, what: str) -> Page[Session]:
    """Read a page of `getSessions`."""
    told = fit(_Sessions, value, what=what)
    return Page(told.data, told.total, len(told.data))


class _Contact(_Person):
    id: Id
    tags: Any = None
    company_id: OptionalId

    def result(self) -> Contact:
        return Contact(id=self.id, name=self.name, email=self.email, phone=self.phone, tags=_tags(self.tags))


def _tags(value: object) -> tuple[str, ...]:
    """Tags, which are a comma list or null; a list of names is taken too."""
    listed = value.split(",") if isinstance(value, str) else value if isinstance(value, list) else []
    return tuple(tag.strip() for tag in listed if isinstance(tag, str) and tag.strip())


class _ContactAnswer(Document):
    data: _Contact


def contact(value: object, *, what: str) -> Contact:
    """Read an answer about one contact."""
    return fit(_ContactAnswer, value, what=what).data.result()


class _Contacts(Document):
    data: tuple[_Contact, ...]
    total: int | None = None


def contacts(value: object, *, what: str) -> Page[Contact]:
    """Read a page of `getAllContacts`."""
    told = fit(_Contacts, value, what=what)
    return Page(tuple(one.result() for one in told.data), told.total, len(told.data))


class _Made(Document):
    id: Id


class _MadeAnswer(Document):
    data: _Made


def made(value: object, *, what: str) -> str:
    """Read the answer of a call that makes something: its id."""
    return fit(_MadeAnswer, value, what=what).data.id


def data(value: object) -> Any:
    """What a call of any kind answered, as it came."""
    return value.get("data") if isinstance(value, Mapping) else None
