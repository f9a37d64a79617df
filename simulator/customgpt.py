"""CustomGPT.ai: what the platform does. Its endpoints are in `customgpt_api`, the forms it writes in `customgpt_forms`.

Source: https://docs.customgpt.ai/openapi/openapi.json, which documents no webhooks: what happens is seen by asking.
Where it is silent this module chooses, and says so:

- Numbers of conversations and prompts grow with the time, as those of a database do that others use too.
- `updated_at` of a conversation is the time of its latest message.
- Visitors of the demo talk through a site of ours that sends their id, or their address, as `external_id`.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from simulator import bot
from simulator.conversations import Conversation, Conversations, Message
from simulator.errors import ControlError, RefusedError
from simulator.platforms import Emission, Emitted, Surroundings
from simulator.recent import Latest

NAME: Final = "customgpt"

DEFAULT_PROJECT: Final = "2021"
"""The project that scripted visitors talk to."""

BROKE: Final = "broke"
"""A project whose query credits are used up."""

QUERIES: Final = 10_000
"""Query credits of a key."""

MAX_NAME: Final = 255
_SHOWN: Final = 60
# Numbers begin at the seconds since then, so that a later run goes on above an earlier one.
_EPOCH: Final = 1_500_000_000


@dataclass(frozen=True, slots=True)
class Prompt:
    """One record: a question and its answer."""

    id: int
    conversation: Conversation
    asked: Message
    answered: Message


class CustomGPT:
    """The platform's projects, conversations and prompts."""

    name = NAME
    events: tuple[str, ...] = ()

    def __init__(self, around: Surroundings) -> None:
        self.around = around
        self.conversations = Conversations()
        self.reactions = Latest[str, str]()
        self._deleted = Latest[str, str]()
        self._last = 0
        self._used: dict[str, int] = {}

    def reset(self) -> None:
        """Forget everything but which numbers were given."""
        self.conversations.clear()
        self.reactions.clear()
        self._deleted.clear()
        self.forget_credits()

    def forget_credits(self) -> None:
        """Fill up all query credits."""
        self._used.clear()

    def used(self, key: str) -> int:
        """How many query credits of a key are used."""
        return self._used.get(key, 0)

    def spend(self, key: str, project: str, *, limits: bool) -> None:
        """Take a query credit.

        Raises:
            RefusedError: 429 if there is none left.
        """
        if project == BROKE or (limits and self.used(key) >= QUERIES):
            raise RefusedError(429, "429", "You have exhausted your current query credits. Please contact support.")
        self._used[key] = self.used(key) + 1
        while len(self._used) > QUERIES:
            del self._used[next(iter(self._used))]

    def number(self) -> int:
        """Return the next number of a conversation or a prompt."""
        begun = int((self.around.clock.now().timestamp() - _EPOCH) * 10)
        self._last = max(self._last + 1, begun)
        return self._last

    def open(self, name: str, *, project: str) -> Conversation:
        """Begin a conversation."""
        session_id = str(uuid.UUID(self.around.ids.hexadecimal(32)))
        conversation = self.conversations.open(session_id, project, self.around.clock.now())
        conversation.metadata = {"number": self.number(), "name": name}
        return conversation

    def conversation(self, session_id: str, *, project: str) -> Conversation:
        """Return a conversation of a project.

        Raises:
            RefusedError: 404 if there is none.
        """
        found = self.conversations.get(session_id)
        if found is None or found.bot_id != project or self._deleted.get(session_id):
            raise RefusedError(404, "404", f"Conversation with session id {session_id[:100]} not found.")
        return found

    def delete(self, conversation: Conversation) -> None:
        """Delete a conversation."""
        self._deleted.set(conversation.id, "deleted")

    def listed(self, project: str) -> list[Conversation]:
        """Return the conversations of a project, newest first."""
        kept = [item for item in self.conversations.latest(project) if not self._deleted.get(item.id)]
        return sorted(kept, key=lambda item: int(item.metadata["number"]), reverse=True)

    def prompts(self, conversation: Conversation) -> list[Prompt]:
        """Return the records of a conversation, oldest first."""
        by_id: dict[str, dict[str, Message]] = {}
        for message in conversation.messages:
            by_id.setdefault(message.id, {})[message.role] = message
        return [
            Prompt(int(number), conversation, pair["user"], pair["assistant"])
            for number, pair in by_id.items()
            if len(pair) == 2  # noqa: PLR2004 - a question and its answer
        ]

    def ask(self, conversation: Conversation, text: str, about: Mapping[str, Any]) -> Prompt:
        """Take a question and answer it."""
        turn = conversation.user_turns()
        number, now = self.number(), self.around.clock.now()
        asked = Message(str(number), "user", text, now, about)
        answered = Message(str(number), "assistant", bot.answer(text, turn=turn), now)
        self.conversations.add(conversation, asked)
        self.conversations.add(conversation, answered)
        return Prompt(number, conversation, asked, answered)

    def visitor_says(
        self, text: str, *, conversation_id: str | None, metadata: Mapping[str, Any], bot_id: str | None
    ) -> str:
        """Let a visitor ask something on a site that passes on who they are; return the session id."""
        project = bot_id or DEFAULT_PROJECT
        conversation = (
            self.open(text[:_SHOWN], project=project)
            if conversation_id is None
            else self.conversation(conversation_id, project=project)
        )
        known = metadata.get("userId") or metadata.get("email")
        about = {"request_source": metadata.get("source"), "external_id": None if known is None else str(known)[:128]}
        self.ask(conversation, text, about)
        return conversation.id

    def complete(self, conversation_id: str) -> None:
        """Do nothing: CustomGPT.ai knows no resolved conversations."""

    def emit(self, emission: Emission) -> Emitted:
        """Refuse: the platform sends no webhooks.

        Raises:
            ControlError: always.
        """
        raise ControlError(f"{NAME} sends no {emission.type!r}: it sends no webhooks and is polled")

    def between(self, project: str, begin: str, end: str) -> Sequence[Prompt]:
        """Return the records of a project from the day `begin` to the day `end`, both included, newest first."""
        found = [
            prompt
            for conversation in self.listed(project)
            for prompt in self.prompts(conversation)
            if begin <= prompt.asked.at.strftime("%Y-%m-%d") <= end
        ]
        return sorted(found, key=lambda prompt: prompt.id, reverse=True)
