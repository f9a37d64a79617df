"""What every platform's client offers: the names handlers and tests use. Needs no HTTP library."""
# ruff: noqa: ARG002 - what a platform lacks is refused whatever the arguments are

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from clients.abilities import lack
from clients.errors import NotFound, NotSupported, Rejected

__all__ = ["Account", "ChatMessage", "Chunk", "Contact", "Conversation", "Sent"]


# Clocks of a platform and ours may differ by so much.
_SKEW = timedelta(minutes=1)


class Result(BaseModel):
    """A frozen value; what does not fit is an error that shows no content."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, defer_build=True)


class Sent(Result):
    """What is known of a message that was sent.

    All fields are optional, because a message that was sent must not look like a failure for want of one of them.
    """

    # The id the platform gave in its answer.
    message_id: str | None = None
    # The conversation the message is in; the way to learn the id of a new one.
    conversation_id: str | None = None
    # The bot's answer, where the platform returns it with the call.
    reply: str | None = None


class Chunk(Result):
    """A piece of an answer while it is being written; the pieces' texts joined are the whole answer."""

    text: str = ""
    conversation_id: str | None = None
    message_id: str | None = None


class ChatMessage(Result):
    """One message of a conversation's history."""

    id: str
    # user, assistant, agent or system; another word stands as the platform wrote it.
    role: str
    content: str
    # UTC.
    at: datetime | None = None


class Conversation(Result):
    """One line of a platform's list of conversations. Times are UTC."""

    id: str
    preview: str | None = None
    message_count: int | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None


class Contact(Result):
    """A person as a platform knows them. `id` is the platform's own; None for one it has not seen."""

    id: str | None = None
    name: str | None = None
    email: str | None = None
    phone: str | None = None
    tags: tuple[str, ...] = ()
    attributes: Mapping[str, JsonValue] = Field(default_factory=dict)


class Account(ABC):
    """One account at one platform: what may be asked of it, whichever platform it is.

    Every operation raises `clients.errors.ClientError` and nothing else when the platform or the way to it fails,
    `NotSupported` where the platform has no such thing. Use as an async context manager, or call `aclose()`.
    """

    # The platform's name, as in `[accounts.NAME] platform`.
    platform: ClassVar[str]
    # Roles whose messages come with the calls of this account, and by no webhook.
    unposted: frozenset[str] = frozenset()

    def __init__(self, name: str) -> None:
        self.name = name

    async def start_conversation(self, contact: Contact | None = None) -> str | None:
        """Open a conversation and return its id; None where the first `send` opens it (`conversation_id=None`)."""
        raise self._lacks("start_conversation")

    @abstractmethod
    async def send(self, conversation_id: str | None, text: str, *, metadata: Mapping[str, Any] | None = None) -> Sent:
        """Send one message and return what the platform answered: as the user, or as the business where that can be.

        Repeated by itself only when no connection came about. An error without `nothing_happened` means that the
        message may have arrived; one with it that the platform says it did not.
        """

    def stream(
        self, conversation_id: str | None, text: str, *, metadata: Mapping[str, Any] | None = None
    ) -> AsyncGenerator[Chunk]:
        """Send one message and yield the answer piece by piece.

        The connection is held until the generator ends: leaving early, wrap it in `contextlib.aclosing`.
        """
        raise self._lacks("stream")

    def history(self, conversation_id: str) -> AsyncIterator[ChatMessage]:
        """Yield the messages of a conversation, in the platform's order (documented at the platform's client)."""
        raise self._lacks("history")

    async def said(self, conversation_id: str, text: str, *, since: datetime) -> Sent | None:
        """Look in the history for a message of these words: a `probe=` of `ctx.once` for what `send` sends.

        White space does not count, and clocks may differ by a minute. None if there is none, and where the platform
        does not know the conversation.

        Args:
            conversation_id: where it was sent.
            text: what was sent.
            since: an aware time before which it was surely not sent, such as `event.time`.

        Raises:
            NotSupported: the platform has no history, or does not tell when a message of that text was sent.
            Rejected: `since` has no time zone.
        """
        if since.utcoffset() is None:
            raise Rejected(f"{self.name} ({self.platform}): said: `since` has no time zone; use an aware datetime")
        words = text.split()
        try:
            async for message in self.history(conversation_id):
                if message.content.split() != words:
                    continue
                if message.at is None:
                    raise NotSupported(
                        f"{self.name} ({self.platform}): a message of that text has no time, so nobody can tell "
                        "whether it is the one",
                        ability="history",
                    )
                if message.at >= since - _SKEW:
                    return Sent(message_id=message.id, conversation_id=conversation_id)
        except NotFound:
            return None
        return None

    def conversations(self, since: datetime | None = None) -> AsyncIterator[Conversation]:
        """Yield the conversations after `since` (aware; None for all), asking page after page as they are needed.

        Newly arriving conversations may shift pages: a conversation can come twice, so dedupe by id.
        """
        raise self._lacks("conversations")

    async def upsert_contact(self, contact: Contact) -> Contact:
        """Create the contact, or update it when the platform knows it; return it as the platform has it now."""
        raise self._lacks("upsert_contact")

    async def get_contact(self, contact_id: str) -> Contact:
        """Return the contact with the platform's own id; `NotFound` if there is none."""
        raise self._lacks("get_contact")

    async def contact_of(self, conversation_id: str) -> Contact | None:
        """Return who a conversation is with, as the platform knows them; None if it does not."""
        raise self._lacks("contact_of")

    async def close_conversation(self, conversation_id: str) -> None:
        """Mark a conversation as resolved, closed or deleted, whichever the platform offers."""
        raise self._lacks("close_conversation")

    @abstractmethod
    async def aclose(self) -> None:
        """Give back the connections. The account cannot be used afterwards."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    def _lacks(self, operation: str) -> NotSupported:
        why = lack(self.platform, operation)
        return NotSupported(
            f"{self.name} ({self.platform}): the platform offers no {operation}{why and ': '}{why}", ability=operation
        )
