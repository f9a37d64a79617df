"""The client of GPTBots: chat, conversations, users, workflows and the human handoff.

Documented at https://www.gptbots.ai/docs/api-reference/overview and the pages below it; each method names its path.
The platform takes no idempotency key, so a send is repeated here only when the first try never left. Which HTTP status
comes with which code is not documented: the code decides (`clients/gptbots_answers.py`).
"""

import uuid
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Final

from pydantic import JsonValue
from typing_extensions import override

from clients import gptbots_answers as answers
from clients import gptbots_asked as asked
from clients.account import Account, ChatMessage, Chunk, Contact, Conversation, Sent
from clients.errors import BadAnswer, NotFound, NotSupported, Rejected
from clients.gptbots_answers import WorkflowRun
from clients.gptbots_asked import AnonymousId, Callback, Feedback, Mode, Quality, user_id_of
from clients.gptbots_settings import GPTBotsSettings
from clients.gptbots_stream import Reader
from clients.http import Call, Edges, Incoming
from clients.wires import wires

__all__ = ["AnonymousId", "Callback", "GPTBots", "WorkflowRun", "user_id_of"]

CONVERSATION: Final = "conversation"
WORKFLOW: Final = "workflow"
USER: Final = "user"
# The largest page the platform gives.
_PAGE = 100
# What was said while we ask is listed too, also when the platform's clock is ahead of ours.
_AHEAD = timedelta(minutes=5)
# Statuses of the property query that say: no such user id, no such anonymous id.
_UNKNOWN_USER = frozenset({503, 504})


class GPTBots(Account):
    """One agent, or one workflow, at GPTBots: a key belongs to exactly one.

    Messages of `history` come oldest first, all pages being read before the first; the order of `conversations` is not
    documented. Only human handoffs can be closed.
    """

    platform: ClassVar[str] = "gptbots"

    def __init__(self, name: str, settings: GPTBotsSettings, *, edges: Edges | None = None) -> None:
        super().__init__(name)
        edges = edges or Edges()
        self._settings = settings
        self._clock = edges.clock
        self._what = f"{name} ({self.platform})"
        limits = settings.limits
        self.unposted = frozenset({"assistant"} if settings.response_mode == "blocking" else ())
        self._wire, self._handoff = wires(
            name,
            self.platform,
            settings,
            settings.handoff_base,
            rates={CONVERSATION: limits.conversation, WORKFLOW: limits.workflow, USER: limits.user},
            max_wait=limits.max_wait,
            complain=answers.complain,
            edges=edges,
        )

    @override
    async def start_conversation(self, contact: Contact | None = None) -> str:
        """`POST /v1/conversation`: open a conversation of a user, who comes to be by it.

        The user is the contact's id, else its e-mail address or phone number, through `user_id_of`; without any, a new
        user.
        """
        known = contact and (contact.id or contact.email or contact.phone)
        body = {"user_id": user_id_of(known) if known else uuid.uuid4().hex}
        call = Call(
            operation="start_conversation", method="POST", path="/v1/conversation", quota=CONVERSATION, body=body
        )
        return answers.created(await self._wire.ask(call), what=f"{self._what}: start_conversation")

    @override
    async def send(self, conversation_id: str | None, text: str, *, metadata: Mapping[str, Any] | None = None) -> Sent:
        """`POST /v2/conversation/message`: send as the user; `metadata` goes along as the agent's custom variables.

        The mode is the account's `response_mode`: "webhook" answers later, at the agent's webhook, and gives no reply.
        """
        return await self._sent("send", self._settings.response_mode, conversation_id, text, metadata)

    async def send_for_webhook(
        self, conversation_id: str, text: str, *, metadata: Mapping[str, Any] | None = None
    ) -> Sent:
        """The same in webhook mode, whatever the account's is: the agent's webhook is told the answer."""
        return await self._sent("send_for_webhook", "webhook", conversation_id, text, metadata)

    @override
    async def stream(
        self, conversation_id: str | None, text: str, *, metadata: Mapping[str, Any] | None = None
    ) -> AsyncGenerator[Chunk]:
        """The same in streaming mode: yield the answer in pieces. A stream that ends without saying so is an error."""
        what = f"{self._what}: stream"
        call = self._message("stream", "streaming", self._opened(conversation_id, "stream"), text, metadata)
        reader = Reader(self._opened(conversation_id, "stream"), what=what)
        async with self._wire.open(call) as incoming:
            if incoming.media_type == "text/html":
                raise BadAnswer(f"{what}: the answer is a web page")
            async with aclosing(_chunks(incoming, reader, what)) as chunks:
                async for chunk in chunks:
                    yield chunk

    @override
    async def history(self, conversation_id: str) -> AsyncGenerator[ChatMessage]:
        """`GET /v2/messages`: the messages of a conversation, their texts without attachments."""
        for message in await self._messages("history", "/v2/messages", conversation_id, answers.messages):
            yield message

    async def old_history(self, conversation_id: str) -> AsyncGenerator[ChatMessage]:
        """`GET /v1/messages`: the older form of `history`, plain texts only."""
        for message in await self._messages("old_history", "/v1/messages", conversation_id, answers.old_messages):
            yield message

    @override
    async def conversations(
        self, since: datetime | None = None, *, user_id: str | None = None
    ) -> AsyncGenerator[Conversation]:
        """`GET /v1/bot/conversation/page`: those with a chat since then, or of one user."""
        query = {
            "conversation_type": self._settings.conversation_type,
            "start_time": "0" if since is None else self._instant(since),
            "end_time": self._instant(self._clock.now() + _AHEAD),
            **({} if user_id is None else {"user_id": user_id}),
        }
        pages = self._pages("conversations", "/v1/bot/conversation/page", query, answers.conversations)
        async with aclosing(pages) as conversations:
            async for conversation in conversations:
                yield conversation

    @override
    async def upsert_contact(self, contact: Contact) -> Contact:
        """`POST /v1/property/update`: write what is set of a contact into the properties that the account names.

        Raises:
            NotSupported: the contact has no id (users come to be with their first conversation, and are found by id
                only), or the account names no properties.
            PartlyRejected: the agent did not take all of them.
        """
        if contact.id is None:
            raise NotSupported(
                f"{self._what}: a contact without an id cannot be found or made: users come to be with their first "
                "conversation, under the id you give them",
                ability="upsert_contact",
            )
        mapped = self._settings.properties
        if not mapped:
            raise NotSupported(
                f"{self._what}: contacts are kept in user properties, which are the agent's own: say in "
                f'[accounts.{self.name}] properties which one holds what, such as {{ email = "email" }}',
                ability="upsert_contact",
            )
        given = asked.fields_of(contact, mapped)
        if given:
            await self.update_properties(user_id_of(contact.id), {mapped[name]: value for name, value in given.items()})
        return answers.contact(contact.id, given)

    @override
    async def get_contact(self, contact_id: str) -> Contact:
        """`GET /v2/user-property/query`: a user's properties as a contact; `NotFound` if there is no such user."""
        user_id, what = user_id_of(contact_id), f"{self._what}: get_contact"
        call = self._read(
            "get_contact", "/v2/user-property/query", {"user_ids": user_id}, quota=USER, absent=_UNKNOWN_USER
        )
        found = answers.user(await self._wire.ask(call), user_id, self._settings.properties, what=what)
        return found.model_copy(update={"id": contact_id})

    async def update_properties(self, user_id: str, values: Mapping[str, JsonValue]) -> None:
        """`POST /v1/property/update`: set a user's properties; `PartlyRejected` names those the agent did not take."""
        body = asked.properties(user_id, values)
        value = await self._wire.ask(self._write("update_properties", "/v1/property/update", body, USER))
        answers.check_update(value, values, what=f"{self._what}: update_properties")

    async def set_user_id(self, user_id: str, anonymous: Sequence[AnonymousId]) -> None:
        """`POST /v1/user/set-userid`: say that these visitors are this user. At most 100; the oldest is dropped."""
        body = asked.anonymous_ids(user_id, anonymous)
        await self._wire.ask(self._write("set_user_id", "/v1/user/set-userid", body, USER))

    async def user_profile(self, *, user_id: str | None = None, anonymous_id: str | None = None) -> dict[str, Any]:
        """`GET /v1/user/get-user-cdp`: what the platform's customer data has of a user, as it came: undocumented."""
        query = {
            name: value for name, value in (("user_id", user_id), ("anonymous_id", anonymous_id)) if value is not None
        }
        value = await self._wire.ask(self._read("user_profile", "/v1/user/get-user-cdp", query, quota=USER))
        return answers.an_object(value, what=f"{self._what}: user_profile")

    async def invoke_workflow(
        self,
        given: Mapping[str, JsonValue],
        *,
        user_id: str | None = None,
        wait: bool = True,
        callbacks: Sequence[Callback] = (),
    ) -> WorkflowRun:
        """`POST /v1/workflow/invoke`: run the key's workflow; without `wait` the answer is only the run's id.

        Args:
            given: the input of the workflow's start node.
            user_id: whom the run is counted for.
            wait: whether the call lasts until the workflow has finished.
            callbacks: what is called then.
        """
        body = asked.workflow(given, user_id=user_id, wait=wait, callbacks=callbacks)
        value = await self._wire.ask(self._write("invoke_workflow", "/v1/workflow/invoke", body, WORKFLOW))
        return answers.workflow_run(value, what=f"{self._what}: invoke_workflow")

    async def query_workflow(self, run_id: str) -> WorkflowRun:
        """`POST /v1/workflow/query/result`: how far a run is."""
        call = Call(
            operation="query_workflow",
            method="POST",
            path="/v1/workflow/query/result",
            quota=WORKFLOW,
            body={"workflowRunId": run_id},
            repeatable=True,
        )
        return answers.workflow_run(await self._wire.ask(call), what=f"{self._what}: query_workflow")

    async def rate(self, answer_id: str, feedback: Feedback) -> int:
        """`POST /v1/message/feedback`: say whether an answer was liked; how many answers that changed."""
        body = {"answer_id": answer_id, "feedback": feedback}
        value = await self._wire.ask(self._write("rate", "/v1/message/feedback", body, CONVERSATION))
        count = answers.an_object(value, what=f"{self._what}: rate").get("affectCount")
        return count if type(count) is int else 0

    async def judge(self, answer_id: str, quality: Quality) -> None:
        """`POST /v1/message/quality`: say how far an answer helped; that the field is called `quality` is inferred."""
        body = {"answer_id": answer_id, "quality": quality}
        await self._wire.ask(self._write("judge", "/v1/message/quality", body, CONVERSATION))

    async def agent(self) -> dict[str, Any]:
        """`GET /v1/bot/detail`: the agent of the key, as the platform writes it."""
        value = await self._wire.ask(self._read("agent", "/v1/bot/detail", {}))
        return answers.an_object(value, what=f"{self._what}: agent")

    async def answer_handoff(self, handoff_id: str, text: str) -> None:
        """`POST /v1/human/message/receive`: write to the user as a human agent, in a handoff."""
        body = {"conversation_id": handoff_id, "timestamp": self._now(), "body": text}
        await self._handoff.ask(self._write("answer_handoff", "/v1/human/message/receive", body, CONVERSATION))

    async def close_handoff(self, handoff_id: str) -> None:
        """`POST /v1/human/close`: give the user back to the agent."""
        body = {"conversation_id": handoff_id, "timestamp": self._now()}
        await self._handoff.ask(self._write("close_handoff", "/v1/human/close", body, CONVERSATION))

    @override
    async def close_conversation(self, conversation_id: str) -> None:
        """Close a human handoff, whose id is its own; a conversation with the agent cannot be closed."""
        await self.close_handoff(conversation_id)

    @override
    async def aclose(self) -> None:
        """Give back the connections. The account cannot be used afterwards."""
        try:
            await self._wire.aclose()
        finally:
            await self._handoff.aclose()

    def _opened(self, conversation_id: str | None, operation: str) -> str:
        if conversation_id is None:
            raise Rejected(f"{self._what}: {operation}: there is no conversation yet: open one with start_conversation")
        return conversation_id

    async def _sent(
        self, operation: str, mode: Mode, conversation_id: str | None, text: str, metadata: Mapping[str, Any] | None
    ) -> Sent:
        conversation = self._opened(conversation_id, operation)
        value = await self._wire.ask(self._message(operation, mode, conversation, text, metadata))
        if mode == "webhook":
            return answers.taken(value, conversation)
        return answers.sent(value, conversation, what=f"{self._what}: {operation}")

    def _message(
        self, operation: str, mode: Mode, conversation_id: str, text: str, metadata: Mapping[str, Any] | None
    ) -> Call:
        return Call(
            operation=operation,
            method="POST",
            path="/v2/conversation/message",
            quota=CONVERSATION,
            body=asked.message(conversation_id, mode, text, metadata),
            stream=mode == "streaming",
            # inferred: whether the lines are called JSON or an event stream is not documented
            accept="*/*" if mode == "streaming" else None,
        )

    def _read(
        self,
        operation: str,
        path: str,
        query: Mapping[str, str],
        *,
        quota: str = CONVERSATION,
        absent: frozenset[int] = frozenset(),
    ) -> Call:
        return Call(
            operation=operation, method="GET", path=path, quota=quota, query=query, repeatable=True, absent=absent
        )

    def _write(self, operation: str, path: str, body: Mapping[str, Any], quota: str) -> Call:
        return Call(operation=operation, method="POST", path=path, quota=quota, body=body)

    async def _messages(
        self, operation: str, path: str, conversation_id: str, read: Callable[..., answers.Page]
    ) -> list[ChatMessage]:
        """A whole history: the platform's order is not documented, so it is known when all is here."""
        pages = self._pages(operation, path, {"conversation_id": conversation_id}, read)
        return answers.in_order([message async for message in pages])

    async def _pages(
        self, operation: str, path: str, query: Mapping[str, str], read: Callable[..., answers.Page]
    ) -> AsyncGenerator[Any]:
        """Ask page after page; what a shifting list shows twice in a row is given once."""
        what, page, seen, before = f"{self._what}: {operation}", 1, 0, frozenset[str]()
        while True:
            wanted = {**query, "page": str(page), "page_size": str(_PAGE)}
            try:
                told = read(await self._wire.ask(self._read(operation, path, wanted)), what=what)
            except NotFound as error:
                if page > 1 and error.code == answers.PAST_THE_END:
                    return
                raise
            ids = frozenset(item.id for item in told.items)
            if page > 1 and ids and ids <= before:
                raise BadAnswer(f"{what}: page {page} repeats the page before")
            for item in told.items:
                if item.id not in before:
                    yield item
            seen += len(told.items)
            if not told.items or (len(told.items) < _PAGE if told.total is None else seen >= told.total):
                return
            page, before = page + 1, ids

    def _instant(self, at: datetime) -> str:
        if at.tzinfo is None:
            raise Rejected(f"{self._what}: conversations: `since` has no time zone; use an aware datetime")
        return str(int(at.astimezone(UTC).timestamp() * 1000))

    def _now(self) -> int:
        return int(self._clock.now().timestamp() * 1000)


async def _chunks(incoming: Incoming, reader: Reader, what: str) -> AsyncGenerator[Chunk]:
    """Yield what the lines of a stream say until one of them ends it."""
    begun = False
    async with aclosing(incoming.lines()) as lines:
        async for line in lines:
            step = reader.line(line)
            if step.chunk is not None:
                begun = True
                yield step.chunk
            if step.complaint is not None:
                error = incoming.failure(step.complaint)
                # Pieces of an answer prove that the message arrived, whatever the error says.
                error.nothing_happened = error.nothing_happened and not begun
                raise error
            if step.ended:
                return
    raise BadAnswer(f"{what}: the stream ended before its end was told, so the answer may be incomplete")
