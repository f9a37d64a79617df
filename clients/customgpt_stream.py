"""The stream of a message at CustomGPT.ai: server-sent events, read leniently. Pure but for what it is fed.

Documented at https://docs.customgpt.ai/openapi/openapi.json: data-only events; the last one's `status` is `finish`.
Official samples (github.com/Poll-The-People/customgpt-integrations) show other forms too, so all of them are read.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

from pydantic import ValidationError
from pydantic_core import from_json

from clients.answers import Complaint, Document
from clients.customgpt_answers import complain
from clients.errors import BadAnswer
from clients.sse import SseEvent, read_block
from schemas.lenient import Text


@dataclass(frozen=True, slots=True)
class StreamStep:
    """What one event of a stream says."""

    text: str = ""
    ended: bool = False
    complaint: Complaint | None = None


def read_event(event: SseEvent, *, what: str) -> StreamStep:
    """Read one event of a stream, of which official samples show several forms.

    `progress` appends its `message`; `finish`, `completed` and `[DONE]` end the stream; `error` is one; a delta of a
    completion appends. Other records say nothing.

    Raises:
        BadAnswer: a line is no JSON, so a piece of the answer may be missing.
    """
    text = "\n".join(event.data).strip()
    if text == "[DONE]":
        return StreamStep(ended=True)
    if not text:
        return StreamStep()
    try:
        value = from_json(text, allow_inf_nan=False)
    except ValueError:
        raise BadAnswer(f"{what}: a line of the stream is no JSON") from None
    if not isinstance(value, dict):
        return StreamStep()
    match value.get("status"):
        case "progress":
            return StreamStep(text=value["message"] if isinstance(value.get("message"), str) else "")
        case "finish" | "completed":
            whole = value.get("openai_response")
            return StreamStep(text=whole if isinstance(whole, str) else "", ended=True)
    complaint = complain(value)
    return StreamStep(complaint=complaint) if complaint else StreamStep(text=_delta(value))


class _Said(Document):
    content: Text


class _Delta(Document):
    delta: _Said | None = None


class _Deltas(Document):
    choices: tuple[_Delta, ...] = ()


def _delta(value: object) -> str:
    try:
        choices = _Deltas.model_validate(value).choices
    except ValidationError:
        return ""
    return (choices[0].delta.content or "") if choices and choices[0].delta else ""


async def steps(blocks: AsyncGenerator[list[str]], *, what: str) -> AsyncGenerator[StreamStep]:
    """Yield the pieces, or the one complaint, of a stream, until one of its events ends it.

    Raises:
        BadAnswer: it ends without saying so, so the answer may be incomplete.
    """
    told = False
    async with aclosing(blocks):
        async for block in blocks:
            step = read_event(read_block(block), what=what)
            # The last event may repeat the whole answer.
            if step.complaint or (step.text and not (step.ended and told)):
                told = True
                yield step
            if step.ended:
                return
    raise BadAnswer(f"{what}: the stream ended before its end was told, so the answer may be incomplete")
