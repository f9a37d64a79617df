"""What a request to YourGPT asks for, checked; what does not fit is "Invalid params". Pure but for reading the body."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeVar
from urllib.parse import parse_qsl

from aiohttp import web

from simulator import yourgpt_forms as forms
from simulator.wire import JsonObject, parse_object

T = TypeVar("T")

MAX_BODY: Final = 1024 * 1024
"""Bytes of a request; the documentation names no bound."""

FORM: Final = "application/x-www-form-urlencoded"

_NUMBERS: Final = ("limit", "page")


async def body_of(request: web.Request, *, form: bool) -> JsonObject:
    """Return the body; a form only where the documentation shows one."""
    raw = await request.read()
    if len(raw) > MAX_BODY:
        raise forms.invalid()
    if request.content_type != FORM:
        return parse_object(raw)
    if not form:
        raise forms.invalid()
    try:
        fields: JsonObject = dict(parse_qsl(raw.decode(), strict_parsing=True, max_num_fields=100, errors="strict"))
    except ValueError:
        raise forms.invalid() from None
    numbers = {name: int(fields[name]) for name in _NUMBERS if re.fullmatch(r"[0-9]{1,9}", fields.get(name, ""))}
    streams = {"is_stream": fields["is_stream"] == "true"} if "is_stream" in fields else {}
    return fields | numbers | streams


def text_of(body: Mapping[str, Any], name: str, *, longest: int = 255) -> str:
    """Return a required text."""
    value = body.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= longest:
        raise forms.invalid()
    return value


def uid_of(body: Mapping[str, Any]) -> str:
    """Return the session's uid, which may be a number."""
    value = body.get("session_uid")
    return str(value) if type(value) is int and 0 < value < 10**20 else text_of(body, "session_uid")


def number_of(body: Mapping[str, Any], name: str) -> int:
    """Return a required whole number."""
    value = body.get(name)
    if type(value) is not int or not 0 < value < 2**63:
        raise forms.invalid()
    return value


def choice_of(body: Mapping[str, Any], name: str, choices: Sequence[str], default: str) -> str:
    """Return one of several words, or the default."""
    value = body.get(name, default)
    if value not in choices:
        raise forms.invalid()
    return str(value)


def page_of(body: Mapping[str, Any], found: Sequence[T]) -> Sequence[T]:
    """Return the page asked for: `limit` 1 to 100, 10 by default, `page` from 1."""
    limit, page = body.get("limit", 10), body.get("page", 1)
    if type(limit) is not int or type(page) is not int or not (1 <= limit <= 100 and 1 <= page < 10**9):  # noqa: PLR2004 - the documented bounds
        raise forms.invalid()
    return found[(page - 1) * limit : page * limit]


def days_of(body: Mapping[str, Any]) -> tuple[str, str]:
    """Return the first and the last day asked for, as text that sorts."""
    first, last = body.get("from", "0000-00-00"), body.get("to", "9999-99-99")
    if not all(isinstance(day, str) and re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", day) for day in (first, last)):
        raise forms.invalid()
    return first, last
