"""Bytes to JSON objects and back, for input of any kind: what cannot be kept is refused, nothing raises by accident."""

import json
import math
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, NoReturn

from aiohttp import web

from simulator.errors import InvalidJsonError

__all__ = [
    "MAX_DEPTH",
    "WHOLE_ANSWER",
    "JsonObject",
    "answer",
    "encode",
    "event_stream",
    "iso",
    "json_lines",
    "merge",
    "parse_iso",
    "parse_object",
]

JsonObject = dict[str, Any]

MAX_DEPTH = 32
"""Nesting deeper than this is refused: the standard encoder recurses, and a body must never end in a 500."""

WHOLE_ANSWER: Final = web.RequestKey("whole_answer", bool)
"""Set on a request whose answer is going to be changed by a fault: it must not be streamed."""

_LONE_SURROGATE: Final = re.compile("[\ud800-\udfff]")


def _refuse_constant(name: str) -> NoReturn:
    raise InvalidJsonError(f"{name} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise InvalidJsonError("a number is too large")
    return number


def _depth(value: object) -> int:
    """Return how deep lists and objects are nested, without recursion."""
    depth, level = 0, [value]
    while level := [item for item in level if isinstance(item, dict | list)]:
        depth += 1
        if depth > MAX_DEPTH:
            break
        level = [child for item in level for child in (item.values() if isinstance(item, dict) else item)]
    return depth


def parse_object(body: bytes) -> JsonObject:
    """Return the JSON object in `body`.

    Raises:
        InvalidJsonError: not UTF-8, not JSON (`NaN` is none), not an object, nested deeper than `MAX_DEPTH`.
    """
    try:
        value = json.loads(body.decode(), parse_constant=_refuse_constant, parse_float=_finite)
    except UnicodeDecodeError:
        raise InvalidJsonError("the body is not UTF-8") from None
    except RecursionError:
        raise InvalidJsonError("the body is nested too deeply") from None
    except ValueError:
        # JSONDecodeError, and the interpreter's bound on the digits of an integer
        raise InvalidJsonError("the body is not JSON") from None
    if not isinstance(value, dict):
        raise InvalidJsonError("the body is not a JSON object")
    if _depth(value) > MAX_DEPTH:
        raise InvalidJsonError(f"the body is nested deeper than {MAX_DEPTH}")
    return value


def encode(value: Any) -> bytes:
    """Return compact UTF-8 JSON as JavaScript's `JSON.stringify` writes it: a lone surrogate stays an escape."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return _LONE_SURROGATE.sub(lambda found: f"\\u{ord(found[0]):04x}", text).encode()


def merge(base: JsonObject, overrides: JsonObject) -> JsonObject:
    """Return `base` with `overrides` laid over it, objects key by key, everything else replaced."""
    merged = dict(base)
    for key, value in overrides.items():
        below = merged.get(key)
        merged[key] = merge(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return merged


def iso(at: datetime) -> str:
    """Return RFC 3339 in UTC with whole seconds, the only form the samples of MyGPTAssistants show."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_iso(text: str) -> datetime:
    """Return an ISO date or time as aware UTC; a time without zone is UTC. Raises ValueError."""
    try:
        at = datetime.fromisoformat(text)
        return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    except OverflowError:
        raise ValueError("the time is outside the calendar") from None


def answer(value: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """Return an HTTP answer with `value` as JSON."""
    return web.Response(
        body=encode(value), status=status, headers=headers, content_type="application/json", charset="utf-8"
    )


async def event_stream(
    request: web.Request, records: Sequence[bytes], *, headers: Mapping[str, str] | None = None
) -> web.StreamResponse:
    """Send `records` as server-sent events, each in a write of its own; a reader that goes away is no error.

    A request marked `WHOLE_ANSWER` gets them as one body.
    """
    told = {"Content-Type": "text/event-stream", "Cache-Control": "no-cache", **(headers or {})}
    return await _streamed(request, [b"data: " + record + b"\n\n" for record in records], told)


async def json_lines(request: web.Request, records: Sequence[Any]) -> web.StreamResponse:
    """Send `records` as JSON, a line each; otherwise as `event_stream`."""
    return await _streamed(
        request, [encode(record) + b"\n" for record in records], {"Content-Type": "application/json"}
    )


async def _streamed(request: web.Request, chunks: Sequence[bytes], headers: Mapping[str, str]) -> web.StreamResponse:
    if request.get(WHOLE_ANSWER):
        return web.Response(body=b"".join(chunks), headers=headers)
    response = web.StreamResponse(headers=headers)
    try:
        await response.prepare(request)
        for chunk in chunks:
            await response.write(chunk)
        await response.write_eof()
    except ConnectionError:
        return response
    return response
