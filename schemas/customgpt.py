"""What CustomGPT.ai tells of conversations and messages, and the ids that are made of it.

Documented at https://docs.customgpt.ai/openapi/openapi.json (Conversation, PromptHistory). The platform posts nothing:
these are parts of the answers of its lists. One record holds a question and its answer, so both get an id of their own.
"""

import re
from typing import Annotated, Final

from pydantic import BeforeValidator, Field, JsonValue

from schemas.lenient import Id, OptionalId, Payload, Text, When
from schemas.own import fingerprint

MAX_EXTERNAL_ID: Final = 128
"""Characters of an `external_id` (crm-integration-external_id)."""

QUESTION: Final = "question"
ANSWER: Final = "answer"

_MARK: Final = re.compile(r"(?:^|#)hookline:([0-9a-f]{16})$")


CONTACT_MARK: Final = " #hookline"
"""Ends the name of a conversation that only keeps a contact: nobody began it."""


def keeps_a_contact(name: str | None) -> bool:
    """Whether a conversation was made to keep a contact, by its name."""
    return name is not None and name.endswith(CONTACT_MARK)


def message_id(prompt_id: str, part: str) -> str:
    """The id of the question or the answer of a prompt: the same however it was learned."""
    return f"{prompt_id}:{part}"


def marked(external_id: str | None, text: str) -> str | None:
    """The external id to send with a text, so that it is known as ours; the plain one where the mark does not fit."""
    mark = f"hookline:{fingerprint(text)}"
    whole = f"{external_id}#{mark}" if external_id else mark
    return whole if len(whole) <= MAX_EXTERNAL_ID else external_id


def unmarked(external_id: str | None) -> str | None:
    """The external id without a mark of ours; None if nothing else is there."""
    return None if external_id is None else _MARK.sub("", external_id) or None


def is_ours(external_id: str | None, text: str) -> bool:
    """Whether a question is one that we sent: a later one of the same conversation has another text."""
    found = None if external_id is None else _MARK.search(external_id)
    return found is not None and found[1] == fingerprint(text)


def _object(value: object) -> object:
    return value if isinstance(value, dict) else None


def _text(value: object) -> object:
    return "" if value is None else value


class Listed(Payload):
    """One line of the list of conversations. `session_id` is what paths want, `id` what reports call it."""

    id: Id
    session_id: Id
    name: Text
    created_at: When | None = None

    def extra(self) -> dict[str, JsonValue]:
        """All other fields."""
        named = {} if self.name is None else {"name": self.name}
        return {**(self.model_extra or {}), "id": self.id, **named}


class Metadata(Payload):
    """Where a message came from."""

    external_id: OptionalId


class Prompt(Payload):
    """One record of a conversation: what was asked, and what was answered."""

    id: Id
    question: Annotated[str, BeforeValidator(_text)] = Field(validation_alias="user_query")
    answer: Annotated[str, BeforeValidator(_text)] = Field(default="", validation_alias="openai_response")
    created_at: When | None = None
    metadata: Annotated[Metadata | None, BeforeValidator(_object)] = None

    @property
    def external_id(self) -> str | None:
        """The id of the person in another system, as it was sent with the question; perhaps with a mark of ours."""
        return None if self.metadata is None else self.metadata.external_id

    def extra(self) -> dict[str, JsonValue]:
        """All other fields."""
        more = {} if self.metadata is None else dict(self.metadata.model_extra or {})
        return {**(self.model_extra or {}), **({"metadata": more} if more else {})}


class Polled(Payload):
    """What a poll was told, as it is kept: a conversation as the list has it, or one record and its conversation."""

    conversation: Listed
    message: Prompt | None = None
