"""The client of YourGPT: sessions, messages, contacts; with a project's key or an organisation's token.

Documented at https://docs.yourgpt.ai/chatbot/api-reference (a copy: yourgpt-docs.vercel.app); each method names its
path. Everything is a POST in one envelope. The platform takes no idempotency key, so a send is repeated here only when
the first try never left.

A conversation's id is the session's `id`, which webhooks give; the `session_uid` that calls want is found through
`getSessions` and remembered. A `session_uid` is taken in its place everywhere.
"""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from datetime import datetime
from typing import Any, ClassVar

from typing_extensions import override

from clients import yourgpt_answers as answers
from clients import yourgpt_asked as asked
from clients.account import Account, ChatMessage, Chunk, Contact, Conversation, Sent
from clients.answers import Complaint
from clients.errors import BadAnswer, ClientError, NotFound, Rejected
from clients.http import Call, Edges, Incoming
from clients.sections import url_problem
from clients.sse import read_block
from clients.yourgpt_answers import Session
from clients.yourgpt_asked import ChatMode, SendBy, State, user_hash
from clients.yourgpt_contacts import YourGPTContacts
from clients.yourgpt_project import CALLS, Level, Project
from clients.yourgpt_sessions import Sessions, session_number
from clients.yourgpt_settings import YourGPTSettings
from clients.yourgpt_stream import read

__all__ = ["YourGPT", "YourGPTContacts", "user_hash"]


class YourGPT(Account):
    """One project at YourGPT.

    Messages of `history` come oldest first; `conversations` newest first, by the time of their last message where the
    account has a project's key. `contacts` has what the platform offers beside the common operations.
    """

    platform: ClassVar[str] = "yourgpt"

    def __init__(self, name: str, settings: YourGPTSettings, *, edges: Edges | None = None) -> None:
        super().__init__(name)
        self._settings = settings
        self._project = Project(name, self.platform, settings, edges or Edges())
        self._what = self._project.what
        self._sessions = Sessions()
        self.contacts = YourGPTContacts(self._project)

    @override
    async def start_conversation(self, contact: Contact | None = None) -> str:
        """`/createSession`: open a session and return its id; whom it is with cannot be said."""
        value = await self._project.ask("start_conversation", "/createSession", {}, form=True)
        return self._learned(answers.session(value, what=f"{self._what}: start_conversation")).id

    @override
    async def send(self, conversation_id: str | None, text: str, *, metadata: Mapping[str, Any] | None = None) -> Sent:
        """`/sendMessage` as the account's `send_by` says; `metadata` has no place there and is left out."""
        return await self._sent("send", conversation_id, text, self._settings.send_by)

    async def say(self, conversation_id: str, text: str, *, send_by: SendBy) -> Sent:
        """`/sendMessage` as someone: "user" asks the bot, "assistant" does not, "operator" also mutes it."""
        return await self._sent("say", conversation_id, text, send_by)

    @override
    async def stream(
        self, conversation_id: str | None, text: str, *, metadata: Mapping[str, Any] | None = None
    ) -> AsyncGenerator[Chunk]:
        """Ask the bot as the user and yield its answer in pieces, in two steps: `/sendMessage`, then its `stream_url`.

        The second step is tried again if no answer comes; the message has arrived by then, whatever is raised.
        """
        session_uid, what = await self._uid(conversation_id, "stream"), f"{self._what}: stream"
        body = asked.message(session_uid, text, "user", stream=True)
        value = await self._project.ask("stream", "/sendMessage", body, form=True)
        try:
            url, token = answers.stream(value, what=what)
            call = self._second_step(url, token)
            async with (
                self._project.wire.open(call) as incoming,
                aclosing(_chunks(incoming, str(conversation_id), what)) as chunks,
            ):
                async for chunk in chunks:
                    yield chunk
        except ClientError as error:
            error.nothing_happened, error.retryable = False, True
            raise

    @override
    async def history(self, conversation_id: str) -> AsyncGenerator[ChatMessage]:
        """`/getSessionMessages`: the messages that were not deleted, oldest first."""
        body = asked.messages(await self._uid(conversation_id, "history"))
        pages = self._project.pages(
            "history", "/getSessionMessages", body, answers.messages, key=lambda message: message.id
        )
        async with aclosing(pages) as messages:
            async for message in messages:
                yield message

    @override
    async def conversations(self, since: datetime | None = None) -> AsyncGenerator[Conversation]:
        """`/getSessions`: those with something said since then.

        With a project's key they come by the time of their last message, and the first older one ends the list. With a
        token the order is not documented: the range of days is asked for, whose meaning is not either.
        """
        if since is not None and since.tzinfo is None:
            raise Rejected(f"{self._what}: conversations: `since` has no time zone; use an aware datetime")
        ranged = since is not None and self._project.by_token
        body = asked.days(since, self._project.clock.now()) if since is not None and ranged else {}
        async with aclosing(self._listed("conversations", body)) as sessions:
            async for session in sessions:
                old = since is not None and session.active_at is not None and session.active_at < since
                if old and not ranged:
                    return
                if not old:
                    yield session.conversation()

    @override
    async def contact_of(self, conversation_id: str) -> Contact | None:
        """`/getSessions`: the contact of a session, else what the visitor told; None if nobody knows them."""
        session = await self._session(conversation_id, "contact_of")
        return session.contact()

    @override
    async def upsert_contact(self, contact: Contact) -> Contact:
        """Find the contact by id or e-mail address; make or change it where the account says that this can be done."""
        return await self.contacts.upsert(contact)

    @override
    async def get_contact(self, contact_id: str) -> Contact:
        """`/getContactDetail`; `NotSupported` with a project's key."""
        return await self.contacts.get(contact_id)

    @override
    async def close_conversation(self, conversation_id: str) -> None:
        """`/updateSession`: mark the session as resolved, which gives it back to the bot."""
        await self.update_session(conversation_id, state="resolved")

    async def update_session(
        self,
        conversation_id: str,
        *,
        state: State | None = None,
        chat_mode: ChatMode | None = None,
        tags: tuple[str, ...] | None = None,
    ) -> None:
        """`/updateSession`: change what is given; `tags` replace all there are."""
        if state == "resolved" and chat_mode is not None:
            raise Rejected(f"{self._what}: update_session: resolved sessions are the bot's; leave chat_mode out")
        changed = asked.given(state=state, chat_mode=chat_mode, segment=None if tags is None else ",".join(tags))
        body = {"session_uid": await self._uid(conversation_id, "update_session"), **changed}
        await self._project.ask("update_session", "/updateSession", body, form=True)

    async def ask(self, path: str, body: Mapping[str, Any], *, level: Level = "project") -> Any:
        """Post to any other page's path and return its `data` as it came: every page has the same conventions.

        At the organisation's level nothing is added to the body; a project's key has no such level.
        """
        return answers.data(await self._project.ask("ask", path, body, level=level))

    @override
    async def aclose(self) -> None:
        """Give back the connections. The account cannot be used afterwards."""
        await self._project.aclose()

    async def _sent(self, operation: str, conversation_id: str | None, text: str, send_by: SendBy) -> Sent:
        body = asked.message(await self._uid(conversation_id, operation), text, send_by)
        value = await self._project.ask(operation, "/sendMessage", body, form=True)
        what = f"{self._what}: {operation}"
        return answers.sent(value, str(conversation_id), asked=send_by == "user", what=what)

    def _second_step(self, url: str, token: str) -> Call:
        address, question, query = url.partition("?")
        problem = url_problem(address, allow_private=self._settings.allow_private)
        if problem or not (query.isascii() and query.isprintable()) or set(query) & set(" #"):
            raise BadAnswer(f"{self._what}: stream: the address of the stream {problem or 'has no proper query'}")
        return Call(
            operation="stream",
            method="POST",
            path="",
            url=f"{address}{question}{query}",
            quota=CALLS,
            body={"token": token},
            stream=True,
            repeatable=True,
        )

    async def _uid(self, conversation_id: str | None, operation: str) -> str:
        """The `session_uid` of a conversation."""
        if conversation_id is None:
            raise Rejected(f"{self._what}: {operation}: there is no conversation yet: open one with start_conversation")
        if session_number(conversation_id) is None:
            return conversation_id
        known = self._sessions.uid(conversation_id)
        return known or (await self._session(conversation_id, operation)).uid

    async def _session(self, conversation_id: str, operation: str) -> Session:
        """Look a session up: by a filter where lists have one, then among the latest."""
        number = session_number(conversation_id)
        if number is not None and not self._project.by_token and (found := await self._filtered(number)):
            return found
        async with aclosing(self._listed(operation, {}, most=self._settings.search_pages)) as sessions:
            async for session in sessions:
                if conversation_id in (session.id, session.uid):
                    return session
        raise NotFound(
            f"{self._what}: {operation}: the session is not among the latest; raise search_pages if it is old"
        )

    async def _filtered(self, number: int) -> Session | None:
        """Ask for one session by its id; the platform may not know, or ignore, this filter (inferred)."""
        body = asked.paged({**asked.sessions(), **asked.session_filter(number)}, 1)
        try:
            value = await self._project.ask("find_session", "/getSessions", body, reads=True)
        except (Rejected, NotFound, BadAnswer):
            return None
        for session in answers.sessions(value, what=f"{self._what}: find_session").items:
            if self._learned(session).id == str(number):
                return session
        return None

    async def _listed(
        self, operation: str, body: Mapping[str, Any], *, most: int | None = None
    ) -> AsyncGenerator[Session]:
        wanted = {**asked.sessions(), **body}
        pages = self._project.pages(
            operation,
            "/getSessions",
            wanted,
            answers.sessions,
            key=lambda session: session.id,
            form=self._project.by_token,
            most=most,
        )
        async with aclosing(pages) as sessions:
            async for session in sessions:
                yield self._learned(session)

    def _learned(self, session: Session) -> Session:
        self._sessions.learn(session.id, session.uid)
        return session


async def _chunks(incoming: Incoming, conversation_id: str, what: str) -> AsyncGenerator[Chunk]:
    """Yield what the events of a stream say until one of them ends it."""
    async with aclosing(incoming.blocks()) as blocks:
        async for block in blocks:
            step = read(read_block(block), conversation_id, what=what)
            for chunk in step.chunks:
                yield chunk
            if step.failed:
                raise incoming.failure(Complaint())
            if step.ended:
                return
    raise BadAnswer(f"{what}: the stream ended before its end was told, so the answer may be incomplete")
