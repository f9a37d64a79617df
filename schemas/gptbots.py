"""What GPTBots posts: replies, the three calls of a human handoff, and workflow callbacks.

Documented below https://www.gptbots.ai/docs/api-reference/overview: conversation-api/webhook-receives-messages-v2 (and
the older webhook-receives-messages), conversation-api/human-handoff-service, workflow-api/workflow-call-api. None of
them names its kind, so they are told apart by their fields and by the path. The form of the workflow callback is not
documented: it is taken for that of workflow-query-api-result (inferred).
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated

from pydantic import BeforeValidator, Field, JsonValue

from schemas.events import ContactRef, Role
from schemas.lenient import Id, OptionalId, Payload, Text, When, as_text

ESTABLISH = "conversation/establish"
CHAT = "chat"
CLOSE = "conversation/close"
"""What the handoff's calls append to the address that was registered."""

SUFFIXES: Mapping[str, str] = MappingProxyType({"establish": ESTABLISH, "chat": CHAT, "close": CLOSE})
"""Our names for the handoff's calls → their paths. Replies and workflow callbacks have none of their own."""

_ROLES: Mapping[str, Role] = MappingProxyType({"ANSWER": "assistant", "QUESTION": "user"})


def _role(value: object) -> object:
    return _ROLES.get(value, "system") if isinstance(value, str) else value


def _text(value: object) -> object:
    return "" if value is None else value


def _object(value: object) -> object:
    return value if isinstance(value, dict) else None


class Marks(Payload):
    """What tells the kinds of bodies without a path of their own apart."""

    output: JsonValue = None
    message_type: JsonValue = None
    run: JsonValue = Field(default=None, validation_alias="workflowRunId")


class Reply(Payload):
    """A reply of the agent or of a human agent: which of them is not told."""

    message_id: Id
    conversation_id: Id
    create_time: When | None = None
    output: list[JsonValue]

    @property
    def content(self) -> str:
        """The texts of all branches, or what was spoken, a line each."""
        return "\n".join(filter(None, map(_said, self.output)))

    def extra(self) -> dict[str, JsonValue]:
        """All other fields, and the branches as they came."""
        return {**(self.model_extra or {}), "output": self.output}


class OldReply(Payload):
    """A reply in the deprecated form, which also tells questions."""

    message_id: Id
    conversation_id: Id
    create_time: When | None = None
    # Handlers act on what users write: a role nobody told must not be `user`.
    role: Annotated[Role, BeforeValidator(_role)] = Field(validation_alias="message_type")
    content: Annotated[str, BeforeValidator(_text)] = Field(default="", validation_alias="text")

    def extra(self) -> dict[str, JsonValue]:
        """All other fields."""
        return dict(self.model_extra or {})


class UserInfo(Payload):
    """Who is handed off."""

    id: OptionalId = Field(validation_alias="user_id")
    anonymous_id: OptionalId
    email: Text
    phone: Text


class Establish(Payload):
    """A handoff is asked for. Its `conversation_id` is its own, not the agent's; `email` is nobody's address."""

    conversation_id: Id
    timestamp: When | None = None
    user_info: Annotated[UserInfo | None, BeforeValidator(_object)] = None

    def contact(self) -> ContactRef | None:
        """The user as the platform gave them; None when nothing is told."""
        told = self.user_info
        if told is None:
            return None
        found = {"id": told.id or told.anonymous_id, "email": told.email, "phone": told.phone}
        return ContactRef(**found) if any(found.values()) else None

    def extra(self) -> dict[str, JsonValue]:
        """All other fields, and what else is told of the user."""
        known: dict[str, JsonValue] = dict(self.model_extra or {})
        told = {} if self.user_info is None else dict(self.user_info.model_extra or {})
        if self.user_info is not None and self.user_info.anonymous_id is not None:
            told["anonymous_id"] = self.user_info.anonymous_id
        return {**known, **({"user_info": told} if told else {})}


class Chat(Payload):
    """The user writes to the human agent."""

    conversation_id: Id
    timestamp: When | None = None
    body: str


class Close(Payload):
    """The handoff is over: by time, or by the user."""

    conversation_id: Id
    timestamp: When | None = None
    # TIMEOUT or USER_CLOSED.
    kind: Text = Field(validation_alias="type")


class WorkflowRun(Payload):
    """A run of a workflow ended."""

    run_id: Id = Field(validation_alias="workflowRunId")
    status: Text
    ended: When | None = Field(default=None, validation_alias="endTime")


def _said(output: JsonValue) -> str:
    """The text of one branch, or the transcripts of its audio."""
    content = output.get("content") if isinstance(output, dict) else None
    if not isinstance(content, dict):
        return ""
    if text := as_text(content.get("text")):
        return text
    audio = content.get("audio")
    spoken = (
        [as_text(one.get("transcript")) for one in audio if isinstance(one, dict)] if isinstance(audio, list) else []
    )
    return "\n".join(filter(None, spoken))
