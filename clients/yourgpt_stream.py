"""The second step of a stream at YourGPT: events `{event, data}` in server-sent blocks. Pure.

Documented by the platform's own widget (github.com/YourGPT/custom-chatbot-widget): `response` carries the message's
id, `learnMoreLinks` links, `RXERROR` an error, `end` the end; any other event with a text for data is a piece of the
answer. Inferred: a stream that ends without `end` is broken off.
"""

from dataclasses import dataclass
from typing import Final

from pydantic_core import from_json

from clients.account import Chunk
from clients.errors import BadAnswer
from clients.sse import SseEvent
from schemas.lenient import as_text

_SILENT: Final = frozenset({"learnMoreLinks"})


@dataclass(frozen=True, slots=True)
class Step:
    """What one block says."""

    chunks: tuple[Chunk, ...] = ()
    # The answer is complete.
    ended: bool = False
    failed: bool = False


def read(event: SseEvent, conversation_id: str, *, what: str) -> Step:
    """Read one block of a stream; each of its `data:` lines is an event of its own.

    Raises:
        BadAnswer: a line is no such event, so a piece of the answer may be missing.
    """
    chunks: list[Chunk] = []
    for line in event.data:
        name, data = _event(line, what)
        if name in ("end", "RXERROR"):
            return Step(tuple(chunks), ended=True, failed=name == "RXERROR")
        if name == "response":
            message_id = as_text(data.get("id")) if isinstance(data, dict) else None
            chunks.append(Chunk(message_id=message_id, conversation_id=conversation_id))
        elif isinstance(data, str) and data and name not in _SILENT:
            chunks.append(Chunk(text=data, conversation_id=conversation_id))
    return Step(tuple(chunks))


def _event(line: str, what: str) -> tuple[str, object]:
    try:
        value = from_json(line)
    except ValueError:
        raise BadAnswer(f"{what}: an event of the stream is no JSON") from None
    name = value.get("event") if isinstance(value, dict) else None
    if not isinstance(name, str):
        raise BadAnswer(f"{what}: an event of the stream has no name")
    return name, value.get("data")
