"""What a request to GPTBots asks for, checked; what does not fit is code 40000. Pure but for reading the query."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from aiohttp import web

from simulator import gptbots_forms as forms
from simulator.gptbots import Mode
from simulator.wire import JsonObject

T = TypeVar("T")

MAX_QUESTION: Final = 10_000

_MODES: Final[Mapping[str, Mode]] = {"blocking": "blocking", "streaming": "streaming", "webhook": "webhook"}
_PARTS: Final = ("text", "image", "audio", "document")


@dataclass(frozen=True, slots=True)
class Sending:
    """A message to an agent."""

    conversation_id: str
    mode: Mode
    # the text of the last message
    text: str
    variables: JsonObject


def text_of(body: Mapping[str, Any], name: str, *, longest: int = 256) -> str:
    """Return a required text."""
    value = body.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= longest:
        raise forms.refused(40000, f"{name} must be a text of 1 to {longest} characters")
    return value


def number(request: web.Request, name: str, *, most: int = 10**15) -> int:
    """Return a required number of the query."""
    text = request.query.get(name, "")
    if not re.fullmatch(r"[0-9]{1,16}", text) or int(text) > most:
        raise forms.refused(40000, f"{name} must be a number up to {most}")
    return int(text)


def page_of(request: web.Request, found: Sequence[T]) -> Sequence[T]:
    """Return the page asked for; a page behind the last is 40005."""
    page, size = number(request, "page", most=10**9), number(request, "page_size", most=100)
    if page < 1 or size < 1:
        raise forms.refused(40000, "page and page_size begin at 1")
    begin = (page - 1) * size
    if page > 1 and begin >= len(found):
        raise forms.refused(40005)
    return found[begin : begin + size]


def sending(body: JsonObject) -> Sending:
    """Return the message in the body of `POST /v2/conversation/message`."""
    conversation_id = text_of(body, "conversation_id")
    mode = _MODES.get(text_of(body, "response_mode"))
    if mode is None:
        raise forms.refused(40000, f"response_mode must be one of {', '.join(_MODES)}")
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise forms.refused(40000, "messages must be a list that is not empty")
    text = [_message(one) for one in messages][-1]
    if len(text) > MAX_QUESTION:
        raise forms.refused(20040)
    return Sending(conversation_id, mode, text, _variables(body.get("conversation_config")))


def _message(value: object) -> str:
    if not isinstance(value, dict) or value.get("role") not in {"user", "assistant"}:
        raise forms.refused(40000, "a message needs a role, user or assistant")
    content = value.get("content")
    if isinstance(content, str) and content.strip():
        return content
    if isinstance(content, list) and content:
        return "\n".join(_part(one) for one in content)
    raise forms.refused(40000, "content must be a text or a list of parts")


def _part(value: object) -> str:
    kind = value.get("type") if isinstance(value, dict) else None
    if not isinstance(value, dict) or kind not in _PARTS or kind not in value:
        raise forms.refused(40000, f"a part is one of {', '.join(_PARTS)}, with a field of that name")
    text = value["text"] if kind == "text" else f"[{kind}]"
    if not isinstance(text, str):
        raise forms.refused(40000, "text must be a text")
    return text


def _variables(config: object) -> JsonObject:
    if config is None:
        return {}
    variables = config.get("custom_variables", {}) if isinstance(config, dict) else None
    if not isinstance(variables, dict):
        raise forms.refused(40000, "conversation_config.custom_variables must be an object")
    return variables
