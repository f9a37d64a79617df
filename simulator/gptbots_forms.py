"""The forms that GPTBots writes: answers, webhooks and errors. Pure.

Sources: the pages below https://www.gptbots.ai/docs/api-reference/overview, named at each form.
"""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from simulator.conversations import Conversation, Message
from simulator.errors import RefusedError
from simulator.wire import JsonObject

CODES: Final[Mapping[int, tuple[int, str]]] = MappingProxyType(
    {
        20040: (400, "question too long"),
        40000: (400, "parameter error"),
        40005: (400, "page exceeds the total number of pages"),
        40127: (401, "developer authentication failed"),
        40356: (400, "conversation not found"),
        40358: (400, "conversation does not match the agent or the user"),
        40378: (400, "the agent has been deleted"),
        40379: (400, "insufficient credits"),
        42900: (429, "API rate limit exceeded"),
        50000: (500, "internal error"),
    }
)
"""Code → status and message. The codes are documented but for the rate limit's; the statuses are not, and chosen."""

_PRICE: Final = 0.001
# By default in handoffs of other channels (human-handoff-service); it is nobody's address.
_SUPPORT: Final = "support@gptbots.ai"


def refused(code: int, detail: str = "", *, status: int | None = None) -> RefusedError:
    """Return the refusal with a code; `detail` is added to its message."""
    usual, message = CODES[code]
    return RefusedError(status or usual, str(code), f"{message}: {detail}" if detail else message)


def error(refusal: RefusedError) -> JsonObject:
    """The envelope of errors."""
    return {"code": int(refusal.code), "message": refusal.message}


def milliseconds(at: datetime) -> int:
    """Return an epoch in milliseconds, as all endpoints but one write times."""
    return int(at.timestamp() * 1000)


def reply(conversation: Conversation, said: Message) -> JsonObject:
    """The blocking answer of a message, and the body of a reply webhook (send-message-v2; its time is in seconds)."""
    asked = next((item for item in reversed(conversation.messages) if item.role == "user"), None)
    prompt, completion = len(asked.content.split()) if asked else 0, len(said.content.split())
    return {
        "create_time": int(said.at.timestamp()),
        "conversation_id": conversation.id,
        "message_id": said.id,
        "output": [{"from_component_branch": "1", "from_component_name": "LLM-1", "content": {"text": said.content}}],
        "usage": {
            "tokens": {
                "total_tokens": prompt + completion,
                "prompt_tokens": prompt,
                "prompt_tokens_details": {"audio_tokens": 0, "text_tokens": prompt},
                "completion_tokens": completion,
                "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0, "text_tokens": completion},
            },
            "credits": {
                "total_credits": round((prompt + completion) * _PRICE, 4),
                "text_input_credits": round(prompt * _PRICE, 4),
                "text_output_credits": round(completion * _PRICE, 4),
                "audio_input_credits": 0.0,
                "audio_output_credits": 0.0,
            },
        },
    }


def silence(conversation: Conversation, at: datetime, message_id: str) -> JsonObject:
    """The same while a person is in charge, whose words come by webhook only: there is no output (chosen)."""
    return {
        "create_time": int(at.timestamp()),
        "conversation_id": conversation.id,
        "message_id": message_id,
        "output": [],
    }


def old_reply(conversation: Conversation, said: Message) -> JsonObject:
    """The deprecated reply webhook (webhook-receives-messages)."""
    return {
        "message_id": said.id,
        "message_type": "QUESTION" if said.role == "user" else "ANSWER",
        "text": said.content,
        "flow_output": [{"content": said.content, "branch": "1", "from_component_name": "LLM-1"}],
        "create_time": milliseconds(said.at),
        "conversation_id": conversation.id,
    }


def message(said: Message, before: Message | None) -> JsonObject:
    """One message of `GET /v2/messages` (get-conversation-detail)."""
    content: JsonObject = {"branch_content": [{"type": "text", "text": said.content}]}
    return {
        "message_id": said.id,
        "parent_message_id": before.id if before else None,
        "create_time": milliseconds(said.at),
        "role": said.role,
        "content": [content if said.role == "user" else {"from_component_branch": "1", **content}],
        **({"feedback": said.metadata["feedback"]} if "feedback" in said.metadata else {}),
    }


def old_message(said: Message, before: Message | None) -> JsonObject:
    """One message of `GET /v1/messages`."""
    return {
        "message_id": said.id,
        "parent_message_id": before.id if before else "",
        "message_type": "QUESTION" if said.role == "user" else "ANSWER",
        "text": said.content,
        "create_time": milliseconds(said.at),
    }


def listed(conversation: Conversation) -> JsonObject:
    """One conversation of the list (get-conversation-list)."""
    messages = conversation.messages
    return {
        "conversation_id": conversation.id,
        "user_id": conversation.metadata["user_id"],
        "recent_chat_time": milliseconds(conversation.updated_at),
        "subject": messages[0].content[:80] if messages else "",
        "conversation_type": conversation.metadata["conversation_type"],
        "message_count": len(messages),
        "cost_credit": round(sum(len(item.content.split()) for item in messages) * _PRICE, 4),
        "bot_id": conversation.bot_id,
    }


def establish(
    handoff_id: str, at: datetime, conversation: Conversation, *, user_id: str, properties: Mapping[str, Any]
) -> JsonObject:
    """A handoff is asked for (human-handoff-service)."""
    return {
        "conversation_id": handoff_id,
        "timestamp": milliseconds(at),
        "email": _SUPPORT,
        "bot_id": conversation.bot_id,
        "body": [
            {"message_type": "QUESTION" if item.role == "user" else "ANSWER", "text": item.content}
            for item in conversation.messages
        ],
        "user_info": {
            "phone": properties.get("phone"),
            "email": properties.get("email"),
            "user_id": user_id,
            "anonymous_id": None,
        },
    }


def chat(handoff_id: str, at: datetime, text: str) -> JsonObject:
    """The user writes to the person (human-handoff-service)."""
    return {"conversation_id": handoff_id, "timestamp": milliseconds(at), "body": text}


def close(handoff_id: str, at: datetime, why: str) -> JsonObject:
    """The handoff is over, by time or by the user (human-handoff-service)."""
    return {"conversation_id": handoff_id, "timestamp": milliseconds(at), "type": why}


def workflow_run(run_id: str, given: Mapping[str, Any], began: datetime, ended: datetime) -> JsonObject:
    """A finished run (workflow-query-api-result); the callback has the same form (chosen)."""
    said = " ".join(value for value in given.values() if isinstance(value, str)) or "nothing"
    return {
        "workflowId": "6657e000c9e77c0008a5b0f1",
        "workflowName": "echo",
        "workflowVersion": "1",
        "workflowRunId": run_id,
        "input": dict(given),
        "output": {"output": said},
        "workflowExecutionTime": milliseconds(ended) - milliseconds(began),
        "status": "SUCCEED",
        "totalCost": 0.01,
        "totalTokens": len(said.split()),
        "startTime": milliseconds(began),
        "endTime": milliseconds(ended),
    }
