"""The client of CustomGPT.ai: projects, conversations, messages, completions and reports.

Documented at https://docs.customgpt.ai/openapi/openapi.json; each method names its path. The platform takes no
idempotency key, so a send is repeated here only when the first try never left. It has no contacts: a person is an
`external_id` on each message (https://docs.customgpt.ai/reference/crm-integration-external_id), and, if the account
says so, a conversation named after them, as that page suggests.
"""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any, ClassVar, Final, Literal

from pydantic import JsonValue
from typing_extensions import override

from clients import customgpt_answers as answers
from clients import customgpt_asked as asked
from clients.account import Account, ChatMessage, Chunk, Contact, Conversation, Sent
from clients.customgpt_answers import Completion, Insight, Usage
from clients.customgpt_settings import CustomGPTSettings
from clients.customgpt_stream import steps
from clients.errors import BadAnswer, NotFound, NotSupported, Rejected
from clients.http import Call, Edges
from clients.paths import fill
from clients.recent import Recent
from clients.wires import wires
from schemas.customgpt import Prompt, keeps_a_contact, marked, unmarked

__all__ = ["Completion", "CustomGPT", "Insight", "Usage"]

CHAT: Final = "chat"
DATA: Final = "data"
_PROJECT: Final = "/projects/{project}"
# Of one list: its ids are kept, to know a list that goes round in circles.
_MAX_PAGES: Final = 2_000
_CONVERSATIONS: Final = f"{_PROJECT}/conversations"
_CONVERSATION: Final = f"{_CONVERSATIONS}/{{conversation}}"
_MESSAGES: Final = f"{_CONVERSATION}/messages"
# Conversations of which it is remembered whose they are.
_REMEMBERED = 10_000

Reaction = Literal["neutral", "disliked", "liked"]


class CustomGPT(Account):
    """One project at CustomGPT.ai.

    `history` comes oldest first, the question of each record before its answer. Closing a conversation deletes it.
    """

    platform: ClassVar[str] = "customgpt"

    def __init__(self, name: str, settings: CustomGPTSettings, *, edges: Edges | None = None) -> None:
        super().__init__(name)
        self._settings = settings
        self._what = f"{name} ({self.platform})"
        self._external_ids = Recent[str, str](_REMEMBERED)
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

    # ---------------------------------------------------------------------------------------- conversations

    @override
    async def start_conversation(self, contact: Contact | None = None) -> str:
        """`POST …/conversations`: open one, named after the contact, whose external id goes with what is sent there."""
        external_id = asked.external_id_of(contact)
        session_id = await self._create(asked.name_of(contact, external_id))
        if external_id is not None:
            self._external_ids.set(session_id, external_id)
        return session_id

    async def rename_conversation(self, conversation_id: str, name: str) -> None:
        """`PUT …/conversations/{sessionId}`: give it another name, cut at 255 characters."""
        path = self._path(_CONVERSATION, conversation_id)
        await self._wire.ask(self._write("rename_conversation", "PUT", path, {"name": asked.short_name(name)}))

    @override
    async def close_conversation(self, conversation_id: str) -> None:
        """`DELETE …/conversations/{sessionId}`: delete it with its messages; the platform has nothing milder.

        One that is gone already is no error.
        """
        try:
            await self._wire.ask(
                self._write("close_conversation", "DELETE", self._path(_CONVERSATION, conversation_id), None)
            )
        except NotFound:
            return

    @override
    async def conversations(self, since: datetime | None = None) -> AsyncGenerator[Conversation]:
        """`GET …/conversations`: newest first, those created or changed after `since`; the list has no filter for it.

        Whether a new message counts as a change is not documented.
        """
        if since is not None and since.tzinfo is None:
            raise Rejected(f"{self._what}: conversations: `since` has no time zone; use an aware datetime")
        what = f"{self._what}: conversations"
        async with aclosing(self.conversation_records()) as records:
            async for item in records:
                found = answers.conversation(item, what=what)
                latest = found.updated_at or found.created_at
                if since is None or latest is None or latest >= since:
                    yield found

    def conversation_records(self, *, name: str | None = None) -> AsyncGenerator[Mapping[str, JsonValue]]:
        """The same list as the platform writes it, newest first by id; `name` filters it."""
        query = {"order": "desc", "orderBy": "id", **({} if name is None else {"name": name})}
        return self._pages("conversations", self._path(_CONVERSATIONS), query, answers.page, "id")

    # --------------------------------------------------------------------------------------------- messages

    @override
    async def send(self, conversation_id: str | None, text: str, *, metadata: Mapping[str, Any] | None = None) -> Sent:
        """`POST …/messages`: ask as the user. Of the metadata only `external_id` has a place."""
        conversation = self._opened(conversation_id, "send")
        value = await self._wire.ask(self._message("send", conversation, text, metadata, stream=False))
        return answers.sent(value, conversation, what=f"{self._what}: send")

    @override
    async def stream(
        self, conversation_id: str | None, text: str, *, metadata: Mapping[str, Any] | None = None
    ) -> AsyncGenerator[Chunk]:
        """The same with `stream=true`. The stream names no message; the newest of `history` is it."""
        what = f"{self._what}: stream"
        conversation, begun = self._opened(conversation_id, "stream"), False
        async with self._wire.open(self._message("stream", conversation, text, metadata, stream=True)) as incoming:
            if incoming.media_type == "application/json":
                told = answers.sent(await incoming.document(), conversation, what=what)
                yield Chunk(text=told.reply or "", conversation_id=conversation, message_id=told.message_id)
                return
            if incoming.media_type != "text/event-stream":
                raise BadAnswer(f"{what}: the answer is no stream of events")
            async with aclosing(steps(incoming.blocks(), what=what)) as told_steps:
                async for step in told_steps:
                    if step.complaint is not None:
                        error = incoming.failure(step.complaint)
                        # Pieces of an answer prove that the message arrived, whatever the error says.
                        error.nothing_happened = error.nothing_happened and not begun
                        raise error
                    begun = True
                    yield Chunk(text=step.text, conversation_id=conversation)

    @override
    async def history(self, conversation_id: str) -> AsyncGenerator[ChatMessage]:
        """`GET …/messages`: oldest record first, of each the question and then the answer."""
        what = f"{self._what}: history"
        async with aclosing(self.message_records(conversation_id, order="asc")) as records:
            async for item in records:
                for message in answers.messages(answers.record(item, what=what)):
                    yield message

    def message_records(
        self, conversation_id: str, *, order: Literal["asc", "desc"] = "desc"
    ) -> AsyncGenerator[Mapping[str, JsonValue]]:
        """The same records as the platform writes them, newest first unless told otherwise."""
        path = self._path(_MESSAGES, conversation_id)
        return self._pages("history", path, {"order": order}, answers.message_page, "id")

    async def prompt(self, conversation_id: str, prompt_id: str) -> Prompt:
        """`GET …/messages/{promptId}`: one record."""
        path = self._path(f"{_MESSAGES}/{{prompt}}", conversation_id, prompt=prompt_id)
        return answers.prompt(await self._wire.ask(self._read("prompt", path)), what=f"{self._what}: prompt")

    async def react(self, conversation_id: str, prompt_id: str, reaction: Reaction) -> None:
        """`PUT …/messages/{promptId}/feedback`: say whether an answer was liked."""
        path = self._path(f"{_MESSAGES}/{{prompt}}/feedback", conversation_id, prompt=prompt_id)
        await self._wire.ask(self._write("react", "PUT", path, {"reaction": reaction}))

    async def complete(
        self,
        messages: Sequence[Mapping[str, str]],
        *,
        external_id: str | None = None,
        inline_citations: bool | None = None,
    ) -> Completion:
        """`POST …/chat/completions`, as OpenAI's: `messages` are `{role, content}`; no conversation comes of it.

        Raises:
            NotSupported: an argument the platform does not support (501).
        """
        body = asked.completion(
            messages, lang=self._settings.lang, external_id=external_id, inline_citations=inline_citations
        )
        path = self._path(f"{_PROJECT}/chat/completions")
        value = await self._wire.ask(Call(operation="complete", method="POST", path=path, quota=CHAT, body=body))
        return answers.completion(value, what=f"{self._what}: complete")

    # --------------------------------------------------------------------------------------------- contacts

    @override
    async def upsert_contact(self, contact: Contact) -> Contact:
        """See that a conversation named after the contact exists, and that its name is right.

        The contact's id becomes the external id of what is sent there; without one, its e-mail address or number.

        Raises:
            NotSupported: `contact_conversations` is off, or nothing tells the contact from others.
        """
        external_id = self._keeper("upsert_contact", contact)
        known = await self._conversation_of(external_id)
        name = asked.name_of(contact, external_id)
        if known is None:
            session_id = await self._create(asked.kept_name(name))
        else:
            session_id, old = known
            if keeps_a_contact(old):
                name = asked.kept_name(name)
            if contact.name and old != name:
                await self.rename_conversation(session_id, name)
            else:
                name = old
        self._external_ids.set(session_id, external_id)
        return asked.contact_of(name, external_id)

    @override
    async def get_contact(self, contact_id: str) -> Contact:
        """The contact whose id or name stands in a conversation's name; `NotFound` if none does."""
        external_id = self._keeper("get_contact", Contact(id=contact_id))
        known = await self._conversation_of(external_id)
        if known is None:
            raise NotFound(f"{self._what}: get_contact: no conversation is named after this contact")
        return asked.contact_of(known[1], contact_id)

    @override
    async def contact_of(self, conversation_id: str) -> Contact | None:
        """The external id of the newest message that has one, without our mark; None if none of the newest ten has."""
        path, query = self._path(_MESSAGES, conversation_id), {"order": "desc", "page": "1"}
        what = f"{self._what}: contact_of"
        told = answers.message_page(await self._wire.ask(self._read("contact_of", path, query)), what=what)
        found = (unmarked(answers.record(item, what=what).external_id) for item in told.items)
        external_id = next(filter(None, found), None)
        return None if external_id is None else asked.contact_of(external_id, external_id)

    # ------------------------------------------------------------------------------------- projects, reports

    async def projects(self) -> AsyncGenerator[Mapping[str, JsonValue]]:
        """`GET /projects`: the projects of the key, as the platform writes them."""
        async with aclosing(self._pages("projects", "/projects", {}, answers.page, "id")) as items:
            async for item in items:
                yield item

    async def create_project(self, name: str, sitemap_path: str) -> Mapping[str, JsonValue]:
        """`POST /projects`: a new project that learns from a sitemap."""
        body = {"project_name": name, "sitemap_path": sitemap_path}
        value = await self._wire.ask(self._write("create_project", "POST", "/projects", body))
        return answers.an_object(value, what=f"{self._what}: create_project")

    async def project(self) -> Mapping[str, JsonValue]:
        """`GET /projects/{projectId}`: the account's own project."""
        value = await self._wire.ask(self._read("project", self._path(_PROJECT)))
        return answers.an_object(value, what=f"{self._what}: project")

    async def citation(self, citation_id: str) -> Mapping[str, JsonValue]:
        """`GET …/citations/{citationId}`: a source that an answer names."""
        path = self._path(f"{_PROJECT}/citations/{{citation}}", citation=citation_id)
        return answers.an_object(await self._wire.ask(self._read("citation", path)), what=f"{self._what}: citation")

    async def insights(self, begin: datetime, end: datetime) -> AsyncGenerator[Insight]:
        """`GET …/reports/intelligence`: the questions of these days, both included, in the platform's order.

        Whether it takes times is not documented, so whole days are asked for.
        """
        days = {
            name: at.astimezone(UTC).strftime("%Y-%m-%d") for name, at in (("start_date", begin), ("end_date", end))
        }
        path, what = self._path(f"{_PROJECT}/reports/intelligence"), f"{self._what}: insights"
        pages = self._pages("insights", path, {"limit": "100", **days}, answers.page, "prompt_id")
        async with aclosing(pages) as rows:
            async for row in rows:
                yield answers.insight(row, what=what)

    async def usage(self) -> Usage:
        """`GET /limits/usage`: how much of the plan is used; tells no credits from too fast."""
        return answers.usage(await self._wire.ask(self._read("usage", "/limits/usage")), what=f"{self._what}: usage")

    @override
    async def aclose(self) -> None:
        """Give back the connections. The account cannot be used afterwards."""
        await self._wire.aclose()

    # ----------------------------------------------------------------------------------------------- inside

    async def _create(self, name: str) -> str:
        call = self._write("start_conversation", "POST", self._path(_CONVERSATIONS), {"name": name})
        return answers.created(await self._wire.ask(call), what=f"{self._what}: start_conversation")

    def _keeper(self, operation: str, contact: Contact) -> str:
        if not self._settings.contact_conversations:
            raise NotSupported(
                f"{self._what}: {operation}: the platform has no contacts. To keep each as a conversation named after "
                f"it, set contact_conversations = true in [accounts.{self.name}]",
                ability=operation,
            )
        external_id = asked.external_id_of(contact)
        if external_id is None:
            what = f"{self._what}: {operation}: a contact without id, address and number cannot be found"
            raise NotSupported(what, ability=operation)
        return external_id

    async def _conversation_of(self, external_id: str) -> tuple[str, str] | None:
        """The session id and the name of the conversation named after a contact."""
        async with aclosing(self.conversation_records(name=external_id)) as records:
            async for item in records:
                found = answers.conversation(item, what=f"{self._what}: conversations")
                # The filter may mean a part of the name.
                if found.preview and asked.is_named_after(found.preview, external_id):
                    return found.id, found.preview
        return None

    def _opened(self, conversation_id: str | None, operation: str) -> str:
        if conversation_id is None:
            raise Rejected(f"{self._what}: {operation}: there is no conversation yet: open one with start_conversation")
        return conversation_id

    def _message(
        self, operation: str, conversation_id: str, text: str, metadata: Mapping[str, Any] | None, *, stream: bool
    ) -> Call:
        given = (metadata or {}).get("external_id")
        external_id = str(given) if given is not None else self._external_ids.get(conversation_id)
        if self._settings.mark_own:
            external_id = marked(external_id, text)
        return Call(
            operation=operation,
            method="POST",
            path=self._path(_MESSAGES, conversation_id),
            quota=CHAT,
            query=asked.message_query(stream=stream, lang=self._settings.lang, external_id=external_id),
            body=asked.message(text, self._settings),
            stream=stream,
        )

    def _path(self, template: str, conversation_id: str = "", **ids: str) -> str:
        if conversation_id or "{conversation}" in template:
            ids["conversation"] = conversation_id
        return fill(template, project=self._settings.project_id, **ids)

    def _read(self, operation: str, path: str, query: Mapping[str, str] | None = None) -> Call:
        return Call(operation=operation, method="GET", path=path, quota=DATA, query=query or {}, repeatable=True)

    def _write(
        self, operation: str, method: Literal["POST", "PUT", "DELETE"], path: str, body: Mapping[str, Any] | None
    ) -> Call:
        return Call(operation=operation, method=method, path=path, quota=DATA, body=body)

    async def _pages(
        self, operation: str, path: str, query: Mapping[str, str], read: Callable[..., answers.Page], key: str
    ) -> AsyncGenerator[Mapping[str, JsonValue]]:
        """Ask page after page until none follows; what a shifting list shows twice is given once."""
        what, page, seen = f"{self._what}: {operation}", 1, set[str]()
        while page <= _MAX_PAGES:
            told = read(await self._wire.ask(self._read(operation, path, {**query, "page": str(page)})), what=what)
            fresh = [item for item in told.items if str(item.get(key)) not in seen]
            if told.more and not fresh:
                raise BadAnswer(f"{what}: page {page} repeats pages before it and promises more")
            seen.update(str(item.get(key)) for item in fresh)
            for item in fresh:
                yield item
            if not told.more:
                return
            page += 1
        raise BadAnswer(f"{what}: there is no end to it, not even after {_MAX_PAGES:,} pages")
