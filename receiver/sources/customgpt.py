"""CustomGPT.ai: conversations and messages as its lists tell them, since it posts nothing.

No webhook stands in https://docs.customgpt.ai/openapi/openapi.json, so `hookline poll` asks: what it is told of one
conversation, or of one record of a conversation, is read here like a delivery. A record is a question and its answer:
two messages, whose ids are made of its number.
"""

from pydantic import JsonValue

from receiver.sources.platform import Fact, Platform, Reading, Unreadable, parse
from receiver.verification import Verified
from schemas import customgpt as payload
from schemas.customgpt import ANSWER, QUESTION, Polled, Prompt
from schemas.events import ContactRef, ConversationCreated, MessageCreated, Role
from schemas.schemes import CUSTOMGPT


def read(verified: Verified) -> Reading | Unreadable:
    """The facts of what a poll was told: a conversation, or the question and the answer of a record."""
    told = parse(Polled, verified.body)
    if isinstance(told, Unreadable):
        return told
    if told.message is None:
        return Reading(facts=(_conversation(told.conversation),))
    return Reading(facts=tuple(_messages(told.conversation.session_id, told.message)))


def _conversation(told: payload.Listed) -> Fact:
    data = ConversationCreated(conversation_id=told.session_id, extra=told.extra())
    return Fact(data=data, key=told.session_id, entity=told.session_id, time=told.created_at)


def _messages(session_id: str, prompt: Prompt) -> list[Fact]:
    ours = payload.is_ours(prompt.external_id, prompt.question)
    facts = [_message(session_id, prompt, QUESTION, "agent" if ours else "user")]
    if prompt.answer:
        facts.append(_message(session_id, prompt, ANSWER, "assistant"))
    return facts


def _message(session_id: str, prompt: Prompt, part: str, role: Role) -> Fact:
    message_id = payload.message_id(prompt.id, part)
    known = payload.unmarked(prompt.external_id)
    extra: dict[str, JsonValue] = {**prompt.extra(), "prompt_id": prompt.id}
    data = MessageCreated(
        message_id=message_id,
        conversation_id=session_id,
        role=role,
        content=prompt.answer if part == ANSWER else prompt.question,
        contact=None if known is None else ContactRef(id=known),
        extra=extra,
    )
    return Fact(data=data, key=session_id, entity=message_id, time=prompt.created_at)


PLATFORM = Platform(name="customgpt", scheme=CUSTOMGPT, read=read, polled=True)
