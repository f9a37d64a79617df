"""The forms that CustomGPT.ai writes (https://docs.customgpt.ai/openapi/openapi.json). Pure."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from simulator.conversations import Conversation
from simulator.customgpt import Prompt
from simulator.errors import RefusedError
from simulator.wire import JsonObject

PER_PAGE: Final = 10
"""Items of a page, but for the report's."""

REACTIONS: Final = ("neutral", "disliked", "liked")


def when(at: datetime) -> str:
    """Return a time as the platform writes it, without a zone."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def success(data: Any) -> JsonObject:
    """The envelope of answers."""
    return {"status": "success", "data": data}


def error(refusal: RefusedError, url: str) -> JsonObject:
    """The envelope of errors."""
    return {"status": "error", "url": url, "data": {"code": int(refusal.code), "message": refusal.message}}


def page(items: Sequence[JsonObject], number: int, path: str, *, size: int = PER_PAGE) -> JsonObject:
    """One page of a list, as Laravel writes it."""
    last = max(1, -(-len(items) // size))
    begin = (number - 1) * size
    shown = list(items[begin : begin + size])

    def url(of: int) -> str:
        return f"{path}?page={of}"

    return {
        "current_page": number,
        "data": shown,
        "first_page_url": url(1),
        "from": begin + 1 if shown else None,
        "last_page": last,
        "last_page_url": url(last),
        "next_page_url": url(number + 1) if number < last else None,
        "path": path,
        "per_page": size,
        "prev_page_url": url(number - 1) if number > 1 else None,
        "to": begin + len(shown) if shown else None,
        "total": len(items),
    }


def conversation(told: Conversation) -> JsonObject:
    """A conversation."""
    return {
        "id": told.metadata["number"],
        "name": told.metadata["name"],
        "project_id": _number(told.bot_id),
        "created_by": None,
        "session_id": told.id,
        "created_at": when(told.created_at),
        "updated_at": when(told.updated_at),
        "deleted_at": None,
    }


def prompt(told: Prompt, reaction: str | None) -> JsonObject:
    """A record: the question and the answer."""
    about = told.asked.metadata
    feedback = {
        "created_at": told.asked.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "updated_at": told.asked.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "user_id": None,
        "reaction": reaction,
    }
    return {
        "id": told.id,
        "user_id": None,
        "user_query": told.asked.content,
        "openai_response": told.answered.content,
        "conversation_id": told.conversation.metadata["number"],
        "citations": [],
        "created_at": when(told.asked.at),
        "updated_at": when(told.answered.at),
        "metadata": {
            "user_ip": "127.0.0.1",
            "user_agent": None,
            "external_id": about.get("external_id"),
            "request_source": about.get("request_source"),
        },
        "response_feedback": None if reaction is None else feedback,
    }


def row(told: Prompt, reaction: str | None) -> JsonObject:
    """A row of the intelligence report."""
    return {
        "prompt_id": told.id,
        "conversation_id": told.conversation.metadata["number"],
        "project_id": _number(told.conversation.bot_id),
        "user_query": told.asked.content,
        "ai_response": told.answered.content,
        "created_at": when(told.asked.at),
        "content_source": "own_content",
        "user_emotion": "Neutral",
        "user_intent": "Informational",
        "language": "en",
        "feedback": reaction,
        "user_location": None,
        "chatbot_deployment": told.asked.metadata.get("request_source"),
        "browser": None,
    }


def project(number: str, name: str, at: datetime) -> JsonObject:
    """A project."""
    return {
        "id": _number(number),
        "project_name": name,
        "sitemap_path": None,
        "is_chat_active": True,
        "created_at": when(at),
        "updated_at": when(at),
        "deleted_at": None,
        "type": "SITEMAP",
    }


def completion(number: int, model: str, text: str, at: datetime) -> JsonObject:
    """An answer of the OpenAI-like endpoint."""
    words = len(text.split())
    return {
        "id": f"chatcmpl-{number}",
        "object": "chat.completion",
        "created": int(at.timestamp()),
        "model": model,
        "usage": {"prompt_tokens": 1, "completion_tokens": words, "total_tokens": words + 1},
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": text},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
    }


def _number(text: str) -> int | str:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else text  # noqa: PLR2004 - of an integer
