"""The client of MyGPTAssistants: chat, conversations, and contacts where the account has them.

Facts: https://docs.mygptassistants.com/api/overview/ (base, limits, errors), its Chat API page (paths and bodies).
The platform takes no idempotency key, so a send is repeated here only when the first try never left.
"""

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any, ClassVar, Final, Literal, TypeVar

from typing_extensions import override

from clients import mygptassistants_answers as answers
from clients.account import Account, ChatMessage, Chunk, Contact, Conversation, Sent
from clients.errors import BadAnswer, NotFound, NotSupported, Rejected
from clients.http import Call, Edges, Incoming
from clients.paths import fill
from clients.settings import MyGPTAssistantsSettings
from clients.sse import read_block
from clients.wires import wires
from schemas.own import marked

T = TypeVar("T", Conversation, Contact)

CHAT: Final = "chat"
DATA: Final = "data"
# The largest page the platform gives.
_PAGE = 100
# A stream that is not one: the endpoint's answer in the form of `send`.
_WHOLE = "application/json"
# Abilities of the operations on contacts; the others are parts of one.
_OF_CONTACTS: Final = {"get": "get_contact", "delete": "delete_contact"}
_STREAMS = frozenset({"text/event-stream", "text/plain", ""})


class MyGPTAssistants(Account):
    """One bot of one account at MyGPTAssistants.

    Messages of `history` come oldest first, as the platform's page shows them; the order of `conversations` is not
    documented. There is no call that closes a conversation.
    """

    platform: ClassVar[str] = "mygptassistants"

    def __init__(self, name: str, settings: MyGPTAssistantsSettings, *, edges: Edges | None = None) -> None:
        super().__init__(name)
        self._settings = settings
        self._what = f"{name} ({self.platform})"
        limits = settings.limits
        [self._wire] = wires(
            name,
            self.platform,
            settings,
            rates={CHAT: limits.chat, DATA: limits.data},
            max_wait=limits.max_wait,
            complain=answers.complain,
            edges=edges or Edges(),
        )

    @override
    async def start_conversation(self, contact: Contact | None = None) -> str | None:
        """Return None: the first `send` with `conversation_id=None` opens the conversation and returns its id."""
        return None

    @override
    async def send(self, conversation_id: str | None, text: str, *, metadata: Mapping[str, Any] | None = None) -> Sent:
        """Send as the user; `metadata` may be any JSON object, `userId` and `source` are the documented examples."""
        value = await self._wire.ask(self._chat("send", "message", conversation_id, text, metadata))
        return answers.sent(value, conversation_id, what=f"{self._what}: send")

    async def quick_send(self, text: str, *, session_id: str | None = None) -> Sent:
        """Send by the quick-start form, `POST /bot/{botId}`; prefer `send`, which the Chat API page documents."""
        body = {"message": text} | ({} if session_id is None else {"sessionId": session_id})
        path = fill("/bot/{bot}", bot=self._settings.bot_id)
        value = await self._wire.ask(Call(operation="quick_send", method="POST", path=path, quota=CHAT, body=body))
        return answers.sent(value, session_id, what=f"{self._what}: quick_send")

    @override
    async def stream(
        self, conversation_id: str | None, text: str, *, metadata: Mapping[str, Any] | None = None
    ) -> AsyncGenerator[Chunk]:
        """Send as the user and yield the answer in pieces, read leniently: their form is not documented."""
        call = self._chat("stream", "stream", conversation_id, text, metadata)
        async with self._wire.open(call) as incoming:
            if incoming.media_type == _WHOLE:
                told = answers.sent(await incoming.document(), conversation_id, what=f"{self._what}: stream")
                yield Chunk(text=told.reply or "", conversation_id=told.conversation_id, message_id=told.message_id)
                return
            if incoming.media_type not in _STREAMS:
                raise BadAnswer(f"{self._what}: stream: the answer is neither an event stream nor JSON")
            async with aclosing(_chunks(incoming)) as chunks:
                async for chunk in chunks:
                    yield chunk

    @override
    async def history(self, conversation_id: str) -> AsyncGenerator[ChatMessage]:
        """Yield the whole history, which the platform gives in one answer."""
        path = fill("/chat/{bot}/conversations/{conversation}", bot=self._bot, conversation=conversation_id)
        value = await self._wire.ask(self._read("history", path))
        for message in answers.history(value, what=f"{self._what}: history"):
            yield message

    @override
    async def conversations(self, since: datetime | None = None) -> AsyncGenerator[Conversation]:
        """Yield the bot's conversations; whether `since` means their creation or last change is not documented."""
        path = fill("/chat/{bot}/conversations", bot=self._bot)
        query = {} if since is None else {"since": self._instant(since)}
        pages = self._pages("conversations", path, query, answers.conversation_page)
        async with aclosing(pages) as items:
            async for conversation in items:
                yield conversation

    @override
    async def upsert_contact(self, contact: Contact) -> Contact:
        """Update the contact with this id, else the one with exactly this e-mail address, else create one.

        Two calls at the same time may both create: the platform promises no unique address.
        """
        if contact.id is not None:
            return await self.update_contact(contact)
        if contact.email is not None and self._settings.contacts.list:
            async with aclosing(self.contacts(email=contact.email)) as known:
                async for other in known:
                    if other.email == contact.email:
                        return await self.update_contact(contact.model_copy(update={"id": other.id}))
        return await self.create_contact(contact)

    async def create_contact(self, contact: Contact) -> Contact:
        """Create a contact from the fields that are set; its `id` is the platform's to give."""
        return await self._write("create_contact", "POST", self._contact_path("create"), contact)

    async def update_contact(self, contact: Contact) -> Contact:
        """Change the fields that are set (None clears one) of the contact with `contact.id`."""
        if contact.id is None:
            raise Rejected(f"{self._what}: update_contact: the contact has no id")
        return await self._write("update_contact", "PATCH", self._contact_path("update", contact.id), contact)

    @override
    async def get_contact(self, contact_id: str) -> Contact:
        """Return one contact; `NotFound` if there is none, `NotSupported` unless contacts are switched on."""
        value = await self._wire.ask(self._read("get_contact", self._contact_path("get", contact_id)))
        return answers.contact(value, what=f"{self._what}: get_contact")

    async def contacts(self, *, email: str | None = None) -> AsyncGenerator[Contact]:
        """Yield the contacts, page after page; the platform may ignore `email`, so compare."""
        query = {} if email is None else {"email": email}
        pages = self._pages("contacts", self._contact_path("list"), query, answers.contact_page)
        async with aclosing(pages) as items:
            async for contact in items:
                yield contact

    async def delete_contact(self, contact_id: str) -> None:
        """Delete a contact; one that is already gone is no error."""
        path = self._contact_path("delete", contact_id)
        try:
            await self._wire.ask(Call(operation="delete_contact", method="DELETE", path=path, quota=DATA))
        except NotFound:
            return

    @override
    async def aclose(self) -> None:
        """Give back the connections. The account cannot be used afterwards."""
        await self._wire.aclose()

    @property
    def _bot(self) -> str:
        return self._settings.bot_id

    def _chat(
        self, operation: str, endpoint: str, conversation_id: str | None, text: str, metadata: Mapping[str, Any] | None
    ) -> Call:
        body: dict[str, Any] = {"message": text}
        if conversation_id is not None:
            body["conversationId"] = conversation_id
        if self._settings.mark_own:
            metadata = marked(metadata, text)
        if metadata is not None:
            body["metadata"] = dict(metadata)
        path = fill("/chat/{bot}/{endpoint}", bot=self._bot, endpoint=endpoint)
        return Call(operation=operation, method="POST", path=path, quota=CHAT, body=body, stream=endpoint == "stream")

    def _read(self, operation: str, path: str, query: Mapping[str, str] | None = None) -> Call:
        return Call(operation=operation, method="GET", path=path, quota=DATA, query=query or {}, repeatable=True)

    async def _write(self, operation: str, method: Literal["POST", "PATCH"], path: str, contact: Contact) -> Contact:
        body = contact.model_dump(mode="json", exclude={"id"}, exclude_unset=True)
        value = await self._wire.ask(Call(operation=operation, method=method, path=path, quota=DATA, body=body))
        return answers.contact(value, what=f"{self._what}: {operation}")

    def _contact_path(
        self, operation: Literal["create", "list", "get", "update", "delete"], contact_id: str = ""
    ) -> str:
        paths = self._settings.contacts
        template: str = getattr(paths, operation)
        if not paths.enabled or not template:
            raise NotSupported(
                f"{self._what}: {operation} of contacts is switched off, because the platform does not document it. "
                f"When your account's documentation confirms it, set enabled = true and the paths "
                f"in [accounts.{self.name}.contacts]",
                ability=_OF_CONTACTS.get(operation, "upsert_contact"),
            )
        return fill(template, id=contact_id) if "{id}" in template else template

    async def _pages(
        self, operation: str, path: str, query: Mapping[str, str], read: "Callable[..., answers.Page[T]]"
    ) -> AsyncGenerator[T]:
        """Ask page after page; what a shifting list shows twice in a row is given once."""
        page, before, what = 1, frozenset[str | None](), f"{self._what}: {operation}"
        while True:
            asked = {"page": str(page), "limit": str(_PAGE), **query}
            told = read(await self._wire.ask(self._read(operation, path, asked)), page=page, limit=_PAGE, what=what)
            ids = frozenset(item.id for item in told.items)
            if told.more and ids <= before:
                raise BadAnswer(f"{what}: page {page} repeats the page before and promises more")
            for item in told.items:
                if item.id not in before:
                    yield item
            if not told.more:
                return
            page, before = page + 1, ids

    def _instant(self, at: datetime) -> str:
        if at.tzinfo is None:
            raise Rejected(f"{self._what}: conversations: `since` has no time zone; use an aware datetime")
        return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


async def _chunks(incoming: Incoming) -> AsyncGenerator[Chunk]:
    """Yield what the events of a stream say until one of them ends it."""
    begun = False
    async with aclosing(incoming.blocks()) as blocks:
        async for block in blocks:
            step = answers.read_event(read_block(block))
            for chunk in step.chunks:
                begun = True
                yield chunk
            if step.complaint is not None:
                error = incoming.failure(step.complaint)
                # Pieces of an answer prove that the message arrived, whatever the error says.
                error.nothing_happened = error.nothing_happened and not begun
                raise error
            if step.ended:
                return
